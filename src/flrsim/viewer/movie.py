"""The whole course of a plan as a moving picture, drawn off screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from flrsim.errors import DisplayError
from flrsim.plan import Operate, Scan
from flrsim.viewer.camera import CAMERAS
from flrsim.viewer.drawing import INSTALL, SceneDrawing, frame, gl_available, look, off_screen_plotter
from flrsim.viewer.layout import layout_of
from flrsim.viewer.overlay import draw_overlay
from flrsim.viewer.pictures import legend_height
from flrsim.viewer.scene import Scene, scene_at
from flrsim.viewer.shown import Shown

FRAMES = 72
"""Pictures between the first day and the end, at most."""
HOLD = 10
"""How often the plan, an operation and a scan are repeated, so that they can be read."""
RATE = 10
"""Pictures a second."""
AFTER_DAYS = 14
"""What is shown beyond the last step of the plan."""
NEEDS = "a movie as .mp4 needs the extra `movie`: pip install 'flrsim[movie]'; .gif needs nothing more"


def course_days(shown: Shown) -> tuple[tuple[int | None, int], ...]:
    """Return the days of a movie, in order, and for how many pictures each is shown; None is the plan on the images."""
    steps = () if shown.staged is None else shown.staged.plan.steps
    first, last = shown.days
    days = [s.day for s in steps]
    start, end = max(first, min(days, default=first)), min(last, max(days, default=last) + AFTER_DAYS)
    held = {s.day for s in steps if isinstance(s.action, (Operate, Scan))}
    apart = max(1, -(-(end - start + 1) // FRAMES))
    every = sorted({*range(start, end + 1, apart), *(d for d in held if start <= d <= end), end})
    return ((None, HOLD), *((d, HOLD if d in held or d == end else 1) for d in every))


def course_pictures(
    shown: Shown, *, view: str = "anterior", size: tuple[int, int] = (960, 720)
) -> Iterator[tuple[Any, int, Scene]]:
    """Yield the pictures of a course (PIL images), for how many frames each is shown, and what it shows."""
    camera = CAMERAS[view]
    days = course_days(shown)
    width, height = size
    legend = legend_height(height)
    drawn = height - legend
    # Every picture has the frame of the last day, so that growth is seen as growth.
    last = scene_at(shown, day=days[-1][0])
    room = layout_of(last, camera, (width, drawn), legend).shares
    focus, scale = frame(last, camera, width / drawn, room)
    plotter = off_screen_plotter((width, drawn))
    try:
        plotter.enable_anti_aliasing("ssaa")
        drawing = SceneDrawing(plotter, scale)
        for day, hold in days:
            scene = scene_at(shown, day=day)
            drawing.show(scene)
            look(plotter, scene, camera, focus, scale)
            plotter.render()
            image = np.asarray(plotter.screenshot(return_img=True), dtype=np.uint8)[:, :, :3]
            layout = layout_of(scene, camera, (width, drawn), legend)
            yield draw_overlay(image, scene, camera, layout, focus, scale, legend), hold, scene
    finally:
        plotter.close()


def write_movie(
    shown: Shown,
    path: Path,
    *,
    view: str = "anterior",
    size: tuple[int, int] = (960, 720),
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write the course of a plan as .gif or .mp4.

    Parameters
    ----------
    progress : told after each picture how many are drawn, and of how many.

    Raises
    ------
    DisplayError
        When this machine has no OpenGL, or what writes .mp4 is not installed.
    """
    if not gl_available():
        raise DisplayError(INSTALL)
    if path.suffix.lower() == ".mp4":
        _write_mp4(shown, path, view, size, progress)
        return
    from PIL import Image

    pictures, times = [], []
    for image, hold in _counted(shown, view, size, progress):
        # Dithered, every picture would be new noise to the file; by median cut, rare hues would be lost, and with them a
        # stage's colour.
        pictures.append(image.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE))
        times.append(hold * 1000 // RATE)
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=times, loop=0, optimize=False)


def _counted(
    shown: Shown, view: str, size: tuple[int, int], progress: Callable[[int, int], None] | None
) -> Iterator[tuple[Any, int]]:
    """Yield the pictures of a course and for how many frames each is shown, and tell how many are done."""
    of = len(course_days(shown))
    for n, (image, hold, _) in enumerate(course_pictures(shown, view=view, size=size), start=1):
        if progress is not None:
            progress(n, of)
        yield image, hold


def _write_mp4(
    shown: Shown,
    path: Path,
    view: str,
    size: tuple[int, int],
    progress: Callable[[int, int], None] | None,
) -> None:
    if not all(find_spec(name) for name in ("imageio", "imageio_ffmpeg")):
        raise DisplayError(NEEDS)
    import imageio.v2 as imageio

    # Codecs want sides that are multiples of 16.
    even = (size[0] // 16 * 16, size[1] // 16 * 16)
    writer: Any = imageio.get_writer(path, fps=RATE)
    with writer:
        for image, hold in _counted(shown, view, even, progress):
            for _repeat in range(hold):
                writer.append_data(np.asarray(image))
