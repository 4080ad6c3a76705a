"""A staged plan in mL and days, as the timeline plays it."""

from __future__ import annotations

from flrsim.case import LiverCase
from flrsim.course import HALF, MAJOR_SEGMENTS, Course, CourseLesion, CourseStep, DeprivedPart, segment_count
from flrsim.legality import images_day
from flrsim.plan import Occlude, Operate, Scan, Treat, occluded_segments
from flrsim.staging.operations import Operation, StagedPlan, parenchyma_ml


def course_of(
    case: LiverCase,
    staged: StagedPlan,
    *,
    tlv_functional_ml: float,
    measurement_sd_fraction: float,
    deprived: tuple[DeprivedPart, ...] = (),
) -> Course:
    """Return a staged plan in mL and days, as the timeline plays it.

    Parameters
    ----------
    deprived
        What the operations leave without inflow or outflow, see `flrsim.perfusion.deprivation`.
    """
    operations = iter(staged.operations)
    steps: list[CourseStep] = []
    for step in staged.plan.steps:
        if isinstance(step.action, Operate):
            op = next(operations)
            resected = _resected_segments(case, staged, op)
            steps.append(
                CourseStep(
                    day=step.day,
                    kind="operate",
                    stage=op.stage,
                    removed_ml=op.removed_ml,
                    major=segment_count(resected) >= MAJOR_SEGMENTS,
                    extent=op.title,
                    with_primary=step.action.with_primary,
                    thrombectomy=step.action.thrombectomy,
                    resected=tuple(sorted(resected)),
                )
            )
        elif isinstance(step.action, Occlude):
            steps.append(
                CourseStep(
                    day=step.day,
                    kind="occlude",
                    technique=step.action.technique,
                    occluded=tuple(sorted(occluded_segments(step.action, case.grid.segments))),
                    agent=step.action.agent,
                )
            )
        elif isinstance(step.action, Treat):
            steps.append(
                CourseStep(step.day, "treat", regimen=step.action.regimen, cycles=step.action.cycles)
            )
        elif isinstance(step.action, Scan):
            steps.append(CourseStep(day=step.day, kind="scan", measured_flr_ml=step.action.flr_ml))
        else:
            steps.append(CourseStep(day=step.day, kind="wait"))
    return Course(
        name=staged.plan.name,
        parenchyma_ml=case.parenchyma_ml,
        flr_ml=staged.flr_ml,
        tlv_functional_ml=tlv_functional_ml,
        steps=tuple(steps),
        lesions=tuple(
            CourseLesion(
                f.lesion.name,
                f.lesion.volume_ml,
                f.lesion.longest_axial_mm,
                f.fate,
                f.stage if f.fate in ("removed", "ablated") else None,
                f.clears_at,
                f.shrinks_into,
            )
            for f in staged.fates
        ),
        measurement_sd_fraction=measurement_sd_fraction,
        scan_day=images_day(staged.plan, case),
        deprived=deprived,
    )


def _resected_segments(case: LiverCase, staged: StagedPlan, op: Operation) -> frozenset[str]:
    """Return the segments an operation takes out whole or for the most part; what is ablated is no resection."""
    out = parenchyma_ml(staged.pieces, op.goes & ~op.ablates)
    return op.resects | {s for s, ml in out.items() if ml > HALF * case.parenchyma_ml[s]}
