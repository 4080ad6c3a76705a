"""Results as tables on the terminal; numbers are printed by the report's own formats."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flrsim.results import (
    RESEARCH_NOTE,
    CheckResult,
    Comparison,
    Interval,
    LesionVolume,
    PlanResult,
    VolumeTable,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

HALF = 0.5
PIPE_WIDTH = 150
"""Columns of a table that goes into a file or a pipe, where no terminal says its width."""


def open_console() -> Console:
    """Return a console on standard output, as wide as its terminal, or wide enough for plans side by side."""
    from rich.console import Console

    # Rich's own guess for a pipe is 80 columns, too few for plans side by side.
    return Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False, soft_wrap=False)


def result_table(*columns: str, title: str | None = None, numbers: bool = True) -> Table:
    """Return an empty table; its columns but the first hold numbers unless told otherwise."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=title, box=SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for i, name in enumerate(columns):
        table.add_column(name, justify="right" if numbers and i else "left", overflow="fold")
    return table


def print_check(result: CheckResult, source: Path) -> None:
    """Print the verdict on an input and its findings."""
    from rich.markup import escape

    console = open_console()
    words = {"usable": "usable", "usable_with_warnings": "usable, with warnings", "refused": "refused"}
    console.print(f"{escape(source.name)}: {words[result.verdict]}")
    for finding in result.findings:
        console.print(f"  {finding.level}: {escape(finding.sentence)}")
    if result.repaired is None:
        return
    copy = result.repaired
    console.print("repaired:" if result.repairs else "nothing in it can be mended without a guess")
    for repair in result.repairs:
        console.print(f"  {escape(repair.sentence)}")
    console.print(f"{escape(copy.file)}: {words[copy.verdict]}")
    for finding in copy.findings:
        console.print(f"  {finding.level}: {escape(finding.sentence)}")
    if copy.tlv_after_ml is not None:
        before = "no volume" if copy.tlv_before_ml is None else f"{copy.tlv_before_ml:.2f} mL"
        console.print(f"  liver volume: {before} before, {copy.tlv_after_ml:.2f} mL after")


def print_volumes(table: VolumeTable) -> None:
    """Print segments, lesions, vessels, contacts and estimated volumes."""
    from rich.markup import escape

    console = open_console()
    segments = result_table(
        "segment",
        "mL",
        "± mL",
        "% of liver",
        "parenchyma",
        "lesion",
        "vessel",
        title=f"{escape(table.case)}: segments",
    )
    for s in table.segments:
        segments.add_row(
            s.name,
            f"{s.volume_ml:.1f}",
            _half(s.interval),
            f"{100 * s.fraction:.1f}",
            f"{s.parenchyma_ml:.1f}",
            f"{s.lesion_ml:.1f}",
            f"{s.vessel_ml:.1f}",
        )
    segments.add_section()
    segments.add_row("total (TLV)", f"{table.tlv_ml:.1f}", _half(table.tlv_interval), "100.0")
    segments.add_row(
        "without lesion",
        f"{table.tlv_functional_ml:.1f}",
        _half(table.tlv_functional_interval),
        f"{100 * table.tlv_functional_ml / table.tlv_ml:.1f}",
    )
    console.print(segments)
    if table.lesions:
        lesions = result_table(
            "lesion",
            "mL",
            "± mL",
            "outside mL",
            "longest axial mm",
            "longest 3D mm",
            "segments",
            title="lesions",
        )
        for les in table.lesions:
            where = ", ".join(
                f"{s} {100 * share:.0f} %" for s, share in les.segments.items() if share >= 0.0005
            )
            lesions.add_row(
                escape(les.name),
                f"{les.volume_ml:.2f}",
                _half(les.interval, 2),
                f"{les.outside_ml:.2f}",
                f"{les.longest_axial_mm:.0f}",
                f"{les.longest_3d_mm:.0f}",
                where,
            )
        console.print(lesions)
        _print_lesion_facts(console, table.lesions)
    if table.vessels:
        vessels = result_table("vessel", "mL", title="vessels")
        for v in table.vessels:
            vessels.add_row(escape(v.name.replace("_", " ").replace(":", ", ")), f"{v.volume_ml:.1f}")
        console.print(vessels)
    if table.telv:
        telv = result_table(
            "formula", "mL", "note", title="estimated total liver volume (TELV)", numbers=False
        )
        for t in table.telv:
            telv.add_row(t.formula, "–" if t.ml is None else f"{t.ml:.0f}", escape(t.note))
        console.print(telv)
    contacts = ", ".join(f"{pair} {area:.0f}" for pair, area in table.contacts_cm2.items())
    console.print(f"contacts of at least 1 cm² (smoothed walls, cm²): {contacts}")
    _tail(console, table.accepted, table.warnings, table.not_supplied)


