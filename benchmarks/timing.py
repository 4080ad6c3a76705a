"""Alternating timings: every round runs each call once, so that a busy minute falls on all of them alike."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.table import Call, NotBuilt, Work, chosen, versions, works

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 9
SHORT_S = 5.0
"""Calls that take longer are timed, but not run again to see what memory they take."""
BUDGET_S = 25.0
"""Seconds for one size of a work item; slow calls are repeated less often, and at least once."""


def machine() -> dict[str, Any]:
    """Return what the numbers were taken on."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line
        ]
        model = names[0] if names else model
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": versions(),
        "load": os.getloadavg()[0],
        "when": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def sample(call: Call, prepared: Any) -> tuple[float, float]:
    """Return wall and processor seconds of one run; the second is what a busy machine blurs least."""
    start, used = time.perf_counter(), time.process_time()
    call.run(prepared)
    return time.perf_counter() - start, time.process_time() - used


def time_calls(work: Work, size: int, *, rounds: int, budget: float) -> dict[str, Any]:
    """Return the timings of every call of a work item at one size."""
    given = work.make(size)
    rows: dict[str, dict[str, Any]] = {}
    ready: list[tuple[Call, Any]] = []
    scale: dict[str, float] = {}
    load = os.getloadavg()[0]
    for call in work.calls:
        if not call.timed or call.missing() or given.size > call.most:
            continue
        part = work.make(call.part) if 0 < call.part < given.size else given
        try:
            prepared = call.prepare(part)
            first, _ = sample(call, prepared)
        except Exception as reason:
            rows[call.who] = {"refused": f"{type(reason).__name__}: {str(reason)[:120]}"}
            continue
        rows[call.who] = {"first_s": first, "samples": [], "threads": call.threads, "ours": call.ours}
        scale[call.who] = given.size / part.size
        if part is not given:
            rows[call.who]["scaled_from"] = part.size
        ready.append((call, prepared))
    for turn in range(rounds):
        for call, prepared in ready:
            row = rows[call.who]
            # Every call has an equal share of the time; a quick one has three runs whatever happens.
            share = int(budget / len(ready) / row["first_s"])
            if turn >= max(share, 3 if row["first_s"] < 1.0 else 1):
                continue
            gc.collect()
            row["samples"].append(sample(call, prepared))
    for who, row in rows.items():
        taken = row.pop("samples", None)
        if taken:
            row["first_s"] *= scale[who]
            wall, used = (scale[who] * np.array(times) for times in zip(*taken, strict=True))
            row |= {"median_s": float(np.median(wall)), "min_s": float(wall.min()), "runs": len(taken)}
            row["cpu_s"] = float(np.median(used))
    return {"size": given.size, "load_before": load, "load_after": os.getloadavg()[0], "calls": rows}


CHILD = """
import json, sys
from benchmarks.timing import peak_of
print(json.dumps(peak_of(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
"""


def peak_of(key: str, who: str, size: int) -> dict[str, float]:
    """Return the memory that one call takes beside its input, MB; in a process of its own."""
    work = next(w for w in works() if w.key == key and isinstance(w, Work))
    call = next(c for c in work.calls if c.who == who)
    # A tiny run first: what importing and compiling take is not the call's.
    call.run(call.prepare(work.make(20_000)))
    prepared = call.prepare(work.make(size))
    gc.collect()
    # Memory that was freed but kept would hide what the call takes.
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    result = call.run(prepared)
    peak = _status("VmHWM")
    del result
    return {"before_mb": before, "extra_mb": max(peak - before, 0.0)}


def _status(key: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key):
            return float(line.split()[1]) / 1024
    raise ValueError(f"/proc/self/status has no {key}")


