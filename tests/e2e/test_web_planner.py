"""The planner in a real browser: every control once, numbers as `compare --json` gives them, tabs apart, nothing leaves the machine."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import block_liver as blocks
import planned_liver as planned
from flrsim.cli import main
from flrsim.viewer.drawing import gl_available

CHROMIUM = next(
    (p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None
)
ARGUMENTS = (
    "--no-sandbox --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync "
    "--use-gl=angle --use-angle=swiftshader --enable-unsafe-swiftshader"
).split()
HARMLESS = ("unsuccessful: connection not open",)
"""A line of the page's library: when a page is closed or loaded again, what it still asks finds its connection closed."""
REJECTED = (
    "addEventListener('unhandledrejection', e => console.error('rejected: ' + JSON.stringify(e.reason)))"
)
"""A promise that fails is told in full; the browser alone says that it was an object."""
DRAWS, SEED = 400, 1
SECONDS = 120
HOSTILE = "<img src=x onerror=alert(1)>"
PLANS = blocks.CASE.replace('name = "right"', f'name = "{HOSTILE}"')

pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install 'flrsim[dev]'")
pytest.importorskip("trame.app", reason="the extra `web` is not installed")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine: install the distribution's chromium"
)


@dataclass
class Served:
    """A running planner, the folder it plans in, and the address that lets one browser in."""

    folder: Path
    address: str
    used: bool = False
    requests: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)

    @property
    def front(self) -> str:
        return self.address.partition("?")[0]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(planned.write(tmp_path_factory.mktemp("web") / "case", PLANS)) as running:
        yield running


@contextlib.contextmanager
def serving(folder: Path, **environment: str) -> Iterator[Served]:
    """Serve a case until the end of the block."""
    command = [sys.executable, "-m", "flrsim", "serve", str(folder), "--no-browser", "--draws", str(DRAWS), "--seed", str(SEED)]  # fmt: skip
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | environment
    ) as server:
        try:
            said = ""
            for line in server.stderr or ():
                said += line
                found = re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", line)
                if found:
                    yield Served(folder, found.group(0))
                    break
            else:
                raise AssertionError(f"the planner did not start: {said}")
        finally:
            server.terminate()
            out, err = server.communicate(timeout=SECONDS)
            sys.stderr.write(err)  # shown beside a failure
    assert out == "", "standard output is for results"
    assert "Traceback" not in err, err


@pytest.fixture(scope="module")
def browser(served: Served) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        context = launched(playwright.chromium)
        yield context
        context.browser.close()


def launched(chromium: Any) -> Any:
    """Start a browser that waits as long as a busy machine takes, and tells every promise that fails."""
    context = chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS).new_context(
        viewport={"width": 1400, "height": 900}
    )
    context.set_default_timeout(1000 * SECONDS)
    context.add_init_script(REJECTED)
    return context


def opened(browser: Any, served: Served) -> Any:
    """Open a tab: the first with the token, others with the cookie it left."""
    page = browser.new_page()
    page.on("request", lambda r: served.requests.append(r.url))
    page.on("console", lambda m: served.console.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: None if str(e) == "Object" else served.console.append(str(e)))
    page.on("dialog", lambda d: served.console.append(f"dialog {d.message}"))
    page.goto(served.front if served.used else served.address)
    served.used = True
    try:
        page.wait_for_selector("[data-test=table]")
    except Exception as late:  # what the page shows instead stands beside the failure
        late.add_note(f"{page.url} shows {page.inner_text('body')[:400]!r}; its console: {served.console}")
        raise
    idle(page)
    return page


def idle(page: Any) -> None:
    page.wait_for_function("document.querySelector('.busy') === null")


def act(page: Any, what: Callable[[], Any]) -> None:
    """Do something on the page and wait until it has been answered."""
    before = page.get_attribute(".planner", "data-done")
    what()
    page.wait_for_function(f"document.querySelector('.planner').dataset.done !== '{before}'")
    idle(page)


def entered(page: Any, name: str, value: str) -> Callable[[], None]:
    """Type into a field and leave it."""

    def type_() -> None:
        page.fill(at(name), value)
        page.press(at(name), "Tab")

    return type_


def at(name: str) -> str:
    return f"[data-test='{name}']"


