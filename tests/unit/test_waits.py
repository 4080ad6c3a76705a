"""When volume is asked after a stimulus, and when it counts as never reached: by the stimulus's family."""

from __future__ import annotations

import numpy as np
import pytest

from course_cases import LEFT_KEPT, LIVER, MAN, RIGHT, rest_of, total
from flrsim.course import Course, CourseStep
from flrsim.evidence import load_evidence
from flrsim.physiology.adequacy import Floor, first_day_reached, floor_day
from flrsim.physiology.volumes import Stimulus
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
        stimulus = Stimulus(0, technique, np.array([0.2]), np.array([0.3]), np.array([tau]))
        day = first_day_reached(threshold, stimulus, np.array([0.2]), Floor(0, ""), EVIDENCE)
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
