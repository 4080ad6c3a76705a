"""Platelets and remnant per body weight together, in hepatocellular carcinoma."""

from __future__ import annotations

import numpy as np

from flrsim.course import Course
from flrsim.draws import Floats
from flrsim.evidence import BODY_WEIGHT, Evidence
from flrsim.patient import Patient
from flrsim.rules.result import RuleResult, drawn, measured
from flrsim.rules.volume import GRAMS_PER_KG

_STRATA = {2: ("both", "both are"), 1: ("one", "one of the two is"), 0: ("none", "neither is")}


def platelets_and_remnant(
    course: Course, patient: Patient, flr: Floats, evidence: Evidence
) -> list[RuleResult]:
    """Return both rules with the published stratum that the patient falls into; asked of major resections only.

    Parameters
    ----------
    flr : (n_draws,), mL.
    """
    platelets = patient.liver.platelets_per_nl
    if patient.disease != "hcc" or platelets is None or not any(s.major for s in course.operations):
        return []
    count, weight = evidence["rules.hcc.platelets"], evidence["rules.hcc.remnant_body_weight"]
    per_weight = flr / (patient.weight_kg * GRAMS_PER_KG)
    low = int(platelets < count.value) + int(float(np.median(per_weight)) < weight.value)
    name, words = _STRATA[low]
    stratum = evidence[f"risk.hcc.{name}"]
    interval = (
        ""
        if stratum.low is None or stratum.high is None
        else f", {100 * stratum.low:.2g} to {100 * stratum.high:.2g} %"
    )
    said = f"{words} too low: liver failure (ISGLS B or C) in {100 * stratum.value:.2g} % of {stratum.n}{interval}"
    return [
        measured(count, "platelets", platelets, note=said),
        drawn(weight, "remnant / body weight", per_weight, formula=BODY_WEIGHT, note=said),
    ]
