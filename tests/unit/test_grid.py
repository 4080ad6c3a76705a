"""Regions and pieces: every voxel belongs to one piece, whatever the cuts and their order."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import solids
from flrsim.grid import Region, RegionGrid, cut_into_pieces, spacing_of


def small_grid(seed=0, ml=None):
    rng = np.random.default_rng(seed)
    regions = rng.integers(0, 4, (6, 5, 7)).astype(np.uint16)
    table = (
        None,
        Region("S2", "parenchyma", "parenchyma"),
        Region("S2", "L1", "lesion"),
        Region(None, "L1", "lesion"),
    )
    affine = solids.rotated(np.diag([0.5, 2.0, 3.0, 1.0]), seed)
    counts = np.bincount(regions.ravel(), minlength=4)
    return RegionGrid(
        regions, affine, table, np.array([0.0, *counts[1:]]) * 0.003 if ml is None else np.array(ml)
    )


def random_cuts(grid, n, seed=0):
    rng = np.random.default_rng(seed)
    return {f"cut {i}": rng.random(grid.regions.shape) < p for i, p in enumerate(rng.uniform(0, 1, n))}


def test_spacing_and_voxel_volume_survive_a_turned_affine() -> None:
    grid = small_grid(3)
    np.testing.assert_allclose(grid.spacing_mm, [0.5, 2.0, 3.0], rtol=1e-12)
    np.testing.assert_allclose(spacing_of(grid.affine), grid.spacing_mm)
    np.testing.assert_allclose(
        grid.world(np.array([[1.0, 0, 0], [0, 0, 0]])),
        [grid.affine[:3, 0] + grid.affine[:3, 3], grid.affine[:3, 3]],
    )


def test_ids_and_masks_select_by_every_condition() -> None:
    grid = small_grid()
    assert grid.ids(segments=["S2"]).tolist() == [1, 2]
    assert grid.ids(segments=[None]).tolist() == [3]
    assert grid.ids(tissue="L1").tolist() == [2, 3]
    assert grid.ids(segments=["S2"], kind="lesion").tolist() == [2]
    assert grid.ids(segments=[]).tolist() == []
    assert grid.segments == ("S2",)
    np.testing.assert_array_equal(grid.liver, (grid.regions == 1) | (grid.regions == 2))
    np.testing.assert_array_equal(grid.segment_labels, grid.liver.astype(np.uint16))
    np.testing.assert_array_equal(grid.counts, np.bincount(grid.regions.ravel(), minlength=4))


def test_a_grid_of_the_wrong_type_is_refused() -> None:
    grid = small_grid()
    with pytest.raises(ValueError, match=r"uint16 is needed"):
        RegionGrid(grid.regions.astype(np.int32), grid.affine, grid.table, grid.ml)
    with pytest.raises(ValueError, match=r"a cut has shape \(1, 1, 1\); the grid has \(6, 5, 7\)"):
        cut_into_pieces(grid, {"x": np.ones((1, 1, 1), bool)})


@pytest.mark.parametrize("n_cuts", [0, 1, 4, 6])
def test_voxels_of_one_region_inside_the_same_cuts_are_one_piece(n_cuts) -> None:
    grid = small_grid()
    cuts = random_cuts(grid, n_cuts)
    pieces = cut_into_pieces(grid, cuts)
    key_of_piece = {}
    for flat, piece in zip(pieces.voxels, pieces.piece_of, strict=True):
        v = np.unravel_index(flat, grid.regions.shape)
        key = (int(grid.regions[v]), *(bool(mask[v]) for mask in cuts.values()))
        assert key_of_piece.setdefault(int(piece), key) == key
        assert pieces.region[piece] == key[0]
        assert tuple(pieces.inside[piece]) == key[1:]
    assert len(set(key_of_piece.values())) == len(key_of_piece) == len(pieces.region)
    assert pieces.counts.sum() == np.count_nonzero(grid.regions)
    np.testing.assert_array_equal(pieces.counts, np.bincount(pieces.piece_of))
    assert (pieces.counts > 0).all()
    for region in range(1, 4):
        assert pieces.ml[pieces.region == region].sum() == pytest.approx(grid.ml[region], rel=1e-14)


def test_the_order_of_the_cuts_changes_neither_pieces_nor_volumes() -> None:
    grid = small_grid()
    cuts = random_cuts(grid, 4)
    first = cut_into_pieces(grid, cuts)
    chosen = ("cut 1", "cut 3")
    want = first.volume_ml(first.members(chosen))
    painted = first.paint(first.members(chosen).astype(np.uint8))
    for order in itertools.permutations(cuts):
        other = cut_into_pieces(grid, {name: cuts[name] for name in order})
        # The same voxels lie together: the two numberings map one to one.
        assert (
            len(set(zip(first.piece_of, other.piece_of, strict=True)))
            == len(first.region)
            == len(other.region)
        )
        assert other.volume_ml(other.members(chosen)) == want
        np.testing.assert_array_equal(other.paint(other.members(chosen).astype(np.uint8)), painted)


def test_overlapping_and_repeated_cuts_count_once() -> None:
    grid = small_grid()
    cuts = random_cuts(grid, 3, seed=2)
    pieces = cut_into_pieces(grid, cuts)
    union = np.logical_or.reduce(list(cuts.values()))
    counts = np.bincount(grid.regions[union], minlength=4)
    want = sum(grid.ml[r] * counts[r] / grid.counts[r] for r in range(1, 4))
    assert pieces.volume_ml(pieces.members(cuts)) == pytest.approx(want, rel=1e-14)
    assert pieces.volume_ml(pieces.members([*cuts, *cuts])) == pieces.volume_ml(pieces.members(cuts))
    assert pieces.volume_ml(pieces.members([])) == 0.0


@pytest.mark.parametrize("seed", range(6))
def test_an_unrelated_cut_leaves_every_digit_of_a_volume(seed) -> None:
    grid = small_grid(seed, ml=[0.0, *np.random.default_rng(seed).uniform(0.1, 700.0, 3)])
    cuts = random_cuts(grid, 2, seed=seed)
    few = cut_into_pieces(grid, cuts)
    many = cut_into_pieces(grid, random_cuts(grid, 5, seed=seed + 100) | cuts)
    assert len(many.region) > len(few.region)
    for chosen in (["cut 0"], ["cut 1"], ["cut 0", "cut 1"]):
        assert many.volume_ml(many.members(chosen)) == few.volume_ml(few.members(chosen))
        assert many.volume_ml(~many.members(chosen)) == few.volume_ml(~few.members(chosen))


def test_the_volume_of_everything_is_the_table_of_regions() -> None:
    grid = small_grid(ml=[0.0, 812.25, 4.125, 0.0625])
    pieces = cut_into_pieces(grid, random_cuts(grid, 5))
    assert pieces.volume_ml(np.ones(len(pieces.region), bool)) == 816.4375


def test_painting_puts_each_piece_where_it_is() -> None:
    grid = small_grid()
    pieces = cut_into_pieces(grid, random_cuts(grid, 2))
    np.testing.assert_array_equal(pieces.paint(pieces.region.astype(np.uint16)), grid.regions)


def test_a_region_without_a_voxel_makes_no_piece() -> None:
    grid = small_grid()
    empty = RegionGrid(
        np.where(grid.regions == 2, 1, grid.regions).astype(np.uint16), grid.affine, grid.table, grid.ml
    )
    pieces = cut_into_pieces(empty, random_cuts(empty, 1))
    assert 2 not in pieces.region
    assert np.isfinite(pieces.ml).all()
    assert np.isfinite(pieces.volume_ml(np.ones(len(pieces.region), bool)))
