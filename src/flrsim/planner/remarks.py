"""What the days of a plan mean that can be planned and hardly acted on: said beside the control, with the number that says so."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from flrsim.evidence import Evidence, Parameter
from flrsim.evidence.trials import load_trials
from flrsim.physiology.adequacy import family, never_after_rule, volumetry_rule
from flrsim.plan import TITLES, Occlude, Plan
from flrsim.planner.shape import deciding_scan, from_day
from flrsim.planner.why import published

TWO_STAGE = "search.interval.two_stage"
PARTITION = "search.interval.alpps"
"""Published intervals of techniques that have one, and the range around it."""


@dataclass(frozen=True)
class Remark:
    """What a day means, and the number that says so, with its source in words."""

    text: str
    source: str


def remarks(plan: Plan, evidence: Evidence) -> dict[str, tuple[Remark, ...]]:
    """Return what is to be said of a plan's days, by control.

    Remarks refuse nothing: an early scan is still a scan, and the simulation judges what it would show.
    """
    start, scan, last = from_day(plan), deciding_scan(plan), plan.operations[-1].day
    if start is None:
        return {}
    technique, days = _last_technique(plan), last - start
    after = f"the {TITLES[technique]}" if technique else "the first operation"
    out: dict[str, list[Remark]] = {"interval_days": [], "scan_day": []}
    if technique:
        rule = volumetry_rule(technique, evidence)
        early = f"volume is acted on from {rule.value:g} days after {after} on"
        if days < rule.value:
            said = f"{days} days are too few for any scan to judge: {early}"
            out["interval_days"].append(Remark(said, _source(rule, evidence)))
        elif scan is not None and scan - start < rule.value:
            said = f"the scan comes {scan - start} days after {after}, too early to judge: {early}"
            out["scan_day"].append(Remark(said, _source(rule, evidence)))
    out["interval_days"] += _shorter(technique, days, evidence)
    never = never_after_rule(technique, evidence)
    if days > never.value:
        said = f"{days} days: volume not reached {never.value:g} days after {after} counts as never reached"
        out["interval_days"].append(Remark(said, _source(never, evidence)))
    return {control: tuple(said) for control, said in out.items() if said}


def _shorter(technique: str, days: int, evidence: Evidence) -> list[Remark]:
    """Return that an interval is shorter than those that were published of its technique."""
    out = []
    usual = {"": TWO_STAGE, "partition": PARTITION}.get(family(technique) if technique else "")
    if usual is not None:
        p = evidence[usual]
        if p.range is not None and days < p.range[0]:
            low, high = p.range
            said = (
                f"{days} days are fewer than the {low:g} to {high:g} around the published mean of {p.value:g}"
            )
            out.append(Remark(said, _source(p, evidence)))
    shortest = published_intervals().get(technique)
    if shortest is not None and days < shortest[0]:
        low, key, n = shortest
        (reference,) = evidence.references((), also=(key,))
        said = (
            f"{days} days are fewer than the shortest published interval of {TITLES[technique]}, {low:g} days"
        )
        out.append(Remark(said, f"{n} patients, {reference.citation()}"))
    return out


@functools.cache
def published_intervals() -> dict[str, tuple[float, str, int | None]]:
    """Return the shortest interval that the studies print of each technique: days, key of the source, patients."""
    out: dict[str, tuple[float, str, int | None]] = {}
    for study in load_trials():
        for n in study.numbers:
            if n.quantity == "interval_days" and n.interval == "printed_range" and not n.against:
                technique = str(study.arms[n.arm].get("technique", ""))
                if n.low is not None and (technique not in out or n.low < out[technique][0]):
                    out[technique] = (n.low, study.source, n.n)
    return out


def _last_technique(plan: Plan) -> str:
    """Return the last stimulus before the last operation; empty without one."""
    last = plan.operations[-1].day
    closed = [s.action.technique for s in plan.steps if isinstance(s.action, Occlude) and s.day <= last]
    return closed[-1] if closed else ""


def _source(p: Parameter, evidence: Evidence) -> str:
    """Return a number with how sure it is and where it comes from."""
    told = published(p, evidence)
    spread = "" if p.low is None else f" ({told.spread})"
    source = told.source if p.source else "no source"
    return f"{p.id}: {p.value:g} {p.unit}s{spread}, {told.kind}, {source}. {told.note}".strip()
