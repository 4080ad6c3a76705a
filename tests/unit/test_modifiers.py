"""Every cause acts where its table says, and nowhere else."""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from flrsim.comparison import without_note
from flrsim.course import Course, CourseStep
from flrsim.draws import patient_streams
from flrsim.evidence import load_evidence
from flrsim.patient import LiverCondition, Patient, Treatment
from flrsim.physiology.injury import Injury
from flrsim.physiology.modifiers import (
    ALL_OFF,
    FOUND_WITH,
    MODIFIERS,
    OF_THE_OCCLUSION,
    Effect,
    Setting,
    effects,
    function_factor,
    growth_factor,
    growth_factors,
    not_found_with,
)
from flrsim.physiology.risk import failure_risk
from flrsim.plan import AGENTS
from flrsim.timeline import simulate
from flrsim.timeline.play import Play, setting_of

sys.path.insert(0, str(Path(__file__).parents[1]))
from course_cases import MAN, SIX_FOLFOX, injury, pve_of, two_stage

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


TACED = (Treatment("tace", 1, -30),)
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
        setting=Setting(interval_chemotherapy=1.0),
    ),
    Case("F2", None, patient=liver(fibrosis="F2")),
    Case("F3", "fibrosis", "fibrosis_3", "fibrosis_3", patient=liver(fibrosis="F3")),
    Case("F4", "fibrosis", "fibrosis_4", "fibrosis_4", patient=liver(fibrosis="F4")),
    Case("Child-Pugh B, stage unknown", "fibrosis", "fibrosis_4", "fibrosis_4", patient=liver(child_pugh="B")),
    Case("Child-Pugh A, F1", None, patient=liver(child_pugh="A", fibrosis="F1")),
    Case("drained", "cholestasis", "cholestasis_drained", patient=liver(cholestasis="drained")),
    Case("jaundiced", "cholestasis", "cholestasis_undrained", "cholestasis", patient=liver(cholestasis="undrained")),
    Case("no cholestasis", None, patient=liver(cholestasis="none")),
    Case("little muscle", "sarcopenia", "sarcopenia", patient=replace(MAN, sarcopenia=True)),
    Case("diabetes", "diabetes", "diabetes", failure="diabetes", patient=replace(MAN, diabetes=True)),
    Case("no diabetes", None, patient=replace(MAN, diabetes=False, sarcopenia=False)),
    Case("TACE", "tace", "tace_before_pve", history=TACED, setting=Setting(techniques=("pve",))),
    Case("TACE before a partition", None, history=TACED, setting=Setting(techniques=("alpps",))),
    Case("TACE before a ligation", None, history=TACED, setting=Setting(techniques=("pvl",))),
    Case("TACE without a stimulus", None, history=TACED),
    Case("S4 embolized", "segment_4", "segment_4_embolized", setting=Setting("embolized", techniques=("pve",))),
    Case("S4 open", "segment_4", "segment_4_open", setting=Setting("open", techniques=("pvl",))),
    Case("S4 open, veins closed too", None, setting=Setting("open", techniques=("lvd",))),
    Case("S4 embolized, then a vein", "segment_4", "segment_4_embolized", setting=Setting("embolized", techniques=("pve", "hve"))),
    *(Case(a, "agent", f"agent_{a}", setting=Setting(agent=a)) for a in AGENTS),
]  # fmt: skip


def found(case: Case) -> dict[str, Effect]:
    return effects(0, case.patient, case.history, case.state, case.setting, EVIDENCE, lambda _: np.array([U]))


def test_every_cause_has_a_case() -> None:
    # Weeks of chemotherapy act through the forms of liver failure alone, a measurement in place of the predicted
    # causes; see test_failure and test_measured_function.
    assert {c.cause for c in CASES} - {None} == set(MODIFIERS) - {"long_chemotherapy", "measured_function"}


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
    setting = Setting("open", "gelfoam", interval_chemotherapy=1.0, techniques=("pve",))
    return Case("everything", None, state=state, patient=patient, history=history, setting=setting)


@pytest.mark.parametrize("off", MODIFIERS)
def test_a_cause_switched_off_is_neutral_and_leaves_the_others(off: str) -> None:
    table = found(everything())
    one = frozenset({off})
    # Of cycles and the injury that they left the stronger brake counts; without one of them the other is left.
    if off not in ("sos", "nrh", "many_cycles"):
        assert growth_factor(table, one) * table[off].growth == pytest.approx(growth_factor(table))
    assert function_factor(table, one) * table[off].function == pytest.approx(function_factor(table))
    rest = ALL_OFF - one
    assert growth_factor(table, rest) == pytest.approx(table[off].growth)
    assert function_factor(table, rest) == pytest.approx(table[off].function)
    assert growth_factor(table, ALL_OFF) == function_factor(table, ALL_OFF) == 1.0


def test_everything_acts_at_once_and_can_all_be_switched_off() -> None:
    case = everything()
    table = found(case)
    acting = {name for name, e in table.items() if e.active}
    assert acting == set(MODIFIERS) - {"long_chemotherapy", "measured_function"}

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


