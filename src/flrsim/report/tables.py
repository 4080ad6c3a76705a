"""A comparison as tables of printed text: the page and the command line show the same words and roundings.

Everything here comes from the result; nothing is simulated or measured again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from flrsim.report import format as show
from flrsim.report import operations, perfusion, risks
from flrsim.report.cell import Cell
from flrsim.report.context import DISEASE, disease_cell
from flrsim.report.rules import conflicts, rule_cell, rule_labels
from flrsim.results import Comparison, LesionFate, PlanResult, Quantiles, plain

CLEARED = ("removed", "ablated", "vanished")
UNASKED = "Not supplied"
VERDICTS = {
    "meets_rules": "Meets the rules",
    "borderline": "Borderline",
    "does_not_meet": "Does not meet the rules",
    "cannot_judge": "Cannot judge",
}
AXES = {
    "clearance": "Clearance",
    "vessels_bile": "Inflow and outflow",
    "volume_function": "Volume and function",
    "time": "Time",
    "risk": "Risk",
    "disease": "Extent of disease",
}
DROP_OUTS = {"growth": "too little volume"}
"""Reasons why a plan is not completed, as printed."""
DEFINITIONS = {
    "isgls": "ISGLS, any grade",
    "fifty_fifty": "50-50 criteria",
}
"""Further definitions of liver failure as printed: beside the one it was modelled in, each stands for itself."""

FORMULA_CAUSE = "formula of TELV"
"""The cause in an sFLR's ledger that is a choice, not an error of measurement."""


@dataclass(frozen=True)
class Row:
    """One line of the comparison: a label and one cell a plan."""

    group: str
    label: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class LesionLine:
    """One lesion in one plan, stage by stage.

    Attributes
    ----------
    stages : text for each stage of the plan, empty where nothing happens to the lesion.
    tone : ``loud`` when it is not cleared, ``careful`` when its margin is short or nobody could judge it.
    """

    name: str
    size: str
    where: str
    stages: tuple[str, ...]
    fate: str
    margins: str
    note: str
    tone: str


