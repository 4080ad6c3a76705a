"""What changes growth, function and failure beside technique and size: the one table of causes.

Every cause is named once. It may act on the amplitude of growth (and through it on the rate), on the function
of a mL, and on the odds of liver failure; each can be switched off, and is then 1, 1 and 0 everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from flrsim.draws import Floats, Stream
from flrsim.evidence import Evidence
from flrsim.patient import Patient, Treatment
from flrsim.physiology.doses import chemotherapy_cycles, weeks_since
from flrsim.physiology.injury import Injury
from flrsim.regimens import BEVACIZUMAB, TACE, drugs

MODIFIERS: dict[str, str] = {
    "sos": "sinusoidal obstruction",
    "nrh": "nodular regenerative hyperplasia",
    "steatosis": "steatosis or steatohepatitis",
    "many_cycles": "more than 6 cycles of chemotherapy, as far as it brakes more than sinusoidal and nodular injury",
    "long_chemotherapy": "more than 12 weeks of chemotherapy",
    "bevacizumab": "bevacizumab shortly before the occlusion",
    "interval_chemotherapy": "chemotherapy between occlusion and resection",
    "fibrosis": "fibrosis F3 or cirrhosis",
    "measured_function": "function as measured",
    "cholestasis": "cholestasis",
    "sarcopenia": "sarcopenia",
    "diabetes": "diabetes",
    "tace": "arterial embolization before the occlusion",
    "segment_4": "portal branches of segment 4",
    "agent": "embolization agent",
}
"""Causes by name, each of which can be switched off."""

OF_THE_OCCLUSION = frozenset({"segment_4", "agent", "bevacizumab", "interval_chemotherapy", "tace"})
"""Causes that belong to an occlusion, not to the regrowth after an operation."""

FOUND_WITH: dict[str, tuple[str, ...]] = {"segment_4": ("pve", "pvl"), "tace": ("pve",)}
"""Stimuli with which the factor of a cause was found; on another stimulus the cause has no factor."""

_LEFT_BY_CYCLES = ("sos", "nrh")
"""Injury through which many cycles of chemotherapy act."""

ALL_OFF = frozenset(MODIFIERS)


@dataclass(frozen=True)
class Setting:
    """How growth is stimulated, as far as it changes what the stimulus does.

    Attributes
    ----------
    segment_4 : ``stays``, ``embolized`` or ``open``: what becomes of segment 4.
    agent : embolization agent; None when not said.
    interval_chemotherapy : share of the growth after the first occlusion that falls on days on which chemotherapy acts.
    techniques : stimuli of the plan; without one no cause that was found with a stimulus acts.
    """

    segment_4: str = "stays"
    agent: str | None = None
    interval_chemotherapy: float = 0.0
    techniques: tuple[str, ...] = ()


@dataclass(frozen=True)
class Effect:
    """What one cause does, (n_draws,) each.

    Attributes
    ----------
    growth, function : factors on the amplitude of growth and on the function of a mL; 1 where it does nothing.
    failure : added log odds of liver failure; 0 where it adds nothing.
    """

    growth: Floats
    function: Floats
    failure: Floats

    @property
    def active(self) -> bool:
        """Whether the cause does anything in any draw."""
        return bool(np.any(self.growth != 1) or np.any(self.function != 1) or np.any(self.failure != 0))


class _Table:
    """Effects under construction: what is not said of a cause does nothing."""

    def __init__(self, shape: tuple[int, ...], evidence: Evidence, uniform: Stream) -> None:
        self.ones, self.zeros = np.ones(shape), np.zeros(shape)
        self.found: dict[str, dict[str, Floats]] = {}
        self._evidence, self._uniform = evidence, uniform

    def drawn(self, id: str, stream: str) -> Floats:
        """Return a number drawn from its range; one uniform per cause, so a worse grade is worse in every draw."""
        return self._evidence.quantile(id, self._uniform(stream))

    def put(self, cause: str, kind: str, values: Floats) -> None:
        self.found.setdefault(cause, {})[kind] = values

    def graded(
        self, cause: str, kind: str, prefix: str, grades: Mapping[str, NDArray[np.bool_]], neutral: Floats
    ) -> None:
        """Enter the number of the worst grade that is present, the last one named being the worst."""
        values = neutral
        for grade, present in grades.items():
            if np.any(present):
                values = np.where(present, self.drawn(f"{prefix}.{grade}", f"{kind}.{cause}"), values)
        self.put(cause, kind, values)

    def effects(self) -> dict[str, Effect]:
        return {
            name: Effect(
                self.found.get(name, {}).get("modifier", self.ones),
                self.found.get(name, {}).get("function", self.ones),
                self.found.get(name, {}).get("failure", self.zeros),
            )
            for name in MODIFIERS
        }


def effects(
    day: int,
    patient: Patient,
    history: tuple[Treatment, ...],
    injury: Injury,
    setting: Setting,
    evidence: Evidence,
    uniform: Stream,
) -> dict[str, Effect]:
    """Return what every cause does on `day`.

    Parameters
    ----------
    history
        Treatments given until `day`.

    Notes
    -----
    Steatosis and steatohepatitis are one cause: the stronger brake counts, once. Which causes enter the risk of
    failure together is decided in `flrsim.physiology.risk`: each history enters once. A measured function is no
    factor beside the others: it outranks them in `flrsim.physiology.function`.
    """
    table = _Table(injury.sos_grade.shape, evidence, uniform)
    _injury(table, patient, injury, evidence)
    _chemotherapy(table, day, history, evidence)
    _patient(table, patient)
    if _embolized(history) and _found_with("tace", setting):
        table.put("tace", "modifier", table.drawn("growth.modifier.tace_before_pve", "modifier.tace"))
    if setting.segment_4 != "stays" and _found_with("segment_4", setting):
        id = f"growth.modifier.segment_4_{setting.segment_4}"
        table.put("segment_4", "modifier", table.drawn(id, "modifier.segment_4"))
    if setting.agent is not None:
        table.put(
            "agent", "modifier", table.drawn(f"growth.modifier.agent_{setting.agent}", "modifier.agent")
        )
    if setting.interval_chemotherapy:
        values = table.drawn("growth.modifier.interval_chemotherapy", "modifier.interval_chemotherapy")
        # Weighted by days: all of it where treatment acts all along, nothing where it acts on no day.
        table.put("interval_chemotherapy", "modifier", 1.0 - setting.interval_chemotherapy * (1.0 - values))
    return table.effects()


def not_found_with(technique: str) -> frozenset[str]:
    """Return the causes whose factor was found with other stimuli than `technique`."""
    return frozenset(cause for cause, techniques in FOUND_WITH.items() if technique not in techniques)


def without_factor(setting: Setting, history: tuple[Treatment, ...]) -> tuple[str, ...]:
    """Return what is said of causes that are present and have no factor on a stimulus of the plan.

    Parameters
    ----------
    history
        Treatments given until the stimulus.
    """
    present = {"segment_4": setting.segment_4 != "stays", "tace": _embolized(history)}
    said = []
    for cause, techniques in FOUND_WITH.items():
        others = [t for t in dict.fromkeys(setting.techniques) if t not in techniques]
        if present[cause] and others:
            said.append(
                f"{MODIFIERS[cause]}: its factor on growth was found with {' and '.join(techniques)}; none is assumed "
                f"for {' and '.join(others)}"
            )
    return tuple(said)


def _found_with(cause: str, setting: Setting) -> bool:
    return any(technique in FOUND_WITH[cause] for technique in setting.techniques)


def _embolized(history: tuple[Treatment, ...]) -> bool:
    return any(TACE in drugs(t.regimen) for t in history)


def _injury(table: _Table, patient: Patient, injury: Injury, evidence: Evidence) -> None:
    """Enter what chemotherapy and fat have done to the parenchyma."""
    sos = {"sos_2": injury.sos_grade == 2, "sos_3": injury.sos_grade > 2}
    table.graded("sos", "modifier", "growth.modifier", sos, table.ones)
    table.graded("sos", "function", "function", sos, table.ones)
    table.graded("sos", "failure", "risk.phlf", {"sos_2": injury.sos_grade >= 2}, table.zeros)
    nrh = {"nrh_1": injury.nrh_grade == 1, "nrh_2": injury.nrh_grade >= 2}
    table.graded("nrh", "modifier", "growth.modifier", nrh, table.ones)
    table.graded("nrh", "function", "function", {"nrh": injury.nrh_grade >= 1}, table.ones)
    table.graded("nrh", "failure", "risk.phlf", {"nrh": injury.nrh_grade >= 1}, table.zeros)
    _fat(table, patient, injury, evidence)


def _fat(table: _Table, patient: Patient, injury: Injury, evidence: Evidence) -> None:
    """Enter fat: steatosis and steatohepatitis are one cause, of which the stronger brake counts."""
    present = {"steatohepatitis": injury.steatohepatitis}
    table.graded("steatosis", "modifier", "growth.modifier", present, table.ones)
    table.graded("steatosis", "function", "function", present, table.ones)
    table.graded("steatosis", "failure", "risk.phlf", present, table.zeros)
    worst = table.found["steatosis"]
    if np.any(injury.steatosis):
        for kind, prefix in (("modifier", "growth.modifier"), ("function", "function")):
            braked = np.where(
                injury.steatosis, table.drawn(f"{prefix}.steatosis_30", f"{kind}.steatosis"), 1.0
            )
            worst[kind] = np.minimum(worst[kind], braked)
    mild, high = (evidence.value(f"growth.steatosis_{name}_from") for name in ("mild", "high"))
    if patient.liver.steatosis_fraction is not None and mild <= patient.liver.steatosis_fraction < high:
        braked = table.drawn("growth.modifier.steatosis_mild", "modifier.steatosis")
        worst["modifier"] = np.minimum(worst["modifier"], braked)


def _chemotherapy(table: _Table, day: int, history: tuple[Treatment, ...], evidence: Evidence) -> None:
    """Enter what the history does by itself, whatever injury it left."""
    if chemotherapy_cycles(history, evidence) > evidence.value("growth.many_cycles_above"):
        table.put(
            "many_cycles", "modifier", table.drawn("growth.modifier.many_cycles", "modifier.many_cycles")
        )
    since = weeks_since(BEVACIZUMAB, day, history)
    if since is not None and since < evidence.value("growth.bevacizumab_window"):
        table.put(
            "bevacizumab", "modifier", table.drawn("growth.modifier.bevacizumab", "modifier.bevacizumab")
        )


def _patient(table: _Table, patient: Patient) -> None:
    """Enter what was known of the patient and the liver before any treatment."""
    liver = patient.liver
    if liver.stage in ("F3", "F4"):
        grade = f"fibrosis_{liver.stage[1]}"
        table.put("fibrosis", "modifier", table.drawn(f"growth.modifier.{grade}", "modifier.fibrosis"))
        table.put("fibrosis", "function", table.drawn(f"function.{grade}", "function.fibrosis"))
    if liver.cholestasis in ("drained", "undrained"):
        id = f"growth.modifier.cholestasis_{liver.cholestasis}"
        table.put("cholestasis", "modifier", table.drawn(id, "modifier.cholestasis"))
    if liver.cholestasis == "undrained":
        table.put("cholestasis", "function", table.drawn("function.cholestasis", "function.cholestasis"))
    if patient.sarcopenia:
        table.put("sarcopenia", "modifier", table.drawn("growth.modifier.sarcopenia", "modifier.sarcopenia"))
    if patient.diabetes:
        table.put("diabetes", "modifier", table.drawn("growth.modifier.diabetes", "modifier.diabetes"))
        table.put("diabetes", "failure", table.drawn("risk.phlf.diabetes", "failure.diabetes"))


def growth_factors(found: Mapping[str, Effect], off: Iterable[str] = ()) -> dict[str, Floats]:
    """Return the growth factor of every cause that is not switched off, (n_draws,) each, as it acts beside the others.

    Notes
    -----
    Many cycles and the sinusoidal and nodular injury that they leave are one cause seen twice. In every draw the
    stronger brake counts: the cycles act only as far as they brake more than the injury of that draw.
    """
    factors = _kept({name: e.growth for name, e in found.items()}, off)
    if "many_cycles" in factors:
        factors["many_cycles"] = np.minimum(factors["many_cycles"] / _left_by_cycles(factors), 1.0)
    return factors


def growth_factor(found: Mapping[str, Effect], off: Iterable[str] = ()) -> Floats:
    """Return the product of `growth_factors`, (n_draws,)."""
    factors = _kept({name: e.growth for name, e in found.items()}, off)
    # The minimum itself and not a product that rounds: more injury speeds no draw, not by the last digit.
    brake = _left_by_cycles(factors)
    if "many_cycles" in factors:
        brake = np.minimum(brake, factors["many_cycles"])
    rest = {name: f for name, f in factors.items() if name not in (*_LEFT_BY_CYCLES, "many_cycles")}
    return _product({"cycles and their injury": brake, **rest})


def _left_by_cycles(factors: Mapping[str, Floats]) -> Floats:
    return _product({name: factors[name] for name in _LEFT_BY_CYCLES if name in factors})


def function_factor(found: Mapping[str, Effect], off: Iterable[str] = ()) -> Floats:
    """Return the product of all function factors that are not switched off, (n_draws,)."""
    return _product(_kept({name: e.function for name, e in found.items()}, off))


def _kept(factors: Mapping[str, Floats], off: Iterable[str]) -> dict[str, Floats]:
    unknown = sorted(set(off) - set(MODIFIERS))
    if unknown:
        raise ValueError(f"modifiers {unknown} are not known; modifiers are {', '.join(MODIFIERS)}")
    return {name: f for name, f in factors.items() if name not in set(off)}


def _product(factors: Mapping[str, Floats]) -> Floats:
    # Factor by factor: np.prod would copy all of them into one table first.
    return np.asarray(reduce(np.multiply, factors.values(), np.ones(())))
