"""Ablation zones: a lesion and its margin destroyed in place, weighed apart from what is taken out."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import solids
from flrsim.errors import PlanError
from flrsim.evidence import load_evidence
from flrsim.legality import check_plan
from flrsim.plan import Operate, Plan, Step, describe
from flrsim.resection.ablation import ablation_zone
from flrsim.staging import KINDS, course_of, stage_plans


@cache
def evidence():
    return load_evidence()


@cache
def toy():
    return solids.toy_liver((2.5, 2.5, 2.5))


def staged(*actions, case=None):
    steps = tuple(Step(20 * k, action) for k, action in enumerate(actions))
    return stage_plans(case or toy(), [Plan("p", steps)], evidence())[0]


def fate(result, name):
    return next(f for f in result.fates if f.lesion.name == name)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.8, 0.8, 2.0)])
@pytest.mark.parametrize("margin", [3.0, 7.0])
def test_the_zone_of_a_ball_is_a_ball_and_no_wedge(spacing, margin) -> None:
    case = solids.ball_in_block(spacing, 8.0)
    zone = ablation_zone(case.grid, case.lesion("L1"), margin)
    voxel = np.prod(spacing)
    assert np.count_nonzero(zone) * voxel == pytest.approx(4 / 3 * np.pi * (8 + margin) ** 3, rel=0.03)
    # It does not reach the capsule.
    reach = np.abs(case.grid.world(np.argwhere(zone).astype(float))).max()
    assert reach < 8 + margin + max(spacing)


def test_before_is_specimen_and_zone_and_after_for_every_tissue() -> None:
    result = staged(
        Operate(resect=("S6",), ablate=("L3", "L5"), ablation_margin_mm=20.0),
        Operate(wedge=("L4",), margin_mm=5.0, ablate=("L2",), ablation_margin_mm=4.0),
    )
    grid = toy().grid
    for op in result.operations:
        assert sum(op.ablated_ml.values()) > 0
        for kind in KINDS:
            assert op.before_ml[kind] == pytest.approx(
                op.resected_ml[kind] + op.ablated_ml[kind] + op.after_ml[kind], rel=1e-12, abs=1e-12
            )
    first = result.operations[0]
    zone = ablation_zone(grid, toy().lesion("L3"), 20.0) | ablation_zone(grid, toy().lesion("L5"), 20.0)
    s6 = grid.mask(grid.ids(segments=["S6"]))
    assert (zone & s6).any()
    painted = np.asarray(result.pieces.paint(first.ablates.astype(np.uint8))) == 1
    # What is resected is not ablated as well.
    np.testing.assert_array_equal(painted, zone & ~s6 & (grid.regions > 0))
    assert first.removed_ml["S7"] == pytest.approx(
        first.ablated_ml["parenchyma"] - other_than(first, "S7", grid, zone & ~s6), rel=1e-9
    )


def other_than(op, segment, grid, mask):
    """Return the ablated parenchyma outside one segment, counted on the grid."""
    ids = grid.ids(segments=[s for s in grid.segments if s != segment], kind="parenchyma")
    counts = np.bincount(grid.regions[mask], minlength=len(grid.table))
    return float((grid.ml[ids] * counts[ids] / grid.counts[ids]).sum())


def test_an_ablated_lesion_is_cleared_with_its_margin() -> None:
    got = fate(staged(Operate(ablate=("L2",), ablation_margin_mm=6.0)), "L2")
    assert (got.fate, got.stage, got.left_ml, got.wedged) == ("ablated", 1, 0.0, False)
    assert got.margin_planned_mm == 6.0
    # The nearest voxel that stays lies beyond the margin, by less than a voxel.
    assert 6.0 <= got.margin_measured_mm < 7.0
    assert not got.margin_short
    assert got.doubt == "4 mm from portal vein, left, whose blood carries the heat away"


def test_no_cut_surface_where_nothing_is_taken_out() -> None:
    (op,) = staged(Operate(ablate=("L2",), ablation_margin_mm=6.0)).operations
    assert op.transection_cm2 == 0.0
    assert sum(op.resected_ml.values()) == 0.0
    assert op.takes == frozenset()


def test_a_zone_that_takes_part_of_another_lesion_cuts_it_through() -> None:
    got = fate(staged(Operate(ablate=("L4",), ablation_margin_mm=10.0)), "L1")
    assert got.fate == "cut_through"
    assert 0 < got.left_ml < toy().lesion("L1").volume_ml


def test_a_lesion_taken_in_part_and_ablated_in_part_is_cut_through() -> None:
    # L1 lies over the border of S4a and S8.
    got = fate(staged(Operate(resect=("S5", "S6", "S7", "S8"), ablate=("L1",), ablation_margin_mm=5.0)), "L1")
    assert (got.fate, got.left_ml, got.stage) == ("cut_through", 0.0, 1)


def test_a_large_lesion_or_one_at_a_vein_is_ablated_in_doubt() -> None:
    most = evidence().value("volumetry.ablation.most_diameter")
    for radius, doubt in ((0.5 * most - 2, False), (0.5 * most + 2, True)):
        case = solids.toy_liver((2.5, 2.5, 2.5), lesions={"L1": ((-45.0, 20.0, 0.0), radius)}, vessels=False)
        got = fate(staged(Operate(ablate=("L1",), ablation_margin_mm=5.0), case=case), "L1")
        assert got.fate == "ablated"
        assert ("mm across, ablation is tested up to 30 mm" in got.doubt) is doubt
    case = solids.toy_liver((2.5, 2.5, 2.5), lesions={"L1": ((-45.0, 22.0, 0.0), 6.0)})
    got = fate(staged(Operate(ablate=("L1",), ablation_margin_mm=5.0), case=case), "L1")
    assert "mm from hepatic vein, right, whose blood carries the heat away" in got.doubt


def test_the_course_loses_what_is_ablated_but_calls_it_no_resection() -> None:
    result = staged(Operate(ablate=("L2", "L3"), ablation_margin_mm=8.0))
    course = course_of(toy(), result, tlv_functional_ml=850.0, measurement_sd_fraction=0.02)
    (step,) = course.steps
    assert sum(step.removed_ml.values()) == pytest.approx(
        result.operations[0].ablated_ml["parenchyma"], rel=1e-12
    )
    assert not step.major
    assert {x.name: (x.fate, x.stage, x.cleared) for x in course.lesions}["L2"] == ("ablated", 1, True)


@pytest.mark.parametrize(
    ("actions", "sentence"),
    [
        ([Operate(ablate=("L9",), ablation_margin_mm=5)], "day 0: lesion L9 is not in the case"),
        ([Operate(ablate=("L2",))], "day 0: an ablation needs its margin; say ablation_margin_mm = 5"),
        ([Operate(ablate=("L2", "L2"), ablation_margin_mm=5)], "L2 is ablated a second time"),
        ([Operate(ablate=("L2",), ablation_margin_mm=5, wedge=("L2",), margin_mm=5)], "L2 is both wedged and ablated; name it once"),
        ([Operate(wedge=("L2",), margin_mm=5), Operate(ablate=("L2",), ablation_margin_mm=5)], "L2 is both wedged and ablated"),
        ([Operate(resect=("S7",)), Operate(ablate=("L3",), ablation_margin_mm=5)], "day 20: lesion L3 lies in what an earlier operation took"),
        ([Operate(resect=("S7",), ablate=("L3",), ablation_margin_mm=5)], "L3 is to be ablated in segments that the same operation resects"),
    ],
)  # fmt: skip
def test_what_cannot_be_ablated_is_said(actions, sentence) -> None:
    steps = tuple(Step(20 * k, a) for k, a in enumerate(actions))
    with pytest.raises(PlanError, match=sentence):
        check_plan(Plan("p", steps), toy())


def test_an_ablation_in_words() -> None:
    step = Step(0, Operate(ablate=("L2", "L3"), ablation_margin_mm=5.0))
    assert describe(step, toy().grid.segments) == "day 0: ablation L2, L3 (5 mm margin)"
    assert Plan("p", (step,)).family == "one operation, parenchyma-sparing"
    assert staged(step.action).operations[0].title == "ablations L2, L3"
