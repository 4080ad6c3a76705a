"""A measured FLR weights the draws: held against normal theory, and against weights worked out here."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import ndtri

from flrsim.course import Course, CourseStep
from flrsim.draws import Floats
from flrsim.errors import PlanError
from flrsim.evidence import load_evidence
from flrsim.patient import LiverCondition
from flrsim.physiology.rescan import FEW, chosen_streams, learn
from flrsim.timeline import Timeline, simulate
from flrsim.timeline_result import growth_notes

sys.path.insert(0, str(Path(__file__).parents[1]))
from course_cases import MAN, SIX_FOLFOX, lesion, pve_of, single_stage, two_stage

EVIDENCE = load_evidence()
NOISE = 0.05
DRAWS = 4000


def play(course: Course, draws: int = DRAWS, seed: int = 1) -> Timeline:
    return simulate(course, MAN, SIX_FOLFOX, EVIDENCE, seed=seed, draws=draws)


def scans(*measured: tuple[int, float | None], last_day: int = 45) -> Course:
    """The two-stage course with these scans in place of its own."""
    plain = two_stage(lesions=(), last_day=last_day)
    steps = (
        *plain.steps[:2],
        *(CourseStep(d, "scan", measured_flr_ml=ml) for d, ml in measured),
        plain.steps[3],
    )
    return replace(plain, steps=steps)


def at(played: Timeline, day: int) -> Floats:
    return next(d.flr_ml for d in played.decisions if d.day == day and d.kind == "scan")


def weights(flr: Floats, measured: float) -> Floats:
    return np.exp(-0.5 * ((measured - flr) / (NOISE * measured)) ** 2)


def weighted_quantiles(values: Floats, weight: Floats, *q: float) -> Floats:
    order = np.argsort(values)
    return np.interp(q, (np.cumsum(weight[order]) - 0.5 * weight[order]) / weight.sum(), values[order])


def effective(weight: Floats) -> float:
    return float(weight.sum() ** 2 / np.sum(weight**2))


@pytest.fixture(scope="module")
def prior() -> Timeline:
    return play(scans((28, None), (42, None)))


# --- normal theory


def normal_prior(mean: float, sd: float, n: int = 20_000) -> Floats:
    """Draws in no particular order whose distribution is normal to the last digit."""
    values = mean + sd * ndtri((np.arange(n) + 0.5) / n)
    return np.random.default_rng(1).permutation(values)


@pytest.mark.parametrize("sds", [-2.0, -1.0, 0.0, 1.0, 2.0])
@pytest.mark.parametrize("sd", [10.0, 20.0, 30.0])
def test_the_median_moves_as_the_conjugate_normal_says(sds: float, sd: float) -> None:
    flr, measured = normal_prior(400.0, sd), 400.0 + sds * sd
    found, chosen = learn(scans((42, measured)), lambda day: flr, EVIDENCE)
    noise = NOISE * measured
    precision = sd**-2 + noise**-2
    moved = (measured - 400.0) * noise**-2 / precision
    posterior = flr[chosen]
    error = 3 * 1.2533 * precision**-0.5 / np.sqrt(found.effective_sample_size)
    assert np.median(posterior) - 400.0 == pytest.approx(moved, abs=max(0.1 * abs(moved), error))
    assert posterior.std() == pytest.approx(precision**-0.5, rel=0.1)
    assert posterior.std() < sd


def test_a_measurement_equal_to_the_prediction_keeps_the_median_and_narrows_the_interval(
    prior: Timeline,
) -> None:
    predicted = float(np.median(at(prior, 42)))
    played = play(scans((28, None), (42, predicted)))
    flr, weight = at(prior, 42), weights(at(prior, 42), predicted)
    error = 3 * 1.2533 * NOISE * predicted / np.sqrt(effective(weight))
    assert np.median(at(played, 42)) == pytest.approx(predicted, abs=error)
    low, mid, high = weighted_quantiles(flr, weight, 0.1, 0.5, 0.9)
    assert np.quantile(at(played, 42), [0.1, 0.5, 0.9]) == pytest.approx([low, mid, high], abs=error)
    before, after = (np.subtract(*np.quantile(at(t, 42), [0.9, 0.1])) for t in (prior, played))
    assert after < 0.35 * before
    # What comes later is known better too, and what came before.
    for name in ("flr_ml", "sflr"):
        curve, old = getattr(played, name), getattr(prior, name)
        grown = played.days >= 28
        assert np.all((curve.p90 - curve.p10)[grown] < (old.p90 - old.p10)[grown])


@pytest.mark.parametrize("sds", [-1.0, 1.0])
def test_a_played_posterior_is_the_prior_weighted_by_hand(prior: Timeline, sds: float) -> None:
    flr = at(prior, 42)
    measured = float(np.quantile(flr, 0.5 + 0.34 * sds))
    played, weight = play(scans((28, None), (42, measured))), weights(flr, measured)
    assert played.rescan is not None
    assert played.rescan.effective_sample_size == pytest.approx(effective(weight), rel=1e-9)
    error = 3 * NOISE * measured / np.sqrt(effective(weight))
    for day in (28, 42):
        expected = weighted_quantiles(at(prior, day), weight, 0.1, 0.5, 0.9)
        assert np.quantile(at(played, day), [0.1, 0.5, 0.9]) == pytest.approx(expected, abs=2 * error)
    moved = float(np.median(at(played, 42)) - np.median(flr))
    assert np.sign(moved) == np.sign(sds)
    assert abs(moved) < abs(measured - np.median(flr)) + error
    assert played.rescan.predicted_ml[0].median == pytest.approx(np.median(flr))
    assert (played.rescan.days, played.rescan.measured_ml) == ((42,), (measured,))


def test_dates_and_probabilities_follow_the_measurement() -> None:
    few, prior, many = (play(scans((42, ml), last_day=60)) for ml in (310.0, None, 400.0))
    assert few.p_complete < prior.p_complete < many.p_complete
    assert few.earliest[0].never > prior.earliest[0].never > many.earliest[0].never
    rates = [t.kgr_per_week.median for t in (few, prior, many) if t.kgr_per_week is not None]
    assert rates == sorted(rates)
    assert len(rates) == 3


def test_a_measurement_on_the_day_of_the_occlusion_says_nothing_of_growth(prior: Timeline) -> None:
    played = play(scans((14, float(prior.flr_ml.median[prior.days == 14][0])), (42, None)))
    assert np.quantile(at(played, 42), [0.1, 0.5, 0.9]) == pytest.approx(
        np.quantile(at(prior, 42), [0.1, 0.5, 0.9]), rel=0.01
    )


# --- either growth law with its own draws


def by_law(played: Timeline, day: int, law: str) -> Floats:
    """FLR of every draw at a scan under a growth law, mL."""
    scan = next(d for d in played.decisions if d.day == day and d.kind == "scan")
    assert played.telv.ml is not None
    return (scan.sflr if law == "relative" else scan.sflr_absolute) * played.telv.ml


@pytest.mark.parametrize("law", ["relative", "absolute"])
@pytest.mark.parametrize("quantile", [0.023, 0.16, 0.5, 0.84, 0.977])
def test_each_law_is_weighted_by_its_own_prediction(prior: Timeline, law: str, quantile: float) -> None:
    flr = by_law(prior, 42, law)
    measured = float(np.quantile(flr, quantile))
    played, weight = play(scans((28, None), (42, measured))), weights(flr, measured)
    learnt = played.rescan if law == "relative" else played.rescan_absolute
    assert learnt is not None
    assert learnt.law == law
    assert learnt.effective_sample_size == pytest.approx(effective(weight), rel=1e-9)
    assert learnt.predicted_ml[0].median == pytest.approx(np.median(flr))
    error = 3 * NOISE * measured / np.sqrt(effective(weight))
    for day in (28, 42):
        expected = weighted_quantiles(by_law(prior, day, law), weight, 0.1, 0.5, 0.9)
        found = np.quantile(by_law(played, day, law), [0.1, 0.5, 0.9])
        assert found == pytest.approx(expected, abs=2 * error)
        assert np.subtract(*found[[2, 0]]) < np.subtract(*np.quantile(by_law(prior, day, law), [0.9, 0.1]))


@pytest.mark.parametrize("law", ["relative", "absolute"])
def test_a_measurement_equal_to_what_a_law_predicted_keeps_its_median(prior: Timeline, law: str) -> None:
    predicted = float(np.median(by_law(prior, 42, law)))
    played = play(scans((28, None), (42, predicted)))
    # A skewed prior has a little more weight on its steep side: 1 %.
    assert np.median(by_law(played, 42, law)) == pytest.approx(predicted, rel=0.01)


@pytest.mark.parametrize("law", ["relative", "absolute"])
@pytest.mark.parametrize("sds", [-2.0, 2.0])
def test_a_nearly_normal_prior_moves_as_the_conjugate_normal_says_under_either_law(
    law: str, sds: float
) -> None:
    """A day after the occlusion hardly anything has grown: what is uncertain is the border, which is normal."""

    def course(measured: float | None) -> Course:
        return replace(scans((15, measured)), measurement_sd_fraction=0.012)

    before = by_law(play(course(None), draws=20_000), 15, law)
    mean, sd = float(np.mean(before)), float(np.std(before))
    assert sd > 0.06 * mean  # wider than the noise of a scan
    measured = mean + sds * sd
    noise = NOISE * measured
    posterior = by_law(play(course(measured), draws=20_000), 15, law)
    moved = (measured - mean) * noise**-2 / (sd**-2 + noise**-2)
    assert np.median(posterior) - mean == pytest.approx(moved, rel=0.1)
    assert np.std(posterior) == pytest.approx((sd**-2 + noise**-2) ** -0.5, rel=0.15)


def test_both_laws_end_near_a_measured_volume_and_the_verdicts_agree_where_it_is_clear(
    prior: Timeline,
) -> None:
    """Corrected by the draws of the relative law, the absolute law would keep a median far from what was measured."""
    measured = float(np.quantile(at(prior, 42), 0.9))
    played = play(scans((28, None), (42, measured)))
    for law in ("relative", "absolute"):
        assert np.median(by_law(played, 42, law)) == pytest.approx(measured, rel=NOISE)
    borrowed = np.random.default_rng(1).choice(
        by_law(prior, 42, "absolute"), 20_000, p=(w := weights(at(prior, 42), measured)) / w.sum()
    )
    assert abs(np.median(borrowed) / measured - 1.0) > NOISE


def test_a_measurement_that_only_the_absolute_law_cannot_explain_is_said_and_not_refused(
    prior: Timeline,
) -> None:
    flr = normal_prior(400.0, 20.0)
    with pytest.raises(PlanError, match="is impossible for this plan"):
        learn(scans((42, 700.0)), lambda day: flr, EVIDENCE)
    missed, _ = learn(scans((42, 700.0)), lambda day: flr, EVIDENCE, "absolute")
    assert not missed.explained
    assert missed.note.startswith(
        "hardly a draw of the absolute growth law could have given the measured FLR"
    )
    played = play(scans((42, 350.0)))
    assert played.rescan_absolute is not None
    assert played.rescan_absolute.explained
    said = growth_notes(replace(played, rescan_absolute=missed))
    assert missed.note in said
    worth = f"{missed.effective_sample_size:.0f} by the absolute growth law)"
    assert any(note.endswith(worth) for note in said)


# --- two scans


def test_two_scans_multiply_their_weights(prior: Timeline) -> None:
    early, late = 320.0, 350.0
    both = play(scans((28, early), (42, late)))
    weight = weights(at(prior, 28), early) * weights(at(prior, 42), late)
    assert both.rescan is not None
    assert both.rescan.effective_sample_size == pytest.approx(effective(weight), rel=1e-9)
    assert both.rescan.days == (28, 42)
    assert [s.median for s in both.rescan.predicted_ml] == pytest.approx(
        [np.median(at(prior, d)) for d in (28, 42)]
    )
    one = play(scans((28, None), (42, late)))
    widths = [np.subtract(*np.quantile(at(t, 42), [0.9, 0.1])) for t in (prior, one, both)]
    assert widths[0] > widths[1] > widths[2]
    error = 3 * NOISE * late / np.sqrt(effective(weight))
    assert np.median(at(both, 42)) == pytest.approx(
        weighted_quantiles(at(prior, 42), weight, 0.5)[0], abs=error
    )


def test_a_plan_that_went_on_after_a_small_measured_volume_is_not_ended_by_it() -> None:
    """290 mL on day 28 would have ended the plan; on day 42 the patient was scanned again, and that reading suffices."""
    played = play(scans((28, 290.0), (42, 345.0), last_day=60))
    alone = play(scans((28, 290.0), last_day=60))
    assert alone.p_dropout["growth"] > 0.9
    assert 345.0 / played.telv.ml >= 0.20  # type: ignore[operator]
    assert played.p_dropout["growth"] < 0.2  # the slow growers of whom some are refused


# --- what cannot be


@pytest.mark.parametrize("measured", [60.0, 2500.0])
def test_an_impossible_measurement_is_refused_in_one_sentence(measured: float) -> None:
    with pytest.raises(PlanError) as refused:
        play(scans((42, measured)), draws=500)
    said = str(refused.value)
    assert said.startswith(f"day 42: a measured FLR of {measured:g} mL is impossible for this plan: ")
    assert said.endswith("mL were expected; check the measurement, its day, and what the FLR is")
    assert "\n" not in said
    assert ". " not in said


def test_of_two_scans_the_impossible_one_is_named(prior: Timeline) -> None:
    middle = float(np.median(at(prior, 42)))
    with pytest.raises(
        PlanError, match=r"^day 28: a measured FLR of 2000 mL is impossible.* 2\d\d to 4\d\d mL"
    ):
        play(scans((28, 2000.0), (42, middle)), draws=500)


def test_a_measurement_that_no_draw_can_explain_is_refused_though_all_draws_are_alike() -> None:
    """Before anything grows every draw has 243 mL: equal weights, none of them worth anything."""

    def before(measured: float) -> Timeline:
        course = two_stage(lesions=())
        first = CourseStep(-7, "scan", measured_flr_ml=measured)
        return play(replace(course, steps=(first, *course.steps)), draws=50)

    with pytest.raises(PlanError, match=r"^day -7: a measured FLR of 300 mL is impossible.* 243 to 243 mL"):
        before(300.0)
    near = before(260.0).rescan  # 1.3 times its noise away
    assert near is not None
    assert near.effective_sample_size == pytest.approx(50)


def test_a_measurement_that_a_single_draw_explains_is_refused() -> None:
    second, largest = np.sort(at(play(scans((42, None)), draws=100), 42))[-2:]
    measured = largest / (
        1 - 2.5 * NOISE
    )  # the largest misses it by 2.5 times its noise, no other nearly so little
    weights = [np.exp(-0.5 * ((measured - v) / (NOISE * measured)) ** 2) for v in (second, largest)]
    assert effective(np.array(weights)) < 2
    with pytest.raises(PlanError, match="is impossible for this plan"):
        play(scans((42, float(measured))), draws=100)


def test_scans_that_contradict_each_other_are_refused(prior: Timeline) -> None:
    for ml, day in ((460.0, 28), (300.0, 42)):
        play(scans((day, ml)), draws=1000)
    with pytest.raises(PlanError, match="is impossible for this plan"):
        play(scans((28, 460.0), (42, 300.0)), draws=1000)


def test_few_effective_draws_are_said_and_many_are_not(prior: Timeline) -> None:
    edge = float(np.quantile(at(prior, 42), 0.99))
    played = play(scans((42, edge)), draws=500).rescan
    assert played is not None
    assert 2 <= played.effective_sample_size < FEW
    assert f"{played.effective_sample_size:.0f} of 500 draws are worth as much as all" in played.note
    usual = play(scans((42, 360.0))).rescan
    assert usual is not None
    assert usual.note == ""


# --- what a measurement does not touch


def test_luck_at_operations_stays_and_only_growth_is_learnt() -> None:
    chosen = np.array([2, 2, 0, 1])
    stream = chosen_streams(lambda decision: np.array([0.1, 0.2, 0.3, 0.4]), chosen)
    for learnt in ("growth.amplitude", "volumetry.label", "injury.sos", "modifier.sos", "function.nrh"):
        assert stream(learnt).tolist() == [0.3, 0.3, 0.1, 0.2]
    for kept in (
        "phlf.last",
        "death.stage1",
        "dropout.progression",
        "tumour.doubling_time",
        "morbidity.last",
        "failure.sos",
    ):
        assert stream(kept).tolist() == [0.1, 0.2, 0.3, 0.4]


def test_other_plans_keep_their_numbers_and_the_order_of_plans_changes_no_digit() -> None:
    courses = [scans((42, 350.0)), two_stage(), single_stage(), scans((28, 330.0), (42, 350.0))]

    def numbers(played: Timeline) -> tuple[object, ...]:
        lines = [getattr(played, n) for n in ("flr_ml", "sflr", "function", "tumour_ml")]
        digits = tuple(a.tobytes() for c in lines for a in (c.p10, c.median, c.p90))
        return (*digits, played.p_complete, played.p_dropout, played.p_phlf_low, played.ledger, played.rescan)

    forward = [numbers(play(c, draws=300)) for c in courses]
    backward = [numbers(play(c, draws=300)) for c in courses[::-1]][::-1]
    with ThreadPoolExecutor(2) as pool:
        threads = list(pool.map(lambda c: numbers(play(c, draws=300)), courses))
    assert forward == backward == threads


def test_the_weights_do_not_depend_on_the_order_of_the_draws() -> None:
    flr = normal_prior(400.0, 30.0, 4000)
    shuffled = np.random.default_rng(2).permutation(4000)
    one, chosen = learn(scans((42, 430.0)), lambda day: flr, EVIDENCE)
    other, again = learn(scans((42, 430.0)), lambda day: flr[shuffled], EVIDENCE)
    assert other.effective_sample_size == pytest.approx(one.effective_sample_size, rel=1e-12)
    first, second = (np.bincount(c, minlength=4000) for c in (chosen, shuffled[again]))
    weight = weights(flr, 430.0)
    for counts in (first, second):  # each draw as often as its weight says, to the next whole number
        assert np.all(np.abs(counts - 4000 * weight / weight.sum()) < 1)


def test_nothing_that_would_have_happened_before_the_scan_is_counted_afterwards() -> None:
    """Only the way from day 42 on is at risk: three days of progression, and the last operation."""
    lesions = tuple(lesion(f"L{i}", 2) for i in range(3))
    measured = replace(scans((42, 420.0)), lesions=lesions)
    played = play(measured)
    assert played.p_dropout["complication"] == 0.0
    assert played.p_dropout["progression"] == pytest.approx(1 - np.exp(-0.023 * 3 / 7), abs=0.004)
    free = play(replace(scans((42, None)), lesions=lesions))
    assert free.p_dropout["complication"] > 0.02
    assert free.p_dropout["progression"] > 0.08
    # Who dies does so of the last operation; without the measurement some died before.
    assert played.p_death_90d == pytest.approx(played.p_operations_done - played.p_complete, abs=1e-12)
    assert free.p_death_90d > free.p_operations_done - free.p_complete + 0.005
    everything = [played.p_complete, *played.p_dropout.values()]
    assert sum(everything) == pytest.approx(1.0, abs=1e-12)


def test_a_measurement_before_any_step_keeps_every_risk() -> None:
    """Nothing was survived yet."""
    plain = two_stage(lesions=())
    first = CourseStep(-7, "scan", measured_flr_ml=243.0)
    played, free = (play(c, draws=2000) for c in (replace(plain, steps=(first, *plain.steps)), plain))
    assert played.p_dropout["complication"] == free.p_dropout["complication"]


def test_what_is_known_of_the_injury_follows_a_slow_growth() -> None:
    """Little growth makes a severe injury likelier, and a biopsy is not argued with."""
    course = pve_of(400.0, scan=28, operate=40)
    slow = replace(
        course, steps=(course.steps[0], replace(course.steps[1], measured_flr_ml=410.0), course.steps[2])
    )
    history = (replace(SIX_FOLFOX[0], cycles=12),)
    prior, posterior = (simulate(c, MAN, history, EVIDENCE, seed=1, draws=DRAWS) for c in (course, slow))
    assert posterior.injury.to_dict()["sos_2"] > prior.injury.to_dict()["sos_2"]  # type: ignore[operator]
    biopsy = replace(MAN, liver=LiverCondition(sos_grade=0))
    known = simulate(slow, biopsy, history, EVIDENCE, seed=1, draws=500)
    assert known.injury.to_dict()["sos_2"] == 0.0
