"""LiverCase: regions, lesions, vessels and the patient, assembled from structures on one grid."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from flrsim.distances import SurfaceSearch
from flrsim.errors import AnatomyError, GeometryError
from flrsim.forensics import examine_names, refuse
from flrsim.grid import PARENCHYMA, Region, RegionGrid, spacing_of
from flrsim.io.structures import Structures, Surface
from flrsim.label_statistics import label_counts
from flrsim.mask_surface import surface_of_mask
from flrsim.mesh import MM2_PER_CM2
from flrsim.meshing import contact_areas_cm2
from flrsim.patient import Patient, Treatment

LESION_OUTSIDE_LIMIT = 0.10
SPECK_ML = 0.01


@dataclass(frozen=True)
class Lesion:
    """One lesion as imaged.

    Attributes
    ----------
    volume_ml : all of it, inside and outside the labelled liver.
    outside_ml : the part outside the labelled liver.
    segments : share of the volume in each segment and ``outside``; sums to 1.
    longest_3d_mm, longest_axial_mm : longest diameter in space and within one axial slice (RECIST).
    centre_mm : (3,) LPS.
    surface : points (n, 3) mm and triangles (m, 3).
    """

    name: str
    volume_ml: float
    outside_ml: float
    segments: Mapping[str, float]
    longest_3d_mm: float
    longest_axial_mm: float
    centre_mm: tuple[float, float, float]
    surface: Surface

    @property
    def surface_cm2(self) -> float:
        """Area of the lesion's surface, cm²."""
        points, triangles = self.surface
        corner = points[triangles]
        cross = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        return 0.5 * float(np.linalg.norm(cross, axis=1).sum()) / MM2_PER_CM2

    @cached_property
    def search(self) -> SurfaceSearch:
        """Distances to the lesion's surface."""
        return SurfaceSearch(*self.surface)


@dataclass(frozen=True)
class Vessel:
    """One labelled vessel.

    Attributes
    ----------
    tree : ``portal_vein``, ``hepatic_vein`` or ``unsplit``.
    branch : name of the branch, or None when the file does not split the tree.
    encased_ml : the part of it that lies inside each lesion, by the lesion's name; in the grid that tissue is lesion.
    encased_voxels : (n, 3) int64, the grid's voxels of that part.
    """

    name: str
    tree: str
    branch: str | None
    volume_ml: float
    encased_ml: Mapping[str, float] = field(default_factory=dict)
    encased_voxels: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros((0, 3), dtype=np.int64), compare=False, repr=False
    )


@dataclass(frozen=True)
class Accepted:
    """What a person vouched for against the checks; each is shown in every report.

    Attributes
    ----------
    spacing_mm : voxel size that replaces the header's.
    mirrored : the file is a mirror image; it is read the right way round.
    same_grid : lesion and vessel files correspond voxel by voxel although their headers differ.
    lesions_outside : lesions that lie outside the labelled liver and still count.
    missing_segments : segments that are truly absent (resected before).
    proportions : size and proportions are this patient's own.
    """

    spacing_mm: tuple[float, float, float] | None = None
    mirrored: bool = False
    same_grid: bool = False
    lesions_outside: tuple[str, ...] = ()
    missing_segments: tuple[str, ...] = ()
    proportions: bool = False

    def sentences(self) -> tuple[str, ...]:
        """Return what was accepted, one sentence each."""
        out = []
        if self.spacing_mm is not None:
            out.append(
                "accepted by hand: voxel size " + " × ".join(f"{v:g}" for v in self.spacing_mm) + " mm"
            )
        if self.mirrored:
            out.append("accepted by hand: the file is mirrored and was read the right way round")
        if self.same_grid:
            out.append("accepted by hand: files with different headers share one grid")
        if self.proportions:
            out.append("accepted by hand: unusual size or proportions")
        out.extend(
            f"accepted by hand: {name} lies outside the labelled liver" for name in self.lesions_outside
        )
        out.extend(f"accepted by hand: {name} is absent" for name in self.missing_segments)
        return tuple(out)


@dataclass(frozen=True)
class Fidelity:
    """How finely the liver was imaged and how well its files fit: part of what its volumes are uncertain by.

    Attributes
    ----------
    slice_mm : longest voxel edge of the label map; None for meshes, whose slices nobody knows.
    smooth : segments and lesions that were given as smooth surfaces.
    defect_ml : at most what open edges, overlaps and gaps do to a segment's or lesion's volume, by name.
    """

    slice_mm: float | None = None
    smooth: frozenset[str] = frozenset()
    defect_ml: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, segments: Structures, lesions: Structures | None) -> Fidelity:
        """Return the fidelity of the files a case is made of."""
        files = [segments] if lesions is None else [segments, lesions]
        return cls(
            slice_mm=None if segments.from_mesh else float(spacing_of(segments.affine).max()),
            smooth=frozenset(name for file in files for name in file.surfaces),
            defect_ml={name: ml for file in files for name, ml in file.defect_ml.items()},
        )


