"""What the voxels of a label map betray: segments in several pieces, specks, holes, labels inside other labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flrsim.evidence import Evidence
from flrsim.forensics.findings import near, plural
from flrsim.label_statistics import label_statistics
from flrsim.results import Finding

ALL_NEIGHBOURS = np.ones((3, 3, 3), dtype=int)
"""Voxels of one structure touch by faces, edges or corners; what it encloses touches by faces only."""

DOUBLE_WALL_SHARE = 0.5
"""A cavity that takes half of the volume inside the outer wall is the inside of a shell, not a hole in an organ."""

Part = tuple[slice, ...]


def examine_voxels(
    labels: NDArray[np.unsignedinteger],
    affine: NDArray[np.float64],
    names: tuple[str, ...],
    source: str,
    evidence: Evidence,
    *,
    holes: bool = True,
) -> tuple[Finding, ...]:
    """Return pieces, specks and holes, with millilitres and place.

    Parameters
    ----------
    labels : (nx, ny, nz), 0 is outside.
    affine : (4, 4) voxel indices to LPS mm.
    names : name of each label.
    holes : whether to look for holes; those of a mesh are known from its own surface.
    """
    from scipy import ndimage

    voxel = abs(float(np.linalg.det(affine[:3, :3]))) / 1000.0
    named_from = evidence.value("plausibility.second_piece")
    ignored = evidence.value("plausibility.speck")
    out: list[Finding] = []
    for label, part in enumerate(ndimage.find_objects(labels), start=1):
        if part is None or label >= len(names):
            continue
        found, n = ndimage.label(labels[part] == label, structure=ALL_NEIGHBOURS)
        if n < 2:
            continue
        counts = np.bincount(found.ravel())[1:]
        ml = counts * voxel
        order = np.argsort(-ml, kind="stable")
        rest = order[1:]
        name = names[label]
        large = [int(i) for i in rest if ml[i] >= named_from]
        specks = [int(i) for i in rest if ignored <= ml[i] < named_from]
        if large:
            x, y, z = _centre(found, large[0] + 1, part, affine)
            pieces = " and ".join(f"{ml[k]:.1f}" for k in (order[0], *large))
            out.append(
                Finding(
                    "warning",
                    "pieces",
                    f"{source}: {name} is in {1 + len(large)} pieces of {pieces} mL; the second lies around "
                    f"L {x:.0f}, P {y:.0f}, S {z:.0f} mm; check the labels there",
                    place_mm=(x, y, z),
                    ml=float(ml[large[0]]),
                    count=1 + len(large),
                )
            )
        if specks:
            total = float(ml[specks].sum())
            i = specks[0]
            x, y, z = _centre(found, i + 1, part, affine)
            around = surroundings(labels, part, found == i + 1)
            inside = f", wholly inside {names[around[0]]}" if len(around) == 1 and around[0] else ""
            out.append(
                Finding(
                    "warning",
                    "specks",
                    f"{source}: {name} has {plural(len(specks), 'speck')} of {total:.2f} mL together, "
                    f"the largest {ml[i]:.2f} mL around L {x:.0f}, P {y:.0f}, S {z:.0f} mm{inside}; they count in its volume",
                    place_mm=(x, y, z),
                    ml=total,
                    count=len(specks),
                )
            )
    return (
        *out,
        *(_holes(labels, affine, names, source, voxel, ignored) if holes else ()),
        *_enclosed(labels, affine, names, source, voxel),
    )


def _centre(
    found: NDArray[np.integer], number: int, part: Part, affine: NDArray[np.float64]
) -> tuple[float, float, float]:
    index = np.argwhere(found == number).mean(axis=0) + [s.start for s in part]
    x, y, z = affine[:3, :3] @ index + affine[:3, 3]
    return float(x), float(y), float(z)


def surroundings(
    labels: NDArray[np.unsignedinteger], part: Part, mask: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return the labels that share a voxel face with a mask, which lies in a part of the grid; 0 at the grid's edge."""
    from scipy import ndimage

    wide = tuple(slice(max(s.start - 1, 0), s.stop + 1) for s in part)
    inner = tuple(
        slice(s.start - w.start, s.start - w.start + (s.stop - s.start))
        for s, w in zip(part, wide, strict=True)
    )
    area = labels[wide]
    body = np.zeros(area.shape, dtype=np.bool_)
    body[inner] = mask
    shell = ndimage.binary_dilation(body) & ~body
    found = set(np.unique(area[shell]).tolist())
    index = np.argwhere(mask) + [s.start for s in part]
    if (index == 0).any() or (index == np.array(labels.shape) - 1).any():
        found.add(0)
    return np.array(sorted(found), dtype=np.int64)


