"""Plans with their days: which step of a family falls when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flrsim.anatomy import HEPATIC_VEINS, PORTAL_BRANCHES, leaves, resection_title
from flrsim.case import LiverCase
from flrsim.evidence import Evidence
from flrsim.physiology.adequacy import Floor, floor_day, volumetry_wait
from flrsim.plan import RADIATION, TITLES, Occlude, Operate, Plan, Scan, Step
from flrsim.search.clearing import CAUDATE, Clearing, Segments, resection_names


@dataclass(frozen=True)
class Schedule:
    """Days of a proposed plan; day 0 is its first step.

    Attributes
    ----------
    floor : the first day on which the last treatment lets anybody operate.
    """

    first_volumetry: int
    radiation_volumetry: int
    scan_before: int
    embolization: int
    two_stage: int
    alpps: int
    alpps_scan_before: int
    floor: Floor

    @classmethod
    def of(cls, case: LiverCase, evidence: Evidence) -> Schedule:
        """Read it from the evidence and the treatment history."""

        def days(name: str) -> int:
            return round(evidence.value(name))

        return cls(
            round(volumetry_wait("pve", evidence)),
            round(volumetry_wait(RADIATION, evidence)),
            days("search.interval.scan_to_operation"),
            days("search.interval.stage_1_to_embolization"),
            days("search.interval.two_stage"),
            days("search.interval.alpps"),
            days("search.interval.alpps_scan_to_operation"),
            floor_day(0, None, case.history, evidence),
        )

    def after_stimulus(self, technique: str, day: int, least: int = 0) -> int:
        """Return the day of the operation that follows an occlusion or radiation, not before `least` nor the waiting time."""
        volumetry = self.radiation_volumetry if technique == RADIATION else self.first_volumetry
        return max(day + volumetry + self.scan_before, least, self.floor.day)


class Planner:
    """Writes the plan of each family for one way to clear the liver."""

    def __init__(self, case: LiverCase, evidence: Evidence, margin_mm: float, *, thrombectomy: bool) -> None:
        self._present = case.grid.segments
        self._margin = margin_mm
        self._ablation_margin = evidence.value("search.ablation_margin")
        self._thrombectomy = thrombectomy
        self.schedule = Schedule.of(case, evidence)

    def at_once(self, way: Clearing, name: str | None = None) -> Plan:
        """Return one operation that does all."""
        return self._plan(name or f"{self.words(way)} at once", way, [Step(0, self._whole(way))])

    def occluded(self, way: Clearing, technique: str) -> Plan:
        """Return an embolization or radiation, a scan, and one operation that does all."""
        at = self.schedule
        operate = at.after_stimulus(technique, 0)
        steps = [
            Step(0, self._occlude(way.gone, technique)),
            Step(operate - at.scan_before, Scan()),
            Step(operate, self._whole(way)),
        ]
        return self._plan(f"{TITLES[technique]}, then {self.title(way.gone)}", way, steps)

    def two_stage(self, way: Clearing) -> Plan:
        """Return the remnant cleared, its growth by embolization, and the resection."""
        at = self.schedule
        operate = at.after_stimulus("pve", at.embolization, at.two_stage)
        steps = [
            Step(0, self._first(way)),
            Step(at.embolization, self._occlude(way.gone, "pve")),
            Step(operate - at.scan_before, Scan()),
            Step(operate, self._second(way)),
        ]
        return self._plan(f"two-stage {self.title(way.gone)}", way, steps)

    def alpps(self, way: Clearing) -> Plan:
        """Return the remnant cleared and the liver split on one day, a scan, and the resection."""
        at = self.schedule
        steps = [Step(0, self._first(way))] if way.in_remnant else []
        steps += [
            Step(0, self._occlude(way.gone, "alpps")),
            Step(at.alpps - at.alpps_scan_before, Scan()),
            Step(at.alpps, self._second(way)),
        ]
        return self._plan(f"ALPPS, {self.title(way.gone)}", way, steps)

    def words(self, way: Clearing) -> str:
        """Return what one operation does, in a few words."""
        parts = [self.title(way.gone)] if way.gone else []
        for names, one, more in ((way.wedge, "wedge", "wedges"), (way.ablate, "ablation", "ablations")):
            if names:
                parts.append(f"{one} of {names[0]}" if len(names) == 1 else f"{len(names)} {more}")
        return " + ".join(parts)

    @staticmethod
    def title(gone: Segments) -> str:
        """Return the name of a resection; a caudate lobe that goes too is said."""
        if gone > CAUDATE:
            return f"{resection_title(gone - CAUDATE)} with caudate lobe"
        return resection_title(gone)

    def _plan(self, name: str, way: Clearing, steps: Sequence[Step]) -> Plan:
        return Plan(name, tuple(steps), "goes" if way.gone > CAUDATE else "stays")

    def _operate(self, gone: Segments, wedge: Sequence[str], ablate: Sequence[str], *, last: bool) -> Operate:
        # A caudate lobe that goes with other segments is said of the plan, not of the operation.
        named = gone - CAUDATE if gone > CAUDATE else gone
        return Operate(
            resect=resection_names(named, self._present),
            wedge=tuple(wedge),
            margin_mm=self._margin if wedge else None,
            ablate=tuple(ablate),
            ablation_margin_mm=self._ablation_margin if ablate else None,
            thrombectomy=last and self._thrombectomy,
        )

    def _whole(self, way: Clearing) -> Operate:
        return self._operate(way.gone, (*way.extended, *way.wedge), way.ablate, last=True)

    def _first(self, way: Clearing) -> Operate:
        return self._operate(frozenset(), way.wedge, way.ablate, last=False)

    def _second(self, way: Clearing) -> Operate:
        return self._operate(way.gone, way.extended, (), last=True)

    def _occlude(self, gone: Segments, technique: str) -> Occlude:
        veins = self.veins(gone) if technique == "lvd" else ()
        return Occlude(technique, self.branches(gone), veins)

    def branches(self, gone: Segments) -> tuple[str, ...]:
        """Return the fewest portal branches that feed what goes; the caudate lobe's own are too fine to occlude."""
        rest = set(gone - CAUDATE)
        out = []
        for branch in sorted(PORTAL_BRANCHES, key=lambda b: -len(PORTAL_BRANCHES[b])):
            fed = self._leaves(PORTAL_BRANCHES[branch])
            if fed and fed <= rest:
                out.append(branch)
                rest -= fed
        return tuple(out)

    def veins(self, gone: Segments) -> tuple[str, ...]:
        """Return the hepatic veins that drain nothing but what goes."""
        return tuple(v for v, drained in HEPATIC_VEINS.items() if self._leaves(drained) <= gone)

    def _leaves(self, names: Sequence[str]) -> Segments:
        return frozenset(leaf for n in names for leaf in leaves(n)) & frozenset(self._present)
