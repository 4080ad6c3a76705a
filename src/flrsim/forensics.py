"""What is wrong with an input: where, how much, and what to do. Nothing is repaired here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from flrsim.case import Accepted
from flrsim.errors import AnatomyError
from flrsim.evidence import Evidence
from flrsim.grid import spacing_of
from flrsim.io.structures import Structures
from flrsim.label_statistics import label_counts
from flrsim.results import Finding

LEFT_SIDE = ("S2", "S3")
RIGHT_SIDE = ("S6", "S7")
UPPER = ("S7", "S8")
LOWER = ("S5", "S6")
FRONT = ("S3", "S4", "S4b", "S5")
BACK = ("S1", "S7")


def examine_liver(segments: Structures, evidence: Evidence, accepted: Accepted) -> tuple[Finding, ...]:
    """Return what is implausible about labelled segments: orientation, size, proportions, specks.

    Findings of level ``refused`` carry the key under which a person may vouch for the file.
    """
    found = label_counts(segments.labels)
    box = found.box
    if box is None:
        raise AnatomyError(f"{segments.source} holds no label at all; it is an empty map")
    centres = {
        name: segments.affine[:3, :3] @ centre + segments.affine[:3, 3]
        for name, centre in zip(segments.names[1:], found.centroids[1:], strict=False)
        if np.isfinite(centre[0])
    }
    segments = _cropped(segments, box)
    return (
        *_orientation(segments, centres),
        *_proportions(segments, box, evidence, accepted),
        *_left_share(segments, evidence),
        *_pieces(segments, evidence),
    )


def _cropped(segments: Structures, box: NDArray[np.int64]) -> Structures:
    """Return the same structures on the part of the grid that holds them."""
    part = tuple(slice(int(a), int(b) + 1) for a, b in zip(box[0], box[1], strict=True))
    affine = segments.affine.copy()
    affine[:3, 3] = affine[:3, :3] @ box[0] + affine[:3, 3]
    return replace(segments, labels=np.ascontiguousarray(segments.labels[part]), affine=affine)


def _mean(centres: dict[str, NDArray[np.float64]], names: Iterable[str]) -> NDArray[np.float64] | None:
    found = [centres[n] for n in names if n in centres]
    return np.mean(found, axis=0) if found else None


def _orientation(segments: Structures, centres: dict[str, NDArray[np.float64]]) -> list[Finding]:
    """Return findings about which way round the liver is; LPS axes point left, back and up."""
    out = []
    left, right = _mean(centres, LEFT_SIDE), _mean(centres, RIGHT_SIDE)
    front, back = _mean(centres, FRONT), _mean(centres, BACK)
    mirrored = left is not None and right is not None and left[0] <= right[0]
    turned = front is not None and back is not None and front[1] >= back[1]
    if (
        mirrored
        and turned
        and left is not None
        and right is not None
        and front is not None
        and back is not None
    ):
        out.append(
            Finding(
                "refused",
                "wrong_frame",
                f"{segments.source}: S2 and S3 lie {right[0] - left[0]:.0f} mm to the patient's right of S6 and S7, and S3 to S5 "
                f"{front[1] - back[1]:.0f} mm behind S1 and S7: LPS is read as RAS, or RAS as LPS; state the true frame, or "
                "correct the header's orientation",
            )
        )
    elif mirrored and left is not None and right is not None:
        remedy = (
            "export it again in the frame it states"
            if segments.from_mesh
            else "correct the header's orientation, or accept it in [anatomy.accept]: mirrored = true (it is then read the right "
            "way round)"
        )
        out.append(
            Finding(
                "refused",
                "mirrored",
                f"{segments.source}: S2 and S3 lie {right[0] - left[0]:.0f} mm to the patient's right of S6 and S7: it is "
                f"mirrored left to right; {remedy}",
                accept=None if segments.from_mesh else "mirrored",
            )
        )
    upper, lower = _mean(centres, UPPER), _mean(centres, LOWER)
    if upper is not None and lower is not None and upper[2] <= lower[2]:
        out.append(
            Finding(
                "refused",
                "upside_down",
                f"{segments.source}: S7 and S8 lie {lower[2] - upper[2]:.0f} mm below S5 and S6: it is upside down; "
                "correct the header's orientation",
            )
        )
    if turned and not mirrored and front is not None and back is not None:
        out.append(
            Finding(
                "refused",
                "back_to_front",
                f"{segments.source}: S3 to S5 lie {front[1] - back[1]:.0f} mm behind S1 and S7: it is back to front; "
                "correct the header's orientation",
            )
        )
    return out


def _proportions(
    segments: Structures, box: NDArray[np.int64], evidence: Evidence, accepted: Accepted
) -> list[Finding]:
    """Return findings about size and proportions, which betray a false voxel size."""
    spacing = spacing_of(segments.affine)
    width, depth, height = (box[1] - box[0] + 1) * spacing
    tlv = float(segments.ml.sum())
    # Meshes have no header to doubt; a grid of exactly 1 mm in a file is often a converter's placeholder.
    placeholder = not segments.from_mesh and bool(np.all(np.abs(spacing - 1.0) < 1e-6))
    low = evidence.value(
        "plausibility.placeholder.height_to_width" if placeholder else "plausibility.height_to_width.low"
    )
    high = evidence.value("plausibility.height_to_width.high")
    largest = evidence.value("plausibility.placeholder.tlv" if placeholder else "volumetry.tlv.high")
    smallest = evidence.value("volumetry.tlv.low")
    reasons = []
    if not low <= height / width <= high:
        reasons.append(
            f"{height:.0f} mm high and {width:.0f} mm wide (ratio {height / width:.2f}; {low:g} to {high:g} is possible)"
        )
    if width > evidence.value("plausibility.width.high"):
        reasons.append(
            f"{width:.0f} mm wide (up to {evidence.value('plausibility.width.high'):.0f} mm is possible)"
        )
    if not smallest <= tlv <= largest:
        reasons.append(
            f"{f'{tlv:.0f}' if tlv >= 1 else 'under 1'} mL ({smallest:.0f} to {largest:.0f} mL is possible)"
        )
    if reasons and not accepted.proportions:
        if segments.from_mesh:
            return [
                Finding(
                    "refused",
                    "proportions",
                    f"{segments.source}: the liver is {' and '.join(reasons)}: the mesh is stretched or not a whole liver; export it "
                    "again, or accept it in [anatomy.accept]: proportions = true",
                    accept="proportions",
                )
            ]
        size = " × ".join(f"{v:g}" for v in np.round(spacing, 3))
        return [
            Finding(
                "refused",
                "proportions",
                f"{segments.source}: with voxels of {size} mm the liver is {' and '.join(reasons)}: the voxel size in the header "
                f"is false{' (1 × 1 × 1 mm is a common placeholder)' if placeholder else ''}; correct it, or in [anatomy.accept] give "
                "the true one: spacing_mm = [x, y, z], or vouch for it: proportions = true",
                accept="spacing_mm",
            )
        ]
    if placeholder:
        return [
            Finding(
                "warning",
                "placeholder_spacing",
                f"{segments.source}: the voxel size is exactly 1 × 1 × 1 mm, a common placeholder; the liver measures "
                f"{width:.0f} × {depth:.0f} × {height:.0f} mm and {tlv:.0f} mL with it: compare with the CT",
            )
        ]
    return []


def _left_share(segments: Structures, evidence: Evidence) -> list[Finding]:
    """Return a warning when S2 and S3 are an unusual part of the liver: often a label gone wrong."""
    low, high = (evidence.value(f"volumetry.share_s2_s3.{end}") for end in ("low", "high"))
    lateral = sum(float(segments.ml[i]) for i, name in enumerate(segments.names) if name in LEFT_SIDE)
    share = lateral / float(segments.ml.sum())
    if low <= share <= high:
        return []
    return [
        Finding(
            "warning",
            "left_share",
            f"{segments.source}: S2 and S3 are {100 * share:.1f} % of the liver ({lateral:.0f} mL); {100 * low:.0f} to "
            f"{100 * high:.0f} % is usual; check the border with S4",
            ml=lateral,
        )
    ]


def _pieces(segments: Structures, evidence: Evidence) -> list[Finding]:
    """Return warnings about segments in several pieces, with millilitres and place."""
    from scipy import ndimage

    voxel = abs(float(np.linalg.det(segments.affine[:3, :3]))) / 1000.0
    named_from = evidence.value("plausibility.second_piece")
    ignored = evidence.value("plausibility.speck")
    out: list[Finding] = []
    boxes = ndimage.find_objects(segments.labels)
    for label, name in enumerate(segments.names):
        if label == 0 or label > len(boxes) or boxes[label - 1] is None:
            continue
        part = boxes[label - 1]
        mask = segments.labels[part] == label
        found, n = ndimage.label(mask, structure=np.ones((3, 3, 3), dtype=int))
        if n < 2:
            continue
        ml = np.bincount(found.ravel())[1:] * voxel
        order = np.argsort(-ml, kind="stable")
        rest = order[1:]
        large = [i for i in rest if ml[i] >= named_from]
        specks = [i for i in rest if ignored <= ml[i] < named_from]
        if large:
            i = large[0]
            index = np.argwhere(found == i + 1).mean(axis=0) + [s.start for s in part]
            x, y, z = segments.affine[:3, :3] @ index + segments.affine[:3, 3]
            pieces = " and ".join(f"{ml[k]:.1f}" for k in (order[0], *large))
            out.append(
                Finding(
                    "warning",
                    "pieces",
                    f"{segments.source}: {name} is in {1 + len(large)} pieces of {pieces} mL; the second lies around "
                    f"L {x:.0f}, P {y:.0f}, S {z:.0f} mm; check the labels there",
                    place_mm=(float(x), float(y), float(z)),
                    ml=float(ml[i]),
                )
            )
        if specks:
            total = float(ml[specks].sum())
            i = specks[0]
            index = np.argwhere(found == i + 1).mean(axis=0) + [s.start for s in part]
            x, y, z = segments.affine[:3, :3] @ index + segments.affine[:3, 3]
            out.append(
                Finding(
                    "warning",
                    "specks",
                    f"{segments.source}: {name} has {len(specks)} speck{'s' if len(specks) > 1 else ''} of {total:.2f} mL together, "
                    f"the largest {ml[i]:.2f} mL around L {x:.0f}, P {y:.0f}, S {z:.0f} mm; they count in its volume",
                    place_mm=(float(x), float(y), float(z)),
                    ml=total,
                )
            )
    return out


def refuse(findings: Iterable[Finding]) -> None:
    """Raise one error that names every refused finding."""
    refused = [f.sentence for f in findings if f.level == "refused"]
    if refused:
        raise AnatomyError("; also: ".join(refused))
