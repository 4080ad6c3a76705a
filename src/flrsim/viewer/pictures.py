"""Pictures of a scene as PNG, drawn off screen: no display and no graphics card are needed."""

from __future__ import annotations

import colorsys
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flrsim.errors import DisplayError
from flrsim.report import palette
from flrsim.viewer.camera import CAMERAS, Camera
from flrsim.viewer.drawing import INSTALL, add_actor, frame, gl_available, look, off_screen_plotter
from flrsim.viewer.layout import layout_of
from flrsim.viewer.overlay import draw_overlay
from flrsim.viewer.scene import Scene, rgb

LEGEND_SHARE = 0.21
"""Lowest part of a picture, which holds legend and note and nothing of the liver."""
HUE_TOLERANCE = 24.0 / 360.0


def picture(scene: Scene, *, view: str = "anterior", size: tuple[int, int] = (1200, 900)) -> bytes:
    """Return a picture of a scene as PNG.

    Parameters
    ----------
    view
        ``anterior``, ``inferior`` or ``posterior``.
    size
        Width and height in pixels.

    Raises
    ------
    DisplayError
        When this machine has no OpenGL; the sentence says what to install.
    """
    if view not in CAMERAS:
        raise ValueError(f"view {view!r} is not known; views are {', '.join(CAMERAS)}")
    if not gl_available():
        raise DisplayError(INSTALL)
    width, height = size
    drawn = height - legend_height(height)
    camera = CAMERAS[view]
    layout = layout_of(scene, camera, (width, drawn), legend_height(height))
    focus, scale = frame(scene, camera, width / drawn, layout.shares)
    image = render(scene, camera, focus, scale, (width, drawn))
    return as_png(draw_overlay(image, scene, camera, layout, focus, scale, legend_height(height)))


def legend_height(height: int) -> int:
    """Return how many rows at the bottom of a picture belong to legend and note."""
    return round(LEGEND_SHARE * height)


def render(
    scene: Scene, camera: Camera, focus: NDArray[np.float64], scale: float, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Return the drawn scene, (height, width, 3) uint8."""
    plotter = off_screen_plotter(size)
    try:
        plotter.enable_anti_aliasing("ssaa")
        for actor in scene.actors:
            add_actor(plotter, actor, scale)
        look(plotter, scene, camera, focus, scale)
        plotter.render()
        return np.asarray(plotter.screenshot(return_img=True), dtype=np.uint8)[:, :, :3]
    finally:
        plotter.close()


def smaller(png: bytes) -> bytes:
    """Return a picture in 256 colours of its own: a third of the bytes or less, for pages that hold many."""
    from PIL import Image

    image = Image.open(io.BytesIO(png)).convert("RGB")
    return as_png(image.quantize(colors=256, method=Image.Quantize.FASTOCTREE))


def as_png(image: Any) -> bytes:
    """Return a PIL image as PNG."""
    out = io.BytesIO()
    image.save(out, format="PNG", optimize=True)
    return out.getvalue()


def fate_pixels(png: bytes, scene: Scene) -> dict[str, int]:
    """Return how many pixels of a picture have each fate's hue; the legend's own swatches are left out.

    Light and translucency change how light and how pure a colour is, hardly its hue: a coloured pixel counts
    for the fate, lesion or vessel colour with the nearest hue, if that is within 24 degrees.
    """
    from PIL import Image

    image = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=np.float64) / 255.0
    image = image[: image.shape[0] - legend_height(image.shape[0])].reshape(-1, 3)
    top, bottom = image.max(axis=1), image.min(axis=1)
    chroma = top - bottom
    coloured = (chroma > 0.14 * top) & (chroma > 0.06)
    r, g, b = image[coloured].T
    top, chroma = top[coloured], chroma[coloured]
    hue = (
        np.where(
            top == r, (g - b) / chroma % 6, np.where(top == g, (b - r) / chroma + 2, (r - g) / chroma + 4)
        )
        / 6.0
    )
    fates = [(e.text, e.colour) for e in scene.legend if e.stage is not None]
    others = [(palette.LOUD, palette.LOUD)] + [(a.name, a.colour) for a in scene.of_kind("vessel")]
    names = [name for name, _ in fates]
    hues = np.array([colorsys.rgb_to_hsv(*rgb(colour))[0] for _, colour in fates + others])
    away = np.abs(hue[:, None] - hues)
    away = np.minimum(away, 1.0 - away)
    nearest = np.where(away.min(axis=1) <= HUE_TOLERANCE, away.argmin(axis=1), -1)
    return {name: int(np.count_nonzero(nearest == i)) for i, name in enumerate(names)}
