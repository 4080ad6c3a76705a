"""Whether every region of a mesh is closed and wound by its labels, and what it costs its volume where it is not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flrsim.forensics.findings import as_place, near, plural
from flrsim.forensics.sheet import EVERYTHING, Edges, Sheet, turned_faces
from flrsim.mesh import CLOSED_FRACTION
from flrsim.results import Finding

SHIFT_MM = 1000.0
"""The second origin of the volume test: scanners put theirs up to a metre away."""


def closedness(sheet: Sheet, edges: Edges) -> list[Finding]:
    """Return what is open, wound wrongly or inside out; closedness is judged by its effect on volume."""
    cones = sheet.cones(sheet.centre)
    volume = sheet.volumes(cones)
    shift = np.full(3, SHIFT_MM / np.sqrt(3.0))
    moved = np.abs(sheet.volumes(sheet.cones(sheet.centre + shift)) - volume)
    gap = np.linalg.norm(sheet.area_vectors(), axis=1) * sheet.size_mm / 10.0
    loose = {int(r): edges.unbalanced(int(r)) for r in sheet.present}
    broken = [int(r) for r in sheet.present if gap[r] > CLOSED_FRACTION * abs(volume[r])]
    imperfect = [r for r in loose if len(loose[r])]
    if imperfect and all(edges.even(r) for r in imperfect):
        finding = _winding(sheet, edges, broken, gap)
        if finding is not None:
            return [finding]
    out: list[Finding] = []
    patches = _patches(sheet, edges, broken)
    if patches is not None:
        out.append(patches)
    else:
        out += [_open(sheet, r, loose[r], float(gap[r]), abs(float(volume[r]))) for r in broken]
    inverted = [int(r) for r in sheet.present if r not in broken and volume[r] < 0]
    out += _inside_out(sheet, inverted, volume)
    for r in imperfect:
        if r in broken:
            continue
        place = sheet.where(loose[r])
        out.append(
            Finding(
                "warning",
                "unbalanced_edges",
                f'{sheet.source}: "{sheet.names[r]}" has {plural(len(loose[r]), "unbalanced edge")}{near(place)}; their effect on '
                f"its volume is at most {gap[r]:.2g} mL ({moved[r]:.2g} mL when the origin moves by 1 m)",
                place_mm=place,
                ml=float(gap[r]),
                count=len(loose[r]),
            )
        )
    return out


def _open(sheet: Sheet, region: int, loose: NDArray[np.int64], gap: float, volume: float) -> Finding:
    place = sheet.where(loose) if len(loose) else None
    return Finding(
        "refused",
        "open",
        f'{sheet.source}: "{sheet.names[region]}" is open ({len(loose)} boundary edges{near(place)}, up to {gap:.3g} mL of '
        f"{volume:.3g} mL uncertain); volumes need a closed surface: close its holes and export it again",
        place_mm=place,
        ml=gap,
        count=len(loose),
    )


def _winding(sheet: Sheet, edges: Edges, broken: list[int], gap: NDArray[np.float64]) -> Finding | None:
    """Return the faces that are wound against their labels, where turning some would close every region."""
    turn = turned_faces(sheet, edges)
    if turn is not None and not len(turn):
        return None
    place = sheet.where(turn if turn is not None else edges.first[edges.net != 0])
    n = None if turn is None else len(turn)
    what = (
        f"{plural(n, 'face')} of {len(sheet.faces)} {'is' if n == 1 else 'are'} wound against {'its' if n == 1 else 'their'} labels"
        if n is not None
        else "the faces are wound against their labels and cannot all be turned to agree"
    )
    worst = max(broken, key=lambda r: gap[r]) if broken else None
    effect = (
        f"volumes would be off by up to {gap[worst]:.3g} mL"
        if worst is not None
        else f"the effect on volumes is at most {gap[sheet.present].max():.2g} mL"
    )
    return Finding(
        "refused" if broken else "warning",
        "winding",
        f"{sheet.source}: {what}{near(place)}; {effect}; every normal must leave the first of its face's two labels: export it "
        "again without re-orienting the faces (PyVista's orient_faces does that and leaves the labels), or give triangles one "
        "winding",
        place_mm=place,
        ml=float(gap[sheet.present].max()),
        count=n,
    )


def _inside_out(sheet: Sheet, inverted: list[int], volume: NDArray[np.float64]) -> list[Finding]:
    remedy = "its faces point inward, or the labels are swapped; flip the normals and export it again"
    if len(inverted) > 1 and len(inverted) == len(sheet.present):
        total = float(volume[inverted].sum())
        return [
            Finding(
                "refused",
                "inside_out",
                f"{sheet.source}: all {len(inverted)} regions are inside out ({total:.0f} mL together): the faces point inward, or "
                "the two labels of each face are swapped; flip the normals and export it again",
                ml=total,
                count=len(inverted),
            )
        ]
    out = []
    for r in inverted:
        own = np.flatnonzero((sheet.sides == r).any(axis=1))
        place = as_place(sheet.points[np.unique(sheet.faces[own])].mean(axis=0))
        out.append(
            Finding(
                "refused",
                "inside_out",
                f'{sheet.source}: "{sheet.names[r]}" is inside out (volume {volume[r]:.3g} mL): {remedy}',
                place_mm=place,
                ml=float(volume[r]),
                count=len(own),
            )
        )
    return out


def _patches(sheet: Sheet, edges: Edges, broken: list[int]) -> Finding | None:
    """Return the regions that are open one by one and closed together: pieces of one skin, not volumes."""
    if len(broken) < 2 or len(edges.unbalanced(EVERYTHING)):
        return None
    outer = (sheet.sides == 0).any(axis=1)
    if not all(outer[(sheet.sides == r).any(axis=1)].all() for r in broken):
        return None
    names = ", ".join(f'"{sheet.names[r]}"' for r in broken)
    place = sheet.where(edges.unbalanced(broken[0]))
    return Finding(
        "refused",
        "patches",
        f"{sheet.source}: {names} are open patches that close only together{near(place)}: they share out one outer surface and "
        "have no walls between them; each structure needs its own closed surface: export the segments, not their share of "
        "the capsule",
        place_mm=place,
        count=len(broken),
    )
