"""Passes over label maps: counts and boxes, tissue combination, pieces, face contacts."""

from __future__ import annotations

import numpy as np

from flrsim.kernels import kernel


@kernel
def bounding_box(labels):
    """Return the first and last index along each axis with a label: (2, 3) int64, -1 if empty.

    labels : (nx, ny, nz) unsigned integers, contiguous along the last axis.
    """
    nx, ny, nz = labels.shape
    box = np.full((2, 3), -1, np.int64)
    for i in range(nx):
        for j in range(ny):
            row = labels[i, j]
            first = -1
            any_label = row[0] * 0
            for k in range(nz):
                any_label |= row[k]
            if any_label == 0:
                continue
            for k in range(nz):
                if row[k] != 0:
                    first = k
                    break
            last = first
            for k in range(nz - 1, first - 1, -1):
                if row[k] != 0:
                    last = k
                    break
            if box[0, 0] < 0:
                box[0, 0] = i
                box[0, 1] = j
                box[0, 2] = first
                box[1, 1] = j
                box[1, 2] = last
            box[1, 0] = i
            box[0, 1] = min(box[0, 1], j)
            box[1, 1] = max(box[1, 1], j)
            box[0, 2] = min(box[0, 2], first)
            box[1, 2] = max(box[1, 2], last)
    return box


@kernel
def count_labels(labels, n_labels):
    """Return how many voxels carry each label: (n_labels,) int64; labels at or above n_labels are not counted."""
    counts = np.zeros(n_labels, np.int64)
    flat = labels.reshape(-1)
    for v in range(flat.size):
        label = np.int64(flat[v])
        if label < n_labels:
            counts[label] += 1
    return counts


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
def refine_pieces(pieces, members, n_pieces):
    """Split pieces by one more cut, in place.

    pieces : (n_voxels,) int32, piece of each voxel; overwritten.
    members : (n_voxels,) bool, the voxels inside the cut.
    Returns the parent of each piece, (n_new,) int32, and whether it is inside the cut, (n_new,) bool. Pieces
    keep the order of their parents, outside before inside.
    """
    counts = np.zeros((n_pieces, 2), np.int64)
    for v in range(pieces.size):
        counts[pieces[v], np.int64(members[v])] += 1
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
    for v in range(pieces.size):
        pieces[v] = new_id[pieces[v], np.int64(members[v])]
    return parent, inside


@kernel
def face_contacts(labels, n_labels):
    """Return the number of voxel faces between each pair of labels, by axis: (3, n_labels, n_labels) int64.

    Symmetric; faces on the edge of the array are not counted.
    """
    nx, ny, nz = labels.shape
    out = np.zeros((3, n_labels, n_labels), np.int64)
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                a = np.int64(labels[i, j, k])
                if i + 1 < nx:
                    b = np.int64(labels[i + 1, j, k])
                    if a != b:
                        out[0, a, b] += 1
                        out[0, b, a] += 1
                if j + 1 < ny:
                    b = np.int64(labels[i, j + 1, k])
                    if a != b:
                        out[1, a, b] += 1
                        out[1, b, a] += 1
                if k + 1 < nz:
                    b = np.int64(labels[i, j, k + 1])
                    if a != b:
                        out[2, a, b] += 1
                        out[2, b, a] += 1
    return out


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
