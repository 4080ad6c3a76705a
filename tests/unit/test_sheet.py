"""Sheets: every voxel has a side, nothing is lost, and volumes are those of the surface itself."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import solids
from flrsim.errors import GeometryError, PlanError
from flrsim.evidence import load_evidence
from flrsim.kernels.parts import parts_between_walls, parts_by_bridge
from flrsim.legality import check_plan
from flrsim.plan import Operate, Plan, Step, describe
from flrsim.resection.plane import Plane
from flrsim.resection.sheet import Sheet, bezier_sheet, sheet_of, sheet_sides
from flrsim.staging import KINDS, stage_plans

HALF = np.array([80.0, 58.0, 48.0])


@cache
def evidence():
    return load_evidence()


@cache
def toy():
    return solids.toy_liver((2.5, 2.5, 4.0))


@cache
def bare():
    return solids.toy_liver((2.0, 2.0, 2.0), lesions={}, vessels=False)


def staged(*actions, case=None):
    steps = tuple(Step(20 * k, action) for k, action in enumerate(actions))
    return stage_plans(case or toy(), [Plan("p", steps)], evidence())[0]


def graph(height, n=40, half=75.0, goes=(-60.0, 0.0, 0.0)):
    """Return the surface x = height(y, z) over a square as a sheet of triangles."""
    t = np.linspace(-half, half, n + 1)
    y, z = (a.ravel() for a in np.meshgrid(t, t, indexing="ij"))
    i, j = (a.ravel() for a in np.meshgrid(np.arange(n), np.arange(n), indexing="ij"))
    a = i * (n + 1) + j
    quads = np.stack([a, a + n + 1, a + n + 2, a + 1], axis=1)
    points = np.column_stack([height(y, z), y, z])
    return sheet_of(points, quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3), goes, source="graph")


def taken(result):
    return sum(result.operations[0].resected_ml.values())


# ------------------------------------------------------------------------------------------------------ both kernels


def flood(mask, passes):
    """Return parts by plain flooding; passes(v, w) says whether a step between neighbours is open."""
    out = np.zeros(mask.shape, int)
    n = 0
    for start in np.ndindex(mask.shape):
        if not mask[start] or out[start]:
            continue
        n += 1
        queue = [start]
        out[start] = n
        while queue:
            v = queue.pop()
            for axis in range(3):
                for step in (-1, 1):
                    w = list(v)
                    w[axis] += step
                    w = tuple(w)
                    if 0 <= w[axis] < mask.shape[axis] and mask[w] and not out[w] and passes(v, w):
                        out[w] = n
                        queue.append(w)
    return out


@pytest.mark.parametrize("seed", range(4))
def test_parts_between_walls_are_those_of_plain_flooding(seed) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((7, 6, 8)) < 0.7
    walls = rng.random((3, 7, 6, 8)) < 0.5

    def passes(v, w):
        low = min(v, w)
        (axis,) = np.flatnonzero(np.array(v) != np.array(w))
        return not walls[(axis, *low)]

    np.testing.assert_array_equal(parts_between_walls(mask, walls), flood(mask, passes))


@pytest.mark.parametrize("seed", range(6))
def test_parts_by_bridge_are_those_of_whole_blocks(seed) -> None:
    rng = np.random.default_rng(seed)
    mask = np.kron(rng.random((4, 4, 4)) < 0.5, np.ones((3, 2, 3), bool)) ^ (rng.random((12, 8, 12)) < 0.04)
    block = np.array([[[mask[i : i + 2, j : j + 2, k : k + 2].all() for k in range(11)] for j in range(7)] for i in range(11)])  # fmt: skip
    of_block = flood(block, lambda v, w: True)
    got = parts_by_bridge(mask)
    np.testing.assert_array_equal(got > 0, mask)
    # Blocks that share a face are one part; each voxel of a block is in the part of one of its blocks.
    number = {}
    for v in np.argwhere(mask):
        around = {
            int(of_block[tuple(b)])
            for b in np.ndindex(2, 2, 2)
            for b in [v - b]
            if (b >= 0).all() and (b < of_block.shape).all() and block[tuple(b)]
        }
        if around:
            number.setdefault(int(got[tuple(v)]), set()).update(around if len(around) == 1 else ())
    assert all(len(blocks) <= 1 for blocks in number.values())
    # As many parts hold blocks as there are separate sets of blocks that own a voxel alone.
    assert len(number) == len({b for blocks in number.values() for b in blocks}) or any(
        not blocks for blocks in number.values()
    )


def test_a_bridge_counts_from_two_by_two_voxels() -> None:
    for width, parts in ((1, 2), (2, 1)):
        mask = np.zeros((20, 6, 6), bool)
        mask[:6], mask[14:] = True, True
        mask[6:14, 2 : 2 + width, 2:4] = True
        assert parts_by_bridge(mask).max() == parts


# ----------------------------------------------------------------------------------------------------------- volumes


@pytest.mark.parametrize("normal", [(-1.0, 0.0, 0.0), (-1.0, 0.35, 0.2), (-1.0, 1.0, 0.4)])
def test_a_flat_sheet_takes_what_its_plane_takes(normal) -> None:
    normal = np.array(normal)
    sheet = graph(lambda y, z: -9.1 - (normal[1] * y + normal[2] * z) / normal[0], half=130.0)
    flat = staged(Operate(plane=(Plane((-9.1, 0.0, 0.0), tuple(normal)),)))
    drawn = staged(Operate(sheet=(sheet,)))
    for segment, ml in flat.operations[0].removed_ml.items():
        assert drawn.operations[0].removed_ml[segment] == pytest.approx(ml, abs=1e-6)
    assert taken(drawn) == pytest.approx(taken(flat), abs=1e-5)
    assert drawn.operations[0].transection_cm2 == pytest.approx(flat.operations[0].transection_cm2, rel=1e-3)


def paraboloid_ml(bend, offset, spacing=0.25):
    """Return the mL of the ellipsoid beyond x = offset + bend (y² + z²), by fine columns."""
    y = np.arange(-HALF[1], HALF[1], spacing) + 0.5 * spacing
    z = np.arange(-HALF[2], HALF[2], spacing) + 0.5 * spacing
    yy, zz = np.meshgrid(y, z, indexing="ij")
    reach = HALF[0] * np.sqrt(np.clip(1 - (yy / HALF[1]) ** 2 - (zz / HALF[2]) ** 2, 0, None))
    edge = np.clip(offset + bend * (yy**2 + zz**2), -reach, reach)
    return float((edge + reach).sum() * spacing**2 / 1000)


def test_a_paraboloid_takes_its_volume_and_loses_none() -> None:
    bend, offset = 0.008, -20.0
    sheet = graph(lambda y, z: offset + bend * (y**2 + z**2), n=90)
    case = bare()
    result = staged(Operate(sheet=(sheet,)), case=case)
    whole = sum(case.segment_ml.values())
    (op,) = result.operations
    # The ellipsoid of 2 mm voxels is 0.1 % from the true one: the ratio is compared.
    truth = paraboloid_ml(bend, offset) / (4 / 3 * np.pi * HALF.prod() / 1000)
    assert taken(result) / whole == pytest.approx(truth, rel=1e-3)
    assert taken(result) + sum(op.after_ml.values()) == pytest.approx(whole, rel=1e-12)
    assert int(result.pieces.counts.sum()) == np.count_nonzero(case.grid.regions)


def test_painting_the_sheet_as_others_do_loses_what_is_kept_here() -> None:
    case = bare()
    sheet = graph(lambda y, z: -10.0 + 0.3 * y, n=60)
    side = sheet_sides(case.grid, sheet)
    assert (side[case.grid.liver] != 0).all()
    points = solids.grid_points(case.grid.regions.shape, case.grid.affine)
    height = points[..., 0] - (-10.0 + 0.3 * points[..., 1])
    painted = case.grid.liver & (np.abs(height) / np.hypot(1, 0.3) < 1.0)
    assert np.count_nonzero(painted) * 8 / 1000 > 10
    off = case.grid.liver & (np.abs(height) > 1e-5)
    front = side[off & (height > 0)]
    assert len(set(front.tolist())) == 1
    np.testing.assert_array_equal(side[off], np.where(height[off] > 0, front[0], -front[0]))


@settings(max_examples=12)
@given(
    a=st.floats(-0.6, 0.6), b=st.floats(-0.6, 0.6), offset=st.floats(-40, 40), wave=st.floats(0, 6), goes=st.booleans()
)  # fmt: skip
def test_any_sheet_splits_without_loss(a, b, offset, wave, goes) -> None:
    sheet = graph(
        lambda y, z: offset + a * y + b * z + wave * np.sin(y / 9.0) * np.cos(z / 7.0),
        n=50,
        half=90.0,
        goes=(-70.0, 0.0, 0.0) if goes else (70.0, 0.0, 0.0),
    )
    case = toy()
    try:
        result = staged(Operate(sheet=(sheet,)))
    except PlanError as error:
        # Waves may leave the capsule and come back only where they do not end inside: the sheet reaches far beyond it.
        pytest.fail(error.sentence)
    (op,) = result.operations
    for kind in KINDS:
        assert op.before_ml[kind] == pytest.approx(op.resected_ml[kind] + op.after_ml[kind], rel=1e-12)
    for segment, ml in case.parenchyma_ml.items():
        assert op.removed_ml.get(segment, 0.0) + result.flr_ml.get(segment, 0.0) == pytest.approx(
            ml, rel=1e-12
        )


def test_a_sheet_through_voxel_centres_leaves_no_voxel_without_a_side() -> None:
    case = toy()
    grid = case.grid
    index = np.array(grid.regions.shape) // 2
    x, y, _ = grid.world(index[None].astype(float))[0]
    # x = y through the centres of voxels: every step along both axes meets the sheet at its end.
    sheet = graph(lambda yy, zz: x + (yy - y), n=2, half=100.0)
    side = sheet_sides(grid, sheet)
    points = solids.grid_points(grid.regions.shape, grid.affine)
    away = np.abs(points[..., 0] - x - points[..., 1] + y) > 1e-6
    right = side[np.unravel_index(np.argmin(points[..., 0] + 1e6 * ~grid.liver), grid.liver.shape)]
    want = np.where(points[..., 0] - x < points[..., 1] - y, right, -right)
    np.testing.assert_array_equal(side[grid.liver & away], want[grid.liver & away])


# ------------------------------------------------------------------------------------------------------------ Bézier


def test_a_patch_of_the_plane_is_flat_and_its_corners_are_the_control_points() -> None:
    rows = np.array([[(-9.1, y, z) for z in (-70, -25, 25, 70)] for y in (-75, -25, 25, 75)], float)
    sheet = bezier_sheet(rows, (-60.0, 0.0, 0.0), source="patch")
    np.testing.assert_allclose(sheet.points[:, 0], -9.1, atol=1e-12)
    for corner in rows[[0, 0, 3, 3], [0, 3, 0, 3]]:
        assert np.linalg.norm(sheet.points - corner, axis=1).min() < 1e-12
    flat = staged(Operate(plane=(Plane((-9.1, 0, 0), (-1, 0, 0)),)))
    assert taken(staged(Operate(sheet=(sheet,)))) == pytest.approx(taken(flat), abs=1e-5)


def test_a_patch_is_the_bicubic_polynomial() -> None:
    rng = np.random.default_rng(3)
    control = np.array([[(0, 25 * i, 25 * j) for j in range(4)] for i in range(4)], float)
    control += rng.normal(scale=6.0, size=control.shape)
    sheet = bezier_sheet(control, (0.0, 0.0, 0.0), source="patch")

    def casteljau(points, t):
        while len(points) > 1:
            points = (1 - t) * points[:-1] + t * points[1:]
        return points[0]

    for u, v in rng.random((20, 2)):
        place = casteljau(np.array([casteljau(row, v) for row in control]), u)
        triangle = sheet.points[sheet.triangles]
        centre = triangle.mean(axis=1)
        near = np.argsort(np.linalg.norm(centre - place, axis=1))[:12]
        normal = np.cross(triangle[near, 1] - triangle[near, 0], triangle[near, 2] - triangle[near, 0])
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        assert np.abs(np.einsum("ij,ij->i", normal, place - triangle[near, 0])).min() < 0.02


# --------------------------------------------------------------------------------------------------- what is refused


def test_a_sheet_that_ends_inside_says_how_far_to_extend_it() -> None:
    short = graph(lambda y, z: 0 * y - 9.1, half=40.0)
    with pytest.raises(PlanError, match="graph does not separate: the liver stays in one piece") as caught:
        staged(Operate(sheet=(short,)))
    # At x = −9 the liver reaches to y = ±57: the border lies up to 17 mm inside (nearer where z is large).
    found = float(caught.value.sentence.partition("up to ")[2].partition(" mm")[0])
    assert 7 <= found <= 18


def test_a_hole_in_a_sheet_does_not_separate() -> None:
    whole = graph(lambda y, z: 0 * y - 9.1, n=30)
    centre = whole.points[whole.triangles].mean(axis=1)
    kept = whole.triangles[np.linalg.norm(centre[:, 1:], axis=1) > 8]
    with pytest.raises(PlanError, match="does not separate"):
        staged(Operate(sheet=(sheet_of(whole.points, kept, whole.goes, source="holed"),)))


@pytest.mark.parametrize(
    ("goes", "sentence"),
    [
        ((-200.0, 0.0, 0.0), "the point (-200, 0, 0) that names the side that goes lies outside the liver"),
        ("S9", 'goes = "S9" is no segment and no lesion'),
        ("S8", "S8 lies on both sides of the sheet"),
    ],
)
def test_what_does_not_name_a_side_is_refused(goes, sentence) -> None:
    import re

    sheet = graph(lambda y, z: 0 * y - 30.0, goes=goes)
    with pytest.raises(PlanError, match=re.escape(sentence)):
        check_plan(Plan("p", (Step(0, Operate(sheet=(sheet,))),)), toy())


def test_a_side_named_by_a_segment_a_lesion_or_a_point_is_the_same_side() -> None:
    height = staticmethod(lambda y, z: 0 * y - 9.1)
    by = [taken(staged(Operate(sheet=(graph(height, goes=g),)))) for g in ((-60.0, 0.0, 0.0), "L3")]
    assert by[0] == by[1]
    other = taken(staged(Operate(sheet=(graph(height, goes="S2"),))))
    assert by[0] + other == pytest.approx(sum(toy().segment_ml.values()), rel=1e-12)


def test_surfaces_that_are_no_sheet_are_refused() -> None:
    flat = graph(lambda y, z: 0 * y, n=2)
    with pytest.raises(GeometryError, match="2 pieces"):
        sheet_of(np.vstack([flat.points, flat.points + 5]), np.vstack([flat.triangles, flat.triangles + len(flat.points)]), "S6", source="x")  # fmt: skip
    fan = np.array([[0, 0, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0], [-1, 0, 0]], float)
    with pytest.raises(GeometryError, match="belong to three triangles or more"):
        sheet_of(fan, np.array([[0, 1, 2], [0, 1, 3], [0, 1, 4]]), "S6", source="x")
    u = np.linspace(0, 2 * np.pi, 13)[:-1]
    band = np.array([[(3 + s * np.cos(t / 2)) * np.cos(t), (3 + s * np.cos(t / 2)) * np.sin(t), s * np.sin(t / 2)] for t in u for s in (-1, 1)])  # fmt: skip
    strip = []
    for i in range(12):
        a, b = 2 * i, 2 * i + 1
        c, d = (2 * i + 2, 2 * i + 3) if i < 11 else (1, 0)
        strip += [[a, c, b], [b, c, d]]
    with pytest.raises(GeometryError, match="one-sided"):
        sheet_of(band, np.array(strip), "S6", source="x")
    with pytest.raises(GeometryError, match="not finite"):
        sheet_of(np.array([[0, 0, np.nan], [0, 1, 0], [1, 0, 0]]), np.array([[0, 1, 2]]), "S6", source="x")


def test_windings_of_a_file_do_not_matter() -> None:
    sheet = graph(lambda y, z: -9.1 + 0.1 * y)
    rng = np.random.default_rng(0)
    mixed = sheet.triangles.copy()
    flip = rng.random(len(mixed)) < 0.5
    mixed[flip] = mixed[flip][:, ::-1]
    again = sheet_of(sheet.points, mixed, sheet.goes, source="mixed")
    assert taken(staged(Operate(sheet=(again,)))) == taken(staged(Operate(sheet=(sheet,))))
    # A soup that repeats every corner, as STL does, is welded.
    soup = sheet_of(sheet.points[sheet.triangles].reshape(-1, 3), np.arange(3 * len(mixed)).reshape(-1, 3), sheet.goes, source="soup")  # fmt: skip
    assert len(soup.points) == len(sheet.points)


def test_a_sheet_in_words() -> None:
    sheet = graph(lambda y, z: 0 * y - 9.1)
    assert isinstance(sheet, Sheet)
    step = Step(0, Operate(sheet=(sheet,), plane=(Plane((0, 0, 0), (0, 0, 1)),)))
    assert describe(step, toy().grid.segments) == "day 0: cut along a plane and a sheet"
