"""The interactive picture as data: every shape once, what each stage shows of it, and geometry light enough to carry."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from drawn_box import grown_result, shown_box

from flrsim.io.glb import AXES
from flrsim.report import ReportModel, lesion_marks, palette
from flrsim.results import LosingTissue, PerfusionResult
from flrsim.viewer import model3d
from flrsim.viewer.model3d import _fewer_triangles, _skipped, model_days, report_model
from flrsim.viewer.place import Place, Shape
from flrsim.viewer.scene import scene_at

SOURCES = Path(__file__).parents[2] / "report3d"
TEMPLATES = Path(__file__).parents[2] / "src" / "flrsim" / "report" / "templates"


@pytest.fixture(scope="module")
def model() -> ReportModel:
    return report_model(shown_box(result=grown_result()))


def scene_of(model: ReportModel) -> trimesh.Scene:
    return trimesh.load_scene(io.BytesIO(model.glb), file_type="glb", process=False)


def test_each_operation_and_the_scan_have_a_button() -> None:
    shown = shown_box(result=grown_result())
    scan = shown.result.scan_day
    assert scan is not None
    assert 0 < scan < 40 or scan == 42
    days = [day for _, day in model_days(shown)]
    assert days == [None, 0, *([scan] if scan < 40 else []), 40]
    assert model_days(shown)[0] == ("Before", None)
    assert model_days(shown)[-1] == ("After stage 2, day 40", 40)


def test_every_stage_shows_the_actors_of_its_scene_where_the_scene_has_them(model: ReportModel) -> None:
    shown = shown_box(result=grown_result())
    scene = scene_of(model)
    boxes = {}
    for name in scene.graph.nodes_geometry:
        matrix, geometry = scene.graph[name]
        boxes[name] = trimesh.transform_points(scene.geometry[geometry].vertices, matrix)
    for stage, (_, day) in zip(model.stages, model_days(shown), strict=True):
        actors = [a for a in scene_at(shown, day=day).actors if len(a.faces)]
        assert len(stage.parts) == len(actors)
        for part, actor in zip(stage.parts, actors, strict=True):
            assert (part.colour, part.opacity) == (actor.colour, actor.opacity)
            points = boxes[part.node]
            if part.move is not None:
                points = trimesh.transform_points(points, np.reshape(part.move, (4, 4)))
            truth = actor.points @ AXES.T
            # Thinning leaves corners alone to within a fraction of a voxel (2 mm).
            assert points.min(axis=0) == pytest.approx(truth.min(axis=0), abs=6e-4)
            assert points.max(axis=0) == pytest.approx(truth.max(axis=0), abs=6e-4)


def test_a_shape_that_several_stages_share_is_carried_once(model: ReportModel) -> None:
    nodes = {p.node for s in model.stages for p in s.parts}
    shown = sum(len(s.parts) for s in model.stages)
    assert len(scene_of(model).graph.nodes_geometry) == len(nodes) < shown
    first, *_, last = model.stages
    moved = {p.node for p in last.parts if p.move is not None}
    assert moved & {p.node for p in first.parts if p.move is None}


def test_closed_shapes_look_outwards(model: ReportModel) -> None:
    kinds = {p.node: p.kind for s in model.stages for p in s.parts}
    scene = scene_of(model)
    solid = [n for n, kind in kinds.items() if kind == "lesion"]
    assert solid
    for name in solid:
        assert scene.geometry[scene.graph[name][1]].volume > 0


def test_the_kinds_are_those_of_the_buttons(model: ReportModel) -> None:
    assert {p.kind for s in model.stages for p in s.parts} <= {"liver", "lesion", "vessel"}


def test_lesions_are_marked_where_they_are_until_they_go(model: ReportModel) -> None:
    shown = shown_box(result=grown_result())
    marked = [{m.text for m in s.marks} for s in model.stages]
    assert marked[0] == {"L1", "L2"}
    assert marked[-1] < marked[0]
    for mark in model.stages[0].marks:
        lesion = shown.case.lesion(mark.text)
        assert mark.place == pytest.approx(AXES @ np.array(lesion.centre_mm), abs=1e-3)


def test_captions_give_the_day_its_volume_and_that_no_shape_is_predicted(model: ReportModel) -> None:
    assert model.stages[0].caption.startswith("on the images")
    assert "day 40" in model.stages[-1].caption
    assert "shape not predicted" in model.stages[-1].caption
    # What was not supplied is said beside every stage: no tree is drawn, and none must look absent.
    banners = scene_at(shown_box(result=grown_result())).banners
    assert all(stage.caption.endswith(". ".join(banners)) for stage in model.stages)
    assert banners


def test_every_stage_has_the_legend_of_its_own_scene_with_the_volumes_of_its_picture() -> None:
    lost = PerfusionResult({}, {}, 20.0, {"S2": 20.0}, (), (), (), (LosingTissue("S2", 20.0, 1, None),))
    shown = shown_box(result=replace(grown_result(), perfusion=lost), occluded_from=14)
    made = report_model(shown)
    marks = lesion_marks([lesion.name for lesion in shown.case.lesions])
    for stage, (_, day) in zip(made.stages, model_days(shown), strict=True):
        assert stage.legend == tuple((e.colour, e.said(marks)) for e in scene_at(shown, day=day).legend)
        said = dict(stage.legend)[palette.LOST]
        assert (
            said
            == f"{'will lose inflow or outflow' if day is None else 'no inflow or no outflow since day 0'}: S2 20 mL"
        )
    told = json.loads(made.states())
    assert [[entry["text"] for entry in s["legend"]] for s in told] == [
        [t for _, t in s.legend] for s in made.stages
    ]
    assert all(entry["hatched"] == ("flow" in entry["text"]) for s in told for entry in s["legend"])


def test_lost_tissue_is_hatched_by_tubes_as_thick_as_told_on_its_own_skin() -> None:
    lost = PerfusionResult({}, {}, 20.0, {"S2": 20.0}, (), (), (), (LosingTissue("S2", 20.0, 1, None),))
    shown = shown_box(result=replace(grown_result(), perfusion=lost))
    (drawn,) = scene_at(shown).of_kind("lost")
    tubes = model3d._tubes(drawn.shape)
    assert tubes.faces.shape[1] == 3
    assert 0 < len(tubes.faces) <= 8 * len(drawn.shape.faces)
    away = np.array([np.linalg.norm(drawn.shape.points - p, axis=1).min() for p in tubes.points])
    # Where a line turns its tube is mitred, so a few corners stand further off.
    assert np.median(away) == pytest.approx(model3d.TUBE_MM, rel=0.05)
    assert away.max() < 4 * model3d.TUBE_MM


def test_no_more_triangles_than_a_page_can_carry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model3d, "TRIANGLES", 2000)
    monkeypatch.setattr(model3d, "FEWEST_FACES", 20)
    few = scene_of(report_model(shown_box(result=grown_result())))
    many = scene_of(report_model(shown_box(result=grown_result())))
    assert set(few.graph.nodes_geometry) == set(many.graph.nodes_geometry)
    surfaces = [g for g in few.geometry.values() if hasattr(g, "faces") and len(g.faces)]
    # Rims of open surfaces are kept whole, so a few more may be left than asked.
    assert sum(len(g.faces) for g in surfaces) < 1.6 * 2000


def test_thinned_walls_keep_their_rim_so_that_neighbours_still_meet() -> None:
    sheet = trimesh.creation.box((40, 40, 1)).subdivide().subdivide().subdivide().subdivide()
    upper = sheet.faces[(sheet.triangles[:, :, 2] > 0.49).all(axis=1)]
    points, faces = np.unique(upper, return_inverse=True)
    shape = Shape(np.asarray(sheet.vertices)[points], faces.reshape(-1, 3).astype(np.int64))
    light = _fewer_triangles(shape, 0.3)
    assert len(light.faces) < 0.75 * len(shape.faces)

    def rim(s: Shape) -> set[tuple[float, ...]]:
        mesh = trimesh.Trimesh(s.points, s.faces, process=False)
        edges = mesh.edges_sorted
        codes, counts = np.unique(edges, axis=0, return_counts=True)
        return {tuple(np.round(s.points[i], 6)) for i in codes[counts == 1].ravel()}

    assert rim(light) == rim(shape)


def test_lines_lose_points_on_the_way_and_keep_ends_forks_and_rings() -> None:
    way = [[i, i + 1] for i in range(10)]
    assert _skipped(np.array(way), 5).tolist() == [[0, 5], [5, 10]]
    fork = np.array([[0, 1], [1, 2], [2, 3], [2, 4]])
    assert sorted(sorted(e) for e in _skipped(fork, 9).tolist()) == [[0, 2], [2, 3], [2, 4]]
    ring = _skipped(np.array([[i, (i + 1) % 12] for i in range(12)]), 3)
    assert len(ring) == 4
    assert len(np.unique(ring)) == 4


def test_a_move_in_millimetres_is_the_same_move_in_the_browsers_axes() -> None:
    place = Place.about((10.0, -20.0, 30.0), 1.2)
    move = np.reshape(model3d._move(place), (4, 4))
    points = np.array([[0.0, 0.0, 0.0], [5.0, 6.0, 7.0]])
    assert trimesh.transform_points(points @ AXES.T, move) == pytest.approx(place.on(points) @ AXES.T)
    assert model3d._move(Place()) is None


def test_the_states_are_json_that_cannot_close_its_own_script_block(model: ReportModel) -> None:
    text = model.states()
    assert not set("<>&") & set(text)
    assert [s["title"] for s in json.loads(text)] == [s.title for s in model.stages]


def test_the_bundle_names_what_is_in_it_and_can_stand_in_a_page() -> None:
    text = (TEMPLATES / "model3d.js").read_text(encoding="utf-8")
    assert "</script" not in text
    assert "<!--" not in text
    version = json.loads((SOURCES / "package.json").read_text())["dependencies"]["three"]
    assert f"three.js {version}" in text[:300]
    licence = (TEMPLATES / "model3d.LICENSE.txt").read_text(encoding="utf-8")
    assert version in licence
    assert "MIT License" in licence
    assert len(text) < 800_000


def test_the_bundle_belongs_to_its_sources() -> None:
    """Digests that `npm run build` wrote: needs no node, so a changed source without a new bundle fails everywhere."""
    made_from = json.loads((SOURCES / "built.json").read_text(encoding="utf-8"))
    for name, digest in made_from.items():
        file = TEMPLATES / name if name == "model3d.js" else SOURCES / name
        found = hashlib.sha256(file.read_bytes()).hexdigest()
        assert found == digest, (
            f"{name} has changed since the bundle was built: npm ci && npm run build in report3d/"
        )
    assert set(made_from) == {"model3d.js", *(f.name for f in SOURCES.iterdir() if f.is_file())} - {
        "built.json"
    }


OFFLINE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "ENOTCACHED")
"""What npm says where no registry can be reached."""


@pytest.mark.skipif(
    shutil.which("node") is None or shutil.which("npm") is None,
    reason="the bundle is built with node and npm, which are not here",
)
def test_the_bundle_is_what_its_sources_give(tmp_path: Path) -> None:
    room = tmp_path / "report3d"
    shutil.copytree(SOURCES, room)
    if not (room / "node_modules").is_dir():
        command = [
            "npm",
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--fetch-retries=0",
            "--prefer-offline",
        ]
        done = subprocess.run(command, cwd=room, capture_output=True, text=True, check=False)
        if done.returncode and any(word in done.stderr for word in OFFLINE):
            pytest.skip("three.js and esbuild are fetched by npm, which reaches no registry from here")
        assert done.returncode == 0, done.stderr
    out = tmp_path / "model3d.js"
    subprocess.run(["node", "build.mjs", str(out)], cwd=room, check=True, capture_output=True)
    assert out.read_bytes() == (TEMPLATES / "model3d.js").read_bytes()
