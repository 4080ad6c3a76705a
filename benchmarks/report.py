"""The page and the plot, written from the JSON results and from nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.correctness import markdown as correctness_table

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
DOCS = ROOT / "docs"

INTRODUCTION = """# Benchmarks

Written by `make bench` from the JSON files in `benchmarks/results`; nothing here was typed by hand. The correctness check runs
first and on the same table of work: a call that gives a wrong answer is shown as wrong, whoever made it. Timings are taken
in alternating rounds, so that a busy minute falls on all calls alike. Ratios are those of the shortest runs: a neighbour on the
machine makes a run longer, never shorter; beside them stands the ratio of processor times, which includes all threads.
"""


def load(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / name).read_text())
    return found


def duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def machine_lines(machine: dict[str, Any], *, alone: bool = False) -> list[str]:
    """Return what the numbers were taken on; `alone`: of one work item that was run by itself, on another day than the rest."""
    versions = ", ".join(
        f"{name} {number}"
        for name, number in machine["versions"].items()
        if number != "not installed" or not alone
    )
    return [
        f"Machine: {machine['cpu']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}; "
        f"{machine['when']}; load average {machine['load']:.1f} at the start"
        + (
            ""
            if machine["load"] < 0.7
            else " (others were working on it: times are longer than on a quiet machine)"
        )
        + ".",
        "",
        f"Versions: {versions}.",
        "",
    ]


def timing_table(work: dict[str, Any]) -> list[str]:
    """Return the table of one work item's largest size."""
    last = work["sizes"][-1]
    rows = last["calls"]
    base = rows.get("flrsim, 1 thread") or next((r for r in rows.values() if r.get("ours")), {})
    out = [
        f"### {work['title']}",
        "",
        f"{last['size']:,} {work['unit']}; load average {last['load_before']:.1f} before, {last['load_after']:.1f} after.",
        "",
        *(machine_lines(work["machine"], alone=True) if "machine" in work else ()),
        f"| call | threads | median | shortest | a million {work['unit']} | processor time | runs | first call | × ours on 1 thread | memory beside the input |",
        "|---" * 10 + "|",
    ]
    for who, row in rows.items():
        if "median_s" not in row:
            out.append(f"| {who} | – | {row.get('refused', '–')} |" + " – |" * 7)
            continue
        ratio = f"{row['min_s'] / base['min_s']:.3g}" if "min_s" in base else "–"
        extra = work["memory"].get(who)
        memory = "–" if extra is None else f"{extra['extra_mb']:.0f} MB"
        each = duration(1e6 * row["min_s"] / last["size"])
        if "scaled_from" in row:
            who += f" (timed on {row['scaled_from']:,} {work['unit']}, scaled)"
        out.append(
            f"| {who} | {row['threads'] or 'its own'} | {duration(row['median_s'])} | {duration(row['min_s'])} | {each} | {duration(row['cpu_s'])} | {row['runs']} | "
            f"{duration(row['first_s'])} | {ratio} | {memory} |"
        )
    return [*out, ""]


def goal_table(timings: dict[str, Any]) -> list[str]:
    out = ["| work | goal | call | reached | by processor time | met |", "|---|---|---|---|---|---|"]
    for work in timings.values():
        if "not_built" in work:
            out.append(f"| {work['title']} | – | flrsim | not built | – | no |")
            continue
        for goal in work["goals"]:
            reached = f"{goal['reached']:.3g}" + ("×" if "×" in goal["goal"] else "")
            used = f"{goal['reached_cpu']:.3g}×" if "reached_cpu" in goal else "–"
            out.append(
                f"| {work['title']} | {goal['goal']} | {goal['by']} | {reached} | {used} | {'yes' if goal['met'] else 'no'} |"
            )
    return [*out, ""]


