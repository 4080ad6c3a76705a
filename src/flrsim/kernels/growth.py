"""Growth of many draws day by day: exact relaxations by recurrence, and fixed-step Runge-Kutta that knows no closed form.

Draws never meet, so threads and blocks change no digit. Draws go in blocks whose numbers stay in the nearest cache, all of
one block in step: LLVM then turns the loop over them into vector instructions.
"""

from __future__ import annotations

import numpy as np

from flrsim.kernels import kernel

BLOCK = 64


@kernel
def relax_days(gap, decay, target, out, first, last):
    """Write draws `first` … `last` of the next days into out (n_days, n_draws): target + gap, gap times decay each day.

    gap, decay, target : (n_draws,) float64. gap is value less target on the day before, and is moved on in place;
    decay is exp(-1 day / tau).
    """
    g, d, t = np.zeros(BLOCK), np.zeros(BLOCK), np.zeros(BLOCK)
    for start in range(first, last, BLOCK):
        n = min(BLOCK, last - start)
        for i in range(n):
            g[i], d[i], t[i] = gap[start + i], decay[start + i], target[start + i]
        for day in range(out.shape[0]):
            for i in range(n):
                g[i] *= d[i]
                out[day, start + i] = t[i] + g[i]
        for i in range(n):
            gap[start + i] = g[i]


@kernel
def rk4(start, target, rate, step, every, out, first, last):
    """Write draws `first` … `last` of dV/dt = (target - V) rate into out (n_rows, n_draws), one row each `every` steps.

    start, target, rate : (n_draws,) float64, rate in 1/day; step in days.
    """
    v, t, r = np.zeros(BLOCK), np.zeros(BLOCK), np.zeros(BLOCK)
    half, sixth = 0.5 * step, step / 6.0
    for begin in range(first, last, BLOCK):
        n = min(BLOCK, last - begin)
        # What is left of the block before fills up the last one: its draws are computed and not kept.
        for i in range(n):
            v[i], t[i], r[i] = start[begin + i], target[begin + i], rate[begin + i]
        for row in range(out.shape[0]):
            for _ in range(every):
                for i in range(BLOCK):
                    k1 = (t[i] - v[i]) * r[i]
                    k2 = (t[i] - (v[i] + half * k1)) * r[i]
                    k3 = (t[i] - (v[i] + half * k2)) * r[i]
                    k4 = (t[i] - (v[i] + step * k3)) * r[i]
                    v[i] += sixth * (k1 + 2.0 * (k2 + k3) + k4)
            for i in range(n):
                out[row, begin + i] = v[i]


@kernel
def rk4_pair(start, target, rate, function, worth, pace, step, every, out, out_function, first, last):
    """Write draws of dV/dt = (target - V) rate and dF/dt = (worth V - F) pace, as `rk4` does; F into out_function.

    function, worth, pace : (n_draws,) float64: F at the start, F per V that it tends to, and its rate in 1/day.
    """
    v, t, r = np.zeros(BLOCK), np.zeros(BLOCK), np.zeros(BLOCK)
    f, w, p = np.zeros(BLOCK), np.zeros(BLOCK), np.zeros(BLOCK)
    half, sixth = 0.5 * step, step / 6.0
    for begin in range(first, last, BLOCK):
        n = min(BLOCK, last - begin)
        for i in range(n):
            v[i], t[i], r[i] = start[begin + i], target[begin + i], rate[begin + i]
            f[i], w[i], p[i] = function[begin + i], worth[begin + i], pace[begin + i]
        for row in range(out.shape[0]):
            for _ in range(every):
                for i in range(BLOCK):
                    k1 = (t[i] - v[i]) * r[i]
                    m1 = (w[i] * v[i] - f[i]) * p[i]
                    v2 = v[i] + half * k1
                    k2 = (t[i] - v2) * r[i]
                    m2 = (w[i] * v2 - (f[i] + half * m1)) * p[i]
                    v3 = v[i] + half * k2
                    k3 = (t[i] - v3) * r[i]
                    m3 = (w[i] * v3 - (f[i] + half * m2)) * p[i]
                    v4 = v[i] + step * k3
                    k4 = (t[i] - v4) * r[i]
                    m4 = (w[i] * v4 - (f[i] + step * m3)) * p[i]
                    v[i] += sixth * (k1 + 2.0 * (k2 + k3) + k4)
                    f[i] += sixth * (m1 + 2.0 * (m2 + m3) + m4)
            for i in range(n):
                out[row, begin + i] = v[i]
                out_function[row, begin + i] = f[i]
