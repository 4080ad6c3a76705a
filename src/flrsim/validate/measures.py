"""What each printed quantity is in a virtual patient, or why there is no such thing in the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from flrsim.draws import Floats
from flrsim.physiology.function import function_per_ml
from flrsim.physiology.interval import REASONS
from flrsim.physiology.risk import by_definition
from flrsim.tumour import TrialResponse
from flrsim.validate.arms import Part, Simulated
from flrsim.validate.courses import operation_day, stimulated
from flrsim.validate.numbers import NotSimulatedError

_DAYS_PER_WEEK = 7.0

Measure = Callable[[Simulated, float | None], Floats]

WHY_NOT: Mapping[str, str] = {
    "poor_growth": "the paper's limit of poor growth is not printed",
    "growth_of_segment": "sectors with and without drainage are not followed apart",
    "weeks_off": "it describes the patients; the simulation is told it",
    "interval_days": "it is when people operated; the simulation is told it",
    "icg_clearance": "function is relative; no test's own unit is simulated",
    "phlf_isgls_stage1": "failure is simulated after the last operation alone",
    "mortality_30d": "deaths are simulated to 90 days alone",
    "mortality_hospital": "deaths are simulated to 90 days alone",
    "morbidity": "only major complications are simulated",
    "liver_complication": "only major complications of any kind are simulated",
    "r0": "margins belong to a plan's geometry, not to a cohort",
    "operated": "what makes a tumour resectable again belongs to a plan's geometry",
    "disappearing": "it depends on the sizes of the lesions, which are not printed",
    "sterile": "it is a share that the model reads from the evidence, not one that it simulates",
    "time_to_response": "only time to progression is simulated",
    "time_to_best_response": "only time to progression is simulated",
}
"""Quantities that no cohort gives, with the reason."""


def values_of(run: Simulated, quantity: str, day: float | None) -> Floats:
    """Return a quantity of the patients of an arm; a share may be of some of them only, 0 and 1.

    Raises
    ------
    NotSimulatedError
        With the reason.
    """
    if "subgroup" in run.arm:
        raise NotSimulatedError(f"chosen by something that no arm's key says: {run.arm['subgroup']}")
    measure = MEASURES.get(quantity)
    if measure is None:
        raise NotSimulatedError(WHY_NOT.get(quantity, "the model has no such quantity"))
    return measure(run, day)


def starting_flr(run: Simulated) -> Floats:
    """Return the measured sFLR before the stimulus or right after the resection, (n,)."""
    return np.asarray(run.by_patient(lambda p: p.volumes.sflr(0)) * run.noise("start"))


def _scan(run: Simulated, day: float | None) -> float:
    """Return the day of a row, or of the arm's last volumetry."""
    days = run.arm.get("scan_days", [])
    if day is None and not days:
        raise NotSimulatedError("the day is not stated")
    return float(days[-1] if day is None else day)


def _later(run: Simulated, day: float) -> Floats:
    """Return the measured sFLR on a day after the stimulus, (n,)."""
    if not stimulated(run.arm):
        raise NotSimulatedError("growth before an operation needs a stimulus, and the arm names none")
    return np.asarray(run.by_patient(lambda p: p.volumes.sflr(day)) * run.noise(f"{day:g}"))


def _relative_growth(run: Simulated, day: float | None) -> Floats:
    return np.asarray(_later(run, _scan(run, day)) / starting_flr(run) - 1.0)


def _hypertrophy(run: Simulated, day: float | None) -> Floats:
    return np.asarray(_later(run, _scan(run, day)) - starting_flr(run))


def _kgr(run: Simulated, day: float | None) -> Floats:
    at = _scan(run, day)
    return _hypertrophy(run, at) / (at / _DAYS_PER_WEEK)


def _kgr_later(run: Simulated, day: float | None) -> Floats:
    days = run.arm.get("scan_days", [])
    if len(days) < 2:
        raise NotSimulatedError("growth between two volumetries needs the days of both")
    before, at = float(days[-2]), float(days[-1])
    return np.asarray((_later(run, at) - _later(run, before)) / ((at - before) / _DAYS_PER_WEEK))


def _ml_gain(run: Simulated, day: float | None) -> Floats:
    return _hypertrophy(run, day) * run.telv_ml


def _sflr(run: Simulated, day: float | None) -> Floats:
    return _later(run, _scan(run, day))


