"""The shape of one number and of one source, and how they are read and checked."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flrsim.errors import EvidenceError

KINDS = ("reported", "derived", "calibrated", "assumed")
"""How a value came about; `derived` and `assumed` say in a note how or why."""

UNITS = frozenset(
    "1 fraction ratio mL mL/m2 g g/mL g/kg g/year kg/m2 mm cm2 day week min year cycle 1/week 1/min "
    "mm2 fraction/mm fraction/week log_odds log_odds/cycle log_odds/fraction".split()
)
"""Every unit a value may have."""

SPREADS = {"range": ("low", "high"), "ci95": ("low", "high"), "sd": ("value",), "log_sd": ("value",)}
"""Kinds of spread and the keys each one needs."""

_KEYS = {"value", "unit", "spread", "kind", "source", "note", "verified"}
_SOURCE_KEYS = {"key", "where", "population", "n"}


@dataclass(frozen=True)
class Parameter:
    """One clinical number.

    Attributes
    ----------
    id : dotted name, e.g. ``growth.pve.amplitude``.
    low, high : range or 95 % interval; None when `sd` tells the spread or nothing is known.
    sd : standard deviation, on the scale that `spread` names (``sd`` or ``log_sd``).
    kind : reported, derived, calibrated or assumed.
    source : key in the reference list; empty for an assumption without one.
    verified : False for a number recalled and not re-read; such a number is always `assumed`.
    """

    id: str
    value: float
    unit: str
    low: float | None
    high: float | None
    sd: float | None
    spread: str | None
    kind: str
    source: str
    where: str
    population: str
    n: int | None
    note: str
    verified: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True)
class Reference:
    """One source: what `references.bib` says of it."""

    key: str
    author: str = ""
    journal: str = ""
    year: str = ""
    volume: str = ""
    number: str = ""
    pages: str = ""
    doi: str = ""
    pmid: str = ""
    pmcid: str = ""
    url: str = ""
    eprint: str = ""
    note: str = ""

    def citation(self) -> str:
        """Return the source in one line, as far as it is known."""
        place = self.journal + (f" {self.year}" if self.year else "")
        if self.volume:
            place += f";{self.volume}" + (f"({self.number})" if self.number else "")
            place += f":{self.pages}" if self.pages else ""
        numbers = [
            f"doi {self.doi}" if self.doi else "",
            f"PMID {self.pmid}" if self.pmid else "",
            self.pmcid,
        ]
        parts = [self.author, place.strip(), *numbers, self.url, self.eprint, self.note]
        return ". ".join(part for part in parts if part)

    def to_dict(self) -> dict[str, str]:
        """Return the JSON form."""
        return {
            "key": self.key,
            "citation": self.citation(),
            "doi": self.doi,
            "pmid": self.pmid,
            "pmcid": self.pmcid,
        }


def read_references(text: str, *, where: str) -> dict[str, Reference]:
    """Return the entries of a BibTeX file by key.

    Raises
    ------
    EvidenceError
        When an entry repeats a key, has an unknown field, or nothing by which it can be found.
    """
    found: dict[str, Reference] = {}
    fields = set(Reference.__dataclass_fields__) - {"key"}
    for body in re.split(r"^@\w+\{", text, flags=re.MULTILINE)[1:]:
        key, _, rest = body.partition(",")
        key = key.strip()
        values = {name: value.replace(r"{\`o}", "ò") for name, value in _bib_fields(rest)}
        unknown = sorted(set(values) - fields)
        if unknown or key in found:
            why = f"has unknown fields {unknown}" if unknown else "appears twice"
            raise EvidenceError(f'{where}: entry "{key}" {why}; fields are {", ".join(sorted(fields))}')
        reference = Reference(key=key, **values)
        identified = any((reference.doi, reference.pmid, reference.pmcid, reference.url, reference.eprint))
        if not identified and not (reference.journal and reference.year):
            raise EvidenceError(
                f'{where}: entry "{key}" cannot be found; give doi, pmid, pmcid, url, or journal and year'
            )
        found[key] = reference
    return found


def _bib_fields(text: str) -> list[tuple[str, str]]:
    """Return name and value of each ``name = {value}``, braces nested once."""
    return re.findall(r"(\w+)\s*=\s*\{((?:[^{}]|\{[^{}]*\})*)\}", text)


def read_parameters(table: Mapping[str, Any], *, where: str, prefix: str = "") -> dict[str, Parameter]:
    """Return every record of a parsed TOML file; a record is a table with a ``value``.

    Raises
    ------
    EvidenceError
        When a record is incomplete or says something that cannot be.
    """
    found: dict[str, Parameter] = {}
    for name, entry in table.items():
        path = f"{prefix}{name}"
        if not isinstance(entry, Mapping):
            raise EvidenceError(
                f'{where}: "{path}" stands outside a record; a record is a table with value, unit, kind'
            )
        if "value" in entry:
            found[path] = _read_record(path, entry, where)
        else:
            found |= read_parameters(entry, where=where, prefix=f"{path}.")
    return found


def _read_record(path: str, entry: Mapping[str, Any], where: str) -> Parameter:
    """Return one checked record."""

    def refuse(what: str) -> EvidenceError:
        return EvidenceError(f'{where}: record "{path}" {what}')

    unknown = sorted(set(entry) - _KEYS)
    if unknown:
        raise refuse(f"has unknown keys {unknown}; keys are {', '.join(sorted(_KEYS))}")
    value = _number(entry["value"])
    if value is None:
        raise refuse(f"has the value {entry['value']!r}; a finite number is needed")
    kind, unit, note = entry.get("kind"), entry.get("unit"), str(entry.get("note", ""))
    if kind not in KINDS:
        raise refuse(f"is of kind {kind!r}; kinds are {', '.join(KINDS)}")
    if unit not in UNITS:
        raise refuse(f"has the unit {unit!r}; units are {', '.join(sorted(UNITS))}")
    source = entry.get("source", {})
    if set(source) - _SOURCE_KEYS:
        raise refuse(f"has unknown source keys {sorted(set(source) - _SOURCE_KEYS)}")
    verified = bool(entry.get("verified", True))
    spread, low, high, sd = _read_spread(entry.get("spread"), value, refuse)
    if kind == "assumed" and (spread is None or not note):
        raise refuse("is assumed; it needs a spread and a note that says why")
    if kind != "assumed" and not (verified and source.get("key") and source.get("where")):
        raise refuse(f"is {kind}; it needs a verified source with key and where")
    if kind in ("derived", "calibrated") and not note:
        raise refuse(f"is {kind}; its note must say how")
    return Parameter(
        id=path, value=value, unit=unit, low=low, high=high, sd=sd, spread=spread, kind=kind,
        source=str(source.get("key", "")), where=str(source.get("where", "")),
        population=str(source.get("population", "")), n=source.get("n"), note=note, verified=verified,
    )  # fmt: skip


def _read_spread(
    spread: Any, value: float, refuse: Any
) -> tuple[str | None, float | None, float | None, float | None]:
    """Return kind, low, high and SD of a spread table."""
    if spread is None:
        return None, None, None, None
    kind = spread.get("kind")
    if kind not in SPREADS:
        raise refuse(f"has a spread of kind {kind!r}; kinds are {', '.join(SPREADS)}")
    needed = set(SPREADS[kind]) | {"kind"}
    if not needed <= set(spread) <= needed | {"distribution"}:
        raise refuse(f"has a spread {dict(spread)}; a {kind} needs {', '.join(sorted(needed))}")
    numbers = [_number(spread[name]) for name in SPREADS[kind]]
    if len(numbers) == 1:
        if numbers[0] is None or numbers[0] < 0:
            raise refuse(f"has the spread {spread['value']!r}; a standard deviation is a number >= 0")
        return kind, None, None, numbers[0]
    low, high = numbers
    if low is None or high is None or not low <= value <= high:
        raise refuse(
            f"has the bounds {spread['low']!r} and {spread['high']!r}; low <= {value:g} <= high is needed"
        )
    return kind, low, high, None


def _number(value: Any) -> float | None:
    """Return a finite float, or None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
