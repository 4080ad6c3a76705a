"""Whether what stays can live: portal inflow, venous outflow, bile, one part; each answered or said to be unknown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flrsim.anatomy import HEPATIC_VEINS, SEGMENTS
from flrsim.case import LiverCase
from flrsim.staging import HALF, StagedPlan


@dataclass(frozen=True)
class VesselAnswer:
    """Inflow or outflow of what stays: yes, no or not_supplied, with the sentence that says why."""

    question: str
    answer: str
    sentence: str


def vessel_answers(case: LiverCase, staged: StagedPlan) -> tuple[VesselAnswer, ...]:
    """Return whether what stays keeps portal inflow, venous outflow, artery and bile duct.

    A portal branch is lost when a wedge takes at least half of its labelled volume; in an anatomical
    resection the surgeon dissects the branches of what stays free and divides the others, so a trunk that
    runs through a resected segment is kept. A hepatic vein is lost when at least half of it goes. Without
    labelled vessels nothing is assumed.
    """
    pieces, grid = staged.pieces, staged.pieces.grid
    staying = set(staged.flr_ml)
    gone = np.zeros(len(pieces.region), dtype=np.bool_)
    wedged = np.zeros(len(pieces.region), dtype=np.bool_)
    for op in staged.operations:
        gone |= op.goes
        wedged |= op.goes & ~np.isin(pieces.region, grid.ids(segments=op.resects))
    removed_lesions = {f.lesion.name for f in staged.fates if f.fate == "removed"}
    wedged_lesions = {f.lesion.name for f in staged.fates if f.wedged}
    kept: dict[str, dict[str, bool]] = {"portal_vein": {}, "hepatic_vein": {}}
    for vessel in case.vessels:
        if vessel.tree in kept and vessel.branch is not None:
            own = np.isin(pieces.region, grid.ids(tissue=vessel.name, kind="vessel"))
            taken = wedged if vessel.tree == "portal_vein" else gone
            # What runs inside a lesion is lesion in the grid: it goes where the lesion goes.
            went = removed_lesions if vessel.tree == "hepatic_vein" else wedged_lesions
            taken_ml = pieces.volume_ml(own & taken) + sum(
                ml for name, ml in vessel.encased_ml.items() if name in went
            )
            total = pieces.volume_ml(own) + sum(vessel.encased_ml.values())
            # A branch without a voxel on this grid says nothing, so it is not among those that are kept.
            if total > 0:
                kept[vessel.tree][vessel.branch] = taken_ml < HALF * total
    whole = sorted(s for s in staying if not any(s in op.resects for op in staged.operations))
    out = []
    portal = kept["portal_vein"]
    if not portal:
        out.append(
            VesselAnswer(
                "inflow",
                "not_supplied",
                "portal branches were not supplied: inflow of what stays is unchecked",
            )
        )
    else:
        lost = {s: [b for b in SEGMENTS[s].portal if b in portal and not portal[b]] for s in whole}
        bad = {s: b for s, b in lost.items() if b}
        if bad:
            text = "; ".join(f"{s} loses its {' and '.join(b)} portal branch" for s, b in bad.items())
            out.append(VesselAnswer("inflow", "no", text.replace("_", " ")))
        else:
            out.append(
                VesselAnswer(
                    "inflow",
                    "yes",
                    "portal branches of all that stays are kept; the hepatic artery was not supplied",
                )
            )
    veins = kept["hepatic_vein"]
    if not veins:
        out.append(
            VesselAnswer(
                "outflow",
                "not_supplied",
                "hepatic veins were not supplied: outflow of what stays is unchecked",
            )
        )
    else:
        drained = {
            s: [v for v in HEPATIC_VEINS if s in HEPATIC_VEINS[v] and v in veins] for s in whole if s != "S1"
        }
        dry = [s for s, v in drained.items() if v and not any(veins[x] for x in v)]
        half = [s for s, v in drained.items() if v and s not in dry and not all(veins[x] for x in v)]
        if dry:
            out.append(
                VesselAnswer("outflow", "no", f"{', '.join(dry)} keeps no hepatic vein that drains it")
            )
        else:
            text = "each segment that stays keeps a hepatic vein"
            if half:
                text += f"; {', '.join(half)} loses one of two and may congest"
            out.append(VesselAnswer("outflow", "yes", text))
    out.append(
        VesselAnswer(
            "bile", "not_supplied", "bile ducts were not supplied: drainage of what stays is unchecked"
        )
    )
    parts = staged.operations[-1].remnant_pieces_ml if staged.operations else ()
    if len(parts) > 1:
        out.append(
            VesselAnswer(
                "contiguity",
                "no",
                f"what stays is in {len(parts)} parts of {', '.join(f'{p:.0f}' for p in parts[:4])} mL: a part without a pedicle dies",
            )
        )
    else:
        out.append(VesselAnswer("contiguity", "yes", "what stays is one part"))
    return tuple(out)
