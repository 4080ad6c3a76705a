"""Run the commands that the pages show and put what they print, and the last timings, between their markers.

``python docs/tour.py [PAGE …]`` renews all pages, or those named; with ``--check`` it changes nothing and exits 1 when a
page says something else than the commands. A block ``<!-- run last 9: COMMAND -->`` shows the last nine lines only.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("README.md", "docs/medical-model.md", "docs/validation.md")
BLOCK = re.compile(
    r"(<!-- run(?: last (?P<last>\d+))?: (?P<command>.+?) -->\n```(?:console|text)\n)(?P<text>.*?)(```\n<!-- end -->)",
    re.DOTALL,
)

TIMINGS = ROOT / "benchmarks" / "results" / "commands.md"
BENCH = re.compile(r"(<!-- bench -->\n).*?(<!-- end bench -->)", re.DOTALL)


@cache
def output_of(command: str, last: int | None) -> str:
    """Return what a command prints, or its last lines, with its prompt; `flrsim` is this environment's."""
    words = shlex.split(command)
    if words[0] == "flrsim":
        words = [sys.executable, "-m", "flrsim", *words[1:]]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "meshes").symlink_to(ROOT / "meshes")
        done = subprocess.run(
            words,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "COLUMNS": "150"},
        )
    lines = [line.rstrip() for line in (done.stdout + done.stderr).splitlines()]
    shown = "\n".join(lines).strip("\n").split("\n")
    if last is not None:
        shown = ["…", *shown[-last:]]
    return f"$ {command}\n" + "\n".join(shown) + "\n"


def renewed(text: str) -> str:
    """Return a page with every marked block run anew, and the timings that ``make bench`` wrote last."""

    def run(found: re.Match[str]) -> str:
        last = None if found["last"] is None else int(found["last"])
        return found.group(1) + output_of(found["command"], last) + found.group(5)

    text = BLOCK.sub(run, text)
    if TIMINGS.exists():
        text = BENCH.sub(lambda m: m.group(1) + TIMINGS.read_text() + m.group(2), text)
    return text


def main() -> int:
    """Renew or check the pages."""
    check = "--check" in sys.argv[1:]
    named = [word for word in sys.argv[1:] if word != "--check"]
    stale = []
    for name in named or PAGES:
        page = ROOT / name
        before = page.read_text()
        after = renewed(before)
        if before != after:
            stale.append(name)
            if not check:
                page.write_text(after)
    if check and stale:
        sys.stderr.write(f"out of date: {', '.join(stale)}; run python docs/tour.py and read what changed\n")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
