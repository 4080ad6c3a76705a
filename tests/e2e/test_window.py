"""The desktop window: driven through its widgets off screen, and with real keys and a mouse on a virtual display."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flrsim.errors import DisplayError
from flrsim.report import palette
from flrsim.viewer import drawing
from flrsim.viewer.drawing import gl_available
from flrsim.viewer.scene import rgb

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from drawn_box import grown_result, shown_box

from flrsim.viewer.desktop.state import TOGGLES, Picked, ViewState
from flrsim.viewer.desktop.window import Window

SIZE = (900, 620)
needs_gl = pytest.mark.skipif(not gl_available(), reason=drawing.INSTALL)


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Window]:
    plans = [
        shown_box(result=grown_result(), occluded_from=14),
        shown_box(result=grown_result(end=1.2), removed=np.zeros((40, 24, 24), np.int16)),
    ]
    made = Window(ViewState(plans), off_screen=True, size=SIZE, folder=tmp_path)
    made.plotter.show(auto_close=False)
    yield made
    made.plotter.close()


def seen(window: Window) -> np.ndarray:
    window.plotter.render()
    return np.asarray(window.plotter.screenshot(return_img=True))[:, :, :3].astype(int)


def press(window: Window, key: str) -> None:
    interactor = window.plotter.iren.interactor
    interactor.SetKeySym(key)
    interactor.InvokeEvent("KeyPressEvent")


def tissue(window: Window) -> np.ndarray:
    """The picture below the words, which wear a fate's colour too."""
    return seen(window)[150:]


def like(image: np.ndarray, colour: str, part: slice = slice(None)) -> int:
    """Pixels whose channels are ordered as a colour's are, and that are coloured at all."""
    want = np.array(rgb(colour))
    pixels = image[:, part].reshape(-1, 3)
    order = np.argsort(pixels, axis=1, kind="stable")
    coloured = np.ptp(pixels, axis=1) > 40
    return int((coloured & (order == np.argsort(want, kind="stable")).all(axis=1)).sum())


def numbers(window: Window) -> str:
    """What the panel says of picks and trials, its broken lines put together."""
    return window.panel._numbers.input.replace("\n   ", " ")


LIVER = slice(0, int(0.7 * SIZE[0]))


@needs_gl
def test_the_slider_sets_the_day_and_the_picture_follows(window: Window) -> None:
    before = tissue(window)
    assert like(before, palette.fate_colour(2), LIVER) > 8000
    slider = window.panel.day
    slider.GetRepresentation().SetValue(41)
    slider.InvokeEvent("InteractionEvent")
    assert window.state.day == 41
    after = tissue(window)
    assert like(after, palette.fate_colour(2), LIVER) < 300, "what stage 2 takes is gone"
    assert like(after, palette.fate_colour(0), LIVER) > 4000
    assert "day 41, after stage 2" in window.panes[0].words


@needs_gl
@pytest.mark.parametrize("option", TOGGLES)
def test_each_switch_calls_its_setter(window: Window, option: str) -> None:
    before = getattr(window.state.options, option)
    box = window.panel.boxes[option]
    box.GetRepresentation().SetState(int(not before))
    box.InvokeEvent("StateChangedEvent")
    assert getattr(window.state.options, option) is not before


@needs_gl
def test_a_hidden_liver_is_not_seen_and_comes_back(window: Window) -> None:
    full = like(tissue(window), palette.fate_colour(0), LIVER)
    window.state.toggle("liver")
    window.state.toggle("cut_surfaces")
    assert like(tissue(window), palette.fate_colour(0), LIVER) < 0.1 * full
    window.state.toggle("liver")
    window.state.toggle("cut_surfaces")
    assert like(tissue(window), palette.fate_colour(0), LIVER) == pytest.approx(full, rel=0.05)


@needs_gl
def test_keys_step_stages_days_and_plans(window: Window) -> None:
    press(window, "n")
    assert window.state.day == 0
    press(window, "Right")
    assert window.state.day == 1
    press(window, "b")
    press(window, "b")
    assert window.state.day is None
    press(window, "d")
    assert window.state.plan == 1
    press(window, "k")
    assert window.state.other == 0
    press(window, "h")
    assert "previous plan" in window.panel._help.input
    press(window, "0")
    assert window.state.day is None


