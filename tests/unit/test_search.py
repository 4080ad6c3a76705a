"""What is proposed for livers of blocks whose lesions leave a surgeon no doubt what to do."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import block_liver as blocks
import solids
from course_cases import two_stage
from flrsim.assembly import VesselFile, assemble
from flrsim.case import LiverCase
from flrsim.case_file import load_case
from flrsim.case_file.plans import plan_table, plan_toml
from flrsim.comparison import compare
from flrsim.course import Course
from flrsim.disease import assess, bearing_segment
from flrsim.errors import PlanError
from flrsim.evidence import Evidence, load_evidence
from flrsim.legality import check_plan
from flrsim.patient import LiverCondition, Patient, Treatment, TumourBiology
from flrsim.plan import Occlude, Operate, Plan, Scan, Step, Treat, Wait, occluded_segments, resected_by
from flrsim.resection.plane import Plane
from flrsim.resection.sheet import sheet_of
from flrsim.search import FAMILIES, Proposal, legal_plans, propose, proposed_plans
from flrsim.search.clearing import resection_names
from flrsim.search.schedule import Planner

Balls = Mapping[str, tuple[tuple[int, int, int], float]]
Tubes = Mapping[str, tuple[tuple[int, int, int], tuple[int, int, int]]]

MAN = Patient("male", 57, 174, 78)
LARGE = Patient("male", 57, 190, 110)
"""A man for whom S1 to S3 of the block liver are 28 % of the estimated volume."""
SIX_FOLFOX = (Treatment("FOLFOX", 6, -42),)

PERIPHERAL = {"L1": ((8, 19, 11), 1.6)}  # S6, far from every border
RIGHT = {"L1": ((10, 15, 17), 3.2)}  # where S5 to S8 meet
OVER_S4 = {"L1": ((17, 15, 17), 4.2)}  # over S4 to S8
IN_S2_S3 = {"L2": ((33, 13, 21), 1.6), "L3": ((33, 13, 12), 1.6)}
LEFT = {"L1": ((24, 12, 17), 5.0)}  # over S2 to S4, beside the border of S5 and S8
SMALL_IN_S7, LARGE_IN_S7 = {"L1": ((9, 20, 22), 1.6)}, {"L1": ((9, 20, 22), 3.3)}  # 18 and 33 mm across
BESIDE_L1 = ((8, 16, 16), (10, 18, 30))
"""A vessel of 15 mm: an ablation next to it takes less than half of it."""


def liver(
    balls: Balls,
    *,
    hepatic: Tubes | None = None,
    portal: Tubes | None = None,
    patient: Patient | None = MAN,
    history: tuple[Treatment, ...] = SIX_FOLFOX,
    split: bool = False,
) -> LiverCase:
    """Return the block liver with lesions that are balls, and vessels that are rows of voxels."""
    affine = blocks.lps_affine()
    labels = blocks.segments()
    names = tuple(f"S{i}" for i in range(1, 9))
    if split:
        labels = np.where((labels == 4) & (np.indices(labels.shape)[2] >= 17), 9, labels)
        names = ("S1", "S2", "S3", "S4b", "S5", "S6", "S7", "S8", "S4a")
    lesions = np.zeros(blocks.SHAPE, dtype=np.int64)
    for number, (centre, radius) in enumerate(balls.values(), start=1):
        lesions[blocks.ball(centre, radius) & (labels > 0)] = number
    vessels = []
    for tree, tubes in (("hepatic_vein", hepatic), ("portal_vein", portal)):
        if tubes is None:
            continue
        found = np.zeros(blocks.SHAPE, dtype=np.int64)
        for number, (low, high) in enumerate(tubes.values(), start=1):
            found[tuple(slice(a, b + 1) for a, b in zip(low, high, strict=True))] = number
        vessels.append(VesselFile(tree, solids.structures(found, affine, ("outside", *tubes))))
    grid, lesion_list, vessel_list, _ = assemble(
        solids.structures(labels, affine, ("outside", *names)),
        solids.structures(lesions, affine, ("outside", *balls)) if balls else None,
        tuple(vessels),
    )
    return LiverCase("blocks", grid, lesion_list, vessel_list, patient, history)


STIMULI = """[growth.{0}.amplitude]
value = 0.5
unit = "fraction"
spread = {{ kind = "log_sd", value = 0.4 }}
kind = "assumed"
note = "for this test"
"""


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """The package's numbers, with growth after every stimulus known."""
    package = load_evidence()
    missing = [t for t in ("lvd", "alpps") if f"growth.{t}.amplitude" not in package]
    if not missing:
        return package
    folder = tmp_path_factory.mktemp("evidence") / "evidence"
    shutil.copytree(str(files("flrsim.evidence")), folder)
    (folder / "parameters" / "zz.toml").write_text("".join(STIMULI.format(t) for t in missing))
    return load_evidence(folder)


