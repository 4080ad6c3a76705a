"""Where lesions go in a phantom: beside a vein, at the capsule, across a border, along a branch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from flrsim.errors import GeometryError
from flrsim.phantom.lesions import Lesion
from flrsim.phantom.model import Phantom
from flrsim.phantom.shape import Floats, fan_angle

_STEP = 4.0
"""Grid on which places for lesions are looked for, mm."""


def beside_middle_vein(phantom: Phantom, radius: float) -> tuple[float, float, float]:
    """Return the centre of a ball that touches the middle hepatic vein and straddles the border of S4 and S8.

    The ball lies in the vein's own sheet, on the dome's side of the vein: half of it in S4, half in S8.
    """
    vein = phantom.hepatic.only(2)
    best: tuple[float, Floats] | None = None
    for start, end, r0, r1 in zip(vein.start, vein.end, vein.radius_start, vein.radius_end, strict=True):
        along = (end - start) / np.linalg.norm(end - start)
        middle = 0.5 * (start + end)
        outward = np.array([middle[0], middle[1], 0.0])
        outward /= np.linalg.norm(outward)
        away = outward - (outward @ along) * along
        away *= np.sign(away[2] + 1e-9) / np.linalg.norm(away)
        centre = middle + (0.5 * (r0 + r1) + radius + 1.0) * away
        ball = centre + radius * _directions()
        labels = phantom.segment_at(ball)
        depth = -float(phantom.signed(ball).max())
        balance = min((labels == 4).mean() + (labels >= 9).mean(), (labels == 8).mean())
        score = float(balance) + 0.02 * min(depth, 5.0)
        if best is None or score > best[0]:
            best = (score, centre)
    if best is None:
        raise GeometryError("the phantom has no middle hepatic vein to place a lesion beside")
    return _triple(best[1])


def at_confluence(phantom: Phantom, radius: float) -> tuple[float, float, float]:
    """Return the centre of a ball against the front wall of the vena cava at the hepatocaval confluence."""
    # Step forward between the middle and the left vein until the ball is clear of the cava's bed.
    level = 0.5 * (phantom.shape.cut_middle + phantom.shape.cut_umbilical)
    forward = np.array([-np.sin(level), -np.cos(level), 0.0])
    ball = radius * _directions()
    for step in np.arange(0.0, 60.0, 0.25):
        centre = phantom.confluence + step * forward - np.array([0.0, 0.0, 2.0])
        if phantom.signed(centre + ball).max() < 0.0:
            return _triple(centre)
    raise GeometryError(
        f"a lesion of {2 * radius:g} mm does not fit between the confluence and the dome of this liver; "
        "make it smaller"
    )


def across_middle_vein(phantom: Phantom, half_axes: tuple[float, float, float], beyond_mm: float) -> Lesion:
    """Return a lesion of the right liver, L1, whose far pole reaches past the middle hepatic vein's sheet into S4.

    Its longest axis stands on that sheet, its centre lies right of it. Shrunk towards its centre to
    ``1 - beyond_mm / half_axes[0]`` of its size it just clears S1 to S4.

    Parameters
    ----------
    half_axes : mm, the longest first.
    beyond_mm : how much of the longest half axis lies past the sheet.
    """
    from scipy.ndimage import distance_transform_edt

    places = Places(phantom)
    stays = np.isin(places.labels, (1, 2, 3, 4))
    to_stays, nearest = distance_transform_edt(~stays, sampling=_STEP, return_indices=True)
    to_caudate = distance_transform_edt(places.labels != 1, sampling=_STEP)
    here = (places.labels >= 5) & (places.labels[tuple(nearest)] == 4)
    here &= np.abs(to_stays - 0.5 * _STEP - half_axes[0] + beyond_mm) < 0.5 * _STEP
    here &= to_caudate > half_axes[1] + _STEP
    best: tuple[float, Lesion] | None = None
    for index in np.argwhere(here):
        centre = places.origin + _STEP * index
        normal = places.origin + _STEP * nearest[(slice(None), *index)] - centre
        for lesion in _standing(centre, normal, half_axes):
            room = float((phantom.signed(lesion.ball_points(_directions())) < 0.0).mean())
            if best is None or room > best[0]:
                best = room, lesion
    if best is None:
        raise GeometryError(
            f"a lesion of {2 * half_axes[0]:g} mm finds no place beside S4 of this liver; make it smaller"
        )
    return _reaching(phantom, best[1], 1.0 - beyond_mm / half_axes[0])


def _standing(centre: Floats, normal: Floats, half_axes: tuple[float, float, float]) -> list[Lesion]:
    """Return both ellipsoids whose longest axis lies along `normal` and whose others lie level or upright."""
    along = normal / np.linalg.norm(normal)
    level = np.cross(along, (0.0, 0.0, 1.0))
    level /= np.linalg.norm(level)
    upright = np.cross(along, level)
    return [
        Lesion("L1", _triple(centre), half_axes, (_triple(along), _triple(a), _triple(b)))
        for a, b in ((level, upright), (upright, -level))
    ]


def _reaching(phantom: Phantom, lesion: Lesion, share: float) -> Lesion:
    """Return a lesion moved along its longest axis so that `share` of its size just clears S1 to S4."""
    core = share * np.array(lesion.half_axes)
    low, high = -0.5 * lesion.half_axes[0], 0.5 * lesion.half_axes[0]
    moved = lesion
    while high - low > 0.1:  # mm
        shift = 0.5 * (low + high)
        centre = np.array(lesion.centre) + shift * np.array(lesion.axes[0])
        moved = replace(lesion, centre=_triple(centre))
        labels = phantom.segment_at(replace(moved, half_axes=_triple(core)).ball_points(_directions(1024)))
        low, high = (low, shift) if np.isin(labels, (1, 2, 3, 4)).any() else (shift, high)
    return moved


def along_right_portal(phantom: Phantom, towards: Lesion, radius: float) -> Lesion:
    """Return a thrombus, named so, from beside a lesion of the posterior section down into the right portal vein.

    It ends on the trunk of the right branch, right of the middle hepatic vein's sheet, so a right hepatectomy takes
    all of it and a right posterior sectionectomy cuts it.
    """
    root = _right_portal(phantom)
    branch = phantom.portal.only(5).end[-1]
    # On along the posterior branch and past its fork, as far as to the lesion.
    points = root + np.linspace(0.0, 1.6, 401)[:, None] * (branch - root)
    inside = towards.norm(points) < 1.05
    tip = points[int(np.argmax(inside)) - 1 if inside.any() else -1]
    half = 0.5 * float(np.linalg.norm(tip - root))
    lesion, _ = _standing(0.5 * (root + tip), tip - root, (half, radius, radius))
    return replace(lesion, name="thrombus")


def away_from_right_portal(
    phantom: Phantom, point: tuple[float, float, float], by_mm: float
) -> tuple[float, float, float]:
    """Return a point moved straight away from the end of the right portal vein."""
    away = np.array(point) - _right_portal(phantom)
    return _triple(np.array(point) + by_mm * away / np.linalg.norm(away))


def _right_portal(phantom: Phantom) -> Floats:
    """Return a point of the right portal vein just before it forks, (3,) LPS mm."""
    trunk = phantom.portal.only(2)
    return np.asarray(0.5 * (trunk.start[-1] + trunk.end[-1]))


class Places:
    """Finds room for lesions on a coarse grid of the phantom."""

    def __init__(self, phantom: Phantom) -> None:
        self.phantom = phantom
        grids = phantom.label_grids((_STEP, _STEP, _STEP))
        self.labels = grids.segments
        self.origin = grids.affine[:3, 3]

    def deepest(
        self, segments: tuple[int, ...], away_from: Sequence[Lesion] = ()
    ) -> tuple[float, float, float]:
        """Return the point of `segments` that lies farthest from their border and from the lesions given."""
        from scipy.ndimage import distance_transform_edt

        free = np.isin(self.labels, segments)
        index = np.argwhere(free)
        points = self.origin + index * _STEP
        for lesion in away_from:
            free[tuple(index[lesion.norm(points) <= 1.0].T)] = False
        room = distance_transform_edt(free)
        return _triple(self.origin + np.array(np.unravel_index(int(np.argmax(room)), room.shape)) * _STEP)

    def at_capsule(
        self, segment: int, radius: float, away_from: Sequence[Lesion] = (), *, from_fissure_mm: float = 25.0
    ) -> tuple[float, float, float]:
        """Return the centre of a ball in `segment` 1 mm under the capsule, away from fissure and vessels."""
        phantom = self.phantom
        points = self.origin + np.argwhere(self.labels == segment) * _STEP
        value, slope = phantom.signed(points), _gradient(phantom, points)
        steep = np.linalg.norm(slope, axis=1)
        under = (value > -1.5 * _STEP) & (steep > 0.2)
        points, value, slope, steep = points[under], value[under], slope[under], steep[under]
        outward = slope / steep[:, None]
        surface = points - (value / steep)[:, None] * outward
        centres = surface - (radius + 1.0) * outward
        shape, template = phantom.shape, centres.T / phantom.scale
        across = (shape.cut_umbilical - fan_angle(shape, *template)) * np.hypot(centres[:, 0], centres[:, 1])
        centres = centres[across >= radius + from_fissure_mm]
        balls = centres[:, None, :] + radius * _directions()
        inside = (
            phantom.signed(balls.reshape(-1, 3)).reshape(len(centres), -1).max(axis=1, initial=-1.0) < 0.0
        )
        centres, balls = centres[inside], balls[inside]
        apart = np.ones(len(centres), bool)
        for lesion in away_from:
            apart &= (
                lesion.norm(balls.reshape(-1, 3)).reshape(len(centres), -1).min(axis=1, initial=9.0) > 1.3
            )
        centres = centres[apart]
        if len(centres) == 0:
            raise GeometryError(
                f"S{segment} of this liver has no room for a lesion of {2 * radius:g} mm at the capsule "
                f"{from_fissure_mm:g} mm from the umbilical fissure; make the lesion smaller"
            )
        # The wedge should stay in its segment and reach no vessel.
        wedges = (centres[:, None, :] + (radius + 6.0) * _directions()).reshape(-1, 3)
        labels = phantom.segment_at(wedges).reshape(len(centres), -1)
        share = (labels == segment).sum(axis=1) / np.maximum((labels > 0).sum(axis=1), 1)
        vessels = np.minimum(phantom.portal.distance(centres), phantom.hepatic.distance(centres)) - radius
        return _triple(centres[int(np.argmax(share + 0.02 * np.minimum(vessels, 10.0)))])


def _gradient(phantom: Phantom, points: Floats) -> Floats:
    h = 0.5
    return np.stack(
        [phantom.signed(points + h * e) - phantom.signed(points - h * e) for e in np.eye(3)], axis=1
    ) / (2 * h)


def _directions(n: int = 256) -> Floats:
    """Return `n` directions spread evenly over the sphere."""
    i = np.arange(n) + 0.5
    cos = 1.0 - 2.0 * i / n
    turn = np.pi * (1.0 + np.sqrt(5.0)) * i
    sin = np.sqrt(1.0 - cos * cos)
    return np.column_stack([sin * np.cos(turn), sin * np.sin(turn), cos])


def _triple(point: Floats) -> tuple[float, float, float]:
    return float(point[0]), float(point[1]), float(point[2])
