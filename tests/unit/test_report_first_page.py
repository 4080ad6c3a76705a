"""The first page of a plan: its order, its rows, what is left to do; whatever names a case brings."""

from __future__ import annotations

import dataclasses
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from typing import Any

import pytest
from comparison_fixture import comparison, fate, lesion, png, q, two_stage
from test_report import Page

from flrsim.report import ModelStage, ReportModel, ReportPicture, ShownPart, lesion_marks, render_html
from flrsim.report.bailout import bail_out_rows
from flrsim.report.facts import LESION_VESSEL, lesion_vessel_rows
from flrsim.report.firstpage import (
    calendar_rows,
    clipped,
    headline,
    leading_question,
    numbers,
    plan_b,
    risk_remark,
    risk_rows,
    staying,
    volume_rules,
)
from flrsim.report.plots.contacts import contacts_svg
from flrsim.report.plots.lesion_map import lesion_map_svg
from flrsim.report.plots.scatter import scatter_svg
from flrsim.report.plots.segments import fate_volumes, segments_svg
from flrsim.report.tables import axis_word, comparison_rows
from flrsim.results import (
    Comparison,
    CreditedFlr,
    DayQuantiles,
    Fallback,
    PerfusionResult,
    PlanDate,
    PlanResult,
    RemnantPart,
    SegmentVolume,
    StayingSegment,
)

NAMES = ("S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8")
ML = {"S1": 40.0, "S2": 150.0, "S3": 180.0, "S4": 250.0, "S5": 200.0, "S6": 170.0, "S7": 270.0, "S8": 380.0}
STOP = "no further operation: L1 stays, 80 mL of tumour"


def parts(*segments: str, **less: float) -> tuple[RemnantPart, ...]:
    ml = {s: ML[s] - less.get(s, 0.0) for s in segments}
    return (RemnantPart(sum(ml.values()), (0.0, 0.0, 0.0), ml),)


def staged() -> PlanResult:
    first, second = two_stage().stages
    return replace(
        two_stage(),
        name="two-stage",
        stages=(
            replace(first, remnant_parts=parts(*NAMES, S2=30.0)),
            replace(second, remnant_parts=parts("S1", "S2", "S3", S2=30.0)),
        ),
        lesions=(
            fate("L3", "removed", 1),
            fate("L2", "cut_through", None, left_ml=3.0),
            fate("L1", "removed", 2),
        ),
        lesions_left=("L2",),
        staying=(
            StayingSegment("S1", 38.0, "main", "kept", {"inferior vena cava": "not_supplied"}),
            StayingSegment("S2", 112.0, "S2", "lost", {"left": "kept"}),
            StayingSegment("S3", 170.0, "S3", "kept", {"middle": "lost", "left": "kept"}),
        ),
        dates=(
            PlanDate(-42, "last_dose", "FOLFOX"),
            PlanDate(-14, "images", "the images that this plan is drawn on"),
            PlanDate(0, "operate", "wedge L3 (5 mm margin)", 1),
            PlanDate(14, "occlude", "PVE of right + S4"),
            PlanDate(42, "scan", "scan"),
            PlanDate(45, "operate", "right trisectionectomy", 2),
        ),
        fallbacks=(
            Fallback("growth", 42, "wait", True, "wait and scan again"),
            Fallback("growth", 42, "hve", False, "HVE: no hepatic vein drains only what is occluded"),
            Fallback("growth", 42, "stop", True, STOP),
            Fallback("tumour", 45, "stop", True, STOP),
        ),
    )


def longer() -> PlanResult:
    *first, _ = staged().dates
    return replace(
        staged(),
        name="wait longer",
        dates=(*first, PlanDate(70, "scan", "scan"), PlanDate(77, "operate", "right trisectionectomy", 2)),
        verdict="borderline",
        resection_day=77,
    )


