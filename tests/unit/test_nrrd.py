"""NRRD label maps and Slicer segmentations, written with pynrrd."""

from __future__ import annotations

import gzip
import itertools
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import block_liver as blocks
import written_formats as written
from flrsim.case import LiverCase
from flrsim.case_file import load_case, load_file
from flrsim.errors import FileError, FlrsimError, GeometryError
from flrsim.evidence import load_evidence
from flrsim.io.nrrd import read_nrrd

EVIDENCE = load_evidence()
COUNTS = np.bincount(blocks.segments().ravel(), minlength=9)
TRUE_ML = {f"S{i}": COUNTS[i] * 0.125 for i in range(1, 9)}
SEGMENTS = [(f"Segment {i}", 0, i) for i in range(1, 9)]
SPACES = {
    "left-posterior-superior": (1, 1, 1),
    "LPS": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1),
    "RAS": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1),
}


def case_of(folder: Path, *lines: str) -> LiverCase:
    (folder / "case.toml").write_text('[case]\nid = "one"\n\n[anatomy]\n' + "\n".join(lines) + "\n")
    return load_case(folder, EVIDENCE)[0]


# ------------------------------------------------------------------------------------------------ where the voxels lie


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
def test_every_space_and_order_of_axes_is_read_as_the_same_voxels(
    space: str, order: tuple[int, int, int], tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 9, (5, 7, 6)).astype(np.uint8)
    affine = np.diag([0.75, 1.25, 2.5, 1.0])
    affine[:3, 3] = [-20.5, 31.25, 100.0]
    handed = set()
    for flips in itertools.product((False, True), repeat=3):
        data, turned = labels.transpose(order), affine[:, [*order, 3]].copy()
        for axis, flip in enumerate(flips):
            if flip:
                data = np.flip(data, axis)
                turned[:3, 3] += turned[:3, axis] * (data.shape[axis] - 1)
                turned[:3, axis] *= -1
        turned[:3] *= np.array(SPACES[space])[:, None]
        handed.add(bool(np.linalg.det(turned[:3, :3]) > 0))
        written.write_seg_nrrd(
            tmp_path / "a.nrrd", [np.ascontiguousarray(data)], [], affine=turned, space=space
        )
        (got,) = read_nrrd(tmp_path / "a.nrrd")
        np.testing.assert_array_equal(got.labels, labels)
        np.testing.assert_array_equal(got.affine, affine)
    assert handed == {True, False}


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32])
def test_voxels_are_those_that_pynrrd_reads(encoding: str, dtype: type, tmp_path: Path) -> None:
    import nrrd

    labels = np.random.default_rng(2).integers(0, 300 if dtype != np.uint8 else 9, (4, 5, 3)).astype(dtype)
    file = written.write_seg_nrrd(tmp_path / "a.nrrd", [labels], [], affine=np.eye(4), encoding=encoding)
    (got,) = read_nrrd(file)
    np.testing.assert_array_equal(got.labels, nrrd.read(str(file))[0])


def test_space_units_count(tmp_path: Path) -> None:
    affine = blocks.lps_affine() / 10.0
    affine[3, 3] = 1.0
    file = written.write_seg_nrrd(
        tmp_path / "a.seg.nrrd",
        [blocks.segments()],
        SEGMENTS,
        affine=affine,
        extra={"space units": ["cm"] * 3},
    )
    assert load_file(file, EVIDENCE).segment_ml == pytest.approx(TRUE_ML, rel=1e-9)


# ------------------------------------------------------------------------------------------------ segments


def test_overlapping_segments_lie_in_layers_of_their_own(tmp_path: Path) -> None:
    """A tumour lies over segments in one file: each keeps its own voxels."""
    file = written.write_seg_nrrd(
        tmp_path / "all.seg.nrrd",
        [blocks.segments(), blocks.lesions(), np.where(blocks.segments() > 0, 3, 0).astype(np.uint8)],
        [*SEGMENTS, ("Tumor-1", 1, 1), ("Laesion", 1, 2), ("Liver", 2, 3)],
    )
    # pynrrd writes ASCII only; Slicer writes UTF-8.
    file.write_bytes(file.read_bytes().replace(b"Laesion", "Läsion".encode()))
    (one, two, three) = read_nrrd(file)
    assert (two.names, three.names) == ({1: "Tumor-1", 2: "Läsion"}, {3: "Liver"})
    assert one.names[8] == "Segment 8"
    case = case_of(tmp_path, 'labelmap = "all.seg.nrrd"', 'lesions = "all.seg.nrrd"')
    assert case.segment_ml == pytest.approx(TRUE_ML, rel=1e-12)
    assert [les.name for les in case.lesions] == ["Tumor-1", "Läsion"]
    assert [les.volume_ml for les in case.lesions] == pytest.approx(
        np.bincount(blocks.lesions().ravel())[1:] * 0.125
    )
    assert "all.seg.nrrd: not read as segments: Tumor-1, Läsion, Liver" in case.warnings


