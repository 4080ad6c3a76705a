"""Every broken file that tests/broken_files.py writes is answered with its sentence, and a refused one never with a number."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import broken_files
from broken_files import BROKEN, Broken
from flrsim.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, object], str]:
    code = main([*arguments, "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out), err


@pytest.mark.parametrize("broken", BROKEN, ids=lambda b: b.id)
def test_check_says_what_is_wrong_and_volumes_gives_no_number_where_it_is_refused(
    broken: Broken, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = broken.write(tmp_path)
    code, result, err = run(capsys, "check", *arguments)
    if broken.code == "file":
        # There is nothing to examine: the answer is an error, not a verdict.
        assert (code, result["schema"], result["code"]) == (1, "flrsim/error/1", "file")
        assert broken.fragment in str(result["error"])
    else:
        findings = {f["code"]: f for f in result["findings"]}
        assert result["verdict"] == broken.verdict, findings
        assert broken.code in findings, findings
        found = findings[broken.code]
        assert broken.fragment in found["sentence"]
        assert found["level"] == ("refused" if broken.verdict == "refused" else "warning")
        assert code == (1 if broken.verdict == "refused" else 0)
        assert err == ""
    code, table, err = run(capsys, "volumes", *arguments)
    if broken.verdict == "refused":
        assert code == 1
        assert set(table) == {"schema", "code", "error"}
        assert table["schema"] == "flrsim/error/1"
        assert broken.fragment in str(table["error"])
        if broken.code != "file":
            # The readers refuse what check refuses, in the same words.
            refused = [f["sentence"] for f in result["findings"] if f["level"] == "refused"]
            assert table["error"] == "; also: ".join(refused)
    else:
        assert code == 0
        assert any(broken.fragment in w for w in table["warnings"])


def test_a_refused_file_ends_a_process_with_1_and_nothing_on_its_output(tmp_path: Path) -> None:
    torn = next(b for b in BROKEN if b.id == "torn mesh")
    done = subprocess.run(
        [sys.executable, "-m", "flrsim", "volumes", *torn.write(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert torn.fragment in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_with_several_faults_is_told_all_of_them_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = broken_files.torn(broken_files.blocks.walls(broken_files.blocks.segments()))
    points, quads, sides = broken_files.with_empty_faces(parts)
    broken_files.blocks.write_vtp(
        tmp_path / "liver.vtp", points * [-0.1, -0.1, 0.1], quads, sides, stated=broken_files.MESH
    )
    _, result, _ = run(capsys, "check", str(tmp_path / "liver.vtp"))
    assert [f["code"] for f in result["findings"] if f["level"] == "refused"] == [
        "extent",
        "open",
        "wrong_frame",
    ]
    assert "zero_area" in [f["code"] for f in result["findings"]]


@pytest.mark.parametrize("kind", ["vtp", "map", "stl"])
def test_the_unbroken_liver_has_no_finding(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = broken_files.blocks
    if kind == "vtp":
        arguments = broken_files.mesh(lambda m: m)(tmp_path)
    elif kind == "map":
        arguments = broken_files.label_map(lambda a: a)(tmp_path)
    else:
        blocks.write_stl_folder(tmp_path / "stl")
        arguments = [str(tmp_path / "stl"), *broken_files.LPS]
    code, result, _ = run(capsys, "check", *arguments)
    assert (code, result["verdict"], result["findings"]) == (0, "usable", [])
