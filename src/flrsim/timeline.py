"""A plan played forward, day by day and draw by draw, and reduced to what a person reads.

`simulate` asks the physiology for volumes, function, lesions, injury and risks, and keeps percentiles per day
and single draws on decision days only. Every random number has a name, so plans of one patient share all
their luck.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from flrsim import draws as streams
from flrsim.course import Course, CourseStep
from flrsim.draws import PERCENTILES, Floats, Spread, Stream, percentiles, share, spread
from flrsim.errors import CaseError
from flrsim.evidence import Evidence
from flrsim.patient import Patient, Treatment
from flrsim.physiology import adequacy, function, growth
from flrsim.physiology.injury import Injury, predict_injury
from flrsim.physiology.interval import REASONS, Interval, Response, first_response, walk
from flrsim.physiology.risk import PHLF_DEFINITION
from flrsim.physiology.telv import THRESHOLD_FORMULA, TelvResult, telv
from flrsim.physiology.volumes import GrowthDraws, Volumes, segment_4_fate
from flrsim.tumour import LesionAtOperation, Lesions

DEFAULT_DRAWS = 10_000


@dataclass(frozen=True)
class Curve:
    """Median and 80 % interval on every day, (n_days,) float64 each."""

    p10: Floats
    median: Floats
    p90: Floats


@dataclass(frozen=True)
class Decision:
    """Single draws on a day on which something is decided: a scan or an operation.

    Attributes
    ----------
    flr_ml, sflr : under the relative law, (n_draws,), just before the step.
    sflr_absolute : under the absolute law.
    function : FLR function over that of a healthy liver of the estimated volume, (n_draws,).
    """

    day: int
    kind: str
    stage: int | None
    flr_ml: Floats
    sflr: Floats
    sflr_absolute: Floats
    function: Floats


@dataclass(frozen=True)
class EarliestDay:
    """First day with enough volume for one sFLR threshold; None where the percentile lies beyond "never"."""

    rule: str
    threshold: float
    p10: float | None
    median: float | None
    p90: float | None
    never: float
    floor: adequacy.Floor


@dataclass(frozen=True)
class LedgerLine:
    """A growth modifier: its median multiplier, and the FLR it costs on the decision day (below 0: gains)."""

    modifier: str
    text: str
    multiplier: float
    cost_ml: float


@dataclass(frozen=True)
class GrowthLaws:
    """The verdict of volume under both growth laws on the day of the last operation (or the last step)."""

    threshold: float
    p_pass_relative: float
    p_pass_absolute: float
    median_relative: float
    median_absolute: float

    @property
    def disagrees(self) -> bool:
        """Whether the medians fall on different sides of the threshold."""
        return (self.median_relative >= self.threshold) != (self.median_absolute >= self.threshold)


@dataclass(frozen=True)
class Timeline:
    """A course played forward; all of it is derived from course, patient, history, evidence and seed.

    Curves and decisions are those of draws that come through: drop-out and death do not thin them.

    Attributes
    ----------
    days : (n_days,) int; curves are those at the end of each day, so on the day of an operation after it.
    flr_ml, sflr : what is to stay, after the last operation what is left.
    function : FLR function over that of a healthy liver of the estimated volume.
    tumour_ml : lesions in the liver.
    remnant_ml : parenchyma left after each operation.
    p_complete : every operation done and alive 90 days after the last; with `p_dropout` it sums to 1.
    p_operations_done : every operation done, as published completion rates count.
    p_phlf_low, p_phlf_high : mean over the draws that reach the last operation.
    p_textbook : complete, all lesions cleared, no liver failure, no major complication, no death.
    p_lesion_cleared : by lesion: goes whole with one operation, of its size on that day.
    p_cleared : all lesions do.
    p_new_lesion : by the last decision a lesion has appeared that the images do not show.
    tumour_remarks : what had to be assumed about the response to treatment.
    ledger : modifiers that differ from 1, and ``all`` of them together.
    used : ids of the numbers that were read.
    """

    course: Course
    days: NDArray[np.int64]
    flr_ml: Curve
    sflr: Curve
    function: Curve
    tumour_ml: Curve
    decisions: tuple[Decision, ...]
    remnant_ml: tuple[Spread, ...]
    response: Response | None
    kgr_per_week: Spread | None
    degree_of_hypertrophy: Spread | None
    kgr_reason: str
    earliest: tuple[EarliestDay, ...]
    growth_laws: GrowthLaws
    p_complete: float
    p_operations_done: float
    p_dropout: dict[str, float]
    p_phlf_low: float | None
    p_phlf_high: float | None
    phlf_definition: str
    phlf_cause: str
    p_death_90d: float
    p_major_morbidity: float
    p_textbook: float
    injury: Injury
    population: adequacy.Population
    telv: TelvResult
    lesions: tuple[LesionAtOperation, ...]
    ledger: tuple[LedgerLine, ...]
    seed: int
    n_draws: int
    modifiers_off: frozenset[str]
    parameter_set: str
    used: tuple[str, ...]
    overridden: tuple[str, ...] = field(default=())
    p_lesion_cleared: Mapping[str, float] = field(default_factory=dict)
    p_cleared: float = 1.0
    p_new_lesion: float = 0.0
    tumour_remarks: tuple[str, ...] = ()

    @property
    def at_resection(self) -> Decision | None:
        """The draws on the day of the last operation."""
        return next((d for d in reversed(self.decisions) if d.kind == "operate"), None)

    @property
    def growth_law_disagrees(self) -> bool:
        """Whether the two growth laws give different verdicts."""
        return self.growth_laws.disagrees


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
        Treatments given before; an unknown regimen is an error.
    modifiers_off
        Growth modifiers held at 1; ``frozenset(MODIFIERS)`` switches all off.
    telv_formula
        Denominator of sFLR; thresholds were found with the default.
    follow_up_days
        Days simulated after the last step; None takes ``rules.follow_up``.

    Raises
    ------
    CaseError
        When a regimen is unknown or the formula does not hold for the patient.
    """
    evidence = evidence.recording()
    size = telv(patient, telv_formula, evidence)
    if size.ml is None:
        raise CaseError(f"total liver volume by {telv_formula}: {size.reason}; choose another formula")
    uniform, normal = streams.patient_streams(seed, draws)
    growth_draws = GrowthDraws(
        amplitude_z=normal("growth.amplitude"),
        tau_z=normal("growth.tau"),
        rate_z=normal("growth.amplitude"),  # who grows well after occlusion grows well after resection
        beta=evidence.quantile("growth.beta", uniform("growth.beta")),
        absolute_tau_u=uniform("growth.absolute_tau"),
        label_z=normal("volumetry.label"),
    )
    injuries: dict[int, Injury] = {}

    def injury_on(day: int) -> Injury:
        if day not in injuries:
            injuries[day] = predict_injury(day, patient, history, evidence, uniform)
        return injuries[day]

    occlusions = [s.day for s in course.steps if s.kind == "occlude"]
    growth_day = occlusions[-1] if occlusions else course.first_day
    modifiers = growth.growth_modifiers(
        growth_day, patient, history, injury_on(growth_day), segment_4_fate(course), evidence, uniform
    )

    def play(off: frozenset[str], law: str) -> Volumes:
        # How segment 4 was treated and bevacizumab belong to the occlusion, not to the regrowth after an
        # operation.
        after = growth.product(modifiers, off | {"segment_4", "bevacizumab"})
        return Volumes(
            course, growth_draws, growth.product(modifiers, off), after, float(size.ml or 0.0), evidence, law
        )

    volumes, absolute = play(modifiers_off, "relative"), play(modifiers_off, "absolute")
    population = adequacy.population(patient, history, evidence)
    threshold = adequacy.sflr_threshold(population.name, evidence)
    response = first_response(volumes, course, evidence)
    ending = walk(course, volumes, response, threshold, patient, history, injury_on, evidence, uniform)
    last = course.last_operation
    decision_day = last.day if last else (course.steps[-1].day if course.steps else course.scan_day)
    follow_up = round(evidence.value("rules.follow_up")) if follow_up_days is None else follow_up_days
    lesions = Lesions(course, patient, history, evidence, uniform, normal)
    asked = [s for s in course.steps if s.kind in ("scan", "operate")] or [CourseStep(decision_day, "wait")]
    p_lesion_cleared, p_cleared = lesions.clearance()
    days, curves, function_on = _curves(
        course, volumes, lesions, decision_day + follow_up, patient, injury_on, evidence, uniform
    )
    decisions = tuple(
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
    )
    one, other = volumes.sflr(decision_day), absolute.sflr(decision_day)
    rate = response.kgr_per_week if response else None
    gain = response.degree_of_hypertrophy if response else None
    failure = ending.failure
    who = ending.reached_last if np.any(ending.reached_last) else np.ones(draws, dtype=bool)
    return Timeline(
        course=course,
        days=days,
        **curves,
        decisions=decisions,
        remnant_ml=tuple(spread(volumes.remaining_ml(s.day, s.stage or 0)) for s in course.operations),
        response=response,
        kgr_per_week=None if rate is None else spread(rate),
        degree_of_hypertrophy=None if gain is None else spread(gain),
        kgr_reason=response.reason if response else "no scan after an occlusion",
        earliest=_earliest(course, volumes, population, history, evidence),
        growth_laws=GrowthLaws(
            threshold,
            share(one >= threshold),
            share(other >= threshold),
            float(np.median(one)),
            float(np.median(other)),
        ),
        p_complete=ending.share("complete"),
        p_operations_done=share(ending.reached_last),
        p_dropout={reason: ending.share(reason) for reason in REASONS},
        p_phlf_low=None if failure is None else float(np.mean(failure.low[who])),
        p_phlf_high=None if failure is None else float(np.mean(failure.high[who])),
        phlf_definition=PHLF_DEFINITION,
        phlf_cause="" if failure is None else failure.cause,
        p_death_90d=share(ending.died),
        p_major_morbidity=share(ending.morbid),
        p_textbook=_textbook(course, ending),
        injury=injury_on(growth_day),
        population=population,
        telv=size,
        lesions=lesions.at_operations(),
        ledger=_ledger(modifiers, modifiers_off, play, volumes, decision_day),
        seed=seed,
        n_draws=draws,
        modifiers_off=modifiers_off,
        parameter_set=evidence.parameter_set,
        used=evidence.used,
        overridden=evidence.overridden,
        p_lesion_cleared=p_lesion_cleared,
        p_cleared=p_cleared,
        p_new_lesion=lesions.p_new_lesion(decision_day),
        tumour_remarks=lesions.remarks,
    )


