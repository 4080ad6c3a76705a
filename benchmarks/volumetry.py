"""Volumes, centroids and contact areas of every region of a labelled interface mesh."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.inputs import LabelledFaces, labelled_faces
from benchmarks.table import Call, Goal, Work

Given = LabelledFaces


def _ours(quads: bool, threads: int) -> Call:
    from flrsim.mesh import LabelledMesh

    def prepare(given: Given) -> Any:
        faces, sides = (given.quads, given.sides) if quads else (given.triangles, given.triangle_sides)
        return LabelledMesh(given.points, faces, sides, given.names)

    return Call(
        f"flrsim, {threads} thread{'s' if threads > 1 else ''}",
        lambda mesh: mesh.measure(threads=threads),
        lambda given, m: m.volume_ml[1:],
        prepare,
        threads=threads,
        note="volumes, centroids, area vectors and contact areas of all regions",
    )


def _numpy(given: Given) -> Any:
    """Volumes, centroids and contact areas in whole-array operations."""
    n = len(given.volume_ml) + 1
    a, b, c = (given.points[given.triangles[:, i]] - given.points[0] for i in range(3))
    normal = np.cross(b - a, c - a)
    tetra = np.einsum("ij,ij->i", a, normal) / 6
    left, entered = given.triangle_sides.astype(np.int64).T
    volume = np.bincount(left, tetra, n) - np.bincount(entered, tetra, n)
    first = (a + b + c) * (tetra / 4)[:, None]
    moment = [np.bincount(left, v, n) - np.bincount(entered, v, n) for v in first.T]
    area = 0.5 * np.sqrt((normal**2).sum(axis=1))
    contact = np.bincount(left * n + entered, area, n * n).reshape(n, n)
    return volume, moment, contact


def _own(given: Given, label: int) -> Any:
    """Return one region's triangles, outward, on all points: what a peer without two-sided faces must be given."""
    left, entered = given.triangle_sides.T
    return np.concatenate([given.triangles[left == label], given.triangles[entered == label][:, ::-1]])


def _split(given: Given) -> list[Any]:
    """Return every region as a mesh of its own: points and triangles."""
    out = []
    for label in range(1, len(given.volume_ml) + 1):
        used, faces = np.unique(_own(given, label), return_inverse=True)
        out.append((given.points[used], faces.reshape(-1, 3)))
    return out


def _unsplit(given: Given) -> list[Any]:
    return [(given.points, _own(given, label)) for label in range(1, len(given.volume_ml) + 1)]


def _ml(given: Given, volumes: Any) -> Any:
    return np.asarray(volumes, dtype=float) / 1000


def _igl(meshes: Any) -> Any:
    import igl

    return [igl.centroid(v, f)[1] for v, f in meshes]


def _vtk_data(meshes: Any) -> Any:
    from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData

    out = []
    for points, faces in meshes:
        data, where, cells = vtkPolyData(), vtkPoints(), vtkCellArray()
        where.SetData(numpy_to_vtk(np.ascontiguousarray(points), deep=1))
        offsets = np.arange(0, 3 * len(faces) + 1, 3)
        cells.SetData(
            numpy_to_vtkIdTypeArray(offsets, deep=1),
            numpy_to_vtkIdTypeArray(np.ascontiguousarray(faces).ravel(), deep=1),
        )
        data.SetPoints(where)
        data.SetPolys(cells)
        out.append(data)
    return out


def _vtk_mass(data: Any) -> Any:
    from vtkmodules.vtkFiltersCore import vtkMassProperties

    out = []
    for one in data:
        mass = vtkMassProperties()
        mass.SetInputData(one)
        out.append(mass.GetVolume())
    return out


def _trimesh(meshes: Any) -> Any:
    from trimesh.triangles import mass_properties

    return [mass_properties(v[f], skip_inertia=True)["volume"] for v, f in meshes]


def _pyvista_data(meshes: Any) -> Any:
    import pyvista

    return [pyvista.PolyData.from_regular_faces(v, f) for v, f in meshes]


def _meshlib_data(meshes: Any) -> Any:
    import meshlib.mrmeshnumpy as mn

    return [mn.meshFromFacesVerts(f.astype(np.int32), v.astype(np.float32)) for v, f in meshes]


def _manifold(meshes: Any) -> Any:
    import manifold3d

    out = []
    for v, f in meshes:
        solid = manifold3d.Manifold(manifold3d.Mesh(v.astype(np.float32), f.astype(np.uint32)))
        if solid.status() != manifold3d.Error.NoError:
            raise ValueError(f"refused: {solid.status()}")
        out.append(solid.volume())
    return out


def _multi_object(twice: bool) -> Any:
    def run(given: Given) -> Any:
        from vtkmodules.util.numpy_support import numpy_to_vtkIdTypeArray, vtk_to_numpy
        from vtkmodules.vtkFiltersCore import vtkMultiObjectMassProperties

        n = len(given.volume_ml)
        if twice:
            parts = [_own(given, label) for label in range(1, n + 1)]
            data = _vtk_data([(given.points, np.concatenate(parts))])[0]
            ids = numpy_to_vtkIdTypeArray(np.repeat(np.arange(n), [len(p) for p in parts]), deep=1)
            ids.SetName("ObjectIds")
            data.GetCellData().AddArray(ids)
        else:
            data = _vtk_data([(given.points, given.triangles)])[0]
        mass = vtkMultiObjectMassProperties()
        mass.SetInputData(data)
        if twice:
            mass.SkipValidityCheckOn()
        mass.Update()
        return vtk_to_numpy(mass.GetOutput().GetFieldData().GetArray("ObjectVolumes")).copy()

    return run


