"""The web planner without a browser: who comes in, what each control does, what is saved, what the page prints."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import block_liver as blocks
import planned_liver as planned
from flrsim.case_file import load_case
from flrsim.errors import FileError
from flrsim.plan import Plan
from flrsim.planner import Steps, Workbench, start, why
from flrsim.report import format as show
from flrsim.viewer.web.page import controls, interval_window, results, unfolded
from flrsim.viewer.web.serve import Door, pages_may_close
from flrsim.viewer.web.session import EDITS, CaseText, Session

E = planned.EVIDENCE


@pytest.fixture
def session(tmp_path: Path) -> Session:
    folder = planned.write(tmp_path / "case")
    case, plans = load_case(folder, E)
    draft = start(case, plans, E, seed=1, draws=60)
    return Session(Workbench(case, E), E, Steps(draft), CaseText.read(folder, case, plans))


def asked(door: Door, **changed: Any) -> Any:
    """A request as the browser that was let in sends it, with some things changed."""
    left = SimpleNamespace()
    response = SimpleNamespace(
        set_cookie=lambda name, value, **how: vars(left).update(name=name, value=value, how=how)
    )
    door.leave_cookie(response)
    assert left.how["httponly"]
    assert left.how["samesite"] == "Strict"
    given: dict[str, Any] = {"cookies": {left.name: left.value}, "headers": {"Host": "127.0.0.1:8080"}}
    return SimpleNamespace(**(given | changed))


def test_the_token_opens_once_and_only_its_browser_is_known() -> None:
    door = Door()
    token = door.token
    assert token is not None
    assert not door.admit("")
    assert not door.admit(token[:-1])
    assert door.admit(token)
    assert not door.admit(token)
    assert door.known(asked(door))
    assert not door.known(asked(door, cookies={}))
    own = {"Host": "127.0.0.1:8080", "Origin": "http://127.0.0.1:8080"}
    assert door.known(asked(door, headers=own))
    for bad in (
        {"Host": "evil.example:8080"},
        own | {"Origin": "http://127.0.0.1:9999"},
        own | {"Origin": "http://evil.example"},
        {},
    ):
        assert not door.known(asked(door, headers=bad))


def test_another_doors_cookie_opens_nothing() -> None:
    one, other = Door(), Door()
    assert not one.known(asked(other))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionResetError("closing transport"), False),
        (BrokenPipeError("pipe"), True),
        (ValueError("a fault"), True),
        (None, True),
    ],
)
def test_only_a_page_that_was_closed_goes_unsaid(error: Exception | None, said: bool) -> None:
    told: list[dict[str, Any]] = []
    loop: Any = SimpleNamespace(default_exception_handler=told.append)
    context = {"message": "Task exception was never retrieved", "exception": error}
    pages_may_close(loop, context)
    assert told == ([context] if said else [])


def test_every_control_is_made_or_refused_with_its_sentence(session: Session) -> None:
    made = [
        ("select plan", "two-stage"),
        ("duplicate plan",),
        ("rename plan", "mine"),
        ("segment", "S4", 2),
        ("lesion", "L1", "wedge 1"),
        ("margin_mm", "7.5"),
        ("lesion", "L2", "ablate 1"),
        ("ablation_margin_mm", 6),
        ("resection", "right_hepatectomy", 2),
        ("technique", "lvd"),
        ("interval_days", "45"),
        ("scan_day", 40),
        ("resection_day", 66),
        ("between", "regimen", "FOLFIRI"),
        ("between", "cycles", "2"),
        ("between", "weeks_off", 3),
        ("before", "regimen", "FOLFOX"),
        ("history", 0, "cycles", 8),
        ("history", 1, "regimen", "FOLFIRI"),
        ("history", 1, "regimen", "none"),
        ("patient", "weight_kg", "81"),
        ("patient", "liver.steatohepatitis", "yes"),
        ("patient", "liver.fibrosis", "F3"),
        ("patient", "liver.fibrosis", "not known"),
        ("patient", "tumour.extrahepatic", []),
        ("patient", "tumour.extrahepatic", ["lung_resectable", "other"]),
        ("formula", "chan2006"),
        ("penalty", "sos", False),
        ("draws", 70),
        ("seed", "3"),
        ("remove plan",),
        ("add plan", "left_hepatectomy"),
    ]
    for control, *values in made:
        before = session.draft
        assert session.edit(control, *values), session.refusals
        assert session.draft != before, control
    assert session.draft.patient is not None
    assert session.draft.patient.liver.steatohepatitis is True
    assert session.draft.patient.liver.fibrosis is None
    assert session.draft.patient.tumour.extrahepatic == ("lung_resectable", "other")
    assert {control for control, *_ in made} >= set(EDITS) - {"segment_4", "add patient"}
    refused = [
        ("segment", "S6", 9),
        ("lesion", "L1", "segment"),
        ("patient", "height_cm", "tall"),
        ("patient", "height_cm", ""),
        ("history", 0, "cycles", 1.5),
        ("margin_mm", "wide"),
        ("draws", "many"),
        ("between", "cycles", 2),
        ("patient", "tumour.extrahepatic", ["moon"]),
        ("add patient", {"sex": "female"}),
        ("nothing", 1),
        ("rename plan", "x" * 121),
        ("rename plan", " "),
        ("interval_days", "inf"),
        ("interval_days", "nan"),
        ("interval_days", ""),
    ]
    for control, *values in refused:
        before = session.draft
        assert not session.edit(control, *values)
        assert session.draft is before
        ((key, sentence),) = session.refusals.items()
        assert key.startswith(control)
        assert sentence
    assert session.refusals == {"interval_days": "nothing was entered; give a number"}
    for _ in made:
        session.undo()
    assert [p.name for p in session.draft.plans] == ["right", "two-stage"]
    assert session.draft.selected == "two-stage", "to look at another plan is nothing to undo"
    session.undo()
    session.redo()
    assert session.draft.selected == "two-stage, copy"
    # Undone is what was edited, and that plan is shown.
    session.edit("select plan", "right")
    session.undo()
    assert (len(session.draft.plans), session.draft.selected) == (2, "two-stage")


def test_saving_writes_over_the_file_only_if_nobody_else_did(session: Session) -> None:
    path = session.file.path
    session.edit("patient", "weight_kg", 81)
    assert session.save("case.toml") == path
    assert "weight_kg = 81.0" in path.read_text(encoding="utf-8")
    session.edit("duplicate plan")
    path.write_text(path.read_text(encoding="utf-8") + "\n# another hand\n", encoding="utf-8")
    with pytest.raises(FileError, match="changed on disk since"):
        session.save("case.toml")
    other = session.save("case-2.toml")
    _, plans = load_case(other, E)
    assert plans == session.draft.plans
    session.undo()
    assert session.save("case-2.toml") == other
    bad_names = (
        "../x.toml",
        "plans.txt",
        "a/b.toml",
        "",
        ".toml",
        ".hidden.toml",
        "a\n.toml",
        "<b>.toml",
        "x" * 116 + ".toml",
    )
    for bad in bad_names:
        with pytest.raises(FileError, match="no name of a case file"):
            session.save(bad)
    (path.parent / "there.toml").write_text("")
    with pytest.raises(FileError, match="there already"):
        session.save("there.toml")
    assert session.save("plan B (2. try) für M-1.toml").exists()
    (
        path.parent / ".full.toml.part"
    ).mkdir()  # what cannot be written is said in words, and nothing is left half
    with pytest.raises(FileError, match=r"full.toml cannot be written: Is a directory"):
        session.save("full.toml")
    assert not (path.parent / "full.toml").exists()
    (path.parent / ".full.toml.part").rmdir()
    assert not list(path.parent.glob(".*.part"))


def test_each_file_keeps_its_own_words(tmp_path: Path) -> None:
    weighed = "weight_kg = 78  # on the ward"
    folder = planned.write(tmp_path / "case", blocks.CASE.replace("weight_kg = 78", weighed))
    case, plans = load_case(folder, E)
    draft = start(case, plans, E, seed=1, draws=60)
    session = Session(Workbench(case, E), E, Steps(draft), CaseText.read(folder, case, plans))
    session.edit("patient", "weight_kg", 81)
    other = session.save("try.toml")
    assert weighed not in other.read_text(encoding="utf-8")
    session.undo()
    assert weighed in session.save("case.toml").read_text(encoding="utf-8")


def test_a_file_that_was_left_for_another_name_can_be_saved_to_again(session: Session) -> None:
    path = session.file.path
    session.edit("patient", "weight_kg", 81)
    other = session.save("try.toml")
    session.edit("patient", "weight_kg", 82)
    assert session.save("case.toml") == path
    assert "weight_kg = 82.0" in path.read_text(encoding="utf-8")
    assert "weight_kg = 81.0" in other.read_text(encoding="utf-8")
    # Each keeps what stands in it alone, and a change by another hand is never lost.
    other.write_text(other.read_text(encoding="utf-8") + "\n# by hand\n", encoding="utf-8")
    session.edit("patient", "weight_kg", 83)
    with pytest.raises(FileError, match=r"try.toml was changed on disk since .* start flrsim serve again"):
        session.save("try.toml")
    assert session.save("case.toml") == path
    path.unlink()  # nothing is lost by writing what is gone
    assert session.save("case.toml") == path
    assert "weight_kg = 83.0" in path.read_text(encoding="utf-8")


def test_the_page_prints_what_compare_says(session: Session) -> None:
    compared = session.judge()
    told = results(session, compared)
    for shown, plan in zip(told["table"], compared.result.plans, strict=True):
        values = {c["quantity"]: c["value"] for c in shown["cells"] if c["quantity"]}
        as_json = plan.to_dict()
        for quantity in ("flr_ml", "sflr", "flr_body_weight", "p_complete", "p_death_90d", "p_death_last"):
            assert float(values[quantity]) == as_json[quantity]
        assert float(values["sflr_at_resection"]) == as_json["sflr_at_resection"]["median"]
        assert float(values["p_phlf"]) == as_json["p_phlf"]["low"]
    assert told["verdict"]["word"]
    assert "<svg" in told["curve"]
    # Another formula changes the sFLR that is shown, and no rule.
    rules = told["rules"]
    session.edit("formula", "chan2006")
    telv = next(t.ml for t in compared.result.telv if t.formula == "chan2006")
    other = results(session, session.judge())
    assert telv is not None
    cell = next(c for c in other["table"][0]["cells"] if c["quantity"] == "sflr")
    assert float(cell["value"]) == compared.result.plans[0].flr_ml / telv
    assert other["rules"] == rules


def test_controls_show_the_draft(session: Session) -> None:
    session.edit("select plan", "two-stage")
    shown = controls(session)
    assert [s["stage"] for s in shown["segments"]] == [0, 0, 0, 0, 2, 2, 2, 2]
    assert {x["name"]: x["way"] for x in shown["lesions"]} == {"L1": "segment", "L2": "wedge 1"}
    assert (shown["interval_days"], shown["scan_day"], shown["resection_day"]) == (31, 42, 45)
    weight = next(f for f in shown["patient"] if f["name"] == "weight_kg")
    assert (weight["value"], weight["reach"], weight["group"]) == (78.0, "30 to 300", "patient")
    fibrosis = next(f for f in shown["patient"] if f["name"] == "liver.fibrosis")
    assert fibrosis["words"][:2] == ["not known", "F0"]


def test_the_form_of_the_patient_shows_and_takes_what_the_file_can_say(session: Session) -> None:
    def field(name: str) -> Any:
        return next(f for f in controls(session)["patient"] if f["name"] == name)

    assert "not known" not in field("sex")["words"]
    assert "not known" not in field("disease")["words"]
    hepatitis = "liver.steatohepatitis"
    assert field(hepatitis)["value"] == "not known"
    for answer, known in (("yes", True), ("no", False), ("not known", None)):
        assert session.edit("patient", hepatitis, answer)
        assert session.draft.patient is not None
        assert session.draft.patient.liver.steatohepatitis is known
        assert field(hepatitis)["value"] == answer
    assert field("height_cm")["group"] == "patient"
    assert field(hepatitis)["group"] == "liver"
    assert field("tumour.response")["group"] == "tumour"
    # Whoever is there is changed field by field, never written over as a whole.
    assert not session.edit("add patient", NEW)
    assert "the case has a patient" in session.refusals["add patient"]
    # A refusal of one of many fields stands at that field.
    assert not session.edit("patient", "height_cm", 20)
    assert list(session.refusals) == ["patient height_cm"]


def test_marks_of_the_interval(session: Session) -> None:
    compared = session.judge()
    plan = next(p for p in compared.result.plans if p.name == "two-stage")
    window = interval_window(plan, session.draft.named("two-stage"))
    assert window is not None
    words = [m["text"] for m in window["marks"]]
    assert words == ["stage 1, day 0", "stage 2, day 45", "PVE, day 14", "scan, day 42"]
    places = {m["text"]: m["at"] for m in window["marks"]}
    assert places["stage 1, day 0"] == 0
    assert places["PVE, day 14"] / places["stage 2, day 45"] == pytest.approx(14 / 45, rel=0.01)
    assert interval_window(replace(plan, curves={}), Plan("x", ())) is None
    # Words that would run into each other stand in two rows; the scan is decided on within days of the second stage.
    session.edit("select plan", "two-stage")
    session.edit("interval_days", 5)
    plan = next(p for p in session.judge().result.plans if p.name == "two-stage")
    close = interval_window(plan, session.draft.plan)
    assert close is not None
    tops: dict[int, list[float]] = {}
    for m in close["marks"]:
        tops.setdefault(m["top"], []).append(m["at"])
    assert {m["text"]: m["top"] for m in close["marks"]}["scan, day 16"] != (
        {m["text"]: m["top"] for m in close["marks"]}["PVE, day 14"]
    )
    assert all(b - a >= 24 for places in tops.values() for a, b in pairwise(places))
    # A scan too early to be judged on asks no rule of growth; that is said, not printed as a dash.
    early = {r["title"]: r["p"] for r in results(session, session.judge())["rules"]}
    assert "not asked" in early.values()
    assert not any(show.NONE in p for p in early.values())


def test_a_number_unfolds_in_its_units(session: Session) -> None:
    told = unfolded(why(session.judge(), "two-stage", "sflr", E))
    assert told["value"].endswith(" %")
    assert any(
        "Vauthey" in i["source"] or "2002" in i["source"] or "2013" in i["source"] for i in told["inputs"]
    )
    assert {n["kind"] for n in told["numbers"]} <= {"reported", "derived", "calibrated", "assumed"}


NEW = {"sex": "female", "age": "61", "height_cm": "168", "weight_kg": "70.5", "disease": "hcc"}


def test_a_case_without_a_patient_gets_one_whole_and_keeps_it(tmp_path: Path) -> None:
    folder = planned.write(tmp_path / "case")
    text = (folder / "case.toml").read_text(encoding="utf-8")
    table = text[text.index("[patient]") :].partition("\n[")[0]
    (folder / "case.toml").write_text(text.replace(table, ""), encoding="utf-8")
    case, plans = load_case(folder, E)
    assert case.patient is None
    bench = Workbench(case, E)
    session = Session(
        bench, E, Steps(start(case, plans, E, seed=1, draws=60)), CaseText.read(folder, case, plans)
    )
    page = controls(session)
    assert (page["has_patient"], set(page["needed"])) == (False, set(NEW))
    assert set(NEW) <= {f["name"] for f in page["patient"]}
    for name in NEW:  # nothing is guessed, the disease least of all
        assert not session.edit("add patient", NEW | {name: ""})
        assert name.replace("_", " ") in session.refusals["add patient"]
    assert session.edit("add patient", NEW), session.refusals
    assert controls(session)["has_patient"]
    assert results(session, session.judge())["table"][0]["cells"][2]["value"]  # sFLR needs body size
    assert session.edit("patient", "tumour.extrahepatic", ["other"])
    session.save("new.toml")
    (folder / "case.toml").write_text((folder / "new.toml").read_text(encoding="utf-8"), encoding="utf-8")
    assert load_case(folder, E)[0].patient == session.draft.patient
    session.undo()
    session.undo()
    assert session.draft.patient is None


def test_sites_outside_the_liver_are_ticked_or_said_to_be_none(session: Session) -> None:
    def shown() -> Any:
        return next(f for f in controls(session)["patient"] if f["name"] == "tumour.extrahepatic")

    assert (shown()["value"], shown()["several"]) == (None, True)
    assert "peritoneum_limited" in shown()["words"]
    assert session.edit("patient", "tumour.extrahepatic", [])
    assert shown()["value"] == []
    assert session.edit("patient", "tumour.extrahepatic", ["hilar_nodes"])
    assert shown()["value"] == ["hilar_nodes"]
    assert session.edit("patient", "tumour.extrahepatic", None)
    assert shown()["value"] is None
