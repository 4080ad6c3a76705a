"""``[[plan]]`` tables to plans, and back."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from flrsim.case_file.schema import OperateTable, PlanTable, SheetTable
from flrsim.errors import PlanError
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
    return Plan(given.name, tuple(steps), given.caudate, given.scan_day)


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


def plan_table(plan: Plan) -> dict[str, Any]:
    """Return a plan as its ``[[plan]]`` table: what is as by default is left out.

    Raises
    ------
    PlanError
        When the plan cuts along a sheet, which lives in a file of its own.
    """
    table: dict[str, Any] = {"name": plan.name}
    if plan.caudate != "stays":
        table["caudate"] = plan.caudate
    if plan.scan_day is not None:
        table["scan_day"] = plan.scan_day
    table["step"] = [_step(step, plan) for step in plan.steps]
    return table


def plan_toml(plan: Plan) -> str:
    """Return a plan as text that can be pasted into a ``case.toml``."""
    table = plan_table(plan)
    steps = table.pop("step")
    lines = ["[[plan]]", *(f"{key} = {as_toml(value)}" for key, value in table.items())]
    for step in steps:
        lines += ["[[plan.step]]", *(f"{key} = {as_toml(value)}" for key, value in step.items())]
    return "\n".join(lines) + "\n"


def _step(step: Step, plan: Plan) -> dict[str, Any]:
    action = step.action
    if isinstance(action, Scan):
        measured = {} if action.flr_ml is None else {"flr_ml": action.flr_ml}
        return {"day": step.day, "scan": True, **measured}
    if isinstance(action, Wait):
        return {"day": step.day, "wait": True}
    if isinstance(action, Operate) and action.sheet:
        raise PlanError(
            f'plan "{plan.name}", day {step.day}: a sheet is kept in a file of its own; copy the [[plan]] table that names it'
        )
    key = {Operate: "operate", Occlude: "occlude", Treat: "treat"}[type(action)]
    default = {f.name: f.default for f in dataclasses.fields(action)}
    given = {k: v for k, v in _fields(action).items() if v != default[k]}
    return {"day": step.day, key: given}


def _fields(action: Action) -> dict[str, Any]:
    """Return the fields of an action; planes as the tables that ``plane`` lists."""
    out = {f.name: getattr(action, f.name) for f in dataclasses.fields(action)}
    if isinstance(action, Operate):
        planes = action.plane
        out["plane"] = tuple({"point_mm": p.point_mm, "normal": p.normal} for p in planes)
    return out


def as_toml(value: Any) -> str:
    """Return a value as TOML writes it; tables stand in one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # JSON escapes all that TOML does, but for the delete character.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{k} = {as_toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return repr(value)
