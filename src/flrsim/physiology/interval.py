"""The way from the first step to the last operation: who gets there, who drops out, and why.

Every draw has exactly one outcome. Causes compete in time: a draw that progresses before its scan is not
asked whether it grew. Too little volume is no hazard of its own: it shows at the volumetry, when the sFLR
is below the patient's threshold. A plan with a large resection is asked for volume whether it is staged or not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flrsim.course import Course, CourseStep
from flrsim.draws import Floats, Stream
from flrsim.evidence import Evidence
from flrsim.patient import Patient, Treatment
from flrsim.physiology import adequacy
from flrsim.physiology.injury import Injury
from flrsim.physiology.modifiers import Effect
from flrsim.physiology.progression import day_before_the_end, known_day, progression_day
from flrsim.physiology.risk import FailureRisk, death_probability, failure_risk, morbidity_probability
from flrsim.physiology.volumes import Volumes

Bools = NDArray[np.bool_]

REASONS = ("progression", "growth", "complication", "death")
"""Why a plan is not completed; ``growth`` is too little volume, at the scan or on the images that were planned on."""

_DAYS_PER_WEEK = 7.0
_UNDER_WAY = -1
_COMPLETE = len(REASONS)


@dataclass(frozen=True)
class Liver:
    """What is known of the liver on one day, whatever its size.

    Attributes
    ----------
    history : treatments given until then.
    effects : what every cause does.
    """

    day: int
    history: tuple[Treatment, ...]
    injury: Injury
    effects: Mapping[str, Effect]


@dataclass(frozen=True)
class Response:
    """Growth at the first volumetry after an occlusion; rates are None when it comes too early.

    Attributes
    ----------
    day : of the volumetry.
    sflr, degree_of_hypertrophy, kgr_per_week : (n_draws,) fractions, fraction points, fraction points per
        week.
    reason : why the rates are missing.
    """

    day: int
    sflr: Floats
    degree_of_hypertrophy: Floats | None
    kgr_per_week: Floats | None
    reason: str


@dataclass(frozen=True)
class Interval:
    """How the course ended in every draw.

    Attributes
    ----------
    outcome : (n_draws,) index into `REASONS`, or ``len(REASONS)`` for complete: every operation done and
        alive at 90 days.
    reached_last : all operations were carried out.
    arrived : who comes to the last operation: those, and who is turned away there because no scan, but the images that
        were planned on, show too little volume.
    died, failed, morbid : death within 90 days of a procedure, liver failure, any major complication.
    failure : failure range at the last operation; None without operation.
    failing, dying : who has liver failure, and who dies within 90 days, after the last operation, were it carried out
        in every draw.
    """

    outcome: NDArray[np.int64]
    reached_last: Bools
    arrived: Bools
    died: Bools
    failed: Bools
    morbid: Bools
    failure: FailureRisk | None
    failing: Bools
    dying: Bools

    def share(self, reason: str) -> float:
        """Return the probability of one reason, or of ``complete``."""
        code = _COMPLETE if reason == "complete" else REASONS.index(reason)
        return float(np.mean(self.outcome == code))


def first_response(volumes: Volumes, course: Course, evidence: Evidence, noise_z: Floats) -> Response | None:
    """Return growth as read at the first scan after an occlusion and before the last operation; None without one.

    Parameters
    ----------
    noise_z
        Standard normal, error of that volumetry: what is decided at a scan is decided on what was read. A volume that
        was measured is what was read.
    """
    occlusion: CourseStep | None = None
    last = course.last_operation
    for step in course.steps:
        if step is last:
            break
        if step.kind == "occlude":
            occlusion = step
        if step.kind == "scan" and occlusion is not None:
            sflr = _read_sflr(step, volumes, evidence, noise_z)
            days, technique = step.day - occlusion.day, occlusion.technique or ""
            reason = _no_rates(days, technique, evidence)
            if reason:
                return Response(step.day, sflr, None, None, reason)
            gain = sflr - volumes.sflr(occlusion.day)
            return Response(step.day, sflr, gain, gain / (days / _DAYS_PER_WEEK), "")
    return None


def last_reading(
    volumes: Volumes, course: Course, response: Response | None, evidence: Evidence, noise_z: Floats
) -> Floats | None:
    """Return the sFLR as read at the volumetry that decides about the last operation, (n_draws,); None without one.

    Parameters
    ----------
    noise_z
        Standard normal, error of that volumetry where it is not the one that `response` was read at.
    """
    step = _deciding_scan(course)
    if step is None:
        return None
    if response is not None and step.day == response.day:
        return response.sflr
    return _read_sflr(step, volumes, evidence, noise_z)


def _read_sflr(step: CourseStep, volumes: Volumes, evidence: Evidence, noise_z: Floats) -> Floats:
    """Return the sFLR as read at a scan, (n_draws,)."""
    if step.measured_flr_ml is not None:
        return np.full(noise_z.shape, step.measured_flr_ml / volumes.telv_ml)
    noise = np.exp(evidence.value("volumetry.rescan.noise") * noise_z)
    return np.asarray(volumes.sflr(step.day) * noise)


def _no_rates(days: int, technique: str, evidence: Evidence) -> str:
    """Return why growth rates are not asked; empty where they are: the gates were found after portal occlusion."""
    kind = adequacy.family(technique)
    if kind != "occlusion":
        return f"growth rates are gates found after portal occlusion; after {kind} they are not asked"
    least = adequacy.volumetry_wait(technique, evidence)
    return "" if days >= least else f"{days} days after the occlusion; at least {least:g} needed"


def walk(
    course: Course,
    volumes: Volumes,
    response: Response | None,
    reading: Floats | None,
    threshold: float,
    patient: Patient,
    liver_on: Callable[[int], Liver],
    evidence: Evidence,
    uniform: Stream,
    off: frozenset[str] = frozenset(),
) -> Interval:
    """Play the risks of a course in order of time.

    Parameters
    ----------
    reading
        sFLR as read at the volumetry that decides, see `last_reading`.
    threshold
        sFLR below which nobody goes on after the volumetry.
    liver_on
        What is known of the liver on a day.
    off
        Causes that do nothing.
    """
    last = course.last_operation
    shape = uniform("dropout.progression").shape
    outcome = np.full(shape, _UNDER_WAY, dtype=np.int64)
    died, failed, morbid = (np.zeros(shape, dtype=bool) for _ in range(3))
    reached = arrived = failing = dying = np.zeros(shape, dtype=bool)
    failure: FailureRisk | None = None
    history = liver_on(last.day if last else day_before_the_end(course)).history
    progresses = progression_day(course, patient, history, evidence, uniform("dropout.progression"))
    known, deciding = known_day(course), _deciding_scan(course)
    partition = any((s.technique or "").startswith("alpps") for s in course.steps)
    staged = last is not None and any(
        s.kind in ("operate", "occlude") and s is not last for s in course.steps
    )
    complication = staged
    asked = False

    def drop(who: Bools, reason: str) -> None:
        outcome[(outcome == _UNDER_WAY) & who] = REASONS.index(reason)

    for step in course.steps:
        if last is not None and step.day > last.day:
            break
        drop(progresses < step.day, "progression")
        if step is deciding and reading is not None:
            drop((reading < threshold) | _slow(response, course, evidence, uniform), "growth")
            asked = True
        if step.kind not in ("operate", "occlude"):
            continue
        done = known is not None and step.day <= known  # and survived: a volume was measured after it
        if step is last:
            arrived = outcome == _UNDER_WAY
        if not asked and not done and _asks_for_volume(step, course):
            # Nobody is operated on without a volumetry: without a scan the images that were planned on are one.
            left = volumes.remaining_ml(step.day, step.stage or 0) / volumes.telv_ml
            drop(left < threshold, "growth")
        if step is not last and (done or _counted_at_the_partition(step, course)):
            complication = complication and not done
            continue
        under_way = outcome == _UNDER_WAY
        name = _procedure_name(step, last)
        kind = _procedure_kind(step, staged and step is last, partition)
        risk, fails, dies, suffers = _procedure(
            step, name, kind, volumes, patient, liver_on(step.day), evidence, uniform, off
        )
        failed |= under_way & fails
        died |= under_way & dies
        morbid |= under_way & (suffers | fails)
        if step is last:
            reached, failure, failing, dying = under_way, risk, fails, dies
        drop(dies, "death")
        if complication:
            drop(
                uniform("dropout.complication") < evidence.value("dropout.complication.share"), "complication"
            )
            complication = False
    under_way = outcome == _UNDER_WAY
    outcome[under_way] = _COMPLETE
    if last is None:
        reached = arrived = under_way
    return Interval(outcome, reached, arrived, died, failed, morbid, failure, failing, dying)


def _deciding_scan(course: Course) -> CourseStep | None:
    """Return the last volumetry between the last stimulus of growth and the last operation; None without one.

    A plan that scans again, or adds a stimulus after a scan, goes on in spite of what the earlier scan shows. An
    operation is a stimulus where nothing was occluded before it. A plan without a large resection is not asked.
    """
    last = course.last_operation
    if last is None or not _asks_for_volume(last, course):
        return None
    scan, occluded = None, False
    for step in course.steps:
        if step is last:
            return scan
        if step.kind == "occlude":
            scan, occluded = None, True
        elif step.kind == "operate" and not occluded:
            scan = None
        elif step.kind == "scan":
            scan = step
    return None


def _asks_for_volume(step: CourseStep, course: Course) -> bool:
    """Return whether nobody is operated on in this step with too little volume.

    The thresholds were found before major resections. The last operation is asked where it, or one before it, is
    major, or where growth was stimulated for it; an earlier one where it is major itself, for what it leaves.
    """
    if step is course.last_operation:
        return any(s.major or s.kind == "occlude" for s in course.steps)
    return step.major and not _counted_at_the_partition(step, course)


def _slow(response: Response | None, course: Course, evidence: Evidence, uniform: Stream) -> Bools | np.bool_:
    """Return who is refused for slow growth: some of the slow growers, unless another stimulus came after the scan."""
    if response is None or response.kgr_per_week is None:
        return np.bool_(False)
    if any(s.kind == "occlude" and s.day >= response.day for s in course.steps):
        return np.bool_(False)
    refused = uniform("dropout.growth") < evidence.value("dropout.growth.slow_grower_refused")
    return np.asarray((response.kgr_per_week < evidence.value("rules.kgr")) & refused)


def _procedure_name(step: CourseStep, last: CourseStep | None) -> str:
    """Name a procedure's streams; the last operation has one name in every plan, so plans share its luck."""
    if step is last:
        return "last"
    return f"stage{step.stage}" if step.kind == "operate" else f"occlusion{step.day}"


