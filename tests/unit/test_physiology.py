from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flrsim.course import CourseStep
from flrsim.draws import patient_streams
from flrsim.errors import CaseError
from flrsim.evidence import load_evidence
from flrsim.patient import LiverCondition, Patient, Treatment
from flrsim.physiology import adequacy, function, risk
from flrsim.physiology.doses import chemotherapy_weeks, oxaliplatin_dose, weeks_since
from flrsim.physiology.injury import Injury, injury_probabilities, predict_injury
from flrsim.physiology.modifiers import Effect, Setting, effects
from flrsim.physiology.telv import all_telv, telv
from flrsim.regimens import drugs

sys.path.insert(0, str(Path(__file__).parents[1]))
import itertools

from course_cases import LIVER, MAN, injury

EVIDENCE = load_evidence()
HALF = np.array([0.5])
ONE = np.array([1.0])


def found(state: Injury, patient: Patient = MAN, history: tuple[Treatment, ...] = ()) -> dict[str, Effect]:
    """What every cause does in the draw in which every luck is the middle one."""
    middle = np.full(state.sos_grade.shape, 0.5)
    return effects(0, patient, history, state, Setting(), EVIDENCE, lambda _: middle)


# --- size


def test_telv_of_the_172_cm_75_kg_man_by_six_formulas() -> None:
    assert MAN.bsa_m2 == pytest.approx(1.893, abs=0.0005)
    by_hand = {
        "vauthey2002": 1604.5,  # -794.41 + 1267.28 * 1.8930
        "urata1995": 1339.2,  # 706.2 * 1.8930 + 2.4
        "chouker2004": 1852.5,  # 1390 + 15.94 * 75 - 12.86 * 57
        "um2015": 1252.2,  # 893.485 * 1.8930 - 439.169
        "feng2017": 1311.1,  # 758.259 * 1.8930 - 124.272
        "chan2006": 1191.5,  # 218 + 12.3 * 75 + 51
    }
    assert {t.formula: t.ml for t in all_telv(MAN, EVIDENCE)} == pytest.approx(by_hand, abs=0.2)
    assert all(t.population and t.source for t in all_telv(MAN, EVIDENCE))


def test_the_autopsy_formula_changes_at_51_years_and_ends_at_70() -> None:
    def at(age: float, sex: str = "male") -> float | None:
        return telv(replace(MAN, age=age, sex=sex), "chouker2004", EVIDENCE).ml

    assert at(50) == pytest.approx(452 + 16.34 * 75 + 11.85 * 50)
    assert at(50, "female") == pytest.approx(452 + 16.34 * 75 + 11.85 * 50 - 166)
    assert at(51, "female") == at(51) == pytest.approx(1390 + 15.94 * 75 - 12.86 * 51)
    assert at(71) is None
    assert "16 to 70 years; the patient is 71" in telv(replace(MAN, age=71), "chouker2004", EVIDENCE).reason
    with pytest.raises(ValueError, match="formulas are vauthey2002"):
        telv(MAN, "deland", EVIDENCE)


# --- injury


def chance(name: str, cycles: int, weeks: float, regimen: str = "FOLFOX", patient: Patient = MAN) -> float:
    history = (Treatment(regimen, cycles, round(-7 * weeks)),)
    return float(injury_probabilities(0, patient, history, EVIDENCE, HALF)[name][0])


@pytest.mark.parametrize(
    ("cycles", "at_weeks", "with_bevacizumab"),
    [
        (3, {2: 18, 6: 15, 10: 14, 26: 12}, 8),
        (6, {2: 29, 6: 24, 10: 21, 26: 17}, 14),
        (9, {2: 42, 6: 34, 10: 30, 26: 22}, 21),
        (12, {2: 53, 6: 45, 10: 39, 26: 29}, 29),
    ],
)
def test_sinusoidal_injury_by_cycles_and_weeks_off(
    cycles: int, at_weeks: dict[int, int], with_bevacizumab: int
) -> None:
    for weeks, percent in at_weeks.items():
        assert 100 * chance("sos_2", cycles, weeks) == pytest.approx(percent, abs=1)
    assert 100 * chance("sos_2", cycles, 6, "FOLFOX+bevacizumab") == pytest.approx(with_bevacizumab, abs=1)


@pytest.mark.parametrize(("cycles", "lean", "heavy"), [(4, 8, 17), (8, 13, 24), (12, 15, 29)])
def test_steatohepatitis_by_cycles_and_body_mass(cycles: int, lean: int, heavy: int) -> None:
    thin = replace(MAN, weight_kg=70)
    assert thin.bmi < 25 < MAN.bmi
    assert 100 * chance("steatohepatitis", cycles, 5, "FOLFIRI", thin) == pytest.approx(lean, abs=0.7)
    assert 100 * chance("steatohepatitis", cycles, 5, "FOLFIRI") == pytest.approx(heavy, abs=0.7)


