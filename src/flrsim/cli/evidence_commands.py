"""The commands about the clinical numbers: what they are, where they come from, whether they hold together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flrsim.cli.outputs import AsJson, check_output, emit
from flrsim.errors import EvidenceError

SCHEMA = "flrsim/evidence/1"

evidence_app = typer.Typer(
    help="The clinical numbers and their sources.", no_args_is_help=True, rich_markup_mode=None
)
SetName = Annotated[str | None, typer.Option("--set", help="A frozen parameter set instead of today's.")]


@evidence_app.command("list")
def evidence_list(
    topic: Annotated[str, typer.Argument(help="Only ids that begin so.")] = "",
    set_name: SetName = None,
    as_json: AsJson = False,
) -> None:
    """List the clinical numbers with value, unit, kind and source."""
    from flrsim.cli.evidence_tables import print_evidence
    from flrsim.evidence import load_evidence

    evidence = load_evidence(parameter_set=set_name)
    chosen = [evidence[name] for name in evidence.ids() if name.startswith(topic)]
    if not chosen:
        topics = sorted({name.split(".")[0] for name in evidence.ids()})
        raise EvidenceError(f'no number begins with "{topic}"; topics are {", ".join(topics)}')
    if as_json:
        emit(
            {
                "schema": SCHEMA,
                "parameter_set": evidence.parameter_set,
                "digest": evidence.digest,
                "parameters": [p.to_dict() for p in chosen],
            }
        )
    else:
        print_evidence(chosen, evidence.parameter_set)


@evidence_app.command("show")
def evidence_show(
    name: Annotated[str, typer.Argument(metavar="ID")], set_name: SetName = None, as_json: AsJson = False
) -> None:
    """Show one number: what it measures, its spread, where it was read, and the studies of its source."""
    from flrsim.cli.evidence_tables import print_parameter
    from flrsim.evidence import load_evidence, load_trials
    from flrsim.results import plain

    evidence = load_evidence(parameter_set=set_name)
    parameter = evidence[name]
    sources = evidence.references([name])
    studies = [s for s in load_trials() if s.source == parameter.source]
    if as_json:
        emit(
            {
                "schema": SCHEMA,
                "parameter": parameter.to_dict(),
                "references": plain(sources),
                "studies": [{"study": s.key, "split": s.split, "numbers": len(s.numbers)} for s in studies],
            }
        )
    else:
        print_parameter(parameter, sources, studies)


@evidence_app.command("studies")
def evidence_studies(as_json: AsJson = False) -> None:
    """List the published studies: what each is for, and how many printed numbers it has."""
    from flrsim.cli.evidence_tables import print_studies
    from flrsim.evidence import load_trials, trials_digest
    from flrsim.results import plain

    studies = load_trials()
    if as_json:
        emit({"schema": "flrsim/studies/1", "sha256": trials_digest(), "studies": plain(studies)})
    else:
        print_studies(studies)


@evidence_app.command("check")
def evidence_check(as_json: AsJson = False) -> int:
    """Check every number, study, rule and source, and that no clinical number stands in the code."""
    from flrsim.cli.evidence_tables import print_evidence_check
    from flrsim.evidence import check_evidence

    result = check_evidence()
    if as_json:
        emit(result.to_dict())
    else:
        print_evidence_check(result)
    return 0 if result.sound else 1


@evidence_app.command("freeze")
def evidence_freeze(out: Annotated[Path, typer.Argument(metavar="OUT.json", help="New file.")]) -> None:
    """Write today's numbers under the name of their set, so that a result can be run again with them."""
    from flrsim.evidence import freeze, load_evidence

    check_output(out, (".json",), what="a frozen set")
    evidence = load_evidence()
    freeze(evidence, out)
    typer.echo(f"wrote {out}: parameter set {evidence.parameter_set}, {evidence.digest}", err=True)
