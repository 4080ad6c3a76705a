"""Frozen result types and their stable JSON form: what reports, pictures and other programs read.

Fields are added within a schema version, never renamed; what does not apply is null; never NaN.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

VOLUMES_SCHEMA = "flrsim/volumes/1"
COMPARISON_SCHEMA = "flrsim/comparison/1"
SIMULATION_SCHEMA = "flrsim/simulation/1"
CHECK_SCHEMA = "flrsim/check/1"
DOCTOR_SCHEMA = "flrsim/doctor/1"

RESEARCH_NOTE = "Research software, not a medical device: simulated numbers, not for treatment decisions."


def plain(value: Any) -> Any:
    """Return `value` as JSON knows it: dicts, lists, strings, numbers, true, false, null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value


@dataclass(frozen=True)
class Result:
    """Base of all results."""

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        out: dict[str, Any] = plain(self)
        return out


@dataclass(frozen=True)
class Run(Result):
    """What makes a result reproducible."""

    version: str
    inputs_sha256: Mapping[str, str]
    seed: int | None = None
    draws: int | None = None
    parameter_set: str | None = None


@dataclass(frozen=True)
class Quantiles(Result):
    """Median and 80 % interval of simulated values; null where half of the draws or more never get there."""

    median: float | None
    p10: float | None
    p90: float | None


@dataclass(frozen=True)
class DayQuantiles(Result):
    """Quantiles of a day, with the share of draws that never reach it; "never" counts as infinity."""

    median: float | None
    p10: float | None
    p90: float | None
    never: float


@dataclass(frozen=True)
class ErrorPart(Result):
    """One cause of error: its standard deviation in the unit of the number, and its share of the variance.

    `parameter` names the clinical number it rests on, where there is one.
    """

    cause: str
    sd: float
    share: float
    parameter: str | None = None


@dataclass(frozen=True)
class Interval(Result):
    """80 % interval of a measured number, from causes that are taken as independent."""

    low: float
    high: float
    sd: float
    components: tuple[ErrorPart, ...] = ()


@dataclass(frozen=True)
class SegmentVolume(Result):
    """One segment: `volume_ml` is all that is inside it, the sum of the three parts; `fraction` is of TLV."""

    name: str
    volume_ml: float
    parenchyma_ml: float
    lesion_ml: float
    vessel_ml: float
    fraction: float
    interval: Interval | None = None


@dataclass(frozen=True)
class NearestVessel(Result):
    """The vessel of one tree nearest to a lesion's surface, or the segment border that stands in for it.

    `proxy` is true for a border, which never lifts a verdict; `labelled_by` says what the name rests on.
    """

    name: str
    distance_mm: float
    proxy: bool
    labelled_by: str


@dataclass(frozen=True)
class ClearanceCost(Result):
    """Parenchyma that a wedge with one margin takes; `sflr` is that as a share of TELV, null without a patient."""

    margin_mm: float
    parenchyma_ml: float
    ml_per_mm: float
    sflr: float | None = None


@dataclass(frozen=True)
class LesionVolume(Result):
    """One lesion; shares by segment and ``outside`` sum to 1.

    `depth_mm` is from the lesion's surface to the nearest point of the liver's own surface, `centre_depth_mm` from its
    centre. `at_confluence`: near two hepatic veins or where they meet; null where nobody can tell, and
    `confluence_note` says why. `wedge` is possible, vetoed or cannot_judge, and `wedge_note` says why. `clearance`:
    what a wedge costs, by margin; vetoed or not.
    """

    name: str
    volume_ml: float
    outside_ml: float
    longest_3d_mm: float
    longest_axial_mm: float
    centre_mm: tuple[float, float, float]
    segments: Mapping[str, float]
    interval: Interval | None = None
    depth_mm: float | None = None
    centre_depth_mm: float | None = None
    capsule_contact: bool | None = None
    capsule_contact_cm2: float | None = None
    nearest_hepatic_vein: NearestVessel | None = None
    nearest_portal_pedicle: NearestVessel | None = None
    nearest_unsplit_vessel: NearestVessel | None = None
    at_confluence: bool | None = None
    confluence_proxy: bool = False
    confluence_note: str = ""
    wedge: str | None = None
    wedge_note: str = ""
    clearance: tuple[ClearanceCost, ...] = ()


@dataclass(frozen=True)
class VesselVolume(Result):
    """One labelled vessel."""

    name: str
    tree: str
    branch: str | None
    volume_ml: float


@dataclass(frozen=True)
class EstimatedVolume(Result):
    """TELV by one named formula; `ml` is null where the formula does not apply, and `note` says why."""

    formula: str
    ml: float | None
    note: str
    source: str


@dataclass(frozen=True)
class VolumeTable(Result):
    """Volumes of everything labelled.

    `tlv_ml` is the sum of the segments; `tlv_functional_ml` is that minus lesion.
    """

    schema: str
    case: str
    tlv_ml: float
    tlv_functional_ml: float
    segments: tuple[SegmentVolume, ...]
    lesions: tuple[LesionVolume, ...]
    vessels: tuple[VesselVolume, ...]
    contacts_cm2: Mapping[str, float]
    outer_surface_cm2: float
    telv: tuple[EstimatedVolume, ...]
    accepted: tuple[str, ...]
    warnings: tuple[str, ...]
    not_supplied: tuple[str, ...]
    run: Run
    tlv_interval: Interval | None = None
    tlv_functional_interval: Interval | None = None


