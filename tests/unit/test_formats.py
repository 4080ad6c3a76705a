"""One liver as label map, interface mesh and STL folder, and in every order of axes, is one liver."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

import solids
from flrsim.case_file import load_case, load_file
from flrsim.evidence import load_evidence
from flrsim.io.frames import RAS_TO_LPS
from flrsim.io.nifti import read_label_map, write_label_map
from flrsim.io.surfaces import write_closed_surface
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


def test_real_label_maps_have_the_volumes_of_their_voxels(data_folder) -> None:
    folder = data_folder / "3Dircadb-1"
    facts = json.loads((folder / "facts.json").read_text())
    volume = read_label_map(folder / "segments.nii.gz")
    counts = np.bincount(volume.labels.ravel(), minlength=9)[1:]
    for label, ml in facts["segment_mL_true"].items():
        assert counts[int(label) - 1] * volume.voxel_ml == pytest.approx(ml, rel=1e-3)
