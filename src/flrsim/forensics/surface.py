"""What is wrong with a mesh, on plain arrays: the one judgement that the readers refuse by and ``flrsim check`` lists."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flrsim.forensics.closedness import closedness
from flrsim.forensics.crossing import crossings
from flrsim.forensics.findings import as_place, near, plural, refused
from flrsim.forensics.sheet import Sheet, edges_of, prepare, shells
from flrsim.forensics.voxels import DOUBLE_WALL_SHARE
from flrsim.mesh import CLOSED_FRACTION
from flrsim.results import Finding

FAR_MM = 1000.0
"""A liver in a scanner's own frame lies within a metre of its origin."""
SLIVER_MM = 1e-6
"""A triangle lower than this has no area: single precision, at a liver's size, keeps 10⁻⁵ mm."""
SINGLE_PRECISION = 4 * float(np.finfo(np.float64).eps)
"""Relative distance to the nearest single-precision number below which a coordinate was stored as one; a double is that near
once in 10⁷, and a change of unit moves it by less."""


def examine_mesh(
    points: NDArray[np.floating],
    faces: NDArray[np.integer],
    sides: NDArray[np.integer],
    names: tuple[str, ...],
    source: str,
) -> tuple[Finding, ...]:
    """Return everything found about a mesh's geometry, the refused first.

    Parameters
    ----------
    points : (n, 3), LPS mm; may hold what is not a number.
    faces : (m, 3) or (m, 4).
    sides : (m, 2), the region the face's normal leaves and the one it enters; 0 is outside.
    names : name of each region; ``names[0] = "outside"``.
    source : file name, for sentences.
    """
    return _examine(
        np.asarray(points, dtype=np.float64),
        np.asarray(faces, dtype=np.int64),
        np.asarray(sides, dtype=np.int64),
        names,
        source,
    )


def _examine(
    points: NDArray[np.float64],
    faces: NDArray[np.int64],
    sides: NDArray[np.int64],
    names: tuple[str, ...],
    source: str,
) -> tuple[Finding, ...]:
    wrong = ((faces < 0) | (faces >= len(points))).any(axis=1)
    if wrong.any():
        n = int(wrong.sum())
        return (
            Finding(
                "refused",
                "absent_points",
                f"{source}: {plural(n, 'face')} of {len(faces)} name points that the file does not have ({len(points)} are "
                "there); the file is damaged: export the mesh again",
                count=n,
            ),
        )
    unknown = np.asarray(~np.isfinite(points).all(axis=1))
    if unknown.any():
        return (_not_finite(points, faces, unknown, source),)
    sheet = prepare(points, faces, sides, names, source)
    found = [*_rounding(sheet), *_degenerate(sheet), *_twice(sheet), *_repeated_points(sheet, points)]
    edges = edges_of(sheet)
    closed = closedness(sheet, edges)
    found += closed
    if not refused(closed):
        found += _cavities(sheet)
    found += crossings(sheet, closed=not refused(closed))
    return (*(f for f in found if f.level == "refused"), *(f for f in found if f.level != "refused"))


def _not_finite(
    points: NDArray[np.float64], faces: NDArray[np.int64], unknown: NDArray[np.bool_], source: str
) -> Finding:
    n = int(unknown.sum())
    touched = unknown[faces].any(axis=1)
    place = None
    around = points[faces[touched]].reshape(-1, 3)
    around = around[np.isfinite(around).all(axis=1)]
    if len(around):
        place = (float(around[0, 0]), float(around[0, 1]), float(around[0, 2]))
    corners = "corners" if len(np.unique(faces)) == faces.size else "points"
    return Finding(
        "refused",
        "not_finite",
        f"{source}: {n} of {len(points)} {corners} {'is not a finite number' if n == 1 else 'are not finite numbers'} (NaN or "
        f"infinite){near(place)}; export the mesh again",
        place_mm=place,
        count=n,
    )


