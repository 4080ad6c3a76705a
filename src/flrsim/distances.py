"""Distances: of voxels to the nearest labelled voxel, of points to surfaces."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from flrsim.grid import spacing_of
from flrsim.label_statistics import label_counts
from flrsim.threads import at_once, parts

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

Box = tuple[slice, slice, slice]

FEW_QUERIES = 300
"""Points measured first, to bound how far the nearest can be."""


def box_of(mask: NDArray[np.bool_]) -> Box | None:
    """Return the smallest box of a grid that holds every voxel of a mask; None when there is none."""
    box = label_counts(np.asarray(mask, dtype=np.bool_).view(np.uint8)).box
    if box is None:
        return None
    x, y, z = (slice(int(a), int(b) + 1) for a, b in box.T)
    return x, y, z


def nearest_label(
    sources: NDArray[np.integer],
    spacing_mm: NDArray[np.float64],
    within: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return the label of the nearest labelled voxel of every voxel, and how far it is.

    Exact between voxel centres. Of labels at the same distance the lowest is taken; distances are the same when
    ``(Δx·sx)² + ((Δy·sy)² + (Δz·sz)²)`` is the same double. The digits do not depend on the number of threads.

    Parameters
    ----------
    sources : (nx, ny, nz) integers from 0; 0 is no source. With each voxel's own number as its label, the answer is
        the nearest voxel itself.
    spacing_mm : (3,) mm.
    within : (nx, ny, nz) bool, the voxels that are asked about; all when not given. Sources outside it count.

    Returns
    -------
    labels : (nx, ny, nz) int32; 0 where nothing was asked, or nothing is labelled.
    distance_mm : (nx, ny, nz); infinite there.
    """
    from flrsim.kernels.territory import nearest_across_slabs, nearest_in_slabs

    if sources.ndim != 3 or (within is not None and within.shape != sources.shape):
        shape = None if within is None else within.shape
        raise ValueError(
            f"sources are {sources.shape}, within is {shape}; both must be one (nx, ny, nz) grid"
        )
    spacing = np.ascontiguousarray(spacing_mm, dtype=np.float64)
    if spacing.shape != (3,) or not (np.isfinite(spacing) & (spacing > 0)).all():
        raise ValueError(f"spacing_mm is {spacing_mm}; three positive lengths in mm are needed")
    labels = np.zeros(sources.shape, dtype=np.int32)
    distance = np.full(sources.shape, np.inf)
    of_sources = box_of(sources != 0)
    asked = np.ones(sources.shape, dtype=np.bool_) if within is None else np.asarray(within, dtype=np.bool_)
    of_asked = box_of(asked)
    if of_sources is None or of_asked is None:
        return labels, distance
    part = sources[of_sources]
    if part.min() < 0 or part.max() > np.iinfo(np.int32).max:
        raise ValueError(f"labels run from {part.min()} to {part.max()}; they must be from 0 to 2147483647")
    part = np.ascontiguousarray(part, dtype=np.int32)
    asked = np.ascontiguousarray(asked[of_asked])
    low = np.array([a.start - s.start for a, s in zip(of_asked, of_sources, strict=True)])
    squared = np.zeros((part.shape[0], *asked.shape[1:]))
    of_slab = np.zeros(squared.shape, dtype=np.int32)
    filled = np.zeros(part.shape[0], dtype=np.bool_)
    seen = np.ascontiguousarray(asked.any(axis=0).T)
    at_once(
        lambda a, b: nearest_in_slabs(part, spacing, low[1:], seen, a, b, squared, of_slab, filled),
        parts(part.shape[0]),
    )
    place = np.flatnonzero(filled)
    if len(place) < len(filled):
        squared, of_slab = squared[place], of_slab[place]
    out = labels[of_asked], distance[of_asked]
    at_once(
        lambda a, b: nearest_across_slabs(squared, of_slab, place, spacing[0], low[0], asked, a, b, *out),
        parts(asked.shape[1]),
    )
    return labels, distance


