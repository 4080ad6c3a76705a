"""Published results, one folder a study: what was done in each arm, and each printed number with its place.

A study is declared *calibration* or *validation* before anything is fitted; a fit never reads the numbers of a
validation study.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flrsim.errors import EvidenceError
from flrsim.evidence.arms import complaint
from flrsim.evidence.folder import iso_day, listing, open_folder, read_text, read_toml
from flrsim.evidence.printed import COLUMNS, PrintedNumber, read_number, unknown_repeats, without_sd
from flrsim.evidence.records import read_references

SPLITS = ("calibration", "validation")
"""What a study is for."""

_KEYS = {"source", "also", "negative", "title", "split", "why", "read", "assumptions", "arm"}
_NEEDED = ("source", "title", "split", "why")
_FILES = {"study.toml", "numbers.csv"}


@dataclass(frozen=True)
class Study:
    """One published study.

    Attributes
    ----------
    key : name of its folder.
    source : key in the reference list.
    also : keys of further reports of the study.
    negative : by the id of a row, what it shows to make no, or hardly any, difference.
    split : calibration or validation; `why` gives the reason.
    read : day on which it was read, ``2026-11-25``; empty when it was not noted.
    arms : by name, what is known of the arm (keys in `flrsim.evidence.arms.ARM_KEYS`) and, under ``assumed``, which of
        these keys the paper does not state.
    assumptions : why the assumed keys are what they are, one text for the study and one for each arm that has one.
    """

    key: str
    source: str
    title: str
    split: str
    why: str
    read: str
    arms: Mapping[str, Mapping[str, Any]]
    assumptions: tuple[str, ...]
    also: tuple[str, ...]
    negative: Mapping[str, str]
    numbers: tuple[PrintedNumber, ...]


def load_trials(folder: Path | None = None) -> tuple[Study, ...]:
    """Return the studies of ``trials/*/``, by name; none where there is no such folder.

    Parameters
    ----------
    folder
        Holds ``trials/`` and ``references.bib``; None reads the package's own.

    Raises
    ------
    EvidenceError
        Naming file and row, when anything is missing, unknown or impossible.
    """
    root = open_folder(folder)
    if not (root / "trials").is_dir():
        return ()
    references = read_references(read_text(root / "references.bib"), where="references.bib")
    return tuple(read_study(study, references) for study in listing(root / "trials"))


def trials_digest(folder: Path | None = None) -> str:
    """Return the SHA-256 of every file of the studies, names included, so that a result can name its data."""
    root, total = open_folder(folder), hashlib.sha256()
    studies = listing(root / "trials") if (root / "trials").is_dir() else []
    for study in studies:
        for file in listing(study):
            content = file.read_bytes()
            total.update(f"{study.name}/{file.name} {len(content)}\n".encode())
            total.update(content)
    return total.hexdigest()


def read_study(study: Traversable, references: Collection[str]) -> Study:
    """Return the study of one folder, checked against the keys of the reference list."""
    found = {entry.name for entry in listing(study)} if study.is_dir() else {study.name}
    if found != _FILES:
        raise EvidenceError(
            f"trials/{study.name} holds {', '.join(sorted(found)) or 'nothing'}; a study is a folder with "
            "study.toml and numbers.csv and nothing else"
        )
    where = f"trials/{study.name}/study.toml"
    table = read_toml(study / "study.toml", where=where)

    def refuse(what: str) -> EvidenceError:
        return EvidenceError(f"{where} {what}")

    unknown = sorted(set(table) - _KEYS)
    if unknown:
        raise refuse(f"has unknown keys {unknown}; keys are {', '.join(sorted(_KEYS))}")
    words = {key: table.get(key, "") for key in (*_NEEDED, "assumptions")}
    for key, text in words.items():
        if not isinstance(text, str) or (key in _NEEDED and not text.strip()):
            raise refuse(f"has {key} = {text!r}; words in quotes are needed")
    if words["split"] not in SPLITS:
        raise refuse(f'has the split "{words["split"]}"; splits are {", ".join(SPLITS)}')
    also = table.get("also", [])
    if not isinstance(also, list) or not all(isinstance(key, str) for key in also):
        raise refuse(f"has also = {also!r}; a list of keys of references.bib is needed")
    for key in (words["source"], *also):
        if key not in references:
            raise refuse(f'cites "{key}", which references.bib does not have')
    negative = table.get("negative", {})
    if not isinstance(negative, Mapping) or not all(
        isinstance(text, str) and text for text in negative.values()
    ):
        raise refuse(f"has negative = {negative!r}; a table of row ids with words in quotes is needed")
    read = iso_day(table["read"]) if "read" in table else ""
    if read is None:
        raise refuse(f"was read {table['read']!r}; a date like 2026-11-25, without quotes, is needed")
    arms, texts = _read_arms(table.get("arm"), words.pop("assumptions"), where)
    numbers = _read_numbers(study / "numbers.csv", f"trials/{study.name}/numbers.csv", arms)
    lost = sorted(set(negative) - {n.id for n in numbers})
    if lost:
        raise refuse(f"has negative findings of {', '.join(lost)}, which numbers.csv does not have")
    return Study(
        key=study.name, **words, read=read, arms=MappingProxyType(arms), assumptions=texts, also=tuple(also),
        negative=MappingProxyType(dict(negative)), numbers=numbers,
    )  # fmt: skip


def _read_arms(
    tables: Any, of_study: str, where: str
) -> tuple[dict[str, Mapping[str, Any]], tuple[str, ...]]:
    """Return the checked arms, and what is said of their assumptions."""
    if not isinstance(tables, Mapping) or not tables:
        raise EvidenceError(f"{where} has no arm; each arm is a table [arm.NAME]")
    arms: dict[str, Mapping[str, Any]] = {}
    texts = [of_study] if of_study else []
    for name, table in tables.items():

        def refuse(what: str, arm: str = name) -> EvidenceError:
            return EvidenceError(f'{where}: arm "{arm}" {what}')

        if not isinstance(table, Mapping):
            raise refuse(f"is {table!r}; an arm is a table [arm.{name}]")
        facts = {key: value for key, value in table.items() if key not in ("assumed", "assumptions")}
        wrong = complaint(facts)
        if wrong is not None:
            raise refuse(wrong)
        assumed, text = table.get("assumed", []), table.get("assumptions", "")
        if not isinstance(assumed, list) or not all(isinstance(key, str) and key in facts for key in assumed):
            raise refuse(f"assumes {assumed!r}; a list of keys that the arm has is needed")
        if not isinstance(text, str):
            raise refuse(f"has assumptions = {text!r}; words in quotes are needed")
        if assumed and not (text or of_study):
            raise refuse(f"assumes {', '.join(assumed)} and does not say why; add assumptions")
        if text:
            texts.append(f"{name}: {text}")
        arms[name] = MappingProxyType({**facts, "assumed": tuple(assumed)})
    return arms, tuple(texts)


def _read_numbers(
    file: Traversable, where: str, arms: Mapping[str, Mapping[str, Any]]
) -> tuple[PrintedNumber, ...]:
    """Return the checked rows of a table of printed numbers."""
    reader = csv.reader(io.StringIO(read_text(file), newline=""), strict=True)
    found: dict[str, PrintedNumber] = {}
    try:
        head = next(reader, [])
        if sorted(head) != sorted(COLUMNS):
            raise EvidenceError(
                f"{where} has the columns {', '.join(head) or 'none'}; it needs {', '.join(COLUMNS)}"
            )
        for cells in reader:
            row = f"{where} line {reader.line_num}"
            if len(cells) != len(head):
                raise EvidenceError(f"{row} has {len(cells)} cells; the header has {len(head)}")
            number = read_number(dict(zip(head, cells, strict=True)), row, arms)
            if number.id in found:
                raise EvidenceError(f'{row} repeats the id "{number.id}"; ids differ within a study')
            found[number.id] = number
    except csv.Error as error:
        raise EvidenceError(f"{where} line {reader.line_num} is not CSV: {error}") from error
    if not found:
        raise EvidenceError(f"{where} has no row; a study has at least one printed number")
    bare = without_sd(found.values())
    if bare is not None:
        raise EvidenceError(
            f'{where} ("{bare.id}") has an interval from_n, and no row gives the SD of its {bare.quantity} in arm '
            f'"{bare.arm}"'
            + (f' and in arm "{bare.against}"' if bare.against else "")
            + " on the same day; add the row of the SD or write none"
        )
    lost = unknown_repeats(found.values())
    if lost is not None:
        raise EvidenceError(
            f'{where} ("{lost.id}") repeats {", ".join(lost.repeats)}; ids of other rows of the study are needed'
        )
    return tuple(found.values())
