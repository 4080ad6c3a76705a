"""Segments as bars: what of each stays and what goes in which operation."""

from __future__ import annotations

from collections.abc import Mapping

from flrsim.report import format as show
from flrsim.report import palette
from flrsim.report.plots import drawing
from flrsim.results import Comparison, PlanResult

INCHES = (3.7, 2.7)
SAID_ML = 1.0
"""Less than this of a segment is neither drawn nor said."""


def fate_volumes(comparison: Comparison, plan: PlanResult) -> dict[int, dict[str, float]]:
    """Return all tissue of each segment by what happens to it, mL: 0 stays, k goes in stage k; empty if unknown.

    Volumes are those of the last imaging, lesions and vessels included.
    """
    now: Mapping[str, float] = {s.name: s.volume_ml for s in comparison.segments}
    out: dict[int, dict[str, float]] = {}
    for stage in plan.stages:
        if not stage.remnant_parts:
            return {}
        after = {name: sum(part.segments.get(name, 0.0) for part in stage.remnant_parts) for name in now}
        out[stage.stage] = {name: max(ml - after[name], 0.0) for name, ml in now.items()}
        now = after
    return {0: dict(now), **out} if out else {}


def segments_svg(comparison: Comparison, plan: PlanResult, *, salt: str) -> str | None:
    """Return the segments as stacked bars in the colours of their fates; None where no operation is known."""
    fates = fate_volumes(comparison, plan)
    if not fates:
        return None
    from matplotlib.figure import Figure

    names = [s.name for s in comparison.segments]
    whole = {s.name: s for s in comparison.segments}
    with drawing.style(salt, size=8):
        figure = Figure(figsize=INCHES, layout="constrained")
        axes = figure.subplots()
        start = dict.fromkeys(names, 0.0)
        for stage, by in fates.items():
            shown = {n: by[n] for n in names if by[n] >= SAID_ML}
            axes.barh(
                [names.index(n) for n in shown],
                list(shown.values()),
                left=[start[n] for n in shown],
                color=palette.fate_colour(stage),
                label=palette.fate_name(stage),
                height=0.72,
            )
            start = {n: start[n] + by[n] for n in names}
        for n, name in enumerate(names):
            error = whole[name].interval
            ml = whole[name].volume_ml
            if error is not None:
                axes.plot([error.low, error.high], [n, n], color=palette.RIM, linewidth=1.1)
            axes.text(
                (error.high if error else ml), n, f"  {show.rounded(ml)}", va="center", color=palette.RIM
            )
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.margins(x=0.12)
        axes.set_xlabel("mL, with the 80 % error of measurement")
        axes.tick_params(axis="y", length=0)
        figure.legend(loc="outside upper center", ncols=len(fates), fontsize=8, frameon=False)
        return drawing.svg(figure, _words(fates, names))


def _words(fates: Mapping[int, Mapping[str, float]], names: list[str]) -> str:
    """Return what the bars show."""
    parts = []
    for stage, by in fates.items():
        of = ", ".join(f"{n} {show.ml(by[n])}" for n in names if by[n] >= SAID_ML)
        parts.append(f"{palette.fate_name(stage)}: {of or 'nothing'}")
    return f"Segments: {'; '.join(parts)}."
