"""Rules of stage IV disease: what outside the liver allows, warns of or forbids a plan, each with its source."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flrsim.errors import EvidenceError
from flrsim.evidence.folder import iso_day, open_folder, read_text, read_toml
from flrsim.evidence.records import read_references

FILE = "disease_rules.toml"

ANSWERS = ("allows", "warns", "forbids")
"""What a rule says to a plan."""

_KEYS = {"id", "answer", "when", "sentence", "source"}
_SOURCE_KEYS = {"key", "where", "read"}


@dataclass(frozen=True)
class DiseaseRule:
    """One rule about disease outside the liver.

    Attributes
    ----------
    answer : allows, warns or forbids.
    when : the finding that brings the rule up.
    sentence : what is said to the reader.
    source, where, read : key in the reference list, place in the source, day it was read (empty: not noted).
    verified : False for a rule that is recalled: it is shown, does not enter a verdict, and may lack a source.
    """

    id: str
    answer: str
    when: str
    sentence: str
    source: str
    where: str
    read: str
    verified: bool = True


def load_disease_rules(folder: Path | None = None) -> tuple[DiseaseRule, ...]:
    """Return the rules of ``disease_rules.toml`` in the file's order; none where there is no such file.

    Parameters
    ----------
    folder
        Holds ``disease_rules.toml`` and ``references.bib``; None reads the package's own.

    Raises
    ------
    EvidenceError
        Naming the rule, when anything is missing, unknown or given twice.
    """
    root = open_folder(folder)
    if not (root / FILE).is_file():
        return ()
    content = read_toml(root / FILE, where=FILE)
    tables = content.get("rule", [])
    if set(content) - {"rule"} or not isinstance(tables, list):
        raise EvidenceError(
            f"{FILE} has the keys {sorted(content)}; it holds [[rule]] tables and nothing else"
        )
    known = read_references(read_text(root / "references.bib"), where="references.bib")
    found: dict[str, DiseaseRule] = {}
    for number, table in enumerate(tables, start=1):
        rule = _read_rule(table, number, known)
        if rule.id in found:
            raise EvidenceError(f'{FILE}: rule {number} repeats the id "{rule.id}"; ids differ')
        found[rule.id] = rule
    return tuple(found.values())


def _read_rule(table: Any, number: int, references: Collection[str]) -> DiseaseRule:
    """Return one checked rule."""

    def refuse(what: str) -> EvidenceError:
        return EvidenceError(f"{FILE}: rule {number}{name} {what}")

    name = ""
    if not isinstance(table, Mapping):
        raise refuse(f"is {table!r}; a rule is a [[rule]] table")
    name = f' "{table["id"]}"' if "id" in table else ""
    source, verified = table.get("source", {}), table.get("verified", True)
    if not isinstance(verified, bool):
        raise refuse(f"has verified = {verified!r}; true or false is needed")
    lacks = {"source"} if not verified and not source else set()
    if set(table) - {"verified"} != _KEYS - lacks or not isinstance(source, Mapping):
        raise refuse(f"has the keys {sorted(table)}; it needs exactly {', '.join(sorted(_KEYS))}")
    if not lacks and not {"key", "where"} <= set(source) <= _SOURCE_KEYS:
        raise refuse(f"has a source with {sorted(source)}; key and where are needed, read is allowed")
    words = {key: table[key] for key in ("id", "answer", "when", "sentence")}
    if not lacks:
        words |= {"source": source["key"], "where": source["where"]}
    for key, text in words.items():
        if not isinstance(text, str) or not text.strip():
            raise refuse(f"has {key} = {text!r}; words in quotes are needed")
    if words["answer"] not in ANSWERS:
        raise refuse(f'answers "{words["answer"]}"; answers are {", ".join(ANSWERS)}')
    if not lacks and words["source"] not in references:
        raise refuse(f'cites "{words["source"]}", which references.bib does not have')
    read = iso_day(source["read"]) if "read" in source else ""
    if read is None:
        raise refuse(f"was read {source['read']!r}; a date like 2026-11-25, without quotes, is needed")
    return DiseaseRule(**{"source": "", "where": ""} | words, read=read, verified=verified)