def _whole(given: Given, volume: float) -> Any:
    """Spread one number over the regions as they are: only a right total comes out right."""
    return given.volume_ml / given.volume_ml.sum() * float(volume) / 1000


def _float32_far(given: Given) -> Any:
    corner = (given.points + 1500.0).astype(np.float32)[given.triangles]
    a, b, c = corner[:, 0], corner[:, 1], corner[:, 2]
    tetra = (a * np.cross(b, c)).sum(axis=1) / np.float32(6)
    left, entered = given.triangle_sides.astype(np.int64).T
    n = len(given.volume_ml) + 1
    return [tetra[left == i].sum() - tetra[entered == i].sum() for i in range(1, n)]


TRIANGLES = Work(
    key="volumetry-triangles",
    title="volumes of all regions of a labelled mesh, from triangles",
    unit="triangles",
    make=labelled_faces,
    truth=lambda given: given.volume_ml,
    truth_is="voxels counted before the mesh was made",
    limit=1e-6,
    small=60_000,
    quick=(100_000,),
    sizes=(300_000, 1_200_000),
    calls=(
        _ours(False, 1),
        _ours(False, 2),
        Call("numpy, one pass", _numpy, lambda g, r: r[0][1:] / 1000, most=3e6, note="same outputs"),
        Call("igl.centroid, already split", _igl, _ml, _split, ("igl",)),
        Call("igl.centroid, with the split", lambda g: _igl(_unsplit(g)), _ml, needs=("igl",), most=3e6),
        Call(
            "vtkMassProperties, already split",
            _vtk_mass,
            _ml,
            lambda g: _vtk_data(_split(g)),
            ("vtkmodules",),
            most=3e6,
        ),
        Call(
            "vtkMassProperties, with the split",
            lambda g: _vtk_mass(_vtk_data(_unsplit(g))),
            _ml,
            needs=("vtkmodules",),
            most=2e6,
        ),
        Call("trimesh, already split", _trimesh, _ml, _split, ("trimesh",), most=2e6),
        Call("trimesh, with the split", lambda g: _trimesh(_unsplit(g)), _ml, needs=("trimesh",), most=2e6),
        Call(
            "pyvista .volume, already split",
            lambda data: [d.volume for d in data],
            _ml,
            lambda g: _pyvista_data(_split(g)),
            ("pyvista",),
            most=2e6,
        ),
        Call(
            "meshlib .volume(), already split and built",
            lambda data: [d.volume() for d in data],
            _ml,
            lambda g: _meshlib_data(_split(g)),
            ("meshlib",),
            threads=0,
            most=2e6,
        ),
        Call(
            "manifold3d, already split, with its build",
            _manifold,
            _ml,
            _split,
            ("manifold3d",),
            threads=0,
            most=2e6,
        ),
        Call(
            "vtkMultiObjectMassProperties, every wall twice",
            _multi_object(True),
            _ml,
            needs=("vtkmodules",),
            most=2e6,
        ),
        Call(
            "vtkMultiObjectMassProperties, the mesh as it is",
            _multi_object(False),
            _ml,
            needs=("vtkmodules",),
            timed=False,
        ),
        Call(
            "trimesh .volume of the whole mesh",
            lambda g: __import__("trimesh").Trimesh(g.points, g.triangles, process=False).volume,
            _whole,
            needs=("trimesh",),
            timed=False,
            note="compared with the sum of the regions",
        ),
        Call(
            "pyvista .volume of the whole mesh",
            lambda g: _pyvista_data([(g.points, g.triangles)])[0].volume,
            _whole,
            needs=("pyvista",),
            timed=False,
            note="compared with the sum of the regions",
        ),
        Call(
            "float32 sums 1.5 m from the origin",
            _float32_far,
            _ml,
            timed=False,
            note="what a short kernel does",
        ),
    ),
    goals=(
        Goal("igl.centroid, already split", 2.5, "flrsim, 1 thread"),
        Goal("igl.centroid, with the split", 9, "flrsim, 1 thread"),
        Goal("vtkMassProperties, with the split", 15, "flrsim, 1 thread"),
        Goal("trimesh, with the split", 70, "flrsim, 1 thread"),
        Goal("numpy, one pass", 15, "flrsim, 1 thread"),
        Goal("flrsim, 1 thread", 1.9, "flrsim, 2 threads"),
    ),
)

QUADS = Work(
    key="volumetry-quads",
    title="the same from quads, as surface nets make them",
    unit="triangles",
    make=labelled_faces,
    truth=lambda given: given.volume_ml,
    truth_is="voxels counted before the mesh was made",
    limit=1e-9,
    small=60_000,
    quick=(100_000,),
    sizes=(1_200_000,),
    calls=(_ours(True, 1), _ours(True, 2)),
    rate_goal=("flrsim, 1 thread", 2e8),
)

WORKS = (TRIANGLES, QUADS)
