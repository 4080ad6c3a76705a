"""One rule as it is shown: what it asks, of whom it was found, how a plan stands to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from flrsim.draws import Floats, share
from flrsim.evidence import BODY_WEIGHT, Parameter
from flrsim.rules.population import found_in_other_disease

AT_LEAST, AT_MOST, BELOW = "at_least", "at_most", "below"
"""On which side of its threshold a value meets a rule."""

RECALLED = "recalled, not verified: shown, not used for the verdict"
MOST_DIGITS = 3

_PRINTED = {
    "fraction": " %",
    "fraction/week": " points/week",
    "1/min": "/min",
    "ug/kg/h": " µg/kg/h",
    "fraction/min/m2": " %/min/m²",
    "mg/dL": " mg/dL",
    "1e9/L": " × 10⁹/L",
}
"""How a unit is printed; shares in percent."""


@dataclass(frozen=True)
class RuleResult:
    """One rule and how the plan stands to it.

    Attributes
    ----------
    rule : id of the threshold in the evidence.
    title : the rule as printed.
    threshold, value : same unit (`unit`); value is the median of the draws or what was measured, None where the
        rule cannot be asked.
    formula : denominator that the plan is asked with; empty without one.
    denominator : the one that the threshold was found with, from the evidence; empty where it names none.
    p_pass : share of draws that meet the threshold; None where the rule cannot be asked or nothing is drawn.
    distance_ml : median FLR minus the FLR that the threshold needs, negative when short; None for rates.
    binding : the sFLR rule that holds for this patient.
    error_low, error_high : the value with the 80 % error of measurement alone; None where it does not apply.
    quantity : what is measured, in words.
    definition : what exactly the number measures, from the evidence.
    direction : ``at_least``, ``at_most`` or ``below`` the threshold meets the rule.
    met : whether the value meets the rule; None where it cannot be asked.
    verified : whether the threshold was found in its source; a recalled one does not enter the verdict.
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
    quantity: str = ""
    definition: str = ""
    direction: str = AT_LEAST
    met: bool | None = None
    verified: bool = True
    denominator: str = ""

    @property
    def inside_error(self) -> bool:
        """Whether the threshold lies within the error of measurement."""
        if self.error_low is None or self.error_high is None:
            return False
        return self.error_low < self.threshold <= self.error_high

    def to_dict(self) -> dict[str, object]:
        """Return the JSON form."""
        return dict(self.__dict__)


def measured(
    parameter: Parameter,
    quantity: str,
    value: float | None,
    *,
    direction: str = AT_LEAST,
    formula: str = "",
    note: str = "",
    whom: str = "",
    p_pass: float | None = None,
) -> RuleResult:
    """Return the row of a rule on one number, or on the median of drawn ones.

    Parameters
    ----------
    whom : for which resection the threshold holds, in words; empty for any.
    """
    sign = {AT_LEAST: "≥", AT_MOST: "≤", BELOW: "<"}[direction]
    met = None
    if value is not None:
        limit = parameter.value
        met = (
            value >= limit
            if direction == AT_LEAST
            else value <= limit
            if direction == AT_MOST
            else value < limit
        )
    notes = (
        note,
        "" if parameter.verified else RECALLED,
        _found_with(parameter.denominator, formula) if formula else "",
    )
    return RuleResult(
        rule=parameter.id,
        title=f"{quantity} {sign} {_text(parameter.value, parameter)}" + (f" for {whom}" if whom else ""),
        threshold=parameter.value,
        unit=parameter.unit,
        formula=formula,
        population=parameter.population,
        value=value,
        p_pass=p_pass,
        distance_ml=None,
        binding=False,
        note=joined(notes),
        source=parameter.source,
        quantity=quantity,
        definition=parameter.definition,
        direction=direction,
        met=met,
        verified=parameter.verified,
        denominator=parameter.denominator,
    )


def drawn(
    parameter: Parameter, quantity: str, draws: Floats, *, formula: str = "", note: str = "", whom: str = ""
) -> RuleResult:
    """Return the row of a rule that asks every draw for at least its threshold."""
    passed = share(draws >= parameter.value)
    return measured(
        parameter, quantity, float(np.median(draws)), formula=formula, note=note, whom=whom, p_pass=passed
    )


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
    return replace(judged, note=joined((rule.note, error_warning(judged))))


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


def conflicts(rules: Sequence[RuleResult], disease: str | None = None) -> tuple[str, ...]:
    """Return a sentence for every rule that answers otherwise than the binding one; nothing is averaged.

    Parameters
    ----------
    disease : the patient's; a rule that was found in patients of another says so.
    """
    asked = [rule for rule in rules if rule.met is not None]
    held = next((rule for rule in asked if rule.binding), None)
    if held is None:
        return ()
    return tuple(
        f"{_stands(held, disease)} but {_stands(rule, disease)}" for rule in asked if rule.met != held.met
    )


def _stands(rule: RuleResult, disease: str | None) -> str:
    """Return how a plan stands to a rule, in words."""
    value, limit = _beside(rule)
    word = "meets" if rule.met else "is below" if rule.direction == AT_LEAST else "is above"
    other = "another disease than this patient's" if found_in_other_disease(rule.population, disease) else ""
    whom = ", ".join(part for part in (rule.population, other, "" if rule.verified else "recalled") if part)
    return f"{rule.quantity} {value} {word} {limit}" + (f" ({whom})" if whom else "")


def _beside(rule: RuleResult) -> tuple[str, str]:
    """Return value and threshold as printed, the value with as many digits as show on which side it lies."""
    sign = " points" if rule.rule.startswith("rules.degree_of_hypertrophy") else _PRINTED[rule.unit]
    value, limit = _scaled(rule.value or 0.0, rule.unit), _scaled(rule.threshold, rule.unit)
    digits = len(f"{limit:g}".partition(".")[2])
    text = f"{value:.{digits}f}"
    while text == f"{limit:.{digits}f}" and digits <= MOST_DIGITS:
        digits += 1
        text = f"{value:.{digits}f}"
    return text + sign, f"{limit:g}{sign}"


def _found_with(denominator: str, formula: str) -> str:
    """Return what is said of a rule that is asked with another denominator than its own; empty for its own."""
    if not denominator or denominator == formula:
        return ""
    return f"found with {denominator}, here asked with {formula}"


def _text(value: float, parameter: Parameter) -> str:
    return f"{_scaled(value, parameter.unit):g}{_PRINTED[parameter.unit]}"


def _scaled(value: float, unit: str) -> float:
    """Return a value as printed: shares in percent."""
    return 100 * value if unit.startswith("fraction") else value


def joined(notes: Iterable[str]) -> str:
    """Return notes as one text; a full stop within it would end a sentence that goes on."""
    return "; ".join(part.removesuffix(".") for part in notes if part)
