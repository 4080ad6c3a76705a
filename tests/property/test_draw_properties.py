"""Draws have the spread that the evidence says, and neither batch nor neighbour changes a digit."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri

import solids
from flrsim.comparison import compare
from flrsim.course import Course
from flrsim.draws import normal, patient_streams, uniform
from flrsim.evidence import load_evidence
from flrsim.patient import Patient, Treatment
from flrsim.physiology.modifiers import ALL_OFF
from flrsim.plan import Occlude, Operate, Plan, Scan, Step
from flrsim.resection.plane import Plane
from flrsim.timeline import Timeline, simulate

sys.path.insert(0, str(Path(__file__).parents[1]))
from course_cases import MAN, pve_of
from strategies import courses, histories, patients

EVIDENCE = load_evidence()
FEW = settings(max_examples=15, deadline=None)
N = 4000
SPREAD = {kind: [i for i in EVIDENCE.ids() if EVIDENCE[i].spread == kind] for kind in ("log_sd", "logit_sd")}
RANGED = [i for i in EVIDENCE.ids() if EVIDENCE[i].low is not None]

# --- moments


@pytest.mark.parametrize("id", SPREAD["log_sd"])
def test_a_lognormal_number_is_drawn_with_its_median_and_spread(id: str) -> None:
    parameter = EVIDENCE[id]
    drawn = np.log(EVIDENCE.lognormal(id, normal(3, id, n_draws=N)[0]))
    assert parameter.sd is not None
    # 4.5 standard errors of a mean and of an SD
    assert drawn.mean() == pytest.approx(np.log(parameter.value), abs=4.5 * parameter.sd / np.sqrt(N))
    assert drawn.std() == pytest.approx(parameter.sd, abs=4.5 * parameter.sd / np.sqrt(2 * N))


@pytest.mark.parametrize("id", SPREAD["logit_sd"])
def test_a_share_is_drawn_with_its_median_and_spread_on_the_log_odds(id: str) -> None:
    parameter = EVIDENCE[id]
    p = EVIDENCE.logit_normal(id, normal(3, id, n_draws=N)[0])
    drawn, middle = np.log(p / (1 - p)), np.log(parameter.value / (1 - parameter.value))
    assert parameter.sd is not None
    assert drawn.mean() == pytest.approx(middle, abs=4.5 * parameter.sd / np.sqrt(N))
    assert drawn.std() == pytest.approx(parameter.sd, abs=4.5 * parameter.sd / np.sqrt(2 * N))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(RANGED), st.integers(0, 2**31))
def test_a_ranged_number_has_its_value_as_median_its_bounds_as_ends_and_half_its_draws_on_each_side(
    id: str, seed: int
) -> None:
    """Straight between bound and value: mean and second moment of two uniform halves."""
    parameter = EVIDENCE[id]
    low, mid, high = parameter.low, parameter.value, parameter.high
    assert low is not None
    assert high is not None
    drawn = EVIDENCE.quantile(id, uniform(seed, id, n_draws=N)[0])
    assert low <= drawn.min()
    assert drawn.max() <= high
    mean = (low + 2 * mid + high) / 4
    second = ((low**2 + low * mid + mid**2) + (mid**2 + mid * high + high**2)) / 6
    sd = np.sqrt(max(second - mean**2, 0.0))
    assert drawn.mean() == pytest.approx(mean, abs=5.5 * sd / np.sqrt(N) + 1e-12)
    if low < mid < high:
        assert np.mean(drawn < mid) == pytest.approx(0.5, abs=5.5 * 0.5 / np.sqrt(N))
    else:
        assert np.mean(drawn == mid) > 0.4 or low == mid == high


@pytest.mark.parametrize("technique", ["pve", "pvl", "lvd", "alpps"])
def test_played_growth_has_the_printed_spread_between_patients(technique: str) -> None:
    """At the reference size, long after the stimulus: quartiles of the relative growth, all below the cap."""
    telv, start = 1604.512, 0.27
    course = pve_of(start * telv, liver_ml=1700.0, technique=technique, scan=400, operate=410)
    played = simulate(course, MAN, (), EVIDENCE, seed=5, draws=N, modifiers_off=ALL_OFF)
    parameter = EVIDENCE[f"growth.{technique}.amplitude"]
    assert parameter.sd is not None
    grown = played.decisions[0].sflr / start - 1
    q = np.array([0.1, 0.25, 0.5, 0.75])
    error = (
        4.5 * parameter.sd * np.sqrt(q * (1 - q) / N) / (np.exp(-(ndtri(q) ** 2) / 2) / np.sqrt(2 * np.pi))
    )
    expected = np.log(parameter.value) + parameter.sd * ndtri(q)
    assert np.exp(expected[-1]) < EVIDENCE.value("growth.cap_sflr") / start - 1
    assert np.all(np.abs(np.log(np.quantile(grown, q)) - expected) < error)


# --- the same digits


@FEW
@given(
    st.integers(0, 2**31),
    st.text(max_size=20),
    st.integers(1, 40),
    st.lists(st.integers(1, 5), min_size=1, max_size=5),
)
def test_any_batch_of_patients_has_the_same_numbers(seed: int, name: str, n: int, sizes: list[int]) -> None:
    whole = uniform(seed, name, n_patients=sum(sizes), n_draws=n)
    starts = np.cumsum([0, *sizes[:-1]])
    parts = [
        uniform(seed, name, first_patient=int(i), n_patients=k, n_draws=n)
        for i, k in zip(starts, sizes, strict=True)
    ]
    assert np.array_equal(np.vstack(parts), whole)
    alone, _ = patient_streams(seed, n, patient=sum(sizes) - 1)
    assert np.array_equal(alone(name), whole[-1])


def digits(played: Timeline) -> tuple[object, ...]:
    curves = (played.flr_ml, played.sflr, played.function, played.tumour_ml)
    numbers = tuple(line.tobytes() for c in curves for line in (c.p10, c.median, c.p90))
    draws = tuple(a.tobytes() for d in played.decisions for a in (d.flr_ml, d.sflr_absolute, d.function))
    risks = (played.p_complete, played.p_dropout, played.p_phlf_by_definition, played.p_death_90d)
    return (*numbers, *draws, *risks, played.ledger, played.used)


@FEW
@given(courses, patients, histories, st.integers(20, 60), st.integers(61, 200))
def test_more_draws_keep_those_there_were(
    course: Course, patient: Patient, history: tuple[Treatment, ...], few: int, many: int
) -> None:
    some, more = (simulate(course, patient, history, EVIDENCE, seed=9, draws=n) for n in (few, many))
    for one, other in zip(some.decisions, more.decisions, strict=True):
        for name in ("flr_ml", "sflr", "sflr_absolute", "function"):
            assert np.array_equal(getattr(one, name), getattr(other, name)[:few])


@FEW
@given(st.lists(courses, min_size=2, max_size=4), patients, histories)
def test_plans_played_at_once_or_one_by_one_have_the_same_digits(
    plans: list[Course], patient: Patient, history: tuple[Treatment, ...]
) -> None:
    def play(course: Course) -> tuple[object, ...]:
        return digits(simulate(course, patient, history, EVIDENCE, seed=9, draws=100))

    one_by_one = [play(course) for course in plans]
    with ThreadPoolExecutor(2) as pool:
        at_once = list(pool.map(play, plans))
    assert at_once == one_by_one
    assert [play(course) for course in plans[::-1]] == one_by_one[::-1]


# --- one plan beside another

RIGHT = ("S5", "S6", "S7", "S8")
PLANS = (
    Plan("right", (Step(0, Operate(resect=RIGHT)),)),
    Plan("left", (Step(0, Operate(resect=("S2", "S3", "S4a", "S4b"))),)),
    Plan("one wedge", (Step(0, Operate(wedge=("L4",), margin_mm=5.0)),)),
    Plan("two wedges", (Step(0, Operate(wedge=("L4", "L2"), margin_mm=3.0)),)),
    Plan("sector", (Step(0, Operate(resect=("S6", "S7"))),)),
    Plan(
        "staged",
        (
            Step(0, Occlude("pve", ("right",))),
            Step(28, Scan()),
            Step(35, Operate(resect=RIGHT)),
        ),
    ),
    Plan(
        "two-stage",
        (
            Step(0, Operate(wedge=("L4",), margin_mm=5.0)),
            Step(7, Occlude("pve", ("right",), agent="nbca")),
            Step(35, Scan()),
            Step(40, Operate(resect=RIGHT)),
        ),
    ),
    Plan("plane", (Step(0, Operate(plane=(Plane((5.0, 0.0, 0.0), (-1.0, 0.1, 0.2)),))),)),
)
OTHER_PLANE = Plan("other plane", (Step(0, Operate(plane=(Plane((-3.0, 2.0, 0.0), (-1.0, -0.2, 0.1)),))),))


def compared(names: tuple[str, ...]) -> dict[str, str]:
    """Return every plan's JSON by its name."""
    case = replace(solids.toy_liver((5.0, 5.0, 5.0)), patient=MAN, history=(Treatment("FOLFOX", 6, -42),))
    plans = [next(p for p in (*PLANS, OTHER_PLANE) if p.name == name) for name in names]
    found = compare(case, plans, EVIDENCE, seed=4, draws=100).result
    return {plan.name: json.dumps(plan.to_dict()) for plan in found.plans}


