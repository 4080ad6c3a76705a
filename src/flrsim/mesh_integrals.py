"""Integrals of labelled meshes over all regions at once, by as many threads as pay and with the same digits for any number.

Faces are cut into chunks by their number alone. Each chunk is summed in face order, and the chunks are added in theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flrsim.threads import at_once, thread_count

Float = NDArray[np.float64]
Points = NDArray[np.floating]
Faces = NDArray[np.integer]
Sides = NDArray[np.uint16]

CHUNK = 16_384
CHUNKS = 64
"""At most: more would only cost time."""

THREADS_FROM = 100_000
"""Faces; fewer are summed sooner than a second thread starts."""

IN_PLANE = 1e-12
"""Of the mesh's size: a point nearer to a plane than this lies in it. Rounding moves heights by a thousandth of that."""


def _chunks(
    sum_chunk: Callable[..., Any],
    points: Points,
    faces: Faces,
    sides: Sides,
    n_regions: int,
    *rest: Any,
    threads: int | None,
) -> list[tuple[Sides, Float]]:
    """Return pairs of regions (k, 2) and their sums (k, w) for each chunk of faces."""
    size = max(CHUNK, -(-len(faces) // CHUNKS))
    pieces = [(first, min(first + size, len(faces))) for first in range(0, len(faces), size)]
    if threads is None:
        threads = thread_count() if len(faces) >= THREADS_FROM else 1

    def work(first: int, last: int) -> tuple[Sides, Float]:
        # Zeros that are never touched take no memory.
        row_of = np.zeros((n_regions, n_regions), np.int32)
        out: tuple[Sides, Float] = sum_chunk(points, faces, sides, first, last, row_of, *rest)
        return out

    return at_once(work, pieces, threads=threads)


def bounds(points: Points) -> Float:
    """Return the low and the high corner of the box around points (n, 3), (2, 3); zeros where there are none."""
    from flrsim.kernels.integrals import bounds as kernel

    return np.asarray(kernel(points)) if len(points) else np.zeros((2, 3))


def integrate(
    points: Points,
    faces: Faces,
    sides: Sides,
    n_regions: int,
    origin: Float,
    *,
    threads: int | None = None,
) -> tuple[Float, Float, Float, Float]:
    """Return what one pass over the faces gives for every region.

    Parameters
    ----------
    points : (n, 3) float32 or float64; sums are float64 for both.
    faces : (m, 3 or 4) int32 or int64; a quad is its two triangles (0, 1, 2) and (0, 2, 3).
    sides : (m, 2), the region each face's normal leaves and the one it enters.
    origin : (3,) near the mesh: volumes summed about a far one lose their digits.
    threads : None takes what pays.

    Returns
    -------
    volume (n_regions,), first moment of volume about `origin` (n_regions, 3), area vector (n_regions, 3) and the contact area
    matrix (n_regions, n_regions), symmetric; units follow the points.
    """
    from flrsim.kernels.integrals import add_contacts, add_to_regions, sum_first

    totals, contact = np.zeros((n_regions, 8)), np.zeros((n_regions, n_regions))
    for pairs, sums in _chunks(sum_first, points, faces, sides, n_regions, origin, threads=threads):
        add_to_regions(pairs, sums, totals)
        add_contacts(pairs, sums, contact)
    return totals[:, 0] / 6.0, totals[:, 5:8] / 24.0, 0.5 * totals[:, 1:4], contact


def integrate_second(
    points: Points,
    faces: Faces,
    sides: Sides,
    n_regions: int,
    origin: Float,
    *,
    threads: int | None = None,
) -> Float:
    """Return the second moments of volume ∫ x xᵀ dV of every region about `origin`, (n_regions, 3, 3).

    Arguments as for `integrate`; the unit is the points' to the fifth power.
    """
    from flrsim.kernels.integrals import add_to_regions, sum_second

    totals = np.zeros((n_regions, 6))
    for pairs, sums in _chunks(sum_second, points, faces, sides, n_regions, origin, threads=threads):
        add_to_regions(pairs, sums, totals)
    return np.asarray(totals[:, [[0, 3, 4], [3, 1, 5], [4, 5, 2]]] / 120.0)


def clip(
    points: Points,
    faces: Faces,
    sides: Sides,
    n_regions: int,
    middle: Float,
    foot: Float,
    normal: Float,
    eps: float,
    *,
    threads: int | None = None,
) -> tuple[Float, Float, Float, float]:
    """Return what a plane makes of every region.

    Parameters
    ----------
    points, faces, sides, n_regions, threads : as for `integrate`.
    middle : (3,) near the mesh.
    foot : (3,) the plane's point nearest to `middle`, as seen from it.
    normal : (3,) of length 1, from behind the plane to ahead of it.
    eps : a point nearer to the plane than this lies in it.

    Returns
    -------
    volume behind and ahead (n_regions,), area of the plane with the region on both sides of it (n_regions,), 0 for region 0,
    and the area of faces in the plane with different regions, neither of them 0, on their sides.
    """
    from flrsim.kernels.clip import sum_clip
    from flrsim.kernels.integrals import add_to_regions

    totals = np.zeros((n_regions, 5))
    in_plane = np.zeros(n_regions)
    walls = 0.0
    for pairs, sums in _chunks(
        sum_clip, points, faces, sides, n_regions, middle, foot, normal, eps, threads=threads
    ):
        add_to_regions(pairs, sums, totals)
        # Where a region's own face lies in the plane, the region is on one side only and nothing of it is cut.
        np.add.at(in_plane, pairs[:, 0], sums[:, 3])
        np.add.at(in_plane, pairs[:, 1], sums[:, 4])
        walls += 0.5 * float(sums[(pairs > 0).all(axis=1), 3:5].sum())
    section = 0.5 * (totals[:, 2] - in_plane)
    section[0] = 0.0
    return totals[:, 0] / 6.0, totals[:, 1] / 6.0, section, walls


def clip_cells(
    points: Points,
    faces: Faces,
    sides: Sides,
    n_regions: int,
    middle: Float,
    feet: Float,
    normals: Float,
    eps: float,
) -> Float:
    """Return each region's volume in each cell of several planes, (2^k, n_regions); bit j of a cell: ahead of plane j.

    Arguments as for `clip`, with `feet` and `normals` (k, 3).
    """
    from flrsim.kernels.clip import clip_cells as kernel

    return np.asarray(kernel(points, faces, sides, n_regions, middle, feet, normals, eps))
