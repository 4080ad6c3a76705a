"""Slow, obvious versions of every kernel: plain loops over Python numbers, written from the definitions.

Nothing here knows how a kernel works. Where a kernel has a shortcut, its reference has none.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np

UNIT = np.eye(3, dtype=int)


def voxels(labels):
    """Return every index of a grid, as tuples."""
    return itertools.product(*(range(n) for n in labels.shape))


# ---------------------------------------------------------------------------------------------------- label maps


def label_statistics(labels):
    """Return voxels, boxes and mean indices of every label but 0, as dictionaries."""
    index = {}
    for v in voxels(labels):
        if labels[v]:
            index.setdefault(int(labels[v]), []).append(v)
    counts = {label: len(own) for label, own in index.items()}
    boxes = {label: (np.min(own, axis=0), np.max(own, axis=0)) for label, own in index.items()}
    centres = {
        label: np.array([math.fsum(c) / len(own) for c in zip(*own, strict=True)])
        for label, own in index.items()
    }
    return counts, boxes, centres


def count_pairs(first, second, n_first, n_second):
    found = Counter((int(a), int(b)) for a, b in zip(first.ravel(), second.ravel(), strict=True))
    return np.array([[found[a, b] for b in range(n_second)] for a in range(n_first)])


def combine(segments, tissues, region_of):
    out = np.zeros(segments.shape, dtype=np.uint16)
    for v in voxels(segments):
        out[v] = region_of[segments[v], tissues[v]]
    return out


def refine_pieces(pieces, members, n_pieces):
    """Return new ids, parents and sides: pieces sorted by (parent, inside)."""
    keys = [(int(p), bool(m)) for p, m in zip(pieces, members, strict=True)]
    present = sorted(set(keys))
    assert all(p < n_pieces for p, _ in present)
    new = np.array([present.index(k) for k in keys])
    return new, np.array([p for p, _ in present]), np.array([m for _, m in present])


def face_contacts(labels, n_labels):
    out = np.zeros((3, n_labels, n_labels), dtype=int)
    for v in voxels(labels):
        for axis in range(3):
            w = tuple(np.add(v, UNIT[axis]))
            if w[axis] < labels.shape[axis] and labels[v] != labels[w]:
                out[axis, labels[v], labels[w]] += 1
                out[axis, labels[w], labels[v]] += 1
    return out


def faces_between(labels, side_of):
    """Return the midpoints as a sorted list of tuples."""
    out = []
    for v in voxels(labels):
        for axis in range(3):
            w = tuple(np.add(v, UNIT[axis]))
            if w[axis] < labels.shape[axis] and {int(side_of[labels[v]]), int(side_of[labels[w]])} == {1, 2}:
                out.append(tuple(0.5 * (np.array(v) + w)))
    return sorted(out)


def wall_box(labels):
    """Return the first and last voxel that has a face between labels 1 and 2; -1 where there is none."""
    found = []
    for v in voxels(labels):
        for axis in range(3):
            w = tuple(np.add(v, UNIT[axis]))
            if w[axis] < labels.shape[axis] and {int(labels[v]), int(labels[w])} == {1, 2}:
                found += [v, w]
    if not found:
        return np.full((2, 3), -1)
    return np.array([np.min(found, axis=0), np.max(found, axis=0)])


# ---------------------------------------------------------------------------------------------------- nets


def walls(labels):
    """Return every wall of a grid: (middle of the face, axis) → (label left, label entered, ±1 along the axis).

    In corner coordinates voxel (i, j, k) spans from (i, j, k) to (i + 1, j + 1, k + 1).
    """

    def at(v):
        inside = all(0 <= v[d] < labels.shape[d] for d in range(3))
        return int(labels[v]) if inside else 0

    out = {}
    for v in itertools.product(*(range(-1, n) for n in labels.shape)):
        for axis in range(3):
            w = tuple(int(x) for x in np.add(v, UNIT[axis]))
            a, b = at(v), at(w)
            if a == b:
                continue
            middle = np.array(v) + 0.5
            middle[axis] += 0.5
            # Never out of the outside; between two labels from the smaller to the larger.
            up = a != 0 and (b == 0 or a < b)
            out[(*(float(x) for x in middle), axis)] = (a, b, 1) if up else (b, a, -1)
    return out


def neighbours(faces):
    """Return point → the set of points one face edge away."""
    out = {}
    for face in faces:
        for a, b in zip(face, np.roll(face, -1), strict=True):
            out.setdefault(int(a), set()).add(int(b))
            out.setdefault(int(b), set()).add(int(a))
    return out


def smooth(corners, joined, iterations, step, reach):
    now = {p: np.array(c, dtype=float) for p, c in enumerate(corners)}
    for _ in range(iterations):
        then = {}
        for p, here in now.items():
            mean = sum(now[q] for q in joined[p]) / len(joined[p])
            moved = (1 - step) * here + step * mean
            then[p] = np.clip(moved, corners[p] - reach, corners[p] + reach)
        now = then
    return np.array([now[p] for p in range(len(corners))])


# ---------------------------------------------------------------------------------------------------- meshes


def triangles_of(faces, sides):
    for face, (left, entered) in zip(faces, sides, strict=True):
        for t in range(1, len(face) - 1):
            yield face[0], face[t], face[t + 1], int(left), int(entered)


def integrate(points, faces, sides, n_regions, origin):
    """Signed tetrahedra by determinants, areas by Heron's formula, area vectors by the shoelace in each plane."""
    volume = np.zeros(n_regions)
    moment = np.zeros((n_regions, 3))
    vector = np.zeros((n_regions, 3))
    contact = np.zeros((n_regions, n_regions))
    for p, q, r, left, entered in triangles_of(faces, sides):
        a, b, c = points[p] - origin, points[q] - origin, points[r] - origin
        tetra = np.linalg.det(np.array([a, b, c])) / 6
        x, y, z = (math.dist(*pair) for pair in ((a, b), (b, c), (c, a)))
        s = (x + y + z) / 2
        area = math.sqrt(max(s * (s - x) * (s - y) * (s - z), 0.0))
        shoelace = np.array(
            [
                sum(
                    0.5 * (m[(d + 1) % 3] * n[(d + 2) % 3] - m[(d + 2) % 3] * n[(d + 1) % 3])
                    for m, n in ((a, b), (b, c), (c, a))
                )
                for d in range(3)
            ]
        )
        for region, sign in ((left, 1), (entered, -1)):
            volume[region] += sign * tetra
            moment[region] += sign * tetra * (a + b + c) / 4
            vector[region] += sign * shoelace
        contact[left, entered] += area
        contact[entered, left] += area
    return volume, moment, vector, contact


