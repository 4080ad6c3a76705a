"""Disease outside the lesions, and published outcomes of comparable groups, as printed text."""

from __future__ import annotations

from flrsim.report import format as show
from flrsim.report.cell import Cell
from flrsim.results import Comparison, DiseaseNote, OutcomeContext, PlanResult

DISEASE = {"forbids": "Forbids", "warns": "Warns", "allows": "Allows"}
"""Answers of a rule, the hardest first."""
CONTEXT = ("Group", "What", "Value", "n", "Population", "Source")
"""Head of the table of published outcomes."""


def context_rows(comparison: Comparison) -> tuple[tuple[str, ...], ...]:
    """Return published outcomes of comparable groups as text: group, what, value, n, population, source."""
    return tuple(
        (
            c.group,
            c.sentence,
            _context_value(c) + ("" if c.verified else "; recalled, not verified"),
            show.NONE if c.n is None else str(c.n),
            c.population or show.NONE,
            c.source or show.NONE,
        )
        for c in comparison.outcome_context
    )


def _context_value(c: OutcomeContext) -> str:
    """Return a published number with its interval."""
    factor, sign = {"fraction": (100.0, " %"), "month": (1.0, " months")}.get(c.unit, (1.0, ""))
    if c.low is None or c.high is None:
        return f"{_short(factor * c.value)}{sign}, no interval printed"
    return f"{_short(factor * c.value)} ({_short(factor * c.low)}–{_short(factor * c.high)}){sign}"


def _short(value: float) -> str:
    """Return a number with one decimal where it has one."""
    return show.rounded(value, 1).removesuffix(".0")


def disease_rows(plan: PlanResult) -> tuple[tuple[str, str, str], ...]:
    """Return what rules of disease say to a plan: answer, sentence, source; what forbids first."""
    return tuple(
        (word, _said(note), note.source or show.NONE)
        for answer, word in DISEASE.items()
        for note in plan.disease
        if note.answer == answer
    )


def disease_cell(plan: PlanResult, answer: str) -> str | Cell:
    """Return the sentences of all rules of disease with one answer."""
    text = " ".join(_said(note) for note in plan.disease if note.answer == answer)
    return Cell(text, "loud") if text and answer == "forbids" else text


def _said(note: DiseaseNote) -> str:
    return note.sentence if note.verified else f"{note.sentence} (Recalled, not verified.)"
