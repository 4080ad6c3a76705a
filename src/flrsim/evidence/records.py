"""The shape of one number and of one source, and how they are read and checked."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flrsim.errors import EvidenceError
from flrsim.evidence.folder import count, finite, iso_day

KINDS = ("reported", "derived", "calibrated", "assumed")
"""How a value came about; `derived` and `assumed` say in a note how or why."""

UNITS = frozenset(
    "1 fraction ratio mL mL/m2 g g/mL g/kg g/year kg kg/m2 mm cm cm2 day week month min year cycle 1/week 1/min 1/h "
    "mg/dL 1e9/L ug/kg/h fraction/min/m2 mm2 fraction/mm fraction/week log_odds log_odds/cycle log_odds/fraction".split()
)
"""Every unit a value may have."""

MEASURED_LIVER = "functional liver, measured"
"""Denominator: the liver on the images without its lesions."""
BODY_WEIGHT = "body weight"
DENOMINATORS = frozenset({"vauthey2002", MEASURED_LIVER, "total liver, CT", BODY_WEIGHT})
"""Every denominator that a threshold of volume may have been found with; a formula stands for the volume that it estimates."""

SPREADS = {
    "range": ("low", "high"),
    "ci95": ("low", "high"),
    "sd": ("value",),
    "log_sd": ("value",),
    "logit_sd": ("value",),
}
"""Kinds of spread and the keys each one needs; an SD is on the number's own scale, its logarithm or its log odds."""

_KEYS = {
    "value",
    "unit",
    "spread",
    "range",
    "kind",
    "definition",
    "denominator",
    "source",
    "note",
    "verified",
}
_SOURCE_KEYS = {"key", "where", "population", "n", "read"}

_CHECKSUM_LETTERS = 12

_Refuse = Callable[[str], EvidenceError]


