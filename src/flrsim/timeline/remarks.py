"""What must be said of the liver and enters no number."""

from __future__ import annotations

from flrsim.course import Course
from flrsim.draws import share
from flrsim.evidence import Evidence
from flrsim.patient import Patient, Treatment
from flrsim.physiology.doses import chemotherapy_cycles, given_by
from flrsim.physiology.injury import Injury
from flrsim.physiology.risk import MEASURED

_TESTS = {
    "icg_r15": "ICG-R15",
    "k_icg_per_min": "K-ICG",
    "limax_ug_kg_h": "LiMAx",
    "mebrofenin_flr": "mebrofenin uptake",
}
"""Measured function by its key."""


def failure_remark(patient: Patient, cause: str) -> str:
    """Return what the range of liver failure does not contain; empty where nothing must be said.

    Parameters
    ----------
    cause : what stands for the quality of the liver in it.
    """
    if cause != MEASURED or not patient.liver.cirrhotic:
        return ""
    return (
        "a measured function says nothing of portal hypertension: liver failure is that of a normal liver of less volume, "
        "deaths are those of a liver with scars"
    )


def liver_remarks(
    course: Course,
    patient: Patient,
    history: tuple[Treatment, ...],
    injury: Injury,
    evidence: Evidence,
) -> tuple[str, ...]:
    """Return what is known or foreseen of the liver on the day of `injury` and changes no number.

    Parameters
    ----------
    history
        Treatments given until that day.
    """
    said = []
    measured = [title for key, title in _TESTS.items() if getattr(patient.liver, key) is not None]
    before = given_by(course.scan_day, history, evidence)
    if measured and chemotherapy_cycles(history, evidence) > chemotherapy_cycles(before, evidence):
        later = sum(t.cycles for t in history) - sum(t.cycles for t in before)
        said.append(
            f"{' and '.join(measured)} {'is' if len(measured) == 1 else 'are'} taken as measured, though {later} "
            f"cycle{'s' if later > 1 else ''} of treatment come{'' if later > 1 else 's'} between the images and day "
            f"{injury.day}: measure again before it"
        )
    sclerosis = share(injury.biliary_sclerosis)
    if sclerosis > 0:
        said.append(
            f"a bile-duct stricture that needs a stent after arterial floxuridine is foreseen in {100 * sclerosis:.0f} % of "
            "draws; it is told as a complication and enters no other number"
        )
    return tuple(said)
