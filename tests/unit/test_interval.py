"""The order of events in a staged plan: each draw is given its luck by hand."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flrsim.course import Course, CourseStep
from flrsim.draws import Floats
from flrsim.evidence import load_evidence
from flrsim.physiology.interval import REASONS, Interval, Liver, first_response, last_reading, walk
from flrsim.physiology.modifiers import Setting, effects
from flrsim.physiology.volumes import GrowthDraws, Volumes
from flrsim.timeline import simulate

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


def play(*, staged: bool = True, amplitude_z: float = 0.0, threshold: float = 0.20) -> Interval:
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
        course,
        volumes,
        response,
        reading,
        threshold,
        MAN,
        lambda day: Liver(day, (), none, found),
        EVIDENCE,
        luck,
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


def test_a_single_operation_is_asked_for_the_same_volume_as_a_staged_one() -> None:
    ending = play(staged=False)  # 15 % against 20 %
    assert ending.share("growth") == 1.0
    assert not np.any(ending.reached_last | ending.died)
    assert np.all(ending.arrived)
    by_name = {name: i for i, (name, _, _) in enumerate(LUCK)}
    assert ending.dying[by_name["dies after the last operation"]]
    # Who is turned away at a scan never comes to the operation.
    scanned = play(amplitude_z=-3.0)
    assert np.array_equal(scanned.arrived, scanned.reached_last)


def split(removed_first: dict[str, float], *, major: tuple[bool, bool], last_day: int = 0) -> Course:
    """One liver, taken in two operations or, where nothing goes first, in one; 300 mL stay."""
    liver = {"S2": 300.0, "S5": 1300.0}
    rest = 1300.0 - removed_first.get("S5", 0.0)
    steps = [CourseStep(0, "operate", 1, removed_first, major=major[0])] if removed_first else []
    steps.append(CourseStep(last_day, "operate", len(steps) + 1, {"S5": rest}, major=major[1]))
    return Course("split", liver, {"S2": 300.0}, 1600.0, tuple(steps))


@pytest.mark.parametrize(
    ("course", "ends"),
    [
        (split({}, major=(False, True)), "growth"),  # 300 of 1600 mL, asked on the images
        (split({}, major=(False, False)), "complete"),  # the rules are those of major resections
        (
            split({"S5": 1200.0}, major=(True, False), last_day=60),
            "complete",
        ),  # leaves 400 mL, and they grow for 60 days
        (
            split({"S5": 1290.0}, major=(True, False), last_day=60),
            "growth",
        ),  # leaves 310 mL: the first is asked for them
        (split({"S5": 100.0}, major=(False, False), last_day=60), "complete"),
        (
            split({"S5": 100.0}, major=(False, True), last_day=60),
            "growth",
        ),  # what grows after 100 mL is too little
    ],
)
def test_volume_is_asked_before_every_major_resection(course: Course, ends: str) -> None:
    assert asked_for_24_percent(course).share(ends) == 1.0


def test_a_scan_before_the_first_operation_decides_nothing_about_what_grows_after_it() -> None:
    first, last = split({"S5": 1200.0}, major=(False, True), last_day=60).steps
    before, after = (CourseStep(day, "scan") for day in (0, 50))
    course = split({"S5": 1200.0}, major=(False, True), last_day=60)
    assert asked_for_24_percent(replace(course, steps=(before, first, last))).share("complete") == 1.0
    assert asked_for_24_percent(replace(course, steps=(first, after, last))).share("complete") == 1.0
    small = replace(after, measured_flr_ml=380.0)  # of 1600 mL; 384 are needed
    assert asked_for_24_percent(replace(course, steps=(first, small, last))).share("growth") == 1.0


def test_an_operation_that_was_survived_is_not_asked_for_volume_again() -> None:
    """The first leaves 310 mL where 384 are needed; 500 mL were measured after it."""
    course = split({"S5": 1290.0}, major=(True, False), last_day=60)
    first, last = course.steps
    scan = CourseStep(50, "scan", measured_flr_ml=500.0)
    assert asked_for_24_percent(course).share("growth") == 1.0
    assert asked_for_24_percent(replace(course, steps=(first, scan, last))).share("complete") == 1.0


def asked_for_24_percent(course: Course) -> Interval:
    """Play a course of `split` with average growth and no bad luck."""
    zero, one, none = np.zeros(2), np.ones(2), injury(n=2)
    volumes = Volumes(
        course,
        GrowthDraws(zero, zero, zero, zero + 0.6, zero + 0.5, zero),
        one,
        one,
        1600.0,
        EVIDENCE,
        "relative",
    )
    found = effects(0, MAN, (), none, Setting(), EVIDENCE, lambda _: one * 0.999)
    reading = last_reading(volumes, course, None, EVIDENCE, zero)
    return walk(
        course, volumes, None, reading, 0.24, MAN, lambda day: Liver(day, (), none, found), EVIDENCE, lambda d: one * 0.999
    )  # fmt: skip


def test_a_single_operation_is_completed_as_often_as_its_volume_suffices_on_day_0() -> None:
    """Without lesions nothing else stops it: completion, the rule and the earliest day say the same."""
    liver = {"S2": 330.0, "S5": 1270.0}  # 330 of 1604.5 mL are 20.6 %
    step = CourseStep(0, "operate", 1, {"S5": 1270.0}, major=True)
    course = Course("hemi", liver, {"S2": 330.0}, 1600.0, (step,), (), 0.01)
    played = simulate(course, MAN, (), EVIDENCE, seed=1, draws=4000)
    assert 0.2 < played.p_dropout["growth"] < 0.8
    assert played.p_dropout["growth"] == played.earliest[0].never == played.p_turned_away
    assert played.growth_laws.p_pass_relative == played.p_operations_done
    assert played.p_complete + sum(played.p_dropout.values()) == pytest.approx(1.0, abs=1e-12)
    # A scan before it decides on what is read there, with the noise of volumetry.
    scan = CourseStep(0, "scan", measured_flr_ml=None)
    read = simulate(replace(course, steps=(scan, step)), MAN, (), EVIDENCE, seed=1, draws=4000)
    assert read.p_turned_away == 0.0
    assert read.p_dropout["growth"] == pytest.approx(played.p_turned_away, abs=0.1)
    measured = (replace(scan, measured_flr_ml=ml) for ml in (315.0, 330.0))
    few, enough = (
        simulate(replace(course, steps=(s, step)), MAN, (), EVIDENCE, seed=1, draws=4000) for s in measured
    )
    assert (few.p_operations_done, enough.p_operations_done) == (0.0, 1.0)


def test_a_single_operation_has_no_interval() -> None:
    ending = play(staged=False, threshold=0.15)  # 243 of 1604.5 mL are 15.1 %
    by_name = {name: i for i, (name, _, _) in enumerate(LUCK)}
    assert np.all(ending.reached_last)
    assert ending.share("progression") == ending.share("complication") == ending.share("growth") == 0.0
    assert not ending.died[by_name["death of staged operations is commoner"]]
    assert ending.died[by_name["dies after the last operation"]]
