"""Whether what stays can live: portal inflow, venous outflow, bile, one part; each answered or said to be unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flrsim.anatomy import HEPATIC_VEINS, SEGMENTS, VEIN_PROXIES, leaves
from flrsim.case import LiverCase
from flrsim.evidence import Evidence
from flrsim.perfusion import Circulation, Deprivation, spoken, summed, total
from flrsim.plan import Operate
from flrsim.resection.margin import VesselVoxels
from flrsim.results import StayingSegment
from flrsim.staging import StagedPlan


@dataclass(frozen=True)
class VesselAnswer:
    """Inflow or outflow of what stays: yes, no or not_supplied, with the sentence that says why."""

    question: str
    answer: str
    sentence: str


@dataclass(frozen=True)
class OnKeptVein:
    """A lesion that goes, hardly a margin away from a hepatic vein that is dissected free and kept; mm."""

    lesion: str
    vein: str
    distance_mm: float

    @property
    def sentence(self) -> str:
        """What is said about it."""
        where = f"{self.distance_mm:.1f} mm from" if self.distance_mm > 0 else "on"
        return f"{self.lesion} lies {where} the {self.vein} hepatic vein, which is dissected free and kept"


def on_kept_veins(
    case: LiverCase, staged: StagedPlan, deprived: Deprivation, evidence: Evidence
) -> tuple[OnKeptVein, ...]:
    """Return the lesions that a resection takes off a vein along which it runs, with less than the margin of R1.

    The distance is that of the lesion's surface from the vein's voxels; a vein inside a lesion has none of its own.
    """
    out = []
    least = evidence.value("verdict.margin_r1")
    for vein in (v.name for v in deprived.veins if v.fate == "along"):
        vessel = next(v for v in case.vessels if v.tree == "hepatic_vein" and v.branch == vein)
        cloud = VesselVoxels.of(case).cloud(vessel.name)
        for fate in staged.fates:
            if fate.fate not in ("removed", "cut_through"):
                continue
            inside = fate.lesion.name in vessel.encased_ml
            away = 0.0 if inside else cloud.distance(fate.lesion, reach_mm=least)
            if away < least:
                out.append(OnKeptVein(fate.lesion.name, vein, away))
    return tuple(out)


def vessel_answers(
    circulation: Circulation, staged: StagedPlan, deprived: Deprivation
) -> tuple[VesselAnswer, ...]:
    """Return whether what stays keeps portal inflow, venous outflow, artery and bile duct.

    A branch or vein is lost when at least half of it is gone or cut off from its root; see
    `flrsim.perfusion.deprivation`. Without labelled vessels nothing is assumed.
    """
    staying = set(staged.flr_ml)
    taken: set[str] = set()
    for op, step in zip(staged.operations, staged.plan.operations, strict=True):
        drawn = isinstance(step.action, Operate) and step.action.drawn
        taken |= op.takes if drawn else op.resects
    whole = sorted(staying - taken)
    out = [_inflow(circulation, deprived, whole), _outflow(circulation, staged, deprived, whole)]
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


def staying_segments(staged: StagedPlan, deprived: Deprivation) -> tuple[StayingSegment, ...]:
    """Return each segment of which parenchyma stays, with the fate of its portal branch and its hepatic veins."""
    flr = staged.flr_ml
    return tuple(
        StayingSegment(
            name,
            flr[name],
            *_own_branch(name, deprived.lost.get("portal_vein")),
            {v: _vein_fate(v, deprived) for v in segment.drainage},
        )
        for name, segment in SEGMENTS.items()
        if name in flr
    )


def _own_branch(segment: str, lost: Mapping[str, bool] | None) -> tuple[str, str]:
    """Return the outermost labelled portal branch of a segment and its fate; its own name where none is labelled."""
    way = SEGMENTS[segment].portal
    known = [b for b in way if lost is not None and b in lost]
    if lost is None or not known:
        return way[-1], "not_supplied"
    return known[-1], "lost" if any(lost[b] for b in known) else "kept"


def _vein_fate(vein: str, deprived: Deprivation) -> str:
    lost = deprived.lost.get("hepatic_vein")
    if lost is None or vein not in lost:
        return "not_supplied"
    if any(v.name == vein and v.fate == "along" for v in deprived.veins):
        return "along"
    return "lost" if lost[vein] else "kept"


def _inflow(circulation: Circulation, deprived: Deprivation, whole: list[str]) -> VesselAnswer:
    lost = deprived.lost.get("portal_vein")
    if lost is None:
        return VesselAnswer(
            "inflow",
            "not_supplied",
            f"portal branches were not supplied{_unnamed(circulation, 'portal_vein')}: inflow of what stays is unchecked",
        )
    bad = {s: [b for b in SEGMENTS[s].portal if lost.get(b, False)] for s in whole}
    text = "; ".join(f"{s} loses its {' and '.join(b)} portal branch" for s, b in bad.items() if b)
    by = summed(deprived.devascularised or {})
    if text:
        said = text.replace("_", " ")
        if deprived.unfed:
            said += f"; {deprived.unfed}"
        return VesselAnswer("inflow", "no", said)
    said = "portal branches of all that stays are kept; the hepatic artery was not supplied"
    if total(by) >= 1.0:
        said = (
            f"portal branches named after what stays are kept, but {spoken(by)} of it was fed by branches that are "
            "divided; the hepatic artery was not supplied"
        )
    return VesselAnswer("inflow", "yes", said)


def _outflow(
    circulation: Circulation, staged: StagedPlan, deprived: Deprivation, whole: list[str]
) -> VesselAnswer:
    lost = deprived.lost.get("hepatic_vein")
    if lost is None:
        proxy = _along_proxy(staged)
        return VesselAnswer(
            "outflow",
            "not_supplied",
            f"hepatic veins were not supplied{_unnamed(circulation, 'hepatic_vein')}: outflow of what stays is unchecked"
            + (f"; {proxy}" if proxy else ""),
        )
    drained = {s: [v for v in HEPATIC_VEINS if s in _drained(v) and v in lost] for s in whole if s != "S1"}
    dry = [s for s, veins in drained.items() if veins and all(lost[v] for v in veins)]
    said = [v.sentence for v in deprived.veins if v.sentence]
    if dry:
        first = f"{', '.join(dry)} keeps no hepatic vein that drains it"
        return VesselAnswer("outflow", "no", "; ".join([first, *said]))
    half = [s for s, veins in drained.items() if any(lost[v] for v in veins)]
    text = "each segment that stays keeps a hepatic vein"
    if half:
        text += f"; {', '.join(half)} {'loses' if len(half) == 1 else 'lose'} one of two"
    return VesselAnswer("outflow", "yes", "; ".join([text, *said]))


def _drained(vein: str) -> set[str]:
    """Return the leaf segments a vein drains."""
    return {leaf for segment in HEPATIC_VEINS[vein] for leaf in leaves(segment)}


def _unnamed(circulation: Circulation, tree: str) -> str:
    """Return why vessels that were supplied answer nothing: nobody named their branches."""
    return "" if "was not supplied" in circulation.missing[tree] else " by name (name the trees)"


def _along_proxy(staged: StagedPlan) -> str:
    """Return what the border where the middle hepatic vein usually lies says of a plan, without lifting anything."""
    present = set(staged.pieces.grid.segments)
    name, one, other = next((n, a, b) for n, a, b, _ in VEIN_PROXIES if n.startswith("middle"))
    left, right = ({leaf for s in side for leaf in leaves(s)} & present for side in (one, other))
    taken = {s for op in staged.operations for s in op.takes}
    if left <= taken and right <= taken:
        said = f"takes the border S4|S5–8, where the {name} usually runs"
        return f"{said}: what stays beside it may congest (segment border as proxy)"
    if (left <= taken and not right <= taken) or (right & taken and not left <= taken):
        stay = ", ".join(sorted((left if right & taken else right) - taken))
        return (
            f"the cut runs along the border S4|S5–8, where the {name} usually lies: if it goes, {stay} may congest "
            "(segment border as proxy, which lifts no verdict)"
        )
    return ""
