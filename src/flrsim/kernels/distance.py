"""Exact distances from points to the triangles around their nearest surface point."""

from __future__ import annotations

import numpy as np

from flrsim.kernels import kernel


@kernel
def _point_triangle_squared(px, py, pz, points, a, b, c):
    """Return the squared distance of (px, py, pz) to the triangle of vertices a, b, c, by its seven Voronoi regions."""
    ax, ay, az = points[a, 0], points[a, 1], points[a, 2]
    abx, aby, abz = points[b, 0] - ax, points[b, 1] - ay, points[b, 2] - az
    acx, acy, acz = points[c, 0] - ax, points[c, 1] - ay, points[c, 2] - az
    apx, apy, apz = px - ax, py - ay, pz - az
    d1 = abx * apx + aby * apy + abz * apz
    d2 = acx * apx + acy * apy + acz * apz
    if d1 <= 0.0 and d2 <= 0.0:
        return apx * apx + apy * apy + apz * apz
    bpx, bpy, bpz = apx - abx, apy - aby, apz - abz
    d3 = abx * bpx + aby * bpy + abz * bpz
    d4 = acx * bpx + acy * bpy + acz * bpz
    if d3 >= 0.0 and d4 <= d3:
        return bpx * bpx + bpy * bpy + bpz * bpz
    cpx, cpy, cpz = apx - acx, apy - acy, apz - acz
    d5 = abx * cpx + aby * cpy + abz * cpz
    d6 = acx * cpx + acy * cpy + acz * cpz
    if d6 >= 0.0 and d5 <= d6:
        return cpx * cpx + cpy * cpy + cpz * cpz
    vc = d1 * d4 - d3 * d2
    vb = d5 * d2 - d1 * d6
    va = d3 * d6 - d5 * d4
    if vc <= 0.0 and d1 >= 0.0 and d3 <= 0.0:
        t, u = d1 / (d1 - d3), 0.0
    elif vb <= 0.0 and d2 >= 0.0 and d6 <= 0.0:
        t, u = 0.0, d2 / (d2 - d6)
    elif va <= 0.0 and (d4 - d3) >= 0.0 and (d5 - d6) >= 0.0:
        u = (d4 - d3) / ((d4 - d3) + (d5 - d6))
        t = 1.0 - u
    else:
        total = va + vb + vc
        if total == 0.0:
            return apx * apx + apy * apy + apz * apz
        t, u = vb / total, vc / total
    x = apx - t * abx - u * acx
    y = apy - t * aby - u * acy
    z = apz - t * abz - u * acz
    return x * x + y * y + z * z


@kernel
def distance_to_triangles(queries, nearest, points, triangles, first, around):
    """Return the distance of each query to the triangles that touch its nearest vertex: (n,) float64.

    queries : (n, 3); nearest : (n,) int64, vertex nearest to each query; triangles : (m, 3) int64; first :
    (n_points + 1,) and around : the triangles of vertex v are around[first[v]:first[v + 1]].
    """
    out = np.empty(queries.shape[0], np.float64)
    for i in range(queries.shape[0]):
        v = nearest[i]
        x, y, z = queries[i, 0], queries[i, 1], queries[i, 2]
        best = (x - points[v, 0]) ** 2 + (y - points[v, 1]) ** 2 + (z - points[v, 2]) ** 2
        for s in range(first[v], first[v + 1]):
            t = around[s]
            d = _point_triangle_squared(x, y, z, points, triangles[t, 0], triangles[t, 1], triangles[t, 2])
            best = min(best, d)
        out[i] = np.sqrt(best)
    return out


@kernel
def _share(zone, x, y, z):
    """Return how much of the zone is at a point between voxels, 0 to 1, interpolated linearly."""
    nx, ny, nz = zone.shape
    x, y, z = min(max(x, 0.0), nx - 1.0), min(max(y, 0.0), ny - 1.0), min(max(z, 0.0), nz - 1.0)
    i, j, k = np.int64(x), np.int64(y), np.int64(z)
    i1, j1, k1 = min(i + 1, nx - 1), min(j + 1, ny - 1), min(k + 1, nz - 1)
    u, v, w = x - i, y - j, z - k
    low = (1 - u) * ((1 - v) * zone[i, j, k] + v * zone[i, j1, k]) + u * (
        (1 - v) * zone[i1, j, k] + v * zone[i1, j1, k]
    )
    high = (1 - u) * ((1 - v) * zone[i, j, k1] + v * zone[i, j1, k1]) + u * (
        (1 - v) * zone[i1, j, k1] + v * zone[i1, j1, k1]
    )
    return (1 - w) * low + w * high