def case(*plans: PlanResult, **changes: Any) -> Comparison:
    values: dict[str, Any] = {
        "segments": tuple(SegmentVolume(n, ML[n], ML[n], 0.0, 0.0, ML[n] / 1640.0) for n in NAMES),
        "lesions": (
            lesion("L1", 80.0, {"S7": 0.6, "S6": 0.4}),
            lesion("L2", 4.0, {"S8": 1.0}),
            lesion("L3", 0.4, {"S2": 1.0}),
        ),
        "contacts_cm2": {"S1|S4": 12.0, "S7|S8": 64.0, "S4|S8": 60.0},
        "plans": plans or (staged(), longer()),
    }
    return replace(comparison(), **(values | changes))


def test_the_first_page_answers_in_the_order_in_which_a_board_asks() -> None:
    pictures = [
        ReportPicture("two-stage", 0, "seen from below", png(), "b", "inferior"),
        ReportPicture("two-stage", 0, "seen from the front", png(), "a", "anterior"),
        ReportPicture("two-stage", 1, "after the first", png(), "c"),
    ]
    text = render_html(case(), pictures)
    assert Page(text).tags.count("img") == 3
    start = text.index("First worry")
    order = (
        "First worry", "seen from the front", "seen from below", "What stays", "Lesions, uncleared first", "Is it enough",
        "Against each rule of volume", "Calendar", "Simulated risks", "Plan B", "Lesions and vessels",
        "under every denominator", "Bail-out", "Growth of the future liver remnant", "after the first",
    )  # fmt: skip
    places = [text.index(words, start) for words in order]
    assert places == sorted(places)
    assert text.index("First worry", start + 1) > places[-1], "one plan after the other"
    assert text.index("Plans side by side", start) > places[-1]


def test_the_headline_says_what_stays_what_goes_the_first_worry_and_the_date() -> None:
    head = headline(staged())
    assert head.stays == "S1, S2, S3: 240 ± 15 mL now, 350 (300–430) mL on day 45"
    assert head.goes == ("stage 1, day 0: wedge L3", "stage 2, day 45: right trisectionectomy")
    assert head.worry == staged().blocking
    assert head.date == "stage 2 on day 45, decided on day 42"


def test_without_anything_in_the_way_the_first_worry_is_what_nobody_supplied() -> None:
    assert headline(replace(staged(), blocking="")).worry == "portal vein was not supplied"
    assert headline(replace(staged(), blocking="", not_supplied=())).worry == "nothing in this model"


def test_the_leading_question_names_lesions_and_the_binding_rule() -> None:
    assert (
        leading_question(case())
        == "Can all 3 lesions be cleared, does what then stays reach sFLR of 30 %, and when?"
    )
    two = replace(case(), lesions=case().lesions[:2])
    assert leading_question(two).startswith("Can both lesions be cleared")
    none = replace(case(), lesions=())
    assert leading_question(none) == "Does what then stays reach sFLR of 30 %, and when?"
    bare = replace(case(), plans=(replace(staged(), rules=()),))
    assert leading_question(bare).endswith("is what then stays enough, and when?")


def test_what_stays_says_what_it_hangs_on_and_a_lost_branch_is_loud() -> None:
    told = staying(staged())
    rows = {r[0].text: r[1:] for r in told.rows}
    assert [c.text for c in rows["S1"]] == ["40 mL", "trunk kept", "vena cava not supplied"]
    assert told.head == ("Segment", "mL", "Portal branch", "Hepatic vein")
    assert told.not_supplied == ("bile ducts",)
    assert (rows["S2"][1].text, rows["S2"][1].tone) == ("S2 lost", "loud")
    assert (rows["S3"][2].text, rows["S3"][2].tone) == ("middle lost, left kept", "")
    bare = tuple(replace(s, portal_fate="not_supplied") for s in staged().staying)
    assert staying(replace(staged(), staying=bare)).not_supplied == ("portal branches", "bile ducts")


def test_a_segment_whose_only_vein_is_lost_is_loud() -> None:
    lost = StayingSegment("S7", 100.0, "S7", "kept", {"right": "lost"})
    ((*_, vein),) = staying(replace(staged(), staying=(lost,))).rows
    assert (vein.text, vein.tone) == ("right lost", "loud")


