"""The territories a phantom's vessels really have: every point of the liver to the nearest vessel.

A branch is the set of points that bear its label, laid out far more finely than any case's voxels; volumes are
integrals over the label functions by the quadrature of :mod:`flrsim.phantom.truth`. Nothing here is shared with the
kernels that measure files.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flrsim.arguments import as_count, as_points
from flrsim.errors import AnatomyError
from flrsim.phantom.model import Phantom
from flrsim.phantom.shape import Floats
from flrsim.phantom.truth import Estimate, estimate, sobol
from flrsim.phantom.vessels import Tubes

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

_WATERSHED = 3
"""Key that keeps these scramblings apart from those of the other truths."""
_STEP_MM = 0.4
"""Step of the lattice of points that stand for a vessel, mm: half a fine voxel, and a watershed errs by less,
since both of its sides err alike."""

TRUNKS = ("main", "right", "left", "right_anterior", "right_posterior")
"""Portal branches that have branches of their own in the phantom: the tissue around them is fed by those."""
CAUDATE_OWNER = {"portal_vein": "main", "hepatic_vein": "inferior vena cava"}
"""The phantom draws no branch to S1: small ones from the trunk feed it, and it drains into the vena cava."""


@dataclass(frozen=True)
class Watershed:
    """One tree of a phantom and what each branch feeds or drains.

    Attributes
    ----------
    names : what a point may belong to; 0 is outside the liver.
    points : (n, 3) LPS mm, points inside the branches.
    owner : (n,) index into `names` of each.
    """

    phantom: Phantom
    names: tuple[str, ...]
    points: Floats = field(repr=False)
    owner: NDArray[np.uint8] = field(repr=False)

    @cached_property
    def _tree(self) -> cKDTree:
        from scipy.spatial import cKDTree

        return cKDTree(self.points)

    def label_at(self, points: ArrayLike) -> NDArray[np.uint8]:
        """Return the territory of points (n, 3) LPS mm as an index into `names`."""
        array = as_points(points, name="points")
        segment = self.phantom.segment_at(array)
        out = np.zeros(len(array), dtype=np.uint8)
        inside = np.flatnonzero(segment > 1)
        out[inside] = self.owner[self._tree.query(array[inside])[1]]
        out[segment == 1] = len(self.names) - 1
        return out


def watershed(phantom: Phantom, tree: str) -> Watershed:
    """Return the territories of a tree, ``portal_vein`` or ``hepatic_vein``, as a function of a point.

    Of a vessel only what bears its label counts: the part inside the liver, and not inside a thicker branch.
    """
    if tree not in CAUDATE_OWNER:
        raise AnatomyError(f'vessel tree "{tree}" is not known; trees are {", ".join(CAUDATE_OWNER)}')
    tubes, labels = (
        (phantom.portal, phantom.portal_names)
        if tree == "portal_vein"
        else (phantom.hepatic, phantom.hepatic_names)
    )
    ends = {label: name for label, name in labels.items() if tree == "hepatic_vein" or name not in TRUNKS}
    look_up = phantom.portal_at if tree == "portal_vein" else phantom.hepatic_at
    points = [_labelled_points(tubes, label, look_up) for label in ends]
    owner = np.repeat(np.arange(1, len(ends) + 1), [len(p) for p in points]).astype(np.uint8)
    names = ("outside", *ends.values(), CAUDATE_OWNER[tree])
    return Watershed(phantom, names, np.concatenate(points), owner)


def _labelled_points(tubes: Tubes, label: int, look_up: Callable[[Floats], NDArray[np.uint8]]) -> Floats:
    """Return the lattice points that bear a branch's label, (n, 3) LPS mm."""
    found = []
    own = tubes.only(label)
    reach = np.maximum(own.radius_start, own.radius_end)[:, None]
    lows = np.floor((np.minimum(own.start, own.end) - reach) / _STEP_MM).astype(np.int64)
    highs = np.ceil((np.maximum(own.start, own.end) + reach) / _STEP_MM).astype(np.int64)
    for low, high in zip(lows, highs, strict=True):
        axes = [np.arange(a, b + 1) for a, b in zip(low, high, strict=True)]
        index = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        found.append(index[look_up(index * _STEP_MM) == label])
    return np.asarray(np.unique(np.concatenate(found), axis=0) * _STEP_MM)


@dataclass(frozen=True)
class WatershedTruth:
    """True territories of one tree, mL.

    Attributes
    ----------
    total : all tissue of each territory.
    parenchyma : without lesions and vessels, by branch and segment; what is nowhere is absent.
    """

    tree: str
    total: dict[str, Estimate]
    parenchyma: dict[str, dict[str, Estimate]]
    n: int
    replicates: int
    seed: int


def watershed_truth(
    phantom: Phantom, tree: str, *, n: int = 1 << 17, replicates: int = 8, seed: int = 0
) -> WatershedTruth:
    """Measure a phantom's territories by randomised quasi-Monte Carlo; see :func:`flrsim.phantom.truth.truth`."""
    as_count(n, name="n", low=256, high=1 << 28)
    as_count(replicates, name="replicates", low=2, high=1000)
    where = watershed(phantom, tree)
    low, high = phantom.bounds()
    segments = phantom.segment_names
    n_segments, n_names = max(segments) + 1, len(where.names)
    total = np.zeros((replicates, n_names))
    parenchyma = np.zeros((replicates, n_names * n_segments))
    m = math.ceil(math.log2(n))
    for r in range(replicates):
        for u in sobol(m, seed, _WATERSHED, r):
            points = low + u * (high - low)
            segment = phantom.segment_at(points)
            points, segment = points[segment > 0], segment[segment > 0]
            owner = where.label_at(points)
            total[r] += np.bincount(owner, minlength=n_names)
            healthy = phantom.lesion_at(points) == 0
            healthy &= (phantom.portal_at(points) == 0) & (phantom.hepatic_at(points) == 0)
            key = owner[healthy].astype(np.int64) * n_segments + segment[healthy]
            parenchyma[r] += np.bincount(key, minlength=n_names * n_segments)
    per_point = float(np.prod(high - low)) / 1000.0 / (1 << m)
    by = parenchyma.reshape(replicates, n_names, n_segments)
    return WatershedTruth(
        tree,
        {name: estimate(total[:, i] * per_point) for i, name in enumerate(where.names) if i},
        {
            name: {
                s: estimate(by[:, i, label] * per_point)
                for label, s in segments.items()
                if by[:, i, label].any()
            }
            for i, name in enumerate(where.names)
            if i
        },
        1 << m,
        replicates,
        seed,
    )
