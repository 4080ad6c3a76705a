"""A repaired copy of a liver file, on request: what was done is listed, what cannot be mended is left as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from flrsim.errors import CaseError, FileError
from flrsim.forensics.mending import mend_labels, mend_mesh
from flrsim.io.nifti import read_label_map, write_label_map
from flrsim.io.raw import RawSurface
from flrsim.io.reading import stem
from flrsim.io.surfaces import SURFACES, read_raw_surface, write_closed_surface
from flrsim.io.vtp import check_labels, write_interface_mesh
from flrsim.mesh import LabelledMesh
from flrsim.results import Repair


def repair_file(
    source: Path,
    out: Path,
    *,
    frame: str | None = None,
    unit: str | None = None,
    specks_below_ml: float | None = None,
    holes_below_ml: float | None = None,
) -> tuple[Repair, ...]:
    """Write a repaired copy of a liver file and return what was done; the copy is in LPS millimetres.

    Parameters
    ----------
    source : label map, interface mesh, surface, or folder of surfaces.
    out : ``.nii`` or ``.nii.gz`` for a label map, ``.vtp`` for an interface mesh, a new folder of STL for surfaces.
    frame, unit : of mesh files that do not state theirs.
    specks_below_ml, holes_below_ml : for label maps, the sizes under which specks and holes are mended; None leaves them.

    Raises
    ------
    FileError
        When `out` exists or has another format than the copy will have.
    """
    if out.exists():
        raise FileError(f"{out.name} exists; a repair is written to a new file: give another name")
    if not out.parent.is_dir():
        raise FileError(f"{out}: the folder {out.parent} does not exist; create it or name another")
    if source.is_dir():
        files = sorted(p for p in source.iterdir() if p.suffix.lower() in SURFACES)
        if not files:
            raise CaseError(
                f"{source.name}: repair works on a label map, a mesh or a folder of surfaces; name one of its files"
            )
        raws = {stem(p): read_raw_surface(p) for p in files}
        return _surfaces(raws, out, frame, unit)
    if source.name.lower().endswith((".nii", ".nii.gz")):
        return _label_map(source, out, specks_below_ml, holes_below_ml)
    if source.suffix.lower() not in SURFACES:
        raise FileError(
            f"{source.name}: repair works on .nii, .nii.gz, {', '.join(SURFACES)} and folders of surfaces; convert it first"
        )
    raw = read_raw_surface(source)
    if raw.sides is None:
        return _surfaces({name: raw.part(k) for k, name in enumerate(raw.part_names)}, out, frame, unit)
    if out.suffix.lower() != ".vtp":
        raise FileError(f"{out.name}: a repaired interface mesh is written as .vtp; change the name")
    check_labels(raw)
    placed = raw.placed(frame=frame, unit=unit)
    sides = np.asarray(raw.sides).astype(np.int64)
    (points, faces, sides), done = mend_mesh(placed.points, raw.faces, sides, raw.region_names, raw.source)
    write_interface_mesh(out, LabelledMesh(points, faces, sides.astype(np.uint16), raw.region_names))
    return done


def _surfaces(
    raws: dict[str, RawSurface], out: Path, frame: str | None, unit: str | None
) -> tuple[Repair, ...]:
    if out.suffix:
        raise FileError(f"{out.name}: repaired surfaces are written as STL into a new folder; give its name")
    done: list[Repair] = []
    mended = {}
    for name, raw in raws.items():
        placed = raw.placed(frame=frame, unit=unit)
        sides = np.tile(np.array([1, 0]), (len(raw.faces), 1))
        (points, faces, _), repairs = mend_mesh(
            placed.points, raw.faces, sides, ("outside", name), raw.source
        )
        if faces.shape[1] == 4:
            faces = faces[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
        mended[name] = (points, faces)
        done.extend(repairs)
    out.mkdir()
    for name, (points, faces) in mended.items():
        write_closed_surface(out / f"{name}.stl", points, faces)
    return tuple(done)


def _label_map(
    source: Path, out: Path, specks_below_ml: float | None, holes_below_ml: float | None
) -> tuple[Repair, ...]:
    if not out.name.lower().endswith((".nii", ".nii.gz")):
        raise FileError(f"{out.name}: a repaired label map is written as .nii or .nii.gz; change the name")
    volume = read_label_map(source)
    if volume.names:
        raise FileError(
            f"{source.name} names its labels, which a repaired copy would lose; mend it where it was made, or write it without names"
        )
    labels, done = mend_labels(
        volume.labels,
        volume.voxel_ml,
        source.name,
        specks_below_ml=specks_below_ml,
        holes_below_ml=holes_below_ml,
    )
    write_label_map(out, labels, volume.affine)
    return done
