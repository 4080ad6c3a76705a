"""Files of one case on one grid: whether they share it, and the grid that holds them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from flrsim.errors import GeometryError
from flrsim.forensics import turned
from flrsim.grid import LabelVolume
from flrsim.io.structures import Structures
from flrsim.io.voxels import VOXEL_LIMIT

SAME_AFFINE_MM = 0.05
"""Origins and axes of two headers agree when no entry differs by more."""

Frame = tuple[NDArray[np.float64], tuple[int, int, int]]


def grid_holding(onto: Structures | None, points: NDArray[np.float64], source: str) -> Frame | None:
    """Return the grid of `onto`, widened by whole voxels until it holds all points: nothing is cut off at its edge."""
    if onto is None:
        return None
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        nx, ny, nz = onto.labels.shape
        return onto.affine, (nx, ny, nz)
    index = np.linalg.solve(onto.affine[:3, :3], (points - onto.affine[:3, 3]).T)
    low = np.minimum(np.floor(index.min(axis=1)) - 1, 0)
    high = np.maximum(np.ceil(index.max(axis=1)) + 2, onto.labels.shape)
    shape = tuple(int(n) for n in high - low)
    if np.prod(np.array(shape, dtype=object)) > VOXEL_LIMIT:
        raise GeometryError(
            f"{source} lies so far from {onto.source} that one grid for both has {_times(shape)} voxels; check frames and units"
        )
    affine = onto.affine.copy()
    affine[:3, 3] += onto.affine[:3, :3] @ low
    return affine, (shape[0], shape[1], shape[2])


def on_grid_of(volume: LabelVolume, onto: Structures | None, same_grid: bool) -> LabelVolume:
    """Return `volume` when it lies on the grid of `onto`; raise when it does not and nobody vouched for it.

    A file that says it was cropped from a larger grid may lie on another part of the same grid.
    """
    if onto is None:
        return volume
    if (volume.cropped or onto.cropped) and grid_shift(volume.affine, onto.affine) is not None:
        return volume
    if volume.labels.shape != onto.labels.shape:
        raise GeometryError(
            f"{volume.source} has {_times(volume.labels.shape)} voxels and {onto.source} has {_times(onto.labels.shape)}; "
            "both must lie on one grid: resample one onto the other"
        )
    away = np.abs(volume.affine - onto.affine)
    if away.max() <= SAME_AFFINE_MM:
        return volume
    if same_grid:
        return replace(volume, affine=onto.affine)
    offset = float(np.linalg.norm((volume.affine - onto.affine)[:3, 3]))
    whole = np.array([[0, 0, 0], onto.labels.shape]) - [[0], [1]]
    if np.abs(turned(_corners(volume.affine, whole)) - _corners(onto.affine, whole)).max() <= SAME_AFFINE_MM:
        raise GeometryError(
            f"{volume.source} lies {offset:.0f} mm from {onto.source}, and exactly on it when LPS and RAS are exchanged: the two "
            "files are in different frames; correct the header of the wrong one"
        )
    raise GeometryError(
        f"{volume.source} lies on another frame than {onto.source}: the origins are {offset:.0f} mm apart on the same "
        f"{_times(volume.labels.shape)} voxels; correct the header, or, if the voxels correspond, "
        "accept it in [anatomy.accept]: same_grid = true"
    )


def check_same_grid(volume: LabelVolume, first: LabelVolume, folder: str) -> None:
    """Raise when two maps of one folder lie on different grids."""
    if volume.labels.shape != first.labels.shape:
        raise GeometryError(
            f"{folder}: {first.source} has {_times(first.labels.shape)} voxels and {volume.source} has "
            f"{_times(volume.labels.shape)}; all maps of a folder must lie on one grid: export them together"
        )
    away = float(np.abs(volume.affine - first.affine).max())
    if away > SAME_AFFINE_MM:
        raise GeometryError(
            f"{folder}: {volume.source} lies on another frame than {first.source} (their headers differ by {away:.3g} mm); "
            "all maps of a folder must lie on one grid: export them together"
        )


def grid_shift(affine: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.int64] | None:
    """Return by how many voxels, (3,), one grid's origin lies from another's; None when they do not share their voxels."""
    if np.abs(affine - reference)[:3, :3].max() > SAME_AFFINE_MM / 100:
        return None
    shift = np.linalg.solve(reference[:3, :3], affine[:3, 3] - reference[:3, 3])
    whole = np.rint(shift)
    if np.abs(reference[:3, :3] @ (shift - whole)).max() > SAME_AFFINE_MM:
        return None
    return np.asarray(whole, dtype=np.int64)


def on_one_grid(files: Sequence[Structures]) -> list[Structures]:
    """Return structures whose grids are parts of one grid on the smallest box that holds them all; the first's axes count."""
    reference = files[0].affine
    shifts = [grid_shift(s.affine, reference) for s in files]
    known = [np.zeros(3, dtype=np.int64) if shift is None else shift for shift in shifts]
    low = np.min(known, axis=0)
    high = np.max([a + s.labels.shape for a, s in zip(known, files, strict=True)], axis=0)
    if np.prod((high - low).astype(object)) > VOXEL_LIMIT:
        raise GeometryError(
            f"{' and '.join(s.source for s in files)} lie so far apart that one grid for all has {_times(tuple(high - low))} "
            "voxels; export them on one grid"
        )
    affine = reference.copy()
    affine[:3, 3] += reference[:3, :3] @ low
    out = []
    for shift, s in zip(known, files, strict=True):
        before, after = shift - low, high - shift - s.labels.shape
        if before.any() or after.any():
            s = replace(
                s, labels=np.pad(s.labels, list(zip(before, after, strict=True))), affine=affine.copy()
            )
        out.append(s)
    return out


def _corners(affine: NDArray[np.float64], box: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the first and last corner, (2, 3) LPS mm, of a box of voxels (2, 3)."""
    index = np.array([[box[i, 0], box[j, 1], box[k, 2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    place = index @ affine[:3, :3].T + affine[:3, 3]
    return np.stack([place.min(axis=0), place.max(axis=0)])


def _times(shape: tuple[int, ...]) -> str:
    return " × ".join(str(n) for n in shape)
