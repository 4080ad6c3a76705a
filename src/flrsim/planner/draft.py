"""The draft of a planning session: everything that can be moved, and the plans as they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from flrsim.case import LiverCase
from flrsim.case_file.save import check_writable
from flrsim.errors import EditError, FlrsimError
from flrsim.evidence import Evidence
from flrsim.legality import check_cycles, check_plan
from flrsim.patient import Patient, Treatment
from flrsim.physiology.modifiers import MODIFIERS
from flrsim.physiology.telv import FORMULAS, THRESHOLD_FORMULA
from flrsim.plan import Plan
from flrsim.staging import StagedPlan

MOST_DRAWS = 1_000_000


class Stager(Protocol):
    """Carries plans out on the liver; edits ask it what they would cut through."""

    def staged(self, plan: Plan) -> StagedPlan:
        """Return a plan carried out."""


@dataclass(frozen=True)
class Draft:
    """A planning session at one moment; every edit returns a new one.

    Attributes
    ----------
    case : the liver as it was read; its patient and history are those of the file.
    patient, history : as they stand in this draft.
    selected : name of the plan that is edited; empty without plans.
    formula : TELV formula of the sFLR that is shown. Rules keep the formula they were found with.
    off : causes that are switched off (`flrsim.physiology.modifiers.MODIFIERS`).
    margin_mm, ablation_margin_mm : margins of wedges and ablations that are new in a plan.
    """

    case: LiverCase
    patient: Patient | None
    history: tuple[Treatment, ...]
    plans: tuple[Plan, ...]
    selected: str
    margin_mm: float
    ablation_margin_mm: float
    seed: int
    draws: int
    formula: str = THRESHOLD_FORMULA
    off: frozenset[str] = frozenset()

    @property
    def plan(self) -> Plan:
        """The plan that is edited."""
        return self.named(self.selected)

    def named(self, name: str) -> Plan:
        """Return a plan by name."""
        for plan in self.plans:
            if plan.name == name:
                return plan
        raise EditError("plan", f'there is no plan "{name}"; add one first')


def start(case: LiverCase, plans: tuple[Plan, ...], evidence: Evidence, *, seed: int, draws: int) -> Draft:
    """Return the draft with which a session on a case begins."""
    return Draft(
        case=case,
        patient=case.patient,
        history=case.history,
        plans=plans,
        selected=plans[0].name if plans else "",
        margin_mm=evidence.value("volumetry.wedge_margin.usual"),
        ablation_margin_mm=evidence.value("search.ablation_margin"),
        seed=seed,
        draws=draws,
    )


@contextmanager
def refusing(control: str) -> Iterator[None]:
    """Turn what forbids an edit into a refusal at its control."""
    try:
        yield
    except EditError:
        raise
    except FlrsimError as error:
        raise EditError(control, _without_path(error.sentence)) from None


_PATH = re.compile(r'(?:^plan ".*": |^|(?<=; ))((?:[a-z0-9_]+\.)*[a-z0-9_]+): (?=is )')
"""Where a sentence about a case file names the key, as ``step.3.day: ``."""


_TWICE = re.compile(
    r"(a day of the plan is -?\d+; (it must be [^;]+); )(?=a day of the plan is -?\d+; \2(?:;|$))"
)
"""The same limit said of one day and then of the next: the last is enough."""


def _without_path(sentence: str) -> str:
    """Return a sentence about a key of a case file in words: nobody at a control sees the file."""

    def words(found: re.Match[str]) -> str:
        key = found[1].rpartition(".")[2]
        return f"{'a day of the plan' if key == 'day' else key.replace('_', ' ')} "

    return _TWICE.sub("", _PATH.sub(words, sentence))


def with_plan(
    draft: Draft,
    plan: Plan,
    control: str,
    *,
    instead_of: str | None = None,
    evidence: Evidence | None = None,
) -> Draft:
    """Return the draft with one plan changed, or added at the end; it is selected.

    Parameters
    ----------
    evidence : how long cycles are; None where an edit moves no day.

    Raises
    ------
    EditError
        When the plan cannot be carried out or not be written down.
    """
    with refusing(control):
        check_writable(plan)
        check_plan(plan, draft.case)
        # A file's plan that overran as it was read may be mended step by step.
        if evidence is not None and not (instead_of and _overruns(draft.named(instead_of), evidence)):
            check_cycles(plan, evidence)
    if instead_of is None:
        plans = (*draft.plans, plan)
    else:
        plans = tuple(plan if p.name == instead_of else p for p in draft.plans)
    return replace(draft, plans=plans, selected=plan.name)


def _overruns(plan: Plan, evidence: Evidence) -> bool:
    try:
        check_cycles(plan, evidence)
    except FlrsimError:
        return True
    return False


def set_formula(draft: Draft, formula: str) -> Draft:
    """Show sFLR by another formula for the estimated total liver volume."""
    if formula not in FORMULAS:
        raise EditError("formula", f'formula "{formula}" is not known; formulas are {", ".join(FORMULAS)}')
    return replace(draft, formula=formula)


def set_penalty(draft: Draft, cause: str, on: bool) -> Draft:
    """Switch a cause of poor growth, function or failure on or off."""
    if cause not in MODIFIERS:
        raise EditError("penalty", f'cause "{cause}" is not known; causes are {", ".join(MODIFIERS)}')
    return replace(draft, off=draft.off - {cause} if on else draft.off | {cause})


def set_draws(draft: Draft, draws: int) -> Draft:
    """Change the number of draws of every plan."""
    if not 1 <= draws <= MOST_DRAWS:
        raise EditError("draws", f"{draws} draws; give between 1 and {MOST_DRAWS}")
    return replace(draft, draws=draws)


def set_seed(draft: Draft, seed: int) -> Draft:
    """Change the seed of the draws."""
    if seed < 0:
        raise EditError("seed", f"seed {seed}; give 0 or more")
    return replace(draft, seed=seed)
