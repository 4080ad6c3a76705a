"""Depth, neighbours, confluence and price of a lesion, in blocks where each of them can be worked out by hand."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import reference
import solids
from flrsim.assembly import VesselFile, assemble, outside_warning
from flrsim.case import LiverCase
from flrsim.evidence import load_evidence
from flrsim.kernels.clearance import least_margins, voxels_by_margin
from flrsim.lesion_facts import capsule, lesion_facts
from flrsim.resection.clearance import clearance
from flrsim.resection.wedge import wedge

EVIDENCE = load_evidence()
FINE = (0.57, 0.57, 1.6)


def ball_ml(radius):
    return 4 / 3 * np.pi * radius**3 / 1000


def block(spacing=(1.0, 1.0, 1.0), *, ball=8.0, half=30.0, veins=None, portal=None, unsplit=None):
    """Return a block of eight slices in x with a ball in its middle; vessels are tubes along y at (x, z), 2 mm thick."""
    shape = tuple(int(np.ceil(2 * half / s)) + 4 for s in spacing)
    affine = solids.centred_affine(spacing, shape)
    points = solids.grid_points(shape, affine)
    inside = (np.abs(points) < half).all(axis=-1)
    slices = np.clip(np.floor((points[..., 0] + half) / (half / 4)).astype(int), 0, 7) + 1
    segments = solids.structures(
        np.where(inside, slices, 0), affine, ("outside", *(f"S{i}" for i in range(1, 9)))
    )
    lesion = solids.structures(
        (np.linalg.norm(points, axis=-1) < ball).astype(int), affine, ("outside", "L1")
    )
    files = []
    for tree, tubes in (("hepatic_vein", veins), ("portal_vein", portal), ("unsplit", unsplit)):
        if tubes is None:
            continue
        labels = np.zeros(shape, int)
        for number, (x, z) in enumerate(tubes.values(), start=1):
            tube = (points[..., 0] - x) ** 2 + (points[..., 2] - z) ** 2 < 1.0
            labels[tube & inside] = number
        files.append(VesselFile(tree, solids.structures(labels, affine, ("outside", *tubes))))
    grid, lesions, vessels, _ = assemble(segments, lesion, tuple(files))
    return LiverCase("block", grid, lesions, vessels)


@cache
def facts(**tubes):
    named = {key: dict(value) for key, value in tubes.items()}
    return lesion_facts(block(**named), EVIDENCE)[0]


def tubes(**places):
    return tuple(places.items())


@pytest.mark.parametrize(("spacing", "within"), [((1.0, 1.0, 1.0), 0.6), (FINE, 0.9), ((0.8, 0.8, 5.0), 2.6)])
@pytest.mark.parametrize("centre", [(0.0, 0.0, 8.0), (10.0, 0.0, 0.0), (0.0, -14.0, 0.0)])
def test_a_ball_lies_as_deep_as_its_centre_less_its_radius(spacing, within, centre) -> None:
    case = solids.ball_in_block(spacing, 6.0, centre=centre)
    surface, middle, contact = capsule(case.grid, case.lesions[0])
    want = 26.0 - np.abs(centre).max()
    assert middle == pytest.approx(want, abs=within)
    assert surface == pytest.approx(want - 6.0, abs=within)
    assert contact == 0.0


def test_a_ball_that_stands_out_of_the_liver_touches_the_outside_with_its_cap() -> None:
    # The block ends 6 mm from the middle of a ball of 10 mm.
    case = solids.ball_in_block((0.7, 0.7, 0.7), 10.0, centre=(0.0, 20.0, 0.0))
    surface, _, contact = capsule(case.grid, case.lesions[0])
    # The part that stands out of the block is capsule too: what is bare is a cap of height 4 mm.
    assert contact == pytest.approx(2 * np.pi * 10.0 * 4.0 / 100, rel=0.08)
    assert surface == pytest.approx(0.0, abs=0.7)


def test_the_nearest_vessel_of_each_tree_is_named_with_its_distance() -> None:
    found = facts(
        veins=tubes(right=(14.0, 0.0), middle=(-20.0, 0.0)),
        portal=tubes(left=(0.0, 17.0), right=(0.0, -25.0)),
    )
    vein, pedicle = found.nearest_hepatic_vein, found.nearest_portal_pedicle
    assert (vein.name, vein.proxy, vein.labelled_by) == (
        "hepatic vein, right",
        False,
        "label in the vessel file",
    )
    # From the ball's surface to the nearest voxel centre of a tube of 1 mm radius.
    assert vein.distance_mm == pytest.approx(14.0 - 8.0 - 0.5, abs=0.6)
    assert pedicle.name == "portal vein, left"
    assert pedicle.distance_mm == pytest.approx(17.0 - 8.0 - 0.5, abs=0.6)
    assert found.nearest_unsplit_vessel is None
    assert found.wedge == "possible"
    assert "not supplied" not in found.wedge_note


def test_without_vessels_a_border_stands_in_and_is_called_a_proxy() -> None:
    found = facts()
    vein, pedicle = found.nearest_hepatic_vein, found.nearest_portal_pedicle
    assert vein.proxy
    assert pedicle.proxy
    assert (vein.name, pedicle.name) == ("middle hepatic vein", "umbilical fissure")
    assert "proxy" in vein.labelled_by
    # S4 meets S5 at x = 0, in the ball; S3 meets S4 at x = -7.5, also in it.
    assert vein.distance_mm < 0.6
    assert found.wedge == "cannot_judge"
    assert "proxy" in found.wedge_note


def test_vessels_that_nobody_split_are_neither_vein_nor_pedicle() -> None:
    found = facts(unsplit=tubes(unsplit=(0.0, 20.0)))
    assert found.nearest_unsplit_vessel.distance_mm == pytest.approx(20.0 - 8.0 - 0.5, abs=0.6)
    assert not found.nearest_unsplit_vessel.proxy
    assert "does not name" in found.nearest_unsplit_vessel.labelled_by
    assert found.nearest_hepatic_vein.proxy


@pytest.mark.parametrize(
    ("veins", "yes"),
    [
        (tubes(right=(11.0, 0.0), middle=(-11.0, 0.0)), True),  # a vein on either side
        (tubes(right=(11.0, 0.0), middle=(-20.0, 0.0)), False),
        (tubes(right=(20.0, 0.0), middle=(20.0, 4.0)), False),  # they meet, far away
    ],
)
def test_a_lesion_near_two_hepatic_veins_lies_at_the_confluence(veins, yes) -> None:
    found = facts(veins=veins, portal=tubes(left=(0.0, 25.0)))
    assert found.at_confluence is yes
    assert not found.confluence_proxy


def test_where_two_veins_meet_is_the_confluence_though_a_lesion_is_near_one_only() -> None:
    # 12 mm from the middle: 3.5 from the ball; the other vein runs 4 mm behind it, 7.5 from the ball.
    found = facts(veins=tubes(right=(12.0, 0.0), middle=(16.0, 0.0)), portal=tubes(left=(0.0, 25.0)))
    assert found.at_confluence is True
    assert "meet" in found.confluence_note


def test_hepatic_veins_in_one_label_leave_the_confluence_open() -> None:
    found = facts(veins=tubes(hepatic_vein=(11.0, 0.0)), portal=tubes(left=(0.0, 25.0)))
    assert found.at_confluence is None
    assert "name them" in found.confluence_note


def test_a_vein_beside_a_lesion_vetoes_the_wedge() -> None:
    near = facts(veins=tubes(right=(11.0, 0.0), middle=(-25.0, 0.0)), portal=tubes(left=(0.0, 25.0)))
    assert near.wedge == "vetoed"
    assert "hepatic vein, right" in near.wedge_note


def test_a_segments_own_pedicle_beside_a_lesion_is_named_but_vetoes_nothing() -> None:
    near = facts(veins=tubes(right=(25.0, 0.0)), portal=tubes(S5=(0.0, 10.5)))
    assert near.wedge == "possible"
    assert (
        f"portal vein, S5 is {near.nearest_portal_pedicle.distance_mm:.0f} mm away and may go with it"
        in near.wedge_note
    )
    assert near.nearest_portal_pedicle.distance_mm == pytest.approx(10.5 - 8.0 - 0.5, abs=0.9)
    far = facts(veins=tubes(right=(25.0, 0.0)), portal=tubes(S5=(0.0, 20.0)))
    assert "may go" not in far.wedge_note


# ---------------------------------------------------------------- the price


@pytest.mark.parametrize(("spacing", "within"), [((1.0, 1.0, 1.0), 0.03), (FINE, 0.04)])
@pytest.mark.parametrize("centre", [(0.0, 0.0, 10.0), (10.0, 0.0, 0.0)])
def test_a_wedge_costs_half_a_ball_and_the_cylinder_to_the_capsule_less_the_lesion(
    spacing, within, centre
) -> None:
    case = solids.ball_in_block(spacing, 6.0, half=24.0, centre=centre)
    cost = clearance(case.grid, case.lesions[0], [1.0, 5.0, 10.0])
    radius = 6.0 + cost.margins_mm
    want = (2 / 3 * np.pi * radius**3 + np.pi * radius**2 * 14.0) / 1000 - ball_ml(6.0)
    assert cost.parenchyma_ml == pytest.approx(want, rel=within)
    slope = (2 * np.pi * radius**2 + 2 * np.pi * radius * 14.0) / 1000
    assert cost.ml_per_mm == pytest.approx(slope, rel=0.12)


@pytest.mark.parametrize("name", sorted(solids.LESIONS))
def test_the_price_is_what_the_wedge_of_a_plan_takes(name) -> None:
    case = solids.toy_liver((1.2, 1.2, 1.2), vessels=False)
    lesion = case.lesion(name)
    parenchyma = case.grid.mask(case.grid.ids(segments=case.grid.segments, kind="parenchyma"))
    voxel = 1.2**3 / 1000
    cost = clearance(case.grid, lesion, [2.0, 5.0])
    for margin, ml in zip(cost.margins_mm, cost.parenchyma_ml, strict=True):
        taken = np.count_nonzero(wedge(case.grid, lesion, float(margin)) & parenchyma) * voxel
        assert ml == pytest.approx(taken, rel=0.03, abs=0.05)


def test_a_larger_margin_never_costs_less() -> None:
    case = solids.toy_liver((2.0, 2.1, 2.3))
    margins = np.linspace(0.0, 12.0, 25)
    for lesion in case.lesions:
        cost = clearance(case.grid, lesion, margins)
        assert (np.diff(cost.parenchyma_ml) >= 0).all()
        assert (cost.ml_per_mm >= 0).all()


def test_the_price_counts_parenchyma_only_and_in_the_volumes_of_the_meshes() -> None:
    """Twice the millilitres in a region are twice the price; a lesion beside it costs nothing."""
    case = solids.toy_liver((2.0, 2.0, 2.0), vessels=False)
    grid = case.grid
    lesion = case.lesion("L4")
    one = clearance(grid, lesion, [5.0]).parenchyma_ml[0]
    doubled = type(grid)(grid.regions, grid.affine, grid.table, 2 * grid.ml)
    assert clearance(doubled, lesion, [5.0]).parenchyma_ml[0] == pytest.approx(2 * one, rel=1e-12)
    alone = solids.toy_liver((2.0, 2.0, 2.0), vessels=False, lesions={"L4": solids.LESIONS["L4"]})
    assert one < clearance(alone.grid, alone.lesions[0], [5.0]).parenchyma_ml[0]


@pytest.mark.parametrize("seed", range(3))
def test_the_smallest_margins_are_those_of_a_walk_back_from_every_voxel(seed) -> None:
    rng = np.random.default_rng(seed)
    shape, spacing = (13, 12, 11), np.array([1.0, 1.3, 1.7])
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    middle = np.array([5.0, 5.5, 4.0])
    distance = (np.linalg.norm((index - middle) * spacing, axis=-1) - 2.5).astype(np.float32)
    inside = rng.random(shape) < 0.97
    way = rng.normal(size=3)
    way /= np.linalg.norm(way)
    got = least_margins(distance, inside, spacing, way, 4.0, middle, 2.5 + 4.0 + 1.7, 6.0, 2.5)
    want = reference.least_margins(distance, inside, spacing, way, 4.0, 6.0, 2.5)
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(want))
    known = np.isfinite(want)
    # What goes without any margin is not told apart.
    assert np.maximum(got[known], 0) == pytest.approx(np.maximum(want[known], 0), abs=1e-4)


@pytest.mark.parametrize("slope", [(0.6, -0.64, 0.48), (0.0, 0.8, 0.6), (1.0, 0.0, 0.0), (0.02, 0.9, 0.4)])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.6, 0.8, 3.0)])
def test_a_voxel_goes_by_the_part_of_it_within_the_margin(slope, spacing) -> None:
    index = np.stack(np.meshgrid(*(np.arange(n) for n in (5, 4, 6)), indexing="ij"), axis=-1)
    field = ((index * spacing) @ np.array(slope) + 3.0).astype(np.float32)
    region = np.arange(field.size).reshape(field.shape).astype(np.uint16)
    margins = np.array([0.0, 2.4, 3.3, 4.1, 5.0, 99.0])
    got = voxels_by_margin(field, region, np.array(spacing), margins, field.size)
    fine = (np.arange(40) + 0.5) / 40 - 0.5
    inner = np.stack(np.meshgrid(fine, fine, fine, indexing="ij"), axis=-1).reshape(-1, 3) * spacing
    within = inner @ np.array(slope)
    want = [[np.mean(m + within <= margin) for m in field.ravel()] for margin in margins]
    np.testing.assert_allclose(got, want, atol=0.015)
    assert np.mean(np.abs(got - want)) < 0.001


def test_what_never_goes_is_not_counted_and_a_jump_is_no_slope() -> None:
    field = np.full((6, 3, 3), 2.0, np.float32)
    field[3:] = 8.0
    field[5] = np.inf
    region = np.zeros(field.shape, np.uint16)
    region[3:] = 1
    got = voxels_by_margin(field, region, np.ones(3), np.array([1.9, 2.0, 5.0, 8.0]), 3)
    np.testing.assert_array_equal(got, [[0, 0, 0], [27, 0, 0], [27, 0, 0], [27, 18, 0]])


def test_a_price_is_also_told_in_points_of_sflr() -> None:
    case = solids.toy_liver()
    with_patient = lesion_facts(case, EVIDENCE, telv_ml=1000.0, margins_mm=[7.0])
    assert [c.margin_mm for c in with_patient[0].clearance] == [1.0, 5.0, 7.0, 10.0]
    for lesion in with_patient:
        for cost in lesion.clearance:
            assert cost.sflr == pytest.approx(cost.parenchyma_ml / 1000.0, rel=1e-12)
    assert all(c.sflr is None for c in lesion_facts(case, EVIDENCE)[0].clearance)


@pytest.mark.parametrize(
    ("share", "total_ml", "said"),
    [
        (0.0, 4.0, None),
        (0.0004, 4.0, None),  # 0.0016 mL, 0.04 %
        (0.02, 0.2, "L2: under 0.01 mL (2.0 %) lies outside"),
        (0.0004, 84.0, "L2: 0.03 mL (under 0.1 %) lies outside"),
        (0.05, 84.0, "L2: 4.20 mL (5.0 %) lies outside"),
    ],
)
def test_what_would_be_printed_as_nothing_outside_the_liver_is_no_warning(
    share: float, total_ml: float, said: str | None
) -> None:
    found = outside_warning("L2", share, total_ml)
    assert len(found) == (said is not None)
    assert all(sentence.startswith(said or "") for sentence in found)
