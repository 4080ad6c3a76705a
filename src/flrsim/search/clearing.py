"""How each lesion is cleared when some segments go whole: with them, by a wedge, by ablation, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from flrsim.anatomy import NAMED_RESECTIONS, SECTIONS, leaves
from flrsim.case import Lesion, LiverCase
from flrsim.evidence import Evidence
from flrsim.mesh import MM3_PER_ML
from flrsim.plan import segments_of
from flrsim.resection.clearance import margin_shell_ml
from flrsim.resection.margin import Surroundings
from flrsim.staging import HALF

Segments = frozenset[str]
SIDES = ("right", "left")
CAUDATE: Segments = frozenset({"S1"})


@dataclass(frozen=True)
class Clearing:
    """One way to clear every lesion.

    Attributes
    ----------
    gone : leaf segments that go whole.
    extended : lesions that go with them, their margin cut out of what stays.
    wedge, ablate : lesions in what stays.
    remarks : what is said about single lesions.
    """

    gone: Segments
    extended: tuple[str, ...]
    wedge: tuple[str, ...]
    ablate: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    @property
    def in_remnant(self) -> tuple[str, ...]:
        """Lesions that lie in what stays."""
        return (*self.wedge, *self.ablate)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is said about it."""
        if not self.extended:
            return self.remarks
        names = ", ".join(self.extended)
        said = (
            f"part of {names} or of the margin lies in what stays, and is cut out of it in the same operation"
        )
        return (said, *self.remarks)


class Lesions:
    """The lesions of a case and what clears each of them."""

    def __init__(self, case: LiverCase, evidence: Evidence) -> None:
        self.case = case
        self.margin_mm = evidence.value("volumetry.wedge_margin.usual")
        self._ablated_up_to_mm = evidence.value("volumetry.ablation.most_diameter")
        self._surroundings = Surroundings(case, evidence)
        self._inside = {x.name: frozenset(x.segments) - {"outside"} for x in case.lesions}
        self.segments: Segments = frozenset().union(*self._inside.values())
        self._reach = {x.name: self._inside[x.name] | self._beside(x) for x in case.lesions}

    def _beside(self, lesion: Lesion) -> Segments:
        """Return the segments that the margin of a lesion runs into."""
        grid = self.case.grid
        shell = margin_shell_ml(grid, lesion, [self.margin_mm])[0]
        ml = {s: float(np.sum(shell[grid.ids(segments=[s])])) for s in grid.segments}
        # Less than a voxel is the edge of the margin, not tissue that can be cut.
        voxel_ml = float(np.prod(grid.spacing_mm)) / MM3_PER_ML
        return frozenset(s for s, x in ml.items() if x > voxel_ml)

    def side(self, lesion: Lesion) -> str | None:
        """Return the hemiliver in which most of a lesion lies; None for the caudate lobe."""
        share = {side: sum(lesion.segments.get(s, 0.0) for s in self.hemiliver(side)) for side in SIDES}
        share["caudate"] = lesion.segments.get("S1", 0.0)
        most = max(share, key=lambda side: share[side])
        return most if most in SIDES else None

    def hemiliver(self, side: str) -> Segments:
        """Return the leaf segments of a hemiliver."""
        return self.present(SECTIONS[side].segments)

    def present(self, names: Iterable[str]) -> Segments:
        """Return the leaf segments of this liver that some segment names stand for."""
        return frozenset(leaf for name in names for leaf in leaves(name)) & frozenset(self.case.grid.segments)

    def clear(self, gone: Segments) -> Clearing | str:
        """Return how all lesions are cleared when `gone` is resected, or a sentence about the first that is not."""
        found: dict[str, list[str]] = {"resected": [], "extended": [], "wedge": [], "ablate": []}
        remarks = []
        for lesion in self.case.lesions:
            way, said = self.way(lesion, gone)
            if way is None:
                return said
            found[way].append(lesion.name)
            if said:
                remarks.append(said)
        return Clearing(
            gone, tuple(found["extended"]), tuple(found["wedge"]), tuple(found["ablate"]), tuple(remarks)
        )

    def held(self, lesion: Lesion, gone: Segments) -> bool:
        """Return whether a lesion goes with the segments that go, not on its own."""
        return self.way(lesion, gone)[0] in ("resected", "extended")

    def way(self, lesion: Lesion, gone: Segments) -> tuple[str | None, str]:
        """Return how a lesion is cleared, ``resected``, ``extended``, ``wedge``, ``ablate`` or None, and a remark.

        A lesion whose greater part goes may take its margin from what stays, if no vessel that stays runs there. One
        that stays is wedged; beside a hepatic vein it is ablated if it is small enough. Beside a portal trunk it is not:
        the bile duct runs with it. One that lies outside the labelled liver for the most part no segment holds.
        """
        outside = lesion.outside_ml / lesion.volume_ml
        if outside > HALF:
            near, _ = self._surroundings.near(lesion, frozenset())
            if near is None:
                return "wedge", f"{100 * outside:.0f} % of {lesion.name} lies outside the labelled liver"
            return None, (
                f"{100 * outside:.0f} % of {lesion.name} lies outside the labelled liver, where no segment holds it; no wedge "
                f"either, {near.distance_mm:.0f} mm from {near.name}: label the liver together with its tumours"
            )
        inside = self._inside[lesion.name]
        mostly = sum(lesion.segments[s] for s in inside & gone) > HALF
        near, beside = self._surroundings.near(lesion, gone)
        vessel = ""
        if near is not None:
            stand_in = " (segment border as proxy: vessels not supplied)" if near.proxy else ""
            vessel = f"{near.distance_mm:.0f} mm from {near.name}{stand_in}"
        if mostly and inside <= gone:
            if self._reach[lesion.name] <= gone:
                return "resected", ""
            if near is None:
                return "extended", ""
            return "resected", (
                f"{lesion.name} lies less than {self.margin_mm:g} mm from what stays, {vessel}: its margin there is narrower"
            )
        if near is None:
            if mostly:
                return "extended", ""
            said = "" if beside is None else f"{beside.distance_mm:.0f} mm from {beside.name}"
            return (
                "wedge",
                f"the wedge of {lesion.name} runs {said} (segment border as proxy)" if said else "",
            )
        small = lesion.longest_3d_mm <= self._ablated_up_to_mm
        if small and not near.portal and not inside & gone:
            return "ablate", f"{lesion.name} is ablated, not wedged: {vessel}"
        if inside & gone:
            reason = "lies across the border of what goes"
        elif not small:
            reason = f"is {lesion.longest_3d_mm:.0f} mm across, too large to ablate"
        else:
            reason = "cannot be ablated, because a bile duct runs with that vessel"
        return None, f"{lesion.name} cannot be wedged, {vessel}, and {reason}"


