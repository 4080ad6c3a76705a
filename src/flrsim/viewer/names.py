"""Names of segments and lesions on a picture: beside what they name, moved apart, weaker for what lies behind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from flrsim.report import palette
from flrsim.viewer.camera import Camera
from flrsim.viewer.layout import INK, PAPER, Layout, Rect, font
from flrsim.viewer.scene import Label, Scene, rgb

PUSHES = 200
BESIDE = 30.0
"""How far a lesion's name first stands from it, both ways, in the layout's unit."""
TOUCH_PX = 0.5
PALE = 0.4
"""Share of white in the name of what lies in the far half."""


@dataclass
class Box:
    """A name's place on the picture.

    Attributes
    ----------
    x, y, half_width, half_height : centre and half size, pixels.
    anchor : the point it names, pixels.
    behind : whether that lies in the half of the liver away from the eye.
    """

    label: Label
    x: float
    y: float
    half_width: float
    half_height: float
    anchor: tuple[float, float]
    behind: bool = False

    @property
    def colour(self) -> str:
        """The colour it is written in: pale where it lies behind, never so for what must not be overlooked."""
        if not self.behind or self.label.colour == palette.LOUD:
            return self.label.colour
        return "#" + "".join(f"{round(255 * (PALE + (1 - PALE) * c)):02x}" for c in rgb(self.label.colour))

    @property
    def needs_line(self) -> bool:
        """Whether a line has to lead to what it names: always to a lesion, and to a segment that it was moved off."""
        x, y = self.anchor
        off = abs(x - self.x) > self.half_width or abs(y - self.y) > self.half_height
        return self.label.kind == "lesion" or off

    def overlaps(self, other: Box) -> bool:
        """Return whether two names cover each other."""
        return (
            self.half_width + other.half_width - abs(self.x - other.x) > TOUCH_PX
            and self.half_height + other.half_height - abs(self.y - other.y) > TOUCH_PX
        )  # fmt: skip


class NameWords(NamedTuple):
    """The words for names without room, for segments that are not seen, and for pale names."""

    left_out: str
    hidden: str
    pale: str


@dataclass(frozen=True)
class Names:
    """The names of a picture.

    Attributes
    ----------
    left_out : names for which there was no room.
    hidden : segments that the camera does not see.
    """

    boxes: tuple[Box, ...]
    left_out: tuple[str, ...]
    hidden: tuple[str, ...]

    @property
    def said(self) -> str:
        """What is not named and why a name is pale, in words; empty where all names stand."""
        many = "name" if len(self.left_out) == 1 else "names"
        return self.told(
            NameWords(
                f"+{len(self.left_out)} {many} not shown",
                "hidden in this view",
                "pale names lie in the far half",
            )
        )

    def told(self, words: NameWords) -> str:
        """Return the same in words of one's own."""
        lists = ((words.left_out, self.left_out), (words.hidden, self.hidden))
        parts = [f"{word}: {', '.join(names)}" for word, names in lists if names]
        if any(b.colour != b.label.colour for b in self.boxes):
            parts.append(words.pale)
        return "; ".join(parts)


def placed_names(
    scene: Scene, camera: Camera, layout: Layout, focus: NDArray[np.float64], pixels_per_mm: float
) -> Names:
    """Return where segment and lesion names stand, moved apart inside the room of the liver.

    Parameters
    ----------
    focus : (3,) point in the middle of the picture, LPS mm.
    """
    boxes, unit, size = [], layout.unit, layout.size
    segments, hidden = scene.segment_labels(camera)
    sight = np.array(camera.sight)
    middle = float(np.mean(scene.bounds_mm, axis=0) @ sight)
    for label in (*scene.labels, *segments):
        away = np.array(label.position) - focus
        x = 0.5 * size[0] + float(away @ camera.right) * pixels_per_mm
        y = 0.5 * size[1] - float(away @ np.array(camera.up)) * pixels_per_mm
        half_width = 0.5 * float(_font(label, unit).getlength(label.text)) + 7 * unit
        # A lesion's name stands beside the lesion, so that both are seen; a segment is named on the skin that is seen.
        lesion = label.kind == "lesion"
        shift = BESIDE * unit if lesion else 0.0
        behind = lesion and float(np.array(label.position) @ sight) > middle
        boxes.append(Box(label, x + shift, y - shift, half_width, max(15 * unit, 7.0), (x, y), behind))
    kept, left_out = without_collisions(spread_out(boxes, layout.room))
    return Names(kept, left_out, hidden)


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


def without_collisions(boxes: Iterable[Box]) -> tuple[tuple[Box, ...], tuple[str, ...]]:
    """Return the boxes that stand free, and the names left out for them: first what lies behind, then segments."""

    def rank(box: Box) -> int:
        if box.label.colour == palette.LOUD:
            return 0
        return 1 if box.label.kind == "lesion" and not box.behind else 2 if box.label.kind == "segment" else 3

    given = list(boxes)
    kept: list[Box] = []
    for box in sorted(given, key=rank):
        if not any(box.overlaps(other) for other in kept):
            kept.append(box)
    return tuple(b for b in given if b in kept), tuple(b.label.text for b in given if b not in kept)


def draw_names(draw: Any, names: Names, pixels_per_mm: float, unit: float) -> None:
    """Write names on a PIL drawing: rings and lines first, so that no line strikes a name out."""
    thin = max(round(2 * unit), 1)
    # What lies behind is written first.
    boxes = sorted(names.boxes, key=lambda b: not b.behind)
    for box in boxes:
        if box.label.kind == "lesion" and box.label.colour == palette.LOUD:
            # What is left behind may be deep or tiny; a ring is seen through everything.
            r = box.label.reach_mm * pixels_per_mm + 6 * unit
            x, y = box.anchor
            draw.ellipse((x - r, y - r, x + r, y + r), outline=palette.LOUD, width=max(round(4 * unit), 2))
    for box in boxes:
        if box.needs_line:
            draw.line((*box.anchor, box.x, box.y), fill=PAPER, width=3 * thin)
            draw.line((*box.anchor, box.x, box.y), fill=box.colour, width=thin)
    for box in boxes:
        face = _font(box.label, unit, bold=not box.behind)
        if box.label.kind == "lesion":
            corners = (
                box.x - box.half_width, box.y - box.half_height, box.x + box.half_width, box.y + box.half_height
            )  # fmt: skip
            width = thin if not box.behind else 1
            draw.rounded_rectangle(corners, 6 * unit, fill=PAPER, outline=box.colour, width=width)
            draw.text((box.x, box.y), box.label.text, fill=box.colour, font=face, anchor="mm")
        else:
            draw.text(
                (box.x, box.y), box.label.text, fill=INK, font=face, anchor="mm",
                stroke_width=max(round(2.5 * unit), 1), stroke_fill=PAPER,
            )  # fmt: skip


def _font(label: Label, unit: float, *, bold: bool = True) -> Any:
    return font((18 if label.kind == "lesion" else 20) * unit, bold=bold)
