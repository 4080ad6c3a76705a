"""Distances that decide: from a lesion to the cut, to a vessel, to a border that stands in for a vessel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from flrsim.anatomy import SEGMENTS, VEIN_PROXIES, leaves
from flrsim.case import Lesion, LiverCase
from flrsim.evidence import Evidence
from flrsim.grid import RegionGrid


@dataclass(frozen=True)
class Neighbour:
    """The nearest vessel, or the border that stands in for one.

    Attributes
    ----------
    name : as printed.
    distance_mm : from the lesion's surface; 0 when it touches.
    proxy : True for a segment border: then it never lifts a verdict.
    """

    name: str
    distance_mm: float
    proxy: bool

    @property
    def portal(self) -> bool:
        """Whether it is a portal branch: a bile duct runs with it."""
        return self.name.startswith("portal")

    @property
    def instead_of_wedge(self) -> str:
        """What is left to do beside it, in words; heat would harm the bile duct that runs with a portal branch."""
        if self.portal:
            return "not a wedge, but a segment or R1 vascular; no ablation, because a bile duct runs with it"
        return "not a wedge, but a segment, R1 vascular, or ablation"


@dataclass(frozen=True)
class Cloud:
    """Points that lesions are measured to: a cut, a vessel, a border; (n, 3) LPS mm."""

    points: NDArray[np.float64]

    def distance(self, lesion: Lesion, *, reach_mm: float = np.inf) -> float:
        """Return the shortest distance from a lesion's surface, mm; infinite beyond `reach_mm`."""
        return lesion.search.nearest(self.points, reach_mm=reach_mm)


def border(grid: RegionGrid, one: frozenset[str], other: frozenset[str]) -> NDArray[np.float64]:
    """Return the midpoints of the voxel faces between two groups of segments, (n, 3) LPS mm."""
    from flrsim.kernels.labels import faces_between

    side = np.zeros(len(grid.table), dtype=np.uint8)
    side[grid.ids(segments=one)] = 1
    side[grid.ids(segments=other)] = 2
    return grid.world(faces_between(grid.regions, side))


@dataclass(frozen=True)
class VesselVoxels:
    """All labelled vessel voxels of a case, found once.

    Attributes
    ----------
    points : (n, 3) LPS mm, voxel centres.
    region : (n,) region of each.
    """

    case: LiverCase
    points: NDArray[np.float64]
    region: NDArray[np.int64]

    @classmethod
    def of(cls, case: LiverCase) -> VesselVoxels:
        """Find them."""
        grid = case.grid
        voxels = np.argwhere(grid.mask(grid.ids(kind="vessel")))
        region = grid.regions[voxels[:, 0], voxels[:, 1], voxels[:, 2]].astype(np.int64)
        return cls(case, grid.world(voxels.astype(np.float64)), region)

    def cloud(self, vessel: str) -> Cloud:
        """Return all of one vessel, by its name."""
        ids = self.case.grid.ids(tissue=vessel, kind="vessel")
        return Cloud(self.points[np.isin(self.region, ids)])

    def clouds(self, gone: frozenset[str] = frozenset()) -> dict[str, Cloud]:
        """Return the vessels that veto a wedge beside them, outside the segments in `gone`.

        These are the hepatic veins, the portal trunk and its first two orders, and vessels of a file that
        does not split them. A segment's own pedicle does not: what it loses to a wedge is asked of the
        segment's inflow.
        """
        grid = self.case.grid
        staying = [None, *(s for s in grid.segments if s not in gone)]
        out = {}
        for vessel in self.case.vessels:
            if vessel.branch in SEGMENTS:
                continue
            ids = grid.ids(segments=staying, tissue=vessel.name, kind="vessel")
            out[vessel.name] = Cloud(self.points[np.isin(self.region, ids)])
        return out


def proxy_clouds(grid: RegionGrid) -> dict[str, Cloud]:
    """Return the borders that stand in for vessels."""
    return {
        name: Cloud(
            border(grid, *(frozenset(leaf for s in group for leaf in leaves(s)) for group in (one, other)))
        )
        for name, one, other, _ in VEIN_PROXIES
    }


