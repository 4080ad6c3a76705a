"""The marks that the cuts of all plans set on the voxels, each made once, by name."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray

from flrsim.case import LiverCase
from flrsim.grid import CutMark, Pieces
from flrsim.plan import Operate, Plan, segments_of
from flrsim.resection.ablation import ablation_zone
from flrsim.resection.plane import plane_mark
from flrsim.resection.sheet import sheet_mark
from flrsim.resection.territory import territory_mask
from flrsim.resection.wedge import wedge

Mark = NDArray[np.bool_] | CutMark


def marks_of(
    case: LiverCase, plans: Sequence[Plan], known: MutableMapping[str, Mark] | None = None
) -> dict[str, Mark]:
    """Return the mark of every cut that any plan names, by name; segments need none, regions know theirs.

    Parameters
    ----------
    known : marks that this liver was given before, taken from here; new ones are added.
    """
    makers: dict[str, Callable[[], Mark]] = {}
    grid = case.grid
    for plan in plans:
        for step in plan.operations:
            action = step.action
            if not isinstance(action, Operate):
                continue
            if action.margin_mm is not None:
                for name in action.wedge:
                    makers[_wedge_name(name, action.margin_mm)] = partial(
                        wedge, grid, case.lesion(name), action.margin_mm
                    )
            if action.ablation_margin_mm is not None:
                for name in action.ablate:
                    makers[_zone_name(name, action.ablation_margin_mm)] = partial(
                        ablation_zone, grid, case.lesion(name), action.ablation_margin_mm
                    )
            for name in action.territory:
                makers[_territory_name(name)] = partial(territory_mask, case, [name])
            for plane in action.plane:
                makers[plane.key] = partial(plane_mark, grid, plane)
            for sheet in action.sheet:
                makers[sheet.key] = partial(sheet_mark, case, sheet)
    made = {} if known is None else known
    keys = sorted(makers)
    missing = [key for key in keys if key not in made]
    _ = grid.liver  # shared by all cuts; made before the threads ask for it
    with ThreadPoolExecutor(max_workers=2) as pool:
        made.update(zip(missing, pool.map(lambda key: makers[key](), missing), strict=True))
    return {key: made[key] for key in keys}


def specimen_of(action: Operate, resects: frozenset[str], pieces: Pieces) -> NDArray[np.bool_]:
    """Return the pieces an operation takes out, whether or not they are still there, (n_pieces,) bool.

    Segments, territories, wedges and what is drawn add up. Drawn cuts of one operation bound one specimen: it lies on the
    side of every one of them, and inside the segments they are kept to.
    """
    grid = pieces.grid
    goes = (
        np.isin(pieces.region, grid.ids(segments=resects)) if resects else np.zeros(len(pieces.region), bool)
    )
    goes |= wedged_by(action, pieces)
    if action.territory:
        goes |= pieces.members([_territory_name(name) for name in action.territory])
    if action.drawn:
        drawn = pieces.inside_all([*(p.key for p in action.plane), *(s.key for s in action.sheet)])
        if action.within:
            drawn &= np.isin(pieces.region, grid.ids(segments=segments_of(action.within, grid.segments)))
        goes |= drawn
    return np.asarray(goes)


def wedged_by(action: Operate, pieces: Pieces) -> NDArray[np.bool_]:
    """Return the pieces in an operation's wedges, whether or not they are still there, (n_pieces,) bool."""
    if not action.wedge or action.margin_mm is None:
        return np.zeros(len(pieces.region), dtype=np.bool_)
    return pieces.members([_wedge_name(name, action.margin_mm) for name in action.wedge])


def ablated_by(action: Operate, pieces: Pieces) -> NDArray[np.bool_]:
    """Return the pieces in an operation's ablation zones, whether or not they are still there, (n_pieces,) bool."""
    if not action.ablate or action.ablation_margin_mm is None:
        return np.zeros(len(pieces.region), dtype=np.bool_)
    return pieces.members([_zone_name(name, action.ablation_margin_mm) for name in action.ablate])


def zone_of(pieces: Pieces, lesion: str, margin_mm: float, *, ablated: bool) -> NDArray[np.bool_]:
    """Return the pieces in the wedge of one lesion, or in its ablation zone, (n_pieces,) bool."""
    return pieces.members([(_zone_name if ablated else _wedge_name)(lesion, margin_mm)])


def _territory_name(branch: str) -> str:
    return f"territory {branch}"


def _wedge_name(lesion: str, margin_mm: float) -> str:
    # All digits: marks are kept by name, and two margins must never share one.
    return f"wedge {lesion} {margin_mm:.17g}"


def _zone_name(lesion: str, margin_mm: float) -> str:
    return f"ablation {lesion} {margin_mm:.17g}"
