"""Grid to mesh and back: exact volumes, closed walls, areas that do not depend on direction, leaks that are seen."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

import reference
import solids
from flrsim.errors import GeometryError
from flrsim.io.vtp import read_interface_mesh
from flrsim.mesh import LabelledMesh
from flrsim.meshing import (
    contact_areas_cm2,
    grid_frame,
    labels_from_mesh,
    lattice_of,
    mesh_from_labels,
    mesh_of_function,
    wall_between,
)

SPACING = (0.7, 1.1, 2.3)
NAMES = ("outside", "a", "b", "c", "d")


def lumps(seed, shape=(14, 12, 11), n_labels=4, edge=0):
    """Return a random map of lumps and specks; labels reach the border of the array when `edge` is 0."""
    rng = np.random.default_rng(seed)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    centres = rng.uniform(0, shape, (3 * n_labels, 3))
    label = np.tile(np.arange(n_labels + 1), 3)[: 3 * n_labels]
    nearest = np.linalg.norm(index[..., None, :] - centres, axis=-1).argmin(axis=-1)
    out = label[nearest]
    out = np.where(rng.random(shape) < 0.03, rng.integers(0, n_labels + 1, shape), out).astype(np.uint8)
    if edge:
        frame = np.zeros(shape, bool)
        frame[edge:-edge, edge:-edge, edge:-edge] = True
        out[~frame] = 0
    return out


def affine_of(seed):
    affine = solids.rotated(np.diag([*SPACING, 1.0]), seed)
    affine[:3, 3] = np.random.default_rng(seed).uniform(-300, 300, 3)
    return affine


# ------------------------------------------------------------------------------------------------------ grid to mesh


@pytest.mark.parametrize("seed", range(6))
def test_unsmoothed_volumes_are_the_voxels(seed) -> None:
    labels, affine = lumps(seed), affine_of(seed)
    got = mesh_from_labels(labels, affine, NAMES).measure()
    want = np.bincount(labels.ravel(), minlength=5)[1:] * np.prod(SPACING) / 1000
    np.testing.assert_allclose(got.volume_ml[1:], want, rtol=1e-12)
    for region in range(1, 5):
        centre = solids.grid_points(labels.shape, affine)[labels == region].mean(axis=0)
        np.testing.assert_allclose(got.centroid_mm[region], centre, rtol=0, atol=1e-9)


@pytest.mark.parametrize("iterations", [0, 16])
@pytest.mark.parametrize("seed", range(4))
def test_every_region_is_closed_raw_and_smoothed(seed, iterations) -> None:
    mesh = mesh_from_labels(lumps(seed), affine_of(seed), NAMES, iterations=iterations)
    assert not (mesh.sides[:, 0] == mesh.sides[:, 1]).any()
    for region in range(5):
        assert reference.directed_edge_balance(mesh, region) == 0
    np.testing.assert_allclose(mesh.measure().area_vector_cm2, 0, atol=1e-12)


def test_a_smoothed_volume_does_not_depend_on_the_origin() -> None:
    from flrsim.mesh_integrals import integrate

    mesh = mesh_from_labels(lumps(3), affine_of(3), NAMES, iterations=16)
    middle = mesh.points.mean(axis=0)
    here = integrate(mesh.points, mesh.faces, mesh.sides, 5, middle)[0]
    for away in np.vstack([np.eye(3), -np.eye(3)]) * 1000.0:
        np.testing.assert_allclose(
            integrate(mesh.points, mesh.faces, mesh.sides, 5, middle + away)[0], here, rtol=1e-9
        )
    # Smoothing moves walls, it does not lose tissue between them.
    assert here[1:].sum() == pytest.approx(-here[0], rel=1e-12)


def test_no_smoothed_point_leaves_the_voxels_around_its_corner() -> None:
    raw = mesh_from_labels(lumps(1), np.eye(4), NAMES)
    smooth = mesh_from_labels(lumps(1), np.eye(4), NAMES, iterations=40)
    assert np.abs(smooth.points - raw.points).max() <= 0.5
    assert np.abs(smooth.points - raw.points).max() > 0.3


def test_a_left_handed_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="negative determinant"):
        mesh_from_labels(lumps(0), np.diag([-1.0, 1, 1, 1]), NAMES)


# ------------------------------------------------------------------------------------------------------------- areas


def plane_in_box_mm2(normal, offset, half):
    """Return the area of the plane normal·x = offset inside the box |x| < half, by its corners on the box's edges."""
    from scipy.spatial import ConvexHull

    found = []
    for axis in range(3):
        others = [d for d in range(3) if d != axis]
        for signs in itertools.product((-1, 1), repeat=2):
            p = np.zeros(3)
            p[others] = np.array(signs) * half[others]
            if abs(normal[axis]) > 1e-12:
                p[axis] = (offset - normal @ p) / normal[axis]
                if abs(p[axis]) <= half[axis]:
                    found.append(p)
    found = np.array(found) - np.mean(found, axis=0)
    u = np.linalg.svd(found)[2][:2]
    return ConvexHull(found @ u.T).volume


