"""What the page shows of a session, as plain data: every number printed as in the report, and beside it in full."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flrsim.anatomy import NAMED_RESECTIONS
from flrsim.case_file.save import patient_limits
from flrsim.comparison import Compared
from flrsim.patient import EXTRAHEPATIC, Patient
from flrsim.physiology.modifiers import MODIFIERS
from flrsim.physiology.telv import FORMULAS
from flrsim.plan import TITLES, Occlude, Plan
from flrsim.planner import TECHNIQUES, Cycles, Draft, Why, course_of_history, remarks, shape_of
from flrsim.regimens import REGIMENS
from flrsim.report import format as show
from flrsim.report import palette, risks
from flrsim.report.plots.growth import growth_svg
from flrsim.report.tables import AXES, VERDICTS, axis_word, fate_text, uncleared
from flrsim.results import Comparison, PlanResult, Quantiles
from flrsim.viewer.web.session import Session, refusal_key

Text = Callable[[float | None], str]
WAYS = (("keep", "left"), ("segment", "goes with its segments"))
TREATED = (("wedge", "wedge"), ("ablate", "ablation"))
STAGE_WORDS = ("stays", "stage 1", "stage 2")
NOT_KNOWN = "not known"
WORD_SHARE = 24.0
"""Percent of the line of days that a word on it takes on a small page."""
SEVERAL = {"tumour.extrahepatic": EXTRAHEPATIC}
"""What is known of the patient that may be several of some words."""
NEEDED = ("sex", "age", "height_cm", "weight_kg", "disease")
"""What a patient who is new to a case is asked for."""


def controls(session: Session) -> dict[str, Any]:
    """Return what the controls show of the selected plan, the patient and the session."""
    draft, evidence = session.draft, session.evidence
    shape = shape_of(draft.plan, draft.case, evidence)
    stages = range(1, 3)
    return {
        "plans": [p.name for p in draft.plans],
        "selected": draft.selected,
        "segments": [
            {"name": s, "stage": k, "ml": show.ml(draft.case.segment_ml[s])}
            for s, k in shape.segments.items()
        ],
        "stage_words": [{"value": k, "title": w} for k, w in enumerate(STAGE_WORDS)],
        "lesions": [
            {
                "name": les.name,
                "ml": show.tumour_ml(les.volume_ml),
                "where": " + ".join(sorted(les.segments)),
                "way": _way(shape.lesions[les.name].kind, shape.lesions[les.name].stage),
            }
            for les in draft.case.lesions
        ],
        "ways": [
            *({"value": k, "title": w} for k, w in WAYS),
            *({"value": f"{k} {n}", "title": f"{w}, stage {n}"} for k, w in TREATED for n in stages),
        ],
        "resections": [
            {"value": "keep", "title": "no segment"},
            *({"value": r.name, "title": r.title} for r in NAMED_RESECTIONS.values()),
        ],
        "technique": shape.technique,
        "techniques": [
            {"value": t, "title": TITLES.get(t, t)} for t in dict.fromkeys((*TECHNIQUES, shape.technique))
        ],
        "segment_4": bool(shape.segment_4),
        "interval_days": shape.interval_days,
        "scan_day": shape.scan_day,
        "resection_day": shape.resection_day,
        "margin_mm": shape.margin_mm,
        "ablation_margin_mm": shape.ablation_margin_mm,
        "courses": [
            _course("before", ["before"], "in this plan, before day 0", shape.before),
            _course("between", ["between"], "in this plan, before the last operation", shape.between),
            *(
                _course(
                    f"history-{n}", ["history", n], f"already given, course {n + 1}", course_of_history(t)
                )
                for n, t in enumerate(draft.history)
            ),
            _course(
                f"history-{len(draft.history)}",
                ["history", len(draft.history)],
                "already given: add a course",
                None,
            ),
        ],
        "regimens": ["none", *REGIMENS],
        "needed": NEEDED,
        "has_patient": draft.patient is not None,
        "patient": _patient(draft.patient),
        "formula": draft.formula,
        "formulas": list(FORMULAS),
        "penalties": [{"name": k, "text": text, "on": k not in draft.off} for k, text in MODIFIERS.items()],
        "draws": draft.draws,
        "seed": draft.seed,
        "remarks": {
            k: [{"text": r.text, "source": r.source} for r in said]
            for k, said in remarks(draft.plan, evidence).items()
        },
        "disabled": dict(shape.disabled),
        "refusals": dict(session.refusals),
        "can_undo": bool(session.steps.past),
        "can_redo": bool(session.steps.future),
        "file": session.file.path.name,
    }


def results(session: Session, compared: Compared) -> dict[str, Any]:
    """Return the table of all plans, and of the selected one its curve, ledger and interval."""
    draft, comparison = session.draft, compared.result
    plan = next(p for p in comparison.plans if p.name == draft.selected)
    return {
        "case": comparison.case,
        "note": comparison.note,
        "heads": HEADS,
        "table": [_row(comparison, p, draft) for p in comparison.plans],
        "verdict": _verdict(plan),
        "axes": [
            {
                "name": AXES.get(name, show.words(name)),
                "verdict": axis_word(plan, name),
                "colour": palette.VERDICT_COLOURS["cannot_judge" if name in plan.axes_unasked else v],
                "why": plan.axis_notes.get(name, ""),
            }
            for name, v in plan.axes.items()
        ],
        "steps": list(plan.steps),
        "curve": growth_svg(comparison, plan, salt="web") or "",
        "window": interval_window(plan, draft.plan),
        "stages": [f"stage {s.stage}: {s.operation}, day {s.day}" for s in plan.stages],
        "ledger": [
            {
                "name": f.name,
                "loud": uncleared(plan, f),
                "cells": [fate_text(f) if f.stage == s.stage else "" for s in plan.stages],
                "left": "" if f.stage is not None else fate_text(f),
                "margin": show.millimetres(f.margin_at_operation_mm),
            }
            for f in plan.lesions
        ],
        "rules": [
            {
                "quantity": f"rule:{r.rule}",
                "title": r.title,
                "binding": r.binding,
                "p": "not asked" if r.p_pass is None else f"in {show.probability(r.p_pass)} of draws",
            }
            for r in plan.rules
        ],
        "notes": [
            *([comparison.without_note] if comparison.without_note else []),
            *plan.notes,
            *comparison.warnings,
        ],
        "not_supplied": list(plan.not_supplied),
    }


def unfolded(why: Why) -> dict[str, Any]:
    """Return a number unfolded, for print."""
    span = (
        ""
        if why.low is None or why.high is None
        else f" ({_amount(why.low, why.unit)} to {_amount(why.high, why.unit)})"
    )
    return {
        "title": why.title,
        "value": f"{_amount(why.value, why.unit)}{span}",
        "formula": why.formula,
        "inputs": [
            {"name": i.name, "value": _amount(i.value, i.unit), "source": i.source} for i in why.inputs
        ],
        "numbers": [
            {
                "id": n.id,
                "value": f"{n.value:g} {n.unit}".removesuffix(" 1"),
                "spread": n.spread,
                "kind": n.kind,
                "source": n.source,
                "note": n.note,
            }
            for n in why.numbers
        ],
    }


def interval_window(plan: PlanResult, drafted: Plan) -> dict[str, Any] | None:
    """Return the days from the first step to the end of what is simulated, as marks along a line, in percent of it.

    Decisions sit on scans; between the first day with enough volume and the last operation lies what waiting gives.
    """
    days = plan.curves.get("days") if plan.curves else None
    if not days or plan.resection_day is None:
        return None
    first = plan.earliest_day_volume_ok
    known = [
        d
        for d in (
            plan.resection_day,
            None if first is None else first.p90,
            None if first is None else first.median,
        )
        if d
    ]
    low, high = 0.0, max([*known, 1.0]) * 1.15

    def at(day: float) -> float:
        return round(100.0 * (min(max(day, low), high) - low) / (high - low), 2)

    above = [
        {"at": at(s.day), "text": f"stage {s.stage}, day {s.day}", "colour": palette.fate_ink(s.stage)}
        for s in plan.stages
    ]
    below = [
        {"at": at(s.day), "text": f"{TITLES[s.action.technique]}, day {s.day}", "colour": palette.TERRITORY}
        for s in drafted.steps
        if isinstance(s.action, Occlude)
    ] + [
        {"at": at(d["day"]), "text": f"scan, day {d['day']}", "colour": palette.RIM}
        for d in plan.decisions
        if d.get("kind") == "scan"
    ]
    marks = [*_in_rows(above, (16, 2)), *_in_rows(below, (66, 80))]
    band = None
    if first is not None and first.median is not None and first.p10 is not None:
        end = high if first.p90 is None else first.p90
        band = {"from": at(first.p10), "to": at(end), "middle": at(first.median)}
    return {"marks": marks, "band": band, "text": "enough volume: " + show.day_interval(first)}


def _in_rows(marks: list[dict[str, Any]], tops: tuple[int, int]) -> list[dict[str, Any]]:
    """Return marks from left to right, their words in two rows where they would run into each other."""
    out: list[dict[str, Any]] = []
    for mark in sorted(marks, key=lambda m: m["at"]):
        crowded = bool(out) and mark["at"] - out[-1]["at"] < WORD_SHARE and out[-1]["top"] == tops[0]
        out.append(mark | {"top": tops[1] if crowded else tops[0]})
    return out


def _course(key: str, call: list[Any], title: str, course: Cycles | None) -> dict[str, Any]:
    """Return a course of chemotherapy: what its controls call, and under which key it is refused."""
    return {
        "key": key,
        "call": call,
        "refusal": refusal_key(str(call[0]), tuple(call[1:])),
        "title": title,
        "regimen": "none" if course is None else course.regimen,
        "cycles": None if course is None else course.cycles,
        "weeks_off": None if course is None else round(course.weeks_off, 2),
    }


def _way(kind: str, stage: int) -> str:
    return f"{kind} {stage}" if kind in ("wedge", "ablate") else kind


def _patient(patient: Patient | None) -> list[dict[str, Any]]:
    """Return every field of the patient with what it can be and what is known."""
    out = []
    for name, limit in patient_limits().items():
        key, _, within = name.partition(".")
        value = None if patient is None else getattr(patient, key)
        value = getattr(value, within) if within and value is not None else value
        words = list(limit.words) or (["yes", "no"] if limit.kind == "boolean" else [])
        if isinstance(value, bool):
            value = "yes" if value else "no"
        several = limit.kind == "array"
        if several:
            words = list(SEVERAL[name])
            value = None if value is None else list(value)
        elif words:
            required = name in ("sex", "disease")
            words = words if required else [NOT_KNOWN, *words]
            value = NOT_KNOWN if value is None else value
        reach = "" if limit.low is None or limit.high is None else f"{limit.low:g} to {limit.high:g}"
        out.append(
            {
                "name": name,
                "title": show.words(within or key),
                "group": {"": "patient", "liver": "liver", "tumour": "tumour"}[key if within else ""],
                "words": words,
                "several": several,
                "value": value,
                "reach": reach,
            }
        )
    return out


def _percent1(value: float | None) -> str:
    return show.percent(value, 1)


def _percent2(value: float | None) -> str:
    return show.percent(value, 2)


HEADS = (
    "lesions left",
    "FLR on the images",
    "sFLR on the images",
    "FLR / body weight",
    "last operation",
    "FLR then",
    "sFLR then",
    "enough volume",
    "completed, alive at 90 days",
    "liver failure, were it done",
    "death after the last operation, were it done",
    "death within 90 days, of all who start",
)
"""What the table of all plans tells of each, line by line."""


def _row(comparison: Comparison, plan: PlanResult, draft: Draft) -> dict[str, Any]:
    """Return one plan's line: each cell with its print, and its value in full as ``compare --json`` writes it."""
    telv = next((t.ml for t in comparison.telv if t.formula == draft.formula), None)
    own = draft.formula == comparison.telv_formula
    sflr = plan.sflr if own else None if telv is None else plan.flr_ml / telv
    then = plan.sflr_at_resection if own else _over(plan.flr_ml_at_resection, telv)
    low, high = (None, None) if plan.p_phlf is None else (plan.p_phlf["low"], plan.p_phlf["high"])
    failure = (
        show.NONE if low is None else f"{show.probability(low).removesuffix(' %')}–{show.probability(high)}"
    )
    cells = [
        _cell("", ", ".join(plan.lesions_left) or "none", None, loud=bool(plan.lesions_left)),
        _cell("flr_ml", show.ml(plan.flr_ml), plan.flr_ml),
        _cell("sflr", _percent1(sflr), sflr),
        _cell("flr_body_weight", _percent2(plan.flr_body_weight), plan.flr_body_weight),
        _cell("", show.day(plan.resection_day), plan.resection_day),
        _quantiles("flr_ml_at_resection", plan.flr_ml_at_resection, show.ml),
        _quantiles("sflr_at_resection", then, show.percent),
        _cell(
            "earliest_day_volume_ok",
            show.day_interval(plan.earliest_day_volume_ok),
            None if plan.earliest_day_volume_ok is None else plan.earliest_day_volume_ok.median,
        ),
        _cell(
            "p_complete",
            risks.of_all(plan, plan.p_complete),
            plan.p_complete,
        ),
        _cell("p_phlf", failure, low),
        _cell("p_death_last", show.probability(plan.p_death_last), plan.p_death_last),
        _cell("p_death_90d", risks.of_all(plan, plan.p_death_90d), plan.p_death_90d),
    ]
    return {"name": plan.name, "family": plan.family, "verdict": _verdict(plan), "cells": cells}


def _over(q: Quantiles | None, telv: float | None) -> Quantiles | None:
    if q is None or telv is None:
        return None
    return Quantiles(*(None if v is None else v / telv for v in (q.median, q.p10, q.p90)))


def _verdict(plan: PlanResult) -> dict[str, str]:
    return {
        "word": VERDICTS[plan.verdict],
        "colour": palette.VERDICT_COLOURS[plan.verdict],
        "blocking": plan.blocking,
    }


def _cell(quantity: str, text: str, value: float | None, *, loud: bool = False) -> dict[str, Any]:
    return {"quantity": quantity, "text": text, "value": "" if value is None else repr(value), "loud": loud}


def _quantiles(quantity: str, q: Quantiles | None, text: Text) -> dict[str, Any]:
    return _cell(quantity, show.interval(q, text), None if q is None else q.median)


def _amount(value: float | str | None, unit: str) -> str:
    """Return a number with its unit, to as many digits as nobody doubts: a fraction in percent."""
    if value is None:
        return show.NONE
    if isinstance(value, str):
        return value
    if unit == "fraction":
        return f"{100 * value:.4g} %"
    if unit == "fraction/week":
        return f"{100 * value:.4g} points/week"
    return f"{value:.6g} {unit}".strip()
