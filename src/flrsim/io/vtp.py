"""VTK PolyData files: interface meshes with ``BoundaryLabels``, and closed surfaces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flrsim.errors import FileError, GeometryError
from flrsim.io.frames import existing_file, to_lps_mm
from flrsim.mesh import LabelledMesh

LABEL_ARRAYS = ("BoundaryLabels", "boundary_labels")


def read_interface_mesh(path: Path, *, frame: str | None, unit: str | None) -> LabelledMesh:
    """Return the labelled interface mesh of a ``.vtp`` file, in LPS mm.

    The file's own field data ``space`` and ``unit`` count; where they are missing, `frame` and `unit` must
    say.

    Raises
    ------
    FileError
        When the file is missing, damaged, or has no faces.
    GeometryError
        When it has no ``BoundaryLabels``, or neither the file nor the caller says frame and unit.
    """
    data = _read(path)
    points = _points(data, path)
    faces = _faces(data, path)
    sides = None
    for name in LABEL_ARRAYS:
        if data.GetCellData().HasArray(name):
            sides = _array(data.GetCellData().GetArray(name))
    if sides is None:
        raise GeometryError(
            f"{path.name} has no cell array BoundaryLabels (two labels a face); "
            "write an interface mesh, e.g. with VTK's surface nets, or give one closed mesh a structure"
        )
    if sides.ndim != 2 or sides.shape[1] != 2 or len(sides) != len(faces):
        raise GeometryError(
            f"{path.name}: BoundaryLabels has the shape {sides.shape}; ({len(faces)}, 2) is needed"
        )
    if (sides < 0).any() or not np.isfinite(sides).all():
        raise GeometryError(
            f"{path.name}: BoundaryLabels has negative labels; 0 is outside, 1 and up are regions"
        )
    frame, unit = _frame_and_unit(data, path, frame, unit)
    names = _names(data, int(sides.max(initial=0)))
    mesh = LabelledMesh(to_lps_mm(points, frame=frame, unit=unit), faces, sides.astype(np.uint16), names)
    return mesh


def _read(path: Path) -> Any:
    """Return the file's polydata; VTK's own complaints are turned into one sentence."""
    existing_file(path)
    with path.open("rb") as stream:
        head = stream.read(512)
    if b"<VTKFile" not in head or b"PolyData" not in head:
        raise FileError(f"{path.name} is not a VTK PolyData (.vtp) file; export it again as .vtp")
    from vtkmodules.vtkCommonCore import vtkObject
    from vtkmodules.vtkIOXML import vtkXMLPolyDataReader

    vtkObject.GlobalWarningDisplayOff()
    try:
        reader = vtkXMLPolyDataReader()
        reader.SetFileName(str(path))
        reader.Update()
        data = reader.GetOutput()
        failed = reader.GetErrorCode() != 0
    finally:
        vtkObject.GlobalWarningDisplayOn()
    if failed or data.GetNumberOfPoints() == 0 or data.GetNumberOfCells() == 0:
        raise FileError(f"{path.name} is truncated or has no faces; export it again")
    return data


def _array(array: Any) -> NDArray[Any]:
    from vtkmodules.util.numpy_support import vtk_to_numpy

    return np.asarray(vtk_to_numpy(array))


def _points(data: Any, path: Path) -> NDArray[np.float64]:
    points = _array(data.GetPoints().GetData()).astype(np.float64)
    bad = int((~np.isfinite(points)).any(axis=1).sum())
    if bad:
        raise GeometryError(
            f"{path.name}: {bad} of {len(points)} points are not finite numbers (NaN or infinite); export the mesh again"
        )
    return points


def _faces(data: Any, path: Path) -> NDArray[np.int64]:
    polys = data.GetPolys()
    if polys.GetNumberOfCells() != data.GetNumberOfCells():
        raise GeometryError(f"{path.name} has cells that are not polygons; triangles or quads are needed")
    offsets = _array(polys.GetOffsetsArray()).astype(np.int64)
    connectivity = _array(polys.GetConnectivityArray()).astype(np.int64)
    sizes = np.unique(np.diff(offsets))
    if len(sizes) != 1 or sizes[0] not in (3, 4):
        raise GeometryError(
            f"{path.name} has faces with {', '.join(map(str, sizes))} corners; all triangles or all quads are needed"
        )
    return connectivity.reshape(-1, int(sizes[0]))


def _frame_and_unit(data: Any, path: Path, frame: str | None, unit: str | None) -> tuple[str, str]:
    fields = data.GetFieldData()

    def stated(name: str) -> str | None:
        array = fields.GetAbstractArray(name)
        return str(array.GetValue(0)) if array is not None and array.GetNumberOfValues() else None

    found = {"frame": stated("space") or frame, "unit": stated("unit") or unit}
    missing = [key for key, value in found.items() if value is None]
    if missing:
        raise GeometryError(
            f"{path.name} does not say its {' and '.join(missing)}; "
            'state it: frame = "LPS" or "RAS", unit = "mm", "cm" or "m"'
        )
    return str(found["frame"]), str(found["unit"])


def _names(data: Any, highest: int) -> tuple[str, ...]:
    array = data.GetFieldData().GetAbstractArray("region_names")
    if array is None:
        return tuple(str(i) for i in range(highest + 1))
    names = tuple(str(array.GetValue(i)) for i in range(array.GetNumberOfValues()))
    return names + tuple(str(i) for i in range(len(names), highest + 1))


def write_interface_mesh(path: Path, mesh: LabelledMesh) -> None:
    """Write a labelled interface mesh with its frame, unit and region names, as compressed float32 ``.vtp``."""
    from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray
    from vtkmodules.vtkCommonCore import vtkPoints, vtkStringArray
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
    from vtkmodules.vtkIOXML import vtkXMLPolyDataWriter

    data = vtkPolyData()
    points = vtkPoints()
    points.SetData(numpy_to_vtk(mesh.points.astype(np.float32), deep=1))
    data.SetPoints(points)
    cells = vtkCellArray()
    corners = mesh.faces.shape[1]
    cells.SetData(corners, numpy_to_vtkIdTypeArray(mesh.faces.reshape(-1).astype(np.int64), deep=1))
    data.SetPolys(cells)
    sides = numpy_to_vtk(mesh.sides, deep=1)
    sides.SetName("BoundaryLabels")
    data.GetCellData().AddArray(sides)
    for name, values in (("space", ["LPS"]), ("unit", ["mm"]), ("region_names", list(mesh.names))):
        strings = vtkStringArray()
        strings.SetName(name)
        for value in values:
            strings.InsertNextValue(value)
        data.GetFieldData().AddArray(strings)
    writer = vtkXMLPolyDataWriter()
    writer.SetFileName(str(path))
    writer.SetInputData(data)
    writer.SetDataModeToBinary()
    writer.SetCompressorTypeToZLib()
    if not writer.Write():
        raise FileError(f"{path} could not be written; check the folder and the space on the disk")