PLANES = [(1, 0, 0), (1, 1, 0), (1, 1, 1), (3, 1, 0), (0.2, 0.3, 1), (1, -0.7, 0.25)]


@pytest.mark.parametrize("normal", PLANES)
def test_the_area_of_a_cut_does_not_depend_on_its_direction(normal) -> None:
    normal = np.array(normal, float) / np.linalg.norm(normal)
    # Where a wall meets the capsule the smoothing draws its rim in by half a voxel: 2.5 % of a wall 92 mm wide.
    for spacing in ((1.0, 1.0, 1.0), (0.8, 0.8, 1.6)):
        shape = tuple(int(92 / s) for s in spacing)
        affine = solids.centred_affine(spacing, shape)
        side = np.where(solids.grid_points(shape, affine) @ normal > 0.137, 2, 1).astype(np.uint8)
        want = plane_in_box_mm2(normal, 0.137, 0.5 * np.array(shape) * spacing)
        assert wall_between(side, affine).area_cm2 * 100 == pytest.approx(want, rel=0.03)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.8, 0.8, 1.6)])
def test_the_area_of_a_sphere(spacing) -> None:
    radius = 20.0
    shape = tuple(int(48 / s) for s in spacing)
    affine = solids.centred_affine(spacing, shape)
    ball = np.linalg.norm(solids.grid_points(shape, affine), axis=-1) < radius
    label = 1 + ball.astype(np.uint8)
    want = 4 * np.pi * radius**2
    assert contact_areas_cm2(label, affine, 3)[1, 2] * 100 == pytest.approx(want, rel=0.02)
    # The voxels' own surface is half as large again, whatever the voxel.
    raw = mesh_from_labels(label, affine, NAMES[:3]).measure().contact_cm2[1, 2] * 100
    assert raw == pytest.approx(1.5 * want, rel=0.03)


def test_a_wall_measured_in_a_part_of_the_grid_is_the_wall_in_all_of_it() -> None:
    shape = (70, 34, 30)
    affine = solids.rotated(np.diag([0.9, 1.2, 1.5, 1.0]), 4)
    points = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    labels = np.where(points[..., 0] + 0.3 * points[..., 1] > 36, 2, 1).astype(np.uint8)
    labels[np.linalg.norm(points - [35, 17, 15], axis=-1) > 33] = 0
    wall = wall_between(labels, affine)
    whole = mesh_from_labels(labels, affine, NAMES[:3], iterations=16)
    sides = np.tile(np.array([1, 2], np.uint16), (len(wall.faces), 1))
    drawn = LabelledMesh(wall.points, wall.faces, sides, NAMES[:3]).measure().contact_cm2[1, 2]
    assert drawn == pytest.approx(whole.measure().contact_cm2[1, 2], rel=1e-12)
    own = whole.points[np.unique(whole.faces[(whole.sides == [1, 2]).all(axis=1)])]
    assert len(wall.points) == len(own)
    np.testing.assert_allclose(np.sort(wall.points, axis=0), np.sort(own, axis=0), atol=1e-10)


def test_labels_that_do_not_touch_have_no_wall() -> None:
    labels = np.zeros((5, 5, 5), np.uint8)
    labels[0], labels[4] = 1, 2
    wall = wall_between(labels, np.eye(4))
    assert wall.area_cm2 == 0.0
    assert wall.points.shape == (0, 3)


