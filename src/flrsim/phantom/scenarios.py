"""Named phantoms: livers with lesions placed so that a particular plan is the answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from flrsim.phantom.lesions import Lesion, turned
from flrsim.phantom.model import Phantom, make_phantom
from flrsim.phantom.places import (
    Places,
    across_middle_vein,
    along_right_portal,
    at_confluence,
    away_from_right_portal,
    beside_middle_vein,
)


def solitary_right(seed: int) -> Phantom:
    """Return an ordinary liver of 1500 mL with one 46 mm lesion deep in the right posterior section."""
    phantom = make_phantom(seed)
    rng = _rng(seed, 1)
    centre = Places(phantom).deepest((6, 7))
    return phantom.with_lesions((_ellipsoid("L1", centre, (23.0, 21.5, 20.5), rng),))


def bilobar_two_stage(seed: int) -> Phantom:
    """Return a 1650 mL liver with metastases on both sides and a left remnant that must grow first.

    Large ones fill the right liver, one crosses from S8 into S4 beside the middle hepatic vein, and one small
    one each lies at the capsule of S2 and S3. What would stay after taking S4 to S8 at once is small.
    """
    phantom = make_phantom(seed, tlv_ml=1650.0, left_lateral_share=0.200)
    return phantom.with_lesions(bilobar_lesions(phantom, seed=seed))


def conversion(seed: int) -> Phantom:
    """Return a 2000 mL liver with one 112 mm lesion that reaches 12 mm past the middle hepatic vein into S4.

    The left liver is small: S1 to S4 are enough for a healthy liver, S1 to S3 are not.
    """
    phantom = make_phantom(seed, tlv_ml=2000.0, left_lateral_share=0.085, medial_share=0.095)
    return phantom.with_lesions(
        (across_middle_vein(phantom, (56.0, 45.0, 41.0), 12.0),), inside_at_least=0.92
    )


def small_for_size(seed: int) -> Phantom:
    """Return a 1750 mL liver with four lesions of S4 to S8 and a small left lateral section free of them.

    One lesion straddles the border of S4 and S8 beside the middle hepatic vein, one lies deep in S4: both want S4 to
    go, and then S1 to S3 stay.
    """
    phantom = make_phantom(seed, tlv_ml=1750.0, left_lateral_share=0.130)
    rng = _rng(seed, 3)
    places = Places(phantom)
    chosen = [_ellipsoid("", beside_middle_vein(phantom, 19.0), (19.0, 19.0, 19.0), rng)]
    for segments, half_axes in (
        ((6, 7), (33.0, 30.0, 28.0)),
        ((5,), (20.0, 18.0, 16.0)),
        ((4,), (14.0, 13.0, 12.0)),
    ):
        chosen.append(_ellipsoid("", places.deepest(segments, away_from=chosen), half_axes, rng))
    return phantom.with_lesions(_by_volume(chosen))


def hcc_thrombus(seed: int) -> Phantom:
    """Return a 1450 mL liver with a 56 mm lesion of the right posterior section and its thrombus.

    The thrombus runs down the posterior branch into the right portal vein.
    """
    phantom = make_phantom(seed, tlv_ml=1450.0, left_lateral_share=0.170)
    rng = _rng(seed, 4)
    centre = away_from_right_portal(phantom, Places(phantom).deepest((6, 7)), 6.0)
    main = _ellipsoid("L1", centre, (28.0, 26.0, 24.0), rng)
    thrombus = along_right_portal(phantom, main, 6.0)
    return phantom.with_lesions((main, thrombus), inside_at_least=0.95)


def bilobar_lesions(phantom: Phantom, *, seed: int, confluence: bool = False) -> tuple[Lesion, ...]:
    """Return six metastases on both sides of `phantom`, named by falling volume.

    Parameters
    ----------
    phantom : any liver of about 1300 mL or more.
    seed : turns the lesions.
    confluence : add one at the confluence of the hepatic veins.
    """
    rng = _rng(seed, 2)
    places = Places(phantom)
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
    return _by_volume(chosen)


def _by_volume(lesions: list[Lesion]) -> tuple[Lesion, ...]:
    """Return lesions named L1 … by falling volume."""
    ordered = sorted(lesions, key=lambda lesion: -lesion.volume_ml)
    return tuple(replace(lesion, name=f"L{i}") for i, lesion in enumerate(ordered, start=1))


def _ellipsoid(
    name: str,
    centre: tuple[float, float, float],
    half_axes: tuple[float, float, float],
    rng: np.random.Generator,
) -> Lesion:
    return Lesion(name, centre, half_axes, turned(rng))


def _rng(seed: int, purpose: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([seed, 0x7E51, purpose]))