def numbers(page: Any) -> dict[tuple[str, str], str]:
    """Every number of the table in full, by plan and quantity."""
    cells = page.eval_on_selector_all(
        "[data-test=table] td[data-quantity]",
        "e => e.map(x => [x.dataset.plan, x.dataset.quantity, x.dataset.value])",
    )
    return {(plan, quantity): value for plan, quantity, value in cells if quantity}


def picture(page: Any) -> bytes:
    page.wait_for_timeout(1200)
    image: bytes = page.locator(".view3d").screenshot()
    return image


def coloured(png: bytes) -> int:
    """How many pixels of a picture are clearly coloured: liver, lesions and vessels, not background and words."""
    import numpy as np
    from PIL import Image

    image = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=int)
    return int(np.count_nonzero(image.max(axis=2) - image.min(axis=2) > 40))


def seen_at_last(page: Any) -> int:
    """How many pixels of the picture are coloured once it has arrived."""
    for _ in range(SECONDS):
        found = coloured(picture(page))
        if found:
            break
    return found


def compared(folder: Path, name: str, draws: int, seed: int, *more: str) -> dict[tuple[str, str], Any]:
    """What the command line says of a saved case, for the same draws and seed."""
    case = folder.with_name(Path(name).stem)
    shutil.copytree(folder, case)
    shutil.copy(folder / name, case / "case.toml")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(["compare", str(case), "--json", "--draws", str(draws), "--seed", str(seed), *more]) == 0
    found = {}
    for plan in json.loads(out.getvalue())["plans"]:
        median = {
            k: (plan[k] or {}).get("median")
            for k in ("flr_ml_at_resection", "sflr_at_resection", "earliest_day_volume_ok")
        }
        single = {
            k: plan[k]
            for k in ("flr_ml", "sflr", "flr_body_weight", "p_complete", "p_death_90d", "p_death_last")
        }
        for quantity, value in {**median, **single, "p_phlf": plan["p_phlf"]["low"]}.items():
            found[plan["name"], quantity] = value
    return found


def check_numbers(page: Any, served: Served, name: str, draws: int, seed: int, *more: str) -> None:
    page.fill(at("file-name"), name)
    page.click(at("save"))
    # What was saved before is still told until this is answered.
    page.wait_for_selector(f"{at('saved')}:has-text('{name}')")
    shown = {k: None if v == "" else float(v) for k, v in numbers(page).items()}
    assert shown == compared(served.folder, name, draws, seed, *more)


def status(url: str, *, method: str = "GET", **headers: str) -> int:
    asked = urllib.request.Request(url, headers=headers, method=method)
    try:
        with urllib.request.urlopen(asked, timeout=SECONDS) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_nobody_comes_in_without_the_token(served: Served, browser: Any) -> None:
    assert status(served.front) == 403
    assert status(f"{served.front}?token=guessed") == 403
    page = opened(browser, served)
    assert status(served.address) == 403  # the token worked once
    tab = urlsplit(page.url)
    assert tab.hostname == "127.0.0.1"
    root = f"http://{tab.netloc}"
    assert root != served.front.rstrip("/")
    cookies = "; ".join(f"{c['name']}={c['value']}" for c in browser.cookies())
    for path in ("/", "/index.html", "/ws"):
        assert status(root + path) == 403
        assert status(root + path, Cookie="flrsim=guessed") == 403
    assert status(root + "/index.html", Cookie=cookies) == 200
    assert status(root + "/paraview/", method="POST") == 403
    assert status(root + "/paraview/", method="POST", Cookie=cookies) == 200
    assert status(root + "/index.html", Cookie=cookies, Host="evil.example") == 403
    assert status(root + "/ws", Cookie=cookies, Origin="http://evil.example") == 403
    page.close()


