"""Half-space clips: both sides sum to the whole, and both are what formulas, slow references and other libraries say."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

import reference
import solids
from flrsim import mesh_integrals
from flrsim.errors import GeometryError
from flrsim.mesh import LabelledMesh
from flrsim.meshing import merged, mesh_from_labels

NAMES9 = ("outside", *(f"c{i}" for i in range(1, 9)))


def cubes(edge=20.0, origin=(0.0, 0.0, 0.0)):
    labels, affine = solids.cubes_2x2x2(edge, origin)
    return mesh_from_labels(labels, affine, NAMES9)


def ball_in_ball():
    """Return a core of 2 in a shell: the shell's region is not convex and has a hollow."""
    inner, outer = solids.icosphere(20.0, 2), solids.icosphere(30.0, 2)
    faces = np.concatenate([outer.faces, inner.faces + len(outer.points)])
    sides = np.concatenate([outer.sides, np.tile(np.array([2, 1], np.uint16), (len(inner.faces), 1))])
    points = np.concatenate([outer.points, np.add(inner.points, [6.0, 1.0, -2.0])])
    return LabelledMesh(points, faces, sides, ("outside", "shell", "core"))


def random_plane(rng, mesh):
    return mesh.middle + rng.uniform(-6, 6, 3), rng.normal(size=3)


def test_a_box_is_cut_where_the_plane_says() -> None:
    mesh = solids.box((1, 2, 3), (4, 8, 15))
    got = mesh.clipped((0, 0, 6), (0, 0, 7))
    assert got.behind_ml[1] * 1000 == pytest.approx(3 * 6 * 3, rel=1e-14)
    assert got.ahead_ml[1] * 1000 == pytest.approx(3 * 6 * 9, rel=1e-14)
    assert got.section_cm2[1] * 100 == pytest.approx(3 * 6, rel=1e-14)
    assert got.behind_ml[0] == pytest.approx(-got.behind_ml[1], rel=1e-14)
    assert (got.section_cm2[0], got.walls_cm2) == (0.0, 0.0)
    turned = mesh.clipped((0, 0, 6), (0, 0, -7))
    assert turned.behind_ml[1] == pytest.approx(got.ahead_ml[1], rel=1e-14)
    assert turned.section_cm2[1] == pytest.approx(got.section_cm2[1], rel=1e-14)


def test_the_corner_of_a_cube_is_a_tetrahedron() -> None:
    mesh = solids.box((0, 0, 0), (10, 10, 10))
    for corner in itertools.product((0, 10), repeat=3):
        outward = np.sign(np.array(corner) - 5.0)
        got = mesh.clipped(np.array(corner) - outward * (2, 0, 0), -outward / [2, 3, 4])
        assert got.ahead_ml[1] * 1000 == pytest.approx(1000 - 2 * 3 * 4 / 6, rel=1e-14)
        assert got.behind_ml[1] * 1000 == pytest.approx(2 * 3 * 4 / 6, rel=1e-12)
        want = 0.5 * np.linalg.norm(np.cross([-2, 3, 0], [-2, 0, 4]))
        assert got.section_cm2[1] * 100 == pytest.approx(want, rel=1e-12)


def test_the_cap_of_an_icosphere_comes_to_the_balls() -> None:
    radius, height = 50.0, 18.0
    cap = np.pi * height**2 * (3 * radius - height) / 3
    disc = np.pi * height * (2 * radius - height)
    for n, within in ((3, 0.03), (5, 0.002)):
        mesh = solids.icosphere(radius, n)
        for direction in ((0, 0, 1), (1, -2, 0.5)):
            unit = np.array(direction) / np.linalg.norm(direction)
            got = mesh.clipped((radius - height) * unit, direction)
            assert got.ahead_ml[1] * 1000 == pytest.approx(cap, rel=within)
            assert got.section_cm2[1] * 100 == pytest.approx(disc, rel=within)
            assert got.ahead_ml[1] * 1000 < cap


