"""Six axes, worst first, and one sentence that says what stands in the way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from flrsim.disease import FORBIDS, WARNS, Disease
from flrsim.evidence import Evidence
from flrsim.perfusion import Deprivation, spoken
from flrsim.physiology.rescan import FEW
from flrsim.remnant import OnKeptVein, VesselAnswer
from flrsim.rules import RuleResult, error_warning
from flrsim.staging import Fate, StagedPlan
from flrsim.timeline import Timeline
from flrsim.verdict.axis import BORDERLINE, CANNOT_JUDGE, MEETS, MISSES, VERDICTS, Axis
from flrsim.verdict.clearance import clearance, judged

SPOKEN_FIRST = ("clearance", "volume_function", "vessels_bile", "disease", "time", "risk")
"""Among equally bad axes, the one whose sentence a surgeon needs first."""


@dataclass(frozen=True)
class Judgement:
    """All axes, the verdict of the worst and its sentence.

    Attributes
    ----------
    credit_note : what still counts tissue without inflow or outflow in full where the volume axis changes without it.
    """

    axes: tuple[Axis, ...]
    verdict: str
    blocking: str
    credit_note: str = ""


def judge(
    staged: StagedPlan,
    answers: Sequence[VesselAnswer],
    timeline: Timeline | None,
    rules: Sequence[RuleResult],
    evidence: Evidence,
    *,
    lesions_supplied: bool,
    deprived: Deprivation | None = None,
    rules_without: Sequence[RuleResult] = (),
    disease: Disease | None = None,
    on_veins: Sequence[OnKeptVein] = (),
) -> Judgement:
    """Return the judgement of a plan.

    Without a patient (`timeline` None) volume, time and risk cannot be judged.

    Parameters
    ----------
    deprived : what stays without inflow or outflow; None says nothing.
    rules_without : the rules with that tissue not counted at all.
    disease : what is known of disease outside the lesions; None knows nothing.
    on_veins : lesions that are taken off a kept vein.
    """
    laws_disagree = timeline is not None and timeline.growth_law_disagrees
    counted = _volume(timeline, rules, evidence, laws_disagree)
    uncounted = _uncounted(counted, timeline, rules_without, deprived, evidence)
    axes = (
        clearance(staged.fates, lesions_supplied, timeline, evidence, on_veins),
        _vessels(staged.fates, answers, deprived, evidence),
        _learnt(_credited(counted, uncounted, timeline, deprived, evidence), timeline),
        _time(timeline, evidence),
        _risk(timeline, evidence),
        _disease(disease or Disease()),
    )
    worst = max(
        sorted(axes, key=lambda a: SPOKEN_FIRST.index(a.name)), key=lambda a: VERDICTS.index(a.verdict)
    )
    blocking = worst.sentence
    if worst.verdict == MEETS:
        blocking = f"nothing stands against it under these rules; {axes[2].sentence}"
    return Judgement(axes, worst.verdict, blocking, _credit_note(uncounted))


def _vessels(
    fates: Sequence[Fate], answers: Sequence[VesselAnswer], deprived: Deprivation | None, evidence: Evidence
) -> Axis:
    no = [a.sentence for a in answers if a.answer == "no" and a.question != "contiguity"]
    if no:
        return Axis("vessels_bile", MISSES, no[0])
    vetoed = [f for f in fates if judged(f) == "vetoed"]
    if vetoed:
        f = vetoed[0]
        near = f.near
        where = "at a vessel: not a wedge"
        if near is not None:
            where = f"{near.distance_mm:.0f} mm from {near.name}: {near.instead_of_wedge}"
        return Axis("vessels_bile", MISSES, f"{f.lesion.name} lies {where}")
    unknown = [f.lesion.name for f in fates if judged(f) == "cannot_judge"]
    if unknown:
        return Axis(
            "vessels_bile", CANNOT_JUDGE, f"vessels not supplied: {', '.join(unknown)} cannot be judged"
        )
    parts = [a.sentence for a in answers if a.answer == "no"]
    if parts:
        return Axis("vessels_bile", BORDERLINE, parts[0])
    missing = [a.question for a in answers if a.answer == "not_supplied" and a.question != "bile"]
    if missing:
        return Axis(
            "vessels_bile",
            BORDERLINE,
            f"vessels not supplied: {' and '.join(missing)} of what stays are unchecked",
        )
    # Known to be lost is never better than unknown.
    if deprived is not None and deprived.share >= evidence.value("congestion.minor"):
        return Axis("vessels_bile", BORDERLINE, "; ".join(deprived.sentences))
    said = "portal inflow and venous outflow of what stays are kept; artery and bile were not supplied"
    if deprived is not None and deprived.sentences:
        said = "; ".join((said, *deprived.sentences))
    return Axis("vessels_bile", MEETS, said)


def _uncounted(
    full: Axis,
    timeline: Timeline | None,
    rules_without: Sequence[RuleResult],
    deprived: Deprivation | None,
    evidence: Evidence,
) -> Axis | None:
    """Return the volume axis with tissue without inflow or outflow not counted; None where that changes no verdict."""
    if timeline is None or deprived is None or not rules_without or deprived.ml <= 0:
        return None
    without = _volume(timeline, rules_without, evidence, timeline.growth_laws_without.disagrees)
    return None if without.verdict == full.verdict else without


def _credit_note(without: Axis | None) -> str:
    if without is None:
        return ""
    words = {MEETS: "meets the rules", BORDERLINE: "is borderline", CANNOT_JUDGE: "cannot be judged"}
    return (
        "completion, textbook outcome and the time axis count tissue that loses inflow or outflow in full; not counted, the "
        f"volume {words.get(without.verdict, 'does not meet the rules')}"
    )


def _credited(
    full: Axis,
    without: Axis | None,
    timeline: Timeline | None,
    deprived: Deprivation | None,
    evidence: Evidence,
) -> Axis:
    """Return the volume axis with tissue without inflow or outflow counted, and not counted.

    A verdict that changes with the credit of that tissue is borderline at best; where no credit meets the rules, the
    worst of them holds, unless the share of such tissue is smaller than its territories are known. Volume falls with
    the credit, so that its ends decide: what lies between meets no more than full credit and misses no more than none.
    """
    if without is None or timeline is None or deprived is None:
        return full
    doubtful = MEETS in (full.verdict, without.verdict) or deprived.share < evidence.value("congestion.minor")
    worst = max(full.verdict, BORDERLINE if doubtful else without.verdict, key=VERDICTS.index)
    none = next((c for c in timeline.credited if c.credit == 0), None)
    failure = (
        ""
        if none is None
        else f"; liver failure then {100 * none.p_phlf_low:.0f} to {100 * none.p_phlf_high:.0f} %"
    )
    # What stands in the way comes first: the plan is not judged by what it would be with all of it.
    said = (
        f"{spoken(deprived.either)} of what stays loses inflow or outflow; without it: {without.sentence}{failure}; "
        f"with it: {full.sentence}"
    )
    return Axis(full.name, worst, said)


def _learnt(axis: Axis, timeline: Timeline | None) -> Axis:
    """Return the volume axis, borderline at best where few draws foretold what was measured."""
    learnt = None if timeline is None else timeline.rescan
    if learnt is None or learnt.effective_sample_size >= FEW or axis.verdict not in (MEETS, BORDERLINE):
        return axis
    return Axis(axis.name, BORDERLINE, f"{axis.sentence}; {learnt.note}")


def _volume(
    timeline: Timeline | None, rules: Sequence[RuleResult], evidence: Evidence, laws_disagree: bool
) -> Axis:
    name = "volume_function"
    if timeline is None or not rules:
        return Axis(name, CANNOT_JUDGE, "no patient was supplied: the FLR cannot be held against body size")
    bound = next(r for r in rules if r.binding)
    value, p = bound.value or 0.0, bound.p_pass or 0.0
    said = (
        f"{bound.quantity or 'sFLR'} {_percent(value, bound.threshold)} against {100 * bound.threshold:.0f} %"
    )
    distance = bound.distance_ml or 0.0
    short = f", short by {-distance:.0f} mL" if distance < 0 else f", {distance:.0f} mL above"
    said = f"{said}{short} (rule met in {100 * p:.0f} % of draws)"
    if p < evidence.value("verdict.rule_missed") or distance < 0:
        verdict = MISSES
    elif p < evidence.value("verdict.rule_met"):
        verdict = BORDERLINE
    else:
        verdict = MEETS
    if verdict != MISSES and bound.inside_error:
        # What may be an error of measurement is not met: never better than borderline.
        verdict, said = BORDERLINE, f"{said}; {error_warning(bound)}"
    if laws_disagree:
        return Axis(name, BORDERLINE, f"depends on the growth law; {said}")
    if verdict == MISSES and distance >= 0:
        said = f"too seldom enough: {said}"
    least = evidence.value("verdict.rule_missed")
    missed = [
        r
        for r in rules
        if not r.binding and r.verified and (r.met is False if r.p_pass is None else r.p_pass < least)
    ]
    if verdict == MEETS and missed:
        return Axis(name, BORDERLINE, f"{missed[0].title} is missed; {said}")
    return Axis(name, verdict, said)


def _time(timeline: Timeline | None, evidence: Evidence) -> Axis:
    if timeline is None:
        return Axis("time", CANNOT_JUDGE, "no patient was supplied: growth cannot be simulated")
    last = timeline.course.last_operation
    if last is None:
        return Axis("time", CANNOT_JUDGE, "the plan has no operation")
    earliest = timeline.earliest[0]
    if earliest.never >= 1.0 - evidence.value("verdict.rule_missed"):
        return Axis("time", MISSES, f"volume is never sufficient in {100 * earliest.never:.0f} % of draws")
    if last.day < earliest.floor.day:
        return Axis(
            "time",
            BORDERLINE,
            f"operation on day {last.day}, before day {earliest.floor.day} ({earliest.floor.reason})",
        )
    if earliest.median is not None and last.day < earliest.median:
        return Axis(
            "time",
            BORDERLINE,
            f"operation on day {last.day}; volume suffices from day {earliest.median:.0f} (median)",
        )
    day = "" if earliest.median is None else f"volume suffices from day {earliest.median:.0f} (median), "
    return Axis(
        "time",
        MEETS,
        f"{day}operation on day {last.day}; completed in {100 * timeline.p_complete:.0f} % of draws",
    )


def _risk(timeline: Timeline | None, evidence: Evidence) -> Axis:
    if timeline is None:
        return Axis("risk", CANNOT_JUDGE, "no patient was supplied: risks cannot be simulated")
    limits = {"death": evidence.value("verdict.death_90d"), "liver failure": evidence.value("verdict.phlf")}
    whole, last = timeline.p_death_90d, timeline.p_death_last
    # How many drop out differs from plan to plan: the operation is judged as if it were done in all draws.
    worst = {"death": whole if last is None else max(whole, last)}
    those, start = (_percent(p, limits["death"]) for p in (whole if last is None else last, whole))
    said = f"simulated 90-day death {those}"
    if last is not None and timeline.p_operations_done == 0:
        said = f"in no draw is the last operation reached; were it done, {said}"
    elif last is not None and timeline.p_operations_done < 1:
        said = f"were the last operation done in all draws, {said}"
    if those != start and timeline.p_operations_done > 0:
        said = f"{start} of all who start die within 90 days; {said}"
    if timeline.p_phlf_low is not None and timeline.p_phlf_high is not None:
        worst["liver failure"] = timeline.p_phlf_high
        high_end = _percent(timeline.p_phlf_high, limits["liver failure"])
        said = f"{said}, liver failure {100 * timeline.p_phlf_low:.0f} to {high_end}"
    over = [f"{name} {100 * limits[name]:.0f} %" for name, p in worst.items() if p > limits[name]]
    if over:
        said = f"{said}; above the assumed limit: {', '.join(over)}"
    return Axis("risk", BORDERLINE if over else MEETS, said)


def _disease(disease: Disease) -> Axis:
    """Return the worst that a rule says; a recalled rule is shown elsewhere and decides nothing."""
    name, said = "disease", [n for n in disease.notes if n.verified]
    for answer, verdict in ((FORBIDS, MISSES), (WARNS, BORDERLINE)):
        if answer == WARNS and disease.unjudged:
            return Axis(name, CANNOT_JUDGE, "; ".join(disease.unjudged))
        sentences = [n.sentence for n in said if n.answer == answer]
        if sentences:
            return Axis(name, verdict, " ".join(sentences))
    if not disease.anything_supplied:
        return Axis(name, MEETS, "disease outside these lesions was not supplied", asked=False)
    rest = f"; not supplied: {', '.join(disease.not_supplied)}" if disease.not_supplied else ""
    return Axis(name, MEETS, f"nothing that was supplied speaks against it{rest}")


def _percent(value: float, threshold: float) -> str:
    """Return a share in whole percent, with a decimal where that is needed to show on which side of a threshold it lies."""
    # Halves are rounded up, as every report does.
    whole = f"{math.floor(100 * value + 0.5)}"
    return f"{100 * value:.1f} %" if whole == f"{100 * threshold:.0f}" else f"{whole} %"
