"""NRRD label maps and Slicer segmentations (``.seg.nrrd``), as canonical LPS label volumes with their segments' names.

pynrrd reads the header; the voxels are unpacked here, because pynrrd unpacks all that a file holds, however
much more that is than its header claims.
"""

from __future__ import annotations

import bz2
import gzip
import re
import warnings
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from flrsim.errors import FileError, GeometryError
from flrsim.grid import LabelVolume
from flrsim.io.frames import UNITS_MM, existing_file
from flrsim.io.voxels import DEFLATE_LIMIT, as_labels, canonical, check_affine, check_claim, with_spacing

HEADER_LIMIT = 2**22
"""Bytes of text before the voxels; a segmentation of a hundred structures has some 10⁵."""
BZIP2_LIMIT = 5e7
"""Zeros shrink by some 4.6·10⁷ in bzip2, the most that is known."""
TO_LPS = {
    "left-posterior-superior": (1.0, 1.0, 1.0),
    "lps": (1.0, 1.0, 1.0),
    "right-anterior-superior": (-1.0, -1.0, 1.0),
    "ras": (-1.0, -1.0, 1.0),
    "left-anterior-superior": (1.0, -1.0, 1.0),
    "las": (1.0, -1.0, 1.0),
}
"""Signs that turn a stated space into LPS. The third is left-handed as a space; positions in it are still meant so."""
TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
ENCODINGS = {
    "raw": None,
    "gzip": DEFLATE_LIMIT,
    "gz": DEFLATE_LIMIT,
    "bzip2": BZIP2_LIMIT,
    "bz2": BZIP2_LIMIT,
}


def read_nrrd(path: Path, *, spacing_mm: tuple[float, float, float] | None = None) -> list[LabelVolume]:
    """Return the layers of a NRRD label map or Slicer segmentation, all on one grid in LPS order.

    Segments that overlap lie in different layers; a plain label map has one layer and no names. The space the
    header states counts, whatever the order and handedness of the axes.

    Parameters
    ----------
    spacing_mm
        Voxel size a person vouches for, in the file's axis order; it replaces the header's.

    Raises
    ------
    FileError
        When the file is missing, empty, truncated, not NRRD, or keeps its voxels in another file.
    GeometryError
        When the header cannot be a label map: not three axes, no space, a sheared or singular affine, more
        voxels than memory.
    """
    existing_file(path)
    with path.open("rb") as stream:
        header = _header(stream, path)
        sizes = tuple(int(n) for n in header["sizes"])
        dtype = _dtype(header, path)
        directions = _directions(header, sizes, path)
        layer_axes = [k for k in range(len(sizes)) if not np.isfinite(directions[k]).any()]
        if len(sizes) - len(layer_axes) != 3 or len(layer_axes) > 1 or min(sizes) < 1:
            raise GeometryError(
                f"{path.name} has the shape {sizes}; a label map has three axes in space, and at most one more for layers"
            )
        check_claim(path, sizes, dtype.itemsize, packed=ENCODINGS[header["encoding"]])
        affine = _affine(header, directions, path)
        data = _voxels(stream, header, dtype, sizes, path)
    check_affine(affine, path.name)
    affine = with_spacing(affine, spacing_mm)
    if layer_axes:
        layers = [np.take(data, k, axis=layer_axes[0]) for k in range(sizes[layer_axes[0]])]
    else:
        layers = [data]
    names = _segments(header, len(layers), path)
    return [
        canonical(
            as_labels(layer, path.name),
            affine,
            source=path.name,
            names=names[k],
            cropped="Segmentation_ReferenceImageExtentOffset" in header,
        )
        for k, layer in enumerate(layers)
    ]


def _header(stream: IO[bytes], path: Path) -> Mapping[str, Any]:
    """Return the parsed header; the stream then stands at the first byte after it."""
    import nrrd

    lines, length = [], 0
    for line in iter(lambda: stream.readline(HEADER_LIMIT), b""):
        length += len(line)
        text = line.decode("utf-8", "replace").rstrip()
        if not text or length >= HEADER_LIMIT:
            break
        lines.append(text)
        if not lines[0].startswith("NRRD"):
            break
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # sizes beyond an int; they are refused below
            header: Mapping[str, Any] = nrrd.read_header([*lines, ""])
    except (nrrd.NRRDError, ValueError, TypeError, LookupError) as error:
        words = str(error).splitlines()
        raise FileError(
            f"{path.name} is not a NRRD file that can be read ({words[0][:120] if words else type(error).__name__}); "
            "export it again"
        ) from None
    missing = [key for key in ("type", "dimension", "sizes", "encoding") if key not in header]
    if missing:
        raise FileError(
            f"{path.name} is not a NRRD file that can be read (its header lacks {', '.join(missing)}); export it again"
        )
    if "data file" in header or "datafile" in header:
        raise FileError(
            f"{path.name} keeps its voxels in another file; save header and voxels together as one .nrrd"
        )
    if header["encoding"] not in ENCODINGS:
        raise FileError(
            f'{path.name}: its voxels are encoded as "{header["encoding"]}"; save them raw or with gzip'
        )
    if any(int(header.get(key, 0)) for key in ("byte skip", "byteskip", "line skip", "lineskip")):
        raise FileError(f"{path.name}: its header skips bytes before the voxels; save it again without")
    return header


