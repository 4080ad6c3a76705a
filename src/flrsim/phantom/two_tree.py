"""A block of liver with straight vessels: every territory is a box, so its volume is known by arithmetic.

Portal branches run side by side along y, hepatic veins side by side along x, all equally thick: halfway between
two neighbours lies a plane, and the territories are what the planes cut out of the block.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flrsim.arguments import as_points
from flrsim.phantom.model import LabelGrids
from flrsim.phantom.shape import Floats

HALF_SIZE = (60.0, 50.0, 40.0)
"""Half the block's edges along its own x, y, z, mm."""
RADIUS = 3.0
"""Of every vessel, mm."""
PORTAL_Z, HEPATIC_Z = -20.0, 20.0
"""Heights at which the two trees run, mm."""
TRUNK_Y = -46.0
"""Where the portal trunk crosses all its branches, mm."""

PORTAL_X = {"right_posterior": -40.0, "right_anterior": -8.0, "left": 40.0}
HEPATIC_Y = {"right": -30.0, "middle": 5.0, "left": 35.0}
SEGMENT_TOPS = {"S6": -30.0, "S5": -5.0, "S3": 10.0, "S2": 40.0}
"""Slabs along z by the height of their upper face, mm; each tree lies inside one of them."""

Box = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]


@dataclass(frozen=True)
class TwoTree:
    """The block, turned in space.

    Attributes
    ----------
    turn : (3, 3) rotation from the block's own frame to LPS; a slanted block is cut by voxels at random, so that
        what is counted on them has no bias along its planes.
    """

    turn: tuple[tuple[float, ...], ...] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))

    @property
    def segment_names(self) -> dict[int, str]:
        """Name of each segment label."""
        return dict(enumerate(SEGMENT_TOPS, start=1))

    @property
    def portal_names(self) -> dict[int, str]:
        """Name of each portal label; the trunk is the last."""
        return dict(enumerate((*PORTAL_X, "main"), start=1))

    @property
    def hepatic_names(self) -> dict[int, str]:
        """Name of each hepatic-vein label."""
        return dict(enumerate(HEPATIC_Y, start=1))

    def local(self, points: ArrayLike) -> Floats:
        """Return points (n, 3) LPS mm in the block's own frame."""
        return np.asarray(as_points(points, name="points") @ np.array(self.turn))

    def segment_at(self, points: ArrayLike) -> NDArray[np.uint8]:
        """Return the segment label of points (n, 3) LPS mm; 0 outside the block."""
        p = self.local(points)
        inside = (np.abs(p) < HALF_SIZE).all(axis=1)
        label = 1 + np.searchsorted(list(SEGMENT_TOPS.values()), p[:, 2], side="right")
        return np.asarray(np.where(inside, label, 0), dtype=np.uint8)

    def portal_at(self, points: ArrayLike) -> NDArray[np.uint8]:
        """Return the portal label of points (n, 3) LPS mm inside the block; 0 elsewhere."""
        p = self.local(points)
        out = np.zeros(len(p), dtype=np.uint8)
        for label, x in enumerate(PORTAL_X.values(), start=1):
            out[(np.hypot(p[:, 0] - x, p[:, 2] - PORTAL_Z) < RADIUS) & (p[:, 1] > TRUNK_Y)] = label
        trunk = np.hypot(p[:, 1] - TRUNK_Y, p[:, 2] - PORTAL_Z) < RADIUS
        x_low, x_high = min(PORTAL_X.values()) - RADIUS, max(PORTAL_X.values()) + RADIUS
        out[trunk & (p[:, 0] > x_low) & (p[:, 0] < x_high)] = len(PORTAL_X) + 1
        return np.asarray(np.where(self.segment_at(points) > 0, out, 0), dtype=np.uint8)

    def hepatic_at(self, points: ArrayLike) -> NDArray[np.uint8]:
        """Return the hepatic-vein label of points (n, 3) LPS mm inside the block; 0 elsewhere."""
        p = self.local(points)
        out = np.zeros(len(p), dtype=np.uint8)
        for label, y in enumerate(HEPATIC_Y.values(), start=1):
            out[np.hypot(p[:, 1] - y, p[:, 2] - HEPATIC_Z) < RADIUS] = label
        return np.asarray(np.where(self.segment_at(points) > 0, out, 0), dtype=np.uint8)

    def label_grids(self, spacing_mm: tuple[float, float, float]) -> LabelGrids:
        """Return the block sampled at voxel centres of an upright grid, with at least one empty voxel all around."""
        spacing = np.array(spacing_mm, dtype=np.float64)
        reach = np.abs(np.array(self.turn)) @ np.array(HALF_SIZE)
        shape = np.ceil(2.0 * reach / spacing).astype(int) + 3
        affine = np.diag([*spacing, 1.0])
        affine[:3, 3] = -0.5 * (shape - 1) * spacing
        index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1).reshape(-1, 3)
        points = index * spacing + affine[:3, 3]
        found = [
            look_up(points).reshape(shape) for look_up in (self.segment_at, self.portal_at, self.hepatic_at)
        ]
        return LabelGrids(
            segments=found[0],
            lesions=np.zeros(shape, dtype=np.uint8),
            portal=found[1],
            hepatic=found[2],
            affine=affine,
        )


def territory_boxes(tree: str) -> dict[str, Box]:
    """Return the territory of each branch of ``portal_vein`` or ``hepatic_vein`` in the block's own frame, mm."""
    axis, places = (0, PORTAL_X) if tree == "portal_vein" else (1, HEPATIC_Y)
    half = HALF_SIZE[axis]
    planes = [-half, *(0.5 * (a + b) for a, b in pairwise(places.values())), half]
    out: dict[str, Box] = {}
    for name, ends in zip(places, pairwise(planes), strict=True):
        sides = [(-h, h) for h in HALF_SIZE]
        sides[axis] = ends
        out[name] = (sides[0], sides[1], sides[2])
    return out


def territory_ml(tree: str) -> dict[str, dict[str, float]]:
    """Return the exact volume of each territory by branch and segment, all tissue, mL."""
    out: dict[str, dict[str, float]] = {}
    for name, box in territory_boxes(tree).items():
        area = math.prod(b - a for a, b in box[:2])
        bottoms = [-HALF_SIZE[2], *SEGMENT_TOPS.values()]
        out[name] = {
            s: area * (high - low) / 1000.0
            for s, (low, high) in zip(SEGMENT_TOPS, pairwise(bottoms), strict=True)
        }
    return out
