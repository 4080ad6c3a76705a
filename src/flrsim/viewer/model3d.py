"""A plan as a small interactive picture: every shape of its course once, and what each stage shows of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from flrsim.io.glb import AXES, GlbPart, glb_bytes
from flrsim.report import ModelStage, ReportModel, ShownMark, ShownPart, lesion_marks
from flrsim.viewer.drawing import headless, poly_data
from flrsim.viewer.place import Place, Shape
from flrsim.viewer.scene import Actor, Scene, scene_at
from flrsim.viewer.shown import Shown

TRIANGLES = 40_000
"""Of all shapes of a plan together."""
LINES = 12_000
FEWEST_FACES = 160
"""A shape with fewer stays as it is."""
TUBE_MM, TUBE_SIDES = 0.6, 3
GROUPS = {"lesion": "lesion", "margin": "lesion", "vessel": "vessel"}
"""Which button shows and hides a kind of actor; all others belong to the liver."""


def report_model(shown: Shown) -> ReportModel:
    """Return the interactive picture of a plan: the plan, after each operation but the last, at the deciding scan, at the end."""
    scenes = [(word, scene_at(shown, day=day)) for word, day in model_days(shown)]
    marks = lesion_marks([lesion.name for lesion in shown.case.lesions])
    names: dict[Shape, str] = {}
    parts: dict[str, Actor] = {}
    for _, scene in scenes:
        for actor in scene.actors:
            if actor.shape not in names and len(actor.faces):
                names[actor.shape] = f"part {len(names) + 1}"
                parts[names[actor.shape]] = actor
    wanted = [(name, a.shape) for name, a in parts.items()]
    light = dict(zip(parts, _thinned([s for _, s in wanted]), strict=True))
    # Browsers draw lines one pixel wide.
    light = {name: _tubes(s) if parts[name].kind == "lost" else s for name, s in light.items()}
    glb = glb_bytes(
        [
            GlbPart(name, light[name].points, light[name].faces, a.colour, a.opacity)
            for name, a in parts.items()
        ]
    )
    stages = tuple(
        ModelStage(
            word,
            _caption(scene),
            _shown_parts(scene, names),
            _shown_marks(scene, marks),
            _legend(scene, marks),
        )
        for word, scene in scenes
    )
    return ReportModel(shown.name, glb, stages, scenes[0][1].note)


def model_days(shown: Shown) -> list[tuple[str, int | None]]:
    """Return the days that have a button, with the words on it."""
    days: dict[int | None, str] = {None: "Before"}
    operations = shown.operation_days
    scan = None if shown.result is None else shown.result.scan_day
    for n, day in enumerate(operations, start=1):
        if n == len(operations) and scan is not None and scan < day:
            days[scan] = f"At the scan, day {scan}"
        days[day] = f"After stage {n}, day {day}" if len(operations) > 1 else f"After, day {day}"
    return [(word, day) for day, word in days.items()]


def _caption(scene: Scene) -> str:
    """Return what a stage shows, in words, and last what could not be drawn."""
    return ". ".join([*scene.readout.lines(), *scene.banners])


def _legend(scene: Scene, marks: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return colours and words of a stage's legend, as its picture has them."""
    return tuple((entry.colour, entry.said(marks)) for entry in scene.legend)


def _shown_parts(scene: Scene, names: dict[Shape, str]) -> tuple[ShownPart, ...]:
    return tuple(
        ShownPart(names[a.shape], GROUPS.get(a.kind, "liver"), a.colour, a.opacity, _move(a.place))
        for a in scene.actors
        if a.shape in names
    )


def _shown_marks(scene: Scene, marks: Mapping[str, str]) -> tuple[ShownMark, ...]:
    """Return the marks of the lesions that are still there."""
    out = []
    for label in scene.labels:
        if label.kind == "lesion":
            x, y, z = (float(v) for v in AXES @ np.array(label.position))
            out.append(ShownMark(marks[label.text], (x, y, z), label.colour))
    return tuple(out)


def _move(place: Place) -> tuple[float, ...] | None:
    """Return a map of LPS millimetres as one of the GLB's axes and metres, (16,) row by row; None where nothing moves."""
    if place.is_identity:
        return None
    out = np.diag([place.scale] * 3 + [1.0])
    out[:3, 3] = AXES @ np.array(place.shift)
    return tuple(float(v) for v in out.reshape(-1))


def _tubes(shape: Shape) -> Shape:
    """Return lines as thin tubes of triangles, which keep their width at every size."""
    if not len(shape.faces):
        return shape
    headless()
    tube = poly_data(shape).strip(join=True, max_length=100_000).tube(radius=TUBE_MM, n_sides=TUBE_SIDES)
    tube = tube.triangulate()
    return Shape(np.asarray(tube.points, dtype=np.float64), np.asarray(tube.regular_faces, dtype=np.int64))


def _thinned(shapes: list[Shape]) -> list[Shape]:
    """Return shapes with as few triangles and lines as a page can carry; rims of open surfaces stay, so walls meet."""
    share = {
        n: min(1.0, most / max(sum(len(s.faces) for s in shapes if s.faces.shape[1] == n), 1))
        for n, most in ((3, TRIANGLES), (2, LINES))
    }
    return [
        _fewer_triangles(s, share[3]) if s.faces.shape[1] == 3 else _fewer_lines(s, share[2]) for s in shapes
    ]


def _fewer_triangles(shape: Shape, share: float) -> Shape:
    if share >= 1.0 or len(shape.faces) <= FEWEST_FACES:
        return shape
    headless()
    import pyvista as pv

    surface = pv.PolyData.from_regular_faces(shape.points, shape.faces)
    target = max(share, FEWEST_FACES / len(shape.faces))
    light = surface.decimate_pro(1.0 - target, preserve_topology=True, boundary_vertex_deletion=False)
    faces = np.asarray(light.regular_faces, dtype=np.int64)
    return Shape(np.asarray(light.points, dtype=np.float64), faces) if len(faces) else shape


def _fewer_lines(shape: Shape, share: float) -> Shape:
    """Return lines with points left out along their way; ends and forks stay."""
    step = int(np.ceil(1.0 / share))
    if step < 2:
        return shape
    return Shape(shape.points, _skipped(shape.faces, step))


def _skipped(lines: NDArray[np.int64], step: int) -> NDArray[np.int64]:
    """Return line segments (m, 2) with about every `step`-th point kept along each way between ends and forks."""
    near: dict[int, list[int]] = {}
    for a, b in lines.tolist():
        near.setdefault(a, []).append(b)
        near.setdefault(b, []).append(a)
    seen: set[tuple[int, int]] = set()
    out: list[tuple[int, int]] = []

    def walk(start: int, first: int) -> None:
        kept, before, here, n = start, start, first, 1
        seen.update({(start, first), (first, start)})
        while len(near[here]) == 2 and here != start:
            if n % step == 0:
                out.append((kept, here))
                kept = here
            after = near[here][0] if near[here][0] != before else near[here][1]
            before, here, n = here, after, n + 1
            seen.update({(before, here), (here, before)})
        if kept != here:
            out.append((kept, here))

    for point in [*(p for p, others in near.items() if len(others) != 2), *near]:
        for other in near[point]:
            if (point, other) not in seen:
                walk(point, other)
    return np.array(out, dtype=np.int64).reshape(-1, 2)
