"""Label maps as TotalSegmentator and its relatives write them: structures by name, never by the number alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import block_liver as blocks
import written_formats as written
from flrsim.case import LiverCase
from flrsim.case_file import load_case, load_file
from flrsim.errors import AnatomyError, CaseError, FileError, GeometryError
from flrsim.evidence import load_evidence

EVIDENCE = load_evidence()
SEGMENT_NAMES = {i: f"liver_segment_{i}" for i in range(1, 9)}
COUNTS = np.bincount(blocks.segments().ravel(), minlength=9)
TRUE_ML = {f"S{i}": COUNTS[i] * 0.125 for i in range(1, 9)}


def case_of(folder: Path, *lines: str) -> LiverCase:
    (folder / "case.toml").write_text('[case]\nid = "one"\n\n[anatomy]\n' + "\n".join(lines) + "\n")
    return load_case(folder, EVIDENCE)[0]


def tubes() -> np.ndarray:
    """1: a portal vein across, 2: a hepatic vein upward, inside the liver."""
    out = np.zeros(blocks.SHAPE, np.uint8)
    out[8:30, 14:16, 14:16] = 1
    out[20:22, 17:19, 12:28] = 2
    return np.where(blocks.segments() > 0, out, 0).astype(np.uint8)


# ------------------------------------------------------------------------------------------------ one file a structure


def test_a_whole_body_folder_is_read_by_name_and_the_rest_is_said(tmp_path: Path) -> None:
    folder = written.write_binaries(tmp_path / "total", blocks.segments(), SEGMENT_NAMES)
    written.write_binaries(folder, (blocks.segments() > 0).astype(np.uint8), {1: "liver"})
    written.write_binaries(folder, np.roll(blocks.lesions(), 12, axis=1), {1: "spleen", 2: "kidney_left"})
    (folder / "statistics.json").write_text("{}")
    case = load_file(folder, EVIDENCE)
    assert case.segment_ml == pytest.approx(TRUE_ML, rel=1e-12)
    assert "total: not read as segments: kidney_left, liver, spleen" in case.warnings


def test_lesions_and_vessels_of_one_folder_are_told_apart_and_all_lesions_together_are_taken_apart(
    tmp_path: Path,
) -> None:
    written.write_binaries(tmp_path / "segments", blocks.segments(), SEGMENT_NAMES)
    folder = written.write_binaries(
        tmp_path / "vessels", (blocks.lesions() > 0).astype(np.uint8), {1: "liver_tumor"}
    )
    written.write_binaries(folder, (tubes() > 0).astype(np.uint8), {1: "liver_vessels"})
    case = case_of(tmp_path, 'labelmap = "segments"', 'lesions = "vessels"', 'vessels = "vessels"')
    true = np.bincount(blocks.lesions().ravel())[1:] * 0.125
    assert [les.name for les in case.lesions] == ["L1", "L2"]
    assert [les.volume_ml for les in case.lesions] == pytest.approx(sorted(true, reverse=True))
    (vessel,) = case.vessels
    assert (vessel.name, vessel.tree, vessel.branch) == ("unsplit", "unsplit", None)
    assert vessel.volume_ml == pytest.approx(np.count_nonzero(tubes()) * 0.125)
    assert "vessels: not read as lesions: liver_vessels" in case.warnings
    assert "vessels: not read as vessels: liver_tumor" in case.warnings


def test_an_empty_map_is_a_missing_segment(tmp_path: Path) -> None:
    labels = blocks.segments()
    labels[labels == 1] = 0
    folder = written.write_binaries(tmp_path / "s", labels, SEGMENT_NAMES)
    with pytest.raises(AnatomyError, match=r"s: S1 is missing; all eight segments are needed"):
        load_file(folder, EVIDENCE)


def test_a_small_overlap_counts_once_and_a_large_one_is_refused(tmp_path: Path) -> None:
    folder = written.write_binaries(tmp_path / "s", blocks.segments(), SEGMENT_NAMES)
    five = blocks.segments() == 5
    more = five.copy()
    neighbours = np.argwhere(blocks.segments() == 8)[:4]
    more[tuple(neighbours.T)] = True
    blocks.write_nifti(folder / "liver_segment_5.nii.gz", more.astype(np.uint8))
    case = load_file(folder, EVIDENCE)
    # Four voxels of S8 are S5's, which comes first: the liver is as large as before.
    assert sum(case.segment_ml.values()) == pytest.approx(sum(TRUE_ML.values()), rel=1e-12)
    assert case.segment_ml["S5"] == pytest.approx(TRUE_ML["S5"] + 0.5)
    voxels = np.count_nonzero(case.grid.mask(case.grid.ids(segments=["S5"])))
    assert voxels == COUNTS[5] + 4
    assert (
        "s: structures overlap in 0.50 mL; that tissue counts once, in the one named first" in case.warnings
    )
    blocks.write_nifti(folder / "liver_segment_5.nii.gz", (five | (blocks.segments() == 8)).astype(np.uint8))
    with pytest.raises(
        GeometryError, match=r"s: the structures overlap by .* \(most: S8, 100\.0 % of it lies in"
    ):
        load_file(folder, EVIDENCE)


def test_files_of_a_folder_lie_on_one_grid(tmp_path: Path) -> None:
    folder = written.write_binaries(tmp_path / "s", blocks.segments(), SEGMENT_NAMES)
    five = (blocks.segments() == 5).astype(np.uint8)
    blocks.write_nifti(folder / "liver_segment_5.nii.gz", five[:, :, :-1])
    with pytest.raises(
        GeometryError,
        match=r"s: liver_segment_1\.nii\.gz has 42 × 30 × 34 voxels and liver_segment_5\.nii\.gz has 42 × 30 × 33; all",
    ):
        load_file(folder, EVIDENCE)
    shifted = blocks.lps_affine()
    shifted[2, 3] += 2.5
    blocks.write_nifti(folder / "liver_segment_5.nii.gz", five, shifted)
    with pytest.raises(
        GeometryError,
        match=r"liver_segment_5\.nii\.gz lies on another frame than liver_segment_1\.nii\.gz \(their headers differ by 2\.5 mm",
    ):
        load_file(folder, EVIDENCE)


def test_a_file_of_a_folder_holds_one_structure_and_a_structure_has_one_file(tmp_path: Path) -> None:
    folder = written.write_binaries(tmp_path / "s", blocks.segments(), SEGMENT_NAMES)
    blocks.write_nifti(folder / "Couinaud-V.nii.gz", (blocks.segments() == 5).astype(np.uint8))
    with pytest.raises(
        AnatomyError, match=r"s: Couinaud-V\.nii\.gz and liver_segment_5\.nii\.gz are both S5; keep one"
    ):
        load_file(folder, EVIDENCE)
    (folder / "Couinaud-V.nii.gz").unlink()
    blocks.write_nifti(folder / "liver_segment_5.nii.gz", blocks.segments())
    with pytest.raises(
        AnatomyError, match=r"s/liver_segment_5\.nii\.gz holds 8 labels; in a folder each file"
    ):
        load_file(folder, EVIDENCE)
    written.write_surface_files(folder, {"S1": written.surface_of(blocks.segments() == 1)}, ".ply")
    with pytest.raises(
        FileError, match=r"s holds label maps \(liver_segment_1\.nii\.gz …\) and surfaces \(S1\.ply …\)"
    ):
        load_file(folder, EVIDENCE)


# ------------------------------------------------------------------------------------------------ names in an extension


@pytest.mark.parametrize("first", [1, 9, 15, 24])
def test_a_multilabel_map_goes_by_its_names_whatever_the_numbers(first: int, tmp_path: Path) -> None:
    labels = blocks.segments()
    # The first numbers are taken by other organs, as in whole-body sets.
    moved = np.where(labels > 0, labels + first - 1, 0).astype(np.uint8)
    names = {i + first - 1: f"liver_segment_{i}" for i in range(1, 9)}
    if first > 1:
        moved[0:2, 0:2, 0:2] = 1
        names[1] = "spleen"
    written.write_multilabel(tmp_path / "all.nii.gz", moved, names)
    case = load_file(tmp_path / "all.nii.gz", EVIDENCE)
    assert case.segment_ml == pytest.approx(TRUE_ML, rel=1e-12)
    assert ("all.nii.gz: not read as segments: spleen" in case.warnings) == (first > 1)


def test_a_name_outranks_the_number_and_a_persons_word_outranks_the_name(tmp_path: Path) -> None:
    labels = blocks.segments()
    turned = np.where(labels > 0, 9 - labels, 0).astype(np.uint8)
    written.write_multilabel(
        tmp_path / "a.nii.gz", turned, {9 - i: f"liver_segment_{i}" for i in range(1, 9)}
    )
    assert load_file(tmp_path / "a.nii.gz", EVIDENCE).segment_ml == pytest.approx(TRUE_ML, rel=1e-12)
    wrong = {9 - i: f"liver_segment_{i}" for i in range(1, 9)} | {1: "liver_segment_1", 8: "liver_segment_8"}
    written.write_multilabel(tmp_path / "b.nii.gz", turned, wrong)
    case = case_of(tmp_path, 'labelmap = "b.nii.gz"', 'labels = { 1 = "S8", 8 = "S1" }')
    assert case.segment_ml == pytest.approx(TRUE_ML, rel=1e-12)


def test_a_label_that_the_names_leave_out_is_refused(tmp_path: Path) -> None:
    labels = blocks.segments()
    labels[labels == 8] = 9
    written.write_multilabel(tmp_path / "a.nii.gz", labels, SEGMENT_NAMES)
    with pytest.raises(AnatomyError, match=r"a\.nii\.gz names its labels, but not 9: name it in the file"):
        load_file(tmp_path / "a.nii.gz", EVIDENCE)


def test_names_that_say_nothing_are_listed_and_a_table_gives_them_meaning(tmp_path: Path) -> None:
    names = {i: f"part {'ABCDEFGH'[i - 1]}" for i in range(1, 9)}
    written.write_multilabel(tmp_path / "a.nii.gz", blocks.segments(), names)
    with pytest.raises(AnatomyError) as error:
        load_file(tmp_path / "a.nii.gz", EVIDENCE)
    assert str(error.value) == (
        "a.nii.gz names part A, part B, part C, part D, part E, part F, part G, part H: none is a segment; name them "
        'S1 … S8, S4a, S4b in the file, or say in [anatomy.names] which is which, e.g. "part A" = "S5"'
    )
    table = ", ".join(f'"{name}" = "S{i}"' for i, name in names.items())
    case = case_of(tmp_path, 'labelmap = "a.nii.gz"', f"names = {{ {table} }}")
    assert case.segment_ml == pytest.approx(TRUE_ML, rel=1e-12)
    with pytest.raises(
        CaseError, match=r'anatomy\.names names "part X", which no file of the case holds; they hold part'
    ):
        case_of(tmp_path, 'labelmap = "a.nii.gz"', f'names = {{ {table}, "part X" = "S1" }}')


def test_one_map_may_hold_everything(tmp_path: Path) -> None:
    labels, lesions = blocks.segments(), blocks.lesions()
    veins = np.where(lesions > 0, 0, tubes())
    everything = np.where(lesions > 0, lesions + 20, np.where(veins > 0, veins + 30, labels)).astype(np.uint8)
    names = SEGMENT_NAMES | {21: "Tumor 1", 22: "Metastasis 2", 31: "Portal vein", 32: "middle hepatic vein"}
    written.write_multilabel(tmp_path / "all.nii.gz", everything, names)
    written.write_multilabel(tmp_path / "segments.nii.gz", labels, SEGMENT_NAMES)
    case = case_of(
        tmp_path,
        'labelmap = "segments.nii.gz"',
        *(f'{key} = "all.nii.gz"' for key in ("lesions", "portal_vein", "hepatic_vein")),
    )
    assert [les.name for les in case.lesions] == ["Tumor 1", "Metastasis 2"]
    assert [les.volume_ml for les in case.lesions] == pytest.approx(np.bincount(lesions.ravel())[1:] * 0.125)
    assert [(v.name, v.branch) for v in case.vessels] == [
        ("portal_vein", None),
        ("hepatic_vein:middle", "middle"),
    ]
    counts = np.bincount(veins.ravel())
    assert [v.volume_ml for v in case.vessels] == pytest.approx(counts[1:] * 0.125)


def test_a_vessel_file_of_the_other_tree_is_refused(tmp_path: Path) -> None:
    written.write_binaries(tmp_path / "segments", blocks.segments(), SEGMENT_NAMES)
    written.write_multilabel(tmp_path / "v.nii.gz", tubes(), {1: "portal_vein", 2: "portal_vein_left"})
    with pytest.raises(
        AnatomyError, match=r"v\.nii\.gz names portal_vein, portal_vein_left: none is of the hepatic vein"
    ):
        case_of(tmp_path, 'labelmap = "segments"', 'hepatic_vein = "v.nii.gz"')


@pytest.mark.parametrize(
    "table",
    [
        b"<LabelTable><Label Key='x'>a</Label></LabelTable>",
        b"<LabelTable><Label",
        b"<!ENTITY a 'b'><LabelTable/>",
    ],
)
def test_a_damaged_table_of_names_is_refused(table: bytes, tmp_path: Path) -> None:
    import nibabel as nib

    image = nib.Nifti1Image(blocks.segments(), np.diag([-5.0, -5.0, 5.0, 1.0]))
    image.header.extensions.append(nib.nifti1.Nifti1Extension(0, table))
    nib.save(image, tmp_path / "a.nii.gz")
    with pytest.raises(FileError, match=r"a\.nii\.gz: the table of label names in its header cannot be read"):
        load_file(tmp_path / "a.nii.gz", EVIDENCE)


def test_other_extensions_are_left_alone(tmp_path: Path) -> None:
    import nibabel as nib

    image = nib.Nifti1Image(blocks.segments(), np.diag([-1.0, -1.0, 1.0, 1.0]) @ blocks.lps_affine())
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"segmented by hand"))
    nib.save(image, tmp_path / "a.nii.gz")
    assert load_file(tmp_path / "a.nii.gz", EVIDENCE).segment_ml == pytest.approx(TRUE_ML, rel=1e-12)
