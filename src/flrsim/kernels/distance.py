"""Distances from points and voxels to a surface of triangles; what a wedge sweeps on its way to the capsule."""

from __future__ import annotations

import numpy as np

from flrsim.kernels import kernel

AT_RIM = 1e-9
"""A corner's weight below which a point of a triangle lies on the edge across from that corner."""
APART = 4.0
"""Squared steps of the grid between the nearest vertices of neighbouring voxels, above which the surface folds between."""


@kernel
def _point_triangle(px, py, pz, points, a, b, c):
    """Return the squared distance of (px, py, pz) to the triangle of vertices a, b, c, by its seven Voronoi regions.

    With it come the weights of b and c in the triangle's nearest point.
    """
    ax, ay, az = points[a, 0], points[a, 1], points[a, 2]
    abx, aby, abz = points[b, 0] - ax, points[b, 1] - ay, points[b, 2] - az
    acx, acy, acz = points[c, 0] - ax, points[c, 1] - ay, points[c, 2] - az
    apx, apy, apz = px - ax, py - ay, pz - az
    d1 = abx * apx + aby * apy + abz * apz
    d2 = acx * apx + acy * apy + acz * apz
    if d1 <= 0.0 and d2 <= 0.0:
        return apx * apx + apy * apy + apz * apz, 0.0, 0.0
    bpx, bpy, bpz = apx - abx, apy - aby, apz - abz
    d3 = abx * bpx + aby * bpy + abz * bpz
    d4 = acx * bpx + acy * bpy + acz * bpz
    if d3 >= 0.0 and d4 <= d3:
        return bpx * bpx + bpy * bpy + bpz * bpz, 1.0, 0.0
    cpx, cpy, cpz = apx - acx, apy - acy, apz - acz
    d5 = abx * cpx + aby * cpy + abz * cpz
    d6 = acx * cpx + acy * cpy + acz * cpz
    if d6 >= 0.0 and d5 <= d6:
        return cpx * cpx + cpy * cpy + cpz * cpz, 0.0, 1.0
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
            return apx * apx + apy * apy + apz * apz, 0.0, 0.0
        t, u = vb / total, vc / total
    x = apx - t * abx - u * acx
    y = apy - t * aby - u * acy
    z = apz - t * abz - u * acz
    return x * x + y * y + z * z, t, u


@kernel
def _from_vertex(x, y, z, v, points, triangles, first, around):
    """Return the squared distance of a point to a surface, looked for from a vertex near by.

    Of the triangles around a vertex the nearest is taken. Where its nearest point lies on the edge across from the
    vertex, the search goes on around the nearer end of that edge: beside long triangles the nearest one need not touch
    the nearest vertex.
    """
    best = (x - points[v, 0]) ** 2 + (y - points[v, 1]) ** 2 + (z - points[v, 2]) ** 2
    while True:
        going_to = -1
        for s in range(first[v], first[v + 1]):
            t = around[s]
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            d, at_b, at_c = _point_triangle(x, y, z, points, a, b, c)
            if d < best:
                best = d
                at_a = 1.0 - at_b - at_c
                if v == a:
                    across = at_a < AT_RIM
                elif v == b:
                    across = at_b < AT_RIM
                else:
                    across = at_c < AT_RIM
                going_to = -1
                if across:
                    if v != a and (v == b or at_a >= at_b) and (v == c or at_a >= at_c):
                        going_to = a
                    elif v != b and (v == c or at_b >= at_c):
                        going_to = b
                    else:
                        going_to = c
        if going_to < 0:
            return best
        v = going_to


@kernel
def distance_to_triangles(queries, nearest, points, triangles, first, around):
    """Return the distance of each query to a surface, looked for from its nearest vertex: (n,) float64.

    queries : (n, 3); nearest : (n,) int64, vertex nearest to each query; triangles : (m, 3) int64; first :
    (n_points + 1,) and around : the triangles of vertex v are around[first[v]:first[v + 1]].
    """
    out = np.empty(queries.shape[0], np.float64)
    for i in range(queries.shape[0]):
        x, y, z = queries[i, 0], queries[i, 1], queries[i, 2]
        out[i] = np.sqrt(_from_vertex(x, y, z, nearest[i], points, triangles, first, around))
    return out


@kernel
def _walk(x, y, z, here, best, points, next_first, next_to):
    """Return the vertex reached by going to ever nearer neighbours, and its squared distance."""
    while True:
        at = here
        for s in range(next_first[here], next_first[here + 1]):
            v = next_to[s]
            d = (x - points[v, 0]) ** 2 + (y - points[v, 1]) ** 2 + (z - points[v, 2]) ** 2
            if d < best:
                best, at = d, v
        if at == here:
            return here, best
        here = at


