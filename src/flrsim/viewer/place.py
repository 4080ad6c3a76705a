"""Shapes and where they are drawn: the same points through the whole course, moved by one similarity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Shape:
    """Points that do not change with the day; a drawing room uploads each shape once.

    Attributes
    ----------
    points : (n, 3) LPS mm, as imaged.
    faces : (m, 3) triangles or (m, 2) line segments.
    """

    points: NDArray[np.float64]
    faces: NDArray[np.int64]

    @cached_property
    def ends(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lowest and highest corner, (3,) mm each."""
        return self.points.min(axis=0), self.points.max(axis=0)


@dataclass(frozen=True)
class Place:
    """A similarity without rotation: x becomes scale · x + shift, mm."""

    scale: float = 1.0
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @classmethod
    def about(cls, centre: Sequence[float] | NDArray[np.float64], scale: float) -> Place:
        """Return the map that scales about a point, (3,) mm."""
        return cls.moving(centre, centre, scale)

    @classmethod
    def moving(
        cls,
        centre: Sequence[float] | NDArray[np.float64],
        to: Sequence[float] | NDArray[np.float64],
        scale: float,
    ) -> Place:
        """Return the map that scales about a point and moves that point to another, (3,) mm each."""
        x, y, z = (float(b - scale * a) for a, b in zip(centre, to, strict=True))
        return cls(float(scale), (x, y, z))

    @property
    def is_identity(self) -> bool:
        """Whether nothing moves."""
        return self.scale == 1.0 and self.shift == (0.0, 0.0, 0.0)

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The map as a homogeneous matrix, (4, 4)."""
        out = np.diag([self.scale, self.scale, self.scale, 1.0])
        out[:3, 3] = self.shift
        return out

    def on(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return points (n, 3) or (3,) moved by the map; the same array where nothing moves."""
        return points if self.is_identity else np.asarray(self.scale * points + np.array(self.shift))


STILL = Place()
