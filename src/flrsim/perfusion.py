"""What stays without inflow or outflow: parenchyma whose portal branch or hepatic vein an operation takes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from flrsim.anatomy import HEPATIC_VEINS, SEGMENTS, leaves
from flrsim.case import LiverCase
from flrsim.course import DeprivedPart
from flrsim.errors import AnatomyError
from flrsim.evidence import Evidence
from flrsim.grid import PARENCHYMA, Pieces, RegionGrid, whole_voxels
from flrsim.plan import Operate
from flrsim.resection.severed import Losses, deprived_places, losses
from flrsim.resection.territory import Territories, territories
from flrsim.resection.vessel_tree import TREES
from flrsim.staging import StagedPlan, wedged_by

BySegment = dict[str, float]


@dataclass(frozen=True)
class Circulation:
    """What the vessels of a case feed and drain, measured once for all plans.

    Attributes
    ----------
    trees : territories by tree, of the trees whose branches are named.
    missing : why there are none, by tree.
    """

    _grid: RegionGrid
    trees: Mapping[str, Territories]
    missing: Mapping[str, str]

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """One number for what each voxel of the tissue hangs on in all trees together, (n_voxels,) as `RegionGrid.tissue`.

        The same for every plan, so it is looked up once.
        """
        from flrsim.kernels.labels import add_places

        voxels = self._grid.tissue if self.trees else np.zeros(0, dtype=np.int64)
        key = np.zeros(len(voxels), dtype=np.int64)
        for where in self.trees.values():
            section, labels = where.section.reshape(-1), where.labels.reshape(-1)
            add_places(key, voxels, section, labels, where.n_places, len(where.names) - 1)
        return key

    @property
    def n_together(self) -> int:
        """How many numbers `places` may hold."""
        return math.prod(where.n_places for where in self.trees.values())

    @cached_property
    def parenchyma(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Region and place (`places`) of the parenchyma of the labelled liver, and how many voxels have both: (n,) each."""
        from flrsim.kernels.labels import count_places

        grid, n = self._grid, len(self._grid.table)
        asked = np.isin(np.arange(n), grid.ids(segments=grid.segments, kind=PARENCHYMA))
        if n * self.n_together <= MOST_KEYS:
            sums = count_places(grid.tissue_region, self.places, asked, self.n_together).reshape(-1)
            rows = np.flatnonzero(sums)
            counts = sums[rows]
        else:
            here = asked[grid.tissue_region]
            key = grid.tissue_region[here] * np.int64(self.n_together) + self.places[here]
            rows, counts = np.unique(key, return_counts=True)
        region, place = np.divmod(rows, self.n_together)
        return region, place, counts

    @classmethod
    def of(cls, case: LiverCase) -> Circulation:
        """Measure it; a tree that was not supplied, or not named, is missing and no error."""
        trees: dict[str, Territories] = {}
        missing: dict[str, str] = {}
        for tree in TREES:
            try:
                trees[tree] = territories(case, tree)
            except AnatomyError as error:
                missing[tree] = error.sentence
        return cls(case.grid, trees, missing)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the trees do not say, in sentences."""
        return tuple(r for t in self.trees.values() for r in t.remarks)


@dataclass(frozen=True)
class Supply:
    """The circulation met with the pieces of the plans: what of each piece's parenchyma hangs where.

    All plans of a case share their pieces, so the liver's voxels are gone through once and not for every plan.

    Attributes
    ----------
    piece : (n_rows,) piece; region : (n_rows,) its region; size : (n_rows,) voxels of the row.
    places : by tree, (n_rows,) place (`Territories.places_at`) that the row hangs on.
    vessel_piece : by tree, (n_voxels,) piece of each voxel of the tree; −1 where a centreline leaves all tissue.
    """

    circulation: Circulation
    pieces: Pieces
    piece: NDArray[np.int64]
    region: NDArray[np.int64]
    size: NDArray[np.float64]
    places: Mapping[str, NDArray[np.int64]]
    vessel_piece: Mapping[str, NDArray[np.int64]]

    @classmethod
    def of(cls, circulation: Circulation, pieces: Pieces) -> Supply:
        """Count the parenchyma of the labelled liver; crossed voxels count by their parts.

        Only voxels inside a cut are gone through: those outside all cuts are what is left of the case's own counts.
        """
        grid, parts, together = pieces.grid, pieces.parts, circulation.n_together
        asked = np.isin(pieces.region, grid.ids(segments=grid.segments, kind=PARENCHYMA))
        inside = pieces.touched[asked[pieces.piece_of[pieces.touched]]]
        # What lies in a cut is taken from what its region would hold without one.
        without = pieces.rest[grid.tissue_region[inside]]
        left = np.flatnonzero(without >= 0)
        region, place, counts = circulation.parenchyma
        kept = pieces.rest[region] >= 0
        # A part of a voxel lies in the voxel's region: what it brings to its piece it takes from the centre's.
        split = np.flatnonzero(asked[parts.piece])
        of = parts.of[split]
        at = np.concatenate([inside, inside[left], of, of])
        piece = np.concatenate(
            [
                pieces.rest[region[kept]],
                pieces.piece_of[inside],
                without[left],
                parts.piece[split],
                pieces.piece_of[of],
            ]
        )
        # Whole numbers first: parts are then added to the same sums, in the same order, as voxel by voxel.
        size = np.concatenate(
            [
                counts[kept],
                np.ones(len(inside)),
                np.full(len(left), -1.0),
                parts.share[split],
                -parts.share[split],
            ]
        )
        key = piece.astype(np.int64)
        spans = {tree: where.n_places for tree, where in circulation.trees.items()}
        if spans:
            key *= together
            key += np.concatenate([place[kept], circulation.places[at]])
        rows, back = np.unique(key, return_inverse=True)
        sums = np.bincount(back, weights=size)
        rows, sums = rows[sums != 0], sums[sums != 0]
        places = {}
        rest = rows
        for tree in reversed(spans):
            rest, places[tree] = np.divmod(rest, spans[tree])
        region = pieces.region[rest]
        vessel_piece = {
            tree: _piece_at(pieces, where.vessels.voxels) for tree, where in circulation.trees.items()
        }
        return cls(circulation, pieces, rest, region, sums.astype(np.float64), places, vessel_piece)

    def by_segment(self, member: NDArray[np.bool_]) -> BySegment:
        """Return the volume of some rows by segment, mL.

        Voxels are added up first, whole numbers where no plane crosses them: how finely other plans divide the same
        tissue changes no digit.
        """
        grid = self.pieces.grid
        sums = whole_voxels(
            np.bincount(self.region[member], weights=self.size[member], minlength=len(grid.table))
        )
        out: BySegment = {}
        for i in np.flatnonzero(sums):
            row = grid.table[i]
            if row is not None and row.segment is not None:
                out[row.segment] = out.get(row.segment, 0.0) + float(grid.ml[i] * sums[i] / grid.counts[i])
        return dict(sorted(out.items()))

    def by_branch(self, tree: str, member: NDArray[np.bool_]) -> dict[str, BySegment]:
        """Return the volume of some rows by branch and segment, mL."""
        where = self.circulation.trees[tree]
        label = where.place_label[self.places[tree]]
        rows = {name: self.by_segment(member & (label == i)) for i, name in enumerate(where.names) if i}
        return {name: row for name, row in rows.items() if row}


def _piece_at(pieces: Pieces, voxels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the piece of some voxels (flat indices), −1 where there is no tissue."""
    at = np.minimum(np.searchsorted(pieces.voxels, voxels), len(pieces.voxels) - 1)
    return np.where(pieces.voxels[at] == voxels, pieces.piece_of[at], -1).astype(np.int64)


