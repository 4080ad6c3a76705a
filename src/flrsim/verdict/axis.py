"""One question about a plan and its answer."""

from __future__ import annotations

from dataclasses import dataclass

MEETS, BORDERLINE, CANNOT_JUDGE, MISSES = "meets_rules", "borderline", "cannot_judge", "does_not_meet"
VERDICTS = (MEETS, BORDERLINE, CANNOT_JUDGE, MISSES)
"""From best to worst: what cannot be judged is worse than what is close."""


@dataclass(frozen=True)
class Axis:
    """One question about a plan: its answer and the sentence behind it.

    `asked` is false where nothing of what it asks for was supplied: it then stands against nothing and speaks for nothing.
    """

    name: str
    verdict: str
    sentence: str
    asked: bool = True