def test_the_numbers_name_the_formula_and_the_rules_their_error() -> None:
    told = numbers(case(), staged())
    rows = {name: tuple(texts) for name, *texts in told.rows}
    assert told.head == ("", "now", "at resection, day 45")
    assert told.formula == "sFLR = FLR / 1605 mL (TELV, vauthey2002)"
    assert rows["sFLR"][0] == "15 ± 1 %"
    assert rows["FLR"][1] == "350 (300–430) mL"
    assert rows["FLR / body weight"][1] == "0.47 (0.40–0.57) %"
    still = numbers(case(), replace(staged(), flr_ml_at_resection=None))
    assert still.head == ("", "now")
    assert {len(row) for row in still.rows} == {2}
    rule = replace(
        staged().rules[0],
        value=0.297,
        error_low=0.27,
        error_high=0.324,
        inside_error=True,
        met=False,
        p_pass=0.41,
    )
    (line,) = volume_rules(replace(staged(), rules=(rule,)))
    assert line.rule == "sFLR (vauthey2002) ≥ 30 %"
    # 29.7 % is no 30 %.
    assert line.value == "29.7 (27–32) %"
    assert (line.answer.text, line.answer.tone) == ("missed, inside the error; P 41 %", "loud")
    assert line.use == "binding: chemotherapy > 12 weeks"
    binding, weaker, *_ = staged().rules
    both = volume_rules(replace(staged(), rules=(weaker, binding)))
    assert [line.use.split(":")[0] for line in both] == ["binding", "for information"]
    growth_rates = [r for r in staged().rules if r.rule == "kgr"]
    assert growth_rates
    assert volume_rules(replace(staged(), rules=tuple(growth_rates))) == ()


def test_the_calendar_counts_days_between_and_ends_with_the_day_the_volume_suffices() -> None:
    rows = calendar_rows(staged())
    assert [r[:2] for r in rows] == [
        ("day −42", ""),
        ("day −14", "+28 days"),
        ("day 0", "+14 days"),
        ("day 14", "+14 days"),
        ("day 42", "+28 days"),
        ("day 45", "+3 days"),
        ("", ""),
    ]
    assert rows[0][2] == "last dose of FOLFOX"
    assert rows[5][2] == "stage 2: right trisectionectomy"
    assert rows[-1][2] == "volume suffices from day 38 (24–never); never in 13 % (relative growth law)"
    never = replace(staged(), earliest_day_volume_ok=DayQuantiles(None, None, None, 0.9))
    assert calendar_rows(never)[-1][2] == "volume not reached in 90 % of draws (relative growth law)"


def test_a_plan_of_one_operation_has_no_stages_in_its_calendar() -> None:
    alone = replace(
        staged(), stages=staged().stages[:1], dates=(PlanDate(0, "operate", "right hepatectomy", 1),)
    )
    assert calendar_rows(alone)[0] == ("day 0", "", "right hepatectomy")


def test_death_stands_last_among_the_risks_and_what_never_happens_is_left_out() -> None:
    rows = risk_rows(replace(staged(), p_dropout={"progression": 0.181, "growth": 0.0, "death": 0.004}))
    assert rows[0] == ("completed as planned", "74 %")
    assert rows[-2:] == (
        ("death within 90 days, of all who start", "5 %"),
        ("… after the last operation, were it done in all draws", "6 %"),
    )
    assert not any("too small" in label for label, _ in rows)


def test_plan_b_offers_what_can_be_done_and_the_plans_that_begin_alike() -> None:
    growth, tumour = plan_b(case(), staged())
    assert growth.title == "If the remnant does not grow (6 % of draws), on day 42"
    assert growth.options[:2] == ("wait and scan again", STOP)
    assert growth.not_possible == ("HVE: no hepatic vein drains only what is occluded",)
    (alike,) = growth.options[2:]
    assert alike.startswith(
        "compared as plan 2, wait longer: alike until day 42, then scan on day 70: borderline"
    )
    assert tumour.title == "If the tumour grows (18 % of draws), on day 45"
    assert tumour.options == (STOP,)
    apart = replace(longer(), dates=(PlanDate(0, "operate", "right hepatectomy", 1),))
    assert len(plan_b(case(staged(), apart), staged())[0].options) == 2
    assert plan_b(case(), replace(staged(), fallbacks=())) == ()


