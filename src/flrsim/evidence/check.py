"""Everything wrong with the evidence at once: records, trials, rules, sources, and what a fit may not have seen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TypeVar

from flrsim.errors import EvidenceError
from flrsim.evidence import targets
from flrsim.evidence.disease_rules import DiseaseRule, load_disease_rules
from flrsim.evidence.folder import listing, open_folder, read_text
from flrsim.evidence.literals import Literal, clinical_literals
from flrsim.evidence.loader import load_evidence, parameter_files, read_parameter_file
from flrsim.evidence.records import Parameter, Reference, read_references
from flrsim.evidence.sets import differences, frozen_names, read_frozen, set_name
from flrsim.evidence.trials import Study, read_study
from flrsim.results import EVIDENCE_CHECK_SCHEMA, EvidenceCheck, EvidenceFinding

FITTED = ("derived", "calibrated")
"""Kinds of number whose source has been used up: it can no longer validate."""

_SHOWN = 5
"""Names that a sentence gives of many."""

T = TypeVar("T")


def check_evidence(folder: Path | None = None, package: Traversable | None = None) -> EvidenceCheck:
    """Return everything wrong with the evidence, and every clinical number that stands in the code instead.

    Each file and each study is read by itself, so that one broken record does not hide the next file's.

    Parameters
    ----------
    folder
        Holds the evidence; None checks the package's own.
    package
        Folder of the package's sources; None takes flrsim as it is installed.
    """
    root, found = open_folder(folder), list[EvidenceFinding]()
    references = _try(found, "references.bib", lambda: _references(root)) or {}
    parameters = _parameters(root, references, found)
    studies = _studies(root, references, found)
    rules = _try(found, "disease_rules.toml", lambda: load_disease_rules(folder)) or ()
    frozen = _frozen(root, found)
    if not found:
        _try(found, "parameters", lambda: load_evidence(folder))
    if not found:
        _try(
            found,
            targets.FILE,
            lambda: targets.check_targets(targets.load_targets(folder), load_evidence(folder), studies),
        )
    if not found:
        # A broken file's citations are unknown, and a source that it cites is no orphan.
        found += orphans(references.values(), parameters, studies, rules)
        found += _check_set(root, {p.id: p for p in parameters}, frozen)
    found += unfindable(references.values())
    found += leaks(parameters, studies)
    numbers, modules = _try(found, "the code", lambda: clinical_literals(package)) or ((), 0)
    found += in_code(numbers)
    return EvidenceCheck(
        schema=EVIDENCE_CHECK_SCHEMA,
        sound=not found,
        findings=tuple(found),
        parameters=len(parameters),
        studies=len(studies),
        printed_numbers=sum(len(study.numbers) for study in studies),
        references=len(references),
        disease_rules=len(rules),
        modules=modules,
    )


def orphans(
    references: Iterable[Reference],
    parameters: Iterable[Parameter],
    studies: Iterable[Study],
    rules: Iterable[DiseaseRule],
) -> list[EvidenceFinding]:
    """Return the sources that no number, study or rule cites."""
    cited = {p.source for p in parameters} | {r.source for r in rules}
    cited |= {key for s in studies for key in (s.source, *s.also)}
    return [
        EvidenceFinding(
            "orphan",
            "references.bib",
            f'references.bib: no number, study or rule cites "{reference.key}"; remove the entry or cite it',
        )
        for reference in references
        if reference.key not in cited
    ]


def unfindable(references: Iterable[Reference]) -> list[EvidenceFinding]:
    """Return the sources that a reader cannot look up by a number, an address, or journal, year, volume and page."""
    return [
        EvidenceFinding(
            "not_findable",
            "references.bib",
            f'references.bib: entry "{r.key}" has no doi, pmid, pmcid or url, and not journal, year, volume and pages; '
            "add what it is found by",
        )
        for r in references
        if not (r.doi or r.pmid or r.pmcid or r.url or (r.journal and r.year and r.volume and r.pages))
    ]


def leaks(parameters: Iterable[Parameter], studies: Iterable[Study]) -> list[EvidenceFinding]:
    """Return the validation studies that a derived or calibrated number has seen, as its source or in its note."""
    held_out = [study for study in studies if study.split == "validation"]
    return [
        EvidenceFinding(
            "leak",
            f"trials/{study.key}",
            f'trials/{study.key} is a validation study, and the {p.kind} number "{p.id}" rests on it; '
            "declare the study calibration",
        )
        for study in held_out
        for p in parameters
        if p.kind in FITTED
        and (
            p.source in (study.source, *study.also) or _names(p.note, {study.key, study.source, *study.also})
        )
    ]


def in_code(numbers: Iterable[Literal]) -> list[EvidenceFinding]:
    """Return the clinical numbers that stand in the code."""
    return [
        EvidenceFinding(
            "literal",
            n.module,
            f"{n.module} line {n.line}: the number {n.value:g} stands in the code{f' ({n.home})' if n.home else ''}; "
            "move it to parameters/*.toml, or, if it is no clinical one, name it in evidence/literals.py with the reason",
        )
        for n in numbers
    ]


def _check_set(
    root: Traversable, parameters: Mapping[str, Parameter], frozen: Mapping[str, Mapping[str, Parameter]]
) -> list[EvidenceFinding]:
    """Return what is wrong between the numbers in use and the frozen set of the same name."""
    name, released = set_name(root)
    if name not in frozen:
        if not released:
            return []
        sentence = (
            f'parameters/set.toml says that "{name}" is released, and sets/{name}.json is missing; '
            f"write it with: flrsim evidence freeze {name}.json"
        )
        return [EvidenceFinding("not_frozen", "parameters/set.toml", sentence)]
    changed = differences(parameters, frozen[name])
    if not changed:
        return []
    sentence = (
        f'parameters/set.toml names the frozen set "{name}", and {len(changed)} of the numbers are not its own '
        f"({', '.join(changed[:_SHOWN])}{', …' if len(changed) > _SHOWN else ''}); take a new name with released = false"
    )
    return [EvidenceFinding("set_changed", "parameters/set.toml", sentence)]


def _names(text: str, keys: Iterable[str]) -> bool:
    """Say whether a text has one of these keys as a word."""
    return any(re.search(rf"\b{re.escape(key)}\b", text) for key in keys)


def _try(found: list[EvidenceFinding], where: str, read: Callable[[], T]) -> T | None:
    """Return what a reader returns; when it refuses, note its sentence and return None."""
    try:
        return read()
    except EvidenceError as error:
        found.append(EvidenceFinding("record", where, error.sentence))
        return None


def _references(root: Traversable) -> dict[str, Reference]:
    return read_references(read_text(root / "references.bib"), where="references.bib")


def _parameters(
    root: Traversable, references: Mapping[str, Reference], found: list[EvidenceFinding]
) -> list[Parameter]:
    """Return the numbers of the files that can be read."""
    parameters: list[Parameter] = []
    for file in _try(found, "parameters", lambda: parameter_files(root)) or ():

        def read(file: Traversable = file) -> dict[str, Parameter]:
            return read_parameter_file(file, references)

        parameters += (_try(found, f"parameters/{file.name}", read) or {}).values()
    return parameters


def _studies(
    root: Traversable, references: Mapping[str, Reference], found: list[EvidenceFinding]
) -> list[Study]:
    """Return the studies that can be read."""
    studies: list[Study] = []
    for entry in listing(root / "trials") if (root / "trials").is_dir() else ():

        def read(entry: Traversable = entry) -> Study:
            return read_study(entry, references)

        study = _try(found, f"trials/{entry.name}", read)
        if study is not None:
            studies.append(study)
    return studies


def _frozen(root: Traversable, found: list[EvidenceFinding]) -> dict[str, dict[str, Parameter]]:
    """Return the frozen sets that can be read, by name."""
    sets: dict[str, dict[str, Parameter]] = {}
    for name in frozen_names(root):

        def read(name: str = name) -> dict[str, Parameter]:
            return read_frozen(root, name)[0]

        numbers = _try(found, f"sets/{name}.json", read)
        if numbers is not None:
            sets[name] = numbers
    return sets
