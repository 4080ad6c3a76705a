"""A plan on a liver: which pieces each operation takes, what that clears, what stays; conserved to the voxel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from flrsim.anatomy import resection_title
from flrsim.case import Lesion, LiverCase
from flrsim.course import Course, CourseLesion, CourseStep
from flrsim.errors import PlanError
from flrsim.evidence import Evidence
from flrsim.grid import Pieces, cut_into_pieces
from flrsim.plan import Occlude, Operate, Plan, Scan, occluded_segments, resected_by
from flrsim.resection.cut import Cut, cut_between
from flrsim.resection.margin import Neighbour, Surroundings
from flrsim.resection.wedge import wedge

KINDS = ("parenchyma", "lesion", "vessel")
MAJOR_SEGMENTS = 3
"""Segments in a major hepatectomy (Brisbane 2000)."""
HALF = 0.5
CONSERVED = 1e-9
"""Largest share of the volume that rounding may lose at an operation."""


@dataclass(frozen=True)
class Operation:
    """One operation, carried out on the pieces.

    Attributes
    ----------
    goes : (n_pieces,) bool, pieces that go in this operation.
    before_ml, resected_ml, after_ml : by kind of tissue, inside the labelled liver; each summed on its own.
    removed_ml : parenchyma taken by segment.
    cleared : lesions that are gone with their whole margin after this operation.
    """

    stage: int
    day: int
    title: str
    resects: frozenset[str]
    wedges: tuple[str, ...]
    goes: NDArray[np.bool_]
    before_ml: Mapping[str, float]
    resected_ml: Mapping[str, float]
    after_ml: Mapping[str, float]
    removed_ml: Mapping[str, float]
    resected_outside_ml: float
    cut: Cut

    @property
    def transection_cm2(self) -> float:
        """Area of the smoothed wall between what goes and what stays, cm²."""
        return self.cut.area_cm2

    @property
    def remnant_pieces_ml(self) -> tuple[float, ...]:
        """Volumes of the separate parts of what stays, mL, the largest first."""
        return self.cut.remnant_pieces_ml


@dataclass(frozen=True)
class Fate:
    """What a plan does to one lesion; see `flrsim.results.LesionFate`."""

    lesion: Lesion
    fate: str
    stage: int | None
    left_ml: float
    left_in: Mapping[str, float]
    wedged: bool
    margin_planned_mm: float | None
    margin_measured_mm: float | None
    margin_short: bool
    near: Neighbour | None
    remark: Neighbour | None


@dataclass(frozen=True)
class StagedPlan:
    """A plan carried out on the last imaging.

    Attributes
    ----------
    stays : (n_pieces,) bool, pieces in the labelled liver that stay after all operations.
    """

    plan: Plan
    pieces: Pieces
    operations: tuple[Operation, ...]
    fates: tuple[Fate, ...]
    stays: NDArray[np.bool_]

    @cached_property
    def removed_at(self) -> NDArray[np.int16]:
        """The operation at which each voxel goes, (nx, ny, nz); 0 stays or is no tissue."""
        stage = np.zeros(len(self.pieces.region), dtype=np.int16)
        for op in self.operations:
            stage[op.goes] = op.stage
        return np.asarray(self.pieces.paint(stage), dtype=np.int16)

    @property
    def flr_ml(self) -> dict[str, float]:
        """Parenchyma that stays after all operations, by segment, mL at the size of the imaging day."""
        table, grid = self.pieces, self.pieces.grid
        out: dict[str, float] = {}
        for segment in grid.segments:
            member = np.isin(table.region, grid.ids(segments=[segment], kind="parenchyma"))
            out[segment] = table.volume_ml(member & self.stays)
        return {s: ml for s, ml in out.items() if ml > 0}

    @property
    def flr_gross_ml(self) -> float:
        """Everything that stays inside the labelled liver: parenchyma, vessels, and lesion left behind."""
        return self.pieces.volume_ml(self.stays)


def stage_plans(case: LiverCase, plans: Sequence[Plan], evidence: Evidence) -> tuple[StagedPlan, ...]:
    """Carry out every plan on one set of pieces.

    All plans share the cuts, so the same wedge is the same voxels in each of them.
    """
    pieces = cut_into_pieces(case.grid, _cuts(case, plans))
    surroundings = Surroundings(case, evidence)
    done: dict[bytes, Cut] = {}
    # Two plans at a time: kernels and search trees leave the interpreter free. What both ask for is the same
    # whoever is first.
    with ThreadPoolExecutor(max_workers=2) as pool:
        return tuple(pool.map(lambda plan: _carry_out(case, plan, pieces, surroundings, done), plans))


def _cuts(case: LiverCase, plans: Sequence[Plan]) -> dict[str, NDArray[np.bool_]]:
    """Return the voxel mask of every wedge that any plan names; segments need none, regions know theirs."""
    wanted: dict[str, tuple[str, float]] = {}
    for plan in plans:
        for step in plan.operations:
            action = step.action
            if isinstance(action, Operate) and action.margin_mm is not None:
                wanted.update(
                    {_wedge_name(name, action.margin_mm): (name, action.margin_mm) for name in action.wedge}
                )
    keys = sorted(wanted)
    _ = case.grid.liver  # shared by all wedges; made before the threads ask for it
    with ThreadPoolExecutor(max_workers=2) as pool:
        masks = list(pool.map(lambda k: wedge(case.grid, case.lesion(wanted[k][0]), wanted[k][1]), keys))
    return dict(zip(keys, masks, strict=True))


def _wedge_name(lesion: str, margin_mm: float) -> str:
    return f"wedge {lesion} {margin_mm:g}"


def _carry_out(
    case: LiverCase,
    plan: Plan,
    pieces: Pieces,
    surroundings: Surroundings,
    done: dict[bytes, Cut],
) -> StagedPlan:
    grid = case.grid
    in_liver = np.isin(pieces.region, grid.liver_ids)
    kind_of = {kind: np.isin(pieces.region, grid.ids(kind=kind)) for kind in KINDS}
    present = np.ones(len(pieces.region), dtype=np.bool_)
    operations: list[Operation] = []
    for number, (step, resects) in enumerate(
        zip(plan.operations, resected_by(plan, grid.segments), strict=True), start=1
    ):
        action = step.action
        if not isinstance(action, Operate):
            continue
        goes = np.isin(pieces.region, grid.ids(segments=resects)) if resects else np.zeros_like(present)
        if action.wedge and action.margin_mm is not None:
            goes |= pieces.members([_wedge_name(name, action.margin_mm) for name in action.wedge])
        goes &= present
        goes |= _outside_parts(case, pieces, present & ~goes, goes, in_liver) & present
        before = {k: pieces.volume_ml(present & in_liver & kind_of[k]) for k in KINDS}
        resected = {k: pieces.volume_ml(goes & in_liver & kind_of[k]) for k in KINDS}
        stay = present & ~goes
        after = {k: pieces.volume_ml(stay & in_liver & kind_of[k]) for k in KINDS}
        removed = {
            s: pieces.volume_ml(goes & np.isin(pieces.region, grid.ids(segments=[s], kind="parenchyma")))
            for s in grid.segments
        }
        _check_conserved(
            pieces, present, goes, stay, (before, resected, after), f'plan "{plan.name}", day {step.day}'
        )
        key = np.packbits(np.concatenate([goes, stay])).tobytes()
        if key not in done:
            done[key] = cut_between(pieces, goes & in_liver, stay & in_liver)
        operations.append(
            Operation(
                stage=number,
                day=step.day,
                title=_title(resects, action),
                resects=resects,
                wedges=action.wedge,
                goes=goes,
                before_ml=before,
                resected_ml=resected,
                after_ml=after,
                removed_ml={s: ml for s, ml in removed.items() if ml > 0},
                resected_outside_ml=pieces.volume_ml(goes & ~in_liver),
                cut=done[key],
            )
        )
        present = stay
    fates = tuple(
        _fate(case, plan, pieces, operations, lesion, present, surroundings) for lesion in case.lesions
    )
    return StagedPlan(plan, pieces, tuple(operations), fates, present & in_liver)


def _check_conserved(
    pieces: Pieces,
    before: NDArray[np.bool_],
    goes: NDArray[np.bool_],
    stays: NDArray[np.bool_],
    ml: tuple[Mapping[str, float], ...],
    where: str,
) -> None:
    """Raise unless voxels and millilitres before an operation are those of the specimen and of what stays."""
    voxels = [int(pieces.counts[member].sum()) for member in (before, goes, stays)]
    worst = max(abs(ml[0][k] - ml[1][k] - ml[2][k]) for k in KINDS)
    if voxels[0] != voxels[1] + voxels[2] or worst > CONSERVED * max(sum(ml[0].values()), 1.0):
        raise PlanError(
            f"{where}: {voxels[0]} voxels before the operation, {voxels[1]} in the specimen and {voxels[2]} after it; "
            f"{worst:.3g} mL are lost or gained: this is a defect in flrsim, please report it"
        )


def _title(resects: frozenset[str], action: Operate) -> str:
    parts = [resection_title(resects)] if resects else []
    if action.wedge:
        parts.append(("wedge " if len(action.wedge) == 1 else "wedges ") + ", ".join(action.wedge))
    return " + ".join(parts)


def _outside_parts(
    case: LiverCase,
    pieces: Pieces,
    stay: NDArray[np.bool_],
    goes: NDArray[np.bool_],
    in_liver: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Return pieces of lesion outside the labelled liver that go because all of the lesion inside it goes.

    A lesion that lies outside for the most part belongs to no segment: only a wedge takes it.
    """
    out = np.zeros_like(stay)
    for lesion in case.lesions:
        if lesion.outside_ml <= 0 or lesion.outside_ml > HALF * lesion.volume_ml:
            continue
        own = np.isin(pieces.region, case.grid.ids(tissue=lesion.name, kind="lesion"))
        if not (own & in_liver & stay).any() and (own & in_liver & goes).any():
            out |= own & ~in_liver
    return out


