"""Surface files of every format: read unjudged, then judged: closed surfaces, one a structure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flrsim.errors import FileError
from flrsim.forensics import (
    Part,
    centre_of_faces,
    examine_mesh,
    examine_names,
    examine_orientation,
    examine_parts,
    joined_points,
    refuse,
    refused,
)
from flrsim.io.frames import existing_file
from flrsim.io.raw import RawSurface
from flrsim.io.scenes import SCENES, read_scene
from flrsim.io.vtp import read_vtm, read_vtp
from flrsim.mesh import LabelledMesh
from flrsim.results import Finding

SURFACES = (".vtp", ".vtm", *SCENES)
"""Extensions of surface files."""


def read_raw_surface(path: Path) -> RawSurface:
    """Return what a surface file of any format holds, unjudged: only that it can be read and has faces.

    Raises
    ------
    FileError
        When the file is missing, empty, damaged, of another format, or has no faces.
    GeometryError
        When its cells are not triangles or quads.
    """
    suffix = path.suffix.lower()
    if suffix == ".vtp":
        return read_vtp(path)
    if suffix == ".vtm":
        return read_vtm(path)
    if suffix in SCENES:
        return read_scene(path)
    existing_file(path)
    raise FileError(
        f"{path.name}: {path.suffix or 'no extension'} is not a surface file flrsim reads; give {', '.join(SURFACES)}"
    )


def closed_surfaces(
    raws: Mapping[str, RawSurface],
    *,
    source: str,
    whole_liver: bool = False,
    known: Sequence[Finding] = (),
) -> tuple[dict[str, LabelledMesh], tuple[Finding, ...]]:
    """Return closed surfaces, each a mesh with the regions outside and its name, facing out, and what is to be warned of.

    Parameters
    ----------
    raws : structure → its surface in LPS mm.
    source : what holds them all, for sentences.
    whole_liver : whether they make one liver.
    known : what was found about them before.

    Raises
    ------
    GeometryError
        When a surface is open, inside out, doubled, in another frame …: one error for all of them, with every finding.
    """
    findings = list(known)
    parts = []
    for name, raw in raws.items():
        if raw.sides is None:
            parts.append(Part(name, raw.source, raw.points, raw.faces))
            continue
        sentence = f"{raw.source} is an interface mesh (it has BoundaryLabels); a closed surface of {name} alone is needed here"
        findings.append(Finding("refused", "interface_mesh", sentence))
    findings += examine_parts(parts, source, one_organ=whole_liver)
    if whole_liver and refused(findings):
        findings += _lie(parts, source, tuple(raws))
    refuse(findings)
    meshes = {}
    for part in parts:
        # Some formats repeat every corner in each face; equal corners are one point, so that scanning sees shared
        # edges.
        points, index = joined_points(part.points)
        sides = np.tile(np.array([1, 0], np.uint16), (len(part.faces), 1))
        meshes[part.name] = LabelledMesh(points, index[part.faces], sides, ("outside", part.name))
    return meshes, tuple(findings)


def _lie(parts: Sequence[Part], source: str, names: Sequence[str]) -> tuple[Finding, ...]:
    """Return which segments are absent and which way round surfaces lie of which, being refused, no grid will be made."""
    centres = {p.name: c for p in parts if (c := centre_of_faces(p.points, p.faces)) is not None}
    return (*examine_names(names, source), *examine_orientation(centres, source, from_mesh=True))


def judge_interface(
    points: NDArray[np.float64],
    faces: NDArray[np.int64],
    sides: NDArray[np.uint16],
    names: tuple[str, ...],
    source: str,
    *,
    whole_liver: bool,
    known: Sequence[Finding] = (),
) -> tuple[Finding, ...]:
    """Return everything found about an interface mesh in LPS mm.

    Parameters
    ----------
    whole_liver : whether its regions make one liver.
    known : what was found before; when that or anything here refuses the mesh, how it lies is judged from its faces.
    """
    findings = examine_mesh(points, faces, sides.astype(np.int64), names, source)
    if not whole_liver or not refused((*known, *findings)):
        return findings
    if any(f.code == "absent_points" for f in findings):
        return findings
    parts = [
        Part(names[r], source, points, faces[(sides == r).any(axis=1)]) for r in np.unique(sides) if r > 0
    ]
    return (*findings, *_lie(parts, source, [p.name for p in parts]))


def write_closed_surface(path: Path, points: NDArray[np.float64], triangles: NDArray[np.int64]) -> None:
    """Write one closed surface as binary STL, in the frame and unit of its points."""
    import trimesh

    trimesh.Trimesh(points, triangles, process=False).export(path)
