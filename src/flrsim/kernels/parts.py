"""Separate parts of a mask: which voxels hang together, and by how much."""

from __future__ import annotations

import numpy as np

from flrsim.kernels import kernel
from flrsim.kernels.words import load_word, lowest_bit


@kernel
def _root(parent, v):
    while parent[v] != v:
        parent[v] = parent[parent[v]]
        v = parent[v]
    return v


@kernel
def _join(parent, a, b):
    a = _root(parent, a)
    b = _root(parent, b)
    if a < b:
        parent[b] = a
    elif b < a:
        parent[a] = b


@kernel
def _row_ends(mask):
    """Return the first voxel of a mask in each of its rows and the one after the last: (nx * ny, 2) int64, 0 and 0 in an empty row."""
    nx, ny, nz = mask.shape
    flat = mask.reshape(-1)
    full = nz // 8 * 8
    out = np.zeros((nx * ny, 2), np.int64)
    for row in range(nx * ny):
        base = row * nz
        k = 0
        while k < full and load_word(flat, base + k) == 0:
            k += 8
        while k < nz and not flat[base + k]:
            k += 1
        if k == nz:
            continue
        out[row, 0] = k
        k = nz
        while k % 8 > 0 and not flat[base + k - 1]:
            k -= 1
        if k % 8 == 0:
            while load_word(flat, base + k - 8) == 0:
                k -= 8
        while not flat[base + k - 1]:
            k -= 1
        out[row, 1] = k
    return out


@kernel
def _bridge_runs(mask, ends):
    """Return the stretches of a mask's blocks along k, and which of them hang together.

    mask : (nx, ny, nz) bool; ends : as `_row_ends` gives them.
    A stretch is the blocks 2 × 2 × 2 in the mask that begin at (i, j, start) … (i, j, stop - 2): it holds the voxels
    start … stop - 1 of four rows. Returns the first stretch of each row, (nx * ny + 1,); start and stop, (n, 2); and the first
    stretch of the part that each belongs to, (n,) int32. Blocks of one part share faces.
    """
    nx, ny, nz = mask.shape
    flat = mask.reshape(-1)
    first = np.zeros(nx * ny + 1, np.int64)
    runs = np.empty((1024, 2), np.int64)
    parent = np.empty(1024, np.int32)
    n = 0
    for row in range(nx * ny):
        first[row] = n
        if row // ny == nx - 1 or row % ny == ny - 1:
            continue
        low = max(max(ends[row, 0], ends[row + 1, 0]), max(ends[row + ny, 0], ends[row + ny + 1, 0]))
        high = min(min(ends[row, 1], ends[row + 1, 1]), min(ends[row + ny, 1], ends[row + ny + 1, 1]))
        a = row * nz
        b = a + nz
        c = a + ny * nz
        d = c + nz
        since = np.int64(-1)
        k = low
        while k <= high:
            here = False
            step = np.int64(1)
            if k + 8 <= high:
                word = load_word(flat, a + k) & load_word(flat, b + k)
                word &= load_word(flat, c + k) & load_word(flat, d + k)
                # Eight voxels at a time, up to the next that is other than the one before.
                here = word & np.uint64(1) != 0
                differs = word ^ np.uint64(0x0101010101010101) if here else word
                step = np.int64(8) if differs == 0 else lowest_bit(differs) // 8
            elif k < high:
                here = flat[a + k] and flat[b + k] and flat[c + k] and flat[d + k]
            if here and since < 0:
                since = k
            if not here and since >= 0:
                if k - since > 1:
                    if n == len(parent):
                        longer = np.empty((2 * n, 2), np.int64)
                        longer[:n] = runs
                        runs = longer
                        more = np.empty(2 * n, np.int32)
                        more[:n] = parent
                        parent = more
                    runs[n, 0] = since
                    runs[n, 1] = k
                    parent[n] = n
                    n += 1
                since = np.int64(-1)
            k += step
        for beside in (row - 1, row - ny):
            if n == first[row] or beside < 0 or (beside == row - 1 and row % ny == 0):
                continue
            one, other = first[row], first[beside]
            until = first[beside + 1]
            while one < n and other < until:
                # The last voxel of a stretch begins no block.
                if max(runs[one, 0], runs[other, 0]) < min(runs[one, 1], runs[other, 1]) - 1:
                    _join(parent, one, other)
                if runs[one, 1] < runs[other, 1]:
                    one += 1
                else:
                    other += 1
    first[nx * ny] = n
    # A parent comes before its child, so one pass brings every stretch to its root.
    for run in range(n):
        parent[run] = parent[parent[run]]
    return first, runs[:n], parent[:n]


@kernel
def _lower(values, most):
    """Bring values down to `most`, in place. A loop of its own over a slice runs several values at a time."""
    for k in range(len(values)):
        values[k] = min(values[k], most)


@kernel
def _put_parts(out, best, mask, none):
    """Write one more than `best` where it is not `none`, else 0; return how many voxels of the mask have none."""
    n = 0
    for k in range(len(out)):
        out[k] = best[k] + 1 if best[k] < none else 0
        n += mask[k] and best[k] == none
    return n