MOST_KEYS = 1 << 25
"""Up to so many pairs of region and places are counted in a table of all of them; more are sorted."""


@dataclass(frozen=True)
class VeinFate:
    """What a plan does to one hepatic vein, and to what it drains.

    Attributes
    ----------
    fate : ``kept``, ``taken`` (half of it or more is gone or cut off), ``cut`` (less), or ``along``: the plane of a
        resection runs along it, and it is taken to be dissected free and kept.
    taken_fraction : share of its labelled volume inside what goes.
    drains_ml : parenchyma that stays and that it drains now, by segment.
    congested_ml : the part of that which loses its drainage.
    if_taken_ml : for ``along``, what would lose its drainage if the vein were taken.
    """

    name: str
    fate: str
    taken_fraction: float
    drains_ml: BySegment
    congested_ml: BySegment
    if_taken_ml: BySegment = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """What is said about it; nothing about a vein that is merely kept."""
        vein = f"the {self.name} hepatic vein" if self.name in HEPATIC_VEINS else f"hepatic vein {self.name}"
        if self.fate == "along":
            said = (
                f"the cut runs along {vein} ({100 * self.taken_fraction:.0f} % of it lies in what goes): it is taken to be "
                f"dissected free and kept; were it taken, {spoken(self.if_taken_ml)} of what stays would be congested"
            )
            if total(self.congested_ml) >= 1.0:
                said += f"; {spoken(self.congested_ml)} of it is congested in any case"
            return said
        if self.fate == "taken":
            if total(self.drains_ml) < 1.0:
                # Of the middle vein one always asks; that the others go with their own side needs no word.
                return f"takes {vein}, which drains nothing of what stays" if self.name == "middle" else ""
            return f"takes {vein}: it drains {spoken(self.drains_ml)} of what stays, congested {spoken(self.congested_ml)}"
        if self.fate == "cut" and total(self.congested_ml) >= 1.0:
            return f"cuts {vein}: {spoken(self.congested_ml)} of what stays beyond the cut is congested"
        return ""


