"""Checks of callers' arguments: ``check_*`` raise and return nothing, ``as_*`` return the clean value."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flrsim.errors import FlrsimError


def check_in_range(
    value: float,
    *,
    name: str,
    low: float,
    high: float,
    unit: str = "",
    error: type[FlrsimError] | type[ValueError] = ValueError,
) -> None:
    """Raise unless `low` <= `value` <= `high` and `value` is finite."""
    if not (math.isfinite(value) and low <= value <= high):
        unit = f" {unit}" if unit else ""
        raise error(f"{name} is {value:g}{unit}; it must lie between {low:g} and {high:g}{unit}")


def as_points(points: ArrayLike, *, name: str) -> NDArray[np.float64]:
    """Return `points` as a C-contiguous (n, 3) float64 array."""
    array = np.ascontiguousarray(points, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 3:
        raise ValueError(f"{name} has shape {array.shape}; points must have shape (n, 3)")
    return array


def as_affine(affine: ArrayLike, *, name: str) -> NDArray[np.float64]:
    """Return `affine` as a (4, 4) float64 array that maps voxel indices to mm."""
    array = np.array(affine, dtype=np.float64)
    if array.shape != (4, 4):
        raise ValueError(f"{name} has shape {array.shape}; an affine must have shape (4, 4)")
    return array


def as_count(value: Any, *, name: str, low: int = 1, high: int = 10**9) -> int:
    """Return `value` as an int between `low` and `high`."""
    if isinstance(value, bool) or int(value) != value or not low <= int(value) <= high:
        raise ValueError(f"{name} is {value!r}; it must be a whole number between {low} and {high}")
    return int(value)
