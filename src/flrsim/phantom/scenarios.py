"""Named phantoms: livers with lesions placed so that a particular plan is the answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flrsim.errors import GeometryError
from flrsim.phantom.lesions import Lesion, turned
from flrsim.phantom.model import Phantom, make_phantom
from flrsim.phantom.shape import Floats, fan_angle

_STEP = 4.0
"""Grid on which places for lesions are looked for, mm."""


def solitary_right(seed: int) -> Phantom:
    """Return an ordinary liver of 1500 mL with one 46 mm lesion deep in the right posterior section."""
    phantom = make_phantom(seed)
    rng = _rng(seed, 1)
    centre = _Places(phantom).deepest((6, 7))
    return phantom.with_lesions((_ellipsoid("L1", centre, (23.0, 21.5, 20.5), rng),))


def bilobar_two_stage(seed: int) -> Phantom:
    """Return a 1650 mL liver with metastases on both sides and a left remnant that must grow first.

    Large ones fill the right liver, one crosses from S8 into S4 beside the middle hepatic vein, and one small
    one each lies at the capsule of S2 and S3. What would stay after taking S4 to S8 at once is small.
    """
    phantom = make_phantom(seed, tlv_ml=1650.0, left_lateral_share=0.200)
    return phantom.with_lesions(bilobar_lesions(phantom, seed=seed))


def bilobar_lesions(phantom: Phantom, *, seed: int, confluence: bool = False) -> tuple[Lesion, ...]:
    """Return six metastases on both sides of `phantom`, named by falling volume.

    Parameters
    ----------
    phantom : any liver of about 1300 mL or more.
    seed : turns the lesions.
    confluence : add one at the confluence of the hepatic veins.
    """
    rng = _rng(seed, 2)
    places = _Places(phantom)
    chosen = [_ellipsoid("", beside_middle_vein(phantom, 15.0), (15.0, 15.0, 15.0), rng)]
    if confluence:
        chosen.append(_ellipsoid("", at_confluence(phantom, 10.5), (10.5, 10.5, 10.5), rng))
    for segments, half_axes in (
        ((6, 7), (35.0, 31.0, 29.0)),
        ((8,), (19.0, 17.0, 16.0)),
        ((5,), (21.0, 18.0, 17.0)),
    ):
        chosen.append(_ellipsoid("", places.deepest(segments, away_from=chosen), half_axes, rng))
    for segment, radius in ((3, 11.0), (2, 8.5)):
        centre = places.at_capsule(segment, radius, away_from=chosen)
        chosen.append(_ellipsoid("", centre, (radius, radius, 0.95 * radius), rng))
    chosen.sort(key=lambda lesion: -lesion.volume_ml)
    return tuple(
        Lesion(f"L{i}", lesion.centre, lesion.half_axes, lesion.axes)
        for i, lesion in enumerate(chosen, start=1)
    )


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


class _Places:
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


def _directions() -> Floats:
    """Return 256 directions spread evenly over the sphere."""
    i = np.arange(256) + 0.5
    cos = 1.0 - 2.0 * i / 256
    turn = np.pi * (1.0 + np.sqrt(5.0)) * i
    sin = np.sqrt(1.0 - cos * cos)
    return np.column_stack([sin * np.cos(turn), sin * np.sin(turn), cos])


def _ellipsoid(
    name: str,
    centre: tuple[float, float, float],
    half_axes: tuple[float, float, float],
    rng: np.random.Generator,
) -> Lesion:
    return Lesion(name, centre, half_axes, turned(rng))


def _rng(seed: int, purpose: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([seed, 0x7E51, purpose]))


def _triple(point: Floats) -> tuple[float, float, float]:
    return float(point[0]), float(point[1]), float(point[2])
