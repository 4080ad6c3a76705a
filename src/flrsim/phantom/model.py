"""A parametric liver: its segments, vessels and lesions as functions of a point."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flrsim.arguments import as_points, check_in_range
from flrsim.errors import GeometryError
from flrsim.phantom.lesions import Lesion
from flrsim.phantom.shape import (
    BOX_HI,
    BOX_LO,
    CONFLUENCE_Z,
    Floats,
    Shape,
    caudate_norm,
    draw_shape,
    fan_angle,
    lateral_height,
    portal_height,
    segments_inside,
    surface,
)
from flrsim.phantom.vessels import HEPATIC_NAMES, PORTAL_NAMES, Tubes, hepatic_veins, portal_tree

Labels = NDArray[np.uint8]
_T = TypeVar("_T", np.float64, np.uint8)

_CHUNK = 1 << 16
"""Points evaluated at a time: the temporaries then stay in the processor's cache."""

_FIT_STEP = 2.5
"""Grid step on which volume and shares are fitted, template mm."""

_SHARES = {1: 0.030, 2: 0.070, 3: 0.085, 4: 0.150, 5: 0.135, 6: 0.105, 7: 0.175, 8: 0.250}
"""Shape of an ordinary right-dominant liver, not a clinical claim: each segment's share of the volume."""

_LATERAL_SHARE = _SHARES[2] + _SHARES[3]


@dataclass(frozen=True)
class LabelGrids:
    """A phantom sampled at voxel centres.

    Attributes
    ----------
    segments, lesions, portal, hepatic : (nx, ny, nz) uint8, axes along x, y, z.
    affine : (4, 4) float, voxel index to LPS mm, positive diagonal.
    """

    segments: Labels
    lesions: Labels
    portal: Labels
    hepatic: Labels
    affine: Floats


