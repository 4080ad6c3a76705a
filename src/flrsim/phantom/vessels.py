"""Portal tree and hepatic veins of a phantom: chains of tapered capsules with names.

The hepatic veins lie in the sheets between the segments and meet inside the vena cava; each portal branch
runs to the segment it is named after. Coordinates are template mm (:mod:`flrsim.phantom.shape`) until scaled.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from flrsim.phantom.shape import CONFLUENCE_Z, Floats, Shape, fan_point, surface

PORTAL_NAMES = {
    1: "main", 2: "right", 3: "left", 4: "right_anterior", 5: "right_posterior",
    6: "S2", 7: "S3", 8: "S4", 9: "S5", 10: "S6", 11: "S7", 12: "S8",
}  # fmt: skip
"""Labels of the portal branches."""

HEPATIC_NAMES = {1: "right", 2: "middle", 3: "left"}
"""Labels of the hepatic veins."""


@dataclass(frozen=True)
class Tubes:
    """Tapered capsules: the points closer to a straight axis than a radius that changes linearly along it.

    Attributes
    ----------
    label : (n_tubes,) uint8, which vessel each belongs to.
    start, end : (n_tubes, 3) float, mm.
    radius_start, radius_end : (n_tubes,) float, mm.
    """

    label: NDArray[np.uint8]
    start: Floats
    end: Floats
    radius_start: Floats
    radius_end: Floats

    def scaled(self, scale: float) -> Tubes:
        """Return the tubes with every length times `scale`."""
        return Tubes(
            self.label,
            self.start * scale,
            self.end * scale,
            self.radius_start * scale,
            self.radius_end * scale,
        )

    def only(self, label: int) -> Tubes:
        """Return the tubes of one vessel."""
        keep = self.label == label
        return Tubes(
            self.label[keep], self.start[keep], self.end[keep], self.radius_start[keep], self.radius_end[keep]
        )

    def _gap(self, i: int, points: Floats) -> Floats:
        """Return the distance of points to the wall of tube `i`, negative inside, mm."""
        axis = self.end[i] - self.start[i]
        offset = points - self.start[i]
        along = np.clip(offset @ axis / (axis @ axis), 0.0, 1.0)
        away = np.sqrt(((offset - along[:, None] * axis) ** 2).sum(axis=1))
        return np.asarray(away - self.radius_start[i] - along * (self.radius_end[i] - self.radius_start[i]))

    def distance(self, points: Floats) -> Floats:
        """Return the distance of points to the nearest wall, negative inside, mm."""
        nearest = np.full(len(points), np.inf)
        for i in range(len(self.label)):
            nearest = np.minimum(nearest, self._gap(i, points))
        return nearest

    def label_at(self, points: Floats) -> NDArray[np.uint8]:
        """Return the label of the vessel each point is in, 0 outside; where two meet, the deeper one."""
        out = np.zeros(len(points), np.uint8)
        if len(points) == 0:
            return out
        reach = np.maximum(self.radius_start, self.radius_end)[:, None]
        low = np.minimum(self.start, self.end) - reach
        high = np.maximum(self.start, self.end) + reach
        # Most points are near no vessel: one test against the whole tree, then one per tube.
        near = np.flatnonzero(np.all((points >= low.min(axis=0)) & (points <= high.max(axis=0)), axis=1))
        subset = points[near]
        best = np.zeros(len(near))
        found = np.zeros(len(near), np.uint8)
        columns = [np.ascontiguousarray(subset[:, j]) for j in range(3)]
        for i in range(len(self.label)):
            hit = (columns[0] >= low[i, 0]) & (columns[0] <= high[i, 0])
            for j in (1, 2):
                hit &= (columns[j] >= low[i, j]) & (columns[j] <= high[i, j])
            candidates = np.flatnonzero(hit)
            gap = self._gap(i, subset[candidates])
            deeper = gap < best[candidates]
            best[candidates[deeper]] = gap[deeper]
            found[candidates[deeper]] = self.label[i]
        out[near] = found
        return out


class _Tree:
    """Collects tubes while a tree is drawn."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, Floats, Floats, float, float]] = []

    def chain(self, label: int, points: list[Floats], radius_start: float, radius_end: float) -> None:
        """Add a polyline whose radius falls evenly along its length."""
        lengths = [0.0]
        for a, b in pairwise(points):
            lengths.append(lengths[-1] + float(np.linalg.norm(b - a)))
        radii = [radius_start + (radius_end - radius_start) * d / lengths[-1] for d in lengths]
        for i in range(len(points) - 1):
            self.rows.append((label, points[i], points[i + 1], radii[i], radii[i + 1]))

    def tubes(self) -> Tubes:
        return Tubes(
            np.array([r[0] for r in self.rows], np.uint8),
            np.array([r[1] for r in self.rows]),
            np.array([r[2] for r in self.rows]),
            np.array([r[3] for r in self.rows]),
            np.array([r[4] for r in self.rows]),
        )


def _smooth(points: list[Floats], n_points: int) -> list[Floats]:
    """Return points along a smooth curve through `points`."""
    from scipy.interpolate import PchipInterpolator

    knots = np.array(points)
    s = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
    return list(PchipInterpolator(s, knots, axis=0)(np.linspace(0.0, s[-1], n_points)))