class SurfaceSearch:
    """Distances to one triangle surface; its search tree is built once.

    Parameters
    ----------
    points : (n, 3) mm; triangles : (m, 3).
    """

    def __init__(self, points: NDArray[np.float64], triangles: NDArray[np.int64]) -> None:
        self.low, self.high = points.min(axis=0), points.max(axis=0)
        self._points, self._triangles = points, triangles
        corners = triangles.reshape(-1)
        self._order = np.argsort(corners, kind="stable")
        self._around = self._order // 3
        self._first = np.concatenate([[0], np.cumsum(np.bincount(corners, minlength=len(points)))])
        sides = points[triangles] - points[np.roll(triangles, 1, axis=1)]
        # No point of the surface is farther from a vertex than the longest edge.
        self._edge = float(np.sqrt((sides**2).sum(axis=2)).max(initial=0.0))

    @cached_property
    def _tree(self) -> cKDTree:
        from scipy.spatial import cKDTree

        return cKDTree(self._points)

    def distances(self, queries: NDArray[np.float64], *, reach_mm: float = np.inf) -> NDArray[np.float64]:
        """Return the distance of each query point to the surface, (n,) mm; infinite beyond `reach_mm`."""
        _, nearest = self._tree.query(queries, distance_upper_bound=reach_mm + self._edge)
        out = np.full(len(queries), np.inf)
        near = nearest < len(self._points)
        out[near] = self._around_vertices(queries[near], nearest[near])
        out[out > reach_mm] = np.inf
        return out

    def on_grid(
        self,
        affine: NDArray[np.float64],
        shape: tuple[int, int, int],
        *,
        reach_mm: float,
        within: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.float64]:
        """Return the distance of every voxel centre of a grid to the surface, mm; infinite beyond `reach_mm`.

        Parameters
        ----------
        affine : (4, 4), the grid's; its axes at right angles.
        within : (nx, ny, nz) bool, the voxels that are asked about; all when not given.
        """
        from flrsim.kernels.distance import distances_from_vertices, nearest_vertices_by_sweeps

        spacing = spacing_of(affine)
        inverse = np.linalg.inv(affine)
        points = np.ascontiguousarray((self._points @ inverse[:3, :3].T + inverse[:3, 3]) * spacing)
        # On a closed surface the corners that follow a vertex around its triangles are all its neighbours.
        follows = np.roll(self._triangles, -1, axis=1).reshape(-1)[self._order]
        vertex = nearest_vertices_by_sweeps(
            points, self._first, follows, spacing, shape, float(reach_mm + self._edge)
        )
        asked = np.ones(shape, dtype=np.bool_) if within is None else np.asarray(within, dtype=np.bool_)
        out = np.full(shape, np.inf)
        at_once(
            lambda a, b: distances_from_vertices(
                vertex, asked, spacing, points, self._triangles, self._first, self._around, a, b, out
            ),
            parts(shape[0]),
        )
        out[out > reach_mm] = np.inf
        return out

    def _around_vertices(
        self, queries: NDArray[np.float64], vertices: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        from flrsim.kernels.distance import distance_to_triangles

        return np.asarray(
            distance_to_triangles(
                np.ascontiguousarray(queries),
                np.ascontiguousarray(vertices, dtype=np.int64),
                self._points,
                self._triangles,
                self._first,
                self._around,
            )
        )

    def nearest(self, queries: NDArray[np.float64], *, reach_mm: float = np.inf) -> float:
        """Return the shortest distance between the surface and any query point, mm; infinite beyond `reach_mm`."""
        if not len(queries):
            return float("inf")
        # The distance to the surface's box is a lower bound: a few points with the smallest one give an upper bound,
        # and what lies farther from the box than that cannot be nearest.
        gap = np.maximum(np.maximum(self.low - queries, queries - self.high), 0.0)
        lower = np.sqrt((gap**2).sum(axis=1))
        few = min(len(queries), FEW_QUERIES)
        best = float(self.distances(queries[np.argpartition(lower, few - 1)[:few]]).min())
        bound = min(best, reach_mm)
        best = min(best, float(self.distances(queries[lower <= bound], reach_mm=bound).min(initial=np.inf)))
        return best if best <= reach_mm else float("inf")


def distance_to_surface(
    queries: NDArray[np.float64],
    points: NDArray[np.float64],
    triangles: NDArray[np.int64],
    *,
    reach_mm: float = np.inf,
) -> NDArray[np.float64]:
    """Return the distance of each query point to a triangle surface, (n,) mm; infinite beyond `reach_mm`."""
    return SurfaceSearch(points, triangles).distances(queries, reach_mm=reach_mm)


def bounding_slices(
    affine: NDArray[np.float64], shape: tuple[int, ...], points: NDArray[np.float64], pad_mm: float
) -> tuple[slice, slice, slice]:
    """Return the part of a grid that holds `points` and everything within `pad_mm` of them."""
    inverse = np.linalg.inv(affine)
    voxel = points @ inverse[:3, :3].T + inverse[:3, 3]
    pad = pad_mm / spacing_of(affine)
    low = np.maximum(np.floor(voxel.min(axis=0) - pad).astype(int), 0)
    high = np.minimum(np.ceil(voxel.max(axis=0) + pad).astype(int) + 1, np.asarray(shape))
    return slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2])
