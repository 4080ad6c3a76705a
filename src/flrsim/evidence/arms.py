"""What may be said of one arm of a published study: the population and treatment that a simulation repeats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from flrsim.evidence.folder import count, finite

CHOICES = {
    "technique": frozenset(
        "none pve pvl lvd hve alpps alpps_partial alpps_mini alpps_tourniquet alpps_rescue y90".split()
    ),
    "agent": frozenset("mixed nbca pva gelfoam coils ethanol plug".split()),
    "segment_4": frozenset("embolized open stays mixed".split()),
    "disease": frozenset("crlm hcc cholangiocarcinoma other donor".split()),
    "cholestasis": frozenset("none drained undrained".split()),
    "ras": frozenset("wild mutant".split()),
}
"""Keys with a fixed list of words; `segment_4` says what became of its portal branches."""

FIBROSIS_STAGES = frozenset({"F0", "F1", "F2", "F3", "F4"})

ROUNDING = 1e-6
"""Shares that are written in decimals may add up to this much more than 1."""

Complaint = str | None
"""What is needed instead, or None when the value is good."""


def _share(value: Any) -> Complaint:
    number = finite(value)
    return None if number is not None and 0 <= number <= 1 else "a share from 0 to 1"


def _positive(value: Any) -> Complaint:
    number = finite(value)
    return None if number is not None and number > 0 else "a number above 0"


def _not_negative(value: Any) -> Complaint:
    number = finite(value)
    return None if number is not None and number >= 0 else "a number of at least 0"


def _patients(value: Any) -> Complaint:
    return None if count(value) is not None else "a whole number of at least 1"


def _flag(value: Any) -> Complaint:
    return None if isinstance(value, bool) else "true or false"


def _name(value: Any) -> Complaint:
    return None if isinstance(value, str) and value else "a name in quotes"


def _starting_sflr(value: Any) -> Complaint:
    needed = "{ mean = …, sd = … }, fractions with 0 < mean < 1 and sd >= 0"
    if not isinstance(value, Mapping) or set(value) != {"mean", "sd"}:
        return needed
    mean, sd = finite(value["mean"]), finite(value["sd"])
    return None if mean is not None and sd is not None and 0 < mean < 1 and sd >= 0 else needed


def _days(value: Any) -> Complaint:
    needed = "a list of days, each later than the one before"
    if not isinstance(value, list) or not value:
        return needed
    days = [finite(day) for day in value]
    if any(day is None or day < 0 for day in days):
        return needed
    return None if all(a < b for a, b in pairwise(value)) else needed


def _shares(value: Any) -> Complaint:
    needed = "a table of shares from 0 to 1 that add up to at most 1"
    if not isinstance(value, Mapping) or not value or any(_share(share) for share in value.values()):
        return needed
    return None if sum(value.values()) <= 1 + ROUNDING else needed


def _stages(value: Any) -> Complaint:
    if isinstance(value, Mapping) and set(value) <= FIBROSIS_STAGES:
        return _shares(value)
    return f"shares of {', '.join(sorted(FIBROSIS_STAGES))}"


def _one_of(words: frozenset[str]) -> Callable[[Any], Complaint]:
    needed = f"one of {', '.join(sorted(words))}"
    return lambda value: None if isinstance(value, str) and value in words else needed


ARM_KEYS: dict[str, Callable[[Any], Complaint]] = {
    "n": _patients,
    "sflr": _starting_sflr,
    "scan_days": _days,
    "resection_day": _not_negative,
    "major": _flag,
    "regimen": _name,
    "regimens": _shares,
    "cycles": _not_negative,
    "weeks_off": _not_negative,
    "fibrosis": _stages,
    "diabetes": _share,
    "age": _positive,
    "female": _share,
    "remnant": _share,
    "sarcopenia": _share,
    "tace": _flag,
    "two_stage": _flag,
    "response_class": _name,
    "liver_only": _share,
    "subgroup": _name,
} | {key: _one_of(words) for key, words in CHOICES.items()}
"""Every key of an arm with the check of its value. `sflr` is the starting one; `scan_days` count from the last stimulus,
`resection_day` from the first step; `remnant` is the share of the liver that a resection leaves; `tace` precedes the
stimulus; `two_stage` says that the FLR is cleared of tumours in an operation before the stimulus; `response_class` is the row of tumour response that the regimen is read from; `liver_only` is the share without
disease elsewhere; `subgroup` says in words how a part of a study was chosen, where no other key can."""


def complaint(arm: Mapping[str, Any]) -> Complaint:
    """Return what is wrong with an arm in words that follow its name, or None."""
    unknown = sorted(set(arm) - set(ARM_KEYS))
    if unknown:
        return f"has unknown keys {unknown}; keys are {', '.join(sorted(ARM_KEYS))}, assumed, assumptions"
    for key, value in arm.items():
        needed = ARM_KEYS[key](value)
        if needed is not None:
            return f"has {key} = {value!r}; {needed} is needed"
    if {"regimen", "regimens"} <= set(arm):
        return "has both regimen and regimens; one of them says it"
    return None