def test_published_frequencies_are_met() -> None:
    """Robinson: grade >= 2 rises by 1 in 8 (6.4-13.6); Viganò: NRH 21.4 % with, 8.4 % without oxaliplatin."""
    rise = chance("sos_2", 6, 6) - chance("sos_2", 6, 6, "FOLFIRI")
    assert 1 / 13.6 < rise < 1 / 6.4 + 0.01
    assert 100 * chance("nrh", 6, 6) == pytest.approx(21.4, abs=4)
    assert 100 * chance("nrh", 6, 6, "FOLFIRI") == pytest.approx(8.4, abs=2)


def test_the_oxaliplatin_dose_by_hand() -> None:
    def dose(days_ago: int, fast: float, cycles: int = 1, regimen: str = "FOLFOX") -> float:
        history = (Treatment(regimen, cycles, -days_ago),)
        return float(oxaliplatin_dose(0, history, EVIDENCE, np.array([fast]))[0][0])

    assert dose(0, 0.5) == pytest.approx(1.0)  # a dose of the day itself counts
    assert dose(28, 1.0) == pytest.approx(0.5)  # half gone after 4 weeks
    assert dose(28, 0.0) == pytest.approx(2 ** (-4 / 52))
    assert dose(0, 1.0, 3) == pytest.approx(1 + 2**-0.5 + 0.5)  # two weeks apart
    assert dose(-7, 0.5, 2) == pytest.approx(0.5 * 2 ** (-1 / 4) + 0.5 * 2 ** (-1 / 52))  # one lies ahead
    assert dose(0, 1.0, 2, "CAPOX") == pytest.approx(
        1.5 * (1 + 2**-0.75)
    )  # three weeks apart, half as much again


def test_a_triplet_charges_both_injuries() -> None:
    assert chance("sos_2", 6, 6, "FOLFOXIRI") == chance("sos_2", 6, 6)
    assert chance("steatohepatitis", 6, 6, "FOLFOXIRI+bevacizumab") == chance(
        "steatohepatitis", 6, 6, "FOLFIRI"
    )


def test_without_chemotherapy_the_published_base_rates_hold_and_only_for_colorectal_metastases() -> None:
    """Vauthey 2006: 1.9 % of 158 with SOS of grade 2 or 3, 4.4 % with steatohepatitis; steatosis 10 %."""
    lean = replace(MAN, weight_kg=70)
    p = {name: float(v[0]) for name, v in injury_probabilities(0, lean, (), EVIDENCE, HALF).items()}
    assert p["sos_2"] == pytest.approx(0.019, abs=0.001)
    assert p["sos_3"] < p["sos_2"] < p["sos_1"]
    assert p["steatohepatitis"] == pytest.approx(0.044, abs=0.01)
    assert p["steatosis"] == pytest.approx(0.10, abs=0.002)
    assert p["nrh"] == p["biliary_sclerosis"] == 0  # no base rate was found
    for disease in ("hcc", "cholangiocarcinoma", "other"):
        other = injury_probabilities(0, replace(lean, disease=disease), (), EVIDENCE, HALF)
        assert all(np.all(v == 0) for v in other.values())
    for treated in (Treatment("FOLFOX", 1, -700), Treatment("5-FU", 1, -700)):
        after = injury_probabilities(0, lean, (treated,), EVIDENCE, HALF)
        assert all(after[name][0] >= p[name] for name in p)
    assert {
        k: v[0]
        for k, v in injury_probabilities(0, lean, (Treatment("TACE", 2, -30),), EVIDENCE, HALF).items()
    } == p


def test_grades_follow_their_probabilities_and_only_wash_out() -> None:
    uniform, _ = patient_streams(1, 20_000)
    history = (Treatment("FOLFOXIRI", 8, -14),)
    early, late = (predict_injury(d, MAN, history, EVIDENCE, uniform) for d in (0, 90))
    fast = EVIDENCE.quantile("injury.oxaliplatin.fast_weight", uniform("injury.washout"))
    p = injury_probabilities(0, MAN, history, EVIDENCE, fast)
    for grade in (1, 2, 3):
        assert np.mean(early.sos_grade >= grade) == pytest.approx(np.mean(p[f"sos_{grade}"]), abs=0.015)
    assert np.all(late.sos_grade <= early.sos_grade)
    assert np.all(late.nrh_grade <= early.nrh_grade)
    assert np.all(late.steatohepatitis <= early.steatohepatitis)
    assert late.to_dict()["sos_2"] < early.to_dict()["sos_2"]


