from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flrsim.course import DeprivedPart
from flrsim.errors import PlanError
from flrsim.evidence import load_evidence
from flrsim.physiology import growth
from flrsim.physiology.volumes import GrowthDraws, Volumes, segment_4_fate

sys.path.insert(0, str(Path(__file__).parents[1]))
from course_cases import CUT_OFF, LEFT_KEPT, LIVER, RIGHT, pve_of, single_stage, two_stage

EVIDENCE = load_evidence()
HALF = np.array([0.5])
ZERO = np.array([0.0])
ONE = np.array([1.0])
MEDIAN_DRAW = GrowthDraws(ZERO, ZERO, ZERO, np.array([0.6]), HALF, ZERO)


def volumes(course: object, *, multiplier: float = 1.0, law: str = "relative") -> Volumes:
    m = np.array([multiplier])
    return Volumes(course, MEDIAN_DRAW, m, ONE, 1604.5, EVIDENCE, law)  # type: ignore[arg-type]


@pytest.mark.parametrize("s0", [0.15, 0.20, 0.25, 0.30, 0.35])
def test_hypertrophy_at_day_28_hardly_depends_on_the_start(s0: float) -> None:
    def gain(start: float) -> float:
        v = volumes(pve_of(start * 1604.5))
        return float((v.sflr(28) - v.sflr(0))[0])

    assert gain(s0) == pytest.approx(gain(0.27), abs=0.03)
    assert gain(s0) == pytest.approx(0.095, abs=0.03)  # 7.6-10.1 points in the embolization series


def test_the_relative_law_by_hand() -> None:
    v = volumes(two_stage(), multiplier=0.9)
    start = v.flr_ml(14)[0]
    amplitude = 0.36 * (start / 1604.5 / 0.27) ** -0.6 * 0.9
    tau = 10 / np.sqrt(0.9)  # what grows less grows more slowly
    for t in (0, 7, 28):
        assert v.flr_ml(14 + t)[0] == pytest.approx(
            start * (1 + amplitude * (1 - np.exp(-t / tau))), rel=1e-12
        )


def test_the_absolute_law_by_hand() -> None:
    v = volumes(two_stage(), law="absolute", multiplier=0.81)
    tau = 10 / 0.9
    gain = v.sflr(42)[0] - v.sflr(14)[0]
    assert gain == pytest.approx(0.105 * 0.81 * (1 - np.exp(-28 / tau)), rel=1e-12)


def test_growth_stops_at_the_cap() -> None:
    v = volumes(pve_of(0.70 * 1604.5), multiplier=5.0)
    assert v.sflr(28)[0] < 0.75
    assert volumes(pve_of(0.70 * 1604.5), multiplier=50.0).sflr(28)[0] == pytest.approx(0.75, abs=0.004)


def test_segments_without_inflow_shrink_by_a_fifth_in_a_month_and_segment_4_grows() -> None:
    course = two_stage(occlusion_day=14, scan_day=44, last_day=60)
    v = volumes(course)
    kept, segment_4 = sum(LEFT_KEPT.values()), LIVER["S4"]
    right = sum(LIVER[s] for s in RIGHT)
    before, after = v.remaining_ml(14, 1)[0], v.remaining_ml(44, 1)[0]
    size = before / (kept + segment_4 + right)  # all alike until the occlusion
    grown = v.flr_ml(44)[0] / v.flr_ml(14)[0] - 1
    expected = size * (kept * (1 + grown) + segment_4 * (1 + 0.87 * grown) + right * (1 - 0.21))
    assert after == pytest.approx(expected, rel=1e-9)


def test_a_wedge_regrows_before_the_occlusion_and_no_further_than_the_liver_before() -> None:
    v = volumes(two_stage())
    assert v.flr_ml(0)[0] == pytest.approx(243.0)
    assert 243.0 < v.flr_ml(14)[0] < 243.0 * sum(LIVER.values()) / (sum(LIVER.values()) - 5)
    # Before the operation nothing has changed.
    assert v.flr_ml(-14)[0] == pytest.approx(243.0)


def test_a_second_sitting_of_the_same_occlusion_is_no_second_stimulus() -> None:
    one = two_stage(embolized=("S4", *RIGHT))
    steps = list(one.steps)
    steps[1] = replace(steps[1], occluded=RIGHT)
    steps.insert(2, replace(steps[1], day=21, occluded=("S4",)))
    both = replace(one, steps=tuple(steps))
    assert volumes(both).stimulus().end[0] == pytest.approx(volumes(one).stimulus().end[0], rel=1e-12)  # type: ignore[union-attr]
    assert volumes(both).flr_ml(42)[0] == pytest.approx(volumes(one).flr_ml(42)[0], rel=1e-12)


