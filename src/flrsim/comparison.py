"""All plans of a case side by side: staged, played forward, held against the rules, judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from flrsim import __version__
from flrsim.case import LiverCase
from flrsim.errors import PlanError
from flrsim.evidence import Evidence, Parameter
from flrsim.legality import check_cycles, check_plan, history_of, patient_of
from flrsim.lesion_facts import lesion_facts
from flrsim.outcome import outcome_context
from flrsim.perfusion import Circulation, Supply, deprivation
from flrsim.physiology.function import function_remarks
from flrsim.physiology.modifiers import MODIFIERS
from flrsim.physiology.telv import THRESHOLD_FORMULA, all_telv
from flrsim.plan import Operate, Plan
from flrsim.plan_error import flr_error
from flrsim.plan_result import plan_result
from flrsim.results import (
    COMPARISON_SCHEMA,
    SIMULATION_SCHEMA,
    Comparison,
    EstimatedVolume,
    Interval,
    LesionVolume,
    PlanResult,
    Run,
    SegmentVolume,
    plain,
)
from flrsim.staging import StagedPlan, course_of, stage_plans
from flrsim.timeline import Timeline, simulate
from flrsim.volumetry import contacts_cm2, liver_intervals, segment_volumes, tlv_functional_ml

Progress = Callable[[str], None]
GRAMS_PER_KG = 1000.0


@dataclass(frozen=True)
class Compared:
    """A comparison and what it was made from, for pictures and day-by-day tables."""

    result: Comparison
    staged: tuple[StagedPlan, ...]
    timelines: tuple[Timeline | None, ...]


def telv_table(case: LiverCase, evidence: Evidence) -> tuple[EstimatedVolume, ...]:
    """Return the TELV of the case's patient by every formula, or nothing without a patient."""
    if case.patient is None:
        return ()
    return tuple(
        EstimatedVolume(t.formula, t.ml, t.reason or t.note, t.source)
        for t in all_telv(case.patient, evidence)
    )


def compare(
    case: LiverCase,
    plans: Sequence[Plan],
    evidence: Evidence,
    *,
    seed: int,
    draws: int,
    modifiers_off: frozenset[str] = frozenset(),
    progress: Progress | None = None,
) -> Compared:
    """Return the plans of a case side by side, in families, never ranked.

    Parameters
    ----------
    progress
        Called with a word about each step of the work.

    Raises
    ------
    PlanError
        When there is no plan, or one that cannot be carried out.
    """
    say = progress or (lambda _: None)
    if not plans:
        raise PlanError(f"case {case.name} has no plan to compare; add [[plan]] tables to its case.toml")
    remarks = {plan.name: check_plan(plan, case) for plan in plans}
    for plan in plans:
        check_cycles(plan, evidence)
    ordered = in_families(plans)
    evidence = evidence.recording()
    say("cutting")
    telv = telv_table(case, evidence)
    with ThreadPoolExecutor(max_workers=2) as pool:
        # Lesions, walls and vessels are measured while the plans are cut: they share nothing but the case.
        measured = pool.submit(measure_liver, case, evidence, telv, wedge_margins(ordered))
        staged, scene = prepare(case, ordered, evidence)
        liver = measured.result()

    def play(one: StagedPlan) -> tuple[PlanResult, Timeline | None]:
        say(one.plan.name)
        said = remarks[one.plan.name]
        return judge_staged(
            case, one, scene, said, evidence, seed=seed, draws=draws, modifiers_off=modifiers_off
        )

    # Plans share no state but the numbers they read, so two are played at a time.
    with ThreadPoolExecutor(max_workers=2) as pool:
        played = list(pool.map(play, staged))
    return side_by_side(case, staged, played, liver, scene, evidence, seed=seed, draws=draws)


def in_families(plans: Sequence[Plan]) -> list[Plan]:
    """Return plans with those of one family together, families in the order in which they first appear."""
    families = [q.family for q in plans]
    return sorted(plans, key=lambda p: families.index(p.family))


