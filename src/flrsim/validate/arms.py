"""One arm of a study, played by the laws of a plan: one draw is one patient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from flrsim.course import Course
from flrsim.draws import Floats, Stream, patient_streams
from flrsim.evidence import Evidence
from flrsim.patient import TumourBiology
from flrsim.physiology.adequacy import population, volume_rule
from flrsim.physiology.injury import Injury
from flrsim.physiology.interval import Interval, Liver, first_response, last_reading, walk
from flrsim.physiology.telv import THRESHOLD_FORMULA, telv
from flrsim.physiology.volumes import Volumes
from flrsim.timeline.curves import play_days
from flrsim.timeline.play import Play, setting_of
from flrsim.tumour import Lesions, TrialResponse, trial_response
from flrsim.validate.courses import course_of_arm, segment_4_course, stimulated
from flrsim.validate.numbers import NotSimulatedError
from flrsim.validate.patients import Arm, Group, groups, starting_shares

TRIAL_WEEKS = 208.0
"""Time over which a trial is followed; a median that does not come in it is not simulated."""
_ANY_SHARE = 0.5  # the state of a liver does not depend on how much of it stays


@dataclass(frozen=True)
class Part:
    """Patients of one group, played.

    The FLR is the same number of mL in all of them, and the estimated volume of the liver differs, so that each has
    its own starting sFLR.
    """

    group: Group
    course: Course
    play: Play
    liver_on: Callable[[int], Liver]
    volumes: Volumes

    @property
    def operation_day(self) -> int:
        """Day of the last operation."""
        return self.play.decision_day

    @cached_property
    def ending(self) -> Interval:
        """How the course ends for every patient."""
        play = self.play
        who = population(play.patient, self.liver_on(self.operation_day).history, play.evidence)
        response = first_response(self.volumes, self.course, play.evidence, play.normal("scan.noise"))
        return walk(
            self.course,
            self.volumes,
            response,
            last_reading(self.volumes, self.course, response, play.evidence, play.normal("scan.noise.last")),
            # The livers of an arm are as large as the formula says: every rule has one denominator. Where nothing
            # was done for volume, the series is of people who were operated on, and nobody is asked again.
            volume_rule(who.name, play.evidence).value if _stimulated(self.course) else -np.inf,
            play.patient,
            self.liver_on,
            play.evidence,
            play.uniform,
        )

    @cached_property
    def after(self) -> Volumes:
        """Volumes with the regrowth of failing remnants slowed, as in a plan."""
        return self.volumes.failing(self.ending.failed)


class Simulated:
    """The patients of one arm in one repetition.

    Parameters
    ----------
    name
        Study and arm: names the random streams, so that no two arms share their luck.
    n
        Number of patients.
    replicate
        Which repetition.
    """

    def __init__(self, name: str, arm: Arm, evidence: Evidence, *, seed: int, n: int, replicate: int) -> None:
        self.arm, self.evidence, self.n = arm, evidence, n
        own = int.from_bytes(blake2b(f"{seed}\0{name}".encode(), digest_size=8).digest(), "little")
        self.uniform, self.normal = patient_streams(own, n, patient=replicate)
        self.groups = groups(arm, evidence, self.uniform)
        self.shares = starting_shares(arm, evidence, self.uniform)
        size = telv(self.groups[0].patient, THRESHOLD_FORMULA, evidence)
        if size.ml is None:
            raise NotSimulatedError(f"the formula of liver volume does not hold: {size.reason}")
        self.telv_ml = size.ml

    def by_patient(self, of_group: Callable[[Part], Floats | NDArray[np.bool_]]) -> Floats:
        """Return what a group's patients have, in the arm's order, (n,) float64."""
        out = np.full(self.n, np.nan)
        for part in self.parts:
            out[part.group.who] = of_group(part)
        return out

    def noise(self, name: str) -> Floats:
        """Return the factor by which one measurement of volume errs, (n,)."""
        return np.asarray(
            np.exp(self.evidence.value("volumetry.rescan.noise") * self.normal(f"cohort.ct.{name}"))
        )

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Every group, played until its last operation."""
        if not np.all(np.isfinite(self.shares)):
            raise NotSimulatedError("neither the starting sFLR nor the share left by the resection is stated")
        course = course_of_arm(self.arm, self._mean_share, self.telv_ml, self.evidence)
        return tuple(self._played(group, course, self._telv(group)) for group in self.groups)

    def _telv(self, group: Group) -> Floats:
        """Return the estimated liver volume of every patient, so that the FLR of the course is their starting share."""
        return np.asarray(self._mean_share * self.telv_ml / self.shares[group.who])

    @property
    def _mean_share(self) -> float:
        return float(np.mean(self.shares))

    def _played(self, group: Group, course: Course, telv_ml: float | Floats) -> Part:
        play = Play(
            course,
            group.patient,
            group.history,
            telv_ml,
            setting_of(course, group.history, self.evidence),
            self.evidence,
            _of(self.uniform, group.who),
            _of(self.normal, group.who),
        )
        liver_on = play.liver_on()
        volumes = play.volumes(liver_on(play.growth_day), frozenset())
        return Part(group, course, play, liver_on, volumes)

    @cached_property
    def segment_4(self) -> Floats:
        """Growth of segment 4 on any day needs a course of its own; (n,) gain on the day of the first volumetry."""
        if not stimulated(self.arm) or self.arm.get("segment_4") not in ("embolized", "open"):
            raise NotSimulatedError("what became of segment 4 is not stated")
        day = self.arm["scan_days"][0]
        out = np.full(self.n, np.nan)
        for group in self.groups:
            course = segment_4_course(self.arm, self._mean_share, self.telv_ml, self.evidence)
            volumes = self._played(group, course, self._telv(group)).volumes
            before, after = (volumes.remaining_ml(d, 0) - volumes.flr_ml(d) for d in (0, day))
            out[group.who] = after / before - 1.0
        return out

    def injuries(self, of: Callable[[Injury], NDArray[np.bool_]]) -> Floats:
        """Return an injury of the liver on day 0, (n,) 0 or 1; nothing need be known of its size."""
        out = np.full(self.n, np.nan)
        for group, liver in zip(self.groups, self.livers(0), strict=True):
            out[group.who] = of(liver.injury)
        return out

    def livers(self, day: int) -> tuple[Liver, ...]:
        """Return the liver of every group on a day, whatever its size."""
        found = []
        for group in self.groups:
            course = course_of_arm({}, _ANY_SHARE, self.telv_ml, self.evidence)
            found.append(self._played(group, course, self.telv_ml).liver_on(day))
        return tuple(found)

    def function(self, days: tuple[int, ...]) -> tuple[Floats, ...]:
        """Return function over that of a healthy liver of the same size on course days, (n,) each.

        All patients have the arm's mean starting share.
        """
        if not np.all(np.isfinite(self.shares)):
            raise NotSimulatedError("neither the starting sFLR nor the share left by the resection is stated")
        out = [np.full(self.n, np.nan) for _ in days]
        for group in self.groups:
            course = course_of_arm(self.arm, self._mean_share, self.telv_ml, self.evidence, days)
            part = self._played(group, course, self.telv_ml)
            _, _, on_day, _ = play_days(
                course,
                part.after,
                self._lesions(part),
                max(days),
                group.patient,
                part.liver_on,
                self.evidence,
                frozenset(),
            )
            for place, day in enumerate(days):
                out[place][group.who] = on_day[day]
        return tuple(out)

    def _lesions(self, part: Part) -> Lesions:
        return Lesions(
            part.course,
            part.group.patient,
            part.group.history,
            self.evidence,
            part.play.uniform,
            part.play.normal,
        )

    def tumour_volume(self, day: float) -> Floats:
        """Return tumour volume on a day over that on day 0, (n,)."""
        out = np.full(self.n, np.nan)
        share = self.evidence.value("growth.reference_sflr")
        arm = {"resection_day": day, **self.arm}
        for group in self.groups:
            course = course_of_arm(arm, share, self.telv_ml, self.evidence)
            part = self._played(group, course, self.telv_ml)
            out[group.who] = self._lesions(part).diameter_fraction("tumour", round(day)) ** 3
        return out

    @cached_property
    def trial(self) -> tuple[tuple[Group, TrialResponse], ...]:
        """What a trial of the arm's regimen reads of its patients, group by group."""
        found = []
        for group in self.groups:
            if not group.regimen:
                raise NotSimulatedError("the regimen is not stated")
            found.append(
                (
                    group,
                    trial_response(
                        group.regimen,
                        self.evidence,
                        _of(self.uniform, group.who),
                        _of(self.normal, group.who),
                        weeks=TRIAL_WEEKS,
                        biology=TumourBiology(
                            ras=group.patient.tumour.ras, extrahepatic=group.patient.tumour.extrahepatic
                        ),
                    ),
                )
            )
        return tuple(found)

    def of_trial(self, read: Callable[[TrialResponse], Floats | NDArray[np.bool_]]) -> Floats:
        """Return what is read of every patient of a trial, (n,)."""
        out = np.full(self.n, np.nan)
        for group, response in self.trial:
            out[group.who] = read(response)
        return out


def _stimulated(course: Course) -> bool:
    return any(s.kind == "occlude" for s in course.steps)


def _of(stream: Stream, who: NDArray[np.int64]) -> Stream:
    """Return a stream of the chosen patients alone."""
    return lambda decision: stream(decision)[who]
