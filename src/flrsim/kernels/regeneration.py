"""Hepatocytes that are quiescent, primed or replicating, and the signals between them: the rates and a fixed-step integrator."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from flrsim.kernels import kernel

N_STATES = 10


class CellConstants(NamedTuple):
    """The constants of the cell-state model; rates per hour, all else relative to the intact liver."""

    metabolic_load: float
    cytokine_production: float
    cytokine_decay: float
    jak_rate: float
    jak_half: float
    jak_decay: float
    stat3_pool: float
    stat3_rate: float
    stat3_half: float
    stat3_decay: float
    socs3_rate: float
    socs3_half: float
    socs3_inhibition: float
    socs3_decay: float
    genes_rate: float
    genes_half: float
    genes_decay: float
    growth_factor_production: float
    growth_factor_uptake: float
    growth_factor_decay: float
    matrix_degradation: float
    matrix_decay: float
    priming: float
    replication_entry: float
    replication_exit: float
    replication: float
    requiescence_rate: float
    requiescence_threshold: float
    requiescence_width: float
    apoptosis_rate: float
    apoptosis_threshold: float
    apoptosis_width: float


@kernel
def _saturation(x, half):
    """Return how far x / (x + half) lies above its value at 1, the intact liver."""
    return x / (x + half) - 1.0 / (1.0 + half)


@kernel
def _activation(jak, socs3, c):
    """Return the rate at which STAT3 is activated."""
    pool = c.stat3_pool * c.stat3_pool
    return c.stat3_rate * pool * jak / (pool + c.stat3_half * (1.0 + socs3 / c.socs3_inhibition))


@kernel
def _step_down(x, threshold, width):
    """Return a smooth step from 1 far below the threshold to 0 far above it."""
    return 0.5 * (1.0 + np.tanh((threshold - x) / width))


@kernel
def cell_rates(y, load, death, c, rates):
    """Write dy/dt per hour into rates (10,), for states y (10,) and the constants c.

    y : cytokine, JAK, STAT3, SOCS3, matrix, immediate-early genes, growth factor (1 in the intact liver), quiescent, primed,
    replicating cells (shares of the cells of the intact liver).
    load, death : factors on metabolic load and on the rate of cell death.

    Constant production is written as what balances each signal in the intact liver, which is therefore at rest.
    """
    cytokine, jak, stat3, socs3, matrix, genes, factor = y[0], y[1], y[2], y[3], y[4], y[5], y[6]
    quiescent, primed, replicating = y[7], y[8], y[9]
    cells = quiescent + primed + replicating
    # A liver without cells has no burden a cell; kernels never raise, so it is no number here.
    burden = load * c.metabolic_load * (1.0 / cells - 1.0) if cells > 0.0 else np.nan
    jak_up = c.jak_rate * _saturation(cytokine, c.jak_half)
    genes_up = c.genes_rate * _saturation(stat3, c.genes_half)
    socs3_up = c.socs3_rate * _saturation(stat3, c.socs3_half)
    rates[0] = c.cytokine_production * burden - jak_up - c.cytokine_decay * (cytokine - 1.0)
    rates[1] = jak_up - c.jak_decay * (jak - 1.0)
    stat3_up = _activation(jak, socs3, c) - _activation(1.0, 1.0, c)
    rates[2] = stat3_up - genes_up - socs3_up - c.stat3_decay * (stat3 - 1.0)
    rates[3] = socs3_up - c.socs3_decay * (socs3 - 1.0)
    rates[4] = c.matrix_degradation * (1.0 - cytokine * matrix) + c.matrix_decay * (1.0 - matrix)
    rates[5] = genes_up - c.genes_decay * (genes - 1.0)
    uptake = c.growth_factor_uptake * (factor * matrix - 1.0)
    rates[6] = c.growth_factor_production * burden - uptake - c.growth_factor_decay * (factor - 1.0)
    entering = c.priming * (genes - 1.0) * quiescent
    dividing = c.replication_entry * (factor - 1.0) * primed
    leaving = c.replication_exit * matrix * replicating
    back = c.requiescence_rate * _step_down(factor, c.requiescence_threshold, c.requiescence_width) * primed
    dying = death * c.apoptosis_rate * _step_down(cells, c.apoptosis_threshold, c.apoptosis_width)
    rates[7] = leaving + back - entering - dying * quiescent
    rates[8] = entering - dividing - back - dying * primed
    rates[9] = dividing - leaving + c.replication * replicating - dying * replicating


@kernel
def rk4_cells(share, load, death, c, step, every, lowest, out, first, last):
    """Write quiescent, primed and replicating cells of draws `first` … `last` into out (n_rows, n_draws, 3).

    share, load, death : (n_draws,) float64: cells left by the operation, and factors as in `cell_rates`; c : the constants.
    A row each `every` steps of `step` hours, by Runge-Kutta of fourth order. From where a state falls below `lowest`, or is no
    number, a draw's rows are NaN.
    """
    y, at = np.empty(N_STATES), np.empty(N_STATES)
    k1, k2, k3, k4 = np.empty(N_STATES), np.empty(N_STATES), np.empty(N_STATES), np.empty(N_STATES)
    half, sixth = 0.5 * step, step / 6.0
    for draw in range(first, last):
        y[:7] = 1.0
        y[7] = share[draw]
        y[8:] = 0.0
        sound = True
        for row in range(out.shape[0]):
            for _ in range(every):
                cell_rates(y, load[draw], death[draw], c, k1)
                for i in range(N_STATES):
                    at[i] = y[i] + half * k1[i]
                cell_rates(at, load[draw], death[draw], c, k2)
                for i in range(N_STATES):
                    at[i] = y[i] + half * k2[i]
                cell_rates(at, load[draw], death[draw], c, k3)
                for i in range(N_STATES):
                    at[i] = y[i] + step * k3[i]
                cell_rates(at, load[draw], death[draw], c, k4)
                for i in range(N_STATES):
                    y[i] += sixth * (k1[i] + 2.0 * (k2[i] + k3[i]) + k4[i])
                    sound = sound and y[i] >= lowest
                if not sound:
                    break
            for i in range(3):
                out[row, draw, i] = y[7 + i] if sound else np.nan
