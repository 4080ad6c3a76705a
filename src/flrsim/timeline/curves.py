"""Day after day: volume, function and tumour of every draw, reduced to percentiles."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from flrsim.course import Course
from flrsim.draws import Floats, percentiles
from flrsim.evidence import Evidence
from flrsim.patient import Patient
from flrsim.physiology import function
from flrsim.physiology.interval import Liver
from flrsim.physiology.volumes import Volumes
from flrsim.timeline.types import Curve
from flrsim.tumour import Lesions


def play_days(
    course: Course,
    volumes: Volumes,
    lesions: Lesions,
    last_day: int,
    patient: Patient,
    liver_on: Callable[[int], Liver],
    evidence: Evidence,
    off: frozenset[str],
) -> tuple[NDArray[np.int64], dict[str, Curve], dict[int, Floats]]:
    """Play day after day and keep percentiles; return days, curves by name, and function on step days.

    Function follows volume while the liver is whole, and after the last operation rises to that of the liver
    before, as measured function does: it runs ahead of volume there, up to the most that a mL has been seen
    to do.
    """
    first_day = min([course.scan_day, *(s.day for s in course.steps)])
    days = np.arange(first_day, max(last_day, first_day) + 1)
    step_days = {s.day for s in course.steps} or {course.scan_day}
    technique = {s.day: s.technique for s in course.steps if s.kind == "occlude"}
    last = course.last_operation
    lag, recovery = function.lag(None, evidence), evidence.value("function.post_resection_tau")
    most = evidence.value("function.most_per_ml")
    # Injury of the liver that stays is taken on the day of the first step and, washed out further, of the
    # last operation.
    worth = function.function_per_ml(patient, liver_on(course.first_day).effects, evidence, off)
    state = volumes.sflr(int(days[0])) * worth
    whole = course.tlv_functional_ml / volumes.telv_ml
    function_on: dict[int, Floats] = {}
    rows: dict[str, list[Floats]] = {name: [] for name in ("flr_ml", "sflr", "function", "tumour_ml")}
    for day in days.tolist():
        sflr = volumes.sflr(day)
        after = last is not None and day > last.day
        if last is not None and day == last.day:
            worth = function.function_per_ml(patient, liver_on(day).effects, evidence, off)
        if day > days[0]:
            target = whole * worth if after else sflr * worth
            state = function.follow(state, target, 1.0, recovery if after else lag)
        if day in technique:
            lag = function.lag(technique[day], evidence)
        shown = np.minimum(state, most * sflr * worth)
        if day in step_days:
            function_on[day] = shown
        flr = percentiles(sflr)
        rows["sflr"].append(flr)
        rows["flr_ml"].append(flr * volumes.telv_ml)
        rows["function"].append(percentiles(shown))
        rows["tumour_ml"].append(lesions.in_liver(day))
    return days, {name: Curve(*np.array(values).T) for name, values in rows.items()}, function_on