def test_a_biopsy_outranks_the_prediction() -> None:
    uniform, _ = patient_streams(1, 50)
    liver = LiverCondition(sos_grade=3, nrh_grade=0, steatohepatitis=True)
    found = predict_injury(0, replace(MAN, liver=liver), (Treatment("FOLFOX", 12, -14),), EVIDENCE, uniform)
    assert np.all(found.sos_grade == 3)
    assert np.all(found.nrh_grade == 0)
    assert np.all(found.steatohepatitis)
    assert found.known == {"sos", "nrh", "steatohepatitis"}


def test_weeks_of_chemotherapy_leave_out_antibodies_given_alone() -> None:
    history = (Treatment("mfolfox6 + Bevacizumab", 6, -60), Treatment("bevacizumab", 4, -21))
    assert chemotherapy_weeks(history, EVIDENCE) == 12.0
    assert weeks_since("bevacizumab", 0, history) == 3.0
    assert weeks_since("oxaliplatin", 3, history) == 9.0
    assert weeks_since("irinotecan", 0, history) is None


def test_an_unknown_regimen_is_refused_with_the_known_ones() -> None:
    assert drugs("FOLFOXIRI+cetuximab") == {"fluorouracil", "oxaliplatin", "irinotecan", "cetuximab"}
    with pytest.raises(CaseError, match=r'"FOLFOX\+aspirin" has the unknown part "aspirin"; known.*CAPOX'):
        drugs("FOLFOX+aspirin")


# --- function


def test_function_recovers_as_measured_after_resection() -> None:
    """LiMAx 35.7 % right after surgery, 77.2 % by day 10."""
    tau = EVIDENCE.value("function.post_resection_tau")
    assert function.follow(np.array([0.357]), ONE, 10.0, tau)[0] == pytest.approx(0.772, abs=0.005)


def test_injury_lowers_function_and_a_measurement_outranks_it() -> None:
    worse = [
        function.function_per_ml(MAN, found(injury(*args)), EVIDENCE)[0]
        for args in ((0, 0, False), (2, 0, False), (3, 0, False), (3, 1, False), (3, 1, True))
    ]
    assert worse[0] == 1
    assert all(b <= a for a, b in itertools.pairwise(worse))
    measured = replace(MAN, liver=LiverCondition(icg_r15=0.20))
    expected = (-np.log(0.20) / 15) / 0.18
    ill = found(injury(3, 2, True), measured)
    assert function.function_per_ml(measured, ill, EVIDENCE)[0] == pytest.approx(expected)
    assert function.measured_function(replace(MAN, liver=LiverCondition(icg_r15=0.05)), EVIDENCE) == 1.0


# --- adequacy


@pytest.mark.parametrize(
    ("liver", "cycles", "name", "also"),
    [
        (LiverCondition(), 0, "normal", ()),
        (LiverCondition(), 4, "normal", ()),
        (LiverCondition(), 5, "normal", ("chemotherapy",)),
        (LiverCondition(), 6, "normal", ("chemotherapy",)),
        (LiverCondition(), 7, "chemotherapy", ("normal",)),
        (LiverCondition(), 8, "chemotherapy", ()),
        (LiverCondition(steatohepatitis=True), 0, "chemotherapy", ()),
        (LiverCondition(steatosis_fraction=0.30), 0, "chemotherapy", ()),
        (LiverCondition(steatosis_fraction=0.29), 0, "normal", ()),
        (LiverCondition(sos_grade=2), 0, "chemotherapy", ()),
        (LiverCondition(sos_grade=1), 0, "normal", ()),
        (LiverCondition(sos_grade=0, nrh_grade=0), 6, "normal", ("chemotherapy",)),
        (LiverCondition(nrh_grade=1), 0, "chemotherapy", ()),
        (LiverCondition(sos_grade=3, fibrosis="F4"), 0, "cirrhosis", ()),
        (LiverCondition(fibrosis="F3"), 8, "cirrhosis", ()),
        (LiverCondition(child_pugh="A"), 0, "cirrhosis", ()),
        (LiverCondition(fibrosis="F2"), 0, "normal", ()),
    ],
)
def test_the_binding_threshold(liver: LiverCondition, cycles: int, name: str, also: tuple[str, ...]) -> None:
    history = (Treatment("FOLFOX", cycles, -42),) if cycles else ()
    found = adequacy.population(replace(MAN, liver=liver), history, EVIDENCE)
    assert (found.name, found.also) == (name, also)
    assert found.reason


