"""The command that says which clinical numbers a plan's answers hang on."""

from __future__ import annotations

from typing import Annotated

import typer

from flrsim.sensitivity import OUTPUTS, Index, Sensitivity

SHOWN = 12
"""Numbers printed per answer; the JSON has all."""


def print_sensitivity(found: Sensitivity, shown: int = SHOWN) -> None:
    """Print the strongest numbers of every answer."""
    from flrsim.cli.tables import open_console, result_table
    from flrsim.results import RESEARCH_NOTE

    console = open_console()
    for name, rows in found.indices.items():
        text, unit = OUTPUTS[name]
        console.print(
            f"[bold]{text}[/bold]: {found.at_values[name]:.3g} {unit} with every number at its value"
        )
        table = result_table("number", "from", "to", "effect", "±", "direction", "interplay")
        moving = [row for row in rows if row.effect > 0][:shown]
        for row in moving:
            table.add_row(*_cells(row))
        console.print(table if moving else "  no number moves it\n")
    console.print(
        f"{found.plan}: mean absolute change of the answer over the whole range of one number (Morris), ± half of its 95 % interval; "
        f"{found.runs} plays of {found.draws} draws, seed {found.seed}, parameter set {found.parameter_set}; "
        f"{len(found.fixed)} numbers without a range were not moved"
    )
    console.print(RESEARCH_NOTE)


def _cells(row: Index) -> tuple[str, ...]:
    """Return one line of the table."""
    sign = (
        "either way" if abs(row.direction) < 0.5 * row.effect else "rises" if row.direction > 0 else "falls"
    )
    return (
        row.parameter,
        f"{row.low:g}",
        f"{row.high:g}",
        f"{row.effect:.3g}",
        f"{row.error:.2g}",
        sign,
        f"{row.interplay:.3g}",
    )


Trajectories = Annotated[
    int, typer.Option(min=2, max=1000, help="Ways through the numbers; each costs one play per number.")
]
