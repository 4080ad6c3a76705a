"""Pictures as they are seen: colours are counted in pixels, since a program would not miss the liver."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flrsim.errors import DisplayError
from flrsim.report import palette
from flrsim.viewer import drawing, pictures
from flrsim.viewer.drawing import gl_available
from flrsim.viewer.pictures import fate_pixels, legend_height, picture, smaller
from flrsim.viewer.scene import Scene, rgb, scene_at

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from drawn_box import STAGE_DAYS, box_case, fate, shown_box

SIZE = (600, 450)
needs_gl = pytest.mark.skipif(not gl_available(), reason=drawing.INSTALL)


def scene(after_stage: int = 0) -> Scene:
    return scene_at(shown_box(), day=STAGE_DAYS[after_stage - 1] if after_stage else None)


def drawn(png: bytes) -> np.ndarray:
    image = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    return image[: image.shape[0] - legend_height(image.shape[0])]


@needs_gl
def test_every_fate_is_seen_and_goes_with_its_stage() -> None:
    before = fate_pixels(picture(scene(), size=SIZE), scene())
    assert set(before) == {"stays (parenchyma)", "goes in stage 1", "goes in stage 2"}
    # The box fills about a third of the picture: half of it goes in stage 2, a corner of the rest in stage 1.
    assert before["goes in stage 2"] > 15_000
    assert before["stays (parenchyma)"] > 8_000
    assert before["goes in stage 1"] > 500
    last = scene(2)
    after = fate_pixels(picture(last, size=SIZE), last)
    assert set(after) == {"stays (parenchyma on the images)"}
    assert after["stays (parenchyma on the images)"] > 8_000


@needs_gl
def test_the_patients_right_is_at_picture_left_from_the_front_and_at_picture_right_from_behind() -> None:
    def blue_columns(view: str) -> float:
        image = drawn(picture(scene(), view=view, size=SIZE))
        blue = (image[..., 2] - image[..., 0] > 35) & (image[..., 2] > image[..., 1] + 8)
        return float(np.flatnonzero(blue.any(axis=0)).mean()) / image.shape[1]

    assert blue_columns("anterior") < 0.45
    assert blue_columns("inferior") < 0.45
    assert blue_columns("posterior") > 0.55


@needs_gl
def test_a_lesion_left_behind_is_seen_in_magenta() -> None:
    case, removed = box_case()
    removed[removed == 1] = 0

    def loud(left: bool) -> int:
        last = fate(case, "L2", "left", None, 0.5) if left else fate(case, "L2", "removed", 2)
        shown = shown_box(fate(case, "L1", "removed", 2), last, removed=removed)
        image = drawn(picture(scene_at(shown), size=SIZE))
        return int(((image[..., 0] > image[..., 1] + 60) & (image[..., 2] > image[..., 1] + 25)).sum())

    assert loud(False) < 20
    assert loud(True) > 300


@needs_gl
def test_the_rim_of_the_cut_is_dark_where_the_fates_meet() -> None:
    image = drawn(picture(scene(), size=SIZE))
    dark = (image.max(axis=2) < 75)[90:-60]
    columns = np.flatnonzero(dark.sum(axis=0) > 60) / image.shape[1]
    # S6 meets S2 one millimetre right of the patient's origin, in the middle of the picture.
    assert len(columns)
    assert np.abs(columns - 0.5).min() < 0.03


@needs_gl
def test_a_second_picture_is_not_the_first_one_again() -> None:
    first, second = picture(scene(), size=SIZE), picture(scene(2), size=SIZE)
    assert np.abs(drawn(first) - drawn(second)).mean() > 5
    assert first == picture(scene(), size=SIZE)


@needs_gl
@pytest.mark.parametrize("size", [(600, 450), (400, 700)])
def test_the_size_is_what_was_asked(size: tuple[int, int]) -> None:
    assert Image.open(io.BytesIO(picture(scene(), size=size))).size == size


@needs_gl
def test_no_liver_drawn_counts_no_pixels_although_the_legend_shows_its_colours() -> None:
    png = picture(scene(), size=SIZE)
    image = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).copy()
    legend = image[-legend_height(SIZE[1]) :].reshape(-1, 3)
    swatch = np.round(np.array(rgb(palette.fate_colour(0))) * 255)
    assert (np.abs(legend - swatch).max(axis=1) < 3).sum() > 100
    image[: -legend_height(SIZE[1])] = 255
    out = io.BytesIO()
    Image.fromarray(image).save(out, format="PNG")
    assert set(fate_pixels(out.getvalue(), scene()).values()) == {0}


def test_without_opengl_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "gl_available", lambda: False)
    with pytest.raises(DisplayError, match=r"OpenGL is missing.*libegl1") as caught:
        picture(scene())
    assert "\n" not in caught.value.sentence


def test_a_probe_that_crashes_means_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "PROBE", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert gl_available.__wrapped__() is False


def test_a_probe_that_hangs_means_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "PROBE", "import time; time.sleep(60)")
    monkeypatch.setattr(drawing, "PROBE_SECONDS", 0.5)
    assert gl_available.__wrapped__() is False


def test_an_unknown_view_is_refused() -> None:
    with pytest.raises(ValueError, match="views are anterior, inferior, posterior"):
        picture(scene(), view="sideways")


def test_importing_pictures_loads_no_drawing_library() -> None:
    code = "import sys, flrsim.viewer.pictures; raise SystemExit(bool({'pyvista', 'vtkmodules'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_smaller_picture_shows_the_same_in_a_third_of_the_bytes() -> None:
    built = scene()
    whole = picture(built, size=SIZE)
    small = smaller(whole)
    assert len(small) < len(whole) / 3
    assert np.abs(drawn(small) - drawn(whole)).mean() < 4
    before, after = fate_pixels(whole, built), fate_pixels(small, built)
    for name, n in before.items():
        assert after[name] == pytest.approx(n, rel=0.1, abs=30), name
