"""The folder that holds the evidence, and how its files are opened."""

from __future__ import annotations

import datetime
import math
import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from flrsim.errors import EvidenceError

_LAYOUT = "evidence is a folder with parameters/*.toml and references.bib"


def open_folder(folder: Path | None) -> Traversable:
    """Return the package's own evidence, or a folder with the same layout."""
    root = files("flrsim.evidence") if folder is None else folder
    if not root.is_dir():
        raise EvidenceError(f"{root} is not a folder; {_LAYOUT}")
    return root


def listing(folder: Traversable) -> list[Traversable]:
    """Return what is in a folder, by name."""
    if not folder.is_dir():
        raise EvidenceError(f"{folder} is not a folder; {_LAYOUT}")
    return sorted(folder.iterdir(), key=lambda entry: entry.name)


def read_text(file: Traversable) -> str:
    """Return the text of a file."""
    if not file.is_file():
        raise EvidenceError(f"{file} is missing; {_LAYOUT}")
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise EvidenceError(f"{file} is not UTF-8 text: {error}") from error


def read_toml(file: Traversable, *, where: str) -> dict[str, Any]:
    """Return the content of a TOML file; `where` names it in the sentence of an error."""
    try:
        return tomllib.loads(read_text(file))
    except tomllib.TOMLDecodeError as error:
        raise EvidenceError(f"{where} is not TOML: {error}") from error


def finite(value: Any) -> float | None:
    """Return a finite float, or None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def count(value: Any) -> int | None:
    """Return a whole number of at least 1, or None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 1 else None


def iso_day(value: Any) -> str | None:
    """Return a TOML date as ``2026-11-25``, or None for anything else."""
    # A date with a time of day is a subclass of a date.
    return value.isoformat() if type(value) is datetime.date else None
