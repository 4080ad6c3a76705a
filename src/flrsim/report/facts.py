"""Lesion facts and the error ledger as printed text, for the page and the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flrsim.report import format as show
from flrsim.report.marks import lesion_marks
from flrsim.report.tables import lesion_lines
from flrsim.results import ClearanceCost, Comparison, Interval, LesionVolume, NearestVessel, PlanResult


def _percent1(value: float | None) -> str:
    return show.percent(value, 1)


def lesion_place_rows(lesions: Sequence[LesionVolume]) -> list[list[str]]:
    """Return where each lesion lies: depth, capsule, nearest vessels, confluence, and whether a wedge is possible."""
    return [
        [
            m.name,
            show.NONE if m.depth_mm is None else show.millimetres(m.depth_mm),
            _contact(m),
            _nearest(m.nearest_hepatic_vein),
            _nearest(m.nearest_portal_pedicle),
            _nearest(m.nearest_unsplit_vessel),
            _confluence(m),
            show.NONE if m.wedge is None else show.words(m.wedge),
            m.wedge_note,
        ]
        for m in lesions
    ]


LESION_PLACE = (
    "lesion",
    "depth",
    "capsule contact",
    "nearest hepatic vein",
    "nearest portal pedicle",
    "nearest unsplit vessel",
    "confluence",
    "wedge",
    "why",
)
LESION_VESSEL = (
    "Lesion",
    "Depth",
    "Nearest hepatic vein",
    "Nearest portal pedicle",
    "Wedge",
    "In this plan",
    "Margin to the cut",
)
"""Head of the table of lesions and vessels of one plan."""


def lesion_vessel_rows(comparison: Comparison, plan: PlanResult) -> list[list[str]]:
    """Return where each lesion lies and what the plan does to it, in the order of `LESION_VESSEL`, uncleared first."""
    lesions = {m.name: m for m in comparison.lesions}
    marks = lesion_marks(list(lesions))
    rows = []
    for line in lesion_lines(comparison, plan):
        m = lesions.get(line.name)
        mark = marks.get(line.name, line.name)
        place = [show.NONE] * 4 if m is None else [_depth(m), _vein(m), _pedicle(m), _wedge(m)]
        fate = "; ".join(t for t in (line.fate, line.note) if t)
        rows.append([line.name if mark == line.name else f"{mark}: {line.name}", *place, fate, line.margins])
    return rows


def _depth(m: LesionVolume) -> str:
    """Return how deep a lesion lies, and its contact with the capsule."""
    depth = show.NONE if m.depth_mm is None else show.millimetres(m.depth_mm)
    return f"{depth}; capsule {_contact(m).removeprefix('yes, ')}" if m.capsule_contact else depth


def _vein(m: LesionVolume) -> str:
    """Return the nearest hepatic vein, and whether the lesion lies where veins meet."""
    proxy = " (proxy)" if m.confluence_proxy else ""
    return _nearest(m.nearest_hepatic_vein) + (f"; at the confluence{proxy}" if m.at_confluence else "")


def _pedicle(m: LesionVolume) -> str:
    """Return the nearest pedicle, and a nearer vessel that nobody named."""
    unsplit = "" if m.nearest_unsplit_vessel is None else f"; {_nearest(m.nearest_unsplit_vessel)}"
    return _nearest(m.nearest_portal_pedicle) + unsplit


def _wedge(m: LesionVolume) -> str:
    """Return whether a wedge is possible, and why."""
    if m.wedge is None:
        return show.NONE
    return f"{show.words(m.wedge)}: {m.wedge_note}" if m.wedge_note else show.words(m.wedge)


def lesion_cost_rows(lesions: Sequence[LesionVolume]) -> tuple[list[str], list[list[str]]]:
    """Return the head and the lines of what a wedge of each lesion costs, by margin."""
    margins = sorted({c.margin_mm for m in lesions for c in m.clearance})
    head = ["lesion", *(f"{show.length(m)} margin" for m in margins)]
    rows = []
    for lesion in lesions:
        by_margin = {c.margin_mm: c for c in lesion.clearance}
        rows.append([lesion.name, *(_cost(by_margin.get(m)) for m in margins)])
    return head, rows


CAUSES = (
    "cause",
    "growth",
    "function per mL",
    "FLR",
    "sFLR",
    "earliest day",
    "function",
    "liver failure",
)
"""Head of the table of what each cause costs."""


def cause_rows(plan: PlanResult) -> list[list[str]]:
    """Return what each cause costs, in the order of `CAUSES`: its factors, and the change that comes with it."""
    return [
        [
            str(line["text"]),
            f"× {show.rounded(line['value'], 2)}",
            "in the measured" if line["function"] is None else f"× {show.rounded(line['function'], 2)}",
            _change(-line["cost_ml"], "mL", 0),
            _change(None if line["cost_points"] is None else -line["cost_points"], "points", 1),
            _change(line["cost_days"], "days", 0),
            _change(-line["cost_function_points"], "points", 1),
            _change(line["cost_failure_points"], "points", 1),
        ]
        for line in plan.modifiers
    ]


def _change(value: float | None, unit: str, digits: int) -> str:
    """Return a signed change, `no change` where it rounds to nothing."""
    if value is None:
        return show.NONE
    text = show.rounded(abs(value), digits)
    if not text.strip("0."):
        return "no change"
    return f"{'+' if value > 0 else show.MINUS}{text} {unit}"


def _cost(cost: ClearanceCost | None) -> str:
    """Return parenchyma, points of sFLR, and what one more millimetre costs."""
    if cost is None:
        return show.NONE
    text = show.tumour_ml(cost.parenchyma_ml)
    if cost.sflr is not None:
        text += f", {show.points(cost.sflr)}"
    return f"{text} (+{show.rounded(cost.ml_per_mm, 1)} mL/mm)"


def _contact(lesion: LesionVolume) -> str:
    if lesion.capsule_contact is None or lesion.capsule_contact_cm2 is None:
        return show.NONE
    area = lesion.capsule_contact_cm2
    return f"yes, {show.rounded(area, 1)} cm²" if lesion.capsule_contact else "no"


def _nearest(vessel: NearestVessel | None) -> str:
    if vessel is None:
        return show.NONE
    return f"{vessel.name} {show.millimetres(vessel.distance_mm)}{' (proxy)' if vessel.proxy else ''}"


def _confluence(lesion: LesionVolume) -> str:
    if lesion.at_confluence is None:
        return "not supplied" if lesion.confluence_note else show.NONE
    return ("yes" if lesion.at_confluence else "no") + (" (proxy)" if lesion.confluence_proxy else "")


def error_rows(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Return the head and the lines of the error ledger: every cause, and half of the 80 % interval it makes alone."""
    columns: list[tuple[str, Interval | None, float, Callable[[float | None], str]]] = [
        ("TLV", comparison.tlv_interval, comparison.tlv_ml, show.ml),
        ("TLV without lesion", comparison.tlv_functional_interval, comparison.tlv_functional_ml, show.ml),
    ]
    for p in comparison.plans:
        columns.append((f"FLR, {p.name}", p.flr_error, p.flr_ml, show.ml))
        if p.sflr is not None:
            columns.append((f"sFLR, {p.name}", p.sflr_error, p.sflr, _percent1))
    columns = [c for c in columns if c[1] is not None]
    causes = dict.fromkeys(part.cause for _, e, _, _ in columns if e is not None for part in e.components)
    rows = []
    for cause in causes:
        row = [cause]
        for _, error, value, text in columns:
            row.append(_alone(error, cause, value, text))
        rows.append(row)
    if rows:
        rows.append(["all together", *(show.plus_minus(v, e, text) for _, e, v, text in columns)])
    return ["cause", *(name for name, *_ in columns)], rows


def _alone(error: Interval | None, cause: str, value: float, text: Callable[[float | None], str]) -> str:
    """Return half of the interval that one cause makes alone."""
    if error is None or error.sd <= 0:
        return show.NONE
    sd = next((part.sd for part in error.components if part.cause == cause), None)
    # An interval is as many standard deviations wide for one cause as for all.
    return show.NONE if sd is None else f"± {text((error.high - value) / error.sd * sd)}"
