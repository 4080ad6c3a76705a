"""A liver of blocks, written without the code under test: plausible enough to be read, small enough to break in many ways.

An ellipsoid of 190 × 130 × 150 mm on 5 mm voxels (1.9 L), cut into eight segments by planes. Arrays are in LPS order: the
first index grows to the patient's left, the second to the back, the third upward.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SPACING = 5.0
SHAPE = (42, 30, 34)
ORIGIN = (-140.0, -110.0, 90.0)
HALF_AXES = (95.0, 65.0, 75.0)

CASE = """\
[case]
id = "blocks"

[anatomy]
labelmap = "segments.nii.gz"
lesions = "lesions.nii.gz"

[patient]
sex = "male"
age = 57
height_cm = 174
weight_kg = 78

[[treatment]]
regimen = "FOLFOX"
cycles = 6
last_dose_day = -42

[[plan]]
name = "right"

[[plan.step]]
day = 0
operate = { resect = "right_hepatectomy" }

[[plan]]
name = "two-stage"

[[plan.step]]
day = 0
operate = { wedge = ["L2"], margin_mm = 5 }

[[plan.step]]
day = 14
occlude = { technique = "pve", portal = ["right"] }

[[plan.step]]
day = 42
scan = true

[[plan.step]]
day = 45
operate = { resect = "right_hepatectomy" }
"""


def lps_affine(spacing: tuple[float, float, float] = (SPACING, SPACING, SPACING)) -> NDArray[np.float64]:
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = ORIGIN
    return affine


def segments() -> NDArray[np.uint8]:
    """Labels 1 … 8; S2 and S3 on the left, S6 and S7 at the right back, S7 and S8 above."""
    i, j, k = np.indices(SHAPE)
    middle = (np.array(SHAPE) - 1) / 2
    inside = (
        sum(((n - m) * SPACING / a) ** 2 for n, m, a in zip((i, j, k), middle, HALF_AXES, strict=True)) <= 1
    )
    back, top = j >= 15, k >= 17
    right, left = i < 19, i >= 28
    label = np.where(back, np.where(top, 7, 6), np.where(top, 8, 5))
    label = np.where(right, label, np.where(left, np.where(top, 2, 3), np.where(j >= 20, 1, 4)))
    return np.asarray(np.where(inside, label, 0), dtype=np.uint8)


def ball(centre: tuple[int, int, int], radius: float) -> NDArray[np.bool_]:
    return np.asarray(sum((n - c) ** 2 for n, c in zip(np.indices(SHAPE), centre, strict=True)) <= radius**2)


def lesions() -> NDArray[np.uint8]:
    """L1 in the right lobe, L2 in S2 near the capsule."""
    out = np.zeros(SHAPE, dtype=np.uint8)
    out[ball((10, 20, 22), 3.2)] = 1
    out[ball((33, 13, 21), 1.6)] = 2
    return out


def write_nifti(path: Path, data: NDArray[np.generic], affine_lps: NDArray[np.float64] | None = None) -> Path:
    """Write with nibabel, whose affines are RAS."""
    import nibabel as nib

    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ (lps_affine() if affine_lps is None else affine_lps)
    nib.save(nib.Nifti1Image(data, affine), path)
    return path


def write_case(folder: Path, toml: str = CASE) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_nifti(folder / "segments.nii.gz", segments())
    write_nifti(folder / "lesions.nii.gz", lesions())
    (folder / "case.toml").write_text(toml, encoding="utf-8")
    return folder


def walls(labels: NDArray[np.generic]) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.uint16]]:
    """Return points (n, 3) mm, quads (m, 4) and sides (m, 2) of the voxel faces between different labels."""
    padded = np.pad(labels.astype(np.int64), 1)
    corners, sides = [], []
    for axis in range(3):
        low = np.take(padded, range(padded.shape[axis] - 1), axis=axis)
        high = np.take(padded, range(1, padded.shape[axis]), axis=axis)
        at = np.argwhere(low != high)
        a, b = low[tuple(at.T)], high[tuple(at.T)]
        # Voxel n of the padded array spans n - 1.5 … n - 0.5 in the map's own indices.
        base = at - 1.5
        base[:, axis] += 1.0
        u, v = np.eye(3)[(axis + 1) % 3], np.eye(3)[(axis + 2) % 3]
        # The quad turns round its axis, so its normal leaves the lower voxel for the higher one.
        corners.append(np.stack([base, base + u, base + u + v, base + v], axis=1))
        sides.append(np.stack([a, b], axis=1))
    index = np.concatenate(corners)
    points, inverse = np.unique(index.reshape(-1, 3), axis=0, return_inverse=True)
    affine = lps_affine()
    return (
        points @ affine[:3, :3].T + affine[:3, 3],
        inverse.reshape(-1, 4).astype(np.int64),
        np.concatenate(sides).astype(np.uint16),
    )


def write_vtp(
    path: Path,
    points: NDArray[np.float64],
    quads: NDArray[np.int64],
    sides: NDArray[np.uint16] | None,
    *,
    stated: Mapping[str, str | list[str]] | None = None,
) -> Path:
    """Write an interface mesh with PyVista; `stated` becomes field data, e.g. ``{"space": "LPS", "unit": "mm"}``."""
    import pyvista as pv

    n = quads.shape[1]
    mesh = pv.PolyData(points, faces=np.column_stack([np.full(len(quads), n), quads]).ravel())
    if sides is not None:
        mesh.cell_data["BoundaryLabels"] = sides
    for key, value in (stated or {}).items():
        mesh.field_data[key] = [value] if isinstance(value, str) else value
    mesh.save(path)
    return path


def closed_surface(label: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return points (n, 3) mm and outward triangles (m, 3) of one segment."""
    points, quads, _ = walls(segments() == label)
    _, _, sides = walls(segments() == label)
    quads = np.where((sides[:, :1] == 0), quads[:, ::-1], quads)
    return points, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def write_stl(path: Path, points: NDArray[np.float64], triangles: NDArray[np.int64]) -> Path:
    """Write binary STL by hand: 80 bytes, a count, and 50 bytes a triangle."""
    corners = points[triangles].astype("<f4")
    record = np.zeros(
        len(triangles), dtype=[("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("extra", "<u2")]
    )
    record["corners"] = corners
    path.write_bytes(b"\0" * 80 + np.uint32(len(triangles)).tobytes() + record.tobytes())
    return path


def write_stl_folder(folder: Path, scale: float = 1.0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for label in range(1, 9):
        points, triangles = closed_surface(label)
        write_stl(folder / f"S{label}.stl", points * scale, triangles)
    return folder
