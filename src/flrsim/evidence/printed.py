"""One number as a paper prints it: of what, in which arm, on which day, with which interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flrsim.errors import EvidenceError

COLUMNS = (
    "id", "arm", "against", "quantity", "statistic", "day", "value", "low", "high", "interval", "unit", "n",
    "where", "repeats", "note",
)  # fmt: skip
"""Columns of ``numbers.csv``."""

QUANTITIES: dict[str, tuple[str, str]] = {
    "relative_growth": ("fraction", "gain of the FLR's volume over its volume before the stimulus"),
    "degree_of_hypertrophy": ("fraction", "sFLR after minus sFLR before, points"),
    "kgr": ("fraction/week", "degree of hypertrophy a week, at the day of the scan"),
    "kgr_later": ("fraction/week", "change of sFLR between the last two scan days, a week"),
    "poor_growth": ("fraction", "growth below a limit that the paper sets"),
    "sflr": ("fraction", "FLR over estimated total liver volume"),
    "flr_ml_gain": ("mL", "gain of the FLR's volume"),
    "segment_4_growth": ("fraction", "gain of segment 4's volume over its volume before the stimulus"),
    "growth_of_segment": ("fraction", "gain of a sector's volume over its volume right after resection"),
    "embolized_share": ("fraction", "volume without portal inflow over the volume of the liver"),
    "deprived_volume_change": ("fraction", "change of the volume without portal inflow over that before"),
    "function_growth": ("fraction", "gain of the FLR's function over that before the stimulus"),
    "volume_of_initial": ("fraction", "liver volume after resection over the volume before it"),
    "growth_of_remnant": ("fraction", "gain of the remnant's volume over its volume right after resection"),
    "function_of_initial": ("fraction", "liver function over that before resection"),
    "function_per_ml": ("fraction", "function of a mL of liver over that before resection"),
    "icg_clearance": ("1/min", "plasma disappearance rate of indocyanine green"),
    "weeks_off": ("week", "time from the last chemotherapy to the operation; describes the patients"),
    "sos_1": ("fraction", "sinusoidal obstruction of grade 1 or more"),
    "sos_2": ("fraction", "sinusoidal obstruction of grade 2 or more"),
    "nrh": ("fraction", "nodular regenerative hyperplasia of any grade"),
    "nrh_2": ("fraction", "nodular regenerative hyperplasia of grade 2 or more"),
    "steatosis_30": ("fraction", "steatosis of about a third of the liver cells or more"),
    "biliary_sclerosis": ("fraction", "bile duct strictures from treatment by the hepatic artery"),
    "steatohepatitis": ("fraction", "steatohepatitis"),
    "orr": ("fraction", "complete or partial response"),
    "ets20": ("fraction", "shrinkage of the summed diameters by 20 % or more at the first scan"),
    "ets30": ("fraction", "shrinkage of the summed diameters by 30 % or more at the first scan"),
    "depth_of_response": ("fraction", "largest shrinkage of the summed diameters"),
    "tumour_volume_change": ("fraction", "change of tumour volume over the volume before"),
    "pfs": ("day", "time to progression or death"),
    "doubling_time": ("day", "time in which tumour volume doubles"),
    "time_to_response": ("day", "time to response, of those who respond"),
    "time_to_best_response": ("day", "time to the largest shrinkage"),
    "completion": ("fraction", "last planned operation done"),
    "dropout_progression": ("fraction", "last operation not done because disease progressed"),
    "dropout_growth": ("fraction", "last operation not done because the FLR did not grow enough"),
    "dropout_complication": ("fraction", "last operation not done because of a complication"),
    "dropout_any": ("fraction", "last planned operation not done, for any reason"),
    "resected": ("fraction", "resected"),
    "operated": ("fraction", "operated on, of patients who were unresectable before chemotherapy"),
    "resected_alive": ("fraction", "resected and alive 90 days later"),
    "phlf_isgls": ("fraction", "liver failure of any ISGLS grade"),
    "phlf_isgls_bc": ("fraction", "liver failure of ISGLS grade B or C"),
    "phlf_isgls_stage1": ("fraction", "liver failure of any ISGLS grade after the first of two operations"),
    "phlf_peak": ("fraction", "liver failure by peak bilirubin"),
    "phlf_5050": ("fraction", "liver failure by the 50-50 criteria"),
    "insufficiency": ("fraction", "hepatic insufficiency as the paper defines it"),
    "mortality_90d": ("fraction", "death within 90 days of the last operation"),
    "mortality_30d": ("fraction", "death within 30 days of the last operation"),
    "mortality_hospital": ("fraction", "death in hospital or around the operation, as the paper defines it"),
    "mortality_stage1": ("fraction", "death after the first operation or the stimulus, before the last"),
    "mortality_stage2": ("fraction", "death after the last of several operations"),
    "interval_days": ("day", "time from the stimulus or first operation to the last operation"),
    "morbidity": ("fraction", "any complication of the operation"),
    "major_complication": ("fraction", "complication of Clavien grade III or more"),
    "liver_complication": ("fraction", "complication of the liver's part of the operation"),
    "r0": ("fraction", "resection with microscopically free margins"),
    "disappearing": ("fraction", "lesions no longer seen on imaging"),
    "sterile": ("fraction", "disappeared lesions without living tumour, or without regrowth when left"),
}
"""Every quantity with its unit and what it measures."""

STATISTICS: dict[str, str | None] = {
    "mean": None,
    "sd": None,
    "median": None,
    "difference": None,
    "share": "fraction",
    "share_below": "fraction",
    "ratio": "ratio",
    "odds_ratio": "ratio",
    "hazard_ratio": "ratio",
    "smd": "1",
    "p_value": "1",
    "correlation": "1",
}
"""Every statistic with its own unit; None takes the quantity's. `share_below` is written ``share_below:0.1``, its limit in
the quantity's unit; a `correlation` is with the starting FLR; `difference`, `ratio`, `odds_ratio`, `hazard_ratio` and `smd`
(difference over the SD between patients) are of `arm` over, or less, `against`; a `p_value` is that of no difference."""

COMPARISONS = frozenset({"difference", "ratio", "odds_ratio", "hazard_ratio", "smd", "p_value"})
"""Statistics of two arms."""

PRINTED = frozenset({"printed_ci95", "printed_iqr", "printed_range"})
"""Intervals that a paper prints."""

INTERVALS = PRINTED | {"from_n", "none"}
"""Where the interval comes from; `from_n` is worked out from the number of patients, with the SD's row for a mean."""


