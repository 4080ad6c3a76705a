"""Segments and lesions of a plan given to its operations; what would cut a lesion through is refused with its mL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from flrsim.anatomy import leaves
from flrsim.errors import EditError, PlanError
from flrsim.evidence import Evidence
from flrsim.plan import Occlude, Operate, Plan, resected_by, segments_of
from flrsim.planner.conflicts import check_cut, in_ml
from flrsim.planner.dates import check_veins, refreshed, schedule, stimulus
from flrsim.planner.draft import Draft, Stager, refusing, with_plan
from flrsim.planner.shape import ABLATE, KEEP, MOST_STAGES, SEGMENT, WEDGE, actions, opened, shape_of
from flrsim.search.clearing import resection_names

CAUDATE = "S1"


def assign_segment(draft: Draft, evidence: Evidence, stager: Stager, segment: str, stage: int) -> Draft:
    """Let a segment go whole in an operation; stage 0 keeps it.

    Raises
    ------
    EditError
        When a lesion would be cut through that was not before: with the mL left behind.
    """
    return assign_segments(draft, evidence, stager, {segment: stage}, control=f"segment {segment}")


def assign_resection(draft: Draft, evidence: Evidence, stager: Stager, resection: str, stage: int) -> Draft:
    """Let exactly the segments of a named resection go in an operation, none of them in another."""
    control = f"resection stage {stage}"
    present = draft.case.grid.segments
    with refusing(control):
        taken = segments_of((resection,), present) if resection != KEEP else frozenset[str]()
    now = shape_of(draft.plan, draft.case, evidence).segments
    wanted = {s: stage if s in taken else 0 if k == stage else k for s, k in now.items()}
    return assign_segments(draft, evidence, stager, wanted, control=control)


def assign_segments(
    draft: Draft, evidence: Evidence, stager: Stager, wanted: dict[str, int], *, control: str
) -> Draft:
    """Give several segments to operations at once."""
    plan, present = opened(draft.plan, draft.case, evidence, "segments"), draft.case.grid.segments
    resected = [set(taken) for taken in resected_by(plan, present)]
    _check_stage(len(resected), wanted.values(), control)
    operations = [replace(op) for op in actions(plan)]
    while max(wanted.values(), default=0) > len(operations):
        operations.append(Operate())
        resected.append(set())
    for segment, stage in wanted.items():
        own = set(leaves(segment)) & set(present)
        if not own:
            raise EditError(control, f"{segment} is no segment of this liver; it has {', '.join(present)}")
        for k, taken in enumerate(resected, start=1):
            if k == stage:
                taken |= own
            else:
                taken -= own
    caudate = any(CAUDATE in taken for taken in resected)
    named = [
        replace(op, resect=_names(op, taken, present)) for op, taken in zip(operations, resected, strict=True)
    ]
    new = _rebuilt(draft, evidence, replace(plan, caudate="goes" if caudate else "stays"), named, control)
    return _checked(draft, evidence, stager, plan, new, control, _words(wanted))


def assign_lesion(
    draft: Draft, evidence: Evidence, stager: Stager, lesion: str, kind: str, stage: int = 0
) -> Draft:
    """Keep a lesion, wedge or ablate it in an operation, or let it go with its segments.

    Parameters
    ----------
    kind : ``keep``, ``wedge``, ``ablate`` or ``segment``.
    """
    control = f"lesion {lesion}"
    plan = opened(draft.plan, draft.case, evidence, "lesions")
    with refusing(control):
        found = draft.case.lesion(lesion)
    if kind not in (KEEP, WEDGE, ABLATE, SEGMENT):
        raise EditError(
            control, f'"{kind}" is no way to treat a lesion; {KEEP}, {WEDGE}, {ABLATE} or {SEGMENT}'
        )
    operations = [
        replace(
            op,
            wedge=tuple(n for n in op.wedge if n != lesion),
            ablate=tuple(n for n in op.ablate if n != lesion),
        )
        for op in actions(plan)
    ]
    if kind in (WEDGE, ABLATE):
        _check_stage(len(operations), [stage], control, least=1)
        if stage > len(operations):
            operations.append(Operate())
        op = operations[stage - 1]
        names = (*(op.wedge if kind == WEDGE else op.ablate), lesion)
        if kind == WEDGE:
            op = replace(op, wedge=names, margin_mm=_margin(plan, op.margin_mm, draft.margin_mm, WEDGE))
        else:
            margin = _margin(plan, op.ablation_margin_mm, draft.ablation_margin_mm, ABLATE)
            op = replace(op, ablate=names, ablation_margin_mm=margin)
        operations[stage - 1] = op
    bare = [
        replace(
            op,
            margin_mm=op.margin_mm if op.wedge else None,
            ablation_margin_mm=op.ablation_margin_mm if op.ablate else None,
        )
        for op in operations
    ]
    new = _rebuilt(draft, evidence, plan, bare, control)
    gone = {s: k for s, k in shape_of(new, draft.case, evidence).segments.items() if k}
    held = {s: found.volume_ml * found.segments[s] for s in sorted(set(found.segments) & set(gone))}
    whole = set(found.segments) - {"outside"} <= set(gone)
    if kind == KEEP and held:
        where = " + ".join(f"{s} ({in_ml(ml)} of it, stage {gone[s]})" for s, ml in held.items())
        raise EditError(control, f"{lesion} cannot be kept: it goes with {where}; keep these segments first")
    if kind == SEGMENT and not whole:
        stays = {s: found.volume_ml * share for s, share in found.segments.items() if s not in gone}
        where = " + ".join(f"{s} ({in_ml(ml)} of it)" for s, ml in sorted(stays.items()) if s != "outside")
        raise EditError(
            control,
            f"{lesion} cannot go with its segments: {where} stays; let these segments go, or wedge it",
        )
    said = {KEEP: "cannot be kept", SEGMENT: "cannot go with its segments"}.get(
        kind, f"cannot be {'wedged' if kind == WEDGE else 'ablated'} in stage {stage}"
    )
    return _checked(draft, evidence, stager, plan, new, control, f"{lesion} {said}", lesion=lesion)


def set_margin(draft: Draft, evidence: Evidence, stager: Stager, margin_mm: float) -> Draft:
    """Change the margin of every wedge of the plan, and of wedges that are new."""

    def moved(op: Operate) -> Operate:
        return replace(op, margin_mm=margin_mm if op.wedge else None)

    done = _margins(draft, evidence, stager, moved, margin_mm, "margin_mm")
    return replace(done, margin_mm=margin_mm)


def set_ablation_margin(draft: Draft, evidence: Evidence, stager: Stager, margin_mm: float) -> Draft:
    """Change the margin of every ablation of the plan, and of ablations that are new."""

    def moved(op: Operate) -> Operate:
        return replace(op, ablation_margin_mm=margin_mm if op.ablate else None)

    done = _margins(draft, evidence, stager, moved, margin_mm, "ablation_margin_mm")
    return replace(done, ablation_margin_mm=margin_mm)


def _margins(
    draft: Draft,
    evidence: Evidence,
    stager: Stager,
    moved: Callable[[Operate], Operate],
    margin_mm: float,
    control: str,
) -> Draft:
    plan = opened(draft.plan, draft.case, evidence, control)
    steps = tuple(
        replace(s, action=moved(s.action)) if isinstance(s.action, Operate) else s for s in plan.steps
    )
    said = f"a margin of {margin_mm:g} mm is not possible"
    return _checked(draft, evidence, stager, plan, replace(plan, steps=steps), control, said)


def _checked(
    draft: Draft,
    evidence: Evidence,
    stager: Stager,
    old: Plan,
    new: Plan,
    control: str,
    said: str,
    *,
    lesion: str | None = None,
) -> Draft:
    """Return the draft with the new plan, unless it cannot be carried out or cuts a lesion through."""
    if new == old:
        return draft
    done = with_plan(draft, new, control, instead_of=old.name, evidence=evidence)
    with refusing(control):
        after = stager.staged(new)
        if not after.flr_ml:
            raise PlanError(f'{said}: plan "{new.name}" would leave no parenchyma at all')
        check_cut(
            draft.case,
            stager.staged(old),
            after,
            (shape_of(old, draft.case, evidence), shape_of(new, draft.case, evidence)),
            control,
            said,
            lesion,
        )
    return done


def _rebuilt(
    draft: Draft, evidence: Evidence, plan: Plan, operations: Sequence[Operate], control: str
) -> Plan:
    """Return the plan with other operations; those that take nothing any more are left out."""
    for k, op in enumerate(operations, start=1):
        if op.empty and (op.with_primary or op.thrombectomy):
            also = "the colorectal resection" if op.with_primary else "the thrombectomy"
            raise EditError(control, f"stage {k} would take nothing of the liver, and {also} is done in it")
    full = [op for op in operations if not op.empty]
    if not full:
        raise EditError(control, "no operation would take anything any more; a plan needs one that does")
    if len(full) == len(plan.operations):
        left = iter(full)
        steps = tuple(
            replace(s, action=next(left)) if isinstance(s.action, Operate) else s for s in plan.steps
        )
        new = refreshed(draft, evidence, plan, replace(plan, steps=steps))
        for step in new.steps:
            if isinstance(step.action, Occlude):
                check_veins(step.action, control)
        return new
    if "technique" in shape_of(plan, draft.case, evidence).disabled:
        why = shape_of(plan, draft.case, evidence).disabled["technique"]
        raise EditError(control, f"the number of operations would change, and their days with it: {why}")
    closed = next((s.action for s in plan.steps if isinstance(s.action, Occlude)), None)
    shown = replace(draft, plans=tuple(plan if p.name == plan.name else p for p in draft.plans))
    if closed is not None:
        with_4 = shape_of(plan, draft.case, evidence).segment_4
        closed = stimulus(shown, evidence, closed.technique, full, with_segment_4=with_4 is not False)
        if not closed.portal:
            raise EditError(
                control,
                "the last operation would take no segment whole, and the stimulus of growth would close nothing; choose the "
                "technique none first",
            )
        check_veins(closed, control)
    return schedule(shown, evidence, plan, full, closed, control=control)


def _names(op: Operate, taken: Iterable[str], present: tuple[str, ...]) -> tuple[str, ...]:
    """Return names for the segments of an operation: as they were, if these are the same."""
    wanted = frozenset(taken) - {CAUDATE}
    if segments_of(op.resect, present) - {CAUDATE} == wanted and (CAUDATE in taken) == (
        CAUDATE in segments_of(op.resect, present)
    ):
        return op.resect
    names = resection_names(wanted, present)
    return (*names, CAUDATE) if CAUDATE in taken else names


def _margin(plan: Plan, own: float | None, usual: float, kind: str) -> float:
    """Return the margin of an operation, of the plan's others of its kind, or the usual one."""
    others = [op.margin_mm if kind == WEDGE else op.ablation_margin_mm for op in actions(plan)]
    return next((m for m in (own, *others) if m is not None), usual)


def _check_stage(stages: int, wanted: Iterable[int], control: str, *, least: int = 0) -> None:
    most = min(stages + 1, MOST_STAGES)
    for stage in wanted:
        if not least <= stage <= most:
            raise EditError(
                control, f"stage {stage} is not there; the plan can have stages {max(least, 1)} to {most}"
            )


def _words(wanted: dict[str, int]) -> str:
    if len(wanted) == 1:
        ((segment, stage),) = wanted.items()
        return f"{segment} cannot go in stage {stage}" if stage else f"{segment} cannot be kept"
    return "these segments cannot go so"