def answers(case: LiverCase, evidence: Evidence) -> dict[str, Proposal]:
    found = propose(case, evidence)
    assert tuple(p.family for p in found) == FAMILIES
    for p in found:
        assert p.why
        assert p.legal == (p.plan is not None)
    return {p.family: p for p in found}


def actions(proposal: Proposal) -> list[object]:
    assert proposal.plan is not None, proposal.why
    return [step.action for step in proposal.plan.steps]


SPARING, AT_ONCE, PVE, LVD, Y90, TWO_STAGE, ALPPS = FAMILIES


def test_a_peripheral_lesion_is_wedged_and_nothing_else_is_needed(evidence: Evidence) -> None:
    case = liver(PERIPHERAL)
    found = answers(case, evidence)
    usual = evidence.value("volumetry.wedge_margin.usual")
    assert actions(found[SPARING]) == [Operate(wedge=("L1",), margin_mm=usual)]
    for family in FAMILIES[1:]:
        assert found[family].plan is None
        assert found[family].why.startswith(
            "not needed: wedge of L1 in one operation clears the lesion and leaves 9"
        )


def test_lesions_on_one_side_that_need_its_hemiliver_get_it_at_once(evidence: Evidence) -> None:
    for balls, resection, other in (
        (RIGHT, "right_hepatectomy", "left"),
        (LEFT, "left_hepatectomy", "right"),
    ):
        found = answers(liver(balls), evidence)
        assert found[SPARING].plan is None
        title = resection.replace("_", " ")
        assert found[SPARING].why.startswith(f"spares no parenchyma: {title} would go, because L1 cannot")
        (operation,) = actions(found[AT_ONCE])
        assert isinstance(operation, Operate)
        assert operation.resect == (resection,)
        assert f"{other}: no lesion lies mainly in the {other} hemiliver" in found[AT_ONCE].remarks
        for family in FAMILIES[2:]:
            assert found[family].why.startswith(f"not needed: {title} in one operation clears the lesion")


def test_bilobar_lesions_with_a_small_remnant_are_cleared_from_it_first(evidence: Evidence) -> None:
    found = answers(liver({**OVER_S4, **IN_S2_S3}, patient=LARGE), evidence)
    usual = evidence.value("volumetry.wedge_margin.usual")
    wedges = Operate(wedge=("L2", "L3"), margin_mm=usual)
    resection = Operate(resect=("right_trisectionectomy",))
    assert actions(found[AT_ONCE]) == [replace(resection, wedge=("L2", "L3"), margin_mm=usual)]
    assert "too little at once" in found[AT_ONCE].why
    pve = Occlude("pve", ("right", "S4"))
    assert actions(found[PVE]) == [pve, Scan(), *actions(found[AT_ONCE])]
    assert any(r.startswith("L2, L3 stay in the remnant while it grows") for r in found[PVE].remarks)
    lvd = Occlude("lvd", ("right", "S4"), ("right", "middle"))
    assert actions(found[LVD]) == [lvd, Scan(), *actions(found[AT_ONCE])]
    assert actions(found[TWO_STAGE]) == [wedges, pve, Scan(), resection]
    split = Occlude("alpps", ("right", "S4"))
    assert actions(found[ALPPS]) == [wedges, split, Scan(), resection]
    # 90 days to the first volumetry after radiation, 7 more to the operation.
    assert found[Y90].why == "L2, L3 lie in what is not radiated, and would wait 97 days untreated"
    for family in (PVE, LVD, TWO_STAGE, ALPPS):
        assert found[family].why.startswith("right trisectionectomy at once would leave")
        assert any(r.startswith("left: left trisectionectomy") for r in found[family].remarks)


