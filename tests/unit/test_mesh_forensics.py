"""What a mesh betrays about itself, on solids whose faults were put in by hand."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest

import reference
import solids
from flrsim.errors import AnatomyError, GeometryError
from flrsim.forensics import Part, examine_mesh, examine_parts, refuse
from flrsim.forensics.crossing import contest, crossing_faces
from flrsim.forensics.sheet import EVERYTHING, edges_of, joined, prepare, turned_faces
from flrsim.kernels.columns import windings
from flrsim.kernels.crossings import crossing_pairs
from flrsim.mesh import LabelledMesh
from flrsim.meshing import mesh_from_labels
from flrsim.results import Finding


def found(mesh: LabelledMesh) -> dict[str, Finding]:
    findings = examine_mesh(mesh.points, mesh.faces, mesh.sides, mesh.names, "a.stl")
    assert len({f.code for f in findings}) == len(findings)
    return {f.code: f for f in findings}


def together(*meshes: LabelledMesh) -> LabelledMesh:
    """Return meshes as one, their regions keeping their numbers."""
    offsets = np.cumsum([0, *(len(m.points) for m in meshes)])
    return LabelledMesh(
        np.concatenate([m.points for m in meshes]),
        np.concatenate([m.faces + o for m, o in zip(meshes, offsets, strict=False)]),
        np.concatenate([m.sides for m in meshes]),
        meshes[0].names,
    )


def moved(mesh: LabelledMesh, by: tuple[float, float, float], scale: float = 1.0) -> LabelledMesh:
    return replace(mesh, points=mesh.points * scale + np.array(by))


def turned(mesh: LabelledMesh) -> LabelledMesh:
    return replace(mesh, faces=mesh.faces[:, ::-1])


BALL = solids.icosphere(50.0, 4)
BALL_ML = float(BALL.measure().volume_ml[1])
CUBES = mesh_from_labels(*solids.cubes_2x2x2(30.0), [str(i) for i in range(9)])


@pytest.mark.parametrize(
    "mesh",
    [
        BALL,
        CUBES,
        solids.torus(40.0, 12.0, 40, 20),
        solids.box((-20, -30, 5), (30, 30, 40)),
        solids.tetrahedron(),
    ],
)
def test_sound_solids_have_no_finding(mesh: LabelledMesh) -> None:
    assert found(mesh) == {}


def test_corners_that_each_face_has_for_itself_are_no_fault() -> None:
    soup = BALL.points[BALL.faces].reshape(-1, 3)
    assert found(replace(BALL, points=soup, faces=np.arange(len(soup)).reshape(-1, 3))) == {}


# ---------------------------------------------------------------- open, unbalanced, wound wrongly


def test_a_hole_is_counted_placed_and_refused() -> None:
    hole = replace(BALL, faces=BALL.faces[1:], sides=BALL.sides[1:])
    f = found(solids.icosphere(10.0, 2))
    assert f == {}
    small = solids.icosphere(10.0, 2)
    f = found(replace(small, faces=small.faces[1:], sides=small.sides[1:]))
    assert list(f) == ["open"]
    assert f["open"].count == 3
    assert f["open"].sentence.startswith('a.stl: "solid" is open (3 boundary edges near L ')
    assert f["open"].place_mm == pytest.approx(small.points[small.faces[0]].mean(axis=0), abs=2.5)
    # The same single face in a finer ball is under a thousandth of the volume: said, not refused.
    f = found(solids.as_solid(*(lambda m: (m.points, m.faces[1:]))(solids.icosphere(10.0, 5))))
    assert {c: x.level for c, x in f.items()} == {"unbalanced_edges": "warning"}
    assert f["unbalanced_edges"].count == 3
    assert "when the origin moves by 1 m" in f["unbalanced_edges"].sentence
    assert reference.directed_edge_balance(hole, 1) == 3


def test_the_shift_of_the_origin_is_the_area_vector_times_the_shift() -> None:
    ball = solids.icosphere(10.0, 5)
    f = found(replace(ball, faces=ball.faces[1:], sides=ball.sides[1:]))["unbalanced_edges"]
    a, b, c = ball.points[ball.faces[0]]
    missing = 0.5 * np.cross(b - a, c - a)
    assert f"({abs(missing.sum()) / np.sqrt(3) * 1000 / 3 / 1000:.2g} mL when" in f.sentence
    assert f.ml == pytest.approx(np.linalg.norm(missing) * np.linalg.norm(np.ptp(ball.points, axis=0)) / 1000)


@pytest.mark.parametrize("n", [1, 40, 2000])
def test_faces_wound_against_their_labels_are_told_from_holes_and_counted(n: int) -> None:
    which = np.random.default_rng(n).permutation(len(BALL.faces))[:n]
    faces = BALL.faces.copy()
    faces[which] = faces[which, ::-1]
    f = found(replace(BALL, faces=faces))
    assert list(f) == ["winding"]
    assert f["winding"].count == n
    sheet = prepare(BALL.points, faces, BALL.sides, BALL.names, "a")
    np.testing.assert_array_equal(turned_faces(sheet, edges_of(sheet)), np.sort(which))


def test_faces_reoriented_by_pyvista_are_found_in_a_labelled_mesh() -> None:
    pv = pytest.importorskip("pyvista")
    labels, _ = solids.cubes_2x2x2(30.0)
    image = pv.ImageData(dimensions=(4, 4, 4), spacing=(30, 30, 30))
    image.point_data["labels"] = np.pad(labels, 1).ravel(order="F")
    for orient in (None, True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyVista itself now advises against the option
            mesh = image.contour_labels(
                "all", smoothing=False, output_mesh_type="triangles", orient_faces=orient
            )
        sides = np.asarray(mesh.cell_data["boundary_labels"])
        f = examine_mesh(mesh.points, mesh.regular_faces, sides, tuple("012345678"), "nets.vtp")
        assert [x.code for x in f if x.level == "refused"] == (["winding"] if orient else [])
    assert "orient_faces" in f[0].sentence


def test_a_region_inside_out_is_told_from_all_of_them() -> None:
    f = found(turned(BALL))
    assert list(f) == ["inside_out"]
    assert f["inside_out"].ml == pytest.approx(-BALL_ML)
    assert "flip the normals" in f["inside_out"].sentence
    f = found(replace(CUBES, sides=CUBES.sides[:, ::-1]))
    assert list(f) == ["inside_out"]
    assert f["inside_out"].count == 8
    assert "all 8 regions" in f["inside_out"].sentence


def test_patches_of_one_skin_are_named_as_such() -> None:
    outer = (CUBES.sides == 0).any(axis=1)
    f = found(replace(CUBES, faces=CUBES.faces[outer], sides=CUBES.sides[outer]))
    assert list(f) == ["patches"]
    assert f["patches"].count == 8


# ---------------------------------------------------------------- shells in shells


def test_a_shell_with_two_walls_is_no_volume() -> None:
    f = found(together(BALL, moved(turned(BALL), (0, 0, 0), 0.9)))
    assert list(f) == ["double_wall"]
    assert "about 5 mm apart" in f["double_wall"].sentence
    assert f["double_wall"].ml == pytest.approx(0.9**3 * BALL_ML)


def test_a_cavity_is_a_warning_with_its_volume_and_place() -> None:
    f = found(together(BALL, moved(turned(BALL), (10, -5, 3), 0.2)))
    assert {c: x.level for c, x in f.items()} == {"hole": "warning"}
    assert f["hole"].ml == pytest.approx(0.2**3 * BALL_ML)
    assert f["hole"].place_mm == pytest.approx((10, -5, 3), abs=1e-9)


def test_a_wall_that_faces_the_same_way_as_the_one_around_it_counts_twice() -> None:
    f = found(together(BALL, moved(BALL, (10, -5, 3), 0.5)))
    assert {c: x.level for c, x in f.items()} == {"counted_twice": "refused"}


def test_two_balls_apart_are_two_shells_and_no_fault_of_geometry() -> None:
    assert found(together(BALL, moved(BALL, (120, 0, 0)))) == {}


# ---------------------------------------------------------------- crossing


def test_overlapping_balls_are_refused_and_the_crossing_pairs_are_those_of_the_slow_search() -> None:
    ball = solids.icosphere(20.0, 2)
    both = together(ball, moved(ball, (25, 3, 1)))
    f = found(both)
    assert list(f) == ["crossing"]
    assert f["crossing"].level == "refused"
    want = reference.crossing_triangles(both.points, both.faces)
    assert f["crossing"].count == len(want)
    assert len(want) > 20
    _, pairs = crossing_faces(prepare(both.points, both.faces, both.sides, both.names, "a"))
    np.testing.assert_array_equal(pairs, want)
    assert f["crossing"].place_mm == pytest.approx(both.points[both.faces[want[0, 0]]].mean(axis=0))


@pytest.mark.parametrize("cell", [0.7, 5.0, 100.0])
def test_the_search_grid_changes_no_pair(cell: float) -> None:
    rng = np.random.default_rng(3)
    points = (rng.uniform(0, 20, (150, 1, 3)) + rng.normal(0, 2, (150, 3, 3))).reshape(-1, 3)
    faces = np.arange(450).reshape(-1, 3)
    want = reference.crossing_triangles(points, faces)
    assert len(want) > 30
    count, pairs = crossing_pairs(points, faces, np.full(150, -1), cell, 1e-3, 10_000)
    assert count == len(pairs) == len(want)
    np.testing.assert_array_equal(pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))], want)
    # Triangles of one group are left out.
    group = np.arange(150) % 2
    count, _ = crossing_pairs(points, faces, group, cell, 1e-3, 1)
    assert count == (group[want[:, 0]] != group[want[:, 1]]).sum()


def test_faces_that_share_a_corner_can_still_cross() -> None:
    # Both start at the origin; the second lies in the plane x = y and runs through the first.
    points = np.array([[0, 0, 0], [4, 0, 0], [0, 4, 0], [3, 3, -1], [3, 3, 1.0]])
    two = np.array([[0, 1, 2], [0, 3, 4]])
    group = np.full(2, -1)
    assert crossing_pairs(points, two, group, 2.0, 1e-3, 10)[0] == 1
    beside = points + np.array([[0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 2], [0, 0, 2]])
    assert crossing_pairs(beside, two, group, 2.0, 1e-3, 10)[0] == 0


def test_touching_is_not_crossing() -> None:
    one = solids.box((0, 0, 0), (10, 10, 10))
    assert found(together(one, moved(one, (10, 3, 4)))) == {}
    assert found(together(one, moved(one, (10 - 5e-4, 3, 4)))) == {}
    f = found(together(one, moved(one, (9, 3, 4))))
    assert f["crossing"].level == "refused"


def test_what_overlapping_labels_contradict_is_measured() -> None:
    one = solids.box((0, 0, 0), (40, 40, 40))
    other = replace(moved(one, (30, 0.3, 10)), sides=one.sides * 2, names=("outside", "a", "b"))
    both = together(replace(one, names=("outside", "a", "b")), other)
    rays = contest(prepare(both.points, both.faces, both.sides, both.names, "a"))
    contested, place = rays.ml, rays.place_mm
    assert rays.leaks == 0
    # Rays run upward: below the other's floor the ray is in a; from there to a's ceiling each claims what the other does not.
    assert contested[1] == pytest.approx(10 * 39.7 * 40 / 1000, rel=0.05)
    assert place is not None
    assert 30 < place[0] < 40


def test_windings_are_those_of_a_ball() -> None:
    queries = np.array([[0.0, 0, 0], [49, 0, 0], [60, 0, 0], [0, 0, 200]])
    np.testing.assert_allclose(windings(queries, BALL.points, BALL.faces), [1, 1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(
        windings(queries[:1], BALL.points, BALL.faces[:, ::-1].copy()), [-1], atol=1e-9
    )


# ---------------------------------------------------------------- duplicates, slivers, far away, not finite


def test_a_surface_stored_twice_is_refused_though_it_is_closed() -> None:
    f = found(together(BALL, BALL))
    assert {c: x.level for c, x in f.items()} == {"duplicate_faces": "refused", "duplicate_points": "warning"}
    assert f["duplicate_faces"].count == len(BALL.faces)
    assert f["duplicate_faces"].ml == pytest.approx(BALL_ML)
    assert f["duplicate_points"].count == len(BALL.points)


def test_faces_without_area_are_counted_and_change_nothing() -> None:
    a, b = BALL.faces[7, :2]
    faces = np.concatenate([BALL.faces, [[a, b, a], [a, a, a]]])
    f = found(replace(BALL, faces=faces, sides=np.tile([1, 0], (len(faces), 1))))
    assert list(f) == ["zero_area"]
    assert f["zero_area"].count == 2
    assert f["zero_area"].level == "warning"


def test_walls_stored_once_for_each_side_are_said() -> None:
    names = ("outside", "a", "b")
    one = solids.box((0, 0, 0), (40, 40, 40))
    two = replace(moved(one, (40, 0, 0)), sides=one.sides * 2, names=names)
    f = found(together(replace(one, names=names), two))
    assert set(f) == {"walls_twice", "duplicate_points"}
    assert f["walls_twice"].count == 1
    assert '"a" and "b"' in f["walls_twice"].sentence


def test_single_precision_far_from_the_origin_is_judged_by_what_it_loses() -> None:
    near = replace(BALL, points=(BALL.points + 500).astype(np.float32).astype(float))
    assert found(near) == {}
    far = replace(BALL, points=(BALL.points + 2100).astype(np.float32).astype(float))
    f = found(far)
    assert {c: x.level for c, x in f.items()} == {"far_away": "warning"}
    step = float(np.spacing(np.float32(2100)))
    assert f["far_away"].ml == pytest.approx(4 * np.pi * 50**2 * step / 2 / 1000, rel=0.01)
    assert "single precision" in f["far_away"].sentence
    lost = replace(BALL, points=(BALL.points + 1e6).astype(np.float32).astype(float))
    assert found(lost)["far_away"].level == "refused"
    f = found(replace(BALL, points=BALL.points + 2100.123))
    assert "nothing is lost" in f["far_away"].sentence
    # Kept in metres: the file's numbers are single, the millimetres made of them are not.
    metres = (0.001 * (BALL.points + 2100)).astype(np.float32).astype(float) * 1000
    assert "single precision" in found(replace(BALL, points=metres))["far_away"].sentence


def test_points_that_are_not_numbers_and_absent_points_stop_the_examination() -> None:
    points = BALL.points.copy()
    points[[3, 5], 1] = np.nan, np.inf
    (f,) = examine_mesh(points, BALL.faces, BALL.sides, BALL.names, "a.stl")
    assert (f.level, f.code, f.count) == ("refused", "not_finite", 2)
    faces = BALL.faces.copy()
    faces[3, 1] = len(BALL.points)
    (f,) = examine_mesh(BALL.points, faces, BALL.sides, BALL.names, "a.stl")
    assert (f.level, f.code, f.count) == ("refused", "absent_points", 1)


def test_all_faults_of_a_file_are_found_at_once_and_raised_together() -> None:
    torn = moved(replace(BALL, faces=BALL.faces[30:], sides=BALL.sides[30:]), (3000.25, 0, 0))
    torn = replace(
        torn,
        faces=np.concatenate([torn.faces, torn.faces[:5]]),
        sides=np.tile([1, 0], (len(torn.faces) + 5, 1)),
    )
    f = found(torn)
    assert set(f) == {"far_away", "duplicate_faces", "open"}
    both = [
        Finding("refused", "open", "one"),
        Finding("warning", "x", "two"),
        Finding("refused", "mirrored", "three"),
    ]
    with pytest.raises(GeometryError, match=r"^one; also: three$") as error:
        refuse(both)
    assert error.value.findings == tuple(both)
    with pytest.raises(AnatomyError, match=r"^three; also: one$"):
        refuse(both[::-1])
    refuse(both[1:2])


# ---------------------------------------------------------------- edges and points


@pytest.mark.parametrize("seed", range(3))
def test_unbalanced_edges_are_those_of_the_slow_count(seed: int) -> None:
    rng = np.random.default_rng(seed)
    keep = rng.random(len(CUBES.faces)) > 0.2
    mesh = replace(CUBES, faces=CUBES.faces[keep], sides=CUBES.sides[keep])
    edges = edges_of(prepare(mesh.points, mesh.faces, mesh.sides, mesh.names, "a"))
    for region in range(1, 9):
        assert len(edges.unbalanced(region)) == reference.directed_edge_balance(mesh, region)
    union = replace(mesh, sides=(mesh.sides > 0).astype(np.uint16))
    assert len(edges.unbalanced(EVERYTHING)) == reference.directed_edge_balance(union, 1)


def test_equal_points_are_joined_exactly_and_in_the_order_of_the_file() -> None:
    rng = np.random.default_rng(0)
    points = rng.integers(-3, 3, (500, 3)) * 0.1
    points[points == 0] = -0.0
    different, number = joined(points)
    np.testing.assert_array_equal(different[number], points)
    assert len(different) == len(np.unique(points + 0.0, axis=0))
    assert (np.diff([np.flatnonzero(number == k)[0] for k in range(len(different))]) > 0).all()


# ---------------------------------------------------------------- separate surfaces


def part(name: str, mesh: LabelledMesh) -> Part:
    triangles, _ = mesh.triangles()
    return Part(name, f"{name}.stl", mesh.points, triangles)


A = solids.box((100, 20, 0), (160, 80, 50))
B = solids.box((160, 20, 0), (220, 80, 50))


def codes(*parts: Part) -> dict[str, Finding]:
    return {f.code: f for f in examine_parts(parts, "folder", one_organ=True)}


def test_parts_that_touch_are_one_organ() -> None:
    assert codes(part("S1", A), part("S2", B)) == {}


def test_a_part_in_the_other_frame_and_one_in_another_unit_are_named() -> None:
    f = codes(part("S1", A), part("S2", replace(B, points=B.points * (-1, -1, 1))))
    assert {c: x.level for c, x in f.items()} == {"frame_mixed": "refused"}
    assert "does not touch the other parts" in f["frame_mixed"].sentence
    third = solids.box((220, 20, 0), (280, 80, 50))
    f = codes(part("S1", A), part("S2", B), part("S3", replace(third, points=third.points / 10)))
    assert {c: x.level for c, x in f.items()} == {"unit_mixed": "refused"}
    assert "10 times too small" in f["unit_mixed"].sentence
    f = codes(part("S1", A), part("S2", moved(B, (0, 0, 200))))
    assert {c: x.level for c, x in f.items()} == {"apart": "warning"}


def test_open_files_that_close_together_are_patches() -> None:
    triangles, _ = A.triangles()
    one = Part("S1", "S1.stl", A.points, triangles[:5])
    two = Part("S2", "S2.stl", A.points, triangles[5:])
    f = codes(one, two)
    assert {c: x.level for c, x in f.items()} == {"patches": "refused"}
    assert "S1.stl, S2.stl are open patches" in f["patches"].sentence
    assert set(codes(one, replace(two, faces=triangles[6:]))) == {"open"}


def test_parts_that_pass_through_each_other_are_counted() -> None:
    f = codes(part("S1", A), part("S2", moved(B, (-2, 1, 1))))
    assert {c: x.level for c, x in f.items()} == {"crossing_parts": "warning"}
    assert '"S1" and "S2"' in f["crossing_parts"].sentence
