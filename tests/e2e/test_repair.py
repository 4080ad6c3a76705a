"""`flrsim check FILE --repair OUT`: what is mended is counted and listed, and never the file itself."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import block_liver as blocks
import broken_files
from flrsim.cli import main


def mended(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict]:
    code = main(["check", *[str(a) for a in arguments], "--json"])
    return code, json.loads(capsys.readouterr().out)


WHOLE_ML = float((blocks.segments() > 0).sum()) * 0.125


@pytest.mark.parametrize(
    ("spoil", "code", "count"),
    [
        (broken_files.all_twice, "dropped_repeats", None),
        (broken_files.with_empty_faces, "dropped_zero_area", 3),
        (broken_files.with_repeated_points, "joined_points", 7),
        (lambda m: (m[0], m[1][:, ::-1], m[2]), "turned_outward", None),
        (broken_files.reoriented, "turned_faces", None),
    ],
)
def test_a_mesh_that_can_be_mended_without_a_guess_is(spoil, code, count, tmp_path, capsys) -> None:
    (file,) = broken_files.mesh(spoil)(tmp_path)
    given = Path(file).read_bytes()
    exit_code, result = mended(capsys, file, "--repair", tmp_path / "out.vtp")
    assert Path(file).read_bytes() == given
    (repair,) = result["repairs"]
    assert repair["code"] == code
    assert repair["count"] == (count or repair["count"]) > 0
    assert exit_code == 0
    assert (result["repaired"]["verdict"], result["repaired"]["findings"]) == ("usable", [])
    assert result["repaired"]["tlv_after_ml"] == pytest.approx(WHOLE_ML, rel=1e-6)


def test_what_cannot_be_mended_stays_refused_and_is_said(tmp_path, capsys) -> None:
    (file,) = broken_files.mesh(broken_files.torn)(tmp_path)
    exit_code, result = mended(capsys, file, "--repair", tmp_path / "out.vtp")
    assert exit_code == 1
    assert result["repairs"] == []
    assert [f["code"] for f in result["repaired"]["findings"]] == ["open"]
    assert result["repaired"]["tlv_after_ml"] is None


def test_specks_and_holes_go_only_under_the_sizes_a_person_states(tmp_path, capsys) -> None:
    labels = broken_files.with_speck(broken_files.hollow(blocks.segments()))
    file = blocks.write_nifti(tmp_path / "liver.nii.gz", labels)
    _, result = mended(capsys, file, "--repair", tmp_path / "as-is.nii.gz")
    assert result["repairs"] == []
    exit_code, result = mended(
        capsys, file, "--repair", tmp_path / "out.nii.gz", "--specks-below", 0.5, "--holes-below", 5
    )
    assert exit_code == 0
    assert {r["code"]: (r["count"], round(r["ml"], 9)) for r in result["repairs"]} == {
        "removed_specks": (1, 0.125),
        "filled_holes": (1, 27 * 0.125),
    }
    assert result["repaired"]["verdict"] == "usable"
    import nibabel as nib

    np.testing.assert_array_equal(np.asarray(nib.load(tmp_path / "out.nii.gz").dataobj), blocks.segments())
    assert result["repaired"]["tlv_before_ml"] == pytest.approx(WHOLE_ML - 27 * 0.125)
    assert result["repaired"]["tlv_after_ml"] == pytest.approx(WHOLE_ML)


def test_surfaces_are_mended_into_a_new_folder_and_nothing_is_written_over(tmp_path, capsys) -> None:
    blocks.write_stl_folder(tmp_path / "stl")
    points, triangles = blocks.closed_surface(5)
    blocks.write_stl(tmp_path / "stl" / "S5.stl", points, triangles[:, ::-1])
    exit_code, result = mended(capsys, tmp_path / "stl", *broken_files.LPS, "--repair", tmp_path / "new")
    assert exit_code == 0
    assert [r["code"] for r in result["repairs"]] == ["turned_outward"]
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == [f"S{i}.stl" for i in range(1, 9)]
    exit_code, error = mended(capsys, tmp_path / "stl", *broken_files.LPS, "--repair", tmp_path / "new")
    assert (exit_code, error["code"]) == (1, "file")
    assert error["error"] == "new exists; a repair is written to a new file: give another name"