def test_a_first_stage_that_would_clear_nothing_is_not_proposed(evidence: Evidence) -> None:
    found = answers(liver(OVER_S4, patient=LARGE), evidence)
    assert found[TWO_STAGE].plan is None
    assert found[TWO_STAGE].why == "no lesion lies in the remnant: a first stage would clear nothing"
    # The liver can be split without a lesion in what stays.
    assert isinstance(actions(found[ALPPS])[0], Occlude)


def test_a_lesion_that_the_first_wedge_would_cut_through_goes_with_it(evidence: Evidence) -> None:
    # L2 in S3; 3 mm beside it L3, most of it in S4, which goes at the second operation.
    close = {"L2": ((30, 10, 12), 1.2), "L3": ((27, 10, 12), 1.2)}
    found = answers(liver({**OVER_S4, **close}, patient=LARGE), evidence)
    (at_once,) = actions(found[AT_ONCE])
    assert isinstance(at_once, Operate)
    assert at_once.wedge == ("L3", "L2")  # L3 goes with the resection, and its margin is cut out of S3
    assert any(r.startswith("part of L3 or of the margin lies in what stays") for r in found[PVE].remarks)
    first, _, _, last = actions(found[TWO_STAGE])
    assert isinstance(first, Operate)
    assert first.wedge == ("L2", "L3")
    assert last == Operate(resect=("right_trisectionectomy",))
    assert not any("part of L3" in r for r in found[TWO_STAGE].remarks)


def test_a_lesion_outside_the_labels_is_held_by_no_segment(evidence: Evidence) -> None:
    case = liver(RIGHT)
    outside = replace(
        case.lesions[0], outside_ml=0.9 * case.lesions[0].volume_ml, segments={"S7": 0.1, "outside": 0.9}
    )
    found = answers(replace(case, lesions=(outside,)), evidence)
    for proposal in found.values():
        assert proposal.plan is None
        assert "90 % of L1 lies outside the labelled liver, where no segment holds it" in proposal.why


def test_days_come_from_the_evidence_and_wait_for_the_last_treatment(evidence: Evidence) -> None:
    case = liver({**OVER_S4, **IN_S2_S3}, patient=LARGE)

    def days(found: Mapping[str, Proposal], family: str) -> list[int]:
        plan = found[family].plan
        assert plan is not None
        return [step.day for step in plan.steps]

    found = answers(case, evidence)
    # 21 days to the first volumetry, 7 from scan to operation; 46 and 12 between stages.
    assert days(found, PVE) == days(found, LVD) == [0, 21, 28]
    assert days(found, TWO_STAGE) == [0, 14, 39, 46]
    assert days(found, ALPPS) == [0, 0, 9, 12]
    late = replace(case, history=(Treatment("FOLFIRI+bevacizumab", 6, -1),))
    found = answers(late, evidence)
    assert days(found, PVE) == [0, 34, 41]  # six weeks after bevacizumab
    early = "day 0 is too early: 6 weeks after the last bevacizumab is day 41; begin so many days later"
    assert early in found[TWO_STAGE].remarks
    assert early in found[AT_ONCE].remarks
    assert early in found[ALPPS].remarks
    assert early not in found[PVE].remarks


FAR_VEIN, FAR_BRANCH = ((14, 6, 8), (16, 8, 26)), ((24, 8, 10), (26, 10, 12))
HEPATIC = {"right": BESIDE_L1, "middle": FAR_VEIN}
PORTAL = {"left": FAR_BRANCH, "right": ((6, 6, 14), (8, 8, 16))}


def test_beside_a_hepatic_vein_a_small_lesion_is_ablated_and_a_large_one_takes_its_segment(
    evidence: Evidence,
) -> None:
    small = answers(liver(SMALL_IN_S7, hepatic=HEPATIC, portal=PORTAL), evidence)[SPARING]
    margin = evidence.value("search.ablation_margin")
    assert actions(small) == [Operate(ablate=("L1",), ablation_margin_mm=margin)]
    assert any("L1 is ablated, not wedged: " in r and "hepatic vein, right" in r for r in small.remarks)
    large = answers(liver(LARGE_IN_S7, hepatic=HEPATIC, portal=PORTAL), evidence)[SPARING]
    (operation,) = actions(large)
    assert isinstance(operation, Operate)
    assert operation.resect == ("S7",)
    assert operation.ablate == ()
    assert any("too large to ablate" in r for r in large.remarks)


