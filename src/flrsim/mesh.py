"""LabelledMesh: one interface mesh for a whole labelled organ, every wall stored once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flrsim.arguments import as_points
from flrsim.errors import GeometryError
from flrsim.mesh_integrals import IN_PLANE, bounds, clip, clip_cells, integrate, integrate_second

MM3_PER_ML = 1000.0
MM2_PER_CM2 = 100.0
REGION_LIMIT = 4096
PLANE_LIMIT = 10
"""Planes that cut together: each doubles the number of cells."""

CLOSED_FRACTION = 1e-3
"""A region counts as closed when its area vector × size stays under this share of its volume."""

Vector = Sequence[float] | NDArray[np.float64]


@dataclass(frozen=True)
class MeshMeasures:
    """What one pass over a labelled mesh gives; index 0 is the outside.

    Attributes
    ----------
    volume_ml : (n_regions,), signed: negative means inside out.
    area_vector_cm2 : (n_regions, 3), zero for a closed region.
    centroid_mm : (n_regions, 3), NaN where the volume is zero.
    contact_cm2 : (n_regions, n_regions), area of the wall between each pair; row 0 is the outer surface.
    """

    volume_ml: NDArray[np.float64]
    area_vector_cm2: NDArray[np.float64]
    centroid_mm: NDArray[np.float64]
    contact_cm2: NDArray[np.float64]

    @property
    def area_cm2(self) -> NDArray[np.float64]:
        """Surface area of each region, (n_regions,)."""
        return np.asarray(self.contact_cm2.sum(axis=1))


@dataclass(frozen=True)
class PlaneClip:
    """What a plane makes of every region; index 0 is the outside.

    Attributes
    ----------
    behind_ml, ahead_ml : (n_regions,), each summed from its own side; ahead is where the normal points.
    section_cm2 : (n_regions,), area of the plane with the region on both sides of it: the cut through the region. 0 for the outside.
    walls_cm2 : area of walls between two regions that lie in the plane: cut, too, but through neither of them.
    """

    behind_ml: NDArray[np.float64]
    ahead_ml: NDArray[np.float64]
    section_cm2: NDArray[np.float64]
    walls_cm2: float

    @property
    def area_cm2(self) -> float:
        """Area of the whole cut: through regions and along walls between them."""
        return float(self.section_cm2.sum()) + self.walls_cm2


@dataclass(frozen=True)
class LabelledMesh:
    """Walls between regions, in LPS millimetres.

    Attributes
    ----------
    points : (n, 3) float64, mm.
    faces : (m, 3) or (m, 4) int64, triangles or quads.
    sides : (m, 2) uint16, the region the face's outward normal leaves and the one it enters; 0 is outside.
    names : name of each region, ``names[0] = "outside"``.
    """

    points: NDArray[np.float64]
    faces: NDArray[np.int64]
    sides: NDArray[np.uint16]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        points = as_points(self.points, name="points")
        faces = np.ascontiguousarray(self.faces, dtype=np.int64)
        sides = np.ascontiguousarray(self.sides, dtype=np.uint16)
        if faces.ndim != 2 or faces.shape[1] not in (3, 4):
            raise GeometryError(
                f"faces have shape {faces.shape}; triangles (m, 3) or quads (m, 4) are needed"
            )
        if sides.shape != (len(faces), 2):
            raise GeometryError(
                f"BoundaryLabels has shape {sides.shape} for {len(faces)} faces; it must name the two sides of each face"
            )
        if len(faces) and (faces.min() < 0 or faces.max() >= len(points)):
            raise GeometryError(
                f"a face names point {faces.max()} of {len(points)}; the file is damaged: export the mesh again"
            )
        bad = int((~np.isfinite(points)).any(axis=1).sum())
        if bad:
            raise GeometryError(
                f"{bad} of {len(points)} points are not finite numbers (NaN or infinite); export the mesh again"
            )
        if len(self.names) > REGION_LIMIT:
            raise GeometryError(f"{len(self.names)} regions; flrsim measures up to {REGION_LIMIT}")
        if len(sides) and int(sides.max()) >= len(self.names):
            raise GeometryError(f"label {int(sides.max())} has no name; {len(self.names)} regions are named")
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "faces", faces)
        object.__setattr__(self, "sides", sides)

    @property
    def middle(self) -> NDArray[np.float64]:
        """Middle of the mesh's box, (3,) mm: integrals about a far origin would lose their digits."""
        return np.asarray(bounds(self.points).mean(axis=0))

    def measure(self, *, threads: int | None = None) -> MeshMeasures:
        """Return volumes, area vectors, centroids and contacts of all regions from one pass over the faces.

        Parameters
        ----------
        threads
            None takes all processors where that pays. The digits are the same for any number.
        """
        origin = self.middle
        volume, moment, vector, contact = integrate(
            self.points, self.faces, self.sides, len(self.names), origin, threads=threads
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            centroid = np.where(volume[:, None] != 0, moment / volume[:, None], np.nan) + origin
        return MeshMeasures(volume / MM3_PER_ML, vector / MM2_PER_CM2, centroid, contact / MM2_PER_CM2)

    def inertia(self, *, threads: int | None = None) -> NDArray[np.float64]:
        """Return each region's inertia tensor about its own centroid, (n_regions, 3, 3) mm⁵.

        The density is 1 per mm³: a tissue of 1.06 g/mL has 1.06e-3 g for each mm³. NaN where the volume is zero.
        """
        origin = self.middle
        mesh = (self.points, self.faces, self.sides, len(self.names), origin)
        volume, moment, _, _ = integrate(*mesh, threads=threads)
        with np.errstate(divide="ignore", invalid="ignore"):
            centroid = np.where(volume[:, None] != 0, moment / volume[:, None], np.nan)
        central = integrate_second(*mesh, threads=threads) - moment[:, :, None] * centroid[:, None, :]
        trace = np.trace(central, axis1=1, axis2=2)
        return np.asarray(trace[:, None, None] * np.eye(3) - central)

    def clipped(self, point: Vector, normal: Vector, *, threads: int | None = None) -> PlaneClip:
        """Return every region's volume on both sides of a plane, and the area of the cut.

        Parameters
        ----------
        point, normal : (3,) mm, any point of the plane and its direction, of any length.

        Raises
        ------
        GeometryError
            When the plane has no direction or is not finite.
        """
        middle, foot, unit, eps = self._plane(point, normal)
        behind, ahead, section, walls = clip(
            self.points, self.faces, self.sides, len(self.names), middle, foot, unit, eps, threads=threads
        )
        return PlaneClip(behind / MM3_PER_ML, ahead / MM3_PER_ML, section / MM2_PER_CM2, walls / MM2_PER_CM2)

    def cells_ml(self, planes: Sequence[tuple[Vector, Vector]]) -> NDArray[np.float64]:
        """Return every region's volume in each cell that planes cut out of space, (2^k, n_regions) mL.

        Parameters
        ----------
        planes
            Point and normal of each, as for `clipped`. Bit j of a cell's number says that the cell lies ahead of plane j: of two planes,
            cell 0 lies behind both and cell 2 behind the first and ahead of the second.

        Raises
        ------
        GeometryError
            When a plane has no direction or is not finite, or when there are more than `PLANE_LIMIT`.
        """
        if len(planes) > PLANE_LIMIT:
            raise GeometryError(
                f"{len(planes)} planes would cut {2 ** len(planes)} cells; flrsim takes up to {PLANE_LIMIT} at once: cut in turns"
            )
        each = [self._plane(point, normal) for point, normal in planes]
        feet = np.array([foot for _, foot, _, _ in each]).reshape(-1, 3)
        normals = np.array([unit for _, _, unit, _ in each]).reshape(-1, 3)
        middle, _, _, eps = self._plane(self.middle, (0.0, 0.0, 1.0))
        mesh = (self.points, self.faces, self.sides, len(self.names))
        return clip_cells(*mesh, middle, feet, normals, eps) / MM3_PER_ML

    def _plane(
        self, point: Vector, normal: Vector
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float]:
        """Return the mesh's middle, the plane's foot as seen from it, its unit normal, and how near is in the plane."""
        at, direction = np.asarray(point, dtype=np.float64), np.asarray(normal, dtype=np.float64)
        length = float(np.linalg.norm(direction))
        if (
            at.shape != (3,)
            or direction.shape != (3,)
            or not np.isfinite([*at, *direction]).all()
            or not length
        ):
            raise GeometryError(
                f"a plane through {at.tolist()} with normal {direction.tolist()} is none; give a point and a direction, three finite "
                "numbers each, the direction not zero"
            )
        box = bounds(self.points)
        unit, middle, size = direction / length, box.mean(axis=0), float(np.linalg.norm(box[1] - box[0]))
        # A plane that misses the mesh by far misses it as well from near, where sums keep their digits.
        offset = min(max(float(unit @ (at - middle)), -size), size)
        return middle, offset * unit, unit, IN_PLANE * size

    def triangles(self) -> tuple[NDArray[np.int64], NDArray[np.uint16]]:
        """Return all faces as triangles, (k, 3), with their sides, (k, 2); a quad is (0, 1, 2) and (0, 2, 3)."""
        if self.faces.shape[1] == 3:
            return self.faces, self.sides
        faces = self.faces[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
        return faces, np.repeat(self.sides, 2, axis=0)

    def region_surface(self, region: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return one region's own surface, outward: points (n, 3) mm and triangles (k, 3)."""
        faces, sides = self.triangles()
        outward = faces[sides[:, 0] == region]
        inward = faces[sides[:, 1] == region][:, ::-1]
        own = np.concatenate([outward, inward])
        used, renumbered = np.unique(own, return_inverse=True)
        return self.points[used], renumbered.reshape(-1, 3)
