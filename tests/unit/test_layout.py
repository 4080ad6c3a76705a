"""Words, letters, liver and names of a picture as boxes: none may lie on another, on any day, from any side."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from drawn_box import grown_result, shown_box

from flrsim.viewer.camera import CAMERAS, Camera
from flrsim.viewer.drawing import frame
from flrsim.viewer.layout import Layout, Rect, fitting, font, layout_of, scale_bar, unnamed
from flrsim.viewer.names import placed_names
from flrsim.viewer.pictures import legend_height
from flrsim.viewer.scene import Scene, scene_at

DAYS = (None, -10, 0, 20, 40, 60)
SIZES = ((1200, 900), (1000, 750), (400, 300), (700, 900), (1600, 700))
LONG = "a plan whose name its author would not shorten, for reasons, " * 5


def laid_out(scene: Scene, camera: Camera, size: tuple[int, int]) -> tuple[Layout, np.ndarray, float]:
    """Return the layout, the point looked at and the pixels of a mm, as a picture uses them."""
    legend = legend_height(size[1])
    drawn = (size[0], size[1] - legend)
    layout = layout_of(scene, camera, drawn, legend)
    focus, scale = frame(scene, camera, drawn[0] / drawn[1], layout.shares)
    return layout, focus, 0.5 * drawn[1] / scale


def liver_rect(scene: Scene, camera: Camera, layout: Layout, focus: np.ndarray, pixels_per_mm: float) -> Rect:
    """Return the smallest rectangle around all points drawn, by projecting each of them."""
    away = np.concatenate([a.points for a in scene.actors]) - focus
    x = 0.5 * layout.size[0] + away @ camera.right * pixels_per_mm
    y = 0.5 * layout.size[1] - away @ np.array(camera.up) * pixels_per_mm
    return Rect(float(x.min()), float(y.min()), float(x.max()), float(y.max()))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("view", CAMERAS)
@pytest.mark.parametrize("day", DAYS)
def test_no_word_lies_on_the_liver_or_on_another(day: int | None, view: str, size: tuple[int, int]) -> None:
    shown = shown_box(result=grown_result(end=2.6, lesion_end=10.0), occluded_from=14)
    camera = CAMERAS[view]
    for banners, title in (((), None), (("hepatic veins not supplied", "portal vein not supplied"), LONG)):
        scene = scene_at(shown, day=day)
        scene = replace(scene, banners=banners, title=title or scene.title)
        layout, focus, ppm = laid_out(scene, camera, size)
        liver = liver_rect(scene, camera, layout, focus, ppm)
        named = placed_names(scene, camera, layout, focus, ppm)
        words = [*layout.words, scale_bar(layout, ppm), *unnamed(layout, named.said)]
        for word in words:
            assert not word.box.overlaps(liver), (word.kind, word.text)
            assert word.box.left >= 0 <= word.box.top, word
            assert word.box.right <= layout.size[0], word
            assert word.box.bottom <= layout.size[1], word
        for a, b in combinations(words, 2):
            assert not a.box.overlaps(b.box), (a.kind, a.text, b.kind, b.text)
        names = [
            Rect(n.x - n.half_width, n.y - n.half_height, n.x + n.half_width, n.y + n.half_height)
            for n in named.boxes
        ]
        for name in names:
            assert not any(name.overlaps(word.box) for word in words)
        assert not any(a.left + 0.5 < b.right and b.left + 0.5 < a.right and a.top + 0.5 < b.bottom
                       and b.top + 0.5 < a.bottom for a, b in combinations(names, 2))  # fmt: skip


def test_the_liver_fills_its_room_one_way_and_keeps_its_frame_from_day_to_day() -> None:
    shown = shown_box(result=grown_result(), occluded_from=14)
    for view, camera in CAMERAS.items():
        frames = [laid_out(scene_at(shown, day=day), camera, (1200, 900)) for day in (None, 0, 20, 40)]
        for layout, focus, ppm in frames[1:]:
            assert layout.room == frames[0][0].room, view
            assert np.allclose(focus, frames[0][1])
            assert ppm == pytest.approx(frames[0][2])
        # All that is drawn until the last step touches the room's sides, above and below or left and right.
        layout, focus, ppm = frames[0]
        corners = np.array(scene_at(shown).bounds_mm) - focus
        x = 0.5 * layout.size[0] + corners @ camera.right * ppm
        y = 0.5 * layout.size[1] - corners @ np.array(camera.up) * ppm
        room = layout.room
        tall = [min(y) - room.top, room.bottom - max(y)]
        wide = [min(x) - room.left, room.right - max(x)]
        assert min(max(map(abs, tall)), max(map(abs, wide))) < 1e-6
        assert tall[0] == pytest.approx(tall[1])
        assert wide[0] == pytest.approx(wide[1])


def test_what_does_not_fit_is_written_smaller_and_then_ends_in_dots() -> None:
    assert fitting("short", 500.0, 25.0) == ("short", 25.0)
    text, size = fitting("of a middling length", 150.0, 25.0)
    assert text == "of a middling length"
    assert size < 25.0
    assert font(size).getlength(text) <= 150.0
    text, size = fitting(LONG, 200.0, 25.0)
    assert text.endswith("…")
    assert LONG.startswith(text[:-1])
    assert font(size).getlength(text) <= 200.0


def test_numbers_of_the_day_are_written_in_full() -> None:
    scene = scene_at(shown_box(result=grown_result()), day=30)
    layout = layout_of(scene, CAMERAS["anterior"], (1200, 711), 189)
    assert [w.text for w in layout.words if w.kind == "line"] == list(scene.readout.lines())
    small = layout_of(scene, CAMERAS["anterior"], (400, 237), 63)
    assert " ".join(w.text for w in small.words if w.kind == "line") == " ".join(scene.readout.lines())
    assert {w.text for w in layout.words if w.kind == "axis"} == {"R", "L", "S", "I"}
    below = layout_of(scene, CAMERAS["inferior"], (1200, 711), 189)
    assert {w.text for w in below.words if w.kind == "axis"} == {"R", "L", "A", "P"}
