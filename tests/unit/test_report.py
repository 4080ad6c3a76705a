"""The page and its tables: what is printed equals the result, hostile names stay text, no network."""

from __future__ import annotations

import base64
import dataclasses
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from comparison_fixture import HOSTILE, comparison, lesion, plan, png, two_stage

from flrsim.cli.tables import print_comparison
from flrsim.error_budget import Cause, interval
from flrsim.errors import FileError
from flrsim.evidence import MEASURED_LIVER
from flrsim.patient import LiverCondition, Treatment, TumourBiology
from flrsim.report import ReportPicture, comparison_rows, render_html, write_report
from flrsim.report import format as show
from flrsim.report.facts import cause_rows, error_rows, lesion_cost_rows, lesion_place_rows
from flrsim.report.person import SAID, patient_line
from flrsim.report.plots.growth import growth_svg, rule_lines
from flrsim.report.rules import rule_facts
from flrsim.report.tables import denominator_rows, lesion_lines
from flrsim.results import (
    ClearanceCost,
    CreditedFlr,
    DayQuantiles,
    Interval,
    NearestVessel,
    PerfusionResult,
    Quantiles,
    RemnantPart,
    RuleOutcome,
    VeinResult,
)

VOID = {"meta", "img", "br", "link", "hr", "input"}


