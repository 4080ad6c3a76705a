"""A box liver, its plan and a simulated course, all counted by hand: what scenes are tested on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from comparison_fixture import two_stage

from flrsim.case import Lesion, LiverCase, Vessel
from flrsim.grid import Region, RegionGrid, cut_into_pieces
from flrsim.mask_surface import surface_of_mask
from flrsim.meshing import wall_between
from flrsim.plan import Occlude, Operate, Plan, Scan, Step
from flrsim.resection.cut import Cut
from flrsim.results import PlanResult
from flrsim.staging import Fate, Operation, StagedPlan
from flrsim.viewer.shown import Shown

SHAPE = (40, 24, 24)
VOXEL_ML = 0.008  # 2 mm cubes
LESION_MM = 11.0
STAGE_DAYS = (0, 40)


def box_case(*, vessels: tuple[Vessel, ...] = (), caudate: bool = False) -> tuple[LiverCase, np.ndarray]:
    """S6 on the patient's right (x < 20), S2 on the left; L1 in S6, L2 in S2; a tube of each vessel.

    Portal vessels lie in S2, unless they are called right: then in S6, beside the tube in S2.
    """
    regions = np.zeros(SHAPE, np.uint16)
    regions[4:20, 4:20, 4:20] = 1
    regions[20:36, 4:20, 4:20] = 2
    regions[8:12, 8:12, 8:12] = 3
    regions[26:30, 8:12, 8:12] = 4
    table = [
        None,
        Region("S6", "parenchyma", "parenchyma"),
        Region("S2", "parenchyma", "parenchyma"),
        Region("S6", "L1", "lesion"),
        Region("S2", "L2", "lesion"),
    ]
    for vessel in vessels:
        right = vessel.branch == "right"
        regions[(slice(10, 18) if right else slice(24, 34)), 15:18, 15:18] = len(table)
        table.append(Region("S6" if right else "S2", vessel.name, "vessel"))
    if caudate:
        regions[18:22, 17:20, 4:20] = len(table)
        table.append(Region("S1", "parenchyma", "parenchyma"))
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = (-40.0, -30.0, 100.0)
    ml = np.bincount(regions.ravel(), minlength=len(table)) * VOXEL_ML
    ml[0] = 0.0
    grid = RegionGrid(regions, affine, tuple(table), ml)
    lesions = []
    for name, region, segment in (("L1", 3, "S6"), ("L2", 4, "S2")):
        mask = regions == region
        middle = grid.world(np.argwhere(mask).mean(axis=0, keepdims=True))[0]
        centre = (middle[0], middle[1], middle[2])
        surface = surface_of_mask(mask, affine)
        lesions.append(Lesion(name, 0.512, 0.0, {segment: 1.0}, 13.0, LESION_MM, centre, surface))
    removed = np.zeros(SHAPE, np.int16)
    removed[4:20, 4:20, 4:20] = 2
    removed[24:32, 4:14, 4:14] = 1
    return LiverCase("box", grid, tuple(lesions), vessels), removed


def fate(case: LiverCase, name: str, what: str, stage: int | None, left_ml: float = 0.0) -> Fate:
    planned = 5.0 if what == "removed" else None
    return Fate(case.lesion(name), what, stage, left_ml, {}, False, planned, 8.0, False, None, None)


def staged(
    case: LiverCase, removed: np.ndarray, *fates: Fate, occluded_from: int | None = None
) -> StagedPlan:
    """A plan carried out so that each voxel goes when `removed` says; stages on `STAGE_DAYS`."""
    stages = [int(s) for s in np.unique(removed[case.grid.regions > 0]) if s]
    pieces = cut_into_pieces(case.grid, {f"stage {s}": removed == s for s in stages})
    none = np.zeros(len(pieces.region), bool)
    operations, steps = [], []
    cut = Cut(wall_between(np.zeros((2, 2, 2), np.uint8), case.grid.affine), {}, ())
    for number in range(1, max(stages, default=0) + 1):
        day = STAGE_DAYS[number - 1]
        goes = pieces.members([f"stage {number}"]) if number in stages else none
        operations.append(
            Operation(
                number, day, f"stage {number}", frozenset(), frozenset(), (), (), goes, none,
                {}, {}, {}, {}, {}, 0.0, (), cut,
            )
        )  # fmt: skip
        steps.append(Step(day, Operate(resect=("S6",))))
    if occluded_from is not None:
        steps += [Step(occluded_from, Occlude("pve", ("right",))), Step(occluded_from + 10, Scan())]
    plan = Plan("box plan", tuple(sorted(steps, key=lambda s: s.day)))
    stays = np.ones(len(pieces.region), bool)
    for op in operations:
        stays &= ~op.goes
    judged = {
        f.lesion.name: f for f in fates or (fate(case, "L1", "removed", 2), fate(case, "L2", "removed", 1))
    }
    return StagedPlan(plan, pieces, tuple(operations), tuple(judged.values()), stays)


def grown_result(flr_ml: float = 100.0, *, end: float = 2.0, lesion_end: float = 1.0) -> PlanResult:
    """A result whose FLR grows in a straight line to `end` times, and each lesion's diameter to `lesion_end` times."""
    days = list(range(-10, 61))
    rise = [max(d, 0) / 60 for d in days]

    def curve(values: list[float]) -> dict[str, list[float]]:
        return {"median": values, "p10": [0.9 * v for v in values], "p90": [1.1 * v for v in values]}

    flr = curve([flr_ml * (1 + (end - 1) * r) for r in rise])
    mm = curve([LESION_MM * (1 + (lesion_end - 1) * r) for r in rise])
    curves = {
        "days": days, "flr_ml": flr, "sflr": curve([0.2 + 0.2 * r for r in rise]),
        "function": curve([0.3 for _ in days]), "p_sufficient": rise, "lesion_mm": {"L1": mm, "L2": mm},
    }  # fmt: skip
    return replace(two_stage(), flr_ml=flr_ml, curves=curves)


def shown_box(
    *fates: Fate, removed: np.ndarray | None = None, result: PlanResult | None = None, **box: object
) -> Shown:
    """The box with its plan; `removed` replaces what goes when."""
    case, own = box_case()
    return Shown(case, staged(case, own if removed is None else removed, *fates, **box), result)  # type: ignore[arg-type]
