"""When chemotherapy makes a plan possible, and when waiting for more of it harms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from flrsim import draws as streams
from flrsim.course import Course
from flrsim.draws import share, spread
from flrsim.errors import PlanError
from flrsim.evidence import Evidence
from flrsim.patient import Patient, Treatment
from flrsim.physiology import adequacy
from flrsim.physiology.doses import planned_treatments
from flrsim.regimens import cycle_days, drugs
from flrsim.results import CHEMO_SCHEMA, Conversion, ConversionRow, Quantiles, plain
from flrsim.timeline import DEFAULT_DRAWS, simulate
from flrsim.tumour import Lesions
from flrsim.tumour.classes import regimen_class

MOST_CYCLES = 12
"""Half a year of two-weekly cycles."""

_DAYS_PER_WEEK = 7


def conversion(
    course: Course,
    patient: Patient,
    history: tuple[Treatment, ...],
    evidence: Evidence,
    *,
    seed: int,
    draws: int = DEFAULT_DRAWS,
    regimen: str,
    cycles: Iterable[int] = range(MOST_CYCLES + 1),
) -> Conversion:
    """Play a plan after each number of cycles of a regimen.

    Parameters
    ----------
    history
        Treatments given before.
    cycles
        Numbers of cycles; the first dose is on the day of the images, or a cycle after the last dose given. The plan
        follows when the waits after the last dose have passed, and not before its own day; treatment that the plan
        itself holds before its first step at the liver gives way.

    Raises
    ------
    CaseError
        When the regimen is unknown.
    PlanError
        When the plan has no operation, or no number of cycles is given.

    Notes
    -----
    Every row has the same luck, so rows differ by the cycles alone. Progression is read on the sum of diameters
    every ``tumour.early_shrinkage.weeks`` of treatment and at its end.
    """
    drugs(regimen)
    numbers = sorted(set(cycles))
    if course.last_operation is None:
        raise PlanError(
            f"{course.name} has no operation; chemotherapy before it has nothing to make possible"
        )
    if not numbers or numbers[0] < 0:
        raise PlanError(f"numbers of cycles are {numbers}; give at least one, and none below 0")
    evidence = evidence.recording()
    found = regimen_class(regimen, patient.tumour)
    spacing = cycle_days(regimen, evidence)
    first = max(
        [course.scan_day, *(round(t.last_dose_day + cycle_days(t.regimen, evidence)) for t in history)]
    )
    rows, remarks, used = [], dict[str, None](), set[str]()
    for n in numbers:
        given = (Treatment(regimen, n, round(first + (n - 1) * spacing)),) if n else ()
        row, said, read = _row(
            _after(course, (*history, *given), bool(given), evidence),
            patient,
            history,
            given,
            evidence,
            seed,
            draws,
        )
        rows.append(row)
        remarks |= dict.fromkeys(said)
        used |= set(read)
    used |= set(evidence.used)
    best = _best(rows)
    harm_from, harm = _harm(rows, best)
    return Conversion(
        schema=CHEMO_SCHEMA,
        plan=course.name,
        regimen=regimen,
        response=found.name,
        first_dose_day=first,
        rows=tuple(rows),
        best=best,
        harm_from=harm_from,
        harm=harm,
        remarks=tuple(remarks),
        assumptions=tuple(evidence[id].to_dict() for id in sorted(used) if evidence[id].kind == "assumed"),
        references=tuple(plain(r) for r in evidence.references(sorted(used))),
        seed=seed,
        draws=draws,
        parameter_set=evidence.parameter_set,
    )


def _after(course: Course, history: tuple[Treatment, ...], delayed: bool, evidence: Evidence) -> Course:
    """Return the course moved behind the waits after the last dose.

    Volumes measured on its own days would not be those of the moved ones; without them rows keep the same luck.
    """
    start = course.first_day
    delay = adequacy.floor_day(start, None, history, evidence).day - start if delayed else 0
    steps = tuple(
        replace(s, day=s.day + delay, measured_flr_ml=None)
        for s in course.steps
        if not delayed or s.kind != "treat" or s.day >= start
    )
    return replace(course, steps=steps)


def _row(
    course: Course,
    patient: Patient,
    history: tuple[Treatment, ...],
    given: tuple[Treatment, ...],
    evidence: Evidence,
    seed: int,
    draws: int,
) -> tuple[ConversionRow, tuple[str, ...], tuple[str, ...]]:
    """Return one number of cycles, what had to be assumed for it, and the numbers that were read."""
    played = simulate(course, patient, (*history, *given), evidence, seed=seed, draws=draws)
    every = (*history, *given, *planned_treatments(course, evidence))
    lesions = Lesions(course, patient, every, evidence, *streams.patient_streams(seed, draws))
    last = course.operations[-1]
    at = next(d for d in reversed(played.decisions) if d.kind == "operate")
    progressed = (
        lesions.progressed(_readings(given, evidence)) if course.lesions else np.zeros(draws, dtype=bool)
    )
    cleared = lesions.all_cleared()
    burden = spread(lesions.burden(last.day)) if course.lesions else None
    injury = played.injury_at_resection
    rule = adequacy.volume_rule(played.population.name, evidence)
    row = ConversionRow(
        cycles=sum(t.cycles for t in given),
        last_dose_day=given[0].last_dose_day if given else None,
        operation_day=last.day,
        p_cleared=share(cleared),
        p_progressed=share(progressed),
        p_resectable=share(cleared & ~progressed),
        p_new_lesion=lesions.p_new_lesion(last.day),
        burden=Quantiles(None, None, None)
        if burden is None
        else Quantiles(burden.median, burden.p10, burden.p90),
        sos_2=share(injury.sos_grade >= 2),
        nrh=share(injury.nrh_grade >= 1),
        steatohepatitis=share(injury.steatohepatitis),
        function_per_ml=float(np.median(at.function / at.sflr)),
        population=played.population.name,
        sflr_threshold=rule.value,
        p_volume=played.growth_laws.p_pass_relative,
        rule_quantity=adequacy.share_name(rule),
    )
    return row, lesions.remarks, played.used


def _readings(given: Sequence[Treatment], evidence: Evidence) -> list[int]:
    """Return the days on which lesions are measured on treatment: at every scan, and a cycle after the last dose."""
    every = round(evidence.value("tumour.early_shrinkage.weeks") * _DAYS_PER_WEEK)
    days: list[int] = []
    for treatment in given:
        spacing = cycle_days(treatment.regimen, evidence)
        end = round(treatment.last_dose_day + spacing)
        start = round(end - treatment.cycles * spacing)
        days += [*range(start + every, end, every), end]
    return days


def _percent(row: ConversionRow) -> int:
    return round(100 * row.p_resectable)


def _best(rows: Sequence[ConversionRow]) -> int | None:
    """Return the fewest cycles with the highest chance in whole percent: what reads alike is alike."""
    top = max(rows, key=_percent)
    return top.cycles if _percent(top) > 0 else None


def _harm(rows: Sequence[ConversionRow], best: int | None) -> tuple[int | None, str]:
    """Return the first number of cycles that is worse than fewer, and why."""
    highest = max(map(_percent, rows))
    for before, row in pairwise(rows):
        said = []
        if best is not None and row.cycles > best and _percent(row) < highest:
            said.append(
                f"all lesions go whole without progression in {_percent(row)} % of draws, {highest} % after {best} cycles"
            )
        if row.sflr_threshold > before.sflr_threshold:
            said.append(
                f"the binding rule rises from {before.rule_quantity} {100 * before.sflr_threshold:.0f} to "
                f"{100 * row.sflr_threshold:.0f} %"
            )
        if said:
            return row.cycles, "; ".join(said)
    return None, ""
