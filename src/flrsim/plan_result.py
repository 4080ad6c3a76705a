"""One plan judged: its stages, fates, rules, verdict and curves in their stable form."""

from __future__ import annotations

from flrsim.anatomy import SEGMENTS
from flrsim.case import LiverCase
from flrsim.conduct import fallbacks, plan_dates
from flrsim.disease import Disease, assess, bearing_segment
from flrsim.error_budget import HALF_WIDTH, wall_interval
from flrsim.evidence import Evidence
from flrsim.legality import history_of
from flrsim.perfusion import Circulation, Deprivation
from flrsim.perfusion_result import perfusion_result
from flrsim.plan import Plan, describe
from flrsim.plan_error import error_notes, sflr_budget
from flrsim.remnant import on_kept_veins, staying_segments, vessel_answers
from flrsim.results import (
    DayQuantiles,
    EstimatedVolume,
    Interval,
    LegalCheck,
    LesionFate,
    PlanResult,
    Quantiles,
    RemnantPart,
    RuleOutcome,
    StageResult,
)
from flrsim.rules import RuleResult, conflicts, evaluate, found_in_other_disease, with_error
from flrsim.rules import not_supplied as tests_not_supplied
from flrsim.staging import StagedPlan
from flrsim.timeline import Timeline
from flrsim.timeline_result import (
    cause_lines,
    curves_of,
    decision_lines,
    failure,
    growth_notes,
    injury_shares,
    of_spread,
    quantiles,
    rescan_result,
    textbook_note,
    tumour_notes,
)
from flrsim.verdict import fate_note, judge, judged, lesion_then, margin_then, vanishing_note
from flrsim.volumetry import not_supplied

GRAMS_PER_KG = 1000.0
HALF = 0.5
"""Share of draws from which a lesion counts as no longer seen."""


