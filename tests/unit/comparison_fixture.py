"""A comparison written by hand: no simulation, every number chosen to show one way of printing."""

from __future__ import annotations

import struct
import zlib
from typing import Any

from flrsim.results import (
    COMPARISON_SCHEMA,
    Comparison,
    DayQuantiles,
    EstimatedVolume,
    LegalCheck,
    LesionFate,
    LesionVolume,
    PlanResult,
    Quantiles,
    RuleOutcome,
    Run,
    SegmentVolume,
    StageResult,
)

HOSTILE = '<script>alert("x")</script>&\'$\\frac$'


def q(median: float | None, p10: float | None, p90: float | None) -> Quantiles:
    return Quantiles(median, p10, p90)


def lesion(name: str, ml: float, segments: dict[str, float]) -> LesionVolume:
    return LesionVolume(name, ml, segments.get("outside", 0.0) * ml, 48.3, 41.2, (0.0, 0.0, 0.0), segments)


def fate(name: str, what: str, stage: int | None, **more: Any) -> LesionFate:
    values: dict[str, Any] = {
        "left_ml": 0.0,
        "left_in": {},
        "margin_planned_mm": 5.0,
        "margin_at_operation_mm": 4.2,
        "margin_measured_mm": 6.0,
        "margin_short": False,
        "judged": "yes",
        "note": "",
    }
    return LesionFate(name=name, fate=what, stage=stage, **(values | more))


def rule(value: float, p: float, distance: float) -> tuple[RuleOutcome, ...]:
    return (
        RuleOutcome(
            "sflr.chemotherapy",
            0.30,
            "vauthey2002",
            "chemotherapy > 12 weeks",
            value,
            p,
            distance,
            True,
            "",
            "k",
        ),
        RuleOutcome(
            "sflr.normal", 0.20, "vauthey2002", "normal liver", value, 0.999, distance + 160, False, "", "k"
        ),
        RuleOutcome(
            "flr_body_weight.normal", 0.005, None, "normal liver", 0.0061, 0.97, 82.0, False, "", "p"
        ),
        RuleOutcome("kgr", 0.02, None, "after PVE", 0.0263, 0.71, None, False, "", "s"),
    )


def curve(start: float, end: float, n: int) -> dict[str, Any]:
    median = [start + (end - start) * i / (n - 1) for i in range(n)]
    return {"median": median, "p10": [0.9 * m for m in median], "p90": [1.12 * m for m in median]}


def plan(name: str, **more: Any) -> PlanResult:
    values: dict[str, Any] = {
        "name": name,
        "family": "single_stage",
        "steps": ("right hepatectomy, day 0",),
        "stages": (
            StageResult(1, 0, "right hepatectomy", 1031.2, 951.2, 80.0, 0.704, ("L3",), 433.0, 81.7, 1),
        ),
        "lesions": (
            fate("L3", "removed", 1),
            fate(HOSTILE, "cut_through", None, left_ml=36.2, left_in={"S4": 36.2}),
            fate("L2", "removed", 1, margin_short=True, note="margin 2 mm at the middle hepatic vein"),
        ),
        "all_lesions_cleared": False,
        "lesions_left": (HOSTILE, "L2"),
        "flr_segments": ("S1", "S2", "S3", "S4"),
        "flr_ml": 396.4,
        "flr_gross_ml": 432.9,
        "flr_fraction": 0.286,
        "sflr": 0.247,
        "flr_body_weight": 0.00529,
        "flr_ml_interval": q(396.4, 381.0, 411.0),
        "sflr_interval": q(0.247, 0.231, 0.262),
        "flr_ml_at_resection": None,
        "sflr_at_resection": None,
        "sflr_at_resection_other_law": None,
        "flr_body_weight_at_resection": None,
        "function_at_resection": None,
        "kgr_per_week": None,
        "degree_of_hypertrophy": None,
        "scan_day": None,
        "resection_day": 0,
        "rules": rule(0.247, 0.034, -84.6),
        "earliest_day_volume_ok": None,
        "p_complete": 1.0,
        "p_dropout": {},
        "p_phlf": {"low": 0.04, "high": 0.11, "definition": "ISGLS B or C"},
        "p_death_90d": 0.0021,
        "p_major_morbidity": 0.24,
        "p_textbook": 0.0,
        "textbook_note": "L3 is cut through on these images",
        "growth_law_disagrees": False,
        "modifiers": (),
        "curves": {},
        "legality": (LegalCheck("inflow", "not_supplied", "no portal vein was supplied"),),
        "notes": (),
        "axes": {
            "clearance": "does_not_meet",
            "vessels_bile": "cannot_judge",
            "volume_function": "does_not_meet",
            "time": "meets_rules",
            "risk": "borderline",
        },
        "verdict": "does_not_meet",
        "blocking": "One lesion is cut through: 36 mL stays in S4.",
        "not_supplied": ("portal_vein", "hepatic_vein"),
    }
    return PlanResult(**(values | more))


