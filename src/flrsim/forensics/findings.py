"""Findings put into words, and turned into the error that a reader raises."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from flrsim.errors import AnatomyError, FlrsimError, GeometryError
from flrsim.results import Finding

SHOWN = 12
"""Names that a sentence gives before it counts the rest."""


def near(place: tuple[float, float, float] | None) -> str:
    """Return a place in words for the middle of a sentence; the first of several."""
    if place is None:
        return ""
    x, y, z = (round(v) + 0.0 for v in place)
    return f" near L {x:.0f}, P {y:.0f}, S {z:.0f} mm"


def plural(n: int, word: str) -> str:
    """Return a count with its noun."""
    return f"{n} {word}{'' if n == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """Return names for a sentence; the first dozen, the rest counted."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def refused(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that make an input unusable."""
    return [f for f in findings if f.level == "refused"]


ANATOMY = frozenset(
    {
        "unknown_segment", "unknown_label", "split_twice", "not_split", "missing_segments", "wrong_frame", "mirrored",
        "upside_down", "back_to_front", "proportions", "labels_swapped",
    }
)  # fmt: skip
"""Codes about what a liver is; all others are about geometry."""


def refuse(findings: Iterable[Finding]) -> None:
    """Raise one error that names every refused finding and carries them all; its kind is that of the first."""
    everything = tuple(findings)
    found = refused(everything)
    if not found:
        return
    sentence = "; also: ".join(f.sentence for f in found)
    error = AnatomyError(sentence) if found[0].code in ANATOMY else GeometryError(sentence)
    error.findings = everything
    raise error


def raise_together(errors: Sequence[FlrsimError]) -> None:
    """Raise several errors as one that says all of them; its kind is that of the first."""
    error = type(errors[0])("; also: ".join(e.sentence for e in errors))
    error.findings = tuple(f for e in errors for f in e.findings or (Finding("refused", e.code, e.sentence),))
    raise error


def as_place(point: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return a point (3,) as the place of a finding, LPS mm."""
    return float(point[0]), float(point[1]), float(point[2])
