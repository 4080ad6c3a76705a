"""Margin zones with parts of voxels, against balls and polyhedra whose zones are known in closed form."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import solids
from flrsim.resection.clearance import margin_shell_ml

SPACINGS = [(1.0, 1.0, 1.0), (0.8, 0.8, 0.8), (0.8, 0.8, 1.0), (0.57, 0.57, 1.6), (0.8, 0.8, 5.0)]
OFFSETS = [(0.0, 0.0, 0.0), (0.23, 0.41, -0.37)]
MARGINS = np.array([5.0, 10.0])


def ball_ml(radius):
    return 4 / 3 * np.pi * radius**3 / 1000


def shell_of_polyhedron_ml(points, triangles, margins):
    """Return the zone around a convex polyhedron by Steiner's formula: slabs on faces, wedges on edges, one ball in all."""
    corner = points[triangles]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    twice = np.linalg.norm(normal, axis=1)
    normal /= twice[:, None]
    edges, wedge = {}, 0.0
    for t, face in enumerate(triangles):
        for a, b in zip(face, np.roll(face, -1), strict=True):
            key = (min(a, b), max(a, b))
            if key in edges:
                other = normal[edges[key]]
                angle = np.arctan2(np.linalg.norm(np.cross(other, normal[t])), other @ normal[t])
                wedge += np.linalg.norm(points[a] - points[b]) * angle
            edges[key] = t
    return (0.5 * twice.sum() * margins + 0.5 * wedge * margins**2) / 1000 + ball_ml(margins)


@cache
def sphere():
    return solids.icosphere(12.0, 5)


@cache
def truth():
    return shell_of_polyhedron_ml(sphere().points, sphere().faces, MARGINS)


def with_surface(case, points, triangles):
    return case.grid, replace(case.lesions[0], surface=(points, triangles))


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("spacing", SPACINGS)
def test_the_zone_of_a_meshed_ball_is_a_larger_ball(spacing, offset) -> None:
    """The mesh lies inside its ball, by 0.05 % of its volume here; of that the zone has its part and hardly more."""
    centre = np.array(offset) * spacing
    case = solids.ball_in_block(spacing, 12.0, half=24.0, centre=centre)
    grid, lesion = with_surface(case, sphere().points + centre, sphere().faces)
    shell = margin_shell_ml(grid, lesion, MARGINS).sum(axis=1)
    assert shell == pytest.approx(truth(), rel=5e-5 if max(spacing) < 2 else 2.5e-4)
    lesion_ml = 4 / 3 * np.pi * 12.0**3 / 1000
    assert shell + lesion_ml == pytest.approx(ball_ml(12.0 + MARGINS), rel=1e-3)
    assert shell == pytest.approx(ball_ml(12.0 + MARGINS) - lesion_ml, rel=1e-3)


@pytest.mark.parametrize(("spacing", "within"), [((1.0, 1.0, 1.0), 0.002), ((0.7, 0.9, 2.0), 0.005)])
def test_the_zone_of_a_box_has_round_edges_and_corners(spacing, within) -> None:
    half = np.array([9.0, 6.0, 4.0]) + 0.37
    case = solids.ball_in_block(spacing, 8.0, half=22.0)
    points = solids.grid_points(case.grid.regions.shape, case.grid.affine)
    block = case.grid.mask(case.grid.ids(segments=case.grid.segments))
    own, rest = (int(case.grid.ids(tissue=t, segments=["S8"])[0]) for t in ("L1", "parenchyma"))
    regions = np.where(block & (case.grid.regions == own), rest, case.grid.regions)
    regions[(np.abs(points) < half).all(axis=-1)] = own
    counts = np.bincount(regions.ravel(), minlength=len(case.grid.table))
    ml = counts * abs(np.linalg.det(case.grid.affine[:3, :3])) / 1000
    ml[0] = 0.0
    grid = replace(case.grid, regions=regions.astype(np.uint16), ml=ml)
    mesh = solids.box(-half, half)
    triangles = mesh.triangles()[0]
    _, lesion = with_surface(case, mesh.points, triangles)
    want = shell_of_polyhedron_ml(mesh.points, triangles, MARGINS)
    assert margin_shell_ml(grid, lesion, MARGINS).sum(axis=1) == pytest.approx(want, rel=within)


def test_without_a_margin_there_is_no_zone_and_thin_ones_are_no_guess() -> None:
    case = solids.ball_in_block((1.0, 1.0, 1.0), 12.0, half=24.0)
    grid, lesion = with_surface(case, sphere().points, sphere().faces)
    margins = np.array([0.0, 0.25, 0.5, 1.0])
    got = margin_shell_ml(grid, lesion, margins)
    np.testing.assert_array_equal(got[0], 0.0)
    want = shell_of_polyhedron_ml(sphere().points, sphere().faces, margins)
    assert got.sum(axis=1) == pytest.approx(want, rel=2e-3)


def test_what_lies_outside_the_liver_is_no_margin_and_each_region_has_its_own_part() -> None:
    """A ball 1 mm below the face of a block: the cap of its zone that stands out of the block is missing."""
    centre = np.array([0.0, 0.0, 15.5])
    case = solids.ball_in_block((1.0, 1.0, 1.0), 8.0, half=24.5, centre=centre)
    mesh = solids.icosphere(8.0, 4)
    grid, lesion = with_surface(case, mesh.points + centre, mesh.faces)
    cap = np.pi * 4.0**2 * (3 * 13.0 - 4.0) / 3 / 1000
    healthy = grid.ids(segments=["S8"], kind="parenchyma")
    got = margin_shell_ml(grid, lesion, [5.0])[0]
    assert got[healthy].sum() == pytest.approx(ball_ml(13.0) - ball_ml(8.0) - cap, rel=3e-3)
    assert got.sum() == got[healthy].sum()
    heavier = replace(grid, ml=np.where(np.isin(np.arange(len(grid.ml)), healthy), 3.0, 1.0) * grid.ml)
    assert margin_shell_ml(heavier, lesion, [5.0])[0].sum() == pytest.approx(3 * got.sum(), rel=1e-12)


@cache
def toy():
    return solids.toy_liver((2.0, 2.1, 2.3))


@given(
    st.sampled_from(sorted(solids.LESIONS)),
    st.lists(st.floats(0.0, 15.0), min_size=2, max_size=6).map(sorted),
)
def test_no_region_loses_less_to_a_larger_margin(name, margins) -> None:
    got = margin_shell_ml(toy().grid, toy().lesion(name), margins)
    assert (np.diff(got, axis=0) >= -1e-12).all()
    assert (got >= -1e-3).all()
    assert (got <= toy().grid.ml + toy().lesion(name).volume_ml).all()
