"""Separate parts of a mask: which voxels hang together, and by how much."""

from __future__ import annotations

import numpy as np

from flrsim.kernels import kernel


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
def parts_by_bridge(mask):
    """Return the part of each voxel of a mask, parts that only a thin bridge joins being two: (nx, ny, nz) int32.

    mask : (nx, ny, nz) bool. Parts are numbered from 1 in the order of their first voxel; 0 outside the mask.
    Blocks of 2 × 2 × 2 voxels that lie in the mask and share a face of 2 × 2 voxels are one part: a bridge
    counts when it is two voxels thick both ways. A voxel in no block belongs to the part that it touches face
    to face, directly or through others like it; what touches none is a part of its own.
    """
    nx, ny, nz = mask.shape
    parent = np.empty(nx * ny * nz, np.int32)
    block = np.zeros(nx * ny * nz, np.bool_)
    strides = (ny * nz, nz, 1)
    for i in range(nx - 1):
        for j in range(ny - 1):
            base = (i * ny + j) * nz
            a, b, c, d = mask[i, j], mask[i, j + 1], mask[i + 1, j], mask[i + 1, j + 1]
            before = a[0] and b[0] and c[0] and d[0]
            for k in range(nz - 1):
                here = a[k + 1] and b[k + 1] and c[k + 1] and d[k + 1]
                if before and here:
                    v = base + k
                    block[v] = True
                    parent[v] = v
                    if k > 0 and block[v - 1]:
                        parent[v] = parent[v - 1]
                    if j > 0 and block[v - nz]:
                        _join(parent, v, v - nz)
                    if i > 0 and block[v - strides[0]]:
                        _join(parent, v, v - strides[0])
                before = here
    # A parent comes before its child, so one pass brings every block to its root.
    for v in range(nx * ny * nz):
        if block[v]:
            parent[v] = parent[parent[v]]
    # Every voxel of a block takes its part; where blocks of two parts share a voxel, the earlier part has it.
    # What lies in no block is noted.
    part = np.full(nx * ny * nz, -1, np.int32)
    loose = np.empty(1024, np.int64)
    n = 0
    for i in range(nx):
        for j in range(ny):
            base = (i * ny + j) * nz
            for k in range(nz):
                if not mask[i, j, k]:
                    continue
                v = base + k
                best = -1
                for di in range(2):
                    if di > i:
                        continue
                    for dj in range(2):
                        if dj > j:
                            continue
                        for dk in range(2):
                            if dk > k:
                                continue
                            w = v - di * strides[0] - dj * nz - dk
                            if block[w] and (best < 0 or parent[w] < best):
                                best = parent[w]
                part[v] = best
                if best < 0:
                    if n == loose.size:
                        longer = np.empty(2 * n, np.int64)
                        longer[:n] = loose
                        loose = longer
                    loose[n] = v
                    n += 1
    # Few voxels, visited until none finds a part beside it.
    found = np.empty(n, np.int32)
    while n > 0:
        for m in range(n):
            v = loose[m]
            found[m] = -1
            k = v % nz
            j = (v // nz) % ny
            i = v // (ny * nz)
            for axis in range(3):
                at = i if axis == 0 else (j if axis == 1 else k)
                size = nx if axis == 0 else (ny if axis == 1 else nz)
                for step in range(-1, 2, 2):
                    if 0 <= at + step < size:
                        beside = part[v + step * strides[axis]]
                        if beside >= 0 and (found[m] < 0 or beside < found[m]):
                            found[m] = beside
        kept = 0
        for m in range(n):
            if found[m] >= 0:
                part[loose[m]] = found[m]
            else:
                loose[kept] = loose[m]
                kept += 1
        if kept == n:
            break
        n = kept
    # Loose voxels that touch no block hang together face to face.
    for m in range(n):
        part[loose[m]] = loose[m]
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
                        if 0 <= beside < part[v]:
                            part[v] = beside
                            changed = True
    # Parts are numbered as they come; `parent` is no longer needed and holds each root's number.
    parent[:] = 0
    n_parts = 0
    for v in range(nx * ny * nz):
        if part[v] >= 0:
            if parent[part[v]] == 0:
                n_parts += 1
                parent[part[v]] = n_parts
            part[v] = parent[part[v]]
        else:
            part[v] = 0
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
