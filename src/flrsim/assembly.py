"""Structures on one grid to regions, lesions and vessels."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flrsim.case import Accepted, Lesion, Vessel
from flrsim.errors import AnatomyError, GeometryError
from flrsim.forensics import examine_names, refuse
from flrsim.grid import PARENCHYMA, Region, RegionGrid
from flrsim.io.structures import Structures
from flrsim.label_statistics import label_counts
from flrsim.mask_surface import surface_of_mask

LESION_OUTSIDE_LIMIT = 0.10


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