def test_beside_a_portal_trunk_nothing_is_ablated(evidence: Evidence) -> None:
    portal = {"right_posterior": BESIDE_L1, "left": FAR_BRANCH}
    hepatic = {"left": FAR_VEIN}
    found = answers(liver(SMALL_IN_S7, hepatic=hepatic, portal=portal), evidence)[SPARING]
    (operation,) = actions(found)
    assert isinstance(operation, Operate)
    assert operation.ablate == ()
    assert operation.resect
    assert any("a bile duct runs with that vessel" in r for r in found.remarks)


def test_without_lesions_one_sentence_says_what_to_do(evidence: Evidence) -> None:
    with pytest.raises(
        PlanError, match=r"has no lesion, and plans are proposed to clear lesions; give anatomy\.lesions"
    ):
        propose(liver({}), evidence)


def test_without_a_patient_the_liver_s_own_volume_stands_in_and_is_named(evidence: Evidence) -> None:
    found = answers(liver(PERIPHERAL, patient=None, history=()), evidence)
    assert "share of the liver's own volume, no patient given, 9" in found[SPARING].why


@pytest.mark.parametrize(
    ("grade", "takes", "family"),
    [("Vp1", {"S6"}, SPARING), ("Vp2", {"S6", "S7"}, SPARING), ("Vp3", {"S5", "S6", "S7", "S8"}, AT_ONCE), ("Vp4", {"S5", "S6", "S7", "S8"}, AT_ONCE)],
)  # fmt: skip
def test_a_portal_thrombus_takes_its_territory(
    grade: str, takes: set[str], family: str, evidence: Evidence
) -> None:
    hcc = replace(MAN, disease="hcc", tumour=TumourBiology(thrombus=grade))
    case = liver(PERIPHERAL, patient=hcc, history=())
    found = answers(case, evidence)
    assert SPARING == family or found[SPARING].why.startswith(
        "spares no parenchyma: right hepatectomy would go"
    )
    plan = found[family].plan
    assert plan is not None
    assert resected_by(plan, case.grid.segments) == [takes]
    (operation,) = actions(found[family])
    assert isinstance(operation, Operate)
    assert operation.thrombectomy == (grade == "Vp4")
    assert operation.wedge == ()
    assert any(r.startswith(f"the portal thrombus ({grade}) takes S") for r in found[family].remarks)
    # The same thrombus in a man whose disease is another is not what the rule speaks of.
    other = answers(replace(case, patient=replace(hcc, disease="crlm")), evidence)
    assert actions(other[SPARING])[0] == Operate(wedge=("L1",), margin_mm=5)


@pytest.mark.parametrize("grade", ["Vp1", "Vp2", "Vp3", "Vp4"])
def test_plans_and_compare_ask_the_same_rule_about_closing_a_branch_that_holds_thrombus(
    grade: str, evidence: Evidence
) -> None:
    """The rule's answer to the plan that was written decides: forbidden is not proposed, a warning is a remark."""
    cirrhosis = LiverCondition(fibrosis="F4")
    hcc = replace(LARGE, disease="hcc", liver=cirrhosis, tumour=TumourBiology(thrombus=grade))
    case = liver(OVER_S4, patient=hcc, history=())
    found = answers(case, evidence)
    rules = {r.id: r for r in evidence.disease_rules}
    assert found[TWO_STAGE].why == "no lesion lies in the remnant: a first stage would clear nothing"
    embolized = rules["thrombus.embolized" if grade in ("Vp3", "Vp4") else "thrombus.occluded"]
    for family, technique, rule in (
        (PVE, "pve", embolized),
        (LVD, "lvd", embolized),
        (Y90, "y90", None),
        (ALPPS, "alpps", rules["thrombus.occluded"]),
    ):
        proposal = found[family]
        forbidden = rule is not None and rule.answer == "forbids"
        assert proposal.legal != forbidden
        assert proposal.sources == (() if rule is None else ("hsu2015",))
        if forbidden:
            assert proposal.why == rule.sentence  # type: ignore[union-attr]
        else:
            warned = {r.sentence for r in rules.values() if r.sentence in proposal.remarks}
            assert warned == (set() if rule is None else {rule.sentence})
        written = Planner(case, evidence, 5.0, thrombectomy=False)._occlude(
            frozenset({"S4", "S5", "S6", "S7", "S8"}), technique
        )
        course = one_occlusion(technique, tuple(occluded_segments(written, case.grid.segments)))
        notes = assess(hcc, (), course, evidence, bearing=bearing_segment(case.lesions)).notes
        said = [(n.rule, n.answer) for n in notes if n.rule in ("thrombus.embolized", "thrombus.occluded")]
        assert said == ([] if rule is None else [(rule.id, rule.answer)])


