"""What treatment does to the liver, when it is given, and what is known of the patient beside it."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flrsim.course import Course, CourseStep
from flrsim.draws import Floats, patient_streams
from flrsim.evidence import load_evidence
from flrsim.patient import LiverCondition, Patient, Treatment
from flrsim.physiology.doses import chemotherapy_cycles, chemotherapy_weeks, given_by, planned_treatments
from flrsim.physiology.injury import injury_probabilities, predict_injury
from flrsim.physiology.modifiers import effects
from flrsim.regimens import REGIMENS, cycle_days
from flrsim.timeline import Timeline, simulate
from flrsim.timeline.play import setting_of
from flrsim.timeline_result import growth_notes

sys.path.insert(0, str(Path(__file__).parents[1]))
from course_cases import MAN, SIX_FOLFOX, two_stage

EVIDENCE = load_evidence()
HALF = np.array([0.5])


def logit(p: float) -> float:
    return float(np.log(p / (1 - p)))


def chances(
    history: tuple[Treatment, ...] = SIX_FOLFOX, patient: Patient = MAN, day: int = 0, **known: object
) -> dict[str, float]:
    patient = replace(patient, liver=LiverCondition(**known))  # type: ignore[arg-type]
    found = injury_probabilities(day, patient, history, EVIDENCE, HALF)
    return {name: float(p[0]) for name, p in found.items()}


# --- when doses are given


def treating(day: int, regimen: str = "FOLFOX", cycles: int = 2, course: Course | None = None) -> Course:
    """The two-stage course (0, 14, 42, 45) with a treatment on `day`."""
    course = course or two_stage()
    steps = sorted(
        [*course.steps, CourseStep(day, "treat", regimen=regimen, cycles=cycles)], key=lambda s: s.day
    )
    return replace(course, steps=tuple(steps))


def test_planned_treatment_has_its_first_dose_on_its_day_and_one_every_two_weeks() -> None:
    course = treating(60, "CAPOX", 1, treating(20, "FOLFIRI", 3))
    assert planned_treatments(course, EVIDENCE) == (
        Treatment("FOLFIRI", 3, 48),
        Treatment("CAPOX", 1, 60),
    )


@pytest.mark.parametrize(
    ("day", "cycles", "last"),
    [(-57, 0, None), (-56, 1, -56), (-43, 1, -56), (-42, 2, -42), (-1, 4, -14), (0, 5, 0), (13, 5, 0), (14, 6, 14), (99, 6, 14)],
)  # fmt: skip
def test_only_what_was_given_until_a_day_counts(day: int, cycles: int, last: int | None) -> None:
    """Six cycles every 14 days, the last on day 14: doses on days -56, -42, -28, -14, 0, 14."""
    found = given_by(day, (Treatment("FOLFOX", 6, 14),), EVIDENCE)
    assert found == (() if last is None else (Treatment("FOLFOX", cycles, last),))


def test_the_injury_of_a_day_is_that_of_the_doses_until_then() -> None:
    history = (*SIX_FOLFOX, Treatment("FOLFOX", 4, 56))
    for day in (0, 14, 30, 56, 80):
        all_known = injury_probabilities(day, MAN, history, EVIDENCE, HALF)
        given = injury_probabilities(day, MAN, given_by(day, history, EVIDENCE), EVIDENCE, HALF)
        assert {k: v[0] for k, v in all_known.items() if "steatosis" not in k} == pytest.approx(
            {k: v[0] for k, v in given.items() if "steatosis" not in k}
        )


def play(course: Course, history: tuple[Treatment, ...] = SIX_FOLFOX) -> Timeline:
    return simulate(course, MAN, history, EVIDENCE, seed=3, draws=2000)


def causes(played: Timeline) -> set[str]:
    return {line.modifier for line in played.ledger}


def test_treatment_in_the_interval_harms_the_liver_at_the_last_operation_and_not_before() -> None:
    plain, treated = play(two_stage()), play(treating(16))
    assert treated.injury.to_dict() == plain.injury.to_dict()
    before, after = plain.injury_at_resection.to_dict(), treated.injury_at_resection.to_dict()
    assert after["sos_2"] > before["sos_2"] + 0.02  # type: ignore[operator]
    # Two cycles more: 16 weeks, which the rule of 12 weeks and that of 6 cycles see at the operation alone.
    assert (plain.population.name, treated.population.name) == ("normal", "chemotherapy")
    assert "many_cycles" in causes(treated) - causes(plain)
    assert next(x for x in treated.ledger if x.modifier == "many_cycles").multiplier == 1.0


@pytest.mark.parametrize("day", [46, 60])
def test_treatment_after_the_last_operation_changes_nothing_before_it(day: int) -> None:
    plain, treated = play(two_stage()), play(treating(day))
    assert treated.injury_at_resection.to_dict() == plain.injury_at_resection.to_dict()
    assert (treated.p_phlf_low, treated.p_phlf_high) == (plain.p_phlf_low, plain.p_phlf_high)
    assert causes(treated) == causes(plain)
    assert treated.p_dropout == plain.p_dropout
    operations = [s.day for s in plain.course.operations]
    upto = plain.days <= operations[-1]
    n = int(np.sum(upto))
    assert np.array_equal(treated.flr_ml.median[:n], plain.flr_ml.median[upto])


@pytest.mark.parametrize(
    ("course", "acts"),
    [
        (two_stage(), None),
        (treating(16), (2, 30)),
        (treating(44, cycles=1), (30, 44)),  # given the day before the operation, acts to its end
        (treating(45, cycles=1), None),  # on the day of the operation
        (treating(0, cycles=1), None),  # acts until the occlusion
        (treating(5, cycles=1), (0, 5)),  # acts until day 19, the occlusion is of day 14
        (treating(5, cycles=2), (0, 19)),
        (treating(16, cycles=1, course=treating(20, "CAPOX", 1)), (2, 27)),  # two at once count once
        (treating(16, "FOLFOX", 1, treating(14, "CAPOX", 1)), (0, 21)),  # the second ends before the first
        (treating(16, "bevacizumab", 1), None),  # no chemotherapy
        (treating(16, "TACE", 1), None),
    ],
)
def test_growth_is_braked_by_what_falls_on_days_on_which_chemotherapy_acts(
    course: Course, acts: tuple[int, int] | None
) -> None:
    """Days after the occlusion of day 14; the operation is of day 45. The growth of each hour is summed by hand."""
    tau = EVIDENCE.value("growth.pve.tau")
    hours = np.arange(*(acts or (0, 0)), 1 / 24) + 1 / 48
    braked = np.sum(np.exp(-hours / tau)) / tau / 24
    history = planned_treatments(course, EVIDENCE)
    setting = setting_of(course, history, EVIDENCE)
    assert setting.interval_chemotherapy == pytest.approx(braked, rel=1e-5)
    state = predict_injury(14, MAN, (), EVIDENCE, lambda _: HALF)
    table = effects(14, MAN, (), state, setting, EVIDENCE, lambda _: HALF)
    factor = EVIDENCE.quantile("growth.modifier.interval_chemotherapy", HALF)
    assert table["interval_chemotherapy"].growth == pytest.approx(1 - braked * (1 - factor), rel=1e-5)
    assert ("interval_chemotherapy" in causes(play(course, ()))) == (acts is not None)


def test_a_history_that_reaches_into_the_interval_counts_once() -> None:
    """Eight cycles whose last three fall between the steps are the five before and the three planned."""
    one = play(two_stage(), (Treatment("FOLFOX", 8, 42),))
    parts = play(treating(14, cycles=3), (Treatment("FOLFOX", 5, 0),))
    for name in ("flr_ml", "sflr", "function"):
        assert np.array_equal(getattr(one, name).median, getattr(parts, name).median)
    assert one.p_phlf_high == parts.p_phlf_high
    assert causes(one) == causes(parts)


# --- how long a cycle is


@pytest.mark.parametrize(
    ("regimen", "days"),
    [
        ("FOLFOX", 14), ("mfolfox6 + Bevacizumab", 14), ("FOLFOXIRI+panitumumab", 14), ("LV5FU2", 14),
        ("CAPOX", 21), ("bevacizumab+XELOX", 21), ("SOX", 21), ("XELIRI+bevacizumab", 21), ("IROX", 21),
        ("capecitabine", 21), ("S-1", 42), ("bevacizumab", 14), ("atezolizumab+bevacizumab", 21),
        ("sorafenib", 28), ("HAI-FUDR", 28), ("HAI-FUDR+FOLFOX", 28), ("HAI-IL2", 7), ("HAI-IL2+bevacizumab", 7), ("TACE", 28),
    ],
)  # fmt: skip
def test_a_regimen_has_its_own_cycle(regimen: str, days: float) -> None:
    assert cycle_days(regimen, EVIDENCE) == days
    course = treating(10, regimen, 3)
    assert planned_treatments(course, EVIDENCE)[-1].last_dose_day == 10 + 2 * days
    history = (Treatment(regimen, 3, 0),)
    assert given_by(-1, history, EVIDENCE) == (Treatment(regimen, 2, round(-days)),)
    assert given_by(round(-2 * days) - 1, history, EVIDENCE) == ()


def test_every_regimen_has_a_cycle_and_weeks_count_its_length() -> None:
    assert all(7 <= cycle_days(name, EVIDENCE) <= 42 for name in REGIMENS)
    for regimen, cycles in (("FOLFOX", 6), ("CAPOX", 4), ("HAI-FUDR", 3), ("HAI-IL2", 12), ("S-1", 2)):
        assert chemotherapy_weeks((Treatment(regimen, cycles, -30),), EVIDENCE) == 12.0
        assert chemotherapy_cycles((Treatment(regimen, cycles, -30),), EVIDENCE) == 6.0
    assert chemotherapy_weeks((Treatment("atezolizumab+bevacizumab", 8, -30),), EVIDENCE) == 0.0


def test_four_weekly_floxuridine_reaches_further_back_than_two_weekly_cycles() -> None:
    """Six cycles are half a year: the rule of 12 weeks and the brake of many cycles see them."""
    played = play(two_stage(), (Treatment("HAI-FUDR", 6, -42),))
    assert played.population.name == "chemotherapy"
    assert "24 weeks" in played.population.reason
    assert "many_cycles" in causes(played)
    assert play(two_stage(), (Treatment("HAI-FUDR", 3, -42),)).population.name == "normal"


# --- what is known beside the history


def test_platelets_and_apri_give_the_rate_of_their_stratum_platelets_first() -> None:
    assert chances(platelets_per_nl=99.0)["nrh"] == 0.636
    assert chances(platelets_per_nl=100.0)["nrh"] == 0.253
    assert chances(platelets_per_nl=200.0)["nrh"] == 0.253
    assert chances(platelets_per_nl=201.0)["nrh"] == 0.119
    assert chances(apri=0.37)["nrh"] == 0.255
    assert chances(apri=0.36)["nrh"] == 0.098
    assert chances(apri=2.0, platelets_per_nl=300.0)["nrh"] == 0.119
    others = {k: v for k, v in chances(platelets_per_nl=99.0).items() if k != "nrh"}
    assert others == {k: v for k, v in chances().items() if k != "nrh"}
    assert chances((), platelets_per_nl=50.0)["nrh"] == 0  # the strata are of treated patients


def test_a_grown_spleen_raises_the_odds_of_every_sinusoidal_grade_and_a_normal_one_says_nothing() -> None:
    assert chances(spleen_volume_ratio=1.29) == chances()
    grown, plain = chances(spleen_volume_ratio=1.30), chances()
    for grade in (1, 2, 3):
        assert logit(grown[f"sos_{grade}"]) - logit(plain[f"sos_{grade}"]) == pytest.approx(0.9)
    assert grown["nrh"] == plain["nrh"]


def test_a_grown_spleen_says_nothing_of_doses_after_the_images() -> None:
    """Six FOLFOX, the last on day -42; odds are added by hand."""
    grown = replace(MAN, liver=LiverCondition(spleen_volume_ratio=1.5))

    def odds(person: Patient, history: tuple[Treatment, ...], images: int) -> list[float]:
        p = injury_probabilities(0, person, history, EVIDENCE, HALF, images)
        return [float(np.exp(logit(p[f"sos_{grade}"][0]))) for grade in (1, 2, 3)]

    plain = odds(MAN, SIX_FOLFOX, 0)
    assert odds(grown, SIX_FOLFOX, -113) == plain  # images before the first dose
    assert odds(grown, SIX_FOLFOX, -42) == pytest.approx([np.exp(0.9) * x for x in plain])
    for images in (-112, -80, -43):
        before = odds(MAN, given_by(images, SIX_FOLFOX, EVIDENCE), images)
        by_hand = [x + (np.exp(0.9) - 1) * y for x, y in zip(plain, before, strict=True)]
        assert odds(grown, SIX_FOLFOX, images) == pytest.approx(by_hand)


def test_bevacizumab_and_anti_egfr_move_the_odds_by_their_share_of_the_doses() -> None:
    evidence = load_evidence(overrides={"injury.sos.anti_egfr": 0.5})

    def sos(*history: Treatment) -> float:
        return logit(float(injury_probabilities(0, MAN, history, evidence, HALF)["sos_2"][0]))

    plain = Treatment("FOLFOX", 3, -28)
    for drug, shift in (("cetuximab", 0.5), ("panitumumab", 0.5), ("bevacizumab", -0.69)):
        with_drug = replace(plain, regimen=f"FOLFOX+{drug}")
        assert sos(with_drug) - sos(plain) == pytest.approx(shift)
        earlier = replace(plain, last_dose_day=-140)
        dose = [sum(2 ** (-w / 52) for w in range(first, first + 6, 2)) for first in (4, 20)]
        both = sos(replace(earlier, regimen=f"FOLFOX+{drug}"), plain) - sos(earlier, plain)
        assert both == pytest.approx(shift * dose[1] / sum(dose))
    assert load_evidence().value("injury.sos.anti_egfr") == 0.0


def test_steatosis_follows_fluoropyrimidine_cycles_and_wanes() -> None:
    by_hand = -2.20 + 0.14 * sum(2 ** (-w / 8) for w in (6, 8, 10, 12, 14, 16))
    for regimen in ("FOLFOX", "FOLFIRI", "5-FU"):
        assert logit(chances((Treatment(regimen, 6, -42),))["steatosis"]) == pytest.approx(by_hand)
    by_hand = -2.20 + 0.14 * 1.5 * sum(2 ** (-w / 8) for w in (6, 9, 12, 15))
    for regimen in ("CAPOX", "SOX", "capecitabine"):
        assert logit(chances((Treatment(regimen, 4, -42),))["steatosis"]) == pytest.approx(by_hand)
    assert logit(chances((Treatment("irinotecan", 6, -42),))["steatosis"]) == pytest.approx(-2.20)


@pytest.mark.parametrize("day", [0, 400])
def test_bile_ducts_scar_after_arterial_floxuridine_only_and_for_good(day: int) -> None:
    found = chances((Treatment("HAI-FUDR", 6, -30), Treatment("FOLFOX", 4, -30)), day=day)
    assert logit(found["biliary_sclerosis"]) == pytest.approx(-3.77 + 6 * 0.12)
    assert found["biliary_sclerosis"] == pytest.approx(0.046, abs=0.001)  # 18 of 393
    for regimen in ("FOLFOXIRI+bevacizumab", "HAI-IL2", "5-FU", "TACE"):
        assert chances((Treatment(regimen, 12, -30),), day=day)["biliary_sclerosis"] == 0
    uniform, _ = patient_streams(1, 4000)
    played = predict_injury(day, MAN, (Treatment("HAI-FUDR", 6, -30),), EVIDENCE, uniform)
    assert np.mean(played.biliary_sclerosis) == pytest.approx(0.046, abs=0.012)


def test_a_biopsy_outranks_platelets_spleen_and_history_draw_by_draw() -> None:
    uniform, _ = patient_streams(1, 200)
    liver = LiverCondition(
        sos_grade=0, nrh_grade=3, steatohepatitis=False, steatosis_fraction=0.35, platelets_per_nl=300.0,
        spleen_volume_ratio=2.0,
    )  # fmt: skip
    found = predict_injury(0, replace(MAN, liver=liver), (Treatment("FOLFOXIRI", 12, -7),), EVIDENCE, uniform)
    assert np.all(found.sos_grade == 0)
    assert np.all(found.nrh_grade == 2)  # 2 stands for 2 to 3
    assert not np.any(found.steatohepatitis)
    assert np.all(found.steatosis)
    assert found.known == {"sos", "nrh", "steatohepatitis", "steatosis"}
    lean = replace(MAN, liver=LiverCondition(steatosis_fraction=0.29))
    assert not np.any(predict_injury(0, lean, SIX_FOLFOX, EVIDENCE, uniform).steatosis)


GRADED = replace(MAN, liver=LiverCondition(sos_grade=0, nrh_grade=0, steatohepatitis=False))


def test_cycles_after_a_biopsy_harm_a_liver_that_it_found_unharmed() -> None:
    """Of draws below grade 1 at the biopsy the share that passes grade 2 by later doses is the one by hand."""
    uniform, _ = patient_streams(1, 20_000)
    before = (Treatment("FOLFOX", 2, -20),)
    after = (*before, Treatment("FOLFOX", 6, 70))
    biopsied = replace(GRADED, liver=replace(GRADED.liver, biopsy_day=-10))
    state = predict_injury(84, biopsied, after, EVIDENCE, uniform)
    fast = EVIDENCE.quantile("injury.oxaliplatin.fast_weight", uniform("injury.washout"))
    was, now = (injury_probabilities(d, MAN, h, EVIDENCE, fast) for d, h in ((-10, before), (84, after)))
    by_hand = np.mean((now["sos_2"] - was["sos_1"]).clip(0) / (1 - was["sos_1"]))
    assert by_hand > 0.05
    assert np.mean(state.sos_grade >= 2) == pytest.approx(by_hand, abs=0.01)
    assert np.mean(state.nrh_grade >= 1) == pytest.approx(
        np.mean((now["nrh"] - was["nrh"]).clip(0) / (1 - was["nrh"])), abs=0.01
    )


def test_a_severe_injury_washes_out_as_its_probability_falls() -> None:
    uniform, _ = patient_streams(1, 20_000)
    severe = replace(MAN, liver=LiverCondition(sos_grade=3, biopsy_day=-14))
    history = (Treatment("FOLFOX", 8, -20),)
    fast = EVIDENCE.quantile("injury.oxaliplatin.fast_weight", uniform("injury.washout"))
    was, now = (injury_probabilities(d, MAN, history, EVIDENCE, fast) for d in (-14, 100))
    state = predict_injury(100, severe, history, EVIDENCE, uniform)
    assert np.mean(state.sos_grade == 3) == pytest.approx(np.mean(now["sos_3"] / was["sos_3"]), abs=0.01)
    assert np.all(predict_injury(-14, severe, history, EVIDENCE, uniform).sos_grade == 3)
    assert np.all(predict_injury(100, severe, (), EVIDENCE, uniform).sos_grade == 3)  # no dose explains it


def test_fat_that_was_found_washes_out_as_its_probability_falls() -> None:
    uniform, _ = patient_streams(1, 20_000)
    fatty = replace(MAN, liver=LiverCondition(steatohepatitis=True, steatosis_fraction=0.5, biopsy_day=-14))
    history = (Treatment("FOLFIRI", 8, -20),)
    was, now = (injury_probabilities(d, MAN, history, EVIDENCE, HALF) for d in (-14, 60))
    state = predict_injury(60, fatty, history, EVIDENCE, uniform)
    for name in ("steatohepatitis", "steatosis"):
        left = float(now[name][0] / was[name][0])
        assert 0.3 < left < 0.9
        assert np.mean(getattr(state, name)) == pytest.approx(left, abs=0.015)


def test_platelets_are_those_of_the_images_and_later_cycles_add_to_them() -> None:
    person = replace(MAN, liver=LiverCondition(platelets_per_nl=300.0))
    history = (Treatment("FOLFOX", 4, -30),)

    def nrh(day: int, given: tuple[Treatment, ...], who: Patient = person) -> float:
        return float(injury_probabilities(day, who, given, EVIDENCE, HALF, -14)["nrh"][0])

    more = (*history, Treatment("FOLFOX", 4, 50))
    assert nrh(-20, history) == nrh(-14, history) == 0.119
    assert nrh(60, history) < 0.119 < nrh(60, more)
    shift = logit(nrh(60, more, MAN)) - logit(nrh(-14, history, MAN))
    assert logit(nrh(60, more)) == pytest.approx(logit(0.119) + shift)


def test_a_played_plan_pays_for_the_cycles_that_it_gives_after_a_biopsy() -> None:
    def played(course: Course, liver: LiverCondition) -> Timeline:
        return simulate(course, replace(MAN, liver=liver), SIX_FOLFOX, EVIDENCE, seed=3, draws=2000)

    mild = replace(GRADED.liver, sos_grade=1)
    plain, more = (played(c, mild) for c in (two_stage(), treating(16)))
    assert plain.injury_at_resection.to_dict()["sos_2"] == 0
    assert more.injury_at_resection.to_dict()["sos_2"] > 0.02  # type: ignore[operator]
    # The images are of day -14. A biopsy before some of the six cycles leaves them to be counted.
    early = played(two_stage(), replace(GRADED.liver, biopsy_day=-100))
    assert early.injury_at_resection.to_dict()["sos_2"] > 0


# --- what is told and enters no number


def test_a_function_measured_before_planned_treatment_is_told() -> None:
    measured = replace(MAN, liver=LiverCondition(icg_r15=0.12, limax_ug_kg_h=350.0))

    def said(course: Course, patient: Patient = measured) -> tuple[str, ...]:
        played = simulate(course, patient, SIX_FOLFOX, EVIDENCE, seed=3, draws=200)
        assert (
            played.liver_remarks
            == growth_notes(played)[len(growth_notes(played)) - len(played.liver_remarks) :]
        )
        return played.liver_remarks

    assert said(two_stage()) == ()
    assert said(treating(16), MAN) == ()
    assert said(treating(46)) == ()  # after the last operation
    assert said(treating(16)) == (
        "ICG-R15 and LiMAx are taken as measured, though 2 cycles of treatment come between the images and day 45: "
        "measure again before it",
    )
    one = replace(MAN, liver=LiverCondition(icg_r15=0.12))
    assert said(treating(16, cycles=1), one)[0].startswith(
        "ICG-R15 is taken as measured, though 1 cycle of treatment comes between"
    )


def test_biliary_sclerosis_is_told_and_enters_no_number() -> None:
    arterial = (Treatment("HAI-FUDR", 2, -42),)
    played = play(two_stage(), arterial)
    share = np.mean(played.injury_at_resection.biliary_sclerosis)
    assert played.liver_remarks == (
        f"a bile-duct stricture that needs a stent after arterial floxuridine is foreseen in {100 * share:.0f} % of draws; "
        "it is told as a complication and enters no other number",
    )
    assert play(two_stage()).liver_remarks == ()
    never = load_evidence(overrides={"injury.biliary_sclerosis.intercept": -4.7})
    without = simulate(two_stage(), MAN, arterial, never, seed=3, draws=2000)
    assert np.mean(without.injury_at_resection.biliary_sclerosis) < share
    for name in ("p_complete", "p_dropout", "p_phlf_high", "p_textbook"):
        assert getattr(without, name) == getattr(played, name)


def test_the_share_of_severe_nodules_is_the_published_one() -> None:
    uniform, _ = patient_streams(1, 20_000)
    found = predict_injury(0, MAN, (Treatment("FOLFOX", 12, -14),), EVIDENCE, uniform)
    severe: Floats = found.nrh_grade[found.nrh_grade > 0] == 2
    assert np.mean(severe) == pytest.approx(14 / 87, abs=0.02)
