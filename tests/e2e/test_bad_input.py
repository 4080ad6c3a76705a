"""One table of bad input: what is given, the whole sentence that answers it, the exit code.

Each row runs twice, for people and with ``--json``: nothing but an error object may reach stdout, no file may be left, no traceback.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from flrsim.cli import main

sys.path.insert(0, str(Path(__file__).parents[1]))
import block_liver as blocks
import written_formats as written
from block_liver import CASE

Prepare = Callable[[Path], list[str]]


@dataclass(frozen=True)
class Bad:
    """`prepare` fills a folder and returns the arguments; `sentence` is the whole answer, paths cut down to names."""

    id: str
    prepare: Prepare
    sentence: str
    code: int = 1


# ---------------------------------------------------------------- how rows are made


def volumes(file: str, *options: str, of: Callable[[Path], object]) -> Prepare:
    """Make a file in the folder with `of`, then measure it."""

    def prepare(folder: Path) -> list[str]:
        of(folder)
        return ["volumes", str(folder / file), *options]

    return prepare


def label_map(change: Callable[[np.ndarray], np.ndarray] | None = None, **affine: object) -> Prepare:
    """Measure a changed copy of the segments."""

    def prepare(folder: Path) -> list[str]:
        data = blocks.segments() if change is None else change(blocks.segments())
        blocks.write_nifti(folder / "liver.nii.gz", data, affine.get("affine"))
        return ["volumes", str(folder / "liver.nii.gz")]

    return prepare


def case(
    *edits: tuple[str, str], files: Callable[[Path], object] | None = None, options: tuple[str, ...] = ()
) -> Prepare:
    """Compare a case whose text was edited; the report must not appear."""

    def prepare(folder: Path) -> list[str]:
        text = CASE
        for old, new in edits:
            assert old in text, old
            text = text.replace(old, new)
        blocks.write_case(folder / "case", text)
        if files is not None:
            files(folder / "case")
        return ["compare", str(folder / "case"), "--report", str(folder / "report.html"), *options]

    return prepare


def mesh(
    change: Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, ...]] | None = None,
    stated: dict[str, str] | None = None,
    options: tuple[str, ...] = (),
) -> Prepare:
    """Measure a changed copy of the interface mesh of the segments."""

    def prepare(folder: Path) -> list[str]:
        parts = blocks.walls(blocks.segments())
        if change is not None:
            parts = change(*parts)
        given = {"space": "LPS", "unit": "mm"} if stated is None else stated
        blocks.write_vtp(folder / "liver.vtp", *parts, stated=given)
        return ["volumes", str(folder / "liver.vtp"), *options]

    return prepare


def stl(change: Callable[[Path], object] | None = None, scale: float = 1.0, *options: str) -> Prepare:
    """Measure a folder of STL files after `change`."""

    def prepare(folder: Path) -> list[str]:
        blocks.write_stl_folder(folder / "stl", scale)
        if change is not None:
            change(folder / "stl")
        return ["volumes", str(folder / "stl"), *(options or ("--frame", "LPS", "--unit", "mm"))]

    return prepare


def relabelled(old: int, new: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda labels: np.where(labels == old, labels.dtype.type(new), labels)


def truncated(folder: Path) -> None:
    whole = blocks.write_nifti(folder / "liver.nii.gz", blocks.segments()).read_bytes()
    (folder / "liver.nii.gz").write_bytes(whole[: len(whole) // 2])


def claiming(n: int, *, packed: bool) -> Callable[[Path], None]:
    """Write a NIfTI header that claims n³ voxels, and nothing after it."""

    def write(folder: Path) -> None:
        import nibabel as nib

        header = nib.Nifti1Header()
        header.set_data_dtype(np.float64)
        header.set_data_shape((n, n, n))
        header.set_sform(np.eye(4), code=1)
        header["magic"], header["vox_offset"] = b"n+1", 352
        raw = header.binaryblock + b"\0" * 5000
        if packed:
            (folder / "liver.nii.gz").write_bytes(gzip.compress(raw))
        else:
            (folder / "liver.nii").write_bytes(raw)

    return write


def with_nan(points: np.ndarray, quads: np.ndarray, sides: np.ndarray) -> tuple[np.ndarray, ...]:
    points = points.copy()
    points[[3, 5], 1] = np.nan
    return points, quads, sides


def without_faces(points: np.ndarray, quads: np.ndarray, sides: np.ndarray) -> tuple[np.ndarray, ...]:
    """Tear a hole of 100 voxel faces into the outer surface of S5 (label 5)."""
    torn = np.flatnonzero((sides == (0, 5)).all(axis=1))[:100]
    return points, np.delete(quads, torn, axis=0), np.delete(sides, torn, axis=0)


def swapped(points: np.ndarray, quads: np.ndarray, sides: np.ndarray) -> tuple[np.ndarray, ...]:
    return points, quads[:, ::-1], sides


def scaled(factor: float) -> Callable[..., tuple[np.ndarray, ...]]:
    return lambda points, quads, sides: (points * factor, quads, sides)


def link_out(folder: Path) -> None:
    outside = folder.parent / "elsewhere.nii.gz"
    (folder / "segments.nii.gz").rename(outside)
    (folder / "segments.nii.gz").symlink_to(outside)


def moved_lesions(folder: Path) -> None:
    """Put the lesions 40 voxels' shift away from the liver: same grid, wrong place."""
    blocks.write_nifti(folder / "lesions.nii.gz", np.roll(blocks.lesions(), -16, axis=1))


def lesions_elsewhere(folder: Path) -> None:
    affine = blocks.lps_affine()
    affine[:3, 3] += (0.0, 300.0, 0.0)
    blocks.write_nifti(folder / "lesions.nii.gz", blocks.lesions(), affine)


def lesions_cropped(folder: Path) -> None:
    blocks.write_nifti(folder / "lesions.nii.gz", blocks.lesions()[:, :, :-4])


def lesions_empty(folder: Path) -> None:
    blocks.write_nifti(folder / "lesions.nii.gz", np.zeros(blocks.SHAPE, np.uint8))


def s4_thrice(labels: np.ndarray) -> np.ndarray:
    out = labels.copy()
    part = labels[:, :, 15:] == 4
    out[:, :, 15:][part] = 9
    return out


def sheared() -> np.ndarray:
    affine = blocks.lps_affine()
    affine[1, 2] = 1.0
    return affine


def flat(folder: Path) -> None:
    """Write a header whose third axis has no length, which no library would write."""
    import nibabel as nib

    image = nib.load(blocks.write_nifti(folder / "liver.nii", blocks.segments()))
    raw = bytearray((folder / "liver.nii").read_bytes())
    at = nib.Nifti1Header.template_dtype.fields["srow_z"][1]
    raw[at : at + 16] = bytes(16)
    del image
    (folder / "liver.nii").write_bytes(bytes(raw))


def binary_left_right(folder: Path) -> None:
    blocks.write_nifti(folder / "lesions.nii.gz", (blocks.lesions() > 0).astype(np.uint8))


STEP_RIGHT = '[[plan.step]]\nday = 0\noperate = { resect = "right_hepatectomy" }'
MESHES = 'frame = "LPS"\nunit = "mm"\n\n[anatomy.meshes]\n'
LIVER_KEY = 'labelmap = "segments.nii.gz"\nlesions = "lesions.nii.gz"'


def mesh_table(*keys: str) -> tuple[str, str]:
    return LIVER_KEY, MESHES + "\n".join(f'{k} = "S{i}.stl"' for i, k in enumerate(keys, start=1))


