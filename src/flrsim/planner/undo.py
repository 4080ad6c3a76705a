"""Undo and redo of immutable states."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic, TypeVar

State = TypeVar("State")


@dataclass(frozen=True)
class Steps(Generic[State]):
    """A state, those before it that undo brings back, and those that redo brings back, the nearest last."""

    now: State
    past: tuple[State, ...] = ()
    future: tuple[State, ...] = ()

    def do(self, state: State) -> Steps[State]:
        """Return the steps with a new state; what was undone is forgotten. A state that changes nothing is no step."""
        return self if state == self.now else Steps(state, (*self.past, self.now))

    def look(self, state: State) -> Steps[State]:
        """Return the steps with a state that shows something else and changes nothing: no step to undo."""
        return replace(self, now=state)

    def undo(self) -> Steps[State]:
        """Return one step back; at the start nothing happens."""
        if not self.past:
            return self
        return replace(self, now=self.past[-1], past=self.past[:-1], future=(*self.future, self.now))

    def redo(self) -> Steps[State]:
        """Return one step forward again; at the end nothing happens."""
        if not self.future:
            return self
        return replace(self, now=self.future[-1], past=(*self.past, self.now), future=self.future[:-1])
