"""Walls between the labels of a map, in voxels, raw and smoothed: closed around every label."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from threading import Barrier

import numpy as np
from numpy.typing import NDArray

from flrsim.threads import at_once, parts, thread_count

SMALL_MAP = 1 << 18
"""Voxels under which a second thread costs more than it saves."""
SMALL_MESH = 1 << 14
"""Points under which threads would wait for each other longer than they smooth."""


@dataclass(frozen=True)
class Nets:
    """Walls between labels: one point a voxel corner, one quad a voxel face.

    Attributes
    ----------
    corners : (n, 3) int32; corner (i, j, k) lies half a voxel below voxel (i, j, k) along each axis.
    faces : (m, 4) int64, corners in turn.
    sides : (m, 2) uint16, the label the face's normal leaves (right-hand rule on a right-handed grid) and the
        one it enters. The side left is never 0 and, between two labels, the smaller one.
    joined : (n, 6) uint32, the points one face edge down x, y, z and up x, y, z; a point itself where there is
        none. Empty where it was not asked for.
    """

    corners: NDArray[np.int32]
    faces: NDArray[np.int64]
    sides: NDArray[np.uint16]
    joined: NDArray[np.uint32]


def surface_nets(labels: NDArray[np.unsignedinteger], *, joined: bool = False) -> Nets:
    """Return the walls between the labels of a (nx, ny, nz) map; 0 and everything beyond the map is outside."""
    from flrsim.kernels.nets import count_planes, fill_planes

    per_word = 8 // labels.itemsize
    nx, ny, nz = labels.shape
    padded = np.zeros((nx + 2, ny + 2, -(-(nz + 2) // per_word) * per_word), dtype=labels.dtype)
    padded[1:-1, 1:-1, 1 : nz + 1] = labels
    slabs = parts(nx + 1, least=1 if padded.size >= SMALL_MAP else nx + 1)
    counted = at_once(partial(count_planes, padded), slabs)
    points, faces = (np.concatenate([c[part] for c in counted]) for part in range(2))
    first_point = np.concatenate([[0], np.cumsum(points)])
    first_face = np.concatenate([[0], np.cumsum(faces)])
    n, m = int(first_point[-1]), int(first_face[-1])
    out = Nets(
        np.empty((n, 3), dtype=np.int32),
        np.empty((m, 4), dtype=np.int64),
        np.empty((m, 2), dtype=np.uint16),
        np.empty((n if joined else 0, 6), dtype=np.uint32),
    )
    out.joined[:] = np.arange(len(out.joined), dtype=np.uint32)[:, None]
    # Shared out by faces, not by planes. At the seam both threads write the same points and neighbours.
    edges = np.searchsorted(first_face, [m * s // len(slabs) for s in range(len(slabs) + 1)])
    edges[0], edges[-1] = 0, nx + 1
    at_once(
        partial(fill_planes, padded, first_point, first_face, out.corners, out.faces, out.sides, out.joined),
        [(int(a), int(b)) for a, b in pairwise(edges)],
    )
    return out


def smoothing_moves(nets: Nets, iterations: int, step: float, reach: float) -> NDArray[np.float64]:
    """Return how far Laplacian smoothing moves each corner, (n, 3) float64, voxels.

    Parameters
    ----------
    nets : walls with `joined`.
    step : fraction of the way to the mean of a point's neighbours, per iteration.
    reach : the farthest a point may move along each axis from its corner, voxels.
    """
    from flrsim.kernels.nets import smooth_step

    n = len(nets.corners)
    now = np.zeros((n, 3))
    then = np.empty_like(now)
    shares = parts(n, least=SMALL_MESH)
    barrier = Barrier(len(shares))

    def run(start: int, stop: int) -> None:
        old, new = now, then
        for _ in range(iterations):
            smooth_step(old, new, nets.joined, step, reach, start, stop)
            old, new = new, old
            barrier.wait()

    if len(shares) == 1 or thread_count() < len(shares):
        barrier = Barrier(1)
        run(0, n)
    else:
        with ThreadPoolExecutor(max_workers=len(shares)) as pool:
            list(pool.map(lambda share: run(*share), shares))
    return now if iterations % 2 == 0 else then


def placed(
    nets: Nets, affine: NDArray[np.float64], moves: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return the points of the walls in the world, (n, 3) mm, moved by `moves` voxels where given."""
    from flrsim.kernels.nets import place

    points = np.empty((len(nets.corners), 3))
    given = np.empty((0, 3)) if moves is None else moves
    # Not by a matrix product: numpy's would start threads of its own for every call.
    at_once(
        partial(place, nets.corners, given, np.ascontiguousarray(affine, dtype=np.float64), points),
        parts(len(points), least=SMALL_MESH),
    )
    return points


def wall_faces(labels: NDArray[np.unsignedinteger]) -> int:
    """Return how many voxel faces the walls of a (nx, ny, nz) map have; 0 and everything beyond the map is outside."""
    from flrsim.kernels.smoothing import wall_faces as counted

    return int(counted(np.ascontiguousarray(labels)))


def averaged(
    points: NDArray[np.float64], faces: NDArray[np.int64], steps: Sequence[float]
) -> NDArray[np.float64]:
    """Return points (n, 3) after steps of so large a share of the way to the mean of their neighbours.

    Parameters
    ----------
    faces : (m, k), points in turn; lines have k = 2. Neighbours are joined by an edge.
    """
    from flrsim.kernels.smoothing import mean_step, neighbours

    first, beside = neighbours(np.ascontiguousarray(faces), len(points))
    now, then = np.array(points, order="C"), np.empty(points.shape)
    for step in steps:
        mean_step(now, then, first, beside, step)
        now, then = then, now
    return now
