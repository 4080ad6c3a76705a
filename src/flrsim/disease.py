"""What disease outside these lesions says to a plan: the primary, other organs, genes, portal tumour thrombus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from flrsim.anatomy import SECTIONS, leaves
from flrsim.case import Lesion
from flrsim.course import Course
from flrsim.evidence import DiseaseRule, Evidence
from flrsim.patient import Patient, Treatment
from flrsim.plan import RADIATION, Occlude, Plan, occluded_segments
from flrsim.regimens import ANTI_EGFR, cycle_days, drugs
from flrsim.results import DiseaseNote

ALLOWS, WARNS, FORBIDS = "allows", "warns", "forbids"
DAYS_PER_MONTH = 30.4375
HEMILIVERS = ("right", "left")
EXTENSIVE = ("Vp3", "Vp4")
"""Thrombus in a first-order portal branch, and in the trunk."""
EMBOLIZES = ("pve", "lvd")
"""Techniques that embolize portal branches; others tie them."""

_SITES = {
    "lung_resectable": "lung.resectable",
    "lung_unresectable": "lung.unresectable",
    "peritoneum_limited": "peritoneum.limited",
    "peritoneum_extensive": "peritoneum.extensive",
    "hilar_nodes": "nodes.pedicle",
    "celiac_nodes": "nodes.celiac",
    "retroperitoneal_nodes": "nodes.retroperitoneal",
    "retroperitoneal_nodes_multiple": "nodes.retroperitoneal_multiple",
}
"""Site of disease outside the liver and the rule that speaks of it, in colorectal cancer."""

_STAYS = ("lung_unresectable", "peritoneum_extensive", "retroperitoneal_nodes_multiple")
"""Sites that no operation clears."""


@dataclass(frozen=True)
class Disease:
    """What was found outside the lesions of the case.

    Attributes
    ----------
    notes : rules that speak of it, in the order of the evidence.
    unjudged : what was supplied and no rule speaks of, in words.
    not_supplied : what rules ask for and was not supplied, in words.
    anything_supplied : whether any of it was supplied.
    """

    notes: tuple[DiseaseNote, ...] = ()
    unjudged: tuple[str, ...] = ()
    not_supplied: tuple[str, ...] = ()
    anything_supplied: bool = False


@dataclass(frozen=True)
class _Given:
    """Everything that a rule may ask."""

    patient: Patient
    history: tuple[Treatment, ...]
    course: Course
    evidence: Evidence
    bearing: str | None
    vanished: tuple[str, ...]

    @property
    def combined(self) -> bool:
        """Whether bowel and liver share an operation."""
        return any(s.with_primary for s in self.course.operations)

    @property
    def anti_egfr_planned(self) -> bool:
        """Whether the plan itself gives an anti-EGFR antibody."""
        return any(s.kind == "treat" and drugs(s.regimen or "") & ANTI_EGFR for s in self.course.steps)


def assess(
    patient: Patient,
    history: tuple[Treatment, ...],
    course: Course,
    evidence: Evidence,
    *,
    bearing: str | None = None,
    vanished: Sequence[str] = (),
) -> Disease:
    """Return what the rules of disease say to a plan.

    Parameters
    ----------
    bearing : segment in which a portal thrombus is taken to start; see `bearing_segment`.
    vanished : lesions that imaging no longer shows and that the plan leaves.
    """
    given, tumour = _Given(patient, history, course, evidence, bearing, tuple(vanished)), patient.tumour
    asked = {"crlm": _COLORECTAL, "hcc": _HEPATOCELLULAR}.get(patient.disease, ())
    said = dict(pair for ask in asked for pair in ask(given))
    rules = {rule.id: rule for rule in evidence.disease_rules}
    # A folder of evidence without a rule does not say it.
    notes = tuple(_note(rule, said[id]) for id, rule in rules.items() if id in said)
    wanted: list[tuple[str, object]] = []
    if patient.disease == "crlm":
        wanted.append(("the primary", tumour.primary))
    if patient.disease == "hcc":
        wanted.append(("portal thrombus", tumour.thrombus))
    wanted.append(("disease outside the liver", tumour.extrahepatic))
    known = (tumour.primary, tumour.extrahepatic, tumour.thrombus, tumour.ras, tumour.braf, tumour.side)
    return Disease(
        notes,
        tuple(_unjudged(given)),
        tuple(name for name, value in wanted if value is None),
        any(value is not None for value in known),
    )


def bearing_segment(lesions: Sequence[Lesion]) -> str | None:
    """Return the segment in which a portal thrombus is taken to start; None when no lesion lies in a labelled one.

    It is the segment with most of the largest lesion on the side with more tumour. The images say where the thrombus is;
    this only guesses from the lesions.
    """
    side_ml = {
        side: sum(lesion.volume_ml * _share(lesion, side) for lesion in lesions) for side in HEMILIVERS
    }
    side = max(HEMILIVERS, key=lambda name: side_ml[name])
    inside = [(lesion.volume_ml * _share(lesion, side), lesion) for lesion in lesions]
    if not lesions or not any(ml > 0 for ml, _ in inside):
        return None
    _, largest = max(inside, key=lambda pair: pair[0])
    return max(_segments(side), key=lambda s: largest.segments.get(s, 0.0))


def _segments(side: str) -> tuple[str, ...]:
    """Return the segments of a hemiliver under every name that a liver may give them."""
    whole = SECTIONS[side].segments
    return tuple(dict.fromkeys(name for s in whole for name in (s, *leaves(s))))


def _share(lesion: Lesion, side: str) -> float:
    """Return the share of a lesion that lies in a hemiliver."""
    return sum(lesion.segments.get(s, 0.0) for s in _segments(side))


def _note(rule: DiseaseRule, answer: str) -> DiseaseNote:
    return DiseaseNote(rule.id, answer or rule.answer, rule.sentence, rule.source, rule.where, rule.verified)


_Said = Iterator[tuple[str, str]]
"""Rules that speak, each with its answer; an empty answer is the rule's own."""


