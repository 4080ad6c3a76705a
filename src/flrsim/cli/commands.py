"""The commands: read, call one library function, print."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from flrsim import __version__
from flrsim.cli.chemo_command import chemo
from flrsim.cli.evidence_commands import evidence_app
from flrsim.cli.outputs import AsJson, check_output, check_report, emit
from flrsim.cli.plans_command import CasePath, propose_plans, read_case
from flrsim.cli.sensitivity_command import weigh_numbers
from flrsim.cli.serve_command import serve_command
from flrsim.cli.validate_command import calibrate_command, validate_command
from flrsim.cli.view_command import view
from flrsim.errors import CaseError

# The command parser's own error, whichever library typer takes it from: BadParameter is a UsageError is a this.
ParserError: Any = typer.BadParameter.__mro__[2]

DEFAULT_SEED = 1
DEFAULT_DRAWS = 10_000

app = typer.Typer(
    name="flrsim",
    help="Liver volumes, hepatectomy plans compared, the remnant's growth. Research software, not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(evidence_app, name="evidence")
app.command("plans")(propose_plans)
app.command("sensitivity")(weigh_numbers)
app.command("chemo")(chemo)
app.command("view")(view)
app.command("validate")(validate_command)
app.command("calibrate")(calibrate_command)
app.command("serve")(serve_command)

Source = Annotated[
    Path,
    typer.Argument(
        metavar="FILE|CASE", help="Label map, segmentation, mesh, folder of these, case.toml or its folder."
    ),
]
Seed = Annotated[int, typer.Option(help="Seed of all random draws.")]
Draws = Annotated[int, typer.Option(min=100, max=10_000_000, help="Monte Carlo draws per plan.")]
PlanNames = Annotated[list[str] | None, typer.Option("--plan", help="Only this plan; may be repeated.")]
FrameOption = Annotated[str | None, typer.Option("--frame", help="LPS or RAS, for meshes that do not say.")]
UnitOption = Annotated[str | None, typer.Option("--unit", help="mm, cm or m, for meshes that do not say.")]
LesionsOption = Annotated[Path | None, typer.Option("--lesions", help="Lesion labels on the same grid.")]


class Scenario(StrEnum):
    """Named phantoms."""

    plain = "plain"
    solitary_right = "solitary-right"
    bilobar_two_stage = "bilobar-two-stage"
    conversion = "conversion"
    small_for_size = "small-for-size"
    hcc_thrombus = "hcc-thrombus"


class PhantomFormat(StrEnum):
    """File formats of a phantom."""

    vtp = "vtp"
    nii = "nii"


class Table(StrEnum):
    """Formats of a day-by-day table."""

    csv = "csv"
    parquet = "parquet"


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"flrsim {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def check(
    source: Source,
    frame: FrameOption = None,
    unit: UnitOption = None,
    lesions: LesionsOption = None,
    repair: Annotated[
        Path | None, typer.Option(help="Write a repaired copy: a new file, or a new folder for surfaces.")
    ] = None,
    specks_below: Annotated[
        float | None,
        typer.Option(min=0.0, help="With --repair: remove specks of a label map under this many mL."),
    ] = None,
    holes_below: Annotated[
        float | None,
        typer.Option(min=0.0, help="With --repair: fill holes of a label map under this many mL."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Say what is wrong with a file or case, where, and what to do; with --repair, mend a copy of it."""
    from flrsim.checking import check_and_repair, check_source
    from flrsim.cli.tables import print_check

    if repair is None:
        if specks_below is not None or holes_below is not None:
            raise typer.BadParameter(
                "--specks-below and --holes-below say what --repair OUT mends; give it too"
            )
        result = check_source(source, frame=frame, unit=unit, lesions=lesions)
    else:
        if lesions is not None:
            raise typer.BadParameter("--repair mends one file; check the lesions by themselves")
        result = check_and_repair(
            source, repair, frame=frame, unit=unit, specks_below_ml=specks_below, holes_below_ml=holes_below
        )
    if as_json:
        emit(result.to_dict())
    else:
        print_check(result, source)
    left = result.verdict if result.repaired is None else result.repaired.verdict
    return 1 if left == "refused" else 0


@app.command()
def doctor(as_json: AsJson = False) -> int:
    """Check on this machine that what flrsim computes is right, and print a certificate."""
    from flrsim.doctor import examine

    result = examine()
    if as_json:
        emit(result.to_dict())
    else:
        from flrsim.cli.certificate import print_certificate

        print_certificate(result)
    return 0 if result.sound else 1


@app.command()
def volumes(
    source: Source,
    frame: FrameOption = None,
    unit: UnitOption = None,
    lesions: LesionsOption = None,
    as_json: AsJson = False,
) -> None:
    """Measure segments, lesions, vessels, total volume and contacts."""
    from flrsim.case_file import is_case, load_case, load_file
    from flrsim.cli.tables import print_volumes
    from flrsim.comparison import telv_table
    from flrsim.evidence import load_evidence
    from flrsim.volumetry import measure

    evidence = load_evidence()
    if is_case(source):
        case, _ = load_case(source, evidence)
    else:
        case = load_file(source, evidence, frame=frame, unit=unit, lesions=lesions)
    table = measure(case, evidence, telv=telv_table(case, evidence))
    if as_json:
        emit(table.to_dict())
    else:
        print_volumes(table)


