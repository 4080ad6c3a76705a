"""The report in a real browser without a network: read with scripts off, its stages clicked, printed."""

from __future__ import annotations

import io
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flrsim.case_file import load_case
from flrsim.cli.demo import bundled_cases
from flrsim.cli.pictures import report_models
from flrsim.comparison import compare
from flrsim.evidence import load_evidence
from flrsim.report import write_report
from flrsim.viewer.model3d import report_model
from flrsim.viewer.shown import shown_plans

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from comparison_fixture import comparison
from drawn_box import grown_result, shown_box

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="the browser is driven with playwright, which is not installed"
)
CHROMIUM = next(
    (p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None
)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine: the report is opened in none"
)
ARGUMENTS = [
    "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
]  # fmt: skip
PATIENCE = 90_000
"""Milliseconds: software drawing on a busy machine."""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    evidence = load_evidence()
    case, plans = load_case(bundled_cases()["bilobar-two-stage"], evidence)
    plans = [p for p in plans if p.name in ("two-stage", "right hepatectomy at once")]
    compared = compare(case, plans, evidence, seed=1, draws=400)
    shown = shown_plans(case, compared.staged, compared.result.plans)
    target = tmp_path_factory.mktemp("report") / "report.html"
    return write_report(target, compared.result, models=report_models(shown))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any, report: Path) -> Iterator[Any]:
    """Open the report; what it asks of the network, and what goes wrong in it, fails the test."""
    context = browser.new_context(offline=True, viewport={"width": 1200, "height": 900})
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    opened.on("request", lambda request: None if local(request.url) else wrong.append(request.url))
    opened.goto(report.as_uri())
    yield opened
    context.close()
    assert wrong == []


def local(url: str) -> bool:
    return url.startswith(("file:", "data:", "blob:"))


def seen(page: Any, plan: int) -> np.ndarray:
    """Return what the canvas of a plan shows, (height, width, 3) 0 … 255."""
    png = page.locator(f"[data-model='{plan}'] canvas").screenshot(timeout=PATIENCE)
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def count(image: np.ndarray, colour: str) -> int:
    """Return how many pixels have clearly the hue of one of the fates."""
    r, g, b = image[..., 0], image[..., 1], image[..., 2]
    if colour == "green":
        return int(((g > r + 35) & (g > b + 8)).sum())
    return int(((b > r + 35) & (b > g - 8)).sum())


def shown_in_3d(page: Any, plan: int) -> Any:
    model = page.locator(f"[data-model='{plan}']")
    model.get_by_role("button", name="Show in 3D").click()
    page.wait_for_function(
        f"document.querySelector(\"[data-model='{plan}'] button[aria-pressed='true']\") !== null",
        timeout=PATIENCE,
    )
    return model


def test_each_stage_has_a_button_and_shows_something_else(page: Any) -> None:
    model = shown_in_3d(page, 2)
    buttons = model.get_by_role("group", name="Stage").get_by_role("button")
    titles = buttons.all_inner_texts()
    assert titles == ["Before", "After stage 1, day 0", "At the scan, day 42", "After stage 2, day 49"]
    pictures = []
    for n, title in enumerate(titles):
        buttons.nth(n).click()
        assert buttons.nth(n).get_attribute("aria-pressed") == "true", title
        pictures.append(seen(page, 2))
    for before, after in pairwise(pictures):
        assert (np.abs(after - before).max(axis=2) > 25).sum() > 500
    green = [count(p, "green") for p in pictures]
    blue = [count(p, "blue") for p in pictures]
    assert min(green) > 4000, "what stays is seen at every stage"
    assert min(blue[:3]) > 10_000, "what goes in stage 2 is there until it goes"
    assert blue[3] < 0.25 * blue[0], "and has gone then; its vein's stump is blue too"
    assert green[2] > green[1], "the remnant has grown at the scan"


def test_buttons_hide_and_show_what_they_name(page: Any) -> None:
    model = shown_in_3d(page, 2)
    whole = seen(page, 2)
    for name in ("Liver", "Lesions", "Vessels"):
        toggle = model.get_by_role("button", name=name, exact=True)
        toggle.click()
        assert toggle.get_attribute("aria-pressed") == "false"
        assert (np.abs(seen(page, 2) - whole).max(axis=2) > 25).sum() > 300, name
        toggle.click()
        assert (np.abs(seen(page, 2) - whole).max(axis=2) > 25).sum() < 50, name


def test_the_keyboard_turns_zooms_chooses_stages_and_closes(page: Any) -> None:
    model = shown_in_3d(page, 2)
    start = seen(page, 2)
    model.locator("canvas").focus()
    for key in ("ArrowLeft", "ArrowDown", "+"):
        before = seen(page, 2)
        page.keyboard.press(key)
        assert (np.abs(seen(page, 2) - before).max(axis=2) > 25).sum() > 500, key
    page.keyboard.press("r")
    assert (np.abs(seen(page, 2) - start).max(axis=2) > 25).sum() < 200, "the front again"
    page.keyboard.press("4")
    assert model.get_by_role("button", name="After stage 2").get_attribute("aria-pressed") == "true"
    page.keyboard.press("Escape")
    assert model.locator("canvas").count() == 0
    assert model.get_by_role("button", name="Show in 3D").is_visible()


