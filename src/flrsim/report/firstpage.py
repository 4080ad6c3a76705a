"""What a tumour board reads of one plan in half a minute: the rows of its first page, as printed text.

The order is that of the questions: what stays, what becomes of each lesion, is it enough, when, at what risk, and what
if it fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flrsim.report import format as show
from flrsim.report import risks
from flrsim.report.cell import Cell
from flrsim.report.perfusion import uncounted, without_lost
from flrsim.report.rules import called, found_in, rule_family, rule_label, rule_number
from flrsim.report.tables import shares, verdict
from flrsim.results import (
    Comparison,
    LesionVolume,
    PlanDate,
    PlanResult,
    RuleOutcome,
    StayingSegment,
)

SHORTEST_LONG_TEXT = 140
"""Headlines are cut here; the same text stands whole further down."""
VOLUME_KINDS = ("percent", "percent1")
"""How rules of volume are printed: shares of a liver, shares of the weight."""
FATES = {"kept": "kept", "along": "dissected free", "lost": "lost", "not_supplied": "not supplied"}
REASONS = {
    "progression": "tumour progresses",
    "growth": "remnant too small",
    "complication": "complication",
}
"""Why a plan is not completed; deaths have a row of their own."""
OPTIONS_HEAD = {"growth": "If the remnant does not grow", "tumour": "If the tumour grows"}
REASON_OF = {"growth": "growth", "tumour": "progression"}


@dataclass(frozen=True)
class Headline:
    """The answer in four parts: what stays, what goes, the first worry, the date."""

    stays: str
    goes: tuple[str, ...]
    worry: str
    date: str


@dataclass(frozen=True)
class PlanB:
    """What is left to do when one thing fails: possible options, and those that are not."""

    title: str
    options: tuple[str, ...]
    not_possible: tuple[str, ...] = ()


def leading_question(comparison: Comparison) -> str:
    """Return the question that all plans of a case answer."""
    n = len(comparison.lesions)
    binding = next((r for p in comparison.plans for r in p.rules if r.binding), None)
    enough = "is what then stays enough, and when?"
    if binding is not None:
        rule = f"{called(binding)[0]} of {rule_number(binding)(binding.threshold, 0)}"
        enough = f"does what then stays reach {rule}, and when?"
    if not n:
        return enough[0].upper() + enough[1:]
    lesions = {1: "the lesion", 2: "both lesions"}.get(n, f"all {n} lesions")
    return f"Can {lesions} be cleared, {enough}"


def headline(plan: PlanResult) -> Headline:
    """Return a plan's answer in four parts."""
    stays = f"{', '.join(plan.flr_segments) or show.NONE}: {show.plus_minus(plan.flr_ml, plan.flr_ml_interval, show.ml)}"
    if plan.flr_ml_at_resection is not None and len(plan.dates or plan.steps) > 1 and plan.resection_day:
        stays += f" now, {show.interval(plan.flr_ml_at_resection, show.ml)} on {show.day(plan.resection_day)}"
    several = len(plan.stages) > 1
    goes = tuple(
        clipped(f"stage {s.stage}, {show.day(s.day)}: {s.operation}" if several else s.operation)
        for s in plan.stages
    )
    worry = plan.blocking or next(
        (f"{show.words(name)} was not supplied" for name in plan.not_supplied), "nothing in this model"
    )
    return Headline(stays, goes, worry, _date(plan))


