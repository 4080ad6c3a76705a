"""The fit finds numbers that made the rows, stays in the ranges, and never reads a validation study."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from evidence_folder import change, copied

from flrsim.calibrate import calibrate, changes, with_values, write_calibration
from flrsim.errors import EvidenceError, FileError
from flrsim.evidence import Evidence, PrintedNumber, Study, check_evidence, load_evidence, load_trials
from flrsim.evidence.targets import FILE, TargetGroup, check_targets, load_targets
from flrsim.results import Calibration
from flrsim.validate import at_values, simulate_row, simulated_arms

ARM: dict[str, Any] = {
    "n": 60,
    "technique": "pve",
    "sflr": {"mean": 0.27, "sd": 0.05},
    "scan_days": [7, 28],
    "resection_day": 42,
    "assumed": (),
}


DAYS = ("7", "14", "28")


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return load_evidence()


def made_up(value: dict[str, float], split: str = "calibration", key: str = "madeup") -> Study:
    numbers = tuple(
        PrintedNumber(
            id=f"day_{day}", arm="a", against="", quantity="relative_growth", statistic="mean", below=None, day=float(day),
            value=printed, low=printed - 0.02, high=printed + 0.02, interval="printed_ci95", unit="fraction", n=None,
            where="abstract", repeats=(), note="",
        )
        for day, printed in value.items()
    )  # fmt: skip
    return Study(
        key=key, source="aoki2011", title="made up", split=split, why="for a test", read="", also=(),
        arms=MappingProxyType({"a": MappingProxyType(ARM)}), assumptions=(), negative=MappingProxyType({}),
        numbers=numbers,
    )  # fmt: skip


def group(**changed: Any) -> TargetGroup:
    whole = TargetGroup(
        "growth",
        "a test",
        0.0,
        {"growth.pve.amplitude": "log", "growth.pve.tau": "log"},
        tuple(f"madeup:day_{day}" for day in DAYS),
    )
    return replace(whole, **changed)


def wide(evidence: Evidence) -> Evidence:
    """Return the evidence with ranges so wide that they hardly hold a fit."""
    new = {"growth.pve.amplitude": (0.05, 2.0), "growth.pve.tau": (2.0, 60.0)}
    return evidence.with_numbers([replace(evidence[id], range=r) for id, r in new.items()], named="wide")


def rows_of(truth: Evidence, days: tuple[str, ...] = DAYS) -> dict[str, float]:
    """Return what a study of a very large number of patients would print, with other luck than the fit's."""
    study = made_up(dict.fromkeys(days, 0.1))
    arms = simulated_arms(study, at_values(truth), seed=99, replicate=4, n=40_000)
    return {str(round(n.day or 0)): simulate_row(n, arms, {}) for n in study.numbers}


def test_the_fit_finds_the_numbers_that_made_the_rows(evidence: Evidence) -> None:
    truth = with_values(evidence, {"growth.pve.amplitude": 0.48, "growth.pve.tau": 13.0})
    study = made_up(rows_of(truth))
    found = calibrate(wide(evidence), (study,), targets=(group(),), seed=1, draws=4000)
    (fitted,) = found.groups
    assert fitted.adopted, fitted.verdict
    assert fitted.loss_after < 0.1 * fitted.loss_before
    values = found.values
    assert values["growth.pve.amplitude"] == pytest.approx(0.48, rel=0.06)
    assert values["growth.pve.tau"] == pytest.approx(13.0, rel=0.10)


def test_the_range_holds_a_number_that_the_rows_pull_away(evidence: Evidence) -> None:
    study = made_up({"7": 0.9, "14": 1.5, "28": 2.5})
    (fitted,) = calibrate(evidence, (study,), targets=(group(),), seed=1, draws=500).groups
    for n in fitted.numbers:
        low, high = evidence[n.id].sensitivity or (0.0, 0.0)
        assert low - 1e-9 <= n.after <= high + 1e-9
    assert not fitted.adopted
    assert "ended at the end of its range" in fitted.verdict or "hardly do better" in fitted.verdict


def test_rows_that_are_met_ask_for_nothing(evidence: Evidence) -> None:
    study = made_up(rows_of(evidence))
    result = calibrate(evidence, (study,), targets=(group(between=0.3),), seed=1, draws=1000)
    assert not result.groups[0].adopted
    assert "do not contradict the present numbers" in result.groups[0].verdict
    assert result.values == {}


def test_rows_that_are_too_few_set_nothing(evidence: Evidence) -> None:
    fit = {"growth.pve.amplitude": "log", "growth.pve.tau": "log"}
    truth = with_values(evidence, {"growth.pve.amplitude": 0.48, "growth.pve.tau": 13.0})
    study = made_up(rows_of(truth))
    one = group(fit=fit, targets=("madeup:day_7", "madeup:day_28"))
    (fitted,) = calibrate(wide(evidence), (study,), targets=(one,), seed=1, draws=500).groups
    assert not fitted.adopted
    assert fitted.verdict == "rows 2 do not determine 2 numbers"


