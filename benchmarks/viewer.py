"""A step of the window's timeline: what a person waits for while a slider moves, and when it is let go.

``python -m benchmarks.viewer [CASE PLAN]`` prints triangles and seconds as JSON, drawn off screen in the window's own size, by default of
the demo case with two stages; with a case of one's own nothing is stored. It gives
wall time and processor time of a step, and of its parts the drawing alone and the scene alone. The first step of a drag also
thins what is drawn (``begin_cpu_s``).
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.timing import machine

ROOT = Path(__file__).resolve().parent.parent
STEPS = 12
DRAWS = 500


def steps(case_path: Path, plan: str) -> dict[str, float]:
    """Return the triangles drawn, and the median seconds of a slider step (recompute and redraw) in motion and at rest."""
    from flrsim.case_file import load_case
    from flrsim.comparison import compare
    from flrsim.evidence import load_evidence
    from flrsim.viewer.desktop.state import ViewState
    from flrsim.viewer.desktop.window import Window
    from flrsim.viewer.scene import scene_at
    from flrsim.viewer.shown import shown_plans

    evidence = load_evidence()
    case, plans = load_case(case_path, evidence)
    compared = compare(case, [p for p in plans if p.name == plan], evidence, seed=1, draws=DRAWS)
    state = ViewState(shown_plans(case, compared.staged, compared.result.plans))
    start = time.perf_counter()
    window = Window(state, off_screen=True)
    window.plotter.show(auto_close=False)
    first = time.perf_counter() - start
    last = state.shown.operation_days[-1]
    days = [last - 2 - n for n in range(STEPS)]
    state.set_day(days[-1])

    def timed(act: Callable[[], object]) -> tuple[float, float]:
        wall, cpu = time.perf_counter(), time.process_time()
        act()
        return time.perf_counter() - wall, time.process_time() - cpu

    def median(act: Callable[[int], object]) -> tuple[float, float]:
        walls, cpus = zip(*(timed(partial(act, day)) for day in days), strict=True)
        return statistics.median(walls), statistics.median(cpus)

    _, begin_cpu = timed(lambda: (window.moving(True), state.set_day(days[-1])))
    moving, moving_cpu = median(state.set_day)
    _, drawing_cpu = median(lambda _: window.plotter.render())
    _, scene_cpu = median(lambda day: scene_at(state.shown, day=day, options=state.options))
    window.moving(False)
    still, still_cpu = median(state.set_day)
    scene = scene_at(state.shown, day=days[0], options=state.options)
    window.plotter.close()
    return {
        "triangles": sum(len(a.faces) for a in scene.actors if a.faces.shape[1] == 3),
        "first_s": first,
        "moving_s": moving,
        "still_s": still,
        "begin_cpu_s": begin_cpu,
        "moving_cpu_s": moving_cpu,
        "moving_drawing_cpu_s": drawing_cpu,
        "scene_cpu_s": scene_cpu,
        "still_cpu_s": still_cpu,
    }


def main() -> None:
    own = len(sys.argv) > 2
    path = Path(sys.argv[1]) if own else ROOT / "meshes" / "bilobar-two-stage"
    before = machine()  # its load is that of the others
    found = {"machine": before, "rows": steps(path, sys.argv[2] if own else "two-stage")}
    if not own:
        (ROOT / "benchmarks" / "results" / "viewer.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
