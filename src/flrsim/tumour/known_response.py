"""Draws that agree with how the lesions are known to have answered so far."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from flrsim.draws import Floats, Stream
from flrsim.evidence import Evidence
from flrsim.patient import TumourBiology
from flrsim.tumour.path import Path
from flrsim.tumour.phases import Phase
from flrsim.tumour.response import Parts, PatientDraws, Response

_CELLS = 32
"""Parts into which each of the three quantiles is divided; a power of 2, so that borders are exact."""

_OFF = float(np.finfo(np.float64).eps)  # keeps a uniform off 0 and 1
_STREAMS = ("tumour.sensitive_share", "tumour.shrink_rate", "tumour.doubling_time")


def known_response(
    draws: PatientDraws,
    phases: tuple[Phase, ...],
    scan_day: int,
    biology: TumourBiology,
    evidence: Evidence,
    uniform: Stream,
) -> tuple[PatientDraws, str]:
    """Return the draws restricted to patients who answered as this one did, and what had to be left out.

    Notes
    -----
    Read is the treatment in the images or the last before them, every two weeks, up to the images: *progressing*
    is a diameter above the smallest by ``tumour.recist.progression`` at the last reading, *responding* one below
    that at its start by ``tumour.recist.response``, *stable* anything between. No draw is thrown away: the unit
    cube of the three quantiles (sensitive share, shrink rate, doubling time) is divided into cells, those whose
    centre answers otherwise are taken out, and each uniform number in turn is mapped onto what is left, given
    those before it. A larger number stays larger.
    """
    if biology.response is None:
        return draws, ""
    before = [p for p in phases if p.start < scan_day]
    if not before:
        return (
            draws,
            f'response "{biology.response}" is not used: no treatment with a known response before the images',
        )
    keep = _answers(tuple(before), scan_day, biology, evidence) == biology.response
    if not keep.any():
        return draws, f'response "{biology.response}" is not used: no draw answers this treatment so'
    from scipy.special import ndtri

    sensitive, shrink, doubling = (ndtri(u) for u in _restricted(keep, [uniform(name) for name in _STREAMS]))
    return replace(draws, sensitive_z=sensitive, shrink_z=shrink, growth_z=-doubling), ""


def _answers(
    phases: tuple[Phase, ...], scan_day: int, biology: TumourBiology, evidence: Evidence
) -> NDArray[np.str_]:
    """Return how the patient at the centre of each cell has answered, (cells, cells, cells) str."""
    from scipy.special import ndtri

    centre = ndtri((np.arange(_CELLS) + 0.5) / _CELLS)
    sensitive, shrink, doubling = (g.ravel() for g in np.meshgrid(centre, centre, centre, indexing="ij"))
    middle = np.full(sensitive.shape, 0.5)
    patients = PatientDraws(sensitive, shrink, -doubling, middle, middle, middle)
    law = Response(patients, np.zeros((1, 1)), biology, evidence)
    start = phases[0].start
    path = Path(start, Parts(np.ones((1, 1)), np.zeros((1, 1))), phases, None, law)
    # The last course begins after the last break.
    ends = [p.end for p in phases]
    first = max((b.start for a, b in zip([None, *ends], phases, strict=False) if a != b.start), default=start)
    last = min(ends[-1], float(scan_day))
    cycle = evidence.value("injury.cycle_days")
    read = [*np.arange(first, last, cycle).tolist(), last]
    sizes = np.array([path.parts(day).diameter[0] for day in read])
    grown = sizes[-1] >= (1.0 + evidence.value("tumour.recist.progression")) * sizes.min(axis=0)
    shrunk = sizes[-1] <= (1.0 - evidence.value("tumour.recist.response")) * sizes[0]
    return np.where(grown, "progressing", np.where(shrunk, "responding", "stable")).reshape((_CELLS,) * 3)


def _restricted(keep: NDArray[np.bool_], uniforms: list[Floats]) -> list[Floats]:
    """Return uniform numbers mapped, one after another, onto the cells that are kept."""
    tables = (
        keep.sum(axis=(1, 2))[np.newaxis],
        keep.sum(axis=2),
        keep.reshape(-1, keep.shape[-1]),
    )
    row = np.zeros(uniforms[0].shape, dtype=np.int64)
    out = []
    for table, u in zip(tables, uniforms, strict=True):
        cell, mapped = _inverse(np.asarray(table, dtype=np.float64), row, u)
        out.append(mapped)
        row = row * table.shape[1] + cell
    return out


def _inverse(weights: Floats, row: NDArray[np.int64], u: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Return cell and place in (0, 1) of the quantile `u` of the distribution with the weights of a row."""
    n = weights.shape[1]
    total = weights.sum(axis=1, keepdims=True)
    upto = np.cumsum(weights, axis=1) / np.where(total > 0, total, 1.0)
    # Rows one after another make one increasing table.
    table = (upto + np.arange(len(upto))[:, np.newaxis]).ravel()
    cell = np.minimum(np.searchsorted(table, u + row, side="right") - row * n, n - 1)
    high = upto[row, cell]
    low = np.where(cell > 0, upto[row, np.maximum(cell - 1, 0)], 0.0)
    inside = np.clip((u - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
    return cell, np.clip((cell + inside) / n, _OFF, 1.0 - _OFF)
