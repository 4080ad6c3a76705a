"""What is written on a picture: names that do not collide, the patient's axes, scale, legend and note."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flrsim.report import format as show
from flrsim.report import palette
from flrsim.viewer.camera import ORIENTATION, Camera
from flrsim.viewer.scene import Label, LegendEntry, Scene

INK = "#20242a"
GREY = "#6b7078"
PAPER = "#ffffff"
SCALE_BAR_MM = 50.0
PUSHES = 200
TITLE_ROWS = 42.0
LINE_ROWS = 26.0
"""How far the upper letter of the patient's axes stands below its place, to clear the title and each line under it."""


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
    unit = min(height + legend_rows, 0.75 * width) / 900.0
    pixels_per_mm = 0.5 * height / scale
    _names(draw, scene, camera, focus, pixels_per_mm, (width, height), unit)
    lines = scene.readout.lines() if scene.readout.flr_ml is not None or scene.day is not None else ()
    _axes(draw, camera, (width, height), unit, len(lines))
    _scale_bar(draw, pixels_per_mm, (width, height), unit)
    title = _fitting(draw, scene.title, 0.7 * width, 25 * unit, bold=True)
    draw.text((20 * unit, 14 * unit), scene.title, fill=INK, font=title)
    draw.text((20 * unit, 47 * unit), f"seen {camera.title}", fill=GREY, font=_font(18 * unit))
    for n, line in enumerate(lines):
        font = _fitting(draw, line, 0.9 * width, 19 * unit, bold=n == 0)
        draw.text((20 * unit, (75 + 26 * n) * unit), line, fill=INK if n == 0 else GREY, font=font)
    for n, banner in enumerate(scene.banners):
        _banner(draw, banner, (width - 18 * unit, (16 + 38 * n) * unit), unit)
    _legend(draw, scene, (width, height, legend_rows), unit)
    return full


def _font(size: float, *, bold: bool = False) -> Any:
    import matplotlib
    from PIL import ImageFont

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(f"{matplotlib.get_data_path()}/fonts/ttf/{name}", max(round(size), 8))


def _names(
    draw: Any,
    scene: Scene,
    camera: Camera,
    focus: NDArray[np.float64],
    pixels_per_mm: float,
    size: tuple[int, int],
    unit: float,
) -> None:
    """Write segment and lesion names, moved apart, each lesion's with a line to the lesion."""
    boxes = []
    segments, hidden = scene.segment_labels(camera)
    if hidden:
        text = f"hidden in this view: {', '.join(hidden)}"
        draw.text((20 * unit, size[1] - 12 * unit), text, fill=GREY, font=_font(16 * unit), anchor="lb")
    for label in (*scene.labels, *segments):
        away = np.array(label.position) - focus
        x = 0.5 * size[0] + float(away @ camera.right) * pixels_per_mm
        y = 0.5 * size[1] - float(away @ np.array(camera.up)) * pixels_per_mm
        font = _label_font(label, unit)
        half_width = 0.5 * float(draw.textlength(label.text, font=font)) + 7 * unit
        # A lesion's name stands beside the lesion, so that both are seen.
        shift = 30 * unit if label.kind == "lesion" else 0.0
        boxes.append(Box(label, x + shift, y - shift, half_width, 15 * unit, (x, y)))
    for box in boxes:
        if box.label.kind == "lesion" and box.label.colour == palette.LOUD:
            # What is left behind may be deep or tiny; a ring is seen through everything.
            r = box.label.reach_mm * pixels_per_mm + 6 * unit
            x, y = box.anchor
            draw.ellipse((x - r, y - r, x + r, y + r), outline=palette.LOUD, width=max(round(4 * unit), 2))
    for box in spread_out(boxes, size):
        font = _label_font(box.label, unit)
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
            draw.text((box.x, box.y), box.label.text, fill=box.label.colour, font=font, anchor="mm")
        else:
            draw.text(
                (box.x, box.y), box.label.text, fill=INK, font=font, anchor="mm",
                stroke_width=max(round(2.5 * unit), 1), stroke_fill=PAPER,
            )  # fmt: skip


def _label_font(label: Label, unit: float) -> Any:
    return _font((18 if label.kind == "lesion" else 20) * unit, bold=True)


def spread_out(boxes: list[Box], size: tuple[int, int]) -> list[Box]:
    """Return boxes moved apart until none overlap and none leaves the picture; lesions' names yield first."""
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
            box.x = min(max(box.x, box.half_width), size[0] - box.half_width)
            box.y = min(max(box.y, box.half_height), size[1] - box.half_height)
        if not moved:
            break
    return boxes


def _axes(draw: Any, camera: Camera, size: tuple[int, int], unit: float, lines: int) -> None:
    """Write the patient's axes at the edges of the picture, as on a scan."""
    edge = 26 * unit
    right, up = camera.right, np.array(camera.up)
    for letter, direction in ORIENTATION.items():
        x, y = float(np.dot(direction, right)), float(np.dot(direction, up))
        if abs(x) < 0.5 and abs(y) < 0.5:
            continue
        above = (TITLE_ROWS + LINE_ROWS * (lines + 0.8 if lines else 0.0)) * unit if y > 0 else 0.0
        place = (
            0.5 * size[0] + x * (0.5 * size[0] - edge),
            0.5 * size[1] - y * (0.5 * size[1] - edge) + above,
        )
        draw.text(
            place, letter, fill=INK, font=_font(26 * unit, bold=True), anchor="mm",
            stroke_width=max(round(3 * unit), 1), stroke_fill=PAPER,
        )  # fmt: skip


def _scale_bar(draw: Any, pixels_per_mm: float, size: tuple[int, int], unit: float) -> None:
    length = SCALE_BAR_MM * pixels_per_mm
    x, y = size[0] - 24 * unit - length, size[1] - 18 * unit
    draw.line((x, y, x + length, y), fill=INK, width=max(round(4 * unit), 2))
    draw.text(
        (x + 0.5 * length, y - 6 * unit), f"{SCALE_BAR_MM:g} mm", fill=INK, font=_font(17 * unit), anchor="mb"
    )


def _banner(draw: Any, text: str, corner: tuple[float, float], unit: float) -> None:
    """Write a grey banner whose upper right corner is given."""
    font = _font(19 * unit, bold=True)
    width = float(draw.textlength(text, font=font)) + 26 * unit
    x, y = corner
    draw.rounded_rectangle((x - width, y, x, y + 34 * unit), 6 * unit, fill="#7a7f87")
    draw.text((x - 0.5 * width, y + 17 * unit), text, fill=PAPER, font=font, anchor="mm")


def _legend(draw: Any, scene: Scene, size: tuple[int, int, int], unit: float) -> None:
    """Write the legend in two columns, tissue left, lesions and vessels right, and the note below."""
    width, top, rows = size
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
            font = _fitting(draw, text, room - 42 * unit, 21 * unit)
            draw.text((x0 + 42 * unit, y), text, fill=INK, font=font, anchor="lm")
    draw.text((0.5 * width, top + rows - 8 * unit), scene.note, fill=GREY, font=_font(15 * unit), anchor="mb")


def _volume(entry: LegendEntry) -> str:
    """Return an entry's volume: tissue as everywhere else, tumour left behind to 1 mL."""
    return show.tumour_ml(entry.ml) if entry.stage is None else show.ml(entry.ml)


def _fitting(draw: Any, text: str, room: float, size: float, *, bold: bool = False) -> Any:
    """Return the largest font, up to `size`, in which `text` fits."""
    while size > 9 and draw.textlength(text, font=_font(size, bold=bold)) > room:
        size *= 0.93
    return _font(size, bold=bold)
