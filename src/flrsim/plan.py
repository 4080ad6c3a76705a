"""What a plan may say: dated steps that operate, occlude, treat, scan or wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flrsim.anatomy import PORTAL_BRANCHES, leaves, resection_segments, resection_title
from flrsim.errors import PlanError
from flrsim.resection.plane import Plane
from flrsim.resection.sheet import Sheet

ALPPS = ("alpps", "alpps_partial", "alpps_mini", "alpps_tourniquet", "alpps_rescue")
RADIATION = "y90"
TECHNIQUES = ("pve", "pvl", "lvd", "hve", *ALPPS, RADIATION)
"""Stimuli of growth: embolization and ligation of portal branches, with hepatic veins at once (lvd) or later (hve),
associating liver partition in its variants, radiation lobectomy."""
TITLES = {
    "pve": "PVE",
    "pvl": "PVL",
    "lvd": "LVD",
    "hve": "HVE",
    "alpps": "ALPPS (complete split)",
    "alpps_partial": "partial ALPPS",
    "alpps_mini": "mini-ALPPS",
    "alpps_tourniquet": "tourniquet ALPPS",
    "alpps_rescue": "rescue ALPPS",
    RADIATION: "radiation lobectomy",
}
AGENTS = ("nbca", "pva", "gelfoam", "coils", "ethanol", "plug")
SECOND = ("hve", "alpps_rescue")
"""Techniques that add to an occlusion already made."""
CAUDATE = ("stays", "goes")
PRIMARY = ("major", "minor")


@dataclass(frozen=True)
class Operate:
    """An operation: all that it names goes, or is destroyed, in one session.

    Attributes
    ----------
    resect : names of resections or segments.
    wedge : lesions taken with a margin out to the capsule.
    margin_mm : planned margin of the wedges; the margins of what a resection takes are measured, not planned.
    ablate : lesions destroyed with a margin where they lie.
    ablation_margin_mm : planned margin of the ablations.
    territory : branches whose territories go, e.g. ``portal:S8`` or ``hepatic:middle``.
    plane, sheet : what lies on the side of every plane and every sheet goes, as one specimen.
    within : segments or resections that planes and sheets are kept to; empty: the whole liver.
    with_primary : ``major`` or ``minor`` colorectal resection in the same session.
    thrombectomy : a portal tumour thrombus is taken out as well.
    """

    resect: tuple[str, ...] = ()
    wedge: tuple[str, ...] = ()
    margin_mm: float | None = None
    ablate: tuple[str, ...] = ()
    ablation_margin_mm: float | None = None
    territory: tuple[str, ...] = ()
    plane: tuple[Plane, ...] = ()
    sheet: tuple[Sheet, ...] = ()
    within: tuple[str, ...] = ()
    with_primary: str | None = None
    thrombectomy: bool = False

    @property
    def drawn(self) -> bool:
        """Whether a plane or a sheet cuts through the liver."""
        return bool(self.plane or self.sheet)

    @property
    def free(self) -> bool:
        """Whether it cuts through segments without naming them: what it takes of each only the geometry tells."""
        return self.drawn or bool(self.territory)

    @property
    def empty(self) -> bool:
        """Whether the operation names nothing."""
        return not (self.resect or self.wedge or self.ablate or self.free)


@dataclass(frozen=True)
class Occlude:
    """A stimulus of growth: branches are closed, the liver is split, or a lobe is radiated.

    Attributes
    ----------
    technique : one of `TECHNIQUES`.
    portal : branches by name; their segments lose portal inflow.
    hepatic : hepatic veins closed, for ``lvd`` and ``hve``.
    agent : what was embolized with, one of `AGENTS`; None when not said.
    """

    technique: str
    portal: tuple[str, ...] = ()
    hepatic: tuple[str, ...] = ()
    agent: str | None = None


@dataclass(frozen=True)
class Treat:
    """Systemic or arterial treatment: the first of `cycles` is given on the day of the step."""

    regimen: str
    cycles: int


@dataclass(frozen=True)
class Scan:
    """Imaging day; `flr_ml` when the volume was measured."""

    flr_ml: float | None = None


@dataclass(frozen=True)
class Wait:
    """Nothing happens until the next step."""


Action = Operate | Occlude | Treat | Scan | Wait


@dataclass(frozen=True)
class Step:
    """One action on one day; day 0 is the first step that touches the liver."""

    day: int
    action: Action


@dataclass(frozen=True)
class Plan:
    """A named, ordered list of dated steps.

    Attributes
    ----------
    scan_day : day of the images in this plan, where treatment before the first step that touches the liver puts them
        elsewhere than in the case; None takes the case's.
    """

    name: str
    steps: tuple[Step, ...]
    caudate: str = "stays"
    scan_day: int | None = None

    @property
    def operations(self) -> tuple[Step, ...]:
        """The steps that operate, in order; operation k is stage k."""
        return tuple(s for s in self.steps if isinstance(s.action, Operate))

    @property
    def family(self) -> str:
        """The kind of plan: how many operations, which stimulus of growth, wedges or resection."""
        n = len(self.operations)
        stimulus = _stimulus([s.action.technique for s in self.steps if isinstance(s.action, Occlude)])
        if n == 1:
            action = self.operations[0].action
            if stimulus:
                return f"{stimulus}, then one operation"
            sparing = isinstance(action, Operate) and not action.resect and not action.free
            return "one operation, parenchyma-sparing" if sparing else "one operation"
        return f"{_number(n)} operations with {stimulus}" if stimulus else f"{_number(n)} operations"


def _stimulus(techniques: Sequence[str]) -> str:
    """Return the kind of stimulus that sets a plan apart, in words; empty without one."""
    if any(t in ALPPS for t in techniques):
        return "liver partition (ALPPS)"
    if RADIATION in techniques:
        return TITLES[RADIATION]
    if any(t in ("lvd", "hve") for t in techniques):
        return "venous deprivation"
    if "pvl" in techniques:
        return "portal ligation"
    return "embolization" if techniques else ""


def _number(n: int) -> str:
    return {2: "two", 3: "three", 4: "four"}.get(n, str(n))


def segments_of(names: tuple[str, ...], present: tuple[str, ...]) -> frozenset[str]:
    """Return the leaf segments, among those present, that the named resections take."""
    wanted = {leaf for name in names for segment in resection_segments(name) for leaf in leaves(segment)}
    return frozenset(wanted & set(present))


def occluded_segments(action: Occlude, present: tuple[str, ...]) -> frozenset[str]:
    """Return the leaf segments that lose portal inflow.

    Raises
    ------
    PlanError
        When a branch is not in the registry.
    """
    out: set[str] = set()
    for branch in action.portal:
        if branch not in PORTAL_BRANCHES:
            raise PlanError(
                f'portal branch "{branch}" is not known; branches are {", ".join(PORTAL_BRANCHES)}'
            )
        out.update(leaf for segment in PORTAL_BRANCHES[branch] for leaf in leaves(segment))
    return frozenset(out & set(present))


def resected_by(plan: Plan, present: tuple[str, ...]) -> list[frozenset[str]]:
    """Return the segments that each operation of a plan resects whole, in order; a caudate that goes, goes last."""
    out = []
    for step in plan.operations:
        action = step.action
        out.append(segments_of(action.resect, present) if isinstance(action, Operate) else frozenset())
    if plan.caudate == "goes" and out and not any("S1" in taken for taken in out):
        out[-1] = out[-1] | {"S1"}
    return out


def describe(step: Step, present: tuple[str, ...]) -> str:
    """Return one step in words, e.g. ``day 45: right trisectionectomy``."""
    action = step.action
    if isinstance(action, Operate):
        parts = [resection_title(segments_of(action.resect, present))] if action.resect else []
        parts += [territory_title(action)] if action.territory else []
        parts += [drawn_title(action, present)] if action.drawn else []
        for names, word, margin_mm in (
            (action.wedge, "wedge", action.margin_mm),
            (action.ablate, "ablation", action.ablation_margin_mm),
        ):
            if names:
                margin = "" if margin_mm is None else f" ({margin_mm:g} mm margin)"
                parts.append(f"{word} {', '.join(names)}{margin}")
        parts += ["thrombectomy"] if action.thrombectomy else []
        parts += [f"{action.with_primary} colorectal resection"] if action.with_primary else []
        what = " + ".join(parts)
    elif isinstance(action, Occlude):
        what = _occlusion_title(action)
    elif isinstance(action, Treat):
        what = f"{action.regimen}, {action.cycles} {'cycle' if action.cycles == 1 else 'cycles'}"
    elif isinstance(action, Scan):
        what = "scan" if action.flr_ml is None else f"scan, FLR measured {action.flr_ml:g} mL"
    else:
        what = "wait"
    return f"day {step.day}: {what}"


def _occlusion_title(action: Occlude) -> str:
    """Return a stimulus of growth in words, e.g. ``LVD (NBCA) of right + S4, right hepatic vein``."""
    name = TITLES[action.technique] + (f" ({action.agent})" if action.agent else "")
    where = " + ".join(b.replace("_", " ") for b in action.portal)
    veins = [f"{v} hepatic vein" for v in action.hepatic]
    return f"{name} of {', '.join([*([where] if where else []), *veins])}"


def territory_title(action: Operate) -> str:
    """Return the territories an operation takes in words, e.g. ``territory of portal S8``."""
    names = " + ".join(name.replace(":", " ").replace("_", " ") for name in action.territory)
    return f"{'territory' if len(action.territory) == 1 else 'territories'} of {names}"


def drawn_title(action: Operate, present: tuple[str, ...]) -> str:
    """Return the drawn cuts of an operation in words, e.g. ``cut along a plane within S5 + S8``."""
    parts = []
    for n, word in ((len(action.plane), "plane"), (len(action.sheet), "sheet")):
        if n:
            parts.append(f"a {word}" if n == 1 else f"{_number(n)} {word}s")
    what = " and ".join(parts)
    kept = sorted(segments_of(action.within, present))
    return f"cut along {what}" + (f" within {' + '.join(kept)}" if kept else "")
