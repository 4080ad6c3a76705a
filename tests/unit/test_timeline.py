from __future__ import annotations

import itertools
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flrsim.course import Course, CourseStep, DeprivedPart
from flrsim.errors import CaseError
from flrsim.evidence import Evidence, load_evidence
from flrsim.patient import LiverCondition, Treatment
from flrsim.physiology.adequacy import label_sd_fraction
from flrsim.physiology.modifiers import MODIFIERS
from flrsim.physiology.progression import progression_day
from flrsim.physiology.rescan import FEW as FEWEST
from flrsim.timeline import Timeline, simulate
from flrsim.timeline_result import textbook_note

sys.path.insert(0, str(Path(__file__).parents[1]))
from course_cases import (
    LEFT_KEPT,
    LIVER,
    MAN,
    RIGHT,
    SIX_FOLFOX,
    lesion,
    pve_of,
    rest_of,
    single_stage,
    total,
    two_stage,
)

EVIDENCE = load_evidence()
ANY_VOLUME = load_evidence(overrides={"rules.sflr.normal": 0.01})
"""Nobody is turned away for too little volume."""
LABEL = label_sd_fraction(LEFT_KEPT, EVIDENCE)
OFF = frozenset(MODIFIERS)


@pytest.fixture(scope="module")
def staged() -> Timeline:
    return simulate(two_stage(label_sd=LABEL), MAN, SIX_FOLFOX, EVIDENCE, seed=1)


@pytest.fixture(scope="module")
def single() -> Timeline:
    return simulate(single_stage(label_sd=LABEL), MAN, SIX_FOLFOX, EVIDENCE, seed=1)


def test_the_small_left_remnant_reaches_the_published_range_28_days_after_pve(staged: Timeline) -> None:
    day = staged.days.tolist().index(42)
    curve = staged.sflr
    assert 0.20 <= curve.median[day] <= 0.255
    assert 0.17 <= curve.p10[day] <= 0.21
    assert 0.26 <= curve.p90[day] <= 0.35


def test_the_single_stage_resection_leaves_what_is_there_now(single: Timeline) -> None:
    assert single.telv.ml == pytest.approx(1604.5, abs=0.1)
    exact = simulate(single_stage(), MAN, SIX_FOLFOX, EVIDENCE, seed=1, draws=100)
    assert exact.at_resection is not None
    assert exact.at_resection.flr_ml == pytest.approx(243.0)
    assert exact.at_resection.sflr == pytest.approx(243.0 / 1604.512, rel=1e-6)
    assert single.at_resection is not None
    assert np.median(single.at_resection.flr_ml) == pytest.approx(243.0, rel=0.01)
    # Nothing grows before the only operation: causes cost function and safety, no millilitre and no day.
    assert {"sos", "nrh", "steatosis"} <= {x.modifier for x in single.ledger}
    assert all((x.cost_ml, x.cost_days) == (0.0, None) for x in single.ledger)
    assert single.kgr_per_week is None
    assert single.kgr_reason == "no scan after an occlusion"
    # Two weeks from the images, and a large lesion; then 15 % against 20 %.
    come = single.p_operations_done + single.p_turned_away
    assert come == pytest.approx(np.exp(-0.030 * 1.5), abs=0.01)
    assert single.p_dropout["growth"] == single.p_turned_away > 0.9
    assert single.p_complete == pytest.approx(single.p_operations_done - single.p_death_90d)
    # Failure and death are those of the operation, not of the few whose volume happens to suffice.
    assert single.p_death_last is not None
    assert single.p_death_last > 0.03 > single.p_death_90d
    assert single.earliest[0].never > 0.99
    assert single.earliest[0].median is None


def test_an_interval_of_no_days_is_a_single_operation() -> None:
    course = two_stage(occlusion_day=0, scan_day=0, last_day=0)
    played = simulate(course, MAN, SIX_FOLFOX, EVIDENCE, seed=1, draws=300)
    alone = simulate(single_stage(), MAN, SIX_FOLFOX, EVIDENCE, seed=1, draws=300)
    assert played.at_resection is not None
    assert alone.at_resection is not None
    assert played.at_resection.flr_ml == pytest.approx(alone.at_resection.flr_ml, rel=1e-12)
    assert played.remnant_ml[-1].median == pytest.approx(alone.remnant_ml[-1].median, rel=1e-12)
    assert played.kgr_per_week is None
    assert played.kgr_reason == "0 days after the occlusion; at least 21 needed"


