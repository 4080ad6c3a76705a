"""How far a lesion that is cut through would have to shrink to go whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from flrsim.grid import Pieces

if TYPE_CHECKING:
    from flrsim.staging.operations import Operation

STEPS = 100
"""Sizes looked at: a lesion shrinks to its centre in steps of one hundredth of its diameter."""


def clears_at(
    pieces: Pieces, own: NDArray[np.bool_], operations: Sequence[Operation]
) -> tuple[float | None, int | None]:
    """Return the share of its diameter at which a lesion goes whole with one operation, and which.

    The lesion keeps its shape and shrinks towards its centre. At the share that is returned, and at every smaller
    one, all of it lies in what one operation takes out, or all in what one ablates; both are None when its centre
    stays.

    Parameters
    ----------
    own : (n_pieces,) bool, the pieces of the lesion.
    """
    from scipy.ndimage import binary_erosion

    grid = pieces.grid
    shape = grid.regions.shape
    index = np.column_stack(np.unravel_index(pieces.voxels[own[pieces.piece_of]], shape))
    centre = index.mean(axis=0)
    low, high = index.min(axis=0), index.max(axis=0) + 1
    # Whatever size it has, the lesion stays in its own box.
    tissue = grid.regions[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] != 0
    flat = np.ravel_multi_index(tuple((np.argwhere(tissue) + low).T), shape)
    piece = np.full(tissue.shape, -1, dtype=np.int64)
    piece[tissue] = pieces.piece_of[np.searchsorted(pieces.voxels, flat)]
    at_centre = piece[tuple(np.rint(centre).astype(np.int64) - low)]
    for operation in operations:
        for way in (operation.goes & ~operation.ablates, operation.ablates):
            if at_centre < 0 or not way[at_centre]:
                continue
            # Between two tissues there may be a gap without any; nothing of the lesion would stay there.
            stops = np.where(piece < 0, False, ~way[piece])
            lesion = np.zeros(tissue.shape, dtype=np.bool_)
            lesion[tuple((index - low).T)] = True
            # Its inner voxels pass where its surface has been at a smaller size.
            rim = np.argwhere(lesion & ~binary_erosion(lesion)) - (centre - low)
            share = _largest(stops, centre - low, rim)
            return (share, operation.stage) if share > 0 else (None, None)
    return None, None


def _largest(stops: NDArray[np.bool_], centre: NDArray[np.float64], rim: NDArray[np.float64]) -> float:
    """Return the largest share up to which no voxel of the shrunken surface lies where it must not."""
    share = 0.0
    for step in range(1, STEPS + 1):
        at = np.rint(centre + step / STEPS * rim).astype(np.int64)
        if stops[tuple(at.T)].any():
            break
        share = step / STEPS
    return share