@dataclass(frozen=True)
class LiverCase:
    """Everything known about one patient's liver on the day of the scan.

    Attributes
    ----------
    centrelines : tree → branch → (n, 3) LPS mm; where given, territories follow them and not the labelled vessels.
    """

    name: str
    grid: RegionGrid
    lesions: tuple[Lesion, ...]
    vessels: tuple[Vessel, ...]
    patient: Patient | None = None
    history: tuple[Treatment, ...] = ()
    scan_day: int = 0
    accepted: Accepted = field(default_factory=Accepted)
    warnings: tuple[str, ...] = ()
    inputs_sha256: Mapping[str, str] = field(default_factory=dict)
    centrelines: Mapping[str, Mapping[str, NDArray[np.float64]]] = field(default_factory=dict, compare=False)
    fidelity: Fidelity = field(default_factory=Fidelity)

    def lesion(self, name: str) -> Lesion:
        """Return a lesion by name."""
        for lesion in self.lesions:
            if lesion.name == name:
                return lesion
        known = ", ".join(les.name for les in self.lesions) or "none"
        raise AnatomyError(f'lesion "{name}" is not in the case; its lesions are {known}')

    def has_tree(self, tree: str) -> bool:
        """Return whether any vessel of a tree was supplied."""
        return any(v.tree == tree for v in self.vessels)

    @cached_property
    def contact_cm2(self) -> NDArray[np.float64]:
        """Area of the smoothed wall between segments in the order of the grid's, (n + 1, n + 1); row 0 is the outside."""
        grid = self.grid
        return contact_areas_cm2(grid.segment_labels, grid.affine, len(grid.segments) + 1)

    @property
    def segment_ml(self) -> dict[str, float]:
        """All that is inside each segment, mL."""
        return {s: float(self.grid.ml[self.grid.ids(segments=[s])].sum()) for s in self.grid.segments}

    @property
    def parenchyma_ml(self) -> dict[str, float]:
        """Parenchyma of each segment, mL: without lesions, with the vessels that are not labelled."""
        return {
            s: float(self.grid.ml[self.grid.ids(segments=[s], kind=PARENCHYMA)].sum())
            for s in self.grid.segments
        }


@dataclass(frozen=True)
class VesselFile:
    """Structures of one vessel file and the tree they belong to."""

    tree: str
    structures: Structures


def assemble(
    segments: Structures,
    lesions: Structures | None,
    vessels: tuple[VesselFile, ...],
    *,
    accepted: Accepted | None = None,
) -> tuple[RegionGrid, tuple[Lesion, ...], tuple[Vessel, ...], tuple[str, ...]]:
    """Return the region grid, lesions, vessels and warnings of structures that lie on one grid.

    A lesion over a vessel is lesion. A lesion's or segment's exact mesh volume is shared out by voxels.

    Raises
    ------
    AnatomyError
        When a segment is missing or a lesion lies outside the labelled liver, and nobody vouched for it.
    """
    accepted = accepted or Accepted()
    refuse(
        examine_names(segments.names[1:], segments.source, accepted.missing_segments, unread=segments.unread)
    )
    warnings = list(segments.warnings)
    tissue = np.zeros(segments.labels.shape, dtype=np.uint16)
    rows: list[tuple[str, str]] = [(PARENCHYMA, PARENCHYMA)]
    vessel_list: list[tuple[str, str, str | None, float]] = []
    for file in vessels:
        warnings.extend(file.structures.warnings)
        for label, name in enumerate(file.structures.names):
            if label == 0:
                continue
            full = file.tree if name == file.tree else f"{file.tree}:{name}"
            rows.append((full, "vessel"))
            tissue[(file.structures.labels == label) & (tissue == 0)] = len(rows) - 1
            vessel_list.append(
                (full, file.tree, None if name == file.tree else name, float(file.structures.ml[label]))
            )
    encased: dict[str, dict[str, float]] = {}
    hidden: dict[str, NDArray[np.int64]] = {}
    if lesions is not None:
        warnings.extend(lesions.warnings)
        both = (lesions.labels > 0) & (tissue > 0)
        if both.any():
            voxel = abs(float(np.linalg.det(segments.affine[:3, :3]))) / 1000.0
            ml = np.count_nonzero(both) * voxel
            warnings.append(f"lesion and vessel labels overlap in {ml:.2f} mL; that tissue counts as lesion")
            pairs, counts = np.unique(
                np.stack([tissue[both], lesions.labels[both]]), axis=1, return_counts=True
            )
            for (row, lesion), n in zip(pairs.T, counts, strict=True):
                encased.setdefault(rows[row][0], {})[lesions.names[lesion]] = float(n * voxel)
            at = np.argwhere(both)
            for row in np.unique(pairs[0]):
                hidden[rows[row][0]] = at[tissue[both] == row]
        for label, name in enumerate(lesions.names):
            if label == 0:
                continue
            rows.append((name, "lesion"))
            tissue[lesions.labels == label] = len(rows) - 1
    grid = _region_grid(segments, tissue, rows, lesions)
    lesion_list = () if lesions is None else tuple(_lesions(grid, lesions, accepted, warnings))
    # The grid is a cropped part of the files' grid.
    shift = np.rint(np.linalg.solve(segments.affine[:3, :3], (grid.affine - segments.affine)[:3, 3]))
    vessel_rows = tuple(
        Vessel(
            *v,
            encased_ml=encased.get(v[0], {}),
            encased_voxels=hidden.get(v[0], np.zeros((0, 3), dtype=np.int64)) - shift.astype(np.int64),
        )
        for v in vessel_list
    )
    return grid, lesion_list, vessel_rows, tuple(warnings)


