"""Published studies repeated: intervals by hand, chance by hand, and a wrong number that is seen."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from scipy import stats

from flrsim.errors import EvidenceError
from flrsim.evidence import Evidence, PrintedNumber, Study, load_evidence, load_trials
from flrsim.evidence.printed import QUANTITIES
from flrsim.evidence.topics import TOPICS, topic_of
from flrsim.report.validation import render_html
from flrsim.results import ValidationRow
from flrsim.validate import Simulated, at_values, drawn, published_bounds, statistic_of, validate
from flrsim.validate.courses import course_of_arm
from flrsim.validate.measures import MEASURES, WHY_NOT, starting_flr, values_of
from flrsim.validate.numbers import NotSimulatedError
from flrsim.validate.patients import groups, starting_shares
from flrsim.validate.published import error_of_median, fisher, wilson
from flrsim.validate.summary import expected_by_chance, summarize

PVE: dict[str, Any] = {
    "n": 50,
    "technique": "pve",
    "sflr": {"mean": 0.27, "sd": 0.06},
    "scan_days": [28],
    "resection_day": 42,
    "major": True,
    "disease": "crlm",
}


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return load_evidence()


def number(**changed: Any) -> PrintedNumber:
    row = PrintedNumber(
        id="row", arm="a", against="", quantity="relative_growth", statistic="mean", below=None, day=28.0, value=0.4,
        low=None, high=None, interval="none", unit="fraction", n=None, where="abstract", repeats=(), note="",
    )  # fmt: skip
    return replace(row, **changed)


def study(*numbers: PrintedNumber, split: str = "validation", **arms: dict[str, Any]) -> Study:
    chosen = {name: MappingProxyType({**arm, "assumed": ()}) for name, arm in (arms or {"a": PVE}).items()}
    return Study(
        key="made", source="aoki2011", title="made up", split=split, why="for a test", read="", also=(),
        arms=MappingProxyType(chosen), assumptions=(), negative=MappingProxyType({}), numbers=numbers,
    )  # fmt: skip


def run(arm: dict[str, Any], evidence: Evidence, n: int = 400, name: str = "made/a") -> Simulated:
    return Simulated(name, arm, at_values(evidence), seed=1, n=n, replicate=0)


# --- intervals ------------------------------------------------------------------------------------------------


def test_a_share_has_wilsons_interval() -> None:
    """7 of 20, worked out by hand with z = 1.96: centre 0.37418, half-width 0.19270."""
    found = wilson(7 / 20, 20)
    assert found.low == pytest.approx(0.1812, abs=2e-4)
    assert found.high == pytest.approx(0.5671, abs=2e-4)
    for count in (0, 1, 10, 19, 20):
        asked = stats.binomtest(count, 20).proportion_ci(method="wilson")
        own = wilson(count / 20, 20)
        assert (own.low, own.high) == pytest.approx((asked.low, asked.high), abs=1e-12)


def test_a_mean_has_the_interval_of_t_from_the_row_of_its_sd() -> None:
    """SD 0.2, n 16: 0.4 ± 2.1314 · 0.2 / 4."""
    row = number(interval="from_n", n=16)
    spread = number(id="sd", statistic="sd", value=0.2)
    bounds = published_bounds(row, study(row, spread))
    assert bounds is not None
    assert (bounds.low, bounds.high) == pytest.approx((0.4 - 0.10657, 0.4 + 0.10657), abs=1e-5)
    median = replace(row, statistic="median")
    wider = published_bounds(median, study(median, spread))
    assert wider is not None
    assert wider.high - 0.4 == pytest.approx(0.10657 * math.sqrt(math.pi / 2), abs=1e-5)


def test_a_difference_has_welchs_interval() -> None:
    first = {**PVE, "n": 12}
    other = {**PVE, "n": 30}
    rows = (
        number(against="b", statistic="difference", value=0.1, interval="from_n"),
        number(id="sd_a", statistic="sd", value=0.3),
        number(id="sd_b", arm="b", statistic="sd", value=0.1),
    )
    bounds = published_bounds(rows[0], study(*rows, a=first, b=other))
    a, b = 0.3**2 / 12, 0.1**2 / 30
    degrees = (a + b) ** 2 / (a**2 / 11 + b**2 / 29)
    half = stats.t.ppf(0.975, degrees) * math.sqrt(a + b)
    assert bounds is not None
    assert (bounds.low, bounds.high) == pytest.approx((0.1 - half, 0.1 + half))


def test_a_correlation_has_fishers_interval() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=107)
    found = stats.pearsonr(x, rng.normal(size=107) - 0.6 * x)
    asked, own = found.confidence_interval(), fisher(float(found.statistic), 107)
    assert own is not None
    assert (own.low, own.high) == pytest.approx((asked.low, asked.high), abs=1e-12)
    assert fisher(0.5, 3) is None


def test_what_is_printed_stands_and_extremes_of_patients_judge_nothing(evidence: Evidence) -> None:
    printed = number(interval="printed_ci95", low=0.3, high=0.5)
    assert published_bounds(printed, study(printed)) is not None
    extremes = number(interval="printed_range", low=0.0, high=9.0)
    bounds = published_bounds(extremes, study(extremes))
    assert bounds is not None
    assert bounds.between_patients
    (row,) = validate(evidence, (study(extremes),), seed=1, replicates=3).rows
    assert row.simulated is not None
    assert row.inside is None
    quartiles = number(interval="printed_iqr", low=0.2, high=0.6, n=25, statistic="median")
    own = published_bounds(quartiles, study(quartiles))
    assert own is not None
    half = stats.t.ppf(0.975, 24) * (0.4 / 1.349) * math.sqrt(math.pi / 2) / 5
    assert (own.low, own.high) == pytest.approx((0.4 - half, 0.4 + half), rel=1e-3)
    assert published_bounds(number(), study(number())) is None


def test_the_error_of_a_median_from_extremes_is_that_of_normal_patients() -> None:
    """40 normal patients many times over: the formula's error is that of their median within a tenth."""
    sample = np.random.default_rng(3).normal(5.0, 2.0, (4000, 40))
    claimed = np.mean([error_of_median(row.min(), row.max(), 40) for row in sample])
    assert claimed == pytest.approx(np.std(np.median(sample, axis=1)), rel=0.1)


