"""What other libraries say of the same solids; those that are not installed are named and not missed."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flrsim.doctor.solids import icosphere, torus
from flrsim.doctor.verdicts import not_installed, relative, same
from flrsim.label_statistics import label_counts
from flrsim.mesh import MM3_PER_ML, LabelledMesh
from flrsim.results import DoctorCheck

Points = NDArray[np.float64]
Triangles = NDArray[np.int64]

AGREE = 1e-9
"""Of the volume: peers sum in another order and about other origins, which costs far less than this on these solids."""


def isosurface(mask: NDArray[np.uint8], affine: NDArray[np.float64]) -> tuple[Points, Triangles]:
    """Return the marching-cubes surface at half height around a mask, as the IBSI defines it: points (n, 3) mm, outward triangles.

    Made by VTK's discrete flying edges, which gives the same surface.
    """
    from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
    from vtkmodules.vtkCommonDataModel import vtkImageData
    from vtkmodules.vtkFiltersGeneral import vtkDiscreteFlyingEdges3D

    padded = np.pad(mask, 1)
    image = vtkImageData()
    image.SetDimensions(*padded.shape)
    image.GetPointData().SetScalars(numpy_to_vtk(padded.ravel(order="F"), deep=True))
    edges = vtkDiscreteFlyingEdges3D()
    edges.SetInputData(image)
    edges.SetValue(0, 1)
    edges.Update()
    out = edges.GetOutput()
    voxel = vtk_to_numpy(out.GetPoints().GetData()).astype(np.float64) - 1.0
    triangles = vtk_to_numpy(out.GetPolys().GetConnectivityArray()).reshape(-1, 3).astype(np.int64)
    return voxel @ affine[:3, :3].T + affine[:3, 3], triangles


def peers(labels: NDArray[np.uint16], spacing_mm: NDArray[np.float64]) -> list[DoctorCheck]:
    """Return one check for each peer and each thing it can be asked."""
    checks = []
    ring = torus(30.0, 10.0, 96, 48)
    for name, library, ask in MESH_PEERS:
        for solid, mesh in (("torus", ring), ("ball", icosphere(50.0, 5))):
            title = f"{name}, volume of a {solid}"
            checks.append(
                _mesh_check(title, mesh, ask) if find_spec(library) else not_installed(title, library)
            )
    counts = label_counts(labels).counts
    for name, library, count in MAP_PEERS:
        title = f"{name}, voxels of every region"
        if find_spec(library):
            differ = int((count(labels, spacing_mm, len(counts))[1:] != counts[1:]).sum())
            checks.append(same(title, "regions differ", differ, reason="both count voxels"))
        else:
            checks.append(not_installed(title, library))
    return checks


def _mesh_check(title: str, mesh: LabelledMesh, ask: Callable[[Points, Triangles], float]) -> DoctorCheck:
    points, triangles = mesh.region_surface(1)
    ours = float(mesh.measure().volume_ml[1]) * MM3_PER_ML
    return relative(
        title,
        ask(points, triangles),
        ours,
        limit=AGREE,
        unit="mm³",
        reason="the same triangles; sums in another order",
    )


def _trimesh(points: Points, triangles: Triangles) -> float:
    import trimesh

    return float(trimesh.Trimesh(points, triangles, process=False).volume)


def _vtk(points: Points, triangles: Triangles) -> float:
    import pyvista
    from vtkmodules.vtkFiltersCore import vtkMassProperties

    mass = vtkMassProperties()
    mass.SetInputData(pyvista.PolyData(points, np.insert(triangles, 0, 3, axis=1)))
    mass.Update()
    return float(mass.GetVolume())


def _igl(points: Points, triangles: Triangles) -> float:
    igl: Any = import_module("igl")
    return float(igl.centroid(points, triangles)[1])


def _simpleitk(labels: NDArray[np.uint16], spacing_mm: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    itk: Any = import_module("SimpleITK")
    image = itk.GetImageFromArray(np.ascontiguousarray(labels.T))
    image.SetSpacing([float(s) for s in spacing_mm])
    shape = itk.LabelShapeStatisticsImageFilter()
    shape.Execute(image)
    out = np.zeros(n, np.int64)
    for label in shape.GetLabels():
        out[label] = shape.GetNumberOfPixels(label)
    return out


def _cc3d(labels: NDArray[np.uint16], spacing_mm: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    cc3d: Any = import_module("cc3d")
    out = np.zeros(n, np.int64)
    counts = cc3d.statistics(labels)["voxel_counts"]
    out[: len(counts)] = counts
    return out


MESH_PEERS: tuple[tuple[str, str, Callable[[Points, Triangles], float]], ...] = (
    ("trimesh", "trimesh", _trimesh),
    ("VTK", "vtkmodules", _vtk),
    ("libigl", "igl", _igl),
)
MAP_PEERS: tuple[
    tuple[str, str, Callable[[NDArray[np.uint16], NDArray[np.float64], int], NDArray[np.int64]]], ...
] = (("SimpleITK", "SimpleITK", _simpleitk), ("cc3d", "cc3d", _cc3d))