def test_the_growth_rate_is_the_gain_over_the_weeks_since_the_occlusion(staged: Timeline) -> None:
    assert staged.response is not None
    assert staged.response.day == 42
    gain = staged.response.degree_of_hypertrophy
    assert gain is not None
    assert staged.response.kgr_per_week == pytest.approx(gain / 4, rel=1e-12)
    assert staged.degree_of_hypertrophy is not None
    assert staged.degree_of_hypertrophy.median == pytest.approx(np.median(gain))
    days = staged.days.tolist()
    rise = staged.sflr.median[days.index(42)] - staged.sflr.median[days.index(14)]
    assert staged.degree_of_hypertrophy.median == pytest.approx(rise, abs=0.005)


def test_pve_growth_agrees_with_the_published_series() -> None:
    """Croome 36.0 +- 27.2 % (n 53): within two standard errors; Denbo terciles 2.0 and 4.1 (n 45)."""
    played = simulate(
        pve_of(0.27 * 1604.5, scan=37, operate=40), MAN, (), EVIDENCE, seed=3, modifiers_off=OFF
    )
    assert played.response is not None
    growth = 100 * (played.response.sflr / 0.27 - 1)
    assert growth.mean() == pytest.approx(36.0, abs=2 * 27.2 / np.sqrt(53))
    assert growth.std() == pytest.approx(27.2, abs=5.3)  # 95 % interval of an SD from 53 patients
    right = simulate(pve_of(0.33 * 1604.5, scan=27, operate=30), MAN, (), EVIDENCE, seed=3, modifiers_off=OFF)
    assert right.response is not None
    low, high = 100 * np.quantile(right.response.kgr_per_week, [1 / 3, 2 / 3])
    assert low == pytest.approx(2.0, abs=0.5)
    assert high == pytest.approx(4.1, abs=1.0)


def completion_course(sflr: float) -> Course:
    """Bilobar lesions below 5 cm, clearance of the left, PVE two weeks later, second stage at 6.5 weeks."""
    scale = sflr * 1604.5 / total(LEFT_KEPT)
    liver = LIVER | {s: v * scale for s, v in LEFT_KEPT.items()}
    wedge = {"S2": 5.0}
    kept = {s: liver[s] - wedge.get(s, 0.0) for s in LEFT_KEPT}
    return Course(
        "staged",
        liver,
        kept,
        total(liver),
        (
            CourseStep(0, "operate", 1, wedge),
            CourseStep(14, "occlude", technique="pve", occluded=("S4", *RIGHT)),
            CourseStep(42, "scan"),
            CourseStep(46, "operate", 2, rest_of(kept, liver), major=True),
        ),
        tuple(lesion(f"L{i}", 1 if i < 3 else 2) for i in range(6)),
        0.0,
        0,  # a series counts those who had the first operation
    )


@pytest.mark.parametrize("sflr", [0.22, 0.27])
def test_completion_of_two_stage_hepatectomy_is_as_published(sflr: float) -> None:
    """78 % pooled, 72-86 % in the series; of 109 lost: 12 progression, 5 growth, 3 complications (Passot)."""
    played = simulate(completion_course(sflr), MAN, SIX_FOLFOX, EVIDENCE, seed=3)
    assert 0.72 <= played.p_operations_done <= 0.86
    assert played.p_operations_done == pytest.approx(0.78, abs=0.04)
    assert played.p_dropout["progression"] == pytest.approx(12 / 109, abs=0.03)
    assert played.p_dropout["growth"] == pytest.approx(5 / 109, abs=0.02)
    assert played.p_dropout["complication"] == pytest.approx(3 / 109, abs=0.01)
    # 90-day deaths after stage 1 and 2: 0 and 7 %, 4 and 5 % of those operated on.
    assert 0.03 <= played.p_death_90d <= 0.09


def test_outcomes_are_exclusive_and_sum_to_one(staged: Timeline, single: Timeline) -> None:
    for played in (staged, single):
        assert played.p_complete + sum(played.p_dropout.values()) == pytest.approx(1.0, abs=1e-12)
        assert set(played.p_dropout) == {"progression", "growth", "complication", "death"}
        assert played.p_textbook <= played.p_complete <= played.p_operations_done
        assert 0 <= played.p_phlf_low <= played.p_phlf_high <= 1  # type: ignore[operator]


def test_progression_follows_its_hazard() -> None:
    u = (np.arange(20_000) + 0.5) / 20_000
    few = (lesion("L1", 2), lesion("L2", 1))
    of_day_0 = replace(two_stage(lesions=few), scan_day=0)
    day = progression_day(of_day_0, MAN, SIX_FOLFOX, EVIDENCE, u)
    for weeks, hazard in ((1, 0.015), (2, 0.030), (6.5, 0.030 + 4.5 * 0.023)):
        assert np.mean(day < 7 * weeks) == pytest.approx(1 - np.exp(-hazard), abs=1e-4)
    many = tuple(lesion(f"L{i}", 2, mm=50.0) for i in range(8))
    worst = progression_day(
        replace(two_stage(lesions=many), scan_day=0), MAN, (Treatment("FOLFOX", 7, -42),), EVIDENCE, u
    )
    factor = 1.6 * 1.5 * 1.4
    assert np.mean(worst < 14) == pytest.approx(1 - np.exp(-0.030 * factor), abs=1e-4)
    assert np.all(np.isinf(progression_day(two_stage(lesions=()), MAN, SIX_FOLFOX, EVIDENCE, u)))


