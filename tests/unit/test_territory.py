"""Territories: exact boxes, a whole liver with known watersheds, an obvious slow twin, and what a cut takes away."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import solids
from flrsim.assembly import VesselFile, assemble
from flrsim.case import Accepted, LiverCase, Vessel
from flrsim.errors import AnatomyError, FileError
from flrsim.grid import RegionGrid
from flrsim.io.centrelines import read_centrelines
from flrsim.phantom import TwoTree, bilobar_two_stage, watershed, watershed_truth
from flrsim.phantom.model import LabelGrids
from flrsim.phantom.two_tree import HALF_SIZE, PORTAL_X, PORTAL_Z, TRUNK_Y, territory_ml
from flrsim.resection.severed import deprived_places, losses
from flrsim.resection.territory import territories, territory_mask
from flrsim.resection.vessel_tree import assembled, vessel_tree

TREES = ("portal_vein", "hepatic_vein")


def turned(seed: int) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(map(float, row)) for row in solids.rotated(np.eye(4), seed)[:3, :3])


def case_from(
    grids: LabelGrids, phantom, *, missing: tuple[str, ...] = (), without: tuple[str, ...] = ()
) -> LiverCase:
    """Return sampled labels as a case, perhaps without some branches."""

    def of(labels, names):
        gone = [i for i, n in names.items() if n in without]
        kept = {i: n for i, n in names.items() if n not in without}
        new = np.zeros(max(names) + 1, dtype=np.uint8)
        new[list(kept)] = range(1, len(kept) + 1)
        assert not set(gone) & set(kept)
        return solids.structures(new[labels], grids.affine, ("outside", *kept.values()))

    lesions = {i: les.name for i, les in enumerate(getattr(phantom, "lesions", ()), start=1)}
    grid, found, vessels, warnings = assemble(
        of(grids.segments, phantom.segment_names),
        of(grids.lesions, lesions) if lesions else None,
        (
            VesselFile("portal_vein", of(grids.portal, phantom.portal_names)),
            VesselFile("hepatic_vein", of(grids.hepatic, phantom.hepatic_names)),
        ),
        accepted=Accepted(missing_segments=missing),
    )
    return LiverCase("trees", grid, found, vessels, warnings=warnings)


@cache
def block(spacing=(1.2, 1.2, 1.2), without: tuple[str, ...] = (), seed: int = 3) -> LiverCase:
    phantom = TwoTree(turned(seed))
    return case_from(phantom.label_grids(spacing), phantom, missing=("S1", "S4", "S7", "S8"), without=without)


@cache
def liver() -> tuple[object, LiverCase]:
    phantom = bilobar_two_stage(7)
    return phantom, case_from(phantom.label_grids((1.2, 1.2, 1.2)), phantom)


def total(by_segment) -> float:
    return sum(by_segment.values())


def deprived_ml(found, lost, stays, owners=()):
    places = found.places_at(np.arange(stays.size)).reshape(stays.shape)
    return found.ml_where(stays & deprived_places(found, lost, owners)[places], kind="parenchyma")


def lost_of(found, gone, undissected, divided=(), dissected=0.25):
    at = found.vessels.voxels
    return losses(
        found.vessels, gone.reshape(-1)[at], undissected.reshape(-1)[at], divided, dissected=dissected
    )


# ------------------------------------------------------------------------------------------------ truth


@pytest.mark.parametrize("spacing", [(1.2, 1.2, 1.2), (0.8, 0.8, 5.0)])
@pytest.mark.parametrize("tree", TREES)
def test_territories_of_the_two_tree_phantom_are_its_boxes(tree: str, spacing) -> None:
    measured = territories(block(spacing), tree).ml()
    for branch, truth in territory_ml(tree).items():
        assert total(measured[branch]) == pytest.approx(total(truth), rel=0.005)
        for segment, ml in truth.items():
            assert measured[branch][segment] == pytest.approx(ml, rel=0.01)
    assert set(measured) == set(territory_ml(tree))


@pytest.mark.parametrize("tree", TREES)
def test_territories_of_a_whole_liver_are_its_watersheds(tree: str) -> None:
    phantom, case = liver()
    found = territories(case, tree)
    truth = watershed_truth(phantom, tree, n=1 << 13, replicates=4)
    for branch, estimate in truth.total.items():
        ml = total(found.ml()[branch])
        assert ml == pytest.approx(estimate.value, abs=0.005 * estimate.value + 3 * estimate.standard_error)
    # Where a territory lies, not only how large it is: a watershed one voxel to the side would miss more than this.
    at = np.argwhere(case.grid.liver)[::997]
    labels = found.labels[tuple(at.T)]
    where = watershed(phantom, tree)
    true = where.label_at(case.grid.world(at.astype(float)))
    agree = np.mean([found.names[a] == where.names[b] for a, b in zip(labels, true, strict=True) if b])
    assert agree > 0.99


def test_the_quadrature_agrees_with_the_boxes_where_both_are_known() -> None:
    # The two truths share no code: boxes by arithmetic, here against points strewn over the block.
    phantom = TwoTree()
    rng = np.random.default_rng(1)
    points = rng.uniform(-1, 1, (40_000, 3)) * HALF_SIZE
    nearest = np.argmin([np.abs(points[:, 0] - x) for x in PORTAL_X.values()], axis=0)
    box = 8 * math.prod(HALF_SIZE) / 1000
    for i, name in enumerate(PORTAL_X):
        assert np.mean(nearest == i) * box == pytest.approx(
            total(territory_ml("portal_vein")[name]), rel=0.03
        )
    assert (phantom.segment_at(points) > 0).all()


def test_a_voxel_belongs_to_the_vessel_voxel_nearest_to_it() -> None:
    case = solids.toy_liver(lesions={})
    found = territories(case, "hepatic_vein")
    grid = case.grid
    seeds, owner = [], []
    for vessel in case.vessels:
        if vessel.tree == "hepatic_vein":
            at = np.argwhere(grid.mask(grid.ids(tissue=vessel.name))).astype(float)
            seeds.append(grid.world(at))
            owner += [vessel.branch] * len(at)
    points = np.concatenate(seeds)
    caudate = 1 + grid.segments.index("S1")
    for at in np.argwhere(grid.liver)[::61]:
        name = found.names[found.labels[tuple(at)]]
        if grid.segment_labels[tuple(at)] == caudate:
            assert name == "inferior vena cava"
            continue
        away = np.linalg.norm(points - grid.world(at[None].astype(float)), axis=1)
        # A voxel as far from one vein as from the other may go to either.
        assert name in {owner[i] for i in np.flatnonzero(away < away.min() + 1e-9)}


# ------------------------------------------------------------------------------------------------ partition


@given(seed=st.integers(0, 9), drop=st.sets(st.sampled_from(("left", "right_anterior", "main")), max_size=2))
def test_territories_partition_the_liver(seed: int, drop: set[str]) -> None:
    case = block((4.0, 4.0, 4.0), tuple(sorted(drop)), seed)
    for tree in TREES:
        found = territories(case, tree)
        assert ((found.labels > 0) == case.grid.liver).all()
        for kind, whole in ((None, case.segment_ml), ("parenchyma", case.parenchyma_ml)):
            ml = found.ml(kind=kind)
            for segment, volume in whole.items():
                assert sum(row.get(segment, 0.0) for row in ml.values()) == pytest.approx(volume, rel=1e-12)


@given(seed=st.integers(0, 9), removed=st.sampled_from(("left", "right_anterior", "right_posterior")))
def test_a_territory_never_shrinks_when_another_branch_is_taken_away(seed: int, removed: str) -> None:
    # All names known to the registry would make the absent branch's segments nobody's; here only nearness counts.
    names = {"left": "A", "right_anterior": "B", "right_posterior": "C", "main": "D"}
    phantom = TwoTree(turned(seed))
    grids = phantom.label_grids((4.0, 4.0, 4.0))

    class Renamed(TwoTree):
        portal_names = {i: names[n] for i, n in phantom.portal_names.items()}  # noqa: RUF012

    missing = ("S1", "S4", "S7", "S8")
    gone = names[removed]
    whole = territories(case_from(grids, Renamed(phantom.turn), missing=missing), "portal_vein")
    fewer = territories(
        case_from(grids, Renamed(phantom.turn), missing=missing, without=(gone,)), "portal_vein"
    )
    for name in set(names.values()) - {gone}:
        before, after = (t.labels == t.names.index(name) for t in (whole, fewer))
        assert not (before & ~after).any()


def test_the_vessel_inside_a_lesion_still_feeds() -> None:
    _, case = liver()
    assert sum(len(v.encased_voxels) for v in case.vessels) > 100
    voxel = abs(float(np.linalg.det(case.grid.affine[:3, :3]))) / 1000
    lesion = case.grid.mask(case.grid.ids(kind="lesion"))
    for vessel in case.vessels:
        assert len(vessel.encased_voxels) * voxel == pytest.approx(sum(vessel.encased_ml.values()))
        assert lesion[tuple(vessel.encased_voxels.T)].all()
    tree = vessel_tree(case, "portal_vein")
    assert sum(tree.branch_ml().values()) == pytest.approx(
        sum(v.volume_ml for v in case.vessels if v.tree == "portal_vein")
    )


# ------------------------------------------------------------------------------------------------ who hangs on whom


def test_trunks_feed_nothing_where_their_branches_are_known() -> None:
    _, case = liver()
    found = territories(case, "portal_vein")
    fed = found.parenchyma_ml
    assert set(fed) == {"main", *(f"S{i}" for i in range(2, 9))}
    # The phantom draws no branch to the caudate lobe: it hangs on the trunk, and nothing else does.
    assert set(fed["main"]) == {"S1"}
    assert found.vessels.parents["S8"] == "right_anterior"
    assert found.vessels.parents["right_anterior"] == "right"


def test_a_trunk_that_ends_is_a_branch_and_an_unknown_part_is_said() -> None:
    _, case = liver()
    keep = {"main", "right", "left", "S5"}
    vessels = tuple(v for v in case.vessels if v.tree == "hepatic_vein" or v.branch in keep)
    part = LiverCase("part", case.grid, case.lesions, vessels)
    fed = territories(part, "portal_vein").parenchyma_ml
    # Only S5's own branch was supplied on the right: the other right segments hang on the right trunk.
    assert {s for s in fed["right"]} == {"S6", "S7", "S8"}
    assert set(fed["S5"]) <= {"S5", "S2", "S3", "S4"}
    lone = LiverCase("lone", case.grid, case.lesions, tuple(v for v in vessels if v.branch == "S5"))
    found = territories(lone, "portal_vein")
    assert set(found.parenchyma_ml) == {"S5", "not supplied"}
    assert any("no branch of S2 was supplied" in r for r in found.remarks)


def test_every_section_hangs_on_one_nearer_to_the_root() -> None:
    _, case = liver()
    for tree in TREES:
        found = vessel_tree(case, tree)
        assert (found.parent < np.arange(found.n_sections)).all()
        roots = [found.names[found.branch[i]] for i in np.flatnonzero(found.parent < 0)]
        assert sorted(roots) == (["main"] if tree == "portal_vein" else ["left", "middle", "right"])
        for s in np.flatnonzero(found.parent >= 0):
            name, above = (found.names[found.branch[i]] for i in (s, found.parent[s]))
            assert name == above or found.parents[name] == above


def test_the_way_along_a_trunk_takes_no_short_cut_through_its_branch() -> None:
    # A trunk that turns back on itself, and a branch that touches it before and after the turn.
    bend = [(x, 0) for x in range(30)] + [(29, y) for y in range(1, 6)] + [(x, 6) for x in range(29, -1, -1)]
    branch = [(20, y) for y in range(1, 6)]
    shape = (32, 8, 3)
    at = {(x, y, 1): 0 for x, y in bend} | {(x, y, 1): 1 for x, y in branch}
    flat = np.array([np.ravel_multi_index(v, shape) for v in at])
    order = np.argsort(flat)
    owner = np.array(list(at.values()))[order]
    grid = RegionGrid(np.zeros(shape, np.uint16), np.diag([2.0, 2.0, 2.0, 1.0]), (None,), np.zeros(1))
    found = assembled(grid, "portal_vein", ("main", "right"), flat[order], owner, np.ones(len(flat)), [])
    main = np.flatnonzero(found.branch == 0)
    assert all(found.parent[s] < 0 or found.branch[found.parent[s]] == 0 for s in main)
    # The trunk is one chain: what lies beyond its middle is all that comes after it.
    one = np.zeros(found.n_sections, dtype=np.bool_)
    one[main[len(main) // 2]] = True
    assert found.downstream(one)[main].sum() == len(main) - len(main) // 2


# ------------------------------------------------------------------------------------------------ cuts


def cut_of_left_branch(case: LiverCase, low: float, high: float):
    """Return a block of tissue around the left portal branch between two places along it."""
    grid = case.grid
    at = np.argwhere(grid.regions > 0)
    p = TwoTree(turned(3)).local(grid.world(at.astype(float)))
    mask = np.zeros(grid.regions.shape, dtype=np.bool_)
    inside = (np.abs(p[:, 0] - PORTAL_X["left"]) < 6) & (np.abs(p[:, 2] - PORTAL_Z) < 6)
    inside &= (p[:, 1] > low) & (p[:, 1] < high)
    mask[tuple(at[inside].T)] = True
    return mask


@pytest.mark.parametrize("low", [-20.0, 0.0, 20.0])
def test_what_lies_beyond_a_cut_loses_its_inflow(low: float) -> None:
    case = block()
    found = territories(case, "portal_vein")
    gone = cut_of_left_branch(case, low, low + 10)
    lost = lost_of(found, gone, gone)
    fed = deprived_ml(found, lost.sections, case.grid.liver & ~gone)
    # Everything on the left from the cut on, less what went and the vessels; the cut is known to half a section.
    width, depth, height = 2 * HALF_SIZE[0] - (40 + 16 + 20), HALF_SIZE[1] - low, 2 * HALF_SIZE[2]
    assert set(fed) == {"left"}
    slack = width * 2.0 * height
    vessels = case.grid.mask(case.grid.ids(kind="vessel")) & (found.labels == found.names.index("left"))
    voxel = abs(float(np.linalg.det(case.grid.affine[:3, :3])))
    assert width == 44
    assert total(fed["left"]) * 1000 == pytest.approx(
        width * depth * height, abs=slack + voxel * (vessels.sum() + gone.sum())
    )
    part = lost.branches["left"]
    assert part.lost_ml == pytest.approx(part.ml * depth / (HALF_SIZE[1] - TRUNK_Y), rel=0.1)
    assert not lost.branches["right_anterior"].lost
    assert lost.branches["left"].lost == (low < 10)


def test_losing_a_trunk_loses_all_that_hangs_on_it() -> None:
    _, case = liver()
    found = territories(case, "portal_vein")
    nothing = np.zeros(case.grid.regions.shape, dtype=np.bool_)
    lost = lost_of(found, nothing, nothing, ("right",))
    assert {n for n, b in lost.branches.items() if b.lost} == {
        "right", "right_anterior", "right_posterior", "S5", "S6", "S7", "S8",
    }  # fmt: skip
    fed = deprived_ml(found, lost.sections, case.grid.liver)
    assert fed == {n: row for n, row in found.parenchyma_ml.items() if n in ("S5", "S6", "S7", "S8")}
    everything = lost_of(found, nothing, nothing, ("main",))
    assert total(
        {n: total(r) for n, r in deprived_ml(found, everything.sections, case.grid.liver, ("main",)).items()}
    ) == pytest.approx(total(case.parenchyma_ml))


def test_a_plane_along_a_vein_leaves_it_and_one_beyond_it_takes_it() -> None:
    case = block()
    found = territories(case, "hepatic_vein")
    grid = case.grid
    local = TwoTree(turned(3)).local(grid.world(np.argwhere(grid.regions >= 0).astype(float)))
    none = np.zeros(grid.regions.shape, dtype=np.bool_)
    for above, state in ((5.0, "split"), (2.0, "split"), (1.0, "lost"), (-2.1, "lost"), (9.0, "kept")):
        gone = (local[:, 1] > above).reshape(grid.regions.shape)
        middle = lost_of(found, gone, none).branches["middle"]
        # At 1 mm the plane leaves the part of a circle of 3 mm that lies beyond 4 mm from its centre: none of it.
        assert (middle.split_ml > 0, middle.lost) == (
            state == "split" and above > 3,
            state == "lost" or above == 2.0,
        )
        assert middle.lost == (middle.lost_ml == pytest.approx(middle.ml)) or state == "kept"
    # The same plane drawn as a wedge, which follows no vessel, cuts through it.
    gone = (local[:, 1] > 4.5).reshape(grid.regions.shape)
    assert lost_of(found, gone, gone).branches["middle"].lost
    assert not lost_of(found, gone, none).branches["middle"].lost
    # Half a millimetre off the axis, 39.4 % of a circle of 3 mm stay (area of a circular segment).
    x = 0.5 / 3.0
    stays = (math.acos(x) - x * math.sqrt(1 - x * x)) / math.pi
    for dissected in (stays - 0.03, stays + 0.03):
        middle = lost_of(found, gone, none, dissected=dissected).branches["middle"]
        assert middle.lost == (dissected > stays)


# ------------------------------------------------------------------------------------------------ centrelines

LINES = {
    "main": [(-45.0, TRUNK_Y, PORTAL_Z), (43.0, TRUNK_Y, PORTAL_Z)],
    **{
        name: [(x, TRUNK_Y, PORTAL_Z), (x, 0.0, PORTAL_Z), (x, 49.9, PORTAL_Z)]
        for name, x in PORTAL_X.items()
    },
}


def lined(case: LiverCase, names=tuple(LINES)) -> LiverCase:
    out = np.array(turned(3)).T
    lines = {n: np.array(LINES[n]) @ out for n in names}
    return LiverCase("lines", case.grid, (), (), centrelines={"portal_vein": lines})


def test_centrelines_give_the_territories_of_the_vessels_they_run_in() -> None:
    found = territories(lined(block()), "portal_vein")
    measured = found.ml()
    for branch, truth in territory_ml("portal_vein").items():
        assert total(measured[branch]) == pytest.approx(total(truth), rel=0.005)
    assert found.vessels.parents == {n: "main" for n in PORTAL_X}
    assert set(measured) == set(PORTAL_X)


def test_a_centreline_that_is_cut_loses_what_lies_beyond() -> None:
    case = lined(block())
    found = territories(case, "portal_vein")
    gone = cut_of_left_branch(block(), 0.0, 10.0)
    lost = lost_of(found, gone, gone)
    assert {n for n, b in lost.branches.items() if b.lost_ml > 0} == {"left"}
    fed = deprived_ml(found, lost.sections, case.grid.liver & ~gone)["left"]
    assert total(fed) == pytest.approx(44 * 50 * 80 / 1000, rel=0.08)


def test_a_centreline_from_elsewhere_is_refused() -> None:
    case = block()
    away = {"left": np.array([[500.0, 0, 0], [600.0, 0, 0]])}
    with pytest.raises(
        AnatomyError, match=r"lies outside the case's grid: its first point is \(500, 0, 0\) mm"
    ):
        territories(LiverCase("x", case.grid, (), (), centrelines={"portal_vein": away}), "portal_vein")
    same = {"left": np.zeros((2, 3)), "right": np.zeros((2, 3))}
    with pytest.raises(
        AnatomyError, match=r"centreline of right .* runs wholly inside those of other branches"
    ):
        territories(LiverCase("x", case.grid, (), (), centrelines={"portal_vein": same}), "portal_vein")


def test_a_table_of_centrelines_is_read_in_order(tmp_path) -> None:
    table = tmp_path / "portal.csv"
    table.write_text(
        "branch,left_mm,posterior_mm,superior_mm\nleft,1,2,3\nS5,0,0,0\nleft,4,5,6.5\n\nS5,1,1,1\n"
    )
    lines = read_centrelines(table)
    assert list(lines) == ["left", "S5"]
    assert lines["left"].tolist() == [[1, 2, 3], [4, 5, 6.5]]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "name,x,y,z\nleft,1,2,3\n",
            "has the columns name,x,y,z; branch,left_mm,posterior_mm,superior_mm are needed",
        ),
        (
            "branch,left_mm,posterior_mm,superior_mm\nleft,1,2\n",
            "line 2: 'left,1,2'; a branch and three numbers",
        ),
        ("branch,left_mm,posterior_mm,superior_mm\nleft,1,2,nan\n", "line 2"),
        ("branch,left_mm,posterior_mm,superior_mm\nleft,1,2,3\n", "branch left has one point only"),
        ("branch,left_mm,posterior_mm,superior_mm\n", "no branch is in it"),
        ("\ufeffbranch,left_mm\n", "has the columns branch,left_mm"),
    ],
)
def test_a_table_that_is_no_centreline_is_refused(tmp_path, text: str, sentence: str) -> None:
    table = tmp_path / "portal.csv"
    table.write_text(text, encoding="utf-8")
    with pytest.raises(FileError) as error:
        read_centrelines(table)
    assert sentence in error.value.sentence


def test_a_file_that_is_no_text_is_refused(tmp_path) -> None:
    (tmp_path / "portal.csv").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(FileError, match="is not a text file"):
        read_centrelines(tmp_path / "portal.csv")


# ------------------------------------------------------------------------------------------------ masks and refusals


def test_territories_serve_as_cuts() -> None:
    _, case = liver()
    portal = territories(case, "portal_vein")
    one = territory_mask(case, ["portal:S8"])
    assert (one == (portal.labels == portal.names.index("S8"))).all()
    both = territory_mask(case, ["portal:right_anterior"])
    assert (both == (one | territory_mask(case, ["portal:S5"]))).all()
    mixed = territory_mask(case, ["portal:S8", "hepatic:middle"])
    assert mixed.sum() > one.sum()
    assert (territory_mask(case, ["portal:main"]) == case.grid.liver).all()
    assert not (mixed & ~case.grid.liver).any()


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["S8"], 'territory "S8" is not understood; write portal:BRANCH'),
        (["portal:S9"], 'the portal vein has no branch "S9"; its branches are main, right'),
        (["hepatic:"], "is not understood"),
        ([], "no territory was named"),
    ],
)
def test_a_territory_that_is_not_there_is_refused(names: list[str], sentence: str) -> None:
    _, case = liver()
    with pytest.raises(AnatomyError) as error:
        territory_mask(case, names)
    assert sentence in error.value.sentence


@pytest.mark.parametrize(
    ("vessels", "sentence"),
    [
        ((), "was not supplied; name the trees"),
        ((Vessel("unsplit", "unsplit", None, 20.0),), "are not split into portal and hepatic veins"),
        ((Vessel("hepatic_vein", "hepatic_vein", None, 20.0),), "came without the names of its branches"),
    ],
)
def test_trees_without_names_are_refused_with_what_to_do(vessels, sentence: str) -> None:
    _, case = liver()
    bare = LiverCase("bare", case.grid, (), vessels)
    with pytest.raises(AnatomyError) as error:
        territories(bare, "hepatic_vein")
    assert sentence in error.value.sentence
    assert "name the trees: give [anatomy] hepatic_vein" in error.value.sentence
