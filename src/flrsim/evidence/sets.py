"""Parameter sets by name: frozen when released, so that an old result can be run again with its own numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flrsim.errors import EvidenceError, FileError
from flrsim.evidence.folder import listing, read_text, read_toml
from flrsim.evidence.records import Parameter, Reference, checksum

if TYPE_CHECKING:
    from flrsim.evidence.loader import Evidence

SET_SCHEMA = "flrsim/parameter-set/1"

MEASURED = ("value", "unit", "low", "high", "sd", "spread", "range", "kind", "source", "denominator")
"""What of a number makes the set another one when it changes; words about it may be improved."""


def set_name(root: Traversable) -> tuple[str, bool]:
    """Return the name of the numbers in ``parameters/``, and whether they are released under it."""
    where = "parameters/set.toml"
    table = read_toml(root / "parameters" / "set.toml", where=where)
    name, released = table.get("name"), table.get("released")
    named = isinstance(name, str) and bool(name) and "/" not in name
    if set(table) != {"name", "released"} or not named or not isinstance(released, bool):
        raise EvidenceError(
            f'{where} says {table}; it needs name = "…" without a slash, released = true or false, and nothing else'
        )
    return str(name), released


def frozen_names(root: Traversable) -> tuple[str, ...]:
    """Return the names of the frozen sets in ``sets/``."""
    if not (root / "sets").is_dir():
        return ()
    return tuple(f.name.removesuffix(".json") for f in listing(root / "sets") if f.name.endswith(".json"))


def freeze(evidence: Evidence, path: Path) -> None:
    """Write the numbers under the name of their set, each with everything known of it, and their sources.

    `read_frozen` reads the file again without looking at ``references.bib``, which may have moved on.

    Raises
    ------
    FileError
        When there is such a file: a frozen set never changes.
    """
    numbers = {id: evidence[id].to_dict() for id in evidence.ids()}
    sources = {reference.key: asdict(reference) for reference in evidence.references()}
    content = {
        "schema": SET_SCHEMA,
        "name": evidence.parameter_set,
        "digest": evidence.digest,
        "parameters": {
            id: {key: value for key, value in number.items() if key != "id"} for id, number in numbers.items()
        },
        "references": {
            key: {field: text for field, text in source.items() if text and field != "key"}
            for key, source in sources.items()
        },
    }
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text + "\n")
    except FileExistsError as error:
        raise FileError(
            f"{path} is there already, and a frozen set never changes; name a new file"
        ) from error


def read_frozen(root: Traversable, name: str) -> tuple[dict[str, Parameter], dict[str, Reference]]:
    """Return the numbers of a frozen set by id, and their sources by key.

    Raises
    ------
    EvidenceError
        When there is no such set, or its numbers are not those it was frozen with.
    """
    known = frozen_names(root)
    if name not in known:
        raise EvidenceError(f'there is no frozen set "{name}"; frozen sets are {", ".join(known) or "none"}')
    where = f"sets/{name}.json"
    try:
        content = json.loads(read_text(root / "sets" / f"{name}.json"))
        parameters = {id: _read_parameter(id, entry) for id, entry in content["parameters"].items()}
        references = {key: Reference(key=key, **entry) for key, entry in content["references"].items()}
        intact = (content["schema"], content["name"], content["digest"]) == (
            SET_SCHEMA,
            name,
            checksum(parameters),
        )
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise EvidenceError(f"{where} is not a frozen set: {error}") from error
    if not intact:
        raise EvidenceError(
            f"{where} was changed after it was frozen, or is another set under this name; restore the file"
        )
    lost = sorted({p.source for p in parameters.values() if p.source} - set(references))
    if lost:
        raise EvidenceError(f"{where} lacks its sources {', '.join(lost)}; restore the file")
    return parameters, references


def differences(parameters: Mapping[str, Parameter], frozen: Mapping[str, Parameter]) -> tuple[str, ...]:
    """Return the ids whose number is not that of the frozen set, or that only one of them has."""

    def numbers(parameter: Parameter | None) -> tuple[Any, ...]:
        return () if parameter is None else tuple(getattr(parameter, name) for name in MEASURED)

    return tuple(
        id
        for id in sorted(set(parameters) | set(frozen))
        if numbers(parameters.get(id)) != numbers(frozen.get(id))
    )


def _read_parameter(id: str, entry: Mapping[str, Any]) -> Parameter:
    """Return one number of a frozen set; keys that came later are at their defaults."""
    bounds = entry.get("range")
    return Parameter(id=id, **{**entry, "range": None if bounds is None else (bounds[0], bounds[1])})
