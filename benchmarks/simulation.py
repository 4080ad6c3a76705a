"""One plan played with many draws, beside numpy and scipy on a part of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from benchmarks.growth import DAYS, Floats, Patients, result_of
from benchmarks.table import Call, Work
from flrsim.draws import PERCENTILES

SCANS = (28, 56)
LIVER = {"S1": 37.0, "S2": 145.0, "S3": 66.0, "S4": 165.0, "S5": 200.0, "S6": 180.0, "S7": 250.0, "S8": 330.0}
STAYS = {"S1": 37.0, "S2": 140.0, "S3": 66.0}


@dataclass(frozen=True)
class Simulated:
    """A two-stage plan of 120 days with every modifier of growth, to be played with `size` draws."""

    size: int

    @cached_property
    def arguments(self) -> dict[str, Any]:
        from flrsim.course import Course, CourseLesion, CourseStep
        from flrsim.evidence import load_evidence
        from flrsim.patient import LiverCondition, Patient, Treatment

        goes = {name: ml for name, ml in LIVER.items() if name not in STAYS}
        steps = (
            CourseStep(0, "operate", 1, {"S2": 5.0}, extent="wedge"),
            CourseStep(0, "occlude", technique="pve", occluded=tuple(goes)),
            *(CourseStep(day, "scan") for day in SCANS),
            CourseStep(DAYS, "operate", 2, goes, major=True, extent="right trisectionectomy"),
        )
        lesions = (
            CourseLesion("L1", 84.0, 60.0, "removed", 2),
            CourseLesion("L2", 4.0, 20.0, "removed", 1),
        )
        return {
            "course": Course("two-stage", LIVER, STAYS, sum(LIVER.values()), steps, lesions, 0.03, -14),
            "patient": Patient(
                sex="male",
                age=57,
                height_cm=172,
                weight_kg=75,
                liver=LiverCondition(fibrosis="F3", steatosis_fraction=0.2),
            ),
            "history": (Treatment("FOLFOX + bevacizumab", 8, -30),),
            "evidence": load_evidence(),
            "seed": 1,
            "follow_up_days": 0,
        }

    def play(self) -> Any:
        from flrsim.timeline import simulate

        return simulate(**self.arguments, draws=self.size)

    @cached_property
    def growth(self) -> Patients:
        """What three days of every draw say of its growth: the sFLR at its start, in the end, and how fast."""
        on = {d.day: d.sflr for d in self.play().decisions}
        start, middle, late = on[0], on[SCANS[0]], on[SCANS[1]]
        # Days that lie equally far apart take the same share of the gap.
        decay = (late - middle) / (middle - start)
        return Patients(start, start + (middle - start) / (1.0 - decay), -SCANS[0] / np.log(decay), 1)


@lru_cache(maxsize=2)
def simulated(draws: int) -> Simulated:
    return Simulated(draws)


def _daily_percentiles(g: Patients, sflr_on: Callable[[int], Floats]) -> Floats:
    return np.array([np.percentile(sflr_on(day), [100 * q for q in PERCENTILES]) for day in range(DAYS + 1)])


def _scipy_curve(g: Patients) -> Floats:
    from scipy.integrate import solve_ivp

    days = np.arange(DAYS + 1)
    rows = np.array(
        [
            solve_ivp(
                lambda t, v, b=b, c=c: (b - v) / c, (0.0, DAYS), [a], t_eval=days, method="DOP853",
                rtol=1e-10, atol=1e-12,
            ).y[0]
            for a, b, c in zip(g.start, g.end, g.tau, strict=True)
        ]
    )  # fmt: skip
    return _daily_percentiles(g, lambda day: rows[:, day])


def _shown_curve(given: Simulated, played: Any) -> Floats:
    days = played.days.tolist()
    curve = played.sflr
    return np.array([curve.p10, curve.median, curve.p90]).T[days.index(0) : days.index(DAYS) + 1]


SIMULATE = Work(
    key="growth-simulate",
    title="simulate: two-stage plan of 120 days, all modifiers",
    unit="draws",
    make=simulated,
    truth=lambda given: _daily_percentiles(given.growth, given.growth.on),
    truth_is="sFLR's percentiles of each day, from three days of every draw",
    limit=1e-9,
    small=400,
    quick=(10_000,),
    sizes=(100_000, 1_000_000),
    calls=(
        Call(
            "flrsim simulate, everything",
            Simulated.play,
            _shown_curve,
            note="injury, both growth laws, function, lesions, drop-out, failure, death, ledger and all curves",
        ),
        Call(
            "numpy, sFLR alone",
            lambda g: _daily_percentiles(g, g.on),
            result_of,
            lambda given: given.growth,
            note="one of four curves under one of two laws, from numbers already drawn",
        ),
        Call(
            "scipy solve_ivp a patient, sFLR alone",
            _scipy_curve,
            result_of,
            lambda given: given.growth,
            ("scipy",),
            part=400,
            note="the same",
        ),
    ),
)

WORKS = (SIMULATE,)