def plan_result(
    case: LiverCase,
    staged: StagedPlan,
    circulation: Circulation,
    deprived: Deprivation,
    timeline: Timeline | None,
    functional: float,
    error: Interval,
    formulas: tuple[EstimatedVolume, ...],
    remarks: tuple[str, ...],
    evidence: Evidence,
) -> PlanResult:
    """Return one plan, judged, in its stable form.

    Parameters
    ----------
    deprived : what stays without inflow or outflow.
    functional : total liver volume without lesions, mL.
    error : of the FLR's measurement, mL.
    formulas : every estimate of the total liver volume.
    remarks : of the plan's legality.
    """
    patient = case.patient
    diagnosis = None if patient is None else patient.disease
    flr = sum(staged.flr_ml.values())
    rules, without = (
        ()
        if timeline is None or patient is None
        else with_error(evaluate(timeline, patient, evidence, counted=counted), HALF_WIDTH * error.sd / flr)
        for counted in (1.0, 1.0 if timeline is None else 1.0 - timeline.deprived_share)
    )
    answers = vessel_answers(circulation, staged, deprived)
    fates = tuple(_lesion_fate(staged, i, timeline) for i in range(len(staged.fates)))
    disease = _disease(case, staged.plan, timeline, fates, evidence)
    on_veins = on_kept_veins(case, staged, deprived, evidence)
    judgement = judge(
        staged,
        answers,
        timeline,
        rules,
        evidence,
        lesions_supplied=bool(case.lesions),
        deprived=deprived,
        rules_without=without,
        disease=disease,
        on_veins=on_veins,
    )
    telv = None if timeline is None else timeline.telv.ml
    weight = None if patient is None else patient.weight_kg * GRAMS_PER_KG
    at = None if timeline is None else timeline.at_resection
    # What has vanished is cleared only with its site.
    uncleared = tuple(f.name for f in fates if not _goes(f) or f.margin_short)
    now = Quantiles(flr, error.low, error.high)
    sflr_error = None if telv is None else sflr_budget(error, flr, telv, formulas)
    last = staged.operations[-1]
    return PlanResult(
        name=staged.plan.name,
        family=staged.plan.family,
        steps=tuple(describe(s, case.grid.segments) for s in staged.plan.steps),
        stages=_stages(staged, uncleared, case, evidence),
        lesions=tuple(
            sorted(
                fates, key=lambda f: ("cut_through", "left", "vanished", "ablated", "removed").index(f.fate)
            )
        ),
        all_lesions_cleared=bool(fates) and not uncleared,
        lesions_left=uncleared,
        flr_segments=tuple(s for s in SEGMENTS if s in staged.flr_ml),
        flr_ml=flr,
        flr_gross_ml=staged.flr_gross_ml,
        flr_fraction=flr / functional,
        sflr=None if telv is None else flr / telv,
        flr_body_weight=None if weight is None else flr / weight,
        flr_ml_interval=now,
        sflr_interval=_scaled(now, telv),
        flr_ml_at_resection=None if at is None else quantiles(at.flr_ml),
        sflr_at_resection=None if at is None else quantiles(at.sflr),
        sflr_at_resection_other_law=None if at is None else quantiles(at.sflr_absolute),
        flr_body_weight_at_resection=None if at is None or weight is None else quantiles(at.flr_ml / weight),
        function_at_resection=None if at is None else quantiles(at.function),
        kgr_per_week=None
        if timeline is None or timeline.kgr_per_week is None
        else of_spread(timeline.kgr_per_week),
        degree_of_hypertrophy=None
        if timeline is None or timeline.degree_of_hypertrophy is None
        else of_spread(timeline.degree_of_hypertrophy),
        scan_day=None if timeline is None or timeline.response is None else timeline.response.day,
        resection_day=last.day,
        rules=tuple(
            _rule(r, alone if deprived.ml > 0 else None, diagnosis)
            for r, alone in zip(rules, without, strict=True)
        ),
        earliest_day_volume_ok=None if timeline is None else _earliest(timeline),
        p_complete=None if timeline is None else timeline.p_complete,
        p_dropout={} if timeline is None else timeline.p_dropout,
        p_phlf=None if timeline is None else failure(timeline),
        p_death_90d=None if timeline is None else timeline.p_death_90d,
        p_major_morbidity=None if timeline is None else timeline.p_major_morbidity,
        p_textbook=None if timeline is None else timeline.p_textbook,
        p_death_last=None if timeline is None else timeline.p_death_last,
        textbook_note="" if timeline is None else textbook_note(timeline),
        growth_law_disagrees=timeline is not None and timeline.growth_law_disagrees,
        modifiers=() if timeline is None else cause_lines(timeline),
        curves={} if timeline is None else curves_of(timeline),
        legality=tuple(LegalCheck(a.question, a.answer, a.sentence) for a in answers),
        notes=(
            *remarks,
            *growth_notes(timeline),
            *filter(None, [judgement.credit_note]),
            *tumour_notes(timeline),
            *error_notes(rules, formulas),
        ),
        axes={a.name: a.verdict for a in judgement.axes},
        verdict=judgement.verdict,
        blocking=judgement.blocking,
        not_supplied=not_supplied(case),
        axis_notes={a.name: a.sentence for a in judgement.axes},
        axes_unasked=tuple(a.name for a in judgement.axes if not a.asked),
        decisions=() if timeline is None else decision_lines(timeline),
        devascularised_ml=deprived.devascularised_ml,
        congested_ml=deprived.congested_ml,
        perfusion=perfusion_result(
            circulation, deprived, telv, evidence, () if timeline is None else timeline.credited, on_veins
        ),
        flr_error=error,
        sflr_error=sflr_error,
        flr_fraction_interval=_scaled(now, functional),
        flr_body_weight_interval=_scaled(now, weight),
        injury=None if timeline is None else injury_shares(timeline),
        rescan=None if timeline is None else rescan_result(timeline),
        rule_conflicts=conflicts(rules, diagnosis),
        rules_not_supplied=() if patient is None else tests_not_supplied(patient),
        disease=disease.notes,
        staying=staying_segments(staged, deprived),
        earliest_day_floor="" if timeline is None else _floor(timeline),
        dates=plan_dates(staged.plan, case),
        fallbacks=fallbacks(staged, case, evidence),
    )


def _disease(
    case: LiverCase, plan: Plan, timeline: Timeline | None, fates: tuple[LesionFate, ...], evidence: Evidence
) -> Disease:
    """Return what disease outside the lesions says to the plan."""
    if timeline is None or case.patient is None:
        return Disease()
    return assess(
        case.patient,
        history_of(plan, case),
        timeline.course,
        evidence,
        bearing=bearing_segment(case.lesions),
        vanished=[f.name for f in fates if not _goes(f) and (f.p_vanished or 0.0) >= HALF],
    )


