"""Planes: exact shares of crossed voxels, held against VTK's clip of the voxels' own surface and against formulas."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest

import solids
from flrsim.errors import PlanError
from flrsim.evidence import load_evidence
from flrsim.grid import cut_into_pieces
from flrsim.kernels.cells import cell_shares
from flrsim.legality import check_plan
from flrsim.meshing import mesh_from_labels
from flrsim.plan import Occlude, Operate, Plan, Step, describe
from flrsim.resection.plane import Plane, heights, plane_mark
from flrsim.staging import course_of, stage_plans

OBLIQUE = Plane((-6.0, 3.0, -2.0), (-1.0, 0.35, 0.2))
FLAT = Plane((-9.1, 0.0, 0.0), (-2.0, 0.0, 0.0))


@cache
def evidence():
    return load_evidence()


@cache
def toy():
    return solids.toy_liver((3.0, 3.0, 5.0))


def staged(*actions, case=None):
    steps = tuple(Step(20 * k, action) for k, action in enumerate(actions))
    return stage_plans(case or toy(), [Plan("p", steps)], evidence())[0]


def clipped_ml(points, triangles, planes):
    """Return the volume of a closed surface on the positive side of planes, by vtkClipClosedSurface."""
    import pyvista as pv
    from vtkmodules.vtkCommonDataModel import vtkPlane, vtkPlaneCollection
    from vtkmodules.vtkFiltersGeneral import vtkClipClosedSurface

    collection = vtkPlaneCollection()
    for plane in planes:
        one = vtkPlane()
        one.SetOrigin(plane.point_mm)
        one.SetNormal(np.array(plane.normal) / np.linalg.norm(plane.normal))
        collection.AddItem(one)
    clip = vtkClipClosedSurface()
    clip.SetClippingPlanes(collection)
    clip.SetInputData(pv.PolyData.from_regular_faces(points, triangles))
    clip.SetTolerance(1e-12)
    clip.Update()
    out = pv.wrap(clip.GetOutput()).triangulate()
    if not out.n_cells:
        return 0.0
    # About a point on every plane the caps hold no volume: VTK's triangles there need not be trusted.
    normals = np.array([p.normal for p in planes], float)
    origin = np.linalg.lstsq(
        normals, [n @ p.point_mm for n, p in zip(normals, planes, strict=True)], rcond=None
    )[0]
    corner = out.points[out.regular_faces].astype(float) - origin
    return float(np.einsum("ij,ij->", corner[:, 0], np.cross(corner[:, 1], corner[:, 2]))) / 6000.0


def region_surfaces(grid):
    names = ["outside", *(f"{r.segment}/{r.tissue}" for r in grid.table[1:])]
    mesh = mesh_from_labels(grid.regions, grid.affine, names)
    return {i: mesh.region_surface(i) for i in range(1, len(names))}


# ------------------------------------------------------------------------------------------------------- the kernel


def inside_share(planes, samples=60):
    """Return the shares of a unit cube's cells by counting points of a fine lattice."""
    u = (np.arange(samples) + 0.5) / samples - 0.5
    points = np.stack(np.meshgrid(u, u, u, indexing="ij"), axis=-1).reshape(-1, 3)
    cell = sum(((points @ p[:3] >= p[3]) << b) for b, p in enumerate(planes))
    return np.bincount(cell, minlength=2 ** len(planes)) / samples**3


def test_one_plane_shares_a_cube_as_the_formula_of_cut_cubes_says() -> None:
    rng = np.random.default_rng(1)
    normal = np.abs(rng.normal(size=(40, 3))) + 0.05
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    d = rng.uniform(-0.8, 0.8, 40)
    _, share = cell_shares(np.arange(41), np.column_stack([normal, d]))
    for n, height, got in zip(normal, d, share.reshape(-1, 2), strict=True):
        # Volume of the corner below n·u = a, a measured from the lowest corner: inclusion and exclusion of the cubes beyond.
        a = height + 0.5 * n.sum()
        below = sum(
            (-1) ** sum(s) * max(a - n @ s, 0.0) ** 3 for s in itertools.product((0, 1), repeat=3)
        ) / (6 * n.prod())
        assert got == pytest.approx([below, 1 - below], abs=1e-11)


