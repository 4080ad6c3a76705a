"""What a plan does to each lesion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from flrsim.case import Lesion
from flrsim.grid import Pieces
from flrsim.plan import Operate, Plan
from flrsim.resection.cut import living_beside
from flrsim.resection.margin import Neighbour, Surroundings
from flrsim.staging.shrinkage import clears_at

if TYPE_CHECKING:
    from flrsim.staging.operations import Operation


@dataclass(frozen=True)
class Fate:
    """What a plan does to one lesion; see `flrsim.results.LesionFate`.

    Attributes
    ----------
    doubt : why an ablation may fail although all of the lesion and its margin lie in the zone; empty: no reason.
    clears_at, shrinks_into : cut through: see `flrsim.course.CourseLesion`.
    """

    lesion: Lesion
    fate: str
    stage: int | None
    left_ml: float
    left_in: Mapping[str, float]
    wedged: bool
    margin_planned_mm: float | None
    margin_measured_mm: float | None
    margin_short: bool
    near: Neighbour | None
    remark: Neighbour | None
    doubt: str = ""
    clears_at: float | None = None
    shrinks_into: int | None = None


def fate_of(
    plan: Plan,
    pieces: Pieces,
    operations: Sequence[Operation],
    lesion: Lesion,
    stays: NDArray[np.bool_],
    surroundings: Surroundings,
) -> Fate:
    """Return what a plan does to one lesion.

    Parameters
    ----------
    stays : (n_pieces,) bool, tissue that stays after all operations.
    """
    grid = pieces.grid
    own = np.isin(pieces.region, grid.ids(tissue=lesion.name, kind="lesion"))
    inner = np.isin(pieces.region, grid.liver_ids)
    # A lesion taken out in part and ablated in part is cut through, also when one operation does both.
    ways = [(op, own & op.goes & ~op.ablates, own & op.ablates) for op in operations]
    hits = [
        (op, way)
        for op, *parts in ways
        for way, part in zip(("removed", "ablated"), parts, strict=True)
        if part.any()
    ]
    left = own & stays
    left_ml, left_in = pieces.volume_ml(left & inner), _by_segment(pieces, left)
    wedged = any(lesion.name in op.wedges for op in operations)
    if not hits:
        return Fate(lesion, "left", None, left_ml, left_in, False, None, None, False, None, None)
    last = hits[-1][0]
    treated = [op for op in operations if lesion.name in (*op.wedges, *op.ablations)]
    if left.any() or len(hits) > 1:
        # Cut through is cut through, however small the part and even if the rest goes later.
        near = surroundings.near(lesion, _gone(operations, len(operations))) if treated else (None, None)
        stage = None if left.any() else last.stage
        smaller, into = clears_at(pieces, own, operations)
        return Fate(
            lesion,
            "cut_through",
            stage,
            left_ml,
            left_in,
            wedged,
            None,
            0.0,
            False,
            *near,
            clears_at=smaller,
            shrinks_into=into,
        )
    operation, way = hits[0]
    action = plan.operations[operation.stage - 1].action
    planned = None
    if isinstance(action, Operate) and lesion.name in action.wedge:
        planned = action.margin_mm
    elif isinstance(action, Operate) and way == "ablated" and lesion.name in action.ablate:
        planned = action.ablation_margin_mm
    if way == "ablated":
        after = _still_there(operations, operation.stage, inner)
        measured = living_beside(pieces, operation.ablates & inner, after).distance(lesion)
    else:
        measured = operation.cut.cloud.distance(lesion)
    # A margin is cut voxel by voxel; its smoothed wall may come a voxel's diagonal nearer, and no finer shortfall
    # can be told on this grid.
    slack = float(np.linalg.norm(grid.spacing_mm))
    short = planned is not None and measured < planned - slack
    near = (
        surroundings.near(lesion, _gone(operations, operation.stage))
        if operation in treated
        else (None, None)
    )
    return Fate(
        lesion,
        way,
        operation.stage,
        0.0,
        {},
        lesion.name in operation.wedges,
        planned,
        measured,
        short,
        *near,
        doubt=surroundings.ablation_doubt(lesion, near[0]) if way == "ablated" else "",
    )


def _still_there(operations: Sequence[Operation], stage: int, inner: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pieces of the labelled liver that stay after an operation, (n_pieces,) bool."""
    gone = np.zeros_like(inner)
    for op in operations[:stage]:
        gone |= op.goes
    return np.asarray(inner & ~gone)


def _gone(operations: Sequence[Operation], stage: int) -> frozenset[str]:
    """Return the segments resected whole up to a stage."""
    return frozenset().union(*(op.resects for op in operations[:stage]))


def _by_segment(pieces: Pieces, member: NDArray[np.bool_]) -> dict[str, float]:
    out: dict[str, float] = {}
    for segment in (*pieces.grid.segments, None):
        part = member & np.isin(pieces.region, pieces.grid.ids(segments=[segment]))
        if part.any():
            out[segment or "outside"] = pieces.volume_ml(part)
    return out
