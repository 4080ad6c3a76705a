"""Colours as the eye meets them: what lies inside the liver is seen in the colour that its legend promises."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import binary_erosion

from flrsim.case import Vessel
from flrsim.report import palette
from flrsim.results import LosingTissue, PerfusionResult
from flrsim.viewer import drawing
from flrsim.viewer.camera import CAMERAS
from flrsim.viewer.drawing import frame, gl_available
from flrsim.viewer.layout import layout_of
from flrsim.viewer.page_pictures import page_picture
from flrsim.viewer.pictures import legend_height, picture
from flrsim.viewer.place import Place
from flrsim.viewer.scene import Actor, Scene, rgb, scene_at
from flrsim.viewer.shown import Shown

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from drawn_box import box_case, fate, grown_result, staged

SIZE = (600, 450)
MEDIAN_MOST, OWN_LEAST = 20.0, 0.8
"""Half of a thing's pixels lie nearer to its legend colour than this (CIE 1976 L*a*b*), and so many lie nearer to
it than to any other colour of the legend. Light and depth take up to 18; through tissue it was up to 70, and vessels in
kept liver had not one pixel that was nearest to their own colour."""
LOST_LEAST, DISTINCT = 0.01, 25.0
"""Share of a small print that the hatching takes, at least; and how far its colour is from others, CIE 1976 L*a*b*."""
BLIND = (
    np.eye(3),
    np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
)
"""How linear sRGB looks to a usual eye, and to eyes without cones for long or for middle waves."""
TREES = (
    Vessel("portal vein", "portal_vein", "left", 1.0),
    Vessel("hepatic vein", "hepatic_vein", "right", 1.0),
)
pytestmark = pytest.mark.skipif(not gl_available(), reason=drawing.INSTALL)


def lab(colour: np.ndarray | tuple[float, float, float]) -> np.ndarray:
    """Return sRGB (…, 3) 0 to 1 as CIE L*a*b* under D65."""
    c = np.asarray(colour, dtype=float)
    linear = np.where(c > 0.04045, ((c + 0.055) / 1.055) ** 2.4, c / 12.92)
    to_xyz = np.array([[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]])
    xyz = linear @ to_xyz / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def away(seen: np.ndarray, colour: str) -> np.ndarray:
    return np.linalg.norm(lab(seen) - lab(rgb(colour)), axis=-1)


def box() -> Shown:
    """Both lesions and both veins inside tissue: L2 goes with stage 1, cut out of liver that stays."""
    case, removed = box_case(vessels=TREES)
    fates = (fate(case, "L1", "removed", 2), fate(case, "L2", "removed", 1))
    return Shown(case, staged(case, removed, *fates), grown_result())


def pixels(scene: Scene, view: str) -> np.ndarray:
    image = np.asarray(Image.open(io.BytesIO(picture(scene, view=view, size=SIZE))).convert("RGB")) / 255.0
    return image[: SIZE[1] - legend_height(SIZE[1])]


def own_pixels(scene: Scene, actor: Actor, view: str) -> np.ndarray:
    """Return where an actor is seen whole: where its colour, and no other's, decides."""

    def painted(colour: str) -> np.ndarray:
        return pixels(replace(scene, actors=tuple(replace(a, colour=colour) if a is actor else a for a in scene.actors)), view)  # fmt: skip

    # Light takes from white what depth gives to black; where tissue lay before it, much less would be left.
    return binary_erosion((painted("#ffffff") - painted("#000000")).min(axis=-1) > 0.1)


@pytest.mark.parametrize("view", CAMERAS)
def test_lesions_and_veins_inside_the_liver_wear_the_legends_colours(view: str) -> None:
    scene = replace(scene_at(box()), labels=(), name_segments=False)
    seen = pixels(scene, view)
    solid = [*scene.of_kind("lesion"), *scene.of_kind("vessel")]
    assert {a.name for a in solid} == {"L1", "L2", "portal vein", "hepatic vein"}
    colours = [e.colour for e in scene.legend]
    assert {a.colour for a in solid} <= set(colours)
    for actor in solid:
        mine = seen[own_pixels(scene, actor, view)]
        assert len(mine) > 50, actor.name
        assert np.median(away(mine, actor.colour)) <= MEDIAN_MOST, actor.name
        nearest = np.argmin([away(mine, c) for c in colours], axis=0)
        assert (nearest == colours.index(actor.colour)).mean() >= OWN_LEAST, actor.name


