"""A plan played forward, day by day and draw by draw, and reduced to what a person reads."""

from flrsim.timeline.credit import credits_of
from flrsim.timeline.play import DEFAULT_DRAWS, simulate
from flrsim.timeline.types import (
    Credited,
    Curve,
    Decision,
    EarliestDay,
    GrowthLaws,
    LedgerLine,
    Operated,
    Timeline,
)

__all__ = [
    "DEFAULT_DRAWS",
    "Credited",
    "Curve",
    "Decision",
    "EarliestDay",
    "GrowthLaws",
    "LedgerLine",
    "Operated",
    "Timeline",
    "credits_of",
    "simulate",
]
