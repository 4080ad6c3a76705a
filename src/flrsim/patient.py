"""The patient and what was done to the liver before: body size, liver condition, chemotherapy."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

CM_PER_M = 100.0

FIBROSIS_STAGES = ("F0", "F1", "F2", "F3", "F4")
SEXES = ("female", "male")
DISEASES = ("crlm", "hcc", "cholangiocarcinoma", "other")
CHOLESTASIS = ("none", "drained", "undrained")
ASCITES = ("none", "controlled", "uncontrolled")
RESPONSES = ("responding", "stable", "progressing")
PRIMARY = ("in_place", "symptomatic", "resected")
THROMBUS = ("none", "Vp1", "Vp2", "Vp3", "Vp4")
EXTRAHEPATIC = (
    "lung_resectable",
    "lung_unresectable",
    "peritoneum_limited",
    "peritoneum_extensive",
    "hilar_nodes",
    "celiac_nodes",
    "retroperitoneal_nodes",
    "retroperitoneal_nodes_multiple",
    "other",
)
"""Sites of disease outside the liver that rules speak of."""


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
    child_pugh : A, B or C, cirrhotic livers only; without a stage of fibrosis it stands for F4.
    k_icg_per_min : plasma disappearance rate of indocyanine green of the whole liver, 1/min.
    limax_ug_kg_h : maximal liver function capacity of the whole liver, µg/kg/h.
    mebrofenin_flr : uptake of mebrofenin by the FLR, fraction/min/m².
    bilirubin_mg_dl : total serum bilirubin.
    cholestasis : none, drained or undrained bile ducts.
    ascites : none, controlled or uncontrolled.
    platelets_per_nl : platelet count, 10⁹/L.
    apri : aspartate aminotransferase to platelet ratio index.
    spleen_volume_ratio : spleen volume now over before chemotherapy.
    biopsy_day : day on which steatosis, steatohepatitis and grades were found, not after day 0; None for that of the
        images.
    """

    steatosis_fraction: float | None = None
    steatohepatitis: bool | None = None
    fibrosis: str | None = None
    sos_grade: int | None = None
    nrh_grade: int | None = None
    icg_r15: float | None = None
    child_pugh: str | None = None
    k_icg_per_min: float | None = None
    limax_ug_kg_h: float | None = None
    mebrofenin_flr: float | None = None
    bilirubin_mg_dl: float | None = None
    cholestasis: str | None = None
    ascites: str | None = None
    platelets_per_nl: float | None = None
    apri: float | None = None
    spleen_volume_ratio: float | None = None
    biopsy_day: int | None = None

    @property
    def stage(self) -> str | None:
        """Stage of fibrosis; F4 where only a Child-Pugh class was given, which is a class of cirrhosis."""
        return "F4" if self.fibrosis is None and self.child_pugh is not None else self.fibrosis

    @property
    def cirrhotic(self) -> bool:
        """Whether thresholds and risks of cirrhosis hold: F3, F4, or any Child-Pugh class."""
        return self.stage in ("F3", "F4") or self.child_pugh is not None


@dataclass(frozen=True)
class TumourBiology:
    """What is known of the tumour beside its size; None means not known.

    Attributes
    ----------
    ras, braf : mutant or wild.
    side : left or right, of the colorectal primary.
    primary : in_place, symptomatic (in place and obstructing, bleeding or perforated) or resected.
    extrahepatic : sites of disease outside the liver, of `EXTRAHEPATIC`; None when it was not said, empty when
        there is none.
    response : how the lesions answered the treatment so far, of `RESPONSES`.
    thrombus : tumour thrombus in the portal vein, of `THROMBUS`.
    imaging : ct or ct_mri, on which lesions were counted.
    """

    ras: str | None = None
    braf: str | None = None
    side: str | None = None
    primary: str | None = None
    extrahepatic: tuple[str, ...] | None = None
    response: str | None = None
    thrombus: str | None = None
    imaging: str | None = None


@dataclass(frozen=True)
class Treatment:
    """One course of treatment, given before the plan or within it.

    Attributes
    ----------
    regimen : drugs joined by "+", e.g. ``FOLFIRI+bevacizumab``.
    cycles : number of cycles given, as long as the regimen's are (two weeks for FOLFOX, three for CAPOX).
    last_dose_day : day of the last dose, relative to day 0 of the plan; negative before it.
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
    sarcopenia: bool | None = None
    liver: LiverCondition = field(default_factory=LiverCondition)
    tumour: TumourBiology = field(default_factory=TumourBiology)

    @property
    def bsa_m2(self) -> float:
        """Body surface area, m² (Mosteller 1987)."""
        return math.sqrt(self.height_cm * self.weight_kg / 3600.0)

    @property
    def bmi(self) -> float:
        """Body mass index, kg/m²."""
        return self.weight_kg / (self.height_cm / CM_PER_M) ** 2
