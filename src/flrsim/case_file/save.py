"""A planning session back into its ``case.toml``: plans, patient and treatments anew, all else as the user wrote it."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from flrsim.case_file.plans import as_toml, plan_of, plan_table, plan_toml
from flrsim.case_file.schema import CaseFile, PatientTable, PlanTable, TreatmentTable
from flrsim.case_file.wording import wording
from flrsim.errors import CaseError, PlanError
from flrsim.patient import LiverCondition, Patient, Treatment, TumourBiology
from flrsim.plan import Operate, Plan

HEADER = re.compile(r"\s*\[{1,2}[A-Za-z0-9_.\"' -]+\]{1,2}\s*(#.*)?$")
NAME = re.compile(r"\s*name\s*=")


def check_writable(plan: Plan) -> None:
    """Raise when a plan could not be read back from the ``[[plan]]`` table that would be written of it."""
    bare = dataclasses.replace(
        plan,
        steps=tuple(
            dataclasses.replace(s, action=dataclasses.replace(s.action, sheet=()))
            if isinstance(s.action, Operate)
            else s
            for s in plan.steps
        ),
    )
    try:
        PlanTable.model_validate(_listed(plan_table(bare)))
    except ValidationError as error:
        raise PlanError(f'plan "{plan.name}": {wording(error)}') from None


def patient_of(table: dict[str, Any]) -> Patient:
    """Return the patient of a ``[patient]`` table, with its ``liver`` and ``tumour``; None says *not known*.

    Raises
    ------
    CaseError
        When a key is unknown, missing, or beyond what it can be.
    """
    known = {k: v for k, v in table.items() if v is not None}
    for part in ("liver", "tumour"):
        if part in known:
            known[part] = {k: v for k, v in known[part].items() if v is not None}
    try:
        given = PatientTable.model_validate(known)
    except ValidationError as error:
        raise CaseError(wording(error)) from None
    return Patient(
        **given.model_dump(exclude={"liver", "tumour"}),
        liver=LiverCondition(**given.liver.model_dump()),
        tumour=TumourBiology(**given.tumour.model_dump()),
    )


def treatment_of(table: dict[str, Any]) -> Treatment:
    """Return the treatment of a ``[[treatment]]`` table."""
    try:
        return Treatment(**TreatmentTable.model_validate(table).model_dump())
    except ValidationError as error:
        raise CaseError(wording(error)) from None


@dataclass(frozen=True)
class Limit:
    """What a key of ``[patient]`` can be: one of some words, yes or no, or a number between two."""

    kind: str
    low: float | None = None
    high: float | None = None
    words: tuple[str, ...] = ()


def patient_limits() -> dict[str, Limit]:
    """Return what every key of ``[patient]`` can be, e.g. of ``height_cm`` and ``liver.fibrosis``."""
    schema = PatientTable.model_json_schema()
    out: dict[str, Limit] = {}
    for name, entry in schema["properties"].items():
        if "$ref" in entry:
            part = schema["$defs"][entry["$ref"].rpartition("/")[2]]
            out |= {f"{name}.{k}": _limit(e) for k, e in part["properties"].items()}
        else:
            out[name] = _limit(entry)
    return out


def _limit(entry: dict[str, Any]) -> Limit:
    first: dict[str, Any] = next((e for e in entry.get("anyOf", ()) if e.get("type") != "null"), entry)
    if "enum" in first:
        return Limit("words", words=tuple(first["enum"]))
    low = first.get("minimum", first.get("exclusiveMinimum"))
    return Limit(first["type"], low, first.get("maximum", first.get("exclusiveMaximum")))


def saved(
    text: str,
    plans: Sequence[Plan],
    patient: Patient | None,
    history: Sequence[Treatment],
    *,
    before: tuple[Sequence[Plan], Patient | None, Sequence[Treatment]],
) -> str:
    """Return the text of a ``case.toml`` with these plans, patient and treatments.

    Tables that say the same as before stay as they were written, comments and all, and so does everything else. The new
    text is read again before it is returned: what it says must be what was asked.

    Parameters
    ----------
    text : the file as it is.
    before : plans, patient and history that were read from it.

    Raises
    ------
    CaseError
        When the file writes these tables in a way that cannot be replaced.
    """
    if (tuple(plans), patient, tuple(history)) == (tuple(before[0]), before[1], tuple(before[2])):
        return text
    text_of_tables, foot = _footed(text)
    head, blocks = _blocks(text_of_tables)
    was_plans, was_patient, was_history = before
    of = {key: _grouped([b for b in blocks if b.key == key]) for key in ("patient", "treatment", "plan")}
    told: dict[str, list[str]] = {"patient": ["".join(of["patient"])], "treatment": of["treatment"]}
    if patient != was_patient:
        told["patient"] = [] if patient is None else [_comments(of["patient"]) + _patient_toml(patient)]
    if tuple(history) != tuple(was_history):
        above = _comments(of["treatment"])
        told["treatment"] = [above * (n == 0) + _treatment_toml(t) for n, t in enumerate(history)]
    written = list(zip(was_plans, of["plan"], strict=False))
    told["plan"] = [_plan_text(plan, written) for plan in plans]
    new = head
    for block in blocks:
        if block.key not in of:
            new = _joined(new, block.text)
        else:  # all tables of one kind stand where the first of them stood
            for part in told.pop(block.key, ()):
                new = _joined(new, part)
    for parts in told.values():
        for part in parts:
            new = _joined(new, part)
    new = _joined(new, foot)
    _check(text, new, plans, patient, history)
    return new


@dataclass(frozen=True)
class _Block:
    """One table with what stands above it: `key` is the first part of its name."""

    key: str
    opens: bool
    text: str


def _footed(text: str) -> tuple[str, str]:
    """Return a text without the comments that stand below its last line, and these."""
    lines = text.splitlines(keepends=True)
    end = len(lines)
    while end and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1
    foot = "".join(lines[end:])
    return ("".join(lines[:end]), foot.lstrip("\n")) if foot.strip() else (text, "")


def _blocks(text: str) -> tuple[str, list[_Block]]:
    """Return what stands before the first table, and the tables; comments right above a table belong to it."""
    lines = text.splitlines(keepends=True)
    starts = [i for i, line in enumerate(lines) if HEADER.match(line)]
    tops = []
    for i in starts:
        top = i
        while top > 0 and lines[top - 1].lstrip().startswith("#"):
            top -= 1
        tops.append(top)
    blocks = []
    for start, top, end in zip(starts, tops, [*tops[1:], len(lines)], strict=True):
        name = lines[start].strip().lstrip("[").partition("]")[0].strip()
        blocks.append(_Block(name.partition(".")[0].strip("\"' "), "." not in name, "".join(lines[top:end])))
    return "".join(lines[: tops[0]] if tops else lines), blocks


def _grouped(blocks: Sequence[_Block]) -> list[str]:
    """Return each table with its own sub-tables, e.g. a plan with its steps."""
    out: list[str] = []
    for block in blocks:
        if block.opens or not out:
            out.append(block.text)
        else:
            out[-1] += block.text
    return out


def _joined(text: str, part: str) -> str:
    """Return a text with one more table; a blank line goes between what was not written side by side."""
    if not text or text.endswith("\n\n") or not part or part.startswith("[[plan.step"):
        return text + part
    return (text if text.endswith("\n") else text + "\n") + ("" if text.endswith("\n\n") else "\n") + part


def _comments(texts: Sequence[str]) -> str:
    """Return the comments above the first of some tables, which stay when the table is written anew."""
    above = []
    for line in (texts[0] if texts else "").splitlines():
        if not line.lstrip().startswith("#"):
            break
        above.append(line)
    return "".join(f"{line}\n" for line in above)


def _plan_text(plan: Plan, written: Sequence[tuple[Plan, str]]) -> str:
    """Return a plan's table: as it was written where it says the same, else anew."""
    for was, block in written:
        if was == plan:
            return block
    for was, block in written:
        # A sheet lives in a file that only the table as it was written names.
        if dataclasses.replace(was, name=plan.name) == plan and _has_sheet(plan):
            lines = block.splitlines()
            at = next(i for i, line in enumerate(lines) if NAME.match(line))
            lines[at] = f"name = {as_toml(plan.name)}"
            return "\n".join(lines)
    return plan_toml(plan)


