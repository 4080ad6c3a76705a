"""What a course played forward says, in its stable form."""

from __future__ import annotations

from math import isnan
from typing import Any

from flrsim.draws import Floats, Spread, spread
from flrsim.results import Quantiles
from flrsim.timeline import Curve, Operated, Timeline


def quantiles(values: Floats) -> Quantiles:
    """Return median and 80 % interval of draws."""
    return of_spread(spread(values))


def of_spread(s: Spread) -> Quantiles:
    """Return a spread in its stable form."""
    return Quantiles(s.median, s.p10, s.p90)


def cause_lines(timeline: Timeline) -> tuple[dict[str, Any], ...]:
    """Return what each cause costs: mL, points of sFLR, days, points of function and of liver failure."""
    return tuple(
        {
            "factor": line.modifier,
            "text": line.text,
            "value": line.multiplier,
            "function": line.function,
            "cost_ml": line.cost_ml,
            "cost_points": None if not timeline.telv.ml else 100 * line.cost_ml / timeline.telv.ml,
            "cost_days": line.cost_days,
            "cost_function_points": 100 * line.cost_function,
            "cost_failure_points": 100 * line.cost_failure,
        }
        for line in timeline.ledger
    )


def failure(timeline: Timeline) -> dict[str, Any] | None:
    """Return the range of liver failure, by the definition it was modelled in and by each other one.

    It is that of all draws, were the last operation done; ``operated`` is that of the draws in which it is done, null
    where they are too few.
    """
    if timeline.p_phlf_low is None or timeline.p_phlf_high is None:
        return None
    operated = timeline.operated
    return {
        "low": timeline.p_phlf_low,
        "high": timeline.p_phlf_high,
        "definition": timeline.phlf_definition,
        "cause": timeline.phlf_cause,
        "population": "all draws, were the last operation done",
        "remark": timeline.phlf_remark,
        "operated": None if operated is None else _operated(operated),
        "by_definition": {
            name: {"low": low, "high": high} for name, (low, high) in timeline.p_phlf_by_definition.items()
        },
    }


def _operated(found: Operated) -> dict[str, Any]:
    return {
        "share": found.share,
        "draws": found.draws,
        "low": found.p_phlf_low,
        "high": found.p_phlf_high,
        "death": found.p_death,
        "died": found.died,
        "died_before": found.died_before,
    }


def injury_shares(timeline: Timeline) -> dict[str, Any]:
    """Return the share of draws with each injury when growth is stimulated and at the last operation."""
    return {"at_growth": timeline.injury.to_dict(), "at_resection": timeline.injury_at_resection.to_dict()}


def rescan_result(timeline: Timeline) -> dict[str, Any] | None:
    """Return what measured volumes said; None where nothing was measured."""
    learnt, absolute = timeline.rescan, timeline.rescan_absolute
    if learnt is None or absolute is None:
        return None
    return {
        "days": list(learnt.days),
        "measured_ml": list(learnt.measured_ml),
        "predicted_ml": [of_spread(s) for s in learnt.predicted_ml],
        "effective_sample_size": learnt.effective_sample_size,
        "predicted_ml_absolute": [of_spread(s) for s in absolute.predicted_ml],
        "effective_sample_size_absolute": absolute.effective_sample_size,
        "draws": learnt.n_draws,
    }


def growth_notes(timeline: Timeline | None) -> tuple[str, ...]:
    """Return what must be read beside the volumes."""
    if timeline is None:
        return ()
    notes = list(timeline.growth_remarks)
    if timeline.growth_law_disagrees:
        laws = timeline.growth_laws
        notes.append(
            f"the verdict on volume depends on the growth law: median sFLR {100 * laws.median_relative:.1f} % by the relative law, "
            f"{100 * laws.median_absolute:.1f} % by the absolute law"
        )
    if timeline.response is not None and timeline.response.kgr_per_week is None:
        notes.append(timeline.kgr_reason)
    percent = round(100 * timeline.p_turned_away)
    if percent > 0:
        notes.append(
            f"not operated on for too little volume on these images: {percent} % of draws; liver failure, and death after the "
            "last operation, are said as if they were, so that turning them away does not make the operation look safe"
        )
    if timeline.rescan is not None:
        notes.extend(_measured(timeline))
    partition = _partition_note(timeline)
    if partition:
        notes.append(partition)
    return (*notes, *timeline.liver_remarks)


