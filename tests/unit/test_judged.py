"""What stands beside a picture of a judged plan: verdict, binding rule on its own denominator, tissue without vessels."""

from __future__ import annotations

from dataclasses import replace

import pytest
from drawn_box import box_case, grown_result, shown_box, staged

from flrsim.evidence import MEASURED_LIVER
from flrsim.report import palette
from flrsim.results import CreditedFlr, LosingTissue, PerfusionResult, PlanResult
from flrsim.viewer.camera import CAMERAS
from flrsim.viewer.desktop.words import head
from flrsim.viewer.layout import GREY, layout_of
from flrsim.viewer.scene import scene_at
from flrsim.viewer.shown import Shown


def judged(result: PlanResult) -> Shown:
    return replace(shown_box(result=result), draws=10_000)


def of_functional_liver() -> PlanResult:
    """A plan held against 100 mL of 250 mL functional liver, where the formula says 285 mL."""
    result = grown_result(100.0)
    rule = replace(
        result.rules[0], formula=MEASURED_LIVER, threshold=0.4, quantity="FLR / functional liver",
        population="cirrhosis",
    )  # fmt: skip
    return replace(result, rules=(rule, *result.rules[1:]), flr_fraction=100 / 250, sflr=100 / 285)


def losing(result: PlanResult, credited: tuple[CreditedFlr, ...] = ()) -> PlanResult:
    lost = PerfusionResult({}, {}, 60.0, {"S4": 59.5, "S3": 0.5}, (), credited, ())
    return replace(result, perfusion=lost)


def operated_on(*losing: LosingTissue) -> Shown:
    lost = PerfusionResult({}, {}, sum(x.ml for x in losing), {}, (), (), (), losing)
    return judged(replace(grown_result(), perfusion=lost))


def hatched(shown: Shown, day: int | None) -> set[tuple[str | None, int | None]]:
    drawn = scene_at(shown, day=day).of_kind("lost")
    assert {a.colour for a in drawn} <= {palette.LOST}
    return {(a.segment, a.stage) for a in drawn}


def said_lost(shown: Shown, day: int | None) -> list[str]:
    return [e.text for e in scene_at(shown, day=day).legend if e.colour == palette.LOST]


def test_a_rule_on_sflr_is_named_with_its_formula_and_the_draws() -> None:
    shown = judged(grown_result(100.0))
    assert shown.readout(30).asked == "≥ 30 % sFLR (vauthey2002) in 50 % of 10,000 draws"
    assert shown.readout(None).asked == "rule: ≥ 30 % sFLR (vauthey2002)"
    assert shown.readout(30).share == shown.readout(30).sflr


def test_a_rule_on_another_share_never_stands_beside_sflr() -> None:
    shown = judged(of_functional_liver())
    now = shown.readout(30)
    assert now.share is not None
    assert now.sflr is not None
    # sFLR 30 % of 285 mL over 250 mL.
    assert now.share.median == pytest.approx(0.30 * 285 / 250)
    assert now.share.p10 == pytest.approx(0.27 * 285 / 250)
    assert now.lines()[0].endswith("FLR / functional liver 34.2 %")
    assert now.lines()[1] == "≥ 40 % FLR / functional liver in 50 % of 10,000 draws"
    assert not any("sFLR" in line for line in now.lines())
    text = head(shown, now).split("\n")
    assert "sFLR 30.0 %  (27.0 % to 33.0 %)" in text
    assert "FLR / functional liver 34.2 %  (30.8 % to 37.6 %)" in text
    assert shown.rule is not None
    assert shown.rule.shares([0.2, 0.4]) == pytest.approx([0.228, 0.456])


def test_without_a_rule_nothing_is_asked() -> None:
    shown = judged(replace(grown_result(), rules=()))
    assert shown.rule is None
    assert shown.readout(30).asked == ""
    assert shown.readout(30).lines()[0].endswith("sFLR 30.0 %")


