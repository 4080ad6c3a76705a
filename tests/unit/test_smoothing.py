"""Kernels of the display meshes: neighbours, one step of smoothing, faces of walls, against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest

from flrsim.kernels.labels import look_up
from flrsim.kernels.smoothing import mean_step, neighbours, wall_faces
from flrsim.meshing import mesh_from_labels


def some_labels(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 4, tuple(rng.integers(1, 9, 3))).astype(np.uint16)


@pytest.mark.parametrize("seed", range(8))
def test_walls_are_the_changes_along_each_axis(seed) -> None:
    labels = some_labels(seed)
    padded = np.pad(labels, 1)
    assert wall_faces(labels) == sum(np.count_nonzero(np.diff(padded, axis=axis)) for axis in range(3))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", ["quads", "triangles", "lines"])
def test_a_step_is_that_of_sums_over_edges_to_the_last_bit(seed, kind) -> None:
    mesh = mesh_from_labels(some_labels(seed), np.diag([0.7, 0.8, 1.3, 1.0]), [str(i) for i in range(4)])
    faces = {
        "quads": mesh.faces,
        "triangles": mesh.faces[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3),
        "lines": mesh.faces[:, :2],
    }[kind]
    n, k = len(mesh.points), faces.shape[1]
    pairs = np.concatenate([faces[:, [c, (c + 1) % k]] for c in range(k)])
    edges = np.unique(np.sort(pairs, axis=1), axis=0)
    degree = np.maximum(np.bincount(edges.ravel(), minlength=n), 1).astype(float)
    wanted = np.empty_like(mesh.points)
    for axis in range(3):
        values = mesh.points[:, axis]
        total = np.bincount(edges[:, 0], weights=values[edges[:, 1]], minlength=n)
        total += np.bincount(edges[:, 1], weights=values[edges[:, 0]], minlength=n)
        wanted[:, axis] = values + 0.5 * (total / degree - values)
    first, beside = neighbours(np.ascontiguousarray(faces), n)
    assert first[-1] == 2 * len(edges)
    got = np.empty_like(mesh.points)
    mean_step(mesh.points, got, first, beside, 0.5)
    np.testing.assert_array_equal(got, wanted)


def test_every_voxel_gets_the_value_of_its_label() -> None:
    labels = some_labels(3).reshape(-1)
    values = np.array([7, 1, 65535, 3], dtype=np.uint16)
    out = np.empty(len(labels), dtype=np.uint16)
    look_up(labels, values, out)
    np.testing.assert_array_equal(out, values[labels])
