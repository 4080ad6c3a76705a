"""A phantom as a case on disk: meshes or label maps, ``case.toml``, and the truth it is measured against."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flrsim.errors import FileError
from flrsim.io.nifti import write_label_map
from flrsim.io.vtp import write_interface_mesh
from flrsim.mesh import LabelledMesh
from flrsim.meshing import merged, mesh_of_function
from flrsim.phantom.model import Phantom
from flrsim.phantom.truth import PhantomTruth, truth

FORMATS = ("vtp", "nii")
LIVER_MM = 2.6
VESSEL_MM = 1.5
POINTS_PER_DIAMETER = 18.0
"""Mesh spacings: the liver's, the vessels', and a lesion's as a share of its diameter, so that small ones are as true as large."""


def write_phantom(
    phantom: Phantom,
    folder: Path,
    *,
    case_id: str,
    file_format: str = "vtp",
    spacing_mm: tuple[float, float, float] = (0.8, 0.8, 1.0),
    story: str = "",
    case_tables: str = "",
    truth_points: int = 1 << 17,
) -> PhantomTruth:
    """Write a phantom as a case that every command reads, and its truth as ``truth.json``.

    Parameters
    ----------
    folder : made when it is missing; must not hold a case already.
    file_format : ``vtp`` interface meshes, or ``nii`` label maps of `spacing_mm`.
    story : comment lines that open ``case.toml``.
    case_tables : TOML after ``[anatomy]``: patient, treatments, plans.
    truth_points : points of each replicate of the quadrature.

    Raises
    ------
    FileError
        When the folder already holds a case.
    """
    if (folder / "case.toml").exists():
        raise FileError(f"{folder} already holds a case.toml; give a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    keys = (
        _write_meshes(phantom, folder)
        if file_format == "vtp"
        else _write_label_maps(phantom, folder, spacing_mm)
    )
    lines = [
        *([story, ""] if story else []),
        "[case]",
        f"id = {json.dumps(case_id)}",
        "",
        "[anatomy]",
        *(f"{key} = {value}" for key, value in keys.items()),
    ]
    (folder / "case.toml").write_text(
        "\n".join(lines) + "\n" + (f"\n{case_tables.strip()}\n" if case_tables else "")
    )
    known = truth(phantom, n=truth_points)
    (folder / "truth.json").write_text(json.dumps(known.to_dict(), indent=1) + "\n")
    return known


def _write_meshes(phantom: Phantom, folder: Path) -> dict[str, str]:
    low, high = phantom.bounds()
    liver = _compact(mesh_of_function(phantom.segment_at, low, high, LIVER_MM, _names(phantom.segment_names)))
    write_interface_mesh(folder / "liver.vtp", liver)
    keys = {"mesh": _quoted("liver.vtp")}
    if phantom.lesions:
        meshes = []
        for label, lesion in enumerate(phantom.lesions, start=1):
            spacing = lesion.diameter_mm / POINTS_PER_DIAMETER
            meshes.append(
                mesh_of_function(
                    _only(phantom.lesion_at, label), *lesion.bounds(), spacing, ("outside", lesion.name)
                )
            )
        write_interface_mesh(folder / "lesions.vtp", merged(meshes))
        keys["lesions"] = _quoted("lesions.vtp")
    for key, look_up, names in (
        ("portal_vein", phantom.portal_at, phantom.portal_names),
        ("hepatic_vein", phantom.hepatic_at, phantom.hepatic_names),
    ):
        write_interface_mesh(
            folder / f"{key}.vtp", _compact(mesh_of_function(look_up, low, high, VESSEL_MM, _names(names)))
        )
        keys[key] = _quoted(f"{key}.vtp")
    return keys


def _write_label_maps(
    phantom: Phantom, folder: Path, spacing_mm: tuple[float, float, float]
) -> dict[str, str]:
    grids = phantom.label_grids(spacing_mm)
    keys = {"labelmap": _quoted("segments.nii.gz")}
    write_label_map(folder / "segments.nii.gz", grids.segments, grids.affine)
    if phantom.lesions:
        write_label_map(folder / "lesions.nii.gz", grids.lesions, grids.affine)
        keys["lesions"] = _quoted("lesions.nii.gz")
    for key, labels in (("portal_vein", grids.portal), ("hepatic_vein", grids.hepatic)):
        write_label_map(folder / f"{key}.nii.gz", labels, grids.affine)
        keys[key] = _quoted(f"{key}.nii.gz")
    # Label maps carry no names: the case file says what each label is.
    keys["labels"] = _inline(phantom.segment_names)
    keys["portal_labels"] = _inline(phantom.portal_names)
    keys["hepatic_labels"] = _inline(phantom.hepatic_names)
    return keys


def _quoted(name: str) -> str:
    return json.dumps(name)


def _inline(names: dict[int, str]) -> str:
    """Return a TOML inline table."""
    return "{ " + ", ".join(f"{label} = {json.dumps(name)}" for label, name in names.items()) + " }"


def _names(labels: dict[int, str]) -> tuple[str, ...]:
    return ("outside", *(labels.get(i, str(i)) for i in range(1, max(labels) + 1)))


def _only(
    look_up: Callable[[NDArray[np.float64]], NDArray[np.uint8]], label: int
) -> Callable[[NDArray[np.float64]], NDArray[np.uint8]]:
    def one(points: NDArray[np.float64]) -> NDArray[np.uint8]:
        return np.asarray(look_up(points) == label, dtype=np.uint8)

    return one


def _compact(mesh: LabelledMesh) -> LabelledMesh:
    """Return a mesh whose regions are the ones it has."""
    present = np.unique(mesh.sides)
    present = present[present > 0]
    lut = np.zeros(len(mesh.names), dtype=np.uint16)
    lut[present] = np.arange(1, len(present) + 1)
    return LabelledMesh(
        mesh.points, mesh.faces, lut[mesh.sides], ("outside", *(mesh.names[i] for i in present))
    )
