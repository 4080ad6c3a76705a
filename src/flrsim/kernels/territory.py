"""The nearest labelled voxel of every voxel, exactly: one axis after the other, by lower envelopes of parabolas.

Along an axis the squared distance to each candidate is a parabola over the voxel's index. Only those that touch
the lowest of them all can be nearest, and a stack finds these in one walk along the line (Felzenszwalb and
Huttenlocher 2012; the idea of carrying the source along is Maurer's, 2003).

Of two candidates at the same distance the one with the lower label is taken. Candidates that are only just
beaten stay on the stack, and at each voxel all whose reach comes near it are compared by their computed distance:
rounding in the places where parabolas cross then decides nothing.
"""

from __future__ import annotations

import numpy as np

from flrsim.kernels import kernel


@kernel
def _along_line(value, label, place, n, step, half_of, at, start, height, asked, begin, out, out_label):
    """Write the least of value + (distance along the line)² and its label to every place that is asked for.

    value, label : (≥ n,) squared distance and label of each candidate; place : its index on the axis, rising;
    step : mm; half_of : 0.5 / i; at, start, height : (≥ n,) room for the stack; asked, out, out_label : (m,) from
    index `begin`, of which one at least is asked.
    """
    first = 0
    while not asked[first]:
        first += 1
    last = out.size - 1
    while not asked[last]:
        last -= 1
    earliest = begin + first - 1e-3
    latest = begin + last + 1e-3
    over = 1.0 / (step * step)
    top = -1
    for q in range(n):
        x = place[q]
        h = value[q] * over + float(x * x)
        s = earliest
        while top >= 0:
            s = (h - height[top]) * half_of[x - place[at[top]]]
            # A candidate that is beaten by a hair is kept: it may have the same distance and a lower label.
            if s >= start[top] - 1e-7:
                break
            top -= 1
        if top < 0:
            s = earliest
        elif s > latest:
            continue
        top += 1
        at[top] = q
        start[top] = s
        height[top] = h
    k = 0
    for m in range(first, last + 1):
        if not asked[m]:
            continue
        p = begin + m
        while k < top and start[k + 1] < p - 1e-3:
            k += 1
        q = at[k]
        away = (p - place[q]) * step
        best = away * away + value[q]
        best_label = label[q]
        j = k + 1
        while j <= top and start[j] <= p + 1e-3:
            q = at[j]
            away = (p - place[q]) * step
            d = away * away + value[q]
            if d < best or (d == best and label[q] < best_label):
                best = d
                best_label = label[q]
            j += 1
        out[m] = best
        out_label[m] = best_label


@kernel
def nearest_in_slabs(sources, spacing, low, asked, x_low, x_high, squared, label, filled):
    """Write, for slabs x_low … x_high of a box of sources, each place's nearest source within its own slab.

    sources : (nx, ny, nz) int32, 0 for none; spacing : (3,) mm; low : (2,) index along y and z of the first place
    asked for, counted from the sources' first; asked : (mz, my) bool, the others are not written; squared, label :
    (nx, my, mz) float64 mm² and int32; filled : (nx,) bool, whether a slab has any source.
    """
    ny, nz = sources.shape[1:]
    mz, my = asked.shape
    row = np.empty((mz, ny), np.float64)
    row_label = np.empty((mz, ny), np.int32)
    on_row = np.empty(nz, np.int64)
    place = np.empty(ny, np.int64)
    start = np.empty(ny, np.float64)
    height = np.empty(ny, np.float64)
    at = np.empty(ny, np.int64)
    half_of = np.empty(ny + 1, np.float64)
    for i in range(1, ny + 1):
        half_of[i] = 0.5 / i
    out = np.zeros(my, np.float64)
    found_at = np.zeros(my, np.int32)
    some = np.zeros(mz, np.bool_)
    for m in range(mz):
        some[m] = asked[m].any()
    for x in range(x_low, x_high):
        n_rows = 0
        for y in range(ny):
            n = 0
            for z in range(nz):
                if sources[x, y, z] != 0:
                    on_row[n] = z
                    n += 1
            if n == 0:
                continue
            k = 0
            for m in range(mz):
                p = m + low[1]
                while k + 1 < n and on_row[k + 1] <= p:
                    k += 1
                away = (p - on_row[k]) * spacing[2]
                d = away * away
                found = sources[x, y, on_row[k]]
                if k + 1 < n:
                    away = (on_row[k + 1] - p) * spacing[2]
                    other = sources[x, y, on_row[k + 1]]
                    if away * away < d or (away * away == d and other < found):
                        d = away * away
                        found = other
                row[m, n_rows] = d
                row_label[m, n_rows] = found
            place[n_rows] = y
            n_rows += 1
        filled[x] = n_rows > 0
        if n_rows == 0:
            continue
        for m in range(mz):
            if some[m]:
                _along_line(
                    row[m],
                    row_label[m],
                    place,
                    n_rows,
                    spacing[1],
                    half_of,
                    at,
                    start,
                    height,
                    asked[m],
                    low[0],
                    out,
                    found_at,
                )
                for y in range(my):
                    squared[x, y, m] = out[y]
                    label[x, y, m] = found_at[y]


@kernel
def nearest_across_slabs(squared, label, place, step, low, asked, y_low, y_high, out_label, out_mm):
    """Write the label of the nearest source and its distance for rows y_low … y_high of the places asked for.

    squared, label : (nx, my, mz) from `nearest_in_slabs`, only slabs with a source; place : (nx,) index of each
    slab, rising; step : mm between slabs; low : index of the first place asked for along x; asked : (mx, my, mz)
    bool, the others are not written; out_label, out_mm : (mx, my, mz) int32 and float64 mm.
    """
    nx = squared.shape[0]
    mx, _, mz = asked.shape
    # Sixteen lines at a time: they share the memory that one of them fetches.
    value = np.empty((16, nx), np.float64)
    value_label = np.empty((16, nx), np.int32)
    wanted = np.empty((16, mx), np.bool_)
    some = np.empty(16, np.bool_)
    out = np.empty((16, mx), np.float64)
    found = np.empty((16, mx), np.int32)
    start = np.empty(nx, np.float64)
    height = np.empty(nx, np.float64)
    at = np.empty(nx, np.int64)
    longest = place[nx - 1] - place[0] + 1
    half_of = np.empty(longest + 1, np.float64)
    for i in range(1, longest + 1):
        half_of[i] = 0.5 / i
    for y in range(y_low, y_high):
        for z in range(0, mz, 16):
            many = min(16, mz - z)
            some[:] = False
            for x in range(mx):
                for w in range(many):
                    wanted[w, x] = asked[x, y, z + w]
                    some[w] |= wanted[w, x]
            if not some.any():
                continue
            for x in range(nx):
                for w in range(many):
                    value[w, x] = squared[x, y, z + w]
                    value_label[w, x] = label[x, y, z + w]
            for w in range(many):
                if some[w]:
                    _along_line(
                        value[w],
                        value_label[w],
                        place,
                        nx,
                        step,
                        half_of,
                        at,
                        start,
                        height,
                        wanted[w],
                        low,
                        out[w],
                        found[w],
                    )
            for x in range(mx):
                for w in range(many):
                    if wanted[w, x]:
                        out_label[x, y, z + w] = found[w, x]
                        out_mm[x, y, z + w] = np.sqrt(out[w, x])
