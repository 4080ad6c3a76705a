"""On which day a plan is asked what, what the simulation expects, and what follows when the answer is no."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flrsim.report import format as show
from flrsim.report.rules import called, rule_number
from flrsim.results import PlanDate, PlanResult, Quantiles, plain

BAIL_OUT = ("Day", "Asked", "Expected", "If not")


def bail_out_rows(plan: PlanResult) -> tuple[tuple[str, str, str, str], ...]:
    """Return every decision of a plan, in order: day, what is asked, what is expected, what follows if not."""
    touching = [d for d in plan.dates if d.kind in ("operate", "occlude")]
    operations = [d for d in touching if d.kind == "operate"]
    if not operations:
        return ()
    rows: list[tuple[str, str, str, str]] = []
    growth = {f.day for f in plan.fallbacks if f.when == "growth"}
    complication = plan.p_dropout.get("complication")
    for date in plan.dates:
        if date.kind == "scan" and date.day < operations[-1].day:
            rows.append(_at_scan(plan, date, deciding=date.day in growth))
        if date is operations[-1] and plan.fallbacks:
            rows.append(_before_the_last(plan, date, asks_volume=date.day in growth))
        if date is operations[0] and plan.not_supplied:
            rows.append(_at_the_first(plan, date))
        if date is touching[0] and date is not operations[-1] and complication:
            rows.append(_after_the_first(date, complication))
    return tuple(rows)


def _after_the_first(date: PlanDate, complication: float) -> tuple[str, str, str, str]:
    """Return what is asked once the first step has been survived."""
    expected = f"{show.probability(complication)} of draws go no further because of a complication"
    return (f"after {show.day(date.day)}", "has the patient recovered from the first step?", expected, "stop")


def _at_the_first(plan: PlanResult, date: PlanDate) -> tuple[str, str, str, str]:
    """Return what only the operation shows, since it was not supplied."""
    missing = ", ".join(map(show.words, plan.not_supplied))
    stays = ", ".join(plan.flr_segments)
    return (
        show.day(date.day),
        f"are {missing} of {stays} as the plan needs them? They were not supplied.",
        "not simulated",
        "nothing has been divided yet: another plan, or stop",
    )


def _at_scan(plan: PlanResult, date: PlanDate, *, deciding: bool) -> tuple[str, str, str, str]:
    expected = _volume_on(plan, date.day)
    if "measured" in date.text:
        expected = f"{date.text.removeprefix('scan, ')}; {expected}".removesuffix("; ")
    if not deciding:
        return (show.day(date.day), "how large is the remnant?", expected, "the plan goes on in any case")
    p = plan.p_dropout.get("growth")
    share = "" if p is None else f"{'; ' if expected else ''}{show.probability(p)} of draws stop here"
    return (show.day(date.day), _volume_question(plan), expected + share, _ways_out(plan, "growth"))


def _before_the_last(plan: PlanResult, date: PlanDate, *, asks_volume: bool) -> tuple[str, str, str, str]:
    p = plan.p_dropout.get("progression")
    asked = "can the tumour still be resected?"
    expected = (
        "" if p is None else f"{show.probability(p)} of draws have progressed before the last operation"
    )
    out = _ways_out(plan, "tumour")
    if asks_volume:
        asked = f"{_volume_question(plan)} {asked[0].upper()}{asked[1:]}"
        out = f"{_ways_out(plan, 'growth')}; {out}" if _ways_out(plan, "growth") != out else out
    return (show.day(date.day), asked, expected or show.NONE, out)


def _volume_question(plan: PlanResult) -> str:
    binding = next((r for r in plan.rules if r.binding), None)
    if binding is None:
        return "has the remnant grown enough?"
    return f"is {called(binding)[0]} at least {rule_number(binding)(binding.threshold, 0)}?"


def _volume_on(plan: PlanResult, day: int) -> str:
    """Return the FLR and sFLR that are expected on a day of decision."""
    for decision in plan.decisions:
        known: Mapping[str, Any] = plain(decision)
        if known.get("day") != day:
            continue
        parts = []
        for key, name, text in (("flr_ml", "FLR", show.ml), ("sflr", "sFLR", show.percent)):
            q = known.get(key)
            if q:
                parts.append(f"{name} {show.interval(Quantiles(q['median'], q['p10'], q['p90']), text)}")
        return ", ".join(parts)
    return ""


def _ways_out(plan: PlanResult, when: str) -> str:
    return "; ".join(f.sentence for f in plan.fallbacks if f.when == when and f.possible) or "stop"
