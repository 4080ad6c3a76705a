"""What is written on one pane of the window: words measured before they are drawn, names, legend, scale."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from flrsim.report import palette
from flrsim.report.tables import VERDICTS
from flrsim.viewer.desktop.words import head
from flrsim.viewer.layout import (
    BLOCKING_ROWS,
    GREY,
    INK,
    PAPER,
    Layout,
    Rect,
    Word,
    broken,
    fitting,
    font,
    scale_bar,
)
from flrsim.viewer.names import Names, draw_names
from flrsim.viewer.overlay import draw_scale_bar, draw_swatch, draw_word
from flrsim.viewer.scene import LegendEntry, Scene
from flrsim.viewer.shown import Readout, Shown

UNIT = 0.75
"""Pixels of the layout's unit: names are as large as the words around them, whatever the window's size."""
EDGE, GAP = 12.0, 6.0
NAME, VERDICT, TEXT, SMALL = 15.0, 15.0, 13.0, 12.0
"""Sizes of letters, pixels."""
LINE = 1.24
INDENT = 14.0
NAME_ROWS = 2
LEGEND_WIDTH = 300.0
"""Least width of a column of the legend."""
SWATCH = (18.0, 12.0)
LEAST_ROOM = 60.0
SAID_ROWS, SAID_SHARE = 2, 0.62
"""Share of the width for what is not named; the scale bar has the rest."""


def pane_layout(
    shown: Shown,
    scene: Scene,
    size: tuple[int, int],
    ink: str,
    *,
    legend: bool,
    inset: float,
    pixels_per_mm: float = 1.0,
    said: str = "",
) -> Layout:
    """Return where the words of a pane stand, and the room that is left for the liver.

    Parameters
    ----------
    size : width and height of the pane, pixels.
    ink : colour of the plan's name, that of its curve.
    inset : pixels at the lower left that the cube of the axes takes.
    said : what names are not shown.
    """
    width, height = size
    words: list[Word] = []
    top = GAP
    wide = width - 2 * EDGE
    for text, letters, colour, bold, rows in _lines(shown, scene.readout, ink):
        face = font(letters, bold=bold)
        for n, part in enumerate(broken(text, wide - INDENT, letters, bold, rows)):
            left = EDGE + (INDENT if n else 0.0)
            box = Rect(left, top, left + face.getlength(part), top + LINE * letters)
            words.append(Word("line", part, box, letters, bold, colour))
            top = box.bottom
    left = EDGE
    for banner in scene.banners:
        text, letters = fitting(banner, wide - 2 * GAP, TEXT, bold=True)
        long = font(letters, bold=True).getlength(text) + 2 * GAP
        if left > EDGE and left + long > width - EDGE:
            left, top = EDGE, top + 1.9 * TEXT
        words.append(
            Word("banner", text, Rect(left, top + 3, left + long, top + 3 + 1.6 * TEXT), letters, True, PAPER)
        )
        left += long + GAP
    if scene.banners:
        top += 1.9 * TEXT
    foot = height - GAP
    if legend:
        entries = list(_legend(scene.legend, width - inset - EDGE, inset, foot))
        words += entries
        foot = min([foot, *(w.box.top for w in entries)]) - GAP
    if said:
        left, face = max(inset, EDGE), font(SMALL)
        parts = broken(said, SAID_SHARE * width - left, SMALL, False, SAID_ROWS)
        for n, part in enumerate(reversed(parts)):
            low = foot - n * LINE * SMALL
            box = Rect(left, low - LINE * SMALL, left + face.getlength(part), low)
            words.append(Word("hidden", part, box, SMALL, False, GREY))
    room = Rect(
        EDGE, top + GAP, width - EDGE, max(foot - SAID_ROWS * LINE * SMALL - GAP, top + GAP + LEAST_ROOM)
    )
    words.append(scale_bar(Layout(UNIT, (width, round(foot + SMALL)), (), room), pixels_per_mm))
    return Layout(UNIT, size, tuple(words), room)


def painted(layout: Layout, names: Names, pixels_per_mm: float) -> NDArray[np.uint8]:
    """Return all words of a pane as a picture with holes, (height, width, 4) uint8, first row on top."""
    from PIL import Image, ImageDraw

    image = Image.new("RGBA", layout.size, (255, 255, 255, 0))
    draw = ImageDraw.Draw(image)
    draw_names(draw, names, pixels_per_mm, UNIT)
    for word in layout.words:
        if word.kind == "swatch":
            draw_swatch(draw, word.box, word.colour, UNIT)
        elif word.kind == "scale":
            draw_scale_bar(draw, word, UNIT)
        else:
            draw_word(draw, word, UNIT)
    return np.asarray(image)


def _lines(shown: Shown, readout: Readout, ink: str) -> Iterable[tuple[str, float, str, bool, int]]:
    """Yield text, size, colour, whether bold, and most rows of each line over a pane."""
    name, *rest = head(shown, readout).split("\n")
    yield name, NAME, ink, True, NAME_ROWS
    if readout.verdict is not None:
        colour = palette.VERDICT_COLOURS.get(readout.verdict, INK)
        yield VERDICTS.get(readout.verdict, readout.verdict), VERDICT, colour, True, 1
        yield readout.blocking, TEXT, colour, False, BLOCKING_ROWS
    for n, text in enumerate(rest):
        loud = text == readout.vessels_lost and readout.loss_decides
        colour = palette.LOUD if loud else INK if n < 2 else GREY
        yield text, TEXT, colour, False, NAME_ROWS + 1


def _legend(entries: tuple[LegendEntry, ...], width: float, inset: float, foot: float) -> Iterable[Word]:
    """Yield swatches and words of the legend, in columns that end at the foot."""
    columns = max(int(width // LEGEND_WIDTH), 1)
    rows = -(-len(entries) // columns)
    wide = width / columns
    step = LINE * TEXT + 2.0
    left_most = max(inset, EDGE)
    for n, entry in enumerate(entries):
        left = left_most + n // rows * wide
        top = foot - (rows - n % rows) * step
        y = top + 0.5 * step
        yield Word("swatch", "", Rect(left, y - 0.5 * SWATCH[1], left + SWATCH[0], y + 0.5 * SWATCH[1]), 0.0, False,
                   entry.colour)  # fmt: skip
        left += SWATCH[0] + GAP
        text, letters = fitting(entry.said(), wide - SWATCH[0] - 2 * GAP, TEXT)
        yield Word(
            "legend",
            text,
            Rect(left, top, left + font(letters).getlength(text), top + step),
            letters,
            False,
            INK,
        )