def _fate(
    case: LiverCase,
    plan: Plan,
    pieces: Pieces,
    operations: list[Operation],
    lesion: Lesion,
    stays: NDArray[np.bool_],
    surroundings: Surroundings,
) -> Fate:
    grid = case.grid
    own = np.isin(pieces.region, grid.ids(tissue=lesion.name, kind="lesion"))
    inner = np.isin(pieces.region, grid.liver_ids)
    taken = [own & op.goes for op in operations]
    left = own & stays
    wedged = any(lesion.name in op.wedges for op in operations)
    if not any(t.any() for t in taken):
        return Fate(
            lesion,
            "left",
            None,
            pieces.volume_ml(left & inner),
            _by_segment(pieces, left),
            False,
            None,
            None,
            False,
            None,
            None,
        )
    stage = max(i for i, t in enumerate(taken, start=1) if t.any())
    if left.any() or sum(t.any() for t in taken) > 1:
        # Cut through is cut through, however small the part and even if the rest goes later.
        ml = pieces.volume_ml(left & inner)
        return Fate(
            lesion,
            "cut_through",
            stage if not left.any() else None,
            ml,
            _by_segment(pieces, left),
            wedged,
            None,
            0.0,
            False,
            *(surroundings.near(lesion, _gone(operations, len(operations))) if wedged else (None, None)),
        )
    operation = operations[stage - 1]
    action = plan.operations[stage - 1].action
    planned = action.margin_mm if isinstance(action, Operate) and lesion.name in action.wedge else None
    measured = operation.cut.cloud.distance(lesion)
    # A wedge's margin is cut voxel by voxel; its smoothed wall may come a voxel's diagonal nearer, and no finer
    # shortfall can be told on this grid.
    slack = float(np.linalg.norm(grid.spacing_mm))
    short = planned is not None and measured < planned - slack
    near, remark = (
        surroundings.near(lesion, _gone(operations, stage))
        if lesion.name in operation.wedges
        else (None, None)
    )
    return Fate(
        lesion,
        "removed",
        stage,
        0.0,
        {},
        lesion.name in operation.wedges,
        planned,
        measured,
        short,
        near,
        remark,
    )


