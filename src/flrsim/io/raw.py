"""RawSurface: what a surface file holds before anyone judged it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from flrsim.errors import GeometryError
from flrsim.io.frames import to_lps_mm


@dataclass(frozen=True)
class RawSurface:
    """Faces as a file gives them: open, crossing, not finite or inside out as they may be.

    Attributes
    ----------
    points : (n_points, 3) float64, in the file's own frame and unit; may hold NaN.
    faces : (n_faces, 3) or (n_faces, 4) int64, triangles or quads.
    parts : (n_faces,) int64, the part (object, node, block, solid) each face belongs to.
    part_names : name of each part; a file that names none is one part with the file's stem.
    sides : (n_faces, 2) numbers as the file has them, the labels on both sides of each face, or None.
    region_names : name of each label of `sides`, ``region_names[0] = "outside"``; a label the file does not name is its
        number; empty without `sides`.
    source : file name.
    frame, unit : as the file states them, or None; ``glTF`` for the axes that standard prescribes.
    """

    points: NDArray[np.float64]
    faces: NDArray[np.int64]
    parts: NDArray[np.int64]
    part_names: tuple[str, ...]
    sides: NDArray[np.generic] | None
    region_names: tuple[str, ...]
    source: str
    frame: str | None = None
    unit: str | None = None

    def triangulated(self) -> RawSurface:
        """Return the same surface in triangles; a quad is (0, 1, 2) and (0, 2, 3)."""
        if self.faces.shape[1] == 3:
            return self
        return replace(
            self,
            faces=self.faces[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3),
            parts=np.repeat(self.parts, 2),
            sides=None if self.sides is None else np.repeat(self.sides, 2, axis=0),
        )

    def placed(self, *, frame: str | None, unit: str | None) -> RawSurface:
        """Return the surface in LPS mm; what the file states counts, else what `frame` and `unit` say.

        Raises
        ------
        GeometryError
            When neither says it.
        """
        frame, unit = self.frame or frame, self.unit or unit
        missing = [key for key, value in (("frame", frame), ("unit", unit)) if value is None]
        if frame is None or unit is None:
            choices = {"frame": 'frame = "LPS" or "RAS"', "unit": 'unit = "mm", "cm" or "m"'}
            raise GeometryError(
                f"{self.source} does not say its {' and '.join(missing)}; "
                f"state it: {', '.join(choices[key] for key in missing)}"
            )
        return replace(self, points=to_lps_mm(self.points, frame=frame, unit=unit), frame="LPS", unit="mm")

    def check_finite(self) -> None:
        """Raise when a point is NaN or infinite."""
        bad = int((~np.isfinite(self.points)).any(axis=1).sum())
        if bad:
            raise GeometryError(
                f"{self.source}: {bad} of {len(self.points)} points are not finite numbers (NaN or infinite); "
                "export the mesh again"
            )

    def part(self, index: int) -> RawSurface:
        """Return one part alone, with the points its faces use."""
        chosen = self.parts == index
        used, renumbered = np.unique(self.faces[chosen], return_inverse=True)
        return replace(
            self,
            points=self.points[used],
            faces=renumbered.reshape(-1, self.faces.shape[1]).astype(np.int64),
            parts=np.zeros(int(chosen.sum()), dtype=np.int64),
            part_names=(self.part_names[index],),
            sides=None if self.sides is None else self.sides[chosen],
        )


def one_part(points: NDArray[np.float64], faces: NDArray[np.int64], *, name: str, source: str) -> RawSurface:
    """Return a raw surface of a single part, which states nothing."""
    return RawSurface(points, faces, np.zeros(len(faces), dtype=np.int64), (name,), None, (), source)


def joined(surfaces: Sequence[RawSurface], *, source: str) -> RawSurface:
    """Return the parts of several surfaces, without `sides`, as one; all must state the same frame and unit, or none."""
    first = surfaces[0]
    for other in surfaces[1:]:
        if (other.frame, other.unit) != (first.frame, first.unit):
            raise GeometryError(
                f"{source}: {first.source} says {_stated(first)} and {other.source} says {_stated(other)}; "
                "all parts must share one frame and unit: export them together"
            )
    if len({s.faces.shape[1] for s in surfaces}) > 1:
        surfaces = [s.triangulated() for s in surfaces]
    faces, parts, n_points = [], [], 0
    names: list[str] = []
    for s in surfaces:
        faces.append(s.faces + n_points)
        parts.append(s.parts + len(names))
        names.extend(s.part_names)
        n_points += len(s.points)
    return RawSurface(
        points=np.concatenate([s.points for s in surfaces]),
        faces=np.concatenate(faces),
        parts=np.concatenate(parts),
        part_names=tuple(names),
        sides=None,
        region_names=(),
        source=source,
        frame=first.frame,
        unit=first.unit,
    )


def _stated(surface: RawSurface) -> str:
    return " ".join(value or "nothing" for value in (surface.frame, surface.unit))