@dataclass(frozen=True)
class PrintedNumber:
    """One printed number.

    Attributes
    ----------
    arm, against : the arm, and the arm it is compared with (empty for one arm).
    quantity, statistic : see `QUANTITIES` and `STATISTICS`; `below` is the limit of a ``share_below``.
    day : after the stimulus or the operation; None where the quantity has no day.
    value, low, high : as printed, in `unit`; low and high are None unless the interval is printed.
    where : place in the paper.
    repeats : ids of the rows of the study that it restates, by arithmetic or of the same patients; such a row is not a
        further finding.
    """

    id: str
    arm: str
    against: str
    quantity: str
    statistic: str
    below: float | None
    day: float | None
    value: float
    low: float | None
    high: float | None
    interval: str
    unit: str
    n: int | None
    where: str
    repeats: tuple[str, ...]
    note: str


def read_number(cells: Mapping[str, str], row: str, arms: Mapping[str, Mapping[str, Any]]) -> PrintedNumber:
    """Return one checked row of ``numbers.csv``; `row` names file and line in the sentence of an error."""
    cells = {column: text.strip() for column, text in cells.items()}

    def refuse(what: str) -> EvidenceError:
        return EvidenceError(f'{row} ("{cells["id"]}") {what}')

    def number(column: str) -> float | None:
        return None if not cells[column] else _finite(cells[column], column, refuse)

    if not cells["id"] or not cells["where"]:
        raise refuse("lacks its id or its place in the paper; fill in id and where")
    for column in ("arm", "against"):
        if cells[column] not in arms and (column == "arm" or cells[column]):
            raise refuse(f'names the {column} "{cells[column]}"; arms are {", ".join(arms)}')
    statistic, colon, limit = cells["statistic"].partition(":")
    if statistic not in STATISTICS or (statistic == "share_below") != bool(colon):
        known = ", ".join(STATISTICS).replace("share_below", "share_below:X")
        raise refuse(f'has the statistic "{cells["statistic"]}"; statistics are {known}')
    if (statistic in COMPARISONS) != bool(cells["against"]) or cells["against"] == cells["arm"]:
        raise refuse(
            f'is a {statistic} of "{cells["arm"]}" against "{cells["against"]}"; '
            f"{', '.join(sorted(COMPARISONS))} need a second arm under against, all others none"
        )
    if cells["quantity"] not in QUANTITIES:
        raise refuse(f'has the quantity "{cells["quantity"]}"; quantities are {", ".join(QUANTITIES)}')
    measured_in = QUANTITIES[cells["quantity"]][0]
    if statistic == "share" and measured_in != "fraction":
        raise refuse(f"is a share of {cells['quantity']}; a share_below:X, with its limit, is needed")
    unit = STATISTICS[statistic] or measured_in
    if cells["unit"] != unit:
        raise refuse(f'has the unit "{cells["unit"]}"; a {statistic} of {cells["quantity"]} is in "{unit}"')
    value, low, high, day = number("value"), number("low"), number("high"), number("day")
    if value is None:
        raise refuse("has no value; a finite number is needed")
    if day is not None and day < 0:
        raise refuse(f"is of day {day:g}; days count from the stimulus or the operation")
    _check_value(statistic, value, refuse)
    _check_interval(cells["interval"], value, low, high, refuse)
    n = cells["n"]
    if n and not (n.isascii() and n.isdigit() and int(n) > 0):
        raise refuse(f'has n = "{n}"; a whole number of at least 1, or nothing, is needed')
    compared = [cells[column] for column in ("arm", "against") if cells[column]]
    if cells["interval"] == "from_n" and not n and not all("n" in arms[name] for name in compared):
        raise refuse("has an interval from_n and no n; give n in the row or in the arm")
    return PrintedNumber(
        id=cells["id"], arm=cells["arm"], against=cells["against"], quantity=cells["quantity"],
        statistic=statistic, below=_finite(limit, "limit", refuse) if colon else None, day=day, value=value,
        low=low, high=high, interval=cells["interval"], unit=unit, n=int(n) if n else None,
        where=cells["where"], repeats=tuple(cells["repeats"].split()), note=cells["note"],
    )  # fmt: skip