def _dtype(header: Mapping[str, Any], path: Path) -> np.dtype[Any]:
    found = [code for code, spellings in TYPES.items() if header["type"] in spellings]
    if not found:
        raise FileError(
            f'{path.name}: its voxels are of the type "{header["type"]}"; labels are whole numbers'
        )
    order = {"little": "<", "big": ">"}.get(str(header.get("endian", "little")))
    if order is None or (found[0][1] != "1" and "endian" not in header):
        raise FileError(f"{path.name}: its header does not say its byte order (endian); export it again")
    return np.dtype(order + found[0])


def _directions(header: Mapping[str, Any], sizes: tuple[int, ...], path: Path) -> NDArray[np.float64]:
    """Return the direction of each axis, (n_axes, 3) in the stated space; NaN rows are no axes of space."""
    if "space directions" not in header or "space origin" not in header:
        raise GeometryError(
            f"{path.name} does not say where its voxels lie (space directions, space origin); "
            "save it with its geometry, or as .nii.gz"
        )
    rows = [np.full(3, np.nan) if row is None else np.asarray(row) for row in header["space directions"]]
    if len(rows) != len(sizes) or len(sizes) != header["dimension"] or any(r.shape != (3,) for r in rows):
        raise FileError(
            f"{path.name} is damaged: sizes, dimension and space directions of its header do not agree; export it again"
        )
    return np.array(rows, dtype=np.float64)


def _affine(header: Mapping[str, Any], directions: NDArray[np.float64], path: Path) -> NDArray[np.float64]:
    """Return voxel indices to LPS mm, (4, 4), in the file's order of axes."""
    space = str(header.get("space", "")).lower()
    if space not in TO_LPS:
        said = f'states the space "{space}"' if space else "does not say its space"
        raise GeometryError(
            f"{path.name} {said}; "
            "left-posterior-superior or right-anterior-superior is needed: save it with its geometry, or as .nii.gz"
        )
    units = {str(u).strip('"') for u in header.get("space units", ())} - {""} or {"mm"}
    if len(units) != 1 or not units <= set(UNITS_MM):
        raise GeometryError(
            f"{path.name}: its space units are {', '.join(sorted(units))}; mm, cm or m is needed"
        )
    scale = np.array(TO_LPS[space]) * UNITS_MM[units.pop()]
    affine = np.eye(4)
    affine[:3, :3] = directions[np.isfinite(directions).any(axis=1)].T * scale[:, None]
    affine[:3, 3] = np.asarray(header["space origin"], dtype=np.float64) * scale
    return affine


def _voxels(
    stream: IO[bytes], header: Mapping[str, Any], dtype: np.dtype[Any], sizes: tuple[int, ...], path: Path
) -> NDArray[Any]:
    """Return the voxels, first axis fastest in the file; never more is unpacked than the header claims."""
    n_bytes = int(np.prod([int(n) for n in sizes], dtype=object)) * dtype.itemsize
    encoding = header["encoding"]
    unpacked: Any = stream
    if encoding in ("gzip", "gz"):
        unpacked = gzip.GzipFile(fileobj=stream)
    elif encoding in ("bzip2", "bz2"):
        unpacked = bz2.BZ2File(stream)
    try:
        raw = unpacked.read(n_bytes)
        rest = unpacked.read(1)
    except (OSError, EOFError, zlib.error) as error:
        raise FileError(f"{path.name} is truncated or damaged ({error}); export it again") from None
    if len(raw) < n_bytes or rest:
        held = f"{len(raw)} bytes" if not rest else f"more than {n_bytes} bytes"
        raise FileError(
            f"{path.name} is truncated or damaged: its header claims {n_bytes} bytes of voxels and it holds {held}; "
            "export it again"
        )
    return np.frombuffer(raw, dtype=dtype).reshape(sizes, order="F")


def _segments(header: Mapping[str, Any], n_layers: int, path: Path) -> list[dict[int, str]]:
    """Return label → name of each layer, from Slicer's ``Segment{i}_…`` fields; empty for a plain label map."""
    fields: dict[int, dict[str, str]] = {}
    for key, value in header.items():
        match = re.fullmatch(r"Segment(\d+)_(Name|ID|LabelValue|Layer)", key)
        if match:
            fields.setdefault(int(match[1]), {})[match[2]] = str(value)
    # Before segments shared layers, Slicer wrote each into a layer of its own, as 1, and stated neither.
    shared = any("Layer" in f for f in fields.values()) or n_layers == 1
    names: list[dict[int, str]] = [{} for _ in range(n_layers)]
    for index, found in sorted(fields.items()):
        name = found.get("Name") or found.get("ID") or f"Segment {index}"
        try:
            layer = int(found.get("Layer", 0 if shared else index))
            label = int(found.get("LabelValue", 1))
        except ValueError:
            layer, label = -1, -1
        if not 0 <= layer < n_layers or label < 1:
            raise FileError(
                f'{path.name} is damaged: its header puts the segment "{name}" into a layer or label that cannot be; '
                "export it again"
            )
        if label in names[layer]:
            raise FileError(
                f'{path.name}: "{names[layer][label]}" and "{name}" are both label {label} of one layer; export it again'
            )
        names[layer][label] = name
    return names
