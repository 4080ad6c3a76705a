"""A second model of regrowth after a resection: cells and signals, where the plans' own is a curve fitted to donors.

Hepatocytes are quiescent, primed or replicating. The fewer they are, the more metabolic load each bears; load makes cytokine
and growth factor, cytokine primes through JAK, STAT3 and the immediate-early genes, growth factor lets primed cells divide, and
extracellular matrix sends them back to rest. Cells die where too few are left. After Furchtgott 2009 in the human form of Young and
Periwal 2016, with the constants of the program published with Halder 2025 (``mechanistic.*``).

Notes
-----
It was fitted to resections of healthy donors. It knows no portal flow, no occlusion, no chemotherapy, and more load only
makes it grow faster. With the published human rate of cell death no remnant fails: where failure begins follows from
the rate that is assumed, and is no prediction. No plan is judged by it; it is a check on the shape of the fitted curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp

from flrsim.arguments import as_count, check_in_range
from flrsim.draws import Floats
from flrsim.evidence import Evidence
from flrsim.kernels.regeneration import N_STATES, CellConstants, cell_rates, rk4_cells
from flrsim.physiology.growth import remaining_gap
from flrsim.threads import at_once, parts

MODEL = "cell-state model of regrowth after resection: a second model, by which no plan is judged"

MODES = ("normal", "suppressed", "failure")
"""What comes of a remnant within a year, the best first."""

_HOURS_PER_DAY = 24.0
_DAYS_PER_YEAR = 365.25

LOST = 1e-6
"""Share of the cells of the intact liver below which a liver counts as lost; the equations have no end of their own."""

TOLERANCE = 1e-8
"""Relative tolerance of the solver, which keeps volumes to six digits."""

NOTHING = 1e-11
"""What a state may be wrong by when it is nothing."""

STEPS_PER_HOUR = 100
"""Steps of the fixed-step integrator: the matrix of a liver of which a fifth is left follows within seconds."""


@dataclass(frozen=True)
class MechanisticCurve:
    """Regrowth by the cell-state model beside the empirical curve, everything as a share of the intact liver.

    Attributes
    ----------
    model : which model this is, to be shown beside its numbers.
    days : (n_days,) after the operation.
    volume : cells times their volumes, (n_days,).
    quiescent, primed, replicating : cells, (n_days,).
    empirical : volume by the curve that plans are judged by, at its median rate, (n_days,).
    mode : ``normal``, ``suppressed`` or ``failure``, see `mechanistic_curve`.
    """

    model: str
    remnant_share: float
    days: Floats
    volume: Floats
    quiescent: Floats
    primed: Floats
    replicating: Floats
    empirical: Floats
    mode: str

    @property
    def difference(self) -> float:
        """Root mean square of volume less the empirical volume over the days, share of the intact liver."""
        return float(np.sqrt(np.mean((self.volume - self.empirical) ** 2)))


def mechanistic_curve(
    remnant_share: float,
    evidence: Evidence,
    days: ArrayLike,
    metabolic_load: float = 1.0,
    *,
    cell_death: float = 1.0,
) -> MechanisticCurve:
    """Return regrowth within a year of a resection by the cell-state model, solved by LSODA.

    Parameters
    ----------
    remnant_share : share of the liver that the operation leaves, above 0 and at most 1.
    days : after the operation, ascending, within a year.
    metabolic_load, cell_death : factors on the published load and rate of cell death.

    Notes
    -----
    ``failure``: after a year fewer than half of the cells that the operation left are there. ``suppressed``: not so, and less
    than half of the volume has been won that the published constants win after the same operation. ``normal``: all else,
    so that the published constants are normal by definition, unless they fail. The published criterion of these modes could not be
    read; these are definitions of our own.
    """
    check_in_range(remnant_share, name="remnant_share", low=LOST, high=1.0)
    for name, factor in (("metabolic_load", metabolic_load), ("cell_death", cell_death)):
        if not (np.isfinite(factor) and factor >= 0):
            raise ValueError(f"{name} is {factor:g}; a factor of 0 or more is needed")
    asked = np.atleast_1d(np.asarray(days, dtype=np.float64))
    if asked.ndim != 1 or not asked.size or np.any(np.diff(asked) <= 0):
        raise ValueError("days must be a list of ascending days")
    for day in (asked[0], asked[-1]):
        check_in_range(float(day), name="days", low=0.0, high=_DAYS_PER_YEAR, unit="days")
    constants, until = _constants(evidence), np.append(asked, _DAYS_PER_YEAR)
    cells = _solve(remnant_share, constants, until, metabolic_load, cell_death)
    volumes = cell_volume(cells, evidence)
    published = _solve(remnant_share, constants, until[-1:], 1.0, 1.0)
    won, usual = volumes[-1] - remnant_share, cell_volume(published, evidence)[-1] - remnant_share
    if cells[-1].sum() < 0.5 * remnant_share:
        mode = "failure"
    else:
        mode = "suppressed" if won < 0.5 * usual - LOST else "normal"
    quiescent, primed, replicating = cells[:-1].T
    return MechanisticCurve(
        model=MODEL,
        remnant_share=remnant_share,
        days=asked,
        volume=volumes[:-1],
        quiescent=quiescent,
        primed=primed,
        replicating=replicating,
        empirical=_empirical(remnant_share, asked, evidence),
        mode=mode,
    )


def integrate_cells(
    remnant_share: Floats,
    evidence: Evidence,
    days: int,
    metabolic_load: Floats | float = 1.0,
    *,
    cell_death: Floats | float = 1.0,
    steps_per_hour: int = STEPS_PER_HOUR,
    threads: int | None = None,
) -> Floats:
    """Return the same model by fixed-step Runge-Kutta for many livers, as a check on the solver.

    Parameters
    ----------
    remnant_share : (n_draws,) float64.
    metabolic_load, cell_death : factors, (n_draws,) or one for all.

    Returns
    -------
    quiescent, primed and replicating cells on days 1 … `days`, (days, n_draws, 3) float64.

    Raises
    ------
    ValueError
        When a step is too long for the fastest signal, which the least remnants have, or a signal falls below nothing.
    """
    share, load, death = (
        np.ascontiguousarray(np.broadcast_to(np.asarray(x, np.float64), np.shape(remnant_share)))
        for x in (remnant_share, metabolic_load, cell_death)
    )
    steps = as_count(steps_per_hour, name="steps_per_hour")
    out = np.empty((as_count(days, name="days"), share.size, 3))
    constants, every, step = _constants(evidence), steps * round(_HOURS_PER_DAY), 1.0 / steps
    at_once(
        lambda first, last: rk4_cells(share, load, death, constants, step, every, -LOST, out, first, last),
        parts(share.size),
        threads=threads,
    )
    finite = np.isfinite(out).all(axis=(0, 2))
    if not finite.all():
        worst = float(share[~finite].max())
        raise ValueError(
            f"steps of 1/{steps} hour do not follow a remnant of {worst:.0%}: a signal falls below nothing; take more "
            "steps_per_hour, or solve it alone"
        )
    return out


def cell_volume(cells: Floats, evidence: Evidence) -> Floats:
    """Return the volume of quiescent, primed and replicating cells (..., 3), share of the intact liver."""
    primed, replicating = (evidence.value(f"mechanistic.volume.{name}") for name in ("primed", "replicating"))
    return np.asarray(cells @ np.array([1.0, primed, replicating]))


def _constants(evidence: Evidence) -> CellConstants:
    """Return the constants of the equations, each by the id whose dots are its name's underscores."""
    ids = {
        id.partition(".")[2].replace(".", "_"): id for id in evidence.ids() if id.startswith("mechanistic.")
    }
    return CellConstants(**{name: evidence.value(ids[name]) for name in CellConstants._fields})


