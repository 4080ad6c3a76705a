"""What was found wrong with an input or the evidence, what was repaired, and what flrsim found out about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flrsim.results.base import RESEARCH_NOTE, Result, Run


@dataclass(frozen=True)
class Finding(Result):
    """One thing wrong with an input: what, where, what to do.

    `level` is ``refused`` or ``warning``; `place_mm` is LPS, of the first or the middle of what was found; `count` says how
    many faces, points, edges, voxels or pieces; `accept` names the key that lets a person vouch for it.
    """

    level: str
    code: str
    sentence: str
    place_mm: tuple[float, float, float] | None = None
    ml: float | None = None
    accept: str | None = None
    count: int | None = None


@dataclass(frozen=True)
class Repair(Result):
    """One thing done to a copy of an input: how often, and by how many mL it changed what it touched (null: not measurable)."""

    code: str
    sentence: str
    count: int
    ml: float | None = None


@dataclass(frozen=True)
class Repaired(Result):
    """The repaired copy, checked again; volumes are null where the file carries none."""

    file: str
    verdict: str
    findings: tuple[Finding, ...]
    tlv_before_ml: float | None
    tlv_after_ml: float | None


@dataclass(frozen=True)
class CheckResult(Result):
    """Verdict on an input: usable, usable_with_warnings, refused.

    `repairs` and `repaired` say what was done to a copy, where a person asked for it; verdict and findings are the input's.
    """

    schema: str
    verdict: str
    findings: tuple[Finding, ...]
    run: Run
    repairs: tuple[Repair, ...] = ()
    repaired: Repaired | None = None


@dataclass(frozen=True)
class DoctorCheck(Result):
    """One line of the certificate; `status` is passed, failed or not_installed.

    `error` and `limit` are in `unit`, or shares of `expected` where `relative`; `reason` says why the limit is what it is, or what
    went wrong.
    """

    topic: str
    name: str
    status: str
    expected: float | None
    found: float | None
    error: float | None
    limit: float | None
    unit: str
    relative: bool
    reason: str


@dataclass(frozen=True)
class DoctorResult(Result):
    """What flrsim computes on one machine, against what is known without it."""

    schema: str
    sound: bool
    checks: tuple[DoctorCheck, ...]
    passed: int
    failed: int
    not_installed: int
    versions: Mapping[str, str | None]
    machine: Mapping[str, Any]
    seconds: float
    note: str = field(default=RESEARCH_NOTE)


@dataclass(frozen=True)
class EvidenceFinding(Result):
    """One thing wrong with the evidence: what kind, in which file, what to do."""

    code: str
    file: str
    sentence: str


@dataclass(frozen=True)
class EvidenceCheck(Result):
    """Whether the clinical numbers, the published results and their sources hold together, and how many there are.

    `modules` counts those searched for clinical numbers in the code.
    """

    schema: str
    sound: bool
    findings: tuple[EvidenceFinding, ...]
    parameters: int
    studies: int
    printed_numbers: int
    references: int
    disease_rules: int
    modules: int
