"""Ablation zones: a lesion and its margin, destroyed where they lie; nothing is opened towards the capsule."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flrsim.case import Lesion
from flrsim.grid import RegionGrid
from flrsim.resection.wedge import margin_zone


def ablation_zone(grid: RegionGrid, lesion: Lesion, margin_mm: float) -> NDArray[np.bool_]:
    """Return the voxels an ablation destroys: the lesion and all tissue within the margin of its surface.

    Parameters
    ----------
    margin_mm : distance from the lesion's surface, mm; 0 or more.

    Returns
    -------
    (nx, ny, nz) bool
    """
    box, zone = margin_zone(grid, lesion, margin_mm)
    out = np.zeros(grid.regions.shape, dtype=np.bool_)
    out[box] = zone
    return out
