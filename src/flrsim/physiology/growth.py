"""How the liver grows: after a stimulus by two alternative laws, after resection by one.

Notes
-----
Relative law: ``V = V0 (1 + A (1 - exp(-t / tau)))`` with ``A = amplitude (s0 / reference)^(-beta) m exp(sd
z)``, s0 the sFLR at the occlusion. Absolute law: sFLR gains ``K m exp(sd z) (1 - exp(-t / tau))`` whatever
its start. Both are relaxations to a target; both use the same normal draw z, so a draw that grows well does
so under either. m is the product of the modifiers.

After resection the gap to the volume before closes as ``g(t) = wf exp(-r t/tf) + wm exp(-r t/tm) + ws
exp(-t/ts)``.
"""

from __future__ import annotations

import math

import numpy as np

from flrsim.draws import Floats
from flrsim.errors import PlanError
from flrsim.evidence import Evidence


def techniques(evidence: Evidence) -> tuple[str, ...]:
    """Return the stimuli of growth whose numbers are known."""
    ids = [i.split(".") for i in evidence.ids() if i.startswith("growth.") and i.endswith(".amplitude")]
    return tuple(sorted(parts[1] for parts in ids))


def relative_amplitude(
    sflr: Floats, multiplier: Floats, z: Floats, beta: Floats, technique: str, evidence: Evidence
) -> Floats:
    """Return the relative growth a perfused segment reaches in the end, (n_draws,) fraction of its volume.

    Notes
    -----
    ``A = amplitude exp(sd z) (s0 / reference)^(-beta) m``. A vein closed later adds what its series printed,
    whatever the remnant's size then.
    """
    id = f"growth.{technique}.amplitude"
    if id not in evidence:
        known = ", ".join(techniques(evidence))
        raise PlanError(f'occlusion technique "{technique}" is not known; techniques are {known}')
    if technique == "hve":
        return evidence.lognormal(id, z) * multiplier
    start = (sflr / evidence.value("growth.reference_sflr")) ** (-beta)
    return evidence.lognormal(id, z) * start * multiplier


def relative_tau(multiplier: Floats, z: Floats, technique: str, evidence: Evidence) -> Floats:
    """Return the time constant of the relative law, (n_draws,) days: what grows less also grows more slowly."""
    return evidence.lognormal(f"growth.{technique}.tau", z) * slowing(multiplier, evidence)


def absolute_gain(multiplier: Floats, z: Floats, technique: str, evidence: Evidence) -> Floats:
    """Return the sFLR gained in the end under the absolute law, (n_draws,) fraction points.

    Notes
    -----
    The ceiling was found for portal occlusion; another technique reaches as much more as its amplitude is larger.
    """
    ratio = evidence.value(f"growth.{technique}.amplitude") / evidence.value("growth.pve.amplitude")
    return evidence.lognormal("growth.absolute.ceiling", z) * ratio * multiplier


def absolute_tau(multiplier: Floats, u: Floats, technique: str, evidence: Evidence) -> Floats:
    """Return the time constant of the absolute law, (n_draws,) days; other techniques as under the relative law."""
    ratio = evidence.value(f"growth.{technique}.tau") / evidence.value("growth.pve.tau")
    return evidence.quantile("growth.absolute.tau", u) * ratio * slowing(multiplier, evidence)


def slowing(multiplier: Floats, evidence: Evidence) -> Floats:
    """Return what the modifiers do to a time constant, (n_draws,) factor."""
    return np.asarray(multiplier ** evidence.value("growth.tau_exponent"))


def remaining_gap(days: float, rate: Floats, evidence: Evidence) -> Floats:
    """Return the share of the gap left `days` after a resection; `rate` scales the fast and middle terms."""
    name = "growth.post_resection."
    fast, middle = evidence.value(name + "fast_weight"), evidence.value(name + "middle_weight")
    return np.asarray(
        fast * np.exp(-rate * days / evidence.value(name + "fast_tau"))
        + middle * np.exp(-rate * days / evidence.value(name + "middle_tau"))
        + (1.0 - fast - middle) * np.exp(-days / evidence.value(name + "slow_tau"))
    )


def atrophy_target(evidence: Evidence) -> float:
    """Return the size, relative to the start, that segments without portal inflow shrink to in the end.

    Notes
    -----
    The loss was printed for one day after embolization; at the pace of embolization it is a known share of the loss in
    the end. A slower stimulus leads as far, later.
    """
    reached = 1.0 - math.exp(-evidence.value("growth.atrophy.day") / evidence.value("growth.pve.tau"))
    return 1.0 - evidence.value("growth.atrophy.fraction") / reached


def operative_atrophy_target(evidence: Evidence) -> float:
    """Return the size that parts whose portal branch an operation has divided shrink to in the end.

    Notes
    -----
    The loss in the end is ``growth.atrophy.operative`` times that of segments whose inflow is occluded.
    """
    return 1.0 - evidence.value("growth.atrophy.operative") * (1.0 - atrophy_target(evidence))
