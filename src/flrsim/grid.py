"""RegionGrid, the labelled voxels of a case, and pieces, what every cut of every plan leaves of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from flrsim.arguments import as_affine
from flrsim.label_statistics import label_counts
from flrsim.mesh import MM3_PER_ML

Value = TypeVar("Value", bound=np.generic)

PARENCHYMA = "parenchyma"
OUTSIDE = "outside"


@dataclass(frozen=True)
class LabelVolume:
    """Integer labels on a regular grid, in canonical LPS order.

    Attributes
    ----------
    labels : (nx, ny, nz) uint8 or uint16; axes run toward the patient's Left, Posterior, Superior.
    affine : (4, 4) float64, voxel indices to LPS mm; positive determinant.
    names : label → name, for files that carry names.
    source : file name, for messages.
    cropped : whether the file says that it is a part of a larger grid.
    """

    labels: NDArray[np.unsignedinteger]
    affine: NDArray[np.float64]
    source: str
    names: dict[int, str]
    cropped: bool = False

    @property
    def spacing_mm(self) -> NDArray[np.float64]:
        """Voxel edge lengths, (3,) mm."""
        return spacing_of(self.affine)

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel, mL."""
        return abs(float(np.linalg.det(self.affine[:3, :3]))) / MM3_PER_ML