def one_occlusion(technique: str, occluded: tuple[str, ...]) -> Course:
    before = two_stage()
    steps = tuple(
        replace(s, technique=technique, occluded=occluded) if s.kind == "occlude" else s for s in before.steps
    )
    return replace(before, steps=steps)


def test_radiation_lobectomy_needs_its_disease_and_one_lobe(evidence: Evidence) -> None:
    def radiated(disease: str, *balls: Balls) -> Proposal:
        lesions = {name: ball for part in balls for name, ball in part.items()}
        case = liver(lesions, patient=replace(LARGE, disease=disease))
        return answers(case, evidence)[Y90]

    for disease in ("crlm", "hcc", "cholangiocarcinoma"):
        plan = radiated(disease, OVER_S4).plan
        assert plan is not None
        assert [(s.day, s.action) for s in plan.steps] == [
            (0, Occlude("y90", ("right", "S4"))),
            (90, Scan()),
            (97, Operate(resect=("right_trisectionectomy",))),
        ]
        assert plan.name == "radiation lobectomy, then right trisectionectomy"
    assert "not followed in this disease, only in: right lobar Y90, HCC 67" in radiated("other", OVER_S4).why
    assert "would wait 97 days untreated" in radiated("hcc", OVER_S4, IN_S2_S3).why


def test_cirrhosis_is_asked_of_the_liver_that_was_measured(evidence: Evidence) -> None:
    """S1 to S4 are half of the block liver and 40 % of it suffice, however large the man's formula."""
    from flrsim.search.measure import Measure

    ill = replace(LARGE, liver=LiverCondition(fibrosis="F4"))
    measured, by_formula = (
        Measure(liver(RIGHT, patient=p, history=()), evidence).of(
            [Plan("right", (Step(0, Operate(resect=("right_hepatectomy",))),))]
        )[0]
        for p in (ill, LARGE)
    )
    assert (measured.rule, measured.of) == (0.40, "FLR / functional liver")
    assert measured.ratio == measured.share
    assert (by_formula.rule, by_formula.of) == (0.20, "sFLR")
    assert by_formula.ratio < by_formula.share


def test_a_stimulus_without_numbers_is_not_proposed(tmp_path: Path, evidence: Evidence) -> None:
    class Without(Evidence):
        def __contains__(self, id: object) -> bool:
            return id != "growth.alpps.amplitude" and super().__contains__(id)

    less = Without(evidence.parameter_set, evidence._parameters, evidence._references)
    found = answers(liver({**OVER_S4, **IN_S2_S3}, patient=LARGE), less)
    assert found[ALPPS].why.startswith("growth after ALPPS (complete split) is not in the evidence")
    assert found[TWO_STAGE].legal


def test_split_segment_4_goes_as_one(evidence: Evidence) -> None:
    case = liver({**OVER_S4, **IN_S2_S3}, patient=LARGE, split=True)
    plan = answers(case, evidence)[TWO_STAGE].plan
    assert plan is not None
    assert resected_by(plan, case.grid.segments)[-1] == {"S4a", "S4b", "S5", "S6", "S7", "S8"}
    assert Occlude("pve", ("right", "S4")) in [s.action for s in plan.steps]


def test_the_fewest_names_make_up_some_segments() -> None:
    eight = tuple(f"S{i}" for i in range(1, 9))
    for gone, names in (
        ({"S4", "S5", "S6", "S7", "S8"}, ("right_trisectionectomy",)),
        ({"S3", "S6", "S7"}, ("right_posterior_sectionectomy", "S3")),
        ({"S4"}, ("S4",)),
        ({"S1", "S4"}, ("S4", "S1")),
        (set(), ()),
    ):
        assert set(resection_names(frozenset(gone), eight)) == set(names)
    split = ("S1", "S2", "S3", "S4a", "S4b")
    assert resection_names(frozenset({"S4a", "S4b"}), split) == ("S4",)
    assert resection_names(frozenset({"S4b"}), split) == ("S4b",)


