"""The scene as data: what is drawn where in which colour, on a box liver counted by hand."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from drawn_box import SHAPE, STAGE_DAYS, VOXEL_ML, box_case, fate, shown_box, staged

from flrsim.case import Vessel
from flrsim.report import palette
from flrsim.staging import Fate
from flrsim.viewer import display
from flrsim.viewer.camera import CAMERAS, ORIENTATION
from flrsim.viewer.layout import Rect
from flrsim.viewer.names import Box, spread_out
from flrsim.viewer.scene import Label, Scene, rgb, scene_at
from flrsim.viewer.shown import Options, Shown


def scene(after_stage: int = 0, *fates: Fate, removed: np.ndarray | None = None) -> Scene:
    return scene_at(
        shown_box(*fates, removed=removed), day=STAGE_DAYS[after_stage - 1] if after_stage else None
    )


def names(built: Scene, kind: str) -> set[str]:
    return {a.name for a in built.of_kind(kind)}


def test_each_segment_and_fate_is_one_actor_in_the_fate_colour() -> None:
    built = scene()
    assert names(built, "liver") == {"S6/2", "S2/0", "S2/1"}
    for actor in built.of_kind("liver"):
        assert actor.stage is not None
        r, g, b = rgb(actor.colour)
        want = rgb(palette.fate_colour(actor.stage))
        assert np.argsort((r, g, b)).tolist() == np.argsort(want).tolist()
        assert max(abs(x - y) for x, y in zip((r, g, b), want, strict=True)) < 0.15
    opacity = {a.stage: a.opacity for a in built.of_kind("liver")}
    assert opacity[0] > opacity[1] > opacity[2]


def test_the_skin_lies_where_the_segment_lies_in_lps() -> None:
    skin = {a.name: a.points for a in scene().of_kind("liver")}
    # S6 was put at small x: the patient's right is -x in LPS, the box spans x from -33 to -1 mm there.
    assert skin["S6/2"][:, 0].min() == pytest.approx(-33.0, abs=1.0)
    assert skin["S6/2"][:, 0].max() == pytest.approx(-1.0, abs=1.0)
    assert skin["S2/0"][:, 0].max() == pytest.approx(31.0, abs=1.0)


def test_cut_surfaces_lie_between_fates_and_belong_to_what_stays_longest() -> None:
    built = scene()
    assert names(built, "cut_surface") == {"cut 0|1", "cut 0|2"}
    wall = next(a for a in built.actors if a.name == "cut 0|2")
    assert wall.colour == palette.fate_colour(2), "before the operation it is the deep face of the specimen"
    bare = next(a for a in scene(2).actors if a.name == "cut 0|2")
    assert bare.colour == palette.CAVITY
    assert bare.opacity > wall.opacity
    assert np.abs(wall.points[:, 0] + 1.0).max() < 1.0
    rim = next(a for a in built.actors if a.name == "rim 0|2")
    # The rim runs around the 32 mm square between S6 and S2; smoothing rounds its corners.
    length = np.linalg.norm(np.diff(rim.points[rim.faces], axis=1), axis=2).sum()
    assert 0.9 * 4 * 32 < length <= 4 * 32
    assert rim.colour == palette.RIM


def test_later_stage_keeps_the_wall_between_two_stages() -> None:
    _, removed = box_case()
    removed[20:36, 4:20, 4:20] = 1
    built = scene(removed=removed)
    (wall,) = built.of_kind("cut_surface")
    assert (wall.name, wall.colour) == ("cut 2|1", palette.fate_colour(1))


def test_removed_tissue_is_not_drawn_after_its_stage() -> None:
    after = scene(1)
    assert names(after, "liver") == {"S6/2", "S2/0"}
    assert names(after, "lesion") == {"L1"}
    assert {label.text for label in after.labels} == {"L1"}
    assert "cut 0|1" in names(after, "cut_surface"), "the wound of stage 1 stays to be seen"
    last = scene(2)
    assert names(last, "liver") == {"S2/0"}
    assert names(last, "lesion") == set()


def test_all_stages_share_one_frame() -> None:
    first = scene().bounds_mm
    for built in (scene(), scene(2)):
        low, high = built.bounds_mm
        assert np.array_equal(built.bounds_mm, first)
        # The box, and what smoothing for display moves beyond it: less than half a voxel.
        assert low == pytest.approx([-33.0, -23.0, 107.0], abs=0.5)
        assert high == pytest.approx([31.0, 9.0, 139.0], abs=0.5)
        assert all((a.points >= low).all() and (a.points <= high).all() for a in built.actors)


def test_lesions_wear_the_colour_of_the_stage_that_clears_them() -> None:
    colours = {a.name: a.colour for a in scene().of_kind("lesion")}
    assert colours == {"L1": palette.fate_ink(2), "L2": palette.fate_ink(1)}


@pytest.mark.parametrize("what", ["left", "cut_through"])
def test_a_lesion_that_is_not_cleared_is_loud(what: str) -> None:
    case, _ = box_case()
    built = scene(0, fate(case, "L1", "removed", 2), fate(case, "L2", what, None, 0.3))
    colours = {a.name: a.colour for a in built.of_kind("lesion")}
    assert colours == {"L1": palette.fate_ink(2), "L2": palette.LOUD}
    label = next(label for label in built.labels if label.text == "L2")
    assert label.colour == palette.LOUD
    # A cube of 8 mm: its corners, rounded by smoothing, lie 6.9 mm from the middle.
    assert 4.0 < label.reach_mm < 6.93
    entry = next(e for e in built.legend if e.colour == palette.LOUD)
    assert entry.text == "stays of a lesion left or cut through: L2"
    assert entry.ml == 0.3


def test_a_lesion_nobody_judged_is_loud() -> None:
    built = scene_at(Shown(box_case()[0]))
    assert {a.colour for a in built.of_kind("lesion")} == {palette.LOUD}


def test_only_the_rest_of_a_cut_lesion_is_drawn_afterwards() -> None:
    case, removed = box_case()
    removed[24:32, 4:14, 4:14] = 0
    removed[26:28, 8:12, 8:12] = 1
    cut = fate(case, "L1", "removed", 2), fate(case, "L2", "cut_through", None, 0.256)
    whole = scene(0, *cut, removed=removed).of_kind("lesion")[1]
    rest = scene(1, *cut, removed=removed).of_kind("lesion")[1]
    # Voxels 28 and 29 stay: x from 15 to 19 mm.
    assert np.ptp(whole.points[:, 0]) > 1.5 * np.ptp(rest.points[:, 0])
    assert rest.points[:, 0].min() > 14.0
    assert rest.colour == palette.LOUD


def test_the_legend_counts_voxels_of_the_case() -> None:
    built = scene()
    ml = {e.stage: e.ml for e in built.legend if e.stage is not None}
    # Stage 2 takes S6, 16³ voxels; stage 1 8 x 10 x 10 of S2; the rest of S2 stays, without lesion.
    assert ml == {
        0: pytest.approx((16**3 - 800) * VOXEL_ML),
        1: pytest.approx(800 * VOXEL_ML),
        2: pytest.approx(16**3 * VOXEL_ML),
    }


def test_parenchyma_that_stays_excludes_lesions_left_behind() -> None:
    built = scene(removed=np.zeros(SHAPE, np.int16))
    (stays,) = [e for e in built.legend if e.stage == 0]
    assert stays.ml == pytest.approx((2 * 16**3 - 2 * 64) * VOXEL_ML)


def test_the_legend_does_not_move_when_display_is_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    fine = [(e.text, e.ml) for e in scene().legend]
    monkeypatch.setattr(display.thinned, "__kwdefaults__", {"limit": 500})
    coarse = scene()
    assert [(e.text, e.ml) for e in coarse.legend] == fine
    assert sum(len(a.faces) for a in coarse.of_kind("liver")) < 600


def test_thinning_keeps_the_place_and_respects_the_limit() -> None:
    labels = np.zeros((60, 60, 30), np.uint16)
    labels[10:50, 10:50, 5:25] = 1
    affine = np.diag([0.5, 0.5, 1.0, 1.0])
    affine[:3, 3] = (7.0, 8.0, 9.0)
    coarse, moved = display.thinned(labels, affine, limit=4000)
    assert display.wall_triangles(coarse) <= 4000 < display.wall_triangles(labels)
    spacing = np.diag(moved)[:3]
    assert spacing[0] == spacing[1] > 0.5
    for fine, a, thin, b in ((labels, affine, coarse, moved),):
        before = np.argwhere(fine).mean(axis=0) @ a[:3, :3].T + a[:3, 3]
        after = np.argwhere(thin).mean(axis=0) @ b[:3, :3].T + b[:3, 3]
        assert np.abs(before - after).max() < spacing.max()
    same, untouched = display.thinned(labels, affine, limit=10**6)
    assert same is labels
    assert np.array_equal(untouched, affine)


def test_vessels_are_never_drawn_when_not_supplied() -> None:
    built = scene()
    assert built.of_kind("vessel") == ()
    assert built.banners == ("vessels not supplied",)


def test_supplied_vessels_are_drawn_and_the_missing_tree_is_named() -> None:
    case, removed = box_case(vessels=(Vessel("portal_vein", "portal_vein", None, 0.72),))
    built = scene_at(Shown(case, staged(case, removed)))
    (portal,) = built.of_kind("vessel")
    assert (portal.colour, portal.opacity) == (palette.PORTAL_VEIN, 1.0)
    assert built.banners == ("hepatic vein not supplied",)
    assert any(e.colour == palette.PORTAL_VEIN for e in built.legend)


def test_crumbs_that_a_cut_leaves_of_a_vessel_are_not_drawn_and_larger_rests_are() -> None:
    vessel = Vessel("portal_vein:S2", "portal_vein", "S2", 0.72)
    case, removed = box_case(vessels=(vessel,))
    tube = case.grid.regions == 5
    for kept, drawn in ((0, False), (1, False), (2, True)):
        # One voxel is 0.008 mL, less than what counts as a vessel; two that touch are more.
        gone = np.where(tube, 1, removed).astype(np.int16)
        gone[tuple(np.argwhere(tube)[:kept].T)] = 0
        shown = Shown(case, staged(case, gone))
        after = scene_at(shown, day=STAGE_DAYS[0])
        assert bool(after.of_kind("vessel")) is drawn
        before = scene_at(shown)
        assert len(before.of_kind("vessel")) == 1


def test_segments_are_named_where_they_are_seen() -> None:
    built = scene()
    labels, hidden = built.segment_labels(CAMERAS["anterior"])
    assert hidden == ()
    place = {label.text: label.position for label in labels}
    assert place["S6"][0] < -8.0 < 8.0 < place["S2"][0]
    # Seen from the patient's side only one of the two is in sight.
    from flrsim.viewer.camera import Camera

    labels, hidden = built.segment_labels(Camera("right", "", (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)))
    assert [label.text for label in labels] == ["S6"]
    assert hidden == ("S2",)


def test_cameras_show_the_patient_as_scans_do() -> None:
    def at_right(view: str) -> str:
        return next(k for k, v in ORIENTATION.items() if np.allclose(v, CAMERAS[view].right))

    def on_top(view: str) -> str:
        return next(k for k, v in ORIENTATION.items() if np.allclose(v, CAMERAS[view].up))

    assert (at_right("anterior"), on_top("anterior")) == ("L", "S")
    assert (at_right("inferior"), on_top("inferior")) == ("L", "A")
    assert (at_right("posterior"), on_top("posterior")) == ("R", "S")


def test_names_do_not_overlap_and_stay_in_the_picture() -> None:
    rng = np.random.default_rng(3)
    boxes = [
        Box(Label(f"L{i}", (0.0, 0.0, 0.0), "lesion", "#000000"), float(x), float(y), 20.0, 12.0, (0.0, 0.0))
        for i, (x, y) in enumerate(rng.normal((300.0, 200.0), 15.0, (12, 2)))
    ]
    boxes[1].x, boxes[1].y = boxes[0].x, boxes[0].y
    done = spread_out(boxes, Rect(0.0, 0.0, 600.0, 400.0))
    for i, a in enumerate(done):
        assert 20.0 <= a.x <= 580.0
        assert 12.0 <= a.y <= 388.0
        for b in done[i + 1 :]:
            assert abs(a.x - b.x) > 39.9 or abs(a.y - b.y) > 23.9


def test_smoothing_keeps_a_flat_wall_flat_and_rounds_a_staircase() -> None:
    grid = np.arange(49).reshape(7, 7)
    quads = np.stack([grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]], axis=-1).reshape(-1, 4)
    x, y = np.meshgrid(np.arange(7.0), np.arange(7.0), indexing="ij")
    flat = np.column_stack([x.ravel(), y.ravel(), np.full(49, 5.0)])
    assert np.abs(display.smoothed(flat, quads)[:, 2] - 5.0).max() < 1e-12
    rough = flat + np.array([0.0, 0.0, 0.5]) * (np.arange(49) % 2)[:, None]
    assert np.std(display.smoothed(rough, quads)[:, 2]) < 0.2 * np.std(rough[:, 2])


def test_a_rim_of_steps_is_drawn_as_the_curve_it_steps_along_and_what_lies_beside_it_follows() -> None:
    # A circle of 40 mm, stepped as voxels of 2 mm step; and points 3, 6 and 30 mm off its first point.
    angle = np.linspace(0.0, 2 * np.pi, 126, endpoint=False)
    circle = 40.0 * np.column_stack([np.cos(angle), np.sin(angle), np.zeros(126)])
    steps = 2.0 * np.round(circle / 2.0) + np.array([0.0, 0.0, 1.0]) * (np.arange(126) % 3 == 0)[:, None]
    beside = steps[0] + np.array([[0.0, 0.0, 3.0], [0.0, 0.0, 6.0], [0.0, 0.0, 30.0]])
    points = np.vstack([steps, beside])
    ring = np.column_stack([np.arange(126), np.roll(np.arange(126), -1)])
    smooth = display.with_smooth_lines(points, ring, over_mm=4.0, reach_mm=12.0)

    def off(line: np.ndarray) -> float:
        """Return how much the distance from the middle, and the height, change from point to point."""
        radius = np.linalg.norm(line[:, :2], axis=1)
        return float(np.abs(np.diff(radius)).mean() + np.abs(np.diff(line[:, 2])).mean())

    assert off(smooth[:126]) < 0.1 * off(points[:126])
    # An average over 4 mm makes a circle of 40 mm smaller by the factor exp(-(4 / 40)² / 2).
    radius = np.linalg.norm(smooth[:126, :2], axis=1).mean()
    assert radius == pytest.approx(np.linalg.norm(points[:126, :2], axis=1).mean() * np.exp(-0.005), rel=0.01)
    moved = np.linalg.norm(smooth - points, axis=1)
    first = moved[0]
    assert first * 0.5 < moved[126] < first
    assert 0 < moved[127] < moved[126]
    assert moved[128] == 0.0
    assert np.array_equal(
        display.with_smooth_lines(points, np.zeros((0, 2), np.int64), over_mm=4.0, reach_mm=12.0), points
    )


def test_rim_wall_and_skin_still_meet() -> None:
    geometry = shown_box().geometry
    skin = {tuple(p) for s in geometry.skins for p in s.shape.points}
    assert geometry.walls
    for wall in geometry.walls:
        rim = {tuple(p) for p in wall.rim.points}
        assert rim
        assert rim <= {tuple(p) for p in wall.shape.points}
        outer = len(rim & skin) / len(rim)
        assert outer > 0.5, "a rim runs along the skin, but where it turns inside"


def test_rims_and_borders_of_a_known_sheet() -> None:
    grid = np.arange(12).reshape(3, 4)
    quads = np.stack([grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]], axis=-1).reshape(-1, 4)
    assert len(display.rim_edges(quads)) == 2 * (2 + 3)
    group = np.array([0, 0, 1, 0, 0, 1])
    assert sorted(map(tuple, display.border_edges(quads, group))) == [(2, 6), (6, 10)]


def test_the_scene_needs_no_drawing_library() -> None:
    code = (
        "import sys, flrsim.viewer.scene; "
        "raise SystemExit(bool({'vtk', 'vtkmodules', 'pyvista', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_segment_is_named_through_a_cavity_in_front_of_it() -> None:
    # A wedge from the front, 12 mm short of S1, whose skin at the back is all the skin that a front view meets there.
    case, removed = box_case(caudate=True)
    removed[:] = 0
    removed[16:24, 4:14, 6:18] = 1
    shown = Shown(case, staged(case, removed))
    for day, wall in ((None, "covered"), (0, "bare")):
        built = scene_at(shown, day=day)
        labels, hidden = built.segment_labels(CAMERAS["anterior"])
        assert (sorted(w.text for w in labels), hidden) == (["S2", "S6"], ("S1",)), wall
    # Without its wall one looks through the hollow onto the inside of what lies behind.
    bare = scene_at(shown, day=0, options=Options(cut_surfaces=False))
    assert "S1" in {w.text for w in bare.segment_labels(CAMERAS["anterior"])[0]}