@pytest.mark.parametrize("seed", range(4))
def test_several_planes_share_a_cube_into_cells(seed) -> None:
    rng = np.random.default_rng(seed)
    sizes = np.array([2, 3, 4, 1, 5])
    first = np.concatenate([[0], np.cumsum(sizes)])
    planes = np.column_stack([rng.normal(size=(sizes.sum(), 3)), rng.uniform(-0.3, 0.3, sizes.sum())])
    planes[:, :3] /= np.linalg.norm(planes[:, :3], axis=1, keepdims=True)
    start, share = cell_shares(first, planes)
    for v in range(len(sizes)):
        got = share[start[v] : start[v + 1]]
        assert got.sum() == pytest.approx(1.0, abs=1e-13)
        np.testing.assert_allclose(got, inside_share(planes[first[v] : first[v + 1]]), atol=4e-3)


def test_planes_through_corners_edges_and_faces_leave_no_slivers() -> None:
    third = 3**-0.5
    planes = np.array(
        [[third] * 3 + [0.5 * third], [1, 0, 0, 0.0], [0, 1, 0, 0.5], [0.5**0.5, 0.5**0.5, 0, 0]]
    )
    _, share = cell_shares(np.arange(5), planes)
    # A corner tetrahedron of x + y + z >= 1/2 about the centre: 1/6 of the unit cube's (1 - …) corner.
    assert share.reshape(-1, 2)[1:] == pytest.approx(np.array([[0.5, 0.5], [1, 0], [0.5, 0.5]]), abs=1e-14)
    assert share[0:2] == pytest.approx([5 / 6, 1 / 6], abs=1e-14)


# ------------------------------------------------------------------------------------------------ volumes of a plane


@pytest.mark.parametrize(
    "planes",
    [
        (OBLIQUE,),
        (FLAT,),
        (OBLIQUE, Plane((0.0, 5.0, 0.0), (0.1, 1.0, -0.3))),
        (Plane((0, 0, 2.5), (0, 0, 1)),),
    ],
)
def test_a_plane_takes_what_vtk_clips_off_the_voxels_own_surface(planes) -> None:
    grid = toy().grid
    result = staged(Operate(plane=planes))
    (op,) = result.operations
    specimen = result.pieces.region_ml(op.goes)
    for region, (points, triangles) in region_surfaces(grid).items():
        want = clipped_ml(points, triangles, planes)
        assert specimen[region] == pytest.approx(want, abs=1e-7 * grid.ml.sum()), grid.table[region]


def test_a_plane_between_voxel_centres_takes_its_share_of_the_layer() -> None:
    # The layer of voxels that x = −9.1 crosses: the centre's rule alone would take all of it or none.
    case = toy()
    taken = sum(staged(Operate(plane=(FLAT,))).operations[0].resected_ml.values())
    x = case.grid.world(np.argwhere(case.grid.liver).astype(float))[:, 0]
    share = np.clip((-9.1 - (x - 1.5)) / 3.0, 0, 1)
    assert taken == pytest.approx(share.sum() * 3 * 3 * 5 / 1000, rel=1e-12)
    by_centre = np.count_nonzero(x <= -9.1) * 3 * 3 * 5 / 1000
    assert abs(by_centre - taken) > 0.5


def test_both_sides_of_a_plane_are_the_liver() -> None:
    case = toy()
    back = Plane(OBLIQUE.point_mm, tuple(-v for v in OBLIQUE.normal))
    a, b = (staged(Operate(plane=(p,))) for p in (OBLIQUE, back))
    for segment, ml in case.parenchyma_ml.items():
        one, other = (r.operations[0].removed_ml.get(segment, 0.0) for r in (a, b))
        assert one + other == pytest.approx(ml, rel=1e-12)
        assert one == pytest.approx(b.flr_ml.get(segment, 0.0), rel=1e-12, abs=1e-12)


