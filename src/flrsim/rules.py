"""Thresholds as a list of rules, each with its population, its denominator and its source; never one number.

Volume rules are asked of the FLR on the day of the last operation. Response rules (growth rate, degree of
hypertrophy) are asked once, at the first volumetry after an occlusion, and never on a running day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from flrsim.draws import Floats, share
from flrsim.evidence import Evidence
from flrsim.patient import Patient
from flrsim.physiology.telv import THRESHOLD_FORMULA
from flrsim.timeline import Timeline

BODY_WEIGHT = "body weight"
GRAMS_PER_KG = 1000.0
MOST_DIGITS = 3


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
    error_low, error_high : the value with the 80 % error of measurement alone; None where it does not apply.
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
    error_low: float | None = None
    error_high: float | None = None

    @property
    def inside_error(self) -> bool:
        """Whether the threshold lies within the error of measurement."""
        if self.error_low is None or self.error_high is None:
            return False
        return self.error_low < self.threshold <= self.error_high

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


def with_error(rules: Sequence[RuleResult], relative: float) -> tuple[RuleResult, ...]:
    """Return the volume rules with the error of measurement, and a warning where the threshold lies inside it.

    A volume that was measured too large grows too large: the error is the same share of the value on every day. The
    denominator is that of the rule, so the choice of another formula is no error of it.

    Parameters
    ----------
    relative : half of the 80 % interval of the FLR on the imaging day, as a share of the FLR.
    """
    return tuple(_with_error(rule, relative) for rule in rules)


def _with_error(rule: RuleResult, relative: float) -> RuleResult:
    if rule.value is None or rule.distance_ml is None:
        return rule
    low, high = rule.value * max(1.0 - relative, 0.0), rule.value * (1.0 + relative)
    judged = replace(rule, error_low=low, error_high=high)
    if not judged.inside_error:
        return judged
    return replace(judged, note="; ".join(part for part in (rule.note, error_warning(judged)) if part))


def error_warning(rule: RuleResult) -> str:
    """Return the sentence about a threshold that lies within the error of measurement."""
    low, high, limit = (100 * (v or 0.0) for v in (rule.error_low, rule.error_high, rule.threshold))
    # FLR per body weight is a fraction of a percent; and the limits must be seen to lie on either side.
    digits = 1 if rule.formula == BODY_WEIGHT else 0
    said = f"{limit:.{digits}f}"
    while said in (f"{low:.{digits}f}", f"{high:.{digits}f}") and digits < MOST_DIGITS:
        digits += 1
        said = f"{limit:.{digits}f}"
    return f"the {limit:g} % rule lies inside the error of {low:.{digits}f}–{high:.{digits}f} %"


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
    title = f"FLR / body weight ≥ {evidence.value(id):.1%}"
    scale = patient.weight_kg * GRAMS_PER_KG
    return _volume_row(timeline, id, title, BODY_WEIGHT, scale, False, evidence[id].note, evidence, counted)


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
