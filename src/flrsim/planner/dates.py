"""Days of a plan: its stimulus, the scan that decides, the last operation, chemotherapy before and between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flrsim.anatomy import leaves
from flrsim.errors import EditError
from flrsim.evidence import Evidence
from flrsim.plan import TITLES, Occlude, Operate, Plan, Scan, Step, Treat, resected_by
from flrsim.planner.draft import Draft, refusing, with_plan
from flrsim.planner.shape import (
    DAYS_PER_WEEK,
    NONE,
    TECHNIQUES,
    Cycles,
    actions,
    branch_namer,
    deciding_scan,
    from_day,
    is_alpps,
    opened,
    shape_of,
    treatments,
)
from flrsim.regimens import cycle_days, drugs
from flrsim.search.schedule import Schedule


def set_technique(draft: Draft, evidence: Evidence, technique: str) -> Draft:
    """Give the plan another stimulus of growth, or none, with the days that are usual for it."""
    plan = opened(draft.plan, draft.case, evidence, "technique")
    if technique not in TECHNIQUES:
        raise EditError(
            "technique", f'technique "{technique}" is not one of {", ".join(TECHNIQUES)}; choose one of them'
        )
    occlude = None
    if technique != NONE:
        occlude = stimulus(draft, evidence, technique, actions(plan), with_segment_4=True)
        if not occlude.portal:
            raise EditError(
                "technique",
                f"{TITLES[technique]} has no portal branch to close: no segment goes whole; let some segments go first",
            )
        check_veins(occlude, "technique")
    new = schedule(draft, evidence, plan, actions(plan), occlude, control="technique")
    return with_plan(draft, new, "technique", instead_of=plan.name, evidence=evidence)


def set_segment_4(draft: Draft, evidence: Evidence, closed: bool) -> Draft:
    """Close the portal branches of S4 with the others, or leave them open."""
    plan = opened(draft.plan, draft.case, evidence, "segment_4")
    steps = []
    for step in plan.steps:
        action = step.action
        if isinstance(action, Occlude):
            action = replace(action, portal=_branches(draft, evidence, plan, step.day, closed))
        steps.append(replace(step, action=action))
    return with_plan(draft, replace(plan, steps=tuple(steps)), "segment_4", instead_of=plan.name)


def set_interval(draft: Draft, evidence: Evidence, days: int) -> Draft:
    """Put the last operation some days after the stimulus; its scan stays as long before it as it was."""
    plan = opened(draft.plan, draft.case, evidence, "interval_days")
    return _last_operation(
        draft, evidence, plan, (from_day(plan) or 0) + days, "interval_days", moves_scan=True
    )


def set_resection_day(draft: Draft, evidence: Evidence, day: int) -> Draft:
    """Put the last operation on a day at or after the scan that decides about it."""
    plan = opened(draft.plan, draft.case, evidence, "resection_day")
    return _last_operation(draft, evidence, plan, day, "resection_day", moves_scan=False)


def set_scan_day(draft: Draft, evidence: Evidence, day: int) -> Draft:
    """Put the scan that decides about the last operation on another day; a plan without one gets it."""
    plan = opened(draft.plan, draft.case, evidence, "scan_day")
    start, last, old = from_day(plan) or 0, plan.operations[-1].day, deciding_scan(plan)
    if not start < day <= last:
        raise EditError(
            "scan_day",
            f"a scan on day {day} decides nothing: it has to lie between day {start + 1}, after what is waited for, and day {last} "
            "of the last operation",
        )
    steps = [s for s in plan.steps if not (s.day == old and isinstance(s.action, Scan))]
    if old is not None:
        _refuse_measured(plan, old, "scan_day")
    return _with_steps(draft, evidence, plan, [*steps, Step(day, Scan())], "scan_day")


def set_between(draft: Draft, evidence: Evidence, course: Cycles | None) -> Draft:
    """Give chemotherapy between the stimulus and the last operation, or none."""
    plan = opened(draft.plan, draft.case, evidence, "between")
    steps = [s for s in plan.steps if s not in treatments(plan)[1]]
    if course is not None:
        last, start = plan.operations[-1].day, from_day(plan) or 0
        steps.append(_treat(evidence, course, last, start, "between"))
    return _with_steps(draft, evidence, plan, steps, "between")


def set_before(draft: Draft, evidence: Evidence, course: Cycles | None) -> Draft:
    """Give chemotherapy between the images and day 0, or none; the images then lie before its first dose."""
    plan = opened(draft.plan, draft.case, evidence, "before")
    given = treatments(plan)[0]
    steps = [s for s in plan.steps if s not in given]
    images = None
    if course is not None:
        step = _treat(evidence, course, 0, None, "before")
        earlier = draft.case.scan_day if plan.scan_day is None else plan.scan_day
        lead = given[0].day - earlier if given else 0
        steps.append(step)
        images = min(draft.case.scan_day, step.day - lead)
        images = None if images == draft.case.scan_day else images
    return _with_steps(draft, evidence, replace(plan, scan_day=images), steps, "before")


def schedule(
    draft: Draft,
    evidence: Evidence,
    plan: Plan,
    operations: Sequence[Operate],
    occlude: Occlude | None,
    *,
    control: str,
) -> Plan:
    """Return a plan with these operations and this stimulus on their usual days, chemotherapy as it was given.

    Raises
    ------
    EditError
        When the chemotherapy of the plan does not fit between them.
    """
    at = Schedule.of(replace(draft.case, history=draft.history), evidence)
    shape = shape_of(plan, draft.case, evidence)
    first, last = list(operations[:-1]), operations[-1]
    steps = [s for s in plan.steps if s.day < 0]
    steps += [Step(0, op) for op in first]
    if occlude is None:
        end, scan = (at.two_stage, at.scan_before) if first else (0, None)
    elif is_alpps(occlude.technique):
        steps.append(Step(0, occlude))
        end, scan = at.alpps, at.alpps_scan_before
    else:
        # Branches are tied in the first operation; they are embolized after the patient has recovered from it.
        closing = at.embolization if first and occlude.technique != "pvl" else 0
        steps.append(Step(closing, occlude))
        end, scan = (
            at.after_stimulus(occlude.technique, closing, at.two_stage if first else 0),
            at.scan_before,
        )
    steps += [] if scan is None else [Step(end - scan, Scan())]
    steps.append(Step(end, last))
    if "between" in shape.disabled and treatments(plan)[1]:
        raise EditError(control, f"{shape.disabled['between']}; its days cannot be set anew")
    if shape.between is not None:
        start = from_day(replace(plan, steps=tuple(steps)))
        if start is None:
            raise EditError(
                control,
                f"{shape.between.cycles} cycles of {shape.between.regimen} are given before the last operation, and nothing "
                "would be waited for any more; take them out first",
            )
        steps.append(_treat(evidence, shape.between, end, start, control))
    return replace(plan, steps=_sorted(steps))


def stimulus(
    draft: Draft, evidence: Evidence, technique: str, operations: Sequence[Operate], *, with_segment_4: bool
) -> Occlude:
    """Return a stimulus that closes what feeds the segments of the last operation and nothing that stays."""
    namer = branch_namer(draft.case, evidence, draft.margin_mm)
    gone = _goes_last(draft, operations)
    fed = gone if with_segment_4 else gone - set(leaves("S4"))
    return Occlude(technique, namer.branches(fed), namer.veins(gone) if technique == "lvd" else ())


def check_veins(occlude: Occlude, control: str) -> None:
    """Raise when venous deprivation would have no vein left to close."""
    if occlude.technique == "lvd" and not occlude.hepatic:
        raise EditError(
            control,
            "LVD would have no hepatic vein to close: each of them drains segments that stay; choose PVE first",
        )


def refreshed(draft: Draft, evidence: Evidence, old: Plan, new: Plan) -> Plan:
    """Return a plan whose segments changed, its stimulus closing what feeds those that now go.

    Branches that the file names otherwise than they would be named here stay as they are.
    """
    if old.operations == new.operations:
        return new
    namer = branch_namer(draft.case, evidence, draft.margin_mm)
    steps = []
    for step in new.steps:
        action = step.action
        if isinstance(action, Occlude) and action.portal:
            for with_segment_4 in (True, False):
                if action.portal == _branches(draft, evidence, old, step.day, with_segment_4):
                    portal = _branches(draft, evidence, new, step.day, with_segment_4)
                    own = action.hepatic == namer.veins(_goes_after(draft, old, step.day))
                    veins = namer.veins(_goes_after(draft, new, step.day)) if own else action.hepatic
                    action = replace(action, portal=portal, hepatic=veins if action.hepatic else ())
                    break
        steps.append(replace(step, action=action))
    return replace(new, steps=tuple(steps))


def _branches(
    draft: Draft, evidence: Evidence, plan: Plan, day: int, with_segment_4: bool
) -> tuple[str, ...]:
    gone = _goes_after(draft, plan, day)
    fed = gone if with_segment_4 else gone - set(leaves("S4"))
    return branch_namer(draft.case, evidence, draft.margin_mm).branches(fed)


def _goes_after(draft: Draft, plan: Plan, day: int) -> frozenset[str]:
    """Return the segments that go whole in operations after a day, or on it as the last one."""
    resected = resected_by(plan, draft.case.grid.segments)
    last = len(plan.operations) - 1
    taken = [
        segments
        for i, (step, segments) in enumerate(zip(plan.operations, resected, strict=True))
        if step.day > day or i == last
    ]
    return frozenset().union(*taken)


def _goes_last(draft: Draft, operations: Sequence[Operate]) -> frozenset[str]:
    plan = replace(draft.plan, steps=tuple(Step(day, op) for day, op in enumerate(operations)))
    return resected_by(plan, draft.case.grid.segments)[-1]


def _last_operation(
    draft: Draft, evidence: Evidence, plan: Plan, day: int, control: str, *, moves_scan: bool
) -> Draft:
    start, last, scan = from_day(plan) or 0, plan.operations[-1].day, deciding_scan(plan)
    if scan is None:
        raise EditError(
            control,
            f"no scan after day {start} decides about the last operation; set the day of the scan first",
        )
    new_scan = scan
    if moves_scan:
        _refuse_measured(plan, scan, control)
        new_scan = day - (last - scan)
    if not start < new_scan <= day:
        lead = last - scan
        raise EditError(
            control,
            f"{day - start} days are too few: the operation is decided on a scan {lead} days before it, and that comes after day "
            f"{start}; give at least {lead + 1}, or set the scan or the last operation first"
            if moves_scan
            else f"the operation is decided on the scan of day {scan}; it cannot be on day {day}, before it",
        )
    steps = []
    for step in plan.steps:
        if step == plan.operations[-1] or step in treatments(plan)[1]:
            step = replace(step, day=step.day + day - last)
        elif step.day == scan and isinstance(step.action, Scan):
            step = replace(step, day=new_scan)
        steps.append(step)
    moved = [s for s in steps if isinstance(s.action, Treat) and 0 <= s.day < start]
    early = [s for s in treatments(plan)[1] if s.day + day - last < start]
    if moved or early:
        s = early[0] if early else moved[0]
        raise EditError(
            control,
            f"chemotherapy would begin on day {s.day + day - last}, before day {start} from which the interval counts; give fewer "
            "cycles, or fewer weeks off",
        )
    return _with_steps(draft, evidence, plan, steps, control)


def _refuse_measured(plan: Plan, day: int, control: str) -> None:
    measured = next(
        (s.action.flr_ml for s in plan.steps if s.day == day and isinstance(s.action, Scan)), None
    )
    if measured is not None:
        raise EditError(
            control,
            f"the scan of day {day} has been made: {measured:g} mL were measured; another day would move what happened",
        )


def _treat(evidence: Evidence, course: Cycles, until: int, start: int | None, control: str) -> Step:
    """Return the step of chemotherapy that ends its weeks off on a day."""
    with refusing(control):
        drugs(course.regimen)
    if course.cycles < 1:
        raise EditError(control, f"{course.cycles} cycles; give at least one, or none of {course.regimen}")
    if course.weeks_off < 0:
        raise EditError(control, f"{course.weeks_off:g} weeks off; give 0 or more")
    spacing = cycle_days(course.regimen, evidence)
    first = round(until - course.weeks_off * DAYS_PER_WEEK - (course.cycles - 1) * spacing)
    if round(until - course.weeks_off * DAYS_PER_WEEK) >= until:
        raise EditError(
            control,
            f"{course.weeks_off:g} weeks off put the last dose on day {until}, that of the operation or stimulus itself; give more",
        )
    given = f"{course.cycles} cycle{'' if course.cycles == 1 else 's'} of {course.regimen}"
    if start is not None and first < start:
        needed = until - first
        raise EditError(
            control,
            f"{given} and {course.weeks_off:g} weeks off take {needed} days; the interval has "
            f"{until - start}: wait longer, or give less",
        )
    return Step(first, Treat(course.regimen, course.cycles))


def _with_steps(draft: Draft, evidence: Evidence, plan: Plan, steps: Sequence[Step], control: str) -> Draft:
    return with_plan(
        draft, replace(plan, steps=_sorted(steps)), control, instead_of=plan.name, evidence=evidence
    )


def _sorted(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Return steps by day; an operation comes before what else is done on its day, as it was."""
    return tuple(sorted(steps, key=lambda s: s.day))
