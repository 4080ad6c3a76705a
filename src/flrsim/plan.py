"""What a plan may say: dated steps that operate, occlude, scan or wait."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from flrsim.anatomy import PORTAL_BRANCHES, SEGMENTS, leaves, resection_segments, resection_title
from flrsim.case import Lesion, LiverCase
from flrsim.errors import AnatomyError, PlanError
from flrsim.resection.plane import Plane, heights
from flrsim.resection.sheet import Sheet, sheet_mark
from flrsim.resection.territory import territory_mask

TECHNIQUES = ("pve",)
CAUDATE = ("stays", "goes")


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
    """Embolization of portal branches.

    Attributes
    ----------
    technique : ``pve``.
    portal : branches by name; their segments lose portal inflow.
    """

    technique: str
    portal: tuple[str, ...]


@dataclass(frozen=True)
class Scan:
    """Imaging day; `flr_ml` when the volume was measured."""

    flr_ml: float | None = None


@dataclass(frozen=True)
class Wait:
    """Nothing happens until the next step."""


Action = Operate | Occlude | Scan | Wait


@dataclass(frozen=True)
class Step:
    """One action on one day; day 0 is the first step that touches the liver."""

    day: int
    action: Action


@dataclass(frozen=True)
class Plan:
    """A named, ordered list of dated steps."""

    name: str
    steps: tuple[Step, ...]
    caudate: str = "stays"

    @property
    def operations(self) -> tuple[Step, ...]:
        """The steps that operate, in order; operation k is stage k."""
        return tuple(s for s in self.steps if isinstance(s.action, Operate))

    @property
    def family(self) -> str:
        """The kind of plan: one operation or two, with or without embolization, wedges or resection."""
        n = len(self.operations)
        occluded = any(isinstance(s.action, Occlude) for s in self.steps)
        if n == 1:
            action = self.operations[0].action
            if occluded:
                return "embolization, then one operation"
            sparing = isinstance(action, Operate) and not action.resect and not action.free
            return "one operation, parenchyma-sparing" if sparing else "one operation"
        return f"{_number(n)} operations with embolization" if occluded else f"{_number(n)} operations"


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


def check_plan(plan: Plan, case: LiverCase) -> tuple[str, ...]:
    """Return remarks on a plan that can be carried out; raise for one that cannot.

    Raises
    ------
    PlanError
        Steps out of order, unknown names, absent lesions, a segment resected twice, an occluded branch that
        feeds the FLR, nothing left.
    """
    where = f'plan "{plan.name}"'
    present = case.grid.segments
    days = [s.day for s in plan.steps]
    if days != sorted(days):
        raise PlanError(
            f"{where}: the steps are on days {', '.join(map(str, days))}; put them in the order of their days"
        )
    if not plan.operations:
        raise PlanError(f"{where} has no operation; a plan needs at least one step that operates")
    touching = [s for s in plan.steps if isinstance(s.action, (Operate, Occlude))]
    if touching[0].day != 0:
        raise PlanError(
            f"{where}: the first step that touches the liver is on day {touching[0].day}; it is day 0 by definition"
        )
    if plan.caudate not in CAUDATE:
        raise PlanError(f'{where}: caudate is "{plan.caudate}"; it {" or ".join(CAUDATE)}')
    for step in plan.steps:
        try:
            if isinstance(step.action, Operate):
                segments_of(step.action.resect, present)
            elif isinstance(step.action, Occlude):
                occluded_segments(step.action, present)
        except PlanError as error:
            raise PlanError(f"{where}, day {step.day}: {error.sentence}") from None
    known = {lesion.name for lesion in case.lesions}
    resected = resected_by(plan, present)
    remarks: list[str] = []
    gone: set[str] = set()
    treated: dict[str, str] = {}
    for step, taken in zip(plan.operations, resected, strict=True):
        action = step.action
        if not isinstance(action, Operate):
            continue
        at = f"{where}, day {step.day}"
        if action.empty:
            raise PlanError(
                f"{at}: the operation takes nothing; name a resection, lesions to wedge or to ablate, a territory, a plane or a sheet"
            )
        _check_drawn(action, case, at)
        absent = [name for name in (*action.wedge, *action.ablate) if name not in known]
        if absent:
            raise PlanError(
                f"{where}, day {step.day}: lesion {', '.join(absent)} is not in the case; its lesions are "
                f"{', '.join(sorted(known)) or 'none'}"
            )
        for names, word in ((action.wedge, "wedged"), (action.ablate, "ablated")):
            twice = [name for name in dict.fromkeys(names) if name in treated or names.count(name) > 1]
            if twice:
                before = treated.get(twice[0], word)
                how = f"{word} a second time" if before == word else f"both {before} and {word}"
                raise PlanError(f"{at}: lesion {', '.join(twice)} is {how}; name it once")
            treated.update(dict.fromkeys(names, word))
        absent = [name for name in (*action.wedge, *action.ablate) if _within(case.lesion(name), gone)]
        if absent:
            raise PlanError(
                f"{at}: lesion {', '.join(absent)} lies in what an earlier operation took; it is already gone"
            )
        resected_too = [name for name in action.ablate if _within(case.lesion(name), taken)]
        if resected_too:
            raise PlanError(
                f"{at}: lesion {', '.join(resected_too)} is to be ablated in segments that the same operation resects; "
                "leave the ablation out"
            )
        if action.wedge and action.margin_mm is None:
            raise PlanError(f"{at}: a wedge needs its margin; say margin_mm = 5, or what is planned")
        if action.ablate and action.ablation_margin_mm is None:
            raise PlanError(
                f"{at}: an ablation needs its margin; say ablation_margin_mm = 5, or what is planned"
            )
        missing = [name for name in action.resect if not segments_of((name,), present)]
        if missing:
            raise PlanError(
                f"{where}, day {step.day}: {', '.join(missing)} names no segment that this liver has"
            )
        again = sorted(taken & gone)
        if again:
            raise PlanError(
                f"{where}, day {step.day}: {', '.join(again)} {'is' if len(again) == 1 else 'are'} resected a second time; "
                "name each segment once"
            )
        each = [segments_of((name,), present) for name in action.resect]
        both = sorted(s for s in taken if sum(s in part for part in each) > 1)
        if both:
            raise PlanError(
                f"{where}, day {step.day}: {', '.join(both)} {'is' if len(both) == 1 else 'are'} taken by two of "
                f"{', '.join(action.resect)}; name each segment once"
            )
        gone |= taken
    flr = set(present) - gone
    if not flr:
        raise PlanError(
            f"{where} leaves no segment; at least two contiguous segments with their vessels must stay"
        )
    occluded: set[str] = set()
    for step in plan.steps:
        if not isinstance(step.action, Occlude):
            continue
        if step.action.technique not in TECHNIQUES:
            raise PlanError(
                f'{where}, day {step.day}: technique "{step.action.technique}" is not one of {", ".join(TECHNIQUES)}'
            )
        occluded |= occluded_segments(step.action, present)
    # What a drawn cut leaves of a segment only the geometry tells: `flrsim.staging` asks again there.
    if not any(isinstance(s.action, Operate) and s.action.free for s in plan.operations):
        check_inflow(plan, present, flr)
    for step in plan.steps:
        if isinstance(step.action, Occlude) and not any(s.day > step.day for s in plan.operations):
            raise PlanError(
                f"{where}, day {step.day}: no operation follows the embolization; it would serve nothing"
            )
    s4 = {s for s in present if s.startswith("S4")}
    if occluded and s4 & gone and not s4 & occluded:
        remarks.append(
            "S4 is resected but its portal branches are not embolized: it takes part in the growth and S2 + S3 grow less"
        )
    return tuple(remarks)


def check_inflow(plan: Plan, present: tuple[str, ...], flr: Collection[str]) -> None:
    """Raise when an embolization takes the portal inflow of a segment that stays.

    Parameters
    ----------
    flr : segments of which more stays than goes.
    """
    for step in plan.steps:
        if not isinstance(step.action, Occlude):
            continue
        fed = sorted(occluded_segments(step.action, present) & set(flr))
        if fed:
            branches = [
                b
                for b in step.action.portal
                if occluded_segments(Occlude(step.action.technique, (b,)), present) & set(flr)
            ]
            raise PlanError(
                f'plan "{plan.name}", day {step.day}: occluding {", ".join(branches)} takes the portal inflow of '
                f"{', '.join(fed)}, which stays; occlude only branches of what will be resected"
            )


def _check_drawn(action: Operate, case: LiverCase, at: str) -> None:
    """Raise when a territory, a plane or a sheet is not one of this liver."""
    present = case.grid.segments
    if action.within and not action.drawn:
        raise PlanError(f"{at}: within keeps planes and sheets to segments, but none is given; leave it out")
    missing = [name for name in action.within if not segments_of((name,), present)]
    if missing:
        raise PlanError(f"{at}: within: {', '.join(missing)} names no segment that this liver has")
    kept = segments_of(action.within, present) if action.within else frozenset(present)
    field = "the liver" if not action.within else " + ".join(sorted(kept))
    for number, plane in enumerate(action.plane, start=1):
        which = f"{at}: plane {number}" if len(action.plane) > 1 else f"{at}: the plane"
        values = (*plane.point_mm, *plane.normal)
        if not all(map(math.isfinite, values)):
            raise PlanError(f"{which} holds a number that is not finite; give a point in mm and a normal")
        if not any(plane.normal):
            raise PlanError(
                f"{which} has the normal (0, 0, 0), which points nowhere; it must point to the side that goes"
            )
        height = heights(case.grid, plane)[case.grid.mask(case.grid.ids(segments=kept))]
        low, high = float(height.min()), float(height.max())
        if high < 0:
            raise PlanError(
                f"{which} misses {field}: all of it lies on the side that stays, {-high:.0f} mm or more from the plane; "
                "move the point (LPS mm), or turn the normal"
            )
        if low >= 0:
            raise PlanError(
                f"{which} misses {field}: all of it lies on the side that goes, {low:.0f} mm or more from the plane; "
                "move the point (LPS mm), or turn the normal"
            )
    if action.territory:
        try:
            mask = territory_mask(case, action.territory)
        except AnatomyError as error:
            raise PlanError(f"{at}: {error.sentence}") from None
        if not mask.any():
            raise PlanError(
                f"{at}: {territory_title(action)} holds no voxel of this liver; name another branch"
            )
    names = {*present, *(lesion.name for lesion in case.lesions)}
    names |= {s for s in SEGMENTS if set(leaves(s)) & set(present)}
    for sheet in action.sheet:
        if isinstance(sheet.goes, str) and (sheet.goes not in names):
            raise PlanError(
                f'{at}: {sheet.source}: goes = "{sheet.goes}" is no segment and no lesion of this liver; '
                "name one that lies wholly on the side that goes, or a point [x, y, z]"
            )
        try:
            sheet_mark(case, sheet)
        except PlanError as error:
            raise PlanError(f"{at}: {error.sentence}") from None


def _within(lesion: Lesion, segments: Collection[str]) -> bool:
    """Return whether all of a lesion lies in some segments."""
    return set(lesion.segments) <= set(segments)


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
        what = " + ".join(parts)
    elif isinstance(action, Occlude):
        what = f"{action.technique.upper()} of {' + '.join(b.replace('_', ' ') for b in action.portal)}"
    elif isinstance(action, Scan):
        what = "scan" if action.flr_ml is None else f"scan, FLR measured {action.flr_ml:g} mL"
    else:
        what = "wait"
    return f"day {step.day}: {what}"


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
