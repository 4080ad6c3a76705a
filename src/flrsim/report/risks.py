"""Risks of a plan as printed, each with the people it is said of.

Three populations: all who start; all draws, were the last operation done; and those who are operated on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flrsim.report import format as show
from flrsim.results import PlanResult

IN_ALL = "in all draws"
WERE_IT_DONE = f"were the last operation done {IN_ALL}"
OPERATED = "of those with enough volume who are operated on"
"""The two populations of the last operation's risks: one for every plan, and one that differs from plan to plan."""

FEW_OPERATED = 0.5
"""Below this share of draws with the last operation, what is said of all who start says so: a choice of presentation."""


def few_operated(plan: PlanResult) -> bool:
    """Return whether most who start never come to the last operation."""
    found = _operated(plan)
    return found is not None and found["share"] < FEW_OPERATED


def of_all(plan: PlanResult, p: float | None) -> str:
    """Return a probability of all who start; where few are operated on, with the share that is not."""
    text = show.probability(p)
    found = _operated(plan)
    if p is None or found is None or not few_operated(plan):
        return text
    without = "without the last operation" if several_steps(plan) else "not operated"
    return f"{text} ({show.probability(1.0 - found['share'])} {without})"


def several_steps(plan: PlanResult) -> bool:
    """Return whether anything is done to the liver before the last operation; else nobody can be stopped on the way."""
    return sum(d.kind in ("operate", "occlude") for d in plan.dates) > 1


def failure_of_operated(plan: PlanResult) -> str:
    """Return liver failure among those who are operated on; empty where all say the same."""
    found = _operated(plan)
    text = range_text(found) if found and found.get("low") is not None else ""
    return _beside(found, text, range_text(plan.p_phlf))


def death_of_operated(plan: PlanResult) -> str:
    """Return death after the last operation among those who are operated on; empty where all say the same."""
    found = _operated(plan)
    return _beside(found, show.probability((found or {}).get("death")), show.probability(plan.p_death_last))


def range_text(found: Mapping[str, Any] | None) -> str:
    """Return the two ends of a range of probability; empty where nothing was found."""
    if not found:
        return ""
    low, high = found.get("low"), found.get("high")
    return show.probability(low) if low == high else f"{show.probability(low)} to {show.probability(high)}"


def _operated(plan: PlanResult) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = (plan.p_phlf or {}).get("operated")
    return found


def _beside(found: Mapping[str, Any] | None, text: str, of_all: str) -> str:
    """Return a number of those who are operated on with their share; empty where all have the same."""
    if not found or text == of_all or found["share"] == 1.0:
        return ""
    share = show.probability(found["share"])
    return f"too few draws ({share})" if found["low"] is None else f"{text} ({share} of draws)"