MIDDLES = (np.arange(20_000) + 0.5) / 20_000
FEW = (lesion("L1", 2), lesion("L2", 1))
FEW_ONCE = (lesion("L1", 1),)


def by_days(images: int, treated: range, before: float, after: float) -> dict[int, float]:
    """Return the share progressed by day, one day's hazard at a time; `treated` days have 0.6 of it."""
    hazard, found = 0.0, {}
    for day in range(images, 60):
        found[day] = 1 - np.exp(-hazard)
        week = (0.015 if (day - images if day < 0 else day) < 14 else 0.023) * (before if day < 0 else after)
        hazard += week / 7 * (0.6 if day in treated else 1.0)
    return found


@pytest.mark.parametrize(
    ("images", "history", "treated", "before", "after"),
    [
        (-35, (), range(0), 1.0, 1.0),
        (-35, (Treatment("FOLFOX", 1, -21),), range(-21, -7), 1.0, 1.0),
        (-35, (Treatment("FOLFOX", 1, -35),), range(-35, -21), 1.0, 1.0),  # on the day of the images
        (-35, (Treatment("FOLFOX", 4, -42),), range(-35, -28), 1.0, 1.0),  # one cycle after the last
        (-35, (Treatment("FOLFOX", 4, -49),), range(0), 1.0, 1.0),
        (-35, (Treatment("FOLFOX", 7, -42),), range(-35, -28), 1.6, 1.6),
        (-35, (Treatment("FOLFOX", 1, -7), Treatment("CAPOX", 1, 0)), range(-7, 21), 1.0, 1.0),
        (-35, (Treatment("FOLFOX", 7, -35),), range(-35, -21), 1.0, 1.6),  # the seventh is not known on the images
        (-35, (Treatment("FOLFOX", 7, 14),), range(-35, 28), 1.0, 1.0),  # the first 3 doses of 7 come before
        (0, (Treatment("FOLFOX", 1, 44),), range(44, 58), 1.0, 1.0),  # the day before the last operation
    ],
)  # fmt: skip
def test_progression_begins_at_the_images_and_is_slower_only_while_treatment_acts(
    images: int, history: tuple[Treatment, ...], treated: range, before: float, after: float
) -> None:
    """Truth: survival, one day at a time."""
    course = replace(two_stage(lesions=FEW), scan_day=images)
    day = progression_day(course, MAN, history, EVIDENCE, MIDDLES)
    for at, progressed in by_days(images, treated, before, after).items():
        assert np.mean(day < at) == pytest.approx(progressed, abs=1e-4)
    assert day.min() > images
    assert np.all(np.diff(day) < 0)  # over every seam


def test_a_volume_measured_after_the_first_step_rules_progression_out_until_then() -> None:
    course = replace(two_stage(lesions=FEW, measured=300.0), scan_day=-35)
    day = progression_day(course, MAN, (), EVIDENCE, MIDDLES)
    assert day.min() > 42
    assert np.mean(day < 49) == pytest.approx(1 - np.exp(-0.023), abs=1e-4)


def test_waiting_and_treatment_before_the_first_step_cost_completion() -> None:
    """The images on day 0 are the plan as it was; 35 days before, its draws meet 5 weeks more of the hazard."""
    played = {}
    for images in (0, -35):
        course = replace(single_stage(lesions=FEW_ONCE), scan_day=images)
        played[images] = simulate(course, MAN, SIX_FOLFOX, EVIDENCE, seed=1, draws=4000)
        one = played[images]
        assert one.p_complete + sum(one.p_dropout.values()) == pytest.approx(1.0, abs=1e-12)
    assert played[0].p_dropout["progression"] == 0.0
    assert played[-35].p_dropout["progression"] == pytest.approx(1 - np.exp(-0.099), abs=0.015)
    assert played[-35].p_death_90d <= played[0].p_death_90d


def test_a_measured_volume_below_the_threshold_ends_the_plan() -> None:
    played = simulate(two_stage(lesions=(), measured=300.0), MAN, SIX_FOLFOX, EVIDENCE, seed=1, draws=400)
    assert 300.0 / played.telv.ml < 0.20  # type: ignore[operator]
    # Those who come so far: some died before, in draws that the measurement rules out.
    assert played.p_dropout["growth"] + played.p_dropout["progression"] == pytest.approx(1.0)


