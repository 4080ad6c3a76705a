"""Passes over a label map that stand in for numpy's fancy indexing: equal to it to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from flrsim.kernels.labels import add_places, count_places, nearest_outside


@pytest.mark.parametrize("seed", range(12))
def test_the_nearest_voxel_outside_is_that_of_all_distances(seed) -> None:
    rng = np.random.default_rng(seed)
    labels = np.where(rng.random((9, 7, 11)) < 0.03, 0, rng.integers(1, 4, (9, 7, 11))).astype(np.uint16)
    own = np.array([False, True, True, True])
    low, centre, spacing = np.array([4, 0, 2]), rng.uniform(2.0, 8.0, 3), np.array([0.7, 0.9, 2.5])
    if seed > 5:  # several at the same distance: the first of them
        labels = np.maximum(labels, labels[::-1, ::-1]) * (labels > 0) * (labels[::-1, ::-1] > 0)
        spacing, centre = np.ones(3), np.array([8.0, 3.0, 7.0])
    outside = np.argwhere(~own[labels]) + low
    distance = np.sqrt((((outside - centre) * spacing) ** 2).sum(axis=1))
    at, found = nearest_outside(labels, own, low, centre, spacing)
    assert found == distance.min()
    assert tuple(at) == tuple(outside[int(np.argmin(distance))])


def test_there_may_be_nothing_outside() -> None:
    labels = np.ones((2, 2, 2), np.uint16)
    at, _ = nearest_outside(labels, np.array([False, True]), np.zeros(3, np.int64), np.ones(3), np.ones(3))
    assert at[0] == -1


def test_places_of_two_trees_are_one_number_and_are_counted_by_region() -> None:
    rng = np.random.default_rng(1)
    voxels = np.flatnonzero(rng.random(60) < 0.7)
    trees = [
        (rng.integers(0, 3, 60).astype(np.int32), rng.integers(0, 4, 60).astype(np.uint16)) for _ in "ab"
    ]
    places = np.zeros(len(voxels), np.int64)
    wanted = np.zeros(len(voxels), np.int64)
    for section, label in trees:
        add_places(places, voxels, section, label, 6, 3)
        wanted = wanted * 6 + np.where(section[voxels] > 0, section[voxels] + 3, label[voxels])
    np.testing.assert_array_equal(places, wanted)
    region = rng.integers(0, 5, len(voxels)).astype(np.int32)
    asked = np.array([False, True, True, False, True])
    counted = count_places(region, places, asked, 36)
    for r in range(5):
        alone = np.bincount(places[region == r], minlength=36) if asked[r] else np.zeros(36)
        np.testing.assert_array_equal(counted[r], alone)
    without_trees = count_places(region, np.zeros(0, np.int64), asked, 1)
    np.testing.assert_array_equal(without_trees[:, 0], np.bincount(region, minlength=5) * asked)
