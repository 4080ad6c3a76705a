"""Labelled structures of any file format on one grid: what a case is assembled from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flrsim.anatomy import check_split_once
from flrsim.errors import AnatomyError, FileError, GeometryError
from flrsim.grid import LabelVolume
from flrsim.io.frames import check_extent
from flrsim.io.nifti import read_label_map
from flrsim.io.surfaces import check_closed, read_closed_surface
from flrsim.io.vtp import read_interface_mesh
from flrsim.label_statistics import label_counts
from flrsim.mesh import LabelledMesh
from flrsim.meshing import grid_frame, labels_from_mesh

Surface = tuple[NDArray[np.float64], NDArray[np.int64]]

MESH_GRID_MM = 0.8
"""Voxel edge of the grid a mesh is scanned on; fine enough that a 5 mm lesion has 190 voxels."""
OVERLAP_OF_TOTAL = 0.01
OVERLAP_OF_ONE = 0.03
"""Separate meshes may overlap or leave gaps up to these shares of the liver and of a segment; more is refused."""
SAME_AFFINE_MM = 0.05


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
    """

    labels: NDArray[np.unsignedinteger]
    affine: NDArray[np.float64]
    names: tuple[str, ...]
    ml: NDArray[np.float64]
    surfaces: Mapping[str, Surface]
    warnings: tuple[str, ...]
    source: str
    from_mesh: bool = False


def from_label_volume(volume: LabelVolume, name_of: Callable[[int], str]) -> Structures:
    """Return the structures of a label map; `name_of` gives each label's name or raises."""
    counts = label_counts(volume.labels).counts
    present = np.flatnonzero(counts)
    present = present[present > 0]
    names = ("outside", *(name_of(int(label)) for label in present))
    check_named_once(names, present, volume.source)
    lut = np.zeros(len(counts), dtype=np.uint16)
    lut[present] = np.arange(1, len(present) + 1)
    # Most maps number their labels 1, 2, 3 … already; looking each voxel of a whole abdomen up costs a
    # second.
    numbered = bool((present == lut[present]).all())
    return Structures(
        labels=volume.labels if numbered else lut[volume.labels],
        affine=volume.affine,
        names=names,
        ml=np.concatenate([[0.0], counts[present] * volume.voxel_ml]),
        surfaces={},
        warnings=(),
        source=volume.source,
    )


def check_named_once(names: tuple[str, ...], labels: NDArray[np.integer], source: str) -> None:
    """Raise when two labels of a file carry one name; `names` has the outside first."""
    for name in names[1:]:
        same = [str(label) for given, label in zip(names[1:], labels, strict=True) if given == name]
        if len(same) > 1:
            raise AnatomyError(
                f"{source}: the labels {' and '.join(same)} are both {name}; join them, or name them apart"
            )


def from_interface_mesh(
    mesh: LabelledMesh, *, source: str, frame: tuple[NDArray[np.float64], tuple[int, int, int]] | None = None
) -> Structures:
    """Return the structures of an interface mesh, scanned onto `frame` or onto a grid of its own.

    Raises
    ------
    GeometryError
        When a region is open, inside out, or leaks.
    """
    warnings = check_closed(mesh, source=source)
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
    check_named_once(names, present, source)
    return Structures(
        labels=lut[scanned],
        affine=affine,
        names=names,
        ml=np.concatenate([[0.0], measures.volume_ml[present]]),
        surfaces={} if lattice else {mesh.names[i]: mesh.region_surface(int(i)) for i in present},
        warnings=warnings,
        source=source,
        from_mesh=True,
    )


def from_closed_surfaces(
    meshes: Mapping[str, LabelledMesh],
    *,
    source: str,
    frame: tuple[NDArray[np.float64], tuple[int, int, int]] | None = None,
    must_touch: bool = True,
) -> Structures:
    """Return the structures of separate closed surfaces; overlaps go to the first named and are reported.

    Parameters
    ----------
    must_touch
        Whether the surfaces make one organ, so that overlaps and gaps between them are checked and limited.
    """
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
    warnings = _overlaps_and_gaps(labels, overlap, own, names, source) if must_touch else ()
    return Structures(labels, affine, names, ml, surfaces, warnings, source, from_mesh=True)


def _overlaps_and_gaps(
    labels: NDArray[np.uint16],
    overlap: NDArray[np.int64],
    own: NDArray[np.int64],
    names: tuple[str, ...],
    source: str,
) -> tuple[str, ...]:
    """Return warnings about overlaps and gaps between the surfaces of one organ; raise when they are large."""
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
        )
    return ()


