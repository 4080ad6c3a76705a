"""Growth of many patients: steps and days, beside numpy and scipy on the same law."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import Call, Goal, Work

Floats = NDArray[np.float64]

DAYS = 120
DAYS_AT_A_TIME = 16
"""Daily values are written into the same memory, this many days at a time."""
IN_CACHE = 10_000
"""Draws that numpy does at a time where it is given its best."""


@dataclass(frozen=True)
class Patients:
    """Draws of livers that grow: sFLR goes from `start` to `end` with time constant `tau`, (n,) float64 each.

    `unit_days` counts the size in patients (1) or in patient-days.
    """

    start: Floats
    end: Floats
    tau: Floats
    unit_days: int

    @property
    def size(self) -> int:
        return len(self.tau) * self.unit_days

    def on(self, day: float) -> Floats:
        return np.asarray(self.end + (self.start - self.end) * np.exp(-day / self.tau))


@lru_cache(maxsize=4)
def patients(size: int, unit_days: int = 1) -> Patients:
    rng = np.random.default_rng(3)
    start = rng.uniform(0.15, 0.40, max(size // unit_days, 1))
    gain = 0.36 * np.exp(0.6 * rng.normal(size=len(start)))
    tau = 10.0 * np.exp(0.25 * rng.normal(size=len(start)))
    return Patients(start, start * (1.0 + gain), tau, unit_days)


def patient_days(size: int) -> Patients:
    return patients(size, DAYS)


# ---------------------------------------------------------------------------------------------------- Runge-Kutta


def _ours_rk4(threads: int) -> Call:
    from flrsim.physiology.stepping import integrate_growth

    return Call(
        _who(threads),
        lambda g: integrate_growth(g.start, g.end, g.tau, DAYS, every_days=DAYS, threads=threads)[-1],
        result_of,
        threads=threads,
        note="fixed steps of one day",
    )


def _numpy_rk4(at_a_time: int) -> Callable[[Patients], Floats]:
    def run(g: Patients) -> Floats:
        out = np.empty(len(g.tau))
        for first in range(0, len(out), at_a_time):
            part = slice(first, first + at_a_time)
            v, end, tau = g.start[part].copy(), g.end[part], g.tau[part]
            for _ in range(DAYS):
                a = (end - v) / tau
                b = (end - (v + 0.5 * a)) / tau
                c = (end - (v + 0.5 * b)) / tau
                d = (end - (v + c)) / tau
                v += (a + 2.0 * (b + c) + d) / 6.0
            out[part] = v
        return out

    return run


def _solve_each(g: Patients) -> Floats:
    from scipy.integrate import solve_ivp

    return np.array(
        [
            solve_ivp(lambda t, v, b=b, c=c: (b - v) / c, (0.0, DAYS), [a], "LSODA", rtol=1e-9, atol=1e-12).y[
                0, -1
            ]
            for a, b, c in zip(g.start, g.end, g.tau, strict=True)
        ]
    )


def _solve_together(g: Patients) -> Floats:
    from scipy.integrate import solve_ivp

    solved = solve_ivp(
        lambda t, v: (g.end - v) / g.tau, (0.0, DAYS), g.start, t_eval=[DAYS], rtol=1e-9, atol=1e-12
    )
    return np.asarray(solved.y[:, -1])


def result_of(given: Any, result: Any) -> Any:
    return result


def _who(threads: int) -> str:
    return f"flrsim, {threads} thread" + ("s" if threads > 1 else "")


RK4 = Work(
    key="growth-rk4",
    title="patients × 120 days by Runge-Kutta, a step a day",
    unit="patient-days",
    make=patient_days,
    truth=lambda g: g.on(DAYS),
    truth_is="closed form on day 120",
    limit=1e-9,
    small=300 * DAYS,
    quick=(100_000 * DAYS,),
    sizes=(1_000_000 * DAYS,),
    calls=(
        _ours_rk4(1),
        _ours_rk4(2),
        Call("numpy, all patients at once", _numpy_rk4(10**9), result_of),
        Call("numpy, 10,000 patients at a time", _numpy_rk4(IN_CACHE), result_of),
        Call(
            "scipy solve_ivp a patient",
            _solve_each,
            result_of,
            needs=("scipy",),
            part=500 * DAYS,
            note="LSODA, tolerance 1e-9: the fastest of its methods that comes within the limit",
        ),
        Call(
            "scipy solve_ivp, all patients as one state",
            _solve_together,
            result_of,
            needs=("scipy",),
            note="RK45, tolerance 1e-9",
        ),
    ),
    goals=(
        Goal("numpy, all patients at once", 7, "flrsim, 1 thread"),
        Goal("scipy solve_ivp a patient", 4000, "flrsim, 1 thread"),
        Goal("flrsim, 1 thread", 1.9, "flrsim, 2 threads"),
    ),
    rate_goal=("flrsim, 1 thread", 8e8),
)


# ---------------------------------------------------------------------------------------------------- first day

THRESHOLD = 0.30
SCAN_DAY = 28
NEVER_AFTER = 180.0


def _first_day_truth(g: Patients) -> Floats:
    """Every day is asked in turn, in extended precision."""
    start, end, tau = (x.astype(np.longdouble) for x in (g.start, g.end, g.tau))
    first = np.full(len(tau), -1.0)
    for day in range(int(NEVER_AFTER), -1, -1):
        first[end + (start - end) * np.exp(-day / tau) >= THRESHOLD] = day
    return np.array([g.on(SCAN_DAY), first])


def _found(given: Patients, result: tuple[Floats, Floats]) -> Floats:
    size, day = result
    return np.array([size, np.where(np.isinf(day), -1.0, day)])


def _ours_first_day() -> Call:
    from flrsim.physiology.adequacy import Floor, first_day_reached
    from flrsim.physiology.function import follow

    def run(g: Patients) -> tuple[Floats, Floats]:
        day = first_day_reached(
            THRESHOLD, lambda day: follow(g.start, g.end, day, g.tau), Floor(0, ""), int(NEVER_AFTER)
        )
        return follow(g.start, g.end, SCAN_DAY, g.tau), day

    return Call(
        "flrsim, 1 thread", run, _found, note="numpy underneath: there is nothing to gain on exp and log"
    )


def _numpy_first_day(g: Patients) -> tuple[Floats, Floats]:
    with np.errstate(divide="ignore", invalid="ignore"):
        day = np.ceil(g.tau * np.log((g.end - g.start) / (g.end - THRESHOLD)))
    day = np.where(g.start >= THRESHOLD, 0.0, np.where(day <= NEVER_AFTER, day, np.inf))
    return g.on(SCAN_DAY), day


def _brent_first_day(g: Patients) -> tuple[Floats, Floats]:
    from scipy.optimize import brentq

    size, day = [], []
    for a, b, c in zip(g.start.tolist(), g.end.tolist(), g.tau.tolist(), strict=True):

        def short(t: float, a: float = a, b: float = b, c: float = c) -> float:
            return b + (a - b) * np.exp(-t / c) - THRESHOLD

        size.append(short(SCAN_DAY) + THRESHOLD)
        if short(0.0) >= 0:
            day.append(0.0)
        else:
            day.append(np.ceil(brentq(short, 0.0, NEVER_AFTER)) if short(NEVER_AFTER) > 0 else np.inf)
    return np.array(size), np.array(day)


FIRST_DAY = Work(
    key="growth-first-day",
    title="closed form: sFLR on day 28 and the first day at the threshold",
    unit="patients",
    make=patients,
    truth=_first_day_truth,
    truth_is="every day asked in turn, in extended precision",
    limit=1e-9,
    small=2_000,
    quick=(100_000,),
    sizes=(1_000_000,),
    calls=(
        _ours_first_day(),
        Call("numpy", _numpy_first_day, _found),
        Call("scipy brentq a patient", _brent_first_day, _found, needs=("scipy",), part=2_000),
    ),
)


# ---------------------------------------------------------------------------------------------------- daily values


def _in_turns(next_days: Callable[[int, Floats], object], n: int) -> Floats:
    """Have every day written, some at a time into the same memory; return those of the first patients."""
    memory, kept = np.empty((DAYS_AT_A_TIME, n)), []
    for first in range(0, DAYS, DAYS_AT_A_TIME):
        rows = memory[: min(DAYS_AT_A_TIME, DAYS - first)]
        next_days(first, rows)
        kept.append(rows[:, :1000].copy())
    return np.concatenate(kept)


def _ours_daily(threads: int) -> Call:
    from flrsim.physiology.stepping import Relaxation

    def run(g: Patients) -> Floats:
        growth = Relaxation(g.start, g.end, g.tau)
        return _in_turns(lambda first, rows: growth.next_days(len(rows), rows, threads=threads), len(g.tau))

    return Call(_who(threads), run, result_of, threads=threads)


def _numpy_daily(g: Patients) -> Floats:
    def days(first: int, rows: Floats) -> None:
        for i in range(len(rows)):
            rows[i] = g.on(first + i + 1)

    return _in_turns(days, len(g.tau))


def _numpy_recurrence(g: Patients) -> Floats:
    gap, decay = g.start - g.end, np.exp(-1.0 / g.tau)

    def days(first: int, rows: Floats) -> None:
        for row in rows:
            np.multiply(gap, decay, out=gap)
            np.add(gap, g.end, out=row)

    return _in_turns(days, len(g.tau))


DAILY = Work(
    key="growth-daily",
    title="patients × 120 daily values, all written",
    unit="patient-days",
    make=patient_days,
    truth=lambda g: np.array([g.on(day)[:1000] for day in range(1, DAYS + 1)]),
    truth_is="closed form of each day",
    limit=1e-9,
    small=2_000 * DAYS,
    quick=(100_000 * DAYS,),
    sizes=(1_000_000 * DAYS,),
    calls=(
        _ours_daily(1),
        _ours_daily(2),
        Call("numpy, closed form of each day", _numpy_daily, result_of),
        Call("numpy, recurrence in place", _numpy_recurrence, result_of),
    ),
)

WORKS = (RK4, FIRST_DAY, DAILY)
