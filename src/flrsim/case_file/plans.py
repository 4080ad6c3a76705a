"""``[[plan]]`` tables to plans."""

from __future__ import annotations

from flrsim.case_file.schema import OperateTable, PlanTable
from flrsim.plan import Action, Occlude, Operate, Plan, Scan, Step, Wait
from flrsim.resection.plane import Plane


def plan_of(given: PlanTable) -> Plan:
    """Return the plan of a ``[[plan]]`` table."""
    steps = []
    for s in given.step:
        action: Action
        if s.operate is not None:
            action = _operate(s.operate)
        elif s.occlude is not None:
            action = Occlude(s.occlude.technique, s.occlude.portal)
        elif s.scan:
            action = Scan(s.flr_ml)
        else:
            action = Wait()
        steps.append(Step(s.day, action))
    return Plan(given.name, tuple(steps), given.caudate)


def _operate(given: OperateTable) -> Operate:
    def listed(names: str | tuple[str, ...]) -> tuple[str, ...]:
        return (names,) if isinstance(names, str) else names

    return Operate(
        resect=listed(given.resect),
        wedge=given.wedge,
        margin_mm=given.margin_mm,
        ablate=given.ablate,
        ablation_margin_mm=given.ablation_margin_mm,
        plane=tuple(Plane(p.point_mm, p.normal) for p in given.plane),
        within=listed(given.within),
    )
