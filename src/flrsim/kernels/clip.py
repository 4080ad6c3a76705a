"""Half-space clips of every region of a labelled interface mesh, without making a new mesh.

Two ways, both exact up to rounding. For one plane: volumes are summed as cones from a point *of the plane*; the cut surface lies in
the plane and its cone is empty, so that the share of each face behind the plane is all that is needed. For several planes no
such point exists: each face is cut into pieces, plane after plane, and every edge that a piece behind a plane has in that plane is
closed by a triangle to a fixed point of the plane. Those triangles overlap, but with signs they are the cut surface: they are
the only chain in the plane with that boundary. Later planes cut them like any face.
"""

from __future__ import annotations

import numpy as np

from flrsim.kernels import kernel

BLOCK = 128


@kernel
def _gather(points, faces, start, n, corner, x, y, z):
    """Put one corner of `n` faces into x, y and z."""
    for i in range(n):
        # An unsigned index spares the test for a negative one.
        p = np.uint64(faces[start + i, corner])
        x[i], y[i], z[i] = points[p, 0], points[p, 1], points[p, 2]


@kernel
def _heights(x, y, z, n, middle, normal, offset, eps, height):
    """Put the heights of `n` points above the plane into `height`; 0 where they lie in it."""
    ox, oy, oz = middle[0], middle[1], middle[2]
    nx, ny, nz = normal[0], normal[1], normal[2]
    for i in range(n):
        h = nx * (x[i] - ox) + ny * (y[i] - oy) + nz * (z[i] - oz) - offset
        height[i] = 0.0 if abs(h) <= eps else h


@kernel
def _shares(ha, hb, hc, n, share):
    """Put the share of each triangle that lies behind the plane into `share`; return whether one lies in it."""
    flat = False
    for i in range(n):
        a, b, c = ha[i], hb[i], hc[i]
        low, high = min(a, b, c), max(a, b, c)
        if low >= 0.0:
            share[i] = 0.0
            flat = flat or high == 0.0
        elif high <= 0.0:
            share[i] = 1.0
        else:
            # The corner alone on its side cuts off a triangle of the same angle there.
            mid = max(min(a, b), min(max(a, b), c))
            if mid >= 0.0:
                share[i] = (low / (low - mid)) * (low / (low - high))
            else:
                share[i] = 1.0 - (high / (high - mid)) * (high / (high - low))
    return flat


@kernel
def _add_flat(a, b, c, area, sums, row):
    """Add a triangle to the faces in the plane, if it is one."""
    if a == 0.0 and b == 0.0 and c == 0.0:
        if area > 0.0:
            sums[row, 3] += area
        else:
            sums[row, 4] -= area


