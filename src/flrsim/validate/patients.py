"""The virtual patients of an arm: what they share, and in what they differ beside their luck."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flrsim.draws import Floats, Stream
from flrsim.evidence import Evidence
from flrsim.patient import LiverCondition, Patient, Treatment, TumourBiology
from flrsim.regimens import TACE

_DAYS_PER_WEEK = 7.0
UNTREATED = "none"
"""Share of a table of regimens that had none."""

Arm = Mapping[str, Any]


@dataclass(frozen=True)
class Group:
    """Patients of an arm who differ only in starting size and luck.

    Attributes
    ----------
    who : their places in the arm, (n_group,) int.
    history : treatments until the stimulus or the operation, which is day 0.
    regimen : given to the tumour; empty without one.
    """

    who: NDArray[np.int64]
    patient: Patient
    history: tuple[Treatment, ...]
    regimen: str


def groups(arm: Arm, evidence: Evidence, uniform: Stream) -> tuple[Group, ...]:
    """Return the patients of an arm by fibrosis, diabetes, sarcopenia, regimen and disease outside the liver.

    A share that the arm states is met on average: each patient draws what it has.

    Parameters
    ----------
    uniform
        Uniform draws of the arm's patients.
    """
    u = uniform("cohort.fibrosis")
    n = u.size
    fibrosis = _drawn(arm.get("fibrosis", {}), u)
    regimens = (
        {arm["regimen"]: 1.0}
        if "regimen" in arm
        else {k: v for k, v in arm.get("regimens", {}).items() if k != UNTREATED}
    )
    regimen = _drawn(regimens, uniform("cohort.regimen"))
    flags = {
        name: _flag(arm.get(name), uniform(f"cohort.{name}"))
        for name in ("diabetes", "sarcopenia", "liver_only")
    }
    codes = np.stack([fibrosis, regimen, *flags.values()])
    kinds, member = np.unique(codes, axis=1, return_inverse=True)
    member = np.asarray(member).reshape(n)
    found = []
    for index, (stage, drug, diabetes, sarcopenia, liver_only) in enumerate(kinds.T.tolist()):
        stages, names = list(arm.get("fibrosis", {})), list(regimens)
        given = "" if drug < 0 else names[drug]
        patient = _patient(
            arm, evidence, None if stage < 0 else stages[stage], diabetes, sarcopenia, liver_only
        )
        who = np.flatnonzero(member == index).astype(np.int64)
        found.append(Group(who, patient, _history(arm, given, evidence), given))
    return tuple(found)


def starting_shares(arm: Arm, evidence: Evidence, uniform: Stream) -> Floats:
    """Return the starting sFLR of every patient, (n,): normal, cut where no patient is; or the one share that stays.

    Returns
    -------
    array of float64; NaN throughout when the arm says nothing of size.
    """
    u = uniform("cohort.sflr")
    sflr = arm.get("sflr")
    if sflr is None:
        return np.full(u.shape, float(arm.get("remnant", np.nan)))
    mean, sd = float(sflr["mean"]), float(sflr["sd"])
    if sd == 0:
        return np.full(u.shape, mean)
    from scipy.stats import truncnorm

    low, high = evidence.value("cohort.sflr.low"), evidence.value("cohort.sflr.high")
    return np.asarray(truncnorm.ppf(u, (low - mean) / sd, (high - mean) / sd, loc=mean, scale=sd))


def _drawn(shares: Mapping[str, float], u: Floats) -> NDArray[np.int64]:
    """Return the index of what each patient has, -1 for what is left over."""
    edges = np.cumsum(list(shares.values())) if shares else np.zeros(0)
    index = np.searchsorted(edges, u, side="right").astype(np.int64)
    return np.where(index < edges.size, index, -1)


def _flag(share: float | None, u: Floats) -> NDArray[np.int64]:
    """Return 1 where a patient has it, 0 where not, -1 where nothing is said."""
    return np.full(u.shape, -1, dtype=np.int64) if share is None else (u < share).astype(np.int64)


def _patient(
    arm: Arm, evidence: Evidence, fibrosis: str | None, diabetes: int, sarcopenia: int, liver_only: int
) -> Patient:
    """Return the one patient that stands for a group."""
    disease = str(arm.get("disease", "other"))
    return Patient(
        sex="female" if arm.get("female", 0.0) > 0.5 else "male",
        age=float(arm.get("age", evidence.value("cohort.age"))),
        height_cm=evidence.value("cohort.height"),
        weight_kg=evidence.value("cohort.weight"),
        disease="other" if disease == "donor" else disease,
        diabetes=None if diabetes < 0 else bool(diabetes),
        sarcopenia=None if sarcopenia < 0 else bool(sarcopenia),
        liver=LiverCondition(fibrosis=fibrosis, cholestasis=arm.get("cholestasis")),
        tumour=TumourBiology(ras=arm.get("ras"), extrahepatic=() if liver_only == 1 else None),
    )


def _history(arm: Arm, regimen: str, evidence: Evidence) -> tuple[Treatment, ...]:
    """Return what was given before day 0: nothing unless both regimen and cycles are said.

    Where the pause before day 0 is not printed, it is the one that the rules ask for.
    """
    weeks = float(arm.get("weeks_off", evidence.value("rules.wait.chemotherapy")))
    last = -round(weeks * _DAYS_PER_WEEK)
    cycles = round(float(arm.get("cycles", 0)))
    history = [Treatment(regimen, cycles, last)] if regimen and cycles else []
    if arm.get("tace", False):
        history.append(Treatment(TACE, 1, last))
    return tuple(history)
