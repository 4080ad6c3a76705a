"""One check: what was expected, what was found, how far apart they may lie and why."""

from __future__ import annotations

import math

from flrsim.results import DoctorCheck

ROUNDING = 1e-12
"""Of the whole: sums of up to a million terms in double precision lose less than a tenth of this."""


def absolute(
    name: str, expected: float, found: float, *, limit: float, unit: str, reason: str
) -> DoctorCheck:
    """Return a check of a number in its own unit."""
    error = abs(found - expected)
    return _check(name, expected, found, error, limit, unit, reason)


def relative(
    name: str, expected: float, found: float, *, limit: float, unit: str, reason: str
) -> DoctorCheck:
    """Return a check of a number by its share of what was expected."""
    error = abs(found / expected - 1.0)
    return _check(name, expected, found, error, limit, unit, reason, relative=True)


def same(name: str, what: str, different: int, *, reason: str) -> DoctorCheck:
    """Return a check that nothing differs; `what` is counted."""
    return _check(name, 0.0, float(different), float(different), 0.0, what, reason)


def not_installed(name: str, library: str) -> DoctorCheck:
    """Return the line of a peer that is not there to be asked."""
    return DoctorCheck(
        "", name, "not_installed", None, None, None, None, "", False, f"{library} is not installed"
    )


def refused(name: str, sentence: str) -> DoctorCheck:
    """Return a failed check whose computation ended in an error."""
    return DoctorCheck("", name, "failed", None, None, None, None, "", False, sentence)


def _check(
    name: str,
    expected: float,
    found: float,
    error: float,
    limit: float,
    unit: str,
    reason: str,
    *,
    relative: bool = False,
) -> DoctorCheck:
    # An error that is not a number is no agreement.
    passed = math.isfinite(error) and error <= limit
    status = "passed" if passed else "failed"
    return DoctorCheck("", name, status, expected, found, error, limit, unit, relative, reason)
