"""Columns of rays through a labelled mesh: where its faces contradict each other about the region between them."""

from __future__ import annotations

import numpy as np

from flrsim.kernels import kernel


@kernel
def _side_of_edge(points, p, q, x, y):
    """Return the side of edge p → q on which (x, y) lies, +1 or -1, the same for both its triangles."""
    sign = 1.0
    if q < p:
        p, q = q, p
        sign = -1.0
    dx = points[q, 0] - points[p, 0]
    dy = points[q, 1] - points[p, 1]
    e = dx * (y - points[p, 1]) - dy * (x - points[p, 0])
    if e == 0.0:
        # A ray through an edge counts as moved by (ε, ε²).
        e = -dy
        if e == 0.0:
            e = dx
    return sign if e > 0.0 else -sign


@kernel
def _hits(points, p, q, r, x, y):
    """Return whether the ray at (x, y) passes through a triangle that is not on edge."""
    s = _side_of_edge(points, p, q, x, y)
    return s == _side_of_edge(points, q, r, x, y) and s == _side_of_edge(points, r, p, x, y)


@kernel
def contested(points, triangles, sides, n_regions, nx, ny):
    """Return the length of rays on which the face below and the face above name different regions.

    points : (n, 3) float64, x and y in columns: ray (i, j) runs along z at x = i, y = j; triangles : (m, 3) int64;
    sides : (m, 2) uint16. A ray is cut by the faces it meets; a piece is contested when the face at its lower end
    enters another region than the face at its upper end leaves. Before the first and after the last face is outside.

    Returns length (n_regions,) contested by each region, in units of z; met, the number of rays that meet a face; leaks,
    of these whose first or last face borders no outside; worst (4,), x, y, z and length of the longest contested piece; leak (3,), place of the first
    leak.
    """
    m = triangles.shape[0]
    start = np.zeros(nx * ny + 1, np.int64)
    at = start[:-1].copy()
    z_of = np.empty(0, np.float64)
    face_of = np.empty(0, np.int64)
    for fill in range(2):
        if fill == 1:
            for k in range(1, start.size):
                start[k] += start[k - 1]
            z_of = np.empty(start[-1], np.float64)
            face_of = np.empty(start[-1], np.int64)
            at = start[:-1].copy()
        for t in range(m):
            p, q, r = triangles[t, 0], triangles[t, 1], triangles[t, 2]
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
            normal_x = (by - ay) * (cz - az) - (bz - az) * (cy - ay)
            normal_y = (bz - az) * (cx - ax) - (bx - ax) * (cz - az)
            for i in range(i0, i1 + 1):
                for j in range(j0, j1 + 1):
                    if not _hits(points, p, q, r, float(i), float(j)):
                        continue
                    k = i * ny + j
                    if fill == 0:
                        start[k + 1] += 1
                    else:
                        z_of[at[k]] = az - (normal_x * (i - ax) + normal_y * (j - ay)) / normal_z
                        # The sign carries whether the face is met on its first side.
                        face_of[at[k]] = t + 1 if normal_z > 0.0 else -(t + 1)
                        at[k] += 1
    length = np.zeros(n_regions, np.float64)
    worst = np.zeros(4, np.float64)
    leak = np.zeros(3, np.float64)
    leaks = 0
    met = 0
    for k in range(nx * ny):
        n = start[k + 1] - start[k]
        if n == 0:
            continue
        met += 1
        # Few faces meet a ray: insertion is quick, and keeps ties in the order of the faces.
        for u in range(start[k] + 1, start[k + 1]):
            z = z_of[u]
            face = face_of[u]
            v = u - 1
            while v >= start[k] and z_of[v] > z:
                z_of[v + 1] = z_of[v]
                face_of[v + 1] = face_of[v]
                v -= 1
            z_of[v + 1] = z
            face_of[v + 1] = face
        asserted = 0
        leaking = False
        before = 0.0
        for u in range(n):
            at_hit = start[k] + u
            face = face_of[at_hit]
            t = abs(face) - 1
            below = np.int64(sides[t, 0] if face > 0 else sides[t, 1])
            above = np.int64(sides[t, 1] if face > 0 else sides[t, 0])
            z = z_of[at_hit]
            if u == 0:
                leaking = below != 0
            elif below != asserted:
                piece = z - before
                length[asserted] += piece
                length[below] += piece
                if piece > worst[3]:
                    worst[0] = k // ny
                    worst[1] = k % ny
                    worst[2] = 0.5 * (z + before)
                    worst[3] = piece
            asserted = above
            before = z
        if leaking or asserted != 0:
            if leaks == 0:
                leak[0] = k // ny
                leak[1] = k % ny
                leak[2] = before
            leaks += 1
    return length, met, leaks, worst, leak


@kernel
def windings(queries, points, triangles):
    """Return how often a closed surface winds around each query point, (q,): 1 inside, 0 outside, -1 inside out.

    The sum of signed solid angles / 4π (Van Oosterom and Strackee).
    """
    out = np.zeros(queries.shape[0])
    for k in range(queries.shape[0]):
        total = 0.0
        for t in range(triangles.shape[0]):
            ax = points[triangles[t, 0], 0] - queries[k, 0]
            ay = points[triangles[t, 0], 1] - queries[k, 1]
            az = points[triangles[t, 0], 2] - queries[k, 2]
            bx = points[triangles[t, 1], 0] - queries[k, 0]
            by = points[triangles[t, 1], 1] - queries[k, 1]
            bz = points[triangles[t, 1], 2] - queries[k, 2]
            cx = points[triangles[t, 2], 0] - queries[k, 0]
            cy = points[triangles[t, 2], 1] - queries[k, 1]
            cz = points[triangles[t, 2], 2] - queries[k, 2]
            a = np.sqrt(ax * ax + ay * ay + az * az)
            b = np.sqrt(bx * bx + by * by + bz * bz)
            c = np.sqrt(cx * cx + cy * cy + cz * cz)
            triple = ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)
            ab = ax * bx + ay * by + az * bz
            bc = bx * cx + by * cy + bz * cz
            ca = cx * ax + cy * ay + cz * az
            total += 2.0 * np.arctan2(triple, a * b * c + ab * c + bc * a + ca * b)
        out[k] = total / (4.0 * np.pi)
    return out
