"""Label maps: voxels, boxes, centroids and contacts of every label."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from benchmarks.inputs import LabelMap, abdomen
from benchmarks.table import Call, Goal, Work


def threads(n: int) -> Any:
    """Return a way to run something of ours on n threads."""
    import os

    def run(work: Any, given: Any) -> Any:
        before = os.environ.get("FLRSIM_THREADS")
        os.environ["FLRSIM_THREADS"] = str(n)
        try:
            return work(given)
        finally:
            if before is None:
                del os.environ["FLRSIM_THREADS"]
            else:
                os.environ["FLRSIM_THREADS"] = before

    return run


def _statistics(labels: Any) -> Any:
    from flrsim.label_statistics import label_statistics

    return label_statistics(labels)


def _counted(given: LabelMap, result: Any) -> Any:
    return np.asarray(result, dtype=float)


def _sitk(image: Any) -> Any:
    import SimpleITK as sitk  # noqa: N813 (its own short name)

    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.ComputePerimeterOff()
    shape.Execute(image)
    return [
        (shape.GetNumberOfPixels(i), shape.GetBoundingBox(i), shape.GetCentroid(i)) for i in shape.GetLabels()
    ]


def _sitk_image(given: LabelMap) -> Any:
    import SimpleITK as sitk  # noqa: N813

    return sitk.GetImageFromArray(given.labels)


def _cc3d_contacts(labels: Any) -> Any:
    import cc3d

    pairs = cc3d.contacts(labels, connectivity=6, surface_area=False)
    return sum(pairs.values())


def _cc3d(labels: Any) -> Any:
    import cc3d

    return cc3d.statistics(labels)["voxel_counts"]


def _regionprops(labels: Any) -> Any:
    from skimage.measure import regionprops

    return [r.area for r in regionprops(labels)]


def _find_objects(labels: Any) -> Any:
    from scipy import ndimage

    return ndimage.find_objects(labels)


def _boxes_only(given: LabelMap, found: Any) -> Any:
    """A box has no count: compare the voxels of the label inside it."""
    return [np.count_nonzero(given.labels[part] == i) for i, part in enumerate(found, start=1)]


def _read(labels: Any) -> Any:
    """Read every byte once: the bound. numpy's largest-value search runs at the speed of memory."""
    return labels.max()


def _work(dtype: str, title: str, peers: tuple[Call, ...], goals: tuple[Goal, ...]) -> Work:
    take = lambda given: given.labels  # noqa: E731
    counts = lambda given, result: result.counts[1:]  # noqa: E731
    return Work(
        key=f"label-map-{dtype}",
        title=title,
        unit="voxels",
        make=partial(abdomen, dtype=dtype),
        truth=lambda given: given.counts.astype(float),
        truth_is="np.bincount",
        limit=0.0,
        small=1_000_000,
        quick=(4_000_000,),
        sizes=(512 * 512 * 500,),
        calls=(
            Call("flrsim, 1 thread", partial(threads(1), _statistics), counts, take),
            Call("flrsim, 2 threads", partial(threads(2), _statistics), counts, take, threads=2),
            Call(
                "reading every byte once",
                _read,
                None,
                take,
                note="the bound; counts nothing",
            ),
            *peers,
        ),
        goals=goals,
    )


take_labels = lambda given: given.labels  # noqa: E731

WORKS = (
    _work(
        "uint8",
        "voxels, boxes, centroids and contacts of every label of a map, uint8",
        (
            Call(
                "SimpleITK LabelShapeStatistics",
                _sitk,
                lambda g, r: [n for n, _, _ in r],
                _sitk_image,
                ("SimpleITK",),
                threads=0,
                note="counts, boxes, centroids",
            ),
            Call(
                "np.bincount", np.bincount, lambda g, r: r[1:], lambda g: g.labels.ravel(), note="counts only"
            ),
            Call(
                "np.unique",
                partial(np.unique, return_counts=True),
                lambda g, r: r[1][1:],
                take_labels,
                note="counts only",
            ),
            Call(
                "scipy find_objects", _find_objects, _boxes_only, take_labels, ("scipy",), note="boxes only"
            ),
            Call(
                "skimage regionprops", _regionprops, _counted, take_labels, ("skimage",), note="counts, boxes"
            ),
            Call(
                "cc3d.statistics",
                _cc3d,
                lambda g, r: r[1:],
                take_labels,
                ("cc3d",),
                note="counts, boxes, centroids",
            ),
            Call(
                "cc3d.contacts",
                _cc3d_contacts,
                None,
                take_labels,
                ("cc3d",),
                note="contacts only; not compared",
            ),
        ),
        (
            Goal("SimpleITK LabelShapeStatistics", 5, "flrsim, 2 threads"),
            Goal("cc3d.statistics", 30, "flrsim, 1 thread"),
            Goal("cc3d.contacts", 30, "flrsim, 1 thread"),
            Goal("reading every byte once", 0.2, "flrsim, 1 thread"),
        ),
    ),
    _work("uint16", "the same, uint16", (), (Goal("reading every byte once", 0.2, "flrsim, 1 thread"),)),
)