@needs_gl
def test_fewer_triangles_are_drawn_while_something_moves_and_all_at_rest(window: Window) -> None:
    def triangles() -> int:
        props = window.panes[0]._current.props("liver", "lesion")
        return sum(p.mapper.dataset.n_cells for p in props)

    def green() -> int:
        return like(tissue(window), palette.fate_colour(0), LIVER)

    whole, seen_whole = triangles(), green()
    window.moving(True)
    assert triangles() < 0.4 * whole
    assert green() == pytest.approx(seen_whole, rel=0.15), "the same liver, in the same place"
    window.state.set_day(41)
    few = triangles()
    window.moving(False)
    assert triangles() > 2 * few, "what is first drawn while something moves is thinned, and whole at rest"
    window.state.set_day(None)
    assert triangles() == whole
    assert green() == pytest.approx(seen_whole, rel=0.01)


@needs_gl
def test_two_plans_share_one_camera_and_both_are_seen(window: Window) -> None:
    window.state.toggle("lesions")
    window.state.toggle_compare()
    image = tissue(window)
    half = int(0.37 * SIZE[0])
    assert like(image, palette.fate_colour(2), slice(0, half)) > 2000
    assert like(image, palette.fate_colour(0), slice(half, 2 * half)) > 4000
    assert like(image, palette.fate_colour(2), slice(half, 2 * half)) < 100, "nothing goes in the second plan"
    window.panes[0].renderer.camera.azimuth = 40.0
    assert window.panes[1].renderer.camera.position == window.panes[0].renderer.camera.position


@needs_gl
def test_the_cube_turns_with_the_patient(window: Window) -> None:
    def cube() -> np.ndarray:
        return seen(window)[-int(0.22 * SIZE[1]) : -int(0.04 * SIZE[1]), : int(0.09 * SIZE[0])]

    window.look_from("anterior")
    front = cube()
    window.look_from("inferior")
    below = cube()
    window.look_from("anterior")
    assert np.abs(front - below).mean() > 3, "another letter is seen from below"
    assert np.abs(front - cube()).mean() < 1


@needs_gl
def test_a_click_reads_the_lesion_inside_the_tissue_and_else_the_segment(window: Window) -> None:
    def click(place: tuple[float, float, float]) -> None:
        renderer = window.panes[0].renderer
        renderer.SetWorldPoint(*place, 1.0)
        renderer.WorldToDisplay()
        x, y, _ = renderer.GetDisplayPoint()
        interactor = window.plotter.iren.interactor
        interactor.SetEventInformation(round(x), round(y), 0, 0, "0", 0, None)
        interactor.InvokeEvent("LeftButtonPressEvent")
        interactor.InvokeEvent("LeftButtonReleaseEvent")

    seen(window)
    case = window.state.shown.case
    click(case.lesion("L1").centre_mm)
    assert window.state.picked == Picked("lesion", "L1")
    assert "removed in stage 2" in window.panel._numbers.input
    click((-3.0, 0.0, 135.0))
    assert window.state.picked == Picked("segment", "S6")
    window.state.pick("lesion", "L2")
    click((400.0, 0.0, 400.0))
    assert window.state.picked == Picked("lesion", "L2"), "a click beside the liver changes nothing"


@needs_gl
def test_trial_cuts_recount_while_they_move(window: Window) -> None:
    window.toggle_plane()
    assert window.state.cut is not None
    first = window.panel._numbers.input
    assert "trial plane" in first
    widget = window.plane
    widget.SetOrigin(20.0, 0.0, 120.0)
    widget.InvokeEvent("InteractionEvent")
    assert window.state.cut.point_mm[0] == pytest.approx(20.0)
    assert window.panel._numbers.input != first
    window.toggle_plane()
    assert window.state.cut is None
    assert window.plane is None
    window.state.pick("lesion", "L2")
    window.toggle_wedge()
    assert "trial wedge, 5 mm around L2" in numbers(window)
    slider = window.panel.margin
    assert slider.GetEnabled()
    slider.GetRepresentation().SetValue(9)
    slider.InvokeEvent("InteractionEvent")
    assert "trial wedge, 9 mm around L2" in numbers(window)
    assert "mL of the images (day 0)" in numbers(window)


@needs_gl
def test_the_picture_is_saved(window: Window, tmp_path: Path) -> None:
    window.state.set_day(3)
    window.save_picture()
    with Image.open(tmp_path / "flrsim-box-plan-day3.png") as image:
        assert image.size == SIZE
    assert window.state.message == "wrote flrsim-box-plan-day3.png"