EMBOLIZE = '\n\n[[plan.step]]\nday = {day}\nocclude = {{ technique = "pve", portal = ["right"] }}'


def stl_beside(folder: Path) -> None:
    blocks.write_stl_folder(folder)


def simulate(*options: str) -> Prepare:
    def prepare(folder: Path) -> list[str]:
        blocks.write_case(folder / "case")
        return ["simulate", str(folder / "case"), *[o.replace("@", str(folder)) for o in options]]

    return prepare


def command(*arguments: str) -> Prepare:
    """Run on an intact case; ``@`` is the folder."""

    def prepare(folder: Path) -> list[str]:
        blocks.write_case(folder / "case")
        return [a.replace("@", str(folder)) for a in arguments]

    return prepare


# ---------------------------------------------------------------- the table

TABLE: tuple[Bad, ...] = (
    # files
    Bad(
        "missing file",
        lambda f: ["volumes", str(f / "liver.nii.gz")],
        "liver.nii.gz: no such file (liver.nii.gz); check the path",
    ),
    Bad(
        "missing case",
        lambda f: ["compare", str(f / "case.toml")],
        "case.toml: no such file (case.toml); check the path",
    ),
    Bad(
        "folder without case",
        lambda f: ((f / "empty").mkdir(), ["compare", str(f / "empty")])[1],
        "empty is not a case; give a case.toml or the folder that holds one",
    ),
    Bad(
        "empty",
        volumes("liver.nii.gz", of=lambda f: (f / "liver.nii.gz").write_bytes(b"")),
        "liver.nii.gz is empty (0 bytes); export it again",
    ),
    Bad(
        "truncated",
        volumes("liver.nii.gz", of=truncated),
        "liver.nii.gz is truncated or damaged (Compressed file ended before the end-of-stream marker was reached); export it again",
    ),
    Bad(
        "garbage",
        volumes("liver.nii.gz", of=lambda f: (f / "liver.nii.gz").write_bytes(b"no label map" * 99)),
        "liver.nii.gz is not a NIfTI file that can be read (File liver.nii.gz is not a gzip file); export it again",
    ),
    Bad(
        "garbage unpacked",
        volumes("liver.nii", of=lambda f: (f / "liver.nii").write_bytes(b"no label map" * 99)),
        'liver.nii is not a NIfTI file that can be read (Cannot work out file type of "liver.nii"); export it again',
    ),
    Bad(
        "garbage mesh",
        volumes("liver.vtp", of=lambda f: (f / "liver.vtp").write_bytes(b"no mesh" * 99)),
        "liver.vtp is not a VTK PolyData (.vtp) file; export it again as .vtp",
    ),
    Bad(
        "truncated mesh",
        volumes(
            "liver.vtp",
            of=lambda f: (
                blocks.write_vtp(f / "liver.vtp", *blocks.walls(blocks.segments())),
                (f / "liver.vtp").write_bytes((f / "liver.vtp").read_bytes()[:20000]),
            ),
        ),
        "liver.vtp is truncated or has no faces; export it again",
    ),
    Bad(
        "unknown extension",
        volumes("liver.mat", of=lambda f: (f / "liver.mat").write_bytes(b"x")),
        "liver.mat: .mat is not a format flrsim reads; give .nii, .nii.gz, .seg.nrrd, .nrrd, .vtp, .vtm, .stl, .ply, .obj, .glb, or a folder of one label map or one closed surface a structure",
    ),
    Bad(
        "no extension",
        volumes("liver", of=lambda f: (f / "liver").write_bytes(b"x")),
        "liver: no extension is not a format flrsim reads; give .nii, .nii.gz, .seg.nrrd, .nrrd, .vtp, .vtm, .stl, .ply, .obj, .glb, or a folder of one label map or one closed surface a structure",
    ),
    Bad(
        "empty folder",
        volumes("stl", of=lambda f: (f / "stl").mkdir()),
        "stl holds no file that flrsim reads; a folder holds one label map (.nii, .nii.gz, .nrrd) or one closed surface (.vtp, .vtm, .stl, .ply, .obj, .glb) a structure",
    ),
    Bad(
        "header of 10^12 voxels",
        volumes("liver.nii.gz", of=claiming(10_000, packed=True)),
        "liver.nii.gz: the header claims 10000 × 10000 × 10000 = 1e+12 voxels; flrsim reads up to 2.15e+09; the header is damaged, or crop the map to the liver",
    ),
    Bad(
        "header of 10^12 voxels, unpacked",
        volumes("liver.nii", of=claiming(10_000, packed=False)),
        "liver.nii: the header claims 10000 × 10000 × 10000 = 1e+12 voxels; flrsim reads up to 2.15e+09; the header is damaged, or crop the map to the liver",
    ),
    Bad(
        "header of 2·10^9 voxels",
        volumes("liver.nii.gz", of=claiming(1290, packed=True)),
        "liver.nii.gz is truncated or damaged: its header claims 1.72e+10 bytes of voxels and its 92 bytes hold 9.49e+04 at most; export it again",
    ),
    Bad(
        "header of 2·10^9 voxels, unpacked",
        volumes("liver.nii", of=claiming(1290, packed=False)),
        "liver.nii is truncated or damaged: its header claims 1.72e+10 bytes of voxels and its 5.35e+03 bytes hold 5.35e+03 at most; export it again",
    ),
    # label maps
    Bad(
        "unknown label",
        label_map(relabelled(1, 9)),
        "liver.nii.gz has the label 9, which is not a segment; labels 1 to 8 are S1 to S8: remove it, or name it in [anatomy.labels]",
    ),
    Bad(
        "missing segment",
        label_map(relabelled(1, 0)),
        'liver.nii.gz: S1 is missing; all eight segments are needed; if resected before, accept it in [anatomy.accept]: missing_segments = ["S1"]',
    ),
    Bad(
        "two missing segments",
        label_map(lambda a: np.where((a == 1) | (a == 6), 0, a).astype(np.uint8)),
        'liver.nii.gz: S1, S6 are missing; all eight segments are needed; if resected before, accept it in [anatomy.accept]: missing_segments = ["S1", "S6"]',
    ),
    Bad("no label", label_map(lambda a: a * 0), "liver.nii.gz holds no label at all; it is an empty map"),
    Bad(
        "one label",
        label_map(lambda a: (a > 0).astype(np.uint8)),
        "liver.nii.gz holds one label only: a liver that is not split; all eight segments are needed, labels 1 to 8: segment it, e.g. with a model for Couinaud segments",
    ),
    Bad(
        "four axes",
        label_map(lambda a: np.stack([a, a], axis=-1)),
        "liver.nii.gz has the shape (42, 30, 34, 2); a label map has three axes",
    ),
    Bad(
        "two axes",
        label_map(lambda a: a[:, :, 17]),
        "liver.nii.gz has the shape (42, 30); a label map has three axes",
    ),
    Bad(
        "a CT",
        label_map(lambda a: a.astype(np.float32) * 0.37 + 0.2),
        "liver.nii.gz has values that are not whole numbers; it is an image, not a label map",
    ),
    Bad(
        "a CT in whole numbers",
        label_map(lambda a: a.astype(np.int16) * 100 - 1000),
        "liver.nii.gz has values from -1000 to -200; labels lie between 0 and 4095; is this the CT instead of the label map?",
    ),
    Bad(
        "negative labels",
        label_map(lambda a: np.where(a == 1, -1, a.astype(np.int16))),
        "liver.nii.gz has values from -1 to 8; labels lie between 0 and 4095; is this the CT instead of the label map?",
    ),
    Bad(
        "NaN",
        label_map(lambda a: np.where(a == 1, np.nan, a).astype(np.float32)),
        "liver.nii.gz has values that are not finite (NaN); labels are whole numbers",
    ),
    Bad(
        "sheared",
        label_map(affine=sheared()),
        "liver.nii.gz: the axes are not at right angles (cosine 0.196); resample the map onto a grid without gantry tilt",
    ),
    Bad(
        "singular",
        volumes("liver.nii", of=flat),
        "liver.nii: the header's affine is singular or not finite; the file carries no geometry",
    ),
    Bad(
        "mirrored",
        label_map(lambda a: a[::-1]),
        "liver.nii.gz: S2 and S3 lie 98 mm to the patient's right of S6 and S7: it is mirrored left to right; correct the header's orientation, or accept it in [anatomy.accept]: mirrored = true (it is then read the right way round)",
    ),
    Bad(
        "upside down",
        label_map(lambda a: a[:, :, ::-1]),
        "liver.nii.gz: S7 and S8 lie 55 mm below S5 and S6: it is upside down; correct the header's orientation",
    ),
    Bad(
        "back to front",
        label_map(lambda a: a[:, ::-1]),
        "liver.nii.gz: S3 to S5 lie 45 mm behind S1 and S7: it is back to front; correct the header's orientation",
    ),
    Bad(
        "metres in the header",
        label_map(affine=blocks.lps_affine((0.005,) * 3)),
        "liver.nii.gz: with voxels of 0.005 × 0.005 × 0.005 mm the liver is under 1 mL (500 to 6000 mL is possible): the voxel size in the header is false; correct it, or in [anatomy.accept] give the true one: spacing_mm = [x, y, z], or vouch for it: proportions = true",
    ),
    Bad(
        "1 mm placeholder",
        label_map(affine=blocks.lps_affine((1.0,) * 3)),
        "liver.nii.gz: with voxels of 1 × 1 × 1 mm the liver is 16 mL (500 to 3200 mL is possible): the voxel size in the header is false (1 × 1 × 1 mm is a common placeholder); correct it, or in [anatomy.accept] give the true one: spacing_mm = [x, y, z], or vouch for it: proportions = true",
    ),
    Bad(
        "slices too thick",
        label_map(affine=blocks.lps_affine((5.0, 5.0, 15.0))),
        "liver.nii.gz: with voxels of 5 × 5 × 15 mm the liver is 450 mm high and 190 mm wide (ratio 2.37; 0.35 to 1.8 is possible): the voxel size in the header is false; correct it, or in [anatomy.accept] give the true one: spacing_mm = [x, y, z], or vouch for it: proportions = true",
    ),
    # meshes
    Bad(
        "NaN vertices",
        mesh(with_nan),
        "liver.vtp: 2 of 6597 points are not finite numbers (NaN or infinite) near L -132, P -52, S 172 mm; export the mesh again",
    ),
    Bad(
        "open mesh",
        mesh(without_faces),
        'liver.vtp: "S5" is open (246 boundary edges near L -130, P -52, S 165 mm, up to 687 mL of 140 mL uncertain); volumes need a closed surface: close its holes and export it again',
    ),
    Bad(
        "inverted mesh",
        mesh(swapped),
        "liver.vtp: all 8 regions are inside out (-1941 mL together): the faces point inward, or the two labels of each face are swapped; flip the normals and export it again",
    ),
    Bad(
        "mesh in metres",
        mesh(scaled(0.001)),
        "liver.vtp: the liver is 0.19 mm long when read in mm; a liver is 60 to 500 mm long; its numbers look like m, and the file states mm: export it again in the unit it states",
    ),
    Bad(
        "mesh in centimetres",
        mesh(scaled(0.1), {"space": "LPS"}, ("--unit", "mm")),
        'liver.vtp: the liver is 19 mm long when read in mm; a liver is 60 to 500 mm long; its numbers look like cm: say unit = "cm"',
    ),
    Bad(
        "mesh mirrored",
        mesh(lambda p, q, s: (p * (-1, 1, 1), q[:, ::-1], s)),
        "liver.vtp: S2 and S3 lie 98 mm to the patient's right of S6 and S7: it is mirrored left to right; export it again in the frame it states",
    ),
    Bad(
        "mesh with one name twice",
        mesh(
            stated={
                "space": "LPS",
                "unit": "mm",
                "region_names": ["outside", "S1", "S2", "S3", "S4", "S5", "S6", "S7", "S7"],
            }
        ),
        "liver.vtp: the labels 7 and 8 are both S7; join them, or name them apart",
    ),
    Bad(
        "mesh in another frame",
        mesh(stated={"space": "RAS", "unit": "mm"}),
        "liver.vtp: S2 and S3 lie 98 mm to the patient's right of S6 and S7, and S3 to S5 45 mm behind S1 and S7: LPS is read as RAS, or RAS as LPS; state the true frame, or correct the header's orientation",
    ),
    Bad(
        "mesh without frame and unit",
        mesh(stated={}),
        'liver.vtp does not say its frame and unit; state it: frame = "LPS" or "RAS", unit = "mm", "cm" or "m"',
    ),
    Bad(
        "unknown frame",
        mesh(stated={}, options=("--frame", "LPI", "--unit", "mm")),
        'frame is "LPI"; it must be LPS (x toward the patient\'s left) or RAS (x toward the right)',
    ),
    Bad(
        "unknown unit",
        mesh(stated={}, options=("--frame", "LPS", "--unit", "inch")),
        'unit is "inch"; it must be one of mm, cm, m',
    ),
    Bad(
        "mesh without labels",
        mesh(lambda p, q, s: (p, q, None)),
        "liver.vtp has no cell array BoundaryLabels (two labels a face); write an interface mesh, e.g. with VTK's surface nets, or give one closed mesh a structure",
    ),
    Bad(
        "mesh with an unknown label",
        mesh(lambda p, q, s: (p, q, np.where(s == 1, 9, s).astype(np.uint16))),
        "liver.vtp has the label 9, which is not a segment; labels 1 to 8 are S1 to S8: remove it, or name it in [anatomy.labels]",
    ),
    Bad(
        "STL without frame and unit",
        stl(None, 1.0, "--frame", "LPS"),
        'S1.stl does not say its unit; state it: unit = "mm", "cm" or "m"',
    ),
    Bad(
        "STL in metres",
        stl(None, 0.001),
        'stl: the liver is 0.19 mm long when read in mm; a liver is 60 to 500 mm long; its numbers look like m: say unit = "m"',
    ),
    Bad(
        "STL open",
        stl(lambda f: blocks.write_stl(f / "S5.stl", *(lambda p, t: (p, t[50:]))(*blocks.closed_surface(5)))),
        'S5.stl: "S5" is open (150 boundary edges near L -129, P -52, S 166 mm, up to 81.7 mL of 197 mL uncertain); volumes need a closed surface: close its holes and export it again',
    ),
    Bad(
        "STL inside out",
        stl(
            lambda f: blocks.write_stl(
                f / "S5.stl", *(lambda p, t: (p, t[:, ::-1]))(*blocks.closed_surface(5))
            )
        ),
        'S5.stl: "S5" is inside out (volume -204 mL): its faces point inward, or the labels are swapped; flip the normals and export it again',
    ),
    Bad(
        "STL garbage",
        stl(lambda f: (f / "S5.stl").write_bytes(b"no mesh" * 99)),
        "S5.stl has no triangles; export it again",
    ),
    Bad(
        "STL empty",
        stl(lambda f: (f / "S5.stl").write_bytes(b"")),
        "S5.stl is empty (0 bytes); export it again",
    ),
    Bad(
        "STL NaN",
        stl(
            lambda f: blocks.write_stl(
                f / "S5.stl",
                *(lambda p, t: (np.where(np.arange(len(p))[:, None] == 7, np.nan, p), t))(
                    *blocks.closed_surface(5)
                ),
            )
        ),
        "S5.stl: 6 of 6168 corners are not finite numbers (NaN or infinite) near L -132, P -48, S 162 mm; export the mesh again",
    ),
    Bad(
        "STL of no segment",
        stl(lambda f: (f / "S8.stl").rename(f / "spleen.stl")),
        'stl: S8 is missing (not read: spleen); all eight segments are needed; if resected before, accept it in [anatomy.accept]: missing_segments = ["S8"]',
    ),
    Bad(
        "STL twice",
        stl(lambda f: (f / "segment_5.stl").write_bytes((f / "S5.stl").read_bytes())),
        "stl: S5.stl and segment_5.stl are both S5; keep one",
    ),
    Bad(
        "STL that overlap",
        stl(
            lambda f: blocks.write_stl(
                f / "S5.stl", *(lambda p, t: (np.add(p, (0, 0, 15)), t))(*blocks.closed_surface(5))
            )
        ),
        "stl: the structures overlap by 3.2 % of the liver (most: S5, 30.3 % of it) and leave gaps of 0.4 %; at most 1 % of the liver and 3 % of a segment can be read; export them from one label map, or as one interface mesh",
    ),
    # lesions
    Bad(
        "lesion outside",
        case(files=moved_lesions),
        'lesions.nii.gz: 66 % of L1 (12.1 of 18.4 mL) and 100 % of L2 (2.37 of 2.37 mL) lie outside the labelled liver; up to 10 % can be read; extend the liver labels over it, or accept it in [anatomy.accept]: lesions_outside = ["L1", "L2"]',
    ),
    Bad(
        "lesions on another frame",
        case(files=lesions_elsewhere),
        "lesions.nii.gz lies on another frame than segments.nii.gz: the origins are 300 mm apart on the same 42 × 30 × 34 voxels; correct the header, or, if the voxels correspond, accept it in [anatomy.accept]: same_grid = true",
    ),
    Bad(
        "lesions of another shape",
        case(files=lesions_cropped),
        "lesions.nii.gz has 42 × 30 × 30 voxels and segments.nii.gz has 42 × 30 × 34; both must lie on one grid: resample one onto the other",
    ),
    Bad(
        "lesion file without lesion",
        case(files=lesions_empty),
        "lesions.nii.gz holds no lesion; leave the key out if there is none",
    ),
    Bad(
        "lesion file missing",
        case(files=lambda f: (f / "lesions.nii.gz").unlink()),
        "case.toml: anatomy.lesions = 'lesions.nii.gz': no such file in case; check the path",
    ),
    # the case file
    Bad(
        "bad TOML",
        case(('sex = "male"', "sex = male")),
        "case.toml is not valid TOML: Invalid value (at line 9, column 7)",
    ),
    Bad(
        "not text",
        case(files=lambda f: (f / "case.toml").write_bytes(b"\xff\xfe\x00")),
        "case.toml is not valid TOML: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
    ),
    Bad(
        "empty case",
        case(files=lambda f: (f / "case.toml").write_text("")),
        "case.toml: case: is missing; anatomy: is missing",
    ),
    Bad(
        "unknown key",
        case(("weight_kg = 78", "weight_kg = 78\nwieght = 3")),
        "case.toml: patient.wieght: unknown key; check its spelling",
    ),
    Bad(
        "unknown key deep",
        case((STEP_RIGHT, STEP_RIGHT + "\nmargin = 3")),
        "case.toml: plan.0.step.0.margin: unknown key; check its spelling",
    ),
    Bad(
        "unknown table",
        case(('[[plan]]\nname = "right"', '[surgeon]\nname = "x"\n\n[[plan]]\nname = "right"')),
        "case.toml: surgeon: unknown key; check its spelling",
    ),
    Bad(
        "path leaves the case",
        case(('"segments.nii.gz"', '"../segments.nii.gz"')),
        "case.toml: anatomy.labelmap = '../segments.nii.gz' leaves the case's folder; paths stay inside it",
    ),
    Bad(
        "absolute path",
        case(('"segments.nii.gz"', '"/etc/passwd"')),
        "case.toml: anatomy.labelmap = '/etc/passwd' leaves the case's folder; paths stay inside it",
    ),
    Bad(
        "link leaves the case",
        case(files=link_out),
        "case.toml: anatomy.labelmap = 'segments.nii.gz' leaves the case's folder; paths stay inside it",
    ),
    Bad(
        "two livers",
        case(('labelmap = "segments.nii.gz"', 'labelmap = "segments.nii.gz"\nmesh = "liver.vtp"')),
        "case.toml: anatomy: labelmap and mesh given; give exactly one of labelmap, mesh, meshes",
    ),
    Bad(
        "no liver",
        case(('labelmap = "segments.nii.gz"\n', "")),
        "case.toml: anatomy: no liver given; give exactly one of labelmap, mesh, meshes",
    ),
    Bad(
        "meshes without frame",
        case((LIVER_KEY, '[anatomy.meshes]\nS1 = "S1.stl"'), files=stl_beside),
        'S1.stl does not say its frame and unit; state it: frame = "LPS" or "RAS", unit = "mm", "cm" or "m"',
    ),
    Bad(
        "segment twice in meshes",
        case(mesh_table("S1", "S2", "S3", "S4", "S5", "S6", "S7", "segment_7"), files=stl_beside),
        "case.toml: anatomy.meshes.segment_7: S7 is given twice; keep one file a segment",
    ),
    Bad(
        "S4 with S4a",
        case(
            mesh_table("S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S4a"),
            files=lambda f: (stl_beside(f), (f / "S9.stl").write_bytes((f / "S8.stl").read_bytes())),
        ),
        "case.toml: anatomy.meshes has S4 and also S4a or S4b: the same segment twice; keep one of the two forms",
    ),
    Bad(
        "no segment in meshes",
        case(mesh_table("S1", "S2", "S3", "S4", "S5", "S6", "S7", "spleen"), files=stl_beside),
        '"spleen" is not a segment; name each file or key after its segment: S1 … S8, S4a, S4b',
    ),
    Bad(
        "weight 0",
        case(("weight_kg = 78", "weight_kg = 0")),
        "case.toml: patient.weight_kg: is 0; it must be at least 30",
    ),
    Bad("age 300", case(("age = 57", "age = 300")), "case.toml: patient.age: is 300; it must be at most 110"),
    Bad(
        "height in metres",
        case(("height_cm = 174", "height_cm = 1.74")),
        "case.toml: patient.height_cm: is 1.74; it must be at least 120",
    ),
    Bad(
        "weight as text",
        case(("weight_kg = 78", 'weight_kg = "heavy"')),
        'case.toml: patient.weight_kg: is "heavy"; it must be a number',
    ),
    Bad("no weight", case(("weight_kg = 78\n", "")), "case.toml: patient.weight_kg: is missing"),
    Bad(
        "unknown regimen",
        case(('"FOLFOX"', '"FOLFUX"')),
        'regimen "FOLFUX" has the unknown part "FOLFUX"; known, joined by +, are …',
    ),
    Bad(
        "treatment after the operation",
        case(("last_dose_day = -42", "last_dose_day = 4")),
        "case.toml: treatment.0.last_dose_day: is 4; it must be at most 0",
    ),
    Bad(
        "accepts an absent lesion",
        case(("[patient]", '[anatomy.accept]\nlesions_outside = ["L9"]\n\n[patient]')),
        "case.toml: anatomy.accept.lesions_outside names L9, which the case does not have",
    ),
    Bad(
        "accepts an impossible spacing",
        case(("[patient]", "[anatomy.accept]\nspacing_mm = [0.7, 0.7, 400]\n\n[patient]")),
        "case.toml: anatomy.accept: spacing_mm must be three voxel edges between 0.05 and 20 mm",
    ),
    Bad(
        "labels name no segment",
        case(("[patient]", '[anatomy.labels]\n8 = "spleen"\n\n[patient]')),
        'anatomy.labels.8: "spleen" is not a segment; segments are S1, S2, S3, S4, S4a, S4b, S5, S6, S7, S8',
    ),
    Bad(
        "labels name one segment twice",
        case(("[patient]", '[anatomy.labels]\n8 = "S7"\n\n[patient]')),
        "segments.nii.gz: the labels 7 and 8 are both S7; join them, or name them apart",
    ),
    # plans
    Bad("plan without steps", case((STEP_RIGHT, "")), "case.toml: plan.0.step: is missing"),
    Bad(
        "two plans of one name",
        case(('"two-stage"', '"right"')),
        'case.toml: the file: two plans are called "right"; give each plan its own name',
    ),
    Bad(
        "unknown plan",
        case(options=("--plan", "left")),
        'plan "left" is not in the case; its plans are right, two-stage',
    ),
    Bad(
        "absent lesion",
        case(('["L2"]', '["L7"]')),
        'plan "two-stage", day 0: lesion L7 is not in the case; its lesions are L1, L2',
    ),
    Bad(
        "segment resected twice",
        case(('wedge = ["L2"], margin_mm = 5', 'resect = "right_posterior_sectionectomy"')),
        'plan "two-stage", day 45: S6, S7 are resected a second time; name each segment once',
    ),
    Bad(
        "segment twice in one operation",
        case((STEP_RIGHT, STEP_RIGHT.replace('"right_hepatectomy"', '["right_hepatectomy", "S7"]'))),
        'plan "right", day 0: S7 is taken by two of right_hepatectomy, S7; name each segment once',
    ),
    Bad(
        "lesion wedged twice",
        case(('operate = { wedge = ["L2"]', 'operate = { wedge = ["L2", "L2"]')),
        'plan "two-stage", day 0: lesion L2 is wedged a second time; name it once',
    ),
    Bad(
        "negative margin",
        case(("margin_mm = 5", "margin_mm = -5")),
        "case.toml: plan.1.step.0.operate.margin_mm: is -5; it must be at least 0",
    ),
    Bad(
        "wedge without margin",
        case((", margin_mm = 5", "")),
        'plan "two-stage", day 0: a wedge needs its margin; say margin_mm = 5, or what is planned',
    ),
    Bad(
        "occludes the FLR's branch",
        case(('portal = ["right"]', 'portal = ["right", "S4"]')),
        'plan "two-stage", day 14: occluding S4 takes the portal inflow of S4, which stays; occlude only branches of what will be resected',
    ),
    Bad(
        "unknown branch",
        case(('portal = ["right"]', 'portal = ["rihgt"]')),
        'plan "two-stage", day 14: portal branch "rihgt" is not known; branches are right, left, right_anterior, right_posterior, S1, S2, S3, S4, S5, S6, S7, S8',
    ),
    Bad(
        "unknown technique",
        case(('technique = "pve"', 'technique = "pvx"')),
        'plan "two-stage", day 14: technique "pvx" is not one of pve, pvl, lvd, hve, alpps, alpps_partial, alpps_mini, alpps_tourniquet, alpps_rescue, y90',
    ),
    Bad(
        "unknown resection",
        case((STEP_RIGHT, STEP_RIGHT.replace("right_hepatectomy", "wright_hepatectomy"))),
        'plan "right", day 0: resection "wright_hepatectomy" is not known; use one of right_hepatectomy, left_hepatectomy, right_trisectionectomy, left_trisectionectomy, left_lateral_sectionectomy, left_medial_sectionectomy, right_anterior_sectionectomy, right_posterior_sectionectomy, central_hepatectomy, caudate_resection, S1, S2, S3, S4, S4a, S4b, S5, S6, S7, S8',
    ),
    Bad(
        "steps out of order",
        case(("day = 42", "day = 50")),
        'plan "two-stage": the steps are on days 0, 14, 50, 45; put them in the order of their days',
    ),
    Bad(
        "first step not day 0",
        case((STEP_RIGHT, STEP_RIGHT.replace("day = 0", "day = 3"))),
        'plan "right": the first step that touches the liver is on day 3; it is day 0 by definition',
    ),
    Bad(
        "nothing left",
        case(
            (
                STEP_RIGHT,
                STEP_RIGHT.replace('"right_hepatectomy"', '["right_hepatectomy", "left_hepatectomy", "S1"]'),
            )
        ),
        'plan "right" leaves no segment; at least two contiguous segments with their vessels must stay',
    ),
    Bad(
        "no operation",
        case((STEP_RIGHT, "[[plan.step]]\nday = 0\nscan = true")),
        'plan "right" has no operation; a plan needs at least one step that operates',
    ),
    Bad(
        "empty operation",
        case((STEP_RIGHT, "[[plan.step]]\nday = 0\noperate = {}")),
        'plan "right", day 0: the operation takes nothing; name a resection, lesions to wedge or to ablate, a territory, a plane or a sheet',
    ),
    Bad(
        "two actions in a step",
        case((STEP_RIGHT, STEP_RIGHT + "\nscan = true")),
        "case.toml: plan.0.step.0: a step does one thing; 2 of operate, occlude, treat, scan, wait are given",
    ),
    Bad(
        "volume without scan",
        case((STEP_RIGHT, STEP_RIGHT + "\nflr_ml = 300")),
        "case.toml: plan.0.step.0: flr_ml belongs to a scan",
    ),
    Bad(
        "embolization after the last operation",
        case((STEP_RIGHT, STEP_RIGHT + EMBOLIZE.format(day=20))),
        'plan "right", day 20: no operation follows the PVE; it would serve nothing',
    ),
    Bad(
        "lesion already gone",
        case(
            (
                STEP_RIGHT,
                STEP_RIGHT + '\n\n[[plan.step]]\nday = 30\noperate = { wedge = ["L1"], margin_mm = 5 }',
            )
        ),
        'plan "right", day 30: lesion L1 lies in what an earlier operation took; it is already gone',
    ),
    Bad(
        "lesion wedged in two operations",
        case(
            (
                STEP_RIGHT,
                '[[plan.step]]\nday = 0\noperate = { wedge = ["L2"], margin_mm = 5 }\n\n[[plan.step]]\nday = 30\noperate = { wedge = ["L2"], margin_mm = 9 }',
            )
        ),
        'plan "right", day 30: lesion L2 is wedged a second time; name it once',
    ),
    Bad(
        "wedge is no list",
        case(('wedge = ["L2"]', 'wedge = "L2"')),
        'case.toml: plan.1.step.0.operate.wedge: is "L2"; it must be a list in brackets',
    ),
    Bad(
        "resect is no name",
        case((STEP_RIGHT, STEP_RIGHT.replace('"right_hepatectomy"', "5"))),
        "case.toml: plan.0.step.0.operate.resect: is 5; it must be text in quotes or a list in brackets",
    ),
    Bad(
        "half a day",
        case(("day = 14", "day = 14.5")),
        "case.toml: plan.1.step.1.day: is 14.5; it must be a whole number",
    ),
    Bad(
        "no branch",
        case(('portal = ["right"]', "portal = []")),
        'plan "two-stage", day 14: PVE names no portal branch; HVE is added to an earlier occlusion and names none, every other technique does',
    ),
    # the medical model
    Bad(
        "veins without venous deprivation",
        case(('technique = "pve"', 'technique = "pve", hepatic = ["right"]')),
        'plan "two-stage", day 14: PVE closes no hepatic vein; LVD and HVE name them as hepatic = [...], others do not',
    ),
    Bad(
        "venous deprivation without veins",
        case(('technique = "pve"', 'technique = "lvd"')),
        'plan "two-stage", day 14: LVD needs hepatic veins to close; LVD and HVE name them as hepatic = [...], others do not',
    ),
    Bad(
        "unknown agent",
        case(('technique = "pve"', 'technique = "pve", agent = "superglue"')),
        'plan "two-stage", day 14: agent "superglue" with PVE; PVE and LVD take one of nbca, pva, gelfoam, coils, ethanol, plug',
    ),
    Bad(
        "unknown site of disease",
        case(("[patient]", '[patient.tumour]\nextrahepatic = ["moon"]\n\n[patient]')),
        'case.toml: patient.tumour: extrahepatic site "moon" is not known; sites are lung_resectable, lung_unresectable, '
        "peritoneum_limited, peritoneum_extensive, hilar_nodes, celiac_nodes, retroperitoneal_nodes, "
        "retroperitoneal_nodes_multiple, other; [] says there is none",
    ),
    Bad(
        "unknown cause",
        case(options=("--without", "gravity")),
        'Invalid value: --without "gravity": causes are sos, nrh, steatosis, many_cycles, long_chemotherapy, bevacizumab, '
        "interval_chemotherapy, fibrosis, measured_function, cholestasis, sarcopenia, diabetes, tace, segment_4, agent; see flrsim --help",
        2,
    ),
    # outputs and usage
    Bad(
        "report in a missing folder",
        command("compare", "@/case", "--draws", "100", "--report", "@/none/report.html"),
        "none/report.html: the folder none does not exist; create it or name another",
    ),
    Bad(
        "report is a folder",
        command("compare", "@/case", "--draws", "100", "--report", "@/case"),
        "case: a report is written as .html or .htm or .pdf; change the name",
    ),
    Bad(
        "report is not a page",
        command("compare", "@/case", "--draws", "100", "--report", "@/report.txt"),
        "report.txt: a report is written as .html or .htm or .pdf; change the name",
    ),
    Bad(
        "compare a bare file",
        command("compare", "@/case/segments.nii.gz"),
        "segments.nii.gz is not a case; give a case.toml or the folder that holds one",
    ),
    Bad(
        "screenshot not png",
        command("view", "@/case", "--screenshot", "@/picture.jpg"),
        "picture.jpg: a picture is written as .png; change the name",
    ),
    Bad(
        "screenshot in a missing folder",
        command("view", "@/case", "--screenshot", "@/none/picture.png"),
        "none/picture.png: the folder none does not exist; create it or name another",
    ),
    Bad(
        "screenshot of no stage",
        command("view", "@/case", "--screenshot", "@/picture.png", "--after-stage", "2"),
        'plan "right" ends with stage 1; there is no stage 2',
    ),
    Bad(
        "screenshot from nowhere",
        command("view", "@/case", "--screenshot", "@/picture.png", "--from", "above"),
        'view "above" is not known; views are anterior, inferior, posterior',
    ),
    Bad(
        "view: movie of unknown kind",
        command("view", "@/case", "--movie", "@/course.avi"),
        "course.avi: a movie is written as .gif or .mp4; change the name",
    ),
    Bad(
        "view: a stage for a window",
        command("view", "@/case", "--after-stage", "1"),
        "Invalid value: --after-stage goes with --screenshot; the window opens on --day; see flrsim --help",
        code=2,
    ),
    Bad(
        "view: two answers to when",
        command("view", "@/case", "--screenshot", "@/picture.png", "--after-stage", "1", "--day", "3"),
        "Invalid value: --after-stage and --day both say when; give one; see flrsim --help",
        code=2,
    ),
    Bad(
        "view: a day beyond the course",
        command("view", "@/case", "--screenshot", "@/picture.png", "--day", "9999"),
        "day 9999 lies outside the course, which runs from day …",
    ),
    Bad(
        "table of unknown kind",
        simulate("--plan", "right", "--draws", "100", "--out", "@/days.xlsx"),
        "days.xlsx: a table is written as .csv or .parquet; change the name",
    ),
    Bad(
        "table in a missing folder",
        simulate("--plan", "right", "--draws", "100", "--out", "@/none/days.csv"),
        "none/days.csv: the folder none does not exist; create it or name another",
    ),
    Bad(
        "simulate without patient",
        lambda f: (
            case(
                files=lambda c: (c / "case.toml").write_text(
                    CASE.split("[patient]")[0] + CASE[CASE.index("[[plan]]") :]
                )
            )(f),
            ["simulate", str(f / "case"), "--plan", "right"],
        )[1],
        "simulate needs the patient's body and treatment; add [patient] to the case.toml",
    ),
    Bad(
        "phantom over a case",
        command("phantom", "@/case"),
        "case already holds a case.toml; give a new folder",
    ),
    Bad(
        "a file where a folder belongs",
        command("phantom", "@/case/case.toml/phantom", "--scenario", "plain"),
        "case/case.toml/phantom: Not a directory; check the path, the rights and the space on the disk",
    ),
    Bad(
        "check an unknown regimen",
        lambda f: ["check", case(('"FOLFOX"', '"FOLFOX+magic"'))(f)[1]],
        'regimen "FOLFOX+magic" has the unknown part "magic"; known, joined by +, are …',
    ),
    Bad(
        "unknown demo",
        command("demo", "--out", "@/demo", "--case", "nobody"),
        'demo case "nobody" is not bundled; bundled are bilobar-two-stage, conversion, hcc-thrombus, small-for-size, solitary-right',
    ),
    Bad(
        "unknown evidence",
        command("evidence", "show", "growth.nothing"),
        'the evidence has no number "growth.nothing"; ids there are …',
    ),
    Bad(
        "unknown topic",
        command("evidence", "list", "nothing"),
        'no number begins with "nothing"; topics are …',
    ),
    Bad(
        "too few draws", command("compare", "@/case", "--draws", "5"), "Invalid value for '--draws'…", code=2
    ),
    Bad("unknown option", command("compare", "@/case", "--speed", "5"), "No such option: --speed…", code=2),
    Bad(
        "unknown command",
        command("operate", "@/case"),
        "No such command 'operate'; see flrsim --help",
        code=2,
    ),
    Bad("missing argument", command("volumes"), "Missing argument 'FILE|CASE'; see flrsim --help", code=2),
    Bad(
        "volume for a fixed phantom",
        command("phantom", "@/p", "--tlv", "1500"),
        "Invalid value: --tlv goes with --scenario plain; see flrsim --help",
        code=2,
    ),
)


