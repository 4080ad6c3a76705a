"""A file or folder of any format to structures: which reader, which names, which grid."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flrsim.anatomy import check_split_once
from flrsim.errors import AnatomyError, FileError, FlrsimError, GeometryError
from flrsim.forensics import TURNED, examine_beside, raise_together, turned
from flrsim.grid import LabelVolume
from flrsim.io.frames import check_extent, natural
from flrsim.io.naming import Naming
from flrsim.io.nifti import read_label_map
from flrsim.io.nrrd import read_nrrd
from flrsim.io.raw import RawSurface
from flrsim.io.structures import Structures, from_closed_surfaces, from_interface_mesh, from_label_volumes
from flrsim.io.surfaces import SURFACES, closed_surfaces, read_raw_surface
from flrsim.io.voxels import VOXEL_LIMIT
from flrsim.io.vtp import check_labels
from flrsim.results import Finding

MAPS = (".nii", ".nii.gz", ".nrrd")
"""Extensions of label maps; ``.seg.nrrd`` is one of the last."""
KNOWN = (
    ".nii, .nii.gz, .seg.nrrd, .nrrd, .vtp, .vtm, .stl, .ply, .obj, .glb, or a folder of one label map or one "
    "closed surface a structure"
)
SAME_AFFINE_MM = 0.05
"""Origins and axes of two headers agree when no entry differs by more."""

Frame = tuple[NDArray[np.float64], tuple[int, int, int]]


def read_structures(
    path: Path,
    naming: Naming,
    *,
    frame: str | None = None,
    unit: str | None = None,
    spacing_mm: tuple[float, float, float] | None = None,
    onto: Structures | None = None,
    same_grid: bool = False,
    whole_liver: bool = False,
) -> Structures:
    """Return the structures of a label map, a segmentation, an interface mesh, closed surfaces, or a folder of such.

    Parameters
    ----------
    path : a file of one of the formats in `KNOWN`, or a folder with one file a structure.
    naming : which structures are wanted, and how they are named.
    frame, unit : of mesh files that do not state theirs.
    spacing_mm : voxel size that a person vouches for, in the file's axis order, instead of the header's.
    onto : structures whose grid this file must share (label maps) or is scanned on (meshes).
    same_grid : a person vouches that the voxels correspond although the headers differ.
    whole_liver : whether the structures make one liver, so that extent, overlaps and gaps are checked.

    Raises
    ------
    FlrsimError
        One sentence for anything that cannot be read or believed.
    """
    if not path.exists():
        raise FileError(f"{path.name}: no such file ({path}); check the path")
    if path.is_dir():
        return _read_folder(path, naming, frame, unit, spacing_mm, onto, same_grid, whole_liver)
    if is_map(path):
        volumes = [_shared(v, onto, same_grid) for v in _volumes(path, spacing_mm)]
        return from_label_volumes(volumes, naming, source=path.name, one_organ=whole_liver)
    if path.suffix.lower() not in SURFACES:
        raise FileError(
            f"{path.name}: {path.suffix or 'no extension'} is not a format flrsim reads; give {KNOWN}"
        )
    raw = read_raw_surface(path)
    if raw.sides is not None or (path.suffix.lower() == ".vtp" and whole_liver):
        check_labels(raw)
        placed = raw.placed(frame=frame, unit=unit)
        known = (*_extent([placed], raw, unit, whole_liver), *_beside(placed, onto))
        return from_interface_mesh(
            placed,
            naming,
            source=path.name,
            # What is refused anyway needs no grid that holds it.
            frame=_grid_of(onto, placed.points[:0] if known else placed.points, path.name),
            whole_liver=whole_liver,
            known=known,
        )
    parts = {name: raw.part(k) for k, name in enumerate(raw.part_names)}
    if len(parts) < len(raw.part_names):
        twice = next(name for name in raw.part_names if raw.part_names.count(name) > 1)
        raise AnatomyError(f'{path.name}: two parts are called "{twice}"; name them apart, or join them')
    return _from_parts(parts, naming, path.name, frame, unit, onto, whole_liver)


def read_surface_table(
    files: Mapping[str, Path],
    *,
    frame: str | None,
    unit: str | None,
    source: str,
    onto: Structures | None = None,
    whole_liver: bool = False,
) -> Structures:
    """Return the structures of a table name → closed surface file; all that a file holds is the one structure."""
    raws = _raw_surfaces(files)
    return _from_closed(raws, source, frame, unit, onto, whole_liver)


def is_map(path: Path) -> bool:
    """Return whether a file's extension is a label map's."""
    return path.name.lower().endswith(MAPS)


def stem(path: Path) -> str:
    """Return a file's name without what belongs to its format."""
    return re.sub(r"(\.nii(\.gz)?|(\.seg)?\.nrrd|\.[^.]*)$", "", path.name, count=1, flags=re.IGNORECASE)


