"""A measured function stands in the place of what is predicted, once, and goes with its cause."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flrsim.draws import patient_streams
from flrsim.evidence import load_evidence
from flrsim.patient import LiverCondition, Patient, Treatment
from flrsim.physiology.function import function_per_ml, function_remarks, measured_function, measurements
from flrsim.physiology.injury import predict_injury
from flrsim.physiology.modifiers import ALL_OFF, Setting, effects
from flrsim.physiology.risk import FailureRisk, death_probability, failure_risk
from flrsim.timeline import LedgerLine, Timeline, simulate
from flrsim.timeline_result import failure as failure_range

sys.path.insert(0, str(Path(__file__).parents[1]))
from course_cases import MAN, single_stage, two_stage
from strategies import histories, patients

EVIDENCE = load_evidence()
MANY = settings(max_examples=200, deadline=None)
DRAWS = 40
UNIFORM, _ = patient_streams(3, DRAWS)
OFF = frozenset({"measured_function"})
CIRRHOSIS = (
    {"fibrosis": "F4"},
    {"fibrosis": "F3"},
    {"child_pugh": "A"},
    {"fibrosis": "F1", "child_pugh": "C"},
)
NORMAL_R15 = math.exp(-15 * 0.18)
"""Retention that a clearance at the limit of normal leaves: 6.7 %."""


def man(**liver: Any) -> Patient:
    return replace(MAN, liver=LiverCondition(**liver))


def failure(
    sflr: float, patient: Patient, history: tuple[Treatment, ...] = (), off: frozenset[str] = frozenset()
) -> FailureRisk:
    state = predict_injury(0, patient, history, EVIDENCE, UNIFORM)
    table = effects(0, patient, history, state, Setting(), EVIDENCE, UNIFORM)
    return failure_risk(np.full(DRAWS, sflr), True, patient, history, state, table, EVIDENCE, off)


def no_riskier(one: FailureRisk, other: FailureRisk) -> bool:
    return all(
        bool(np.all(getattr(one, end) <= getattr(other, end) + 1e-12)) for end in ("low", "high", "middle")
    )


# --- from a test to a number


@pytest.mark.parametrize(
    ("liver", "per_ml"),
    [
        ({"icg_r15": 0.13}, -math.log(0.13) / 15 / 0.18),
        ({"icg_r15": 0.05}, 1.0),
        ({"icg_r15": 0.0}, 1.0),
        ({"icg_r15": 1.0}, 0.0),
        ({"k_icg_per_min": 0.09}, 0.5),
        ({"k_icg_per_min": 0.25}, 1.0),
        ({"limax_ug_kg_h": 210.0}, 210 / 315),
        ({"limax_ug_kg_h": 430.0}, 1.0),
        ({"icg_r15": 0.20, "k_icg_per_min": 0.09, "limax_ug_kg_h": 100.0}, -math.log(0.20) / 15 / 0.18),
        ({"k_icg_per_min": 0.09, "limax_ug_kg_h": 100.0}, 0.5),
    ],
)
def test_function_is_the_first_test_over_its_limit_of_normal(liver: dict[str, float], per_ml: float) -> None:
    assert measured_function(man(**liver), EVIDENCE) == pytest.approx(per_ml, rel=1e-12)


def test_retention_and_clearance_of_one_liver_say_the_same() -> None:
    """ICG leaves the blood exponentially: 13 % after 15 minutes is 0.136/min."""
    k = -math.log(0.13) / 15
    assert measured_function(man(icg_r15=0.13), EVIDENCE) == measured_function(man(k_icg_per_min=k), EVIDENCE)


@pytest.mark.parametrize("test", [{"icg_r15": 0.2}, {"k_icg_per_min": 0.107}, {"limax_ug_kg_h": 188.0}])
def test_every_test_reaches_function_failure_and_ledger(test: dict[str, float]) -> None:
    played = simulate(single_stage(), man(**test), (), EVIDENCE, seed=1, draws=200)
    plain = simulate(single_stage(), MAN, (), EVIDENCE, seed=1, draws=200)
    assert played.phlf_cause == "measured function"
    assert played.at_resection is not None
    assert plain.at_resection is not None
    assert np.median(played.at_resection.function) == pytest.approx(
        0.596 * np.median(plain.at_resection.function), rel=0.01
    )
    assert played.p_phlf_high > plain.p_phlf_high  # type: ignore[operator]
    assert line(played, "measured_function").function == pytest.approx(0.596, abs=0.002)


@pytest.mark.parametrize(
    ("liver", "said"),
    [
        ({"icg_r15": 0.2, "child_pugh": "B"}, True),
        ({"icg_r15": 0.2, "fibrosis": "F4"}, True),
        ({"icg_r15": 0.2}, False),
        ({"child_pugh": "B"}, False),
    ],
)
def test_a_measured_cirrhotic_liver_says_what_its_failure_does_not_contain(
    liver: dict[str, Any], said: bool
) -> None:
    """Its failure is that of a smaller normal liver, its deaths those of cirrhosis."""
    played = simulate(single_stage(), man(**liver), (), EVIDENCE, seed=1, draws=50)
    assert ("portal hypertension" in played.phlf_remark) == said
    found = failure_range(played)
    assert found is not None
    assert found["remark"] == played.phlf_remark
    off = simulate(single_stage(), man(**liver), (), EVIDENCE, seed=1, draws=50, modifiers_off=ALL_OFF)
    assert off.phlf_remark == ""


def test_which_test_is_used_is_said_when_there_are_several() -> None:
    assert function_remarks(man(icg_r15=0.13), EVIDENCE) == ()
    assert function_remarks(man(icg_r15=0.13, k_icg_per_min=0.1, limax_ug_kg_h=250), EVIDENCE) == (
        "function of a mL, healthy liver 1, is taken from ICG-R15 13 % (0.76); not used for it: K-ICG 0.1/min (0.56), "
        "LiMAx 250 µg/kg/h (0.79)",
    )
    assert [m.test for m in measurements(man(limax_ug_kg_h=250), EVIDENCE)] == ["LiMAx 250 µg/kg/h"]


def test_a_class_of_cirrhosis_without_a_stage_is_assumed_f4_and_said() -> None:
    by_class, by_stage = man(child_pugh="B"), man(child_pugh="B", fibrosis="F4")
    one, other = (simulate(two_stage(), p, (), EVIDENCE, seed=1, draws=200) for p in (by_class, by_stage))
    assert np.array_equal(one.flr_ml.median, other.flr_ml.median)
    assert np.array_equal(one.function.median, other.function.median)
    assert function_remarks(by_class, EVIDENCE) == (
        "Child-Pugh B was given without a stage of fibrosis: F4 is assumed for growth and function",
    )
    assert function_remarks(by_stage, EVIDENCE) == ()
    assert function_remarks(man(child_pugh="A", fibrosis="F1"), EVIDENCE)[0].endswith(
        "growth and function F1; correct one of the two"
    )


# --- each cause enters failure once


@pytest.mark.parametrize("cirrhosis", CIRRHOSIS)
@pytest.mark.parametrize("sflr", [0.15, 0.25, 0.35, 0.45, 0.60])
def test_a_measured_cirrhotic_liver_is_a_normal_liver_of_so_much_less_volume(
    cirrhosis: dict[str, str], sflr: float
) -> None:
    patient = man(icg_r15=0.20, **cirrhosis)
    per_ml = measured_function(patient, EVIDENCE)
    assert per_ml is not None
    found, normal = failure(sflr, patient), failure(sflr * per_ml, MAN)
    assert np.array_equal(found.low, normal.low)
    assert np.array_equal(found.high, normal.high)


@MANY
@given(patients, histories, st.floats(0.05, 1.0), st.floats(0.0, NORMAL_R15))
def test_a_normal_measurement_never_raises_the_risk_of_failure(
    person: Patient, history: tuple[Treatment, ...], sflr: float, r15: float
) -> None:
    unmeasured = replace(person, liver=replace(person.liver, icg_r15=None))
    measured = replace(person, liver=replace(person.liver, icg_r15=r15))
    assert no_riskier(failure(sflr, measured, history), failure(sflr, unmeasured, history))


@MANY
@example({"fibrosis": "F4"}, 0.25, 0.13, False)
@given(st.sampled_from(CIRRHOSIS), st.floats(0.05, 1.0), st.floats(NORMAL_R15, 0.13), st.booleans())
def test_a_mild_measurement_never_raises_the_risk_of_a_cirrhotic_liver(
    cirrhosis: dict[str, str], sflr: float, r15: float, diabetes: bool
) -> None:
    unmeasured = replace(man(**cirrhosis), diabetes=diabetes)
    measured = replace(man(icg_r15=r15, **cirrhosis), diabetes=diabetes)
    one, other = failure(sflr, measured), failure(sflr, unmeasured)
    assert np.all(one.high <= other.high + 1e-12)
    if (
        not diabetes
    ):  # with it the worst published stratum caps the high end of the liver that was not measured
        assert np.all(one.middle <= other.middle + 1e-12)


@MANY
@given(patients, histories, st.floats(0.05, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_worse_measurement_never_lowers_the_risk(
    person: Patient, history: tuple[Treatment, ...], sflr: float, one: float, other: float
) -> None:
    better, worse = (
        failure(sflr, replace(person, liver=replace(person.liver, icg_r15=r15)), history)
        for r15 in sorted((one, other))
    )
    assert no_riskier(better, worse)


# --- switched off


@pytest.mark.parametrize("cirrhosis", [{}, *CIRRHOSIS])
def test_with_the_measurement_off_the_patient_is_the_one_without_it(cirrhosis: dict[str, str]) -> None:
    measured, plain = man(icg_r15=0.3, **cirrhosis), man(**cirrhosis)
    history = (Treatment("FOLFOX", 8, -30),)
    one = simulate(single_stage(), measured, history, EVIDENCE, seed=2, draws=200, modifiers_off=OFF)
    other = simulate(single_stage(), plain, history, EVIDENCE, seed=2, draws=200)
    same(one, other)


@pytest.mark.parametrize("cirrhosis", CIRRHOSIS[:3])
def test_with_cirrhosis_off_nothing_of_it_is_left(cirrhosis: dict[str, str]) -> None:
    """Neither in the measurement nor in the deaths; its threshold is a rule."""
    off = frozenset({"fibrosis"})
    for liver in (man(icg_r15=0.3, **cirrhosis), man(**cirrhosis)):
        one = simulate(single_stage(), liver, (), EVIDENCE, seed=2, draws=2000, modifiers_off=off)
        same(one, simulate(single_stage(), MAN, (), EVIDENCE, seed=2, draws=2000))


def test_a_measurement_without_cirrhosis_stays_when_cirrhosis_is_off() -> None:
    assert measured_function(man(icg_r15=0.3), EVIDENCE, {"fibrosis"}) is not None
    assert measured_function(man(icg_r15=0.3, fibrosis="F2"), EVIDENCE, {"fibrosis"}) is not None
    assert measured_function(man(icg_r15=0.3, fibrosis="F3"), EVIDENCE, {"fibrosis"}) is None


@pytest.mark.parametrize("child_pugh", ["A", "B", "C"])
def test_with_all_causes_off_function_failure_and_death_are_those_of_a_healthy_liver(child_pugh: str) -> None:
    ill = replace(man(icg_r15=0.3, limax_ug_kg_h=100.0, child_pugh=child_pugh), diabetes=True)
    table = effects(0, ill, (), predict_injury(0, ill, (), EVIDENCE, UNIFORM), Setting(), EVIDENCE, UNIFORM)
    assert np.all(function_per_ml(ill, table, EVIDENCE, ALL_OFF) == 1)
    one, other = failure(0.25, ill, off=ALL_OFF), failure(0.25, MAN)
    assert np.array_equal(one.middle, other.middle)
    failed, p = np.array([False, True]), np.full(2, 0.1)
    assert np.array_equal(
        death_probability(failed, p, "major", ill, EVIDENCE, ALL_OFF),
        death_probability(failed, p, "major", MAN, EVIDENCE),
    )


def same(one: Timeline, other: Timeline) -> None:
    assert np.array_equal(one.function.median[:1], other.function.median[:1])
    assert (one.p_phlf_low, one.p_phlf_high, one.phlf_cause) == (
        other.p_phlf_low,
        other.p_phlf_high,
        other.phlf_cause,
    )
    assert one.p_death_90d == other.p_death_90d


# --- what it costs


def line(played: Timeline, name: str) -> LedgerLine:
    return next(x for x in played.ledger if x.modifier == name)


def test_the_ledger_has_a_line_for_what_was_measured_and_none_for_its_parts() -> None:
    patient = replace(man(icg_r15=0.13, fibrosis="F4"), diabetes=True)
    played = simulate(two_stage(), patient, (), EVIDENCE, seed=1, draws=200)
    found, whole = line(played, "measured_function"), line(played, "all")
    assert found.text == "function as measured (ICG-R15 13 %)"
    assert found.function == whole.function == pytest.approx(0.7556, abs=1e-4)
    assert found.multiplier == 1.0
    assert found.cost_ml == 0.0
    fibrosis = line(played, "fibrosis")
    assert fibrosis.function is None
    assert fibrosis.multiplier < 1
    assert fibrosis.cost_function > 0
    assert line(played, "diabetes").function == 1.0
    # Without it the cirrhosis of this stage would be presumed, which is worse.
    assert found.cost_function < 0
    normal = simulate(two_stage(), man(icg_r15=0.05), (), EVIDENCE, seed=1, draws=200)
    assert line(normal, "measured_function").function == 1.0