# --- chance ---------------------------------------------------------------------------------------------------


def judged(low: float, high: float, simulated: float, quantity: str = "kgr", **changed: Any) -> ValidationRow:
    row = ValidationRow(
        study="made", quantity=quantity, split="validation", published=0.5 * (low + high), low=low, high=high,
        simulated=simulated, sim_low=simulated, sim_high=simulated, inside=low <= simulated <= high, id="row",
        topic="", arm="a", against="", statistic="mean", day=None, unit="", interval="printed_ci95", n=1,
        published_in_simulated=False, repeats=(), assumed=(), finding="", reason="", source="", where="", note="",
    )  # fmt: skip
    return replace(row, **changed)


def test_chance_is_the_mean_over_all_ways_of_dealing() -> None:
    rows = [judged(0, 1, 0.5), judged(2, 3, 2.5), judged(0, 3, 9.0), judged(5, 6, 5.5, quantity="sflr")]
    counts = []
    for dealt in itertools.permutations([0.5, 2.5, 9.0]):
        counts.append(sum(r.low <= v <= r.high for r, v in zip(rows, dealt, strict=False)))  # type: ignore[operator]
    assert np.mean(counts) == pytest.approx(4 / 3)  # by hand: 1/3 + 1/3 + 2/3
    assert expected_by_chance(rows) == pytest.approx(4 / 3 + 1)


def test_the_summary_counts_each_finding_once() -> None:
    rows = [
        judged(0, 1, 0.5),
        judged(2, 3, 9.0),
        judged(0, 9, 1.0, repeats=("row",)),
        replace(judged(0, 1, 0.5), inside=None, low=None, high=None),
        replace(judged(0, 1, 0.5), inside=None, simulated=None, sim_low=None, sim_high=None, reason="no"),
        judged(0, 1, 0.5, split="calibration"),
    ]
    s = summarize(rows)["validation"]
    assert (s.rows, s.repeating, s.simulated, s.not_simulated) == (4, 1, 3, 1)
    assert (s.with_interval, s.inside, s.without_interval, s.alone) == (2, 1, 1, 0)
    assert s.expected_by_chance == pytest.approx(0.5)
    assert set(summarize(rows)) == {"calibration", "validation"}


# --- statistics -----------------------------------------------------------------------------------------------