def second_moments(points, faces, sides, n_regions, origin):
    """Return ∫ x xᵀ dV by the four-point rule that is exact for squares in a tetrahedron."""
    near, far = (5 - math.sqrt(5)) / 20, (5 + 3 * math.sqrt(5)) / 20
    out = np.zeros((n_regions, 3, 3))
    for p, q, r, left, entered in triangles_of(faces, sides):
        corners = np.array([np.zeros(3), points[p] - origin, points[q] - origin, points[r] - origin])
        volume = np.linalg.det(corners[1:]) / 6
        total = np.zeros((3, 3))
        for k in range(4):
            x = np.delete(corners, k, axis=0).sum(axis=0) * near + corners[k] * far
            total += volume / 4 * np.outer(x, x)
        out[left] += total
        out[entered] -= total
    return out


def behind_planes(corners, planes):
    """Return what of a convex solid, given by its corners, lies behind planes (unit normal, offset): its corners."""
    for normal, offset in planes:
        height = corners @ normal - offset
        kept = [p for p, h in zip(corners, height, strict=True) if h <= 0]
        for (p, g), (q, h) in itertools.combinations(zip(corners, height, strict=True), 2):
            if g * h < 0:
                kept.append(p + g / (g - h) * (q - p))
        corners = np.array(kept).reshape(-1, 3)
    return corners


def hull(points):
    """Return the volume of the convex hull in 3D, or its area in 2D; 0 where it is flat."""
    from scipy.spatial import ConvexHull, QhullError

    if len(points) <= points.shape[1]:
        return 0.0
    try:
        return float(ConvexHull(points).volume)
    except QhullError:
        return 0.0


def clip(points, faces, sides, n_regions, origin, planes):
    """Return volumes behind all of the planes: of each tetrahedron from the origin to a face, its convex part."""
    out = np.zeros(n_regions)
    for p, q, r, left, entered in triangles_of(faces, sides):
        corners = np.array([origin, points[p], points[q], points[r]])
        size = np.linalg.det(corners[1:] - origin)
        volume = math.copysign(hull(behind_planes(corners, planes)), size)
        out[left] += volume
        out[entered] -= volume
    return out


