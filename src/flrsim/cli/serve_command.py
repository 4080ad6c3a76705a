"""The command that serves the planner in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flrsim.cli.plans_command import CasePath, read_case

if TYPE_CHECKING:
    from flrsim.case import LiverCase
    from flrsim.comparison import Compared

FEW_DRAWS = 2000
"""Draws with which a what-if is answered at once; the page changes them."""


def serve_command(
    case_path: CasePath,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of 127.0.0.1; 0 takes a free one.")] = 0,
    draws: Annotated[int, typer.Option(min=1, help="Draws of each plan.")] = FEW_DRAWS,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 1,
    browser: Annotated[bool, typer.Option(help="Open the browser.")] = True,
) -> None:
    """Plan a case in the browser: change plans, patient and treatment, see what it does, save the case file."""
    from flrsim.viewer.web import serve

    case, plans, evidence = read_case(case_path, None, propose=True)

    def said(address: str) -> None:
        typer.echo(f"planner: {address}", err=True)
        typer.echo("the address works once, on this machine; Ctrl+C stops it", err=True)

    serve(
        case, plans, evidence, Path(case_path), _report, port=port, seed=seed, draws=draws, open_browser=browser, said=said
    )  # fmt: skip


def _report(case: LiverCase, compared: Compared) -> str:
    from flrsim.cli.pictures import report_models, report_pictures
    from flrsim.report import render_html
    from flrsim.viewer.shown import shown_plans

    plans = shown_plans(case, compared.staged, compared.result.plans, compared.result.run.draws)
    return render_html(compared.result, report_pictures(plans), report_models(plans))
