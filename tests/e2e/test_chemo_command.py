"""``flrsim chemo``: a plan after 0, 1, 2 … cycles of a regimen."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from pathlib import Path

import pytest

import block_liver as blocks
from flrsim.cli import main

MESHES = Path(__file__).parents[2] / "meshes"


def run(*arguments: object) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(a) for a in arguments])
    return code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def block_case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return blocks.write_case(tmp_path_factory.mktemp("chemo") / "case")


def test_the_table_has_a_row_for_each_number_of_cycles_and_json_says_the_same(block_case: Path) -> None:
    plan = blocks.CASE[blocks.CASE.index("[[plan]]") :].split('name = "')[1].split('"')[0]
    asked = ("chemo", block_case, "--plan", plan, "--regimen", "FOLFOX", "--cycles", 3, "--draws", 200)
    code, out, err = run(*asked, "--json")
    assert code == 0, err
    result = json.loads(out)
    assert result["schema"] == "flrsim/chemo/1"
    assert (result["plan"], result["regimen"], result["response"]) == (plan, "FOLFOX", "doublet")
    assert [r["cycles"] for r in result["rows"]] == [0, 1, 2, 3]
    assert any(a["id"] == "rules.wait.chemotherapy" for a in result["assumptions"])
    assert any(r["key"] == "degramont2000" for r in result["references"])
    code, table, err = run(*asked)
    assert code == 0, err
    for row in result["rows"]:
        assert f"day {row['operation_day']} " in table
    assert "not a medical device" in table


@pytest.mark.parametrize(("fibrosis", "quantity"), [("F0", "sFLR"), ("F4", "FLR / functional liver")])
def test_the_rule_names_its_denominator(
    block_case: Path, tmp_path: Path, fibrosis: str, quantity: str
) -> None:
    case = tmp_path / "case"
    shutil.copytree(block_case, case)
    text = (case / "case.toml").read_text()
    (case / "case.toml").write_text(
        text.replace("[[plan]]", f'[patient.liver]\nfibrosis = "{fibrosis}"\n\n[[plan]]', 1)
    )
    plan = text[text.index("[[plan]]") :].split('name = "')[1].split('"')[0]
    asked = ("chemo", case, "--plan", plan, "--regimen", "FOLFOX", "--cycles", 1, "--draws", 200)
    code, out, err = run(*asked, "--json")
    assert code == 0, err
    assert {row["rule_quantity"] for row in json.loads(out)["rows"]} == {quantity}
    _, table, _ = run(*asked)
    assert f"rule: the binding one, on {quantity}" in " ".join(table.split())
    assert "sFLR rule" not in table


def test_an_unknown_plan_or_regimen_is_one_sentence(block_case: Path) -> None:
    code, _, err = run("chemo", block_case, "--plan", "none such", "--regimen", "FOLFOX")
    assert code == 1
    assert 'plan "none such" is not in the case' in err
    code, _, err = run(
        "chemo", MESHES / "bilobar-two-stage", "--plan", "two-stage", "--regimen", "FOLFAX", "--draws", 100
    )
    assert code == 1
    assert 'unknown part "FOLFAX"' in err
