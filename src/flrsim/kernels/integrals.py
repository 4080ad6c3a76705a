"""Volumes, moments, areas and contacts of every region of a labelled interface mesh, in one pass over its faces.

A face adds to one pair of regions: what it adds is computed for a block of faces at a time, in arrays short enough to stay in
the nearest cache and simple enough for vector instructions, and summed along runs of faces of one pair. Faces are cut into
chunks by their number alone; each chunk is summed in face order and the chunks in theirs, so that the digits depend
neither on the number of threads nor on the names of the regions.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flrsim.kernels import kernel

Float = NDArray[np.float64]

# A block's coordinates and terms take 20 KB: they stay in the first cache of any processor of the last ten years.
BLOCK = 128
# Fewer faces than this are summed sooner than a second thread starts.
THREADS_FROM = 100_000
CHUNK = 16_384
# More chunks than this only cost time; fewer would leave processors idle.
CHUNKS = 64


@kernel
def _gather(points, faces, start, n, corner, origin, x, y, z):
    """Put one corner of `n` faces into x, y and z, as seen from the origin."""
    for i in range(n):
        # An unsigned index spares the test for a negative one.
        p = np.uint64(faces[start + i, corner])
        x[i] = points[p, 0] - origin[0]
        y[i] = points[p, 1] - origin[1]
        z[i] = points[p, 2] - origin[2]


@kernel
def sum_first(points, faces, sides, first, last, origin, row_of):
    """Return what the faces `first` … `last` add for each pair of sides, in the order in which pairs are met.

    points : (n, 3); faces : (m, 3 or 4); sides : (m, 2) uint16; origin : (3,), near the mesh; row_of : (n_regions,
    n_regions) int32 of zeros, given back so. A quad is its two triangles (0, 1, 2) and (0, 2, 3).

    Returns pairs (k, 2) and sums (k, 8): 6 × volume, 2 × area vector, 2 × area, 24 × first moment of volume.
    """
    room = min(last - first, row_of.shape[0] * row_of.shape[1])
    pairs = np.empty((room, 2), np.uint16)
    sums = np.empty((room, 8), np.float64)
    n_pairs = 0
    ax, ay, az = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    bx, by, bz = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    cx, cy, cz = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    dx, dy, dz = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    t0, t1, t2, t3 = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    t4, t5, t6, t7 = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    for start in range(first, last, BLOCK):
        n = min(BLOCK, last - start)
        _gather(points, faces, start, n, 0, origin, ax, ay, az)
        _gather(points, faces, start, n, 1, origin, bx, by, bz)
        _gather(points, faces, start, n, 2, origin, cx, cy, cz)
        if faces.shape[1] == 4:
            # The two triangles share the diagonal from corner 0 to corner 2, and their tetrahedra its corner.
            _gather(points, faces, start, n, 3, origin, dx, dy, dz)
            for i in range(n):
                x, y, z = ax[i], ay[i], az[i]
                ux, uy, uz = bx[i] - x, by[i] - y, bz[i] - z
                ex, ey, ez = cx[i] - x, cy[i] - y, cz[i] - z
                wx, wy, wz = dx[i] - x, dy[i] - y, dz[i] - z
                px, py, pz = uy * ez - uz * ey, uz * ex - ux * ez, ux * ey - uy * ex
                qx, qy, qz = ey * wz - ez * wy, ez * wx - ex * wz, ex * wy - ey * wx
                v = x * px + y * py + z * pz
                w = x * qx + y * qy + z * qz
                t0[i] = v + w
                t1[i] = px + qx
                t2[i] = py + qy
                t3[i] = pz + qz
                t4[i] = np.sqrt(px * px + py * py + pz * pz) + np.sqrt(qx * qx + qy * qy + qz * qz)
                t5[i] = (v + w) * (x + cx[i]) + v * bx[i] + w * dx[i]
                t6[i] = (v + w) * (y + cy[i]) + v * by[i] + w * dy[i]
                t7[i] = (v + w) * (z + cz[i]) + v * bz[i] + w * dz[i]
        else:
            for i in range(n):
                x, y, z = ax[i], ay[i], az[i]
                ux, uy, uz = bx[i] - x, by[i] - y, bz[i] - z
                ex, ey, ez = cx[i] - x, cy[i] - y, cz[i] - z
                px, py, pz = uy * ez - uz * ey, uz * ex - ux * ez, ux * ey - uy * ex
                v = x * px + y * py + z * pz
                t0[i] = v
                t1[i] = px
                t2[i] = py
                t3[i] = pz
                t4[i] = np.sqrt(px * px + py * py + pz * pz)
                t5[i] = v * (x + bx[i] + cx[i])
                t6[i] = v * (y + by[i] + cy[i])
                t7[i] = v * (z + bz[i] + cz[i])
        i = 0
        while i < n:
            left, entered = sides[start + i, 0], sides[start + i, 1]
            row = row_of[left, entered] - 1
            if row < 0:
                row = n_pairs
                sums[row] = 0.0
                pairs[row, 0], pairs[row, 1] = left, entered
                n_pairs += 1
                row_of[left, entered] = n_pairs
            # A run's own sum first: adding few large numbers to the pair's keeps more digits than many small ones.
            s0, s1, s2, s3, s4, s5, s6, s7 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            while i < n and sides[start + i, 0] == left and sides[start + i, 1] == entered:
                s0 += t0[i]
                s1 += t1[i]
                s2 += t2[i]
                s3 += t3[i]
                s4 += t4[i]
                s5 += t5[i]
                s6 += t6[i]
                s7 += t7[i]
                i += 1
            sums[row, 0] += s0
            sums[row, 1] += s1
            sums[row, 2] += s2
            sums[row, 3] += s3
            sums[row, 4] += s4
            sums[row, 5] += s5
            sums[row, 6] += s6
            sums[row, 7] += s7
    for row in range(n_pairs):
        row_of[pairs[row, 0], pairs[row, 1]] = 0
    return pairs[:n_pairs].copy(), sums[:n_pairs].copy()


@kernel
def sum_second(points, faces, sides, first, last, origin, row_of):
    """Return 120 × the second moments of volume of each pair of sides: arguments and order as in `sum_first`.

    Returns pairs (k, 2) and sums (k, 6): xx, yy, zz, xy, xz, yz.
    """
    room = min(last - first, row_of.shape[0] * row_of.shape[1])
    pairs = np.empty((room, 2), np.uint16)
    sums = np.empty((room, 6), np.float64)
    n_pairs = 0
    ax, ay, az = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    bx, by, bz = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    cx, cy, cz = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    t0, t1, t2 = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    t3, t4, t5 = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    for start in range(first, last, BLOCK):
        n = min(BLOCK, last - start)
        _gather(points, faces, start, n, 0, origin, ax, ay, az)
        for corner in range(1, faces.shape[1] - 1):
            _gather(points, faces, start, n, corner, origin, bx, by, bz)
            _gather(points, faces, start, n, corner + 1, origin, cx, cy, cz)
            for i in range(n):
                px, py, pz = ax[i], ay[i], az[i]
                qx, qy, qz = bx[i], by[i], bz[i]
                rx, ry, rz = cx[i], cy[i], cz[i]
                v = px * (qy * rz - qz * ry) + py * (qz * rx - qx * rz) + pz * (qx * ry - qy * rx)
                sx, sy, sz = px + qx + rx, py + qy + ry, pz + qz + rz
                t0[i] = v * (px * px + qx * qx + rx * rx + sx * sx)
                t1[i] = v * (py * py + qy * qy + ry * ry + sy * sy)
                t2[i] = v * (pz * pz + qz * qz + rz * rz + sz * sz)
                t3[i] = v * (px * py + qx * qy + rx * ry + sx * sy)
                t4[i] = v * (px * pz + qx * qz + rx * rz + sx * sz)
                t5[i] = v * (py * pz + qy * qz + ry * rz + sy * sz)
            for i in range(n):
                left, entered = sides[start + i, 0], sides[start + i, 1]
                row = row_of[left, entered] - 1
                if row < 0:
                    row = n_pairs
                    sums[row] = 0.0
                    pairs[row, 0], pairs[row, 1] = left, entered
                    n_pairs += 1
                    row_of[left, entered] = n_pairs
                sums[row, 0] += t0[i]
                sums[row, 1] += t1[i]
                sums[row, 2] += t2[i]
                sums[row, 3] += t3[i]
                sums[row, 4] += t4[i]
                sums[row, 5] += t5[i]
    for row in range(n_pairs):
        row_of[pairs[row, 0], pairs[row, 1]] = 0
    return pairs[:n_pairs].copy(), sums[:n_pairs].copy()


@kernel
def add_to_regions(pairs, sums, totals):
    """Add sums of pairs (k, w) to the region that faces leave, and take them from the region they enter; totals (n_regions, w)."""
    for row in range(len(pairs)):
        left, entered = pairs[row, 0], pairs[row, 1]
        for k in range(sums.shape[1]):
            totals[left, k] += sums[row, k]
            totals[entered, k] -= sums[row, k]


@kernel
def add_contacts(pairs, sums, contact):
    """Add the areas in `sums` of `sum_first` to both places of each pair in the contact matrix."""
    for row in range(len(pairs)):
        left, entered = pairs[row, 0], pairs[row, 1]
        area = 0.5 * sums[row, 4]
        contact[left, entered] += area
        contact[entered, left] += area


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _chunks(
    sum_chunk: Callable[..., Any],
    points: NDArray[np.floating],
    faces: NDArray[np.integer],
    sides: NDArray[np.uint16],
    n_regions: int,
    origin: Float,
    threads: int | None,
) -> list[tuple[NDArray[np.uint16], Float]]:
    """Return pairs (k, 2) and their sums for each chunk of faces; `threads` None means all processors where that pays."""
    n_faces = len(faces)
    size = max(CHUNK, -(-n_faces // (CHUNKS * BLOCK)) * BLOCK)
    starts = range(0, max(n_faces, 1), size)
    if threads is None:
        threads = cores() if n_faces >= THREADS_FROM else 1
    workers = max(1, min(threads, len(starts)))

    def work(own: Sequence[int]) -> list[tuple[NDArray[np.uint16], Float]]:
        # Zeros that are never touched take no memory.
        row_of = np.zeros((n_regions, n_regions), np.int32)
        return [
            sum_chunk(points, faces, sides, first, min(first + size, n_faces), origin, row_of)
            for first in own
        ]

    if workers == 1:
        return work(starts)
    shares = [starts[w * len(starts) // workers : (w + 1) * len(starts) // workers] for w in range(workers)]
    with ThreadPoolExecutor(workers) as pool:
        return [chunk for share in pool.map(work, shares) for chunk in share]


def integrate(
    points: NDArray[np.floating],
    faces: NDArray[np.integer],
    sides: NDArray[np.uint16],
    n_regions: int,
    origin: Float,
    threads: int | None = None,
) -> tuple[Float, Float, Float, Float]:
    """Return what one pass over the faces gives for every region.

    points : (n, 3) float32 or float64; faces : (m, 3 or 4) int32 or int64; sides : (m, 2) uint16; origin : (3,) float64, near
    the mesh. A quad is its two triangles (0, 1, 2) and (0, 2, 3). Sums are float64, with the same digits for any number of threads.

    Returns volume (n_regions,), first moment of volume about `origin` (n_regions, 3), area vector (n_regions,
    3) and the contact area matrix (n_regions, n_regions), symmetric; units follow the points.
    """
    totals, contact = np.zeros((n_regions, 8)), np.zeros((n_regions, n_regions))
    # Chunk after chunk, pair after pair in the order they were met, which no thread and no name of a region changes.
    for pairs, sums in _chunks(sum_first, points, faces, sides, n_regions, origin, threads):
        add_to_regions(pairs, sums, totals)
        add_contacts(pairs, sums, contact)
    return totals[:, 0] / 6.0, totals[:, 5:8] / 24.0, 0.5 * totals[:, 1:4], contact


def integrate_second(
    points: NDArray[np.floating],
    faces: NDArray[np.integer],
    sides: NDArray[np.uint16],
    n_regions: int,
    origin: Float,
    threads: int | None = None,
) -> Float:
    """Return the second moments of volume ∫ x xᵀ dV of every region about `origin`, (n_regions, 3, 3).

    Arguments as for `integrate`; the unit is the points' to the fifth power.
    """
    totals = np.zeros((n_regions, 6))
    for pairs, sums in _chunks(sum_second, points, faces, sides, n_regions, origin, threads):
        add_to_regions(pairs, sums, totals)
    return np.asarray(totals[:, [[0, 3, 4], [3, 1, 5], [4, 5, 2]]] / 120.0)
