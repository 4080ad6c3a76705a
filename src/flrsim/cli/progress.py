"""Progress on stderr, only where a person watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def steps(total: int | None) -> Iterator[Callable[[str], None]]:
    """Give a function that is called with a word about each of `total` steps, None for as many as come."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=total)
        started = False

        def say(word: str) -> None:
            nonlocal started
            bar.update(task, description=word, advance=1 if started else 0)
            started = True

        yield say
