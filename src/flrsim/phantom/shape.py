"""The shape of a parametric liver: an implicit outer surface and the sheets that divide it into segments.

Everything here works in *template millimetres*: x toward the patient's left, y posterior, z superior, the
vena cava along x = y = 0. :mod:`flrsim.phantom.model` scales the template to the volume asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BOX_LO = (-130.0, -125.0, -120.0)
BOX_HI = (125.0, 75.0, 95.0)
"""A template box that holds every liver the parameters below can make."""

CONFLUENCE_Z = 44.0
"""Height of the hepatocaval confluence, template mm."""

_CAVA_RADIUS = 13.0


@dataclass(frozen=True)
class Shape:
    """Parameters of the outer surface, of the sheets between segments, and of where those sheets cut.

    Angles are radians about the axis of the vena cava: 0 is anterior, positive toward the patient's right.
    The `cut_*` values are the levels of the sheet functions at which one segment ends and the next begins.
    """

    right_depth: float  # half the anteroposterior size of the right lobe, mm
    right_height: float  # half its craniocaudal size, mm
    left_reach: float  # how far the left lobe reaches past the vena cava, mm
    left_depth: float
    left_height: float
    visceral_slope: float  # fall of the visceral surface toward the right and toward the front
    twist: float  # turn of the fan of vein sheets with height, rad/mm
    bend: float  # turn of the fan with the squared distance from the vena cava, rad/mm²
    portal_tilt: tuple[float, float]  # rise of the portal plane with x and y
    waves: tuple[tuple[float, ...], ...]  # undulation of the surface: amplitude mm, wave vector 1/mm, phase
    gallbladder: tuple[float, float, float]
    cut_caudate: float = 1.0
    cut_right: float = 1.1
    cut_middle: float = 0.42
    cut_umbilical: float = -0.22
    cut_posterior: float = 0.0  # S7 above S6
    cut_anterior: float = 0.0  # S8 above S5
    cut_medial: float = 0.0  # S4a above S4b
    cut_lateral: float = 0.0  # S2 behind and above S3


def draw_shape(seed: int, left_size: float) -> Shape:
    """Return the shape that belongs to `seed`, with a left lateral section of relative size `left_size`."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0x11FE]))

    def about(value: float, spread: float) -> float:
        return float(value * (1.0 + spread * rng.uniform(-1.0, 1.0)))

    waves = []
    for _ in range(5):
        direction = rng.normal(size=3)
        direction *= 2.0 * np.pi / (rng.uniform(65.0, 120.0) * np.linalg.norm(direction))
        waves.append(
            (float(rng.uniform(0.4, 1.1)), *map(float, direction), float(rng.uniform(0.0, 2.0 * np.pi)))
        )
    return Shape(
        right_depth=about(76.0, 0.04),
        right_height=about(98.0, 0.04),
        left_reach=about(104.0, 0.05) * left_size**0.35,
        left_depth=about(41.0, 0.06) * left_size**0.35,
        left_height=about(34.0, 0.08) * left_size**0.35,
        visceral_slope=about(1.0, 0.08),
        twist=float(rng.uniform(-0.0012, 0.0004)),
        bend=float(rng.uniform(-1.0, 1.0)) * 9e-6,
        portal_tilt=(float(rng.uniform(-0.15, 0.05)), float(rng.uniform(-0.20, 0.0))),
        waves=tuple(waves),
        gallbladder=(about(-30.0, 0.08), about(-54.0, 0.04), about(-63.0, 0.03)),
    )


def _smooth_max(a: Floats, b: Floats, width: float) -> Floats:
    """Return the larger of `a` and `b`, rounded where they differ by less than `width`."""
    h = np.maximum(width - np.abs(a - b), 0.0)
    return np.maximum(a, b) + h * h * (0.25 / width)


def _smooth_min(a: Floats, b: Floats, width: float) -> Floats:
    return -_smooth_max(-a, -b, width)


def _ellipsoid(
    x: Floats, y: Floats, z: Floats, centre: tuple[float, float, float], half: tuple[float, float, float]
) -> Floats:
    """Return about the distance to an ellipsoid along the axes, negative inside, mm."""
    r2 = (
        ((x - centre[0]) / half[0]) ** 2 + ((y - centre[1]) / half[1]) ** 2 + ((z - centre[2]) / half[2]) ** 2
    )
    return (np.sqrt(r2) - 1.0) * min(half)


def fan_angle(shape: Shape, x: Floats, y: Floats, z: Floats) -> Floats:
    """Return the angle about the vena cava that orders the sections from left (low) to right (high).

    A hepatic-vein sheet is a level of this angle; all sheets meet at the vena cava, as the veins do.
    """
    # The branch cut points back and to the left of the cava, where there is no liver but the caudate lobe.
    angle = np.arctan2(-x, -y)
    angle = np.where(angle < -2.6, angle + 2.0 * np.pi, angle)
    return np.asarray(angle + shape.twist * (z - CONFLUENCE_Z) + shape.bend * (x * x + y * y))


def fan_point(shape: Shape, level: float, radius: float, z: float) -> Floats:
    """Return the point of the sheet `fan_angle` = `level` at `radius` from the cava and height `z`."""
    angle = level - shape.twist * (z - CONFLUENCE_Z) - shape.bend * radius**2
    return np.array([-radius * np.sin(angle), -radius * np.cos(angle), z])


