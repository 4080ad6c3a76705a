"""Growth after every stimulus, held against its closed form worked out here."""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flrsim.course import Course, CourseStep
from flrsim.evidence import Evidence, load_evidence
from flrsim.physiology.growth import techniques
from flrsim.physiology.volumes import GrowthDraws, Volumes
from flrsim.timeline import simulate

sys.path.insert(0, str(Path(__file__).parents[1]))
from course_cases import LIVER, MAN, pve_of, single_stage, total, two_stage

EVIDENCE = load_evidence()
TELV = 1600.0
ZERO, ONE = np.zeros(1), np.ones(1)
BETA = 0.6
FIRST = (
    "pve",
    "pvl",
    "lvd",
    "alpps",
    "alpps_partial",
    "alpps_mini",
    "alpps_tourniquet",
    "alpps_rescue",
    "y90",
)
"""Stimuli of a liver that was left alone before; a hepatic vein is closed after one of them."""


def played(
    course: Course,
    *,
    z: float = 0.0,
    causes: float = 1.0,
    law: str = "relative",
    evidence: Evidence = EVIDENCE,
) -> Volumes:
    """The draw whose growth lies `z` standard deviations from the median, with `causes` as their product."""
    draws = GrowthDraws(ZERO + z, ZERO + z, ZERO, ZERO + BETA, ZERO + 0.5, ZERO)
    return Volumes(course, draws, causes * ONE, ONE, TELV, evidence, law)


def drawn(technique: str, name: str, z: float) -> float:
    parameter = EVIDENCE[f"growth.{technique}.{name}"]
    assert parameter.sd is not None
    return parameter.value * float(np.exp(parameter.sd * z))


def amplitude(technique: str, start_ml: float, z: float = 0.0, causes: float = 1.0) -> float:
    size = 1.0 if technique == "hve" else (start_ml / TELV / 0.27) ** -BETA
    return drawn(technique, "amplitude", z) * size * causes


def tau(technique: str, z: float = 0.0, causes: float = 1.0) -> float:
    return drawn(technique, "tau", z) / float(np.sqrt(causes))


def test_every_technique_of_the_evidence_is_tested_here() -> None:
    assert set(techniques(EVIDENCE)) == {*FIRST, "hve"}


@pytest.mark.parametrize("technique", FIRST)
@pytest.mark.parametrize(("z", "causes", "start"), [(0.0, 1.0, 400.0), (-1.0, 0.8, 300.0), (0.3, 1.1, 480.0)])
def test_every_curve_is_its_closed_form(technique: str, z: float, causes: float, start: float) -> None:
    v = played(pve_of(start, technique=technique, scan=60, operate=90), z=z, causes=causes)
    a, t = amplitude(technique, start, z, causes), tau(technique, z, causes)
    for day in (0, 3, 7, 28, 89):
        expected = start * (1 + a * (1 - np.exp(-day / t)))
        assert v.flr_ml(day)[0] == pytest.approx(min(expected, 0.75 * TELV), rel=1e-12)


@pytest.mark.parametrize("technique", FIRST)
@pytest.mark.parametrize("start", [300.0, 440.0])
def test_the_absolute_law_gains_points_in_the_ratio_of_the_techniques(technique: str, start: float) -> None:
    v = played(pve_of(start, technique=technique, scan=60, operate=90), z=-0.5, causes=0.81, law="absolute")
    value = EVIDENCE.value
    ceiling = drawn("absolute", "ceiling", -0.5) * 0.81
    ceiling *= value(f"growth.{technique}.amplitude") / value("growth.pve.amplitude")
    t = value("growth.absolute.tau") * value(f"growth.{technique}.tau") / value("growth.pve.tau") / 0.9
    for day in (7, 28, 89):
        gain = v.sflr(day)[0] - start / TELV
        assert gain == pytest.approx(ceiling * (1 - np.exp(-day / t)), rel=1e-11)


