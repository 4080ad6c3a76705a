"""What a plan does to every lesion, in words, and whether it clears them all."""

from __future__ import annotations

from collections.abc import Sequence

from flrsim.evidence import Evidence
from flrsim.remnant import OnKeptVein
from flrsim.staging import HALF, Fate
from flrsim.timeline import Timeline
from flrsim.tumour import LesionAtOperation
from flrsim.verdict.axis import BORDERLINE, CANNOT_JUDGE, MEETS, MISSES, Axis


def fate_note(fate: Fate) -> str:
    """Return what is said about one lesion of a plan."""
    if fate.fate == "cut_through":
        if fate.left_ml <= 0:
            return "cut through: its parts go in different operations, or one is taken and one ablated"
        return f"cut through: {_left(fate)}"
    if fate.fate == "left":
        return "left in place"
    notes = []
    if fate.margin_short:
        notes.append(f"margin {fate.margin_measured_mm:.1f} mm of {fate.margin_planned_mm:g} mm planned")
    if fate.doubt:
        notes.append(fate.doubt)
    if fate.near is not None and (fate.near.proxy or not fate.doubt):
        stand_in = " (segment border as proxy)" if fate.near.proxy else ""
        notes.append(f"{fate.near.distance_mm:.0f} mm from {fate.near.name}{stand_in}")
    if fate.remark is not None:
        notes.append(
            f"{fate.remark.distance_mm:.0f} mm from {fate.remark.name} (segment border as proxy, remarked only)"
        )
    if fate.fate == "ablated":
        notes.append("bile ducts were not supplied: the distance to them is unchecked")
    return "; ".join(notes)


def vanishing_note(fate: Fate, timeline: Timeline | None) -> str:
    """Return what is said of a lesion that imaging before its operation may not show; empty when it hardly can be."""
    then = None if timeline is None else lesion_then(fate, timeline)
    if then is None or round(100 * then.p_vanished) == 0:
        return ""
    said = (
        f"cannot be seen on day {then.day} in {100 * then.p_vanished:.0f} % of draws; of those lesions "
        f"{100 * then.p_sterile:.0f} % are sterile"
    )
    if fate.fate == "left":
        return f"{said}: it is not cleared unless its site is resected"
    if fate.wedged or fate.fate == "ablated":
        return f"{said}: its site must be found and go all the same, so mark it before it vanishes"
    return f"{said}: its site must go all the same"


def judged(fate: Fate) -> str:
    """Return whether the way a lesion is taken could be judged: yes, vetoed or cannot_judge."""
    if not fate.wedged or fate.near is None:
        return "yes"
    return "cannot_judge" if fate.near.proxy else "vetoed"