def _gone(operations: list[Operation], stage: int) -> frozenset[str]:
    """Return the segments resected whole up to a stage."""
    return frozenset().union(*(op.resects for op in operations[:stage]))


def _by_segment(pieces: Pieces, member: NDArray[np.bool_]) -> dict[str, float]:
    out: dict[str, float] = {}
    for segment in (*pieces.grid.segments, None):
        part = member & np.isin(pieces.region, pieces.grid.ids(segments=[segment]))
        if part.any():
            out[segment or "outside"] = pieces.volume_ml(part)
    return out


def course_of(
    case: LiverCase, staged: StagedPlan, *, tlv_functional_ml: float, label_sd_fraction: float
) -> Course:
    """Return a staged plan in mL and days, as the timeline plays it."""
    operations = iter(staged.operations)
    steps: list[CourseStep] = []
    for step in staged.plan.steps:
        if isinstance(step.action, Operate):
            op = next(operations)
            steps.append(
                CourseStep(
                    day=step.day,
                    kind="operate",
                    stage=op.stage,
                    removed_ml=op.removed_ml,
                    major=_segment_count(op.resects) >= MAJOR_SEGMENTS,
                    extent=op.title,
                )
            )
        elif isinstance(step.action, Occlude):
            steps.append(
                CourseStep(
                    day=step.day,
                    kind="occlude",
                    technique=step.action.technique,
                    occluded=tuple(sorted(occluded_segments(step.action, case.grid.segments))),
                )
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
                f.stage if f.fate == "removed" else None,
            )
            for f in staged.fates
        ),
        label_sd_fraction=label_sd_fraction,
        scan_day=case.scan_day,
    )


def _segment_count(resects: frozenset[str]) -> int:
    """Return how many Couinaud segments a set of leaves is: S4a and S4b are one."""
    return len({"S4" if s in ("S4a", "S4b") else s for s in resects})
