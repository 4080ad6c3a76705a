"""What is written on a picture: names that do not collide, the patient's axes, scale, legend and note."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flrsim.report import format as show
from flrsim.report import palette
from flrsim.viewer.camera import Camera
from flrsim.viewer.layout import GREY, INK, PAPER, Layout, Rect, Word, fitting, font, scale_bar
from flrsim.viewer.scene import Label, LegendEntry, Scene

PUSHES = 200


@dataclass
class Box:
    """A label's place on the picture: centre and half size in pixels, and the point it names."""

    label: Label
    x: float
    y: float
    half_width: float
    half_height: float
    anchor: tuple[float, float]


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
    _names(draw, name_boxes(scene, camera, layout, focus, pixels_per_mm), pixels_per_mm, layout.unit)
    for word in layout.words:
        _word(draw, word, layout.unit)
    _scale_bar(draw, scale_bar(layout, pixels_per_mm), layout.unit)
    _legend(draw, scene, (width, height, legend_rows), layout.unit)
    return full


def name_boxes(
    scene: Scene, camera: Camera, layout: Layout, focus: NDArray[np.float64], pixels_per_mm: float
) -> list[Box]:
    """Return where segment and lesion names stand, moved apart inside the room of the liver."""
    boxes, unit, size = [], layout.unit, layout.size
    segments, _ = scene.segment_labels(camera)
    for label in (*scene.labels, *segments):
        away = np.array(label.position) - focus
        x = 0.5 * size[0] + float(away @ camera.right) * pixels_per_mm
        y = 0.5 * size[1] - float(away @ np.array(camera.up)) * pixels_per_mm
        half_width = 0.5 * float(_label_font(label, unit).getlength(label.text)) + 7 * unit
        # A lesion's name stands beside the lesion, so that both are seen.
        shift = 30 * unit if label.kind == "lesion" else 0.0
        half_height = max(15 * unit, 7.0)
        boxes.append(Box(label, x + shift, y - shift, half_width, half_height, (x, y)))
    return spread_out(boxes, layout.room)


def _names(draw: Any, boxes: list[Box], pixels_per_mm: float, unit: float) -> None:
    """Write segment and lesion names, each lesion's with a line to the lesion."""
    for box in boxes:
        if box.label.kind == "lesion" and box.label.colour == palette.LOUD:
            # What is left behind may be deep or tiny; a ring is seen through everything.
            r = box.label.reach_mm * pixels_per_mm + 6 * unit
            x, y = box.anchor
            draw.ellipse((x - r, y - r, x + r, y + r), outline=palette.LOUD, width=max(round(4 * unit), 2))
    for box in boxes:
        face = _label_font(box.label, unit)
        corners = (
            box.x - box.half_width,
            box.y - box.half_height,
            box.x + box.half_width,
            box.y + box.half_height,
        )
        if box.label.kind == "lesion":
            draw.line((*box.anchor, box.x, box.y), fill=box.label.colour, width=max(round(2 * unit), 1))
            draw.rounded_rectangle(
                corners, 6 * unit, fill=PAPER, outline=box.label.colour, width=max(round(2 * unit), 1)
            )
            draw.text((box.x, box.y), box.label.text, fill=box.label.colour, font=face, anchor="mm")
        else:
            draw.text(
                (box.x, box.y), box.label.text, fill=INK, font=face, anchor="mm",
                stroke_width=max(round(2.5 * unit), 1), stroke_fill=PAPER,
            )  # fmt: skip


def _label_font(label: Label, unit: float) -> Any:
    return font((18 if label.kind == "lesion" else 20) * unit, bold=True)


def spread_out(boxes: list[Box], room: Rect) -> list[Box]:
    """Return boxes moved apart until none overlap and none leaves the room; lesions' names yield first."""
    for _ in range(PUSHES):
        moved = False
        for i, a in enumerate(boxes):
            for b in boxes[i + 1 :]:
                dx, dy = b.x - a.x, b.y - a.y
                over_x = a.half_width + b.half_width - abs(dx)
                over_y = a.half_height + b.half_height - abs(dy)
                if over_x <= 0 or over_y <= 0:
                    continue
                moved = True
                # The shorter way out; two boxes in one place part upwards and downwards.
                if over_x < over_y:
                    push = np.array([over_x if dx >= 0 else -over_x, 0.0])
                else:
                    push = np.array([0.0, over_y if dy >= 0 else -over_y])
                share = 0.5 if a.label.kind == b.label.kind else (0.1 if a.label.kind == "segment" else 0.9)
                a.x, a.y = a.x - share * push[0], a.y - share * push[1]
                b.x, b.y = b.x + (1 - share) * push[0], b.y + (1 - share) * push[1]
        for box in boxes:
            box.x = min(max(box.x, room.left + box.half_width), room.right - box.half_width)
            box.y = min(max(box.y, room.top + box.half_height), room.bottom - box.half_height)
        if not moved:
            break
    return boxes


def _word(draw: Any, word: Word, unit: float) -> None:
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


def _scale_bar(draw: Any, word: Word, unit: float) -> None:
    box, thick = word.box, max(round(4 * unit), 2)
    y = box.bottom - 0.5 * thick
    draw.line((box.left, y, box.right, y), fill=INK, width=thick)
    middle = 0.5 * (box.left + box.right)
    draw.text((middle, y - thick), word.text, fill=INK, font=font(word.size), anchor="mb")


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
            draw.rounded_rectangle(
                (x0, y - 11 * unit, x0 + 30 * unit, y + 11 * unit), 4 * unit, fill=entry.colour, outline=INK
            )
            text = entry.text if entry.ml is None else f"{entry.text}  {_volume(entry)}"
            text, size = fitting(text, room - 42 * unit, min(21 * unit, 0.9 * step))
            draw.text((x0 + 42 * unit, y), text, fill=INK, font=font(size), anchor="lm")
    draw.text((0.5 * width, top + rows - 8 * unit), scene.note, fill=GREY, font=font(15 * unit), anchor="mb")


def _volume(entry: LegendEntry) -> str:
    """Return an entry's volume: tissue as everywhere else, tumour left behind to 1 mL."""
    return show.tumour_ml(entry.ml) if entry.stage is None else show.ml(entry.ml)
