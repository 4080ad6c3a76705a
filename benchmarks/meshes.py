"""Label map to mesh, mesh to label map, and what smoothing does to a small lesion."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.inputs import SPACING_MM, TURN, LabelMap, cropped, ragged
from benchmarks.label_maps import threads
from benchmarks.table import Call, Goal, Work

AFFINE = np.diag([SPACING_MM, SPACING_MM, SPACING_MM, 1.0])
FAR_MM = 1000.0


def _names(n_labels: int) -> list[str]:
    return [str(i) for i in range(n_labels + 1)]


def _nets(given: LabelMap, iterations: int = 16) -> Any:
    from flrsim.meshing import mesh_from_labels

    return mesh_from_labels(given.labels, AFFINE, _names(len(given.counts)), iterations=iterations)


def region_volumes(points: Any, faces: Any, sides: Any, n: int) -> NDArray[np.float64]:
    """Return the signed volumes of regions 1 … n about the world origin, by tetrahedra: not our kernel."""
    volume = np.zeros(n + 1)
    for t in range(faces.shape[1] - 2):
        a, b, c = points[faces[:, 0]], points[faces[:, t + 1]], points[faces[:, t + 2]]
        tetra = np.einsum("ij,ij->i", a, np.cross(b, c)) / 6
        volume += np.bincount(sides[:, 0], tetra, n + 1) - np.bincount(sides[:, 1], tetra, n + 1)
    return volume[1:] / 1000


def _drift(given: LabelMap, mesh: Any) -> Any:
    """Return how far each region's volume moves when the origin is moved 1 m, mL: 0 for a closed region."""
    points, faces, sides = mesh
    n = len(given.counts)
    middle = points.mean(axis=0)
    here = region_volumes(points - middle, faces, sides, n)
    away = [region_volumes(points - middle + FAR_MM * axis, faces, sides, n) for axis in np.eye(3)]
    return np.abs(np.array(away) - here).max(axis=0)


def vtk_image(labels: Any, spacing: Any) -> Any:
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonDataModel import vtkImageData

    padded = np.pad(labels, 1)
    image = vtkImageData()
    image.SetDimensions(*padded.shape)
    image.SetSpacing(*spacing)
    image.GetPointData().SetScalars(numpy_to_vtk(padded.ravel(order="F"), deep=1))
    return image


def _vtk_nets(backend: str, iterations: int | None = 16) -> Any:
    def run(image: Any) -> Any:
        from vtkmodules.vtkCommonCore import vtkSMPTools
        from vtkmodules.vtkFiltersCore import vtkSurfaceNets3D

        vtkSMPTools.SetBackend(backend)
        nets = vtkSurfaceNets3D()
        nets.SetInputData(image)
        nets.SetBackgroundLabel(0)
        largest = int(image.GetScalarRange()[1])
        nets.GenerateValues(largest, 1, largest)
        nets.SetOutputMeshTypeToQuads()
        if iterations is not None:
            nets.SetSmoothing(iterations > 0)
            nets.SetNumberOfIterations(iterations)
        nets.Update()
        return nets.GetOutput()

    return run


def vtk_faces(data: Any) -> Any:
    from vtkmodules.util.numpy_support import vtk_to_numpy

    points = vtk_to_numpy(data.GetPoints().GetData()).astype(float)
    faces = vtk_to_numpy(data.GetPolys().GetConnectivityArray()).reshape(-1, 4)
    sides = vtk_to_numpy(data.GetCellData().GetArray("BoundaryLabels")).astype(np.int64)
    return points, faces, sides


def _flying_edges(image: Any) -> Any:
    from vtkmodules.vtkFiltersGeneral import vtkDiscreteFlyingEdges3D

    edges = vtkDiscreteFlyingEdges3D()
    edges.SetInputData(image)
    largest = int(image.GetScalarRange()[1])
    edges.GenerateValues(largest, 1, largest)
    edges.Update()
    return edges.GetOutput()


def _marching(given: LabelMap) -> Any:
    from skimage.measure import marching_cubes

    padded = np.pad(given.labels, 1)
    return [marching_cubes(padded == i, 0.5) for i in range(1, len(given.counts) + 1)]


def _separate(given: LabelMap, surfaces: Any) -> Any:
    """Every label has a closed surface of its own; the walls are stored twice."""
    points = np.concatenate([s[0] for s in surfaces]).astype(float)
    offset = np.cumsum([0, *(len(s[0]) for s in surfaces)])
    faces = np.concatenate([s[1] + o for s, o in zip(surfaces, offset, strict=False)])
    label = np.repeat(np.arange(1, len(surfaces) + 1), [len(s[1]) for s in surfaces])
    return _drift(given, (points, faces, np.column_stack([label, np.zeros_like(label)])))


