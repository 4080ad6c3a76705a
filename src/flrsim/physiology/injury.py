"""Injury of the liver by treatment: it builds up with every cycle and washes out afterwards.

The history gives a dose and the dose a probability of each grade; one uniform number per draw and injury
decides the grade, so in one draw the grade can only fall as time passes. What is known of the patient updates
the probability (spleen, platelets, APRI); a biopsy, or a condition known otherwise, replaces the prediction on its
day, from which later doses and washout are reckoned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flrsim.draws import Floats, Stream
from flrsim.evidence import Evidence
from flrsim.patient import Patient, Treatment
from flrsim.physiology.doses import chemotherapy_weeks, effective_cycles, given_by, oxaliplatin_dose
from flrsim.regimens import (
    ARTERIAL_FUDR,
    FLUOROPYRIMIDINES,
    IRINOTECAN,
    drugs,
)

_GRADES = ("sos_1", "sos_2", "sos_3")
_INJURIES = (*_GRADES, "nrh", "steatohepatitis", "steatosis", "biliary_sclerosis")
_SEVERE_NRH = 2  # stands for 2 to 3
_ROUNDING = 1e-12  # relative: a probability that is the same twice may differ by as much


@dataclass(frozen=True)
class Injury:
    """State of the liver on one day, one entry per draw.

    Attributes
    ----------
    sos_grade, nrh_grade : (n_draws,) int, 0 … 3 sinusoidal obstruction, 0 … 2 nodular regeneration (2 stands
        for 2-3).
    steatohepatitis, steatosis : (n_draws,) bool; steatosis of 30 % or more.
    biliary_sclerosis : (n_draws,) bool, after arterial floxuridine.
    known : names of the injuries that were looked at, on their day or before `day`; not predicted from doses alone.
        What was not there and became more probable by a later dose is known no more.
    risen : those of `known` that were there and that a later dose has made more probable since.
    """

    day: int
    sos_grade: NDArray[np.int64]
    nrh_grade: NDArray[np.int64]
    steatohepatitis: NDArray[np.bool_]
    steatosis: NDArray[np.bool_]
    biliary_sclerosis: NDArray[np.bool_]
    known: frozenset[str]
    risen: frozenset[str] = frozenset()

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


def injury_probabilities(
    day: int,
    patient: Patient,
    history: tuple[Treatment, ...],
    evidence: Evidence,
    fast_weight: Floats,
    images: int = 0,
) -> dict[str, Floats]:
    """Return the probability of each injury on `day`, before a biopsy is taken into account.

    Parameters
    ----------
    images
        Day of the images, on which platelets and APRI were taken and the spleen was measured too.

    Returns
    -------
    dict of (n_draws,) float64
        ``sos_1``, ``sos_2``, ``sos_3`` (that grade or more), ``nrh``, ``steatohepatitis``, ``steatosis`` (of 30 % or
        more), ``biliary_sclerosis``.

    Notes
    -----
    ``logit p = intercept + slope * dose + protection * share of cycles with bevacizumab``. Base rates without
    chemotherapy were found in patients with colorectal metastases; any other untreated liver has none.
    """
    if chemotherapy_weeks(history, evidence) == 0 and patient.disease != "crlm":
        return dict.fromkeys(_INJURIES, np.zeros(fast_weight.shape))
    p = _by_dose(day, patient, history, evidence, fast_weight, images)
    before = given_by(images, history, evidence)
    stratum = _nrh_of_blood(patient, evidence)
    if stratum is None or chemotherapy_weeks(before, evidence) == 0:
        return p
    if day <= images:
        return p | {"nrh": np.full(fast_weight.shape, stratum)}
    then = _by_dose(images, patient, before, evidence, fast_weight, images)["nrh"]
    now = _since(day, patient, history, before, evidence, fast_weight, images)["nrh"]
    return p | {"nrh": _expit(_logit(stratum) + _logit(now) - _logit(then))}


def _by_dose(
    day: int,
    patient: Patient,
    history: tuple[Treatment, ...],
    evidence: Evidence,
    fast_weight: Floats,
    images: int,
) -> dict[str, Floats]:
    """Return what the doses say of each injury on `day`, of a patient with colorectal metastases.

    Notes
    -----
    A spleen that had grown by the day of the `images` multiplies the odds of sinusoidal injury by the doses until then.
    What it adds to these odds is added to the odds of all doses, so that later ones count as without it.
    """
    shape, value = fast_weight.shape, evidence.value
    dose, protected, _ = oxaliplatin_dose(day, history, evidence, fast_weight)
    untreated = chemotherapy_weeks(history, evidence) == 0
    sos = _sinusoids(day, history, evidence, fast_weight)
    spleen, before = patient.liver.spleen_volume_ratio, given_by(images, history, evidence)
    # What a spleen of normal size says is not printed anywhere: it says nothing. Nor does one without chemotherapy.
    if (
        spleen is not None
        and chemotherapy_weeks(before, evidence) > 0
        and spleen - 1.0 >= value("injury.sos.spleen_enlarged_from")
    ):
        old = _sinusoids(day, before, evidence, fast_weight)
        sos = np.log(np.exp(sos) + np.expm1(value("injury.sos.spleen_log_odds")) * np.exp(old))
    nrh = value("injury.nrh.per_dose") * dose + value("injury.nrh.bevacizumab") * protected
    irinotecan, half_life = frozenset({IRINOTECAN}), value("injury.irinotecan.half_life")
    fat = value("injury.steatohepatitis.intercept")
    fat += value("injury.steatohepatitis.per_dose") * effective_cycles(
        irinotecan, day, history, half_life, evidence
    )
    if patient.bmi >= value("injury.steatohepatitis.overweight_from"):
        fat += value("injury.steatohepatitis.overweight")
    steatosis = value("injury.steatosis.intercept") + value("injury.steatosis.per_dose") * effective_cycles(
        FLUOROPYRIMIDINES, day, history, value("injury.steatosis.half_life"), evidence
    )
    arterial = sum(t.cycles for t in history if ARTERIAL_FUDR in drugs(t.regimen))
    sclerosis = value("injury.biliary_sclerosis.intercept") + arterial * value(
        "injury.biliary_sclerosis.per_cycle"
    )
    return {
        **{name: _expit(value(f"injury.sos.intercept_{name[-1]}") + sos) for name in _GRADES},
        "nrh": np.zeros(shape) if untreated else _expit(value("injury.nrh.intercept") + nrh),
        "steatohepatitis": _expit(np.full(shape, fat)),
        "steatosis": _expit(np.full(shape, steatosis)),
        "biliary_sclerosis": _expit(np.full(shape, sclerosis)) if arterial else np.zeros(shape),
    }


def _sinusoids(day: int, history: tuple[Treatment, ...], evidence: Evidence, fast_weight: Floats) -> Floats:
    """Return what the doses add to the log odds of sinusoidal obstruction of any grade on `day`, (n_draws,)."""
    value = evidence.value
    dose, protected, with_egfr = oxaliplatin_dose(day, history, evidence, fast_weight)
    sos = value("injury.sos.per_dose") * dose + value("injury.sos.bevacizumab") * protected
    untreated = chemotherapy_weeks(history, evidence) == 0
    return (
        sos
        + value("injury.sos.anti_egfr") * with_egfr
        + (value("injury.sos.untreated") if untreated else 0.0)
    )


def _since(
    day: int,
    patient: Patient,
    history: tuple[Treatment, ...],
    before: tuple[Treatment, ...],
    evidence: Evidence,
    fast_weight: Floats,
    images: int,
) -> dict[str, Floats]:
    """Return what the doses say on `day`, and no less than the doses `before` say alone.

    Bevacizumab with a later cycle protects from that cycle; it heals nothing.
    """
    p, old = (_by_dose(day, patient, h, evidence, fast_weight, images) for h in (history, before))
    return {name: np.maximum(p[name], old[name]) for name in p}


def _nrh_of_blood(patient: Patient, evidence: Evidence) -> float | None:
    """Return the rate of nodular regeneration in the stratum of platelets or APRI; None when neither is known.

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
        return evidence.value(f"injury.nrh.platelets_{stratum}")
    if liver.apri is not None:
        above = liver.apri > evidence.value("injury.nrh.apri_threshold")
        return evidence.value(f"injury.nrh.apri_{'above' if above else 'below'}")
    return None


