"""The numbers of a plan that can be unfolded: formula, inputs, and the clinical numbers that each reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flrsim.results import Comparison, DayQuantiles, PlanResult, Quantiles

MEASURED = "measured on the case's voxels"
GIVEN = "the case file"
PERCENTILES = "median of the draws; the range holds 80 % of them"


@dataclass(frozen=True)
class Input:
    """One thing that went into a number; `source` says where it came from."""

    name: str
    value: float | str | None
    unit: str
    source: str


@dataclass(frozen=True)
class Quantity:
    """How one number of a plan comes about: `reads` are the beginnings of the ids that enter it."""

    title: str
    unit: str
    formula: str
    value: Callable[[PlanResult], object]
    inputs: Callable[[Comparison, PlanResult], Sequence[Input]]
    reads: tuple[str, ...] = ()


def median_and_range(found: object) -> tuple[float | None, float | None, float | None]:
    """Return a number with the ends of its 80 % range, None where it has none."""
    if isinstance(found, Quantiles | DayQuantiles):
        return found.median, found.p10, found.p90
    return (float(found) if isinstance(found, int | float) else None), None, None


def draws_of(result: Comparison) -> str:
    """Return where a simulated number comes from."""
    return f"simulated, {result.run.draws} draws, seed {result.run.seed}"


def _telv(result: Comparison) -> Input:
    row = next((t for t in result.telv if t.formula == result.telv_formula), None)
    if row is None:
        return Input("estimated total liver (TELV)", None, "mL", "no patient in the case file")
    return Input(f"estimated total liver (TELV), {row.formula}", row.ml, "mL", row.source)


def _body(result: Comparison) -> list[Input]:
    p: Mapping[str, object] = result.patient or {}
    names = (
        ("height_cm", "height", "cm"),
        ("weight_kg", "weight", "kg"),
        ("bsa_m2", "body surface (Mosteller)", "m²"),
    )
    out = []
    for key, name, unit in names:
        value = p.get(key)
        out.append(Input(name, value if isinstance(value, int | float) else None, unit, GIVEN))
    return out


def _weight(result: Comparison) -> Input:
    return _body(result)[1]


def _flr(plan: PlanResult) -> Input:
    return Input(f"FLR, parenchyma of {' + '.join(plan.flr_segments)}", plan.flr_ml, "mL", MEASURED)


def _stages(result: Comparison, plan: PlanResult) -> list[Input]:
    out = [
        Input(f"stage {s.stage}, {s.operation}: tissue taken", s.resected_ml, "mL", MEASURED)
        for s in plan.stages
    ]
    return [Input("total liver, all segments", result.tlv_ml, "mL", MEASURED), *out]


def _at_resection(result: Comparison, plan: PlanResult) -> list[Input]:
    return [
        _flr(plan),
        Input("day of the last operation", plan.resection_day, "day", "the plan"),
        Input("FLR on that day", median_and_range(plan.flr_ml_at_resection)[0], "mL", draws_of(result)),
        _telv(result),
    ]


def _growth(result: Comparison, plan: PlanResult) -> list[Input]:
    return [
        _flr(plan),
        _telv(result),
        Input("day of the scan", plan.scan_day, "day", "the plan"),
        Input(
            "degree of hypertrophy",
            median_and_range(plan.degree_of_hypertrophy)[0],
            "fraction",
            draws_of(result),
        ),
    ]


def _dropout(result: Comparison, plan: PlanResult) -> list[Input]:
    rows = [Input(f"drop-out: {name}", p, "fraction", draws_of(result)) for name, p in plan.p_dropout.items()]
    return [Input("complete", plan.p_complete, "fraction", draws_of(result)), *rows]


def _failure(result: Comparison, plan: PlanResult) -> list[Input]:
    given = plan.p_phlf or {}
    return [
        Input(
            "sFLR at the last operation",
            median_and_range(plan.sflr_at_resection)[0],
            "fraction",
            draws_of(result),
        ),
        Input(
            "function at the last operation",
            median_and_range(plan.function_at_resection)[0],
            "fraction",
            draws_of(result),
        ),
        Input("definition", str(given.get("definition", "")), "", "the numbers below"),
    ]


def _risk(result: Comparison, plan: PlanResult) -> list[Input]:
    given = plan.p_phlf or {}
    low, high = given.get("low"), given.get("high")
    return [
        Input(
            "liver failure after the last operation, were it done in all draws, low of the range",
            low,
            "fraction",
            draws_of(result),
        ),
        Input(
            "liver failure after the last operation, were it done in all draws, high of the range",
            high,
            "fraction",
            draws_of(result),
        ),
        *(Input(f"stage {s.stage}", s.operation, "", "the plan") for s in plan.stages),
    ]


def _death(result: Comparison, plan: PlanResult) -> list[Input]:
    """Return what death of all who start adds up from; who is not operated on does not die of the operation."""
    draws, found = draws_of(result), (plan.p_phlf or {}).get("operated")
    if found is None:
        return [Input("died of a step, no operation follows", plan.p_death_90d, "fraction", draws)]
    share, died = found["share"], found["died"]
    return [
        Input("died before the last operation", found["died_before"], "fraction", draws),
        Input("operated on last, of all who start", share, "fraction", draws),
        Input("death after it, of those operated on", died / share if share else None, "fraction", draws),
        *_risk(result, plan),
    ]


def _earliest(result: Comparison, plan: PlanResult) -> list[Input]:
    rule = next((r for r in plan.rules if r.binding), None)
    never = None if plan.earliest_day_volume_ok is None else plan.earliest_day_volume_ok.never
    return [
        Input(
            "binding rule", "none" if rule is None else rule.title, "", "" if rule is None else rule.source
        ),
        Input("draws in which it is never reached", never, "fraction", draws_of(result)),
        _telv(result),
    ]


def _phlf_middle(plan: PlanResult) -> Quantiles | None:
    if plan.p_phlf is None:
        return None
    low, high = plan.p_phlf["low"], plan.p_phlf["high"]
    return None if low is None else Quantiles((low + high) / 2, low, high)


GROWTH = ("growth.", "injury.", "volumetry.rescan")
QUANTITIES: Mapping[str, Quantity] = {
    "flr_ml": Quantity(
        "future liver remnant",
        "mL",
        "parenchyma that stays after all operations, without lesions; at the size of the imaging day",
        lambda p: p.flr_ml,
        _stages,
    ),
    "flr_fraction": Quantity(
        "FLR of the functional liver",
        "fraction",
        "FLR / (total liver − lesions)",
        lambda p: p.flr_fraction,
        lambda c, p: [_flr(p), Input("total liver without lesions", c.tlv_functional_ml, "mL", MEASURED)],
    ),
    "sflr": Quantity(
        "standardised FLR",
        "fraction",
        "FLR / TELV; TELV = intercept + slope × body surface",
        lambda p: p.sflr,
        lambda c, p: [_flr(p), _telv(c), *_body(c)],
        ("telv.",),
    ),
    "flr_body_weight": Quantity(
        "FLR per body weight",
        "fraction",
        "FLR in g / weight in g; 1 mL of liver is taken as 1 g",
        lambda p: p.flr_body_weight,
        lambda c, p: [_flr(p), _weight(c)],
    ),
    "flr_ml_at_resection": Quantity(
        "FLR at the last operation",
        "mL",
        "FLR × relative growth since the stimulus, in every draw; " + PERCENTILES,
        lambda p: p.flr_ml_at_resection,
        _at_resection,
        GROWTH,
    ),
    "sflr_at_resection": Quantity(
        "standardised FLR at the last operation",
        "fraction",
        "FLR on that day / TELV, in every draw; " + PERCENTILES,
        lambda p: p.sflr_at_resection,
        _at_resection,
        (*GROWTH, "telv."),
    ),
    "function_at_resection": Quantity(
        "function of the FLR at the last operation",
        "fraction",
        "FLR × function of a mL / TELV: 1 is a healthy liver of the estimated size; " + PERCENTILES,
        lambda p: p.function_at_resection,
        _at_resection,
        ("function.", *GROWTH),
    ),
    "degree_of_hypertrophy": Quantity(
        "degree of hypertrophy",
        "fraction",
        "sFLR at the scan − sFLR before; asked only on a scan day; " + PERCENTILES,
        lambda p: p.degree_of_hypertrophy,
        _growth,
        (*GROWTH, "telv."),
    ),
    "kgr_per_week": Quantity(
        "kinetic growth rate",
        "fraction/week",
        "degree of hypertrophy / weeks from the stimulus to the scan; asked only on a scan day; "
        + PERCENTILES,
        lambda p: p.kgr_per_week,
        _growth,
        (*GROWTH, "telv."),
    ),
    "earliest_day_volume_ok": Quantity(
        "first day with enough volume",
        "day",
        "first day on which the sFLR reaches the binding rule, not before the waiting times; " + PERCENTILES,
        lambda p: p.earliest_day_volume_ok,
        _earliest,
        (*GROWTH, "rules.", "telv."),
    ),
    "p_complete": Quantity(
        "all operations done, alive after 90 days",
        "fraction",
        "1 − drop-out by progression, growth, complication and death; each draw drops out once at most",
        lambda p: p.p_complete,
        _dropout,
        ("dropout.", "risk.death", "tumour."),
    ),
    "p_phlf": Quantity(
        "liver failure after the last operation",
        "fraction",
        "mean probability over all draws, were it done in each, low and high of two published forms; each cause enters once",
        _phlf_middle,
        _failure,
        ("risk.phlf", "function."),
    ),
    "p_death_90d": Quantity(
        "death within 90 days of any step, of all who start",
        "fraction",
        "died before the last operation + operated on last × death after it, of those operated on; in every draw that is operated "
        "on death after it is other causes + (1 − other causes) × liver failure × death after failure",
        lambda p: p.p_death_90d,
        _death,
        ("risk.death", "risk.phlf"),
    ),
    "p_death_last": Quantity(
        "death within 90 days of the last operation, were it done in all draws",
        "fraction",
        "other causes + (1 − other causes) × liver failure × death after failure, over all draws, were it done in each; other causes "
        "are raised where a published total is higher",
        lambda p: p.p_death_last,
        _risk,
        ("risk.death", "risk.phlf"),
    ),
    "p_major_morbidity": Quantity(
        "major complication",
        "fraction",
        "odds by extent of the operations, each cause once; in the draws that come to each operation",
        lambda p: p.p_major_morbidity,
        _risk,
        ("risk.morbidity",),
    ),
    "p_textbook": Quantity(
        "textbook outcome",
        "fraction",
        "complete, all lesions cleared, no liver failure, no major complication, no death",
        lambda p: p.p_textbook,
        _dropout,
        ("risk.", "dropout."),
    ),
}
"""Numbers of a plan that can be unfolded, by their name in `flrsim.results.PlanResult`."""
