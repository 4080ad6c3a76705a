"""What stays without inflow or outflow, in its stable form: the FLR, its growth and its failure under each credit."""

from __future__ import annotations

from collections.abc import Sequence

from flrsim.evidence import Evidence
from flrsim.perfusion import Circulation, Deprivation
from flrsim.remnant import OnKeptVein
from flrsim.results import CreditedFlr, LosingTissue, PerfusionResult, VeinResult
from flrsim.timeline import Credited, credits_of


def perfusion_result(
    circulation: Circulation,
    deprived: Deprivation,
    telv_ml: float | None,
    evidence: Evidence,
    played: Sequence[Credited] = (),
    on_veins: Sequence[OnKeptVein] = (),
) -> PerfusionResult:
    """Return the stable form of a deprivation, with the FLR under each credit.

    Parameters
    ----------
    on_veins : lesions that are taken off a kept vein.
    played : what the plan comes to at its last operation under each credit; empty where nothing was played or lost.
    """
    known = deprived.devascularised is not None or deprived.congested is not None
    then = {c.credit: c for c in played}
    return PerfusionResult(
        devascularised=deprived.devascularised,
        congested=deprived.congested,
        deprived_ml=deprived.ml if known else None,
        deprived_by_segment=deprived.either if known else None,
        veins=tuple(
            VeinResult(
                v.name,
                v.fate,
                v.taken_fraction,
                v.drains_ml,
                v.congested_ml,
                v.if_taken_ml,
                v.sentence,
                {x.lesion: x.distance_mm for x in on_veins if x.vein == v.name},
            )
            for v in deprived.veins
        ),
        credited=tuple(
            _credited(credit, deprived, telv_ml, then.get(credit)) for credit in credits_of(evidence)
        )
        if known
        else (),
        not_supplied=tuple(circulation.missing.values()),
        losing=tuple(LosingTissue(p.segment, p.ml, p.stage, p.goes) for p in deprived.losing if p.stage),
    )


def _credited(
    credit: float, deprived: Deprivation, telv_ml: float | None, then: Credited | None
) -> CreditedFlr:
    flr = deprived.credited_ml(credit)
    return CreditedFlr(
        credit,
        flr,
        None if telv_ml is None else flr / telv_ml,
        None if then is None else then.sflr.median,
        None if then is None else then.p_phlf_low,
        None if then is None else then.p_phlf_high,
    )