def caudate_norm(x: Floats, y: Floats, z: Floats) -> Floats:
    """Return the caudate function: an ellipsoid between vena cava, hilum and ligamentum venosum."""
    return np.asarray(np.sqrt(((x - 9.0) / 23.0) ** 2 + ((y + 9.0) / 18.0) ** 2 + ((z - 10.0) / 33.0) ** 2))


def portal_height(shape: Shape, x: Floats, y: Floats, z: Floats) -> Floats:
    """Return the height above the tilted plane through the portal bifurcation, mm.

    The plane rises toward the vena cava, so S8 and S7 do not reach the visceral surface behind the hilum.
    """
    rise = 22.0 * np.exp(-(x * x + y * y) / 1600.0)
    return np.asarray(z - shape.portal_tilt[0] * (x + 40.0) - shape.portal_tilt[1] * (y + 30.0) - rise)


def lateral_height(x: Floats, y: Floats, z: Floats) -> Floats:
    """Return the function whose level is the left hepatic vein's sheet: high behind and above (S2), mm."""
    return 0.22 * x + 0.70 * (y + 50.0) + 0.68 * (z - 25.0)


def surface(shape: Shape, x: Floats, y: Floats, z: Floats) -> Floats:
    """Return the implicit outer surface, about mm, negative inside; continuous everywhere."""
    # A sheared ellipsoid whose cross-section shrinks from the right lobe to the left.
    right = 0.5 - 0.5 * np.tanh((x + 8.0) / 32.0)
    left = 1.0 - right
    reach_right = 112.0
    half_x = 0.5 * (reach_right + shape.left_reach)
    t = np.abs(x - 0.5 * (shape.left_reach - reach_right)) / half_x
    depth = shape.right_depth * right + shape.left_depth * left
    height = shape.right_height * right + shape.left_height * left
    centre_y = -15.0 * right - 61.0 * left
    centre_z = -15.0 * right + 26.0 * left
    rho = np.sqrt(((y - centre_y) / depth) ** 2 + ((z - centre_z) / height) ** 2 + t * t * np.sqrt(t))
    body = (rho - 1.0) * np.minimum(depth, height)

    # The visceral surface falls to the right and to the front, less so under the left lobe and behind.
    to_right = 0.34 * x + 0.23 * (x - np.sqrt(x * x + 500.0))
    back = y + 35.0
    to_back = 0.72 * back - 0.25 * (back - 20.0 + np.sqrt((back - 20.0) ** 2 + 400.0))
    below = -22.0 + shape.visceral_slope * (to_right + to_back) - z
    body = _smooth_max(body, below * 0.76, 16.0)

    # Gallbladder fossa and the notch of the falciform ligament at the lower edge.
    gallbladder = -_ellipsoid(x, y, z, shape.gallbladder, (14.0, 29.0, 14.0))
    body = _smooth_max(body, gallbladder, 12.0)
    radius = np.hypot(x, y)
    off = (fan_angle(shape, x, y, z) - shape.cut_umbilical) * radius
    low = 1.0 / (1.0 + np.exp((z + 6.0) / 9.0))
    front = 1.0 / (1.0 + np.exp((y + 45.0) / 6.0))
    body = body + 11.0 * np.exp(-((off / 9.0) ** 2)) * low * front

    # Caudate lobe, with the fissure of the ligamentum venosum between it and S2; then the bed of the cava.
    lobe = _ellipsoid(x, y, z, (11.0, -9.0, 9.0), (18.0, 14.0, 28.0))
    fissure = -_ellipsoid(x, y, z, (36.0, -23.0, 4.0), (25.0, 5.0, 24.0))
    body = _smooth_max(_smooth_min(body, lobe, 7.0), fissure, 6.0)
    # The bed is open behind and to the left: nothing lies there but the caudate lobe's edge.
    along = np.maximum(0.50 * x + 0.87 * (y - 4.0), 0.0)
    across = np.hypot(x - 0.50 * along, y - 4.0 - 0.87 * along)
    body = _smooth_max(body, _CAVA_RADIUS - across, 6.0)

    for amplitude, kx, ky, kz, phase in shape.waves:
        body = body + amplitude * np.sin(kx * x + ky * y + kz * z + phase)
    return np.asarray(body)


def segments_inside(shape: Shape, x: Floats, y: Floats, z: Floats, *, split_s4: bool) -> NDArray[np.uint8]:
    """Return the segment 1 … 8 (9 = S4a, 10 = S4b in place of 4 when split) of points known to be inside."""
    angle = fan_angle(shape, x, y, z)
    high = portal_height(shape, x, y, z)
    lateral = np.where(lateral_height(x, y, z) > shape.cut_lateral, 2, 3)
    medial = np.where(high > shape.cut_medial, 9, 10) if split_s4 else np.full(x.shape, 4)
    anterior = np.where(high > shape.cut_anterior, 8, 5)
    posterior = np.where(high > shape.cut_posterior, 7, 6)
    label = np.where(
        angle > shape.cut_middle,
        np.where(angle > shape.cut_right, posterior, anterior),
        np.where(angle > shape.cut_umbilical, medial, lateral),
    )
    return np.where(caudate_norm(x, y, z) < shape.cut_caudate, 1, label).astype(np.uint8)