def textbook_note(timeline: Timeline) -> str:
    """Return why the plan can have no textbook outcome; empty where it can."""
    course = timeline.course
    if not course.operations:
        return "no operation"
    cut, left = ([x.name for x in course.lesions if x.fate == fate] for fate in ("cut_through", "left"))
    why = []
    if cut:
        why.append(f"{', '.join(cut)} {'is' if len(cut) == 1 else 'are'} cut through on these images")
    if left:
        why.append(f"{', '.join(left)} {'stays' if len(left) == 1 else 'stay'}")
    if not why and timeline.p_operations_done == 0:
        why.append("no draw reaches the last operation")
    return "; ".join(why)


def tumour_notes(timeline: Timeline | None) -> tuple[str, ...]:
    """Return what was assumed about the response to treatment, and how often a new lesion appears."""
    if timeline is None:
        return ()
    notes = list(timeline.tumour_remarks)
    percent = round(100 * timeline.p_new_lesion)
    if percent > 0:
        day = timeline.decisions[-1].day
        notes.append(
            f"by day {day} a lesion that these images do not show has appeared in {percent} % of draws; drop-out by "
            "progression includes such lesions"
        )
    return tuple(notes)


def _measured(timeline: Timeline) -> list[str]:
    learnt, absolute = timeline.rescan, timeline.rescan_absolute
    if learnt is None or absolute is None:
        return []
    said = [
        f"day {day}: FLR measured {ml:.0f} mL, {s.median:.0f} mL ({s.p10:.0f} to {s.p90:.0f}) were expected"
        for day, ml, s in zip(learnt.days, learnt.measured_ml, learnt.predicted_ml, strict=True)
    ]
    worth = (
        f"{learnt.effective_sample_size:.0f} of {learnt.n_draws} draws, "
        f"{absolute.effective_sample_size:.0f} by the absolute growth law"
    )
    return [
        f"{'; '.join(said)}; everything later follows from it (worth {worth})",
        *filter(None, [learnt.note, absolute.note]),
    ]


def _partition_note(timeline: Timeline) -> str:
    """Return how far volume runs ahead of function after a liver partition; empty without one."""
    course, at = timeline.course, timeline.at_resection
    if at is None or not any((s.technique or "").startswith("alpps") for s in course.steps):
        return ""
    first = next((d for d in timeline.decisions if d.day <= course.first_day), None)
    volume = f"volume {100 * spread(at.sflr).median:.0f} %, function {100 * spread(at.function).median:.0f} %"
    if first is None:
        return (
            f"after liver partition volume overstates function: on day {at.day} {volume} of a healthy liver"
        )
    gain, more = (
        100 * (spread(now).median / spread(then).median - 1)
        for now, then in ((at.sflr, first.sflr), (at.function, first.function))
    )
    return (
        f"after liver partition volume overstates function: by day {at.day} volume has gained {gain:.0f} %, "
        f"function {more:.0f} % ({volume} of a healthy liver)"
    )


def decision_lines(timeline: Timeline) -> tuple[dict[str, Any], ...]:
    """Return volume and function on each day on which something is decided."""
    return tuple(
        {
            "day": d.day,
            "kind": d.kind,
            "stage": d.stage,
            "flr_ml": quantiles(d.flr_ml),
            "sflr": quantiles(d.sflr),
            "sflr_other_law": quantiles(d.sflr_absolute),
            "function": quantiles(d.function),
        }
        for d in timeline.decisions
    )


def curves_of(timeline: Timeline) -> dict[str, Any]:
    """Return the percentiles of every day: days, flr_ml, sflr, function, tumour_ml, and lesion_mm by lesion.

    `p_sufficient` is the share of draws that meet the binding rule on sFLR that day.
    """

    def curve(c: Curve) -> dict[str, Any]:
        return {name: _or_none(v) for name, v in (("median", c.median), ("p10", c.p10), ("p90", c.p90))}

    return {
        "days": timeline.days.tolist(),
        "flr_ml": curve(timeline.flr_ml),
        "sflr": curve(timeline.sflr),
        "function": curve(timeline.function),
        "tumour_ml": curve(timeline.tumour_ml),
        "p_sufficient": timeline.p_sufficient.tolist(),
        "lesion_mm": {name: curve(c) for name, c in timeline.lesion_mm.items()},
    }


def _or_none(values: Floats) -> list[float | None]:
    return [None if isnan(v) else v for v in values.tolist()]
