"""The way in: a server on this machine alone that lets one person in and opens a session for each browser tab.

The address printed at the start holds a token that works once. It leaves a cookie in the browser; without it every request
is refused, on this address and on those of the tabs. Each tab is a server of its own on a free port of the loopback
interface: tabs share the liver and what was worked out of it, but no plan.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import secrets
import signal
import sys
import webbrowser
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from flrsim.case import LiverCase
from flrsim.errors import DisplayError
from flrsim.evidence import Evidence
from flrsim.plan import Plan
from flrsim.planner import Steps, Workbench, cuts_of, start
from flrsim.viewer.drawing import gl_available, headless
from flrsim.viewer.scene import Shown, scene_at
from flrsim.viewer.web.liver_view import Shapes
from flrsim.viewer.web.page import results
from flrsim.viewer.web.session import CaseText, Session
from flrsim.viewer.web.tab import ReportOf, Tab

HOST = "127.0.0.1"
MOST_TABS = 12
IDLE_SECONDS = 8 * 3600
"""A tab that nobody looks at for so long is closed and forgotten."""
NEEDS = "flrsim serve needs the extra `web`: pip install 'flrsim[web]'"
SHUT = "refused: open the planner with the address that flrsim serve printed; it works once, then this browser is known"
SESSIONS = "/paraview/"
"""Where the page's library asks for a session before it opens one."""
Handler = Callable[[Any], Awaitable[Any]]


class Door:
    """Who may come in: the holder of the token, once, and then whoever shows the cookie it left."""

    def __init__(self) -> None:
        self.token: str | None = secrets.token_urlsafe(24)
        self._cookie = secrets.token_urlsafe(24)
        self._name = f"flrsim-{secrets.token_hex(4)}"

    def admit(self, given: str) -> bool:
        """Return whether a token opens the door; it does so once."""
        if self.token is None or not hmac.compare_digest(given, self.token):
            return False
        self.token = None
        return True

    def known(self, request: Any) -> bool:
        """Return whether a request shows the cookie, and comes from a page of this machine to this machine."""
        if not hmac.compare_digest(request.cookies.get(self._name, ""), self._cookie):
            return False
        # A name that another site lets point here, or a page of another server on this machine, is not let in.
        host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
        if host.rpartition(":")[0] != HOST:
            return False
        return origin is None or origin == f"http://{host}"

    def leave_cookie(self, response: Any) -> None:
        """Leave the cookie in the browser; no script reads it and no other site sends it."""
        response.set_cookie(self._name, self._cookie, httponly=True, samesite="Strict", path="/")

    def guard(self) -> Any:
        """Return what stands before every request of a tab's server."""
        from aiohttp import web

        async def guarded(request: Any, handler: Handler) -> Any:
            if not self.known(request):
                return web.Response(status=403, text=SHUT)
            try:
                return await handler(request)
            except ConnectionResetError:  # the page was closed or loaded anew before it was answered
                return web.Response()

        return web.middleware(guarded)


