"""Cases with their plans, and the command that proposes some."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flrsim.cli.outputs import AsJson, emit
from flrsim.errors import CaseError, PlanError

if TYPE_CHECKING:
    from flrsim.case import LiverCase
    from flrsim.evidence import Evidence
    from flrsim.plan import Plan
    from flrsim.results import ProposedPlans

CasePath = Annotated[Path, typer.Argument(metavar="CASE", help="case.toml, or the folder that holds it.")]
PROPOSED = "no plan in the case: proposed plans compared"


def propose_plans(
    case_path: CasePath,
    as_json: AsJson = False,
    as_toml: Annotated[bool, typer.Option("--toml", help="Print [[plan]] tables for the case.toml.")] = False,
) -> None:
    """Propose plans for a case, one for each family, or say why a family has none."""
    from flrsim.search import legal_plans, propose, proposed_plans

    if as_json and as_toml:
        raise typer.BadParameter("--json and --toml are two forms of the same; give one")
    case, _, evidence = read_case(case_path, None, needs_plans=False)
    evidence = evidence.recording()
    found = propose(case, evidence)
    if as_toml:
        from flrsim.case_file.plans import plan_toml

        typer.echo("\n".join(map(plan_toml, legal_plans(found))), nl=False)
        return
    result = proposed_plans(case, found, evidence)
    if as_json:
        emit(result.to_dict())
    else:
        print_plans(result)


def read_case(
    case_path: Path, names: list[str] | None, *, needs_plans: bool = True, propose: bool = False
) -> tuple[LiverCase, tuple[Plan, ...], Evidence]:
    """Return the case, the plans asked for, and the evidence.

    Parameters
    ----------
    names : plans to take, or None for all.
    propose : a case without plans gets those that are proposed and legal, and a warning that says so.
    """
    from flrsim.case_file import is_case, load_case
    from flrsim.evidence import load_evidence

    evidence = load_evidence()
    if case_path.exists() and not is_case(case_path):
        raise CaseError(f"{case_path.name} is not a case; give a case.toml or the folder that holds one")
    case, plans = load_case(case_path, evidence)
    if propose and not plans:
        case, plans = _with_proposed(case, evidence)
    if names:
        known = {p.name: p for p in plans}
        absent = [n for n in names if n not in known]
        if absent:
            raise PlanError(
                f'plan "{absent[0]}" is not in the case; its plans are {", ".join(known) or "none"}'
            )
        plans = tuple(known[n] for n in dict.fromkeys(names))
    if needs_plans and not plans:
        raise PlanError(f"case {case.name} has no plan; add [[plan]] tables to its case.toml")
    return case, plans, evidence


def _with_proposed(case: LiverCase, evidence: Evidence) -> tuple[LiverCase, tuple[Plan, ...]]:
    from flrsim.search import legal_plans, propose

    found = propose(case, evidence)
    legal = legal_plans(found)
    if not legal:
        reasons = "; ".join(dict.fromkeys(p.why for p in found))
        raise PlanError(f"case {case.name} has no plan, and none can be proposed: {reasons}")
    typer.echo(PROPOSED, err=True)
    return replace(case, warnings=(*case.warnings, PROPOSED)), legal


def print_plans(result: ProposedPlans) -> None:
    """Print the proposals by family."""
    from rich.markup import escape

    from flrsim.cli.tables import open_console, result_table
    from flrsim.results import RESEARCH_NOTE

    console = open_console()
    table = result_table(
        "family", "plan", "legal", "why", title=f"{escape(result.case)}: proposed plans", numbers=False
    )
    for p in result.proposals:
        plan = "–" if p.name is None else "\n".join((p.name, *(f"  {step}" for step in p.steps)))
        table.add_row(escape(p.family), escape(plan), "yes" if p.legal else "no", escape(p.why))
    console.print(table)
    for p in result.proposals:
        for remark in p.remarks:
            console.print(f"note, {escape(p.name or p.family)}: {escape(remark)}")
    for sentence in result.warnings:
        console.print(f"warning: {escape(sentence)}")
    console.print(
        escape("flrsim plans --toml prints the plans as [[plan]] tables; flrsim compare plays them forward. ")
        + f"Assumed numbers behind them: {len(result.assumptions)}"
    )
    console.print(RESEARCH_NOTE)
