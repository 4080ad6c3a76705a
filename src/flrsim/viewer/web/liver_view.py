"""The three-dimensional picture of one browser tab: the scene of the plan on a day, drawn on the server or in the browser."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

import numpy as np

from flrsim.viewer.camera import CAMERAS
from flrsim.viewer.drawing import SceneDrawing, frame, look, mark_orientation, off_screen_plotter
from flrsim.viewer.geometry import PlanGeometry
from flrsim.viewer.scene import Options, Scene, Shown, scene_at

SIZE = (900, 640)
LABEL_SIZE = 15
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
        self._words: Any = None
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
        """Bring the picture to a scene."""
        first = self.scene is None
        self.scene = scene
        if self.plotter is None:
            return
        if self._drawing is None or self._drawn is not shown.geometry:
            self.plotter.clear_actors()
            self._words = None
            _, scale = frame(scene, CAMERAS[self.camera], SIZE[0] / SIZE[1])
            self._drawing, self._drawn = SceneDrawing(self.plotter, scale), shown.geometry
        self._drawing.show(scene)
        self._name(scene)
        if first:
            self.look_from(self.camera)
        self.plotter.render()

    def look_from(self, name: str) -> None:
        """Turn the picture to one of the standard views."""
        self.camera = name
        if self.scene is not None and self.plotter is not None:
            look(
                self.plotter, self.scene, CAMERAS[name], *frame(self.scene, CAMERAS[name], SIZE[0] / SIZE[1])
            )

    def close(self) -> None:
        """Give the picture's memory back."""
        if self.plotter is not None:
            self.plotter.close()

    def _name(self, scene: Scene) -> None:
        """Write each lesion's name where it lies."""
        if self._words is not None:
            self.plotter.remove_actor(self._words, render=False)
            self._words = None
        if scene.labels:
            self._words = self.plotter.add_point_labels(
                np.array([label.position for label in scene.labels]),
                [label.text for label in scene.labels],
                font_size=LABEL_SIZE, text_color="#262626", shape_color="white", shape_opacity=0.75,
                show_points=False, always_visible=True, render=False,
            )  # fmt: skip
