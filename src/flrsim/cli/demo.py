"""The main job on a bundled case, end to end."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import typer

from flrsim.cli.pictures import report_pictures
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
    from flrsim.report import write_html
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
        pictures = report_pictures(case, compared)
        progress("writing")
        out.mkdir(parents=True, exist_ok=True)
        report = write_html(out / "report.html", compared.result, pictures)
        for shot in pictures:
            (out / f"{shot.plan.replace(' ', '-')}-{shot.stage}.png").write_bytes(shot.png)
    print_volumes(table)
    print_comparison(compared.result)
    typer.echo(f"wrote {report} and {len(pictures)} pictures beside it", err=True)
    if not pictures:
        typer.echo(
            "no pictures: this machine has no OpenGL; install a software renderer such as Mesa's EGL",
            err=True,
        )
