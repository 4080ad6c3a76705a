"""Surface files of every format: read unjudged, then judged: closed surfaces, one a structure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flrsim.errors import FileError, GeometryError
from flrsim.io.frames import existing_file
from flrsim.io.raw import RawSurface
from flrsim.io.scenes import SCENES, read_scene
from flrsim.io.vtp import read_vtm, read_vtp
from flrsim.mesh import LabelledMesh

CLOSED_FRACTION = 1e-3
"""A surface counts as closed when its area vector × size stays under this share of its volume."""


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


def read_closed_surface(path: Path, *, name: str, frame: str | None, unit: str | None) -> LabelledMesh:
    """Return one closed surface as a mesh with the regions outside and `name`, in LPS mm, facing out.

    Raises
    ------
    FileError
        When the file is missing, damaged or empty.
    GeometryError
        When the surface is open or inside out.
    """
    return closed_surface(read_raw_surface(path), name=name, frame=frame, unit=unit)


def closed_surface(raw: RawSurface, *, name: str, frame: str | None, unit: str | None) -> LabelledMesh:
    """Return all faces of a raw surface as one closed surface in LPS mm, or raise."""
    if raw.sides is not None:
        raise GeometryError(
            f"{raw.source} is an interface mesh (it has BoundaryLabels); a closed surface of {name} alone is needed here"
        )
    raw.check_finite()
    placed = raw.placed(frame=frame, unit=unit)
    # Some formats repeat every corner in each face; equal corners are one point, so that scanning sees shared
    # edges.
    points, index = np.unique(placed.points, axis=0, return_inverse=True)
    faces = index.reshape(-1)[raw.faces]
    mesh = LabelledMesh(
        points, faces, np.tile(np.array([1, 0], np.uint16), (len(faces), 1)), ("outside", name)
    )
    check_closed(mesh, source=raw.source)
    return mesh


def check_closed(mesh: LabelledMesh, *, source: str) -> tuple[str, ...]:
    """Return warnings about regions that are nearly closed; raise for the open and the inside out.

    Closedness is judged by its effect: area vector × size against volume.
    """
    measures = mesh.measure()
    size_cm = float(np.linalg.norm(np.ptp(mesh.points, axis=0))) / 10.0
    warnings: list[str] = []
    present = np.unique(mesh.sides)
    for region in present[present > 0]:
        name = mesh.names[region]
        volume = float(measures.volume_ml[region])
        gap = float(np.linalg.norm(measures.area_vector_cm2[region])) * size_cm
        if gap > CLOSED_FRACTION * abs(volume):
            raise GeometryError(
                f'{source}: "{name}" is open ({_open_edges(mesh, int(region))} boundary edges, up to {gap:.3g} mL of '
                f"{abs(volume):.3g} mL uncertain); volumes need a closed surface: close its holes and export it again"
            )
        if volume < 0:
            raise GeometryError(
                f'{source}: "{name}" is inside out (volume {volume:.3g} mL): its faces point inward, or the labels are '
                "swapped; flip the normals and export it again"
            )
        unbalanced = _open_edges(mesh, int(region))
        if unbalanced:
            warnings.append(
                f'{source}: "{name}" has {unbalanced} unbalanced edges; their effect on its volume is at most {gap:.2g} mL'
            )
    return tuple(warnings)


def _open_edges(mesh: LabelledMesh, region: int) -> int:
    """Return how many directed edges of a region's surface have no partner running the other way."""
    _, triangles = mesh.region_surface(region)
    if not len(triangles):
        return 0
    edges = triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    n = int(edges.max()) + 1
    forward, n_forward = np.unique(edges[:, 0] * n + edges[:, 1], return_counts=True)
    backward, n_backward = np.unique(edges[:, 1] * n + edges[:, 0], return_counts=True)
    keys = np.union1d(forward, backward)
    balance = np.zeros(len(keys), dtype=np.int64)
    balance[np.searchsorted(keys, forward)] += n_forward
    balance[np.searchsorted(keys, backward)] -= n_backward
    return int(np.count_nonzero(balance > 0))


def write_closed_surface(path: Path, points: NDArray[np.float64], triangles: NDArray[np.int64]) -> None:
    """Write one closed surface as binary STL, in the frame and unit of its points."""
    import trimesh

    trimesh.Trimesh(points, triangles, process=False).export(path)