def _solve(share: float, constants: CellConstants, days: Floats, load: float, death: float) -> Floats:
    """Return quiescent, primed and replicating cells on `days`, (n_days, 3); none once the liver is lost.

    Where more load makes more cells than the intact liver has, signals fall below nothing and soon through a pole of
    the equations, beyond which a solver goes on with numbers that mean nothing: it is stopped there.
    """
    hours = days * _HOURS_PER_DAY
    rates = np.empty(N_STATES)

    def slope(_: float, y: Floats) -> Floats:
        cell_rates(y, load, death, constants, rates)
        return rates.copy()

    def lost(_: float, y: Floats) -> float:
        return float(y[-3:].sum()) - LOST

    def below_nothing(_: float, y: Floats) -> float:
        return float(y[:-3].min()) + LOST

    lost.terminal = below_nothing.terminal = True  # type: ignore[attr-defined]
    start = np.ones(N_STATES)
    start[-3:] = share, 0.0, 0.0
    asked, where = np.unique(hours, return_inverse=True)
    solved = solve_ivp(
        slope, (0.0, float(asked[-1])), start, "LSODA", asked,
        events=(lost, below_nothing), rtol=TOLERANCE, atol=NOTHING,
    )  # fmt: skip
    if solved.t_events[1].size:
        raise ValueError(
            f"{solved.t_events[1][0] / _HOURS_PER_DAY:.0f} days after an operation that leaves {share:.0%}, with "
            f"{load:g} times the metabolic load, a signal falls below nothing, where the equations mean nothing; "
            "take a smaller load, or fewer days"
        )
    if solved.status < 0:
        raise ValueError(f"the equations for a remnant of {share:.0%} could not be solved: {solved.message}")
    cells = np.zeros((asked.size, 3))
    if len(solved.t):
        cells[: len(solved.t)] = solved.y[-3:].T
    return np.asarray(cells[where])


def _empirical(share: float, days: Floats, evidence: Evidence) -> Floats:
    """Return volume by the empirical curve at its median rate, (n_days,) share of the intact liver."""
    rate = np.array([evidence.value("growth.post_resection.rate")])
    gap = np.array([remaining_gap(float(day), rate, evidence)[0] for day in days])
    return 1.0 - (1.0 - share) * gap