def test_an_operation_during_growth_does_not_stop_it() -> None:
    plain = pve_of(400.0)
    steps = list(plain.steps)
    steps.insert(1, replace(steps[2], day=10, stage=1, removed_ml={"S5": 10.0}, major=False))
    steps[3] = replace(steps[3], stage=2, removed_ml={"S5": 1190.0})
    wedge = replace(plain, steps=tuple(steps), lesions=())
    assert volumes(wedge).flr_ml(28)[0] == pytest.approx(volumes(plain).flr_ml(28)[0], rel=1e-12)


def test_an_occlusion_must_leave_inflow_and_have_a_known_name() -> None:
    with pytest.raises(PlanError, match="inflow of the whole FLR"):
        volumes(two_stage(embolized=("S1", "S2", "S3")))
    steps = list(two_stage().steps)
    steps[1] = replace(steps[1], technique="magic")
    with pytest.raises(
        PlanError, match=r'technique "magic" is not known; techniques are alpps, alpps_mini, .* pve, pvl, y90'
    ):
        volumes(replace(two_stage(), steps=tuple(steps)))


@pytest.mark.parametrize(
    ("share", "series"),
    [
        (0.42, {7: 51, 14: 57, 30: 64, 91: 74, 182: 77, 365: 81, 1461: 88}),
        (0.63, {7: 69, 14: 72, 30: 76, 91: 79, 182: 83, 365: 84, 1461: 91}),
    ],
)
def test_donor_livers_regrow_as_published(share: float, series: dict[int, int]) -> None:
    """Aoki 2011, right and left donors; the curve was fitted to 1.9 and 1.3 points (root mean square)."""
    model = {d: 100 * (1 - (1 - share) * growth.remaining_gap(d, ONE, EVIDENCE)[0]) for d in series}
    error = np.array([model[d] - series[d] for d in series])
    assert np.sqrt(np.mean(error**2)) < 2.0
    assert np.max(np.abs(error)) < 4.0


def test_after_the_last_resection_the_remnant_follows_the_donor_curve() -> None:
    v = volumes(single_stage())
    total = sum(LIVER.values())
    share = 243.0 / total
    rate = EVIDENCE.value("growth.post_resection.rate") * ONE
    assert v.flr_ml(30)[0] == pytest.approx(
        total * (1 - (1 - share) * growth.remaining_gap(30, rate, EVIDENCE)[0])
    )


def test_label_disagreement_moves_the_border_not_the_liver() -> None:
    draws = replace(MEDIAN_DRAW, label_z=np.array([1.0]))
    course = two_stage(label_sd=0.0168)
    v = Volumes(course, draws, ONE, ONE, 1604.5, EVIDENCE, "relative")
    assert v.flr_ml(0)[0] == pytest.approx(243.0 + 0.0168 * sum(LIVER.values()))
    assert v.remaining_ml(0, 1)[0] == pytest.approx(sum(LIVER.values()) - 5.0)
    worst = replace(MEDIAN_DRAW, label_z=np.array([-100.0]))
    assert Volumes(course, worst, ONE, ONE, 1604.5, EVIDENCE, "relative").flr_ml(0)[0] == pytest.approx(121.5)


def test_what_becomes_of_segment_4() -> None:
    assert segment_4_fate(two_stage()) == "embolized"
    assert segment_4_fate(two_stage(embolized=RIGHT)) == "open"
    assert segment_4_fate(pve_of(400.0)) == "stays"


# --- tissue whose portal branch an operation takes


SHRUNK = 1 - 0.21 / (1 - np.exp(-30 / 10))
"""Size in the end of a part without inflow: a fifth is gone after a month at the pace of embolization."""


def shrinking(days: float, tau: float = 10.0, start: float = 1.0) -> float:
    """Size of a part, `days` after its size was `start`."""
    return SHRUNK + (start - SHRUNK) * float(np.exp(-days / tau))


