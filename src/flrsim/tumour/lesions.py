"""All lesions of a course through time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flrsim.course import Course
from flrsim.draws import Floats, Spread, Stream, percentiles, share, spread
from flrsim.evidence import Evidence
from flrsim.patient import Patient, Treatment
from flrsim.tumour.known_response import known_response
from flrsim.tumour.path import Path
from flrsim.tumour.phases import exposure, treated_phases
from flrsim.tumour.response import Parts, PatientDraws, Response

_AT_A_TIME = 16_384
"""Draws whose numbers stay in a processor's cache while all terms of a sum are added."""


@dataclass(frozen=True)
class LesionAtOperation:
    """One lesion on the day of one operation, before it.

    Attributes
    ----------
    p_vanished : share of draws in which imaging shows nothing of it.
    p_sterile : then: chance that nothing of it lives.
    """

    name: str
    stage: int
    day: int
    volume_ml: Spread
    diameter_mm: Spread
    p_vanished: float
    p_sterile: float


class Lesions:
    """All lesions of a course through time.

    The images fix every size; what happened before them only decides what is left of the sensitive part.

    Parameters
    ----------
    history
        All treatments, given or planned.
    uniform, normal
        The patient's streams.

    Attributes
    ----------
    remarks : what had to be assumed about the response, one sentence each.
    """

    def __init__(
        self,
        course: Course,
        patient: Patient,
        history: tuple[Treatment, ...],
        evidence: Evidence,
        uniform: Stream,
        normal: Stream,
    ) -> None:
        self._course, self._biology, self._evidence, self._uniform = course, patient.tumour, evidence, uniform
        self._phases, remarks = treated_phases(history, patient.tumour, evidence)
        # Radiation closes no portal branch.
        closed = (s.day for s in course.steps if s.kind == "occlude" and s.technique != "y90")
        self._occlusion = next(closed, None)
        draws, doubt = known_response(
            PatientDraws.of(uniform, normal), self._phases, course.scan_day, patient.tumour, evidence, uniform
        )
        self.remarks = (*remarks, doubt) if doubt else remarks
        self._index = {lesion.name: i for i, lesion in enumerate(course.lesions)}
        own = [normal(f"tumour.lesion.{name}") for name in self._index] if self._phases else []
        lesion_z = np.array(own) if own else np.zeros((1, 1))
        self._law = Response(draws, lesion_z, patient.tumour, evidence)
        untreated = np.ones((len(self._index), 1))
        start = min([float(course.scan_day), *(p.start for p in self._phases)])
        until = tuple(p for p in self._phases if p.start < course.scan_day)
        before = Path(start, Parts(untreated, 0.0 * untreated), until, self._occlusion, self._law)
        imaged = before.parts(course.scan_day)
        whole = 1.0 / imaged.diameter
        self._path = Path(
            course.scan_day, imaged.times(whole, whole), self._phases, self._occlusion, self._law
        )
        self._volume = np.array([lesion.volume_ml for lesion in course.lesions])
        self._total: tuple[tuple[int, int], tuple[Floats, ...]] | None = None

    def diameter_fraction(self, name: str, day: int) -> Floats:
        """Return the diameter of a lesion on `day` relative to the imaging day, (n_draws,)."""
        if day <= self._course.scan_day:
            return np.ones(self._law.growth.shape)
        _, parts, sensitive, resistant = self._path.factors(day)
        own = self._index[name]
        return np.asarray(parts.sensitive[own] * sensitive + parts.resistant[own] * resistant)

    def in_liver(self, day: int) -> Floats:
        """Return p10, median and p90 of all lesions in the liver at the end of `day`, (3,) mL."""
        done = sum(1 for s in self._course.operations if s.day <= day)
        there = np.array(
            [not (x.cleared and (x.stage or 0) <= done) for x in self._course.lesions], dtype=bool
        )
        if not there.any():
            return np.zeros(3)
        if day <= self._course.scan_day:
            return np.full(3, self._volume[there].sum())
        epoch, parts, a, b = self._path.factors(day)
        # The sum of all (s a + r b)^3 has four coefficients that do not change until the next operation.
        if self._total is None or self._total[0] != (epoch, done):
            ml, s, r = self._volume[there, np.newaxis], parts.sensitive[there], parts.resistant[there]
            sums = (ml * s * s * s, 3 * ml * s * s * r, 3 * ml * s * r * r, ml * r * r * r)
            self._total = (epoch, done), tuple(x.sum(axis=0) for x in sums)
        total = np.empty(a.shape)
        for first in range(0, total.size, _AT_A_TIME):
            part = slice(first, first + _AT_A_TIME)
            s, r = a[part], b[part]
            c3, c2, c1, c0 = (np.broadcast_to(c, a.shape)[part] for c in self._total[1])
            total[part] = s * (s * (s * c3 + r * c2) + r * r * c1) + r * r * r * c0
        return percentiles(total)

    def at_operations(self) -> tuple[LesionAtOperation, ...]:
        """Return every lesion that is still in the liver, operation by operation."""
        found = []
        for step in self._course.operations:
            stage = step.stage or 0
            for lesion in self._course.lesions:
                if not lesion.cleared or (lesion.stage or 0) >= stage:
                    fraction = self.diameter_fraction(lesion.name, step.day)
                    found.append(
                        LesionAtOperation(
                            lesion.name,
                            stage,
                            step.day,
                            volume_ml=spread(lesion.volume_ml * fraction * fraction * fraction),
                            diameter_mm=spread(lesion.diameter_mm * fraction),
                            p_vanished=self.vanished(lesion.name, step.day),
                            p_sterile=self.sterile(step.day),
                        )
                    )
        return tuple(found)

    def cleared(self, name: str) -> NDArray[np.bool_]:
        """Return the draws in which a lesion goes whole with one operation, (n_draws,).

        A lesion that the plan cuts through on the images goes whole when it has shrunk far enough by the day of the
        operation that holds its centre.
        """
        lesion = self._course.lesions[self._index[name]]
        shape = self._law.growth.shape
        if lesion.cleared or lesion.clears_at is None:
            return np.full(shape, lesion.cleared)
        day = next(s.day for s in self._course.operations if s.stage == lesion.shrinks_into)
        return np.asarray(self.diameter_fraction(name, day) <= lesion.clears_at)

    def all_cleared(self) -> NDArray[np.bool_]:
        """Return the draws in which every lesion goes whole with one operation, (n_draws,)."""
        every = np.ones(self._law.growth.shape, dtype=bool)
        for name in self._index:
            every = every & self.cleared(name)
        return every

    def clearance(self) -> tuple[dict[str, float], float]:
        """Return the share of draws in which each lesion goes whole, and in which all do."""
        return {name: share(self.cleared(name)) for name in self._index}, share(self.all_cleared())

    def burden(self, day: int) -> Floats:
        """Return the sum of all diameters on `day` relative to the imaging day, (n_draws,)."""
        mm = {x.name: x.diameter_mm for x in self._course.lesions}
        total = sum((mm[name] * self.diameter_fraction(name, day) for name in mm), np.zeros(1))
        return np.asarray(total / sum(mm.values()))

    def progressed(self, days: Sequence[int]) -> NDArray[np.bool_]:
        """Return the draws in which the sum of diameters is seen to grow on one of several days, (n_draws,).

        Seen is a sum above the smallest before it, that of the images included, by ``tumour.recist.progression``.
        """
        grow_from = 1.0 + self._evidence.value("tumour.recist.progression")
        smallest = np.ones(self._law.growth.shape)
        seen = np.zeros(smallest.shape, dtype=bool)
        for day in sorted(days):
            size = self.burden(day)
            seen |= size >= grow_from * smallest
            smallest = np.minimum(smallest, size)
        return seen

    def invisible(self, name: str, day: int) -> NDArray[np.bool_]:
        """Return the draws in which imaging on `day` shows nothing of a lesion, (n_draws,).

        A lesion that was seen once is seen at that size again.
        """
        imaging = "mri" if self._biology.imaging == "ct_mri" else "ct"
        limit = self._evidence.quantile(f"tumour.invisible.{imaging}_mm", self._uniform("tumour.invisible"))
        mm = self._course.lesions[self._index[name]].diameter_mm
        return np.asarray(mm * self.diameter_fraction(name, day) < np.minimum(limit, mm))

    def vanished(self, name: str, day: int) -> float:
        """Return the share of draws in which imaging on `day` shows nothing of a lesion."""
        return share(self.invisible(name, day))

    def sterile(self, day: int) -> float:
        """Return the chance that nothing lives of a lesion that imaging on `day` does not show."""
        infused = any(p.response.startswith("hai") and p.start < day for p in self._phases)
        seen_by = "ct_mri" if self._biology.imaging == "ct_mri" else "ct_only"
        return self._evidence.value(f"tumour.sterile.{'hai' if infused else seen_by}")

    def p_new_lesion(self, until: int) -> float:
        """Return the chance that a lesion not seen on the images has appeared by a day.

        Treatment that acts on lesions makes new ones rarer.
        """
        spent = exposure(self._phases, self._course.scan_day, max(until, self._course.scan_day), None)
        weeks = spent.off + self._evidence.value("tumour.new_lesion.on_treatment") * sum(spent.on.values())
        rate = self._evidence.quantile("tumour.new_lesion.rate", self._uniform("tumour.new_lesion.rate"))
        return float(np.mean(1.0 - np.exp(-rate * weeks)))
