"""Labelled structures of any file format on one grid: what a case is assembled from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from flrsim.errors import AnatomyError, GeometryError
from flrsim.forensics import refuse
from flrsim.grid import LabelVolume
from flrsim.io.naming import Naming
from flrsim.io.raw import RawSurface
from flrsim.io.surfaces import judge_interface
from flrsim.label_statistics import label_counts
from flrsim.mesh import LabelledMesh
from flrsim.meshing import grid_frame, labels_from_mesh
from flrsim.results import Finding

Surface = tuple[NDArray[np.float64], NDArray[np.int64]]

MESH_GRID_MM = 0.8
"""Voxel edge of the grid a mesh is scanned on; fine enough that a 5 mm lesion has 190 voxels."""
OVERLAP_OF_TOTAL = 0.01
OVERLAP_OF_ONE = 0.03
"""Separate meshes may overlap or leave gaps up to these shares of the liver and of a segment; more is refused."""


@dataclass(frozen=True)
class Structures:
    """Named structures on one grid.

    Attributes
    ----------
    labels : (nx, ny, nz) uint8 or uint16; 0 is none of them.
    affine : (4, 4) voxel indices to LPS mm.
    names : name of each label; ``names[0] = "outside"``.
    ml : (n_labels,) exact volume of each structure: its voxels', or its mesh's.
    surfaces : given smooth surfaces by name; empty for voxels.
    warnings : sentences about what is usable but not clean.
    source : file name.
    from_mesh : whether a mesh was scanned, so that there is no voxel size to doubt.
    own_names : names the file itself gives to what it holds, read or not.
    unread : those of them that are left out.
    cropped : whether the file says that its grid is a part of a larger one.
    defect_ml : at most what open edges, overlaps and gaps do to the volume of each structure, mL by name.
    findings : what its geometry was found to be, where it is a mesh; their sentences are among the warnings.
    """

    labels: NDArray[np.unsignedinteger]
    affine: NDArray[np.float64]
    names: tuple[str, ...]
    ml: NDArray[np.float64]
    surfaces: Mapping[str, Surface]
    warnings: tuple[str, ...]
    source: str
    from_mesh: bool = False
    own_names: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    cropped: bool = False
    defect_ml: Mapping[str, float] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def from_label_volumes(
    volumes: Sequence[LabelVolume], naming: Naming, *, source: str, one_organ: bool = False
) -> Structures:
    """Return the structures of label volumes on one grid: a map, or the layers or files of a segmentation.

    Parameters
    ----------
    one_organ
        Whether the structures make one organ, so that overlaps between layers are limited.

    Raises
    ------
    AnatomyError
        When a label cannot be named, or two are named the same.
    """
    counts = [label_counts(v.labels).counts for v in volumes]
    found = [(k, int(label)) for k, n in enumerate(counts) for label in np.flatnonzero(n) if label > 0]
    own = [volumes[k].names[label] for k, label in found if _own_name(volumes[k], label, naming)]
    chosen = naming.choose(own, source) if own else {}
    rows: list[tuple[int, int]] = []
    names = ["outside"]
    unknown: list[Finding] = []
    for k, label in found:
        volume = volumes[k]
        named = _own_name(volume, label, naming)
        if not named and any(v.names for v in volumes) and label not in naming.labels:
            sentence = f"{source} names its labels, but not {label}: name it in the file or in [anatomy.labels], or remove it"
            unknown.append(Finding("refused", "unknown_label", sentence, count=1))
            continue
        try:
            name = chosen.get(volume.names[label]) if named else naming.of_label(label, source)
        except AnatomyError as error:
            unknown.append(Finding("refused", "unknown_label", error.sentence, count=1))
            continue
        if name is not None:
            rows.append((k, label))
            names.append(name)
    refuse(unknown)
    check_named_once(tuple(names), [_called(volumes, k, label) for k, label in rows], source)
    unread = tuple(name for name in own if name not in chosen)
    warnings = naming.ignored(unread, source)
    first = volumes[0]
    if len(volumes) == 1:
        lut = np.zeros(len(counts[0]), dtype=np.uint16)
        for row, (_, label) in enumerate(rows, start=1):
            lut[label] = row
        # Most maps number their labels 1, 2, 3 … already; looking each voxel of a whole abdomen up costs a
        # second.
        numbered = [label for _, label in found] == list(range(1, len(rows) + 1))
        labels = first.labels if numbered else lut[first.labels]
        voxels = np.array([0, *(counts[0][label] for _, label in rows)])
    else:
        labels, voxels, overlapping = _one_after_another(volumes, rows, names, source, one_organ)
        warnings += overlapping
    return Structures(
        labels=labels,
        affine=first.affine,
        names=tuple(names),
        ml=voxels * first.voxel_ml,
        surfaces={},
        warnings=warnings,
        source=source,
        own_names=tuple(own),
        unread=unread,
        cropped=any(v.cropped for v in volumes),
    )


def _own_name(volume: LabelVolume, label: int, naming: Naming) -> bool:
    """Return whether a label goes by the file's name: it has one, and no person named the number."""
    return label in volume.names and label not in naming.labels


