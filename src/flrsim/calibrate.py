"""Set numbers so that calibration studies are met: least squares, held by the numbers' own ranges.

Only calibration studies are read. The same patients are simulated for every trial value (common random numbers), so that
what changes from one to the next is the number and not the luck.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from flrsim import __version__
from flrsim.draws import Floats
from flrsim.errors import EvidenceError
from flrsim.evidence import Evidence, PrintedNumber, Study
from flrsim.evidence.rewrite import Change, write_set
from flrsim.evidence.targets import TargetGroup, check_targets, target_row
from flrsim.results import CALIBRATION_SCHEMA, Calibration, FittedGroup, FittedNumber, FittedRow
from flrsim.validate import (
    NotSimulatedError,
    at_values,
    error_of_median,
    published_bounds,
    simulate_row,
    simulated_arms,
)

DEFAULT_DRAWS = 4000
"""Patients simulated for every arm, whatever its number."""
MATERIAL = 0.25
"""Share by which a fit must lower the loss of its rows to be taken over."""
_NORMAL = 1.96
"""Half-width of a 95 % interval in SDs; a range is read as one."""
_STEP = 0.1
"""Step of the derivatives in SDs of the prior: shares of patients change in jumps, which a small step would miss."""
_LIKELY = 0.95
"""A loss below this quantile of chi-squared is what luck alone would give: the rows then ask for nothing."""
_RATIOS = frozenset({"ratio", "odds_ratio"})


@dataclass(frozen=True)
class _Scale:
    """A scale on which a number is moved, and its way back."""

    to: Callable[[float], float]
    back: Callable[[float], float]


_SCALES: Mapping[str, _Scale] = {
    "linear": _Scale(lambda v: v, lambda x: x),
    "log": _Scale(math.log, math.exp),
    "logit": _Scale(lambda v: math.log(v / (1.0 - v)), lambda x: 1.0 / (1.0 + math.exp(-x))),
}


@dataclass(frozen=True)
class _Prior:
    """One fitted number in SDs of its range, 0 at its present value.

    Attributes
    ----------
    low, high : ends of the range.
    """

    id: str
    scale: _Scale
    middle: float
    sd: float
    low: float
    high: float

    @classmethod
    def of(cls, id: str, scale: str, evidence: Evidence) -> _Prior:
        """Return the prior of a number: its range as a 95 % interval on the scale of the fit."""
        parameter, on = evidence[id], _SCALES[scale]
        if parameter.sensitivity is None:
            raise EvidenceError(f'"{id}" has no range; a fit moves a number within its range')
        low, middle, high = (
            on.to(v) for v in (parameter.sensitivity[0], parameter.value, parameter.sensitivity[1])
        )
        sd = (high - low) / (2.0 * _NORMAL)
        if not sd > 0:
            raise EvidenceError(f'"{id}" has a range without width; it cannot be fitted')
        return cls(id, on, middle, sd, (low - middle) / sd, (high - middle) / sd)

    def value(self, z: float) -> float:
        """Return the number at `z` SDs from its present value."""
        return self.scale.back(self.middle + self.sd * z)


@dataclass(frozen=True)
class _Target:
    """One printed number to be met, with its SD; on the log scale for ratios."""

    name: str
    study: Study
    number: PrintedNumber
    sd: float

    @classmethod
    def of(cls, target: str, group: TargetGroup, studies: Mapping[str, Study]) -> _Target:
        """Return a target with the weight that its interval and the spread between studies give."""
        study, number = target_row(target, group.name, studies)
        ratio = number.statistic in _RATIOS
        own = _own_sd(study, number, ratio)
        between = group.between * (1.0 if ratio else abs(number.value))
        sd = math.hypot(own, between)
        if not sd > 0:
            raise EvidenceError(
                f'the target "{target}" has no interval and its group no spread between studies; nothing weighs it'
            )
        return cls(target, study, number, sd)

    def deviation(self, simulated: float) -> float:
        """Return how far a simulated value is from the printed one, in SDs."""
        if self.number.statistic in _RATIOS:
            return math.log(simulated / self.number.value) / self.sd
        return (simulated - self.number.value) / self.sd


def _own_sd(study: Study, number: PrintedNumber, ratio: bool) -> float:
    """Return the SD of a printed number from its own study; 0 where the study says nothing of it."""
    bounds = published_bounds(number, study)
    if bounds is None:
        return 0.0
    if bounds.between_patients:
        n = number.n if number.n is not None else study.arms[number.arm].get("n", 0)
        return error_of_median(bounds.low, bounds.high, n) if n > 1 else 0.0
    low, high = (math.log(bounds.low), math.log(bounds.high)) if ratio else (bounds.low, bounds.high)
    return (high - low) / (2.0 * _NORMAL)


def calibrate(
    evidence: Evidence,
    studies: Sequence[Study],
    *,
    targets: Iterable[TargetGroup],
    seed: int,
    draws: int = DEFAULT_DRAWS,
    data: str = "",
    say: Callable[[str], None] | None = None,
) -> Calibration:
    """Fit every group of numbers to its calibration rows, one group after another.

    Parameters
    ----------
    studies
        All studies; those declared for validation are only looked at to refuse a target that names one.
    draws
        Virtual patients of every arm.
    data
        Digest of the studies, kept with the result.

    Raises
    ------
    EvidenceError
        When a target is no row of a calibration study, or cannot be simulated; when a number has no range.

    Notes
    -----
    ``Σ ((simulated - printed) / sd)² + Σ z²`` is least, z a number's way from its present value in SDs of its range,
    ends of the range as bounds. A group is reported and not taken over, and later groups are fitted with the old
    numbers, when its rows do not contradict the present ones, are no more than the numbers to be fitted, lower the
    loss by less than `MATERIAL`, or drive a number to the end of its range.
    """
    groups = tuple(targets)
    check_targets(groups, evidence, studies)
    calibration = {study.key: study for study in studies if study.split == "calibration"}
    present, fitted = evidence, []
    for group in groups:
        if say is not None:
            say(group.name)
        result = _fit(group, present, calibration, seed=seed, draws=draws)
        fitted.append(result)
        if result.adopted:
            present = with_values(present, {n.id: n.after for n in result.numbers})
    return Calibration(
        CALIBRATION_SCHEMA,
        tuple(fitted),
        seed,
        draws,
        evidence.parameter_set,
        evidence.digest,
        data,
        __version__,
    )


def with_values(evidence: Evidence, values: Mapping[str, float]) -> Evidence:
    """Return the evidence with other values of the same spread and range."""
    changed = [replace(evidence[id], value=value) for id, value in values.items()]
    return evidence.with_numbers(changed, named=f"{evidence.parameter_set}, fitted")


def write_calibration(calibration: Calibration, folder: Path) -> None:
    """Write the adopted values as a parameter set that `load_evidence` reads, with the whole fit beside it.

    Raises
    ------
    FileError
        When the folder is there already.
    """
    write_set(folder, changes(calibration), name=f"{calibration.parameter_set}-calibrated")
    text = json.dumps(calibration.to_dict(), indent=1, allow_nan=False, ensure_ascii=False)
    (folder / "calibration.json").write_text(text + "\n", encoding="utf-8")


def changes(calibration: Calibration) -> dict[str, Change]:
    """Return what the adopted groups make of each record: the value, and in its note the rows, the seed and the loss."""
    found = {}
    for group in calibration.groups:
        if not group.adopted:
            continue
        studies = list(dict.fromkeys(row.row.partition(":")[0] for row in group.rows))
        note = (
            f"Fitted to {', '.join(studies)} (group {group.group} of calibration.toml, seed {calibration.seed}, virtual "
            f"patients an arm {calibration.draws}): loss {group.loss_before:.1f} before, {group.loss_after:.1f} after, "
            f"rows {len(group.rows)}."
        )
        for number in group.numbers:
            found[number.id] = Change(
                number.after, note, source=studies[0], where="the study's rows in trials/"
            )
    return found


def _fit(
    group: TargetGroup, evidence: Evidence, studies: Mapping[str, Study], *, seed: int, draws: int
) -> FittedGroup:
    """Return the fit of one group."""
    from scipy.optimize import least_squares

    priors = [_Prior.of(id, scale, evidence) for id, scale in group.fit.items()]
    rows = [_Target.of(name, group, studies) for name in group.targets]
    kept: dict[bytes, Floats] = {}

    def simulated(z: Floats) -> Floats:
        key = z.tobytes()
        if key not in kept:
            moved = with_values(evidence, {p.id: p.value(float(v)) for p, v in zip(priors, z, strict=True)})
            kept[key] = _simulated(rows, at_values(moved), seed=seed, draws=draws)
        return kept[key]

    def deviations(z: Floats) -> Floats:
        values = simulated(z)
        return np.array([row.deviation(float(v)) for row, v in zip(rows, values, strict=True)])

    low, high = np.array([p.low for p in priors]), np.array([p.high for p in priors])
    start = np.clip(np.zeros(len(priors)), low + _STEP, high - _STEP)
    found = least_squares(
        lambda z: np.concatenate([deviations(z), z]),
        start,
        jac=lambda z: np.concatenate([_jacobian(deviations, z, low, high), np.eye(z.size)]),
        bounds=(low, high),
    )
    before, after = np.zeros(len(priors)), np.asarray(found.x)
    losses = [float(np.sum(deviations(z) ** 2)) for z in (before, after)]
    numbers = tuple(
        FittedNumber(
            p.id,
            evidence[p.id].unit,
            evidence.value(p.id),
            p.value(float(z)),
            p.value(p.low),
            p.value(p.high),
        )
        for p, z in zip(priors, after, strict=True)
    )
    adopted, verdict = _verdict(losses, len(rows), numbers)
    return FittedGroup(
        group.name, group.why, losses[0], losses[1], float(np.sum(after**2)), numbers,
        tuple(
            FittedRow(row.name, row.number.value, row.sd, float(a), float(b))
            for row, a, b in zip(rows, simulated(before), simulated(after), strict=True)
        ),
        adopted, verdict,
    )  # fmt: skip


def _verdict(losses: Sequence[float], rows: int, numbers: Iterable[FittedNumber]) -> tuple[bool, str]:
    """Return whether a fit is taken over, and why."""
    from scipy.stats import chi2

    numbers = tuple(numbers)
    before, after = losses
    most = float(chi2.ppf(_LIKELY, rows))
    if before <= most:
        return (
            False,
            f"the rows do not contradict the present numbers (loss {before:.1f}, by chance up to {most:.1f})",
        )
    if rows <= len(numbers):
        return False, f"rows {rows} do not determine {len(numbers)} numbers"
    if after > (1.0 - MATERIAL) * before:
        return (
            False,
            f"the loss falls by less than {MATERIAL:.0%}: other numbers inside the ranges hardly do better",
        )
    ends = [n.id for n in numbers if n.at_bound]
    if ends:
        return (
            False,
            f"{', '.join(ends)} ended at the end of its range: the range, not the rows, says what it is",
        )
    return True, f"the loss falls by {1.0 - after / before:.0%} inside all ranges"


def _jacobian(of: Callable[[Floats], Floats], z: Floats, low: Floats, high: Floats) -> Floats:
    """Return central differences of `of`, with steps that stay inside the bounds."""
    columns = []
    for place in range(z.size):
        down, up = z.copy(), z.copy()
        down[place] = max(z[place] - _STEP, low[place])
        up[place] = min(z[place] + _STEP, high[place])
        columns.append((of(up) - of(down)) / (up[place] - down[place]))
    return np.array(columns).T


def _simulated(rows: Sequence[_Target], evidence: Evidence, *, seed: int, draws: int) -> Floats:
    """Return the simulated value of every target."""
    arms = {
        row.study.key: simulated_arms(row.study, evidence, seed=seed, replicate=0, n=draws) for row in rows
    }
    caches: dict[str, dict[tuple[str, str, float | None], Floats]] = {key: {} for key in arms}
    values = []
    for row in rows:
        key = row.study.key
        try:
            value = simulate_row(row.number, arms[key], caches[key])
        except NotSimulatedError as why:
            raise EvidenceError(f'the target "{row.name}" cannot be simulated: {why.reason}') from why
        if not math.isfinite(value) or (row.number.statistic in _RATIOS and value <= 0):
            raise EvidenceError(f'the target "{row.name}" has no simulated value; draw more patients')
        values.append(value)
    return np.array(values)
