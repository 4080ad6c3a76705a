"""What is proposed: a plan of a family, or why that family has none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flrsim import __version__
from flrsim.case import LiverCase
from flrsim.case_file.plans import plan_table
from flrsim.evidence import Evidence
from flrsim.plan import Plan, describe
from flrsim.results import PLANS_SCHEMA, PlanProposal, ProposedPlans, Run, plain

SPARING = "one operation, parenchyma-sparing"
AT_ONCE = "one operation"
EMBOLIZED = "embolization, then one operation"
DEPRIVED = "venous deprivation, then one operation"
RADIATED = "radiation lobectomy, then one operation"
TWO_STAGE = "two operations with embolization"
PARTITION = "two operations with liver partition (ALPPS)"
FAMILIES = (SPARING, AT_ONCE, EMBOLIZED, DEPRIVED, RADIATED, TWO_STAGE, PARTITION)
"""Families in the order they are asked, the smallest burden first."""


@dataclass(frozen=True)
class Proposal:
    """The answer of one family.

    Attributes
    ----------
    plan : None when no plan of the family makes sense.
    legal : whether there is a plan and it can be carried out.
    why : what speaks for the plan, or why there is none.
    remarks : what else a surgeon should know of it.
    sources : keys of what is cited for it beside the numbers read.
    """

    family: str
    plan: Plan | None
    legal: bool
    why: str
    remarks: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


def legal_plans(proposals: Sequence[Proposal]) -> tuple[Plan, ...]:
    """Return the plans that can be carried out."""
    return tuple(p.plan for p in proposals if p.legal and p.plan is not None)


def proposed_plans(case: LiverCase, proposals: Sequence[Proposal], evidence: Evidence) -> ProposedPlans:
    """Return proposals in their stable form.

    Parameters
    ----------
    evidence : the view that recorded what the search read.
    """
    return ProposedPlans(
        schema=PLANS_SCHEMA,
        run=Run(__version__, case.inputs_sha256, parameter_set=evidence.parameter_set),
        case=case.name,
        proposals=tuple(
            PlanProposal(
                family=p.family,
                name=None if p.plan is None else p.plan.name,
                steps=() if p.plan is None else tuple(describe(s, case.grid.segments) for s in p.plan.steps),
                legal=p.legal,
                why=p.why,
                remarks=p.remarks,
                plan=None if p.plan is None else plan_table(p.plan),
            )
            for p in proposals
        ),
        warnings=case.warnings,
        assumptions=tuple(evidence[i].to_dict() for i in evidence.used if evidence[i].kind == "assumed"),
        references=tuple(
            plain(r)
            for r in evidence.references(evidence.used, also={s for p in proposals for s in p.sources})
        ),
    )
