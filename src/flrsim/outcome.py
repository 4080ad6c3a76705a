"""Published survival of groups comparable to a patient and the plans: cited context, never a forecast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flrsim.evidence import Evidence
from flrsim.patient import Patient, Treatment
from flrsim.plan import ALPPS, Occlude, Operate, Plan, Treat
from flrsim.regimens import ANTI_EGFR, TACE, drugs
from flrsim.results import OutcomeContext

LENVATINIB = "lenvatinib"
INTERLEUKIN = "arterial interleukin-2"


@dataclass(frozen=True)
class _Situation:
    """What makes a published group comparable.

    Attributes
    ----------
    given : drugs given before or planned.
    staged, occluded, partitioned : whether any plan operates twice, closes portal branches, or splits the liver.
    converted : treatment before an operation of a plan, or lesions that answered treatment given before.
    """

    patient: Patient
    lesions: int
    many: int
    given: frozenset[str]
    staged: bool
    occluded: bool
    partitioned: bool
    converted: bool

    @property
    def colorectal(self) -> bool:
        """Whether the lesions are colorectal metastases."""
        return self.patient.disease == "crlm"

    @property
    def hepatocellular(self) -> bool:
        """Whether the lesions are hepatocellular carcinoma."""
        return self.patient.disease == "hcc"

    @property
    def thrombus(self) -> bool:
        """Whether hepatocellular carcinoma has grown into the portal vein."""
        return self.hepatocellular and self.patient.tumour.thrombus not in (None, "none")


_Group = tuple[str, Callable[[_Situation], bool], tuple[str, ...]]

_GROUPS: tuple[_Group, ...] = (
    (
        "liver failure, by definition",
        lambda s: True,
        ("risk.death.after_isgls", "risk.death.after_peak_bilirubin", "risk.death.after_fifty_fifty"),
    ),
    (
        "liver partition (ALPPS)",
        lambda s: s.partitioned,
        ("risk.alpps.stage1_failure", "risk.alpps.score_0"),
    ),
    (
        "resection of colorectal metastases",
        lambda s: s.colorectal,
        ("outcome.resection.five_year",),
    ),
    ("one metastasis", lambda s: s.colorectal and s.lesions == 1, ("outcome.number.solitary",)),
    (
        "several metastases",
        lambda s: s.colorectal and 1 < s.lesions < s.many,
        ("outcome.number.two_to_four",),
    ),
    (
        "many metastases",
        lambda s: s.colorectal and s.lesions >= s.many,
        ("outcome.number.five_or_more",),
    ),
    (
        "RAS mutant",
        lambda s: s.colorectal and s.patient.tumour.ras == "mutant",
        ("disease.ras.survival_months.mutant",),
    ),
    (
        "RAS wild-type",
        lambda s: s.colorectal and s.patient.tumour.ras == "wild",
        ("disease.ras.survival_months.wild",),
    ),
    (
        "disease outside the liver",
        lambda s: s.colorectal and bool(s.patient.tumour.extrahepatic),
        ("disease.extrahepatic.death_risk",),
    ),
    (
        "nodes of the hepatic pedicle",
        lambda s: s.colorectal and "hilar_nodes" in (s.patient.tumour.extrahepatic or ()),
        ("disease.nodes.pedicle_survival",),
    ),
    (
        "conversion to resection",
        lambda s: s.colorectal and s.converted,
        (
            "outcome.conversion.series_25_page",
            "outcome.conversion.series_25",
            "outcome.conversion.complete_local_months",
        ),
    ),
    (
        "conversion with an anti-EGFR antibody",
        lambda s: s.colorectal and s.converted and bool(s.given & ANTI_EGFR),
        (
            "outcome.conversion.celim_five_year",
            "outcome.conversion.celim_months.r0",
            "outcome.conversion.celim_months.not_r0",
            "outcome.conversion.celim_disease_free_months",
        ),
    ),
    (
        "two-stage hepatectomy",
        lambda s: s.colorectal and s.staged,
        (
            "outcome.two_stage.intention_five_year",
            "outcome.two_stage.completed_five_year",
            "outcome.two_stage.completed_three_year",
            "outcome.two_stage.not_completed_five_year",
        ),
    ),
    (
        "embolization before resection",
        lambda s: s.colorectal and s.occluded,
        ("outcome.occlusion.resected_months", "outcome.occlusion.intrahepatic_months"),
    ),
    ("chemotherapy alone", lambda s: s.colorectal, ("outcome.chemotherapy_alone.months",)),
    (
        "chemotherapy alone, response",
        lambda s: s.colorectal and (s.staged or s.patient.tumour.response == "responding"),
        ("outcome.chemotherapy_alone.responders_five_year",),
    ),
    (
        "hepatic arterial IL-2, 5-FU and mitomycin C",
        lambda s: s.colorectal and INTERLEUKIN in s.given,
        ("outcome.okuno.response", "outcome.okuno.disease_free", "outcome.okuno.five_year"),
    ),
    (
        "hepatocellular carcinoma with portal thrombus",
        lambda s: s.thrombus,
        (
            "disease.thrombus.survival_months.resection",
            "disease.thrombus.survival_months.tace_radiotherapy",
            "disease.thrombus.survival_months.tace",
            "disease.thrombus.survival_months.supportive",
        ),
    ),
    (
        "hepatocellular carcinoma, TACE",
        lambda s: s.hepatocellular and TACE in s.given and not s.thrombus,
        ("outcome.hcc.tace_five_year",),
    ),
    (
        "hepatocellular carcinoma, lenvatinib",
        lambda s: s.hepatocellular and LENVATINIB in s.given,
        ("outcome.hcc.lenvatinib_tace_months", "outcome.hcc.lenvatinib_months"),
    ),
)
"""Title of a group, whom it is comparable to, and the numbers shown."""


def outcome_context(
    patient: Patient,
    history: Sequence[Treatment],
    lesions: int,
    plans: Sequence[Plan],
    evidence: Evidence,
) -> tuple[OutcomeContext, ...]:
    """Return published outcomes of the groups that this patient and these plans resemble, with their intervals.

    Parameters
    ----------
    lesions : number of lesions in the case.
    """
    situation = _Situation(
        patient=patient,
        lesions=lesions,
        many=round(evidence.value("outcome.number.many_from")),
        given=_given(history, plans),
        staged=any(len(plan.operations) > 1 for plan in plans),
        occluded=any(isinstance(s.action, Occlude) and s.action.portal for p in plans for s in p.steps),
        partitioned=any(
            isinstance(s.action, Occlude) and s.action.technique in ALPPS for p in plans for s in p.steps
        ),
        converted=any(_treats_first(plan) for plan in plans)
        or (bool(history) and patient.tumour.response == "responding"),
    )
    return tuple(
        _row(title, id, evidence) for title, comparable, ids in _GROUPS if comparable(situation) for id in ids
    )


def _given(history: Sequence[Treatment], plans: Sequence[Plan]) -> frozenset[str]:
    """Return every drug given before or planned."""
    planned = [s.action.regimen for p in plans for s in p.steps if isinstance(s.action, Treat)]
    return frozenset().union(*(drugs(r) for r in (*(t.regimen for t in history), *planned)))


def _treats_first(plan: Plan) -> bool:
    """Return whether a plan gives treatment before its last operation."""
    treats = [s.day for s in plan.steps if isinstance(s.action, Treat)]
    operates = [s.day for s in plan.steps if isinstance(s.action, Operate)]
    return bool(treats) and bool(operates) and treats[0] < operates[-1]


def _row(group: str, id: str, evidence: Evidence) -> OutcomeContext:
    p = evidence[id]
    return OutcomeContext(
        group=group,
        sentence=p.definition,
        value=p.value,
        unit=p.unit,
        low=p.low,
        high=p.high,
        n=p.n,
        population=p.population,
        source=p.source,
        where=p.where,
        note=p.note,
        verified=p.verified,
    )