def test_slicers_own_names_get_their_meaning_from_a_table(tmp_path: Path) -> None:
    names = [(f"Vascular Territory ID {i}", 0, i) for i in range(1, 9)]
    written.write_seg_nrrd(tmp_path / "a.seg.nrrd", [blocks.segments()], names)
    with pytest.raises(
        FlrsimError,
        match=r'names Vascular Territory ID 1, .*: none is a segment; .*"Vascular Territory ID 1"',
    ):
        load_file(tmp_path / "a.seg.nrrd", EVIDENCE)
    table = "\n".join(f'"Vascular Territory ID {i}" = "S{i}"' for i in range(1, 9))
    case = case_of(tmp_path, 'labelmap = "a.seg.nrrd"', "", "[anatomy.names]", table)
    assert case.segment_ml == pytest.approx(TRUE_ML, rel=1e-12)


def test_a_single_named_tumour_in_two_parts_stays_one_lesion(tmp_path: Path) -> None:
    both = (blocks.lesions() > 0).astype(np.uint8)
    written.write_seg_nrrd(
        tmp_path / "all.seg.nrrd", [blocks.segments(), both], [*SEGMENTS, ("Tumor-1", 1, 1)]
    )
    case = case_of(tmp_path, 'labelmap = "all.seg.nrrd"', 'lesions = "all.seg.nrrd"')
    (lesion,) = case.lesions
    assert lesion.volume_ml == pytest.approx(np.count_nonzero(both) * 0.125)


def test_old_files_with_a_layer_a_segment_are_read(tmp_path: Path) -> None:
    """Slicer before 4.11 wrote each segment into its own layer, and neither layer nor label value."""
    import nrrd

    layers = np.stack([(blocks.segments() == i).astype(np.uint8) for i in range(1, 9)])
    header = {
        "space": "left-posterior-superior",
        "space directions": np.vstack([np.full(3, np.nan), np.eye(3) * 5.0]),
        "space origin": np.array(blocks.ORIGIN),
        "kinds": ["list", "domain", "domain", "domain"],
        "encoding": "gzip",
    } | {f"Segment{i}_Name": f"S{i + 1}" for i in range(8)}
    nrrd.write(str(tmp_path / "old.seg.nrrd"), layers, header)
    assert load_file(tmp_path / "old.seg.nrrd", EVIDENCE).segment_ml == pytest.approx(TRUE_ML, rel=1e-12)


