"""Sheets drawn by a person: open surfaces that split the liver in two, so that every voxel has a side."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from flrsim.anatomy import leaves
from flrsim.case import LiverCase
from flrsim.errors import GeometryError, PlanError
from flrsim.grid import CutMark, RegionGrid

UNEVEN = np.array([0.6180339887, 0.7320508076, 0.4142135624]) * 1e-6
"""Voxels by which centres are moved against a sheet: none then lies on it, and no volume changes."""
NEAREST_MM = 1e-9
"""A sheet nearer to a voxel's centre than this has no direction from it; the centre's side is what counts."""
BEZIER_STEP_MM = 1.5
"""Longest edge of a tessellated Bézier patch, by its control polygon: far finer than any bend of a cut."""
MOST_BEZIER_STEPS = 240

Goes = str | tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Sheet:
    """An open surface that cuts the liver.

    Attributes
    ----------
    points : (n, 3) LPS mm; triangles : (m, 3), wound alike.
    goes : what lies on the side that goes: a segment, a lesion, or a point in LPS mm.
    source : the file it came from, or what it is, for messages.
    """

    points: NDArray[np.float64]
    triangles: NDArray[np.int64]
    goes: Goes
    source: str
    _sides: dict[int, tuple[RegionGrid, NDArray[np.int8]]] = field(default_factory=dict, repr=False)

    @cached_property
    def key(self) -> str:
        """Name of the cut: the same for every plan that cuts along the same sheet to the same side."""
        digest = hashlib.sha256(self.points.tobytes() + self.triangles.tobytes()).hexdigest()
        return f"sheet {digest} {self.goes!r}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sheet) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def sheet_of(points: NDArray[np.float64], triangles: NDArray[np.int64], goes: Goes, *, source: str) -> Sheet:
    """Return a sheet made ready to cut: equal corners are one, all triangles are wound alike.

    Raises
    ------
    GeometryError
        When the surface branches, is one-sided, or is in several pieces.
    """
    points = np.asarray(points, dtype=np.float64)
    bad = int((~np.isfinite(points)).any(axis=1).sum())
    if bad:
        raise GeometryError(
            f"{source}: {bad} of {len(points)} points are not finite numbers (NaN or infinite); draw the sheet again"
        )
    triangles = np.asarray(triangles, dtype=np.int64)
    if len(triangles) and (triangles.min() < 0 or triangles.max() >= len(points)):
        raise GeometryError(
            f"{source}: a triangle names point {triangles.max()} of {len(points)}; points count from 0"
        )
    points, index = np.unique(points, axis=0, return_inverse=True)
    triangles = index.reshape(-1)[triangles]
    # A triangle with a corner twice is a line: nothing crosses it.
    flat = (triangles == np.roll(triangles, 1, axis=1)).any(axis=1)
    triangles = triangles[~flat]
    if not len(triangles):
        raise GeometryError(f"{source}: the sheet has no triangle with an area; draw it again")
    return Sheet(points, _wound_alike(triangles, source), goes, source)


def _wound_alike(triangles: NDArray[np.int64], source: str) -> NDArray[np.int64]:
    """Return the triangles of one sheet, turned so that neighbours run along their common edge in opposite ways."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import breadth_first_order, connected_components

    m = len(triangles)
    start, end = triangles.reshape(-1), np.roll(triangles, -1, axis=1).reshape(-1)
    key = np.minimum(start, end) * (int(triangles.max()) + 1) + np.maximum(start, end)
    order = np.argsort(key, kind="stable")
    _, first, times = np.unique(key[order], return_index=True, return_counts=True)
    if times.max() > 2:
        raise GeometryError(
            f"{source}: {np.count_nonzero(times > 2)} edges belong to three triangles or more: a sheet does not branch; "
            "draw one surface a cut"
        )
    pair = first[times == 2]
    one, other = order[pair], order[pair + 1]
    same_way = start[one] == start[other]
    one, other = one // 3, other // 3
    graph = coo_matrix((np.ones(len(one)), (one, other)), shape=(m, m)).tocsr()
    n, piece = connected_components(graph, directed=False)
    if n > 1:
        sizes = np.bincount(piece)
        raise GeometryError(
            f"{source}: the sheet is in {n} pieces ({', '.join(str(s) for s in np.sort(sizes)[::-1][:4])} triangles); "
            "one cut is one sheet: join them, or give each its own"
        )
    visited, before = breadth_first_order(graph, 0, directed=False)
    differ = {(int(a), int(b)): bool(s) for a, b, s in zip(one, other, same_way, strict=True)}
    turned = np.zeros(m, dtype=np.bool_)
    for t in visited[1:].tolist():
        b = int(before[t])
        turned[t] = turned[b] ^ (differ[b, t] if (b, t) in differ else differ[t, b])
    if (turned[one] ^ turned[other] ^ same_way).any():
        raise GeometryError(f"{source}: the sheet is one-sided, like a Möbius strip; draw it again")
    out = triangles.copy()
    out[turned] = out[turned][:, ::-1]
    return out