def comparison_rows(comparison: Comparison, *, with_verdict: bool = True) -> tuple[Row, ...]:
    """Return the comparison of all plans, first what is left behind, last what stands in the way.

    Parameters
    ----------
    with_verdict
        Whether verdict and blocking sentence are rows; a page that shows them larger leaves them out.
    """
    rows: list[Row] = []

    def add(group: str, label: str, text: Callable[[PlanResult], str | Cell]) -> None:
        cells = tuple(c if isinstance(c, Cell) else _cell(c) for c in map(text, comparison.plans))
        if any(c.tone != "quiet" for c in cells):
            rows.append(Row(group, label, cells))

    group = "Lesions"
    add(group, "Left, cut through, margin short", _left)
    for k in range(1, 1 + max((len(p.stages) for p in comparison.plans), default=0)):
        add(group, f"Cleared in stage {k}", partial(operations.cleared, stage=k))
    group = "Operations"
    add(group, "Steps", lambda p: " → ".join(p.steps) or show.NONE)
    for k in range(1, 1 + max((len(p.stages) for p in comparison.plans), default=0)):
        add(group, f"Stage {k} takes", partial(operations.takes, stage=k))
        add(group, f"Stage {k} ablates", partial(operations.ablates, stage=k))
        add(group, f"Stage {k} transection", partial(operations.transection, stage=k))
        add(group, f"Stage {k} cut meets", partial(operations.meets, stage=k))
        add(group, f"Stage {k} leaves", partial(operations.loose_parts, stage=k))
    group = "Future liver remnant"
    add(group, "Segments", lambda p: ", ".join(p.flr_segments) or show.NONE)
    add(group, "FLR now", lambda p: show.plus_minus(p.flr_ml, p.flr_ml_interval, show.ml))
    add(group, "FLR at resection", lambda p: show.interval(p.flr_ml_at_resection, show.ml))
    add(group, "sFLR now", lambda p: show.plus_minus(p.sflr, p.sflr_interval, show.percent))
    add(group, "… with the spread of TELV formulas", _with_formulas)
    add(
        group,
        "sFLR at resection, relative growth law",
        lambda p: show.interval(p.sflr_at_resection, show.percent),
    )
    add(group, "… by the absolute growth law", _other_law)
    add(
        group,
        "FLR / body weight now",
        lambda p: show.plus_minus(
            p.flr_body_weight,
            p.flr_body_weight_interval,
            _percent1 if p.flr_body_weight_interval is None else _percent2,
        ),
    )
    add(
        group,
        "FLR / body weight at resection",
        lambda p: show.interval(p.flr_body_weight_at_resection, _percent1),
    )
    add(
        group,
        "FLR / functional liver",
        lambda p: show.plus_minus(p.flr_fraction, p.flr_fraction_interval, show.percent),
    )
    add(
        group,
        "Function at resection, of a healthy liver",
        lambda p: show.interval(p.function_at_resection, show.percent),
    )
    add(group, "Growth rate at the scan, per week", lambda p: show.interval(p.kgr_per_week, show.points))
    add(group, "Degree of hypertrophy", lambda p: show.interval(p.degree_of_hypertrophy, show.points))
    group = "Inflow and outflow of what stays"
    add(group, "Hepatic veins", perfusion.veins)
    add(group, "Loses its portal branch", lambda p: perfusion.deprived(p, "devascularised"))
    add(group, "Loses its hepatic vein (congested)", lambda p: perfusion.deprived(p, "congested"))
    for index, credit in enumerate(perfusion.credits_of(comparison)):
        label = (
            f"FLR, sFLR with credit {credit:g} for it"
            if index
            else f"FLR, sFLR without it (credit {credit:g})"
        )
        add(group, label, partial(perfusion.credited, credit=credit))
    for rule, label in rule_labels(comparison):
        add("Rules: value, distance, probability", label, partial(rule_cell, key=rule))
    add("Rules: value, distance, probability", "Contradictions", conflicts)
    group = "Extent of disease"
    for answer in ("forbids", "warns"):
        add(group, DISEASE[answer], partial(disease_cell, answer=answer))
    group = "Time"
    add(group, "Scan", lambda p: show.day(p.scan_day))
    add(group, "Resection", lambda p: show.day(p.resection_day))
    add(
        group,
        "Earliest day with sufficient volume, relative growth law",
        lambda p: "; ".join(
            filter(None, [show.day_interval(p.earliest_day_volume_ok), p.earliest_day_floor])
        ),
    )
    group = "Simulated risk"
    add(group, "Plan completed", lambda p: risks.of_all(p, p.p_complete))
    for reason in dict.fromkeys(r for p in comparison.plans for r in p.p_dropout):
        add(group, f"Drop-out: {DROP_OUTS.get(reason, show.words(reason))}", partial(_dropout, reason=reason))
    add(group, f"Liver failure, {risks.WERE_IT_DONE}", _failure)
    add(group, f"… {risks.OPERATED}", risks.failure_of_operated)
    add(group, "… to be read with this", lambda p: str((p.p_phlf or {}).get("remark") or ""))
    add(group, "… defined as", lambda p: str((p.p_phlf or {}).get("definition") or ""))
    for name, label in DEFINITIONS.items():
        add(group, f"… by {label}, {risks.IN_ALL}", partial(_failure_by, name=name))
    add(group, "Major complications", lambda p: risks.of_all(p, p.p_major_morbidity))
    # Who is turned away cannot die of the operation: its own danger comes first, so that no plan looks safe by that.
    add(
        group,
        f"Death after the last operation, {risks.WERE_IT_DONE}",
        lambda p: show.probability(p.p_death_last),
    )
    add(group, f"… after the last operation, {risks.OPERATED}", risks.death_of_operated)
    add(group, "Death within 90 days, of all who start", lambda p: risks.of_all(p, p.p_death_90d))
    add(group, "Textbook outcome", _textbook)
    for axis, label in AXES.items():
        add("Axes", label, partial(_axis, axis=axis))
    if with_verdict:
        add("Verdict", "Verdict", lambda p: Cell(verdict(p), _tone(p.verdict)))
        add("Verdict", "Stands in the way", lambda p: p.blocking or show.NONE)
    add(
        "Verdict" if with_verdict else "Not supplied",
        "Not supplied",
        lambda p: ", ".join(map(show.words, p.not_supplied)),
    )
    return tuple(rows)