def holes_of(labels: NDArray[np.unsignedinteger]) -> tuple[NDArray[np.int32], int]:
    """Return the empty voxels from which no way along voxel faces leads out, numbered by hole, and how many holes."""
    from scipy import ndimage

    from flrsim.kernels.holes import enclosed

    found, n = ndimage.label(enclosed(np.ascontiguousarray(labels)))
    return np.asarray(found, dtype=np.int32), int(n)


def _holes(
    labels: NDArray[np.unsignedinteger],
    affine: NDArray[np.float64],
    names: tuple[str, ...],
    source: str,
    voxel: float,
    ignored: float,
) -> list[Finding]:
    """Return the empty space wholly inside the liver, one finding for all of it."""
    from scipy import ndimage

    holes, n = holes_of(labels)
    if not n:
        return []
    ml = np.bincount(holes.ravel())[1:] * voxel
    order = np.argsort(-ml, kind="stable")
    if ml[order[0]] < ignored:
        return []
    counted = [int(i) for i in order if ml[i] >= ignored]
    largest = counted[0] + 1
    part = ndimage.find_objects(holes)[largest - 1]
    place = _centre(holes[part], largest, part, affine)
    around = surroundings(labels, part, holes[part] == largest)
    where = " and ".join(names[i] for i in around if 0 < i < len(names))
    total = float(ml[counted].sum())
    one = len(counted) == 1
    filled = float(np.count_nonzero(labels)) * voxel
    if ml[counted[0]] >= DOUBLE_WALL_SHARE * (ml[counted[0]] + filled):
        return [
            Finding(
                "refused",
                "double_wall",
                f"{source}: the labels are a shell of {filled:.0f} mL around {ml[counted[0]]:.0f} mL without a label{near(place)}; a capsule is "
                "not a liver volume: fill it, or export the segments instead of their surface",
                place_mm=place,
                ml=float(ml[counted[0]]),
                count=1,
            )
        ]
    return [
        Finding(
            "warning",
            "hole",
            f"{source}: {plural(len(counted), 'hole')} of {total:.3g} mL{' together' if not one else ''} without a label inside the liver, "
            f"{'' if one else f'the largest of {ml[counted[0]]:.3g} mL '}in {where}{near(place)}; {'it is' if one else 'they are'} not part "
            "of its volume: fill it if it is tissue, or supply it as a lesion or vessel",
            place_mm=place,
            ml=total,
            count=len(counted),
        )
    ]


def _enclosed(
    labels: NDArray[np.unsignedinteger],
    affine: NDArray[np.float64],
    names: tuple[str, ...],
    source: str,
    voxel: float,
) -> list[Finding]:
    """Return whole segments that lie inside one other segment, as none does in a liver."""
    from scipy import ndimage

    contacts = label_statistics(np.pad(labels, 1)).face_contacts.sum(axis=0)
    out = []
    for label in range(1, len(contacts)):
        around = np.flatnonzero(contacts[label])
        if len(around) != 1 or around[0] == 0:
            continue
        part = ndimage.find_objects((labels == label).astype(np.int8))[0]
        mask = labels[part] == label
        place = _centre(mask.astype(np.int8), 1, part, affine)
        ml = int(mask.sum()) * voxel
        out.append(
            Finding(
                "warning",
                "enclosed",
                f"{source}: {names[label]}, {ml:.3g} mL, lies wholly inside {names[around[0]]}{near(place)}; every segment reaches the "
                "capsule: check its label",
                place_mm=place,
                ml=ml,
                count=1,
            )
        )
    return out
