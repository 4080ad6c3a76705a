"""What the window shows, as plain data: plan, day, options, what is picked and which tool is held."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

from flrsim.plan import Occlude, Operate, Scan
from flrsim.resection.plane import Plane
from flrsim.results import LesionVolume
from flrsim.viewer.shown import Options, Shown

TOGGLES = tuple(f.name for f in fields(Options) if f.name != "opacity")
MOST_MARGIN_MM = 30.0


@dataclass(frozen=True)
class Picked:
    """What was clicked: kind ``lesion`` or ``segment``, and its name."""

    kind: str
    name: str


@dataclass(eq=False)
class ViewState:
    """All that a window shows; every setter checks, changes one thing and tells the listeners.

    Attributes
    ----------
    plans : what can be shown; the first is shown at the start.
    facts : measured facts of each lesion, by name.
    plan, other : index of the plan shown, and of the one beside it; None: alone.
    day : None is the plan on the images.
    cut : the plane held in the window, None when it is put away.
    margin_mm : margin of the trial wedge around the picked lesion, None when it is put away.
    """

    plans: Sequence[Shown]
    facts: Mapping[str, LesionVolume] = field(default_factory=dict)
    plan: int = 0
    other: int | None = None
    day: int | None = None
    options: Options = field(default_factory=Options)
    picked: Picked | None = None
    cut: Plane | None = None
    margin_mm: float | None = None
    legend: bool = True
    help: bool = False
    message: str = ""
    listeners: list[Callable[[], None]] = field(default_factory=list)

    @property
    def shown(self) -> Shown:
        """The plan shown."""
        return self.plans[self.plan]

    @property
    def beside(self) -> Shown | None:
        """The plan shown beside it."""
        return None if self.other is None else self.plans[self.other]

    @property
    def days(self) -> tuple[int, int]:
        """First and last day that every plan on show has."""
        ranges = [s.days for s in (self.shown, self.beside) if s is not None]
        return max(r[0] for r in ranges), min(r[1] for r in ranges)

    @property
    def stops(self) -> tuple[int | None, ...]:
        """The plan on the images, then the days on which something is done or read."""
        staged = self.shown.staged
        steps = () if staged is None else staged.plan.steps
        first, last = self.days
        days = {
            s.day for s in steps if isinstance(s.action, (Operate, Occlude, Scan)) and first <= s.day <= last
        }
        return (None, *sorted(days))

    def set_day(self, day: int | None) -> None:
        """Show a day, held within the course; None shows the plan on the images."""
        first, last = self.days
        self._change(day=None if day is None else min(max(int(day), first), last))

    def step_day(self, by: int) -> None:
        """Go some days on or back; from the plan on the images to the first day."""
        first, _ = self.days
        self.set_day(first if self.day is None else self.day + by)

    def step_stage(self, by: int) -> None:
        """Go to the next day on which something is done or read (1), or to the one before (−1)."""
        stops = self.stops
        if self.day is None:
            at = 0 if by > 0 else 1
        elif by > 0:
            at = max((i for i, d in enumerate(stops) if d is None or d <= self.day), default=0)
        else:
            at = min((i for i, d in enumerate(stops) if d is not None and d >= self.day), default=len(stops))
        self.set_day(stops[min(max(at + by, 0), len(stops) - 1)])

    def set_plan(self, plan: int) -> None:
        """Show another plan; the plan beside it gives way where both would be one."""
        plan %= len(self.plans)
        self._change(plan=plan, other=self.plan if self.other == plan else self.other)
        self._hold_day()

    def step_plan(self, by: int) -> None:
        """Show the next plan (1) or the one before (−1)."""
        self.set_plan(self.plan + by)

    def toggle_compare(self) -> None:
        """Show the next plan beside this one, or this one alone again."""
        if self.other is not None:
            self._change(other=None)
        elif len(self.plans) < 2:
            self._change(message="there is no second plan to compare with")
        else:
            self._change(other=(self.plan + 1) % len(self.plans))
        self._hold_day()

    def toggle(self, option: str) -> None:
        """Show or hide one kind of thing."""
        if option not in TOGGLES:
            raise ValueError(f"{option!r} cannot be switched; {', '.join(TOGGLES)} can")
        self._change(options=replace(self.options, **{option: not getattr(self.options, option)}))

    def set_opacity(self, opacity: float) -> None:
        """Scale the opacity of translucent tissue, 0 to 1."""
        self._change(options=replace(self.options, opacity=min(max(float(opacity), 0.0), 1.0)))

    def pick(self, kind: str | None, name: str = "") -> None:
        """Read the numbers of a lesion or segment; None puts them away."""
        picked = None if kind is None else Picked(kind, name)
        keeps = picked is not None and picked.kind == "lesion"
        self._change(picked=picked, margin_mm=self.margin_mm if keeps else None)

    def set_cut(self, cut: Plane | None) -> None:
        """Hold a trial plane in the liver; None puts it away."""
        self._change(cut=cut)

    def set_margin(self, margin_mm: float | None) -> None:
        """Hold a trial wedge around the picked lesion; None puts it away."""
        if margin_mm is not None and (self.picked is None or self.picked.kind != "lesion"):
            self._change(message="pick a lesion first: a trial wedge is cut around it")
            return
        self._change(margin_mm=None if margin_mm is None else min(max(float(margin_mm), 0.0), MOST_MARGIN_MM))

    def toggle_legend(self) -> None:
        """Show or put away what the colours stand for."""
        self._change(legend=not self.legend)

    def toggle_help(self) -> None:
        """Show or put away the list of keys."""
        self._change(help=not self.help)

    def say(self, message: str) -> None:
        """Write a line at the foot of the window."""
        self._change(message=message)

    def _hold_day(self) -> None:
        if self.day is not None:
            first, last = self.days
            if not first <= self.day <= last:
                self.set_day(self.day)

    def _change(self, **values: object) -> None:
        self.message = ""
        for name, value in values.items():
            setattr(self, name, value)
        for listener in self.listeners:
            listener()
