"""Vessels that run inside a lesion: no voxel of the grid shows them, and none may count as kept for that."""

from __future__ import annotations

import numpy as np

import solids
from flrsim.case import LiverCase, VesselFile, assemble
from flrsim.evidence import load_evidence
from flrsim.plan import Operate, Plan, Step
from flrsim.remnant import vessel_answers
from flrsim.staging import stage_plans

SPACING = (3.0, 3.0, 3.0)


def encased(tree: str, branch: str, *, radius: float = 5.0) -> tuple[LiverCase, str]:
    """Return a toy liver with one ball lesion that holds the whole of one vessel, and the segment they lie in."""
    shape = tuple(int(2 * half / 3.0) + 5 for half in (80, 58, 48))
    affine = solids.centred_affine(SPACING, shape)
    points = solids.grid_points(shape, affine)
    labels = solids.toy_segments(points)
    segments = solids.structures(labels, affine, ("outside", *solids.SEGMENTS))
    here = int(labels[tuple(n // 2 for n in shape)] or labels.max())
    inside = np.argwhere(labels == here)
    centre = points[tuple(inside[len(inside) // 2])]
    away = np.linalg.norm(points - centre, axis=-1)
    lesion = solids.structures(((away < 10.0) & (labels > 0)).astype(np.uint8), affine, ("outside", "L1"))
    vessel = solids.structures(((away < radius) & (labels > 0)).astype(np.uint8), affine, ("outside", branch))
    grid, lesions, vessels, warnings = assemble(segments, lesion, (VesselFile(tree, vessel),))
    return LiverCase("encased", grid, lesions, vessels, warnings=warnings), solids.SEGMENTS[here - 1]


def wedge_of(case: LiverCase):
    plan = Plan("wedge", (Step(0, Operate((), ("L1",), 3.0)),))
    return stage_plans(case, [plan], load_evidence())[0]


def answer(case: LiverCase, staged, question: str) -> str:
    return next(a.answer for a in vessel_answers(case, staged) if a.question == question)


def test_the_part_of_a_vessel_inside_a_lesion_is_remembered() -> None:
    case, _ = encased("portal_vein", "right")
    (vessel,) = case.vessels
    assert vessel.encased_ml == {"L1": vessel.volume_ml}
    assert not len(case.grid.ids(kind="vessel"))


def test_a_pedicle_inside_a_wedged_lesion_is_lost() -> None:
    _, segment = encased("portal_vein", "right")
    case, _ = encased("portal_vein", segment)
    staged = wedge_of(case)
    assert segment in staged.flr_ml
    assert answer(case, staged, "inflow") == "no"


def test_a_hepatic_vein_inside_a_lesion_forbids_its_wedge() -> None:
    case, segment = encased("hepatic_vein", "right")
    (fate,) = wedge_of(case).fates
    assert fate.near is not None
    assert (fate.near.name, fate.near.distance_mm, fate.near.proxy) == ("hepatic vein, right", 0.0, False)
    # Where the lesion's segment is resected whole, the vein goes with it and forbids nothing.
    plan = Plan("both", (Step(0, Operate((*(s for s in fate.lesion.segments),), (), None)),))
    (taken,) = stage_plans(case, [plan], load_evidence())[0].fates
    assert (taken.fate, taken.near) == ("removed", None)
    assert segment in fate.lesion.segments