def test_every_control_moves_what_it_should(served: Served, browser: Any) -> None:
    page = opened(browser, served)
    seen = numbers(page)
    assert page.inner_text("h1").startswith("blocks")
    first = picture(page)
    assert coloured(first) > 20_000

    def changes(what: Callable[[], Any], *, figures: bool | None = True) -> None:
        nonlocal seen
        steps = page.inner_text(at("steps"))
        act(page, what)
        assert page.locator(".refused").count() == 0, page.locator(".refused").all_inner_texts()
        now = numbers(page)
        if figures is None:  # too little for so few draws: the plan itself changed
            assert page.inner_text(at("steps")) != steps
        else:
            assert (now != seen) == figures
        seen = now

    def choose(name: str, value: str) -> Any:
        return lambda: page.select_option(at(name), value)

    def enter(name: str, value: str) -> Any:
        return entered(page, name, value)

    changes(choose("select-plan", "two-stage"), figures=False)
    before = picture(page)
    assert before != first
    # Segments and lesions move numbers and picture.
    changes(lambda: page.click(at("segment-S4-2")))
    assert picture(page) != before
    changes(choose("lesion-L1", "wedge 1"))
    changes(choose("lesion-L2", "ablate 1"))
    before = picture(page)
    changes(choose("resection-2", "right_hepatectomy"))
    assert picture(page) != before
    changes(enter("margin_mm", "8"))
    changes(enter("ablation_margin_mm", "6"))
    # Stimulus, days, chemotherapy.
    changes(choose("technique", "lvd"))
    changes(choose("technique", "pve"))
    changes(enter("interval_days", "10"))
    assert "10 days are too few for any scan to judge" in page.inner_text(at("remark-interval_days"))
    assert "rules.volumetry_after_occlusion: 21 days" in page.inner_text(at("remark-interval_days"))
    changes(enter("interval_days", "50"))
    assert page.locator(".remark").count() == 0
    changes(enter("resection_day", "68"))
    changes(enter("scan_day", "44"))
    changes(choose("regimen-between", "FOLFIRI"))
    changes(enter("cycles-between", "2"), figures=None)
    changes(enter("weeks_off-between", "3"), figures=None)
    changes(choose("regimen-before", "FOLFOX"))
    changes(choose("regimen-before", "none"))
    changes(enter("cycles-history-0", "12"))
    changes(enter("weeks_off-history-0", "2"))
    changes(choose("regimen-history-0", "FOLFIRI"))
    # The patient and the liver.
    changes(enter("patient-weight_kg", "91"))
    changes(enter("patient-height_cm", "169"))
    page.click(f"{at('group-liver')} > summary")
    changes(choose("patient-liver.fibrosis", "F3"))
    changes(enter("patient-liver.steatosis_fraction", "0.4"))
    page.click(f"{at('group-tumour')} > summary")
    changes(choose("patient-tumour.response", "progressing"))
    check_numbers(page, served, "one.toml", DRAWS, SEED)
    # How it is counted.
    page.click(f"{at('group-penalties')} > summary")
    changes(lambda: page.uncheck(at("penalty-fibrosis")))
    changes(enter("draws", "500"))
    changes(enter("seed", "7"))
    changes(choose("formula", "chan2006"))
    changes(choose("formula", "vauthey2002"))
    check_numbers(page, served, "two.toml", 500, 7, "--without", "fibrosis")
    # Plans as a whole; undo and redo.
    changes(lambda: page.click(at("duplicate")))
    changes(enter("rename", "mine"))
    changes(lambda: page.click(at("undo")))
    changes(lambda: page.click(at("redo")))
    changes(choose("add-plan", "left_hepatectomy"))
    changes(lambda: page.click(at("remove")))
    page.click(at("propose"))
    page.wait_for_selector(f"{at('add-plan')} optgroup[label=proposed] option", state="attached")
    # S4 branches: a plan that takes S4 after closing them.
    changes(choose("resection-2", "right_trisectionectomy"))
    changes(lambda: page.uncheck(at("segment_4")))
    # Days and sides of the picture.
    before = picture(page)
    act(page, lambda: page.click(at("go-after stage 2")))
    after = picture(page)
    assert after != before
    assert coloured(after) < coloured(before) or gl_available() is False
    page.click(at("look-inferior"))
    assert picture(page) != after
    act(page, lambda: page.click(at("day-none")))
    assert "on the images" in page.inner_text(at("readout"))
    page.close()


