"""A fault in the answer to a key or mouse is told; PyVista alone would turn it into a quiet warning."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any

from flrsim.errors import FlrsimError
from flrsim.viewer.desktop.state import ViewState


def told(state: ViewState, act: Callable[..., Any]) -> Callable[..., None]:
    """Return `act`, but what it raises becomes one sentence in the window's message line and on stderr."""

    @wraps(act)
    def answered(*arguments: Any) -> None:
        try:
            act(*arguments)
        except Exception as fault:  # Whatever it is, the window stays open.
            sentence = sentence_of(fault)
            sys.stderr.write(f"flrsim: {sentence}\n")
            # Where drawing itself is at fault, saying so draws again and fails again; stderr has it then.
            with suppress(Exception):
                state.say(sentence)

    return answered


def sentence_of(fault: Exception) -> str:
    """Return a fault as one sentence: its own, or what kind it is and where it arose."""
    if isinstance(fault, FlrsimError):
        return fault.sentence
    first = next(iter(str(fault).splitlines()), "")
    trace, where = fault.__traceback__, ""
    while trace is not None:
        where = f"{trace.tb_frame.f_code.co_name}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return f"that failed: {type(fault).__name__} in {where}: {first}".rstrip(": ")