def test_statistics_are_what_they_are_called() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(1.0, 2.0, 200), rng.normal(0.5, 1.0, 90)
    assert statistic_of("sd", a) == pytest.approx(np.std(a, ddof=1))
    assert statistic_of("share_below", a, below=0.0) == pytest.approx(np.mean(a < 0))
    assert statistic_of("p_value", a, b) == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue)
    assert statistic_of("correlation", a, starting=2 * a + 1) == pytest.approx(1.0)
    assert statistic_of("smd", a + 1, a) == pytest.approx(1 / np.std(a, ddof=1))
    happened, other = np.repeat([1.0, 0.0], [30, 10]), np.repeat([1.0, 0.0], [10, 30])
    assert statistic_of("odds_ratio", happened, other) == pytest.approx((30.5 / 10.5) ** 2)
    assert statistic_of("ratio", happened, other) == pytest.approx(3.0)
    never = np.array([1.0, np.inf, np.inf])
    assert math.isnan(statistic_of("median", never))
    with pytest.raises(NotSimulatedError, match="a hazard ratio is not simulated"):
        statistic_of("hazard_ratio", a, b)


# --- patients and courses -------------------------------------------------------------------------------------


def test_patients_are_as_the_arm_says(evidence: Evidence) -> None:
    arm = {
        **PVE,
        "fibrosis": {"F3": 0.2, "F4": 0.1},
        "diabetes": 0.3,
        "regimens": {"FOLFOX": 0.5, "FOLFIRI": 0.2, "none": 0.3},
        "cycles": 6,
        "weeks_off": 5,
    }
    simulated = run(arm, evidence, n=4000)
    share: dict[str, float] = {}
    for group in groups(arm, evidence, simulated.uniform):
        part = group.who.size / 4000
        for name in (group.patient.liver.fibrosis, f"diabetes {group.patient.diabetes}", group.regimen):
            share[str(name)] = share.get(str(name), 0.0) + part
        assert all(t.last_dose_day == -35 and t.cycles == 6 for t in group.history)
        assert len(group.history) == bool(group.regimen)
    expected = {"F3": 0.2, "F4": 0.1, "diabetes True": 0.3, "FOLFOX": 0.5, "FOLFIRI": 0.2, "": 0.3}
    for name, value in expected.items():
        assert share[name] == pytest.approx(value, abs=0.03), name
    sflr = starting_shares(arm, evidence, simulated.uniform)
    assert np.mean(sflr) == pytest.approx(0.27, abs=0.005)
    assert np.std(sflr) == pytest.approx(0.06, abs=0.005)
    low = starting_shares({**arm, "sflr": {"mean": 0.1, "sd": 0.2}}, evidence, simulated.uniform)
    assert evidence.value("cohort.sflr.low") <= low.min() < low.max() <= evidence.value("cohort.sflr.high")


def test_each_patient_starts_at_their_own_share_and_grows_by_the_law(evidence: Evidence) -> None:
    # Of livers with other tumours no fat is known before treatment, so that nothing but the law acts.
    simulated = run({**PVE, "disease": "other"}, evidence)
    (part,) = simulated.parts
    assert part.volumes.sflr(0) == pytest.approx(simulated.shares)
    still = at_values(evidence)
    amplitude = still.lognormal("growth.pve.amplitude", part.play.normal("growth.amplitude"))
    amplitude *= (simulated.shares / still.value("growth.reference_sflr")) ** -still.value("growth.beta")
    tau = still.lognormal("growth.pve.tau", part.play.normal("growth.tau"))
    by_hand = simulated.shares * (1 + amplitude * (1 - np.exp(-28 / tau)))
    capped = by_hand < 0.98 * still.value("growth.cap_sflr")
    assert part.volumes.sflr(28)[capped] == pytest.approx(by_hand[capped], rel=0.02)
    measured = values_of(simulated, "relative_growth", 28.0)
    assert np.median(measured) == pytest.approx(np.median(by_hand / simulated.shares - 1), abs=0.03)
    assert np.std(starting_flr(simulated) / simulated.shares) == pytest.approx(
        still.value("volumetry.rescan.noise"), rel=0.15
    )


