"""Tissue that operations leave in the patient without inflow or outflow, and from which day on: read from the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flrsim.report.perfusion import SAID_ML
from flrsim.results import PlanResult
from flrsim.staging import HALF, StagedPlan
from flrsim.staging.operations import parenchyma_ml


@dataclass(frozen=True)
class Lost:
    """A segment's tissue of one fate, most of which has lost its portal branch or its hepatic vein.

    Attributes
    ----------
    goes : the operation that takes it out; 0 when it stays.
    ml : what has lost a vessel by then, at the size of the imaging day.
    stage, day : the operation after which most of it had lost one.
    """

    segment: str
    goes: int
    ml: float
    stage: int
    day: int


def lost_tissue(staged: StagedPlan | None, result: PlanResult | None, day: int | None) -> tuple[Lost, ...]:
    """Return what is in the patient on a day and mostly has no inflow or no outflow; None: what stays, in the end."""
    if staged is None or result is None or result.perfusion is None:
        return ()
    done = [op.stage for op in staged.operations if day is None or op.day <= day]
    days = {op.stage: op.day for op in staged.operations}
    ml: dict[tuple[str, int], float] = {}
    mostly: dict[tuple[str, int], int] = {}
    whole: dict[int, Mapping[str, float]] = {}
    for part in sorted(result.perfusion.losing, key=lambda p: p.stage):
        key = part.segment, part.goes or 0
        is_there = part.goes is None or (day is not None and part.goes not in done)
        if part.stage not in done or not is_there:
            continue
        if key[1] not in whole:
            whole[key[1]] = parenchyma_ml(staged.pieces, staged.removed_in == key[1])
        ml[key] = ml.get(key, 0.0) + part.ml
        if ml[key] > HALF * whole[key[1]].get(part.segment, 0.0) and ml[key] >= SAID_ML:
            mostly.setdefault(key, part.stage)
    return tuple(Lost(*key, ml[key], stage, days[stage]) for key, stage in sorted(mostly.items()))


def lost_words(lost: tuple[Lost, ...], day: int | None) -> tuple[str, ...]:
    """Return what the legend says of it, one line for each day on which something was lost; mL as the verdict says them."""
    out = []
    for since in sorted({x.day for x in lost}) if day is not None else [None]:
        by: dict[str, float] = {}
        for x in lost:
            if since in (None, x.day):
                by[x.segment] = by.get(x.segment, 0.0) + x.ml
        said = ", ".join(f"{s} {ml:.0f} mL" for s, ml in by.items())
        if said:
            out.append(
                f"will lose inflow or outflow: {said}" if since is None
                else f"no inflow or no outflow since day {since}: {said}"
            )  # fmt: skip
    return tuple(out)
