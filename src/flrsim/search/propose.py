"""One answer for each family: the plan that makes sense, or why none does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from flrsim.case import LiverCase
from flrsim.course import MAJOR_SEGMENTS
from flrsim.disease import FORBIDS, closing_rule
from flrsim.errors import PlanError
from flrsim.evidence import DiseaseRule, Evidence
from flrsim.legality import check_cycles, check_plan
from flrsim.plan import RADIATION, TITLES, Occlude, Operate, Plan
from flrsim.search.clearing import (
    SIDES,
    Clearing,
    Lesions,
    Segments,
    anatomical_units,
    major_resections,
    smallest_first,
)
from flrsim.search.measure import Measure, Measured
from flrsim.search.proposal import (
    AT_ONCE,
    DEPRIVED,
    EMBOLIZED,
    FAMILIES,
    PARTITION,
    RADIATED,
    SPARING,
    TWO_STAGE,
    Proposal,
)
from flrsim.search.schedule import Planner
from flrsim.search.thrombus import thrombus_of

RADIATED_DISEASES = ("hcc", "crlm", "cholangiocarcinoma")
"""Diseases of those whose growth after radiation lobectomy was measured; see the population of `growth.y90.amplitude`."""


def propose(case: LiverCase, evidence: Evidence) -> tuple[Proposal, ...]:
    """Return one proposal for each family, the smallest burden first.

    A family has a plan when some plan of it clears every lesion and no smaller burden does so as well. Anatomy, vessels
    and volumes are those of the last imaging; growth is not simulated here, `flrsim.comparison` does that.

    Raises
    ------
    PlanError
        When the case has no lesion.
    """
    if not case.lesions:
        raise PlanError(
            f"case {case.name} has no lesion, and plans are proposed to clear lesions; give anatomy.lesions, or write [[plan]] tables"
        )
    return _Search(case, evidence).proposals()


@dataclass(frozen=True)
class _Choice:
    """A way to clear the liver, and what it leaves when all is done at once."""

    way: Clearing
    measured: Measured


class _Search:
    def __init__(self, case: LiverCase, evidence: Evidence) -> None:
        self.case, self.evidence = case, evidence
        self.lesions = Lesions(case, evidence)
        self.measure = Measure(case, evidence)
        self.thrombus = thrombus_of(self.lesions)
        trunk = self.thrombus is not None and self.thrombus.in_trunk
        self.planner = Planner(case, evidence, self.lesions.margin_mm, thrombectomy=trunk)

    def proposals(self) -> tuple[Proposal, ...]:
        sparing, spared = self._sparing()
        at_once, chosen = self._at_once(spared)
        major, others = self._major(chosen)
        found = (sparing, at_once, *self._staged(spared, chosen, major, others))
        return tuple(self._checked(found))

    # ------------------------------------------------------------------ one operation, parenchyma spared

    def _sparing(self) -> tuple[Proposal, _Choice | None]:
        """Return wedges, ablations, and the smallest anatomical resection where neither is possible.

        Segments that wedges would use up, or rob of their vessels, are resected instead; from three segments on it spares
        nothing.
        """
        takes = frozenset[str]() if self.thrombus is None else self.thrombus.takes
        reasons = [] if self.thrombus is None else [self.thrombus.sentence]
        choice: _Choice | None = None
        # Every round adds a segment, so there are no more rounds than segments.
        for _ in self.case.grid.segments:
            takes, stuck = self._fitted(takes)
            reasons += stuck
            fitted = self.lesions.clear(takes)
            if isinstance(fitted, str):
                return Proposal(SPARING, None, False, f"no resection clears it: {fitted}"), None
            if _count(takes) >= MAJOR_SEGMENTS:
                said = f"spares no parenchyma: {self.planner.title(takes)} would go, because {'; '.join(reasons)}"
                return Proposal(SPARING, None, False, said), None
            (measured,) = self.measure.of([self.planner.at_once(fitted, self.planner.words(fitted))])
            choice = _Choice(fitted, measured)
            if not measured.lost:
                break
            lost = ", ".join(sorted(measured.lost))
            reasons.append(f"the cuts would use up {lost} or take what feeds or drains it")
            takes |= measured.lost
        if choice is None:
            raise PlanError(f"case {self.case.name} has no segment to plan with; check its label map")
        because = (
            ()
            if not choice.way.gone
            else (f"{self.planner.title(takes)} goes, because {'; '.join(reasons)}",)
        )
        return self._proposal(SPARING, choice, self._clears(choice.measured), because), choice

    def _fitted(self, takes: Segments) -> tuple[Segments, list[str]]:
        """Return `takes` and the fewest segments more with which every lesion is cleared, as far as any suffice, and why."""
        lesions = sorted(self.case.lesions, key=lambda x: -x.volume_ml)
        units = anatomical_units(self.lesions)
        reasons: list[str] = []
        while True:
            stuck = next((x for x in lesions if self.lesions.way(x, takes)[0] is None), None)
            larger = smallest_first(self.lesions, {takes | unit for unit in units} - {takes})
            fit = None
            if stuck is not None:
                fit = next((unit for unit in larger if self.lesions.held(stuck, unit)), None)
            if stuck is None or fit is None:
                return takes, reasons
            reasons.append(self.lesions.way(stuck, takes)[1])
            takes = fit

    # ------------------------------------------------------------------ one operation, anatomical

    def _at_once(self, spared: _Choice | None) -> tuple[Proposal, _Choice | None]:
        """Return the smallest named resection that takes the lesions of one side, with wedges in what stays."""
        ways = {side: self._first_way(side, anatomical_units(self.lesions)) for side in SIDES}
        chosen, others = self._best(ways)
        if spared is not None and spared.measured.settles:
            return Proposal(AT_ONCE, None, False, self._not_needed(spared)), chosen
        if chosen is None:
            return Proposal(AT_ONCE, None, False, "; ".join(others)), None
        if spared is not None and spared.way == chosen.way and not spared.measured.uncleared:
            return Proposal(AT_ONCE, None, False, "it would be the parenchyma-sparing operation"), chosen
        return self._proposal(AT_ONCE, chosen, self._clears(chosen.measured), others), chosen

    def _first_way(self, side: str, units: Sequence[Segments]) -> Clearing | str:
        """Return how all lesions are cleared by the smallest unit that takes those of a side, or why none does."""
        own = [x for x in self.case.lesions if self.lesions.side(x) == side]
        if not own:
            return f"no lesion lies mainly in the {side} hemiliver"
        if self.thrombus is not None and self.thrombus.side != side:
            return f"the portal thrombus lies on the {self.thrombus.side}"
        forced = frozenset[str]() if self.thrombus is None else self.thrombus.takes
        said = ""
        present = frozenset(self.case.grid.segments)
        with_caudate = {u | {"S1"} for u in units if "S1" in present}
        for unit in smallest_first(self.lesions, {*units, *with_caudate}):
            if not forced <= unit or present <= unit:
                continue
            if not all(self.lesions.held(x, unit) for x in own):
                continue
            way = self.lesions.clear(unit)
            if isinstance(way, Clearing):
                return way
            said = f"{self.planner.title(unit)} does not suffice: {way}"
        if said:
            return said
        ways = (self.lesions.way(x, self.lesions.hemiliver(side)) for x in own)
        return next((reason for way, reason in ways if way is None), "no resection holds its lesions")

    # ------------------------------------------------------------------ after growth

    def _major(self, chosen: _Choice | None) -> tuple[_Choice | None, list[str]]:
        """Return the resection of a hemiliver or more on which a staged plan ends."""
        ways = {side: self._first_way(side, major_resections(self.lesions, side)) for side in SIDES}
        best, others = self._best(ways)
        if best is not None and chosen is not None and best.way == chosen.way:
            return chosen, others
        return best, others

    def _staged(
        self, spared: _Choice | None, chosen: _Choice | None, major: _Choice | None, others: list[str]
    ) -> list[Proposal]:
        """Return the families that let the remnant grow."""
        families = FAMILIES[FAMILIES.index(EMBOLIZED) :]
        for smaller in (spared, chosen, major):
            if smaller is None:
                continue
            m = smaller.measured
            # Growth mends a small remnant, not a narrow margin or a vessel.
            if m.settles or (smaller is major and m.enough and not m.uncleared):
                return [Proposal(f, None, False, self._not_needed(smaller)) for f in families]
        if major is None:
            return [Proposal(f, None, False, "; ".join(others)) for f in families]
        way, planner = major.way, self.planner
        staged = self._staged_way(way)
        grow = f"{planner.title(way.gone)} at once would leave {major.measured.leaves}: what stays must grow first"
        out = []
        writers: tuple[tuple[str, str, Callable[[], Plan]], ...] = (
            (EMBOLIZED, "pve", lambda: planner.occluded(way, "pve")),
            (DEPRIVED, "lvd", lambda: planner.occluded(way, "lvd")),
            (RADIATED, RADIATION, lambda: planner.occluded(way, RADIATION)),
            (TWO_STAGE, "pve", lambda: planner.two_stage(staged)),
            (PARTITION, "alpps", lambda: planner.alpps(staged)),
        )
        for family, technique, write in writers:
            refused = self._refused(family, technique, way)
            if refused:
                out.append(Proposal(family, None, False, refused))
                continue
            plan = write()
            closing = self._closing(plan)
            if closing is not None and closing.answer == FORBIDS:
                out.append(Proposal(family, None, False, closing.sentence, sources=(closing.source,)))
                continue
            done = staged if family in (TWO_STAGE, PARTITION) else way
            remarks = [*others, *done.sentences, *self._waiting(plan)]
            if self.thrombus is not None:
                remarks.insert(0, self.thrombus.sentence)
            if closing is not None:
                remarks.append(closing.sentence)
            if way.in_remnant and family in (EMBOLIZED, DEPRIVED):
                names = ", ".join(way.in_remnant)
                remarks.append(
                    f"{names} {'stays' if len(way.in_remnant) == 1 else 'stay'} in the remnant while it grows, and may grow with it"
                )
            sources = () if closing is None else (closing.source,)
            out.append(Proposal(family, plan, True, grow, tuple(remarks), sources))
        return out

    def _closing(self, plan: Plan) -> DiseaseRule | None:
        """Return what the rules of disease say to the portal branches that a plan closes; None where they are silent."""
        if self.thrombus is None:
            return None
        thrombus = self.thrombus
        return closing_rule(plan, thrombus.grade, thrombus.bearing, self.case.grid.segments, self.evidence)

    def _staged_way(self, way: Clearing) -> Clearing:
        """Return the same with lesions wedged at the first stage that its wedges would cut through."""
        while way.in_remnant:
            (m,) = self.measure.of([self.planner.two_stage(way)])
            alone = [n for n in m.cut if self.lesions.way(self.case.lesion(n), frozenset())[0] == "wedge"]
            more = [n for n in alone if n not in way.wedge]
            if not more:
                break
            kept = tuple(n for n in way.extended if n not in more)
            way = replace(way, wedge=(*way.wedge, *more), extended=kept)
        return way

    def _refused(self, family: str, technique: str, way: Clearing) -> str:
        """Return why a family makes no sense for a resection; empty when it does."""
        if family == TWO_STAGE and not way.in_remnant:
            return "no lesion lies in the remnant: a first stage would clear nothing"
        if family == DEPRIVED and not self.planner.veins(way.gone):
            return (
                f"no hepatic vein drains only what {self.planner.title(way.gone)} takes: none can be closed"
            )
        if (
            family == RADIATED
            and self.case.patient is not None
            and self.case.patient.disease not in RADIATED_DISEASES
        ):
            people = self.evidence["growth.y90.amplitude"].population
            return f"growth after radiation lobectomy was not followed in this disease, only in: {people}"
        if family == RADIATED and way.in_remnant:
            days = self.planner.schedule.after_stimulus(RADIATION, 0)
            names, stay = ", ".join(way.in_remnant), "lies" if len(way.in_remnant) == 1 else "lie"
            return f"{names} {stay} in what is not radiated, and would wait {days} days untreated"
        if f"growth.{technique}.amplitude" not in self.evidence:
            return f"growth after {TITLES[technique]} is not in the evidence: the plan could not be played forward"
        return ""

    # ------------------------------------------------------------------ choosing and saying

    def _best(self, ways: dict[str, Clearing | str]) -> tuple[_Choice | None, list[str]]:
        """Return the side that clears all and leaves most, and what is said about the other."""
        able = {side: way for side, way in ways.items() if isinstance(way, Clearing)}
        distinct = list(dict.fromkeys(able.values()))
        plans = [self.planner.at_once(way, f"way {i}") for i, way in enumerate(distinct)]
        by_way = dict(zip(distinct, self.measure.of(plans), strict=True))
        sides = sorted(able, key=lambda side: (by_way[able[side]].sound, by_way[able[side]].ml), reverse=True)
        said = [f"{side}: {way}" for side, way in ways.items() if isinstance(way, str)]
        if not sides:
            return None, said
        best = _Choice(able[sides[0]], by_way[able[sides[0]]])
        for side in sides[1:]:
            way, m = able[side], by_way[able[side]]
            if way != best.way:
                what = f"would leave {m.leaves}" if m.sound else "; ".join((*m.uncleared, *m.vessels))
                said.append(f"{side}: {self.planner.words(way)} {what}")
        return best, said

    def _clears(self, m: Measured) -> str:
        n = len(self.case.lesions)
        cleared = {1: "clears the lesion", 2: "clears both lesions"}.get(n, f"clears all {n} lesions")
        if m.uncleared:
            cleared = f"does not clear all: {'; '.join(m.uncleared)}"
        short = "" if m.enough else ", too little at once"
        return f"{cleared} and leaves {m.leaves}{short}"

    def _not_needed(self, smaller: _Choice) -> str:
        return (
            f"not needed: {self.planner.words(smaller.way)} in one operation {self._clears(smaller.measured)}"
        )

    def _proposal(self, family: str, choice: _Choice, why: str, others: Sequence[str] = ()) -> Proposal:
        plan = choice.measured.plan
        if family == AT_ONCE:
            plan = self.planner.at_once(choice.way)
        thrombus = () if self.thrombus is None else (self.thrombus.sentence,)
        remarks = (*thrombus, *choice.way.sentences, *others, *self._waiting(plan))
        return Proposal(family, plan, True, why, remarks)

    def _waiting(self, plan: Plan) -> list[str]:
        """Return a remark when a plan operates before the waiting time after the last treatment is over."""
        floor = self.planner.schedule.floor
        early = [
            s.day
            for s in plan.steps
            if s.day < floor.day
            and (
                isinstance(s.action, Operate)
                or (isinstance(s.action, Occlude) and s.action.technique == "alpps")
            )
        ]
        if not early:
            return []
        return [f"day 0 is too early: {floor.reason} is day {floor.day}; begin so many days later"]

    def _checked(self, proposals: Sequence[Proposal]) -> list[Proposal]:
        """Return proposals whose plans were checked and carried out; what is found is said."""
        out = []
        for p in proposals:
            if p.plan is not None:
                try:
                    check_cycles(p.plan, self.evidence)
                    p = replace(p, remarks=(*p.remarks, *check_plan(p.plan, self.case)))
                except PlanError as error:
                    p = replace(p, legal=False, why=error.sentence)
            out.append(p)
        able = [p.plan for p in out if p.legal and p.plan is not None]
        measured = {plan: m for plan, m in zip(able, self.measure.of(able), strict=True)}
        return [_with_fates(p, None if p.plan is None else measured.get(p.plan)) for p in out]


def _with_fates(p: Proposal, m: Measured | None) -> Proposal:
    """Return a proposal with what was found when its plan was carried out; one that clears not all is none."""
    if m is None:
        return p
    if m.uncleared:
        return Proposal(p.family, None, False, f"{m.plan.name} would not clear all: {'; '.join(m.uncleared)}")
    return replace(p, remarks=tuple(dict.fromkeys((*m.vessels, *m.loose, *m.doubts, *p.remarks))))


def _count(segments: Segments) -> int:
    """Return how many Couinaud segments some leaves are: S4a and S4b are one."""
    return len({s[:2] for s in segments})
