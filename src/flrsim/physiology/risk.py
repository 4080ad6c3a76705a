"""What can go wrong with an operation: liver failure as a range, death within 90 days, major complications.

One cause enters liver failure once: a measured function if there is one, else cirrhosis with a known injury, else
with weeks of chemotherapy; where a biopsy is not of all that chemotherapy does, or older than some of it, the worse of
injury and weeks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flrsim.draws import Floats
from flrsim.evidence import Evidence
from flrsim.patient import Patient, Treatment
from flrsim.physiology.adequacy import volume_rule
from flrsim.physiology.doses import chemotherapy_weeks
from flrsim.physiology.function import measured_function
from flrsim.physiology.injury import Injury
from flrsim.physiology.modifiers import Effect

DEFINITIONS: dict[str, str] = {
    "peak_bilirubin": "",
    "isgls": "risk.phlf.shift.isgls",
    "isgls_bc": "risk.phlf.shift.isgls_bc",
    "fifty_fifty": "risk.phlf.shift.fifty_fifty",
}
"""Definitions of liver failure and the number that shifts the log odds of the first to each."""

MEASURED = "measured function"
"""The cause that stands for all others that a test of function would see."""

PHLF_DEFINITION = (
    "hepatic insufficiency after major resection: low and high of two published forms, peak bilirubin "
    "> 7 mg/dL (Shindoh 2013) and a curve in sFLR; not ISGLS, not 50-50"
)


@dataclass(frozen=True)
class FailureRisk:
    """Probability of liver failure after one operation, (n_draws,) each.

    Attributes
    ----------
    cause : what stands for the quality of the liver: measured function, injury, chemotherapy, or none.
    """

    low: Floats
    high: Floats
    cause: str

    @property
    def middle(self) -> Floats:
        """Midpoint of the range, from which events are drawn."""
        return 0.5 * (self.low + self.high)


def failure_risk(
    sflr: Floats,
    major: bool,
    patient: Patient,
    history: tuple[Treatment, ...],
    injury: Injury,
    found: Mapping[str, Effect],
    evidence: Evidence,
    off: frozenset[str] = frozenset(),
) -> FailureRisk:
    """Return the range of liver-failure probability after an operation that leaves `sflr`.

    Parameters
    ----------
    history
        Treatments given until the operation.
    found
        Effects of all causes on that day; those in `off` do nothing.

    Notes
    -----
    Binary form ``logit p = a + b [chemotherapy > 12 weeks] + c [sFLR <= 30 %]``, curve
    ``logit p = a' + b' (sFLR - shift)``. The binary form was found above 20 % sFLR; below it, the low end is
    the curve at 20 % and the high end at least the published stratum. In a normal liver above 20 % the range
    is flat; it is the least for any major resection. A liver whose function was measured is a normal liver of so
    much less volume: cirrhosis, injury and weeks are in the measurement. No stack of causes is above the worst
    published stratum. A minor resection has the rate of all hepatectomies at most.
    """
    if not major:
        return FailureRisk(
            np.zeros(sflr.shape), np.full(sflr.shape, evidence.value("risk.phlf.minor_high")), "minor"
        )
    function = measured_function(patient, evidence, off)
    effective = sflr * (1.0 if function is None else function)
    cirrhosis = function is None and "fibrosis" not in off and patient.liver.cirrhotic
    ranges = [
        _range(effective, cirrhosis, *cause, evidence)
        for cause in _causes(function is not None, cirrhosis, history, injury, found, evidence, off)
    ]
    worst = max(ranges, key=lambda r: float(np.mean(r.middle)))
    low, high = (np.max([getattr(r, end) for r in ranges], axis=0) for end in ("low", "high"))
    return FailureRisk(low, high, worst.cause)


def _range(
    effective: Floats,
    cirrhosis: bool,
    shift: float,
    binary_extra: float,
    odds: Floats,
    cause: str,
    evidence: Evidence,
) -> FailureRisk:
    """Return the range that both published forms span, with one cause at work."""
    step_id = "small_remnant_below_cirrhosis" if cirrhosis else "small_remnant_below"
    binary = (
        evidence.value("risk.phlf.binary.intercept")
        + binary_extra
        + evidence.value("risk.phlf.binary.small_remnant")
        * (effective <= evidence.value(f"risk.phlf.binary.{step_id}"))
    )
    a, b = evidence.value("risk.phlf.curve.intercept"), evidence.value("risk.phlf.curve.slope")
    one, other = _expit(binary + odds), _expit(a + b * (effective - shift) + odds)
    low, high = np.minimum(one, other), np.maximum(one, other)
    tiny = volume_rule("normal", evidence).value
    small = effective < tiny
    low = np.where(small, np.minimum(np.maximum(low, _expit(a + b * (tiny - shift) + odds)), other), low)
    high = np.where(small, np.maximum(high, evidence.value("risk.phlf.small_stratum")), high)
    # An injured liver is no better than a normal one, whose flat range is the least for any major resection.
    # A factor outside the liver (diabetes) moves that range too.
    floor, flat_high = (
        _expit(np.log(p / (1.0 - p)) + odds)
        for p in (evidence.value("risk.phlf.flat_low"), evidence.value("risk.phlf.flat_high"))
    )
    if cause in ("none", MEASURED) and not cirrhosis:
        low, high = np.where(small, low, floor), np.where(small, high, flat_high)
    cap = evidence.value("risk.phlf.cap")
    low = np.minimum(np.maximum(low, floor), cap)
    high = np.maximum(high, flat_high)
    return FailureRisk(low, np.clip(high, low, cap), cause)


def _causes(
    measured: bool,
    cirrhosis: bool,
    history: tuple[Treatment, ...],
    injury: Injury,
    found: Mapping[str, Effect],
    evidence: Evidence,
    off: frozenset[str],
) -> list[tuple[float, float, Floats, str]]:
    """Return shift of the curve, addition to the binary form, added log odds, and their cause; the worst counts."""
    shift = evidence.value("risk.phlf.curve.shift_cirrhosis") if cirrhosis else 0.0
    odds = np.zeros(injury.sos_grade.shape)
    if "diabetes" not in off:
        odds = odds + found["diabetes"].failure
    if measured:
        return [(shift, 0.0, odds, MEASURED)]
    known = {"sos": "sos", "nrh": "nrh", "steatohepatitis": "steatosis"}
    counted = [cause for name, cause in known.items() if name in injury.known and cause not in off]
    counted = [cause for cause in counted if np.any(found[cause].failure != 0)]
    by_injury = odds + sum((found[cause].failure for cause in counted), np.zeros(odds.shape))
    causes = [(shift, 0.0, by_injury, "injury" if counted else "none")]
    weeks = chemotherapy_weeks(history, evidence)
    long = "long_chemotherapy" not in off and weeks > evidence.value("rules.chemotherapy_weeks")
    # A biopsy of sinusoids and nodules outranks the weeks. One that leaves them open does not, nor does one that later
    # doses have overtaken: a found injury would make the liver safer than the weeks alone. So the worse of the two
    # stands, never both.
    if long and not injury.known - injury.risen >= {"sos", "nrh"}:
        shift += evidence.value("risk.phlf.curve.shift_chemotherapy")
        extra = evidence.value("risk.phlf.binary.long_chemotherapy")
        causes.append((shift, extra, odds, "weeks of chemotherapy"))
    return causes


def by_definition(
    risk: FailureRisk, who: NDArray[np.bool_], evidence: Evidence
) -> dict[str, tuple[float, float]]:
    """Return low and high mean probability of liver failure by each definition, over the draws `who`.

    Notes
    -----
    The model speaks of peak bilirubin. One series counted the same patients by three definitions; the differences
    of their log odds carry the range over, and the definitions are never mixed. No definition passes the worst
    published stratum.
    """
    cap = evidence.value("risk.phlf.cap")
    out = {}
    for name, id in DEFINITIONS.items():
        shift = evidence.value(id) if id else 0.0
        low, high = (_expit(_logit(p[who]) + shift) if shift else p[who] for p in (risk.low, risk.high))
        out[name] = (float(np.mean(np.minimum(low, cap))), float(np.mean(np.minimum(high, cap))))
    return out


def death_probability(
    failed: NDArray[np.bool_],
    p_failure: Floats,
    kind: str,
    patient: Patient,
    evidence: Evidence,
    off: frozenset[str] = frozenset(),
) -> Floats:
    """Return the probability of death within 90 days of one procedure, given who had liver failure.

    Parameters
    ----------
    failed, p_failure
        Who has liver failure, and how probable it was, (n_draws,).
    kind
        ``major``, ``minor``, ``staged_last`` (major, after earlier operations), ``alpps_first``, ``alpps_last`` or
        ``occlusion``.
    off
        Causes that do nothing.

    Notes
    -----
    ``1 - (1 - q) (1 - a failed)``, a the deaths among failures and q those from other causes. Where a published total
    T exceeds what both make, q is raised until they make it: ``q + (1 - q) a p = T``. A total contains failure, so it
    is never added to it; that of liver partition contains the deaths between its stages too.
    """
    value = evidence.value
    other = value("risk.death." + ("staged_last" if kind == "alpps_last" else kind))
    if kind in ("occlusion", "alpps_first"):
        return np.full(failed.shape, other)
    total = 0.0
    if kind == "alpps_last":
        total = 1.0 - (1.0 - value("risk.death.alpps_last")) / (1.0 - value("risk.death.alpps_first"))
    if "fibrosis" not in off and (patient.liver.stage == "F4" or patient.liver.child_pugh is not None):
        grade = "a" if patient.liver.child_pugh in (None, "A") else "bc"
        total = max(total, value(f"risk.death.cirrhosis_{grade}"))
    after = value("risk.death.after_phlf")
    other_causes = np.maximum(other, (total - after * p_failure) / (1.0 - after * p_failure))
    return np.asarray(1.0 - (1.0 - other_causes) * (1.0 - after * failed), dtype=np.float64)


def morbidity_probability(kind: str, injury: Injury | None, evidence: Evidence) -> Floats | float:
    """Return the probability of a major complication without liver failure after one procedure."""
    base = evidence.value(f"risk.morbidity.{kind}")
    if injury is None or not np.any(injury.sos_grade >= 2):
        return base
    log_odds = np.log(base / (1.0 - base)) + evidence.value("risk.morbidity.sos_2") * (injury.sos_grade >= 2)
    return _expit(log_odds)


def _expit(x: Floats) -> Floats:
    """Return 1 / (1 + exp(-x))."""
    from scipy.special import expit

    return np.asarray(expit(x), dtype=np.float64)


def _logit(p: Floats) -> Floats:
    """Return ln(p / (1 - p)), with infinities at 0 and 1."""
    from scipy.special import logit

    return np.asarray(logit(p), dtype=np.float64)