def test_an_injury_shown_by_biopsy_is_named_as_the_reason() -> None:
    def reason(**known: int) -> str:
        return adequacy.population(replace(MAN, liver=LiverCondition(**known)), (), EVIDENCE).reason  # type: ignore[arg-type]

    assert reason(sos_grade=3) == "sinusoidal obstruction grade 3, biopsy"
    assert reason(sos_grade=1, nrh_grade=2) == "nodular regenerative hyperplasia grade 2, biopsy"
    assert reason(sos_grade=1) == "no chemotherapy, sinusoidal obstruction grade 1 only"
    assert reason() == "no chemotherapy, no known injury"


def test_each_rule_needs_its_own_share_of_its_own_denominator() -> None:
    """A liver of 1200 mL in a body whose formula says 1500: 40 % of it is 480 mL, 32 % by the formula."""

    def needed(name: str) -> float:
        return 1500.0 * adequacy.least_sflr(name, 1200.0, 1500.0, EVIDENCE)

    assert needed("cirrhosis") == pytest.approx(480.0)
    assert needed("normal") == pytest.approx(300.0)
    assert needed("chemotherapy") == pytest.approx(450.0)


def test_waiting_times_set_a_floor() -> None:
    def floor(occlusion: int | None, *history: Treatment) -> tuple[int, str]:
        step = None if occlusion is None else CourseStep(occlusion, "occlude", technique="pve")
        found = adequacy.floor_day(0, step, history, EVIDENCE)
        return found.day, found.reason

    assert floor(None) == (0, "first step of the plan")
    assert floor(None, Treatment("FOLFOX", 6, -14))[0] == 14
    assert floor(None, Treatment("FOLFOX+bevacizumab", 6, -14)) == (28, "6 weeks after the last bevacizumab")
    assert floor(14, Treatment("FOLFOX", 6, -42)) == (35, "21 days after the occlusion")


def test_the_first_day_reached_agrees_with_looking_at_every_day() -> None:
    tau = np.array([10.0, 6.0, 14.0, 10.0])
    start, end = np.array([0.15, 0.18, 0.21, 0.10]), np.array([0.25, 0.22, 0.30, 0.19])

    def grown(day: float) -> np.ndarray:
        return np.asarray(end + (start - end) * np.exp(-(day - 14) / tau))

    found = adequacy.first_day_reached(0.20, grown, adequacy.Floor(20, ""), 98)
    for i in range(4):
        s = [end[i] + (start[i] - end[i]) * np.exp(-(d - 14) / tau[i]) for d in range(20, 98)]
        day = next((20 + k for k, v in enumerate(s) if v >= 0.20), np.inf)
        assert found[i] == day
    assert found[3] == np.inf
    # What is reached on the last day asked is reached; the day before it is not asked further.
    assert np.isfinite(adequacy.first_day_reached(0.20, grown, adequacy.Floor(20, ""), int(found[0]))[0])
    assert adequacy.first_day_reached(0.20, grown, adequacy.Floor(20, ""), int(found[0]) - 1)[0] == np.inf
    # The floor is asked even where it lies beyond that day; each draw may have a threshold of its own.
    assert adequacy.first_day_reached(0.20, grown, adequacy.Floor(97, ""), 20)[:3].tolist() == [97.0] * 3
    own = adequacy.first_day_reached(start, grown, adequacy.Floor(20, ""), 98)
    assert own.tolist() == [20.0] * 4


def test_disagreement_of_annotators_by_border() -> None:
    lateral = 0.019 / 1.128
    assert adequacy.label_sd_fraction(("S1", "S2", "S3"), EVIDENCE) == pytest.approx(lateral)
    assert adequacy.label_sd_fraction(("S4a", "S4b", "S5", "S6", "S7", "S8"), EVIDENCE) == pytest.approx(
        lateral
    )
    assert adequacy.label_sd_fraction(("S1", "S2", "S3", "S4"), EVIDENCE) == pytest.approx(0.05 / 1.128)
    assert adequacy.label_sd_fraction(("S6", "S7"), EVIDENCE) == pytest.approx(0.05 / 1.128)
    assert adequacy.label_sd_fraction(tuple(LIVER), EVIDENCE) == 0.0


# --- risk


def failure(
    sflr: float,
    cycles: int = 0,
    liver: LiverCondition | None = None,
    state: Injury | None = None,
    **more: object,
) -> tuple[float, float]:
    patient = replace(MAN, liver=liver or LiverCondition(), **more)  # type: ignore[arg-type]
    history = (Treatment("FOLFOX", cycles, -42),) if cycles else ()
    state = state or injury()
    causes = found(state, patient, history)
    p = risk.failure_risk(np.array([sflr]), True, patient, history, state, causes, EVIDENCE)
    return float(p.low[0]), float(p.high[0])


