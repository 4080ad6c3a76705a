"""What the last operation comes to when tissue without inflow or outflow counts in part or not at all."""

from __future__ import annotations

import numpy as np

from flrsim.draws import Floats, spread
from flrsim.evidence import Evidence
from flrsim.patient import Patient
from flrsim.physiology.interval import Liver
from flrsim.physiology.risk import failure_risk
from flrsim.physiology.volumes import Volumes
from flrsim.timeline.types import Credited


def credits_of(evidence: Evidence) -> tuple[float, ...]:
    """Return the credits given to tissue without inflow or outflow, lowest first.

    The first is none at all: what tissue without its portal branch keeps was never measured.
    """
    credit = evidence["congestion.credit"]
    return (0.0, *(c for c in (credit.low, credit.value, credit.high) if c is not None))


def credited(
    volumes: Volumes,
    liver: Liver,
    patient: Patient,
    lost: Floats,
    evidence: Evidence,
    off: frozenset[str],
) -> tuple[Credited, ...]:
    """Return sFLR and liver failure at the last operation under each credit; nothing where nothing is lost.

    Parameters
    ----------
    liver : on the day of the last operation.
    lost : share of the FLR without inflow or outflow on that day, (n_draws,).

    Notes
    -----
    All draws, were the operation done in each, as for the failure of the plan itself. What loses its flow counts as
    removed where it counts for nothing, so that an operation of wedges may be a major one.
    """
    last = volumes.course.last_operation
    if last is None or not np.any(lost > 0):
        return ()
    flr = volumes.flr_ml(last.day)
    out = []
    for credit in credits_of(evidence):
        sflr = flr * (1.0 - (1.0 - credit) * lost) / volumes.telv_ml
        risk = failure_risk(
            sflr,
            volumes.course.major_without(last, credit),
            patient,
            liver.history,
            liver.injury,
            liver.effects,
            evidence,
            off,
        )
        low, high = float(np.mean(risk.low)), float(np.mean(risk.high))
        out.append(Credited(credit, spread(sflr), low, high))
    return tuple(out)
