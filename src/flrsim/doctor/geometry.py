"""Checks of meshes: analytic solids, the IBSI phantom, invariance, clips, scan conversion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flrsim.doctor.peers import isosurface
from flrsim.doctor.solids import (
    as_solid,
    box,
    cubes_2x2x2,
    faceted_ball_mm3,
    icosphere,
    moved,
    nested,
    polygonal_torus_volume,
    tetrahedron,
    torus,
)
from flrsim.doctor.verdicts import ROUNDING, absolute, relative, same
from flrsim.label_statistics import label_counts
from flrsim.mesh import MM2_PER_CM2, MM3_PER_ML, LabelledMesh
from flrsim.meshing import labels_from_mesh, mesh_from_labels
from flrsim.results import DoctorCheck

FORMULA = "the solid's volume is a formula; only rounding may differ"
FACETS = 1e-6
"""The gap between facets and ball is derived to second order in the edge; the fourth order is below this at these sizes."""

IBSI_MASK = np.array(
    [
        [[1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1]],
        [[1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [0, 1, 1, 1, 1], [1, 1, 1, 1, 1]],
        [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 1, 0, 1, 1], [1, 1, 1, 1, 1]],
        [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1]],
    ],
    np.uint8,
)
"""The region of interest of the Image Biomarker Standardisation Initiative's digital phantom, (z, y, x), voxels of 2 mm."""

IBSI_SPACING_MM = 2.0


def mm3(mesh: LabelledMesh, region: int = 1) -> float:
    """Return one region's volume in mm³."""
    return float(mesh.measure().volume_ml[region]) * MM3_PER_ML


def solids() -> list[DoctorCheck]:
    """Return checks against solids whose volumes are formulas."""
    edge = 20.0
    cubes = mesh_from_labels(*cubes_2x2x2(edge), [str(i) for i in range(9)]).measure()
    worst = int(np.abs(cubes.volume_ml[1:] * MM3_PER_ML - edge**3).argmax()) + 1
    ball = icosphere(50.0, 5)
    shells = nested([box([0] * 3, [60] * 3), box([10] * 3, [50] * 3), box([20] * 3, [40] * 3)])
    lesion = icosphere(12.0, 4)
    segment = nested([box([-40] * 3, [40] * 3), moved(lesion, shift=(15.0, -9.0, 4.0))])
    held = segment.measure()
    ring = torus(30.0, 10.0, 96, 48)
    brick = moved(box((0, 0, 0), (30, 60, 120)), shift=(70.0, -40.0, 900.0))
    ball_mm3 = faceted_ball_mm3(50.0, ball)
    facets = "the ball's volume less what flat facets cut off (to second order, derived)"
    return [
        relative(
            "tetrahedron, volume", 1 / 6, mm3(tetrahedron()), limit=ROUNDING, unit="mm³", reason=FORMULA
        ),
        relative(
            "cube cut in eight, the worst volume",
            edge**3,
            float(cubes.volume_ml[worst]) * MM3_PER_ML,
            limit=ROUNDING,
            unit="mm³",
            reason=FORMULA,
        ),
        relative(
            "cube cut in eight, a wall between two",
            edge**2,
            float(cubes.contact_cm2[1, 2]) * MM2_PER_CM2,
            limit=ROUNDING,
            unit="mm²",
            reason="the wall is a square; only rounding may differ",
        ),
        relative(
            "ball of 20 480 facets, volume", ball_mm3, mm3(ball), limit=FACETS, unit="mm³", reason=facets
        ),
        relative(
            "torus of 4608 quads, volume",
            polygonal_torus_volume(30.0, 10.0, 96, 48),
            mm3(ring),
            limit=ROUNDING,
            unit="mm³",
            reason=FORMULA,
        ),
        relative(
            "three nested cubes, the middle shell",
            40.0**3 - 20.0**3,
            mm3(shells, 2),
            limit=ROUNDING,
            unit="mm³",
            reason=FORMULA,
        ),
        relative(
            "lesion in a segment, the lesion",
            faceted_ball_mm3(12.0, lesion),
            float(held.volume_ml[2]) * MM3_PER_ML,
            limit=5 * FACETS,
            unit="mm³",
            reason=facets,
        ),
        relative(
            "lesion in a segment, both together",
            80.0**3,
            float(held.volume_ml[1:].sum()) * MM3_PER_ML,
            limit=ROUNDING,
            unit="mm³",
            reason="together they are the box",
        ),
        relative(
            "box far from the origin, inertia",
            30 * 60 * 120 / 12 * (60.0**2 + 120.0**2),
            float(brick.inertia()[1, 0, 0]),
            limit=1e3 * ROUNDING,
            unit="mm⁵",
            reason="mass / 12 · (b² + c²); moments of higher order lose more digits",
        ),
    ]


