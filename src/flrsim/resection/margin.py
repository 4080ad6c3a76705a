"""Distances that decide: from a lesion to the cut, to a vessel, to a border that stands in for a vessel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flrsim.anatomy import VEIN_PROXIES, leaves
from flrsim.case import Lesion, LiverCase
from flrsim.grid import RegionGrid


@dataclass(frozen=True)
class Neighbour:
    """The nearest vessel, or the border that stands in for one.

    Attributes
    ----------
    name : as printed.
    distance_mm : from the lesion's surface; 0 when it touches.
    proxy : True for a segment border: then it never lifts a verdict.
    """

    name: str
    distance_mm: float
    proxy: bool


def wall_points(goes: NDArray[np.bool_], stays: NDArray[np.bool_], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the midpoints of the voxel faces between what goes and what stays: the cut, (n, 3) LPS mm."""
    found = []
    for axis in range(3):
        lower = tuple(slice(None, -1) if d == axis else slice(None) for d in range(3))
        upper = tuple(slice(1, None) if d == axis else slice(None) for d in range(3))
        face = (goes[lower] & stays[upper]) | (stays[lower] & goes[upper])
        index = np.argwhere(face).astype(np.float64)
        index[:, axis] += 0.5
        found.append(index)
    return np.asarray(np.concatenate(found) @ affine[:3, :3].T + affine[:3, 3])


def distance_to_points(lesion: Lesion, points: NDArray[np.float64], *, reach_mm: float = np.inf) -> float:
    """Return the shortest distance between a lesion's surface and a cloud of points, mm; infinite beyond `reach_mm`.

    The nearest pair is found by vertices, then measured to the triangles around it.
    """
    from scipy.spatial import cKDTree

    from flrsim.meshing import distance_to_surface

    if not len(points):
        return float("inf")
    surface, triangles = lesion.surface
    low, high = surface.min(axis=0), surface.max(axis=0)
    near = points
    if np.isfinite(reach_mm):
        near = points[((points > low - reach_mm) & (points < high + reach_mm)).all(axis=1)]
        if not len(near):
            return float("inf")
    rough, _ = cKDTree(surface).query(near)
    close = near[np.argsort(rough, kind="stable")[:200]]
    best = float(distance_to_surface(close, surface, triangles).min())
    return best if best <= reach_mm else float("inf")


def vessel_points(case: LiverCase) -> dict[str, NDArray[np.float64]]:
    """Return the voxel centres of each labelled vessel, (n, 3) LPS mm."""
    grid = case.grid
    return {
        v.name: grid.world(np.argwhere(grid.mask(grid.ids(tissue=v.name, kind="vessel"))).astype(np.float64)) for v in case.vessels
    }


def proxy_points(grid: RegionGrid) -> dict[str, NDArray[np.float64]]:
    """Return the borders that stand in for hepatic veins, as face midpoints (n, 3) LPS mm."""
    out = {}
    for name, one, other, _ in VEIN_PROXIES:
        sides = []
        for group in (one, other):
            names = {leaf for s in group for leaf in leaves(s)}
            sides.append(grid.mask(grid.ids(segments=names)))
        out[name] = wall_points(sides[0], sides[1], grid.affine)
    return out


def nearest_vessel(case: LiverCase, lesion: Lesion, clouds: dict[str, NDArray[np.float64]], *, proxy: bool, reach_mm: float) -> Neighbour | None:
    """Return the vessel (or proxy border) nearest to a lesion within `reach_mm`, or None."""
    best: Neighbour | None = None
    for name, points in clouds.items():
        distance = distance_to_points(lesion, points, reach_mm=reach_mm)
        if np.isfinite(distance) and (best is None or distance < best.distance_mm):
            best = Neighbour(name.replace("_", " ").replace(":", ", "), distance, proxy)
    return best
