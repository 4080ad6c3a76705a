"""One browser tab's planning session: what a control asks for, made or refused; saved; nothing of a browser in it."""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flrsim.case import LiverCase
from flrsim.case_file.save import saved
from flrsim.comparison import Compared
from flrsim.errors import EditError, FileError, FlrsimError
from flrsim.evidence import Evidence
from flrsim.patient import Patient, Treatment
from flrsim.plan import Plan
from flrsim.planner import (
    Cycles,
    Draft,
    Steps,
    Workbench,
    add_plan,
    add_resection,
    assign_lesion,
    assign_resection,
    assign_segment,
    course_of_history,
    duplicate_plan,
    remove_plan,
    rename_plan,
    select_plan,
    set_ablation_margin,
    set_before,
    set_between,
    set_draws,
    set_formula,
    set_history,
    set_interval,
    set_margin,
    set_patient,
    set_penalty,
    set_resection_day,
    set_scan_day,
    set_seed,
    set_segment_4,
    set_technique,
    shape_of,
)

MOST_NAME = 120
FILE_NAME = re.compile(rf"(?=.{{1,{MOST_NAME}}}$)\w[\w ().-]*\.toml")
LOOKS = ("select plan",)
"""Controls that change what is shown and nothing of the plans: there is nothing to undo."""


@dataclass
class CaseText:
    """The case file as it was read last: what it says of plans, patient and history, and its text."""

    path: Path
    text: str
    plans: tuple[Plan, ...]
    patient: Patient | None
    history: tuple[Treatment, ...]

    @classmethod
    def read(cls, path: Path, case: LiverCase, plans: tuple[Plan, ...]) -> CaseText:
        """Keep the file from which a case and its plans were read."""
        path = path / "case.toml" if path.is_dir() else path
        return cls(path, path.read_text(encoding="utf-8"), plans, case.patient, case.history)


@dataclass
class Session:
    """A draft with its undo, the bench that judges it, and the file it is saved to.

    Attributes
    ----------
    file : what is edited: the case file as it was read, or as it was written last.
    known : every file of the folder that was read or written here, by name; these may be written over.
    refusals : why the last edit of a control was not made, by control.
    """

    bench: Workbench
    evidence: Evidence
    steps: Steps[Draft]
    file: CaseText
    proposals: tuple[Plan, ...] = ()
    refusals: dict[str, str] = field(default_factory=dict)
    known: dict[str, CaseText] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Know the file that was read."""
        self.known.setdefault(self.file.path.name, self.file)

    @property
    def draft(self) -> Draft:
        """The draft as it stands."""
        return self.steps.now

    def edit(self, control: str, *values: Any) -> bool:
        """Make an edit; return whether it was made. The reason why not stands in `refusals` under the control."""
        key = refusal_key(control, values)
        self.refusals = {}
        try:
            if control not in EDITS:
                raise EditError(control, f'there is no control "{control}"')
            draft = EDITS[control](self, *values)
            self.steps = self.steps.look(draft) if control in LOOKS else self.steps.do(draft)
        except FlrsimError as error:
            self.refusals = {key: error.sentence}
            return False
        return True

    def undo(self) -> None:
        """Go one edit back."""
        self.refusals, self.steps = {}, self.steps.undo()

    def redo(self) -> None:
        """Go one edit forward again."""
        self.refusals, self.steps = {}, self.steps.redo()

    def judge(self) -> Compared:
        """Return what the draft gives, for the page."""
        return self.bench.what_if(self.draft)

    def save(self, name: str) -> Path:
        """Write the draft as a case file: over one that was read or written here, or under a new name beside it.

        Raises
        ------
        FileError
            When the name leaves the folder, is another file's, or another hand changed the file in the meantime.
        CaseError
            When the file is written in a way in which the plans cannot be put.
        """
        if not FILE_NAME.fullmatch(name):
            raise FileError(
                f'"{name[:MOST_NAME]}" is no name of a case file in this folder; give letters, digits, spaces, - or _, then .toml, '
                f"at most {MOST_NAME} characters, and no folder"
            )
        target = self.file.path.with_name(name)
        base = self.known.get(name)
        if base is None and target.exists():
            raise FileError(
                f"{name} is there already, and was neither read nor written here; give a new name"
            )
        if base is not None and target.exists() and target.read_text(encoding="utf-8") != base.text:
            raise FileError(
                f"{name} was changed on disk since it was read or saved here, and that change would be lost; save under "
                "another name, or start flrsim serve again to plan with what the file says now"
            )
        # Each file keeps its own comments and tables; a new one takes them from the file that is edited.
        base = base or self.file
        d = self.draft
        text = saved(
            base.text, d.plans, d.patient, d.history, before=(base.plans, base.patient, base.history)
        )
        # A file that is half written would be worse than one that is not: it is put in place whole.
        part = target.with_name(f".{name}.part")
        try:
            part.write_text(text, encoding="utf-8")
            os.replace(part, target)
        except OSError as error:
            with contextlib.suppress(OSError):  # what was begun of it, if anything
                part.unlink()
            raise FileError(
                f"{name} cannot be written: {error.strerror}; free some room there, or allow writing"
            ) from None
        self.file = self.known[name] = CaseText(target, text, d.plans, d.patient, d.history)
        return target


def refusal_key(control: str, values: tuple[Any, ...]) -> str:
    """Return under which key a control's refusal is shown: those of which there are many add which one."""
    many = ("segment", "lesion", "patient", "history", "penalty")
    return f"{control} {values[0]}" if control in many and values else control