def test_a_course_removes_what_does_not_stay_and_occludes_what_is_removed(evidence: Evidence) -> None:
    arm = {**PVE, "segment_4": "embolized", "two_stage": True}
    course = course_of_arm(arm, 0.3, 1500.0, evidence)
    assert [s.kind for s in course.steps] == ["operate", "occlude", "scan", "operate"]
    assert course.total_flr_ml == pytest.approx(450)
    assert sum(course.parenchyma_ml.values()) == pytest.approx(1500)
    assert set(course.steps[1].occluded) == {"S4", "S5"}
    assert course.steps[-1].day == 42
    later = course_of_arm({k: v for k, v in PVE.items() if k != "resection_day"}, 0.3, 1500.0, evidence)
    assert later.steps[-1].day == 28 + round(evidence.value("cohort.scan_to_resection"))
    plain = course_of_arm({"technique": "none", "remnant": 0.4, "major": True}, 0.4, 1500.0, evidence)
    assert [(s.kind, s.day) for s in plain.steps] == [("operate", 0)]


def test_a_remnant_starts_where_the_operation_leaves_it(evidence: Evidence) -> None:
    simulated = run(
        {"n": 50, "technique": "none", "remnant": 0.42, "major": True, "disease": "donor"}, evidence
    )
    assert np.mean(values_of(simulated, "volume_of_initial", 0.0)) == pytest.approx(0.42, abs=0.005)
    later = [np.mean(values_of(simulated, "volume_of_initial", day)) for day in (7.0, 30.0, 365.0)]
    assert 0.42 < later[0] < later[1] < later[2] < 1.0


def test_who_was_operated_on_in_a_series_is_not_asked_for_volume_again(evidence: Evidence) -> None:
    small = {"n": 50, "technique": "none", "remnant": 0.15, "major": True, "disease": "donor"}
    assert len(values_of(run(small, evidence), "phlf_peak", None)) == 400
    # Where growth was stimulated, volume decides.
    assert (
        np.mean(values_of(run({**PVE, "sflr": {"mean": 0.1, "sd": 0.01}}, evidence), "completion", None))
        < 0.5
    )


def test_shares_of_endings_add_up(evidence: Evidence) -> None:
    simulated = run(PVE, evidence)
    reached = values_of(simulated, "completion", None)
    lost = values_of(simulated, "dropout_any", None)
    assert np.mean(reached) + np.mean(lost) == pytest.approx(1.0)
    causes = [
        np.mean(values_of(simulated, f"dropout_{c}", None)) for c in ("progression", "growth", "complication")
    ]
    assert sum(causes) + np.mean(values_of(simulated, "mortality_stage1", None)) == pytest.approx(
        np.mean(lost)
    )


def test_every_quantity_is_simulated_or_has_its_reason() -> None:
    assert set(MEASURES) | set(WHY_NOT) == set(QUANTITIES)
    assert not set(MEASURES) & set(WHY_NOT)
    assert {topic_of(q) for q in QUANTITIES} == set(TOPICS)


@pytest.mark.parametrize(
    ("arm", "quantity", "day", "reason"),
    [
        ({**PVE, "subgroup": "the tall"}, "kgr", 28.0, "the tall"),
        (PVE, "r0", None, "margins belong to a plan"),
        ({"technique": "none", "regimen": "FOLFOX"}, "resected", None, "resectable again"),
        ({"technique": "none"}, "volume_of_initial", 7.0, "neither the starting sFLR nor the share left"),
        ({"technique": "none", "remnant": 0.4}, "kgr", 7.0, "needs a stimulus"),
        ({"technique": "pve", "sflr": PVE["sflr"]}, "kgr", None, "the day is not stated"),
        (PVE, "orr", None, "the regimen is not stated"),
        (PVE, "volume_of_initial", None, "the day after the operation is not stated"),
    ],
)
def test_what_is_not_simulated_says_why(
    evidence: Evidence, arm: dict[str, Any], quantity: str, day: float | None, reason: str
) -> None:
    with pytest.raises(NotSimulatedError, match=reason):
        values_of(run(arm, evidence, n=20), quantity, day)


# --- repetitions ----------------------------------------------------------------------------------------------


