"""``case.toml``: what each key does, on a liver of blocks."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flrsim.case import LiverCase
from flrsim.case_file import is_case, load_case, load_file
from flrsim.errors import AnatomyError, CaseError, FileError, FlrsimError, GeometryError
from flrsim.evidence import load_evidence
from flrsim.legality import patient_of
from flrsim.patient import LiverCondition
from flrsim.plan import Occlude, Operate, Scan
from flrsim.resection.plane import Plane
from flrsim.resection.territory import territories
from flrsim.staging import course_of, stage_plans

sys.path.insert(0, str(Path(__file__).parents[1]))
import block_liver as blocks
from block_liver import CASE

EVIDENCE = load_evidence()


def load(folder: Path) -> LiverCase:
    return load_case(folder, EVIDENCE)[0]


def with_accept(text: str) -> str:
    return CASE.replace("[patient]", f"[anatomy.accept]\n{text}\n\n[patient]")


@pytest.fixture
def true_ml() -> dict[str, float]:
    counts = np.bincount(blocks.segments().ravel(), minlength=9)
    return {f"S{i}": counts[i] * 0.125 for i in range(1, 9)}


def test_everything_in_the_file_reaches_the_case(tmp_path: Path, true_ml: dict[str, float]) -> None:
    text = (
        CASE.replace("[patient]", "scan_day = -14\n\n[patient]")
        + '\n[patient.liver]\nsteatosis_fraction = 0.35\nfibrosis = "F1"\n'
    )
    case, plans = load_case(blocks.write_case(tmp_path, text), EVIDENCE)
    assert (case.name, case.scan_day) == ("blocks", -14)
    assert case.segment_ml == pytest.approx(true_ml, rel=1e-12)
    assert [les.name for les in case.lesions] == ["L1", "L2"]
    lesions = np.bincount(blocks.lesions().ravel())
    assert [les.volume_ml for les in case.lesions] == pytest.approx(lesions[1:] * 0.125)
    assert case.lesion("L2").segments == {"S2": 1.0}
    patient = case.patient
    assert patient is not None
    assert (patient.sex, patient.age, patient.height_cm, patient.weight_kg) == ("male", 57, 174, 78)
    assert (patient.liver.steatosis_fraction, patient.liver.fibrosis, patient.liver.icg_r15) == (
        0.35,
        "F1",
        None,
    )
    assert [(t.regimen, t.cycles, t.last_dose_day) for t in case.history] == [("FOLFOX", 6, -42)]
    assert [p.name for p in plans] == ["right", "two-stage"]
    assert [(s.day, s.action) for s in plans[1].steps] == [
        (0, Operate((), ("L2",), 5.0)),
        (14, Occlude("pve", ("right",))),
        (42, Scan(None)),
        (45, Operate(("right_hepatectomy",))),
    ]
    assert set(case.inputs_sha256) == {"case.toml", "segments.nii.gz", "lesions.nii.gz"}


def test_a_plan_may_date_the_images_itself_and_its_course_follows(tmp_path: Path) -> None:
    text = (
        CASE
        + """