def _called(volumes: Sequence[LabelVolume], k: int, label: int) -> str:
    """Return how a sentence calls one label of one of the volumes."""
    name = volumes[k].names.get(label)
    return str(label) if name is None else f'"{name}"'


def _one_after_another(
    volumes: Sequence[LabelVolume],
    rows: Sequence[tuple[int, int]],
    names: Sequence[str],
    source: str,
    one_organ: bool,
) -> tuple[NDArray[np.uint16], NDArray[np.int64], tuple[str, ...]]:
    """Return labels, voxel counts and warnings of layers; a voxel of two structures belongs to the first."""
    labels = np.zeros(volumes[0].labels.shape, dtype=np.uint16)
    own, lost = np.zeros(len(names), dtype=np.int64), np.zeros(len(names), dtype=np.int64)
    for row, (k, label) in enumerate(rows, start=1):
        mask = volumes[k].labels == label
        taken = mask & (labels > 0)
        own[row], lost[row] = np.count_nonzero(mask), np.count_nonzero(taken)
        labels[mask & ~taken] = row
    if not lost.any():
        return labels, own, ()
    worst = int(np.argmax(lost / np.maximum(own, 1)))
    share_one, share_all = lost[worst] / own[worst], lost.sum() / own.sum()
    if one_organ and (share_all > OVERLAP_OF_TOTAL or share_one > OVERLAP_OF_ONE):
        raise GeometryError(
            f"{source}: the structures overlap by {100 * share_all:.1f} % of the liver (most: {names[worst]}, "
            f"{100 * share_one:.1f} % of it lies in others); at most 1 % of the liver and 3 % of a segment can be read; "
            "separate them"
        )
    ml = float(lost.sum()) * volumes[0].voxel_ml
    return (
        labels,
        own - lost,
        (f"{source}: structures overlap in {ml:.2f} mL; that tissue counts once, in the one named first",),
    )


def check_named_once(names: tuple[str, ...], labels: Sequence[object], source: str) -> None:
    """Raise when two labels of a file carry one name; `names` has the outside first."""
    for name in names[1:]:
        same = [str(label) for given, label in zip(names[1:], labels, strict=True) if given == name]
        if len(same) > 1:
            raise AnatomyError(
                f"{source}: the labels {' and '.join(same)} are both {name}; join them, or name them apart"
            )


