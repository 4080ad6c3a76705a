"""Volumes, moments, areas and contacts of every region of a labelled interface mesh, in one pass over its faces.

A face adds to one pair of regions: what it adds is computed for a block of faces at a time, in arrays short enough to stay in
the nearest cache and simple enough for vector instructions, and then added to the face's pair. Pairs are kept in the order in
which they are met: the digits do not depend on the names of the regions.
"""

from __future__ import annotations

import numpy as np

from flrsim.kernels import kernel

# A block's coordinates and terms take 20 KB: they stay in the first cache of any processor of the last ten years.
BLOCK = 128


@kernel
def bounds(points):
    """Return the low and the high corner of the box around points (n, 3), (2, 3); n is at least 1."""
    low_x, low_y, low_z = points[0, 0], points[0, 1], points[0, 2]
    high_x, high_y, high_z = low_x, low_y, low_z
    for i in range(len(points)):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        low_x, high_x = min(low_x, x), max(high_x, x)
        low_y, high_y = min(low_y, y), max(high_y, y)
        low_z, high_z = min(low_z, z), max(high_z, z)
    return np.array([[low_x, low_y, low_z], [high_x, high_y, high_z]], np.float64)


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
def sum_first(points, faces, sides, first, last, row_of, origin):
    """Return what the faces `first` … `last` add for each pair of sides, in the order in which pairs are met.

    points : (n, 3); faces : (m, 3 or 4); sides : (m, 2) uint16; row_of : (n_regions, n_regions) int32
    of zeros, given back so; origin : (3,), near the mesh. A quad is its two triangles (0, 1, 2) and (0, 2, 3).

    Returns pairs (k, 2) and sums (k, 8): 6 × volume, 2 × area vector, 2 × area, 24 × first moment of volume.
    """
    room = min(last - first, row_of.shape[0] * row_of.shape[1])
    pairs = np.empty((room, 2), np.uint16)
    sums = np.empty((room, 8), np.float64)
    rows = np.empty(BLOCK, np.int32)
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
        for i in range(n):
            left, entered = sides[start + i, 0], sides[start + i, 1]
            row = row_of[left, entered] - 1
            if row < 0:
                row = n_pairs
                sums[row] = 0.0
                pairs[row, 0], pairs[row, 1] = left, entered
                n_pairs += 1
                row_of[left, entered] = n_pairs
            rows[i] = row
        # Nets give runs of about two faces a pair: a loop that ended with each run would be guessed wrongly as often.
        for i in range(n):
            row = np.uint64(rows[i])
            sums[row, 0] += t0[i]
            sums[row, 1] += t1[i]
            sums[row, 2] += t2[i]
            sums[row, 3] += t3[i]
            sums[row, 4] += t4[i]
            sums[row, 5] += t5[i]
            sums[row, 6] += t6[i]
            sums[row, 7] += t7[i]
    for row in range(n_pairs):
        row_of[pairs[row, 0], pairs[row, 1]] = 0
    return pairs[:n_pairs].copy(), sums[:n_pairs].copy()


@kernel
def sum_second(points, faces, sides, first, last, row_of, origin):
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
    """Add sums of pairs (k, w) to the region that faces leave, and take them from the one they enter; totals (n_regions, w)."""
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
