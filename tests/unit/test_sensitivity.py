"""Elementary effects: exact on a linear answer, and pointing the right way on a plan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import block_liver
from flrsim.case_file import load_case
from flrsim.errors import CaseError
from flrsim.evidence import load_evidence
from flrsim.plan import Operate, Step
from flrsim.sensitivity import OUTPUTS, Index, Sensitivity, _analyse, _design, sensitivity

BOUNDS = {"a": (0.0, 2.0), "b": (-1.0, 1.0), "c": (5.0, 6.0)}


def by_name(rows: tuple[Index, ...]) -> dict[str, Index]:
    return {row.parameter: row for row in rows}


def test_a_linear_answer_has_exact_effects_and_no_interplay() -> None:
    design = _design(BOUNDS, 6, seed=3)
    rows = by_name(_analyse(BOUNDS, design, design @ np.array([3.0, -4.0, 0.0]), seed=3))
    # SALib scales every number to 0 … 1: an effect is the change over the whole range.
    assert rows["a"].effect == pytest.approx(3.0 * 2.0)
    assert rows["a"].direction == pytest.approx(3.0 * 2.0)
    assert rows["b"].effect == pytest.approx(4.0 * 2.0)
    assert rows["b"].direction == pytest.approx(-4.0 * 2.0)
    assert rows["c"].effect == 0.0
    assert all(row.interplay == pytest.approx(0.0, abs=1e-9) for row in rows.values())
    assert list(rows) == ["b", "a", "c"]


def test_every_point_lies_within_the_ranges_and_one_number_moves_at_a_time() -> None:
    design = _design(BOUNDS, 4, seed=1)
    low, high = (np.array([b[i] for b in BOUNDS.values()]) for i in (0, 1))
    assert design.shape == (4 * (len(BOUNDS) + 1), len(BOUNDS))
    assert np.all(design >= low)
    assert np.all(design <= high)
    for way in design.reshape(4, len(BOUNDS) + 1, len(BOUNDS)):
        assert np.all(np.sum(np.diff(way, axis=0) != 0, axis=1) == 1)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Sensitivity:
    folder: Path = tmp_path_factory.mktemp("blocks")
    block_liver.write_case(folder)
    evidence = load_evidence()
    case, plans = load_case(folder, evidence)
    two_stage = next(p for p in plans if p.name == "two-stage")
    # A small remnant: one that stands at the cap does not move with the pace of growth.
    last = Step(45, Operate(resect=("right_trisectionectomy",)))
    plan = replace(two_stage, steps=(*two_stage.steps[:-1], last))
    return sensitivity(case, plan, evidence, seed=1, draws=300, trajectories=2)


def test_what_makes_the_liver_grow_moves_its_size_and_what_kills_does_not(found: Sensitivity) -> None:
    rows = by_name(found.indices["sflr"])
    assert rows["growth.pve.amplitude"].direction > 0
    assert rows["growth.pve.tau"].direction < 0
    assert rows["dropout.progression.rate"].effect == 0.0
    complete = by_name(found.indices["p_complete"])
    assert complete["dropout.progression.rate"].direction < 0


def test_only_numbers_with_a_range_are_moved_and_all_others_are_named(found: Sensitivity) -> None:
    evidence = load_evidence()
    moved = {row.parameter for row in found.indices["sflr"]}
    assert moved
    assert all(evidence[id].sensitivity is not None for id in moved)
    assert not moved & set(found.fixed)
    assert "telv.vauthey2002.per_bsa" in found.fixed
    assert found.runs == 2 * (len(moved) + 1)
    assert set(found.indices) == set(OUTPUTS) == set(found.at_values)


def test_a_number_held_at_a_value_keeps_only_the_spread_between_patients() -> None:
    held = load_evidence().at({"growth.pve.amplitude": 0.5, "growth.beta": 0.4})
    assert held["growth.pve.amplitude"].sd == load_evidence()["growth.pve.amplitude"].sd
    z = np.array([-1.0, 0.0, 1.0])
    assert held.lognormal("growth.pve.amplitude", z)[1] == 0.5
    assert np.all(held.quantile("growth.beta", np.array([0.01, 0.5, 0.99])) == 0.4)


def test_without_a_patient_it_says_what_is_missing(tmp_path: Path) -> None:
    block_liver.write_case(tmp_path)
    evidence = load_evidence()
    case, plans = load_case(tmp_path, evidence)
    with pytest.raises(CaseError, match=r"needs the patient's body and treatment; add \[patient\]"):
        sensitivity(replace(case, patient=None), plans[0], evidence, seed=1, draws=100, trajectories=2)
