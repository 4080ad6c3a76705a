"""Play one real liver and put its numbers into a page: 3D-IRCADb-01 case 1, segments S1 to S8 and seven lesions.

``python docs/real_case.py DATA`` prints them, ``--write`` renews the block of docs/validation.md. DATA is a folder that
holds ``3Dircadb-1/segments.nii.gz`` and ``3Dircadb-1/lesions.nii.gz``, by default that of ``FLRSIM_TEST_DATA``; label
maps are no part of the project, and without them nothing is changed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent / "validation.md"
BLOCK = re.compile(r"(<!-- real case -->\n).*?(<!-- end real case -->)", re.DOTALL)
LIVER = "3Dircadb-1"

CASE = """\
[case]
id = "3D-IRCADb-01, case 1"

[anatomy]
labelmap = "segments.nii.gz"
lesions = "lesions.nii.gz"
scan_day = -14

[patient]
sex = "male"
age = 57
height_cm = 172
weight_kg = 75

[[treatment]]
regimen = "FOLFOX"
cycles = 6
last_dose_day = -42

[[plan]]
name = "two-stage"
[[plan.step]]
day = 0
operate = { wedge = ["L4", "L5"], margin_mm = 5 }
[[plan.step]]
day = 14
occlude = { technique = "pve", portal = ["right", "S4"] }
[[plan.step]]
day = 42
scan = true
[[plan.step]]
day = 45
operate = { resect = "right_trisectionectomy", wedge = ["L2"], margin_mm = 5 }
"""


def played(data: Path) -> dict[str, Any]:
    """Return the plan as `flrsim compare --json` gives it."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for file in ("segments.nii.gz", "lesions.nii.gz"):
            shutil.copy(data / LIVER / file, folder / file)
        (folder / "case.toml").write_text(CASE)
        done = subprocess.run(
            [sys.executable, "-m", "flrsim", "compare", str(folder), "--json"],
            capture_output=True,
            text=True,
            check=True,
        )
    (plan,) = json.loads(done.stdout)["plans"]
    return dict(plan)


def numbers(plan: Mapping[str, Any]) -> dict[str, tuple[float, float | None, float | None]]:
    """Return what the page tells, by name: median with the simulated 80 % interval, or a number with its error."""

    def spread(of: Mapping[str, float]) -> tuple[float, float, float]:
        return of["median"], of["p10"], of["p90"]

    (scan,) = [d for d in plan["decisions"] if d["kind"] == "scan"]
    flr, share = plan["flr_error"], plan["sflr_error"]
    border = next(c["sd"] for c in flr["components"] if c["cause"] == "border to what goes")
    return {
        "FLR on the images, mL": (plan["flr_ml"], flr["low"], flr["high"]),
        "of it the labels' border, SD, mL": (border, None, None),
        "sFLR on the images, %": (100 * plan["sflr"], 100 * share["low"], 100 * share["high"]),
        "FLR 28 days after embolization, mL": spread(scan["flr_ml"]),
        "sFLR then, relative law, %": tuple(100 * v for v in spread(scan["sflr"])),  # type: ignore[dict-item]
        "sFLR then, absolute law, %": tuple(100 * v for v in spread(scan["sflr_other_law"])),  # type: ignore[dict-item]
    }


def table(plan: Mapping[str, Any]) -> str:
    """Return the numbers as a table of the page."""
    rows = ["| | | interval |", "|---|---|---|"]
    for name, (middle, low, high) in numbers(plan).items():
        rows.append(f"| {name} | {middle:.1f} | {'' if low is None else f'{low:.1f} to {high:.1f}'} |")
    return "\n".join(rows) + "\n"


def told(page: str) -> dict[str, tuple[float, float | None, float | None]]:
    """Return the numbers that a page tells, by name."""
    found = BLOCK.search(page)
    rows = re.findall(
        r"^\| ([^|]+?) \| ([\d.]+) \| ([^|]*?) ?\|$", found.group(0) if found else "", re.MULTILINE
    )
    out: dict[str, tuple[float, float | None, float | None]] = {}
    for name, middle, interval in rows:
        low, _, high = interval.partition(" to ")
        out[name] = (float(middle), float(low) if low else None, float(high) if high else None)
    return out


def main() -> int:
    """Print the numbers, or write them into the page."""
    words = [word for word in sys.argv[1:] if word != "--write"]
    data = Path(words[0] if words else os.environ.get("FLRSIM_TEST_DATA", ""))
    if not (data / LIVER / "segments.nii.gz").is_file():
        sys.stderr.write(f"no {LIVER}/segments.nii.gz in {data}; name the folder or set FLRSIM_TEST_DATA\n")
        return 1
    text = table(played(data))
    if "--write" in sys.argv[1:]:
        PAGE.write_text(BLOCK.sub(lambda m: m.group(1) + text + m.group(2), PAGE.read_text()))
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
