"""What a plan that is thought of would clear and leave, measured on the liver before it is proposed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flrsim.case import LiverCase
from flrsim.evidence import MEASURED_LIVER, Evidence
from flrsim.perfusion import Circulation, Deprivation, Supply, deprivation
from flrsim.physiology.adequacy import asked_of, population, volume_rule
from flrsim.physiology.telv import THRESHOLD_FORMULA, telv
from flrsim.plan import Plan
from flrsim.plan_error import flr_error
from flrsim.remnant import vessel_answers
from flrsim.staging import HALF, Operation, StagedPlan, stage_plans
from flrsim.verdict import fate_note
from flrsim.volumetry import tlv_functional_ml


@dataclass(frozen=True)
class Measured:
    """A plan carried out on the last imaging.

    Attributes
    ----------
    share : parenchyma that stays, of the liver without lesions; what lost a vessel counts by the usual credit.
    ratio, low : the same over the volume that the rule is asked with, and its lower 80 % limit of measurement.
    rule : the least `ratio`.
    of : what `ratio` is, in words.
    uncleared : lesions that are not wholly gone, with what is left; cut : the names of those that are cut through.
    doubts : reasons why what is gone may not suffice.
    lost : segments of which more than half loses inflow or outflow, or goes with wedges.
    vessels : what stays and loses inflow or outflow, in sentences.
    loose : what is said about parts of what stays that hang on nothing; they are not counted.
    """

    plan: Plan
    ml: float
    share: float
    ratio: float
    low: float
    rule: float
    of: str
    uncleared: tuple[str, ...]
    cut: tuple[str, ...]
    doubts: tuple[str, ...]
    lost: frozenset[str]
    vessels: tuple[str, ...]
    loose: tuple[str, ...]

    @property
    def enough(self) -> bool:
        """Whether what stays suffices at once, the error of measurement taken off."""
        return self.low >= self.rule

    @property
    def sound(self) -> bool:
        """Whether all lesions go and all that stays keeps its vessels."""
        return not (self.uncleared or self.vessels)

    @property
    def settles(self) -> bool:
        """Whether nothing larger is needed."""
        return self.sound and not self.doubts and self.enough

    @property
    def leaves(self) -> str:
        """What stays, in words."""
        return f"{100 * self.share:.0f} % of the liver ({self.of} {100 * self.ratio:.0f} %, rule {100 * self.rule:.0f} %)"


class Measure:
    """Carries out plans of one case; its vessels are divided once."""

    def __init__(self, case: LiverCase, evidence: Evidence) -> None:
        self.case, self.evidence = case, evidence
        self._circulation = Circulation.of(case)
        self._functional = tlv_functional_ml(case)
        names = ["normal"]
        size: float | None = None
        if case.patient is not None:
            people = population(case.patient, case.history, evidence)
            names = [people.name, *people.also]
            size = telv(case.patient, THRESHOLD_FORMULA, evidence).ml
        rules = [volume_rule(name, evidence) for name in names]
        asked = [asked_of(r, self._functional, size or self._functional) for r in rules]
        # The rule that needs most is met last, whatever it is a share of.
        most = max(range(len(rules)), key=lambda i: rules[i].value * asked[i])
        self._rule, self._size = rules[most].value, asked[most]
        self._of = (
            "FLR / functional liver"
            if rules[most].denominator == MEASURED_LIVER
            else "share of the liver's own volume, no patient given,"
            if size is None
            else "sFLR"
        )

    def of(self, plans: Sequence[Plan]) -> list[Measured]:
        """Return each plan, measured."""
        if not plans:
            return []
        staged = stage_plans(self.case, plans, self.evidence)
        supply = Supply.of(self._circulation, staged[0].pieces)
        return [self._one(s, deprivation(supply, s, self.evidence)) for s in staged]

    def _one(self, staged: StagedPlan, deprived: Deprivation) -> Measured:
        flr, whole = staged.flr_ml, self.case.parenchyma_ml
        loose_ml = sum(staged.operations[-1].remnant_pieces_ml[1:])
        ml = max(deprived.credited_ml(self.evidence.value("congestion.credit")) - loose_ml, 0.0)
        error = flr_error(self.case, staged, self._functional, self.evidence)
        size = self._size
        total = sum(flr.values())
        fates = staged.fates
        unclear = [f for f in fates if f.fate not in ("removed", "ablated")]
        short = [f for f in fates if f.margin_short]
        r1 = self.evidence.value("verdict.margin_r1")
        close = [f for f in fates if f.margin_measured_mm is not None and f.margin_measured_mm < r1]
        cut = _named_whole(staged.operations)
        bad = [a for a in vessel_answers(self._circulation, staged, deprived) if a.answer == "no"]
        return Measured(
            plan=staged.plan,
            ml=ml,
            share=ml / self._functional,
            ratio=ml / size,
            low=ml * error.low / total / size if total else 0.0,
            rule=self._rule,
            of=self._of,
            uncleared=tuple(f"{f.lesion.name} {fate_note(f)}" for f in (*unclear, *short)),
            cut=tuple(f.lesion.name for f in fates if f.fate == "cut_through"),
            doubts=(
                *(f"ablation of {f.lesion.name} may fail: {f.doubt}" for f in fates if f.doubt),
                *(
                    f"{f.lesion.name} hardly has a margin ({f.margin_measured_mm:.1f} mm, R1)"
                    for f in close
                    if f not in unclear
                ),
            ),
            lost=frozenset(
                s
                for s in whole
                if s not in cut
                and (
                    deprived.either.get(s, 0.0) > HALF * flr.get(s, 0.0) or flr.get(s, 0.0) < HALF * whole[s]
                )
            ),
            vessels=tuple(a.sentence for a in bad if a.question != "contiguity"),
            loose=tuple(a.sentence for a in bad if a.question == "contiguity"),
        )


def _named_whole(operations: Sequence[Operation]) -> frozenset[str]:
    """Return the segments that the operations resect by name."""
    return frozenset().union(*(op.resects for op in operations))
