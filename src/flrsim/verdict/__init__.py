"""Six axes, worst first, and one sentence that says what stands in the way."""

from flrsim.verdict.axis import VERDICTS
from flrsim.verdict.clearance import fate_note, judged, lesion_then, margin_then, vanishing_note
from flrsim.verdict.judge import Judgement, judge

__all__ = [
    "VERDICTS",
    "Judgement",
    "fate_note",
    "judge",
    "judged",
    "lesion_then",
    "margin_then",
    "vanishing_note",
]