def test_both_published_forms_span_the_range_after_long_chemotherapy() -> None:
    """At sFLR 25 % after more than 12 weeks one form says 22, the other 39 %."""
    low, high = failure(0.25, 8)
    assert low == pytest.approx(0.22, abs=0.01)
    assert high == pytest.approx(0.39, abs=0.01)


def test_a_normal_liver_above_20_percent_has_a_flat_range() -> None:
    assert failure(0.21) == failure(0.60) == pytest.approx((0.05, 0.15))
    assert failure(0.30, 6) == pytest.approx((0.05, 0.15))  # 12.0 weeks is not more than 12


def test_below_20_percent_risk_rises_and_never_falls_with_less_liver() -> None:
    assert failure(0.16)[1] > 0.34
    sflr = np.linspace(0.05, 0.6, 200)
    for cycles in (0, 8):
        for liver in (LiverCondition(), LiverCondition(fibrosis="F4"), LiverCondition(icg_r15=0.2)):
            history = (Treatment("FOLFOX", cycles, -42),) if cycles else ()
            patient, state = replace(MAN, liver=liver), injury(n=200)
            p = risk.failure_risk(sflr, True, patient, history, state, found(state, patient), EVIDENCE)
            assert np.all(np.diff(p.low) <= 1e-12)
            assert np.all(np.diff(p.high) <= 1e-12)
            assert np.all(p.low <= p.high)
            assert np.all(p.low >= 0.05)


def test_each_cause_enters_once_and_the_stack_is_capped() -> None:
    biopsy = injury(3, 2, True, known="sos nrh steatohepatitis")
    measured = LiverCondition(icg_r15=0.08)
    assert failure(0.25, 12, measured, biopsy) == failure(
        0.25, 0, measured
    )  # a measured function replaces all
    poor = LiverCondition(icg_r15=0.20)
    quality = function.measured_function(replace(MAN, liver=poor), EVIDENCE)
    assert quality is not None
    assert failure(0.25, 0, poor) == pytest.approx(
        failure(0.25 * quality)
    )  # function counts as so much less volume
    with_biopsy = failure(0.25, 12, None, biopsy)
    assert with_biopsy == failure(0.25, 0, None, biopsy)  # an injury replaces the weeks
    assert with_biopsy[1] > failure(0.25)[1]
    predicted = injury(3, 2, True)
    assert failure(0.25, 12, None, predicted) == failure(0.25, 12)  # a predicted injury is the weeks again
    excluded = injury(known="steatohepatitis")
    assert failure(0.25, 12, None, excluded) == failure(0.25, 12)  # no fat says nothing of the sinusoids
    worst = failure(0.10, 12, LiverCondition(fibrosis="F4"), biopsy, diabetes=True)
    assert worst[1] == pytest.approx(0.75)
    assert failure(0.25, 0, diabetes=True)[1] > failure(0.25)[1]


def test_a_minor_resection_has_a_small_risk_whatever_remains() -> None:
    state = injury(n=2)
    p = risk.failure_risk(np.array([0.1, 0.9]), False, MAN, (), state, found(state), EVIDENCE)
    assert np.all(p.low == 0)
    assert np.all(p.high == 0.0238)


def test_deaths_and_complications() -> None:
    failed = np.array([False, True])

    def p(kind: str, **liver: str) -> np.ndarray:
        patient = replace(MAN, liver=LiverCondition(**liver))  # type: ignore[arg-type]
        return risk.death_probability(failed, np.zeros(2), kind, patient, EVIDENCE)

    assert p("major") == pytest.approx([0.004, 1 - 0.996 * (1 - 0.217)])
    assert p("occlusion") == pytest.approx([0.001, 0.001])
    assert p("major", fibrosis="F4")[0] == pytest.approx(0.047)
    assert p("minor", child_pugh="B")[0] == pytest.approx(0.213)
    assert p("staged_last")[0] > p("minor")[0] > p("major")[0]
    # Ribero: 11.5 % insufficiency, 2.9 % deaths.
    assert 0.115 * p("major")[1] + 0.885 * p("major")[0] == pytest.approx(0.029, abs=0.002)
    odds = [q / (1 - q) for q in (0.25, float(risk.morbidity_probability("major", injury(2), EVIDENCE)[0]))]
    assert odds[1] / odds[0] == pytest.approx(1.73, abs=0.01)