def clipped(text: str, most: int = SHORTEST_LONG_TEXT) -> str:
    """Return a text that fits a headline, its end left out where it is too long."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _date(plan: PlanResult) -> str:
    """Return when it is done, and on which day that is decided."""
    if plan.resection_day is None:
        return show.NONE
    last = f"{'stage ' + str(len(plan.stages)) if len(plan.stages) > 1 else 'operation'} on {show.day(plan.resection_day)}"
    decided = next((f.day for f in plan.fallbacks if f.when == "growth"), None)
    if decided is None or decided == plan.resection_day:
        return last
    return f"{last}, decided on {show.day(decided)}"


STAYING_HEAD = ("Segment", "mL", "Portal branch", "Hepatic vein", "Bile duct")


@dataclass(frozen=True)
class Staying:
    """Each segment that stays and what it hangs on; what was supplied of no segment is said once instead."""

    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    not_supplied: tuple[str, ...]


def staying(plan: PlanResult) -> Staying:
    """Return what stays: mL, portal branch, hepatic veins, bile duct of each segment."""
    on_it = {v.name: v.on_it for v in plan.perfusion.veins if v.on_it} if plan.perfusion else {}
    rows = [
        (
            Cell(s.name),
            Cell(show.ml(s.ml)),
            _branch(s),
            _veins(s, on_it),
            Cell(FATES.get(s.duct, s.duct), "quiet"),
        )
        for s in plan.staying
    ]
    unknown = {k for k in (2, 3, 4) if all(row[k].tone == "quiet" for row in rows)}
    told = [k for k in range(len(STAYING_HEAD)) if k not in unknown]
    return Staying(
        tuple(STAYING_HEAD[k] for k in told),
        tuple(tuple(row[k] for k in told) for row in rows),
        tuple(f"{STAYING_HEAD[k].lower()}{'es' if k == 2 else 's'}" for k in sorted(unknown)),
    )


def _branch(s: StayingSegment) -> Cell:
    branch = "trunk" if s.portal == "main" else s.portal.replace("_", " ")
    return _fate(branch, s.portal_fate)


def _veins(s: StayingSegment, on_it: Mapping[str, Mapping[str, float]]) -> Cell:
    """Return the fate of each vein; `on_it` are lesions that are taken off a kept one, mm by vein and lesion."""
    cells = []
    for vein, fate in s.veins.items():
        cell = _fate(vein.removeprefix("inferior "), fate)
        lesions = ", ".join(f"{name} {show.millimetres(mm)} away" for name, mm in on_it.get(vein, {}).items())
        cells.append(Cell(f"{cell.text} ({lesions})", "loud") if lesions else cell)
    known = [c for c in cells if c.tone != "quiet"] or cells[:1]
    tone = "loud" if known and all(c.tone == "loud" for c in known) else known[0].tone if known else "quiet"
    return Cell(
        ", ".join(c.text for c in known) or show.NONE, "" if tone == "loud" and len(known) > 1 else tone
    )


def _fate(name: str, fate: str) -> Cell:
    return Cell(f"{name} {FATES.get(fate, fate)}", {"lost": "loud", "not_supplied": "quiet"}.get(fate, ""))


def where(lesion: LesionVolume) -> str:
    """Return the segments a lesion lies in, the largest share first."""
    return shares(lesion.segments)


@dataclass(frozen=True)
class Numbers:
    """The remnant in mL, as sFLR and as share of the weight: now, and at resection where something grows before it."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    formula: str


def numbers(comparison: Comparison, plan: PlanResult) -> Numbers:
    """Return the numbers of the remnant, and the formula of sFLR."""
    telv = next((t for t in comparison.telv if t.formula == comparison.telv_formula), None)
    lines = [
        (
            "FLR",
            show.plus_minus(plan.flr_ml, plan.flr_ml_interval, show.ml),
            show.interval(plan.flr_ml_at_resection, show.ml),
        )
    ]
    formula = ""
    if plan.sflr is not None and telv is not None:
        formula = f"sFLR = FLR / {show.ml(telv.ml)} (TELV, {show.words(telv.formula)})"
        lines.append(
            (
                "sFLR",
                show.plus_minus(plan.sflr, plan.sflr_interval, show.percent),
                show.interval(plan.sflr_at_resection, show.percent),
            )
        )
    lost = uncounted(plan)
    if lost is not None and lost.sflr is not None and any(r.needs_lost_tissue for r in plan.rules):
        # What dies or swells does not make a liver large enough: where it decides, it stands beside the number that counts it.
        lines.append(
            (f"… {without_lost(plan)}", show.percent(lost.sflr), show.percent(lost.sflr_at_resection))
        )
    if plan.flr_body_weight is not None:
        lines.append(
            (
                "FLR / body weight",
                show.plus_minus(plan.flr_body_weight, plan.flr_body_weight_interval, _percent2),
                show.interval(plan.flr_body_weight_at_resection, _percent2),
            )
        )
    if plan.flr_ml_at_resection is None:
        return Numbers(("", "now"), tuple(line[:2] for line in lines), formula)
    return Numbers(("", "now", f"at resection, {show.day(plan.resection_day)}"), tuple(lines), formula)


