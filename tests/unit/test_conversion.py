"""A plan after 0, 1, 2 … cycles: the days, what clears, what it costs, and from when on more harms."""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from flrsim.conversion import _best, _harm, _readings, conversion
from flrsim.course import Course, CourseStep
from flrsim.draws import patient_streams
from flrsim.errors import CaseError, PlanError
from flrsim.evidence import load_evidence
from flrsim.patient import Treatment
from flrsim.results import Conversion, ConversionRow, Quantiles
from flrsim.timeline import simulate
from flrsim.tumour import Lesions

sys.path.insert(0, str(Path(__file__).parents[1]))
from course_cases import MAN, SIX_FOLFOX, lesion, single_stage, two_stage

EVIDENCE = load_evidence()
CUT = replace(lesion("L1", None, ml=84.0, mm=60.0, fate="cut_through"), clears_at=0.7, shrinks_into=1)


def run(course: Course, regimen: str = "FOLFOX", history=(), n: int = 500, **more) -> Conversion:
    return conversion(course, MAN, tuple(history), EVIDENCE, seed=1, draws=n, regimen=regimen, **more)


def test_the_plan_follows_when_the_waits_after_the_last_dose_have_passed() -> None:
    course = single_stage(lesions=(CUT,))
    rows = run(course, cycles=(0, 1, 4)).rows
    assert [(r.cycles, r.last_dose_day, r.operation_day) for r in rows] == [
        (0, None, 0),
        (1, -14, 14),  # images on day -14, four weeks after the only dose
        (4, 28, 56),
    ]
    bevacizumab = run(course, "FOLFOX+bevacizumab", cycles=(4,)).rows[0]
    assert bevacizumab.operation_day == 28 + 42
    later = run(course, history=(Treatment("FOLFOX", 2, -7),), cycles=(2,))
    assert (later.first_dose_day, later.rows[0].last_dose_day, later.rows[0].operation_day) == (7, 21, 49)
    # A plan that waits long enough by itself is not moved.
    steps = tuple(replace(s, day=s.day + 300) for s in course.steps)
    assert run(replace(course, steps=steps), cycles=(4,)).rows[0].operation_day == 300


def test_all_steps_move_together_and_treatment_before_them_gives_way() -> None:
    course = two_stage(lesions=(replace(CUT, shrinks_into=2),), measured=300.0)
    early = CourseStep(-13, "treat", regimen="FOLFIRI", cycles=3)
    between = CourseStep(20, "treat", regimen="FOLFIRI", cycles=1)
    steps = sorted((*course.steps, early, between), key=lambda s: s.day)
    course = replace(course, steps=tuple(steps))
    row = run(course, cycles=(2,)).rows[0]
    assert row.operation_day == 45 + 28  # first dose -14, last 0, four weeks
    # By hand: the same plan moved, without the measurement, with the interval's cycle.
    kept = tuple(replace(s, day=s.day + 28, measured_flr_ml=None) for s in steps if s != early)
    played = simulate(
        replace(course, steps=kept), MAN, (Treatment("FOLFOX", 2, 0),), EVIDENCE, seed=1, draws=500
    )
    assert row.p_cleared == played.p_cleared
    assert row.sos_2 == np.mean(played.injury_at_resection.sos_grade >= 2)
    assert row.steatohepatitis == np.mean(played.injury_at_resection.steatohepatitis)
    assert row.p_volume == np.mean(played.at_resection.sflr >= row.sflr_threshold)
    every = (Treatment("FOLFOX", 2, 0), Treatment("FOLFIRI", 1, 48))
    lesions = Lesions(replace(course, steps=kept), MAN, every, EVIDENCE, *patient_streams(1, 500))
    assert row.burden.median == pytest.approx(np.median(lesions.diameter_fraction("L1", 73)))


def test_a_cut_lesion_clears_with_cycles_and_the_rule_rises_with_them() -> None:
    found = run(single_stage(lesions=(CUT,)), "FOLFOXIRI+bevacizumab", n=2000)
    p = [r.p_cleared for r in found.rows]
    assert p[0] == 0
    assert p[8] > 0.3
    assert all(b > a for a, b in pairwise(p[:8]))
    assert found.best is not None
    assert 4 <= found.best <= 12
    assert [r.sflr_threshold for r in found.rows] == [0.2] * 7 + [0.3] * 6
    assert found.harm_from == 7  # 14 weeks: the first that is more than 12
    assert "the binding rule rises from sFLR 20 to 30 %" in found.harm
    assert found.rows[8].sos_2 >= found.rows[2].sos_2 > found.rows[0].sos_2 > 0
    assert all(r.p_resectable <= min(r.p_cleared, 1 - r.p_progressed) + 1e-12 for r in found.rows)
    progressed = [r.p_progressed for r in found.rows]
    assert progressed[0] == 0
    assert all(b >= a for a, b in zip(progressed[4::4], progressed[8::4], strict=False))


