"""Which call is right: every work item at a small size, against numbers known without this package."""

from __future__ import annotations

import math
from typing import Any

from benchmarks.table import Call, NotBuilt, Work, chosen, works


def judge(work: Work, call: Call, given: Any) -> dict[str, Any]:
    """Return what one call answers: right, wrong, refused, not compared or not installed, with its largest error."""
    row: dict[str, Any] = {"who": call.who, "ours": call.ours, "note": call.note, "error": None}
    missing = call.missing()
    if missing:
        return row | {"answer": "not installed", "note": ", ".join(missing)}
    if call.numbers is None:
        return row | {"answer": "not compared"}
    try:
        found = call.numbers(given, call.run(call.prepare(given)))
        error = work.error(given, found)
    except Exception as reason:
        # A peer may refuse in any way it likes; ours must not.
        return row | {"answer": "refused", "note": f"{type(reason).__name__}: {str(reason)[:120]}"}
    answer = "right" if error <= work.limit else "wrong"
    return row | {"answer": answer, "error": error if math.isfinite(error) else None}


def check(only: str | None = None, *, size: int | None = None) -> dict[str, Any]:
    """Return the answers of every call of every work item.

    Parameters
    ----------
    only : key of the one work item to check, or the first word of several.
    size : instead of each item's own small size.
    """
    out: dict[str, Any] = {}
    for work in works():
        if not chosen(work, only):
            continue
        if isinstance(work, NotBuilt):
            out[work.key] = {"title": work.title, "not_built": work.why}
            continue
        given = work.make(size or work.small)
        out[work.key] = {
            "title": work.title,
            "size": given.size,
            "unit": work.unit,
            "truth": work.truth_is,
            "limit": work.limit,
            "absolute": work.absolute,
            "error_unit": work.error_unit,
            "calls": [judge(work, call, given) for call in work.calls],
        }
    return out


def ours_wrong(found: dict[str, Any]) -> list[str]:
    """Return the calls of this package that are not right."""
    return [
        f"{key}: {row['who']}: {row['answer']}"
        for key, work in found.items()
        for row in work.get("calls", ())
        if row["ours"] and row["answer"] != "right"
    ]


def error_text(work: dict[str, Any], error: float | None) -> str:
    if error is None:
        return "–"
    if work["absolute"]:
        return f"{error:.1e} {work['error_unit']}"
    return f"{100 * error:.2g} %" if error >= 1e-4 else f"{error:.0e}"


def markdown(found: dict[str, Any]) -> str:
    """Return the table of answers."""
    lines = ["| work | call | answer | largest error | limit | remark |", "|---|---|---|---|---|---|"]
    for work in found.values():
        if "not_built" in work:
            lines.append(f"| {work['title']} | flrsim | not built | – | – | {work['not_built']} |")
            continue
        limit = error_text(work, work["limit"]) if work["limit"] else "equal"
        first = f"{work['title']} ({work['size']:,} {work['unit']}; truth: {work['truth']})"
        for row in work["calls"]:
            answer = {"wrong": "**WRONG ANSWER**"}.get(row["answer"], row["answer"])
            lines.append(
                f"| {first} | {row['who']} | {answer} | {error_text(work, row['error'])} | {limit} | {row['note']} |"
            )
            first = ""
    return "\n".join(lines) + "\n"
