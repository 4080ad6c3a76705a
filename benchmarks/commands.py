"""Whole commands: time them and write ``benchmarks/results/commands.json`` and a table.

Every run is a process of its own that reads its files anew; the first run with an empty cache folder also compiles. Peak
memory is the largest resident size of that process. Machines are noisy: quote medians, and ratios from one run.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
RUNS = 5
BIG_SHAPE = (512, 512, 500)
GOALS = {
    "flrsim --help": {"seconds": 0.5},
    "flrsim volumes, 512 x 512 x 500 label map": {"seconds": 5.0, "peak_mb": 3000.0},
    "compare, 4 plans x 10,000 draws, after loading": {"seconds": 2.0},
}

AFTER_LOADING = """
import sys, time
from pathlib import Path
from flrsim.case_file import load_case
from flrsim.comparison import compare
from flrsim.evidence import load_evidence
evidence = load_evidence()
case, plans = load_case(Path(sys.argv[1]), evidence)
case.grid.liver, case.grid.counts
start = time.perf_counter()
compare(case, plans, evidence, seed=1, draws=10_000)
print(time.perf_counter() - start)
"""


def run(arguments: list[str], cache: Path) -> tuple[float, float, str]:
    """Return wall seconds, peak MB and stdout of one fresh process."""
    env = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "PYTHONDONTWRITEBYTECODE": "0"}
    start = time.perf_counter()
    process = subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env, cwd=ROOT
    )
    out = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"{' '.join(arguments)} failed with status {status}")
    return seconds, usage.ru_maxrss / 1024.0, out


def cache_files(cache: Path) -> dict[str, int]:
    return {str(p.relative_to(cache)): p.stat().st_mtime_ns for p in cache.rglob("*.nb?")}


def big_label_map(path: Path) -> None:
    """Write a phantom liver as a 512 x 512 x 500 label map, as an abdominal CT would give it."""
    import numpy as np

    from flrsim.io.nifti import write_label_map
    from flrsim.phantom import make_phantom

    phantom = make_phantom(1)
    grids = phantom.label_grids((0.75, 0.75, 0.8))
    labels = np.zeros(BIG_SHAPE, dtype=np.uint8)
    low = [(b - s) // 2 for b, s in zip(BIG_SHAPE, grids.segments.shape, strict=True)]
    labels[tuple(slice(a, a + s) for a, s in zip(low, grids.segments.shape, strict=True))] = grids.segments
    write_label_map(path, labels, grids.affine)


def summary(samples: list[tuple[float, float]]) -> dict[str, float]:
    seconds = [s for s, _ in samples]
    return {
        "runs": len(samples),
        "median_s": round(statistics.median(seconds), 3),
        "min_s": round(min(seconds), 3),
        "max_s": round(max(seconds), 3),
        "peak_mb": round(max(m for _, m in samples)),
    }


def viewer_rows(python: str, demo: Path, cache: Path) -> dict[str, dict[str, float | bool]]:
    """Return what a person waits for in the window: to open it, a slider step in motion, and at rest."""
    runs = [
        json.loads(run([python, "-m", "benchmarks.viewer", str(demo), "two-stage"], cache)[2])
        for _ in range(RUNS)
    ]
    triangles = f"{runs[0]['triangles']:,} triangles, software GL"
    named = {
        "window open": "first_s",
        "slider step while it moves": "moving_s",
        "slider step at rest": "still_s",
    }
    return {f"{name}, {triangles}": {**summary([(r[key], 0.0) for r in runs])} for name, key in named.items()}


def main() -> None:
    python = sys.executable
    rows: dict[str, dict[str, float | bool]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        cache = folder / "cache"
        cache.mkdir()
        big = folder / "big.nii.gz"
        # In a process of its own: a child's peak memory starts from its parent's.
        make = f"from benchmarks.commands import big_label_map; from pathlib import Path; big_label_map(Path({str(big)!r}))"
        subprocess.run([python, "-c", make], check=True, cwd=ROOT)
        demo = ROOT / "meshes" / "bilobar-two-stage"
        commands = {
            "flrsim --help": [python, "-m", "flrsim", "--help"],
            "flrsim volumes, 512 x 512 x 500 label map": [
                python,
                "-m",
                "flrsim",
                "volumes",
                str(big),
                "--json",
            ],
            "flrsim compare, demo case, whole process": [
                python,
                "-m",
                "flrsim",
                "compare",
                str(demo),
                "--json",
            ],
        }
        for name, command in commands.items():
            first = run(command, cache)
            before = cache_files(cache)
            samples = [run(command, cache)[:2] for _ in range(RUNS)]
            rows[name] = {
                "cold_compile_s": round(first[0], 3),
                **summary(samples),
                "second_run_compiles": cache_files(cache) != before,
            }
        inner = [float(run([python, "-c", AFTER_LOADING, str(demo)], cache)[2]) for _ in range(RUNS)]
        rows["compare, 4 plans x 10,000 draws, after loading"] = summary([(s, 0.0) for s in inner])
        rows |= viewer_rows(python, demo, cache)
    for name, goal in GOALS.items():
        rows[name]["met"] = rows[name]["median_s"] <= goal["seconds"] and rows[name]["peak_mb"] <= goal.get(
            "peak_mb", 1e9
        )
    machine = {
        "cpu": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
        "memory_limit_mb": resource.getrlimit(resource.RLIMIT_AS)[0],
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "commands.json").write_text(
        json.dumps({"machine": machine, "goals": GOALS, "rows": rows}, indent=1) + "\n"
    )
    lines = [
        "| what | median s (min–max) | peak MB | first run, compiling, s | goal met |",
        "|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        peak = f"{row['peak_mb']:.0f}" if row["peak_mb"] else "–"
        met = {True: "yes", False: "no", None: "–"}[row.get("met")]  # type: ignore[index]
        cold = f"{row['cold_compile_s']:.1f}" if "cold_compile_s" in row else "–"
        lines.append(
            f"| {name} | {row['median_s']:.2f} ({row['min_s']:.2f}–{row['max_s']:.2f}) | {peak} | {cold} | {met} |"
        )
    (RESULTS / "commands.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