def test_who_is_refused_after_a_measured_volume_follows_from_its_noise() -> None:
    """The share of slow growers, by what was read less what each draw began with, weighted by hand with 5 % noise."""
    prior = simulate(two_stage(lesions=(), label_sd=0.01), MAN, SIX_FOLFOX, EVIDENCE, seed=1, draws=4000)
    response = prior.response
    assert response is not None
    assert response.degree_of_hypertrophy is not None
    began = response.sflr - response.degree_of_hypertrophy
    measured, weeks = 378.0, 4.0
    slow = (measured / prior.telv.ml - began) / weeks < 0.02  # type: ignore[operator]
    weight = np.exp(-0.5 * ((measured - prior.decisions[1].flr_ml) / (0.05 * measured)) ** 2)
    expected = 0.14 * np.sum(weight * slow) / np.sum(weight)
    played = simulate(
        two_stage(lesions=(), label_sd=0.01, measured=measured), MAN, SIX_FOLFOX, EVIDENCE, seed=1, draws=4000
    )
    error = np.sqrt(0.25 / played.rescan.effective_sample_size)  # type: ignore[union-attr]
    assert played.p_dropout["growth"] == pytest.approx(expected, abs=error)
    assert 0.02 < expected < 0.12


def test_what_is_read_at_a_scan_carries_its_noise_and_what_is_there_does_not() -> None:
    timeline = simulate(two_stage(lesions=()), MAN, (), EVIDENCE, seed=1, draws=4000)
    assert timeline.response is not None
    ratio = np.log(timeline.response.sflr / timeline.decisions[1].sflr)
    assert np.std(ratio) == pytest.approx(EVIDENCE.value("volumetry.rescan.noise"), rel=0.05)
    assert abs(np.mean(ratio)) < 0.003


def test_without_a_scan_volume_is_still_asked_before_the_operation() -> None:
    course = two_stage()
    blind = replace(course, steps=tuple(s for s in course.steps if s.kind != "scan"))
    seen = simulate(course, MAN, (), EVIDENCE, seed=1, draws=4000)
    unseen = simulate(blind, MAN, (), EVIDENCE, seed=1, draws=4000)
    assert unseen.p_dropout["growth"] == pytest.approx(seen.p_dropout["growth"], abs=0.08)
    assert unseen.p_dropout["growth"] > 0.1
    assert unseen.kgr_per_week is None


def test_a_plan_that_leaves_a_lesion_has_no_textbook_outcome() -> None:
    course = two_stage(lesions=(lesion("L1", 2), lesion("L2", None, fate="left")))
    played = simulate(course, MAN, (), EVIDENCE, seed=1, draws=200)
    assert played.p_textbook == 0.0
    assert textbook_note(played) == "L2 stays"


@pytest.mark.parametrize(
    ("fates", "why"),
    [
        (("removed", "ablated"), ""),
        (("cut_through", "removed"), "L1 is cut through on these images"),
        (("cut_through", "cut_through", "left"), "L1, L2 are cut through on these images; L3 stays"),
    ],
)
def test_why_there_is_no_textbook_outcome_is_said(fates: tuple[str, ...], why: str) -> None:
    lesions = tuple(lesion(f"L{i}", 1, fate=fate) for i, fate in enumerate(fates, 1))
    played = simulate(single_stage(lesions=lesions), MAN, (), ANY_VOLUME, seed=1, draws=200)
    assert textbook_note(played) == why
    assert (played.p_textbook == 0.0) == bool(why)


def test_a_textbook_outcome_that_nobody_lives_to_see_is_explained_too() -> None:
    early, ill = two_stage(scan_day=15, last_day=16), replace(MAN, liver=LiverCondition(fibrosis="F4"))
    never = simulate(early, ill, (), EVIDENCE, seed=1, draws=200)
    assert never.p_operations_done == 0.0
    assert textbook_note(never) == "no draw reaches the last operation"


def test_deaths_of_who_is_operated_on_are_those_of_who_get_there(staged: Timeline, single: Timeline) -> None:
    enough = simulate(single_stage(label_sd=LABEL), MAN, SIX_FOLFOX, ANY_VOLUME, seed=1)
    for played in (staged, enough):
        done, lived = played.p_operations_done, played.p_complete
        assert played.operated is not None
        assert played.operated.share == done
        assert played.operated.p_death == pytest.approx((done - lived) / done, rel=1e-12)
    assert staged.p_death_last > staged.p_death_90d > 0  # type: ignore[operator]
    assert enough.p_death_90d == pytest.approx(enough.operated.p_death * enough.p_operations_done)  # type: ignore[operator, union-attr]
    # Who is turned away on the images comes to the operation, and is not operated on.
    assert single.p_turned_away > 0.9
    assert single.operated is not None
    assert single.operated.share == single.p_operations_done
    # Were those operated on who are turned away on the images, they would die of it: nothing is safer without them.
    assert single.p_death_last > single.p_death_90d  # type: ignore[operator]


