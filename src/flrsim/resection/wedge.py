"""Wedges: a lesion with its margin and everything between it and the capsule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flrsim.case import Lesion
from flrsim.distances import bounding_slices
from flrsim.grid import RegionGrid

Box = tuple[slice, slice, slice]


def margin_zone(grid: RegionGrid, lesion: Lesion, margin_mm: float) -> tuple[Box, NDArray[np.bool_]]:
    """Return the voxels of a lesion and of all within `margin_mm` of its surface, as a box of the grid.

    Distances run from voxel centres to the lesion's surface, not to its voxels' centres: a margin then comes
    out as long on 5 mm slices as on thin ones.

    Returns
    -------
    box : three slices of the grid; zone : bool, the shape of the box.
    """
    box = bounding_slices(
        grid.affine, grid.regions.shape, lesion.surface[0], margin_mm + float(grid.spacing_mm.max())
    )
    own = np.zeros(len(grid.table), dtype=np.bool_)
    own[grid.ids(tissue=lesion.name, kind="lesion")] = True
    tissue = grid.regions[box]
    zone = own[tissue]
    if margin_mm <= 0:
        return box, zone
    affine = grid.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ np.array([s.start for s in box])
    nx, ny, nz = zone.shape
    distance = lesion.search.on_grid(affine, (nx, ny, nz), reach_mm=margin_mm, within=(tissue > 0) & ~zone)
    return box, zone | np.isfinite(distance)


def way_out(grid: RegionGrid, lesion: Lesion) -> tuple[NDArray[np.float64], float]:
    """Return the direction, (3,) unit vector in voxel-axis mm, and the distance from a lesion's centre to the capsule."""
    from flrsim.kernels.labels import nearest_outside

    spacing = grid.spacing_mm
    inverse = np.linalg.inv(grid.affine)
    centre = inverse[:3, :3] @ np.array(lesion.centre_mm) + inverse[:3, 3]
    own = np.zeros(len(grid.table), dtype=np.bool_)
    own[grid.ids(tissue=lesion.name, kind="lesion")] = True
    own[grid.liver_ids] = True
    farthest = float(np.linalg.norm(np.asarray(grid.regions.shape) * spacing))
    reach = 20.0
    # The nearest point that is neither liver nor lesion, searched in growing boxes: the capsule is rarely far
    # away.
    while True:
        low = np.maximum(np.floor(centre - reach / spacing).astype(int), 0)
        high = np.minimum(np.ceil(centre + reach / spacing).astype(int) + 1, np.asarray(grid.regions.shape))
        x, y, z = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        nearest, distance = nearest_outside(grid.regions[x, y, z], own, low, centre, spacing)
        if nearest[0] >= 0 and (distance <= reach or reach > farthest):
            return (nearest - centre) * spacing / max(distance, 1e-9), float(distance)
        reach *= 2


def wedge(grid: RegionGrid, lesions: Lesion | Sequence[Lesion], margin_mm: float) -> NDArray[np.bool_]:
    """Return the voxels a wedge takes: lesions, margins, and what lies on each one's way out to the nearest capsule.

    A hollow left under a bridge of liver is no operation: every voxel between a margin zone and the capsule, along the
    shortest way out from its lesion's centre, goes too, however far the liver overhangs there.

    Parameters
    ----------
    lesions : one, or several that share a wedge: their margins together, and one way out from each of them.
    margin_mm : distance from the lesions' surfaces, mm; 0 or more.

    Returns
    -------
    (nx, ny, nz) bool
    """
    taken = np.zeros(grid.regions.shape, dtype=np.bool_)
    several = (lesions,) if isinstance(lesions, Lesion) else tuple(lesions)
    if not several:
        raise ValueError("a wedge needs at least one lesion")
    for lesion in several:
        inner, zone = margin_zone(grid, lesion, margin_mm)
        direction, _ = way_out(grid, lesion)
        taken[inner] |= zone
        box, swept = _swept(grid, inner, zone, direction)
        taken[box] |= swept
    return taken


def _swept(
    grid: RegionGrid, inner: Box, zone: NDArray[np.bool_], direction: NDArray[np.float64]
) -> tuple[Box, NDArray[np.bool_]]:
    """Return the zone and what lies between it and the capsule along `direction`, in a box of the grid."""
    from flrsim.kernels.distance import longest_way, sweep_to_capsule

    spacing, shape = grid.spacing_mm, np.asarray(grid.regions.shape)
    index = np.argwhere(zone) + [s.start for s in inner]
    middle = 0.5 * (index.min(axis=0) + index.max(axis=0))
    radius = float(np.sqrt((((index - middle) * spacing) ** 2).sum(axis=1).max()))
    start = np.array([s.start for s in inner])
    # Liver may overhang the way out farther than the lesion is deep: the sweep runs as far as any way in the liver does.
    reach = longest_way(np.ascontiguousarray(zone), start, grid.liver, spacing, direction)
    reach += float(np.linalg.norm(spacing))
    ends = np.stack([middle, middle + direction * reach / spacing])
    low = np.minimum(np.maximum(np.floor(ends.min(axis=0) - radius / spacing).astype(int), 0), start)
    high = np.minimum(np.ceil(ends.max(axis=0) + radius / spacing).astype(int) + 1, shape)
    high = np.maximum(high, start + zone.shape)
    box: Box = (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))
    local = np.zeros(tuple(high - low), dtype=np.bool_)
    x, y, z = (slice(s.start - a, s.stop - a) for s, a in zip(inner, low, strict=True))
    local[x, y, z] = zone
    liver = np.ascontiguousarray(grid.liver[box]) | local
    return box, sweep_to_capsule(local, liver, spacing, direction, reach + radius, middle - low, radius)
