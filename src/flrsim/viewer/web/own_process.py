"""Work done in a process of its own: it may draw there, while this one goes on serving the tabs."""

from __future__ import annotations

import asyncio
import pickle
import sys
from collections.abc import Callable
from typing import Any

from flrsim.errors import DisplayError

PROGRAM = """
import os, pickle, sys
out = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)  # what a library prints is no part of the answer
work, arguments = pickle.load(sys.stdin.buffer)
pickle.dump(work(*arguments), out)
"""


class OwnProcesses:
    """The processes that were started for one tab; they end with it."""

    def __init__(self) -> None:
        self._running: set[asyncio.subprocess.Process] = set()

    async def run(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Return what a function of a module gives, called in a new process.

        Raises
        ------
        DisplayError
            When it fails there, or the tab is closed meanwhile.
        """
        loop = asyncio.get_running_loop()
        given = await loop.run_in_executor(None, pickle.dumps, (work, arguments), pickle.HIGHEST_PROTOCOL)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self._running.add(process)
        try:
            answer, said = await process.communicate(given)
        finally:
            self._running.discard(process)
        if process.returncode:
            lines = said.decode(errors="replace").strip().splitlines()
            raise DisplayError(f"the report could not be made: {lines[-1] if lines else 'it was stopped'}")
        return pickle.loads(answer)

    def stop(self) -> None:
        """End what is still running."""
        for process in self._running:
            process.kill()
