"""Statements that hold for lesions under any treatment, searched for counterexamples."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from flrsim.draws import patient_streams
from flrsim.evidence import load_evidence
from flrsim.patient import RESPONSES, Treatment, TumourBiology
from flrsim.regimens import cycle_days
from flrsim.tumour import Lesions, trial_response
from flrsim.tumour.classes import regimen_class

sys.path.insert(0, str(Path(__file__).parents[1]))
from course_cases import MAN, lesion, two_stage

EVIDENCE = load_evidence()
MORE_SENSITIVE = load_evidence(
    overrides={
        f"tumour.response.{name}.sensitive_share": EVIDENCE.value(f"tumour.response.{name}.sensitive_share")
        + 0.1
        for name in ("doublet", "doublet_bev", "triplet_bev", "doublet_egfr", "hai_fudr", "tace")
    }
)
FEW = settings(max_examples=40, deadline=None)
REGIMENS = (
    "FOLFOX", "FOLFIRI+bevacizumab", "FOLFOXIRI+bevacizumab", "CAPOX+cetuximab", "HAI-FUDR", "TACE", "sorafenib"
)  # fmt: skip
histories = st.lists(
    st.builds(Treatment, st.sampled_from(REGIMENS), st.integers(1, 14), st.integers(-200, 120)), max_size=3
).map(tuple)
biologies = st.builds(
    TumourBiology,
    ras=st.sampled_from((None, "wild", "mutant")),
    extrahepatic=st.sampled_from((None, (), ("lung_resectable",))),
    response=st.sampled_from((None, *RESPONSES)),
    imaging=st.sampled_from((None, "ct", "ct_mri")),
)
COURSE = two_stage(lesions=(lesion("L1", 2, ml=84.0, mm=60.0), lesion("L2", 1, ml=0.2, mm=7.0)))


def play(history: tuple[Treatment, ...], biology: TumourBiology, evidence=EVIDENCE) -> Lesions:
    uniform, normal = patient_streams(5, 100)
    return Lesions(COURSE, replace(MAN, tumour=biology), history, evidence, uniform, normal)


@FEW
@given(histories, biologies, st.integers(-14, 150))
def test_sizes_are_finite_and_positive_and_probabilities_are_some(
    history: tuple[Treatment, ...], biology: TumourBiology, day: int
) -> None:
    played = play(history, biology)
    for name in ("L1", "L2"):
        size = played.diameter_fraction(name, day)
        assert np.all(np.isfinite(size))
        assert np.all(size > 0)
        assert 0 <= played.vanished(name, day) <= 1
    assert np.all(np.diff(played.in_liver(day)) >= 0)
    assert 0 <= played.sterile(day) <= 1
    assert 0 <= played.p_new_lesion(day) < 1
    assert played.p_new_lesion(day) <= played.p_new_lesion(day + 30)


@FEW
@given(st.sampled_from(REGIMENS[:6]), st.integers(1, 14), st.integers(-60, 120), st.integers(-14, 150))
def test_a_more_sensitive_lesion_is_never_larger_and_vanishes_no_less(
    regimen: str, cycles: int, last: int, day: int
) -> None:
    history = (Treatment(regimen, cycles, last),)
    usual, more = (play(history, TumourBiology(), e) for e in (EVIDENCE, MORE_SENSITIVE))
    for name in ("L1", "L2"):
        # Composition on the images follows from the share before treatment, so this holds for courses before them too.
        assert np.all(more.diameter_fraction(name, day) <= usual.diameter_fraction(name, day) * (1 + 1e-12))
        assert more.vanished(name, day) >= usual.vanished(name, day)


@FEW
@given(st.sampled_from(REGIMENS[:6]), st.integers(0, 8), st.integers(1, 6), st.integers(0, 150))
def test_a_day_of_treatment_more_is_never_worse_than_a_day_without(
    regimen: str, cycles: int, more: int, day: int
) -> None:
    first = 0
    short, long = (
        (Treatment(regimen, n, first + round(cycle_days(regimen, EVIDENCE)) * (n - 1)),) if n else ()
        for n in (cycles, cycles + more)
    )
    a, b = play(short, TumourBiology()), play(long, TumourBiology())
    assert np.all(b.diameter_fraction("L1", day) <= a.diameter_fraction("L1", day) * (1 + 1e-12))


@FEW
@given(st.sampled_from(REGIMENS[:6]), biologies, st.integers(8, 200))
def test_what_a_trial_reads_is_consistent(regimen: str, biology: TumourBiology, weeks: int) -> None:
    assert regimen_class(regimen, biology).name is not None
    read = trial_response(regimen, EVIDENCE, *patient_streams(6, 200), weeks=weeks, biology=biology)
    assert 0 <= read.ets30 <= read.ets20 <= 1
    assert 0 <= read.orr <= 1
    assert read.depth < 1
    assert 8 <= read.pfs_weeks
    longer = trial_response(regimen, EVIDENCE, *patient_streams(6, 200), weeks=weeks + 40, biology=biology)
    assert longer.orr >= read.orr