def _percent2(value: float | None) -> str:
    return show.percent(value, 2)


@dataclass(frozen=True)
class RuleLine:
    """A rule of volume: what it asks, whether it binds and in whom it was found, the value with its error, the answer."""

    rule: str
    use: str
    value: str
    answer: Cell


def volume_rules(plan: PlanResult) -> tuple[RuleLine, ...]:
    """Return how the remnant stands to each rule of volume, its error of measurement beside it; binding ones first."""
    rules = [r for r in plan.rules if rule_family(r.rule)[1] in VOLUME_KINDS and r.value is not None]
    return tuple(_rule_line(r, plan) for r in sorted(rules, key=lambda r: not r.binding))


def _rule_line(rule: RuleOutcome, plan: PlanResult) -> RuleLine:
    number = rule_number(rule)
    text = show.against(rule.value, rule.threshold, number)
    if rule.error_low is not None and rule.error_high is not None:
        low, _, unit = number(rule.error_low, 0).partition(" ")
        text = f"{text.removesuffix(f' {unit}')} ({low}–{number(rule.error_high, 0).partition(' ')[0]}) {unit}".rstrip()
    met = rule.met if rule.met is not None else (rule.value or 0.0) >= rule.threshold
    answer = "met" if met else "missed"
    if rule.inside_error:
        answer += ", inside the error"
    if rule.p_pass is not None:
        answer += f"; P {show.probability(rule.p_pass)}"
    without = _without(rule, plan)
    if without:
        answer += f"; {without}"
    who = found_in(rule)
    use = "binding" if rule.binding else "for information" if rule.verified else "recalled, for information"
    return RuleLine(
        rule_label(rule),
        f"{use}{': ' if who else ''}{who}",
        text,
        Cell(answer, "loud" if rule.binding and (without or not met) else ""),
    )


def _without(rule: RuleOutcome, plan: PlanResult) -> str:
    """Return that the remnant misses a rule with what loses inflow or outflow not counted; empty where it does not."""
    if not rule.needs_lost_tissue:
        return ""
    return (
        f"{show.against(rule.value_without, rule.threshold, rule_number(rule))}, missed, {without_lost(plan)}"
    )


def calendar_rows(plan: PlanResult) -> tuple[tuple[str, str, str], ...]:
    """Return the plan's days: day, days since the one before, what is done; then from when on the volume suffices."""
    rows = []
    before: int | None = None
    for date in plan.dates:
        gap = "" if before is None or date.day == before else f"+{show.days(date.day - before)}"
        rows.append((show.day(date.day), gap, clipped(_what(date, several=len(plan.stages) > 1))))
        before = date.day
    if plan.earliest_day_volume_ok is not None:
        first = plan.earliest_day_volume_ok
        said = "volume " if first.median is None else "volume suffices from "
        rows.append(("", "", f"{said}{show.day_interval(first)} (relative growth law)"))
    return tuple(rows)


def _what(date: PlanDate, *, several: bool) -> str:
    stage = f"stage {date.stage}: " if several else ""
    words = {"last_dose": "last dose of ", "operate": stage}.get(date.kind, "")
    return f"{words}{date.text}"


