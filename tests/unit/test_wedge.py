"""Margins measured from the lesion's surface, and wedges that reach the capsule."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import reference
import solids
from flrsim.meshing import wall_between
from flrsim.resection.wedge import margin_zone, way_out, wedge

FINE = (0.57, 0.57, 1.6)
THICK = (0.8, 0.8, 5.0)


def ball_mm3(radius):
    return 4 / 3 * np.pi * radius**3


def voxel_mm3(case):
    return abs(float(np.linalg.det(case.grid.affine[:3, :3])))


def zone_mm3(case, margin):
    return np.count_nonzero(margin_zone(case.grid, case.lesions[0], margin)[1]) * voxel_mm3(case)


@cache
def toy():
    return solids.toy_liver((2.0, 2.1, 2.3))


@cache
def fine_toy():
    return solids.toy_liver((1.0, 1.0, 1.0), vessels=False)


@pytest.mark.parametrize("turn", [None, 5])
@pytest.mark.parametrize("radius", [8.0, 12.0, 20.0])
@pytest.mark.parametrize(("spacing", "within"), [(FINE, 0.02), (THICK, 0.05)])
def test_a_margin_of_5_mm_is_a_shell_of_5_mm_on_thin_and_on_thick_slices(
    spacing, within, radius, turn
) -> None:
    """Of the ball that was drawn, wherever it lies between the voxels; not of the volume its voxels happen to have."""
    for part in ((0, 0, 0), (0.25, 0.25, 0.25), (0.5, 0.5, 0.5), (0.1, -0.4, 0.37)):
        case = solids.ball_in_block(
            spacing, radius, half=radius + 8, centre=np.array(spacing) * part, turn=turn
        )
        shell = zone_mm3(case, 5.0) - case.lesions[0].volume_ml * 1000
        assert shell == pytest.approx(ball_mm3(radius + 5) - ball_mm3(radius), rel=within)
        assert zone_mm3(case, 5.0) == pytest.approx(ball_mm3(radius + 5), rel=within)


def test_without_a_margin_the_zone_is_the_lesion() -> None:
    case = solids.ball_in_block((1.0, 1.0, 2.0), 9.0)
    box, zone = margin_zone(case.grid, case.lesions[0], 0.0)
    np.testing.assert_array_equal(zone, (case.grid.mask(case.grid.ids(tissue="L1")))[box])
    assert np.count_nonzero(zone) == np.count_nonzero(case.grid.mask(case.grid.ids(tissue="L1")))


def test_a_larger_margin_takes_all_that_a_smaller_one_takes_and_never_what_is_no_tissue() -> None:
    case = solids.ball_in_block((1.2, 1.2, 2.5), 8.0, centre=(14.0, 0.0, 0.0))
    shape = case.grid.regions.shape
    before = np.zeros(shape, bool)
    for margin in (0.0, 0.7, 2.0, 5.0, 11.0):
        box, zone = margin_zone(case.grid, case.lesions[0], margin)
        now = np.zeros(shape, bool)
        now[box] = zone
        assert not (before & ~now).any()
        assert not (now & (case.grid.regions == 0)).any()
        before = now


def test_the_volume_of_a_zone_changes_with_the_margin_as_its_wall_is_large() -> None:
    case = solids.ball_in_block((0.8, 0.8, 0.8), 10.0)
    for margin in (5.0, 6.0, 8.0):
        slope = (zone_mm3(case, margin + 0.8) - zone_mm3(case, margin - 0.8)) / 1.6
        box, zone = margin_zone(case.grid, case.lesions[0], margin)
        label = case.grid.liver.astype(np.uint8)
        label[box] += zone
        wall = wall_between(label, case.grid.affine).area_cm2 * 100
        assert wall == pytest.approx(slope, rel=0.04)
        assert wall == pytest.approx(4 * np.pi * (10 + margin) ** 2, rel=0.02)


@pytest.mark.parametrize("turn", [None, 3])
@pytest.mark.parametrize("centre", [(9.0, 0, 0), (0, -11.0, 0), (0, 0, 12.5), (7.0, 3.0, -12.0)])
def test_the_way_out_leads_to_the_nearest_face_of_a_block(centre, turn) -> None:
    case = solids.ball_in_block((1.0, 1.0, 1.5), 6.0, half=24.0, centre=centre, turn=turn)
    direction, depth = way_out(case.grid, case.lesions[0])
    axis = int(np.argmax(np.abs(centre)))
    want = np.sign(centre[axis]) * np.eye(3)[axis]
    # In the axes of the voxels, also when the grid is turned against the patient.
    assert direction @ want > 0.995
    assert depth == pytest.approx(24.0 - abs(centre[axis]), abs=1.3)


def test_a_wedge_is_the_zone_and_the_shaft_above_it() -> None:
    case = solids.ball_in_block((1.0, 1.0, 1.0), 6.0, half=24.0, centre=(0.0, 0.0, 10.0))
    taken = wedge(case.grid, case.lesions[0], 4.0)
    # Half a ball of 10 mm, and a cylinder from its middle to the face: 14 mm.
    want = 0.5 * ball_mm3(10.0) + np.pi * 10.0**2 * 14.0
    assert np.count_nonzero(taken) == pytest.approx(want, rel=0.03)


LESIONS = sorted(solids.LESIONS)


@pytest.mark.parametrize("name", LESIONS)
def test_a_wedge_is_the_shadow_of_a_ball(name) -> None:
    """The truth of a round lesion: its ball with the margin, and the straight cylinder from there out of the liver."""
    case = fine_toy()
    lesion, (centre, radius) = case.lesion(name), solids.LESIONS[name]
    direction, _ = way_out(case.grid, lesion)
    offset = solids.grid_points(case.grid.regions.shape, case.grid.affine) - np.array(centre)
    along = offset @ direction
    across = (offset**2).sum(axis=-1) - along**2
    reached = np.where(along > 0, across, across + along**2) < (radius + 5.0) ** 2
    want = reached & (case.grid.regions > 0)
    got = wedge(case.grid, lesion, 5.0)
    assert np.count_nonzero(got) == pytest.approx(np.count_nonzero(want), rel=0.02)
    assert np.count_nonzero(got ^ want) < 0.025 * np.count_nonzero(want)


@pytest.mark.parametrize("margin", [0.0, 5.0])
@pytest.mark.parametrize("name", LESIONS)
def test_a_wedge_is_a_sweep_over_the_whole_liver(name, margin) -> None:
    """Neither the box, nor the ball, nor the reach that spare the kernel work may cost a voxel that counts."""
    case = toy()
    grid, lesion = case.grid, case.lesion(name)
    box, part = margin_zone(grid, lesion, margin)
    zone = np.zeros(grid.regions.shape, bool)
    zone[box] = part
    direction, _ = way_out(grid, lesion)
    spacing = grid.spacing_mm
    want = reference.sweep(zone, grid.liver | zone, spacing, direction, 400.0, 0.9 * spacing.min())
    got = wedge(grid, lesion, margin)
    assert not (zone & ~got).any()
    # What only grazes a corner of the zone's outermost voxels may be left, and nothing else.
    assert not (got & ~want).any()
    offset = (
        np.argwhere(want & ~got) - 0.5 * (np.argwhere(zone).min(axis=0) + np.argwhere(zone).max(axis=0))
    ) * spacing
    radius = np.linalg.norm((np.argwhere(zone) - np.argwhere(zone).mean(axis=0)) * spacing, axis=1).max()
    across = np.linalg.norm(offset - np.outer(offset @ direction, direction), axis=1)
    assert (across > radius - np.linalg.norm(spacing)).all()
    assert np.count_nonzero(got ^ want) <= 0.1 * np.count_nonzero(want)


@pytest.mark.parametrize("name", LESIONS)
def test_no_bridge_of_liver_is_left_over_a_lesion(name) -> None:
    case = toy()
    grid, lesion = case.grid, case.lesion(name)
    taken = wedge(grid, lesion, 5.0)
    direction, _ = way_out(grid, lesion)
    liver = grid.liver | taken
    for start in np.argwhere(grid.mask(grid.ids(tissue=name))):
        assert reference.bridge_over(liver & ~taken, liver, start, direction, grid.spacing_mm) == 0


def test_a_wedge_reaches_the_capsule_and_takes_only_tissue() -> None:
    case = toy()
    for lesion in case.lesions:
        taken = wedge(case.grid, lesion, 5.0)
        assert not (taken & (case.grid.regions == 0)).any()
        grown = np.zeros_like(taken)
        for axis in range(3):
            for step in (1, -1):
                grown |= np.roll(taken, step, axis)
        assert (grown & (case.grid.regions == 0)).any()


def test_a_turned_liver_loses_the_same_voxels() -> None:
    plain = solids.ball_in_block((1.0, 1.2, 1.6), 7.0, centre=(6.0, -9.0, 3.0))
    turned = solids.ball_in_block((1.0, 1.2, 1.6), 7.0, centre=(6.0, -9.0, 3.0), turn=9)
    a, b = (wedge(c.grid, c.lesions[0], 5.0) for c in (plain, turned))
    assert np.count_nonzero(a ^ b) <= 2e-3 * np.count_nonzero(a)


def test_a_wedge_does_not_know_other_lesions() -> None:
    case = toy()
    alone = replace(case, lesions=(case.lesion("L4"),))
    np.testing.assert_array_equal(
        wedge(case.grid, case.lesion("L4"), 5.0), wedge(alone.grid, alone.lesions[0], 5.0)
    )


def overhang():
    """Return a liver with a shelf 60 mm above its low face: the way out from L1 is short, its edge runs under the shelf."""
    case = solids.ball_in_block((1.0, 1.0, 1.0), 6.0, half=40.0, centre=(0.0, 0.0, -5.0))
    points = solids.grid_points(case.grid.regions.shape, case.grid.affine)
    x, _, z = np.moveaxis(points, -1, 0)
    # Beside the lesion the liver is cut down to 5 mm above it; on its other side it stays as high as it is.
    hollow = (z > 6.0) & (x < 2.0)
    regions = np.where(hollow, 0, case.grid.regions).astype(np.uint16)
    return replace(case, grid=replace(case.grid, regions=regions))


def test_liver_that_overhangs_farther_than_the_lesion_is_deep_goes_too() -> None:
    case = overhang()
    grid, lesion = case.grid, case.lesions[0]
    direction, depth = way_out(grid, lesion)
    assert depth < 13.0
    taken = wedge(grid, lesion, 5.0)
    liver = grid.liver | taken
    # Under the shelf the way out is longer than the lesion is deep and twice its zone wide.
    assert np.count_nonzero(taken[:, :, int(0.5 * taken.shape[2] + depth + 2 * 11.0) + 2 :]) > 20
    for start in np.argwhere(grid.mask(grid.ids(tissue="L1"))):
        assert reference.bridge_over(liver & ~taken, liver, start, direction, grid.spacing_mm) == 0
    box, part = margin_zone(grid, lesion, 5.0)
    zone = np.zeros(grid.regions.shape, bool)
    zone[box] = part
    want = reference.sweep(zone, grid.liver | zone, grid.spacing_mm, direction, 400.0, 0.9)
    assert not (taken & ~want).any()
    assert np.count_nonzero(want & ~taken) < 0.02 * np.count_nonzero(want)


def test_a_wedge_of_several_lesions_is_the_wedges_of_each() -> None:
    case = toy()
    both = wedge(case.grid, [case.lesion("L1"), case.lesion("L4")], 5.0)
    one, other = (wedge(case.grid, case.lesion(name), 5.0) for name in ("L1", "L4"))
    np.testing.assert_array_equal(both, one | other)
    assert np.count_nonzero(one & other)
    with pytest.raises(ValueError, match="at least one lesion"):
        wedge(case.grid, [], 5.0)