@kernel
def parts_by_bridge(mask):
    """Return the part of each voxel of a mask, parts that only a thin bridge joins being two: (nx, ny, nz) int32.

    mask : (nx, ny, nz) bool. Parts are numbered from 1 in the order of their first voxel; 0 outside the mask.
    Blocks of 2 × 2 × 2 voxels that lie in the mask and share a face of 2 × 2 voxels are one part: a bridge
    counts when it is two voxels thick both ways. A voxel in no block belongs to the part that it touches face
    to face, directly or through others like it; what touches none is a part of its own.
    """
    nx, ny, nz = mask.shape
    ends = _row_ends(mask)
    first, runs, parent = _bridge_runs(mask, ends)
    n_runs = len(parent)
    strides = (ny * nz, nz, 1)
    # Every voxel of a block takes its part, one more than its first stretch; where blocks of two parts share a
    # voxel, the earlier part has it. What lies in no block is noted.
    part = np.zeros(nx * ny * nz, np.int32)
    best = np.empty(nz, np.int32)
    none = np.int32(n_runs)
    loose = np.empty(1024, np.int64)
    n = 0
    flat = mask.reshape(-1)
    for row in range(nx * ny):
        low, high = ends[row]
        if low == high:
            continue
        best[low:high] = none
        for di in range(2):
            for dj in range(2):
                source = row - di * ny - dj
                if row // ny < di or row % ny < dj:
                    continue
                for run in range(first[source], first[source + 1]):
                    _lower(best[runs[run, 0] : runs[run, 1]], parent[run])
        base = row * nz
        left = _put_parts(
            part[base + low : base + high], best[low:high], flat[base + low : base + high], none
        )
        for k in range(low, high if left else low):
            if best[k] == none and flat[base + k]:
                if n == loose.size:
                    longer = np.empty(2 * n, np.int64)
                    longer[:n] = loose
                    loose = longer
                loose[n] = base + k
                n += 1
    # Few voxels, visited until none finds a part beside it.
    found = np.empty(n, np.int32)
    while n > 0:
        for m in range(n):
            v = loose[m]
            found[m] = 0
            k = v % nz
            j = (v // nz) % ny
            i = v // (ny * nz)
            for axis in range(3):
                at = i if axis == 0 else (j if axis == 1 else k)
                size = nx if axis == 0 else (ny if axis == 1 else nz)
                for step in range(-1, 2, 2):
                    if 0 <= at + step < size:
                        beside = part[v + step * strides[axis]]
                        if beside > 0 and (found[m] == 0 or beside < found[m]):
                            found[m] = beside
        kept = 0
        for m in range(n):
            if found[m] > 0:
                part[loose[m]] = found[m]
            else:
                loose[kept] = loose[m]
                kept += 1
        if kept == n:
            break
        n = kept
    # Loose voxels that touch no block hang together face to face.
    for m in range(n):
        part[loose[m]] = none + 1 + m
    changed = n > 0
    while changed:
        changed = False
        for m in range(n):
            v = loose[m]
            k = v % nz
            j = (v // nz) % ny
            i = v // (ny * nz)
            for axis in range(3):
                at = i if axis == 0 else (j if axis == 1 else k)
                size = nx if axis == 0 else (ny if axis == 1 else nz)
                for step in range(-1, 2, 2):
                    if 0 <= at + step < size:
                        beside = part[v + step * strides[axis]]
                        if 0 < beside < part[v]:
                            part[v] = beside
                            changed = True
    # Parts are numbered as they come.
    number = np.zeros(n_runs + n + 1, np.int32)
    n_parts = 0
    for row in range(nx * ny):
        low, high = ends[row]
        own = part[row * nz + low : row * nz + high]
        before, numbered = np.int32(0), np.int32(0)
        for k in range(len(own)):
            if own[k] != before:
                before = own[k]
                if before > 0 and number[before] == 0:
                    n_parts += 1
                    number[before] = n_parts
                numbered = number[before]
            own[k] = numbered
    return part.reshape(mask.shape)


@kernel
def part_sums(parts, regions, n_parts, n_regions):
    """Return the voxels of each part by region, (n_parts, n_regions) int64, and the sums of their indices, (n_parts, 3).

    parts : (nx, ny, nz) int32, 0 … n_parts - 1; regions : (nx, ny, nz) unsigned. Part 0 is not summed.
    """
    nx, ny, nz = parts.shape
    counts = np.zeros((n_parts, n_regions), np.int64)
    index = np.zeros((n_parts, 3), np.int64)
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                p = parts[i, j, k]
                if p > 0:
                    counts[p, regions[i, j, k]] += 1
                    index[p, 0] += i
                    index[p, 1] += j
                    index[p, 2] += k
    return counts, index


@kernel
def parts_between_walls(mask, walls):
    """Return the parts of a mask that hang together face to face where no wall stands: (nx, ny, nz) int32 from 1.

    mask : (nx, ny, nz) bool; walls : (3, nx, ny, nz) bool, a wall between a voxel and the next along each axis.
    Parts are numbered in the order of their first voxel; 0 outside the mask.
    """
    nx, ny, nz = mask.shape
    parent = np.empty(nx * ny * nz, np.int32)
    for v in range(nx * ny * nz):
        parent[v] = v
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                if not mask[i, j, k]:
                    continue
                v = (i * ny + j) * nz + k
                if i > 0 and mask[i - 1, j, k] and not walls[0, i - 1, j, k]:
                    _join(parent, v, v - ny * nz)
                if j > 0 and mask[i, j - 1, k] and not walls[1, i, j - 1, k]:
                    _join(parent, v, v - nz)
                if k > 0 and mask[i, j, k - 1] and not walls[2, i, j, k - 1]:
                    _join(parent, v, v - 1)
    flat = mask.reshape(-1)
    out = np.zeros(nx * ny * nz, np.int32)
    n_parts = 0
    for v in range(nx * ny * nz):
        if flat[v]:
            root = _root(parent, v)
            if root == v:
                n_parts += 1
                out[v] = n_parts
            else:
                out[v] = out[root]
    return out.reshape(mask.shape)
