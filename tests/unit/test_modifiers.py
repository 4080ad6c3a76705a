"""Every cause acts where its table says, and nowhere else."""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from flrsim.draws import patient_streams
from flrsim.evidence import load_evidence
from flrsim.patient import LiverCondition, Patient, Treatment
from flrsim.physiology.injury import Injury
from flrsim.physiology.modifiers import (
    ALL_OFF,
    MODIFIERS,
    OF_THE_OCCLUSION,
    Effect,
    Setting,
    effects,
    function_factor,
    growth_factor,
)
from flrsim.physiology.risk import failure_risk
from flrsim.plan import AGENTS
from flrsim.timeline import simulate

sys.path.insert(0, str(Path(__file__).parents[1]))
from course_cases import MAN, SIX_FOLFOX, injury, two_stage

EVIDENCE = load_evidence()
U = 0.25
"""One luck for every cause: halfway between the low end and the value, so that a value of 1 shows as well."""


def drawn(id: str) -> float:
    parameter = EVIDENCE[id]
    if parameter.low is None:
        return parameter.value
    return 0.5 * (parameter.low + parameter.value)


def liver(**known: object) -> Patient:
    return replace(MAN, liver=LiverCondition(**known))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Case:
    """A situation, the one cause that acts in it, and the numbers by which it does."""

    name: str
    cause: str | None
    growth: str = ""
    function: str = ""
    failure: str = ""
    state: Injury = field(default_factory=injury)
    patient: Patient = MAN
    history: tuple[Treatment, ...] = ()
    setting: Setting = field(default_factory=Setting)


CASES = [
    Case("nothing", None),
    Case("sinusoids 1", None, state=injury(1)),
    Case("sinusoids 2", "sos", "sos_2", "sos_2", "sos_2", injury(2)),
    Case("sinusoids 3", "sos", "sos_3", "sos_3", "sos_2", injury(3)),
    Case("nodules 1", "nrh", "nrh_1", "nrh", "nrh", injury(0, 1)),
    Case("nodules 2", "nrh", "nrh_2", "nrh", "nrh", injury(0, 2)),
    Case("steatohepatitis", "steatosis", *3 * ["steatohepatitis"], injury(0, 0, True)),
    Case("fat", "steatosis", "steatosis_30", "steatosis_30", state=injury(steatosis=True)),
    Case("little fat", "steatosis", "steatosis_mild", patient=liver(steatosis_fraction=0.2)),
    Case("hardly any fat", None, patient=liver(steatosis_fraction=0.04)),
    Case("6 cycles", None, history=SIX_FOLFOX),
    Case("7 cycles", "many_cycles", "many_cycles", history=(Treatment("FOLFIRI", 7, -60),)),
    Case("7 cycles, antibody alone", None, history=(Treatment("cetuximab", 7, -60),)),
    Case("bevacizumab late", "bevacizumab", "bevacizumab", history=(Treatment("bevacizumab", 1, -41),)),
    Case("bevacizumab early", None, history=(Treatment("bevacizumab", 1, -42),)),
    Case(
        "chemotherapy in the interval", "interval_chemotherapy", "interval_chemotherapy",
        setting=Setting(interval_chemotherapy=True),
    ),
    Case("F2", None, patient=liver(fibrosis="F2")),
    Case("F3", "fibrosis", "fibrosis_3", "fibrosis_3", patient=liver(fibrosis="F3")),
    Case("F4", "fibrosis", "fibrosis_4", "fibrosis_4", patient=liver(fibrosis="F4")),
    Case("drained", "cholestasis", "cholestasis_drained", patient=liver(cholestasis="drained")),
    Case("jaundiced", "cholestasis", "cholestasis_undrained", "cholestasis", patient=liver(cholestasis="undrained")),
    Case("no cholestasis", None, patient=liver(cholestasis="none")),
    Case("little muscle", "sarcopenia", "sarcopenia", patient=replace(MAN, sarcopenia=True)),
    Case("diabetes", "diabetes", "diabetes", failure="diabetes", patient=replace(MAN, diabetes=True)),
    Case("no diabetes", None, patient=replace(MAN, diabetes=False, sarcopenia=False)),
    Case("TACE", "tace", "tace_before_pve", history=(Treatment("tace", 1, -30),)),
    Case("S4 embolized", "segment_4", "segment_4_embolized", setting=Setting("embolized")),
    Case("S4 open", "segment_4", "segment_4_open", setting=Setting("open")),
    *(Case(a, "agent", f"agent_{a}", setting=Setting(agent=a)) for a in AGENTS),
]  # fmt: skip


