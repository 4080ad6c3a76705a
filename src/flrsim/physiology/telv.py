"""Total liver volume estimated from body size, by six published formulas side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flrsim.evidence import Evidence
from flrsim.patient import Patient

THRESHOLD_FORMULA = "vauthey2002"
"""The formula that sFLR is shown with: most thresholds were found with it, and each rule names its own."""


@dataclass(frozen=True)
class TelvResult:
    """Estimated total liver volume, mL.

    Attributes
    ----------
    ml : None where the formula does not hold for this patient; `reason` then says why.
    population : the people the formula was made from.
    """

    formula: str
    ml: float | None
    reason: str
    population: str
    source: str
    note: str

    def to_dict(self) -> dict[str, object]:
        """Return the JSON form."""
        return dict(self.__dict__)


def telv(patient: Patient, formula: str, evidence: Evidence) -> TelvResult:
    """Estimate the total liver volume of `patient` by a named formula.

    Notes
    -----
    Formulas in BSA use the Mosteller surface. Formulas that give grams are divided by ``telv.density``.
    """
    if formula not in FORMULAS:
        raise ValueError(f'formula "{formula}" is not known; formulas are {", ".join(FORMULAS)}')
    ml, reason = FORMULAS[formula](patient, evidence)
    prefix = f"telv.{formula}." + ("young.intercept" if formula == "chouker2004" else "intercept")
    first = evidence[prefix]
    population = (
        evidence["telv.chouker2004.age_low"].population if formula == "chouker2004" else first.population
    )
    return TelvResult(formula, ml, reason, population, first.source, first.note)


def all_telv(patient: Patient, evidence: Evidence) -> tuple[TelvResult, ...]:
    """Estimate the total liver volume by every formula."""
    return tuple(telv(patient, formula, evidence) for formula in FORMULAS)


def _by_surface(formula: str) -> Callable[[Patient, Evidence], tuple[float | None, str]]:
    """Return ``intercept + per_bsa * BSA``."""

    def estimate(patient: Patient, evidence: Evidence) -> tuple[float | None, str]:
        intercept = evidence.value(f"telv.{formula}.intercept")
        return intercept + evidence.value(f"telv.{formula}.per_bsa") * patient.bsa_m2, ""

    return estimate


def _chouker(patient: Patient, evidence: Evidence) -> tuple[float | None, str]:
    """Weight and age, one equation per age class; autopsies between 16 and 70 years only."""
    low, split, high = (evidence.value(f"telv.chouker2004.age_{name}") for name in ("low", "split", "high"))
    if not low <= patient.age <= high:
        return None, f"made from autopsies of {low:g} to {high:g} years; the patient is {patient.age:g}"
    group = "young" if patient.age < split else "old"
    grams = (
        evidence.value(f"telv.chouker2004.{group}.intercept")
        + evidence.value(f"telv.chouker2004.{group}.per_kg") * patient.weight_kg
        + evidence.value(f"telv.chouker2004.{group}.per_year") * patient.age
    )
    if group == "young" and patient.sex == "female":
        grams += evidence.value("telv.chouker2004.young.female")
    return grams / evidence.value("telv.density"), ""


def _chan(patient: Patient, evidence: Evidence) -> tuple[float | None, str]:
    """Weight and sex."""
    grams = (
        evidence.value("telv.chan2006.intercept") + evidence.value("telv.chan2006.per_kg") * patient.weight_kg
    )
    if patient.sex == "male":
        grams += evidence.value("telv.chan2006.male")
    return grams / evidence.value("telv.density"), ""


FORMULAS: dict[str, Callable[[Patient, Evidence], tuple[float | None, str]]] = {
    "vauthey2002": _by_surface("vauthey2002"),
    "urata1995": _by_surface("urata1995"),
    "chouker2004": _chouker,
    "um2015": _by_surface("um2015"),
    "feng2017": _by_surface("feng2017"),
    "chan2006": _chan,
}
"""Formulas by name, the one that sFLR is shown with first."""