def _primary(given: _Given) -> _Said:
    """Yield what the primary says: bowel first, liver first, or both in one operation."""
    primary = given.patient.tumour.primary
    together = [s for s in given.course.operations if s.with_primary]
    if any(s.major and s.with_primary == "major" for s in together):
        yield "primary.combined_major", ""
    if together and not any(s.major for s in together):
        yield "primary.combined_limited", ""
    if together and given.patient.age >= given.evidence.value("disease.synchronous.age_from"):
        yield "primary.combined_elderly", ""
    # The bowel that is still there and in no operation comes after the liver.
    if primary == "resected" and not together:
        yield "primary.first", ""
    if primary == "in_place" and not together:
        yield "primary.liver_first", ""
    first = next(iter(given.course.operations), None)
    if primary == "symptomatic" and (first is None or not first.with_primary):
        yield "primary.symptomatic", ""


def _outside(given: _Given) -> _Said:
    """Yield what metastases outside the liver say."""
    sites = given.patient.tumour.extrahepatic or ()
    for site in sites:
        if site in _SITES:
            yield _SITES[site], ""
    if sites and (any(site in _STAYS for site in sites) or not given.course.all_cleared):
        yield "organs.several", ""


def _genes(given: _Given) -> _Said:
    """Yield what genes and side say to the treatment planned and to resection."""
    tumour = given.patient.tumour
    if given.anti_egfr_planned and tumour.ras == "mutant":
        yield "ras.egfr", ""
    if given.anti_egfr_planned and tumour.ras != "mutant" and tumour.side == "right":
        yield "side.egfr", ""
    if tumour.braf == "mutant" and given.course.operations:
        yield "braf.any", ""


def _treatment(given: _Given) -> _Said:
    """Yield what the months on one regimen say."""
    planned, unseen = Counter[str](), Counter[str]()  # days
    longest = 0
    for step in given.course.steps:
        if step.kind == "scan":
            unseen.clear()
        elif step.kind == "treat":
            days = round(step.cycles * cycle_days(step.regimen or "", given.evidence))
            planned[step.regimen or ""] += days
            unseen[step.regimen or ""] += days
            longest = max(longest, *unseen.values())
    if longest and longest / DAYS_PER_MONTH > given.evidence.value("disease.regimen.months_first_look"):
        yield "regimen.reassess", ""
    for treatment in given.history:
        planned[treatment.regimen] += round(treatment.cycles * cycle_days(treatment.regimen, given.evidence))
    most = max(planned.values(), default=0)
    if most and most / DAYS_PER_MONTH > given.evidence.value("disease.regimen.months_limit"):
        yield "regimen.too_long", ""


def _vanished(given: _Given) -> _Said:
    if given.vanished:
        yield "lesions.vanished", ""


