"""Plans carried out, operation by operation, on one set of pieces."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from flrsim.anatomy import resection_title
from flrsim.case import LiverCase
from flrsim.course import HALF
from flrsim.errors import PlanError
from flrsim.evidence import Evidence
from flrsim.grid import Pieces, cut_into_pieces
from flrsim.legality import check_inflow
from flrsim.plan import Operate, Plan, drawn_title, resected_by, territory_title
from flrsim.resection.cut import Cut, cut_between
from flrsim.resection.margin import Beside, Surroundings
from flrsim.staging.fates import fate_of
from flrsim.staging.marks import Mark, ablated_by, marks_of, specimen_of
from flrsim.staging.operations import (
    Operation,
    StagedPlan,
    check_conserved,
    kinds_ml,
    parenchyma_ml,
)


def stage_plans(
    case: LiverCase,
    plans: Sequence[Plan],
    evidence: Evidence,
    *,
    marks: MutableMapping[str, Mark] | None = None,
    beside: Beside | None = None,
) -> tuple[StagedPlan, ...]:
    """Carry out every plan on one set of pieces.

    All plans share the cuts, so the same wedge is the same voxels in each of them.

    Parameters
    ----------
    marks : marks that cuts of this liver were given before, by name; new ones are added.
    beside : what its lesions were found to lie beside before; more is added.

    Raises
    ------
    PlanError
        When a drawn cut turns out to take nothing, or to leave segments whose inflow was occluded.
    """
    pieces = cut_into_pieces(case.grid, marks_of(case, plans, marks))
    divided = [_divide(case, plan, pieces) for plan in plans]
    # Kernels and search trees leave the interpreter free, and each cut is made once, whoever asks for it: the stages of one
    # plan are cut at the same time too.
    asked = {stage.key: stage for stages in divided for stage in stages}
    with ThreadPoolExecutor(max_workers=2) as pool:
        measured = pool.submit(Surroundings, case, evidence, beside)
        cuts = dict(zip(asked, pool.map(lambda stage: stage.cut(case, pieces), asked.values()), strict=True))
        surroundings = measured.result()
        return tuple(
            pool.map(
                lambda plan, stages: _judged(case, plan, pieces, stages, cuts, surroundings), plans, divided
            )
        )


@dataclass(frozen=True)
class _Stage:
    """One operation of a plan before its cut surface is there.

    Attributes
    ----------
    specimen, stay : (n_pieces,) what is taken out, and what stays.
    operation : makes the operation from its cut.
    key : equal for operations with the same cut.
    """

    specimen: NDArray[np.bool_]
    stay: NDArray[np.bool_]
    operation: partial[Operation]
    key: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", np.packbits(np.concatenate([self.specimen, self.stay])).tobytes())

    def cut(self, case: LiverCase, pieces: Pieces) -> Cut:
        """Return the cut surface."""
        in_liver = np.isin(pieces.region, case.grid.liver_ids)
        return cut_between(pieces, self.specimen & in_liver, self.stay & in_liver)


def _divide(case: LiverCase, plan: Plan, pieces: Pieces) -> list[_Stage]:
    """Give each piece to the operation of a plan that takes it."""
    grid = case.grid
    in_liver = np.isin(pieces.region, grid.liver_ids)
    whole = case.parenchyma_ml
    present = np.ones(len(pieces.region), dtype=np.bool_)
    stages: list[_Stage] = []
    for number, (step, resects) in enumerate(
        zip(plan.operations, resected_by(plan, grid.segments), strict=True), start=1
    ):
        action = step.action
        if not isinstance(action, Operate):
            continue
        where = f'plan "{plan.name}", day {step.day}'
        specimen = specimen_of(action, resects, pieces) & present
        specimen |= _outside_parts(case, pieces, present & ~specimen, specimen, in_liver) & present
        if action.free and not (specimen & in_liver).any():
            raise PlanError(
                f"{where}: the cut takes nothing: no tissue that is still there lies on the side of every plane and sheet, or in the "
                "territories; check where they are and which side goes"
            )
        # What is taken out cannot be ablated as well.
        ablates = ablated_by(action, pieces) & present & ~specimen
        goes = specimen | ablates
        stay = present & ~goes
        before, resected, ablated, after = (
            kinds_ml(pieces, member) for member in (present, specimen, ablates, stay)
        )
        check_conserved(pieces, present, (specimen, ablates, stay), before, (resected, ablated, after), where)
        removed = parenchyma_ml(pieces, goes)
        stages.append(
            _Stage(
                specimen,
                stay,
                partial(
                    Operation,
                    stage=number,
                    day=step.day,
                    title=_title(resects, action, grid.segments),
                    resects=resects,
                    takes=resects | {s for s, ml in removed.items() if ml > HALF * whole[s]},
                    wedges=action.wedge,
                    ablations=action.ablate,
                    goes=goes,
                    ablates=ablates,
                    before_ml=before,
                    resected_ml=resected,
                    ablated_ml=ablated,
                    after_ml=after,
                    removed_ml={s: ml for s, ml in removed.items() if ml > 0},
                    resected_outside_ml=pieces.volume_ml(specimen & ~in_liver),
                    severed=_severed(case, pieces, specimen & in_liver, stay & in_liver),
                ),
            )
        )
        present = stay
    return stages


def _judged(
    case: LiverCase,
    plan: Plan,
    pieces: Pieces,
    stages: Sequence[_Stage],
    cuts: Mapping[bytes, Cut],
    surroundings: Surroundings,
) -> StagedPlan:
    """Return a plan carried out: its operations with their cuts, and what becomes of each lesion."""
    grid, whole = case.grid, case.parenchyma_ml
    operations = [stage.operation(cut=cuts[stage.key]) for stage in stages]
    present = stages[-1].stay if stages else np.ones(len(pieces.region), dtype=np.bool_)
    in_liver = np.isin(pieces.region, grid.liver_ids)
    staged = StagedPlan(
        plan,
        pieces,
        tuple(operations),
        tuple(fate_of(plan, pieces, operations, lesion, present, surroundings) for lesion in case.lesions),
        present & in_liver,
    )
    flr = staged.flr_ml
    check_inflow(
        plan, grid.segments, {s for s, ml in flr.items() if ml > HALF * whole[s]} if _free(plan) else ()
    )
    return staged


def _free(plan: Plan) -> bool:
    return any(isinstance(step.action, Operate) and step.action.free for step in plan.operations)


def _title(resects: frozenset[str], action: Operate, present: tuple[str, ...]) -> str:
    parts = [resection_title(resects)] if resects else []
    parts += [territory_title(action)] if action.territory else []
    parts += [drawn_title(action, present)] if action.drawn else []
    for names, word in ((action.wedge, "wedge"), (action.ablate, "ablation")):
        if names:
            parts.append((f"{word} " if len(names) == 1 else f"{word}s ") + ", ".join(names))
    return " + ".join(parts)


def _severed(
    case: LiverCase, pieces: Pieces, goes: NDArray[np.bool_], stays: NDArray[np.bool_]
) -> tuple[str, ...]:
    """Return the vessels of which a part goes and a part stays."""
    out = []
    for vessel in case.vessels:
        own = np.isin(pieces.region, case.grid.ids(tissue=vessel.name, kind="vessel"))
        if (own & goes).any() and (own & stays).any():
            out.append(vessel.name)
    return tuple(out)


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