# ------------------------------------------------------------------------------------- VTK's surface nets as a peer


def vtk_nets(labels, spacing, iterations):
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonDataModel import vtkImageData
    from vtkmodules.vtkFiltersCore import vtkSurfaceNets3D

    # An empty frame: VTK makes no wall at the end of the image.
    padded = np.pad(labels, 1)
    image = vtkImageData()
    image.SetDimensions(*padded.shape)
    image.SetSpacing(*spacing)
    image.GetPointData().SetScalars(numpy_to_vtk(padded.ravel(order="F"), deep=1))
    nets = vtkSurfaceNets3D()
    nets.SetInputData(image)
    nets.SetBackgroundLabel(0)
    nets.GenerateValues(int(labels.max()), 1, int(labels.max()))
    nets.SetOutputMeshTypeToQuads()
    nets.SetSmoothing(iterations > 0)
    nets.SetNumberOfIterations(iterations)
    nets.Update()
    return nets.GetOutput()


def through_a_file(data, folder):
    from vtkmodules.vtkIOXML import vtkXMLPolyDataWriter

    writer = vtkXMLPolyDataWriter()
    writer.SetFileName(str(folder / "nets.vtp"))
    writer.SetInputData(data)
    writer.Write()
    return read_interface_mesh(folder / "nets.vtp", frame="LPS", unit="mm")


def test_the_unsmoothed_nets_of_vtk_have_the_voxels_volumes_and_our_walls(tmp_path) -> None:
    labels = lumps(7)
    mesh = through_a_file(vtk_nets(labels, SPACING, 0), tmp_path)
    theirs = mesh.measure()
    want = np.bincount(labels.ravel(), minlength=5)[1:] * np.prod(SPACING) / 1000
    np.testing.assert_allclose(theirs.volume_ml[1:], want, rtol=1e-5)
    ours = mesh_from_labels(labels, np.diag([*SPACING, 1.0]), NAMES).measure()
    np.testing.assert_allclose(theirs.contact_cm2, ours.contact_cm2, rtol=1e-5, atol=1e-9)


def test_the_smoothed_walls_of_vtk_are_as_large_as_ours(tmp_path) -> None:
    shape, affine = (44, 40, 36), np.diag([1.0, 1.0, 1.2, 1.0])
    points = solids.grid_points(shape, affine)
    inside = np.linalg.norm((points - [21, 20, 21]) / [1.0, 0.9, 1.0], axis=-1) < 18
    half = points @ [0.8, 0.5, 0.3] > 33
    labels = np.where(inside, 1 + half, 0).astype(np.uint8)
    theirs = through_a_file(vtk_nets(labels, (1.0, 1.0, 1.2), 16), tmp_path).measure().contact_cm2
    ours = contact_areas_cm2(labels, affine, 3)
    np.testing.assert_allclose(ours[np.triu_indices(3, 1)], theirs[np.triu_indices(3, 1)], rtol=0.03)


# ------------------------------------------------------------------------------------------------------ mesh to grid


@pytest.mark.parametrize("seed", range(6))
def test_a_lattice_mesh_scanned_on_its_own_lattice_gives_the_labels_back(seed) -> None:
    labels = lumps(seed, edge=1)
    labels[1, 1, 1] = labels[-2, -2, -2] = 1
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = [-31.7, 12.9, 140.3]
    mesh = mesh_from_labels(labels, affine, NAMES)
    np.testing.assert_array_equal(labels_from_mesh(mesh, affine, labels.shape), labels)
    # The lattice is found from the points alone, also after a file has rounded them to float32.
    rounded = replace(mesh, points=mesh.points.astype(np.float32).astype(float))
    found, shape, lattice = grid_frame(rounded.points, 0.8)
    assert lattice
    assert shape == tuple(n - 2 for n in labels.shape)
    np.testing.assert_allclose(found[:3, :3], affine[:3, :3], atol=1e-4)
    np.testing.assert_array_equal(labels_from_mesh(rounded, found, shape), labels[1:-1, 1:-1, 1:-1])