def test_the_median_remnant_grows_first_after_partition_then_deprivation_then_occlusion() -> None:
    week = {t: played(pve_of(400.0, technique=t)).flr_ml(7)[0] for t in FIRST}
    month = {t: played(pve_of(400.0, technique=t)).flr_ml(28)[0] for t in FIRST}
    ladder = ("y90", "pvl", "pve", "lvd", "alpps_mini", "alpps")
    for slower, faster in itertools.pairwise(ladder):
        assert week[slower] < week[faster]
        assert month[slower] < month[faster]
    assert week["alpps_mini"] < week["alpps_tourniquet"] < week["alpps"] == week["alpps_partial"]


@pytest.mark.parametrize("exponent", [-1.0, -0.5, 0.0])
@pytest.mark.parametrize("law", ["relative", "absolute"])
def test_causes_slow_growth_by_their_product_to_the_exponent(exponent: float, law: str) -> None:
    evidence = load_evidence(overrides={"growth.tau_exponent": exponent})
    v = played(pve_of(400.0, scan=200, operate=400), causes=0.64, law=law, evidence=evidence)
    plain = played(pve_of(400.0, scan=200, operate=400), law=law, evidence=evidence)
    end, free = (x.stimulus().end[0] - 0.25 for x in (v, plain))  # type: ignore[union-attr]
    assert end == pytest.approx(0.64 * free, rel=1e-12)
    reached = (v.sflr(10)[0] - 0.25) / end
    assert reached == pytest.approx(1 - np.exp(-10 / (10 * 0.64**exponent)), rel=1e-9)


# --- a second stimulus


def test_a_vein_closed_later_adds_its_growth_to_what_the_occlusion_still_has_to_give() -> None:
    vein = CourseStep(28, "occlude", technique="hve")
    v = played(pve_of(400.0, operate=60, later=(vein,)), causes=0.81)
    plain = played(pve_of(400.0, operate=60), causes=0.81)
    at_vein, target = plain.flr_ml(28)[0], 400 * (1 + amplitude("pve", 400, causes=0.81))
    assert v.flr_ml(28)[0] == pytest.approx(at_vein, rel=1e-12)
    end = target + at_vein * amplitude("hve", at_vein, causes=0.81)
    for days in (3, 14, 30):
        expected = end + (at_vein - end) * np.exp(-days / tau("hve", causes=0.81))
        assert v.flr_ml(28 + days)[0] == pytest.approx(expected, rel=1e-12)
        assert v.flr_ml(28 + days)[0] > plain.flr_ml(28 + days)[0]


def test_a_vein_closed_later_does_not_pass_the_cap() -> None:
    vein = CourseStep(28, "occlude", technique="hve")
    v = played(pve_of(0.70 * TELV, operate=90, later=(vein,)), causes=20.0)
    assert v.flr_ml(89)[0] <= 0.75 * TELV
    assert v.flr_ml(89)[0] == pytest.approx(0.75 * TELV, rel=1e-3)


@pytest.mark.parametrize("law", ["relative", "absolute"])
def test_the_cap_is_that_of_all_that_stays_a_deprived_part_included(law: str) -> None:
    """S1 stays but loses its branch: it shrinks, and the others may not grow to the cap beside it."""
    course = two_stage(embolized=("S1", "S4", "S5", "S6", "S7", "S8"), scan_day=200, last_day=300, lesions=())
    draws = GrowthDraws(ZERO + 9, ZERO, ZERO, ZERO + BETA, ZERO + 0.5, ZERO)
    v = Volumes(course, draws, ONE, ONE, 800.0, EVIDENCE, law)
    start = v.flr_ml(14)[0] / 243.0
    assert v.flr_ml(299)[0] < 0.75 * 800
    shrunk = 37.0 * start * 0.21 / (1 - np.exp(-3))
    assert v.flr_ml(299)[0] == pytest.approx(0.75 * 800 - shrunk, rel=1e-9)