@pytest.mark.parametrize("verdict", palette.VERDICT_COLOURS)
def test_the_verdict_stands_under_the_title_in_its_colour_and_in_one_size(verdict: str) -> None:
    why = "vessels were not supplied " * 20
    for day in (None, 30):
        scene = scene_at(judged(replace(grown_result(), verdict=verdict, blocking=why)), day=day)
        words = layout_of(scene, CAMERAS["anterior"], (1200, 700), 200).words
        title, word, reason = [w for w in words if w.kind != "banner"][:3]
        assert (title.kind, word.kind, reason.kind) == ("title", "verdict", "blocking")
        assert word.text.lower().startswith(verdict.split("_")[0][:4])
        assert word.colour == reason.colour == palette.VERDICT_COLOURS[verdict]
        assert word.size == pytest.approx(22.0)
        assert word.bold
        assert reason.size > 15


@pytest.mark.parametrize("size", [(1200, 700), (640, 400)])
def test_what_stands_in_the_way_is_never_cut_off_where_four_rows_hold_it(size: tuple[int, int]) -> None:
    why = "583 mL of what stays loses its inflow; without it sFLR 28 % against 30 %, short by 33 mL (rule met in 4 % of draws)"
    for said in (why, f"{why}; with it sFLR 84 %, 770 mL above"):
        scene = scene_at(judged(replace(grown_result(), blocking=said)))
        words = layout_of(scene, CAMERAS["anterior"], size, 200).words
        rows = [w for w in words if w.kind == "blocking"]
        assert " ".join(w.text for w in rows) == said
        assert all(w.box.right <= size[0] for w in words)
        assert not any(a.box.overlaps(b.box) for a in rows for b in words if a is not b)
    scene = scene_at(judged(replace(grown_result(), blocking=why * 9)))
    rows = [w for w in layout_of(scene, CAMERAS["anterior"], size, 200).words if w.kind == "blocking"]
    assert len(rows) == 4
    assert rows[-1].text.endswith("…")


def test_what_has_grown_since_the_last_operation_answers_no_rule() -> None:
    shown = judged(grown_result(100.0))
    last = shown.operation_days[-1]
    assert shown.readout(last).asked.endswith("of 10,000 draws")
    after = shown.readout(last + 1)
    said = "≥ 30 % sFLR (vauthey2002) was asked before the last operation, not of what has grown since"
    assert after.asked == said
    assert said in after.lines()
    assert said in head(shown, after)
    assert not any("draws" in line for line in after.lines())


def test_what_loses_its_vessels_is_said_on_every_day_and_keeps_the_frame() -> None:
    none = CreditedFlr(0.0, 40.0, 0.12, 0.24, 0.1, 0.2)
    shown = judged(losing(grown_result(100.0), (none, replace(none, credit=0.5, sflr=0.2))))
    said = "60 mL of what stays (S4) loses inflow or outflow in the end; sFLR without it 12 % now, 24 % at resection"
    rooms = set()
    for day in (None, 0, 30, 40):
        scene = scene_at(shown, day=day)
        layout = layout_of(scene, CAMERAS["anterior"], (1200, 700), 200)
        rooms.add(layout.room)
        assert [w.colour for w in layout.words if w.text == said] == [GREY]
        assert said in head(shown, scene.readout)
    assert len(rooms) == 1
    met = replace(shown.result.rules[0], binding=True, value=0.31, value_without=0.24)
    for rule, loud in (
        (met, True),
        (replace(met, value=0.29), False),
        (replace(met, value_without=0.30), False),
        (replace(met, binding=False), False),
    ):
        decides = judged(replace(losing(grown_result(100.0), (none,)), rules=(rule,)))
        words = layout_of(scene_at(decides), CAMERAS["anterior"], (1200, 700), 200).words
        (line,) = [w for w in words if w.text == decides.readout(None).vessels_lost]
        assert (line.colour == palette.LOUD) == loud
    other = losing(of_functional_liver(), (replace(none, sflr_at_resection=None),))
    assert judged(other).readout(None).vessels_lost.endswith("FLR / functional liver without it 14 %")
    few = replace(grown_result(), perfusion=PerfusionResult({}, {}, 0.4, {"S4": 0.4}, (), (), ()))
    assert judged(few).readout(None).vessels_lost == ""