def test_a_mesh_of_another_volume_than_its_voxels_keeps_it() -> None:
    plain = solids.toy_liver((4.0, 4.0, 4.0), lesions={}, vessels=False)
    ml = np.array([0.0, *plain.segment_ml.values()])
    factor = 1.02
    scaled = solids.toy_liver((4.0, 4.0, 4.0), lesions={}, vessels=False, ml=ml * factor)
    a, b = (staged(Operate(plane=(OBLIQUE,)), case=c) for c in (plain, scaled))
    one, other = (sum(r.operations[0].resected_ml.values()) for r in (a, b))
    assert other == pytest.approx(factor * one, rel=1e-12)


def test_planes_of_one_operation_bound_one_specimen_and_within_keeps_it_to_segments() -> None:
    case = toy()
    other = Plane((0.0, 5.0, 0.0), (0.0, 1.0, 0.0))
    both = staged(Operate(plane=(OBLIQUE, other))).operations[0]
    high = (heights(case.grid, OBLIQUE) >= 0) & (heights(case.grid, other) >= 0)
    result = staged(Operate(plane=(OBLIQUE, other)))
    painted = (result.removed_at == 1) & case.grid.liver
    np.testing.assert_array_equal(painted, high & case.grid.liver)
    kept = staged(Operate(plane=(OBLIQUE,), within=("S6", "S7"))).operations[0]
    assert set(kept.removed_ml) == {"S6", "S7"}
    alone = staged(Operate(plane=(OBLIQUE,))).operations[0]
    assert {s: alone.removed_ml[s] for s in ("S6", "S7")} == pytest.approx(kept.removed_ml, rel=1e-12)
    assert sum(both.resected_ml.values()) < sum(alone.resected_ml.values())


def test_a_sequence_of_planes_takes_what_is_left_and_leaves_a_segment_in_part() -> None:
    first, second = Operate(plane=(Plane((-30.0, 0, 0), (-1, 0, 0)),)), Operate(plane=(FLAT,))
    result = staged(first, second)
    at_once = staged(second)
    a, b = result.operations
    assert sum(a.resected_ml.values()) + sum(b.resected_ml.values()) == pytest.approx(
        sum(at_once.operations[0].resected_ml.values()), rel=1e-12
    )
    assert result.flr_ml == pytest.approx(at_once.flr_ml, rel=1e-12)
    # S5 to S8 end at x = −8: a strip of them stays and counts.
    for segment in ("S5", "S8"):
        assert 0 < result.flr_ml[segment] < 0.1 * toy().parenchyma_ml[segment]


def test_the_order_of_cuts_does_not_change_the_pieces() -> None:
    grid = toy().grid
    ball = np.linalg.norm(solids.grid_points(grid.regions.shape, grid.affine) - [-10, 0, 0], axis=-1) < 20
    cuts = {
        "a": plane_mark(grid, OBLIQUE),
        "b": plane_mark(grid, Plane((0, 5, 0), (0, 1, 0.2))),
        "c": ball,
    }
    pieces = []
    for order in itertools.permutations(cuts):
        got = cut_into_pieces(grid, {name: cuts[name] for name in order})
        columns = [got.cuts.index(name) for name in sorted(cuts)]
        pieces.append(
            {(int(r), *map(bool, row)): (int(n), v) for r, row, n, v in zip(got.region, got.inside[:, columns], got.counts, got.ml, strict=True)}
        )  # fmt: skip
    for other in pieces[1:]:
        assert other.keys() == pieces[0].keys()
        for key, (n, ml) in other.items():
            assert n == pieces[0][key][0]
            assert ml == pytest.approx(pieces[0][key][1], rel=1e-12, abs=1e-12)
    assert sum(ml for _, ml in pieces[0].values()) == pytest.approx(grid.ml.sum(), rel=1e-12)


