"""Half-space clip: volumes of all regions on both sides of a plane."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.inputs import SPACING_MM, TURN, block_labels, labelled_faces
from benchmarks.table import Call, Goal, NotBuilt, Work
from benchmarks.volumetry import _split, _vtk_data

CUT = 0.137
"""Where the plane lies between two layers of voxels: a whole number would lie in the walls."""


@dataclass(frozen=True)
class Cut:
    """A turned voxel mesh and a plane across its third axis; both sides are counted layer by layer."""

    faces: Any
    labels: NDArray[np.unsignedinteger]

    @property
    def size(self) -> int:
        return int(self.faces.size)

    @property
    def layer(self) -> int:
        return int(0.6 * self.labels.shape[2])

    @property
    def point(self) -> NDArray[np.float64]:
        return TURN @ np.array([0.0, 0.0, (self.layer + CUT) * SPACING_MM])

    @property
    def normal(self) -> NDArray[np.float64]:
        return TURN[:, 2]

    @cached_property
    def truth(self) -> NDArray[np.float64]:
        """Return mL behind, then ahead of the plane, by region, as (2, n)."""
        n = len(self.faces.volume_ml)
        layers = np.array(
            [np.bincount(layer.ravel(), minlength=n + 1)[1:] for layer in np.moveaxis(self.labels, 2, 0)]
        )
        # Voxel k spans k - 1/2 … k + 1/2.
        share = np.clip(self.layer + CUT - np.arange(len(layers)) + 0.5, 0, 1)[:, None]
        return (
            np.array([(layers * share).sum(axis=0), (layers * (1 - share)).sum(axis=0)])
            * SPACING_MM**3
            / 1000
        )


@lru_cache(maxsize=2)
def cut(n_triangles: int) -> Cut:
    faces = labelled_faces(min(n_triangles, 1_300_000), 8)
    # The same map as the mesh was made from: found again by its counts.
    total = faces.volume_ml / (SPACING_MM**3 / 1000)
    n = int((total.sum() / (4 / 3 * np.pi * 0.46 * 0.36 * 0.30)) ** (1 / 3))
    for guess in range(n - 3, n + 4):
        labels = block_labels(guess, 8)
        if np.array_equal(np.bincount(labels.ravel())[1:], np.round(total)):
            return Cut(faces, labels)
    raise ValueError("the label map of the mesh was not found")


def _ours(threads: int) -> Call:
    from flrsim.mesh import LabelledMesh

    return Call(
        f"flrsim, {threads} thread{'s' if threads > 1 else ''}",
        lambda p: p[0].clipped(p[1], p[2], threads=threads),
        lambda g, r: np.array([r.behind_ml[1:], r.ahead_ml[1:]]),
        lambda g: (
            LabelledMesh(g.faces.points, g.faces.quads, g.faces.sides, g.faces.names),
            g.point,
            g.normal,
        ),
        threads=threads,
        note="all regions at once, with the section's area",
    )


def _both(volumes: Any) -> Any:
    return np.asarray(volumes, dtype=float).T / 1000


def _vtk_clip(prepared: Any) -> Any:
    from vtkmodules.vtkCommonDataModel import vtkPlane, vtkPlaneCollection
    from vtkmodules.vtkFiltersCore import vtkMassProperties, vtkTriangleFilter
    from vtkmodules.vtkFiltersGeneral import vtkClipClosedSurface

    data, point, normal = prepared
    out = []
    for one in data:
        sides = []
        for sign in (-1.0, 1.0):
            plane, planes = vtkPlane(), vtkPlaneCollection()
            plane.SetOrigin(point)
            plane.SetNormal(sign * normal)
            planes.AddItem(plane)
            clip, triangles, mass = vtkClipClosedSurface(), vtkTriangleFilter(), vtkMassProperties()
            clip.SetInputData(one)
            clip.SetClippingPlanes(planes)
            triangles.SetInputConnection(clip.GetOutputPort())
            mass.SetInputConnection(triangles.GetOutputPort())
            triangles.Update()
            sides.append(mass.GetVolume() if triangles.GetOutput().GetNumberOfCells() else 0.0)
        out.append(sides)
    return out


def _trimesh_clip(prepared: Any) -> Any:
    meshes, point, normal = prepared
    out = []
    for one in meshes:
        sides = [one.slice_plane(point, sign * normal, cap=True) for sign in (-1.0, 1.0)]
        out.append([s.volume if len(s.faces) else 0.0 for s in sides])
    return out


def _trimesh_data(given: Cut) -> Any:
    import trimesh

    return [trimesh.Trimesh(v, f, process=False) for v, f in _split(given.faces)], given.point, given.normal


def _manifold_clip(prepared: Any) -> Any:
    out = []
    for solid in prepared[0]:
        sides = solid.split_by_plane(tuple(prepared[2]), float(prepared[1] @ prepared[2]))
        out.append([sides[1].volume(), sides[0].volume()])
    return out


def _manifold_data(given: Cut) -> Any:
    import manifold3d

    solids = []
    for v, f in _split(given.faces):
        solid = manifold3d.Manifold(manifold3d.Mesh(v.astype(np.float32), f.astype(np.uint32)))
        if solid.status() != manifold3d.Error.NoError:
            raise ValueError(f"refused: {solid.status()}")
        solids.append(solid)
    return solids, given.point, given.normal


def works() -> tuple[Work | NotBuilt, ...]:
    from flrsim.mesh import LabelledMesh

    title = "half-space clip: volumes of all regions on both sides of a plane"
    if not hasattr(LabelledMesh, "clipped"):
        return (NotBuilt("clip", title, "not built yet"),)
    return (
        Work(
            key="clip",
            title=title,
            unit="triangles",
            make=cut,
            truth=lambda g: g.truth,
            truth_is="voxels counted layer by layer",
            limit=1e-7,
            small=60_000,
            quick=(100_000,),
            sizes=(600_000,),
            calls=(
                _ours(1),
                _ours(2),
                Call(
                    "vtkClipClosedSurface and mass, region by region, both sides",
                    _vtk_clip,
                    lambda g, r: _both(r),
                    lambda g: (_vtk_data(_split(g.faces)), g.point, g.normal),
                    ("vtkmodules",),
                    note="where wrong, one region's cap has a hole: the area vector of its own output is not 0",
                ),
                Call(
                    "trimesh slice_plane(cap), region by region, both sides",
                    _trimesh_clip,
                    lambda g, r: _both(r),
                    _trimesh_data,
                    ("trimesh", "shapely"),
                    most=2e5,
                ),
                Call(
                    "manifold3d split_by_plane, region by region, already built",
                    _manifold_clip,
                    lambda g, r: _both(r),
                    _manifold_data,
                    ("manifold3d",),
                    threads=0,
                    note="float32 points",
                ),
            ),
            goals=(
                Goal("vtkClipClosedSurface and mass, region by region, both sides", 15, "flrsim, 1 thread"),
            ),
        ),
    )