@pytest.mark.parametrize(("ml", "marked"), [(20.0, True), (5.0, False)])
def test_only_a_segment_that_mostly_loses_its_vessels_is_hatched(ml: float, marked: bool) -> None:
    # 24 to 27 mL of S2 stay; S6 goes whole, and what is said of it marks nothing.
    shown = operated_on(LosingTissue("S2", ml, 2, None), LosingTissue("S6", 0.0, 2, None))
    for day, due in ((None, marked), (0, False), (39, False), (40, marked)):
        assert hatched(shown, day) == ({("S2", 0)} if due else set()), day
        when = "will lose inflow or outflow" if day is None else "no inflow or no outflow since day 40"
        assert said_lost(shown, day) == ([f"{when}: S2 20 mL"] if due else []), day


def test_it_is_hatched_from_the_operation_on_that_takes_its_vessel() -> None:
    # The first operation takes the vessel of 20 of 24 to 27 mL of S2, the second that of 2 mL more.
    shown = operated_on(LosingTissue("S2", 2.0, 2, None), LosingTissue("S2", 20.0, 1, None))
    for day, ml in ((None, 22), (-1, None), (0, 20), (39, 20), (40, 22)):
        assert hatched(shown, day) == (set() if ml is None else {("S2", 0)}), day
        when = "will lose inflow or outflow" if day is None else "no inflow or no outflow since day 0"
        assert said_lost(shown, day) == ([] if ml is None else [f"{when}: S2 {ml} mL"]), day


def test_what_mostly_loses_its_vessels_only_by_two_operations_is_hatched_from_the_second_on() -> None:
    shown = operated_on(LosingTissue("S2", 8.0, 1, None), LosingTissue("S2", 8.0, 2, None))
    assert [hatched(shown, day) for day in (0, 39, 40)] == [set(), set(), {("S2", 0)}]
    assert said_lost(shown, 40) == ["no inflow or no outflow since day 40: S2 16 mL"]


def test_what_goes_later_is_hatched_until_it_goes_and_not_told_as_closed_too() -> None:
    case, removed = box_case()
    shown = operated_on(LosingTissue("S6", 25.0, 1, 2))
    shown = replace(shown, staged=staged(case, removed, occluded_from=14), case=case)
    for day, due in ((None, False), (-1, False), (0, True), (20, True), (40, False)):
        assert hatched(shown, day) == ({("S6", 2)} if due else set()), day
        assert said_lost(shown, day) == (["no inflow or no outflow since day 0: S6 25 mL"] if due else []), (
            day
        )
        assert not scene_at(shown, day=day).of_kind("territory"), day
        assert not any("PVE" in e.text for e in scene_at(shown, day=day).legend), day


def test_the_legends_mark_is_hatched_as_what_it_stands_for_and_every_stop_has_one_place() -> None:
    assert [palette.swatch(c).count("gradient") for c in (palette.LOUD, palette.TERRITORY, palette.LOST)] == [
        0,
        1,
        2,
    ]
    assert palette.swatch(palette.LOUD) == palette.LOUD
    for colour in (palette.TERRITORY, palette.LOST):
        inside = palette.swatch(colour).replace("), ", ")\n").splitlines()
        for gradient in inside:
            _, *stops = gradient.removesuffix(")").split(", ")
            assert [len(stop.split()) for stop in stops] == [2] * 4


def test_a_cavity_is_named_once_it_is_there_and_drawn_in_the_colour_of_its_name() -> None:
    shown = judged(grown_result())
    for day, there in ((None, False), (-1, False), (0, True), (40, True)):
        scene = scene_at(shown, day=day)
        named = [e.colour for e in scene.legend if "cavity" in e.text]
        drawn = {a.colour for a in scene.of_kind("cut_surface") if a.colour == palette.CAVITY}
        assert named == ([palette.CAVITY] if there else []), day
        assert bool(drawn) == there, day
