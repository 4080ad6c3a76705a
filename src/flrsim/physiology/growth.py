"""How the liver grows: after portal vein occlusion by two alternative laws, after resection by one.

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

from collections.abc import Mapping

import numpy as np

from flrsim.draws import Floats, Stream
from flrsim.errors import PlanError
from flrsim.evidence import Evidence
from flrsim.patient import Patient, Treatment
from flrsim.physiology.injury import Injury, chemotherapy_cycles, weeks_since
from flrsim.regimens import BEVACIZUMAB

MODIFIERS: dict[str, str] = {
    "sos": "sinusoidal obstruction",
    "nrh": "nodular regenerative hyperplasia",
    "steatosis": "steatosis or steatohepatitis",
    "many_cycles": "more than 6 cycles of chemotherapy",
    "bevacizumab": "bevacizumab shortly before the occlusion",
    "fibrosis": "fibrosis F3 or cirrhosis",
    "segment_4": "portal branches of segment 4",
}
"""What changes growth, by name, each of which can be switched off."""


def growth_modifiers(
    day: int,
    patient: Patient,
    history: tuple[Treatment, ...],
    injury: Injury,
    segment_4: str,
    evidence: Evidence,
    uniform: Stream,
) -> dict[str, Floats]:
    """Return the multiplier of every modifier at an occlusion, one value per draw; 1 where it does not apply.

    Parameters
    ----------
    day
        Day of the occlusion.
    segment_4
        ``stays``, ``embolized`` or ``open``: what becomes of segment 4.

    Notes
    -----
    One uniform per modifier places every grade within its range, so a worse grade never grows more in the
    same draw. Steatosis and steatohepatitis are one cause: the stronger brake counts, once.
    """
    ones = np.ones(injury.sos_grade.shape)

    def drawn(name: str, id: str) -> Floats:
        return evidence.quantile(f"growth.modifier.{id}", uniform(f"modifier.{name}"))

    multipliers = dict.fromkeys(MODIFIERS, ones)
    if np.any(injury.sos_grade >= 2):
        by_grade = np.where(injury.sos_grade > 2, drawn("sos", "sos_3"), drawn("sos", "sos_2"))
        multipliers["sos"] = np.where(injury.sos_grade >= 2, by_grade, ones)
    if np.any(injury.nrh_grade >= 1):
        by_grade = np.where(injury.nrh_grade >= 2, drawn("nrh", "nrh_2"), drawn("nrh", "nrh_1"))
        multipliers["nrh"] = np.where(injury.nrh_grade >= 1, by_grade, ones)
    fat = ones
    if np.any(injury.steatohepatitis):
        fat = np.where(injury.steatohepatitis, drawn("steatosis", "steatohepatitis"), ones)
    steatosis = patient.liver.steatosis_fraction or 0.0
    if steatosis >= evidence.value("growth.steatosis_high_from"):
        fat = np.minimum(fat, drawn("steatosis", "steatosis_30"))
    elif steatosis >= evidence.value("growth.steatosis_mild_from"):
        fat = np.minimum(fat, drawn("steatosis", "steatosis_mild"))
    multipliers["steatosis"] = fat
    if chemotherapy_cycles(history) > evidence.value("growth.many_cycles_above"):
        multipliers["many_cycles"] = drawn("many_cycles", "many_cycles")
    since = weeks_since(BEVACIZUMAB, day, history)
    if since is not None and since < evidence.value("growth.bevacizumab_window"):
        multipliers["bevacizumab"] = drawn("bevacizumab", "bevacizumab")
    if patient.liver.fibrosis in ("F3", "F4"):
        multipliers["fibrosis"] = drawn("fibrosis", f"fibrosis_{patient.liver.fibrosis[1]}")
    if segment_4 != "stays":
        multipliers["segment_4"] = drawn("segment_4", f"segment_4_{segment_4}")
    return multipliers


def product(multipliers: Mapping[str, Floats], off: frozenset[str]) -> Floats:
    """Return the product of the modifiers that are not switched off."""
    unknown = sorted(off - set(MODIFIERS))
    if unknown:
        raise ValueError(f"modifiers {unknown} are not known; modifiers are {', '.join(MODIFIERS)}")
    kept = [m for name, m in multipliers.items() if name not in off]
    shape = next(iter(multipliers.values())).shape
    return np.asarray(np.prod(kept, axis=0)) if kept else np.ones(shape)


def relative_amplitude(
    sflr: Floats, multiplier: Floats, z: Floats, beta: Floats, technique: str, evidence: Evidence
) -> Floats:
    """Return the relative growth a perfused segment reaches in the end, (n_draws,) fraction of its volume."""
    id = f"growth.{technique}.amplitude"
    if id not in evidence:
        known = sorted(
            i.split(".")[1] for i in evidence.ids() if i.startswith("growth.") and i.endswith(".amplitude")
        )
        raise PlanError(f'occlusion technique "{technique}" is not known; techniques are {", ".join(known)}')
    start = (sflr / evidence.value("growth.reference_sflr")) ** (-beta)
    return evidence.lognormal(id, z) * start * multiplier


def relative_tau(z: Floats, technique: str, evidence: Evidence) -> Floats:
    """Return the time constant of the relative law, (n_draws,) days."""
    return evidence.lognormal(f"growth.{technique}.tau", z)


def absolute_gain(multiplier: Floats, z: Floats, evidence: Evidence) -> Floats:
    """Return the sFLR gained in the end under the absolute law, (n_draws,) fraction points."""
    return evidence.lognormal("growth.absolute.ceiling", z) * multiplier


def absolute_tau(multiplier: Floats, u: Floats, evidence: Evidence) -> Floats:
    """Return the time constant of the absolute law, (n_draws,) days."""
    exponent = evidence.value("growth.absolute.tau_exponent")
    return evidence.quantile("growth.absolute.tau", u) * multiplier**exponent


def remaining_gap(days: float, rate: Floats, evidence: Evidence) -> Floats:
    """Return the share of the gap left `days` after a resection; `rate` scales the fast and middle terms."""
    name = "growth.post_resection."
    fast, middle = evidence.value(name + "fast_weight"), evidence.value(name + "middle_weight")
    return np.asarray(
        fast * np.exp(-rate * days / evidence.value(name + "fast_tau"))
        + middle * np.exp(-rate * days / evidence.value(name + "middle_tau"))
        + (1.0 - fast - middle) * np.exp(-days / evidence.value(name + "slow_tau"))
    )


def atrophy_target(tau: Floats, evidence: Evidence) -> Floats:
    """Return the size, relative to the start, that segments without portal inflow shrink to."""
    reached = 1.0 - np.exp(-evidence.value("growth.atrophy.day") / tau)
    return np.asarray(1.0 - evidence.value("growth.atrophy.fraction") / reached)
