"""What is said of early, short and late intervals: at which day, with which number of the evidence."""

from __future__ import annotations

import csv
import importlib
from importlib.resources import files
from types import SimpleNamespace

import pytest

from flrsim.evidence import load_evidence
from flrsim.plan import Occlude, Operate, Plan, Scan, Step
from flrsim.planner import remarks
from flrsim.planner.remarks import published_intervals

E = load_evidence()
remarks_module = importlib.import_module(
    "flrsim.planner.remarks"
)  # the package gives its function the same name


def plan(technique: str, scan: int, last: int) -> Plan:
    first = Occlude(technique, ("right",)) if technique else Operate(wedge=("L1",), margin_mm=5)
    resection = Operate(resect=("right_hepatectomy",))
    return Plan("x", (Step(0, first), Step(scan, Scan()), Step(last, resection)))


def said(technique: str, scan: int, last: int) -> dict[str, list[str]]:
    return {
        k: [f"{r.text}; {r.source}" for r in v] for k, v in remarks(plan(technique, scan, last), E).items()
    }


@pytest.mark.parametrize(
    ("technique", "family"),
    [
        ("pve", "occlusion"),
        ("lvd", "occlusion"),
        ("pvl", "occlusion"),
        ("alpps_mini", "partition"),
        ("y90", "radiation"),
    ],
)
def test_an_interval_in_which_no_scan_can_judge_is_said_with_the_rule(technique: str, family: str) -> None:
    rule = E[f"rules.volumetry_after_{family}"]
    least = round(rule.value)
    early = said(technique, least - 2, least - 1)
    assert "scan_day" not in early, "said once"
    assert f"{least - 1} days are too few for any scan to judge" in early["interval_days"][0]
    assert (
        f"{rule.id}: {least} days ({rule.low:g} to {rule.high:g}), {rule.kind}" in early["interval_days"][0]
    )
    assert rule.note in early["interval_days"][0]
    for last in (least, least + 2):
        in_time = said(technique, least, last)
        assert not any("judge" in text for texts in in_time.values() for text in texts)


def test_an_early_scan_before_a_late_operation_is_said_at_the_scan() -> None:
    least = round(E.value("rules.volumetry_after_occlusion"))
    found = said("pve", least - 1, least + 20)
    assert list(found) == ["scan_day"]
    assert f"the scan comes {least - 1} days after the PVE, too early to judge" in found["scan_day"][0]
    assert "no source" in found["scan_day"][0], "what is assumed is called so"
    # Days count from the stimulus, not from day 0.
    later = Plan(
        "x",
        (
            Step(0, Operate(wedge=("L1",), margin_mm=5)),
            *(Step(s.day + 14, s.action) for s in plan("pve", least - 1, 60).steps),
        ),
    )
    assert f"comes {least - 1} days" in remarks(later, E)["scan_day"][0].text


def test_an_interval_shorter_than_any_published_is_said_with_its_source() -> None:
    with (files("flrsim") / "evidence/trials/dve2024/numbers.csv").open(encoding="utf-8") as file:
        row = next(r for r in csv.DictReader(file) if r["quantity"] == "interval_days")
    shortest = float(row["low"])
    assert published_intervals()["lvd"][:2] == (shortest, "dve2024")
    short = said("lvd", int(shortest) - 2, int(shortest))["interval_days"]
    assert any(
        f"shortest published interval of LVD, {shortest:g} days" in s and "10.1186/s42155" in s for s in short
    )
    assert not any("shortest" in s for s in said("lvd", int(shortest), int(shortest) + 1)["interval_days"])
    assert not any("shortest" in s for s in said("pve", 3, 5)["interval_days"]), "none is published for PVE"
    for technique, id in (("", "two_stage"), ("alpps", "alpps")):
        usual = E[f"search.interval.{id}"]
        assert usual.range is not None
        low = round(usual.range[0])
        assert f"{usual.id}: {usual.value:g} days" in said(technique, low - 2, low - 1)["interval_days"][-1]
        assert said(technique, low - 1, low).get("interval_days", []) == []


def test_the_shortest_of_several_published_intervals_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def study(key: str, low: float, **more: str) -> SimpleNamespace:
        row = {
            "quantity": "interval_days",
            "interval": "printed_range",
            "against": "",
            "arm": "a",
            "low": low,
            "n": 9,
        }
        return SimpleNamespace(
            source=key, arms={"a": {"technique": "pve"}}, numbers=[SimpleNamespace(**row | more)]
        )

    studies = [
        study("one", 20.0), study("two", 12.0), study("three", 15.0), study("range of the middle half", 3.0, interval="printed_iqr"),
        study("difference", -2.0, against="b"), study("other", 1.0, quantity="kgr"),
    ]  # fmt: skip
    monkeypatch.setattr(remarks_module, "load_trials", lambda: studies)
    assert published_intervals.__wrapped__() == {"pve": (12.0, "two", 9)}


def test_an_interval_after_which_volume_counts_as_never_reached_is_said() -> None:
    for technique, id in (
        ("pve", "rules.never_after"),
        ("", "rules.never_after"),
        ("y90", "rules.never_after_radiation"),
    ):
        most = round(E.value(id))
        assert f"{id}: {most} days" in said(technique, most, most + 1)["interval_days"][-1]
        assert "interval_days" not in said(technique, most, most)


def test_nothing_is_said_where_nothing_is_waited_for_or_the_days_are_usual() -> None:
    assert remarks(Plan("x", (Step(0, Operate(resect=("right_hepatectomy",))),)), E) == {}
    assert remarks(plan("pve", 28, 35), E) == {}
