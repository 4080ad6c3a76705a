"""The patient and what was done to the liver before: body size, liver condition, chemotherapy."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

FIBROSIS_STAGES = ("F0", "F1", "F2", "F3", "F4")
SEXES = ("female", "male")
DISEASES = ("crlm", "hcc", "cholangiocarcinoma", "other")


@dataclass(frozen=True)
class LiverCondition:
    """What is known of the parenchyma; None means not known: it is then predicted from the treatment history.

    Attributes
    ----------
    steatosis_fraction : fraction of hepatocytes with fat, 0 … 1.
    steatohepatitis : proven (biopsy) or excluded.
    fibrosis : METAVIR stage F0 … F4.
    sos_grade, nrh_grade : biopsy grades 0 … 3 of sinusoidal obstruction and nodular regenerative hyperplasia.
    icg_r15 : indocyanine green retention at 15 min, fraction.
    child_pugh : A, B or C, cirrhotic livers only.
    """

    steatosis_fraction: float | None = None
    steatohepatitis: bool | None = None
    fibrosis: str | None = None
    sos_grade: int | None = None
    nrh_grade: int | None = None
    icg_r15: float | None = None
    child_pugh: str | None = None


@dataclass(frozen=True)
class Treatment:
    """One course of systemic treatment before the first operation.

    Attributes
    ----------
    regimen : drugs joined by "+", e.g. ``FOLFIRI+bevacizumab``.
    cycles : number of 2-week cycles given.
    last_dose_day : day of the last dose, relative to day 0 of the plan (negative).
    """

    regimen: str
    cycles: int
    last_dose_day: int


@dataclass(frozen=True)
class Patient:
    """Body size and disease; everything the formulas and the risks need to know."""

    sex: str
    age: float
    height_cm: float
    weight_kg: float
    disease: str = "crlm"
    diabetes: bool | None = None
    liver: LiverCondition = field(default_factory=LiverCondition)

    @property
    def bsa_m2(self) -> float:
        """Body surface area, m² (Mosteller 1987)."""
        return math.sqrt(self.height_cm * self.weight_kg / 3600.0)

    @property
    def bmi(self) -> float:
        """Body mass index, kg/m²."""
        return self.weight_kg / (self.height_cm / 100.0) ** 2