def predict_injury(
    day: int,
    patient: Patient,
    history: tuple[Treatment, ...],
    evidence: Evidence,
    uniform: Stream,
    images: int = 0,
) -> Injury:
    """Return the injury of every draw on `day`; what a biopsy found replaces the prediction on its day.

    Parameters
    ----------
    history
        Treatments given until `day`.
    uniform
        Uniform draws by decision name; the same names on every day, so that a draw's grade can only wash out.
    images
        Day of the images: that of platelets, APRI and spleen, and of a biopsy whose own day is not said.

    Notes
    -----
    A draw has grade ``k`` or more where ``u < p_k``. A grade g that was found restricts u to ``p_(g+1) <= u < p_g`` of
    its day; later doses raise the probabilities and washout lowers them, u stays. So the found grade holds exactly
    until a dose is given or time passes. What no dose explains does not wash out.
    """
    fast_weight = evidence.quantile("injury.oxaliplatin.fast_weight", uniform("injury.washout"))
    p = injury_probabilities(day, patient, history, evidence, fast_weight, images)
    liver = patient.liver
    u = uniform("injury.sos")
    sos = _grade(u, p)
    any_nrh = uniform("injury.nrh") < p["nrh"]
    severe = uniform("injury.nrh_grade") < evidence.value("injury.nrh.high_grade_share")
    present = {
        "steatohepatitis": uniform("injury.steatohepatitis") < p["steatohepatitis"],
        "steatosis": uniform("injury.steatosis") < p["steatosis"],
    }
    found = _found(patient, evidence)
    risen: set[str] = set()
    if found:
        seen = images if liver.biopsy_day is None else liver.biopsy_day
        before = given_by(seen, history, evidence)
        was = _by_dose(seen, patient, before, evidence, fast_weight, images)
        now = was if day <= seen else _since(day, patient, history, before, evidence, fast_weight, images)
        if "sos" in found:
            sos = (
                _grade(_restricted(u, was, found["sos"]), now)
                if day > seen
                else np.full_like(sos, found["sos"])
            )
        if "nrh" in found:
            any_nrh = _still(bool(found["nrh"]), uniform("injury.nrh"), was["nrh"], now["nrh"])
            # A grade that was found is its own; nodules that come later have the share of severe ones.
            severe = np.full(severe.shape, found["nrh"] >= _SEVERE_NRH) if found["nrh"] else severe
        for name in ("steatohepatitis", "steatosis"):
            if name in found:
                present[name] = _still(bool(found[name]), uniform(f"injury.{name}"), was[name], now[name])
        risen = {name for name in found if _rose(name, was, now)}
    nrh = any_nrh.astype(np.int64) * (1 + severe.astype(np.int64))
    sclerosis = uniform("injury.biliary_sclerosis") < p["biliary_sclerosis"]
    there = {name for name, grade in found.items() if grade > 0}
    return Injury(
        day,
        sos,
        nrh,
        present["steatohepatitis"],
        present["steatosis"],
        sclerosis,
        known=frozenset(found) - (risen - there),
        risen=frozenset(risen & there),
    )


