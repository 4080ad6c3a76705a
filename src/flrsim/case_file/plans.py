"""``[[plan]]`` tables to plans."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from flrsim.case_file.schema import OperateTable, PlanTable, SheetTable
from flrsim.io.surfaces import read_raw_surface
from flrsim.plan import Action, Occlude, Operate, Plan, Scan, Step, Treat, Wait
from flrsim.resection.plane import Plane
from flrsim.resection.sheet import Sheet, bezier_sheet, sheet_of

Inside = Callable[[str, str], Path]
"""Key and file name → path, checked to lie in the case's folder."""


def plan_of(given: PlanTable, inside: Inside) -> Plan:
    """Return the plan of a ``[[plan]]`` table, with the sheets that its files hold."""
    steps = []
    for s in given.step:
        action: Action
        if s.operate is not None:
            action = _operate(s.operate, f'plan "{given.name}", day {s.day}', inside)
        elif s.occlude is not None:
            o = s.occlude
            action = Occlude(o.technique, o.portal, o.hepatic, o.agent)
        elif s.treat is not None:
            action = Treat(s.treat.regimen, s.treat.cycles)
        elif s.scan:
            action = Scan(s.flr_ml)
        else:
            action = Wait()
        steps.append(Step(s.day, action))
    return Plan(given.name, tuple(steps), given.caudate)


def _operate(given: OperateTable, where: str, inside: Inside) -> Operate:
    def listed(names: str | tuple[str, ...]) -> tuple[str, ...]:
        return (names,) if isinstance(names, str) else names

    return Operate(
        resect=listed(given.resect),
        wedge=given.wedge,
        margin_mm=given.margin_mm,
        ablate=given.ablate,
        ablation_margin_mm=given.ablation_margin_mm,
        territory=listed(given.territory),
        plane=tuple(Plane(p.point_mm, p.normal) for p in given.plane),
        sheet=tuple(_sheet(s, where, inside) for s in given.sheet),
        within=listed(given.within),
        with_primary=given.with_primary,
        thrombectomy=given.thrombectomy,
    )


def _sheet(given: SheetTable, where: str, inside: Inside) -> Sheet:
    if given.file is not None:
        raw = read_raw_surface(inside(f"{where}: sheet.file", given.file))
        raw = raw.triangulated().placed(frame=given.frame, unit=given.unit)
        return sheet_of(raw.points, raw.faces, given.goes, source=given.file)
    if given.bezier_mm is not None:
        control = np.array(given.bezier_mm, dtype=np.float64)
        return bezier_sheet(control, given.goes, source="the Bézier sheet")
    points = np.array(given.points_mm or (), dtype=np.float64).reshape(-1, 3)
    faces = np.array(given.faces or (), dtype=np.int64).reshape(-1, 3)
    return sheet_of(points, faces, given.goes, source="the sheet")
