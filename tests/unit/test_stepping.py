"""Growth day by day: the recurrence is the closed form, Runge-Kutta comes to it, and so does scipy."""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import reference
from flrsim.evidence import load_evidence
from flrsim.kernels import growth as kernels
from flrsim.physiology.stepping import Relaxation, integrate_growth, integrate_growth_and_function
from flrsim.physiology.volumes import LAWS, GrowthDraws, Volumes

sys.path.insert(0, str(Path(__file__).parents[1]))
from course_cases import CUT_OFF, two_stage

SIZES = (1, 63, 64, 65, 200)


def draws(n, seed=0):
    """Return start, target and tau of livers that grow and of some that shrink."""
    rng = np.random.default_rng(seed)
    start = rng.uniform(0.1, 0.5, n)
    return start, start * rng.uniform(0.6, 2.0, n), 10.0 * np.exp(0.25 * rng.normal(size=n))


def followers(n, seed=0):
    """Return function at the start, function per volume and lag."""
    rng = np.random.default_rng(seed + 1000)
    return rng.uniform(0.1, 0.5, n), rng.uniform(0.5, 1.2, n), rng.uniform(2.0, 20.0, n)


def pair_by_hand(start, target, tau, function, worth, lag, day):
    """Return the function of the coupled pair on `day`, from its solution as two exponentials."""
    slow = worth * (start - target) / (1.0 - lag / tau)
    rest = function - worth * target - slow
    return worth * target + slow * np.exp(-day / tau) + rest * np.exp(-day / lag)


@pytest.mark.parametrize("n", SIZES)
def test_the_recurrence_gives_the_closed_form_on_every_day(n) -> None:
    start, target, tau = draws(n)
    got = Relaxation(start, target, tau).next_days(130)
    np.testing.assert_allclose(got, reference.relaxation(start, target, tau, 130), rtol=2e-14)


@pytest.mark.parametrize("n", SIZES)
def test_runge_kutta_takes_the_steps_of_the_slow_one(n) -> None:
    start, target, tau = draws(n)
    got = integrate_growth(start, target, tau, 12, steps_per_day=2, every_days=3)
    assert got.shape == (4, n)
    for i in range(0, n, 21):
        for row in range(4):
            (want,) = reference.runge_kutta(
                lambda y, i=i: [(target[i] - y[0]) / tau[i]], [start[i]], 0.5, 6 * (row + 1)
            )
            assert got[row, i] == pytest.approx(want, rel=1e-13)


@pytest.mark.parametrize("n", SIZES)
def test_runge_kutta_of_the_pair_takes_the_steps_of_the_slow_one(n) -> None:
    start, target, tau = draws(n)
    function, worth, lag = followers(n)
    volumes, functions = integrate_growth_and_function(
        start, target, tau, function, worth, lag, 12, steps_per_day=2, every_days=4
    )
    assert volumes.shape == functions.shape == (3, n)
    for i in range(0, n, 21):
        for row in range(3):
            want = reference.runge_kutta(
                lambda y, i=i: [(target[i] - y[0]) / tau[i], (worth[i] * y[0] - y[1]) / lag[i]],
                [start[i], function[i]],
                0.5,
                8 * (row + 1),
            )
            assert [volumes[row, i], functions[row, i]] == pytest.approx(want, rel=1e-13)


def test_halving_the_step_takes_the_error_to_a_sixteenth() -> None:
    start, target, tau = draws(200)
    function, worth, lag = followers(200)
    errors = []
    for steps in (2, 4):
        volumes, functions = integrate_growth_and_function(
            start, target, tau, function, worth, lag, 9, steps_per_day=steps, every_days=9
        )
        errors.append(
            [
                np.abs(volumes[-1] - (target + (start - target) * np.exp(-9 / tau))).max(),
                np.abs(functions[-1] - pair_by_hand(start, target, tau, function, worth, lag, 9)).max(),
            ]
        )
    ratio = np.divide(*errors)
    assert np.all((ratio > 14.5) & (ratio < 18.5)), ratio


def test_a_days_step_errs_by_no_more_than_is_said() -> None:
    start, target, tau = draws(400)
    exact = Relaxation(start, target, tau).next_days(120)
    got = integrate_growth(start, target, tau, 120)
    # The next term of the error is not in the sentence.
    assert np.all(np.abs(got - exact) <= 1.3 * 0.0031 / tau**4 * np.abs(start - target))
    assert got[-1] == pytest.approx(exact[-1], rel=1e-9)


