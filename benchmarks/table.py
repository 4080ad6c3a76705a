"""What is compared: one table of work items drives the correctness check, the timings and the printed tables.

A work item has an input of any size, numbers that must come out, and calls: ours and those of peers. A call that
gives wrong numbers is listed as wrong, whoever made it; it is timed all the same, where its time means anything.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

OURS = "flrsim"


def same(given: Any) -> Any:
    return given


@dataclass(frozen=True)
class Call:
    """One way to do a work item.

    Attributes
    ----------
    who : as printed; the calls of this package begin with its name.
    run : prepared input → result; this is timed.
    numbers : (input, result) → numbers to compare with the truth; None where there is nothing to compare.
    prepare : input → what `run` is given; not timed.
    needs : modules that must be there.
    threads : 1, 2, or 0 for a peer that takes as many as it likes.
    timed : whether it takes part in the timings.
    most : the largest input on which it is timed; slower calls have smaller ones.
    part : the largest input that it is given when timed, its time scaled up to the whole and said to be; 0 is the whole.
    note : what a reader must know of it.
    """

    who: str
    run: Callable[[Any], Any]
    numbers: Callable[[Any, Any], Any] | None
    prepare: Callable[[Any], Any] = same
    needs: tuple[str, ...] = ()
    threads: int = 1
    timed: bool = True
    most: float = 1e12
    part: int = 0
    note: str = ""

    @property
    def ours(self) -> bool:
        return self.who.startswith(OURS)

    def missing(self) -> list[str]:
        """Return the modules it needs that are not installed."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]


@dataclass(frozen=True)
class Goal:
    """At least `ratio` times as fast as `peer`; `by` names the call of ours that is held to it."""

    peer: str
    ratio: float
    by: str


@dataclass(frozen=True)
class Work:
    """One work item.

    Attributes
    ----------
    make : size → input, with a `size` in `unit`.
    truth : input → numbers; truth_is : where they come from, in words.
    limit : largest error that is right: relative to each true number, or in the numbers' unit when `absolute`.
    small : size of the correctness check; sizes : of the full timings; quick : of the quick ones.
    rate_goal : units per second that one call of ours must reach, and which.
    """

    key: str
    title: str
    unit: str
    make: Callable[[int], Any]
    truth: Callable[[Any], NDArray[np.float64]]
    truth_is: str
    limit: float
    calls: tuple[Call, ...]
    small: int
    sizes: tuple[int, ...] = ()
    quick: tuple[int, ...] = ()
    goals: tuple[Goal, ...] = ()
    rate_goal: tuple[str, float] | None = None
    absolute: bool = False
    error_unit: str = "%"

    def error(self, given: Any, result: NDArray[np.float64]) -> float:
        """Return the largest error of the numbers."""
        want = np.asarray(self.truth(given), dtype=float)
        got = np.asarray(result, dtype=float)
        if got.shape != want.shape or not np.isfinite(got).all():
            return float("inf")
        away = np.abs(got - want)
        if self.absolute:
            return float(away.max(initial=0.0))
        # What must be nothing is compared with the largest of what must be something.
        scale = np.where(want == 0, np.abs(want).max(initial=0.0), np.abs(want))
        return float((away / scale).max(initial=0.0))


@dataclass(frozen=True)
class NotBuilt:
    """A work item of the plan that this package does not have yet; said, not hidden."""

    key: str
    title: str
    why: str


@dataclass
class Versions:
    """Versions of what took part."""

    of: dict[str, str] = field(default_factory=dict)


PEERS = {
    "igl": "libigl",
    "meshlib": "meshlib",
    "manifold3d": "manifold3d",
    "SimpleITK": "SimpleITK",
    "cc3d": "connected-components-3d",
    "edt": "edt",
    "skimage": "scikit-image",
    "trimesh": "trimesh",
    "vtkmodules": "vtk",
    "pyvista": "pyvista",
    "scipy": "scipy",
    "numpy": "numpy",
    "numba": "numba",
}


def versions() -> dict[str, str]:
    """Return the version of every peer, or "not installed"."""
    from importlib.metadata import PackageNotFoundError, version

    out = {}
    for name in PEERS.values():
        try:
            out[name] = version(name)
        except PackageNotFoundError:
            out[name] = "not installed"
    return out


def chosen(work: Work | NotBuilt, only: str | None) -> bool:
    """Return whether a work item is asked for by its key or by the first word of it; None asks for all."""
    return only is None or work.key == only or work.key.startswith(only + "-")


def works() -> tuple[Work | NotBuilt, ...]:
    """Return every work item, in the order in which it is printed."""
    from benchmarks import cutting, distances, growth, label_maps, meshes, simulation, volumetry

    return (
        *volumetry.WORKS,
        *label_maps.WORKS,
        *meshes.WORKS,
        *cutting.works(),
        *distances.works(),
        *growth.WORKS,
        *simulation.WORKS,
        NotBuilt(
            "subsets",
            "all 2⁹ segment subsets",
            "not built: plans are written by the surgeon; there is no search over all of them yet",
        ),
    )
