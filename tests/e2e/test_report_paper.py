"""The report of every demo case on A4 and on a phone: a plan a sheet, letters that can be read, nothing hanging out."""

from __future__ import annotations

import io
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flrsim.case_file import load_case
from flrsim.cli.demo import bundled_cases
from flrsim.comparison import compare
from flrsim.evidence import load_evidence
from flrsim.report import ReportPicture, pdf_missing, render_pdf, write_report
from flrsim.results import Comparison
from flrsim.viewer import drawing, layout, names, overlay
from flrsim.viewer.drawing import gl_available
from flrsim.viewer.page_pictures import HALF_PAGE, QUARTER_PAGE, PageSize, page_picture
from flrsim.viewer.scene import scene_at

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from drawn_box import shown_box

pypdf = pytest.importorskip("pypdf", reason="the PDF is read back with pypdf, which is not installed")
needs_pdf = pytest.mark.skipif(bool(pdf_missing()), reason=f"no PDF here: {pdf_missing()}")
needs_gl = pytest.mark.skipif(not gl_available(), reason=drawing.INSTALL)

LEAST_LETTER, LEAST_TEXT = 7.0, 8.0
"""Points on paper: of letters in pictures, and of text."""
LEGEND = (
    ("#009e73", "stays (parenchyma)  345 mL"),
    ("#e69f00", "goes in stage 1  25 mL"),
    ("#56b4e9", "goes in stage 2  1270 mL"),
    ("#8a5a00", "lesion cleared in stage 1: L5, L6"),
    ("#1b5f8c", "lesion cleared in stage 2: L1, L2, L3, L4"),
    ("#6a3fb5", "portal vein"),
    ("#12309c", "hepatic vein"),
)


def blank(size: PageSize) -> bytes:
    """Return an empty picture of this size: a layout knows no more of it."""
    out = io.BytesIO()
    Image.new("RGB", size.pixels, "#dfe7ee").save(out, format="PNG")
    return out.getvalue()


def pictures(comparison: Comparison) -> list[ReportPicture]:
    """Return pictures of the sizes and with as many words as a report has, without drawing."""
    half, quarter = blank(HALF_PAGE), blank(QUARTER_PAGE)
    out = []
    for plan in comparison.plans:
        for view in ("anterior", "inferior"):
            seen = "From the front; hidden: S1, S6, S7; pale names: far half"
            out.append(ReportPicture(plan.name, 0, "the plan", half, seen, view, LEGEND))
        if len(comparison.plans) > 1:
            out.append(ReportPicture(plan.name, 0, "small", quarter, "seen", legend=LEGEND, small=True))
    return out


def sheets(paper: Any) -> list[str]:
    return [re.sub(r"\s+", " ", page.extract_text()) for page in paper.pages]


def drawn(page: Any) -> Iterator[tuple[str, float, tuple[int, int]]]:
    """Return each picture of a sheet: its name, its width in points and its size in pixels."""
    content = pypdf.generic.ContentStream(page.get_contents(), page.pdf)
    matrix, kept = np.eye(3), []
    for operands, operator in content.operations:
        if operator == b"q":
            kept.append(matrix)
        elif operator == b"Q":
            matrix = kept.pop()
        elif operator == b"cm":
            a, b, c, d, e, f = (float(v) for v in operands)
            matrix = np.array([[a, b, 0.0], [c, d, 0.0], [e, f, 1.0]]) @ matrix
        elif operator == b"Do":
            found = page["/Resources"]["/XObject"][operands[0]]
            if found["/Subtype"] == "/Image":
                yield operands[0], float(np.hypot(*matrix[0, :2])), (found["/Width"], found["/Height"])


def letters(page: Any) -> set[float]:
    """Return the sizes of all text of a sheet that holds more than blanks, in points."""
    sizes: set[float] = set()

    def visit(text: str, cm: Any, tm: Any, font: Any, size: float) -> None:
        if text.strip():
            sizes.add(
                round(size * abs(float(np.hypot(tm[2], tm[3]))) * abs(float(np.hypot(cm[2], cm[3]))), 2)
            )

    page.extract_text(visitor_text=visit)
    return sizes


