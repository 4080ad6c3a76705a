"""Published numbers beside simulated ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flrsim.results.base import Result

VALIDATION_SCHEMA = "flrsim/validation/1"


@dataclass(frozen=True)
class ValidationRow(Result):
    """One printed number and what the simulation gives for it.

    `low` and `high` are its 95 % interval: printed, or worked out from the number of patients; where `interval` is
    ``printed_range`` they are the extremes of the patients. `sim_low` and `sim_high` hold 80 % of the repetitions with
    as many patients. `inside` is null without an interval, where the extremes of patients are all there is, and where
    nothing was simulated; `reason` then says why. `repeats` names rows of the study that this one restates.
    `finding` says what the study found to make no difference.
    """

    study: str
    quantity: str
    split: str
    published: float
    low: float | None
    high: float | None
    simulated: float | None
    sim_low: float | None
    sim_high: float | None
    inside: bool | None
    id: str
    topic: str
    arm: str
    against: str
    statistic: str
    day: float | None
    unit: str
    interval: str
    n: int | None
    published_in_simulated: bool | None
    repeats: tuple[str, ...]
    assumed: tuple[str, ...]
    finding: str
    reason: str
    source: str
    where: str
    note: str

    @property
    def failing(self) -> bool:
        """Whether the simulated value lies outside the interval of the printed one."""
        return self.inside is False


@dataclass(frozen=True)
class ValidationSummary(Result):
    """One split in numbers; rows that restate others are counted by themselves and nowhere else.

    `expected_by_chance` is the mean number of rows inside if the simulated values of the same quantity and statistic
    were dealt to the rows at random, over all ways of dealing. `alone` counts the rows that have no other to exchange
    with and so add their own result to it. Widths are medians of (high - low) over the size of the number.
    """

    studies: int
    rows: int
    simulated: int
    with_interval: int
    inside: int
    expected_by_chance: float
    alone: int
    exchangeable: int
    inside_of_exchangeable: int
    expected_of_exchangeable: float
    without_interval: int
    published_in_simulated: int
    published_width: float | None
    simulated_width: float | None
    not_simulated: int
    repeating: int


@dataclass(frozen=True)
class Validation(Result):
    """All rows and the summary of each split; `run` makes it reproducible."""

    schema: str
    rows: tuple[ValidationRow, ...]
    summaries: Mapping[str, ValidationSummary]
    findings: Mapping[str, tuple[str, ...]]
    run: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: schema, rows, summary."""
        whole = super().to_dict()
        summary = {**whole["summaries"], "negative_findings": whole["findings"], "run": whole["run"]}
        return {"schema": whole["schema"], "rows": whole["rows"], "summary": summary}
