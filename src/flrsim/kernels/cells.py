"""Exact shares of a voxel between the half-spaces that cross it."""

from __future__ import annotations

import numpy as np

from flrsim.kernels import kernel


@kernel
def cell_shares(first, planes):
    """Return the share of the unit cube about the origin in every cell that its planes make.

    first : (n + 1,) int64, cube v is crossed by planes first[v] … first[v + 1] - 1.
    planes : (k, 4) float64, (nx, ny, nz, d): inside where n·u >= d.
    Returns start, (n + 1,) int64, and share, (start[n],) float64: cell c of cube v is start[v] + c, where bit p
    of c says that the cell lies inside the cube's plane p. The shares of a cube sum to 1.

    The cube is six tetrahedra; an edge that a plane crosses is cut there, which gives two smaller tetrahedra,
    until none crosses it any more.
    """
    # Corners of the unit cube nearer to a plane than this count as on it: rounding must not make slivers.
    on_plane = 1e-12
    n = first.shape[0] - 1
    start = np.zeros(n + 1, np.int64)
    most = 0
    for v in range(n):
        m = first[v + 1] - first[v]
        most = max(most, m)
        start[v + 1] = start[v] + (1 << m)
    share = np.zeros(start[n], np.float64)
    # Along one way down at most three pieces wait at each plane.
    room = 8 * (most + 2)
    tets = np.empty((room, 4, 3), np.float64)
    level = np.empty(room, np.int64)
    cell = np.empty(room, np.int64)
    height = np.empty(4, np.float64)
    for v in range(n):
        m = first[v + 1] - first[v]
        for order in range(6):
            x = order // 2
            y = (x + 1 + order % 2) % 3
            for d in range(3):
                for c in range(4):
                    tets[0, c, d] = -0.5
            tets[0, 1, x] = 0.5
            tets[0, 2, x] = 0.5
            tets[0, 2, y] = 0.5
            for d in range(3):
                tets[0, 3, d] = 0.5
            level[0] = 0
            cell[0] = 0
            top = 1
            while top > 0:
                t = top - 1
                if level[t] == m:
                    ux = tets[t, 1, 0] - tets[t, 0, 0]
                    uy = tets[t, 1, 1] - tets[t, 0, 1]
                    uz = tets[t, 1, 2] - tets[t, 0, 2]
                    vx = tets[t, 2, 0] - tets[t, 0, 0]
                    vy = tets[t, 2, 1] - tets[t, 0, 1]
                    vz = tets[t, 2, 2] - tets[t, 0, 2]
                    wx = tets[t, 3, 0] - tets[t, 0, 0]
                    wy = tets[t, 3, 1] - tets[t, 0, 1]
                    wz = tets[t, 3, 2] - tets[t, 0, 2]
                    six = ux * (vy * wz - vz * wy) + uy * (vz * wx - vx * wz) + uz * (vx * wy - vy * wx)
                    share[start[v] + cell[t]] += abs(six) / 6.0
                    top -= 1
                    continue
                p = first[v] + level[t]
                above = -1
                below = -1
                for c in range(4):
                    height[c] = (
                        planes[p, 0] * tets[t, c, 0]
                        + planes[p, 1] * tets[t, c, 1]
                        + planes[p, 2] * tets[t, c, 2]
                        - planes[p, 3]
                    )
                    if height[c] > on_plane:
                        above = c
                    elif height[c] < -on_plane:
                        below = c
                if above < 0 or below < 0:
                    if above >= 0:
                        cell[t] |= 1 << level[t]
                    level[t] += 1
                    continue
                f = height[above] / (height[above] - height[below])
                level[top] = level[t]
                cell[top] = cell[t]
                for c in range(4):
                    for d in range(3):
                        tets[top, c, d] = tets[t, c, d]
                for d in range(3):
                    cut = tets[t, above, d] + f * (tets[t, below, d] - tets[t, above, d])
                    tets[t, below, d] = cut
                    tets[top, above, d] = cut
                top += 1
    return start, share