def risk_rows(plan: PlanResult) -> tuple[tuple[str, str], ...]:
    """Return the simulated risks of a plan, death last; where few are operated on, first what the operation would be.

    Liver failure by further definitions stands beside other plans, in the comparison.
    """
    start: list[tuple[str, str]] = []
    if plan.p_complete is not None:
        start.append(("completed as planned", risks.of_all(plan, plan.p_complete)))
    ends = "stopped" if risks.several_steps(plan) else "not operated"
    for reason, p in plan.p_dropout.items():
        if p > 0 and reason != "death":
            start.append((f"{ends}: {REASONS.get(reason, show.words(reason))}", show.probability(p)))
    done: list[tuple[str, str]] = []
    failure = risks.range_text(plan.p_phlf)
    if failure:
        done.append((f"liver failure, {risks.WERE_IT_DONE}", failure))
        done += [(f"… {risks.OPERATED}", text) for text in (risks.failure_of_operated(plan),) if text]
        lost = uncounted(plan)
        if lost is not None and any(r.needs_lost_tissue for r in plan.rules):
            without = risks.range_text({"low": lost.p_phlf_low, "high": lost.p_phlf_high})
            done.append((f"… {without_lost(plan)}", without))
    major = []
    if plan.p_major_morbidity is not None:
        major.append(("major complication", risks.of_all(plan, plan.p_major_morbidity)))
    death = []
    if plan.p_death_90d is not None:
        death.append(("death within 90 days, of all who start", risks.of_all(plan, plan.p_death_90d)))
    # Who is turned away is not exposed to the operation: its own risk comes first where that is most of them.
    if risks.few_operated(plan):
        last = _last_death(plan, f"death after the last operation, {risks.WERE_IT_DONE}")
        return (*last, *done, *start, *major, *death)
    told = death and show.probability(plan.p_death_last) != show.probability(plan.p_death_90d)
    last = _last_death(plan, f"… after the last operation, were it done {risks.IN_ALL}") if told else ()
    return (*start, *done, *major, *death, *last)


def risk_remark(plan: PlanResult) -> str:
    """Return what liver failure does not contain, which stands below the risks; empty where nothing is to be said."""
    return str((plan.p_phlf or {}).get("remark") or "")


def _last_death(plan: PlanResult, label: str) -> tuple[tuple[str, str], ...]:
    """Return death after the last operation, were it done in all draws, and of those who are operated on."""
    if plan.p_death_last is None:
        return ()
    those = risks.death_of_operated(plan)
    beside = ((f"… after the last operation, {risks.OPERATED}", those),) if those else ()
    return ((label, show.probability(plan.p_death_last)), *beside)


def plan_b(comparison: Comparison, plan: PlanResult) -> tuple[PlanB, ...]:
    """Return what is left to do if growth or tumour fails: what can be carried out, and plans that begin alike."""
    out = []
    for when, title in OPTIONS_HEAD.items():
        found = [f for f in plan.fallbacks if f.when == when]
        if not found:
            continue
        p = plan.p_dropout.get(REASON_OF[when])
        # None are lost to it also where all are stopped before: that is no promise, and not said.
        share = f" ({show.probability(p)} of draws)" if p else ""
        alike = _begins_alike(comparison, plan) if when == "growth" else ()
        out.append(
            PlanB(
                f"{title}{share}, on {show.day(found[0].day)}",
                (*(f.sentence for f in found if f.possible), *alike),
                tuple(f.sentence for f in found if not f.possible),
            )
        )
    return tuple(out)


def _begins_alike(comparison: Comparison, plan: PlanResult) -> tuple[str, ...]:
    """Return the plans that do the same at first and something else later, with how they end."""
    out = []
    mine = _doings(plan)
    for number, other in enumerate(comparison.plans, start=1):
        theirs = _doings(other)
        same = 0
        while same < min(len(mine), len(theirs)) and mine[same][1:] == theirs[same][1:]:
            same += 1
        touched = any(d.kind in ("operate", "occlude") for d, *_ in mine[:same])
        if other is plan or not touched or same == len(theirs):
            continue
        sflr = show.interval(other.sflr_at_resection, show.percent)
        end = f"{verdict(other).lower()}, sFLR {sflr}" if other.sflr_at_resection else verdict(other).lower()
        next_step = theirs[same][0]
        out.append(
            f"compared as plan {number}, {clipped(other.name, 60)}: alike until {show.day(theirs[same - 1][0].day)}, "
            f"then {clipped(next_step.text, 60)} on {show.day(next_step.day)}: {end}"
        )
    return tuple(out)


def _doings(plan: PlanResult) -> list[tuple[PlanDate, int, str, str]]:
    """Return the steps of a plan without what came before it."""
    return [(d, d.day, d.kind, d.text) for d in plan.dates if d.kind not in ("last_dose", "images", "wait")]
