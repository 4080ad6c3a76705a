"""Every command on a bundled case, for people and as JSON, and what must not change between two runs."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import math
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flrsim.cli import main, pictures
from flrsim.phantom.cases import STORIES
from flrsim.report import pdf_missing

sys.path.insert(0, str(Path(__file__).parents[1]))
import block_liver as blocks
from pages import loads_nothing

MESHES = Path(__file__).parents[2] / "meshes"
SOLITARY = MESHES / "solitary-right"
DRAWS = "400"

VOLUMES_KEYS = {
    "schema", "tlv_ml", "tlv_functional_ml", "segments", "lesions", "vessels", "contacts_cm2", "warnings", "run",
}  # fmt: skip
COMPARISON_KEYS = {"schema", "run", "case", "lesions", "plans", "assumptions", "references"}
PLAN_KEYS = {
    "name", "steps", "stages", "lesions", "all_lesions_cleared", "lesions_left", "flr_ml", "flr_gross_ml", "flr_fraction",
    "sflr", "flr_body_weight", "sflr_at_resection", "kgr_per_week", "degree_of_hypertrophy", "rules",
    "earliest_day_volume_ok", "p_complete", "p_dropout", "p_phlf", "p_death_90d", "p_major_morbidity", "p_textbook",
    "curves", "axes", "verdict", "blocking", "not_supplied",
}  # fmt: skip
STAGE_KEYS = {"day", "resected_ml", "lesions_cleared", "remnant_ml", "transection_cm2"}
LESION_KEYS = {"name", "fate", "stage", "margin_planned_mm", "margin_at_operation_mm"}
RULE_KEYS = {"rule", "threshold", "formula", "population", "value", "p_pass"}
HEAVY = (
    "numba",
    "scipy",
    "pyvista",
    "vtkmodules",
    "vtk",
    "trimesh",
    "matplotlib",
    "nibabel",
    "jinja2",
)


def run(*arguments: object) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(a) for a in arguments])
    return code, out.getvalue(), err.getvalue()


def done(*arguments: object) -> str:
    """Return stdout of a command that must succeed."""
    code, out, err = run(*arguments)
    assert code == 0, err
    return out


def no_constant(name: str) -> float:
    raise AssertionError(f"JSON holds {name}")


def parsed(text: str) -> dict[str, Any]:
    """Return JSON, refusing NaN and infinities."""
    return dict(json.loads(text, parse_constant=no_constant))


@pytest.fixture(scope="module")
def compared() -> tuple[str, dict[str, Any]]:
    text = done("compare", SOLITARY, "--draws", DRAWS, "--seed", 7, "--json")
    return text, parsed(text)


def test_a_comparison_says_what_loses_inflow_and_outflow(compared: tuple[str, dict[str, Any]]) -> None:
    plans = {p["name"]: p for p in compared[1]["plans"]}
    segments = {s["name"]: s["parenchyma_ml"] for s in compared[1]["segments"]}
    for plan in plans.values():
        lost = plan["perfusion"]
        assert [c["credit"] for c in lost["credited"]] == [0.0, 0.13, 0.47, 0.94]
        for c in lost["credited"]:
            counted = plan["flr_ml"] - (1 - c["credit"]) * lost["deprived_ml"]
            assert c["flr_ml"] == pytest.approx(counted)
        for key in ("devascularised", "congested"):
            ml = sum(sum(row.values()) for row in lost[key].values())
            assert plan[f"{key}_ml"] == pytest.approx(ml)
            assert ml <= lost["deprived_ml"] * (1 + 1e-9)
    # The plane of a right hepatectomy runs along the middle vein, which drains most of S4; its right half is gone.
    veins = {v["name"]: v for v in plans["right hepatectomy"]["perfusion"]["veins"]}
    assert {n: v["fate"] for n, v in veins.items()} == {"right": "taken", "middle": "along", "left": "kept"}
    assert 0.6 * segments["S4"] < veins["middle"]["if_taken_ml"]["S4"] < segments["S4"]
    posterior = {v["name"]: v["fate"] for v in plans["right posterior sectionectomy"]["perfusion"]["veins"]}
    assert posterior == {"right": "along", "middle": "kept", "left": "kept"}
    said = next(c["sentence"] for c in plans["right hepatectomy"]["legality"] if c["question"] == "outflow")
    assert "the cut runs along the middle hepatic vein" in said
    assert "were it taken" in said


# ---------------------------------------------------------------- volumes and check


def test_volumes_as_json() -> None:
    table = parsed(done("volumes", SOLITARY, "--json"))
    assert table.keys() >= VOLUMES_KEYS
    assert table["schema"] == "flrsim/volumes/1"
    assert {s["name"] for s in table["segments"]} == {f"S{i}" for i in range(1, 9)}
    assert math.fsum(s["fraction"] for s in table["segments"]) == pytest.approx(1.0, abs=1e-12)
    assert math.fsum(s["volume_ml"] for s in table["segments"]) == pytest.approx(table["tlv_ml"], rel=1e-12)
    for s in table["segments"]:
        parts = s["parenchyma_ml"] + s["lesion_ml"] + s["vessel_ml"]
        assert parts == pytest.approx(s["volume_ml"], rel=1e-12)
    for lesion in table["lesions"]:
        assert sum(lesion["segments"].values()) == pytest.approx(1.0, abs=1e-12)
        assert lesion["longest_axial_mm"] <= lesion["longest_3d_mm"]
        assert "outside_ml" in lesion
    assert len(table["telv"]) == 6
    assert table["run"].keys() >= {"version", "inputs_sha256"}
    files = ("case.toml", "liver.vtp", "lesions.vtp", "portal_vein.vtp", "hepatic_vein.vtp")
    assert table["run"]["inputs_sha256"] == {
        f: hashlib.sha256((SOLITARY / f).read_bytes()).hexdigest() for f in files
    }


def test_volumes_for_people_say_what_the_json_says() -> None:
    table = parsed(done("volumes", SOLITARY, "--json"))
    text = done("volumes", SOLITARY)
    for s in table["segments"]:
        assert re.search(rf"^ {s['name']} +{s['volume_ml']:.1f} ", text, re.MULTILINE), text
    assert f"{table['tlv_ml']:.1f}" in text
    assert "vauthey2002" in text


def test_check_gives_its_verdict_and_exit_code(tmp_path: Path) -> None:
    result = parsed(done("check", SOLITARY, "--json"))
    assert result["schema"] == "flrsim/check/1"
    assert result["verdict"] == "usable_with_warnings"
    (only,) = result["findings"]
    assert re.fullmatch(
        r"lesion and vessel labels overlap in 0\.\d\d mL; that tissue counts as lesion", only["sentence"]
    )
    text = done("check", SOLITARY)
    assert text.startswith("solitary-right: usable, with warnings\n")
    assert "warning: lesion and vessel labels overlap" in text
    blocks.write_case(tmp_path / "blocks")
    clean = parsed(done("check", tmp_path / "blocks", "--json"))
    assert (clean["verdict"], clean["findings"]) == ("usable", [])
    turned = tmp_path / "case"
    shutil.copytree(SOLITARY, turned)
    text = (turned / "liver.vtp").read_bytes()
    (turned / "liver.vtp").write_bytes(text[: len(text) // 2])
    code, out, _ = run("check", turned, "--json")
    assert (code, parsed(out)["schema"]) == (1, "flrsim/error/1")


@pytest.mark.parametrize("name", STORIES)
def test_bundled_cases_are_what_the_manifest_says(name: str) -> None:
    import pyvista as pv

    manifest = tomllib.loads((MESHES / "MANIFEST.toml").read_text())["cases"][name]
    folder = MESHES / name
    assert set(manifest["files"]) == {p.name for p in folder.iterdir()}
    faces = 0
    for file, entry in manifest["files"].items():
        assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == entry["sha256"], file
        if file.endswith(".vtp"):
            n = pv.read(folder / file).n_cells
            assert n == entry["faces"]
            faces += n
    assert faces <= 100_000
    table = parsed(done("volumes", folder, "--json"))
    found = {s["name"]: s["volume_ml"] for s in table["segments"]}
    assert found == pytest.approx(manifest["true_segments_ml"], rel=manifest["tolerance_segments"])
    lesions = {les["name"]: les["volume_ml"] for les in table["lesions"]}
    assert lesions == pytest.approx(manifest["true_lesions_ml"], rel=manifest["tolerance_lesions"])
    assert table["tlv_ml"] == pytest.approx(manifest["true_total_ml"], rel=manifest["tolerance_segments"])


# ---------------------------------------------------------------- compare


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        for v in value.values():
            yield from numbers(v)
    elif isinstance(value, list):
        for v in value:
            yield from numbers(v)
    elif isinstance(value, float):
        yield value


def test_comparison_has_the_documented_form(compared: tuple[str, dict[str, Any]]) -> None:
    _, result = compared
    assert result.keys() >= COMPARISON_KEYS
    assert result["schema"] == "flrsim/comparison/1"
    assert result["run"]["seed"] == 7
    assert result["run"]["draws"] == int(DRAWS)
    assert result["run"].keys() >= {"version", "seed", "draws", "inputs_sha256", "parameter_set"}
    assert all(math.isfinite(x) for x in numbers(result))
    assert [p["name"] for p in result["plans"]] == [
        "right posterior sectionectomy",
        "right hepatectomy",
        "wedge",
    ]
    for p in result["plans"]:
        assert p.keys() >= PLAN_KEYS
        assert p["stages"]
        assert all(s.keys() >= STAGE_KEYS for s in p["stages"])
        assert all(les.keys() >= LESION_KEYS for les in p["lesions"])
        assert p["rules"]
        assert all(r.keys() >= RULE_KEYS for r in p["rules"])
        assert p["p_dropout"].keys() == {"progression", "growth", "complication", "death"}
        assert p["p_complete"] + sum(p["p_dropout"].values()) == pytest.approx(1.0, abs=1e-12)
        assert p["axes"].keys() == {
            "clearance",
            "vessels_bile",
            "volume_function",
            "time",
            "risk",
            "disease",
        }
        assert p["rules_not_supplied"]
        assert not any(r["rule"].startswith("k_icg") for r in p["rules"])
        assert p["verdict"] in ("meets_rules", "borderline", "does_not_meet", "cannot_judge")
        assert p["blocking"]
        assert (
            p["sflr_at_resection"]["p10"] <= p["sflr_at_resection"]["median"] <= p["sflr_at_resection"]["p90"]
        )
        days = p["curves"]["days"]
        assert all(
            len(p["curves"][q][s]) == len(days) for q in ("flr_ml", "sflr") for s in ("p10", "median", "p90")
        )
    keys = {r["key"] for r in result["references"]}
    assert {t["source"] for t in result["telv"]} <= keys
    assert all(r["key"] for r in result["references"])
    assert len(keys) == len(result["references"])


def test_measured_function_and_disease_elsewhere_are_judged(tmp_path: Path) -> None:
    """A right hepatectomy with the bowel, tests of function, lung and a mutant gene: every part of it speaks."""
    shutil.copytree(SOLITARY, tmp_path / "case")
    file = tmp_path / "case" / "case.toml"
    text = file.read_text().replace(
        'disease = "crlm"\n',
        'disease = "crlm"\nliver = { icg_r15 = 0.14, k_icg_per_min = 0.2 }\n'
        'tumour = { primary = "in_place", ras = "mutant", extrahepatic = ["lung_resectable"] }\n',
    )
    file.write_text(
        text.replace('resect = "right_hepatectomy"', 'resect = "right_hepatectomy", with_primary = "major"')
    )
    result = parsed(done("compare", tmp_path / "case", "--draws", DRAWS, "--json"))
    one, other = result["plans"][1], result["plans"][0]
    assert one["name"] == "right hepatectomy"
    rules = {r["rule"]: r for r in one["rules"]}
    assert (rules["icg.r15_hemi"]["met"], rules["k_icg.hemihepatectomy"]["met"]) == (False, True)
    assert rules["k_icg_flr"]["value"] == pytest.approx(
        0.2 * one["flr_ml_at_resection"]["median"] / result["tlv_functional_ml"]
    )
    assert [s for s in one["rule_conflicts"] if "ICG-R15 14 % is above 10 %" in s]
    assert one["rules_not_supplied"] == ["LiMAx", "mebrofenin uptake of the FLR", "bilirubin", "ascites"]
    answers = {n["rule"]: n["answer"] for n in one["disease"]}
    assert answers == {"primary.combined_major": "forbids", "lung.resectable": "allows"}
    assert {n["rule"] for n in other["disease"]} == {"primary.liver_first", "lung.resectable"}
    assert (one["axes"]["disease"], other["axes"]["disease"]) == ("does_not_meet", "meets_rules")
    assert one["verdict"] == "does_not_meet"
    assert {"one metastasis", "RAS mutant"} <= {c["group"] for c in result["outcome_context"]}
    assert "no forecast" in result["outcome_note"]
    cited = {r["key"] for r in result["references"]}
    assert {n["source"] for p in result["plans"] for n in p["disease"]} <= cited
    assert {c["source"] for c in result["outcome_context"]} <= cited
    assert {r["source"] for p in result["plans"] for r in p["rules"] if r["source"]} <= cited


def test_one_stage_is_enough_for_one_right_lesion(compared: tuple[str, dict[str, Any]]) -> None:
    _, result = compared
    one = next(p for p in result["plans"] if p["name"] == "right hepatectomy")
    assert one["all_lesions_cleared"] is True
    assert one["axes"]["clearance"] == "meets_rules"
    assert one["axes"]["volume_function"] == "meets_rules"
    assert one["earliest_day_volume_ok"]["median"] == 0


def test_comparison_for_people_has_plans_as_columns() -> None:
    text = done("compare", SOLITARY, "--draws", DRAWS)
    header = next(line for line in text.splitlines() if "right hepatectomy" in line)
    assert (
        header.index("right posterior sectionectomy")
        < header.index("right hepatectomy")
        < header.index("wedge")
    )
    for row in ("FLR now", "sFLR at resection", "Plan completed", "Death within 90 days", "Verdict"):
        assert row in text
    assert "nan" not in text.lower().split()


def test_one_seed_gives_the_same_bytes_and_another_does_not(compared: tuple[str, dict[str, Any]]) -> None:
    text, result = compared
    assert done("compare", SOLITARY, "--draws", DRAWS, "--seed", 7, "--json") == text
    other = parsed(done("compare", SOLITARY, "--draws", DRAWS, "--seed", 8, "--json"))
    for a, b in zip(result["plans"], other["plans"], strict=True):
        assert a["flr_ml"] == b["flr_ml"]
        assert a["curves"]["flr_ml"] != b["curves"]["flr_ml"]


def test_another_plan_in_the_run_changes_no_byte_of_the_others(compared: tuple[str, dict[str, Any]]) -> None:
    _, result = compared
    for names in (["right hepatectomy"], ["wedge", "right hepatectomy", "wedge"]):
        options = [o for n in names for o in ("--plan", n)]
        alone = parsed(done("compare", SOLITARY, *options, "--draws", DRAWS, "--seed", 7, "--json"))
        assert {p["name"] for p in alone["plans"]} == set(names)
        assert len(alone["plans"]) == len(set(names))
        for p in alone["plans"]:
            before = next(q for q in result["plans"] if q["name"] == p["name"])
            assert json.dumps(p) == json.dumps(before)


def test_modifiers_can_be_switched_off() -> None:
    options = ("--plan", "two-stage", "--draws", DRAWS, "--json")
    all_on = parsed(done("compare", MESHES / "bilobar-two-stage", *options))
    all_off = parsed(done("compare", MESHES / "bilobar-two-stage", "--without-modifiers", *options))
    on, off = all_on["plans"][0], all_off["plans"][0]
    assert all_on["without_note"] == ""
    assert all_on["run"]["without"] == []
    assert all_off["without_note"].startswith("switched off: every cause")
    assert "steatohepatitis" in all_off["without_note"]  # whose rule stays
    assert len(all_off["run"]["without"]) > 10
    assert on["rules"][0]["threshold"] == off["rules"][0]["threshold"] == 0.30
    # The patient's steatohepatitis slows growth.
    assert on["sflr_at_resection"]["median"] < off["sflr_at_resection"]["median"]
    assert on["modifiers"]
    assert not off["modifiers"]


def test_the_report_is_one_file_that_needs_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "gl_available", lambda: False)
    report = tmp_path / "out" / "report.html"
    report.parent.mkdir()
    done("compare", blocks.write_case(tmp_path / "case"), "--draws", DRAWS, "--report", report)
    assert list(report.parent.iterdir()) == [report]
    page = report.read_text(encoding="utf-8")
    assert "two-stage" in page
    assert loads_nothing(page)


@pytest.mark.skipif(bool(pdf_missing()), reason=f"no PDF here: {pdf_missing()}")
def test_both_kinds_of_report_come_from_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "gl_available", lambda: False)
    page, paper = tmp_path / "r.html", tmp_path / "r.pdf"
    case = blocks.write_case(tmp_path / "case")
    done("compare", case, "--draws", DRAWS, "--plan", "two-stage", "--report", page, "--report", paper)
    assert paper.read_bytes().startswith(b"%PDF")
    text = page.read_text(encoding="utf-8")
    # The interactive picture needs no OpenGL where the report is written.
    assert 'data-model="1"' in text
    assert loads_nothing(text)


def test_a_pdf_that_cannot_be_made_is_said_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("flrsim.report.pdf_missing", lambda: "a PDF needs the extra `report`")
    assert main(["compare", str(tmp_path / "no case"), "--report", str(tmp_path / "r.pdf")]) == 1
    assert "r.pdf: a PDF needs the extra `report`" in capsys.readouterr().err


# ---------------------------------------------------------------- simulate


def test_simulate_gives_the_same_days_in_every_form(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    options = ("simulate", SOLITARY, "--plan", "right hepatectomy", "--draws", DRAWS)
    printed = list(csv.DictReader(io.StringIO(done(*options))))
    result = parsed(done(*options, "--json"))
    assert done(*options, "--out", tmp_path / "days.csv") == ""
    assert done(*options, "--out", tmp_path / "days.parquet") == ""
    assert result["schema"] == "flrsim/simulation/1"
    curves = result["curves"]
    assert [int(r["day"]) for r in printed] == curves["days"]
    assert curves["days"] == list(range(curves["days"][0], curves["days"][-1] + 1))
    assert [float(r["flr_ml_median"]) for r in printed] == curves["flr_ml"]["median"]
    with (tmp_path / "days.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == printed
    table = pq.read_table(tmp_path / "days.parquet").to_pydict()
    assert table["day"] == curves["days"]
    assert table["sflr_p90"] == curves["sflr"]["p90"]
    assert set(table) == set(printed[0])


# ---------------------------------------------------------------- phantom, evidence, demo


def test_a_phantom_is_the_same_for_one_seed_and_true_to_its_truth(tmp_path: Path) -> None:
    said = [
        done("phantom", tmp_path / name, "--seed", seed, "--scenario", "plain", "--json")
        for name, seed in (("a", 3), ("b", 3), ("c", 4))
    ]
    a, b, c = ({p.name: p.read_bytes() for p in (tmp_path / n).iterdir()} for n in "abc")
    assert a == b
    assert a["liver.vtp"] != c["liver.vtp"]
    truth = parsed((tmp_path / "a" / "truth.json").read_text())
    table = parsed(done("volumes", tmp_path / "a", "--json"))
    found = {s["name"]: s["volume_ml"] for s in table["segments"]}
    true = {k: v["ml"] for k, v in truth["segments"].items()}
    assert found == pytest.approx(true, rel=5e-3)
    assert parsed(said[0]) == truth


def test_evidence_is_listed_and_shown_with_its_source() -> None:
    listed = parsed(done("evidence", "list", "rules", "--json"))
    ids = [p["id"] for p in listed["parameters"]]
    assert ids
    assert all(i.startswith("rules.") for i in ids)
    # An assumed number may have no source; a reported one has.
    reported = next(p for p in listed["parameters"] if p["kind"] == "reported")
    shown = parsed(done("evidence", "show", reported["id"], "--json"))
    assert shown["parameter"] == reported
    assert shown["references"]
    text = done("evidence", "show", reported["id"])
    assert str(shown["references"][0]["key"]) in text or str(shown["references"][0]["doi"]) in text
    assert all(i in done("evidence", "list", "rules") for i in ids)
    code, out, err = run("evidence", "show", "rules.nothing")
    assert (code, out) == (1, "")
    assert err.startswith('flrsim: the evidence has no number "rules.nothing"')


def test_a_frozen_set_is_listed_shown_and_never_written_over(tmp_path: Path) -> None:
    listed = parsed(done("evidence", "list", "rules", "--set", "v0.1", "--json"))
    assert (listed["parameter_set"], listed["digest"]) == ("v0.1", "6b9e436f027a")
    assert "parameter set v0.1" in done("evidence", "list", "rules", "--set", "v0.1")
    shown = parsed(done("evidence", "show", "rules.kgr", "--set", "v0.1", "--json"))
    assert shown["parameter"] in listed["parameters"]
    assert run("evidence", "list", "--set", "v0.0")[2].startswith('flrsim: there is no frozen set "v0.0"')
    done("evidence", "freeze", tmp_path / "now.json")
    now = parsed((tmp_path / "now.json").read_text(encoding="utf-8"))
    assert now["digest"] == parsed(done("evidence", "list", "--json"))["digest"]
    code, _, err = run("evidence", "freeze", tmp_path / "now.json")
    assert code == 1
    assert "a frozen set never changes; name a new file" in err


def test_evidence_is_checked_and_its_studies_listed() -> None:
    code, out, _ = run("evidence", "check", "--json")
    check = parsed(out)
    assert check["schema"] == "flrsim/evidence-check/1"
    assert code == (0 if check["sound"] else 1)
    code, out, _ = run("evidence", "check")
    assert code == (0 if check["sound"] else 1)
    assert out.count("\n") >= len(check["findings"]) + 1
    listed = parsed(done("evidence", "studies", "--json"))
    assert len(listed["studies"]) == check["studies"]
    assert sum(len(s["numbers"]) for s in listed["studies"]) == check["printed_numbers"]
    table = done("evidence", "studies")
    assert all(s["key"] in table for s in listed["studies"])
    cited = {s["source"]: s["key"] for s in listed["studies"]}
    for number in parsed(done("evidence", "list", "--json"))["parameters"]:
        if number["source"] in cited:
            shown = parsed(done("evidence", "show", number["id"], "--json"))
            assert cited[number["source"]] in [s["study"] for s in shown["studies"]]
            assert f"study: {shown['studies'][0]['study']}, " in done("evidence", "show", number["id"])
            break


@pytest.mark.parametrize("arguments", [["--help"], ["compare", "--help"], ["--version"]])
def test_help_loads_no_heavy_library(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom flrsim.cli import main\ncode = main(sys.argv[1:])\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)\nsys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr.strip()) == (0, "[]")
    assert "flrsim" in done.stdout