@dataclass(frozen=True)
class Finding(Result):
    """One thing wrong with an input: what, where, what to do.

    `level` is ``refused`` or ``warning``; `place_mm` is LPS, of the first or the middle of what was found; `count` says how
    many faces, points, edges, voxels or pieces; `accept` names the key that lets a person vouch for it.
    """

    level: str
    code: str
    sentence: str
    place_mm: tuple[float, float, float] | None = None
    ml: float | None = None
    accept: str | None = None
    count: int | None = None


@dataclass(frozen=True)
class Repair(Result):
    """One thing done to a copy of an input: how often, and by how many mL it changed what it touched (null: not measurable)."""

    code: str
    sentence: str
    count: int
    ml: float | None = None


@dataclass(frozen=True)
class Repaired(Result):
    """The repaired copy, checked again; volumes are null where the file carries none."""

    file: str
    verdict: str
    findings: tuple[Finding, ...]
    tlv_before_ml: float | None
    tlv_after_ml: float | None


@dataclass(frozen=True)
class CheckResult(Result):
    """Verdict on an input: usable, usable_with_warnings, refused.

    `repairs` and `repaired` say what was done to a copy, where a person asked for it; verdict and findings are the input's.
    """

    schema: str
    verdict: str
    findings: tuple[Finding, ...]
    run: Run
    repairs: tuple[Repair, ...] = ()
    repaired: Repaired | None = None


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
    `margin_short` says that all of it goes but not all of the planned margin.
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


@dataclass(frozen=True)
class RuleOutcome(Result):
    """One published rule applied to a plan; `distance_ml` is how far the FLR lies above (+) or below (−) it.

    `error_low` to `error_high` is the value with the 80 % error of measurement alone; `inside_error` says that the
    threshold lies between them.
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
    """

    name: str
    fate: str
    taken_fraction: float
    drains_ml: Mapping[str, float]
    congested_ml: Mapping[str, float]
    if_taken_ml: Mapping[str, float]
    sentence: str


@dataclass(frozen=True)
class CreditedFlr(Result):
    """The FLR with what has lost inflow or outflow counted by `credit`, a fraction; now, on the last imaging."""

    credit: float
    flr_ml: float
    sflr: float | None


@dataclass(frozen=True)
class PerfusionResult(Result):
    """Parenchyma that stays after all operations but loses its portal branch or its hepatic vein.

    `devascularised` is mL by portal branch and segment, `congested` by hepatic vein and segment; null where the tree
    was not supplied with the names of its branches, and `not_supplied` says why. `deprived_ml` counts tissue that
    loses both once. `credited` is the FLR under credit 0, one half and 1.
    """

    devascularised: Mapping[str, Mapping[str, float]] | None
    congested: Mapping[str, Mapping[str, float]] | None
    deprived_ml: float | None
    deprived_by_segment: Mapping[str, float] | None
    veins: tuple[VeinResult, ...]
    credited: tuple[CreditedFlr, ...]
    not_supplied: tuple[str, ...]


@dataclass(frozen=True)
class Curve(Result):
    """Percentiles of one quantity on every day."""

    median: tuple[float | None, ...]
    p10: tuple[float | None, ...]
    p90: tuple[float | None, ...]


@dataclass(frozen=True)
class PlanResult(Result):
    """One plan, judged.

    `flr_error` and `sflr_error` say what the FLR on the imaging day is uncertain by; the latter also counts the spread
    of the formulas for TELV, which the intervals beside the numbers and the rules do not.
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
    decisions: tuple[Mapping[str, Any], ...] = ()
    devascularised_ml: float | None = None
    congested_ml: float | None = None
    perfusion: PerfusionResult | None = None
    flr_error: Interval | None = None
    sflr_error: Interval | None = None
    flr_fraction_interval: Quantiles | None = None
    flr_body_weight_interval: Quantiles | None = None


@dataclass(frozen=True)
class Comparison(Result):
    """All plans of a case side by side, grouped by family, never ranked by one number."""

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


@dataclass(frozen=True)
class DoctorCheck(Result):
    """One line of the certificate; `status` is passed, failed or not_installed.

    `error` and `limit` are in `unit`, or shares of `expected` where `relative`; `reason` says why the limit is what it is, or what
    went wrong.
    """

    topic: str
    name: str
    status: str
    expected: float | None
    found: float | None
    error: float | None
    limit: float | None
    unit: str
    relative: bool
    reason: str


@dataclass(frozen=True)
class DoctorResult(Result):
    """What flrsim computes on one machine, against what is known without it."""

    schema: str
    sound: bool
    checks: tuple[DoctorCheck, ...]
    passed: int
    failed: int
    not_installed: int
    versions: Mapping[str, str | None]
    machine: Mapping[str, Any]
    seconds: float
    note: str = field(default=RESEARCH_NOTE)
