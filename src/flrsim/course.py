"""What a plan means in mL and days: the contract between the geometry of a plan and its play through time.

Pure numbers at the size of the imaging day; no mesh, no grid. The geometry makes a `Course` once, the
timeline plays it.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

KINDS = ("operate", "occlude", "treat", "scan", "wait")
FATES = ("removed", "ablated", "cut_through", "left")
MAJOR_SEGMENTS = 3
"""Segments in a major hepatectomy (Brisbane 2000)."""
HALF = 0.5
"""Share of a segment above which it counts as taken."""
_SLACK = 1e-6  # relative rounding of volumes that were summed in another order


@dataclass(frozen=True)
class CourseLesion:
    """One lesion on the imaging day.

    Attributes
    ----------
    fate : removed, ablated, cut_through or left.
    stage : the operation (1-based) that removes or ablates it; None when none does.
    clears_at : cut through: the share of its diameter at which all of it would lie in what is taken, were it to
        shrink towards its centre; None when it would not.
    shrinks_into : the operation that would then take it.
    """

    name: str
    volume_ml: float
    diameter_mm: float
    fate: str
    stage: int | None
    clears_at: float | None = None
    shrinks_into: int | None = None

    @property
    def cleared(self) -> bool:
        """Whether the plan clears the lesion."""
        return self.fate in ("removed", "ablated")


@dataclass(frozen=True)
class DeprivedPart:
    """A part of a segment that an operation leaves in the patient without portal inflow or venous outflow.

    Attributes
    ----------
    ml : parenchyma at the size of the imaging day.
    stage : the operation that takes its portal inflow; None where it only loses its venous outflow.
    goes : the later operation that takes it out; None when it stays.
    """

    segment: str
    ml: float
    stage: int | None
    goes: int | None = None


@dataclass(frozen=True)
class CourseStep:
    """One dated step.

    Attributes
    ----------
    kind : operate, occlude, treat, scan or wait.
    stage : operations are numbered 1, 2, …; None for other steps.
    removed_ml : operate: parenchyma taken per segment, mL at the size of the imaging day.
    technique, occluded : occlude: e.g. ``pve``, and the segments that lose portal inflow.
    agent : occlude: what the branches were embolized with, None when not said.
    regimen, cycles : treat: drugs and number of cycles, the first on the day of the step.
    with_primary : operate: ``major`` or ``minor`` colorectal resection in the same session.
    thrombectomy : operate: a portal tumour thrombus is taken out.
    measured_flr_ml : scan: the measured FLR, when it has been done.
    major : operate: three segments or more.
    extent : operate: printed name of the operation.
    resected : operate: segments taken whole or for the most part; what is ablated is no resection.
    """

    day: int
    kind: str
    stage: int | None = None
    removed_ml: Mapping[str, float] | None = None
    technique: str | None = None
    occluded: tuple[str, ...] = ()
    measured_flr_ml: float | None = None
    major: bool = False
    extent: str = ""
    agent: str | None = None
    regimen: str | None = None
    cycles: int = 0
    with_primary: str | None = None
    thrombectomy: bool = False
    resected: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f'step kind "{self.kind}" is not known; kinds are {", ".join(KINDS)}')
        if (self.kind == "operate") != (self.stage is not None):
            raise ValueError(
                f"a step of kind {self.kind} has stage {self.stage}; operations are numbered, other steps not"
            )


@dataclass(frozen=True)
class Course:
    """A plan as the timeline sees it.

    Attributes
    ----------
    parenchyma_ml : per segment on the imaging day, without lesions.
    flr_ml : per segment, what stays after all operations, at the size of the imaging day.
    tlv_functional_ml : total liver without lesions, mL.
    steps : ordered by day.
    measurement_sd_fraction : SD of the FLR's share of the functional liver from everything that its volume is
        uncertain by, fraction points; see `flrsim.error_budget`.
    scan_day : day of the images, relative to day 0.
    deprived : what operations leave without portal inflow, and what stays without venous outflow; tissue that loses
        both is one part.
    """

    name: str
    parenchyma_ml: Mapping[str, float]
    flr_ml: Mapping[str, float]
    tlv_functional_ml: float
    steps: tuple[CourseStep, ...]
    lesions: tuple[CourseLesion, ...] = ()
    measurement_sd_fraction: float = 0.0
    scan_day: int = 0
    deprived: tuple[DeprivedPart, ...] = ()

    def __post_init__(self) -> None:
        days = [s.day for s in self.steps]
        if days != sorted(days):
            raise ValueError(f"the steps of {self.name} are on days {days}; they must be in order")
        if [s.stage for s in self.operations] != list(range(1, len(self.operations) + 1)):
            raise ValueError(f"the operations of {self.name} must be numbered 1, 2, … in order")
        if not self.total_flr_ml > 0:
            raise ValueError(f"the FLR of {self.name} is {self.total_flr_ml:g} mL; something must stay")
        for segment, volume in self.parenchyma_ml.items():
            gone = sum((s.removed_ml or {}).get(segment, 0.0) for s in self.operations)
            stays = self.flr_ml.get(segment, 0.0)
            if abs(gone + stays - volume) > _SLACK * max(self.tlv_functional_ml, 1.0):
                raise ValueError(
                    f"{self.name}, {segment}: removed {gone:g} and staying {stays:g} mL "
                    f"must add up to {volume:g} mL"
                )
            parts = [part for part in self.deprived if part.segment == segment]
            for what, ml, most in (
                ("parts", sum(p.ml for p in parts), volume),
                ("parts that stay", sum(p.ml for p in parts if p.goes is None), stays),
            ):
                if ml > most + _SLACK * max(self.tlv_functional_ml, 1.0):
                    raise ValueError(
                        f"{self.name}, {segment}: {what} without inflow or outflow are {ml:g} mL; there are {most:g} mL"
                    )

    @property
    def operations(self) -> tuple[CourseStep, ...]:
        """The operations in order."""
        return tuple(s for s in self.steps if s.kind == "operate")

    @property
    def total_flr_ml(self) -> float:
        """FLR on the imaging day, mL."""
        return float(sum(self.flr_ml.values()))

    @property
    def first_day(self) -> int:
        """Day of the first step that touches the liver; 0 without one."""
        return next((s.day for s in self.steps if s.kind in ("operate", "occlude")), 0)

    @property
    def last_operation(self) -> CourseStep | None:
        """The last operation."""
        return self.operations[-1] if self.operations else None

    def major_without(self, step: CourseStep, credit: float) -> bool:
        """Return whether an operation is major when what stays without inflow or outflow counts by `credit`.

        Notes
        -----
        A segment is gone when it is resected, or when what is taken of it and the share of it that does not count are
        together more than half of it.
        """
        if step.major:
            return True
        lost: dict[str, float] = {}
        for part in self.deprived:
            if part.goes is None:
                lost[part.segment] = lost.get(part.segment, 0.0) + (1.0 - credit) * part.ml
        removed = step.removed_ml or {}
        gone = {
            s for s, ml in lost.items() if ml > 0 and removed.get(s, 0.0) + ml > HALF * self.parenchyma_ml[s]
        }
        return segment_count(gone | set(step.resected)) >= MAJOR_SEGMENTS

    @property
    def all_cleared(self) -> bool:
        """Whether the plan clears every lesion."""
        return all(lesion.cleared for lesion in self.lesions)


def segment_count(leaves: Set[str]) -> int:
    """Return how many Couinaud segments a set of leaves is: S4a and S4b are one."""
    return len({"S4" if s in ("S4a", "S4b") else s for s in leaves})
