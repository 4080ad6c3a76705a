"""Chemotherapy before a plan, cycle by cycle: what it clears and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flrsim.results.base import RESEARCH_NOTE, Quantiles, Result


@dataclass(frozen=True)
class ConversionRow(Result):
    """The plan after a number of cycles.

    Attributes
    ----------
    cycles : given between the images and the plan.
    last_dose_day : None without a cycle.
    operation_day : of the last operation.
    p_cleared : all lesions go whole at their operations.
    p_progressed : the sum of diameters has grown on treatment.
    p_resectable : all lesions go whole and none has progressed, in the same draw.
    p_new_lesion : by then a lesion has appeared that the images do not show.
    burden : sum of diameters at the last operation over that on the images.
    sos_2, nrh, steatohepatitis : share of draws with that injury at the last operation.
    function_per_ml : of the FLR there, healthy liver 1, median.
    population, sflr_threshold : the binding rule, on its own denominator; `rule_quantity` names that: sFLR, or
        FLR / functional liver.
    p_volume : share of draws that meet it there.
    """

    cycles: int
    last_dose_day: int | None
    operation_day: int
    p_cleared: float
    p_progressed: float
    p_resectable: float
    p_new_lesion: float
    burden: Quantiles
    sos_2: float
    nrh: float
    steatohepatitis: float
    function_per_ml: float
    population: str
    sflr_threshold: float
    p_volume: float
    rule_quantity: str = "sFLR"


@dataclass(frozen=True)
class Conversion(Result):
    """When a plan becomes possible by chemotherapy, and from when on more of it harms.

    Attributes
    ----------
    response : class of regimen whose published response is taken; None when none is assumed.
    best : the fewest cycles with the highest `p_resectable` in whole percent; None when it is zero for all.
    harm_from : the first number of cycles that is worse than fewer, and `harm` says why; None when none is.
    """

    schema: str
    plan: str
    regimen: str
    response: str | None
    first_dose_day: int
    rows: tuple[ConversionRow, ...]
    best: int | None
    harm_from: int | None
    harm: str
    remarks: tuple[str, ...]
    assumptions: tuple[Mapping[str, Any], ...]
    references: tuple[Mapping[str, Any], ...]
    seed: int
    draws: int
    parameter_set: str
    note: str = field(default=RESEARCH_NOTE)