def test_every_day_of_decision_says_what_is_asked_and_what_follows() -> None:
    rows = bail_out_rows(staged())
    assert [r[0] for r in rows] == ["day 0", "after day 0", "day 42", "day 45"]
    assert "portal vein, hepatic vein of S1, S2, S3" in rows[0][1]
    assert rows[2][1] == "is sFLR at least 30 %?"
    assert rows[2][2] == "FLR 345 (295–410) mL, sFLR 21 (18–26) %; 6 % of draws stop here"
    assert rows[2][3] == f"wait and scan again; {STOP}"
    assert rows[3][3] == STOP
    # A scan after which the plan goes on in any case is no point of return.
    later = replace(
        longer(),
        fallbacks=tuple(replace(f, day=70 if f.when == "growth" else 77) for f in staged().fallbacks),
    )
    asked = {r[0]: r[3] for r in bail_out_rows(later)}
    assert asked["day 42"] == "the plan goes on in any case"
    assert asked["day 70"].startswith("wait and scan again")


def test_without_a_scan_volume_is_asked_at_the_last_operation() -> None:
    blind = replace(
        staged(),
        dates=tuple(d for d in staged().dates if d.kind != "scan"),
        fallbacks=tuple(replace(f, day=45) for f in staged().fallbacks),
    )
    last = bail_out_rows(blind)[-1]
    assert last[0] == "day 45"
    assert "is sFLR at least 30 %? Can the tumour still be resected?" == last[1]


def test_lesions_and_vessels_stand_uncleared_first() -> None:
    rows = lesion_vessel_rows(case(), staged())
    assert [r[0] for r in rows] == ["L2", "L3", "L1"]
    assert all(len(r) == len(LESION_VESSEL) for r in rows)
    named = replace(case(), lesions=tuple(replace(m, name=f"lesion {m.name}") for m in case().lesions))
    plan = replace(staged(), lesions=tuple(replace(f, name=f"lesion {f.name}") for f in staged().lesions))
    assert [r[0] for r in lesion_vessel_rows(named, plan)] == ["2: lesion L2", "3: lesion L3", "1: lesion L1"]


@pytest.mark.parametrize(
    ("names", "marks"),
    [
        (("L1", "L12", "3", "T2a"), ("L1", "L12", "3", "T2a")),
        (("L2", "a long name"), ("1", "2")),
        (("L2", "\u202ex"), ("1", "2")),
        (("<b>", "L1"), ("1", "2")),
    ],
)
def test_marks_are_names_where_all_are_short_and_numbers_else(names, marks) -> None:
    assert tuple(lesion_marks(names).values()) == marks


HOSTILE_NAMES = (
    '"><script>alert(1)</script>',
    "' onmouseover='alert(1)",
    "كتلة في الكبد",
    "\u202eevil\u202c \u202eunclosed",
    "x" * 4000,
    "{{ 7 * 7 }}",
    "</script><!-- ]]>",
    "&lt;b&gt;",
)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_whatever_a_lesion_a_plan_or_a_case_is_called_stays_text(name: str) -> None:
    plan = replace(
        staged(),
        name=name,
        lesions=(fate(name, "cut_through", None, left_ml=3.0, left_in={"S4": 3.0}),),
        lesions_left=(name,),
        dates=(*staged().dates[:-1], PlanDate(45, "operate", name, 2)),
    )
    made = case(plan, longer(), case=name, lesions=(lesion(name, 4.0, {"S8": 1.0}),))
    model = ReportModel(name, b"glTF", (ModelStage(name, name, (ShownPart(name, "liver", "#009e73", 0.5),)),))
    raw = render_html(made, [ReportPicture(name, 0, name, png(), name)], [model])
    page = Page(raw)
    assert "<" not in model.states()
    plain = re.sub(r"\s+", " ", name)
    assert plain in page.text
    assert page.tags.count("script") == 3, "two data blocks and our own script"
    assert not any(attribute.startswith("on") for _, attribute, _ in page.attributes)
    assert f"<bdi>{name}</bdi>" not in raw or not re.search("[<>&'\"]", name)


