"""Work in a process of its own: its answer, its failure, its end; the loop goes on meanwhile."""

from __future__ import annotations

import asyncio
import operator
import os
import threading
import time

import pytest

from flrsim.errors import DisplayError
from flrsim.viewer.web.own_process import OwnProcesses


def test_the_answer_comes_from_another_process_and_the_loop_goes_on() -> None:
    async def both() -> tuple[int, bool]:
        asked = asyncio.create_task(OwnProcesses().run(os.getpid))
        await asyncio.sleep(0)
        went_on = not asked.done()
        return await asked, went_on

    answer, went_on = asyncio.run(both())
    assert answer != os.getpid()
    assert went_on


def test_what_is_given_along_is_packed_beside_the_loop() -> None:
    packed_in: list[threading.Thread] = []

    class Large:
        def __reduce__(self) -> tuple[type[int], tuple[str]]:
            packed_in.append(threading.current_thread())
            return int, ("41",)

    assert asyncio.run(OwnProcesses().run(operator.add, Large(), 1)) == 42
    assert threading.main_thread() not in packed_in


def test_what_has_ended_is_forgotten() -> None:
    async def done() -> OwnProcesses:
        processes = OwnProcesses()
        await processes.run(os.getpid)
        with pytest.raises(DisplayError):
            await processes.run(int, "many")
        return processes

    assert not asyncio.run(done())._running


def test_what_fails_there_is_said_here() -> None:
    with pytest.raises(DisplayError, match="invalid literal for int"):
        asyncio.run(OwnProcesses().run(int, "many"))


def test_what_is_printed_there_is_no_part_of_the_answer() -> None:
    assert asyncio.run(OwnProcesses().run(print, "words")) is None


def test_a_closed_tab_ends_what_runs_for_it() -> None:
    async def closed() -> None:
        processes = OwnProcesses()
        asked = asyncio.create_task(processes.run(time.sleep, 600))
        while not processes._running:
            await asyncio.sleep(0.01)
        processes.stop()
        await asked

    with pytest.raises(DisplayError, match="stopped"):
        asyncio.run(closed())
