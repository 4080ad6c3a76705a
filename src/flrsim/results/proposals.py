"""Plans proposed for a case, by family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flrsim.results.base import RESEARCH_NOTE, Result, Run


@dataclass(frozen=True)
class PlanProposal(Result):
    """The answer of one family: a plan and whether it can be carried out, or why there is none.

    `steps` are in words; `plan` is the ``[[plan]]`` table of a case file, null without a plan.
    """

    family: str
    name: str | None
    steps: tuple[str, ...]
    legal: bool
    why: str
    remarks: tuple[str, ...]
    plan: Mapping[str, Any] | None


@dataclass(frozen=True)
class ProposedPlans(Result):
    """One proposal for each family, the smallest burden first."""

    schema: str
    run: Run
    case: str
    proposals: tuple[PlanProposal, ...]
    warnings: tuple[str, ...]
    assumptions: tuple[Mapping[str, Any], ...]
    references: tuple[Mapping[str, Any], ...]
    note: str = field(default=RESEARCH_NOTE)
