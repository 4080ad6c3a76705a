"""How much liver must stay: which threshold holds, from which day on, and how sure the volume is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from flrsim.anatomy import COUINAUD_LABELS
from flrsim.course import Course, CourseStep
from flrsim.draws import Floats
from flrsim.evidence import MEASURED_LIVER, Evidence, Parameter
from flrsim.patient import Patient, Treatment
from flrsim.physiology.doses import chemotherapy_weeks, weeks_since
from flrsim.regimens import BEVACIZUMAB

POPULATIONS = ("normal", "chemotherapy", "cirrhosis")
"""Populations of the sFLR thresholds, the least demanding first."""

_DAYS_PER_WEEK = 7.0


@dataclass(frozen=True)
class Population:
    """Which sFLR threshold is binding.

    Attributes
    ----------
    name : normal, chemotherapy or cirrhosis.
    reason : why.
    also : populations whose rule is shown beside it, because the patient stands within one cycle of the step.
    """

    name: str
    reason: str
    also: tuple[str, ...] = ()


def population(patient: Patient, history: tuple[Treatment, ...], evidence: Evidence) -> Population:
    """Return the population whose sFLR threshold is binding for this patient.

    An injury that chemotherapy causes and a biopsy has shown counts as long chemotherapy, whatever was given; that
    the threshold holds for it is assumed.
    """
    liver = patient.liver
    if liver.fibrosis in ("F3", "F4") or liver.child_pugh is not None:
        return Population("cirrhosis", f"fibrosis {liver.fibrosis}" if liver.fibrosis else "cirrhosis")
    weeks, step = chemotherapy_weeks(history, evidence), evidence.value("rules.chemotherapy_weeks")
    cycle = evidence.value("injury.cycle_days") / _DAYS_PER_WEEK
    steatosis = liver.steatosis_fraction or 0.0
    if liver.steatohepatitis:
        return Population("chemotherapy", "steatohepatitis")
    if steatosis >= evidence.value("growth.steatosis_high_from"):
        return Population("chemotherapy", f"steatosis {steatosis:.0%}")
    mild = []
    for grade, known, id in (
        (liver.sos_grade, "sinusoidal obstruction", "rules.chemotherapy_injury.sos"),
        (liver.nrh_grade, "nodular regenerative hyperplasia", "rules.chemotherapy_injury.nrh"),
    ):
        if grade is not None and grade >= evidence.value(id):
            return Population("chemotherapy", f"{known} grade {grade}, biopsy")
        if grade:
            mild.append(f"{known} grade {grade} only")
    near = abs(weeks - step) <= cycle
    given = f"{weeks:g} weeks of chemotherapy"
    if weeks > step:
        return Population("chemotherapy", f"{given}, more than {step:g}", ("normal",) if near else ())
    reason = f"{given}, not more than {step:g}" if weeks else "no chemotherapy"
    if mild or not weeks:
        reason += f", {', '.join(mild) or 'no known injury'}"
    return Population("normal", reason, ("chemotherapy",) if near else ())


def share_name(rule: Parameter) -> str:
    """Return what a rule on the share of the liver asks, in words that name its denominator."""
    return "FLR / functional liver" if rule.denominator == MEASURED_LIVER else "sFLR"


def volume_rule(name: str, evidence: Evidence) -> Parameter:
    """Return the rule on the share of the liver that must stay in a population."""
    return evidence[f"rules.sflr.{name}"]


def asked_of(rule: Parameter, functional_ml: float, telv_ml: float) -> float:
    """Return the denominator that a rule on the share of the liver is asked with, mL.

    A rule that was found with the liver on CT without tumour is asked of `functional_ml`, all others of `telv_ml`.
    """
    return functional_ml if rule.denominator == MEASURED_LIVER else telv_ml


def least_sflr(name: str, functional_ml: float, telv_ml: float, evidence: Evidence) -> float:
    """Return the FLR that the rule of a population needs, over `telv_ml`.

    Parameters
    ----------
    functional_ml, telv_ml
        The liver on the last imaging without lesions, and its volume by formula.

    Notes
    -----
    A rule needs ``threshold × its own denominator`` mL. Over the estimated volume, which sFLR is shown with, that is
    the threshold itself for a rule found with the formula, and another number for a rule found with the measured liver.
    """
    rule = volume_rule(name, evidence)
    return rule.value * asked_of(rule, functional_ml, telv_ml) / telv_ml


@dataclass(frozen=True)
class Floor:
    """The first day on which an operation is acceptable whatever the volume, and what sets it."""

    day: int
    reason: str


def family(technique: str) -> str:
    """Return the family of a stimulus that its waiting times go by: occlusion, partition or radiation."""
    if technique.startswith("alpps"):
        return "partition"
    return "radiation" if technique == "y90" else "occlusion"


def volumetry_rule(technique: str, evidence: Evidence) -> Parameter:
    """Return the number that says how long after a stimulus the first volumetry means something, days."""
    return evidence[f"rules.volumetry_after_{family(technique)}"]


def volumetry_wait(technique: str, evidence: Evidence) -> float:
    """Return the days from a stimulus to the first volumetry that means something."""
    return volumetry_rule(technique, evidence).value


def never_after_rule(technique: str, evidence: Evidence) -> Parameter:
    """Return the number that says how long after a stimulus volume counts as never reached, days."""
    return evidence["rules.never_after" + ("_radiation" if family(technique) == "radiation" else "")]


def never_after(technique: str, evidence: Evidence) -> float:
    """Return the days after a stimulus beyond which volume counts as never reached."""
    return never_after_rule(technique, evidence).value


def floor_day(
    first_day: int, occlusion: CourseStep | None, history: tuple[Treatment, ...], evidence: Evidence
) -> Floor:
    """Return the first day after the waiting times of chemotherapy, bevacizumab and the last stimulus."""
    floors = [(first_day, "first step of the plan")]
    for drug, id, name in (
        (None, "rules.wait.chemotherapy", "the last treatment"),
        (BEVACIZUMAB, "rules.wait.bevacizumab", "the last bevacizumab"),
    ):
        since = weeks_since(drug, 0, history)
        if since is not None:
            weeks = evidence.value(id)
            floors.append((round((weeks - since) * _DAYS_PER_WEEK), f"{weeks:g} weeks after {name}"))
    if occlusion is not None:
        technique = occlusion.technique or ""
        days = volumetry_wait(technique, evidence)
        floors.append((occlusion.day + round(days), f"{days:g} days after the {family(technique)}"))
    return Floor(*max(floors))


def last_asked(course: Course, evidence: Evidence) -> int:
    """Return the day from which on volume counts as never reached.

    It is counted from the last occlusion; without one from the last operation but one, whose remnant grows; without
    either nothing grows, and it is counted from the first step.
    """
    occlusions = [s for s in course.steps if s.kind == "occlude"]
    if occlusions:
        return occlusions[-1].day + round(never_after(occlusions[-1].technique or "", evidence))
    start = course.operations[-2].day if len(course.operations) > 1 else course.first_day
    return start + round(never_after("", evidence))


def first_day_reached(
    threshold: float | Floats, sflr_on: Callable[[int], Floats], floor: Floor, last_day: int
) -> Floats:
    """Return the first day from the floor on with sFLR at `threshold` or above, (n_draws,), inf for never.

    Every day is asked in turn, so that it does not matter what makes the liver grow.

    Parameters
    ----------
    sflr_on
        sFLR of every draw on a day, were the last operation not carried out.
    last_day
        Volume that is not reached on this day, or on the floor if that is later, is never reached.
    """
    found = np.where(sflr_on(floor.day) >= threshold, float(floor.day), np.inf)
    for day in range(floor.day + 1, last_day + 1):
        waiting = np.isinf(found)
        if not np.any(waiting):
            break
        found = np.where(waiting & (sflr_on(day) >= threshold), float(day), found)
    return found


def label_border(flr_segments: Iterable[str]) -> str | None:
    """Return the number that says how far annotators disagree about the border of an FLR, or None without a border.

    Notes
    -----
    Two annotators were compared on S2 + S3 and on S2 to S4. What matters is the border between what stays and
    what goes: an error of the FLR's share is the same error, with the other sign, of the rest. An FLR that
    holds every segment has no such border. Any border other than that of S2 + S3 takes the larger
    disagreement, by assumption.
    """
    kept = {segment[:2] for segment in flr_segments} - {"S1"}
    gone = {*COUINAUD_LABELS.values()} - {"S1"} - kept
    if not gone or not kept:
        return None
    return "volumetry.disagreement." + ("s2_s3" if {"S2", "S3"} in (kept, gone) else "s2_s4")


def label_sd_fraction(flr_segments: Iterable[str], evidence: Evidence) -> float:
    """Return the SD of the FLR's share of the liver from disagreement between annotators, fraction points.

    Notes
    -----
    The published number is the mean absolute difference of two annotators; divided by
    ``volumetry.disagreement.mean_to_sd`` it is the SD of one.
    """
    id = label_border(flr_segments)
    return 0.0 if id is None else evidence.value(id) / evidence.value("volumetry.disagreement.mean_to_sd")
