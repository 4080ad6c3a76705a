"""Where results go: standard output as JSON, or a file whose place is checked before the work that makes it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from flrsim.errors import FileError

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def emit(result: dict[str, Any]) -> None:
    """Print a result as JSON."""
    sys.stdout.write(json.dumps(result, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def check_report(path: Path) -> None:
    """Raise unless a report can be written at `path`: HTML, or PDF where this machine can make one.

    Raises
    ------
    FileError
        As `check_output`, and for a PDF without the extra `report` or without pango.
    """
    check_output(path, (".html", ".htm", ".pdf"), what="a report")
    if path.suffix.lower() == ".pdf":
        from flrsim.report import pdf_missing

        missing = pdf_missing()
        if missing:
            raise FileError(f"{path.name}: {missing}")


def check_output(path: Path, suffixes: tuple[str, ...], *, what: str) -> None:
    """Raise unless a file of one of these kinds can be written at `path`.

    Parameters
    ----------
    what : the thing to be written, with its article.

    Raises
    ------
    FileError
        For another extension, a missing or closed folder, or a folder of that name.
    """
    if path.suffix.lower() not in suffixes:
        raise FileError(f"{path.name}: {what} is written as {' or '.join(suffixes)}; change the name")
    if path.is_dir():
        raise FileError(f"{path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise FileError(f"{path}: the folder {path.parent} does not exist; create it or name another")
    if not os.access(path.parent, os.W_OK):
        raise FileError(f"{path}: the folder {path.parent} is closed to writing; name another")