@pytest.mark.parametrize("deprived", [(), CUT_OFF], ids=["", "cut off"])
@pytest.mark.parametrize("law", LAWS)
def test_the_sizes_of_a_course_are_those_of_its_integral_and_of_scipy(law, deprived) -> None:
    evidence = load_evidence()
    n = 24
    rng = np.random.default_rng(5)
    z, u = rng.normal(size=(4, n)), rng.uniform(size=n)
    grown = Volumes(
        replace(two_stage(label_sd=0.05), deprived=deprived),
        GrowthDraws(z[0], z[1], z[2], np.full(n, evidence.value("growth.beta")), u, z[3]),
        rng.uniform(0.6, 1.0, n),
        np.ones(n),
        1600.0,
        evidence,
        law,
    )
    stimulus = grown.stimulus()
    assert stimulus is not None
    closed = np.array([grown.sflr(stimulus.day + day) for day in (7, 14, 21, 28)])
    fine = integrate_growth(stimulus.start, stimulus.end, stimulus.tau, 28, steps_per_day=32, every_days=7)
    np.testing.assert_allclose(closed, fine, rtol=1e-9)
    np.testing.assert_allclose(
        closed, Relaxation(stimulus.start, stimulus.end, stimulus.tau).next_days(28)[6::7], rtol=1e-13
    )
    for i in range(0, n, 5):
        solved = solve_ivp(
            lambda t, v, i=i: (stimulus.end[i] - v) / stimulus.tau[i],
            (0.0, 28.0),
            [stimulus.start[i]],
            t_eval=[7.0, 14.0, 21.0, 28.0],
            method="DOP853",
            rtol=1e-12,
            atol=1e-14,
        )
        np.testing.assert_allclose(closed[:, i], solved.y[0], rtol=1e-9)


def test_threads_and_blocks_change_no_digit() -> None:
    n = 40_000
    start, target, tau = draws(n, 3)
    function, worth, lag = followers(n, 3)

    def everything(threads):
        return (
            Relaxation(start, target, tau).next_days(9, threads=threads),
            integrate_growth(start, target, tau, 9, threads=threads),
            *integrate_growth_and_function(
                start, target, tau, function, worth, lag, 9, steps_per_day=3, threads=threads
            ),
        )

    one = everything(1)
    for a, b in zip(one, everything(2), strict=True):
        np.testing.assert_array_equal(a, b)

    edges = [0, 1, 64, 100, 7_777, 7_778, 33_333, n]
    split = [np.full_like(rows, np.nan) for rows in one]
    gap = start - target
    for first, last in itertools.pairwise(edges):
        kernels.relax_days(gap, np.exp(-1.0 / tau), target, split[0], first, last)
        kernels.rk4(start, target, 1.0 / tau, 1.0, 1, split[1], first, last)
        kernels.rk4_pair(
            start, target, 1.0 / tau, function, worth, 1.0 / lag, 1 / 3, 3, *split[2:], first, last
        )
    for a, b in zip(one, split, strict=True):
        np.testing.assert_array_equal(a, b)


def test_days_asked_for_some_at_a_time_are_those_asked_for_at_once() -> None:
    start, target, tau = draws(150)
    whole = Relaxation(start, target, tau).next_days(40)
    some, memory = Relaxation(start, target, tau), np.empty((16, 150))
    got = [some.next_days(k, memory[:k]).copy() for k in (16, 16, 7, 1)]
    np.testing.assert_array_equal(np.concatenate(got), whole)


def test_arguments_that_cannot_be_are_refused() -> None:
    ones = np.ones(3)
    with pytest.raises(ValueError, match="tau is 0 days in a draw"):
        Relaxation(ones, ones, np.array([1.0, 0.0, 2.0]))
    with pytest.raises(ValueError, match="lag is nan days"):
        integrate_growth_and_function(ones, ones, 1.0, 1.0, 1.0, np.nan, 2)
    with pytest.raises(ValueError, match=r"start \(3,\), target \(2,\)"):
        integrate_growth(ones, ones[:2], 1.0, 3)
    with pytest.raises(ValueError, match="days is 10 and every_days 4"):
        integrate_growth(ones, ones, 1.0, 10, every_days=4)
    with pytest.raises(ValueError, match="steps_per_day is 0"):
        integrate_growth(ones, ones, 1.0, 10, steps_per_day=0)
    with pytest.raises(ValueError, match=r"out is float64 of shape \(2, 3\); it must be float64 of \(4, 3\)"):
        Relaxation(ones, ones, 1.0).next_days(4, np.empty((2, 3)))
