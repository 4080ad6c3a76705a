"""Published and simulated numbers as tables on the terminal."""

from __future__ import annotations

from collections import Counter

from flrsim.cli.tables import open_console, result_table
from flrsim.evidence.topics import TOPICS
from flrsim.report import validation_words as words
from flrsim.results import RESEARCH_NOTE, Calibration, Validation


def print_validation(validation: Validation) -> None:
    """Print every row by topic, failing ones as failing, then what was not simulated and the summary of each split."""
    from rich.markup import escape

    console = open_console()
    for topic in TOPICS:
        rows = [r for r in validation.rows if r.topic == topic and r.simulated is not None]
        if not rows:
            continue
        table = result_table(
            "study", "what", "split", "printed", "", "simulated", "", "outcome", title=topic, numbers=False
        )
        for r in rows:
            table.add_row(
                escape(r.study + ("*" if r.assumed else "")),
                escape(words.what(r) + (" (restates others)" if r.repeats else "")),
                r.split,
                words.shown(r.published, r),
                words.between(r.low, r.high, r.unit),
                words.shown(r.simulated, r),
                words.between(r.sim_low, r.sim_high, r.unit),
                words.outcome(r),
                style="bold red" if r.failing else None,
            )
        console.print(table)
    reasons = Counter(r.reason for r in validation.rows if r.simulated is None)
    if reasons:
        console.print("not simulated:")
        for reason, count in reasons.most_common():
            console.print(f"  {count}: {escape(reason)}")
    for finding, names in validation.findings.items():
        console.print(f"no difference found: {escape(finding)} ({escape(', '.join(names))})")
    for split, summary in validation.summaries.items():
        for line in words.summary_lines(split, summary):
            console.print(escape(line))
    console.print(words.CHANCE)
    console.print("* something of an arm had to be assumed")
    console.print(RESEARCH_NOTE)


def print_calibration(calibration: Calibration) -> None:
    """Print every group: what was moved, whether it is taken over and why, and how its rows are met."""
    from rich.markup import escape

    console = open_console()
    for group in calibration.groups:
        console.print(f"[bold]{group.group}[/bold]: {escape(group.why)}")
        console.print(
            f"loss {group.loss_before:.2f} before, {group.loss_after:.2f} after; "
            f"{'taken over' if group.adopted else 'not taken over'}: {escape(group.verdict)}"
        )
        numbers = result_table("number", "before", "after", "range")
        for n in group.numbers:
            numbers.add_row(n.id, f"{n.before:.4g}", f"{n.after:.4g}", f"{n.low:.4g} to {n.high:.4g}")
        console.print(numbers)
        rows = result_table("row", "printed", "SD", "before", "after")
        for r in group.rows:
            rows.add_row(
                escape(r.row), f"{r.published:.4g}", f"{r.sd:.2g}", f"{r.before:.4g}", f"{r.after:.4g}"
            )
        console.print(rows)
    console.print(f"seed {calibration.seed}, virtual patients an arm {calibration.draws}")
    console.print(RESEARCH_NOTE)
