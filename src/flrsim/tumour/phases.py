"""When a patient was on which treatment, and for how long between two days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from flrsim.evidence import Evidence
from flrsim.patient import Treatment, TumourBiology
from flrsim.regimens import acting_days
from flrsim.tumour.classes import regimen_class

_DAYS_PER_WEEK = 7.0


@dataclass(frozen=True)
class Phase:
    """Days from `start` up to `end` on treatment of one class; in the days between phases nothing acts."""

    start: float
    end: float
    response: str


@dataclass(frozen=True)
class Exposure:
    """Weeks on each class of treatment, and off treatment before and after the first portal occlusion."""

    on: dict[str, float]
    off: float
    off_occluded: float


def treated_phases(
    history: Sequence[Treatment], biology: TumourBiology, evidence: Evidence
) -> tuple[tuple[Phase, ...], tuple[str, ...]]:
    """Return the phases of all treatments, in order, and what had to be assumed.

    A course of treatment lasts from its first dose to one cycle after its last. Courses that overlap act as one
    regimen while they do.
    """
    spans = [(*acting_days(t.regimen, t.cycles, t.last_dose_day, evidence), t.regimen) for t in history]
    days = sorted({day for start, end, _ in spans for day in (start, end)})
    phases: list[Phase] = []
    remarks: dict[str, None] = {}
    for start, end in pairwise(days):
        active = dict.fromkeys(regimen for first, last, regimen in spans if first <= start < last)
        if not active:
            continue
        found = regimen_class("+".join(active), biology)
        if found.remark:
            remarks[found.remark] = None
        if found.name is not None:
            phases.append(Phase(start, end, found.name))
    return tuple(phases), tuple(remarks)


def exposure(phases: Sequence[Phase], start: float, end: float, occlusion_day: float | None) -> Exposure:
    """Return how long treatment and growth without it act from day `start` to day `end`."""
    on: dict[str, float] = {}
    off, occluded = end - start, 0.0 if occlusion_day is None else max(end - max(occlusion_day, start), 0.0)
    for phase in phases:
        days = max(min(phase.end, end) - max(phase.start, start), 0.0)
        if days == 0:
            continue
        on[phase.response] = on.get(phase.response, 0.0) + days / _DAYS_PER_WEEK
        off -= days
        if occlusion_day is not None:
            occluded -= max(min(phase.end, end) - max(phase.start, start, occlusion_day), 0.0)
    return Exposure(on, (off - occluded) / _DAYS_PER_WEEK, occluded / _DAYS_PER_WEEK)