def _rounding(sheet: Sheet) -> list[Finding]:
    """Return what single precision cost a mesh that lies far from the origin."""
    distance = float(np.abs(sheet.centre).max())
    if distance < FAR_MM:
        return []
    step = _stored_step(sheet.used)
    if step is None:
        return [
            Finding(
                "warning",
                "far_away",
                f"{sheet.source}: the mesh lies {distance:.0f} mm from the origin of its frame; a scanner's own frame keeps a "
                "liver within a metre; nothing is lost, but check that lesions and vessels are in the same frame",
                place_mm=as_place(sheet.centre),
            )
        ]
    # Every point is off by up to half a step, so every region's surface is.
    area = float(sheet.areas.sum()) / 100.0
    error = area * step / 2 / 10.0
    total = float(np.abs(sheet.volumes(sheet.cones(sheet.centre))[1:]).sum())
    lost = error > CLOSED_FRACTION * total
    return [
        Finding(
            "refused" if lost else "warning",
            "far_away",
            f"{sheet.source}: the mesh lies {distance:.0f} mm from the origin and is stored in single precision, which keeps "
            f"steps of {step:.2g} mm there: its volumes are uncertain by up to {error:.2g} mL; "
            "move it to the scanner's frame before it is exported, or export it in double precision",
            place_mm=as_place(sheet.centre),
            ml=error,
        )
    ]