def side_by_side(
    case: LiverCase,
    staged: Sequence[StagedPlan],
    played: Sequence[tuple[PlanResult, Timeline | None]],
    liver: MeasuredLiver,
    scene: Scene,
    evidence: Evidence,
    *,
    seed: int,
    draws: int,
) -> Compared:
    """Return plans that have been judged as one comparison, with the numbers and sources they rest on.

    Parameters
    ----------
    staged, played : of the same plans, in the order in which they are shown.
    scene : of any of the plans: what they share is the same in each.
    evidence : a view that recorded what was read on the way.
    """
    results, timelines = [r for r, _ in played], [t for _, t in played]
    context = (
        ()
        if case.patient is None
        else outcome_context(
            case.patient, case.history, len(case.lesions), [s.plan for s in staged], evidence
        )
    )
    switched_off = {name for t in timelines if t is not None for name in t.modifiers_off}
    ruled = {note.source for plan in results for note in plan.disease}
    used = {name for t in timelines if t is not None for name in t.used}
    used.update(evidence.used)
    numbers = [evidence[name] for name in sorted(used)]
    result = Comparison(
        schema=COMPARISON_SCHEMA,
        run=Run(
            __version__, case.inputs_sha256, seed, draws, evidence.parameter_set, tuple(sorted(switched_off))
        ),
        case=case.name,
        patient=None
        if case.patient is None
        else plain(case.patient) | {"bsa_m2": case.patient.bsa_m2, "history": plain(case.history)},
        tlv_ml=sum(case.segment_ml.values()),
        tlv_functional_ml=scene.functional_ml,
        telv=scene.telv,
        telv_formula=THRESHOLD_FORMULA if case.patient is not None else None,
        segments=liver.segments,
        lesions=liver.lesions,
        plans=tuple(results),
        accepted=case.accepted.sentences(),
        warnings=(
            *case.warnings,
            *scene.supply.circulation.remarks,
            *(() if case.patient is None else function_remarks(case.patient, evidence)),
        ),
        assumptions=tuple(_assumption(p) for p in numbers if p.kind == "assumed"),
        references=tuple(plain(r) for r in evidence.references(sorted(used), also=ruled)),
        tlv_interval=liver.tlv_error,
        tlv_functional_interval=liver.functional_error,
        outcome_context=context,
        without_note=without_note(timelines),
        contacts_cm2=contacts_cm2(case, evidence),
    )
    return Compared(result, tuple(staged), tuple(timelines))


@dataclass(frozen=True)
class Scene:
    """What all plans of a case share, once they are cut.

    Attributes
    ----------
    functional_ml : total liver without lesions.
    """

    supply: Supply
    telv: tuple[EstimatedVolume, ...]
    functional_ml: float