def test_a_repetition_draws_every_range_once_for_all_patients(evidence: Evidence) -> None:
    sets = [drawn(evidence, 1, replicate) for replicate in range(300)]
    values = np.array([s.value("growth.beta") for s in sets])
    beta = evidence["growth.beta"]
    assert beta.low is not None
    assert beta.high is not None
    assert beta.low <= values.min() < values.max() <= beta.high
    assert np.mean(values < beta.value) == pytest.approx(0.5, abs=0.08)
    assert np.ptp(sets[0].quantile("growth.beta", np.linspace(0.01, 0.99, 5))) == 0
    amplitude = [s["growth.pve.amplitude"] for s in sets]
    assert {p.sd for p in amplitude} == {evidence["growth.pve.amplitude"].sd}
    low, high = evidence["growth.pve.amplitude"].sensitivity or (0.0, 0.0)
    assert low <= min(p.value for p in amplitude) < max(p.value for p in amplitude) <= high
    assert at_values(evidence).value("growth.beta") == beta.value
    assert sets[3].digest == drawn(evidence, 1, 3).digest != drawn(evidence, 2, 3).digest


def test_a_wrong_number_pushes_a_row_outside(evidence: Evidence) -> None:
    """A row met by construction is met; with half the growth it fails, and is shown as failing."""
    truth = np.median(
        [
            statistic_of("mean", values_of(run(PVE, evidence, name=f"made/{i}"), "relative_growth", 28.0))
            for i in range(3)
        ]
    )
    row = number(
        value=float(truth), low=float(truth) - 0.12, high=float(truth) + 0.12, interval="printed_ci95"
    )
    (met,) = validate(evidence, (study(row),), seed=1, replicates=9).rows
    assert met.inside is True
    p = evidence["growth.pve.amplitude"]
    wrong = evidence.with_numbers([replace(p, value=0.4 * p.value, range=None)], named="wrong")
    (failing,) = validate(wrong, (study(row),), seed=1, replicates=9).rows
    assert failing.inside is False
    assert failing.failing
    assert failing.published_in_simulated is False


def test_the_same_seed_gives_the_same_digits_and_an_arm_its_own_luck(evidence: Evidence) -> None:
    rows = (number(), number(id="other", arm="b"))
    made = study(*rows, a=PVE, b=PVE)
    one, again, other = (validate(evidence, (made,), seed=s, replicates=3) for s in (1, 1, 2))
    assert one.to_dict() == again.to_dict()
    assert one.rows[0].simulated != other.rows[0].simulated
    assert one.rows[0].simulated != one.rows[1].simulated
    alone = validate(evidence, (study(number(), a=PVE),), seed=1, replicates=3)
    assert alone.rows[0].simulated == one.rows[0].simulated


def test_the_packages_rows_hold_what_is_promised(evidence: Evidence) -> None:
    result = validate(evidence, load_trials(), seed=1, replicates=2)
    simulated = [r for r in result.rows if r.simulated is not None and not r.repeats]
    assert len(simulated) >= 40
    assert len({r.study for r in simulated}) >= 20
    assert sum(r.split == "validation" for r in simulated) >= 25
    assert len(result.findings) >= 4
    for r in result.rows:
        assert (r.simulated is None) == bool(r.reason), f"{r.study} {r.id}"
        assert r.simulated is None or (
            r.sim_low is not None and r.sim_low <= r.simulated <= (r.sim_high or 0.0)
        )
    whole = result.to_dict()
    assert list(whole) == ["schema", "rows", "summary"]
    assert whole["schema"] == "flrsim/validation/1"
    asked = [
        "study",
        "quantity",
        "split",
        "published",
        "low",
        "high",
        "simulated",
        "sim_low",
        "sim_high",
        "inside",
    ]
    assert list(whole["rows"][0])[: len(asked)] == asked
    assert {"calibration", "validation"} <= set(whole["summary"])


def test_without_a_study_there_is_nothing_to_validate(evidence: Evidence) -> None:
    with pytest.raises(EvidenceError, match="no study to validate"):
        validate(evidence, (), seed=1)


def test_the_page_shows_what_fails_and_what_is_not_simulated(evidence: Evidence) -> None:
    from flrsim.evidence import load_references

    rows = (
        number(low=5.0, high=6.0, value=5.5, interval="printed_ci95"),
        number(id="second", value=0.4),
        number(id="margins", quantity="r0", statistic="share"),
    )
    result = validate(evidence, (study(*rows),), seed=1, replicates=2)
    page = render_html(result, load_references())
    assert page == render_html(result, load_references())
    assert "FAILS" in page
    assert 'class="loud"' in page
    assert "margins belong to a plan" in page
    assert "<svg" in page
    assert page.count("not a medical device") == 1
    assert "<script" not in page
    assert 'id="aoki2011"' in page
