"""The scene through the course as data: what has gone, where kept tissue is drawn, how large lesions are."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from drawn_box import LESION_MM, box_case, fate, grown_result, shown_box, staged

from flrsim.case import Vessel
from flrsim.errors import DisplayError
from flrsim.evidence import load_evidence
from flrsim.plan import Operate, Plan, Step
from flrsim.report import palette
from flrsim.staging import stage_plans
from flrsim.viewer import display
from flrsim.viewer.geometry import case_geometry
from flrsim.viewer.hilum import hilum
from flrsim.viewer.place import STILL, Place
from flrsim.viewer.scene import Options, Scene, scene_at
from flrsim.viewer.shown import Shown

SMOOTH_MM = 0.6
"""Smoothing rounds a box of 2 mm voxels by up to a third of a voxel, outward too."""


def actor(built: Scene, kind: str, name: str):
    return next(a for a in built.of_kind(kind) if a.name == name)


def names(built: Scene, kind: str) -> set[str]:
    return {a.name for a in built.of_kind(kind)}


def test_tissue_is_there_until_the_day_of_its_operation() -> None:
    shown = shown_box(result=grown_result())
    assert names(scene_at(shown, day=-1), "liver") == {"S6/2", "S2/0", "S2/1"}
    assert names(scene_at(shown, day=0), "liver") == {"S6/2", "S2/0"}
    assert names(scene_at(shown, day=39), "liver") == {"S6/2", "S2/0"}
    assert names(scene_at(shown, day=40), "liver") == {"S2/0"}
    assert [scene_at(shown, day=d).readout.operations_done for d in (-1, 0, 39, 40)] == [0, 1, 1, 2]


def test_kept_tissue_is_drawn_at_the_simulated_volume_about_one_point() -> None:
    shown = shown_box(result=grown_result(end=2.0))
    before, after = (actor(scene_at(shown, day=d), "liver", "S2/0") for d in (0, 30))
    growth = scene_at(shown, day=30).readout.growth
    assert growth.volume == pytest.approx(1.5)
    assert growth.length == pytest.approx(1.5 ** (1 / 3))
    centre = np.array(growth.centre_mm)
    assert after.points == pytest.approx(centre + growth.length * (before.points - centre))
    # The shape itself is the same object: it is uploaded to the graphics card once.
    assert after.shape is before.shape


def test_what_goes_later_and_is_not_simulated_stays_as_imaged() -> None:
    shown = shown_box(result=grown_result(end=2.0))
    assert actor(scene_at(shown, day=30), "liver", "S6/2").place == STILL
    wall = actor(scene_at(shown, day=30), "cut_surface", "cut 0|2")
    assert wall.place.scale > 1.1, "a cut surface belongs to what stays"


def test_on_the_images_nothing_moves_and_without_a_result_nothing_grows() -> None:
    for built in (scene_at(shown_box(result=grown_result())), scene_at(shown_box(), day=40)):
        assert all(a.place.is_identity for a in built.actors)
    assert scene_at(shown_box(), day=40).readout.lines() == (
        "day 40 · growth not simulated: drawn as imaged",
    )


def test_the_readout_says_what_was_simulated_and_that_no_shape_is_predicted() -> None:
    lines = scene_at(shown_box(result=grown_result(100.0)), day=30).readout.lines()
    assert lines[0] == "day 30 · FLR 150 mL (135 mL to 165 mL) · sFLR 30.0 %"
    assert lines[1] == "≥ 30 % sFLR (vauthey2002) in 50 % of draws"
    assert lines[2].startswith("kept tissue drawn at 1.50 × its imaged volume about the middle of the border")
    assert lines[2].endswith("shape not predicted")


def test_the_legend_counts_the_images_on_every_day() -> None:
    shown = shown_box(result=grown_result())
    ml = [next(e.ml for e in scene_at(shown, day=d).legend if e.stage == 0) for d in (None, 0, 30, 60)]
    assert len(set(ml)) == 1


def test_a_lesion_has_its_simulated_diameter_about_its_own_centre() -> None:
    shown = shown_box(result=grown_result(end=1.0, lesion_end=1.6))
    imaged, grown = (actor(scene_at(shown, day=d), "lesion", "L1") for d in (-10, 30))
    assert np.ptp(grown.points, axis=0) == pytest.approx(1.3 * np.ptp(imaged.points, axis=0))
    assert grown.points.mean(axis=0) == pytest.approx(imaged.points.mean(axis=0), abs=0.2)
    (now,) = [x for x in scene_at(shown, day=30).readout.lesions if x.name == "L1"]
    assert now.diameter_mm.median == pytest.approx(1.3 * LESION_MM)
    # A margin of 8 mm loses half of what the diameter gains.
    assert now.margin_mm == pytest.approx(8.0 - 0.5 * 0.3 * LESION_MM)


def test_a_margin_does_not_grow_when_a_lesion_shrinks_and_never_falls_below_zero() -> None:
    shrunk = shown_box(result=grown_result(lesion_end=0.5)).readout(30)
    assert [x.margin_mm for x in shrunk.lesions] == [8.0, 8.0]
    eaten = shown_box(result=grown_result(lesion_end=9.0)).readout(60)
    assert [x.margin_mm for x in eaten.lesions] == [0.0, 0.0]


def test_a_lesion_in_kept_tissue_moves_with_it_and_keeps_its_own_size() -> None:
    case, removed = box_case()
    removed[24:32, 4:14, 4:14] = 0
    shown = Shown(
        case,
        staged(case, removed, fate(case, "L1", "removed", 2), fate(case, "L2", "left", None, 0.5)),
        grown_result(),
    )
    first, last = (actor(scene_at(shown, day=d), "lesion", "L2") for d in (0, 60))
    assert np.ptp(last.points, axis=0) == pytest.approx(np.ptp(first.points, axis=0))
    growth = shown.growth(60)
    centre, about = np.array(case.lesion("L2").centre_mm), np.array(growth.centre_mm)
    assert last.place.on(centre) == pytest.approx(about + growth.length * (centre - about))


def test_the_rest_of_a_lesion_that_is_cut_through_stays_in_the_tissue_it_was_left_in() -> None:
    case, removed = box_case()
    removed[24:32, 4:14, 4:14] = 0
    removed[26:28, 8:12, 8:12] = 1
    cut = fate(case, "L1", "removed", 2), fate(case, "L2", "cut_through", None, 0.256)
    shown = Shown(case, staged(case, removed, *cut), grown_result(end=2.0, lesion_end=0.4))
    rest = actor(scene_at(shown, day=30), "lesion", "L2")
    middle = rest.shape.points.mean(axis=0)
    growth = shown.growth(30)
    about = np.array(growth.centre_mm)
    assert rest.points.mean(axis=0) == pytest.approx(about + growth.length * (middle - about))
    assert np.ptp(rest.points, axis=0) == pytest.approx(0.7 * np.ptp(rest.shape.points, axis=0))


def test_a_lesion_is_gone_after_the_operation_that_clears_it() -> None:
    shown = shown_box(result=grown_result())
    assert names(scene_at(shown, day=0), "lesion") == {"L1"}
    assert [x.there for x in shown.readout(0).lesions] == [True, False]


def test_a_closed_territory_is_hatched_from_its_day_on() -> None:
    shown = shown_box(result=grown_result(), occluded_from=14)
    assert scene_at(shown, day=13).of_kind("territory") == ()
    assert scene_at(shown).of_kind("territory") == ()
    (lines,) = scene_at(shown, day=14).of_kind("territory")
    assert (lines.segment, lines.colour, lines.faces.shape[1]) == ("S6", palette.TERRITORY, 2)
    entry = next(e for e in scene_at(shown, day=14).legend if e.colour == palette.TERRITORY)
    assert entry.text == "no portal inflow since day 14 (PVE): S6"
    assert scene_at(shown, day=40).of_kind("territory") == ()
    assert not any(e.colour == palette.TERRITORY for e in scene_at(shown, day=40).legend)


def test_hatching_lies_on_the_surface_at_even_distances() -> None:
    x, y = np.meshgrid(np.arange(0.0, 21.0, 2.0), np.arange(0.0, 5.0, 2.0), indexing="ij")
    points = np.column_stack([x.ravel(), y.ravel(), np.full(x.size, 3.0)])
    index = np.arange(x.size).reshape(x.shape)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], axis=-1).reshape(-1, 4)
    places, lines = display.contour_lines(points, display.as_triangles(quads), (1.0, 0.0, 0.0), 7.0)
    assert sorted(set(places[:, 0].round(9))) == [7.0, 14.0]
    assert (places[:, 2] == 3.0).all()
    length = np.linalg.norm(np.diff(places[lines], axis=1), axis=2).sum()
    assert length == pytest.approx(2 * 4.0)


@pytest.mark.parametrize(
    ("option", "kinds"),
    [
        ("liver", {"liver", "border"}),
        ("lesions", {"lesion"}),
        ("vessels", {"vessel"}),
        ("cut_surfaces", {"cut_surface", "cut_rim"}),
        ("territory", {"territory"}),
    ],
)
def test_each_option_hides_its_own_actors_and_no_others(option: str, kinds: set[str]) -> None:
    case, removed = box_case(vessels=(Vessel("portal_vein", "portal_vein", None, 0.72),), caudate=True)
    shown = Shown(case, staged(case, removed, occluded_from=-5), grown_result())
    all_kinds = {a.kind for a in scene_at(shown, day=-2).actors}
    assert kinds <= all_kinds
    hidden = scene_at(shown, day=-2, options=Options(**{option: False}))
    assert {a.kind for a in hidden.actors} == all_kinds - kinds


def test_labels_can_be_left_out_and_opacity_scales_translucent_tissue_only() -> None:
    shown = shown_box()
    bare = scene_at(shown, options=Options(labels=False))
    assert bare.labels == ()
    assert not any(c for c in bare.segment_labels(_front()))
    thin, full = scene_at(shown, options=Options(opacity=0.5)), scene_at(shown)
    for one, other in zip(thin.actors, full.actors, strict=True):
        want = 0.5 if one.kind in ("liver", "cut_surface", "specimen", "margin") else 1.0
        assert one.opacity == pytest.approx(want * other.opacity)


def _front():
    from flrsim.viewer.camera import CAMERAS

    return CAMERAS["anterior"]


def test_a_margin_shell_reaches_its_margin_beyond_the_lesion() -> None:
    shown = shown_box(result=grown_result(lesion_end=2.0))
    imaged = scene_at(shown, day=-10, options=Options(margins=True))
    lesion, shell = actor(imaged, "lesion", "L1"), actor(imaged, "margin", "margin L1")
    assert np.ptp(shell.points, axis=0) == pytest.approx(np.ptp(lesion.points, axis=0) + 10.0, abs=1.5)
    assert shell.label == "5 mm margin of L1"
    later = actor(scene_at(shown, day=30, options=Options(margins=True)), "margin", "margin L1")
    # The lesion grows by half; what is drawn around it is still 5 mm.
    assert later.place.scale == pytest.approx((1.5 * LESION_MM + 10) / (LESION_MM + 10))


def test_what_a_later_operation_cuts_out_of_a_kept_segment_moves_with_it() -> None:
    case, removed = box_case()
    removed[24:32, 4:14, 4:14] = 0
    removed[30:36, 4:14, 4:14] = 2
    shown = Shown(
        case,
        staged(case, removed, fate(case, "L1", "removed", 2), fate(case, "L2", "left", None)),
        grown_result(),
    )
    places = {a.name: a.place for a in scene_at(shown, day=30).of_kind("liver")}
    assert places["S2/2"] == places["S2/0"]
    assert places["S2/0"].scale > 1.1
    assert places["S6/2"] == STILL


def test_a_wedge_is_a_volume_until_its_day() -> None:
    case, _ = box_case()
    plan = Plan("wedge", (Step(5, Operate(wedge=("L2",), margin_mm=4.0)),))
    (carried,) = stage_plans(case, [plan], load_evidence())
    shown = Shown(case, carried)
    (wedge,) = scene_at(shown).of_kind("specimen")
    assert (wedge.name, wedge.stage, wedge.colour) == ("wedge L2", 1, palette.fate_colour(1))
    lesion = actor(scene_at(shown), "lesion", "L2")
    assert (np.ptp(wedge.points, axis=0) > np.ptp(lesion.points, axis=0) + 4.0).all()
    # It reaches the capsule, the near face of the box.
    gap = np.abs(wedge.points - lesion.points.mean(axis=0)).max(axis=0)
    assert gap.max() > 0.5 * np.ptp(lesion.points, axis=0).max() + 4.0
    assert len(scene_at(shown, day=4).of_kind("specimen")) == 1
    assert scene_at(shown, day=5).of_kind("specimen") == ()
    assert scene_at(shown, options=Options(specimens=False)).of_kind("specimen") == ()


def test_vessels_divide_into_what_moves_with_kept_tissue_and_the_rest() -> None:
    vessel = Vessel("portal_vein:left", "portal_vein", "left", 0.72)
    case, removed = box_case(vessels=(vessel,))
    removed[20:32, 4:20, 4:20] = 2
    shown = Shown(case, staged(case, removed), grown_result())
    assert len(scene_at(shown).of_kind("vessel")) == 1
    parts = scene_at(shown, day=30).of_kind("vessel")
    assert sorted(p.place.is_identity for p in parts) == [False, True] or shown.geometry.kept_segments == {
        "S2"
    }
    assert len(scene_at(shown, day=40).of_kind("vessel")) == 1


def test_one_frame_holds_the_course_until_its_last_step_and_later_days_add_to_it() -> None:
    shown = shown_box(result=grown_result(end=3.0))
    frames = [scene_at(shown, day=d).bounds_mm for d in (None, 0, 40)]
    for (low, high), (next_low, next_high) in pairwise(frames):
        assert np.array_equal(low, next_low)
        assert np.array_equal(high, next_high)
    low, high = frames[0]
    for a in scene_at(shown, day=40).actors:
        assert (a.points >= low - SMOOTH_MM).all()
        assert (a.points <= high + SMOOTH_MM).all()
    assert scene_at(shown, day=60).bounds_mm[1][0] > high[0]


def test_the_hilum_is_the_portal_bifurcation_where_the_branches_are_named() -> None:
    tubes = (
        Vessel("portal_vein:left", "portal_vein", "left", 0.7),
        Vessel("portal_vein:right", "portal_vein", "right", 0.5),
    )
    case, _ = box_case(vessels=tubes)
    # The right tube ends at voxel 17, the left begins at 24, both at 15 to 17 across.
    centre, name = hilum(case)
    assert name == "the portal bifurcation"
    assert centre == pytest.approx(case.grid.world(np.array([[20.5, 16.0, 16.0]]))[0].tolist())


def test_without_a_portal_tree_the_hilum_is_the_border_beside_the_caudate_lobe_or_its_middle() -> None:
    case, _ = box_case()
    centre, name = hilum(case)
    assert name == "the middle of the border of right and left liver"
    assert centre == pytest.approx(case.grid.world(np.array([[19.5, 11.5, 11.5]]))[0].tolist())
    with_caudate, _ = box_case(caudate=True)
    beside, name = hilum(with_caudate)
    assert name == "the border of right and left liver beside the caudate lobe"
    assert beside[1] > centre[1] + 5.0, "the caudate lobe of this box lies behind"


def test_a_day_outside_the_course_is_refused() -> None:
    with pytest.raises(
        DisplayError, match="day 61 lies outside the course, which runs from day -10 to day 60"
    ):
        scene_at(shown_box(result=grown_result()), day=61)


def test_plans_of_one_case_share_its_geometry_and_a_case_that_is_gone_leaves_none() -> None:
    from flrsim.viewer import geometry

    case, removed = box_case()
    one, two = Shown(case, staged(case, removed)), Shown(case)
    assert one.geometry.shared is two.geometry.shared is case_geometry(case)
    other, _ = box_case()
    assert case_geometry(other) is not case_geometry(case)
    key = id(other)
    del other
    assert key not in geometry._CASES


def test_another_day_makes_no_geometry_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = shown_box(result=grown_result(), occluded_from=14)
    options = Options(margins=True)
    before = {(a.kind, a.name): a.shape for a in scene_at(shown, day=20, options=options).actors}

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("geometry was made again")

    for name in ("mesh_from_labels", "surface_of_mask"):
        monkeypatch.setattr(f"flrsim.viewer.geometry.{name}", fail)
    after = {(a.kind, a.name): a.shape for a in scene_at(shown, day=30, options=options).actors}
    assert after == before


def test_a_place_is_its_matrix() -> None:
    place = Place.moving((1.0, 2.0, 3.0), (4.0, 2.0, 0.0), 1.5)
    points = np.array([[1.0, 2.0, 3.0], [0.0, -1.0, 5.0]])
    by_matrix = (place.matrix @ np.column_stack([points, np.ones(2)]).T).T[:, :3]
    assert place.on(points) == pytest.approx(by_matrix)
    assert place.on(points)[0] == pytest.approx([4.0, 2.0, 0.0])


def test_a_drawing_uploads_each_shape_once_and_hides_what_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    from flrsim.viewer import drawing

    vessel = Vessel("portal_vein:left", "portal_vein", "left", 0.72)
    case, removed = box_case(vessels=(vessel,))
    removed[20:32, 4:20, 4:20] = 2
    shown = Shown(case, staged(case, removed), grown_result())
    made: list[str] = []

    def add(_plotter: object, actor: object, _scale: float) -> SimpleNamespace:
        made.append(actor.name)  # type: ignore[attr-defined]
        return SimpleNamespace(prop=SimpleNamespace(), visibility=True)

    monkeypatch.setattr(drawing, "add_actor", add)
    drawn = drawing.SceneDrawing(None, 100.0)
    drawn.show(scene_at(shown, day=-1))
    first = len(made)
    assert first == len(scene_at(shown, day=-1).actors)
    drawn.show(scene_at(shown, day=30))
    assert set(made[first:]) <= {"portal_vein:left"}, "what is left of a vessel is a new shape, nothing else"
    seen = {drawn.actor_of(p).name for p in drawn.props("liver")}  # type: ignore[union-attr]
    assert seen == names(scene_at(shown, day=30), "liver")
    drawn.show(scene_at(shown, day=40))
    assert {drawn.actor_of(p).name for p in drawn.props("liver")} == {"S2/0"}  # type: ignore[union-attr]
