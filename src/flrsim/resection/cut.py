"""The cut surface of an operation and the parts of what stays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flrsim.grid import Pieces
from flrsim.meshing import wall_between
from flrsim.resection.margin import Cloud

FRAGMENT_ML = 1.0
"""Smaller loose parts of a remnant are voxels at its rim, not fragments."""


@dataclass(frozen=True)
class Cut:
    """The cut surface of one operation and the parts of what stays."""

    cloud: Cloud
    area_cm2: float
    remnant_pieces_ml: tuple[float, ...]


def cut_between(pieces: Pieces, goes: NDArray[np.bool_], stays: NDArray[np.bool_]) -> Cut:
    """Return the cut between pieces that go and pieces that stay, and the separate parts of what stays."""
    from scipy import ndimage

    label = np.zeros(len(goes), dtype=np.uint8)
    label[stays] = 1
    label[goes] = 2
    painted = np.asarray(pieces.paint(label), dtype=np.uint8)
    wall = wall_between(painted, pieces.grid.affine)
    # Separate parts are judged on every second voxel: a bridge thinner than two voxels carries nothing.
    found, _ = ndimage.label(painted[::2, ::2, ::2] == 1, structure=np.ones((3, 3, 3), dtype=int))
    voxel = 8.0 * abs(float(np.linalg.det(pieces.grid.affine[:3, :3]))) / 1000.0
    ml = np.sort(np.bincount(found.ravel())[1:] * voxel)[::-1]
    return Cut(Cloud(wall.points), wall.area_cm2, tuple(float(v) for v in ml if v >= FRAGMENT_ML))