@kernel
def sum_clip(points, faces, sides, first, last, row_of, middle, foot, normal, eps):
    """Return what the faces `first` … `last` add on both sides of a plane, for each pair of sides in the order they are met.

    points : (n, 3); faces : (m, 3 or 4); sides : (m, 2) uint16; row_of : (n_regions, n_regions) int32 of zeros,
    given back so; middle : (3,), near the mesh; foot : (3,), the plane's point nearest to it, as seen from it; normal : (3,),
    of length 1; eps : a point nearer to the plane lies in it.

    Returns pairs (k, 2) and sums (k, 5): 6 × volume behind, 6 × volume ahead, 2 × area of the cut with what is just behind it, 2
    × area of faces in the plane that look ahead, and that look behind.
    """
    room = min(last - first, row_of.shape[0] * row_of.shape[1])
    pairs = np.empty((room, 2), np.uint16)
    sums = np.empty((room, 5), np.float64)
    n_pairs = 0
    ax, ay, az, ha = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    bx, by, bz, hb = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    cx, cy, cz, hc = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    dx, dy, dz, hd = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    cone, area = np.empty(BLOCK), np.empty(BLOCK)
    other_cone, other_area = np.empty(BLOCK), np.empty(BLOCK)
    share, other_share = np.empty(BLOCK), np.empty(BLOCK)
    nx, ny, nz = normal[0], normal[1], normal[2]
    ox, oy, oz = middle[0] + foot[0], middle[1] + foot[1], middle[2] + foot[2]
    # Heights are taken from the middle, not the foot: whether a point lies in the plane must not hang on the foot's rounding.
    offset = nx * foot[0] + ny * foot[1] + nz * foot[2]
    quads = faces.shape[1] == 4
    for start in range(first, last, BLOCK):
        n = min(BLOCK, last - start)
        _gather(points, faces, start, n, 0, ax, ay, az)
        _gather(points, faces, start, n, 1, bx, by, bz)
        _gather(points, faces, start, n, 2, cx, cy, cz)
        _heights(ax, ay, az, n, middle, normal, offset, eps, ha)
        _heights(bx, by, bz, n, middle, normal, offset, eps, hb)
        _heights(cx, cy, cz, n, middle, normal, offset, eps, hc)
        for i in range(n):
            ux, uy, uz = bx[i] - ax[i], by[i] - ay[i], bz[i] - az[i]
            ex, ey, ez = cx[i] - ax[i], cy[i] - ay[i], cz[i] - az[i]
            px, py, pz = uy * ez - uz * ey, uz * ex - ux * ez, ux * ey - uy * ex
            cone[i] = (ax[i] - ox) * px + (ay[i] - oy) * py + (az[i] - oz) * pz
            area[i] = nx * px + ny * py + nz * pz
        flat = _shares(ha, hb, hc, n, share)
        if quads:
            _gather(points, faces, start, n, 3, dx, dy, dz)
            _heights(dx, dy, dz, n, middle, normal, offset, eps, hd)
            for i in range(n):
                ex, ey, ez = cx[i] - ax[i], cy[i] - ay[i], cz[i] - az[i]
                wx, wy, wz = dx[i] - ax[i], dy[i] - ay[i], dz[i] - az[i]
                px, py, pz = ey * wz - ez * wy, ez * wx - ex * wz, ex * wy - ey * wx
                other_cone[i] = (ax[i] - ox) * px + (ay[i] - oy) * py + (az[i] - oz) * pz
                other_area[i] = nx * px + ny * py + nz * pz
            flat = _shares(ha, hc, hd, n, other_share) or flat
        i = 0
        while i < n:
            left, entered = sides[start + i, 0], sides[start + i, 1]
            row = row_of[left, entered] - 1
            if row < 0:
                row = n_pairs
                sums[row] = 0.0
                pairs[row, 0], pairs[row, 1] = left, entered
                n_pairs += 1
                row_of[left, entered] = n_pairs
            behind, ahead, cut = 0.0, 0.0, 0.0
            while i < n and sides[start + i, 0] == left and sides[start + i, 1] == entered:
                behind += share[i] * cone[i]
                ahead += (1.0 - share[i]) * cone[i]
                cut -= share[i] * area[i]
                if quads:
                    behind += other_share[i] * other_cone[i]
                    ahead += (1.0 - other_share[i]) * other_cone[i]
                    cut -= other_share[i] * other_area[i]
                if flat:
                    _add_flat(ha[i], hb[i], hc[i], area[i], sums, row)
                    if quads:
                        _add_flat(ha[i], hc[i], hd[i], other_area[i], sums, row)
                i += 1
            sums[row, 0] += behind
            sums[row, 1] += ahead
            sums[row, 2] += cut
    for row in range(n_pairs):
        row_of[pairs[row, 0], pairs[row, 1]] = 0
    return pairs[:n_pairs].copy(), sums[:n_pairs].copy()


@kernel
def _push(pieces, levels, cells, top, level, cell, a, b, c):
    for k in range(3):
        pieces[top, k] = a[k]
        pieces[top, 3 + k] = b[k]
        pieces[top, 6 + k] = c[k]
    levels[top] = level
    cells[top] = cell
    return top + 1


