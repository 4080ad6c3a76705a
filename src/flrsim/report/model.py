"""The interactive picture of a plan as it is handed in: geometry as GLB, and what each stage shows of it."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flrsim.report import palette


@dataclass(frozen=True)
class ShownPart:
    """How one node of the geometry looks at one stage.

    Attributes
    ----------
    node : its name in the GLB.
    kind : ``liver``, ``lesion`` or ``vessel``, for the buttons.
    colour : sRGB hex.
    move : (4, 4) row by row, in the GLB's own axes and metres; None leaves it where it is.
    """

    node: str
    kind: str
    colour: str
    opacity: float
    move: tuple[float, ...] | None = None


@dataclass(frozen=True)
class ShownMark:
    """The mark of a lesion and where it stands, (3,) in the GLB's axes and metres."""

    text: str
    place: tuple[float, float, float]
    colour: str


@dataclass(frozen=True)
class ModelStage:
    """One state of the liver: the word on its button, what is seen, in words, the parts, lesions' marks, legend."""

    title: str
    caption: str
    parts: tuple[ShownPart, ...]
    marks: tuple[ShownMark, ...] = ()
    legend: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class ReportModel:
    """The interactive picture of one plan."""

    plan: str
    glb: bytes
    stages: tuple[ModelStage, ...]
    note: str = field(default="")

    def geometry(self) -> str:
        """Return the GLB, packed, as text for a data block."""
        return base64.b64encode(gzip.compress(self.glb, mtime=0)).decode("ascii")

    def states(self) -> str:
        """Return the stages as JSON that may stand in a script block: nothing in it can close one."""
        out: Sequence[Mapping[str, Any]] = [
            {
                "title": s.title,
                "caption": s.caption,
                "parts": [
                    {
                        "node": p.node,
                        "kind": p.kind,
                        "colour": p.colour,
                        "opacity": round(p.opacity, 3),
                        **({} if p.move is None else {"move": [round(v, 7) for v in p.move]}),
                    }
                    for p in s.parts
                ],
                "marks": [
                    {"text": m.text, "place": [round(v, 5) for v in m.place], "colour": m.colour}
                    for m in s.marks
                ],
                "legend": [
                    {
                        "text": text,
                        "background": palette.swatch(colour),
                        "hatched": palette.hatching(colour) > 0,
                    }
                    for colour, text in s.legend
                ],
            }
            for s in self.stages
        ]
        text = json.dumps(out, ensure_ascii=True, separators=(",", ":"))
        return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
