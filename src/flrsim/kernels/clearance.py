"""What a wedge takes at every margin at once."""

from __future__ import annotations

import numpy as np

from flrsim.kernels import kernel

FLAT = 1e-3
"""Share of the largest rise below which a rise moves a part of a voxel by less than rounding does."""
STEEP = 1.5
"""A distance changes by no more than the way itself; half as much again is a jump."""


@kernel
def _between(values, x, y, z):
    """Return a field at a point between voxels, interpolated linearly; beyond the edge it goes on unchanged."""
    nx, ny, nz = values.shape
    x, y, z = min(max(x, 0.0), nx - 1.0), min(max(y, 0.0), ny - 1.0), min(max(z, 0.0), nz - 1.0)
    i, j, k = np.int64(x), np.int64(y), np.int64(z)
    i1, j1, k1 = min(i + 1, nx - 1), min(j + 1, ny - 1), min(k + 1, nz - 1)
    u, v, w = x - i, y - j, z - k
    low = (1 - u) * ((1 - v) * values[i, j, k] + v * values[i, j1, k]) + u * (
        (1 - v) * values[i1, j, k] + v * values[i1, j1, k]
    )
    high = (1 - u) * ((1 - v) * values[i, j, k1] + v * values[i, j1, k1]) + u * (
        (1 - v) * values[i1, j, k1] + v * values[i1, j1, k1]
    )
    return (1 - w) * low + w * high


@kernel
def least_margins(distance, inside, spacing, way_out, largest, middle, radius, depth, size):
    """Return the smallest margin at which a wedge takes each voxel, mm: (nx, ny, nz) float32; infinite for none, 0 or less for any.

    distance : (nx, ny, nz) float32, mm to the lesion's surface, below 0 in the lesion; inside : bool, what is liver
    or lesion; spacing : (3,) mm; way_out : (3,) unit vector, mm; largest : mm, margins above it are not asked;
    middle : (3,) voxel indices and radius : mm, a ball that holds all voxels within `largest`; depth : mm from the
    lesion's centre to the capsule; size : mm, radius of a ball that holds the lesion. A voxel goes with the point
    nearest to the lesion on the straight way back from it, against `way_out`, before that way leaves the liver;
    the way is no longer than depth and the width of what is cut out.
    """
    nx, ny, nz = distance.shape
    out = np.full((nx, ny, nz), np.float32(np.inf), np.float32)
    pace = 0.9 * min(spacing[0], spacing[1], spacing[2])
    dx = way_out[0] * pace / spacing[0]
    dy = way_out[1] * pace / spacing[1]
    dz = way_out[2] * pace / spacing[2]
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                if not inside[i, j, k]:
                    continue
                best = distance[i, j, k]
                ox = (i - middle[0]) * spacing[0]
                oy = (j - middle[1]) * spacing[1]
                oz = (k - middle[2]) * spacing[2]
                along = ox * way_out[0] + oy * way_out[1] + oz * way_out[2]
                across = ox * ox + oy * oy + oz * oz - along * along
                # Only the shadow of the ball can lie behind it, and short of the lesion the way back only leads away
                # from it.
                if along >= -size and across <= radius * radius:
                    n_steps = np.int64(np.ceil((along + size) / pace))
                    x, y, z = float(i), float(j), float(k)
                    for step in range(n_steps):
                        x -= dx
                        y -= dy
                        z -= dz
                        a = np.int64(np.floor(x + 0.5))
                        b = np.int64(np.floor(y + 0.5))
                        c = np.int64(np.floor(z + 0.5))
                        if a < 0 or b < 0 or c < 0 or a >= nx or b >= ny or c >= nz or not inside[a, b, c]:
                            break
                        if distance[a, b, c] > best + 2.0 * pace:
                            continue
                        long = 0.5 * ((step + 1) * pace - depth) - size
                        if long >= best:
                            break
                        best = min(best, np.float32(max(_between(distance, x, y, z), long)))
                        if best <= -pace:
                            break
                if best <= largest:
                    out[i, j, k] = best
    return out


@kernel
def _part_below(level, a, b, c):
    """Return the part of a box in which a linear field is at most `level`; the field is 0 in its middle.

    a, b, c : by how much the field rises from the middle to the faces of each axis, 0 or more. It is the distribution of
    a sum of three evenly spread numbers.
    """
    whole = a + b + c
    if level >= whole:
        return 1.0
    if level <= -whole:
        return 0.0
    a, b, c = max(a, b, c), whole - max(a, b, c) - min(a, b, c), min(a, b, c)
    if b <= FLAT * a:
        return min(max(0.5 + 0.5 * level / a, 0.0), 1.0)
    if c <= FLAT * a:
        total = max(level + a + b, 0.0) ** 2 - max(level + a - b, 0.0) ** 2
        total += max(level - a - b, 0.0) ** 2 - max(level - a + b, 0.0) ** 2
        return min(max(total / (8.0 * a * b), 0.0), 1.0)
    total = 0.0
    for corner in range(8):
        i, j, k = 1.0 - 2.0 * (corner & 1), 1.0 - (corner & 2), 1.0 - 0.5 * (corner & 4)
        total += i * j * k * max(level + i * a + j * b + k * c, 0.0) ** 3
    return min(max(total / (48.0 * a * b * c), 0.0), 1.0)


@kernel
def voxels_by_margin(margin, region, spacing, margins, n_regions):
    """Return how many voxels of each region go at each margin, parts of voxels counted: (n_margins, n_regions) float64.

    A voxel goes in part while its front, level with its slope to the neighbours, runs through it. The mean of the field
    over a voxel is not its value in the centre where the front is curved; the neighbours tell that too. What goes
    never shrinks with the margin; sums in fixed order.

    Parameters
    ----------
    margin : (nx, ny, nz) float32, mm, a distance or what `least_margins` gives; not finite for voxels that never go.
    region : (nx, ny, nz) unsigned, below n_regions; spacing : (3,) mm; margins : (n_margins,) mm.
    """
    n = margins.size
    out = np.zeros((n, n_regions), np.float64)
    nx, ny, nz = margin.shape
    rise = np.zeros(3)
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                here = np.float64(margin[i, j, k])
                if not np.isfinite(here):
                    continue
                mean = here
                for axis in range(3):
                    # A field that changes faster than the way to the neighbour ends between them.
                    most = STEEP * spacing[axis]
                    i0, i1 = (max(i - 1, 0), min(i + 1, nx - 1)) if axis == 0 else (i, i)
                    j0, j1 = (max(j - 1, 0), min(j + 1, ny - 1)) if axis == 1 else (j, j)
                    k0, k1 = (max(k - 1, 0), min(k + 1, nz - 1)) if axis == 2 else (k, k)
                    low, high = here - margin[i0, j0, k0], margin[i1, j1, k1] - here
                    has_low = (i0 < i or j0 < j or k0 < k) and abs(low) <= most
                    has_high = (i1 > i or j1 > j or k1 > k) and abs(high) <= most
                    rise[axis] = 0.0
                    if has_low and has_high:
                        rise[axis] = 0.25 * abs(low + high)
                        mean += (high - low) / 24.0
                    elif has_low:
                        rise[axis] = 0.5 * abs(low)
                    elif has_high:
                        rise[axis] = 0.5 * abs(high)
                r = np.int64(region[i, j, k])
                for q in range(n):
                    out[q, r] += _part_below(margins[q] - mean, rise[0], rise[1], rise[2])
    return out
