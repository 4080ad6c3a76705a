"""Named random streams: the same digits for any batch split, and plans of one patient share every draw.

One counter-based generator (Philox) per decision, keyed by the seed and the decision's name. A patient's block of draws has a
fixed place in the stream, so patients can be simulated in any order, and a new decision never shifts another one.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

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
    key = int.from_bytes(hashlib.blake2b(f"{int(seed)}\0{decision}".encode(), digest_size=16).digest(), "little")
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
