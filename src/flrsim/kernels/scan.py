"""Interface mesh to label grid: all regions at once, with leaks counted."""

from __future__ import annotations

import numpy as np

from flrsim.kernels import kernel


@kernel
def _edge(points, p, q, x, y):
    """Return the side of edge p → q on which (x, y) lies, +1 or -1, the same for both its triangles.

    The lower vertex goes first; a point on the line counts as moved by (ε, ε²), so every column crosses each
    wall once.
    """
    sign = 1.0
    if q < p:
        p, q = q, p
        sign = -1.0
    dx = points[q, 0] - points[p, 0]
    dy = points[q, 1] - points[p, 1]
    e = dx * (y - points[p, 1]) - dy * (x - points[p, 0])
    if e == 0.0:
        e = -dy
        if e == 0.0:
            e = dx
    return sign if e > 0.0 else -sign


@kernel
def scan_convert(points, faces, sides, nx, ny, nz):
    """Return the region of each voxel centre and the number of columns that leak.

    points : (n, 3) float64 in voxel units: voxel (i, j, k) has its centre at (i, j, k).
    faces : (m, 3 or 4) int64; sides : (m, 2) uint16.
    Returns labels (nx, ny, nz) uint16 and leaks, the number of columns whose crossings do not cancel: an open
    or inconsistently wound mesh.
    """
    # Steps are summed modulo 2**16, so that "leave region a, enter region b" needs no sign.
    steps = np.zeros((nx, ny, nz + 1), np.uint16)
    for f in range(faces.shape[0]):
        for t in range(faces.shape[1] - 2):
            p, q, r = faces[f, 0], faces[f, t + 1], faces[f, t + 2]
            ax, ay, az = points[p, 0], points[p, 1], points[p, 2]
            bx, by, bz = points[q, 0], points[q, 1], points[q, 2]
            cx, cy, cz = points[r, 0], points[r, 1], points[r, 2]
            normal_z = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
            if normal_z == 0.0:
                continue
            i0 = max(np.int64(np.ceil(min(ax, bx, cx))), 0)
            i1 = min(np.int64(np.floor(max(ax, bx, cx))), nx - 1)
            j0 = max(np.int64(np.ceil(min(ay, by, cy))), 0)
            j1 = min(np.int64(np.floor(max(ay, by, cy))), ny - 1)
            if normal_z > 0.0:
                below, above = sides[f, 0], sides[f, 1]
            else:
                below, above = sides[f, 1], sides[f, 0]
            step = np.uint16((np.int64(above) - np.int64(below)) & 0xFFFF)
            normal_x = (by - ay) * (cz - az) - (bz - az) * (cy - ay)
            normal_y = (bz - az) * (cx - ax) - (bx - ax) * (cz - az)
            for i in range(i0, i1 + 1):
                for j in range(j0, j1 + 1):
                    s = _edge(points, p, q, float(i), float(j))
                    if s != _edge(points, q, r, float(i), float(j)):
                        continue
                    if s != _edge(points, r, p, float(i), float(j)):
                        continue
                    z = az - (normal_x * (i - ax) + normal_y * (j - ay)) / normal_z
                    k = np.int64(np.floor(z)) + 1
                    k = min(max(k, 0), nz)
                    steps[i, j, k] = np.uint16((np.int64(steps[i, j, k]) + np.int64(step)) & 0xFFFF)
    labels = np.zeros((nx, ny, nz), np.uint16)
    leaks = 0
    for i in range(nx):
        for j in range(ny):
            total = np.int64(0)
            for k in range(nz):
                total = (total + np.int64(steps[i, j, k])) & 0xFFFF
                labels[i, j, k] = np.uint16(total)
            if (total + np.int64(steps[i, j, nz])) & 0xFFFF != 0:
                leaks += 1
    return labels, leaks
