"""Liver function as a state of its own: what a mL is worth, and how function follows volume."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from flrsim.draws import Floats
from flrsim.evidence import Evidence
from flrsim.patient import Patient
from flrsim.physiology.modifiers import Effect, function_factor


def measured_function(patient: Patient, evidence: Evidence) -> float | None:
    """Return function per mL from a measured ICG-R15, healthy liver 1; None when it was not measured.

    Notes
    -----
    Clearance ``-ln(R15) / 15 min`` relative to the limit of normal, at most 1.
    """
    r15 = patient.liver.icg_r15
    if r15 is None or not 0 < r15 < 1:
        return None
    clearance = -math.log(r15) / evidence.value("function.icg_minutes")
    return min(1.0, clearance / evidence.value("function.icg_normal_clearance"))


def function_per_ml(
    patient: Patient, found: Mapping[str, Effect], evidence: Evidence, off: Iterable[str] = ()
) -> Floats:
    """Return function per mL, healthy liver 1, (n_draws,); a measurement outranks all predicted causes."""
    predicted = function_factor(found, off)
    measured = measured_function(patient, evidence)
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
