"""Smoothing of any surface or line: who is joined to whom, and one step towards the neighbours' mean."""

from __future__ import annotations

import numpy as np

from flrsim.kernels import kernel


@kernel
def neighbours(faces, n):
    """Return the points that an edge joins to each point: first (n + 1,) int64 and beside (first[n],) int32, rising.

    faces : (m, k) int64, points in turn; a line has k = 2. An edge of several faces counts once.
    """
    m, k = faces.shape
    start = np.zeros(n + 1, np.int64)
    for f in range(m):
        for c in range(k):
            start[faces[f, c] + 1] += 2
    for p in range(n):
        start[p + 1] += start[p]
    end = start[:n].copy()
    beside = np.empty(start[n], np.int32)
    for f in range(m):
        for c in range(k):
            p = faces[f, c]
            for q in (faces[f, c - 1], faces[f, c + 1 - k]):
                # Put in at its place unless it is there: lists are short.
                at = end[p]
                while at > start[p] and beside[at - 1] > q:
                    at -= 1
                if at > start[p] and beside[at - 1] == q:
                    continue
                for t in range(end[p], at, -1):
                    beside[t] = beside[t - 1]
                beside[at] = q
                end[p] += 1
    first = np.zeros(n + 1, np.int64)
    for p in range(n):
        count = end[p] - start[p]
        for t in range(count):
            beside[first[p] + t] = beside[start[p] + t]
        first[p + 1] = first[p] + count
    return first, beside[: first[n]].copy()


@kernel
def mean_step(now, then, first, beside, step):
    """Move every point by a share `step` of the way to the mean of its neighbours; a point without any to the origin.

    now, then : (n, 3) float64, read and written; first, beside : as `neighbours` gives them.
    """
    for p in range(len(now)):
        total_x, total_y, total_z = 0.0, 0.0, 0.0
        own = beside[first[p] : first[p + 1]]
        middle = 0
        for t in range(len(own)):
            if own[t] > p:
                break
            q = own[t]
            total_x += now[q, 0]
            total_y += now[q, 1]
            total_z += now[q, 2]
            middle += 1
        above_x, above_y, above_z = 0.0, 0.0, 0.0
        for t in range(middle, len(own)):
            q = own[t]
            above_x += now[q, 0]
            above_y += now[q, 1]
            above_z += now[q, 2]
        degree = max(len(own), 1)
        then[p, 0] = now[p, 0] + step * ((above_x + total_x) / degree - now[p, 0])
        then[p, 1] = now[p, 1] + step * ((above_y + total_y) / degree - now[p, 1])
        then[p, 2] = now[p, 2] + step * ((above_z + total_z) / degree - now[p, 2])


@kernel
def _differing(one, other):
    n = 0
    for k in range(len(one)):
        n += one[k] != other[k]
    return n


@kernel
def wall_faces(labels):
    """Return how many voxel faces lie between different labels or between a label and the end of the map; 0 is outside.

    labels : (nx, ny, nz) unsigned.
    """
    nx, ny, nz = labels.shape
    outside = np.zeros(nz, labels.dtype)
    n = 0
    for i in range(nx + 1):
        for j in range(ny + 1):
            if i < nx and j < ny:
                row = labels[i, j]
                n += _differing(row, labels[i - 1, j] if i > 0 else outside)
                n += _differing(row, labels[i, j - 1] if j > 0 else outside)
                n += _differing(row[: nz - 1], row[1:])
                n += (row[0] != 0) + (row[nz - 1] != 0)
            elif j < ny:
                n += _differing(labels[nx - 1, j], outside)
            elif i < nx:
                n += _differing(labels[i, ny - 1], outside)
    return n
