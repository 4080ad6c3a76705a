"""One statistic of simulated patients, as a paper would print it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from flrsim.draws import Floats


class NotSimulatedError(Exception):
    """What the model does not simulate, and why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def statistic_of(
    statistic: str,
    values: Floats,
    other: Floats | None = None,
    *,
    below: float | None = None,
    starting: Floats | None = None,
) -> float:
    """Return a statistic of one arm, or of one against another; NaN where the patients give none.

    Parameters
    ----------
    values, other
        (n_patients,) of the arm and of the arm it is compared with; 0 and 1 for what happens or not.
    below
        Limit of a ``share_below``.
    starting
        Starting FLR of the same patients, for a correlation.

    Raises
    ------
    NotSimulatedError
        For a statistic that patients alone do not give.
    """
    if values.size == 0 or (other is not None and other.size == 0):
        return float("nan")
    if statistic == "share_below" and below is not None:
        return float(np.mean(values < below))
    if statistic == "correlation" and starting is not None:
        return _correlation(starting, values)
    if other is not None and statistic in _OF_TWO:
        return _OF_TWO[statistic](values, other)
    if other is None and statistic in _OF_ONE:
        return _OF_ONE[statistic](values)
    raise NotSimulatedError(f"a {statistic.replace('_', ' ')} is not simulated")


def _mean(values: Floats) -> float:
    return float(np.mean(values))


def _sd(values: Floats) -> float:
    return float(np.std(values, ddof=1)) if values.size > 1 else float("nan")


def _median(values: Floats) -> float:
    # An event that never comes in more than half of the patients has no median.
    with np.errstate(invalid="ignore"):
        middle = float(np.median(values))
    return middle if np.isfinite(middle) else float("nan")


def _correlation(starting: Floats, values: Floats) -> float:
    if values.size < 2 or np.ptp(starting) == 0 or np.ptp(values) == 0:
        return float("nan")
    return float(np.corrcoef(starting, values)[0, 1])


def _difference(values: Floats, other: Floats) -> float:
    return float(np.mean(values) - np.mean(other))


def _ratio(values: Floats, other: Floats) -> float:
    below = float(np.mean(other))
    return float(np.mean(values)) / below if below != 0 else float("nan")


def _odds_ratio(values: Floats, other: Floats) -> float:
    """Return the odds ratio with half a patient added to every cell, so that an empty cell gives a number."""
    happened, happened_other = float(np.sum(values)), float(np.sum(other))
    one = (happened + 0.5) / (values.size - happened + 0.5)
    return one / ((happened_other + 0.5) / (other.size - happened_other + 0.5))


def _standardized(values: Floats, other: Floats) -> float:
    """Return the difference over the pooled SD."""
    pooled = float(np.sqrt(0.5 * (_sd(values) ** 2 + _sd(other) ** 2)))
    return _difference(values, other) / pooled if pooled > 0 else float("nan")


def _p_value(values: Floats, other: Floats) -> float:
    """Return Welch's P of no difference between two means."""
    from scipy.stats import ttest_ind

    return float(ttest_ind(values, other, equal_var=False).pvalue)


_OF_ONE: dict[str, Callable[[Floats], float]] = {
    "mean": _mean,
    "share": _mean,
    "median": _median,
    "sd": _sd,
}
_OF_TWO: dict[str, Callable[[Floats, Floats], float]] = {
    "difference": _difference,
    "ratio": _ratio,
    "odds_ratio": _odds_ratio,
    "smd": _standardized,
    "p_value": _p_value,
}
