"""What is kept of a plan played forward."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from flrsim.course import Course
from flrsim.draws import Floats, Spread
from flrsim.physiology.adequacy import Floor, Population
from flrsim.physiology.injury import Injury
from flrsim.physiology.interval import Response
from flrsim.physiology.rescan import Rescan
from flrsim.physiology.telv import TelvResult
from flrsim.tumour import LesionAtOperation


@dataclass(frozen=True)
class Curve:
    """Median and 80 % interval on every day, (n_days,) float64 each."""

    p10: Floats
    median: Floats
    p90: Floats


@dataclass(frozen=True)
class Decision:
    """Single draws on a day on which something is decided: a scan or an operation.

    Attributes
    ----------
    flr_ml, sflr : under the relative law, (n_draws,), just before the step.
    sflr_absolute : under the absolute law.
    function : FLR function over that of a healthy liver of the estimated volume, (n_draws,).
    """

    day: int
    kind: str
    stage: int | None
    flr_ml: Floats
    sflr: Floats
    sflr_absolute: Floats
    function: Floats


@dataclass(frozen=True)
class EarliestDay:
    """First day with enough volume for one rule; None where the percentile lies beyond "never".

    Attributes
    ----------
    threshold : of the rule, on the rule's own denominator.
    """

    rule: str
    threshold: float
    p10: float | None
    median: float | None
    p90: float | None
    never: float
    floor: Floor


@dataclass(frozen=True)
class LedgerLine:
    """What one cause does: its median factors, and what it costs on the decision day (below 0: gains).

    Attributes
    ----------
    multiplier, function : median factors on the amplitude of growth and on the function of a mL; that on function is
        None where a measured function contains it.
    cost_ml : FLR; the median without the cause, less the median with it.
    cost_days : first day with enough volume, median with the cause less that without; None where either is never.
    cost_function : function that the FLR tends to at its size, fraction of a healthy liver's.
    cost_failure : mean probability of liver failure at the last operation, middle of the range.
    """

    modifier: str
    text: str
    multiplier: float
    function: float | None
    cost_ml: float
    cost_days: float | None
    cost_function: float
    cost_failure: float


@dataclass(frozen=True)
class GrowthLaws:
    """The verdict of volume under both growth laws on the day of the last operation (or the last step).

    Attributes
    ----------
    threshold : the least FLR by the binding rule, over the estimated liver volume as the medians are.
    """

    threshold: float
    p_pass_relative: float
    p_pass_absolute: float
    median_relative: float
    median_absolute: float

    @property
    def disagrees(self) -> bool:
        """Whether the medians fall on different sides of the threshold."""
        return (self.median_relative >= self.threshold) != (self.median_absolute >= self.threshold)


@dataclass(frozen=True)
class Credited:
    """The last operation with what has lost inflow or outflow counted by `credit`, a fraction."""

    credit: float
    sflr: Spread
    p_phlf_low: float
    p_phlf_high: float


@dataclass(frozen=True)
class Operated:
    """The last operation in the draws in which it is done; numbers are None where these are too few.

    Attributes
    ----------
    share : of all draws.
    draws : of equal weight that these are worth.
    p_phlf_low, p_phlf_high, p_death : mean over them.
    died, died_before : who dies after the last operation, and who died of an earlier step; of all draws, however few.
    """

    share: float
    draws: float
    p_phlf_low: float | None
    p_phlf_high: float | None
    p_death: float | None
    died: float
    died_before: float


@dataclass(frozen=True)
class Timeline:
    """A course played forward; all of it is derived from course, patient, history, evidence and seed.

    Curves and decisions are those of draws that come through: drop-out and death do not thin them.

    Attributes
    ----------
    days : (n_days,) int; curves are those at the end of each day, so on the day of an operation after it.
    flr_ml, sflr : what is to stay, after the last operation what is left.
    function : FLR function over that of a healthy liver of the estimated volume.
    tumour_ml : lesions in the liver.
    remnant_ml : parenchyma left after each operation.
    p_complete : every operation done and alive 90 days after the last; with `p_dropout` it sums to 1.
    p_operations_done : every operation done, as published completion rates count.
    p_turned_away : too little volume on the images that were planned on; no scan comes before the operation.
    p_phlf_low, p_phlf_high : mean over all draws, were the last operation done in each, whatever growth and drop-out say:
        one population for every plan.
    p_death_90d : of all draws, after any procedure of the plan; those who drop out before are not exposed to the last.
    p_death_last : after the last operation, over the same draws; None without operation.
    operated : the last operation in the draws in which it is done; None without operation.
    phlf_remark : what the range of liver failure does not contain; empty where nothing must be said.
    p_phlf_by_definition : the same range by each definition of liver failure, never mixed.
    injury_at_resection : on the day of the last operation.
    rescan, rescan_absolute : what measured volumes said of the draws under either growth law; None without one.
    p_textbook : complete, all lesions cleared, no liver failure, no major complication, no death.
    p_lesion_cleared : by lesion: goes whole with one operation, of its size on that day.
    p_cleared : all lesions do.
    p_new_lesion : by the last decision a lesion has appeared that the images do not show.
    tumour_remarks : what had to be assumed about the response to treatment.
    liver_remarks : what is known or foreseen of the liver and enters no number.
    deprived_share : share of the FLR without inflow or outflow on the day of the last operation, (n_draws,).
    credited : that operation with such tissue counted in part or not at all; empty where there is none.
    growth_laws_without : the verdict of volume under both laws with such tissue not counted.
    growth_remarks : causes that are present and have no factor on the stimulus of this plan.
    ledger : modifiers that differ from 1, and ``all`` of them together.
    used : ids of the numbers that were read.
    p_sufficient : on every day, share of draws whose sFLR meets the binding rule.
    lesion_mm : longest axial diameter of each lesion on every day; NaN once it has been cleared.
    """

    course: Course
    days: NDArray[np.int64]
    flr_ml: Curve
    sflr: Curve
    function: Curve
    tumour_ml: Curve
    decisions: tuple[Decision, ...]
    remnant_ml: tuple[Spread, ...]
    response: Response | None
    kgr_per_week: Spread | None
    degree_of_hypertrophy: Spread | None
    kgr_reason: str
    earliest: tuple[EarliestDay, ...]
    growth_laws: GrowthLaws
    p_complete: float
    p_operations_done: float
    p_turned_away: float
    p_dropout: dict[str, float]
    p_phlf_low: float | None
    p_phlf_high: float | None
    p_phlf_by_definition: Mapping[str, tuple[float, float]]
    phlf_definition: str
    phlf_cause: str
    p_death_90d: float
    p_death_last: float | None
    p_major_morbidity: float
    p_textbook: float
    injury: Injury
    injury_at_resection: Injury
    deprived_share: Floats
    growth_laws_without: GrowthLaws
    population: Population
    telv: TelvResult
    lesions: tuple[LesionAtOperation, ...]
    ledger: tuple[LedgerLine, ...]
    seed: int
    n_draws: int
    modifiers_off: frozenset[str]
    parameter_set: str
    used: tuple[str, ...]
    overridden: tuple[str, ...] = field(default=())
    rescan: Rescan | None = None
    rescan_absolute: Rescan | None = None
    p_lesion_cleared: Mapping[str, float] = field(default_factory=dict)
    p_cleared: float = 1.0
    p_new_lesion: float = 0.0
    tumour_remarks: tuple[str, ...] = ()
    liver_remarks: tuple[str, ...] = ()
    growth_remarks: tuple[str, ...] = ()
    p_sufficient: Floats = field(default_factory=lambda: np.zeros(0))
    lesion_mm: Mapping[str, Curve] = field(default_factory=dict)
    credited: tuple[Credited, ...] = ()
    operated: Operated | None = None
    phlf_remark: str = ""

    @property
    def at_resection(self) -> Decision | None:
        """The draws on the day of the last operation."""
        return next((d for d in reversed(self.decisions) if d.kind == "operate"), None)

    @property
    def growth_law_disagrees(self) -> bool:
        """Whether the two growth laws give different verdicts."""
        return self.growth_laws.disagrees