@needs_gl
def test_a_movie_shows_the_course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flrsim.viewer import movie

    monkeypatch.setattr(movie, "FRAMES", 6)
    shown = shown_box(result=grown_result())
    movie.write_movie(shown, tmp_path / "course.gif", size=(480, 360))
    with Image.open(tmp_path / "course.gif") as image:
        assert image.n_frames == len(movie.course_days(shown))
        blue, amber = [], []
        for n in (0, image.n_frames - 1):
            image.seek(n)
            frame = np.asarray(image.convert("RGB")).astype(int)
            blue.append(like(frame[:280], palette.fate_colour(2)))
            swatch = np.array(rgb(palette.fate_colour(1))) * 255
            amber.append(int((np.abs(frame - swatch).max(axis=2) < 24).sum()))
        assert image.info["duration"] == 1000
    assert blue[0] > 3000 > 300 > blue[1]
    # The few pixels of stage 1 keep their hue in a file of 256 colours: its swatch in the legend, at least.
    assert amber[0] > 60 > 20 > amber[1]


@needs_gl
def test_a_movie_as_mp4_can_be_played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imageio = pytest.importorskip("imageio.v2", reason="mp4 needs the extra movie")
    pytest.importorskip("imageio_ffmpeg", reason="mp4 needs the extra movie")
    from flrsim.viewer import movie

    monkeypatch.setattr(movie, "FRAMES", 3)
    monkeypatch.setattr(movie, "HOLD", 2)
    shown = shown_box(result=grown_result())
    movie.write_movie(shown, tmp_path / "course.mp4", size=(330, 250))
    with imageio.get_reader(tmp_path / "course.mp4") as reader:
        assert reader.get_meta_data()["size"] == (320, 240)
        assert reader.count_frames() == sum(hold for _, hold in movie.course_days(shown))


def test_without_its_extra_mp4_is_refused_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from flrsim.viewer import movie

    monkeypatch.setattr(movie, "gl_available", lambda: True)
    monkeypatch.setattr(movie, "find_spec", lambda _: None)
    with pytest.raises(DisplayError, match=r"pip install 'flrsim\[movie\]'"):
        movie.write_movie(shown_box(), tmp_path / "course.mp4")


def test_without_a_display_the_window_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    from flrsim.cli.pictures import open_window

    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(DisplayError, match=r"--screenshot .* and --movie .* need none"):
        open_window([shown_box()], None)


def test_without_opengl_the_window_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    from flrsim.cli import pictures

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(pictures, "gl_available", lambda: False)
    with pytest.raises(DisplayError, match=r"OpenGL is missing.*libegl1"):
        pictures.open_window([shown_box()], None)