@dataclass(frozen=True)
class Phantom:
    """A liver whose every point is known: build it with :func:`make_phantom`.

    The frame is LPS, mm: x toward the patient's left, y posterior, z superior. The vena cava runs
    along x = y = 0.

    Attributes
    ----------
    seed : which liver; the same seed gives the same liver.
    tlv_ml : volume asked for, mL; :func:`flrsim.phantom.truth` measures the volume it has.
    left_lateral_share : fraction of the volume in S2 and S3.
    split_s4 : whether S4 is given as S4a (label 9) and S4b (label 10).
    lesions : in the order of their labels 1 …; where two overlap the first counts.
    medial_share : fraction of the volume in S4 where it was asked for.
    """

    seed: int
    tlv_ml: float
    left_lateral_share: float
    split_s4: bool
    lesions: tuple[Lesion, ...] = ()
    medial_share: float | None = None
    shape: Shape = field(repr=False, kw_only=True)
    scale: float = field(repr=False, kw_only=True)
    portal: Tubes = field(repr=False, compare=False, kw_only=True)
    hepatic: Tubes = field(repr=False, compare=False, kw_only=True)
    box: tuple[tuple[float, ...], tuple[float, ...]] = field(repr=False, kw_only=True)

    @property
    def segment_names(self) -> dict[int, str]:
        """Name of each segment label."""
        if self.split_s4:
            return {**{i: f"S{i}" for i in (1, 2, 3, 5, 6, 7, 8)}, 9: "S4a", 10: "S4b"}
        return {i: f"S{i}" for i in range(1, 9)}

    @property
    def portal_names(self) -> dict[int, str]:
        """Name of each portal label."""
        return dict(PORTAL_NAMES)

    @property
    def hepatic_names(self) -> dict[int, str]:
        """Name of each hepatic-vein label."""
        return dict(HEPATIC_NAMES)

    @property
    def confluence(self) -> Floats:
        """Where the hepatic veins meet, on the axis of the vena cava: (3,) LPS mm."""
        return np.array([0.0, 0.0, CONFLUENCE_Z * self.scale])

    def bounds(self) -> tuple[Floats, Floats]:
        """Return the corners of a box that holds the liver, (3,) LPS mm each."""
        return np.array(self.box[0]), np.array(self.box[1])

    def signed(self, points: ArrayLike) -> Floats:
        """Return the implicit outer surface at points (n, 3) mm: negative inside, not a distance."""
        return self._map(points, self._signed, np.float64)

    def segment_at(self, points: ArrayLike) -> Labels:
        """Return the segment label of points (n, 3) mm; 0 outside the liver."""
        return self._map(points, self._segment, np.uint8)

    def lesion_at(self, points: ArrayLike) -> Labels:
        """Return the lesion label of points (n, 3) mm, 0 in none; the capsule does not cut a lesion off."""
        return self._map(points, self._lesion, np.uint8)

    def portal_at(self, points: ArrayLike) -> Labels:
        """Return the portal label of points (n, 3) mm inside the liver; 0 elsewhere.

        The trunk outside the liver is not in the labels; it is in :attr:`portal`.
        """
        return self._map(points, lambda p: self._inside_only(p, self.portal.label_at(p)), np.uint8)

    def hepatic_at(self, points: ArrayLike) -> Labels:
        """Return the hepatic-vein label of points (n, 3) mm inside the liver; 0 elsewhere."""
        return self._map(points, lambda p: self._inside_only(p, self.hepatic.label_at(p)), np.uint8)

    def label_grids(self, spacing_mm: tuple[float, float, float]) -> LabelGrids:
        """Return the phantom sampled at voxel centres, with at least one empty voxel all around."""
        spacing = np.array(spacing_mm, dtype=np.float64)
        if spacing.shape != (3,):
            raise ValueError(f"spacing_mm is {spacing_mm!r}; it must be three voxel edges in mm")
        for edge in spacing:
            check_in_range(float(edge), name="spacing_mm", low=0.2, high=20.0, unit="mm")
        low, high = self.bounds()
        shape = np.ceil((high - low) / spacing).astype(int) + 2
        origin = 0.5 * (low + high) - 0.5 * (shape - 1) * spacing
        affine = np.diag([*spacing, 1.0])
        affine[:3, 3] = origin
        x, y, z = (origin[j] + np.arange(shape[j]) * spacing[j] for j in range(3))
        out = [np.zeros(shape, np.uint8) for _ in range(4)]
        plane = np.stack([a.ravel() for a in np.meshgrid(y, z, indexing="ij")], axis=1)
        for i, xi in enumerate(x):
            points = np.column_stack([np.full(len(plane), xi), plane])
            lookups = (self.segment_at, self.lesion_at, self.portal_at, self.hepatic_at)
            for grid, look_up in zip(out, lookups, strict=True):
                grid[i] = look_up(points).reshape(grid.shape[1:])
        return LabelGrids(segments=out[0], lesions=out[1], portal=out[2], hepatic=out[3], affine=affine)

    def with_lesions(self, lesions: Iterable[Lesion], *, inside_at_least: float = 0.97) -> Phantom:
        """Return the same liver with these lesions.

        Raises
        ------
        GeometryError
            When less than `inside_at_least` of a lesion lies in the liver, or two lesions bear one name.
        """
        chosen = tuple(lesions)
        names = [lesion.name for lesion in chosen]
        if len(set(names)) != len(names) or len(names) > 255:
            raise GeometryError(f"the lesions are named {', '.join(names)}; each needs a name of its own")
        ball = _ball_points(4096)
        for lesion in chosen:
            inside = float((self.signed(lesion.ball_points(ball)) < 0.0).mean())
            if inside < inside_at_least:
                raise GeometryError(
                    f"{inside:.1%} of lesion {lesion.name} lies in the liver and at least "
                    f"{inside_at_least:.0%} must; move it inward, make it smaller, or lower inside_at_least"
                )
        return replace(self, lesions=chosen)

    def _map(
        self, points: ArrayLike, function: Callable[[Floats], NDArray[_T]], dtype: type[_T]
    ) -> NDArray[_T]:
        array = as_points(points, name="points")
        out = np.zeros(len(array), dtype)
        for start in range(0, len(array), _CHUNK):
            out[start : start + _CHUNK] = function(array[start : start + _CHUNK])
        return out

    def _xyz(self, points: Floats) -> tuple[Floats, Floats, Floats]:
        template = points / self.scale
        return (
            np.ascontiguousarray(template[:, 0]),
            np.ascontiguousarray(template[:, 1]),
            np.ascontiguousarray(template[:, 2]),
        )

    def _signed(self, points: Floats) -> Floats:
        return surface(self.shape, *self._xyz(points)) * self.scale

    def _segment(self, points: Floats) -> Labels:
        out = np.zeros(len(points), np.uint8)
        low, high = self.bounds()
        near = np.flatnonzero(np.all((points >= low) & (points <= high), axis=1))
        inside = near[self._signed(points[near]) < 0.0]
        out[inside] = segments_inside(self.shape, *self._xyz(points[inside]), split_s4=self.split_s4)
        return out

    def _lesion(self, points: Floats) -> Labels:
        out = np.zeros(len(points), np.uint8)
        for label in range(len(self.lesions), 0, -1):
            lesion = self.lesions[label - 1]
            low, high = lesion.bounds()
            near = np.flatnonzero(np.all((points >= low) & (points <= high), axis=1))
            out[near[lesion.norm(points[near]) <= 1.0]] = label
        return out

    def _inside_only(self, points: Floats, labels: Labels) -> Labels:
        found = np.flatnonzero(labels)
        labels[found[self._signed(points[found]) >= 0.0]] = 0
        return labels


