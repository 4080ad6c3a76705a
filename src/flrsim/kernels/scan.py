"""Interface mesh to label grid: all regions at once, with leaks counted.

Every column of voxel centres is a line along z. Where it crosses a face from one region to another, the
step between their labels is added to the first voxel beyond; the running sum of the steps is the label of
every voxel. A column that leaves the mesh in another region than it entered has crossed a hole.

Which faces a column crosses is decided on whole numbers: points are snapped to 1/65536 of a voxel, so that the
side of an edge on which a column passes is exact and the same for both faces that share it. A column exactly
on an edge or a point counts as moved by (ε, ε²).
"""

from __future__ import annotations

import numpy as np

from flrsim.kernels import kernel
from flrsim.kernels.words import load_word

FRACTION_BITS = 16


@kernel
def snap(points, to_voxel, height, snapped, cells, start, stop):
    """Write where points start … stop - 1 lie in the grid; return the farthest |x| or |y|, in voxels.

    points : (n, 3) float64; to_voxel : (3 or 4, 4) float64, to voxel units: voxel (i, j, k) has its centre at
    (i, j, k).
    height : (n,) float64, z; snapped : (n, 2) int32, x and y in 1/65536 voxel, right within ±8192 voxels;
    cells : (n, 2) int32, the first column at or above x and y.
    """
    one = np.float64(1 << FRACTION_BITS)
    farthest = 0.0
    for p in range(start, stop):
        x, y, z = points[p, 0], points[p, 1], points[p, 2]
        height[p] = to_voxel[2, 0] * x + to_voxel[2, 1] * y + to_voxel[2, 2] * z + to_voxel[2, 3]
        for d in range(2):
            at = to_voxel[d, 0] * x + to_voxel[d, 1] * y + to_voxel[d, 2] * z + to_voxel[d, 3]
            farthest = max(farthest, abs(at))
            whole = np.int64(np.floor(at * one + 0.5))
            snapped[p, d] = whole
            cells[p, d] = (whole + (1 << FRACTION_BITS) - 1) >> FRACTION_BITS
    return farthest


@kernel
def _beside(px, py, qx, qy, x, y):
    """Return whether (x, y), moved by (ε, ε²), lies to the left of the edge from p to q; exact."""
    dx = qx - px
    dy = qy - py
    e = dx * (y - py) - dy * (x - px)
    if e == 0:
        e = -dy
        if e == 0:
            e = dx
    return e > 0


@kernel
def _add_triangle(height, snapped, cells, p, q, r, left, entered, first, last, labels, beyond):
    """Add the steps of one triangle to the columns first … last - 1 along x that cross it."""
    _, ny, nz = labels.shape
    i0 = max(min(cells[p, 0], cells[q, 0], cells[r, 0]), first)
    i1 = min(max(cells[p, 0], cells[q, 0], cells[r, 0]), last)
    j0 = max(min(cells[p, 1], cells[q, 1], cells[r, 1]), 0)
    j1 = min(max(cells[p, 1], cells[q, 1], cells[r, 1]), ny)
    if i0 >= i1 or j0 >= j1:
        return
    ax, ay = np.int64(snapped[p, 0]), np.int64(snapped[p, 1])
    bx, by = np.int64(snapped[q, 0]), np.int64(snapped[q, 1])
    cx, cy = np.int64(snapped[r, 0]), np.int64(snapped[r, 1])
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    if area == 0:
        return
    az = height[p]
    # Modulo 2**16, so that "leave region a, enter region b" needs no sign.
    step = np.uint16((entered - left) & 0xFFFF) if area > 0 else np.uint16((left - entered) & 0xFFFF)
    rise_b = (height[q] - az) / np.float64(area)
    rise_c = (height[r] - az) / np.float64(area)
    for i in range(i0, i1):
        x = i << FRACTION_BITS
        for j in range(j0, j1):
            y = j << FRACTION_BITS
            side = _beside(ax, ay, bx, by, x, y)
            if side != _beside(bx, by, cx, cy, x, y) or side != _beside(cx, cy, ax, ay, x, y):
                continue
            # Twice the areas of the two corners' opposite triangles are their weights.
            weight_b = np.float64((x - ax) * (cy - ay) - (y - ay) * (cx - ax))
            weight_c = np.float64((bx - ax) * (y - ay) - (by - ay) * (x - ax))
            z = az + (weight_b * rise_b + weight_c * rise_c)
            k = np.int64(np.floor(z)) + 1
            beyond[i, j, 0] = 1
            if k >= nz:
                beyond[i, j, 1] += step
            else:
                labels[i, j, max(k, 0)] += step


@kernel
def scan_columns(height, snapped, cells, faces, sides, n_regions, labels, beyond, first, last):
    """Write the regions of the voxel centres of columns first … last - 1 along x; return how many columns leak.

    height, snapped, cells : from `snap`.
    faces : (m, 3 or 4) int64; sides : (m, 2) uint16.
    labels : (nx, ny, nz) uint16, zeros; beyond : (nx, ny, 2) uint16, zeros; both are written.
    A column leaks when its crossings do not cancel or give a label that is no region: the mesh is open there
    or wound inconsistently.
    """
    _, ny, nz = labels.shape
    flat = labels.reshape(-1)
    for f in range(faces.shape[0]):
        p, q, r = np.uint64(faces[f, 0]), np.uint64(faces[f, 1]), np.uint64(faces[f, 2])
        s = np.uint64(faces[f, faces.shape[1] - 1])
        low = min(cells[p, 0], cells[q, 0], cells[r, 0], cells[s, 0])
        high = max(cells[p, 0], cells[q, 0], cells[r, 0], cells[s, 0])
        # Most faces are smaller than a voxel and lie between two columns.
        if low == high or high <= first or low >= last:
            continue
        j = cells[p, 1]
        if j == cells[q, 1] and j == cells[r, 1] and j == cells[s, 1]:
            continue
        left, entered = np.int64(sides[f, 0]), np.int64(sides[f, 1])
        _add_triangle(height, snapped, cells, p, q, r, left, entered, first, last, labels, beyond)
        if faces.shape[1] == 4:
            _add_triangle(height, snapped, cells, p, r, s, left, entered, first, last, labels, beyond)
    leaks = 0
    for i in range(first, last):
        for j in range(ny):
            if beyond[i, j, 0] == 0:
                continue
            column = labels[i, j]
            base = (i * ny + j) * nz
            total = np.uint16(0)
            wrong = False
            since = 0
            k = 0
            while k < nz:
                # Four voxels at a time: steps are few, and between them the label stays.
                if k + 4 <= nz and load_word(flat, base + k) == 0:
                    k += 4
                    continue
                step = column[k]
                if step != 0:
                    for t in range(since, k):
                        column[t] = total
                    total = np.uint16(total + step)
                    wrong |= total >= n_regions
                    since = k
                k += 1
            for t in range(since, nz):
                column[t] = total
            if wrong or np.uint16(total + beyond[i, j, 1]) != 0:
                leaks += 1
    return leaks