def anatomical_units(lesions: Lesions) -> tuple[Segments, ...]:
    """Return segments and named resections as sets of leaves, in the order of `smallest_first`."""
    present = lesions.case.grid.segments
    units = {lesions.present([s]) for s in (*present, "S4")}
    units |= {segments_of((name,), present) for name in NAMED_RESECTIONS}
    return smallest_first(lesions, units - {frozenset()})


def major_resections(lesions: Lesions, side: str) -> tuple[Segments, ...]:
    """Return the resections of a hemiliver, or of three sections that hold it, in the order of `smallest_first`."""
    whole, other = lesions.hemiliver(side), lesions.hemiliver(SIDES[1 - SIDES.index(side)])
    units = {unit for unit in anatomical_units(lesions) if whole <= unit and not (other and other <= unit)}
    caudate = {unit | CAUDATE for unit in units if "S1" in lesions.case.grid.segments}
    return smallest_first(lesions, units | caudate)


def smallest_first(lesions: Lesions, units: Iterable[Segments]) -> tuple[Segments, ...]:
    """Return sets of segments, first those that take least parenchyma of segments without a lesion, then the smallest."""
    ml = lesions.case.parenchyma_ml
    return tuple(
        sorted(
            units,
            key=lambda unit: (
                sum(ml[s] for s in unit - lesions.segments),
                sum(ml[s] for s in unit),
                sorted(unit),
            ),
        )
    )


def resection_names(gone: Segments, present: Sequence[str]) -> tuple[str, ...]:
    """Return the fewest names of resections and segments that make up some segments, the largest resection first."""
    rest, names = set(gone), []
    by_count = sorted(NAMED_RESECTIONS, key=lambda name: -len(NAMED_RESECTIONS[name].segments))
    for name in by_count:
        segments = NAMED_RESECTIONS[name].segments
        unit = segments_of((name,), tuple(present))
        # Where segments are missing, the name of a resection that would take them too misleads.
        if all(set(leaves(s)) & unit for s in segments) and unit <= rest:
            # A single segment is called by its own name; S4 stands for its leaves.
            names.append(name if len(segments) > 1 else segments[0])
            rest -= unit
    return (*names, *sorted(rest))
