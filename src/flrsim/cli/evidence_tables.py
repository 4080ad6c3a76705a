"""Clinical numbers, studies and their check as tables on the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from flrsim.cli.tables import open_console, result_table
from flrsim.results import EvidenceCheck

if TYPE_CHECKING:
    from flrsim.evidence import Parameter, Reference, Study

SD_NAMES = {"sd": "SD", "log_sd": "log SD", "logit_sd": "SD of the log odds"}


def print_evidence(parameters: Sequence[Parameter], parameter_set: str) -> None:
    """Print clinical numbers, one a line."""
    table = result_table(
        "id",
        "value",
        "unit",
        "spread",
        "kind",
        "source",
        title=f"parameter set {parameter_set}",
        numbers=False,
    )
    for p in parameters:
        table.add_row(p.id, f"{p.value:g}", p.unit, _spread(p), p.kind, p.source or "–")
    open_console().print(table)


def print_parameter(parameter: Parameter, sources: Sequence[Reference], studies: Sequence[Study]) -> None:
    """Print one clinical number with everything known about it."""
    from rich.markup import escape

    console = open_console()
    console.print(f"[bold]{parameter.id}[/bold] = {parameter.value:g} {parameter.unit}  ({parameter.kind})")
    rows = {
        "definition": parameter.definition,
        "denominator": parameter.denominator,
        "spread": _spread(parameter),
        "range": "" if parameter.range is None else "{:g} to {:g}".format(*parameter.range),
        "population": parameter.population,
        "n": "" if parameter.n is None else str(parameter.n),
        "where": parameter.where,
        "read": parameter.read,
        "note": parameter.note,
    }
    for name, text in rows.items():
        if text:
            console.print(f"  {name}: {escape(text)}")
    for s in sources:
        volume = ";".join(v for v in (s.year, s.volume) if v) + (f":{s.pages}" if s.pages else "")
        ids = [
            f"{k} {v}".strip()
            for k, v in (("doi", s.doi), ("PMID", s.pmid), ("PMCID", s.pmcid), ("", s.url))
            if v
        ]
        words = ". ".join(w for w in (s.author, f"{s.journal} {volume}".strip(), ", ".join(ids)) if w)
        console.print(f"  source: {escape(f'{s.key}: {words}')}")
    for study in studies:
        console.print(
            f"  study: {escape(study.key)}, {study.split}, printed numbers: {len(study.numbers)}",
        )


def print_studies(studies: Sequence[Study]) -> None:
    """Print the published studies, one a line, and how many there are of each split."""
    from rich.markup import escape

    console = open_console()
    if not studies:
        console.print("no study yet")
        return
    table = result_table("study", "split", "arms", "numbers", "read", "what", "why this split", numbers=False)
    for s in studies:
        cells = [s.key, s.split, str(len(s.arms)), str(len(s.numbers)), s.read or "not noted", s.title, s.why]
        table.add_row(*map(escape, cells))
    console.print(table)
    counted, numbers = Counter(s.split for s in studies), Counter[str]()
    for s in studies:
        numbers[s.split] += len(s.numbers)
    for split in sorted(counted):
        console.print(f"{split}: studies {counted[split]}, printed numbers {numbers[split]}")


def print_evidence_check(check: EvidenceCheck) -> None:
    """Print what is wrong with the evidence, and how much of it there is."""
    from rich.markup import escape

    console = open_console()
    for finding in check.findings:
        console.print(f"{finding.code.replace('_', ' ')}: {escape(finding.sentence)}")
    console.print(
        f"evidence {'sound' if check.sound else 'not sound'}: numbers {check.parameters}, studies {check.studies} with "
        f"{check.printed_numbers} printed numbers, rules of disease {check.disease_rules}, sources {check.references}, modules searched {check.modules}"
    )


def _spread(p: Parameter) -> str:
    if p.low is not None and p.high is not None:
        return f"{p.low:g} to {p.high:g}"
    if p.sd is not None:
        return f"{SD_NAMES[p.spread or 'sd']} {p.sd:g}"
    return "–"
