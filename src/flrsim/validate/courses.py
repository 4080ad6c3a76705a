"""What was done to the liver in an arm, as a course: one liver of the formula's size, and a share of it that stays."""

from __future__ import annotations

from flrsim.course import Course, CourseLesion, CourseStep
from flrsim.evidence import Evidence
from flrsim.validate.numbers import NotSimulatedError
from flrsim.validate.patients import Arm

STAYS, FOURTH, GOES = "S2", "S4", "S5"
"""Segments that stand for what stays, for segment 4 where it goes, and for the rest."""
_SEEN_MM = 1.0
"""Diameter of the lesion that stands for a series: below every step that changes its rate of progression."""


def stimulated(arm: Arm) -> bool:
    """Return whether growth is stimulated before the last operation."""
    return str(arm.get("technique", "none")) != "none"


def operation_day(arm: Arm, evidence: Evidence) -> int:
    """Return the day of the last operation; where it is not printed, a while after the last volumetry."""
    if not stimulated(arm):
        return 0
    scans = arm.get("scan_days", [])
    if "resection_day" in arm:
        return round(float(arm["resection_day"]))
    if not scans:
        raise NotSimulatedError("neither the day of a volumetry nor that of the resection is stated")
    return round(float(scans[-1]) + evidence.value("cohort.scan_to_resection"))


def course_of_arm(
    arm: Arm, share: float, tlv_ml: float, evidence: Evidence, asked_days: tuple[int, ...] = ()
) -> Course:
    """Return the course of an arm for a liver of `tlv_ml` of which `share` stays.

    Segment 4 is a part of its own only where it goes and its branches are said to be embolized or open; how large
    it is then has no bearing on what stays, and half of what goes is taken.

    Parameters
    ----------
    asked_days
        Days on which function is asked, whatever was scanned then.
    """
    stays, goes = share * tlv_ml, (1.0 - share) * tlv_ml
    apart = arm.get("segment_4") in ("embolized", "open")
    parenchyma = {STAYS: stays, GOES: 0.5 * goes, FOURTH: 0.5 * goes} if apart else {STAYS: stays, GOES: goes}
    removed = {segment: ml for segment, ml in parenchyma.items() if segment != STAYS}
    day = operation_day(arm, evidence)
    first = [CourseStep(0, "operate", stage=1, removed_ml={})] if arm.get("two_stage", False) else []
    last = CourseStep(
        day, "operate", stage=len(first) + 1, removed_ml=removed, major=bool(arm.get("major", False))
    )
    steps = [*first, *_stimulus(arm), last]
    steps += [CourseStep(round(d), "scan") for d in arm.get("scan_days", []) if stimulated(arm) and d < day]
    steps += [CourseStep(d, "scan") for d in asked_days]
    order = {id(step): place for place, step in enumerate(steps)}
    steps.sort(key=lambda step: (step.day, order[id(step)]))
    return Course(
        name="arm",
        parenchyma_ml=parenchyma,
        flr_ml={STAYS: stays},
        tlv_functional_ml=tlv_ml,
        steps=tuple(steps),
        lesions=_lesions(arm, last.stage or 1),
    )


def segment_4_course(arm: Arm, share: float, tlv_ml: float, evidence: Evidence) -> Course:
    """Return a course in which nothing but segment 4 goes, so that what goes is segment 4."""
    stays, goes = share * tlv_ml, (1.0 - share) * tlv_ml
    return Course(
        name="segment 4",
        parenchyma_ml={STAYS: stays, FOURTH: goes},
        flr_ml={STAYS: stays},
        tlv_functional_ml=tlv_ml,
        steps=(
            *_stimulus(arm),
            CourseStep(operation_day(arm, evidence), "operate", stage=1, removed_ml={FOURTH: goes}),
        ),
    )


def _stimulus(arm: Arm) -> list[CourseStep]:
    """Return the occlusion of an arm on day 0; none where growth was not stimulated."""
    if not stimulated(arm):
        return []
    agent = arm.get("agent", "mixed")
    occluded = (GOES, FOURTH) if arm.get("segment_4") == "embolized" else (GOES,)
    return [
        CourseStep(
            0,
            "occlude",
            technique=str(arm["technique"]),
            occluded=occluded,
            agent=None if agent == "mixed" else str(agent),
        )
    ]


def _lesions(arm: Arm, stage: int) -> tuple[CourseLesion, ...]:
    """Return one lesion that stands for all: the rates of progression are those of whole series."""
    if arm.get("disease") == "donor":
        return ()
    return (CourseLesion("tumour", volume_ml=1.0, diameter_mm=_SEEN_MM, fate="removed", stage=stage),)
