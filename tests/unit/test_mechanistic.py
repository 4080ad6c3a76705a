"""The cell-state model: solver, fixed steps and slow equations agree, and the modes are what they are said to be."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import reference
from flrsim.evidence import load_evidence
from flrsim.kernels.regeneration import CellConstants, cell_rates
from flrsim.physiology import mechanistic
from flrsim.physiology.growth import remaining_gap
from flrsim.physiology.mechanistic import MODEL, MODES, cell_volume, integrate_cells, mechanistic_curve

EVIDENCE = load_evidence()
IDS = [id for id in EVIDENCE.ids() if id.startswith("mechanistic.")]
CONSTANTS = {id.partition(".")[2]: EVIDENCE.value(id) for id in IDS}
RAT = 24.0
"""The rat's rate of cell death over the human one."""

signals = st.lists(st.floats(0.2, 6.0), min_size=7, max_size=7)
cells = st.tuples(st.floats(0.05, 0.9), st.floats(0.0, 0.3), st.floats(0.0, 0.1))


@lru_cache
def slow(share, load=1.0, death=1.0, days=30):
    """Return the cells on days 0 … `days`, solved from the slow equations by another method."""
    solved = solve_ivp(
        lambda t, y: reference.cell_slopes(y, CONSTANTS, load, death),
        (0.0, 24.0 * days),
        [1.0] * 7 + [share, 0.0, 0.0],
        method="Radau",
        t_eval=24.0 * np.arange(days + 1),
        rtol=1e-8,
        atol=1e-11,
    )
    assert solved.success
    return solved.y[7:].T


def constants():
    return CellConstants(
        **{name: CONSTANTS[id] for id in CONSTANTS if (name := id.replace(".", "_")) in CellConstants._fields}
    )


def test_every_number_of_the_model_has_its_place() -> None:
    volumes = {"volume.primed", "volume.replicating"}
    assert {id.replace(".", "_") for id in set(CONSTANTS) - volumes} == set(CellConstants._fields)
    assert all(EVIDENCE[id].kind == "reported" and EVIDENCE[id].sensitivity is not None for id in IDS)


@given(signals=signals, cells=cells, load=st.floats(0.1, 3.0), death=st.floats(0.0, 30.0))
@settings(max_examples=60, deadline=None)
def test_the_rates_are_those_of_the_slow_equations(signals, cells, load, death) -> None:
    rates = np.empty(10)
    cell_rates(np.array([*signals, *cells]), load, death, constants(), rates)
    want = reference.cell_slopes([*signals, *cells], CONSTANTS, load, death)
    # Terms of thousands an hour cancel.
    np.testing.assert_allclose(rates, want, rtol=1e-9, atol=1e-8)


def test_an_intact_liver_is_at_rest() -> None:
    rates = np.full(10, np.nan)
    cell_rates(np.array([1.0] * 8 + [0.0, 0.0]), 1.0, 0.0, constants(), rates)
    np.testing.assert_allclose(rates, 0.0, atol=1e-12)
    whole = mechanistic_curve(1.0, EVIDENCE, [0.0, 30.0, 365.0])
    np.testing.assert_allclose(whole.volume, 1.0, atol=1e-6)
    assert whole.mode == "normal"


@pytest.mark.parametrize(
    ("share", "load", "death"), [(0.42, 1, 1), (0.63, 1, 1), (0.25, 0.6, 1), (0.35, 1, RAT)]
)
def test_solver_and_fixed_steps_come_to_another_solver_of_the_slow_equations(share, load, death) -> None:
    days = np.arange(31)
    found = mechanistic_curve(share, EVIDENCE, days, load, cell_death=death)
    want = slow(share, load, death)
    got = np.array([found.quiescent, found.primed, found.replicating]).T
    np.testing.assert_allclose(got, want, atol=1e-6)
    np.testing.assert_allclose(found.volume, want @ np.array([1.0, 2.0, 1.5]), atol=2e-6)
    steps = integrate_cells(np.array([share]), EVIDENCE, 30, float(load), cell_death=float(death))
    np.testing.assert_allclose(steps[:, 0], want[1:], atol=1e-6)
    assert np.abs(steps[:, 0] - got[1:]).max() < 1e-7


def test_regrowth_with_the_published_constants_is_that_of_another_implementation() -> None:
    found = mechanistic_curve(0.42, EVIDENCE, [0, 7, 14, 30, 90, 180, 365])
    assert found.volume == pytest.approx([0.42, 0.57, 0.63, 0.69, 0.79, 0.84, 0.89], abs=0.005)
    assert mechanistic_curve(0.63, EVIDENCE, [7, 90, 365]).volume == pytest.approx(
        [0.68, 0.80, 0.90], abs=0.006
    )


