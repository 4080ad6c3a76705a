"""The side panel: curve with its band, switches, sliders; each of them only calls a setter of the state."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from flrsim.report import palette
from flrsim.viewer.desktop.faults import told
from flrsim.viewer.desktop.state import MOST_MARGIN_MM, TOGGLES, ViewState
from flrsim.viewer.desktop.words import foot, help_text, picked_text, taken_text, wrapped
from flrsim.viewer.layout import GREY, INK

NUMBER_PX, FOOT_PX = 7.7, 7.2
"""Width of a letter in the numbers and in the foot, pixels."""
NOTHING_PICKED = "click a lesion or segment to read its numbers"
LEFT = 0.74
"""Where the panel begins, share of the window's width."""
ROW_PX, BOX_PX, MARGIN_PX = 23, 17, 14
TOP = 0.42
"""Where the switches begin, share of the height; the numbers of what is picked stand above them."""
NAMES = {
    "liver": "liver", "lesions": "lesions", "vessels": "vessels", "cut_surfaces": "cut surfaces",
    "margins": "margins", "specimens": "wedges", "territory": "hatching", "labels": "names",
}  # fmt: skip
ON, OFF, PUSH = palette.FATE_INKS[0], "#c9ced6", palette.FATE_INKS[2]
BESIDE = palette.FATE_INKS[1]
SLIDER = {"tube_width": 0.004, "slider_width": 0.016, "color": INK}