def _stored_step(points: NDArray[np.float64]) -> float | None:
    """Return the step between neighbouring single-precision numbers at the farthest point, mm; None for double precision."""
    sample = points[:: max(1, len(points) // 1000)].reshape(-1)
    for unit in (1.0, 10.0, 1000.0):
        raw = sample / unit
        away = np.abs(raw.astype(np.float32).astype(np.float64) - raw)
        if (away <= SINGLE_PRECISION * np.abs(raw)).all():
            return float(np.spacing(np.float32(np.abs(points).max() / unit))) * unit
    return None


def flat_faces(sheet: Sheet) -> NDArray[np.int64]:
    """Return the faces without area; of a quad both triangles have none."""
    corner = sheet.points[sheet.split[0]]
    longest = np.sqrt(((corner - np.roll(corner, 1, axis=1)) ** 2).sum(axis=2)).max(axis=1)
    flat = sheet.areas <= 0.5 * longest * SLIVER_MM
    if sheet.faces.shape[1] == 4:
        flat = flat.reshape(-1, 2).all(axis=1)
    return np.flatnonzero(flat)


def _degenerate(sheet: Sheet) -> list[Finding]:
    which = flat_faces(sheet)
    if not len(which):
        return []
    place = sheet.where(which)
    return [
        Finding(
            "warning",
            "zero_area",
            f"{sheet.source}: {plural(len(which), 'face')} of {len(sheet.faces)} "
            f"{'has' if len(which) == 1 else 'have'} no area{near(place)}; {'it carries' if len(which) == 1 else 'they carry'} no "
            "volume; flrsim check --repair drops such faces",
            place_mm=place,
            count=len(which),
        )
    ]


def repeats(sheet: Sheet) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the faces stored before with the same sides, and those stored before with other sides (a wall kept twice)."""
    ordered = np.sort(sheet.faces, axis=1)
    real = (np.diff(ordered, axis=1) > 0).all(axis=1)
    _, first, number = np.unique(ordered, axis=0, return_index=True, return_inverse=True)
    first = first[number.reshape(-1)]
    again = (first != np.arange(len(sheet.faces))) & real
    same = (np.sort(sheet.sides, axis=1) == np.sort(sheet.sides[first], axis=1)).all(axis=1)
    return np.flatnonzero(again & same), np.flatnonzero(again & ~same)


def _twice(sheet: Sheet) -> list[Finding]:
    """Return faces that are stored more than once, judged by the volume they add."""
    same, other = repeats(sheet)
    out = []
    if len(same):
        keep = np.ones(len(sheet.faces), dtype=np.bool_)
        keep[same] = False
        cones = sheet.cones(sheet.centre)
        clean = sheet.volumes(cones, keep)
        moved = np.abs(sheet.volumes(cones) - clean)
        moved[0] = 0.0
        worst = int(np.argmax(moved))
        n = len(same)
        place = sheet.where(same)
        lost = bool((moved[1:] > CLOSED_FRACTION * np.abs(clean[1:])).any())
        effect = (
            f'they add {moved[worst]:.3g} mL to "{sheet.names[worst]}"'
            if lost
            else f"they move no volume by more than {moved[worst]:.2g} mL"
        )
        out.append(
            Finding(
                "refused" if lost else "warning",
                "duplicate_faces",
                f"{sheet.source}: {plural(n, 'face')} of {len(sheet.faces)} {'is' if n == 1 else 'are'} stored more than once"
                f"{near(place)}; {effect}; flrsim check --repair keeps one of each",
                place_mm=place,
                ml=float(moved[worst]),
                count=n,
            )
        )
    if len(other):
        place = sheet.where(other)
        a, b = (sheet.names[int(max(pair))] for pair in (_twin_sides(sheet, other[0]), sheet.sides[other[0]]))
        out.append(
            Finding(
                "warning",
                "walls_twice",
                f'{sheet.source}: {plural(len(other), "wall face")} between regions, the first between "{a}" and "{b}"{near(place)}, '
                "are stored once for each side; volumes are right, contacts between such regions count as outer surface; "
                "export one interface mesh, in which each wall has two labels",
                place_mm=place,
                count=len(other),
            )
        )
    return out


def _twin_sides(sheet: Sheet, face: int) -> NDArray[np.int64]:
    twins = np.flatnonzero((np.sort(sheet.faces, axis=1) == np.sort(sheet.faces[face])).all(axis=1))
    return np.asarray(sheet.sides[twins[0]])


def _repeated_points(sheet: Sheet, points: NDArray[np.float64]) -> list[Finding]:
    """Return points that lie on others in a file that could have shared them."""
    if sheet.is_soup():
        return []
    n = len(points) - len(sheet.points)
    if n == 0:
        return []
    # Of the corners at one place, all but one are too many; the place of the first such corner that a face uses.
    _, number = np.unique(sheet.delivered, return_index=True)
    joint = sheet.faces.reshape(-1)[number]
    order = np.argsort(joint, kind="stable")
    same = np.flatnonzero(joint[order][1:] == joint[order][:-1])
    place = None if not len(same) else as_place(sheet.points[joint[order][same[0]]])
    return [
        Finding(
            "warning",
            "duplicate_points",
            f"{sheet.source}: {plural(n, 'point')} of {len(points)} {'lies' if n == 1 else 'lie'} exactly on another{near(place)}; "
            f"{'it counts' if n == 1 else 'they count'} as one here, but smoothing would tear the surface there; "
            "flrsim check --repair joins them",
            place_mm=place,
            count=n,
        )
    ]


def _cavities(sheet: Sheet) -> list[Finding]:
    """Return closed walls that face into the liver with nothing behind them: cavities, and the inner wall of a shell."""
    from flrsim.kernels.columns import windings

    own, shell, n = shells(sheet, 0)
    if n < 2:
        return []
    sign = np.where(sheet.sides[own, 1] == 0, 1.0, -1.0)
    ml = np.bincount(shell, sheet.cones(sheet.centre)[own] * sign, n)
    triangles, face = sheet.split
    shell_of = np.full(len(sheet.faces), -1)
    shell_of[own] = shell
    outward = np.where(sheet.sides[face, 1] == 0, 1, -1)
    out = []
    for hole in np.flatnonzero(ml < 0)[np.argsort(ml[ml < 0], kind="stable")]:
        mine = own[shell == hole]
        place = as_place(sheet.points[np.unique(sheet.faces[mine])].mean(axis=0))
        around = np.unique(sheet.sides[mine])
        names = " and ".join(f'"{sheet.names[r]}"' for r in around[around > 0])
        query = sheet.points[sheet.faces[mine[0], :1]]
        behind = None
        for skin in np.flatnonzero(ml > -ml[hole]):
            part = triangles[shell_of[face] == skin]
            part = np.where(outward[shell_of[face] == skin][:, None] > 0, part, part[:, ::-1])
            if windings(query, sheet.points, np.ascontiguousarray(part))[0] > 0.5:
                behind = int(skin)
        if behind is None:
            continue
        if -ml[hole] >= DOUBLE_WALL_SHARE * ml[behind]:
            area = 0.5 * float(
                np.linalg.norm(sheet.vectors[own[(shell == hole) | (shell == behind)]], axis=1).sum()
            )
            thick = 1000.0 * (ml[behind] + ml[hole]) / area
            out.append(
                Finding(
                    "refused",
                    "double_wall",
                    f"{sheet.source}: {names} is a shell with two walls, about {thick:.2g} mm apart: the inner one, facing inward, "
                    f"encloses {-ml[hole]:.0f} mL of the {ml[behind]:.0f} mL inside the outer one; a capsule is not a liver volume: "
                    "delete the inner wall and export it again",
                    place_mm=place,
                    ml=float(-ml[hole]),
                    count=len(mine),
                )
            )
        else:
            out.append(
                Finding(
                    "warning",
                    "hole",
                    f"{sheet.source}: {names} has a cavity of {-ml[hole]:.2g} mL{near(place)}; it is not part of the liver's volume: "
                    "fill it if it is tissue, or supply it as a lesion or vessel",
                    place_mm=place,
                    ml=float(-ml[hole]),
                    count=1,
                )
            )
    return out
