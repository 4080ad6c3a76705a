"""Wedges: a lesion with its margin and everything between it and the capsule."""

from __future__ import annotations

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
    from scipy import ndimage

    spacing = grid.spacing_mm
    box = bounding_slices(
        grid.affine, grid.regions.shape, lesion.surface[0], margin_mm + float(spacing.max())
    )
    own = np.zeros(len(grid.table), dtype=np.bool_)
    own[grid.ids(tissue=lesion.name, kind="lesion")] = True
    tissue = grid.regions[box]
    zone = own[tissue]
    if margin_mm <= 0:
        return box, zone
    # The surface runs between the outermost voxel centres of the lesion and the next ones: a distance between centres is
    # never shorter than the one to the surface, and longer by less than a voxel's diagonal. A quarter of a voxel
    # allows for smoothing. Only the voxels in doubt are measured.
    rough = ndimage.distance_transform_edt(~zone, sampling=spacing)
    certain = rough <= margin_mm - 0.25 * float(spacing.min())
    doubt = float(np.linalg.norm(spacing))
    result = zone | (certain & (tissue > 0))
    asked = np.argwhere(~certain & (rough < margin_mm + doubt) & (tissue > 0))
    if len(asked):
        world = grid.world((asked + [s.start for s in box]).astype(np.float64))
        distance = lesion.search.distances(world, reach_mm=margin_mm + doubt)
        near = asked[distance <= margin_mm]
        result[near[:, 0], near[:, 1], near[:, 2]] = True
    return box, result


def way_out(grid: RegionGrid, lesion: Lesion) -> tuple[NDArray[np.float64], float]:
    """Return the direction, (3,) unit vector in voxel-axis mm, and the distance from a lesion's centre to the capsule."""
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
        part = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        outside = np.argwhere(~own[grid.regions[part]]) + low
        offset = (outside - centre) * spacing
        distance = np.sqrt((offset**2).sum(axis=1))
        if len(distance) and (distance.min() <= reach or reach > farthest):
            nearest = int(np.argmin(distance))
            return offset[nearest] / max(float(distance[nearest]), 1e-9), float(distance[nearest])
        reach *= 2


def wedge(grid: RegionGrid, lesion: Lesion, margin_mm: float) -> NDArray[np.bool_]:
    """Return the voxels a wedge takes: lesion, margin, and what lies on the way out to the nearest capsule.

    A hollow left under a bridge of liver is no operation: every voxel between the margin zone and the
    capsule, along the shortest way out from the lesion's centre, goes too.

    Parameters
    ----------
    margin_mm : distance from the lesion's surface, mm; 0 or more.

    Returns
    -------
    (nx, ny, nz) bool
    """
    from flrsim.kernels.distance import sweep_to_capsule

    inner, zone = margin_zone(grid, lesion, margin_mm)
    spacing = grid.spacing_mm
    direction, depth = way_out(grid, lesion)
    index = np.argwhere(zone)
    middle = 0.5 * (index.min(axis=0) + index.max(axis=0)) + [s.start for s in inner]
    radius = float(np.sqrt((((index + [s.start for s in inner] - middle) * spacing) ** 2).sum(axis=1).max()))
    reach = depth + 2 * radius
    # Everything the sweep can touch: the ball that holds the zone, moved along the way out.
    ends = np.stack([middle, middle + direction * reach / spacing])
    low = np.maximum(np.floor(ends.min(axis=0) - radius / spacing).astype(int), 0)
    high = np.minimum(
        np.ceil(ends.max(axis=0) + radius / spacing).astype(int) + 1, np.asarray(grid.regions.shape)
    )
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    taken = np.zeros(grid.regions.shape, dtype=np.bool_)
    taken[inner] = zone
    local = np.ascontiguousarray(taken[box])
    liver = np.ascontiguousarray(grid.liver[box]) | local
    taken[box] |= sweep_to_capsule(local, liver, spacing, direction, reach, middle - low, radius)
    return taken
