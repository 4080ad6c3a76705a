"""The commands that hold the model against published studies, and that set its numbers by them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flrsim.cli.outputs import AsJson, check_output, emit
from flrsim.cli.progress import steps
from flrsim.errors import EvidenceError, FileError

if TYPE_CHECKING:
    from flrsim.evidence import Study
    from flrsim.results import Validation

DEFAULT_SEED = 1
DEFAULT_REPETITIONS = 64

Seed = Annotated[int, typer.Option(help="Seed of all random draws.")]


def validate_command(
    study: Annotated[
        list[str] | None, typer.Option("--study", help="Only this study; may be repeated.")
    ] = None,
    draws: Annotated[
        int, typer.Option(min=2, max=10_000, help="Repetitions of every arm, each with its own numbers.")
    ] = DEFAULT_REPETITIONS,
    seed: Seed = DEFAULT_SEED,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="OUT.html", help="Also write a page.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Repeat published studies with virtual patients, and show what is met and what is not."""
    from flrsim.evidence import load_evidence, load_trials, trials_digest
    from flrsim.validate import validate

    if html is not None:
        check_output(html, (".html",), what="a page")
    evidence, studies = load_evidence(), chosen(load_trials(), study)
    with steps(len(studies)) as say:
        result = validate(evidence, studies, seed=seed, replicates=draws, say=say, data=trials_digest())
    if html is not None:
        _write(html, result)
    if as_json:
        emit(result.to_dict())
    else:
        from flrsim.cli.validation_tables import print_validation

        print_validation(result)


def calibrate_command(
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="New folder for the fitted parameter set.")
    ],
    group: Annotated[
        list[str] | None, typer.Option("--group", help="Only this group; may be repeated.")
    ] = None,
    draws: Annotated[
        int | None, typer.Option(min=100, max=1_000_000, help="Virtual patients of every arm.")
    ] = None,
    seed: Seed = DEFAULT_SEED,
    as_json: AsJson = False,
) -> None:
    """Fit declared numbers to the calibration studies, and write them as a parameter set."""
    from flrsim.calibrate import DEFAULT_DRAWS, calibrate, write_calibration
    from flrsim.evidence import load_evidence, load_trials, trials_digest
    from flrsim.evidence.targets import load_targets

    if out.exists():
        raise FileError(f"{out} is there already; name a new folder")
    groups = load_targets()
    missing = sorted(set(group or ()) - {g.name for g in groups})
    if missing:
        known = ", ".join(g.name for g in groups)
        raise EvidenceError(f"there is no group {', '.join(missing)}; groups are {known}")
    targets = [g for g in groups if not group or g.name in group]
    with steps(len(targets)) as say:
        result = calibrate(
            load_evidence(),
            load_trials(),
            targets=targets,
            seed=seed,
            draws=DEFAULT_DRAWS if draws is None else draws,
            data=trials_digest(),
            say=say,
        )
    write_calibration(result, out)
    typer.echo(f"wrote {out}", err=True)
    if as_json:
        emit(result.to_dict())
    else:
        from flrsim.cli.validation_tables import print_calibration

        print_calibration(result)


def chosen(studies: Sequence[Study], names: Sequence[str] | None) -> tuple[Study, ...]:
    """Return the named studies, or all."""
    if not names:
        return tuple(studies)
    known = {s.key for s in studies}
    missing = sorted(set(names) - known)
    if missing:
        raise EvidenceError(
            f"there is no study {', '.join(missing)}; `flrsim evidence studies` lists all {len(known)}"
        )
    return tuple(s for s in studies if s.key in names)


def _write(path: Path, result: Validation) -> None:
    from flrsim.evidence import load_references
    from flrsim.report.validation import render_html

    path.write_text(render_html(result, load_references()), encoding="utf-8")
    typer.echo(f"wrote {path}", err=True)
