"""Plans for a case that has none: in each family one that makes sense, or the reason why none does."""

from flrsim.search.proposal import FAMILIES, Proposal, legal_plans, proposed_plans
from flrsim.search.propose import propose

__all__ = ["FAMILIES", "Proposal", "legal_plans", "propose", "proposed_plans"]
