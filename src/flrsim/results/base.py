"""What all results share: the JSON form, the run that made them, intervals and quantiles."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

VOLUMES_SCHEMA = "flrsim/volumes/1"
COMPARISON_SCHEMA = "flrsim/comparison/1"
SIMULATION_SCHEMA = "flrsim/simulation/1"
PLANS_SCHEMA = "flrsim/plans/1"
CHECK_SCHEMA = "flrsim/check/1"
CHEMO_SCHEMA = "flrsim/chemo/1"
DOCTOR_SCHEMA = "flrsim/doctor/1"
EVIDENCE_CHECK_SCHEMA = "flrsim/evidence-check/1"

RESEARCH_NOTE = "Research software, not a medical device: simulated numbers, not for treatment decisions."

OUTCOME_NOTE = "Published survival of comparable groups, cited as context. It is no forecast for this person."


def plain(value: Any) -> Any:
    """Return `value` as JSON knows it: dicts, lists, strings, numbers, true, false, null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value


@dataclass(frozen=True)
class Result:
    """Base of all results."""

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        out: dict[str, Any] = plain(self)
        return out


@dataclass(frozen=True)
class Run(Result):
    """What makes a result reproducible; `without` names the causes that were switched off in any plan."""

    version: str
    inputs_sha256: Mapping[str, str]
    seed: int | None = None
    draws: int | None = None
    parameter_set: str | None = None
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Quantiles(Result):
    """Median and 80 % interval of simulated values; null where half of the draws or more never get there."""

    median: float | None
    p10: float | None
    p90: float | None


@dataclass(frozen=True)
class DayQuantiles(Result):
    """Quantiles of a day, with the share of draws that never reach it; "never" counts as infinity."""

    median: float | None
    p10: float | None
    p90: float | None
    never: float


@dataclass(frozen=True)
class ErrorPart(Result):
    """One cause of error: its standard deviation in the unit of the number, and its share of the variance.

    `parameter` names the clinical number it rests on, where there is one.
    """

    cause: str
    sd: float
    share: float
    parameter: str | None = None


@dataclass(frozen=True)
class Interval(Result):
    """80 % interval of a measured number, from causes that are taken as independent."""

    low: float
    high: float
    sd: float
    components: tuple[ErrorPart, ...] = ()
