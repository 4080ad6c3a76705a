"""GLB files: read back by another reader with the places, sides, names and colours that went in."""

from __future__ import annotations

import io
import json
import struct

import numpy as np
import pytest
import trimesh

from flrsim.io.glb import GlbPart, glb_bytes, linear


def ball(centre, radius: float = 20.0) -> tuple[np.ndarray, np.ndarray]:
    made = trimesh.creation.icosphere(subdivisions=3, radius=radius)
    return np.asarray(made.vertices) + centre, np.asarray(made.faces)


def read(data: bytes) -> trimesh.Scene:
    return trimesh.load_scene(io.BytesIO(data), file_type="glb", process=False)


def test_left_up_and_front_become_x_y_and_z_in_metres_and_nothing_is_turned_inside_out() -> None:
    points, faces = ball((30.0, -50.0, 120.0))
    scene = read(glb_bytes([GlbPart("one", points, faces, "#009e73")]))
    mesh = scene.to_geometry()
    # LPS (30, −50, 120) mm lies 30 mm to the left, 50 mm to the front, 120 mm up.
    assert mesh.bounds.mean(axis=0) == pytest.approx([0.030, 0.120, 0.050], abs=1e-4)
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 0.02**3, rel=0.03)
    assert mesh.volume > 0, "faces look outwards"
    away = np.linalg.norm(mesh.vertices - np.array([0.030, 0.120, 0.050]), axis=1)
    assert np.abs(away - 0.02).max() < 1e-4, "a tenth of a millimetre is all that rounding takes"


def test_nodes_keep_their_names_and_stand_at_their_own_middle() -> None:
    parts = [GlbPart(n, *ball((x, 0.0, 0.0)), "#d6006c", 0.5) for n, x in (("a b", -40.0), ("c", 70.0))]
    scene = read(glb_bytes(parts))
    assert set(scene.graph.nodes_geometry) == {"a b", "c"}
    for name, x in (("a b", -0.04), ("c", 0.07)):
        matrix, _ = scene.graph[name]
        assert matrix[:3, 3] == pytest.approx([x, 0.0, 0.0], abs=2e-4)


def test_colours_are_linear_and_translucency_is_kept() -> None:
    assert linear("#ffffff") == pytest.approx((1.0, 1.0, 1.0))
    assert linear("#000000") == (0.0, 0.0, 0.0)
    # IEC 61966-2-1: half of the code range is 21.6 % of the light.
    assert linear("#808080")[0] == pytest.approx(0.2158605, abs=1e-6)
    data = glb_bytes([GlbPart("one", *ball((0, 0, 0)), "#808080", 0.25)])
    (mesh,) = read(data).geometry.values()
    assert mesh.visual.material.alphaMode == "BLEND"
    tree = json.loads(data[20 : 20 + struct.unpack_from("<I", data, 12)[0]])
    (material,) = tree["materials"]
    # trimesh keeps eight bits of a colour.
    written = material["pbrMetallicRoughness"]["baseColorFactor"]
    assert written == pytest.approx([0.2158605] * 3 + [0.25], abs=0.5 / 255 + 1e-6)


def segments_of(data: bytes, name: str) -> np.ndarray:
    """Return the line segments of one mesh, (m, 2, 3), read by hand: trimesh reads separate segments as one way."""
    magic, version, size = struct.unpack_from("<4sII", data)
    assert (magic, version, size) == (b"glTF", 2, len(data))
    length = struct.unpack_from("<I", data, 12)[0]
    tree = json.loads(data[20 : 20 + length])
    blob = data[28 + length :]
    assert len(blob) == tree["buffers"][0]["byteLength"]
    (mesh,) = [m for m in tree["meshes"] if m["name"] == name]
    (primitive,) = mesh["primitives"]
    assert primitive["mode"] == 1

    def array(accessor: int, dtype: str) -> np.ndarray:
        view = tree["bufferViews"][tree["accessors"][accessor]["bufferView"]]
        start = view.get("byteOffset", 0)
        return np.frombuffer(blob[start : start + view["byteLength"]], dtype)

    indices = array(
        primitive["indices"],
        {5123: "<u2", 5125: "<u4"}[tree["accessors"][primitive["indices"]]["componentType"]],
    )
    assert len(indices) == tree["accessors"][primitive["indices"]]["count"]
    points = array(primitive["attributes"]["POSITION"], "<f4").reshape(-1, 3)
    return points[indices.reshape(-1, 2)]


@pytest.mark.parametrize("beside", [True, False])
def test_line_segments_come_back_as_the_lines_they_were(beside: bool) -> None:
    points = np.array(
        [[0.0, 0.0, 0.0], [10.0, 0.0, 0.0], [10.0, 20.0, 0.0], [50.0, 0.0, 0.0], [50.0, 0.0, 7.0]]
    )
    lines = np.array([[0, 1], [1, 2], [3, 4]])
    parts = [GlbPart("rim", points, lines, "#262626")]
    data = glb_bytes([*parts, GlbPart("ball", *ball((0, 0, 0)), "#009e73")] if beside else parts)
    ends = segments_of(data, "rim")
    # Tenths of a millimetre; the patient's back is −z.
    assert ends[:, 1] - ends[:, 0] == pytest.approx(np.array([[100.0, 0, 0], [0, 0, -200.0], [0, 70.0, 0]]))
    if beside:
        assert read(data).geometry["ball"].volume > 0


def test_parts_that_cannot_be_told_apart_or_are_empty_are_refused() -> None:
    one = GlbPart("one", *ball((0, 0, 0)), "#009e73")
    with pytest.raises(ValueError, match="one name"):
        glb_bytes([one, one])
    with pytest.raises(ValueError, match="leave it out"):
        glb_bytes([GlbPart("none", np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64), "#009e73")])
