"""Exact distances from points to the triangles around their nearest surface point."""

from __future__ import annotations

import numpy as np

from flrsim.kernels import kernel


@kernel
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@kernel
def _point_triangle_squared(p, a, b, c):
    """Return the squared distance of p to triangle abc, by the seven Voronoi regions of the triangle."""
    ab = b - a
    ac = c - a
    ap = p - a
    d1 = _dot(ab, ap)
    d2 = _dot(ac, ap)
    if d1 <= 0.0 and d2 <= 0.0:
        return _dot(ap, ap)
    bp = p - b
    d3 = _dot(ab, bp)
    d4 = _dot(ac, bp)
    if d3 >= 0.0 and d4 <= d3:
        return _dot(bp, bp)
    cp = p - c
    d5 = _dot(ab, cp)
    d6 = _dot(ac, cp)
    if d6 >= 0.0 and d5 <= d6:
        return _dot(cp, cp)
    vc = d1 * d4 - d3 * d2
    if vc <= 0.0 and d1 >= 0.0 and d3 <= 0.0:
        w = ap - ab * (d1 / (d1 - d3))
        return _dot(w, w)
    vb = d5 * d2 - d1 * d6
    if vb <= 0.0 and d2 >= 0.0 and d6 <= 0.0:
        w = ap - ac * (d2 / (d2 - d6))
        return _dot(w, w)
    va = d3 * d6 - d5 * d4
    if va <= 0.0 and (d4 - d3) >= 0.0 and (d5 - d6) >= 0.0:
        w = bp - (c - b) * ((d4 - d3) / ((d4 - d3) + (d5 - d6)))
        return _dot(w, w)
    total = va + vb + vc
    if total == 0.0:
        return _dot(ap, ap)
    w = ap - ab * (vb / total) - ac * (vc / total)
    return _dot(w, w)


@kernel
def distance_to_triangles(queries, nearest, points, triangles, first, around):
    """Return the distance of each query to the triangles that touch its nearest vertex: (n,) float64.

    queries : (n, 3); nearest : (n,) int64, vertex nearest to each query; triangles : (m, 3) int64; first : (n_points + 1,)
    and around : the triangles of vertex v are around[first[v]:first[v + 1]].
    """
    out = np.empty(queries.shape[0], np.float64)
    for i in range(queries.shape[0]):
        v = nearest[i]
        w = queries[i] - points[v]
        best = _dot(w, w)
        for s in range(first[v], first[v + 1]):
            t = around[s]
            d = _point_triangle_squared(
                queries[i], points[triangles[t, 0]], points[triangles[t, 1]], points[triangles[t, 2]]
            )
            best = min(best, d)
        out[i] = np.sqrt(best)
    return out


@kernel
def sweep_to_capsule(zone, inside, spacing, way_out, reach, middle, radius):
    """Return the voxels that lie in `zone` or between it and the capsule along `way_out`.

    zone, inside : (nx, ny, nz) bool, what must go and what is liver; spacing : (3,) mm; way_out : (3,) unit vector, mm;
    reach : mm, longest way; middle : (3,) voxel indices and radius : mm, a ball that holds the zone.
    A voxel is taken when the straight way back from it, against `way_out`, meets the zone before it leaves the liver.
    """
    nx, ny, nz = zone.shape
    out = zone.copy()
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
                    if zone[a, b, c]:
                        out[i, j, k] = True
                        break
                    if not inside[a, b, c]:
                        break
    return out