def _stages(
    staged: StagedPlan, uncleared: tuple[str, ...], case: LiverCase, evidence: Evidence
) -> tuple[StageResult, ...]:
    out = []
    for op in staged.operations:
        before, resected, after = (sum(d.values()) for d in (op.before_ml, op.resected_ml, op.after_ml))
        cleared = tuple(
            f.lesion.name
            for f in staged.fates
            if f.stage == op.stage and f.fate in ("removed", "ablated") and f.lesion.name not in uncleared
        )
        out.append(
            StageResult(
                stage=op.stage,
                day=op.day,
                operation=op.title,
                resected_ml=resected,
                resected_parenchyma_ml=op.resected_ml["parenchyma"],
                resected_lesion_ml=op.resected_ml["lesion"],
                resected_fraction=resected / before,
                lesions_cleared=cleared,
                remnant_ml=after,
                transection_cm2=op.transection_cm2,
                remnant_pieces=len(op.remnant_pieces_ml),
                ablated_ml=sum(op.ablated_ml.values()),
                transection_by_segment_cm2=op.cut.area_by_segment_cm2,
                vessels_divided=op.severed,
                remnant_parts=tuple(RemnantPart(p.ml, p.centre_mm, p.segments) for p in op.cut.parts),
                transection_interval=wall_interval(op.transection_cm2, case.fidelity, evidence),
            )
        )
    return tuple(out)


def _goes(fate: LesionFate) -> bool:
    """Return whether a lesion goes whole, or the site of one that has vanished does."""
    return fate.fate in ("removed", "ablated") or (fate.fate == "vanished" and fate.stage is not None)


def _lesion_fate(staged: StagedPlan, index: int, timeline: Timeline | None) -> LesionFate:
    fate = staged.fates[index]
    gone = None if timeline is None else lesion_then(fate, timeline)
    return LesionFate(
        name=fate.lesion.name,
        fate=fate.fate,
        stage=fate.stage,
        left_ml=fate.left_ml,
        left_in=fate.left_in,
        margin_planned_mm=fate.margin_planned_mm,
        margin_at_operation_mm=margin_then(fate, timeline),
        margin_measured_mm=fate.margin_measured_mm,
        margin_short=fate.margin_short,
        judged=judged(fate),
        note="; ".join(n for n in (fate_note(fate), vanishing_note(fate, timeline)) if n),
        clears_at=fate.clears_at,
        p_cleared=None if timeline is None else timeline.p_lesion_cleared[fate.lesion.name],
        p_vanished=None if gone is None else gone.p_vanished,
        p_sterile=None if gone is None else gone.p_sterile,
    )


def _scaled(q: Quantiles, scale: float | None) -> Quantiles | None:
    if scale is None or q.median is None or q.p10 is None or q.p90 is None:
        return None
    return Quantiles(q.median / scale, q.p10 / scale, q.p90 / scale)


def _earliest(timeline: Timeline) -> DayQuantiles:
    first = timeline.earliest[0]
    return DayQuantiles(first.median, first.p10, first.p90, first.never)


def _floor(timeline: Timeline) -> str:
    """Return until when volume is not asked, and why; empty where that is the first step."""
    floor = timeline.earliest[0].floor
    if floor.day <= timeline.course.first_day:
        return ""
    return f"not asked before day {floor.day}, {floor.reason}"


def _rule(r: RuleResult, without: RuleResult | None, diagnosis: str | None) -> RuleOutcome:
    """Return a rule in its stable form; `without` is the same with nothing counted of what loses inflow or outflow."""
    moved = without is not None and without.value != r.value
    return RuleOutcome(
        rule=r.rule.removeprefix("rules."),
        threshold=r.threshold,
        formula=r.formula,
        population=r.population,
        value=r.value,
        p_pass=r.p_pass,
        distance_ml=r.distance_ml,
        binding=r.binding,
        note=r.note,
        source=r.source,
        title=r.title,
        unit=r.unit,
        error_low=r.error_low,
        error_high=r.error_high,
        inside_error=r.inside_error,
        quantity=r.quantity,
        definition=r.definition,
        direction=r.direction,
        met=r.met,
        verified=r.verified,
        denominator=r.denominator,
        other_disease=found_in_other_disease(r.population, diagnosis),
        value_without=without.value if without is not None and moved else None,
        p_pass_without=without.p_pass if without is not None and moved else None,
    )