def from_interface_mesh(
    raw: RawSurface,
    naming: Naming,
    *,
    source: str,
    frame: tuple[NDArray[np.float64], tuple[int, int, int]] | None = None,
    whole_liver: bool = False,
    known: Sequence[Finding] = (),
) -> Structures:
    """Return the structures of an interface mesh in LPS mm, scanned onto `frame` or onto a grid of its own.

    A region whose name is its number has none; regions that are not wanted become outside.

    Parameters
    ----------
    whole_liver
        Whether the regions make one liver.
    known
        What was found about the file before.

    Raises
    ------
    GeometryError
        When a region is open, inside out, crosses another …, one error with every finding; or when it leaks on that
        grid.
    """
    faces, sides, region_names, own, unread, unknown = _wanted_regions(raw, naming, source)
    judged = judge_interface(
        raw.points, faces, sides, region_names, source, whole_liver=whole_liver, known=known
    )
    refuse((*known, *unknown, *judged))
    warnings = (*naming.ignored(unread, source), *(f.sentence for f in (*known, *judged)))
    mesh = LabelledMesh(raw.points, faces, sides, region_names)
    measures = mesh.measure()
    present = np.unique(mesh.sides)
    present = present[present > 0]
    affine, shape, lattice = grid_frame(mesh.points, MESH_GRID_MM)
    if frame is not None:
        affine, shape = frame
    scanned = labels_from_mesh(mesh, affine, shape)
    lut = np.zeros(len(mesh.names), dtype=np.uint16)
    lut[present] = np.arange(1, len(present) + 1)
    names = ("outside", *(mesh.names[i] for i in present))
    return Structures(
        labels=lut[scanned],
        affine=affine,
        names=names,
        ml=np.concatenate([[0.0], measures.volume_ml[present]]),
        surfaces={} if lattice else {mesh.names[i]: mesh.region_surface(int(i)) for i in present},
        warnings=warnings,
        source=source,
        from_mesh=True,
        own_names=own,
        unread=unread,
        defect_ml={mesh.names[i]: float(gap) for i, gap in enumerate(closure_ml(mesh)) if i in present},
        findings=(*known, *judged),
    )


def _wanted_regions(
    raw: RawSurface, naming: Naming, source: str
) -> tuple[
    NDArray[np.int64], NDArray[np.uint16], tuple[str, ...], tuple[str, ...], tuple[str, ...], list[Finding]
]:
    """Return faces and sides of the wanted regions, their names, the file's own names, what is left out, and what has no name."""
    sides = np.asarray(raw.sides).astype(np.uint16)
    present = [int(i) for i in np.unique(sides) if i > 0]
    unnamed = {i for i in present if raw.region_names[i] == str(i) or i in naming.labels}
    own = tuple(raw.region_names[i] for i in present if i not in unnamed)
    chosen = naming.choose(own, source) if own else {}
    kept: dict[int, str] = {}
    unknown: list[Finding] = []
    for i in present:
        try:
            name = naming.of_label(i, source) if i in unnamed else chosen.get(raw.region_names[i])
        except AnatomyError as error:
            unknown.append(Finding("refused", "unknown_label", error.sentence, count=1))
            name = str(i)
        if name is not None:
            kept[i] = name
    check_named_once(("outside", *kept.values()), list(kept), source)
    names = tuple(kept.get(i, name) for i, name in enumerate(raw.region_names))
    if len(kept) == len(present):
        return raw.faces, sides, names, own, (), unknown
    lut = np.zeros(len(names), dtype=np.uint16)
    lut[list(kept)] = list(kept)
    sides = lut[sides]
    walls = sides[:, 0] != sides[:, 1]
    unread = tuple(name for name in own if name not in chosen)
    return raw.faces[walls], sides[walls], names, own, unread, unknown