def ibsi_phantom() -> list[DoctorCheck]:
    """Return checks against the consensus values of the IBSI digital phantom."""
    mask = np.ascontiguousarray(IBSI_MASK.transpose(2, 1, 0))
    affine = np.diag([IBSI_SPACING_MM] * 3 + [1.0])
    points, triangles = isosurface(mask, affine)
    mesh = as_solid(points, triangles)
    got = mesh.measure()
    voxels = int(label_counts(mask).counts[1])
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    reason = "consensus value and tolerance of the IBSI reference manual, digital phantom"
    return [
        absolute(
            "volume of voxels (YEKZ)",
            592.0,
            voxels * IBSI_SPACING_MM**3,
            limit=4.0,
            unit="mm³",
            reason=reason,
        ),
        absolute(
            "volume of the unsmoothed wall",
            592.0,
            mm3(mesh_from_labels(mask, affine, ("outside", "roi"))),
            limit=592 * ROUNDING,
            unit="mm³",
            reason="the wall of voxels holds the voxels: 74 of 8 mm³",
        ),
        absolute(
            "volume of the marching-cubes mesh (RNU0)",
            556.0,
            float(got.volume_ml[1]) * MM3_PER_ML,
            limit=4.0,
            unit="mm³",
            reason=reason,
        ),
        absolute(
            "area of the marching-cubes mesh (C0JK)",
            388.0,
            float(got.area_cm2[1]) * MM2_PER_CM2,
            limit=3.0,
            unit="mm²",
            reason=reason,
        ),
        absolute("maximum 3D diameter (L0JK)", 13.1, float(apart.max()), limit=0.1, unit="mm", reason=reason),
    ]


def turning(seed: int) -> NDArray[np.float64]:
    """Return a rotation drawn from all of them."""
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return np.asarray(q if np.linalg.det(q) > 0 else q[:, [1, 0, 2]])


