"""Distances from a lesion's surface to a cut, a vessel or a border."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import reference
import solids
from flrsim.evidence import load_evidence
from flrsim.resection.margin import (
    Beside,
    Cloud,
    Surroundings,
    VesselVoxels,
    border,
    nearest_vessel,
    proxy_clouds,
)


@cache
def toy():
    return solids.toy_liver((3.0, 3.0, 3.0))


def ball_lesion(radius, centre=(0.0, 0.0, 0.0), subdivisions=4):
    mesh = solids.icosphere(radius, subdivisions)
    return replace(toy().lesions[0], surface=(mesh.points + np.array(centre), mesh.faces))


def plane_points(offset, step=0.5, half=30.0):
    u = np.arange(-half, half + step, step)
    a, b = np.meshgrid(u, u, indexing="ij")
    return np.column_stack([np.full(a.size, offset), a.ravel(), b.ravel()])


@pytest.mark.parametrize("offset", [12.5, 15.0, 20.0, 40.0])
@pytest.mark.parametrize("turn", [None, 1, 2])
def test_a_ball_is_as_far_from_a_plane_as_its_centre_less_its_radius(offset, turn) -> None:
    rotation = np.eye(3) if turn is None else solids.rotated(np.eye(4), turn)[:3, :3]
    cloud = Cloud(plane_points(offset) @ rotation.T)
    assert cloud.distance(ball_lesion(12.0)) == pytest.approx(offset - 12.0, abs=0.02)


@pytest.mark.parametrize(("spacing", "within"), [((0.57, 0.57, 1.6), 0.2), ((0.8, 0.8, 5.0), 1.0)])
def test_a_ball_of_voxels_is_as_far_as_the_ball(spacing, within) -> None:
    lesion = solids.ball_in_block(spacing, 12.0).lesions[0]
    for axis in range(3):
        points = np.roll(plane_points(20.0), axis, axis=1)
        assert Cloud(points).distance(lesion) == pytest.approx(8.0, abs=within)


@pytest.mark.parametrize("seed", range(5))
def test_distances_to_a_cloud_are_the_least_over_all_points_and_triangles(seed) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(40, 3))
    points *= (rng.uniform(11, 20, 40) / np.linalg.norm(points, axis=1))[:, None]
    lesion = ball_lesion(10.0, subdivisions=2)
    want = reference.distance_to_surface(points, *lesion.surface).min()
    got = Cloud(points).distance(lesion)
    assert want - 1e-9 <= got <= want + 1e-6


def test_beyond_reach_and_without_points_the_distance_is_infinite() -> None:
    cloud = Cloud(plane_points(20.0))
    assert cloud.distance(ball_lesion(12.0), reach_mm=8.5) == pytest.approx(8.0, abs=0.02)
    assert cloud.distance(ball_lesion(12.0), reach_mm=7.5) == np.inf
    assert Cloud(np.zeros((0, 3))).distance(ball_lesion(12.0)) == np.inf


def test_a_border_lies_midway_between_the_voxels_of_both_sides() -> None:
    grid = toy().grid
    points = border(grid, frozenset({"S5", "S8"}), frozenset({"S4a", "S4b"}))
    # The plane x = -8 between voxel centres 3 mm apart.
    assert len(points) > 200
    assert np.ptp(points[:, 0]) == pytest.approx(0.0, abs=1e-9)
    assert abs(points[0, 0] + 8) <= 1.5
    index = (points - grid.affine[:3, 3]) / 3.0
    for side, names in ((-0.5, ("S5", "S8")), (0.5, ("S4a", "S4b"))):
        at = np.round(index + np.array([side, 0, 0])).astype(int)
        rows = {grid.table[i].segment for i in np.unique(grid.regions[tuple(at.T)])}
        assert rows == set(names)


def test_borders_that_stand_in_for_vessels_exist_for_a_liver_without_any() -> None:
    clouds = proxy_clouds(toy().grid)
    assert clouds
    assert any(len(c.points) for c in clouds.values())


def test_vessels_inside_segments_that_are_gone_are_no_obstacle() -> None:
    case = toy()
    voxels = VesselVoxels.of(case)
    assert len(voxels.points) == sum(
        np.count_nonzero(case.grid.mask(case.grid.ids(tissue=v.name))) for v in case.vessels
    )
    everything = voxels.clouds()
    assert set(everything) == {v.name for v in case.vessels}
    kept = voxels.clouds(frozenset({"S5", "S6", "S7", "S8"}))
    right = everything["hepatic_vein:right"].points
    assert len(right) > 20
    assert len(kept["hepatic_vein:right"].points) == 0
    assert len(kept["portal_vein:left"].points) == len(everything["portal_vein:left"].points)


def test_the_nearest_vessel_is_named_with_its_distance() -> None:
    near, far = Cloud(plane_points(16.0)), Cloud(plane_points(-20.0))
    found = nearest_vessel(
        ball_lesion(12.0), {"portal_vein:left": far, "hepatic_vein:middle": near}, proxy=True, reach_mm=10.0
    )
    assert found is not None
    assert found.name == "hepatic vein, middle"
    assert found.distance_mm == pytest.approx(4.0, abs=0.02)
    assert found.proxy
    assert nearest_vessel(ball_lesion(12.0), {"x": near}, proxy=False, reach_mm=3.0) is None


def test_what_is_kept_of_a_lesions_neighbours_is_what_is_found_anew() -> None:
    case, evidence = toy(), load_evidence()
    kept = Beside(case)
    gone = [frozenset[str](), *(frozenset({s}) for s in case.grid.segments), frozenset(case.grid.segments)]
    answers = set()
    for lesion in case.lesions:
        for which in (*gone, *gone):
            found = Surroundings(case, evidence, kept).near(lesion, which)
            assert found == Surroundings(case, evidence).near(lesion, which)
            answers.add((lesion.name, found))
    assert len(answers) > len(case.lesions)  # what goes matters
