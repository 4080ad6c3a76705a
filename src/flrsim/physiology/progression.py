"""When disease progresses beyond resection on the way from the images to the last operation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flrsim.course import Course
from flrsim.draws import Floats
from flrsim.evidence import Evidence
from flrsim.patient import Patient, Treatment
from flrsim.physiology.injury import chemotherapy_cycles, given_by

_DAYS_PER_WEEK = 7.0


def known_day(course: Course) -> int | None:
    """Return the last day on which a volume was measured: the patient got so far; None without one."""
    days = [s.day for s in course.steps if s.measured_flr_ml is not None]
    return days[-1] if days else None


def progression_day(
    course: Course, patient: Patient, history: tuple[Treatment, ...], evidence: Evidence, u: Floats
) -> Floats:
    """Return the day on which each draw progresses beyond resection, (n_draws,); infinity without lesions.

    Parameters
    ----------
    history
        Treatments given until the last operation, those that the course plans included.

    Notes
    -----
    Two stretches, from the images to the first step that touches the liver and from there on. Each begins with what was
    seen: the hazard is lower in its first weeks, cumulative ``h1 w`` up to w1, then ``h1 w1 + h (w - w1)``, times the
    multipliers of what was known at its start; treatment slows the stretch that holds a dose of it. The day solves
    cumulative hazard ``= -ln u``. A patient whose volume was measured on a day had not progressed until then.
    """
    if not course.lesions:
        return np.full(u.shape, np.inf)
    images, first = course.scan_day, course.first_day
    waiting = _Hazard.of(course, patient, history, images - 1, first - 1, evidence)
    interval = _Hazard.of(course, patient, history, first, day_before_the_end(course), evidence)
    hazard = -np.log(u)
    known = known_day(course)
    if known is not None:
        hazard = hazard + waiting.until(min(known, first) - images) + interval.until(known - first)
    after = hazard - waiting.until(first - images)
    return np.where(after < 0, images + waiting.days(hazard), first + interval.days(after))


@dataclass(frozen=True)
class _Hazard:
    """Hazard of progression in one stretch: `early` per week in its first `early_weeks`, then `late`."""

    early: float
    late: float
    early_weeks: float

    @classmethod
    def of(
        cls,
        course: Course,
        patient: Patient,
        history: tuple[Treatment, ...],
        start: int,
        end: int,
        evidence: Evidence,
    ) -> _Hazard:
        """Read it; doses after day `start` and until day `end` slow the stretch."""
        name = "dropout.progression."
        ratio = _ratio(course, patient, history, start, end, evidence)
        early, late, weeks = (evidence.value(name + n) for n in ("early_rate", "rate", "early_weeks"))
        return cls(ratio * early, ratio * late, weeks)

    def until(self, days: float) -> float:
        """Return the cumulative hazard of the first `days`; 0 where there are none."""
        weeks = max(days, 0) / _DAYS_PER_WEEK
        return self.early * min(weeks, self.early_weeks) + self.late * max(weeks - self.early_weeks, 0.0)

    def days(self, hazard: Floats) -> Floats:
        """Return the days after which the cumulative hazard is `hazard`, (n_draws,)."""
        seam = self.early * self.early_weeks
        weeks = np.where(hazard <= seam, hazard / self.early, self.early_weeks + (hazard - seam) / self.late)
        return np.asarray(weeks * _DAYS_PER_WEEK)


def _ratio(
    course: Course,
    patient: Patient,
    history: tuple[Treatment, ...],
    start: int,
    end: int,
    evidence: Evidence,
) -> float:
    """Return the multiplier of the hazard of progression in a stretch."""
    name, ratio = "dropout.progression.", 1.0
    if patient.tumour.response == "progressing":
        ratio *= evidence.value(name + "progressing")
    before = given_by(start, history, evidence)
    if _cycles(given_by(end, history, evidence)) > _cycles(before):
        ratio *= evidence.value(name + "interval_chemotherapy")
    if chemotherapy_cycles(before, evidence) > evidence.value("growth.many_cycles_above"):
        ratio *= evidence.value(name + "many_cycles")
    if max(x.diameter_mm for x in course.lesions) >= evidence.value(name + "large_lesion_from"):
        ratio *= evidence.value(name + "large_lesion")
    if len(course.lesions) >= evidence.value(name + "many_lesions_from"):
        ratio *= evidence.value(name + "many_lesions")
    return ratio


def day_before_the_end(course: Course) -> int:
    """Return the day before the last operation, or the last day without one: until then a dose is in the interval."""
    last = course.last_operation
    return last.day - 1 if last else course.steps[-1].day if course.steps else course.first_day


def _cycles(history: tuple[Treatment, ...]) -> int:
    return sum(t.cycles for t in history)
