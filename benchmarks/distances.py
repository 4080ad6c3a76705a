"""Territories by the nearest vessel, and margins around a lesion."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.inputs import block_labels
from benchmarks.label_maps import threads
from benchmarks.table import Call, Goal, NotBuilt, Work

SPACING = np.array([0.7, 0.7, 1.5])
TREES = 8


@dataclass(frozen=True)
class Vessels:
    """A liver and the labelled voxels of crooked vessels in it."""

    liver: NDArray[np.bool_]
    vessels: NDArray[np.int32]

    @property
    def size(self) -> int:
        return int(self.liver.sum())

    @cached_property
    def query(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return positions of the liver's voxels and of the vessels', mm."""
        return np.argwhere(self.liver) * SPACING, np.argwhere(self.vessels) * SPACING

    @cached_property
    def nearest_mm(self) -> NDArray[np.float64]:
        from scipy.spatial import cKDTree

        asked, vessel = self.query
        return np.asarray(cKDTree(vessel).query(asked, workers=2)[0])


@lru_cache(maxsize=2)
def vessels(n_liver: int) -> Vessels:
    liver = block_labels(int((n_liver / 0.208) ** (1 / 3)), 1) > 0
    rng = np.random.default_rng(5)
    out = np.zeros(liver.shape, dtype=np.int32)
    inside = np.argwhere(liver)
    steps = max(int(0.02 * len(inside) / TREES / 8), 8)
    for tree in range(1, TREES + 1):
        at = inside[rng.integers(len(inside))].astype(float)
        way = rng.normal(size=3)
        for _ in range(steps):
            way += 0.4 * rng.normal(size=3)
            way /= np.linalg.norm(way)
            there = np.clip(at + way, 1, np.array(liver.shape) - 3)
            if liver[tuple(there.astype(int))]:
                at = there
            else:
                way = -way
            x, y, z = at.astype(int)
            out[x : x + 2, y : y + 2, z : z + 2] = tree
    return Vessels(liver, np.where(liver, out, 0).astype(np.int32))


def _ours(given: Vessels) -> Any:
    from flrsim.distances import nearest_label

    return nearest_label(given.vessels, SPACING, given.liver)


def _scipy(given: Vessels) -> Any:
    from scipy import ndimage

    mm, where = ndimage.distance_transform_edt(given.vessels == 0, sampling=SPACING, return_indices=True)
    return given.vessels[tuple(where)], mm


def _tree(workers: int) -> Any:
    def run(given: Vessels) -> Any:
        from scipy.spatial import cKDTree

        asked, vessel = given.query
        return cKDTree(vessel).query(asked, workers=workers)[0]

    return run


TERRITORIES = Work(
    key="territories",
    title="the nearest labelled vessel of every liver voxel, and how far it is",
    unit="voxels",
    make=vessels,
    truth=lambda given: given.nearest_mm,
    truth_is="scipy's k-d tree",
    limit=1e-9,
    absolute=True,
    error_unit="mm",
    small=40_000,
    quick=(100_000,),
    sizes=(2_800_000,),
    calls=(
        Call("flrsim, 1 thread", partial(threads(1), _ours), lambda g, r: r[1][g.liver]),
        Call("flrsim, 2 threads", partial(threads(2), _ours), lambda g, r: r[1][g.liver], threads=2),
        Call(
            "scipy distance_transform_edt, return_indices",
            _scipy,
            lambda g, r: r[1][g.liver],
            needs=("scipy",),
        ),
        Call("scipy cKDTree, 1 worker", _tree(1), lambda g, r: r, needs=("scipy",), most=1e6),
        Call("scipy cKDTree, 2 workers", _tree(2), lambda g, r: r, needs=("scipy",), threads=2),
    ),
    goals=(
        Goal("scipy distance_transform_edt, return_indices", 3, "flrsim, 1 thread"),
        Goal("scipy cKDTree, 2 workers", 40, "flrsim, 2 threads"),
    ),
)


