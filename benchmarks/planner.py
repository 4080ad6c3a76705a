"""The web planner's answers: from a what-if to its numbers and to its picture; ``python -m benchmarks.planner [CASE PLAN]``.

Measured without a browser, in one process, by default on the demo case with four plans: the edit as a control asks for it, the comparison as
the page shows it, the scene and its drawing off screen. Each kind of what-if is asked several times with values that were not asked before,
so nothing is answered from memory that a planner would have to wait for. Machines are noisy: quote medians, and processor time, which
neighbours on the machine stretch less. With a case of one's own nothing is stored. To hold two versions against each other, run this file by
turns with PYTHONPATH set to the sources of each.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.timing import machine

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
DRAWS = 2000
GOALS = {"numbers": 1.0, "picture": 2.0, "first_picture": 5.0}
ASKED: dict[str, Callable[[int], tuple[Any, ...]]] = {
    "interval of the two-stage plan": lambda n: ("interval_days", 36 + n),
    "weight of the patient": lambda n: ("patient", "weight_kg", 70 + n),
    "cycles given before": lambda n: ("history", 0, "cycles", 7 + n),
    "margin of the wedges": lambda n: ("margin_mm", 5.5 + 0.5 * n),
    "a lesion wedged in stage 1": lambda n: ("lesion", f"L{1 + n}", "wedge 1"),
    "a segment given to another stage": lambda n: ("segment", f"S{2 + n // 2}", 1 + n % 2),
}
"""What is asked, by its words: the control and its values, for the n-th time."""
TIMES = 4


def main() -> int:
    from flrsim.case_file import load_case
    from flrsim.evidence import load_evidence
    from flrsim.planner import Steps, Workbench, cuts_of, start
    from flrsim.viewer.drawing import gl_available
    from flrsim.viewer.scene import Options, Shown
    from flrsim.viewer.web.liver_view import LiverView, Shapes
    from flrsim.viewer.web.page import results
    from flrsim.viewer.web.session import CaseText, Session

    evidence = load_evidence()
    own = len(sys.argv) > 2
    path = Path(sys.argv[1]) if own else ROOT / "meshes" / "bilobar-two-stage"
    case, plans = load_case(path, evidence)
    bench = Workbench(case, evidence)
    session = Session(
        bench,
        evidence,
        Steps(start(case, plans, evidence, seed=1, draws=DRAWS)),
        CaseText.read(path, case, plans),
    )
    session.edit("select plan", sys.argv[2] if own else "two-stage")
    view = LiverView(Shapes(), drawn=True) if gl_available() else None

    def draw() -> None:
        compared = session.judge()
        at = next(i for i, s in enumerate(compared.staged) if s.plan.name == session.draft.selected)
        shown = Shown(case, compared.staged[at], compared.result.plans[at])
        if view is not None:
            view.draw(shown, view.prepare(shown, cuts_of(session.draft.plan), None, Options()))

    begin = time.perf_counter()
    results(session, session.judge())
    opened = {"numbers_s": round(time.perf_counter() - begin, 3)}
    draw()
    opened["picture_s"] = round(time.perf_counter() - begin, 3)
    first = session.steps
    rows: dict[str, dict[str, float]] = {}
    for words, asked in ASKED.items():
        spent: list[tuple[float, float, float, float]] = []
        for n in range(TIMES):
            session.steps = first
            begin, busy = time.perf_counter(), time.process_time()
            if not session.edit(*asked(n)):
                raise SystemExit(f"{words} was refused: {session.refusals}")
            results(session, session.judge())
            told, told_busy = time.perf_counter() - begin, time.process_time() - busy
            draw()
            spent.append((told, told_busy, time.perf_counter() - begin, time.process_time() - busy))
        numbers, numbers_cpu, pictures, pictures_cpu = zip(*spent, strict=True)
        rows[words] = {
            "numbers_s": round(statistics.median(numbers), 3),
            "numbers_max_s": round(max(numbers), 3),
            "numbers_cpu_s": round(statistics.median(numbers_cpu), 3),
            "picture_s": round(statistics.median(pictures), 3),
            "picture_max_s": round(max(pictures), 3),
            "picture_cpu_s": round(statistics.median(pictures_cpu), 3),
        }
    found = {
        "machine": machine(),
        "draws": DRAWS,
        "times": TIMES,
        "goals_s": GOALS,
        "drawn": view is not None,
        "opened": opened,
        "rows": rows,
    }
    if not own:
        (RESULTS / "planner.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
