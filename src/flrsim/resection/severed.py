"""What of a vessel tree is lost when part of the liver goes, and how much of what stays hung on it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flrsim.resection.territory import Territories
from flrsim.resection.vessel_tree import VesselTree

HALF = 0.5


@dataclass(frozen=True)
class BranchLoss:
    """What an operation does to one branch.

    Attributes
    ----------
    ml : labelled volume of the branch.
    taken_ml : the part of it inside what goes.
    lost_ml : the part that is gone or cut off from the root.
    split_ml : the part of stretches that the cut splits lengthwise, and that are taken to be dissected free.
    """

    name: str
    ml: float
    taken_ml: float
    lost_ml: float
    split_ml: float

    @property
    def lost(self) -> bool:
        """Whether at least half of the branch is gone or cut off."""
        return self.lost_ml >= HALF * self.ml


@dataclass(frozen=True)
class Losses:
    """What an operation does to a tree.

    Attributes
    ----------
    sections : (n_sections,) bool, gone or cut off from the root.
    split : (n_sections,) bool, split lengthwise by the cut and taken to be dissected free.
    branches : by name.
    """

    sections: NDArray[np.bool_]
    split: NDArray[np.bool_]
    branches: Mapping[str, BranchLoss]


def losses(
    vessels: VesselTree,
    gone: NDArray[np.bool_],
    undissected: NDArray[np.bool_],
    divided: Collection[str] = (),
    *,
    dissected: float,
) -> Losses:
    """Return what of a tree is lost when some voxels go: what goes, and all that hangs on it.

    Parameters
    ----------
    gone : (n_voxels,) bool, voxels of the tree in what an operation removes, but for what vessels are dissected
        free from.
    undissected : (n_voxels,) bool, the part of them removed without following vessels: wedges, ablation zones.
    divided : branches that are divided on purpose.
    dissected : where a resection's plane splits a vessel lengthwise and at least this share of that stretch stays, the
        surgeon is taken to dissect it free.

    Notes
    -----
    A section of a vessel is cut where at least half of it goes in a wedge. Where a resection's plane runs along a
    vessel, the stretch of sections that lie on both sides of it goes as one. Sections wholly inside what goes are cut, and everything beyond a cut is lost.
    """
    n = vessels.n_sections
    total = vessels.section_ml
    taken = _share(vessels, gone, n) / total
    wedged = _share(vessels, undissected, n) / total
    cut = (wedged >= HALF) | np.isin(vessels.branch, [vessels.names.index(b) for b in divided])
    stretch = _stretches(vessels, (taken > 0) & (taken < 1))
    went = np.bincount(stretch, weights=taken * total, minlength=n)
    whole = np.bincount(stretch, weights=total, minlength=n)
    pooled = went[stretch] / whole[stretch]
    cut |= pooled > 1.0 - dissected
    split = (pooled > 0) & (pooled < 1)
    lost = vessels.downstream(cut)
    split &= ~lost
    ml = vessels.branch_ml()
    taken_ml = _by_branch(vessels, taken * total)
    lost_ml = _by_branch(vessels, np.where(lost, total, 0.0))
    split_ml = _by_branch(vessels, np.where(split, total, 0.0))
    return Losses(
        lost,
        split,
        {
            name: BranchLoss(name, ml[name], float(taken_ml[i]), float(lost_ml[i]), float(split_ml[i]))
            for i, name in enumerate(vessels.names)
        },
    )


def _share(vessels: VesselTree, inside: NDArray[np.bool_], n: int) -> NDArray[np.float64]:
    """Return the mL of each section in some of the tree's voxels."""
    ml = np.bincount(vessels.section, weights=np.where(inside, vessels.ml, 0.0), minlength=n)
    return np.asarray(ml, dtype=np.float64)


def _by_branch(vessels: VesselTree, ml: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.bincount(vessels.branch, weights=ml, minlength=len(vessels.names)), dtype=np.float64)


def _stretches(vessels: VesselTree, partial: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the stretch of each section: sections of one branch in a row that are partly taken; others are their own."""
    stretch = np.arange(vessels.n_sections)
    for s in range(vessels.n_sections):
        p = vessels.parent[s]
        if p >= 0 and partial[s] and partial[p] and vessels.branch[s] == vessels.branch[p]:
            stretch[s] = stretch[p]
    return stretch


def deprived_places(
    where: Territories, lost: NDArray[np.bool_], owners: Collection[str] = ()
) -> NDArray[np.bool_]:
    """Return the places whose section is lost, (n_places,) bool.

    Parameters
    ----------
    lost : (n_sections,) bool, from `losses`.
    owners : branches lost as a whole, for the segments that hang on a trunk.
    """
    whole = [i > 0 and name in owners for i, name in enumerate(where.names)]
    return np.concatenate([np.array(whole, dtype=np.bool_), lost])
