"""Courses for tests of the medical model: numbers written out by hand, no geometry."""

from __future__ import annotations

import numpy as np

from flrsim.course import Course, CourseLesion, CourseStep, DeprivedPart
from flrsim.patient import Patient, Treatment
from flrsim.physiology.injury import Injury

MAN = Patient(sex="male", age=57, height_cm=172, weight_kg=75)
SIX_FOLFOX = (Treatment("FOLFOX", 6, -42),)
LIVER = {"S1": 37.0, "S2": 145.0, "S3": 66.0, "S4": 165.0, "S5": 200.0, "S6": 180.0, "S7": 250.0, "S8": 330.0}
RIGHT = ("S5", "S6", "S7", "S8")
LEFT_KEPT = {"S1": 37.0, "S2": 140.0, "S3": 66.0}
"""243 mL: what stays of S1-S3 when 5 mL of S2 go with a wedge."""


def total(volumes: dict[str, float]) -> float:
    return sum(volumes.values())


def injury(
    sos: int = 0,
    nrh: int = 0,
    steatohepatitis: bool = False,
    *,
    steatosis: bool = False,
    known: str = "",
    n: int = 1,
) -> Injury:
    """The same liver in `n` draws; `known` names what a biopsy said."""
    return Injury(
        0,
        np.full(n, sos),
        np.full(n, nrh),
        np.full(n, steatohepatitis),
        np.full(n, steatosis),
        np.zeros(n, dtype=bool),
        frozenset(known.split()),
    )


def lesion(
    name: str, stage: int | None, *, ml: float = 4.0, mm: float = 20.0, fate: str = "removed"
) -> CourseLesion:
    return CourseLesion(name, ml, mm, fate, stage)


def rest_of(kept: dict[str, float], liver: dict[str, float] = LIVER) -> dict[str, float]:
    """What the last operation takes when everything else stays."""
    return {s: v for s, v in liver.items() if s not in kept}


def two_stage(
    *,
    embolized: tuple[str, ...] = ("S4", *RIGHT),
    occlusion_day: int = 14,
    scan_day: int = 42,
    last_day: int = 45,
    label_sd: float = 0.0,
    measured: float | None = None,
    lesions: tuple[CourseLesion, ...] | None = None,
) -> Course:
    """Wedge of 5 mL in S2, PVE, scan, resection of all but S1-S3."""
    if lesions is None:
        lesions = (lesion("L1", 2, ml=84.0, mm=60.0), lesion("L2", 1), lesion("L3", 1))
    return Course(
        "two-stage",
        LIVER,
        LEFT_KEPT,
        total(LIVER),
        (
            CourseStep(0, "operate", 1, {"S2": 5.0}, extent="wedge"),
            CourseStep(occlusion_day, "occlude", technique="pve", occluded=embolized),
            CourseStep(scan_day, "scan", measured_flr_ml=measured),
            CourseStep(
                last_day, "operate", 2, rest_of(LEFT_KEPT), major=True, extent="right trisectionectomy"
            ),
        ),
        lesions,
        label_sd,
        -14,
    )


def single_stage(*, label_sd: float = 0.0, lesions: tuple[CourseLesion, ...] = ()) -> Course:
    """The same resection at once."""
    return Course(
        "single-stage",
        LIVER,
        LEFT_KEPT,
        total(LIVER),
        (
            CourseStep(
                0,
                "operate",
                1,
                {"S2": 5.0, **rest_of(LEFT_KEPT)},
                major=True,
                extent="right trisectionectomy",
            ),
        ),
        lesions or (lesion("L1", 1, ml=84.0, mm=60.0),),
        label_sd,
        -14,
    )


CUT_OFF = (
    DeprivedPart("S2", 60.0, stage=1),
    DeprivedPart("S3", 20.0, stage=None),
    DeprivedPart("S4", 40.0, stage=1, goes=2),
)
"""What the wedge of `two_stage` may leave without inflow or outflow: 60 mL that stay, 40 mL that go with S4; 20 mL of S3
that stay are congested."""


def pve_of(
    flr_ml: float,
    *,
    liver_ml: float = 1600.0,
    scan: int = 28,
    operate: int = 31,
    technique: str = "pve",
    later: tuple[CourseStep, ...] = (),
) -> Course:
    """Right PVE before a right hepatectomy; the left liver, S4 in it, has `flr_ml`; `later` come between scan and operation."""
    liver = {"S2": flr_ml / 4, "S3": flr_ml / 4, "S4": flr_ml / 2, "S5": liver_ml - flr_ml}
    kept = {s: liver[s] for s in ("S2", "S3", "S4")}
    steps = [
        CourseStep(0, "occlude", technique=technique, occluded=("S5",)),
        CourseStep(scan, "scan"),
        *later,
        CourseStep(operate, "operate", 1, {"S5": liver["S5"]}, major=True, extent="right hepatectomy"),
    ]
    return Course("pve", liver, kept, liver_ml, tuple(steps), (lesion("L1", 1),), 0.0, 0)
