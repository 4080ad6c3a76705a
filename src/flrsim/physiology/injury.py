"""Injury of the liver by chemotherapy: it builds up with every cycle and washes out afterwards.

The history gives a dose and the dose a probability of each grade; one uniform number per draw and injury
decides the grade, so in one draw the grade can only fall as time passes. A biopsy, or a condition known
otherwise, outranks the prediction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flrsim.draws import Floats, Stream
from flrsim.evidence import Evidence
from flrsim.patient import Patient, Treatment
from flrsim.regimens import BEVACIZUMAB, IRINOTECAN, NOT_CHEMOTHERAPY, OXALIPLATIN, drugs

_DAYS_PER_WEEK = 7.0


@dataclass(frozen=True)
class Injury:
    """State of the liver on one day, one entry per draw.

    Attributes
    ----------
    sos_grade, nrh_grade : (n_draws,) int, 0 … 3 sinusoidal obstruction, 0 … 2 nodular regeneration (2 stands
        for 2-3).
    steatohepatitis : (n_draws,) bool.
    known : names of the injuries that were measured, not predicted.
    """

    day: int
    sos_grade: NDArray[np.int64]
    nrh_grade: NDArray[np.int64]
    steatohepatitis: NDArray[np.bool_]
    known: frozenset[str]

    def to_dict(self) -> dict[str, object]:
        """Return the share of draws with each injury."""
        return {
            "day": self.day,
            "sos_2": float(np.mean(self.sos_grade >= 2)),
            "nrh": float(np.mean(self.nrh_grade >= 1)),
            "steatohepatitis": float(np.mean(self.steatohepatitis)),
            "known": sorted(self.known),
        }


def chemotherapy_weeks(history: tuple[Treatment, ...], evidence: Evidence) -> float:
    """Return the weeks of chemotherapy given; antibodies alone do not count."""
    cycles = sum(t.cycles for t in history if drugs(t.regimen) - NOT_CHEMOTHERAPY)
    return cycles * evidence.value("injury.cycle_days") / _DAYS_PER_WEEK


def chemotherapy_cycles(history: tuple[Treatment, ...]) -> int:
    """Return the number of cycles of chemotherapy given."""
    return sum(t.cycles for t in history if drugs(t.regimen) - NOT_CHEMOTHERAPY)


def weeks_since(drug: str | None, day: int, history: tuple[Treatment, ...]) -> float | None:
    """Return the weeks from the last dose of `drug`, or of anything, to `day`; None when never given."""
    days = [day - t.last_dose_day for t in history if drug is None or drug in drugs(t.regimen)]
    return min(days) / _DAYS_PER_WEEK if days else None


def oxaliplatin_dose(
    day: int, history: tuple[Treatment, ...], evidence: Evidence, fast_weight: Floats
) -> tuple[Floats, float]:
    """Return the effective oxaliplatin cycles on `day`, and the share of them given with bevacizumab."""
    fast_half_life = evidence.value("injury.oxaliplatin.fast_half_life")
    slow_half_life = evidence.value("injury.oxaliplatin.slow_half_life")
    fast = slow = protected = 0.0
    for treatment in history:
        given = drugs(treatment.regimen)
        if OXALIPLATIN in given:
            ages = _cycle_ages(day, treatment, evidence)
            fast += float(np.sum(2.0 ** (-ages / fast_half_life)))
            part = float(np.sum(2.0 ** (-ages / slow_half_life)))
            slow += part
            protected += part if BEVACIZUMAB in given else 0.0
    return fast_weight * fast + (1.0 - fast_weight) * slow, protected / slow if slow else 0.0


def irinotecan_dose(day: int, history: tuple[Treatment, ...], evidence: Evidence) -> float:
    """Return the effective irinotecan cycles on `day`."""
    half_life = evidence.value("injury.irinotecan.half_life")
    ages = [_cycle_ages(day, t, evidence) for t in history if IRINOTECAN in drugs(t.regimen)]
    return sum(float(np.sum(2.0 ** (-a / half_life))) for a in ages)


def injury_probabilities(
    day: int, patient: Patient, history: tuple[Treatment, ...], evidence: Evidence, fast_weight: Floats
) -> dict[str, Floats]:
    """Return the probability of each injury on `day`, before anything known is taken into account.

    Returns
    -------
    dict of (n_draws,) float64
        ``sos_1``, ``sos_2``, ``sos_3`` (that grade or more), ``nrh``, ``steatohepatitis``.

    Notes
    -----
    ``logit p = intercept + slope * dose + protection * share of cycles with bevacizumab``. The formulas were
    set on treated patients; without any chemotherapy every probability is zero.
    """
    if chemotherapy_cycles(history) == 0:
        return {
            name: np.zeros(fast_weight.shape)
            for name in ("sos_1", "sos_2", "sos_3", "nrh", "steatohepatitis")
        }
    dose, protected = oxaliplatin_dose(day, history, evidence, fast_weight)
    sos = evidence.value("injury.sos.per_dose") * dose + evidence.value("injury.sos.bevacizumab") * protected
    nrh = evidence.value("injury.nrh.per_dose") * dose + evidence.value("injury.nrh.bevacizumab") * protected
    fat = evidence.value("injury.steatohepatitis.intercept")
    fat += evidence.value("injury.steatohepatitis.per_dose") * irinotecan_dose(day, history, evidence)
    if patient.bmi >= evidence.value("injury.steatohepatitis.overweight_from"):
        fat += evidence.value("injury.steatohepatitis.overweight")
    return {
        **{f"sos_{g}": _expit(evidence.value(f"injury.sos.intercept_{g}") + sos) for g in (1, 2, 3)},
        "nrh": _expit(evidence.value("injury.nrh.intercept") + nrh),
        "steatohepatitis": _expit(np.full(fast_weight.shape, fat)),
    }


def predict_injury(
    day: int, patient: Patient, history: tuple[Treatment, ...], evidence: Evidence, uniform: Stream
) -> Injury:
    """Return the injury of every draw on `day`; what the patient record states replaces the prediction.

    Parameters
    ----------
    uniform
        Uniform draws by decision name; the same names on every day, so that a draw's grade can only wash out.
    """
    fast_weight = evidence.quantile("injury.oxaliplatin.fast_weight", uniform("injury.washout"))
    p = injury_probabilities(day, patient, history, evidence, fast_weight)
    liver, shape = patient.liver, fast_weight.shape
    u = uniform("injury.sos")
    sos = sum(((u < p[f"sos_{g}"]).astype(np.int64) for g in (1, 2, 3)), np.zeros(shape, dtype=np.int64))
    nrh = (uniform("injury.nrh") < p["nrh"]).astype(np.int64)
    severe = uniform("injury.nrh_grade") < evidence.value("injury.nrh.high_grade_share")
    nrh = nrh * (1 + severe.astype(np.int64))
    fat = uniform("injury.steatohepatitis") < p["steatohepatitis"]
    known: set[str] = set()
    if liver.sos_grade is not None:
        sos, known = np.full(shape, liver.sos_grade, dtype=np.int64), known | {"sos"}
    if liver.nrh_grade is not None:
        nrh, known = np.full(shape, min(liver.nrh_grade, 2), dtype=np.int64), known | {"nrh"}
    if liver.steatohepatitis is not None:
        fat, known = np.full(shape, liver.steatohepatitis), known | {"steatohepatitis"}
    return Injury(day, sos, nrh, fat, frozenset(known))


def _cycle_ages(day: int, treatment: Treatment, evidence: Evidence) -> Floats:
    """Return the weeks from each cycle to `day`; cycles that lie ahead are not counted."""
    spacing = evidence.value("injury.cycle_days")
    ages = (day - treatment.last_dose_day + spacing * np.arange(treatment.cycles)) / _DAYS_PER_WEEK
    return np.asarray(ages[ages >= 0], dtype=np.float64)


def _expit(x: Floats) -> Floats:
    """Return 1 / (1 + exp(-x))."""
    from scipy.special import expit

    return np.asarray(expit(x), dtype=np.float64)
