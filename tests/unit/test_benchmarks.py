"""The benchmarks' correctness check runs on tiny inputs, finds ours right, and calls a wrong answer wrong."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks import correctness, report, table, timing
from benchmarks.inputs import BLOCKS, abdomen, block_labels, labelled_faces, ragged

KEYS = [w.key for w in table.works()]
TINY = {"small-lesions": 4, "margin": 180_000, "mesh-to-grid": 20_000}


@pytest.mark.parametrize("key", KEYS)
def test_ours_is_right_on_every_work_item(key) -> None:
    work = next(w for w in table.works() if w.key == key)
    if isinstance(work, table.NotBuilt):
        assert "not built" in correctness.markdown(correctness.check(key))
        return
    ours = replace(work, calls=tuple(c for c in work.calls if c.ours))
    assert ours.calls
    given = work.make(TINY.get(key, 20_000))
    rows = [correctness.judge(ours, call, given) for call in ours.calls]
    assert [r["answer"] for r in rows] == ["right"] * len(rows), rows


def test_a_silently_wrong_peer_is_called_wrong_and_an_absent_one_not_installed() -> None:
    work = next(w for w in table.works() if w.key == "volumetry-triangles")
    assert isinstance(work, table.Work)
    given = work.make(5_000)
    answers = {
        c.who: correctness.judge(work, c, given)["answer"]
        for c in work.calls
        if c.needs in ((), ("trimesh",), ("pyvista",))
    }
    assert answers["trimesh .volume of the whole mesh"] == "wrong"
    assert answers["pyvista .volume of the whole mesh"] == "wrong"
    assert answers["trimesh, already split"] == "right"
    assert answers["numpy, one pass"] == "right"
    absent = replace(work.calls[0], needs=("no_such_module_anywhere",))
    assert correctness.judge(work, absent, given)["answer"] == "not installed"
    broken = replace(work.calls[0], numbers=lambda g, m: m.volume_ml[1:] * 1.001)
    row = correctness.judge(work, broken, given)
    assert row["answer"] == "wrong"
    assert row["error"] == pytest.approx(1e-3, rel=1e-6)
    assert correctness.ours_wrong({"x": {"calls": [row]}}) == [f"x: {broken.who}: wrong"]


def test_inputs_are_what_they_say() -> None:
    for n_labels in BLOCKS:
        labels = block_labels(60, n_labels)
        assert len(np.unique(labels)) == n_labels + 1
        faces = labelled_faces(20_000, n_labels)
        assert len(faces.volume_ml) == n_labels
        assert faces.sides.max() == n_labels
    assert abdomen(200_000).counts.sum() / abdomen(200_000).size == pytest.approx(0.027, rel=0.3)
    assert (ragged(100_000).counts > 0).all()


def test_a_slow_call_is_timed_on_a_part_and_said_to_be() -> None:
    work = next(w for w in table.works() if w.key == "growth-first-day")
    assert isinstance(work, table.Work)
    slow = next(c for c in work.calls if c.part)
    sizes = []

    def run(given):
        sizes.append(given.size)
        time.sleep(0.002)

    found = timing.time_calls(
        replace(work, calls=(replace(slow, run=run, part=500, numbers=None),)), 5_000, rounds=2, budget=1.0
    )
    row = found["calls"][slow.who]
    assert set(sizes) == {500}
    assert row["scaled_from"] == 500
    assert found["size"] == 5_000
    assert row["first_s"] >= 0.02
    assert row["min_s"] >= 0.02
    page = "\n".join(
        report.timing_table({"title": "t", "unit": "patients", "sizes": [found], "goals": [], "memory": {}})
    )
    assert "(timed on 500 patients, scaled)" in page


def test_work_items_are_chosen_by_key_or_by_its_first_word() -> None:
    assert {k for k in KEYS if table.chosen(_work(k), "growth")} == {
        "growth-rk4",
        "growth-first-day",
        "growth-daily",
        "growth-simulate",
    }
    assert [k for k in KEYS if table.chosen(_work(k), "margin")] == ["margin"]
    assert not [k for k in KEYS if table.chosen(_work(k), "grow")]
    assert all(table.chosen(_work(k), None) for k in KEYS)


def _work(key):
    return next(w for w in table.works() if w.key == key)


def test_timings_give_ratios_and_the_page_is_made_from_them(tmp_path, monkeypatch) -> None:
    work = next(w for w in table.works() if w.key == "volumetry-triangles")
    assert isinstance(work, table.Work)
    few = replace(work, calls=tuple(c for c in work.calls if c.ours or c.who.startswith("numpy")))
    found = timing.time_calls(few, 5_000, rounds=2, budget=5.0)
    assert set(found["calls"]) == {"flrsim, 1 thread", "flrsim, 2 threads", "numpy, one pass"}
    assert all(r["runs"] >= 1 and r["min_s"] <= r["median_s"] for r in found["calls"].values())
    goals = timing.goals(few, found)
    assert {g["goal"] for g in goals} == {"≥ 15× numpy, one pass", "≥ 1.9× flrsim, 1 thread"}
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    monkeypatch.setattr(report, "DOCS", tmp_path / "docs")
    one = {"title": "t", "unit": "u", "sizes": [found], "goals": goals, "memory": {}}
    scaling = {
        "by_triangles": [{"triangles": 10, "seconds": {"flrsim, 1 thread": 0.1}}],
        "by_labels": [{"labels": 1, "triangles": 10, "seconds": {"flrsim, 1 thread": 0.2}}],
    }
    import json

    timings = {
        "machine": timing.machine(),
        "works": {"t": one, "n": {"title": "n", "not_built": "why"}},
        "scaling": scaling,
    }
    (tmp_path / "timings.json").write_text(json.dumps(timings))
    (tmp_path / "correctness.json").write_text(
        json.dumps({"works": {"n": {"title": "n", "not_built": "why"}}})
    )
    report.write()
    page = (tmp_path / "docs" / "benchmarks.md").read_text()
    assert "| numpy, one pass | 1 |" in page
    assert "not built" in page
    assert (tmp_path / "docs" / "benchmarks-scaling.svg").read_text().startswith("<?xml")


def test_what_a_person_waits_for_stands_beside_its_goal() -> None:
    machine = {
        "cpu": "c",
        "cores": 2,
        "system": "s",
        "python": "3",
        "when": "today",
        "load": 0.1,
        "versions": {},
    }
    row = {"numbers_s": 0.5, "numbers_cpu_s": 0.4, "picture_s": 2.5, "picture_cpu_s": 2.25}
    planner = {
        "machine": machine,
        "goals_s": {"numbers": 1.0, "picture": 2.0, "first_picture": 5.0},
        "opened": {"numbers_s": 1.25, "picture_s": 4.5},
        "rows": {"margin": row, "weight": row | {"picture_s": 1.5}},
    }
    steps = {"triangles": 189_000, "moving_s": 0.1, "moving_cpu_s": 0.09, "still_s": 0.8, "still_cpu_s": 0.7, "scene_cpu_s": 0.001}  # fmt: skip
    page = report.waiting(planner, {"machine": machine, "rows": steps})
    assert "| margin | 0.50 s (0.40) | 2.50 s (2.25): missed |" in page
    assert "| weight | 0.50 s (0.40) | 1.50 s (2.25) |" in page
    assert "| opening: first numbers and picture, goal 5 s | 1.25 s | 4.50 s |" in page
    assert "| 189,000 | 0.100 s (0.090) | 0.80 s (0.70) | (0.001) |" in page