class Page(HTMLParser):
    """Text, tags and attributes of a page; complains about a tag closed out of turn."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture(scope="module")
def page() -> Page:
    pictures = [ReportPicture("right hepatectomy", 0, f"Plan {HOSTILE}", png(), "seen from the front")]
    return Page(render_html(comparison(), pictures))


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (None, "–"),
        (0.0, "0 mL"),
        (0.004, "<0.01 mL"),
        (0.117, "0.12 mL"),
        (0.995, "1.00 mL"),
        (1.0, "1 mL"),
        (3.843, "4 mL"),
        (19.4, "19 mL"),
        (20.0, "20 mL"),
        (22.4, "20 mL"),
        (22.5, "25 mL"),
        (1464.1, "1465 mL"),
        (-76.2, "−75 mL"),
    ],
)
def test_volumes_are_rounded_as_people_read_them(value: float | None, printed: str) -> None:
    assert show.ml(value) == printed


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (None, "–"),
        (0.0, "0 %"),
        (0.0021, "<1 %"),
        (0.005, "1 %"),
        (0.1485, "15 %"),
        (0.125, "13 %"),
        (1.0, "100 %"),
    ],
)
def test_percent_is_whole_and_never_claims_zero(value: float | None, printed: str) -> None:
    assert show.percent(value) == printed


def test_a_probability_is_certain_only_when_every_draw_agrees() -> None:
    assert [show.probability(p) for p in (1.0, 0.9999, 0.994, 0.0001, 0.0)] == [
        "100 %",
        ">99 %",
        "99 %",
        "<1 %",
        "0 %",
    ]


def test_a_value_below_its_threshold_never_prints_as_the_threshold() -> None:
    assert show.against(0.1994, 0.20, show.percent) == "19.9 %"
    assert show.against(0.19996, 0.20, show.percent) == "just below"
    assert show.against(0.2003, 0.20, show.percent) == "20 %"
    assert show.against(0.25, 0.30, show.percent) == "25 %"


def test_intervals_print_their_unit_once_and_say_never() -> None:
    assert show.interval(Quantiles(352.0, 301.0, 428.0), show.ml) == "350 (300–430) mL"
    assert show.interval(Quantiles(None, None, None), show.ml) == "not reached"
    assert show.day_interval(DayQuantiles(38.0, 24.0, None, 0.127)) == "day 38 (24–never); never in 13 %"
    assert show.day_interval(DayQuantiles(None, None, None, 0.62)) == "not reached in 62 % of draws"
    assert show.day_interval(DayQuantiles(0.0, 0.0, 0.0, 0.0)) == "day 0"


@pytest.mark.parametrize(
    ("value", "high", "text", "printed"),
    [
        (434.0, 463.0, show.ml, "435 ± 30 mL"),
        (8.0, 10.6, show.ml, "8 ± 3 mL"),
        (0.4, 0.58, show.ml, "0.40 ± 0.18 mL"),
        (5.0, 5.96, show.ml, "5 ± 1 mL"),
        (5.0, 5.3, show.ml, "5 ± <1 mL"),
        (0.2427, 0.29, show.percent, "24 ± 5 %"),
        (81.7, 88.0, show.square_cm, "82 ± 6 cm²"),
    ],
)
def test_a_measured_number_prints_half_of_its_interval(value, high, text, printed: str) -> None:
    assert show.plus_minus(value, Interval(0.0, high, 1.0), text) == printed
    assert show.plus_minus(value, Quantiles(value, 0.0, high), text) == printed
    assert show.plus_minus(value, None, text) == text(value)


def test_the_error_ledger_shows_what_each_cause_makes_alone() -> None:
    flr = interval(400.0, [Cause("border to what goes", 40.0), Cause("outline of the liver", 30.0)])
    share = interval(0.25, [Cause("border to what goes", 0.025), Cause("formula of TELV", 0.03)])
    made = replace(
        comparison(), plans=(plan("one", flr_ml=400.0, sflr=0.25, flr_error=flr, sflr_error=share),)
    )
    head, rows = error_rows(made)
    assert head == ["cause", "FLR, one", "sFLR, one"]
    by_cause = {row[0]: row[1:] for row in rows}
    # 80 % of a normal error lie within 1.28 standard deviations.
    assert by_cause["border to what goes"] == ["± 50 mL", "± 3.2 %"]
    assert by_cause["outline of the liver"] == ["± 40 mL", "–"]
    assert by_cause["formula of TELV"] == ["–", "± 3.8 %"]
    assert by_cause["all together"] == ["400 ± 65 mL", "25.0 ± 5.0 %"]
    assert "What the numbers are uncertain by" in render_html(made)
    assert "What the numbers are uncertain by" not in render_html(comparison())


def test_lesion_places_and_costs_are_on_the_page_and_hostile_names_stay_text() -> None:
    facts = replace(
        lesion(HOSTILE, 4.0, {"S8": 1.0}),
        depth_mm=3.04,
        capsule_contact=True,
        capsule_contact_cm2=1.84,
        nearest_hepatic_vein=NearestVessel("middle hepatic vein", 4.0, True, "segment border"),
        nearest_portal_pedicle=NearestVessel("portal vein, right", 21.4, False, "label"),
        at_confluence=True,
        confluence_proxy=True,
        wedge="cannot_judge",
        wedge_note="4 mm from it",
        clearance=(ClearanceCost(1.0, 5.2, 2.26, 0.0032), ClearanceCost(5.0, 15.9, 3.2, None)),
    )
    (place,) = lesion_place_rows((facts,))
    assert place[1:] == [
        "3.0 mm",
        "yes, 1.8 cm²",
        "middle hepatic vein 4 mm (proxy)",
        "portal vein, right 21 mm",
        "–",
        "yes (proxy)",
        "cannot judge",
        "4 mm from it",
    ]
    head, costs = lesion_cost_rows((facts,))
    assert head == ["lesion", "1 mm margin", "5 mm margin"]
    assert costs[0][1:] == ["5 mL, 0.3 points (+2.3 mL/mm)", "16 mL (+3.2 mL/mm)"]
    page = render_html(replace(comparison(), lesions=(facts,)))
    assert "Lesions: what a wedge costs" in page
    assert HOSTILE not in page


def test_tumour_left_behind_is_printed_to_one_millilitre() -> None:
    assert [show.tumour_ml(v) for v in (36.2, 1.4, 0.117, None)] == ["36 mL", "1 mL", "0.12 mL", "–"]


def test_lengths_print_tenths_only_where_they_matter() -> None:
    printed = [show.millimetres(v) for v in (41.2, 9.97, 4.64, 5.0, None)]
    assert printed == ["41 mm", "10 mm", "4.6 mm", "5 mm", "–"]


def test_a_margin_that_growth_has_used_up_is_marked() -> None:
    first, *rest = two_stage().lesions
    grown = dataclasses.replace(first, margin_at_operation_mm=0.0)
    lines = lesion_lines(comparison(), dataclasses.replace(two_stage(), lesions=(grown, *rest)))
    assert [m.tone for m in lines] == ["careful", "", ""]


def cells(label: str) -> list[str]:
    (row,) = [r for r in comparison_rows(comparison()) if r.label.startswith(label)]
    return [c.text for c in row.cells]


def test_the_comparison_starts_with_what_is_left_and_ends_with_what_stands_in_the_way() -> None:
    rows = comparison_rows(comparison())
    assert rows[0].label == "Left, cut through, margin short"
    assert [c.tone for c in rows[0].cells] == ["loud", ""]
    assert (
        rows[0].cells[0].text
        == f"{HOSTILE} cut through: 36 mL stays in S4; L2 removed in stage 1, margin short"
    )
    assert [r.label for r in rows[-3:]] == ["Verdict", "Stands in the way", "Not supplied"]


@pytest.mark.parametrize(
    ("label", "printed"),
    [
        ("Cleared in stage 1", ["L3", "L3"]),
        ("Cleared in stage 2", ["–", f"{HOSTILE}, L2"]),
        ("Stage 1 takes", ["right hepatectomy, day 0: 1030 mL (70 %)", "wedge L3, day 0: 30 mL (2 %)"]),
        ("Stage 2 transection", ["–", "84 cm²"]),
        ("FLR now", ["395 ± 15 mL", "240 ± 15 mL"]),
        ("FLR at resection", ["–", "350 (300–430) mL"]),
        ("sFLR now", ["25 ± 2 %", "15 ± 1 %"]),
        ("sFLR at resection, relative growth law", ["–", "22 (19–27) %"]),
        ("FLR / body weight now", ["0.5 %", "0.5 %"]),
        ("Growth rate at the scan", ["–", "1.8 (1.0–2.9) points"]),
        ("Degree of hypertrophy", ["–", "7.1 (4.0–11.7) points"]),
        ("sFLR (vauthey2002) ≥ 30 %", ["25 %; 85 mL short; P 3 %", "20 %; 160 mL short; P 48 %"]),
        ("Kinetic growth rate ≥ 2.0 points/week", ["2.6 points/week; P 71 %; for information"] * 2),
        ("Earliest day", ["–", "day 38 (24–never); never in 13 %"]),
        ("Plan completed", ["100 %", "74 %"]),
        ("Drop-out: progression", ["–", "18 %"]),
        ("Drop-out: death", ["–", "<1 %"]),
        ("Liver failure", ["4 % to 11 %", "8 % to 21 %"]),
        ("… defined as", ["ISGLS B or C"] * 2),
        ("Death within 90 days, of all who start", ["<1 %", "5 %"]),
        ("Death after the last operation, were the last operation done in all draws", ["–", "6 %"]),
        ("Textbook", ["0 %: L3 is cut through on these images", "41 %"]),
        ("Verdict", ["Does not meet the rules", "Cannot judge"]),
        ("Not supplied", ["portal vein, hepatic vein"] * 2),
    ],
)
def test_each_row_prints_the_result(label: str, printed: list[str]) -> None:
    assert cells(label) == printed


def test_a_missed_binding_rule_is_loud_and_one_for_information_is_not() -> None:
    tones = {
        r.label: [c.tone for c in r.cells]
        for r in comparison_rows(comparison())
        if r.group.startswith("Rules")
    }
    assert tones["sFLR (vauthey2002) ≥ 30 %: chemotherapy > 12 weeks"] == ["loud", "loud"]
    assert tones["sFLR (vauthey2002) ≥ 20 %: normal liver"] == ["", ""]
    assert next(iter(tones)).startswith("sFLR (vauthey2002) ≥ 30 %"), "binding rules come first"


def test_rows_without_any_value_are_left_out() -> None:
    alone = dataclasses.replace(comparison(), plans=(plan("a"),))
    labels = [r.label for r in comparison_rows(alone)]
    assert "FLR at resection" not in labels
    assert "FLR now" in labels


def test_what_loses_inflow_and_outflow_is_shown_with_the_remnant_under_each_credit() -> None:
    case = comparison()
    sentence = "takes the middle hepatic vein: it drains 120 mL (S4 120 mL) of what stays, congested 120 mL (S4 120 mL)"
    middle = VeinResult("middle", "taken", 0.9, {"S4": 120.0}, {"S4": 120.0}, {}, sentence)
    lost = PerfusionResult(
        devascularised=None,
        congested={"middle": {"S4": 120.0, "S3": 0.4}},
        deprived_ml=120.4,
        deprived_by_segment={"S4": 120.0, "S3": 0.4},
        veins=(middle,),
        credited=tuple(
            CreditedFlr(c, 276.0 + 120.4 * c, (276.0 + 120.4 * c) / 1500) for c in (0.0, 0.5, 1.0)
        ),
        not_supplied=("the portal vein was not supplied",),
    )
    plans = (dataclasses.replace(case.plans[0], perfusion=lost), *case.plans[1:])
    rows = {r.label: r.cells for r in comparison_rows(dataclasses.replace(case, plans=plans))}
    assert rows["Hepatic veins"][0].text == sentence
    assert rows["Loses its portal branch"][0].text == "not supplied"
    assert rows["Loses its hepatic vein (congested)"][0].text == "120 mL (S4 120 mL)"
    assert rows["FLR, sFLR without it (credit 0)"][0].text == "275 mL, 18 %"
    assert rows["FLR, sFLR with credit 0.5 for it"][0].text == "335 mL, 22 %"
    assert rows["FLR, sFLR with credit 1 for it"][0].text == "395 mL, 26 %"
    # Plans of whose vessels nothing is known say nothing.
    assert rows["Hepatic veins"][1].tone == "quiet"
    assert not any(r.group.startswith("Inflow") for r in comparison_rows(case))


def test_the_ledger_puts_what_is_not_cleared_first() -> None:
    lines = lesion_lines(comparison(), comparison().plans[0])
    assert [(m.name, m.tone) for m in lines] == [(HOSTILE, "loud"), ("L2", "loud"), ("L3", "")]
    assert lines[0].stages == ("",)
    assert lines[2].stages == ("removed",)
    assert lines[1].fate == "margin short"
    assert lines[2].fate == "cleared"
    staged = {m.name: m.stages for m in lesion_lines(comparison(), comparison().plans[1])}
    assert staged == {HOSTILE: ("", "removed"), "L2": ("", "removed"), "L3": ("removed", "")}


def test_denominators_put_the_same_remnant_over_each_volume() -> None:
    rows = {r.label: [c.text for c in r.cells] for r in denominator_rows(comparison())}
    # 238.2 and 352 mL over 1604 mL; 396.4 mL over 1604 mL.
    assert rows["TELV vauthey2002 (used)"] == ["1605 mL", "vauthey2002", "25 %", "15 % → 22 %"]
    assert rows["TELV urata1995"][2:] == ["30 %", "18 % → 26 %"]
    assert rows["TELV children"][0] == "–"
    assert rows["Functional TLV"][1] == "minus 90 mL lesion"


def test_rule_lines_are_thresholds_in_millilitres() -> None:
    # 0.30 × 1604 mL, 0.20 × 1604 mL, 0.5 % of 75 kg at 1 g/mL; the growth rate is no volume.
    lines = dict(rule_lines(comparison(), two_stage()))
    assert lines == {
        "sFLR 30 %": pytest.approx(481.2),
        "sFLR 20 %": pytest.approx(320.8),
        "FLR / body weight 0.5 %": pytest.approx(375.0),
    }


def test_a_rule_found_with_the_measured_liver_has_its_line_and_its_name_by_it() -> None:
    # 40 % of the functional liver, not of an estimated volume.
    rule = RuleOutcome(
        "sflr.cirrhosis", 0.40, MEASURED_LIVER, "cirrhosis", 0.35, 0.2, -70.0, True, "", "k",
        quantity="FLR / functional liver", denominator=MEASURED_LIVER,
    )  # fmt: skip
    shown = replace(comparison(), plans=(replace(two_stage(), rules=(rule,)),))
    assert rule_lines(shown, shown.plans[0]) == [
        ("FLR / functional liver 40 %", pytest.approx(0.4 * shown.tlv_functional_ml))
    ]
    labels = [r.label for r in comparison_rows(shown) if r.group.startswith("Rules")]
    assert labels == ["FLR / functional liver ≥ 40 %: cirrhosis"]
    assert rule_facts(shown)[0][2] == MEASURED_LIVER
    other = replace(rule, denominator="total liver, CT")
    assert rule_facts(replace(shown, plans=(replace(two_stage(), rules=(other,)),)))[0][2] == (
        f"{MEASURED_LIVER} (found with total liver, CT)"
    )


def test_the_curve_is_drawn_with_band_rules_and_days_and_stays_byte_stable() -> None:
    svg = growth_svg(comparison(), two_stage(), salt="1")
    assert svg is not None
    ElementTree.fromstring(svg)
    for words in ("80 % interval", "sFLR 30 %", "scan, day 42", "stage 1, day 0", "stage 2, day 45"):
        assert words in svg
    assert svg == growth_svg(comparison(), two_stage(), salt="1")
    assert growth_svg(comparison(), plan("no curve"), salt="1") is None


def test_a_curve_survives_gaps_and_missing_bands() -> None:
    flr = {"median": [None, 210.0, 230.0], "p10": None}
    holed = dataclasses.replace(two_stage(), curves={"days": [0, 7, 14], "flr_ml": flr})
    svg = growth_svg(comparison(), holed, salt="0")
    assert svg is not None
    assert not re.search(r"\bnan\b", svg, re.IGNORECASE)


def test_the_page_is_well_formed_and_asks_nobody(page: Page) -> None:
    assert "script" not in page.tags
    assert not {"link", "iframe", "object", "embed"} & set(page.tags)
    for _, name, value in page.attributes:
        assert not name.startswith("on")
        if name in ("src", "href", "xlink:href", "action", "data"):
            assert value.startswith(("#", "data:image/png;base64,")), value
    css = [v for _, n, v in page.attributes if n == "style"]
    assert not any("url(" in v and "url(#" not in v for v in css)


def test_ids_are_unique_on_the_page(page: Page) -> None:
    both = dataclasses.replace(
        comparison(), plans=(two_stage(), dataclasses.replace(two_stage(), name="again"))
    )
    ids = [v for _, n, v in Page(render_html(both)).attributes if n == "id"]
    assert len(ids) > 4
    assert len(ids) == len(set(ids))


def test_hostile_names_stay_text(page: Page) -> None:
    assert HOSTILE in page.text
    assert "Case <b>one</b>" in page.text
    assert "small-for-size <brake>" in page.text
    assert "b" not in page.tags


def test_hostile_text_in_every_string_field_stays_text() -> None:
    hostile = '"><script>alert(1)</script><img src=x onerror=alert(1)>'

    def poison(value: object) -> object:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {f.name: poison(getattr(value, f.name)) for f in dataclasses.fields(value)}
            return dataclasses.replace(value, **fields)
        if isinstance(value, str):
            return hostile
        if isinstance(value, tuple):
            return tuple(poison(v) for v in value)
        if isinstance(value, dict):
            return {k: v if k == "days" else poison(v) for k, v in value.items()}
        return value

    poisoned = poison(comparison())
    pictures = [ReportPicture(hostile, 0, hostile, png(), hostile)]
    result = Page(render_html(poisoned, pictures))  # type: ignore[arg-type]
    assert "script" not in result.tags
    assert not any(name.startswith("on") for _, name, _ in result.attributes)
    assert hostile in result.text


def test_verdict_blocking_sentence_and_note_are_said_plainly(page: Page) -> None:
    for p in comparison().plans:
        # In the overview and at the head of its plan, so that it is never a page away.
        assert page.text.count(p.blocking) == 2
    assert "Cannot judge" in page.text
    assert page.text.count("not for treatment decisions") == 1


def test_every_printed_row_is_on_the_page(page: Page) -> None:
    for row in comparison_rows(comparison(), with_verdict=False):
        assert row.label in page.text
        for cell in row.cells:
            assert re.sub(r"\s+", " ", cell.text) in page.text, (row.label, cell.text)


def test_the_page_shows_what_makes_it_reproducible(page: Page) -> None:
    for words in (
        "ab12" * 16,
        "10000",
        "2026-11",
        "0.1.0",
        "Vauthey. Liver Transpl 2002;8:233",
        "accepted by hand: L3",
        "growth.brake",
        "steatosis or steatohepatitis × 0.88 × 0.79 −14 mL",
        "day 42 scan 345 (295–410) mL 21 (18–26) % –",
        "sFLR 22 % on day 45; 30 % is needed.",
    ):
        assert words in page.text


def test_the_page_depends_on_nothing_but_its_input() -> None:
    assert render_html(comparison()) == render_html(comparison())


def test_pictures_stand_with_their_plan(page: Page) -> None:
    sources = [v for t, n, v in page.attributes if (t, n) == ("img", "src")]
    assert sources == ["data:image/png;base64," + base64.b64encode(png()).decode()]


@pytest.mark.parametrize(
    ("sites", "said"),
    [
        ((), "outside the liver: none found"),
        (("lung_unresectable",), "outside the liver: lung unresectable"),
        (None, "RAS wild"),
    ],
)
def test_disease_that_was_looked_for_and_not_found_is_no_missing_word(
    sites: tuple[str, ...] | None, said: str
) -> None:
    patient = {"sex": "male", "age": 57.0, "tumour": {"ras": "wild", "extrahepatic": sites}}
    page = render_html(replace(comparison(), patient=patient))
    line = re.search(r'<p class="patient">([^<]*)', page)
    assert line is not None
    assert said in line[1]
    assert ("outside the liver" in line[1]) == (sites is not None)
    assert "–" not in line[1]


def test_the_patient_is_said_in_words_with_units() -> None:
    liver = {"steatosis_fraction": 0.35, "icg_r15": 0.13, "k_icg_per_min": 0.136, "ascites": "none"}
    history = [{"regimen": "FOLFOX", "cycles": 6, "last_dose_day": -42}]
    patient = {
        "sex": "male",
        "age": 66.0,
        "weight_kg": 72.0,
        "disease": "hcc",
        "diabetes": False,
        "sarcopenia": None,
    }
    assert patient_line({**patient, "liver": liver, "history": history}) == (
        "male, 66 years, 72 kg, hepatocellular carcinoma, steatosis 35 %, ICG-R15 13 %, K-ICG 0.136/min, no ascites, "
        "6 cycles of FOLFOX, last dose on day −42, no diabetes"
    )
    fields = [f.name for kind in (LiverCondition, TumourBiology, Treatment) for f in dataclasses.fields(kind)]
    assert set(fields) - {"regimen", "cycles", "last_dose_day", "steatohepatitis"} <= set(SAID)
    assert patient_line(None) == "patient not supplied"


def test_plans_that_are_drawn_side_by_side_are_said_to_share_their_day() -> None:
    assert "Plans of one day stand side by side" in render_html(comparison())


def test_a_run_with_causes_off_says_so_wherever_it_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    said = "switched off: sinusoidal obstruction; the binding rule stays"
    run = replace(comparison().run, without=("sos",))
    shown = replace(comparison(), without_note=said, run=run)
    page = render_html(shown)
    assert page.count(said) == 1
    assert page.index(said) < page.index('class="overview"')
    assert "<dt>switched off</dt><dd>sos</dd>" in page
    assert "switched off" not in render_html(comparison()).replace("can be switched off", "")
    print_comparison(shown)
    assert said in capsys.readouterr().out
    print_comparison(comparison())
    assert "switched off" not in capsys.readouterr().out
    assert shown.to_dict()["without_note"] == said
    assert shown.to_dict()["run"]["without"] == ["sos"]


def test_a_case_without_lesions_patient_or_plans_still_makes_a_page() -> None:
    bare = dataclasses.replace(
        comparison(),
        patient=None,
        telv=(),
        telv_formula=None,
        lesions=(),
        plans=(),
        accepted=(),
        warnings=(),
        assumptions=(),
        references=(),
    )
    assert "patient not supplied" in Page(render_html(bare)).text


def test_writing_replaces_the_old_page_and_leaves_no_other_file(tmp_path: Path) -> None:
    target = tmp_path / "out.html"
    target.write_text("old")
    assert write_report(target, comparison()) == target
    assert target.read_text(encoding="utf-8") == render_html(comparison())
    assert [p.name for p in tmp_path.iterdir()] == ["out.html"]


def test_a_failed_write_keeps_the_old_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out.html"
    target.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("flrsim.report.files.os.replace", full)
    with pytest.raises(FileError, match="No space left on device"):
        write_report(target, comparison())
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out.html"]


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="does not exist; create it"):
        write_report(tmp_path / "no" / "out.html", comparison())


def test_an_operation_says_what_it_ablates_meets_and_leaves_in_parts() -> None:
    first, second = two_stage().stages
    parts = (
        RemnantPart(812.0, (0, 0, 0), {"S4": 700.0, "S3": 112.0}),
        RemnantPart(41.0, (9, 9, 9), {"S8": 41.0}),
    )
    second = replace(
        second,
        ablated_ml=15.2,
        vessels_divided=("portal_vein:right_anterior", "hepatic_vein:middle"),
        remnant_parts=parts,
        transection_by_segment_cm2={"S1": 20.4, "S4": 63.2, "S3": 0.6},
    )
    shown = replace(comparison(), plans=(replace(two_stage(), stages=(first, second)),))
    rows = {r.label: r.cells[0].text for r in comparison_rows(shown)}
    assert rows["Stage 2 ablates"] == "15 mL"
    assert rows["Stage 2 cut meets"] == "portal vein right anterior, hepatic vein middle"
    assert rows["Stage 2 leaves"] == "2 parts: 810 mL (S4, S3); 40 mL (S8)"
    assert rows["Stage 2 transection"] == "84 cm² (on S4 63 cm², S1 20 cm²)"
    # What does not happen has no line.
    assert not {"Stage 1 ablates", "Stage 1 cut meets", "Stage 1 leaves"} & set(rows)


def test_what_each_cause_costs_is_a_signed_change_with_its_unit(page: Page) -> None:
    (row,) = cause_rows(two_stage())
    assert row == [
        "steatosis or steatohepatitis",
        "× 0.88",
        "× 0.79",
        "−14 mL",
        "−0.9 points",
        "+3 days",
        "−5.3 points",
        "no change",
    ]
    assert " ".join(row) in page.text


def test_liver_failure_stands_under_its_own_definition_each_time() -> None:
    ranges = {
        "low": 0.08,
        "high": 0.21,
        "definition": "peak bilirubin",
        "by_definition": {"isgls": {"low": 0.14, "high": 0.31}},
    }
    rows = {
        r.label: r.cells[0].text
        for r in comparison_rows(replace(comparison(), plans=(plan("p", p_phlf=ranges),)))
    }
    assert rows["Liver failure, were the last operation done in all draws"] == "8 % to 21 %"
    assert rows["… by ISGLS, any grade, in all draws"] == "14 % to 31 %"
    assert "… by 50-50 criteria, in all draws" not in rows
