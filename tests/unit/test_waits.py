"""When volume is asked after a stimulus, and when it counts as never reached: by the stimulus's family."""

from __future__ import annotations

import numpy as np
import pytest

from course_cases import LEFT_KEPT, LIVER, MAN, RIGHT, rest_of, total
from flrsim.course import Course, CourseStep
from flrsim.evidence import load_evidence
from flrsim.physiology.adequacy import Floor, first_day_reached, floor_day, last_asked
from flrsim.physiology.volumes import LAWS, GrowthDraws, Volumes
from flrsim.timeline import simulate

EVIDENCE = load_evidence()


def course(technique: str, scan_day: int, last_day: int) -> Course:
    return Course(
        technique,
        LIVER,
        LEFT_KEPT,
        total(LIVER),
        (
            CourseStep(0, "operate", 1, {"S2": 5.0}, extent="wedge"),
            CourseStep(0, "occlude", technique=technique, occluded=("S4", *RIGHT)),
            CourseStep(scan_day, "scan"),
            CourseStep(
                last_day, "operate", 2, rest_of(LEFT_KEPT), major=True, extent="right trisectionectomy"
            ),
        ),
    )


@pytest.mark.parametrize(
    ("technique", "id", "words"),
    [
        ("pve", "rules.volumetry_after_occlusion", "after the occlusion"),
        ("lvd", "rules.volumetry_after_occlusion", "after the occlusion"),
        ("alpps_mini", "rules.volumetry_after_partition", "after the partition"),
        ("y90", "rules.volumetry_after_radiation", "after the radiation"),
    ],
)
def test_the_first_volumetry_waits_as_long_as_its_stimulus_asks(technique: str, id: str, words: str) -> None:
    floor = floor_day(0, CourseStep(10, "occlude", technique=technique), (), EVIDENCE)
    assert floor.day == 10 + EVIDENCE.value(id)
    assert floor.reason.endswith(words)


@pytest.mark.parametrize(
    ("technique", "id"), [("pve", "rules.never_after"), ("y90", "rules.never_after_radiation")]
)
def test_volume_counts_as_never_reached_after_the_limit_of_its_stimulus(technique: str, id: str) -> None:
    limit, tau = EVIDENCE.value(id), 50.0
    # s(t) = 0.3 - 0.1 exp(-t / tau) crosses 0.3 - 0.1 exp(-t / tau) at t by construction
    for days, reached in ((limit - 1.5, True), (limit + 1.5, False)):
        threshold = 0.3 - 0.1 * np.exp(-days / tau)
        step = CourseStep(0, "occlude", technique=technique)
        last = last_asked(Course("occluded", LIVER, LIVER, total(LIVER), (step,)), EVIDENCE)
        day = first_day_reached(
            threshold, lambda d: np.array([0.3 - 0.1 * np.exp(-d / tau)]), Floor(0, ""), last
        )
        assert np.isfinite(day[0]) == reached


def test_growth_rates_are_gates_of_portal_occlusion_only() -> None:
    partition = simulate(course("alpps", 7, 8), MAN, (), EVIDENCE, seed=1, draws=200)
    assert partition.kgr_per_week is None
    assert "found after portal occlusion; after partition they are not asked" in partition.kgr_reason
    occlusion = simulate(course("pve", 28, 30), MAN, (), EVIDENCE, seed=1, draws=200)
    assert occlusion.kgr_per_week is not None


def test_a_partition_is_no_sooner_judged_by_its_rates_when_it_is_scanned_late() -> None:
    late = course("alpps", 30, 31)
    assert simulate(late, MAN, (), EVIDENCE, seed=1, draws=200).kgr_per_week is None


def in_two_steps(last_day: int, *, occluded: bool = False) -> Course:
    """Right hepatectomy, then the left medial section: what is left of S1 to S3 grows in between."""
    right = {"S2": 5.0, **{s: LIVER[s] for s in RIGHT}}
    rest = rest_of(LEFT_KEPT, {s: v for s, v in LIVER.items() if s not in RIGHT})
    steps = [
        CourseStep(0, "operate", 1, right, major=True),
        CourseStep(last_day, "operate", 2, rest, major=False),
    ]
    if occluded:
        steps.insert(1, CourseStep(10, "occlude", technique="pve", occluded=("S4",)))
    return Course("two steps", LIVER, LEFT_KEPT, total(LIVER), tuple(steps))


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("occluded", [False, True])
def test_the_first_day_is_that_of_plans_that_operate_on_every_day(law: str, occluded: bool) -> None:
    """The slow truth: the same patients, operated on a day later each time, and asked just before it."""
    z = np.linspace(-2.0, 2.0, 9)
    zero, one = np.zeros(9), np.ones(9)

    def played(last_day: int) -> Volumes:
        draws = GrowthDraws(z, zero, z, zero + 0.6, zero + 0.5, zero)
        return Volumes(in_two_steps(last_day, occluded=occluded), draws, one, one, 1604.5, EVIDENCE, law)

    plan, floor = played(40), Floor(10 if occluded else 0, "")
    last = last_asked(plan.course, EVIDENCE)
    assert last == (94 if occluded else 84)
    found = first_day_reached(0.26, plan.unoperated().sflr, floor, last)
    truth = np.full(9, np.inf)
    for day in range(last, floor.day - 1, -1):
        now = played(day) if day > floor.day else plan
        truth[now.sflr(day) >= 0.26] = day
    assert found.tolist() == truth.tolist()
    assert np.any(np.isfinite(found))
    assert len(set(found)) > 2


def test_regrowth_between_two_operations_counts_for_the_earliest_day() -> None:
    """15 % at first, and more than 20 % a few weeks after the right half has gone; at once it is never enough."""
    staged = simulate(in_two_steps(60), MAN, (), EVIDENCE, seed=1, draws=500)
    assert staged.at_resection is not None
    late = float(np.mean(staged.at_resection.sflr >= 0.20))
    assert late > 0.9
    (earliest,) = staged.earliest
    assert earliest.never < 0.1
    assert earliest.median is not None
    assert 0 < earliest.median < 60


def test_what_grows_after_the_last_operation_is_no_volume_before_it() -> None:
    soon, late = (simulate(in_two_steps(day), MAN, (), EVIDENCE, seed=1, draws=500) for day in (3, 80))
    assert soon.earliest == late.earliest
