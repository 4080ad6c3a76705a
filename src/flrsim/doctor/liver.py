"""A small liver of voxels and what must hold when it is operated on."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from flrsim.assembly import assemble
from flrsim.case import LiverCase
from flrsim.doctor.verdicts import absolute, same
from flrsim.evidence import load_evidence
from flrsim.grid import cut_into_pieces
from flrsim.io.structures import Structures
from flrsim.plan import Operate, Plan, Step
from flrsim.results import DoctorCheck
from flrsim.staging import stage_plans

SPACING_MM = (3.0, 2.8, 3.3)
HALF_AXES_MM = (80.0, 58.0, 48.0)
BALLS_MM = (((-6.0, -22.0, 12.0), 13.0), ((52.0, 4.0, 10.0), 7.0), ((-48.0, 20.0, 18.0), 9.0))
"""Centre and radius of each lesion; the first lies across a border of segments."""

ML = 1e-12
"""Of the liver: sums of some dozens of pieces lose a thousandth of this."""


def small_liver() -> LiverCase:
    """Return an ellipsoid of eight segments with three balls as lesions."""
    shape = tuple(int(2 * half / s) + 5 for half, s in zip(HALF_AXES_MM, SPACING_MM, strict=True))
    affine = np.diag([*SPACING_MM, 1.0])
    affine[:3, 3] = [-0.5 * (n - 1) * s for n, s in zip(shape, SPACING_MM, strict=True)]
    points = _points(shape, affine)
    x, y, z = np.moveaxis(points, -1, 0)
    inside = sum((points[..., k] / HALF_AXES_MM[k]) ** 2 for k in range(3)) < 1
    up, back = z > 0, y > 8
    right = np.where(back, np.where(up, 7, 6), np.where(up, 8, 5))
    middle = np.where(y > 20, 1, 4)
    left = np.where(up, 2, 3)
    segment = np.where(inside, np.where(x < -8, right, np.where(x < 26, middle, left)), 0)
    lesion = np.zeros(shape, np.int64)
    for number, (centre, radius) in enumerate(BALLS_MM, start=1):
        lesion[np.linalg.norm(points - centre, axis=-1) < radius] = number
    grid, lesions, vessels, warnings = assemble(
        _structures(segment, affine, [f"S{i}" for i in range(1, 9)]),
        _structures(np.where(inside, lesion, 0), affine, [f"L{i + 1}" for i in range(len(BALLS_MM))]),
        (),
    )
    return LiverCase("small liver", grid, lesions, vessels, warnings=warnings)


def conservation(case: LiverCase) -> list[DoctorCheck]:
    """Return checks that operations and cuts lose nothing."""
    grid = case.grid
    plan = Plan(
        "both sides",
        (
            Step(0, Operate(resect=("S2",), wedge=("L3",), margin_mm=5.0)),
            Step(30, Operate(resect=("S5", "S8"))),
        ),
        "stays",
    )
    (staged,) = stage_plans(case, [plan], load_evidence())
    voxels, worst = 0, 0.0
    whole = float(grid.ml[grid.liver_ids].sum())
    present = np.ones(len(staged.pieces.counts), dtype=np.bool_)
    for op in staged.operations:
        stays = (staged.removed_at == 0) | (staged.removed_at > op.stage)
        held = (grid.regions > 0) & stays
        voxels += abs(
            int(staged.pieces.counts[present].sum())
            - int(staged.pieces.counts[op.goes].sum())
            - int(np.count_nonzero(held))
        )
        present = present & ~op.goes
        for kind, before in op.before_ml.items():
            after = op.resected_ml[kind] + op.ablated_ml[kind] + op.after_ml[kind]
            worst = max(worst, abs(before - after))
    points = _points(grid.regions.shape, grid.affine)
    cuts = {
        "ball": np.linalg.norm(points - BALLS_MM[0][0], axis=-1) < 22,
        "plane": points @ np.array([0.8, 0.2, -0.3]) < 4,
        "other": np.linalg.norm(points - BALLS_MM[2][0], axis=-1) < 30,
    }
    orders = [
        cut_into_pieces(grid, {name: cuts[name] for name in order}) for order in itertools.permutations(cuts)
    ]
    sizes = {tuple(sorted(pieces.counts.tolist())) for pieces in orders}
    pieces = orders[0]
    lost = np.bincount(grid.regions.ravel(), minlength=len(grid.table))[1:] - np.bincount(
        pieces.region, weights=pieces.counts, minlength=len(grid.table)
    )[1:].astype(np.int64)
    return [
        same(
            "two operations: before = specimen + after",
            "voxels lost",
            voxels,
            reason="every voxel goes or stays, once",
        ),
        absolute(
            "two operations: before = specimen + after, mL",
            0.0,
            worst / whole,
            limit=ML,
            unit="of the liver",
            reason="both sides are summed on their own",
        ),
        same(
            "three cuts, pieces of every region",
            "voxels lost",
            int(np.abs(lost).sum()),
            reason="the pieces of a region are all of it",
        ),
        absolute(
            "three cuts, all pieces together, mL",
            0.0,
            abs(float(pieces.ml.sum()) - float(grid.ml[1:].sum())) / whole,
            limit=ML,
            unit="of the liver",
            reason="pieces share out their regions",
        ),
        same(
            "three cuts in all six orders",
            "other results",
            len(sizes) - 1,
            reason="a piece is what lies on the same sides of all cuts, whatever their order",
        ),
    ]


def _points(shape: tuple[int, ...], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    return np.asarray(index @ affine[:3, :3].T + affine[:3, 3])


def _structures(labels: NDArray[np.int64], affine: NDArray[np.float64], names: list[str]) -> Structures:
    voxel = float(np.prod(SPACING_MM)) / 1000.0
    counts = np.bincount(labels.ravel(), minlength=len(names) + 1).astype(np.float64)
    counts[0] = 0.0
    return Structures(
        labels.astype(np.uint16), affine, ("outside", *names), counts * voxel, {}, (), "small liver"
    )