def plot(scaling: dict[str, Any], path: Path) -> None:
    """Draw time against triangles and against labels."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    # The same input gives the same file.
    plt.rcParams.update({"svg.hashsalt": "flrsim", "svg.fonttype": "none", "font.size": 9})
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), constrained_layout=True)
    for axes, rows, key, label in (
        (left, scaling["by_triangles"], "triangles", "triangles (8 regions)"),
        (right, scaling["by_labels"], "labels", "regions (1 million triangles)"),
    ):
        names = list(dict.fromkeys(name for row in rows for name in row["seconds"]))
        for name in names:
            own = [(row[key], row["seconds"][name]) for row in rows if name in row["seconds"]]
            ours = name.startswith("flrsim")
            axes.plot(
                *zip(*own, strict=True),
                marker="o",
                markersize=3,
                linewidth=2 if ours else 1,
                label=name,
                linestyle="-" if ours else "--",
            )
        axes.set(xscale="log", yscale="log", xlabel=label, ylabel="seconds, shortest run")
        axes.grid(True, which="major", linewidth=0.4)
    left.legend(fontsize=7)
    figure.suptitle("Volumes of all regions of a labelled mesh")
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def scaling_table(scaling: dict[str, Any]) -> list[str]:
    rows = [(f"{r['triangles']:,} triangles, 8 regions", r) for r in scaling["by_triangles"]]
    rows += [(f"{r['triangles']:,} triangles, {r['labels']} regions", r) for r in scaling["by_labels"]]
    names = list(dict.fromkeys(name for _, row in rows for name in row["seconds"]))
    out = ["| input | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for title, row in rows:
        cells = [duration(row["seconds"][name]) if name in row["seconds"] else "–" for name in names]
        out.append(f"| {title} | " + " | ".join(cells) + " |")
    return [*out, ""]


def waiting(planner: dict[str, Any], viewer: dict[str, Any]) -> list[str]:
    """Return what a person waits for in the planner and the window: as found, beside the goals."""
    goals, opened = planner["goals_s"], planner["opened"]
    head = f"numbers, goal {goals['numbers']:g} s"
    lines = [
        "A what-if of the planner, from the control to the numbers and to the picture, without a browser; medians, processor time in brackets.",
        "",
        *machine_lines(planner["machine"], alone=True),
        f"| what is asked | {head} | picture, goal {goals['picture']:g} s |",
        "|---|---|---|",
    ]
    for words, row in planner["rows"].items():
        cells = [
            f"{row[f'{k}_s']:.2f} s ({row[f'{k}_cpu_s']:.2f}){'' if row[f'{k}_s'] < goals[k] else ': missed'}"
            for k in ("numbers", "picture")
        ]
        lines.append(f"| {words} | {' | '.join(cells)} |")
    lines += [
        f"| opening: first numbers and picture, goal {goals['first_picture']:g} s | {opened['numbers_s']:.2f} s | {opened['picture_s']:.2f} s |",
        "",
        "A step of the window's timeline, recomputed and redrawn by software:",
        "",
        *machine_lines(viewer["machine"], alone=True),
        "| triangles | while it is dragged | at rest | of a drag, the scene alone |",
        "|---|---|---|---|",
        "| {triangles:,} | {moving_s:.3f} s ({moving_cpu_s:.3f}) | {still_s:.2f} s ({still_cpu_s:.2f}) | ({scene_cpu_s:.3f}) |".format(
            **viewer["rows"]
        ),
        "",
    ]
    return lines


def write() -> None:
    """Write docs/benchmarks.md and docs/benchmarks-scaling.svg from what results there are."""
    timings = load("timings.json")
    lines = [INTRODUCTION, *machine_lines(timings["machine"])]
    commands = RESULTS / "commands.md"
    lines += ["## Goals", "", *goal_table(timings["works"])]
    lines += ["## Right and wrong", "", correctness_table(load("correctness.json")["works"])]
    lines += ["## Times", ""]
    for work in timings["works"].values():
        if "not_built" not in work:
            lines += timing_table(work)
    DOCS.mkdir(exist_ok=True)
    if timings["scaling"] is not None:
        lines += [
            "## How time grows",
            "",
            "![time against triangles and regions](benchmarks-scaling.svg)",
            "",
        ]
        lines += scaling_table(timings["scaling"])
        plot(timings["scaling"], DOCS / "benchmarks-scaling.svg")
    if (RESULTS / "planner.json").exists() and (RESULTS / "viewer.json").exists():
        lines += ["## What a person waits for", "", *waiting(load("planner.json"), load("viewer.json"))]
    if commands.exists():
        lines += ["## Whole commands", "", commands.read_text()]
    (DOCS / "benchmarks.md").write_text("\n".join(lines))