class Panel:
    """The side panel of a window.

    Parameters
    ----------
    index : its place among the parts of the plotter.
    moving : told True while a slider is dragged, False when it is let go.
    actions : further buttons: what is written on each, and what it does.
    """

    def __init__(
        self,
        plotter: Any,
        index: int,
        state: ViewState,
        moving: Callable[[bool], None],
        actions: dict[str, Callable[[], None]],
    ) -> None:
        self._plotter, self._state = plotter, state
        plotter.subplot(0, index)
        plotter.set_background("white")
        self._renderer = plotter.renderers[index]
        self._renderer.SetViewport(LEFT, 0.0, 1.0, 1.0)
        self._numbers = self._text("", (0.04, 0.73), 8)
        self._numbers.prop.justification_vertical = "top"
        self._foot = self._text("", (0.04, 0.012), 7, GREY)
        self._help = self._text("", (0.04, 0.98), 8)
        self._help.prop.justification_vertical = "top"
        self._curve(plotter)
        self.boxes: dict[str, Any] = {}
        self._buttons: list[tuple[Any, Any, int, float]] = []
        for n, name in enumerate(TOGGLES):
            on = getattr(state.options, name)
            self._button(name, NAMES[name], n % 2, n // 2, partial(state.toggle, name), on)
        self._button("legend", "legend", 0, 4, state.toggle_legend, state.legend)
        for n, (name, act) in enumerate(actions.items()):
            self._button(name, name, n % 2, n // 2 + 5.2, act, None)
        self._flowed: tuple[int, ...] = ()
        self._flow()
        self._renderer.AddObserver("StartEvent", told(state, lambda *_: self._flow()))
        first, last = state.days
        self.day = self._slider(
            lambda day: state.set_day(round(day)), (first, last), first, 0.085, moving, "day %.0f"
        )
        self.opacity = self._slider(
            state.set_opacity, (0.0, 1.0), 1.0, 0.15, moving, "opacity %.2f", 0.05, 0.36
        )
        self.margin = self._slider(
            state.set_margin, (0.0, MOST_MARGIN_MM), 5.0, 0.15, moving, "margin %.0f mm", 0.64, 0.95
        )
        self.margin.Off()

    def _text(self, text: str, place: tuple[float, float], size: int, colour: str = INK) -> Any:
        return self._plotter.add_text(text, position=place, viewport=True, font_size=size, color=colour)

    def _button(
        self, name: str, text: str, column: int, row: float, act: Callable[[], None], on: bool | None
    ) -> None:
        made = self.boxes[name] = self._plotter.add_checkbox_button_widget(
            told(self._state, lambda _: act()), value=bool(on), size=BOX_PX, border_size=2,
            color_on=PUSH if on is None else ON, color_off=PUSH if on is None else OFF,
        )  # fmt: skip
        self._buttons.append((made, self._text(text, (0.0, 0.0), 8), column, row))

    def _flow(self) -> None:
        """Put buttons and their words where they belong in a window of this size; asked before each drawing."""
        width, height = self._plotter.window_size
        if self._flowed == (width, height):
            return
        self._flowed = (width, height)
        wide = (1 - LEFT) * width
        for made, words, column, row in self._buttons:
            # Buttons are placed in pixels of the panel, not of the window.
            x, y = MARGIN_PX + 0.5 * column * wide, TOP * height - row * ROW_PX
            made.GetRepresentation().PlaceWidget([x, x + BOX_PX, y, y + BOX_PX, 0.0, 0.0])
            words.position = ((x + BOX_PX + 6) / wide, (y + 2) / height)

    def _slider(
        self,
        act: Callable[[float], None],
        ends: tuple[float, float],
        value: float,
        y: float,
        moving: Callable[[bool], None],
        form: str,
        since: float = 0.05,
        until: float = 0.95,
    ) -> Any:
        made = self._plotter.add_slider_widget(
            told(self._state, act), ends, value=value, pointa=(since, y), pointb=(until, y),
            interaction_event="always", fmt=form, **SLIDER,
        )  # fmt: skip
        made.GetRepresentation().SetLabelHeight(0.016)
        made.GetRepresentation().SetEndCapWidth(0.022)
        # Switched on again, a widget would go to whatever part of the window the mouse was over last.
        made.SetDefaultRenderer(self._renderer)
        made.AddObserver("StartInteractionEvent", lambda *_: moving(True))
        made.AddObserver("EndInteractionEvent", lambda *_: moving(False))
        return made

    def _chars(self, letter_px: float) -> int:
        """Return how many letters stand beside each other in the panel."""
        return max(int(0.92 * (1 - LEFT) * self._plotter.window_size[0] / letter_px), 12)

    def _curve(self, plotter: Any) -> None:
        import pyvista as pv

        self._chart = pv.Chart2D(size=(0.96, 0.25), loc=(0.02, 0.745), x_label="day", y_label="sFLR, %")
        self._chart.background_color = (1.0, 1.0, 1.0, 1.0)
        self._drawn_for: tuple[Any, ...] = ()
        plotter.add_chart(self._chart)

    def _draw_curve(self) -> None:
        """Draw median and 80 % band of the plan, the median of the one beside it, rule, stops and the day."""
        state, chart = self._state, self._chart
        key = (state.shown, state.beside)
        if key != self._drawn_for:
            chart.clear()
            self._drawn_for = key
            self._mark = None
            top = 0.0
            # The curve is that of what the rule asks for: never sFLR under the line of a rule on another share.
            rule = state.shown.rule
            chart.y_axis.label = f"{'sFLR' if rule is None else rule.quantity}, %"
            for shown, colour in ((state.shown, ON), (state.beside, BESIDE)):
                curve = shown.curve("sflr") if shown is not None else None
                if shown is None or curve is None:
                    continue
                days, low, mid, high = (list(map(float, values)) for values in curve)
                if rule is not None:
                    low, mid, high = map(rule.shares, (low, mid, high))
                low, mid, high = ([100 * v for v in values] for values in (low, mid, high))
                top = max(top, *high)
                if shown is state.shown:
                    chart.area(days, low, high, color=(0, 158, 115, 60))
                chart.line(days, mid, color=colour, width=2.5)
            self._ends = (float(state.days[0]), float(state.days[1]))
            if top and rule is not None:
                chart.line(
                    list(self._ends), [100 * rule.threshold] * 2, color=palette.LOUD, style="--", width=1.5
                )
            self._top = 1.1 * top
            if top:
                chart.x_range, chart.y_range = list(self._ends), [0.0, self._top]
                stops = [float(d) for d in state.stops if d is not None]
                if stops:
                    chart.scatter(stops, [0.02 * self._top] * len(stops), color=INK, size=7, style="d")
            chart.visible = bool(top)
        if self._top:
            day = self._ends[0] if state.day is None else float(state.day)
            if self._mark is None:
                self._mark = chart.line([day, day], [0.0, self._top], color=INK, width=1.5)
            self._mark.update([day, day], [0.0, self._top])

    def update(self, trial: tuple[str, Any] | None) -> None:
        """Bring the panel to the state; `trial` is what a trial cut is called, and what it takes."""
        state = self._state
        self._draw_curve()
        parts = []
        if state.picked is not None:
            facts = state.facts.get(state.picked.name)
            parts.append(picked_text(state.shown, state.day, state.picked, facts))
        if trial is not None:
            parts.append(taken_text(trial[0], trial[1], state.shown))
        self._numbers.input = (
            "" if state.help else wrapped("\n\n".join(parts or [NOTHING_PICKED]), self._chars(NUMBER_PX))
        )
        self._help.input = wrapped(help_text(), self._chars(NUMBER_PX)) if state.help else ""
        self._chart.visible = bool(self._top) and not state.help
        self._foot.input = wrapped(foot(state), self._chars(FOOT_PX))
        self.boxes["legend"].GetRepresentation().SetState(int(state.legend))
        for name in TOGGLES:
            self.boxes[name].GetRepresentation().SetState(int(getattr(state.options, name)))
        first, last = state.days
        day = self.day.GetRepresentation()
        day.SetMinimumValue(first)
        day.SetMaximumValue(last)
        day.SetValue(first if state.day is None else state.day)
        self.opacity.GetRepresentation().SetValue(state.options.opacity)
        if (state.margin_mm is not None) != bool(self.margin.GetEnabled()):
            self.margin.SetEnabled(int(state.margin_mm is not None))
        if state.margin_mm is not None:
            self.margin.GetRepresentation().SetValue(state.margin_mm)
