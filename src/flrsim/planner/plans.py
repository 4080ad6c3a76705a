"""Plans of a draft as a whole: add, duplicate, rename, remove, select."""

from __future__ import annotations

from dataclasses import replace

from flrsim.errors import EditError
from flrsim.plan import Operate, Plan, Step, segments_of
from flrsim.planner.draft import Draft, refusing, with_plan


def add_plan(draft: Draft, plan: Plan) -> Draft:
    """Add a plan, e.g. a proposed one; a name that is taken gets a number."""
    return with_plan(draft, replace(plan, name=_free_name(draft, plan.name)), "add plan")


def add_resection(draft: Draft, resection: str) -> Draft:
    """Add a plan of one resection at once, to be edited from there."""
    with refusing("add plan"):
        segments_of((resection,), draft.case.grid.segments)
    title = resection.replace("_", " ")
    return add_plan(draft, Plan(f"{title} at once", (Step(0, Operate(resect=(resection,))),)))


def duplicate_plan(draft: Draft, name: str) -> Draft:
    """Add a copy of a plan right after it, and select it."""
    plan = draft.named(name)
    copy = replace(plan, name=_free_name(draft, f"{name}, copy"))
    at = draft.plans.index(plan) + 1
    return replace(draft, plans=(*draft.plans[:at], copy, *draft.plans[at:]), selected=copy.name)


def rename_plan(draft: Draft, name: str, new: str) -> Draft:
    """Give a plan another name."""
    plan, new = draft.named(name), new.strip()
    if new != name and any(p.name == new for p in draft.plans):
        raise EditError("rename plan", f'there is a plan "{new}" already; names differ')
    return with_plan(draft, replace(plan, name=new), "rename plan", instead_of=name)


def remove_plan(draft: Draft, name: str) -> Draft:
    """Remove a plan; the one before it is selected."""
    at = draft.plans.index(draft.named(name))
    plans = draft.plans[:at] + draft.plans[at + 1 :]
    if not plans:
        raise EditError("remove plan", f'"{name}" is the only plan; add another before it is removed')
    return replace(draft, plans=plans, selected=plans[max(at - 1, 0)].name)


def select_plan(draft: Draft, name: str) -> Draft:
    """Edit another plan."""
    return replace(draft, selected=draft.named(name).name)


def _free_name(draft: Draft, name: str) -> str:
    """Return the name, with a number where a plan has it already."""
    taken, free, n = {p.name for p in draft.plans}, name, 1
    while free in taken:
        n += 1
        free = f"{name} {n}"
    return free