def surfaces_of(suffix: str, change: Callable[[bytes], bytes], *options: str) -> Prepare:
    """Measure a folder of surface files, one of them changed byte by byte."""

    def prepare(folder: Path) -> list[str]:
        file = written.write_surface_files(folder / "s", SURFACES, suffix) / f"S5{suffix}"
        file.write_bytes(change(file.read_bytes()))
        return ["volumes", str(folder / "s"), *(options or ("--frame", "LPS", "--unit", "mm"))]

    return prepare


def vtm(change: Callable[[Path], object]) -> Prepare:
    """Measure a multi-block file after `change`."""

    def prepare(folder: Path) -> list[str]:
        file = written.write_vtm(folder / "liver.vtm", SURFACES, {"space": "LPS", "unit": "mm"})
        change(file)
        return ["volumes", str(file)]

    return prepare


def seg_nrrd(*edits: tuple[bytes, bytes], change: Callable[[bytes], bytes] = lambda raw: raw) -> Prepare:
    """Measure a Slicer segmentation whose bytes were edited."""

    def prepare(folder: Path) -> list[str]:
        names = [(f"S{i}", 0, i) for i in range(1, 9)]
        file = written.write_seg_nrrd(folder / "liver.seg.nrrd", [blocks.segments()], names)
        raw = file.read_bytes()
        for old, new in edits:
            assert old in raw, old
            raw = raw.replace(old, new)
        file.write_bytes(change(raw))
        return ["volumes", str(file)]

    return prepare


