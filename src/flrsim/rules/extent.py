"""How much an operation takes, in the words of the rules that allow so much and no more."""

from __future__ import annotations

from dataclasses import dataclass

from flrsim.anatomy import SECTIONS
from flrsim.course import Course, CourseStep

NONE, ENUCLEATION, LIMITED, SEGMENT, SECTION, HEMI = range(6)
"""Extents in order: each contains those before it."""

SPOKEN = {
    NONE: "no resection",
    ENUCLEATION: "an enucleation",
    LIMITED: "a limited resection",
    SEGMENT: "one segment",
    SECTION: "a section or a left hepatectomy",
    HEMI: "a right hepatectomy or more",
}

_LEFT = frozenset(SECTIONS["left"].segments)
_CAUDATE = "S1"
_MAJOR = 3  # segments in a major hepatectomy (Brisbane 2000)


@dataclass(frozen=True)
class Extent:
    """The largest operation of a plan.

    Attributes
    ----------
    level : place in the order of extents; two sections other than the left hemiliver count as a right hepatectomy.
    segments : Couinaud segments taken whole or for the most part, the caudate lobe not counted.
    """

    level: int
    segments: int

    @property
    def spoken(self) -> str:
        """The extent in words."""
        return SPOKEN[self.level]


def extent_of(course: Course) -> Extent | None:
    """Return the extent of the largest operation of a plan; None without one."""
    found = [_of(step) for step in course.operations]
    return max(found, key=lambda e: (e.level, e.segments)) if found else None


def _of(step: CourseStep) -> Extent:
    whole = {"S4" if s in ("S4a", "S4b") else s for s in step.resected} - {_CAUDATE}
    n = len(whole)
    if step.major and not whole:
        # A course written without its segments still says that it is major.
        return Extent(HEMI, _MAJOR)
    if n >= _MAJOR:
        return Extent(SECTION if whole <= _LEFT else HEMI, n)
    if n:
        return Extent(SEGMENT if n == 1 else SECTION, n)
    # Wedges and ablations: less than a segment.
    return Extent(LIMITED, 0)