def largest(found: NDArray[np.float64], expected: NDArray[np.float64]) -> float:
    """Return the largest difference as a share of the largest value."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def invariance(liver: LabelledMesh) -> list[DoctorCheck]:
    """Return checks that place, names, order and threads change nothing."""
    before = liver.measure(threads=1)
    turned = moved(liver, turn=turning(1), shift=(900.0, -400.0, 1500.0)).measure()
    order = np.random.default_rng(2).permutation(len(liver.faces))
    shuffled = LabelledMesh(liver.points, liver.faces[order], liver.sides[order], liver.names).measure()
    new = np.concatenate([[0], 1 + np.random.default_rng(3).permutation(len(liver.names) - 1)])
    renamed = LabelledMesh(
        liver.points, liver.faces, new[liver.sides].astype(np.uint16), liver.names
    ).measure()
    two = liver.measure(threads=2)
    cut = [liver.clipped(liver.middle, (1.0, 2.0, -0.5), threads=n) for n in (1, 2)]
    differing = _digits(
        [before.volume_ml, before.contact_cm2, before.centroid_mm, cut[0].behind_ml],
        [two.volume_ml, two.contact_cm2, two.centroid_mm, cut[1].behind_ml],
    )
    names = _digits(
        [before.volume_ml, before.contact_cm2],
        [renamed.volume_ml[new], renamed.contact_cm2[np.ix_(new, new)]],
    )
    # A metre and a half from the origin coordinates keep 13 digits; a volume adds three of them up.
    moved_limit = 10 * ROUNDING
    return [
        absolute(
            "turned and moved 1.8 m, volumes",
            0.0,
            largest(turned.volume_ml, before.volume_ml),
            limit=moved_limit,
            unit="of the liver",
            reason="volume does not depend on place; coordinates far out lose digits",
        ),
        absolute(
            "turned and moved 1.8 m, contacts",
            0.0,
            largest(turned.contact_cm2, before.contact_cm2),
            limit=moved_limit,
            unit="of the largest",
            reason="area does not depend on place; coordinates far out lose digits",
        ),
        absolute(
            "faces in another order, volumes",
            0.0,
            largest(shuffled.volume_ml, before.volume_ml),
            limit=ROUNDING,
            unit="of the liver",
            reason="the same terms, added in another order",
        ),
        same(
            "regions renamed",
            "numbers differ",
            names,
            reason="names are not computed with: every digit stays",
        ),
        same(
            "one thread and two",
            "numbers differ",
            differing,
            reason="sums run in a fixed order: every digit stays",
        ),
        absolute(
            "closed: area vector of the worst region",
            0.0,
            float(np.abs(before.area_vector_cm2).max() / before.area_cm2.max()),
            limit=ROUNDING,
            unit="of its area",
            reason="the area vector of a closed surface is zero",
        ),
    ]


def _digits(first: Sequence[NDArray[np.float64]], second: Sequence[NDArray[np.float64]]) -> int:
    return sum(int((a != b).sum()) for a, b in zip(first, second, strict=True))


def clips(liver: LabelledMesh) -> list[DoctorCheck]:
    """Return checks of plane cuts."""
    radius, height = 50.0, 18.0
    box_cut = box((0, 0, 0), (10, 10, 10)).clipped((8, 10, 10), (1 / 2, 1 / 3, 1 / 4))
    whole = liver.measure().volume_ml
    cut = liver.clipped(np.add(liver.middle, [3.0, 2.0, 1.0]), (1.0, 0.3, -0.2))
    planes = [
        (np.add(liver.middle, at), n)
        for at, n in (((5, 0, 0), (1, 0.2, 0)), ((0, 4, 0), (-0.1, 1, 0.3)), ((0, 0, 3), (0.3, 0, 1)))
    ]
    cells = liver.cells_ml(planes)
    ball = icosphere(radius, 6)
    cap = ball.clipped((0, 0, radius - height), (0, 0, 1))
    return [
        relative(
            "corner cut off a cube, volume",
            2 * 3 * 4 / 6,
            float(box_cut.ahead_ml[1]) * MM3_PER_ML,
            limit=1e2 * ROUNDING,
            unit="mm³",
            reason="a tetrahedron of 2 × 3 × 4 mm; it is small beside the cube it is cut from",
        ),
        relative(
            "cap of a ball, volume",
            np.pi * height**2 * (3 * radius - height) / 3,
            float(cap.ahead_ml[1]) * MM3_PER_ML,
            limit=5e-4,
            unit="mm³",
            reason="81 920 flat facets cut 1.4e-4 off the ball, and more where the cap is flat",
        ),
        relative(
            "cap of a ball, area of the cut",
            np.pi * height * (2 * radius - height),
            float(cap.section_cm2[1]) * MM2_PER_CM2,
            limit=5e-4,
            unit="mm²",
            reason="81 920 flat facets cut 1.4e-4 off the ball",
        ),
        absolute(
            "liver cut by a plane, both sides together",
            0.0,
            largest(cut.behind_ml + cut.ahead_ml, whole),
            limit=ROUNDING,
            unit="of the liver",
            reason="each side is summed on its own; together they are the whole",
        ),
        absolute(
            "liver cut by three planes, eight cells together",
            0.0,
            largest(cells.sum(axis=0), whole),
            limit=ROUNDING,
            unit="of the liver",
            reason="each cell is summed on its own; together they are the whole",
        ),
    ]


def scans(labels: NDArray[np.uint16], affine: NDArray[np.float64], liver: LabelledMesh) -> list[DoctorCheck]:
    """Return checks of meshes turned into voxels; a leak ends in an error, which is a failed check."""
    back = labels_from_mesh(liver, affine, (labels.shape[0], labels.shape[1], labels.shape[2]))
    radius, spacing = 30.0, 1.0
    n = int(2 * radius / spacing) + 6
    frame = np.diag([spacing, spacing, spacing, 1.0])
    frame[:3, 3] = -0.5 * (n - 1) * spacing
    ball = labels_from_mesh(moved(icosphere(radius, 5), turn=turning(4)), frame, (n, n, n))
    return [
        same(
            "liver to mesh and back",
            "voxels differ",
            int((back != labels).sum()),
            reason="the unsmoothed wall of voxels holds exactly those voxels",
        ),
        relative(
            "ball on a grid of 1 mm, volume without leaks",
            4 / 3 * np.pi * radius**3,
            float(label_counts(ball).counts[1]) * spacing**3,
            limit=3e-3,
            unit="mm³",
            reason="voxels of 1 mm sample a ball of 30 mm; a column that leaks is refused",
        ),
    ]
