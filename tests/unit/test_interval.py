"""The order of events in a staged plan: each draw is given its luck by hand."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flrsim.course import CourseStep
from flrsim.draws import Floats
from flrsim.evidence import load_evidence
from flrsim.physiology.interval import REASONS, Interval, Liver, first_response, last_reading, walk
from flrsim.physiology.modifiers import Setting, effects
from flrsim.physiology.volumes import GrowthDraws, Volumes

sys.path.insert(0, str(Path(__file__).parents[1]))
from course_cases import MAN, injury, pve_of, single_stage, two_stage

EVIDENCE = load_evidence()

LUCK: tuple[tuple[str, dict[str, float], str], ...] = (
    ("nothing happens", {}, "complete"),
    ("dies after stage 1", {"death.stage1": 0.0}, "death"),
    ("complication after stage 1", {"dropout.complication": 0.0}, "complication"),
    ("progresses at once", {"dropout.progression": 0.999}, "progression"),
    (
        "progresses after the last operation",
        {"dropout.progression": np.exp(-1.5 * (0.03 + 0.023 * 5))},
        "complete",
    ),
    ("dies of the embolization", {"death.occlusion14": 0.0}, "death"),
    ("dies after the last operation", {"death.last": 0.0}, "death"),
    ("fails after the last operation", {"phlf.last": 0.0}, "complete"),
    ("suffers after the embolization", {"morbidity.occlusion14": 0.0}, "complete"),
    ("slow grower refused", {"dropout.growth": 0.0}, "growth"),
    (
        "dies after stage 1, would have progressed",
        {"death.stage1": 0.0, "dropout.progression": 0.999},
        "death",
    ),
    ("complication, would have died later", {"dropout.complication": 0.0, "death.last": 0.0}, "complication"),
    (
        "progresses, would have been refused",
        {"dropout.progression": 0.999, "dropout.growth": 0.0},
        "progression",
    ),
    ("death of staged operations is commoner", {"death.last": 0.02}, "death"),
)


def luck(decision: str) -> Floats:
    quiet = 1e-9 if decision == "dropout.progression" else 0.999
    return np.array([max(given.get(decision, quiet), 1e-12) for _, given, _ in LUCK])


def play(*, staged: bool = True, amplitude_z: float = 0.0) -> Interval:
    n = len(LUCK)
    zero, one = np.zeros(n), np.ones(n)
    draws = GrowthDraws(zero + amplitude_z, zero, zero, zero + 0.6, zero + 0.5, zero)
    course = replace(two_stage() if staged else single_stage(), scan_day=0)
    volumes = Volumes(course, draws, one, one, 1604.5, EVIDENCE, "relative")
    none = injury(n=n)
    found = effects(0, MAN, (), none, Setting(), EVIDENCE, luck)
    response = first_response(volumes, course, EVIDENCE, zero)
    reading = last_reading(volumes, course, response, EVIDENCE, zero)
    return walk(
        course, volumes, response, reading, 0.20, MAN, lambda day: Liver(day, (), none, found), EVIDENCE, luck
    )


@pytest.mark.parametrize("i", range(len(LUCK)), ids=[name for name, _, _ in LUCK])
def test_each_draw_has_the_outcome_of_its_first_event(i: int) -> None:
    # Growth slower than 2 points/week but enough volume: 21 % at the scan.
    code = play().outcome[i]
    assert [*REASONS, "complete"][code] == LUCK[i][2]


def test_who_is_reached_dies_fails_and_suffers() -> None:
    ending = play()
    by_name = {name: i for i, (name, _, _) in enumerate(LUCK)}

    def who(flags: np.ndarray) -> set[str]:
        return {name for name, i in by_name.items() if flags[i]}

    assert who(ending.died) == {name for name in by_name if name.startswith(("dies", "death"))}
    assert who(ending.failed) == {"fails after the last operation"}
    assert who(ending.morbid) == {"fails after the last operation", "suffers after the embolization"}
    out = {name for name, _, outcome in LUCK if outcome not in ("complete", "death")}
    early = {name for name in by_name if "stage 1" in name or "of the embolization" in name}
    assert who(ending.reached_last) == set(by_name) - out - early
    assert ending.share("complete") == pytest.approx(sum(o == "complete" for _, _, o in LUCK) / len(LUCK))


def test_too_little_volume_stops_everyone_who_is_still_there() -> None:
    ending = play(amplitude_z=-3.0)
    assert not np.any(ending.reached_last)
    assert ending.share("growth") == pytest.approx(7 / len(LUCK))


def test_fast_growers_are_not_refused() -> None:
    ending = play(amplitude_z=1.0)
    assert ending.share("growth") == 0.0


def test_a_plan_that_closes_a_vein_after_a_small_scan_goes_on() -> None:
    """Two of three draws are below 20 % at the first scan; the vein closed afterwards brings one of them above it."""
    n = 3
    zero, one, none = np.zeros(n), np.ones(n), injury(n=n)
    draws = GrowthDraws(np.array([-2.5, -1.5, 1.0]), zero, zero, zero + 0.6, zero + 0.5, zero)
    vein = (CourseStep(30, "occlude", technique="hve"), CourseStep(50, "scan"))
    course = pve_of(260.0, operate=55, later=vein)
    volumes = Volumes(course, draws, one, one, 1604.5, EVIDENCE, "relative")
    assert (volumes.sflr(28) < 0.20).tolist() == [True, True, False]
    found = effects(0, MAN, (), none, Setting(), EVIDENCE, lambda _: one * 0.999)
    response = first_response(volumes, course, EVIDENCE, zero)
    reading = last_reading(volumes, course, response, EVIDENCE, zero)
    ending = walk(
        course, volumes, response, reading, 0.20, MAN, lambda day: Liver(day, (), none, found), EVIDENCE, lambda d: one * (1e-9 if d == "dropout.progression" else 0.999),
    )  # fmt: skip
    assert (ending.outcome == REASONS.index("growth")).tolist() == [True, False, False]


def test_a_single_operation_has_no_interval() -> None:
    ending = play(staged=False)
    by_name = {name: i for i, (name, _, _) in enumerate(LUCK)}
    assert np.all(ending.reached_last)
    assert ending.share("progression") == ending.share("complication") == ending.share("growth") == 0.0
    assert not ending.died[by_name["death of staged operations is commoner"]]
    assert ending.died[by_name["dies after the last operation"]]
