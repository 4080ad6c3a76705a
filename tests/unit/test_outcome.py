"""Published survival beside a plan: the right groups, their intervals, and never as a forecast."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flrsim.evidence import load_evidence
from flrsim.outcome import outcome_context
from flrsim.patient import Patient, Treatment, TumourBiology
from flrsim.plan import Occlude, Operate, Plan, Step, Treat
from flrsim.results import OUTCOME_NOTE, OutcomeContext

sys.path.insert(0, str(Path(__file__).parents[1]))
from course_cases import MAN

EVIDENCE = load_evidence()
ONCE = Plan("once", (Step(0, Operate(resect=("right_hepatectomy",))),))
TWICE = Plan("twice", (Step(0, Operate(wedge=("L1",), margin_mm=5)), Step(40, Operate(resect=("S6",)))))
AFTER_PVE = Plan(
    "pve", (Step(0, Occlude("pve", ("right",))), Step(40, Operate(resect=("right_hepatectomy",))))
)
AFTER_SPLIT = Plan("alpps", (Step(0, Occlude("alpps_mini", ("right",))), *AFTER_PVE.steps[1:]))
AFTER_DRUGS = Plan("drugs", (Step(-60, Treat("FOLFOX+cetuximab", 4)), *ONCE.steps))


def ill(disease: str = "crlm", **tumour: Any) -> Patient:
    return replace(MAN, disease=disease, tumour=TumourBiology(**tumour))


def shown(
    patient: Patient, *plans: Plan, lesions: int = 3, history: tuple[Treatment, ...] = ()
) -> tuple[OutcomeContext, ...]:
    return outcome_context(patient, history, lesions, plans or (ONCE,), EVIDENCE)


def groups(*args: Any, **more: Any) -> set[str]:
    return {row.group for row in shown(*args, **more)}


FAILURE = "liver failure, by definition"
ALWAYS = {FAILURE, "resection of colorectal metastases", "several metastases", "chemotherapy alone"}


def test_a_plain_patient_sees_resection_number_and_chemotherapy_alone() -> None:
    assert groups(ill()) == ALWAYS
    assert groups(ill("other")) == {FAILURE}


@pytest.mark.parametrize(("n", "value"), [(1, 0.540), (2, 0.417), (4, 0.417), (5, 0.320), (30, 0.320)])
def test_the_number_of_lesions_picks_its_group(n: int, value: float) -> None:
    (row,) = [r for r in shown(ill(), lesions=n) if r.source == "wjso2022"]
    assert row.value == value
    assert row.low is not None
    assert row.high is not None
    assert row.low < value < row.high


@pytest.mark.parametrize(
    ("patient", "plan", "history", "group"),
    [
        (ill(), TWICE, (), "two-stage hepatectomy"),
        (ill(), TWICE, (), "chemotherapy alone, response"),
        (ill(response="responding"), ONCE, (), "chemotherapy alone, response"),
        (ill(), AFTER_PVE, (), "embolization before resection"),
        (ill(), AFTER_DRUGS, (), "conversion to resection"),
        (ill(), AFTER_DRUGS, (), "conversion with an anti-EGFR antibody"),
        (ill(response="responding"), ONCE, (Treatment("FOLFOX", 4, -30),), "conversion to resection"),
        (ill(ras="mutant"), ONCE, (), "RAS mutant"),
        (ill(ras="wild"), ONCE, (), "RAS wild-type"),
        (ill(extrahepatic=("lung_resectable",)), ONCE, (), "disease outside the liver"),
        (ill(extrahepatic=("hilar_nodes",)), ONCE, (), "nodes of the hepatic pedicle"),
        (ill(), ONCE, (Treatment("HAI-IL2", 12, -30),), "hepatic arterial IL-2, 5-FU and mitomycin C"),
        (ill("hcc", thrombus="Vp2"), ONCE, (), "hepatocellular carcinoma with portal thrombus"),
        (ill("hcc"), ONCE, (Treatment("TACE", 1, -30),), "hepatocellular carcinoma, TACE"),
        (ill("hcc"), ONCE, (Treatment("lenvatinib", 4, -30),), "hepatocellular carcinoma, lenvatinib"),
    ],
)  # fmt: skip
def test_a_group_is_shown_where_it_is_comparable_and_only_there(
    patient: Patient, plan: Plan, history: tuple[Treatment, ...], group: str
) -> None:
    assert group in groups(patient, plan, history=history)
    assert group not in groups(ill(patient.disease, thrombus="none"))
    other = "hcc" if patient.disease == "crlm" else "crlm"
    assert group not in groups(replace(patient, disease=other), plan, history=history)


def test_partition_is_shown_for_plans_that_split_the_liver_whatever_the_disease() -> None:
    for disease in ("crlm", "hcc"):
        assert "liver partition (ALPPS)" in groups(ill(disease), AFTER_SPLIT)
        assert "liver partition (ALPPS)" not in groups(ill(disease), AFTER_PVE)


def test_neither_history_nor_response_alone_is_a_conversion() -> None:
    assert "conversion to resection" not in groups(ill(response="responding"))
    assert "conversion to resection" not in groups(ill(), history=(Treatment("FOLFOX", 4, -30),))
    late = Plan("late", (*ONCE.steps, Step(40, Treat("FOLFOX", 4))))
    assert "conversion to resection" not in groups(ill(), late)


def test_the_survival_of_all_who_have_tace_is_not_shown_beside_a_thrombus() -> None:
    given = (Treatment("TACE", 1, -30),)
    beside = groups(ill("hcc", thrombus="Vp3"), history=given)
    assert "hepatocellular carcinoma, TACE" not in beside
    assert "hepatocellular carcinoma with portal thrombus" in beside


def test_the_number_that_was_not_found_again_is_flagged_beside_the_one_that_was() -> None:
    rows = [r for r in shown(ill(), AFTER_DRUGS) if r.group == "conversion to resection"]
    assert [(r.value, r.n, r.verified) for r in rows[:2]] == [(0.502, 25, True), (0.586, None, False)]


def test_arterial_interleukin_shows_19_of_25_and_12_of_18() -> None:
    rows = [r for r in shown(ill(), history=(Treatment("HAI-IL2", 12, -30),)) if r.source == "okuno1998"]
    assert [(round(r.value * (r.n or 0)), r.n) for r in rows[:2]] == [(19, 25), (12, 18)]


def test_every_outcome_of_the_evidence_is_shown_to_somebody() -> None:
    everybody = [
        *shown(ill(ras="mutant", extrahepatic=("hilar_nodes",), response="responding"), TWICE, AFTER_PVE, AFTER_DRUGS,
               history=(Treatment("HAI-IL2", 12, -30),)),
        *shown(ill(ras="wild"), lesions=1), *shown(ill(), lesions=7),
        *shown(ill("hcc", thrombus="Vp1"), history=(Treatment("lenvatinib", 4, -30),)),
        *shown(ill("hcc"), history=(Treatment("TACE", 1, -30),)),
    ]  # fmt: skip
    seen = {(r.sentence, r.value) for r in everybody}
    asked = ("outcome.number.many_from", "disease.regimen.", "disease.synchronous.")
    for id in EVIDENCE.ids():
        if id.startswith(("outcome.", "disease.")) and not id.startswith(asked):
            assert (EVIDENCE[id].definition, EVIDENCE[id].value) in seen, id


def test_the_words_say_that_it_is_no_forecast() -> None:
    assert "no forecast for this person" in OUTCOME_NOTE
