"""What a patient was given, and when: doses, weeks and cycles of a history, and how much of them is left on a day."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from flrsim.course import Course
from flrsim.draws import Floats
from flrsim.evidence import Evidence
from flrsim.patient import Treatment
from flrsim.regimens import ANTI_EGFR, BEVACIZUMAB, NOT_CHEMOTHERAPY, OXALIPLATIN, cycle_days, drugs

_DAYS_PER_WEEK = 7.0


def planned_treatments(course: Course, evidence: Evidence) -> tuple[Treatment, ...]:
    """Return the treatments that a course plans itself; their first dose is on the day of the step."""
    return tuple(
        Treatment(regimen, s.cycles, s.day + round((s.cycles - 1) * cycle_days(regimen, evidence)))
        for s in course.steps
        if s.kind == "treat"
        for regimen in (s.regimen or "",)
    )


def given_by(day: int, history: tuple[Treatment, ...], evidence: Evidence) -> tuple[Treatment, ...]:
    """Return the part of every treatment that was given until `day`."""
    given = []
    for treatment in history:
        spacing = cycle_days(treatment.regimen, evidence)
        ahead = max(0, int(np.ceil((treatment.last_dose_day - day) / spacing)))
        if ahead < treatment.cycles:
            last = treatment.last_dose_day - round(ahead * spacing)
            given.append(replace(treatment, cycles=treatment.cycles - ahead, last_dose_day=last))
    return tuple(given)


def chemotherapy_weeks(history: tuple[Treatment, ...], evidence: Evidence) -> float:
    """Return the weeks of chemotherapy given; antibodies alone do not count."""
    chemotherapy = [t for t in history if drugs(t.regimen) - NOT_CHEMOTHERAPY]
    return sum(t.cycles * cycle_days(t.regimen, evidence) for t in chemotherapy) / _DAYS_PER_WEEK


def chemotherapy_cycles(history: tuple[Treatment, ...], evidence: Evidence) -> float:
    """Return the cycles of chemotherapy given, counted as the two-weekly ones that last as long."""
    return chemotherapy_weeks(history, evidence) * _DAYS_PER_WEEK / evidence.value("injury.cycle_days")


def weeks_since(drug: str | None, day: int, history: tuple[Treatment, ...]) -> float | None:
    """Return the weeks from the last dose of `drug`, or of anything, to `day`; None when never given."""
    days = [day - t.last_dose_day for t in history if drug is None or drug in drugs(t.regimen)]
    return min(days) / _DAYS_PER_WEEK if days else None


def oxaliplatin_dose(
    day: int, history: tuple[Treatment, ...], evidence: Evidence, fast_weight: Floats
) -> tuple[Floats, float, float]:
    """Return the effective oxaliplatin cycles on `day`, and the shares given with bevacizumab and with anti-EGFR."""
    fast_half_life = evidence.value("injury.oxaliplatin.fast_half_life")
    slow_half_life = evidence.value("injury.oxaliplatin.slow_half_life")
    fast = slow = with_bevacizumab = with_egfr = 0.0
    for treatment in history:
        given = drugs(treatment.regimen)
        if OXALIPLATIN in given:
            ages, size = _cycle_ages(day, treatment, evidence), _cycle_size(treatment, evidence)
            fast += size * float(np.sum(2.0 ** (-ages / fast_half_life)))
            part = size * float(np.sum(2.0 ** (-ages / slow_half_life)))
            slow += part
            with_bevacizumab += part if BEVACIZUMAB in given else 0.0
            with_egfr += part if ANTI_EGFR & given else 0.0
    dose = fast_weight * fast + (1.0 - fast_weight) * slow
    return dose, with_bevacizumab / slow if slow else 0.0, with_egfr / slow if slow else 0.0


def effective_cycles(
    given: frozenset[str], day: int, history: tuple[Treatment, ...], half_life: float, evidence: Evidence
) -> float:
    """Return the cycles with any drug of `given`, each halved for every half-life (weeks) since it was given."""
    return sum(
        _cycle_size(t, evidence) * float(np.sum(2.0 ** (-_cycle_ages(day, t, evidence) / half_life)))
        for t in history
        if given & drugs(t.regimen)
    )


def _cycle_ages(day: int, treatment: Treatment, evidence: Evidence) -> Floats:
    """Return the weeks from each cycle to `day`; cycles that lie ahead are not counted."""
    spacing = cycle_days(treatment.regimen, evidence)
    ages = (day - treatment.last_dose_day + spacing * np.arange(treatment.cycles)) / _DAYS_PER_WEEK
    return np.asarray(ages[ages >= 0], dtype=np.float64)


def _cycle_size(treatment: Treatment, evidence: Evidence) -> float:
    """Return the two-weekly cycles that a cycle counts for: doses of a longer cycle are larger about in proportion."""
    return cycle_days(treatment.regimen, evidence) / evidence.value("injury.cycle_days")