def bezier_sheet(control: NDArray[np.float64], goes: Goes, *, source: str) -> Sheet:
    """Return the bicubic Bézier patch of 4 × 4 control points as a sheet, in triangles.

    Parameters
    ----------
    control : (4, 4, 3) LPS mm.
    """
    if control.shape != (4, 4, 3):
        raise GeometryError(
            f"{source}: the Bézier patch has control points {control.shape}; 4 rows of 4 points of x, y, z are needed"
        )

    def steps(axis: int) -> int:
        longest = np.linalg.norm(np.diff(control, axis=axis), axis=2).sum(axis=axis).max()
        return int(np.clip(np.ceil(longest / BEZIER_STEP_MM), 4, MOST_BEZIER_STEPS))

    rows, columns = steps(0), steps(1)
    u, v = (_bernstein(np.linspace(0.0, 1.0, n + 1)) for n in (rows, columns))
    points = np.einsum("ui,vj,ijx->uvx", u, v, control).reshape(-1, 3)
    a, b = (x.ravel() for x in np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"))
    corner = a * (columns + 1) + b
    quads = np.stack([corner, corner + columns + 1, corner + columns + 2, corner + 1], axis=1)
    return sheet_of(points, quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3), goes, source=source)


def _bernstein(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the four cubic Bernstein polynomials at t, (n, 4)."""
    s = 1.0 - t
    return np.stack([s**3, 3 * s * s * t, 3 * s * t * t, t**3], axis=1)


def sheet_mark(case: LiverCase, sheet: Sheet) -> CutMark:
    """Return the voxels on the side of a sheet that goes; those it crosses are shared out.

    Every liver voxel has a side. Inside a voxel the sheet counts as flat: the plane through its place nearest
    to the voxel's centre.

    Raises
    ------
    PlanError
        When the sheet does not split the liver, or what is named to go lies on both sides.
    """
    grid = case.grid
    side = sheet_sides(grid, sheet)
    goes = _side_that_goes(case, sheet, side)
    inside = side == goes
    index, place, normal = _nearest(grid, sheet)
    flat = np.ravel_multi_index(tuple(index.T), grid.regions.shape)
    within = inside.reshape(-1)[flat]
    distance = np.linalg.norm(place, axis=1)
    # The way from the centre to the sheet points to the other side. Where the centre lies on the sheet itself
    # only the sheet's own normal tells.
    away = np.where(side.reshape(-1)[flat] > 0, -1.0, 1.0)[:, None] * normal
    direction = np.where((distance > NEAREST_MM)[:, None], place, away)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    # In voxels, at right angles to the shortest way; the centre stays on its own side by a hair.
    slope = direction * grid.spacing_mm
    steep = np.linalg.norm(slope, axis=1)
    slope /= steep[:, None]
    height = np.maximum(distance, NEAREST_MM) / steep
    crossed = height < 0.5 * np.abs(slope).sum(axis=1)
    sign = np.where(within, -1.0, 1.0)
    planes = np.column_stack([slope * sign[:, None], height * sign])[crossed]
    order = np.argsort(flat[crossed])
    return CutMark(inside, flat[crossed][order], planes[order])


def _nearest(
    grid: RegionGrid, sheet: Sheet
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the tissue voxels a sheet may cross, the nearest place on it and its normal there.

    Returns
    -------
    index : (k, 3); place : (k, 3) mm from the voxel's centre; normal : (k, 3), of any length. Both along the
    grid's axes.
    """
    from flrsim.kernels.sheets import nearest_places

    voxel = _in_voxels(grid, sheet.points)
    low = np.maximum(np.floor(voxel.min(axis=0)).astype(np.int64) - 1, 0)
    high = np.minimum(np.ceil(voxel.max(axis=0)).astype(np.int64) + 2, grid.regions.shape)
    tissue = np.ascontiguousarray(grid.regions[low[0] : high[0], low[1] : high[1], low[2] : high[2]] > 0)
    points = voxel * grid.spacing_mm
    index, place, triangle = nearest_places(points, sheet.triangles, grid.spacing_mm, tissue, low)
    corner = points[sheet.triangles[triangle]]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    return np.asarray(index), np.asarray(place), np.asarray(normal)


def _in_voxels(grid: RegionGrid, points: NDArray[np.float64]) -> NDArray[np.float64]:
    inverse = np.linalg.inv(grid.affine)
    return np.ascontiguousarray(points @ inverse[:3, :3].T + inverse[:3, 3])


def sheet_sides(grid: RegionGrid, sheet: Sheet) -> NDArray[np.int8]:
    """Return the side of every tissue voxel: 1 or -1, 0 where there is none, (nx, ny, nz) int8.

    Steps between face neighbours that the sheet crosses an odd number of times are cut; the parts of the liver
    that then hang together lie on one side each. A part that the sheet does not touch, and tissue outside the
    labelled liver, goes with the nearest that it does.

    Raises
    ------
    PlanError
        When a part touches both faces of the sheet: then it does not separate.
    """
    from flrsim.distances import nearest_label
    from flrsim.kernels.parts import parts_between_walls
    from flrsim.kernels.sheets import crossings

    known = sheet._sides.get(id(grid))
    if known is not None and known[0] is grid:
        return known[1]
    shape = grid.regions.shape
    voxel = _in_voxels(grid, sheet.points)
    axis, start, sign = crossings(voxel, sheet.triangles, *shape, UNEVEN)
    n = int(np.prod(shape))
    step, where = np.unique(axis * n + start, return_inverse=True)
    times = np.bincount(where, minlength=len(step))
    way = np.bincount(where, weights=sign, minlength=len(step))[times % 2 == 1]
    step = step[times % 2 == 1]
    walls = np.zeros(3 * n, dtype=np.bool_)
    walls[step] = True
    part = parts_between_walls(grid.liver, walls.reshape(3, *shape))
    below = step % n
    above = below + np.array([shape[1] * shape[2], shape[2], 1])[step // n]
    flat = part.reshape(-1)
    both = (flat[below] > 0) & (flat[above] > 0)
    if not both.any():
        raise PlanError(
            f"{sheet.source}: the sheet does not touch the liver; check its frame and unit, and where it is drawn"
        )
    below, above, up = flat[below[both]], flat[above[both]], way[both] > 0
    front, back = np.zeros(int(part.max()) + 1, np.bool_), np.zeros(int(part.max()) + 1, np.bool_)
    front[np.where(up, above, below)] = True
    back[np.where(up, below, above)] = True
    if (front & back).any():
        raise PlanError(_not_separating(grid, sheet))
    side: NDArray[np.int8] = (front.astype(np.int8) - back.astype(np.int8))[part]
    loose = (grid.regions > 0) & (side == 0)
    if loose.any():
        nearest, _ = nearest_label(np.where(side == 0, 0, np.where(side > 0, 2, 1)), grid.spacing_mm, loose)
        side[loose] = np.where(nearest[loose] == 2, 1, -1)
    sheet._sides.clear()
    sheet._sides[id(grid)] = (grid, side)
    return side


def _not_separating(grid: RegionGrid, sheet: Sheet) -> str:
    """Return why a sheet leaves the liver in one piece: where its border ends inside, and how deep."""
    from scipy.ndimage import distance_transform_edt

    said = f"{sheet.source} does not separate: the liver stays in one piece"
    edges = np.sort(sheet.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    edges, times = np.unique(edges, axis=0, return_counts=True)
    ends = sheet.points[edges[times == 1]]
    if not len(ends):
        return f"{said}; it closes on itself inside the liver and touches the capsule on both faces: draw it again"
    # Along each edge of the border, as finely as the voxels.
    fine = int(np.ceil(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1).max() / grid.spacing_mm.min())) + 1
    share = np.linspace(0.0, 1.0, min(fine, 400))[:, None, None]
    border = (ends[:, 0] * (1 - share) + ends[:, 1] * share).reshape(-1, 3)
    index = np.round(_in_voxels(grid, border)).astype(np.int64)
    within = np.asarray(((index >= 0) & (index < grid.regions.shape)).all(axis=1))
    within[within] = grid.liver[tuple(index[within].T)]
    if not within.any():
        return f"{said}; its border grazes the capsule: extend it beyond the capsule by a few millimetres"
    depth = distance_transform_edt(np.pad(grid.liver, 1), sampling=grid.spacing_mm)[1:-1, 1:-1, 1:-1]
    deep = depth[tuple(index[within].T)]
    x, y, z = border[within][int(deep.argmax())]
    return (
        f"{said}; its border ends up to {deep.max():.0f} mm inside the capsule, at ({x:.0f}, {y:.0f}, {z:.0f}): extend it beyond "
        f"the capsule, there by {deep.max() + grid.spacing_mm.max():.0f} mm or more"
    )


def _side_that_goes(case: LiverCase, sheet: Sheet, side: NDArray[np.int8]) -> int:
    """Return the side, 1 or -1, on which what is named to go lies."""
    grid, goes = case.grid, sheet.goes
    if not isinstance(goes, str):
        index = np.round(_in_voxels(grid, np.array([goes]))[0]).astype(np.int64)
        inside = bool(((index >= 0) & (index < grid.regions.shape)).all())
        if not inside or not grid.liver[tuple(index)]:
            place = ", ".join(f"{v:g}" for v in goes)
            raise PlanError(
                f"{sheet.source}: the point ({place}) that names the side that goes lies outside the liver; LPS mm are needed"
            )
        return int(side[tuple(index)])
    lesion = goes in {les.name for les in case.lesions}
    ids = grid.ids(tissue=goes, kind="lesion") if lesion else grid.ids(segments=leaves(goes))
    on = {s: float(grid.ml[ids] @ (_counted(grid, side == s)[ids] / grid.counts[ids])) for s in (1, -1)}
    if min(on.values()) > 0:
        raise PlanError(
            f"{sheet.source}: {goes} lies on both sides of the sheet ({on[1]:.2f} and {on[-1]:.2f} mL), so it does not say which "
            "goes; name a point on that side: goes = [x, y, z]"
        )
    return 1 if on[1] > 0 else -1


def _counted(grid: RegionGrid, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.bincount(grid.regions[mask], minlength=len(grid.table)).astype(np.float64)