def printed(name: str) -> str:
    """Return a vessel's name in words."""
    return name.replace("_", " ").replace(":", ", ")


def nearest_vessel(
    lesion: Lesion, clouds: Mapping[str, Cloud], *, proxy: bool, reach_mm: float
) -> Neighbour | None:
    """Return the vessel (or proxy border) nearest to a lesion within `reach_mm`, or None."""
    best: Neighbour | None = None
    for name, cloud in clouds.items():
        distance = cloud.distance(lesion, reach_mm=reach_mm)
        if np.isfinite(distance) and (best is None or distance < best.distance_mm):
            best = Neighbour(printed(name), distance, proxy)
    return best


class Beside:
    """What lesions of a case lie beside, whatever is planned: found at the first call, kept between plans."""

    def __init__(self, case: LiverCase) -> None:
        self.case = case
        self.near: dict[tuple[str, frozenset[str], float], tuple[Neighbour | None, Neighbour | None]] = {}
        """By lesion, segments that are gone, and the reach, mm."""

    @cached_property
    def vessels(self) -> VesselVoxels:
        """The labelled vessels."""
        return VesselVoxels.of(self.case)

    @cached_property
    def proxies(self) -> dict[str, Cloud]:
        """The borders that stand in for vessels."""
        return proxy_clouds(self.case.grid)


class Surroundings:
    """Vessels of a case, or the borders that stand in for them; measured once for all plans.

    Parameters
    ----------
    beside : what was found of this case before; more is added.
    """

    def __init__(self, case: LiverCase, evidence: Evidence, beside: Beside | None = None) -> None:
        self._case = case
        self._reach = evidence.value("volumetry.proximity.vessel")
        self._evidence = evidence
        self._split = case.has_tree("portal_vein") and case.has_tree("hepatic_vein")
        self._beside = Beside(case) if beside is None else beside
        _ = self._beside.vessels  # found while the plans are cut

    def near(self, lesion: Lesion, gone: frozenset[str]) -> tuple[Neighbour | None, Neighbour | None]:
        """Return what decides about a wedge of this lesion, and what is only remarked, both near it.

        Vessels inside segments that are resected whole (`gone`) are no obstacle: they go.
        """
        key = (lesion.name, gone, self._reach)
        found = self._beside.near
        if key not in found:
            vessel = self._encased(lesion, gone) or nearest_vessel(
                lesion, self._beside.vessels.clouds(gone), proxy=False, reach_mm=self._reach
            )
            remark = None
            if vessel is None and not self._split:
                deciding: dict[str, Cloud] = {}
                others: dict[str, Cloud] = {}
                for name, one, other, decides in VEIN_PROXIES:
                    sides = {leaf for s in (*one, *other) for leaf in leaves(s)} & set(
                        self._case.grid.segments
                    )
                    if not sides <= gone:
                        (deciding if decides else others)[name] = self._beside.proxies[name]
                vessel = nearest_vessel(lesion, deciding, proxy=True, reach_mm=self._reach)
                remark = nearest_vessel(lesion, others, proxy=True, reach_mm=self._reach)
            found[key] = (vessel, remark)
        return found[key]

    def ablation_doubt(self, lesion: Lesion, near: Neighbour | None) -> str:
        """Return why an ablation of this lesion may fail, in words; empty when nothing known speaks against it."""
        reasons = []
        most = self._evidence.value("volumetry.ablation.most_diameter")
        if lesion.longest_3d_mm > most:
            reasons.append(f"{lesion.longest_3d_mm:.0f} mm across, ablation is tested up to {most:.0f} mm")
        if near is not None and not near.proxy:
            reasons.append(f"{near.distance_mm:.0f} mm from {near.name}, whose blood carries the heat away")
        return "; ".join(reasons)

    def _encased(self, lesion: Lesion, gone: frozenset[str]) -> Neighbour | None:
        """Return a vessel that runs inside the lesion: no voxel of the grid shows it, and it is nearest of all."""
        if set(lesion.segments) <= gone:
            return None
        for vessel in self._case.vessels:
            if vessel.branch not in SEGMENTS and lesion.name in vessel.encased_ml:
                return Neighbour(printed(vessel.name), 0.0, False)
        return None