def section(points, faces, sides, n_regions, origin, normal, offset):
    """Return the areas of the plane in each region: of each tetrahedron from the origin to a face, its cut."""
    across = np.linalg.svd(np.asarray(normal)[None])[2][1:]
    out = np.zeros(n_regions)
    for p, q, r, left, entered in triangles_of(faces, sides):
        corners = np.array([origin, points[p], points[q], points[r]])
        height = corners @ normal - offset
        cut = [
            a + g / (g - h) * (b - a)
            for (a, g), (b, h) in itertools.combinations(zip(corners, height, strict=True), 2)
            if g * h < 0
        ]
        area = math.copysign(
            hull(np.array(cut).reshape(-1, 3) @ across.T), np.linalg.det(corners[1:] - origin)
        )
        out[left] += area
        out[entered] -= area
    return out


def directed_edge_balance(mesh, region):
    """Return how many directed edges of one region's surface lack their opposite; 0 for a closed surface."""
    balance = Counter()
    for face, (left, entered) in zip(mesh.faces, mesh.sides, strict=True):
        if left == entered or region not in (left, entered):
            continue
        sign = 1 if left == region else -1
        for a, b in zip(face, np.roll(face, -1), strict=True):
            a, b = int(a), int(b)
            balance[min(a, b), max(a, b)] += sign if a < b else -sign
    return sum(1 for v in balance.values() if v)


def winding_numbers(point, points, faces, sides, n_regions):
    """Return how often each region's surface winds around a point (1 inside, 0 outside), by solid angles."""
    p, q, r, left, entered = (np.array(x) for x in zip(*triangles_of(faces, sides), strict=True))
    a, b, c = points[p] - point, points[q] - point, points[r] - point
    la, lb, lc = (np.linalg.norm(v, axis=1) for v in (a, b, c))
    above = (a * np.cross(b, c)).sum(axis=1)
    below = la * lb * lc + (a * b).sum(axis=1) * lc + (b * c).sum(axis=1) * la + (c * a).sum(axis=1) * lb
    angle = 2 * np.arctan2(above, below)
    turned = [angle[left == region].sum() - angle[entered == region].sum() for region in range(n_regions)]
    return np.array(turned) / (4 * np.pi)


def scan_convert(points, faces, sides, shape, n_regions):
    """Return the region around whose voxel centre each region's surface winds once; 0 where none does."""
    out = np.zeros(shape, dtype=int)
    for v in itertools.product(*(range(n) for n in shape)):
        w = winding_numbers(np.array(v, float), points, faces, sides, n_regions)
        w[0] = 0
        assert np.all(np.minimum(abs(w), abs(w - 1)) < 1e-6)
        out[v] = int(np.argmax(w)) if w.max() > 0.5 else 0
    return out


def point_segment(p, a, b):
    length = float((b - a) @ (b - a))
    t = 0.0 if length == 0 else min(max(float((p - a) @ (b - a)) / length, 0.0), 1.0)
    return math.dist(p, a + t * (b - a))


def point_triangle(p, a, b, c):
    """Return the distance: to the plane when the foot lies in the triangle, else to the nearest edge."""
    edges = min(point_segment(p, a, b), point_segment(p, b, c), point_segment(p, c, a))
    normal = np.cross(b - a, c - a)
    size = float(np.linalg.norm(normal))
    if size < 1e-14:
        return edges
    normal = normal / size
    foot = p - ((p - a) @ normal) * normal
    sides = [float(np.cross(v - u, foot - u) @ normal) for u, v in ((a, b), (b, c), (c, a))]
    return abs(float((p - a) @ normal)) if min(sides) >= 0 else edges


def distance_to_surface(queries, points, triangles):
    return np.array([min(point_triangle(q, *points[t]) for t in triangles) for q in queries])


