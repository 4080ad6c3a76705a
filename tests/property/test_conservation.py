"""Nothing appears and nothing is lost: every operation of every plan is weighed twice, on pieces and on voxels."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import solids
from flrsim.anatomy import leaves
from flrsim.errors import PlanError
from flrsim.evidence import load_evidence
from flrsim.grid import cut_into_pieces
from flrsim.plan import Operate, Plan, Step
from flrsim.resection.ablation import ablation_zone
from flrsim.resection.plane import Plane, plane_mark
from flrsim.resection.sheet import sheet_mark, sheet_of
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


# ----------------------------------------------------------------------- planes, sheets and ablation zones among them

NORMAL = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda n: max(map(abs, n)) > 0.2)
PLACE = st.tuples(st.floats(-45, 45), st.floats(-30, 30), st.floats(-25, 25))


@cache
def sheet(tilt: int):
    """Return a wavy sheet across the toy liver, in one of a few tilts."""
    t = np.linspace(-75.0, 75.0, 31)
    y, z = (a.ravel() for a in np.meshgrid(t, t, indexing="ij"))
    i, j = (a.ravel() for a in np.meshgrid(np.arange(30), np.arange(30), indexing="ij"))
    a = 31 * i + j
    points = np.column_stack([12.0 * tilt - 6 + 0.2 * tilt * y + 4 * np.sin(z / 9), y, z])
    triangles = np.concatenate([np.stack([a, a + 31, a + 32], axis=1), np.stack([a, a + 32, a + 1], axis=1)])
    return sheet_of(points, triangles, "S2" if tilt < 0 else (-70.0, 0.0, 0.0), source="wave")


@st.composite
def drawn_plans(draw):
    """Return one to three operations of every kind; S2 and S3 are never resected whole."""
    lesions = sorted(solids.LESIONS)
    free = ["S1", "S4", "S5", "S6", "S7", "S8"]
    steps = []
    for k in range(draw(st.integers(1, 3))):
        resect = draw(st.lists(st.sampled_from(free), unique=True, max_size=2)) if free else []
        free = [s for s in free if s not in resect]
        named = draw(st.lists(st.sampled_from(lesions), unique=True, max_size=2)) if lesions else []
        lesions = [name for name in lesions if name not in named]
        split = draw(st.integers(0, len(named)))
        planes = draw(st.lists(st.builds(Plane, PLACE, NORMAL), max_size=2))
        sheets = draw(st.lists(st.sampled_from([-1, 0, 1]).map(sheet), max_size=1))
        if not (resect or named or planes or sheets):
            planes = [Plane((0.0, 0.0, 0.0), (-1.0, 0.2, 0.1))]
        steps.append(
            Step(
                20 * k,
                Operate(
                    resect=tuple(resect),
                    wedge=tuple(named[:split]),
                    margin_mm=5.0,
                    ablate=tuple(named[split:]),
                    ablation_margin_mm=6.0,
                    plane=tuple(planes),
                    sheet=tuple(sheets),
                    within=draw(st.sampled_from([(), ("S5", "S8"), ("S2", "S3", "S4")]))
                    if planes or sheets
                    else (),
                ),
            )
        )
    return Plan("drawn", tuple(steps))


@settings(max_examples=12)
@given(plan=drawn_plans(), exact=st.booleans())
def test_nothing_is_lost_under_any_sequence_of_cuts(plan, exact) -> None:
    case = liver(exact)
    grid = case.grid
    try:
        (staged,) = stage_plans(case, [plan], evidence())
    except PlanError as error:
        # A plane may take only what an earlier operation took.
        assume("takes nothing" not in error.sentence)
        raise
    pieces = staged.pieces
    # Pieces are the liver, region by region: in whole voxels and in mL.
    np.testing.assert_array_equal(
        np.bincount(pieces.region, weights=pieces.counts, minlength=len(grid.table)),
        grid.counts * (np.arange(len(grid.table)) > 0),
    )
    assert (pieces.size > -1e-9).all()
    np.testing.assert_allclose(
        np.bincount(pieces.region, weights=pieces.ml, minlength=len(grid.table)),
        grid.ml,
        rtol=1e-12,
        atol=1e-12,
    )
    total = dict.fromkeys(KINDS, 0.0)
    for op in staged.operations:
        assert not (op.ablates & ~op.goes).any()
        for kind in KINDS:
            assert op.before_ml[kind] == pytest.approx(
                op.resected_ml[kind] + op.ablated_ml[kind] + op.after_ml[kind], rel=1e-12, abs=1e-12
            )
            total[kind] += op.resected_ml[kind] + op.ablated_ml[kind]
    for kind in KINDS:
        there = float(grid.ml[grid.ids(segments=grid.segments, kind=kind)].sum())
        assert total[kind] + staged.operations[-1].after_ml[kind] == pytest.approx(
            there, rel=1e-12, abs=1e-12
        )
    for segment, ml in case.parenchyma_ml.items():
        went = sum(op.removed_ml.get(segment, 0.0) for op in staged.operations)
        assert staged.flr_ml.get(segment, 0.0) + went == pytest.approx(ml, rel=1e-12)
    for op in staged.operations:
        parts = sum(op.remnant_pieces_ml)
        after = sum(op.after_ml.values())
        # Loose parts under a millilitre are not listed.
        assert parts <= after + 1e-9
        assert after - parts < 4.0


def weight_of(grid, action):
    """Return the share of every voxel that one drawn operation takes, by sampling each voxel, (nx, ny, nz)."""
    points = solids.grid_points(grid.regions.shape, grid.affine)
    # Powers of the root of x⁴ = x + 1: points that fill the cube evenly and share no plane with it.
    offsets = np.mod((np.arange(150) + 0.5)[:, None] * [0.8191725134, 0.6710436067, 0.5497004779], 1.0) - 0.5
    inside = np.zeros(grid.regions.shape)
    for offset in offsets:
        at = points + grid.affine[:3, :3] @ offset
        inside += np.all([(at - p.point_mm) @ np.array(p.normal) >= 0 for p in action.plane], axis=0)
    return inside / 150


@settings(max_examples=5)
@given(planes=st.lists(st.builds(Plane, PLACE, NORMAL), min_size=1, max_size=3))
def test_the_specimen_of_any_planes_is_what_sampling_finds(planes) -> None:
    case = liver(True)
    grid = case.grid
    action = Operate(plane=tuple(planes))
    share = weight_of(grid, action)
    want = float((grid.ml * np.bincount(grid.regions.ravel(), weights=share.ravel(), minlength=len(grid.table)) / np.maximum(grid.counts, 1))[grid.liver_ids].sum())  # fmt: skip
    try:
        (staged,) = stage_plans(case, [Plan("p", (Step(0, action),))], evidence())
    except PlanError:
        assert want < 0.3
        return
    assert sum(staged.operations[0].resected_ml.values()) == pytest.approx(want, rel=1e-3, abs=0.3)


@settings(max_examples=6)
@given(
    plane=st.builds(Plane, PLACE, NORMAL),
    other=st.builds(Plane, PLACE, NORMAL),
    tilt=st.sampled_from([-1, 0, 1]),
    name=st.sampled_from(sorted(solids.LESIONS)),
)
def test_three_cuts_in_all_six_orders_give_the_same_pieces(plane, other, tilt, name) -> None:
    case = liver(True)
    grid = case.grid
    cuts = {
        "plane": plane_mark(grid, plane),
        "sheet" if tilt else "other": sheet_mark(case, sheet(tilt)) if tilt else plane_mark(grid, other),
        "zone": ablation_zone(grid, case.lesion(name), 6.0),
    }
    found = []
    for order in itertools.permutations(cuts):
        pieces = cut_into_pieces(grid, {key: cuts[key] for key in order})
        columns = [pieces.cuts.index(key) for key in sorted(cuts)]
        rows = {(int(r), *map(bool, i)): (int(n), float(s)) for r, i, n, s in zip(pieces.region, pieces.inside[:, columns], pieces.counts, pieces.size, strict=True)}  # fmt: skip
        assert len(rows) == len(pieces.region)
        found.append(rows)
    for rows in found[1:]:
        assert rows.keys() == found[0].keys()
        for key, (n, size) in rows.items():
            assert n == found[0][key][0]
            assert size == pytest.approx(found[0][key][1], rel=1e-12, abs=1e-12)