def make_phantom(
    seed: int,
    *,
    tlv_ml: float = 1500.0,
    left_lateral_share: float = _LATERAL_SHARE,
    medial_share: float | None = None,
    split_s4: bool = False,
    lesions: Iterable[Lesion] = (),
) -> Phantom:
    """Return the liver that belongs to `seed`, scaled to `tlv_ml`.

    Parameters
    ----------
    seed : perturbs sizes, the turn of the vein sheets, the surface and the segments' shares smoothly.
    tlv_ml : total volume; reached within 0.2 %.
    left_lateral_share : fraction of it in S2 and S3, 0.08 … 0.25; the left lobe's size follows.
    medial_share : fraction of it in S4, 0.06 … 0.20; None shares the rest as in an ordinary liver.
    split_s4 : give S4a and S4b in place of S4.
    lesions : in LPS mm.
    """
    if isinstance(seed, bool) or seed != int(seed) or seed < 0:
        raise ValueError(f"seed is {seed!r}; it must be a whole number, 0 or more")
    check_in_range(tlv_ml, name="tlv_ml", low=300.0, high=5000.0, unit="mL")
    check_in_range(left_lateral_share, name="left_lateral_share", low=0.08, high=0.25)
    if medial_share is not None:
        check_in_range(medial_share, name="medial_share", low=0.06, high=0.20)
    shape = draw_shape(int(seed), left_lateral_share / _LATERAL_SHARE)
    shares = _draw_shares(int(seed), left_lateral_share, medial_share)
    # The notch of the falciform ligament moves with its cut and changes the volume a little: a second round
    # settles both.
    for _ in range(2):
        x, y, z = _inside_points(shape)
        shape = _cut(shape, shares, x, y, z)
    scale = float((tlv_ml * 1000.0 / (len(x) * _FIT_STEP**3)) ** (1.0 / 3.0))
    centres, spreads = _segment_axes(shape, x, y, z)
    margin = 1.5 * _FIT_STEP
    low = tuple(float(c.min() - margin) * scale for c in (x, y, z))
    high = tuple(float(c.max() + margin) * scale for c in (x, y, z))
    phantom = Phantom(
        int(seed),
        float(tlv_ml),
        float(left_lateral_share),
        split_s4,
        medial_share=medial_share,
        shape=shape,
        scale=scale,
        portal=portal_tree(shape, centres, spreads).scaled(scale),
        hepatic=hepatic_veins(shape).scaled(scale),
        box=(low, high),
    )
    return phantom.with_lesions(lesions)