def test_the_picture_bears_names_axes_a_cube_and_a_true_scale(served: Served, browser: Any) -> None:
    import numpy as np
    from PIL import Image

    page = opened(browser, served)
    words = at("words")
    page.wait_for_selector(words)

    def names(kind: str) -> set[str]:
        return set(page.locator(f"{words} g.{kind} text").all_text_contents())

    def letters() -> dict[str, str]:
        """Which letter stands at which side of the picture."""
        frame = page.locator(".view3d").bounding_box()
        out = {}
        for i in range(page.locator(f"{words} .axis").count()):
            box = page.locator(f"{words} .axis").nth(i).bounding_box()
            x = (box["x"] + box["width"] / 2 - frame["x"]) / frame["width"]
            y = (box["y"] + box["height"] / 2 - frame["y"]) / frame["height"]
            side = ("left" if x < 0.2 else "right" if x > 0.8 else "") + (
                "top" if y < 0.2 else "bottom" if y > 0.8 else ""
            )
            out[side] = page.locator(f"{words} .axis").nth(i).text_content()
        return out

    def liver_mm() -> tuple[float, float]:
        """Width of the drawn liver by the picture's own scale bar, and the length of that bar in pixels."""
        png = picture(page)
        image = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=int)
        columns = np.flatnonzero((image.max(axis=2) - image.min(axis=2) > 60).sum(axis=0) > 3)
        bar = page.locator(f"{at('scale-bar')} line").bounding_box()["width"]
        mm = float(page.locator(f"{at('scale-bar')} text").text_content().removesuffix(" mm"))
        return float(columns[-1] - columns[0]) * mm / bar, bar

    hidden = set(re.findall(r"S\d", page.inner_text(".hidden-names")))
    assert names("segment") | hidden == {f"S{n}" for n in range(1, 9)}
    assert names("lesion") == {"L1", "L2"}
    assert page.locator(".view3d .banner").all_inner_texts() == ["vessels not supplied"]
    assert page.inner_text(".seen") == "seen from the front"
    assert letters() == {"left": "R", "right": "L", "top": "S", "bottom": "I"}
    assert liver_mm()[0] == pytest.approx(2 * blocks.HALF_AXES[0], rel=0.05)
    # Another side has other words; a picture that is turned or enlarged keeps its scale true.
    page.click(at("look-inferior"))
    page.wait_for_function("document.querySelector('.seen')?.innerText === 'seen from below'")
    assert letters() == {"left": "R", "right": "L", "top": "A", "bottom": "P"}
    _, bar = liver_mm()
    frame = page.locator(".view3d").bounding_box()
    page.mouse.move(frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2)
    page.mouse.wheel(0, 240)
    page.wait_for_function(
        "was => { const bar = document.querySelector('[data-test=scale-bar] line')?.getBoundingClientRect().width;"
        " return bar && Math.abs(bar - was) > 0.02 * was }",
        arg=bar,
    )
    assert liver_mm()[0] == pytest.approx(2 * blocks.HALF_AXES[0], rel=0.05)
    page.mouse.down()
    page.mouse.move(frame["x"] + 0.6 * frame["width"], frame["y"] + 0.6 * frame["height"], steps=5)
    assert not page.is_visible(words)
    page.mouse.up()
    page.wait_for_function("document.querySelector('.seen')?.innerText === 'turned by hand'")
    # A narrower page shows the whole liver again once it is seen from a side.
    page.click(at("look-anterior"))
    page.set_viewport_size({"width": 1100, "height": 900})
    page.wait_for_function(
        "document.querySelector('[data-test=words]')?.viewBox.baseVal.width === Math.floor(document.querySelector('.view3d').clientWidth)"
    )
    assert liver_mm()[0] == pytest.approx(2 * blocks.HALF_AXES[0], rel=0.05)
    page.close()


def test_what_is_refused_says_why_at_its_control_and_changes_nothing(served: Served, browser: Any) -> None:
    page = opened(browser, served)
    seen = numbers(page)
    act(page, lambda: page.click(at("segment-S6-0")))
    ml = planned.ml_in(planned.ACROSS, 6)
    refused = page.locator(".refused")
    assert refused.count() == 1
    assert f"it would leave {ml:.1f} mL of L1 behind in S6" in refused.inner_text()
    assert page.get_attribute(at("segment-S6-1"), "aria-pressed") == "true"
    act(page, entered(page, "patient-height_cm", "20"))
    assert "at least 120" in page.locator(".refused").inner_text()
    assert page.input_value(at("patient-height_cm")) == "174"
    assert page.is_disabled(at("interval_days"))
    assert numbers(page) == seen
    # Names are text, whatever they say.
    assert page.locator("img[src=x]").count() == 0
    assert HOSTILE in page.locator("[data-test=table] th").all_inner_texts()
    page.close()