class Planner:
    """The front server and its tabs."""

    def __init__(
        self,
        case: LiverCase,
        plans: tuple[Plan, ...],
        evidence: Evidence,
        path: Path,
        report: ReportOf,
        *,
        seed: int,
        draws: int,
    ) -> None:
        self._bench = Workbench(case, evidence)
        self._draft = start(case, plans, evidence, seed=seed, draws=draws)
        self._evidence, self._report = evidence, report
        self._file = CaseText.read(path, case, plans)
        self._shapes = Shapes()
        self.door = Door()
        self.tabs: list[Tab] = []
        self._tasks: set[Any] = set()

    def warm(self) -> None:
        """Judge the plans as they are and shape the one that is shown first, so that a tab opens at once."""
        gl_available()  # asked in another process, which takes seconds; the answer is kept
        session = self._session()
        compared = session.judge()
        results(session, compared)
        at = next(i for i, s in enumerate(compared.staged) if s.plan.name == self._draft.selected)
        judged = compared.result
        shown = Shown(self._bench.case, compared.staged[at], judged.plans[at], judged.run.draws)
        self._shapes.lend(shown, cuts_of(self._draft.plan))
        scene_at(shown)

    def _session(self) -> Session:
        return Session(self._bench, self._evidence, Steps(self._draft), self._file)

    async def run(self, port: int, said: Callable[[str], None]) -> None:
        """Serve until interrupted; `said` is called with the address when it can be opened."""
        from aiohttp import web

        asyncio.get_running_loop().set_exception_handler(pages_may_close)
        app = web.Application()
        app.router.add_get("/", self._front)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            site = web.TCPSite(runner, HOST, port)
            try:
                await site.start()
            except OSError as error:
                raise DisplayError(
                    f"port {port} of {HOST} cannot be opened: {error.strerror}; name another with --port"
                ) from None
            address = runner.addresses[0]
            said(f"http://{HOST}:{address[1]}/?token={self.door.token}")
            await _interrupted()
        finally:
            for tab in list(self.tabs):
                await tab.server.stop()
                tab.close()
            await runner.cleanup()

    async def _front(self, request: Any) -> Any:
        """Let the first holder of the token in; open a session for each further tab of that browser."""
        from aiohttp import web

        if self.door.admit(request.query.get("token", "")):
            response = web.Response(status=303, headers={"Location": "/", "Referrer-Policy": "no-referrer"})
            self.door.leave_cookie(response)
            return response
        if not self.door.known(request):
            return web.Response(status=403, text=SHUT)
        if len(self.tabs) >= MOST_TABS:
            return web.Response(
                status=503, text=f"{MOST_TABS} tabs are open; close flrsim serve and start it again"
            )
        port = await self._open()
        raise web.HTTPSeeOther(f"http://{HOST}:{port}/index.html")

    async def _open(self) -> int:
        """Open a tab: a session from the case as it was read, behind a port of its own."""
        session = self._session()
        tab = Tab(f"tab-{secrets.token_hex(8)}", session, self._shapes, self._report)
        server = tab.server
        server.controller.on_server_bind.add(lambda wslink: self._guard(wslink.app))
        ready = asyncio.Event()
        server.controller.on_server_ready.add(lambda **_: ready.set())
        task = server.start(
            exec_mode="task", host=HOST, port=0, thread=True, open_browser=False, show_connection_info=False,
            timeout=IDLE_SECONDS, disable_logging=False,
        )  # fmt: skip
        self._tasks.add(task)
        self.tabs.append(tab)
        task.add_done_callback(lambda done: self._forget(tab, done))
        await ready.wait()
        return int(server.port)

    def _guard(self, app: Any) -> None:
        """Let nobody but the known browser ask a tab's server, and tell that browser's page where its session is."""
        app.middlewares.append(self.door.guard())
        app.router.add_post(SESSIONS, _session_at)

    def _forget(self, tab: Tab, task: Any) -> None:
        self._tasks.discard(task)
        if tab in self.tabs:
            self.tabs.remove(tab)
            tab.close()


def pages_may_close(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Say what went wrong in work that nobody waits for, unless a page was closed before all was sent to it."""
    if not isinstance(context.get("exception"), ConnectionResetError):
        loop.default_exception_handler(context)


async def _session_at(request: Any) -> Any:
    """Answer a page that asks for a session to be started: its tab's server holds it already."""
    from aiohttp import web

    return web.json_response({"sessionURL": f"ws://{request.headers['Host']}/ws"})


async def _interrupted() -> None:
    """Wait for an interrupt."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(name, stop.set)
        except NotImplementedError:  # Windows: the interrupt arrives as an exception
            break
    await stop.wait()


def serve(
    case: LiverCase,
    plans: tuple[Plan, ...],
    evidence: Evidence,
    path: Path,
    report: ReportOf,
    *,
    port: int,
    seed: int,
    draws: int,
    open_browser: bool,
    said: Callable[[str], None],
) -> None:
    """Serve the planner of a case on this machine until it is interrupted.

    Parameters
    ----------
    path : the case file, or the folder that holds it: what is saved is written there.
    report : makes the report that is downloaded.
    port : of the loopback interface; 0 takes a free one.
    said : called with the address that opens the planner, once.

    Raises
    ------
    DisplayError
        When the extra is not installed, or the port is taken.
    """
    try:
        import aiohttp  # noqa: F401
        import trame.app
        import trame.widgets.vtk  # noqa: F401
    except ImportError:
        raise DisplayError(NEEDS) from None
    os.environ["WSLINK_READY_MSG"] = ""  # standard output is for results
    sys.argv = sys.argv[:1]  # the tabs' servers would read the command line as theirs

    def told(address: str) -> None:
        said(address)
        if open_browser:
            webbrowser.open(address)

    headless()
    planner = Planner(case, plans, evidence, path, report, seed=seed, draws=draws)
    planner.warm()
    try:
        asyncio.run(planner.run(port, told))
    except KeyboardInterrupt:
        return
