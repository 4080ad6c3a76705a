"""What must hold for the integrals of any labelled mesh: drawn maps of labels, their walls pushed about."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import solids
from flrsim import mesh_integrals
from flrsim.mesh import LabelledMesh
from flrsim.meshing import mesh_from_labels

N = 5
NAMES = ("outside", *(f"r{i}" for i in range(1, N)))
numbers = st.floats(-1, 1, allow_subnormal=False)


@st.composite
def meshes(draw):
    """Return walls of a random map as quads or triangles, closed around every region; quads are not flat."""
    labels = draw(arrays(np.uint8, (3, 3, 2), elements=st.integers(0, N - 1)))
    labels[0, 0, 0] = 1
    mesh = mesh_from_labels(labels, np.diag([4.0, 5.0, 6.0, 1.0]), NAMES)
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    mesh = replace(mesh, points=mesh.points + rng.uniform(-1.5, 1.5, mesh.points.shape))
    return LabelledMesh(mesh.points, *mesh.triangles(), NAMES) if draw(st.booleans()) else mesh


seeds = st.integers(0, 10**6)
vectors = st.tuples(numbers, numbers, numbers)
directions = vectors.filter(lambda v: np.linalg.norm(v) > 0.1)


def close(got, want, scale=1.0):
    # A region's volume is a difference of cones from the middle: it errs with the whole, not with itself.
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12 * max(scale, float(np.abs(want).max())))


@given(meshes(), seeds, vectors)
def test_rigid_motion_changes_no_volume_area_or_contact_and_turns_the_inertia(mesh, seed, shift) -> None:
    turn = solids.rotated(np.eye(4), seed)[:3, :3]
    moved = replace(mesh, points=mesh.points @ turn.T + 300 * np.array(shift))
    before, after = mesh.measure(), moved.measure()
    close(after.volume_ml, before.volume_ml)
    close(after.contact_cm2, before.contact_cm2)
    close(after.area_vector_cm2, 0 * before.area_vector_cm2)
    some = np.abs(before.volume_ml) > 1e-3
    close(after.centroid_mm[some], before.centroid_mm[some] @ turn.T + 300 * np.array(shift), scale=1000.0)
    inertia = mesh.inertia()[some]
    np.testing.assert_allclose(
        moved.inertia()[some], turn @ inertia @ turn.T, rtol=1e-9, atol=1e-10 * np.abs(inertia).max()
    )


@given(meshes(), seeds)
def test_the_order_of_points_and_of_faces_is_nothing(mesh, seed) -> None:
    rng = np.random.default_rng(seed)
    points, faces = rng.permutation(len(mesh.points)), rng.permutation(len(mesh.faces))
    other = LabelledMesh(mesh.points[points], np.argsort(points)[mesh.faces][faces], mesh.sides[faces], NAMES)
    close(other.measure().volume_ml, mesh.measure().volume_ml)
    close(other.measure().contact_cm2, mesh.measure().contact_cm2)


@given(meshes(), st.permutations(range(1, N)), directions)
def test_other_names_give_the_same_digits(mesh, order, normal) -> None:
    new = np.array([0, *order])
    other = replace(mesh, sides=new[mesh.sides].astype(np.uint16))
    before, after = mesh.measure(), other.measure()
    np.testing.assert_array_equal(after.volume_ml[new], before.volume_ml)
    np.testing.assert_array_equal(after.centroid_mm[new], before.centroid_mm)
    np.testing.assert_array_equal(after.contact_cm2[np.ix_(new, new)], before.contact_cm2)
    np.testing.assert_array_equal(other.inertia()[new], mesh.inertia())
    cut, renamed = (m.clipped(mesh.middle, normal) for m in (mesh, other))
    np.testing.assert_array_equal(renamed.behind_ml[new], cut.behind_ml)
    np.testing.assert_array_equal(renamed.section_cm2[new], cut.section_cm2)


@given(meshes(), st.integers(2, 9), directions)
def test_threads_give_the_same_digits(mesh, threads, normal) -> None:
    old = mesh_integrals.CHUNK
    mesh_integrals.CHUNK = 7
    try:
        one, more = (mesh.measure(threads=n) for n in (1, threads))
        cut, again = (mesh.clipped(mesh.middle, normal, threads=n) for n in (1, threads))
    finally:
        mesh_integrals.CHUNK = old
    for name in ("volume_ml", "area_vector_cm2", "centroid_mm", "contact_cm2"):
        np.testing.assert_array_equal(getattr(more, name), getattr(one, name))
    for name in ("behind_ml", "ahead_ml", "section_cm2"):
        np.testing.assert_array_equal(getattr(again, name), getattr(cut, name))
    # Chunks only round: the whole in one chunk is the same to the last digits.
    close(one.volume_ml, mesh.measure().volume_ml)


@given(meshes(), st.floats(0.01, 100))
def test_volume_scales_with_the_cube_area_with_the_square_inertia_with_the_fifth_power(mesh, scale) -> None:
    other = replace(mesh, points=scale * mesh.points)
    close(other.measure().volume_ml / scale**3, mesh.measure().volume_ml)
    close(other.measure().contact_cm2 / scale**2, mesh.measure().contact_cm2)
    some = np.abs(mesh.measure().volume_ml) > 1e-3
    want = mesh.inertia()[some]
    np.testing.assert_allclose(
        other.inertia()[some] / scale**5, want, rtol=1e-9, atol=1e-10 * np.abs(want).max()
    )


@given(meshes())
def test_swapping_the_sides_flips_every_sign_and_no_contact(mesh) -> None:
    before, after = mesh.measure(), replace(mesh, sides=mesh.sides[:, ::-1]).measure()
    np.testing.assert_array_equal(after.volume_ml, -before.volume_ml)
    np.testing.assert_array_equal(after.area_vector_cm2, -before.area_vector_cm2)
    np.testing.assert_array_equal(after.contact_cm2, before.contact_cm2)


@given(meshes())
def test_everything_that_is_inside_is_missing_outside(mesh) -> None:
    volume = mesh.measure().volume_ml
    close(volume[0], -volume[1:].sum())


@given(meshes(), vectors, directions)
def test_both_sides_of_a_plane_sum_to_the_whole_and_turning_it_over_swaps_them(mesh, at, normal) -> None:
    point = mesh.middle + 8 * np.array(at)
    whole = mesh.measure().volume_ml
    cut, turned = mesh.clipped(point, normal), mesh.clipped(point, -np.array(normal))
    close(cut.behind_ml + cut.ahead_ml, whole)
    close(turned.behind_ml, cut.ahead_ml, scale=float(np.abs(whole).max()))
    area = float(mesh.measure().area_cm2[0])
    close(turned.section_cm2, cut.section_cm2, scale=area)
    assert cut.area_cm2 >= -1e-12 * area


@given(meshes(), st.lists(st.tuples(vectors, directions), min_size=1, max_size=4), seeds)
def test_the_cells_of_planes_sum_to_the_whole_and_do_not_depend_on_the_order(mesh, drawn, seed) -> None:
    planes = [(mesh.middle + 6 * np.array(at), normal) for at, normal in drawn]
    whole = mesh.measure().volume_ml
    scale = float(np.abs(whole).max())
    cells = mesh.cells_ml(planes)
    close(cells.sum(axis=0), whole)
    # All cells behind plane j are what lies behind plane j.
    index = np.arange(2 ** len(planes))
    for j, plane in enumerate(planes):
        close(cells[(index >> j & 1) == 0].sum(axis=0), mesh.clipped(*plane).behind_ml, scale=scale)
    order = np.random.default_rng(seed).permutation(len(planes))
    other = mesh.cells_ml([planes[j] for j in order])
    renumbered = sum(((index >> j & 1) << int(np.flatnonzero(order == j)[0])) for j in range(len(planes)))
    close(other[renumbered], cells, scale=scale)


@given(meshes(), directions, st.floats(0.0, 4.0), st.floats(0.1, 4.0))
def test_moving_a_plane_ahead_moves_the_volume_that_the_cut_sweeps(mesh, normal, at, step) -> None:
    unit = np.array(normal) / np.linalg.norm(normal)
    ends = [mesh.clipped(mesh.middle + h * unit, unit) for h in (at, at + step)]
    swept = ends[1].behind_ml - ends[0].behind_ml
    # Gauss points on each of many short steps: the area is a quadratic between the heights of corners.
    height = np.sort((mesh.points - mesh.middle) @ unit)
    knots = np.unique([at, at + step, *height[(height > at) & (height < at + step)]])
    total = np.zeros(N)
    for low, high in pairwise(knots):
        for side in (-((1 / 3) ** 0.5), (1 / 3) ** 0.5):
            h = 0.5 * (low + high) + 0.5 * side * (high - low)
            total += 0.5 * (high - low) * mesh.clipped(mesh.middle + h * unit, unit).section_cm2
    np.testing.assert_allclose(swept[1:] * 10, total[1:], rtol=0, atol=1e-8)


@given(vectors, vectors, seeds)
def test_a_boxs_inertia_and_the_parallel_axis(edges, at, seed) -> None:
    edges = 6 + 5 * np.array(edges)
    turn = solids.rotated(np.eye(4), seed)[:3, :3]
    low = 200 * np.array(at)
    box = solids.box(low, low + edges)
    mass = edges.prod()
    own = mass / 12 * np.diag((edges**2).sum() - edges**2)
    mesh = replace(box, points=box.points @ turn.T)
    np.testing.assert_allclose(mesh.inertia()[1], turn @ own @ turn.T, rtol=1e-9, atol=1e-10 * own.max())
    # About any other point the second moments grow by the mass times the way there, squared.
    centre = turn @ (low + 0.5 * edges)
    about = np.add(centre, [3.0, -4.0, 5.0])
    second = mesh_integrals.integrate_second(mesh.points, mesh.faces, mesh.sides, 2, about)[1]
    want = (
        np.trace(own) / 2 * np.eye(3) - turn @ own @ turn.T + mass * np.outer(about - centre, about - centre)
    )
    np.testing.assert_allclose(second, want, rtol=1e-9, atol=1e-9 * want.max())
