"""Triangles that pass through each other: every pair of a mesh, found through a uniform grid of cells."""

from __future__ import annotations

import numpy as np

from flrsim.kernels import kernel


@kernel
def _heights(points, p, q, r, a, b, c, out):
    """Write how far the corners p, q, r lie above the plane of a, b, c into `out` (3,); zero for a triangle without area."""
    ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
    vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
    nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    length = np.sqrt(nx * nx + ny * ny + nz * nz)
    if length == 0.0:
        out[:] = 0.0
        return
    x, y, z = points[a, 0], points[a, 1], points[a, 2]
    for k, v in enumerate((p, q, r)):
        out[k] = (nx * (points[v, 0] - x) + ny * (points[v, 1] - y) + nz * (points[v, 2] - z)) / length


@kernel
def _interval(points, p, q, r, height, line, out):
    """Write where the triangle p q r meets the other's plane, as first and last place along `line` (3,), into `out` (2,)."""
    out[0] = np.inf
    out[1] = -np.inf
    corners = (p, q, r)
    for k in range(3):
        u, v = corners[k], corners[(k + 1) % 3]
        from_u, from_v = height[k], height[(k + 1) % 3]
        if (from_u > 0.0) == (from_v > 0.0):
            continue
        t = from_u / (from_u - from_v)
        place = 0.0
        for d in range(3):
            place += line[d] * (points[u, d] + t * (points[v, d] - points[u, d]))
        out[0] = min(out[0], place)
        out[1] = max(out[1], place)


@kernel
def _cross(points, triangles, i, j, slack, work):
    """Return whether two triangles pass through each other along more than `slack`; neighbours on an edge do not count.

    Each must reach farther than `slack` beyond both sides of the other's plane; both then meet the line in which the
    planes cross, and pass through each other where their stretches of it overlap (Möller). work : (4, 3) float64.
    """
    shared = 0
    for s in range(3):
        for t in range(3):
            if triangles[i, s] == triangles[j, t]:
                shared += 1
    if shared >= 2:
        return False
    a, b, c = triangles[i, 0], triangles[i, 1], triangles[i, 2]
    d, e, f = triangles[j, 0], triangles[j, 1], triangles[j, 2]
    one, other, line = work[0], work[1], work[2]
    _heights(points, a, b, c, d, e, f, one)
    if max(one[0], one[1], one[2]) <= slack or min(one[0], one[1], one[2]) >= -slack:
        return False
    _heights(points, d, e, f, a, b, c, other)
    if max(other[0], other[1], other[2]) <= slack or min(other[0], other[1], other[2]) >= -slack:
        return False
    # The direction of the line is where the plane of the second cuts two edges of the first.
    n = 0
    for k in range(3):
        u, v = triangles[i, k], triangles[i, (k + 1) % 3]
        from_u, from_v = one[k], one[(k + 1) % 3]
        if (from_u > 0.0) == (from_v > 0.0):
            continue
        t = from_u / (from_u - from_v)
        for axis in range(3):
            place = points[u, axis] + t * (points[v, axis] - points[u, axis])
            line[axis] = place if n == 0 else place - line[axis]
        n += 1
    length = np.sqrt(line[0] * line[0] + line[1] * line[1] + line[2] * line[2])
    if length <= slack:
        return False
    for axis in range(3):
        line[axis] /= length
    first, second = work[3, :2], work[1, :2]
    _interval(points, a, b, c, one, line, first)
    low, high = first[0], first[1]
    heights = work[0]
    heights[0], heights[1], heights[2] = other[0], other[1], other[2]
    _interval(points, d, e, f, heights, line, second)
    return min(high, second[1]) - max(low, second[0]) > slack


@kernel
def crossing_pairs(points, triangles, groups, cell, slack, keep):
    """Return how many pairs of triangles pass through each other, and the first of them.

    points : (n, 3) float64; triangles : (m, 3) int64, equal corners with equal numbers; groups : (m,) int64, triangles of
    one group are not compared, but for group -1; cell : edge of a grid cell; slack : how far an edge's ends must lie from the other plane, so that touching does not count; keep : pairs to
    return. Returns count and pairs (k, 2) int64, k ≤ keep, each with the lower number first, in the order of cells.
    """
    m = triangles.shape[0]
    pairs = np.zeros((keep, 2), np.int64)
    if m == 0:
        return 0, pairs[:0]
    low = np.empty((m, 3))
    high = np.empty((m, 3))
    origin = np.full(3, np.inf)
    top = np.full(3, -np.inf)
    for i in range(m):
        for d in range(3):
            a, b, c = points[triangles[i, 0], d], points[triangles[i, 1], d], points[triangles[i, 2], d]
            low[i, d] = min(a, b, c)
            high[i, d] = max(a, b, c)
            origin[d] = min(origin[d], low[i, d])
            top[d] = max(top[d], high[i, d])
    shape = np.empty(3, np.int64)
    for d in range(3):
        shape[d] = np.int64((top[d] - origin[d]) / cell) + 1
    start = np.zeros(shape[0] * shape[1] * shape[2] + 1, np.int64)
    first = np.empty((m, 3), np.int64)
    last = np.empty((m, 3), np.int64)
    for i in range(m):
        for d in range(3):
            first[i, d] = np.int64((low[i, d] - origin[d]) / cell)
            last[i, d] = np.int64((high[i, d] - origin[d]) / cell)
        for x in range(first[i, 0], last[i, 0] + 1):
            for y in range(first[i, 1], last[i, 1] + 1):
                for z in range(first[i, 2], last[i, 2] + 1):
                    start[(x * shape[1] + y) * shape[2] + z + 1] += 1
    for k in range(1, start.size):
        start[k] += start[k - 1]
    fill = start[:-1].copy()
    members = np.empty(start[-1], np.int32)
    for i in range(m):
        for x in range(first[i, 0], last[i, 0] + 1):
            for y in range(first[i, 1], last[i, 1] + 1):
                for z in range(first[i, 2], last[i, 2] + 1):
                    k = (x * shape[1] + y) * shape[2] + z
                    members[fill[k]] = i
                    fill[k] += 1
    work = np.zeros((4, 3))
    count = 0
    for k in range(start.size - 1):
        for u in range(start[k], start[k + 1]):
            i = np.int64(members[u])
            for v in range(u + 1, start[k + 1]):
                j = np.int64(members[v])
                apart = groups[i] >= 0 and groups[i] == groups[j]
                for d in range(3):
                    if low[i, d] > high[j, d] or low[j, d] > high[i, d]:
                        apart = True
                        break
                if apart:
                    continue
                # A pair meets in several cells; it belongs to the one where both first are.
                x = max(first[i, 0], first[j, 0])
                y = max(first[i, 1], first[j, 1])
                z = max(first[i, 2], first[j, 2])
                if (x * shape[1] + y) * shape[2] + z != k:
                    continue
                if _cross(points, triangles, i, j, slack, work):
                    if count < keep:
                        pairs[count, 0] = i
                        pairs[count, 1] = j
                    count += 1
    return count, pairs[: min(count, keep)]
