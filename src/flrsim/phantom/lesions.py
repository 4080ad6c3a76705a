"""Ellipsoidal lesions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from flrsim.phantom.shape import Floats

_NO_TURN = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


@dataclass(frozen=True)
class Lesion:
    """An ellipsoid.

    Attributes
    ----------
    name : L1 …
    centre : LPS mm.
    half_axes : half the length of each axis, mm.
    axes : the directions of the three axes, unit vectors at right angles to each other, one a row.
    """

    name: str
    centre: tuple[float, float, float]
    half_axes: tuple[float, float, float]
    axes: tuple[tuple[float, float, float], ...] = _NO_TURN

    @property
    def volume_ml(self) -> float:
        """Volume of the ellipsoid, 4/3 π abc, mL."""
        return 4.0 / 3.0 * math.pi * math.prod(self.half_axes) / 1000.0

    @property
    def diameter_mm(self) -> float:
        """Longest diameter, mm."""
        return 2.0 * max(self.half_axes)

    def norm(self, points: Floats) -> Floats:
        """Return the ellipsoid's norm at points (n, 3): below 1 inside."""
        local = (points - np.array(self.centre)) @ np.array(self.axes).T / np.array(self.half_axes)
        return np.asarray(np.sqrt((local * local).sum(axis=1)))

    def bounds(self) -> tuple[Floats, Floats]:
        """Return the corners of the box about the ellipsoid, mm."""
        reach = np.sqrt(((np.array(self.axes) * np.array(self.half_axes)[:, None]) ** 2).sum(axis=0))
        return np.array(self.centre) - reach, np.array(self.centre) + reach

    def ball_points(self, unit_points: Floats) -> Floats:
        """Return the images of points (n, 3) of the unit ball inside the ellipsoid."""
        return np.asarray(self.centre + (unit_points * np.array(self.half_axes)) @ np.array(self.axes))


def turned(rng: np.random.Generator) -> tuple[tuple[float, float, float], ...]:
    """Return a random right-handed set of axes."""
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    if np.linalg.det(q) < 0:
        q[0] = -q[0]
    return tuple((float(r[0]), float(r[1]), float(r[2])) for r in q)
