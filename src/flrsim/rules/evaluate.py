"""Every rule that a plan can be held against, and what was not measured for the others."""

from __future__ import annotations

from flrsim.draws import Floats
from flrsim.evidence import Evidence
from flrsim.patient import Patient
from flrsim.rules.function import clearance, limax, mebrofenin, retention
from flrsim.rules.hcc import platelets_and_remnant
from flrsim.rules.result import RuleResult
from flrsim.rules.volume import flr_ml, response, volume
from flrsim.timeline import Timeline


def evaluate(
    timeline: Timeline, patient: Patient, evidence: Evidence, *, counted: float | Floats = 1.0
) -> tuple[RuleResult, ...]:
    """Return every rule that concerns this patient and plan, the binding one first.

    Rules on tests that were not made are left out; `not_supplied` names the tests.

    Parameters
    ----------
    counted : share of the FLR that counts, one or (n_draws,); below 1 when tissue without inflow or outflow does not.

    Notes
    -----
    Volume and function rules are asked of the FLR on the day of the last operation. Response rules (growth rate,
    degree of hypertrophy) are asked once, at the first volumetry after an occlusion, and never on a running day.
    """
    course, flr = timeline.course, counted * flr_ml(timeline)
    share = flr / course.tlv_functional_ml
    return (
        *volume(timeline, patient, flr, evidence),
        *response(timeline, evidence),
        *retention(course, patient, evidence),
        *clearance(course, patient, share, evidence),
        *limax(patient, share, evidence),
        *mebrofenin(patient, evidence),
        *platelets_and_remnant(course, patient, flr, evidence),
    )


def not_supplied(patient: Patient) -> tuple[str, ...]:
    """Return the tests that rules ask for and that were not supplied."""
    liver = patient.liver
    asked = [
        ("ICG-R15", liver.icg_r15),
        ("K-ICG", liver.k_icg_per_min),
        ("LiMAx", liver.limax_ug_kg_h),
        ("mebrofenin uptake of the FLR", liver.mebrofenin_flr),
        ("bilirubin", liver.bilirubin_mg_dl),
        ("ascites", liver.ascites),
    ]
    if patient.disease == "hcc":
        asked.append(("platelets", liver.platelets_per_nl))
    return tuple(name for name, value in asked if value is None)