def nearest_label(sources, spacing, within):
    """Return label and distance of the nearest source of each voxel, the lowest label of those at one distance."""
    index = np.argwhere(sources)
    labels, distance = np.zeros(sources.shape, int), np.full(sources.shape, np.inf)
    for v in voxels(sources):
        if not within[v] or not len(index):
            continue
        away = ((index - v) * spacing) ** 2
        squared = away[:, 0] + (away[:, 1] + away[:, 2])
        labels[v] = sources[tuple(index[squared == squared.min()].T)].min()
        distance[v] = math.sqrt(squared.min())
    return labels, distance


# ---------------------------------------------------------------------------------------------------- wedges


def sweep(zone, inside, spacing, way_out, reach, pace):
    """Return the zone and every voxel from which the straight way back meets the zone before it leaves the liver.

    All voxels walk back together, one pace at a time; no voxel is spared the walk. Between voxels the zone is interpolated.
    """
    from scipy.ndimage import map_coordinates

    share = zone.astype(float)
    out = zone.copy()
    start = np.argwhere(inside & ~zone)
    here = start.astype(float)
    for _ in range(math.ceil(reach / pace)):
        here = here - np.array(way_out) * pace / spacing
        at = np.floor(here + 0.5).astype(int)
        walking = ((at >= 0) & (at < zone.shape)).all(axis=1)
        start, here, at = start[walking], here[walking], at[walking]
        met = map_coordinates(share, here.T, order=1, mode="nearest") >= 0.5
        out[tuple(start[met].T)] = True
        walking = inside[tuple(at.T)] & ~met
        start, here = start[walking], here[walking]
    return out


def bridge_over(remaining, liver, start, way_out, spacing, pace=0.25):
    """Return how many steps of a ray from `start` (voxels) to where it leaves the liver cross tissue that remains."""
    here = np.array(start, float)
    crossed = 0
    while True:
        here = here + np.array(way_out) * pace * min(spacing) / spacing
        w = tuple(np.floor(here + 0.5).astype(int))
        if any(i < 0 or i >= n for i, n in zip(w, liver.shape, strict=True)) or not liver[w]:
            return crossed
        crossed += bool(remaining[w])


def crossing_triangles(points, triangles, slack=1e-3):
    """Return the pairs of triangles that pass through each other, (k, 2): each edge against each triangle, all pairs.

    Pairs that share two corners are neighbours; of pairs that share one, only the edges across from it count.
    """
    out = []
    corners = [[tuple(points[v]) for v in t] for t in triangles]

    def pierces(p, q, a, b, c):
        normal = np.cross(np.subtract(b, a), np.subtract(c, a))
        length = np.linalg.norm(normal)
        if length == 0:
            return False
        above, below = (np.dot(normal, np.subtract(x, a)) / length for x in (p, q))
        if min(above, below) >= -slack or max(above, below) <= slack:
            return False
        x = np.add(p, above / (above - below) * np.subtract(q, p))
        sides = [
            np.dot(normal, np.cross(np.subtract(v, u), np.subtract(x, u)))
            for u, v in ((a, b), (b, c), (c, a))
        ]
        return min(sides) >= 0

    for i, s in enumerate(corners):
        for j in range(i + 1, len(corners)):
            t = corners[j]
            common = set(s) & set(t)
            if len(common) > 1:
                continue
            if (np.max(s, axis=0) < np.min(t, axis=0)).any() or (np.max(t, axis=0) < np.min(s, axis=0)).any():
                continue
            heights = []
            for u, v in ((s, t), (t, s)):
                normal = np.cross(np.subtract(u[1], u[0]), np.subtract(u[2], u[0]))
                heights.append([np.dot(normal, np.subtract(x, u[0])) / np.linalg.norm(normal) for x in v])
            if any(max(h) <= slack or min(h) >= -slack for h in heights):
                continue
            edges = [(x, y) for x, y in ((0, 1), (1, 2), (2, 0))]
            if any(
                pierces(u[x], u[y], *v)
                for u, v in ((s, t), (t, s))
                for x, y in edges
                if not common & {u[x], u[y]}
            ):
                out.append((i, j))
    return np.array(out, dtype=np.int64).reshape(-1, 2)


