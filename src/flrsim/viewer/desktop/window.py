"""The desktop window: one or two plans side by side, a panel, keys and mouse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flrsim.report import palette
from flrsim.resection.plane import Plane
from flrsim.viewer.camera import CAMERAS
from flrsim.viewer.desktop.faults import told
from flrsim.viewer.desktop.film import Film
from flrsim.viewer.desktop.pane import Pane
from flrsim.viewer.desktop.panel import BESIDE, LEFT, ON, Panel
from flrsim.viewer.desktop.state import ViewState
from flrsim.viewer.desktop.tools import Trial
from flrsim.viewer.drawing import poly_data, theme
from flrsim.viewer.scene import scene_at

SIZE = (1400, 860)
FIRST_MARGIN_MM = 5.0
MOVIE_SIZE = (960, 720)
FILM_EVERY_MS = 1000
"""How often a movie that is being drawn is asked how far it is."""
RIGHT = (-1.0, 0.0, 0.0)
"""A trial plane first points to the patient's right."""


class Window:
    """A window on a state. Widgets and keys call the state's setters; the state calls `update`.

    Parameters
    ----------
    off_screen : draw into memory, for tests and where there is no display.
    folder : where pictures and movies are saved.
    """

    def __init__(
        self,
        state: ViewState,
        *,
        off_screen: bool = False,
        size: tuple[int, int] = SIZE,
        folder: Path = Path(),
    ) -> None:
        own = theme()
        import pyvista as pv

        self.state, self.folder = state, folder
        self.plotter = pv.Plotter(
            shape=(1, 3), border=False, off_screen=off_screen, window_size=list(size), theme=own,
            lighting="light kit", title=f"flrsim: {state.plans[0].case.name}",
        )  # fmt: skip
        self.panes = (Pane(self.plotter, 0, ON), Pane(self.plotter, 1, BESIDE))
        self._trial = Trial(state.plans[0].case)
        self._taken: tuple[Any, Any] = (None, None)
        self._wedge: Any = None
        self.plane: Any = None
        self.film: Film | None = None
        self._layout: tuple[bool, ...] = ()
        self._view = "anterior"
        self._ready = False
        actions = {
            "stage back": lambda: state.step_stage(-1),
            "next stage": lambda: state.step_stage(1),
            "next plan": lambda: state.step_plan(1),
            "compare": state.toggle_compare,
        }
        self.panel = Panel(self.plotter, 2, state, self.moving, actions)
        # Widgets call back once while they are made; what they say then is not what a person chose.
        state.set_opacity(1.0)
        state.margin_mm, state.day, state.message = None, None, ""
        self._keys()
        self._ready = True
        state.listeners.append(self.update)
        self.update()
        self.plotter.link_views((0, 1))
        self.look_from("anterior")
        self.panes[0].add_compass()
        self.plotter.render()

    def _keys(self) -> None:
        state, plotter = self.state, self.plotter
        plotter.iren.clear_key_event_callbacks()
        for key, act in {
            "Right": lambda: state.step_day(1), "Left": lambda: state.step_day(-1),
            "n": lambda: state.step_stage(1), "b": lambda: state.step_stage(-1), "0": lambda: state.set_day(None),
            "d": lambda: state.step_plan(1), "D": lambda: state.step_plan(-1), "k": state.toggle_compare,
            "y": self.toggle_plane, "i": self.toggle_wedge, "x": lambda: self.look_from("anterior"),
            "z": lambda: self.look_from("inferior"), "g": self.save_picture, "o": self.save_movie,
            "h": state.toggle_help, "l": state.toggle_legend, "q": plotter.close,
        }.items():  # fmt: skip
            plotter.add_key_event(key, told(state, act))
        plotter.iren.add_observer("LeftButtonPressEvent", told(state, self._click))
        style = plotter.iren.interactor.GetInteractorStyle()
        if style is not None:
            style.AddObserver("StartInteractionEvent", lambda *_: self.moving(True))
            style.AddObserver("EndInteractionEvent", lambda *_: self.moving(False))

    def _click(self, *_: Any) -> None:
        x, y = self.plotter.iren.interactor.GetEventPosition()
        for pane in self.panes:
            actor = pane.hit(x, y)
            if actor is not None:
                kind = "lesion" if actor.kind == "lesion" else "segment"
                self.state.pick(kind, actor.name if kind == "lesion" else actor.segment or "")
                return

    def moving(self, is_moving: bool) -> None:
        """Draw fast while something is dragged, and well when it is let go."""
        for pane in self.panes:
            pane.quick(is_moving)
        if not is_moving and self._ready:
            self.plotter.render()

    def look_from(self, view: str) -> None:
        """Look from one of the named sides."""
        self._view = view
        shown = [p for p in self.panes if p.scene is not None and p.renderer.GetDraw()]
        self.panes[0].look_from(CAMERAS[view], shown)
        for pane in self.panes:
            pane.renderer.ResetCameraClippingRange()
        self.plotter.render()

    def toggle_plane(self) -> None:
        """Hold a trial plane at the hilum, or put it away."""
        if self.state.cut is not None:
            self.state.set_cut(None)
        else:
            self.state.set_cut(Plane(self.state.shown.geometry.hilum[0], RIGHT))

    def toggle_wedge(self) -> None:
        """Hold a trial wedge around the picked lesion, or put it away."""
        self.state.set_margin(FIRST_MARGIN_MM if self.state.margin_mm is None else None)

    def update(self) -> None:
        """Bring the window to the state."""
        if not self._ready:
            return
        state = self.state
        self._place()
        for pane, shown in zip(self.panes, (state.shown, state.beside), strict=True):
            if shown is not None:
                scene = scene_at(shown, day=state.day, options=state.options)
                pane.show(shown, scene, legend=state.legend)
        self._hold_plane()
        self.panel.update(self._trial_cut())
        if self.plotter.render_window is not None:
            self.plotter.render()

    def _place(self) -> None:
        """Share the window between the panes."""
        both = self.state.other is not None
        if self._layout == (both,):
            return
        first = self._layout == ()
        self._layout = (both,)
        half = 0.5 * LEFT
        self.panes[0].place((0.0, 0.0, half if both else LEFT, 1.0))
        self.panes[1].place((half, 0.0, LEFT, 1.0) if both else None)
        if not first:
            self.look_from(self._view)

    def _hold_plane(self) -> None:
        state = self.state
        cut = state.cut
        if (cut is not None) == (self.plane is not None):
            return
        if cut is None:
            self.plane = None
            self.plotter.clear_plane_widgets()
            return
        self.plotter.subplot(0, 0)
        low, high = self.state.shown.geometry.bounds_mm
        bounds = [v for pair in zip(low.tolist(), high.tolist(), strict=True) for v in pair]

        def moved(normal: Any, origin: Any) -> None:
            x, y, z = (float(v) for v in origin)
            i, j, k = (float(v) for v in normal)
            if self.plane is not None and self.state.cut is not None:
                self.state.set_cut(Plane((x, y, z), (i, j, k)))

        self.plane = self.plotter.add_plane_widget(
            told(state, moved), normal=cut.normal, origin=cut.point_mm, bounds=bounds, factor=1.0, color=palette.LOUD,
            interaction_event="always", outline_translation=False,
        )  # fmt: skip

    def _trial_cut(self) -> tuple[str, Any] | None:
        """Return the trial cut that is held and what it takes; the wedge's zone is drawn."""
        state = self.state
        if self._wedge is not None:
            self.plotter.subplot(0, 0)
            self.plotter.remove_actor(self._wedge, render=False)
            self._wedge = None
        if state.margin_mm is not None and state.picked is not None:
            name, mm = state.picked.name, float(round(state.margin_mm))
            key: Any = (name, mm)
            if self._taken[0] != key:
                self._taken = key, self._trial.wedge(name, mm)
            taken, shape = self._taken[1]
            self.plotter.subplot(0, 0)
            self._wedge = self.plotter.add_mesh(
                poly_data(shape),
                color=palette.LOUD,
                opacity=0.3,
                pickable=False,
                render=False,
                reset_camera=False,
            )
            return f"trial wedge, {mm:g} mm around {name}", taken
        if state.cut is not None:
            if self._taken[0] != state.cut:
                self._taken = state.cut, self._trial.plane(state.cut)
            return "trial plane", self._taken[1]
        return None

    def save_picture(self) -> None:
        """Save what the window shows as PNG beside where flrsim was started."""
        day = "plan" if self.state.day is None else f"day{self.state.day}"
        path = self.folder / f"flrsim-{_file_name(self.state.shown.name)}-{day}.png"
        self.plotter.render()
        self.plotter.screenshot(str(path))
        self.state.say(f"wrote {path.name}")

    def save_movie(self) -> None:
        """Save the whole course of the plan shown as a moving picture, while the window goes on; asked again, stop it."""
        if self.film is not None:
            self.film.stop()
            self.film = None
            self.state.say("the movie was stopped; nothing was written")
            return
        path = self.folder / f"flrsim-{_file_name(self.state.shown.name)}.gif"
        self.film = Film(self.state.shown, path, self._view, MOVIE_SIZE)
        self.state.say(f"{self.film.progress}; o stops it")

    def look_at_film(self) -> None:
        """Say how far the movie is, and put it in its place when it is drawn."""
        film = self.film
        if film is None:
            return
        if film.is_running:
            said = f"{film.progress}; o stops it"
            if said != self.state.message:
                self.state.say(said)
        else:
            self.film = None
            self.state.say(film.finish())

    def open(self) -> None:
        """Show the window and wait until it is closed; a movie that is not drawn by then is given up."""
        self.plotter.iren.initialize()
        self.plotter.iren.create_timer(FILM_EVERY_MS, repeating=True)
        self.plotter.iren.add_observer("TimerEvent", told(self.state, lambda *_: self.look_at_film()))
        try:
            self.plotter.show(auto_close=True)
        finally:
            if self.film is not None:
                self.film.stop()


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name).strip("-") or "plan"
