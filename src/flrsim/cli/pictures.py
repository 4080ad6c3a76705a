"""Pictures of plans: the plan, what is left after each operation, and any day of the course."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from flrsim.case import LiverCase
from flrsim.comparison import Compared, compare
from flrsim.errors import DisplayError, PlanError
from flrsim.evidence import Evidence
from flrsim.plan import Plan
from flrsim.report import ReportModel, ReportPicture, lesion_marks
from flrsim.viewer.camera import CAMERAS
from flrsim.viewer.drawing import INSTALL, gl_available
from flrsim.viewer.model3d import report_model
from flrsim.viewer.page_pictures import HALF_PAGE, QUARTER_PAGE, PageSize, page_picture
from flrsim.viewer.pictures import picture, smaller
from flrsim.viewer.scene import scene_at
from flrsim.viewer.shown import Shown, shown_plans

FEW_DRAWS = 2000
"""Draws behind pictures and windows: their volumes are medians and 80 % bands."""
NO_DISPLAY = (
    "a window needs a display, and none is here; --screenshot PICTURE.png and --movie COURSE.gif need none"
)

FIRST_VIEWS = ("anterior", "inferior")
"""From where a plan is shown on its first page; later stages are shown from the front."""


def shots(shown: Shown) -> tuple[tuple[int, str], ...]:
    """Return what is shown of a plan: itself from two sides, then what stays after each operation; stage and view."""
    stages = range(1, len(shown.operation_days) + 1)
    return (*((0, view) for view in FIRST_VIEWS), *((stage, "anterior") for stage in stages))


def write_shots(shown: Shown, folder: Path) -> int:
    """Write the pictures of a plan, each whole by itself with title, legend and note; return how many."""
    for stage, view in shots(shown):
        side = "" if view == "anterior" else f"-{view}"
        name = f"{shown.name.replace(' ', '-')}-{stage}{side}.png"
        write_screenshot(shown, folder / name, after_stage=stage, view=view)
    return len(shots(shown))


def report_pictures(plans: Sequence[Shown]) -> tuple[ReportPicture, ...]:
    """Return the pictures of a report; none where nothing can be drawn.

    Of every plan two, one of what stays after each of its operations, and where there are several plans a small one.
    """
    if not gl_available():
        return ()
    out = []
    for shown in plans:
        out += [_report_picture(shown, stage, view) for stage, view in shots(shown)]
        if len(plans) > 1:
            out.append(_report_picture(shown, 0, "anterior", QUARTER_PAGE))
    return tuple(out)


def _report_picture(shown: Shown, stage: int, view: str, size: PageSize = HALF_PAGE) -> ReportPicture:
    title = f"{shown.name}: the plan" if stage == 0 else f"{shown.name}: after stage {stage}"
    seen = CAMERAS[view].title
    caption = f"{seen[0].upper()}{seen[1:]}"
    if stage and shown.result is not None:
        caption = (
            f"{seen[0].upper()}{seen[1:]}: what is left after {shown.result.stages[stage - 1].operation}"
        )
    scene = scene_at(shown, day=shown.operation_days[stage - 1] if stage else None)
    marks = lesion_marks([lesion.name for lesion in shown.case.lesions])
    labels = tuple(replace(w, text=marks.get(w.text, w.text)) for w in scene.labels)
    drawn = page_picture(replace(scene, labels=labels), view=view, size=size)
    caption += f"; {drawn.said}" if drawn.said else ""
    legend = tuple((entry.colour, entry.said(marks)) for entry in scene.legend)
    png = smaller(drawn.png)
    return ReportPicture(shown.name, stage, title, png, caption, view, legend, scene.banners, size.small)


def report_models(plans: Sequence[Shown]) -> tuple[ReportModel, ...]:
    """Return the interactive picture of every plan; it needs no OpenGL here, the reader's browser draws it."""
    return tuple(report_model(shown) for shown in plans)


def write_screenshot(
    shown: Shown, path: Path, *, after_stage: int = 0, day: int | None = None, view: str = "anterior"
) -> None:
    """Write one picture of a plan as PNG.

    Parameters
    ----------
    after_stage : the liver at the end of the day of this operation; 0 is the plan.
    day : the liver at the end of this day.

    Raises
    ------
    PlanError
        When the plan has no such stage, or there is no plan that a day could belong to.
    """
    stages = len(shown.operation_days)
    if after_stage > stages:
        named = (
            "without a plan there"
            if shown.staged is None
            else f'plan "{shown.name}" ends with stage {stages}; there'
        )
        raise PlanError(f"{named} is no stage {after_stage}")
    if day is not None and shown.staged is None:
        raise PlanError("a day belongs to a plan, and the case has none; leave --day out or add a plan")
    day = shown.operation_days[after_stage - 1] if after_stage else day
    path.write_bytes(picture(scene_at(shown, day=day), view=view))


def check_view(view: str) -> None:
    """Raise unless the liver can be looked at from there."""
    if view not in CAMERAS:
        raise DisplayError(f'view "{view}" is not known; views are {", ".join(CAMERAS)}')


def played(
    case: LiverCase, plans: Sequence[Plan], evidence: Evidence
) -> tuple[tuple[Shown, ...], Compared | None]:
    """Return what is drawn of each plan, in the order given, and their comparison; the bare liver without a plan."""
    if not plans:
        return (Shown(case),), None
    compared = compare(case, plans, evidence, seed=0, draws=FEW_DRAWS)
    shown = {
        s.name: s
        for s in shown_plans(case, compared.staged, compared.result.plans, compared.result.run.draws)
    }
    return tuple(shown[plan.name] for plan in plans), compared


def open_window(shown: Sequence[Shown], compared: Compared | None, *, day: int | None = None) -> None:
    """Open the desktop viewer and wait until it is closed.

    Raises
    ------
    DisplayError
        When this machine has no display or no OpenGL.
    """
    from flrsim.viewer.desktop.state import ViewState
    from flrsim.viewer.desktop.window import Window

    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        raise DisplayError(NO_DISPLAY)
    if not gl_available():
        raise DisplayError(INSTALL)
    facts = {} if compared is None else {m.name: m for m in compared.result.lesions}
    window = Window(ViewState(shown, facts))
    window.state.set_day(day)
    window.open()
