"""Faces that pass through each other, judged by how much tissue they make two regions claim."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flrsim.forensics.findings import near, plural
from flrsim.forensics.sheet import Sheet
from flrsim.mesh import CLOSED_FRACTION, MM3_PER_ML
from flrsim.results import Finding

TOUCH_MM = 1e-3
"""Faces that dip less than a micrometre into each other touch; single precision rounds by less than a tenth of that."""
RAYS = 256
"""Rays along each side of a mesh when contested tissue is measured: about 1 mm apart for a liver."""
CELL_FACES = 2.0
"""Edge of a search cell in mean sizes of a triangle: few triangles a cell, few cells a triangle."""
ENTRIES = 40
"""Mean number of cells a triangle may lie in; beyond, cells grow, so that a few huge triangles cannot fill the memory."""
CELLS = 1 << 24
"""Largest number of search cells: 128 MB of indices."""
FOLD_FRACTION = 1e-4
"""Folds on which the labels contradict each other over less than this share of a region, a tenth of what refuses it, are what
smoothing does to any coarse mesh; they are not worth a warning."""
FOLD_ML = 0.05
"""Folds of less than this, a cube of 3.7 mm, refuse nothing: a thousandth of a thin vein is a few cubic millimetres."""
KEPT = 1000
"""Pairs kept to find the first; the others are only counted."""


def crossings(sheet: Sheet, *, closed: bool) -> list[Finding]:
    """Return the faces that pass through each other; of a closed mesh also how much tissue is claimed twice."""
    contested, place = np.zeros(len(sheet.names)), None
    if closed:
        rays = contest(sheet)
        if rays.leaks > CLOSED_FRACTION * rays.rays:
            return [_leaking(sheet, rays)]
        contested, place = rays.ml, rays.place_mm
    volume = np.abs(sheet.volumes(sheet.cones(sheet.centre)))
    lost = bool((contested[1:] > np.maximum(CLOSED_FRACTION * volume[1:], FOLD_ML)).any())
    if closed and not (contested[1:] > FOLD_FRACTION * volume[1:]).any():
        return []
    count, pairs = crossing_faces(sheet)
    worst = int(np.argmax(contested[1:])) + 1 if len(contested) > 1 else 0
    if count:
        first = sheet.where(pairs[0, :1])
        names = " and ".join(f'"{sheet.names[r]}"' for r in np.unique(sheet.sides[pairs[0]]) if r > 0)
        effect = (
            "how much tissue is claimed twice cannot be told until it is closed"
            if not closed
            else f'the labels above and below contradict each other over {contested[worst]:.3g} mL of "{sheet.names[worst]}"'
            if lost
            else f"the labels contradict each other over {contested[worst]:.2g} mL at most"
        )
        return [
            Finding(
                "refused" if lost else "warning",
                "crossing",
                f"{sheet.source}: {plural(count, 'pair')} of faces {'passes' if count == 1 else 'pass'} through each other, the first on {names}"
                f"{near(first)}; {effect}; {'separate the surfaces and export it again' if lost else 'look at it there'}",
                place_mm=first,
                ml=float(contested[worst]) if closed else None,
                count=count,
            )
        ]
    if lost:
        return [
            Finding(
                "refused",
                "counted_twice",
                f'{sheet.source}: the labels of "{sheet.names[worst]}" contradict each other over {contested[worst]:.3g} mL{near(place)}: '
                "one closed surface lies inside another and faces the same way, so that its inside counts twice; keep one of "
                "the two",
                place_mm=place,
                ml=float(contested[worst]),
                count=1,
            )
        ]
    return []


def _leaking(sheet: Sheet, rays: Contest) -> Finding:
    """Return that a surface whose holes cancel out, so that its area vector is small, has holes all the same."""
    return Finding(
        "refused",
        "leaks",
        f"{sheet.source}: {rays.leaks} of {rays.rays} rays through the mesh slip through gaps between its faces, the first"
        f"{near(rays.leak_mm)}: its triangles do not share their edges; join them and export it again",
        place_mm=rays.leak_mm,
        count=rays.leaks,
    )


def crossing_faces(sheet: Sheet, *, between: bool = False) -> tuple[int, NDArray[np.int64]]:
    """Return how many pairs of triangles pass through each other, and the faces of up to `KEPT` pairs, first ones first.

    Parameters
    ----------
    between : only pairs that leave different regions.
    """
    from flrsim.kernels.crossings import crossing_pairs

    triangles, face = sheet.split
    corner = sheet.points[triangles]
    box = corner.max(axis=1) - corner.min(axis=1)
    cell = max(CELL_FACES * float(box.max(axis=1).mean()), TOUCH_MM)
    extent = np.ptp(sheet.used, axis=0)
    while (
        np.prod(np.floor(box / cell) + 2, axis=1).sum() > ENTRIES * len(triangles)
        or np.prod(np.floor(extent / cell) + 1) > CELLS
    ):
        cell *= 1.5
    groups = sheet.sides[face, 0] if between else np.full(len(triangles), -1, dtype=np.int64)
    count, pairs = crossing_pairs(
        np.ascontiguousarray(sheet.points),
        np.ascontiguousarray(triangles),
        np.ascontiguousarray(groups),
        cell,
        TOUCH_MM,
        KEPT,
    )
    pairs = np.sort(face[pairs], axis=1)
    return int(count), pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


@dataclass(frozen=True)
class Contest:
    """What rays through a mesh say of its faces.

    Attributes
    ----------
    ml : (n_regions,) tissue about which the faces below and above contradict each other.
    place_mm : middle of the longest such piece, or None.
    rays, leaks : rays that meet a face; of these, rays that enter or leave the mesh through a gap.
    leak_mm : place of the first leak.
    """

    ml: NDArray[np.float64]
    place_mm: tuple[float, float, float] | None
    rays: int
    leaks: int
    leak_mm: tuple[float, float, float]


def contest(sheet: Sheet) -> Contest:
    """Return how much of each region its own faces contradict, and through how many gaps rays slip.

    Rays along the body's axis are cut by the faces they meet; where the face below enters another region than the face
    above leaves, that piece is claimed twice or by nobody.
    """
    from flrsim.kernels.columns import contested

    triangles, face = sheet.split
    low, high = sheet.used.min(axis=0), sheet.used.max(axis=0)
    step = max(float((high - low)[:2].max()) / RAYS, TOUCH_MM)
    # Uneven fractions keep the rays off the coordinates that people and voxels like to put walls on.
    origin = low + step * np.array([0.4931, 0.4863, 0.0])
    scaled = sheet.points - origin
    scaled[:, :2] /= step
    shape = np.ceil((high - low)[:2] / step).astype(int) + 1
    sides = np.ascontiguousarray(sheet.sides[face], dtype=np.uint16)
    length, met, leaks, worst, leak = contested(
        scaled, np.ascontiguousarray(triangles), sides, len(sheet.names), int(shape[0]), int(shape[1])
    )
    length[0] = 0.0
    back = np.array([step, step, 1.0])
    x, y, z = origin + worst[:3] * back
    u, v, w = origin + leak * back
    return Contest(
        length * step * step / MM3_PER_ML,
        (float(x), float(y), float(z)) if worst[3] > 0 else None,
        int(met),
        int(leaks),
        (float(u), float(v), float(w)),
    )