def binaries(change: Callable[[Path], object]) -> Prepare:
    """Measure a folder of one binary map a structure after `change`."""

    def prepare(folder: Path) -> list[str]:
        names = {i: f"liver_segment_{i}" for i in range(1, 9)}
        change(written.write_binaries(folder / "total", blocks.segments(), names))
        return ["volumes", str(folder / "total")]

    return prepare


def half(raw: bytes) -> bytes:
    return raw[: len(raw) // 2]


def garbage(_: bytes) -> bytes:
    return b"no mesh" * 99


def nothing(_: bytes) -> bytes:
    return b""


def changed(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda file: file.write_bytes(change(file.read_bytes()))


SURFACES = {f"S{i}": blocks.closed_surface(i) for i in range(1, 9)}
LIVER_ONLY = (LIVER_KEY, 'labelmap = "segments.nii.gz"')

OTHER_FORMATS: tuple[Bad, ...] = (
    *(
        Bad(
            f"{suffix} empty",
            surfaces_of(suffix, nothing),
            f"S5{suffix} is empty (0 bytes); export it again",
        )
        for suffix in (".ply", ".obj", ".glb", ".vtp")
    ),
    Bad(
        ".ply garbage",
        surfaces_of(".ply", garbage),
        "S5.ply is not a PLY file that can be read (Not a ply file); export it again",
    ),
    Bad(
        ".ply truncated",
        surfaces_of(".ply", half),
        "S5.ply is not a PLY file that can be read (PLY is unexpected length); export it again",
    ),
    Bad(".obj garbage", surfaces_of(".obj", garbage), "S5.obj has no triangles; export it again"),
    Bad(".obj truncated", surfaces_of(".obj", half), "S5.obj has no triangles; export it again"),
    Bad(
        ".obj cut off in its faces",
        surfaces_of(".obj", lambda raw: raw[: -len(raw) // 4].rsplit(b"\n", 1)[0]),
        'S5.obj: "S5" is open (…',
    ),
    Bad(
        ".glb garbage",
        surfaces_of(".glb", garbage),
        "S5.glb is not a GLB file that can be read (incorrect header on GLB file); export it again",
    ),
    Bad(".glb truncated", surfaces_of(".glb", half), "S5.glb is not a GLB file that can be read (…"),
    Bad(
        ".vtp that claims 10^12 points",
        surfaces_of(".vtp", lambda raw: raw.replace(b'NumberOfPoints="', b'NumberOfPoints="1000000000')),
        "S5.vtp is truncated or damaged: its header claims …",
    ),
    Bad(
        ".vtm empty",
        vtm(changed(nothing)),
        "liver.vtm is empty (0 bytes); export it again",
    ),
    Bad(
        ".vtm garbage",
        vtm(changed(garbage)),
        "liver.vtm is not a VTK multi-block (.vtm) file; export it again as .vtm",
    ),
    Bad(
        ".vtm truncated",
        vtm(changed(half)),
        "liver.vtm is not a VTK multi-block (.vtm) file; export it again as .vtm",
    ),
    Bad(
        ".vtm without a block",
        vtm(lambda file: (file.parent / "liver" / "liver_4.vtp").unlink()),
        'liver.vtm: block "S5" is missing (liver/liver_4.vtp); keep the files together',
    ),
    Bad(
        ".vtm that leaves its folder",
        vtm(changed(lambda raw: raw.replace(b"liver/liver_4.vtp", b"../liver_4.vtp"))),
        'liver.vtm: block "S5" lies outside the file\'s folder (../liver_4.vtp); keep them together',
    ),
    Bad(
        ".glb in millimetres",
        lambda f: [
            "volumes",
            str(written.write_glb(f / "mm.glb", {k: (p * 1000, t) for k, (p, t) in SURFACES.items()})),
        ],
        "mm.glb: the liver is 1.9e+05 mm long when read in m; a liver is 60 to 500 mm long; its numbers look like mm, and the file states m: export it again in the unit it states",
    ),
    Bad(
        "parts that name no segment",
        lambda f: [
            "volumes",
            str(written.write_glb(f / "l.glb", {"liver": SURFACES["S1"], "spleen": SURFACES["S2"]})),
        ],
        'l.glb names liver, spleen: none is a segment; name them S1 … S8, S4a, S4b in the file, or say in [anatomy.names] which is which, e.g. "liver" = "S5"',
    ),
    Bad(
        "parts that name one segment twice",
        lambda f: ["volumes", str(written.write_glb(f / "l.glb", SURFACES | {"Segment V": SURFACES["S5"]}))],
        'l.glb: the parts "S5" and "Segment V" are both S5; keep one',
    ),
    Bad(
        "interface mesh where a closed surface belongs",
        lambda f: (
            written.write_surface_files(f / "s", SURFACES, ".stl"),
            (f / "s" / "S5.stl").unlink(),
            blocks.write_vtp(f / "s" / "S5.vtp", *blocks.walls(blocks.segments())),
            ["volumes", str(f / "s"), "--frame", "LPS", "--unit", "mm"],
        )[-1],
        "S5.vtp is an interface mesh (it has BoundaryLabels); a closed surface of S5 alone is needed here",
    ),
    Bad("seg.nrrd empty", seg_nrrd(change=nothing), "liver.seg.nrrd is empty (0 bytes); export it again"),
    Bad(
        "seg.nrrd garbage",
        seg_nrrd(change=garbage),
        "liver.seg.nrrd is not a NRRD file that can be read (Invalid NRRD magic line. Is this an NRRD file?); export it again",
    ),
    Bad(
        "seg.nrrd truncated",
        seg_nrrd(change=lambda raw: raw[:-100]),
        "liver.seg.nrrd is truncated or damaged (Compressed file ended before the end-of-stream marker was reached); export it again",
    ),
    Bad(
        "seg.nrrd with a larger header",
        seg_nrrd((b"sizes: 42 30 34", b"sizes: 42 30 35")),
        "liver.seg.nrrd is truncated or damaged: its header claims 44100 bytes of voxels and it holds 42840 bytes; export it again",
    ),
    Bad(
        "seg.nrrd of 10^12 voxels",
        seg_nrrd((b"sizes: 42 30 34", b"sizes: 10000 10000 10000")),
        "liver.seg.nrrd: the header claims 10000 × 10000 × 10000 = 1e+12 voxels; flrsim reads up to 2.15e+09; the header is damaged, or crop the map to the liver",
    ),
    Bad(
        "seg.nrrd without space",
        seg_nrrd((b"space: left-posterior-superior\n", b"")),
        "liver.seg.nrrd does not say its space; left-posterior-superior or right-anterior-superior is needed: save it with its geometry, or as .nii.gz",
    ),
    Bad(
        "seg.nrrd in the scanner's space",
        seg_nrrd((b"left-posterior-superior", b"scanner-xyz")),
        'liver.seg.nrrd states the space "scanner-xyz"; left-posterior-superior or right-anterior-superior is needed: save it with its geometry, or as .nii.gz',
    ),
    Bad(
        "seg.nrrd in another frame",
        seg_nrrd((b"left-posterior-superior", b"right-anterior-superior")),
        "liver.seg.nrrd: S2 and S3 lie 98 mm to the patient's right of S6 and S7, and S3 to S5 45 mm behind S1 and S7: LPS is read as RAS, or RAS as LPS; state the true frame, or correct the header's orientation",
    ),
    Bad(
        "seg.nrrd without directions",
        seg_nrrd((b"space directions: (5,0,0) (0,5,0) (0,0,5)\n", b"")),
        "liver.seg.nrrd does not say where its voxels lie (space directions, space origin); save it with its geometry, or as .nii.gz",
    ),
    Bad(
        "seg.nrrd with its voxels elsewhere",
        seg_nrrd((b"encoding: gzip", b"encoding: gzip\ndata file: /etc/hostname")),
        "liver.seg.nrrd keeps its voxels in another file; save header and voxels together as one .nrrd",
    ),
    Bad(
        "seg.nrrd as text",
        seg_nrrd((b"encoding: gzip", b"encoding: ascii")),
        'liver.seg.nrrd: its voxels are encoded as "ascii"; save them raw or with gzip',
    ),
    Bad(
        "seg.nrrd with a layer it has not",
        seg_nrrd((b"Segment3_Layer:=0", b"Segment3_Layer:=7")),
        'liver.seg.nrrd is damaged: its header puts the segment "S4" into a layer or label that cannot be; export it again',
    ),
    Bad(
        "seg.nrrd with one label twice",
        seg_nrrd((b"Segment3_LabelValue:=4", b"Segment3_LabelValue:=3")),
        'liver.seg.nrrd: "S3" and "S4" are both label 3 of one layer; export it again',
    ),
    Bad(
        "seg.nrrd with an unnamed label",
        seg_nrrd((b"Segment3_LabelValue:=4", b"Segment3_LabelValue:=40")),
        "liver.seg.nrrd names its labels, but not 4: name it in the file or in [anatomy.labels], or remove it",
    ),
    Bad(
        "seg.nrrd with one name twice",
        seg_nrrd((b"Segment3_Name:=S4", b"Segment3_Name:=S3")),
        'liver.seg.nrrd: the labels "S3" and "S3" are both S3; join them, or name them apart',
    ),
    Bad(
        "folder of maps without one",
        binaries(lambda f: (f / "liver_segment_5.nii.gz").unlink()),
        'total: S5 is missing; all eight segments are needed; if resected before, accept it in [anatomy.accept]: missing_segments = ["S5"]',
    ),
    Bad(
        "folder of maps with an empty file",
        binaries(lambda f: (f / "liver_segment_5.nii.gz").write_bytes(b"")),
        "liver_segment_5.nii.gz is empty (0 bytes); export it again",
    ),
    Bad(
        "folder of probabilities",
        binaries(lambda f: blocks.write_nifti(f / "liver_segment_5.nii.gz", (blocks.segments() == 5) * 0.5)),
        "liver_segment_5.nii.gz has values that are not whole numbers; it is an image, not a label map",
    ),
    Bad(
        "folder of other organs",
        binaries(lambda f: [p.rename(f / p.name.replace("liver_segment", "organ")) for p in f.iterdir()]),
        "total names organ_1, organ_2, organ_3, organ_4, organ_5, organ_6, organ_7, organ_8: none is a segment; "
        'name them S1 … S8, S4a, S4b in the file, or say in [anatomy.names] which is which, e.g. "organ_1" = "S5"',
    ),
    Bad(
        "names that no file holds",
        case(LIVER_ONLY, ("[patient]", '[anatomy.names]\n"Vascular 1" = "S1"\n\n[patient]')),
        'case.toml: anatomy.names names "Vascular 1", which no file of the case holds; they hold no names',
    ),
)


def answer(row: Bad, folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr with the folder's path cut away, after checking that no file was left."""
    argv = row.prepare(folder)
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
    capsys.readouterr()
    code = main([*argv, *options])
    printed = capsys.readouterr()
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*")} == before
    return code, *(text.replace(f"{folder}/", "") for text in printed)


def said(text: str, expected: str) -> bool:
    """Return whether a sentence is the expected one; one that ends in … may go on with a list or a library's words."""
    return text.startswith(expected[:-1]) if expected.endswith("…") else text == expected


@pytest.mark.parametrize("row", [*TABLE, *OTHER_FORMATS], ids=lambda row: row.id)
def test_bad_input_is_answered_in_one_sentence(
    row: Bad, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = answer(row, tmp_path, capsys)
    assert err.startswith("flrsim: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    assert said(err[len("flrsim: ") : -1], row.sentence), err
    assert (code, out) == (row.code, "")


# The parser refuses --json where a command has none; those rows have no error object.
WITH_JSON = [
    r for r in (*TABLE, *OTHER_FORMATS) if not r.id.startswith(("screenshot", "view", "unknown demo"))
]


@pytest.mark.parametrize("row", WITH_JSON, ids=lambda row: row.id)
def test_with_json_an_error_object_is_all_that_is_printed(
    row: Bad, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = answer(row, tmp_path, capsys, "--json")
    body = json.loads(out)
    assert set(body) == {"schema", "code", "error"}
    assert body["schema"] == "flrsim/error/1"
    assert said(body["error"].replace(f"{tmp_path}/", ""), row.sentence.removesuffix("; see flrsim --help"))
    assert code == row.code


@pytest.mark.parametrize("n", [10_000, 1290])
@pytest.mark.parametrize("packed", [True, False])
def test_a_header_that_claims_too_much_is_refused_before_memory_is_asked_for(
    n: int, packed: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """10¹² and 2·10⁹ doubles: 8 TB, and 17 GB that would pass a limit on voxels alone."""
    claiming(n, packed=packed)(tmp_path)
    file = tmp_path / ("liver.nii.gz" if packed else "liver.nii")
    main(["volumes", str(file)])  # libraries are loaded before memory is counted
    tracemalloc.start()
    try:
        assert main(["volumes", str(file)]) == 1
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 50e6
    assert "header claims" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["volumes", "nothing.nii.gz"], 1, "nothing.nii.gz: no such file (nothing.nii.gz); check the path"),
        (["volumes", "--json"], 2, "Missing argument 'FILE|CASE'; see flrsim --help"),
        (["check", "broken.nii.gz", "--json"], 1, "broken.nii.gz is empty (0 bytes); export it again"),
    ],
)
def test_the_program_itself_answers_so_too(
    arguments: list[str], code: int, sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "broken.nii.gz").write_bytes(b"")
    run = subprocess.run(
        [sys.executable, "-m", "flrsim", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (run.returncode, run.stderr) == (code, f"flrsim: {sentence}\n")
    body = json.loads(run.stdout) if "--json" in arguments else None
    assert (body is None and run.stdout == "") or body == {
        "schema": "flrsim/error/1",
        "code": "usage" if code == 2 else "file",
        "error": sentence.removesuffix("; see flrsim --help"),
    }
    assert [p.name for p in tmp_path.iterdir()] == ["broken.nii.gz"]
