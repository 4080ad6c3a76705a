"""Grid to mesh, exact and smoothed; mesh to grid; areas of walls. Everything in LPS millimetres."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from flrsim.errors import GeometryError
from flrsim.label_statistics import label_counts
from flrsim.mesh import MM2_PER_CM2, MM3_PER_ML, LabelledMesh
from flrsim.surface_nets import placed, smoothing_moves, surface_nets
from flrsim.threads import at_once, parts

# Sixteen iterations take the staircase out of voxel walls: their area then no longer depends on the direction
# of the cut.
WALL_ITERATIONS = 16
WALL_STEP = 0.5
WALL_REACH_VOXELS = 0.5

NORMAL_ROUNDS = 4
"""Times a wall's normals are averaged over their neighbours."""

SCAN_REACH_VOXELS = 8192
"""A mesh is scanned on whole numbers of 1/65536 voxel; up to here the products of two of them are exact."""
SCAN_MANY = 1 << 14
"""Points or faces under which a second thread costs more than it saves."""


def mesh_from_labels(
    labels: NDArray[np.unsignedinteger],
    affine: NDArray[np.float64],
    names: Sequence[str],
    *,
    iterations: int = 0,
) -> LabelledMesh:
    """Return the walls between the labels of a grid as a quad mesh that is closed around every label.

    Parameters
    ----------
    labels : (nx, ny, nz), 0 outside.
    affine : (4, 4) voxel indices to LPS mm, positive determinant.
    names : name of each label, ``names[0]`` for outside.
    iterations
        0 gives the voxels' own surface, whose volumes are the voxels'; 16 is the smoothed wall that areas
        come from.
    """
    if np.linalg.det(affine[:3, :3]) <= 0:
        raise ValueError("affine has a negative determinant; bring the grid into canonical LPS order first")
    nets = surface_nets(labels, joined=iterations > 0)
    moves = smoothing_moves(nets, iterations, WALL_STEP, WALL_REACH_VOXELS) if iterations else None
    return LabelledMesh(placed(nets, affine, moves), nets.faces, nets.sides, tuple(names))


def smoothing_bias(
    labels: NDArray[np.unsignedinteger], n_labels: int, *, iterations: int = WALL_ITERATIONS
) -> NDArray[np.float64]:
    """Return what smoothing takes from or adds to each label's volume, as a share of its voxels' volume, (n_labels,).

    Negative where it shrinks: small and thin structures most. The share does not depend on the voxel size.
    NaN for labels without a voxel and for the outside.
    """
    names = [str(i) for i in range(n_labels)]
    voxels = label_counts(labels).counts[1:]
    smooth = (
        mesh_from_labels(labels, np.eye(4), names, iterations=iterations).measure().volume_ml * MM3_PER_ML
    )
    out = np.full(n_labels, np.nan)
    present = np.flatnonzero(voxels) + 1
    out[present] = smooth[present] / voxels[present - 1] - 1.0
    return out


def mesh_of_function(
    label_at: Callable[[NDArray[np.float64]], NDArray[np.unsignedinteger]],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    spacing_mm: float,
    names: Sequence[str],
) -> LabelledMesh:
    """Return the walls between the labels of a function of space, as a quad mesh near the true walls.

    The function is sampled on a grid; where two neighbours differ, the crossing is found by bisection, and
    the points of the mesh are put so that the middles of its faces lie at the crossings. The volume then errs
    with the square of the spacing.

    Parameters
    ----------
    label_at : points (n, 3) mm → (n,) labels, 0 outside.
    low, high : (3,) mm, a box that holds all labels.
    """
    shape = np.ceil((high - low) / spacing_mm).astype(int) + 3
    origin = 0.5 * (low + high) - 0.5 * (shape - 1) * spacing_mm
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1).reshape(-1, 3)
    labels = label_at(origin + spacing_mm * index).reshape(tuple(shape))
    nets = surface_nets(labels)
    corners, faces, sides = nets.corners, nets.faces, nets.sides
    corner = corners[faces].astype(np.float64)
    axis = np.ptp(corner, axis=1).argmin(axis=1)
    step = np.zeros((len(faces), 3))
    step[np.arange(len(faces)), axis] = spacing_mm
    # A face lies across the line between two voxel centres; a corner lies half a voxel below its voxel.
    start = origin + spacing_mm * (corner.mean(axis=1) - 0.5) - 0.5 * step
    first = label_at(start)
    near, far = np.zeros(len(faces)), np.ones(len(faces))
    for _ in range(14):
        half = 0.5 * (near + far)
        same = label_at(start + half[:, None] * step) == first
        near, far = np.where(same, half, near), np.where(same, far, half)
    crossing = start + (0.5 * (near + far))[:, None] * step
    points = points_through(corners, faces, crossing)
    return LabelledMesh(points, faces, sides, tuple(names))