def test_a_plan_that_clears_all_by_itself_needs_no_cycle() -> None:
    found = run(single_stage(), "5-FU", n=2000)
    assert found.best == 0
    assert found.rows[0].p_resectable == 1
    assert found.harm_from is not None
    assert found.harm.startswith("all lesions go whole without progression in ")


def test_a_regimen_without_a_known_response_converts_nothing_and_it_is_said() -> None:
    found = run(single_stage(lesions=(CUT,)), "sorafenib", cycles=(0, 6))
    assert (found.response, found.best) == (None, None)
    assert found.rows[1].p_cleared == 0
    assert found.remarks == ("sorafenib: no response is assumed, lesions grow as without it",)
    assert run(single_stage(lesions=(CUT,)), cycles=(2,)).response == "doublet"


def test_rows_share_their_luck() -> None:
    course = two_stage(lesions=(replace(CUT, shrinks_into=2),))
    many = run(course, history=SIX_FOLFOX, cycles=range(5))
    alone = run(course, history=SIX_FOLFOX, cycles=(3,))
    assert many.rows[3] == alone.rows[0]
    assert many.to_dict()["rows"][3] == alone.to_dict()["rows"][0]


def test_progression_is_read_every_eight_weeks_of_treatment_and_at_its_end() -> None:
    assert _readings((Treatment("FOLFOX", 9, 98),), EVIDENCE) == [42, 98, 112]  # first dose on day -14
    assert _readings((Treatment("FOLFOX", 4, 28),), EVIDENCE) == [42]
    assert _readings((), EVIDENCE) == []


def row(cycles: int, p: float, threshold: float = 0.2) -> ConversionRow:
    return ConversionRow(
        cycles,
        None,
        0,
        p,
        0.0,
        p,
        0.0,
        Quantiles(1.0, 1.0, 1.0),
        0.0,
        0.0,
        0.0,
        1.0,
        "normal",
        threshold,
        1.0,
    )


@pytest.mark.parametrize(
    ("shares", "thresholds", "best", "harm_from"),
    [
        ((0.1, 0.3, 0.5, 0.4), (0.2,) * 4, 2, 3),
        ((0.1, 0.3, 0.501, 0.504), (0.2,) * 4, 2, None),  # alike in whole percent: fewer cycles
        ((0.1, 0.3, 0.5, 0.6), (0.2, 0.2, 0.3, 0.3), 3, 2),
        ((0.1, 0.05, 0.5, 0.2), (0.2,) * 4, 2, 3),  # a dip before the best is no harm
        ((0.0, 0.0, 0.004, 0.0), (0.2,) * 4, None, None),
        ((0.0, 0.0, 0.0, 0.0), (0.2, 0.2, 0.2, 0.3), None, 3),
        ((0.9, 0.9, 0.9, 0.9), (0.2,) * 4, 0, None),
    ],
)
def test_the_best_number_of_cycles_and_the_first_that_harms(shares, thresholds, best, harm_from) -> None:
    rows = [row(i, p, t) for i, (p, t) in enumerate(zip(shares, thresholds, strict=True))]
    assert _best(rows) == best
    assert _harm(rows, best)[0] == harm_from


def test_what_cannot_be_asked_is_refused_in_a_sentence() -> None:
    with pytest.raises(CaseError, match='unknown part "FOLFOXX"'):
        run(single_stage(), "FOLFOXX")
    with pytest.raises(PlanError, match=r"numbers of cycles are \[\]; give at least one, and none below 0"):
        run(single_stage(), cycles=())
    with pytest.raises(PlanError, match="none below 0"):
        run(single_stage(), cycles=(-1, 2))
    empty = replace(two_stage(), steps=(CourseStep(0, "wait"),), flr_ml=two_stage().parenchyma_ml)
    with pytest.raises(PlanError, match="has no operation"):
        run(empty)