@dataclass(frozen=True)
class Deprivation:
    """Parenchyma that stays after all operations but has lost a vessel, mL at the size of the imaging day.

    Attributes
    ----------
    devascularised : by portal branch and segment; None when the portal branches were not supplied.
    congested : by hepatic vein and segment; None when the hepatic veins were not supplied.
    either : by segment, tissue that lost one or both, counted once.
    flr_ml : parenchyma that stays.
    lost : branches and veins that are lost, by tree.
    parts : the same tissue by the operation that takes its inflow, and what loses its inflow and goes later.
    losing : all tissue that an operation leaves in the patient without inflow or outflow, by the first that does so, counted once.
    """

    devascularised: Mapping[str, BySegment] | None
    congested: Mapping[str, BySegment] | None
    either: BySegment
    flr_ml: float
    lost: Mapping[str, Mapping[str, bool]]
    veins: tuple[VeinFate, ...]
    parts: tuple[DeprivedPart, ...] = ()
    losing: tuple[DeprivedPart, ...] = ()

    @property
    def devascularised_ml(self) -> float | None:
        """All that has lost its portal branch."""
        return None if self.devascularised is None else total(summed(self.devascularised))

    @property
    def congested_ml(self) -> float | None:
        """All that has lost its hepatic vein."""
        return None if self.congested is None else total(summed(self.congested))

    @property
    def ml(self) -> float:
        """All of it, tissue that lost both counted once."""
        return total(self.either)

    @property
    def share(self) -> float:
        """Share of the parenchyma that stays."""
        return self.ml / self.flr_ml

    def credited_ml(self, credit: float) -> float:
        """Return the FLR with the deprived part counted by `credit`, a fraction."""
        return self.flr_ml - (1.0 - credit) * self.ml

    @property
    def unfed(self) -> str:
        """What has lost its portal branch, in words, and all that has lost a vessel where that is more; empty below 1 mL."""
        by = summed(self.devascularised or {})
        if total(by) < 1.0:
            return ""
        said = f"{spoken(by)} of what stays was fed by portal branches that are lost"
        more = self.ml - total(by) >= 1.0
        return f"{said}; with what loses its outflow {self.ml:.0f} mL" if more else said

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is said about it."""
        out = [self.unfed] if self.unfed else []
        out += [v.sentence for v in self.veins if v.sentence]
        return tuple(out)


def deprivation(supply: Supply, staged: StagedPlan, evidence: Evidence) -> Deprivation:
    """Return what a plan leaves without inflow or outflow.

    In an anatomical resection the surgeon dissects the portal branches of what stays free and divides those whose
    segments all go. A wedge, an ablation zone or a plane drawn through a branch loses all that hangs beyond it. A
    hepatic vein is lost from where it goes, outward; one that the plane of a resection splits lengthwise is taken
    to be dissected free, and what taking it would congest is shown beside.
    """
    pieces, grid, circulation = supply.pieces, supply.pieces.grid, supply.circulation
    # One more than there are pieces: what is no tissue, −1, neither goes nor stays.
    n = len(pieces.region) + 1
    gone, undissected, anatomical = (np.zeros(n, dtype=np.bool_) for _ in range(3))
    resected: set[str] = set()
    dissected = evidence.value("congestion.dissected")
    goes_at = np.zeros(n - 1, dtype=np.int64)
    for op in staged.operations:
        goes_at[op.goes] = op.stage
    goes_at = np.where(staged.stays, 0, goes_at)[supply.piece]
    lost = {tree: np.zeros(len(supply.size), dtype=np.bool_) for tree in circulation.trees}
    found: dict[str, Losses] = {}
    either = np.zeros(len(supply.size), dtype=np.bool_)
    parts: list[DeprivedPart] = []
    losing: list[DeprivedPart] = []
    for op, step in zip(staged.operations, staged.plan.operations, strict=True):
        own = np.isin(pieces.region, grid.ids(segments=op.resects)) & op.goes
        gone[:-1] |= op.goes
        anatomical[:-1] |= own
        undissected[:-1] |= op.ablates
        if isinstance(step.action, Operate):
            undissected[:-1] |= op.goes & ~own & wedged_by(step.action, pieces)
        resected |= op.resects
        for tree, where in circulation.trees.items():
            at = supply.vessel_piece[tree]
            if tree == "portal_vein":
                divided = [b for b in where.vessels.names if _all_go(b, grid.segments, resected)]
                found[tree] = losses(
                    where.vessels, (gone & ~anatomical)[at], undissected[at], divided, dissected=dissected
                )
            else:
                found[tree] = losses(where.vessels, gone[at], undissected[at], dissected=dissected)
            whole = [name for name, b in found[tree].branches.items() if b.lost]
            now = deprived_places(where, found[tree].sections, whole)[supply.places[tree]]
            if tree == "portal_vein":
                parts += _parts(supply, now & ~lost[tree], op.stage, goes_at)
            lost[tree] |= now  # what an operation has taken no later one gives back
        before = either
        either = np.logical_or.reduce([either, *lost.values()])
        losing += _parts(supply, either & ~before, op.stage, goes_at)
    stays = staged.stays[supply.piece]
    inflow = lost.get("portal_vein", np.zeros(len(supply.size), dtype=np.bool_))
    congested = supply.by_segment(stays & either & ~inflow)
    parts += [DeprivedPart(segment, ml, None) for segment, ml in congested.items() if ml > 0]
    by = {tree: supply.by_branch(tree, stays & member) for tree, member in lost.items()}
    flr = sum(staged.flr_ml.values())
    return Deprivation(
        devascularised=by.get("portal_vein"),
        congested=by.get("hepatic_vein"),
        either=supply.by_segment(stays & either),
        flr_ml=flr,
        lost={tree: {n: b.lost for n, b in f.branches.items()} for tree, f in found.items()},
        veins=_veins(supply, found, stays, by, evidence),
        parts=tuple(parts),
        losing=tuple(losing),
    )


def _parts(
    supply: Supply, deprived: NDArray[np.bool_], stage: int, goes_at: NDArray[np.int64]
) -> list[DeprivedPart]:
    """Return what operation `stage` leaves in the patient deprived, by segment and by when it goes; 0 never."""
    out = []
    for goes in np.unique(goes_at):
        if 0 < goes <= stage:
            continue
        by = supply.by_segment(deprived & (goes_at == goes))
        out += [DeprivedPart(s, ml, stage, int(goes) or None) for s, ml in by.items() if ml > 0]
    return out


def _all_go(branch: str, segments: tuple[str, ...], resected: set[str]) -> bool:
    """Return whether every segment a portal branch feeds is resected, by the registry."""
    named = leaves(branch) if branch in SEGMENTS else ()
    fed = {s for s in segments if branch in SEGMENTS[s].portal or s in named}
    return bool(fed) and fed <= resected


def _veins(
    supply: Supply,
    found: Mapping[str, Losses],
    stays: NDArray[np.bool_],
    by: Mapping[str, Mapping[str, BySegment]],
    evidence: Evidence,
) -> tuple[VeinFate, ...]:
    where = supply.circulation.trees.get("hepatic_vein")
    if where is None:
        return ()
    tree, lost = where.vessels, found["hepatic_vein"]
    drains = supply.by_branch("hepatic_vein", stays)
    out = []
    for name, b in lost.branches.items():
        if_taken: BySegment = {}
        if b.lost:
            fate = "taken"
        elif b.split_ml >= evidence.value("congestion.along") * b.ml:
            fate = "along"
            own = tree.branch == tree.names.index(name)
            more = deprived_places(where, tree.downstream(lost.sections | (own & lost.split)))
            if_taken = supply.by_branch("hepatic_vein", stays & more[supply.places["hepatic_vein"]]).get(
                name, {}
            )
        else:
            fate = "cut" if b.lost_ml > 0 else "kept"
        out.append(
            VeinFate(
                name=name,
                fate=fate,
                taken_fraction=b.taken_ml / b.ml,
                drains_ml=drains.get(name, {}),
                congested_ml=by["hepatic_vein"].get(name, {}),
                if_taken_ml=if_taken,
            )
        )
    return tuple(out)


def summed(by_branch: Mapping[str, BySegment]) -> BySegment:
    """Return mL by segment of mL by branch and segment."""
    out: BySegment = {}
    for row in by_branch.values():
        for segment, ml in row.items():
            out[segment] = out.get(segment, 0.0) + ml
    return dict(sorted(out.items()))


def total(by_segment: Mapping[str, float]) -> float:
    """Return the sum over segments, mL."""
    return float(sum(by_segment.values()))


def spoken(by_segment: Mapping[str, float]) -> str:
    """Return a volume with the segments it lies in: 45 mL (S4 44 mL, S3 1 mL)."""
    parts = [
        f"{s} {ml:.0f} mL" for s, ml in sorted(by_segment.items(), key=lambda item: -item[1]) if ml >= 0.5
    ]
    whole = f"{total(by_segment):.0f} mL"
    return f"{whole} ({', '.join(parts)})" if parts else whole
