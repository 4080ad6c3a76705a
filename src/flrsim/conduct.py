"""A plan's calendar, and what is left to do on a day on which it may stop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from flrsim.anatomy import HEPATIC_VEINS, leaves
from flrsim.case import LiverCase
from flrsim.disease import FORBIDS, bearing_segment, closing_rule
from flrsim.errors import PlanError
from flrsim.evidence import Evidence
from flrsim.legality import check_plan, history_of, images_day
from flrsim.physiology.adequacy import never_after
from flrsim.plan import ALPPS, TITLES, Occlude, Operate, Plan, Scan, Step, Treat, describe, occluded_segments
from flrsim.results import Fallback, PlanDate
from flrsim.staging import StagedPlan

KINDS: dict[type, str] = {Operate: "operate", Occlude: "occlude", Treat: "treat", Scan: "scan"}


def plan_dates(plan: Plan, case: LiverCase) -> tuple[PlanDate, ...]:
    """Return the calendar of a plan: last doses and images before it, then its steps, by day."""
    out = [PlanDate(t.last_dose_day, "last_dose", t.regimen) for t in history_of(plan, case)]
    out.append(PlanDate(images_day(plan, case), "images", "the images that this plan is drawn on"))
    stage = 0
    for step in plan.steps:
        kind = KINDS.get(type(step.action), "wait")
        stage += kind == "operate"
        text = describe(step, case.grid.segments).removeprefix(f"day {step.day}: ")
        out.append(PlanDate(step.day, kind, text, stage if kind == "operate" else None))
    return tuple(sorted(out, key=lambda d: d.day))


def fallbacks(staged: StagedPlan, case: LiverCase, evidence: Evidence) -> tuple[Fallback, ...]:
    """Return what is left to do when the remnant has not grown, or the tumour has, before the last operation.

    A stimulus is possible when the plan with it added on the deciding day can be carried out and no rule about a portal
    thrombus forbids it; nothing is played forward.
    A plan of one step has no interval to fail in.
    """
    plan = staged.plan
    last = plan.operations[-1]
    before = [s for s in plan.steps[: plan.steps.index(last)] if isinstance(s.action, Operate | Occlude)]
    if not before:
        return ()
    out: list[Fallback] = []
    stimulus = next((s for s in reversed(before) if isinstance(s.action, Occlude)), None)
    if stimulus is not None:
        day = _deciding_day(plan, stimulus, last)
        out += _more_growth(plan, stimulus, day, case, evidence)
        out.append(Fallback("growth", day, "stop", True, _stopped(staged, last.day)))
    out.append(Fallback("tumour", last.day, "stop", True, _stopped(staged, last.day)))
    return tuple(out)


def _deciding_day(plan: Plan, stimulus: Step, last: Step) -> int:
    """Return the day of the last scan between the last stimulus and the last operation, or of that operation."""
    between = plan.steps[plan.steps.index(stimulus) : plan.steps.index(last)]
    return max((s.day for s in between if isinstance(s.action, Scan)), default=last.day)


def _more_growth(
    plan: Plan, stimulus: Step, day: int, case: LiverCase, evidence: Evidence
) -> Iterator[Fallback]:
    """Yield what can still be done for growth: wait, close a hepatic vein as well, part the liver."""
    done = [s.action for s in plan.steps if isinstance(s.action, Occlude)]
    action = done[-1]
    end = stimulus.day + round(never_after(action.technique, evidence))
    yield Fallback(
        "growth",
        day,
        "wait",
        end > day,
        f"wait and scan again: volume counts as never reached after day {end}"
        if end > day
        else f"waiting longer: volume counts as never reached after day {end}",
    )
    techniques = {a.technique for a in done}
    if techniques & {*ALPPS, "y90"}:
        return
    present = frozenset(case.grid.segments)
    portal = tuple(dict.fromkeys(b for a in done for b in a.portal))
    fed = occluded_segments(Occlude("pve", portal), case.grid.segments)
    if not techniques & {"lvd", "hve"}:
        veins = tuple(v for v, drained in HEPATIC_VEINS.items() if _present(drained, present) <= fed)
        close = f"close a hepatic vein that drains only what goes ({' or '.join(veins)})"
        yield (
            _added(plan, Step(day, Occlude("hve", hepatic=veins)), close, case, evidence)
            if veins
            else Fallback("growth", day, "hve", False, "HVE: no hepatic vein drains only what is occluded")
        )
    yield _added(
        plan,
        Step(day, Occlude("alpps_rescue", portal)),
        "part the liver and go on within days",
        case,
        evidence,
    )


def _present(segments: tuple[str, ...], present: frozenset[str]) -> frozenset[str]:
    return frozenset(leaf for s in segments for leaf in leaves(s)) & present


def _added(plan: Plan, step: Step, what: str, case: LiverCase, evidence: Evidence) -> Fallback:
    """Return one more stimulus on a day, and whether the plan with it can be carried out."""
    technique = step.action.technique if isinstance(step.action, Occlude) else ""
    at = max(n for n, s in enumerate(plan.steps) if s.day <= step.day and s is not plan.operations[-1]) + 1
    tried = replace(plan, steps=(*plan.steps[:at], step, *plan.steps[at:]))
    title = TITLES[technique]
    try:
        check_plan(tried, case)
    except PlanError as error:
        return Fallback("growth", step.day, technique, False, f"{title}: {error.sentence}")
    if case.patient is not None and case.patient.disease == "hcc":
        grade, bearing = case.patient.tumour.thrombus, bearing_segment(case.lesions)
        rule = closing_rule(tried, grade, bearing, case.grid.segments, evidence)
        if rule is not None and rule.answer == FORBIDS:
            return Fallback("growth", step.day, technique, False, f"{title}: {rule.sentence}")
    return Fallback("growth", step.day, technique, True, f"{title}: {what}")


def _stopped(staged: StagedPlan, day: int) -> str:
    """Return what stays of the tumour when nothing more is operated on from a day on."""
    stages = {op.stage for op in staged.operations if op.day < day}
    left = [f for f in staged.fates if f.stage not in stages]
    if not left:
        return "no further operation: no lesion of these images is left"
    ml = sum(f.lesion.volume_ml for f in left)
    names = ", ".join(f.lesion.name for f in left)
    return f"no further operation: {names} stay{'s' if len(left) == 1 else ''}, {ml:.0f} mL of tumour"