@needs_gl
def test_a_fault_behind_a_key_is_told_in_the_window_and_on_stderr(
    window: Window, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(by: int) -> None:
        raise RuntimeError(f"no plan {by}\nand more")

    monkeypatch.setattr(window.state, "step_plan", broken)
    press(window, "d")
    assert "RuntimeError in broken" in window.state.message
    assert window.state.message.endswith("no plan 1")
    assert "RuntimeError in broken" in window.panel._foot.input.replace("\n   ", " ")
    assert capsys.readouterr().err == f"flrsim: {window.state.message}\n"
    monkeypatch.setattr(window.panel, "update", lambda trial: broken(2))
    press(window, "Right")
    assert capsys.readouterr().err.endswith("no plan 2\n"), "drawing itself is at fault"


@needs_gl
def test_a_fault_with_a_sentence_is_told_as_it_stands(
    window: Window, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise DisplayError("this folder cannot be written; start flrsim elsewhere")

    monkeypatch.setattr(window.plotter, "screenshot", refused)
    press(window, "g")
    assert window.state.message == "this folder cannot be written; start flrsim elsewhere"
    assert capsys.readouterr().err == f"flrsim: {window.state.message}\n"


@needs_gl
def test_the_panel_follows_the_size_of_the_window(window: Window) -> None:
    def pressed(option: str) -> bool:
        """Press in the middle of where a switch belongs, left of its words; return whether that switched it."""
        window.plotter.render()
        width, height = window.plotter.window_size
        words = next(words for made, words, *_ in window.panel._buttons if made is window.panel.boxes[option])
        x = 0.74 * width + words.position[0] * 0.26 * width - 6 - 8
        y = words.position[1] * height + 6
        before = getattr(window.state.options, option)
        interactor = window.plotter.iren.interactor
        interactor.SetEventInformation(round(x), round(y), 0, 0, "0", 0, None)
        interactor.InvokeEvent("MouseMoveEvent")
        interactor.InvokeEvent("LeftButtonPressEvent")
        interactor.InvokeEvent("LeftButtonReleaseEvent")
        return getattr(window.state.options, option) is not before

    def shares(option: str) -> tuple[float, float]:
        words = next(words for made, words, *_ in window.panel._buttons if made is window.panel.boxes[option])
        return words.position[0], words.position[1]

    assert pressed("liver")
    column, top = shares("lesions")[0], shares("liver")[1]
    window.plotter.window_size = (1300, 800)
    assert pressed("liver"), "a button stands where its words are"
    assert pressed("labels")
    assert shares("lesions")[0] == pytest.approx(column, abs=0.05), "the second column keeps its share"
    assert shares("liver")[1] == pytest.approx(top, abs=0.01)


@needs_gl
def test_a_movie_is_drawn_beside_the_window_which_goes_on(
    window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flrsim.viewer.desktop import window as module

    monkeypatch.setattr(module, "MOVIE_SIZE", (240, 180))
    said: list[str] = []
    window.state.listeners.append(lambda: said.append(window.state.message))
    press(window, "o")
    film = window.film
    assert film is not None
    day, pressed = None, 0
    while film.is_running:
        # A key acts at once, while pictures are still drawn.
        press(window, "Right")
        assert window.state.day != day
        day, pressed = window.state.day, pressed + 1
        time.sleep(0.3)
        window.look_at_film()
    window.look_at_film()
    assert pressed > 3
    assert window.film is None
    assert said[-1] == "wrote flrsim-box-plan.gif"
    assert any(m.startswith("drawing the movie: picture ") for m in said)
    with Image.open(tmp_path / "flrsim-box-plan.gif") as image:
        assert image.n_frames > 40
        assert image.size == (240, 180)


@needs_gl
def test_a_movie_is_stopped_by_its_key_and_leaves_nothing(window: Window, tmp_path: Path) -> None:
    press(window, "o")
    film = window.film
    assert film is not None
    press(window, "o")
    assert window.film is None
    assert not film.is_running
    assert window.state.message == "the movie was stopped; nothing was written"
    assert list(tmp_path.iterdir()) == []


@needs_gl
def test_a_movie_that_fails_is_told(window: Window, tmp_path: Path) -> None:
    window.folder = tmp_path / "not there"
    press(window, "o")
    film = window.film
    assert film is not None
    film._process.kill()
    film._process.wait()
    window.look_at_film()
    assert window.state.message == "the movie could not be drawn: its process ended with -9"


@needs_gl
def test_the_legend_says_the_colours_and_is_put_away(window: Window) -> None:
    def swatch(colour: str) -> int:
        want = np.round(np.array(rgb(colour)) * 255)
        return int((np.abs(seen(window)[-140:, LIVER] - want).max(axis=2) < 3).sum())

    assert "goes in stage 2" in " ".join(window.panes[0].words)
    on = swatch(palette.fate_colour(2))
    assert on > 100
    press(window, "l")
    assert not window.state.legend
    assert "goes in stage 2" not in " ".join(window.panes[0].words)
    assert swatch(palette.fate_colour(2)) < 0.2 * on
    box = window.panel.boxes["legend"]
    assert box.GetRepresentation().GetState() == 0
    box.GetRepresentation().SetState(1)
    box.InvokeEvent("StateChangedEvent")
    assert window.state.legend
    assert swatch(palette.fate_colour(2)) > 0.8 * on


@needs_gl
def test_names_follow_the_camera_and_stand_still_while_a_slider_moves(window: Window) -> None:
    seen(window)
    front = {b.label.text: b.anchor for b in window.panes[0].names.boxes}
    assert set(front) == {"S6", "S2", "L1", "L2"}
    window.panes[0].renderer.camera.azimuth = 180.0
    seen(window)
    back = {b.label.text: b for b in window.panes[0].names.boxes}
    assert front["L1"][0] < front["L2"][0]
    assert back["L2"].anchor[0] < back["L1"].anchor[0]
    assert back["L1"].behind
    window.moving(True)
    window.state.set_day(41)
    seen(window)
    while_moving = window.panes[0].names
    assert {b.label.text for b in while_moving.boxes} <= set(back), "nothing is placed anew"
    window.moving(False)
    assert {b.label.text for b in window.panes[0].names.boxes} == {"S2"}


REAL = """
import sys
sys.path[:0] = [{unit!r}]
from drawn_box import grown_result, shown_box
from flrsim.viewer.desktop.state import ViewState
from pathlib import Path
from flrsim.viewer.desktop import window as module
from flrsim.viewer.desktop.window import Window
state = ViewState([shown_box(result=grown_result()), shown_box(result=grown_result(end=1.2))])
state.listeners.append(lambda: print(state.day, state.options.liver, state.plan, state.picked, state.message, flush=True))
module.MOVIE_SIZE = (240, 180)
window = Window(state, size=(900, 620), folder=Path({folder!r}))
print("open", flush=True)
window.open()
"""


@pytest.mark.skipif(
    not shutil.which("Xvfb") or not shutil.which("xdotool"), reason="Xvfb or xdotool is not installed"
)
@needs_gl
def test_a_real_window_answers_keys_and_mouse(tmp_path: Path) -> None:
    display = f":{80 + os.getpid() % 400}"
    server = subprocess.Popen(
        ["Xvfb", display, "-screen", "0", "1000x750x24", "+extension", "GLX"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    env = {k: v for k, v in os.environ.items() if k != "VTK_DEFAULT_OPENGL_WINDOW"} | {"DISPLAY": display}
    said = tmp_path / "said.txt"
    unit = str(Path(__file__).parents[1] / "unit")
    with said.open("w") as out:
        viewer = subprocess.Popen(
            [sys.executable, "-c", REAL.format(unit=unit, folder=str(tmp_path))],
            env=env,
            stdout=out,
            stderr=subprocess.STDOUT,
        )

    def wait(wanted: str) -> None:
        for _ in range(600):
            if wanted in said.read_text():
                return
            assert viewer.poll() is None, said.read_text()
            time.sleep(0.1)
        raise AssertionError(f"{wanted!r} was not seen in: {said.read_text()[-600:]}")

    def tool(*words: str) -> str:
        return subprocess.run(
            ["xdotool", *words], env=env, capture_output=True, text=True, check=False
        ).stdout

    try:
        wait("open")
        for _ in range(600):
            found = tool("search", "--name", "flrsim: box").split()
            if found:
                break
            time.sleep(0.1)
        assert found, "no window appeared"
        tool("mousemove", "--window", found[0], "300", "300")
        time.sleep(2.0)
        tool("key", "--window", found[0], "n")
        wait("\n0 True 0 None")
        tool("key", "--window", found[0], "d")
        wait("\n0 True 1 None")
        # The first switch hides the liver; it stands at the left edge of the panel.
        x, y = round(0.74 * 900) + 14 + 8, 620 - round(0.42 * 620) - 8
        tool("mousemove", "--window", found[0], str(x), str(y), "sleep", "0.3", "click", "1")
        wait("\n0 False 1 None")
        # The timeline: taken at its first day's place and drawn to the right.
        left, right, y = (
            round((0.74 + 0.26 * 0.05) * 900),
            round((0.74 + 0.26 * 0.95) * 900),
            round((1 - 0.085) * 620),
        )
        start = left + round((right - left) * 10 / 70)
        tool("mousemove", "--window", found[0], str(start), str(y), "sleep", "0.3", "mousedown", "1", "sleep", "0.3",
             "mousemove", "--window", found[0], str((left + right) // 2), str(y), "sleep", "0.5", "mouseup", "1")  # fmt: skip
        wait("\n2")
        # While a movie is drawn, a key still acts: the day moves before the movie is there.
        tool("key", "--window", found[0], "o")
        wait("drawing the movie")
        tool("key", "--window", found[0], "0")
        wait("\nNone False 1 None")
        assert not list(tmp_path.glob("*.gif"))
        wait("wrote flrsim-box-plan.gif")
        assert (tmp_path / "flrsim-box-plan.gif").stat().st_size > 0
        tool("key", "--window", found[0], "q")
        assert viewer.wait(timeout=60) == 0
    finally:
        for process in (viewer, server):
            if process.poll() is None:
                process.terminate()
                process.wait(timeout=30)
