"""The numbers of one repetition: every number with a range takes one value in it, the same for all patients."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from flrsim.draws import uniform
from flrsim.evidence import Evidence, Parameter


def drawn(evidence: Evidence, seed: int, replicate: int) -> Evidence:
    """Return the evidence of one repetition.

    What has a range is not known better than that: one value is drawn for all patients of the repetition, the
    value being the median and the ends of the range its limits. A spread between patients stays as it is; where
    such a number has a range besides, its middle is drawn from it.
    """
    changed = []
    for id in evidence.ids():
        parameter = evidence[id]
        bounds = parameter.sensitivity
        if bounds is None:
            continue
        u = uniform(seed, f"parameter.{id}", first_patient=replicate, n_draws=1)[0, 0]
        value = float(np.interp(u, [0.0, 0.5, 1.0], [bounds[0], parameter.value, bounds[1]]))
        changed.append(_at(parameter, value))
    return evidence.with_numbers(changed, named=f"{evidence.parameter_set}, drawn {seed}.{replicate}")


def at_values(evidence: Evidence) -> Evidence:
    """Return the evidence with every range closed to its value; spreads between patients stay."""
    ids = [id for id in evidence.ids() if evidence[id].sensitivity is not None]
    closed = [_at(evidence[id], evidence[id].value) for id in ids]
    return evidence.with_numbers(closed, named=f"{evidence.parameter_set}, at its values")


def _at(parameter: Parameter, value: float) -> Parameter:
    """Return a number with another value and without a range."""
    if parameter.low is None:
        return replace(parameter, value=value, range=None)
    return replace(parameter, value=value, range=None, low=None, high=None, spread=None)
