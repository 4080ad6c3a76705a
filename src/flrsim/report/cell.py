"""One printed value of the comparison."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """One printed value; `tone` is ``loud`` for what must be seen, ``quiet`` for what does not apply."""

    text: str
    tone: str = ""
