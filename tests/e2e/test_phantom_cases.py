"""A phantom is one case, whatever files it is written as."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flrsim.case_file import load_case
from flrsim.comparison import compare
from flrsim.evidence import load_evidence
from flrsim.io.vtp import read_interface_mesh
from flrsim.phantom.cases import make_case
from flrsim.volumetry import measure


def test_label_maps_and_meshes_of_one_phantom_give_one_answer(tmp_path: Path) -> None:
    evidence = load_evidence()
    answers = {}
    for file_format in ("vtp", "nii"):
        folder = tmp_path / file_format
        make_case(
            folder, scenario="bilobar-two-stage", seed=0, file_format=file_format, spacing_mm=(1.0, 1.0, 1.5)
        )
        case, plans = load_case(folder, evidence)
        answers[file_format] = (case, compare(case, plans, evidence, seed=1, draws=500).result)
    mesh, grid = answers["vtp"], answers["nii"]
    # The trees keep their branches: without names in the file, the case file says what each label is.
    assert {v.name for v in grid[0].vessels} == {v.name for v in mesh[0].vessels}
    assert "portal_vein:right_anterior" in {v.name for v in grid[0].vessels}
    for one, other in zip(mesh[1].plans, grid[1].plans, strict=True):
        assert (one.name, one.axes) == (other.name, other.axes)
        assert {f.name: f.fate for f in one.lesions} == {f.name: f.fate for f in other.lesions}
        assert other.flr_ml == pytest.approx(one.flr_ml, rel=0.01)
        for a, b in zip(one.stages, other.stages, strict=True):
            assert b.transection_cm2 == pytest.approx(a.transection_cm2, rel=0.04)


MESHES = Path(__file__).parents[2] / "meshes"


def test_an_old_demo_case_is_remade_point_by_point_in_another_order(tmp_path: Path) -> None:
    """Its committed meshes number their points as an earlier version did; see meshes/README.md."""
    made, kept = tmp_path / "case", MESHES / "solitary-right"
    make_case(made, scenario="solitary-right", seed=0)
    for name in ("case.toml", "truth.json"):
        assert (made / name).read_bytes() == (kept / name).read_bytes()
    for path in sorted(kept.glob("*.vtp")):
        old, new = (read_interface_mesh(p, frame=None, unit=None) for p in (path, made / path.name))
        canonical = []
        for mesh in (old, new):
            points, place = np.unique(mesh.points, axis=0, return_inverse=True)
            canonical.append((points, np.unique(np.sort(place[mesh.faces], axis=1), axis=0)))
        for before, after in zip(*canonical, strict=True):
            assert np.array_equal(before, after)


def test_a_split_segment_4_keeps_its_halves_in_a_label_map(tmp_path: Path) -> None:
    truth = make_case(
        tmp_path / "case",
        scenario="plain",
        seed=3,
        tlv_ml=1300.0,
        split_s4=True,
        file_format="nii",
        spacing_mm=(1.5, 1.5, 2.0),
    )
    evidence = load_evidence()
    case, plans = load_case(tmp_path / "case", evidence)
    table = measure(case, evidence)
    assert plans == ()
    assert [s.name for s in table.segments] == ["S1", "S2", "S3", "S4a", "S4b", "S5", "S6", "S7", "S8"]
    for s in table.segments:
        assert s.volume_ml == pytest.approx(truth.segments[s.name].value, rel=0.01)
