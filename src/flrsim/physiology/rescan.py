"""A measured FLR tells which draws were right: importance weights, and draws taken by them.

The draws before the measurement are the prior. Each gets the likelihood of what was measured, given its own FLR on
that day and the noise of volumetry, as its weight; drawing by the weights then gives draws from the posterior, which
every later question is asked of. Nothing is made to pass through the measured value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flrsim.course import Course
from flrsim.draws import Floats, Spread, Stream, spread
from flrsim.errors import PlanError
from flrsim.evidence import Evidence

LEARNT_FROM = ("growth.", "volumetry.", "injury.", "modifier.", "function.")
"""Streams that a measured FLR says something about; luck at operations stays as it was."""

FEW = 100.0
"""Below this effective sample size a 10th percentile rests on fewer than ten draws: said, not hidden."""
_LEAST = 2.0  # one draw that fits, and nothing to tell its spread
_FAR = 3.0  # standard deviations of the noise by which the best draw may miss: one measurement in 370 lies further


@dataclass(frozen=True)
class Rescan:
    """What measured volumes did to the draws.

    Attributes
    ----------
    days, measured_ml : of each measured FLR.
    predicted_ml : what was expected on that day before any measurement.
    effective_sample_size : number of equally weighted draws that would be worth as much.
    law : growth law that predicted.
    explained : a draw of this law could have given what was measured.
    """

    days: tuple[int, ...]
    measured_ml: tuple[float, ...]
    predicted_ml: tuple[Spread, ...]
    effective_sample_size: float
    n_draws: int
    law: str = "relative"
    explained: bool = True

    @property
    def note(self) -> str:
        """What must be said about the measurement; empty when nothing must."""
        if not self.explained:
            return (
                f"hardly a draw of the {self.law} growth law could have given the measured FLR: "
                f"{self.effective_sample_size:.0f} of {self.n_draws} draws are worth as much as all; do not read its verdict"
            )
        if self.effective_sample_size >= FEW:
            return ""
        return (
            f"the measured FLR lies at the edge of what the {self.law} growth law predicted: {self.effective_sample_size:.0f} of "
            f"{self.n_draws} draws are worth as much as all; take more draws, and check the measurement"
        )


def measured(course: Course) -> tuple[tuple[int, float], ...]:
    """Return day and mL of every measured FLR."""
    return tuple((s.day, s.measured_flr_ml) for s in course.steps if s.measured_flr_ml is not None)


def learn(
    course: Course, flr_ml: Callable[[int], Floats], evidence: Evidence, law: str = "relative"
) -> tuple[Rescan, NDArray[np.int64]]:
    """Return what the measurements of a course say of its draws, and the draws that the weights choose, (n_draws,).

    Parameters
    ----------
    flr_ml
        The predicted FLR of every draw on a day, (n_draws,) mL, under `law`.

    Raises
    ------
    PlanError
        When hardly a draw could have given what was measured, or not even the best one did. Plans are played by the
        relative law; where the absolute law alone fails so, the result says it.

    Notes
    -----
    ``w_i ∝ Π_k exp(-((m_k - V_i(t_k)) / (c m_k))² / 2)``, c the coefficient of variation of a repeated measurement;
    effective sample size ``(Σ w)² / Σ w²``; systematic choice at ``(i + 1/2) / n``, so no further luck enters.
    """
    noise = evidence.value("volumetry.rescan.noise")
    found = measured(course)
    predicted = [flr_ml(day) for day, _ in found]
    misses = [((ml - volumes) / (noise * ml)) ** 2 for (_, ml), volumes in zip(found, predicted, strict=True)]
    log_weight = -0.5 * np.sum(misses, axis=0)
    weight = np.exp(log_weight - log_weight.max())
    size = float(weight.sum() ** 2 / np.sum(weight**2))
    of_best = [float(miss[np.argmax(weight)]) for miss in misses]
    explained = not (size < _LEAST or max(of_best) > _FAR**2)
    if not explained and law == "relative":
        worst = int(np.argmax(of_best))  # of several scans the one that the best draw misses most
        day, ml = found[worst]
        expected = spread(predicted[worst])
        raise PlanError(
            f"day {day}: a measured FLR of {ml:g} mL is impossible for this plan: "
            f"{expected.p10:.0f} to {expected.p90:.0f} mL were expected; check the measurement, its day, and what the FLR is"
        )
    n = weight.size
    edges = np.cumsum(weight)
    chosen = np.searchsorted(edges, (np.arange(n) + 0.5) / n * edges[-1]).astype(np.int64)
    days, ml_measured = zip(*found, strict=True)
    learnt = Rescan(days, ml_measured, tuple(spread(v) for v in predicted), size, n, law, explained)
    return learnt, np.minimum(chosen, n - 1)


def chosen_streams(stream: Stream, chosen: NDArray[np.int64]) -> Stream:
    """Return a stream in which what was learnt from is that of the chosen draws."""

    def of(decision: str) -> Floats:
        values = stream(decision)
        return values[chosen] if decision.startswith(LEARNT_FROM) else values

    return of
