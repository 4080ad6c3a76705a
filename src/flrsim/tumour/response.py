"""How lesions answer treatment: a part that shrinks, a part that grows, and what trials would read of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flrsim.draws import Floats, Stream
from flrsim.errors import CaseError
from flrsim.evidence import Evidence
from flrsim.patient import TumourBiology
from flrsim.tumour.classes import SYSTEMIC, regimen_class
from flrsim.tumour.phases import Exposure

_DAYS_PER_WEEK = 7.0
_DIMENSIONS = 3


@dataclass(frozen=True)
class PatientDraws:
    """What is drawn once per patient; arrays of one shape.

    Attributes
    ----------
    sensitive_z, shrink_z, growth_z : standard normal; larger is more sensitive, shrinks faster, grows faster.
    liver_only_u, ras_u, occluded_u : uniform, places within the ranges of three effects.
    """

    sensitive_z: Floats
    shrink_z: Floats
    growth_z: Floats
    liver_only_u: Floats
    ras_u: Floats
    occluded_u: Floats

    @classmethod
    def of(cls, uniform: Stream, normal: Stream) -> PatientDraws:
        """Return the draws of one patient from its streams."""
        return cls(
            normal("tumour.sensitive_share"),
            normal("tumour.shrink_rate"),
            -normal("tumour.doubling_time"),
            uniform("tumour.liver_only_shift"),
            uniform("tumour.kras_doubling"),
            uniform("tumour.after_occlusion"),
        )


@dataclass(frozen=True)
class Parts:
    """The two parts of lesions as shares of a diameter, (n_lesions, n_draws) or broadcastable to it.

    Attributes
    ----------
    sensitive, resistant : under the treatment `under`; their sum is the diameter.
    share : sensitive share of the untreated lesion under that treatment; None before the first.
    """

    sensitive: Floats
    resistant: Floats
    under: str | None = None
    share: Floats | None = None

    @property
    def diameter(self) -> Floats:
        """Sum of both parts."""
        return np.asarray(self.sensitive + self.resistant)

    def times(self, sensitive: Floats, resistant: Floats) -> Parts:
        """Return the parts after each has been multiplied by its own factor."""
        return Parts(self.sensitive * sensitive, self.resistant * resistant, self.under, self.share)


class Response:
    """How the lesions of one patient answer treatment and grow without it, one entry per draw.

    Notes
    -----
    On treatment, with t in weeks, the diameter is ``d(t) = s exp(-kd t) + r exp(kg t)``: the sensitive part
    shrinks, the resistant part grows. Off treatment both grow with the volume doubling time, after a portal
    occlusion faster. A tumour that grows fast without treatment also grows fast under it: doubling time and kg
    share one draw, and under treatment nothing grows faster than without, so kg is at most the growth without
    treatment. Acceleration by an occlusion is known only without treatment and acts only there.

    Sensitivities are nested: cells that a less active regimen kills, a more active one kills too, and what has
    become resistant to one regimen is resistant to every other of its class. So when the class changes from a
    sensitive share f to a larger f', the part (f' - f) / (1 - f) of the resistant cells turns sensitive; from f
    to a smaller f', the part (f - f') / f of the sensitive cells turns resistant.

    Parameters
    ----------
    lesion_z
        (n_lesions, n_draws) standard normal, how each lesion differs from the patient's others.
    """

    def __init__(
        self, draws: PatientDraws, lesion_z: Floats, biology: TumourBiology, evidence: Evidence
    ) -> None:
        self._draws, self._lesion_z, self._evidence = draws, lesion_z, evidence
        doubling = evidence.lognormal("tumour.doubling_time", -draws.growth_z)
        if biology.ras == "mutant":
            doubling = doubling * evidence.quantile("tumour.kras_doubling", draws.ras_u)
        self.growth = np.log(2.0) * _DAYS_PER_WEEK / (_DIMENSIONS * doubling)
        """Growth of the diameter off treatment, 1/week."""
        self.faster = evidence.quantile("tumour.after_occlusion", draws.occluded_u)
        self._liver_only = biology.extrahepatic == ()
        self._rates: dict[str, tuple[Floats, Floats]] = {}

    def rates(self, response: str) -> tuple[Floats, Floats]:
        """Return how fast the sensitive part shrinks and the resistant part grows on treatment, 1/week."""
        if response not in self._rates:
            id = f"tumour.response.{response}"
            shrink = self._evidence.lognormal(f"{id}.shrink_rate", self._draws.shrink_z)
            regrow = self._evidence.lognormal(f"{id}.regrow_rate", self._draws.growth_z)
            self._rates[response] = shrink, np.minimum(regrow, self.growth)
        return self._rates[response]

    def sensitive_share(self, response: str) -> Floats:
        """Return the sensitive share of each untreated lesion, (n_lesions, n_draws).

        Patients whose disease is known to be confined to the liver respond better to systemic treatment; arterial
        treatment was only ever measured in them.
        """
        share = self._evidence.logit_normal(
            f"tumour.response.{response}.sensitive_share", self._draws.sensitive_z
        )
        shift = self._evidence.value("tumour.response.lesion_logit_sd") * self._lesion_z
        if self._liver_only and response in SYSTEMIC:
            shift = shift + self._evidence.quantile(
                "tumour.response.liver_only_shift", self._draws.liver_only_u
            )
        odds = np.exp(shift)
        return np.asarray(share * odds / (1.0 - share + share * odds))

    def factors(self, during: Exposure) -> tuple[Floats, Floats]:
        """Return by what sensitive and resistant parts are multiplied in a span of time, (n_draws,) each."""
        grown = self.growth * (during.off + during.off_occluded * self.faster)
        sensitive, resistant = grown, grown
        for response, weeks in during.on.items():
            shrink, regrow = self.rates(response)
            sensitive, resistant = sensitive - shrink * weeks, resistant + regrow * weeks
        one = np.exp(sensitive)
        return one, one if resistant is sensitive else np.exp(resistant)

    def begin(self, parts: Parts, response: str) -> Parts:
        """Return the parts under the first or another class of treatment; their sum stays."""
        share = self.sensitive_share(response)
        if parts.share is None:
            size = parts.diameter
            return Parts(size * share, size * (1.0 - share), response, share)
        gains = np.maximum(share - parts.share, 0.0) / (1.0 - parts.share) * parts.resistant
        loses = np.maximum(parts.share - share, 0.0) / parts.share * parts.sensitive
        moved = gains - loses
        return Parts(parts.sensitive + moved, parts.resistant - moved, response, share)


@dataclass(frozen=True)
class TrialResponse:
    """What a trial would read: sums of diameters at scans, as fractions of the sum before treatment.

    Attributes
    ----------
    early : at the scan of early shrinkage, (n_draws,).
    best : smallest before progression, (n_draws,); inf when the first scan shows progression.
    progression_weeks : scan at which progression is seen, (n_draws,); inf when not within the time looked at.
    ets20, ets30 : share of patients with early shrinkage by either published threshold.
    depth : depth of response, median of ``1 - best``, or of the first scan when it shows progression.
    orr : objective response, share of patients.
    pfs_weeks : median time to progression; inf when half of the patients do not progress in time.
    """

    early: Floats
    best: Floats
    progression_weeks: Floats
    ets20: float
    ets30: float
    depth: float
    orr: float
    pfs_weeks: float


def trial_response(
    regimen: str,
    evidence: Evidence,
    uniform: Stream,
    normal: Stream,
    *,
    weeks: float,
    n_lesions: int = 2,
    biology: TumourBiology | None = None,
) -> TrialResponse:
    """Simulate how untreated patients answer a regimen given without a break, one patient per draw.

    Parameters
    ----------
    weeks
        Time looked at.
    n_lesions
        Lesions measured, alike in size before treatment.
    biology
        What the population has in common; extrahepatic ``()`` is liver-only disease.

    Raises
    ------
    CaseError
        When the regimen is unknown or no response to it is assumed.

    Notes
    -----
    Scans are every ``tumour.early_shrinkage.weeks`` from the start. Response is a sum smaller by
    ``tumour.recist.response`` than at the start, progression one larger by ``tumour.recist.progression`` than
    the smallest before, or a new lesion; a response needs no confirmation.
    """
    biology = biology or TumourBiology()
    name = regimen_class(regimen, biology).name
    if name is None:
        raise CaseError(f"no response to {regimen} is assumed; it cannot be simulated as a trial's treatment")
    lesion_z = np.array([normal(f"tumour.lesion.{i}") for i in range(n_lesions)])
    law = Response(PatientDraws.of(uniform, normal), lesion_z, biology, evidence)
    start = law.begin(Parts(np.ones((n_lesions, 1)), np.zeros((n_lesions, 1))), name)
    every = evidence.value("tumour.early_shrinkage.weeks")
    grow_from = 1.0 + evidence.value("tumour.recist.progression")
    rate = evidence.quantile("tumour.new_lesion.rate", uniform("tumour.new_lesion.rate"))
    rate = rate * evidence.value("tumour.new_lesion.on_treatment")
    new_lesion = -np.log(uniform("tumour.new_lesion")) / rate
    early: Floats | None = None
    smallest, best = np.ones_like(law.growth), np.full_like(law.growth, np.inf)
    progression = np.full_like(law.growth, np.inf)
    for scan in range(1, int(weeks // every) + 1):
        week = scan * every
        size = start.times(*law.factors(Exposure({name: week}, 0.0, 0.0))).diameter.mean(axis=0)
        early = size if early is None else early
        seen = np.isinf(progression) & ((size >= grow_from * smallest) | (new_lesion <= week))
        best = np.where(np.isinf(progression) & ~seen, np.minimum(best, size), best)
        smallest = np.minimum(smallest, size)
        progression = np.where(seen, week, progression)
    if early is None:
        raise CaseError(f"{weeks:g} weeks hold no scan; scans are every {every:g} weeks")
    ids = (
        "tumour.early_shrinkage.threshold",
        "tumour.early_shrinkage.threshold_strict",
        "tumour.recist.response",
    )
    shrunk, strict, response = (1.0 - evidence.value(id) for id in ids)
    return TrialResponse(
        early,
        best,
        progression,
        ets20=float(np.mean(early <= shrunk)),
        ets30=float(np.mean(early <= strict)),
        depth=float(1.0 - np.median(np.where(np.isinf(best), early, best))),
        orr=float(np.mean(best <= response)),
        pfs_weeks=float(np.sort(progression)[(progression.size - 1) // 2]),
    )
