"""What a surgeon asks of one lesion before any plan: how deep, beside what, at what price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flrsim.anatomy import SEGMENTS
from flrsim.case import Lesion, LiverCase
from flrsim.error_budget import interval, lesion_causes
from flrsim.evidence import Evidence
from flrsim.grid import RegionGrid
from flrsim.meshing import WALL_ITERATIONS, mesh_from_labels
from flrsim.resection.clearance import box_around, clearance, in_axes, part_of
from flrsim.resection.margin import Cloud, Surroundings, VesselVoxels, printed, proxy_clouds
from flrsim.resection.wedge import way_out
from flrsim.results import ClearanceCost, LesionVolume, NearestVessel

VEIN_BORDERS = ("right hepatic vein", "middle hepatic vein")
PEDICLE_BORDERS = ("umbilical fissure",)
"""Which of the borders that stand in for a vessel stand for which tree; see `flrsim.anatomy.VEIN_PROXIES`."""

CONTACT_PAD_VOXELS = 8
"""Tissue around a lesion that its wall is smoothed with: sixteen steps of half a voxel, each in a random direction as it
were, carry little farther than half of this."""


@dataclass(frozen=True)
class Near:
    """Everything that lesions are measured to, found once for a case.

    Attributes
    ----------
    vessels : by the vessel's name; voxel centres.
    borders : by the name of the vessel they stand in for; empty when both trees were supplied.
    meeting : where two hepatic veins come within reach of each other.
    """

    vessels: Mapping[str, Cloud]
    borders: Mapping[str, Cloud]
    meeting: Cloud
    surroundings: Surroundings
    reach_mm: float

    @classmethod
    def of(cls, case: LiverCase, evidence: Evidence) -> Near:
        """Find it."""
        found = VesselVoxels.of(case)
        vessels = {vessel.name: found.cloud(vessel.name) for vessel in case.vessels}
        reach = evidence.value("volumetry.proximity.vessel")
        split = case.has_tree("portal_vein") and case.has_tree("hepatic_vein")
        return cls(
            vessels,
            {} if split else proxy_clouds(case.grid),
            Cloud(_meeting([vessels[name].points for name in _main_veins(case)], reach)),
            Surroundings(case, evidence),
            reach,
        )


def _main_veins(case: LiverCase) -> list[str]:
    """Return the named hepatic veins, without the branches of single segments."""
    return [
        v.name
        for v in case.vessels
        if v.tree == "hepatic_vein" and v.branch is not None and v.branch not in SEGMENTS
    ]


def _meeting(veins: Sequence[NDArray[np.float64]], reach_mm: float) -> NDArray[np.float64]:
    """Return the points of any vein that lie within reach of another vein, (n, 3) LPS mm."""
    from scipy.spatial import cKDTree

    trees = [cKDTree(points) if len(points) else None for points in veins]
    near = [np.zeros((0, 3))]
    for i, points in enumerate(veins):
        for j, tree in enumerate(trees):
            if i != j and tree is not None and len(points):
                distance, _ = tree.query(points, distance_upper_bound=reach_mm)
                near.append(points[np.isfinite(distance)])
    return np.concatenate(near)


def lesion_facts(
    case: LiverCase,
    evidence: Evidence,
    *,
    telv_ml: float | None = None,
    margins_mm: Sequence[float] = (),
) -> tuple[LesionVolume, ...]:
    """Return the facts of every lesion of a case.

    Parameters
    ----------
    telv_ml : estimated total liver volume, for costs in points of sFLR; None without a patient.
    margins_mm : margins at which the cost of a wedge is asked, beside those of the evidence; mm.
    """
    if not case.lesions:
        return ()
    usual = evidence.value("volumetry.wedge_margin.usual")
    others = {
        *(evidence.value(f"volumetry.wedge_margin.{name}") for name in ("least", "wide")),
        *margins_mm,
    }
    margins = sorted({usual, *others})
    near = Near.of(case, evidence)
    # Counted before two threads ask for them.
    _ = case.grid.counts, case.grid.liver_ids

    def one(lesion: Lesion) -> LesionVolume:
        return _facts(case, lesion, near, margins, telv_ml, evidence)

    with ThreadPoolExecutor(max_workers=2) as pool:
        return tuple(pool.map(one, case.lesions))


def _facts(
    case: LiverCase,
    lesion: Lesion,
    near: Near,
    margins: Sequence[float],
    telv_ml: float | None,
    evidence: Evidence,
) -> LesionVolume:
    depth, centre_depth, contact = capsule(case.grid, lesion)
    away = {name: cloud.distance(lesion) for name, cloud in {**near.borders, **near.vessels}.items()}
    # A vessel inside the lesion has no voxel of its own: that tissue is lesion.
    away.update({v.name: 0.0 for v in case.vessels if lesion.name in v.encased_ml})
    confluence, by_border, said = _confluence(case, lesion, near, away)
    pedicle = _nearest(case, away, "portal_vein", PEDICLE_BORDERS)
    wedge, why = _wedge(case, lesion, near, pedicle)
    cost = clearance(case.grid, lesion, margins)
    return LesionVolume(
        name=lesion.name,
        volume_ml=lesion.volume_ml,
        outside_ml=lesion.outside_ml,
        longest_3d_mm=lesion.longest_3d_mm,
        longest_axial_mm=lesion.longest_axial_mm,
        centre_mm=lesion.centre_mm,
        segments=lesion.segments,
        interval=interval(
            lesion.volume_ml,
            lesion_causes(lesion.name, lesion.volume_ml, lesion.surface_cm2, case.fidelity, evidence),
        ),
        depth_mm=depth,
        centre_depth_mm=centre_depth,
        capsule_contact=contact > 0,
        capsule_contact_cm2=contact,
        nearest_hepatic_vein=_nearest(case, away, "hepatic_vein", VEIN_BORDERS),
        nearest_portal_pedicle=pedicle,
        nearest_unsplit_vessel=_nearest(case, away, "unsplit", ()),
        at_confluence=confluence,
        confluence_proxy=by_border,
        confluence_note=said,
        wedge=wedge,
        wedge_note=why,
        clearance=tuple(
            ClearanceCost(float(m), float(ml), float(slope), None if telv_ml is None else float(ml) / telv_ml)
            for m, ml, slope in zip(cost.margins_mm, cost.parenchyma_ml, cost.ml_per_mm, strict=True)
        ),
    )


def capsule(grid: RegionGrid, lesion: Lesion) -> tuple[float, float, float]:
    """Return how deep a lesion lies: of its surface and of its centre, mm, and its contact with the capsule, cm².

    The capsule is the surface of the labelled liver together with the lesion: the part of a lesion that stands out
    of the labels is at depth 0.
    """
    from flrsim.kernels.labels import faces_between

    _, way = way_out(grid, lesion)
    corners = in_axes(grid, np.vstack([lesion.surface[0], np.array(lesion.centre_mm)[None]]))
    # The way out from the centre bounds both distances, to within the voxel it ends in.
    pad = way + 2.0 * float(grid.spacing_mm.max())
    part = part_of(grid, box_around(grid, corners.min(axis=0) - pad, corners.max(axis=0) + pad))
    side = np.full(len(grid.table), 2, dtype=np.uint8)
    side[grid.liver_ids] = 1
    side[grid.ids(tissue=lesion.name, kind="lesion")] = 1
    points = part.world(faces_between(part.regions, side))
    surface = Cloud(points).distance(lesion)
    centre = float(np.sqrt(((points - np.array(lesion.centre_mm)) ** 2).sum(axis=1).min()))
    touching = surface <= float(np.linalg.norm(grid.spacing_mm))
    return surface, centre, _contact_cm2(grid, lesion, side) if touching else 0.0


def _contact_cm2(grid: RegionGrid, lesion: Lesion, side: NDArray[np.uint8]) -> float:
    """Return the area of the smoothed wall between a lesion and what is outside the liver, cm²."""
    corners = in_axes(grid, lesion.surface[0])
    pad = CONTACT_PAD_VOXELS * grid.spacing_mm
    part = part_of(grid, box_around(grid, corners.min(axis=0) - pad, corners.max(axis=0) + pad))
    label = np.where(side == 1, 2, 0).astype(np.uint8)
    label[grid.ids(tissue=lesion.name, kind="lesion")] = 1
    mesh = mesh_from_labels(
        label[part.regions], part.affine, ("outside", "lesion", "liver"), iterations=WALL_ITERATIONS
    )
    return float(mesh.measure().contact_cm2[0, 1])


def _nearest(
    case: LiverCase, away: Mapping[str, float], tree: str, borders: Sequence[str]
) -> NearestVessel | None:
    """Return the nearest vessel of a tree; without one the nearest border that stands in for it, or None."""
    own = [v.name for v in case.vessels if v.tree == tree]
    known = own or [name for name in borders if name in away]
    found = min(((away[name], name) for name in known if np.isfinite(away[name])), default=None)
    if found is None:
        return None
    by = "segment border that stands in for it (proxy)"
    if own:
        by = "label in the vessel file" if tree != "unsplit" else "vessel file that does not name its trees"
    return NearestVessel(printed(found[1]), found[0], not own, by)


def _confluence(
    case: LiverCase, lesion: Lesion, near: Near, away: Mapping[str, float]
) -> tuple[bool | None, bool, str]:
    """Return whether a lesion lies at the hepatocaval confluence, whether by borders only, and why.

    It does when two named hepatic veins lie within reach of it, or the place where they meet.
    """
    reach = f"{near.reach_mm:g} mm"
    veins = _main_veins(case)
    if case.has_tree("hepatic_vein") and len(veins) < 2:
        return None, False, "the hepatic veins come in one label: name them to find where they meet"
    by_border = not veins
    if by_border:
        veins = [name for name in VEIN_BORDERS if name in away]
    close = [printed(name) for name in veins if away[name] <= near.reach_mm]
    where = " (segment borders as proxy: hepatic veins not supplied)" if by_border else ""
    if len(close) > 1:
        return True, by_border, f"within {reach} of {' and '.join(close)}{where}"
    if np.isfinite(near.meeting.distance(lesion, reach_mm=near.reach_mm)):
        return True, by_border, f"within {reach} of where hepatic veins meet"
    return False, by_border, f"not within {reach} of two hepatic veins{where}"


def _wedge(case: LiverCase, lesion: Lesion, near: Near, pedicle: NearestVessel | None) -> tuple[str, str]:
    """Return whether a wedge is possible, vetoed or cannot be judged, and why.

    A segment's own pedicle beside the lesion forbids no wedge; what goes with it is asked of each plan.
    """
    neighbour, remark = near.surroundings.near(lesion, frozenset())
    if neighbour is not None:
        where = f"{neighbour.distance_mm:.0f} mm from {neighbour.name}"
        if neighbour.proxy:
            return "cannot_judge", f"{where} by the segment border (proxy); vessels not supplied"
        return "vetoed", f"{where}: {neighbour.instead_of_wedge}"
    said = f"no hepatic vein, portal trunk or sectional branch within {near.reach_mm:g} mm"
    if pedicle is not None and not pedicle.proxy and pedicle.distance_mm <= near.reach_mm:
        said += f"; {pedicle.name} is {pedicle.distance_mm:.0f} mm away and may go with it"
    if near.borders:
        missing = " and ".join(
            word
            for tree, word in (("hepatic_vein", "hepatic veins"), ("portal_vein", "portal vein"))
            if not case.has_tree(tree)
        )
        said = f"nothing within {near.reach_mm:g} mm, as far as is known; {missing} not supplied"
    if remark is not None:
        said += f"; {remark.distance_mm:.0f} mm from {remark.name} (proxy, remarked only)"
    return "possible", said
