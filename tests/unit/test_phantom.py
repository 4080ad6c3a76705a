"""A phantom is a liver, the same one for the same seed, and its stated truth is true."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import ndimage

from flrsim.errors import AnatomyError, GeometryError
from flrsim.phantom import (
    LabelGrids,
    Lesion,
    Phantom,
    TwoTree,
    at_confluence,
    bilobar_lesions,
    bilobar_two_stage,
    conversion,
    hcc_thrombus,
    make_phantom,
    small_for_size,
    solitary_right,
    truth,
    watershed,
    watershed_truth,
)
from flrsim.phantom.two_tree import territory_boxes, territory_ml

# Bounds on each segment's share of the volume: what the shape is meant to look like.
SHARES = {
    1: (0.02, 0.04),
    2: (0.055, 0.085),
    3: (0.07, 0.10),
    4: (0.13, 0.17),
    5: (0.11, 0.15),
    6: (0.085, 0.12),
    7: (0.15, 0.19),
    8: (0.22, 0.27),
}


@cache
def liver(seed: int) -> Phantom:
    return make_phantom(seed)


@cache
def sampled(seed: int) -> LabelGrids:
    return liver(seed).label_grids((3.0, 3.0, 3.0))


@cache
def bilobar(seed: int) -> Phantom:
    return bilobar_two_stage(seed)


def centroids(grids: LabelGrids) -> dict[int, np.ndarray]:
    origin, step = grids.affine[:3, 3], np.diag(grids.affine)[:3]
    return {
        int(s): origin + step * np.argwhere(grids.segments == s).mean(axis=0)
        for s in np.unique(grids.segments)
        if s > 0
    }


def random_points(phantom: Phantom, n_points: int, seed: int = 7) -> np.ndarray:
    low, high = phantom.bounds()
    return np.random.default_rng(seed).uniform(low - 5.0, high + 5.0, (n_points, 3))


def sphere(n_points: int = 4000) -> np.ndarray:
    v = np.random.default_rng(3).normal(size=(n_points, 3))
    return v / np.linalg.norm(v, axis=1)[:, None]


def test_the_same_seed_gives_the_same_liver_and_another_seed_another() -> None:
    points = random_points(liver(0), 40_000)
    again, other = make_phantom(0), liver(1)
    assert again == liver(0)
    for look_up in ("segment_at", "portal_at", "hepatic_at", "signed"):
        np.testing.assert_array_equal(getattr(again, look_up)(points), getattr(liver(0), look_up)(points))
    assert other != liver(0)
    assert (other.segment_at(points) != liver(0).segment_at(points)).mean() > 0.02


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_every_segment_is_one_piece_and_has_its_share(seed: int) -> None:
    segments = sampled(seed).segments
    assert ndimage.label(segments > 0)[1] == 1
    for segment, (low, high) in SHARES.items():
        # 26 neighbours: where a sheet meets the capsule at a sharp angle the last voxel touches by its edge.
        assert ndimage.label(segments == segment, np.ones((3, 3, 3)))[1] == 1
        pieces = np.bincount(ndimage.label(segments == segment)[0].ravel())[1:]
        assert pieces.sum() - pieces.max() <= 4
        assert low < (segments == segment).sum() / (segments > 0).sum() < high


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_it_has_the_size_and_the_proportions_of_a_liver(seed: int) -> None:
    segments = sampled(seed).segments
    spans = [3.0 * (np.ptp(np.nonzero(segments)[axis]) + 1) for axis in range(3)]
    assert 195 <= spans[0] <= 230
    assert 138 <= spans[1] <= 170
    assert 145 <= spans[2] <= 180
    assert (segments > 0).sum() * 0.027 == pytest.approx(1500.0, rel=0.004)


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_segments_lie_where_couinaud_put_them(seed: int) -> None:
    c = centroids(sampled(seed))
    x, y, z = (np.array([0.0, *(c[s][axis] for s in range(1, 9))]) for axis in range(3))
    assert min(x[2], x[3]) > x[4] > max(x[5], x[8]) > min(x[5], x[8]) > max(x[6], x[7]) - 15.0
    assert min(z[7], z[8]) > max(z[5], z[6]) + 30.0
    assert z[2] > z[3] + 8.0
    assert y[2] > y[3] + 15.0
    assert min(y[6], y[7]) > max(y[5], y[8]) + 30.0
    # The caudate lies behind S4, between the cava (x = y = 0) and the left lobe.
    assert y[1] > y[4] + 25.0
    assert -5.0 < x[1] < min(x[2], x[3])
    # S4 lies between the falciform ligament and Cantlie's line: its only great neighbours are S2/3 and S5/8.
    s = sampled(seed).segments
    across = {(int(a), int(b)) for a, b in zip(s[:-1].ravel(), s[1:].ravel(), strict=True) if a != b}
    assert {(8, 4), (5, 4), (4, 3)} <= across
    assert not {(7, 4), (6, 4), (8, 3), (5, 3), (4, 7), (4, 6)} & across


@pytest.mark.parametrize("seed", [0, 2])
def test_the_left_lateral_section_is_thinner_than_the_right_lobe_and_tapers(seed: int) -> None:
    inside = sampled(seed).segments > 0
    thickness = inside.sum(axis=2).max(axis=1) * 3.0
    columns = np.flatnonzero(thickness)
    right, left, tip = (columns[int(f * (len(columns) - 1))] for f in (0.3, 0.8, 0.95))
    assert thickness[right] > 1.6 * thickness[left]
    assert thickness[left] > 1.2 * thickness[tip]


def test_signed_is_negative_exactly_where_there_is_a_segment_and_does_not_jump() -> None:
    phantom = liver(1)
    points = random_points(phantom, 60_000)
    signed = phantom.signed(points)
    np.testing.assert_array_equal(phantom.segment_at(points) > 0, signed < 0)
    shifts = 0.01 * sphere(len(points))
    assert np.abs(phantom.signed(points + shifts) - signed).max() < 0.08


def test_the_box_holds_the_liver() -> None:
    phantom = liver(3)
    low, high = phantom.bounds()
    points = np.random.default_rng(0).uniform(low - 30.0, high + 30.0, (200_000, 3))
    outside = ((points < low) | (points > high)).any(axis=1)
    assert phantom.signed(points[outside]).min() > 0.0


@pytest.mark.parametrize("seed", [0, 1])
def test_hepatic_veins_run_in_the_sheets_between_segments_and_meet_at_the_confluence(seed: int) -> None:
    phantom = liver(seed)
    sides = {1: ({6, 7}, {5, 8}), 2: ({5, 8}, {4}), 3: ({2}, {3})}
    for label, (one, other) in sides.items():
        vein = phantom.hepatic.only(label)
        np.testing.assert_allclose(vein.start[0], phantom.confluence, atol=1e-9)
        # From the middle of the vein on, both neighbours are within 1.5 mm of its axis.
        for axis_point in vein.end[len(vein.end) // 2 : -1]:
            near = set(phantom.segment_at(axis_point + 1.5 * sphere(300)).tolist())
            assert near & one
            assert near & other
    grids = sampled(seed)
    assert {phantom.hepatic_names[i] for i in np.unique(grids.hepatic) if i} == {"right", "middle", "left"}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_each_portal_branch_ends_in_the_segment_it_is_named_after(seed: int) -> None:
    phantom = liver(seed)
    names = phantom.portal_names
    assert set(names.values()) == {"main", "right", "left", "right_anterior", "right_posterior"} | {
        f"S{i}" for i in range(2, 9)
    }
    for label, name in names.items():
        assert (sampled(seed).portal == label).any()
        if name.startswith("S"):
            tips = phantom.portal.only(label).end
            labels = phantom.segment_at(tips[phantom.portal.only(label).radius_end < 1.2])
            assert labels.tolist() == [int(name[1:])] * 2
    # The trunk comes from below and outside; what lies outside the liver bears no label.
    trunk = phantom.portal.only(1)
    assert phantom.signed(trunk.start[:1])[0] > 0
    assert phantom.portal_at(trunk.start[:1])[0] == 0
    assert phantom.portal_at(trunk.end[-1:])[0] > 0


def test_split_s4_cuts_s4_in_an_upper_and_a_lower_half_and_changes_nothing_else() -> None:
    split = make_phantom(1, split_s4=True)
    points = random_points(split, 80_000)
    whole, parts = liver(1).segment_at(points), split.segment_at(points)
    np.testing.assert_array_equal(np.where(parts >= 9, 4, parts), whole)
    a, b = points[parts == 9], points[parts == 10]
    assert len(a) / len(b) == pytest.approx(1.0, abs=0.08)
    assert a[:, 2].mean() > b[:, 2].mean() + 20.0
    assert split.segment_names[9] == "S4a"
    assert split.segment_names[10] == "S4b"
    assert 4 not in split.segment_names


@pytest.mark.parametrize("share", [0.10, 0.20])
def test_the_left_lateral_share_and_the_volume_are_what_was_asked(share: float) -> None:
    phantom = make_phantom(2, tlv_ml=1200.0, left_lateral_share=share)
    segments = phantom.label_grids((3.0, 3.0, 3.0)).segments
    assert (segments > 0).sum() * 0.027 == pytest.approx(1200.0, rel=0.004)
    assert np.isin(segments, (2, 3)).sum() / (segments > 0).sum() == pytest.approx(share, rel=0.02)


@pytest.mark.parametrize("seed", [0, 2])
def test_a_share_of_s4_leaves_s2_and_s3_theirs(seed: int) -> None:
    segments = (
        make_phantom(seed, left_lateral_share=0.12, medial_share=0.08).label_grids((3.0, 3.0, 3.0)).segments
    )
    whole = (segments > 0).sum()
    assert (segments == 4).sum() / whole == pytest.approx(0.08, rel=0.02)
    assert np.isin(segments, (2, 3)).sum() / whole == pytest.approx(0.12, rel=0.02)
    assert ndimage.label(segments == 4, np.ones((3, 3, 3)))[1] == 1


def test_label_grids_sample_the_label_functions_at_voxel_centres() -> None:
    phantom = bilobar(0)
    grids = phantom.label_grids((4.0, 5.0, 6.0))
    index = np.argwhere(np.ones(grids.segments.shape, bool))
    points = np.column_stack([index, np.ones(len(index))]) @ grids.affine.T[:, :3]
    np.testing.assert_array_equal(np.diag(grids.affine), [4.0, 5.0, 6.0, 1.0])
    for name, look_up in (
        ("segments", phantom.segment_at),
        ("lesions", phantom.lesion_at),
        ("portal", phantom.portal_at),
        ("hepatic", phantom.hepatic_at),
    ):
        np.testing.assert_array_equal(getattr(grids, name).ravel(), look_up(points))
    for axis in range(3):
        rim = np.take(grids.segments, [0, -1], axis=axis)
        assert not rim.any()


def test_true_total_and_segments_agree_with_a_fine_midpoint_sum() -> None:
    phantom = liver(0)
    measured = truth(phantom, n=1 << 15, replicates=8, seed=4)
    step = 1.7  # incommensurate with anything the phantom is fitted on
    low, high = phantom.bounds()
    y, z = (np.arange(low[j] + 0.5 * step, high[j], step) for j in (1, 2))
    plane = np.stack([a.ravel() for a in np.meshgrid(y, z, indexing="ij")], axis=1)
    counts = np.zeros(9)
    for x in np.arange(low[0] + 0.5 * step, high[0], step):
        labels = phantom.segment_at(np.column_stack([np.full(len(plane), x), plane]))
        counts += np.bincount(labels, minlength=9)
    grid_ml = counts * step**3 / 1000.0
    # 0.1 % is the grid's own error at this step on a surface of some 800 cm².
    assert measured.total.value == pytest.approx(
        grid_ml[1:].sum(), abs=4 * measured.total.standard_error + 0.001 * grid_ml[1:].sum()
    )
    for segment in range(1, 9):
        estimate = measured.segments[f"S{segment}"]
        assert estimate.value == pytest.approx(
            grid_ml[segment], abs=4 * estimate.standard_error + 0.003 * grid_ml[segment]
        )
        assert 0 < estimate.standard_error < 0.01 * estimate.value
    assert measured.total.value == pytest.approx(sum(e.value for e in measured.segments.values()), rel=1e-12)


def test_the_standard_error_is_the_spread_of_repeated_truths() -> None:
    phantom = liver(2)
    runs = [truth(phantom, n=1 << 11, replicates=8, seed=s).total for s in range(12)]
    spread = np.std([r.value for r in runs], ddof=1)
    stated = math.sqrt(np.mean([r.standard_error**2 for r in runs]))
    assert 0.5 < spread / stated < 2.0
    assert truth(phantom, n=1 << 11, replicates=8, seed=0).total == runs[0]


def test_a_lesion_inside_the_liver_has_the_volume_of_its_ellipsoid() -> None:
    turn = ((0.6, 0.8, 0.0), (-0.8, 0.6, 0.0), (0.0, 0.0, 1.0))
    lesion = Lesion("L1", (-55.0, -20.0, 5.0), (25.0, 12.0, 9.0), turn)
    phantom = liver(0).with_lesions([lesion])
    exact = 4.0 / 3.0 * math.pi * 25.0 * 12.0 * 9.0 / 1000.0
    assert lesion.volume_ml == pytest.approx(exact, rel=1e-12)
    estimate = truth(phantom, n=1 << 14, replicates=8).lesions["L1"]
    assert estimate.value == pytest.approx(exact, abs=4 * estimate.standard_error)
    assert estimate.standard_error < 0.003 * exact
    # The long axis points the way `axes` says.
    tip = np.array(lesion.centre) + 24.9 * np.array(turn[0])
    off = np.array(lesion.centre) + 24.9 * np.array(turn[1])
    assert phantom.lesion_at(np.array([tip, off])).tolist() == [1, 0]


def test_parenchyma_lesions_and_vessels_make_up_the_liver() -> None:
    phantom = solitary_right(1)
    measured = truth(phantom, n=1 << 15, replicates=4)
    missing = measured.total.value - sum(e.value for e in measured.parenchyma.values())
    vessels = sum(e.value for e in (*measured.portal.values(), *measured.hepatic.values()))
    lesion = measured.lesions["L1"].value
    # Not less than the lesion, and not more than lesion and vessels, which may overlap.
    assert lesion < missing < lesion + vessels + 0.01 * measured.total.value
    assert missing > lesion + 0.5 * vessels
    assert 10.0 < vessels < 60.0
    assert measured.to_dict()["total"]["ml"] == measured.total.value  # type: ignore[index]


def test_a_lesion_that_leaves_the_liver_is_refused_and_its_outside_is_measured_when_accepted() -> None:
    phantom = liver(0)
    low, _ = phantom.bounds()
    astride = Lesion("L1", (float(low[0]) + 4.0, 0.0, 0.0), (20.0, 20.0, 20.0))
    with pytest.raises(
        GeometryError, match=r"of lesion L1 lies in the liver and at least 97% must; move it inward"
    ):
        phantom.with_lesions([astride])
    accepted = phantom.with_lesions([astride], inside_at_least=0.0)
    shares = truth(accepted, n=1 << 12, replicates=4).lesion_shares["L1"]
    inside = (
        accepted.signed(
            np.array(astride.centre)
            + 20.0 * sphere() * np.cbrt(np.random.default_rng(0).uniform(size=(4000, 1)))
        )
        < 0
    ).mean()
    assert 1.0 - shares["outside"].value == pytest.approx(inside, abs=0.04)
    assert sum(s.value for s in shares.values()) == pytest.approx(1.0, abs=1e-12)


def test_two_lesions_may_not_share_a_name() -> None:
    lesion = Lesion("L1", (-55.0, -20.0, 5.0), (5.0, 5.0, 5.0))
    with pytest.raises(GeometryError, match="each needs a name of its own"):
        liver(0).with_lesions([lesion, lesion])


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"tlv_ml": 50.0}, "tlv_ml is 50 mL"),
        ({"left_lateral_share": 0.5}, "left_lateral_share is 0.5"),
        ({"medial_share": 0.5}, "medial_share is 0.5"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_arguments_out_of_range_are_refused(wrong: dict[str, float], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make_phantom(**{"seed": 0, **wrong})  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_solitary_right_is_cleared_by_a_right_posterior_sectionectomy(seed: int) -> None:
    phantom = solitary_right(seed)
    (lesion,) = phantom.lesions
    assert 40.0 <= lesion.diameter_mm <= 50.0
    shares = truth(phantom, n=1 << 12, replicates=4).lesion_shares["L1"]
    assert set(shares) <= {"S6", "S7"}
    # Its 5 mm margin stays in the section too, or leaves the liver.
    grown = Lesion("margin", lesion.centre, tuple(a + 5.0 for a in lesion.half_axes), lesion.axes)
    assert set(phantom.segment_at(grown.ball_points(sphere())).tolist()) <= {0, 6, 7}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_bilobar_needs_two_stages(seed: int) -> None:
    phantom = bilobar(seed)
    measured = truth(phantom, n=1 << 14, replicates=4)
    assert measured.total.value == pytest.approx(1650.0, rel=0.005)
    volumes = [lesion.volume_ml for lesion in phantom.lesions]
    assert volumes == sorted(volumes, reverse=True)
    assert [lesion.name for lesion in phantom.lesions] == [f"L{i}" for i in range(1, 7)]
    assert max(lesion.diameter_mm for lesion in phantom.lesions) == pytest.approx(70.0)
    shares = measured.lesion_shares
    left = [x for x in phantom.lesions if {"S1", "S2", "S3"} & set(shares[x.name])]
    right = [x for x in phantom.lesions if x not in left]
    assert sorted(next(iter(shares[x.name])) for x in left) == ["S2", "S3"]
    assert len(right) == 4
    assert all(15.0 <= x.diameter_mm <= 25.0 for x in left)

    # What a wedge of 5 mm takes from S1-S3, by counting, with the tissue between the lesion and the capsule.
    grids = phantom.label_grids((2.0, 2.0, 2.0))
    origin = grids.affine[:3, 3]
    mine = (
        np.isin(grids.segments, (1, 2, 3)) & (grids.lesions == 0) & (grids.portal == 0) & (grids.hepatic == 0)
    )
    index = np.argwhere(mine)
    points, lateral = origin + 2.0 * index, grids.segments[mine] > 1
    kept = np.ones(len(points), bool)
    for lesion in left:
        kept &= np.linalg.norm(points - lesion.centre, axis=1) > max(lesion.half_axes) + 5.0
    assert (kept & lateral).sum() > 0.60 * lateral.sum()
    # Of the 1430 mL that a man of 168 cm and 66 kg has by formula: less than the 30 % that an injured liver needs, and
    # so near to it that growth can reach it.
    assert 0.22 < kept.sum() * 0.008 / 1430.0 < 0.26


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_small_left_lesions_are_at_the_capsule_and_away_from_the_umbilical_fissure(seed: int) -> None:
    phantom = bilobar(seed)
    s4 = sampled_points(phantom, 4)
    for lesion in phantom.lesions[-2:]:
        for beyond, reaches in ((0.0, False), (3.0, True)):
            grown = np.array(lesion.centre) + (np.array(lesion.half_axes).max() + beyond) * sphere()
            assert (phantom.signed(grown) > 0).any() == reaches
        assert np.linalg.norm(s4 - lesion.centre, axis=1).min() - max(lesion.half_axes) > 15.0


def shrunk(lesion: Lesion, share: float) -> Lesion:
    return replace(lesion, half_axes=tuple(share * a for a in lesion.half_axes))  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(6))
def test_the_lesion_of_conversion_clears_the_left_liver_once_it_has_lost_a_fifth(seed: int) -> None:
    phantom = conversion(seed)
    (lesion,) = phantom.lesions
    assert lesion.diameter_mm == 112.0
    assert int(phantom.segment_at(np.array([lesion.centre]))[0]) in (5, 8)
    # 12 of 56 mm lie past the sheet: 0.786 of its size just clears it.
    for share, clears in ((0.77, True), (0.80, False), (1.0, False)):
        labels = phantom.segment_at(shrunk(lesion, share).ball_points(sphere(20_000)))
        assert (not np.isin(labels, (1, 2, 3, 4)).any()) == clears
    # What reaches over lies in S4 and is a small part; most of the lesion lies in S5 and S8.
    labels = phantom.segment_at(lesion.ball_points(sphere() * np.cbrt(np.linspace(0.0, 1.0, 4000))[:, None]))
    assert 0.02 < (labels == 4).mean() < 0.05
    assert np.isin(labels, (1, 2, 3)).mean() < 0.002
    assert np.isin(labels, (5, 8)).mean() > 0.8


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_left_liver_of_conversion_is_small_and_without_s4_too_small(seed: int) -> None:
    measured = truth(conversion(seed), n=1 << 13, replicates=4)
    ml = {s: e.value for s, e in measured.parenchyma.items()}
    # Of the 1480 mL that a woman of 168 cm and 69 kg has by formula: between the 20 % of a healthy liver and the 30 % of
    # one after long chemotherapy, and below both without S4.
    assert 0.25 < sum(ml[f"S{i}"] for i in (1, 2, 3, 4)) / 1480.0 < 0.30
    assert sum(ml[f"S{i}"] for i in (1, 2, 3)) / 1480.0 < 0.18


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_small_for_size_leaves_only_the_left_lateral_section_and_s1(seed: int) -> None:
    phantom = small_for_size(seed)
    measured = truth(phantom, n=1 << 13, replicates=4)
    shares = measured.lesion_shares
    assert {s for row in shares.values() for s in row} <= {"S4", "S5", "S6", "S7", "S8", "outside"}
    assert [x.name for x in phantom.lesions] == ["L1", "L2", "L3", "L4"]
    assert min(shares["L2"]["S4"].value, shares["L2"]["S8"].value) > 0.3
    assert shares["L4"]["S4"].value > 0.99
    # Of the 1696 mL that a man of 176 cm and 79 kg has by formula.
    stays = sum(measured.parenchyma[f"S{i}"].value for i in (1, 2, 3))
    assert 0.155 < stays / 1696.0 < 0.18


@pytest.mark.parametrize("seed", range(6))
def test_the_thrombus_runs_in_the_right_portal_vein_and_over_the_border_of_the_posterior_section(
    seed: int,
) -> None:
    phantom = hcc_thrombus(seed)
    main, thrombus = phantom.lesions
    assert (main.name, thrombus.name) == ("L1", "thrombus")
    labels = phantom.segment_at(thrombus.ball_points(sphere()))
    assert set(labels.tolist()) <= {5, 6, 7, 8}
    assert 0.05 < np.isin(labels, (6, 7)).mean() < 0.5
    lesion = phantom.segment_at(main.ball_points(sphere()))
    assert set(lesion.tolist()) <= {0, 6, 7}
    # Its axis lies in the lumen: from the trunk of the right branch along the posterior one.
    way = np.linspace(-1.0, 1.0, 41)[:, None] * thrombus.half_axes[0] * np.array(thrombus.axes[0])
    inside = phantom.portal.label_at(np.array(thrombus.centre) + way)
    names = {phantom.portal_names[i] for i in inside.tolist() if i}
    assert {"right", "right_posterior"} <= names
    assert (inside > 0).mean() > 0.8


def sampled_points(phantom: Phantom, segment: int) -> np.ndarray:
    grids = phantom.label_grids((3.0, 3.0, 3.0))
    return grids.affine[:3, 3] + 3.0 * np.argwhere(grids.segments == segment)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_one_bilobar_lesion_crosses_from_s8_to_s4_beside_the_middle_hepatic_vein(seed: int) -> None:
    phantom = bilobar(seed)
    shares = truth(phantom, n=1 << 12, replicates=4).lesion_shares
    crossing = [x for x in phantom.lesions if {"S4", "S8"} <= set(shares[x.name])]
    (lesion,) = (x for x in crossing if shares[x.name]["S4"].value > 0.3)
    assert shares[lesion.name]["S8"].value > 0.3
    vein = phantom.hepatic.only(2)
    axis = np.concatenate(
        [
            a + t * (b - a)
            for a, b in zip(vein.start, vein.end, strict=True)
            for t in np.linspace(0, 1, 9)[:, None, None]
        ]
    )
    surface = lesion.ball_points(sphere())
    to_axis = np.linalg.norm(surface[:, None, :] - axis[None, :, :], axis=2).min()
    assert vein.radius_end.min() < to_axis < 5.0 + vein.radius_start.max()
    assert 0.0 < vein.distance(surface).min() < 5.0


@pytest.mark.parametrize("seed", [0, 1])
def test_a_lesion_at_the_confluence_is_placed_when_asked(seed: int) -> None:
    phantom = liver(seed)
    lesions = bilobar_lesions(phantom, seed=seed, confluence=True)
    assert len(lesions) == len(bilobar_lesions(phantom, seed=seed)) + 1
    placed = phantom.with_lesions(lesions)
    centre = np.array(at_confluence(phantom, 10.5))
    (lesion,) = (x for x in placed.lesions if np.allclose(x.centre, centre))
    assert np.linalg.norm(lesion.ball_points(sphere()) - phantom.confluence, axis=1).min() < 10.0
    assert truth(placed, n=1 << 11, replicates=2).lesion_shares[lesion.name].keys() <= {
        "S1",
        "S2",
        "S4",
        "S8",
    }


def test_no_two_lesions_of_a_scenario_overlap() -> None:
    for phantom in (bilobar(0), bilobar(1), bilobar(2), small_for_size(1), hcc_thrombus(0), hcc_thrombus(1)):
        for i, one in enumerate(phantom.lesions):
            for other in phantom.lesions[i + 1 :]:
                assert other.norm(one.ball_points(sphere())).min() > 1.0
                assert one.norm(other.ball_points(sphere())).min() > 1.0


@pytest.mark.parametrize("tree", ["portal_vein", "hepatic_vein"])
def test_watersheds_divide_the_liver_and_each_vessel_lies_in_its_own(tree: str) -> None:
    phantom = make_phantom(5)
    known = watershed_truth(phantom, tree, n=1 << 12, replicates=4)
    whole = truth(phantom, n=1 << 12, replicates=4)
    total = sum(e.value for e in known.total.values())
    assert total == pytest.approx(whole.total.value, abs=4 * whole.total.standard_error)
    for segment, e in whole.parenchyma.items():
        parts = [row[segment].value for row in known.parenchyma.values() if segment in row]
        assert sum(parts) == pytest.approx(e.value, abs=6 * e.standard_error)
    where = watershed(phantom, tree)
    tubes = phantom.portal if tree == "portal_vein" else phantom.hepatic
    names = phantom.portal_names if tree == "portal_vein" else phantom.hepatic_names
    look_up = phantom.portal_at if tree == "portal_vein" else phantom.hepatic_at
    middle = 0.5 * (tubes.start + tubes.end)
    mine = (look_up(middle) == tubes.label) & (phantom.segment_at(middle) != 1)
    owner = where.label_at(middle)
    for label in np.unique(tubes.label[mine]):
        here = {where.names[i] for i in owner[mine & (tubes.label == label)]}
        if names[label] in where.names[1:-1]:  # the last owns the caudate lobe, nothing else
            assert here == {names[label]}
        else:
            assert names[label] not in here


def test_a_tree_that_is_not_known_has_no_watershed() -> None:
    with pytest.raises(AnatomyError, match='vessel tree "bile" is not known'):
        watershed(make_phantom(5), "bile")


def test_the_boxes_of_the_two_tree_phantom_fill_its_block() -> None:
    for tree in ("portal_vein", "hepatic_vein"):
        assert sum(sum(row.values()) for row in territory_ml(tree).values()) == pytest.approx(
            120 * 100 * 80 / 1000
        )
    upright = TwoTree()
    for tree, look_up, names in (
        ("portal_vein", upright.portal_at, upright.portal_names),
        ("hepatic_vein", upright.hepatic_at, upright.hepatic_names),
    ):
        for name, box in territory_boxes(tree).items():
            # A vessel runs along the middle between its territory's planes, or as far from the next as that from it.
            rng = np.random.default_rng(0)
            points = rng.uniform([b[0] for b in box], [b[1] for b in box], (4000, 3))
            found = {names[i] for i in look_up(points) if i}
            assert found - {"main"} == {name}