# ------------------------------------------------------------------------------------------ lesions, vessels, surface


def test_a_plane_that_grazes_a_lesion_cuts_it_through_however_little() -> None:
    case = toy()
    lesion = case.lesion("L3")
    own = case.grid.world(
        np.argwhere(case.grid.mask(case.grid.ids(tissue="L3", kind="lesion"))).astype(float)
    )
    edge = own[:, 0].max() + 1.5  # the lesion's voxels end here
    whole = staged(Operate(plane=(Plane((edge + 0.01, 0, 0), (-1, 0, 0)),)))
    grazed = staged(Operate(plane=(Plane((edge - 0.01, 0, 0), (-1, 0, 0)),)))
    a, b = (next(f for f in r.fates if f.lesion.name == "L3") for r in (whole, grazed))
    assert (a.fate, a.stage) == ("removed", 1)
    assert b.fate == "cut_through"
    assert 0 < b.left_ml < 0.005 * lesion.volume_ml


def test_the_margin_to_a_plane_is_the_distance_of_the_lesion_from_it() -> None:
    centre, radius = solids.LESIONS["L3"]
    result = staged(Operate(plane=(OBLIQUE,)))
    fate = next(f for f in result.fates if f.lesion.name == "L3")
    normal = np.array(OBLIQUE.normal) / np.linalg.norm(OBLIQUE.normal)
    want = normal @ (np.array(centre) - OBLIQUE.point_mm) - radius
    assert fate.margin_measured_mm == pytest.approx(want, abs=1.5)


@pytest.mark.parametrize("normal", [(-1, 0, 0), (-1, 1, 0), (-1, 0.4, 0.7), (0.2, 0.3, 1)])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.6, 1.6, 1.6)])
def test_the_area_of_a_plane_is_its_section_of_the_ellipsoid(normal, spacing) -> None:
    case = solids.toy_liver(spacing, lesions={}, vessels=False)
    plane = Plane((-8.3, 2.1, 1.2), normal)
    (op,) = staged(Operate(plane=(plane,)), case=case).operations
    half = np.array([80.0, 58.0, 48.0])
    n = np.array(normal) / np.linalg.norm(normal)
    # The section of an ellipsoid is an ellipse: π abc (1 − d²/h²)/h with h the support of the ellipsoid along n.
    h = np.linalg.norm(half * n)
    want = np.pi * half.prod() / h * (1 - (n @ plane.point_mm / h) ** 2) / 100
    assert op.transection_cm2 == pytest.approx(want, rel=0.015)
    assert sum(op.cut.area_by_segment_cm2.values()) == pytest.approx(op.transection_cm2, rel=1e-12)


def test_the_cut_surface_is_behind_the_segments_that_stay() -> None:
    (op,) = staged(Operate(resect=("S5", "S6", "S7", "S8")), case=solids.toy_liver((2, 2, 2))).operations
    assert set(op.cut.area_by_segment_cm2) == {"S1", "S4a", "S4b"}
    wall = op.cut.wall
    grid = solids.toy_liver((2, 2, 2)).grid
    segment = grid.segment_labels.reshape(-1)[wall.voxels]
    taken = {i for i, s in enumerate(grid.segments, start=1) if s in ("S5", "S6", "S7", "S8")}
    assert set(np.unique(segment[:, 1])) <= taken
    assert not set(np.unique(segment[:, 0])) & taken
    # Normals point into the specimen, on the patient's right: x falls.
    corner = wall.points[wall.faces]
    normal = np.cross(corner[:, 2] - corner[:, 0], corner[:, 3] - corner[:, 1]).sum(axis=0)
    assert normal[0] < -10 * abs(normal[1])


def test_vessels_of_which_a_part_goes_are_severed() -> None:
    assert staged(Operate(plane=(FLAT,))).operations[0].severed == (
        "portal_vein:right",
        "hepatic_vein:middle",
    )
    far = Plane((-60, 0, 0), (-1, 0, 0))
    assert staged(Operate(plane=(far,))).operations[0].severed == ("portal_vein:right",)


