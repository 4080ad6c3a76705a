"""Walls of a label map: every wall once, closed, in the same order for any number of threads; smoothing and its bias."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

import reference
import solids
from flrsim.meshing import mesh_from_labels, smoothing_bias
from flrsim.surface_nets import smoothing_moves, surface_nets

SHAPES = ((1, 1, 1), (4, 3, 5), (5, 6, 14), (1, 7, 2), (3, 1, 23))


def blobs(shape, n_labels, seed, dtype=np.uint8):
    """Return a random map with 0 in it, coarse enough that walls are larger than one face."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, n_labels, tuple((n + 1) // 2 for n in shape))
    fine = coarse.repeat(2, 0).repeat(2, 1).repeat(2, 2)[: shape[0], : shape[1], : shape[2]]
    noise = rng.integers(0, n_labels, shape)
    return np.where(rng.random(shape) < 0.2, noise, fine).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", SHAPES)
def test_nets_have_every_wall_once_with_its_two_labels(shape, dtype) -> None:
    grid = blobs(shape, 4, 21, dtype) * dtype(63 if dtype is np.uint8 else 256)
    nets = surface_nets(grid)
    corners, faces, sides = nets.corners, nets.faces, nets.sides
    assert len(np.unique(corners, axis=0)) == len(corners)
    assert len(np.unique(faces)) == len(corners)
    assert len(nets.joined) == 0
    found = {}
    for face, (left, entered) in zip(corners[faces].astype(float), sides, strict=True):
        normal = np.cross(face[1] - face[0], face[2] - face[0])
        axis = int(np.argmax(np.abs(normal)))
        # A unit square, corners in turn.
        np.testing.assert_allclose(np.abs(normal), np.eye(3)[axis])
        np.testing.assert_allclose(face[0] + face[2], face[1] + face[3])
        key = (*(float(x) for x in face.mean(axis=0)), axis)
        assert key not in found
        found[key] = (int(left), int(entered), int(np.sign(normal[axis])))
    assert found == reference.walls(grid)


@pytest.mark.parametrize("shape", SHAPES)
def test_joined_points_are_one_face_edge_apart_in_their_direction(shape) -> None:
    nets = surface_nets(blobs(shape, 4, 31), joined=True)
    want = reference.neighbours(nets.faces)
    for p, row in enumerate(nets.joined.astype(int)):
        assert {q for q in row if q != p} == want.get(p, set())
        for slot, q in enumerate(row):
            if q != p:
                way = np.eye(3, dtype=int)[slot % 3] * (1 if slot >= 3 else -1)
                np.testing.assert_array_equal(nets.corners[q] - nets.corners[p], way)


def test_smoothing() -> None:
    nets = surface_nets(blobs((5, 4, 6), 4, 31), joined=True)
    want = reference.neighbours(nets.faces)
    for iterations, step, reach in (
        (0, 0.5, 0.5),
        (1, 0.5, 0.5),
        (16, 0.5, 0.5),
        (3, 0.3, 9.0),
        (5, 1.0, 0.2),
    ):
        np.testing.assert_allclose(
            nets.corners + smoothing_moves(nets, iterations, step, reach),
            reference.smooth(nets.corners, want, iterations, step, reach),
            rtol=0,
            atol=1e-13,
        )


def test_threads_change_no_digit_and_no_number(monkeypatch) -> None:
    grid = blobs((90, 80, 70), 6, 5)
    grid[:30] = 0  # the slabs hold unequal numbers of faces
    found = []
    for threads in ("1", "2", "3"):
        monkeypatch.setenv("FLRSIM_THREADS", threads)
        nets = surface_nets(grid, joined=True)
        found.append((nets.corners, nets.faces, nets.sides, nets.joined, smoothing_moves(nets, 7, 0.5, 0.5)))
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_faces_of_one_pair_of_labels_follow_each_other() -> None:
    """Sums by pair run in long stretches: a wall across the rows changes label once a row, not once a face."""
    grid = np.ones((20, 20, 40), np.uint8)
    grid[10:] = 2
    sides = surface_nets(grid).sides
    changes = Counter(tuple(np.concatenate(pair)) for pair in pairwise(sides))
    into_wall = sum(n for (a, b, c, d), n in changes.items() if (c, d) == (1, 2) and (a, b) != (1, 2))
    assert into_wall <= 20


def test_the_bias_of_smoothing_is_the_share_a_ball_loses() -> None:
    """A ball of radius r voxels loses a share that falls with 1/r²; label 3 has no voxel."""
    shape, affine = (60, 60, 60), solids.centred_affine((1.0, 1.0, 1.0), (60, 60, 60))
    bias = []
    for radius in (5.0, 10.0, 20.0):
        distance = np.linalg.norm(solids.grid_points(shape, affine), axis=-1)
        grid = np.where(distance < radius, 2, np.where(distance < 28, 1, 0)).astype(np.uint8)
        found = smoothing_bias(grid, 4)
        assert np.isnan(found[[0, 3]]).all()
        mesh = mesh_from_labels(grid, np.diag([0.5, 0.7, 2.0, 1.0]), ["0", "1", "2", "3"], iterations=16)
        voxels = np.bincount(grid.ravel())[2] * 0.5 * 0.7 * 2.0 / 1000
        assert found[2] == pytest.approx(mesh.measure().volume_ml[2] / voxels - 1, rel=1e-9)
        bias.append(found[2])
    assert -0.35 < bias[0] < -0.02
    assert bias[1] / bias[2] == pytest.approx(4, rel=0.4)
    assert bias[0] / bias[1] == pytest.approx(4, rel=0.4)
