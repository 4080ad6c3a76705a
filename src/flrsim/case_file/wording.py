"""What is wrong with a case file's keys, in words of the file rather than of the library that checks it."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

SAID_AT_ONCE = 3
NEEDED = {
    "string": "text in quotes",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "tuple": "a list in brackets",
    "dict": "a table",
    "model": "a table",
}


def wording(error: ValidationError) -> str:
    """Return the problems of a case file, each with the path of its key; the first few in words, the rest counted."""
    problems: dict[str, list[Any]] = {}
    for item in error.errors():
        problems.setdefault(_path(item["loc"]), []).append(item)
    # A list whose entries are wrong is also counted as too short by the checker; only the entries are worth
    # words.
    keys = [
        k
        for k, items in problems.items()
        if items[0]["type"] != "too_short" or not any(o.startswith(f"{k}.") for o in problems)
    ]
    said = "; ".join(f"{key}: {_problem(problems[key])}" for key in keys[:SAID_AT_ONCE])
    more = len(keys) - SAID_AT_ONCE
    return said if more <= 0 else f"{said}; and {more} more"


def _path(location: tuple[int | str, ...]) -> str:
    """Return the dotted key; names of types, which the checker adds for alternatives, are left out."""
    parts = [
        str(p) for p in location if p != "[key]" and not (isinstance(p, str) and (p == "str" or "[" in p))
    ]
    return ".".join(parts) or "the file"


def _problem(items: list[Any]) -> str:
    """Return what is wrong with one key, whose alternatives failed each in its way."""
    first = items[0]
    kind, context, given = first["type"], first.get("ctx", {}), _shown(first["input"])
    if kind == "extra_forbidden":
        return "unknown key; check its spelling"
    if kind == "missing":
        return "is missing"
    if kind == "value_error":
        return str(first["msg"]).removeprefix("Value error, ")
    if kind in ("too_short", "string_too_short"):
        return "is empty; give at least one entry" if kind == "too_short" else "is empty"
    if kind == "literal_error":
        return f"is {given}; it must be {str(context['expected']).replace(chr(39), chr(34))}"
    limits = {
        "greater_than_equal": ("ge", "at least"),
        "less_than_equal": ("le", "at most"),
        "greater_than": ("gt", "more than"),
    }
    if kind in limits:
        name, words = limits[kind]
        return f"is {given}; it must be {words} {context[name]:g}"
    needed = [NEEDED[start] for start in (i["type"].split("_")[0] for i in items) if start in NEEDED]
    if needed:
        return f"is {given}; it must be {' or '.join(dict.fromkeys(needed))}"
    return f"is {given}: {first['msg']}"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value:g}"
    return "a list" if isinstance(value, (list, tuple)) else "a table"
