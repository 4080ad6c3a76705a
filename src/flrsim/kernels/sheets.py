"""Triangle sheets through a voxel grid: the steps between neighbouring voxels they cross, and the nearest place on them."""

from __future__ import annotations

import numpy as np

from flrsim.kernels import kernel


@kernel
def _edge(points, a, b, u, v, x, y):
    """Return on which side of the edge a → b of a projected triangle (x, y) lies, and by how much.

    The same two corners give the same numbers whichever triangle asks: neighbours never both take or both
    leave a line between them. A line through the edge itself counts as on its positive side.
    """
    swap = b < a
    p = b if swap else a
    q = a if swap else b
    area = (points[q, u] - points[p, u]) * (y - points[p, v]) - (points[q, v] - points[p, v]) * (
        x - points[p, u]
    )
    side = 1 if area >= 0.0 else -1
    if swap:
        return -side, -area
    return side, area


@kernel
def crossings(points, triangles, nx, ny, nz, shift):
    """Return every step from a voxel's centre to the next along an axis that a triangle crosses.

    points : (n, 3) float64, voxels; triangles : (m, 3) int64; shift : (3,) voxels, by which all centres are
    moved, so little that no volume changes and so unevenly that none lies on the sheet.
    Returns axis, (k,) int64, voxel, (k,) flat index of the step's lower end, and sign, (k,) int64: 1 when the
    step goes to the side the triangle's normal points to, -1 when it comes from there.
    """
    size = (nx, ny, nz)
    stride = (ny * nz, nz, 1)
    k = 0
    axes = np.empty(0, np.int64)
    voxel = np.empty(0, np.int64)
    sign = np.empty(0, np.int64)
    for fill in range(2):
        if fill == 1:
            axes = np.empty(k, np.int64)
            voxel = np.empty(k, np.int64)
            sign = np.empty(k, np.int64)
            k = 0
        for t in range(triangles.shape[0]):
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            for axis in range(3):
                u = (axis + 1) % 3
                v = (axis + 2) % 3
                low_u = min(points[a, u], points[b, u], points[c, u]) - shift[u]
                high_u = max(points[a, u], points[b, u], points[c, u]) - shift[u]
                low_v = min(points[a, v], points[b, v], points[c, v]) - shift[v]
                high_v = max(points[a, v], points[b, v], points[c, v]) - shift[v]
                first_u = np.int64(max(np.ceil(low_u), 0.0))
                last_u = np.int64(min(np.floor(high_u), size[u] - 1.0))
                first_v = np.int64(max(np.ceil(low_v), 0.0))
                last_v = np.int64(min(np.floor(high_v), size[v] - 1.0))
                for i in range(first_u, last_u + 1):
                    for j in range(first_v, last_v + 1):
                        x = i + shift[u]
                        y = j + shift[v]
                        sa, wa = _edge(points, b, c, u, v, x, y)
                        sb, wb = _edge(points, c, a, u, v, x, y)
                        if sa != sb:
                            continue
                        sc, wc = _edge(points, a, b, u, v, x, y)
                        total = wa + wb + wc
                        if sc != sa or total == 0.0:
                            continue
                        at = (
                            wa * points[a, axis] + wb * points[b, axis] + wc * points[c, axis]
                        ) / total - shift[axis]
                        step = np.int64(np.floor(at))
                        if step < 0 or step >= size[axis] - 1:
                            continue
                        if fill == 1:
                            axes[k] = axis
                            voxel[k] = i * stride[u] + j * stride[v] + step * stride[axis]
                            sign[k] = sa
                        k += 1
    return axes, voxel, sign


