"""``flrsim view``: a window, one picture, or a movie of the course."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flrsim.cli.outputs import check_output
from flrsim.cli.plans_command import CasePath, read_case


def view(
    case_path: CasePath,
    screenshot: Annotated[
        Path | None, typer.Option(help="Write one picture here (.png) and open no window; needs no display.")
    ] = None,
    movie: Annotated[
        Path | None, typer.Option(help="Write the whole course here (.gif, .mp4); needs no display.")
    ] = None,
    plan: Annotated[
        str | None, typer.Option("--plan", help="Plan to show; the first by default, in a window all.")
    ] = None,
    after_stage: Annotated[int, typer.Option(min=0, help="Picture: the liver after this operation.")] = 0,
    day: Annotated[int | None, typer.Option(help="The liver on this day of the plan.")] = None,
    view_from: Annotated[str, typer.Option("--from", help="anterior, inferior or posterior.")] = "anterior",
) -> None:
    """Look at a case in 3D, day by day: in a window, or as a picture or movie without a display."""
    if after_stage and day is not None:
        raise typer.BadParameter("--after-stage and --day both say when; give one")
    if after_stage and screenshot is None:
        raise typer.BadParameter("--after-stage goes with --screenshot; the window opens on --day")
    if screenshot is not None:
        check_output(screenshot, (".png",), what="a picture")
    if movie is not None:
        check_output(movie, (".gif", ".mp4"), what="a movie")
    from flrsim.cli.pictures import check_view, open_window, played, write_screenshot

    check_view(view_from)
    case, plans, evidence = read_case(case_path, [plan] if plan else None, needs_plans=False)
    window = screenshot is None and movie is None
    shown, compared = played(case, plans if window else plans[:1], evidence)
    if screenshot is not None:
        write_screenshot(shown[0], screenshot, after_stage=after_stage, day=day, view=view_from)
        typer.echo(f"wrote {screenshot}", err=True)
    if movie is not None:
        from flrsim.viewer.movie import write_movie

        write_movie(shown[0], movie, view=view_from)
        typer.echo(f"wrote {movie}", err=True)
    if window:
        open_window(shown, compared, day=day)
