"""What is written on a picture: names that do not collide, the patient's axes, scale, legend and note."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from flrsim.report import palette
from flrsim.viewer.camera import Camera
from flrsim.viewer.layout import GREY, INK, PAPER, Layout, Rect, Word, fitting, font, scale_bar, unnamed
from flrsim.viewer.names import draw_names, placed_names
from flrsim.viewer.scene import Scene


def draw_overlay(
    image: NDArray[np.uint8],
    scene: Scene,
    camera: Camera,
    layout: Layout,
    focus: NDArray[np.float64],
    scale: float,
    legend_rows: int,
) -> Any:
    """Return the picture with its words, taller by the legend: a PIL image.

    Parameters
    ----------
    image : (height, width, 3) drawn scene.
    focus : (3,) point in the middle of the picture, LPS mm.
    scale : half the drawn height, mm.
    """
    from PIL import Image, ImageDraw

    height, width = image.shape[:2]
    full = Image.new("RGB", (width, height + legend_rows), PAPER)
    full.paste(Image.fromarray(image), (0, 0))
    draw = ImageDraw.Draw(full)
    pixels_per_mm = 0.5 * height / scale
    names = placed_names(scene, camera, layout, focus, pixels_per_mm)
    draw_names(draw, names, pixels_per_mm, layout.unit)
    for word in (*layout.words, *unnamed(layout, names.said)):
        draw_word(draw, word, layout.unit)
    draw_scale_bar(draw, scale_bar(layout, pixels_per_mm), layout.unit)
    _legend(draw, scene, (width, height, legend_rows), layout.unit)
    return full


def draw_word(draw: Any, word: Word, unit: float) -> None:
    """Write one word where the layout has it; letters of axes have a rim, banners a ground."""
    box = word.box
    if word.kind == "banner":
        draw.rounded_rectangle((box.left, box.top, box.right, box.bottom), 6 * unit, fill="#7a7f87")
    face = font(word.size, bold=word.bold)
    if word.kind in ("banner", "axis"):
        place, anchor = (0.5 * (box.left + box.right), 0.5 * (box.top + box.bottom)), "mm"
    else:
        place, anchor = (box.left, 0.5 * (box.top + box.bottom)), "lm"
    rim = max(round(3 * unit), 1) if word.kind == "axis" else 0
    draw.text(
        place, word.text, fill=word.colour, font=face, anchor=anchor, stroke_width=rim, stroke_fill=PAPER
    )


def draw_scale_bar(draw: Any, word: Word, unit: float) -> None:
    """Draw the scale where the layout has it."""
    box, thick = word.box, max(round(4 * unit), 2)
    y = box.bottom - 0.5 * thick
    draw.line((box.left, y, box.right, y), fill=INK, width=thick)
    middle = 0.5 * (box.left + box.right)
    draw.text((middle, y - thick), word.text, fill=INK, font=font(word.size), anchor="mb")


def draw_swatch(draw: Any, box: Rect, colour: str, unit: float) -> None:
    """Draw the mark of a legend's entry, hatched where what it stands for is."""
    turned = palette.hatching(colour)
    corners = (box.left, box.top, box.right, box.bottom)
    draw.rounded_rectangle(corners, 4 * unit, fill=PAPER if turned else colour, outline=INK)
    high, width = box.bottom - box.top, max(round(2.5 * unit), 1)
    for flipped in range(turned):
        for start in np.arange(box.left - high, box.right, 8 * unit):
            ends = [max(box.left, start), min(box.right, start + high)]
            rise = [x - start for x in ends]
            heights = [box.bottom - r if flipped else box.top + r for r in rise]
            draw.line((ends[0], heights[0], ends[1], heights[1]), fill=colour, width=width)


def _legend(draw: Any, scene: Scene, area: tuple[int, int, int], unit: float) -> None:
    """Write the legend in two columns, tissue left, lesions and vessels right, and the note below."""
    width, top, rows = area
    draw.line((0, top, width, top), fill="#c9ced6", width=1)
    columns = (
        [e for e in scene.legend if e.stage is not None],
        [e for e in scene.legend if e.stage is None],
    )
    note_rows = 34 * unit
    most = max(len(column) for column in columns)
    step = min(36 * unit, (rows - note_rows - 14 * unit) / max(most, 1))
    for x0, room, column in ((24 * unit, 0.40 * width, columns[0]), (0.43 * width, 0.55 * width, columns[1])):
        for n, entry in enumerate(column):
            y = top + 14 * unit + (n + 0.5) * step
            draw_swatch(draw, Rect(x0, y - 11 * unit, x0 + 30 * unit, y + 11 * unit), entry.colour, unit)
            text, size = fitting(entry.said(), room - 42 * unit, min(21 * unit, 0.9 * step))
            draw.text((x0 + 42 * unit, y), text, fill=INK, font=font(size), anchor="lm")
    draw.text((0.5 * width, top + rows - 8 * unit), scene.note, fill=GREY, font=font(15 * unit), anchor="mb")