def test_the_empirical_curve_stands_beside_it_and_the_model_says_which_it_is() -> None:
    days = [7.0, 30.0, 180.0, 365.0]
    found = mechanistic_curve(0.63, EVIDENCE, days)
    rate = np.full(1, EVIDENCE.value("growth.post_resection.rate"))
    want = [1 - 0.37 * remaining_gap(day, rate, EVIDENCE)[0] for day in days]
    np.testing.assert_allclose(found.empirical, want, rtol=1e-12)
    assert found.difference == pytest.approx(np.sqrt(np.mean((found.volume - found.empirical) ** 2)))
    # Both were made for healthy donors: they must not lie far apart there.
    assert found.difference < 0.04
    assert found.model == MODEL
    assert "no plan is judged" in found.model


def test_with_the_human_rate_of_cell_death_no_remnant_fails_and_with_the_rats_small_ones_do() -> None:
    for share in (0.05, 0.2, 0.42, 0.8):
        assert mechanistic_curve(share, EVIDENCE, [365.0]).mode == "normal"
    modes = [mechanistic_curve(s, EVIDENCE, [365.0], cell_death=RAT).mode for s in (0.1, 0.2, 0.3, 0.6)]
    assert modes == ["failure", "failure", "normal", "normal"]
    lost = mechanistic_curve(0.1, EVIDENCE, [0.0, 10.0, 365.0], cell_death=RAT)
    assert lost.volume[0] == 0.1
    assert lost.volume[-1] == 0.0


def test_less_load_makes_less_liver_and_at_last_a_suppressed_answer() -> None:
    found = [mechanistic_curve(0.42, EVIDENCE, [365.0], load) for load in (1.0, 0.7, 0.5, 0.38, 0.3, 0.1)]
    volumes = [float(f.volume[0]) for f in found]
    assert volumes == sorted(volumes, reverse=True)
    won = [(v - 0.42) / (volumes[0] - 0.42) for v in volumes]
    assert [f.mode for f in found] == ["normal" if w >= 0.5 else "suppressed" for w in won]
    assert {f.mode for f in found} == set(MODES) - {"failure"}


def test_the_more_cell_death_the_more_remnants_fail() -> None:
    failing = [
        {
            s
            for s in (0.05, 0.2, 0.25, 0.5)
            if mechanistic_curve(s, EVIDENCE, [9.0], cell_death=d).mode == "failure"
        }
        for d in (1.0, 5.0, 12.0, RAT)
    ]
    assert failing == [set(), {0.05}, {0.05, 0.2}, {0.05, 0.2, 0.25}]
    # Short of failure a few dead cells are more load on the others, and there is more liver, not less.
    left = integrate_cells(np.full(2, 0.2), EVIDENCE, 10, cell_death=np.array([0.0, 1.0]))[-1].sum(axis=-1)
    assert left[1] > left[0]


def test_threads_and_neighbours_change_no_digit() -> None:
    share = np.linspace(0.3, 0.9, 5)
    one = integrate_cells(share, EVIDENCE, 3, threads=1)
    np.testing.assert_array_equal(one, integrate_cells(share, EVIDENCE, 3, threads=2))
    np.testing.assert_array_equal(one[:, 2:3], integrate_cells(share[2:3], EVIDENCE, 3))
    twice = integrate_cells(share, EVIDENCE, 3, np.linspace(0.5, 1.5, 5), cell_death=2.0)
    assert np.abs(twice - one).max() > 1e-3


def test_days_asked_for_change_no_others() -> None:
    few = mechanistic_curve(0.42, EVIDENCE, [30.0, 365.25])
    many = mechanistic_curve(0.42, EVIDENCE, np.arange(1.0, 366.0))
    assert few.volume.shape == (2,)
    assert few.volume[0] == pytest.approx(many.volume[29], abs=1e-9)


def test_volume_counts_primed_and_replicating_cells_larger() -> None:
    assert cell_volume(np.array([0.5, 0.1, 0.2]), EVIDENCE) == pytest.approx(0.5 + 0.2 + 0.3)


def test_where_the_equations_end_is_said() -> None:
    with pytest.raises(ValueError, match="with 3 times the metabolic load, a signal falls below nothing"):
        mechanistic_curve(0.1, EVIDENCE, [10.0], 3.0)
    with pytest.raises(
        ValueError, match="steps of 1/150 hour do not follow a remnant of 20%: a signal falls"
    ):
        integrate_cells(np.array([0.9, 0.2]), EVIDENCE, 90, 3.0, steps_per_hour=150)
    with pytest.raises(ValueError, match="steps of 1/10 hour do not follow a remnant of 42%"):
        integrate_cells(np.array([0.42]), EVIDENCE, 2, steps_per_hour=10)
    with pytest.raises(ValueError, match=r"remnant_share is 1\.2"):
        mechanistic_curve(1.2, EVIDENCE, [10.0])
    with pytest.raises(ValueError, match="days is 400 days"):
        mechanistic_curve(0.5, EVIDENCE, [10.0, 400.0])
    with pytest.raises(ValueError, match="ascending"):
        mechanistic_curve(0.5, EVIDENCE, [10.0, 5.0])
    with pytest.raises(ValueError, match="cell_death is -1"):
        mechanistic_curve(0.5, EVIDENCE, [10.0], cell_death=-1.0)
    assert mechanistic.LOST < 1e-5
