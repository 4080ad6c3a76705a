"""A mesh as it was delivered, prepared for examination: joined corners, edges, shells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from flrsim.mesh import MM2_PER_CM2, MM3_PER_ML

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EVERYTHING = 0
"""In `balance`: the region that is the union of all, whose faces are those that border the outside."""


@dataclass(frozen=True)
class Sheet:
    """Faces with two sides each, corners that coincide exactly joined into one.

    Attributes
    ----------
    points : (n, 3) float64, LPS mm, finite.
    faces : (m, 3) or (m, 4) int64; equal corners have equal numbers.
    sides : (m, 2) int64, the region left and the region entered; 0 is outside.
    names : name of each region; ``names[0] = "outside"``.
    source : file name, for sentences.
    delivered : (m, 3 or 4) faces as numbered in the file.
    """

    points: Floats
    faces: Ints
    sides: Ints
    names: tuple[str, ...]
    source: str
    delivered: Ints

    @cached_property
    def split(self) -> tuple[Ints, Ints]:
        """All faces as triangles (k, 3) and the face of each (k,); a quad is (0, 1, 2) and (0, 2, 3)."""
        number = np.arange(len(self.faces))
        if self.faces.shape[1] == 3:
            return self.faces, number
        return self.faces[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3), np.repeat(number, 2)

    @cached_property
    def centre(self) -> Floats:
        """Middle of the box of the points that faces use, (3,) mm: a local origin keeps the digits of volumes."""
        return np.asarray(0.5 * (self.used.min(axis=0) + self.used.max(axis=0)))

    @cached_property
    def used(self) -> Floats:
        """Points that faces use, (u, 3) mm."""
        named = np.zeros(len(self.points), dtype=np.bool_)
        named[self.faces] = True
        return self.points[named]

    @property
    def size_mm(self) -> float:
        """Diagonal of the box of all faces."""
        return float(np.linalg.norm(np.ptp(self.used, axis=0)))

    @cached_property
    def present(self) -> Ints:
        """Regions that have faces, without the outside."""
        found = np.unique(self.sides)
        return found[found > 0]

    @cached_property
    def vectors(self) -> Floats:
        """Area vector of each face, (m, 3) mm²: its length is the area, its direction leaves the first side."""
        triangles = self.split[0]
        a, b, c = (self.points[triangles[:, i]] for i in range(3))
        vector = 0.5 * np.cross(b - a, c - a)
        return vector if self.faces.shape[1] == 3 else vector.reshape(-1, 2, 3).sum(axis=1)

    @cached_property
    def areas(self) -> Floats:
        """Area of each triangle of `split`, (k,) mm²."""
        triangles, _ = self.split
        a, b, c = (self.points[triangles[:, i]] for i in range(3))
        return np.asarray(0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1))

    def cones(self, origin: Floats) -> Floats:
        """Return the signed volume of the cone from `origin` over each face, (m,) mL."""
        triangles = self.split[0]
        a, b, c = (self.points[triangles[:, i]] - origin for i in range(3))
        volume = np.einsum("ij,ij->i", a, np.cross(b, c)) / (6.0 * MM3_PER_ML)
        return np.asarray(volume if self.faces.shape[1] == 3 else volume.reshape(-1, 2).sum(axis=1))

    def volumes(self, cones: Floats, keep: NDArray[np.bool_] | None = None) -> Floats:
        """Return the signed volume of each region from its faces' cones, (n_regions,) mL."""
        weight = cones if keep is None else cones * keep
        n = len(self.names)
        return np.asarray(np.bincount(self.sides[:, 0], weight, n) - np.bincount(self.sides[:, 1], weight, n))

    def area_vectors(self) -> Floats:
        """Return the area vector of each region, (n_regions, 3) cm²; zero when it is closed."""
        n = len(self.names)
        out = np.empty((n, 3))
        for d in range(3):
            weight = self.vectors[:, d]
            out[:, d] = np.bincount(self.sides[:, 0], weight, n) - np.bincount(self.sides[:, 1], weight, n)
        return out / MM2_PER_CM2

    @cached_property
    def edges(self) -> tuple[Ints, Ints, Ints]:
        """Edges of all faces: lower corner, higher corner, and +1 where the face runs from the lower one; (m · corners,)."""
        start = self.faces.reshape(-1)
        end = np.roll(self.faces, -1, axis=1).reshape(-1)
        return np.minimum(start, end), np.maximum(start, end), np.where(start < end, 1, -1)

    def where(self, faces: Ints) -> tuple[float, float, float]:
        """Return the middle of the first of some faces, LPS mm."""
        x, y, z = self.points[self.faces[faces[0]]].mean(axis=0)
        return float(x), float(y), float(z)

    def is_soup(self) -> bool:
        """Return whether every face has corners of its own, as STL stores them."""
        return len(np.unique(self.delivered)) == self.delivered.size


