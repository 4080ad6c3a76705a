"""The validation as one HTML file that needs no network and no scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources

from flrsim.evidence import Reference
from flrsim.evidence.topics import TOPICS
from flrsim.report import validation_words as words
from flrsim.report.plots.validation import topic_svg
from flrsim.results import RESEARCH_NOTE, Validation, ValidationRow


def render_html(validation: Validation, references: Mapping[str, Reference]) -> str:
    """Return the page; the same input gives the same bytes.

    Parameters
    ----------
    references
        Reference list by key; those of the studies shown are printed.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("flrsim.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    css = resources.files("flrsim.report").joinpath("templates", "report.css").read_text(encoding="utf-8")
    topics = [
        {
            "name": topic,
            "rows": [r for r in rows if r.simulated is not None],
            # Drawn by matplotlib from numbers and words of our own; it escapes what it writes.
            "svg": None if svg is None else Markup(svg),
        }
        for topic in TOPICS
        if (rows := [r for r in validation.rows if r.topic == topic])
        for svg in [topic_svg(rows, salt=topic)]
    ]
    cited = sorted({r.source for r in validation.rows})
    return environment.get_template("validation.html.j2").render(
        css=Markup(css),
        note=RESEARCH_NOTE,
        validation=validation,
        words=words,
        summaries=[
            line for split, s in validation.summaries.items() for line in words.summary_lines(split, s)
        ],
        topics=topics,
        findings=_findings(validation),
        unsimulated=_unsimulated(validation.rows),
        references=[(key, references[key].citation()) for key in cited],
    )


def _findings(validation: Validation) -> list[tuple[str, list[ValidationRow]]]:
    """Return the negative findings with their rows."""
    by_name = {f"{r.study}:{r.id}": r for r in validation.rows}
    return [(finding, [by_name[name] for name in names]) for finding, names in validation.findings.items()]


def _unsimulated(rows: Sequence[ValidationRow]) -> list[tuple[str, list[ValidationRow]]]:
    """Return what was not simulated, by reason."""
    found: dict[str, list[ValidationRow]] = {}
    for row in rows:
        if row.simulated is None:
            found.setdefault(row.reason, []).append(row)
    return sorted(found.items(), key=lambda item: -len(item[1]))
