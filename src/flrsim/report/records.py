"""Free-form records of a result as text: keys and values as they come, in the usual roundings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flrsim.report import format as show
from flrsim.results import plain


def flat(value: Any) -> str:
    """Return a nested JSON value as one line of text."""
    value = plain(value)
    if value is None or value == "":
        return show.NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{show.words(k)} {flat(v)}" for k, v in value.items() if v is not None) or show.NONE
    if isinstance(value, list):
        return ", ".join(flat(v) for v in value) or show.NONE
    return str(value)


def records(
    rows: tuple[Mapping[str, Any], ...], first: tuple[str, ...]
) -> tuple[tuple[str, ...], list[list[str]]]:
    """Return the keys that any record has, the wished ones first, and the records as text in that order.

    Volumes and fraction points print like everywhere else; every other number with four digits.
    """
    present = dict.fromkeys(k for r in rows for k, v in r.items() if v not in (None, "", [], {}))
    keys = (*(k for k in first if k in present), *(k for k in present if k not in first))
    return keys, [[_by_key(k, r.get(k)) for k in keys] for r in rows]


def _by_key(key: str, value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if key.endswith("_ml"):
            return show.ml(float(value))
        if key.endswith("_points"):
            return f"{show.rounded(float(value), 1)} points"
    return flat(value)
