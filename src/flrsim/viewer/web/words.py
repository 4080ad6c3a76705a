"""What is written over the picture in the browser: the names, axes and scale that the report's pictures bear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from flrsim.report import palette
from flrsim.viewer.camera import CAMERAS, Camera
from flrsim.viewer.layout import Layout, Rect, scale_bar
from flrsim.viewer.names import placed_names
from flrsim.viewer.scene import Scene

UNIT = 0.75
"""Pixels of the browser to the layout's unit: names are as large as the words around the picture, whatever its size."""
SIDE, TOP, BOTTOM = 34, 40, 46
"""Pixels beside, above and below the room of the liver; they hold the letters of the axes, banners, cube and scale bar."""
SAME = 1e-6


@dataclass(frozen=True)
class Sight:
    """From where a picture was drawn.

    Attributes
    ----------
    focus : point in the middle of the picture, LPS mm.
    scale : half the height of the picture, mm.
    size : width and height, pixels.
    """

    sight: tuple[float, float, float]
    up: tuple[float, float, float]
    focus: tuple[float, float, float]
    scale: float
    size: tuple[int, int]

    @classmethod
    def of(cls, plotter: Any) -> Sight:
        """Return from where a plotter looks."""
        camera = plotter.camera
        focus = np.array(camera.focal_point)
        sight = focus - np.array(camera.position)
        sight /= np.linalg.norm(sight)
        up = np.array(camera.up)
        up -= (up @ sight) * sight
        up /= np.linalg.norm(up)
        width, height = plotter.render_window.GetSize()
        return cls(_three(sight), _three(up), _three(focus), float(camera.parallel_scale), (width, height))

    def same_form(self, other: Sight) -> bool:
        """Return whether two pictures are equally high for their width; one is drawn smaller while it is turned."""
        (width, height), (w, h) = self.size, other.size
        return abs(width * h - w * height) <= width + height

    def same_place(self, other: Sight | None) -> bool:
        """Return whether two pictures show the same, whatever their size."""
        return other is not None and all(
            np.allclose(a, b, atol=SAME)
            for a, b in (
                (self.sight, other.sight), (self.up, other.up), (self.focus, other.focus), (self.scale, other.scale)
            )
        )  # fmt: skip

    @property
    def camera(self) -> Camera:
        """The standard view that this is, or one turned by hand."""
        for c in CAMERAS.values():
            if np.allclose(c.sight, self.sight, atol=SAME) and np.allclose(c.up, self.up, atol=SAME):
                return c
        return Camera("turned", "turned by hand", self.sight, self.up)


def room_of(size: tuple[int, int]) -> Rect:
    """Return where in a picture the liver and its names are."""
    width, height = size
    side, top, bottom = min(SIDE, width / 5), min(TOP, height / 5), min(BOTTOM, height / 5)
    return Rect(side, top, width - side, height - bottom)


def words_over(scene: Scene, sight: Sight) -> dict[str, Any]:
    """Return names, axes, scale and banners as plain data, places in pixels from the upper left corner."""
    camera, (width, height) = sight.camera, sight.size
    layout = Layout(UNIT, sight.size, (), room_of(sight.size))
    per_mm = 0.5 * height / sight.scale
    names = placed_names(scene, camera, layout, np.array(sight.focus), per_mm)
    bar = scale_bar(layout, per_mm)
    return {
        "width": width,
        "height": height,
        "title": scene.title,
        "seen": f"seen {camera.title}" if camera.name in CAMERAS else camera.title,
        "names": [
            {
                "text": b.label.text,
                "kind": b.label.kind,
                "colour": b.colour,
                "line": bool(b.needs_line),
                "x": float(b.x),
                "y": float(b.y),
                "half_width": b.half_width,
                "half_height": b.half_height,
                "at": list(b.anchor),
                # What is left behind may be deep or tiny; a ring is seen through everything.
                "ring": b.label.reach_mm * per_mm + 5.0 if b.label.colour == palette.LOUD else 0.0,
            }
            for b in names.boxes
        ],
        "axes": _axes(camera, width, height),
        "bar": {"left": bar.box.left, "right": bar.box.right, "y": bar.box.bottom, "text": bar.text},
        "hidden": names.said,
        "banners": list(scene.banners),
    }


def _axes(camera: Camera, width: int, height: int) -> list[dict[str, Any]]:
    """Return the letters of the axes that lie along the sides of the picture."""
    places = {
        (1, 0): (width - 0.4 * SIDE, 0.5 * height), (-1, 0): (0.4 * SIDE, 0.5 * height),
        (0, 1): (0.5 * width, 0.5 * TOP), (0, -1): (0.5 * width, height - 0.4 * BOTTOM),
    }  # fmt: skip
    return [
        {"text": letter, "x": places[side][0], "y": places[side][1]}
        for side, letter in camera.letters.items()
    ]


def _three(vector: Any) -> tuple[float, float, float]:
    x, y, z = (float(v) for v in vector)
    return x, y, z