def test_why_unfolds_a_number(served: Served, browser: Any) -> None:
    page = opened(browser, served)
    page.click("[data-plan='two-stage'][data-quantity='sflr'] .why-me")
    page.wait_for_selector(at("why"))
    assert "FLR / TELV" in page.inner_text(at("why-formula"))
    shown = float(numbers(page)["two-stage", "sflr"])
    assert page.inner_text(at("why-value")).startswith(f"{100 * shown:.4g} %")
    text = page.inner_text(at("why"))
    assert "telv.vauthey2002.per_bsa" in text
    page.locator("[data-test^='rule:']").first.click()
    page.wait_for_function("document.querySelector('[data-test=why-formula]').innerText.includes('at least')")
    page.close()


def test_two_tabs_know_nothing_of_each_other_and_reloading_forgets_nothing(
    served: Served, browser: Any
) -> None:
    one, two = opened(browser, served), opened(browser, served)
    assert urlsplit(one.url).port != urlsplit(two.url).port
    seen = numbers(two)
    act(one, entered(one, "patient-weight_kg", "120"))
    act(one, lambda: one.select_option(at("select-plan"), "two-stage"))
    changed = numbers(one)
    assert changed != seen
    two.reload()
    two.wait_for_selector(at("table"))
    assert numbers(two) == seen
    assert two.input_value(at("patient-weight_kg")) == "78"
    one.reload()
    one.wait_for_selector(at("table"))
    idle(one)
    assert numbers(one) == changed
    assert one.input_value(at("patient-weight_kg")) == "120"
    assert one.input_value(at("select-plan")) == "two-stage"
    assert seen_at_last(one) > 20_000
    act(one, lambda: one.click(at("undo")))
    assert numbers(one) == seen
    assert one.is_disabled(at("undo"))
    one.close()
    two.close()


def test_a_page_that_is_loaded_anew_in_the_middle_of_an_edit_finds_it_made(
    served: Served, browser: Any
) -> None:
    page = opened(browser, served)
    page.fill(at("patient-weight_kg"), "101")
    page.evaluate("trame.trigger('edit', ['patient', 'weight_kg', '101'])")
    page.reload()  # no answer can be given any more: the end of the module asks that no traceback was printed
    page.wait_for_selector(at("table"))
    page.wait_for_function("document.querySelector(\"[data-test='patient-weight_kg']\").value === '101'")
    idle(page)
    assert page.locator(".refused").count() == 0
    act(page, lambda: page.click(at("undo")))
    assert page.input_value(at("patient-weight_kg")) == "78"
    assert page.is_disabled(at("undo"))
    page.evaluate("trame.trigger('undo')")  # past the beginning nothing happens
    idle(page)
    assert page.input_value(at("patient-weight_kg")) == "78"
    page.close()


def test_the_page_can_be_used_on_a_small_screen(served: Served, browser: Any) -> None:
    page = opened(browser, served)
    page.wait_for_selector(at("words"))
    for width in (640, 800, 1024, 1280, 1600):
        page.set_viewport_size({"width": width, "height": 900})
        scrolled, picture_wide, controls_wide = page.evaluate(
            "[Math.max(document.documentElement.scrollWidth, document.querySelector('.planner').scrollWidth),"
            " document.querySelector('.view3d').clientWidth, document.querySelector('#controls').clientWidth]"
        )
        assert scrolled <= width
        assert picture_wide >= 400
        assert controls_wide >= 300
        controls = page.locator("#controls").bounding_box()
        assert page.locator("#controls button:visible").evaluate_all(
            "(all, edge) => all.every(b => b.getBoundingClientRect().right <= edge)",
            controls["x"] + controls["width"],
        )
        # A number unfolds where it covers nothing of the table.
        page.click("[data-plan='two-stage'][data-quantity='flr_ml'] .why-me")
        page.wait_for_selector(at("why"))
        why, middle = page.locator("#why").bounding_box(), page.locator(".middle").bounding_box()
        apart = (
            why["y"] >= middle["y"] + middle["height"] - 1 or why["x"] >= middle["x"] + middle["width"] - 1
        )
        assert apart
        page.click(at("fold"))
        page.wait_for_selector(at("why"), state="detached")
    # Worry and dates are text, not what a mouse uncovers, and the verdict is the largest thing said.
    sizes = [
        float(page.locator(at(name)).evaluate("e => getComputedStyle(e).fontSize").removesuffix("px"))
        for name in ("verdict", "blocking", "steps")
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] >= 14
    assert "day 0" in page.inner_text(at("steps"))
    assert page.locator(at("worry")).count() == 2
    page.close()


