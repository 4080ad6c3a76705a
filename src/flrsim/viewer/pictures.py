"""Pictures of a scene as PNG, drawn off screen: no display and no graphics card are needed."""

from __future__ import annotations

import colorsys
import functools
import io
import os
import subprocess
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flrsim.errors import DisplayError
from flrsim.report import palette
from flrsim.viewer.camera import CAMERAS, Camera
from flrsim.viewer.overlay import draw_overlay
from flrsim.viewer.scene import Actor, Scene, rgb

PROBE_SECONDS = 120
PROBE = """
import pyvista as pv
plotter = pv.Plotter(off_screen=True, window_size=(64, 64))
plotter.disable_anti_aliasing()
plotter.enable_depth_peeling()
plotter.add_mesh(pv.Sphere(), color="red", opacity=0.6)
raise SystemExit(0 if plotter.screenshot(return_img=True).std() > 5 else 1)
"""
INSTALL = (
    "no picture can be drawn: OpenGL is missing; install a software renderer "
    "(Debian, Ubuntu: apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri libx11-6 libxrender1) "
    "and try again"
)
PEELS = 8
LEGEND_SHARE = 0.21
"""Lowest part of a picture, which holds legend and note and nothing of the liver."""
HUE_TOLERANCE = 24.0 / 360.0
HEIGHT_USED, WIDTH_USED, TITLE_SHIFT = 0.80, 0.88, 0.06
"""Shares of the drawn part that the liver may fill, and how far it is moved down to clear the title."""


def _headless() -> None:
    """Let VTK look for EGL first where there is no display; must come before VTK is imported."""
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")


@functools.cache
def gl_available() -> bool:
    """Return whether this machine can draw; asked in another process, which a missing library would kill."""
    _headless()
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROBE], capture_output=True, timeout=PROBE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


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
    focus, scale = frame(scene, camera, width / drawn)
    image = _render(scene, camera, focus, scale, (width, drawn))
    return _png(draw_overlay(image, scene, camera, focus, scale, legend_height(height)))


def legend_height(height: int) -> int:
    """Return how many rows at the bottom of a picture belong to legend and note."""
    return round(LEGEND_SHARE * height)


def frame(scene: Scene, camera: Camera, aspect: float) -> tuple[NDArray[np.float64], float]:
    """Return the point looked at, (3,) LPS mm, and half the view's height, mm, so that all fits."""
    corner = np.array(scene.bounds_mm)
    focus = corner.mean(axis=0)
    half = 0.5 * (corner[1] - corner[0])
    wide = float(np.abs(half * camera.right).sum())
    tall = float(np.abs(half * camera.up).sum())
    scale = max(tall / HEIGHT_USED, wide / aspect / WIDTH_USED)
    # The title stands above, so the liver sits a little below the middle.
    return focus + TITLE_SHIFT * scale * np.array(camera.up), scale


def _render(
    scene: Scene, camera: Camera, focus: NDArray[np.float64], scale: float, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Return the drawn scene, (height, width, 3) uint8."""
    _headless()
    import pyvista as pv

    # Eight samples (the default) with depth peeling make translucent meshes vanish on Mesa, without an error.
    theme = pv.themes.DocumentTheme()
    theme.anti_aliasing = None
    plotter = pv.Plotter(off_screen=True, window_size=list(size), lighting="light kit", theme=theme)
    try:
        plotter.set_background("white", top="#dfe7ee")
        plotter.enable_anti_aliasing("ssaa")
        plotter.enable_depth_peeling(number_of_peels=PEELS)
        for actor in scene.actors:
            _add(plotter, actor, scale)
        low, high = scene.bounds_mm
        away = 2.0 * float(np.linalg.norm(high - low))
        plotter.camera.focal_point = tuple(focus)
        plotter.camera.position = tuple(focus - away * np.array(camera.sight))
        plotter.camera.up = camera.up
        plotter.enable_parallel_projection()
        plotter.camera.parallel_scale = scale
        plotter.reset_camera_clipping_range()
        plotter.render()
        return np.asarray(plotter.screenshot(return_img=True), dtype=np.uint8)[:, :, :3]
    finally:
        plotter.close()


def _add(plotter: Any, actor: Actor, scale: float) -> None:
    """Add one actor to the plot; lines become tubes as thick as the view is wide."""
    import pyvista as pv

    if actor.kind in ("cut_rim", "border"):
        lines = pv.PolyData()
        lines.points = actor.points
        lines.lines = np.column_stack([np.full(len(actor.faces), 2), actor.faces]).ravel()
        if actor.kind == "border":
            plotter.add_mesh(lines, color=actor.colour, line_width=1.6, opacity=actor.opacity)
            return
        tube = lines.strip(join=True, max_length=100_000).tube(radius=0.006 * scale, n_sides=10)
        plotter.add_mesh(tube, color=actor.colour, smooth_shading=True)
        return
    surface = pv.PolyData.from_regular_faces(actor.points, actor.faces)
    solid = actor.kind in ("lesion", "vessel")
    plotter.add_mesh(
        surface,
        color=actor.colour,
        opacity=actor.opacity,
        smooth_shading=True,
        specular=0.35 if solid else 0.15,
        specular_power=20,
        ambient=0.25 if solid else 0.15,
        name=f"{actor.kind}:{actor.name}",
    )


def _png(image: Any) -> bytes:
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