def test_the_patients_right_is_at_the_left_and_the_letters_say_so(page: Any) -> None:
    model = shown_in_3d(page, 1)
    places = {a.inner_text(): a.bounding_box() for a in model.locator(".axis:not([hidden])").all()}
    assert set(places) == {"R", "L", "S", "I"}
    assert places["R"]["x"] < places["L"]["x"]
    assert places["S"]["y"] < places["I"]["y"]
    # A right hepatectomy takes the patient's right: what stays, in green, lies right of the middle.
    model.get_by_role("button", name="After, day 0").click()
    image = seen(page, 1)
    columns = np.flatnonzero((image[..., 1] > image[..., 0] + 35).any(axis=0))
    assert columns.mean() > 0.5 * image.shape[1]


def test_one_canvas_is_open_at_a_time(page: Any) -> None:
    shown_in_3d(page, 1)
    shown_in_3d(page, 2)
    assert page.locator("canvas").count() == 1


def test_with_scripts_off_all_is_read_and_nothing_is_asked(browser: Any, report: Path) -> None:
    context = browser.new_context(
        offline=True, java_script_enabled=False, viewport={"width": 1200, "height": 900}
    )
    opened = context.new_page()
    opened.goto(report.as_uri())
    text = opened.locator("body").inner_text()
    for words in (
        "Can all 6 lesions be cleared",
        "Plan B",
        "rescue ALPPS",
        "Bail-out",
        "Plans side by side",
        "S2 kept",
    ):
        assert words in text
    assert opened.get_by_role("button").count() == 0, "no button that does nothing"
    context.close()


def test_names_from_a_case_do_nothing_in_the_page_or_in_its_3d(browser: Any, tmp_path: Path) -> None:
    """Case, plan, lesions, segments, marks and captions are called like the end of a script with a picture that runs one."""
    name = "</script><img src=x onerror=alert(1)>"
    two = comparison()
    plans = (replace(two.plans[0], name=name, flr_segments=(name,), lesions_left=(name,)), two.plans[1])
    lesions = tuple(replace(m, name=f"{n}{name}", segments={name: 1.0}) for n, m in enumerate(two.lesions))
    made = report_model(shown_box(result=grown_result()))
    stages = tuple(
        replace(s, title=name, caption=name, marks=tuple(replace(m, text=name) for m in s.marks))
        for s in made.stages
    )
    hostile = replace(two, case=name, plans=plans, lesions=lesions)
    target = write_report(
        tmp_path / "hostile.html", hostile, models=[replace(made, plan=name, stages=stages)]
    )
    opened = browser.new_context(offline=True).new_page()
    wrong: list[str] = []
    opened.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.goto(target.as_uri())
    pictures = opened.locator("img").count()
    model = shown_in_3d(opened, 1)
    assert model.locator(".mark").first.inner_text() == name
    for button in model.get_by_role("group", name="Stage").get_by_role("button").all():
        assert button.inner_text() == name
        button.click()
    assert opened.locator("img").count() == pictures, "no name has become a picture"
    assert opened.locator("h1").inner_text() == name
    assert wrong == []
    opened.context.close()


def test_the_answer_is_read_without_a_mouse_on_the_first_screen(page: Any) -> None:
    height = page.viewport_size["height"]
    overview = page.locator(".overview")
    assert overview.bounding_box()["y"] + overview.bounding_box()["height"] < height
    words = overview.inner_text()
    for answer in ("two-stage", "Borderline", "S1, S2, S3", "stage 2 on day 49", "cut through"):
        assert answer in words
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (
        "nothing hangs out at the side"
    )


def test_on_a_narrow_screen_tables_scroll_and_the_page_does_not(page: Any) -> None:
    page.set_viewport_size({"width": 420, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    assert page.locator(".overview").bounding_box()["width"] > 420, "its columns stay wide enough to read"


def test_on_a_narrow_screen_the_whole_liver_is_in_the_picture(page: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    shown_in_3d(page, 2)
    image = seen(page, 2)
    edge = image.shape[1] // 40
    for side in (image[:, :edge], image[:, -edge:]):
        assert count(side, "green") + count(side, "blue") == 0
    assert count(image, "green") + count(image, "blue") > 0.05 * image.shape[0] * image.shape[1]


def test_it_prints_with_a_page_for_every_plan_and_no_canvas(page: Any, tmp_path: Path) -> None:
    pypdf = pytest.importorskip("pypdf", reason="the print is read back with pypdf, which is not installed")
    shown_in_3d(page, 1)
    printed = page.pdf(prefer_css_page_size=True, print_background=True)
    paper = pypdf.PdfReader(io.BytesIO(printed))
    texts = [re.sub(r"\s+", " ", p.extract_text()) for p in paper.pages]
    assert sum("FIRST WORRY" in t.upper() for t in texts) == 2
    assert not any("Close 3D" in t for t in texts)
    assert 4 < len(texts) < 40