@dataclass(frozen=True)
class Parameter:
    """One clinical number.

    Attributes
    ----------
    id : dotted name, e.g. ``growth.pve.amplitude``.
    low, high : range or 95 % interval; None when `sd` tells the spread or nothing is known.
    sd : standard deviation, on the scale that `spread` names (``sd``, ``log_sd`` or ``logit_sd``).
    kind : reported, derived, calibrated or assumed.
    source : key in the reference list; empty for an assumption without one.
    verified : False for a number recalled and not re-read; such a number is always `assumed`.
    definition : what exactly the number measures.
    range : low and high between which a sensitivity analysis moves the value.
    read : day on which the page was read, ``2026-11-25``; empty when it was not noted.
    denominator : of `DENOMINATORS`, what a threshold on a share of the liver was found with; empty for other numbers.
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
    definition: str = ""
    range: tuple[float, float] | None = None
    read: str = ""
    denominator: str = ""

    @property
    def sensitivity(self) -> tuple[float, float] | None:
        """Low and high between which a sensitivity analysis moves the value; None holds it fixed."""
        if self.range is not None:
            return self.range
        return None if self.low is None or self.high is None else (self.low, self.high)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        shown = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return shown | {"range": None if self.range is None else list(self.range)}


def checksum(parameters: Mapping[str, Parameter]) -> str:
    """Return a short checksum of all values with their spreads and ranges; words about them do not enter it."""
    text = "\n".join(
        f"{id}={p.value!r} {p.unit} {p.low!r} {p.high!r} {p.sd!r} {p.spread} {p.range!r}"
        + (f" {p.denominator}" if p.denominator else "")
        for id, p in sorted(parameters.items())
    )
    return hashlib.sha256(text.encode()).hexdigest()[:_CHECKSUM_LETTERS]


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
    value = finite(entry["value"])
    if value is None:
        raise refuse(f"has the value {entry['value']!r}; a finite number is needed")
    kind, unit, verified = entry.get("kind"), entry.get("unit"), entry.get("verified", True)
    if kind not in KINDS:
        raise refuse(f"is of kind {kind!r}; kinds are {', '.join(KINDS)}")
    if not isinstance(unit, str) or unit not in UNITS:
        raise refuse(f"has the unit {unit!r}; units are {', '.join(sorted(UNITS))}")
    if not isinstance(verified, bool):
        raise refuse(f"has verified = {verified!r}; true or false is needed")
    note, denominator = _words(entry, "note", refuse), _words(entry, "denominator", refuse)
    if "denominator" in entry and denominator not in DENOMINATORS:
        raise refuse(
            f"has the denominator {denominator!r}; denominators are {', '.join(sorted(DENOMINATORS))}"
        )
    source = _read_source(entry.get("source", {}), refuse)
    spread, low, high, sd = _read_spread(entry.get("spread"), value, unit, refuse)
    if kind == "assumed" and (spread is None or not note):
        raise refuse("is assumed; it needs a spread and a note that says why")
    if kind != "assumed" and not (verified and source["source"] and source["where"]):
        raise refuse(f"is {kind}; it needs a verified source with key and where")
    if kind in ("derived", "calibrated") and not note:
        raise refuse(f"is {kind}; its note must say how")
    return Parameter(
        id=path, value=value, unit=unit, low=low, high=high, sd=sd, spread=spread, kind=kind, note=note,
        verified=verified, definition=_words(entry, "definition", refuse),
        range=_read_range(entry.get("range"), value, refuse), denominator=denominator, **source,
    )  # fmt: skip


def _words(table: Mapping[str, Any], key: str, refuse: _Refuse) -> str:
    """Return the text under a key, empty when it is absent."""
    text = table.get(key, "")
    if not isinstance(text, str):
        raise refuse(f"has {key} = {text!r}; words in quotes are needed")
    return text


def _read_source(source: Any, refuse: _Refuse) -> dict[str, Any]:
    """Return where a number was found: source, where, population, n, read."""
    if not isinstance(source, Mapping) or set(source) - _SOURCE_KEYS:
        found = sorted(set(source) - _SOURCE_KEYS) if isinstance(source, Mapping) else source
        raise refuse(f"has unknown source keys {found}; keys are {', '.join(sorted(_SOURCE_KEYS))}")
    n, read = source.get("n"), source.get("read")
    if n is not None and count(n) is None:
        raise refuse(f"has n = {n!r}; a whole number of at least 1 is needed")
    day = "" if read is None else iso_day(read)
    if day is None:
        raise refuse(f"was read {read!r}; a date like 2026-11-25, without quotes, is needed")
    words = {name: _words(source, key, refuse) for name, key in _PLACES.items()}
    return words | {"n": n, "read": day}


_PLACES = {"source": "key", "where": "where", "population": "population"}


def _read_spread(
    spread: Any, value: float, unit: str, refuse: _Refuse
) -> tuple[str | None, float | None, float | None, float | None]:
    """Return kind, low, high and SD of a spread table."""
    if spread is None:
        return None, None, None, None
    kind = spread.get("kind") if isinstance(spread, Mapping) else spread
    if not isinstance(kind, str) or kind not in SPREADS or not isinstance(spread, Mapping):
        raise refuse(f"has a spread of kind {kind!r}; kinds are {', '.join(SPREADS)}")
    needed = set(SPREADS[kind]) | {"kind"}
    if not needed <= set(spread) <= needed | {"distribution"}:
        raise refuse(f"has a spread {dict(spread)}; a {kind} needs {', '.join(sorted(needed))}")
    if len(SPREADS[kind]) == 1:
        sd = finite(spread["value"])
        if sd is None or sd < 0:
            raise refuse(f"has the spread {spread['value']!r}; a standard deviation is a number >= 0")
        if kind == "log_sd" and value <= 0:
            raise refuse(f"has the value {value:g}; a log_sd needs a value above 0")
        if kind == "logit_sd" and not (unit == "fraction" and 0 < value < 1):
            raise refuse(f"is {value:g} {unit}; a logit_sd needs a fraction above 0 and below 1")
        return kind, None, None, sd
    low, high = _bounds(spread["low"], spread["high"], value, refuse)
    return kind, low, high, None


def _read_range(bounds: Any, value: float, refuse: _Refuse) -> tuple[float, float] | None:
    """Return the range of a sensitivity analysis."""
    if bounds is None:
        return None
    if not isinstance(bounds, list) or len(bounds) != 2:
        raise refuse(f"has the range {bounds!r}; range = [low, high] is needed")
    return _bounds(bounds[0], bounds[1], value, refuse)


def _bounds(low: Any, high: Any, value: float, refuse: _Refuse) -> tuple[float, float]:
    """Return two bounds with the value between them."""
    lower, upper = finite(low), finite(high)
    if lower is None or upper is None or not lower <= value <= upper:
        raise refuse(f"has the bounds {low!r} and {high!r}; low <= {value:g} <= high is needed")
    return lower, upper
