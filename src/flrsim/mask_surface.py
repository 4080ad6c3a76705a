"""The surface of a structure that was drawn voxel by voxel, slice by slice: what distances are measured to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flrsim.distances import box_of
from flrsim.grid import spacing_of
from flrsim.meshing import WALL_ITERATIONS, mesh_from_labels, points_through
from flrsim.surface_nets import surface_nets

VOXELS_ERR = 0.1
"""Share by which the voxels of a small structure on thick slices miss its volume: up to 0.05 for a ball of 8 mm on 5 mm,
0.15 for one of 4 mm."""

Surface = tuple[NDArray[np.float64], NDArray[np.int64]]

THICK = 1.5
"""Slices this many times thicker than their pixels leave steps that smoothing does not take away."""
CLEAR = 0.25
"""Part of a pixel that a voxel's centre keeps from the surface, however thin the structure is there."""
BLUR_PIXELS = 1.0
"""Takes the pixels' own steps out of a slice's outline; a 4 mm ball loses 0.03 mm by it on 0.8 mm pixels."""


def surface_of_mask(mask: NDArray[np.bool_], affine: NDArray[np.float64]) -> Surface:
    """Return the surface of a structure given as voxels: points (n, 3) mm and triangles (k, 3).

    On voxels that are about as long as wide it is the smoothed surface of the voxels, made to enclose their volume. On
    slices much thicker than their pixels it runs smoothly through the outlines on the slices: see `_through_slices`.
    """
    box = box_of(mask)
    if box is None:
        raise ValueError("the mask is empty: there is no surface around it")
    shifted = affine.copy()
    shifted[:3, 3] = affine[:3, :3] @ [s.start for s in box] + affine[:3, 3]
    spacing = spacing_of(affine)
    thick = int(spacing.argmax())
    # A structure on a single slice says nothing about its height.
    if spacing[thick] >= THICK * spacing.min() and mask[box].shape[thick] > 1:
        return _through_slices(mask[box], shifted, thick)
    return _around_voxels(mask[box], shifted)


def _around_voxels(mask: NDArray[np.bool_], affine: NDArray[np.float64]) -> Surface:
    """Return the smoothed surface around voxels that encloses exactly their volume.

    The smoothing that removes the staircase also shrinks a small lesion by more than half; every point is
    moved out along its normal until the enclosed volume is the voxels' again.
    """
    local = mask.astype(np.uint8)
    wanted = float(local.sum()) * abs(float(np.linalg.det(affine[:3, :3])))
    mesh = mesh_from_labels(local, affine, ("outside", "inside"), iterations=WALL_ITERATIONS)
    triangles, sides = mesh.triangles()
    triangles = np.where(sides[:, :1] == 1, triangles, triangles[:, ::-1])
    # A smoothed speck is so small that a full step would throw it far out; a quarter of a voxel at a time
    # cannot.
    return _enclosing(mesh.points, triangles, wanted, 0.25 * float(spacing_of(affine).min())), triangles


def _volume(points: NDArray[np.float64], triangles: NDArray[np.int64]) -> tuple[float, NDArray[np.float64]]:
    """Return the volume inside a closed surface, mm³, and each triangle's normal with twice its area as length."""
    corner = points[triangles] - points.mean(axis=0)
    cross = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    return float(np.einsum("ij,ij->", corner[:, 0], cross)) / 6.0, cross


def _enclosing(
    points: NDArray[np.float64], triangles: NDArray[np.int64], wanted: float, longest: float
) -> NDArray[np.float64]:
    """Return the points moved along their normals, `longest` mm a time at most, until `wanted` mm³ are inside."""
    points = points.copy()
    for _ in range(100):
        volume, cross = _volume(points, triangles)
        area = 0.5 * float(np.linalg.norm(cross, axis=1).sum())
        if abs(volume - wanted) < 1e-6 * wanted:
            break
        normals = np.zeros_like(points)
        for c in range(3):
            np.add.at(normals, triangles[:, c], cross)
        length = np.linalg.norm(normals, axis=1, keepdims=True)
        step = min(max((wanted - volume) / max(area, 1e-12), -longest), longest)
        points += normals / np.where(length > 0, length, 1.0) * step
    return points


def _through_slices(mask: NDArray[np.bool_], affine: NDArray[np.float64], thick: int) -> Surface:
    """Return the surface that runs smoothly through a structure's outlines on thick slices.

    Each slice gets a level that is positive inside its outline: with s the distance from the outline and a the
    radius of the largest circle inside it, s(2a - s). For a ball that is R² - |x|², which is also what lies between
    and beyond the slices: the level is a parabola along the axis, and interpolating slices restores the ball from
    its outlines. Every voxel centre lies on the side of the surface that it was drawn on. The enclosed volume is that
    of the interpolated shape, closer to a ball's than the voxels' is.
    """
    spacing = spacing_of(affine)
    order = [*(d for d in range(3) if d != thick), thick]
    wide, height = spacing[order[:2]], float(spacing[thick])
    pixel = float(wide.min())
    # Between slices the outline swells by a quarter of their distance at most.
    edge = np.array([*(int(n) for n in np.ceil(0.25 * height / wide) + 2), 2])
    level, bend = _levels(np.pad(mask.transpose(order), [(n, n) for n in edge]), wide, height)
    parts = max(round(height / pixel), 1)
    fine = _between(level, bend, parts)
    # Two slices beyond the last ones are known, and the surface ends before the first of them.
    corners, faces, sides, crossing = _crossings(fine)
    points = points_through(corners, faces, crossing)
    points[:, 2] /= parts
    # `_between` starts at the second slice.
    points += [0.0, 0.0, 1.0] - edge
    voxel = np.empty_like(points)
    voxel[:, order] = points
    quads = np.where(sides[:, :1] == 1, faces, faces[:, ::-1])
    if np.linalg.det(np.eye(3)[:, order]) < 0:
        quads = quads[:, ::-1]
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    world = voxel @ affine[:3, :3].T + affine[:3, 3]
    drawn = np.count_nonzero(mask) * float(np.prod(spacing))
    volume = _volume(world, triangles)[0]
    within = float(np.clip(volume, (1 - VOXELS_ERR) * drawn, (1 + VOXELS_ERR) * drawn))
    if within != volume:
        world = _enclosing(world, triangles, within, 0.25 * pixel)
    return world, triangles