def _number(value: Any, control: str, kind: Callable[[Any], Any] = float) -> Any:
    try:
        number = kind(value)
        if math.isfinite(number):
            return number
        raise ValueError
    except (TypeError, ValueError):
        needed = "a whole number" if kind is int else "a number"
        found = "nothing was entered" if value in (None, "") else f'"{value}" is no number'
        raise EditError(control, f"{found}; give {needed}") from None


def _whole(value: Any, control: str) -> int:
    number: float = _number(value, control)
    if number != int(number):
        raise EditError(control, f"{number:g} is no whole number; give one")
    return int(number)


def _course(was: Cycles | None, part: str, value: Any, control: str) -> Cycles | None:
    """Return a course of chemotherapy with one part changed; no regimen takes it away."""
    if part == "regimen":
        if not value or value == "none":
            return None
        return Cycles(str(value), 1, 4.0) if was is None else Cycles(str(value), was.cycles, was.weeks_off)
    if was is None:
        raise EditError(control, "choose the regimen first")
    if part == "cycles":
        return Cycles(was.regimen, _whole(value, control), was.weeks_off)
    return Cycles(was.regimen, was.cycles, _number(value, control))


def _history(s: Session, number: Any, part: str, value: Any) -> Draft:
    n = _whole(number, "history")
    was = course_of_history(s.draft.history[n]) if n < len(s.draft.history) else None
    return set_history(s.draft, n, _course(was, part, value, "history"))


def _patient(s: Session, name: str, value: Any) -> Draft:
    """Change one thing known of the patient; an empty field is not known, an empty list is none."""
    key, _, within = name.partition(".")
    part = f"{key}__{within}" if within else key
    return set_patient(s.draft, **{part: tuple(value) if isinstance(value, list) else _known(value)})


def _known(value: Any) -> str | bool | float | None:
    known: str | bool | float | None = {"": None, "not known": None, "yes": True, "no": False}.get(
        value, value
    )
    if isinstance(known, str):
        try:
            known = float(known)
        except ValueError:  # a word, and which words there are the case file knows
            pass
    return known


def _new_patient(s: Session, known: Mapping[str, Any]) -> Draft:
    """Give a case without a patient one: what every patient needs, all at once."""
    if s.draft.patient is not None:
        raise EditError("add patient", "the case has a patient; change what is known of it field by field")
    if not known.get("disease"):  # a file may leave it out; nobody is asked and then answered for
        raise EditError("add patient", "disease is missing; choose one")
    return set_patient(s.draft, **{name: _known(value) for name, value in known.items()})


def _add(s: Session, name: str) -> Draft:
    proposed = next((p for p in s.proposals if p.name == name), None)
    return add_resection(s.draft, name) if proposed is None else add_plan(s.draft, proposed)


def _rename(s: Session, name: Any) -> Draft:
    if len(str(name)) > MOST_NAME:
        raise EditError("rename plan", f"the name has {len(str(name))} characters; give at most {MOST_NAME}")
    return rename_plan(s.draft, s.draft.selected, str(name))


def _between(s: Session, part: str, value: Any) -> Draft:
    was = shape_of(s.draft.plan, s.draft.case, s.evidence).between
    return set_between(s.draft, s.evidence, _course(was, part, value, "between"))


def _before(s: Session, part: str, value: Any) -> Draft:
    was = shape_of(s.draft.plan, s.draft.case, s.evidence).before
    return set_before(s.draft, s.evidence, _course(was, part, value, "before"))


def _lesion(s: Session, name: str, choice: str) -> Draft:
    kind, _, stage = choice.partition(" ")
    return assign_lesion(s.draft, s.evidence, s.bench, name, kind, int(stage or 0))


EDITS: Mapping[str, Callable[..., Draft]] = {
    "select plan": lambda s, name: select_plan(s.draft, name),
    "add plan": _add,
    "duplicate plan": lambda s: duplicate_plan(s.draft, s.draft.selected),
    "rename plan": _rename,
    "remove plan": lambda s: remove_plan(s.draft, s.draft.selected),
    "segment": lambda s, name, stage: assign_segment(
        s.draft, s.evidence, s.bench, name, _whole(stage, "segment")
    ),
    "resection": lambda s, name, stage: assign_resection(
        s.draft, s.evidence, s.bench, name, _whole(stage, "resection")
    ),
    "lesion": _lesion,
    "technique": lambda s, name: set_technique(s.draft, s.evidence, name),
    "segment_4": lambda s, closed: set_segment_4(s.draft, s.evidence, bool(closed)),
    "interval_days": lambda s, days: set_interval(s.draft, s.evidence, _whole(days, "interval_days")),
    "scan_day": lambda s, day: set_scan_day(s.draft, s.evidence, _whole(day, "scan_day")),
    "resection_day": lambda s, day: set_resection_day(s.draft, s.evidence, _whole(day, "resection_day")),
    "between": _between,
    "before": _before,
    "margin_mm": lambda s, mm: set_margin(s.draft, s.evidence, s.bench, _number(mm, "margin_mm")),
    "ablation_margin_mm": lambda s, mm: set_ablation_margin(
        s.draft, s.evidence, s.bench, _number(mm, "ablation_margin_mm")
    ),
    "add patient": _new_patient,
    "patient": _patient,
    "history": _history,
    "formula": lambda s, name: set_formula(s.draft, name),
    "penalty": lambda s, cause, on: set_penalty(s.draft, cause, bool(on)),
    "draws": lambda s, n: set_draws(s.draft, _whole(n, "draws")),
    "seed": lambda s, n: set_seed(s.draft, _whole(n, "seed")),
}
"""What each control of the page does, by its name."""
