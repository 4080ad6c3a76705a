"""The self-audit is green where flrsim is right, and turns red where it is made wrong."""

from __future__ import annotations

import json

import numpy as np
import pytest

from flrsim import mesh
from flrsim.cli import main
from flrsim.doctor import geometry, liver, peers, solids
from flrsim.errors import GeometryError
from flrsim.grid import Pieces
from flrsim.meshing import mesh_from_labels

TOPICS = (
    "analytic solids",
    "IBSI digital phantom",
    "conservation",
    "invariance",
    "plane cuts",
    "mesh to voxels",
    "other libraries",
)


@pytest.fixture(scope="module")
def case():
    return liver.small_liver()


@pytest.fixture(scope="module")
def surface(case):
    """The liver's walls on a grid of half its voxels: several parts of a sum."""
    fine = case.grid.regions.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    found = mesh_from_labels(fine, case.grid.affine, [str(i) for i in range(len(case.grid.table))])
    assert len(found.faces) > 2 * 16_384
    return found


def failed(checks):
    return {check.name for check in checks if check.status == "failed"}


def test_the_certificate_is_green_and_says_what_was_asked(capsys) -> None:
    assert main(["doctor", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["schema"] == "flrsim/doctor/1"
    assert result["sound"] is True
    assert tuple(dict.fromkeys(c["topic"] for c in result["checks"])) == TOPICS
    assert result["failed"] == 0
    assert result["passed"] + result["not_installed"] == len(result["checks"])
    found = {c["name"]: c["found"] for c in result["checks"]}
    # The standard's own numbers to more digits than it prints, from marching cubes.
    assert found["volume of the marching-cubes mesh (RNU0)"] == pytest.approx(1669 / 3, rel=1e-12)
    assert found["area of the marching-cubes mesh (C0JK)"] == pytest.approx(388.07063, rel=1e-7)
    assert found["maximum 3D diameter (L0JK)"] == pytest.approx(13.114877, rel=1e-7)
    for check in result["checks"]:
        assert check["reason"]
        if check["status"] == "passed":
            assert check["error"] <= check["limit"]
    assert result["versions"]["numpy"] == np.__version__
    assert result["machine"]["threads"] >= 1


def test_a_wrong_factor_turns_the_certificate_red(capsys, monkeypatch) -> None:
    right = mesh.integrate

    def wrong(*args, **options):
        volume, moment, vector, contact = right(*args, **options)
        return volume * 1.00001, moment, vector, contact

    monkeypatch.setattr(mesh, "integrate", wrong)
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "NOT SOUND" in said
    assert "✗   tetrahedron, volume" in said
    assert "✗ analytic solids, tetrahedron, volume: the solid's volume is a formula" in said
    assert "✓   volume of voxels (YEKZ)" in said


def test_wrong_areas_and_moments_are_found(monkeypatch) -> None:
    right, second = mesh.integrate, mesh.integrate_second

    def wrong(*args, **options):
        volume, moment, vector, contact = right(*args, **options)
        return volume, moment, vector, 1.01 * contact

    monkeypatch.setattr(mesh, "integrate", wrong)
    monkeypatch.setattr(mesh, "integrate_second", lambda *a, **k: 1.0001 * second(*a, **k))
    assert failed(geometry.solids()) == {
        "cube cut in eight, a wall between two",
        "box far from the origin, inertia",
    }


def test_a_volume_that_depends_on_place_threads_or_names_is_found(monkeypatch, surface) -> None:
    right = mesh.integrate

    def wrong(points, faces, sides, n_regions, origin, *, threads=None):
        volume, moment, vector, contact = right(points, faces, sides, n_regions, origin, threads=threads)
        # The last digit of one region hangs on how many threads ran, another on the first region's name.
        volume[1] = np.nextafter(volume[1], np.inf) if threads == 2 else volume[1]
        contact[0, 2] += 1e-9 * sides[0, 0]
        return volume * (1 + 1e-9 * abs(origin[0])), moment, vector, contact

    monkeypatch.setattr(mesh, "integrate", wrong)
    assert {"turned and moved 1.8 m, volumes", "regions renamed", "one thread and two"} <= failed(
        geometry.invariance(surface)
    )


def test_an_open_mesh_is_found(surface) -> None:
    open_mesh = mesh.LabelledMesh(surface.points, surface.faces[1:], surface.sides[1:], surface.names)
    assert "closed: area vector of the worst region" in failed(geometry.invariance(open_mesh))


@pytest.mark.parametrize("side", [0, 1, 2])
def test_a_wrong_clip_is_found(monkeypatch, surface, side) -> None:
    right = mesh.clip

    def wrong(*args, **options):
        found = list(right(*args, **options))
        found[side] = found[side] * 1.001
        return tuple(found)

    monkeypatch.setattr(mesh, "clip", wrong)
    want = (
        {"liver cut by a plane, both sides together"},
        {"liver cut by a plane, both sides together", "corner cut off a cube, volume"},
        {"cap of a ball, area of the cut"},
    )[side]
    assert want <= failed(geometry.clips(surface))


def test_cells_that_lose_a_drop_are_found(monkeypatch, surface) -> None:
    right = mesh.clip_cells

    def wrong(*args):
        cells = right(*args)
        cells[3] *= 1 - 1e-9
        return cells

    monkeypatch.setattr(mesh, "clip_cells", wrong)
    assert failed(geometry.clips(surface)) == {"liver cut by three planes, eight cells together"}


def test_voxels_that_a_scan_gets_wrong_and_leaks_are_found(monkeypatch, case, surface, capsys) -> None:
    right = geometry.labels_from_mesh

    def wrong(*args):
        labels = right(*args)
        labels[tuple(np.argwhere(labels > 0)[0])] = 0
        return labels

    walls = mesh_from_labels(case.grid.regions, case.grid.affine, surface.names)
    monkeypatch.setattr(geometry, "labels_from_mesh", wrong)
    assert failed(geometry.scans(case.grid.regions, case.grid.affine, walls)) == {"liver to mesh and back"}

    def leaks(*args):
        raise GeometryError("3 of 9 columns leak through the mesh")

    monkeypatch.setattr(geometry, "labels_from_mesh", leaks)
    assert main(["doctor"]) == 1
    assert "✗ mesh to voxels, refused: 3 of 9 columns leak through the mesh" in capsys.readouterr().out


def test_pieces_that_lose_a_voxel_are_found(monkeypatch, case) -> None:
    right = liver.cut_into_pieces

    def wrong(grid, cuts):
        pieces = right(grid, cuts)
        pieces.counts[0] -= next(iter(cuts)) == "plane"
        return pieces

    monkeypatch.setattr(liver, "cut_into_pieces", wrong)
    assert failed(liver.conservation(case)) == {"three cuts in all six orders"}

    def lost(grid, cuts):
        pieces = right(grid, cuts)
        pieces.counts[0] -= 1
        pieces.ml[0] -= 1e-6
        return pieces

    monkeypatch.setattr(liver, "cut_into_pieces", lost)
    assert failed(liver.conservation(case)) == {
        "three cuts, pieces of every region",
        "three cuts, all pieces together, mL",
    }


def test_an_operation_that_loses_tissue_is_found(monkeypatch, case) -> None:
    """The operation's own guard is taken away: what it would refuse, doctor sees."""
    from flrsim.staging import stage

    right = Pieces.region_ml

    def wrong(self, member):
        ml = right(self, member)
        return ml * (1 - 1e-9) if member.sum() < 0.5 * len(member) else ml

    monkeypatch.setattr(stage, "check_conserved", lambda *args: None)
    monkeypatch.setattr(Pieces, "region_ml", wrong)
    assert "two operations: before = specimen + after, mL" in failed(liver.conservation(case))


OPTIONAL = ("igl", "cc3d", "SimpleITK")


def test_peers_that_are_not_installed_are_named_and_not_missed(monkeypatch, case) -> None:
    right = peers.find_spec
    monkeypatch.setattr(peers, "find_spec", lambda name: None if name in OPTIONAL else right(name))
    checks = peers.peers(case.grid.regions, case.grid.spacing_mm)
    absent = [c for c in checks if c.status == "not_installed"]
    assert [c.name for c in absent] == [
        "libigl, volume of a torus",
        "libigl, volume of a ball",
        "SimpleITK, voxels of every region",
        "cc3d, voxels of every region",
    ]
    assert all("is not installed" in c.reason for c in absent)
    assert failed(checks) == set()


def test_a_peer_that_says_otherwise_is_found(monkeypatch, case) -> None:
    monkeypatch.setattr(peers, "MESH_PEERS", (("other", "numpy", lambda p, t: 59006.51),))
    monkeypatch.setattr(peers, "MAP_PEERS", (("another", "numpy", lambda labels, s, n: np.zeros(n)),))
    assert len(failed(peers.peers(case.grid.regions, case.grid.spacing_mm))) == 3


def test_facets_come_to_the_ball_by_the_derived_gap() -> None:
    for n, within in ((2, 1e-3), (3, 1e-4), (4, 5e-6)):
        ball = solids.icosphere(20.0, n)
        exact = float(ball.measure().volume_ml[1]) * 1000
        assert solids.faceted_ball_mm3(20.0, ball) == pytest.approx(exact, rel=within)
