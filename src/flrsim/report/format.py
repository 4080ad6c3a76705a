"""How numbers are printed for people: whole percent, 5 mL, a dash for what does not apply.

The page and the command line's tables print through these functions, so a number has one rounding.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from flrsim.results import DayQuantiles, Interval, Quantiles

NONE = "–"
MINUS = "−"
FINE_BELOW_ML = 20.0


def rounded(value: float, digits: int = 0) -> str:
    """Return a number rounded half away from zero, with a true minus sign and never "−0"."""
    scale = 10.0**digits
    # Python rounds halves to even; a reader who checks by hand does not.
    steps = math.floor(abs(value) * scale + 0.5)
    text = f"{steps / scale:.{digits}f}"
    return MINUS + text if value < 0 and steps else text


def ml(value: float | None) -> str:
    """Return a volume: to 5 mL from 20 mL up, to 1 mL below, to 0.01 mL below one millilitre."""
    if value is None:
        return NONE
    size = abs(value)
    if size >= FINE_BELOW_ML:
        return f"{rounded(5.0 * math.copysign(math.floor(size / 5.0 + 0.5), value))} mL"
    if size >= 1.0:
        return f"{rounded(value)} mL"
    if 0.0 < size < 0.005:
        return "<0.01 mL"
    return "0 mL" if value == 0 else f"{rounded(value, 2)} mL"


def tumour_ml(value: float | None) -> str:
    """Return a volume of tumour left behind: to 1 mL, since little of it counts, and to 0.01 mL below one."""
    if value is None or abs(value) < 1.0:
        return ml(value)
    return f"{rounded(value)} mL"


def percent(fraction: float | None, digits: int = 0) -> str:
    """Return a fraction as percent; what is not zero is never printed as zero."""
    if fraction is None:
        return NONE
    value = 100.0 * fraction
    smallest = 10.0**-digits
    if value != 0 and abs(value) < 0.5 * smallest:
        return f"<{rounded(smallest, digits)} %"
    return f"{rounded(value, digits)} %"


def points(fraction: float | None) -> str:
    """Return a difference of two fractions in percentage points, to one tenth."""
    return NONE if fraction is None else f"{rounded(100.0 * fraction, 1)} points"


def probability(p: float | None) -> str:
    """Return a probability in whole percent; 0 or 100 % only where every draw says so."""
    if p is not None and 0.995 <= p < 1.0:
        return ">99 %"
    return percent(p)


def against(
    value: float | None,
    threshold: float,
    show: Callable[[float, int], str],
    digits: int = 0,
    *,
    most: bool = False,
) -> str:
    """Return a value beside the threshold it is judged by, with as many digits as show on which side it lies.

    19.7 % against 20 % is "19.7 %", not "20 %".

    Parameters
    ----------
    most
        The threshold is the most that is allowed, not the least.
    """
    if value is None:
        return NONE
    limit = show(threshold, digits)
    text = show(value, digits)
    if value > threshold if most else value < threshold:
        for more in range(digits, digits + 3):
            text, limit = show(value, more), show(threshold, more)
            if text != limit:
                return text
        return "just above" if most else "just below"
    return text


def days(value: float | None) -> str:
    """Return a number of days."""
    if value is None:
        return NONE
    text = rounded(value)
    return f"{text} day" if text == "1" else f"{text} days"


def day(value: float | None) -> str:
    """Return a date on the plan's own calendar."""
    return NONE if value is None else f"day {rounded(value)}"


def interval(quantiles: Quantiles | DayQuantiles | None, show: Callable[[float | None], str]) -> str:
    """Return median and 80 % interval: "305 (270–345) mL"; the unit is printed once."""
    if quantiles is None:
        return NONE
    if quantiles.median is None:
        return "not reached"
    middle, unit = _split(show(quantiles.median))
    low, high = (_split(show(q))[0] if q is not None else "never" for q in (quantiles.p10, quantiles.p90))
    return f"{middle} ({low}–{high}){' ' + unit if unit else ''}"


def plus_minus(
    value: float | None, error: Interval | Quantiles | None, show: Callable[[float | None], str]
) -> str:
    """Return a number with half of its 80 % interval: "434 ± 30 mL"; the unit is printed once.

    The error has no more decimals than the number.
    """
    if value is None or error is None:
        return show(value)
    high = error.high if isinstance(error, Interval) else error.p90
    if high is None:
        return show(value)
    number, unit = _split(show(value))
    half = _split(show(high - value))[0]
    if "." in half and "." not in number:
        half = "<1" if high - value < 0.5 else rounded(high - value)
    return f"{number} ± {half}{' ' + unit if unit else ''}"


def day_interval(quantiles: DayQuantiles | None) -> str:
    """Return the earliest day something holds: median, 80 % interval, share that never gets there."""
    if quantiles is None:
        return NONE
    never = f"; never in {probability(quantiles.never)}" if quantiles.never > 0 else ""
    if quantiles.median is None:
        return f"not reached in {probability(quantiles.never)} of draws"
    low = NONE if quantiles.p10 is None else rounded(quantiles.p10)
    high = "never" if quantiles.p90 is None else rounded(quantiles.p90)
    if low == high == rounded(quantiles.median):
        return f"{day(quantiles.median)}{never}"
    return f"{day(quantiles.median)} ({low}–{high}){never}"


def millimetres(value: float | None) -> str:
    """Return a length to 1 mm; margins below 10 mm to 0.1 mm."""
    if value is None:
        return NONE
    return f"{rounded(value, 0 if abs(value) >= 9.95 or float(value).is_integer() else 1)} mm"


def length(value: float) -> str:
    """Return a length as it was given: "5 mm", "2.5 mm"."""
    return f"{value:g} mm"


def square_cm(value: float | None) -> str:
    """Return an area to 1 cm²."""
    return NONE if value is None else f"{rounded(value)} cm²"


def words(key: str) -> str:
    """Return a key of the result as words."""
    return re.sub(r"\bml\b", "mL", key.replace("_", " "))


def _split(text: str) -> tuple[str, str]:
    """Return number and unit of a printed quantity."""
    number, _, unit = text.partition(" ")
    return number, unit
