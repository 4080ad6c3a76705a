"""Which branch feeds or drains each part of the liver.

A place belongs to the branch whose labelled vessel is nearest to it. Only branches without further branches are
asked: the tissue around a trunk is fed by the branches that leave it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from flrsim.anatomy import SEGMENTS
from flrsim.case import LiverCase
from flrsim.distances import nearest_label
from flrsim.errors import AnatomyError
from flrsim.grid import PARENCHYMA, RegionGrid
from flrsim.resection.centreline import centreline_tree
from flrsim.resection.vessel_tree import TREES, VesselTree, known, vessel_tree

OUTSIDE = "outside"
NOT_SUPPLIED = "not supplied"
VENA_CAVA = "inferior vena cava"
PREFIXES = {"portal": "portal_vein", "hepatic": "hepatic_vein"}
"""What a plan writes before the name of a branch, and the tree it means."""


@dataclass(frozen=True)
class Territories:
    """The liver divided among the branches of one tree.

    Attributes
    ----------
    grid : what was divided.
    vessels : the tree.
    names : what a voxel may belong to; 0 is outside the labelled liver. After the tree's branches come, where they
        are needed, the vena cava (which drains the caudate lobe directly) and tissue whose branch was not supplied.
    labels : (nx, ny, nz) uint16 index into `names`; every voxel of the labelled liver has one.
    section : (nx, ny, nz) int32, 1 + the nearest section of the tree; 0 where none feeds or drains it.
    remarks : sentences about what the tree does not say.
    """

    grid: RegionGrid
    vessels: VesselTree
    names: tuple[str, ...]
    labels: NDArray[np.uint16]
    section: NDArray[np.int32]
    remarks: tuple[str, ...]

    @property
    def tree(self) -> str:
        """``portal_vein`` or ``hepatic_vein``."""
        return self.vessels.tree

    def ml(self, *, kind: str | None = None) -> dict[str, dict[str, float]]:
        """Return mL by branch and segment, of all tissue or of one kind; together they are the labelled liver."""
        return self.ml_where(np.ones(self.labels.shape, dtype=np.bool_), kind=kind)

    def ml_where(
        self, share: NDArray[np.bool_] | NDArray[np.float64], *, kind: str | None = None
    ) -> dict[str, dict[str, float]]:
        """Return mL by branch and segment of part of the liver: `share` (nx, ny, nz), of each voxel."""
        grid, n = self.grid, len(self.names)
        at = np.flatnonzero((self.labels > 0) & (share > 0))
        key = grid.regions.reshape(-1)[at].astype(np.int64) * n + self.labels.reshape(-1)[at]
        voxels = np.bincount(key, weights=share.reshape(-1)[at], minlength=len(grid.table) * n).reshape(-1, n)
        out: dict[str, dict[str, float]] = {}
        for i, region in enumerate(grid.table):
            if region is None or region.segment is None or (kind is not None and region.kind != kind):
                continue
            for branch in np.flatnonzero(voxels[i]):
                ml = float(grid.ml[i] * voxels[i, branch] / grid.counts[i])
                row = out.setdefault(self.names[branch], {})
                row[region.segment] = row.get(region.segment, 0.0) + ml
        return {name: dict(sorted(out[name].items())) for name in self.names if name in out}

    @property
    def n_places(self) -> int:
        """How many places tissue may hang on: those of `names` as a whole, then each section."""
        return len(self.names) + self.vessels.n_sections

    def places_at(self, voxels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what some voxels (flat indices) hang on: the nearest section, or an index into `names` where none decides."""
        section = self.section.reshape(-1)[voxels].astype(np.int64)
        return np.where(section > 0, section + (len(self.names) - 1), self.labels.reshape(-1)[voxels])

    @cached_property
    def place_label(self) -> NDArray[np.int64]:
        """Index into `names` of each place, (n_places,)."""
        return np.concatenate([np.arange(len(self.names)), 1 + self.vessels.branch])

    @cached_property
    def parenchyma_ml(self) -> dict[str, dict[str, float]]:
        """Parenchyma by branch and segment, mL."""
        return self.ml(kind=PARENCHYMA)

    def mask(self, names: Iterable[str]) -> NDArray[np.bool_]:
        """Return the voxels of the labelled liver that the named branches feed or drain; a trunk means all it carries.

        Raises
        ------
        AnatomyError
            When the tree has no such branch.
        """
        wanted = np.zeros(len(self.names), dtype=np.bool_)
        for name in names:
            if name not in self.names[1:] and name not in self.vessels.names:
                raise AnatomyError(
                    f'the {TREES[self.tree]} has no branch "{name}"; its branches are {", ".join(self.vessels.names)}'
                )
            for i, other in enumerate(self.names):
                wanted[i] |= i > 0 and (other == name or name in self._above(other))
        return np.asarray(wanted[self.labels])

    def _above(self, name: str) -> tuple[str, ...]:
        out: list[str] = []
        while name in self.vessels.parents:
            name = self.vessels.parents[name]
            out.append(name)
        return tuple(out)


