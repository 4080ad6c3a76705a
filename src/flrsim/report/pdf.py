"""The report on paper: the page without its interactive pictures, with running heads, page numbers and bookmarks."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flrsim.errors import FileError
from flrsim.report.page import ReportPicture, render_html
from flrsim.results import Comparison

NEEDED = "a PDF needs the extra `report`: pip install 'flrsim[report]'; an HTML report needs nothing and prints too"
PANGO = (
    "a PDF needs the library pango, which was not found; install it (Debian, Ubuntu: apt-get install libpango-1.0-0 "
    "libpangoft2-1.0-0; macOS: brew install pango), or write HTML and print that"
)
FONTS = {"normal": "DejaVuSans.ttf", "bold": "DejaVuSans-Bold.ttf"}
"""Fonts that come with matplotlib, so that every machine prints the same."""


def pdf_missing() -> str:
    """Return what this machine lacks for a PDF, in one sentence; empty where it lacks nothing."""
    if importlib.util.find_spec("weasyprint") is None:
        return NEEDED
    try:
        importlib.import_module("weasyprint")
    except OSError:
        # Its libraries are opened when it is imported.
        return PANGO
    return ""


def render_pdf(comparison: Comparison, pictures: Sequence[ReportPicture] = ()) -> bytes:
    """Return the report as PDF; fonts are embedded, and nothing is fetched from anywhere.

    Raises
    ------
    FileError
        When weasyprint or pango is missing; the sentence says what to install.
    """
    missing = pdf_missing()
    if missing:
        raise FileError(missing)
    import weasyprint
    from weasyprint.urls import URLFetcher

    page = render_html(comparison, pictures, more_css=_fonts())
    # Pictures and fonts are the only things asked for, and both are here: names and sentences can fetch nothing.
    fetcher: Any = URLFetcher(allowed_protocols=("data", "file"), allow_redirects=False)
    document = weasyprint.HTML(string=page, url_fetcher=_Own(fetcher))
    return bytes(document.write_pdf())


class _Own:
    """Fetches inlined pictures and the fonts, and refuses everything else."""

    def __init__(self, fetcher: Any) -> None:
        self._fetcher = fetcher
        self._fonts = {path.as_uri() for path in _font_files().values()}

    def __call__(self, url: str) -> Any:
        if not url.startswith("data:") and url not in self._fonts:
            raise ValueError(f"the report asks for {url[:80]}, which is not in it")
        return self._fetcher.fetch(url)


def _font_files() -> dict[str, Path]:
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return {weight: folder / name for weight, name in FONTS.items()}


def _fonts() -> str:
    """Return the style that names the fonts by file."""
    faces = [
        f'@font-face {{ font-family: "Report Sans"; font-weight: {weight}; src: url("{path.as_uri()}"); }}'
        for weight, path in _font_files().items()
    ]
    return "\n".join(["", *faces, 'body, svg text { font-family: "Report Sans", sans-serif !important; }'])
