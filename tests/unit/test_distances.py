"""Distances to the nearest labelled voxel and to surfaces, against every pair compared and other libraries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial import cKDTree

import reference
import solids
from flrsim.distances import SurfaceSearch, distance_to_surface, nearest_label

SPACINGS = (np.ones(3), np.array([0.7, 0.7, 1.4]), np.array([0.57, 0.6, 5.0]), np.array([3.0, 0.4, 1.1]))


def scattered(seed, shape, density, n_labels=6):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(shape) < density, rng.integers(1, n_labels + 1, shape), 0)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("density", [0.004, 0.05, 0.5])
@pytest.mark.parametrize("seed", range(4))
def test_the_nearest_label_is_that_of_every_pair_compared(spacing, density, seed) -> None:
    """Bit for bit, ties too: whole-number spacings have them at every second voxel."""
    shape = tuple(np.random.default_rng(seed).integers(1, 20, 3))
    sources = scattered(seed, shape, density)
    within = np.random.default_rng(seed + 9).random(shape) < (1.0, 0.3)[seed % 2]
    got = nearest_label(sources, spacing, within if seed % 2 else None)
    want = reference.nearest_label(sources, spacing, within)
    np.testing.assert_array_equal(got[0], want[0])
    np.testing.assert_array_equal(got[1], want[1])


@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 9), st.integers(17, 40))
def test_thin_and_long_grids(seed, nx, ny, nz) -> None:
    sources = scattered(seed, (nx, ny, nz), 0.02)
    spacing = SPACINGS[seed % 4]
    want = reference.nearest_label(sources, spacing, np.ones(sources.shape, bool))
    for axes in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        got = nearest_label(np.transpose(sources, axes), spacing[list(axes)])
        np.testing.assert_allclose(got[1], np.transpose(want[1], axes), rtol=1e-14)
    np.testing.assert_array_equal(nearest_label(sources, spacing)[0], want[0])


def test_equal_distances_take_the_lowest_label_wherever_it_lies() -> None:
    for places in (
        ((0, 4, 4), (8, 4, 4)),
        ((4, 0, 4), (4, 8, 4)),
        ((4, 4, 8), (4, 4, 0)),
        ((4, 0, 4), (8, 4, 4)),
    ):
        for order in ((2, 5), (5, 2)):
            sources = np.zeros((9, 9, 9), np.uint8)
            for place, label in zip(places, order, strict=True):
                sources[place] = label
            assert nearest_label(sources, np.ones(3))[0][4, 4, 4] == 2
    # A sphere of sources around its centre, all but one of a high label: the one that only just ties is found.
    points = np.argwhere(np.abs(((np.indices((27, 27, 27)).T - 13) ** 2).sum(axis=-1) - 169) == 0)
    for lowest in points[::5]:
        sources = np.zeros((27, 27, 27), np.uint16)
        sources[tuple(points.T)] = 900
        sources[tuple(lowest)] = 3
        labels, distance = nearest_label(sources, np.ones(3))
        assert labels[13, 13, 13] == 3
        assert distance[13, 13, 13] == 13.0


@pytest.mark.parametrize("spacing", [np.array([0.57, 0.57, 1.6]), np.ones(3)])
def test_a_grid_of_the_size_of_a_lobe_agrees_with_scipy_and_a_search_tree(spacing) -> None:
    sources = scattered(3, (110, 90, 40), 0.002, n_labels=9)
    labels, distance = nearest_label(sources, spacing)
    edt, index = ndimage.distance_transform_edt(sources == 0, sampling=spacing, return_indices=True)
    np.testing.assert_allclose(distance, edt, rtol=1e-12)
    points = np.argwhere(sources)
    tree, _ = cKDTree(points * spacing).query(np.argwhere(sources >= 0) * spacing)
    np.testing.assert_allclose(distance.ravel(), tree, rtol=1e-12)
    # Where scipy names another source it is as far; whole numbers are not rounded, and then its label is higher.
    theirs = sources[tuple(index)]
    differs = theirs != labels
    assert np.count_nonzero(differs) < 0.03 * labels.size
    if spacing[0] == 1.0:
        assert differs.any()
        assert (labels[differs] < theirs[differs]).all()


def test_the_digits_do_not_depend_on_threads(monkeypatch) -> None:
    sources = scattered(8, (31, 44, 23), 0.01)
    two = nearest_label(sources, SPACINGS[2])
    for threads in (1, 3, 7):
        monkeypatch.setenv("FLRSIM_THREADS", str(threads))
        one = nearest_label(sources, SPACINGS[2])
        np.testing.assert_array_equal(one[0], two[0])
        np.testing.assert_array_equal(one[1], two[1])


def test_a_voxel_may_ask_for_the_nearest_voxel_itself() -> None:
    sources = scattered(5, (12, 9, 11), 0.03)
    number = np.where(sources > 0, np.arange(sources.size).reshape(sources.shape), 0)
    labels, distance = nearest_label(number, SPACINGS[1])
    away = (np.stack(np.unravel_index(labels, sources.shape)) - np.indices(sources.shape)).T * SPACINGS[1]
    np.testing.assert_allclose(np.linalg.norm(away, axis=-1).T, distance, atol=1e-12)


def test_where_nothing_is_asked_or_labelled_there_is_no_answer() -> None:
    sources = scattered(1, (6, 7, 8), 0.1)
    empty = np.zeros_like(sources)
    for labels, distance in (nearest_label(empty, np.ones(3)), nearest_label(sources, np.ones(3), empty > 0)):
        assert not labels.any()
        assert np.isinf(distance).all()
    within = np.zeros(sources.shape, bool)
    within[5, 6, 7] = True
    labels, distance = nearest_label(sources, np.ones(3), within)
    assert np.count_nonzero(labels) == np.count_nonzero(np.isfinite(distance)) == 1


@pytest.mark.parametrize(
    ("sources", "spacing", "within", "words"),
    [
        (np.zeros((2, 2), int), np.ones(3), None, "one \\(nx, ny, nz\\) grid"),
        (np.zeros((2, 2, 2), int), np.ones(3), np.zeros((2, 2, 3), bool), "one \\(nx, ny, nz\\) grid"),
        (np.zeros((2, 2, 2), int), np.array([1.0, 0, 1]), None, "three positive lengths"),
        (np.zeros((2, 2, 2), int), np.ones(2), None, "three positive lengths"),
        (np.full((2, 2, 2), -1), np.ones(3), None, "from 0 to 2147483647"),
        (np.full((2, 2, 2), 2**31), np.ones(3), None, "from 0 to 2147483647"),
    ],
)
def test_what_cannot_be_asked(sources, spacing, within, words) -> None:
    with pytest.raises(ValueError, match=words):
        nearest_label(sources, spacing, within)


# --------------------------------------------------------------------------------------------- surfaces


def test_distances_to_a_surface_are_those_to_its_nearest_triangle() -> None:
    mesh = solids.icosphere(10.0, 1)
    rng = np.random.default_rng(0)
    queries = rng.normal(size=(80, 3))
    queries *= (rng.uniform(2, 30, 80) / np.linalg.norm(queries, axis=1))[:, None]
    got = distance_to_surface(queries, mesh.points, mesh.faces)
    np.testing.assert_allclose(
        got, reference.distance_to_surface(queries, mesh.points, mesh.faces), rtol=1e-9, atol=1e-9
    )
    near = distance_to_surface(queries, mesh.points, mesh.faces, reach_mm=5.0)
    np.testing.assert_array_equal(near, np.where(got <= 5.0, got, np.inf))


def folded(seed):
    """Return a closed surface with hollows: a ball of 12 mm with waves of up to three quarters of that."""
    rng = np.random.default_rng(seed)
    mesh = solids.icosphere(1.0, 4)
    waves = sum(np.sin(mesh.points @ rng.normal(size=3) * 4 + rng.uniform(0, 6)) for _ in range(6))
    return mesh.points * (12.0 + 1.5 * waves)[:, None], mesh.faces


def two_balls():
    ball = solids.icosphere(6.0, 3)
    points = np.concatenate([ball.points, 0.7 * ball.points + [12.0, 2.0, 1.0]])
    return points, np.concatenate([ball.faces, ball.faces + len(ball.points)])


def ring():
    mesh = solids.torus(14.0, 5.0, 60, 30)
    return mesh.points, mesh.triangles()[0]


def vtk_distance(queries, points, triangles):
    import pyvista as pv
    from vtkmodules.vtkCommonCore import mutable
    from vtkmodules.vtkCommonDataModel import vtkGenericCell, vtkStaticCellLocator

    locator = vtkStaticCellLocator()
    locator.SetDataSet(pv.PolyData.from_regular_faces(points, triangles))
    locator.BuildLocator()
    at, cell, number, sub, squared = np.zeros(3), vtkGenericCell(), mutable(0), mutable(0), mutable(0.0)
    out = np.empty(len(queries))
    for n, q in enumerate(queries):
        locator.FindClosestPoint(q, at, cell, number, sub, squared)
        out[n] = float(squared) ** 0.5
    return out


@pytest.mark.parametrize("turn", [None, 4])
@pytest.mark.parametrize("spacing", [(1.1, 1.0, 1.2), (0.8, 0.8, 5.0)])
@pytest.mark.parametrize("surface", [folded(0), folded(1), two_balls(), ring()])
def test_distances_on_a_grid_are_those_of_another_library(surface, spacing, turn) -> None:
    """At folds, where two parts are as far, a few are to the farther part; by less than the goal of 0.1 mm."""
    points, triangles = surface
    shape = tuple(int(n) for n in np.ceil((np.ptp(points, axis=0) + 14.0) / spacing))
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = points.min(axis=0) - 7.0
    if turn is not None:
        matrix = solids.rotated(np.eye(4), turn)
        points, affine = points @ matrix[:3, :3].T, matrix @ affine
    got = SurfaceSearch(points, triangles).on_grid(affine, shape, reach_mm=6.0)
    chosen = np.random.default_rng(0).permutation(got.size)[:5000]
    index = np.stack(np.unravel_index(chosen, shape), axis=1)
    want = vtk_distance(index @ affine[:3, :3].T + affine[:3, 3], points, triangles)
    near = want <= 6.0 - 0.05
    off = got.reshape(-1)[chosen][near] - want[near]
    assert off.min() > -1e-5
    assert off.max() < 0.05
    assert np.mean(off > 1e-5) < 0.005
    assert np.isinf(got.reshape(-1)[chosen][want > 6.0 + 1e-5]).all()


def test_only_the_voxels_asked_about_have_a_distance_on_any_number_of_threads(monkeypatch) -> None:
    points, triangles = two_balls()
    affine = np.diag([1.0, 1.2, 0.9, 1.0])
    affine[:3, 3] = -9.0
    within = np.random.default_rng(1).random((30, 17, 21)) < 0.3
    search = SurfaceSearch(points, triangles)
    everywhere = search.on_grid(affine, within.shape, reach_mm=5.0)
    for threads in (1, 3):
        monkeypatch.setenv("FLRSIM_THREADS", str(threads))
        got = search.on_grid(affine, within.shape, reach_mm=5.0, within=within)
        np.testing.assert_array_equal(got, np.where(within, everywhere, np.inf))


def test_a_box_of_twelve_long_triangles_is_as_far_as_its_faces() -> None:
    """With triangles far longer than the grid is fine, few voxels have a vertex near by."""
    half = np.array([30.0, 4.0, 2.0])
    mesh = solids.box(-half, half)
    affine = np.diag([1.3, 1.1, 0.9, 1.0])
    affine[:3, 3] = -half - 6.0
    shape = tuple(int(n) for n in (2 * half + 12.0) / [1.3, 1.1, 0.9])
    points = solids.grid_points(shape, affine)
    out = np.linalg.norm(np.maximum(np.abs(points) - half, 0.0), axis=-1)
    search = SurfaceSearch(mesh.points, mesh.triangles()[0])
    got = search.on_grid(affine, shape, reach_mm=50.0)
    np.testing.assert_allclose(got[out > 0], out[out > 0], atol=1e-9)
    np.testing.assert_allclose(search.distances(points[out > 0]), out[out > 0], atol=1e-9)