@pytest.mark.parametrize("form", ["quads", "triangles"])
@pytest.mark.parametrize("seed", range(3))
def test_every_region_is_what_the_convex_hulls_of_its_clipped_tetrahedra_are(seed, form) -> None:
    mesh = ball_in_ball() if seed == 2 else cubes()
    if form == "triangles":
        mesh = LabelledMesh(mesh.points, *mesh.triangles(), mesh.names)
    rng = np.random.default_rng(seed)
    rough = mesh.points + rng.uniform(-3, 3, mesh.points.shape)
    mesh = replace(mesh, points=rough)
    point, normal = random_plane(rng, mesh)
    unit = normal / np.linalg.norm(normal)
    got = mesh.clipped(point, normal)
    shape = (mesh.points, mesh.faces, mesh.sides, len(mesh.names), mesh.points.mean(axis=0))
    behind = reference.clip(*shape, [(unit, unit @ point)])
    ahead = reference.clip(*shape, [(-unit, -unit @ point)])
    area = reference.section(*shape, unit, unit @ point)
    assert behind[1:].max() > 100
    assert ahead[1:].max() > 100
    np.testing.assert_allclose(got.behind_ml * 1000, behind, rtol=0, atol=1e-8)
    np.testing.assert_allclose(got.ahead_ml * 1000, ahead, rtol=0, atol=1e-8)
    np.testing.assert_allclose(got.section_cm2[1:] * 100, area[1:], rtol=0, atol=1e-8)


def test_three_planes_cut_eight_cells_each_what_its_convex_hulls_are() -> None:
    rng = np.random.default_rng(7)
    mesh = cubes()
    mesh = replace(mesh, points=mesh.points + rng.uniform(-3, 3, mesh.points.shape))
    planes = [(rng.uniform(14, 26, 3), rng.normal(size=3)) for _ in range(3)]
    got = mesh.cells_ml(planes) * 1000
    shape = (mesh.points, mesh.faces, mesh.sides, 9, mesh.points.mean(axis=0))
    for cell in range(8):
        side = [-1.0 if cell >> j & 1 else 1.0 for j in range(3)]
        units = [s * n / np.linalg.norm(n) for s, (_, n) in zip(side, planes, strict=True)]
        halves = [(u, u @ p) for u, (p, _) in zip(units, planes, strict=True)]
        np.testing.assert_allclose(got[cell], reference.clip(*shape, halves), rtol=0, atol=1e-8)
    np.testing.assert_allclose(got.sum(axis=0), mesh.measure().volume_ml * 1000, rtol=1e-12)
    assert (got[:, 1:] > -1e-9).all()


def test_cells_of_one_plane_are_its_two_sides_and_of_none_the_whole() -> None:
    mesh = ball_in_ball()
    plane = ((3.0, 2.0, 5.0), (1.0, 0.2, -2.0))
    got = mesh.clipped(*plane)
    np.testing.assert_allclose(mesh.cells_ml([plane]), [got.behind_ml, got.ahead_ml], rtol=1e-12)
    np.testing.assert_allclose(mesh.cells_ml([]), [mesh.measure().volume_ml], rtol=1e-13)


def test_planes_at_right_angles_cut_a_box_into_boxes() -> None:
    mesh = solids.box((0, 0, 0), (3, 6, 12))
    at = ((1.0, 2.0, 4.0),) * 3
    got = mesh.cells_ml(list(zip(at, np.eye(3), strict=True)))[:, 1] * 1000
    want = [x * y * z for z in (4, 8) for y in (2, 4) for x in (1, 2)]
    np.testing.assert_allclose(got, want, rtol=1e-13)


def test_a_plane_given_twice_or_turned_over_cuts_once() -> None:
    mesh = ball_in_ball()
    plane, turned = ((3.0, 2.0, 5.0), (1.0, 0.2, -2.0)), ((3.0, 2.0, 5.0), (-2.0, -0.4, 4.0))
    got = mesh.clipped(*plane)
    nothing = np.zeros(3)
    for planes, want in (
        ([plane, plane], [got.behind_ml, nothing, nothing, got.ahead_ml]),
        ([plane, turned], [nothing, got.ahead_ml, got.behind_ml, nothing]),
    ):
        np.testing.assert_allclose(mesh.cells_ml(planes), want, rtol=1e-12, atol=1e-12)


