"""Thresholds as a list of rules, each with its population, its denominator and its source; never one number.

Volume rules are asked of the FLR on the day of the last operation. Response rules (growth rate, degree of
hypertrophy) are asked once, at the first volumetry after an occlusion, and never on a running day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flrsim.draws import Floats, share
from flrsim.evidence import Evidence
from flrsim.patient import Patient
from flrsim.physiology.telv import THRESHOLD_FORMULA
from flrsim.timeline import Timeline


@dataclass(frozen=True)
class RuleResult:
    """One rule and how the plan stands to it.

    Attributes
    ----------
    rule : id of the threshold in the evidence.
    title : the rule as printed.
    threshold, value : same unit (`unit`); value is the median of the draws, None where the rule cannot be
        asked.
    formula : denominator of the value and of the threshold.
    p_pass : share of draws at or above the threshold; None where the rule cannot be asked.
    distance_ml : median FLR minus the FLR that the threshold needs, negative when short; None for rates.
    binding : the sFLR rule that holds for this patient.
    """

    rule: str
    title: str
    threshold: float
    unit: str
    formula: str
    population: str
    value: float | None
    p_pass: float | None
    distance_ml: float | None
    binding: bool
    note: str
    source: str

    def to_dict(self) -> dict[str, object]:
        """Return the JSON form."""
        return dict(self.__dict__)


def evaluate(
    timeline: Timeline, patient: Patient, evidence: Evidence, *, counted: float = 1.0
) -> tuple[RuleResult, ...]:
    """Return every rule that concerns this patient and plan, the binding one first.

    Parameters
    ----------
    counted : share of the FLR that counts in the volume rules; below 1 when tissue without inflow or outflow does
        not.

    Notes
    -----
    The sFLR rule of the patient's population is binding. Within one cycle of the chemotherapy step the
    neighbouring rule is shown beside it. Rules in FLR per body weight take 1 mL as 1 g, the scale they were
    quoted on.
    """
    rows = [_sflr(timeline, timeline.population.name, True, evidence, counted)]
    rows += [_sflr(timeline, name, False, evidence, counted) for name in timeline.population.also]
    rows.append(_body_weight(timeline, patient, evidence, counted))
    if timeline.response is not None:
        rows += _response(timeline, evidence)
    return tuple(rows)


def binding(rules: tuple[RuleResult, ...]) -> RuleResult:
    """Return the sFLR rule that holds for the patient."""
    return next(rule for rule in rules if rule.binding)


def _flr_ml(timeline: Timeline) -> Floats:
    """Return the FLR of every draw on the day of the last operation, or of the last decision."""
    decision = timeline.at_resection or timeline.decisions[-1]
    return decision.flr_ml


def _volume_row(
    timeline: Timeline,
    id: str,
    title: str,
    formula: str,
    scale_ml: float,
    bind: bool,
    note: str,
    evidence: Evidence,
    counted: float,
) -> RuleResult:
    """Return a rule on FLR / `scale_ml`."""
    rule, flr = evidence[id], counted * _flr_ml(timeline)
    median = float(np.median(flr))
    return RuleResult(
        rule=id,
        title=title,
        threshold=rule.value,
        unit=rule.unit,
        formula=formula,
        population=rule.population,
        value=median / scale_ml,
        p_pass=share(flr >= rule.value * scale_ml),
        distance_ml=median - rule.value * scale_ml,
        binding=bind,
        note=note,
        source=rule.source,
    )


def _sflr(timeline: Timeline, population: str, bind: bool, evidence: Evidence, counted: float) -> RuleResult:
    """Return the sFLR rule of one population."""
    id, telv = f"rules.sflr.{population}", timeline.telv
    held = timeline.population
    notes = [
        f"binding: {held.reason}" if bind else f"beside it: within one cycle of the step ({held.reason})"
    ]
    if telv.formula != THRESHOLD_FORMULA:
        notes.append(f"found with {THRESHOLD_FORMULA}, here asked with {telv.formula}")
    if bind and timeline.growth_law_disagrees:
        notes.append("depends on the growth law")
    title = f"sFLR ≥ {evidence.value(id):.0%}"
    return _volume_row(
        timeline, id, title, telv.formula, telv.ml or np.nan, bind, "; ".join(notes), evidence, counted
    )


def _body_weight(timeline: Timeline, patient: Patient, evidence: Evidence, counted: float) -> RuleResult:
    """Return the rule on FLR per body weight, 1 mL taken as 1 g."""
    id = "rules.flr_body_weight." + ("cirrhosis" if timeline.population.name == "cirrhosis" else "normal")
    grams_per_kg = 1000.0
    title = f"FLR / body weight ≥ {evidence.value(id):.1%}"
    scale = patient.weight_kg * grams_per_kg
    return _volume_row(timeline, id, title, "body weight", scale, False, evidence[id].note, evidence, counted)


def _response(timeline: Timeline, evidence: Evidence) -> list[RuleResult]:
    """Return the response gates at the volumetry; without values when it comes too early."""
    response = timeline.response
    if response is None:
        return []
    rows = []
    for id, title, draws in (
        ("rules.kgr", "growth rate ≥ {:.1f} points/week at the scan", response.kgr_per_week),
        (
            "rules.degree_of_hypertrophy.shindoh",
            "degree of hypertrophy ≥ {:.1f} points at the scan",
            response.degree_of_hypertrophy,
        ),
        (
            "rules.degree_of_hypertrophy.ribero",
            "degree of hypertrophy ≥ {:.1f} points at the scan",
            response.degree_of_hypertrophy,
        ),
    ):
        rule = evidence[id]
        rows.append(
            RuleResult(
                rule=id,
                title=title.format(100 * rule.value),
                threshold=rule.value,
                unit=rule.unit,
                formula=timeline.telv.formula,
                population=rule.population,
                value=None if draws is None else float(np.median(draws)),
                p_pass=None if draws is None else share(draws >= rule.value),
                distance_ml=None,
                binding=False,
                note=response.reason or rule.note,
                source=rule.source,
            )
        )
    return rows
