"""Whether a plan can be carried out on a liver: what is refused, and what is remarked."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace

from flrsim.anatomy import HEPATIC_VEINS, SEGMENTS, leaves
from flrsim.case import Lesion, LiverCase
from flrsim.errors import AnatomyError, CaseError, PlanError
from flrsim.evidence import Evidence
from flrsim.patient import Patient, Treatment
from flrsim.plan import (
    AGENTS,
    CAUDATE,
    SECOND,
    TECHNIQUES,
    TITLES,
    Occlude,
    Operate,
    Plan,
    Treat,
    occluded_segments,
    resected_by,
    segments_of,
    territory_title,
)
from flrsim.regimens import cycle_days, drugs
from flrsim.resection.plane import heights
from flrsim.resection.sheet import sheet_mark
from flrsim.resection.territory import territory_mask


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
    occluded = _check_occlusions(plan, present, where)
    _check_treatments(plan, images_day(plan, case), where)
    # What a drawn cut leaves of a segment only the geometry tells: `flrsim.staging` asks again there.
    if not any(isinstance(s.action, Operate) and s.action.free for s in plan.operations):
        check_inflow(plan, present, flr)
    for step in plan.steps:
        if isinstance(step.action, Occlude) and not any(s.day > step.day for s in plan.operations):
            raise PlanError(
                f"{where}, day {step.day}: no operation follows the {TITLES[step.action.technique]}; it would serve nothing"
            )
    s4 = {s for s in present if s.startswith("S4")}
    if occluded and s4 & gone and not s4 & occluded:
        remarks.append(
            "S4 is resected but its portal branches are not embolized: it takes part in the growth and S2 + S3 grow less"
        )
    return tuple(remarks)


def _check_occlusions(plan: Plan, present: tuple[str, ...], where: str) -> set[str]:
    """Return the segments that lose portal inflow; raise for a stimulus that cannot be carried out."""
    occluded: set[str] = set()
    for step in plan.steps:
        action = step.action
        if not isinstance(action, Occlude):
            continue
        at = f"{where}, day {step.day}"
        if action.technique not in TECHNIQUES:
            raise PlanError(f'{at}: technique "{action.technique}" is not one of {", ".join(TECHNIQUES)}')
        title = TITLES[action.technique]
        if action.agent is not None and (
            action.agent not in AGENTS or action.technique not in ("pve", "lvd")
        ):
            raise PlanError(
                f'{at}: agent "{action.agent}" with {title}; PVE and LVD take one of {", ".join(AGENTS)}'
            )
        veins = [v for v in action.hepatic if v not in HEPATIC_VEINS]
        if veins:
            raise PlanError(
                f'{at}: hepatic vein "{veins[0]}" is not known; veins are {", ".join(HEPATIC_VEINS)}'
            )
        if bool(action.hepatic) != (action.technique in ("lvd", "hve")):
            needed = "needs hepatic veins to close" if not action.hepatic else "closes no hepatic vein"
            raise PlanError(
                f"{at}: {title} {needed}; LVD and HVE name them as hepatic = [...], others do not"
            )
        if bool(action.portal) == (action.technique == "hve"):
            needed = "names portal branches" if action.portal else "names no portal branch"
            raise PlanError(
                f"{at}: {title} {needed}; HVE is added to an earlier occlusion and names none, every other technique does"
            )
        if action.technique in SECOND and not occluded:
            raise PlanError(
                f"{at}: {title} adds to an earlier portal occlusion, and the plan has none before it; put PVE first"
            )
        occluded |= occluded_segments(action, present)
    return occluded


def images_day(plan: Plan, case: LiverCase) -> int:
    """Return the day of the images relative to day 0 of a plan: its own, or the case's."""
    return case.scan_day if plan.scan_day is None else plan.scan_day


def history_of(plan: Plan, case: LiverCase) -> tuple[Treatment, ...]:
    """Return the treatments before a plan: a plan that dates the images otherwise dates with them what was given."""
    shift = images_day(plan, case) - case.scan_day
    return tuple(replace(t, last_dose_day=t.last_dose_day + shift) for t in case.history)


def patient_of(plan: Plan, case: LiverCase) -> Patient | None:
    """Return the patient before a plan: a plan that dates the images otherwise dates with them when a biopsy was taken."""
    patient = case.patient
    if patient is None or patient.liver.biopsy_day is None:
        return patient
    day = patient.liver.biopsy_day + images_day(plan, case) - case.scan_day
    return replace(patient, liver=replace(patient.liver, biopsy_day=day))


def _check_treatments(plan: Plan, images: int, where: str) -> None:
    """Raise for treatment of no known drugs, of no cycle, or from before the images."""
    for step in plan.steps:
        if isinstance(step.action, Treat):
            try:
                drugs(step.action.regimen)
            except CaseError as error:
                raise PlanError(f"{where}, day {step.day}: {error.sentence}") from None
            if step.action.cycles < 1:
                raise PlanError(
                    f"{where}, day {step.day}: {step.action.cycles} cycles of {step.action.regimen}; give at least one"
                )
            if step.day < images:
                raise PlanError(
                    f"{where}, day {step.day}: {step.action.regimen} begins before the images of day {images}, which would "
                    f"show the lesions after it; give the plan its own scan_day, {step.day} or earlier, or put what was "
                    "given already under [[treatment]]"
                )


def check_cycles(plan: Plan, evidence: Evidence) -> None:
    """Raise when cycles of a plan would be given on the day of the operation that follows them, or later."""
    for step in plan.steps:
        following = [s.day for s in plan.operations if s.day > step.day]
        if not isinstance(step.action, Treat) or not following:
            continue
        regimen, cycles = step.action.regimen, step.action.cycles
        spacing = cycle_days(regimen, evidence)
        doses = [step.day + round(k * spacing) for k in range(cycles)]
        fit = sum(day < following[0] for day in doses)
        if fit < cycles:
            raise PlanError(
                f'plan "{plan.name}", day {step.day}: only {fit} of {cycles} cycles of {regimen}, one every {spacing:g} days, fit '
                f"before the operation on day {following[0]}; the last would be on day {doses[-1]}: give {fit}, begin by day "
                f"{following[0] - 1 - (doses[-1] - step.day)}, or operate after day {doses[-1]}"
            )


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
