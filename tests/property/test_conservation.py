"""Nothing appears and nothing is lost: every operation of every plan is weighed twice, on pieces and on voxels."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import solids
from flrsim.anatomy import leaves
from flrsim.evidence import load_evidence
from flrsim.plan import Operate, Plan, Step
from flrsim.resection.wedge import wedge
from flrsim.staging import KINDS, stage_plans

COUINAUD = tuple(f"S{i}" for i in range(1, 9))
REL = 1e-9


@cache
def evidence():
    return load_evidence()


@cache
def liver(exact: bool):
    """Return the toy liver with its voxels' volumes, or with volumes as meshes give them: a little different."""
    voxels = solids.toy_liver()
    if exact:
        return voxels
    ml = np.array([0.0, *voxels.segment_ml.values()])
    return solids.toy_liver(ml=ml * np.random.default_rng(1).uniform(0.97, 1.03, len(ml)))


@cache
def wedge_of(exact: bool, name: str, margin: float):
    return wedge(liver(exact).grid, liver(exact).lesion(name), margin)


@st.composite
def plans(draw):
    """Return one to three operations: segments not resected before, wedges of any lesions, S2 or S3 always stays."""
    free = list(COUINAUD)
    free.remove(draw(st.sampled_from(["S2", "S3"])))
    steps = []
    for k in range(draw(st.integers(1, 3))):
        resect = draw(st.lists(st.sampled_from(free), unique=True, max_size=4)) if free else []
        free = [s for s in free if s not in resect]
        lesions = draw(st.lists(st.sampled_from(sorted(solids.LESIONS)), unique=True, max_size=3))
        if not resect and not lesions:
            lesions = ["L4"]
        margin = draw(st.sampled_from([0.0, 3.0, 5.0, 12.0])) if lesions else None
        steps.append(Step(20 * k, Operate(tuple(resect), tuple(lesions), margin)))
    caudate = draw(st.sampled_from(["stays", "goes"]))
    return Plan("random", tuple(steps), caudate)


@cache
def anatomy(exact: bool):
    """Return the segment and the lesion of each voxel from the formulas of the toy liver, not from its regions."""
    grid = liver(exact).grid
    points = solids.grid_points(grid.regions.shape, grid.affine)
    segment_of = np.array(["", *solids.SEGMENTS], dtype=object)[solids.toy_segments(points)]
    lesion_of = np.full(grid.regions.shape, "", dtype=object)
    for name, (centre, radius) in solids.LESIONS.items():
        lesion_of[(np.linalg.norm(points - centre, axis=-1) < radius) & (lesion_of == "")] = name
    return segment_of, lesion_of


def expected(exact, plan):
    """Return the operation at which each voxel goes, from masks alone: no pieces, no regions' ids."""
    case = liver(exact)
    grid = case.grid
    segment_of, lesion_of = anatomy(exact)
    tissue = (segment_of != "") | (lesion_of != "")
    removed = np.zeros(grid.regions.shape, int)
    caudate_named = any("S1" in s.action.resect for s in plan.operations)
    for number, step in enumerate(plan.operations, start=1):
        names = {leaf for s in step.action.resect for leaf in leaves(s)}
        if plan.caudate == "goes" and not caudate_named and number == len(plan.operations):
            names.add("S1")
        goes = np.isin(segment_of, sorted(names))
        for name in step.action.wedge:
            goes = goes | wedge_of(exact, name, step.action.margin_mm)
        goes = goes & (removed == 0) & tissue
        for lesion in case.lesions:
            # What hangs out of the liver goes when all that was still inside goes.
            own = (lesion_of == lesion.name) & (removed == 0)
            inside = own & (segment_of != "")
            if inside.any() and (goes & inside).any() and not (inside & ~goes).any():
                goes = goes | (own & ~inside)
        removed[goes] = number
    return removed


def weigh(grid, mask, kind):
    """Return voxels and mL of one kind of tissue inside the labelled liver, straight from the grid."""
    ids = grid.ids(segments=grid.segments, kind=kind)
    inside = np.bincount(grid.regions[mask], minlength=len(grid.table))
    whole = np.bincount(grid.regions.ravel(), minlength=len(grid.table))
    return int(inside[ids].sum()), float((grid.ml[ids] * inside[ids] / whole[ids]).sum())