def test_an_operation_that_nobody_reaches_has_the_deaths_it_would_have() -> None:
    ill = replace(MAN, liver=LiverCondition(fibrosis="F4"))
    early = two_stage(scan_day=15, last_day=16)
    never = simulate(early, ill, (), EVIDENCE, seed=1, draws=4000)
    assert never.p_operations_done == 0.0
    failing = 0.5 * (never.p_phlf_low + never.p_phlf_high)  # type: ignore[operator]
    assert never.p_death_last == pytest.approx(1 - (1 - 0.031) * (1 - 0.217 * failing), abs=0.015)


LONG = (Treatment("FOLFOX", 12, -28 * 7),)


def asking(sflr: float) -> Evidence:
    """The evidence with another least sFLR after long chemotherapy: it enters no risk, as that of a normal liver does."""
    return load_evidence(overrides={"rules.sflr.chemotherapy": sflr})


def test_failure_is_that_of_one_population_whoever_grows_enough() -> None:
    """However many are turned away for volume, the operation that is asked about is the same one."""
    easy, strict = (
        simulate(two_stage(), MAN, LONG, asking(least), seed=1, draws=2000) for least in (0.05, 0.26)
    )
    assert easy.p_operations_done > 0.5
    assert 0.05 < strict.p_operations_done < 0.4
    assert (strict.p_phlf_low, strict.p_phlf_high) == (easy.p_phlf_low, easy.p_phlf_high)
    assert strict.p_phlf_by_definition == easy.p_phlf_by_definition
    assert strict.p_death_last == easy.p_death_last
    # Who grew enough fails less often: the number beside is theirs, and says how many they are.
    assert strict.operated is not None
    assert strict.operated.share == strict.p_operations_done
    assert strict.operated.p_phlf_high < easy.operated.p_phlf_high - 0.02  # type: ignore[operator, union-attr]
    assert strict.operated.p_phlf_high < strict.p_phlf_high  # type: ignore[operator]


def test_too_few_who_are_operated_on_have_no_number() -> None:
    strict = asking(0.26)
    for draws, enough in ((300, False), (2000, True)):
        found = simulate(two_stage(), MAN, LONG, strict, seed=1, draws=draws).operated
        assert found is not None
        assert (found.draws >= FEWEST) == enough
        assert {x is None for x in (found.p_phlf_low, found.p_phlf_high, found.p_death)} == {not enough}
    # After a measurement draws are repeated: they count for what they are worth.
    measured = simulate(two_stage(measured=300.0), MAN, LONG, asking(0.05), seed=1, draws=300)
    assert measured.operated is not None
    assert measured.rescan is not None
    worth = measured.rescan.effective_sample_size
    assert measured.operated.draws == pytest.approx(measured.operated.share * worth)
    assert measured.operated.draws < FEWEST < 300 * measured.operated.share
    assert measured.operated.p_death is None


def test_the_ledger_tells_what_each_modifier_costs() -> None:
    patient = replace(MAN, liver=LiverCondition(steatosis_fraction=0.4, fibrosis="F3"))
    history = (Treatment("FOLFOX", 8, -70),)
    played = simulate(two_stage(), patient, history, EVIDENCE, seed=1, draws=2000)
    lines = {x.modifier: x for x in played.ledger}
    assert {"steatosis", "fibrosis", "many_cycles", "segment_4", "all"} <= set(lines)
    assert "bevacizumab" not in lines
    assert lines["fibrosis"].cost_ml > 0
    assert lines["segment_4"].cost_ml < 0
    without = simulate(
        two_stage(), patient, history, EVIDENCE, seed=1, draws=2000, modifiers_off=frozenset({"fibrosis"})
    )
    difference = np.median(without.at_resection.flr_ml) - np.median(played.at_resection.flr_ml)  # type: ignore[union-attr]
    assert lines["fibrosis"].cost_ml == pytest.approx(difference, rel=1e-9)
    assert "fibrosis" not in {x.modifier for x in without.ledger}


def test_both_growth_laws_are_played_and_compared(staged: Timeline) -> None:
    laws = staged.growth_laws
    assert laws.threshold == 0.20
    assert staged.at_resection is not None
    assert laws.p_pass_relative == pytest.approx(np.mean(staged.at_resection.sflr >= 0.2))
    assert laws.p_pass_absolute == pytest.approx(np.mean(staged.at_resection.sflr_absolute >= 0.2))
    assert not staged.growth_law_disagrees
    tiny = replace(laws, median_relative=0.19, median_absolute=0.21)
    assert tiny.disagrees