def read_structures(
    path: Path,
    *,
    name_of: Callable[[int], str],
    frame: str | None = None,
    unit: str | None = None,
    spacing_mm: tuple[float, float, float] | None = None,
    onto: Structures | None = None,
    same_grid: bool = False,
    whole_liver: bool = False,
    surface_name: Callable[[str], str] | None = None,
) -> Structures:
    """Return the structures of a label map, an interface mesh or a folder of STL files.

    Parameters
    ----------
    path : ``.nii``, ``.nii.gz``, ``.vtp``, or a folder of ``.stl``.
    name_of : name of an integer label; raises for labels that have none.
    frame, unit : of mesh files that do not state theirs.
    spacing_mm : voxel size that a person vouches for, in the file's axis order, instead of the header's.
    onto : structures whose grid this file must share (label maps) or is scanned on (meshes).
    same_grid : a person vouches that the voxels correspond although the headers differ.
    whole_liver : whether the extent must be a liver's.
    surface_name : turns a surface file's stem into a structure name.
    """
    suffix = "".join(path.suffixes[-2:]).lower()
    target = None if onto is None else (onto.affine, _shape(onto.labels))
    if path.is_dir():
        return _read_folder(path, frame, unit, target, whole_liver, surface_name)
    if suffix.endswith((".nii", ".nii.gz")):
        volume = read_label_map(path, spacing_mm=spacing_mm)
        if onto is not None:
            volume = _on_same_grid(volume, onto, same_grid)
        return from_label_volume(volume, name_of)
    if path.suffix.lower() == ".vtp":
        mesh = read_interface_mesh(path, frame=frame, unit=unit)
        if whole_liver:
            check_extent(mesh.points, source=path.name, unit=unit or "mm")
        named = tuple(name if name != str(i) or i == 0 else name_of(i) for i, name in enumerate(mesh.names))
        return from_interface_mesh(replace(mesh, names=named), source=path.name, frame=target)
    if not path.exists():
        raise FileError(f"{path.name}: no such file ({path}); check the path")
    raise FileError(
        f"{path.name}: {path.suffix or 'no extension'} is not a format flrsim reads; "
        "give .nii, .nii.gz, .vtp or a folder of .stl"
    )


def read_surface_table(
    files: Mapping[str, Path],
    *,
    frame: str,
    unit: str,
    source: str,
    onto: Structures | None = None,
    whole_liver: bool = False,
    must_touch: bool = True,
) -> Structures:
    """Return the structures of a table name → closed STL file."""
    meshes = {
        name: read_closed_surface(file, name=name, frame=frame, unit=unit) for name, file in files.items()
    }
    if whole_liver:
        check_extent(np.concatenate([m.points for m in meshes.values()]), source=source, unit=unit)
    target = None if onto is None else (onto.affine, _shape(onto.labels))
    return from_closed_surfaces(meshes, source=source, frame=target, must_touch=must_touch)


def _read_folder(
    path: Path,
    frame: str | None,
    unit: str | None,
    target: tuple[NDArray[np.float64], tuple[int, int, int]] | None,
    whole_liver: bool,
    surface_name: Callable[[str], str] | None,
) -> Structures:
    files = sorted(p for p in path.iterdir() if p.suffix.lower() == ".stl")
    if not files:
        raise FileError(f"{path.name} holds no .stl file; a folder of closed STL, one a structure, is needed")
    if frame is None or unit is None:
        raise GeometryError(
            f'{path.name}: STL files do not say their frame and unit; state them: frame = "LPS" or "RAS", '
            'unit = "mm", "cm" or "m"'
        )
    named: dict[str, Path] = {}
    for file in files:
        name = surface_name(file.stem) if surface_name is not None else file.stem
        if name in named:
            raise AnatomyError(f"{path.name}: {named[name].name} and {file.name} are both {name}; keep one")
        named[name] = file
    check_split_once(named, source=path.name)
    meshes = {
        name: read_closed_surface(file, name=name, frame=frame, unit=unit) for name, file in named.items()
    }
    if whole_liver:
        check_extent(np.concatenate([m.points for m in meshes.values()]), source=path.name, unit=unit)
    return from_closed_surfaces(meshes, source=path.name, frame=target, must_touch=whole_liver)


def _shape(labels: NDArray[np.unsignedinteger]) -> tuple[int, int, int]:
    return int(labels.shape[0]), int(labels.shape[1]), int(labels.shape[2])


def _on_same_grid(volume: LabelVolume, onto: Structures, same_grid: bool) -> LabelVolume:
    """Return `volume` when it lies on the grid of `onto`; raise when it does not and nobody vouched for it."""
    if volume.labels.shape != onto.labels.shape:
        raise GeometryError(
            f"{volume.source} has {_times(volume.labels.shape)} voxels and {onto.source} has {_times(onto.labels.shape)}; "
            "both must lie on one grid: resample one onto the other"
        )
    away = np.abs(volume.affine - onto.affine)
    if away.max() <= SAME_AFFINE_MM:
        return volume
    if same_grid:
        return replace(volume, affine=onto.affine)
    offset = float(np.linalg.norm((volume.affine - onto.affine)[:3, 3]))
    raise GeometryError(
        f"{volume.source} lies on another frame than {onto.source}: the origins are {offset:.0f} mm apart on the same "
        f"{_times(volume.labels.shape)} voxels; correct the header, or, if the voxels correspond, "
        "accept it in [anatomy.accept]: same_grid = true"
    )


def _times(shape: tuple[int, ...]) -> str:
    return " × ".join(str(n) for n in shape)
