"""Injury of the liver by treatment: it builds up with every cycle and washes out afterwards.

The history gives a dose and the dose a probability of each grade; one uniform number per draw and injury
decides the grade, so in one draw the grade can only fall as time passes. What is known of the patient updates
the probability (spleen, platelets, APRI); a biopsy, or a condition known otherwise, replaces the prediction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from flrsim.course import Course
from flrsim.draws import Floats, Stream
from flrsim.evidence import Evidence
from flrsim.patient import Patient, Treatment
from flrsim.regimens import (
    ANTI_EGFR,
    ARTERIAL_FUDR,
    BEVACIZUMAB,
    FLUOROPYRIMIDINES,
    IRINOTECAN,
    NOT_CHEMOTHERAPY,
    OXALIPLATIN,
    cycle_days,
    drugs,
)

_DAYS_PER_WEEK = 7.0


@dataclass(frozen=True)
class Injury:
    """State of the liver on one day, one entry per draw.

    Attributes
    ----------
    sos_grade, nrh_grade : (n_draws,) int, 0 … 3 sinusoidal obstruction, 0 … 2 nodular regeneration (2 stands
        for 2-3).
    steatohepatitis, steatosis : (n_draws,) bool; steatosis of 30 % or more.
    biliary_sclerosis : (n_draws,) bool, after arterial floxuridine.
    known : names of the injuries that were measured, not predicted.
    """

    day: int
    sos_grade: NDArray[np.int64]
    nrh_grade: NDArray[np.int64]
    steatohepatitis: NDArray[np.bool_]
    steatosis: NDArray[np.bool_]
    biliary_sclerosis: NDArray[np.bool_]
    known: frozenset[str]

    def to_dict(self) -> dict[str, object]:
        """Return the share of draws with each injury."""
        return {
            "day": self.day,
            "sos_2": float(np.mean(self.sos_grade >= 2)),
            "nrh": float(np.mean(self.nrh_grade >= 1)),
            "steatohepatitis": float(np.mean(self.steatohepatitis)),
            "steatosis": float(np.mean(self.steatosis)),
            "biliary_sclerosis": float(np.mean(self.biliary_sclerosis)),
            "known": sorted(self.known),
        }


def planned_treatments(course: Course, evidence: Evidence) -> tuple[Treatment, ...]:
    """Return the treatments that a course plans itself; their first dose is on the day of the step."""
    return tuple(
        Treatment(regimen, s.cycles, s.day + round((s.cycles - 1) * cycle_days(regimen, evidence)))
        for s in course.steps
        if s.kind == "treat"
        for regimen in (s.regimen or "",)
    )


def given_by(day: int, history: tuple[Treatment, ...], evidence: Evidence) -> tuple[Treatment, ...]:
    """Return the part of every treatment that was given until `day`."""
    given = []
    for treatment in history:
        spacing = cycle_days(treatment.regimen, evidence)
        ahead = max(0, int(np.ceil((treatment.last_dose_day - day) / spacing)))
        if ahead < treatment.cycles:
            last = treatment.last_dose_day - round(ahead * spacing)
            given.append(replace(treatment, cycles=treatment.cycles - ahead, last_dose_day=last))
    return tuple(given)


def chemotherapy_weeks(history: tuple[Treatment, ...], evidence: Evidence) -> float:
    """Return the weeks of chemotherapy given; antibodies alone do not count."""
    chemotherapy = [t for t in history if drugs(t.regimen) - NOT_CHEMOTHERAPY]
    return sum(t.cycles * cycle_days(t.regimen, evidence) for t in chemotherapy) / _DAYS_PER_WEEK


def chemotherapy_cycles(history: tuple[Treatment, ...], evidence: Evidence) -> float:
    """Return the cycles of chemotherapy given, counted as the two-weekly ones that last as long."""
    return chemotherapy_weeks(history, evidence) * _DAYS_PER_WEEK / evidence.value("injury.cycle_days")


def weeks_since(drug: str | None, day: int, history: tuple[Treatment, ...]) -> float | None:
    """Return the weeks from the last dose of `drug`, or of anything, to `day`; None when never given."""
    days = [day - t.last_dose_day for t in history if drug is None or drug in drugs(t.regimen)]
    return min(days) / _DAYS_PER_WEEK if days else None


def oxaliplatin_dose(
    day: int, history: tuple[Treatment, ...], evidence: Evidence, fast_weight: Floats
) -> tuple[Floats, float, float]:
    """Return the effective oxaliplatin cycles on `day`, and the shares given with bevacizumab and with anti-EGFR."""
    fast_half_life = evidence.value("injury.oxaliplatin.fast_half_life")
    slow_half_life = evidence.value("injury.oxaliplatin.slow_half_life")
    fast = slow = with_bevacizumab = with_egfr = 0.0
    for treatment in history:
        given = drugs(treatment.regimen)
        if OXALIPLATIN in given:
            ages, size = _cycle_ages(day, treatment, evidence), _cycle_size(treatment, evidence)
            fast += size * float(np.sum(2.0 ** (-ages / fast_half_life)))
            part = size * float(np.sum(2.0 ** (-ages / slow_half_life)))
            slow += part
            with_bevacizumab += part if BEVACIZUMAB in given else 0.0
            with_egfr += part if ANTI_EGFR & given else 0.0
    dose = fast_weight * fast + (1.0 - fast_weight) * slow
    return dose, with_bevacizumab / slow if slow else 0.0, with_egfr / slow if slow else 0.0


def effective_cycles(
    given: frozenset[str], day: int, history: tuple[Treatment, ...], half_life: float, evidence: Evidence
) -> float:
    """Return the cycles with any drug of `given`, each halved for every half-life (weeks) since it was given."""
    return sum(
        _cycle_size(t, evidence) * float(np.sum(2.0 ** (-_cycle_ages(day, t, evidence) / half_life)))
        for t in history
        if given & drugs(t.regimen)
    )


def injury_probabilities(
    day: int, patient: Patient, history: tuple[Treatment, ...], evidence: Evidence, fast_weight: Floats
) -> dict[str, Floats]:
    """Return the probability of each injury on `day`, before a biopsy is taken into account.

    Returns
    -------
    dict of (n_draws,) float64
        ``sos_1``, ``sos_2``, ``sos_3`` (that grade or more), ``nrh``, ``steatohepatitis``, ``steatosis`` (of 30 % or
        more), ``biliary_sclerosis``.

    Notes
    -----
    ``logit p = intercept + slope * dose + protection * share of cycles with bevacizumab``. The formulas were
    set on treated patients; without any chemotherapy every probability is zero.
    """
    shape, value = fast_weight.shape, evidence.value
    names = ("sos_1", "sos_2", "sos_3", "nrh", "steatohepatitis", "steatosis", "biliary_sclerosis")
    if chemotherapy_weeks(history, evidence) == 0:
        return {name: np.zeros(shape) for name in names}
    dose, protected, with_egfr = oxaliplatin_dose(day, history, evidence, fast_weight)
    sos = value("injury.sos.per_dose") * dose + value("injury.sos.bevacizumab") * protected
    sos = sos + value("injury.sos.anti_egfr") * with_egfr
    spleen = patient.liver.spleen_volume_ratio
    if spleen is not None:
        # What a spleen of normal size says is not printed anywhere: it says nothing.
        grown = spleen - 1.0 >= value("injury.sos.spleen_enlarged_from")
        sos = sos + (value("injury.sos.spleen_log_odds") if grown else 0.0)
    nrh = value("injury.nrh.per_dose") * dose + value("injury.nrh.bevacizumab") * protected
    fat = value("injury.steatohepatitis.intercept") + value(
        "injury.steatohepatitis.per_dose"
    ) * effective_cycles(
        frozenset({IRINOTECAN}), day, history, value("injury.irinotecan.half_life"), evidence
    )
    if patient.bmi >= value("injury.steatohepatitis.overweight_from"):
        fat += value("injury.steatohepatitis.overweight")
    arterial = sum(t.cycles for t in history if ARTERIAL_FUDR in drugs(t.regimen))
    sclerosis = value("injury.biliary_sclerosis.intercept") + arterial * value(
        "injury.biliary_sclerosis.per_cycle"
    )
    steatosis = value("injury.steatosis.intercept") + value("injury.steatosis.per_dose") * effective_cycles(
        FLUOROPYRIMIDINES, day, history, value("injury.steatosis.half_life"), evidence
    )
    return {
        **{f"sos_{g}": _expit(value(f"injury.sos.intercept_{g}") + sos) for g in (1, 2, 3)},
        "nrh": _updated_nrh(_expit(value("injury.nrh.intercept") + nrh), patient, evidence),
        "steatohepatitis": _expit(np.full(shape, fat)),
        "steatosis": _expit(np.full(shape, steatosis)),
        "biliary_sclerosis": _expit(np.full(shape, sclerosis)) if arterial else np.zeros(shape),
    }


def _updated_nrh(p: Floats, patient: Patient, evidence: Evidence) -> Floats:
    """Return the probability of nodular regeneration when platelets or APRI are known: the stratum's own rate.

    Platelets are asked first: both come from one series, and APRI is made from platelets.
    """
    liver = patient.liver
    if liver.platelets_per_nl is not None:
        low, high = (evidence.value(f"injury.nrh.platelet_step_{name}") for name in ("low", "high"))
        stratum = (
            "below_100"
            if liver.platelets_per_nl < low
            else "100_200"
            if liver.platelets_per_nl <= high
            else "above_200"
        )
        return np.full(p.shape, evidence.value(f"injury.nrh.platelets_{stratum}"))
    if liver.apri is not None:
        above = liver.apri > evidence.value("injury.nrh.apri_threshold")
        return np.full(p.shape, evidence.value(f"injury.nrh.apri_{'above' if above else 'below'}"))
    return p


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
    fatty = uniform("injury.steatosis") < p["steatosis"]
    sclerosis = uniform("injury.biliary_sclerosis") < p["biliary_sclerosis"]
    known: set[str] = set()
    if liver.sos_grade is not None:
        sos, known = np.full(shape, liver.sos_grade, dtype=np.int64), known | {"sos"}
    if liver.nrh_grade is not None:
        nrh, known = np.full(shape, min(liver.nrh_grade, 2), dtype=np.int64), known | {"nrh"}
    if liver.steatohepatitis is not None:
        fat, known = np.full(shape, liver.steatohepatitis), known | {"steatohepatitis"}
    if liver.steatosis_fraction is not None:
        high = liver.steatosis_fraction >= evidence.value("growth.steatosis_high_from")
        fatty, known = np.full(shape, high), known | {"steatosis"}
    return Injury(day, sos, nrh, fat, fatty, sclerosis, frozenset(known))


def _cycle_ages(day: int, treatment: Treatment, evidence: Evidence) -> Floats:
    """Return the weeks from each cycle to `day`; cycles that lie ahead are not counted."""
    spacing = cycle_days(treatment.regimen, evidence)
    ages = (day - treatment.last_dose_day + spacing * np.arange(treatment.cycles)) / _DAYS_PER_WEEK
    return np.asarray(ages[ages >= 0], dtype=np.float64)


def _cycle_size(treatment: Treatment, evidence: Evidence) -> float:
    """Return the two-weekly cycles that a cycle counts for: doses of a longer cycle are larger about in proportion."""
    return cycle_days(treatment.regimen, evidence) / evidence.value("injury.cycle_days")


def _expit(x: Floats) -> Floats:
    """Return 1 / (1 + exp(-x))."""
    from scipy.special import expit

    return np.asarray(expit(x), dtype=np.float64)
