"""Planes: what lies on the side their normal points to goes, to the part of a voxel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flrsim.grid import CutMark, RegionGrid


@dataclass(frozen=True)
class Plane:
    """A flat cut.

    Attributes
    ----------
    point_mm : a point on it, LPS mm.
    normal : points to the side that goes, LPS; any length but zero.
    """

    point_mm: tuple[float, float, float]
    normal: tuple[float, float, float]

    @property
    def key(self) -> str:
        """Name of the cut: the same for every plan that cuts along it."""
        return "plane " + " ".join(f"{v!r}" for v in (*self.point_mm, *self.normal))

    def describe(self) -> str:
        """Return the plane in words."""
        x, y, z = self.point_mm
        return f"plane through ({x:g}, {y:g}, {z:g})"


def heights(grid: RegionGrid, plane: Plane) -> NDArray[np.float64]:
    """Return how far every voxel's centre lies on the side that goes, (nx, ny, nz) mm; negative on the other side."""
    slope, start = _slope(grid, plane)
    i, j, k = (slope[a] * np.arange(n, dtype=np.float64) for a, n in enumerate(grid.regions.shape))
    return np.asarray((i + start)[:, None, None] + j[:, None] + k)


def _slope(grid: RegionGrid, plane: Plane) -> tuple[NDArray[np.float64], float]:
    """Return the height gained per voxel along each axis, (3,) mm, and that of voxel (0, 0, 0)."""
    normal = np.array(plane.normal, dtype=np.float64)
    normal /= np.linalg.norm(normal)
    return grid.affine[:3, :3].T @ normal, float(normal @ (grid.affine[:3, 3] - np.array(plane.point_mm)))


def plane_mark(grid: RegionGrid, plane: Plane) -> CutMark:
    """Return the voxels a plane takes; those it crosses are shared out by the volume on each side.

    A voxel's centre alone would move a cut that runs along the slices by up to half a slice: 6 mL on a right
    hepatectomy at 1.6 mm.
    """
    slope, _ = _slope(grid, plane)
    height = heights(grid, plane)
    steep = float(np.linalg.norm(slope))
    # A voxel is crossed when its farthest corner lies beyond the plane.
    crossed = np.flatnonzero((np.abs(height) < 0.5 * np.abs(slope).sum()) & (grid.regions > 0))
    local = np.empty((len(crossed), 4))
    local[:, :3] = slope / steep
    local[:, 3] = -height.reshape(-1)[crossed] / steep
    return CutMark(height >= 0, crossed, local)
