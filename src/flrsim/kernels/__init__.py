"""numba kernels on plain arrays: they never raise; the rooms above put their codes into words.

Compiled kernels are cached per flrsim version, so a second run compiles nothing; where no folder is writable
they are compiled anew in each process, which is slower and otherwise the same.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flrsim import __version__


def _cache_folder() -> Path | None:
    """Return a writable folder for compiled kernels, named after this version, or None."""
    base = (
        os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    )
    name = f"flrsim-kernels-{__version__}"
    for parent in (
        Path(base),
        Path(tempfile.gettempdir()) / f"flrsim-{os.getuid() if hasattr(os, 'getuid') else 0}",
    ):
        # A child process finds its parent's folder already named.
        folder = parent if parent.name == name else parent / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    return None


CACHE_FOLDER = _cache_folder()
if CACHE_FOLDER is not None:
    os.environ["NUMBA_CACHE_DIR"] = str(CACHE_FOLDER)

import numba  # noqa: E402  (numba reads the cache folder when it is imported)

if CACHE_FOLDER is not None:
    numba.config.CACHE_DIR = str(CACHE_FOLDER)


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` without the interpreter lock, cached where that is possible."""
    compiled: Callable[..., Any] = numba.njit(cache=CACHE_FOLDER is not None, nogil=True)(function)
    return compiled
