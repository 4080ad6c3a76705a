"""Statements that hold for any patient and plan, searched for counterexamples."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flrsim.course import Course, DeprivedPart
from flrsim.draws import patient_streams
from flrsim.evidence import load_evidence
from flrsim.patient import Patient, Treatment
from flrsim.physiology.progression import progression_day
from flrsim.physiology.volumes import LAWS, GrowthDraws, Volumes
from flrsim.rules import evaluate
from flrsim.timeline import Timeline, simulate

sys.path.insert(0, str(Path(__file__).parents[1]))
from course_cases import MAN, two_stage
from strategies import courses, histories, patients, staged

EVIDENCE = load_evidence()
FEW = settings(max_examples=25, deadline=None)


def play(course: Course, patient: Patient, history: tuple[Treatment, ...], draws: int = 200) -> Timeline:
    return simulate(course, patient, history, EVIDENCE, seed=5, draws=draws)


@FEW
@given(courses, patients, histories)
def test_every_number_is_finite_and_every_probability_is_one(
    course: Course, patient: Patient, history: tuple[Treatment, ...]
) -> None:
    played = play(course, patient, history)
    for curve in (played.flr_ml, played.sflr, played.function, played.tumour_ml):
        for line in (curve.p10, curve.median, curve.p90):
            assert np.all(np.isfinite(line))
            assert np.all(line >= 0)
    probabilities = [
        played.p_complete,
        played.p_operations_done,
        *played.p_dropout.values(),
        played.p_death_90d,
    ]
    probabilities += [played.p_major_morbidity, played.p_textbook, played.p_phlf_low, played.p_phlf_high]  # type: ignore[list-item]
    probabilities += [r.p_pass for r in evaluate(played, patient, EVIDENCE) if r.p_pass is not None]
    probabilities += [e.never for e in played.earliest]
    assert all(0 <= p <= 1 for p in probabilities)
    assert abs(played.p_complete + sum(played.p_dropout.values()) - 1) < 1e-12
    assert played.p_phlf_low <= played.p_phlf_high  # type: ignore[operator]
    assert played.p_textbook <= played.p_complete


@FEW
@given(courses, patients, histories)
def test_what_stays_never_exceeds_the_cap_before_or_the_liver_after(
    course: Course, patient: Patient, history: tuple[Treatment, ...]
) -> None:
    played = play(course, patient, history)
    last = course.operations[-1].day
    after = played.days > last
    assert np.all(
        played.flr_ml.p90[after] <= max(course.tlv_functional_ml, played.flr_ml.p90[~after].max()) + 1e-9
    )
    assert np.all(np.diff(played.flr_ml.median) >= -1e-9)


@FEW
@given(patients, histories, st.integers(0, 2), st.integers(0, 2))
def test_a_worse_liver_never_grows_more_in_any_draw(
    patient: Patient, history: tuple[Treatment, ...], sos: int, nrh: int
) -> None:
    course = two_stage()
    known = replace(patient.liver, sos_grade=sos, nrh_grade=nrh, steatohepatitis=False)
    better = play(course, replace(patient, liver=known), history).at_resection
    assert better is not None
    for change in (
        {"sos_grade": sos + 1},
        {"nrh_grade": nrh + 1},
        {"steatohepatitis": True},
        {"fibrosis": "F4"},
    ):
        worse = play(course, replace(patient, liver=replace(known, **change)), history).at_resection  # type: ignore[arg-type]
        assert worse is not None
        assert np.all(worse.flr_ml <= better.flr_ml * (1 + 1e-12))
        assert np.all(worse.sflr_absolute <= better.sflr_absolute * (1 + 1e-12))


@FEW
@given(patients, histories, st.integers(22, 80), st.integers(1, 20))
@example(MAN, (Treatment("S-1", 1, -7),), 27, 1)  # acts into the interval; in some draws as a help
def test_waiting_longer_never_leaves_less_and_never_lowers_progression(
    patient: Patient, history: tuple[Treatment, ...], wait: int, more: int
) -> None:
    sooner, later = (
        play(two_stage(scan_day=14 + w, last_day=16 + w), patient, history) for w in (wait, wait + more)
    )
    assert sooner.at_resection is not None
    assert later.at_resection is not None
    assert np.all(later.at_resection.flr_ml >= sooner.at_resection.flr_ml * (1 - 1e-12))
    assert later.growth_laws.p_pass_relative >= sooner.growth_laws.p_pass_relative


@FEW
@given(st.integers(0, 40))
def test_the_curve_starts_at_the_planned_flr(occlusion: int) -> None:
    played = play(
        two_stage(occlusion_day=occlusion, scan_day=occlusion + 28, last_day=occlusion + 30), MAN, ()
    )
    assert np.allclose(played.flr_ml.median[played.days <= 0], 243.0)


N = 60


def volumes_of(course: Course, law: str, who: slice = slice(None)) -> Volumes:
    uniform, normal = patient_streams(6, N)
    beta = EVIDENCE.quantile("growth.beta", uniform("beta"))
    z = [normal(name) for name in ("amplitude", "tau", "rate", "label")]
    draws = GrowthDraws(*(x[who] for x in (z[0], z[1], z[2], beta, uniform("absolute"), z[3])))
    causes = 0.5 + 0.5 * uniform("causes")[who]
    return Volumes(course, draws, causes, causes, 1604.5, EVIDENCE, law)


@FEW
@given(
    staged(),
    st.sampled_from(LAWS),
    st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)),
    st.sampled_from((1, 2, None)),
)
def test_what_an_operation_cuts_off_never_leaves_more_in_any_draw_nor_passes_the_cap(
    course: Course, law: str, shares: tuple[float, float], stage: int | None
) -> None:
    parts = (
        DeprivedPart("S2", shares[0] * course.flr_ml["S2"], stage),
        DeprivedPart("S3", shares[1] * course.flr_ml["S3"], 1),
    )
    cut_off = replace(course, deprived=parts)
    whole, less, half = (
        volumes_of(course, law),
        volumes_of(cut_off, law),
        volumes_of(cut_off, law, slice(7, 31)),
    )
    last = course.operations[-1].day
    cap = EVIDENCE.value("growth.cap_sflr")
    before = less.sflr(course.first_day)
    for day in {0, course.steps[1].day, (last + course.steps[1].day) // 2, last, last + 40}:
        assert np.all(less.flr_ml(day) <= whole.flr_ml(day) * (1 + 1e-12))
        assert np.all(less.flr_ml(day) > 0)
        share = less.deprived_share(day)
        assert np.all((share > 0) & (share <= 1 + 1e-12))
        # A batch of draws has the digits it has among all of them.
        assert np.array_equal(half.flr_ml(day), less.flr_ml(day)[7:31])
        if day <= last:
            assert np.all(less.sflr(day) <= np.maximum(np.maximum(cap, before), whole.sflr(day)) * (1 + 1e-9))


@FEW
@given(
    st.sampled_from(("FOLFOX", "CAPOX", "bevacizumab")),
    st.integers(-34, 44),
    st.integers(1, 40),
    st.integers(-34, 44),
)
def test_a_dose_slows_progression_from_its_day_on_and_the_sooner_the_more(
    regimen: str, day: int, earlier: int, at: int
) -> None:
    """Images 35 days before the first step, the last operation on day 45."""
    u = (np.arange(4000) + 0.5) / 4000
    course = replace(two_stage(), scan_day=-35)
    none = progression_day(course, MAN, (), EVIDENCE, u)
    dosed = progression_day(course, MAN, (Treatment(regimen, 1, day),), EVIDENCE, u)
    assert np.all(dosed >= none - 1e-9)
    assert np.array_equal(dosed < day, none < day)
    assert np.allclose(dosed[none < day], none[none < day], rtol=0, atol=1e-9)
    # On the last day before `at` a dose spares no more than one day's hazard: one day later as many have progressed.
    late = progression_day(course, MAN, (Treatment(regimen, 1, at - 1),), EVIDENCE, u)
    assert np.mean(none < at - 1) <= np.mean(late < at) <= np.mean(none < at)
    of_the_day = progression_day(course, MAN, (Treatment(regimen, 1, at),), EVIDENCE, u)
    assert np.array_equal(of_the_day < at, none < at)
    # Where the hazard itself is the same on both days; in its first two weeks after the step it is lower.
    sooner = max(14, day - earlier)
    if day > sooner:
        moved = progression_day(course, MAN, (Treatment(regimen, 1, sooner),), EVIDENCE, u)
        assert np.mean(moved < 45) <= np.mean(dosed < 45)
