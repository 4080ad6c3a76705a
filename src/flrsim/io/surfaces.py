"""Closed surfaces, one file a structure: STL, read with trimesh."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flrsim.errors import FileError, GeometryError
from flrsim.io.frames import existing_file, to_lps_mm
from flrsim.mesh import LabelledMesh

CLOSED_FRACTION = 1e-3
"""A surface counts as closed when its area vector × size stays under this share of its volume."""


def read_closed_surface(path: Path, *, name: str, frame: str, unit: str) -> LabelledMesh:
    """Return one closed surface as a mesh with the regions outside and `name`, in LPS mm, facing out.

    Raises
    ------
    FileError
        When the file is missing, damaged or empty.
    GeometryError
        When the surface is open or inside out.
    """
    import trimesh

    existing_file(path)
    if path.suffix.lower() != ".stl":
        raise FileError(
            f"{path.name}: {path.suffix or 'no extension'} is not a surface file flrsim reads; give .stl"
        )
    try:
        loaded = trimesh.load_mesh(path, process=False)
    except (ValueError, KeyError, IndexError, OSError, UnicodeDecodeError, TypeError, EOFError) as error:
        raise FileError(
            f"{path.name} is not an STL file that can be read ({type(error).__name__}); export it again"
        ) from None
    points = np.asarray(loaded.vertices, dtype=np.float64)
    faces = np.asarray(loaded.faces, dtype=np.int64)
    if not len(faces):
        raise FileError(f"{path.name} has no triangles; export it again")
    bad = int((~np.isfinite(points)).any(axis=1).sum())
    if bad:
        raise GeometryError(
            f"{path.name}: {bad} of {len(points)} corners are not finite numbers (NaN or infinite); export the mesh again"
        )
    # STL repeats every corner in each triangle; equal corners are one point, so that scanning sees shared
    # edges.
    points, index = np.unique(points, axis=0, return_inverse=True)
    faces = index.reshape(-1)[faces]
    points = to_lps_mm(points, frame=frame, unit=unit)
    mesh = LabelledMesh(
        points, faces, np.tile(np.array([1, 0], np.uint16), (len(faces), 1)), ("outside", name)
    )
    check_closed(mesh, source=path.name)
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
