"""What must hold of injury, function, failure and growth for any patient: searched for counterexamples."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flrsim.case_file import load_case
from flrsim.comparison import compare
from flrsim.draws import patient_streams
from flrsim.evidence import load_evidence
from flrsim.patient import LiverCondition, Patient, Treatment
from flrsim.physiology.function import function_per_ml
from flrsim.physiology.injury import Injury, given_by, predict_injury
from flrsim.physiology.modifiers import ALL_OFF, MODIFIERS, Setting, effects, function_factor, growth_factor
from flrsim.physiology.risk import failure_risk
from flrsim.timeline import simulate

sys.path.insert(0, str(Path(__file__).parents[1]))
import block_liver as blocks
from course_cases import MAN, pve_of, single_stage

EVIDENCE = load_evidence()
FEW = settings(max_examples=30, deadline=None)
N = 200
UNIFORM, NORMAL = patient_streams(11, N)
SETTING = Setting("embolized", "nbca", interval_chemotherapy=True)
REGIMENS = ("FOLFOX", "FOLFIRI", "FOLFOXIRI+bevacizumab", "CAPOX+cetuximab", "HAI-FUDR", "TACE", "lenvatinib")

histories = st.lists(
    st.builds(Treatment, st.sampled_from(REGIMENS), st.integers(1, 14), st.integers(-300, -7)), max_size=3
).map(tuple)
remnants = st.floats(0.05, 0.75)


def biopsy(sos: int, nrh: int, fat: bool) -> Patient:
    """A patient whose injury is known."""
    return replace(MAN, liver=LiverCondition(sos_grade=sos, nrh_grade=nrh, steatohepatitis=fat))


def state(patient: Patient, history: tuple[Treatment, ...], day: int = 0) -> tuple[Injury, dict[str, object]]:
    injury = predict_injury(day, patient, history, EVIDENCE, UNIFORM)
    return injury, effects(day, patient, history, injury, SETTING, EVIDENCE, UNIFORM)


def failure(patient: Patient, history: tuple[Treatment, ...], sflr: float) -> tuple[np.ndarray, np.ndarray]:
    injury, found = state(patient, history)
    risk = failure_risk(np.full(N, sflr), True, patient, history, injury, found, EVIDENCE)
    return risk.low, risk.high


@FEW
@given(
    sos=st.integers(0, 3), nrh=st.integers(0, 2), fat=st.booleans(), worse=st.sampled_from(("sos", "nrh", "fat")),
    history=histories, sflr=remnants,
)  # fmt: skip
def test_more_injury_never_improves_function_or_growth_nor_lowers_the_risk_of_failure(
    sos: int, nrh: int, fat: bool, worse: str, history: tuple[Treatment, ...], sflr: float
) -> None:
    better = biopsy(sos, nrh, fat)
    ill = biopsy(min(sos + (worse == "sos"), 3), min(nrh + (worse == "nrh"), 2), fat or worse == "fat")
    (_, one), (_, other) = state(better, history), state(ill, history)
    assert np.all(function_per_ml(ill, other, EVIDENCE) <= function_per_ml(better, one, EVIDENCE))
    assert np.all(growth_factor(other) <= growth_factor(one))
    for less, more in zip(failure(better, history, sflr), failure(ill, history, sflr), strict=True):
        assert np.all(more >= less)


@FEW
@given(history=histories, wait=st.integers(1, 200), bmi=st.sampled_from((65.0, 95.0)))
def test_a_longer_washout_never_worsens_the_liver(
    history: tuple[Treatment, ...], wait: int, bmi: float
) -> None:
    patient = replace(MAN, weight_kg=bmi)
    (soon, now), (late, then) = state(patient, history, 0), state(patient, history, wait)
    for name in ("sos_grade", "nrh_grade", "steatohepatitis", "steatosis"):
        assert np.all(getattr(late, name).astype(int) <= getattr(soon, name).astype(int)), name
    assert np.all(function_factor(then) >= function_factor(now))
    off = {"bevacizumab"}  # its sources disagree: it may speed growth as well as slow it
    assert np.all(growth_factor(then, off) >= growth_factor(now, off))


@FEW
@given(history=histories, sflr=remnants)
def test_a_liver_known_to_be_sound_is_an_untreated_one(history: tuple[Treatment, ...], sflr: float) -> None:
    sound = replace(biopsy(0, 0, False), liver=replace(biopsy(0, 0, False).liver, steatosis_fraction=0.0))
    (_, treated), (_, untreated) = state(sound, history), state(MAN, ())
    assert np.all(function_per_ml(sound, treated, EVIDENCE) == 1.0)
    assert np.all(function_per_ml(MAN, untreated, EVIDENCE) == 1.0)
    for name in ("sos", "nrh", "steatosis"):
        assert not treated[name].active  # type: ignore[attr-defined]
    for one, other in zip(failure(sound, history, sflr), failure(MAN, (), sflr), strict=True):
        assert np.array_equal(one, other)


@FEW
@given(
    sflr=remnants, sos=st.integers(0, 3), nrh=st.integers(0, 2), child=st.sampled_from((None, "A", "C")),
    r15=st.none() | st.floats(0.02, 0.6), history=histories,
)  # fmt: skip
def test_no_stack_of_causes_passes_the_worst_published_stratum(
    sflr: float, sos: int, nrh: int, child: str | None, r15: float | None, history: tuple[Treatment, ...]
) -> None:
    liver = LiverCondition(
        steatosis_fraction=0.6, steatohepatitis=True, fibrosis="F4", sos_grade=sos, nrh_grade=nrh, icg_r15=r15,
        child_pugh=child, cholestasis="undrained",
    )  # fmt: skip
    low, high = failure(replace(MAN, liver=liver, diabetes=True, sarcopenia=True), history, sflr)
    assert np.all(low <= high)
    assert np.all(high <= 0.75)


@FEW
@given(sflr=st.floats(0.12, 0.45), scan=st.integers(21, 80), history=histories)
def test_growth_rate_times_weeks_is_the_degree_of_hypertrophy(
    sflr: float, scan: int, history: tuple[Treatment, ...]
) -> None:
    size = simulate(single_stage(), MAN, (), EVIDENCE, seed=1, draws=10, follow_up_days=0).telv.ml
    assert size is not None
    course = pve_of(sflr * size, scan=scan, operate=scan + 7)
    played = simulate(course, MAN, history, EVIDENCE, seed=1, draws=50, follow_up_days=0).response
    assert played is not None
    assert played.kgr_per_week is not None
    assert played.degree_of_hypertrophy is not None
    assert played.kgr_per_week * scan / 7 == pytest.approx(played.degree_of_hypertrophy)


def test_points_gained_by_day_28_hardly_depend_on_the_start() -> None:
    """README of the evidence: within 3 points of each other either way, over starting sFLR 15 to 35 %."""
    gains = []
    for sflr in np.linspace(0.15, 0.35, 9):
        size = simulate(single_stage(), MAN, (), EVIDENCE, seed=1, draws=10, follow_up_days=0).telv.ml or 0.0
        course = pve_of(sflr * size, scan=28, operate=35)
        played = simulate(course, MAN, (), EVIDENCE, seed=1, draws=2000, follow_up_days=0)
        assert played.degree_of_hypertrophy is not None
        gains.append(played.degree_of_hypertrophy.median)
    middle = 0.5 * (max(gains) + min(gains))
    assert max(abs(g - middle) for g in gains) <= 0.03


def test_every_cause_can_be_switched_off_alone_and_all_together() -> None:
    liver = LiverCondition(
        steatosis_fraction=0.4, steatohepatitis=True, fibrosis="F3", sos_grade=3, nrh_grade=2, cholestasis="undrained"
    )  # fmt: skip
    ill = replace(MAN, liver=liver, diabetes=True, sarcopenia=True)
    history = (Treatment("FOLFOX+bevacizumab", 9, -14), Treatment("TACE", 1, -40))
    _, found = state(ill, history)
    for name in MODIFIERS:
        assert np.array_equal(growth_factor(found, {name}) * found[name].growth, growth_factor(found)) or (
            np.allclose(growth_factor(found, {name}) * found[name].growth, growth_factor(found), rtol=1e-14)
        )
    assert np.all(growth_factor(found, ALL_OFF) == 1.0)
    assert np.all(function_factor(found, ALL_OFF) == 1.0)


def test_sampled_moments_are_the_evidences_spread() -> None:
    uniform, normal = patient_streams(3, 200_000)
    for id in ("growth.pve.amplitude", "growth.alpps.tau", "tumour.doubling_time"):
        logs = np.log(EVIDENCE.lognormal(id, normal(id)))
        assert np.mean(logs) == pytest.approx(np.log(EVIDENCE.value(id)), abs=0.005)
        assert np.std(logs) == pytest.approx(EVIDENCE[id].sd, rel=0.01)
    for id in ("growth.beta", "growth.modifier.sos_3", "function.fibrosis_4"):
        drawn, p = EVIDENCE.quantile(id, uniform(id)), EVIDENCE[id]
        assert p.low is not None
        assert p.high is not None
        assert np.median(drawn) == pytest.approx(p.value, rel=0.01)
        # Two straight quantile functions: each half has its own mean.
        assert np.mean(drawn) == pytest.approx((p.low + 2 * p.value + p.high) / 4, rel=0.01)
        assert drawn.min() == pytest.approx(p.low, rel=0.01)
        assert drawn.max() == pytest.approx(p.high, rel=0.01)


@FEW
@given(day=st.integers(-200, 200), history=histories)
def test_what_was_given_until_a_day_is_a_part_of_what_is_given(
    day: int, history: tuple[Treatment, ...]
) -> None:
    given_then = given_by(day, history, EVIDENCE)
    assert all(t.last_dose_day <= day and t.cycles >= 1 for t in given_then)
    assert sum(t.cycles for t in given_then) <= sum(t.cycles for t in history)
    assert given_by(10_000, history, EVIDENCE) == history


def test_another_plan_changes_no_byte_of_a_plan(tmp_path: Path) -> None:
    blocks.write_case(tmp_path)
    case, plans = load_case(tmp_path, EVIDENCE)
    alone = compare(case, plans[:1], EVIDENCE, seed=9, draws=200).result
    beside = compare(case, plans, EVIDENCE, seed=9, draws=200).result
    (one,) = alone.plans
    other = next(p for p in beside.plans if p.name == one.name)
    assert json.dumps(one.to_dict(), sort_keys=True) == json.dumps(other.to_dict(), sort_keys=True)
