"""What is drawn of one plan, and what its simulation says of a day: read from results, never simulated here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from flrsim.case import Lesion, LiverCase
from flrsim.errors import DisplayError
from flrsim.plan import Occlude, occluded_segments
from flrsim.report import format as show
from flrsim.results import PlanResult, Quantiles
from flrsim.staging import Fate, StagedPlan
from flrsim.viewer import judged
from flrsim.viewer.geometry import PlanGeometry
from flrsim.viewer.lost import Lost, lost_tissue

HALF = 0.5
SEEN_GROWTH = 0.005
"""Growth below this is not said: it prints as none."""


@dataclass(frozen=True)
class Options:
    """What is visible, and how strongly; `opacity` scales all translucent tissue, 0 to 1."""

    liver: bool = True
    lesions: bool = True
    vessels: bool = True
    cut_surfaces: bool = True
    margins: bool = False
    specimens: bool = True
    territory: bool = True
    labels: bool = True
    opacity: float = 1.0


@dataclass(frozen=True)
class Territory:
    """Segments whose portal branches are closed by a step of the plan, from that day on."""

    day: int
    technique: str
    segments: frozenset[str]


@dataclass(frozen=True)
class LesionNow:
    """One lesion on a day, as simulated (median and 80 % interval of the longest axial diameter, mm).

    Attributes
    ----------
    scale : its diameter relative to the images; 1 where nothing was simulated.
    there : whether it is still in the liver.
    margin_mm : distance to the cut that takes it, of its size on that day; None where no one cut takes all of it.
    """

    name: str
    fate: str | None
    stage: int | None
    there: bool
    diameter_mm: Quantiles
    scale: float
    margin_mm: float | None
    margin_planned_mm: float | None


@dataclass(frozen=True)
class Growth:
    """The one map under which all kept tissue is drawn: a similarity about the hilum; no shape is predicted.

    Attributes
    ----------
    volume : median FLR of the day over the FLR on the images.
    length : its cube root.
    """

    volume: float
    length: float
    centre_mm: tuple[float, float, float]
    centre_name: str


@dataclass(frozen=True)
class Readout:
    """The numbers beside a scene; None where nothing was simulated.

    Attributes
    ----------
    operations_done : by the end of the day.
    p_sufficient : share of draws in which the FLR meets the binding rule on that day.
    rule, share : the binding rule and the plan's share by it, on the rule's own denominator.
    draws : how many there are.
    verdict, blocking : of the plan, whatever the day: the verdict's key, and what stands in the way.
    vessels_lost : what stays without inflow or outflow in the end; empty where nothing does.
    loss_decides : whether the rule is met only with that tissue: else it is no worry of its own.
    after_last : whether the last operation was on an earlier day: its rule asks for the volume before it, and what has grown since
        answers nothing.
    """

    day: int | None
    operations_done: int
    flr_ml: Quantiles | None
    sflr: Quantiles | None
    function: Quantiles | None
    p_sufficient: float | None
    growth: Growth
    lesions: tuple[LesionNow, ...]
    rule: judged.BindingRule | None = None
    share: Quantiles | None = None
    draws: int | None = None
    verdict: str | None = None
    blocking: str = ""
    vessels_lost: str = ""
    after_last: bool = False
    loss_decides: bool = False

    @property
    def is_scaled(self) -> bool:
        """Whether kept tissue is drawn in another size than imaged."""
        return abs(self.growth.volume - 1.0) >= SEEN_GROWTH

    @property
    def most_lines(self) -> int:
        """How many lines are printed on the days of this plan that have most."""
        return 2 + (self.rule is not None) + bool(self.vessels_lost)

    @property
    def asked(self) -> str:
        """The binding rule, and in how many draws it is met where that is known and asked; empty without a rule."""
        if self.rule is None:
            return ""
        if self.after_last:
            return f"{self.rule.text} was asked before the last operation, not of what has grown since"
        if self.p_sufficient is None:
            return f"rule: {self.rule.text}"
        of = "draws" if self.draws is None else f"{self.draws:,} draws"
        return f"{self.rule.text} in {show.percent(self.p_sufficient, 0)} of {of}"

    def lines(self) -> tuple[str, ...]:
        """Return the day, its volumes and what the drawing means, for print."""
        when = "on the images" if self.day is None else f"day {self.day}"
        parts = [when]
        if self.flr_ml is not None:
            parts.append(f"FLR {show.ml(self.flr_ml.median)}{_interval(self.flr_ml, show.ml)}")
        if self.rule is not None and self.share is not None:
            parts.append(f"{self.rule.quantity} {show.percent(self.share.median, 1)}")
        elif self.sflr is not None:
            parts.append(f"sFLR {show.percent(self.sflr.median, 1)}")
        lines = [" · ".join(parts)]
        if self.day is not None and self.flr_ml is None:
            lines = [f"{when} · growth not simulated: drawn as imaged"]
        lines += [text for text in (self.asked, self.vessels_lost) if text]
        if self.is_scaled:
            lines.append(
                f"kept tissue drawn at {self.growth.volume:.2f} × its imaged volume about {self.growth.centre_name}, "
                "the rest as imaged: shape not predicted"
            )
        return tuple(lines)


def _interval(q: Quantiles, text: Any) -> str:
    if q.p10 is None or q.p90 is None:
        return ""
    return f" ({text(q.p10)} to {text(q.p90)})"


@dataclass(frozen=True, eq=False)
class Shown:
    """All that is drawn of one plan: the case, its plan carried out, and its result.

    Without a plan the whole liver stays; without a result nothing grows. Keep the object while the day changes:
    it holds the geometry that does not change with it.
    """

    case: LiverCase
    staged: StagedPlan | None = None
    result: PlanResult | None = None
    draws: int | None = None

    @property
    def name(self) -> str:
        """The plan's name, or the case's without a plan."""
        return self.case.name if self.staged is None else self.staged.plan.name

    @cached_property
    def geometry(self) -> PlanGeometry:
        """Everything drawn that does not change from day to day."""
        return PlanGeometry(self.case, self.staged)

    @property
    def days(self) -> tuple[int, int]:
        """First and last day that can be shown: of the simulation, else of the plan's steps."""
        days = self._curves.get("days")
        if days:
            return int(days[0]), int(days[-1])
        steps = () if self.staged is None else self.staged.plan.steps
        planned = [self.case.scan_day, *(s.day for s in steps)]
        return min(planned), max(planned)

    @property
    def operation_days(self) -> tuple[int, ...]:
        """Days of the plan's operations, in order."""
        return () if self.staged is None else tuple(op.day for op in self.staged.operations)

    @property
    def fates(self) -> Mapping[str, Fate]:
        """What the plan does to each lesion, by name."""
        return {} if self.staged is None else {f.lesion.name: f for f in self.staged.fates}

    def operations_done(self, day: int | None) -> int:
        """Return how many operations are done by the end of a day; 0 for None."""
        if day is None:
            return 0
        return sum(d <= day for d in self.operation_days)

    def territories(self, day: int | None) -> tuple[Territory, ...]:
        """Return what the plan has occluded by the end of a day."""
        if day is None or self.staged is None:
            return ()
        out = []
        for step in self.staged.plan.steps:
            if isinstance(step.action, Occlude) and step.day <= day:
                closed = occluded_segments(step.action, self.case.grid.segments)
                if closed:
                    out.append(Territory(step.day, step.action.technique, closed))
        return tuple(out)

    def lost(self, day: int | None) -> tuple[Lost, ...]:
        """Return what is in the patient on a day and mostly has no inflow or no outflow; None: what stays, in the end."""
        return lost_tissue(self.staged, self.result, day)

    def growth(self, day: int | None) -> Growth:
        """Return the map of kept tissue on a day."""
        flr = None if day is None else self.quantiles("flr_ml", day)
        volume = 1.0
        if flr is not None and flr.median and self.result is not None:
            volume = flr.median / self.result.flr_ml
        centre, name = self.geometry.hilum
        return Growth(volume, float(np.cbrt(volume)), centre, name)

    def most_growth(self, day: int | None) -> float:
        """Return the largest factor on lengths up to the last step of the plan or a day beyond it; 1 at least."""
        curve = self._curves.get("flr_ml")
        if not curve or self.result is None or self.staged is None:
            return 1.0
        most = self._most(curve, self._framed_until(day))
        return max(1.0, float(np.cbrt(most / self.result.flr_ml)))

    def most_lesion_growth(self, lesion: Lesion, day: int | None) -> float:
        """Return the largest factor on a lesion's diameter in the same time, while it is in the liver; 1 at least."""
        curve = self._curves.get("lesion_mm", {}).get(lesion.name)
        if not curve or self.staged is None or lesion.longest_axial_mm <= 0:
            return 1.0
        until = self._framed_until(day)
        fate = self.fates.get(lesion.name)
        if fate is not None and fate.fate in ("removed", "ablated") and fate.stage is not None:
            until = min(until, *self.operation_days[fate.stage - 1 : fate.stage], until)
        return max(1.0, self._most(curve, until) / lesion.longest_axial_mm)

    def _framed_until(self, day: int | None) -> int:
        steps = () if self.staged is None else self.staged.plan.steps
        return max([self.case.scan_day if day is None else day, *(s.day for s in steps)])

    def _most(self, curve: Mapping[str, Any], until: int) -> float:
        days = self._curves["days"]
        seen = [v for d, v in zip(days, curve["median"], strict=True) if d <= until and v is not None]
        return float(max(seen, default=0.0))

    def readout(self, day: int | None) -> Readout:
        """Return the numbers beside the scene of a day; None: on the images, before any operation.

        Raises
        ------
        DisplayError
            When the day lies outside the course.
        """
        first, last = self.days
        if day is not None and self._curves and not first <= day <= last:
            raise DisplayError(
                f"day {day} lies outside the course, which runs from day {first} to day {last}"
            )
        result = self.result
        if day is None:
            flr = None if result is None else result.flr_ml_interval
            sflr = None if result is None else result.sflr_interval
            function, enough = None, None
        else:
            flr, sflr, function = (self.quantiles(name, day) for name in ("flr_ml", "sflr", "function"))
            enough = self._at("p_sufficient", day)
        return Readout(
            day,
            self.operations_done(day),
            flr,
            sflr,
            function,
            enough,
            self.growth(day),
            tuple(self.lesion_now(lesion, day) for lesion in self.case.lesions),
            self.rule,
            None if self.rule is None or sflr is None else self.rule.share(sflr),
            self.draws,
            None if result is None else result.verdict,
            "" if result is None else result.blocking,
            judged.vessels_lost(result),
            day is not None and bool(self.operation_days) and day > self.operation_days[-1],
            judged.loss_decides(result),
        )

    def lesion_now(self, lesion: Lesion, day: int | None) -> LesionNow:
        """Return one lesion on a day."""
        fate = self.fates.get(lesion.name)
        imaged = lesion.longest_axial_mm
        now = None if day is None else self._lesion_mm(lesion.name, day)
        diameter = Quantiles(imaged, imaged, imaged) if now is None or now.median is None else now
        mm = diameter.median or 0.0
        cleared = fate is not None and fate.fate in ("removed", "ablated")
        done = self.operations_done(day)
        margin = None
        if fate is not None and fate.margin_measured_mm is not None and cleared:
            # A sphere that grows eats its margin by the growth of its radius.
            margin = max(fate.margin_measured_mm - HALF * max(mm - imaged, 0.0), 0.0)
        return LesionNow(
            lesion.name,
            None if fate is None else fate.fate,
            None if fate is None else fate.stage,
            not (cleared and fate is not None and fate.stage is not None and fate.stage <= done),
            diameter,
            mm / imaged if imaged > 0 else 1.0,
            margin,
            None if fate is None else fate.margin_planned_mm,
        )

    def quantiles(self, name: str, day: int) -> Quantiles | None:
        """Return one curve of the simulation on a day; None where it was not simulated."""
        return self._quantiles(self._curves.get(name), day)

    def curve(self, name: str) -> tuple[Sequence[float], ...] | None:
        """Return days, p10, median and p90 of one curve of the simulation; None where it was not simulated."""
        values, days = self._curves.get(name), self._curves.get("days")
        return None if not days or not values else (days, values["p10"], values["median"], values["p90"])

    @cached_property
    def rule(self) -> judged.BindingRule | None:
        """The rule on volume that binds the plan; None without one."""
        return judged.binding_rule(self.result)

    @property
    def telv_ml(self) -> float | None:
        """The estimated total liver volume that sFLR is a share of, mL; None without a patient."""
        result = self.result
        return None if result is None or not result.sflr else result.flr_ml / result.sflr

    def _lesion_mm(self, name: str, day: int) -> Quantiles | None:
        return self._quantiles(self._curves.get("lesion_mm", {}).get(name), day)

    def _quantiles(self, curve: Mapping[str, Any] | None, day: int) -> Quantiles | None:
        index = self._index(day)
        if curve is None or index is None:
            return None
        return Quantiles(curve["median"][index], curve["p10"][index], curve["p90"][index])

    def _at(self, name: str, day: int) -> float | None:
        values, index = self._curves.get(name), self._index(day)
        return None if values is None or index is None else values[index]

    def _index(self, day: int) -> int | None:
        days = self._curves.get("days")
        if not days or not days[0] <= day <= days[-1]:
            return None
        return int(day - days[0])

    @property
    def _curves(self) -> Mapping[str, Any]:
        return {} if self.result is None else self.result.curves


def shown_plans(
    case: LiverCase, staged: Sequence[StagedPlan], results: Sequence[PlanResult], draws: int | None = None
) -> tuple[Shown, ...]:
    """Return what is drawn of compared plans, in their order."""
    return tuple(Shown(case, one, result, draws) for one, result in zip(staged, results, strict=True))
