"""The report on paper: pages, words, bookmarks, fonts; nothing is fetched; what is missing is said."""

from __future__ import annotations

import importlib.util
import io
import re
from pathlib import Path
from typing import Any

import pytest
from comparison_fixture import HOSTILE, png
from test_report_first_page import case, longer, staged

from flrsim.errors import FileError
from flrsim.report import ReportPicture, pdf, pdf_missing, render_pdf, write_report

pypdf = pytest.importorskip("pypdf", reason="the PDF is read back with pypdf, which is not installed")
needs_pdf = pytest.mark.skipif(bool(pdf_missing()), reason=f"no PDF here: {pdf_missing()}")


@pytest.fixture(scope="module")
def paper() -> Any:
    pictures = [
        ReportPicture("two-stage", 0, "the plan", png(), "from the front"),
        ReportPicture("two-stage", 0, "the plan", png(), "from below", "inferior"),
    ]
    return pypdf.PdfReader(io.BytesIO(render_pdf(case(), pictures)))


def words(page: Any) -> str:
    return re.sub(r"\s+", " ", page.extract_text())


@needs_pdf
def test_each_plan_begins_a_page_that_answers_the_board(paper: Any) -> None:
    texts = [words(p) for p in paper.pages]
    first = [n for n, text in enumerate(texts) if "FIRST WORRY" in text.upper()]
    assert len(first) == 2
    for n in first:
        for heading in (
            "What stays",
            "Lesions, uncleared first",
            "Is it enough",
            "Calendar",
            "Simulated risks",
            "Plan B",
        ):
            assert heading in texts[n], (n, heading)
    assert "not for treatment decisions" in texts[0]
    assert "Can all 3 lesions be cleared" in texts[0]


@needs_pdf
def test_pages_are_numbered_and_headed_and_the_wide_tables_lie_across(paper: Any) -> None:
    n = len(paper.pages)
    for number, page in enumerate(paper.pages, start=1):
        assert f"{number} / {n}" in words(page)
    assert "Case <b>one</b>" in words(paper.pages[1])
    wide = [p for p in paper.pages if "Plans side by side" in words(p) and p is not paper.pages[0]]
    assert wide
    assert wide[0].mediabox.width > wide[0].mediabox.height
    assert paper.pages[0].mediabox.width < paper.pages[0].mediabox.height


@needs_pdf
def test_bookmarks_lead_to_plans_and_sections(paper: Any) -> None:
    def titles(entries: list[Any]) -> list[str]:
        return [t for e in entries for t in (titles(e) if isinstance(e, list) else [e.title])]

    found = titles(paper.outline)
    for title in (
        "two-stage",
        "wait longer",
        "Plans side by side",
        "Method, assumptions and references",
        "Plan B",
    ):
        assert title in found


@needs_pdf
def test_fonts_are_in_the_file(paper: Any) -> None:
    seen = 0
    for page in paper.pages:
        for font in page["/Resources"].get("/Font", {}).values():
            base = font.get_object()
            for face in base.get("/DescendantFonts", [base]):
                descriptor = face.get_object()["/FontDescriptor"].get_object()
                assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(descriptor)
                seen += 1
    assert seen


@needs_pdf
def test_hostile_names_are_printed_as_they_are() -> None:
    plan = type(staged())(**{**staged().__dict__, "name": HOSTILE})
    text = "".join(words(p) for p in pypdf.PdfReader(io.BytesIO(render_pdf(case(plan, longer())))).pages)
    assert '<script>alert("x")</script>' in text.replace(" ", "")


@needs_pdf
def test_nothing_but_inlined_pictures_and_the_fonts_is_fetched() -> None:
    from weasyprint.urls import URLFetcher

    own = pdf._Own(URLFetcher())
    for url in ("https://example.org/x.png", "file:///etc/hostname", "http://127.0.0.1/"):
        with pytest.raises(ValueError, match="which is not in it"):
            own(url)


@needs_pdf
def test_a_name_that_ends_in_pdf_is_written_as_pdf(tmp_path: Path) -> None:
    target = write_report(tmp_path / "out.PDF", case())
    assert target.read_bytes().startswith(b"%PDF")
    assert [p.name for p in tmp_path.iterdir()] == ["out.PDF"]


def test_a_missing_extra_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *_: None)
    with pytest.raises(FileError, match=r"extra `report`: pip install 'flrsim\[report\]'"):
        write_report(tmp_path / "out.pdf", case())
    assert not list(tmp_path.iterdir())


def test_a_missing_library_is_said_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(name: str) -> None:
        raise OSError("cannot load library 'libpango-1.0-0'")

    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *_: object())
    monkeypatch.setattr(pdf.importlib, "import_module", without)
    with pytest.raises(FileError, match="library pango, which was not found; install it"):
        render_pdf(case())