@kernel
def _nearest_on_triangle(p, points, a, b, c, out):
    """Write the point of a triangle nearest to p, (3,), into out, by its seven Voronoi regions."""
    d1 = 0.0
    d2 = 0.0
    d3 = 0.0
    d4 = 0.0
    d5 = 0.0
    d6 = 0.0
    for d in range(3):
        ab = points[b, d] - points[a, d]
        ac = points[c, d] - points[a, d]
        d1 += ab * (p[d] - points[a, d])
        d2 += ac * (p[d] - points[a, d])
        d3 += ab * (p[d] - points[b, d])
        d4 += ac * (p[d] - points[b, d])
        d5 += ab * (p[d] - points[c, d])
        d6 += ac * (p[d] - points[c, d])
    va = d3 * d6 - d5 * d4
    vb = d5 * d2 - d1 * d6
    vc = d1 * d4 - d3 * d2
    t = 0.0
    s = 0.0
    if d1 <= 0.0 and d2 <= 0.0:
        t = 0.0
    elif d3 >= 0.0 and d4 <= d3:
        t = 1.0
    elif d6 >= 0.0 and d5 <= d6:
        s = 1.0
    elif vc <= 0.0 and d1 >= 0.0 and d3 <= 0.0:
        t = d1 / (d1 - d3)
    elif vb <= 0.0 and d2 >= 0.0 and d6 <= 0.0:
        s = d2 / (d2 - d6)
    elif va <= 0.0 and d4 >= d3 and d5 >= d6:
        s = (d4 - d3) / ((d4 - d3) + (d5 - d6))
        t = 1.0 - s
    else:
        total = va + vb + vc
        if total > 0.0:
            t = vb / total
            s = vc / total
    for d in range(3):
        out[d] = points[a, d] + t * (points[b, d] - points[a, d]) + s * (points[c, d] - points[a, d])


@kernel
def nearest_places(points, triangles, spacing, mask, low):
    """Return the place on the sheet nearest to each voxel's centre that the sheet may cross.

    points : (n, 3) float64, mm along the grid's axes from the centre of voxel (0, 0, 0); mask : (nx, ny, nz)
    bool, voxels asked about; low : (3,) int64, index of mask's first voxel in the grid.
    Returns index, (k, 3) int64 in the grid, place, (k, 3) float64 mm from the voxel's centre, and triangle,
    (k,) int64: the voxels whose half diagonal reaches the sheet.
    """
    nx, ny, nz = mask.shape
    size = (nx, ny, nz)
    reach = 0.5 * np.sqrt(spacing[0] ** 2 + spacing[1] ** 2 + spacing[2] ** 2)
    best = np.full((nx, ny, nz), reach * reach)
    owner = np.full((nx, ny, nz), -1, np.int32)
    first = np.empty(3, np.int64)
    last = np.empty(3, np.int64)
    normal = np.empty(3, np.float64)
    p = np.empty(3, np.float64)
    place = np.empty(3, np.float64)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        for d in range(3):
            lowest = min(points[a, d], points[b, d], points[c, d])
            highest = max(points[a, d], points[b, d], points[c, d])
            first[d] = max(np.int64(np.ceil((lowest - reach) / spacing[d])) - low[d], 0)
            last[d] = min(np.int64(np.floor((highest + reach) / spacing[d])) - low[d], size[d] - 1)
            e = (d + 1) % 3
            f = (d + 2) % 3
            normal[d] = (points[b, e] - points[a, e]) * (points[c, f] - points[a, f]) - (
                points[b, f] - points[a, f]
            ) * (points[c, e] - points[a, e])
        length = np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2)
        for i in range(first[0], last[0] + 1):
            p[0] = (i + low[0]) * spacing[0]
            for j in range(first[1], last[1] + 1):
                p[1] = (j + low[1]) * spacing[1]
                for k in range(first[2], last[2] + 1):
                    if not mask[i, j, k]:
                        continue
                    p[2] = (k + low[2]) * spacing[2]
                    height = 0.0
                    for d in range(3):
                        height += normal[d] * (p[d] - points[a, d])
                    if height * height > best[i, j, k] * length * length:
                        continue
                    _nearest_on_triangle(p, points, a, b, c, place)
                    squared = 0.0
                    for d in range(3):
                        squared += (place[d] - p[d]) ** 2
                    if squared < best[i, j, k]:
                        best[i, j, k] = squared
                        owner[i, j, k] = t
    n = 0
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                n += owner[i, j, k] >= 0
    index = np.empty((n, 3), np.int64)
    out = np.empty((n, 3), np.float64)
    triangle = np.empty(n, np.int64)
    n = 0
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                t = owner[i, j, k]
                if t < 0:
                    continue
                index[n, 0] = i + low[0]
                index[n, 1] = j + low[1]
                index[n, 2] = k + low[2]
                for d in range(3):
                    p[d] = index[n, d] * spacing[d]
                _nearest_on_triangle(p, points, triangles[t, 0], triangles[t, 1], triangles[t, 2], place)
                for d in range(3):
                    out[n, d] = place[d] - p[d]
                triangle[n] = t
                n += 1
    return index, out, triangle