TO_MESH = Work(
    key="label-map-to-mesh",
    title="label map to smoothed interface mesh, 16 iterations; closed around every region",
    unit="voxels",
    make=ragged,
    truth=lambda given: np.zeros(len(given.counts)),
    truth_is="a closed region's volume does not depend on the origin: change over 1 m, mL",
    limit=1e-9,
    absolute=True,
    error_unit="mL",
    small=300_000,
    quick=(1_000_000,),
    sizes=(10_000_000,),
    calls=(
        Call(
            "flrsim, 1 thread",
            partial(threads(1), _nets),
            lambda g, m: _drift(g, (m.points, m.faces, m.sides)),
        ),
        Call(
            "flrsim, 2 threads",
            partial(threads(2), _nets),
            lambda g, m: _drift(g, (m.points, m.faces, m.sides)),
            threads=2,
        ),
        Call(
            "vtkSurfaceNets3D, Sequential",
            _vtk_nets("Sequential"),
            lambda g, r: _drift(g, vtk_faces(r)),
            lambda g: vtk_image(g.labels, [SPACING_MM] * 3),
            ("vtkmodules",),
        ),
        Call(
            "vtkSurfaceNets3D, STDThread",
            _vtk_nets("STDThread"),
            lambda g, r: _drift(g, vtk_faces(r)),
            lambda g: vtk_image(g.labels, [SPACING_MM] * 3),
            ("vtkmodules",),
            threads=0,
        ),
        Call(
            "vtkDiscreteFlyingEdges3D",
            _flying_edges,
            None,
            lambda g: vtk_image(g.labels, [SPACING_MM] * 3),
            ("vtkmodules",),
            note="not smoothed; surfaces carry one label, so closedness per region is not compared",
        ),
        Call(
            "skimage marching cubes, label by label",
            _marching,
            _separate,
            needs=("skimage",),
            note="not smoothed; every wall twice, with gaps where three labels meet",
        ),
    ),
    goals=(
        Goal("vtkSurfaceNets3D, Sequential", 1.5, "flrsim, 1 thread"),
        Goal("vtkSurfaceNets3D, STDThread", 1.5, "flrsim, 2 threads"),
    ),
)


@dataclass(frozen=True)
class SmallLesions:
    """Balls of 5, 8, 10 and 15 mm on a grid of 0.8 mm, each in a map of its own."""

    radii: tuple[float, ...] = (5.0, 8.0, 10.0, 15.0)
    size: int = 4

    @property
    def masks(self) -> list[Any]:
        out = []
        for radius in self.radii:
            n = int(np.ceil(radius / SPACING_MM)) + 4
            x = (np.arange(2 * n) - n + 0.5) * SPACING_MM
            out.append((x[:, None, None] ** 2 + x[:, None] ** 2 + x**2 < radius**2).astype(np.uint8))
        return out

    @property
    def ml(self) -> NDArray[np.float64]:
        return 4 / 3 * np.pi * np.array(self.radii) ** 3 / 1000


def _lesions_ours(iterations: int) -> Any:
    from flrsim.meshing import mesh_from_labels

    return lambda given: [
        mesh_from_labels(m, AFFINE, _names(1), iterations=iterations).measure().volume_ml[1]
        for m in given.masks
    ]


def _lesions_vtk(given: SmallLesions) -> Any:
    run = _vtk_nets("Sequential", None)
    return [region_volumes(*vtk_faces(run(vtk_image(m, [SPACING_MM] * 3))), 1)[0] for m in given.masks]


def _lesions_pyvista(given: SmallLesions) -> Any:
    import pyvista

    out = []
    for mask in given.masks:
        image = pyvista.ImageData(dimensions=mask.shape, spacing=(SPACING_MM,) * 3)
        image.point_data["label"] = mask.ravel(order="F")
        out.append(image.contour_labels(scalars="label").triangulate().volume / 1000)
    return out


LESIONS = Work(
    key="small-lesions",
    title="volume of a lesion of 5, 8, 10 and 15 mm radius on 0.8 mm voxels",
    unit="lesions",
    make=lambda size: SmallLesions(),
    truth=lambda given: given.ml,
    truth_is="4/3 π r³",
    limit=0.05,
    small=4,
    calls=(
        Call("flrsim, unsmoothed walls", lambda g: _lesions_ours(0)(g), lambda g, r: r, timed=False),
        Call(
            "pyvista contour_labels as it comes (smoothing on)",
            _lesions_pyvista,
            lambda g, r: r,
            needs=("pyvista",),
            timed=False,
            note="the whole liver is only 0.3 % off, so nobody notices",
        ),
        Call(
            "vtkSurfaceNets3D as it comes (smoothing on)",
            _lesions_vtk,
            lambda g, r: r,
            needs=("vtkmodules",),
            timed=False,
        ),
    ),
)


@dataclass(frozen=True)
class Solid:
    """A smoothed mesh of eight octants of an ellipsoid and a 1 mm grid around it."""

    mesh: Any
    affine: NDArray[np.float64]
    shape: tuple[int, int, int]
    ml: NDArray[np.float64]

    @property
    def size(self) -> int:
        return 2 * len(self.mesh.faces)


