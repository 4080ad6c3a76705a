"""What the future liver remnant of a plan is uncertain by, and which rules that leaves undecided."""

from __future__ import annotations

from collections.abc import Sequence

from flrsim.case import LiverCase
from flrsim.error_budget import formula_spread, interval, remnant_causes, scaled
from flrsim.evidence import Evidence
from flrsim.physiology.adequacy import label_border, label_sd_fraction
from flrsim.plan import Operate
from flrsim.results import EstimatedVolume, Interval
from flrsim.rules import RuleResult, error_warning
from flrsim.staging import StagedPlan


def flr_error(case: LiverCase, staged: StagedPlan, functional: float, evidence: Evidence) -> Interval:
    """Return what the FLR of a plan is uncertain by on the imaging day, mL."""
    flr, whole = staged.flr_ml, case.parenchyma_ml
    # The share of a segment that stays keeps that share of its part of the capsule.
    capsule = sum(
        float(case.contact_cm2[0, number]) * flr.get(name, 0.0) / whole[name]
        for number, name in enumerate(case.grid.segments, start=1)
        if whole.get(name, 0.0) > 0
    )
    # Walls between segments err with the labels, a plane is where it was put; a wedge's wall follows its lesion.
    walls = sum(
        op.transection_cm2
        for op, step in zip(staged.operations, staged.plan.operations, strict=True)
        if op.wedges and not op.resects and not (isinstance(step.action, Operate) and step.action.drawn)
    )
    total = sum(flr.values())
    causes = remnant_causes(
        total,
        capsule,
        label_sd_fraction(flr, evidence) * functional,
        label_border(flr),
        walls,
        tuple(flr),
        case.fidelity,
        evidence,
    )
    return interval(total, causes)


def sflr_budget(
    error: Interval, flr_ml: float, telv_ml: float, formulas: Sequence[EstimatedVolume]
) -> Interval:
    """Return what an sFLR is uncertain by: the FLR's error, and the spread of the formulas for TELV.

    The spread is no error of a rule: each was found with one formula and is asked with it.
    """
    sflr = flr_ml / telv_ml
    return scaled(error, telv_ml, [formula_spread(sflr, flr_ml, formulas)], value=sflr)


def error_notes(
    rules: tuple[RuleResult, ...],
    formulas: tuple[EstimatedVolume, ...],
) -> tuple[str, ...]:
    """Return a warning for each rule whose threshold lies within an error, and where only the formula decides."""
    notes = [f"{r.title}: {error_warning(r)}" for r in rules if r.inside_error]
    for r in (r for r in rules if r.binding and not r.inside_error):
        value = r.value or 0.0
        # A rule was found with one formula: that others say otherwise is told, and lowers nothing. One that was found
        # with the measured liver has no other.
        now = next((t.ml for t in formulas if t.formula == r.formula), None)
        others = [
            t.formula
            for t in formulas
            if t.ml and now and (value * now / t.ml >= r.threshold) != (value >= r.threshold)
        ]
        if others:
            notes.append(
                f"{r.title}: by {', '.join(others)} the plan would stand on the other side of it; "
                f"the rule was found with {r.denominator or r.formula}"
            )
    return tuple(notes)
