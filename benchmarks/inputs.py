"""Inputs of any size whose true numbers are known without this package: blocks of an ellipsoid, tiled meshes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

# Half axes of the ellipsoid as shares of the grid's longest side: the proportions of a liver.
HALF_AXES = np.array([0.46, 0.36, 0.30])
BLOCKS = {1: (1, 1, 1), 8: (2, 2, 2), 10: (5, 2, 1), 100: (5, 5, 4), 1000: (10, 10, 10)}


def block_labels(n: int, n_labels: int) -> NDArray[np.unsignedinteger]:
    """Return an ellipsoid on a grid of n voxels a side, cut into blocks 1 … n_labels; 0 outside."""
    shape = tuple(2 * int(np.ceil(n * a) + 2) for a in HALF_AXES)
    axis = [(np.arange(m) - 0.5 * (m - 1)) / (n * a) for m, a in zip(shape, HALF_AXES, strict=True)]
    x, y, z = np.ix_(*axis)
    inside = x**2 + y**2 + z**2 < 1
    number = np.zeros((1, 1, 1), dtype=np.int64)
    for values, blocks in zip((x, y, z), BLOCKS[n_labels], strict=True):
        # The blocks divide the inscribed box; the outer ones reach to the surface, so that none is empty.
        number = number * blocks + np.clip(
            np.floor((values * 3**0.5 + 1) / 2 * blocks), 0, blocks - 1
        ).astype(np.int64)
    dtype = np.uint8 if n_labels < 256 else np.uint16
    return np.where(inside, number + 1, 0).astype(dtype)


@dataclass(frozen=True)
class LabelledFaces:
    """A labelled interface mesh with the volumes its regions must have.

    Attributes
    ----------
    points : (n, 3) float64, mm; quads : (m, 4) int64; sides : (m, 2) uint16; volume_ml : (n_labels,).
    """

    points: NDArray[np.float64]
    quads: NDArray[np.int64]
    sides: NDArray[np.uint16]
    volume_ml: NDArray[np.float64]

    @property
    def size(self) -> int:
        return 2 * len(self.quads)

    @cached_property
    def triangles(self) -> NDArray[np.int64]:
        return self.quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)

    @cached_property
    def triangle_sides(self) -> NDArray[np.uint16]:
        return np.repeat(self.sides, 2, axis=0)

    @property
    def names(self) -> tuple[str, ...]:
        return ("outside", *(str(i + 1) for i in range(len(self.volume_ml))))


TURN = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
TURN = TURN * np.sign(np.linalg.det(TURN))
SPACING_MM = 0.8


@lru_cache(maxsize=2)
def labelled_faces(n_triangles: int, n_labels: int = 8) -> LabelledFaces:
    """Return the walls of a turned block ellipsoid with about n_triangles triangles; large ones are tiled copies.

    The volumes are counted on the voxels; each copy adds the same volume to every label.
    """
    from flrsim.meshing import mesh_from_labels

    once = min(n_triangles, 1_300_000)
    # A first small one tells how many triangles come with a side.
    probe = block_labels(48, n_labels)
    affine = np.eye(4)
    found = len(mesh_from_labels(probe, affine, [""] * (n_labels + 1)).faces) * 2
    n = max(int(48 * np.sqrt(once / found)), 2 * max(BLOCKS[n_labels]) + 4)
    labels = block_labels(n, n_labels)
    affine[:3, :3] = TURN * SPACING_MM
    mesh = mesh_from_labels(labels, affine, [""] * (n_labels + 1))
    copies = max(round(n_triangles / (2 * len(mesh.faces))), 1)
    counts = np.bincount(labels.ravel(), minlength=n_labels + 1)[1:].astype(float)
    step = TURN @ np.array([labels.shape[0] * SPACING_MM, 0.0, 0.0])
    points = np.concatenate([mesh.points + i * step for i in range(copies)])
    quads = np.concatenate([mesh.faces + i * len(mesh.points) for i in range(copies)])
    sides = np.tile(mesh.sides, (copies, 1))
    return LabelledFaces(points, quads, sides, counts * SPACING_MM**3 / 1000 * copies)


@dataclass(frozen=True)
class LabelMap:
    """A label map with its counts, made and counted without this package."""

    labels: NDArray[np.unsignedinteger]
    n: int

    @property
    def size(self) -> int:
        return int(self.labels.size)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        return np.bincount(self.labels.ravel())[1:]


@lru_cache(maxsize=2)
def abdomen(n_voxels: int, n_labels: int = 8, dtype: str = "uint8") -> LabelMap:
    """Return a block ellipsoid in an empty grid of 512 × 512 × 500 proportions: 2.2 % liver, as in an abdominal CT."""
    scale = (n_voxels / (512 * 512 * 500)) ** (1 / 3)
    shape = tuple(max(round(s * scale), 8) for s in (512, 512, 500))
    n = int(258 * scale)
    inner = block_labels(n, n_labels)
    labels = np.zeros(shape, dtype=dtype)
    low = [(a - b) // 2 for a, b in zip(shape, inner.shape, strict=True)]
    labels[tuple(slice(a, a + b) for a, b in zip(low, inner.shape, strict=True))] = inner
    return LabelMap(labels, n)


@lru_cache(maxsize=2)
def cropped(n_voxels: int, n_labels: int = 8) -> LabelMap:
    """Return a block ellipsoid in a grid that just holds it."""
    n = int((n_voxels / (8 * np.prod(HALF_AXES))) ** (1 / 3))
    n -= n % 2
    return LabelMap(block_labels(n, n_labels), n)


@lru_cache(maxsize=2)
def ragged(n_voxels: int, n_labels: int = 8) -> LabelMap:
    """Return the same with one voxel in a hundred taken from its diagonal neighbour: real label maps are ragged.

    Voxels of one label then meet at edges and corners only, which is where nets come apart.
    """
    smooth = cropped(n_voxels, n_labels)
    moved = np.roll(smooth.labels, (1, 1), axis=(0, 1))
    rough = np.random.default_rng(9).random(smooth.labels.shape) < 0.01
    return LabelMap(np.where(rough, moved, smooth.labels), smooth.n)
