"""LiverCase: regions, lesions, vessels and the patient of one scan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from flrsim.distances import SurfaceSearch
from flrsim.errors import AnatomyError
from flrsim.grid import PARENCHYMA, RegionGrid, spacing_of
from flrsim.io.structures import Structures, Surface
from flrsim.mesh import MM2_PER_CM2
from flrsim.meshing import contact_areas_cm2
from flrsim.patient import Patient, Treatment

SPECK_ML = 0.01


@dataclass(frozen=True)
class Lesion:
    """One lesion as imaged.

    Attributes
    ----------
    volume_ml : all of it, inside and outside the labelled liver.
    outside_ml : the part outside the labelled liver.
    segments : share of the volume in each segment and ``outside``; sums to 1.
    longest_3d_mm, longest_axial_mm : longest diameter in space and within one axial slice (RECIST).
    centre_mm : (3,) LPS.
    surface : points (n, 3) mm and triangles (m, 3).
    """

    name: str
    volume_ml: float
    outside_ml: float
    segments: Mapping[str, float]
    longest_3d_mm: float
    longest_axial_mm: float
    centre_mm: tuple[float, float, float]
    surface: Surface

    @property
    def surface_cm2(self) -> float:
        """Area of the lesion's surface, cm²."""
        points, triangles = self.surface
        corner = points[triangles]
        cross = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        return 0.5 * float(np.linalg.norm(cross, axis=1).sum()) / MM2_PER_CM2

    @cached_property
    def search(self) -> SurfaceSearch:
        """Distances to the lesion's surface."""
        return SurfaceSearch(*self.surface)


@dataclass(frozen=True)
class Vessel:
    """One labelled vessel.

    Attributes
    ----------
    tree : ``portal_vein``, ``hepatic_vein`` or ``unsplit``.
    branch : name of the branch, or None when the file does not split the tree.
    encased_ml : the part of it that lies inside each lesion, by the lesion's name; in the grid that tissue is lesion.
    encased_voxels : (n, 3) int64, the grid's voxels of that part.
    """

    name: str
    tree: str
    branch: str | None
    volume_ml: float
    encased_ml: Mapping[str, float] = field(default_factory=dict)
    encased_voxels: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros((0, 3), dtype=np.int64), compare=False, repr=False
    )


@dataclass(frozen=True)
class Accepted:
    """What a person vouched for against the checks; each is shown in every report.

    Attributes
    ----------
    spacing_mm : voxel size that replaces the header's.
    mirrored : the file is a mirror image; it is read the right way round.
    same_grid : lesion and vessel files correspond voxel by voxel although their headers differ.
    lesions_outside : lesions that lie outside the labelled liver and still count.
    missing_segments : segments that are truly absent (resected before).
    proportions : size and proportions are this patient's own.
    """

    spacing_mm: tuple[float, float, float] | None = None
    mirrored: bool = False
    same_grid: bool = False
    lesions_outside: tuple[str, ...] = ()
    missing_segments: tuple[str, ...] = ()
    proportions: bool = False

    def sentences(self) -> tuple[str, ...]:
        """Return what was accepted, one sentence each."""
        out = []
        if self.spacing_mm is not None:
            out.append(
                "accepted by hand: voxel size " + " × ".join(f"{v:g}" for v in self.spacing_mm) + " mm"
            )
        if self.mirrored:
            out.append("accepted by hand: the file is mirrored and was read the right way round")
        if self.same_grid:
            out.append("accepted by hand: files with different headers share one grid")
        if self.proportions:
            out.append("accepted by hand: unusual size or proportions")
        out.extend(
            f"accepted by hand: {name} lies outside the labelled liver" for name in self.lesions_outside
        )
        out.extend(f"accepted by hand: {name} is absent" for name in self.missing_segments)
        return tuple(out)


@dataclass(frozen=True)
class Fidelity:
    """How finely the liver was imaged and how well its files fit: part of what its volumes are uncertain by.

    Attributes
    ----------
    slice_mm : longest voxel edge of the label map; None for meshes, whose slices nobody knows.
    smooth : segments and lesions that were given as smooth surfaces.
    defect_ml : at most what open edges, overlaps and gaps do to a segment's or lesion's volume, by name.
    """

    slice_mm: float | None = None
    smooth: frozenset[str] = frozenset()
    defect_ml: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, segments: Structures, lesions: Structures | None) -> Fidelity:
        """Return the fidelity of the files a case is made of."""
        files = [segments] if lesions is None else [segments, lesions]
        return cls(
            slice_mm=None if segments.from_mesh else float(spacing_of(segments.affine).max()),
            smooth=frozenset(name for file in files for name in file.surfaces),
            defect_ml={name: ml for file in files for name, ml in file.defect_ml.items()},
        )


@dataclass(frozen=True)
class LiverCase:
    """Everything known about one patient's liver on the day of the scan.

    Attributes
    ----------
    centrelines : tree → branch → (n, 3) LPS mm; where given, territories follow them and not the labelled vessels.
    """

    name: str
    grid: RegionGrid
    lesions: tuple[Lesion, ...]
    vessels: tuple[Vessel, ...]
    patient: Patient | None = None
    history: tuple[Treatment, ...] = ()
    scan_day: int = 0
    accepted: Accepted = field(default_factory=Accepted)
    warnings: tuple[str, ...] = ()
    inputs_sha256: Mapping[str, str] = field(default_factory=dict)
    centrelines: Mapping[str, Mapping[str, NDArray[np.float64]]] = field(default_factory=dict, compare=False)
    fidelity: Fidelity = field(default_factory=Fidelity)

    def lesion(self, name: str) -> Lesion:
        """Return a lesion by name."""
        for lesion in self.lesions:
            if lesion.name == name:
                return lesion
        known = ", ".join(les.name for les in self.lesions) or "none"
        raise AnatomyError(f'lesion "{name}" is not in the case; its lesions are {known}')

    def has_tree(self, tree: str) -> bool:
        """Return whether any vessel of a tree was supplied."""
        return any(v.tree == tree for v in self.vessels)

    @cached_property
    def contact_cm2(self) -> NDArray[np.float64]:
        """Area of the smoothed wall between segments in the order of the grid's, (n + 1, n + 1); row 0 is the outside."""
        grid = self.grid
        return contact_areas_cm2(grid.segment_labels, grid.affine, len(grid.segments) + 1)

    @property
    def segment_ml(self) -> dict[str, float]:
        """All that is inside each segment, mL."""
        return {s: float(self.grid.ml[self.grid.ids(segments=[s])].sum()) for s in self.grid.segments}

    @property
    def parenchyma_ml(self) -> dict[str, float]:
        """Parenchyma of each segment, mL: without lesions, with the vessels that are not labelled."""
        return {
            s: float(self.grid.ml[self.grid.ids(segments=[s], kind=PARENCHYMA)].sum())
            for s in self.grid.segments
        }
