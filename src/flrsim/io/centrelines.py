"""Centrelines of vessels from a table: one point a line, under the name of its branch."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flrsim.errors import FileError
from flrsim.io.frames import existing_file

COLUMNS = ("branch", "left_mm", "posterior_mm", "superior_mm")
"""The header says frame and unit by itself: millimetres toward the patient's left, back and head (LPS)."""


def read_centrelines(path: Path) -> dict[str, NDArray[np.float64]]:
    """Return the centreline of each branch, (n, 3) LPS mm, its points in the order of the file.

    Raises
    ------
    FileError
        When the table has other columns, a cell that is no number, or a branch of one point.
    """
    try:
        text = existing_file(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise FileError(
            f"{path.name} is not a text file; a table with the columns {','.join(COLUMNS)} is needed"
        ) from None
    rows = list(csv.reader(text.splitlines()))
    header = tuple(cell.strip() for cell in rows[0]) if rows else ()
    if header != COLUMNS:
        raise FileError(
            f"{path.name} has the columns {','.join(header) or 'none'}; {','.join(COLUMNS)} are needed: the name of the "
            "branch, then millimetres toward the patient's left, back and head"
        )
    points: dict[str, list[tuple[float, ...]]] = {}
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        name = row[0].strip()
        try:
            place = tuple(float(cell) for cell in row[1:])
        except ValueError:
            place = ()
        if not name or len(place) != 3 or not all(map(math.isfinite, place)):
            raise FileError(
                f"{path.name}, line {number}: {','.join(row)!r}; a branch and three numbers in mm are needed"
            )
        points.setdefault(name, []).append(place)
    short = [name for name, line in points.items() if len(line) < 2]
    if short or not points:
        found = f"branch {', '.join(short)} has one point only" if short else "no branch is in it"
        raise FileError(f"{path.name}: {found}; a centreline needs two points or more")
    return {name: np.array(line) for name, line in points.items()}
