"""Pictures for a page: the liver fills them, and letters are large enough to be read where a page shows them small.

Title, verdict, numbers, legend and what is not supplied are text of the page, so none of them is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from flrsim.errors import DisplayError
from flrsim.viewer.camera import CAMERAS, Camera
from flrsim.viewer.drawing import INSTALL, frame, gl_available
from flrsim.viewer.layout import EDGE, GAP, INK, Layout, Rect, Word, scale_bar
from flrsim.viewer.names import NameWords, draw_names, placed_names
from flrsim.viewer.overlay import draw_scale_bar, draw_word
from flrsim.viewer.pictures import as_png, render
from flrsim.viewer.scene import Scene


@dataclass(frozen=True)
class PageSize:
    """How large a picture for a page is.

    Attributes
    ----------
    pixels : width and height.
    unit : pixels of one unit of letters; those of names are 18 units high, of the scale 16.
    small : only lesions are named, and there is no scale.
    """

    pixels: tuple[int, int]
    unit: float
    small: bool = False


HALF_PAGE = PageSize((1000, 580), 1.75)
"""Two side by side on a sheet of A4, 9 cm each: letters of 28 pixels and more are then 7 points high."""
BELOW = NameWords("no room for", "hidden", "pale names: far half")
"""What is said of names below a picture, in as few words as there is room for."""
QUARTER_PAGE = PageSize((480, 300), 1.6, small=True)
"""Four side by side, 4.5 cm each: letters of 29 pixels are then 7.7 points high."""


@dataclass(frozen=True)
class PagePicture:
    """A picture as PNG, and what the page has to say beside it: which names are not in it, or pale."""

    png: bytes
    said: str


def page_picture(scene: Scene, *, view: str = "anterior", size: PageSize = HALF_PAGE) -> PagePicture:
    """Return a picture of a scene for a page.

    Raises
    ------
    DisplayError
        When this machine has no OpenGL; the sentence says what to install.
    """
    if not gl_available():
        raise DisplayError(INSTALL)
    from PIL import Image, ImageDraw

    camera = CAMERAS[view]
    width, height = size.pixels
    layout = page_layout(camera, size)
    focus, scale = frame(scene, camera, width / height, layout.shares)
    image = Image.fromarray(render(scene, camera, focus, scale, size.pixels))
    draw = ImageDraw.Draw(image)
    pixels_per_mm = 0.5 * height / scale
    named = replace(scene, name_segments=scene.name_segments and not size.small)
    names = placed_names(named, camera, layout, focus, pixels_per_mm)
    draw_names(draw, names, pixels_per_mm, layout.unit)
    for word in layout.words:
        draw_word(draw, word, layout.unit)
    if not size.small:
        draw_scale_bar(draw, scale_bar(layout, pixels_per_mm), layout.unit)
    return PagePicture(as_png(image), names.told(BELOW))


def page_layout(camera: Camera, size: PageSize) -> Layout:
    """Return where the letters of the axes stand, and the room between them for the liver."""
    (width, height), unit = size.pixels, size.unit
    letter = (18 if size.small else 22) * unit
    half, edge = 0.62 * letter, 0.3 * EDGE * unit
    off = edge + half
    places = {
        (1, 0): (width - off, 0.5 * height), (-1, 0): (off, 0.5 * height),
        (0, 1): (0.5 * width, off), (0, -1): (0.5 * width, height - off),
    }  # fmt: skip
    words: list[Word] = []
    for towards, text in camera.letters.items():
        if not (size.small and towards[1]):
            x, y = places[towards]
            words.append(Word("axis", text, Rect(x - half, y - half, x + half, y + half), letter, True, INK))
    side = edge + 2 * half + 0.5 * GAP * unit
    # The scale stands in the lower right corner, a little higher than the letters.
    top, foot = (edge, edge) if size.small else (side, 42 * unit)
    return Layout(unit, size.pixels, tuple(words), Rect(side, top, width - side, height - foot))