def clearance(
    fates: Sequence[Fate],
    supplied: bool,
    timeline: Timeline | None,
    evidence: Evidence,
    on_veins: Sequence[OnKeptVein] = (),
) -> Axis:
    """Return whether all lesions go whole and with a margin.

    Parameters
    ----------
    supplied : whether lesions were given at all.
    on_veins : lesions that are taken off a kept vein: there the vein's wall is the margin.
    """
    if not supplied:
        return Axis("clearance", CANNOT_JUDGE, "no lesions were supplied: what must be cleared is unknown")
    bad = [f for f in fates if f.fate == "cut_through"]
    left = [f.lesion.name for f in fates if f.fate == "left"]
    if bad:
        cut = _cut_through(bad, left, timeline, evidence)
        return Axis(cut.name, cut.verdict, "; ".join([cut.sentence, *(x.sentence for x in on_veins)]))
    if left:
        return Axis("clearance", MISSES, f"left behind: {', '.join(left)}")
    short = [f for f in fates if f.margin_short]
    if short:
        parts = [f"{f.lesion.name} {f.margin_measured_mm:.1f} of {f.margin_planned_mm:g} mm" for f in short]
        return Axis("clearance", MISSES, f"margin too small: {', '.join(parts)}")
    ablated = any(f.fate == "ablated" for f in fates)
    went = ("go whole or are ablated" if ablated else "go whole", "is ablated" if ablated else "goes whole")
    number = "both" if len(fates) == 2 else f"all {len(fates)}"
    said = f"{number} lesions {went[0]}" if len(fates) > 1 else f"the lesion {went[1]}"
    measured = [(f.margin_measured_mm, f) for f in fates if f.margin_measured_mm is not None]
    close = [
        f"{f.lesion.name} {margin:.1f} mm"
        for margin, f in measured
        if margin < evidence.value("verdict.margin_r1")
    ]
    if close or on_veins:
        from_cut = [f"{', '.join(close)} from the cut"] if close else []
        where = "; ".join([*from_cut, *(x.sentence for x in on_veins)])
        return Axis("clearance", BORDERLINE, f"{said}, but hardly with a margin (R1): {where}")
    doubtful = [f"{f.lesion.name} ({f.doubt})" for f in fates if f.doubt]
    if doubtful:
        return Axis("clearance", BORDERLINE, f"{said}, but ablation may fail: {', '.join(doubtful)}")
    used_up = [f for _, f in measured if margin_then(f, timeline) == 0.0]
    if used_up:
        parts = [f"{f.lesion.name} (of {f.margin_measured_mm:.1f} mm nothing)" for f in used_up]
        return Axis(
            "clearance",
            BORDERLINE,
            f"{said}, but growth until then may use up the margin on the images: {', '.join(parts)}",
        )
    if measured:
        margin, nearest = min(measured, key=lambda pair: pair[0])
        said += f"; the smallest margin is {margin:.1f} mm ({nearest.lesion.name})"
    return Axis("clearance", MEETS, said)


def _cut_through(
    bad: Sequence[Fate], left: Sequence[str], timeline: Timeline | None, evidence: Evidence
) -> Axis:
    """Return the clearance of a plan that cuts through lesions: never better than borderline, however they shrink."""
    parts = [f"{f.lesion.name} ({_left(f)})" if f.left_ml > 0 else f"{f.lesion.name} (in parts)" for f in bad]
    said = f"cut through: {', '.join(parts)}"
    if left:
        return Axis("clearance", MISSES, f"{said}; left behind: {', '.join(left)}")
    if timeline is None or round(100 * timeline.p_cleared) == 0:
        return Axis("clearance", MISSES, said)
    sizes = ", ".join(
        f"{f.lesion.name} at {100 * f.clears_at:.0f} % of its diameter"
        for f in bad
        if f.clears_at is not None
    )
    said = (
        f"{said} on these images; treated as planned, all lesions go whole, but without a margin, in "
        f"{100 * timeline.p_cleared:.0f} % of draws ({sizes}): a new scan must show it"
    )
    enough = timeline.p_cleared >= evidence.value("verdict.rule_missed")
    return Axis("clearance", BORDERLINE if enough else MISSES, said)


def lesion_then(fate: Fate, timeline: Timeline) -> LesionAtOperation | None:
    """Return a lesion on the day of its operation: the one that takes it, would take it, or else the last."""
    stage = fate.stage or fate.shrinks_into
    rows = [x for x in timeline.lesions if x.name == fate.lesion.name]
    return next((x for x in rows if x.stage == stage), rows[-1] if rows else None)


def margin_then(fate: Fate, timeline: Timeline | None) -> float | None:
    """Return the margin on the day of the operation, mm: a sphere that grows eats it by the growth of its radius."""
    if timeline is None or fate.margin_measured_mm is None:
        return None
    grown = next((x for x in timeline.lesions if x.name == fate.lesion.name and x.stage == fate.stage), None)
    if grown is None:
        return None
    growth = HALF * max(grown.diameter_mm.median - fate.lesion.longest_axial_mm, 0.0)
    return max(fate.margin_measured_mm - growth, 0.0)


def _left(fate: Fate) -> str:
    inside = {s: ml for s, ml in fate.left_in.items() if s != "outside"}
    return ", ".join(f"{_ml(ml)} left in {s}" for s, ml in inside.items())


def _ml(value: float) -> str:
    return f"{value:.0f} mL" if value >= 1 else f"{value:.2f} mL"