def found(case: Case) -> dict[str, Effect]:
    return effects(0, case.patient, case.history, case.state, case.setting, EVIDENCE, lambda _: np.array([U]))


def test_every_cause_has_a_case() -> None:
    # Weeks of chemotherapy act through the forms of liver failure alone; see test_failure.
    assert {c.cause for c in CASES} - {None} == set(MODIFIERS) - {"long_chemotherapy"}


@pytest.mark.parametrize("case", CASES, ids=[c.name for c in CASES])
def test_a_cause_acts_where_its_numbers_say_and_no_other_does(case: Case) -> None:
    table = found(case)
    assert {name for name, effect in table.items() if effect.active} == ({case.cause} - {None})
    if case.cause is None:
        return
    effect = table[case.cause]
    assert effect.growth[0] == pytest.approx(
        drawn(f"growth.modifier.{case.growth}") if case.growth else 1.0, rel=1e-12
    )
    assert effect.function[0] == pytest.approx(
        drawn(f"function.{case.function}") if case.function else 1.0, rel=1e-12
    )
    assert effect.failure[0] == pytest.approx(
        drawn(f"risk.phlf.{case.failure}") if case.failure else 0.0, rel=1e-12
    )


def everything() -> Case:
    ill = LiverCondition(fibrosis="F4", cholestasis="undrained", steatosis_fraction=0.4)
    history = (Treatment("FOLFOX+bevacizumab", 8, -14), Treatment("TACE", 1, -30))
    state = injury(3, 2, True, steatosis=True, known="sos nrh steatohepatitis steatosis")
    patient = replace(MAN, liver=ill, diabetes=True, sarcopenia=True)
    setting = Setting("open", "gelfoam", interval_chemotherapy=True)
    return Case("everything", None, state=state, patient=patient, history=history, setting=setting)


@pytest.mark.parametrize("off", MODIFIERS)
def test_a_cause_switched_off_is_neutral_and_leaves_the_others(off: str) -> None:
    table = found(everything())
    one = frozenset({off})
    assert growth_factor(table, one) * table[off].growth == pytest.approx(growth_factor(table))
    assert function_factor(table, one) * table[off].function == pytest.approx(function_factor(table))
    rest = ALL_OFF - one
    assert growth_factor(table, rest) == pytest.approx(table[off].growth)
    assert function_factor(table, rest) == pytest.approx(table[off].function)
    assert growth_factor(table, ALL_OFF) == function_factor(table, ALL_OFF) == 1.0


def test_everything_acts_at_once_and_can_all_be_switched_off() -> None:
    case = everything()
    table = found(case)
    assert {name for name, e in table.items() if e.active} == set(MODIFIERS) - {"long_chemotherapy"}

    def risk(patient: Patient, history: tuple[Treatment, ...], off: frozenset[str] = frozenset()) -> float:
        p = failure_risk(np.array([0.35]), True, patient, history, case.state, table, EVIDENCE, off)
        return float(p.middle[0])

    healthy = failure_risk(np.array([0.35]), True, MAN, (), injury(), found(CASES[0]), EVIDENCE)
    assert risk(case.patient, case.history, ALL_OFF) == float(healthy.middle[0])
    assert risk(case.patient, case.history) > risk(case.patient, case.history, frozenset({"diabetes"}))


