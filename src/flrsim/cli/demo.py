"""The main job on a bundled case, end to end."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import typer

from flrsim.cli.pictures import report_models, report_pictures, write_shots
from flrsim.cli.progress import steps
from flrsim.cli.tables import print_comparison, print_volumes
from flrsim.errors import CaseError


def bundled_cases() -> dict[str, Path]:
    """Return the demo cases by name: from the package, or from the checkout it is installed from."""
    package = Path(str(files("flrsim")))
    for root in (package / "meshes", package.parents[1] / "meshes"):
        found = {p.parent.name: p.parent for p in sorted(root.glob("*/case.toml"))}
        if found:
            return found
    return {}


def run_demo(out: Path, name: str, draws: int) -> None:
    """Print volumes and compared plans of a bundled case; write the report and its pictures into `out`."""
    from flrsim.case_file import load_case
    from flrsim.comparison import compare, telv_table
    from flrsim.evidence import load_evidence
    from flrsim.report import write_report
    from flrsim.viewer.shown import shown_plans
    from flrsim.volumetry import measure

    cases = bundled_cases()
    if name not in cases:
        raise CaseError(f'demo case "{name}" is not bundled; bundled are {", ".join(cases) or "none"}')
    evidence = load_evidence()
    with steps(3) as progress:
        progress("reading the meshes")
        case, plans = load_case(cases[name], evidence)
        table = measure(case, evidence, telv=telv_table(case, evidence))
        compared = compare(case, plans, evidence, seed=1, draws=draws, progress=None)
        progress("drawing")
        shown = shown_plans(case, compared.staged, compared.result.plans, compared.result.run.draws)
        pictures = report_pictures(shown)
        progress("writing")
        out.mkdir(parents=True, exist_ok=True)
        models = report_models(shown)
        report = write_report(out / "report.html", compared.result, pictures, models)
        # The report's own pictures lack title, legend and note, which are text of its pages.
        written = sum(write_shots(one, out) for one in shown) if pictures else 0
    print_volumes(table)
    print_comparison(compared.result)
    typer.echo(f"wrote {report} and {written} pictures beside it", err=True)
    if not pictures:
        typer.echo(
            "no pictures: this machine has no OpenGL; install a software renderer such as Mesa's EGL",
            err=True,
        )
