"""Why an edit would cut a lesion through: what of it is left behind, counted on the pieces of the liver."""

from __future__ import annotations

import numpy as np

from flrsim.case import LiverCase
from flrsim.errors import EditError
from flrsim.plan import Plan, Treat
from flrsim.planner.shape import ABLATE, CUT, KEEP, SEGMENT, WEDGE, Shape
from flrsim.staging import StagedPlan
from flrsim.staging.fates import Fate


def check_cut(
    case: LiverCase,
    before: StagedPlan,
    after: StagedPlan,
    shapes: tuple[Shape, Shape],
    control: str,
    said: str,
    lesion: str | None,
) -> None:
    """Raise when an edit cuts through a lesion that was not cut before.

    A plan that treats first may cut through what today is too large: if some shrinkage makes it go whole, that is for
    the simulation to judge.

    Parameters
    ----------
    shapes : of the plan before and after the edit.
    said : the edit in words, e.g. ``S4 cannot go in stage 2``.
    lesion : the lesion that was moved; None when segments were.

    Raises
    ------
    EditError
        The sentence names the lesion, what becomes of it, and the mL.
    """
    was = {f.lesion.name: f.fate for f in before.fates}
    for fate in after.fates:
        name = fate.lesion.name
        if fate.fate != "cut_through" or was[name] == "cut_through" or _may_shrink(after.plan, fate):
            continue
        reason = _segments_in_words(fate, shapes[1]) if name == lesion else _lesion_in_words(name, shapes[0])
        if fate.left_ml > 0:
            where = " + ".join(s for s in fate.left_in if s != "outside")
            raise EditError(
                control,
                f"{said} while {reason}: it would leave {in_ml(fate.left_ml)} of {name} behind in {where}",
            )
        parts = _parts(case, after, name)
        shares = " and ".join(f"{in_ml(ml)} in stage {stage}" for stage, ml in parts.items())
        if len(parts) > 1:
            raise EditError(control, f"{said} while {reason}: it would cut {name} in two, {shares}")
        raise EditError(
            control, f"{said} while {reason}: it would take a part of {name} out and ablate the rest"
        )


def in_ml(ml: float) -> str:
    """Return a volume of tumour as a refusal prints it; what is there is never printed as none."""
    printed = f"{ml:.1f} mL"
    return "less than 0.1 mL" if ml > 0 and printed == "0.0 mL" else printed


def _may_shrink(plan: Plan, fate: Fate) -> bool:
    """Return whether the plan treats before the operation, and a smaller lesion would go whole."""
    last = plan.operations[-1].day
    return fate.clears_at is not None and any(
        isinstance(s.action, Treat) and s.day < last for s in plan.steps
    )


def _parts(case: LiverCase, staged: StagedPlan, name: str) -> dict[int, float]:
    """Return what goes of a lesion in each operation, mL."""
    pieces = staged.pieces
    own = np.isin(pieces.region, case.grid.ids(tissue=name, kind="lesion"))
    found = {op.stage: pieces.volume_ml(own & op.goes) for op in staged.operations}
    return {stage: ml for stage, ml in found.items() if ml > 0}


def _lesion_in_words(name: str, shape: Shape) -> str:
    """Return what becomes of a lesion before the edit, e.g. ``L3 is kept``."""
    way = shape.lesions[name]
    words = {
        KEEP: "is kept",
        SEGMENT: f"goes with its segments in stage {way.stage}",
        WEDGE: f"is wedged in stage {way.stage}",
        ABLATE: f"is ablated in stage {way.stage}",
        CUT: "is cut",
    }
    return f"{name} {words[way.kind]}"


def _segments_in_words(fate: Fate, shape: Shape) -> str:
    """Return which of a lesion's segments go, e.g. ``S6 goes in stage 2``."""
    held = [s for s in fate.lesion.segments if shape.segments.get(s)]
    if not held:
        return "other lesions' wedges reach it"
    stages = sorted({shape.segments[s] for s in held})
    words = [
        " + ".join(s for s in sorted(held) if shape.segments[s] == stage) + f" in stage {stage}"
        for stage in stages
    ]
    return f"{' and '.join(words)} {'goes' if len(held) == 1 else 'go'}"
