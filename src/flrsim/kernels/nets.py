"""Label map to interface mesh: one point a voxel corner, one quad a voxel face between two labels.

Unsmoothed, the mesh is the voxels' own surface, so its volumes are the voxels' to the last digit. It is
closed around every label because each wall is stored once and each corner has one point; smoothing moves
points and keeps both.

The kernels read a padded map: labels (nx, ny, nz) within one layer of zeros, its rows lengthened by zeros to
whole words of eight bytes, so (nx + 2, ny + 2, 8 or 4 times n_words). Corner (i, j, k) lies half a voxel
below voxel (i, j, k) along each axis; the padded voxels around it are i and i + 1, j and j + 1, k and k + 1.
Planes are planes of corners, 0 … nx. Points are numbered by (i, j, k), faces by (i, j), axis and k: equal
labels follow each other, and no number depends on how planes are shared out to threads.
"""

from __future__ import annotations

import numpy as np

from flrsim.kernels import kernel
from flrsim.kernels.words import bits_of, load_word, lowest_bit, set_bits


@kernel
def _shifted(word, before, bits):
    """Return the word whose every label is the one before it in the row."""
    return (word << np.uint64(bits)) | (before >> np.uint64(64 - bits))


@kernel
def _how_many(word, bits):
    """Return how many labels of a word are not zero."""
    low = np.uint64(0x7F7F7F7F7F7F7F7F) if bits == 8 else np.uint64(0x7FFF7FFF7FFF7FFF)
    return set_bits((((word & low) + low) | word) & ~low)


@kernel
def count_planes(padded, start, stop):
    """Return the numbers of points and faces of the corner planes start … stop - 1: two (stop - start,) int64."""
    _, py, pz = padded.shape
    flat = padded.reshape(-1)
    bits = bits_of(flat)
    per = 64 // bits
    points = np.zeros(stop - start, np.int64)
    faces = np.zeros(stop - start, np.int64)
    for i in range(start, stop):
        n_points = 0
        n_faces = 0
        for j in range(py - 1):
            here = ((i + 1) * py + j + 1) * pz
            left = (i * py + j + 1) * pz
            front = here - pz
            word_before = np.uint64(0)
            around_before = np.uint64(0)
            for k in range(0, pz, per):
                word = load_word(flat, here + k)
                x = word ^ load_word(flat, left + k)
                y = word ^ load_word(flat, front + k)
                around = x | y | (word ^ load_word(flat, left - pz + k))
                z = word ^ _shifted(word, word_before, bits)
                used = around | z | _shifted(around, around_before, bits)
                word_before = word
                around_before = around
                if used != 0:
                    n_points += _how_many(used, bits)
                    n_faces += _how_many(x, bits) + _how_many(y, bits) + _how_many(z, bits)
        points[i - start] = n_points
        faces[i - start] = n_faces
    return points, faces


@kernel
def _number_plane(padded, i, n, index, corners):
    """Give the points of corner plane i numbers from n on and write their corners; index : (ny + 1, pz) int32."""
    _, py, pz = padded.shape
    flat = padded.reshape(-1)
    bits = bits_of(flat)
    per = 64 // bits
    item = (np.uint64(1) << np.uint64(bits)) - np.uint64(1)
    for j in range(py - 1):
        here = ((i + 1) * py + j + 1) * pz
        left = (i * py + j + 1) * pz
        word_before = np.uint64(0)
        around_before = np.uint64(0)
        for k in range(0, pz, per):
            word = load_word(flat, here + k)
            around = word ^ load_word(flat, left + k)
            around |= word ^ load_word(flat, here - pz + k)
            around |= word ^ load_word(flat, left - pz + k)
            used = around | (word ^ _shifted(word, word_before, bits)) | _shifted(around, around_before, bits)
            word_before = word
            around_before = around
            while used != 0:
                t = lowest_bit(used) // bits
                used &= ~(item << np.uint64(t * bits))
                index[j, k + t - 1] = n
                corners[n, 0] = i
                corners[n, 1] = j
                corners[n, 2] = k + t - 1
                n += 1


@kernel
def _join(joined, a, b, axis):
    """Note that point b is one corner up the axis from point a."""
    joined[a, 3 + axis] = b
    joined[b, axis] = a


@kernel
def _emit(faces, sides, joined, m, a, b, c, d, axis, below, above):
    """Write face m with corners a, b, c, d in turn, so that its normal points up the axis, or turned over."""
    if below == 0 or (above != 0 and above < below):
        faces[m, 0], faces[m, 1], faces[m, 2], faces[m, 3] = d, c, b, a
        sides[m, 0], sides[m, 1] = above, below
    else:
        faces[m, 0], faces[m, 1], faces[m, 2], faces[m, 3] = a, b, c, d
        sides[m, 0], sides[m, 1] = below, above
    if joined.shape[0] > 0:
        u = (axis + 1) % 3
        v = (axis + 2) % 3
        _join(joined, a, b, u)
        _join(joined, b, c, v)
        _join(joined, d, c, u)
        _join(joined, a, d, v)


