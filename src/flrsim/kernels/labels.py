"""Passes over label maps: one-pass statistics, tissue combination, pieces, faces between sides."""

from __future__ import annotations

import numpy as np

from flrsim.kernels import kernel
from flrsim.kernels.words import bits_of, load_word, lowest_bit


@kernel
def _row_word(flat, base, k, nz):
    """Return the labels k, k + 1 … of the row that begins at `base`, one word; zeros beyond the row's end."""
    bits = bits_of(flat)
    per = 64 // bits
    if k + per <= nz:
        return load_word(flat, base + k)
    end = base + nz - per
    if end >= 0:
        return load_word(flat, end) >> np.uint64(bits * (k + per - nz))
    word = np.uint64(0)
    for t in range(nz - k):
        word |= np.uint64(flat[base + k + t]) << np.uint64(bits * t)
    return word


@kernel
def _row_extents(flat, plane, ny, nz, first, last):
    """Write the first word and the end of the last word that hold a label, for every row of a plane.

    An empty row has its end at 0. Returns whether any row holds a label.
    """
    per = 64 // bits_of(flat)
    full = nz // per
    words = (nz + per - 1) // per
    # Eight rows at a time: the longer the stretch, the closer to the speed of memory.
    together = 8
    found = False
    for block in range(0, ny, together):
        until = min(block + together, ny)
        base = (plane * ny + block) * nz
        n = (until - block) * nz
        any_label = np.uint64(0)
        for w in range(n // per):
            any_label |= load_word(flat, base + w * per)
        for k in range(n // per * per, n):
            any_label |= np.uint64(flat[base + k])
        for j in range(block, until):
            first[j] = words
            last[j] = 0
        if any_label == 0:
            continue
        found = True
        for j in range(block, until):
            base = (plane * ny + j) * nz
            w = 0
            while w < full and load_word(flat, base + w * per) == 0:
                w += 1
            if w == full and (words == full or _row_word(flat, base, w * per, nz) == 0):
                continue
            first[j] = w
            w = words - 1
            while _row_word(flat, base, w * per, nz) == 0:
                w -= 1
            last[j] = w + 1
    return found


@kernel
def _count_differences(one, two, bits, item, contacts):
    """Count the pairs of different labels at the same place of two words."""
    differs = one ^ two
    n = contacts.shape[0]
    while differs != 0:
        shift = np.uint64(lowest_bit(differs) // bits * bits)
        a = np.int64((one >> shift) & item)
        b = np.int64((two >> shift) & item)
        if a < n and b < n:
            contacts[a, b] += 1
        differs &= ~(item << shift)


@kernel
def statistics(labels, n_labels, n_contacts, start, stop):
    """Return what one pass over the planes start … stop - 1 of a label map gives for every label but 0.

    labels : (nx, ny, nz) uint8 or uint16, contiguous along the last axis.
    Rows without a label are passed over eight bytes at a time; in the others work is done only where a label
    begins or ends, or differs from the row beside it.

    Returns counts (n_labels,), boxes (n_labels, 2, 3), first and last index along each axis or -1, sums of
    the indices (n_labels, 3), faces (3, n_contacts, n_contacts) by axis, from the lower to the higher index,
    the face to plane `stop` included, and the largest label. All int64. Labels from n_labels on are only seen
    in the largest; contacts from n_contacts on are not counted.
    """
    nx, ny, nz = labels.shape
    flat = labels.reshape(-1)
    bits = bits_of(flat)
    per = 64 // bits
    item = (np.uint64(1) << np.uint64(bits)) - np.uint64(1)
    full = nz // per
    counts = np.zeros(n_labels, np.int64)
    sums = np.zeros((n_labels, 3), np.int64)
    boxes = np.full((n_labels, 2, 3), -1, np.int64)
    faces = np.zeros((3, n_contacts, n_contacts), np.int64)
    largest = np.int64(0)
    first = np.zeros((2, ny + 1), np.int64)
    last = np.zeros((2, ny + 1), np.int64)
    found = np.zeros(2, np.bool_)
    if start < stop:
        found[start % 2] = _row_extents(flat, start, ny, nz, first[start % 2], last[start % 2])
    for i in range(start, stop):
        here = i % 2
        beyond = 1 - here
        aside = n_contacts > 0 and i + 1 < nx
        found[beyond] = False
        if aside or i + 1 < stop:
            found[beyond] = _row_extents(flat, i + 1, ny, nz, first[beyond], last[beyond])
        if not found[here] and not (aside and found[beyond]):
            continue
        for j in range(ny):
            begin, end = first[here, j], last[here, j]
            base = (i * ny + j) * nz
            beside = base
            behind = base
            if aside and last[beyond, j] > 0:
                begin, end = min(begin, first[beyond, j]), max(end, last[beyond, j])
            if n_contacts > 0 and j + 1 < ny and last[here, j + 1] > 0:
                begin, end = min(begin, first[here, j + 1]), max(end, last[here, j + 1])
            if begin >= end:
                continue
            if aside:
                beside = base + ny * nz
            if n_contacts > 0 and j + 1 < ny:
                behind = base + nz
            label = np.int64(0)
            since = begin * per
            before = np.uint64(0)
            for w in range(begin, end):
                k = w * per
                if w < full:
                    word = load_word(flat, base + k)
                    other = load_word(flat, beside + k)
                    third = load_word(flat, behind + k)
                    changes = word ^ ((word << np.uint64(bits)) | before)
                else:
                    word = _row_word(flat, base, k, nz)
                    other = _row_word(flat, beside, k, nz)
                    third = _row_word(flat, behind, k, nz)
                    changes = word ^ ((word << np.uint64(bits)) | before)
                    changes &= (np.uint64(1) << np.uint64(bits * (nz - k))) - np.uint64(1)
                before = word >> np.uint64(64 - bits)
                if (changes | (word ^ other) | (word ^ third)) == 0:
                    continue
                _count_differences(word, other, bits, item, faces[0])
                _count_differences(word, third, bits, item, faces[1])
                while changes != 0:
                    shift = np.uint64(lowest_bit(changes) // bits * bits)
                    changes &= ~(item << shift)
                    at = k + np.int64(shift) // bits
                    now = np.int64((word >> shift) & item)
                    if at > 0 and label < n_contacts and now < n_contacts:
                        faces[2, label, now] += 1
                    _close_run(counts, sums, boxes, label, i, j, since, at)
                    largest = max(largest, now)
                    label = now
                    since = at
            if label != 0:
                # Beyond the last word of a row there is the outside, or the end of the array.
                at = min(end * per, nz)
                if at < nz and label < n_contacts:
                    faces[2, label, 0] += 1
                _close_run(counts, sums, boxes, label, i, j, since, at)
    return counts, boxes, sums, faces, largest


@kernel
def _close_run(counts, sums, boxes, label, i, j, begin, end):
    """Add the voxels begin … end - 1 of row (i, j) to their label."""
    n = end - begin
    if label == 0 or label >= counts.size or n <= 0:
        return
    # An unsigned index spares the test for a negative one.
    label = np.uint64(label)
    if counts[label] == 0:
        boxes[label, 0, 0], boxes[label, 0, 1], boxes[label, 0, 2] = i, j, begin
        boxes[label, 1, 0], boxes[label, 1, 1], boxes[label, 1, 2] = i, j, end - 1
    else:
        boxes[label, 1, 0] = i
        boxes[label, 0, 1] = min(boxes[label, 0, 1], j)
        boxes[label, 1, 1] = max(boxes[label, 1, 1], j)
        boxes[label, 0, 2] = min(boxes[label, 0, 2], begin)
        boxes[label, 1, 2] = max(boxes[label, 1, 2], end - 1)
    counts[label] += n
    sums[label, 0] += n * i
    sums[label, 1] += n * j
    sums[label, 2] += n * (begin + end - 1) // 2


@kernel
def count_pairs(first, second, n_first, n_second):
    """Return how many voxels carry each pair of labels: (n_first, n_second) int64. Arrays of one shape."""
    counts = np.zeros((n_first, n_second), np.int64)
    a = first.reshape(-1)
    b = second.reshape(-1)
    for v in range(a.size):
        counts[np.int64(a[v]), np.int64(b[v])] += 1
    return counts


@kernel
def combine(segments, tissues, region_of):
    """Return the region id of each voxel, region_of[segment, tissue], as uint16. Arrays of one shape."""
    out = np.empty(segments.size, np.uint16)
    a = segments.reshape(-1)
    b = tissues.reshape(-1)
    for v in range(a.size):
        out[v] = region_of[np.int64(a[v]), np.int64(b[v])]
    return out.reshape(segments.shape)


@kernel
def look_up(labels, values, out):
    """Write the value of each voxel's label: out[v] = values[labels[v]]. labels and out : (n,)."""
    for v in range(labels.size):
        out[v] = values[np.int64(labels[v])]


@kernel
def nearest_outside(labels, own, low, centre, spacing):
    """Return the voxel nearest to a place whose label is none of `own`, (3,) int64 or -1, and how far it is, mm.

    labels : (nx, ny, nz), a part of a map that begins at its voxel `low`; own : (n_labels,) bool; centre : (3,) voxels of the
    map, as is what is returned. Of voxels as far the first is taken.
    """
    nx, ny, nz = labels.shape
    at = np.full(3, -1, np.int64)
    best = np.inf
    for i in range(nx):
        x = ((i + low[0]) - centre[0]) * spacing[0]
        for j in range(ny):
            y = ((j + low[1]) - centre[1]) * spacing[1]
            if np.sqrt(x * x + y * y) > best:
                continue
            for k in range(nz):
                if not own[labels[i, j, k]]:
                    z = ((k + low[2]) - centre[2]) * spacing[2]
                    distance = np.sqrt(x * x + y * y + z * z)
                    if distance < best:
                        best = distance
                        at[0], at[1], at[2] = i + low[0], j + low[1], k + low[2]
    return at, best


@kernel
def add_places(places, voxels, section, label, n_places, shift):
    """Make each voxel's number say what it hangs on in one more tree: places[v] = places[v] * n_places + its place there.

    places : (n,) int64, changed; voxels : (n,) flat indices; section, label : of the flat grid; a place is the section + shift
    where there is one, else the label.
    """
    for v in range(voxels.size):
        at = voxels[v]
        own = np.int64(section[at])
        places[v] = places[v] * n_places + (own + shift if own > 0 else np.int64(label[at]))


@kernel
def count_places(region, places, asked, n_places):
    """Return how many voxels of each region lie at each place: (n_regions, n_places) int64.

    region, places : (n,); asked : (n_regions,) bool, the regions that are counted.
    """
    counts = np.zeros((len(asked), n_places), np.int64)
    for v in range(region.size):
        if asked[region[v]]:
            counts[region[v], places[v] if places.size > 0 else 0] += 1
    return counts


@kernel
def refine_pieces(pieces, members, n_pieces):
    """Split pieces by one more cut, in place.

    pieces : (n_voxels,) int32, piece of each voxel; overwritten.
    members : (n_voxels,) bool, the voxels inside the cut.
    Returns the parent of each piece, (n_new,) int32, and whether it is inside the cut, (n_new,) bool. Pieces
    keep the order of their parents, outside before inside.
    """
    counts = np.zeros((n_pieces, 2), np.int64)
    # Neighbours in a row mostly lie in one piece: whole runs are added, and looked up once.
    piece, side, since = np.int32(0), False, 0
    for v in range(pieces.size):
        if pieces[v] != piece or members[v] != side:
            counts[piece, np.int64(side)] += v - since
            piece, side, since = pieces[v], members[v], v
    if pieces.size > 0:
        counts[piece, np.int64(side)] += pieces.size - since
    new_id = np.full((n_pieces, 2), -1, np.int32)
    n_new = 0
    for p in range(n_pieces):
        for side in range(2):
            if counts[p, side] > 0:
                new_id[p, side] = n_new
                n_new += 1
    parent = np.empty(n_new, np.int32)
    inside = np.empty(n_new, np.bool_)
    for p in range(n_pieces):
        for side in range(2):
            if new_id[p, side] >= 0:
                parent[new_id[p, side]] = p
                inside[new_id[p, side]] = side == 1
    piece, side, new = np.int32(-1), False, np.int32(0)
    for v in range(pieces.size):
        if pieces[v] != piece or members[v] != side:
            piece, side = pieces[v], members[v]
            new = new_id[piece, np.int64(side)]
        pieces[v] = new
    return parent, inside


@kernel
def faces_between(labels, side_of):
    """Return the midpoints of the voxel faces between two sides, in voxels: (n, 3) float64.

    labels : (nx, ny, nz); side_of : (n_labels,) uint8, 1 or 2 for the two sides, 0 for neither.
    """
    nx, ny, nz = labels.shape
    n = 0
    out = np.empty((0, 3), np.float64)
    for fill in range(2):
        if fill == 1:
            out = np.empty((n, 3), np.float64)
            n = 0
        for i in range(nx):
            for j in range(ny):
                for k in range(nz):
                    a = side_of[labels[i, j, k]]
                    if a == 0:
                        continue
                    for axis in range(3):
                        x = i + (axis == 0)
                        y = j + (axis == 1)
                        z = k + (axis == 2)
                        if x >= nx or y >= ny or z >= nz:
                            continue
                        b = side_of[labels[x, y, z]]
                        if a + b == 3:
                            if fill == 1:
                                out[n, 0] = 0.5 * (i + x)
                                out[n, 1] = 0.5 * (j + y)
                                out[n, 2] = 0.5 * (k + z)
                            n += 1
    return out


@kernel
def wall_box(labels):
    """Return the first and last voxel along each axis at the wall of labels 1 and 2: (2, 3), or -1.

    labels : (nx, ny, nz) unsigned integers.
    """
    nx, ny, nz = labels.shape
    box = np.full((2, 3), -1, np.int64)
    for i in range(nx):
        for j in range(ny):
            here = labels[i, j]
            beside = labels[min(i + 1, nx - 1), j]
            behind = labels[i, min(j + 1, ny - 1)]
            for k in range(nz):
                a = here[k]
                if a != 1 and a != 2:
                    continue
                other = 3 - a
                if beside[k] != other and behind[k] != other and here[min(k + 1, nz - 1)] != other:
                    continue
                if box[0, 0] < 0:
                    box[0, 0], box[0, 1], box[0, 2] = i, j, k
                    box[1, 0], box[1, 1], box[1, 2] = i, j, k
                box[0, 1] = min(box[0, 1], j)
                box[0, 2] = min(box[0, 2], k)
                box[1, 0] = max(box[1, 0], min(i + 1, nx - 1))
                box[1, 1] = max(box[1, 1], min(j + 1, ny - 1))
                box[1, 2] = max(box[1, 2], min(k + 1, nz - 1))
    return box