def test_names_are_kept_from_turning_the_line_around() -> None:
    raw = render_html(case(replace(staged(), name="كبد"), longer()))
    assert "<bdi>كبد</bdi>" in raw


def test_long_names_are_cut_where_room_is_short_and_whole_where_it_is_not() -> None:
    assert clipped("x" * 300, 40) == "x" * 39 + "…"
    assert clipped("short", 40) == "short"
    name = "segment seven, beside the vein, " * 9
    made = case(
        replace(staged(), lesions=(fate(name, "removed", 1),)), lesions=(lesion(name, 4.0, {"S8": 1.0}),)
    )
    assert re.sub(r"\s+", " ", name).strip() in Page(render_html(made)).text


def test_a_page_without_models_runs_nothing_and_one_with_models_only_its_own_script() -> None:
    import base64
    import hashlib

    bare = render_html(case())
    assert "script-src 'none'" in bare
    assert "<script" not in bare
    model = ReportModel("two-stage", b"glTF", (ModelStage("Before", "all of it", ()),))
    page = render_html(case(), models=[model])
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page


def test_plans_with_the_same_geometry_carry_it_once() -> None:
    stages = (ModelStage("Before", "", ()),)
    names = ("one", "two", "three")
    models = [ReportModel(n, glb, stages) for n, glb in zip(names, (b"same", b"same", b"other"), strict=True)]
    page = render_html(case(*(replace(staged(), name=n) for n in names)), models=models)
    assert re.findall('id="(geometry-[0-9])"', page) == ["geometry-1", "geometry-3"]
    assert re.findall('data-geometry="([^"]*)"', page) == ["geometry-1", "geometry-1", "geometry-3"]


def test_drawings_are_whole_alone_and_say_what_they_show() -> None:
    made = case()
    drawings = {
        "contacts": contacts_svg(made, salt="a"),
        "scatter": scatter_svg(made, salt="a"),
        "segments": segments_svg(made, staged(), salt="a"),
        "lesions": lesion_map_svg(made, staged(), salt="a"),
    }
    words = {
        "contacts": "S7 and S8 64 cm²; S4 and S8 60 cm²; S1 and S4 12 cm²",
        "scatter": "plan 1 350 mL (300 mL to 430 mL) on day 45; plan 2 350 mL",
        "segments": "stays: S1 40 mL, S2 120 mL, S3 180 mL; goes in stage 1: S2 30 mL; goes in stage 2: S4 250 mL",
        "lesions": "L1 in S7 and S6, 41 mm, removed in stage 2; L2 in S8, 41 mm, not cleared; L3 in S2",
    }
    for name, svg in drawings.items():
        assert svg is not None
        root = ElementTree.fromstring(svg)
        assert root.attrib["role"] == "img"
        assert words[name] in root.attrib["aria-label"], name
    assert drawings["lesions"] == lesion_map_svg(made, staged(), salt="a")


def test_the_bars_add_up_to_the_segments() -> None:
    fates = fate_volumes(case(), staged())
    assert set(fates) == {0, 1, 2}
    for name, ml in ML.items():
        assert sum(by[name] for by in fates.values()) == pytest.approx(ml)


def test_without_what_they_show_no_drawing_is_made() -> None:
    assert contacts_svg(comparison(), salt="a") is None
    assert scatter_svg(case(staged()), salt="a") is None
    assert segments_svg(case(), two_stage(), salt="a") is None
    assert lesion_map_svg(replace(case(), lesions=()), staged(), salt="a") is None


def test_names_from_a_file_are_never_drawn() -> None:
    made = case(replace(staged(), name="Ω漢字<b>"), longer())
    odd = replace(made, lesions=tuple(dataclasses.replace(m, name=f"漢字{m.name}") for m in made.lesions))
    for svg in (scatter_svg(odd, salt="a"), lesion_map_svg(odd, made.plans[0], salt="a")):
        assert svg is not None
        assert "漢" not in svg