def test_the_earliest_day_has_floors_and_counts_never_as_infinity(staged: Timeline) -> None:
    normal, chemotherapy = staged.earliest
    assert (normal.threshold, chemotherapy.threshold) == (0.20, 0.30)
    assert normal.floor.day == 35
    assert normal.p10 == normal.floor.day
    assert 0.1 < normal.never < 0.5
    assert normal.median is not None
    assert normal.p90 is None
    assert chemotherapy.never > 0.5
    assert (
        chemotherapy.never < 0.9
    )  # the tenth percentile exists, but is not shown where most never get there
    assert (chemotherapy.p10, chemotherapy.median) == (None, None)


def test_function_lags_before_and_leads_after_the_resection(staged: Timeline) -> None:
    days = staged.days.tolist()
    volume, function = staged.sflr.median, staged.function.median
    assert function[0] <= volume[0]
    for day in (21, 28, 35):
        assert function[days.index(day)] < volume[days.index(day)]
    assert function[days.index(60)] > volume[days.index(60)]
    assert np.all(staged.function.median <= 1.64 * staged.sflr.median + 1e-9)
    assert days[0] == -14
    assert days[-1] == 45 + 90


def test_curves_are_percentiles_and_lesions_vanish_when_resected(staged: Timeline) -> None:
    for curve in (staged.flr_ml, staged.sflr, staged.function, staged.tumour_ml):
        assert curve.median.shape == staged.days.shape
        assert np.all(curve.p10 <= curve.median)
        assert np.all(curve.median <= curve.p90)
    days = staged.days.tolist()
    assert staged.tumour_ml.median[days.index(44)] > 84
    assert staged.tumour_ml.median[days.index(45)] == 0
    i = days.index(45)
    assert staged.flr_ml.median[i] == pytest.approx(np.median(staged.at_resection.flr_ml))  # type: ignore[union-attr]


def test_the_share_with_enough_volume_is_that_of_the_draws_on_every_decision_day(staged: Timeline) -> None:
    assert staged.p_sufficient.shape == staged.days.shape
    for decision in staged.decisions:
        if decision.kind == "scan":
            at = int(np.flatnonzero(staged.days == decision.day)[0])
            enough = np.mean(decision.sflr >= staged.growth_laws.threshold)
            assert staged.p_sufficient[at] == pytest.approx(enough)
            assert 0.0 < enough < 1.0


def test_diameters_by_day_are_those_of_the_operations_and_end_where_a_lesion_is_cleared(
    staged: Timeline,
) -> None:
    ends = {s.stage: s.day for s in staged.course.operations}
    seen = 0
    for one in staged.course.lesions:
        curve = staged.lesion_mm[one.name]
        assert curve.median[0] == pytest.approx(one.diameter_mm), "as imaged on the first day"
        until = ends.get(one.stage if one.cleared else None, np.inf)
        assert np.isnan(curve.median).tolist() == (staged.days >= until).tolist()
        for row in staged.lesions:
            if row.name == one.name and row.day < until:
                at = int(np.flatnonzero(staged.days == row.day)[0])
                assert curve.median[at] == pytest.approx(row.diameter_mm.median)
                assert curve.p10[at] == pytest.approx(row.diameter_mm.p10)
                seen += 1
    assert seen


def test_results_are_the_same_in_threads_and_with_more_plans_beside(staged: Timeline) -> None:
    with ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(simulate, c, MAN, SIX_FOLFOX, EVIDENCE, seed=1)
            for c in (single_stage(), two_stage(label_sd=LABEL))
        ]
    again = jobs[1].result()
    assert np.array_equal(again.sflr.median, staged.sflr.median)
    assert again.p_dropout == staged.p_dropout
    assert again.used == staged.used
    assert (
        simulate(two_stage(label_sd=LABEL), MAN, SIX_FOLFOX, EVIDENCE, seed=2).p_complete != staged.p_complete
    )


def test_plans_of_one_patient_share_their_luck(staged: Timeline, single: Timeline) -> None:
    """The same annotators' border in both plans: what stays is ordered alike before it grows."""
    early = simulate(two_stage(label_sd=LABEL, scan_day=14), MAN, SIX_FOLFOX, EVIDENCE, seed=1).decisions[1]
    assert early.day == 14
    assert single.at_resection is not None
    assert np.corrcoef(early.flr_ml, single.at_resection.flr_ml)[0, 1] > 0.999