@kernel
def nearest_vertices_by_sweeps(points, next_first, next_to, spacing, shape, reach):
    """Return the vertex of a surface nearest to each voxel centre, -1 where none lies within `reach`: int32 of `shape`.

    Each voxel takes the nearest of its neighbours' vertices and walks on from it over the surface to ever nearer ones;
    eight sweeps, one from each corner of the grid, carry vertices past folds where a walk alone would be caught.

    Parameters
    ----------
    points : (n, 3) mm along the grid's axes, from the centre of voxel (0, 0, 0); next_first, next_to : the neighbours of
    vertex v are next_to[next_first[v]:next_first[v + 1]]; reach : mm.
    """
    nx, ny, nz = shape
    vertex = np.full((nx, ny, nz), -1, np.int32)
    squared = np.full((nx, ny, nz), np.inf)
    limit = reach * reach
    for v in range(points.shape[0]):
        i = min(max(np.int64(np.floor(points[v, 0] / spacing[0] + 0.5)), 0), nx - 1)
        j = min(max(np.int64(np.floor(points[v, 1] / spacing[1] + 0.5)), 0), ny - 1)
        k = min(max(np.int64(np.floor(points[v, 2] / spacing[2] + 0.5)), 0), nz - 1)
        dx, dy, dz = (
            i * spacing[0] - points[v, 0],
            j * spacing[1] - points[v, 1],
            k * spacing[2] - points[v, 2],
        )
        d = dx * dx + dy * dy + dz * dz
        if d < squared[i, j, k] and d <= limit:
            squared[i, j, k] = d
            vertex[i, j, k] = v
    for sweep in range(8):
        di = 1 if sweep & 1 == 0 else -1
        dj = 1 if sweep & 2 == 0 else -1
        dk = 1 if sweep & 4 == 0 else -1
        for ii in range(nx):
            i = ii if di > 0 else nx - 1 - ii
            x = i * spacing[0]
            for jj in range(ny):
                j = jj if dj > 0 else ny - 1 - jj
                y = j * spacing[1]
                for kk in range(nz):
                    k = kk if dk > 0 else nz - 1 - kk
                    z = k * spacing[2]
                    own = vertex[i, j, k]
                    best, at = squared[i, j, k], own
                    for axis in range(3):
                        a = i - di if axis == 0 else i
                        b = j - dj if axis == 1 else j
                        c = k - dk if axis == 2 else k
                        if a < 0 or b < 0 or c < 0 or a >= nx or b >= ny or c >= nz:
                            continue
                        v = vertex[a, b, c]
                        if v < 0 or v == own or v == at:
                            continue
                        d = (x - points[v, 0]) ** 2 + (y - points[v, 1]) ** 2 + (z - points[v, 2]) ** 2
                        if d < best:
                            best, at = d, v
                    if at != own:
                        at, best = _walk(x, y, z, at, best, points, next_first, next_to)
                        if best <= limit:
                            squared[i, j, k] = best
                            vertex[i, j, k] = at
    return vertex


@kernel
def distances_from_vertices(vertex, asked, spacing, points, triangles, first, around, start, stop, out):
    """Set out[start:stop] to the distances of voxel centres to a surface, looked for from the vertices near each.

    Where a neighbour's vertex lies on another part of the surface, it is tried too: of two parts that are about as far
    away the nearer one need not have the nearer vertex.

    Parameters
    ----------
    vertex : (nx, ny, nz) int32, below 0 where none is known; asked : bool; points : (n, 3) mm as in
    `nearest_vertices_by_sweeps`; out : (nx, ny, nz) float64.
    """
    nx, ny, nz = vertex.shape
    for i in range(start, stop):
        for j in range(ny):
            for k in range(nz):
                v = vertex[i, j, k]
                if v < 0 or not asked[i, j, k]:
                    continue
                x, y, z = i * spacing[0], j * spacing[1], k * spacing[2]
                best = _from_vertex(x, y, z, v, points, triangles, first, around)
                for side in range(6):
                    axis, step = side // 2, 2 * (side % 2) - 1
                    a = i + step if axis == 0 else i
                    b = j + step if axis == 1 else j
                    c = k + step if axis == 2 else k
                    if a < 0 or b < 0 or c < 0 or a >= nx or b >= ny or c >= nz:
                        continue
                    u = vertex[a, b, c]
                    if u < 0 or u == v:
                        continue
                    apart = (
                        (points[u, 0] - points[v, 0]) ** 2
                        + (points[u, 1] - points[v, 1]) ** 2
                        + (points[u, 2] - points[v, 2]) ** 2
                    )
                    # Nearest points of neighbours on one part are seldom farther from each other than the voxels are.
                    if apart > APART * spacing[axis] ** 2:
                        best = min(best, _from_vertex(x, y, z, u, points, triangles, first, around))
                out[i, j, k] = np.sqrt(best)


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