_Refuse = Callable[[str], EvidenceError]

_LIMITS = {
    "share": (0.0, 1.0),
    "share_below": (0.0, 1.0),
    "correlation": (-1.0, 1.0),
    "p_value": (0.0, 1.0),
    "sd": (0.0, math.inf),
    "ratio": (0.0, math.inf),
    "odds_ratio": (0.0, math.inf),
    "hazard_ratio": (0.0, math.inf),
}
"""What a statistic can be at all."""


def _check_value(statistic: str, value: float, refuse: _Refuse) -> None:
    """Raise when a statistic cannot have this value."""
    least, most = _LIMITS.get(statistic, (-math.inf, math.inf))
    if not least <= value <= most:
        raise refuse(f"is a {statistic} of {value:g}; it lies between {least:g} and {most:g}")


def _check_interval(
    interval: str, value: float, low: float | None, high: float | None, refuse: _Refuse
) -> None:
    """Raise unless low and high are there exactly when they are printed, and in order."""
    if interval not in INTERVALS:
        raise refuse(f'has the interval "{interval}"; intervals are {", ".join(sorted(INTERVALS))}')
    if interval not in PRINTED:
        if low is not None or high is not None:
            raise refuse(f"has low or high and the interval {interval}; only a printed interval has them")
        return
    if low is None or high is None or low > high:
        raise refuse(f"has low {low} and high {high}; a {interval} needs both, low <= high")
    # The mean of a skewed sample may lie outside its quartiles; nothing lies outside its range.
    if interval != "printed_iqr" and not low <= value <= high:
        raise refuse(f"is {value:g}, outside its {interval} from {low:g} to {high:g}; read the paper again")


def _finite(text: str, column: str, refuse: _Refuse) -> float:
    """Return a finite number from a cell."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or "_" in text:
        raise refuse(f'has {column} = "{text}"; a finite number is needed')
    return number


def without_sd(numbers: Iterable[PrintedNumber]) -> PrintedNumber | None:
    """Return the first mean, median or difference whose interval shall come from n and that lacks an SD's row."""
    numbers = tuple(numbers)
    spreads = {(n.arm, n.quantity, n.day) for n in numbers if n.statistic == "sd"}
    for n in numbers:
        if n.interval == "from_n" and n.statistic in ("mean", "median", "difference"):
            arms = [n.arm, n.against] if n.against else [n.arm]
            if not all((arm, n.quantity, n.day) in spreads for arm in arms):
                return n
    return None


def unknown_repeats(numbers: Iterable[PrintedNumber]) -> PrintedNumber | None:
    """Return the first row that says to repeat itself or a row that the study does not have."""
    numbers = tuple(numbers)
    ids = {n.id for n in numbers}
    return next((n for n in numbers if n.id in n.repeats or not ids >= set(n.repeats)), None)
