"""Play a course forward for one patient.

`simulate` asks the physiology for volumes, function, lesions, injury and risks, and keeps percentiles per day
and single draws on decision days only. Every random number has a name, so plans of one patient share all
their luck.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import exp

import numpy as np

from flrsim import draws as streams
from flrsim.course import Course, CourseStep
from flrsim.draws import Floats, Stream, share, spread
from flrsim.errors import CaseError
from flrsim.evidence import Evidence
from flrsim.patient import Patient, Treatment
from flrsim.physiology import adequacy, rescan
from flrsim.physiology.doses import given_by, planned_treatments
from flrsim.physiology.injury import predict_injury
from flrsim.physiology.interval import REASONS, Interval, Liver, first_response, last_reading, walk
from flrsim.physiology.modifiers import (
    OF_THE_OCCLUSION,
    Setting,
    effects,
    growth_factor,
    not_found_with,
    without_factor,
)
from flrsim.physiology.progression import treated_spans
from flrsim.physiology.risk import PHLF_DEFINITION, by_definition
from flrsim.physiology.telv import THRESHOLD_FORMULA, telv
from flrsim.physiology.volumes import GrowthDraws, Volumes, segment_4_fate
from flrsim.regimens import NOT_CHEMOTHERAPY, drugs
from flrsim.timeline.credit import credited
from flrsim.timeline.curves import lesion_curves, play_days
from flrsim.timeline.ledger import earliest_days, ledger
from flrsim.timeline.operated import operated
from flrsim.timeline.remarks import failure_remark, liver_remarks
from flrsim.timeline.types import Decision, GrowthLaws, Timeline
from flrsim.tumour import Lesions

DEFAULT_DRAWS = 10_000


@dataclass(frozen=True)
class Play:
    """Everything that one choice of causes needs to be played: the patient's liver and luck."""

    course: Course
    patient: Patient
    history: tuple[Treatment, ...]
    telv_ml: float | Floats
    setting: Setting
    evidence: Evidence
    uniform: Stream
    normal: Stream

    @property
    def decision_day(self) -> int:
        """Day of the last operation, or of the last step without one."""
        last = self.course.last_operation
        return last.day if last else self.course.steps[-1].day if self.course.steps else self.course.scan_day

    @property
    def growth_day(self) -> int:
        """Day of the last stimulus of growth, or of the first step without one."""
        occlusions = [s.day for s in self.course.steps if s.kind == "occlude"]
        return occlusions[-1] if occlusions else self.course.first_day

    def liver_on(self) -> Callable[[int], Liver]:
        """Return a function that gives the liver of a day; each day is worked out once."""
        kept: dict[int, Liver] = {}

        def liver(day: int) -> Liver:
            if day not in kept:
                given = given_by(day, self.history, self.evidence)
                injury = predict_injury(
                    day, self.patient, given, self.evidence, self.uniform, self.course.scan_day
                )
                found = effects(day, self.patient, given, injury, self.setting, self.evidence, self.uniform)
                kept[day] = Liver(day, given, injury, found)
            return kept[day]

        return liver

    def growth_draws(self) -> GrowthDraws:
        """Return the random numbers of growth."""
        return GrowthDraws(
            amplitude_z=self.normal("growth.amplitude"),
            tau_z=self.normal("growth.tau"),
            rate_z=self.normal(
                "growth.amplitude"
            ),  # who grows well after occlusion grows well after resection
            beta=self.evidence.quantile("growth.beta", self.uniform("growth.beta")),
            absolute_tau_u=self.uniform("growth.absolute_tau"),
            label_z=self.normal("volumetry.label"),
        )

    def volumes(self, liver: Liver, off: frozenset[str], law: str = "relative") -> Volumes:
        """Return the volumes under a growth law; causes in `off` do nothing.

        How segment 4 was treated, and what was given around the occlusion, belong to it and not to the regrowth
        after an operation; what was found with one technique acts on that technique alone.
        """
        return Volumes(
            self.course,
            self.growth_draws(),
            {t: growth_factor(liver.effects, off | not_found_with(t)) for t in self.setting.techniques},
            growth_factor(liver.effects, off | OF_THE_OCCLUSION),
            self.telv_ml,
            self.evidence,
            law,
        )


