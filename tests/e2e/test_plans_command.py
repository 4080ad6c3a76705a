"""``flrsim plans``, and what commands do with a case that has no plan."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

import block_liver as blocks
from flrsim.cli import main

MESHES = Path(__file__).parents[2] / "meshes"
SAID = "no plan in the case: proposed plans compared"


def run(*arguments: object) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(a) for a in arguments])
    return code, out.getvalue(), err.getvalue()


def parsed(*arguments: object) -> dict[str, Any]:
    code, out, err = run(*arguments)
    assert code == 0, err
    return dict(json.loads(out))


def without_plans(source: Path, target: Path) -> Path:
    """Copy a case and cut its plans off."""
    shutil.copytree(source, target)
    text = (target / "case.toml").read_text(encoding="utf-8")
    (target / "case.toml").write_text(text[: text.index("[[plan]]")], encoding="utf-8")
    return target


@pytest.fixture(scope="module")
def block_case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return blocks.write_case(
        tmp_path_factory.mktemp("plans") / "case", blocks.CASE[: blocks.CASE.index("[[plan]]")]
    )


@pytest.fixture(scope="module")
def bilobar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return without_plans(MESHES / "bilobar-two-stage", tmp_path_factory.mktemp("plans") / "bilobar")


def test_the_bilobar_demo_gets_its_two_stage_plan_back(bilobar: Path) -> None:
    result = parsed("plans", bilobar, "--json")
    assert result["schema"] == "flrsim/plans/1"
    proposals = {p["family"]: p for p in result["proposals"]}
    assert len(proposals) == 7
    assert proposals["one operation, parenchyma-sparing"]["plan"] is None
    two_stage = proposals["two operations with embolization"]
    assert two_stage["legal"]
    assert [s.split(": ", 1)[1] for s in two_stage["steps"]] == [
        "wedge L5, L6 (5 mm margin)",
        "PVE of right + S4",
        "scan",
        "right trisectionectomy",
    ]
    # The plans that a person wrote into the same case are not what is proposed from.
    own = parsed("plans", MESHES / "bilobar-two-stage", "--json")
    assert own["proposals"] == result["proposals"]


def test_the_solitary_demo_loses_one_segment_and_needs_nothing_more(tmp_path: Path) -> None:
    found = parsed("plans", without_plans(MESHES / "solitary-right", tmp_path / "case"), "--json")[
        "proposals"
    ]
    # A wedge alone would take what feeds most of S7.
    assert found[0]["steps"] == ["day 0: resection of S7 + wedge L1 (5 mm margin)"]
    assert any("use up S7 or take what feeds or drains it" in r for r in found[0]["remarks"])
    assert all(p["plan"] is None and p["why"].startswith("not needed: ") for p in found[1:])


def test_the_toml_is_read_back_and_compared_as_it_was(block_case: Path, tmp_path: Path) -> None:
    code, text, _ = run("plans", block_case, "--toml")
    assert code == 0
    listed = tomllib.loads(text)["plan"]
    proposals = parsed("plans", block_case, "--json")["proposals"]
    assert listed == [p["plan"] for p in proposals if p["legal"]]
    pasted = shutil.copytree(block_case, tmp_path / "case")
    with (pasted / "case.toml").open("a", encoding="utf-8") as file:
        file.write(text)
    quick = ("--draws", 200, "--json")
    by_hand, proposed = parsed("compare", pasted, *quick), parsed("compare", block_case, *quick)
    assert by_hand["plans"] == proposed["plans"]


def test_a_case_without_plans_is_compared_by_those_proposed_and_says_so(block_case: Path) -> None:
    code, out, err = run("compare", block_case, "--draws", 200, "--json")
    assert code == 0
    assert err == f"{SAID}\n"
    result = json.loads(out)
    assert result["warnings"][-1] == SAID
    assert result["plans"]
    name = result["plans"][0]["name"]
    code, out, _ = run("simulate", block_case, "--plan", name, "--draws", 200)
    assert code == 0
    assert out.startswith("day,")
    code, _, err = run("compare", block_case, "--plan", "nobody's", "--draws", 200)
    assert code == 1
    assert name in err
    # A case with plans of its own keeps to them.
    code, _, err = run("compare", MESHES / "solitary-right", "--draws", 200, "--json")
    assert (code, err) == (0, "")


def test_plans_for_people_name_family_steps_and_reason(block_case: Path) -> None:
    code, out, _ = run("plans", block_case)
    assert code == 0
    flat = " ".join(out.split())
    for p in parsed("plans", block_case, "--json")["proposals"]:
        assert p["family"].split(",")[0] in flat
        if p["name"]:
            assert p["name"] in flat
    assert "not a medical device" in flat


def test_what_cannot_be_proposed_is_one_sentence(tmp_path: Path) -> None:
    head = blocks.CASE[: blocks.CASE.index("[[plan]]")].replace('lesions = "lesions.nii.gz"\n', "")
    folder = blocks.write_case(tmp_path / "case", head)
    for command in (("plans", folder), ("compare", folder)):
        code, out, err = run(*command)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert "has no lesion, and plans are proposed to clear lesions" in err
    code, _, err = run("plans", folder, "--json", "--toml")
    assert code == 2
    assert "give one" in err