def _draw_shares(seed: int, lateral: float, medial: float | None) -> dict[int, float]:
    """Return the share of each segment for `seed`: S2 + S3, and S4, as asked; the others share the rest."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0x5EA6]))
    raw = {s: share * (1.0 + 0.05 * rng.uniform(-1.0, 1.0)) for s, share in _SHARES.items()}
    side = raw[2] + raw[3]
    rest = sum(raw.values()) - side
    shares = {s: v * (lateral / side if s in (2, 3) else (1.0 - lateral) / rest) for s, v in raw.items()}
    if medial is None:
        return shares
    others = (1.0 - lateral - medial) / (1.0 - lateral - shares[4])
    return {s: medial if s == 4 else v if s in (2, 3) else v * others for s, v in shares.items()}


def _inside_points(shape: Shape) -> tuple[Floats, Floats, Floats]:
    axes = [np.arange(a + 0.5 * _FIT_STEP, b, _FIT_STEP) for a, b in zip(BOX_LO, BOX_HI, strict=True)]
    x, y, z = (a.ravel() for a in np.meshgrid(*axes, indexing="ij"))
    inside = surface(shape, x, y, z) < 0.0
    return x[inside], y[inside], z[inside]


def _cut(shape: Shape, shares: dict[int, float], x: Floats, y: Floats, z: Floats) -> Shape:
    """Return the shape with each sheet put where the segments get their shares."""

    def level(values: Floats, below: float, *of: float) -> float:
        return float(np.quantile(values, below / sum(of)))

    caudate = caudate_norm(x, y, z)
    cut_caudate = level(caudate, shares[1], 1.0)
    rest = caudate >= cut_caudate
    angle = fan_angle(shape, x, y, z)
    right_anterior, right_posterior = shares[5] + shares[8], shares[6] + shares[7]
    lateral = shares[2] + shares[3]
    whole = 1.0 - shares[1]
    umbilical = level(angle[rest], lateral, whole)
    middle = level(angle[rest], lateral + shares[4], whole)
    right = level(angle[rest], whole - right_posterior, whole)
    height = portal_height(shape, x, y, z)
    return replace(
        shape,
        cut_caudate=cut_caudate,
        cut_umbilical=umbilical,
        cut_middle=middle,
        cut_right=right,
        cut_posterior=level(height[rest & (angle > right)], shares[6], right_posterior),
        cut_anterior=level(height[rest & (angle > middle) & (angle <= right)], shares[5], right_anterior),
        cut_medial=level(height[rest & (angle > umbilical) & (angle <= middle)], 0.5, 1.0),
        cut_lateral=level(lateral_height(x, y, z)[rest & (angle <= umbilical)], shares[3], lateral),
    )


def _segment_axes(
    shape: Shape, x: Floats, y: Floats, z: Floats
) -> tuple[dict[int, Floats], dict[int, Floats]]:
    """Return each segment's centroid and one standard deviation along its longest axis, template mm."""
    labels = segments_inside(shape, x, y, z, split_s4=False)
    points = np.column_stack([x, y, z])
    centres, spreads = {}, {}
    for segment in range(2, 9):
        mine = points[labels == segment]
        centres[segment] = mine.mean(axis=0)
        values, vectors = np.linalg.eigh(np.cov(mine.T))
        # An eigenvector's sign is arbitrary; fix it so that the same seed draws the same tree everywhere.
        axis = vectors[:, -1] * np.sign(vectors[np.argmax(np.abs(vectors[:, -1])), -1])
        spreads[segment] = axis * np.sqrt(values[-1])
    return centres, spreads


def _ball_points(n_points: int) -> Floats:
    """Return evenly spread points of the unit ball."""
    from scipy.stats import qmc

    u = qmc.Sobol(3, scramble=False).random(n_points)
    cos = 1.0 - 2.0 * u[:, 1]
    sin = np.sqrt(1.0 - cos * cos)
    turn = 2.0 * np.pi * u[:, 2]
    return np.asarray(np.cbrt(u[:, :1]) * np.column_stack([sin * np.cos(turn), sin * np.sin(turn), cos]))
