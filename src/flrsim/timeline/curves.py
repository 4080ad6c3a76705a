"""Day after day: volume, function and tumour of every draw, reduced to percentiles."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import numpy as np
from numpy.typing import NDArray

from flrsim.course import Course
from flrsim.draws import Floats, percentiles, share
from flrsim.evidence import Evidence
from flrsim.patient import Patient
from flrsim.physiology import function
from flrsim.physiology.interval import Liver
from flrsim.physiology.volumes import Volumes
from flrsim.timeline.types import Curve
from flrsim.tumour import Lesions

KNOT_DAYS = 7
"""Days between two simulated diameters of a lesion."""


def play_days(
    course: Course,
    volumes: Volumes,
    lesions: Lesions,
    last_day: int,
    patient: Patient,
    liver_on: Callable[[int], Liver],
    evidence: Evidence,
    off: frozenset[str],
    threshold: float = inf,
) -> tuple[NDArray[np.int64], dict[str, Curve], dict[int, Floats], Floats]:
    """Play day after day and keep percentiles.

    Return days, curves by name, function on step days, and on every day the share of draws with `threshold` sFLR.

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
    enough: list[float] = []
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
        enough.append(share(sflr >= threshold))
        flr = percentiles(sflr)
        rows["sflr"].append(flr)
        rows["flr_ml"].append(flr * volumes.telv_ml)
        rows["function"].append(percentiles(shown))
        rows["tumour_ml"].append(lesions.in_liver(day))
    curves = {name: Curve(*np.array(values).T) for name, values in rows.items()}
    return days, curves, function_on, np.array(enough)


def lesion_curves(course: Course, lesions: Lesions, days: NDArray[np.int64]) -> dict[str, Curve]:
    """Return the longest axial diameter of each lesion on every day, mm; NaN from the operation on that clears it.

    Diameters are simulated on the days of steps and once a week, and run straight between.
    """
    knots = sorted(
        {*days[::KNOT_DAYS].tolist(), int(days[-1]), *(s.day for s in course.steps)} & set(days.tolist())
    )
    done = {s.stage: s.day for s in course.operations}
    out = {}
    for lesion in course.lesions:
        mm = np.array(
            [percentiles(lesion.diameter_mm * lesions.diameter_fraction(lesion.name, d)) for d in knots]
        )
        daily = np.stack([np.interp(days, knots, column) for column in mm.T])
        if lesion.cleared:
            daily[:, days >= done[lesion.stage]] = np.nan
        out[lesion.name] = Curve(*daily)
    return out
