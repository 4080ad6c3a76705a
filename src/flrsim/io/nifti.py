"""NIfTI label maps of any orientation, as canonical LPS label volumes."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flrsim.errors import FileError, GeometryError
from flrsim.grid import LabelVolume
from flrsim.io.frames import RAS_TO_LPS, existing_file

VOXEL_LIMIT = 2**31
SHEAR_LIMIT = 1e-3
LABEL_LIMIT = 4096
UNIT_MM = {"meter": 1000.0, "micron": 0.001}
"""Millimetres in the units a NIfTI header may state; unstated is millimetres."""
DEFLATE_LIMIT = 1032
"""No deflate stream grows by more than this factor (RFC 1951), so a packed file's size bounds what it can hold."""


def read_label_map(path: Path, *, spacing_mm: tuple[float, float, float] | None = None) -> LabelVolume:
    """Return a NIfTI label map in LPS order, whatever the order and handedness of its axes.

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
    try:
        image = nib.load(path)
    except (ImageFileError, HeaderDataError, OSError, EOFError, zlib.error, ValueError) as error:
        raise FileError(
            f"{path.name} is not a NIfTI file that can be read ({_first_line(error, path)}); export it again"
        ) from None
    shape = tuple(int(n) for n in image.shape)
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    n_voxels = 1
    for n in shape:
        n_voxels *= n
    if len(shape) != 3 or min(shape) < 1:
        raise GeometryError(f"{path.name} has the shape {shape}; a label map has three axes")
    if n_voxels > VOXEL_LIMIT:
        raise GeometryError(
            f"{path.name}: the header claims {' × '.join(map(str, shape))} = {n_voxels:.3g} voxels; "
            f"flrsim reads up to {VOXEL_LIMIT:.3g}; the header is damaged, or crop the map to the liver"
        )
    _check_size(path, n_voxels * int(image.get_data_dtype().itemsize))
    affine = np.array(image.affine, dtype=np.float64)
    _check_affine(affine, path.name)
    affine[:3] *= UNIT_MM.get(image.header.get_xyzt_units()[0], 1.0)
    if spacing_mm is not None:
        affine[:3, :3] *= np.asarray(spacing_mm) / np.linalg.norm(affine[:3, :3], axis=0)
    try:
        data = np.asanyarray(image.dataobj).reshape(shape)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise FileError(
            f"{path.name} is truncated or damaged ({_first_line(error, path)}); export it again"
        ) from None
    labels = _as_labels(data, path.name)

    # nibabel's canonical order is RAS+; flipping the first two axes makes it LPS+ with the same voxels.
    to_ras = nib.orientations.io_orientation(affine)
    flips = np.array([-1.0, -1.0, 1.0])
    to_lps = np.column_stack([to_ras[:, 0], to_ras[:, 1] * flips[to_ras[:, 0].astype(int)]])
    affine = RAS_TO_LPS @ affine @ nib.orientations.inv_ornt_aff(to_lps, shape)
    labels = np.ascontiguousarray(nib.orientations.apply_orientation(labels, to_lps))
    # Headers keep origins as 32-bit numbers, good to some 10⁻⁵ mm: to the micrometre, copies with other axes
    # agree.
    affine[:3, 3] = np.round(affine[:3, 3], 3)
    # Off-diagonal zeros come back as -0.0 after flips; adding 0.0 makes copies of one file agree to the last
    # bit.
    return LabelVolume(labels, affine + 0.0, path.name, {})


def _check_affine(affine: NDArray[np.float64], source: str) -> None:
    columns = affine[:3, :3]
    if not np.isfinite(affine).all() or abs(np.linalg.det(columns)) < 1e-9:
        raise GeometryError(
            f"{source}: the header's affine is singular or not finite; the file carries no geometry"
        )
    unit = columns / np.linalg.norm(columns, axis=0)
    shear = float(np.abs(unit.T @ unit - np.eye(3)).max())
    if shear > SHEAR_LIMIT:
        raise GeometryError(
            f"{source}: the axes are not at right angles (cosine {shear:.3f}); "
            "resample the map onto a grid without gantry tilt"
        )


def _as_labels(data: NDArray[np.generic], source: str) -> NDArray[np.unsignedinteger]:
    """Return label values as the smallest unsigned type, refusing what is not a label."""
    if data.dtype == np.uint8:
        return np.asarray(data, dtype=np.uint8)
    if not np.issubdtype(data.dtype, np.integer):
        if not np.isfinite(np.asarray(data, dtype=np.float64)).all():
            raise GeometryError(f"{source} has values that are not finite (NaN); labels are whole numbers")
        if (data != np.rint(np.asarray(data, dtype=np.float64))).any():
            raise GeometryError(
                f"{source} has values that are not whole numbers; it is an image, not a label map"
            )
    low, high = float(data.min()), float(data.max())
    if low < 0 or high >= LABEL_LIMIT:
        raise GeometryError(
            f"{source} has values from {low:g} to {high:g}; labels lie between 0 and {LABEL_LIMIT - 1}; "
            "is this the CT instead of the label map?"
        )
    return data.astype(np.uint8 if high < 256 else np.uint16)


def write_label_map(path: Path, labels: NDArray[np.unsignedinteger], affine: NDArray[np.float64]) -> None:
    """Write labels on an LPS grid as NIfTI (which states its affine in RAS)."""
    import nibabel as nib

    image = nib.Nifti1Image(np.asarray(labels), RAS_TO_LPS @ affine)
    image.header.set_xyzt_units("mm")
    nib.save(image, path)


def _check_size(path: Path, claimed: int) -> None:
    """Raise when the file cannot hold what its header claims, before memory for it is asked for."""
    size = path.stat().st_size
    most = size * DEFLATE_LIMIT if path.suffix.lower() == ".gz" else size
    if claimed > most:
        raise FileError(
            f"{path.name} is truncated or damaged: its header claims {claimed:.3g} bytes of voxels and its {size:.3g} bytes "
            f"hold {most:.3g} at most; export it again"
        )


def _first_line(error: BaseException, path: Path) -> str:
    text = str(error).replace(str(path), path.name).strip().splitlines()
    return text[0][:120] if text else type(error).__name__
