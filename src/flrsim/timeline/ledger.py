"""From which day on the volume suffices, and what each cause costs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from flrsim.course import Course
from flrsim.draws import PERCENTILES, Floats, share
from flrsim.evidence import Evidence
from flrsim.patient import Patient, Treatment
from flrsim.physiology import adequacy
from flrsim.physiology.doses import chemotherapy_weeks
from flrsim.physiology.function import function_per_ml, measured_function, measurements
from flrsim.physiology.interval import Liver
from flrsim.physiology.modifiers import ALL_OFF, MODIFIERS, growth_factor, growth_factors
from flrsim.physiology.risk import failure_risk
from flrsim.physiology.volumes import Volumes
from flrsim.timeline.types import EarliestDay, LedgerLine

Grow = Callable[[Liver, frozenset[str]], Volumes]
"""Volumes with some causes switched off."""


def earliest_days(
    course: Course,
    volumes: Volumes,
    population: adequacy.Population,
    history: tuple[Treatment, ...],
    telv_ml: float,
    evidence: Evidence,
) -> tuple[EarliestDay, ...]:
    """Return the first day with sufficient volume, for the binding threshold and those beside it."""
    floor = adequacy.floor_day(course.first_day, volumes.occlusion, history, evidence)
    found = []
    for name in (population.name, *population.also):
        threshold = adequacy.volume_rule(name, evidence).value
        least = adequacy.least_sflr(name, course.tlv_functional_ml, telv_ml, evidence)
        day = _first_days(volumes, least, floor, evidence)
        # Sorted by hand: an interpolated percentile next to infinity would be neither.
        ordered = np.sort(day)
        low, mid, high = (float(ordered[round(q * (ordered.size - 1))]) for q in PERCENTILES)
        never = share(np.isinf(day))
        p10, median, p90 = (None if np.isinf(v) or never >= 0.5 else v for v in (low, mid, high))
        found.append(EarliestDay(f"rules.sflr.{name}", threshold, p10, median, p90, never, floor))
    return tuple(found)


def _first_days(volumes: Volumes, threshold: float, floor: adequacy.Floor, evidence: Evidence) -> Floats:
    last = adequacy.last_asked(volumes.course, evidence)
    return adequacy.first_day_reached(threshold, volumes.unoperated().sflr, floor, last)


def ledger(
    grow: Grow,
    grown: Liver,
    at_last: Liver,
    day: int,
    population: adequacy.Population,
    threshold: float,
    patient: Patient,
    evidence: Evidence,
    off: frozenset[str],
) -> tuple[LedgerLine, ...]:
    """Return what each cause costs: everything with it at work, against everything with it at 1.

    Parameters
    ----------
    grown, at_last
        The liver when growth is stimulated, and at the last operation.
    day
        Day on which volume is asked.
    """
    active = [
        name
        for name in MODIFIERS
        if name not in off and (grown.effects[name].active or at_last.effects[name].active)
    ]
    weeks = chemotherapy_weeks(at_last.history, evidence)
    if "long_chemotherapy" not in off and weeks > evidence.value("rules.chemotherapy_weeks"):
        active = [name for name in MODIFIERS if name in {*active, "long_chemotherapy"}]
    measured = measured_function(patient, evidence, off)
    texts = dict(MODIFIERS)
    if measured is not None:
        active = [name for name in MODIFIERS if name in {*active, "measured_function"}]
        texts["measured_function"] += f" ({measurements(patient, evidence)[0].test})"

    def worth(name: str) -> float | None:
        """Return the median factor on function; None where the measurement contains it."""
        if measured is not None and name in ("measured_function", "all"):
            return measured
        names = active if name == "all" else [name]
        factor = np.prod([at_last.effects[n].function for n in names], axis=0)
        return None if measured is not None and np.any(factor != 1) else float(np.median(factor))

    def state(without: frozenset[str]) -> tuple[float, float, float, float]:
        volumes = grow(grown, without)
        floor = adequacy.floor_day(volumes.course.first_day, volumes.occlusion, at_last.history, evidence)
        first = float(np.median(_first_days(volumes, threshold, floor, evidence)))
        sflr = volumes.sflr(day)
        per_ml = function_per_ml(patient, at_last.effects, evidence, without)
        last = volumes.course.last_operation
        failure = 0.0
        if last is not None:
            risk = failure_risk(
                volumes.remaining_ml(last.day, last.stage or 0) / volumes.telv_ml,
                last.major,
                patient,
                at_last.history,
                at_last.injury,
                at_last.effects,
                evidence,
                without,
            )
            failure = float(np.mean(risk.middle))
        return float(np.median(volumes.flr_ml(day))), first, float(np.median(sflr * per_ml)), failure

    as_is = state(off)
    acting = growth_factors(grown.effects, off)
    lines = []
    for name in active:
        lines.append(_line(name, texts[name], acting[name], worth(name), as_is, state(off | {name})))
    if active:
        together = growth_factor(grown.effects, off)
        rid = state(off | set(active) | ALL_OFF)
        lines.append(_line("all", "all causes together", together, worth("all"), as_is, rid))
    return tuple(lines)


def _line(
    name: str,
    text: str,
    growth: Floats,
    function: float | None,
    as_is: tuple[float, float, float, float],
    without: tuple[float, float, float, float],
) -> LedgerLine:
    later = as_is[1] - without[1]
    return LedgerLine(
        name,
        text,
        multiplier=float(np.median(growth)),
        function=function,
        cost_ml=without[0] - as_is[0],
        cost_days=later if np.isfinite(as_is[1]) and np.isfinite(without[1]) else None,
        cost_function=without[2] - as_is[2],
        cost_failure=as_is[3] - without[3],
    )