def prepare(
    case: LiverCase, plans: Sequence[Plan], evidence: Evidence
) -> tuple[tuple[StagedPlan, ...], Scene]:
    """Cut the liver by all plans, and divide it among its vessels at the same time."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        divided = pool.submit(Circulation.of, case)
        staged = stage_plans(case, plans, evidence)
        supply = Supply.of(divided.result(), staged[0].pieces)
    return tuple(staged), Scene(supply, telv_table(case, evidence), tlv_functional_ml(case))


def judge_staged(
    case: LiverCase,
    staged: StagedPlan,
    scene: Scene,
    remarks: tuple[str, ...],
    evidence: Evidence,
    *,
    seed: int,
    draws: int,
    modifiers_off: frozenset[str] = frozenset(),
    follow_up_days: int | None = None,
) -> tuple[PlanResult, Timeline | None]:
    """Play a plan that has been cut, and judge it.

    Raises
    ------
    PlanError
        When the plan leaves no parenchyma.
    """
    if not staged.flr_ml:
        raise PlanError(f'plan "{staged.plan.name}" leaves no parenchyma at all')
    functional = scene.functional_ml
    error = flr_error(case, staged, functional, evidence)
    deprived = deprivation(scene.supply, staged, evidence)
    course = course_of(
        case,
        staged,
        tlv_functional_ml=functional,
        measurement_sd_fraction=error.sd / functional,
        deprived=deprived.parts,
    )
    timeline = None
    patient = patient_of(staged.plan, case)
    if patient is not None:
        timeline = simulate(
            course,
            patient,
            history_of(staged.plan, case),
            evidence,
            seed=seed,
            draws=draws,
            modifiers_off=modifiers_off,
            follow_up_days=follow_up_days,
        )
    result = plan_result(
        case,
        staged,
        scene.supply.circulation,
        deprived,
        timeline,
        functional,
        error,
        scene.telv,
        remarks,
        evidence,
    )
    return result, timeline


def wedge_margins(plans: Sequence[Plan]) -> list[float]:
    """Return the margins that any wedge of the plans names."""
    return sorted(
        {
            step.action.margin_mm
            for plan in plans
            for step in plan.operations
            if isinstance(step.action, Operate) and step.action.margin_mm is not None
        }
    )


@dataclass(frozen=True)
class MeasuredLiver:
    """What is measured of the liver itself, whatever the plans."""

    segments: tuple[SegmentVolume, ...]
    lesions: tuple[LesionVolume, ...]
    tlv_error: Interval
    functional_error: Interval


def measure_liver(
    case: LiverCase, evidence: Evidence, telv: tuple[EstimatedVolume, ...], margins_mm: Sequence[float]
) -> MeasuredLiver:
    """Return segments, lesions, and the errors of the liver's volume with and without lesions.

    Parameters
    ----------
    margins_mm : margins at which the cost of a wedge is asked, beside those of the evidence; mm.
    """
    return MeasuredLiver(
        segment_volumes(case, evidence),
        lesion_facts(case, evidence, telv_ml=threshold_telv_ml(telv), margins_mm=margins_mm),
        *liver_intervals(case, evidence),
    )


def without_note(timelines: Sequence[Timeline | None]) -> str:
    """Return what is said of plans played with causes switched off; empty where all causes are on."""
    played = [t for t in timelines if t is not None]
    switches = dict.fromkeys(t.modifiers_off for t in played)
    said = []
    for off in (s for s in switches if s):
        those = [t for t in played if t.modifiers_off == off]
        whose = f"{', '.join(t.course.name for t in those)}: " if len(switches) > 1 else ""
        named = ", ".join(text for name, text in MODIFIERS.items() if name in off)
        causes = "every cause" if off >= set(MODIFIERS) else named
        rules = "; ".join(dict.fromkeys(f"{t.population.name}: {t.population.reason}" for t in those))
        said.append(
            f"{whose}switched off: {causes}; growth, function, liver failure and death are as without it, but the "
            f"binding rule on volume stays the patient's ({rules}): a rule belongs to the people it was found in"
        )
    return ". ".join(said)


def threshold_telv_ml(telv: Sequence[EstimatedVolume]) -> float | None:
    """Return the estimate by the formula with which the thresholds were found; None without a patient."""
    return next((t.ml for t in telv if t.formula == THRESHOLD_FORMULA), None)


def _assumption(p: Parameter) -> dict[str, Any]:
    return {
        "id": p.id,
        "value": p.value,
        "unit": p.unit,
        "low": p.low,
        "high": p.high,
        "note": p.note if p.verified else f"recalled, not verified: {p.note}",
        "verified": p.verified,
    }


def simulation_dict(compared: Compared) -> dict[str, Any]:
    """Return one plan day by day, for ``flrsim simulate --json``."""
    plan = compared.result.plans[0]
    return {
        "schema": SIMULATION_SCHEMA,
        "run": plain(compared.result.run),
        "case": compared.result.case,
        "plan": plan.name,
        "steps": list(plan.steps),
        "decisions": plain(plan.decisions),
        "curves": plain(plan.curves),
        "note": compared.result.note,
    }
