"""Names, axes, scale and cube of the planner's picture, against a box liver whose places are counted by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from drawn_box import shown_box

from flrsim.report import palette
from flrsim.viewer.camera import CAMERAS, Camera
from flrsim.viewer.drawing import gl_available, mark_orientation, off_screen_plotter
from flrsim.viewer.scene import Options, Scene, scene_at
from flrsim.viewer.web.liver_view import LiverView, Shapes
from flrsim.viewer.web.words import Sight, room_of, words_over

SIZE = (800, 600)
FRONT = Sight((0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.0, -6.0, 124.0), 60.0, SIZE)
"""Looks at the middle of the box from the front; 5 pixels a mm."""
DIRECTIONS = {
    "L": (1, 0, 0),
    "R": (-1, 0, 0),
    "P": (0, 1, 0),
    "A": (0, -1, 0),
    "S": (0, 0, 1),
    "I": (0, 0, -1),
}
"""What LPS means, said again."""


def seen_from(camera: Camera) -> Sight:
    return replace(FRONT, sight=camera.sight, up=camera.up)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return scene_at(shown_box())


def test_the_scale_bar_is_as_long_as_it_says(scene: Scene) -> None:
    for scale, mm in ((60.0, 20.0), (120.0, 50.0), (25.0, 20.0)):
        bar = words_over(scene, replace(FRONT, scale=scale))["bar"]
        assert bar["right"] - bar["left"] == pytest.approx(
            float(bar["text"].removesuffix(" mm")) * 300.0 / scale
        )
        assert bar["text"] == f"{mm:g} mm" or scale == 60.0
        assert bar["right"] <= SIZE[0]
        assert bar["y"] <= SIZE[1]


def test_segments_and_lesions_are_named_where_they_are_drawn(scene: Scene) -> None:
    told = words_over(scene, FRONT)
    at = {n["text"]: n for n in told["names"]}
    assert set(at) == {"S6", "S2", "L1", "L2"}
    # From the front the patient's right, and with it S6 and L1, is at picture left.
    assert at["S6"]["x"] < 0.5 * SIZE[0] < at["S2"]["x"]
    middle = -40.0 + 2.0 * 9.5, 100.0 + 2.0 * 9.5  # of L1, mm to the left and upward
    assert at["L1"]["at"] == pytest.approx([400 + 5 * middle[0], 300 - 5 * (middle[1] - 124)], abs=3)
    room = room_of(SIZE)
    for n in told["names"]:
        assert room.left <= n["x"] - n["half_width"]
        assert n["x"] + n["half_width"] <= room.right
    assert told["hidden"] == ""
    behind = {n["text"]: n for n in words_over(scene, seen_from(CAMERAS["posterior"]))["names"]}
    assert behind["S2"]["x"] < behind["S6"]["x"]
    aside = words_over(scene, replace(FRONT, sight=(1.0, 0.0, 0.0)))  # from the patient's right S6 covers S2
    assert aside["hidden"] == "hidden in this view: S2; pale names lie in the far half"
    assert aside["seen"] == "turned by hand"


def test_what_is_told_is_plain_data(scene: Scene) -> None:
    moved = replace(FRONT, scale=600.0)  # so small that names are moved off what they name
    for told in (words_over(scene, FRONT), words_over(scene, moved)):
        assert json.loads(json.dumps(told)) == told


def test_what_is_left_behind_has_a_ring(scene: Scene) -> None:
    loud = replace(
        scene, labels=(replace(scene.labels[0], colour=palette.LOUD, reach_mm=4.0), *scene.labels[1:])
    )
    rings = {n["text"]: n["ring"] for n in words_over(loud, FRONT)["names"]}
    assert rings[scene.labels[0].text] == pytest.approx(4.0 * 5 + 5.0)
    assert {r for name, r in rings.items() if name != scene.labels[0].text} == {0.0}


@pytest.mark.parametrize("view", CAMERAS)
def test_letters_stand_on_the_side_the_patient_has_there(scene: Scene, view: str) -> None:
    camera = CAMERAS[view]
    told = words_over(scene, seen_from(camera))
    assert told["seen"] == f"seen {camera.title}"
    assert len(told["axes"]) == 4
    for a in told["axes"]:
        across = float(np.dot(DIRECTIONS[a["text"]], camera.right))
        upwards = float(np.dot(DIRECTIONS[a["text"]], camera.up))
        assert np.sign(round(a["x"] / SIZE[0] - 0.5, 3)) == across
        assert -np.sign(round(a["y"] / SIZE[1] - 0.5, 1)) == upwards


def test_a_picture_turned_by_hand_names_only_sides_that_are_there(scene: Scene) -> None:
    half = np.sqrt(0.5)
    turned = words_over(scene, replace(FRONT, sight=(half, half, 0.0)))
    assert {a["text"] for a in turned["axes"]} == {"S", "I"}


def test_banners_are_told(scene: Scene) -> None:
    assert words_over(replace(scene, banners=("portal vein not supplied",)), FRONT)["banners"] == [
        "portal vein not supplied"
    ]


@pytest.mark.parametrize("size", [(900, 640), (300, 300), (60, 900), (10, 10)])
def test_the_liver_has_room_in_a_picture_of_any_size(size: tuple[int, int]) -> None:
    room = room_of(size)
    assert 0 < room.left < 0.5 * size[0] < room.right < size[0]
    assert 0 < room.top < 0.5 * size[1] < room.bottom < size[1]


@pytest.mark.skipif(not gl_available(), reason="OpenGL is missing, so that nothing can be drawn")
@pytest.mark.parametrize("size", [(858, 460), (12, 12)])
def test_rims_are_as_thick_in_whatever_window_they_were_drawn_first(size: tuple[int, int]) -> None:
    shown = shown_box()
    view = LiverView(Shapes(), drawn=True)
    try:
        view.plotter.render_window.SetSize(*size)
        view.draw(shown, view.prepare(shown, "cuts", None, Options()))
        view.plotter.render_window.SetSize(858, 460)
        view.plotter.render()
        assert view.fit() == (size != (858, 460))
        view.plotter.render()
        image = np.asarray(view.plotter.screenshot(return_img=True)).astype(int)
    finally:
        view.close()
    dark = np.flatnonzero((image.max(axis=2) < 60).sum(axis=0) > 100)
    assert 1 <= len(dark) <= 12, "pixels across the rim of the cut"


def test_a_sight_is_that_of_the_plotter() -> None:
    # Tilted, moved and enlarged by hand: `up` of a plotter need not be square to where it looks.
    camera = SimpleNamespace(
        focal_point=(1.0, 2.0, 3.0), position=(1.0, 2.0 - 50.0, 3.0), up=(0.0, 0.6, 0.8), parallel_scale=70.0
    )
    window = SimpleNamespace(GetSize=lambda: SIZE)
    got = Sight.of(SimpleNamespace(camera=camera, render_window=window))
    assert got == Sight((0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 2.0, 3.0), 70.0, SIZE)
    assert got.camera is CAMERAS["anterior"]
    assert got.same_place(replace(got, size=(10, 10)))
    assert not got.same_place(replace(got, scale=71.0))
    assert not got.same_place(None)
    # Drawn at half the size while it is turned, to the pixel; not drawn on a narrower page.
    assert replace(got, size=(857, 461)).same_form(replace(got, size=(429, 231)))
    assert not replace(got, size=(857, 461)).same_form(replace(got, size=(657, 461)))


@pytest.mark.skipif(not gl_available(), reason="OpenGL is missing, so that nothing can be drawn")
def test_the_cube_bears_each_letter_on_its_own_side_and_turns_with_the_liver() -> None:
    plotter: Any = off_screen_plotter((300, 300))
    try:
        widget = mark_orientation(plotter)
        cube = widget.GetOrientationMarker()
        faces = {
            (1, 0, 0): cube.GetXPlusFaceText(), (-1, 0, 0): cube.GetXMinusFaceText(),
            (0, 1, 0): cube.GetYPlusFaceText(), (0, -1, 0): cube.GetYMinusFaceText(),
            (0, 0, 1): cube.GetZPlusFaceText(), (0, 0, -1): cube.GetZMinusFaceText(),
        }  # fmt: skip
        assert {letter: direction for direction, letter in faces.items()} == DIRECTIONS
        seen = []
        for camera in CAMERAS.values():
            plotter.camera.focal_point = (0.0, 0.0, 0.0)
            plotter.camera.position = tuple(-100.0 * np.array(camera.sight))
            plotter.camera.up = camera.up
            plotter.render()
            seen.append(np.asarray(plotter.screenshot(return_img=True))[200:, :80].copy())
        for picture in seen:
            assert np.ptp(picture.astype(int)) > 150, "the cube and its letter are drawn"
        assert not np.array_equal(seen[0], seen[1])
        assert not np.array_equal(seen[0], seen[2])
    finally:
        plotter.close()
