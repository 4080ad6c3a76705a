"""The window's state and words as data: what a key does, what is read of a lesion, what a trial cut takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn_box import VOXEL_ML, box_case, fate, grown_result, shown_box, staged

from flrsim.resection.plane import Plane
from flrsim.results import LesionVolume, NearestVessel
from flrsim.viewer.desktop.state import TOGGLES, Picked, ViewState
from flrsim.viewer.desktop.tools import Trial
from flrsim.viewer.desktop.words import KEYS, foot, head, help_text, picked_text, taken_text, wrapped
from flrsim.viewer.movie import course_days
from flrsim.viewer.shown import Shown


def state(n: int = 2) -> ViewState:
    return ViewState([shown_box(result=grown_result(), occluded_from=14) for _ in range(n)])


def test_the_day_is_held_within_the_course() -> None:
    view = state()
    assert view.days == (-10, 60)
    for asked, shown in ((0, 0), (99, 60), (-99, -10)):
        view.set_day(asked)
        assert view.day == shown
    view.set_day(None)
    view.step_day(1)
    assert view.day == -10
    view.step_day(3)
    assert view.day == -7


def test_stages_are_stepped_through_and_back_to_the_images() -> None:
    view = state()
    # Stage 1 on day 0, embolization on day 14, scan on day 24, stage 2 on day 40.
    assert view.stops == (None, 0, 14, 24, 40)
    seen = []
    for _ in range(6):
        view.step_stage(1)
        seen.append(view.day)
    assert seen == [0, 14, 24, 40, 40, 40]
    seen = []
    for _ in range(5):
        view.step_stage(-1)
        seen.append(view.day)
    assert seen == [24, 14, 0, None, None]
    view.set_day(20)
    view.step_stage(1)
    assert view.day == 24
    view.set_day(20)
    view.step_stage(-1)
    assert view.day == 14
    view.set_day(55)
    view.step_stage(-1)
    assert view.day == 40


def test_plans_are_switched_and_never_compared_with_themselves() -> None:
    view = state(3)
    view.step_plan(1)
    assert view.plan == 1
    view.toggle_compare()
    assert view.other == 2
    view.set_plan(2)
    assert (view.plan, view.other) == (2, 1)
    view.step_plan(1)
    assert (view.plan, view.other) == (0, 1)
    view.toggle_compare()
    assert view.other is None
    alone = state(1)
    alone.toggle_compare()
    assert alone.other is None
    assert alone.message == "there is no second plan to compare with"


@pytest.mark.parametrize("option", TOGGLES)
def test_each_option_is_switched_alone(option: str) -> None:
    view = state()
    before = view.options
    view.toggle(option)
    changed = {name for name in TOGGLES if getattr(view.options, name) != getattr(before, name)}
    assert changed == {option}
    view.toggle(option)
    assert view.options == before


def test_listeners_hear_of_every_change_once() -> None:
    view, heard = state(), []
    view.listeners.append(lambda: heard.append(view.day))
    view.set_day(5)
    view.set_opacity(0.4)
    view.pick("lesion", "L1")
    view.set_cut(Plane((0.0, 0.0, 0.0), (1.0, 0.0, 0.0)))
    assert heard == [5, 5, 5, 5]
    with pytest.raises(ValueError, match="cannot be switched"):
        view.toggle("opacity")


def test_a_trial_wedge_needs_a_lesion_and_goes_with_it() -> None:
    view = state()
    view.set_margin(5.0)
    assert view.margin_mm is None
    assert "pick a lesion first" in foot(view)
    view.pick("lesion", "L1")
    view.set_margin(500.0)
    assert view.margin_mm == 30.0
    view.pick("segment", "S2")
    assert view.margin_mm is None


def test_the_head_says_day_volumes_rule_and_what_the_drawing_means() -> None:
    shown = shown_box(result=grown_result(100.0))
    text = head(shown, shown.readout(30))
    assert text.startswith("box plan\nday 30, after stage 1\nFLR 150 mL  (135 mL to 165 mL)\nsFLR 30.0 %")
    assert "≥ 30 % sFLR (vauthey2002) in 50 % of draws, chemotherapy > 12 weeks" in text
    assert text.endswith("shape not predicted")
    bare = Shown(box_case()[0])
    assert head(bare, bare.readout(None)) == "box\nthe plan, on the images\nvolumes not simulated"


def test_a_picked_lesion_says_size_margin_and_nearest_vessels_on_the_day() -> None:
    shown = shown_box(result=grown_result(lesion_end=1.6))
    facts = LesionVolume(
        "L1", 0.512, 0.0, 13.0, 11.0, (0.0, 0.0, 0.0), {"S6": 1.0},
        nearest_hepatic_vein=NearestVessel("right hepatic vein", 7.25, False, "name"),
        nearest_portal_pedicle=NearestVessel("S5|S6", 3.0, True, "border"),
    )  # fmt: skip
    text = picked_text(shown, 30, Picked("lesion", "L1"), facts)
    assert text.split("\n") == [
        "L1", "removed in stage 2", "0.51 mL on the images (day 0)", "14 mm across (13 mm to 16 mm) on day 30",
        "to the cut 6.4 mm on day 30, planned 5 mm", "to right hepatic vein 7.3 mm on the images",
        "to S5|S6 3 mm on the images (border, stands in)",
    ]  # fmt: skip


def test_a_lesion_that_is_cut_through_has_no_distance_to_the_cut() -> None:
    case, removed = box_case()
    cut = fate(case, "L1", "cut_through", None, 0.2)
    shown = Shown(case, staged(case, removed, cut, fate(case, "L2", "removed", 1)))
    assert "to the cut 0 mm: cut through" in picked_text(shown, None, Picked("lesion", "L1"), None)


def test_a_picked_segment_says_what_of_it_stays_and_goes() -> None:
    lines = picked_text(shown_box(), None, Picked("segment", "S2"), None).split("\n")
    assert lines[0] == "S2"
    assert lines[1] == "mL of the images (day 0):"
    assert lines[2] == "35 mL with all in it"  # 16³ voxels of 0.008 mL are 32.8 mL
    assert lines[-1] == "holds L2"
    assert any("stays" in line for line in lines)


def test_a_trial_plane_takes_what_lies_on_its_side_to_the_part_of_a_voxel() -> None:
    case, _ = box_case()
    trial = Trial(case)
    # x from -33 to 31 mm: a plane at 21.5 mm leaves 9.5 mm of S2 on the side its normal points to.
    taken = trial.plane(Plane((21.5, 0.0, 0.0), (1.0, 0.0, 0.0)))
    per_mm = 16 * 16 * VOXEL_ML / 2.0
    assert taken.taken_ml == pytest.approx(9.5 * per_mm)
    assert taken.left_ml + taken.taken_ml == pytest.approx(sum(case.parenchyma_ml.values()))
    assert taken.lesions_taken == taken.lesions_cut == ()
    # L2 lies between 11 and 19 mm.
    assert trial.plane(Plane((15.0, 0.0, 0.0), (1.0, 0.0, 0.0))).lesions_cut == ("L2",)
    assert trial.plane(Plane((0.0, 0.0, 0.0), (1.0, 0.0, 0.0))).lesions_taken == ("L2",)
    assert trial.plane(Plane((0.0, 0.0, 0.0), (-1.0, 0.0, 0.0))).lesions_taken == ("L1",)


def test_a_trial_wedge_is_the_wedge_of_a_plan() -> None:
    from flrsim.resection.wedge import wedge

    case, _ = box_case()
    taken, shape = Trial(case).wedge("L2", 4.0)
    inside = wedge(case.grid, case.lesion("L2"), 4.0)
    tissue = np.isin(case.grid.regions, case.grid.ids(kind="parenchyma"))
    assert taken.taken_ml == pytest.approx((inside & tissue).sum() * VOXEL_ML)
    assert taken.lesions_taken == ("L2",)
    low, high = shape.points.min(axis=0), shape.points.max(axis=0)
    assert ((low < case.lesion("L2").centre_mm) & (high > case.lesion("L2").centre_mm)).all()
    shown = Shown(replace(case, scan_day=-14), None, grown_result())
    lines = taken_text("trial wedge", taken, shown).split("\n")
    assert lines[:2] == ["trial wedge", "mL of the images (day -14):"]
    assert any("sFLR" in line for line in lines)
    assert lines[-2:] == ["takes L2", "a trial, not a plan"]


def test_measured_volumes_say_the_day_of_the_images_on_every_day() -> None:
    case, removed = box_case()
    shown = Shown(replace(case, scan_day=-14), staged(case, removed), grown_result(lesion_end=1.6))
    segment = [picked_text(shown, day, Picked("segment", "S2"), None) for day in (None, 30)]
    assert segment[0] == segment[1], "no volume of a segment is simulated"
    assert segment[0].split("\n")[1] == "mL of the images (day -14):"
    for day, said in ((None, "11 mm across"), (30, "14 mm across (13 mm to 16 mm) on day 30")):
        lines = picked_text(shown, day, Picked("lesion", "L1"), None).split("\n")
        assert lines[2] == "0.51 mL on the images (day -14)"
        assert lines[3] == said


def test_help_names_every_key_and_lines_are_wrapped() -> None:
    assert help_text().count("\n") == len(KEYS) - 1
    assert max(len(line) for line in wrapped(help_text(), 30).split("\n")) <= 30


def test_a_movie_shows_every_step_longer_and_runs_beyond_the_last() -> None:
    days = course_days(shown_box(result=grown_result(), occluded_from=14))
    assert days[0] == (None, 10)
    shown = dict(days)
    assert [shown[d] for d in (0, 24, 40)] == [10, 10, 10]
    assert shown[14] == 1
    assert days[-1] == (54, 10)
    assert [d for d, _ in days[1:]] == sorted({d for d, _ in days[1:] if d is not None})