def test_a_validation_row_is_refused_and_never_read(evidence: Evidence) -> None:
    held_out = made_up({"7": 0.1, "14": 0.2, "28": 0.3}, split="validation")
    with pytest.raises(
        EvidenceError, match="madeup is declared for validation; a fit reads calibration studies"
    ):
        calibrate(evidence, (held_out,), targets=(group(),), seed=1, draws=100)
    spoiled = made_up({"7": 9.0, "14": 9.0, "28": 9.0}, split="validation", key="other")
    study = made_up({"7": 0.15, "14": 0.25, "28": 0.35})
    alone, beside = (
        calibrate(evidence, studies, targets=(group(),), seed=1, draws=300)
        for studies in ((study,), (spoiled, study))
    )
    assert alone.to_dict() == beside.to_dict()


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"targets": ("madeup:gone",)}, 'target "madeup:gone", and there is no such row'),
        ({"targets": ("nobody:day_7",)}, "there is no such row"),
        ({"fit": {"growth.atrophy.day": "linear"}}, "which has no range"),
        ({"fit": {"growth.nothing": "linear"}}, "has no number"),
    ],
)
def test_a_target_that_cannot_be_is_refused(evidence: Evidence, changed: Any, sentence: str) -> None:
    with pytest.raises(EvidenceError, match=sentence):
        calibrate(
            evidence,
            (made_up({"7": 0.1, "14": 0.2, "28": 0.3}),),
            targets=(group(**changed),),
            seed=1,
            draws=100,
        )


def test_the_packages_targets_are_calibration_rows_and_no_validation_study_is_named(
    evidence: Evidence,
) -> None:
    studies = load_trials()
    groups = load_targets()
    assert groups
    check_targets(groups, evidence, studies)
    held_out = {s.key for s in studies if s.split == "validation"}
    assert not held_out & {t.partition(":")[0] for g in groups for t in g.targets}
    fitted = [id for g in groups for id in g.fit]
    assert len(fitted) == len(set(fitted))


def test_the_set_that_is_written_can_be_read_and_says_how_it_came_about(
    evidence: Evidence, tmp_path: Path
) -> None:
    truth = with_values(evidence, {"growth.pve.amplitude": 0.45})
    study = replace(made_up(rows_of(truth)), key="aoki2011")
    targets = tuple(f"aoki2011:day_{day}" for day in DAYS)
    result = calibrate(wide(evidence), (study,), targets=(group(targets=targets),), seed=1, draws=2000)
    assert isinstance(result, Calibration)
    assert set(changes(result)) == {"growth.pve.amplitude", "growth.pve.tau"}
    out = tmp_path / "set"
    write_calibration(result, out)
    new = load_evidence(out)
    for id, value in result.values.items():
        p = new[id]
        assert p.value == pytest.approx(value, rel=5e-3)
        assert p.kind == "calibrated"
        assert (p.sd, p.range, p.source) == (evidence[id].sd, evidence[id].range, evidence[id].source)
        assert f"Before: {evidence[id].value:g}" in p.note
        assert "seed 1" in p.note
        assert "loss" in p.note
    same = [id for id in evidence.ids() if id not in result.values]
    assert all(new[id] == evidence[id] for id in same)
    whole = json.loads((out / "calibration.json").read_text())
    assert whole["schema"] == "flrsim/calibration/1"
    assert (whole["seed"], whole["draws"]) == (1, 2000)
    with pytest.raises(FileError, match="is there already"):
        write_calibration(result, out)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[a]\nwhy = 'x'\n", "needs the keys between, fit, targets, why"),
        ("[a]\nwhy = ''\nbetween = 0\nfit = { x = 'log' }\ntargets = ['s:r']\n", "has no why"),
        ("[a]\nwhy = 'x'\nbetween = -1\nfit = { x = 'log' }\ntargets = ['s:r']\n", "a share of at least 0"),
        ("[a]\nwhy = 'x'\nbetween = 0\nfit = { x = 'cubic' }\ntargets = ['s:r']\n", "linear, log, logit"),
        ("[a]\nwhy = 'x'\nbetween = 0\nfit = { x = 'log' }\ntargets = []\n", "a list of study:id"),
    ],
)
def test_a_bad_table_of_targets_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(EvidenceError, match=sentence):
        load_targets(tmp_path)


def test_the_check_of_the_evidence_finds_a_target_that_validates(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    study = folder / "trials" / "croome2015" / "study.toml"
    study.write_text(change(study.read_text(), 'split = "calibration"', 'split = "validation"'))
    (said,) = [f.sentence for f in check_evidence(folder).findings if f.file == FILE]
    assert "croome2015 is declared for validation" in said
