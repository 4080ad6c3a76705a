"""The command that says which clinical numbers a plan's answers hang on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flrsim.cli.outputs import AsJson, emit
from flrsim.cli.plans_command import CasePath, read_case

if TYPE_CHECKING:
    from flrsim.sensitivity import Index, Sensitivity

SHOWN = 12
"""Numbers printed per answer; the JSON has all."""
DRAWS = 1000
TRAJECTORIES = 10


def weigh_numbers(
    case_path: CasePath,
    plan: Annotated[str, typer.Option("--plan", help="The plan whose answers are asked.")],
    trajectories: Annotated[
        int,
        typer.Option(min=2, max=1000, help="Ways through the numbers; each costs one play per number."),
    ] = TRAJECTORIES,
    draws: Annotated[int, typer.Option(min=100, max=1_000_000, help="Draws per play.")] = DRAWS,
    seed: Annotated[int, typer.Option(help="Seed of the design and of all draws.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Say which clinical numbers a plan's verdict, date and completion hang on."""
    from flrsim.cli.progress import steps
    from flrsim.sensitivity import sensitivity

    case, plans, evidence = read_case(case_path, [plan], propose=True)
    with steps(None) as progress:
        found = sensitivity(
            case, plans[0], evidence, seed=seed, draws=draws, trajectories=trajectories, progress=progress
        )
    if as_json:
        emit(found.to_dict())
    else:
        print_sensitivity(found)


def print_sensitivity(found: Sensitivity, shown: int = SHOWN) -> None:
    """Print the strongest numbers of every answer."""
    from flrsim.cli.tables import open_console, result_table
    from flrsim.results import RESEARCH_NOTE
    from flrsim.sensitivity import OUTPUTS

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