def test_scatter_takes_the_measured_remnant_where_nothing_grows() -> None:
    still = replace(
        staged(), flr_ml_at_resection=None, flr_ml_interval=q(238.2, 223.0, 253.0), resection_day=0
    )
    svg = scatter_svg(case(still, longer()), salt="a")
    assert svg is not None
    assert "plan 1 240 mL (225 mL to 255 mL) on day 0" in svg


def test_an_operation_that_turns_people_away_is_not_shown_as_safe() -> None:
    away = replace(comparison().plans[0], p_complete=0.01, p_death_90d=0.0, p_death_last=0.08)
    rows = dict(risk_rows(away))
    after = "… after the last operation, were it done in all draws"
    assert (rows["death within 90 days, of all who start"], rows[after]) == ("0 %", "8 %")
    assert after not in dict(risk_rows(replace(away, p_death_last=0.0)))


FEW = {"share": 0.04, "draws": 80.0, "low": None, "high": None, "death": None}


def turned_away() -> PlanResult:
    """Return a plan of one operation that most are turned away from."""
    return replace(
        comparison().plans[0],
        dates=(PlanDate(0, "operate", "right trisectionectomy", 1),),
        p_complete=0.03,
        p_dropout={"growth": 0.951, "progression": 0.009, "death": 0.01},
        p_phlf={"low": 0.1, "high": 0.26, "operated": FEW},
        p_major_morbidity=0.01,
        p_death_90d=0.0,
        p_death_last=0.04,
    )


def test_where_few_are_operated_on_the_danger_of_the_operation_comes_first() -> None:
    rows = risk_rows(turned_away())
    assert rows[0] == ("death after the last operation, were the last operation done in all draws", "4 %")
    assert rows[-1] == ("death within 90 days, of all who start", "0 % (96 % not operated)")
    labels = [label for label, _ in rows]
    assert labels.index("liver failure, were the last operation done in all draws") < labels.index(
        "completed as planned"
    )
    said = dict(rows)
    assert said["completed as planned"] == "3 % (96 % not operated)"
    assert said["major complication"] == "1 % (96 % not operated)"
    table = {r.label: r.cells[0].text for r in comparison_rows(replace(comparison(), plans=(turned_away(),)))}
    assert table["Death within 90 days, of all who start"] == "0 % (96 % not operated)"
    order = [label for label in table if label.startswith("Death")]
    assert order[0].startswith("Death after the last operation, were")
    most = replace(turned_away(), p_phlf={"low": 0.1, "high": 0.26, "operated": {**FEW, "share": 0.5}})
    assert risk_rows(most)[0] == ("completed as planned", "3 %")


def test_a_plan_of_one_step_is_not_stopped_but_not_begun() -> None:
    said = dict(risk_rows(turned_away()))
    assert said["not operated: remnant too small"] == "95 %"
    few = replace(staged(), p_phlf={"low": 0.1, "high": 0.26, "operated": FEW})
    assert dict(risk_rows(few))["stopped: remnant too small"]
    assert dict(risk_rows(few))["completed as planned"] == "74 % (96 % without the last operation)"


@pytest.mark.parametrize(
    ("operated", "failure", "death"),
    [
        # About a twelfth grows enough: their failure is not the plan's, and stands beside it with its share.
        ({"share": 0.08, "draws": 160.0, "low": 0.082, "high": 0.2, "death": 0.05}, "8 % to 20 % (8 % of draws)", "5 % (8 % of draws)"),
        ({"share": 0.02, "draws": 40.0, "low": None, "high": None, "death": None}, "too few draws (2 %)", "too few draws (2 %)"),
        ({"share": 0.0, "draws": 0.0, "low": None, "high": None, "death": None}, "too few draws (0 %)", "too few draws (0 %)"),
        ({"share": 0.9, "draws": 1800.0, "low": 0.28, "high": 0.56, "death": 0.08}, "", ""),
        (None, "", ""),
    ],
)  # fmt: skip
def test_who_is_operated_on_stands_beside_all_and_never_instead(
    operated: dict[str, float | None] | None, failure: str, death: str
) -> None:
    base = comparison().plans[0]
    ranges = {"low": 0.28, "high": 0.56, "definition": "peak bilirubin", "operated": operated}
    shown = replace(base, p_phlf=ranges, p_death_90d=0.01, p_death_last=0.08)
    table = {r.label: r.cells[0].text for r in comparison_rows(replace(comparison(), plans=(shown,)))}
    for rows, first in ((dict(risk_rows(shown)), "liver failure"), (table, "Liver failure")):
        assert rows[f"{first}, were the last operation done in all draws"] == "28 % to 56 %"
        assert rows.get("… of those with enough volume who are operated on", "") == failure
        after = "… after the last operation, of those with enough volume who are operated on"
        assert rows.get(after, "") == death


