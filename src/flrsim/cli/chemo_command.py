"""The command that asks how much chemotherapy a plan needs, and from when on more of it harms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from flrsim.cli.outputs import AsJson, emit
from flrsim.cli.plans_command import CasePath, read_case
from flrsim.errors import CaseError

if TYPE_CHECKING:
    from flrsim.case import LiverCase
    from flrsim.course import Course
    from flrsim.evidence import Evidence
    from flrsim.plan import Plan
    from flrsim.results import Conversion, ConversionRow

DEFAULT_DRAWS = 4000
"""Fewer than for plans side by side: thirteen numbers of cycles are played."""


def chemo(
    case_path: CasePath,
    plan: Annotated[str, typer.Option("--plan", help="The plan to be made possible.")],
    regimen: Annotated[str, typer.Option("--regimen", help="Drugs joined by +, e.g. FOLFOX+bevacizumab.")],
    cycles: Annotated[int, typer.Option("--cycles", min=1, max=30, help="The most cycles looked at.")] = 12,
    draws: Annotated[int, typer.Option(min=100, max=10_000_000, help="Monte Carlo draws.")] = DEFAULT_DRAWS,
    seed: Annotated[int, typer.Option(help="Seed of all random draws.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Play a plan after 0, 1, 2 … cycles of a regimen: what it clears, what it costs, when more of it harms."""
    from flrsim.conversion import conversion
    from flrsim.legality import history_of, patient_of

    case, (chosen,), evidence = read_case(case_path, [plan], propose=True)
    patient = patient_of(chosen, case)
    if patient is None:
        raise CaseError("chemo needs the patient's body and treatment; add [patient] to the case.toml")
    result = conversion(
        _course(case, chosen, evidence),
        patient,
        history_of(chosen, case),
        evidence,
        seed=seed,
        draws=draws,
        regimen=regimen,
        cycles=range(cycles + 1),
    )
    if as_json:
        emit({"case": case.name} | result.to_dict())
    else:
        print_conversion(result)


def _course(case: LiverCase, plan: Plan, evidence: Evidence) -> Course:
    """Return a plan in mL and days."""
    from flrsim.legality import check_cycles, check_plan
    from flrsim.perfusion import Circulation, Supply, deprivation
    from flrsim.plan_error import flr_error
    from flrsim.staging import course_of, stage_plans
    from flrsim.volumetry import tlv_functional_ml

    check_plan(plan, case)
    check_cycles(plan, evidence)
    (staged,) = stage_plans(case, [plan], evidence)
    functional = tlv_functional_ml(case)
    error = flr_error(case, staged, functional, evidence)
    deprived = deprivation(Supply.of(Circulation.of(case), staged.pieces), staged, evidence)
    return course_of(
        case,
        staged,
        tlv_functional_ml=functional,
        measurement_sd_fraction=error.sd / functional,
        deprived=deprived.parts,
    )


def _rule_words(rows: Sequence[ConversionRow]) -> str:
    """Return what the binding rule asks, with the numbers of cycles where that is not the same for all."""
    asked: dict[str, list[str]] = {}
    for row in rows:
        asked.setdefault(row.rule_quantity, []).append(str(row.cycles))
    if len(asked) == 1:
        return next(iter(asked))
    return "; ".join(f"{quantity} after {', '.join(cycles)} cycles" for quantity, cycles in asked.items())


def print_conversion(result: Conversion) -> None:
    """Print one line for each number of cycles, the best one marked."""
    from rich.markup import escape

    from flrsim.cli.tables import open_console, result_table

    console = open_console()
    table = result_table(
        "cycles",
        "operation",
        "diameters",
        "whole",
        "progressed",
        "resectable",
        "new lesion",
        "SOS 2+",
        "NRH",
        "CASH",
        "per mL",
        "rule",
        "met",
        title=f"{escape(result.plan)} after {escape(result.regimen)}, first dose on day {result.first_dose_day}",
    )
    for row in result.rows:
        percent = (
            row.p_cleared,
            row.p_progressed,
            row.p_resectable,
            row.p_new_lesion,
            row.sos_2,
            row.nrh,
            row.steatohepatitis,
        )
        table.add_row(
            f"{row.cycles} ←" if row.cycles == result.best else str(row.cycles),
            f"day {row.operation_day}",
            "–" if row.burden.median is None else f"{100 * row.burden.median:.0f} %",
            *(f"{100 * p:.0f} %" for p in percent),
            f"{row.function_per_ml:.2f}",
            f"≥ {100 * row.sflr_threshold:.0f} %",
            f"{100 * row.p_volume:.0f} %",
        )
    console.print(table)
    if result.best is None:
        console.print("by no number of cycles do all lesions go whole without progression")
    else:
        console.print(f"best: {result.best} cycles (←), the fewest with the highest chance in whole percent")
    if result.harm_from is not None:
        console.print(f"from {result.harm_from} cycles on more of it harms: {result.harm}")
    for remark in result.remarks:
        console.print(f"note: {escape(remark)}")
    console.print(
        "diameters: their sum at the last operation over that on the images, median; whole: all lesions go whole, those that "
        "shrink into what is taken without a margin, which a new scan must show; progressed: seen to grow on treatment; "
        "resectable: whole and not progressed; CASH: steatohepatitis; per mL: function of a mL, healthy liver 1; "
        f"rule: the binding one, on {_rule_words(result.rows)}"
    )
    console.print(
        f"{result.draws} draws, seed {result.seed}, parameter set {escape(result.parameter_set)}; assumed numbers behind "
        f"them: {len(result.assumptions)}"
    )
    console.print(result.note)
