"""A parameter folder with some numbers changed and everything else, words and order, as it was."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path

from flrsim.errors import EvidenceError, FileError
from flrsim.evidence.folder import open_folder, read_text
from flrsim.evidence.loader import load_evidence, parameter_files
from flrsim.evidence.records import Parameter

_DIGITS = 3
"""Significant digits of a written value: more would claim more than a fit knows."""


@dataclass(frozen=True)
class Change:
    """What a record becomes: a calibrated value, how it came about, and a source where it had none."""

    value: float
    note: str
    source: str
    where: str


def write_set(folder: Path, changes: Mapping[str, Change], *, name: str, origin: Path | None = None) -> None:
    """Write a folder that `load_evidence` reads: the parameters with `changes`, and the reference list.

    Parameters
    ----------
    folder
        New folder.
    origin
        Folder whose parameters are copied; None takes the package's own.

    Raises
    ------
    FileError
        When the folder is there already.
    EvidenceError
        When an id is nowhere.
    """
    if folder.exists():
        raise FileError(f"{folder} is there already; name a new folder")
    root = open_folder(origin)
    evidence = load_evidence(origin)
    lost = sorted(set(changes) - set(evidence.ids()))
    if lost:
        raise EvidenceError(f"there is no number {', '.join(lost)} to change")
    (folder / "parameters").mkdir(parents=True)
    for file in parameter_files(root):
        text = read_text(file)
        for id, change in changes.items():
            text = rewritten(text, evidence[id], change)
        (folder / "parameters" / file.name).write_text(text, encoding="utf-8")
    head = f"name = {json.dumps(name)}\nreleased = false\n"
    (folder / "parameters" / "set.toml").write_text(head, encoding="utf-8")
    _copy(root / "references.bib", folder / "references.bib")


def rewritten(text: str, old: Parameter, change: Change) -> str:
    """Return the text of a parameter file with one record changed; as it was when the record is in another file."""
    found = re.search(rf"(?ms)^\[{re.escape(old.id)}\]$.*?(?=^\[|\Z)", text)
    if found is None:
        return text
    block = found.group(0)
    note = (
        f"{change.note} Before: {old.value:g}; {old.note}"
        if old.note
        else f"{change.note} Before: {old.value:g}."
    )
    block = _line(block, "value", f"{change.value:.{_DIGITS}g}")
    block = _line(block, "kind", '"calibrated"')
    block = _line(block, "note", json.dumps(note, ensure_ascii=False))
    if not old.source:
        block = _line(block, "source", f'{{ key = "{change.source}", where = {json.dumps(change.where)} }}')
    return text[: found.start()] + block + text[found.end() :]


def _line(block: str, key: str, value: str) -> str:
    """Return a record with one key set, in place or at its end."""
    line = f"{key} = {value}"
    if re.search(rf"(?m)^{key} = ", block):
        return re.sub(rf"(?m)^{key} = .*$", lambda _: line, block, count=1)
    body = block.rstrip("\n")
    return f"{body}\n{line}\n" + block[len(body) + 1 :]


def _copy(file: Traversable, to: Path) -> None:
    to.write_text(read_text(file), encoding="utf-8")