def territories(case: LiverCase, tree: str) -> Territories:
    """Return the territories of a tree of a case: by its centrelines where it has them, else by its labelled vessels.

    Parameters
    ----------
    tree : ``portal_vein`` or ``hepatic_vein``.

    Raises
    ------
    AnatomyError
        When the tree was not supplied, or its branches are not named.

    Notes
    -----
    Distances are between voxel centres and exact. A segment none of whose own branches was supplied, while a trunk
    on its way was, belongs to that trunk (the caudate lobe to the main portal vein) and not to a neighbour's
    branch; one without any belongs to nobody, and is said. By the registry the caudate lobe drains into the vena
    cava directly.
    """
    lines = case.centrelines.get(tree)
    vessels = vessel_tree(case, tree) if lines is None else centreline_tree(case.grid, tree, lines)
    return territories_of(case.grid, vessels)


def territories_of(grid: RegionGrid, vessels: VesselTree) -> Territories:
    """Return the territories of a vessel tree on a grid; see `territories`."""
    ends = vessels.ends()
    end_branch = np.isin(np.arange(len(vessels.names)), [vessels.names.index(n) for n in ends])
    seeds = np.flatnonzero(end_branch[vessels.branch[vessels.section]])
    sources = np.zeros(grid.regions.size, dtype=np.int32)
    sources[vessels.voxels[seeds]] = 1 + vessels.section[seeds]
    section, _ = nearest_label(sources.reshape(grid.regions.shape), grid.spacing_mm, grid.liver)
    names = [OUTSIDE, *vessels.names]
    of_section = np.concatenate([[0], 1 + vessels.branch]).astype(np.uint16)
    labels = of_section[section]
    remarks = list(vessels.remarks)
    for number, segment in enumerate(grid.segments, start=1):
        owner = _owner(vessels, segment)
        if owner is None:
            continue
        if owner not in names:
            names.append(owner)
        here = grid.segment_labels == number
        labels[here] = names.index(owner)
        section[here] = 0
        if owner == NOT_SUPPLIED:
            remarks.append(
                f"{TREES[vessels.tree]}: no branch of {segment} was supplied; what feeds it is unknown"
            )
    if vessels.tree == "hepatic_vein":
        absent = [v for v in ("right", "middle", "left") if v not in vessels.names]
        if absent:
            remarks.append(
                f"{TREES[vessels.tree]}: {' and '.join(absent)} not supplied; what {'it drains' if len(absent) == 1 else 'they drain'} "
                "is counted to the veins beside it"
            )
    return Territories(grid, vessels, tuple(names), labels, section, tuple(remarks))


def _owner(vessels: VesselTree, segment: str) -> str | None:
    """Return what a segment belongs to whatever vessel is nearest, or None where the nearest decides."""
    registry = SEGMENTS[segment]
    if vessels.tree == "hepatic_vein":
        direct = registry.drainage == (VENA_CAVA,) and VENA_CAVA not in vessels.names
        return VENA_CAVA if direct else None
    if any(not known(vessels.tree, name) for name in vessels.names):
        return None  # branches named in a way of their own may feed any segment
    supplied = [b for b in registry.portal if b in vessels.names]
    below = [b for b in vessels.names if b in SEGMENTS and b.startswith(segment)]
    if not supplied and not below:
        return NOT_SUPPLIED
    return None if below or supplied[-1] in vessels.ends() else supplied[-1]


def territory_mask(case: LiverCase, names: Collection[str]) -> NDArray[np.bool_]:
    """Return the voxels of vascular territories, (nx, ny, nz) bool, for use as a cut.

    Parameters
    ----------
    names : e.g. ``portal:S8``, ``portal:right_anterior`` (all that hangs on it) or ``hepatic:middle``; what several
        names mean is taken together.

    Raises
    ------
    AnatomyError
        When a name is not of that form, or the tree has no such branch, was not supplied, or is not split.
    """
    wanted: dict[str, list[str]] = {}
    for text in names:
        prefix, _, branch = text.partition(":")
        if prefix not in PREFIXES or not branch:
            raise AnatomyError(
                f'territory "{text}" is not understood; write portal:BRANCH or hepatic:VEIN, e.g. portal:S8 or hepatic:middle'
            )
        wanted.setdefault(PREFIXES[prefix], []).append(branch.strip())
    if not wanted:
        raise AnatomyError("no territory was named; write e.g. portal:S8 or hepatic:middle")
    out = np.zeros(case.grid.regions.shape, dtype=np.bool_)
    for tree, branches in wanted.items():
        out |= territories(case, tree).mask(branches)
    return out
