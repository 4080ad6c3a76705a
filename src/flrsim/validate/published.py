"""How sure a printed number is: its printed interval, or the one that its number of patients gives."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from flrsim.evidence.printed import PrintedNumber
from flrsim.evidence.trials import Study

_LEVEL = 0.95
"""Level of the intervals that papers print, and so of those worked out from n."""
_QUARTILES_OF_SD = 1.349
"""Distance of the quartiles of a normal distribution in SDs."""
_MEDIAN_TO_MEAN = math.sqrt(math.pi / 2.0)
"""Standard error of a median over that of a mean, normal distribution."""


@dataclass(frozen=True)
class Bounds:
    """95 % interval of a printed number, or the printed spread between patients.

    Attributes
    ----------
    between_patients : low and high are the extremes of the patients, and say nothing of how sure the number is.
    """

    low: float
    high: float
    between_patients: bool = False


def published_bounds(number: PrintedNumber, study: Study) -> Bounds | None:
    """Return the interval of a printed number; None when there is neither an interval nor what gives one.

    Notes
    -----
    Shares: Wilson. Means: t from the row of the SD; medians: the same, widened by the normal distribution's
    ratio of standard errors, with the SD from the quartiles where those are printed. Differences of means: Welch.
    Correlations: Fisher's z. A printed range is that of the patients.
    """
    if number.interval == "printed_range":
        return _bounds(number.low, number.high, between_patients=True)
    n = _patients(number, study, number.arm)
    if number.interval == "printed_iqr":
        if n is None or number.low is None or number.high is None:
            return _bounds(number.low, number.high, between_patients=True)
        sd = (number.high - number.low) / _QUARTILES_OF_SD
        widened = 1.0 if number.statistic == "mean" else _MEDIAN_TO_MEAN
        return _mean(number.value, sd * widened, n)
    if number.interval != "from_n":
        return _bounds(number.low, number.high)
    if n is None:
        return None
    if number.statistic in ("share", "share_below"):
        return wilson(number.value, n)
    if number.statistic == "correlation":
        return fisher(number.value, n)
    sd_of = _deviations(number, study.numbers)
    if number.statistic == "difference":
        return _welch(number, study, sd_of)
    if number.arm not in sd_of or number.statistic not in ("mean", "median"):
        return None
    widened = 1.0 if number.statistic == "mean" else _MEDIAN_TO_MEAN
    return _mean(number.value, sd_of[number.arm] * widened, n)


def wilson(share: float, n: int) -> Bounds:
    """Return Wilson's interval of a share of n."""
    z = _z()
    centre = (share + z * z / (2.0 * n)) / (1.0 + z * z / n)
    half = z / (1.0 + z * z / n) * math.sqrt(share * (1.0 - share) / n + z * z / (4.0 * n * n))
    # Rounding must not put an end a hair inside 0 or 1.
    return Bounds(
        max(0.0, centre - half) if share > 0 else 0.0, min(1.0, centre + half) if share < 1 else 1.0
    )


def fisher(correlation: float, n: int) -> Bounds | None:
    """Return Fisher's interval of a correlation of n pairs; None when n is too small for one."""
    degrees = n - 3
    if degrees < 1 or abs(correlation) >= 1:
        return None
    middle, half = np.arctanh(correlation), _z() / math.sqrt(degrees)
    return Bounds(float(np.tanh(middle - half)), float(np.tanh(middle + half)))


def error_of_median(low: float, high: float, n: int) -> float:
    """Return the standard error of a median whose patients' extremes are printed, as if they were normal.

    Notes
    -----
    The extremes of n normal values lie about ``Φ⁻¹((n - 3/8) / (n + 1/4))`` SDs from the middle (Blom).
    """
    from scipy.stats import norm

    reach = float(norm.ppf((n - 0.375) / (n + 0.25)))
    return _MEDIAN_TO_MEAN * (high - low) / (2.0 * reach) / math.sqrt(n)


def _mean(value: float, sd: float, n: int) -> Bounds | None:
    """Return ``value ± t sd / √n``."""
    if n < 2:
        return None
    half = _t(n - 1) * sd / math.sqrt(n)
    return Bounds(value - half, value + half)


def _welch(number: PrintedNumber, study: Study, sd_of: dict[str, float]) -> Bounds | None:
    """Return Welch's interval of a difference of two means."""
    parts = []
    for arm in (number.arm, number.against):
        n = study.arms[arm].get("n")
        if n is None or n < 2 or arm not in sd_of:
            return None
        parts.append((sd_of[arm] ** 2 / n, n - 1))
    total = sum(variance for variance, _ in parts)
    degrees = total**2 / sum(variance**2 / d for variance, d in parts)
    half = _t(degrees) * math.sqrt(total)
    return Bounds(number.value - half, number.value + half)


def _deviations(number: PrintedNumber, numbers: Iterable[PrintedNumber]) -> dict[str, float]:
    """Return the printed SD of a row's quantity and day, by arm."""
    found: dict[str, float] = {}
    for other in numbers:
        if (other.statistic, other.quantity, other.day) == ("sd", number.quantity, number.day):
            found.setdefault(other.arm, other.value)
    return found


def _patients(number: PrintedNumber, study: Study, arm: str) -> int | None:
    n = number.n if number.n is not None else study.arms[arm].get("n")
    return None if n is None else int(n)


def _bounds(low: float | None, high: float | None, *, between_patients: bool = False) -> Bounds | None:
    return None if low is None or high is None else Bounds(low, high, between_patients)


def _z() -> float:
    from scipy.stats import norm

    return float(norm.ppf(0.5 + 0.5 * _LEVEL))


def _t(degrees: float) -> float:
    from scipy.stats import t

    return float(t.ppf(0.5 + 0.5 * _LEVEL, degrees))
