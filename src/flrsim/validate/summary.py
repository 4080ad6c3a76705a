"""How many printed numbers were met, how many would have been by chance, and how wide the intervals are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from flrsim.evidence.trials import SPLITS
from flrsim.results.validation import ValidationRow, ValidationSummary


def summarize(rows: Sequence[ValidationRow]) -> dict[str, ValidationSummary]:
    """Return the summary of every split that has a row."""
    return {
        split: _summary([r for r in rows if r.split == split])
        for split in SPLITS
        if any(r.split == split for r in rows)
    }


def expected_by_chance(rows: Iterable[ValidationRow]) -> float:
    """Return the mean number of rows inside when the simulated values are dealt to the rows at random.

    Notes
    -----
    Values are exchanged among rows of the same quantity and statistic only. Over all ways of dealing, every value
    comes to every row equally often, so the mean is ``Σ_i (1/m) Σ_j [low_i <= simulated_j <= high_i]`` over the m
    rows of a group: exact, without drawing a permutation.
    """
    total = 0.0
    for group in exchangeable(rows):
        values = np.array([r.simulated for r in group], dtype=np.float64)
        for row in group:
            if row.low is not None and row.high is not None:
                total += float(np.mean((values >= row.low) & (values <= row.high)))
    return total


def exchangeable(rows: Iterable[ValidationRow]) -> list[list[ValidationRow]]:
    """Return the rows with an interval and a simulated value, by quantity and statistic."""
    groups: dict[tuple[str, str], list[ValidationRow]] = {}
    for row in rows:
        if row.inside is not None:
            groups.setdefault((row.quantity, row.statistic), []).append(row)
    return list(groups.values())


def negative_findings(rows: Iterable[ValidationRow]) -> dict[str, tuple[str, ...]]:
    """Return what was found to make no difference, with the rows that show it."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.finding:
            found.setdefault(row.finding, []).append(f"{row.study}:{row.id}")
    return {finding: tuple(names) for finding, names in sorted(found.items())}


def _summary(rows: list[ValidationRow]) -> ValidationSummary:
    own = [r for r in rows if not r.repeats]
    judged = [r for r in own if r.inside is not None]
    simulated = [r for r in own if r.simulated is not None]
    many = [row for group in exchangeable(judged) if len(group) > 1 for row in group]
    return ValidationSummary(
        studies=len({r.study for r in rows}),
        rows=len(own),
        simulated=len(simulated),
        with_interval=len(judged),
        inside=sum(bool(r.inside) for r in judged),
        expected_by_chance=expected_by_chance(judged),
        alone=len(judged) - len(many),
        exchangeable=len(many),
        inside_of_exchangeable=sum(bool(r.inside) for r in many),
        expected_of_exchangeable=expected_by_chance(many),
        without_interval=len(simulated) - len(judged),
        published_in_simulated=sum(bool(r.published_in_simulated) for r in simulated),
        published_width=_width([(r.low, r.high, r.published) for r in judged]),
        simulated_width=_width([(r.sim_low, r.sim_high, r.simulated) for r in judged]),
        not_simulated=len(own) - len(simulated),
        repeating=len(rows) - len(own),
    )


def _width(intervals: Iterable[tuple[float | None, float | None, float | None]]) -> float | None:
    """Return the median relative width of intervals; those around zero have none."""
    widths = [
        (high - low) / abs(middle)
        for low, high, middle in intervals
        if low is not None and high is not None and middle
    ]
    return float(np.median(widths)) if widths else None