def at(image: np.ndarray, x: float, y: float) -> np.ndarray:
    """Return the colour of a spot of 5 by 5 pixels."""
    return np.median(image[round(y) - 2 : round(y) + 3, round(x) - 2 : round(x) + 3].reshape(-1, 3), axis=0)


def spot(scene: Scene, place: np.ndarray, view: str) -> np.ndarray:
    camera, legend = CAMERAS[view], legend_height(SIZE[1])
    size = (SIZE[0], SIZE[1] - legend)
    focus, scale = frame(scene, camera, size[0] / size[1], layout_of(scene, camera, size, legend).shares)
    off = (place - focus) * 0.5 * size[1] / scale
    return at(
        pixels(scene, view), 0.5 * size[0] + off @ camera.right, 0.5 * size[1] - off @ np.array(camera.up)
    )


def test_what_lies_in_front_still_hides_what_lies_behind() -> None:
    scene = replace(scene_at(box()), labels=(), name_segments=False)
    lesion = next(a for a in scene.of_kind("lesion") if a.name == "L2")
    vein = next(a for a in scene.of_kind("vessel") if a.name == "portal vein")
    middle = lesion.points.mean(axis=0)
    for y, view, wanted in ((-8.0, "anterior", vein), (-8.0, "posterior", lesion), (9.0, "anterior", lesion),
                            (9.0, "posterior", vein)):  # fmt: skip
        to = middle + np.array([0.0, y, 0.0])
        moved = replace(vein, place=Place.moving(vein.points.mean(axis=0), to, 1.0))
        crossed = replace(scene, actors=tuple(moved if a is vein else a for a in scene.actors))
        seen = spot(crossed, middle, view)
        other = lesion if wanted is vein else vein
        assert away(seen, wanted.colour) < away(seen, other.colour), (y, view)


def test_what_lies_deeper_is_paler() -> None:
    scene = replace(scene_at(box()), labels=(), name_segments=False)
    lesion = next(a for a in scene.of_kind("lesion") if a.name == "L1")
    middle = lesion.points.mean(axis=0)
    light = []
    for y in (-6.0, 7.0, 15.0):
        moved = replace(lesion, place=Place.moving(middle, middle + np.array([0.0, y, 0.0]), 1.0))
        deep = replace(scene, actors=tuple(moved if a is lesion else a for a in scene.actors))
        light.append(float(lab(spot(deep, middle, "anterior"))[0]))
    assert light[0] + 1 < light[1] < light[2] - 1


def test_a_lesion_left_behind_is_loud_through_the_tissue_in_front_of_it() -> None:
    case, removed = box_case()
    removed[removed == 1] = 0
    left = Shown(
        case, staged(case, removed, fate(case, "L1", "removed", 2), fate(case, "L2", "left", None, 0.5))
    )
    scene = replace(scene_at(left), labels=(), name_segments=False)
    for view in CAMERAS:
        assert away(spot(scene, np.array(case.lesion("L2").centre_mm), view), palette.LOUD) < MEDIAN_MOST


def displayed(renderer: object, place: np.ndarray, height: int) -> tuple[float, float]:
    renderer.SetWorldPoint(*place, 1.0)  # type: ignore[attr-defined]
    renderer.WorldToDisplay()  # type: ignore[attr-defined]
    x, y, _ = renderer.GetDisplayPoint()  # type: ignore[attr-defined]
    return x, height - 1 - y


