"""Run the README's commands and put what they print, and the last timings, between its markers: ``python docs/tour.py``.

``python docs/tour.py --check`` changes nothing and exits 1 when the README says something else than the commands.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BLOCK = re.compile(
    r"(<!-- run: (?P<command>.+?) -->\n```(?:console|text)\n)(?P<text>.*?)(```\n<!-- end -->)", re.DOTALL
)


TIMINGS = ROOT / "benchmarks" / "results" / "commands.md"
BENCH = re.compile(r"(<!-- bench -->\n).*?(<!-- end bench -->)", re.DOTALL)


def output_of(command: str) -> str:
    """Return what a command of the README prints, with its prompt; `flrsim` is this environment's."""
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
    return f"$ {command}\n" + "\n".join(lines).strip("\n") + "\n"


def renewed(text: str) -> str:
    """Return the README with every marked block run anew, and the timings that ``make bench`` wrote last."""
    text = BLOCK.sub(lambda m: m.group(1) + output_of(m.group("command")) + m.group(4), text)
    if TIMINGS.exists():
        text = BENCH.sub(lambda m: m.group(1) + TIMINGS.read_text() + m.group(2), text)
    return text


def main() -> int:
    """Renew or check the README."""
    before = README.read_text()
    after = renewed(before)
    if "--check" in sys.argv[1:]:
        return int(before != after)
    README.write_text(after)
    return 0


if __name__ == "__main__":
    sys.exit(main())