def _has_sheet(plan: Plan) -> bool:
    return any(isinstance(s.action, Operate) and bool(s.action.sheet) for s in plan.steps)


def _patient_toml(patient: Patient) -> str:
    lines = ["[patient]"]
    body = {f.name: getattr(patient, f.name) for f in dataclasses.fields(patient)}
    parts = {name: body.pop(name) for name in ("liver", "tumour")}
    lines += [f"{k} = {as_toml(v)}" for k, v in body.items() if v is not None]
    for name, part in parts.items():
        known = {f.name: getattr(part, f.name) for f in dataclasses.fields(part)}
        rows = [f"{k} = {as_toml(v)}" for k, v in known.items() if v is not None]
        lines += ["", f"[patient.{name}]", *rows] if rows else []
    return "\n".join(lines)


def _treatment_toml(t: Treatment) -> str:
    return f"[[treatment]]\nregimen = {as_toml(t.regimen)}\ncycles = {t.cycles}\nlast_dose_day = {t.last_dose_day}\n"


def _listed(value: Any) -> Any:
    """Return a table as TOML reads it: lists, not tuples."""
    if isinstance(value, dict):
        return {k: _listed(v) for k, v in value.items()}
    return [_listed(v) for v in value] if isinstance(value, tuple | list) else value


def _check(
    old: str, new: str, plans: Sequence[Plan], patient: Patient | None, history: Sequence[Treatment]
) -> None:
    """Raise unless the new text says what was asked, and all else as before."""
    how = (
        "the plans cannot be put into this file as it is written; write [patient], [[treatment]] and [[plan]] as tables of "
        "their own at the starts of lines"
    )
    try:
        was, now = tomllib.loads(old), tomllib.loads(new)
        file = CaseFile.model_validate(now)
    except (tomllib.TOMLDecodeError, ValidationError):
        raise CaseError(how) from None
    rest = [{k: v for k, v in t.items() if k not in ("patient", "treatment", "plan")} for t in (was, now)]
    read = None if file.patient is None else patient_of(now["patient"])
    given = tuple(Treatment(t.regimen, t.cycles, t.last_dose_day) for t in file.treatment)
    names = [p.name for p in file.plan]
    same_plans = names == [p.name for p in plans] and all(
        _has_sheet(plan)
        or table == PlanTable.model_validate(_listed(plan_table(plan)))
        or _same_when_read(table, plan)
        for table, plan in zip(file.plan, plans, strict=True)
    )
    if rest[0] != rest[1] or read != patient or given != tuple(history) or not same_plans:
        raise CaseError(how)


def _same_when_read(table: PlanTable, plan: Plan) -> bool:
    """Return whether a table that is written otherwise says the same, e.g. one name instead of a list of one."""

    def nowhere(key: str, name: str) -> Any:
        raise CaseError(f"{key} names the file {name}")

    return plan_of(table, nowhere) == plan