def test_the_report_is_downloaded(served: Served, browser: Any) -> None:
    page = opened(browser, served)
    with page.expect_download() as waiting:
        page.click(at("report"))
    text = Path(waiting.value.path()).read_text(encoding="utf-8")
    assert "two-stage" in text
    assert HOSTILE not in text
    page.close()


def test_other_things_are_asked_and_answered_while_a_report_is_made(served: Served, browser: Any) -> None:
    page, other = opened(browser, served), opened(browser, served)
    seen = numbers(other)
    with page.expect_download() as waiting:
        page.click(at("report"))
        page.wait_for_selector(at("making"))
        act(other, lambda: other.select_option(at("select-plan"), "two-stage"))
    assert numbers(other) == seen
    assert "two-stage" in Path(waiting.value.path()).read_text(encoding="utf-8")
    page.wait_for_selector(at("making"), state="detached")
    page.close()
    other.close()


def test_a_patient_and_sites_outside_the_liver_are_entered(tmp_path: Path, browser: Any) -> None:
    table = PLANS[PLANS.index("[patient]") :].partition("\n[")[0]
    with serving(planned.write(tmp_path / "case", PLANS.replace(table, ""))) as running:
        page = opened(browser, running)
        act(page, lambda: page.click(at("add-patient")))
        assert "missing" in page.locator(".refused").inner_text()
        for name, value in {"age": "60", "height_cm": "170", "weight_kg": "72"}.items():
            page.fill(at(f"new-{name}"), value)
        page.select_option(at("new-sex"), "male")
        page.select_option(at("new-disease"), "crlm")
        before = numbers(page)
        act(page, lambda: page.click(at("add-patient")))
        assert numbers(page) != before
        page.click(f"{at('group-tumour')} > summary")
        sites = at("patient-tumour.extrahepatic")
        assert page.input_value(sites) == "not known"
        act(page, lambda: page.check(at("tumour.extrahepatic-peritoneum_extensive")))
        assert page.input_value(sites) == "some"
        act(page, lambda: page.select_option(sites, "none"))
        assert not page.is_checked(at("tumour.extrahepatic-peritoneum_extensive"))
        assert page.locator(".refused").count() == 0
        page.close()
    assert [line for line in running.console if not any(known in line for known in HARMLESS)] == []


def test_without_opengl_the_planner_still_answers(tmp_path: Path, browser: Any) -> None:
    nothing = str(tmp_path / "nothing")
    hidden = {"__EGL_VENDOR_LIBRARY_FILENAMES": nothing, "LIBGL_DRIVERS_PATH": nothing, "DISPLAY": ""}
    # In a browser of its own: nothing of the other planner, its cookies and open pages, stands beside it.
    own = launched(browser.browser.browser_type)
    with serving(planned.write(tmp_path / "case", PLANS), **hidden) as running:
        page = opened(own, running)
        assert "OpenGL is missing" in page.inner_text(".middle")
        before = numbers(page)
        act(page, entered(page, "patient-weight_kg", "90"))
        assert numbers(page) != before
        own.browser.close()
    assert [line for line in running.console if not any(known in line for known in HARMLESS)] == []


def test_nothing_left_the_machine_and_no_script_failed(served: Served) -> None:
    hosts = {
        urlsplit(url).hostname for url in served.requests if urlsplit(url).scheme not in ("data", "blob")
    }
    assert hosts == {"127.0.0.1"}
    assert [line for line in served.console if not any(known in line for known in HARMLESS)] == []
