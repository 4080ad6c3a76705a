"""Reports as files: HTML, and PDF of the same content."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from flrsim.errors import FileError
from flrsim.report.model import ReportModel
from flrsim.report.page import ReportPicture, render_html
from flrsim.report.pdf import render_pdf
from flrsim.results import Comparison


def write_report(
    path: Path,
    comparison: Comparison,
    pictures: Sequence[ReportPicture] = (),
    models: Sequence[ReportModel] = (),
) -> Path:
    """Write a report, PDF where the name ends so and else HTML; on any failure the old file, or none, is what is there.

    Raises
    ------
    FileError
        When the folder does not exist or cannot be written, or PDF cannot be made on this machine.
    """
    if not path.parent.is_dir():
        raise FileError(f"{path}: the folder {path.parent} does not exist; create it or name another")
    if path.suffix.lower() == ".pdf":
        content = render_pdf(comparison, pictures)
    else:
        content = render_html(comparison, pictures, models).encode("utf-8")
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise FileError(
            f"{path}: cannot be written ({error.strerror}); name a folder you may write to"
        ) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except OSError as error:
        raise FileError(f"{path}: cannot be written ({error.strerror}); name another file") from error
    finally:
        Path(name).unlink(missing_ok=True)
    return path
