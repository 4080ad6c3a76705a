"""A plan played forward, day by day and draw by draw, and reduced to what a person reads."""

from flrsim.timeline.play import DEFAULT_DRAWS, simulate
from flrsim.timeline.types import Curve, Decision, EarliestDay, GrowthLaws, LedgerLine, Timeline

__all__ = [
    "DEFAULT_DRAWS",
    "Curve",
    "Decision",
    "EarliestDay",
    "GrowthLaws",
    "LedgerLine",
    "Timeline",
    "simulate",
]