def test_a_plane_in_a_wall_cuts_no_region_and_leaves_each_cube_whole() -> None:
    for origin in ((0.0, 0.0, 0.0), (-7.3, 11.1, 300.7)):
        mesh = cubes(origin=origin)
        whole = mesh.measure().volume_ml[1:]
        for axis in range(3):
            got = mesh.clipped(np.array(origin) + 20.0, np.eye(3)[axis])
            low = np.arange(8).reshape(2, 2, 2).take(0, axis=axis).ravel()
            side = np.isin(np.arange(8), low)
            np.testing.assert_allclose(got.behind_ml[1:], np.where(side, whole, 0), rtol=1e-13, atol=1e-14)
            np.testing.assert_allclose(got.ahead_ml[1:], np.where(side, 0, whole), rtol=1e-13, atol=1e-14)
            np.testing.assert_allclose(got.section_cm2, 0, atol=1e-13)
            assert got.walls_cm2 == pytest.approx(16.0, rel=1e-13)
            assert got.area_cm2 == pytest.approx(16.0, rel=1e-13)
        cells = mesh.cells_ml([(np.array(origin) + 20.0, n) for n in np.eye(3)])
        want = np.array([[whole[4 * (c & 1) + (c & 2) + (c >> 2)]] for c in range(8)])
        assert (cells[:, 1:] > 1).sum() == 8
        np.testing.assert_allclose(cells[:, 1:].sum(axis=1), want[:, 0], rtol=1e-12)


@pytest.mark.parametrize("turn", [None, 1, 2])
def test_a_plane_in_the_outer_face_cuts_nothing_from_either_side(turn) -> None:
    rotation = np.eye(3) if turn is None else solids.rotated(np.eye(4), turn)[:3, :3]
    box = solids.box((0, 0, 0), (3, 6, 12))
    mesh = replace(box, points=box.points @ rotation.T)
    for normal, behind in (((0, 0, 1), 216.0), ((0, 0, -1), 0.0)):
        got = mesh.clipped(rotation @ (1, 2, 12), rotation @ normal)
        assert got.behind_ml[1] * 1000 == pytest.approx(behind, abs=1e-11)
        assert got.ahead_ml[1] * 1000 == pytest.approx(216 - behind, abs=1e-11)
        assert got.area_cm2 == pytest.approx(0, abs=1e-13)


def test_a_plane_through_corners_and_edges_halves_what_is_symmetric() -> None:
    ball = solids.icosphere(30.0, 3)
    for normal in ((0, 0, 1), (1, 0, 0), (1, 1, 1), *solids.icosphere(1.0, 0).points[:3]):
        got = ball.clipped((0, 0, 0), normal)
        assert got.behind_ml[1] == pytest.approx(got.ahead_ml[1], rel=1e-13)
    box = solids.box((-1, -1, -1), (1, 1, 1))
    got = box.clipped((0, 0, 0), (1, -1, 0))
    np.testing.assert_allclose([got.behind_ml[1], got.ahead_ml[1]], 4e-3, rtol=1e-14)
    assert got.section_cm2[1] * 100 == pytest.approx(2 * 8**0.5, rel=1e-14)
    np.testing.assert_allclose(
        box.cells_ml([((0, 0, 0), (1, -1, 0)), ((0, 0, 0), (1, 1, 0))])[:, 1], 2e-3, rtol=1e-13
    )


@pytest.mark.parametrize("far", [40.0, 1e4, 1e9])
def test_a_plane_that_misses_the_mesh_leaves_it_whole_and_empty(far) -> None:
    mesh = ball_in_ball()
    whole = mesh.measure().volume_ml
    got = mesh.clipped((0, far, 0), (0, 1, 0))
    np.testing.assert_allclose(got.behind_ml, whole, rtol=1e-13)
    np.testing.assert_array_equal(got.ahead_ml, 0)
    np.testing.assert_allclose(got.section_cm2, 0, atol=1e-12)
    np.testing.assert_allclose(mesh.cells_ml([((0, far, 0), (0, -1, 0))]), [np.zeros(3), whole], rtol=1e-13)


