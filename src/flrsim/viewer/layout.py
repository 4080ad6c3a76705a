"""Where words stand on a picture, and the room that is left for the liver: measured before anything is drawn."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from flrsim.report import palette
from flrsim.report.tables import VERDICTS
from flrsim.viewer.camera import Camera
from flrsim.viewer.scene import Scene

INK = "#20242a"
GREY = "#6b7078"
PAPER = "#ffffff"
SCALE_BAR_MM = 50.0
SHORTER_BARS_MM = (20.0, 10.0, 5.0, 2.0, 1.0)
BAR_SHARE = 0.3
"""Share of the width that the scale bar may take; where 50 mm are more, a shorter bar is drawn."""
EDGE, GAP = 20.0, 8.0
"""Distance of words from the sides, and of the liver from words; like all sizes here in units of 1/900 of the height."""
LINE = 19.0
BLOCKING_ROWS = 4
"""Most rows of what stands in the way: no sentence of a demo case needs more in a picture of the usual size."""
UNNAMED_SHARE = 0.44
"""Share of the width for what is not named: it ends before the letter of the lower side."""
PALER = "lesions and vessels show through the tissue, paler the deeper they lie"
FULL_HEIGHT, FULL_WIDTH = 900.0, 1200.0
LEAST_FONT = 8


@dataclass(frozen=True)
class Rect:
    """A rectangle on the picture, pixels from its upper left corner."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Rect) -> bool:
        """Return whether two rectangles share more than an edge."""
        return (
            min(self.right, other.right) > max(self.left, other.left)
            and min(self.bottom, other.bottom) > max(self.top, other.top)
        )  # fmt: skip


@dataclass(frozen=True)
class Word:
    """Text on the picture: its place, its letters' size in pixels, and what it is.

    Attributes
    ----------
    kind : ``title``, ``verdict``, ``blocking``, ``seen``, ``line``, ``banner``, ``axis``, ``hidden`` or ``scale``.
    """

    kind: str
    text: str
    box: Rect
    size: float
    bold: bool
    colour: str


@dataclass(frozen=True)
class Layout:
    """All words of a picture outside its liver, and the room inside them.

    Attributes
    ----------
    unit : pixels of 1/900 of the height of a picture three quarters as high as wide.
    room : where liver and names are drawn; it holds no word, and is the same on every day of a plan.
    """

    unit: float
    size: tuple[int, int]
    words: tuple[Word, ...]
    room: Rect

    @property
    def shares(self) -> tuple[float, float, float, float]:
        """The room as shares of width and height: left, top, right, bottom, from the upper left corner."""
        width, height = self.size
        r = self.room
        return r.left / width, r.top / height, r.right / width, r.bottom / height


def layout_of(scene: Scene, camera: Camera, size: tuple[int, int], legend_rows: int) -> Layout:
    """Return where words stand and where the liver may be drawn.

    Parameters
    ----------
    size : width and height of the part above the legend, pixels.
    legend_rows : height of the legend, pixels.
    """
    width, height = size
    unit = min((height + legend_rows) / FULL_HEIGHT, width / FULL_WIDTH)
    banners = _banners(scene.banners, width, unit)
    words: list[Word] = list(banners)
    top = 14 * unit

    def row(kind: str, text: str | None, high: float, colour: str, *, bold: bool = False) -> None:
        nonlocal top
        line = 1.18 * max(high * unit, LEAST_FONT)
        if text is not None:
            beside = [b.box.left for b in banners if b.box.top < top + line and b.box.bottom > top]
            room = min([width - EDGE * unit, *(left - EDGE * unit for left in beside)]) - EDGE * unit
            text, fits = fitting(text, room, high * unit, bold=bold)
            wide = font(fits, bold=bold).getlength(text)
            box = Rect(EDGE * unit, top, EDGE * unit + wide, top + line)
            words.append(Word(kind, text, box, fits, bold, colour))
        top += line + 3 * unit

    row("title", scene.title, 25, INK, bold=True)
    readout = scene.readout
    if readout.verdict is not None:
        ink = palette.VERDICT_COLOURS.get(readout.verdict, INK)
        row("verdict", VERDICTS.get(readout.verdict, readout.verdict), 22, ink, bold=True)
        wide = width - 2 * EDGE * unit
        for part in broken(readout.blocking, wide, max(LINE * unit, LEAST_FONT), False, BLOCKING_ROWS):
            row("blocking", part, LINE, ink)
    depth = f"; {PALER}" if scene.of_kind("lesion") or scene.of_kind("vessel") else ""
    row("seen", f"seen {camera.title}{depth}", 18, GREY)
    lines = readout.lines() if readout.flr_ml is not None or scene.day is not None else ()
    # In a small picture letters cannot shrink with it, so each line may take two rows.
    # Room is kept for as many lines as any day has, so that all days share one frame.
    rows = 1 if LINE * unit >= LEAST_FONT else 2
    for n in range(max(readout.most_lines, len(lines))):
        text = lines[n] if n < len(lines) else ""
        ink = (
            INK if n == 0 else palette.LOUD if text == readout.vessels_lost and readout.loss_decides else GREY
        )
        parts = wrap(text, math.ceil(len(text) / rows) + 8) if rows > 1 and text else [text]
        for part in [*parts, *[""] * (rows - len(parts))]:
            row("line", part or None, LINE, ink, bold=n == 0)

    top = max([top, *(b.box.bottom + 3 * unit for b in banners)])
    letter = max(26 * unit, LEAST_FONT)
    foot = height - 14 * unit
    half = 0.62 * letter
    room = Rect(
        (EDGE + GAP) * unit + 2 * half, top + 2 * half + GAP * unit,
        width - (EDGE + GAP) * unit - 2 * half, foot - 2 * half - GAP * unit,
    )  # fmt: skip
    middle = 0.5 * (room.top + room.bottom)
    places = {
        (1, 0): (width - EDGE * unit - half, middle), (-1, 0): (EDGE * unit + half, middle),
        (0, 1): (0.5 * width, top + half), (0, -1): (0.5 * width, foot - half),
    }  # fmt: skip
    for side, text in camera.letters.items():
        x, y = places[side]
        words.append(Word("axis", text, Rect(x - half, y - half, x + half, y + half), letter, True, INK))
    return Layout(unit, size, tuple(words), room)


