"""One view of one plan in the window: its drawing, its words, what a click hits."""

from __future__ import annotations

from typing import Any

import numpy as np

from flrsim.report import palette
from flrsim.viewer.camera import Camera
from flrsim.viewer.desktop.words import verdict_lines, wrapped
from flrsim.viewer.drawing import SceneDrawing, frame, look, mark_orientation, prepare
from flrsim.viewer.layout import GREY, INK, SCALE_BAR_MM
from flrsim.viewer.scene import Actor, Scene
from flrsim.viewer.shown import Shown

PEELS = 4
"""Layers of translucent tissue told apart in a still picture; while something moves they are blended as they come."""
PICKED_FIRST = (("lesion",), ("liver",))
"""A lesion inside translucent tissue is what a click means."""
PICK_TOLERANCE = 0.002
BELOW_MM = 6.0
"""How far the scale bar lies below the liver."""
ROOM, RAISED = 1.1, 0.06
"""How much more than the liver a pane shows, and how far the liver is moved down to clear the words."""
HEAD_CHARS = 92


class Pane:
    """One part of a window that shows one plan.

    Parameters
    ----------
    index : its place among the parts of the plotter.
    ink : colour of its words, that of its plan's curve.
    """

    def __init__(self, plotter: Any, index: int, ink: str) -> None:
        self._plotter, self.index = plotter, index
        self.renderer = plotter.renderers[index]
        self._drawings: dict[Shown, SceneDrawing] = {}
        self._current: SceneDrawing | None = None
        self._labels: tuple[Any, ...] = ()
        self._label_actors: list[Any] = []
        self.scale = 100.0
        self.scene: Scene | None = None
        self._activate()
        prepare(plotter)
        plotter.enable_depth_peeling(number_of_peels=PEELS)
        self._words = plotter.add_text("", position=(0.02, 0.98), viewport=True, font_size=9, color=ink)
        self._words.prop.justification_vertical = "top"
        # As large as the words, in a colour of its own, on lines that the words leave free under the plan's name.
        self._verdict = plotter.add_text("", position=(0.02, 0.98), viewport=True, font_size=9)
        self._verdict.prop.justification_vertical = "top"
        self._banner = plotter.add_text("", position=(0.98, 0.98), viewport=True, font_size=10, color="white")
        self._banner.prop.justification_vertical = "top"
        self._banner.prop.justification_horizontal = "right"
        self._banner.prop.background_color, self._banner.prop.background_opacity = GREY, 1.0

    def _activate(self) -> None:
        self._plotter.subplot(0, self.index)

    def place(self, viewport: tuple[float, float, float, float] | None) -> None:
        """Give the pane its part of the window (left, bottom, right, top; shares); None hides it."""
        self.renderer.SetDraw(viewport is not None)
        self.renderer.SetViewport(*(viewport or (0.999, 0.999, 1.0, 1.0)))

    def look_from(self, camera: Camera, aspect: float) -> None:
        """Look at all that is shown from one side; `aspect` is the pane's width over its height."""
        if self.scene is not None:
            self._activate()
            focus, scale = frame(self.scene, camera, aspect)
            self.scale = ROOM * scale
            focus = focus + RAISED * scale * np.array(camera.up)
            look(self._plotter, self.scene, camera, focus, self.scale)

    def show(self, shown: Shown, scene: Scene, words: str, *, wide: bool) -> None:
        """Bring the pane to a scene; `wide`: it has the room of both."""
        self._activate()
        self.scene = scene
        drawing = self._drawings.get(shown)
        if drawing is None:
            if not self._drawings:
                low, high = scene.bounds_mm
                self.scale = 0.5 * float(np.max(high - low))
            drawing = self._drawings[shown] = SceneDrawing(self._plotter, self.scale)
        if self._current is not None and self._current is not drawing:
            self._current.hide()
        self._current = drawing
        drawing.show(scene)
        width = HEAD_CHARS if wide else HEAD_CHARS // 2
        name, _, rest = words.partition("\n")
        name, verdict = wrapped(name, width), verdict_lines(scene.readout, width)
        free = "\n" * len(verdict)
        self._words.input = f"{name}{free}\n{wrapped(rest, width)}"
        self._verdict.input = "\n" * (name.count("\n") + 1) + "\n".join(verdict) if verdict else ""
        self._verdict.prop.color = palette.VERDICT_COLOURS.get(scene.readout.verdict or "", INK)
        self._banner.input = "\n".join(f" {b} " for b in scene.banners)
        self._write_names(scene)

    def _write_names(self, scene: Scene) -> None:
        """Write lesion and segment names; those that would collide are left out by the label placer."""
        names: dict[str, list[tuple[str, Any]]] = {}
        for label in scene.labels:
            names.setdefault(label.colour, []).append((label.text, label.position))
        if scene.name_segments:
            segments: dict[str, list[Actor]] = {}
            for a in scene.of_kind("liver"):
                segments.setdefault(a.segment or "", []).append(a)
            largest = {n: max(own, key=lambda a: len(a.shape.points)) for n, own in segments.items()}
            names[palette.RIM] = [
                (n, tuple(a.place.on(a.shape.points.mean(axis=0)))) for n, a in sorted(largest.items())
            ]
        wanted = tuple((colour, tuple(entries)) for colour, entries in names.items())
        if wanted == self._labels:
            return
        self._labels = wanted
        for actor in self._label_actors:
            self._plotter.remove_actor(actor, render=False)
        self._label_actors = [
            self._plotter.add_point_labels(
                np.array([place for _, place in entries]), [text for text, _ in entries], font_size=14, bold=True,
                text_color=colour, shape_color="white", shape_opacity=0.75, show_points=False, always_visible=True,
                render=False, reset_camera=False,
            )
            for colour, entries in wanted
        ]  # fmt: skip

    def quick(self, moving: bool) -> None:
        """Draw fast while something moves: translucent layers are blended without being sorted."""
        self.renderer.SetUseDepthPeeling(not moving)

    def hit(self, x: float, y: float) -> Actor | None:
        """Return what lies under a point of the window, pixels; lesions before the tissue around them."""
        from vtkmodules.vtkRenderingCore import vtkCellPicker

        if (
            self._current is None
            or not self.renderer.GetDraw()
            or not self.renderer.IsInViewport(int(x), int(y))
        ):
            return None
        for kinds in PICKED_FIRST:
            picker = vtkCellPicker()
            picker.SetTolerance(PICK_TOLERANCE)
            picker.PickFromListOn()
            for prop in self._current.props(*kinds):
                picker.AddPickList(prop)
            if picker.Pick(x, y, 0.0, self.renderer):
                return self._current.actor_of(picker.GetActor())
        return None

    def add_compass(self) -> None:
        """Put a cube with the patient's axes into the corner."""
        self._activate()
        widget = mark_orientation(self._plotter)
        # Left alone, it follows the camera of whatever part of the window holds the corner.
        widget.Off()
        widget.SetDefaultRenderer(self.renderer)
        widget.SetCurrentRenderer(self.renderer)
        widget.On()

    def add_scale(self) -> None:
        """Lay a bar of known length along the patient's left-right axis below the liver, in space."""
        import pyvista as pv

        if self.scene is None:
            return
        self._activate()
        low, high = self.scene.bounds_mm
        z, y = float(low[2]) - BELOW_MM, float(low[1])
        ends = ((float(high[0]) - SCALE_BAR_MM, y, z), (float(high[0]), y, z))
        self._plotter.add_mesh(
            pv.Line(*ends), color=INK, line_width=4, render=False, reset_camera=False, pickable=False
        )
        self._plotter.add_point_labels(
            np.array([ends[0]]), [f"{SCALE_BAR_MM:g} mm"], font_size=13, bold=False, text_color=INK, shape=None,
            show_points=False, always_visible=True, render=False, reset_camera=False,
        )  # fmt: skip