def from_closed_surfaces(
    meshes: Mapping[str, LabelledMesh],
    *,
    source: str,
    frame: tuple[NDArray[np.float64], tuple[int, int, int]] | None = None,
    must_touch: bool = True,
    findings: tuple[Finding, ...] = (),
) -> Structures:
    """Return the structures of separate closed surfaces; overlaps go to the first named and are reported.

    Parameters
    ----------
    must_touch
        Whether the surfaces make one organ, so that overlaps and gaps between them are checked and limited.
    findings
        What was found about them.
    """
    warnings = tuple(f.sentence for f in findings)
    everything = np.concatenate([m.points for m in meshes.values()])
    affine, shape, _ = grid_frame(everything, MESH_GRID_MM)
    if frame is not None:
        affine, shape = frame
    labels = np.zeros(shape, dtype=np.uint16)
    overlap = np.zeros(len(meshes) + 1, dtype=np.int64)
    own = np.zeros(len(meshes) + 1, dtype=np.int64)
    ml = np.zeros(len(meshes) + 1)
    surfaces: dict[str, Surface] = {}
    for label, (name, mesh) in enumerate(meshes.items(), start=1):
        inside = labels_from_mesh(mesh, affine, shape) > 0
        taken = inside & (labels > 0)
        own[label] = np.count_nonzero(inside)
        for other, n in enumerate(np.bincount(labels[taken], minlength=len(overlap))):
            overlap[other] += n
        overlap[label] += np.count_nonzero(taken)
        labels[inside & (labels == 0)] = label
        ml[label] = mesh.measure().volume_ml[1]
        if grid_frame(mesh.points, MESH_GRID_MM)[2] is False:
            surfaces[name] = mesh.region_surface(1)
    names = ("outside", *meshes)
    gaps = 0.0
    if must_touch:
        found, gaps = _overlaps_and_gaps(labels, overlap, own, names, source)
        warnings = (*warnings, *found)
    # What two share is counted in both of them; what lies between them may belong to any of its neighbours.
    defect = {
        name: float(closure_ml(mesh)[1]) + ml[i] * (overlap[i] / max(own[i], 1) + gaps)
        for i, (name, mesh) in enumerate(meshes.items(), start=1)
    }
    return Structures(
        labels,
        affine,
        names,
        ml,
        surfaces,
        warnings,
        source,
        from_mesh=True,
        defect_ml=defect,
        findings=findings,
    )


def closure_ml(mesh: LabelledMesh) -> NDArray[np.float64]:
    """Return at most what missing faces do to each region's volume, (n_regions,) mL: area vector × size of the mesh."""
    size_cm = float(np.linalg.norm(np.ptp(mesh.points, axis=0))) / 10.0
    return np.asarray(np.linalg.norm(mesh.measure().area_vector_cm2, axis=1) * size_cm)


def _overlaps_and_gaps(
    labels: NDArray[np.uint16],
    overlap: NDArray[np.int64],
    own: NDArray[np.int64],
    names: tuple[str, ...],
    source: str,
) -> tuple[tuple[str, ...], float]:
    """Return warnings about overlaps and gaps between the surfaces of one organ, and the gaps' share of it.

    Raise when they are large.
    """
    from scipy import ndimage

    total = float(own.sum())
    union = labels > 0
    gap = ndimage.binary_closing(np.pad(union, 3), iterations=2)[3:-3, 3:-3, 3:-3] & ~union
    # Only room between two structures is a gap; the hollows of the organ's own surface are its shape.
    spread = ndimage.grey_dilation(labels, size=5)
    other = np.where(union, labels, np.uint16(65535))
    low = ndimage.grey_erosion(other, size=5)
    gaps = float(np.count_nonzero(gap & (spread > low) & (low != 65535)))
    worst = int(np.argmax(overlap[1:] / np.maximum(own[1:], 1))) + 1
    share_one = float(overlap[worst] / max(own[worst], 1))
    share_all = float(overlap[1:].sum()) / 2 / total
    if share_all > OVERLAP_OF_TOTAL or share_one > OVERLAP_OF_ONE or gaps / total > OVERLAP_OF_TOTAL:
        raise GeometryError(
            f"{source}: the structures overlap by {100 * share_all:.1f} % of the liver (most: {names[worst]}, "
            f"{100 * share_one:.1f} % of it) and leave gaps of {100 * gaps / total:.1f} %; at most 1 % of the liver and 3 % "
            "of a segment can be read; export them from one label map, or as one interface mesh"
        )
    if share_all + gaps / total > 1e-4:
        return (
            f"{source}: the structures overlap by {100 * share_all:.2f} % and leave gaps of {100 * gaps / total:.2f} % of the "
            "liver; both are carried as error, none is filled",
        ), gaps / total
    return (), gaps / total