CASES = {
    "peripheral": (PERIPHERAL, MAN),
    "right": (RIGHT, MAN),
    "left": (LEFT, MAN),
    "bilobar": ({**OVER_S4, **IN_S2_S3}, LARGE),
    "both sides": ({**PERIPHERAL, **IN_S2_S3}, MAN),
}


@pytest.mark.parametrize("name", CASES)
def test_every_plan_that_is_proposed_can_be_carried_out_and_compared(name: str) -> None:
    balls, patient = CASES[name]
    case = liver(balls, patient=patient)
    evidence = load_evidence()
    plans = legal_plans(propose(case, evidence))
    assert plans
    for plan in plans:
        check_plan(plan, case)
    result = compare(case, plans, evidence, seed=1, draws=200).result
    assert {p.name for p in result.plans} == {p.name for p in plans}
    for judged in result.plans:
        assert judged.all_lesions_cleared, (judged.name, judged.blocking)


def test_the_stable_form_says_what_was_used_and_assumed() -> None:
    evidence = load_evidence().recording()
    case = liver({**OVER_S4, **IN_S2_S3}, patient=LARGE)
    result = proposed_plans(case, propose(case, evidence), evidence).to_dict()
    assert result["schema"] == "flrsim/plans/1"
    assert [p["family"] for p in result["proposals"]] == list(FAMILIES)
    assumed = {a["id"] for a in result["assumptions"]}
    assert {"search.interval.stage_1_to_embolization", "volumetry.wedge_margin.usual"} <= assumed
    assert "frontoncol2020" in {r["key"] for r in result["references"]}
    two_stage = next(p for p in result["proposals"] if p["family"] == TWO_STAGE)
    assert two_stage["steps"][0] == "day 0: wedge L2, L3 (5 mm margin)"
    assert two_stage["plan"]["step"][1] == {
        "day": 14,
        "occlude": {"technique": "pve", "portal": ["right", "S4"]},
    }


# ---------------------------------------------------------------- plans as text

EVERYTHING = Plan(
    'a "plan" with \\ and é, and\ta tab',
    (
        Step(-30, Treat("FOLFOX", 4)),
        Step(0, Operate(wedge=("L2",), margin_mm=7.5, with_primary="minor")),
        Step(0, Operate(ablate=("L1",), ablation_margin_mm=0.0, thrombectomy=True)),
        Step(2, Occlude("lvd", ("right",), ("right",), "nbca")),
        Step(20, Wait()),
        Step(21, Scan()),
        Step(28, Scan(512.5)),
        Step(30, Operate(resect=("S5", "S6"), plane=(Plane((1.0, -2.5, 3.0), (0.0, 0.0, 1.0)),), within=("S7",))),
        Step(31, Operate(territory=("portal:S8",))),
    ),
    "goes",
    -44,
)  # fmt: skip


@cache
def _whole() -> str:
    return blocks.CASE[: blocks.CASE.index("[[plan]]")]


def test_a_plan_written_as_toml_is_read_back_as_it_was(tmp_path: Path, evidence: Evidence) -> None:
    from flrsim.case_file.load import _parse
    from flrsim.case_file.plans import plan_of

    (tmp_path / "case.toml").write_text(_whole() + plan_toml(EVERYTHING), encoding="utf-8")
    (given,) = _parse(tmp_path / "case.toml").plan
    assert plan_of(given, lambda key, name: tmp_path / name) == EVERYTHING


def test_a_plan_with_a_sheet_is_not_written_without_it() -> None:
    corners = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    sheet = sheet_of(corners, np.array([[0, 1, 2]]), "S6", source="the sheet")
    with pytest.raises(PlanError, match='plan "p", day 3: a sheet is kept in a file of its own'):
        plan_table(Plan("p", (Step(3, Operate(sheet=(sheet,))),)))


def test_proposed_plans_are_read_back_from_a_case_file(tmp_path: Path, evidence: Evidence) -> None:
    folder = blocks.write_case(tmp_path / "case", _whole())
    case, none = load_case(folder, evidence)
    assert none == ()
    plans = legal_plans(propose(case, evidence))
    assert plans
    (folder / "case.toml").write_text(_whole() + "\n".join(map(plan_toml, plans)), encoding="utf-8")
    assert load_case(folder, evidence)[1] == plans