def points_through(
    corners: NDArray[np.int32], faces: NDArray[np.int64], crossing: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the corners of quads, (n, 3), put so that the middles of the quads lie at given crossings, (m, 3)."""
    count = np.bincount(faces.reshape(-1), minlength=len(corners)).astype(np.float64)
    points = np.zeros((len(corners), 3))
    target = crossing
    # The mean of crossings lies a little inside a bulge; moving points by what their faces' middles still miss takes most
    # of that away.
    for _ in range(3):
        shift = np.zeros_like(points)
        for c in range(4):
            np.add.at(shift, faces[:, c], target)
        points += shift / count[:, None]
        target = crossing - points[faces].mean(axis=1)
    return points


def merged(meshes: Sequence[LabelledMesh]) -> LabelledMesh:
    """Return separate meshes of one region each as one mesh with a region for each."""
    offsets = np.cumsum([0, *(len(m.points) for m in meshes)])
    names = ["outside"]
    faces, sides = [], []
    for mesh, offset in zip(meshes, offsets, strict=False):
        base = len(names) - 1
        names.extend(mesh.names[1:])
        faces.append(mesh.faces + offset)
        sides.append(np.where(mesh.sides > 0, mesh.sides + base, 0).astype(np.uint16))
    return LabelledMesh(
        np.concatenate([m.points for m in meshes]), np.concatenate(faces), np.concatenate(sides), tuple(names)
    )


def contact_areas_cm2(
    labels: NDArray[np.unsignedinteger], affine: NDArray[np.float64], n_labels: int
) -> NDArray[np.float64]:
    """Return the area of the smoothed wall between each pair of labels, (n_labels, n_labels) cm²; row 0 is the outside."""
    mesh = mesh_from_labels(labels, affine, [str(i) for i in range(n_labels)], iterations=WALL_ITERATIONS)
    return mesh.measure().contact_cm2


@dataclass(frozen=True)
class Wall:
    """The smoothed wall between tissue that goes and tissue that stays: the cut.

    Attributes
    ----------
    points : (n, 3) LPS mm.
    faces : (m, 4) int64, quads; their normals point from label 1 to label 2.
    face_cm2 : (m,) area of each face, with the strip that smoothing took off the wall's rim.
    voxels : (m, 2) flat indices of the voxels of label 1 and label 2 on either side of each face.
    """

    points: NDArray[np.float64]
    faces: NDArray[np.int64]
    face_cm2: NDArray[np.float64]
    voxels: NDArray[np.int64]

    @property
    def area_cm2(self) -> float:
        """Transection area."""
        return float(self.face_cm2.sum())


def wall_between(labels: NDArray[np.unsignedinteger], affine: NDArray[np.float64]) -> Wall:
    """Return the smoothed wall between label 1 and label 2 of a grid; other labels but 0 are not allowed.

    Smoothing draws the rim of the wall, where it meets the capsule, inward by up to half a voxel. The strip
    between the drawn-in rim and the voxels' own rim, seen along the wall's normal, is given back to the area
    (not to the mesh): whatever the direction of the cut and the shape of the voxels.
    """
    from flrsim.kernels.labels import wall_box

    box = wall_box(labels)
    if box[0, 0] < 0:
        return Wall(np.zeros((0, 3)), np.zeros((0, 4), np.int64), np.zeros(0), np.zeros((0, 2), np.int64))
    # A point is moved by what lies up to one corner away per iteration: farther tissue does not touch the
    # wall.
    pad = WALL_ITERATIONS + 2
    low = np.maximum(box[0] - pad, 0)
    high = np.minimum(box[1] + pad + 1, np.asarray(labels.shape))
    part = np.ascontiguousarray(labels[low[0] : high[0], low[1] : high[1], low[2] : high[2]])
    nets = surface_nets(part, joined=True)
    cut = nets.faces[(nets.sides == [1, 2]).all(axis=1)]
    on_wall = np.zeros(len(nets.corners), dtype=np.bool_)
    on_wall[cut] = True
    used = np.flatnonzero(on_wall)
    cut = (np.cumsum(on_wall) - 1)[cut]
    raw = nets.corners[used] + low
    moved = raw + smoothing_moves(nets, WALL_ITERATIONS, WALL_STEP, WALL_REACH_VOXELS)[used]
    points = (moved - 0.5) @ affine[:3, :3].T + affine[:3, 3]
    plain = (raw - 0.5) @ affine[:3, :3].T + affine[:3, 3]
    return Wall(points, cut, _face_areas(points, plain, cut) / MM2_PER_CM2, _beside(raw[cut], labels))


def _beside(quads: NDArray[np.int64], labels: NDArray[np.unsignedinteger]) -> NDArray[np.int64]:
    """Return the voxels of label 1 and label 2 beside each voxel face, (m, 2) flat; quads : (m, 4, 3) corners."""
    above = quads.min(axis=1).astype(np.int64)
    below = above.copy()
    below[np.arange(len(quads)), np.ptp(quads, axis=1).argmin(axis=1)] -= 1
    pair = np.stack([np.ravel_multi_index(tuple(v.T), labels.shape) for v in (below, above)], axis=1)
    turned = labels.reshape(-1)[pair[:, 0]] == 2
    pair[turned] = pair[turned][:, ::-1]
    return np.asarray(pair, dtype=np.int64)


def _face_areas(
    points: NDArray[np.float64], plain: NDArray[np.float64], faces: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the area of each smoothed quad and of the strip lost beside it at the wall's rim, (m,) mm².

    Parameters
    ----------
    points, plain : (n, 3) mm, smoothed corners and the voxels' own.
    """
    corner = points[faces]
    one = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    two = np.cross(corner[:, 2] - corner[:, 0], corner[:, 3] - corner[:, 0])
    area = 0.5 * (np.linalg.norm(one, axis=1) + np.linalg.norm(two, axis=1))
    start, end = faces.reshape(-1), np.roll(faces, -1, axis=1).reshape(-1)
    n = len(points)
    key = np.minimum(start, end) * n + np.maximum(start, end)
    _, first, times = np.unique(key, return_index=True, return_counts=True)
    rim = first[times == 1]
    if not len(rim):
        return np.asarray(area)
    # The wall's normal at each point, from the faces around it; neighbours' are mixed in, since a single face at
    # the rim still shows its staircase.
    normal = np.zeros((n, 3))
    around = np.asarray(0.5 * (one + two))
    for _ in range(NORMAL_ROUNDS):
        spread = np.repeat(around, 4, axis=0)
        normal = np.stack(
            [np.bincount(faces.reshape(-1), weights=spread[:, d], minlength=n) for d in range(3)], axis=1
        )
        around = normal[faces].mean(axis=1)
    a, b = start[rim], end[rim]
    direction = normal[a] + normal[b]
    direction /= np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-300)
    strip = 0.5 * np.einsum("ij,ij->i", np.cross(plain[a] - points[b], plain[b] - points[a]), direction)
    np.add.at(area, rim // 4, strip)
    return np.asarray(area)


def lattice_of(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the spacing (3,) and origin (3,) of the lattice that all points lie on, or None.

    A mesh made from voxels without smoothing lies on its voxels' corners; scanning it on that same lattice
    gives the voxels back exactly, where any other grid would see its staircase.
    """
    spacing, origin = np.empty(3), np.empty(3)
    for axis in range(3):
        values = np.unique(points[:, axis])
        # float32 files blur coordinates by about 1e-5 mm; corners closer than a hundredth of a millimetre are
        # one.
        keep = np.concatenate([[True], np.diff(values) > 0.01])
        values = values[keep]
        if len(values) < 3:
            return None
        steps = np.diff(values)
        step = float(steps.min())
        if step < 0.05:
            return None
        n = np.round((values - values[0]) / step)
        step = float((values[-1] - values[0]) / n[-1])
        if np.abs(values - values[0] - n * step).max() > 0.02 * step:
            return None
        spacing[axis], origin[axis] = step, values[0]
    return spacing, origin


def grid_frame(
    points: NDArray[np.float64], spacing_mm: float
) -> tuple[NDArray[np.float64], tuple[int, int, int], bool]:
    """Return the affine and shape of a grid that holds `points`, and whether it is the points' own voxel lattice."""
    lattice = lattice_of(points)
    if lattice is not None:
        spacing, corner = lattice
        n = np.round((points.max(axis=0) - corner) / spacing).astype(int)
        origin = corner + 0.5 * spacing
    else:
        spacing = np.full(3, spacing_mm)
        low = points.min(axis=0)
        n = np.ceil((points.max(axis=0) - low) / spacing).astype(int) + 1
        # An uneven fraction keeps voxel centres off the coordinates people like to put walls on.
        origin = low + spacing * np.array([0.4931, 0.4863, 0.4787])
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = origin
    return affine, (int(n[0]), int(n[1]), int(n[2])), lattice is not None


def labels_from_mesh(
    mesh: LabelledMesh, affine: NDArray[np.float64], shape: tuple[int, int, int]
) -> NDArray[np.uint16]:
    """Return the region of each voxel centre of a grid, (nx, ny, nz) uint16.

    Raises
    ------
    GeometryError
        When columns of the grid leave the mesh in another region than they entered it: it is open or wound
        wrongly.
    """
    from flrsim.kernels.scan import scan_columns, snap

    snapped = np.empty((len(mesh.points), 2), dtype=np.int32)
    cells = np.empty_like(snapped)
    height = np.empty(len(mesh.points))
    put = partial(snap, mesh.points, np.linalg.inv(affine), height, snapped, cells)
    farthest = max(at_once(put, parts(len(mesh.points), least=SCAN_MANY)))
    if farthest > SCAN_REACH_VOXELS or max(shape) > SCAN_REACH_VOXELS:
        raise GeometryError(
            f"the mesh reaches {farthest:.0f} voxels from the grid's corner on a grid of {' × '.join(str(n) for n in shape)}; "
            f"{SCAN_REACH_VOXELS} is the most that can be scanned; the unit or frame of the mesh is not the grid's: state the true one"
        )
    labels = np.zeros(shape, dtype=np.uint16)
    beyond = np.zeros((*shape[:2], 2), dtype=np.uint16)
    bands = parts(shape[0], least=1 if len(mesh.faces) >= SCAN_MANY else shape[0])
    scan = partial(
        scan_columns, height, snapped, cells, mesh.faces, mesh.sides, len(mesh.names), labels, beyond
    )
    leaks = sum(at_once(scan, bands))
    if leaks:
        raise GeometryError(
            f"{leaks} of {shape[0] * shape[1]} columns leak through the mesh: it has holes or faces wound the wrong way; "
            "close it and make every face's normal point out of the first of its two labels"
        )
    return labels
