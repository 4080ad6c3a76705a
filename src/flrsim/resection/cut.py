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
    from flrsim.kernels.parts import parts_by_bridge

    grid = pieces.grid
    part_of = parts_by_bridge(painted).reshape(-1)
    n_parts = int(part_of.max()) + 1
    # The share of each voxel that stays: its centre's piece less what lies in others, and its parts elsewhere.
    centre = stays[pieces.piece_of]
    weight = centre.astype(np.float64)
    parts = pieces.parts
    np.add.at(weight, parts.of, parts.share * (stays[parts.piece].astype(np.float64) - centre[parts.of]))
    owner = part_of[pieces.voxels]
    _lend(owner, part_of, pieces.voxels, np.flatnonzero((owner == 0) & (weight > 0)), grid.regions.shape)
    region = grid.regions.reshape(-1)[pieces.voxels].astype(np.int64)
    keep = owner > 0
    table = np.bincount(
        owner[keep] * len(grid.table) + region[keep],
        weights=weight[keep],
        minlength=n_parts * len(grid.table),
    ).reshape(n_parts, len(grid.table))
    counts = grid.counts
    ml = table * np.divide(grid.ml, counts, out=np.zeros(len(counts)), where=counts > 0)
    total = ml.sum(axis=1)
    order = [int(p) for p in np.argsort(-total, kind="stable") if total[p] >= FRAGMENT_ML]
    out = []
    for p in order:
        index = np.argwhere(part_of.reshape(grid.regions.shape) == p)
        centre_mm = grid.world(index.mean(axis=0, keepdims=True))[0]
        by = {s: float(ml[p, grid.ids(segments=[s])].sum()) for s in grid.segments}
        out.append(
            Part(
                float(total[p]),
                (float(centre_mm[0]), float(centre_mm[1]), float(centre_mm[2])),
                {s: v for s, v in by.items() if v > 0},
            )
        )
    return tuple(out)


def _lend(
    owner: NDArray[np.int32],
    part_of: NDArray[np.int32],
    voxels: NDArray[np.int64],
    asked: NDArray[np.int64],
    shape: tuple[int, ...],
) -> None:
    """Give voxels that stay only in part, and are painted as gone, to the part they lie beside; in place."""
    strides = (shape[1] * shape[2], shape[2], 1)
    for axis in range(3):
        for step in (-strides[axis], strides[axis]):
            beside = np.clip(voxels[asked] + step, 0, len(part_of) - 1)
            owner[asked] = np.where(owner[asked] > 0, owner[asked], part_of[beside])