def _depth(shape: Shape, point: Floats) -> float:
    return -float(surface(shape, *(np.array([v]) for v in point))[0])


def _until_surface(shape: Shape, points: list[Floats], clearance: float) -> list[Floats]:
    """Return the start of a curve up to where it nears the surface; near the cava's bed it may."""
    near_cava = 8
    kept = points[:near_cava]
    for point in points[near_cava:]:
        if _depth(shape, point) < clearance:
            break
        kept.append(point)
    return kept


def hepatic_veins(shape: Shape) -> Tubes:
    """Return the right, middle and left hepatic veins, each in the sheet between the segments it drains."""
    tree = _Tree()
    top = CONFLUENCE_Z
    # Distance from the cava and drop below the confluence, mm.
    right = ((0, 0), (20, 1), (40, 7), (60, 22), (74, 46), (80, 78))
    middle = ((0, 0), (20, 2), (36, 9), (52, 27), (63, 52), (68, 80))
    for label, level, route, radius in ((1, shape.cut_right, right, 5.5), (2, shape.cut_middle, middle, 4.8)):
        radius_z = _smooth([np.array([r, top - drop]) for r, drop in route], 22)
        curve = [fan_point(shape, level, float(r), float(z)) for r, z in radius_z]
        tree.chain(label, _until_surface(shape, curve, 6.0), radius, 1.4)

    # The left vein leaves the cava with the middle one and then follows the sheet between S2 and S3.
    knots = [
        fan_point(shape, shape.cut_umbilical, 0.0, top),
        fan_point(shape, shape.cut_umbilical, 17.0, top - 2.0),
    ]
    for x, y in ((28.0, -42.0), (45.0, -54.0), (62.0, -62.0), (80.0, -66.0)):
        knots.append(np.array([x, y, lateral_sheet_z(shape, x, y)]))
    curve = _smooth(knots, 22)
    curve = [p if p[0] < 28.0 else np.array([p[0], p[1], lateral_sheet_z(shape, p[0], p[1])]) for p in curve]
    tree.chain(3, _until_surface(shape, curve, 5.0), 4.5, 1.3)
    return tree.tubes()


def lateral_sheet_z(shape: Shape, x: float, y: float) -> float:
    """Return the height of the sheet between S2 and S3 over (x, y)."""
    return 25.0 + (shape.cut_lateral - 0.22 * x - 0.70 * (y + 50.0)) / 0.68


def _above_visceral(shape: Shape, x: float, y: float, clearance: float) -> Floats:
    """Return the point over (x, y) that lies `clearance` above the visceral surface."""
    z = np.arange(-110.0, 80.0, 0.5)
    inside = surface(shape, np.full_like(z, x), np.full_like(z, y), z) < 0.0
    return np.array([x, y, z[int(np.argmax(inside))] + clearance])


def portal_tree(shape: Shape, centres: dict[int, Floats], spreads: dict[int, Floats]) -> Tubes:
    """Return the portal vein: trunk, bifurcation, sectional and segmental branches.

    Parameters
    ----------
    centres : centroid of each segment 2 … 8, template mm.
    spreads : one standard deviation along each segment's longest axis, template mm.
    """
    tree = _Tree()
    hilum = _above_visceral(shape, -8.0, -37.0, 10.0)
    trunk = [hilum + np.array([13.0, 12.0, -42.0]), hilum + np.array([5.0, 4.0, -14.0]), hilum]
    tree.chain(1, trunk, 6.8, 6.0)
    right = _above_visceral(shape, -32.0, -34.0, 24.0)
    tree.chain(2, _smooth([hilum, 0.5 * (hilum + right) + (0.0, 0.0, 2.0), right], 5), 5.4, 4.9)
    anterior = right + 0.45 * (0.5 * (centres[5] + centres[8]) - right)
    posterior = right + 0.55 * (0.5 * (centres[6] + centres[7]) - right)
    tree.chain(4, [right, anterior], 4.4, 3.8)
    tree.chain(5, [right, posterior], 4.4, 3.8)

    def umbilical(radius: float) -> Floats:
        x, y, _ = fan_point(shape, shape.cut_umbilical, radius, 0.0)
        return _above_visceral(shape, float(x), float(y), 10.0)

    elbow, horn = umbilical(40.0), umbilical(62.0)
    tree.chain(3, _smooth([hilum, 0.5 * (hilum + elbow) + (0.0, -2.0, 1.0), elbow, horn], 9), 4.9, 3.8)
    sources = {2: elbow, 3: horn, 4: horn, 5: anterior, 6: posterior, 7: posterior, 8: anterior}
    for segment, source in sources.items():
        label = segment + 4
        centre = centres[segment]
        fork = source + 0.62 * (centre - source)
        tree.chain(label, _smooth([source, fork], 3), 3.2, 2.5)
        for sign in (1.0, -1.0):
            tip = centre + sign * 0.95 * spreads[segment]
            tree.chain(
                label,
                _smooth([fork, 0.45 * fork + 0.55 * centre + sign * 0.4 * spreads[segment], tip], 6),
                2.4,
                1.1,
            )
    return tree.tubes()
