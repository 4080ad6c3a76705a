"""Which segments touch, and over how much area: what a cut along their border has to cross."""

from __future__ import annotations

from flrsim.report import format as show
from flrsim.report.plots import drawing
from flrsim.results import Comparison

INCHES = (3.5, 3.1)
DARK_FROM = 0.72
"""Share of the largest area from which a number is written in white."""


def contacts_svg(comparison: Comparison, *, salt: str) -> str | None:
    """Return the shared area of each two segments as a heat map; None without contacts."""
    contacts = comparison.contacts_cm2
    names = [s.name for s in comparison.segments]
    pairs = {tuple(key.split("|")): area for key, area in contacts.items()}
    if not pairs or any(n not in names for pair in pairs for n in pair):
        return None
    import numpy as np
    from matplotlib.figure import Figure

    areas = np.full((len(names), len(names)), np.nan)
    for (one, other), area in pairs.items():
        i, j = names.index(one), names.index(other)
        areas[max(i, j), min(i, j)] = area
    areas = areas[1:, :-1]
    largest = max(pairs.values())
    with drawing.style(salt, size=8):
        figure = Figure(figsize=INCHES, layout="constrained")
        axes = figure.subplots()
        axes.imshow(areas, cmap="Blues", vmin=0.0, vmax=1.15 * largest)
        for i, j in np.argwhere(~np.isnan(areas)):
            colour = "white" if areas[i, j] > DARK_FROM * largest else "#20242a"
            axes.text(j, i, show.rounded(areas[i, j]), ha="center", va="center", color=colour)
        axes.set_xticks(range(len(names) - 1), names[:-1])
        axes.set_yticks(range(len(names) - 1), names[1:])
        axes.tick_params(length=0)
        for side in axes.spines.values():
            side.set_visible(False)
        axes.set_title("shared area, cm²", fontsize=8, loc="left")
        said = sorted(pairs.items(), key=lambda item: -item[1])
        words = "; ".join(f"{a} and {b} {show.square_cm(area)}" for (a, b), area in said)
        return drawing.svg(figure, f"Area that segments share: {words}.")
