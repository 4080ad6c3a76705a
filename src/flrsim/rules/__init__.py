"""Thresholds as a list of rules, each with its population, its denominator and its source; never one number."""

from flrsim.rules.evaluate import evaluate, not_supplied
from flrsim.rules.population import found_in_other_disease
from flrsim.rules.result import RuleResult, binding, conflicts, error_warning, with_error

__all__ = [
    "RuleResult",
    "binding",
    "conflicts",
    "error_warning",
    "evaluate",
    "found_in_other_disease",
    "not_supplied",
    "with_error",
]
