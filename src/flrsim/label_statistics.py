"""What one pass over a label map says of every label: voxels, box, centroid, contacts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from flrsim.errors import GeometryError
from flrsim.threads import at_once, parts

FEW_LABELS = 64
"""Labels for which room is made first; a map with larger ones is passed over a second time."""
CONTACT_LIMIT = 4096
"""Contacts are counted in a full matrix of all labels and axes; beyond this many labels it would be over 400 MB."""
SMALL_MAP = 1 << 20
"""Voxels under which a second thread costs more than it saves."""


@dataclass(frozen=True)
class LabelCounts:
    """Voxels, boxes and centroids of the labels of a map; label 0 is the outside and has neither box nor centroid.

    Attributes
    ----------
    counts : (n_labels,) int64, voxels of each label; n_labels is one more than the largest label.
    boxes : (n_labels, 2, 3) int64, first and last index along each axis; -1 for labels without a voxel.
    centroids : (n_labels, 3) float64, mean index; NaN for labels without a voxel.
    """

    counts: NDArray[np.int64]
    boxes: NDArray[np.int64]
    centroids: NDArray[np.float64]

    @property
    def box(self) -> NDArray[np.int64] | None:
        """First and last index of all labels together, (2, 3); None for an empty map."""
        present = self.boxes[self.boxes[:, 0, 0] >= 0]
        if not len(present):
            return None
        return np.array([present[:, 0].min(axis=0), present[:, 1].max(axis=0)])


@dataclass(frozen=True)
class LabelStatistics(LabelCounts):
    """Voxels, boxes, centroids and contacts of the labels of a map.

    Attributes
    ----------
    face_contacts : (3, n_labels, n_labels) int64, voxel faces between each pair of different labels by axis;
        symmetric, row 0 is the outside; faces on the edge of the array are not counted.
    """

    face_contacts: NDArray[np.int64]


def label_counts(labels: NDArray[np.unsignedinteger]) -> LabelCounts:
    """Return voxels, boxes and centroids of every label of a (nx, ny, nz) uint8 or uint16 map."""
    counts, boxes, centroids, _ = _pass(labels, contacts=False)
    return LabelCounts(counts, boxes, centroids)


def label_statistics(labels: NDArray[np.unsignedinteger]) -> LabelStatistics:
    """Return voxels, boxes, centroids and face contacts of every label of a (nx, ny, nz) uint8 or uint16 map.

    On a region grid, where a label is a segment × tissue pair, these are the numbers of each pair.

    Raises
    ------
    GeometryError
        When the map has labels from 4096 on.
    """
    counts, boxes, centroids, faces = _pass(labels, contacts=True)
    return LabelStatistics(counts, boxes, centroids, faces + faces.transpose(0, 2, 1))


def _pass(
    labels: NDArray[np.unsignedinteger], *, contacts: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return counts, boxes, centroids and one-sided face contacts."""
    from flrsim.kernels.labels import statistics

    if labels.ndim != 3 or labels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"labels are {labels.dtype} {labels.shape}; (nx, ny, nz) uint8 or uint16 is needed")
    labels = np.ascontiguousarray(labels)
    n = FEW_LABELS
    while True:
        room = n if contacts else 0
        # A liver sits in the middle of its map: small slabs share it evenly. Many labels make each slab's
        # tables large.
        slabs = parts(
            labels.shape[0],
            least=1 if labels.size >= SMALL_MAP else labels.shape[0],
            per_thread=8 if n == FEW_LABELS else 1,
        )
        found = at_once(partial(statistics, labels, n, room), slabs)
        largest = max(int(f[4]) for f in found)
        if largest < n:
            break
        n = largest + 1
        if contacts and n > CONTACT_LIMIT:
            raise GeometryError(
                f"the map has a label {largest}; contacts are counted for labels below {CONTACT_LIMIT}; number the labels 1, 2, 3 …"
            )
    size = largest + 1
    counts = np.sum([f[0] for f in found], axis=0)[:size]
    sums = np.sum([f[2] for f in found], axis=0)[:size]
    faces = np.sum([f[3] for f in found], axis=0)[:, :size, :size]
    counts[0] = labels.size - counts.sum()
    boxes = np.full((size, 2, 3), -1, dtype=np.int64)
    for _, part, *_ in found:
        part = part[:size]
        empty = boxes[:, 0, 0] < 0
        here = part[:, 0, 0] >= 0
        both = here & ~empty
        boxes[here & empty] = part[here & empty]
        boxes[both, 0] = np.minimum(boxes[both, 0], part[both, 0])
        boxes[both, 1] = np.maximum(boxes[both, 1], part[both, 1])
    centroids = np.full((size, 3), np.nan)
    present = boxes[:, 0, 0] >= 0
    centroids[present] = sums[present] / counts[present, None]
    return counts, boxes, centroids, faces
