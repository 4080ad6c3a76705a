"""What it costs to clear a lesion by a wedge, at every margin from one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flrsim.case import Lesion
from flrsim.grid import PARENCHYMA, RegionGrid
from flrsim.resection.wedge import Box, way_out

COARSE_MM = 1.0
"""Voxels with shorter edges are sampled every second one: a cost needs a hundredth, not a voxel."""
FEW_VOXELS = 50
"""A lesion that keeps fewer voxels than this is sampled at every one."""
FAR = np.float32(1e6)
"""Farther than any margin, mm."""
SLOPE_STEP_MM = 1.0
"""Half the span over which the millilitres per millimetre of margin are taken: more than a voxel, less than a margin."""


def part_of(grid: RegionGrid, box: Box, step: tuple[int, int, int] = (1, 1, 1)) -> RegionGrid:
    """Return a part of a grid, every `step`-th voxel of it; the millilitres stay those of whole regions."""
    affine = grid.affine.copy()
    affine[:3, 3] = affine[:3, :3] @ np.array([s.start for s in box]) + affine[:3, 3]
    affine[:3, :3] *= np.array(step)
    x, y, z = (slice(s.start, s.stop, n) for s, n in zip(box, step, strict=True))
    return RegionGrid(np.ascontiguousarray(grid.regions[x, y, z]), affine, grid.table, grid.ml)


def sampling(grid: RegionGrid, lesion: Lesion) -> tuple[int, int, int]:
    """Return every how many voxels a lesion's surroundings are sampled along each axis."""
    x, y, z = (2 if edge < COARSE_MM else 1 for edge in grid.spacing_mm)
    enough = grid.counts[grid.ids(tissue=lesion.name, kind="lesion")].sum() >= FEW_VOXELS * x * y * z
    return (x, y, z) if enough else (1, 1, 1)


def box_around(grid: RegionGrid, low_mm: NDArray[np.float64], high_mm: NDArray[np.float64]) -> Box:
    """Return the part of a grid between two corners given in millimetres along its axes, cut at its edge."""
    low = np.maximum(np.floor(low_mm / grid.spacing_mm).astype(int), 0)
    high = np.minimum(np.ceil(high_mm / grid.spacing_mm).astype(int) + 1, np.asarray(grid.regions.shape))
    x, y, z = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return x, y, z


def in_axes(grid: RegionGrid, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return LPS points (n, 3) in millimetres along the grid's own axes, from the centre of its first voxel."""
    inverse = np.linalg.inv(grid.affine)
    return np.asarray((points @ inverse[:3, :3].T + inverse[:3, 3]) * grid.spacing_mm)


def surface_distance(grid: RegionGrid, lesion: Lesion, reach_mm: float) -> NDArray[np.float32]:
    """Return the distance of each voxel of a grid around a lesion to its surface, mm; 0 or less inside.

    The nearest voxel of the lesion tells where on the surface to look: from the point nearest to that voxel a walk
    leads to the point nearest to the voxel asked about. Voxels beyond `reach_mm` are as far as can be.
    """
    from scipy import ndimage

    own = grid.mask(grid.ids(tissue=lesion.name, kind="lesion"))
    rough, nearest = ndimage.distance_transform_edt(~own, sampling=grid.spacing_mm, return_indices=True)
    # From a voxel's centre to the surface beyond it is less than a voxel's diagonal.
    doubt = float(np.linalg.norm(grid.spacing_mm))
    asked = np.flatnonzero(((grid.regions > 0) & ~own & (rough <= reach_mm + doubt)).reshape(-1))
    sx, sy, sz = (n.reshape(-1)[asked] for n in nearest)
    seed = (sx * own.shape[1] + sy) * own.shape[2] + sz
    is_rim = np.zeros(own.size, dtype=np.bool_)
    is_rim[seed] = True
    rim = np.flatnonzero(is_rim)
    places = _centres(grid, rim)
    vertex = np.zeros(own.size, dtype=np.int64)
    vertex[rim] = lesion.search.nearest_vertices(places)
    out = np.where(own.reshape(-1), np.float32(-grid.spacing_mm.min()), FAR)
    out[rim] = -lesion.search.walk(places, vertex[rim])
    out[asked] = lesion.search.walk(_centres(grid, asked), vertex[seed])
    return out.reshape(own.shape)


def _centres(grid: RegionGrid, flat: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the centres of voxels given by their flat indices, (n, 3) LPS mm."""
    return grid.world(np.stack(np.unravel_index(flat, grid.regions.shape), axis=1).astype(np.float64))


@dataclass(frozen=True)
class Clearance:
    """What a wedge takes of the parenchyma.

    Attributes
    ----------
    margins_mm, parenchyma_ml : (n_margins,).
    ml_per_mm : what one more millimetre costs, by central difference around each margin, (n_margins,).
    """

    margins_mm: NDArray[np.float64]
    parenchyma_ml: NDArray[np.float64]
    ml_per_mm: NDArray[np.float64]


def clearance(grid: RegionGrid, lesion: Lesion, margins_mm: Sequence[float]) -> Clearance:
    """Return what wedges of one lesion at several margins cost.

    A wedge is what `flrsim.resection.wedge.wedge` takes: lesion, margin, and what lies on the way out. All margins
    come from one field, the smallest margin at which each voxel goes, so a larger one never costs less.

    Parameters
    ----------
    margins_mm : mm from the lesion's surface, 0 or more.
    """
    from flrsim.kernels.clearance import least_margins, volume_by_margin

    margins = np.asarray(margins_mm, dtype=np.float64)
    below = np.maximum(margins - SLOPE_STEP_MM, 0.0)
    asked = np.concatenate([margins, below, margins + SLOPE_STEP_MM])
    largest = float(asked.max(initial=0.0))
    direction, depth = way_out(grid, lesion)
    corners = in_axes(grid, lesion.surface[0])
    middle = 0.5 * (corners.min(axis=0) + corners.max(axis=0))
    size = float(np.sqrt(((corners - middle) ** 2).sum(axis=1).max()))
    radius = size + largest + 2.0 * float(grid.spacing_mm.max())
    # Everything a wedge can reach: the ball that holds lesion and margin, moved along the way out to the capsule.
    end = middle + direction * (depth + 2 * radius)
    box = box_around(grid, np.minimum(middle, end) - radius, np.maximum(middle, end) + radius)
    step = sampling(grid, lesion)
    part = part_of(grid, box, step)
    spacing = part.spacing_mm
    centre = in_axes(part, grid.world((middle / grid.spacing_mm)[None]))[0]
    tissue = part.mask(np.concatenate([part.liver_ids, part.ids(tissue=lesion.name, kind="lesion")]))
    near = box_around(part, centre - radius, centre + radius)
    distance = np.full(part.regions.shape, FAR, dtype=np.float32)
    distance[near] = surface_distance(part_of(part, near), lesion, largest)
    field = least_margins(
        distance, tissue, spacing, direction, largest, centre / spacing, radius, depth, size
    )
    ml_of = np.zeros(len(grid.table))
    counted = grid.ids(segments=grid.segments, kind=PARENCHYMA)
    ml_of[counted] = np.prod(step) * grid.ml[counted] / np.maximum(grid.counts[counted], 1)
    ml = volume_by_margin(field, part.regions, ml_of, asked)
    at, low, high = np.split(ml, 3)
    return Clearance(margins, at, (high - low) / (margins + SLOPE_STEP_MM - below))
