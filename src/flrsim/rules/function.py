"""Rules on measured function of the liver: indocyanine green, LiMAx, mebrofenin."""

from __future__ import annotations

from dataclasses import replace

from flrsim.course import Course
from flrsim.draws import Floats
from flrsim.evidence import MEASURED_LIVER, Evidence
from flrsim.patient import Patient
from flrsim.rules.extent import ENUCLEATION, HEMI, LIMITED, NONE, SECTION, SEGMENT, SPOKEN, Extent, extent_of
from flrsim.rules.result import AT_MOST, BELOW, RuleResult, drawn, joined, measured

_RETENTION = {HEMI: "r15_hemi", SECTION: "r15_section", SEGMENT: "r15_segment", LIMITED: "r15_limited"}
"""The step of retention up to which an extent is done, the largest extent first."""

_CLEARANCE = (
    ("limited", "a limited resection"),
    ("one_segment", "one segment"),
    ("two_segments", "two segments"),
    ("hemihepatectomy", "three segments or more"),
)
"""The clearance needed, by the number of segments taken."""


def retention(course: Course, patient: Patient, evidence: Evidence) -> list[RuleResult]:
    """Return the tree of ascites, bilirubin and retention of indocyanine green, as the one question that decides.

    Ascites is asked first, then bilirubin, then retention, each with the step that the largest operation of the plan
    needs. What was not supplied is taken not to decide, and said; bilirubin is not asked of obstructed bile ducts.

    References
    ----------
    Makuuchi 1993, Imamura 2003: recalled.
    """
    liver, extent = patient.liver, extent_of(course)
    if extent is None:
        return []
    clogged = liver.cholestasis in ("drained", "undrained")
    bilirubin = None if clogged else liver.bilirubin_mg_dl
    notes = [] if liver.ascites else ["ascites not supplied"]
    if bilirubin is None:
        notes.append("bilirubin not asked of obstructed bile ducts" if clogged else "bilirubin not supplied")
    if liver.ascites == "uncontrolled":
        row = measured(evidence["rules.icg.bilirubin_none"], "bilirubin", bilirubin, direction=BELOW)
        said = ["uncontrolled ascites", _said(NONE, extent), row.note]
        return [replace(row, title="no uncontrolled ascites (ICG-R15 tree)", met=False, note=joined(said))]
    if bilirubin is not None:
        allowed = _by_bilirubin(bilirubin, evidence)
        # Below a limited resection the tree asks bilirubin alone; from its step on it does not ask retention.
        if allowed < extent.level or allowed < SEGMENT:
            step = "enucleation" if extent.level <= LIMITED else "limited"
            return [
                _node(f"bilirubin_{step}", "bilirubin", bilirubin, BELOW, allowed, extent, notes, evidence)
            ]
    if liver.icg_r15 is None:
        return []
    steps = {level: evidence[f"rules.icg.{name}"] for level, name in _RETENTION.items()}
    allowed = next(
        (
            level
            for level, step in steps.items()
            if liver.icg_r15 < step.value or (level == HEMI and liver.icg_r15 <= step.value)
        ),
        ENUCLEATION,
    )
    side = AT_MOST if extent.level == HEMI else BELOW
    return [_node(_RETENTION[extent.level], "ICG-R15", liver.icg_r15, side, allowed, extent, notes, evidence)]


def _by_bilirubin(bilirubin: float, evidence: Evidence) -> int:
    """Return the largest extent that bilirubin allows."""
    for step, allowed in (("none", NONE), ("enucleation", ENUCLEATION), ("limited", LIMITED)):
        if bilirubin >= evidence.value(f"rules.icg.bilirubin_{step}"):
            return allowed
    return HEMI


def _node(
    step: str,
    quantity: str,
    value: float,
    direction: str,
    allowed: int,
    extent: Extent,
    notes: list[str],
    evidence: Evidence,
) -> RuleResult:
    """Return the row of the step that decides."""
    parameter = evidence[f"rules.icg.{step}"]
    said = joined([_said(allowed, extent), *notes])
    return measured(parameter, quantity, value, direction=direction, note=said, whom=extent.spoken)


def _said(allowed: int, extent: Extent) -> str:
    return f"the tree allows at most {SPOKEN[allowed]}; the plan takes {extent.spoken}"


def clearance(course: Course, patient: Patient, share: Floats, evidence: Evidence) -> list[RuleResult]:
    """Return the rules on the clearance of indocyanine green: of the whole liver by extent, and of what stays.

    Parameters
    ----------
    share : (n_draws,), FLR over the functional liver.
    """
    whole, extent = patient.liver.k_icg_per_min, extent_of(course)
    if whole is None:
        return []
    rows = []
    if extent is not None:
        step, whom = _CLEARANCE[min(extent.segments, len(_CLEARANCE) - 1)]
        rows.append(measured(evidence[f"rules.k_icg.{step}"], "K-ICG", whole, whom=whom))
    rows.append(
        drawn(evidence["rules.k_icg_flr"], "K-ICG × FLR share", whole * share, formula=MEASURED_LIVER)
    )
    return rows


def limax(patient: Patient, share: Floats, evidence: Evidence) -> list[RuleResult]:
    """Return the rules on LiMAx of the whole liver and on what is foretold for the remnant, LiMAx × share."""
    whole = patient.liver.limax_ug_kg_h
    if whole is None:
        return []
    normal = evidence["rules.limax.normal"]
    below = (
        f"the whole liver's {whole:g} is below the normal {normal.value:g}" if whole < normal.value else ""
    )
    rows = [
        drawn(evidence[f"rules.limax.remnant_{step}"], "remnant LiMAx", whole * share, formula=MEASURED_LIVER, note=said)
        for step, said in (("critical", below), ("safe", ""), ("free", ""))
    ]  # fmt: skip
    return [*rows, measured(evidence["rules.limax.none_below"], "LiMAx", whole)]


def mebrofenin(patient: Patient, evidence: Evidence) -> list[RuleResult]:
    """Return the rule on the uptake of mebrofenin by the FLR as it was measured; later growth is not counted."""
    uptake = patient.liver.mebrofenin_flr
    if uptake is None:
        return []
    note = "as measured; growth since then is not counted"
    rows = [measured(evidence["rules.mebrofenin"], "mebrofenin uptake of the FLR", uptake, note=note)]
    if patient.disease == "cholangiocarcinoma":
        whole = uptake * patient.bsa_m2
        rows.append(
            measured(evidence["rules.mebrofenin_biliary"], "mebrofenin uptake of the FLR", whole, note=note)
        )
    return rows
