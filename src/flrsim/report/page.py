"""The page: one HTML file that needs no network and no scripts."""

from __future__ import annotations

import base64
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from flrsim.errors import FileError
from flrsim.evidence.records import Reference
from flrsim.report import context, facts, palette, rules, tables
from flrsim.report import format as show
from flrsim.report.curves import growth_svg
from flrsim.report.records import flat, records
from flrsim.results import Comparison, PlanResult, plain

DISEASES = {
    "crlm": "colorectal liver metastases",
    "hcc": "hepatocellular carcinoma",
    "cholangiocarcinoma": "cholangiocarcinoma",
}
UNIT_AFTER_NUMBER = re.compile(r"(?<=[\d)]) (?=(?:mL|%|mm|cm²|days?|points)(?:\W|$))")
ASSUMPTION_KEYS = ("id", "value", "unit", "low", "high", "verified", "note")


@dataclass(frozen=True)
class ReportPicture:
    """A picture handed in: which plan it shows, after which stage (0 is before any), and what is seen."""

    plan: str
    stage: int
    title: str
    png: bytes
    caption: str


def render_html(comparison: Comparison, pictures: Sequence[ReportPicture] = ()) -> str:
    """Return the page of a comparison; the same input gives the same bytes.

    Parameters
    ----------
    comparison
        The only thing the page reads; no number is simulated or measured here.
    pictures
        Shown with their plan, in the order given.
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
    css = resources.files("flrsim.report").joinpath("templates", "report.css").read_text(encoding="utf-8")
    plans = [_plan(comparison, plan, pictures, n) for n, plan in enumerate(comparison.plans)]
    for plan in plans:
        # Drawn by matplotlib from numbers and words of our own; it escapes what it writes.
        plan["svg"] = None if plan["svg"] is None else Markup(plan["svg"])
    return environment.get_template("report.html.j2").render(
        c=comparison,
        css=Markup(css),
        show=show,
        palette=palette,
        patient=_patient(comparison),
        plans=plans,
        groups=_groups(tables.comparison_rows(comparison, with_verdict=False)),
        causes=facts.CAUSES,
        lesion_place=facts.LESION_PLACE,
        lesion_places=facts.lesion_place_rows(comparison.lesions),
        lesion_costs=facts.lesion_cost_rows(comparison.lesions),
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
        stages_max=max((len(p.stages) for p in comparison.plans), default=0),
    )


def write_html(path: Path, comparison: Comparison, pictures: Sequence[ReportPicture] = ()) -> Path:
    """Write the page; on any failure the old file, or none, is what is there.

    Raises
    ------
    FileError
        When the folder does not exist or cannot be written.
    """
    page = render_html(comparison, pictures)
    if not path.parent.is_dir():
        raise FileError(f"{path}: the folder {path.parent} does not exist; create it or name another")
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise FileError(
            f"{path}: cannot be written ({error.strerror}); name a folder you may write to"
        ) from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(page)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except OSError as error:
        raise FileError(f"{path}: cannot be written ({error.strerror}); name another file") from error
    finally:
        Path(name).unlink(missing_ok=True)
    return path


def _keep_together(value: object) -> object:
    """Return text whose numbers never part from their units at the end of a line."""
    return UNIT_AFTER_NUMBER.sub("\u00a0", value) if type(value) is str else value


def _plan(
    comparison: Comparison, plan: PlanResult, pictures: Sequence[ReportPicture], n: int
) -> dict[str, Any]:
    """Return what the template shows of one plan."""
    return {
        "p": plan,
        "anchor": f"plan-{n + 1}",
        "verdict": tables.verdict(plan),
        "colour": palette.VERDICT_COLOURS.get(plan.verdict, palette.VERDICT_COLOURS["cannot_judge"]),
        "axes": [
            (tables.AXES.get(k, show.words(k)), show.words(v), plan.axis_notes.get(k, ""))
            for k, v in plan.axes.items()
        ],
        "disease": context.disease_rows(plan),
        "decisions": tables.decision_rows(plan),
        "lesions": tables.lesion_lines(comparison, plan),
        "causes": facts.cause_rows(plan),
        "svg": growth_svg(comparison, plan, salt=str(n)),
        "pictures": [
            {"title": i.title, "caption": i.caption, "data": base64.b64encode(i.png).decode("ascii")}
            for i in pictures
            if i.plan == plan.name
        ],
    }


def _citation(reference: Mapping[str, Any]) -> str:
    """Return a source in one line, from its citation or its parts."""
    if reference.get("citation"):
        return str(reference["citation"])
    fields = Reference.__dataclass_fields__
    return Reference(**{k: str(v) for k, v in reference.items() if k in fields and v}).citation()


def _patient(comparison: Comparison) -> str:
    """Return the patient in one line, in the order a surgeon says it."""
    patient = comparison.patient
    if not patient:
        return "patient not supplied"
    known = plain(patient)
    tumour = known.get("tumour")
    if isinstance(tumour, dict) and tumour.get("extrahepatic") == []:
        tumour["extrahepatic"] = "none found"  # somebody looked; what was not said is None
    parts = []
    for key, text in (
        ("sex", "{}"),
        ("age", "{:g} years"),
        ("height_cm", "{:g} cm"),
        ("weight_kg", "{:g} kg"),
        ("bsa_m2", "BSA {:.2f} m²"),
    ):
        value = known.pop(key, None)
        if value is not None:
            parts.append(text.format(value))
    disease = str(known.pop("disease", None) or "")
    if disease:
        parts.append(DISEASES.get(disease, show.words(disease)))
    parts += [f"{show.words(k)}: {flat(v)}" for k, v in known.items() if flat(v) != show.NONE]
    return ", ".join(parts)


def _groups(rows: tuple[tables.Row, ...]) -> list[tuple[str, list[tables.Row]]]:
    """Return rows under their group names, in order."""
    out: list[tuple[str, list[tables.Row]]] = []
    for row in rows:
        if not out or out[-1][0] != row.group:
            out.append((row.group, []))
        out[-1][1].append(row)
    return out
