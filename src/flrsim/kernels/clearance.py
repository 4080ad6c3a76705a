"""What a wedge takes at every margin at once."""

from __future__ import annotations

import numpy as np

from flrsim.kernels import kernel


@kernel
def _between(values, x, y, z):
    """Return a field at a point between voxels, interpolated linearly; beyond the edge it goes on unchanged."""
    nx, ny, nz = values.shape
    x, y, z = min(max(x, 0.0), nx - 1.0), min(max(y, 0.0), ny - 1.0), min(max(z, 0.0), nz - 1.0)
    i, j, k = np.int64(x), np.int64(y), np.int64(z)
    i1, j1, k1 = min(i + 1, nx - 1), min(j + 1, ny - 1), min(k + 1, nz - 1)
    u, v, w = x - i, y - j, z - k
    low = (1 - u) * ((1 - v) * values[i, j, k] + v * values[i, j1, k]) + u * (
        (1 - v) * values[i1, j, k] + v * values[i1, j1, k]
    )
    high = (1 - u) * ((1 - v) * values[i, j, k1] + v * values[i, j1, k1]) + u * (
        (1 - v) * values[i1, j, k1] + v * values[i1, j1, k1]
    )
    return (1 - w) * low + w * high


@kernel
def walk_to_nearest(queries, start, points, triangles, first, around):
    """Return the vertex reached from `start` by going to ever nearer neighbours of each query: (n,) int64.

    queries : (n, 3); start : (n,) int64; triangles : (m, 3) int64; first : (n_points + 1,) and around : the triangles
    of vertex v are around[first[v]:first[v + 1]].
    """
    out = np.empty(start.size, np.int64)
    for q in range(start.size):
        x, y, z = queries[q, 0], queries[q, 1], queries[q, 2]
        here = start[q]
        best = (x - points[here, 0]) ** 2 + (y - points[here, 1]) ** 2 + (z - points[here, 2]) ** 2
        while True:
            at = here
            for s in range(first[here], first[here + 1]):
                for c in range(3):
                    v = triangles[around[s], c]
                    d = (x - points[v, 0]) ** 2 + (y - points[v, 1]) ** 2 + (z - points[v, 2]) ** 2
                    if d < best:
                        best = d
                        at = v
            if at == here:
                break
            here = at
        out[q] = here
    return out


@kernel
def least_margins(distance, inside, spacing, way_out, largest, middle, radius, depth, size):
    """Return the smallest margin at which a wedge takes each voxel, mm: (nx, ny, nz) float32; infinite for none, 0 or less for any.

    distance : (nx, ny, nz) float32, mm to the lesion's surface, 0 in the lesion; inside : bool, what is liver
    or lesion; spacing : (3,) mm; way_out : (3,) unit vector, mm; largest : mm, margins above it are not asked;
    middle : (3,) voxel indices and radius : mm, a ball that holds all voxels within `largest`; depth : mm from the
    lesion's centre to the capsule; size : mm, radius of a ball that holds the lesion. A voxel goes with the point
    nearest to the lesion on the straight way back from it, against `way_out`, before that way leaves the liver;
    the way is no longer than depth and the width of what is cut out.
    """
    nx, ny, nz = distance.shape
    out = np.full((nx, ny, nz), np.float32(np.inf), np.float32)
    pace = 0.9 * min(spacing[0], spacing[1], spacing[2])
    dx = way_out[0] * pace / spacing[0]
    dy = way_out[1] * pace / spacing[1]
    dz = way_out[2] * pace / spacing[2]
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                if not inside[i, j, k]:
                    continue
                best = distance[i, j, k]
                ox = (i - middle[0]) * spacing[0]
                oy = (j - middle[1]) * spacing[1]
                oz = (k - middle[2]) * spacing[2]
                along = ox * way_out[0] + oy * way_out[1] + oz * way_out[2]
                across = ox * ox + oy * oy + oz * oz - along * along
                # Only the shadow of the ball can lie behind it, and short of the lesion the way back only leads away
                # from it.
                if along >= -size and across <= radius * radius:
                    n_steps = np.int64(np.ceil((along + size) / pace))
                    x, y, z = float(i), float(j), float(k)
                    for step in range(n_steps):
                        x -= dx
                        y -= dy
                        z -= dz
                        a = np.int64(np.floor(x + 0.5))
                        b = np.int64(np.floor(y + 0.5))
                        c = np.int64(np.floor(z + 0.5))
                        if a < 0 or b < 0 or c < 0 or a >= nx or b >= ny or c >= nz or not inside[a, b, c]:
                            break
                        if distance[a, b, c] > best + 2.0 * pace:
                            continue
                        long = 0.5 * ((step + 1) * pace - depth) - size
                        if long >= best:
                            break
                        best = min(best, np.float32(max(_between(distance, x, y, z), long)))
                        if best <= 0.0:
                            break
                if best <= largest:
                    out[i, j, k] = best
    return out


@kernel
def volume_by_margin(margin, region, ml_of, margins):
    """Return the millilitres that go at each margin: (n_margins,) float64, summed in fixed order.

    margin : (nx, ny, nz) float32, as `least_margins` gives it; region : (nx, ny, nz) unsigned; ml_of : (n_regions,)
    mL of one voxel of each region, 0 for what is not counted; margins : (n_margins,) mm.
    """
    n = margins.size
    counts = np.zeros((ml_of.size, n), np.int64)
    nx, ny, nz = margin.shape
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                m = margin[i, j, k]
                if not np.isfinite(m):
                    continue
                r = np.int64(region[i, j, k])
                for q in range(n):
                    if m <= margins[q]:
                        counts[r, q] += 1
    out = np.zeros(n, np.float64)
    for r in range(ml_of.size):
        for q in range(n):
            out[q] += ml_of[r] * counts[r, q]
    return out