@kernel
def _grown(zone):
    """Return the zone grown by one voxel along every axis and diagonal: where `_share` can be above 0."""
    nx, ny, nz = zone.shape
    out = zone.copy()
    for axis in range(3):
        before = out.copy()
        for i in range(nx):
            for j in range(ny):
                for k in range(nz):
                    if not before[i, j, k]:
                        continue
                    for step in (-1, 1):
                        x = i + step * (axis == 0)
                        y = j + step * (axis == 1)
                        z = k + step * (axis == 2)
                        if 0 <= x < nx and 0 <= y < ny and 0 <= z < nz:
                            out[x, y, z] = True
    return out


@kernel
def sweep_to_capsule(zone, inside, spacing, way_out, reach, middle, radius):
    """Return the voxels that lie in `zone` or between it and the capsule along `way_out`.

    zone, inside : (nx, ny, nz) bool, what must go and what is liver; spacing : (3,) mm; way_out : (3,) unit
    vector, mm; reach : mm, longest way; middle : (3,) voxel indices and radius : mm, a ball that holds the
    zone. A voxel is taken when the straight way back from it, against `way_out`, meets the zone before it
    leaves the liver.
    """
    nx, ny, nz = zone.shape
    out = zone.copy()
    near = _grown(zone)
    pace = 0.9 * min(spacing[0], spacing[1], spacing[2])
    n_steps = np.int64(np.ceil(reach / pace))
    dx = way_out[0] * pace / spacing[0]
    dy = way_out[1] * pace / spacing[1]
    dz = way_out[2] * pace / spacing[2]
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                if zone[i, j, k] or not inside[i, j, k]:
                    continue
                # Only the shadow of the ball that holds the zone can lie behind it.
                ox = (i - middle[0]) * spacing[0]
                oy = (j - middle[1]) * spacing[1]
                oz = (k - middle[2]) * spacing[2]
                along = ox * way_out[0] + oy * way_out[1] + oz * way_out[2]
                if along < -radius or ox * ox + oy * oy + oz * oz - along * along > radius * radius:
                    continue
                x, y, z = float(i), float(j), float(k)
                for _ in range(n_steps):
                    x -= dx
                    y -= dy
                    z -= dz
                    a = np.int64(np.floor(x + 0.5))
                    b = np.int64(np.floor(y + 0.5))
                    c = np.int64(np.floor(z + 0.5))
                    if a < 0 or b < 0 or c < 0 or a >= nx or b >= ny or c >= nz:
                        break
                    # Taking the nearest voxel's word would widen the shadow by half a voxel all around.
                    if near[a, b, c] and _share(zone, x, y, z) >= 0.5:
                        out[i, j, k] = True
                        break
                    if not inside[a, b, c]:
                        break
    return out


@kernel
def longest_way(zone, low, inside, spacing, way_out):
    """Return the longest straight way from a voxel of the zone to where it leaves the liver along `way_out`, mm.

    zone : (mx, my, mz) bool, its first voxel at index `low` (3,) of inside : (nx, ny, nz) bool; spacing : (3,) mm;
    way_out : (3,) unit vector, mm.
    """
    mx, my, mz = zone.shape
    nx, ny, nz = inside.shape
    pace = 0.9 * min(spacing[0], spacing[1], spacing[2])
    dx = way_out[0] * pace / spacing[0]
    dy = way_out[1] * pace / spacing[1]
    dz = way_out[2] * pace / spacing[2]
    longest = 0
    for i in range(mx):
        for j in range(my):
            for k in range(mz):
                if not zone[i, j, k]:
                    continue
                n = 0
                while True:
                    n += 1
                    a = np.int64(np.floor(i + low[0] + n * dx + 0.5))
                    b = np.int64(np.floor(j + low[1] + n * dy + 0.5))
                    c = np.int64(np.floor(k + low[2] + n * dz + 0.5))
                    if a < 0 or b < 0 or c < 0 or a >= nx or b >= ny or c >= nz:
                        break
                    if inside[a, b, c]:
                        continue
                    # A lesion may stand out of the labelled liver.
                    u, v, w = a - low[0], b - low[1], c - low[2]
                    if u < 0 or v < 0 or w < 0 or u >= mx or v >= my or w >= mz or not zone[u, v, w]:
                        break
                longest = max(longest, n)
    return longest * pace
