"""What is implausible about a labelled liver: orientation, size, proportions, absent segments, specks and holes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from flrsim.anatomy import SEGMENTS, check_split_once
from flrsim.errors import AnatomyError
from flrsim.evidence import Evidence
from flrsim.forensics.findings import listed
from flrsim.forensics.voxels import examine_voxels
from flrsim.grid import spacing_of
from flrsim.label_statistics import label_counts
from flrsim.results import Finding

LEFT_SIDE = ("S2", "S3")
RIGHT_SIDE = ("S6", "S7")
UPPER = ("S7", "S8")
LOWER = ("S5", "S6")
FRONT = ("S3", "S4", "S4b", "S5")
BACK = ("S1", "S7")
SWAPPED_MM = 10.0
"""The centres of two segments must lie this far the wrong way round before their labels count as exchanged."""


class Labelled(Protocol):
    """Named structures on a grid, as the readers give them."""

    @property
    def labels(self) -> NDArray[np.unsignedinteger]:
        """(nx, ny, nz), 0 is none."""

    @property
    def affine(self) -> NDArray[np.float64]:
        """(4, 4) voxel indices to LPS mm."""

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each label; the first is the outside."""

    @property
    def ml(self) -> NDArray[np.float64]:
        """(n_labels,) volume of each structure."""

    @property
    def source(self) -> str:
        """File name."""

    @property
    def from_mesh(self) -> bool:
        """Whether a mesh was scanned, so that there is no voxel size to doubt."""

    @property
    def unread(self) -> tuple[str, ...]:
        """What the file also holds and was left out."""


class Vouched(Protocol):
    """What a person vouched for against these checks."""

    @property
    def proportions(self) -> bool:
        """Size and proportions are this patient's own."""

    @property
    def missing_segments(self) -> tuple[str, ...]:
        """Segments that are truly absent."""


@dataclass(frozen=True)
class Segments:
    """The part of a grid that holds labels; fields as `Labelled`."""

    labels: NDArray[np.unsignedinteger]
    affine: NDArray[np.float64]
    names: tuple[str, ...]
    ml: NDArray[np.float64]
    source: str
    from_mesh: bool