def least_margins(distance, inside, spacing, way_out, largest, depth, size):
    """Return the smallest margin at which a wedge takes each voxel, walking back from every one of them."""
    from scipy import ndimage

    pace = 0.9 * min(spacing)
    step = np.asarray(way_out) * pace / np.asarray(spacing)
    out = np.full(distance.shape, np.inf)
    for start in np.argwhere(inside):
        best = float(distance[tuple(start)])
        for n in range(1, int(np.ceil(np.sum(np.asarray(distance.shape) * spacing) / pace))):
            at = start - n * step
            nearest = np.floor(at + 0.5).astype(int)
            if (nearest < 0).any() or (nearest >= distance.shape).any() or not inside[tuple(nearest)]:
                break
            here = ndimage.map_coordinates(distance, at[:, None], order=1, mode="nearest")[0]
            best = min(best, max(float(here), 0.5 * (n * pace - depth) - size))
        if best <= largest:
            out[tuple(start)] = best
    return out


# ---------------------------------------------------------------------------------------------------- growth


def relaxation(start, target, tau, days):
    """Return target + (start - target) exp(-t / tau) on days 1 … `days`, one row a day, draw by draw."""
    return np.array(
        [
            [b + (a - b) * math.exp(-day / c) for a, b, c in zip(start, target, tau, strict=True)]
            for day in range(1, days + 1)
        ]
    )


def runge_kutta(slope, state, step, steps):
    """Return the state after `steps` steps of the classical rule of fourth order; slope(state) → list."""
    for _ in range(steps):
        a = slope(state)
        b = slope([y + step / 2 * k for y, k in zip(state, a, strict=True)])
        c = slope([y + step / 2 * k for y, k in zip(state, b, strict=True)])
        d = slope([y + step * k for y, k in zip(state, c, strict=True)])
        state = [
            y + step / 6 * (p + 2 * q + 2 * r + s) for y, p, q, r, s in zip(state, a, b, c, d, strict=True)
        ]
    return state


def cell_slopes(state, c, load, death):
    """Return the hourly change of a liver's signals and cells; c: the constants by id, without their first word.

    Each signal is written as made by what it depends on, at a constant rate besides, and cleared; the constant rates are
    those that hold the intact liver (signals 1, all cells quiescent) still.
    """
    burden = load * c["metabolic_load"]

    def jak_made(cytokine):
        return c["jak.rate"] * cytokine / (c["jak.half"] + cytokine)

    def stat3_made(jak, socs3):
        squared = c["stat3.pool"] ** 2
        return (
            c["stat3.rate"]
            * squared
            * jak
            / (squared + c["stat3.half"] * (1 + socs3 / c["socs3.inhibition"]))
        )

    def socs3_made(stat3):
        return c["socs3.rate"] * stat3 / (stat3 + c["socs3.half"])

    def genes_made(stat3):
        return c["genes.rate"] * stat3 / (stat3 + c["genes.half"])

    def change(cytokine, jak, stat3, socs3, matrix, genes, factor, n):
        return [
            c["cytokine.production"] * burden / n - jak_made(cytokine) - c["cytokine.decay"] * cytokine,
            jak_made(cytokine) - c["jak.decay"] * jak,
            stat3_made(jak, socs3) - genes_made(stat3) - socs3_made(stat3) - c["stat3.decay"] * stat3,
            socs3_made(stat3) - c["socs3.decay"] * socs3,
            -c["matrix.degradation"] * cytokine * matrix - c["matrix.decay"] * matrix,
            genes_made(stat3) - c["genes.decay"] * genes,
            c["growth_factor.production"] * burden / n
            - c["growth_factor.uptake"] * factor * matrix
            - c["growth_factor.decay"] * factor,
        ]

    *signals, q, p, r = state
    n = q + p + r
    held = change(1, 1, 1, 1, 1, 1, 1, 1)
    signal_slopes = [now - then for now, then in zip(change(*signals, n), held, strict=True)]
    matrix, genes, factor = signals[4:]
    at_rest = (1 + math.tanh((c["requiescence.threshold"] - factor) / c["requiescence.width"])) / 2
    few = (1 + math.tanh((c["apoptosis.threshold"] - n) / c["apoptosis.width"])) / 2
    to_p, to_r = c["priming"] * (genes - 1) * q, c["replication_entry"] * (factor - 1) * p
    from_p, from_r = c["requiescence.rate"] * at_rest * p, c["replication_exit"] * matrix * r
    lost = death * c["apoptosis.rate"] * few
    return [
        *signal_slopes,
        from_r + from_p - to_p - lost * q,
        to_p - to_r - from_p - lost * p,
        to_r - from_r + c["replication"] * r - lost * r,
    ]
