"""What is wrong with separate surfaces that make one organ: each by itself, and all together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flrsim.forensics.crossing import FOLD_FRACTION, contest, crossing_faces
from flrsim.forensics.findings import near, plural, refused
from flrsim.forensics.sheet import EVERYTHING, edges_of, prepare
from flrsim.forensics.surface import examine_mesh
from flrsim.results import Finding

APART_MM = 20.0
"""Neighbouring segments touch; boxes farther apart than this are not one organ as they stand."""
TOUCH_MM = 5.0
"""Boxes this near touch: surfaces smoothed one by one draw back from each other."""
CONTACT_SHARE = 0.05
"""Neighbours share a wall: at least this share of the points of one of them; bodies that only cross touch along a line."""
SAMPLE = 4000
"""Points of a part that are looked at."""
UNIT_RATIO = 8.0
"""A part this much smaller than the middle one is suspected of another unit; S1 is a third as long as the others."""
UNIT_FACTORS = (10.0, 1000.0, 0.1, 0.001)
LITTLE_INSIDE = 0.1
MOST_INSIDE = 0.5
"""Structures with no more than the first share inside the liver, and at least the second when frames are exchanged, are in
the other frame."""
TURNED = np.array([-1.0, -1.0, 1.0])
"""LPS to RAS and back."""

Box = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """One surface of an organ.

    Attributes
    ----------
    name : the structure.
    source : its file, for sentences.
    points : (n, 3) LPS mm.
    faces : (m, 3) or (m, 4).
    """

    name: str
    source: str
    points: NDArray[np.float64]
    faces: NDArray[np.int64]

    @property
    def box(self) -> Box | None:
        """First and last corner, (2, 3) mm, of the finite points; None without any."""
        points = self.points[np.isfinite(self.points).all(axis=1)]
        return None if not len(points) else np.stack([points.min(axis=0), points.max(axis=0)])


def examine_parts(parts: Sequence[Part], source: str, *, one_organ: bool) -> tuple[Finding, ...]:
    """Return everything found about separate surfaces: each must be closed, and together they must fit.

    Parameters
    ----------
    source : what holds them all, for sentences.
    one_organ : whether they must touch.
    """
    each = [examine_mesh(p.points, p.faces, _outward(p), ("outside", p.name), p.source) for p in parts]
    loose = [k for k, found in enumerate(each) if any(f.code == "open" for f in found)]
    patches = _patches([parts[k] for k in loose], source)
    out = [
        f
        for k, found in enumerate(each)
        for f in found
        if not (patches is not None and k in loose and f.code == "open")
    ]
    if patches is not None:
        out.append(patches)
    if one_organ:
        out += _apart(parts, source)
    if not refused(out):
        out += _crossing(parts, source)
    return tuple(out)


def _outward(part: Part) -> NDArray[np.int64]:
    return np.tile(np.array([1, 0]), (len(part.faces), 1))


def _joined(parts: Sequence[Part]) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return points, triangles and sides of all parts, region k + 1 for part k."""
    offset = 0
    points, faces, sides = [], [], []
    for k, part in enumerate(parts):
        own = part.faces if part.faces.shape[1] == 3 else part.faces[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
        points.append(part.points)
        faces.append(own + offset)
        sides.append(np.tile(np.array([k + 1, 0]), (len(own), 1)))
        offset += len(part.points)
    return np.concatenate(points), np.concatenate(faces), np.concatenate(sides)


def _patches(parts: Sequence[Part], source: str) -> Finding | None:
    """Return that open parts close together, if they do: they are pieces of one skin."""
    if len(parts) < 2:
        return None
    sheet = prepare(*_joined(parts), ("outside", *(p.name for p in parts)), source)
    edges = edges_of(sheet)
    if not edges.even(EVERYTHING):
        return None
    place = sheet.where(edges.unbalanced(1))
    return Finding(
        "refused",
        "patches",
        f"{source}: {', '.join(p.source for p in parts)} are open patches that close only together{near(place)}: they share out "
        "one surface; each structure needs its own closed surface: join the patches of a structure into one file, or export "
        "closed segments instead of their share of the capsule",
        place_mm=place,
        count=len(parts),
    )


def _gap(a: Box, b: Box) -> float:
    return float(np.linalg.norm(np.maximum(np.maximum(b[0] - a[1], a[0] - b[1]), 0.0)))


def turned(box: Box) -> Box:
    """Return a box read in the other frame, LPS as RAS or RAS as LPS."""
    corners = box * TURNED
    return np.stack([corners.min(axis=0), corners.max(axis=0)])


def _apart(parts: Sequence[Part], source: str) -> list[Finding]:
    """Return parts that lie away from the rest: of another frame or unit, or somewhere else."""
    known = [(p, p.box) for p in parts]
    boxes = [(p, b) for p, b in known if b is not None]
    if len(boxes) < 2:
        return []
    out = []
    lengths = np.array([float(np.linalg.norm(b[1] - b[0])) for _, b in boxes])
    middle = float(np.median(lengths))
    strangers = []
    for k, (part, box) in enumerate(boxes):
        ratio = middle / max(lengths[k], 1e-300)
        if not (ratio > UNIT_RATIO or ratio < 1 / UNIT_RATIO):
            continue
        fits = [f for f in UNIT_FACTORS if 1 / UNIT_RATIO <= ratio / f <= UNIT_RATIO]
        best = min(fits, key=lambda f: abs(np.log(ratio / f))) if fits else None
        if best is None:
            continue
        strangers.append(k)
        place = _middle(box)
        out.append(
            Finding(
                "refused",
                "unit_mixed",
                f'{part.source}: "{part.name}" is {lengths[k]:.3g} mm long and the middle one of {len(boxes)} parts {middle:.3g} mm: '
                f"its numbers look {best:g} times too {'small' if best > 1 else 'large'}, as if exported in another unit; export "
                "all parts in one unit",
                place_mm=place,
                count=1,
            )
        )
    rest = [k for k in range(len(boxes)) if k not in strangers]
    samples = [_sample(boxes[k][0]) for k in rest]
    clusters = _clusters(samples)
    if not len(rest) or clusters.max() == 0:
        return out
    main = int(np.argmax(np.bincount(clusters, [lengths[k] for k in rest])))
    organ = np.concatenate([points for points, c in zip(samples, clusters, strict=True) if c == main])
    for k, points, c in zip(rest, samples, clusters, strict=True):
        if c == main:
            continue
        part, box = boxes[k]
        place = _middle(box)
        if _contact(points * TURNED, organ) >= CONTACT_SHARE:
            out.append(
                Finding(
                    "refused",
                    "frame_mixed",
                    f'{part.source}: "{part.name}"{near(place)} does not touch the other parts, and touches them when LPS and RAS are '
                    "exchanged: the files are in different frames; export all of them in one",
                    place_mm=place,
                    count=1,
                )
            )
            continue
        gap = min(_gap(box, boxes[j][1]) for j, d in zip(rest, clusters, strict=True) if d == main)
        if gap > APART_MM:
            out.append(
                Finding(
                    "warning",
                    "apart",
                    f'{part.source}: "{part.name}" lies {gap:.0f} mm from the other parts{near(place)}; parts of a liver touch: check '
                    "that it belongs to this patient and scan",
                    place_mm=place,
                    count=1,
                )
            )
    return out


def _sample(part: Part) -> NDArray[np.float64]:
    """Return up to `SAMPLE` of a part's points, evenly taken."""
    points = part.points[np.isfinite(part.points).all(axis=1)]
    return points[:: max(1, len(points) // SAMPLE)]


def _contact(points: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """Return the share of points that lie within `TOUCH_MM` of others."""
    from scipy.spatial import cKDTree

    away, _ = cKDTree(others).query(points, distance_upper_bound=TOUCH_MM)
    return float(np.isfinite(away).mean())


def _clusters(samples: list[NDArray[np.float64]]) -> NDArray[np.int64]:
    """Return the group of each part; parts that touch share one."""
    from scipy.sparse.csgraph import connected_components

    joined = np.array(
        [[max(_contact(a, b), _contact(b, a)) >= CONTACT_SHARE for b in samples] for a in samples]
    )
    if not len(joined):
        return np.zeros(0, dtype=np.int64)
    return np.asarray(connected_components(joined, directed=False)[1], dtype=np.int64)


def _middle(box: Box) -> tuple[float, float, float]:
    x, y, z = box.mean(axis=0)
    return float(x), float(y), float(z)


def _crossing(parts: Sequence[Part], source: str) -> list[Finding]:
    """Return that surfaces of different parts pass through each other; how much they overlap is judged on the grid."""
    if len(parts) < 2:
        return []
    names = ("outside", *(p.name for p in parts))
    sheet = prepare(*_joined(parts), names, source)
    contested = contest(sheet).ml
    volume = np.abs(sheet.volumes(sheet.cones(sheet.centre)))
    if not (contested[1:] > FOLD_FRACTION * volume[1:]).any():
        return []
    count, pairs = crossing_faces(sheet, between=True)
    if not count:
        return []
    worst = int(np.argmax(contested[1:])) + 1
    place = sheet.where(pairs[0, :1])
    one, other = (names[int(sheet.sides[f, 0])] for f in pairs[0])
    return [
        Finding(
            "warning",
            "crossing_parts",
            f"{source}: {plural(count, 'pair')} of faces of different parts {'passes' if count == 1 else 'pass'} through each other, the "
            f'first of "{one}" and "{other}"{near(place)}: the parts overlap there (most: "{names[worst]}", {contested[worst]:.2g} mL); '
            "export them from one label map, or as one interface mesh",
            place_mm=place,
            ml=float(contested[worst]),
            count=count,
        )
    ]


def examine_beside(
    inside: float, inside_turned: float, place: tuple[float, float, float], source: str, liver_source: str
) -> tuple[Finding, ...]:
    """Return that structures lie beside the liver only because one of two files is in the other frame.

    Parameters
    ----------
    inside, inside_turned : share of the structures' points inside the liver, as they are and with LPS and RAS exchanged.
    place : where they lie, LPS mm.
    """
    if inside > LITTLE_INSIDE or inside_turned < MOST_INSIDE:
        return ()
    return (
        Finding(
            "refused",
            "frame_mixed",
            f"{source}: {100 * inside:.0f} % of it lies inside the liver of {liver_source}, and {100 * inside_turned:.0f} % when LPS and RAS are "
            "exchanged: the two files are in different frames; export both in one, or state the frame",
            place_mm=place,
            count=1,
        ),
    )