def _volumes(path: Path, spacing_mm: tuple[float, float, float] | None) -> list[LabelVolume]:
    if path.suffix.lower() == ".nrrd":
        return read_nrrd(path, spacing_mm=spacing_mm)
    return [read_label_map(path, spacing_mm=spacing_mm)]


def _read_folder(
    path: Path,
    naming: Naming,
    frame: str | None,
    unit: str | None,
    spacing_mm: tuple[float, float, float] | None,
    onto: Structures | None,
    same_grid: bool,
    whole_liver: bool,
) -> Structures:
    """Return the structures of a folder whose files are named after what each holds."""
    files = sorted((p for p in path.iterdir() if p.is_file()), key=lambda p: natural(p.name))
    maps = {p: stem(p) for p in files if is_map(p)}
    meshes = {p: stem(p) for p in files if p.suffix.lower() in SURFACES}
    if maps and meshes:
        raise FileError(
            f"{path.name} holds label maps ({next(iter(maps)).name} …) and surfaces ({next(iter(meshes)).name} …); "
            "keep one kind in a folder"
        )
    if not maps and not meshes:
        raise FileError(
            f"{path.name} holds no file that flrsim reads; a folder holds one label map ({', '.join(MAPS)}) or one closed "
            f"surface ({', '.join(SURFACES)}) a structure"
        )
    own = list((maps or meshes).values())
    chosen = naming.choose(own, path.name)
    named: dict[str, Path] = {}
    for file, name in (maps or meshes).items():
        wanted = chosen.get(name)
        if wanted in named:
            raise AnatomyError(
                f"{path.name}: {named[wanted].name} and {file.name} are both {wanted}; keep one"
            )
        if wanted is not None:
            named[wanted] = file
    check_split_once(named, source=path.name)
    if meshes:
        raws = _raw_surfaces(named)
        found = _from_closed(raws, path.name, frame, unit, onto, whole_liver)
    else:
        volumes = [_binary(file, name, spacing_mm) for name, file in named.items()]
        for other in volumes[1:]:
            _check_same_grid(other, volumes[0], path.name)
        volumes = [_shared(v, onto, same_grid) for v in volumes]
        every = Naming(naming.wanted, naming.of_label, lambda names, source: {n: n for n in names})
        found = from_label_volumes(volumes, every, source=path.name, one_organ=whole_liver)
    return _with_unread(found, own, chosen, naming)


def _with_unread(
    found: Structures, own: Sequence[str], chosen: Mapping[str, str], naming: Naming
) -> Structures:
    """Return structures that know what their file also holds and was not read."""
    unread = tuple(name for name in own if name not in chosen)
    warnings = (*naming.ignored(unread, found.source), *found.warnings)
    return replace(found, warnings=warnings, own_names=tuple(own), unread=unread)


def _binary(file: Path, name: str, spacing_mm: tuple[float, float, float] | None) -> LabelVolume:
    """Return the map of one structure, which has no other label than one."""
    volumes = _volumes(file, spacing_mm)
    labels = np.unique(np.concatenate([np.unique(v.labels) for v in volumes]))
    labels = labels[labels > 0]
    if len(volumes) > 1 or len(labels) > 1:
        raise AnatomyError(
            f"{file.parent.name}/{file.name} holds {len(volumes) if len(volumes) > 1 else len(labels)} "
            f"{'layers' if len(volumes) > 1 else 'labels'}; in a folder each file is the map of one structure: give the "
            "file itself, or split it"
        )
    return replace(volumes[0], names={int(label): name for label in labels})


