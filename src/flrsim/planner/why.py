"""Why a number is what it is: its formula, what went into it, in which units, and who published the parts."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flrsim.comparison import Compared
from flrsim.errors import EditError
from flrsim.evidence import Evidence, Parameter
from flrsim.planner.quantities import MEASURED, QUANTITIES, Input, draws_of, median_and_range
from flrsim.results import Comparison, PlanResult


@dataclass(frozen=True)
class Published:
    """One clinical number that was read on the way, with its source in one line."""

    id: str
    value: float
    unit: str
    spread: str
    kind: str
    source: str
    note: str


@dataclass(frozen=True)
class Why:
    """A number unfolded.

    Attributes
    ----------
    value : as in the result; None where it does not apply, and `formula` then says when it does.
    """

    title: str
    value: float | None
    low: float | None
    high: float | None
    unit: str
    formula: str
    inputs: tuple[Input, ...]
    numbers: tuple[Published, ...]


def why(compared: Compared, plan: str, quantity: str, evidence: Evidence) -> Why:
    """Unfold a number of a plan.

    Parameters
    ----------
    plan : name of a plan of the comparison.
    quantity : of `QUANTITIES`, or ``rule:`` and the name of a rule of the plan.

    Raises
    ------
    EditError
        When there is no such plan or number.
    """
    result = compared.result
    at = next((i for i, p in enumerate(result.plans) if p.name == plan), None)
    if at is None:
        raise EditError("why", f'there is no plan "{plan}" in this comparison')
    timeline = compared.timelines[at]
    used = set() if timeline is None else set(timeline.used)
    if quantity.startswith("rule:"):
        return _rule(result, result.plans[at], quantity.removeprefix("rule:"), evidence)
    if quantity not in QUANTITIES:
        raise EditError(
            "why",
            f'"{quantity}" is not explained; what is explained are {", ".join(QUANTITIES)} and rule:NAME',
        )
    q = QUANTITIES[quantity]
    found = q.value(result.plans[at])
    value, low, high = median_and_range(found)
    ids = [name for name in sorted(used) if name.startswith(q.reads)] if q.reads else []
    return Why(
        q.title,
        value,
        low,
        high,
        q.unit,
        q.formula,
        tuple(_cited(i, evidence) for i in q.inputs(result, result.plans[at])),
        tuple(published(evidence[name], evidence) for name in ids),
    )


def published(parameter: Parameter, evidence: Evidence) -> Published:
    """Return a clinical number with its spread and its source in words."""
    p = parameter
    if p.spread in ("range", "ci95"):
        spread = f"{p.low:g} to {p.high:g}{' (95 % interval)' if p.spread == 'ci95' else ''}"
    elif p.sd is not None:
        spread = f"SD {p.sd:g}{'' if p.spread == 'sd' else ' on the ' + str(p.spread).replace('_sd', '') + ' scale'}"
    else:
        spread = "none given"
    source = "no source: assumed"
    if p.source:
        (reference,) = evidence.references([p.id])
        source = f"{reference.citation()}; {p.where}" if p.where else reference.citation()
    return Published(p.id, p.value, p.unit, spread, p.kind, source, p.note)


def _cited(given: Input, evidence: Evidence) -> Input:
    """Return an input whose source, where it is a key of the reference list, is written out."""
    try:
        (reference,) = evidence.references((), also=(given.source,))
    except (KeyError, ValueError):
        return given
    return replace(given, source=reference.citation())


def _rule(result: Comparison, plan: PlanResult, name: str, evidence: Evidence) -> Why:
    rule = next((r for r in plan.rules if r.rule == name), None)
    if rule is None:
        known = ", ".join(r.rule for r in plan.rules) or "none"
        raise EditError("why", f'rule "{name}" is not asked of plan "{plan.name}"; its rules are {known}')
    side = {"at_least": "at least", "at_most": "at most", "below": "below"}[rule.direction]
    id = f"rules.{rule.rule}"
    inputs = [
        Input("threshold", rule.threshold, rule.unit, rule.source or "recalled, no source"),
        Input("population", rule.population, "", rule.source or "recalled, no source"),
        Input("probability that the rule is met", rule.p_pass, "fraction", draws_of(result)),
    ]
    if rule.error_low is not None:
        inputs.append(
            Input(
                "80 % error of measurement alone",
                f"{rule.error_low:.4g} to {rule.error_high:.4g}",
                rule.unit,
                MEASURED,
            )
        )
    named = [evidence[id]] if id in evidence else []
    return Why(
        rule.title or rule.rule,
        rule.value,
        rule.error_low,
        rule.error_high,
        rule.unit,
        f"{rule.quantity or rule.rule} {side} {rule.threshold:g}"
        + (f", with {rule.formula}" if rule.formula else "")
        + (f". {rule.note}" if rule.note else ""),
        tuple(_cited(i, evidence) for i in inputs),
        tuple(published(p, evidence) for p in named),
    )
