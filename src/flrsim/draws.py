"""Named random streams and what is kept of their draws.

The same digits come for any batch split, and plans of one patient share every draw.

One counter-based generator (Philox) per decision, keyed by the seed and the decision's name. A patient's
block of draws has a fixed place in the stream, so patients can be simulated in any order, and a new decision
never shifts another one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Stream = Callable[[str], Floats]
"""Gives the draws of a named decision of one patient, (n_draws,) float64."""

PERCENTILES = (0.1, 0.5, 0.9)
"""What is kept of draws: an 80 % interval and the median."""

_OUTPUTS_PER_COUNT = 4  # Philox-4x64: one counter value gives four 64-bit numbers
_SMALLEST = 2.0**-54  # half the step of the generator's doubles: keeps a uniform strictly above 0


def uniform(
    seed: int, decision: str, *, first_patient: int = 0, n_patients: int = 1, n_draws: int
) -> NDArray[np.float64]:
    """Return uniform numbers strictly between 0 and 1 for one decision.

    Parameters
    ----------
    seed
        Any whole number.
    decision
        Name of what is decided, e.g. ``growth.amplitude``.
    first_patient, n_patients
        Which patients of the cohort; patient *i* gets the same numbers in whatever batch it comes.
    n_draws
        Draws per patient. The block of a patient starts at ``patient * n_draws``.

    Returns
    -------
    (n_patients, n_draws) float64
    """
    if first_patient < 0 or n_patients < 1 or n_draws < 1:
        raise ValueError(
            f"first_patient is {first_patient}, n_patients {n_patients}, n_draws {n_draws}; "
            "first_patient must be at least 0 and the others at least 1"
        )
    key = int.from_bytes(
        hashlib.blake2b(f"{int(seed)}\0{decision}".encode(), digest_size=16).digest(), "little"
    )
    bits = np.random.Philox(key=key)
    counts, skip = divmod(first_patient * n_draws, _OUTPUTS_PER_COUNT)
    bits.advance(counts)
    generator = np.random.Generator(bits)
    numbers = generator.random(skip + n_patients * n_draws)[skip:]
    return np.maximum(numbers, _SMALLEST).reshape(n_patients, n_draws)


def normal(
    seed: int, decision: str, *, first_patient: int = 0, n_patients: int = 1, n_draws: int
) -> NDArray[np.float64]:
    """Return standard normal numbers for one decision, by the inverse of the distribution function.

    Same parameters and shape as `uniform`; a larger uniform always gives a larger normal.
    """
    from scipy.special import ndtri

    numbers = uniform(seed, decision, first_patient=first_patient, n_patients=n_patients, n_draws=n_draws)
    return np.asarray(ndtri(numbers), dtype=np.float64)


def patient_streams(seed: int, n_draws: int, *, patient: int = 0) -> tuple[Stream, Stream]:
    """Return the uniform and the normal streams of one patient; each decision is drawn once and kept."""
    kept: dict[tuple[str, str], Floats] = {}

    def uniforms(decision: str) -> Floats:
        key = ("uniform", decision)
        if key not in kept:
            kept[key] = uniform(seed, decision, first_patient=patient, n_draws=n_draws)[0]
        return kept[key]

    def normals(decision: str) -> Floats:
        key = ("normal", decision)
        if key not in kept:
            kept[key] = normal(seed, decision, first_patient=patient, n_draws=n_draws)[0]
        return kept[key]

    return uniforms, normals


@dataclass(frozen=True)
class Spread:
    """Median and 80 % interval of one number."""

    p10: float
    median: float
    p90: float


def percentiles(values: Floats) -> Floats:
    """Return p10, median and p90 of draws, (3,), interpolated linearly between neighbours."""
    ordered, found, first = values.copy(), np.empty(len(PERCENTILES)), 0
    for i, quantile in enumerate(PERCENTILES):
        rank = quantile * (values.size - 1)
        below = int(rank)
        # One place at a time, each in what lies above the last: numpy is several times slower at several places at once.
        ordered[first:].partition(below - first)
        found[i], first = ordered[below], below
        if rank > below:
            found[i] += (rank - below) * (ordered[below + 1 :].min() - ordered[below])
    return found


def spread(values: Floats) -> Spread:
    """Return median and 80 % interval of draws."""
    return Spread(*(float(v) for v in percentiles(values)))


def share(draws: NDArray[np.bool_]) -> float:
    """Return the share of draws in which something holds."""
    return float(np.mean(draws))
