"""Liver failure by three definitions, each cause once, and the deaths of every procedure."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flrsim.course import Course, CourseStep
from flrsim.draws import Floats, patient_streams
from flrsim.evidence import Evidence, load_evidence
from flrsim.patient import LiverCondition, Patient, Treatment
from flrsim.physiology.function import function_per_ml, measured_function
from flrsim.physiology.injury import Injury, predict_injury
from flrsim.physiology.interval import Interval, Liver, first_response, last_reading, walk
from flrsim.physiology.modifiers import Setting, effects
from flrsim.physiology.risk import FailureRisk, by_definition, death_probability, failure_risk
from flrsim.physiology.volumes import GrowthDraws, Volumes
from flrsim.timeline import simulate

sys.path.insert(0, str(Path(__file__).parents[1]))
from course_cases import MAN, injury, pve_of, single_stage, two_stage

EVIDENCE = load_evidence()
TWELVE = (Treatment("FOLFOX", 12, -42),)


def odds(p: Floats) -> Floats:
    return np.log(p / (1 - p))


# --- definitions


def test_each_definition_is_a_shift_of_the_odds_worked_out_by_hand() -> None:
    p = FailureRisk(np.array([0.1, 0.3, 0.9]), np.array([0.2, 0.5, 0.9]), "none")
    found = by_definition(p, np.array([True, True, False]), EVIDENCE)
    assert found["peak_bilirubin"] == pytest.approx((0.2, 0.35))
    by_hand = {
        "isgls": [np.mean(1 / (1 + np.exp(-odds(np.array(x)) - 0.64))) for x in ([0.1, 0.3], [0.2, 0.5])],
        "fifty_fifty": [
            np.mean(1 / (1 + np.exp(-odds(np.array(x)) + 0.64))) for x in ([0.1, 0.3], [0.2, 0.5])
        ],
    }
    for name, expected in by_hand.items():
        assert found[name] == pytest.approx(expected, rel=1e-12)
    for end in (0, 1):
        assert found["isgls"][end] > found["peak_bilirubin"][end] > found["fifty_fifty"][end]


def test_the_published_counts_of_three_definitions_come_back() -> None:
    """680 hepatectomies: 44 by peak bilirubin, 79 ISGLS, 24 by the 50-50 criteria."""
    p = np.array([44 / 680])
    found = by_definition(FailureRisk(p, p, "none"), np.array([True]), EVIDENCE)
    assert found["isgls"][0] * 680 == pytest.approx(79, abs=0.5)
    assert found["fifty_fifty"][0] * 680 == pytest.approx(24, abs=0.5)


def test_a_played_plan_shows_all_definitions_of_the_same_draws() -> None:
    played = simulate(two_stage(), MAN, TWELVE, EVIDENCE, seed=1, draws=1000)
    found = played.p_phlf_by_definition
    assert found["peak_bilirubin"] == (played.p_phlf_low, played.p_phlf_high)
    assert found["isgls"] > found["peak_bilirubin"] > found["fifty_fifty"]
    waiting = replace(two_stage(lesions=()), steps=(), flr_ml=two_stage().parenchyma_ml)
    assert simulate(waiting, MAN, (), EVIDENCE, seed=1, draws=10).p_phlf_by_definition == {}


def test_nobody_stays_nobody_and_no_definition_passes_the_worst_published_stratum() -> None:
    p = FailureRisk(np.zeros(2), np.array([0.7, 0.75]), "none")
    found = by_definition(p, np.ones(2, dtype=bool), EVIDENCE)
    assert all(low == 0.0 for low, _ in found.values())
    assert found["isgls"][1] == 0.75  # 9 of 12
    assert found["fifty_fifty"][1] < found["peak_bilirubin"][1] == pytest.approx(0.725)


# --- causes


def failure(
    sflr: float,
    state: Injury,
    patient: Patient = MAN,
    history: tuple[Treatment, ...] = (),
    off: frozenset[str] = frozenset(),
) -> FailureRisk:
    table = effects(0, patient, history, state, Setting(), EVIDENCE, lambda _: np.array([0.5]))
    return failure_risk(np.array([sflr]), True, patient, history, state, table, EVIDENCE, off)


@pytest.mark.parametrize(
    ("state", "cause", "added"),
    [
        (injury(2, known="sos nrh"), "sos", 0.27),
        (injury(0, 1, known="sos nrh"), "nrh", 1.46),
        (injury(0, 0, True, known="sos nrh steatohepatitis"), "steatosis", 0.73),
    ],
)
def test_a_known_injury_moves_both_ends_by_its_odds_and_replaces_the_weeks(
    state: Injury, cause: str, added: float
) -> None:
    """At sFLR 25 % in a liver that a biopsy found free of anything else, with or without 24 weeks of chemotherapy."""
    binary, curve = -4.8 + 1.84, 2.60 - 19.0 * 0.25
    ends = sorted(1 / (1 + np.exp(-(x + added))) for x in (binary, curve))
    flat = [1 / (1 + np.exp(-(odds(np.array(x)) + added))) for x in (0.05, 0.15)]
    expected = max(ends[0], flat[0]), max(ends[1], flat[1])
    for history in ((), TWELVE):
        found = failure(0.25, state, MAN, history)
        assert (found.low[0], found.high[0]) == pytest.approx(expected, rel=1e-12)
        assert found.cause == "injury"
        without = failure(0.25, state, MAN, history, frozenset({cause}))
        assert without.cause == "none"  # the biopsy still outranks the weeks
        assert (without.low[0], without.high[0]) == pytest.approx((0.05, 0.15))


def test_a_measured_function_outranks_injury_and_weeks() -> None:
    measured = replace(MAN, liver=LiverCondition(icg_r15=0.20))
    share = measured_function(measured, EVIDENCE)
    assert share == pytest.approx(-np.log(0.2) / 15 / 0.18)
    ill = injury(3, 2, True, known="sos nrh steatohepatitis")
    found = failure(0.30, ill, measured, TWELVE)
    # A normal liver of so much less volume: 18 % instead of 30 %, below the 20 % where risk is flat.
    at_20, curve = (1 / (1 + np.exp(-(2.60 - 19.0 * x))) for x in (0.20, 0.30 * share))
    assert (found.low[0], found.high[0]) == pytest.approx((at_20, max(curve, 0.34)))
    assert failure(0.35, ill, measured, TWELVE).high[0] == pytest.approx(0.15)  # 21 %
    plain = failure(0.30, injury(), measured)
    assert (found.low[0], found.high[0]) == (plain.low[0], plain.high[0])
    assert found.cause == "measured function"
    table = effects(0, measured, TWELVE, ill, Setting(), EVIDENCE, lambda _: np.array([0.5]))
    assert function_per_ml(measured, table, EVIDENCE)[0] == share


def test_weeks_count_only_without_a_known_injury_and_can_be_switched_off() -> None:
    predicted = injury(3, 2, True)  # not known: what the history predicts is the weeks once more
    weeks = failure(0.25, predicted, MAN, TWELVE)
    assert weeks.cause == "weeks of chemotherapy"
    binary, curve = -4.8 + 1.69 + 1.84, 2.60 - 19.0 * (0.25 - 0.09)
    assert (weeks.low[0], weeks.high[0]) == pytest.approx(
        sorted(1 / (1 + np.exp(-x)) for x in (binary, curve))
    )
    off = failure(0.25, predicted, MAN, TWELVE, frozenset({"long_chemotherapy"}))
    assert (off.cause, off.low[0], off.high[0]) == ("none", pytest.approx(0.05), pytest.approx(0.15))


@pytest.mark.parametrize("known", ["steatohepatitis", "sos", "nrh"])
def test_a_biopsy_of_one_thing_makes_no_liver_safer_than_its_weeks_alone(known: str) -> None:
    """The worse of injury and weeks, never both: at 25 % the weeks, at 50 % the nodules."""
    for state in (injury(3, 0, known=known), injury(0, 2, known=known), injury(0, 0, True, known=known)):
        for sflr in (0.25, 0.50):
            found, weeks = failure(sflr, state, MAN, TWELVE), failure(sflr, injury(), MAN, TWELVE)
            alone = failure(sflr, state)
            assert found.low[0] == max(weeks.low[0], alone.low[0])
            assert found.high[0] == max(weeks.high[0], alone.high[0])
    both = failure(0.50, injury(0, 2, known="nrh"), MAN, TWELVE)
    assert both.cause == "injury"
    assert failure(0.25, injury(2, known="sos"), MAN, TWELVE).cause == "weeks of chemotherapy"


def test_a_finding_that_later_doses_have_overtaken_is_no_knowledge() -> None:
    """12 FOLFOX, the last on day -42: what was looked at before them says nothing, what was there adds itself."""

    def at(day: int, sos: int, nrh: int, sflr: float = 0.25) -> tuple[Injury, FailureRisk]:
        person = replace(MAN, liver=LiverCondition(sos_grade=sos, nrh_grade=nrh, biopsy_day=day))
        uniform, _ = patient_streams(1, 500)
        state = predict_injury(0, person, TWELVE, EVIDENCE, uniform)
        table = effects(0, person, TWELVE, state, Setting(), EVIDENCE, uniform)
        return state, failure_risk(np.full(500, sflr), True, person, TWELVE, state, table, EVIDENCE)

    weeks = failure(0.25, injury(), MAN, TWELVE)
    for day in (-400, -60):  # before the first dose; before the last two
        state, risk = at(day, 0, 0)
        assert (state.known, state.risen, risk.cause) == (frozenset(), frozenset(), "weeks of chemotherapy")
        assert risk.low == pytest.approx(weeks.low[0])
        assert risk.high == pytest.approx(weeks.high[0])
    state, risk = at(-42, 0, 0)
    assert (state.known, state.risen, risk.cause) == ({"sos", "nrh"}, frozenset(), "none")
    state, risk = at(-60, 0, 2)
    assert (state.known, state.risen, risk.cause) == ({"nrh"}, {"nrh"}, "weeks of chemotherapy")
    assert at(-60, 0, 2, sflr=0.5)[1].cause == "injury"
    assert np.all(risk.low >= weeks.low[0])


def test_diabetes_is_added_to_whatever_the_liver_says() -> None:
    for state, history in ((injury(), ()), (injury(2, known="sos nrh"), ()), (injury(), TWELVE)):
        without = failure(0.28, state, MAN, history)
        found = failure(0.28, state, replace(MAN, diabetes=True), history)
        for end in ("low", "high"):
            moved = odds(getattr(found, end)) - odds(getattr(without, end))
            assert moved == pytest.approx(0.79, rel=1e-9)


# --- deaths


@pytest.mark.parametrize(
    ("kind", "liver", "total"),
    [
        ("major", LiverCondition(fibrosis="F4"), 0.047),
        ("minor", LiverCondition(child_pugh="B"), 0.213),
        ("alpps_last", LiverCondition(), 1 - (1 - 0.06) / (1 - 0.01)),
    ],
)
@pytest.mark.parametrize("p_failure", [0.0, 0.05, 0.12, 0.5])
def test_a_published_total_that_contains_failure_is_met_and_never_added(
    kind: str, liver: LiverCondition, total: float, p_failure: float
) -> None:
    patient, failed = replace(MAN, liver=liver), np.array([False, True])
    dies = death_probability(failed, np.full(2, p_failure), kind, patient, EVIDENCE)
    other = EVIDENCE.value("risk.death." + kind.replace("alpps", "staged"))
    apart = 1 - (1 - other) * (1 - 0.217 * p_failure)
    assert (1 - p_failure) * dies[0] + p_failure * dies[1] == pytest.approx(max(total, apart), rel=1e-9)
    assert dies[1] == pytest.approx(1 - (1 - dies[0]) * (1 - 0.217))


def alpps(technique: str = "alpps") -> Course:
    """Wedge and partition on one day, the second stage ten days later."""
    course = two_stage(occlusion_day=0, scan_day=8, last_day=10, lesions=())
    partition = replace(course.steps[1], technique=technique)
    return replace(course, steps=(course.steps[0], partition, *course.steps[2:]))


def walked(course: Course, luck: dict[str, list[float]], evidence: Evidence = EVIDENCE) -> Interval:
    """Play draws of average growth whose luck at some decisions is given; all else goes well, volume too."""
    n = len(next(iter(luck.values())))

    def uniform(decision: str) -> Floats:
        return np.array(luck.get(decision, [1e-9 if decision == "dropout.progression" else 0.9999] * n))

    zero, one, none = np.zeros(n), np.ones(n), injury(n=n)
    draws = GrowthDraws(zero + 1, zero, zero, zero + 0.6, zero + 0.5, zero)
    v = Volumes(course, draws, one, one, 1604.5, evidence, "relative")
    table = effects(0, MAN, (), none, Setting(), evidence, uniform)
    response = first_response(v, course, evidence, zero)
    reading = last_reading(v, course, response, evidence, zero)
    return walk(
        course, v, response, reading, 0.15, MAN, lambda day: Liver(day, (), none, table), evidence, uniform
    )  # fmt: skip


def died(course: Course, decision: str, rate: float, evidence: Evidence = EVIDENCE) -> None:
    """Assert that luck just below `rate` kills and luck just above does not."""
    found = walked(course, {decision: [rate * 0.999, rate * 1.001]}, evidence)
    assert found.died.tolist() == [True, False]


def test_the_first_stage_of_partition_has_one_risk_and_the_second_the_rest_of_its_total() -> None:
    died(alpps(), "death.occlusion0", 0.01)
    # The wedge of the same session is not asked again.
    assert not np.any(walked(alpps(), {"death.stage1": [0.0], "phlf.stage1": [0.0]}).died)
    p = walked(alpps(), {"none": [0.5]}).failure
    assert p is not None
    from_failure = 0.217 * p.middle[0]
    for both, other in ((0.06, 0.031), (0.15, 0.0)):  # what 6 % leaves is less than any staged operation has
        total = 1 - (1 - both) / (1 - 0.01)
        expected = max(other, (total - from_failure) / (1 - from_failure))
        died(alpps(), "death.last", expected, load_evidence(overrides={"risk.death.alpps_last": both}))


@pytest.mark.parametrize("technique", ["alpps_partial", "alpps_mini", "alpps_tourniquet"])
def test_every_partition_counts_as_one(technique: str) -> None:
    died(alpps(technique), "death.occlusion0", 0.01)


@pytest.mark.parametrize(
    ("technique", "rate"),
    [("pve", "occlusion"), ("lvd", "occlusion"), ("y90", "occlusion"), ("pvl", "minor")],
)
def test_closing_veins_has_the_deaths_of_embolization_and_ligation_those_of_a_minor_operation(
    technique: str, rate: str
) -> None:
    course = pve_of(480.0, technique=technique)
    died(course, "death.occlusion0", EVIDENCE.value(f"risk.death.{rate}"))
    died(course, "death.last", 0.031)
    died(single_stage(), "death.last", 0.004)


def test_a_rescue_partition_has_the_deaths_of_partition() -> None:
    rescue = CourseStep(30, "occlude", technique="alpps_rescue")
    died(pve_of(420.0, operate=40, later=(rescue,)), "death.occlusion30", 0.01)