@functools.lru_cache(maxsize=512)
def broken(text: str, width: float, letters: float, bold: bool, rows: int) -> tuple[str, ...]:
    """Return text in at most so many rows of a width, pixels; the last ends in … where it does not fit in letters of this size."""
    face = font(letters, bold=bold)
    out, row = [], ""
    for word in text.split():
        longer = f"{row} {word}".strip()
        if row and face.getlength(longer) > width:
            out.append(row)
            row = word
        else:
            row = longer
    out.append(row)
    if len(out) > rows:
        out = [*out[: rows - 1], " ".join(out[rows - 1 :])]
    return tuple(_cut_off(row, width, face) for row in out)


def unnamed(layout: Layout, said: str) -> tuple[Word, ...]:
    """Return what is said of names that are not shown, at the lower left; nothing where all are."""
    if not said:
        return ()
    unit, (width, height) = layout.unit, layout.size
    foot = height - 14 * unit
    text, fits = fitting(said, UNNAMED_SHARE * width, 16 * unit)
    box = Rect(EDGE * unit, foot - 1.2 * fits, EDGE * unit + font(fits).getlength(text), foot)
    return (Word("hidden", text, box, fits, False, GREY),)


def scale_bar(layout: Layout, pixels_per_mm: float) -> Word:
    """Return the scale bar at the lower right: its box is as wide as the bar, its words stand on it."""
    unit = layout.unit
    right, bottom = layout.size[0] - 24 * unit, layout.size[1] - 14 * unit
    size = max(16 * unit, LEAST_FONT)
    most = BAR_SHARE * layout.size[0] / pixels_per_mm
    mm = next((mm for mm in (SCALE_BAR_MM, *SHORTER_BARS_MM) if mm <= most), SHORTER_BARS_MM[-1])
    box = Rect(right - mm * pixels_per_mm, bottom - 1.25 * size - 6 * unit, right, bottom)
    return Word("scale", f"{mm:g} mm", box, size, False, INK)


def _banners(texts: tuple[str, ...], width: int, unit: float) -> list[Word]:
    """Return grey banners, one below the other in the upper right corner, at most half the picture wide."""
    out, top = [], 14 * unit
    for said in texts:
        text, size = fitting(said, 0.5 * width, 19 * unit, bold=True)
        right, high = width - 18 * unit, 1.75 * size
        wide = font(size, bold=True).getlength(text) + 1.4 * size
        out.append(Word("banner", text, Rect(right - wide, top, right, top + high), size, True, PAPER))
        top += high + 4 * unit
    return out


def font(size: float, *, bold: bool = False) -> Any:
    """Return the font of all pictures in a size, pixels."""
    return _font(max(round(size), LEAST_FONT), bold)


@functools.cache
def _font(size: int, bold: bool) -> Any:
    import matplotlib
    from PIL import ImageFont

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(f"{matplotlib.get_data_path()}/fonts/ttf/{name}", size)


def fitting(text: str, room: float, size: float, *, bold: bool = False) -> tuple[str, float]:
    """Return a text and the largest size, up to `size`, in which it fits, cut off with … where even small letters do not."""
    size = max(size, LEAST_FONT)
    while size > LEAST_FONT + 1 and font(size, bold=bold).getlength(text) > room:
        size *= 0.93
    size = max(size, LEAST_FONT)
    return _cut_off(text, room, font(size, bold=bold)), size


def _cut_off(text: str, room: float, face: Any) -> str:
    """Return as much of a text as fits, with … where that is not all."""
    if face.getlength(text) <= room:
        return text
    while text and face.getlength(text + "…") > room:
        text = text[:-1]
    return text + "…"
