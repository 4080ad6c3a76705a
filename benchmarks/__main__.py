"""``python -m benchmarks``: check, then time; ``--quick`` for a look, ``--only KEY`` for one work item's correctness.

The correctness table is written first; when a call of this package is wrong, nothing is timed and the exit status is
1. Results go to ``benchmarks/results``; the full run also writes ``docs/benchmarks.md`` and its plot from them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Any

from benchmarks import correctness, report, timing

RESULTS = report.RESULTS


def dump(name: str, found: dict[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / name).write_text(json.dumps(found, indent=1, sort_keys=False) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="small inputs, no commands; results/local-quick.json"
    )
    parser.add_argument("--check", action="store_true", help="the correctness check alone")
    parser.add_argument("--only", metavar="KEY", help="check one work item alone")
    parser.add_argument(
        "--budget", type=float, default=timing.BUDGET_S, help="seconds for the rounds of one work item"
    )
    given = parser.parse_args()
    found = correctness.check(given.only)
    print(correctness.markdown(found))
    if given.only is None:
        dump("correctness.json", {"machine": timing.machine(), "works": found})
        (RESULTS / "correctness.md").write_text(correctness.markdown(found))
    wrong = correctness.ours_wrong(found)
    if wrong:
        print("\n".join(["OURS IS WRONG:", *wrong]), file=sys.stderr)
        return 1
    if given.check or given.only is not None:
        return 0
    # Written after every step: what is done stays when the run is broken off.
    name = "local-quick.json" if given.quick else "timings.json"
    timed: dict[str, Any] = {"machine": timing.machine(), "works": {}, "scaling": None}
    for key, work in timing.run(quick=given.quick, budget=given.budget):
        timed["works"][key] = work
        dump(name, timed)
    timed["scaling"] = timing.scaling(quick=given.quick)
    dump(name, timed)
    if not given.quick:
        report.write()
        for key, extra in timing.memory_of(timed["works"]):
            timed["works"][key]["memory"] = extra
            dump(name, timed)
        # A process of its own: what a child starts from counts in its peak, and this one has grown by gigabytes.
        subprocess.run([sys.executable, "-m", "benchmarks.commands"], check=True, cwd=report.ROOT)
        report.write()
    print("\n".join(report.goal_table(timed["works"])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
