"""A movie drawn in a process of its own, so that the window goes on answering."""

from __future__ import annotations

import pickle
import subprocess
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import IO

from flrsim.viewer.shown import Shown

PROGRAM = """
import pickle, sys
from pathlib import Path
from flrsim.errors import FlrsimError
from flrsim.viewer.movie import write_movie
shown, path, view, size = pickle.loads(Path(sys.argv[1]).read_bytes())
try:
    write_movie(shown, path, view=view, size=size, progress=lambda done, of: print(done, of, flush=True))
except FlrsimError as fault:
    raise SystemExit(fault.sentence)
"""


class Film:
    """A movie that is being drawn; ask it from time to time.

    Parameters
    ----------
    path : where the movie is put when its last picture is drawn.
    size : width and height of a picture, pixels.
    """

    def __init__(self, shown: Shown, path: Path, view: str, size: tuple[int, int]) -> None:
        self.path = path
        self._folder = tempfile.TemporaryDirectory(prefix="flrsim-")
        # A part of a movie is no movie: it is moved to its place when it is whole.
        self._part = Path(self._folder.name) / path.name
        given = Path(self._folder.name) / "shown"
        # A copy, without the surfaces that were made for this window.
        work = (replace(shown), self._part, view, size)
        given.write_bytes(pickle.dumps(work, pickle.HIGHEST_PROTOCOL))
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(given)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._said, self._faults = "", ""
        self._readers = [
            threading.Thread(target=read, args=(pipe,), daemon=True)
            for read, pipe in ((self._follow, self._process.stdout), (self._note, self._process.stderr))
        ]
        for reader in self._readers:
            reader.start()

    def _follow(self, pipe: IO[str]) -> None:
        with pipe:
            for line in pipe:
                self._said = line.strip()

    def _note(self, pipe: IO[str]) -> None:
        with pipe:
            for line in pipe:
                self._faults = line.strip() or self._faults

    @property
    def is_running(self) -> bool:
        """Whether pictures are still drawn."""
        return self._process.poll() is None

    @property
    def progress(self) -> str:
        """How far it is, in words."""
        done, _, of = self._said.partition(" ")
        return f"drawing the movie: picture {done} of {of}" if of else "drawing the movie"

    def finish(self) -> str:
        """Put the movie in its place once it is drawn, and return what there is to say."""
        for reader in self._readers:
            reader.join()
        code = self._process.wait()
        if code == 0:
            self.path.write_bytes(self._part.read_bytes())
        self._folder.cleanup()
        if code == 0:
            return f"wrote {self.path.name}"
        return f"the movie could not be drawn: {self._faults or f'its process ended with {code}'}"

    def stop(self) -> None:
        """Stop drawing; nothing is written."""
        if self.is_running:
            self._process.kill()
        for reader in self._readers:
            reader.join()
        self._process.wait()
        self._folder.cleanup()
