"""The mark of each lesion on pictures and in drawings: its own name where that is short, else its number."""

from __future__ import annotations

import re
from collections.abc import Sequence

SHORT_NAME = re.compile(r"[A-Za-z]{0,2}[0-9]{1,2}[a-z]?")
"""Names that are marks themselves: 3, L3, T12, L3a."""


def lesion_marks(names: Sequence[str]) -> dict[str, str]:
    """Return a mark for each lesion, by name.

    When every name is short, names are marks; otherwise all lesions are numbered in the order of the case, so that a
    mark never looks like another lesion's name.
    """
    if all(SHORT_NAME.fullmatch(name) for name in names):
        return {name: name for name in names}
    return {name: str(n) for n, name in enumerate(names, start=1)}
