"""Frozen result types and their stable JSON form: what reports, pictures and other programs read.

Fields are added within a schema version, never renamed; what does not apply is null; never NaN.
"""

from __future__ import annotations

from flrsim.results.base import (
    CHECK_SCHEMA,
    COMPARISON_SCHEMA,
    DOCTOR_SCHEMA,
    RESEARCH_NOTE,
    SIMULATION_SCHEMA,
    VOLUMES_SCHEMA,
    DayQuantiles,
    ErrorPart,
    Interval,
    Quantiles,
    Result,
    Run,
    plain,
)
from flrsim.results.checks import CheckResult, DoctorCheck, DoctorResult, Finding, Repair, Repaired
from flrsim.results.plans import (
    Comparison,
    CreditedFlr,
    Curve,
    LegalCheck,
    LesionFate,
    PerfusionResult,
    PlanResult,
    RemnantPart,
    RuleOutcome,
    StageResult,
    VeinResult,
)
from flrsim.results.volumes import (
    ClearanceCost,
    EstimatedVolume,
    LesionVolume,
    NearestVessel,
    SegmentVolume,
    VesselVolume,
    VolumeTable,
)

__all__ = [
    "CHECK_SCHEMA",
    "COMPARISON_SCHEMA",
    "DOCTOR_SCHEMA",
    "RESEARCH_NOTE",
    "SIMULATION_SCHEMA",
    "VOLUMES_SCHEMA",
    "CheckResult",
    "ClearanceCost",
    "Comparison",
    "CreditedFlr",
    "Curve",
    "DayQuantiles",
    "DoctorCheck",
    "DoctorResult",
    "ErrorPart",
    "EstimatedVolume",
    "Finding",
    "Interval",
    "LegalCheck",
    "LesionFate",
    "LesionVolume",
    "NearestVessel",
    "PerfusionResult",
    "PlanResult",
    "Quantiles",
    "RemnantPart",
    "Repair",
    "Repaired",
    "Result",
    "RuleOutcome",
    "Run",
    "SegmentVolume",
    "StageResult",
    "VeinResult",
    "VesselVolume",
    "VolumeTable",
    "plain",
]