def spacing_of(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the voxel edge lengths of an affine, (3,) mm."""
    return np.asarray(np.sqrt((affine[:3, :3] ** 2).sum(axis=0)))


@dataclass(frozen=True)
class Region:
    """One row of the region table: a tissue in a segment.

    Attributes
    ----------
    segment : S1 … S8, S4a, S4b, or None for tissue outside the labelled liver.
    tissue : ``parenchyma``, a lesion's name, or a vessel's name.
    kind : ``parenchyma``, ``lesion`` or ``vessel``.
    """

    segment: str | None
    tissue: str
    kind: str


@dataclass(frozen=True)
class RegionGrid:
    """The voxels of a case: each belongs to one region, segment × tissue.

    Attributes
    ----------
    regions : (nx, ny, nz) uint16; 0 is outside.
    affine : (4, 4) voxel indices to LPS mm, positive determinant.
    table : row of each region id; row 0 is None (outside).
    ml : (n_regions,) exact volume of each region; from voxels, or from the given meshes.
    """

    regions: NDArray[np.uint16]
    affine: NDArray[np.float64]
    table: tuple[Region | None, ...]
    ml: NDArray[np.float64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "affine", as_affine(self.affine, name="affine"))
        if self.regions.dtype != np.uint16 or self.regions.ndim != 3:
            raise ValueError(
                f"regions are {self.regions.dtype} {self.regions.shape}; (nx, ny, nz) uint16 is needed"
            )

    @property
    def spacing_mm(self) -> NDArray[np.float64]:
        """Voxel edge lengths, (3,) mm."""
        return spacing_of(self.affine)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Voxels of each region, (n_regions,)."""
        counts = label_counts(self.regions).counts
        return np.concatenate([counts, np.zeros(len(self.table) - len(counts), dtype=np.int64)])

    @cached_property
    def tissue(self) -> NDArray[np.int64]:
        """Flat indices of all voxels but the outside, (n_voxels,), rising."""
        return np.flatnonzero(self.regions)

    @cached_property
    def tissue_region(self) -> NDArray[np.int32]:
        """Region of each voxel of `tissue`, (n_voxels,)."""
        return self.regions.reshape(-1)[self.tissue].astype(np.int32)

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """Names of the segments in the grid, in anatomical order."""
        return tuple(sorted({r.segment for r in self.table if r is not None and r.segment is not None}))

    def ids(
        self,
        *,
        segments: Iterable[str | None] | None = None,
        kind: str | None = None,
        tissue: str | None = None,
    ) -> NDArray[np.int64]:
        """Return the ids of the regions that match every condition given; None sets no condition."""
        wanted = None if segments is None else set(segments)
        return np.array(
            [
                i
                for i, r in enumerate(self.table)
                if r is not None
                and (wanted is None or r.segment in wanted)
                and (kind is None or r.kind == kind)
                and (tissue is None or r.tissue == tissue)
            ],
            dtype=np.int64,
        )

    def mask(self, ids: NDArray[np.int64] | Sequence[int]) -> NDArray[np.bool_]:
        """Return the voxels of some regions, (nx, ny, nz) bool."""
        lut = np.zeros(len(self.table), dtype=np.bool_)
        lut[np.asarray(ids, dtype=np.int64)] = True
        return self.of_regions(lut)

    def of_regions(self, values: NDArray[Value]) -> NDArray[Value]:
        """Return one value per region, (n_regions,), as a grid (nx, ny, nz)."""
        from flrsim.kernels.labels import look_up

        regions = np.ascontiguousarray(self.regions).reshape(-1)
        out = np.empty(regions.size, dtype=values.dtype)
        # Bits are copied, whatever they mean: one kernel for every type of a size.
        bits = f"u{values.dtype.itemsize}"
        look_up(regions, values.view(bits), out.view(bits))
        return out.reshape(self.regions.shape)

    @cached_property
    def liver_ids(self) -> NDArray[np.int64]:
        """Ids of the regions inside the labelled liver: all tissues of all segments."""
        return self.ids(segments=self.segments)

    @cached_property
    def liver(self) -> NDArray[np.bool_]:
        """Voxels of the labelled liver, (nx, ny, nz) bool."""
        return self.mask(self.liver_ids)

    @cached_property
    def segment_labels(self) -> NDArray[np.uint16]:
        """Segment number of each voxel, 1-based in the order of `segments`; 0 outside the labelled liver."""
        lut = np.zeros(len(self.table), dtype=np.uint16)
        for i, r in enumerate(self.table):
            if r is not None and r.segment is not None:
                lut[i] = 1 + self.segments.index(r.segment)
        return self.of_regions(lut)

    def world(self, indices: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return voxel indices (n, 3) as LPS mm."""
        return np.asarray(indices @ self.affine[:3, :3].T + self.affine[:3, 3])


@dataclass(frozen=True)
class CutMark:
    """The voxels inside a cut, and where the cut runs through the voxels that it crosses.

    Attributes
    ----------
    inside : (nx, ny, nz) bool, voxels whose centre is inside.
    crossed : (k,) flat indices of tissue voxels that are partly inside, rising.
    planes : (k, 4), the cut in each of them as (nx, ny, nz, d) in voxels about the voxel's centre: inside
        where n·u >= d.
    """

    inside: NDArray[np.bool_]
    crossed: NDArray[np.int64]
    planes: NDArray[np.float64]

    @classmethod
    def whole(cls, inside: NDArray[np.bool_]) -> CutMark:
        """Return a cut that takes or leaves voxels whole."""
        return cls(inside, np.zeros(0, dtype=np.int64), np.zeros((0, 4)))


@dataclass(frozen=True)
class Parts:
    """Parts of voxels that lie in another piece than the voxel's centre.

    Attributes
    ----------
    of : (n_parts,) position of the voxel in `Pieces.voxels`.
    piece : (n_parts,) piece the part belongs to.
    share : (n_parts,) share of the voxel, above 0 and below 1.
    """

    of: NDArray[np.int64]
    piece: NDArray[np.int32]
    share: NDArray[np.float64]


@dataclass(frozen=True)
class Pieces:
    """The case's regions split by every named cut: one region inside the same cuts is one piece.

    A voxel that a plane or a sheet crosses is shared out between pieces by the volume on each side; its
    centre says where it is painted.

    Attributes
    ----------
    grid : what was cut.
    cuts : names of the cuts, in the order of the columns of `inside`.
    voxels : (n_voxels,) flat indices of the tissue voxels.
    piece_of : (n_voxels,) int32, piece of the centre of each of them.
    parts : what of each voxel lies in other pieces.
    touched : (n_touched,) positions in `voxels` of those whose centre lies in any cut, rising.
    rest : (n_regions,) piece of a region's voxels outside all cuts; −1 where there is none.
    region : (n_pieces,) region of each piece.
    inside : (n_pieces, n_cuts) bool.
    counts : (n_pieces,) voxels by their centres, whole numbers.
    size : (n_pieces,) voxels with their parts; sums to the same total as `counts`.
    ml : (n_pieces,) region mL × the piece's share of the region's voxels.
    """

    grid: RegionGrid
    cuts: tuple[str, ...]
    voxels: NDArray[np.int64]
    piece_of: NDArray[np.int32]
    parts: Parts
    touched: NDArray[np.int64]
    rest: NDArray[np.int64]
    region: NDArray[np.int64]
    inside: NDArray[np.bool_]
    counts: NDArray[np.int64]
    size: NDArray[np.float64]
    ml: NDArray[np.float64]

    def members(self, cuts: Iterable[str]) -> NDArray[np.bool_]:
        """Return the pieces that lie inside at least one of the named cuts, (n_pieces,) bool."""
        columns = [self.cuts.index(c) for c in cuts]
        return np.asarray(self.inside[:, columns].any(axis=1))

    def inside_all(self, cuts: Iterable[str]) -> NDArray[np.bool_]:
        """Return the pieces that lie inside every one of the named cuts, (n_pieces,) bool."""
        columns = [self.cuts.index(c) for c in cuts]
        return np.asarray(self.inside[:, columns].all(axis=1))

    @cached_property
    def _region_counts(self) -> NDArray[np.float64]:
        counts = np.bincount(self.region, weights=self.counts, minlength=len(self.grid.table))
        return counts.astype(np.float64)

    def volume_ml(self, member: NDArray[np.bool_]) -> float:
        """Return the volume of some pieces, mL.

        Voxels are added up within each region first, as whole numbers where no plane crosses them: the
        digits then do not depend on how finely other cuts have divided the same tissue.
        """
        return float(self.region_ml(member).sum())

    def region_ml(self, member: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the volume of some pieces by region, (n_regions,) mL."""
        sizes = whole_voxels(
            np.bincount(self.region[member], weights=self.size[member], minlength=len(self.grid.table))
        )
        share = np.divide(sizes, self._region_counts, out=np.zeros(len(sizes)), where=self._region_counts > 0)
        return np.asarray(self.grid.ml * share)

    def paint(self, values: NDArray[Value]) -> NDArray[Value]:
        """Return one value per piece as a grid, (nx, ny, nz); 0 where there is no tissue."""
        # Outside all cuts a voxel's region says its piece; only what lies in a cut is gone through one by one.
        by_region = np.zeros(len(self.grid.table), dtype=values.dtype)
        by_region[self.rest >= 0] = values[self.rest[self.rest >= 0]]
        out = self.grid.of_regions(by_region)
        out.reshape(-1)[self.voxels[self.touched]] = values[self.piece_of[self.touched]]
        return out

    def cut_voxels(self, member: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return the voxels of some pieces whose centre lies in a cut, flat indices, rising."""
        return self.voxels[self.touched[member[self.piece_of[self.touched]]]]


SLIVER = 1e-9
"""Parts of a voxel smaller than this are rounding and stay with the voxel's centre."""
MOST_IN_VOXEL = 12
"""Planes that may cross one voxel; each doubles its cells."""


def whole_voxels(sizes: NDArray[np.number]) -> NDArray[np.float64]:
    """Return sums of voxels and parts, whole where only rounding keeps them from it.

    A voxel that another plan's plane crosses is a sum of parts here: it must count as one voxel to the last digit.
    """
    nearest = np.rint(sizes)
    return np.where(np.abs(sizes - nearest) < SLIVER, nearest, sizes)


def cut_into_pieces(grid: RegionGrid, cuts: Mapping[str, NDArray[np.bool_] | CutMark]) -> Pieces:
    """Return the pieces that a set of named cuts makes of a grid.

    Parameters
    ----------
    grid
        The case's regions.
    cuts
        Name → the voxels inside the cut, (nx, ny, nz) bool, or a mark that also divides the voxels it
        crosses. Their order does not change the pieces.
    """
    from flrsim.kernels.labels import refine_pieces

    voxels = grid.tissue
    marks = {name: cut if isinstance(cut, CutMark) else CutMark.whole(cut) for name, cut in cuts.items()}
    for mark in marks.values():
        if mark.inside.shape != grid.regions.shape:
            raise ValueError(f"a cut has shape {mark.inside.shape}; the grid has {grid.regions.shape}")
    touched = _touched(grid, marks)
    untouched = grid.counts - np.bincount(grid.tissue_region[touched], minlength=len(grid.table))
    untouched[0] = 0
    of, share, sides = _parts(voxels, marks)
    # Voxels in a cut first, then parts of voxels, each with the marks of the side it lies on; most voxels of a liver lie in no
    # cut, and one of each region stands for all of them.
    n, k = len(touched), len(of)
    whole = np.flatnonzero(untouched)
    at = np.concatenate([touched, of])
    piece_of = np.concatenate([grid.tissue_region[at], whole.astype(np.int32)])
    region = np.arange(len(grid.table), dtype=np.int64)
    inside = np.zeros((len(grid.table), 0), dtype=np.bool_)
    for name, mark in marks.items():
        member = np.concatenate([mark.inside.reshape(-1)[voxels[at]], np.zeros(len(whole), dtype=np.bool_)])
        if name in sides:
            which, side = sides[name]
            member[n + which] = side
        parent, taken = refine_pieces(piece_of, member, len(region))
        region = region[parent]
        inside = np.column_stack([inside[parent], taken])
    present = np.bincount(piece_of, minlength=len(region)) > 0
    renumber = (np.cumsum(present) - 1).astype(np.int32)
    piece_of = renumber[piece_of]
    region, inside = region[present], inside[present]
    parts = Parts(of, piece_of[n : n + k], share)
    rest = np.full(len(grid.table), -1, dtype=np.int64)
    rest[whole] = piece_of[n + k :]
    counts = np.bincount(piece_of[:n], minlength=len(region))
    counts[rest[whole]] += untouched[whole]
    every = rest.astype(np.int32)[grid.tissue_region]
    every[touched] = piece_of[:n]
    # What a part brings to its piece it takes from the piece of the voxel's centre.
    size = counts.astype(np.float64)
    if len(of):
        size += np.bincount(parts.piece, weights=share, minlength=len(region))
        size -= np.bincount(every[of], weights=share, minlength=len(region))
    total = np.bincount(region, weights=counts, minlength=len(grid.table))
    ml = grid.ml[region] * (size / total[region])
    return Pieces(grid, tuple(marks), voxels, every, parts, touched, rest, region, inside, counts, size, ml)


def _touched(grid: RegionGrid, marks: Mapping[str, CutMark]) -> NDArray[np.int64]:
    """Return the positions in `RegionGrid.tissue` of the voxels whose centre lies in any cut, rising."""
    if not marks:
        return np.zeros(0, dtype=np.int64)
    several = np.zeros(grid.regions.size, dtype=np.bool_)
    for mark in marks.values():
        several[np.flatnonzero(mark.inside)] = True
    flat = np.flatnonzero(several)
    return np.searchsorted(grid.tissue, flat[grid.regions.reshape(-1)[flat] > 0])


def _parts(
    voxels: NDArray[np.int64], marks: Mapping[str, CutMark]
) -> tuple[NDArray[np.int64], NDArray[np.float64], dict[str, tuple[NDArray[np.int64], NDArray[np.bool_]]]]:
    """Return the parts of voxels away from their centres.

    Returns
    -------
    of : (n_parts,) position of each part's voxel; share : (n_parts,) of it; sides : name of a cut → the parts
    of voxels that it crosses, and whether each lies inside.
    """
    from flrsim.kernels.cells import cell_shares

    crossing = [(name, mark) for name, mark in sorted(marks.items()) if len(mark.crossed)]
    if not crossing:
        return np.zeros(0, dtype=np.int64), np.zeros(0), {}
    where = np.concatenate([mark.crossed for _, mark in crossing])
    cut = np.repeat(np.arange(len(crossing)), [len(mark.crossed) for _, mark in crossing])
    planes = np.concatenate([mark.planes for _, mark in crossing])
    order = np.lexsort((cut, where))
    where, cut, planes = where[order], cut[order], np.ascontiguousarray(planes[order])
    first = np.flatnonzero(np.concatenate([[True], np.diff(where) > 0]))
    bounds = np.append(first, len(where))
    several = np.diff(bounds)
    if several.max() > MOST_IN_VOXEL:
        raise ValueError(
            f"{several.max()} planes cross one voxel; up to {MOST_IN_VOXEL} are told apart there: plan fewer, or farther apart"
        )
    start, shares = cell_shares(bounds, planes)
    owner = np.repeat(np.arange(len(first)), np.diff(start))
    cell = np.arange(len(shares)) - start[owner]
    rank = np.arange(len(where)) - first[np.repeat(np.arange(len(first)), several)]
    # A cell's bits say on which side of each plane it lies; the centre's are those of the planes at u = 0.
    centre = np.bincount(
        np.repeat(np.arange(len(first)), several),
        weights=np.where(planes[:, 3] <= 0, 2.0**rank, 0.0),
        minlength=len(first),
    ).astype(np.int64)
    kept = (shares > SLIVER) & (cell != centre[owner])
    owner, cell, share = owner[kept], cell[kept], shares[kept]
    position = np.searchsorted(voxels, where[first])
    sides: dict[str, tuple[NDArray[np.int64], NDArray[np.bool_]]] = {}
    column = np.full((len(first), len(crossing)), -1, dtype=np.int64)
    column[np.repeat(np.arange(len(first)), several), cut] = rank
    for c, (name, _) in enumerate(crossing):
        bit = column[owner, c]
        which = np.flatnonzero(bit >= 0)
        sides[name] = which, (cell[which] >> bit[which] & 1).astype(np.bool_)
    return position[owner], share, sides
