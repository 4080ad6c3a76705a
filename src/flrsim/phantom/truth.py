"""The volumes a phantom really has, measured without a voxel grid or a mesh.

Each volume is an integral of the label functions over a box by randomised quasi-Monte Carlo: independent
scramblings of a Sobol sequence give as many estimates, whose mean is the volume and whose spread gives its
standard error (Owen 1997, Ann Stat 25:1541). Nothing here is shared with the kernels that measure files.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from flrsim.arguments import as_count
from flrsim.phantom.model import Phantom
from flrsim.phantom.shape import Floats

_LIVER, _LESION = 1, 2
"""Keys that keep the scramblings of the liver and of its lesions apart."""


@dataclass(frozen=True)
class Estimate:
    """A value and its standard error, in the same unit."""

    value: float
    standard_error: float


@dataclass(frozen=True)
class PhantomTruth:
    """True volumes of a phantom, mL.

    Attributes
    ----------
    total : the whole liver.
    segments : all that is inside each segment.
    parenchyma : each segment without lesions and vessels.
    lesions : each lesion whole, inside the liver or not.
    lesion_shares : fraction of each lesion in each segment and ``"outside"``; zero shares are absent.
    portal, hepatic : each vessel inside the liver, whether or not a lesion lies over it.
    n, replicates, seed : points in a replicate, number of replicates, seed of the scrambling.
    """

    total: Estimate
    segments: dict[str, Estimate]
    parenchyma: dict[str, Estimate]
    lesions: dict[str, Estimate]
    lesion_shares: dict[str, dict[str, Estimate]]
    portal: dict[str, Estimate]
    hepatic: dict[str, Estimate]
    n: int
    replicates: int
    seed: int

    def to_dict(self) -> dict[str, object]:
        """Return the machine-readable form: mL and standard errors under names."""

        def table(estimates: dict[str, Estimate]) -> dict[str, dict[str, float]]:
            return {
                name: {"ml": e.value, "standard_error_ml": e.standard_error} for name, e in estimates.items()
            }

        return {
            "schema": "flrsim/phantom-truth/1",
            "total": table({"total": self.total})["total"],
            "segments": table(self.segments),
            "parenchyma": table(self.parenchyma),
            "lesions": table(self.lesions),
            "lesion_shares": {
                lesion: {
                    s: {"fraction": e.value, "standard_error": e.standard_error} for s, e in shares.items()
                }
                for lesion, shares in self.lesion_shares.items()
            },
            "portal": table(self.portal),
            "hepatic": table(self.hepatic),
            "run": {"n": self.n, "replicates": self.replicates, "seed": self.seed},
        }


def truth(phantom: Phantom, *, n: int = 1 << 19, replicates: int = 16, seed: int = 0) -> PhantomTruth:
    """Measure a phantom by randomised quasi-Monte Carlo.

    Parameters
    ----------
    n : points in each replicate, raised to a power of two.
    replicates : independent scramblings; the standard error has one degree of freedom less.
    seed : of the scramblings.
    """
    as_count(n, name="n", low=256, high=1 << 28)
    as_count(replicates, name="replicates", low=2, high=1000)
    low, high = phantom.bounds()
    box_ml = float(np.prod(high - low)) / 1000.0
    segment_names, portal_names, hepatic_names = (
        phantom.segment_names,
        phantom.portal_names,
        phantom.hepatic_names,
    )
    n_segments = max(segment_names) + 1
    segments = np.zeros((replicates, n_segments))
    parenchyma = np.zeros((replicates, n_segments))
    portal = np.zeros((replicates, max(portal_names) + 1))
    hepatic = np.zeros((replicates, max(hepatic_names) + 1))
    m = math.ceil(math.log2(n))
    for r in range(replicates):
        for u in sobol(m, seed, _LIVER, r):
            points = low + u * (high - low)
            label = phantom.segment_at(points)
            points, label = points[label > 0], label[label > 0]
            in_portal, in_hepatic = phantom.portal_at(points), phantom.hepatic_at(points)
            healthy = (in_portal == 0) & (in_hepatic == 0) & (phantom.lesion_at(points) == 0)
            segments[r] += np.bincount(label, minlength=n_segments)
            parenchyma[r] += np.bincount(label[healthy], minlength=n_segments)
            portal[r] += np.bincount(in_portal, minlength=portal.shape[1])
            hepatic[r] += np.bincount(in_hepatic, minlength=hepatic.shape[1])
    per_point = box_ml / (1 << m)

    def table(counts: Floats, names: dict[int, str]) -> dict[str, Estimate]:
        return {name: estimate(counts[:, label] * per_point) for label, name in names.items()}

    lesions, shares = {}, {}
    for index, lesion in enumerate(phantom.lesions):
        volume, parts = _measure_lesion(phantom, index, max(12, m - 3), replicates, seed)
        lesions[lesion.name] = volume
        shares[lesion.name] = parts
    return PhantomTruth(
        total=estimate(segments[:, 1:].sum(axis=1) * per_point),
        segments=table(segments, segment_names),
        parenchyma=table(parenchyma, segment_names),
        lesions=lesions,
        lesion_shares=shares,
        portal=table(portal, portal_names),
        hepatic=table(hepatic, hepatic_names),
        n=1 << m,
        replicates=replicates,
        seed=seed,
    )


def _measure_lesion(
    phantom: Phantom, index: int, m: int, replicates: int, seed: int
) -> tuple[Estimate, dict[str, Estimate]]:
    """Return a lesion's volume and shares; a box of its own measures a small one as well as a large one."""
    low, high = phantom.lesions[index].bounds()
    names = {0: "outside", **phantom.segment_names}
    counts = np.zeros((replicates, max(names) + 1))
    for r in range(replicates):
        for u in sobol(m, seed, _LESION, r * 256 + index):
            points = low + u * (high - low)
            points = points[phantom.lesion_at(points) == index + 1]
            counts[r] += np.bincount(phantom.segment_at(points), minlength=counts.shape[1])
    whole = counts.sum(axis=1)
    volume = estimate(whole * float(np.prod(high - low)) / 1000.0 / (1 << m))
    shares = {
        name: estimate(counts[:, label] / np.maximum(whole, 1.0))
        for label, name in names.items()
        if counts[:, label].any()
    }
    return volume, shares


def sobol(m: int, seed: int, purpose: int, replicate: int) -> Iterator[Floats]:
    """Yield one scrambled Sobol sequence of 2**m points in the unit cube, in blocks that bound the memory."""
    from scipy.stats import qmc

    rng = np.random.default_rng(np.random.SeedSequence([seed, purpose, replicate]))
    sequence = qmc.Sobol(3, scramble=True, rng=rng)
    block = min(m, 17)
    for _ in range(1 << (m - block)):
        yield sequence.random(1 << block)


def estimate(values: Floats) -> Estimate:
    """Return the mean of independent estimates and its standard error."""
    return Estimate(float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values))))
