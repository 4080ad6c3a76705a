"""Solids whose volumes are formulas, and the mesh of each."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flrsim.mesh import LabelledMesh

OUT = ("outside", "solid")


def as_solid(points: ArrayLike, faces: ArrayLike, names: tuple[str, ...] = OUT) -> LabelledMesh:
    """Return a closed surface whose faces look out of region 1."""
    of = np.asarray(faces, dtype=np.int64)
    sides = np.tile(np.array([1, 0], np.uint16), (len(of), 1))
    return LabelledMesh(np.asarray(points, dtype=np.float64), of, sides, names)


def tetrahedron() -> LabelledMesh:
    """Return the corner tetrahedron of the unit cube.

    It has 1/6 mm³, its centroid at (1/4, 1/4, 1/4), three right triangles and one equilateral of side √2.
    """
    return as_solid(
        [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]
    )


def box(low: ArrayLike, high: ArrayLike) -> LabelledMesh:
    """Return a box of six quads; two of them share each edge."""
    low, high = np.asarray(low, float), np.asarray(high, float)
    corner = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    faces = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    return as_solid(low + corner * (high - low), faces)


def icosphere(radius: float, subdivisions: int) -> LabelledMesh:
    """Return the recursively halved icosahedron, all points on the sphere."""
    g = (1 + 5**0.5) / 2
    corners = [[-1, g, 0], [1, g, 0], [-1, -g, 0], [1, -g, 0], [0, -1, g], [0, 1, g]]
    corners += [[0, -1, -g], [0, 1, -g], [g, 0, -1], [g, 0, 1], [-g, 0, -1], [-g, 0, 1]]
    points = np.array(corners) / np.linalg.norm(corners[0])
    first = [[0, 11, 5], [0, 5, 1], [0, 1, 7], [0, 7, 10], [0, 10, 11], [1, 5, 9], [5, 11, 4], [11, 10, 2]]
    first += [[10, 7, 6], [7, 1, 8], [3, 9, 4], [3, 4, 2], [3, 2, 6], [3, 6, 8], [3, 8, 9], [4, 9, 5]]
    first += [[2, 4, 11], [6, 2, 10], [8, 6, 7], [9, 8, 1]]
    faces = np.array(first)
    for _ in range(subdivisions):
        edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        once, at = np.unique(edges, axis=0, return_inverse=True)
        between = points[once].sum(axis=1)
        middle = at.reshape(-1, 3) + len(points)
        points = np.concatenate([points, between / np.linalg.norm(between, axis=1, keepdims=True)])
        (a, b, c), (ab, bc, ca) = faces.T, middle.T
        finer = [[a, ab, ca], [b, bc, ab], [c, ca, bc], [ab, bc, ca]]
        faces = np.stack(finer).transpose(2, 0, 1).reshape(-1, 3)
    return as_solid(radius * points, faces)


def faceted_ball_mm3(radius: float, mesh: LabelledMesh) -> float:
    """Return the volume that an inscribed polyhedron of triangles should have: the ball's less what its faces cut off.

    Over a triangle with corners on the sphere R² − r² is on average a twelfth of the sum of its squared edges; the gap
    up to the sphere is that over 2 R, to first order.
    """
    corner = mesh.points[mesh.faces]
    edges = ((corner - np.roll(corner, 1, axis=1)) ** 2).sum(axis=(1, 2))
    area = 0.5 * np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1)
    return float(4 / 3 * np.pi * radius**3 - (area * edges).sum() / (24 * radius))


def nested(meshes: Sequence[LabelledMesh]) -> LabelledMesh:
    """Return solids, each inside the one before it, as one mesh: region i + 1 is solid i without those inside it."""
    faces, sides, points = [], [], []
    count = 0
    for i, mesh in enumerate(meshes):
        triangles, _ = mesh.triangles()
        faces.append(triangles + count)
        sides.append(np.tile(np.array([i + 1, i], np.uint16), (len(triangles), 1)))
        points.append(mesh.points)
        count += len(mesh.points)
    names = ("outside", *(f"shell {i + 1}" for i in range(len(meshes))))
    return LabelledMesh(np.concatenate(points), np.concatenate(faces), np.concatenate(sides), names)


def moved(
    mesh: LabelledMesh, *, turn: NDArray[np.float64] | None = None, shift: ArrayLike = 0.0
) -> LabelledMesh:
    """Return a mesh turned about the origin, then moved."""
    points = mesh.points if turn is None else mesh.points @ turn.T
    return LabelledMesh(points + np.asarray(shift), mesh.faces, mesh.sides, mesh.names)


def torus(ring: float, tube: float, n_ring: int, n_tube: int) -> LabelledMesh:
    """Return a torus of quads around the z axis; corners lie on the torus."""
    u = 2 * np.pi * np.arange(n_ring) / n_ring
    v = 2 * np.pi * np.arange(n_tube) / n_tube
    uu, vv = np.meshgrid(u, v, indexing="ij")
    out = ring + tube * np.cos(vv)
    points = np.stack([out * np.cos(uu), out * np.sin(uu), tube * np.sin(vv)], axis=-1).reshape(-1, 3)
    i, j = (a.ravel() for a in np.meshgrid(np.arange(n_ring), np.arange(n_tube), indexing="ij"))
    corners = ((i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1))
    return as_solid(points, np.column_stack([(a % n_ring) * n_tube + b % n_tube for a, b in corners]))


def polygonal_torus_volume(ring: float, tube: float, n_ring: int, n_tube: int) -> float:
    """Return the exact volume of `torus`: a sector is a polygon swept straight, ∫∫ x dx dz · ∫ cos²(π/n)/cos²φ dφ."""
    area = 0.5 * n_tube * tube**2 * math.sin(2 * math.pi / n_tube)
    return n_ring * area * ring * math.sin(2 * math.pi / n_ring)


def cubes_2x2x2(
    edge: float, origin: ArrayLike = (0.0, 0.0, 0.0)
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return eight labels, one a cube of `edge` mm, 1 … 8 in the order of x, y, z."""
    labels = np.zeros((2, 2, 2), np.uint8)
    labels[...] = 1 + np.arange(8).reshape(2, 2, 2)
    affine = np.diag([edge, edge, edge, 1.0])
    affine[:3, 3] = np.asarray(origin) + 0.5 * edge
    return labels, affine
