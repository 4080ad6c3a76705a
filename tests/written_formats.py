"""The liver of blocks in every format flrsim reads, each written by the library that others write it with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import block_liver as blocks

Surface = tuple[NDArray[np.float64], NDArray[np.int64]]

LPS_TO_GLTF = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""From the glTF 2.0 specification: +Y up, the front faces +Z, right-handed; a patient's left is then +X."""


def surface_of(mask: NDArray[np.bool_]) -> Surface:
    """Return points (n, 3) LPS mm and outward triangles (m, 3) of a mask's voxel faces."""
    points, quads, sides = blocks.walls(mask)
    quads = np.where(sides[:, :1] == 0, quads[:, ::-1], quads)
    return points, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def segment_surfaces() -> dict[str, Surface]:
    return {f"S{i}": surface_of(blocks.segments() == i) for i in range(1, 9)}


def lesion_surfaces() -> dict[str, Surface]:
    return {f"L{i}": surface_of(blocks.lesions() == i) for i in (1, 2)}


# ------------------------------------------------------------------------------------------------ label maps


def write_binaries(folder: Path, labels: NDArray[np.uint8], names: Mapping[int, str]) -> Path:
    """Write one binary NIfTI a structure, as TotalSegmentator does by default."""
    folder.mkdir(parents=True, exist_ok=True)
    for label, name in names.items():
        blocks.write_nifti(folder / f"{name}.nii.gz", (labels == label).astype(np.uint8))
    return folder


def write_multilabel(
    path: Path,
    labels: NDArray[np.uint8],
    names: Mapping[int, str],
    affine: NDArray[np.float64] | None = None,
) -> Path:
    """Write one NIfTI map whose names sit in a Caret extension, as TotalSegmentator does with ``--ml``; `affine` is LPS."""
    import nibabel as nib

    rows = "".join(
        f'<Label Key="{label}" Red="0.5" Green="0.2" Blue="0.1" Alpha="1"><![CDATA[{name}]]></Label>\n'
        for label, name in names.items()
    )
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?> <CaretExtension>  <Date><![CDATA[2013-07-14T05:45:09]]></Date>   '
        f'<VolumeInformation Index="0">   <LabelTable>\n{rows}  </LabelTable>  <StudyMetaDataLinkSet>  '
        "</StudyMetaDataLinkSet>  <VolumeType><![CDATA[Label]]></VolumeType>   </VolumeInformation></CaretExtension>\n"
    )
    affine = blocks.lps_affine() if affine is None else affine
    image = nib.Nifti1Image(labels, np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine)
    image.header.extensions.append(nib.nifti1.Nifti1Extension(0, xml.encode()))
    nib.save(image, path)
    return path


def write_seg_nrrd(
    path: Path,
    layers: Sequence[NDArray[np.uint8]],
    segments: Sequence[tuple[str, int, int]],
    *,
    affine: NDArray[np.float64] | None = None,
    space: str = "left-posterior-superior",
    encoding: str = "gzip",
    extra: Mapping[str, object] | None = None,
) -> Path:
    """Write a Slicer segmentation with pynrrd; `segments` are name, layer, label; `affine` is in the stated space."""
    import nrrd

    affine = blocks.lps_affine() if affine is None else affine
    directions = affine[:3, :3].T
    kinds = ["domain"] * 3
    data = layers[0]
    if len(layers) > 1:
        directions = np.vstack([np.full(3, np.nan), directions])
        kinds = ["list", *kinds]
        data = np.stack(layers)
    header: dict[str, object] = {
        "space": space,
        "space directions": directions,
        "space origin": affine[:3, 3],
        "kinds": kinds,
        "encoding": encoding,
    }
    for i, (name, layer, label) in enumerate(segments):
        box = np.argwhere(layers[layer] == label)
        low, high = (box.min(axis=0), box.max(axis=0)) if len(box) else (np.zeros(3, int), -np.ones(3, int))
        extent = " ".join(f"{a} {b}" for a, b in zip(low, high, strict=True))
        header |= {
            f"Segment{i}_ID": f"Segment_{i + 1}",
            f"Segment{i}_Name": name,
            f"Segment{i}_LabelValue": str(label),
            f"Segment{i}_Layer": str(layer),
            f"Segment{i}_Extent": extent,
            f"Segment{i}_Color": "0.5 0.6 0.7",
            f"Segment{i}_Tags": "Segmentation.Status:inprogress|",
        }
    header |= dict(extra or {})
    nrrd.write(str(path), data, header)
    return path


# ------------------------------------------------------------------------------------------------ surfaces


def write_surface_files(folder: Path, surfaces: Mapping[str, Surface], suffix: str) -> Path:
    """Write one file a structure with trimesh, or VTP with PyVista."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (points, triangles) in surfaces.items():
        if suffix == ".vtp":
            _polydata(points, triangles).save(folder / f"{name}.vtp")
        elif suffix == ".glb":
            write_glb(folder / f"{name}.glb", {name: (points, triangles)})
        else:
            _trimesh(points, triangles).export(folder / f"{name}{suffix}")
    return folder


def write_obj(path: Path, surfaces: Mapping[str, Surface]) -> Path:
    """Write one OBJ file with an object a structure."""
    import trimesh

    scene = trimesh.Scene()
    for name, (points, triangles) in surfaces.items():
        scene.add_geometry(_trimesh(points, triangles), geom_name=name, node_name=name)
    scene.export(path)
    return path


def write_glb(path: Path, surfaces: Mapping[str, Surface], shift_m: float = 0.0) -> Path:
    """Write glTF with a node a structure; the nodes carry a shift that their points are without."""
    import trimesh

    move = np.eye(4)
    move[:3, 3] = shift_m
    scene = trimesh.Scene()
    for name, (points, triangles) in surfaces.items():
        scene.add_geometry(
            _trimesh(points @ LPS_TO_GLTF.T / 1000.0 - shift_m, triangles),
            node_name=name,
            geom_name=f"mesh of {name}",
            transform=move,
        )
    scene.export(path)
    return path


def write_vtm(path: Path, surfaces: Mapping[str, Surface], stated: Mapping[str, str] | None = None) -> Path:
    import pyvista as pv

    blocks_of = pv.MultiBlock()
    for name, (points, triangles) in surfaces.items():
        mesh = _polydata(points, triangles)
        for key, value in (stated or {}).items():
            mesh.field_data[key] = [value]
        blocks_of.append(mesh, name)
    blocks_of.save(path)
    return path


def _trimesh(points: NDArray[np.float64], triangles: NDArray[np.int64]):
    import trimesh

    return trimesh.Trimesh(points, triangles, process=False)


def _polydata(points: NDArray[np.float64], triangles: NDArray[np.int64]):
    import pyvista as pv

    return pv.PolyData.from_regular_faces(points, triangles)