@cache
def all_compared() -> dict[str, str]:
    return compared(tuple(p.name for p in PLANS))


@settings(max_examples=6, deadline=None)
@given(st.lists(st.sampled_from([p.name for p in PLANS]), min_size=1, max_size=4, unique=True).map(tuple))
def test_another_plan_changes_no_byte_of_the_others(names: tuple[str, ...]) -> None:
    found = compared(names)
    assert set(found) == set(names)
    for name, text in found.items():
        assert text == all_compared()[name]


def numbers(value: object, path: str = "") -> dict[str, float | str]:
    """Return every number and word of a JSON value by its place."""
    if isinstance(value, dict):
        return {k: v for key, part in value.items() for k, v in numbers(part, f"{path}.{key}").items()}
    if isinstance(value, list):
        return {k: v for i, part in enumerate(value) for k, v in numbers(part, f"{path}[{i}]").items()}
    return {path: value if isinstance(value, int | float) and not isinstance(value, bool) else str(value)}


def test_a_second_plane_through_the_same_voxels_moves_rounding_alone() -> None:
    """Voxels that both planes cross are sums of finer parts: the last digits of the two plans may differ, no more."""
    both = compared(("plane", "other plane", "sector"))
    assert both["sector"] == all_compared()["sector"]
    for name in ("plane", "other plane"):
        alone = numbers(json.loads(compared((name,))[name]))
        beside = numbers(json.loads(both[name]))
        assert alone.keys() == beside.keys()
        for place, value in alone.items():
            assert beside[place] == (
                value if isinstance(value, str) else pytest.approx(value, rel=1e-11, abs=1e-11)
            ), place