@dataclass(frozen=True)
class Margin:
    """A ball as a lesion in a block of tissue, and the shell of 10 mm around it."""

    n: int
    radius: float = 12.3
    margin: float = 10.0
    spacing: float = 1.0

    @property
    def size(self) -> int:
        return self.n**3

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        x = (np.arange(self.n) - 0.5 * (self.n - 1) + 0.21) * self.spacing
        inside = x[:, None, None] ** 2 + x[:, None] ** 2 + x**2 < self.radius**2
        return np.ascontiguousarray(inside)

    @property
    def zone_ml(self) -> NDArray[np.float64]:
        return np.array([4 / 3 * np.pi * (self.radius + self.margin) ** 3 / 1000])


@lru_cache(maxsize=2)
def margin(n_voxels: int) -> Margin:
    return Margin(max(round(n_voxels ** (1 / 3)), 56))


def _zone(given: Margin, mm: Any) -> Any:
    return [np.count_nonzero(np.asarray(mm) <= given.margin) * given.spacing**3 / 1000]


def _scipy_edt(given: Margin) -> Any:
    from scipy import ndimage

    return ndimage.distance_transform_edt(~given.mask, sampling=given.spacing)


def _edt(given: Margin) -> Any:
    import edt

    return edt.edt((~given.mask).astype(np.uint8), anisotropy=(given.spacing,) * 3, parallel=1)


def _maurer(image: Any) -> Any:
    import SimpleITK as sitk  # noqa: N813

    mm = sitk.SignedMaurerDistanceMap(
        image, insideIsPositive=False, squaredDistance=False, useImageSpacing=True
    )
    return sitk.GetArrayFromImage(mm)


def _maurer_image(given: Margin) -> Any:
    import SimpleITK as sitk  # noqa: N813

    return sitk.GetImageFromArray(given.mask.astype(np.uint8))


def _case(given: Margin) -> Any:
    """Return the grid and the lesion of the same ball in a block of eight segments, seven of them thin slices."""
    from flrsim.assembly import assemble
    from flrsim.io.structures import Structures

    voxel = given.spacing**3 / 1000
    segments = np.full(given.mask.shape, 8, dtype=np.uint16)
    segments[:7] = np.arange(1, 8)[:, None, None]
    affine = np.diag([given.spacing] * 3 + [1.0])
    names = ("outside", *(f"S{i}" for i in range(1, 9)))
    count = np.bincount(segments.ravel(), minlength=9).astype(float)
    count[0] = 0.0
    block = Structures(segments, affine, names, count * voxel, {}, (), "block")
    ball = np.array([0.0, given.mask.sum() * voxel])
    lesion = Structures(given.mask.astype(np.uint16), affine, ("outside", "L1"), ball, {}, (), "ball")
    grid, lesions, _, _ = assemble(block, lesion, ())
    return grid, lesions[0]


def _ours_margin(prepared: Any) -> Any:
    from flrsim.resection.wedge import margin_zone

    grid, lesion = prepared
    return margin_zone(grid, lesion, 10.0)[1]


MARGIN = Work(
    key="margin",
    title="a lesion of 12.3 mm radius and all within 10 mm of it",
    unit="voxels",
    make=margin,
    truth=lambda given: given.zone_ml,
    truth_is="4/3 π (r + 10 mm)³",
    limit=0.01,
    small=200_000,
    quick=(200_000,),
    sizes=(5_000_000,),
    calls=(
        Call(
            "flrsim, distance to the lesion's surface",
            _ours_margin,
            lambda g, zone: [np.count_nonzero(zone) * g.spacing**3 / 1000],
            _case,
        ),
        Call(
            "scipy distance_transform_edt",
            _scipy_edt,
            _zone,
            needs=("scipy",),
            note="measured from voxel centres: margins come out short",
        ),
        Call("edt", _edt, _zone, needs=("edt",), note="from voxel centres"),
        Call(
            "SimpleITK SignedMaurerDistanceMap",
            _maurer,
            _zone,
            _maurer_image,
            ("SimpleITK",),
            threads=0,
            note="from voxel centres",
        ),
    ),
    goals=(Goal("scipy distance_transform_edt", 5, "flrsim, distance to the lesion's surface"),),
)


def works() -> tuple[Work | NotBuilt, ...]:
    return (TERRITORIES, MARGIN)
