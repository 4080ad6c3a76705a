"""Names on a picture as data: which are weaker, which are moved and led back by a line, which are left out and counted."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from drawn_box import box_case, fate, shown_box
from PIL import Image, ImageDraw

from flrsim.report import palette
from flrsim.viewer.camera import CAMERAS, Camera
from flrsim.viewer.layout import Layout, Rect
from flrsim.viewer.names import Box, Names, draw_names, placed_names, without_collisions
from flrsim.viewer.scene import Label, Scene, scene_at

SIZE = (800, 600)
FOCUS = np.array([0.0, -6.0, 124.0])
PER_MM = 5.0
ALL = Rect(0.0, 0.0, 800.0, 600.0)


def named(scene: Scene, camera: Camera, room: Rect = ALL) -> Names:
    return placed_names(scene, camera, Layout(0.75, SIZE, (), room), FOCUS, PER_MM)


def lesion(name: str, x: float, y: float, colour: str = palette.FATE_INKS[1]) -> Label:
    return Label(name, (x, y, 124.0), "lesion", colour, 4.0)


def test_a_lesion_of_the_far_half_is_named_weaker_and_the_picture_says_so() -> None:
    scene = scene_at(shown_box())
    front, back = named(scene, CAMERAS["anterior"]), named(scene, CAMERAS["posterior"])
    # Both lesions lie before the middle of the box, which is at y = -6 mm.
    assert {b.label.text: b.behind for b in front.boxes if b.label.kind == "lesion"} == {
        "L1": False,
        "L2": False,
    }
    assert {b.label.text: b.behind for b in back.boxes if b.label.kind == "lesion"} == {
        "L1": True,
        "L2": True,
    }
    assert front.said == ""
    assert back.said == "pale names lie in the far half"
    for near, far in zip(front.boxes, back.boxes, strict=True):
        if near.label.kind == "lesion":
            assert near.colour == near.label.colour
            assert int(far.colour[1:3], 16) > int(near.colour[1:3], 16)
    assert not any(b.behind for b in back.boxes if b.label.kind == "segment"), "its skin is seen"


def test_a_lesion_left_behind_is_never_named_weakly() -> None:
    case, _ = box_case()
    shown = shown_box(fate(case, "L1", "left", None, 0.5), fate(case, "L2", "removed", 1))
    back = {b.label.text: b for b in named(scene_at(shown), CAMERAS["posterior"]).boxes}
    assert back["L1"].behind
    assert back["L1"].colour == palette.LOUD


def test_hidden_segments_are_listed_and_not_written_on_what_hides_them() -> None:
    aside = named(scene_at(shown_box()), Camera("right", "", (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)))
    assert aside.hidden == ("S2",)
    assert "S2" not in {b.label.text for b in aside.boxes}
    assert aside.said.startswith("hidden in this view: S2")


def test_names_that_collide_are_moved_and_led_back_by_a_line() -> None:
    bare = replace(scene_at(shown_box()), name_segments=False)
    scene = replace(bare, labels=tuple(lesion(f"L{n}", 0.0, -20.0) for n in range(8)))
    all_ = named(scene, CAMERAS["anterior"])
    assert len(all_.boxes) == 8
    assert all_.left_out == ()
    assert not any(a.overlaps(b) for a, b in combinations(all_.boxes, 2))
    assert all(b.needs_line for b in all_.boxes)
    moved = Box(
        Label("S2", (0.0, 0.0, 0.0), "segment", palette.RIM), 100.0, 100.0, 20.0, 10.0, (100.0, 105.0)
    )
    assert not moved.needs_line
    assert replace(moved, y=140.0).needs_line


def test_names_without_room_are_left_out_and_counted_loud_ones_last() -> None:
    bare = replace(scene_at(shown_box()), name_segments=False)
    many = [lesion(f"L{n}", 0.0, 5.0 if n % 2 else -20.0) for n in range(40)]
    many.append(lesion("left", 0.0, 5.0, palette.LOUD))
    small = Rect(300.0, 200.0, 420.0, 300.0)
    some = named(replace(bare, labels=tuple(many)), CAMERAS["anterior"], small)
    kept = {b.label.text for b in some.boxes}
    assert "left" in kept
    assert 2 < len(kept) < 41
    assert kept.isdisjoint(some.left_out)
    assert len(kept) + len(some.left_out) == 41
    assert not any(a.overlaps(b) for a, b in combinations(some.boxes, 2))
    assert some.said.startswith(f"+{len(some.left_out)} names not shown: L")
    assert Names((), ("S5",), ("S7",)).said == "+1 name not shown: S5; hidden in this view: S7"


def test_what_lies_behind_yields_to_segments_and_these_to_what_lies_in_front() -> None:
    at = (0.0, 0.0, 0.0)
    front, back = Box(Label("L1", at, "lesion", palette.RIM), 0, 0, 9, 9, (0, 0)), None
    back = replace(front, label=replace(front.label, text="L2"), behind=True)
    segment = replace(front, label=Label("S2", at, "segment", palette.RIM))
    assert without_collisions([back, segment])[1] == ("L2",)
    assert without_collisions([segment, front])[1] == ("S2",)
    apart = replace(back, x=18.0)
    assert without_collisions([front, apart]) == ((front, apart), ())


@pytest.mark.parametrize("first", [0, 1])
def test_no_line_strikes_out_a_name(first: int) -> None:
    # The line from one lesion to its name runs across the place of the other name.
    ink = palette.FATE_INKS[2]
    crossed = Box(lesion("L1", 0, 0), 100.0, 100.0, 20.0, 12.0, (100.0, 60.0))
    other = Box(lesion("L2", 0, 0, ink), 200.0, 100.0, 20.0, 12.0, (20.0, 100.0))
    image = {}
    for boxes in ((crossed,), (crossed, other) if first else (other, crossed)):
        picture = Image.new("RGB", (260, 200), "white")
        draw_names(ImageDraw.Draw(picture), Names(boxes, (), ()), 1.0, 0.75)
        image[len(boxes)] = np.asarray(picture)[90:110, 84:116]
    assert np.array_equal(image[1], image[2])
