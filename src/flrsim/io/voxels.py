"""What label maps of all formats share: limits on what a header may claim, labels, the canonical order of axes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flrsim.errors import FileError, GeometryError
from flrsim.grid import LabelVolume

VOXEL_LIMIT = 2**31
BYTE_LIMIT = 2**33
"""8 GiB: 512 × 512 × 1000 voxels as 64-bit numbers are 2."""
SHEAR_LIMIT = 1e-3
LABEL_LIMIT = 4096
DEFLATE_LIMIT = 1032
"""No deflate stream grows by more than this factor (RFC 1951), so a packed file's size bounds what it can hold."""


def check_claim(path: Path, shape: tuple[int, ...], itemsize: int, *, packed: float | None) -> None:
    """Raise when a header claims more than memory or than the file can hold, before memory for it is asked for.

    Parameters
    ----------
    packed
        The most that the file's compression can have shrunk the voxels by; None when they are not compressed.
    """
    n_voxels = 1
    for n in shape:
        n_voxels *= n
    claim = f"{path.name}: the header claims {' × '.join(map(str, shape))} = {n_voxels:.3g} voxels"
    if n_voxels > VOXEL_LIMIT:
        raise GeometryError(
            f"{claim}; flrsim reads up to {VOXEL_LIMIT:.3g}; the header is damaged, or crop the map to the liver"
        )
    size = path.stat().st_size
    most = size * (packed or 1)
    if n_voxels * itemsize > most:
        raise FileError(
            f"{path.name} is truncated or damaged: its header claims {n_voxels * itemsize:.3g} bytes of voxels and its "
            f"{size:.3g} bytes hold {most:.3g} at most; export it again"
        )
    if n_voxels * itemsize > BYTE_LIMIT:
        raise GeometryError(
            f"{claim} of {8 * itemsize} bits; flrsim reads up to {BYTE_LIMIT:.3g} bytes; save the labels with 8 bits, or "
            "crop the map to the liver"
        )


def check_affine(affine: NDArray[np.float64], source: str) -> None:
    """Raise for an affine that is singular, not finite, or not at right angles."""
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


def as_labels(data: NDArray[np.generic], source: str) -> NDArray[np.unsignedinteger]:
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


def with_spacing(
    affine: NDArray[np.float64], spacing_mm: tuple[float, float, float] | None
) -> NDArray[np.float64]:
    """Return an affine with the voxel edges that a person vouches for, in the file's axis order."""
    affine = affine.copy()
    if spacing_mm is not None:
        affine[:3, :3] *= np.asarray(spacing_mm) / np.linalg.norm(affine[:3, :3], axis=0)
    return affine


def canonical(
    labels: NDArray[np.unsignedinteger],
    affine_lps: NDArray[np.float64],
    *,
    source: str,
    names: Mapping[int, str],
    cropped: bool = False,
) -> LabelVolume:
    """Return labels of any order and handedness of axes as a label volume whose axes run along L, P and S."""
    from nibabel import orientations

    turn = orientations.io_orientation(affine_lps)
    affine = affine_lps @ orientations.inv_ornt_aff(turn, labels.shape)
    labels = np.ascontiguousarray(orientations.apply_orientation(labels, turn))
    # Headers keep origins as 32-bit numbers, good to some 10⁻⁵ mm: to the micrometre, copies with other axes
    # agree.
    affine[:3, 3] = np.round(affine[:3, 3], 3)
    # Off-diagonal zeros come back as -0.0 after flips; adding 0.0 makes copies of one file agree to the last
    # bit.
    return LabelVolume(labels, affine + 0.0, source, dict(names), cropped)
