"""The cut surface of an operation and the parts of what stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from flrsim.grid import Pieces
from flrsim.meshing import Wall, wall_between
from flrsim.resection.margin import Cloud

FRAGMENT_ML = 1.0
"""Smaller loose parts of a remnant are voxels at its rim, not fragments."""


@dataclass(frozen=True)
class Part:
    """A separate part of what stays.

    Attributes
    ----------
    ml : its volume.
    centre_mm : its centre of volume, LPS.
    segments : its volume by segment, mL.
    """

    ml: float
    centre_mm: tuple[float, float, float]
    segments: Mapping[str, float]


@dataclass(frozen=True)
class Cut:
    """The cut surface of one operation and the parts of what stays.

    Attributes
    ----------
    wall : the smoothed surface between specimen (beyond its faces' normals) and what stays.
    area_by_segment_cm2 : its area by the segment that stays behind it.
    parts : the separate parts of what stays of at least `FRAGMENT_ML`, the largest first.
    """

    wall: Wall
    area_by_segment_cm2: Mapping[str, float]
    parts: tuple[Part, ...]

    @cached_property
    def cloud(self) -> Cloud:
        """The corners of the wall, for distances."""
        return Cloud(self.wall.points)


def cut_between(pieces: Pieces, goes: NDArray[np.bool_], stays: NDArray[np.bool_]) -> Cut:
    """Return the cut between pieces that go and pieces that stay, and the separate parts of what stays."""
    painted = _painted(pieces, stays, goes)
    wall = wall_between(painted, pieces.grid.affine)
    grid = pieces.grid
    behind = grid.segment_labels.reshape(-1)[wall.voxels[:, 0]]
    area = np.bincount(behind, weights=wall.face_cm2, minlength=len(grid.segments) + 1)
    return Cut(
        wall,
        {s: float(a) for s, a in zip(grid.segments, area[1:], strict=True) if a > 0},
        separate_parts(pieces, stays, painted == 1),
    )


def living_beside(pieces: Pieces, zone: NDArray[np.bool_], stays: NDArray[np.bool_]) -> Cloud:
    """Return the centres of the voxels that stay beside a zone that is destroyed.

    A margin is complete when none of them is nearer to the lesion. The smoothed wall of so small a zone lies up
    to half a voxel's diagonal too far in.
    """
    grid = pieces.grid
    beside = np.unique(wall_between(_painted(pieces, stays, zone), grid.affine).voxels[:, 0])
    index = np.stack(np.unravel_index(beside, grid.regions.shape), axis=1)
    return Cloud(grid.world(index.astype(np.float64)))


def _painted(pieces: Pieces, one: NDArray[np.bool_], other: NDArray[np.bool_]) -> NDArray[np.uint8]:
    label = np.zeros(len(one), dtype=np.uint8)
    label[one] = 1
    label[other] = 2
    return np.asarray(pieces.paint(label), dtype=np.uint8)


def separate_parts(pieces: Pieces, stays: NDArray[np.bool_], painted: NDArray[np.bool_]) -> tuple[Part, ...]:
    """Return the separate parts of what stays, the largest first; smaller ones than `FRAGMENT_ML` are left out.

    Two parts are one when a bridge of at least two by two voxels, face to face, joins them: a thinner one
    carries nothing. All voxels are judged.
    """
    from flrsim.kernels.parts import part_sums, parts_by_bridge

    grid = pieces.grid
    part_of = parts_by_bridge(painted)
    n_parts = int(part_of.max()) + 1
    counts, index = part_sums(part_of, grid.regions, n_parts, len(grid.table))
    sizes = counts.astype(np.float64)
    _share_crossed(sizes, pieces, stays, part_of.reshape(-1))
    ml = sizes * np.divide(grid.ml, grid.counts, out=np.zeros(len(grid.ml)), where=grid.counts > 0)
    total = ml.sum(axis=1)
    order = [int(p) for p in np.argsort(-total, kind="stable") if total[p] >= FRAGMENT_ML]
    out = []
    for p in order:
        centre = grid.world(index[p][None] / counts[p].sum())[0]
        by = {s: float(ml[p, grid.ids(segments=[s])].sum()) for s in grid.segments}
        out.append(
            Part(
                float(total[p]),
                (float(centre[0]), float(centre[1]), float(centre[2])),
                {s: v for s, v in by.items() if v > 0},
            )
        )
    return tuple(out)


def _share_crossed(
    sizes: NDArray[np.float64], pieces: Pieces, stays: NDArray[np.bool_], part_of: NDArray[np.int32]
) -> None:
    """Correct the sizes of parts, (n_parts, n_regions) voxels, for voxels that a cut crosses; in place.

    A voxel whose centre went and that stays in part lends that to a part beside it.
    """
    parts = pieces.parts
    change = parts.share * (stays[parts.piece].astype(np.float64) - stays[pieces.piece_of[parts.of]])
    crossed = np.flatnonzero(change)
    voxel = pieces.voxels[parts.of[crossed]]
    owner = part_of[voxel]
    shape = pieces.grid.regions.shape
    for stride in (shape[1] * shape[2], shape[2], 1):
        for step in (-stride, stride):
            beside = part_of[np.clip(voxel + step, 0, len(part_of) - 1)]
            owner = np.where(owner > 0, owner, beside)
    region = pieces.region[parts.piece[crossed]]
    np.add.at(sizes, (owner, region), np.where(owner > 0, change[crossed], 0.0))
