"""One browser tab: its own server on this machine, its own session, its own picture."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from importlib import resources
from typing import Any

from flrsim.comparison import Compared
from flrsim.errors import FlrsimError
from flrsim.planner import cuts_of, why
from flrsim.report import palette
from flrsim.search import legal_plans, propose
from flrsim.viewer.camera import CAMERAS
from flrsim.viewer.drawing import INSTALL, gl_available
from flrsim.viewer.scene import Options, Shown
from flrsim.viewer.web.liver_view import LiverView, Shapes
from flrsim.viewer.web.own_process import OwnProcesses
from flrsim.viewer.web.page import controls, results, unfolded
from flrsim.viewer.web.session import Session
from flrsim.viewer.web.words import Sight, words_over

SETTLED_SECONDS = 0.25
"""Names stand again when the picture was still for so long; over a picture that turns they would stand wrong."""
ReportOf = Callable[[Any, Compared], str]
"""Case and comparison to the text of a page; a function of a module, called in a process of its own."""


class Tab:
    """The page of one tab.

    Work that takes long is done beside the loop that serves the tabs, one piece at a time; only drawing is done in it,
    since OpenGL belongs to one thread.

    Parameters
    ----------
    name : of the tab, for the server's registry.
    shapes : of the plans, shared with other tabs.
    report : makes the page that is downloaded.
    """

    def __init__(self, name: str, session: Session, shapes: Shapes, report: ReportOf) -> None:
        from trame.app import get_server

        self.session, self._report = session, report
        self._compared: Compared | None = None
        self._lock = asyncio.Lock()
        self._day: int | None = None
        self.server: Any = get_server(name, client_type="vue3")
        # Where nothing can be drawn the page has all numbers and says why it has no picture.
        self.view = LiverView(shapes, drawn=gl_available())
        self._tasks: set[asyncio.Task[None]] = set()
        self._named: Sight | None = None
        self._settles: asyncio.TimerHandle | None = None
        self.view.when_drawn(self._turned)
        self._processes = OwnProcesses()
        state = self.server.state
        state.update(
            {
                "c": controls(session), "r": None, "s": None, "w": None, "words": None, "busy": True, "day": None, "tick": 0,
                "again": 0,
                "done": 0,
                "inks": [palette.fate_ink(k) for k in range(3)], "file_name": session.file.path.name, "saved": "", "making": False, "save_error": "",
                "problem": "", "proposals": [], "no_picture": INSTALL if self.view.plotter is None else "",
                "trame__title": f"flrsim: {session.draft.case.name}",
            }
        )  # fmt: skip
        for called in (
            self.edit,
            self.undo,
            self.redo,
            self.why,
            self.look,
            self.show_day,
            self.save,
            self.report,
            self.propose,
        ):
            self.server.trigger(called.__name__)(called)
        self.server.controller.on_client_connected.add(self.connected)
        self._build()

    def _build(self) -> None:
        """Build the page: the template is this package's own, its words come from the state as text."""
        from trame.ui.html import DivLayout
        from trame.widgets import client, vtk

        folder = resources.files("flrsim.viewer.web") / "templates"
        with DivLayout(self.server) as layout:
            client.Style((folder / "planner.css").read_text(encoding="utf-8"))
            shown = None
            if self.view.plotter is not None:
                window = self.view.plotter.render_window
                shown = vtk.VtkRemoteView(window, ref="liver", interactive_ratio=0.5, still_quality=95)
                layout.root.children.remove(shown)
            page = (folder / "planner.html").read_text(encoding="utf-8")
            layout.root.add_child(page.replace("@@VIEW@@", "" if shown is None else shown.html))
        self._shown = shown

    def _send_picture(self) -> None:
        """Send what is drawn to the browser."""
        if self._shown is not None:
            self._shown.update()

    def connected(self, **_: Any) -> None:
        """Judge the draft when the page is first there; a page that is loaded again finds its state."""
        self._start(self._welcome())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _welcome(self) -> None:
        async with self._lock:
            if self._compared is None:
                await self._refresh()
            else:
                self._send_picture()

    async def edit(self, control: str, *values: Any) -> None:
        """Make an edit and show what it does, or why it is not made."""
        async with self._lock:
            self._busy(True)
            before = self.session.draft
            made = await self._beside(self.session.edit, control, *values)
            self.server.state.again += 1  # lists that are asked, not shown, start anew
            if not made:
                self.server.state.tick += 1  # a control that was refused springs back to what is
            await self._refresh(judge=made and self.session.draft is not before)

    async def undo(self) -> None:
        """Go one edit back."""
        async with self._lock:
            self.session.undo()
            await self._refresh()

    async def redo(self) -> None:
        """Go one edit forward again."""
        async with self._lock:
            self.session.redo()
            await self._refresh()

    async def propose(self) -> None:
        """Look for plans to propose; they are then offered."""
        async with self._lock:
            self._busy(True)
            case = self.session.draft.case
            found = await self._beside(propose, case, self.session.evidence)
            self.session.proposals = legal_plans(found)
            self.server.state.proposals = [p.name for p in self.session.proposals]
            self.server.state.problem = (
                "" if self.session.proposals else "; ".join(dict.fromkeys(p.why for p in found))
            )
            self._busy(False)

    def why(self, plan: str, quantity: str) -> None:
        """Unfold a number."""
        if self._compared is not None:
            try:
                told = why(self._compared, plan, quantity, self.session.evidence)
            except FlrsimError as error:
                self.server.state.problem = error.sentence
            else:
                self.server.state.w = unfolded(told) | {"plan": plan, "quantity": quantity}

    async def look(self, view: str) -> None:
        """Turn the picture."""
        if view in CAMERAS:
            async with self._lock:
                self.view.look_from(view)
                self._send_picture()
                await self._name()

    async def show_day(self, day: int | None) -> None:
        """Show the liver on a day, or the plan before any operation."""
        async with self._lock:
            self._day = day if day is None else int(day)
            await self._draw()
            self._busy(False)

    def save(self, name: str) -> None:
        """Write the draft to a case file."""
        state = self.server.state
        state.saved, state.save_error = "", ""
        try:
            path = self.session.save(str(name))
        except FlrsimError as error:
            state.save_error = error.sentence
        else:
            state.saved = f"saved: {path}"
            state.c = controls(self.session)

    async def report(self) -> str:
        """Return the report of the draft, for download."""
        state = self.server.state
        async with self._lock:
            state.making, state.problem = True, ""
            self._busy(True)
            try:
                compared = await self._beside(self.session.bench.compare, self.session.draft)
            finally:
                self._busy(False)
        # Its pictures are drawn elsewhere: this tab and the others go on answering.
        try:
            text: str = await self._processes.run(self._report, self.session.bench.case, compared)
        except FlrsimError as error:
            state.problem = error.sentence
            raise
        finally:
            state.making = False
            state.flush()
        return text

    async def _refresh(self, *, judge: bool = True) -> None:
        """Bring controls, numbers and picture to the draft; numbers come first."""
        state = self.server.state
        state.c = controls(self.session)
        self._busy(judge)
        if not judge:
            self.server.state.flush()
            return
        state.problem = ""
        try:
            self._compared = await self._beside(self.session.judge)
        except FlrsimError as error:
            state.problem = error.sentence
            self._busy(False)
            return
        told = await self._beside(results, self.session, self._compared)
        state.r = told
        state.flush()
        if state.w is not None:
            names = [p.name for p in self._compared.result.plans]
            plan = state.w["plan"] if state.w["plan"] in names else self.session.draft.selected
            self.why(plan, state.w["quantity"])
        await self._draw()
        self._busy(False)

    async def _draw(self) -> None:
        """Draw the selected plan on the chosen day."""
        if self._compared is None:
            return
        state, session = self.server.state, self.session
        at = next(i for i, p in enumerate(self._compared.result.plans) if p.name == session.draft.selected)
        judged = self._compared.result
        shown = Shown(session.bench.case, self._compared.staged[at], judged.plans[at], judged.run.draws)
        first, last = shown.days
        if self._day is not None:
            self._day = min(max(self._day, first), last)
        scene = await self._beside(
            self.view.prepare, shown, cuts_of(session.draft.plan), self._day, Options()
        )
        self.view.draw(shown, scene)
        state.day = self._day
        state.s = {
            "first": max(first, 0),
            "last": max([*shown.operation_days, 0]) + (last - max(shown.operation_days)) // 4,
            "days": [
                {"day": day, "word": f"after stage {n}"} for n, day in enumerate(shown.operation_days, 1)
            ],
            "views": [{"name": c.name, "title": c.title} for c in CAMERAS.values()],
            "legend": [{"text": e.said(), "colour": palette.swatch(e.colour)} for e in scene.legend],
            "readout": list(scene.readout.lines()),
        }
        state.flush()
        self._send_picture()
        await self._name()

    def _turned(self) -> None:
        """Take the names away when somebody turns the picture or its size changes, until it is still."""
        sight = self.view.sight
        if self._named is None or sight == self._named:
            return
        state = self.server.state
        still = sight is not None and sight.same_place(self._named) and sight.same_form(self._named)
        if not still and state.words is not None:
            state.words = None
            state.flush()
        if self._settles is not None:
            self._settles.cancel()
        loop = asyncio.get_running_loop()
        self._settles = loop.call_later(SETTLED_SECONDS, lambda: self._start(self._settled()))

    async def _settled(self) -> None:
        async with self._lock:
            if self.view.fit():
                self._send_picture()
            await self._name()

    async def _name(self) -> None:
        """Write names, axes and scale over the picture as it is drawn now."""
        sight, scene = self.view.sight, self.view.scene
        if sight is None or scene is None:
            return
        words = await self._beside(words_over, scene, sight)
        self._named = sight
        self.server.state.words = words
        self.server.state.flush()

    def _busy(self, busy: bool) -> None:
        self.server.state.busy = busy
        if not busy:
            self.server.state.done += 1
        self.server.state.flush()

    async def _beside(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(None, work, *arguments)

    def close(self) -> None:
        """Give the picture's memory back, and end a report that is being made."""
        if self._settles is not None:
            self._settles.cancel()
        self._processes.stop()
        self.view.close()
