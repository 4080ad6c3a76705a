"""Distances: of voxels to the nearest labelled voxel."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

Box = tuple[slice, slice, slice]

THREADS = 2


def box_of(mask: NDArray[np.bool_]) -> Box | None:
    """Return the smallest box of a grid that holds every voxel of a mask; None when there is none."""
    from flrsim.kernels.labels import bounding_box

    box = bounding_box(np.ascontiguousarray(mask).view(np.uint8))
    if box[0, 0] < 0:
        return None
    x, y, z = (slice(int(a), int(b) + 1) for a, b in box.T)
    return x, y, z


def nearest_label(
    sources: NDArray[np.integer],
    spacing_mm: NDArray[np.float64],
    within: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return the label of the nearest labelled voxel of every voxel, and how far it is.

    Exact between voxel centres. Of labels at the same distance the lowest is taken; distances are the same when
    ``(Δx·sx)² + ((Δy·sy)² + (Δz·sz)²)`` is the same double. The digits do not depend on the number of threads.

    Parameters
    ----------
    sources : (nx, ny, nz) integers from 0; 0 is no source. With each voxel's own number as its label, the answer is
        the nearest voxel itself.
    spacing_mm : (3,) mm.
    within : (nx, ny, nz) bool, the voxels that are asked about; all when not given. Sources outside it count.

    Returns
    -------
    labels : (nx, ny, nz) int32; 0 where nothing was asked, or nothing is labelled.
    distance_mm : (nx, ny, nz); infinite there.
    """
    from flrsim.kernels.territory import nearest_across_slabs, nearest_in_slabs

    if sources.ndim != 3 or (within is not None and within.shape != sources.shape):
        shape = None if within is None else within.shape
        raise ValueError(
            f"sources are {sources.shape}, within is {shape}; both must be one (nx, ny, nz) grid"
        )
    spacing = np.ascontiguousarray(spacing_mm, dtype=np.float64)
    if spacing.shape != (3,) or not (np.isfinite(spacing) & (spacing > 0)).all():
        raise ValueError(f"spacing_mm is {spacing_mm}; three positive lengths in mm are needed")
    labels = np.zeros(sources.shape, dtype=np.int32)
    distance = np.full(sources.shape, np.inf)
    of_sources = box_of(sources != 0)
    asked = np.ones(sources.shape, dtype=np.bool_) if within is None else np.asarray(within, dtype=np.bool_)
    of_asked = box_of(asked)
    if of_sources is None or of_asked is None:
        return labels, distance
    part = sources[of_sources]
    if part.min() < 0 or part.max() > np.iinfo(np.int32).max:
        raise ValueError(f"labels run from {part.min()} to {part.max()}; they must be from 0 to 2147483647")
    part = np.ascontiguousarray(part, dtype=np.int32)
    asked = np.ascontiguousarray(asked[of_asked])
    low = np.array([a.start - s.start for a, s in zip(of_asked, of_sources, strict=True)])
    squared = np.zeros((part.shape[0], *asked.shape[1:]))
    of_slab = np.zeros(squared.shape, dtype=np.int32)
    filled = np.zeros(part.shape[0], dtype=np.bool_)
    seen = np.ascontiguousarray(asked.any(axis=0).T)
    in_threads(
        part.shape[0],
        lambda a, b: nearest_in_slabs(part, spacing, low[1:], seen, a, b, squared, of_slab, filled),
    )
    place = np.flatnonzero(filled)
    if len(place) < len(filled):
        squared, of_slab = squared[place], of_slab[place]
    out = labels[of_asked], distance[of_asked]
    in_threads(
        asked.shape[1],
        lambda a, b: nearest_across_slabs(squared, of_slab, place, spacing[0], low[0], asked, a, b, *out),
    )
    return labels, distance


def in_threads(n: int, work: Callable[[int, int], object]) -> None:
    """Call `work` on ranges (first, last + 1) that make up 0 … n, one a thread."""
    ends = [n * i // THREADS for i in range(THREADS + 1)]
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        list(pool.map(work, ends[:-1], ends[1:]))