@app.command()
def compare(
    case_path: CasePath,
    plan: PlanNames = None,
    draws: Draws = DEFAULT_DRAWS,
    seed: Seed = DEFAULT_SEED,
    report: Annotated[
        list[Path] | None,
        typer.Option(help="Write a report: .html, one file with 3D, or .pdf; may be repeated for both."),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            "--without",
            help="Switch a cause off, e.g. sos; may be repeated. The rule on volume stays the patient's.",
        ),
    ] = None,
    without_modifiers: Annotated[
        bool,
        typer.Option(
            help="Switch every cause off, a measured function too. The rule on volume stays the patient's: it belongs "
            "to the people it was found in."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Hold the case's plans side by side: what goes, what stays, when it suffices, what can go wrong."""
    from flrsim.cli.progress import steps
    from flrsim.cli.tables import print_comparison
    from flrsim.physiology.modifiers import MODIFIERS

    for path in report or ():
        check_report(path)
    case, plans, evidence = read_case(case_path, plan, propose=True)
    from flrsim.comparison import compare as run

    unknown = [name for name in without or () if name not in MODIFIERS]
    if unknown:
        raise typer.BadParameter(f'--without "{unknown[0]}": causes are {", ".join(MODIFIERS)}')
    off = frozenset(MODIFIERS) if without_modifiers else frozenset(without or ())
    with steps(len(plans) + 1) as progress:
        compared = run(case, plans, evidence, seed=seed, draws=draws, modifiers_off=off, progress=progress)
    if report:
        _write_reports(case, compared, report)
    if as_json:
        emit(compared.result.to_dict())
    else:
        print_comparison(compared.result)


@app.command()
def simulate(
    case_path: CasePath,
    plan: Annotated[str, typer.Option("--plan", help="The plan to play forward.")],
    draws: Draws = DEFAULT_DRAWS,
    seed: Seed = DEFAULT_SEED,
    out: Annotated[Path | None, typer.Option(help="Write the days to this file, .csv or .parquet.")] = None,
    as_json: AsJson = False,
) -> None:
    """Play one plan forward, day by day."""
    from flrsim.comparison import compare as run
    from flrsim.comparison import simulation_dict
    from flrsim.day_table import day_table, write_days

    if out is not None:
        check_output(out, (".csv", ".parquet"), what="a table")
    case, plans, evidence = read_case(case_path, [plan], propose=True)
    if case.patient is None:
        raise CaseError("simulate needs the patient's body and treatment; add [patient] to the case.toml")
    compared = run(case, plans, evidence, seed=seed, draws=draws)
    if out is not None:
        write_days(compared.result.plans[0], out)
        typer.echo(f"wrote {out}", err=True)
    if as_json:
        emit(simulation_dict(compared))
    elif out is None:
        sys.stdout.write(day_table(compared.result.plans[0]))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for report and pictures.")] = Path("flrsim-demo"),
    case_name: Annotated[str, typer.Option("--case", help="Bundled case.")] = "bilobar-two-stage",
    draws: Draws = DEFAULT_DRAWS,
) -> None:
    """Do the main job on a bundled case: volumes, plans compared, report and pictures."""
    from flrsim.cli.demo import run_demo

    run_demo(out, case_name, draws)


@app.command()
def phantom(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="New folder for the case.")],
    seed: Annotated[int, typer.Option(min=0, help="Which liver.")] = 0,
    scenario: Annotated[Scenario, typer.Option(help="Which lesions and plans.")] = Scenario.bilobar_two_stage,
    confluence: Annotated[
        bool, typer.Option(help="Add a lesion at the hepatocaval confluence (bilobar only).")
    ] = False,
    tlv_ml: Annotated[
        float | None, typer.Option("--tlv", min=800, max=3000, help="Total liver volume, mL (plain only).")
    ] = None,
    split_s4: Annotated[bool, typer.Option(help="Give S4 as S4a and S4b (plain only).")] = False,
    file_format: Annotated[
        PhantomFormat, typer.Option("--format", help="Interface meshes or label maps.")
    ] = PhantomFormat.vtp,
    spacing: Annotated[
        tuple[float, float, float], typer.Option(min=0.3, max=10, help="Voxel edges of label maps, mm.")
    ] = (0.8, 0.8, 1.0),
    as_json: AsJson = False,
) -> None:
    """Make a parametric liver with independently known volumes, as a case every command reads."""
    from flrsim.phantom.cases import make_case

    if tlv_ml is not None and scenario is not Scenario.plain:
        raise typer.BadParameter("--tlv goes with --scenario plain")
    truth = make_case(
        out,
        scenario=scenario.value,
        seed=seed,
        confluence=confluence,
        tlv_ml=tlv_ml,
        split_s4=split_s4,
        file_format=file_format.value,
        spacing_mm=spacing,
    )
    if as_json:
        emit(truth.to_dict())
    else:
        typer.echo(
            f"wrote {out}/case.toml; true volume {truth.total.value:.1f} ± {truth.total.standard_error:.1f} mL",
            err=True,
        )


def _write_reports(case: Any, compared: Any, paths: list[Path]) -> None:
    from flrsim.cli.pictures import report_models, report_pictures
    from flrsim.report import write_report
    from flrsim.viewer.shown import shown_plans

    plans = shown_plans(case, compared.staged, compared.result.plans, compared.result.run.draws)
    pictures = report_pictures(plans)
    pages = any(path.suffix.lower() != ".pdf" for path in paths)
    models = report_models(plans) if pages else ()
    for path in paths:
        write_report(path, compared.result, pictures, models)
        typer.echo(f"wrote {path}", err=True)