def _curves(
    course: Course,
    volumes: Volumes,
    lesions: Lesions,
    last_day: int,
    patient: Patient,
    injury_on: Callable[[int], Injury],
    evidence: Evidence,
    uniform: Stream,
) -> tuple[NDArray[np.int64], dict[str, Curve], dict[int, Floats]]:
    """Play day after day and keep percentiles; return days, curves by name, and function on step days.

    Function follows volume while the liver is whole, and after the last operation rises to that of the liver
    before, as measured function does: it runs ahead of volume there, up to the most that a mL has been seen
    to do.
    """
    first_day = min([course.scan_day, *(s.day for s in course.steps)])
    days = np.arange(first_day, max(last_day, first_day) + 1)
    step_days = {s.day for s in course.steps} or {course.scan_day}
    last = course.last_operation
    lag, recovery = evidence.value("function.tau"), evidence.value("function.post_resection_tau")
    most = evidence.value("function.most_per_ml")
    # Injury of the liver that stays is taken on the day of the first step and, washed out further, of the
    # last operation.
    worth = function.function_per_ml(patient, injury_on(course.first_day), evidence, uniform)
    state = volumes.sflr(int(days[0])) * worth
    whole = course.tlv_functional_ml / volumes.telv_ml
    function_on: dict[int, Floats] = {}
    rows: dict[str, list[Floats]] = {name: [] for name in ("flr_ml", "sflr", "function", "tumour_ml")}
    for day in days.tolist():
        sflr = volumes.sflr(day)
        after = last is not None and day > last.day
        if last is not None and day == last.day:
            worth = function.function_per_ml(patient, injury_on(day), evidence, uniform)
        if day > days[0]:
            target = whole * worth if after else sflr * worth
            state = function.follow(state, target, 1.0, recovery if after else lag)
        shown = np.minimum(state, most * sflr * worth)
        if day in step_days:
            function_on[day] = shown
        flr = percentiles(sflr)
        rows["sflr"].append(flr)
        rows["flr_ml"].append(flr * volumes.telv_ml)
        rows["function"].append(percentiles(shown))
        rows["tumour_ml"].append(lesions.in_liver(day))
    curves = {name: Curve(*np.array(values).T) for name, values in rows.items()}
    return days, curves, function_on


