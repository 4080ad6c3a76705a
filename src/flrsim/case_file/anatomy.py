"""The liver, lesions and vessels that a case file or a bare path names, as structures on one grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from flrsim.anatomy import check_split_once, is_all_lesions, segment_name
from flrsim.assembly import VesselFile
from flrsim.case import SPECK_ML
from flrsim.case_file.schema import AnatomyTable, MeshTable
from flrsim.errors import AnatomyError, CaseError, GeometryError
from flrsim.forensics import listed
from flrsim.io.naming import ALL_SEGMENTS, Naming, lesion_naming, segment_naming, vessel_naming
from flrsim.io.reading import read_structures, read_surface_table
from flrsim.io.shared_grid import on_one_grid
from flrsim.io.structures import Structures

Inside = Callable[[str, str], Path]
"""Key and relative path of the case file to the file, which lies inside the case's folder."""

TREES = (("portal_vein", "portal_vein"), ("hepatic_vein", "hepatic_vein"), ("vessels", "unsplit"))
"""Keys of vessel files and the trees they hold."""


def read_segments(a: AnatomyTable, inside: Inside, source: str) -> Structures:
    """Return the segments of the liver that ``[anatomy]`` names.

    Parameters
    ----------
    source : name of the case file.
    """
    naming = segment_naming(a.labels, a.names)
    for key in ("labelmap", "mesh"):
        given = getattr(a, key)
        if given is not None:
            return read_structures(
                inside(f"anatomy.{key}", given),
                naming,
                frame=a.frame,
                unit=a.unit,
                spacing_mm=a.accept.spacing_mm,
                whole_liver=True,
            )
    files: dict[str, Path] = {}
    for key, name in (a.meshes or {}).items():
        segment = segment_name(a.names.get(key, key))
        if segment is None:
            raise AnatomyError(
                f'"{key}" is not a segment; name each file or key after its segment: {ALL_SEGMENTS}'
            )
        if segment in files:
            raise CaseError(
                f"{source}: anatomy.meshes.{key}: {segment} is given twice; keep one file a segment"
            )
        files[segment] = inside(f"anatomy.meshes.{key}", name)
    check_split_once(files, source=f"{source}: anatomy.meshes")
    return read_surface_table(files, frame=a.frame, unit=a.unit, source="anatomy.meshes", whole_liver=True)


def read_bare_segments(path: Path, frame: str | None, unit: str | None) -> Structures:
    """Return the segments of a liver file that no case file speaks of."""
    return read_structures(path, segment_naming({}, {}), frame=frame, unit=unit, whole_liver=True)


def read_bare_lesions(
    path: Path, segments: Structures, frame: str | None, unit: str | None
) -> tuple[Structures, Structures]:
    """Return segments and lesions on one grid, of files that no case file speaks of."""
    lesions = _lesions(read_structures(path, lesion_naming({}), frame=frame, unit=unit, onto=segments))
    if len(lesions.names) == 1:
        raise AnatomyError(f"{path.name} holds no lesion; leave the key out if there is none")
    segments, lesions = on_one_grid([segments, lesions])
    return segments, lesions


def read_inside(
    a: AnatomyTable, inside: Inside, segments: Structures, *, mirrored: bool, source: str
) -> tuple[Structures, Structures | None, tuple[VesselFile, ...]]:
    """Return segments, lesions and vessels on one grid.

    Parameters
    ----------
    segments : as they lie in the patient, so already turned when the file was `mirrored`.
    source : name of the case file.
    """

    def read(key: str, naming: Naming) -> Structures | None:
        given = getattr(a, key)
        if given is None:
            return None
        found = _table_or_file(f"anatomy.{key}", given, a, inside, segments, mirrored, naming)
        if len(found.names) == 1:
            raise AnatomyError(
                f"{found.source} holds no {'lesion' if key == 'lesions' else 'vessel'}; leave the key out if there is none"
            )
        return _lesions(found) if key == "lesions" else found

    labels = {"portal_vein": a.portal_labels, "hepatic_vein": a.hepatic_labels, "vessels": {}}
    lesions = read("lesions", lesion_naming(a.names))
    vessels = {key: read(key, vessel_naming(tree, labels[key], a.names)) for key, tree in TREES}
    files = [s for s in (segments, lesions, *vessels.values()) if s is not None]
    _check_names_used(a, files, source)
    aligned = iter(on_one_grid(files))
    segments = next(aligned)
    lesions = None if lesions is None else next(aligned)
    trees = tuple(VesselFile(tree, next(aligned)) for key, tree in TREES if vessels[key] is not None)
    return segments, lesions, trees