def verdict(plan: PlanResult) -> str:
    """Return a plan's verdict in words."""
    return VERDICTS.get(plan.verdict, show.words(plan.verdict))


def lesion_lines(comparison: Comparison, plan: PlanResult) -> tuple[LesionLine, ...]:
    """Return the lesion by stage ledger of a plan, what is not cleared first."""
    imaged = {m.name: m for m in comparison.lesions}
    lines = []
    for fate in sorted(
        plan.lesions, key=lambda f: (not uncleared(plan, f), f.fate in CLEARED, not careful(f))
    ):
        size = where = show.NONE
        if fate.name in imaged:
            lesion = imaged[fate.name]
            volume = show.plus_minus(lesion.volume_ml, lesion.interval, show.ml)
            size = f"{volume}, {show.millimetres(lesion.longest_axial_mm)}"
            where = shares(lesion.segments)
        stages = tuple(
            show.words(fate.fate) if fate.stage == s.stage and fate.fate in CLEARED else ""
            for s in plan.stages
        )
        tone = "loud" if uncleared(plan, fate) else "careful" if careful(fate) else ""
        lines.append(
            LesionLine(fate.name, size, where, stages, _outcome(fate), _margins(fate), _note(fate), tone)
        )
    return tuple(lines)


def uncleared(plan: PlanResult, fate: LesionFate) -> bool:
    """Return whether a lesion stays, is cut through, or loses part of its planned margin."""
    return fate.fate not in CLEARED or fate.name in plan.lesions_left


def fate_text(fate: LesionFate) -> str:
    """Return what happens to a lesion, with the volume that stays behind."""
    if fate.fate in CLEARED:
        stage = f" in stage {fate.stage}" if fate.stage is not None else ""
        return f"{show.words(fate.fate)}{stage}{', margin short' if fate.margin_short else ''}"
    where = f" in {', '.join(fate.left_in)}" if fate.left_in else ""
    return f"{show.words(fate.fate)}: {show.tumour_ml(fate.left_ml)} stays{where}"


def _outcome(fate: LesionFate) -> str:
    if fate.fate in CLEARED:
        return "margin short" if fate.margin_short else "cleared"
    return fate_text(fate)


def careful(fate: LesionFate) -> bool:
    """Return whether a lesion's fate needs a second look: margin short, used up by growth, or not judged."""
    used_up = fate.margin_at_operation_mm is not None and fate.margin_at_operation_mm <= 0.0
    return fate.margin_short or used_up or fate.judged.startswith(("cannot", "not"))


def shares(segments: Mapping[str, float]) -> str:
    """Return segment shares, largest first."""
    return ", ".join(f"{s} {show.percent(v)}" for s, v in sorted(segments.items(), key=lambda item: -item[1]))


def denominator_rows(comparison: Comparison, plans: tuple[PlanResult, ...] | None = None) -> tuple[Row, ...]:
    """Return every denominator with the same FLR under it: now, and at resection (median); of all plans, or some."""

    def line(label: str, ml: float | None, note: str) -> Row:
        cells = [_cell(show.ml(ml)), Cell(note)]
        for plan in comparison.plans if plans is None else plans:
            then = plan.flr_ml_at_resection.median if plan.flr_ml_at_resection is not None else None
            now_text = show.percent(plan.flr_ml / ml) if ml else show.NONE
            then_text = show.percent(then / ml) if ml and then is not None else ""
            cells.append(_cell(f"{now_text} → {then_text}" if then_text else now_text))
        return Row("", label, tuple(cells))

    lesion_ml = comparison.tlv_ml - comparison.tlv_functional_ml
    rows = [
        line("TLV, measured", comparison.tlv_ml, "sum of the segments"),
        line("Functional TLV", comparison.tlv_functional_ml, f"minus {show.ml(lesion_ml)} lesion"),
    ]
    for t in comparison.telv:
        used = " (used)" if t.formula == comparison.telv_formula else ""
        note = "; ".join(part for part in (t.note, t.source) if part)
        rows.append(line(f"TELV {show.words(t.formula)}{used}", t.ml, note))
    return tuple(rows)