@kernel
def fill_planes(padded, first_point, first_face, corners, faces, sides, joined, start, stop):
    """Write the points and faces of the corner planes start … stop - 1.

    first_point, first_face : (nx + 1,) int64, the number at which each plane begins.
    corners : (n, 3) int32; faces : (m, 4) int64; sides : (m, 2) uint16, the label the face's normal
    (right-hand rule, det(affine) > 0) leaves and the one it enters. The side left is never 0 and, between two
    labels, the smaller one.
    joined : (n, 6) uint32, or (0, 6) when it is not wanted; the points one face edge down and up each axis;
    what is not written stays.
    """
    px, py, pz = padded.shape
    flat = padded.reshape(-1)
    bits = bits_of(flat)
    per = 64 // bits
    item = (np.uint64(1) << np.uint64(bits)) - np.uint64(1)
    index = np.zeros((2, py - 1, pz), np.int32)
    if start < stop:
        _number_plane(padded, start, first_point[start], index[start % 2], corners)
    for i in range(start, stop):
        near = index[i % 2]
        far = index[1 - i % 2]
        if i + 2 < px:
            _number_plane(padded, i + 1, first_point[i + 1], far, corners)
        m = first_face[i]
        for j in range(py - 1):
            here = ((i + 1) * py + j + 1) * pz
            for axis in range(3):
                before = np.uint64(0)
                for k in range(0, pz, per):
                    word = load_word(flat, here + k)
                    if axis == 0:
                        other = load_word(flat, here - py * pz + k)
                    elif axis == 1:
                        other = load_word(flat, here - pz + k)
                    else:
                        other = _shifted(word, before, bits)
                        before = word
                    differs = word ^ other
                    while differs != 0:
                        shift = np.uint64(lowest_bit(differs) // bits * bits)
                        differs &= ~(item << shift)
                        c = k + np.int64(shift) // bits - 1
                        above = np.int64((word >> shift) & item)
                        below = np.int64((other >> shift) & item)
                        a = near[j, c]
                        if axis == 0:
                            p, q, r = near[j + 1, c], near[j + 1, c + 1], near[j, c + 1]
                        elif axis == 1:
                            p, q, r = near[j, c + 1], far[j, c + 1], far[j, c]
                        else:
                            p, q, r = far[j, c], far[j + 1, c], near[j + 1, c]
                        _emit(faces, sides, joined, m, a, p, q, r, axis, below, above)
                        m += 1


@kernel
def smooth_step(now, then, joined, step, reach, start, stop):
    """Move points start … stop - 1 by one step of Laplacian smoothing.

    now, then : (n, 3) float64, how far each point lies from its corner, in voxels; read and written.
    joined : (n, 6) uint32, the points one face edge down x, y, z and up x, y, z; a point itself where there
    is none.
    step : fraction of the way to the neighbours' mean; reach : the farthest a point may move along each axis.
    """
    for p in range(start, stop):
        a, b, c = joined[p, 0], joined[p, 1], joined[p, 2]
        d, e, f = joined[p, 3], joined[p, 4], joined[p, 5]
        me = np.uint32(p)
        down_x, down_y, down_z = np.int64(a != me), np.int64(b != me), np.int64(c != me)
        up_x, up_y, up_z = np.int64(d != me), np.int64(e != me), np.int64(f != me)
        share = step / (down_x + down_y + down_z + up_x + up_y + up_z)
        x, y, z = now[p, 0], now[p, 1], now[p, 2]
        # A neighbour's corner lies one voxel away, which pulls along that axis too; a point without a
        # neighbour there is its own and pulls nothing.
        pull_x = (now[a, 0] + now[d, 0]) + (now[b, 0] + now[e, 0]) + (now[c, 0] + now[f, 0]) - 6.0 * x
        pull_y = (now[a, 1] + now[d, 1]) + (now[b, 1] + now[e, 1]) + (now[c, 1] + now[f, 1]) - 6.0 * y
        pull_z = (now[a, 2] + now[d, 2]) + (now[b, 2] + now[e, 2]) + (now[c, 2] + now[f, 2]) - 6.0 * z
        then[p, 0] = min(max(x + share * (pull_x + (up_x - down_x)), -reach), reach)
        then[p, 1] = min(max(y + share * (pull_y + (up_y - down_y)), -reach), reach)
        then[p, 2] = min(max(z + share * (pull_z + (up_z - down_z)), -reach), reach)


@kernel
def place(corners, moves, affine, points, start, stop):
    """Write where points start … stop - 1 lie in the world.

    corners : (n, 3) int32; moves : (n, 3) float64, voxels, or (0, 3) for none; affine : (4, 4) float64, voxel
    indices to mm; points : (n, 3) float64, mm, written.
    """
    for p in range(start, stop):
        # A corner lies half a voxel below its voxel's centre.
        x, y, z = corners[p, 0] - 0.5, corners[p, 1] - 0.5, corners[p, 2] - 0.5
        if moves.shape[0] > 0:
            x += moves[p, 0]
            y += moves[p, 1]
            z += moves[p, 2]
        for d in range(3):
            points[p, d] = affine[d, 0] * x + affine[d, 1] * y + affine[d, 2] * z + affine[d, 3]
