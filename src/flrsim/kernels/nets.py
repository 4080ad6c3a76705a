"""Label map to interface mesh: one point a voxel corner, one quad a voxel face between two labels.

Unsmoothed, the mesh is the voxels' own surface, so its volumes are the voxels' to the last digit. It is
closed around every label because each wall is stored once and each corner has one point; smoothing moves
points and keeps both.
"""

from __future__ import annotations

import numpy as np

from flrsim.kernels import kernel


@kernel
def _count_faces(padded):
    nx, ny, nz = padded.shape
    n = 0
    for i in range(1, nx):
        for j in range(1, ny):
            here = padded[i, j]
            left = padded[i - 1, j]
            front = padded[i, j - 1]
            for k in range(1, nz):
                n += (
                    np.int64(here[k] != left[k])
                    + np.int64(here[k] != front[k])
                    + np.int64(here[k] != here[k - 1])
                )
    return n


@kernel
def nets(labels):
    """Return the walls between labels.

    labels : (nx, ny, nz) unsigned integers; 0 and everything beyond the array is outside.
    Returns corners (n, 3) int32 (corner (i, j, k) lies half a voxel below voxel (i, j, k) along each axis),
    faces (m, 4) int64 and sides (m, 2) uint16: the label the face's normal (right-hand rule, det(affine) > 0)
    leaves and the one it enters. The side left is never 0 and, between two labels, the smaller one.
    """
    nx, ny, nz = labels.shape
    padded = np.zeros((nx + 2, ny + 2, nz + 2), labels.dtype)
    padded[1:-1, 1:-1, 1:-1] = labels
    n_faces = _count_faces(padded)
    point_of = np.full((nx + 1, ny + 1, nz + 1), -1, np.int32)
    corners = np.empty((4 * n_faces, 3), np.int32)
    faces = np.empty((n_faces, 4), np.int64)
    sides = np.empty((n_faces, 2), np.uint16)
    n_points = 0
    m = 0
    quad = np.empty((4, 3), np.int64)
    for i in range(nx + 1):
        for j in range(ny + 1):
            here = padded[i + 1, j + 1]
            left = padded[i, j + 1]
            front = padded[i + 1, j]
            for k in range(nz + 1):
                above = here[k + 1]
                if above == left[k + 1] and above == front[k + 1] and above == here[k]:
                    continue
                for axis in range(3):
                    if axis == 0:
                        below = left[k + 1]
                    elif axis == 1:
                        below = front[k + 1]
                    else:
                        below = here[k]
                    if above == below:
                        continue
                    for c in range(4):
                        quad[c, 0] = i
                        quad[c, 1] = j
                        quad[c, 2] = k
                    # Corners in the order u, u+v, v of the two other axes, so that the normal points up the
                    # axis.
                    u = (axis + 1) % 3
                    v = (axis + 2) % 3
                    quad[1, u] += 1
                    quad[2, u] += 1
                    quad[2, v] += 1
                    quad[3, v] += 1
                    flip = below == 0 or (above != 0 and above < below)
                    for c in range(4):
                        a, b, d = quad[c, 0], quad[c, 1], quad[c, 2]
                        if point_of[a, b, d] < 0:
                            point_of[a, b, d] = n_points
                            corners[n_points, 0] = a
                            corners[n_points, 1] = b
                            corners[n_points, 2] = d
                            n_points += 1
                        if flip:
                            faces[m, 3 - c] = point_of[a, b, d]
                        else:
                            faces[m, c] = point_of[a, b, d]
                    sides[m, 0] = above if flip else below
                    sides[m, 1] = below if flip else above
                    m += 1
    return corners[:n_points].copy(), faces, sides


@kernel
def neighbours(faces, n_points):
    """Return the points joined to each point by a face edge: (n_points, 6) int64, -1 where there are fewer.

    Corners of a voxel grid have at most six.
    """
    out = np.full((n_points, 6), -1, np.int64)
    for f in range(faces.shape[0]):
        for c in range(4):
            a = faces[f, c]
            b = faces[f, (c + 1) % 4]
            for swap in range(2):
                p = a if swap == 0 else b
                q = b if swap == 0 else a
                for s in range(6):
                    if out[p, s] == q:
                        break
                    if out[p, s] < 0:
                        out[p, s] = q
                        break
    return out


@kernel
def smooth(corners, joined, iterations, step, reach):
    """Return corner positions after Laplacian smoothing, in voxels: (n, 3) float64.

    corners : (n, 3) int32; joined : (n, 6) int64; step : fraction of the way to the neighbours' mean per
    iteration; reach : the farthest a point may move along each axis from its corner, in voxels.
    """
    n = corners.shape[0]
    now = np.empty((n, 3), np.float64)
    for p in range(n):
        for d in range(3):
            now[p, d] = corners[p, d]
    then = now.copy()
    for _ in range(iterations):
        for p in range(n):
            for d in range(3):
                total = 0.0
                count = 0
                for s in range(6):
                    q = joined[p, s]
                    if q < 0:
                        break
                    total += now[q, d]
                    count += 1
                moved = now[p, d] + step * (total / count - now[p, d])
                low = corners[p, d] - reach
                high = corners[p, d] + reach
                then[p, d] = min(max(moved, low), high)
        now, then = then, now
    return now