def flipped(structures: Structures) -> Structures:
    """Return the structures left to right; twice is as they were."""
    return replace(structures, labels=np.ascontiguousarray(structures.labels[::-1]))


def _check_names_used(a: AnatomyTable, files: list[Structures], source: str) -> None:
    """Raise when ``anatomy.names`` speaks of what no file holds: a slip of the pen would leave a structure out."""
    held = {name for s in files for name in s.own_names} | set(a.meshes or {})
    unknown = [name for name in a.names if name not in held]
    if unknown:
        raise CaseError(
            f'{source}: anatomy.names names "{unknown[0]}", which no file of the case holds; '
            f"they hold {listed(sorted(held)) or 'no names'}"
        )


def _table_or_file(
    key: str,
    given: str | MeshTable,
    a: AnatomyTable,
    inside: Inside,
    segments: Structures,
    mirrored: bool,
    naming: Naming,
) -> Structures:
    """Return the structures of a file, or of a table name → closed surface."""
    if isinstance(given, str):
        found = read_structures(
            inside(key, given),
            naming,
            frame=a.frame,
            unit=a.unit,
            onto=flipped(segments) if mirrored else segments,
            same_grid=a.accept.same_grid,
            spacing_mm=a.accept.spacing_mm,
        )
        if mirrored and found.labels.shape != segments.labels.shape:
            raise GeometryError(
                f"{found.source} and {segments.source} are cropped differently; to be turned as mirror images they must lie "
                "on one grid: export them with the same extent"
            )
        return flipped(found) if mirrored else found
    files = {name: inside(f"{key}.{name}", file) for name, file in given.items()}
    return read_surface_table(files, frame=a.frame, unit=a.unit, source=key, onto=segments)


def _lesions(found: Structures) -> Structures:
    """Return lesions one by one: a map of all of them together is taken apart into its components."""
    if found.from_mesh or len(found.names) != 2:
        return found
    if found.own_names and not is_all_lesions(found.names[1]):
        return found
    return _components(found)


def _components(lesions: Structures) -> Structures:
    """Return a binary lesion map as its connected components, L1 the largest; specks are named, never dropped silently."""
    from scipy import ndimage

    found, n = ndimage.label(lesions.labels > 0, structure=np.ones((3, 3, 3), dtype=int))
    voxel = abs(float(np.linalg.det(lesions.affine[:3, :3]))) / 1000.0
    ml = np.bincount(found.ravel(), minlength=n + 1)[1:] * voxel
    order = np.argsort(-ml, kind="stable")
    kept = [i for i in order if ml[i] >= SPECK_ML]
    if not kept:
        kept = [order[0]]
    lut = np.zeros(n + 1, dtype=np.uint16)
    for label, i in enumerate(kept, start=1):
        lut[i + 1] = label
    specks = [float(ml[i]) for i in order if i not in kept]
    warnings = lesions.warnings
    if specks:
        warnings = (
            *warnings,
            f"{lesions.source}: {len(specks)} specks under {SPECK_ML} mL ({sum(specks):.3f} mL together) are no lesions",
        )
    return replace(
        lesions,
        labels=lut[found],
        names=("outside", *(f"L{k}" for k in range(1, len(kept) + 1))),
        ml=np.concatenate([[0.0], ml[kept]]),
        warnings=warnings,
    )