def test_a_smoothed_mesh_has_no_lattice_and_its_scan_has_its_volume() -> None:
    ball = solids.icosphere(15.0, 3)
    assert lattice_of(ball.points) is None
    affine, shape, lattice = grid_frame(ball.points, 0.8)
    assert not lattice
    scanned = labels_from_mesh(ball, affine, shape)
    volume = scanned.sum() * 0.8**3 / 1000
    assert volume == pytest.approx(ball.measure().volume_ml[1], rel=0.005)
    inside = np.linalg.norm(solids.grid_points(shape, affine), axis=-1)
    assert scanned[inside < 14.8].all()
    assert not scanned[inside > 15.0].any()


@pytest.mark.parametrize("shift", list(itertools.product((0.0, 0.5), repeat=3)))
def test_columns_through_vertices_and_edges_do_not_leak(shift) -> None:
    """Corners at whole numbers meet the columns exactly: each column must cross each wall once."""
    labels = lumps(11, shape=(8, 7, 6), edge=1)
    quads = mesh_from_labels(labels, np.eye(4), NAMES)
    moved = replace(quads, points=quads.points + 0.5 + np.array(shift))
    faces, sides = moved.triangles()
    for mesh in (moved, LabelledMesh(moved.points, faces, sides, moved.names)):
        got = labels_from_mesh(mesh, np.eye(4), (11, 10, 9))
        # A point on a wall belongs to one side of it: as many voxels as before, only shifted.
        np.testing.assert_array_equal(
            np.bincount(got.ravel(), minlength=5)[1:], np.bincount(labels.ravel())[1:]
        )


def test_columns_through_the_corners_of_slanted_faces_do_not_leak() -> None:
    octahedron = solids.as_solid(
        np.array([[4, 0, 0], [-4, 0, 0], [0, 4, 0], [0, -4, 0], [0, 0, 4], [0, 0, -4]]) + 5,
        [[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]],
    )
    got = labels_from_mesh(octahedron, np.eye(4), (11, 11, 11))
    distance = np.abs(np.stack(np.meshgrid(*[np.arange(11) - 5] * 3, indexing="ij"))).sum(axis=0)
    assert got[distance < 4].all()
    assert not got[distance > 4].any()


