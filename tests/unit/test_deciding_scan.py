"""A plan that looks again, or helps growth once more, is not given up at the scan before."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flrsim.course import Course, CourseStep
from flrsim.evidence import load_evidence
from flrsim.timeline import simulate

sys.path.insert(0, str(Path(__file__).parents[1]))
from course_cases import MAN, RIGHT, SIX_FOLFOX, two_stage

EVIDENCE = load_evidence()
DRAWS = 2000
PVE = two_stage(occlusion_day=14, scan_day=42, last_day=90)


def with_steps(*more: CourseStep) -> Course:
    return replace(PVE, steps=tuple(sorted((*PVE.steps, *more), key=lambda s: s.day)))


def growth(course: Course) -> float:
    return simulate(course, MAN, SIX_FOLFOX, EVIDENCE, seed=1, draws=DRAWS).p_dropout["growth"]


def test_the_last_scan_decides_about_volume_and_the_first_tells_the_rate() -> None:
    once = simulate(PVE, MAN, SIX_FOLFOX, EVIDENCE, seed=1, draws=DRAWS)
    again = simulate(with_steps(CourseStep(84, "scan")), MAN, SIX_FOLFOX, EVIDENCE, seed=1, draws=DRAWS)
    assert once.response is not None
    assert again.response is not None
    assert (once.response.day, again.response.day) == (42, 42)
    # What is still too small on day 84 was too small on day 42; the same slow growers are refused.
    assert again.p_dropout["growth"] < once.p_dropout["growth"]


@pytest.mark.parametrize(
    "added",
    [
        CourseStep(44, "occlude", technique="hve", occluded=()),
        CourseStep(44, "occlude", technique="alpps_rescue", occluded=("S4", *RIGHT)),
    ],
    ids=lambda s: s.technique,
)
def test_a_rescue_is_asked_for_its_own_volume_and_not_for_the_growth_it_mends(added: CourseStep) -> None:
    scanned = with_steps(added, CourseStep(65, "scan"))
    played = simulate(scanned, MAN, SIX_FOLFOX, EVIDENCE, seed=1, draws=DRAWS)
    on_65 = next(d for d in played.decisions if d.day == 65)
    # Nothing else stops anyone for growth than the volume read on day 65; its error moves few across the threshold.
    small = float(np.mean(on_65.sflr < played.growth_laws.threshold))
    assert 0.0 < played.p_dropout["growth"] <= small + 0.02
    assert played.p_complete > 0.0
    # Without a scan of its own the volume on the day of the operation decides.
    assert growth(with_steps(added)) <= played.p_dropout["growth"] + 0.02


def test_a_second_scan_decides_on_what_was_read_at_it() -> None:
    """What it read is measured: 300 mL are too little and 450 mL enough, whatever the draws had expected."""
    few, enough = (
        simulate(
            with_steps(CourseStep(84, "scan", measured_flr_ml=ml)),
            MAN,
            SIX_FOLFOX,
            EVIDENCE,
            seed=1,
            draws=DRAWS,
        )
        for ml in (300.0, 450.0)
    )
    size = few.telv.ml
    assert size is not None
    assert 300.0 / size < few.growth_laws.threshold < 450.0 / size
    assert few.p_complete == 0.0
    # Only slow growers are refused then, and not all of them.
    assert enough.p_dropout["growth"] < 0.14
    assert enough.p_complete > 0.5
