"""Frames and units of files that do not say theirs, checks of paths, checksums."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flrsim.errors import CaseError, FileError, GeometryError

FRAMES = ("LPS", "RAS")
UNITS_MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
AXES = {
    "LPS": ((0, 1, 2), (1.0, 1.0, 1.0)),
    "RAS": ((0, 1, 2), (-1.0, -1.0, 1.0)),
    # glTF 2.0, section 3.4: right-handed, +Y is up, and the front of what is shown faces +Z, so its left is +X.
    "glTF": ((0, 2, 1), (1.0, -1.0, 1.0)),
}
"""For each axis of LPS, the file's axis and its sign; each is a rotation: no frame mirrors. glTF is stated by files only."""
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])

# A liver in millimetres is some hundred units wide, in metres some tenths of one: the gap between is wide.
LIVER_EXTENT_MM = (60.0, 500.0)


def to_lps_mm(points: NDArray[np.float64], *, frame: str, unit: str) -> NDArray[np.float64]:
    """Return points (n, 3) given in `frame` and `unit` as LPS millimetres."""
    if frame != "glTF":
        check_frame(frame)
    check_unit(unit)
    axes, signs = AXES[frame]
    scale = np.array(signs) * UNITS_MM[unit]
    return np.asarray(np.asarray(points, dtype=np.float64)[:, axes] * scale)


def check_frame(frame: str) -> None:
    """Raise unless `frame` is one flrsim reads."""
    if frame not in FRAMES:
        raise CaseError(
            f'frame is "{frame}"; it must be LPS (x toward the patient\'s left) or RAS (x toward the right)'
        )


def check_unit(unit: str) -> None:
    """Raise unless `unit` is one flrsim reads."""
    if unit not in UNITS_MM:
        raise CaseError(f'unit is "{unit}"; it must be one of {", ".join(UNITS_MM)}')


def check_extent(points: NDArray[np.float64], *, source: str, unit: str, stated: bool) -> None:
    """Raise when the extent of a whole liver is impossible in its unit.

    Parameters
    ----------
    points : (n, 3) LPS mm.
    unit : the unit the points were read in.
    stated : whether the file states the unit, so that saying another would not help.
    """
    extent = float((points.max(axis=0) - points.min(axis=0)).max())
    low, high = LIVER_EXTENT_MM
    if low <= extent <= high:
        return
    raw = extent / UNITS_MM[unit]
    likely = [u for u, mm in UNITS_MM.items() if low <= raw * mm <= high]
    hint = "check the file"
    if likely and stated:
        hint = f"its numbers look like {likely[0]}, and the file states {unit}: export it again in the unit it states"
    elif likely:
        hint = f'its numbers look like {likely[0]}: say unit = "{likely[0]}"'
    raise GeometryError(
        f"{source}: the liver is {extent:.4g} mm long when read in {unit}; a liver is 60 to 500 mm long; {hint}"
    )


def existing_file(path: Path) -> Path:
    """Return `path` when it is a file with something in it."""
    if not path.exists():
        raise FileError(f"{path.name}: no such file ({path}); check the path")
    if path.is_dir():
        raise FileError(f"{path.name} is a folder; a file is needed")
    if path.stat().st_size == 0:
        raise FileError(f"{path.name} is empty (0 bytes); export it again")
    return path


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, or of all files below a folder in the order of their names, as hex digits.

    The blocks that a ``.vtm`` file lists count with it.
    """
    digest = hashlib.sha256()
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    if path.suffix.lower() == ".vtm":
        from flrsim.io.vtp import vtm_blocks

        files += [file for _, file in vtm_blocks(path)]
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def natural(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts names by their numbers, L2 before L10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name) if part]