def test_a_rescue_partition_leads_as_far_as_its_series_and_no_less_far_than_the_occlusion() -> None:
    def course(day: int) -> Course:
        rescue = CourseStep(day, "occlude", technique="alpps_rescue")
        return pve_of(400.0, scan=day, operate=60, later=(rescue,))

    v = played(course(28))
    before = played(pve_of(400.0, operate=60)).flr_ml(28)[0]
    end = before * (1 + amplitude("alpps_rescue", before))
    assert v.flr_ml(35)[0] == pytest.approx(
        end + (before - end) * np.exp(-7 / tau("alpps_rescue")), rel=1e-12
    )
    # A series without growth: what the occlusion promised is still reached.
    weak = load_evidence(overrides={"growth.alpps_rescue.amplitude": 0.01})
    early = played(course(3), evidence=weak)
    promised = 400 * (1 + amplitude("pve", 400))
    assert early.stimulus().end[0] == pytest.approx(promised / TELV, rel=1e-12)  # type: ignore[union-attr]


@pytest.mark.parametrize("technique", FIRST)
def test_what_loses_its_inflow_shrinks_by_the_same_share_in_the_end_and_never_vanishes(
    technique: str,
) -> None:
    right = 1600.0 - 400.0
    end = 1 - 0.21 / (1 - np.exp(-30 / 10))
    for z in (-3.0, 0.0, 3.0):
        v = played(pve_of(400.0, technique=technique, scan=2000, operate=9000), z=z)
        for day in (30, 8999):
            shrunk = (v.remaining_ml(day, 0)[0] - v.flr_ml(day)[0]) / right
            reached = 1 - np.exp(-day / tau(technique, z))
            assert shrunk == pytest.approx(1 - (1 - end) * reached, rel=1e-9)


# --- after the last operation


def test_a_failing_remnant_regrows_at_its_slower_rate_and_no_other_draw_moves() -> None:
    course, two = single_stage(), np.zeros(2)
    draws = GrowthDraws(two, two, two, two + BETA, two + 0.5, two)
    v = Volumes(course, draws, two + 1, two + 1, TELV, EVIDENCE, "relative")
    slow = v.failing(np.array([True, False]))
    whole, share = total(LIVER), 243.0 / total(LIVER)
    for day in (-14, 0):
        assert np.array_equal(slow.flr_ml(day), v.flr_ml(day))
    for day in (7, 30, 90):
        name = "growth.post_resection."
        rate = EVIDENCE.value(name + "failing_rate") * EVIDENCE.value(name + "rate")
        fast = 0.29 * np.exp(-rate * day / 11) + 0.27 * np.exp(-rate * day / 72)
        gap = fast + 0.44 * np.exp(-day / 2100)
        assert slow.flr_ml(day)[0] == pytest.approx(whole * (1 - (1 - share) * gap), rel=1e-12)
        assert slow.flr_ml(day)[0] < v.flr_ml(day)[0]
        assert slow.flr_ml(day)[1] == v.flr_ml(day)[1]
    assert v.failing(np.array([False, False])) is v


def test_failure_slows_the_curve_after_the_operation_and_nothing_before() -> None:
    def curves(rate: float, course: Course) -> tuple[np.ndarray, np.ndarray, dict[str, float]]:
        evidence = load_evidence(overrides={"growth.post_resection.failing_rate": rate})
        t = simulate(course, replace(MAN, diabetes=True), (), evidence, seed=4, draws=500)
        return t.days, t.flr_ml.p10, {**t.p_dropout, "complete": t.p_complete}

    course = two_stage(lesions=())
    days, slow, ends = curves(0.1, course)
    _, fast, same_ends = curves(1.0, course)
    last = course.operations[-1].day
    assert np.array_equal(slow[days <= last], fast[days <= last])
    assert np.all(slow[days > last] < fast[days > last])
    assert ends == same_ends
