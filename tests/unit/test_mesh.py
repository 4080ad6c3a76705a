"""Volumes, areas, centroids and contacts of solids whose truth is a formula."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import solids
from flrsim.errors import GeometryError
from flrsim.mesh import LabelledMesh
from flrsim.meshing import merged, mesh_from_labels

NAMES9 = ("outside", *(f"c{i}" for i in range(1, 9)))


def mm3(mesh, region=1):
    return float(mesh.measure().volume_ml[region]) * 1000.0


def moved(mesh, *, scale=1.0, turn=None, shift=(0.0, 0.0, 0.0)):
    rotation = np.eye(3) if turn is None else solids.rotated(np.eye(4), turn)[:3, :3]
    return replace(mesh, points=scale * mesh.points @ rotation.T + np.asarray(shift))


def as_triangles(mesh):
    faces, sides = mesh.triangles()
    return LabelledMesh(mesh.points, faces, sides, mesh.names)


def test_a_cube_cut_in_eight_is_exact() -> None:
    edge = 20.0
    labels, affine = solids.cubes_2x2x2(edge, origin=(-7.0, 11.0, 300.0))
    got = mesh_from_labels(labels, affine, NAMES9).measure()
    centres = solids.grid_points(labels.shape, affine).reshape(-1, 3)
    np.testing.assert_allclose(got.volume_ml[1:], edge**3 / 1000, rtol=1e-14)
    assert got.volume_ml[0] == pytest.approx(-8 * edge**3 / 1000, rel=1e-14)
    np.testing.assert_allclose(got.centroid_mm[1:], centres, rtol=0, atol=1e-12)
    np.testing.assert_allclose(got.area_vector_cm2, 0, atol=1e-13)
    for a in range(8):
        for b in range(8):
            share_a_face = bin(a ^ b).count("1") == 1
            want = edge**2 / 100 if share_a_face else 0.0
            assert got.contact_cm2[a + 1, b + 1] == pytest.approx(want, abs=1e-13)
    # Three of each cube's six faces look outside.
    np.testing.assert_allclose(got.contact_cm2[0, 1:], 3 * edge**2 / 100, rtol=1e-14)
    np.testing.assert_allclose(got.area_cm2[1:], 6 * edge**2 / 100, rtol=1e-14)


def test_a_tetrahedron_is_exact() -> None:
    got = solids.tetrahedron().measure()
    assert got.volume_ml[1] * 1000 == pytest.approx(1 / 6, rel=1e-15)
    np.testing.assert_allclose(got.centroid_mm[1], 0.25, rtol=1e-14)
    assert got.area_cm2[1] * 100 == pytest.approx(1.5 + 3**0.5 / 2, rel=1e-14)
    np.testing.assert_allclose(got.area_vector_cm2[1], 0, atol=1e-17)


def test_a_box_of_quads_and_of_triangles_is_exact() -> None:
    quads = solids.box((1, 2, 3), (4, 8, 15))
    for mesh in (quads, as_triangles(quads)):
        got = mesh.measure()
        assert got.volume_ml[1] * 1000 == pytest.approx(3 * 6 * 12, rel=1e-14)
        assert got.area_cm2[1] * 100 == pytest.approx(2 * (18 + 36 + 72), rel=1e-14)
        np.testing.assert_allclose(got.centroid_mm[1], [2.5, 5, 9], rtol=1e-14)


def test_an_icosahedron_is_exact_and_icospheres_come_near_the_ball_four_times_each_halving() -> None:
    edge = 1 / np.sin(2 * np.pi / 5)
    assert mm3(solids.icosphere(1.0, 0)) == pytest.approx(5 / 12 * (3 + 5**0.5) * edge**3, rel=1e-13)
    short = [1 - mm3(solids.icosphere(50.0, n)) / (4 / 3 * np.pi * 50**3) for n in (2, 3, 4)]
    assert short[2] == pytest.approx(2.15e-3, rel=0.02)
    assert short[0] / short[1] == pytest.approx(4, rel=0.05)
    assert short[1] / short[2] == pytest.approx(4, rel=0.02)


def test_a_torus_of_polygons_is_exact() -> None:
    mesh = solids.torus(30, 10, 48, 24)
    assert mm3(mesh) == pytest.approx(solids.polygonal_torus_volume(30, 10, 48, 24), rel=1e-13)
    np.testing.assert_allclose(mesh.measure().centroid_mm[1], 0, atol=1e-12)
    fine = solids.torus(30, 10, 400, 200)
    assert mm3(fine) == pytest.approx(2 * np.pi**2 * 30 * 10**2, rel=5e-4)


def test_a_shell_around_a_core_counts_its_hollow_once() -> None:
    ball = solids.icosphere(20.0, 2)
    outer, inner = solids.icosphere(30.0, 2), ball
    faces = np.concatenate([outer.faces, inner.faces + len(outer.points)])
    sides = np.concatenate([outer.sides * 2, np.tile(np.array([1, 2], np.uint16), (len(inner.faces), 1))])
    mesh = LabelledMesh(
        np.concatenate([outer.points, inner.points]), faces, sides, ("outside", "core", "shell")
    )
    got = mesh.measure()
    assert got.volume_ml[1] * 1000 == pytest.approx(mm3(inner), rel=1e-13)
    assert got.volume_ml[2] * 1000 == pytest.approx(mm3(outer) - mm3(inner), rel=1e-13)
    assert got.area_cm2[2] == pytest.approx(outer.measure().area_cm2[1] + got.area_cm2[1], rel=1e-13)
    assert got.contact_cm2[0, 1] == 0.0


@pytest.mark.parametrize("far", [(1e6, 0, 0), (-1e6, 1e6, 1e6)])
def test_a_mesh_a_kilometre_away_keeps_its_digits(far) -> None:
    # Whole and half millimetres: the shift itself loses nothing.
    near = moved(solids.box((0, 0, 0), (31.5, 20, 64)), scale=1.0)
    there = moved(near, shift=far)
    assert mm3(there) == pytest.approx(31.5 * 20 * 64, rel=1e-13)
    np.testing.assert_allclose(there.measure().centroid_mm[1] - far, [15.75, 10, 32], rtol=0, atol=1e-9)
    ball = solids.icosphere(50.0, 3)
    assert mm3(moved(ball, shift=far)) == pytest.approx(mm3(ball), rel=1e-8)


@pytest.mark.parametrize("seed", range(4))
def test_turning_and_moving_change_no_volume_area_or_contact(seed) -> None:
    labels, affine = solids.cubes_2x2x2(17.0)
    mesh = merged([mesh_from_labels(labels, affine, NAMES9), solids.torus(90, 20, 12, 9)])
    shift = np.random.default_rng(seed).normal(size=3) * 100
    before, after = mesh.measure(), moved(mesh, turn=seed, shift=shift).measure()
    np.testing.assert_allclose(after.volume_ml, before.volume_ml, rtol=1e-12)
    np.testing.assert_allclose(after.contact_cm2, before.contact_cm2, rtol=1e-12, atol=1e-12)
    rotation = solids.rotated(np.eye(4), seed)[:3, :3]
    np.testing.assert_allclose(after.centroid_mm, before.centroid_mm @ rotation.T + shift, rtol=0, atol=1e-9)


@pytest.mark.parametrize("scale", [0.1, 2.0, 25.4])
def test_volume_grows_with_the_cube_and_area_with_the_square(scale) -> None:
    mesh = solids.torus(30, 10, 12, 9)
    before, after = mesh.measure(), moved(mesh, scale=scale).measure()
    assert after.volume_ml[1] == pytest.approx(scale**3 * before.volume_ml[1], rel=1e-13)
    assert after.area_cm2[1] == pytest.approx(scale**2 * before.area_cm2[1], rel=1e-13)


def test_the_inertia_of_a_box_is_that_of_the_books() -> None:
    a, b, c = 3.0, 6.0, 12.0
    mass = a * b * c
    want = mass / 12 * np.diag([b * b + c * c, a * a + c * c, a * a + b * b])
    for shift in ((0, 0, 0), (-70, 900, 4)):
        mesh = moved(solids.box((1, 2, 3), (1 + a, 2 + b, 3 + c)), shift=shift)
        for form in (mesh, as_triangles(mesh)):
            np.testing.assert_allclose(form.inertia()[1], want, rtol=1e-11, atol=1e-9)
            # What lies around a box has the box's own, taken away.
            np.testing.assert_allclose(form.inertia()[0], -want, rtol=1e-11, atol=1e-9)


def test_the_inertia_of_an_icosphere_comes_near_the_balls_four_times_each_halving() -> None:
    ball = 2 / 5 * (4 / 3 * np.pi * 20**3) * 20**2
    short = []
    for n in (2, 3, 4):
        tensor = moved(solids.icosphere(20.0, n), turn=n, shift=(5, 6, 7)).inertia()[1]
        np.testing.assert_allclose(tensor, tensor[0, 0] * np.eye(3), rtol=0, atol=1e-11 * ball)
        short.append(1 - tensor[0, 0] / ball)
    assert 0 < short[2] < 0.005
    assert short[0] / short[1] == pytest.approx(4, rel=0.05)
    assert short[1] / short[2] == pytest.approx(4, rel=0.02)


def test_the_inertia_of_a_torus_of_polygons_comes_to_that_of_the_books() -> None:
    ring, tube = 30.0, 10.0
    mass = 2 * np.pi**2 * ring * tube**2
    want = mass * np.diag([*[(4 * ring**2 + 5 * tube**2) / 8] * 2, ring**2 + 0.75 * tube**2])
    got = solids.torus(ring, tube, 400, 200).inertia()[1]
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-6 * want.max())


def test_the_order_of_faces_and_of_the_corners_in_a_face_changes_nothing() -> None:
    mesh = solids.icosphere(10.0, 2)
    rng = np.random.default_rng(0)
    faces = np.stack([np.roll(f, rng.integers(3)) for f in mesh.faces])[rng.permutation(len(mesh.faces))]
    assert mm3(replace(mesh, faces=faces)) == pytest.approx(mm3(mesh), rel=1e-13)


def test_an_inverted_mesh_has_a_negative_volume() -> None:
    mesh = solids.icosphere(10.0, 2)
    wrong = replace(mesh, faces=mesh.faces[:, ::-1])
    assert mm3(wrong) == pytest.approx(-mm3(mesh), rel=1e-14)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_points_that_are_not_numbers_are_refused(value) -> None:
    mesh = solids.icosphere(10.0, 0)
    points = mesh.points.copy()
    points[[3, 5], 1] = value
    with pytest.raises(GeometryError, match="2 of 12 points are not finite"):
        replace(mesh, points=points)


def test_what_cannot_be_a_mesh_is_refused() -> None:
    mesh = solids.icosphere(10.0, 0)
    with pytest.raises(GeometryError, match="names point 12 of 12"):
        replace(mesh, faces=np.where(mesh.faces == 11, 12, mesh.faces))
    with pytest.raises(GeometryError, match=r"shape \(20, 1\) for 20 faces"):
        replace(mesh, sides=mesh.sides[:, :1])
    with pytest.raises(GeometryError, match=r"shape \(20, 2\); triangles"):
        replace(mesh, faces=mesh.faces[:, :2])
    with pytest.raises(GeometryError, match="label 2 has no name"):
        replace(mesh, sides=mesh.sides * 2)


def test_the_surface_of_a_region_looks_outward_whichever_side_the_walls_were_stored_on() -> None:
    labels, affine = solids.cubes_2x2x2(10.0)
    mesh = mesh_from_labels(labels, affine, NAMES9)
    for region in range(1, 9):
        points, triangles = mesh.region_surface(region)
        assert len(points) == 8
        assert mm3(solids.as_solid(points, triangles)) == pytest.approx(1000.0, rel=1e-13)


def test_merged_meshes_keep_their_volumes_under_their_names() -> None:
    a, b = solids.icosphere(5.0, 1), moved(solids.icosphere(3.0, 1), shift=(20, 0, 0))
    both = merged([replace(a, names=("outside", "L1")), replace(b, names=("outside", "L2"))])
    assert both.names == ("outside", "L1", "L2")
    np.testing.assert_allclose(both.measure().volume_ml[1:] * 1000, [mm3(a), mm3(b)], rtol=1e-13)
