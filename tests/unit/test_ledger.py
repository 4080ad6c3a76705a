"""Every line of the ledger is the difference of two plays, one with the cause at work and one without."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flrsim.course import Course, CourseStep
from flrsim.draws import patient_streams
from flrsim.evidence import load_evidence
from flrsim.patient import LiverCondition, Patient, Treatment
from flrsim.physiology.doses import given_by
from flrsim.physiology.injury import predict_injury
from flrsim.physiology.modifiers import MODIFIERS, Setting, effects, function_factor
from flrsim.timeline import LedgerLine, Timeline, simulate

sys.path.insert(0, str(Path(__file__).parents[1]))
from course_cases import MAN, pve_of, single_stage, two_stage

EVIDENCE = load_evidence()
DRAWS = 1001  # an odd number has its median among the draws
ILL = replace(
    MAN,
    diabetes=True,
    sarcopenia=True,
    liver=LiverCondition(steatosis_fraction=0.4, sos_grade=2, nrh_grade=1, cholestasis="undrained"),
)
BEFORE = (Treatment("FOLFOX+bevacizumab", 8, -35), Treatment("TACE", 1, -30))


def course() -> Course:
    """PVE with beads, a cycle in the interval, and a remnant that reaches 30 % after the waiting times are over."""
    planned = (CourseStep(1, "treat", regimen="FOLFOX", cycles=1),)
    plain = pve_of(440.0, scan=40, operate=80)
    steps = sorted([replace(plain.steps[0], agent="pva"), *plain.steps[1:], *planned], key=lambda s: s.day)
    return replace(plain, steps=tuple(steps), lesions=())


def play(
    what: Course, patient: Patient, history: tuple[Treatment, ...], off: frozenset[str] = frozenset()
) -> Timeline:
    return simulate(what, patient, history, EVIDENCE, seed=7, draws=DRAWS, modifiers_off=off)


@pytest.fixture(scope="module")
def ill() -> Timeline:
    return play(course(), ILL, BEFORE)


LINES = (
    "sos", "nrh", "steatosis", "many_cycles", "long_chemotherapy", "bevacizumab", "interval_chemotherapy", "cholestasis",
    "sarcopenia", "diabetes", "tace", "agent", "all",
)  # fmt: skip


def line(played: Timeline, name: str) -> LedgerLine:
    return next(x for x in played.ledger if x.modifier == name)


def off_for(name: str) -> frozenset[str]:
    return frozenset(MODIFIERS) if name == "all" else frozenset({name})


def test_the_ledger_lists_what_acts_in_the_order_of_the_table_and_all_of_it(ill: Timeline) -> None:
    assert tuple(x.modifier for x in ill.ledger) == LINES
    assert all(x.text == MODIFIERS.get(x.modifier, "all causes together") for x in ill.ledger)


@pytest.mark.parametrize("name", LINES)
def test_millilitres_and_days_are_those_of_two_plays(ill: Timeline, name: str) -> None:
    without = play(course(), ILL, BEFORE, off_for(name))
    found = line(ill, name)
    assert ill.at_resection is not None
    assert without.at_resection is not None
    ml = np.median(without.at_resection.flr_ml) - np.median(ill.at_resection.flr_ml)
    assert found.cost_ml == pytest.approx(ml, rel=1e-12, abs=1e-12)
    with_it, rid = ill.earliest[0].median, without.earliest[0].median
    assert found.cost_days == (None if with_it is None or rid is None else with_it - rid)
    assert name not in {x.modifier for x in without.ledger}


def test_the_causes_of_this_patient_cost_millilitres_and_days(ill: Timeline) -> None:
    assert line(ill, "all").cost_ml > line(ill, "sarcopenia").cost_ml > 10
    for name in ("sarcopenia", "all"):
        assert (line(ill, name).cost_days or 0) > 3
    assert line(ill, "tace").cost_ml < 0  # it helps
    # Weeks, and cycles given after the occlusion, act on no growth.
    assert line(ill, "long_chemotherapy").cost_ml == 0


@pytest.mark.parametrize("name", LINES)
def test_function_is_the_size_of_two_plays_times_what_a_millilitre_is_worth(ill: Timeline, name: str) -> None:
    uniform, _ = patient_streams(7, DRAWS)
    what = course()
    day = what.operations[-1].day
    history = given_by(day, (*BEFORE, Treatment("FOLFOX", 1, 1)), EVIDENCE)
    injury = predict_injury(day, ILL, history, EVIDENCE, uniform)
    table = effects(day, ILL, history, injury, Setting(), EVIDENCE, uniform)
    without = play(what, ILL, BEFORE, off_for(name))
    assert ill.at_resection is not None
    assert without.at_resection is not None
    gone = np.median(without.at_resection.sflr * function_factor(table, off_for(name)))
    there = np.median(ill.at_resection.sflr * function_factor(table))
    assert line(ill, name).cost_function == pytest.approx(gone - there, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("patient", "history", "names"),
    [
        (ILL, (), ("sos", "nrh", "diabetes", "all")),
        (replace(MAN, diabetes=True), BEFORE, ("long_chemotherapy", "diabetes", "all")),
        (replace(MAN, liver=LiverCondition(fibrosis="F4")), (), ("fibrosis", "all")),
    ],
)
def test_liver_failure_is_that_of_two_plays(
    patient: Patient, history: tuple[Treatment, ...], names: tuple[str, ...]
) -> None:
    """On the day of the images: nobody drops out before, so that both plays ask the same draws."""
    at_once = replace(single_stage(), scan_day=0)
    played = play(at_once, patient, history)
    for name in names:
        without = play(at_once, patient, history, off_for(name))
        middle = [0.5 * (t.p_phlf_low + t.p_phlf_high) for t in (played, without)]  # type: ignore[operator]
        assert line(played, name).cost_failure == pytest.approx(middle[0] - middle[1], rel=1e-9)
        assert line(played, name).cost_failure > 0.001


def test_liver_failure_is_that_of_two_plays_where_many_never_come() -> None:
    """Staged, with drop-out: failure and its costs are of the same draws, all of them."""
    patient = replace(MAN, diabetes=True, liver=LiverCondition(fibrosis="F3"))
    played = play(two_stage(), patient, BEFORE)
    assert played.p_operations_done < 0.9
    for name in ("fibrosis", "diabetes"):
        without = play(two_stage(), patient, BEFORE, off_for(name))
        middle = [0.5 * (t.p_phlf_low + t.p_phlf_high) for t in (played, without)]  # type: ignore[operator]
        assert line(played, name).cost_failure == pytest.approx(middle[0] - middle[1], rel=1e-9)


def test_a_known_injury_in_the_line_of_the_weeks_costs_nothing_more() -> None:
    """The biopsy replaces the weeks: switching them off changes no risk."""
    played = play(single_stage(), ILL, BEFORE)
    assert line(played, "long_chemotherapy").cost_failure == 0.0
    assert line(played, "sos").cost_failure > 0


def test_growth_costs_failure_too_through_the_smaller_remnant() -> None:
    played = play(two_stage(lesions=()), replace(MAN, sarcopenia=True), (Treatment("FOLFOX", 8, -60),))
    assert line(played, "sarcopenia").cost_failure > 0


def test_the_factors_shown_are_the_medians_of_the_draws(ill: Timeline) -> None:
    uniform, _ = patient_streams(7, DRAWS)
    assert line(ill, "sarcopenia").multiplier == pytest.approx(
        np.median(EVIDENCE.quantile("growth.modifier.sarcopenia", uniform("modifier.sarcopenia")))
    )
    assert line(ill, "cholestasis").function == pytest.approx(
        np.median(EVIDENCE.quantile("function.cholestasis", uniform("function.cholestasis")))
    )
    assert line(ill, "diabetes").function == 1.0


def test_function_is_shown_at_the_last_operation_and_growth_where_it_is_stimulated() -> None:
    """Old treatment has washed out at the occlusion; six cycles afterwards leave more than half with injury."""
    planned = (CourseStep(5, "treat", regimen="FOLFOX", cycles=6),)
    plain = pve_of(448.0, scan=90, operate=95)
    treated = replace(plain, steps=(plain.steps[0], *planned, *plain.steps[1:]))
    found = line(play(treated, MAN, (Treatment("FOLFOX", 11, -200),)), "sos")
    assert found.multiplier == 1.0
    assert 0.5 < found.function < 1.0


def test_weeks_have_a_line_from_more_than_twelve_on() -> None:
    for cycles, listed in ((6, False), (7, True)):
        played = play(single_stage(), MAN, (Treatment("FOLFOX", cycles, -42),))
        assert ("long_chemotherapy" in {x.modifier for x in played.ledger}) == listed
