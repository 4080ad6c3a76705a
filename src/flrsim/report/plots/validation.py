"""Printed against simulated numbers as drawings, the same bytes for the same result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flrsim.report import palette
from flrsim.report.plots import drawing
from flrsim.results import ValidationRow

COLUMNS = 3
INCHES = 3.1
LEVELS = frozenset({"mean", "median", "share"})
"""Statistics that are drawn: levels of a quantity, which share an axis."""
INKS = {"calibration": palette.FATE_INKS[2], "validation": palette.FATE_INKS[0]}


def drawn_rows(rows: Sequence[ValidationRow]) -> dict[str, list[ValidationRow]]:
    """Return the rows that can be drawn, by quantity, where there are at least two."""
    found: dict[str, list[ValidationRow]] = {}
    for row in rows:
        if row.simulated is not None and row.statistic in LEVELS:
            found.setdefault(row.quantity, []).append(row)
    return {quantity: of for quantity, of in found.items() if len(of) > 1}


def topic_svg(rows: Sequence[ValidationRow], *, salt: str) -> str | None:
    """Return one drawing per quantity of a topic, printed across and simulated up; None with nothing to draw.

    Parameters
    ----------
    salt
        Makes the ids of this drawing differ from those of others on the same page.
    """
    quantities = drawn_rows(rows)
    if not quantities:
        return None
    from matplotlib.figure import Figure

    columns = min(COLUMNS, len(quantities))
    lines = -(-len(quantities) // columns)
    with drawing.style(salt, size=9):
        figure = Figure(figsize=(INCHES * columns, INCHES * lines), layout="constrained")
        axes = figure.subplots(lines, columns, squeeze=False).ravel()
        for axis, (quantity, of) in zip(axes, quantities.items(), strict=False):
            _draw(axis, quantity, of)
        for axis in axes[len(quantities) :]:
            axis.set_axis_off()
        return drawing.svg(figure, f"Printed against simulated: {', '.join(quantities).replace('_', ' ')}.")


def _draw(axis: Any, quantity: str, rows: Sequence[ValidationRow]) -> None:
    """Draw one quantity: a point a row, bars for both intervals, a ring round what fails."""
    ends: list[float] = []
    for row in rows:
        x, y = row.published, row.simulated
        if y is None:
            continue
        ink = INKS[row.split]
        if row.low is not None and row.high is not None and row.interval != "printed_range":
            axis.plot([row.low, row.high], [y, y], color=ink, alpha=0.45, linewidth=1.1)
            ends += [row.low, row.high]
        if row.sim_low is not None and row.sim_high is not None:
            axis.plot([x, x], [row.sim_low, row.sim_high], color=ink, alpha=0.45, linewidth=1.1)
            ends += [row.sim_low, row.sim_high]
        filled = row.split == "validation"
        axis.plot(
            x,
            y,
            marker="o",
            markersize=5,
            color=ink,
            markerfacecolor=ink if filled else "white",
            linestyle="",
        )
        if row.failing:
            axis.plot(
                x, y, marker="o", markersize=10, color=palette.LOUD, markerfacecolor="none", linestyle=""
            )
        ends += [x, y]
    low, high = min(ends), max(ends)
    room = 0.05 * (high - low) or 0.05
    axis.plot([low, high], [low, high], color="#8a8f98", linewidth=0.8, zorder=0)
    axis.set_xlim(low - room, high + room)
    axis.set_ylim(low - room, high + room)
    axis.set_title(quantity.replace("_", " "), fontsize=9)
    axis.set_xlabel("printed")
    axis.set_ylabel("simulated")