@kernel
def clip_cells(points, faces, sides, n_regions, middle, feet, normals, eps):
    """Return the volume of every region in every cell that several planes cut out of space, (2^k, n_regions).

    points, faces, sides, middle, eps : as for `sum_clip`; feet, normals : (k, 3). Bit j of a cell's number says that it lies
    ahead of plane j.
    """
    n_planes = len(feet)
    volume = np.zeros((1 << n_planes, n_regions), np.float64)
    # What rounding took from each sum so far (Kahan): a cell can gather hundreds of thousands of cones.
    lost = np.zeros((1 << n_planes, n_regions), np.float64)
    # A piece leaves three pieces and two closing triangles at most, one plane further on, before any of them is taken up.
    pieces = np.empty((5 * n_planes + 5, 9))
    levels = np.empty(5 * n_planes + 5, np.int64)
    cells = np.empty(5 * n_planes + 5, np.int64)
    corner = np.empty((3, 3))
    height = np.empty(3)
    behind, ahead = np.empty((4, 3)), np.empty((4, 3))
    in_plane = np.empty(4, np.bool_)
    cross = np.empty(3)
    for f in range(faces.shape[0]):
        left, entered = np.int64(sides[f, 0]), np.int64(sides[f, 1])
        for t in range(faces.shape[1] - 2):
            for k in range(3):
                corner[0, k] = points[faces[f, 0], k] - middle[k]
                corner[1, k] = points[faces[f, t + 1], k] - middle[k]
                corner[2, k] = points[faces[f, t + 2], k] - middle[k]
            top = _push(pieces, levels, cells, 0, 0, 0, corner[0], corner[1], corner[2])
            while top:
                top -= 1
                level, cell = levels[top], cells[top]
                for i in range(3):
                    for k in range(3):
                        corner[i, k] = pieces[top, 3 * i + k]
                a, b, c = corner[0], corner[1], corner[2]
                if level == n_planes:
                    cone = (
                        a[0] * (b[1] * c[2] - b[2] * c[1])
                        + a[1] * (b[2] * c[0] - b[0] * c[2])
                        + a[2] * (b[0] * c[1] - b[1] * c[0])
                    ) / 6.0
                    for region, term in ((left, cone), (entered, -cone)):
                        step = term - lost[cell, region]
                        total = volume[cell, region] + step
                        lost[cell, region] = (total - volume[cell, region]) - step
                        volume[cell, region] = total
                    continue
                low, high = np.inf, -np.inf
                for i in range(3):
                    h = 0.0
                    for k in range(3):
                        h += normals[level, k] * (corner[i, k] - feet[level, k])
                    height[i] = 0.0 if abs(h) <= eps else h
                    low, high = min(low, height[i]), max(high, height[i])
                over = cell | (np.int64(1) << level)
                if low >= 0.0:
                    # A piece in the plane counts as ahead: what lies behind is closed without it.
                    top = _push(pieces, levels, cells, top, level + 1, over, a, b, c)
                    continue
                n_behind = n_ahead = 0
                for i in range(3):
                    j = (i + 1) % 3
                    if height[i] <= 0.0:
                        behind[n_behind] = corner[i]
                        in_plane[n_behind] = height[i] == 0.0
                        n_behind += 1
                    if height[i] >= 0.0:
                        ahead[n_ahead] = corner[i]
                        n_ahead += 1
                    if height[i] * height[j] < 0.0:
                        # From the corner behind to the one ahead, so that the face across the edge finds the same digits.
                        p, q = (i, j) if height[i] < 0.0 else (j, i)
                        for k in range(3):
                            cross[k] = corner[p, k] + height[p] / (height[p] - height[q]) * (
                                corner[q, k] - corner[p, k]
                            )
                        behind[n_behind] = cross
                        in_plane[n_behind] = True
                        n_behind += 1
                        ahead[n_ahead] = cross
                        n_ahead += 1
                for i in range(1, n_behind - 1):
                    top = _push(
                        pieces, levels, cells, top, level + 1, cell, behind[0], behind[i], behind[i + 1]
                    )
                for i in range(1, n_ahead - 1):
                    top = _push(pieces, levels, cells, top, level + 1, over, ahead[0], ahead[i], ahead[i + 1])
                for i in range(n_behind):
                    j = (i + 1) % n_behind
                    if in_plane[i] and in_plane[j]:
                        foot = feet[level]
                        top = _push(pieces, levels, cells, top, level + 1, cell, behind[j], behind[i], foot)
                        top = _push(pieces, levels, cells, top, level + 1, over, behind[i], behind[j], foot)
    return volume
