"""NIfTI label maps of any orientation, as canonical LPS label volumes, with the names their extension may hold."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flrsim.errors import FileError, GeometryError
from flrsim.grid import LabelVolume
from flrsim.io.frames import RAS_TO_LPS, existing_file
from flrsim.io.voxels import DEFLATE_LIMIT, as_labels, canonical, check_affine, check_claim, with_spacing

UNIT_MM = {"meter": 1000.0, "micron": 0.001}
"""Millimetres in the units a NIfTI header may state; unstated is millimetres."""
HEADER_LIMIT = 2**24
"""Bytes before the voxels: header and extensions. A table of a thousand names takes 10⁵."""


def read_label_map(path: Path, *, spacing_mm: tuple[float, float, float] | None = None) -> LabelVolume:
    """Return a NIfTI label map in LPS order, whatever the order and handedness of its axes.

    Names come from the Caret label table of a header extension, where there is one, as TotalSegmentator
    writes it.

    Parameters
    ----------
    spacing_mm
        Voxel size a person vouches for, in the file's axis order; it replaces the header's.

    Raises
    ------
    FileError
        When the file is missing, empty, truncated, or not NIfTI.
    GeometryError
        When the header cannot be a label map: not three axes, a sheared or singular affine, more voxels than
        memory.
    """
    import nibabel as nib
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError

    existing_file(path)
    _check_header_size(path)
    try:
        image = nib.load(path)
    except (ImageFileError, HeaderDataError, OSError, EOFError, zlib.error, ValueError) as error:
        raise FileError(
            f"{path.name} is not a NIfTI file that can be read ({_first_line(error, path)}); export it again"
        ) from None
    shape = tuple(int(n) for n in image.shape)
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != 3 or min(shape) < 1:
        raise GeometryError(f"{path.name} has the shape {shape}; a label map has three axes")
    packed = DEFLATE_LIMIT if path.suffix.lower() == ".gz" else None
    check_claim(path, shape, int(image.get_data_dtype().itemsize), packed=packed)
    affine = np.array(image.affine, dtype=np.float64)
    check_affine(affine, path.name)
    affine[:3] *= UNIT_MM.get(image.header.get_xyzt_units()[0], 1.0)
    names = _names(image.header, path)
    try:
        data = np.asanyarray(image.dataobj).reshape(shape)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise FileError(
            f"{path.name} is truncated or damaged ({_first_line(error, path)}); export it again"
        ) from None
    return canonical(
        as_labels(data, path.name),
        RAS_TO_LPS @ with_spacing(affine, spacing_mm),
        source=path.name,
        names=names,
    )


def write_label_map(path: Path, labels: NDArray[np.unsignedinteger], affine: NDArray[np.float64]) -> None:
    """Write labels on an LPS grid as NIfTI (which states its affine in RAS)."""
    import nibabel as nib

    image = nib.Nifti1Image(np.asarray(labels), RAS_TO_LPS @ affine)
    image.header.set_xyzt_units("mm")
    nib.save(image, path)


def _check_header_size(path: Path) -> None:
    """Raise when header and extensions claim more than a header has: they are read whole, before the voxels are known."""
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as stream:
            head = stream.read(348)
    except (OSError, EOFError, zlib.error):
        return  # the reader says what is wrong with it
    if len(head) < 348 or head[344:348] not in (b"n+1\0", b"ni1\0"):
        return
    order = "<" if struct.unpack("<i", head[:4])[0] == 348 else ">"
    (offset,) = struct.unpack(f"{order}f", head[108:112])
    if not offset <= HEADER_LIMIT:
        raise FileError(
            f"{path.name} is damaged: its header claims that the voxels begin after {offset:.3g} bytes; export it again"
        )


def _names(header: Any, path: Path) -> dict[int, str]:
    """Return label → name from the Caret label table among the header's extensions; empty when there is none."""
    from xml.etree import ElementTree

    for extension in getattr(header, "extensions", ()):
        content = extension.get_content()
        if not isinstance(content, bytes) or b"<LabelTable" not in content:
            continue
        try:
            # Entities have no place in such a table, and can be made to fill the memory.
            if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
                raise ValueError("entities")
            root = ElementTree.fromstring(content.strip(b"\0 \r\n\t"))
            table = {int(label.attrib["Key"]): (label.text or "").strip() for label in root.iter("Label")}
        except (ElementTree.ParseError, ValueError, KeyError):
            raise FileError(
                f"{path.name}: the table of label names in its header cannot be read; export it again"
            ) from None
        return {label: name for label, name in table.items() if label != 0 and name}
    return {}


def _first_line(error: BaseException, path: Path) -> str:
    text = str(error).replace(str(path), path.name).strip().splitlines()
    return text[0][:120] if text else type(error).__name__
