"""A case on the bench: drafts judged with the numbers of `flrsim.comparison`, each step of the work done once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from flrsim.case import LiverCase
from flrsim.comparison import (
    Compared,
    MeasuredLiver,
    Scene,
    in_families,
    judge_staged,
    side_by_side,
    telv_table,
    threshold_telv_ml,
    wedge_margins,
)
from flrsim.errors import PlanError
from flrsim.evidence import Evidence
from flrsim.legality import check_cycles, check_inflow, check_plan
from flrsim.lesion_facts import lesion_facts
from flrsim.perfusion import Circulation, Supply
from flrsim.plan import Operate, Plan
from flrsim.planner.draft import Draft
from flrsim.planner.shape import actions
from flrsim.resection.margin import Beside
from flrsim.results import EstimatedVolume, PlanResult
from flrsim.staging import HALF, StagedPlan, stage_plans
from flrsim.staging.marks import Mark
from flrsim.timeline import Timeline
from flrsim.volumetry import liver_intervals, segment_volumes, tlv_functional_ml

MOST_KEPT = 64
"""Results of one kind that are kept; beyond it those longest unused are made again when they are asked for."""

Value = TypeVar("Value")


@dataclass(frozen=True)
class _Made(Generic[Value]):
    """Something worked out, and the clinical numbers that were read for it."""

    value: Value
    used: tuple[str, ...]


class Workbench:
    """What is worked out of a case, kept between edits.

    A change of days, of the patient or of the chemotherapy moves no tissue: cut plans, territories and distances are
    used again. Results are those of `flrsim.comparison.compare`, to the last digit.

    Parameters
    ----------
    case : the liver; drafts of other livers belong on other benches.
    """

    def __init__(self, case: LiverCase, evidence: Evidence) -> None:
        self.case = case
        self.evidence = evidence
        self._kept: dict[str, OrderedDict[Hashable, _Made[Any]]] = {}
        self._marks: dict[str, Mark] = {}
        self._beside = Beside(case)
        self._lock = threading.RLock()

    def staged(self, plan: Plan) -> StagedPlan:
        """Return a plan carried out on the liver; other days of the same operations cut nothing anew."""
        return self._staged(plan, set())

    def compare(self, draft: Draft) -> Compared:
        """Return the plans of a draft side by side, as `flrsim.comparison.compare` does.

        Raises
        ------
        PlanError
            When there is no plan, or one that cannot be carried out.
        """
        return self._compared(draft, with_lesions=True)

    def what_if(self, draft: Draft) -> Compared:
        """Return the same without the facts of the lesions themselves, such as what clearing each would cost.

        These take longest, hang on margins and body size, and are nothing of the plans.
        """
        return self._compared(draft, with_lesions=False)

    def _compared(self, draft: Draft, *, with_lesions: bool) -> Compared:
        if not draft.plans:
            raise PlanError("there is no plan to compare; add one")
        case = self._now(draft)
        used: set[str] = set()
        telv = self._keep("telv", draft.patient, lambda e: telv_table(case, e), used)
        plans = in_families(draft.plans)
        liver = self._liver(case, telv, tuple(wedge_margins(plans)) if with_lesions else None, used)
        circulation = self._keep("circulation", None, lambda _: Circulation.of(self.case), used)
        functional = tlv_functional_ml(case)
        staged = [self._staged(plan, used) for plan in plans]
        scenes = [Scene(self._supply(one, circulation, used), telv, functional) for one in staged]
        played = [
            self._played(draft, case, one, scene, used) for one, scene in zip(staged, scenes, strict=True)
        ]
        view = self.evidence.recording()
        for name in sorted(used):
            _ = view[name]
        return side_by_side(case, staged, played, liver, scenes[0], view, seed=draft.seed, draws=draft.draws)

    def _liver(
        self,
        case: LiverCase,
        telv: tuple[EstimatedVolume, ...],
        margins: tuple[float, ...] | None,
        used: set[str],
    ) -> MeasuredLiver:
        """Return what is measured of the liver itself; without margins no lesion's facts."""
        segments = self._keep("segments", None, lambda e: segment_volumes(case, e), used)
        errors = self._keep("errors", None, lambda e: liver_intervals(case, e), used)
        if margins is None:
            return MeasuredLiver(segments, (), *errors)
        size = threshold_telv_ml(telv)
        lesions = self._keep(
            "lesions",
            (size, margins),
            lambda e: lesion_facts(case, e, telv_ml=size, margins_mm=margins),
            used,
        )
        return MeasuredLiver(segments, lesions, *errors)

    def _supply(self, staged: StagedPlan, circulation: Circulation, used: set[str]) -> Supply:
        return self._keep(
            "supply", cuts_of(staged.plan), lambda _: Supply.of(circulation, staged.pieces), used
        )

    def _played(
        self, draft: Draft, case: LiverCase, staged: StagedPlan, scene: Scene, used: set[str]
    ) -> tuple[PlanResult, Timeline | None]:
        def play(evidence: Evidence) -> tuple[PlanResult, Timeline | None]:
            check_cycles(staged.plan, evidence)
            return judge_staged(
                case,
                staged,
                scene,
                check_plan(staged.plan, case),
                evidence,
                seed=draft.seed,
                draws=draft.draws,
                modifiers_off=draft.off,
            )

        key = (staged.plan, draft.patient, draft.history, draft.seed, draft.draws, draft.off)
        return self._keep("played", key, play, used)

    def _staged(self, plan: Plan, used: set[str]) -> StagedPlan:
        made = self._keep(
            "staged",
            cuts_of(plan),
            lambda e: stage_plans(self.case, [plan], e, marks=self._marks, beside=self._beside)[0],
            used,
        )
        return made if made.plan == plan else _on_other_days(made, plan, self.case)

    def _now(self, draft: Draft) -> LiverCase:
        """Return the case with the patient and history of a draft; what was measured of its liver goes along."""
        case = replace(self.case, patient=draft.patient, history=draft.history)
        vars(case)["contact_cm2"] = self.case.contact_cm2
        return case

    def _keep(self, kind: str, key: Hashable, make: Callable[[Evidence], Value], used: set[str]) -> Value:
        """Return what is kept under a key, made if it is not there; note the numbers that were read for it."""
        with self._lock:
            kept = self._kept.setdefault(kind, OrderedDict())
            if key not in kept:
                view = self.evidence.recording()
                value = make(view)
                kept[key] = _Made(value, view.used)
                while len(kept) > MOST_KEPT:
                    kept.popitem(last=False)
            kept.move_to_end(key)
            found: _Made[Value] = kept[key]
            used.update(found.used)
            return found.value


def cuts_of(plan: Plan) -> Hashable:
    """Return what decides which tissue goes in which operation: all but days and names."""
    return (actions(plan), plan.caudate)


def _on_other_days(made: StagedPlan, plan: Plan, case: LiverCase) -> StagedPlan:
    """Return a plan that was carried out with the days and the stimuli of another of the same operations.

    Raises
    ------
    PlanError
        When a stimulus takes the inflow of a segment of which more stays than goes.
    """
    operations = tuple(
        replace(op, day=step.day) for op, step in zip(made.operations, plan.operations, strict=True)
    )
    staged = replace(made, plan=plan, operations=operations)
    free = any(isinstance(s.action, Operate) and s.action.free for s in plan.operations)
    whole = case.parenchyma_ml
    kept = {s for s, ml in staged.flr_ml.items() if ml > HALF * whole[s]} if free else set[str]()
    check_inflow(plan, case.grid.segments, kept)
    return staged
