"""The page: one HTML file that needs no network and is whole without scripts."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from flrsim.evidence.records import Reference
from flrsim.report import bailout, context, facts, firstpage, palette, rules, tables
from flrsim.report import format as show
from flrsim.report.marks import lesion_marks
from flrsim.report.model import ReportModel
from flrsim.report.person import patient_line
from flrsim.report.plots.contacts import contacts_svg
from flrsim.report.plots.growth import growth_svg
from flrsim.report.plots.lesion_map import lesion_map_svg
from flrsim.report.plots.scatter import scatter_svg
from flrsim.report.plots.segments import segments_svg
from flrsim.report.records import records
from flrsim.results import Comparison, PlanResult

UNIT_AFTER_NUMBER = re.compile(r"(?<=[\d)]) (?=(?:mL|%|mm|cm²|days?|points)(?:\W|$))")
ASSUMPTION_KEYS = ("id", "value", "unit", "low", "high", "verified", "note")


FIRST_VIEWS = ("anterior", "inferior")
"""Of the pictures of a plan before any operation, those that open its first page."""
GALLERY_COLUMNS = {2: 2, 3: 3, 5: 3, 6: 3}
"""How many small pictures of plans stand side by side, by the number of plans; else four."""


@dataclass(frozen=True)
class ReportPicture:
    """A picture handed in: which plan it shows, after which stage (0 is before any), from where, and what is seen.

    Attributes
    ----------
    legend : colours (sRGB hex) and what they stand for.
    banners : what could not be drawn because it was not supplied.
    small : the plan in little, for the page that sets plans side by side.
    """

    plan: str
    stage: int
    title: str
    png: bytes
    caption: str
    view: str = "anterior"
    legend: tuple[tuple[str, str], ...] = ()
    banners: tuple[str, ...] = ()
    small: bool = False


def render_html(
    comparison: Comparison,
    pictures: Sequence[ReportPicture] = (),
    models: Sequence[ReportModel] = (),
    *,
    more_css: str = "",
) -> str:
    """Return the page of a comparison; the same input gives the same bytes.

    Parameters
    ----------
    comparison
        The only thing the page reads; no number is simulated or measured here.
    pictures
        Shown with their plan, in the order given.
    models
        Interactive pictures, one a plan at most; without any the page holds no script.
    more_css
        Style of our own, after the page's; for paper.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("flrsim.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_keep_together,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    plans = [_plan(comparison, plan, pictures, models, n) for n, plan in enumerate(comparison.plans)]
    _share_geometry(plans)
    drawings = {"scatter": scatter_svg(comparison, salt="s"), "contacts": contacts_svg(comparison, salt="c")}
    for holder in (*plans, drawings):
        for name in ("svg", "lesion_map", "segment_bars", "scatter", "contacts", "states"):
            # Drawn by matplotlib from numbers and words of our own, which escapes what it writes; or escaped JSON.
            if holder.get(name) is not None:
                holder[name] = Markup(holder[name])
    script = _asset("model3d.js") if models else ""
    return environment.get_template("report.html.j2").render(
        c=comparison,
        css=Markup(_asset("report.css") + more_css),
        script=Markup(script),
        script_source=_source(script),
        show=show,
        clipped=firstpage.clipped,
        palette=palette,
        patient=patient_line(comparison.patient),
        question=firstpage.leading_question(comparison),
        plans=plans,
        gallery_legend=_gallery_legend(plans),
        gallery_columns=GALLERY_COLUMNS.get(len(plans), 4),
        marks=lesion_marks([m.name for m in comparison.lesions]),
        groups=_groups(tables.comparison_rows(comparison, with_verdict=False)),
        causes=facts.CAUSES,
        lesion_vessel=facts.LESION_VESSEL,
        lesion_costs=facts.lesion_cost_rows(comparison.lesions),
        bail_out=bailout.BAIL_OUT,
        errors=facts.error_rows(comparison),
        rules=rules.rule_facts(comparison),
        rules_not_asked=rules.rules_not_asked(comparison),
        context_head=context.CONTEXT,
        context=context.context_rows(comparison),
        denominators=tables.denominator_rows(comparison),
        shares=tables.shares,
        assumptions=records(comparison.assumptions, ASSUMPTION_KEYS),
        references=[_citation(r) for r in comparison.references],
        reference_keys=[str(r.get("key") or "") for r in comparison.references],
        **drawings,
    )


