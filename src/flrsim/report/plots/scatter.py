"""All plans at once: how large the remnant is at the last operation, and when that is."""

from __future__ import annotations

from flrsim.report import format as show
from flrsim.report import palette
from flrsim.report.plots import drawing
from flrsim.report.plots.growth import rule_lines
from flrsim.results import Comparison, PlanResult

INCHES = (6.4, 3.1)
APART = 0.026
"""Plans on one day stand this share of the axis apart."""


def at_resection(plan: PlanResult) -> tuple[float, float, float] | None:
    """Return the FLR at the last operation with its 80 % interval, mL; measured where nothing grows before it."""
    for found in (plan.flr_ml_at_resection, plan.flr_ml_interval):
        if found is not None and found.median is not None:
            middle = found.median
            return (
                middle,
                middle if found.p10 is None else found.p10,
                middle if found.p90 is None else found.p90,
            )
    return None


def scatter_svg(comparison: Comparison, *, salt: str) -> str | None:
    """Return the plans as numbered points, FLR at resection against its day; None for fewer than two."""
    found = [
        (number, plan, ml)
        for number, plan in enumerate(comparison.plans, start=1)
        if (ml := at_resection(plan)) is not None and plan.resection_day is not None
    ]
    if len(found) < 2:
        return None
    from matplotlib.figure import Figure

    days = [p.resection_day or 0 for _, p, _ in found]
    span = max(max(days) - min(days), 14)
    with drawing.style(salt):
        figure = Figure(figsize=INCHES, layout="constrained")
        axes = figure.subplots()
        for number, plan, (middle, low, high) in found:
            day = plan.resection_day or 0
            same = [n for n, p, _ in found if p.resection_day == day]
            x = day + APART * span * (2 * same.index(number) - len(same) + 1)
            ink = palette.VERDICT_COLOURS.get(plan.verdict, palette.VERDICT_COLOURS["cannot_judge"])
            axes.plot([x, x], [low, high], color=ink, linewidth=1.6, solid_capstyle="butt")
            axes.plot(x, middle, "o", markersize=14, color=ink, markerfacecolor="white", markeredgewidth=1.8)
            axes.text(x, middle, str(number), ha="center", va="center", color=ink, fontweight="bold")
        # Thresholds are the patient's, so those of the first plan are those of all.
        for label, threshold in rule_lines(comparison, found[0][1])[:1]:
            axes.axhline(
                threshold, color=palette.LOUD, linewidth=1.3, linestyle=(0, (5, 2)), zorder=0, label=label
            )
            figure.legend(loc="outside upper right", fontsize=9, frameon=False)
        axes.set_ylim(bottom=0.0)
        axes.set_xlim(min(days) - 0.12 * span, max(days) + 0.12 * span)
        axes.set_xlabel("day of the last operation")
        axes.set_ylabel("FLR at resection, mL")
        words = "; ".join(
            f"plan {n} {show.ml(m)} ({show.ml(a)} to {show.ml(b)}) on {show.day(p.resection_day)}"
            for n, p, (m, a, b) in found
        )
        return drawing.svg(figure, f"Future liver remnant at the last operation: {words}.")