def test_columns_that_meet_an_edge_to_the_last_digit_do_not_leak() -> None:
    """Corners of odd coordinates whose edge runs through a whole number: rounding decides, for both faces alike."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        along, aside = rng.normal(size=(2, 3))
        middle = np.array([4.0, 4.0, rng.uniform(3, 5)])
        p, q = middle - rng.uniform(0.5, 1.5) * along, middle + rng.uniform(0.5, 1.5) * along
        points = np.array([p, q, middle + aside, middle - aside + [0, 0, 1.0]])[rng.permutation(4)]
        faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
        if np.linalg.det(points[1:] - points[0]) < 0:
            faces = faces[:, ::-1]
        solid = solids.as_solid(points, faces)
        assert labels_from_mesh(solid, np.eye(4), (9, 9, 9)).max() <= 1


@pytest.mark.parametrize("seed", range(5))
def test_a_missing_face_leaks(seed) -> None:
    mesh = mesh_from_labels(lumps(seed, edge=1), np.eye(4), NAMES)
    upright = np.flatnonzero(np.ptp(mesh.points[mesh.faces][..., 2], axis=1) == 0)
    lost = np.random.default_rng(seed).choice(upright)
    keep = np.arange(len(mesh.faces)) != lost
    hole = LabelledMesh(mesh.points, mesh.faces[keep], mesh.sides[keep], mesh.names)
    with pytest.raises(GeometryError, match="1 of 168 columns leak through the mesh: it has holes"):
        labels_from_mesh(hole, np.eye(4), (14, 12, 11))
    faces = mesh.faces.copy()
    faces[lost] = faces[lost, ::-1]
    with pytest.raises(GeometryError, match="1 of 168 columns leak"):
        labels_from_mesh(replace(mesh, faces=faces), np.eye(4), (14, 12, 11))


def test_a_mesh_larger_than_the_grid_is_scanned_where_they_meet() -> None:
    block = solids.box((-5.5, -5.5, -5.5), (20.5, 20.5, 20.5))
    assert labels_from_mesh(block, np.eye(4), (4, 5, 6)).all()
    above = solids.box((-5.5, -5.5, 30), (20.5, 20.5, 40))
    assert not labels_from_mesh(above, np.eye(4), (4, 5, 6)).any()


def test_a_mesh_made_from_a_function_lies_on_its_walls() -> None:
    def label_at(p):
        inside = np.linalg.norm(p, axis=1) < 20
        return np.where(inside, np.where(p @ [0.6, 0.0, 0.8] > 4, 2, 1), 0).astype(np.uint8)

    cap = np.pi * 16**2 * (3 * 20 - 16) / 3
    want = np.array([4 / 3 * np.pi * 20**3 - cap, cap]) / 1000
    short = []
    for spacing in (3.0, 1.5):
        mesh = mesh_of_function(label_at, np.full(3, -20.0), np.full(3, 20.0), spacing, NAMES[:3])
        got = mesh.measure()
        assert reference.directed_edge_balance(mesh, 1) == reference.directed_edge_balance(mesh, 2) == 0
        short.append(np.abs(got.volume_ml[1:] / want - 1).max())
        assert got.contact_cm2[1, 2] * 100 == pytest.approx(np.pi * (20**2 - 4**2), rel=0.03)
    assert short[0] < 0.01
    assert short[1] < 0.5 * short[0]


def test_threads_change_no_voxel_of_a_scan(monkeypatch) -> None:
    labels = lumps(5, shape=(70, 66, 60), edge=1)
    mesh = mesh_from_labels(labels, np.eye(4), NAMES, iterations=8)
    found = []
    for threads in ("1", "2", "3"):
        monkeypatch.setenv("FLRSIM_THREADS", threads)
        found.append(labels_from_mesh(mesh, np.diag([0.9, 1.1, 0.8, 1.0]), (80, 62, 76)))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.parametrize("seed", range(3))
def test_random_closed_meshes_never_leak_however_thin_their_faces(seed) -> None:
    """Points on whole and half voxels, near one another and folded: every column still crosses all or nothing."""
    from flrsim.kernels.scan import scan_columns, snap

    rng = np.random.default_rng(seed)
    raw = mesh_from_labels(lumps(seed, edge=1), np.eye(4), NAMES)
    points = np.round(raw.points * 2 + rng.normal(0, 0.6, raw.points.shape)) / 2
    points[::3] += rng.normal(0, 1e-7, points[::3].shape)
    # Folded faces may overlap and add up to a label that is none; what enters must leave all the same.
    snapped, cells = np.empty((len(points), 2), np.int32), np.empty((len(points), 2), np.int32)
    height = np.empty(len(points))
    snap(points, np.eye(4), height, snapped, cells, 0, len(points))
    grid, beyond = np.zeros((14, 12, 11), np.uint16), np.zeros((14, 12, 2), np.uint16)
    assert scan_columns(height, snapped, cells, raw.faces, raw.sides, 1 << 16, grid, beyond, 0, 14) == 0
    assert len(np.unique(grid)) > 4


def test_a_label_that_is_no_region_counts_as_a_leak() -> None:
    """Two solids that share room, both wound well: where they overlap the labels add up to a region that is none."""
    one, other = solids.box((0.5, 0.5, 0.5), (5.5, 5.5, 5.5)), solids.box((3.5, 3.5, 3.5), (8.5, 7.5, 8.5))
    both = LabelledMesh(
        np.concatenate([one.points, other.points]),
        np.concatenate([one.faces, other.faces + len(one.points)]),
        np.concatenate([one.sides, other.sides]),
        one.names,
    )
    with pytest.raises(GeometryError, match="4 of 100 columns leak"):
        labels_from_mesh(both, np.eye(4), (10, 10, 10))


def test_a_mesh_in_another_unit_than_the_grid_is_refused() -> None:
    ball = solids.icosphere(60.0, 2)
    far = replace(ball, points=ball.points * 1000.0)
    with pytest.raises(
        GeometryError, match=r"reaches 60000 voxels .* unit or frame of the mesh is not the grid's"
    ):
        labels_from_mesh(far, np.eye(4), (5, 5, 5))
