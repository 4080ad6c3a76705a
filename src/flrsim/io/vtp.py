"""VTK PolyData files: interface meshes with ``BoundaryLabels``, and closed surfaces."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flrsim.errors import FileError, GeometryError
from flrsim.io.frames import existing_file
from flrsim.io.raw import RawSurface, joined, one_part
from flrsim.mesh import REGION_LIMIT, LabelledMesh

COMPRESSION_LIMIT = 8000
"""LZMA, the strongest compression VTK writes, shrinks zeros by some 7000."""
BYTES_AN_ITEM = 4
"""A point or a cell takes this much at least, before compression."""
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
    return as_interface_mesh(read_vtp(path), frame=frame, unit=unit)


def as_interface_mesh(raw: RawSurface, *, frame: str | None, unit: str | None) -> LabelledMesh:
    """Return a raw surface that has two labels a face as a labelled mesh in LPS mm."""
    check_labels(raw)
    raw.check_finite()
    placed = raw.placed(frame=frame, unit=unit)
    return LabelledMesh(placed.points, raw.faces, np.asarray(raw.sides).astype(np.uint16), raw.region_names)


def check_labels(raw: RawSurface) -> None:
    """Raise unless a raw surface has two whole numbers a face."""
    sides = raw.sides
    if sides is None:
        raise GeometryError(
            f"{raw.source} has no cell array BoundaryLabels (two labels a face); "
            "write an interface mesh, e.g. with VTK's surface nets, or give one closed mesh a structure"
        )
    if sides.ndim != 2 or sides.shape[1] != 2:
        raise GeometryError(
            f"{raw.source}: BoundaryLabels has the shape {sides.shape}; ({len(raw.faces)}, 2) is needed"
        )
    values = np.asarray(sides, dtype=np.float64)
    if not np.isfinite(values).all() or (values < 0).any():
        raise GeometryError(
            f"{raw.source}: BoundaryLabels has negative labels; 0 is outside, 1 and up are regions"
        )
    if (values != np.rint(values)).any() or values.max(initial=0) >= REGION_LIMIT:
        raise GeometryError(
            f"{raw.source}: BoundaryLabels has labels up to {values.max():g}; labels are whole numbers below {REGION_LIMIT}"
        )


def read_vtp(path: Path) -> RawSurface:
    """Return what a ``.vtp`` file holds, unjudged: its faces, its labels, the frame and unit it states.

    Raises
    ------
    FileError
        When the file is missing, damaged, or has no faces.
    GeometryError
        When its cells are not triangles or quads.
    """
    data = _read(path)
    faces, cells = _faces(data, path)
    sides = None
    for name in LABEL_ARRAYS:
        if data.GetCellData().HasArray(name):
            sides = _array(data.GetCellData().GetArray(name))
            if len(sides) != data.GetNumberOfCells():
                raise FileError(
                    f"{path.name} is truncated: {name} has {len(sides)} rows for {data.GetNumberOfCells()} faces"
                )
            sides = sides[cells]
    raw = one_part(
        _array(data.GetPoints().GetData()).astype(np.float64), faces, name=path.stem, source=path.name
    )
    highest = 0
    if sides is not None:
        known = sides[np.isfinite(np.asarray(sides, dtype=np.float64))]
        highest = min(int(known.max(initial=0)), REGION_LIMIT)
    return replace(
        raw,
        sides=sides,
        region_names=() if sides is None else _names(data, highest),
        frame=_stated(data, "space"),
        unit=_stated(data, "unit"),
    )


def read_vtm(path: Path) -> RawSurface:
    """Return the blocks of a ``.vtm`` file as parts with the blocks' names, unjudged.

    The list is read here rather than by VTK, whose reader leaves out, without a word, the blocks it cannot
    find.

    Raises
    ------
    FileError
        When a block is missing, lies outside the file's folder, or is not PolyData.
    """
    blocks = vtm_blocks(path)
    return joined(
        [replace(read_vtp(file), part_names=(name,), sides=None, region_names=()) for name, file in blocks],
        source=path.name,
    )


def vtm_blocks(path: Path) -> list[tuple[str, Path]]:
    """Return name and file of each block that a ``.vtm`` file lists, inner blocks by the name of the innermost."""
    from xml.etree import ElementTree

    existing_file(path)
    text = path.read_bytes()
    try:
        # Entities have no place in such a list, and can be made to fill the memory.
        root = None if b"<!" in text else ElementTree.fromstring(text)
    except ElementTree.ParseError:
        root = None
    if root is None or root.tag != "VTKFile" or root.get("type") != "vtkMultiBlockDataSet":
        raise FileError(f"{path.name} is not a VTK multi-block (.vtm) file; export it again as .vtm")
    folder = path.parent.resolve()
    out = []
    for block in root.iter():
        for k, item in enumerate(block.findall("DataSet")):
            name = item.get("name") or block.get("name") or str(item.get("index", k))
            file = (path.parent / (item.get("file") or "")).resolve()
            if not file.is_relative_to(folder):
                raise FileError(
                    f'{path.name}: block "{name}" lies outside the file\'s folder ({item.get("file")}); keep them together'
                )
            if file.suffix.lower() != ".vtp":
                raise FileError(
                    f'{path.name}: block "{name}" is {item.get("file") or "not in a file"}; PolyData blocks (.vtp) are needed'
                )
            if not file.is_file():
                raise FileError(
                    f'{path.name}: block "{name}" is missing ({item.get("file")}); keep the files together'
                )
            out.append((name, file))
    if not out:
        raise FileError(f"{path.name} lists no blocks; export it again")
    return out


def _read(path: Path) -> Any:
    """Return the file's polydata; VTK's own complaints are turned into one sentence."""
    existing_file(path)
    with path.open("rb") as stream:
        head = stream.read(512)
    if b"<VTKFile" not in head or b"PolyData" not in head:
        raise FileError(f"{path.name} is not a VTK PolyData (.vtp) file; export it again as .vtp")
    _check_claims(path)
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


def _check_claims(path: Path) -> None:
    """Raise when a piece claims more points or cells than the file can hold: VTK would ask for the memory and end the program."""
    content = path.read_bytes()
    most = len(content) * COMPRESSION_LIMIT / BYTES_AN_ITEM
    for piece in re.findall(rb"<Piece\b[^>]*>", content.split(b"<AppendedData", 1)[0]):
        for what, text in re.findall(rb'Number[oO]f(\w+)\s*=\s*"\s*(\d+)\s*"', piece):
            if int(text) > most:
                raise FileError(
                    f"{path.name} is truncated or damaged: its header claims {int(text):.3g} {what.decode().lower()} and its "
                    f"{len(content):.3g} bytes hold {most:.3g} at most; export it again"
                )


def _array(array: Any) -> NDArray[Any]:
    from vtkmodules.util.numpy_support import vtk_to_numpy

    return np.asarray(vtk_to_numpy(array))


def _faces(data: Any, path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return faces of three or of four corners, and the cell each comes from; mixed ones come in triangles."""
    polys = data.GetPolys()
    if polys.GetNumberOfCells() != data.GetNumberOfCells():
        raise GeometryError(f"{path.name} has cells that are not polygons; triangles or quads are needed")
    offsets = _array(polys.GetOffsetsArray()).astype(np.int64)
    connectivity = _array(polys.GetConnectivityArray()).astype(np.int64)
    corners = np.diff(offsets)
    sizes = np.unique(corners)
    if not set(sizes) <= {3, 4}:
        raise GeometryError(
            f"{path.name} has faces with {', '.join(map(str, sizes))} corners; triangles or quads are needed"
        )
    cells = np.arange(len(corners))
    if len(sizes) == 1:
        return connectivity.reshape(-1, int(sizes[0])), cells
    first = offsets[:-1]
    both = np.concatenate([first[:, None] + [0, 1, 2], first[corners == 4, None] + [0, 2, 3]])
    cell = np.concatenate([cells, cells[corners == 4]])
    order = np.argsort(cell, kind="stable")
    return connectivity[both[order]], cell[order]


def _stated(data: Any, name: str) -> str | None:
    """Return a word of the field data, or None."""
    array = data.GetFieldData().GetAbstractArray(name)
    return str(array.GetValue(0)) if array is not None and array.GetNumberOfValues() else None


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
