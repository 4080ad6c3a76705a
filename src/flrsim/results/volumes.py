"""Volumes of everything labelled, with their errors, and the facts of each lesion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flrsim.results.base import Interval, Result, Run


@dataclass(frozen=True)
class SegmentVolume(Result):
    """One segment: `volume_ml` is all that is inside it, the sum of the three parts; `fraction` is of TLV."""

    name: str
    volume_ml: float
    parenchyma_ml: float
    lesion_ml: float
    vessel_ml: float
    fraction: float
    interval: Interval | None = None


@dataclass(frozen=True)
class NearestVessel(Result):
    """The vessel of one tree nearest to a lesion's surface, or the segment border that stands in for it.

    `proxy` is true for a border, which never lifts a verdict; `labelled_by` says what the name rests on.
    """

    name: str
    distance_mm: float
    proxy: bool
    labelled_by: str


@dataclass(frozen=True)
class ClearanceCost(Result):
    """Parenchyma that a wedge with one margin takes; `sflr` is that as a share of TELV, null without a patient."""

    margin_mm: float
    parenchyma_ml: float
    ml_per_mm: float
    sflr: float | None = None


@dataclass(frozen=True)
class LesionVolume(Result):
    """One lesion; shares by segment and ``outside`` sum to 1.

    `depth_mm` is from the lesion's surface to the nearest point of the liver's own surface, `centre_depth_mm` from its
    centre. `at_confluence`: near two hepatic veins or where they meet; null where nobody can tell, and
    `confluence_note` says why. `wedge` is possible, vetoed or cannot_judge, and `wedge_note` says why. `clearance`:
    what a wedge costs, by margin; vetoed or not.
    """

    name: str
    volume_ml: float
    outside_ml: float
    longest_3d_mm: float
    longest_axial_mm: float
    centre_mm: tuple[float, float, float]
    segments: Mapping[str, float]
    interval: Interval | None = None
    depth_mm: float | None = None
    centre_depth_mm: float | None = None
    capsule_contact: bool | None = None
    capsule_contact_cm2: float | None = None
    nearest_hepatic_vein: NearestVessel | None = None
    nearest_portal_pedicle: NearestVessel | None = None
    nearest_unsplit_vessel: NearestVessel | None = None
    at_confluence: bool | None = None
    confluence_proxy: bool = False
    confluence_note: str = ""
    wedge: str | None = None
    wedge_note: str = ""
    clearance: tuple[ClearanceCost, ...] = ()


@dataclass(frozen=True)
class VesselVolume(Result):
    """One labelled vessel."""

    name: str
    tree: str
    branch: str | None
    volume_ml: float


@dataclass(frozen=True)
class EstimatedVolume(Result):
    """TELV by one named formula; `ml` is null where the formula does not apply, and `note` says why."""

    formula: str
    ml: float | None
    note: str
    source: str


@dataclass(frozen=True)
class VolumeTable(Result):
    """Volumes of everything labelled.

    `tlv_ml` is the sum of the segments; `tlv_functional_ml` is that minus lesion.
    """

    schema: str
    case: str
    tlv_ml: float
    tlv_functional_ml: float
    segments: tuple[SegmentVolume, ...]
    lesions: tuple[LesionVolume, ...]
    vessels: tuple[VesselVolume, ...]
    contacts_cm2: Mapping[str, float]
    outer_surface_cm2: float
    telv: tuple[EstimatedVolume, ...]
    accepted: tuple[str, ...]
    warnings: tuple[str, ...]
    not_supplied: tuple[str, ...]
    run: Run
    tlv_interval: Interval | None = None
    tlv_functional_interval: Interval | None = None
