"""What the judgement of a plan says beside its picture: the binding rule with its own denominator, lost vessels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flrsim.evidence import MEASURED_LIVER
from flrsim.report import format as show
from flrsim.report.perfusion import SAID_ML
from flrsim.report.rules import SIGNS, called
from flrsim.results import PlanResult, Quantiles


@dataclass(frozen=True)
class BindingRule:
    """The rule on volume that binds a plan.

    Attributes
    ----------
    quantity : the share that it asks for, in words: ``sFLR``, or ``FLR / functional liver``.
    formula : of the denominator, in words; empty where the quantity names it.
    per_sflr : the rule's share of a plan over its sFLR; 1 for a rule on sFLR. It is one number on all days and in all draws, for neither
        denominator grows.
    """

    quantity: str
    formula: str
    sign: str
    threshold: float
    population: str
    per_sflr: float

    @property
    def text(self) -> str:
        """What it asks."""
        formula = f" ({self.formula})" if self.formula else ""
        return f"{self.sign} {show.percent(self.threshold)} {self.quantity}{formula}"

    def share(self, sflr: Quantiles) -> Quantiles:
        """Return the rule's own share for an sFLR."""
        return Quantiles(
            *(None if v is None else self.per_sflr * v for v in (sflr.median, sflr.p10, sflr.p90))
        )

    def shares(self, sflr: Sequence[float]) -> list[float]:
        """Return the rule's own share for each sFLR."""
        return [self.per_sflr * v for v in sflr]


def binding_rule(result: PlanResult | None) -> BindingRule | None:
    """Return the rule that binds a plan; None where nothing could be asked."""
    rule = next((r for r in result.rules if r.binding and r.unit == "fraction"), None) if result else None
    if result is None or rule is None or not result.sflr:
        return None
    of_liver = rule.formula == MEASURED_LIVER
    return BindingRule(
        called(rule)[0],
        "" if of_liver else show.words(rule.formula or ""),
        SIGNS.get(rule.direction, ""),
        rule.threshold,
        rule.population,
        result.flr_fraction / result.sflr if of_liver else 1.0,
    )


def loss_decides(result: PlanResult | None) -> bool:
    """Return whether the binding rule is met only with tissue that loses inflow or outflow."""
    return result is not None and any(r.binding and r.needs_lost_tissue for r in result.rules)


def vessels_lost(result: PlanResult | None) -> str:
    """Return how much of what stays ends without inflow or outflow, and the share without it; empty where hardly any."""
    lost = None if result is None else result.perfusion
    if result is None or lost is None or (lost.deprived_ml or 0.0) < SAID_ML:
        return ""
    by = {s: ml for s, ml in (lost.deprived_by_segment or {}).items() if ml >= SAID_ML}
    where = f" ({', '.join(sorted(by))})" if by else ""
    # To the mL, as the verdict says it.
    said = f"{lost.deprived_ml:.0f} mL of what stays{where} loses inflow or outflow in the end"
    none = next((c for c in lost.credited if c.credit == 0), None)
    if none is None or none.sflr is None:
        return said
    rule = binding_rule(result)
    name, scale = ("sFLR", 1.0) if rule is None else (rule.quantity, rule.per_sflr)
    said += f"; {name} without it {show.percent(scale * none.sflr)}"
    if none.sflr_at_resection is not None:
        said += f" now, {show.percent(scale * none.sflr_at_resection)} at resection"
    return said
