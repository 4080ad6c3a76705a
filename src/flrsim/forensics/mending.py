"""What can be mended about arrays without a guess: each repair named, counted, and weighed in mL."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flrsim.forensics.findings import plural
from flrsim.forensics.sheet import Sheet, edges_of, prepare, turned_faces
from flrsim.forensics.surface import flat_faces, repeats
from flrsim.forensics.voxels import ALL_NEIGHBOURS, holes_of, surroundings
from flrsim.mesh import CLOSED_FRACTION
from flrsim.results import Repair

WELD_MM = 1e-3
"""Points within a micrometre are one: seams of separately written patches differ by single-precision rounding."""

Mesh = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]


def mend_mesh(
    points: NDArray[np.float64],
    faces: NDArray[np.int64],
    sides: NDArray[np.int64],
    names: tuple[str, ...],
    source: str,
) -> tuple[Mesh, tuple[Repair, ...]]:
    """Return a mesh with joined points, without empty or repeated faces, wound outward, and what was done.

    Holes are not closed, crossing faces not parted and points that are not numbers not replaced: that would be a guess.

    Parameters
    ----------
    points : (n, 3) LPS mm; faces : (m, 3) or (m, 4); sides : (m, 2), 0 is outside; names : name of each region.
    """
    if not np.isfinite(points).all() or ((faces < 0) | (faces >= len(points))).any():
        return (points, faces, sides), ()
    done: list[Repair] = []
    sheet = prepare(points, faces, sides, names, source)
    number = _welded(sheet.points)
    exact = 0 if sheet.is_soup() else len(points) - len(sheet.points)
    near = len(sheet.points) - int(number.max() + 1)
    if near:
        first = np.unique(number, return_index=True)[1]
        volume = _volume(sheet)
        sheet = _with(sheet, sheet.points[first], number[sheet.faces], sheet.sides)
        done.append(
            Repair(
                "joined_points",
                f"{source}: {plural(near, 'point')} joined with another within {WELD_MM:g} mm",
                near,
                abs(_volume(sheet) - volume),
            )
        )
    if exact:
        done.append(
            Repair(
                "joined_points",
                f"{source}: {plural(exact, 'point')} joined with the one at the same place",
                exact,
                0.0,
            )
        )
    flat = flat_faces(sheet)
    if len(flat):
        keep = np.ones(len(sheet.faces), dtype=np.bool_)
        keep[flat] = False
        sheet = _with(sheet, sheet.points, sheet.faces[keep], sheet.sides[keep])
        done.append(
            Repair(
                "dropped_zero_area",
                f"{source}: {plural(len(flat), 'face')} without area dropped",
                len(flat),
                0.0,
            )
        )
    same, _ = repeats(sheet)
    if len(same):
        keep = np.ones(len(sheet.faces), dtype=np.bool_)
        keep[same] = False
        volume = _volume(sheet)
        sheet = _with(sheet, sheet.points, sheet.faces[keep], sheet.sides[keep])
        moved = abs(_volume(sheet) - volume)
        done.append(
            Repair(
                "dropped_repeats",
                f"{source}: {plural(len(same), 'face')} that {'was' if len(same) == 1 else 'were'} stored again dropped; "
                f"{moved:.3g} mL less",
                len(same),
                moved,
            )
        )
    sheet = _turned(sheet, done)
    return (sheet.points, sheet.faces, sheet.sides), tuple(done)


def _with(
    sheet: Sheet, points: NDArray[np.float64], faces: NDArray[np.int64], sides: NDArray[np.int64]
) -> Sheet:
    return prepare(points, np.ascontiguousarray(faces), sides, sheet.names, sheet.source)


def _volume(sheet: Sheet) -> float:
    return float(sheet.volumes(sheet.cones(sheet.centre))[1:].sum())


def _welded(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the number of each point after those within `WELD_MM` of each other became one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    pairs = cKDTree(points).query_pairs(WELD_MM, output_type="ndarray")
    n = len(points)
    graph = coo_array((np.ones(len(pairs), dtype=np.int8), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _turned(sheet: Sheet, done: list[Repair]) -> Sheet:
    """Return the sheet wound as its labels say, where that is beyond doubt."""
    edges = edges_of(sheet)
    loose = [int(r) for r in sheet.present if len(edges.unbalanced(int(r)))]
    if loose and all(edges.even(r) for r in loose):
        turn = turned_faces(sheet, edges)
        if turn is not None and len(turn):
            faces = sheet.faces.copy()
            faces[turn] = faces[turn, ::-1]
            before = _volume(sheet)
            sheet = _with(sheet, sheet.points, faces, sheet.sides)
            done.append(
                Repair(
                    "turned_faces",
                    f"{sheet.source}: {plural(len(turn), 'face')} turned to agree with {'its' if len(turn) == 1 else 'their'} labels "
                    "and neighbours",
                    len(turn),
                    abs(_volume(sheet) - before),
                )
            )
    volume = sheet.volumes(sheet.cones(sheet.centre))[sheet.present]
    gap = np.linalg.norm(sheet.area_vectors()[sheet.present], axis=1) * sheet.size_mm / 10.0
    # Walls are shared: only when every region is closed and inside out is there one way to put it right.
    if len(volume) and (volume < 0).all() and (gap <= CLOSED_FRACTION * np.abs(volume)).all():
        total = float(np.abs(volume).sum())
        sheet = _with(sheet, sheet.points, sheet.faces[:, ::-1], sheet.sides)
        done.append(
            Repair(
                "turned_outward",
                f"{sheet.source}: all {len(sheet.faces)} faces turned outward ({-total:.1f} mL became {total:.1f} mL)",
                len(sheet.faces),
                2 * total,
            )
        )
    return sheet


def mend_labels(
    labels: NDArray[np.unsignedinteger],
    voxel_ml: float,
    source: str,
    *,
    specks_below_ml: float | None,
    holes_below_ml: float | None,
) -> tuple[NDArray[np.unsignedinteger], tuple[Repair, ...]]:
    """Return a label map without specks and holes under stated sizes, and what was done.

    A speck wholly inside one other label becomes that label, any other becomes outside; a voxel of a hole takes the
    label of the nearest voxel that has one. The largest piece of a label is never a speck.

    Parameters
    ----------
    labels : (nx, ny, nz), 0 is outside.
    specks_below_ml, holes_below_ml : sizes under which a person wants them mended; None leaves them.
    """
    from scipy import ndimage

    out = labels.copy()
    done: list[Repair] = []
    if specks_below_ml is not None:
        taken, given, n = 0, 0, 0
        for label, part in enumerate(ndimage.find_objects(labels), start=1):
            if part is None:
                continue
            found, pieces = ndimage.label(labels[part] == label, structure=ALL_NEIGHBOURS)
            counts = np.bincount(found.ravel())[1:]
            largest = int(np.argmax(counts)) + 1
            for piece in range(1, pieces + 1):
                if piece == largest or counts[piece - 1] * voxel_ml >= specks_below_ml:
                    continue
                n += 1
                around = surroundings(labels, part, found == piece)
                if len(around) == 1 and around[0]:
                    given += int(counts[piece - 1])
                else:
                    taken += int(counts[piece - 1])
                out[part][found == piece] = around[0] if len(around) == 1 else 0
        if n:
            done.append(
                Repair(
                    "removed_specks",
                    f"{source}: {plural(n, 'speck')} under {specks_below_ml:g} mL removed: {taken * voxel_ml:.3g} mL became outside, "
                    f"{given * voxel_ml:.3g} mL the segment around",
                    n,
                    (taken + given) * voxel_ml,
                )
            )
    if holes_below_ml is not None:
        holes, n_holes = holes_of(out)
        counts = np.bincount(holes.ravel(), minlength=n_holes + 1)
        small = np.flatnonzero(counts * voxel_ml < holes_below_ml)
        small = small[small > 0]
        if len(small):
            fill = np.isin(holes, small)
            nearest = ndimage.distance_transform_edt(out == 0, return_distances=False, return_indices=True)
            out[fill] = out[tuple(axis[fill] for axis in nearest)]
            ml = int(fill.sum()) * voxel_ml
            done.append(
                Repair(
                    "filled_holes",
                    f"{source}: {plural(len(small), 'hole')} under {holes_below_ml:g} mL filled with the nearest label: {ml:.3g} mL more",
                    len(small),
                    ml,
                )
            )
    return out, tuple(done)
