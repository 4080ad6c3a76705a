"""Volumes of everything in a case: TLV, functional TLV, segments, lesions, vessels, contacts."""

from __future__ import annotations

import numpy as np

from flrsim import __version__
from flrsim.case import LiverCase
from flrsim.error_budget import interval, liver_causes, outline, segment_causes
from flrsim.evidence import Evidence
from flrsim.lesion_facts import lesion_facts
from flrsim.physiology.telv import THRESHOLD_FORMULA
from flrsim.results import (
    VOLUMES_SCHEMA,
    EstimatedVolume,
    Interval,
    Run,
    SegmentVolume,
    VesselVolume,
    VolumeTable,
)

TREES = {"portal_vein": "portal vein", "hepatic_vein": "hepatic veins"}


def measure(case: LiverCase, evidence: Evidence, *, telv: tuple[EstimatedVolume, ...] = ()) -> VolumeTable:
    """Return the volumes, contacts and facts of a case.

    Parameters
    ----------
    telv
        Estimated total liver volumes, where a patient is known.
    """
    segments = segment_volumes(case, evidence)
    tlv = sum(s.volume_ml for s in segments)
    lesion_inside = sum(s.lesion_ml for s in segments)
    size = next((t.ml for t in telv if t.formula == THRESHOLD_FORMULA), None)
    whole, functional = liver_intervals(case, evidence)
    return VolumeTable(
        schema=VOLUMES_SCHEMA,
        case=case.name,
        tlv_ml=tlv,
        tlv_functional_ml=tlv - lesion_inside,
        segments=segments,
        lesions=lesion_facts(case, evidence, telv_ml=size),
        vessels=tuple(VesselVolume(v.name, v.tree, v.branch, v.volume_ml) for v in case.vessels),
        contacts_cm2=contacts_cm2(case, evidence),
        outer_surface_cm2=float(np.sum(case.contact_cm2[0])),
        telv=telv,
        accepted=case.accepted.sentences(),
        warnings=case.warnings,
        not_supplied=not_supplied(case),
        run=Run(version=__version__, inputs_sha256=case.inputs_sha256, parameter_set=evidence.parameter_set),
        tlv_interval=whole,
        tlv_functional_interval=functional,
    )


def contacts_cm2(case: LiverCase, evidence: Evidence) -> dict[str, float]:
    """Return the smoothed area that two segments share by ``S4|S5``, cm²; specks left out."""
    area, least = case.contact_cm2, evidence.value("volumetry.contact.min_area")
    return {
        f"{a}|{b}": float(area[i, j])
        for i, a in enumerate(case.grid.segments, start=1)
        for j, b in enumerate(case.grid.segments, start=1)
        if i < j and area[i, j] >= least
    }


def segment_volumes(case: LiverCase, evidence: Evidence) -> tuple[SegmentVolume, ...]:
    """Return the volume of each segment and of what is inside it, mL, with its error."""
    grid = case.grid
    tlv = float(grid.ml[grid.liver_ids].sum())
    out = []
    for number, name in enumerate(grid.segments, start=1):
        parts = {
            kind: float(grid.ml[grid.ids(segments=[name], kind=kind)].sum())
            for kind in ("parenchyma", "lesion", "vessel")
        }
        volume = float(grid.ml[grid.ids(segments=[name])].sum())
        capsule, *walls = case.contact_cm2[number]
        causes = segment_causes(name, volume, float(capsule), walls, case.fidelity, evidence)
        out.append(
            SegmentVolume(
                name,
                volume,
                parts["parenchyma"],
                parts["lesion"],
                parts["vessel"],
                volume / tlv,
                interval(volume, causes),
            )
        )
    return tuple(out)


def liver_intervals(case: LiverCase, evidence: Evidence) -> tuple[Interval, Interval]:
    """Return the errors of the total liver volume and of that without lesion."""
    grid = case.grid
    outer = float(case.contact_cm2[0].sum())
    tlv = float(grid.ml[grid.liver_ids].sum())
    causes = liver_causes(tlv, outer, grid.segments, case.fidelity, evidence)
    # Lesions are outlined one by one, but by one person: their errors add up.
    area = sum(lesion.surface_cm2 * (1.0 - lesion.outside_ml / lesion.volume_ml) for lesion in case.lesions)
    lesions = outline("outline of the lesions", area, evidence, "volumetry.error.lesion")
    return interval(tlv, causes), interval(tlv_functional_ml(case), [*causes, lesions])


def tlv_functional_ml(case: LiverCase) -> float:
    """Return the total liver volume without lesion, mL."""
    grid = case.grid
    lesion = sum(float(grid.ml[grid.ids(segments=[s], kind="lesion")].sum()) for s in grid.segments)
    return float(grid.ml[grid.liver_ids].sum()) - lesion


def not_supplied(case: LiverCase) -> tuple[str, ...]:
    """Return what was not supplied, in words."""
    out = []
    if not case.lesions:
        out.append("lesions")
    if any(v.tree == "unsplit" for v in case.vessels):
        out.append("split vessels (portal and hepatic veins come in one label: name the trees)")
    out.extend(name for tree, name in TREES.items() if not case.has_tree(tree))
    out.extend(["hepatic artery", "bile ducts"])
    if case.patient is None:
        out.append("patient (no TELV, no sFLR)")
    return tuple(out)