def _levels(
    mask: NDArray[np.bool_], wide: NDArray[np.float64], height: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the level of each slice (last axis), mm², and how far it may bend away from a straight line between two.

    Positive on the mask's voxels and negative on all others. The first and last two slices must be empty.
    """
    from scipy import ndimage

    known: NDArray[np.bool_] = np.array(mask.any(axis=(0, 1)))
    level, bend = np.zeros(mask.shape), np.zeros(mask.shape)
    pixel = float(wide.min())
    for k in np.flatnonzero(known):
        drawn = mask[:, :, k]
        inner = ndimage.distance_transform_edt(drawn, sampling=wide)
        outer, nearest = ndimage.distance_transform_edt(~drawn, sampling=wide, return_indices=True)
        raw = np.where(drawn, inner - 0.5 * pixel, 0.5 * pixel - outer)
        away = ndimage.gaussian_filter(raw, BLUR_PIXELS)
        away = np.where(drawn, np.maximum(away, CLEAR * pixel), np.minimum(away, -CLEAR * pixel))
        part, n = ndimage.label(drawn)
        largest = ndimage.maximum(np.maximum(raw, away), part, np.arange(1, n + 1))
        radius = np.concatenate([[0.0], largest])[part[tuple(nearest)]]
        level[:, :, k] = away * (2 * radius - away)
        # A ball's level bends by the square of the distance; a thread of one pixel does not swell between slices.
        bend[:, :, k] = np.minimum(height, 2 * radius) ** 2
    for _ in range(2):
        beside = np.flatnonzero(~known & (np.roll(known, 1) | np.roll(known, -1)))
        guesses = [_beyond(level, bend, known, int(k)) for k in beside]
        for k, (guess, least) in zip(beside, guesses, strict=True):
            # Nothing was drawn here: where the neighbours point above zero, the structure ends between.
            level[:, :, k] = -np.maximum(np.abs(guess), (CLEAR * pixel) ** 2)
            bend[:, :, k] = least
        known[beside] = True
    return level, bend


def _beyond(
    level: NDArray[np.float64], bend: NDArray[np.float64], known: NDArray[np.bool_], k: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what the known slices beside slice k say of its level, and their bend."""
    guesses, bends = [], []
    for d in (1, -1):
        if not (0 <= k - d < len(known) and known[k - d]):
            continue
        one, more = level[:, :, k - d], bend[:, :, k - d]
        if 0 <= k - 2 * d < len(known) and known[k - 2 * d]:
            guesses.append(2 * one - level[:, :, k - 2 * d] - 2 * more)
        else:
            guesses.append(one - more)
        bends.append(more)
    return np.max(guesses, axis=0), np.min(bends, axis=0)


def _between(level: NDArray[np.float64], bend: NDArray[np.float64], parts: int) -> NDArray[np.float64]:
    """Return the level at `parts` places a slice, from the second slice to the last but one.

    Cubic with the slope from the neighbours on both sides, exact for parabolas. Between slices that differ much it
    overshoots; it is held between what lies on both, and no more bent than a ball.
    """
    n = level.shape[2] - 3
    before, here, there, after = (level[:, :, i : n + i, None] for i in range(4))
    t = np.arange(parts) / parts
    fine = 0.5 * (
        2 * here
        + t * (there - before)
        + t**2 * (2 * before - 5 * here + 4 * there - after)
        + t**3 * (3 * (here - there) + after - before)
    )
    least = np.minimum(here, there)
    swell = np.minimum(bend[:, :, 1 : n + 1], bend[:, :, 2 : n + 2])[..., None]
    fine = np.clip(fine, least, np.maximum(here + t * (there - here) + swell * t * (1 - t), least))
    return np.concatenate([fine.reshape(*level.shape[:2], -1), level[:, :, -2:-1]], axis=2)


def _crossings(
    level: NDArray[np.float64],
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.uint16], NDArray[np.float64]]:
    """Return the walls of a level's positive voxels and where the level crosses zero between the two voxels of each."""
    nets = surface_nets(np.ascontiguousarray(level > 0).view(np.uint8))
    corners, faces = nets.corners, nets.faces
    middle = corners[faces].astype(np.float64).mean(axis=1) - 0.5
    axis = np.ptp(corners[faces], axis=1).argmin(axis=1)
    step = np.eye(3)[axis]
    low = np.round(middle - 0.5 * step).astype(int)
    one, other = level[tuple(low.T)], level[tuple((low + step.astype(int)).T)]
    return corners, faces, nets.sides, low + (one / (one - other))[:, None] * step
