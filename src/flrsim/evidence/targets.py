"""What a calibration fits to what: declared targets, none of them of a validation study."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flrsim.errors import EvidenceError
from flrsim.evidence.folder import finite, open_folder, read_toml
from flrsim.evidence.loader import Evidence
from flrsim.evidence.printed import PrintedNumber
from flrsim.evidence.trials import Study

FILE = "calibration.toml"

SCALES = ("linear", "log", "logit")
"""Scales on which a number is moved; a range is symmetric on its scale."""

_KEYS = {"why", "between", "fit", "targets"}


@dataclass(frozen=True)
class TargetGroup:
    """Numbers that are fitted together, and the printed numbers they are fitted to.

    Attributes
    ----------
    why : why these numbers are to follow from these rows.
    between : SD between studies over the size of a printed number; it adds to what a study's own interval says.
    fit : scale of every fitted number, by id.
    targets : rows as ``study:id``.
    """

    name: str
    why: str
    between: float
    fit: Mapping[str, str]
    targets: tuple[str, ...]


def load_targets(folder: Path | None = None) -> tuple[TargetGroup, ...]:
    """Return the groups of ``calibration.toml`` in the file's order.

    Raises
    ------
    EvidenceError
        Naming the group, when anything is missing or unknown.
    """
    root = open_folder(folder)
    if not (root / FILE).is_file():
        return ()
    return tuple(_read_group(name, table) for name, table in read_toml(root / FILE, where=FILE).items())


def check_targets(groups: Iterable[TargetGroup], evidence: Evidence, studies: Iterable[Study]) -> None:
    """Raise unless every fitted number has a range and every target is a row of a calibration study.

    Raises
    ------
    EvidenceError
        Naming group and row or number; a row of a validation study is never read by a fit.
    """
    known = {study.key: study for study in studies}
    for group in groups:
        for id in group.fit:
            if evidence[id].sensitivity is None:
                raise EvidenceError(
                    f'{FILE}: group "{group.name}" fits "{id}", which has no range; a fit moves a number within its range'
                )
        for target in group.targets:
            target_row(target, group.name, known)


def target_row(target: str, group: str, studies: Mapping[str, Study]) -> tuple[Study, PrintedNumber]:
    """Return the study and the row of a target.

    Raises
    ------
    EvidenceError
        When there is no such row, or when its study is declared for validation.
    """
    key, _, id = target.partition(":")
    study = studies.get(key)
    number = None if study is None else next((n for n in study.numbers if n.id == id), None)
    if study is None or number is None:
        raise EvidenceError(
            f'{FILE}: group "{group}" has the target "{target}", and there is no such row; targets are study:id'
        )
    if study.split != "calibration":
        raise EvidenceError(
            f'{FILE}: group "{group}" has the target "{target}", and {key} is declared for {study.split}; a fit reads '
            "calibration studies alone"
        )
    return study, number


def _read_group(name: str, table: Any) -> TargetGroup:
    """Return one checked group."""

    def refuse(what: str) -> EvidenceError:
        return EvidenceError(f'{FILE}: group "{name}" {what}')

    if not isinstance(table, Mapping) or set(table) != _KEYS:
        raise refuse(f"needs the keys {', '.join(sorted(_KEYS))} and no others")
    between, fit, targets, why = (table[key] for key in ("between", "fit", "targets", "why"))
    if not isinstance(why, str) or not why:
        raise refuse("has no why; say why these numbers follow from these rows")
    size = finite(between)
    if size is None or size < 0:
        raise refuse(f"has between = {between!r}; a share of at least 0 is needed")
    if not isinstance(fit, Mapping) or not fit or not set(fit.values()) <= set(SCALES):
        raise refuse(f"has fit = {fit!r}; a table of ids with their scale ({', '.join(SCALES)}) is needed")
    if not isinstance(targets, Sequence) or isinstance(targets, str) or not targets:
        raise refuse(f"has targets = {targets!r}; a list of study:id is needed")
    return TargetGroup(name, why, size, dict(fit), tuple(targets))
