"""Rules, disease and published outcomes as they are printed, on the page and beside the plans."""

from __future__ import annotations

from dataclasses import replace

import pytest
from comparison_fixture import HOSTILE, comparison, plan

from flrsim.report import comparison_rows, render_html
from flrsim.report import format as show
from flrsim.report.context import context_rows, disease_rows
from flrsim.report.firstpage import volume_rules
from flrsim.report.rules import rule_facts, rules_not_asked
from flrsim.results import Comparison, DiseaseNote, OutcomeContext, RuleOutcome

RETENTION = RuleOutcome(
    "icg.r15_hemi", 0.10, None, "HCC", 0.1003, None, None, False, "allows a section", "yu2021icg",
    title="ICG-R15 ≤ 10 % for a right hepatectomy or more", quantity="ICG-R15", definition="entry rule",
    direction="at_most", met=False,
)  # fmt: skip
REMNANT = RuleOutcome(
    "limax.remnant_free", 150.0, "functional liver, measured", "", 122.4, 0.01, None, False, "recalled", "",
    title="remnant LiMAx ≥ 150 µg/kg/h", unit="ug/kg/h", quantity="remnant LiMAx", met=False, verified=False,
)  # fmt: skip
FORBIDS = DiseaseNote(
    "primary.combined_major", "forbids", f"Not both. {HOSTILE}", "oncolther2021", "abstract"
)
RECALLED = DiseaseNote("regimen.too_long", "warns", "Too long.", "", "", verified=False)
ALLOWS = DiseaseNote("primary.first", "allows", "Bowel first.", "metasync2021", "abstract")
SERIES = OutcomeContext(
    "conversion", "5-year survival", 0.586, "fraction", 0.39, 0.78, 25, "one centre", "x", "page", "", verified=False
)  # fmt: skip
MONTHS = OutcomeContext("alone", "median survival", 30.0, "month", None, None, None, "a paper", "y", "", "")
RISK = OutcomeContext("outside", "risk of death", 1.9, "ratio", 1.5, 2.4, None, "60 studies", "z", "", "")


def test_a_rule_of_another_disease_says_so_wherever_its_patients_are_named() -> None:
    rule = replace(RETENTION, other_disease=True)
    made = replace(comparison(), plans=(plan("one", rules=(rule,)),))
    said = "HCC: another disease than this patient's"
    assert rule_facts(made)[0][1] == said
    assert any(said in row.label for row in comparison_rows(made))
    share = replace(comparison().plans[0].rules[0], other_disease=True)
    (line,) = volume_rules(plan("one", rules=(share,)))
    assert line.use.endswith(": another disease than this patient's")


def full() -> Comparison:
    one = plan(
        "one",
        rules=(*comparison().plans[0].rules, RETENTION, REMNANT),
        rule_conflicts=("sFLR 27 % meets 20 % but ICG-R15 10.03 % is above 10 %",),
        rules_not_supplied=("K-ICG", "mebrofenin uptake of the FLR"),
        disease=(ALLOWS, RECALLED, FORBIDS),
    )
    return replace(comparison(), plans=(one, plan("two")), outcome_context=(SERIES, MONTHS, RISK))


def printed(label: str) -> tuple[str, ...]:
    (row,) = [r for r in comparison_rows(full()) if r.label.startswith(label)]
    return tuple(c.text for c in row.cells)


def test_a_value_above_the_most_allowed_never_prints_as_the_threshold() -> None:
    assert show.against(0.1003, 0.10, show.percent, most=True) == "10.03 %"
    assert show.against(0.104, 0.10, show.percent, most=True) == "10.4 %"
    assert show.against(0.100001, 0.10, show.percent, most=True) == "just above"
    assert show.against(0.096, 0.10, show.percent, most=True) == "10 %"
    assert show.against(0.104, 0.10, show.percent) == "10 %"


@pytest.mark.parametrize(
    ("label", "cells"),
    [
        ("ICG-R15 ≤ 10 %", ("10.03 %; for information; missed; allows a section", "–")),
        ("remnant LiMAx", ("122 µg/kg/h; P 1 %; for information; missed; recalled", "–")),
        ("Contradictions", ("1 rule answers otherwise than the binding one", "–")),
        ("Forbids", (f"Not both. {HOSTILE}", "–")),
        ("Warns", ("Too long. (Recalled, not verified.)", "–")),
    ],
)
def test_rules_and_disease_stand_beside_the_plans(label: str, cells: tuple[str, ...]) -> None:
    assert printed(label) == cells


def test_what_is_allowed_is_left_to_the_plan_s_own_section() -> None:
    assert not any(r.label == "Allows" for r in comparison_rows(full()))
    assert [row[0] for row in disease_rows(full().plans[0])] == ["Forbids", "Warns", "Allows"]


def test_every_rule_says_once_whom_it_was_found_in() -> None:
    rows = {row[0]: row[1:] for row in rule_facts(full())}
    assert len(rule_facts(full())) == 6
    assert rows["ICG-R15 ≤ 10 % for a right hepatectomy or more"] == ("HCC", "–", "entry rule", "yu2021icg")
    assert rows["remnant LiMAx ≥ 150 µg/kg/h (recalled, not verified)"][1] == "functional liver, measured"


def test_tests_that_were_not_supplied_are_one_line() -> None:
    assert rules_not_asked(full()) == "not supplied: K-ICG, mebrofenin uptake of the FLR"
    assert rules_not_asked(comparison()) == ""


def test_published_outcomes_print_their_interval_or_say_there_is_none() -> None:
    assert [row[2] for row in context_rows(full())] == [
        "58.6 (39–78) %; recalled, not verified",
        "30 months, no interval printed",
        "1.9 (1.5–2.4)",
    ]


def test_the_page_holds_all_of_it_and_keeps_hostile_words_text() -> None:
    page = render_html(full())
    for words in (
        "Rules asked",
        "Tests not supplied: K-ICG",
        "Rules that contradict each other",
        "10.03 % is above",
        "Extent of disease",
        "Bowel first.",
        "What was published on comparable groups",
        "It is no forecast for this person.",
        "58.6 (39–78)",
    ):
        assert words in page.replace("\u00a0", " "), words
    assert HOSTILE not in page
    bare = render_html(comparison())
    for words in ("contradict each other</h3>", "Extent of disease</h3>", "comparable groups"):
        assert words not in bare, words