def _found(patient: Patient, evidence: Evidence) -> dict[str, int]:
    """Return what a biopsy found, or what is known otherwise, by injury: a grade, or 1 for present and 0 for not."""
    liver, found = patient.liver, {}
    if liver.sos_grade is not None:
        found["sos"] = liver.sos_grade
    if liver.nrh_grade is not None:
        found["nrh"] = min(liver.nrh_grade, _SEVERE_NRH)
    if liver.steatohepatitis is not None:
        found["steatohepatitis"] = int(liver.steatohepatitis)
    if liver.steatosis_fraction is not None:
        found["steatosis"] = int(liver.steatosis_fraction >= evidence.value("growth.steatosis_high_from"))
    return found


def _grade(u: Floats, p: Mapping[str, Floats]) -> NDArray[np.int64]:
    """Return the grade of sinusoidal obstruction of every draw, (n_draws,) 0 … 3."""
    return sum(((u < p[name]).astype(np.int64) for name in _GRADES), np.zeros(u.shape, dtype=np.int64))


def _restricted(u: Floats, p: Mapping[str, Floats], grade: int) -> Floats:
    """Return uniform numbers mapped onto those that give `grade`."""
    high = p[f"sos_{grade}"] if grade else np.ones(u.shape)
    low = p[f"sos_{grade + 1}"] if f"sos_{grade + 1}" in p else np.zeros(u.shape)
    return low + (high - low) * u


def _still(found: bool, u: Floats, was: Floats, now: Floats) -> NDArray[np.bool_]:
    """Return who has an injury now that was found, or found missing, when its probability was `was`."""
    if found:
        return (u * was < now) | (was <= 0)
    return was + (1.0 - was) * u < now


def _rose(name: str, was: Mapping[str, Floats], now: Mapping[str, Floats]) -> bool:
    """Return whether an injury is more probable than when it was looked at, in any draw and by more than rounding."""
    return any(
        bool(np.any((now[p] > was[p]) & ~np.isclose(now[p], was[p], rtol=_ROUNDING, atol=0)))
        for p in (_GRADES if name == "sos" else (name,))
    )


def _logit(p: Floats | float) -> Floats:
    """Return ln(p / (1 - p))."""
    return np.asarray(np.log(p) - np.log1p(-np.asarray(p)), dtype=np.float64)


def _expit(x: Floats) -> Floats:
    """Return 1 / (1 + exp(-x))."""
    from scipy.special import expit

    return np.asarray(expit(x), dtype=np.float64)
