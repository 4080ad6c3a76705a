"""Liver function as a state of its own: what a mL is worth, and how function follows volume."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from flrsim.draws import Floats, Stream
from flrsim.evidence import Evidence
from flrsim.patient import Patient
from flrsim.physiology.injury import Injury


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


def function_per_ml(patient: Patient, injury: Injury, evidence: Evidence, uniform: Stream) -> Floats:
    """Return function per mL, healthy liver 1, (n_draws,); a measurement outranks predicted injury."""
    measured = measured_function(patient, evidence)
    if measured is not None:
        return np.full(injury.sos_grade.shape, measured)

    def factor(present: NDArray[np.bool_], id: str, name: str) -> Floats:
        if not np.any(present):
            return np.ones(present.shape)
        return np.where(present, evidence.quantile(f"function.{id}", uniform(f"function.{name}")), 1.0)

    return np.asarray(
        factor(injury.sos_grade == 2, "sos_2", "sos")
        * factor(injury.sos_grade > 2, "sos_3", "sos")
        * factor(injury.nrh_grade >= 1, "nrh", "nrh")
        * factor(injury.steatohepatitis, "steatohepatitis", "steatohepatitis")
    )


def follow(function: Floats, target: Floats, days: float, tau: Floats | float) -> Floats:
    """Return function after `days` of ``dF/dt = (target - F) / tau`` with a constant target."""
    return np.asarray(target + (function - target) * np.exp(-days / tau))
