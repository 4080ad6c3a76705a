"""Small solids and livers whose volumes are known without flrsim."""

from __future__ import annotations

import numpy as np

from flrsim.assembly import VesselFile, assemble
from flrsim.case import LiverCase
from flrsim.doctor.solids import (
    as_solid,
    box,
    cubes_2x2x2,
    icosphere,
    polygonal_torus_volume,
    tetrahedron,
    torus,
)
from flrsim.io.structures import Structures

__all__ = ["as_solid", "box", "cubes_2x2x2", "icosphere", "polygonal_torus_volume", "tetrahedron", "torus"]


def grid_points(shape, affine):
    """Return the LPS position of every voxel centre, (nx, ny, nz, 3)."""
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    return index @ affine[:3, :3].T + affine[:3, 3]


def centred_affine(spacing, shape):
    """Return the affine of a grid whose middle is at the origin, axes along LPS."""
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -0.5 * (np.asarray(shape) - 1) * spacing
    return affine


def rotated(affine, seed):
    """Return an affine turned by a random rotation."""
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    if np.linalg.det(q) < 0:
        q[:, 0] = -q[:, 0]
    turn = np.eye(4)
    turn[:3, :3] = q
    return turn @ affine


# ------------------------------------------------------------------------------------------------ a liver of voxels

SEGMENTS = ("S1", "S2", "S3", "S4a", "S4b", "S5", "S6", "S7", "S8")
LESIONS = {
    "L1": ((-6.0, -22.0, 12.0), 13.0),  # over the border of S4a and S8
    "L2": ((52.0, 4.0, 10.0), 7.0),  # S2
    "L3": ((-48.0, 22.0, 18.0), 9.0),  # S7
    "L4": ((-20.0, -14.0, 4.0), 7.0),  # S5 and S8, its margin meets that of L1
    "L5": ((-62.0, -8.0, -20.0), 8.0),  # at the capsule of S5 and S6
}


def structures(labels, affine, names, ml=None):
    """Return labels as structures whose volumes are their voxels'."""
    voxel = abs(np.linalg.det(affine[:3, :3])) / 1000.0
    counts = np.bincount(labels.ravel(), minlength=len(names))[: len(names)].astype(float)
    counts[0] = 0.0
    return Structures(
        labels.astype(np.uint16),
        affine,
        tuple(names),
        counts * voxel if ml is None else np.asarray(ml),
        {},
        (),
        "solid",
    )


def toy_segments(points):
    """Return 1 … 9 for S1 … S8 with S4a and S4b in an ellipsoid of 80 × 58 × 48 mm half axes; x points left."""
    x, y, z = np.moveaxis(points, -1, 0)
    inside = (x / 80) ** 2 + (y / 58) ** 2 + (z / 48) ** 2 < 1
    up, back = z > 0, y > 8
    right = np.where(back, np.where(up, 8, 7), np.where(up, 9, 6))
    middle = np.where(y > 20, 1, np.where(up, 4, 5))
    left = np.where(up, 2, 3)
    return np.where(inside, np.where(x < -8, right, np.where(x < 26, middle, left)), 0).astype(np.uint8)


def toy_liver(spacing=(4.0, 3.6, 4.4), *, lesions=LESIONS, vessels=True, ml=None):
    """Return a case: nine segments, balls as lesions, tubes as portal and hepatic veins.

    Parameters
    ----------
    ml : volumes of the segments instead of their voxels', as meshes give them.
    """
    shape = tuple(int(2 * half / s) + 5 for half, s in zip((80, 58, 48), spacing, strict=True))
    affine = centred_affine(spacing, shape)
    points = grid_points(shape, affine)
    segments = structures(toy_segments(points), affine, ("outside", *SEGMENTS), ml)
    found = np.zeros(shape, np.uint8)
    for label, (centre, radius) in enumerate(lesions.values(), start=1):
        found[(np.linalg.norm(points - centre, axis=-1) < radius) & (found == 0)] = label
    files = ()
    if vessels:
        x, y, z = np.moveaxis(points, -1, 0)
        inside = segments.labels > 0
        portal = np.where((y**2 + (z + 6) ** 2 < 40) & inside, np.where(x < 8, 1, 2), 0)
        hepatic = np.where(((x + 8) ** 2 + (y - 2) ** 2 < 36) & (z > -30) & inside, 2, 0)
        hepatic = np.where(((x + 45) ** 2 + (y - 8) ** 2 < 36) & inside, 1, hepatic)
        files = (
            VesselFile("portal_vein", structures(portal, affine, ("outside", "right", "left"))),
            VesselFile("hepatic_vein", structures(hepatic, affine, ("outside", "right", "middle"))),
        )
    some = structures(found, affine, ("outside", *lesions)) if lesions else None
    grid, lesion_list, vessel_list, warnings = assemble(segments, some, files)
    return LiverCase("toy", grid, lesion_list, vessel_list, warnings=warnings)


def ball_in_block(spacing, radius, *, half=26.0, centre=(0.0, 0.0, 0.0), turn=None):
    """Return a case that is one block of S1 … S8 stacked in x, with a ball as lesion L1 inside."""
    shape = tuple(int(np.ceil(2 * half / s)) + 4 for s in spacing)
    affine = centred_affine(spacing, shape)
    points = grid_points(shape, affine)
    inside = (np.abs(points) < half).all(axis=-1)
    # Seven thin slices at one end keep the block a legal liver; the ball lies in S8.
    slice_of = np.clip(np.round((points[..., 0] + half) / spacing[0]).astype(int), 0, 7) + 1
    ball = (np.linalg.norm(points - centre, axis=-1) < radius).astype(np.uint8)
    if turn is not None:
        affine = rotated(affine, turn)
    names = ("outside", *(f"S{i}" for i in range(1, 9)))
    segments = structures(np.where(inside, slice_of, 0), affine, names)
    grid, lesions, _, _ = assemble(segments, structures(ball, affine, ("outside", "L1")), ())
    return LiverCase("block", grid, lesions, ())
