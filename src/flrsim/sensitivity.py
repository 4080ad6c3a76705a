"""Which clinical numbers a plan's answers hang on: elementary effects (Morris) over all of their ranges.

Every number that the plan reads and that has a range is moved, the plan is played and judged again each time, and
what changes is what matters. The geometry is cut once: numbers that only shape cuts are not moved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from flrsim.case import LiverCase
from flrsim.comparison import judge_staged, prepare
from flrsim.draws import Floats
from flrsim.errors import CaseError
from flrsim.evidence import Evidence
from flrsim.physiology.adequacy import last_asked
from flrsim.plan import Plan
from flrsim.results import RESEARCH_NOTE, PlanResult
from flrsim.timeline import Timeline
from flrsim.verdict import VERDICTS

SENSITIVITY_SCHEMA = "flrsim/sensitivity/1"
LEVELS = 4
"""Levels of the Morris design: the customary choice, with steps of two thirds of the range."""

OUTPUTS: dict[str, tuple[str, str]] = {
    "verdict": ("verdict, 0 meets the rules … 3 does not meet", "steps"),
    "earliest_day": ("earliest day with enough volume, median; never counts as the last day asked", "days"),
    "p_complete": ("probability that the plan is completed", "fraction"),
    "sflr": ("sFLR at resection, median", "fraction"),
}
"""Answers by name: what they are, and their unit."""


@dataclass(frozen=True)
class Index:
    """What moving one number over its range does to one answer.

    Attributes
    ----------
    effect : mean of the absolute elementary effects (mu*), in the answer's unit per whole range.
    direction : mean of the signed effects (mu).
    interplay : SD of the effects (sigma): large where the effect depends on other numbers.
    error : half of the 95 % bootstrap interval of `effect`.
    """

    parameter: str
    low: float
    high: float
    effect: float
    direction: float
    interplay: float
    error: float


@dataclass(frozen=True)
class Sensitivity:
    """Elementary effects of all numbers on all answers, the strongest first.

    Attributes
    ----------
    at_values : every answer with all numbers at their values.
    fixed : numbers that were read and have no range: they were not moved.
    """

    case: str
    plan: str
    parameter_set: str
    seed: int
    draws: int
    trajectories: int
    at_values: Mapping[str, float]
    indices: Mapping[str, tuple[Index, ...]]
    fixed: tuple[str, ...]
    runs: int

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "schema": SENSITIVITY_SCHEMA,
            "case": self.case,
            "plan": self.plan,
            "run": {
                "parameter_set": self.parameter_set,
                "seed": self.seed,
                "draws": self.draws,
                "trajectories": self.trajectories,
                "plays": self.runs,
            },
            "at_values": dict(self.at_values),
            "outputs": {name: {"meaning": text, "unit": unit} for name, (text, unit) in OUTPUTS.items()},
            "indices": {name: [dict(i.__dict__) for i in rows] for name, rows in self.indices.items()},
            "not_moved": list(self.fixed),
            "note": RESEARCH_NOTE,
        }


def sensitivity(
    case: LiverCase,
    plan: Plan,
    evidence: Evidence,
    *,
    seed: int,
    draws: int,
    trajectories: int,
    progress: Callable[[str], None] | None = None,
) -> Sensitivity:
    """Return the elementary effects of every number with a range on the answers of one plan.

    Parameters
    ----------
    draws
        Draws per play; all plays share their luck, so few are enough.
    trajectories
        Ways through the space of numbers; each costs one play per number, and one more.

    Raises
    ------
    CaseError
        Without a patient: nothing is simulated then.

    Notes
    -----
    Morris 1991, with the absolute means of Campolongo 2007; the design and the analysis are SALib's.
    """
    if case.patient is None:
        raise CaseError("sensitivity needs the patient's body and treatment; add [patient] to the case.toml")
    say = progress or (lambda _: None)
    staged, scene = prepare(case, (plan,), evidence)
    recorder = evidence.recording()

    def play(numbers: Evidence) -> tuple[dict[str, float], tuple[str, ...]]:
        # No answer lies after the last operation.
        result, timeline = judge_staged(
            case, staged[0], scene, (), numbers, seed=seed, draws=draws, follow_up_days=0
        )
        return _answers(result, timeline, numbers), () if timeline is None else timeline.used

    at_values, played = play(recorder)
    read = [(id, evidence[id].sensitivity) for id in sorted({*recorder.used, *played})]
    moved = {id: bounds for id, bounds in read if bounds is not None and bounds[0] < bounds[1]}
    fixed = tuple(id for id, _ in read if id not in moved)
    design = _design(moved, trajectories, seed)
    rows: dict[str, list[float]] = {name: [] for name in OUTPUTS}
    for n, point in enumerate(design, start=1):
        say(f"play {n} of {len(design)}")
        answers, _ = play(evidence.at(dict(zip(moved, point.tolist(), strict=True))))
        for name, value in answers.items():
            rows[name].append(value)
    return Sensitivity(
        case.name,
        plan.name,
        evidence.parameter_set,
        seed,
        draws,
        trajectories,
        at_values,
        {name: _analyse(moved, design, np.array(values), seed) for name, values in rows.items()},
        fixed,
        len(design),
    )


def _answers(result: PlanResult, timeline: Timeline | None, evidence: Evidence) -> dict[str, float]:
    """Return the answers of one play as numbers."""
    if timeline is None:
        raise CaseError("the plan was not simulated: it has no patient")
    first, at = timeline.earliest[0], timeline.at_resection
    return {
        "verdict": float(VERDICTS.index(result.verdict)),
        "earliest_day": max(last_asked(timeline.course, evidence), first.floor.day)
        if first.median is None
        else first.median,
        "p_complete": timeline.p_complete,
        "sflr": float(np.median((at or timeline.decisions[-1]).sflr)),
    }


def _problem(moved: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    return {"num_vars": len(moved), "names": list(moved), "bounds": [list(b) for b in moved.values()]}


def _design(moved: Mapping[str, tuple[float, float]], trajectories: int, seed: int) -> Floats:
    """Return the points at which the plan is played, (trajectories × (n_numbers + 1), n_numbers)."""
    try:
        from SALib.sample import morris
    except ModuleNotFoundError:
        raise CaseError(
            'sensitivity needs SALib; install it with pip install "flrsim[sensitivity]"'
        ) from None
    points = morris.sample(_problem(moved), trajectories, num_levels=LEVELS, seed=seed)
    return np.asarray(points, dtype=np.float64)


def _analyse(
    moved: Mapping[str, tuple[float, float]], design: Floats, values: Floats, seed: int
) -> tuple[Index, ...]:
    """Return the indices of one answer, the strongest first."""
    from SALib.analyze import morris

    found = morris.analyze(_problem(moved), design, values, num_levels=LEVELS, seed=seed)
    rows = [
        Index(id, *moved[id], float(effect), float(mean), float(sd), float(error))
        for id, effect, mean, sd, error in zip(
            found["names"],
            found["mu_star"],
            found["mu"],
            found["sigma"],
            found["mu_star_conf"],
            strict=True,
        )
    ]
    return tuple(sorted(rows, key=lambda r: (-r.effect, r.parameter)))
