"""Growth of the future liver remnant over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flrsim.evidence import MEASURED_LIVER
from flrsim.report import format as show
from flrsim.report import palette
from flrsim.report.plots import drawing
from flrsim.report.rules import called, rule_number
from flrsim.results import Comparison, PlanResult, plain

INCHES = (7.4, 2.9)
RULE_STYLES = ((0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
SCAN_INK = "#555555"
GRAMS_PER_KG = 1000.0


def growth_svg(comparison: Comparison, plan: PlanResult, *, salt: str) -> str | None:
    """Return the FLR over time with its 80 % band, rule lines, scan and operation days; None without a curve.

    Parameters
    ----------
    salt
        Makes the ids of this drawing differ from those of others on the same page.
    """
    curves: Mapping[str, Any] = plain(plan.curves)
    days, flr = curves.get("days") or [], curves.get("flr_ml") or {}
    if len(days) < 2 or not flr.get("median"):
        return None
    from matplotlib.figure import Figure

    with drawing.style(salt):
        figure = Figure(figsize=INCHES, layout="constrained")
        axes = figure.subplots()
        low, median, high = (_numbers(flr.get(k), len(days)) for k in ("p10", "median", "p90"))
        axes.fill_between(
            days, low, high, color=palette.fate_colour(0), alpha=0.25, linewidth=0, label="80 % interval"
        )
        axes.plot(days, median, color=palette.fate_ink(0), linewidth=2, label="FLR, median")
        measured = plan.rescan or {}
        if measured:
            axes.plot(
                measured["days"],
                measured["measured_ml"],
                "o",
                color=SCAN_INK,
                markersize=6,
                label="FLR, measured",
            )
        lines = rule_lines(comparison, plan)
        for n, (label, ml) in enumerate(lines):
            axes.axhline(
                ml,
                color=palette.LOUD,
                linewidth=1.3,
                linestyle=RULE_STYLES[n % len(RULE_STYLES)],
                label=label,
            )
        top = max(
            [v for v in (*high, *median, *measured.get("measured_ml", ())) if v == v]
            + [ml for _, ml in lines]
        )
        axes.set_ylim(0, 1.18 * top)
        axes.set_xlim(days[0], days[-1])
        span = days[-1] - days[0]
        for stage in plan.stages:
            _mark(
                axes, stage.day, f"stage {stage.stage}", palette.fate_ink(stage.stage), "-", 1.16 * top, span
            )
        if plan.scan_day is not None:
            # Often days before an operation: its word stands lower and on the other side.
            _mark(axes, plan.scan_day, "scan", SCAN_INK, ":", 1.08 * top, -span)
        axes.set_xlabel("day of the plan")
        axes.set_ylabel("future liver remnant, mL")
        figure.legend(loc="outside right center", fontsize=8.5, frameon=False)
        return drawing.svg(figure, _words(plan, lines))


def _words(plan: PlanResult, lines: list[tuple[str, float]]) -> str:
    """Return what the curve shows."""
    then = show.interval(plan.flr_ml_at_resection, show.ml)
    rules = "".join(f"; {label} is {show.ml(ml)}" for label, ml in lines)
    return f"Future liver remnant over time: {show.ml(plan.flr_ml)} now, {then} at resection{rules}."


def _mark(axes: Any, day: int, word: str, colour: str, line: str, height: float, span: float) -> None:
    """Draw one day, its word right of the line for a positive `span`, else left, if there is room."""
    axes.axvline(day, color=colour, linewidth=1.2, linestyle=line)
    low, high = axes.get_xlim()
    room = (high - day if span > 0 else day - low) > 0.2 * abs(span)
    right = (span > 0) == room
    axes.annotate(
        f"{word}, day {day}", (day, height), (4 if right else -4, 0), textcoords="offset points",
        color=colour, fontsize=8.5, va="top", ha="left" if right else "right",
    )  # fmt: skip


def rule_lines(comparison: Comparison, plan: PlanResult) -> list[tuple[str, float]]:
    """Return the volume rules a plan is held against as mL, binding ones first, at most three."""
    telv = {t.formula: t.ml for t in comparison.telv}
    weight = (comparison.patient or {}).get("weight_kg")
    lines = []
    for rule in sorted(plan.rules, key=lambda r: not r.binding):
        title, kind = called(rule)
        ml: float | None = None
        if kind == "percent1" and weight:
            ml = rule.threshold * float(weight) * GRAMS_PER_KG  # 1 g of liver is taken as 1 mL
        elif kind == "percent" and rule.formula == MEASURED_LIVER:
            ml = rule.threshold * comparison.tlv_functional_ml
        elif kind == "percent":
            denominator = telv.get(rule.formula or comparison.telv_formula or "")
            ml = None if denominator is None else rule.threshold * denominator
        if ml is not None:
            lines.append((f"{title} {rule_number(rule)(rule.threshold, 0)}", ml))
    return list(dict(lines).items())[:3]


def _numbers(values: Any, n: int) -> list[float]:
    """Return a curve as floats, NaN where it is null or missing."""
    return [float("nan") if v is None else float(v) for v in values] if values else [float("nan")] * n