def _region_grid(
    segments: Structures, tissue: NDArray[np.uint16], rows: list[tuple[str, str]], lesions: Structures | None
) -> RegionGrid:
    """Return the grid of the regions that exist, with exact volumes."""
    from flrsim.kernels.labels import combine, count_pairs

    boxes = [box for a in (segments.labels, tissue) if (box := label_counts(a).box) is not None]
    if not boxes:
        raise GeometryError(f"{segments.source} holds no label at all; it is an empty map")
    low = np.maximum(np.min([box[0] for box in boxes], axis=0) - 2, 0)
    high = np.minimum(np.max([box[1] for box in boxes], axis=0) + 3, np.asarray(segments.labels.shape))
    part = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    seg = np.ascontiguousarray(segments.labels[part])
    tis = np.ascontiguousarray(tissue[part])
    counts = count_pairs(seg, tis, len(segments.names), len(rows))
    region_of = np.zeros((len(segments.names), len(rows)), dtype=np.uint16)
    table: list[Region | None] = [None]
    ml = [0.0]
    voxel = abs(float(np.linalg.det(segments.affine[:3, :3]))) / 1000.0
    lesion_voxels = {name: int(counts[:, t].sum()) for t, (name, kind) in enumerate(rows) if kind == "lesion"}
    for s in range(len(segments.names)):
        in_segment = 0.0
        parenchyma = -1
        n_segment = int(counts[s].sum())
        for t, (name, kind) in enumerate(rows):
            if counts[s, t] == 0 or (s == 0 and t == 0):
                continue
            region_of[s, t] = len(table)
            table.append(Region(segments.names[s] if s else None, name, kind))
            if kind == "lesion" and lesions is not None:
                share = counts[s, t] / lesion_voxels[name]
                volume = float(lesions.ml[lesions.names.index(name)]) * share
            elif s and kind != PARENCHYMA:
                volume = float(segments.ml[s]) * counts[s, t] / n_segment
            else:
                volume = counts[s, t] * voxel
            if kind == PARENCHYMA:
                parenchyma = len(ml)
            else:
                in_segment += volume
            ml.append(volume)
        if s and parenchyma >= 0:
            # What a segment holds is exactly its own volume, however finely its inside was divided.
            ml[parenchyma] = float(segments.ml[s]) - in_segment
            if ml[parenchyma] < 0:
                raise GeometryError(
                    f"{segments.names[s]} holds {in_segment:.1f} mL of lesion and vessel in {segments.ml[s]:.1f} mL: "
                    "the files do not fit each other; check their units and frames"
                )
    affine = segments.affine.copy()
    affine[:3, 3] = segments.affine[:3, :3] @ low + segments.affine[:3, 3]
    return RegionGrid(np.asarray(combine(seg, tis, region_of)), affine, tuple(table), np.array(ml))


