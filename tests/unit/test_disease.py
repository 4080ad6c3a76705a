"""What disease outside the lesions says to a plan: every rule spoken and silent, and what nobody speaks of."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flrsim.case import Lesion
from flrsim.course import Course, CourseStep
from flrsim.disease import Disease, assess, bearing_segment
from flrsim.evidence import load_evidence
from flrsim.patient import EXTRAHEPATIC, Patient, Treatment, TumourBiology

sys.path.insert(0, str(Path(__file__).parents[1]))
from course_cases import MAN, lesion, single_stage

EVIDENCE = load_evidence()


def ill(disease: str = "crlm", age: float = 57, **tumour: Any) -> Patient:
    return replace(MAN, disease=disease, age=age, tumour=TumourBiology(**tumour))


def operating(
    *, treat: tuple[tuple[str, int], ...] = (), scans: bool = False, clears: bool = True, **step: Any
) -> Course:
    """Return the single-stage course with its operation changed, after treatment."""
    course = single_stage(
        lesions=(lesion("L1", 1 if clears else None, fate="removed" if clears else "left"),)
    )
    given: list[CourseStep] = []
    for k, (regimen, cycles) in enumerate(treat):
        given.append(CourseStep(-400 + 100 * k, "treat", regimen=regimen, cycles=cycles))
        if scans:
            given.append(CourseStep(-400 + 100 * k + 99, "scan"))
    return replace(course, steps=(*given, replace(course.steps[0], **step)))


def found(
    patient: Patient, course: Course | None = None, history: tuple[Treatment, ...] = (), **more: Any
) -> Disease:
    return assess(patient, history, course or operating(), EVIDENCE, **more)


def said(
    patient: Patient, course: Course | None = None, history: tuple[Treatment, ...] = (), **more: Any
) -> dict[str, str]:
    return {n.rule: n.answer for n in found(patient, course, history, **more).notes}


MAJOR_BOTH = operating(with_primary="major")
MINOR_LIVER = operating(with_primary="major", major=False)
EGFR = operating(treat=(("FOLFIRI+cetuximab", 4),))


@pytest.mark.parametrize(
    ("patient", "course", "rule", "answer"),
    [
        (ill(primary="in_place"), MAJOR_BOTH, "primary.combined_major", "forbids"),
        (ill(primary="in_place"), MINOR_LIVER, "primary.combined_major", None),
        (ill(primary="in_place"), operating(with_primary="minor"), "primary.combined_major", None),
        (ill(primary="in_place"), MINOR_LIVER, "primary.combined_limited", "allows"),
        (ill(primary="in_place"), MAJOR_BOTH, "primary.combined_limited", None),
        (ill(primary="in_place", age=65), MINOR_LIVER, "primary.combined_elderly", "warns"),
        (ill(primary="in_place", age=64.9), MINOR_LIVER, "primary.combined_elderly", None),
        (ill(primary="in_place", age=65), None, "primary.combined_elderly", None),
        (ill(primary="resected"), None, "primary.first", "allows"),
        (ill(primary="in_place"), None, "primary.first", None),
        (ill(primary="in_place"), None, "primary.liver_first", "allows"),
        (ill(primary="in_place"), MINOR_LIVER, "primary.liver_first", None),
        (ill(primary="symptomatic"), None, "primary.symptomatic", "warns"),
        (ill(primary="symptomatic"), MINOR_LIVER, "primary.symptomatic", None),
        (ill(primary="in_place"), None, "primary.symptomatic", None),
        (ill(ras="mutant"), EGFR, "ras.egfr", "forbids"),
        (ill(ras="wild"), EGFR, "ras.egfr", None),
        (ill(ras="mutant"), operating(treat=(("FOLFIRI", 4),)), "ras.egfr", None),
        (ill(side="right"), EGFR, "side.egfr", "warns"),
        (ill(side="right", ras="wild"), EGFR, "side.egfr", "warns"),
        (ill(side="left"), EGFR, "side.egfr", None),
        (ill(side="right", ras="mutant"), EGFR, "side.egfr", None),
        (ill(braf="mutant"), None, "braf.any", "warns"),
        (ill(braf="wild"), None, "braf.any", None),
        (ill("hcc", braf="mutant"), None, "braf.any", None),
        (ill(extrahepatic=("lung_resectable",)), operating(clears=False), "organs.several", "warns"),
        (ill(extrahepatic=("lung_resectable",)), None, "organs.several", None),
        (ill(extrahepatic=("lung_unresectable",)), None, "organs.several", "warns"),
        (ill(extrahepatic=()), operating(clears=False), "organs.several", None),
    ],
)  # fmt: skip
def test_each_rule_speaks_where_it_should_and_not_elsewhere(
    patient: Patient, course: Course | None, rule: str, answer: str | None
) -> None:
    assert said(patient, course).get(rule) == answer


SITES = {
    "lung_resectable": ("lung.resectable", "allows"),
    "lung_unresectable": ("lung.unresectable", "forbids"),
    "peritoneum_limited": ("peritoneum.limited", "warns"),
    "peritoneum_extensive": ("peritoneum.extensive", "forbids"),
    "hilar_nodes": ("nodes.pedicle", "warns"),
    "celiac_nodes": ("nodes.celiac", "warns"),
    "retroperitoneal_nodes": ("nodes.retroperitoneal", "warns"),
    "retroperitoneal_nodes_multiple": ("nodes.retroperitoneal_multiple", "forbids"),
}


@pytest.mark.parametrize("site", EXTRAHEPATIC)
def test_every_site_has_its_rule_or_is_said_to_have_none(site: str) -> None:
    colorectal = found(ill(extrahepatic=(site,)))
    speaks = {n.rule: n.answer for n in colorectal.notes if not n.rule.startswith("organs")}
    if site in SITES:
        assert speaks == dict([SITES[site]])
        assert colorectal.unjudged == ()
    else:
        assert speaks == {}
        assert colorectal.unjudged == ("no rule here speaks of other in colorectal liver metastases",)
    other = found(ill("cholangiocarcinoma", extrahepatic=(site,)))
    assert other.notes == ()
    assert other.unjudged == (f"no rule here speaks of {site.replace('_', ' ')} in cholangiocarcinoma",)


@pytest.mark.parametrize(
    ("treat", "scans", "speaks"),
    [
        ((("FOLFOX", 4),), False, False),  # 56 days
        ((("FOLFOX", 5),), False, True),  # 70 days, two months are 60.9
        ((("CAPOX", 2),), False, False),  # 42 days
        ((("CAPOX", 3),), False, True),  # 63 days
        ((("FOLFOX", 3), ("FOLFOX", 3)), False, True),
        ((("FOLFOX", 3), ("FOLFOX", 3)), True, False),
        ((("FOLFOX", 3), ("FOLFIRI", 3)), False, False),
    ],
)
def test_two_months_without_a_look_are_too_long(
    treat: tuple[tuple[str, int], ...], scans: bool, speaks: bool
) -> None:
    assert ("regimen.reassess" in said(ill(), operating(treat=treat, scans=scans))) == speaks


def test_eight_months_on_one_regimen_are_a_recalled_warning() -> None:
    """17 cycles are 238 days and 18 are 252; eight months are 243.5."""
    before = (Treatment("FOLFOX", 13, -42),)
    plan = operating(treat=(("FOLFOX", 4),))
    assert "regimen.too_long" not in said(ill(), plan, before)
    notes = found(ill(), operating(treat=(("FOLFOX", 5),)), before).notes
    (long,) = [n for n in notes if n.rule == "regimen.too_long"]
    assert (long.answer, long.verified, long.source) == ("warns", False, "")
    assert "regimen.too_long" not in said(ill(), plan, (Treatment("FOLFIRI", 13, -42),))
    assert "regimen.too_long" in said(ill(), operating(), (Treatment("CAPOX", 12, -42),))  # 252 days
    assert "regimen.too_long" not in said(ill(), operating(), (Treatment("CAPOX", 11, -42),))


def test_a_lesion_that_vanished_and_stays_is_warned_of() -> None:
    assert said(ill(), vanished=["L2"]) == {"lesions.vanished": "warns"}
    assert said(ill()) == {}


RIGHT_LIVER = ("S5", "S6", "S7", "S8")


@pytest.mark.parametrize(
    ("level", "bearing", "taken", "thrombectomy", "answer"),
    [
        ("Vp1", "S6", ("S6",), False, "allows"),
        ("Vp1", "S6", ("S7",), False, "forbids"),
        ("Vp1", "S4a", ("S4a", "S4b"), False, "allows"),
        ("Vp2", "S6", ("S6",), False, "forbids"),
        ("Vp2", "S6", ("S6", "S7"), False, "allows"),
        ("Vp2", "S6", ("S5", "S8"), False, "forbids"),
        ("Vp3", "S6", ("S6", "S7"), False, "forbids"),
        ("Vp3", "S6", RIGHT_LIVER, False, "allows"),
        ("Vp3", "S2", ("S2", "S3", "S4a", "S4b"), False, "allows"),
        ("Vp4", "S6", RIGHT_LIVER, False, "forbids"),
        ("Vp4", "S6", ("S6",), True, "forbids"),
        ("Vp4", "S6", RIGHT_LIVER, True, "allows"),
    ],
)
def test_a_thrombus_forces_its_territory(
    level: str, bearing: str, taken: tuple[str, ...], thrombectomy: bool, answer: str
) -> None:
    course = operating(resected=taken, thrombectomy=thrombectomy)
    answers = said(ill("hcc", thrombus=level), course, bearing=bearing)
    assert answers[f"thrombus.{level.lower()}"] == answer
    assert ("thrombus.vp3_recurs" in answers) == (level == "Vp3")
    assert ("thrombus.vp4_few" in answers) == (level == "Vp4")
    assert said(ill("crlm", thrombus=level), course, bearing=bearing) == {}
    assert said(ill("hcc", thrombus="none"), course, bearing=bearing) == {}


def closing(technique: str, occluded: tuple[str, ...] = RIGHT_LIVER) -> Course:
    course = operating(resected=RIGHT_LIVER)
    closes = CourseStep(-28, "occlude", technique=technique, occluded=occluded)
    return replace(course, steps=(closes, *course.steps))


@pytest.mark.parametrize(
    ("level", "technique", "occluded", "rule", "answer"),
    [
        ("Vp3", "pve", RIGHT_LIVER, "embolized", "forbids"),
        ("Vp4", "lvd", RIGHT_LIVER, "embolized", "forbids"),
        ("Vp3", "pve", ("S5", "S8"), "embolized", "forbids"),  # part of the territory
        ("Vp3", "pvl", RIGHT_LIVER, "occluded", "warns"),
        ("Vp3", "alpps", RIGHT_LIVER, "occluded", "warns"),
        ("Vp2", "pve", RIGHT_LIVER, "occluded", "warns"),
        ("Vp2", "pve", ("S5", "S8"), None, None),  # the thrombus is in the posterior section
        ("Vp1", "pve", ("S6",), "occluded", "warns"),
        ("Vp1", "pve", ("S7",), None, None),
        ("Vp3", "pve", ("S2", "S3", "S4a", "S4b"), None, None),  # the other side
        ("Vp3", "y90", RIGHT_LIVER, None, None),  # through the artery
        ("Vp3", "hve", (), None, None),
        ("none", "pve", RIGHT_LIVER, None, None),
    ],
)
def test_closing_a_branch_that_holds_thrombus(
    level: str, technique: str, occluded: tuple[str, ...], rule: str | None, answer: str | None
) -> None:
    course = closing(technique, occluded)
    answers = said(ill("hcc", thrombus=level), course, bearing="S6")
    ids = ("thrombus.embolized", "thrombus.occluded")
    expected = {} if rule is None else {f"thrombus.{rule}": answer}
    assert {id: answers[id] for id in ids if id in answers} == expected
    assert not set(ids) & set(said(ill("hcc", thrombus=level), course))  # branch not known
    assert not set(ids) & set(said(ill("crlm", thrombus=level), course, bearing="S6"))


def test_a_thrombus_of_unknown_branch_cannot_be_judged() -> None:
    assert found(ill("hcc", thrombus="Vp1")).unjudged == (
        "Vp1: which branch holds the thrombus is not known",
    )
    caudate = found(ill("hcc", thrombus="Vp3"), bearing="S1")
    assert caudate.unjudged == ("Vp3: which branch holds the thrombus is not known",)


def lying(ml: float, **segments: float) -> Lesion:
    return Lesion("L", ml, 0.0, segments, 20.0, 20.0, (0.0, 0.0, 0.0), ((), ()))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lesions", "segment"),
    [
        ([lying(10, S6=0.6, S7=0.4)], "S6"),
        ([lying(10, S2=1.0), lying(8, S5=1.0), lying(8, S8=1.0)], "S5"),  # more tumour on the right
        ([lying(9, S4a=0.2, S4b=0.5, S5=0.3)], "S4b"),
        ([lying(9, S1=0.9, S3=0.1)], "S3"),
        ([lying(9, S1=1.0)], None),
        ([lying(9, outside=1.0)], None),
        ([], None),
    ],
)
def test_a_thrombus_is_taken_to_start_in_the_largest_lesion_on_the_side_with_more_tumour(
    lesions: list[Lesion], segment: str | None
) -> None:
    assert bearing_segment(lesions) == segment


def test_what_no_rule_speaks_of_is_said() -> None:
    assert found(ill(primary="in_place"), operating(with_primary="minor")).unjudged == (
        "no rule here speaks of a major hepatectomy with a minor colorectal resection",
    )


def test_what_was_not_supplied_is_named() -> None:
    nothing = found(ill())
    assert (nothing.anything_supplied, nothing.notes, nothing.unjudged) == (False, (), ())
    assert nothing.not_supplied == ("the primary", "disease outside the liver")
    assert found(ill("hcc")).not_supplied == ("portal thrombus", "disease outside the liver")
    known = found(ill(primary="resected", extrahepatic=()))
    assert (known.anything_supplied, known.not_supplied) == (True, ())


def test_every_rule_of_the_evidence_can_be_spoken() -> None:
    """Cases that together bring up each rule: one that nobody can reach would be dead."""
    everything = tuple(SITES)
    spoken = set(said(ill(primary="resected", braf="mutant", extrahepatic=everything), vanished=["L1"]))
    spoken |= set(said(ill(primary="in_place", age=70, ras="mutant"), MAJOR_BOTH))
    spoken |= set(said(ill(primary="in_place"))) | set(said(ill(primary="in_place"), MINOR_LIVER))
    spoken |= set(
        said(ill(primary="symptomatic", side="right"), operating(treat=(("FOLFOX+cetuximab", 18),)))
    )
    spoken |= set(said(ill(ras="mutant"), EGFR))
    spoken |= {
        rule
        for level in ("Vp1", "Vp2", "Vp3", "Vp4")
        for technique in ("pve", "alpps")
        for rule in said(ill("hcc", thrombus=level), closing(technique), bearing="S6")
    } | set(said(ill(primary="in_place", age=70), MINOR_LIVER))
    assert spoken == {rule.id for rule in EVIDENCE.disease_rules}


def test_evidence_without_rules_says_nothing() -> None:
    from flrsim.evidence import Evidence

    silent = Evidence("x", {id: EVIDENCE[id] for id in EVIDENCE.ids()}, {})
    assert assess(ill(primary="in_place"), (), MAJOR_BOTH, silent).notes == ()
