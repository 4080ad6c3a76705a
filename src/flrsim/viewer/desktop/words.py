"""What the window prints: numbers of the day, of what is picked, of a trial cut; keys."""

from __future__ import annotations

from textwrap import fill

from flrsim.report import format as show
from flrsim.report import palette
from flrsim.results import RESEARCH_NOTE, LesionVolume, Quantiles
from flrsim.viewer.desktop.state import Picked, ViewState
from flrsim.viewer.desktop.tools import Taken
from flrsim.viewer.shown import Readout, Shown

KEYS = (
    ("right, left", "one day on, back"),
    ("n, b", "next, previous day on which something is done or read"),
    ("0", "the plan on the images"),
    ("d, D", "next, previous plan"),
    ("k", "second plan beside this one, cameras linked"),
    ("click", "read the numbers of a lesion or segment"),
    ("y", "trial plane: drag it, its arrow points to what would go"),
    ("i", "trial wedge around the picked lesion; its slider sets the margin"),
    ("x, z", "from the front, from below"),
    ("l", "legend of the colours"),
    ("g", "save this picture"),
    ("o", "save the course as a movie; keys go on working; again: stop it"),
    ("h", "this list"),
    ("q", "close"),
)


def head(shown: Shown, readout: Readout) -> str:
    """Return plan, day and live numbers, a line each."""
    day = "the plan, on the images" if readout.day is None else f"day {readout.day}"
    if readout.operations_done:
        day += f", after stage {readout.operations_done}"
    lines = [shown.name, day]
    flr = readout.flr_ml
    if flr is None:
        lines.append("volumes not simulated")
    else:
        between = "" if flr.p10 is None else f"  ({show.ml(flr.p10)} to {show.ml(flr.p90)})"
        lines.append(f"FLR {show.ml(flr.median)}{between}")
    if shown.result is not None:
        rule = readout.rule
        if readout.day is None and (rule is None or rule.formula):
            lines.append(f"{show.percent(shown.result.flr_fraction, 1)} of the functional liver")
        if readout.sflr is not None:
            lines.append(f"sFLR {_between(readout.sflr)}")
        if rule is not None:
            # A rule on another share than sFLR is printed with that share.
            if readout.share is not None and not rule.formula:
                lines.append(f"{rule.quantity} {_between(readout.share)}")
            lines.append(f"{readout.asked}, {rule.population}")
        if readout.vessels_lost:
            lines.append(readout.vessels_lost)
    if readout.is_scaled:
        lines.append(
            f"kept tissue drawn {readout.growth.volume:.2f} × about {readout.growth.centre_name}: shape not predicted"
        )
    return "\n".join(lines)


def _between(share: Quantiles) -> str:
    return f"{show.percent(share.median, 1)}  ({show.percent(share.p10, 1)} to {show.percent(share.p90, 1)})"


def picked_text(shown: Shown, day: int | None, picked: Picked, facts: LesionVolume | None) -> str:
    """Return the numbers of a lesion or segment; each says whether it is of the day or of the images."""
    if picked.kind == "segment":
        return _segment(shown, picked.name)
    now = next(x for x in shown.readout(day).lesions if x.name == picked.name)
    lesion = shown.case.lesion(picked.name)
    fate = "not judged: no plan" if now.fate is None else show.words(now.fate)
    if now.stage is not None:
        fate += f" in stage {now.stage}"
    d = now.diameter_mm
    across = f"{show.millimetres(d.median)} across"
    if d.p10 is not None and d.p10 != d.p90:
        across += f" ({show.millimetres(d.p10)} to {show.millimetres(d.p90)})"
    when = "" if day is None else f" on day {day}"
    lines = [picked.name, fate, f"{show.tumour_ml(lesion.volume_ml)} on the {images(shown)}", across + when]
    if now.margin_mm is not None:
        planned = "" if now.margin_planned_mm is None else f", planned {show.length(now.margin_planned_mm)}"
        lines.append(f"to the cut {show.millimetres(now.margin_mm)}{when}{planned}")
    elif now.fate == "cut_through":
        lines.append("to the cut 0 mm: cut through")
    if facts is not None:
        lines += _near(facts)
    return "\n".join(lines)


def _near(facts: LesionVolume) -> list[str]:
    near = (facts.nearest_hepatic_vein, facts.nearest_portal_pedicle, facts.nearest_unsplit_vessel)
    lines = [
        f"to {v.name} {show.millimetres(v.distance_mm)} on the images"
        + (" (border, stands in)" if v.proxy else "")
        for v in near
        if v is not None
    ]
    return lines or ["vessels not supplied"]


def images(shown: Shown) -> str:
    """Return what volumes that were measured are of: a day's own are simulated for the whole FLR alone."""
    return f"images (day {shown.case.scan_day})"


def _segment(shown: Shown, name: str) -> str:
    case = shown.case
    lines = [
        name,
        f"mL of the {images(shown)}:",
        f"{show.ml(case.segment_ml[name])} with all in it",
        f"{show.ml(case.parenchyma_ml[name])} parenchyma",
    ]
    staged = shown.staged
    if staged is not None:
        stays = staged.flr_ml.get(name, 0.0)
        lines.append(f"{show.ml(stays)} of it {palette.fate_name(0)}")
        lines += [
            f"{show.ml(op.removed_ml[name])} {palette.fate_name(op.stage)}"
            for op in staged.operations
            if op.removed_ml.get(name, 0.0) > 0
        ]
    inside = [les.name for les in case.lesions if les.segments.get(name, 0.0) > 0]
    lines.append("holds " + (", ".join(inside) or "no lesion"))
    return "\n".join(lines)


def taken_text(what: str, taken: Taken, shown: Shown) -> str:
    """Return what a trial cut would take and leave of the liver on the images, whatever the day that is shown."""
    telv_ml = shown.telv_ml
    whole = taken.taken_ml + taken.left_ml
    left = f"leaves {show.ml(taken.left_ml)}, {show.percent(taken.left_ml / whole, 1)}"
    if telv_ml:
        left += f", sFLR {show.percent(taken.left_ml / telv_ml, 1)}"
    lines = [what, f"mL of the {images(shown)}:", f"takes {show.ml(taken.taken_ml)} parenchyma", left]
    if taken.lesions_taken:
        lines.append("takes " + ", ".join(taken.lesions_taken))
    if taken.lesions_cut:
        lines.append("CUTS THROUGH " + ", ".join(taken.lesions_cut))
    lines.append("a trial, not a plan")
    return "\n".join(lines)


def foot(state: ViewState) -> str:
    """Return the line at the foot of the window: a message, else what the window is."""
    return state.message or f"h: keys   ·   {RESEARCH_NOTE}"


def help_text() -> str:
    """Return the list of keys."""
    return "\n".join(f"{key}: {text}" for key, text in KEYS)


def wrapped(text: str, width: int) -> str:
    """Return text with lines of at most `width` characters; a line that goes on is set in."""
    return "\n".join(fill(line, width, subsequent_indent="   ") for line in text.split("\n"))
