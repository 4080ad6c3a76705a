"""Repeat every arm of every study many times, and hold what comes out against what was printed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from flrsim.draws import Floats, percentiles
from flrsim.errors import EvidenceError
from flrsim.evidence import Evidence, PrintedNumber, Study
from flrsim.evidence.topics import topic_of
from flrsim.results.validation import VALIDATION_SCHEMA, Validation, ValidationRow
from flrsim.validate.arms import Simulated
from flrsim.validate.measures import starting_flr, values_of
from flrsim.validate.numbers import NotSimulatedError, statistic_of
from flrsim.validate.published import Bounds, published_bounds
from flrsim.validate.summary import negative_findings, summarize
from flrsim.validate.uncertainty import drawn

REPLICATES = 64
"""Repetitions of every arm, each with its own numbers from the ranges."""
MOST_PATIENTS = 2000
"""Patients of an arm in one repetition: a larger arm would only take longer."""
PATIENTS_UNPRINTED = 500
"""Patients of an arm whose number is not printed."""
_FEW = 0.5
"""Share of repetitions that must give a number."""

Say = Callable[[str], None]


def validate(
    evidence: Evidence,
    studies: Sequence[Study],
    *,
    seed: int,
    replicates: int = REPLICATES,
    say: Say | None = None,
    data: str = "",
) -> Validation:
    """Return every printed number of the studies with its simulated counterpart.

    Parameters
    ----------
    seed
        Of all random draws.
    replicates
        Repetitions of every arm, each of as many patients as the study had and with one value for every number that
        has a range.
    say
        Called with the name of every study.
    data
        Digest of the studies, kept with the result.

    Raises
    ------
    EvidenceError
        Without a study.
    """
    if not studies:
        raise EvidenceError("there is no study to validate against; trials/ holds one folder a study")
    sets = [drawn(evidence, seed, replicate) for replicate in range(replicates)]
    rows: list[ValidationRow] = []
    for study in studies:
        if say is not None:
            say(study.key)
        rows += _rows(study, sets, seed)
    return Validation(
        VALIDATION_SCHEMA,
        tuple(rows),
        summarize(rows),
        negative_findings(rows),
        {
            "seed": seed,
            "replicates": replicates,
            "parameter_set": evidence.parameter_set,
            "digest": evidence.digest,
            "studies_sha256": data,
        },
    )


def cohort_size(number: int | None) -> int:
    """Return how many patients stand for an arm."""
    return PATIENTS_UNPRINTED if number is None else min(number, MOST_PATIENTS)


def simulate_row(
    number: PrintedNumber, arms: dict[str, Simulated], cache: dict[tuple[str, str, float | None], Floats]
) -> float:
    """Return the statistic of a row in one repetition.

    Parameters
    ----------
    cache
        Quantities already read in this repetition, by arm, quantity and day.

    Raises
    ------
    NotSimulatedError
        With the reason.
    """

    def values(arm: str) -> Floats:
        key = (arm, number.quantity, number.day)
        if key not in cache:
            cache[key] = values_of(arms[arm], number.quantity, number.day)
        return cache[key]

    own = values(number.arm)
    other = values(number.against) if number.against else None
    starting = starting_flr(arms[number.arm]) if number.statistic == "correlation" else None
    return statistic_of(number.statistic, own, other, below=number.below, starting=starting)


def _rows(study: Study, sets: Iterable[Evidence], seed: int) -> list[ValidationRow]:
    """Return the rows of one study."""
    found: dict[str, list[float]] = {n.id: [] for n in study.numbers}
    reasons: dict[str, str] = {}
    for replicate, evidence in enumerate(sets):
        arms = simulated_arms(study, evidence, seed=seed, replicate=replicate)
        cache: dict[tuple[str, str, float | None], Floats] = {}
        for number in study.numbers:
            if number.id in reasons:
                continue
            try:
                found[number.id].append(simulate_row(number, arms, cache))
            except NotSimulatedError as why:
                reasons[number.id] = why.reason
    return [_row(study, n, found[n.id], reasons.get(n.id, "")) for n in study.numbers]


def simulated_arms(
    study: Study, evidence: Evidence, *, seed: int, replicate: int, n: int | None = None
) -> dict[str, Simulated]:
    """Return the arms of a study in one repetition; `n` patients each instead of the printed number when it is given."""
    return {
        name: Simulated(
            f"{study.key}/{name}",
            arm,
            evidence,
            seed=seed,
            n=cohort_size(arm.get("n")) if n is None else n,
            replicate=replicate,
        )
        for name, arm in study.arms.items()
    }


def _row(study: Study, number: PrintedNumber, values: list[float], reason: str) -> ValidationRow:
    """Return one row: what was printed, what was simulated, and whether they meet."""
    bounds = published_bounds(number, study)
    finite = np.array([v for v in values if math.isfinite(v)])
    low = middle = high = None
    if not reason and finite.size >= max(1, _FEW * len(values)):
        low, middle, high = (float(v) for v in percentiles(finite))
    elif not reason:
        reason = "too few simulated patients get so far for a number"
    unprinted = [name for name in (number.arm, number.against) if name and "n" not in study.arms[name]]
    notes = [number.note, f"n is not printed: {PATIENTS_UNPRINTED} simulated" if unprinted else ""]
    against = study.arms[number.against]["assumed"] if number.against else ()
    return ValidationRow(
        study=study.key,
        quantity=number.quantity,
        split=study.split,
        published=number.value,
        low=None if bounds is None else bounds.low,
        high=None if bounds is None else bounds.high,
        simulated=middle,
        sim_low=low,
        sim_high=high,
        inside=_inside(bounds, middle),
        id=number.id,
        topic=topic_of(number.quantity),
        arm=number.arm,
        against=number.against,
        statistic=number.statistic if number.below is None else f"{number.statistic}:{number.below:g}",
        day=number.day,
        unit=number.unit,
        interval=number.interval,
        n=number.n if number.n is not None else study.arms[number.arm].get("n"),
        published_in_simulated=None if low is None or high is None else low <= number.value <= high,
        repeats=number.repeats,
        assumed=tuple(sorted({*study.arms[number.arm]["assumed"], *against})),
        finding=study.negative.get(number.id, ""),
        reason=reason,
        source=study.source,
        where=number.where,
        note="; ".join(n for n in notes if n),
    )


def _inside(bounds: Bounds | None, simulated: float | None) -> bool | None:
    if bounds is None or bounds.between_patients or simulated is None:
        return None
    return bounds.low <= simulated <= bounds.high