def _gallery_legend(plans: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return what the colours of all small pictures stand for; empty where there are none."""
    drawn = {colour for p in plans if p["small_picture"] for colour, _ in p["small_picture"]["legend"]}
    fates = [(palette.fate_colour(k), palette.fate_name(k)) for k in range(len(palette.FATE_COLOURS))]
    others = [
        (palette.LOUD, "lesion left or cut through"),
        (palette.LOST, "will lose inflow or outflow"),
        (palette.PORTAL_VEIN, "portal vein"),
        (palette.HEPATIC_VEIN, "hepatic vein"),
    ]
    return [(colour, text) for colour, text in (*fates, *others) if colour in drawn]


def _share_geometry(plans: Sequence[dict[str, Any]]) -> None:
    """Give plans whose geometry is the same one block of it, which stands with the first of them."""
    blocks: dict[bytes, str] = {}
    for plan in plans:
        model = plan["model"]
        if model is None:
            continue
        new = model.glb not in blocks
        plan["geometry_id"] = blocks.setdefault(model.glb, f"geometry-{plan['number']}")
        plan["geometry"] = model.geometry() if new else None


def _asset(name: str) -> str:
    return resources.files("flrsim.report").joinpath("templates", name).read_text(encoding="utf-8")


def _source(script: str) -> Any:
    """Return the only script that the page lets run, for its content policy: none, or our own by its digest."""
    from markupsafe import Markup

    if not script:
        return Markup("'none'")
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return Markup(f"'sha256-{digest}'")


def _keep_together(value: object) -> object:
    """Return text whose numbers never part from their units at the end of a line."""
    return UNIT_AFTER_NUMBER.sub("\u00a0", value) if type(value) is str else value


def _plan(
    comparison: Comparison,
    plan: PlanResult,
    pictures: Sequence[ReportPicture],
    models: Sequence[ReportModel],
    n: int,
) -> dict[str, Any]:
    """Return what the template shows of one plan."""
    small = next((_picture(i) for i in pictures if i.plan == plan.name and i.small), None)
    own = [_picture(i) for i in pictures if i.plan == plan.name and not i.small]
    first = [i for view in FIRST_VIEWS for i in own if i["stage"] == 0 and i["view"] == view]
    model = next((m for m in models if m.plan == plan.name), None)
    alone = tables.denominator_rows(comparison, (plan,))
    return {
        "p": plan,
        "number": n + 1,
        "anchor": f"plan-{n + 1}",
        "verdict": tables.verdict(plan),
        "colour": palette.VERDICT_COLOURS.get(plan.verdict, palette.VERDICT_COLOURS["cannot_judge"]),
        "headline": firstpage.headline(plan),
        "small_picture": small,
        "first_pictures": first,
        "later_pictures": [i for i in own if i not in first],
        "model": model,
        "states": None if model is None else model.states(),
        "staying": firstpage.staying(plan),
        "lesions": tables.lesion_lines(comparison, plan),
        "numbers": firstpage.numbers(comparison, plan),
        "volume_rules": firstpage.volume_rules(plan),
        "calendar": firstpage.calendar_rows(plan),
        "risks": firstpage.risk_rows(plan),
        "risk_remark": firstpage.risk_remark(plan),
        "plan_b": firstpage.plan_b(comparison, plan),
        "lesion_vessels": facts.lesion_vessel_rows(comparison, plan),
        "denominators": [(row.label, *(cell.text for cell in row.cells)) for row in alone],
        "bail_out": bailout.bail_out_rows(plan),
        "axes": [
            (tables.AXES.get(k, show.words(k)), tables.axis_word(plan, k), plan.axis_notes.get(k, ""))
            for k in plan.axes
        ],
        "disease": context.disease_rows(plan),
        "decisions": tables.decision_rows(plan),
        "causes": facts.cause_rows(plan),
        "svg": growth_svg(comparison, plan, salt=f"g{n}"),
        "lesion_map": lesion_map_svg(comparison, plan, salt=f"m{n}"),
        "segment_bars": segments_svg(comparison, plan, salt=f"b{n}"),
    }


def _picture(picture: ReportPicture) -> dict[str, Any]:
    data = base64.b64encode(picture.png).decode("ascii")
    return {
        "stage": picture.stage,
        "view": picture.view,
        "title": picture.title,
        "caption": picture.caption,
        "legend": picture.legend,
        "banners": picture.banners,
        "data": data,
    }


def _citation(reference: Mapping[str, Any]) -> str:
    """Return a source in one line, from its citation or its parts."""
    if reference.get("citation"):
        return str(reference["citation"])
    fields = Reference.__dataclass_fields__
    return Reference(**{k: str(v) for k, v in reference.items() if k in fields and v}).citation()


def _groups(rows: tuple[tables.Row, ...]) -> list[tuple[str, list[tables.Row]]]:
    """Return rows under their group names, in order."""
    out: list[tuple[str, list[tables.Row]]] = []
    for row in rows:
        if not out or out[-1][0] != row.group:
            out.append((row.group, []))
        out[-1][1].append(row)
    return out