def test_the_used_numbers_travel_with_the_result(staged: Timeline, single: Timeline) -> None:
    assert "growth.pve.amplitude" in staged.used
    assert "growth.pve.amplitude" not in single.used
    assert "tumour.doubling_time" in single.used
    assert "growth.modifier.fibrosis_4" not in staged.used
    assert staged.parameter_set == load_evidence().parameter_set
    assert (staged.seed, staged.n_draws) == (1, 10_000)
    changed = simulate(two_stage(), MAN, (), load_evidence(overrides={"growth.beta": 0.5}), seed=1, draws=50)
    assert changed.parameter_set == f"{staged.parameter_set} + 1 override"
    assert changed.overridden == ("growth.beta",)


def test_an_unfit_formula_or_regimen_is_refused() -> None:
    with pytest.raises(CaseError, match="total liver volume by chouker2004: made from autopsies"):
        simulate(
            two_stage(), replace(MAN, age=80), (), EVIDENCE, seed=1, draws=10, telv_formula="chouker2004"
        )
    with pytest.raises(CaseError, match="unknown part"):
        simulate(two_stage(), MAN, (Treatment("FOLFUX", 6, -42),), EVIDENCE, seed=1, draws=10)
    other = simulate(two_stage(), MAN, (), EVIDENCE, seed=1, draws=10, telv_formula="urata1995")
    assert other.telv.ml == pytest.approx(1339.2, abs=0.1)


def test_segment_4_and_bevacizumab_belong_to_the_occlusion_not_to_regrowth() -> None:
    runs = [
        simulate(single_stage(), MAN, (), EVIDENCE, seed=1, draws=200, modifiers_off=off)
        for off in (frozenset(), frozenset({"segment_4", "bevacizumab"}))
    ]
    assert np.array_equal(runs[0].flr_ml.median, runs[1].flr_ml.median)


def test_a_plan_without_operation_only_grows() -> None:
    course = two_stage(lesions=())
    steps = course.steps[1:3]
    waiting = replace(course, steps=steps, flr_ml=LIVER)
    played = simulate(waiting, MAN, (), EVIDENCE, seed=1, draws=200)
    assert (played.p_operations_done, played.p_complete) == (1.0, pytest.approx(1.0, abs=0.02))
    assert played.at_resection is None
    assert played.p_phlf_low is None
    assert played.p_textbook == 0.0
    assert textbook_note(played) == "no operation"
    assert played.p_death_last is None
    nothing = simulate(replace(waiting, steps=()), MAN, (), EVIDENCE, seed=1, draws=200)
    assert nothing.flr_ml.median == pytest.approx(sum(LIVER.values()))
    assert len(nothing.decisions) == 1


def test_a_course_must_add_up() -> None:
    course = two_stage()
    with pytest.raises(ValueError, match="S5: removed 200 and staying 7 mL must add up to 200 mL"):
        replace(course, flr_ml={**LEFT_KEPT, "S5": 7.0})
    with pytest.raises(ValueError, match="must be in order"):
        replace(course, steps=course.steps[::-1])
    with pytest.raises(ValueError, match="something must stay"):
        replace(course, flr_ml={})
    with pytest.raises(ValueError, match="must be numbered"):
        replace(course, steps=(replace(course.steps[0], stage=2), *course.steps[1:]))
    with pytest.raises(ValueError, match="kinds are operate"):
        CourseStep(0, "hope")
    with pytest.raises(ValueError, match="other steps not"):
        CourseStep(0, "scan", stage=1)


def test_failure_without_credit_is_that_of_the_plan_that_takes_the_tissue_out_as_well() -> None:
    """60 mL of S2 cut off and 20 mL of S3 congested: not counted, what stays fails as if they were not there."""
    parts = (DeprivedPart("S2", 60.0, stage=1), DeprivedPart("S3", 20.0, stage=None))
    plain = single_stage()
    with_them = simulate(replace(plain, deprived=parts), MAN, (), EVIDENCE, seed=3, draws=500)
    kept = {**plain.flr_ml, "S2": plain.flr_ml["S2"] - 60, "S3": plain.flr_ml["S3"] - 20}
    removed = dict(plain.steps[0].removed_ml or {})
    removed |= {"S2": removed["S2"] + 60, "S3": 20.0}
    taken = replace(plain, flr_ml=kept, steps=(replace(plain.steps[0], removed_ml=removed),))
    without = simulate(taken, MAN, (), EVIDENCE, seed=3, draws=500)
    none = with_them.credited[0]
    assert none.credit == 0
    assert none.p_phlf_low == pytest.approx(without.p_phlf_low, rel=1e-12)
    assert none.p_phlf_high == pytest.approx(without.p_phlf_high, rel=1e-12)
    assert none.sflr.median == pytest.approx(without.decisions[0].sflr[0], rel=1e-12)
    for less, more in itertools.pairwise(with_them.credited):
        assert less.credit < more.credit
        assert less.sflr.median < more.sflr.median
        assert less.p_phlf_low >= more.p_phlf_low
        assert less.p_phlf_high > more.p_phlf_high
    assert with_them.credited[-1].p_phlf_high > (with_them.p_phlf_high or 0.0)
    assert simulate(plain, MAN, (), EVIDENCE, seed=3, draws=500).credited == ()


