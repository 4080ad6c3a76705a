"""The three-dimensional picture of one browser tab: the scene of the plan on a day, drawn on the server or in the browser."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

from flrsim.viewer.camera import CAMERAS
from flrsim.viewer.drawing import SceneDrawing, frame, look, mark_orientation, off_screen_plotter
from flrsim.viewer.geometry import PlanGeometry
from flrsim.viewer.scene import Options, Scene, Shown, scene_at
from flrsim.viewer.web.words import Sight, room_of

SIZE = (900, 640)
"""Width and height until the browser says how large its picture is, pixels."""
MOST_KEPT = 8
"""Plans whose shapes are kept while others are drawn."""


class Shapes:
    """Shapes of the plans that were drawn last, shared by all tabs: plans that differ in days alone have the same."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, PlanGeometry] = OrderedDict()
        self._lock = threading.Lock()

    def lend(self, shown: Shown, cuts: Hashable) -> None:
        """Give a plan its shapes, made at the first call for its cuts."""
        with self._lock:
            if cuts not in self._kept:
                self._kept[cuts] = shown.geometry
                while len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(cuts)
            vars(shown)["geometry"] = self._kept[cuts]


class LiverView:
    """One plotter, kept while a tab lives; shapes are uploaded again only when a plan is cut otherwise.

    Parameters
    ----------
    drawn : False where there is no OpenGL: there is no plotter then, and scenes are only told.
    """

    def __init__(self, shapes: Shapes, *, drawn: bool) -> None:
        self._shapes = shapes
        self.plotter: Any = None
        if drawn:
            self.plotter = off_screen_plotter(SIZE)
            mark_orientation(self.plotter)
        self._drawn: PlanGeometry | None = None
        self._drawing: SceneDrawing | None = None
        self._looked: Sight | None = None
        self.scene: Scene | None = None
        self.camera = "anterior"

    def prepare(self, shown: Shown, cuts: Hashable, day: int | None, options: Options) -> Scene:
        """Return the scene to draw; no drawing library is touched, so any thread may ask.

        Parameters
        ----------
        cuts : what decides the shapes: plans that differ in days alone share them.
        """
        self._shapes.lend(shown, cuts)
        first, last = shown.days
        return scene_at(shown, day=None if day is None else min(max(day, first), last), options=options)

    def draw(self, shown: Shown, scene: Scene) -> None:
        """Bring the picture to a scene; a view that nobody turned keeps all of it in sight."""
        untouched = self.untouched
        self.scene = scene
        if self.plotter is None:
            return
        if self._drawing is None or self._drawn is not shown.geometry:
            # Rims are as thick as in a picture of usual size, whatever size the browser has at this moment.
            _, scale = frame(scene, CAMERAS[self.camera], SIZE[0] / SIZE[1])
            if self._drawing is None:
                self._drawing = SceneDrawing(self.plotter, scale)
            else:
                self._drawing.begin_anew(scene, scale)
            self._drawn = shown.geometry
        self._drawing.show(scene)
        if untouched:
            self.look_from(self.camera)
        self.plotter.render()

    def look_from(self, name: str) -> None:
        """Turn the picture to one of the standard views."""
        self.camera = name
        if self.scene is not None and self.plotter is not None:
            look(self.plotter, self.scene, CAMERAS[name], *self._framed())
            self._looked = self.sight

    @property
    def sight(self) -> Sight | None:
        """From where the picture is drawn; None where there is none."""
        return None if self.plotter is None else Sight.of(self.plotter)

    @property
    def untouched(self) -> bool:
        """Whether the picture shows the standard view that was asked for last."""
        sight = self.sight
        return self._looked is None or sight is None or sight.same_place(self._looked)

    def fit(self) -> bool:
        """Show all again where the picture's size changed and nobody turned it; return whether it had to."""
        sight = self.sight
        if sight is None or self._looked is None or sight.size == self._looked.size or not self.untouched:
            return False
        self.look_from(self.camera)
        return True

    def when_drawn(self, told: Callable[[], None]) -> None:
        """Call a function after each time that the picture was drawn."""
        if self.plotter is not None:
            self.plotter.render_window.AddObserver("EndEvent", lambda *_: told())

    def _framed(self) -> tuple[Any, float]:
        """Return the point looked at and half the view's height, mm, so that the liver has the room between the words."""
        if self.scene is None:
            raise RuntimeError("nothing is shown yet")
        width, height = size = self.plotter.render_window.GetSize()
        r = room_of(size)
        room = (r.left / width, r.top / height, r.right / width, r.bottom / height)
        return frame(self.scene, CAMERAS[self.camera], width / height, room)

    def close(self) -> None:
        """Give the picture's memory back."""
        if self.plotter is not None:
            self.plotter.close()
