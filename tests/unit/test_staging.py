"""Plans carried out on pieces: fates of lesions, margins, cut surfaces, parts of what stays."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

import solids
from flrsim.evidence import load_evidence
from flrsim.plan import Occlude, Operate, Plan, Scan, Step
from flrsim.resection.cut import cut_between
from flrsim.resection.wedge import wedge
from flrsim.staging import course_of, shrinkage, stage_plans

RIGHT = ("S5", "S6", "S7", "S8")


@cache
def evidence():
    return load_evidence()


@cache
def toy():
    return solids.toy_liver((3.0, 3.0, 3.0))


def operation(day=0, *, resect=(), wedge=(), margin=None):
    return Step(day, Operate(tuple(resect), tuple(wedge), margin))


def staged(*steps, case=None, caudate="stays"):
    return stage_plans(case or toy(), [Plan("p", steps, caudate)], evidence())[0]


def fate(result, name):
    return next(f for f in result.fates if f.lesion.name == name)


def test_a_resection_takes_its_segments_whole() -> None:
    result = staged(operation(resect=RIGHT))
    (op,) = result.operations
    assert op.resects == frozenset(RIGHT)
    table = toy().segment_ml
    inside = sum(table[s] for s in RIGHT)
    assert sum(op.resected_ml.values()) == pytest.approx(inside, rel=1e-12)
    assert sum(op.before_ml.values()) == pytest.approx(sum(table.values()), rel=1e-12)
    assert set(result.flr_ml) == {"S1", "S2", "S3", "S4a", "S4b"}
    assert result.flr_ml == {s: pytest.approx(toy().parenchyma_ml[s], rel=1e-12) for s in result.flr_ml}
    assert result.flr_gross_ml == pytest.approx(sum(table.values()) - inside, rel=1e-12)
    assert op.removed_ml == {s: pytest.approx(toy().parenchyma_ml[s], rel=1e-12) for s in RIGHT}


def test_s4_in_a_plan_means_both_of_its_halves() -> None:
    assert staged(operation(resect=["S4"])).operations[0].resects == {"S4a", "S4b"}


def test_a_lesion_across_the_border_is_cut_through_and_what_is_left_is_named() -> None:
    result = staged(operation(resect=RIGHT))
    lesion = toy().lesion("L1")
    cut = fate(result, "L1")
    assert cut.fate == "cut_through"
    assert cut.stage is None
    stays = {s: share * lesion.volume_ml for s, share in lesion.segments.items() if s not in RIGHT}
    assert "S4a" in stays
    assert cut.left_ml == pytest.approx(sum(stays.values()), rel=1e-12)
    assert cut.left_in == pytest.approx(stays, rel=1e-12)
    assert cut.margin_measured_mm == 0.0
    assert fate(result, "L2").fate == "left"
    assert fate(result, "L2").left_ml == pytest.approx(toy().lesion("L2").volume_ml, rel=1e-12)
    assert fate(result, "L3").fate == "removed"


def test_one_voxel_left_behind_is_cut_through() -> None:
    # The plane x = -8 shaves one layer off a lesion in S8: its ball reaches only just across.
    reach = 0.0
    for x in np.arange(-14.0, -10.0, 0.05):
        case = solids.toy_liver((3.0, 3.0, 3.0), lesions={"L1": ((x, -20.0, 15.0), 5.0)}, vessels=False)
        share = case.lesions[0].segments
        if "S4a" in share:
            reach = share["S4a"]
            break
    assert 0 < reach < 0.1
    left = fate(staged(operation(resect=RIGHT), case=case), "L1")
    assert left.fate == "cut_through"
    assert left.left_ml == pytest.approx(reach * case.lesions[0].volume_ml, rel=1e-12)


def test_a_lesion_taken_in_two_operations_is_cut_through_although_nothing_is_left() -> None:
    result = staged(operation(0, resect=["S5", "S8"]), operation(30, resect=["S4"]))
    got = fate(result, "L1")
    assert (got.fate, got.stage, got.left_ml, got.left_in) == ("cut_through", 2, 0.0, {})


def test_overlapping_wedges_take_their_union_and_their_margins_are_measured() -> None:
    result = staged(operation(wedge=["L1", "L4"], margin=5.0))
    union = wedge(toy().grid, toy().lesion("L1"), 5.0) | wedge(toy().grid, toy().lesion("L4"), 5.0)
    np.testing.assert_array_equal(result.removed_at == 1, union)
    separate = [
        sum(staged(operation(wedge=[name], margin=5.0)).operations[0].resected_ml.values())
        for name in ("L1", "L4")
    ]
    both = sum(result.operations[0].resected_ml.values())
    assert max(separate) < both < sum(separate) - 1.0
    for name in ("L1", "L4"):
        got = fate(result, name)
        assert (got.fate, got.stage, got.wedged, got.margin_planned_mm) == ("removed", 1, True, 5.0)
        # The wall runs between voxel centres 3 mm apart: nearer by half a voxel's diagonal at worst.
        assert 5.0 - 0.5 * 3.0 * 3**0.5 <= got.margin_measured_mm <= 5.0 + 3.0


def test_a_wedge_of_one_lesion_that_cuts_another_says_so() -> None:
    got = fate(staged(operation(wedge=["L4"], margin=10.0)), "L1")
    assert got.fate == "cut_through"
    assert not got.wedged
    assert 0 < got.left_ml < toy().lesion("L1").volume_ml


def test_the_margin_of_a_resection_is_measured_and_not_planned() -> None:
    case = toy()
    got = fate(staged(operation(resect=["S7"]), case=case), "L3")
    assert got.fate == "removed"
    assert got.margin_planned_mm is None
    centre, radius = solids.LESIONS["L3"]
    # S7 ends at y = 8 and at z = 0.
    assert got.margin_measured_mm == pytest.approx(min(centre[1] - 8, centre[2]) - radius, abs=1.5)
    both = staged(operation(resect=["S7"], wedge=["L3"], margin=3.0), case=case)
    assert fate(both, "L3").margin_planned_mm == 3.0


def test_the_part_outside_the_liver_goes_with_the_lesion_and_is_not_liver() -> None:
    lesion = toy().lesion("L5")
    assert 0 < lesion.outside_ml < 0.1 * lesion.volume_ml
    for step in (operation(resect=RIGHT), operation(wedge=["L5"], margin=5.0)):
        (op,) = staged(step).operations
        assert op.resected_outside_ml == pytest.approx(lesion.outside_ml, rel=1e-12)
    (op,) = staged(operation(resect=RIGHT)).operations
    assert sum(op.resected_ml.values()) == pytest.approx(sum(toy().segment_ml[s] for s in RIGHT), rel=1e-12)
    assert staged(operation(resect=["S7"])).operations[0].resected_outside_ml == 0.0


def test_the_cut_of_a_right_hepatectomy_is_the_section_of_the_ellipsoid() -> None:
    case = solids.toy_liver((1.0, 1.0, 1.0), lesions={}, vessels=False)
    # The voxels' border nearest to x = -8.
    edges = case.grid.affine[0, 3] + np.arange(160) + 0.5
    x = edges[np.abs(edges + 8).argmin()]
    want = np.pi * 58 * 48 * (1 - (x / 80) ** 2) / 100
    area = staged(operation(resect=RIGHT), case=case).operations[0].transection_cm2
    # Half a voxel of rim is drawn in all around: the area comes out low.
    assert area == pytest.approx(want, rel=0.03)


def test_what_stays_in_two_parts_is_said_with_their_volumes() -> None:
    middle = operation(resect=["S1", "S4"])
    result = staged(middle)
    left, right = sorted(result.operations[0].remnant_pieces_ml)
    table = toy().segment_ml
    # Parts are weighed on every second voxel.
    assert left == pytest.approx(table["S2"] + table["S3"], rel=0.08)
    assert right == pytest.approx(sum(table[s] for s in RIGHT), rel=0.08)
    assert len(staged(operation(resect=["S4"])).operations[0].remnant_pieces_ml) == 1


def test_a_caudate_that_goes_goes_with_the_last_operation() -> None:
    result = staged(operation(0, resect=["S8"]), operation(20, resect=["S7"]), caudate="goes")
    assert [sorted(op.resects) for op in result.operations] == [["S8"], ["S1", "S7"]]
    assert "S1" not in result.flr_ml


def test_tissue_goes_once_also_when_two_operations_name_it() -> None:
    result = staged(operation(0, wedge=["L3"], margin=5.0), operation(20, resect=["S7", "S6"]))
    first, second = result.operations
    assert sum(first.resected_ml.values()) + sum(second.resected_ml.values()) == pytest.approx(
        sum(toy().segment_ml[s] for s in ("S6", "S7"))
        + sum(first.resected_ml.values())
        - first_inside(result, ("S6", "S7")),
        rel=1e-12,
    )


def first_inside(result, segments):
    """Return the mL that the first operation takes inside some segments, from the grid."""
    grid = result.pieces.grid
    counts = np.bincount(grid.regions[result.removed_at == 1], minlength=len(grid.table))
    return sum(grid.ml[i] * counts[i] / grid.counts[i] for i in grid.ids(segments=segments))


def test_plans_staged_together_are_plans_staged_alone() -> None:
    plans = [
        Plan("a", (operation(wedge=["L1"], margin=5.0),)),
        Plan("b", (operation(resect=RIGHT, wedge=["L2"], margin=3.0),)),
        Plan("c", (operation(wedge=["L4", "L2", "L1"], margin=8.0),)),
    ]
    together = stage_plans(toy(), plans, evidence())
    for one, plan in zip(together, plans, strict=True):
        (alone,) = stage_plans(toy(), [plan], evidence())
        np.testing.assert_array_equal(one.removed_at, alone.removed_at)
        assert one.flr_ml == alone.flr_ml
        assert one.operations[0].resected_ml == alone.operations[0].resected_ml
        assert [f.fate for f in one.fates] == [f.fate for f in alone.fates]


def test_the_course_of_a_plan_has_its_steps_and_volumes() -> None:
    steps = (
        operation(0, wedge=["L2"], margin=5.0),
        Step(14, Occlude("pve", ("right",))),
        Step(42, Scan(300.0)),
        operation(45, resect=RIGHT),
    )
    result = staged(*steps)
    course = course_of(toy(), result, tlv_functional_ml=850.0, measurement_sd_fraction=0.02)
    assert [(s.day, s.kind) for s in course.steps] == [
        (0, "operate"),
        (14, "occlude"),
        (42, "scan"),
        (45, "operate"),
    ]
    assert course.steps[0].removed_ml == result.operations[0].removed_ml
    assert [s.major for s in course.steps] == [False, False, False, True]
    assert course.steps[1].occluded == RIGHT
    assert course.steps[2].measured_flr_ml == 300.0
    assert course.flr_ml == result.flr_ml
    assert {x.name: x.fate for x in course.lesions} == {f.lesion.name: f.fate for f in result.fates}


@pytest.mark.parametrize("distance", [2.0, 5.0, 9.0])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.8, 0.9, 1.5)])
def test_a_ball_cut_by_a_plane_clears_when_its_radius_is_the_planes_distance(distance, spacing) -> None:
    # S8 ends at x = -8; the ball's centre lies in it, so far from the plane.
    radius = 13.0
    case = solids.toy_liver(spacing, lesions={"L1": ((-8.0 - distance, -20.0, 20.0), radius)}, vessels=False)
    got = fate(staged(operation(30, resect=RIGHT), case=case), "L1")
    assert (got.fate, got.shrinks_into) == ("cut_through", 1)
    # Voxels' centres stand for voxels on both sides: half a voxel of the plane and of the ball each.
    assert got.clears_at == pytest.approx(
        distance / radius, abs=0.5 * (spacing[0] + max(spacing)) / radius + 0.01
    )


def test_a_lesion_whose_centre_stays_never_goes_by_shrinking() -> None:
    case = solids.toy_liver((1.5, 1.5, 1.5), lesions={"L1": ((-5.0, -20.0, 20.0), 13.0)}, vessels=False)
    got = fate(staged(operation(resect=RIGHT), case=case), "L1")
    assert (got.fate, got.clears_at, got.shrinks_into) == ("cut_through", None, None)
    whole = fate(staged(operation(resect=[*RIGHT, "S4"]), case=case), "L1")
    assert (whole.fate, whole.clears_at, whole.shrinks_into) == ("removed", None, None)


def test_a_lesion_taken_in_two_operations_goes_with_the_one_that_holds_its_centre() -> None:
    case = solids.toy_liver((1.5, 1.5, 1.5), lesions={"L1": ((-14.0, -20.0, 20.0), 13.0)}, vessels=False)
    for first, second, stage in ((["S4"], RIGHT, 2), (RIGHT, ["S4"], 1)):
        result = staged(operation(0, resect=first), operation(30, resect=second), case=case)
        got = fate(result, "L1")
        assert (got.fate, got.left_ml, got.shrinks_into) == ("cut_through", 0.0, stage)
        assert got.clears_at == pytest.approx(6 / 13, abs=1.5 / 13 + 0.01)
        (course,) = course_of(case, result, tlv_functional_ml=1000.0, measurement_sd_fraction=0.0).lesions
        assert (course.clears_at, course.shrinks_into, course.stage) == (got.clears_at, stage, None)


def test_every_smaller_size_goes_too() -> None:
    # A corner of S8, against a slow map of every voxel of the lesion at every size.
    case = solids.toy_liver((1.5, 1.4, 1.6), lesions={"L1": ((-17.0, -3.0, 7.0), 13.0)}, vessels=False)
    result = staged(operation(resect=["S8"]), case=case)
    got = fate(result, "L1")
    goes = result.pieces.paint(result.operations[0].goes)
    voxels = np.argwhere(case.grid.mask(case.grid.ids(tissue="L1", kind="lesion")))
    centre = voxels.mean(axis=0)
    fits = [
        goes[tuple(np.rint(centre + f / 100 * (voxels - centre)).astype(int).T)].all() for f in range(101)
    ]
    largest = fits.index(False) - 1
    assert 30 < largest < 80
    assert got.clears_at == largest / 100


def test_a_part_that_stays_on_the_way_counts_although_there_is_room_beyond_it() -> None:
    stops = np.zeros((21, 3, 3), dtype=bool)
    stops[15] = True
    assert shrinkage._largest(stops, np.array([10.0, 1.0, 1.0]), np.array([[10.0, 0.0, 0.0]])) == 0.45


def test_each_operation_has_its_own_cut_and_equal_ones_share_it() -> None:
    first, second = operation(resect=RIGHT), operation(30, resect=["S4"])
    two, one, again = stage_plans(
        toy(),
        [Plan("two", (first, second)), Plan("one", (operation(resect=["S4"]),)), Plan("again", (first,))],
        evidence(),
    )
    liver = np.isin(two.pieces.region, toy().grid.liver_ids)
    present = np.ones(len(liver), dtype=bool)
    for op in two.operations:
        alone = cut_between(two.pieces, op.goes & liver, present & ~op.goes & liver)
        np.testing.assert_array_equal(op.cut.wall.points, alone.wall.points)
        assert op.cut.parts == alone.parts
        present &= ~op.goes
    assert again.operations[0].cut is two.operations[0].cut
    assert one.operations[0].cut is not two.operations[1].cut


def test_margins_that_differ_in_their_last_digit_share_no_mark() -> None:
    marks: dict[str, Any] = {}
    name = toy().lesions[0].name
    for mm in (5.0, float(np.nextafter(5.0, 6.0)), 5.000001):
        stage_plans(
            toy(), [Plan("p", (Step(0, Operate(wedge=(name,), margin_mm=mm)),))], evidence(), marks=marks
        )
    assert len(marks) == 3
