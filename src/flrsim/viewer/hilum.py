"""The point about which kept tissue is drawn growing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from flrsim.anatomy import leaves
from flrsim.case import LiverCase
from flrsim.grid import RegionGrid
from flrsim.resection.margin import border

HILAR_SHARE = 0.1
"""Share of the border between right and left liver, nearest to the caudate lobe, that stands in for the hilum."""
CAUDATE_POINTS = 5000
SAME_MM = 1e-6
RIGHT, LEFT = ("S5", "S6", "S7", "S8"), ("S2", "S3", "S4")

Point = tuple[float, float, float]


def hilum(case: LiverCase) -> tuple[Point, str]:
    """Return the point that kept tissue is drawn growing about, LPS mm, and what it is.

    With portal branches by name it is where the right and the left branch come nearest to each other; else the part
    of the border between right and left liver nearest to the caudate lobe; else the middle of the liver.
    """
    grid = case.grid
    sides = [_voxels(grid, f"portal_vein:{b}") for b in ("right", "left")]
    if all(len(s) for s in sides):
        away, which = cKDTree(sides[0]).query(sides[1])
        near = np.flatnonzero(away <= away.min() + SAME_MM)
        middle = 0.5 * (sides[1][near] + sides[0][which[near]]).mean(axis=0)
        return _point(middle), "the portal bifurcation"
    present = set(grid.segments)
    right, left = (frozenset(x for s in group for x in leaves(s)) & present for group in (RIGHT, LEFT))
    wall = border(grid, right, left) if right and left else np.zeros((0, 3))
    if not len(wall):
        return _point(
            grid.world(np.argwhere(grid.liver).mean(axis=0, keepdims=True))[0]
        ), "the middle of the liver"
    caudate = np.argwhere(grid.mask(grid.ids(segments=["S1"])))
    if not len(caudate):
        return _point(wall.mean(axis=0)), "the middle of the border of right and left liver"
    few = caudate[:: max(len(caudate) // CAUDATE_POINTS, 1)].astype(np.float64)
    away, _ = cKDTree(grid.world(few)).query(wall)
    nearest = np.argsort(away, kind="stable")[: max(round(HILAR_SHARE * len(wall)), 1)]
    return _point(wall[nearest].mean(axis=0)), "the border of right and left liver beside the caudate lobe"


def _point(values: NDArray[np.float64]) -> Point:
    x, y, z = (float(v) for v in values)
    return x, y, z


def _voxels(grid: RegionGrid, vessel: str) -> NDArray[np.float64]:
    """Return the voxel centres of a vessel, (n, 3) LPS mm."""
    ids = grid.ids(tissue=vessel, kind="vessel")
    if not len(ids):
        return np.zeros((0, 3))
    return grid.world(np.argwhere(grid.mask(ids)).astype(np.float64))
