"""Surfaces and lines as GLB (binary glTF 2.0), for browsers and other programs."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

M_PER_MM = 0.001
AXES = M_PER_MM * np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""LPS millimetres to glTF metres: the patient's left, up and front become x, y and z; nothing is mirrored."""
STEPS_PER_MM = 10.0
"""Points are rounded to a tenth of a millimetre, which packs well and shows nowhere."""
SRGB_TOE, SRGB_SLOPE, SRGB_SHIFT, SRGB_POWER = 0.04045, 12.92, 0.055, 2.4
"""The transfer curve of sRGB, IEC 61966-2-1."""


@dataclass(frozen=True)
class GlbPart:
    """One node: points (n, 3) LPS mm, triangles (m, 3) or line segments (m, 2), sRGB hex colour, opacity 0 to 1."""

    name: str
    points: NDArray[np.float64]
    faces: NDArray[np.int64]
    colour: str
    opacity: float = 1.0


def glb_bytes(parts: Sequence[GlbPart]) -> bytes:
    """Return parts as one GLB; each node has its part's name and stands at its own middle.

    Raises
    ------
    ValueError
        For two parts of one name, an empty part, or faces that are neither triangles nor line segments.
    """
    import trimesh

    names = [p.name for p in parts]
    if len(set(names)) != len(names):
        raise ValueError("two parts of a GLB have one name; name each once")
    scene = trimesh.Scene()
    lines: dict[str, NDArray[np.int64]] = {}
    for part in parts:
        if not len(part.faces) or part.faces.shape[1] not in (2, 3):
            raise ValueError(f"part {part.name} has no triangles and no line segments; leave it out")
        centre = np.round(part.points.mean(axis=0), 1)
        steps = np.round(STEPS_PER_MM * (part.points - centre) @ (AXES / M_PER_MM).T)
        place = np.diag([M_PER_MM / STEPS_PER_MM] * 3 + [1.0])
        place[:3, 3] = AXES @ centre
        faces = part.faces
        if faces.shape[1] == 2:
            # trimesh writes every line as a node of its own; as flat triangles they are turned into lines below.
            lines[part.name] = faces
            faces = np.column_stack([faces, faces[:, 1]])
        mesh = trimesh.Trimesh(steps, faces, process=False)
        mesh.visual = trimesh.visual.TextureVisuals(material=_material(part))
        scene.add_geometry(mesh, node_name=part.name, geom_name=part.name, transform=place)
    return _with_lines(scene.export(file_type="glb"), lines)


def linear(colour: str) -> tuple[float, float, float]:
    """Return an sRGB hex colour as glTF wants it: linear, 0 to 1."""
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0
    low = values / SRGB_SLOPE
    high = ((values + SRGB_SHIFT) / (1.0 + SRGB_SHIFT)) ** SRGB_POWER
    r, g, b = (float(v) for v in np.where(values <= SRGB_TOE, low, high))
    return r, g, b


def _material(part: GlbPart) -> Any:
    from trimesh.visual.material import PBRMaterial

    return PBRMaterial(
        name=part.name,
        baseColorFactor=[*linear(part.colour), part.opacity],
        alphaMode="OPAQUE" if part.opacity >= 1.0 else "BLEND",
        doubleSided=True,
        metallicFactor=0.0,
        roughnessFactor=0.7,
    )


def _with_lines(glb: bytes, lines: dict[str, NDArray[np.int64]]) -> bytes:
    """Return a GLB in which the named meshes are drawn as line segments."""
    if not lines:
        return glb
    length = struct.unpack_from("<I", glb, 12)[0]
    tree = json.loads(glb[20 : 20 + length])
    offset = 20 + length + 8
    blob = bytearray(glb[offset:])
    for mesh in tree["meshes"]:
        if mesh["name"] not in lines:
            continue
        (primitive,) = mesh["primitives"]
        accessor = tree["accessors"][primitive["indices"]]
        view = tree["bufferViews"][accessor["bufferView"]]
        kind = {5123: "<u2", 5125: "<u4"}[accessor["componentType"]]
        data = lines[mesh["name"]].astype(kind).tobytes()
        start = view.get("byteOffset", 0)
        blob[start : start + len(data)] = data
        accessor["count"] = lines[mesh["name"]].size
        view["byteLength"] = len(data)
        primitive["mode"] = 1
    text = json.dumps(tree, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 4)
    header = struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(blob))
    return (
        header
        + struct.pack("<I4s", len(text), b"JSON")
        + text
        + struct.pack("<I4s", len(blob), b"BIN\x00")
        + bytes(blob)
    )