def fourth_goes(technique: str) -> Course:
    """Segment 4 goes too, its branches left open; ``hve`` is a vein closed after an embolization."""
    first = pve_of(400.0, technique="pve" if technique == "hve" else technique)
    goes = {"S4": first.parenchyma_ml["S4"], "S5": first.parenchyma_ml["S5"]}
    kept = {s: v for s, v in first.flr_ml.items() if s != "S4"}
    last = replace(first.steps[-1], removed_ml=goes)
    later = [CourseStep(14, "occlude", technique="hve", occluded=("S5",))] if technique == "hve" else []
    return replace(first, flr_ml=kept, steps=(first.steps[0], *later, first.steps[1], last))


@pytest.mark.parametrize("technique", ["pve", "pvl", "lvd", "hve", "alpps", "y90"])
def test_a_factor_found_with_embolization_acts_on_no_other_stimulus(technique: str) -> None:
    """Segment 4 left open and arterial embolization before: growth of a play with them and of one without."""
    played = {
        off: simulate(
            fourth_goes(technique),
            MAN,
            TACED,
            EVIDENCE,
            seed=3,
            draws=99,
            modifiers_off=frozenset(off.split()),
        )
        for off in ("", "segment_4", "tace")
    }
    for off, acts in (("segment_4", ("pve", "pvl", "hve")), ("tace", ("pve", "hve"))):
        same = np.array_equal(played[""].flr_ml.median, played[off].flr_ml.median)
        assert same == (technique not in acts)
        said = [
            r
            for r in played[""].growth_remarks
            if MODIFIERS[off] in r and f"none is assumed for {technique}" in r
        ]
        assert len(said) == (technique not in FOUND_WITH[off])
        assert any(x.modifier == off for x in played[""].ledger) == (technique in acts)


def test_in_a_plan_of_two_stimuli_the_factor_acts_on_its_own_alone() -> None:
    """Growth that a vein closed later adds is the same with segment 4 embolized as without the factor."""
    table = found(Case("", None, setting=Setting("embolized", techniques=("pve", "hve"))))
    assert growth_factor(table, not_found_with("pve")) == table["segment_4"].growth != 1
    assert growth_factor(table, not_found_with("hve")) == 1
    uniform, normal = patient_streams(4, 50)
    course = fourth_goes("hve")
    hcc = replace(MAN, disease="hcc")  # of which no injury is known without chemotherapy
    play = Play(course, hcc, TACED, 1600.0, setting_of(course, TACED, EVIDENCE), EVIDENCE, uniform, normal)
    stimulus = play.volumes(play.liver_on()(14), frozenset()).stimulus()
    assert stimulus is not None
    # What brakes or helps growth changes its time constant as well; here nothing does.
    assert np.array_equal(stimulus.tau, EVIDENCE.lognormal("growth.hve.tau", normal("growth.tau")))


@pytest.mark.parametrize(
    ("sos", "nrh", "cycles"), [(0, 0, 7), (2, 0, 7), (0, 1, 7), (3, 2, 7), (3, 2, 6), (0, 0, 6)]
)
def test_cycles_and_the_injury_that_they_left_count_once_the_stronger_brake_in_every_draw(
    sos: int, nrh: int, cycles: int
) -> None:
    uniform, _ = patient_streams(4, 400)
    table = effects(
        0, MAN, (Treatment("FOLFOX", cycles, -70),), injury(sos, nrh, n=400), Setting(), EVIDENCE, uniform
    )
    left = table["sos"].growth * table["nrh"].growth
    alone = table["many_cycles"].growth
    assert np.array_equal(growth_factor(table), np.minimum(left, alone))
    assert np.array_equal(growth_factor(table, {"sos", "nrh"}), alone)
    assert np.array_equal(growth_factor(table, {"many_cycles"}), left)
    # The rows of the ledger multiply to what acts.
    shown = growth_factors(table)
    assert np.prod(list(shown.values()), axis=0) == pytest.approx(growth_factor(table), rel=1e-12)
    assert np.array_equal(shown["sos"], table["sos"].growth)
    assert np.all(shown["many_cycles"] <= 1)


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


def test_the_binding_rule_follows_the_patient_and_not_the_switch() -> None:
    """With every cause off the volumes are those of a healthy liver, and the 30 % of long chemotherapy stay."""
    history = (Treatment("FOLFOX", 8, -42),)
    plain, off = (
        simulate(two_stage(), MAN, history, EVIDENCE, seed=1, draws=500, modifiers_off=causes)
        for causes in (frozenset(), frozenset(MODIFIERS))
    )
    assert plain.population == off.population
    assert plain.growth_laws.threshold == off.growth_laws.threshold == 0.30
    assert off.growth_laws.median_relative > plain.growth_laws.median_relative
    held = "stays the patient's (chemotherapy: 16 weeks of chemotherapy, more than 12): a rule belongs"
    every = without_note([None, off, off])
    assert every.startswith(
        "switched off: every cause; growth, function, liver failure and death are as without it"
    )
    assert every.count(held) == 1
    some = replace(off, modifiers_off=frozenset({"sos", "nrh"}))
    assert without_note([some]).startswith(
        "switched off: sinusoidal obstruction, nodular regenerative hyperplasia; "
    )
    # Where plans were played with other switches, each is named.
    assert without_note([plain, some]).startswith("two-stage: switched off: sinusoidal obstruction")
    assert without_note([plain, plain]) == without_note([None]) == ""
