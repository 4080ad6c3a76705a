"""`flrsim validate` and `flrsim calibrate` as a person runs them, with few draws."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from flrsim.cli import main
from flrsim.evidence import load_evidence

sys.path.insert(0, str(Path(__file__).parents[1]))
from pages import loads_nothing

ROW = ["study", "quantity", "split", "published", "low", "high", "simulated", "sim_low", "sim_high", "inside"]


def test_validate_prints_json_a_table_and_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["validate", "--study", "croome2015", "--study", "haga2008", "--draws", "6", "--seed", "3"]
    page = tmp_path / "validation.html"
    assert main([*arguments, "--json", "--html", str(page)]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert list(whole) == ["schema", "rows", "summary"]
    assert whole["schema"] == "flrsim/validation/1"
    assert {r["study"] for r in whole["rows"]} == {"croome2015", "haga2008"}
    for row in whole["rows"]:
        assert list(row)[: len(ROW)] == ROW
        assert row["inside"] in (True, False, None)
    assert whole["summary"]["run"]["seed"] == 3
    assert loads_nothing(page.read_text(encoding="utf-8"))
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == whole
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "haga2008" in printed
    assert "expected by chance" in printed
    assert printed.count("not a medical device") == 1


def test_an_unknown_study_and_a_bad_page_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "--study", "nobody1999"]) == 1
    assert "there is no study nobody1999" in capsys.readouterr().err
    assert main(["validate", "--html", "page.pdf"]) == 1
    assert ".html" in capsys.readouterr().err


def test_calibrate_writes_a_set_that_can_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "set"
    assert main(["calibrate", "--group", "veins", "--draws", "200", "--out", str(out), "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert whole["schema"] == "flrsim/calibration/1"
    assert [g["group"] for g in whole["groups"]] == ["veins"]
    assert load_evidence(out).ids() == load_evidence().ids()
    assert main(["calibrate", "--group", "veins", "--out", str(out)]) == 1
    assert "is there already" in capsys.readouterr().err
    assert main(["calibrate", "--group", "magic", "--out", str(tmp_path / "other")]) == 1
    assert "there is no group magic" in capsys.readouterr().err
    assert main(["calibrate", "--group", "veins", "--draws", "200", "--out", str(tmp_path / "third")]) == 0
    assert "loss" in capsys.readouterr().out