def _lesions(
    grid: RegionGrid, structures: Structures, accepted: Accepted, warnings: list[str]
) -> list[Lesion]:
    """Return the facts of each lesion; warn of tissue outside the liver and refuse lesions that lie outside it."""
    out: list[Lesion] = []
    astray: dict[str, str] = {}
    for name in structures.names[1:]:
        ids = grid.ids(tissue=name, kind="lesion")
        if not len(ids):
            raise GeometryError(
                f'{structures.source}: lesion "{name}" covers no voxel of the case\'s grid; it is tiny or in another frame'
            )
        mask = grid.mask(ids)
        shares: dict[str, float] = {}
        total = float(grid.ml[ids].sum())
        for i in ids:
            row = grid.table[i]
            segment = row.segment if row is not None and row.segment is not None else "outside"
            shares[segment] = shares.get(segment, 0.0) + float(grid.ml[i]) / total
        outside = shares.get("outside", 0.0)
        if outside > LESION_OUTSIDE_LIMIT and name not in accepted.lesions_outside:
            astray[name] = f"{100 * outside:.0f} % of {name} ({outside * total:.3g} of {total:.3g} mL)"
            continue
        warnings += outside_warning(name, outside, total)
        surface = structures.surfaces.get(name) or surface_of_mask(mask, grid.affine)
        longest, axial = _diameters(mask, grid.affine)
        centre = grid.world(np.argwhere(mask).mean(axis=0, keepdims=True))[0]
        out.append(
            Lesion(
                name=name,
                volume_ml=total,
                outside_ml=outside * total,
                segments=dict(sorted(shares.items())),
                longest_3d_mm=longest,
                longest_axial_mm=axial,
                centre_mm=(float(centre[0]), float(centre[1]), float(centre[2])),
                surface=surface,
            )
        )
    if astray:
        keys = ", ".join(f'"{name}"' for name in astray)
        raise AnatomyError(
            f"{structures.source}: {' and '.join(astray.values())} {'lies' if len(astray) == 1 else 'lie'} outside the labelled "
            f"liver; up to {100 * LESION_OUTSIDE_LIMIT:.0f} % can be read; extend the liver labels over it, or accept it in "
            f"[anatomy.accept]: lesions_outside = [{keys}]"
        )
    return out


def outside_warning(name: str, share: float, total_ml: float) -> list[str]:
    """Return the warning of a lesion that lies in part outside the liver; none of what would be printed as nothing.

    Parameters
    ----------
    share : of the lesion, 0 … 1, that lies outside.
    """
    ml, percent = f"{share * total_ml:.2f}", f"{100 * share:.1f}"
    if not float(ml) and not float(percent):
        return []
    amount = f"{ml} mL" if float(ml) else "under 0.01 mL"
    part = f"{percent} %" if float(percent) else "under 0.1 %"
    return [
        f"{name}: {amount} ({part}) lies outside the labelled liver; it counts in the lesion, not in the liver"
    ]


def _diameters(mask: NDArray[np.bool_], affine: NDArray[np.float64]) -> tuple[float, float]:
    """Return the longest diameter in space and within one axial slice, mm.

    Measured between the midpoints of voxel faces on the boundary, where marching cubes puts its vertices, as
    the IBSI's maximum 3D diameter is defined.
    """
    index = np.argwhere(mask)
    low = index.min(axis=0)
    local = np.pad(mask[tuple(slice(a, b + 1) for a, b in zip(low, index.max(axis=0), strict=True))], 1)
    points = []
    for axis in range(3):
        edge = np.argwhere(np.diff(local.astype(np.int8), axis=axis) != 0).astype(np.float64)
        edge[:, axis] += 0.5
        points.append(edge + low - 1)
    everything = np.concatenate(points)
    in_slice = np.concatenate(points[:2])
    axial = max(_longest(in_slice[in_slice[:, 2] == k] @ affine[:3, :3].T) for k in np.unique(in_slice[:, 2]))
    return _longest(everything @ affine[:3, :3].T), axial


def _longest(points: NDArray[np.float64]) -> float:
    """Return the largest distance between two of the points, mm."""
    from scipy.spatial import ConvexHull, QhullError
    from scipy.spatial.distance import pdist

    # A slice is flat: its hull lives in two dimensions.
    flat = points[:, np.ptp(points, axis=0) > 1e-9]
    if len(points) > 8 and flat.shape[1] >= 2:
        # Points on a line have no hull; all of them are few enough to compare.
        with contextlib.suppress(QhullError):
            points = points[ConvexHull(flat).vertices]
    return float(pdist(points).max())
