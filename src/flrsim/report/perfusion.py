"""What stays without inflow or outflow, as printed text."""

from __future__ import annotations

from collections.abc import Mapping

from flrsim.report import format as show
from flrsim.results import Comparison, CreditedFlr, PlanResult

SAID_ML = 1.0
"""Less than this is not worth a line."""


def credits_of(comparison: Comparison) -> tuple[float, ...]:
    """Return the credits under which an FLR with lost inflow or outflow is shown; none where no plan loses any."""
    lossy = [
        p.perfusion for p in comparison.plans if p.perfusion and (p.perfusion.deprived_ml or 0.0) >= SAID_ML
    ]
    return tuple(c.credit for c in lossy[0].credited) if lossy else ()


def uncounted(plan: PlanResult) -> CreditedFlr | None:
    """Return the FLR with what loses inflow or outflow not counted at all; None where nothing worth a line is lost."""
    lost = plan.perfusion
    if lost is None or (lost.deprived_ml or 0.0) < SAID_ML:
        return None
    return next((c for c in lost.credited if c.credit == 0), None)


def without_lost(plan: PlanResult) -> str:
    """Return of what a number of `uncounted` is said."""
    ml = None if plan.perfusion is None else plan.perfusion.deprived_ml
    return f"without {show.ml(ml)} that lose inflow or outflow"


def veins(plan: PlanResult) -> str:
    """Return what is said of the hepatic veins that a plan takes, cuts or runs along."""
    return "; ".join(v.sentence for v in plan.perfusion.veins if v.sentence) if plan.perfusion else ""


def deprived(plan: PlanResult, what: str) -> str:
    """Return ``devascularised`` or ``congested`` parenchyma that stays, with the segments it lies in."""
    if plan.perfusion is None:
        return ""
    by_vessel: Mapping[str, Mapping[str, float]] | None = getattr(plan.perfusion, what)
    if by_vessel is None:
        return "not supplied"
    by: dict[str, float] = {}
    for row in by_vessel.values():
        for segment, ml in row.items():
            by[segment] = by.get(segment, 0.0) + ml
    parts = [f"{s} {show.ml(ml)}" for s, ml in sorted(by.items(), key=lambda item: -item[1]) if ml >= SAID_ML]
    return f"{show.ml(sum(by.values()))} ({', '.join(parts)})" if parts else show.ml(sum(by.values()))


def credited(plan: PlanResult, credit: float) -> str:
    """Return FLR and sFLR with what lost inflow or outflow counted by `credit`, and what the operation comes to."""
    for c in plan.perfusion.credited if plan.perfusion else ():
        if c.credit == credit:
            said = f"{show.ml(c.flr_ml)}, {show.percent(c.sflr)}" if c.sflr is not None else show.ml(c.flr_ml)
            if c.sflr_at_resection is None or c.p_phlf_low is None or c.p_phlf_high is None:
                return said
            failure = f"{show.percent(c.p_phlf_low)} to {show.percent(c.p_phlf_high)}"
            return f"{said}; at resection {show.percent(c.sflr_at_resection)}, liver failure, were it done, {failure}"
    return ""
