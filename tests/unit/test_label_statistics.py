"""One pass over a label map: voxels, boxes, centroids and contacts, by words of eight bytes and by two threads."""

from __future__ import annotations

import numpy as np
import pytest

import reference
from flrsim.errors import GeometryError
from flrsim.label_statistics import label_counts, label_statistics
from flrsim.threads import at_once, parts


def check(grid) -> None:
    got = label_statistics(grid)
    counts, boxes, centres = reference.label_statistics(grid)
    assert len(got.counts) == len(got.boxes) == len(got.centroids) == int(grid.max()) + 1
    assert got.counts.sum() == grid.size
    assert {label: n for label, n in enumerate(got.counts.tolist()) if label and n} == counts
    for label in range(len(got.counts)):
        if label in counts:
            np.testing.assert_array_equal(got.boxes[label], boxes[label])
            np.testing.assert_allclose(got.centroids[label], centres[label], rtol=1e-14)
        else:
            assert (got.boxes[label] == -1).all()
            assert np.isnan(got.centroids[label]).all()
    np.testing.assert_array_equal(got.face_contacts, reference.face_contacts(grid, int(grid.max()) + 1))
    few = label_counts(grid)
    for one, other in ((few.counts, got.counts), (few.boxes, got.boxes), (few.centroids, got.centroids)):
        np.testing.assert_array_equal(one, other)
    if counts:
        whole = [
            np.min([b[0] for b in boxes.values()], axis=0),
            np.max([b[1] for b in boxes.values()], axis=0),
        ]
        np.testing.assert_array_equal(got.box, whole)
    else:
        assert got.box is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("seed", range(30))
def test_every_number_is_that_of_a_loop_over_voxels(seed, dtype) -> None:
    rng = np.random.default_rng(seed)
    # Rows shorter and longer than a word, and not a whole number of words; empty rows, specks and long runs.
    shape = (*rng.integers(1, 12, 2), int(rng.integers(1, 40)))
    grid = np.where(rng.random(shape) < (0.01, 0.3, 1.0)[seed % 3], rng.integers(0, 5, shape), 0)
    if seed % 2:
        grid = np.sort(grid, axis=2)[..., :: (-1 if seed % 4 == 1 else 1)]
    check(np.ascontiguousarray(grid.astype(dtype)))


@pytest.mark.parametrize(("dtype", "step"), [(np.uint8, 51), (np.uint16, 300), (np.uint16, 256)])
def test_labels_beyond_those_made_room_for_first_are_found(dtype, step) -> None:
    rng = np.random.default_rng(step)
    check((rng.integers(0, 6, (3, 4, 17)) * step).astype(dtype))


def test_an_empty_map_has_no_box() -> None:
    got = label_statistics(np.zeros((3, 4, 5), np.uint16))
    assert got.box is None
    assert got.counts.tolist() == [60]
    assert not got.face_contacts.any()


def test_a_single_voxel_in_every_corner_of_the_grid_is_seen() -> None:
    for corner in np.ndindex(2, 2, 2):
        grid = np.zeros((4, 5, 26), np.uint8)
        index = tuple(c * (n - 1) for c, n in zip(corner, grid.shape, strict=True))
        grid[index] = 1
        got = label_statistics(grid)
        np.testing.assert_array_equal(got.box, [index, index])
        np.testing.assert_array_equal(got.centroids[1], index)
        assert got.face_contacts[:, 0, 1].tolist() == [1, 1, 1]


def test_threads_and_memory_layout_change_no_digit(monkeypatch) -> None:
    rng = np.random.default_rng(3)
    grid = np.zeros((130, 100, 90), np.uint8)
    grid[20:110, 10:80, 7:81] = np.kron(rng.integers(0, 7, (9, 7, 2)), np.ones((10, 10, 37))).astype(np.uint8)
    found = []
    for threads in ("1", "2", "3"):
        monkeypatch.setenv("FLRSIM_THREADS", threads)
        assert len(parts(130, per_thread=8)) == 8 * int(threads)
        found += [label_statistics(grid), label_statistics(np.asfortranarray(grid))]
    for other in found[1:]:
        np.testing.assert_array_equal(other.counts, found[0].counts)
        np.testing.assert_array_equal(other.boxes, found[0].boxes)
        np.testing.assert_array_equal(other.centroids, found[0].centroids)
        np.testing.assert_array_equal(other.face_contacts, found[0].face_contacts)
    np.testing.assert_array_equal(found[0].counts, np.bincount(grid.ravel(), minlength=7))


def test_what_cannot_be_counted_is_said() -> None:
    with pytest.raises(ValueError, match="uint8 or uint16 is needed"):
        label_statistics(np.zeros((2, 2, 2), np.int32))
    grid = np.zeros((2, 2, 2), np.uint16)
    grid[0, 0, 0] = 65535
    with pytest.raises(GeometryError, match="label 65535; contacts are counted for labels below 4096"):
        label_statistics(grid)
    assert label_counts(grid).counts[65535] == 1


def test_parts_cover_a_range_once_and_answers_keep_their_order(monkeypatch) -> None:
    monkeypatch.setenv("FLRSIM_THREADS", "3")
    for n, least in ((0, 1), (1, 1), (7, 1), (7, 4), (100, 9)):
        found = parts(n, least=least, per_thread=2)
        assert [v for a, b in found for v in range(a, b)] == list(range(n))
        assert len(found) == 1 or min(b - a for a, b in found) >= least
    assert at_once(lambda a, b: (a, b), parts(100, per_thread=4)) == parts(100, per_thread=4)
