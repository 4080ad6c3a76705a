"""Geometry of a case and a plan that does not change with the day: made once, drawn on every day."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects, label

from flrsim.case import SPECK_ML, Lesion, LiverCase
from flrsim.grid import PARENCHYMA, Pieces, RegionGrid
from flrsim.label_statistics import label_counts
from flrsim.mask_surface import surface_of_mask
from flrsim.mesh import MM3_PER_ML
from flrsim.meshing import mesh_from_labels
from flrsim.plan import Operate
from flrsim.resection.wedge import margin_zone
from flrsim.staging import StagedPlan, zone_of
from flrsim.viewer import display
from flrsim.viewer.hilum import Point, hilum
from flrsim.viewer.place import Shape

SHORTEST_RIM_MM = 30.0
RIM_OVER_MM, RIM_REACH_MM = 4.0, 12.0
"""Over what length a rim is drawn smooth, and how far from it skin and walls are moved with it."""
HATCH_MM = 7.0
"""Distance between two lines of a hatched surface."""
HATCH_NORMAL = (0.6, 0.25, 0.76)
CROSSED_NORMALS = (HATCH_NORMAL, (-0.6, 0.25, 0.76))
"""Lines run obliquely, whichever way the liver is looked at."""
MEET_DECIMALS = 3
"""Ends of lines that agree to so many decimals of a millimetre are one point."""
HALF = 0.5

Box = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class Skin:
    """The outer surface of what of one segment goes at one stage; 0 stays."""

    segment: str
    stage: int
    shape: Shape


@dataclass(frozen=True, eq=False)
class CutWall:
    """The wall between tissue that goes at stage `other` and tissue that stays longer, with its rim."""

    owner: int
    other: int
    shape: Shape
    rim: Shape


@dataclass(frozen=True, eq=False)
class VesselPart:
    """A part of a vessel; `kept` where it moves with the kept tissue."""

    name: str
    kept: bool
    shape: Shape


@dataclass(frozen=True, eq=False)
class Specimen:
    """The zone around a lesion that a wedge takes or an ablation destroys."""

    lesion: str
    stage: int
    ablated: bool
    shape: Shape


class CaseGeometry:
    """What all plans of a case share: lesions, whole vessels, margins, the hilum."""

    def __init__(self, case: LiverCase) -> None:
        self._case = weakref.ref(case)
        self._masks: dict[str, Shape] = {}
        self._boxes = find_objects(case.grid.regions)
        self.lesions = {lesion.name: Shape(*lesion.surface) for lesion in case.lesions}
        self.hilum = hilum(case)

    @cached_property
    def bounds_mm(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lowest and highest corner of all tissue, (3,) LPS mm each."""
        grid = self._alive().grid
        found = _bounds(grid, grid.regions > 0)
        if found is None:
            raise ValueError("the grid holds no tissue")
        return found

    def tissue(self, name: str, kind: str) -> tuple[Box, NDArray[np.bool_]]:
        """Return the part of the grid that holds a tissue, and its voxels there."""
        grid = self._alive().grid
        ids = grid.ids(tissue=name, kind=kind)
        found = [box for i in ids if i <= len(self._boxes) and (box := self._boxes[i - 1]) is not None]
        if not found:
            return (slice(0, 0), slice(0, 0), slice(0, 0)), np.zeros((0, 0, 0), dtype=np.bool_)
        x, y, z = (
            slice(min(b[axis].start for b in found), max(b[axis].stop for b in found)) for axis in range(3)
        )
        return (x, y, z), np.isin(grid.regions[x, y, z], ids)

    def vessel(self, name: str) -> Shape:
        """Return the surface of a whole vessel."""
        if name not in self._masks:
            self._masks[name] = _boxed(self._alive().grid, *self.tissue(name, "vessel"))
        return self._masks[name]

    def margin(self, lesion: Lesion, margin_mm: float) -> Shape:
        """Return the surface of all liver within a margin of a lesion."""
        key = f"{lesion.name} {margin_mm:.17g}"
        if key not in self._masks:
            self._masks[key] = _boxed(self._alive().grid, *margin_zone(self._alive().grid, lesion, margin_mm))
        return self._masks[key]

    def specimen(self, pieces: Pieces, lesion: Lesion, margin_mm: float, *, ablated: bool) -> Shape:
        """Return the surface of a wedge, or of an ablation zone, that pieces were cut with."""
        key = f"{'ablation' if ablated else 'wedge'} {lesion.name} {margin_mm:.17g}"
        if key not in self._masks:
            grid = pieces.grid
            found = pieces.cut_voxels(zone_of(pieces, lesion.name, margin_mm, ablated=ablated))
            index = np.stack(np.unravel_index(found, grid.regions.shape), axis=1)
            low, high = index.min(axis=0), index.max(axis=0) + 1
            zone = np.zeros(tuple(high - low), dtype=np.bool_)
            zone[tuple((index - low).T)] = True
            box = (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))
            self._masks[key] = _boxed(grid, box, zone)
        return self._masks[key]

    def _alive(self) -> LiverCase:
        case = self._case()
        if case is None:
            raise RuntimeError("the case of this geometry is gone")
        return case