def simulate(
    course: Course,
    patient: Patient,
    history: tuple[Treatment, ...],
    evidence: Evidence,
    *,
    seed: int,
    draws: int = DEFAULT_DRAWS,
    modifiers_off: frozenset[str] = frozenset(),
    telv_formula: str = THRESHOLD_FORMULA,
    follow_up_days: int | None = None,
) -> Timeline:
    """Play `course` forward for one patient.

    Parameters
    ----------
    history
        Treatments given before; those that the course plans itself are added to them. An unknown regimen is an error.
    modifiers_off
        Causes that do nothing; ``frozenset(MODIFIERS)`` switches all off.
    telv_formula
        Denominator of sFLR; thresholds were found with the default.
    follow_up_days
        Days simulated after the last step; None takes ``rules.follow_up``.

    Raises
    ------
    CaseError
        When a regimen is unknown or the formula does not hold for the patient.
    PlanError
        When hardly a draw could have given a measured FLR.
    """
    evidence = evidence.recording()
    size = telv(patient, telv_formula, evidence)
    if size.ml is None:
        raise CaseError(f"total liver volume by {telv_formula}: {size.reason}; choose another formula")
    uniform, normal = streams.patient_streams(seed, draws)
    history = (*history, *planned_treatments(course, evidence))
    play = Play(
        course, patient, history, size.ml, setting_of(course, history, evidence), evidence, uniform, normal
    )
    by_absolute, learnt, learnt_absolute = play, None, None
    if rescan.measured(course):
        # Each law has its own draws that foretold the measurement: the draws of one would leave the other uncorrected.
        by_absolute, learnt_absolute = _after_measurement(play, modifiers_off, "absolute")
        play, learnt = _after_measurement(play, modifiers_off, "relative")
    liver_on = play.liver_on()
    grown = liver_on(play.growth_day)
    volumes = play.volumes(grown, modifiers_off)
    grown_absolute = grown if learnt is None else by_absolute.liver_on()(play.growth_day)
    absolute = by_absolute.volumes(grown_absolute, modifiers_off, "absolute")
    day = play.decision_day
    population = adequacy.population(patient, liver_on(day).history, evidence)
    threshold = adequacy.least_sflr(population.name, course.tlv_functional_ml, size.ml, evidence)
    response = first_response(volumes, course, evidence, play.normal("scan.noise"))
    reading = last_reading(volumes, course, response, evidence, play.normal("scan.noise.last"))
    ending = walk(
        course,
        volumes,
        response,
        reading,
        threshold,
        patient,
        liver_on,
        evidence,
        play.uniform,
        modifiers_off,
    )
    lesions = Lesions(course, patient, history, evidence, play.uniform, play.normal)
    p_lesion_cleared, p_cleared = lesions.clearance()
    after = round(evidence.value("rules.follow_up")) if follow_up_days is None else follow_up_days
    days, curves, function_on, p_sufficient = play_days(
        course,
        volumes.failing(ending.failing),
        lesions,
        day + after,
        patient,
        liver_on,
        evidence,
        modifiers_off,
        threshold,
    )
    asked = [s for s in course.steps if s.kind in ("scan", "operate")] or [CourseStep(day, "wait")]
    one, other = volumes.sflr(day), absolute.sflr(day)
    lost = volumes.deprived_share(day)
    failure = ending.failure
    rate = response.kgr_per_week if response else None
    gain = response.degree_of_hypertrophy if response else None
    return Timeline(
        course=course,
        days=days,
        **curves,
        decisions=tuple(
            Decision(
                s.day,
                s.kind,
                s.stage,
                volumes.flr_ml(s.day),
                volumes.sflr(s.day),
                absolute.sflr(s.day),
                function_on[s.day],
            )
            for s in asked
        ),
        remnant_ml=tuple(spread(volumes.remaining_ml(s.day, s.stage or 0)) for s in course.operations),
        response=response,
        kgr_per_week=None if rate is None else spread(rate),
        degree_of_hypertrophy=None if gain is None else spread(gain),
        kgr_reason=response.reason if response else "no scan after an occlusion",
        earliest=earliest_days(course, volumes, population, liver_on(day).history, size.ml, evidence),
        growth_laws=_laws(threshold, one, other),
        growth_laws_without=_laws(
            threshold, one * (1.0 - lost), other * (1.0 - absolute.deprived_share(day))
        ),
        deprived_share=lost,
        credited=credited(volumes, liver_on(day), patient, lost, evidence, modifiers_off),
        p_complete=ending.share("complete"),
        p_operations_done=share(ending.reached_last),
        p_turned_away=share(ending.arrived & ~ending.reached_last),
        p_dropout={reason: ending.share(reason) for reason in REASONS},
        p_phlf_low=None if failure is None else float(np.mean(failure.low)),
        p_phlf_high=None if failure is None else float(np.mean(failure.high)),
        p_phlf_by_definition={}
        if failure is None
        else by_definition(failure, np.ones(draws, dtype=bool), evidence),
        phlf_definition=PHLF_DEFINITION,
        phlf_cause="" if failure is None else failure.cause,
        p_death_90d=share(ending.died),
        p_death_last=None if failure is None else share(ending.dying),
        p_major_morbidity=share(ending.morbid),
        p_textbook=_textbook(course, ending),
        injury=grown.injury,
        injury_at_resection=liver_on(day).injury,
        population=population,
        telv=size,
        lesions=lesions.at_operations(),
        ledger=ledger(
            play.volumes, grown, liver_on(day), day, population, threshold, patient, evidence, modifiers_off
        ),
        seed=seed,
        n_draws=draws,
        modifiers_off=modifiers_off,
        parameter_set=evidence.parameter_set,
        used=evidence.used,
        overridden=evidence.overridden,
        rescan=learnt,
        rescan_absolute=learnt_absolute,
        p_lesion_cleared=p_lesion_cleared,
        p_cleared=p_cleared,
        p_new_lesion=lesions.p_new_lesion(day),
        tumour_remarks=lesions.remarks,
        liver_remarks=liver_remarks(course, patient, liver_on(day).history, liver_on(day).injury, evidence),
        growth_remarks=without_factor(play.setting, grown.history),
        p_sufficient=p_sufficient,
        lesion_mm=lesion_curves(course, lesions, days),
        operated=operated(ending, draws if learnt is None else learnt.effective_sample_size),
        phlf_remark="" if failure is None else failure_remark(patient, failure.cause),
    )


