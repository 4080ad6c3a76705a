"""Every kernel gives what its slow, obvious version in `reference.py` gives."""

from __future__ import annotations

import numpy as np
import pytest

import reference
import solids
from flrsim import mesh_integrals as integrals
from flrsim.kernels import distance, labels
from flrsim.mesh import LabelledMesh
from flrsim.meshing import labels_from_mesh
from flrsim.surface_nets import surface_nets

SHAPES = ((1, 1, 1), (4, 3, 5), (5, 6, 4), (1, 7, 2), (3, 1, 9))


def blobs(shape, n_labels, seed, dtype=np.uint8):
    """Return a random map with 0 in it, coarse enough that walls are larger than one face."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, n_labels, tuple((n + 1) // 2 for n in shape))
    fine = coarse.repeat(2, 0).repeat(2, 1).repeat(2, 2)[: shape[0], : shape[1], : shape[2]]
    noise = rng.integers(0, n_labels, shape)
    return np.ascontiguousarray(np.where(rng.random(shape) < 0.2, noise, fine).astype(dtype))


def random_mesh(seed, n_regions=4):
    """Return the walls of a random map, its points pushed about and the whole turned."""
    rng = np.random.default_rng(seed)
    nets = surface_nets(blobs((4, 3, 4), n_regions, seed))
    faces, sides = nets.faces, nets.sides
    points = nets.corners + rng.uniform(-0.3, 0.3, nets.corners.shape)
    turn = solids.rotated(np.eye(4), seed)[:3, :3]
    return points @ turn.T * 3.0 + rng.uniform(-9, 9, 3), faces, sides


@pytest.mark.parametrize("shape", SHAPES)
def test_counts_of_pairs(shape) -> None:
    first, second = blobs(shape, 7, 1), blobs(shape, 4, 2, np.uint16)
    np.testing.assert_array_equal(
        labels.count_pairs(second, second * 2, 4, 8), reference.count_pairs(second, second * 2, 4, 8)
    )
    np.testing.assert_array_equal(
        labels.count_pairs(first.astype(np.uint16), second, 7, 4), reference.count_pairs(first, second, 7, 4)
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_combine(shape) -> None:
    segments, tissues = blobs(shape, 5, 3, np.uint16), blobs(shape, 3, 4, np.uint16)
    region_of = np.random.default_rng(0).integers(0, 4000, (5, 3)).astype(np.uint16)
    got = labels.combine(segments, tissues, region_of)
    assert got.dtype == np.uint16
    np.testing.assert_array_equal(got, reference.combine(segments, tissues, region_of))


@pytest.mark.parametrize("seed", range(8))
def test_refine_pieces(seed) -> None:
    rng = np.random.default_rng(seed)
    # Some piece ids have no voxel, and some cuts take all or nothing.
    n = int(rng.integers(1, 60))
    pieces = rng.integers(0, 6, n).astype(np.int32)
    members = rng.random(n) < rng.choice([0.0, 0.3, 0.9, 1.0])
    want, want_parent, want_inside = reference.refine_pieces(pieces, members, 6)
    parent, inside = labels.refine_pieces(pieces, members, 6)
    np.testing.assert_array_equal(pieces, want)
    np.testing.assert_array_equal(parent, want_parent)
    np.testing.assert_array_equal(inside, want_inside)


@pytest.mark.parametrize("shape", SHAPES)
def test_faces_between(shape) -> None:
    grid = blobs(shape, 6, 12)
    side_of = np.array([0, 1, 2, 1, 0, 2], np.uint8)
    got = labels.faces_between(grid, side_of)
    assert sorted(tuple(float(x) for x in row) for row in got) == reference.faces_between(grid, side_of)


@pytest.mark.parametrize("shape", [*SHAPES, (9, 8, 10)])
def test_wall_box(shape) -> None:
    for seed in range(12):
        rng = np.random.default_rng(seed)
        grid = np.zeros(shape, np.uint8)
        low = [int(rng.integers(0, n)) for n in shape]
        part = tuple(slice(a, a + 3) for a in low)
        grid[part] = blobs(shape, 3, seed)[part]
        got, want = labels.wall_box(grid), reference.wall_box(grid)
        np.testing.assert_array_equal(got[0], want[0])
        # The end may lie one voxel beyond: it only pads the part of the grid that is smoothed.
        assert ((got[1] >= want[1]) & (got[1] <= want[1] + 1) & (got[1] < shape)).all()


# ------------------------------------------------------------------------------------------------------------ meshes


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("corners", [3, 4])
def test_integrate(seed, corners) -> None:
    points, faces, sides = random_mesh(seed)
    # Open on purpose: a closed mesh has no area vector to compare, and its volume hides the origin.
    keep = np.random.default_rng(seed).random(len(faces)) < 0.7
    faces, sides = faces[keep], sides[keep]
    if corners == 3:
        faces = faces[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
        sides = np.repeat(sides, 2, axis=0)
    for origin in (np.zeros(3), points.mean(axis=0)):
        got = integrals.integrate(points, faces, sides, 4, origin)
        want = reference.integrate(points, faces, sides, 4, origin)
        for a, b in zip(got, want, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-11 * np.abs(b).max())


@pytest.mark.parametrize("corners", [3, 4])
def test_integrate_second(corners) -> None:
    points, faces, sides = random_mesh(1)
    if corners == 3:
        faces = faces[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
        sides = np.repeat(sides, 2, axis=0)
    got = integrals.integrate_second(points, faces, sides, 4, points.mean(axis=0))
    want = reference.second_moments(points, faces, sides, 4, points.mean(axis=0))
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-11 * np.abs(want).max())


@pytest.mark.parametrize("corners", [3, 4])
def test_many_chunks_and_threads_give_the_digits_of_one_and_random_labels_the_sums_of_the_reference(
    monkeypatch, corners
) -> None:
    monkeypatch.setattr(integrals, "CHUNK", 128)
    monkeypatch.setattr(integrals, "CHUNKS", 5)
    points, faces, _ = random_mesh(2)
    faces = np.tile(faces[:, :corners], (9, 1))
    assert len(faces) > 1000
    sides = np.random.default_rng(3).integers(0, 40, (len(faces), 2)).astype(np.uint16)
    origin = points.mean(axis=0)
    for function, slow in (
        (integrals.integrate, reference.integrate),
        (
            lambda *a, threads: (integrals.integrate_second(*a, threads=threads),),
            lambda *a: (reference.second_moments(*a),),
        ),
    ):
        one = function(points, faces, sides, 40, origin, threads=1)
        for a, b in zip(one, slow(points, faces, sides, 40, origin), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-11 * np.abs(b).max())
        for threads in (2, 3, 16):
            for a, b in zip(one, function(points, faces, sides, 40, origin, threads=threads), strict=True):
                np.testing.assert_array_equal(a, b)


def test_a_mesh_without_faces_has_no_volume() -> None:
    none = np.zeros((0, 3), np.int64)
    got = integrals.integrate(np.zeros((0, 3)), none, np.zeros((0, 2), np.uint16), 3, np.zeros(3))
    assert [a.shape for a in got] == [(3,), (3, 3), (3, 3), (3, 3)]
    assert all((a == 0).all() for a in got)


def test_integrate_takes_single_precision_points_and_short_numbers() -> None:
    points, faces, sides = random_mesh(0)
    points, faces, sides = points.astype(np.float32), faces[3:], sides[3:]
    origin = points.mean(axis=0).astype(float)
    got = integrals.integrate(points, faces.astype(np.int32), sides, 4, origin)
    want = reference.integrate(points.astype(float), faces, sides, 4, origin)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-11 * np.abs(b).max())


@pytest.mark.parametrize("seed", range(4))
def test_scan_convert_agrees_with_winding_numbers(seed) -> None:
    points, faces, sides = random_mesh(seed)
    points = (points - points.min(axis=0)) * 0.4
    # Quads are not flat here: the reference and the kernel split them alike.
    shape = tuple(int(n) + 2 for n in np.ceil(points.max(axis=0)))
    mesh = LabelledMesh(points, faces, sides, ("outside", "a", "b", "c"))
    got = labels_from_mesh(mesh, np.eye(4), shape)
    want = reference.scan_convert(points, faces, sides, shape, 4)
    np.testing.assert_array_equal(got, want)
    assert len(np.unique(want)) == 4


# ---------------------------------------------------------------------------------------------------------- distances


def test_point_to_triangle_distances_in_every_region_around_it() -> None:
    rng = np.random.default_rng(5)
    for _ in range(40):
        points = rng.normal(size=(3, 3)) * rng.uniform(0.2, 5, 3)
        triangle = np.array([[0, 1, 2]])
        queries = np.concatenate([rng.normal(size=(60, 3)) * 4, points, points.mean(axis=0, keepdims=True)])
        nearest = np.linalg.norm(queries[:, None] - points, axis=2).argmin(axis=1)
        got = distance.distance_to_triangles(
            queries, nearest, points, triangle, np.array([0, 1, 2, 3]), np.array([0, 0, 0])
        )
        np.testing.assert_allclose(
            got, reference.distance_to_surface(queries, points, triangle), rtol=1e-9, atol=1e-9
        )


def test_a_triangle_without_area_still_has_a_distance() -> None:
    points = np.array([[0.0, 0, 0], [2, 0, 0], [4, 0, 0]])
    queries = np.array([[1.0, 3, 0], [5, 0, 0], [2, 0, 0]])
    got = distance.distance_to_triangles(
        queries,
        np.array([0, 2, 1]),
        points,
        np.array([[0, 1, 2]]),
        np.array([0, 1, 2, 3]),
        np.array([0, 0, 0]),
    )
    np.testing.assert_allclose(got, [3, 1, 0], atol=1e-12)


def test_the_way_over_a_surface_leads_to_the_nearest_triangle_from_any_vertex_of_its_star() -> None:
    mesh = solids.icosphere(1.0, 0)
    points = mesh.points * [6.0, 1.0, 0.7]
    around = [[t for t in range(20) if v in mesh.faces[t]] for v in range(12)]
    first = np.concatenate([[0], np.cumsum([len(a) for a in around])])
    queries = np.random.default_rng(2).normal(size=(80, 3)) * [7.0, 3.0, 3.0]
    outside = np.linalg.norm(queries / [6.0, 1.0, 0.7], axis=1) > 1.0
    queries = queries[outside]
    nearest = np.linalg.norm(queries[:, None] - points, axis=2).argmin(axis=1)
    got = distance.distance_to_triangles(queries, nearest, points, mesh.faces, first, np.concatenate(around))
    np.testing.assert_allclose(got, reference.distance_to_surface(queries, points, mesh.faces), atol=1e-9)
    # On this stretched solid the star of the nearest vertex alone does not hold the nearest triangle.
    stars = [
        reference.distance_to_surface(q[None], points, mesh.faces[around[v]])[0]
        for q, v in zip(queries, nearest, strict=True)
    ]
    assert (np.array(stars) > got + 1e-3).any()


# ------------------------------------------------------------------------------------------------------------- sweeps


@pytest.mark.parametrize("seed", range(10))
def test_sweep_to_capsule(seed) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(5, 13, 3))
    spacing = rng.uniform(0.5, 2.0, 3)
    inside = rng.random(shape) < 0.93
    zone = np.zeros(shape, bool)
    zone[tuple(slice(n // 3, n // 3 + 2) for n in shape)] = True
    way_out = rng.normal(size=3)
    way_out /= np.linalg.norm(way_out)
    index = np.argwhere(zone)
    middle = 0.5 * (index.min(axis=0) + index.max(axis=0))
    # The ball holds the zone's voxels with their corners and the half voxel by which a path is rounded.
    radius = float(np.sqrt((((index - middle) * spacing) ** 2).sum(axis=1).max()) + np.linalg.norm(spacing))
    for reach in (100.0, 3.0):
        got = distance.sweep_to_capsule(zone, inside, spacing, way_out, reach, middle, radius)
        want = reference.sweep(zone, inside, spacing, way_out, reach, 0.9 * spacing.min())
        np.testing.assert_array_equal(got, want)
        assert (got & ~zone).any() or reach < 50


def test_a_sweep_stops_where_it_leaves_the_liver_and_takes_the_last_voxel() -> None:
    inside = np.ones((1, 1, 12), bool)
    inside[0, 0, 8] = False
    zone = np.zeros_like(inside)
    zone[0, 0, 3] = True
    one = np.ones(3)
    args = (one, np.array([0.0, 0, 1]), 30.0, np.array([0.0, 0, 3]), 0.5)
    got = distance.sweep_to_capsule(zone, inside, *args)
    # A second lobe beyond the gap is not on the way out.
    assert np.flatnonzero(got).tolist() == [3, 4, 5, 6, 7]
    whole = distance.sweep_to_capsule(zone, np.ones_like(inside), *args)
    assert np.flatnonzero(whole).tolist() == list(range(3, 12))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_sweep_runs_along_the_border_planes_of_the_grid_too(axis, sign) -> None:
    inside = np.ones((5, 6, 7), bool)
    zone = np.zeros_like(inside)
    start = 1 if sign > 0 else inside.shape[axis] - 2
    np.moveaxis(zone, axis, 0)[start] = True
    got = distance.sweep_to_capsule(
        zone, inside, np.ones(3), sign * np.eye(3)[axis], 20.0, np.array([2.0, 2.5, 3.0]), 20.0
    )
    want = np.zeros_like(inside)
    np.moveaxis(want, axis, 0)[slice(start, None) if sign > 0 else slice(None, start + 1)] = True
    np.testing.assert_array_equal(got, want)
