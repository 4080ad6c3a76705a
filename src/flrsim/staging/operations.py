"""What an operation takes, destroys and leaves, in pieces and mL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from flrsim.errors import PlanError
from flrsim.grid import Pieces
from flrsim.plan import Plan
from flrsim.resection.cut import Cut
from flrsim.staging.fates import Fate

KINDS = ("parenchyma", "lesion", "vessel")
CONSERVED = 1e-9
"""Largest share of the volume that rounding may lose at an operation."""


@dataclass(frozen=True)
class Operation:
    """One operation, carried out on the pieces.

    Attributes
    ----------
    resects : segments that are named and go whole.
    takes : segments of which this operation takes or destroys more than half, named or not.
    wedges, ablations : lesions, by name.
    goes : (n_pieces,) bool, pieces that are perfused liver no more: taken out or ablated.
    ablates : (n_pieces,) bool, pieces among them that are destroyed in place.
    before_ml, resected_ml, ablated_ml, after_ml : by kind of tissue, inside the labelled liver; each summed on
        its own.
    removed_ml : parenchyma taken or destroyed, by segment.
    severed : vessels that the cut divides: a part goes, a part stays.
    """

    stage: int
    day: int
    title: str
    resects: frozenset[str]
    takes: frozenset[str]
    wedges: tuple[str, ...]
    ablations: tuple[str, ...]
    goes: NDArray[np.bool_]
    ablates: NDArray[np.bool_]
    before_ml: Mapping[str, float]
    resected_ml: Mapping[str, float]
    ablated_ml: Mapping[str, float]
    after_ml: Mapping[str, float]
    removed_ml: Mapping[str, float]
    resected_outside_ml: float
    severed: tuple[str, ...]
    cut: Cut

    @property
    def transection_cm2(self) -> float:
        """Area of the smoothed wall between the specimen and what stays, cm²."""
        return self.cut.wall.area_cm2

    @property
    def remnant_pieces_ml(self) -> tuple[float, ...]:
        """Volumes of the separate parts of what stays, mL, the largest first."""
        return tuple(part.ml for part in self.cut.parts)


@dataclass(frozen=True)
class StagedPlan:
    """A plan carried out on the last imaging.

    Attributes
    ----------
    stays : (n_pieces,) bool, pieces in the labelled liver that stay after all operations.
    """

    plan: Plan
    pieces: Pieces
    operations: tuple[Operation, ...]
    fates: tuple[Fate, ...]
    stays: NDArray[np.bool_]

    @cached_property
    def removed_in(self) -> NDArray[np.int16]:
        """The operation at which each piece goes or is ablated, (n_pieces,); 0 stays."""
        stage = np.zeros(len(self.pieces.region), dtype=np.int16)
        for op in self.operations:
            stage[op.goes] = op.stage
        return stage

    @cached_property
    def removed_at(self) -> NDArray[np.int16]:
        """The operation at which each voxel goes or is ablated, (nx, ny, nz); 0 stays or is no tissue."""
        return np.asarray(self.pieces.paint(self.removed_in), dtype=np.int16)

    @property
    def flr_ml(self) -> dict[str, float]:
        """Parenchyma that stays after all operations, by segment, mL at the size of the imaging day."""
        return {s: ml for s, ml in parenchyma_ml(self.pieces, self.stays).items() if ml > 0}

    @property
    def flr_gross_ml(self) -> float:
        """Everything that stays inside the labelled liver: parenchyma, vessels, and lesion left behind."""
        return self.pieces.volume_ml(self.stays)


def kinds_ml(pieces: Pieces, member: NDArray[np.bool_]) -> dict[str, float]:
    """Return the volume of some pieces inside the labelled liver by kind of tissue, mL."""
    grid, ml = pieces.grid, pieces.region_ml(member)
    return {kind: float(ml[grid.ids(segments=grid.segments, kind=kind)].sum()) for kind in KINDS}


def parenchyma_ml(pieces: Pieces, member: NDArray[np.bool_]) -> dict[str, float]:
    """Return the parenchyma of some pieces by segment, mL."""
    grid, ml = pieces.grid, pieces.region_ml(member)
    return {s: float(ml[grid.ids(segments=[s], kind="parenchyma")].sum()) for s in grid.segments}


def check_conserved(
    pieces: Pieces,
    before: NDArray[np.bool_],
    parts: tuple[NDArray[np.bool_], ...],
    before_ml: Mapping[str, float],
    parts_ml: tuple[Mapping[str, float], ...],
    where: str,
) -> None:
    """Raise unless voxels and millilitres before an operation are those of specimen, ablated zone and what stays."""
    voxels = [int(pieces.counts[member].sum()) for member in (before, *parts)]
    worst = max(abs(before_ml[k] - sum(ml[k] for ml in parts_ml)) for k in KINDS)
    if voxels[0] != sum(voxels[1:]) or worst > CONSERVED * max(sum(before_ml.values()), 1.0):
        raise PlanError(
            f"{where}: {voxels[0]} voxels before the operation, {voxels[1]} in the specimen, {voxels[2]} ablated and "
            f"{voxels[3]} after it; {worst:.3g} mL are lost or gained: this is a defect in flrsim, please report it"
        )