def _earliest(
    course: Course,
    volumes: Volumes,
    population: adequacy.Population,
    history: tuple[Treatment, ...],
    evidence: Evidence,
) -> tuple[EarliestDay, ...]:
    """Return the first day with sufficient volume, for the binding threshold and those beside it."""
    floor = adequacy.floor_day(course.first_day, volumes.occlusion_day, history, evidence)
    now, found = volumes.sflr(course.first_day), []
    for name in (population.name, *population.also):
        threshold = adequacy.sflr_threshold(name, evidence)
        day = adequacy.first_day_reached(threshold, volumes.stimulus(), now, floor, evidence)
        # Sorted by hand: an interpolated percentile next to infinity would be neither.
        ordered = np.sort(day)
        low, mid, high = (float(ordered[round(q * (ordered.size - 1))]) for q in PERCENTILES)
        never = share(np.isinf(day))
        p10, median, p90 = (None if np.isinf(v) or never >= 0.5 else v for v in (low, mid, high))
        found.append(EarliestDay(f"rules.sflr.{name}", threshold, p10, median, p90, never, floor))
    return tuple(found)


def _ledger(
    modifiers: dict[str, Floats],
    off: frozenset[str],
    play: Callable[[frozenset[str], str], Volumes],
    volumes: Volumes,
    day: int,
) -> tuple[LedgerLine, ...]:
    """Return what each modifier costs in mL on `day`: the median with it at 1, less the median as it is."""
    if volumes.occlusion_day is None:
        return ()
    as_is = float(np.median(volumes.flr_ml(day)))
    active = {name: m for name, m in modifiers.items() if name not in off and np.any(m != 1)}
    lines = []
    for name, multiplier in active.items():
        without = float(np.median(play(off | {name}, "relative").flr_ml(day)))
        lines.append(LedgerLine(name, growth.MODIFIERS[name], float(np.median(multiplier)), without - as_is))
    if active:
        without = float(np.median(play(frozenset(growth.MODIFIERS), "relative").flr_ml(day)))
        median = float(np.median(growth.product(active, off & set(active))))
        lines.append(LedgerLine("all", "all modifiers together", median, without - as_is))
    return tuple(lines)


def _textbook(course: Course, ending: Interval) -> float:
    """Return the probability of a textbook outcome; a plan that leaves a lesion has none."""
    if not course.all_cleared or not course.operations:
        return 0.0
    return share(ending.reached_last & ~ending.died & ~ending.failed & ~ending.morbid)