def wedges(deprived: dict[str, float]) -> Course:
    """Wedges of 5 mL that cut off parts of segments; they are no major resection."""
    taken = {s: 5.0 for s in ("S5", "S6", "S7", "S8")}
    course = single_stage()
    step = replace(course.steps[0], removed_ml=taken, major=False, resected=())
    kept = {s: ml - taken.get(s, 0.0) for s, ml in course.parenchyma_ml.items()}
    parts = tuple(DeprivedPart(s, ml, stage=1) for s, ml in deprived.items())
    return replace(course, flr_ml=kept, steps=(step,), deprived=parts)


def test_wedges_that_cut_off_half_a_liver_are_a_major_resection_where_it_does_not_count() -> None:
    """As if the tissue had been taken: with full credit the plan itself stays minor, without it is a major one."""
    whole = wedges({}).flr_ml
    cut_off = {s: whole[s] for s in ("S5", "S6", "S7", "S8")}
    played = simulate(wedges(cut_off), MAN, (), EVIDENCE, seed=3, draws=500)
    assert played.phlf_cause == "minor"
    removed = {s: wedges({}).parenchyma_ml[s] for s in cut_off}
    course = wedges({})
    step = replace(course.steps[0], removed_ml=removed, major=True)
    kept = {s: ml for s, ml in course.parenchyma_ml.items() if s not in removed}
    taken = simulate(replace(course, flr_ml=kept, steps=(step,)), MAN, (), EVIDENCE, seed=3, draws=500)
    none, *_, most = played.credited
    assert none.p_phlf_low == pytest.approx(taken.p_phlf_low, rel=1e-12)
    assert none.p_phlf_high == pytest.approx(taken.p_phlf_high, rel=1e-12)
    assert none.p_phlf_high > 3 * played.p_phlf_high  # type: ignore[operator]
    # Nearly all of it counts: what is left of the loss is no segment, and the operation is the minor one it is.
    assert (most.p_phlf_low, most.p_phlf_high) == (played.p_phlf_low, played.p_phlf_high)


@pytest.mark.parametrize(
    ("share", "credit", "major"),
    [
        (0.52, 0.0, True),
        (0.48, 0.0, False),
        (0.9, 0.5, False),
        (0.9, 0.40, True),
    ],
)
def test_a_segment_is_gone_when_more_than_half_of_it_is_taken_or_does_not_count(
    share: float, credit: float, major: bool
) -> None:
    """Of S5, S6 and S7 a share is taken or cut off; 5 mL of each are taken."""
    whole = wedges({}).parenchyma_ml
    course = wedges({s: share * whole[s] - 5.0 for s in ("S5", "S6", "S7")})
    assert course.major_without(course.steps[0], credit) == major
    # Two segments are never a major resection, a later resection of the rest takes a part out of the question.
    two = replace(course, deprived=course.deprived[:2])
    assert not two.major_without(two.steps[0], 0.0)
    assert two.major_without(replace(two.steps[0], resected=("S7",)), credit) == major
    gone = replace(course, deprived=(*course.deprived[:2], replace(course.deprived[2], goes=2)))
    assert not gone.major_without(gone.steps[0], 0.0)
    halves = replace(
        course,
        parenchyma_ml={"S4a": 10.0, "S4b": 10.0},
        flr_ml={"S4a": 10.0, "S4b": 10.0},
        steps=(),
        deprived=(),
    )
    assert not halves.major_without(replace(course.steps[0], resected=("S4a", "S4b", "S5")), 0.0)


def test_the_growth_laws_without_credit_are_those_of_what_is_left() -> None:
    parts = (DeprivedPart("S2", 120.0, stage=1),)
    played = simulate(replace(two_stage(), deprived=parts), MAN, (), EVIDENCE, seed=3, draws=501)
    at = played.at_resection
    assert at is not None
    laws = played.growth_laws_without
    assert laws.median_relative == pytest.approx(np.median(at.sflr * (1 - played.deprived_share)), rel=1e-12)
    assert laws.p_pass_relative < played.growth_laws.p_pass_relative
    assert laws.median_absolute < played.growth_laws.median_absolute


def test_a_plan_that_cuts_nothing_off_rests_on_no_number_about_it() -> None:
    id = "growth.atrophy.operative"
    assert id not in simulate(two_stage(), MAN, (), EVIDENCE, seed=3, draws=20).used
    cut_off = replace(two_stage(), deprived=(DeprivedPart("S2", 10.0, stage=1),))
    assert id in simulate(cut_off, MAN, (), EVIDENCE, seed=3, draws=20).used