def test_the_regions_of_the_liver_are_its_formulas() -> None:
    for exact in (True, False):
        grid = liver(exact).grid
        segment_of, lesion_of = anatomy(exact)
        for number, region in enumerate(grid.table):
            here = grid.regions == number
            if region is None:
                assert not ((segment_of[here] != "") | (lesion_of[here] != "")).any()
                continue
            assert here.any()
            assert (segment_of[here] == (region.segment or "")).all()
            assert (lesion_of[here] == (region.tissue if region.kind == "lesion" else "")).all()


@given(plan=plans(), exact=st.booleans())
def test_every_operation_conserves_every_kind_of_tissue(plan, exact) -> None:
    case = liver(exact)
    grid = case.grid
    (staged,) = stage_plans(case, [plan], evidence())
    np.testing.assert_array_equal(staged.removed_at, expected(exact, plan))
    total = dict.fromkeys(KINDS, 0.0)
    for op in staged.operations:
        present = (staged.removed_at == 0) | (staged.removed_at >= op.stage)
        goes = staged.removed_at == op.stage
        stays = (staged.removed_at == 0) | (staged.removed_at > op.stage)
        # The pieces that go hold as many voxels as the grid shows.
        assert int(staged.pieces.counts[op.goes].sum()) == np.count_nonzero(goes)
        for kind in KINDS:
            (n_before, before), (n_goes, resected), (n_stays, after) = (
                weigh(grid, mask, kind) for mask in (present, goes, stays)
            )
            assert n_before == n_goes + n_stays
            assert op.before_ml[kind] == pytest.approx(before, rel=REL, abs=1e-12)
            assert op.resected_ml[kind] == pytest.approx(resected, rel=REL, abs=1e-12)
            assert op.after_ml[kind] == pytest.approx(after, rel=REL, abs=1e-12)
            assert op.before_ml[kind] == pytest.approx(
                op.resected_ml[kind] + op.after_ml[kind], rel=REL, abs=1e-12
            )
            total[kind] += op.resected_ml[kind]
    # Stages sum to the whole: what was there is what went and what stays.
    for kind in KINDS:
        there = float(grid.ml[grid.ids(segments=grid.segments, kind=kind)].sum())
        assert total[kind] + staged.operations[-1].after_ml[kind] == pytest.approx(there, rel=REL)
    assert staged.flr_gross_ml == pytest.approx(sum(staged.operations[-1].after_ml.values()), rel=REL)


@given(plan=plans(), exact=st.booleans())
def test_in_every_segment_what_stays_and_what_went_are_its_parenchyma(plan, exact) -> None:
    case = liver(exact)
    (staged,) = stage_plans(case, [plan], evidence())
    for segment, ml in case.parenchyma_ml.items():
        went = sum(op.removed_ml.get(segment, 0.0) for op in staged.operations)
        assert staged.flr_ml.get(segment, 0.0) + went == pytest.approx(ml, rel=REL)


@given(plan=plans())
def test_a_lesion_is_removed_only_when_all_of_it_goes_at_once(plan) -> None:
    case = liver(True)
    (staged,) = stage_plans(case, [plan], evidence())
    removed = expected(True, plan)
    for fate in staged.fates:
        segment_of, lesion_of = anatomy(True)
        own = lesion_of == fate.lesion.name
        at = np.bincount(removed[own], minlength=4)
        if not at[1:].any():
            want = "left"
        elif at[0] == 0 and np.count_nonzero(at) == 1:
            want = "removed"
        else:
            want = "cut_through"
        assert fate.fate == want
        inside = own & (segment_of != "") & (removed == 0)
        share = np.count_nonzero(inside) / np.count_nonzero(own)
        assert fate.left_ml == pytest.approx(share * fate.lesion.volume_ml, rel=REL, abs=1e-12)
        if want == "removed":
            assert fate.stage == int(np.flatnonzero(at)[0])
        if at[0]:
            assert sum(fate.left_in.values()) == pytest.approx(
                at[0] / at.sum() * fate.lesion.volume_ml, rel=REL
            )


@given(plan=plans())
def test_one_more_segment_never_leaves_more_liver(plan) -> None:
    case = liver(True)
    taken = {s for step in plan.operations for s in step.action.resect}
    free = [s for s in COUINAUD if s not in taken and s not in ("S1", "S2", "S3")]
    if not free:
        return
    last = plan.steps[-1]
    more = Step(last.day, Operate((*last.action.resect, free[0]), last.action.wedge, last.action.margin_mm))
    larger = Plan("larger", (*plan.steps[:-1], more), plan.caudate)
    a, b = stage_plans(case, [plan, larger], evidence())
    assert b.flr_gross_ml < a.flr_gross_ml
    assert all(ml <= a.flr_ml[s] for s, ml in b.flr_ml.items())