def test_a_segmentation_cropped_to_its_content_lies_where_it_lay(tmp_path: Path) -> None:
    """Slicer writes the smallest box; lesions that reach out of the liver's box keep all their voxels."""
    blocks.write_nifti(tmp_path / "s.nii.gz", blocks.segments())
    lesions = blocks.lesions()
    box = np.argwhere(lesions > 0)
    low, high = box.min(axis=0), box.max(axis=0) + 1
    affine = blocks.lps_affine()
    affine[:3, 3] += affine[:3, :3] @ low
    part = np.ascontiguousarray(lesions[tuple(slice(a, b) for a, b in zip(low, high, strict=True))])
    extra = {"Segmentation_ReferenceImageExtentOffset": " ".join(map(str, low))}
    written.write_seg_nrrd(
        tmp_path / "l.seg.nrrd", [part], [("L1", 0, 1), ("L2", 0, 2)], affine=affine, extra=extra
    )
    cropped = case_of(tmp_path, 'labelmap = "s.nii.gz"', 'lesions = "l.seg.nrrd"')
    blocks.write_nifti(tmp_path / "l.nii.gz", lesions)
    whole = case_of(tmp_path, 'labelmap = "s.nii.gz"', 'lesions = "l.nii.gz"')
    for a, b in zip(cropped.lesions, whole.lesions, strict=True):
        assert (a.name, a.volume_ml, a.segments) == (b.name, b.volume_ml, b.segments)
        assert a.centre_mm == pytest.approx(b.centre_mm, abs=1e-9)
    assert cropped.segment_ml == whole.segment_ml
    # The other way round: the liver is cropped, and the lesions' grid is larger.
    liver = np.argwhere(blocks.segments() > 0)
    low, high = liver.min(axis=0), liver.max(axis=0) + 1
    affine = blocks.lps_affine()
    affine[:3, 3] += affine[:3, :3] @ low
    part = np.ascontiguousarray(blocks.segments()[tuple(slice(a, b) for a, b in zip(low, high, strict=True))])
    written.write_seg_nrrd(tmp_path / "s.seg.nrrd", [part], SEGMENTS, affine=affine, extra=extra)
    out = lesions.copy()
    out[0, 0, 0] = 2
    blocks.write_nifti(tmp_path / "l.nii.gz", out)
    case = case_of(tmp_path, 'labelmap = "s.seg.nrrd"', 'lesions = "l.nii.gz"')
    assert case.lesion("L2").volume_ml == pytest.approx(np.count_nonzero(out == 2) * 0.125)
    assert case.lesion("L2").outside_ml == pytest.approx(0.125)
    # A grid that is shifted by half a voxel is another grid, cropped or not.
    affine[0, 3] += 2.5
    written.write_seg_nrrd(tmp_path / "s.seg.nrrd", [part], SEGMENTS, affine=affine, extra=extra)
    with pytest.raises(GeometryError, match=r"both must lie on one grid"):
        case_of(tmp_path, 'labelmap = "s.seg.nrrd"', 'lesions = "l.nii.gz"')


# ------------------------------------------------------------------------------------------------ headers that claim


HEADER = (
    "NRRD0004\ntype: {type}\ndimension: 3\nspace: left-posterior-superior\nsizes: {sizes}\n"
    "space directions: (1,0,0) (0,1,0) (0,0,1)\nkinds: domain domain domain\nendian: little\nencoding: {encoding}\n"
    "space origin: (0,0,0)\n\n"
)


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2"])
@pytest.mark.parametrize("sizes", ["10000 10000 10000", "1290 1290 1290"])
def test_a_header_that_claims_too_much_is_refused_before_memory_is_asked_for(
    sizes: str, encoding: str, tmp_path: Path
) -> None:
    file = tmp_path / "a.nrrd"
    file.write_bytes(HEADER.format(type="double", sizes=sizes, encoding=encoding).encode() + bytes(5000))
    with pytest.raises(FlrsimError):
        read_nrrd(file)
    tracemalloc.start()
    try:
        with pytest.raises(FlrsimError, match=r"header claims"):
            read_nrrd(file)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 50e6


def test_a_file_that_holds_more_than_its_header_claims_is_not_unpacked(tmp_path: Path) -> None:
    """A packed gigabyte behind a header of sixty voxels."""
    file = tmp_path / "a.nrrd"
    block = gzip.compress(bytes(1 << 24))
    file.write_bytes(HEADER.format(type="uchar", sizes="3 4 5", encoding="gzip").encode() + block * 64)
    with pytest.raises(FileError):
        read_nrrd(file)
    tracemalloc.start()
    try:
        with pytest.raises(FileError, match=r"claims 60 bytes of voxels and it holds more than 60 bytes"):
            read_nrrd(file)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10e6


def test_a_packed_nifti_whose_header_never_ends_is_refused_unread(tmp_path: Path) -> None:
    """Its extension claims a gigabyte of zeros, which the library would read before it knew of any voxel."""
    import nibabel as nib

    header = nib.Nifti1Header()
    header.set_data_shape((3, 4, 5))
    header.set_sform(np.eye(4), code=1)
    header["magic"], header["vox_offset"] = b"n+1", 2**30
    start = header.binaryblock + b"\1\0\0\0" + np.array([2**30 - 352, 0], "<i4").tobytes()
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(start) + gzip.compress(bytes(1 << 24)) * 70)
    tracemalloc.start()
    try:
        with pytest.raises(FileError, match=r"claims that the voxels begin after 1\.07e\+09 bytes"):
            load_file(tmp_path / "a.nii.gz", EVIDENCE)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 50e6