def _deprived(part: Part, day: float) -> Floats:
    """Return what has lost its portal inflow, mL."""
    return part.volumes.remaining_ml(day, 0) - part.volumes.flr_ml(day)


def _embolized_share(run: Simulated, day: float | None) -> Floats:
    at = _scan(run, day)
    return run.by_patient(lambda p: _deprived(p, at) / p.volumes.remaining_ml(at, 0))


def _deprived_change(run: Simulated, day: float | None) -> Floats:
    at = _scan(run, day)
    return run.by_patient(lambda p: _deprived(p, at) / _deprived(p, 0)) * run.noise("side") - 1.0


def _after_operation(run: Simulated, day: float | None) -> Floats:
    """Return what is left, over the liver before, on a day after the last operation, (n,)."""
    if day is None:
        raise NotSimulatedError("the day after the operation is not stated")
    operated = operation_day(run.arm, run.evidence)
    return run.by_patient(lambda p: p.after.flr_ml(operated + day) / p.course.tlv_functional_ml) * run.noise(
        f"after {day:g}"
    )


def _of_initial(run: Simulated, day: float | None) -> Floats:
    return _after_operation(run, day) / run.noise("whole")


def _growth_of_remnant(run: Simulated, day: float | None) -> Floats:
    return np.asarray(_after_operation(run, day) / _after_operation(run, 0.0) - 1.0)


def _function_of_initial(run: Simulated, day: float | None) -> Floats:
    """Return function over that of the whole liver before; without a resection, of a healthy liver."""
    if day is None and not np.all(np.isfinite(run.shares)):
        day = 0.0
    if day is None:
        raise NotSimulatedError("the day is not stated")
    if not np.all(np.isfinite(run.shares)):
        out = np.full(run.n, np.nan)
        for group, liver in zip(run.groups, run.livers(round(day)), strict=True):
            out[group.who] = function_per_ml(group.patient, liver.effects, run.evidence)
        return out
    worth = _function_of_whole(run)
    (after,) = run.function((operation_day(run.arm, run.evidence) + round(day),))
    return np.asarray(after / worth)


def _function_of_whole(run: Simulated) -> Floats:
    out = np.full(run.n, np.nan)
    for group, liver in zip(run.groups, run.livers(0), strict=True):
        out[group.who] = function_per_ml(group.patient, liver.effects, run.evidence)
    return out


def _function_growth(run: Simulated, day: float | None) -> Floats:
    before, after = run.function((0, round(_scan(run, day))))
    return np.asarray(after / before - 1.0)


def _function_per_ml(run: Simulated, day: float | None) -> Floats:
    return np.asarray(_function_of_initial(run, day) / _after_operation(run, day))


def _walked(of: Callable[[Part], Floats]) -> Measure:
    """Return a measure of how the course ends; patients without a value are left out."""

    def measure(run: Simulated, day: float | None) -> Floats:
        values = run.by_patient(of)
        return np.asarray(values[np.isfinite(values)])

    return measure


def _reached(part: Part) -> Floats:
    return part.ending.reached_last.astype(np.float64)


def _reason(name: str) -> Callable[[Part], Floats]:
    return lambda part: (part.ending.outcome == REASONS.index(name)).astype(np.float64)


def _of_reached(part: Part, happened: Floats) -> Floats:
    return np.where(part.ending.reached_last, happened, np.nan)


def _died_90d(part: Part) -> Floats:
    """Deaths after a partition are counted from its first stage on, after anything else of those resected."""
    died = part.ending.died.astype(np.float64)
    partition = any((s.technique or "").startswith("alpps") for s in part.course.steps)
    return died if partition else _of_reached(part, died)


def _failed(definition: str) -> Callable[[Part], Floats]:
    """Return who fails by a definition: as many as its probability says, the same luck for all definitions."""

    def failed(part: Part) -> Floats:
        ending = part.ending
        if ending.failure is None or not np.any(ending.reached_last):
            return np.full(ending.died.shape, np.nan)
        low, high = by_definition(ending.failure, ending.reached_last, part.play.evidence)[definition]
        luck = part.play.uniform("phlf.last") < 0.5 * (low + high)
        return _of_reached(part, luck.astype(np.float64))

    return failed


def _morbid(part: Part) -> Floats:
    return _of_reached(part, part.ending.morbid.astype(np.float64))