[[plan]]
name = "treat first"
scan_day = -90
[[plan.step]]
day = -84
treat = { regimen = "FOLFOX", cycles = 4 }
[[plan.step]]
day = 0
operate = { resect = "right_hepatectomy" }
"""
    )
    case, plans = load_case(blocks.write_case(tmp_path, text), EVIDENCE)
    assert [p.scan_day for p in plans] == [None, None, -90]
    staged = stage_plans(case, plans, EVIDENCE)
    courses = [course_of(case, s, tlv_functional_ml=1500.0, measurement_sd_fraction=0.0) for s in staged]
    assert [c.scan_day for c in courses] == [case.scan_day, case.scan_day, -90]


BIOPSY = "\n[patient.liver]\nsos_grade = 2\nbiopsy_day = -50\n"


def test_a_biopsy_has_a_day_that_moves_with_the_images_of_a_plan(tmp_path: Path) -> None:
    case, plans = load_case(blocks.write_case(tmp_path, CASE + BIOPSY), EVIDENCE)
    assert case.patient is not None
    assert case.patient.liver.biopsy_day == -50
    assert patient_of(plans[0], case) == case.patient
    earlier = patient_of(replace(plans[0], scan_day=case.scan_day - 30), case)
    assert earlier is not None
    assert earlier.liver.biopsy_day == -80
    assert earlier.liver.sos_grade == 2
    undated = replace(case, patient=replace(case.patient, liver=LiverCondition(sos_grade=2)))
    assert patient_of(replace(plans[0], scan_day=-90), undated) == undated.patient


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("biopsy_day = 3", "patient.liver.biopsy_day: is 3; it must be at most 0"),
        ("biopsy_day = -4000", "patient.liver.biopsy_day: is -4000; it must be at least -3650"),
        ("biopsy_day = 1.5", "patient.liver.biopsy_day: is 1.5; it must be a whole number"),
    ],
)
def test_an_impossible_day_of_a_biopsy_is_refused(tmp_path: Path, wrong: str, said: str) -> None:
    text = CASE + BIOPSY.replace("biopsy_day = -50", wrong)
    with pytest.raises(CaseError) as refused:
        load_case(blocks.write_case(tmp_path, text), EVIDENCE)
    assert said in str(refused.value)


def test_a_day_of_a_biopsy_without_a_finding_is_refused(tmp_path: Path) -> None:
    text = CASE + BIOPSY.replace("sos_grade = 2\n", "")
    with pytest.raises(
        CaseError, match="biopsy_day is the day of a finding and none is given; give sos_grade"
    ):
        load_case(blocks.write_case(tmp_path, text), EVIDENCE)


def test_a_case_is_a_toml_file_or_the_folder_that_holds_one(tmp_path: Path) -> None:
    folder = blocks.write_case(tmp_path / "a")
    assert is_case(folder)
    assert is_case(folder / "case.toml")
    assert not is_case(folder / "segments.nii.gz")
    assert not is_case(tmp_path)
    assert load(folder).segment_ml == load(folder / "case.toml").segment_ml


def test_labels_may_be_named(tmp_path: Path, true_ml: dict[str, float]) -> None:
    text = CASE.replace("[patient]", '[anatomy.labels]\n28 = "liver_segment_8"\n27 = "VII"\n\n[patient]')
    folder = blocks.write_case(tmp_path, text)
    labels = blocks.segments()
    labels[labels == 8] = 28
    labels[labels == 7] = 27
    blocks.write_nifti(folder / "segments.nii.gz", labels)
    assert load(folder).segment_ml == pytest.approx(true_ml, rel=1e-12)


def test_a_vouched_spacing_replaces_the_headers_for_all_files(
    tmp_path: Path, true_ml: dict[str, float]
) -> None:
    folder = blocks.write_case(tmp_path, with_accept("spacing_mm = [5, 5, 5]"))
    for name, data in (("segments", blocks.segments()), ("lesions", blocks.lesions())):
        blocks.write_nifti(folder / f"{name}.nii.gz", data, blocks.lps_affine((1.0, 1.0, 1.0)))
    case = load(folder)
    assert case.segment_ml == pytest.approx(true_ml, rel=1e-9)
    assert case.accepted.sentences() == ("accepted by hand: voxel size 5 × 5 × 5 mm",)


def test_a_vouched_mirror_image_is_read_the_right_way_round(
    tmp_path: Path, true_ml: dict[str, float]
) -> None:
    plain = load(blocks.write_case(tmp_path / "plain"))
    folder = blocks.write_case(tmp_path / "mirrored", with_accept("mirrored = true"))
    for name, data in (("segments", blocks.segments()), ("lesions", blocks.lesions())):
        blocks.write_nifti(folder / f"{name}.nii.gz", np.ascontiguousarray(data[::-1]))
    case = load(folder)
    assert case.segment_ml == pytest.approx(true_ml, rel=1e-12)
    for lesion in plain.lesions:
        # The lesion turns with its liver: same segment, same place.
        assert case.lesion(lesion.name).segments == lesion.segments
        assert case.lesion(lesion.name).centre_mm == pytest.approx(lesion.centre_mm, abs=1e-6)


def test_vouching_for_a_mirror_image_leaves_a_sound_map_alone(tmp_path: Path) -> None:
    plain = load(blocks.write_case(tmp_path / "plain"))
    vouched = load(blocks.write_case(tmp_path / "vouched", with_accept("mirrored = true")))
    assert vouched.lesion("L1").centre_mm == plain.lesion("L1").centre_mm


def test_a_vouched_grid_puts_shifted_lesions_back(tmp_path: Path) -> None:
    affine = blocks.lps_affine()
    affine[1, 3] += 300.0
    folder = blocks.write_case(tmp_path, with_accept("same_grid = true"))
    blocks.write_nifti(folder / "lesions.nii.gz", blocks.lesions(), affine)
    assert load(folder).lesion("L2").segments == {"S2": 1.0}
    (folder / "case.toml").write_text(CASE)
    with pytest.raises(GeometryError, match=r"the origins are 300 mm apart"):
        load(folder)


def test_a_missing_segment_and_a_lesion_outside_are_accepted_by_name_only(tmp_path: Path) -> None:
    labels = blocks.segments()
    labels[labels == 2] = 0
    for i, text in enumerate(
        (
            'missing_segments = ["S2"]',
            'lesions_outside = ["L2"]',
            'missing_segments = ["S2"]\nlesions_outside = ["L2"]',
        )
    ):
        folder = blocks.write_case(
            tmp_path / str(i),
            with_accept(text)
            .replace('wedge = ["L2"], margin_mm = 5', 'resect = "S6"')
            .replace("right_hepatectomy", "H58"),
        )
        toml = (folder / "case.toml").read_text().replace('portal = ["right"]', 'portal = ["right_anterior"]')
        (folder / "case.toml").write_text(toml)
        blocks.write_nifti(folder / "segments.nii.gz", labels)
        if i < 2:
            with pytest.raises(AnatomyError, match=(r"100 % of L2", r"S2 is missing")[i]):
                load(folder)
            continue
        case = load(folder)
        assert "S2" not in case.grid.segments
        lesion = case.lesion("L2")
        assert lesion.outside_ml == pytest.approx(lesion.volume_ml)
        assert sum(case.segment_ml.values()) == pytest.approx(np.count_nonzero(labels) * 0.125)


def test_a_binary_lesion_map_is_split_by_falling_volume_and_specks_are_named(tmp_path: Path) -> None:
    folder = blocks.write_case(tmp_path)
    both = (blocks.lesions() > 0).astype(np.uint8)
    blocks.write_nifti(folder / "lesions.nii.gz", both)
    case = load(folder)
    volumes = [les.volume_ml for les in case.lesions]
    assert [les.name for les in case.lesions] == ["L1", "L2"]
    assert volumes == sorted(volumes, reverse=True)
    assert case.lesion("L2").segments == {"S2": 1.0}


def test_surfaces_one_file_a_structure_give_the_volumes_of_the_map(
    tmp_path: Path, true_ml: dict[str, float]
) -> None:
    blocks.write_stl_folder(tmp_path, scale=0.1)
    names = "\n".join(f'{"segment_" if i % 2 else "S"}{i} = "S{i}.stl"' for i in range(1, 9))
    (tmp_path / "case.toml").write_text(
        f'[case]\nid = "stl"\n\n[anatomy]\nframe = "LPS"\nunit = "cm"\n\n[anatomy.meshes]\n{names}\n\n'
        '[anatomy.lesions]\nmetastasis = "tumour.stl"\n'
    )
    lesion = blocks.walls(blocks.lesions() == 2)
    quads = np.where(lesion[2][:, :1] == 0, lesion[1][:, ::-1], lesion[1])
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    blocks.write_stl(tmp_path / "tumour.stl", lesion[0] * 0.1, triangles)
    case = load(tmp_path)
    assert case.segment_ml == pytest.approx(true_ml, rel=1e-5)
    (tumour,) = case.lesions
    assert tumour.name == "metastasis"
    assert tumour.volume_ml == pytest.approx(np.count_nonzero(blocks.lesions() == 2) * 0.125, rel=1e-5)
    assert tumour.segments == {"S2": pytest.approx(1.0)}


def test_a_frame_is_believed(tmp_path: Path, true_ml: dict[str, float]) -> None:
    points, quads, sides = blocks.walls(blocks.segments())
    ras = blocks.write_vtp(
        tmp_path / "ras.vtp", points * (-1, -1, 1), quads, sides, stated={"space": "RAS", "unit": "mm"}
    )
    assert load_file(ras, EVIDENCE).segment_ml == pytest.approx(true_ml, rel=1e-6)


def test_mirroring_cannot_be_accepted_for_a_mesh(tmp_path: Path) -> None:
    points, quads, sides = blocks.walls(blocks.segments())
    blocks.write_vtp(tmp_path / "liver.vtp", points * (-1, 1, 1), quads[:, ::-1], sides)
    (tmp_path / "case.toml").write_text(
        '[case]\nid = "m"\n[anatomy]\nmesh = "liver.vtp"\nframe = "LPS"\nunit = "mm"\n[anatomy.accept]\nmirrored = true\n'
    )
    with pytest.raises(
        CaseError, match=r"anatomy\.accept\.mirrored is for label maps; a mirrored mesh has the wrong frame"
    ):
        load(tmp_path)


def test_several_problems_are_said_at_once_and_the_rest_counted(tmp_path: Path) -> None:
    text = CASE.replace("age = 57", "age = 7\nx = 1\ny = 2\nz = 3").replace('sex = "male"', 'sex = "m"')
    with pytest.raises(CaseError) as error:
        load(blocks.write_case(tmp_path, text))
    assert str(error.value) == (
        'case.toml: patient.sex: is "m"; it must be "female" or "male"; patient.age: is 7; it must be at least 18; '
        "patient.x: unknown key; check its spelling; and 2 more"
    )


def test_centrelines_reach_the_case_and_give_territories(tmp_path: Path) -> None:
    text = CASE.replace("[patient]", 'hepatic_centrelines = "veins.csv"\n\n[patient]', 1)
    folder = blocks.write_case(tmp_path, text)
    # One vein in each half of the blocks: what lies nearer to the left one drains there.
    lines = [
        f"{name},{x},{y},{z}"
        for name, x in (("left", 0), ("right", -80))
        for y, z in ((-60, 200), (-10, 150))
    ]
    (folder / "veins.csv").write_text("branch,left_mm,posterior_mm,superior_mm\n" + "\n".join(lines) + "\n")
    case = load(folder)
    assert set(case.centrelines) == {"hepatic_vein"}
    assert "veins.csv" in case.inputs_sha256
    found = territories(case, "hepatic_vein")
    x = np.argwhere(case.grid.liver) @ case.grid.affine[:3, :3].T + case.grid.affine[:3, 3]
    name = np.array(found.names)[found.labels[case.grid.liver]]
    caudate = name == "inferior vena cava"
    assert (case.grid.segment_labels[case.grid.liver][caudate] == 1).all()
    assert (name[~caudate & (x[:, 0] > -37.5)] == "left").all()
    assert (name[~caudate & (x[:, 0] < -42.5)] == "right").all()
    (folder / "veins.csv").unlink()
    with pytest.raises(FileError, match=r"hepatic_centrelines = 'veins.csv': no such file"):
        load(folder)


# -------------------------------------------------------------------------------------- planes, ablations and sheets

ACROSS = """
[[plan]]
name = "{name}"
[[plan.step]]
day = 0
operate = {operate}
"""


def with_operation(operate: str, name: str = "drawn") -> str:
    return CASE + ACROSS.format(name=name, operate=operate)


def flat_sheet(x: float) -> tuple[np.ndarray, np.ndarray]:
    """Return two triangles across the block liver at one x, LPS mm."""
    points = np.array([[x, -200, -50], [x, 100, -50], [x, 100, 350], [x, -200, 350]], float)
    return points, np.array([[0, 1, 2], [0, 2, 3]])


def test_planes_and_ablations_reach_the_plan(tmp_path: Path) -> None:
    text = with_operation(
        '{ plane = [{ point_mm = [-60, 0, 150], normal = [-1, 0, 0.5] }], within = ["S5", "S6"], '
        'ablate = ["L2"], ablation_margin_mm = 5 }'
    )
    _, plans = load_case(blocks.write_case(tmp_path, text), EVIDENCE)
    assert plans[-1].steps[0].action == Operate(
        ablate=("L2",),
        ablation_margin_mm=5.0,
        plane=(Plane((-60.0, 0.0, 150.0), (-1.0, 0.0, 0.5)),),
        within=("S5", "S6"),
    )


@pytest.mark.parametrize("suffix", [".stl", ".ply", ".obj", ".vtp"])
def test_a_sheet_file_is_an_input_and_the_same_in_every_format(tmp_path: Path, suffix: str) -> None:
    points, faces = flat_sheet(-51.5)
    ras = points * [-1, -1, 1]
    name = f"cut{suffix}"
    text = with_operation(
        f'{{ sheet = [{{ file = "{name}", frame = "RAS", unit = "mm", goes = [-120, -40, 150] }}] }}'
    )
    folder = blocks.write_case(tmp_path, text)
    if suffix == ".vtp":
        import pyvista as pv

        pv.PolyData.from_regular_faces(ras, faces).save(folder / name)
    else:
        import trimesh

        trimesh.Trimesh(ras, faces, process=False).export(folder / name)
    case, plans = load_case(folder, EVIDENCE)
    assert name in case.inputs_sha256
    (sheet,) = plans[-1].steps[0].action.sheet
    assert sheet.points[:, 0] == pytest.approx([-51.5] * 4)
    assert sorted(map(tuple, sheet.points.round(3).tolist())) == sorted(map(tuple, points.tolist()))
    assert (sheet.goes, sheet.source) == ((-120.0, -40.0, 150.0), name)


def test_a_sheet_may_be_written_as_points_or_as_a_patch(tmp_path: Path) -> None:
    points, faces = flat_sheet(-51.5)
    written = f"points_mm = {points.tolist()}, faces = {faces.tolist()}"
    rows = [[[-51.5, y, z] for z in (-50.0, 80.0, 220.0, 350.0)] for y in (-200.0, -100.0, 0.0, 100.0)]
    both = with_operation(
        f"{{ sheet = [{{ {written}, goes = [-120, -40, 150] }}] }}", "points"
    ) + ACROSS.format(
        name="patch", operate=f"{{ sheet = [{{ bezier_mm = {rows}, goes = [-120, -40, 150] }}] }}"
    )
    _, plans = load_case(blocks.write_case(tmp_path, both), EVIDENCE)
    one, two = (p.steps[0].action.sheet[0] for p in plans[-2:])
    assert one.goes == (-120.0, -40.0, 150.0)
    assert np.ptp(two.points[:, 0]) < 1e-9
    assert one != two
    assert plans[-2] == plans[-2]


@pytest.mark.parametrize(
    ("operate", "sentence"),
    [
        ("{ plane = [{ point_mm = [0, 0, 0], normal = [0, 0, 0] }] }", "the plane has the normal (0, 0, 0), which points nowhere"),
        ("{ plane = [{ point_mm = [0, 0], normal = [0, 0, 1] }] }", "plan.2.step.0.operate.plane.0.point_mm"),
        ("{ plane = [{ point_mm = [900, 0, 0], normal = [1, 0, 0] }] }", "the plane misses the liver: all of it lies on the side that stays"),
        ("{ sheet = [{ file = \"none.stl\", frame = \"LPS\", unit = \"mm\", goes = \"S6\" }] }", 'plan "drawn", day 0: sheet.file = \'none.stl\': no such file'),
        ("{ sheet = [{ file = \"../cut.stl\", goes = \"S6\" }] }", "leaves the case's folder"),
        ("{ sheet = [{ goes = \"S6\" }] }", "no surface given; give exactly one of file, points_mm, bezier_mm"),
        ("{ sheet = [{ points_mm = [[0, 0, 0], [1, 0, 0], [0, 1, 0]], goes = \"S6\" }] }", "points_mm and faces belong together"),
        ("{ sheet = [{ points_mm = [[0, 0, 0], [1, 0, 0], [0, 1, 0]], faces = [[0, 1, 3]], goes = \"S6\" }] }", "a triangle names point 3 of 3; points count from 0"),
        ("{ sheet = [{ points_mm = [[900, 0, 0], [901, 0, 0], [900, 1, 0]], faces = [[0, 1, 2]], goes = \"S6\" }] }", "the sheet does not touch the liver"),
        ("{ ablate = [\"L2\"] }", "an ablation needs its margin"),
        ("{ ablate = [\"L7\"], ablation_margin_mm = 5 }", "lesion L7 is not in the case"),
        ("{ ablate = [\"L2\"], ablation_margin_mm = 5, wedge = [\"L2\"], margin_mm = 5 }", "L2 is both wedged and ablated"),
        ("{ territory = \"portal:S8\" }", "portal"),
    ],
)  # fmt: skip
def test_a_cut_that_cannot_be_made_is_said_with_its_key_or_day(
    tmp_path: Path, operate: str, sentence: str
) -> None:
    with pytest.raises(FlrsimError, match=re.escape(sentence)):
        load_case(blocks.write_case(tmp_path, with_operation(operate)), EVIDENCE)
