"""Words over a pane of the window as boxes: none lies on another or on the liver's room, alone and side by side."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from drawn_box import box_case, fate, grown_result, shown_box

from flrsim.report import palette
from flrsim.results import PerfusionResult
from flrsim.viewer.desktop.written import UNIT, painted, pane_layout
from flrsim.viewer.layout import Layout
from flrsim.viewer.names import Names
from flrsim.viewer.scene import Scene, scene_at
from flrsim.viewer.shown import Shown

WHOLE = {(1280, 800): (947, 800), (1600, 1000): (1184, 1000)}
"""A pane alone in a window of a size; two share it."""
LONG = (
    "a volume that suffices by far, but 60 mL lose their vessels and nobody has looked at the scan of day 42 "
    * 3
)


def shown(*, blocking: str = LONG) -> Shown:
    lost = PerfusionResult({}, {}, 60.0, {"S2": 59.5}, (), (), ())
    result = replace(grown_result(end=1.6), verdict="does_not_meet", blocking=blocking, perfusion=lost)
    case, _ = box_case()
    return shown_box(
        fate(case, "L1", "left", None, 0.5), fate(case, "L2", "removed", 1), result=result, occluded_from=14
    )


def laid_out(
    plan: Shown, day: int | None, size: tuple[int, int], banners: int = 2, legend: bool = True
) -> tuple[Scene, Layout]:
    scene = scene_at(plan, day=day)
    scene = replace(scene, banners=("hepatic veins not supplied", "portal vein not supplied")[:banners])
    said = "+2 names not shown: L11, L12; hidden in this view: S1, S6, S7; pale names lie in the far half"
    layout = pane_layout(
        plan,
        scene,
        size,
        palette.FATE_INKS[0],
        legend=legend,
        inset=0.085 * 1280,
        pixels_per_mm=3.0,
        said=said,
    )
    return scene, layout


@pytest.mark.parametrize("panes", [1, 2])
@pytest.mark.parametrize("window", WHOLE)
@pytest.mark.parametrize("day", [None, 0, 24, 41])
def test_no_word_lies_on_another_or_on_the_room_of_the_liver(
    day: int | None, window: tuple[int, int], panes: int
) -> None:
    width, height = WHOLE[window]
    _, layout = laid_out(shown(), day, (width // panes, height))
    for word in layout.words:
        assert word.box.left >= 0 <= word.box.top, word
        assert word.box.right <= width // panes, word
        assert word.box.bottom <= height, word
        assert not word.box.overlaps(layout.room), word
    for a, b in combinations(layout.words, 2):
        assert not a.box.overlaps(b.box), (a.kind, a.text, b.kind, b.text)
    assert layout.room.bottom - layout.room.top > 0.4 * height


def test_verdict_and_reason_stand_whole_in_a_pane_of_half_the_window() -> None:
    plan = shown(
        blocking="all 7 lesions go whole, but growth until then uses up the margin on the scan: L1 4.9 mm"
    )
    _, layout = laid_out(plan, None, (473, 800))
    lines = [w for w in layout.words if w.kind == "line"]
    assert lines[1].text == "Does not meet the rules"
    assert " ".join(w.text for w in lines[2:4]) == plan.readout(None).blocking
    assert {w.colour for w in lines[1:4]} == {palette.VERDICT_COLOURS["does_not_meet"]}
    _, long = laid_out(shown(), None, (473, 800))
    assert [w.text for w in long.words if w.colour == palette.VERDICT_COLOURS["does_not_meet"]][-1].endswith(
        "…"
    )


def test_the_legend_names_every_colour_with_its_volume_or_is_away() -> None:
    scene, layout = laid_out(shown(), None, (947, 800))
    swatches = [w for w in layout.words if w.kind == "swatch"]
    assert [w.colour for w in swatches] == [e.colour for e in scene.legend]
    said = [w.text for w in layout.words if w.kind == "legend"]
    assert len(said) == len(scene.legend)
    for entry, text in zip(scene.legend, said, strict=True):
        assert text.startswith(entry.text[:20])
        assert ("mL" in text) == (entry.ml is not None)
    _, without = laid_out(shown(), None, (947, 800), legend=False)
    assert not any(w.kind in ("swatch", "legend") for w in without.words)
    assert without.room.bottom > layout.room.bottom


def test_what_is_painted_is_clear_where_no_word_stands() -> None:
    _, layout = laid_out(shown(), None, (473, 800))
    image = painted(layout, Names((), (), ()), 3.0)
    assert image.shape == (800, 473, 4)
    room = layout.room
    assert image[round(room.top) : round(room.bottom), round(room.left) : round(room.right), 3].max() == 0
    swatch = next(w for w in layout.words if w.kind == "swatch")
    y, x = (
        round(0.5 * (swatch.box.top + swatch.box.bottom)),
        round(0.5 * (swatch.box.left + swatch.box.right)),
    )
    want = [int(swatch.colour[i : i + 2], 16) for i in (1, 3, 5)]
    assert np.array_equal(image[y, x], [*want, 255])
    bar = next(w for w in layout.words if w.kind == "scale")
    assert bar.box.right - bar.box.left == pytest.approx(3.0 * float(bar.text.removesuffix(" mm")))
    assert UNIT < 1
