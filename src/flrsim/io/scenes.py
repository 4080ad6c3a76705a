"""STL, PLY, OBJ and GLB files, read with trimesh; parts by the names of solids, objects, groups and nodes."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flrsim.errors import FileError
from flrsim.io.frames import existing_file, natural
from flrsim.io.raw import RawSurface

SCENES = (".stl", ".ply", ".obj", ".glb")
NAMELESS = ("", "geometry", "geometry_0", "world")
"""Names trimesh gives to what the file does not name."""
OPTIONS: dict[str, dict[str, bool]] = {
    # Objects and groups are structures; materials are not, and their files are not opened.
    ".obj": {
        "split_objects": True,
        "split_groups": True,
        "group_material": False,
        "skip_materials": True,
    },
    ".glb": {"merge_primitives": True, "skip_materials": True},
}


def read_scene(path: Path) -> RawSurface:
    """Return the surfaces of an STL, PLY, OBJ or GLB file, unjudged; glTF states its axes and metres, the others nothing.

    Raises
    ------
    FileError
        When the file is missing, damaged, or has no triangles.
    """
    import trimesh
    from trimesh.exchange.stl import HeaderError

    existing_file(path)
    suffix = path.suffix.lower()
    try:
        # From a stream, so that a file cannot name others to be read.
        with path.open("rb") as stream:
            scene = trimesh.load_scene(stream, file_type=suffix[1:], process=False, **OPTIONS.get(suffix, {}))
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        NotImplementedError,
        OSError,
        EOFError,
        MemoryError,
        struct.error,
        HeaderError,
    ) as error:
        raise FileError(
            f"{path.name} is not {_kind(suffix)} file that can be read ({_reason(error)}); export it again"
        ) from None
    points, faces, parts, n_points = [], [], [], 0
    names: list[str] = []
    for name in sorted(scene.graph.nodes_geometry, key=natural):
        matrix, geometry = scene.graph[name]
        loaded = scene.geometry[geometry]
        triangles = np.asarray(getattr(loaded, "faces", ()), dtype=np.int64)
        if triangles.ndim != 2 or not len(triangles):
            continue
        moved, triangles = _moved(loaded.vertices, triangles, np.asarray(matrix, dtype=np.float64))
        points.append(moved)
        faces.append(triangles + n_points)
        parts.append(np.full(len(triangles), len(names), dtype=np.int64))
        names.append(path.stem if name in (*NAMELESS, path.name) else str(name))
        n_points += len(moved)
    if not faces:
        raise FileError(f"{path.name} has no triangles; export it again")
    if suffix in (".stl", ".ply"):
        _check_all_read(path, sum(len(f) for f in faces))
    return RawSurface(
        points=np.concatenate(points),
        faces=np.concatenate(faces),
        parts=np.concatenate(parts),
        part_names=tuple(names),
        sides=None,
        region_names=(),
        source=path.name,
        frame="glTF" if suffix == ".glb" else None,
        unit="m" if suffix == ".glb" else None,
    )


def _reason(error: BaseException) -> str:
    words = str(error).strip().splitlines()
    return words[0][:100].rstrip("!.") if words else type(error).__name__


def _check_all_read(path: Path, n_read: int) -> None:
    """Raise when a file has more triangles than were read: the library skips what is no number or is cut off."""
    content = path.read_bytes()
    n_written = 0
    if path.suffix.lower() == ".stl" and content.lstrip()[:5].lower() == b"solid":
        n_written = content.lower().count(b"endfacet")
    elif path.suffix.lower() == ".ply":
        stated = re.search(rb"element\s+face\s+(\d+)", content.split(b"end_header", 1)[0])
        n_written = int(stated[1]) if stated else 0
    if n_written > n_read:
        raise FileError(
            f"{path.name} is truncated or damaged: {n_written - n_read} of its {n_written} faces cannot be read; export it again"
        )


def _moved(
    vertices: Any, triangles: NDArray[np.int64], matrix: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return a node's points and triangles where its transform puts them."""
    points = np.asarray(vertices, dtype=np.float64)
    if np.array_equal(matrix, np.eye(4)):
        return points, triangles
    # glTF 2.0, section 3.7.4: a transform that mirrors turns the triangles round.
    if np.linalg.det(matrix[:3, :3]) < 0:
        triangles = triangles[:, ::-1]
    return points @ matrix[:3, :3].T + matrix[:3, 3], triangles


def _kind(suffix: str) -> str:
    return f"{'an' if suffix in ('.stl', '.obj') else 'a'} {suffix[1:].upper()}"