def _laws(threshold: float, relative: Floats, absolute: Floats) -> GrowthLaws:
    return GrowthLaws(
        threshold,
        share(relative >= threshold),
        share(absolute >= threshold),
        float(np.median(relative)),
        float(np.median(absolute)),
    )


def setting_of(course: Course, history: tuple[Treatment, ...], evidence: Evidence) -> Setting:
    """Return how growth is stimulated in a course."""
    occlusions = [s for s in course.steps if s.kind == "occlude"]
    if not occlusions:
        return Setting()
    last, first = course.last_operation, occlusions[0]
    braked = 0.0
    if last is not None and last.day > first.day:
        chemotherapy = [t for t in history if drugs(t.regimen) - NOT_CHEMOTHERAPY]
        tau = evidence.value(f"growth.{first.technique}.tau")
        # The growth of a day falls off exponentially. What acts on the day of the operation counts to its end: were it cut off
        # there, the brake would depend on how long one waits.
        braked = sum(
            exp(-max(start - first.day, 0.0) / tau) - exp(-(end - first.day) / tau)
            for start, end in treated_spans(chemotherapy, evidence)
            if start < last.day and end > first.day
        )
    return Setting(
        segment_4_fate(course),
        next((s.agent for s in occlusions if s.agent), None),
        braked,
        tuple(s.technique or "" for s in occlusions),
    )


def _after_measurement(play: Play, off: frozenset[str], law: str) -> tuple[Play, rescan.Rescan]:
    """Return the play with draws chosen by how well they foretold the measured volumes under a growth law."""
    prior = play.volumes(play.liver_on()(play.growth_day), off, law)
    learnt, chosen = rescan.learn(play.course, prior.flr_ml, play.evidence, law)
    return replace(
        play,
        uniform=rescan.chosen_streams(play.uniform, chosen),
        normal=rescan.chosen_streams(play.normal, chosen),
    ), learnt


def _textbook(course: Course, ending: Interval) -> float:
    """Return the probability of a textbook outcome; a plan that leaves a lesion has none."""
    if not course.all_cleared or not course.operations:
        return 0.0
    return share(ending.reached_last & ~ending.died & ~ending.failed & ~ending.morbid)