def _counted_at_the_partition(step: CourseStep, course: Course) -> bool:
    """Return whether an operation belongs to the first stage of a liver partition, whose risks hold for both."""
    return step.kind == "operate" and any(
        s.day == step.day and (s.technique or "").startswith("alpps") for s in course.steps
    )


def _procedure_kind(step: CourseStep, staged_last: bool, partition: bool) -> str:
    """Return which published death rate a procedure has.

    A portal ligation alone is a minor operation.
    """
    if step.kind == "occlude":
        technique = step.technique or ""
        return (
            "alpps_first" if technique.startswith("alpps") else "minor" if technique == "pvl" else "occlusion"
        )
    if not step.major:
        return "minor"
    if not staged_last:
        return "major"
    return "alpps_last" if partition else "staged_last"


def _procedure(
    step: CourseStep,
    name: str,
    kind: str,
    volumes: Volumes,
    patient: Patient,
    liver: Liver,
    evidence: Evidence,
    uniform: Stream,
    off: frozenset[str],
) -> tuple[FailureRisk | None, Bools, Bools, Bools]:
    """Return failure risk, and who fails, dies and suffers a major complication after one procedure."""
    injury = liver.injury
    fails = np.zeros(injury.sos_grade.shape, dtype=bool)
    risk, p_failure = None, np.zeros(fails.shape)
    if step.kind == "operate":
        sflr = volumes.remaining_ml(step.day, step.stage or 0) / volumes.telv_ml
        risk = failure_risk(sflr, step.major, patient, liver.history, injury, liver.effects, evidence, off)
        p_failure = risk.middle
        fails = uniform(f"phlf.{name}") < p_failure
    dies = uniform(f"death.{name}") < death_probability(fails, p_failure, kind, patient, evidence, off)
    size = "major" if step.major or kind == "alpps_first" else "minor" if kind == "minor" else "occlusion"
    suffers = uniform(f"morbidity.{name}") < morbidity_probability(
        size, injury if step.kind == "operate" and "sos" not in off else None, evidence
    )
    return risk, fails, dies, suffers
