"""Geometry for the eye only: coarser grids, smoother walls, lines. No number ever comes from here."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flrsim.surface_nets import averaged, wall_faces

TRIANGLE_LIMIT = 250_000
"""Triangles of a display mesh; beyond this the grid is thinned first."""

# Taubin's pair of steps: the second undoes the shrinking of the first.
SMOOTHING_ROUNDS = 20
SMOOTHING_STEPS = (0.5, -0.53)


def wall_triangles(labels: NDArray[np.unsignedinteger]) -> int:
    """Return how many triangles the voxel walls of a label grid (nx, ny, nz) make, two a face."""
    return 2 * wall_faces(labels)


def thinned(
    labels: NDArray[np.unsignedinteger], affine: NDArray[np.float64], *, limit: int = TRIANGLE_LIMIT
) -> tuple[NDArray[np.unsignedinteger], NDArray[np.float64]]:
    """Return labels and affine with as few voxels left out as the triangle limit asks, finest axes first.

    Parameters
    ----------
    labels : (nx, ny, nz), 0 outside.
    affine : (4, 4) voxel indices to LPS mm.
    """
    stride = np.ones(3, dtype=np.int64)
    spacing = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    coarse = labels
    while wall_triangles(coarse) > limit and max(coarse.shape) > 8:
        # Axes whose voxels are shortest now are thinned together, so that voxels grow towards cubes.
        now = spacing * stride
        stride[now <= 1.2 * now.min()] += 1
        a, b, c = (int(s) for s in stride)
        coarse = labels[a // 2 :: a, b // 2 :: b, c // 2 :: c]
    out = affine.copy()
    out[:3, :3] = affine[:3, :3] * stride
    out[:3, 3] = affine[:3, :3] @ (stride // 2) + affine[:3, 3] if stride.max() > 1 else affine[:3, 3]
    return coarse, out


def smoothed(points: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return points (n, 3) after Taubin smoothing along lines, triangles or quads (m, 2 | 3 | 4).

    All walls are smoothed as one mesh, so neighbours keep sharing their border.
    """
    return averaged(points, faces, SMOOTHING_STEPS * SMOOTHING_ROUNDS)


def with_smooth_lines(
    points: NDArray[np.float64], lines: NDArray[np.int64], *, over_mm: float, reach_mm: float
) -> NDArray[np.float64]:
    """Return points (n, 3) of which those on lines (m, 2) follow smooth curves, and those beside them go along.

    Parameters
    ----------
    over_mm : waves along the lines much shorter than this are lost (standard deviation of the average).
    reach_mm : from here on nothing moves.
    """
    from scipy.spatial import cKDTree

    used, own = np.unique(lines, return_inverse=True)
    if not len(used):
        return points
    apart = np.linalg.norm(points[lines[:, 0]] - points[lines[:, 1]], axis=1).mean()
    # A step half of the way to the neighbours' mean averages over a variance of half the squared distance.
    rounds = max(round(2.0 * (over_mm / apart) ** 2), 1)
    moved = averaged(points[used], own.reshape(lines.shape), (0.5,) * rounds) - points[used]
    away, nearest = cKDTree(points[used]).query(points, distance_upper_bound=reach_mm)
    near = np.isfinite(away)
    out = points.copy()
    out[near] += moved[nearest[near]] * (1.0 - away[near, None] / reach_mm) ** 2
    return out


def face_edges(faces: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return all edges of faces (m, k), each row sorted: (m * k, 2), face by face."""
    k = faces.shape[1]
    pairs = np.stack([faces, faces[:, [(c + 1) % k for c in range(k)]]], axis=2).reshape(-1, 2)
    return np.sort(pairs, axis=1)


def rim_edges(faces: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the edges that only one of the faces has: the rim of an open surface, (n_edges, 2)."""
    codes, counts = np.unique(_encode(face_edges(faces)), return_counts=True)
    return _decode(codes[counts == 1])


def border_edges(faces: NDArray[np.int64], group: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the edges between faces (m, k) of different groups (m,), (n_edges, 2)."""
    codes = _encode(face_edges(faces))
    owner = np.repeat(group, faces.shape[1])
    order = np.lexsort((owner, codes))
    codes, owner = codes[order], owner[order]
    changes = (codes[1:] == codes[:-1]) & (owner[1:] != owner[:-1])
    return _decode(np.unique(codes[1:][changes]))


def long_lines(
    points: NDArray[np.float64], lines: NDArray[np.int64], *, at_least_mm: float
) -> NDArray[np.int64]:
    """Return the segments (m, 2) of connected lines of some length; specks of a rim say nothing."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(points)
    _, group = connected_components(
        coo_array((np.ones(len(lines)), (lines[:, 0], lines[:, 1])), shape=(n, n)), directed=False
    )
    length = np.linalg.norm(points[lines[:, 0]] - points[lines[:, 1]], axis=1)
    total = np.bincount(group[lines[:, 0]], weights=length, minlength=n)
    return np.asarray(lines[total[group[lines[:, 0]]] >= at_least_mm])


def contour_lines(
    points: NDArray[np.float64],
    faces: NDArray[np.int64],
    normal: tuple[float, float, float],
    every_mm: float,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return where parallel planes, `every_mm` apart, cross triangles (m, 3): points (2 n, 3) and lines (n, 2).

    A triangle that several planes cross shows the highest of them.
    """
    height = points @ (np.array(normal) / np.linalg.norm(normal)) / every_mm
    own = height[faces]
    level = np.floor(own.max(axis=1))
    crossed = own.min(axis=1) < level
    own, level, corner = own[crossed] - level[crossed, None], level[crossed], points[faces[crossed]]
    ends = []
    for a, b in ((0, 1), (1, 2), (2, 0)):
        one, other = own[:, a], own[:, b]
        hit = (one >= 0) != (other >= 0)
        share = np.divide(one, one - other, out=np.zeros(len(one)), where=hit)
        ends.append((hit, corner[:, a] + share[:, None] * (corner[:, b] - corner[:, a])))
    hits = np.stack([hit for hit, _ in ends], axis=1)
    both = hits.sum(axis=1) == 2
    places = np.stack([place for _, place in ends], axis=1)[both]
    out = places[hits[both]].reshape(-1, 3)
    return out, np.arange(len(out)).reshape(-1, 2)


def compact(
    points: NDArray[np.float64], faces: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return only the points that faces or lines use, and the faces renumbered."""
    used, renumbered = np.unique(faces, return_inverse=True)
    return points[used], renumbered.reshape(faces.shape)


def as_triangles(faces: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return quads (m, 4) as triangles (2 m, 3); triangles as they are."""
    return faces if faces.shape[1] == 3 else faces[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)


def _encode(edges: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray(edges[:, 0] << 32 | edges[:, 1])


def _decode(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.column_stack([codes >> 32, codes & 0xFFFFFFFF])
