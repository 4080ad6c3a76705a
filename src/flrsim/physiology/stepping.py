"""Growth of many draws day by day: exact values by recurrence, and fixed-step Runge-Kutta as a check on every closed form.

Results are the same, digit for digit, for any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from flrsim.arguments import as_count
from flrsim.draws import Floats
from flrsim.threads import at_once, thread_count

PIECE = 16_384
"""Draws that a thread takes at a time."""

THREADS_FROM = 2_000_000
"""Draws times steps; fewer are done sooner than a second thread starts."""


class Relaxation:
    """Values that relax to a target, V(t) = target + (start - target) exp(-t / tau), day after day.

    Each day costs one multiplication a draw, and days can be asked for some at a time: a course of months for a
    million draws never needs to be in memory as a whole.

    Parameters
    ----------
    start, target, tau : (n_draws,) float64 or one number; tau in days.
    """

    def __init__(self, start: Floats | float, target: Floats | float, tau: Floats | float) -> None:
        begin, self._target, time = _draws(start=start, target=target, tau=tau)
        _check_times(tau=time)
        self._gap = begin - self._target
        self._decay = np.exp(-1.0 / time)

    def next_days(self, days: int, out: Floats | None = None, *, threads: int | None = None) -> Floats:
        """Return the values of the next days, (days, n_draws); the first time that is day 1.

        Parameters
        ----------
        out : (days, n_draws) float64 to be filled; None makes a new one.
        threads : None takes what pays.
        """
        from flrsim.kernels.growth import relax_days

        shape = (as_count(days, name="days"), self._gap.size)
        rows = np.empty(shape) if out is None else out
        if rows.shape != shape or rows.dtype != np.float64:
            raise ValueError(f"out is {rows.dtype} of shape {rows.shape}; it must be float64 of {shape}")
        _in_pieces(
            lambda first, last: relax_days(self._gap, self._decay, self._target, rows, first, last),
            self._gap.size, days, threads,
        )  # fmt: skip
        return rows


def integrate_growth(
    start: Floats | float,
    target: Floats | float,
    tau: Floats | float,
    days: int,
    *,
    steps_per_day: int = 1,
    every_days: int = 1,
    threads: int | None = None,
) -> Floats:
    """Return growth integrated by fixed-step Runge-Kutta of fourth order, dV/dt = (target - V) / tau.

    Parameters
    ----------
    start, target, tau : (n_draws,) float64 or one number; tau in days.
    days : a multiple of `every_days`, which says how often values are kept.
    threads : None takes what pays.

    Returns
    -------
    (days / every_days, n_draws) float64; the first row is that of day `every_days`.

    Notes
    -----
    The largest error is about 0.003 (h / tau)^4 of the gap to the target, h the length of a step.
    """
    from flrsim.kernels.growth import rk4

    v, end, time = _draws(start=start, target=target, tau=tau)
    _check_times(tau=time)
    rows, every, step = _rows(days, every_days, steps_per_day)
    out, rate = np.empty((rows, v.size)), 1.0 / time
    _in_pieces(
        lambda first, last: rk4(v, end, rate, step, every, out, first, last), v.size, rows * every, threads
    )
    return out


def integrate_growth_and_function(
    start: Floats | float,
    target: Floats | float,
    tau: Floats | float,
    function: Floats | float,
    worth: Floats | float,
    lag: Floats | float,
    days: int,
    *,
    steps_per_day: int = 1,
    every_days: int = 1,
    threads: int | None = None,
) -> tuple[Floats, Floats]:
    """Return volume and function that follows it, dV/dt = (target - V) / tau and dF/dt = (worth V - F) / lag.

    Parameters
    ----------
    start, target, tau, days, steps_per_day, every_days, threads : as for `integrate_growth`.
    function : F at the start; worth : F per V that it tends to; lag in days.

    Returns
    -------
    volume and function, (days / every_days, n_draws) float64 each.
    """
    from flrsim.kernels.growth import rk4_pair

    v, end, time, f, per_v, lags = _draws(
        start=start, target=target, tau=tau, function=function, worth=worth, lag=lag
    )
    _check_times(tau=time, lag=lags)
    rows, every, step = _rows(days, every_days, steps_per_day)
    volumes, functions = np.empty((rows, v.size)), np.empty((rows, v.size))
    rate, pace = 1.0 / time, 1.0 / lags
    _in_pieces(
        lambda first, last: rk4_pair(
            v, end, rate, f, per_v, pace, step, every, volumes, functions, first, last
        ),
        v.size, rows * every, threads,
    )  # fmt: skip
    return volumes, functions


def _draws(**given: Floats | float) -> tuple[Floats, ...]:
    """Return arguments as (n_draws,) float64 of one length; those that are one number are repeated."""
    arrays = {name: np.asarray(value, dtype=np.float64) for name, value in given.items()}
    lengths = {a.shape for a in arrays.values() if a.ndim}
    if len(lengths) > 1 or any(a.ndim > 1 for a in arrays.values()):
        shapes = ", ".join(f"{name} {a.shape}" for name, a in arrays.items())
        raise ValueError(f"the shapes are {shapes}; each must be one number or (n_draws,), n_draws the same")
    shape = next(iter(lengths), (1,))
    return tuple(np.ascontiguousarray(np.broadcast_to(a, shape)) for a in arrays.values())


def _check_times(**given: Floats) -> None:
    """Raise unless every time constant is above 0."""
    for name, times in given.items():
        if not np.all(times > 0):
            raise ValueError(f"{name} is {np.min(times):g} days in a draw; a time constant must be above 0")


def _rows(days: int, every_days: int, steps_per_day: int) -> tuple[int, int, float]:
    """Return how many rows are kept, the steps between two of them, and the length of a step in days."""
    days, every = as_count(days, name="days"), as_count(every_days, name="every_days")
    if days % every:
        raise ValueError(f"days is {days} and every_days {every}; the last kept day must be the last day")
    steps = as_count(steps_per_day, name="steps_per_day")
    return days // every, every * steps, 1.0 / steps


def _in_pieces(work: Callable[[int, int], object], n_draws: int, steps: int, threads: int | None) -> None:
    """Call work(first, last) for pieces of the draws, some of them at the same time."""
    pieces = [(first, min(first + PIECE, n_draws)) for first in range(0, n_draws, PIECE)]
    if threads is None:
        threads = thread_count() if n_draws * steps >= THREADS_FROM else 1
    at_once(work, pieces, threads=threads)