def test_window_planner_and_movie_draw_the_same(tmp_path: Path) -> None:
    from flrsim.viewer.desktop.state import ViewState
    from flrsim.viewer.desktop.window import Window
    from flrsim.viewer.movie import course_pictures
    from flrsim.viewer.shown import Options
    from flrsim.viewer.web.liver_view import LiverView, Shapes

    shown, bare = box(), Options(labels=False)
    vein = next(a for a in scene_at(shown).of_kind("vessel") if a.name == "portal vein")
    place, colour = vein.points.mean(axis=0), palette.PORTAL_VEIN
    window = Window(ViewState([shown], options=bare), off_screen=True, size=(1000, 700), folder=tmp_path)
    window.plotter.show(auto_close=False)
    window.plotter.render()
    image = np.asarray(window.plotter.screenshot(return_img=True))[:, :, :3] / 255.0
    x, y = displayed(window.panes[0].renderer, place, len(image))
    assert away(at(image, x, y), colour) < MEDIAN_MOST
    window.moving(True)
    window.plotter.render()
    image = np.asarray(window.plotter.screenshot(return_img=True))[:, :, :3] / 255.0
    assert away(at(image, x, y), colour) < MEDIAN_MOST, "while something is dragged"
    window.plotter.close()
    view = LiverView(Shapes(), drawn=True)
    view.draw(shown, view.prepare(shown, "cuts", None, bare))
    image = np.asarray(view.plotter.screenshot(return_img=True))[:, :, :3] / 255.0
    x, y = displayed(view.plotter.renderer, place, len(image))
    assert away(at(image, x, y), colour) < MEDIAN_MOST
    view.close()
    picture_of_movie, _, scene = next(iter(course_pictures(shown, size=SIZE)))
    seen = np.asarray(picture_of_movie.convert("RGB")).reshape(-1, 3) / 255.0
    drawn = seen[: (SIZE[1] - legend_height(SIZE[1])) * SIZE[0]]
    assert (away(drawn, colour) < MEDIAN_MOST).sum() > 200
    assert scene.day is None


def test_a_plan_drawn_after_another_looks_as_if_it_were_drawn_first() -> None:
    """The planner keeps what both plans hold uploaded; colours, places and thickness of rims are the new plan's."""
    from flrsim.viewer.shown import Options
    from flrsim.viewer.web.liver_view import LiverView, Shapes

    case, removed = box_case(vessels=TREES)
    bare = Options(labels=False)
    wider = np.where((np.arange(removed.shape[0]) < 24)[:, None, None] & (removed == 0), 2, removed)
    plans = [
        Shown(case, staged(case, removed, fate(case, "L1", "removed", 2), fate(case, "L2", "removed", 1))),
        Shown(case, staged(case, wider.astype(removed.dtype), fate(case, "L1", "removed", 2), fate(case, "L2", "left", None))),
    ]  # fmt: skip

    def last_of(*shown: Shown) -> np.ndarray:
        view = LiverView(Shapes(), drawn=True)
        for one in shown:
            view.draw(one, view.prepare(one, id(one), None, bare))
        image = np.asarray(view.plotter.screenshot(return_img=True)).astype(int)
        view.close()
        return image

    first, second = plans
    assert np.abs(last_of(first) - last_of(second)).max() > 50
    assert np.abs(last_of(first, second) - last_of(second)).max() <= 1
    assert np.abs(last_of(second, first) - last_of(first)).max() <= 1


def test_the_hatching_of_lost_tissue_survives_a_cheap_print_and_is_not_the_colour_of_what_is_left_behind() -> (
    None
):
    case, removed = box_case()
    lost = PerfusionResult({}, {}, 20.0, {"S2": 20.0}, (), (), (), (LosingTissue("S2", 20.0, 1, None),))
    shown = Shown(case, staged(case, removed), replace(grown_result(), perfusion=lost))

    def share(built: Scene, colour: str) -> float:
        image = Image.open(io.BytesIO(page_picture(built).png)).convert("RGB")
        # Two pictures side by side on a sheet of A4, 9 cm each, at 80 dpi.
        small = np.asarray(image.resize((283, 164), Image.Resampling.LANCZOS)) / 255.0
        away_all = [
            away(small, c) for c in (colour, palette.LOUD, palette.RIM, "#ffffff", *palette.FATE_COLOURS)
        ]
        return float((np.argmin(away_all, axis=0) == 0).mean())

    for day in (None, 0, 40):
        built = scene_at(shown, day=day)
        bare = replace(built, actors=tuple(a for a in built.actors if a.kind != "lost"))
        assert share(built, palette.LOST) > share(bare, palette.LOST) + LOST_LEAST
    # Magenta, and every fate, is another colour to eyes without red or green too (Machado 2009).
    for eye in BLIND:
        seen = [
            lab(np.clip(eye @ np.array(rgb(c)) ** 2.2, 0, 1) ** (1 / 2.2))
            for c in (palette.LOST, palette.LOUD, *palette.FATE_COLOURS)
        ]
        assert min(float(np.linalg.norm(seen[0] - other)) for other in seen[1:]) > DISTINCT
