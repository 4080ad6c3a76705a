"""Volumes of everything in a case: TLV, functional TLV, segments, lesions, vessels, contacts."""

from __future__ import annotations

import numpy as np

from flrsim import __version__
from flrsim.case import LiverCase
from flrsim.evidence import Evidence
from flrsim.meshing import contact_areas_cm2
from flrsim.results import (
    VOLUMES_SCHEMA,
    EstimatedVolume,
    LesionVolume,
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
    grid = case.grid
    segments = segment_volumes(case)
    tlv = sum(s.volume_ml for s in segments)
    lesion_inside = sum(s.lesion_ml for s in segments)
    area = contact_areas_cm2(grid.segment_labels, grid.affine, len(grid.segments) + 1)
    least = evidence.value("volumetry.contact.min_area")
    contacts = {
        f"{a}|{b}": float(area[i, j])
        for i, a in enumerate(grid.segments, start=1)
        for j, b in enumerate(grid.segments, start=1)
        if i < j and area[i, j] >= least
    }
    return VolumeTable(
        schema=VOLUMES_SCHEMA,
        case=case.name,
        tlv_ml=tlv,
        tlv_functional_ml=tlv - lesion_inside,
        segments=segments,
        lesions=lesion_volumes(case),
        vessels=tuple(VesselVolume(v.name, v.tree, v.branch, v.volume_ml) for v in case.vessels),
        contacts_cm2=contacts,
        outer_surface_cm2=float(np.sum(area[0])),
        telv=telv,
        accepted=case.accepted.sentences(),
        warnings=case.warnings,
        not_supplied=not_supplied(case),
        run=Run(version=__version__, inputs_sha256=case.inputs_sha256, parameter_set=evidence.parameter_set),
    )


def segment_volumes(case: LiverCase) -> tuple[SegmentVolume, ...]:
    """Return the volume of each segment and of what is inside it, mL."""
    grid = case.grid
    tlv = float(grid.ml[grid.liver_ids].sum())
    out = []
    for name in grid.segments:
        parts = {
            kind: float(grid.ml[grid.ids(segments=[name], kind=kind)].sum())
            for kind in ("parenchyma", "lesion", "vessel")
        }
        volume = float(grid.ml[grid.ids(segments=[name])].sum())
        out.append(
            SegmentVolume(name, volume, parts["parenchyma"], parts["lesion"], parts["vessel"], volume / tlv)
        )
    return tuple(out)


def lesion_volumes(case: LiverCase) -> tuple[LesionVolume, ...]:
    """Return the facts of each lesion."""
    return tuple(
        LesionVolume(
            name=lesion.name,
            volume_ml=lesion.volume_ml,
            outside_ml=lesion.outside_ml,
            longest_3d_mm=lesion.longest_3d_mm,
            longest_axial_mm=lesion.longest_axial_mm,
            centre_mm=lesion.centre_mm,
            segments=lesion.segments,
        )
        for lesion in case.lesions
    )


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