def joined(points: Floats) -> tuple[Floats, Ints]:
    """Return the different points and, for each given point, its number among them.

    The first bits of a hash sort 600 000 points five times faster than comparing rows; where two different points
    share a hash, rows are compared after all.
    """
    exact = np.ascontiguousarray(points, dtype=np.float64) + 0.0
    bits = exact.view(np.uint64)
    with np.errstate(over="ignore"):
        key = (
            bits[:, 0] * np.uint64(0x9E3779B97F4A7C15)
            ^ (bits[:, 1] * np.uint64(0xC2B2AE3D27D4EB4F) >> np.uint64(1))
            ^ (bits[:, 2] * np.uint64(0x165667B19E3779F9) >> np.uint64(2))
        )
    _, first, number = np.unique(key, return_index=True, return_inverse=True)
    if not np.array_equal(exact[first][number], exact):
        different, number = np.unique(exact, axis=0, return_inverse=True)
        return different, number.reshape(-1)
    # In the order of the file, so that "the first" means the same to a person who opens it.
    order = np.argsort(first, kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return exact[first[order]], rank[number]


def prepare(points: Floats, faces: Ints, sides: Ints, names: tuple[str, ...], source: str) -> Sheet:
    """Return a mesh with finite points and valid corners, ready to be examined."""
    different, number = joined(points)
    return Sheet(
        different,
        np.ascontiguousarray(number[faces]),
        np.ascontiguousarray(sides, dtype=np.int64),
        names,
        source,
        faces,
    )


@dataclass(frozen=True)
class Edges:
    """Every edge of every region, with how its faces run along it.

    Attributes
    ----------
    region : (e,) region of each edge; `EVERYTHING` for the union of all.
    net : (e,) faces that run along it one way minus the other way, turned to look out of the region; 0 is balanced.
    count : (e,) faces of the region at the edge.
    first, second : (e,) two of these faces; equal when there is one.
    opposed : (e,) whether these two run along it in opposite directions, as neighbours on a closed surface do.
    """

    region: Ints
    net: Ints
    count: Ints
    first: Ints
    second: Ints
    opposed: NDArray[np.bool_]

    def unbalanced(self, region: int) -> Ints:
        """Return the faces at a region's unbalanced edges, one an edge, in the order of the file."""
        return np.sort(self.first[(self.region == region) & (self.net != 0)])

    def even(self, region: int) -> bool:
        """Return whether each edge has an even number of the region's faces, so that only the winding can be at fault."""
        return bool((self.count[self.region == region] % 2 == 0).all())


def edges_of(sheet: Sheet) -> Edges:
    """Return the edges of all regions and of their union."""
    low, high, run = sheet.edges
    corners = sheet.faces.shape[1]
    n = len(sheet.points)
    edge = low * n + high
    face = np.repeat(np.arange(len(sheet.faces)), corners)
    left, entered = np.repeat(sheet.sides[:, 0], corners), np.repeat(sheet.sides[:, 1], corners)
    real = (low != high) & (left != entered)
    # A face is an edge of the region it leaves, of the one it enters the other way round, and of the union where it
    # borders the outside; the outside's own number is free for that.
    parts = [
        (left, 1, real & (left > 0)),
        (entered, -1, real & (entered > 0)),
        (np.zeros_like(left), 1, real & (entered == 0)),
        (np.zeros_like(left), -1, real & (left == 0)),
    ]
    region = np.concatenate([r[k] for r, _, k in parts])
    key = np.concatenate([edge[k] for _, _, k in parts]) + region * (n * n)
    sign = np.concatenate([s * run[k] for _, s, k in parts])
    owner = np.concatenate([face[k] for _, _, k in parts])
    if not len(key):
        none = np.zeros(0, dtype=np.int64)
        return Edges(none, none, none, none, none, none.astype(np.bool_))
    order = np.argsort(key, kind="stable")
    key, sign, owner = key[order], sign[order], owner[order]
    starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    count = np.diff(np.concatenate([starts, [len(key)]]))
    second = starts + np.minimum(count, 2) - 1
    return Edges(
        region[order][starts],
        np.add.reduceat(sign, starts),
        count,
        owner[starts],
        owner[second],
        sign[starts] == -sign[second],
    )


def shells(sheet: Sheet, region: int) -> tuple[Ints, Ints, int]:
    """Return the faces of a region, the shell each belongs to (by shared corners), and the number of shells."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    own = np.flatnonzero((sheet.sides == region).any(axis=1))
    corners = sheet.faces[own]
    points, index = np.unique(corners, return_inverse=True)
    index = index.reshape(corners.shape)
    rows = np.repeat(index[:, 0], corners.shape[1] - 1)
    columns = index[:, 1:].reshape(-1)
    n = len(points)
    graph = coo_array((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(n, n))
    _, label = connected_components(graph, directed=False)
    number, shell = np.unique(label[index[:, 0]], return_inverse=True)
    return own, shell.reshape(-1), len(number)


def turned_faces(sheet: Sheet, edges: Edges) -> Ints | None:
    """Return the faces to turn so that every part of the mesh is wound alike, or None if no turning does it.

    Two faces of a region that share an edge must run along it in opposite directions; edges where more than two meet say
    nothing. Each face is two nodes of a graph, as wound and turned: faces that agree join like nodes, others unlike ones.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    m = len(sheet.faces)
    pair = (edges.count == 2) & (edges.region != EVERYTHING)
    a, b, same = edges.first[pair], edges.second[pair], edges.opposed[pair]
    rows = np.concatenate([a, a + m])
    columns = np.concatenate([np.where(same, b, b + m), np.where(same, b + m, b)])
    graph = coo_array((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(2 * m, 2 * m))
    _, label = connected_components(graph, directed=False)
    if (label[:m] == label[m:]).any():
        return None
    part = np.minimum(label[:m], label[m:])
    turned = label[:m] != part
    n = int(label.max()) + 1
    # Each part has two mirror images; right is the one whose regions hold more, and where no face borders the outside,
    # the one that turns fewer faces.
    cones = sheet.cones(sheet.centre)
    outward = cones * ((sheet.sides[:, 0] > 0).astype(np.float64) - (sheet.sides[:, 1] > 0))
    volume = np.bincount(part, outward * np.where(turned, -1.0, 1.0), n)
    share = np.bincount(part, turned, n) / np.maximum(np.bincount(part, minlength=n), 1)
    other = np.where(volume != 0, volume < 0, share > 0.5)
    # A part that is wound alike throughout is not at fault here, whichever way it faces.
    mixed = (share > 0) & (share < 1)
    return np.flatnonzero((turned != other[part]) & mixed[part])
