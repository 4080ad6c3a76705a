"""When disease progresses beyond resection on the way from the images to the last operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flrsim.course import Course
from flrsim.draws import Floats
from flrsim.evidence import Evidence
from flrsim.patient import Patient, Treatment
from flrsim.physiology.doses import chemotherapy_cycles, given_by
from flrsim.regimens import acting_days

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
    seen: the hazard is lower in its first weeks, ``h1`` per week up to w1, then ``h``, times the multipliers of what was
    known at its start, and on the days on which treatment acts times its ratio. The day solves cumulative hazard
    ``= -ln u``. A patient whose volume was measured on a day had not progressed until then.
    """
    if not course.lesions:
        return np.full(u.shape, np.inf)
    images, first = course.scan_day, course.first_day
    # A dose on the day of the images comes after them.
    waiting = _Hazard.of(course, patient, history, images, images - 1, evidence)
    interval = _Hazard.of(course, patient, history, first, first, evidence)
    hazard = -np.log(u)
    known = known_day(course)
    if known is not None:
        hazard = hazard + waiting.until(min(known, first) - images) + interval.until(known - first)
    after = hazard - waiting.until(first - images)
    return np.where(after < 0, images + waiting.days(hazard), first + interval.days(after))


def treated_spans(history: Sequence[Treatment], evidence: Evidence) -> tuple[tuple[float, float], ...]:
    """Return the days from which up to which any of the treatments acts, in order and without overlap."""
    spans: list[tuple[float, float]] = []
    for start, end in sorted(acting_days(t.regimen, t.cycles, t.last_dose_day, evidence) for t in history):
        if spans and start <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(spans[-1][1], end)
        else:
            spans.append((start, end))
    return tuple(spans)


@dataclass(frozen=True)
class _Hazard:
    """Hazard of progression in one stretch, constant from each of `starts` (weeks, the first 0) to the next.

    Attributes
    ----------
    starts, rates, before : (n,) weeks; per week; the cumulative hazard until each start.
    """

    starts: Floats
    rates: Floats
    before: Floats

    @classmethod
    def of(
        cls,
        course: Course,
        patient: Patient,
        history: tuple[Treatment, ...],
        start: int,
        known: int,
        evidence: Evidence,
    ) -> _Hazard:
        """Read that of the stretch from day `start`; doses until day `known` are part of what was known then."""
        name = "dropout.progression."
        early, late, seam = (evidence.value(name + n) for n in ("early_rate", "rate", "early_weeks"))
        multiplier = _multiplier(course, patient, given_by(known, history, evidence), evidence)
        spans = [
            ((a - start) / _DAYS_PER_WEEK, (b - start) / _DAYS_PER_WEEK)
            for a, b in treated_spans(history, evidence)
            if b > start
        ]
        slowed = evidence.value(name + "interval_chemotherapy") if spans else 1.0
        starts = np.array(sorted({0.0, seam, *(week for span in spans for week in span if week > 0)}))
        treated = np.array([any(a <= week < b for a, b in spans) for week in starts])
        rates = multiplier * np.where(starts < seam, early, late) * np.where(treated, slowed, 1.0)
        return cls(starts, rates, np.cumsum([0.0, *(rates[:-1] * np.diff(starts))]))

    def until(self, days: float) -> float:
        """Return the cumulative hazard of the first `days`; 0 where there are none."""
        weeks = max(days, 0) / _DAYS_PER_WEEK
        piece = np.searchsorted(self.starts, weeks, side="right") - 1
        return float(self.before[piece] + self.rates[piece] * (weeks - self.starts[piece]))

    def days(self, hazard: Floats) -> Floats:
        """Return the days after which the cumulative hazard is `hazard`, (n_draws,)."""
        piece = np.maximum(np.searchsorted(self.before, hazard, side="right") - 1, 0)
        weeks = self.starts[piece] + (hazard - self.before[piece]) / self.rates[piece]
        return np.asarray(weeks * _DAYS_PER_WEEK)


def _multiplier(course: Course, patient: Patient, before: tuple[Treatment, ...], evidence: Evidence) -> float:
    """Return the multiplier of the hazard of progression by what is known at the start of a stretch."""
    name, ratio = "dropout.progression.", 1.0
    if patient.tumour.response == "progressing":
        ratio *= evidence.value(name + "progressing")
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