# ---------------------------------------------------------------------------------------------------- what is said


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (Operate(plane=(Plane((0, 0, 0), (0, 0, 0)),)), "day 0: the plane has the normal .0, 0, 0., which points nowhere"),
        (Operate(plane=(Plane((0, 0, float("nan")), (0, 0, 1)),)), "the plane holds a number that is not finite"),
        (Operate(plane=(OBLIQUE, Plane((0, 0, 90), (0, 0, 1)))), "plane 2 misses the liver: all of it lies on the side that stays, 4[234] mm or more"),
        (Operate(plane=(Plane((0, 0, 90), (0, 0, -1)),)), "the plane misses the liver: all of it lies on the side that goes"),
        (Operate(plane=(Plane((60, 0, 0), (1, 0, 0)),), within=("S6",)), "the plane misses S6"),
        (Operate(plane=(OBLIQUE,), within=("S4c",)), "S4c"),
        (Operate(resect=("S6",), within=("S6",)), "within keeps planes and sheets to segments, but none is given"),
    ],
)  # fmt: skip
def test_a_plane_that_cannot_cut_is_refused_in_words(action, sentence) -> None:
    with pytest.raises(PlanError, match=sentence):
        check_plan(Plan("p", (Step(0, action),)), toy())


def test_planes_without_common_ground_take_nothing() -> None:
    right, left = Plane((-20, 0, 0), (-1, 0, 0)), Plane((20, 0, 0), (1, 0, 0))
    with pytest.raises(PlanError, match="the cut takes nothing"):
        staged(Operate(plane=(right, left)))


def test_occluding_what_a_plane_leaves_is_refused_and_what_it_takes_is_not() -> None:
    pve = Occlude("pve", ("right",))
    ok = Plan("p", (Step(0, pve), Step(30, Operate(plane=(FLAT,)))))
    check_plan(ok, toy())
    stage_plans(toy(), [ok], evidence())
    bad = Plan("p", (Step(0, pve), Step(30, Operate(plane=(Plane((-40, 0, 0), (-1, 0, 0)),)))))
    check_plan(bad, toy())
    with pytest.raises(PlanError, match="occluding right takes the portal inflow of S5"):
        stage_plans(toy(), [bad], evidence())


def test_a_plane_in_words_and_in_the_course() -> None:
    step = Step(0, Operate(plane=(OBLIQUE, FLAT), within=("S5", "S6")))
    assert describe(step, toy().grid.segments) == "day 0: cut along two planes within S5 + S6"
    assert Plan("p", (step,)).family == "one operation"
    result = staged(Operate(plane=(FLAT,)))
    assert result.operations[0].title == "cut along a plane"
    assert result.operations[0].takes == {"S5", "S6", "S7", "S8"}
    course = course_of(toy(), result, tlv_functional_ml=850.0, measurement_sd_fraction=0.02)
    assert course.steps[0].major
    assert course.steps[0].removed_ml == result.operations[0].removed_ml


def test_a_territory_is_a_cut_of_its_own() -> None:
    from flrsim.resection.territory import territory_mask

    case = toy()
    action = Operate(territory=("portal:right",))
    step = Step(0, action)
    check_plan(Plan("p", (step,)), case)
    assert describe(step, case.grid.segments) == "day 0: territory of portal right"
    result = staged(action)
    mask = territory_mask(case, ["portal:right"])
    np.testing.assert_array_equal((result.removed_at == 1) & case.grid.liver, mask)
    both = staged(Operate(territory=("portal:right", "portal:left"), resect=("S1",))).operations[0]
    assert sum(both.resected_ml.values()) > sum(result.operations[0].resected_ml.values())
    with pytest.raises(PlanError, match=r"day 0: .*no branch"):
        check_plan(Plan("p", (Step(0, Operate(territory=("portal:S8",))),)), case)
