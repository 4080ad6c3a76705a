"""Plans carried out, judged and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flrsim.results.base import OUTCOME_NOTE, RESEARCH_NOTE, DayQuantiles, Interval, Quantiles, Result, Run
from flrsim.results.conduct import Fallback, PlanDate, StayingSegment
from flrsim.results.volumes import EstimatedVolume, LesionVolume, SegmentVolume


@dataclass(frozen=True)
class RemnantPart(Result):
    """A separate part of what stays: volume, centre (LPS mm), mL by segment."""

    ml: float
    centre_mm: tuple[float, float, float]
    segments: Mapping[str, float]


@dataclass(frozen=True)
class StageResult(Result):
    """One operation of a plan; volumes on the last imaging's scale.

    `resected_ml` is all tissue that is taken out, `ablated_ml` all that is destroyed in place; for each kind of
    tissue before = resected + ablated + after. `transection_by_segment_cm2` is the cut surface by the segment
    that stays behind it; `vessels_divided` names the vessels of which a part goes and a part stays;
    `remnant_parts` are the separate parts of what stays, the largest first.
    """

    stage: int
    day: int
    operation: str
    resected_ml: float
    resected_parenchyma_ml: float
    resected_lesion_ml: float
    resected_fraction: float
    lesions_cleared: tuple[str, ...]
    remnant_ml: float
    transection_cm2: float
    remnant_pieces: int
    ablated_ml: float = 0.0
    transection_by_segment_cm2: Mapping[str, float] = field(default_factory=dict)
    vessels_divided: tuple[str, ...] = ()
    remnant_parts: tuple[RemnantPart, ...] = ()
    transection_interval: Interval | None = None


@dataclass(frozen=True)
class LesionFate(Result):
    """What a plan does to one lesion.

    `fate` is removed, ablated, cut_through, left or vanished; `left_ml` is what stays of it in the liver,
    `left_in` the same by segment, with ``outside`` for tissue outside the labels.
    `margin_short` says that all of it goes but not all of the planned margin. `clears_at` is the share of its
    diameter at which a lesion that is cut through would go whole, `p_cleared` the share of draws in which it goes
    whole with one operation on that day. `p_vanished` is the share in which imaging before the operation shows
    nothing of it, `p_sterile` the chance that then nothing of it lives; they clear nothing.
    """

    name: str
    fate: str
    stage: int | None
    left_ml: float
    left_in: Mapping[str, float]
    margin_planned_mm: float | None
    margin_at_operation_mm: float | None
    margin_measured_mm: float | None
    margin_short: bool
    judged: str
    note: str
    clears_at: float | None = None
    p_cleared: float | None = None
    p_vanished: float | None = None
    p_sterile: float | None = None


@dataclass(frozen=True)
class RuleOutcome(Result):
    """One published rule applied to a plan; `distance_ml` is how far the FLR lies above (+) or below (−) it.

    `formula` is the denominator of the value, `denominator` the one that the threshold was found with.

    `direction` says on which side of the threshold a value meets the rule: at_least, at_most or below. `verified` is
    false for a threshold that is recalled: it is shown and does not enter the verdict. `error_low` to `error_high` is the value with the 80 % error of measurement alone; `inside_error` says that the
    threshold lies between them. `other_disease` says that it was found in patients of another disease.
    `value_without` and `p_pass_without` count nothing of what loses inflow or outflow; null where nothing does.
    """

    rule: str
    threshold: float
    formula: str | None
    population: str
    value: float | None
    p_pass: float | None
    distance_ml: float | None
    binding: bool
    note: str
    source: str
    title: str = ""
    unit: str = "fraction"
    error_low: float | None = None
    error_high: float | None = None
    inside_error: bool = False
    quantity: str = ""
    definition: str = ""
    direction: str = "at_least"
    met: bool | None = None
    verified: bool = True
    denominator: str = ""
    other_disease: bool = False
    value_without: float | None = None
    p_pass_without: float | None = None

    @property
    def needs_lost_tissue(self) -> bool:
        """Whether it is met only with tissue that loses inflow or outflow."""
        value, without = self.value, self.value_without
        return value is not None and without is not None and without < self.threshold <= value


@dataclass(frozen=True)
class DiseaseNote(Result):
    """What a rule about disease outside these lesions says to a plan: it allows, warns or forbids.

    `verified` is false for a rule that is recalled: it is shown and does not enter the verdict.
    """

    rule: str
    answer: str
    sentence: str
    source: str
    where: str
    verified: bool = True


@dataclass(frozen=True)
class OutcomeContext(Result):
    """One published number on a group comparable to this patient and these plans; no forecast for this person.

    `low` to `high` is its interval, where it has one; `verified` is false for a number that is recalled.
    """

    group: str
    sentence: str
    value: float
    unit: str
    low: float | None
    high: float | None
    n: int | None
    population: str
    source: str
    where: str
    note: str
    verified: bool = True


@dataclass(frozen=True)
class LegalCheck(Result):
    """One question about the remnant: inflow, outflow, bile, contiguity; answered yes, no or not_supplied."""

    question: str
    answer: str
    sentence: str


@dataclass(frozen=True)
class VeinResult(Result):
    """What a plan does to one hepatic vein.

    `fate` is kept, taken, cut (its outer part is lost) or along (a resection's plane runs along it; it is taken to
    be dissected free). `drains_ml` is parenchyma that stays and that it drains on the images, `congested_ml` the part
    that loses its drainage, `if_taken_ml` what would lose it if a vein of fate ``along`` were taken; by segment.
    `on_it` are the lesions that are taken off a vein of fate ``along`` with less than the margin of R1, mm by lesion.
    """

    name: str
    fate: str
    taken_fraction: float
    drains_ml: Mapping[str, float]
    congested_ml: Mapping[str, float]
    if_taken_ml: Mapping[str, float]
    sentence: str
    on_it: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class CreditedFlr(Result):
    """The FLR with what has lost inflow or outflow counted by `credit`, a fraction; now, on the last imaging.

    `sflr_at_resection` (median) and the range of liver failure are those on the day of the last operation.
    """

    credit: float
    flr_ml: float
    sflr: float | None
    sflr_at_resection: float | None = None
    p_phlf_low: float | None = None
    p_phlf_high: float | None = None


@dataclass(frozen=True)
class LosingTissue(Result):
    """Parenchyma of one segment that operation `stage` leaves in the patient, and that loses inflow or outflow by it.

    `ml` is at the size of the imaging day; `goes` is the later operation that takes it out, null when it stays.
    """

    segment: str
    ml: float
    stage: int
    goes: int | None


@dataclass(frozen=True)
class PerfusionResult(Result):
    """Parenchyma that stays after all operations but loses its portal branch or its hepatic vein.

    `devascularised` is mL by portal branch and segment, `congested` by hepatic vein and segment; null where the tree
    was not supplied with the names of its branches, and `not_supplied` says why. `deprived_ml` counts tissue that
    loses both once. `credited` is the FLR under credit 0 and under the low, middle and high credit of the evidence.
    `losing` is when each tissue loses the first of its vessels, what goes at a later operation included.
    """

    devascularised: Mapping[str, Mapping[str, float]] | None
    congested: Mapping[str, Mapping[str, float]] | None
    deprived_ml: float | None
    deprived_by_segment: Mapping[str, float] | None
    veins: tuple[VeinResult, ...]
    credited: tuple[CreditedFlr, ...]
    not_supplied: tuple[str, ...]
    losing: tuple[LosingTissue, ...] = ()


@dataclass(frozen=True)
class Curve(Result):
    """Percentiles of one quantity on every day."""

    median: tuple[float | None, ...]
    p10: tuple[float | None, ...]
    p90: tuple[float | None, ...]


@dataclass(frozen=True)
class PlanResult(Result):
    """One plan, judged.

    `rule_conflicts` says which rules answer otherwise than the binding one, `rules_not_supplied` which tests were not
    supplied that further rules ask for.
    `flr_error` and `sflr_error` say what the FLR on the imaging day is uncertain by; the latter also counts the spread
    of the formulas for TELV, which the intervals beside the numbers and the rules do not. `p_phlf` gives the range by
    the definition it was modelled in and, under ``by_definition``, by each other one; they are never mixed; it is that of
    all draws, were the last operation done, and so is `p_death_last`, while ``operated`` in it is of the draws in which it is
    done (null where these are too few) and `p_death_90d` of all who start: the sum of its ``died`` and ``died_before``.
    `injury` is the share of draws with each injury, `rescan` what measured volumes said. `p_complete` asks every plan with
    a major resection for volume, at the scan or on the images; who has too little is not operated on, and is in
    `p_dropout` under ``growth``. `axes_unasked` names the axes for which nothing was supplied: they stand against nothing and
    speak for nothing. `earliest_day_floor` says until when volume is not asked, and why; empty where nothing has to be waited for.
    """

    name: str
    family: str
    steps: tuple[str, ...]
    stages: tuple[StageResult, ...]
    lesions: tuple[LesionFate, ...]
    all_lesions_cleared: bool
    lesions_left: tuple[str, ...]
    flr_segments: tuple[str, ...]
    flr_ml: float
    flr_gross_ml: float
    flr_fraction: float
    sflr: float | None
    flr_body_weight: float | None
    flr_ml_interval: Quantiles | None
    sflr_interval: Quantiles | None
    flr_ml_at_resection: Quantiles | None
    sflr_at_resection: Quantiles | None
    sflr_at_resection_other_law: Quantiles | None
    flr_body_weight_at_resection: Quantiles | None
    function_at_resection: Quantiles | None
    kgr_per_week: Quantiles | None
    degree_of_hypertrophy: Quantiles | None
    scan_day: int | None
    resection_day: int | None
    rules: tuple[RuleOutcome, ...]
    earliest_day_volume_ok: DayQuantiles | None
    p_complete: float | None
    p_dropout: Mapping[str, float]
    p_phlf: Mapping[str, Any] | None
    p_death_90d: float | None
    p_major_morbidity: float | None
    p_textbook: float | None
    growth_law_disagrees: bool
    modifiers: tuple[Mapping[str, Any], ...]
    curves: Mapping[str, Any]
    legality: tuple[LegalCheck, ...]
    notes: tuple[str, ...]
    axes: Mapping[str, str]
    verdict: str
    blocking: str
    not_supplied: tuple[str, ...]
    axis_notes: Mapping[str, str] = field(default_factory=dict)
    axes_unasked: tuple[str, ...] = ()
    decisions: tuple[Mapping[str, Any], ...] = ()
    devascularised_ml: float | None = None
    congested_ml: float | None = None
    perfusion: PerfusionResult | None = None
    flr_error: Interval | None = None
    sflr_error: Interval | None = None
    flr_fraction_interval: Quantiles | None = None
    flr_body_weight_interval: Quantiles | None = None
    injury: Mapping[str, Any] | None = None
    rescan: Mapping[str, Any] | None = None
    rule_conflicts: tuple[str, ...] = ()
    rules_not_supplied: tuple[str, ...] = ()
    disease: tuple[DiseaseNote, ...] = ()
    staying: tuple[StayingSegment, ...] = ()
    earliest_day_floor: str = ""
    dates: tuple[PlanDate, ...] = ()
    fallbacks: tuple[Fallback, ...] = ()
    p_death_last: float | None = None
    textbook_note: str = ""


@dataclass(frozen=True)
class Comparison(Result):
    """All plans of a case side by side, grouped by family, never ranked by one number.

    `contacts_cm2` is the smoothed area that two segments share, by ``S4|S5``.
    `without_note` says which causes were switched off and what that leaves as it is; empty for a run with all of them.
    `outcome_context` is published survival of comparable groups; `outcome_note` says what it is not.
    """

    schema: str
    run: Run
    case: str
    patient: Mapping[str, Any] | None
    tlv_ml: float
    tlv_functional_ml: float
    telv: tuple[EstimatedVolume, ...]
    telv_formula: str | None
    segments: tuple[SegmentVolume, ...]
    lesions: tuple[LesionVolume, ...]
    plans: tuple[PlanResult, ...]
    accepted: tuple[str, ...]
    warnings: tuple[str, ...]
    assumptions: tuple[Mapping[str, Any], ...]
    references: tuple[Mapping[str, Any], ...]
    note: str = field(default=RESEARCH_NOTE)
    tlv_interval: Interval | None = None
    tlv_functional_interval: Interval | None = None
    outcome_context: tuple[OutcomeContext, ...] = ()
    outcome_note: str = OUTCOME_NOTE
    contacts_cm2: Mapping[str, float] = field(default_factory=dict)
    without_note: str = ""
