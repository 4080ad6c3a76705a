"""Lesions between the imaging day and their removal: they regrow, a little faster after portal occlusion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flrsim.course import Course
from flrsim.draws import Floats, Spread, Stream, percentiles, spread
from flrsim.evidence import Evidence
from flrsim.patient import Treatment


@dataclass(frozen=True)
class LesionAtOperation:
    """One lesion on the day of one operation, before it."""

    name: str
    stage: int
    day: int
    volume_ml: Spread
    diameter_mm: Spread


class Lesions:
    """All lesions of a course through time.

    In one draw every lesion grows by the same factor: doubling times differ far more between patients than
    within one.

    Parameters
    ----------
    uniform, normal
        The patient's streams.
    """

    def __init__(
        self,
        course: Course,
        history: tuple[Treatment, ...],
        evidence: Evidence,
        uniform: Stream,
        normal: Stream,
    ) -> None:
        self._course = course
        doubling = evidence.lognormal("tumour.doubling_time", normal("tumour.doubling_time"))
        self._rate = np.log(2.0) / doubling
        self._faster = evidence.quantile("tumour.after_occlusion", uniform("tumour.after_occlusion"))
        self._occlusion = next((s.day for s in course.steps if s.kind == "occlude"), None)
        # Until the last dose lesions are taken to be as imaged.
        self._start = max([course.scan_day, *(t.last_dose_day for t in history)])

    def factor(self, day: int) -> Floats:
        """Return volume on `day` relative to the imaging day, (n_draws,)."""
        return volume_factor(day, self._start, self._occlusion, self._rate, self._faster)

    def in_liver(self, day: int) -> Floats:
        """Return p10, median and p90 of all lesions in the liver at the end of `day`, (3,) mL."""
        done = sum(1 for s in self._course.operations if s.day <= day)
        ml = sum(x.volume_ml for x in self._course.lesions if not (x.cleared and (x.stage or 0) <= done))
        return ml * percentiles(self.factor(day)) if ml > 0 else np.zeros(3)

    def at_operations(self) -> tuple[LesionAtOperation, ...]:
        """Return every lesion that is still in the liver, operation by operation."""
        found = []
        for step in self._course.operations:
            stage = step.stage or 0
            factor = self.factor(step.day)
            for lesion in self._course.lesions:
                if not lesion.cleared or (lesion.stage or 0) >= stage:
                    volume = spread(lesion.volume_ml * factor)
                    diameter = spread(lesion.diameter_mm * np.cbrt(factor))
                    found.append(LesionAtOperation(lesion.name, stage, step.day, volume, diameter))
        return tuple(found)


def volume_factor(day: int, start: int, occlusion_day: int | None, rate: Floats, faster: Floats) -> Floats:
    """Return the volume of a lesion on `day` relative to that on `start`, (n_draws,).

    Parameters
    ----------
    start
        Day from which it grows.
    occlusion_day
        Day of the first portal occlusion, after which `rate` (1/day) is multiplied by `faster`; None without
        one.
    """
    days = max(day - start, 0)
    after = 0 if occlusion_day is None else max(day - max(occlusion_day, start), 0)
    return np.asarray(np.exp(rate * ((days - after) + after * faster)))
