"""Where the lesions lie, as a scheme of the segments from the front: marks, sizes and what clears them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from flrsim.report import format as show
from flrsim.report import palette
from flrsim.report.marks import lesion_marks
from flrsim.report.plots import drawing
from flrsim.report.plots.segments import fate_volumes
from flrsim.report.tables import CLEARED, uncleared
from flrsim.results import Comparison, LesionFate, LesionVolume, PlanResult

INCHES = (3.7, 2.5)
BOXES: dict[str, tuple[float, float, float, float]] = {
    "S7": (0.0, 1.0, 1.0, 1.0),
    "S8": (1.0, 1.0, 1.0, 1.0),
    "S4": (2.0, 0.0, 0.9, 2.0),
    "S4a": (2.0, 1.0, 0.9, 1.0),
    "S4b": (2.0, 0.0, 0.9, 1.0),
    "S2": (2.9, 1.0, 0.9, 0.8),
    "S6": (0.0, 0.0, 1.0, 1.0),
    "S5": (1.0, 0.0, 1.0, 1.0),
    "S3": (2.9, 0.25, 0.9, 0.75),
    "S1": (1.6, -0.62, 0.9, 0.5),
}
"""Left, bottom, width and height of each segment; the patient's right is at the left, as on CT."""
MM_PER_BOX = 80.0
SMALLEST, LARGEST = 0.11, 0.42
ROUNDS = 60
"""Of pushing lesions apart that would cover each other."""


@dataclass
class _Spot:
    mark: str
    x: float
    y: float
    radius: float
    colour: str


def lesion_map_svg(comparison: Comparison, plan: PlanResult, *, salt: str) -> str | None:
    """Return the lesions on a scheme of the segments; None without a lesion that lies in one."""
    present = [s.name for s in comparison.segments if s.name in BOXES]
    marks = lesion_marks([m.name for m in comparison.lesions])
    fates = {f.name: f for f in plan.lesions}
    spots = [
        spot
        for m in comparison.lesions
        if (spot := _spot(m, marks[m.name], plan, fates.get(m.name), present)) is not None
    ]
    if not spots:
        return None
    from matplotlib.figure import Figure
    from matplotlib.patches import Circle, FancyBboxPatch

    _push_apart(spots)
    tissue = _main_fate(comparison, plan)
    with drawing.style(salt, size=8):
        figure = Figure(figsize=INCHES, layout="constrained")
        axes = figure.subplots()
        for name in present:
            x, y, width, height = BOXES[name]
            axes.add_patch(
                FancyBboxPatch(
                    (x + 0.03, y + 0.03), width - 0.06, height - 0.06, boxstyle="round,pad=0,rounding_size=0.1",
                    facecolor=palette.fate_colour(tissue[name]) if name in tissue else "#e8ebef",
                    alpha=0.45, edgecolor=palette.RIM,
                )
            )  # fmt: skip
            low = y + height < 1.5
            axes.text(
                x + 0.09, y + 0.08 if low else y + height - 0.09, name,
                va="bottom" if low else "top", color="#444b55", fontsize=8,
            )  # fmt: skip
        for s in spots:
            axes.add_patch(Circle((s.x, s.y), s.radius, facecolor=s.colour, edgecolor="white", linewidth=1.0))
            axes.text(
                s.x, s.y, s.mark, ha="center", va="center", color="white", fontweight="bold",
                fontsize=8 if len(s.mark) < 3 else 7,
            )  # fmt: skip
        axes.set_xlim(-0.25, 4.05)
        axes.set_ylim(-0.7, 2.1)
        axes.set_aspect("equal")
        axes.set_axis_off()
        axes.text(-0.22, 1.0, "R", va="center", color="#6b7078")
        axes.text(3.9, 1.0, "L", va="center", color="#6b7078")
        return drawing.svg(figure, _words(comparison, plan, marks))


def _spot(
    lesion: LesionVolume, mark: str, plan: PlanResult, fate: LesionFate | None, present: list[str]
) -> _Spot | None:
    """Return a lesion in the middle of its segments, weighted by how much of it lies in each."""
    inside = {s: share for s, share in lesion.segments.items() if s in present and share > 0}
    total = sum(inside.values())
    if not total:
        return None
    centre = [
        (BOXES[s][0] + 0.5 * BOXES[s][2], BOXES[s][1] + 0.5 * BOXES[s][3], w) for s, w in inside.items()
    ]
    x, y = (sum(c[k] * c[2] for c in centre) / total for k in (0, 1))
    radius = min(max(0.5 * lesion.longest_axial_mm / MM_PER_BOX, SMALLEST), LARGEST)
    return _Spot(mark, x, y, radius, _colour(plan, fate))


def _colour(plan: PlanResult, fate: LesionFate | None) -> str:
    """Return the colour of the stage that clears a lesion, loud when none does."""
    if fate is None or uncleared(plan, fate):
        return palette.LOUD
    return palette.VANISHED if fate.stage is None else palette.fate_ink(fate.stage)


def _push_apart(spots: list[_Spot]) -> None:
    """Move spots that cover each other until they stand side by side; which way is fixed, not drawn by lot."""
    for _ in range(ROUNDS):
        for i, a in enumerate(spots):
            for j, b in enumerate(spots[:i]):
                dx, dy = a.x - b.x, a.y - b.y
                away = math.hypot(dx, dy)
                short = a.radius + b.radius + 0.02 - away
                if short <= 0:
                    continue
                if away < 1e-6:
                    angle = 2.4 * (i + j)
                    dx, dy, away = math.cos(angle), math.sin(angle), 1.0
                for spot, sign in ((a, 0.5), (b, -0.5)):
                    spot.x += sign * short * dx / away
                    spot.y += sign * short * dy / away


def _main_fate(comparison: Comparison, plan: PlanResult) -> dict[str, int]:
    """Return what happens to most of each segment; empty where no operation is known."""
    fates = fate_volumes(comparison, plan)
    return {s.name: max(fates, key=lambda k: fates[k][s.name]) for s in comparison.segments} if fates else {}


def _words(comparison: Comparison, plan: PlanResult, marks: Mapping[str, str]) -> str:
    """Return what the map shows; lesions by their marks."""
    fates = {f.name: f for f in plan.lesions}
    parts = []
    for lesion in comparison.lesions:
        fate = fates.get(lesion.name)
        where = (
            " and ".join(s for s, share in lesion.segments.items() if share > 0 and s in BOXES) or "outside"
        )
        what = "not cleared"
        if fate is not None and fate.fate in CLEARED and not uncleared(plan, fate):
            what = f"{show.words(fate.fate)} in stage {fate.stage}" if fate.stage else show.words(fate.fate)
        parts.append(f"{marks[lesion.name]} in {where}, {show.millimetres(lesion.longest_axial_mm)}, {what}")
    return f"Lesions: {'; '.join(parts)}."