def memory(work: Work, size: int, who: list[str]) -> dict[str, Any]:
    """Return the memory of calls, each in a fresh process; empty where the system does not tell."""
    out: dict[str, Any] = {}
    if not Path("/proc/self/clear_refs").exists():
        return out
    for name in who:
        child = subprocess.run(
            [sys.executable, "-c", CHILD, work.key, name, str(size)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
        if child.returncode == 0:
            out[name] = json.loads(child.stdout.splitlines()[-1])
    return out


def run(
    *, quick: bool, budget: float = BUDGET_S, only: str | None = None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the key and the timings of every work item, or of the chosen ones, as each is done."""
    for work in works():
        if not chosen(work, only):
            continue
        if isinstance(work, NotBuilt):
            yield work.key, {"title": work.title, "not_built": work.why}
            continue
        sizes = work.quick if quick else work.sizes
        if not sizes:
            continue
        print(f"timing {work.key} …", file=sys.stderr, flush=True)
        found = [
            time_calls(work, size, rounds=3 if quick else ROUNDS, budget=4.0 if quick else budget)
            for size in sizes
        ]
        yield (
            work.key,
            {
                "title": work.title,
                "unit": work.unit,
                "sizes": found,
                "goals": goals(work, found[-1]),
                "memory": {},
            },
        )


def memory_of(timed: dict[str, Any], only: str | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the key and the memory of every timed work item's calls; those that take long are left out."""
    for work in works():
        if isinstance(work, NotBuilt) or work.key not in timed or not chosen(work, only):
            continue
        print(f"memory of {work.key} …", file=sys.stderr, flush=True)
        rows = timed[work.key]["sizes"][-1]["calls"]
        # Ours are run again however long they take: what memory a whole simulation needs is asked.
        short = [
            who
            for who, row in rows.items()
            if "min_s" in row and "scaled_from" not in row and (row["ours"] or row["first_s"] < SHORT_S)
        ]
        yield work.key, memory(work, work.sizes[-1], short)


def goals(work: Work, found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every goal with what was reached: ratios of the shortest runs, and of processor times."""
    rows = found["calls"]
    out = []
    for goal in work.goals:
        if "median_s" in rows.get(goal.peer, {}) and "median_s" in rows.get(goal.by, {}):
            peer, own = rows[goal.peer], rows[goal.by]
            # A neighbour on the machine makes runs longer, never shorter.
            reached = peer["min_s"] / own["min_s"]
            out.append(
                {
                    "goal": f"≥ {goal.ratio:g}× {goal.peer}",
                    "by": goal.by,
                    "reached": reached,
                    "reached_cpu": peer["cpu_s"] / max(own["cpu_s"], 1e-9),
                    "met": reached >= goal.ratio,
                }
            )
    if work.rate_goal is not None and "median_s" in rows.get(work.rate_goal[0], {}):
        who, wanted = work.rate_goal
        rate = found["size"] / rows[who]["min_s"]
        out.append(
            {"goal": f"≥ {wanted:.3g} {work.unit}/s", "by": who, "reached": rate, "met": rate >= wanted}
        )
    return out


TRIANGLE_SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000, 20_000_000)
LABEL_COUNTS = (1, 8, 100, 1000)


def scaling(*, quick: bool) -> dict[str, Any]:
    """Return how time grows with triangles and with labels."""
    from benchmarks.inputs import labelled_faces
    from benchmarks.volumetry import TRIANGLES

    def least(calls: list[Call], given: Any) -> dict[str, float]:
        out = {}
        for call in calls:
            if given.size <= call.most and not call.missing():
                prepared = call.prepare(given)
                call.run(prepared)
                took = [sample(call, prepared)[0]]
                for _ in range(0 if took[0] > 2 else 4):
                    took.append(sample(call, prepared)[0])
                out[call.who] = min(took)
        return out

    shown = ("flrsim, 1 thread", "flrsim, 2 threads", "numpy, one pass", "igl.centroid, already split")
    shown += ("vtkMassProperties, already split", "trimesh, already split")
    calls = [c for c in TRIANGLES.calls if c.who in shown]
    by_triangles, by_labels = [], []
    for size in TRIANGLE_SIZES[: 3 if quick else None]:
        print(f"scaling {size:,} triangles …", file=sys.stderr, flush=True)
        given = labelled_faces(size, 8)
        by_triangles.append({"triangles": given.size, "seconds": least(calls, given)})
    for n in LABEL_COUNTS[: 3 if quick else None]:
        print(f"scaling {n} labels …", file=sys.stderr, flush=True)
        given = labelled_faces(100_000 if quick else 1_000_000, n)
        by_labels.append({"labels": n, "triangles": given.size, "seconds": least(calls, given)})
    labelled_faces.cache_clear()
    return {"by_triangles": by_triangles, "by_labels": by_labels}
