"""What of a plan the controls can show and change: its stages, lesions, stimulus and days, or why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flrsim.anatomy import leaves
from flrsim.case import Lesion, LiverCase
from flrsim.errors import EditError
from flrsim.evidence import Evidence
from flrsim.plan import (
    ALPPS,
    SECOND,
    TITLES,
    Occlude,
    Operate,
    Plan,
    Scan,
    Step,
    Treat,
    Wait,
    describe,
    occluded_segments,
    resected_by,
)
from flrsim.regimens import REGIMENS, cycle_days
from flrsim.search.schedule import Planner

KEEP, SEGMENT, WEDGE, ABLATE, CUT = "keep", "segment", "wedge", "ablate", "cut"
"""What becomes of a lesion: left, gone with its segments, wedged, ablated, or cut through."""
NONE = "none"
TECHNIQUES = (NONE, "pve", "pvl", "lvd", "alpps", "alpps_partial", "alpps_mini", "alpps_tourniquet", "y90")
"""Stimuli that a plan can be given; those that add to an earlier one are shown and not offered."""
MOST_STAGES = 2
DAYS_PER_WEEK = 7.0


@dataclass(frozen=True)
class Way:
    """What becomes of a lesion, and in which operation; 0 for one that is left."""

    kind: str
    stage: int = 0


@dataclass(frozen=True)
class Cycles:
    """Chemotherapy before day 0 or before the last operation, and the weeks from its last dose to that day."""

    regimen: str
    cycles: int
    weeks_off: float


@dataclass(frozen=True)
class Shape:
    """A plan as its controls show it.

    Attributes
    ----------
    stages : number of operations.
    segments : operation that takes each segment whole; 0 stays.
    lesions : what becomes of each lesion.
    technique : of `TECHNIQUES`; another word where the plan has a stimulus that cannot be set here.
    segment_4 : whether the portal branches of S4 are closed too; None where S4 stays or nothing is closed.
    from_day : the day from which the interval counts, that of the last stimulus or of the first operation.
    scan_day : the scan that decides about the last operation; None without one.
    interval_days : from `from_day` to the last operation; None where there is nothing to wait for.
    disabled : why a control cannot express what the plan says, by control.
    """

    stages: int
    segments: Mapping[str, int]
    lesions: Mapping[str, Way]
    technique: str
    segment_4: bool | None
    from_day: int | None
    scan_day: int | None
    resection_day: int
    interval_days: int | None
    before: Cycles | None
    between: Cycles | None
    margin_mm: float | None
    ablation_margin_mm: float | None
    disabled: Mapping[str, str] = field(default_factory=dict)


def shape_of(plan: Plan, case: LiverCase, evidence: Evidence) -> Shape:
    """Return what the controls show of a plan."""
    present = case.grid.segments
    resected = resected_by(plan, present)
    operations = actions(plan)
    last = plan.operations[-1].day
    start = from_day(plan)
    stimulus = [s.action for s in plan.steps if isinstance(s.action, Occlude)]
    before, between = treatments(plan)
    return Shape(
        stages=len(operations),
        segments={s: next((k for k, taken in enumerate(resected, 1) if s in taken), 0) for s in present},
        lesions={les.name: way_of(les, operations, resected) for les in case.lesions},
        technique=stimulus[0].technique if stimulus else NONE,
        segment_4=_segment_4(plan, present, resected),
        from_day=start,
        scan_day=deciding_scan(plan),
        resection_day=last,
        interval_days=None if start is None else last - start,
        before=_cycles(before, 0, evidence),
        between=_cycles(between, last, evidence),
        margin_mm=_one([op.margin_mm for op in operations if op.wedge]),
        ablation_margin_mm=_one([op.ablation_margin_mm for op in operations if op.ablate]),
        disabled=_disabled(plan, case),
    )


def opened(plan: Plan, case: LiverCase, evidence: Evidence, control: str) -> Plan:
    """Return a plan that a control can change.

    Raises
    ------
    EditError
        When the control cannot express what the plan says.
    """
    why = shape_of(plan, case, evidence).disabled.get(control)
    if why is not None:
        raise EditError(control, why)
    return plan


def actions(plan: Plan) -> tuple[Operate, ...]:
    """Return what each operation of a plan does."""
    return tuple(s.action for s in plan.operations if isinstance(s.action, Operate))


def way_of(lesion: Lesion, operations: Sequence[Operate], resected: Sequence[frozenset[str]]) -> Way:
    """Return what the plan says of a lesion; of what is drawn only the geometry tells."""
    for stage, op in enumerate(operations, start=1):
        for kind, names in ((WEDGE, op.wedge), (ABLATE, op.ablate)):
            if lesion.name in names:
                return Way(kind, stage)
    inside = set(lesion.segments) - {"outside"}
    taken = [(stage, inside & gone) for stage, gone in enumerate(resected, start=1) if inside & gone]
    if not taken:
        return Way(KEEP)
    whole = next((stage for stage, part in taken if part == inside), None)
    return Way(CUT, taken[-1][0]) if whole is None else Way(SEGMENT, whole)


def from_day(plan: Plan) -> int | None:
    """Return the day from which the wait for the last operation counts; None where nothing is waited for."""
    last = plan.operations[-1].day
    closed = [s.day for s in plan.steps if isinstance(s.action, Occlude) and s.day <= last]
    if closed:
        return closed[-1]
    return plan.operations[-2].day if len(plan.operations) > 1 else None


def deciding_scan(plan: Plan) -> int | None:
    """Return the day of the last scan before the last operation, after what is waited for."""
    start, last = from_day(plan), plan.operations[-1].day
    if start is None:
        return None
    days = [s.day for s in plan.steps if isinstance(s.action, Scan) and start < s.day <= last]
    return days[-1] if days else None


def treatments(plan: Plan) -> tuple[list[Step], list[Step]]:
    """Return the steps that treat before day 0, and those between it and the last operation."""
    last = plan.operations[-1].day
    given = [s for s in plan.steps if isinstance(s.action, Treat)]
    return [s for s in given if s.day < 0], [s for s in given if 0 <= s.day < last]


def branch_namer(case: LiverCase, evidence: Evidence, margin_mm: float) -> Planner:
    """Return what names branches and veins of the segments that go, as for a proposed plan."""
    return Planner(case, evidence, margin_mm, thrombectomy=False)


def _cycles(steps: Sequence[Step], until: int, evidence: Evidence) -> Cycles | None:
    if not steps or not isinstance(steps[-1].action, Treat):
        return None
    given = steps[-1].action
    dose = steps[-1].day + (given.cycles - 1) * cycle_days(given.regimen, evidence)
    return Cycles(given.regimen, given.cycles, (until - dose) / DAYS_PER_WEEK)


def _one(values: Sequence[float | None]) -> float | None:
    return values[0] if values and len(set(values)) == 1 else None


def _segment_4(plan: Plan, present: tuple[str, ...], resected: Sequence[frozenset[str]]) -> bool | None:
    s4 = set(leaves("S4")) & set(present)
    closed = [occluded_segments(s.action, present) for s in plan.steps if isinstance(s.action, Occlude)]
    if not s4 or not closed or not s4 <= frozenset().union(*resected):
        return None
    return any(s4 <= segments for segments in closed)


def _disabled(plan: Plan, case: LiverCase) -> dict[str, str]:
    """Return why controls cannot express what the plan says."""
    out: dict[str, str] = {}
    present = case.grid.segments
    free = [s for s in plan.operations if isinstance(s.action, Operate) and s.action.free]
    if free:
        why = f"{describe(free[0], present)}: what is drawn is not a choice per segment; duplicate the plan, or change the file"
        out |= dict.fromkeys(("segments", "lesions", "technique"), why)
    n = len(plan.operations)
    if n > MOST_STAGES:
        why = f"the plan has {n} operations; these controls know two"
        out |= dict.fromkeys(("segments", "lesions", "technique", "between"), why)
    closed = [s for s in plan.steps if isinstance(s.action, Occlude)]
    waits = [s for s in plan.steps if isinstance(s.action, Wait)]
    measured = [s for s in plan.steps if isinstance(s.action, Scan) and s.action.flr_ml is not None]
    if len(closed) > 1:
        words = " and ".join(f"{TITLES[_technique(s)]} on day {s.day}" for s in closed)
        out["technique"] = f"the plan has {words}; this control knows one stimulus"
    elif closed and _technique(closed[0]) in SECOND:
        out["technique"] = (
            f"{TITLES[_technique(closed[0])]} adds to an earlier stimulus; this control knows one"
        )
    elif closed and isinstance(closed[0].action, Occlude) and closed[0].action.agent is not None:
        out["technique"] = (
            f"the file names the agent {closed[0].action.agent}, which another technique would lose; change the file"
        )
    elif measured:
        out["technique"] = (
            f"{describe(measured[0], present)}: it was measured after this stimulus; a plan with another has no such scan"
        )
    elif waits:
        out["technique"] = f"{describe(waits[0], present)}: another technique has other days; change the file"
    start = from_day(plan)
    if start is None:
        why = "one operation without a stimulus of growth has nothing to wait for"
        out |= dict.fromkeys(("interval_days", "scan_day", "resection_day", "between"), why)
    before, between = treatments(plan)
    for name, steps in (("before", before), ("between", between)):
        if len(steps) > 1:
            out[name] = f"the plan treats {len(steps)} times there; this control knows one course"
    operations = actions(plan)
    if not any(op.wedge for op in operations):
        out["margin_mm"] = "the plan has no wedge"
    if not any(op.ablate for op in operations):
        out["ablation_margin_mm"] = "the plan has no ablation"
    if not closed or _segment_4(plan, present, resected_by(plan, present)) is None:
        out["segment_4"] = "S4 stays, or no portal branch is closed"
    elif "technique" in out and len(closed) > 1:
        out["segment_4"] = out["technique"]
    return out


def _technique(step: Step) -> str:
    return step.action.technique if isinstance(step.action, Occlude) else NONE


def is_alpps(technique: str) -> bool:
    """Return whether the liver is parted in this technique."""
    return technique in ALPPS


def known_regimens() -> tuple[str, ...]:
    """Return the regimens that are offered; any of them may be joined to another by +."""
    return tuple(REGIMENS)
