"""The size of every part of the liver on any day of a course, one value per draw.

The liver falls into groups that each keep one relative size: perfused parts grow alike, parts without portal
inflow shrink, an embolized segment 4 grows a little less than the perfused. Inflow is lost to an occlusion or to
an operation; either way the part shrinks by the same law. So the state of a draw is a handful of numbers, and
any day can be asked for without playing the days before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flrsim.course import Course, CourseStep, DeprivedPart
from flrsim.draws import Floats
from flrsim.errors import PlanError
from flrsim.evidence import Evidence
from flrsim.physiology import growth

LAWS = ("relative", "absolute")
ADDED = ("hve", "alpps_rescue")
"""Stimuli that act on top of an occlusion already made."""
_LIGATION = "pvl"
"""Stimulus whose pace what an operation deprives of inflow shrinks at: a branch is divided, not embolized."""
_SEGMENT_4 = ("S4", "S4a", "S4b")


@dataclass(frozen=True)
class GrowthDraws:
    """The random numbers of growth, each (n_draws,) float64, shared by all plans of a patient.

    Attributes
    ----------
    amplitude_z, tau_z, rate_z : standard normal.
    beta : exponent of the starting size.
    absolute_tau_u : uniform.
    label_z : standard normal, error of the FLR's measurement.
    """

    amplitude_z: Floats
    tau_z: Floats
    rate_z: Floats
    beta: Floats
    absolute_tau_u: Floats
    label_z: Floats


class _Group(NamedTuple):
    """Parts of the liver that keep one relative size."""

    lost_at: int | None = (
        None  # place of the step of the course that takes the portal inflow; None: none does
    )
    embolized_4: bool = False  # grows all the same

    def lost_by(self, place: int) -> bool:
        """Return whether the inflow is gone after the step at `place`."""
        return self.lost_at is not None and self.lost_at <= place


_PERFUSED = _Group()


@dataclass(frozen=True)
class _Phase:
    """Sizes relative to the imaging day between two events, by group."""

    day: int
    start: Mapping[_Group, Floats]
    target: Mapping[_Group, Floats] | None = None  # after an occlusion: relaxation towards it with tau
    tau: Floats | None = None
    shrinks: Mapping[_Group, Floats] = field(
        default_factory=dict
    )  # without an occlusion at work: to this size
    share: Floats | None = None  # after an operation: share of the liver before it, at the start
    rate: Floats | None = None  # after an operation: factor on the rate of regrowth


@dataclass(frozen=True)
class Stimulus:
    """Growth after a stimulus: sFLR goes from `start` on `day` to `end` with time constant `tau`."""

    day: int
    technique: str
    start: Floats
    end: Floats
    tau: Floats


def segment_4_fate(course: Course) -> str:
    """Return what becomes of segment 4: ``stays`` (mostly), ``embolized`` at some time, or ``open``."""
    stays = sum(course.flr_ml.get(s, 0.0) for s in _SEGMENT_4)
    if 2 * stays >= sum(course.parenchyma_ml.get(s, 0.0) for s in _SEGMENT_4):
        return "stays"
    occluded = {s for step in course.steps for s in step.occluded}
    return "embolized" if occluded & set(_SEGMENT_4) else "open"


def _groups(course: Course) -> dict[str, _Group]:
    """Return every segment's group, but for parts that an operation deprives: perfused, or by its occlusion."""
    groups = dict.fromkeys(course.parenchyma_ml, _PERFUSED)
    for place, step in enumerate(course.steps):
        for segment in step.occluded:
            if groups.get(segment) == _PERFUSED:
                groups[segment] = _Group(place, segment in _SEGMENT_4)
    return groups


def _group_of_part(part: DeprivedPart, course: Course, whole: _Group) -> _Group:
    """Return the group of a part of a segment of group `whole`: what takes its inflow first decides."""
    place = next((i for i, s in enumerate(course.steps) if s.stage == part.stage is not None), None)
    return whole if place is None or whole.lost_by(place) else _Group(place)


