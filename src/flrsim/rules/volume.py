"""Rules on the volume of the FLR and on how it grew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from flrsim.draws import Floats
from flrsim.evidence import BODY_WEIGHT, MEASURED_LIVER, Evidence
from flrsim.patient import Patient
from flrsim.physiology.adequacy import asked_of, share_name, volume_rule
from flrsim.rules.result import RuleResult, drawn, joined, measured
from flrsim.timeline import Timeline

GRAMS_PER_KG = 1000.0


def flr_ml(timeline: Timeline) -> Floats:
    """Return the FLR of every draw on the day of the last operation, or of the last decision, mL."""
    decision = timeline.at_resection or timeline.decisions[-1]
    return decision.flr_ml


def volume(timeline: Timeline, patient: Patient, flr: Floats, evidence: Evidence) -> list[RuleResult]:
    """Return the rules on sFLR and on FLR per body weight, the binding one first.

    The sFLR rule of the patient's population is binding. Within one cycle of the chemotherapy step the
    neighbouring rule is shown beside it. Rules in FLR per body weight take 1 mL as 1 g, the scale they were
    quoted on.

    Parameters
    ----------
    flr : (n_draws,), mL.
    """
    held = timeline.population
    beside = [_sflr(timeline, name, False, flr, evidence) for name in held.also]
    weight = evidence["rules.flr_body_weight." + ("cirrhosis" if held.name == "cirrhosis" else "normal")]
    row = drawn(
        weight,
        "FLR / body weight",
        flr / (patient.weight_kg * GRAMS_PER_KG),
        formula=BODY_WEIGHT,
        note=weight.note,
    )
    return [
        _sflr(timeline, held.name, True, flr, evidence),
        *beside,
        _by_volume(row, f"FLR / body weight ≥ {weight.value:.1%}", flr, patient.weight_kg * GRAMS_PER_KG),
    ]


def _sflr(timeline: Timeline, population: str, bind: bool, flr: Floats, evidence: Evidence) -> RuleResult:
    """Return the rule of one population on the share of the liver that stays, asked with its own denominator."""
    rule, telv, held = volume_rule(population, evidence), timeline.telv, timeline.population
    notes = [
        f"binding: {held.reason}" if bind else f"beside it: within one cycle of the step ({held.reason})"
    ]
    of_liver = rule.denominator == MEASURED_LIVER
    formula = MEASURED_LIVER if of_liver else telv.formula
    if bind and timeline.growth_law_disagrees:
        notes.append("depends on the growth law")
    scale = asked_of(rule, timeline.course.tlv_functional_ml, telv.ml or np.nan)
    quantity = share_name(rule)
    row = drawn(rule, quantity, flr / scale, formula=formula, note=joined(notes))
    return replace(_by_volume(row, f"{quantity} ≥ {rule.value:.0%}", flr, scale), binding=bind)


def _by_volume(row: RuleResult, title: str, flr: Floats, scale_ml: float) -> RuleResult:
    """Return a rule on FLR / `scale_ml` with its distance in mL."""
    return replace(row, title=title, distance_ml=float(np.median(flr)) - row.threshold * scale_ml)


def response(timeline: Timeline, evidence: Evidence) -> list[RuleResult]:
    """Return the response gates at the volumetry; without values when it comes too early."""
    found = timeline.response
    if found is None:
        return []
    rows = []
    for id, quantity, title, draws in (
        ("rules.kgr", "growth rate", "growth rate ≥ {:.1f} points/week at the scan", found.kgr_per_week),
        *(
            (
                f"rules.degree_of_hypertrophy.{name}",
                "degree of hypertrophy",
                "degree of hypertrophy ≥ {:.1f} points at the scan",
                found.degree_of_hypertrophy,
            )
            for name in ("shindoh", "ribero")
        ),
    ):
        rule, formula = evidence[id], timeline.telv.formula
        note = found.reason or rule.note
        if draws is None:
            row = measured(rule, quantity, None, formula=formula, note=note)
        else:
            row = drawn(rule, quantity, draws, formula=formula, note=note)
        rows.append(replace(row, title=title.format(100 * rule.value)))
    return rows