def two_stage() -> PlanResult:
    return plan(
        "clear left, PVE, right trisectionectomy",
        family="two_stage",
        steps=(
            "day 0: wedges of L3, 5 mm",
            "day 14: PVE right + S4",
            "day 42: scan",
            "day 45: right trisectionectomy",
        ),
        stages=(
            StageResult(1, 0, "wedge L3", 30.4, 24.4, 6.0, 0.021, ("L3",), 1433.0, 28.3, 1),
            StageResult(
                2, 45, "right trisectionectomy", 1190.0, 1100.0, 90.0, 0.812, (HOSTILE, "L2"), 240.0, 84.2, 1
            ),
        ),
        lesions=(fate(HOSTILE, "removed", 2), fate("L2", "removed", 2), fate("L3", "removed", 1)),
        all_lesions_cleared=True,
        lesions_left=(),
        flr_segments=("S1", "S2", "S3"),
        flr_ml=238.2,
        flr_ml_at_resection=q(352.0, 301.0, 428.0),
        sflr=0.1485,
        sflr_interval=q(0.1485, 0.139, 0.158),
        flr_ml_interval=q(238.2, 223.0, 253.0),
        sflr_at_resection=q(0.2194, 0.188, 0.267),
        sflr_at_resection_other_law=q(0.231, 0.19, 0.28),
        flr_body_weight_at_resection=q(0.0047, 0.0040, 0.0057),
        function_at_resection=q(0.31, 0.26, 0.37),
        kgr_per_week=q(0.0178, 0.0101, 0.0293),
        degree_of_hypertrophy=q(0.071, 0.04, 0.117),
        scan_day=42,
        resection_day=45,
        rules=rule(0.1994, 0.481, -161.0),
        earliest_day_volume_ok=DayQuantiles(38.0, 24.0, None, 0.127),
        p_complete=0.742,
        p_dropout={"progression": 0.181, "growth": 0.061, "complication": 0.012, "death": 0.004},
        p_phlf={"low": 0.08, "high": 0.21, "definition": "ISGLS B or C"},
        p_death_90d=0.046,
        p_textbook=0.41,
        p_death_last=0.062,
        textbook_note="",
        modifiers=(
            {
                "factor": "steatosis",
                "text": "steatosis or steatohepatitis",
                "value": 0.88,
                "function": 0.79,
                "cost_ml": 14.2,
                "cost_points": 0.9,
                "cost_days": 3.0,
                "cost_function_points": 5.25,
                "cost_failure_points": -0.04,
            },
        ),
        axis_notes={"volume_function": "sFLR 22 % on day 45; 30 % is needed."},
        decisions=(
            {
                "day": 42,
                "kind": "scan",
                "stage": None,
                "flr_ml": q(343.0, 295.0, 410.0),
                "sflr": q(0.214, 0.18, 0.26),
                "function": None,
            },
        ),
        curves={"days": list(range(61)), "flr_ml": curve(214.0, 391.0, 61)},
        axes={
            "clearance": "meets_rules",
            "vessels_bile": "cannot_judge",
            "volume_function": "borderline",
            "time": "meets_rules",
            "risk": "borderline",
        },
        verdict="cannot_judge",
        blocking="Vessels were not supplied: inflow and outflow of S1-S3 cannot be judged.",
    )


def comparison() -> Comparison:
    lesions = (
        lesion(HOSTILE, 84.4, {"S4": 0.43, "S5": 0.42, "S8": 0.10, "outside": 0.05}),
        lesion("L2", 4.4, {"S8": 1.0}),
        lesion("L3", 0.36, {"S2": 1.0}),
    )
    return Comparison(
        schema=COMPARISON_SCHEMA,
        run=Run("0.1.0", {"segments.nii.gz": "ab12" * 16}, seed=7, draws=10_000, parameter_set="2026-11"),
        case="Case <b>one</b>",
        patient={
            "sex": "male",
            "age": 57,
            "height_cm": 172.0,
            "weight_kg": 75.0,
            "disease": "crlm",
            "liver": {"steatohepatitis": True, "fibrosis": "F1", "icg_r15": None},
        },
        tlv_ml=1464.1,
        tlv_functional_ml=1374.9,
        telv=(
            EstimatedVolume("vauthey2002", 1604.0, "", "vauthey2002"),
            EstimatedVolume("urata1995", 1330.2, "", "urata1995"),
            EstimatedVolume("children", None, "adults only outside its range", "x"),
        ),
        telv_formula="vauthey2002",
        segments=(
            SegmentVolume("S1", 40.6, 40.4, 0.2, 0.0, 0.0277),
            SegmentVolume("S4", 165.8, 129.2, 36.6, 0.0, 0.113),
        ),
        lesions=lesions,
        plans=(plan("right hepatectomy"), two_stage()),
        accepted=("accepted by hand: L3 lies outside the labelled liver",),
        warnings=(f"{HOSTILE}: 4.22 mL (5.0 %) lies outside the labelled liver",),
        assumptions=(
            {
                "id": "growth.brake",
                "value": 0.8,
                "unit": "1",
                "low": 0.6,
                "high": 1.0,
                "kind": "assumed",
                "note": "small-for-size <brake>",
            },
        ),
        references=(
            {
                "key": "vauthey2002",
                "citation": "Vauthey. Liver Transpl 2002;8:233",
                "doi": "10.1053/jlts.2002.31654",
            },
        ),
    )


def png(width: int = 3, height: int = 2) -> bytes:
    """Return a small valid PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\x00" + b"\x80\x20\x40" * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
