"""Cuts through a real liver, held against VTK's clip of its voxels' own surface and against counted voxels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flrsim.case import LiverCase
from flrsim.case_file import load_file
from flrsim.evidence import load_evidence
from flrsim.meshing import mesh_from_labels
from flrsim.plan import Operate, Plan, Step
from flrsim.resection.plane import Plane
from flrsim.resection.sheet import sheet_of
from flrsim.staging import KINDS, StagedPlan, stage_plans

NORMAL = (-1.0, 0.3, 0.15)


@pytest.fixture(scope="module")
def case(data_folder: Path) -> LiverCase:
    folder = data_folder / "3Dircadb-1"
    return load_file(folder / "segments.nii.gz", load_evidence(), lesions=folder / "lesions.nii.gz")


def middle(case: LiverCase) -> Plane:
    """Return an oblique plane through the middle of the liver."""
    centre = case.grid.world(np.argwhere(case.grid.liver).mean(axis=0)[None])[0]
    return Plane((float(centre[0]), float(centre[1]), float(centre[2])), NORMAL)


def staged(case: LiverCase, action: Operate) -> StagedPlan:
    return stage_plans(case, [Plan("p", (Step(0, action),))], load_evidence())[0]


def vtk_clip(points, triangles, plane):
    """Return mL and section area in cm² of a closed surface beyond a plane, by vtkClipClosedSurface."""
    import pyvista as pv
    from vtkmodules.vtkCommonDataModel import vtkPlane, vtkPlaneCollection
    from vtkmodules.vtkFiltersGeneral import vtkClipClosedSurface

    normal = np.array(plane.normal) / np.linalg.norm(plane.normal)
    one = vtkPlane()
    one.SetOrigin(plane.point_mm)
    one.SetNormal(normal)
    collection = vtkPlaneCollection()
    collection.AddItem(one)
    clip = vtkClipClosedSurface()
    clip.SetClippingPlanes(collection)
    clip.SetInputData(pv.PolyData.from_regular_faces(points, triangles))
    clip.SetTolerance(1e-12)
    clip.Update()
    out = pv.wrap(clip.GetOutput()).triangulate()
    if not out.n_cells:
        return 0.0, 0.0
    corner = out.points[out.regular_faces].astype(float) - plane.point_mm
    six = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    cap = (np.abs(corner @ normal) < 1e-3).all(axis=1)
    section = -(0.5 * six[cap] @ normal).sum() / 100
    return float(np.einsum("ij,ij->", corner[:, 0], six)) / 6000.0, float(section)


def test_a_plane_through_a_real_liver_takes_what_vtk_clips(case: LiverCase) -> None:
    grid, plane = case.grid, middle(case)
    result = staged(case, Operate(plane=(plane,)))
    (op,) = result.operations
    mesh = mesh_from_labels(grid.segment_labels, grid.affine, ["outside", *grid.segments])
    ml = result.pieces.region_ml(op.goes)
    for segment in ("S4", "S5"):
        number = 1 + grid.segments.index(segment)
        want, _ = vtk_clip(*mesh.region_surface(number), plane)
        got = float(ml[grid.ids(segments=[segment])].sum())
        # Tissues of one segment share its voxels: its mL are shared out alike, so small lesions blur nothing here.
        assert got == pytest.approx(want, abs=1e-3), segment
    whole = mesh_from_labels(grid.liver.astype(np.uint8), grid.affine, ["outside", "liver"])
    volume, section = vtk_clip(*whole.region_surface(1), plane)
    assert sum(op.resected_ml.values()) == pytest.approx(volume, abs=1e-2)
    assert op.transection_cm2 == pytest.approx(section, rel=0.02)
    for kind in KINDS:
        assert op.before_ml[kind] == pytest.approx(op.resected_ml[kind] + op.after_ml[kind], rel=1e-12)


def test_a_sheet_along_the_plane_takes_the_same_and_loses_nothing(case: LiverCase) -> None:
    plane = middle(case)
    flat = sum(staged(case, Operate(plane=(plane,))).operations[0].resected_ml.values())
    normal = np.array(plane.normal) / np.linalg.norm(plane.normal)
    u = np.cross(normal, [0, 0, 1])
    u /= np.linalg.norm(u)
    v = np.cross(normal, u)
    corners = np.array(
        [np.array(plane.point_mm) + 250 * (a * u + b * v) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    )
    right = case.grid.world(np.argwhere(case.grid.mask(case.grid.ids(segments=["S6"])))[:1].astype(float))[0]
    sheet = sheet_of(corners, np.array([[0, 1, 2], [0, 2, 3]]), tuple(map(float, right)), source="sheet")
    result = staged(case, Operate(sheet=(sheet,)))
    (op,) = result.operations
    assert sum(op.resected_ml.values()) == pytest.approx(flat, abs=1e-3)
    assert sum(op.resected_ml.values()) + sum(op.after_ml.values()) == pytest.approx(
        sum(case.segment_ml.values()), rel=1e-12
    )


def test_s4_to_8_with_every_lesions_fate_and_nothing_lost(case: LiverCase) -> None:
    result = staged(
        case, Operate(resect=("S4", "S5", "S6", "S7", "S8"), ablate=("L4", "L5"), ablation_margin_mm=5.0)
    )
    (op,) = result.operations
    fates = {f.lesion.name: f.fate for f in result.fates}
    assert fates == {
        "L1": "removed", "L2": "cut_through", "L3": "removed", "L4": "ablated", "L5": "ablated", "L6": "removed", "L7": "removed",
    }  # fmt: skip
    l2 = next(f for f in result.fates if f.lesion.name == "L2")
    assert l2.left_ml == pytest.approx(0.12, abs=0.005)
    assert set(l2.left_in) == {"S1", "outside"}
    for kind in KINDS:
        assert op.before_ml[kind] == pytest.approx(
            op.resected_ml[kind] + op.ablated_ml[kind] + op.after_ml[kind], rel=1e-12
        )
    taken = sum(case.segment_ml[s] for s in ("S4", "S5", "S6", "S7", "S8"))
    assert sum(op.resected_ml.values()) == pytest.approx(taken, rel=1e-12)
    assert sum(op.ablated_ml.values()) + sum(op.after_ml.values()) == pytest.approx(
        sum(case.segment_ml.values()) - taken, rel=1e-12
    )