def _from_parts(
    parts: Mapping[str, RawSurface],
    naming: Naming,
    source: str,
    frame: str | None,
    unit: str | None,
    onto: Structures | None,
    whole_liver: bool,
) -> Structures:
    """Return the structures of a file whose parts are named after what each holds."""
    chosen = naming.choose(list(parts), source)
    named: dict[str, str] = {}
    for own, wanted in chosen.items():
        if wanted in named:
            raise AnatomyError(
                f'{source}: the parts "{named[wanted]}" and "{own}" are both {wanted}; keep one'
            )
        named[wanted] = own
    check_split_once(named, source=source)
    found = _from_closed(
        {wanted: parts[own] for wanted, own in named.items()}, source, frame, unit, onto, whole_liver
    )
    return _with_unread(found, list(parts), chosen, naming)


def _from_closed(
    raws: Mapping[str, RawSurface],
    source: str,
    frame: str | None,
    unit: str | None,
    onto: Structures | None,
    whole_liver: bool,
) -> Structures:
    """Return the structures of raw surfaces, each of which must be closed."""
    placed = {name: raw.placed(frame=frame, unit=unit) for name, raw in raws.items()}
    first = replace(next(iter(raws.values())), source=source)
    known = [
        *_extent(list(placed.values()), first, unit, whole_liver),
        *(f for raw in placed.values() for f in _beside(raw, onto)),
    ]
    meshes, findings = closed_surfaces(placed, source=source, whole_liver=whole_liver, known=known)
    return from_closed_surfaces(
        meshes,
        source=source,
        frame=_grid_of(onto, np.concatenate([m.points for m in meshes.values()]), source),
        must_touch=whole_liver,
        findings=findings,
    )


def _raw_surfaces(files: Mapping[str, Path]) -> dict[str, RawSurface]:
    """Return what surface files hold, unjudged; all that cannot be read are said together."""
    raws: dict[str, RawSurface] = {}
    broken: list[FlrsimError] = []
    for name, file in files.items():
        try:
            raws[name] = read_raw_surface(file)
        except FlrsimError as error:
            broken.append(error)
    if broken:
        raise_together(broken)
    return raws


def _extent(
    placed: Sequence[RawSurface], stating: RawSurface, unit: str | None, whole_liver: bool
) -> tuple[Finding, ...]:
    """Return that surfaces in LPS mm are not as large as a liver is; `stating` is the file as it was before it was placed."""
    if not whole_liver:
        return ()
    points = np.concatenate([raw.points for raw in placed])
    points = points[np.isfinite(points).all(axis=1)]
    try:
        check_extent(
            points, source=stating.source, unit=stating.unit or unit or "mm", stated=stating.unit is not None
        )
    except GeometryError as error:
        return (Finding("refused", "extent", error.sentence),)
    return ()


def _beside(placed: RawSurface, onto: Structures | None) -> tuple[Finding, ...]:
    """Return that a surface lies beside the liver only because one of the two is in another frame."""
    if onto is None:
        return ()
    points = placed.points[np.isfinite(placed.points).all(axis=1)]
    if not len(points):
        return ()
    x, y, z = points.mean(axis=0)
    inside, exchanged = _inside(points, onto), _inside(points * TURNED, onto)
    return examine_beside(inside, exchanged, (float(x), float(y), float(z)), placed.source, onto.source)


def _inside(points: NDArray[np.float64], onto: Structures) -> float:
    """Return the share of points that lie in labelled voxels."""
    inverse = np.linalg.inv(onto.affine)
    index = np.rint(points @ inverse[:3, :3].T + inverse[:3, 3]).astype(np.int64)
    known = ((index >= 0) & (index < onto.labels.shape)).all(axis=1)
    return float((onto.labels[tuple(index[known].T)] > 0).sum() / len(points))