def _thrombus(given: _Given) -> _Said:
    """Yield what a portal tumour thrombus forces: at least the bearing segment, section or hemiliver goes."""
    level = given.patient.tumour.thrombus
    if level in (None, "none") or not given.course.operations:
        return
    territory = territory_of(level, given.bearing)
    taken = {_couinaud(s) for step in given.course.operations for s in step.resected}
    if territory:
        cleared = territory <= taken and (
            level != "Vp4" or any(step.thrombectomy for step in given.course.operations)
        )
        yield f"thrombus.{level.lower()}", ALLOWS if cleared else FORBIDS
    for step in given.course.steps:
        closing = occlusion_rule(level, given.bearing, step.technique, step.occluded, given.evidence)
        if closing is not None:
            yield closing.id, ""
    if level == "Vp3":
        yield "thrombus.vp3_recurs", ""
    if level == "Vp4":
        yield "thrombus.vp4_few", ""


def occlusion_rule(
    level: str | None,
    bearing: str | None,
    technique: str | None,
    occluded: Collection[str],
    evidence: Evidence,
) -> DiseaseRule | None:
    """Return the rule about closing portal branches of which one holds a thrombus; None where none holds it.

    Parameters
    ----------
    occluded : segments that lose their portal inflow.
    """
    held = territory_of(level, bearing) & {_couinaud(s) for s in occluded}
    if not held or technique is None or technique == RADIATION:
        return None
    id = f"thrombus.{'embolized' if technique in EMBOLIZES and level in EXTENSIVE else 'occluded'}"
    return next((rule for rule in evidence.disease_rules if rule.id == id), None)


def closing_rule(
    plan: Plan, level: str | None, bearing: str | None, present: tuple[str, ...], evidence: Evidence
) -> DiseaseRule | None:
    """Return the strictest rule about the portal branches that a plan closes; None where none holds a thrombus.

    Parameters
    ----------
    present : segments of the liver.
    """
    closings = [step.action for step in plan.steps if isinstance(step.action, Occlude)]
    said = [
        rule
        for a in closings
        if (rule := occlusion_rule(level, bearing, a.technique, occluded_segments(a, present), evidence))
    ]
    return next((rule for rule in said if rule.answer == FORBIDS), said[0] if said else None)


def territory_of(level: str | None, bearing: str | None) -> frozenset[str]:
    """Return the Couinaud segments behind a thrombus that starts in `bearing`; empty where that is not known.

    Vp1 takes the segment, Vp2 its section, Vp3 and Vp4 its hemiliver.
    """
    if bearing is None:
        return frozenset()
    bearing = _couinaud(bearing)
    if level == "Vp1":
        return frozenset({bearing})
    sections = [s for s in SECTIONS.values() if (s.name in HEMILIVERS) == (level in ("Vp3", "Vp4"))]
    return frozenset(segment for s in sections if bearing in s.segments for segment in s.segments)


def _couinaud(segment: str) -> str:
    return "S4" if segment in ("S4a", "S4b") else segment


_COLORECTAL: tuple[Callable[[_Given], _Said], ...] = (_primary, _outside, _genes, _treatment, _vanished)
_HEPATOCELLULAR: tuple[Callable[[_Given], _Said], ...] = (_thrombus,)

_SPOKEN: Mapping[str, str] = {
    "crlm": "colorectal liver metastases",
    "hcc": "hepatocellular carcinoma",
    "cholangiocarcinoma": "cholangiocarcinoma",
    "other": "this disease",
}


def _unjudged(given: _Given) -> Iterator[str]:
    """Yield what was supplied and no rule speaks of."""
    patient, course = given.patient, given.course
    colorectal = patient.disease == "crlm"
    sites = [s for s in patient.tumour.extrahepatic or () if not colorectal or s not in _SITES]
    if sites:
        names = ", ".join(site.replace("_", " ") for site in sites)
        yield f"no rule here speaks of {names} in {_SPOKEN[patient.disease]}"
    if any(s.with_primary == "minor" and s.major for s in course.operations):
        yield "no rule here speaks of a major hepatectomy with a minor colorectal resection"
    if patient.disease == "hcc":
        level = patient.tumour.thrombus
        if level not in (None, "none") and course.operations and not territory_of(level, given.bearing):
            yield f"{level}: which branch holds the thrombus is not known"
