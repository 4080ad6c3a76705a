"""One view of one plan in the window: its drawing, its words, what a click hits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flrsim.viewer.camera import Camera
from flrsim.viewer.desktop.written import painted, pane_layout
from flrsim.viewer.drawing import SceneDrawing, frame, look, mark_orientation, prepare
from flrsim.viewer.names import Names, placed_names
from flrsim.viewer.scene import Actor, Scene
from flrsim.viewer.shown import Shown

PEELS = 4
"""Layers of translucent tissue told apart in a still picture; while something moves they are averaged."""
QUICK_LIGHTS = 2
"""How many lights of the kit shine while something moves."""
PICKED_FIRST = (("lesion",), ("liver",))
"""A lesion inside translucent tissue is what a click means."""
PICK_TOLERANCE = 0.002
CUBE_PLACE = (0.0, 0.0, 0.085, 0.13)
"""Corner of the window that holds the cube of the axes: left, bottom, right, top, as shares of it."""
NO_NAMES = Names((), (), ())


class Pane:
    """One part of a window that shows one plan.

    Parameters
    ----------
    index : its place among the parts of the plotter.
    ink : colour of its plan's name, that of its plan's curve.
    """

    def __init__(self, plotter: Any, index: int, ink: str) -> None:
        self._plotter, self.index, self._ink = plotter, index, ink
        self.renderer = plotter.renderers[index]
        self._drawings: dict[Shown, SceneDrawing] = {}
        self._current: SceneDrawing | None = None
        self._shown: Shown | None = None
        self._legend, self._moving = True, False
        self._names = NO_NAMES
        self._named_from: tuple[Any, ...] | None = None
        self._written_for: tuple[Any, ...] | None = None
        self.scale = 100.0
        self.scene: Scene | None = None
        self._activate()
        prepare(plotter)
        plotter.enable_depth_peeling(number_of_peels=PEELS)
        self._sheet = Sheet(self.renderer)
        # Words are measured for the size and the side from which the pane is really drawn.
        self.renderer.AddObserver("StartEvent", lambda *_: self._write())

    def _activate(self) -> None:
        self._plotter.subplot(0, self.index)

    def place(self, viewport: tuple[float, float, float, float] | None) -> None:
        """Give the pane its part of the window (left, bottom, right, top; shares); None hides it."""
        self.renderer.SetDraw(viewport is not None)
        self.renderer.SetViewport(*(viewport or (0.999, 0.999, 1.0, 1.0)))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        (left, bottom, right, top), (width, height) = self.renderer.GetViewport(), self._plotter.window_size
        return max(round((right - left) * width), 1), max(round((top - bottom) * height), 1)

    @property
    def words(self) -> tuple[str, ...]:
        """What is written on the pane, as it was drawn last."""
        return tuple(w.text for w in self._layout(self.size, NO_NAMES, 1.0).words if w.text)

    @property
    def names(self) -> Names:
        """The names on the pane, as it was drawn last."""
        return self._names

    def look_from(self, camera: Camera, panes: Sequence[Pane]) -> None:
        """Look from one side at all that panes of one size and camera show, in the room that the words of all leave."""
        if self.scene is None:
            return
        self._activate()
        scenes = [p.scene for p in panes if p.scene is not None]
        low, high = (np.array([s.bounds_mm[end] for s in scenes]) for end in (0, 1))
        both = replace(self.scene, bounds_mm=(low.min(axis=0), high.max(axis=0)))
        shares = np.array([p._layout(p.size, NO_NAMES, 1.0).shares for p in panes])
        left, top = shares[:, :2].max(axis=0)
        right, bottom = shares[:, 2:].min(axis=0)
        width, height = self.size
        focus, self.scale = frame(both, camera, width / height, (left, top, right, bottom))
        look(self._plotter, both, camera, focus, self.scale)

    def show(self, shown: Shown, scene: Scene, *, legend: bool) -> None:
        """Bring the pane to a scene."""
        self._activate()
        self._shown, self.scene, self._legend = shown, scene, legend
        drawing = self._drawings.get(shown)
        if drawing is None:
            if not self._drawings:
                low, high = scene.bounds_mm
                self.scale = 0.5 * float(np.max(high - low))
            drawing = self._drawings[shown] = SceneDrawing(self._plotter, self.scale)
        if self._current is not None and self._current is not drawing:
            self._current.hide()
        self._current = drawing
        drawing.coarsen(self._moving)
        drawing.show(scene)
        self._written_for = None

    def _layout(self, size: tuple[int, int], names: Names, pixels_per_mm: float) -> Any:
        if self._shown is None or self.scene is None:
            raise RuntimeError("nothing is shown yet")
        inset = CUBE_PLACE[2] * self._plotter.window_size[0] if self.index == 0 else 0.0
        return pane_layout(
            self._shown, self.scene, size, self._ink, legend=self._legend, inset=inset, pixels_per_mm=pixels_per_mm,
            said=names.said,
        )  # fmt: skip

    def _write(self) -> None:
        """Write words and names anew where scene, size or camera are not those they were written for."""
        if self.scene is None or not self.renderer.GetDraw():
            return
        size, (camera, focus) = self.size, _sight(self.renderer)
        per_mm = 0.5 * size[1] / float(self.renderer.GetActiveCamera().GetParallelScale())
        wanted = (size, camera, focus, per_mm)
        if wanted == self._written_for:
            return
        if not self._moving:
            layout = self._layout(size, NO_NAMES, per_mm)
            self._names = placed_names(self.scene, camera, layout, np.array(focus), per_mm)
            self._named_from = wanted
        # While something moves, names stay where they stood; over a liver that turns they would stand wrong.
        names = self._still_there() if self._named_from == wanted else NO_NAMES
        layout = self._layout(size, names, per_mm)
        self._sheet.lay(painted(layout, names, per_mm))
        self._written_for = wanted

    def _still_there(self) -> Names:
        """Return the names that stood last, without those of what has gone since."""
        if self.scene is None or not self._moving:
            return self._names
        there = {label.text for label in self.scene.labels}
        if self.scene.name_segments:
            there |= {a.segment for a in self.scene.of_kind("liver") if a.segment}
        old = self._names
        return Names(tuple(b for b in old.boxes if b.label.text in there), old.left_out, old.hidden)

    def quick(self, moving: bool) -> None:
        """Draw fast while something moves: fewer triangles and lights, translucent layers averaged and not sorted."""
        if moving == self._moving:
            return
        self._moving, self._written_for = moving, None
        self.renderer.SetUseDepthPeeling(not moving)
        for light in self.renderer.lights[QUICK_LIGHTS:]:
            light.SetSwitch(not moving)
        if self._current is not None:
            self._current.coarsen(moving)

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
        widget.SetViewport(*CUBE_PLACE)
        # Left alone, it follows the camera of whatever part of the window holds the corner.
        widget.Off()
        widget.SetDefaultRenderer(self.renderer)
        widget.SetCurrentRenderer(self.renderer)
        widget.On()


class Sheet:
    """A picture with holes that lies over a part of the window."""

    def __init__(self, renderer: Any) -> None:
        import pyvista as pv
        from vtkmodules.vtkRenderingCore import vtkPolyDataMapper2D, vtkTexture, vtkTexturedActor2D

        corners = pv.PolyData.from_regular_faces(
            np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1.0, 0.0]]),
            np.array([[0, 1, 2, 3]]),
        )
        corners.active_texture_coordinates = corners.points[:, :2].copy()
        self._corners, self._texture, self._size = corners, vtkTexture(), (0, 0)
        self._actor, mapper = vtkTexturedActor2D(), vtkPolyDataMapper2D()
        mapper.SetInputData(corners)
        self._actor.SetMapper(mapper)
        self._actor.SetTexture(self._texture)
        self._actor.PickableOff()
        renderer.AddViewProp(self._actor)

    def lay(self, image: NDArray[np.uint8]) -> None:
        """Show an image (height, width, 4), first row on top, a pixel a pixel."""
        import pyvista as pv

        height, width = image.shape[:2]
        grid = pv.ImageData(dimensions=(width, height, 1))
        # VTK owns these pixels: it reads them whenever it draws, whatever Python has thrown away by then.
        pixels = pv.convert_array(np.ascontiguousarray(image[::-1]).reshape(-1, 4), name="rgba", deep=True)
        grid.GetPointData().SetScalars(pixels)
        self._texture.SetInputData(grid)
        if self._size != (width, height):
            self._size = (width, height)
            self._corners.points[:, :2] = self._corners.active_texture_coordinates * (width, height)
            self._corners.Modified()


def _sight(renderer: Any) -> tuple[Camera, tuple[float, float, float]]:
    """Return from where a part of the window is seen, and the point in its middle, LPS mm."""
    seen = renderer.GetActiveCamera()
    focus = np.array(seen.GetFocalPoint())
    sight = focus - np.array(seen.GetPosition())
    sight /= np.linalg.norm(sight)
    up = np.array(seen.GetViewUp())
    up -= (up @ sight) * sight
    up /= np.linalg.norm(up)
    return Camera("window", "", _three(sight), _three(up)), _three(focus)


def _three(vector: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = (float(v) for v in vector)
    return x, y, z