def test_an_unknown_cause_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"modifiers \['luck'\] are not known; modifiers are sos, nrh"):
        growth_factor(found(CASES[0]), frozenset({"luck"}))


@pytest.mark.parametrize(
    ("cause", "with_it"),
    [
        ("sarcopenia", replace(MAN, sarcopenia=True)),
        ("diabetes", replace(MAN, diabetes=True)),
        ("cholestasis", liver(cholestasis="undrained")),
    ],
)
def test_a_patient_with_a_cause_switched_off_is_the_patient_without_it(cause: str, with_it: Patient) -> None:
    course = two_stage(label_sd=0.02)
    off = simulate(course, with_it, SIX_FOLFOX, EVIDENCE, seed=2, draws=300, modifiers_off=frozenset({cause}))
    plain = simulate(course, MAN, SIX_FOLFOX, EVIDENCE, seed=2, draws=300)
    for name in ("flr_ml", "function", "tumour_ml"):
        assert np.array_equal(getattr(off, name).median, getattr(plain, name).median)
    assert (off.p_complete, off.p_phlf_low, off.p_dropout) == (
        plain.p_complete,
        plain.p_phlf_low,
        plain.p_dropout,
    )
    on = simulate(course, with_it, SIX_FOLFOX, EVIDENCE, seed=2, draws=300)
    assert not np.array_equal(on.flr_ml.median, plain.flr_ml.median)


def test_what_belongs_to_the_occlusion_does_not_act_on_regrowth() -> None:
    table = found(everything())
    regrowth = growth_factor(table, OF_THE_OCCLUSION)
    of_occlusion = np.prod([table[name].growth for name in OF_THE_OCCLUSION], axis=0)
    assert regrowth * of_occlusion == pytest.approx(growth_factor(table))
    assert {"segment_4", "agent", "bevacizumab", "interval_chemotherapy", "tace"} == OF_THE_OCCLUSION


def test_fat_counts_once_the_stronger_brake_in_every_draw() -> None:
    uniform, _ = patient_streams(4, 100)
    state = injury(steatohepatitis=True, steatosis=True, n=100)
    table = effects(0, MAN, (), state, Setting(), EVIDENCE, uniform)
    for kind, prefix in (("growth", "growth.modifier"), ("function", "function")):
        stream = uniform(("modifier" if kind == "growth" else "function") + ".steatosis")
        both = [EVIDENCE.quantile(f"{prefix}.{name}", stream) for name in ("steatosis_30", "steatohepatitis")]
        assert np.array_equal(getattr(table["steatosis"], kind), np.minimum(*both))
        assert np.any(both[0] < both[1]) or np.any(both[1] < both[0])


@pytest.mark.parametrize("n", [1, 4000])
def test_more_injury_never_raises_growth_or_function_in_any_draw(n: int) -> None:
    uniform, _ = patient_streams(4, n)

    def factors(
        sos: int, nrh: int, fat: bool, steatosis: bool = False, fibrosis: str | None = None, cycles: int = 6
    ) -> tuple[np.ndarray, np.ndarray]:
        state = injury(sos, nrh, fat, steatosis=steatosis, n=n)
        history = (Treatment("FOLFOX", cycles, -70),)
        table = effects(0, liver(fibrosis=fibrosis), history, state, Setting(), EVIDENCE, uniform)
        return growth_factor(table), function_factor(table)

    ladder = [
        factors(0, 0, False),
        factors(1, 0, False),
        factors(2, 0, False),
        factors(3, 0, False),
        factors(3, 1, False),
        factors(3, 2, False),
        factors(3, 2, True),
        factors(3, 2, True, True),
        factors(3, 2, True, True, "F3"),
        factors(3, 2, True, True, "F4"),
        factors(3, 2, True, True, "F4", 7),
    ]
    for better, worse in itertools.pairwise(ladder):
        assert np.all(worse[0] <= better[0])
        assert np.all(worse[1] <= better[1])
    assert np.all(ladder[0][0] == 1)
    assert np.all(ladder[-1][0] > 0)
