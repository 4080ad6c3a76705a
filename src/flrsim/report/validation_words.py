"""Printed and simulated numbers as words, the same on the terminal and on the page."""

from __future__ import annotations

from flrsim.results import ValidationRow, ValidationSummary

_PERCENT = 100.0
_POINTS = frozenset({"degree_of_hypertrophy", "kgr", "kgr_later"})


def shown(value: float | None, row: ValidationRow) -> str:
    """Return a number of a row with its unit, shares of a liver as points; a dash for none."""
    if value is None:
        return "–"
    unit = row.unit
    if unit.startswith("fraction"):
        sign = "points" if row.quantity in _POINTS and not row.statistic.startswith("share") else "%"
        return f"{_PERCENT * value:.1f} {sign}{unit.removeprefix('fraction').replace('/', ' a ')}"
    if unit in ("mL", "day", "week"):
        return f"{value:.0f} {unit if unit == 'mL' else unit + 's'}"
    return f"{value:.2f}"


def between(low: float | None, high: float | None, unit: str) -> str:
    """Return an interval in its number's unit, without repeating the unit."""
    if low is None or high is None:
        return ""
    scale, digits = (_PERCENT, 1) if unit.startswith("fraction") else (1.0, 0 if unit in ("mL", "day") else 2)
    return f"{scale * low:.{digits}f} to {scale * high:.{digits}f}"


def what(row: ValidationRow) -> str:
    """Return what a number measures: quantity, statistic, arm, day."""
    name = row.quantity.replace("_", " ")
    statistic = row.statistic.replace("_", " ").replace(":", " ")
    arms = f"{row.arm} against {row.against}" if row.against else row.arm
    day = "" if row.day is None else f", day {row.day:g}"
    return f"{name}, {statistic}, {arms}{day}".replace("_", " ")


def outcome(row: ValidationRow) -> str:
    """Return how a row ended in one or two words; a row outside its interval is called failing."""
    if row.simulated is None:
        return "not simulated"
    if row.inside is None:
        return "patients' extremes" if row.interval == "printed_range" else "no interval"
    return "inside" if row.inside else "FAILS"


def summary_lines(split: str, s: ValidationSummary) -> list[str]:
    """Return one split in sentences."""
    lines = [
        f"{split}: studies {s.studies}, printed numbers {s.rows}, and {s.repeating} more that restate others and are "
        f"counted nowhere; simulated {s.simulated}, not simulated {s.not_simulated}",
        f"with an interval {s.with_interval}: inside {s.inside}, expected by chance {s.expected_by_chance:.1f}; "
        f"without those that have no other to exchange with ({s.alone}): inside {s.inside_of_exchangeable} of "
        f"{s.exchangeable}, by chance {s.expected_of_exchangeable:.1f}",
        f"without an interval {s.without_interval}; printed value inside the simulated 80 % interval "
        f"{s.published_in_simulated} of {s.simulated}",
    ]
    if s.published_width is not None and s.simulated_width is not None:
        lines.append(
            f"median width of an interval over its number: printed {s.published_width:.2f} (95 %), simulated "
            f"{s.simulated_width:.2f} (80 %)"
        )
    return lines


CHANCE = (
    "By chance: the mean number of rows inside if the simulated values of one quantity and statistic were dealt to its rows "
    "at random, over all ways of dealing. A wide printed interval holds almost any value, so chance is not small."
)
"""What is compared with."""