_CASES: dict[int, tuple[weakref.ref[LiverCase], CaseGeometry]] = {}


def case_geometry(case: LiverCase) -> CaseGeometry:
    """Return the geometry that all plans of a case share; made at the first call, kept as long as the case is."""
    key = id(case)
    found = _CASES.get(key)
    if found is None or found[0]() is not case:
        found = weakref.ref(case, lambda _: _CASES.pop(key, None)), CaseGeometry(case)
        _CASES[key] = found
    return found[1]


class PlanGeometry:
    """What is drawn of one plan on any day: every surface once, under its stage.

    Parameters
    ----------
    staged : the plan carried out; None: all of the liver stays.
    """

    def __init__(self, case: LiverCase, staged: StagedPlan | None) -> None:
        self.case, self.staged = case, staged
        self.shared = case_geometry(case)
        grid = case.grid
        self.removed_at: NDArray[np.int16] = (
            np.zeros(grid.regions.shape, dtype=np.int16) if staged is None else staged.removed_at
        )
        self.stages = (0,) if staged is None else tuple(int(s) for s in np.unique(staged.removed_in))
        self._vessels: dict[tuple[int, bool], tuple[VesselPart, ...]] = {}
        self._rests: dict[tuple[str, int], Shape | None] = {}
        self._moves: dict[str, bool] = {}
        self._parts: dict[tuple[str, bytes], Shape | None] = {}
        self._hatch: dict[tuple[Skin, bool], Shape] = {}
        self.skins, self.walls, self.borders = self._surfaces()

    @property
    def hilum(self) -> tuple[Point, str]:
        """The point that kept tissue grows about, LPS mm, and what it is."""
        return self.shared.hilum

    @cached_property
    def kept_segments(self) -> frozenset[str]:
        """Segments of which the larger part stays: what a later operation cuts out of them moves with them."""
        grid, stays = self.case.grid, self._voxels(0)
        own = {s: grid.ids(segments=[s]) for s in grid.segments}
        return frozenset(s for s, ids in own.items() if stays[ids].sum() > HALF * grid.counts[ids].sum())

    def _voxels(self, stage: int) -> NDArray[np.float64]:
        """Return how many voxels of each region go at a stage, (n_regions,); 0 stays."""
        grid = self.case.grid
        if self.staged is None:
            return np.asarray(grid.counts * float(stage == 0))
        pieces, own = self.staged.pieces, self.staged.removed_in == stage
        return np.asarray(
            np.bincount(pieces.region[own], weights=pieces.counts[own], minlength=len(grid.table)),
            dtype=np.float64,
        )

    @cached_property
    def _keeps(self) -> NDArray[np.bool_]:
        """The voxels that move with the kept tissue, (nx, ny, nz)."""
        grid = self.case.grid
        lut = np.array([r is not None and r.segment in self.kept_segments for r in grid.table])
        if self.staged is None:
            return grid.regions > 0
        pieces = self.staged.pieces
        return np.asarray(pieces.paint((self.staged.removed_in <= 0) | lut[pieces.region]), dtype=np.bool_)

    def _kept(self, box: Box) -> NDArray[np.bool_]:
        """Return the voxels of a part of the grid that move with the kept tissue."""
        return self._keeps[box]

    @property
    def bounds_mm(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lowest and highest corner of all tissue, (3,) LPS mm each."""
        return self.shared.bounds_mm

    @cached_property
    def kept_bounds_mm(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lowest and highest corner of what moves with the kept tissue, (3,) LPS mm each."""
        return _bounds(self.case.grid, self._keeps) or self.bounds_mm

    @cached_property
    def tissue_ml(self) -> dict[int, float]:
        """Parenchyma that stays (0) and all tissue of each stage inside the labelled liver, mL, by voxels."""
        grid = self.case.grid
        n = len(grid.table)
        out = {}
        for k in self.stages:
            share = np.divide(self._voxels(k), grid.counts, out=np.zeros(n), where=grid.counts > 0)
            wanted = [
                i
                for i, r in enumerate(grid.table)
                if r is not None and r.segment is not None and (k > 0 or r.kind == PARENCHYMA)
            ]
            out[k] = float((grid.ml * share)[wanted].sum())
        return out

    def moves(self, segment: str | None, stage: int) -> bool:
        """Return whether tissue of a segment and stage moves with the kept tissue."""
        return stage == 0 or segment in self.kept_segments

    def lesion_moves(self, name: str) -> bool:
        """Return whether a lesion lies in kept tissue for the most part."""
        if name not in self._moves:
            box, own = self.shared.tissue(name, "lesion")
            self._moves[name] = bool(np.mean(self._kept(box)[own]) > HALF)
        return self._moves[name]

    def lesion(self, name: str, done: int) -> Shape | None:
        """Return what is left of a lesion after `done` operations; None when nothing is."""
        key = (name, done)
        if key not in self._rests:
            box, own = self.shared.tissue(name, "lesion")
            still = own & self._still(box, done)
            if not still.any():
                self._rests[key] = None
            elif still.sum() == own.sum():
                self._rests[key] = self.shared.lesions[name]
            else:
                self._rests[key] = _boxed(self.case.grid, box, still)
        return self._rests[key]

    def vessels(self, done: int, *, divided: bool) -> tuple[VesselPart, ...]:
        """Return the supplied vessels after `done` operations; `divided` into what moves with kept tissue and the rest."""
        key = (done, divided)
        if key not in self._vessels:
            self._vessels[key] = tuple(self._vessel_parts(done, divided))
        return self._vessels[key]

    def _vessel_parts(self, done: int, divided: bool) -> Iterable[VesselPart]:
        grid = self.case.grid
        for vessel in self.case.vessels:
            box, whole = self.shared.tissue(vessel.name, "vessel")
            if not whole.any():
                continue
            still, moves = whole & self._still(box, done), self._kept(box)
            for kept in (True, False) if divided else (True,):
                part = still & (moves == kept) if divided else still
                if part.sum() == whole.sum():
                    yield VesselPart(vessel.name, kept, self.shared.vessel(vessel.name))
                    continue
                key = (vessel.name, part.tobytes())
                if key not in self._parts:
                    large = _without_specks(part, grid)
                    self._parts[key] = _boxed(grid, box, large) if large.any() else None
                shape = self._parts[key]
                if shape is not None:
                    yield VesselPart(vessel.name, kept, shape)

    def _still(self, box: Box, done: int) -> NDArray[np.bool_]:
        """Return the voxels of a part of the grid that are still there after `done` operations."""
        removed = self.removed_at[box]
        return np.asarray((removed <= 0) | (removed > done))

    @cached_property
    def specimens(self) -> tuple[Specimen, ...]:
        """The wedges and ablation zones of all operations."""
        if self.staged is None:
            return ()
        out = []
        for op, step in zip(self.staged.operations, self.staged.plan.operations, strict=True):
            action = step.action
            if not isinstance(action, Operate):
                continue
            for names, mm, ablated in (
                (action.wedge, action.margin_mm, False),
                (action.ablate, action.ablation_margin_mm, True),
            ):
                for name in names if mm is not None else ():
                    shape = self.shared.specimen(
                        self.staged.pieces, self.case.lesion(name), mm or 0.0, ablated=ablated
                    )
                    out.append(Specimen(name, op.stage, ablated, shape))
        return tuple(out)

    def hatch(self, skin: Skin, *, crossed: bool = False) -> Shape:
        """Return oblique lines on a skin: how a closed portal territory is marked, and crossed ones what has lost a vessel."""
        if (skin, crossed) not in self._hatch:
            normals = CROSSED_NORMALS if crossed else (HATCH_NORMAL,)
            found = [
                display.contour_lines(skin.shape.points, skin.shape.faces, normal, HATCH_MM)
                for normal in normals
            ]
            before = np.cumsum([0, *(len(points) for points, _ in found[:-1])])
            points = np.concatenate([points for points, _ in found])
            lines = np.concatenate([lines + n for (_, lines), n in zip(found, before, strict=True)])
            # Neighbouring triangles meet in one point, so that a line is one line and not its pieces.
            _, first, back = np.unique(
                points.round(MEET_DECIMALS), axis=0, return_index=True, return_inverse=True
            )
            self._hatch[skin, crossed] = Shape(points[first], back.reshape(-1)[lines])
        return self._hatch[skin, crossed]

    def _surfaces(self) -> tuple[tuple[Skin, ...], tuple[CutWall, ...], dict[int, Shape]]:
        """Return the skin of each segment and stage, the walls between stages with rims, and segment borders."""
        grid, stages = self.case.grid, self.stages
        n_segments = len(grid.segments)
        order = np.zeros(max(stages, default=0) + 1, dtype=np.int64)
        order[list(stages)] = np.arange(len(stages))
        # One label a segment and fate; what is not liver is outside whatever its fate.
        labels = grid.segment_labels
        if self.staged is not None:
            pieces, removed = self.staged.pieces, self.staged.removed_in
            own = np.array(
                [
                    0 if r is None or r.segment is None else 1 + grid.segments.index(r.segment)
                    for r in grid.table
                ]
            )[pieces.region]
            fate = np.where(own > 0, own + order[np.maximum(removed, 0)] * n_segments, 0)
            labels = np.asarray(pieces.paint(fate.astype(np.uint16)), dtype=np.uint16)
        coarse, affine = display.thinned(labels, grid.affine)
        names = ["outside", *(f"{s}/{k}" for k in stages for s in grid.segments)]
        mesh = mesh_from_labels(coarse, affine, names, iterations=0)
        points = display.smoothed(mesh.points, mesh.faces)
        segment = np.array([-1, *(s for _ in stages for s in range(n_segments))])
        stage = np.array([-1, *(k for k in stages for _ in range(n_segments))])
        inner, outer = mesh.sides[:, 0].astype(np.int64), mesh.sides[:, 1].astype(np.int64)
        skin = outer == 0
        # The label that stays longest owns a cut surface: it is what the surgeon looks at afterwards.
        late_inner = np.where(stage[inner] == 0, np.iinfo(np.int64).max, stage[inner])
        late_outer = np.where(stage[outer] == 0, np.iinfo(np.int64).max, stage[outer])
        owner = np.where(late_inner >= late_outer, stage[inner], stage[outer])
        other = np.where(late_inner >= late_outer, stage[outer], stage[inner])
        cut = (outer > 0) & (owner != other)
        pairs = sorted({(int(a), int(b)) for a, b in zip(owner[cut], other[cut], strict=True)})
        faces = {(k, j): mesh.faces[cut & (owner == k) & (other == j)] for k, j in pairs}
        rims = {
            pair: display.long_lines(points, display.rim_edges(own), at_least_mm=SHORTEST_RIM_MM)
            for pair, own in faces.items()
        }
        # A knife leaves no steps of voxels: rims are drawn as smooth lines, and skin and wall beside them follow.
        every = np.unique(np.concatenate([np.zeros((0, 2), np.int64), *rims.values()]), axis=0)
        points = display.with_smooth_lines(points, every, over_mm=RIM_OVER_MM, reach_mm=RIM_REACH_MM)
        skins = tuple(
            Skin(
                grid.segments[int(segment[label])],
                int(stage[label]),
                Shape(*display.compact(points, display.as_triangles(mesh.faces[skin & (inner == label)]))),
            )
            for label in np.unique(inner[skin])
        )
        walls = [
            CutWall(
                k, j, Shape(*display.compact(points, display.as_triangles(own))),
                Shape(*display.compact(points, rims[k, j])),
            )
            for (k, j), own in faces.items()
        ]  # fmt: skip
        borders = {}
        for k in stages:
            own = skin & (stage[inner] == k)
            borders[k] = _lines(points, display.border_edges(mesh.faces[own], segment[inner][own]))
        return skins, tuple(walls), borders


def _lines(points: NDArray[np.float64], lines: NDArray[np.int64]) -> Shape:
    own, renumbered = display.compact(points, lines)
    return Shape(display.smoothed(own, renumbered) if len(lines) else own, renumbered)


def _boxed(grid: RegionGrid, box: Box, zone: NDArray[np.bool_]) -> Shape:
    """Return the surface of voxels in a part of the grid."""
    affine = grid.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ np.array([s.start for s in box])
    return Shape(*surface_of_mask(zone, affine))


def _bounds(
    grid: RegionGrid, tissue: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the lowest and highest corner of some voxels, (3,) LPS mm each; None without any."""
    box = label_counts(tissue.view(np.uint8)).box
    if box is None:
        return None
    ends = box + np.array([[-0.5], [0.5]])
    corners = np.stack(np.meshgrid(*ends.T, indexing="ij"), axis=-1).reshape(-1, 3)
    world = grid.world(corners)
    return world.min(axis=0), world.max(axis=0)


def _without_specks(mask: NDArray[np.bool_], grid: RegionGrid) -> NDArray[np.bool_]:
    """Return what an operation leaves of a vessel without the crumbs beyond the labelled liver's edge.

    They hang on nothing; no volume is counted on pictures.
    """
    if not mask.any():
        return mask
    part, n = label(mask, structure=np.ones((3, 3, 3)))
    voxel_ml = abs(float(np.linalg.det(grid.affine[:3, :3]))) / MM3_PER_ML
    large = np.bincount(part.reshape(-1), minlength=n + 1) * voxel_ml >= SPECK_ML
    large[0] = False
    return np.asarray(large[part])
