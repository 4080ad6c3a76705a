"""The patient, the liver's condition and the treatments before, as they can be changed in a draft."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from typing import Any

from flrsim.case_file.save import patient_of, treatment_of
from flrsim.errors import EditError
from flrsim.patient import Patient, Treatment
from flrsim.planner.draft import Draft, refusing
from flrsim.planner.shape import DAYS_PER_WEEK, Cycles
from flrsim.regimens import drugs


def set_patient(draft: Draft, **known: Any) -> Draft:
    """Change what is known of the patient; None says *not known*.

    Parameters
    ----------
    known : fields of the patient; fields of the liver and of the tumour with ``liver__`` and ``tumour__`` before them.
    """
    control = ", ".join(name.replace("__", ".") for name in known)
    table = {} if draft.patient is None else _table(draft.patient)
    for name, value in known.items():
        part, _, key = name.partition("__")
        if key:
            table.setdefault(part, {})[key] = value
        else:
            table[name] = value
    with refusing(control):
        return replace(draft, patient=patient_of(table))


def set_history(draft: Draft, number: int, course: Cycles | None) -> Draft:
    """Change one course of treatment before the plan, remove it, or add one at the end.

    Parameters
    ----------
    number : which one, from 0; the number of courses adds one.
    course : None removes it; its weeks off end on day 0.
    """
    control = f"treatment {number + 1}"
    if not 0 <= number <= len(draft.history):
        raise EditError(control, f"there are {len(draft.history)} treatments; this one is not among them")
    kept = list(draft.history[:number]), list(draft.history[number + 1 :])
    if course is None:
        return replace(draft, history=(*kept[0], *kept[1]))
    with refusing(control):
        drugs(course.regimen)
        given = treatment_of(
            {
                "regimen": course.regimen,
                "cycles": course.cycles,
                "last_dose_day": -round(course.weeks_off * DAYS_PER_WEEK),
            }
        )
    return replace(draft, history=(*kept[0], given, *kept[1]))


def course_of_history(given: Treatment) -> Cycles:
    """Return a course of the history as its controls show it."""
    return Cycles(given.regimen, given.cycles, -given.last_dose_day / DAYS_PER_WEEK)


def _table(patient: Patient) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return value

    table: dict[str, Any] = plain(patient)
    return table
