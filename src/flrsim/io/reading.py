"""A file or folder of any format to structures: which reader, which names, which grid."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flrsim.anatomy import check_split_once
from flrsim.errors import AnatomyError, FileError, FlrsimError, GeometryError
from flrsim.forensics import TURNED, examine_beside, raise_together
from flrsim.grid import LabelVolume
from flrsim.io.frames import check_extent, natural
from flrsim.io.naming import Naming
from flrsim.io.nifti import read_label_map
from flrsim.io.nrrd import read_nrrd
from flrsim.io.raw import RawSurface
from flrsim.io.shared_grid import check_same_grid, grid_holding, on_grid_of
from flrsim.io.structures import Structures, from_closed_surfaces, from_interface_mesh, from_label_volumes
from flrsim.io.surfaces import SURFACES, closed_surfaces, read_raw_surface
from flrsim.io.vtp import check_labels
from flrsim.results import Finding

MAPS = (".nii", ".nii.gz", ".nrrd")
"""Extensions of label maps; ``.seg.nrrd`` is one of the last."""
KNOWN = (
    ".nii, .nii.gz, .seg.nrrd, .nrrd, .vtp, .vtm, .stl, .ply, .obj, .glb, or a folder of one label map or one "
    "closed surface a structure"
)


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
        volumes = [on_grid_of(v, onto, same_grid) for v in _volumes(path, spacing_mm)]
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
        found = from_interface_mesh(
            placed,
            naming,
            source=path.name,
            # What is refused anyway needs no grid that holds it.
            frame=grid_holding(onto, placed.points[:0] if known else placed.points, path.name),
            whole_liver=whole_liver,
            known=known,
        )
        return replace(found, warnings=(*_unheeded([raw], frame, unit), *found.warnings))
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
            check_same_grid(other, volumes[0], path.name)
        volumes = [on_grid_of(v, onto, same_grid) for v in volumes]
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
    found = from_closed_surfaces(
        meshes,
        source=source,
        frame=grid_holding(onto, np.concatenate([m.points for m in meshes.values()]), source),
        must_touch=whole_liver,
        findings=findings,
    )
    return replace(found, warnings=(*_unheeded(raws.values(), frame, unit), *found.warnings))


def _unheeded(raws: Iterable[RawSurface], frame: str | None, unit: str | None) -> tuple[str, ...]:
    """Return where files state another frame or unit than a person says for those that state none."""
    out: dict[str, None] = {}
    for raw in raws:
        for key, stated, said in (("frame", raw.frame, frame), ("unit", raw.unit, unit)):
            if stated is not None and said is not None and stated != said:
                out[
                    f'{raw.source} states {key} {stated}, and that was read; {key} = "{said}" counts only for files that '
                    "do not say"
                ] = None
    return tuple(out)


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
