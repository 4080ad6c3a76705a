"""``python -m benchmarks``: check, then time; ``--quick`` for a look, ``--only KEY`` for some work items alone.

The correctness table is written first; when a call of this package is wrong, nothing is timed and the exit status is
1. Results go to ``benchmarks/results``; the full run also writes ``docs/benchmarks.md`` and its plot from them. What `--only`
names takes its old results' place there, with the machine it was run on; the others stay.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Any

from benchmarks import correctness, report, timing
from benchmarks.table import works

RESULTS = report.RESULTS


def dump(name: str, found: dict[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / name).write_text(json.dumps(found, indent=1, sort_keys=False) + "\n")


def in_order(found: dict[str, Any]) -> dict[str, Any]:
    """Return results in the order of the work items; those of work items that are no more are dropped."""
    return {work.key: found[work.key] for work in works() if work.key in found}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="small inputs, no commands; results/local-quick.json"
    )
    parser.add_argument("--check", action="store_true", help="the correctness check alone")
    parser.add_argument(
        "--only", metavar="KEY", help="one work item, or those whose keys begin with this word: growth"
    )
    parser.add_argument(
        "--budget", type=float, default=timing.BUDGET_S, help="seconds for the rounds of one work item"
    )
    given = parser.parse_args()
    found = correctness.check(given.only)
    if not found:
        parser.error(f"no work item is called {given.only}; keys are {', '.join(w.key for w in works())}")
    print(correctness.markdown(found))
    kept = {} if given.only is None else report.load("correctness.json")
    checked = in_order(kept.get("works", {}) | found)
    dump("correctness.json", {"machine": kept.get("machine", timing.machine()), "works": checked})
    (RESULTS / "correctness.md").write_text(correctness.markdown(checked))
    wrong = correctness.ours_wrong(found)
    if wrong:
        print("\n".join(["OURS IS WRONG:", *wrong]), file=sys.stderr)
        return 1
    if given.check:
        return 0
    # Written after every step: what is done stays when the run is broken off.
    name = "local-quick.json" if given.quick else "timings.json"
    timed: dict[str, Any] = {"machine": timing.machine(), "works": {}, "scaling": None}
    if given.only is not None and not given.quick:
        timed = report.load(name)
    for key, work in timing.run(quick=given.quick, budget=given.budget, only=given.only):
        if given.only is not None:
            work["machine"] = timing.machine()
        timed["works"] = in_order(timed["works"] | {key: work})
        dump(name, timed)
    if given.only is None:
        timed["scaling"] = timing.scaling(quick=given.quick)
        dump(name, timed)
    if not given.quick:
        report.write()
        for key, extra in timing.memory_of(timed["works"], given.only):
            timed["works"][key]["memory"] = extra
            dump(name, timed)
        if given.only is None:
            # A process of its own: what a child starts from counts in its peak, and this one has grown by gigabytes.
            subprocess.run([sys.executable, "-m", "benchmarks.commands"], check=True, cwd=report.ROOT)
        report.write()
    print("\n".join(report.goal_table(timed["works"])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
