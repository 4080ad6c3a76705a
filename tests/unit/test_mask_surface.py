"""The surface recovered from voxels: around them where they are cubes, through the outlines where slices are thick."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

import reference
import solids
from flrsim.mask_surface import surface_of_mask

FINE = (0.57, 0.57, 1.6)
THICK = (0.8, 0.8, 5.0)


def ball(spacing, radius, part_of_a_voxel=(0.0, 0.0, 0.0), turn=None):
    """Return the voxels of a ball, the affine and the ball's centre."""
    shape = tuple(int(2.6 * radius / s) + 7 for s in spacing)
    affine = solids.centred_affine(spacing, shape)
    centre = np.array(part_of_a_voxel) * spacing
    mask = np.linalg.norm(solids.grid_points(shape, affine) - centre, axis=-1) < radius
    if turn is not None:
        rotation = solids.rotated(np.eye(4), turn)
        return mask, rotation @ affine, rotation[:3, :3] @ centre
    return mask, affine, centre


def volume_mm3(surface):
    return solids.as_solid(*surface).measure().volume_ml[1] * 1000


def lumps(seed, spacing):
    """Return a random structure of about 200 mL in lumps with necks, holes and specks."""
    shape = tuple(np.ceil(70 / np.array(spacing)).astype(int))
    noise = np.random.default_rng(seed).normal(size=shape)
    smooth = ndimage.gaussian_filter(noise, 6.0 / np.array(spacing))
    return smooth > np.quantile(smooth, 0.8), solids.centred_affine(spacing, shape)


@pytest.mark.parametrize(("spacing", "radius"), [((0.8, 0.8, 1.0), 12.0), ((1.0, 0.9, 1.2), 2.5)])
def test_around_cubes_it_encloses_the_voxels_volume(spacing, radius) -> None:
    mask, affine, _ = ball(spacing, radius, turn=2)
    surface = surface_of_mask(mask, affine)
    assert volume_mm3(surface) == pytest.approx(mask.sum() * np.prod(spacing), rel=2e-6)
    assert reference.directed_edge_balance(solids.as_solid(*surface), 1) == 0


@pytest.mark.parametrize("turn", [None, 2])
@pytest.mark.parametrize(("spacing", "within"), [(FINE, 0.12), (THICK, 0.35), ((0.7, 0.7, 1.0), 0.3)])
def test_it_lies_where_the_ball_is(spacing, within, turn) -> None:
    """Means over the poles and over the equator: thick slices must not lengthen a ball, wherever it lies between them."""
    for radius in (8.0, 12.0, 20.0):
        for part in ((0, 0, 0), (0.2, 0.4, 0.25), (0.5, -0.3, 0.5), (0.1, 0.1, -0.37)):
            mask, affine, centre = ball(spacing, radius, part, turn)
            points, _ = surface_of_mask(mask, affine)
            away = points - centre
            length = np.linalg.norm(away, axis=1)
            up = np.abs(away @ affine[:3, 2]) / np.linalg.norm(affine[:3, 2]) / length
            assert length[up > 0.8].mean() == pytest.approx(radius, abs=within)
            assert length[up < 0.4].mean() == pytest.approx(radius, abs=0.5 * within)
            assert abs(length - radius).max() < 4.5 * within


def test_on_thick_slices_it_encloses_more_nearly_a_balls_volume_than_its_voxels_do() -> None:
    rng = np.random.default_rng(7)
    off = []
    for _ in range(8):
        mask, affine, _ = ball(THICK, 10.0, rng.uniform(-0.5, 0.5, 3))
        want = 4 / 3 * np.pi * 10.0**3
        off.append(
            (volume_mm3(surface_of_mask(mask, affine)) / want - 1, mask.sum() * np.prod(THICK) / want - 1)
        )
    surface, voxels = np.sqrt((np.array(off) ** 2).mean(axis=0))
    assert surface < min(voxels, 0.022)


@pytest.mark.parametrize("spacing", [FINE, THICK])
@pytest.mark.parametrize("seed", range(3))
def test_any_shape_has_a_closed_surface_of_nearly_its_voxels_volume(seed, spacing) -> None:
    mask, affine = lumps(seed, spacing)
    surface = surface_of_mask(mask, affine)
    assert reference.directed_edge_balance(solids.as_solid(*surface), 1) == 0
    assert volume_mm3(surface) == pytest.approx(mask.sum() * np.prod(spacing), rel=0.1 + 1e-5)
    assert volume_mm3(surface) == pytest.approx(mask.sum() * np.prod(spacing), rel=0.08)


@pytest.mark.parametrize("axes", [(2, 0, 1), (1, 2, 0)])
def test_the_thick_axis_may_be_any(axes) -> None:
    """Sagittal and coronal stacks give the surface of the axial one, and it still looks outward."""
    mask, affine, _ = ball(THICK, 11.0, (0.3, 0.1, 0.3))
    points, _ = surface_of_mask(mask, affine)
    turned = surface_of_mask(np.transpose(mask, axes), affine[:, [*axes, 3]])
    assert volume_mm3(turned) == pytest.approx(4 / 3 * np.pi * 11.0**3, rel=0.03)
    order, other = (np.lexsort(np.round(p, 6).T) for p in (points, turned[0]))
    np.testing.assert_allclose(points[order], turned[0][other], atol=1e-6)


def test_thin_and_flat_structures_keep_a_surface() -> None:
    affine = solids.centred_affine(THICK, (12, 12, 9))
    thread, plate, speck = (np.zeros((12, 12, 9), bool) for _ in range(3))
    thread[5, 6, 2:7] = True
    plate[3:9, 2:10, 4] = True
    speck[5, 5, 4:6] = True
    gap = thread.copy()
    gap[5, 6, 4] = False
    for mask in (thread, plate, speck, gap):
        surface = surface_of_mask(mask, affine)
        assert reference.directed_edge_balance(solids.as_solid(*surface), 1) == 0
        assert volume_mm3(surface) == pytest.approx(mask.sum() * np.prod(THICK), rel=0.1 + 1e-5)
    with pytest.raises(ValueError, match="empty"):
        surface_of_mask(np.zeros((2, 2, 2), bool), affine)