def _half(interval: Interval | None, digits: int = 1) -> str:
    """Return half of an 80 % interval."""
    return "" if interval is None else f"{HALF * (interval.high - interval.low):.{digits}f}"


def _print_lesion_facts(console: Console, lesions: Sequence[LesionVolume]) -> None:
    """Print where the lesions lie and what a wedge of each would cost."""
    from rich.markup import escape

    from flrsim.report.facts import LESION_PLACE, lesion_cost_rows, lesion_place_rows

    rows = lesion_place_rows(lesions)
    # A column that says nothing of any lesion is left out.
    shown = [i for i in range(len(LESION_PLACE)) if any(row[i] not in ("", "–") for row in rows)]
    place = result_table(*(LESION_PLACE[i] for i in shown), title="lesions: place", numbers=False)
    for row in rows:
        place.add_row(*(escape(row[i]) for i in shown))
    console.print(place)
    head, costs = lesion_cost_rows(lesions)
    cost = result_table(*head, title="lesions: parenchyma that a wedge takes, and mL per extra mm of margin")
    for row in costs:
        cost.add_row(*map(escape, row))
    console.print(cost)


def print_comparison(comparison: Comparison) -> None:
    """Print the plans side by side."""
    from rich.markup import escape

    from flrsim.report.rules import rules_not_asked
    from flrsim.report.tables import comparison_rows

    console = open_console()
    names = [escape(p.name) for p in comparison.plans]
    table = result_table("", *names, title=f"{escape(comparison.case)}: plans side by side", numbers=False)
    group = None
    for row in comparison_rows(comparison):
        if row.group != group:
            table.add_section()
            table.add_row(f"[bold]{escape(row.group)}[/bold]")
            group = row.group
        cells = [f"[bold]{escape(c.text)}[/bold]" if c.tone == "loud" else escape(c.text) for c in row.cells]
        table.add_row(f"  {escape(row.label)}", *cells)
    if comparison.without_note:
        console.print(f"[bold]{escape(comparison.without_note)}[/bold]")
    console.print(table)
    if comparison.lesions:
        _print_lesion_facts(console, comparison.lesions)
    if missing := rules_not_asked(comparison):
        console.print(f"tests for further rules {escape(missing)}")
    _print_context(console, comparison)
    for plan in comparison.plans:
        _print_causes(console, plan)
    for plan in comparison.plans:
        for sentence in plan.rule_conflicts:
            console.print(f"contradiction, {escape(plan.name)}: {escape(sentence)}")
        for note in plan.notes:
            console.print(f"note, {escape(plan.name)}: {escape(note)}")
    _tail(console, comparison.accepted, comparison.warnings, ())
    console.print(
        f"{comparison.run.draws} draws, seed {comparison.run.seed}, parameter set {comparison.run.parameter_set}; median (80 % interval); "
        f"assumed numbers, listed in the report: {len(comparison.assumptions)}"
    )
    console.print(RESEARCH_NOTE)


def _print_causes(console: Console, plan: PlanResult) -> None:
    """Print what each cause costs a plan."""
    from flrsim.report.facts import CAUSES, cause_rows

    rows = cause_rows(plan)
    if rows:
        table = result_table(
            *CAUSES,
            title=f"{plan.name}: what each cause costs; the binding rule on volume stays",
            numbers=False,
        )
        for row in rows:
            table.add_row(*row)
        console.print(table)


def _print_context(console: Console, comparison: Comparison) -> None:
    """Print what was published on comparable groups, and what it is not."""
    from rich.markup import escape

    from flrsim.report.context import CONTEXT, context_rows

    rows = context_rows(comparison)
    if not rows:
        return
    table = result_table(*CONTEXT, title="what was published on comparable groups", numbers=False)
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)
    console.print(comparison.outcome_note)


def _tail(console: Console, accepted: Sequence[str], warnings: Sequence[str], missing: Sequence[str]) -> None:
    from rich.markup import escape

    for sentence in accepted:
        console.print(escape(sentence))
    for sentence in warnings:
        console.print(f"warning: {escape(sentence)}")
    if missing:
        console.print(f"not supplied: {escape(', '.join(missing))}")
