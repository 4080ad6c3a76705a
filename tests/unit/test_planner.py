"""Edits of a draft: what they do, what they refuse and with which number; judged as `compare` judges, saved as written."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import block_liver as blocks
import planned_liver as planned
from flrsim.case_file import load_case
from flrsim.case_file.save import saved
from flrsim.comparison import compare
from flrsim.errors import CaseError, EditError
from flrsim.plan import Occlude, Operate, Plan, Scan, Step, Treat, Wait
from flrsim.planner import (
    QUANTITIES,
    Cycles,
    Draft,
    Steps,
    Workbench,
    add_plan,
    add_resection,
    assign_lesion,
    assign_resection,
    assign_segment,
    assign_segments,
    course_of_history,
    duplicate_plan,
    remove_plan,
    rename_plan,
    select_plan,
    set_ablation_margin,
    set_before,
    set_between,
    set_draws,
    set_formula,
    set_history,
    set_interval,
    set_margin,
    set_patient,
    set_penalty,
    set_resection_day,
    set_scan_day,
    set_seed,
    set_segment_4,
    set_technique,
    shape_of,
    why,
)
from flrsim.planner import workbench as workbench_module
from flrsim.planner.conflicts import in_ml
from flrsim.resection.plane import Plane

E = planned.EVIDENCE
FIRST_SCAN, LAG = (
    round(E.value(n)) for n in ("rules.volumetry_after_occlusion", "search.interval.scan_to_operation")
)
L1_IN_S6, L1_IN_S7 = (planned.ml_in(planned.ACROSS, s) for s in (6, 7))


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> tuple[Draft, Workbench]:
    return planned.session(planned.write(tmp_path_factory.mktemp("case")))


def steps(draft: Draft) -> list[tuple[int, str]]:
    """Day and kind of every step of the selected plan."""
    return [(s.day, type(s.action).__name__) for s in draft.plan.steps]


def action(draft: Draft, kind: type[Any], nth: int = 0) -> Any:
    return [s.action for s in draft.plan.steps if isinstance(s.action, kind)][nth]


def refused(edit: Callable[[], object]) -> EditError:
    with pytest.raises(EditError) as caught:
        edit()
    return caught.value


def same_as_compare(bench: Workbench, draft: Draft) -> None:
    case = replace(draft.case, patient=draft.patient, history=draft.history)
    fresh = compare(case, draft.plans, E, seed=draft.seed, draws=draft.draws, modifiers_off=draft.off)
    told = bench.compare(draft).result
    assert json.dumps(told.to_dict()) == json.dumps(fresh.result.to_dict())
    assert bench.what_if(draft).result.plans == told.plans


def test_a_segment_that_would_leave_part_of_a_lesion_is_refused_with_the_ml(
    session: tuple[Draft, Workbench],
) -> None:
    draft, bench = session
    error = refused(lambda: assign_segment(draft, E, bench, "S6", 0))
    assert error.control == "segment S6"
    assert error.sentence == (
        f"S6 cannot be kept while L1 goes with its segments in stage 1: it would leave {L1_IN_S6:.1f} mL of L1 behind in S6"
    )


def test_a_lesion_across_two_stages_is_refused_with_the_ml_of_each(session: tuple[Draft, Workbench]) -> None:
    draft, bench = session
    two = select_plan(draft, "two-stage")
    error = refused(lambda: assign_segment(two, E, bench, "S7", 1))
    assert error.sentence.endswith(
        f"it would cut L1 in two, {L1_IN_S7:.1f} mL in stage 1 and {L1_IN_S6:.1f} mL in stage 2"
    )


def test_a_lesion_is_kept_only_where_its_segments_are(session: tuple[Draft, Workbench]) -> None:
    draft, bench = session
    error = refused(lambda: assign_lesion(draft, E, bench, "L1", "keep"))
    assert f"S6 ({L1_IN_S6:.1f} mL of it, stage 1) + S7 ({L1_IN_S7:.1f} mL of it, stage 1)" in error.sentence
    error = refused(lambda: assign_lesion(draft, E, bench, "L2", "segment"))
    assert f"S2 ({planned.ml_in(planned.SMALL, 2):.1f} mL of it) stays" in error.sentence


def test_a_wedge_lets_the_segments_beside_it_go_one_by_one(session: tuple[Draft, Workbench]) -> None:
    draft, bench = session
    draft = assign_lesion(draft, E, bench, "L1", "wedge", 1)
    draft = assign_segment(draft, E, bench, "S6", 0)
    assert action(draft, Operate).wedge == ("L1",)
    assert shape_of(draft.plan, draft.case, E).segments["S6"] == 0
    assert not bench.staged(draft.plan).fates[0].left_ml
    error = refused(lambda: assign_lesion(draft, E, bench, "L1", "keep"))
    assert f"S7 ({L1_IN_S7:.1f} mL" in error.sentence


def test_what_was_cut_through_before_may_be_edited_on(session: tuple[Draft, Workbench]) -> None:
    draft, bench = session
    posterior_inferior = Plan("S6 alone", (Step(0, Operate(resect=("S6",))),))
    draft = add_plan(draft, posterior_inferior)
    done = assign_segment(draft, E, bench, "S5", 1)
    assert action(done, Operate).resect == ("S5", "S6")


def test_what_shrinks_first_may_be_cut_today(session: tuple[Draft, Workbench]) -> None:
    draft, bench = session
    treated = set_before(draft, E, Cycles("FOLFOX", 4, 5))
    fate = next(f for f in bench.staged(Plan("x", (Step(0, Operate(resect=("S5", "S7", "S8"))),))).fates)
    if fate.clears_at is None:
        error = refused(lambda: assign_segment(treated, E, bench, "S6", 0))
        assert f"{L1_IN_S6:.1f} mL" in error.sentence
    else:
        assert shape_of(assign_segment(treated, E, bench, "S6", 0).plan, draft.case, E).segments["S6"] == 0


def test_named_resections_replace_a_stage(session: tuple[Draft, Workbench]) -> None:
    draft, bench = session
    draft = assign_resection(draft, E, bench, "right_trisectionectomy", 1)
    assert action(draft, Operate).resect == ("right_trisectionectomy",)
    draft = assign_segment(draft, E, bench, "S1", 1)
    assert draft.plan.caudate == "goes"
    assert shape_of(draft.plan, draft.case, E).segments["S1"] == 1
    draft = assign_segment(draft, E, bench, "S1", 0)
    assert draft.plan.caudate == "stays"
    assert action(draft, Operate).resect == ("right_trisectionectomy",)
    assert "no segment" in refused(lambda: assign_segment(draft, E, bench, "S4a", 1)).sentence
    assert "stages 1 to 2" in refused(lambda: assign_segment(draft, E, bench, "S2", 3)).sentence


def test_a_new_stage_gets_the_usual_days_and_the_stimulus_moves_between(
    session: tuple[Draft, Workbench],
) -> None:
    draft, bench = session
    draft = set_technique(draft, E, "pve")
    first, last = FIRST_SCAN, FIRST_SCAN + LAG
    assert steps(draft) == [(0, "Occlude"), (first, "Scan"), (last, "Operate")]
    assert action(draft, Occlude).portal == ("right",)
    with_wedge = assign_lesion(draft, E, bench, "L2", "wedge", 1)
    two = assign_segments(with_wedge, E, bench, dict.fromkeys(("S5", "S6", "S7", "S8"), 2), control="right")
    closing, between = (
        round(E.value(f"search.interval.{n}")) for n in ("stage_1_to_embolization", "two_stage")
    )
    end = max(closing + last, between)
    assert steps(two) == [(0, "Operate"), (closing, "Occlude"), (end - LAG, "Scan"), (end, "Operate")]
    assert action(two, Operate).wedge == ("L2",)
    assert action(two, Operate, 1).resect == ("right_hepatectomy",)
    back = assign_lesion(two, E, bench, "L2", "keep")
    assert steps(back) == steps(draft)


@pytest.mark.parametrize(
    ("technique", "kinds"),
    [
        ("none", ["Operate", "Scan", "Operate"]),
        ("pvl", ["Operate", "Occlude", "Scan", "Operate"]),
        ("alpps", ["Operate", "Occlude", "Scan", "Operate"]),
        ("lvd", ["Operate", "Occlude", "Scan", "Operate"]),
    ],
)
def test_techniques(session: tuple[Draft, Workbench], technique: str, kinds: list[str]) -> None:
    draft, _ = session
    draft = set_technique(select_plan(draft, "two-stage"), E, technique)
    assert [kind for _, kind in steps(draft)] == kinds
    if technique in ("pvl", "alpps"):
        assert draft.plan.steps[1].day == 0
    if technique == "lvd":
        assert action(draft, Occlude).hepatic == ("right",)
    if technique == "alpps":
        assert draft.plan.steps[-1].day == round(E.value("search.interval.alpps"))


def test_segments_that_leave_venous_deprivation_no_vein_are_refused_in_words(
    session: tuple[Draft, Workbench],
) -> None:
    draft, bench = session
    two = set_technique(select_plan(draft, "two-stage"), E, "lvd")
    one = set_technique(draft, E, "lvd")
    for given, resection in ((two, "right_posterior_sectionectomy"), (one, "right_anterior_sectionectomy")):
        # As many operations as before, and one more.
        error = refused(lambda g=given, r=resection: assign_resection(g, E, bench, r, 2))
        assert error.control == "resection stage 2"
        assert "LVD would have no hepatic vein to close" in error.sentence
        assert "choose PVE first" in error.sentence


def test_segment_4_is_closed_or_left_open(session: tuple[Draft, Workbench]) -> None:
    draft, bench = session
    draft = set_technique(assign_resection(draft, E, bench, "right_trisectionectomy", 1), E, "pve")
    assert action(draft, Occlude).portal == ("right", "S4")
    draft = set_segment_4(draft, E, False)
    assert action(draft, Occlude).portal == ("right",)
    # Other segments go: the stimulus follows them and leaves S4 open, as it was.
    draft = assign_segment(draft, E, bench, "S3", 1)
    assert action(draft, Occlude).portal == ("right", "S3")
    error = refused(lambda: set_segment_4(select_plan(draft, "two-stage"), E, True))
    assert "S4 stays" in error.sentence


def test_decisions_sit_on_scans(session: tuple[Draft, Workbench]) -> None:
    draft = select_plan(session[0], "two-stage")  # PVE day 14, scan 42, operation 45
    moved = set_interval(draft, E, 40)
    assert [day for day, _ in steps(moved)] == [0, 14, 51, 54]
    error = refused(lambda: set_interval(draft, E, 3))
    assert error.sentence == (
        "3 days are too few: the operation is decided on a scan 3 days before it, and that comes after day 14; give at least 4, "
        "or set the scan or the last operation first"
    )
    # One limit is said once, however many days lie beyond it.
    assert refused(lambda: set_interval(draft, E, 5000)).sentence == (
        "a day of the plan is 5014; it must be at most 730"
    )
    assert [day for day, _ in steps(set_interval(draft, E, 4))] == [0, 14, 15, 18]
    assert "scan of day 42" in refused(lambda: set_resection_day(draft, E, 41)).sentence
    assert steps(set_resection_day(draft, E, 42))[-1] == (42, "Operate")
    assert "between day 15" in refused(lambda: set_scan_day(draft, E, 14)).sentence
    assert "day 45" in refused(lambda: set_scan_day(draft, E, 46)).sentence
    assert (30, "Scan") in steps(set_scan_day(draft, E, 30))
    assert "nothing to wait for" in refused(lambda: set_interval(session[0], E, 30)).sentence
    # An operation without a scan before it gets one first.
    bare = add_plan(
        draft, replace(draft.plan, name="bare", steps=(*draft.plan.steps[:2], draft.plan.steps[3]))
    )
    assert "set the day of the scan first" in refused(lambda: set_interval(bare, E, 50)).sentence
    assert (40, "Scan") in steps(set_scan_day(bare, E, 40))


def test_chemotherapy_between_fits_or_is_refused_with_the_days(session: tuple[Draft, Workbench]) -> None:
    draft = select_plan(session[0], "two-stage")  # 31 days from PVE to the operation
    done = set_between(draft, E, Cycles("FOLFOX", 2, 2))
    given = next(s for s in done.plan.steps if isinstance(s.action, Treat))
    assert given.day == 45 - 14 - 14  # two weeks off, and one cycle between two doses
    assert shape_of(done.plan, draft.case, E).between == Cycles("FOLFOX", 2, 2)
    error = refused(lambda: set_between(draft, E, Cycles("FOLFOX", 3, 2)))
    assert "3 cycles of FOLFOX and 2 weeks off take 42 days; the interval has 31" in error.sentence
    later = set_interval(done, E, 38)
    assert next(s.day for s in later.plan.steps if isinstance(s.action, Treat)) == given.day + 7
    assert "before day 14" in refused(lambda: set_interval(done, E, 27)).sentence
    assert set_between(done, E, None).plan == draft.plan
    # A dose on the day of the operation is refused where it is asked for, not when the plan is judged.
    for cycles in (1, 2):  # one would lie outside the interval, where its own control no longer sees it
        error = refused(lambda n=cycles: set_between(draft, E, Cycles("FOLFOX", n, 0)))
        assert "0 weeks off put the last dose on day 45" in error.sentence
        error = refused(lambda n=cycles: set_before(draft, E, Cycles("FOLFOX", n, 0)))
        assert (error.control, "on day 0, that of the operation" in error.sentence) == ("before", True)
    assert set_between(draft, E, Cycles("FOLFOX", 1, 1 / 7)).plan.steps[-2].day == 44
    assert "1 cycle of FOLFOX and" in refused(lambda: set_between(draft, E, Cycles("FOLFOX", 1, 9))).sentence
    # What overran as it was read is mended step by step, not locked.
    late = Step(-3, Treat("FOLFOX", 2))
    read = replace(draft.plan, scan_day=-30, steps=(late, *draft.plan.steps))
    late_too = replace(draft, plans=tuple(read if p.name == read.name else p for p in draft.plans))
    assert set_between(late_too, E, Cycles("FOLFOX", 1, 2)).plan.steps[0] == late
    assert "FOLFOXX" in refused(lambda: set_between(draft, E, Cycles("FOLFOXX", 2, 2))).sentence
    # ALPPS leaves no time for it.
    assert "the interval has" in refused(lambda: set_technique(done, E, "alpps")).sentence
    assert "nothing would be waited for" not in refused(lambda: set_technique(done, E, "alpps")).sentence


def test_chemotherapy_first_puts_the_images_before_it(session: tuple[Draft, Workbench]) -> None:
    draft = session[0]
    done = set_before(draft, E, Cycles("FOLFOX", 4, 5))
    given = done.plan.steps[0]
    assert (given.day, given.action) == (-35 - 42, Treat("FOLFOX", 4))
    assert done.plan.scan_day == given.day
    assert shape_of(done.plan, draft.case, E).before == Cycles("FOLFOX", 4, 5)
    assert set_before(done, E, None).plan == draft.plan


def test_margins(session: tuple[Draft, Workbench]) -> None:
    draft, bench = session
    assert "no wedge" in refused(lambda: set_margin(draft, E, bench, 8)).sentence
    two = set_margin(select_plan(draft, "two-stage"), E, bench, 8)
    assert action(two, Operate).margin_mm == two.margin_mm == 8
    assert "at most 50" in refused(lambda: set_margin(two, E, bench, 51)).sentence
    ablated = assign_lesion(two, E, bench, "L2", "ablate", 1)
    assert action(ablated, Operate).ablation_margin_mm == E.value("search.ablation_margin")
    assert action(ablated, Operate).margin_mm is None
    assert action(set_ablation_margin(ablated, E, bench, 7), Operate).ablation_margin_mm == 7
    # A new wedge takes the plan's margin, else the one that was last set.
    beside = assign_lesion(replace(two, margin_mm=5.0), E, bench, "L1", "wedge", 2)
    assert action(beside, Operate, 1).margin_mm == 8
    again = assign_lesion(ablated, E, bench, "L2", "wedge", 1)
    assert action(again, Operate).margin_mm == 8


def test_plans_as_a_whole(session: tuple[Draft, Workbench]) -> None:
    draft = session[0]
    copy = duplicate_plan(draft, "right")
    assert [p.name for p in copy.plans] == ["right", "right, copy", "two-stage"]
    assert copy.selected == "right, copy"
    assert duplicate_plan(copy, "right").selected == "right, copy 2"
    renamed = rename_plan(copy, "right, copy", "mine")
    assert renamed.plans[1] == replace(draft.plans[0], name="mine")
    assert "already" in refused(lambda: rename_plan(renamed, "mine", "right")).sentence
    assert "empty" in refused(lambda: rename_plan(renamed, "mine", " ")).sentence
    gone = remove_plan(renamed, "mine")
    assert gone.plans == draft.plans
    assert gone.selected == "right"
    assert "only plan" in refused(lambda: remove_plan(remove_plan(gone, "right"), "two-stage")).sentence
    added = add_resection(draft, "left_hepatectomy")
    assert added.plan.name == "left hepatectomy at once"
    assert "unknown" in refused(lambda: add_resection(draft, "unknown")).sentence
    assert "no plan" in refused(lambda: select_plan(draft, "nobody")).sentence


@pytest.mark.parametrize(
    ("ml", "said"), [(0.0, "0.0 mL"), (0.01, "less than 0.1 mL"), (0.06, "0.1 mL"), (14.24, "14.2 mL")]
)
def test_what_is_left_of_a_lesion_is_never_printed_as_none(ml: float, said: str) -> None:
    assert in_ml(ml) == said


def test_patient_and_history(session: tuple[Draft, Workbench]) -> None:
    draft = set_patient(session[0], weight_kg=90.0, liver__fibrosis="F3")
    assert draft.patient is not None
    assert (draft.patient.weight_kg, draft.patient.liver.fibrosis) == (90.0, "F3")
    assert set_patient(draft, liver__fibrosis=None).patient.liver.fibrosis is None  # type: ignore[union-attr]
    error = refused(lambda: set_patient(draft, height_cm=20))
    assert (error.control, error.sentence) == ("height_cm", "height cm is 20; it must be at least 120")
    error = refused(lambda: set_patient(draft, liver__fibrosis="F9"))
    assert (error.control, "F0" in error.sentence) == ("liver.fibrosis", True)
    assert "unknown" in refused(lambda: set_patient(draft, liver__colour="red")).sentence
    assert "missing" in refused(lambda: set_patient(replace(draft, patient=None), weight_kg=80)).sentence
    given = set_history(draft, 0, Cycles("FOLFIRI", 4, 8)).history
    assert (given[0].regimen, given[0].cycles, given[0].last_dose_day) == ("FOLFIRI", 4, -56)
    assert len(set_history(draft, 1, Cycles("FOLFIRI", 4, 8)).history) == 2
    two = set_history(draft, 1, Cycles("FOLFIRI", 4, 8))
    assert [t.regimen for t in set_history(two, 0, Cycles("CAPOX", 2, 20)).history] == ["CAPOX", "FOLFIRI"]
    assert set_history(two, 0, None).history == two.history[1:]
    # Weeks are kept to the day they are nearest to, and shown as they were given.
    nearly = set_history(draft, 0, Cycles("FOLFIRI", 4, 2.1)).history[0]
    assert (nearly.last_dose_day, round(course_of_history(nearly).weeks_off, 1)) == (-15, 2.1)
    assert set_history(draft, 0, None).history == ()
    assert "at most 100" in refused(lambda: set_history(draft, 0, Cycles("FOLFOX", 101, 8))).sentence
    assert "unknown part" in refused(lambda: set_history(draft, 0, Cycles("tea", 1, 8))).sentence
    assert "1 treatments" in refused(lambda: set_history(draft, 3, None)).sentence


def test_switches(session: tuple[Draft, Workbench]) -> None:
    draft = session[0]
    assert set_penalty(draft, "sos", False).off == {"sos"}
    assert set_penalty(set_penalty(draft, "sos", False), "sos", True).off == frozenset()
    assert set_formula(draft, "chan2006").formula == "chan2006"
    for bad in (
        lambda: set_penalty(draft, "bad luck", False),
        lambda: set_formula(draft, "mine"),
        lambda: set_draws(draft, 0),
        lambda: set_seed(draft, -1),
    ):
        assert refused(bad).sentence


PLANE = Plane((-45.0, -37.0, 172.0), (-1.0, 0.0, 0.0))
THREE = (
    Step(0, Operate(wedge=("L2",), margin_mm=5.0)),
    Step(20, Operate(resect=("S5",))),
    Step(40, Operate(resect=("S6", "S7"))),
)
TWICE = (
    Step(0, Occlude("pve", ("right",))),
    Step(20, Occlude("hve", hepatic=("right",))),
    Step(40, Scan()),
    Step(45, Operate(resect=("right_hepatectomy",))),
)
MEASURED = (
    Step(0, Occlude("pve", ("right",))),
    Step(28, Scan(600.0)),
    Step(45, Operate(resect=("right_hepatectomy",))),
)
WAITS = (Step(0, Operate(resect=("right_hepatectomy",))), Step(9, Wait()))


@pytest.mark.parametrize(
    ("plan_steps", "control", "why_not"),
    [
        ((Step(0, Operate(plane=(PLANE,))),), "segments", "drawn"),
        ((Step(0, Operate(plane=(PLANE,))),), "lesions", "drawn"),
        (THREE, "segments", "3 operations"),
        (TWICE, "technique", "PVE on day 0 and HVE on day 20"),
        (MEASURED, "technique", "600 mL"),
        (WAITS, "technique", "wait"),
    ],
)
def test_what_a_control_cannot_express_is_said_and_not_lost(
    session: tuple[Draft, Workbench], plan_steps: tuple[Step, ...], control: str, why_not: str
) -> None:
    draft, bench = session
    draft = add_plan(draft, Plan("special", plan_steps))
    assert why_not in shape_of(draft.plan, draft.case, E).disabled[control]
    edits: dict[str, Callable[[], object]] = {
        "segments": lambda: assign_segment(draft, E, bench, "S5", 0),
        "lesions": lambda: assign_lesion(draft, E, bench, "L2", "keep"),
        "technique": lambda: set_technique(draft, E, "alpps"),
    }
    assert why_not in refused(edits[control]).sentence
    assert duplicate_plan(draft, "special").plan.steps == plan_steps


def test_a_scan_that_was_made_does_not_move(session: tuple[Draft, Workbench]) -> None:
    draft = add_plan(session[0], Plan("measured", MEASURED))
    assert "600 mL were measured" in refused(lambda: set_scan_day(draft, E, 30)).sentence
    assert "600 mL were measured" in refused(lambda: set_interval(draft, E, 50)).sentence
    assert steps(set_resection_day(draft, E, 60))[-1] == (60, "Operate")


def test_drafts_are_judged_as_compare_judges_them(session: tuple[Draft, Workbench]) -> None:
    draft, bench = session
    same_as_compare(bench, draft)
    draft = set_patient(draft, weight_kg=90.0, liver__steatosis_fraction=0.4)
    same_as_compare(bench, draft)
    draft = set_interval(select_plan(draft, "two-stage"), E, 50)
    draft = set_between(draft, E, Cycles("FOLFIRI+bevacizumab", 2, 3))
    same_as_compare(bench, draft)
    draft = assign_lesion(draft, E, bench, "L2", "ablate", 1)
    draft = set_history(draft, 0, Cycles("FOLFOX", 12, 2))
    same_as_compare(bench, draft)
    draft = set_penalty(draft, "sos", False)
    same_as_compare(bench, draft)
    draft = add_plan(draft, Plan("plane", (Step(0, Operate(plane=(PLANE,))),)))
    draft = set_seed(set_draws(draft, 80), 5)
    same_as_compare(bench, draft)
    same_as_compare(bench, session[0])


def test_other_days_cut_nothing_anew(
    session: tuple[Draft, Workbench], monkeypatch: pytest.MonkeyPatch
) -> None:
    draft, bench = session
    bench.compare(draft)

    def cut(*_: Any, **__: Any) -> Any:
        raise AssertionError("the liver is cut again")

    for name in ("stage_plans", "lesion_facts", "segment_volumes", "liver_intervals"):
        monkeypatch.setattr(workbench_module, name, cut)
    monkeypatch.setattr(workbench_module.Circulation, "of", cut)
    other = set_interval(select_plan(draft, "two-stage"), E, 60)
    days = {p.name: p.resection_day for p in bench.compare(other).result.plans}
    assert days == {"right": 0, "two-stage": 74}
    assert bench.compare(set_penalty(draft, "sos", False)).result.run.draws == draft.draws


def test_why(session: tuple[Draft, Workbench]) -> None:
    draft, bench = session
    compared = bench.compare(draft)
    plan = next(p for p in compared.result.plans if p.name == "two-stage")
    for name in QUANTITIES:
        told = why(compared, "two-stage", name, E)
        assert told.title
        assert told.formula
        assert told.inputs
    told = why(compared, "two-stage", "sflr", E)
    flr, telv = told.inputs[0].value, told.inputs[1].value
    assert isinstance(flr, float)
    assert isinstance(telv, float)
    assert told.value == flr / telv == plan.sflr
    ids = {n.id: n for n in told.numbers}
    bsa = told.inputs[-1].value
    assert isinstance(bsa, float)
    slope, intercept = (ids[f"telv.vauthey2002.{n}"].value for n in ("per_bsa", "intercept"))
    assert intercept + slope * bsa == pytest.approx(telv)
    assert "2002" in ids["telv.vauthey2002.per_bsa"].source
    growth = why(compared, "two-stage", "flr_ml_at_resection", E)
    assert (growth.low, growth.value, growth.high) == (
        plan.flr_ml_at_resection.p10, plan.flr_ml_at_resection.median, plan.flr_ml_at_resection.p90,
    )  # type: ignore[union-attr]  # fmt: skip
    assert any(n.id == "growth.pve.amplitude" for n in growth.numbers)
    rule = next(r for r in plan.rules if r.binding)
    told = why(compared, "two-stage", f"rule:{rule.rule}", E)
    assert (told.value, told.inputs[0].value) == (rule.value, rule.threshold)
    assert told.numbers[0].id == f"rules.{rule.rule}"
    for bad in ("height", "rule:none"):
        assert refused(lambda bad=bad: why(compared, "two-stage", bad, E)).sentence  # type: ignore[misc]
    assert refused(lambda: why(compared, "nobody", "sflr", E)).sentence


@pytest.mark.parametrize("weight", [78.0, 250.0])
def test_why_of_death_adds_up_however_few_are_operated_on(
    session: tuple[Draft, Workbench], weight: float
) -> None:
    draft, bench = session
    draft = add_resection(set_patient(draft, weight_kg=weight), "left_trisectionectomy")
    compared = bench.compare(draft)
    shares = []
    for plan, timeline in zip(compared.result.plans, compared.timelines, strict=True):
        told = why(compared, plan.name, "p_death_90d", E)
        before, share, death = (i.value for i in told.inputs[:3])
        assert isinstance(before, float)
        assert isinstance(share, float)
        assert timeline is not None
        assert share == timeline.p_operations_done
        assert death is None if share == 0 else isinstance(death, float)
        summed = before + share * (death if isinstance(death, float) else 0.0)
        assert summed == pytest.approx(plan.p_death_90d, abs=1e-12)
        assert "operated on last × death after it" in told.formula
        shares.append(share)
    assert (min(shares) < 0.5) == (weight > 200.0)


def test_a_refusal_speaks_of_the_control_and_not_of_the_file(session: tuple[Draft, Workbench]) -> None:
    draft = replace(session[0], selected="two-stage")
    said = refused(lambda: set_resection_day(draft, E, 1_000_000_000)).sentence
    assert said == "a day of the plan is 1000000000; it must be at most 730"
    assert refused(lambda: set_patient(draft, weight_kg=None)).sentence == "weight kg is missing"
    low = refused(lambda: set_patient(draft, liver__icg_r15=2.0, height_cm=None)).sentence
    assert low == "height cm is missing; icg r15 is 2; it must be at most 1"


def test_undo_and_redo() -> None:
    s = Steps(1).do(2).do(3)
    assert s.undo().now == 2
    assert s.undo().redo() == s
    assert s.undo().undo().redo().redo() == s
    assert s.undo().undo().undo().now == 1
    assert s.redo() == s
    assert s.undo().do(9).redo().now == 9
    assert s.do(3) is s


def save(folder: Path, draft: Draft) -> str:
    text = (folder / "case.toml").read_text(encoding="utf-8")
    case, plans = load_case(folder, E)
    return saved(text, draft.plans, draft.patient, draft.history, before=(plans, case.patient, case.history))


COMMENTED = (
    "# my case\n"
    + blocks.CASE.replace("[patient]", "# who it is\n[patient]").replace(
        '[[plan]]\nname = "two', '# the second\n[[plan]]\nname = "two'
    )
    + "\n# after all\n"
)


def test_what_is_saved_is_read_back_and_the_rest_is_untouched(tmp_path: Path) -> None:
    folder = planned.write(tmp_path, COMMENTED)
    draft, bench = planned.session(folder)
    assert save(folder, draft) == COMMENTED
    draft = set_interval(select_plan(draft, "two-stage"), E, 50)
    draft = assign_lesion(draft, E, bench, "L2", "ablate", 1)
    draft = duplicate_plan(draft, "right")
    draft = set_patient(draft, weight_kg=91.5, tumour__extrahepatic=(), liver__icg_r15=0.1)
    draft = set_history(draft, 1, Cycles("FOLFIRI", 2, 9))
    text = save(folder, draft)
    for kept in ("# my case\n", "# who it is\n", '[anatomy]\nlabelmap = "segments.nii.gz"\n', "# after all"):
        assert kept in text
    start_of_plan = COMMENTED.index('[[plan]]\nname = "right"')
    assert COMMENTED[start_of_plan : COMMENTED.index("# the second")].rstrip() in text
    (folder / "case.toml").write_text(text, encoding="utf-8")
    case, plans = load_case(folder, E)
    assert (plans, case.patient, case.history) == (draft.plans, draft.patient, draft.history)
    assert save(folder, replace(draft, case=case)) == text


def test_a_sheet_stays_in_its_file_whatever_its_plan_is_called(tmp_path: Path) -> None:
    sheet = (
        '\n[[plan]]\nname = "drawn"\n[[plan.step]]\nday = 0\n[plan.step.operate]\n'
        'sheet = [{ goes = "S6", points_mm = [\n  [-45, -200, 0], [-45, 200, 0], [-45, 200, 400], [-45, -200, 400]\n], '
        "faces = [\n  [0, 1, 2],\n  [0, 2, 3]\n] }]\n"
    )
    folder = planned.write(tmp_path, blocks.CASE + sheet)
    draft, _ = planned.session(folder)
    draft = rename_plan(duplicate_plan(draft, "drawn"), "drawn, copy", 'a "second" one')
    draft = remove_plan(draft, "right")
    (folder / "case.toml").write_text(save(folder, draft), encoding="utf-8")
    _, plans = load_case(folder, E)
    assert [p.name for p in plans] == ["two-stage", "drawn", 'a "second" one']
    assert plans == draft.plans


def test_a_file_that_cannot_be_changed_in_place_is_said(tmp_path: Path) -> None:
    inline = blocks.CASE.replace(
        '[patient]\nsex = "male"\nage = 57\nheight_cm = 174\nweight_kg = 78\n', ""
    ).replace("[case]", 'patient = { sex = "male", age = 57, height_cm = 174, weight_kg = 78 }\n[case]')
    folder = planned.write(tmp_path, inline)
    draft, _ = planned.session(folder)
    with pytest.raises(CaseError, match="tables of their own"):
        save(folder, set_patient(draft, weight_kg=80.0))
