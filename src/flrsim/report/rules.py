"""Rules as printed text: their names, their numbers, how a plan stands to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flrsim.evidence import MEASURED_LIVER
from flrsim.report import format as show
from flrsim.report.cell import Cell
from flrsim.results import Comparison, PlanResult, RuleOutcome

RULES: dict[str, tuple[str, str]] = {
    "sflr": ("sFLR", "percent"),
    "flr_body_weight": ("FLR / body weight", "percent1"),
    "kgr": ("Kinetic growth rate", "weekly"),
    "degree_of_hypertrophy": ("Degree of hypertrophy", "points"),
}
"""Rule families by the start of a rule's name: what it is called, and how its number is printed."""
UNITS: dict[str, tuple[float, int, str]] = {
    "fraction": (100.0, 0, " %"),
    "1/min": (1.0, 3, "/min"),
    "ug/kg/h": (1.0, 0, " µg/kg/h"),
    "fraction/min/m2": (100.0, 2, " %/min/m²"),
    "mg/dL": (1.0, 1, " mg/dL"),
    "1e9/L": (1.0, 0, " × 10⁹/L"),
}
"""Of further rules: factor, decimals and sign of a number by its unit."""
OTHER_DISEASE = "another disease than this patient's"
SIGNS = {"at_least": "≥", "at_most": "≤", "below": "<"}


def rule_labels(comparison: Comparison) -> list[tuple[tuple[Any, ...], str]]:
    """Return every rule that any plan was held against, binding ones first, with what it is called."""
    found: dict[tuple[Any, ...], tuple[bool, str]] = {}
    for rule in (r for p in comparison.plans for r in p.rules):
        label = rule_label(rule)
        if rule.population:
            label += f": {found_in(rule)}"
        before = found.get(_rule_key(rule), (False, label))
        found[_rule_key(rule)] = (before[0] or rule.binding, label)
    return [(key, label) for key, (binding, label) in sorted(found.items(), key=lambda item: not item[1][0])]


def rule_label(rule: RuleOutcome) -> str:
    """Return what one rule asks: name, formula where that is not in the name, and threshold."""
    title, kind = called(rule)
    if kind == "unit" and rule.title:
        return rule.title
    # An sFLR names its formula; another share has its denominator in its name.
    by_formula = kind == "percent" and rule.formula not in (None, "", MEASURED_LIVER)
    formula = f" ({show.words(rule.formula or '')})" if by_formula else ""
    return f"{title}{formula} {SIGNS.get(rule.direction, show.NONE)} {rule_number(rule)(rule.threshold, 0)}"


def found_in(rule: RuleOutcome) -> str:
    """Return in whom a rule was found, and that these had another disease than the patient."""
    return f"{rule.population}: {OTHER_DISEASE}" if rule.other_disease else rule.population


def rule_family(name: str) -> tuple[str, str]:
    """Return what a rule is called and how its number is printed."""
    for start in sorted(RULES, key=len, reverse=True):
        if name.startswith(start):
            return RULES[start]
    return show.words(name).capitalize(), "unit"


def called(rule: RuleOutcome) -> tuple[str, str]:
    """Return what one rule is called and how its number is printed: a share says what it is a share of."""
    title, kind = rule_family(rule.rule)
    return (rule.quantity or title, kind) if kind == "percent" else (title, kind)


def rule_number(rule: RuleOutcome) -> Callable[[float, int], str]:
    """Return the function that prints a rule's value or threshold with at least so many digits."""
    kind = rule_family(rule.rule)[1]
    if kind == "percent":
        return show.percent
    if kind == "percent1":
        return lambda v, digits: show.percent(v, max(digits, 1))
    if kind == "weekly":
        return lambda v, digits: f"{show.rounded(100.0 * v, max(digits, 1))} points/week"
    if kind == "points":
        return lambda v, digits: f"{show.rounded(100.0 * v, max(digits, 1))} points"
    factor, least, sign = UNITS.get(rule.unit, (1.0, 2, ""))
    if rule.formula == "body weight":
        least = 2
    return lambda v, digits: f"{show.rounded(factor * v, max(digits, least))}{sign}"


def rule_facts(comparison: Comparison) -> tuple[tuple[str, ...], ...]:
    """Return every rule once: what it asks, of whom it was found, its denominator, what it measures, its source."""
    found = {}
    for rule in (r for p in comparison.plans for r in p.rules):
        title = rule.title or rule_family(rule.rule)[0]
        flag = "" if rule.verified else " (recalled, not verified)"
        found[_rule_key(rule)] = (
            title + flag,
            found_in(rule) or show.NONE,
            _denominator(rule),
            rule.definition or show.NONE,
            rule.source or show.NONE,
        )
    return tuple(found.values())


def _denominator(rule: RuleOutcome) -> str:
    """Return the denominator that a rule is asked with, and the one that it was found with where that is another."""
    asked, own = show.words(rule.formula or ""), show.words(rule.denominator)
    if not asked:
        return show.NONE
    return f"{asked} (found with {own})" if own and own != asked else asked


def rules_not_asked(comparison: Comparison) -> str:
    """Return one line about rules that ask for tests that were not supplied; empty when all were."""
    missing = dict.fromkeys(name for p in comparison.plans for name in p.rules_not_supplied)
    return f"not supplied: {', '.join(missing)}" if missing else ""


def _rule_key(rule: RuleOutcome) -> tuple[Any, ...]:
    return rule.rule, rule.formula or "", rule.threshold, rule.population


def rule_cell(plan: PlanResult, key: tuple[Any, ...]) -> str | Cell:
    """Return how a plan stands to one rule: value, distance, probability."""
    for rule in plan.rules:
        if _rule_key(rule) != key:
            continue
        most = rule.direction != "at_least"
        parts = [show.against(rule.value, rule.threshold, rule_number(rule), most=most)]
        if rule.distance_ml is not None:
            short = rule.distance_ml < 0
            parts.append(f"{show.ml(abs(rule.distance_ml))} {'short' if short else 'above'}")
        if rule.p_pass is not None:
            parts.append(f"P {show.probability(rule.p_pass)}")
        if rule.inside_error:
            parts.append("inside the error of measurement")
        if not rule.binding:
            parts.append("for information")
        if rule.met is False and rule.distance_ml is None:
            parts.append("missed")
        if rule_family(rule.rule)[1] == "unit" and rule.note:
            parts.append(rule.note)
        elif not rule.verified:
            parts.append("recalled, not verified")
        failed = rule.binding and rule.value is not None and rule.value < rule.threshold
        return Cell("; ".join(parts), "loud" if failed else "")
    return ""


def conflicts(plan: PlanResult) -> str:
    """Return how many rules answer otherwise than the binding one; their sentences stand apart."""
    n = len(plan.rule_conflicts)
    return f"{n} {'rule answers' if n == 1 else 'rules answer'} otherwise than the binding one" if n else ""
