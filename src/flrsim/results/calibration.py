"""What a calibration moved, and what it was to follow from."""

from __future__ import annotations

from dataclasses import dataclass

from flrsim.results.base import Result

CALIBRATION_SCHEMA = "flrsim/calibration/1"


@dataclass(frozen=True)
class FittedNumber(Result):
    """One number before and after the fit; `low` and `high` are its range, which it never leaves."""

    id: str
    unit: str
    before: float
    after: float
    low: float
    high: float

    @property
    def at_bound(self) -> bool:
        """Whether the fit ended at an end of the range: the range, not the rows, says what it is."""
        room = _AT_BOUND * (self.high - self.low)
        return not self.low + room <= self.after <= self.high - room


_AT_BOUND = 0.01


@dataclass(frozen=True)
class FittedRow(Result):
    """One target: printed, simulated before and after the fit; `sd` weighs it, on the log scale for ratios."""

    row: str
    published: float
    sd: float
    before: float
    after: float


@dataclass(frozen=True)
class FittedGroup(Result):
    """One group of numbers fitted together.

    `loss` is the sum of squared deviations of the targets in their SDs, `prior` that of the numbers in those of their
    ranges.
    """

    group: str
    why: str
    loss_before: float
    loss_after: float
    prior: float
    numbers: tuple[FittedNumber, ...]
    rows: tuple[FittedRow, ...]
    adopted: bool
    verdict: str


@dataclass(frozen=True)
class Calibration(Result):
    """All groups, with what makes the fit reproducible."""

    schema: str
    groups: tuple[FittedGroup, ...]
    seed: int
    draws: int
    parameter_set: str
    digest: str
    studies_sha256: str
    version: str

    @property
    def values(self) -> dict[str, float]:
        """Fitted values that are adopted, by id."""
        return {n.id: n.after for g in self.groups if g.adopted for n in g.numbers}