def _corners(affine: NDArray[np.float64], box: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the first and last corner, (2, 3) LPS mm, of a box of voxels (2, 3)."""
    index = np.array([[box[i, 0], box[j, 1], box[k, 2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    place = index @ affine[:3, :3].T + affine[:3, 3]
    return np.stack([place.min(axis=0), place.max(axis=0)])


def _grid_of(onto: Structures | None, points: NDArray[np.float64], source: str) -> Frame | None:
    """Return the grid of `onto`, widened by whole voxels until it holds all points: nothing is cut off at its edge."""
    if onto is None:
        return None
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        nx, ny, nz = onto.labels.shape
        return onto.affine, (nx, ny, nz)
    index = np.linalg.solve(onto.affine[:3, :3], (points - onto.affine[:3, 3]).T)
    low = np.minimum(np.floor(index.min(axis=1)) - 1, 0)
    high = np.maximum(np.ceil(index.max(axis=1)) + 2, onto.labels.shape)
    shape = tuple(int(n) for n in high - low)
    if np.prod(np.array(shape, dtype=object)) > VOXEL_LIMIT:
        raise GeometryError(
            f"{source} lies so far from {onto.source} that one grid for both has {_times(shape)} voxels; check frames and units"
        )
    affine = onto.affine.copy()
    affine[:3, 3] += onto.affine[:3, :3] @ low
    return affine, (shape[0], shape[1], shape[2])


def _check_same_grid(volume: LabelVolume, first: LabelVolume, folder: str) -> None:
    """Raise when two maps of one folder lie on different grids."""
    if volume.labels.shape != first.labels.shape:
        raise GeometryError(
            f"{folder}: {first.source} has {_times(first.labels.shape)} voxels and {volume.source} has "
            f"{_times(volume.labels.shape)}; all maps of a folder must lie on one grid: export them together"
        )
    away = float(np.abs(volume.affine - first.affine).max())
    if away > SAME_AFFINE_MM:
        raise GeometryError(
            f"{folder}: {volume.source} lies on another frame than {first.source} (their headers differ by {away:.3g} mm); "
            "all maps of a folder must lie on one grid: export them together"
        )


def _shared(volume: LabelVolume, onto: Structures | None, same_grid: bool) -> LabelVolume:
    """Return `volume` when it lies on the grid of `onto`; raise when it does not and nobody vouched for it.

    A file that says it was cropped from a larger grid may lie on another part of the same grid.
    """
    if onto is None:
        return volume
    if (volume.cropped or onto.cropped) and grid_shift(volume.affine, onto.affine) is not None:
        return volume
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
    whole = np.array([[0, 0, 0], onto.labels.shape]) - [[0], [1]]
    if np.abs(turned(_corners(volume.affine, whole)) - _corners(onto.affine, whole)).max() <= SAME_AFFINE_MM:
        raise GeometryError(
            f"{volume.source} lies {offset:.0f} mm from {onto.source}, and exactly on it when LPS and RAS are exchanged: the two "
            "files are in different frames; correct the header of the wrong one"
        )
    raise GeometryError(
        f"{volume.source} lies on another frame than {onto.source}: the origins are {offset:.0f} mm apart on the same "
        f"{_times(volume.labels.shape)} voxels; correct the header, or, if the voxels correspond, "
        "accept it in [anatomy.accept]: same_grid = true"
    )


def grid_shift(affine: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.int64] | None:
    """Return by how many voxels, (3,), one grid's origin lies from another's; None when they do not share their voxels."""
    if np.abs(affine - reference)[:3, :3].max() > SAME_AFFINE_MM / 100:
        return None
    shift = np.linalg.solve(reference[:3, :3], affine[:3, 3] - reference[:3, 3])
    whole = np.rint(shift)
    if np.abs(reference[:3, :3] @ (shift - whole)).max() > SAME_AFFINE_MM:
        return None
    return np.asarray(whole, dtype=np.int64)


def on_one_grid(files: Sequence[Structures]) -> list[Structures]:
    """Return structures whose grids are parts of one grid on the smallest box that holds them all; the first's axes count."""
    reference = files[0].affine
    shifts = [grid_shift(s.affine, reference) for s in files]
    known = [np.zeros(3, dtype=np.int64) if shift is None else shift for shift in shifts]
    low = np.min(known, axis=0)
    high = np.max([a + s.labels.shape for a, s in zip(known, files, strict=True)], axis=0)
    if np.prod((high - low).astype(object)) > VOXEL_LIMIT:
        raise GeometryError(
            f"{' and '.join(s.source for s in files)} lie so far apart that one grid for all has {_times(tuple(high - low))} "
            "voxels; export them on one grid"
        )
    affine = reference.copy()
    affine[:3, 3] += reference[:3, :3] @ low
    out = []
    for shift, s in zip(known, files, strict=True):
        before, after = shift - low, high - shift - s.labels.shape
        if before.any() or after.any():
            s = replace(
                s, labels=np.pad(s.labels, list(zip(before, after, strict=True))), affine=affine.copy()
            )
        out.append(s)
    return out


def _times(shape: tuple[int, ...]) -> str:
    return " × ".join(str(n) for n in shape)
