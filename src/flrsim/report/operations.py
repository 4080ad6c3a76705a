"""What each operation of a plan takes, destroys, meets and leaves in parts, as printed text."""

from __future__ import annotations

from collections.abc import Mapping

from flrsim.report import format as show
from flrsim.results import PlanResult, StageResult

SAID_CM2 = 1.0
"""A smaller part of a cut surface is not worth a word."""


def _of(plan: PlanResult, stage: int) -> StageResult | None:
    return next((s for s in plan.stages if s.stage == stage), None)


def cleared(plan: PlanResult, stage: int) -> str:
    """Return the lesions that are gone after a stage."""
    s = _of(plan, stage)
    return "" if s is None else ", ".join(s.lesions_cleared) or "none"


def takes(plan: PlanResult, stage: int) -> str:
    """Return a stage in words, its day and how much it takes out."""
    s = _of(plan, stage)
    if s is None:
        return ""
    return f"{s.operation}, {show.day(s.day)}: {show.ml(s.resected_ml)} ({show.percent(s.resected_fraction)})"


def ablates(plan: PlanResult, stage: int) -> str:
    """Return what a stage destroys in place; nothing where it ablates nothing."""
    s = _of(plan, stage)
    return show.ml(s.ablated_ml) if s is not None and s.ablated_ml > 0 else ""


def transection(plan: PlanResult, stage: int) -> str:
    """Return the area of a stage's cut surface with its error, and where it lies on what stays."""
    s = _of(plan, stage)
    if s is None:
        return ""
    area = show.plus_minus(s.transection_cm2, s.transection_interval, show.square_cm)
    return area + _where(s.transection_by_segment_cm2)


def _where(by_segment: Mapping[str, float]) -> str:
    said = [
        f"{segment} {show.square_cm(area)}"
        for segment, area in sorted(by_segment.items(), key=lambda item: -item[1])
        if area >= SAID_CM2
    ]
    return f" (on {', '.join(said)})" if len(said) > 1 else ""


def meets(plan: PlanResult, stage: int) -> str:
    """Return the labelled vessels that lie on both sides of a cut: divided, or dissected free along it."""
    s = _of(plan, stage)
    return (
        "" if s is None else ", ".join(name.replace(":", " ").replace("_", " ") for name in s.vessels_divided)
    )


def loose_parts(plan: PlanResult, stage: int) -> str:
    """Return the parts of what stays, with their segments; nothing where it is one part."""
    s = _of(plan, stage)
    if s is None or len(s.remnant_parts) < 2:
        return ""
    said = [f"{show.ml(p.ml)} ({', '.join(p.segments)})" for p in s.remnant_parts]
    return f"{len(said)} parts: {'; '.join(said)}"