@lru_cache(maxsize=2)
def solid(n_triangles: int) -> Solid:
    from flrsim.meshing import grid_frame, mesh_from_labels

    # An ellipsoid cut in octants of n voxels has about 7.4 n² triangles.
    n = int(np.sqrt(n_triangles / 7.4))
    n -= n % 2
    given = cropped(int((n**3) * 8 * 0.46 * 0.36 * 0.30))
    # Turned: walls along the grid would all be rounded one way.
    turned = AFFINE.copy()
    turned[:3, :3] = TURN * SPACING_MM
    mesh = mesh_from_labels(given.labels, turned, _names(8), iterations=16)
    affine, shape, _ = grid_frame(mesh.points, 1.0)
    return Solid(mesh, affine, shape, region_volumes(mesh.points, mesh.faces, mesh.sides.astype(np.int64), 8))


def _scan(given: Solid) -> Any:
    from flrsim.meshing import labels_from_mesh

    return labels_from_mesh(given.mesh, given.affine, given.shape)


def _surfaces(given: Solid) -> Any:
    return given, [given.mesh.region_surface(i) for i in range(1, 9)]


def _pyvista_surfaces(given: Solid) -> Any:
    import pyvista

    grid = pyvista.ImageData(dimensions=given.shape, spacing=(1.0,) * 3, origin=given.affine[:3, 3])
    return grid, [pyvista.PolyData.from_regular_faces(*s) for s in _surfaces(given)[1]]


def _pyvista_scan(prepared: Any) -> Any:
    grid, surfaces = prepared
    return [int(s.voxelize_binary_mask(reference_volume=grid)["mask"].sum()) for s in surfaces]


def _stencil_scan(prepared: Any) -> Any:
    from vtkmodules.vtkImagingStencil import vtkImageStencilToImage, vtkPolyDataToImageStencil

    grid, surfaces = prepared
    out = []
    for surface in surfaces:
        stencil = vtkPolyDataToImageStencil()
        stencil.SetInputData(surface)
        stencil.SetOutputOrigin(grid.GetOrigin())
        stencil.SetOutputSpacing(grid.GetSpacing())
        stencil.SetOutputWholeExtent(grid.GetExtent())
        image = vtkImageStencilToImage()
        image.SetInputConnection(stencil.GetOutputPort())
        image.SetInsideValue(1)
        image.SetOutsideValue(0)
        image.SetOutputScalarTypeToUnsignedChar()
        image.Update()
        from vtkmodules.util.numpy_support import vtk_to_numpy

        out.append(int(vtk_to_numpy(image.GetOutput().GetPointData().GetScalars()).sum()))
    return out


def _trimesh_scan(prepared: Any) -> Any:
    import trimesh

    return [trimesh.Trimesh(v, f, process=False).voxelized(1.0).fill().matrix.sum() for v, f in prepared[1]]


def _voxels(given: Solid, counts: Any) -> Any:
    return np.asarray(counts, dtype=float) / 1000


TO_GRID = Work(
    key="mesh-to-grid",
    title="smoothed mesh of eight regions to labels on a 1 mm grid; leaks counted",
    unit="triangles",
    make=solid,
    truth=lambda given: given.ml,
    truth_is="the mesh's own volumes, by tetrahedra in numpy",
    limit=0.01,
    small=60_000,
    quick=(100_000,),
    sizes=(600_000,),
    calls=(
        Call(
            "flrsim, 1 thread",
            partial(threads(1), _scan),
            lambda g, r: np.bincount(r.ravel(), minlength=9)[1:] / 1000,
            note="refuses a mesh with one leaking column",
        ),
        Call(
            "flrsim, 2 threads",
            partial(threads(2), _scan),
            lambda g, r: np.bincount(r.ravel(), minlength=9)[1:] / 1000,
            threads=2,
        ),
        Call(
            "pyvista voxelize_binary_mask, region by region",
            _pyvista_scan,
            _voxels,
            _pyvista_surfaces,
            ("pyvista",),
        ),
        Call(
            "vtkPolyDataToImageStencil, region by region",
            _stencil_scan,
            _voxels,
            _pyvista_surfaces,
            ("pyvista", "vtkmodules"),
        ),
        Call(
            "trimesh voxelized().fill(), region by region",
            _trimesh_scan,
            _voxels,
            _surfaces,
            ("trimesh",),
            note="counts every voxel that the surface touches",
        ),
    ),
    goals=(
        Goal("pyvista voxelize_binary_mask, region by region", 20, "flrsim, 2 threads"),
        Goal("vtkPolyDataToImageStencil, region by region", 100, "flrsim, 2 threads"),
    ),
)

WORKS = (TO_MESH, LESIONS, TO_GRID)
