"""Pictures of staged plans: one for the plan, one after each operation."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from flrsim.case import LiverCase
from flrsim.comparison import Compared, compare
from flrsim.errors import DisplayError, PlanError
from flrsim.evidence import Evidence
from flrsim.plan import Plan
from flrsim.report import ReportPicture
from flrsim.results import LesionFate, PlanResult
from flrsim.staging import StagedPlan
from flrsim.viewer.pictures import gl_available, picture
from flrsim.viewer.scene import build_scene

FEW_DRAWS = 100


def report_pictures(case: LiverCase, compared: Compared) -> tuple[ReportPicture, ...]:
    """Return a picture of every plan and of what stays after each of its operations; none where nothing can be drawn."""
    if not gl_available():
        return ()
    out = []
    for result, staged in zip(compared.result.plans, compared.staged, strict=True):
        for stage in range(len(result.stages) + 1):
            out.append(_report_picture(case, result, staged, stage))
    return tuple(out)


def _report_picture(case: LiverCase, result: PlanResult, staged: StagedPlan, stage: int) -> ReportPicture:
    title = f"{result.name}: the plan" if stage == 0 else f"{result.name}: after stage {stage}"
    caption = (
        "what stays and what goes, by stage"
        if stage == 0
        else f"what is left after {result.stages[stage - 1].operation}"
    )
    scene = build_scene(
        case, staged.removed_at, {f.name: f for f in result.lesions}, up_to_stage=stage or None, title=title
    )
    return ReportPicture(
        plan=result.name, stage=stage, title=title, png=picture(scene, size=(1000, 750)), caption=caption
    )


def write_screenshot(
    case: LiverCase,
    plan: Plan | None,
    evidence: Evidence,
    path: Path,
    *,
    after_stage: int = 0,
    view: str = "anterior",
) -> None:
    """Write one picture of a plan as PNG.

    Raises
    ------
    PlanError
        When the plan has no such stage.
    """
    if after_stage > (0 if plan is None else len(plan.operations)):
        named = (
            "without a plan there"
            if plan is None
            else f'plan "{plan.name}" ends with stage {len(plan.operations)}; there'
        )
        raise PlanError(f"{named} is no stage {after_stage}")
    if view not in ("anterior", "inferior", "posterior"):
        raise DisplayError(f'view "{view}" is not known; views are anterior, inferior, posterior')
    removed_at = np.zeros(case.grid.regions.shape, dtype=np.int16)
    fates: dict[str, LesionFate] = {}
    title = case.name
    if plan is not None:
        compared = compare(case, [plan], evidence, seed=0, draws=FEW_DRAWS)
        removed_at = compared.staged[0].removed_at
        fates = {f.name: f for f in compared.result.plans[0].lesions}
        title = plan.name if not after_stage else f"{plan.name}: after stage {after_stage}"
    scene = build_scene(case, removed_at, fates, up_to_stage=after_stage or None, title=title)
    path.write_bytes(picture(scene, view=view))