def _trial(read: Callable[[Simulated, TrialResponse], Floats]) -> Measure:
    return lambda run, day: run.of_trial(lambda response: read(run, response))


def _shrunk(id: str, of: str) -> Callable[[Simulated, TrialResponse], Floats]:
    """Return who shrinks by a threshold, at the first scan or at best."""
    return lambda run, response: (getattr(response, of) <= 1.0 - run.evidence.value(id)).astype(np.float64)


def _depth(run: Simulated, response: TrialResponse) -> Floats:
    return np.asarray(1.0 - np.where(np.isinf(response.best), response.early, response.best))


def _pfs(run: Simulated, response: TrialResponse) -> Floats:
    return response.progression_weeks * _DAYS_PER_WEEK


def _doubling(run: Simulated, day: float | None) -> Floats:
    return run.evidence.lognormal("tumour.doubling_time", run.normal("tumour.doubling_time"))


def _tumour_change(run: Simulated, day: float | None) -> Floats:
    if not stimulated(run.arm) and not any(group.regimen for group in run.groups):
        raise NotSimulatedError("what was given to the tumour is not stated")
    return run.tumour_volume(_scan(run, day)) - 1.0


def _resected(run: Simulated, day: float | None) -> Floats:
    if stimulated(run.arm):
        return _walked(_reached)(run, day)
    treated = any(group.regimen for group in run.groups)
    raise NotSimulatedError(
        WHY_NOT["operated"] if treated else "nothing that a course plays precedes the operation"
    )


MEASURES: dict[str, Measure] = {
    "relative_growth": _relative_growth,
    "degree_of_hypertrophy": _hypertrophy,
    "kgr": _kgr,
    "kgr_later": _kgr_later,
    "sflr": _sflr,
    "flr_ml_gain": _ml_gain,
    "segment_4_growth": lambda run, day: run.segment_4 + 0.0,
    "embolized_share": _embolized_share,
    "deprived_volume_change": _deprived_change,
    "volume_of_initial": _of_initial,
    "growth_of_remnant": _growth_of_remnant,
    "function_of_initial": _function_of_initial,
    "function_growth": _function_growth,
    "function_per_ml": _function_per_ml,
    "sos_1": lambda run, day: run.injuries(lambda i: i.sos_grade >= 1),
    "sos_2": lambda run, day: run.injuries(lambda i: i.sos_grade >= 2),
    "nrh": lambda run, day: run.injuries(lambda i: i.nrh_grade >= 1),
    "nrh_2": lambda run, day: run.injuries(lambda i: i.nrh_grade >= 2),
    "steatohepatitis": lambda run, day: run.injuries(lambda i: i.steatohepatitis),
    "steatosis_30": lambda run, day: run.injuries(lambda i: i.steatosis),
    "biliary_sclerosis": lambda run, day: run.injuries(lambda i: i.biliary_sclerosis),
    "completion": _resected,
    "resected": _resected,
    "resected_alive": _walked(lambda p: (p.ending.outcome == len(REASONS)).astype(np.float64)),
    "dropout_any": _walked(lambda p: 1.0 - _reached(p)),
    "dropout_progression": _walked(_reason("progression")),
    "dropout_growth": _walked(_reason("growth")),
    "dropout_complication": _walked(_reason("complication")),
    "mortality_90d": _walked(_died_90d),
    "mortality_stage1": _walked(lambda p: (p.ending.died & ~p.ending.reached_last).astype(np.float64)),
    "mortality_stage2": _walked(lambda p: _of_reached(p, p.ending.died.astype(np.float64))),
    "insufficiency": _walked(_failed("peak_bilirubin")),
    "phlf_peak": _walked(_failed("peak_bilirubin")),
    "phlf_isgls": _walked(_failed("isgls")),
    "phlf_isgls_bc": _walked(_failed("isgls_bc")),
    "phlf_5050": _walked(_failed("fifty_fifty")),
    "major_complication": _walked(_morbid),
    "orr": _trial(_shrunk("tumour.recist.response", "best")),
    "ets20": _trial(_shrunk("tumour.early_shrinkage.threshold", "early")),
    "ets30": _trial(_shrunk("tumour.early_shrinkage.threshold_strict", "early")),
    "depth_of_response": _trial(_depth),
    "pfs": _trial(_pfs),
    "doubling_time": _doubling,
    "tumour_volume_change": _tumour_change,
}
"""How every quantity is read from simulated patients."""