def test_a_mesh_a_kilometre_away_is_cut_as_well() -> None:
    far = np.array([1e6, -1e6, 5e5])
    box = solids.box((0, 0, 0), (31.5, 20, 64))
    got = replace(box, points=box.points + far).clipped(np.add(far, [8, 10, 16]), (1, 0, 0))
    assert got.behind_ml[1] * 1000 == pytest.approx(8 * 20 * 64, rel=1e-12)
    assert got.section_cm2[1] * 100 == pytest.approx(20 * 64, rel=1e-12)


def test_threads_change_no_digit(monkeypatch) -> None:
    monkeypatch.setattr(mesh_integrals, "CHUNK", 64)
    mesh = ball_in_ball()
    one, two = (mesh.clipped((1, 2, 3), (1, 1, -1), threads=n) for n in (1, 2))
    np.testing.assert_array_equal(one.behind_ml, two.behind_ml)
    np.testing.assert_array_equal(one.section_cm2, two.section_cm2)


def through_vtk(points, triangles, point, normal):
    """Return what vtkClipClosedSurface keeps ahead of the plane, mm³, and the area of its cap, mm²."""
    import pyvista as pv
    import vtk

    surface = pv.PolyData(points, np.column_stack([np.full(len(triangles), 3), triangles]))
    plane, planes = vtk.vtkPlane(), vtk.vtkPlaneCollection()
    plane.SetOrigin(point)
    plane.SetNormal(normal)
    planes.AddItem(plane)
    clip = vtk.vtkClipClosedSurface()
    clip.SetInputData(surface)
    clip.SetClippingPlanes(planes)
    clip.SetScalarModeToLabels()
    clip.Update()
    kept = pv.wrap(clip.GetOutput()).triangulate()
    mass = vtk.vtkMassProperties()
    mass.SetInputData(kept)
    mass.Update()
    cap = kept.extract_cells(np.flatnonzero(kept.cell_data["Labels"] == 1))
    return mass.GetVolume(), float(cap.compute_cell_sizes()["Area"].sum())


@pytest.mark.parametrize("seed", range(3))
def test_vtk_cuts_the_same(seed) -> None:
    rng = np.random.default_rng(seed)
    ring = solids.torus(30, 10, 24, 12)
    ring = LabelledMesh(ring.points, *ring.triangles(), ring.names)
    mesh = merged([ring, solids.icosphere(14, 2)])
    points = mesh.points @ solids.rotated(np.eye(4), seed)[:3, :3].T
    mesh = replace(mesh, points=points)
    point, normal = rng.uniform(-8, 8, 3), rng.normal(size=3)
    got = mesh.clipped(point, normal)
    for region in (1, 2):
        own, triangles = mesh.region_surface(region)
        volume, area = through_vtk(own, triangles, point, normal)
        assert got.ahead_ml[region] * 1000 == pytest.approx(volume, rel=1e-9)
        assert got.section_cm2[region] * 100 == pytest.approx(area, rel=1e-6)


def test_trimesh_cuts_the_same() -> None:
    for needed in ("shapely", "mapbox_earcut"):
        pytest.importorskip(needed, reason="trimesh closes its cuts with it")
    import trimesh

    mesh = replace(solids.icosphere(14, 2), points=np.add(solids.icosphere(14, 2).points, [3.0, 4.0, 5.0]))
    for point, normal in (((1.0, 2.0, 3.0), (1.0, -0.3, 2.0)), ((5.0, 9.0, 0.0), (0.1, 4.0, 1.0))):
        theirs = trimesh.Trimesh(*mesh.region_surface(1), process=False).slice_plane(point, normal, cap=True)
        assert mesh.clipped(point, normal).ahead_ml[1] * 1000 == pytest.approx(theirs.volume, rel=1e-9)


def test_what_is_no_plane_is_refused() -> None:
    mesh = solids.tetrahedron()
    for point, normal in (((0, 0, 0), (0, 0, 0)), ((0, 0, np.nan), (0, 0, 1)), ((0, 0), (0, 0, 1))):
        with pytest.raises(GeometryError, match="give a point and a direction"):
            mesh.clipped(point, normal)
    with pytest.raises(GeometryError, match="11 planes would cut 2048 cells"):
        mesh.cells_ml([((0, 0, 0), (0, 0, 1))] * 11)
