"""One liver as label map, interface mesh and STL folder, and in every order of axes, is one liver."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

import block_liver as blocks
import solids
import written_formats as written
from flrsim.case_file import load_case, load_file
from flrsim.errors import FileError, GeometryError
from flrsim.evidence import load_evidence
from flrsim.io.frames import RAS_TO_LPS, sha256, to_lps_mm
from flrsim.io.nifti import read_label_map, write_label_map
from flrsim.io.surfaces import closed_surfaces, read_raw_surface, write_closed_surface
from flrsim.io.vtp import read_interface_mesh, write_interface_mesh
from flrsim.meshing import mesh_from_labels
from flrsim.phantom import Lesion, make_phantom
from flrsim.staging import stage_plans
from flrsim.volumetry import measure

NAMES = ("outside", *(f"S{i}" for i in range(1, 9)))
PLANS = """
[[plan]]
name = "wedge"
[[plan.step]]
day = 0
operate = { wedge = ["L1"], margin_mm = 5 }

[[plan]]
name = "right"
[[plan.step]]
day = 0
operate = { resect = "right_hepatectomy" }
"""


def closed_surface(raw, *, name, frame, unit):
    """Return one raw surface, placed, as a closed mesh."""
    meshes, _ = closed_surfaces({name: raw.placed(frame=frame, unit=unit)}, source=raw.source)
    return meshes[name]


@pytest.fixture(scope="module")
def evidence():
    return load_evidence()


@pytest.fixture(scope="module")
def liver():
    """A phantom with one lesion over the border of S5 and S8, sampled at 2 mm."""
    phantom = make_phantom(4)
    points = np.random.default_rng(0).uniform(*phantom.bounds(), (40_000, 3))
    label = phantom.segment_at(points)
    between = 0.5 * (points[label == 5].mean(axis=0) + points[label == 8].mean(axis=0))
    lesion = Lesion("L1", tuple(float(x) for x in between), (15.0, 14.0, 13.0))
    return phantom.with_lesions((lesion,)).label_grids((2.0, 2.0, 2.5))


def case_folder(root, lines):
    root.mkdir()
    (root / "case.toml").write_text('[case]\nid = "one"\n\n[anatomy]\n' + "\n".join(lines) + "\n" + PLANS)
    return root


@pytest.fixture(scope="module")
def formats(liver, tmp_path_factory, evidence):
    root = tmp_path_factory.mktemp("formats")
    a = case_folder(root / "map", ['labelmap = "s.nii.gz"', 'lesions = "l.nii.gz"'])
    write_label_map(a / "s.nii.gz", liver.segments, liver.affine)
    write_label_map(a / "l.nii.gz", liver.lesions, liver.affine)
    segments = mesh_from_labels(liver.segments, liver.affine, NAMES)
    lesion = mesh_from_labels(liver.lesions, liver.affine, ("outside", "L1"))
    b = case_folder(root / "vtp", ['mesh = "s.vtp"', 'lesions = "l.vtp"'])
    write_interface_mesh(b / "s.vtp", segments)
    write_interface_mesh(b / "l.vtp", lesion)
    # In metres and RAS, so that frame and unit are read and not assumed.
    c = case_folder(
        root / "stl", ['mesh = "segments"', 'lesions = "lesions"', 'frame = "RAS"', 'unit = "cm"']
    )
    for folder, mesh in (("segments", segments), ("lesions", lesion)):
        (c / folder).mkdir()
        for region in range(1, len(mesh.names)):
            points, triangles = mesh.region_surface(region)
            write_closed_surface(
                c / folder / f"{mesh.names[region]}.stl", points * [-0.1, -0.1, 0.1], triangles
            )
    out = {}
    for name, folder in (("map", a), ("vtp", b), ("stl", c)):
        case, plans = load_case(folder, evidence)
        out[name] = (case, measure(case, evidence), stage_plans(case, plans, evidence))
    return out


@pytest.mark.parametrize("other", ["vtp", "stl"])
def test_three_formats_of_one_liver_measure_alike(formats, other) -> None:
    want, got = formats["map"][1], formats[other][1]
    assert got.tlv_ml == pytest.approx(want.tlv_ml, rel=1e-5)
    assert got.tlv_functional_ml == pytest.approx(want.tlv_functional_ml, rel=1e-5)
    for a, b in zip(got.segments, want.segments, strict=True):
        assert a.name == b.name
        assert a.volume_ml == pytest.approx(b.volume_ml, rel=1e-5)
        assert a.lesion_ml == pytest.approx(b.lesion_ml, rel=1e-5)
    (a,), (b,) = got.lesions, want.lesions
    assert a.volume_ml == pytest.approx(b.volume_ml, rel=1e-5)
    assert a.segments.keys() == b.segments.keys()
    assert len(a.segments) >= 2
    for segment, share in b.segments.items():
        assert a.segments[segment] == pytest.approx(share, abs=0.02)
    assert a.longest_3d_mm == pytest.approx(b.longest_3d_mm, rel=0.01)
    np.testing.assert_allclose(a.centre_mm, b.centre_mm, atol=0.05)
    assert got.contacts_cm2.keys() == want.contacts_cm2.keys()
    assert len(want.contacts_cm2) > 8
    for pair, area in want.contacts_cm2.items():
        assert got.contacts_cm2[pair] == pytest.approx(area, rel=0.03)
    assert got.outer_surface_cm2 == pytest.approx(want.outer_surface_cm2, rel=0.03)


@pytest.mark.parametrize("other", ["vtp", "stl"])
def test_three_formats_of_one_liver_are_operated_alike(formats, other) -> None:
    for want, got in zip(formats["map"][2], formats[other][2], strict=True):
        (a,), (b,) = got.operations, want.operations
        assert sum(a.resected_ml.values()) == pytest.approx(sum(b.resected_ml.values()), rel=0.02)
        assert a.transection_cm2 == pytest.approx(b.transection_cm2, rel=0.03)
        assert [f.fate for f in got.fates] == [f.fate for f in want.fates]


def test_the_label_map_is_its_voxels(formats, liver) -> None:
    counts = np.bincount(liver.segments.ravel(), minlength=9)[1:]
    for segment, n in zip(formats["map"][1].segments, counts, strict=True):
        assert segment.volume_ml == pytest.approx(n * 0.01, rel=1e-12)


def test_a_frame_and_unit_that_the_files_contradict_are_told_and_not_used(
    formats, liver, tmp_path, evidence
) -> None:
    folder = case_folder(
        tmp_path / "said", ['mesh = "s.vtp"', 'lesions = "lesions"', 'frame = "RAS"', 'unit = "cm"']
    )
    write_interface_mesh(folder / "s.vtp", mesh_from_labels(liver.segments, liver.affine, NAMES))
    (folder / "lesions").mkdir()
    points, triangles = mesh_from_labels(liver.lesions, liver.affine, ("outside", "L1")).region_surface(1)
    write_closed_surface(folder / "lesions" / "L1.stl", points * [-0.1, -0.1, 0.1], triangles)
    case, _ = load_case(folder, evidence)
    assert [w for w in case.warnings if "states" in w] == [
        's.vtp states frame LPS, and that was read; frame = "RAS" counts only for files that do not say',
        's.vtp states unit mm, and that was read; unit = "cm" counts only for files that do not say',
    ]
    (lesion,), (want,) = case.lesions, formats["map"][0].lesions
    assert lesion.volume_ml == pytest.approx(want.volume_ml, rel=1e-5)
    np.testing.assert_allclose(lesion.centre_mm, want.centre_mm, atol=0.05)
    assert not [w for w in formats["vtp"][0].warnings + formats["stl"][0].warnings if "states" in w]


# ------------------------------------------------------------------------------------------------ orders of the axes


def written_as(path, labels, affine, order, flips):
    """Write an LPS label volume with its axes permuted and flipped; the header tells where each voxel is."""
    import nibabel as nib

    data = labels.transpose(order)
    turned = np.asarray(affine)[:, [*order, 3]].copy()
    for axis, flip in enumerate(flips):
        if flip:
            data = np.flip(data, axis)
            turned[:3, 3] += turned[:3, axis] * (data.shape[axis] - 1)
            turned[:3, axis] *= -1
    image = nib.Nifti1Image(np.ascontiguousarray(data), RAS_TO_LPS @ turned)
    nib.save(image, path)
    return image


ORDERS = [
    (order, flips)
    for k, order in enumerate(itertools.permutations(range(3)))
    for j, flips in enumerate(itertools.product((False, True), repeat=3))
    if (k + j) % 4 == 0 or order == (0, 1, 2)
]


@pytest.mark.parametrize(("order", "flips"), ORDERS)
def test_every_order_of_axes_is_read_as_the_same_voxels(order, flips, tmp_path) -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 9, (5, 7, 6)).astype(np.uint8)
    affine = np.diag([0.75, 1.25, 2.5, 1.0])
    affine[:3, 3] = [-20.5, 31.25, 100.0]
    written_as(tmp_path / "a.nii.gz", labels, affine, order, flips)
    got = read_label_map(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(got.labels, labels)
    np.testing.assert_array_equal(got.affine, affine)
    assert np.linalg.det(got.affine[:3, :3]) > 0


def test_every_order_of_axes_gives_the_same_answer_to_the_last_digit(liver, tmp_path, evidence) -> None:
    # Quarter millimetres are exact in the header's single precision.
    affine = liver.affine.copy()
    affine[:3, 3] = np.round(affine[:3, 3] * 4) / 4
    answers, handed = [], set()
    for order, flips in (
        ((0, 1, 2), (False, False, False)),
        ((0, 1, 2), (True, True, False)),  # RAS
        ((0, 1, 2), (True, False, False)),  # left-handed
        ((2, 0, 1), (False, True, False)),
        ((1, 0, 2), (False, False, True)),
    ):
        folder = tmp_path / str(len(answers))
        folder.mkdir()
        image = written_as(folder / "s.nii.gz", liver.segments, affine, order, flips)
        written_as(folder / "l.nii.gz", liver.lesions, affine, order, flips)
        handed.add(bool(np.linalg.det(image.affine[:3, :3]) > 0))
        table = measure(
            load_file(folder / "s.nii.gz", evidence, lesions=folder / "l.nii.gz"), evidence
        ).to_dict()
        del table["run"]
        answers.append(json.dumps(table))
    assert handed == {True, False}
    assert answers[1:] == answers[:1] * 4


def test_a_turned_grid_keeps_its_turn(tmp_path) -> None:
    labels = np.random.default_rng(1).integers(0, 9, (5, 7, 6)).astype(np.uint8)
    small_turn = np.eye(4)
    small_turn[:2, :2] = [[np.cos(0.2), -np.sin(0.2)], [np.sin(0.2), np.cos(0.2)]]
    affine = small_turn @ solids.centred_affine((1.0, 1.5, 2.0), labels.shape)
    written_as(tmp_path / "a.nii.gz", labels, affine, (1, 2, 0), (True, False, True))
    got = read_label_map(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(got.labels, labels)
    np.testing.assert_allclose(got.affine, affine, atol=1e-3)
    np.testing.assert_allclose(got.spacing_mm, [1.0, 1.5, 2.0], atol=1e-6)


def test_an_interface_mesh_comes_back_from_its_file(tmp_path) -> None:
    labels, affine = solids.cubes_2x2x2(12.5, origin=(10.0, -20.0, 1000.0))
    names = ("outside", *(f"part {i}" for i in range(8)))
    mesh = mesh_from_labels(labels, affine, names)
    write_interface_mesh(tmp_path / "a.vtp", mesh)
    got = read_interface_mesh(tmp_path / "a.vtp", frame=None, unit=None)
    assert got.names == names
    np.testing.assert_array_equal(got.faces, mesh.faces)
    np.testing.assert_array_equal(got.sides, mesh.sides)
    np.testing.assert_allclose(got.points, mesh.points, atol=1e-4)


# ------------------------------------------------------------------------------------------------ every format


def _totalsegmentator(folder):
    written.write_binaries(
        folder / "segments", blocks.segments(), {i: f"liver_segment_{i}" for i in range(1, 9)}
    )
    written.write_binaries(folder / "lesions", blocks.lesions(), {1: "L1", 2: "L2"})
    return ['labelmap = "segments"', 'lesions = "lesions"']


def _multilabel(folder):
    names = {i: f"liver_segment_{i}" for i in range(1, 9)}
    written.write_multilabel(folder / "s.nii.gz", blocks.segments(), names)
    written.write_multilabel(folder / "l.nii.gz", blocks.lesions(), {1: "L1", 2: "L2"})
    return ['labelmap = "s.nii.gz"', 'lesions = "l.nii.gz"']


def _seg_nrrd(folder):
    names = [(f"Segment {i}", 0, i) for i in range(1, 9)] + [("L1", 1, 1), ("L2", 1, 2)]
    written.write_seg_nrrd(folder / "s.seg.nrrd", [blocks.segments(), blocks.lesions()], names)
    return ['labelmap = "s.seg.nrrd"', 'lesions = "s.seg.nrrd"']


def _plain_nrrd(folder):
    written.write_seg_nrrd(folder / "s.nrrd", [blocks.segments()], [])
    written.write_seg_nrrd(folder / "l.nrrd", [blocks.lesions()], [], encoding="raw")
    return ['labelmap = "s.nrrd"', 'lesions = "l.nrrd"']


def _surface_folders(suffix):
    def write(folder):
        written.write_surface_files(folder / "s", written.segment_surfaces(), suffix)
        written.write_surface_files(folder / "l", written.lesion_surfaces(), suffix)
        return ['mesh = "s"', 'lesions = "l"', 'frame = "LPS"', 'unit = "mm"']

    return write


def _table(folder):
    suffixes = {"S1": ".stl", "S2": ".ply", "S3": ".obj", "S4": ".vtp", "S5": ".glb", "S6": ".stl"}
    for name, surface in written.segment_surfaces().items():
        written.write_surface_files(folder, {name: surface}, suffixes.get(name, ".ply"))
    written.write_surface_files(folder, written.lesion_surfaces(), ".vtp")
    lines = ['frame = "LPS"', 'unit = "mm"', "", "[anatomy.meshes]"]
    lines += [f'S{i} = "S{i}{suffixes.get(f"S{i}", ".ply")}"' for i in range(1, 9)]
    return [*lines, "", "[anatomy.lesions]", 'L1 = "L1.vtp"', 'L2 = "L2.vtp"']


def _one_file(write, name, *lines):
    def one(folder):
        write(folder / name, written.segment_surfaces() | written.lesion_surfaces())
        return [f'mesh = "{name}"', f'lesions = "{name}"', *lines]

    return one


FORMATS = {
    "TotalSegmentator folder": _totalsegmentator,
    "TotalSegmentator multilabel": _multilabel,
    "seg.nrrd": _seg_nrrd,
    "nrrd": _plain_nrrd,
    "folder of STL": _surface_folders(".stl"),
    "folder of PLY": _surface_folders(".ply"),
    "folder of OBJ": _surface_folders(".obj"),
    "folder of VTP": _surface_folders(".vtp"),
    "folder of GLB": _surface_folders(".glb"),
    "table of five formats": _table,
    "OBJ with objects": _one_file(written.write_obj, "all.obj", 'frame = "LPS"', 'unit = "mm"'),
    "GLB with nodes": _one_file(lambda p, s: written.write_glb(p, s, shift_m=0.25), "all.glb"),
    "VTM": _one_file(lambda p, s: written.write_vtm(p, s, {"space": "LPS", "unit": "mm"}), "all.vtm"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_liver_through_every_format(name, tmp_path, evidence) -> None:
    folder = tmp_path / "case"
    folder.mkdir()
    lines = FORMATS[name](folder)
    (folder / "case.toml").write_text('[case]\nid = "one"\n\n[anatomy]\n' + "\n".join(lines) + "\n")
    case, _ = load_case(folder, evidence)
    counts = np.bincount(blocks.segments().ravel(), minlength=9)
    true = {f"S{i}": counts[i] * 0.125 for i in range(1, 9)}
    assert case.segment_ml == pytest.approx(true, rel=1e-5)
    assert [les.name for les in case.lesions] == ["L1", "L2"]
    for label, lesion in enumerate(case.lesions, start=1):
        mask = blocks.lesions() == label
        assert lesion.volume_ml == pytest.approx(np.count_nonzero(mask) * 0.125, rel=1e-5)
        inside = np.bincount(blocks.segments()[mask], minlength=9) / np.count_nonzero(mask)
        shares = {"outside" if k == 0 else f"S{k}": s for k, s in enumerate(inside) if s}
        assert lesion.segments.keys() == shares.keys()
        assert dict(lesion.segments) == pytest.approx(shares, abs=0.02)
        centre = np.argwhere(mask).mean(axis=0) @ blocks.lps_affine()[:3, :3] + blocks.ORIGIN
        np.testing.assert_allclose(lesion.centre_mm, centre, atol=0.05)


# ------------------------------------------------------------------------------------------------ surfaces, unjudged


BALL = solids.icosphere(20.0, 2)
AT = np.array([10.0, -30.0, 50.0])
"""Left, anterior, superior: no two axes alike, so that a frame read wrongly is seen."""


@pytest.mark.parametrize("suffix", [".stl", ".ply", ".obj", ".vtp", ".vtm", ".glb"])
def test_every_surface_format_is_read_as_it_was_written(suffix, tmp_path) -> None:
    ball = {"ball": (BALL.points + AT, BALL.faces)}
    path = tmp_path / f"ball{suffix}"
    if suffix == ".vtm":
        written.write_vtm(path, ball)
    else:
        written.write_surface_files(tmp_path, ball, suffix)
    raw = read_raw_surface(path)
    assert (raw.part_names, raw.sides, raw.source) == (("ball",), None, path.name)
    assert (raw.frame, raw.unit) == (("glTF", "m") if suffix == ".glb" else (None, None))
    assert len(raw.faces) == len(BALL.faces)
    if suffix == ".glb":
        # The left is +X, the head +Y, the front +Z.
        np.testing.assert_allclose(raw.points.mean(axis=0), [0.010, 0.050, 0.030], atol=1e-6)
    measures = closed_surface(raw, name="ball", frame="LPS", unit="mm").measure()
    assert measures.volume_ml[1] == pytest.approx(BALL.measure().volume_ml[1], rel=1e-5)
    assert measures.volume_ml[1] > 0
    np.testing.assert_allclose(measures.centroid_mm[1], AT, atol=1e-3)


def test_surfaces_in_the_axes_of_gltf_are_turned_never_mirrored() -> None:
    for frame in ("LPS", "RAS", "glTF"):
        axes = to_lps_mm(np.eye(3), frame=frame, unit="mm")
        assert np.linalg.det(axes) == pytest.approx(1.0)
    left, head, front = to_lps_mm(np.eye(3), frame="glTF", unit="mm")
    np.testing.assert_array_equal([left, head, front], [[1, 0, 0], [0, 0, 1], [0, -1, 0]])


def test_a_gltf_node_that_mirrors_turns_its_triangles_round(tmp_path) -> None:
    import trimesh

    # The mesh is the mirror image and faces out; the node mirrors it back, and by the standard it still faces out.
    mirrored = trimesh.Trimesh((BALL.points + AT) / 1000.0 * [-1, 1, 1], BALL.faces[:, ::-1], process=False)
    assert mirrored.volume > 0
    scene = trimesh.Scene()
    scene.add_geometry(mirrored, node_name="ball", transform=np.diag([-1.0, 1.0, 1.0, 1.0]))
    scene.export(tmp_path / "ball.glb")
    measures = closed_surface(
        read_raw_surface(tmp_path / "ball.glb"), name="ball", frame=None, unit=None
    ).measure()
    assert measures.volume_ml[1] == pytest.approx(BALL.measure().volume_ml[1], rel=1e-5)


def test_broken_geometry_is_read_whole_and_refused_only_when_judged(tmp_path) -> None:
    points = BALL.points.copy()
    points[3] = np.nan
    faces = BALL.faces[5:]
    written.write_surface_files(tmp_path, {"ball": (points, faces)}, ".vtp")
    raw = read_raw_surface(tmp_path / "ball.vtp")
    assert (len(raw.faces), np.isnan(raw.points).any(axis=1).sum()) == (len(faces), 1)
    with pytest.raises(GeometryError, match=r"1 of 162 points is not a finite number"):
        closed_surface(raw, name="ball", frame="LPS", unit="mm")
    written.write_surface_files(tmp_path, {"open": (BALL.points, faces)}, ".ply")
    raw = read_raw_surface(tmp_path / "open.ply")
    assert len(raw.faces) == len(faces)
    with pytest.raises(GeometryError, match=r'"open" is open \(\d+ boundary edges'):
        closed_surface(raw, name="open", frame="LPS", unit="mm")


def test_triangles_and_quads_in_one_file_are_read_as_triangles(tmp_path) -> None:
    import pyvista as pv

    box = solids.box((0, 0, 0), (10, 20, 30))
    split = [[3, *box.faces[0][[0, 1, 2]]], [3, *box.faces[0][[0, 2, 3]]]]
    cells = np.concatenate([*split, *([4, *f] for f in box.faces[1:])])
    pv.PolyData(box.points, faces=cells).save(tmp_path / "box.vtp")
    raw = read_raw_surface(tmp_path / "box.vtp")
    assert raw.faces.shape == (12, 3)
    measures = closed_surface(raw, name="box", frame="RAS", unit="cm").measure()
    assert measures.volume_ml[1] == pytest.approx(6000.0)
    np.testing.assert_allclose(measures.centroid_mm[1], [-50.0, -100.0, 150.0])


def test_blocks_of_a_vtm_file_count_in_its_checksum(tmp_path) -> None:
    file = written.write_vtm(tmp_path / "a.vtm", {"S1": (BALL.points, BALL.faces)})
    before = sha256(file)
    written.write_vtm(tmp_path / "a.vtm", {"S1": (BALL.points + 1.0, BALL.faces)})
    assert sha256(file) != before


def test_regions_that_are_no_segments_are_left_out_of_an_interface_mesh(tmp_path, evidence) -> None:
    labels = blocks.segments()
    labels[:3] = 9
    points, quads, sides = blocks.walls(labels)
    names = ["outside", *(f"Couinaud {i}" for i in range(1, 9)), "spleen"]
    blocks.write_vtp(
        tmp_path / "a.vtp",
        points,
        quads,
        sides,
        stated={"space": "LPS", "unit": "mm", "region_names": names},
    )
    case = load_file(tmp_path / "a.vtp", evidence)
    counts = np.bincount(labels.ravel())
    assert case.segment_ml == pytest.approx({f"S{i}": counts[i] * 0.125 for i in range(1, 9)}, rel=1e-5)
    assert "a.vtp: not read as segments: spleen" in case.warnings


def test_real_label_maps_have_the_volumes_of_their_voxels(data_folder) -> None:
    folder = data_folder / "3Dircadb-1"
    facts = json.loads((folder / "facts.json").read_text())
    volume = read_label_map(folder / "segments.nii.gz")
    counts = np.bincount(volume.labels.ravel(), minlength=9)[1:]
    for label, ml in facts["segment_mL_true"].items():
        assert counts[int(label) - 1] * volume.voxel_ml == pytest.approx(ml, rel=1e-3)


def test_a_lesion_that_reaches_out_of_the_livers_grid_keeps_all_it_has(tmp_path, evidence) -> None:
    blocks.write_vtp(
        tmp_path / "s.vtp", *blocks.walls(blocks.segments()), stated={"space": "LPS", "unit": "mm"}
    )
    labels = blocks.segments()
    # At the left end of the liver: half of the ball lies beyond the box that holds the liver.
    end = np.argwhere(labels > 0)[:, 0].max()
    tip = np.argwhere(labels[end] > 0).mean(axis=0)
    centre = np.array([end, *tip]) * blocks.SPACING + blocks.ORIGIN
    ball = solids.icosphere(25.0, 3)
    written.write_surface_files(tmp_path, {"tip": (ball.points + centre, ball.faces)}, ".stl")
    (tmp_path / "case.toml").write_text(
        '[case]\nid = "one"\n\n[anatomy]\nmesh = "s.vtp"\nframe = "LPS"\nunit = "mm"\n\n'
        '[anatomy.lesions]\nL1 = "tip.stl"\n\n[anatomy.accept]\nlesions_outside = ["L1"]\n'
    )
    case, _ = load_case(tmp_path, evidence)
    points = np.random.default_rng(3).uniform(-25, 25, (200_000, 3))
    points = points[np.linalg.norm(points, axis=1) < 25] + centre
    index = np.rint((points - blocks.ORIGIN) / blocks.SPACING).astype(int)
    index = np.minimum(index, np.array(labels.shape) - 1)
    outside = float((labels[tuple(index.T)] == 0).mean())
    assert 0.3 < outside < 0.8
    (lesion,) = case.lesions
    assert lesion.segments["outside"] == pytest.approx(outside, abs=0.02)
    assert lesion.volume_ml == pytest.approx(ball.measure().volume_ml[1], rel=1e-6)
    assert lesion.longest_3d_mm == pytest.approx(50.0, abs=6.0)


def test_triangles_that_the_library_leaves_unread_are_missed(tmp_path) -> None:
    """trimesh skips a corner that is no number, and does not miss the faces of a text that was cut off."""
    facet = " facet normal 0 0 1\n outer loop\n vertex 0 0 5\n vertex 1 0 5\n vertex 0 1 {}\n endloop\n endfacet\n"
    text = "".join(f"solid {n}\n{facet.format(z)}endsolid {n}\n" for n, z in (("one", 5), ("two", "nan")))
    (tmp_path / "a.stl").write_text(text)
    with pytest.raises(FileError, match=r"a\.stl is truncated or damaged: 1 of its 2 faces cannot be read"):
        read_raw_surface(tmp_path / "a.stl")
    import trimesh

    ball = trimesh.Trimesh(BALL.points, BALL.faces, process=False)
    whole = trimesh.exchange.ply.export_ply(ball, encoding="ascii")
    (tmp_path / "a.ply").write_bytes(b"\n".join(whole.split(b"\n")[:-11]))
    with pytest.raises(
        FileError, match=r"a\.ply is truncated or damaged: \d+ of its 320 faces cannot be read"
    ):
        read_raw_surface(tmp_path / "a.ply")