def decision_rows(plan: PlanResult) -> list[list[str]]:
    """Return day, kind, FLR, sFLR and function on each day on which something is decided."""
    rows = []
    for d in plan.decisions:
        known: dict[str, Any] = plain(d)
        kind = show.words(str(known.get("kind") or ""))
        stage = known.get("stage")
        cells = [show.day(known.get("day")), f"{kind} {stage}" if kind == "stage" and stage else kind]
        for key, text in (("flr_ml", show.ml), ("sflr", show.percent), ("function", show.percent)):
            q = known.get(key)
            cells.append(
                show.NONE if not q else show.interval(Quantiles(q["median"], q["p10"], q["p90"]), text)
            )
        rows.append(cells)
    return rows


def _cell(text: str) -> Cell:
    return Cell(text or show.NONE, "quiet" if text in ("", show.NONE) else "")


def _tone(word: str) -> str:
    return "loud" if word in ("does_not_meet", "cannot_judge", "fails", "no") else ""


def _left(plan: PlanResult) -> Cell:
    left = [f for f in plan.lesions if uncleared(plan, f)]
    if not left:
        return Cell("none")
    return Cell("; ".join(f"{f.name} {fate_text(f)}" for f in left), "loud")


def _percent1(value: float | None) -> str:
    return show.percent(value, 1)


def _percent2(value: float | None) -> str:
    return show.percent(value, 2)


def _with_formulas(plan: PlanResult) -> str:
    error = plan.sflr_error
    if error is None or not any(part.cause == FORMULA_CAUSE for part in error.components):
        return ""
    return show.plus_minus(plan.sflr, error, show.percent)


def _other_law(plan: PlanResult) -> str | Cell:
    text = show.interval(plan.sflr_at_resection_other_law, show.percent)
    return Cell(f"{text}: the laws disagree", "loud") if plan.growth_law_disagrees else text


def _dropout(plan: PlanResult, reason: str) -> str:
    return show.probability(plan.p_dropout.get(reason))


def _textbook(plan: PlanResult) -> str:
    """Return the probability of a textbook outcome, and why there can be none."""
    text = show.probability(plan.p_textbook)
    return f"{text}: {plan.textbook_note}" if plan.textbook_note else text


def _axis(plan: PlanResult, axis: str) -> Cell:
    word = plan.axes.get(axis, "")
    if axis in plan.axes_unasked:
        return Cell(axis_word(plan, axis), "quiet")
    return Cell(show.words(word), _tone(word)) if word else _cell("")


def axis_word(plan: PlanResult, axis: str) -> str:
    """Return an axis' answer in words: none where nothing was supplied that it asks for."""
    if axis in plan.axes_unasked:
        return UNASKED
    word = plan.axes.get(axis, "")
    return VERDICTS.get(word, show.words(word))


def _failure(plan: PlanResult) -> str:
    return risks.range_text(plan.p_phlf)


def _failure_by(plan: PlanResult, *, name: str) -> str:
    return risks.range_text((plan.p_phlf or {}).get("by_definition", {}).get(name))


def _margins(fate: LesionFate) -> str:
    named = (
        ("planned", fate.margin_planned_mm),
        ("measured", fate.margin_measured_mm),
        ("at operation", fate.margin_at_operation_mm),
    )
    return ", ".join(f"{name} {show.millimetres(mm)}" for name, mm in named if mm is not None) or show.NONE


def _note(fate: LesionFate) -> str:
    # Sentences that only say the fate again are left to the outcome's own cell.
    parts = [] if fate.note.startswith(show.words(fate.fate)) else [fate.note]
    if fate.judged.startswith(("cannot", "not")):
        parts.insert(0, show.words(fate.judged))
    return "; ".join(p for p in parts if p)
