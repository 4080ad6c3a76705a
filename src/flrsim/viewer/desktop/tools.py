"""Trial cuts: what a plane or a wedge would take, counted on the case's own regions while it moves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from flrsim.case import LiverCase
from flrsim.mask_surface import surface_of_mask
from flrsim.mesh import LabelledMesh
from flrsim.meshing import mesh_from_labels
from flrsim.resection.plane import Plane
from flrsim.resection.wedge import wedge
from flrsim.viewer.place import Shape


@dataclass(frozen=True)
class Taken:
    """What a trial cut takes of the liver as imaged, and what it leaves.

    Attributes
    ----------
    taken_ml, left_ml : parenchyma on either side.
    left_by_segment_ml : parenchyma that stays, by segment.
    lesions_taken, lesions_cut : lesions that go whole, and that the cut goes through.
    """

    taken_ml: float
    left_ml: float
    left_by_segment_ml: dict[str, float]
    lesions_taken: tuple[str, ...]
    lesions_cut: tuple[str, ...]


class Trial:
    """Trial cuts of one case; the regions' own walls are built once and cut exactly, voxels shared out by volume."""

    WHOLE = 1e-6
    """Share of a lesion that rounding may leave on the other side."""

    def __init__(self, case: LiverCase) -> None:
        self._case = case

    @cached_property
    def _mesh(self) -> LabelledMesh:
        grid = self._case.grid
        return mesh_from_labels(
            grid.regions, grid.affine, [str(i) for i in range(len(grid.table))], iterations=0
        )

    def plane(self, plane: Plane) -> Taken:
        """Return what a plane would take: all on the side that its normal points to."""
        clip = self._mesh.clipped(plane.point_mm, plane.normal)
        total = clip.behind_ml + clip.ahead_ml
        share = np.divide(clip.ahead_ml, total, out=np.zeros(len(total)), where=total > 0)
        return self._taken(np.clip(share, 0.0, 1.0))

    def wedge(self, lesion: str, margin_mm: float) -> tuple[Taken, Shape]:
        """Return what a wedge with a margin would take, as a plan's wedge does, and its surface for the eye."""
        grid = self._case.grid
        inside = wedge(grid, self._case.lesion(lesion), margin_mm)
        counts = np.bincount(grid.regions[inside], minlength=len(grid.table))
        share = np.divide(counts, grid.counts, out=np.zeros(len(counts)), where=grid.counts > 0)
        return self._taken(share), Shape(*surface_of_mask(inside, grid.affine))

    def _taken(self, share: NDArray[np.float64]) -> Taken:
        """Return the volumes of a cut that takes a share of each region, (n_regions,)."""
        grid = self._case.grid
        tissue = grid.ids(segments=grid.segments, kind="parenchyma")
        left = {
            s: float((grid.ml * (1.0 - share))[grid.ids(segments=[s], kind="parenchyma")].sum())
            for s in grid.segments
        }
        lesions: dict[str, float] = {}
        for lesion in self._case.lesions:
            ids = grid.ids(tissue=lesion.name, kind="lesion")
            lesions[lesion.name] = float((grid.ml * share)[ids].sum() / grid.ml[ids].sum())
        return Taken(
            taken_ml=float((grid.ml * share)[tissue].sum()),
            left_ml=sum(left.values()),
            left_by_segment_ml={s: ml for s, ml in left.items() if ml > 0},
            lesions_taken=tuple(n for n, part in lesions.items() if part >= 1.0 - self.WHOLE),
            lesions_cut=tuple(n for n, part in lesions.items() if self.WHOLE < part < 1.0 - self.WHOLE),
        )
