"""Read the clinical numbers and remember which ones a run used."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from importlib.resources.abc import Traversable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flrsim.errors import EvidenceError
from flrsim.evidence.disease_rules import DiseaseRule, load_disease_rules
from flrsim.evidence.folder import listing, open_folder, read_text, read_toml
from flrsim.evidence.records import Parameter, Reference, checksum, read_parameters, read_references
from flrsim.evidence.sets import read_frozen, set_name


class Evidence:
    """A named set of clinical numbers; read one with ``evidence["growth.pve.amplitude"]``.

    Parameters
    ----------
    parameter_set
        Name of the set.
    parameters, references
        Records by id, sources by key.
    overridden
        Ids whose value a caller replaced.
    disease_rules
        What disease outside the lesions allows, warns of or forbids.
    """

    def __init__(
        self,
        parameter_set: str,
        parameters: Mapping[str, Parameter],
        references: Mapping[str, Reference],
        overridden: tuple[str, ...] = (),
        disease_rules: tuple[DiseaseRule, ...] = (),
    ) -> None:
        self.parameter_set = parameter_set
        self.overridden = overridden
        self.disease_rules = disease_rules
        self._parameters = parameters
        self._references = references
        self._read: dict[str, None] | None = None

    def __getitem__(self, id: str) -> Parameter:
        try:
            parameter = self._parameters[id]
        except KeyError:
            near = sorted(p for p in self._parameters if p.startswith(id.partition(".")[0] + "."))
            hint = f"; ids there are {', '.join(near)}" if near else ""
            raise EvidenceError(f'the evidence has no number "{id}"{hint}') from None
        if self._read is not None:
            self._read[id] = None
        return parameter

    def __contains__(self, id: object) -> bool:
        return id in self._parameters

    def value(self, id: str) -> float:
        """Return the value alone."""
        return self[id].value

    def quantile(self, id: str, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the number drawn from its range: the value is the median, low and high are the ends.

        Between them the quantile function is straight, which is all that a value and a range say. A number
        without a range is returned as it is.

        Parameters
        ----------
        u : array of float64 in (0, 1)
        """
        parameter = self[id]
        if parameter.low is None or parameter.high is None:
            return np.full(u.shape, parameter.value)
        return np.interp(u, [0.0, 0.5, 1.0], [parameter.low, parameter.value, parameter.high])

    def lognormal(self, id: str, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the number drawn from its lognormal spread, ``value * exp(sd * z)``, z standard normal."""
        parameter = self[id]
        if parameter.spread != "log_sd" or parameter.sd is None:
            raise EvidenceError(
                f'the number "{id}" has no lognormal spread; give it spread = {{ kind = "log_sd", … }}'
            )
        return np.asarray(parameter.value * np.exp(parameter.sd * z))

    def logit_normal(self, id: str, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share drawn from its spread on the log odds, ``logit(share) = logit(value) + sd * z``.

        Parameters
        ----------
        z : array of float64, standard normal

        Returns
        -------
        array of float64 in [0, 1], of the shape of `z`; the value is the median.
        """
        parameter = self[id]
        if parameter.spread != "logit_sd" or parameter.sd is None:
            raise EvidenceError(
                f'the number "{id}" has no spread on the log odds; give it spread = {{ kind = "logit_sd", … }}'
            )
        log_odds = np.log(parameter.value) - np.log1p(-parameter.value) + parameter.sd * z
        # 1 / (1 + exp(-x)) without its overflow far below zero
        return np.asarray(np.exp(-np.logaddexp(0.0, -log_odds)))

    def with_numbers(self, changed: Iterable[Parameter], *, named: str) -> Evidence:
        """Return the set with whole records replaced, spreads and all, under another name.

        Raises
        ------
        EvidenceError
            When the set has no record of that id.
        """
        new = {self[p.id].id: p for p in changed}
        return Evidence(named, {**self._parameters, **new}, self._references, self.overridden)

    def ids(self) -> tuple[str, ...]:
        """Return every id, in alphabetical order."""
        return tuple(sorted(self._parameters))

    def recording(self) -> Evidence:
        """Return a view of the same numbers that remembers which ids are read."""
        view = Evidence(
            self.parameter_set, self._parameters, self._references, self.overridden, self.disease_rules
        )
        view._read = {}
        return view

    @property
    def used(self) -> tuple[str, ...]:
        """Ids read through this view, in alphabetical order; empty unless `recording`."""
        return tuple(sorted(self._read or ()))

    def references(
        self, ids: Iterable[str] | None = None, *, also: Iterable[str] = ()
    ) -> tuple[Reference, ...]:
        """Return the sources of the numbers `ids`, or of all, each once, by key.

        Parameters
        ----------
        also
            Keys of further sources, such as those of disease rules.
        """
        chosen = self._parameters if ids is None else {id: self._parameters[id] for id in ids}
        keys = sorted({p.source for p in chosen.values() if p.source} | {key for key in also if key})
        return tuple(self._references[key] for key in keys)

    def at(self, values: Mapping[str, float]) -> Evidence:
        """Return the same set with some numbers held at a value, without their own range.

        A spread between patients stays: it is the number that is moved, not the people.
        """
        changed = dict(self._parameters)
        for id, value in values.items():
            old = self[id]
            between_patients = old.spread in ("sd", "log_sd", "logit_sd")
            changed[id] = replace(
                old, value=float(value), low=None, high=None, spread=old.spread if between_patients else None
            )
        return Evidence(self.parameter_set, changed, self._references, self.overridden, self.disease_rules)

    @property
    def digest(self) -> str:
        """Return a short checksum of all values, so that an edited set cannot pass for the named one."""
        return checksum(self._parameters)


def load_evidence(
    folder: Path | None = None,
    overrides: Mapping[str, float] | None = None,
    *,
    parameter_set: str | None = None,
) -> Evidence:
    """Return the clinical numbers of the package, or of a folder with the same layout.

    Parameters
    ----------
    folder
        Holds ``parameters/*.toml`` and ``references.bib``; None reads the package's own.
    overrides
        Values that replace those of the set, by id. The number then counts as assumed by the caller.
    parameter_set
        Name of a frozen set in ``sets/``, to run an old result again with its own numbers; None takes the
        numbers of ``parameters/``. A law that came later asks for numbers that an old set does not have, and says so.

    Raises
    ------
    EvidenceError
        Naming file and record, when anything is missing, unknown or impossible.
    """
    root = open_folder(folder)
    if parameter_set is None:
        name, _ = set_name(root)
        parameters, references = _read_all(root)
    else:
        name = parameter_set
        parameters, frozen = read_frozen(root, name)
        # Rules of disease are no numbers and are not frozen: their sources are today's.
        references = _references(root) | frozen
    evidence = Evidence(name, parameters, references, disease_rules=load_disease_rules(folder))
    return _with_overrides(evidence, parameters, references, overrides or {})


def _references(root: Traversable) -> dict[str, Reference]:
    return read_references(read_text(root / "references.bib"), where="references.bib")


def _read_all(root: Traversable) -> tuple[dict[str, Parameter], dict[str, Reference]]:
    """Return the numbers of ``parameters/`` and the reference list."""
    parameters: dict[str, Parameter] = {}
    files = parameter_files(root)
    references = _references(root)
    for file in files:
        for id, parameter in read_parameter_file(file, references).items():
            if id in parameters:
                raise EvidenceError(
                    f'parameters/{file.name}: record "{id}" is already in another file; keep one'
                )
            parameters[id] = parameter
    if not parameters:
        raise EvidenceError(f"{root / 'parameters'} holds no number; it needs .toml files with records")
    return parameters, references


def load_references(folder: Path | None = None) -> dict[str, Reference]:
    """Return the reference list by key, whether or not a number cites it."""
    return read_references(read_text(open_folder(folder) / "references.bib"), where="references.bib")


def parameter_files(root: Traversable) -> list[Traversable]:
    """Return the files that hold clinical numbers."""
    return [f for f in listing(root / "parameters") if f.name.endswith(".toml") and f.name != "set.toml"]


def read_parameter_file(file: Traversable, references: Collection[str]) -> dict[str, Parameter]:
    """Return the numbers of one file, each with a source that the reference list has."""
    where = f"parameters/{file.name}"
    found = read_parameters(read_toml(file, where=where), where=where)
    for id, parameter in found.items():
        if parameter.source and parameter.source not in references:
            raise EvidenceError(
                f'{where}: record "{id}" cites "{parameter.source}", which references.bib does not have'
            )
    return found


def _with_overrides(
    evidence: Evidence,
    parameters: Mapping[str, Parameter],
    references: Mapping[str, Reference],
    overrides: Mapping[str, float],
) -> Evidence:
    """Return the set with single values replaced; a replaced value outside its range loses the range."""
    if not overrides:
        return evidence
    changed = dict(parameters)
    for id, value in overrides.items():
        old = evidence[id]
        inside = old.low is not None and old.high is not None and old.low <= value <= old.high
        new = replace(old, value=float(value), kind="assumed", note=f"set by the caller; was {old.value:g}")
        if old.low is not None and not inside:
            new = replace(new, low=None, high=None, spread=None)
        if old.range is not None and not old.range[0] <= value <= old.range[1]:
            new = replace(new, range=None)
        changed[id] = new
    count = f"{len(overrides)} override" + ("s" if len(overrides) > 1 else "")
    name, ids = f"{evidence.parameter_set} + {count}", tuple(sorted(overrides))
    return Evidence(name, changed, references, ids, evidence.disease_rules)