def examine_liver(segments: Labelled, evidence: Evidence, accepted: Vouched) -> tuple[Finding, ...]:
    """Return what is implausible about labelled segments: orientation, size, absent ones, specks, holes.

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
    part = _cropped(segments, box)
    return (
        *examine_names(part.names[1:], part.source, accepted.missing_segments, unread=segments.unread),
        *examine_orientation(centres, part.source, from_mesh=part.from_mesh),
        *_proportions(part, box, evidence, accepted),
        *_left_share(part, evidence),
        *examine_voxels(
            part.labels, part.affine, part.names, part.source, evidence, holes=not part.from_mesh
        ),
    )


def examine_names(
    names: Sequence[str], source: str, absent: Sequence[str] = (), *, unread: Sequence[str] = ()
) -> tuple[Finding, ...]:
    """Return which segments are missing, unknown, or there in two forms.

    Parameters
    ----------
    names : structures that are there, without the outside.
    absent : segments that a person says are truly absent.
    unread : what the file holds and was left out.
    """
    have = set(names)
    unknown = sorted(have - set(SEGMENTS))
    if unknown:
        return (
            Finding(
                "refused",
                "unknown_segment",
                f"{source}: {', '.join(unknown)} is not a Couinaud segment; segments are {', '.join(SEGMENTS)}",
                count=len(unknown),
            ),
        )
    try:
        check_split_once(have, source=source)
    except AnatomyError as error:
        return (Finding("refused", "split_twice", error.sentence),)
    if len(have) == 1:
        return (
            Finding(
                "refused",
                "not_split",
                f"{source} holds one label only: a liver that is not split; all eight segments are needed, labels 1 to 8: "
                "segment it, e.g. with a model for Couinaud segments",
                count=1,
            ),
        )
    needed = {f"S{i}" for i in range(1, 9)} - {"S4"} | ({"S4a", "S4b"} if have & {"S4a", "S4b"} else {"S4"})
    missing = sorted(needed - have - set(absent))
    if not missing:
        return ()
    keys = ", ".join(f'"{name}"' for name in missing)
    return (
        Finding(
            "refused",
            "missing_segments",
            f"{source}: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
            f"{f' (not read: {listed(unread)})' if unread else ''}; all eight segments are needed; if resected before, accept it in [anatomy.accept]: missing_segments = [{keys}]",
            accept="missing_segments",
            count=len(missing),
        ),
    )


def _cropped(segments: Labelled, box: NDArray[np.int64]) -> Segments:
    """Return the same structures on the part of the grid that holds them."""
    part = tuple(slice(int(a), int(b) + 1) for a, b in zip(box[0], box[1], strict=True))
    affine = segments.affine.copy()
    affine[:3, 3] = affine[:3, :3] @ box[0] + affine[:3, 3]
    labels = np.ascontiguousarray(segments.labels[part])
    return Segments(labels, affine, segments.names, segments.ml, segments.source, segments.from_mesh)


def centre_of_faces(points: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """Return the mean of the faces' middles weighted by their area, (3,) mm: where a surface lies even if it is open.

    None when no face has an area.
    """
    corner = points[faces]
    corner = corner[np.isfinite(corner).all(axis=(1, 2))]
    area = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1)
    return None if area.sum() == 0 else np.asarray(np.average(corner.mean(axis=1), axis=0, weights=area))


def _mean(centres: dict[str, NDArray[np.float64]], names: Iterable[str]) -> NDArray[np.float64] | None:
    found = [centres[n] for n in names if n in centres]
    return np.mean(found, axis=0) if found else None


def examine_orientation(
    centres: dict[str, NDArray[np.float64]], source: str, *, from_mesh: bool
) -> tuple[Finding, ...]:
    """Return findings about which way round the liver is; LPS axes point left, back and up.

    Parameters
    ----------
    centres : segment → centre, (3,) LPS mm.
    from_mesh : a mesh has no header that could be corrected.
    """
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
                f"{source}: S2 and S3 lie {right[0] - left[0]:.0f} mm to the patient's right of S6 and S7, and S3 to S5 "
                f"{front[1] - back[1]:.0f} mm behind S1 and S7: LPS is read as RAS, or RAS as LPS; state the true frame, or "
                "correct the header's orientation",
            )
        )
    elif mirrored and left is not None and right is not None:
        remedy = (
            "export it again in the frame it states"
            if from_mesh
            else "correct the header's orientation, or accept it in [anatomy.accept]: mirrored = true (it is then read the right "
            "way round)"
        )
        out.append(
            Finding(
                "refused",
                "mirrored",
                f"{source}: S2 and S3 lie {right[0] - left[0]:.0f} mm to the patient's right of S6 and S7: it is "
                f"mirrored left to right; {remedy}",
                accept=None if from_mesh else "mirrored",
            )
        )
    upper, lower = _mean(centres, UPPER), _mean(centres, LOWER)
    heads = upper is not None and lower is not None and upper[2] <= lower[2]
    standing = any(
        centres[a][2] > centres[b][2] + SWAPPED_MM for a, b in ABOVE if a in centres and b in centres
    )
    if heads and not standing and upper is not None and lower is not None:
        out.append(
            Finding(
                "refused",
                "upside_down",
                f"{source}: S7 and S8 lie {lower[2] - upper[2]:.0f} mm below S5 and S6: it is upside down; "
                "correct the header's orientation",
            )
        )
    if turned and not mirrored and front is not None and back is not None:
        out.append(
            Finding(
                "refused",
                "back_to_front",
                f"{source}: S3 to S5 lie {front[1] - back[1]:.0f} mm behind S1 and S7: it is back to front; "
                "correct the header's orientation",
            )
        )
    return tuple(out) if out else tuple(_swapped(centres, source, "refused" if heads else "warning"))


# Pairs of segments of which the first lies above the second in every liver that stands the right way up.
ABOVE = (("S8", "S5"), ("S7", "S6"), ("S2", "S3"))


def _swapped(centres: dict[str, NDArray[np.float64]], source: str, level: str) -> list[Finding]:
    """Return pairs of neighbours that stand on their heads in a liver that does not: labels exchanged."""
    pairs = [(a, b) for a, b in ABOVE if a in centres and b in centres]
    wrong = [(a, b) for a, b in pairs if centres[a][2] < centres[b][2] - SWAPPED_MM]
    if len(pairs) < 2 or len(wrong) == len(pairs):
        return []
    return [
        Finding(
            level,
            "labels_swapped",
            f"{source}: {a} lies {centres[b][2] - centres[a][2]:.0f} mm below {b}, while "
            f"{' and '.join(f'{c} lies above {d}' for c, d in pairs if (c, d) not in wrong)}: the labels {a} and {b} may be "
            "exchanged; check them",
            place_mm=(float(centres[a][0]), float(centres[a][1]), float(centres[a][2])),
            count=2,
        )
        for a, b in wrong
    ]


def _proportions(
    segments: Segments, box: NDArray[np.int64], evidence: Evidence, accepted: Vouched
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


def _left_share(segments: Segments, evidence: Evidence) -> list[Finding]:
    """Return a warning when S2 and S3 are an unusual part of the liver: often a label gone wrong."""
    low, high = (evidence.value(f"volumetry.share_s2_s3.{end}") for end in ("low", "high"))
    if not set(LEFT_SIDE) <= set(segments.names):
        return []
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