class Volumes:
    """Play a course once under one growth law.

    Parameters
    ----------
    multiplier, rate_multiplier
        Product of the growth modifiers after occlusion and after resection, (n_draws,); that after occlusion may
        be given by technique, where not every cause acts on every stimulus.
    telv_ml
        Denominator of sFLR: one patient's, or one of every draw where the draws are different people.
    law
        ``relative`` or ``absolute``; after resection both use the same regrowth.
    """

    def __init__(
        self,
        course: Course,
        draws: GrowthDraws,
        multiplier: Floats | Mapping[str, Floats],
        rate_multiplier: Floats,
        telv_ml: float | Floats,
        evidence: Evidence,
        law: str,
    ) -> None:
        self.course, self.telv_ml = course, telv_ml
        self.occlusion: CourseStep | None = None  # the last one
        self._draws, self._multiplier, self._evidence, self._law = draws, multiplier, evidence, law
        self._rate_multiplier = rate_multiplier
        self._rate = rate_multiplier * evidence.lognormal("growth.post_resection.rate", draws.rate_z)
        flr = course.total_flr_ml
        # An annotator may move the border, but cannot make the FLR vanish: half of it always stays.
        offset = course.measurement_sd_fraction * course.tlv_functional_ml * draws.label_z
        self._offset_ml = np.maximum(offset, -0.5 * flr)
        self._label = 1.0 + self._offset_ml / flr
        self._groups = _groups(course)
        self._parts = [(p, _group_of_part(p, course, self._groups[p.segment])) for p in course.deprived]
        self._flr = self._by_group(course.flr_ml, len(course.operations))
        self._shrinking: dict[_Group, Floats] = {}  # what an operation has deprived, and the size it tends to
        ones = np.ones(draws.amplitude_z.shape)
        start = min(course.scan_day, course.steps[0].day) if course.steps else course.scan_day
        self._phases = [_Phase(start, dict.fromkeys(self._flr, ones))]
        self._memo: tuple[float, dict[_Group, Floats]] | None = None
        self._active = False  # an occlusion is at work
        self._until_last = 0  # phases before the last operation; all of them without one
        for place, step in enumerate(course.steps):
            if step is course.last_operation:
                self._until_last = len(self._phases)
            if step.kind == "occlude":
                self._occlude(step, place)
            elif step.kind == "operate":
                self._operate(step, place)

    def flr_ml(self, day: float) -> Floats:
        """Return what is to stay (after the last operation: what is left) on `day`, (n_draws,) mL."""
        return self._label * _total(self._flr, self._sizes(day, self._flr))

    def sflr(self, day: float) -> Floats:
        """Return the FLR over the estimated total volume."""
        return self.flr_ml(day) / self.telv_ml

    def remaining_ml(self, day: float, stage: int) -> Floats:
        """Return all parenchyma in the patient on `day` after operation `stage`, (n_draws,) mL.

        The annotators' border lies inside the liver: before the last operation it moves mL between the FLR
        and the rest, not the total.
        """
        if stage >= len(self.course.operations):
            return self.flr_ml(day)
        left = dict(self.course.parenchyma_ml)
        for step in self.course.operations[:stage]:
            left = {s: v - (step.removed_ml or {}).get(s, 0.0) for s, v in left.items()}
        stays = self._by_group(left, stage)
        return _total(stays, self._sizes(day, stays))

    def deprived_share(self, day: float) -> Floats:
        """Return the share of the FLR on `day` that is to be left without inflow or outflow, (n_draws,)."""
        lost: dict[_Group, float] = {}
        for part, group in self._parts:
            if part.goes is None:
                lost[group] = lost.get(group, 0.0) + part.ml
        sizes = self._sizes(day)
        return _total(lost, sizes) / _total(self._flr, sizes)

    def stimulus(self) -> Stimulus | None:
        """Return how sFLR grows after the last occlusion; None without one."""
        for phase in reversed(self._phases):
            if phase.target is not None and phase.tau is not None:
                start, end = (
                    self._label * _total(self._flr, s) / self.telv_ml for s in (phase.start, phase.target)
                )
                technique = (self.occlusion.technique if self.occlusion else None) or ""
                return Stimulus(phase.day, technique, start, end, phase.tau)
        return None

    def _by_group(self, volumes: Mapping[str, float], stage: int) -> dict[_Group, float]:
        """Return mL by group, at the size of the imaging day; `volumes` are those left after operation `stage`."""
        total = dict.fromkeys([_PERFUSED, *self._groups.values(), *(group for _, group in self._parts)], 0.0)
        for segment, group in self._groups.items():
            total[group] += volumes.get(segment, 0.0)
        for part, group in self._parts:
            whole = self._groups[part.segment]
            if group != whole and (part.goes is None or part.goes > stage):
                total[whole] -= part.ml
                total[group] += part.ml
        return total

    def _sizes(self, day: float, volumes: Mapping[_Group, float] | None = None) -> Mapping[_Group, Floats]:
        """Return the sizes of the groups that have a volume, or of all, relative to the imaging day."""
        if self._memo is None or self._memo[0] != day:
            self._memo = (day, {})
        known = self._memo[1]
        wanted = list(self._flr)
        if volumes is not None:
            wanted = [group for group, volume in volumes.items() if volume > 0] or [_PERFUSED]
        new = [group for group in wanted if group not in known]
        if not new:
            return known
        phase = next((p for p in reversed(self._phases) if p.day <= day), self._phases[0])
        days = float(max(day - phase.day, 0))
        if phase.target is not None and phase.tau is not None:
            decay = np.exp(-days / phase.tau)
            for group in new:
                end = phase.target[group]
                known[group] = end + (phase.start[group] - end) * decay
            return known
        if phase.shrinks:
            decay = np.exp(-days / self._shrinking_tau)
            for group in set(new) & set(phase.shrinks):
                end = phase.shrinks[group]
                known[group] = end + (phase.start[group] - end) * decay
            new = [group for group in new if group not in phase.shrinks]
        if phase.share is not None:
            rate = self._rate if phase.rate is None else phase.rate
            gap = growth.remaining_gap(days, rate, self._evidence)
            share = np.minimum(phase.share, 1.0)
            grown = (1.0 - (1.0 - share) * gap) / share
            known |= {group: phase.start[group] * grown for group in new}
        else:
            known |= {group: phase.start[group] for group in new}
        return known

    @cached_property
    def _shrinking_tau(self) -> Floats:
        """Time constant of what an operation has deprived, (n_draws,) days; read only by plans that deprive."""
        return growth.relative_tau(self._rate_multiplier, self._draws.tau_z, _LIGATION, self._evidence)

    def _push(self, phase: _Phase) -> None:
        self._phases.append(phase)
        self._memo = None

    def _operate(self, step: CourseStep, place: int) -> None:
        """Start the regrowth of what an operation leaves, unless an occlusion is still at work on it.

        What has lost its portal branch shrinks from now on; under an occlusion at the pace of all else.
        """
        deprived = {group for _, group in self._parts if group == _Group(place)}
        sizes = self._sizes(step.day)
        if deprived:
            shrunk = growth.operative_atrophy_target(self._evidence)
            self._shrinking |= {group: sizes[group] * shrunk for group in deprived}
        if self._active and step is not self.course.last_operation:
            if deprived:
                target = {**(self._phases[-1].target or {}), **self._shrinking}
                self._push(replace(self._phases[-1], day=step.day, start=dict(sizes), target=target))
            return
        share = self.remaining_ml(step.day, step.stage or 0) / self.course.tlv_functional_ml
        self._push(_Phase(step.day, sizes, share=share, shrinks=dict(self._shrinking)))
        self._active = False

    def unoperated(self) -> Volumes:
        """Return the same course with the last operation never carried out: what is to stay goes on as before it."""
        if not self._until_last:
            return self
        other = copy(self)
        other._phases = self._phases[: self._until_last]
        other._memo = None
        return other

    def failing(self, failed: NDArray[np.bool_]) -> Volumes:
        """Return the same course with the regrowth after the last operation slowed in the draws that fail.

        A remnant that fails grows at ``growth.post_resection.failing_rate`` of its rate: small-for-size.
        """
        if self._phases[-1].share is None or not np.any(failed):
            return self
        slow = self._evidence.value("growth.post_resection.failing_rate")
        other = copy(self)
        rate = np.where(failed, slow * self._rate, self._rate)
        other._phases = [*self._phases[:-1], replace(self._phases[-1], rate=rate)]
        other._memo = None
        return other

    def _added(
        self, technique: str, previous: Floats, size: Floats, amplitude: Floats, room: Floats
    ) -> Floats:
        """Return the size that a second stimulus leads to.

        A vein closed later adds its own growth to what the first occlusion still has to give; a partition after
        failed occlusion leads as far as its own series, and no less far than the occlusion would have.
        """
        if technique == "hve":
            return np.minimum(previous + size * amplitude, np.maximum(previous, size * (1.0 + room)))
        return np.maximum(previous, size * (1.0 + amplitude))

    def _occlude(self, step: CourseStep, place: int) -> None:
        """Start growth and shrinking; the clock runs from this occlusion.

        A second occlusion without an operation in between deprives more segments and restarts the clock, but
        the size that the other segments tend to stays that of the first: occluding in two sittings is no
        second stimulus. A vein closed later and a rescue partition are.
        """
        evidence, draws, technique = self._evidence, self._draws, step.technique or ""
        multiplier = (
            self._multiplier[technique] if isinstance(self._multiplier, Mapping) else self._multiplier
        )
        previous = self._phases[-1].target if self._active else None
        start = self._sizes(step.day)
        base = self._label * _total({g: v for g, v in self._flr.items() if not g.lost_by(place)}, start)
        if not np.all(base > 0):
            raise PlanError(
                f"day {step.day}: the occlusion takes the inflow of the whole FLR; leave a part perfused"
            )
        amplitude = growth.relative_amplitude(
            base / self.telv_ml, multiplier, draws.amplitude_z, draws.beta, technique, evidence
        )
        tau = growth.relative_tau(multiplier, draws.tau_z, technique, evidence)
        if self._law == "absolute":
            gain = growth.absolute_gain(multiplier, draws.amplitude_z, technique, evidence)
            amplitude = gain * self.telv_ml / base
            tau = growth.absolute_tau(multiplier, draws.absolute_tau_u, technique, evidence)
        # The cap is that of all that stays, a part of it that this occlusion deprives included.
        deprived = self._label * _total(self._flr, start) - base
        room = (evidence.value("growth.cap_sflr") * self.telv_ml - deprived) / base - 1.0
        amplitude = np.minimum(amplitude, np.maximum(room, 0.0))
        embolized_4 = evidence.value("growth.segment_4.embolized_growth") * amplitude
        target = {}
        for group, size in start.items():
            if group in self._shrinking:
                target[group] = self._shrinking[group]
            elif previous is not None and group.lost_at != place:
                target[group] = previous[group]
                if technique in ADDED and not group.lost_by(place):
                    target[group] = self._added(technique, previous[group], size, amplitude, room)
            elif not group.lost_by(place):
                target[group] = size * (1.0 + amplitude)
            elif group.embolized_4:
                target[group] = size * (1.0 + embolized_4)
            else:
                target[group] = size * growth.atrophy_target(evidence)
        self._push(_Phase(step.day, start, target=target, tau=tau))
        self.occlusion, self._active = step, True


def _total(volumes: Mapping[_Group, float], sizes: Mapping[_Group, Floats]) -> Floats:
    """Return the mL of groups at their sizes."""
    parts = [volume * sizes[group] for group, volume in volumes.items() if volume > 0]
    return np.asarray(sum(parts, np.zeros(next(iter(sizes.values())).shape)))
