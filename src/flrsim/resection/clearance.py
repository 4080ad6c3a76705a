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
RIM_VOXELS = 2
"""Layers of a lesion's voxels that its surface, or the slope of the distance at it, can depend on."""
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
    """Return the distance of each voxel of a grid around a lesion to its surface, mm; below 0 in the lesion.

    Voxels outside liver and lesions and beyond `reach_mm` are as far as can be; the lesion's core is as deep as can be.
    """
    from scipy import ndimage

    own = grid.mask(grid.ids(tissue=lesion.name, kind="lesion"))
    core = ndimage.binary_erosion(own, iterations=RIM_VOXELS)
    shape = (own.shape[0], own.shape[1], own.shape[2])
    away = lesion.search.on_grid(grid.affine, shape, reach_mm=reach_mm, within=(grid.regions > 0) & ~core)
    away[~np.isfinite(away)] = FAR
    away[core] = reach_mm
    return np.where(own, -away, away).astype(np.float32)


def margin_shell_ml(grid: RegionGrid, lesion: Lesion, margins_mm: Sequence[float]) -> NDArray[np.float64]:
    """Return the volume of the margin around a lesion by region, (n_margins, n_regions) mL; the lesion itself is not in it.

    Voxels that the margin's edge runs through count in part, by the distance of their middle and its slope; so do those
    that the lesion's surface runs through, and what is left of them is parenchyma of their segment.

    Parameters
    ----------
    margins_mm : mm from the lesion's surface, 0 or more.
    """
    margins = np.asarray(margins_mm, dtype=np.float64)
    reach = float(margins.max(initial=0.0)) + 2.0 * float(np.linalg.norm(grid.spacing_mm))
    corners = in_axes(grid, lesion.surface[0])
    part = part_of(grid, box_around(grid, corners.min(axis=0) - reach, corners.max(axis=0) + reach))
    distance = surface_distance(part, lesion, reach)
    voxels = _around(part, lesion, distance, margins) - _around(part, lesion, distance, np.zeros(1))
    return voxels * _voxel_ml(grid)


def _around(
    grid: RegionGrid, lesion: Lesion, field: NDArray[np.float32], margins: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what lies within each margin of a field by region, (n_margins, n_regions) voxels.

    The lesion's own count as healthy, so that what lies within no margin at all can be taken off by its true surface and
    not by its voxels.
    """
    from flrsim.kernels.clearance import voxels_by_margin

    voxels = voxels_by_margin(field, grid.regions, grid.spacing_mm, margins, len(grid.table))
    for row in grid.ids(tissue=lesion.name, kind="lesion"):
        region = grid.table[row]
        healthy = grid.ids(segments=[None if region is None else region.segment], kind=PARENCHYMA)
        voxels[:, healthy] += voxels[:, [row]]
        voxels[:, row] = 0.0
    return np.asarray(voxels)


def _voxel_ml(grid: RegionGrid) -> NDArray[np.float64]:
    """Return the volume of one voxel of each region, (n_regions,) mL; 0 for a region without any."""
    return grid.ml / np.maximum(grid.counts, 1)


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
    from flrsim.kernels.clearance import least_margins

    margins = np.asarray(margins_mm, dtype=np.float64)
    below = np.maximum(margins - SLOPE_STEP_MM, 0.0)
    asked = np.concatenate([margins, below, margins + SLOPE_STEP_MM])
    step = sampling(grid, lesion)
    # Of a voxel whose middle lies beyond the margin a part may lie within.
    largest = float(asked.max(initial=0.0)) + float(np.linalg.norm(grid.spacing_mm * step))
    direction, depth = way_out(grid, lesion)
    corners = in_axes(grid, lesion.surface[0])
    middle = 0.5 * (corners.min(axis=0) + corners.max(axis=0))
    size = float(np.sqrt(((corners - middle) ** 2).sum(axis=1).max()))
    radius = size + largest + 2.0 * float(grid.spacing_mm.max())
    # Everything a wedge can reach: the ball that holds lesion and margin, moved along the way out to the capsule.
    end = middle + direction * (depth + 2 * radius)
    box = box_around(grid, np.minimum(middle, end) - radius, np.maximum(middle, end) + radius)
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
    voxels = _around(part, lesion, field, asked) - _around(part, lesion, distance, np.zeros(1))
    counted = grid.ids(segments=grid.segments, kind=PARENCHYMA)
    ml = voxels[:, counted] @ _voxel_ml(grid)[counted] * float(np.prod(step))
    at, low, high = np.split(np.maximum(ml, 0.0), 3)
    return Clearance(margins, at, (high - low) / (margins + SLOPE_STEP_MM - below))
