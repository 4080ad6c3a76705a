"""The calendar of a plan and what is left to do when it stops short: legal, dated, and said with what stays."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

import block_liver
from flrsim.case import LiverCase
from flrsim.case_file import load_case
from flrsim.conduct import fallbacks, plan_dates
from flrsim.evidence import load_evidence
from flrsim.plan import Occlude, Operate, Plan, Scan, Step, Treat
from flrsim.results import Fallback
from flrsim.staging import stage_plans

PVE = Occlude("pve", ("right",))
RIGHT = Operate(("right_hepatectomy",))


@cache
def case() -> LiverCase:
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        block_liver.write_case(Path(folder))
        return load_case(Path(folder), load_evidence())[0]


def left_to_do(*steps: Step) -> tuple[Fallback, ...]:
    (staged,) = stage_plans(case(), [Plan("p", steps)], load_evidence())
    return fallbacks(staged, case(), load_evidence())


def test_the_calendar_has_last_doses_images_and_every_step_in_order() -> None:
    plan = Plan(
        "p",
        (Step(-21, Treat("FOLFOX", 1)), Step(0, PVE), Step(28, Scan(500.0)), Step(35, RIGHT)),
        scan_day=-30,
    )
    dates = plan_dates(plan, case())
    assert [d.kind for d in dates] == ["last_dose", "images", "treat", "occlude", "scan", "operate"]
    # The plan dates the images 30 days before day 0 and with them what was given before them.
    assert [d.day for d in dates] == [-42 - 30 - case().scan_day, -30, -21, 0, 28, 35]
    assert dates[4].text == "scan, FLR measured 500 mL"
    assert [d.stage for d in dates] == [None] * 5 + [1]


def test_a_plan_of_one_operation_has_no_interval_to_fail_in() -> None:
    assert left_to_do(Step(0, RIGHT)) == ()


def test_after_embolization_the_deciding_scan_offers_what_can_be_carried_out() -> None:
    found = left_to_do(Step(0, PVE), Step(21, Scan()), Step(28, Scan()), Step(35, RIGHT))
    growth = {f.option: f for f in found if f.when == "growth"}
    assert list(growth) == ["wait", "hve", "alpps_rescue", "stop"]
    assert {f.day for f in growth.values()} == {28}
    assert all(f.possible for f in growth.values())
    # The middle vein drains S4, which stays; only the right one drains nothing but what goes.
    assert "(right)" in growth["hve"].sentence
    assert f"day {round(load_evidence().value('rules.never_after'))}" in growth["wait"].sentence
    (tumour,) = [f for f in found if f.when == "tumour"]
    assert (tumour.option, tumour.day) == ("stop", 35)


def test_what_was_done_is_not_offered_again_and_waiting_ends() -> None:
    both = Occlude("lvd", ("right",), ("right",))
    late = round(load_evidence().value("rules.never_after"))
    found = left_to_do(Step(0, both), Step(late, Scan()), Step(late + 7, RIGHT))
    growth = {f.option: f for f in found if f.when == "growth"}
    assert list(growth) == ["wait", "alpps_rescue", "stop"]
    assert not growth["wait"].possible
    parted = Occlude("alpps_rescue", ("right",))
    found = left_to_do(Step(0, PVE), Step(28, parted), Step(35, Scan()), Step(37, RIGHT))
    assert [f.option for f in found if f.when == "growth"] == ["wait", "stop"]


def test_an_embolization_without_a_vein_that_drains_only_it_says_so() -> None:
    found = left_to_do(
        Step(0, Occlude("pve", ("right_posterior",))),
        Step(28, Scan()),
        Step(35, Operate(("right_posterior_sectionectomy",))),
    )
    (hve,) = [f for f in found if f.option == "hve"]
    assert not hve.possible
    assert "no hepatic vein" in hve.sentence


def test_stopping_names_what_the_first_operation_left() -> None:
    first = Operate((), ("L2",), 5.0)
    found = left_to_do(Step(0, first), Step(14, PVE), Step(42, Scan()), Step(49, RIGHT))
    others = [x for x in case().lesions if x.name != "L2"]
    ml = sum(x.volume_ml for x in others)
    stops = [f for f in found if f.option == "stop"]
    assert len(stops) == 2
    for stop in stops:
        assert "L2" not in stop.sentence
        assert f"{ml:.0f} mL" in stop.sentence
        assert all(x.name in stop.sentence for x in others)


def test_without_a_scan_growth_is_asked_on_the_day_of_the_operation() -> None:
    found = left_to_do(Step(0, PVE), Step(35, RIGHT))
    assert {f.day for f in found if f.when == "growth"} == {35}


@pytest.mark.parametrize("option", ["hve", "alpps_rescue"])
def test_a_rescue_that_cannot_be_carried_out_is_said_with_its_reason(option: str, monkeypatch) -> None:
    from flrsim import conduct
    from flrsim.errors import PlanError

    def refuse(plan: Plan, _case: LiverCase) -> tuple[str, ...]:
        techniques = [s.action.technique for s in plan.steps if isinstance(s.action, Occlude)]
        assert techniques[:1] == ["pve"], "the rescue comes after the embolization"
        raise PlanError(f"{techniques[-1]} is refused")

    monkeypatch.setattr(conduct, "check_plan", refuse)
    found = left_to_do(Step(0, PVE), Step(28, Scan()), Step(35, RIGHT))
    (tried,) = [f for f in found if f.option == option]
    assert not tried.possible
    assert f"{option} is refused" in tried.sentence


def test_a_thrombus_in_what_is_embolized_leaves_no_further_closing_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = case()
    steps = (Step(0, PVE), Step(28, Scan()), Step(35, RIGHT))
    for grade, possible in (("Vp3", False), ("none", True)):
        assert whole.patient is not None
        ill = replace(whole.patient, disease="hcc", tumour=replace(whole.patient.tumour, thrombus=grade))
        holder = replace(whole, patient=ill)
        monkeypatch.setattr("flrsim.conduct.bearing_segment", lambda _: "S6")
        (staged,) = stage_plans(holder, [Plan("p", steps)], load_evidence())
        found = {f.option: f for f in fallbacks(staged, holder, load_evidence()) if f.when == "growth"}
        assert found["hve"].possible == found["alpps_rescue"].possible == possible
        assert ("thrombus forbids embolization" in found["hve"].sentence) != possible
        assert found["stop"].possible
