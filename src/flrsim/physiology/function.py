"""Liver function as a state of its own: what a mL is worth, and how function follows volume."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from flrsim.draws import Floats
from flrsim.evidence import Evidence
from flrsim.patient import Patient
from flrsim.physiology.modifiers import Effect, function_factor


@dataclass(frozen=True)
class MeasuredFunction:
    """What one test says a mL is worth.

    Attributes
    ----------
    test : name and value of the test, as printed.
    per_ml : function per mL, healthy liver 1.
    """

    test: str
    per_ml: float


def measurements(patient: Patient, evidence: Evidence) -> tuple[MeasuredFunction, ...]:
    """Return function per mL by every test of the whole liver that was made, the one that is used first.

    Notes
    -----
    Each over the limit of normal, at most 1: clearance ``-ln(R15) / 15 min`` from ICG-R15, K-ICG as it is, LiMAx.
    LiMAx is per kg of body weight and is taken as per mL.
    """
    liver, found = patient.liver, []

    def add(test: str, measured: float, normal: str) -> None:
        found.append(MeasuredFunction(test, min(1.0, measured / evidence.value(normal))))

    r15, k, limax = liver.icg_r15, liver.k_icg_per_min, liver.limax_ug_kg_h
    if r15 is not None:
        clearance = -math.log(r15) / evidence.value("function.icg_minutes") if r15 > 0 else math.inf
        add(f"ICG-R15 {100 * r15:.3g} %", clearance, "function.icg_normal_clearance")
    if k is not None:
        add(f"K-ICG {k:.3g}/min", k, "function.icg_normal_clearance")
    if limax is not None:
        add(f"LiMAx {limax:.3g} µg/kg/h", limax, "function.limax_normal")
    return tuple(found)


def measured_function(patient: Patient, evidence: Evidence, off: Iterable[str] = ()) -> float | None:
    """Return function per mL as measured, healthy liver 1; None when it was not measured or does not count.

    Notes
    -----
    With the measurement switched off it does not count. Nor does it in a cirrhotic liver with cirrhosis switched
    off: what was measured there is the cirrhosis.
    """
    without = set(off)
    if "measured_function" in without or ("fibrosis" in without and patient.liver.cirrhotic):
        return None
    return next((m.per_ml for m in measurements(patient, evidence)), None)


def function_remarks(patient: Patient, evidence: Evidence) -> tuple[str, ...]:
    """Return what was taken for granted about the liver: which of several tests is used, and cirrhosis by class."""
    liver, said = patient.liver, []
    tests = [f"{m.test} ({m.per_ml:.2f})" for m in measurements(patient, evidence)]
    if len(tests) > 1:
        said.append(
            f"function of a mL, healthy liver 1, is taken from {tests[0]}; not used for it: {', '.join(tests[1:])}"
        )
    if liver.child_pugh is not None and liver.fibrosis is None:
        said.append(
            f"Child-Pugh {liver.child_pugh} was given without a stage of fibrosis: F4 is assumed for growth and function"
        )
    if liver.child_pugh is not None and liver.fibrosis in ("F0", "F1", "F2"):
        said.append(
            f"Child-Pugh {liver.child_pugh} is a class of cirrhosis, but fibrosis is {liver.fibrosis}: thresholds, liver "
            f"failure and death take cirrhosis, growth and function {liver.fibrosis}; correct one of the two"
        )
    return tuple(said)


def function_per_ml(
    patient: Patient, found: Mapping[str, Effect], evidence: Evidence, off: Iterable[str] = ()
) -> Floats:
    """Return function per mL, healthy liver 1, (n_draws,); a measurement outranks all predicted causes."""
    predicted = function_factor(found, off)
    measured = measured_function(patient, evidence, off)
    return predicted if measured is None else np.full(predicted.shape, measured)


def lag(technique: str | None, evidence: Evidence) -> float:
    """Return the time constant with which function follows volume after a stimulus, days.

    After liver partition volume runs far ahead of function; every other stimulus has the common lag.
    """
    partition = technique is not None and technique.startswith("alpps")
    return evidence.value("function.alpps.tau" if partition else "function.tau")


def follow(function: Floats, target: Floats, days: float, tau: Floats | float) -> Floats:
    """Return function after `days` of ``dF/dt = (target - F) / tau`` with a constant target."""
    return np.asarray(target + (function - target) * np.exp(-days / tau))