@pytest.fixture(scope="module", params=sorted(bundled_cases()))
def demo(request: pytest.FixtureRequest) -> Comparison:
    evidence = load_evidence()
    case, plans = load_case(bundled_cases()[request.param], evidence)
    return compare(case, plans, evidence, seed=0, draws=200).result


@pytest.fixture(scope="module")
def paper(demo: Comparison) -> Any:
    return pypdf.PdfReader(io.BytesIO(render_pdf(demo, pictures(demo))))


@needs_pdf
def test_every_plan_of_a_demo_case_has_its_first_page_on_one_sheet(demo: Comparison, paper: Any) -> None:
    texts = sheets(paper)
    first = [n for n, text in enumerate(texts) if "FIRST WORRY" in text.upper()]
    assert first[0] == 1, "all plans in little on the first sheet, and nothing of it on another"
    assert len(first) == len(demo.plans)
    for n, plan in zip(first, demo.plans, strict=True):
        assert "Plan B" in texts[n], plan.name
        assert "Lesions and vessels" in texts[n + 1], f"{plan.name}: its first page spills"
        assert min(letters(paper.pages[n])) >= LEAST_TEXT - 0.01, plan.name


@needs_pdf
def test_one_plan_alone_opens_with_its_own_page() -> None:
    evidence = load_evidence()
    case, plans = load_case(bundled_cases()["bilobar-two-stage"], evidence)
    (two_stage,) = [p for p in plans if p.name == "two-stage"]
    alone = compare(case, [two_stage], evidence, seed=0, draws=200).result
    opened = pypdf.PdfReader(io.BytesIO(render_pdf(alone, pictures(alone))))
    texts = sheets(opened)
    for words in (
        "FIRST WORRY",
        "NOT FOR TREATMENT DECISIONS",
        "PLAN B",
        "CALENDAR",
        "REMARKS ON THE INPUTS",
    ):
        assert words in texts[0].upper()
    assert len(list(drawn(opened.pages[0]))) == 2
    assert "Read first" in texts[1]
    assert "Lesions and vessels" in texts[1]


@needs_gl
@needs_pdf
def test_letters_in_pictures_are_seven_points_high_on_paper(
    demo: Comparison, paper: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the drawing asks of its font, times the scale at which the sheets show pictures of that size."""
    asked: list[float] = []
    real = layout.font

    def recording(size: float, *, bold: bool = False) -> Any:
        asked.append(size)
        return real(size, bold=bold)

    for room in (layout, names, overlay):
        monkeypatch.setattr(room, "font", recording)
    scene = scene_at(shown_box())
    for size in (HALF_PAGE, QUARTER_PAGE):
        asked.clear()
        png = page_picture(scene, size=size).png
        assert Image.open(io.BytesIO(png)).size == size.pixels
        assert len(asked) > 3
        shown = [
            width / w for page in paper.pages for _, width, (w, h) in drawn(page) if (w, h) == size.pixels
        ]
        assert len(shown) >= len(demo.plans)
        assert min(asked) * min(shown) >= LEAST_LETTER, size


@pytest.mark.parametrize("wide", [390, 1280])
def test_no_page_scrolls_sideways(demo: Comparison, tmp_path: Path, wide: int) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="the browser is driven with playwright")
    chromium = next(
        (p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None
    )
    if chromium is None:
        pytest.skip("no Chromium on this machine: the report is opened in none")
    page = write_report(tmp_path / "report.html", demo, pictures(demo))
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": wide, "height": 844})
        opened.goto(page.as_uri())
        assert opened.evaluate("document.documentElement.scrollWidth") <= wide
        # Letters in pictures, in pixels of the screen; on a phone as high as its smallest text.
        shown = opened.locator(".first .pictures img").first.bounding_box()["width"] / HALF_PAGE.pixels[0]
        assert 16 * HALF_PAGE.unit * shown >= 9.5
        browser.close()