def test_what_an_operation_cuts_off_shrinks_and_the_rest_grows_by_hand() -> None:
    """60 of the 243 mL that stay, and 40 mL of what goes later, lose their branch with the wedge on day 0."""
    course = replace(two_stage(embolized=RIGHT), deprived=CUT_OFF)
    v = volumes(course)
    liver = sum(LIVER.values())
    left = liver - 5.0
    rate = EVIDENCE.value("growth.post_resection.rate") * ONE

    def regrown(days: float, share: float) -> float:
        return float((1 - (1 - share) * growth.remaining_gap(days, rate, EVIDENCE)[0]) / share)

    for day in (0, 5, 14):
        size = regrown(day, left / liver)
        assert v.flr_ml(day)[0] == pytest.approx(183 * size + 60 * shrinking(day), rel=1e-12)
        assert v.remaining_ml(day, 1)[0] == pytest.approx(
            (left - 100) * size + 100 * shrinking(day), rel=1e-12
        )
    before, cut = regrown(14, left / liver), shrinking(14)
    perfused = 183 * before
    amplitude = 0.36 * (perfused / 1604.5 / 0.27) ** -0.6
    for day in (21, 44):
        grown = before * (1 + amplitude * (1 - np.exp(-(day - 14) / 10)))
        expected = 183 * grown + 60 * shrinking(day - 14, start=cut)
        assert v.flr_ml(day)[0] == pytest.approx(expected, rel=1e-12)
        assert v.deprived_share(day)[0] == pytest.approx(
            (60 * shrinking(day - 14, start=cut) + 20 * grown) / expected, rel=1e-12
        )
    at_last = before * (1 + amplitude * (1 - np.exp(-31 / 10)))
    cut = shrinking(31, start=cut)
    share = (183 * at_last + 60 * cut) / liver
    for day in (45, 75, 200):
        expected = 183 * at_last * regrown(day - 45, share) + 60 * shrinking(day - 45, start=cut)
        assert v.flr_ml(day)[0] == pytest.approx(expected, rel=1e-12)


def test_a_plan_that_cuts_nothing_off_keeps_every_digit_and_congestion_shrinks_nothing() -> None:
    course = two_stage()
    congested = replace(course, deprived=(DeprivedPart("S3", 20.0, stage=None),))
    for day in (0, 14, 30, 45, 90):
        assert volumes(congested).flr_ml(day) == volumes(course).flr_ml(day)
    assert volumes(congested).deprived_share(45)[0] == pytest.approx(20 / 243)
    assert volumes(course).deprived_share(45)[0] == 0


@pytest.mark.parametrize("law", ["relative", "absolute"])
def test_without_days_between_them_two_operations_are_one(law: str) -> None:
    plain = two_stage()
    steps = (plain.steps[0], replace(plain.steps[-1], day=0))
    apart = replace(plain, steps=steps, deprived=CUT_OFF)
    # What goes with the second operation is not there after both.
    at_once = replace(single_stage(), deprived=CUT_OFF[:2])
    for day in (-14, 0, 1, 30, 200):
        one, two = volumes(at_once, law=law), volumes(apart, law=law)
        assert two.flr_ml(day)[0] == pytest.approx(one.flr_ml(day)[0], rel=1e-14)
        assert two.deprived_share(day)[0] == pytest.approx(one.deprived_share(day)[0], rel=1e-14)
    assert volumes(at_once).flr_ml(30)[0] < volumes(single_stage()).flr_ml(30)[0]


def test_what_an_occlusion_has_deprived_already_loses_nothing_more_to_an_operation() -> None:
    """An operation between PVE and resection cuts off a part of the embolized segment, and one of what stays."""
    plain = pve_of(400.0)
    steps = list(plain.steps)
    steps.insert(1, replace(steps[2], day=10, stage=1, removed_ml={"S5": 10.0}, major=False))
    steps[3] = replace(steps[3], stage=2, removed_ml={"S5": 1190.0})
    between = replace(plain, steps=tuple(steps), lesions=())
    goes = replace(between, deprived=(DeprivedPart("S5", 300.0, stage=1, goes=2),))
    for day in (5, 10, 28):
        assert volumes(goes).remaining_ml(day, 1) == volumes(between).remaining_ml(day, 1)
    stays = replace(between, deprived=(DeprivedPart("S2", 50.0, stage=1),))
    v, whole = volumes(stays), volumes(between)
    assert v.flr_ml(9)[0] == pytest.approx(whole.flr_ml(9)[0], rel=1e-12)
    size = whole.flr_ml(10)[0] / 400
    end = size * SHRUNK
    expected = whole.flr_ml(28)[0] * 350 / 400 + 50 * (end + (size - end) * np.exp(-18 / 10))
    assert v.flr_ml(28)[0] == pytest.approx(expected, rel=1e-12)
    stimulus = v.stimulus()
    assert stimulus is not None
    assert stimulus.end[0] * 1604.5 == pytest.approx(
        350 / 400 * whole.stimulus().end[0] * 1604.5 + 50 * end  # type: ignore[union-attr]
    )


def test_more_than_there_is_cannot_be_cut_off() -> None:
    with pytest.raises(
        ValueError, match="S2: parts that stay without inflow or outflow are 141 mL; there are 140 mL"
    ):
        replace(two_stage(), deprived=(DeprivedPart("S2", 141.0, stage=1),))
    with pytest.raises(ValueError, match="S4: parts without inflow or outflow are 170 mL; there are 165 mL"):
        replace(two_stage(), deprived=(DeprivedPart("S4", 170.0, stage=1, goes=2),))