def test_what_failure_does_not_contain_stands_beside_it() -> None:
    ranges = {"low": 0.05, "high": 0.15, "remark": "no portal hypertension in it"}
    shown = replace(comparison().plans[0], p_phlf=ranges)
    assert risk_remark(shown) == "no portal hypertension in it"
    assert (
        "To be read with it: no portal hypertension in it." in Page(render_html(case(shown, longer()))).text
    )


def lossy(value: float, value_without: float) -> PlanResult:
    """Return a plan of which 100 mL lose their vessels, held against a rule of 30 %."""
    plan = staged()
    rule = replace(plan.rules[0], value=value, value_without=value_without, threshold=0.30, binding=True)
    credits = tuple(
        CreditedFlr(credit, 250.0, sflr, sflr, 0.11, 0.22) for credit, sflr in ((0.0, 0.22), (0.5, 0.27))
    )
    lost = PerfusionResult({}, {}, 100.0, {"S2": 100.0}, (), credits, ())
    return replace(plan, rules=(rule,), perfusion=lost)


def test_a_rule_that_is_met_only_with_tissue_that_loses_its_vessels_is_said_to_be_missed_without() -> None:
    plan = lossy(0.35, 0.22)
    (line,) = volume_rules(plan)
    assert line.answer.text.endswith("22 %, missed, without 100 mL that lose inflow or outflow")
    assert line.answer.tone == "loud"
    rows = {row[0]: row[1:] for row in numbers(replace(comparison(), plans=(plan,)), plan).rows}
    assert rows["… without 100 mL that lose inflow or outflow"][0] == "22 %"
    assert dict(risk_rows(plan))["… without 100 mL that lose inflow or outflow"] == "11 % to 22 %"


def test_tissue_that_loses_its_vessels_and_decides_no_rule_is_no_line_of_risk() -> None:
    for plan in (lossy(0.35, 0.31), lossy(0.28, 0.27)):
        (line,) = volume_rules(plan)
        assert "without" not in line.answer.text
        assert not [label for label, _ in risk_rows(plan) if "inflow" in label]


def test_the_table_says_until_when_volume_is_not_asked() -> None:
    waits = replace(staged(), earliest_day_floor="not asked before day 35, 21 days after the occlusion")
    (row,) = [r for r in comparison_rows(case(waits, staged())) if r.label.startswith("Earliest day")]
    assert row.cells[0].text.endswith("; not asked before day 35, 21 days after the occlusion")
    assert "not asked" not in row.cells[1].text


def test_no_share_is_given_of_what_no_draw_comes_to() -> None:
    stopped = replace(staged(), p_dropout={"growth": 1.0, "progression": 0.0})
    growth, tumour = plan_b(case(), stopped)
    assert growth.title.startswith("If the remnant does not grow (100 % of draws), on day")
    assert tumour.title.startswith("If the tumour grows, on day")


def test_an_axis_of_which_nothing_was_supplied_speaks_for_nothing() -> None:
    plan = replace(staged(), axes={"disease": "meets_rules", "risk": "borderline"}, axes_unasked=("disease",))
    assert axis_word(plan, "disease") == "Not supplied"
    assert axis_word(plan, "risk") == "Borderline"
    axis = '<th scope="row">Extent of disease</th><td>{}</td>'
    assert axis.format("Not supplied") in render_html(case(plan))
    assert axis.format("Meets the rules") in render_html(case(replace(plan, axes_unasked=())))
