"""The patient in one line, in words and units that a surgeon says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flrsim.report import format as show
from flrsim.report.records import flat
from flrsim.results import plain

DISEASES = {
    "crlm": "colorectal liver metastases",
    "hcc": "hepatocellular carcinoma",
    "cholangiocarcinoma": "cholangiocarcinoma",
}
SAID: Mapping[str, Callable[[Any], str]] = {
    "sex": "{}".format,
    "age": "{:g} years".format,
    "height_cm": "{:g} cm".format,
    "weight_kg": "{:g} kg".format,
    "bsa_m2": "BSA {:.2f} m²".format,
    "disease": lambda v: DISEASES.get(v, show.words(v)),
    "steatosis_fraction": lambda v: f"steatosis {show.percent(v)}",
    "fibrosis": "fibrosis {}".format,
    "sos_grade": "sinusoidal obstruction grade {}".format,
    "nrh_grade": "nodular regenerative hyperplasia grade {}".format,
    "icg_r15": lambda v: f"ICG-R15 {show.percent(v)}",
    "child_pugh": "Child-Pugh {}".format,
    "k_icg_per_min": "K-ICG {:g}/min".format,
    "limax_ug_kg_h": "LiMAx {:g} µg/kg/h".format,
    "mebrofenin_flr": lambda v: f"mebrofenin uptake of the FLR {100 * v:g} %/min/m²",
    "bilirubin_mg_dl": "bilirubin {:g} mg/dL".format,
    "cholestasis": lambda v: "no cholestasis" if v == "none" else f"cholestasis {v}",
    "ascites": lambda v: "no ascites" if v == "none" else f"ascites {v}",
    "platelets_per_nl": "platelets {:g}/nL".format,
    "apri": "APRI {:g}".format,
    "spleen_volume_ratio": "spleen {:g} times its volume before chemotherapy".format,
    "biopsy_day": lambda v: f"biopsy on {show.day(v)}",
    "ras": "RAS {}".format,
    "braf": "BRAF {}".format,
    "side": "primary on the {}".format,
    "primary": lambda v: f"primary {show.words(v)}",
    "extrahepatic": lambda v: f"outside the liver: {', '.join(map(show.words, v)) or 'none found'}",
    "response": lambda v: f"tumour {v}",
    "thrombus": lambda v: "no portal thrombus" if v == "none" else f"portal thrombus {v}",
    "imaging": lambda v: f"lesions counted on {v.replace('_', ' and ').upper().replace('AND', 'and')}",
    "history": lambda v: "; ".join(map(_course, v)),
}
"""What is known, as said; what is not in it is printed by its key."""


def patient_line(patient: Mapping[str, Any] | None) -> str:
    """Return the patient in one line; what is not known is left out."""
    if not patient:
        return "patient not supplied"
    known = plain(patient)
    for part in ("liver", "tumour"):
        known |= known.pop(part, None) or {}
    first = [k for k in SAID if k in known]
    told = [(k, known[k]) for k in (*first, *(k for k in known if k not in SAID))]
    return ", ".join(_said(k, v) for k, v in told if v is not None and (v != [] or k == "extrahepatic"))


def _said(key: str, value: Any) -> str:
    if key in SAID:
        return SAID[key](value)
    if isinstance(value, bool):
        return f"{'' if value else 'no '}{show.words(key)}"
    return f"{show.words(key)} {flat(value)}"


def _course(given: Mapping[str, Any]) -> str:
    cycles = given["cycles"]
    return f"{cycles} {'cycle' if cycles == 1 else 'cycles'} of {given['regimen']}, last dose on {show.day(given['last_dose_day'])}"
