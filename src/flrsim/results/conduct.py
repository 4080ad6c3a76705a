"""What stays to live on, what is done when, and what is left to do when a plan stops short."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flrsim.results.base import Result


@dataclass(frozen=True)
class StayingSegment(Result):
    """A segment of which parenchyma stays after all operations, and the vessels it hangs on.

    `portal` is its outermost portal branch that is labelled; `portal_fate` is kept, lost or not_supplied, lost also when
    a branch on the way to it is. `veins` gives the fate of each hepatic vein that drains it in the textbook, with the
    same words, or along: the plane of a resection runs along it, and it is taken to be dissected free and
    kept. `duct` is not_supplied: bile ducts cannot be supplied yet.
    """

    name: str
    ml: float
    portal: str
    portal_fate: str
    veins: Mapping[str, str]
    duct: str = "not_supplied"


@dataclass(frozen=True)
class PlanDate(Result):
    """One day of a plan's calendar; `kind` is last_dose, images, operate, occlude, treat, scan or wait."""

    day: int
    kind: str
    text: str
    stage: int | None = None


@dataclass(frozen=True)
class Fallback(Result):
    """What is left to do on a day on which a plan may stop.

    `when` is what failed, growth or tumour; `option` is wait, hve, alpps_rescue or stop. `possible` is false for what
    is usually thought of and cannot be done here; `sentence` says what it is, or why not. None of it was played forward.
    """

    when: str
    day: int
    option: str
    possible: bool
    sentence: str
