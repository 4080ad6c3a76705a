"""The one registry of liver anatomy: segments, sections, named resections, pedicles, drainage, colours.

Names follow Couinaud (segments), the Brisbane 2000 terminology (sections and resections; Strasberg 2000, HPB
2:333) and the New World terminology (portal-territory names, Nagino 2021, Ann Surg 274:4). Everything else in
flrsim looks names up here, so a synonym exists in one place.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from flrsim.errors import AnatomyError, PlanError


@dataclass(frozen=True)
class Segment:
    """One Couinaud segment, a leaf of the registry.

    Attributes
    ----------
    name : S1 … S8, S4a, S4b.
    section : Brisbane 2000 section.
    portal : portal branches from the trunk to the segment's own pedicle, outermost last.
    drainage : hepatic veins that drain it, the main one first.
    colour : sRGB hex, distinguishable with colour-blind eyes between neighbours.
    """

    name: str
    title: str
    section: str
    portal: tuple[str, ...]
    drainage: tuple[str, ...]
    colour: str


SEGMENTS: dict[str, Segment] = {
    s.name: s
    for s in (
        Segment("S1", "caudate lobe", "caudate", ("main", "S1"), ("inferior vena cava",), "#8c6d46"),
        Segment("S2", "left lateral superior", "left_lateral", ("main", "left", "S2"), ("left",), "#56b4e9"),
        Segment("S3", "left lateral inferior", "left_lateral", ("main", "left", "S3"), ("left",), "#0072b2"),
        Segment("S4", "left medial", "left_medial", ("main", "left", "S4"), ("middle", "left"), "#009e73"),
        Segment(
            "S4a",
            "left medial superior",
            "left_medial",
            ("main", "left", "S4", "S4a"),
            ("middle",),
            "#00b386",
        ),
        Segment(
            "S4b",
            "left medial inferior",
            "left_medial",
            ("main", "left", "S4", "S4b"),
            ("middle",),
            "#007a59",
        ),
        Segment(
            "S5",
            "right anterior inferior",
            "right_anterior",
            ("main", "right", "right_anterior", "S5"),
            ("middle", "right"),
            "#f0e442",
        ),
        Segment(
            "S6",
            "right posterior inferior",
            "right_posterior",
            ("main", "right", "right_posterior", "S6"),
            ("right",),
            "#e69f00",
        ),
        Segment(
            "S7",
            "right posterior superior",
            "right_posterior",
            ("main", "right", "right_posterior", "S7"),
            ("right",),
            "#d55e00",
        ),
        Segment(
            "S8",
            "right anterior superior",
            "right_anterior",
            ("main", "right", "right_anterior", "S8"),
            ("middle", "right"),
            "#cc79a7",
        ),
    )
}
"""Every leaf; S4 is a leaf where a file does not split it."""

COUINAUD_LABELS: dict[int, str] = {i: f"S{i}" for i in range(1, 9)}
"""Integer labels of a Couinaud label map."""


@dataclass(frozen=True)
class Section:
    """A Brisbane 2000 section or hemiliver and the segments in it."""

    name: str
    title: str
    segments: tuple[str, ...]


SECTIONS: dict[str, Section] = {
    s.name: s
    for s in (
        Section("caudate", "caudate lobe", ("S1",)),
        Section("left_lateral", "left lateral section", ("S2", "S3")),
        Section("left_medial", "left medial section", ("S4",)),
        Section("right_anterior", "right anterior section", ("S5", "S8")),
        Section("right_posterior", "right posterior section", ("S6", "S7")),
        Section("left", "left hemiliver", ("S2", "S3", "S4")),
        Section("right", "right hemiliver", ("S5", "S6", "S7", "S8")),
    )
}


@dataclass(frozen=True)
class NamedResection:
    """A resection with a name surgeons use.

    Attributes
    ----------
    name : key, Brisbane 2000 words.
    new_world : the same in the New World terminology.
    segments : what is taken; S4 stands for its leaves.
    major : three segments or more (Brisbane 2000).
    synonyms : other spellings, lower case.
    """

    name: str
    new_world: str
    segments: tuple[str, ...]
    major: bool
    synonyms: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The name as printed."""
        return self.name.replace("_", " ")


NAMED_RESECTIONS: dict[str, NamedResection] = {
    r.name: r
    for r in (
        NamedResection(
            "right_hepatectomy",
            "H5678",
            ("S5", "S6", "S7", "S8"),
            True,
            ("right hemihepatectomy", "right lobectomy"),
        ),
        NamedResection(
            "left_hepatectomy", "H234", ("S2", "S3", "S4"), True, ("left hemihepatectomy", "left lobectomy")
        ),
        NamedResection(
            "right_trisectionectomy",
            "H45678",
            ("S4", "S5", "S6", "S7", "S8"),
            True,
            (
                "extended right hepatectomy",
                "extended right hemihepatectomy",
                "extended right",
                "right trisegmentectomy",
                "extended right lobectomy",
            ),
        ),
        NamedResection(
            "left_trisectionectomy",
            "H23458",
            ("S2", "S3", "S4", "S5", "S8"),
            True,
            (
                "extended left hepatectomy",
                "extended left hemihepatectomy",
                "extended left",
                "left trisegmentectomy",
            ),
        ),
        NamedResection(
            "left_lateral_sectionectomy",
            "H23",
            ("S2", "S3"),
            False,
            ("left lateral segmentectomy", "bisegmentectomy 2 3", "lateral sectionectomy"),
        ),
        NamedResection(
            "left_medial_sectionectomy", "H4", ("S4",), False, ("segmentectomy 4", "medial sectionectomy")
        ),
        NamedResection(
            "right_anterior_sectionectomy", "H58", ("S5", "S8"), False, ("anterior sectionectomy",)
        ),
        NamedResection(
            "right_posterior_sectionectomy", "H67", ("S6", "S7"), False, ("posterior sectionectomy",)
        ),
        NamedResection(
            "central_hepatectomy",
            "H458",
            ("S4", "S5", "S8"),
            True,
            ("mesohepatectomy", "central bisectionectomy"),
        ),
        NamedResection("caudate_resection", "H1", ("S1",), False, ("caudate lobectomy",)),
    )
}

PORTAL_BRANCHES: dict[str, tuple[str, ...]] = {
    "right": ("S5", "S6", "S7", "S8"),
    "left": ("S2", "S3", "S4"),
    "right_anterior": ("S5", "S8"),
    "right_posterior": ("S6", "S7"),
    **{name: (name,) for name in ("S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8")},
}
"""Portal branches a plan may occlude and the segments each one feeds."""

HEPATIC_VEINS: dict[str, tuple[str, ...]] = {
    "right": ("S6", "S7", "S5", "S8"),
    "middle": ("S4", "S5", "S8"),
    "left": ("S2", "S3", "S4"),
}
"""Hepatic veins and the segments each one drains, wholly or in part."""

VEIN_PROXIES: tuple[tuple[str, tuple[str, ...], tuple[str, ...], bool], ...] = (
    ("right hepatic vein", ("S7",), ("S8",), True),
    ("middle hepatic vein", ("S4",), ("S5", "S8"), True),
    ("umbilical fissure", ("S2", "S3"), ("S4",), False),
)
"""Borders that stand in for a vessel when none was supplied: name, the segments on either side, whether it
decides.

They are named proxies, which never lift a verdict. The two hepatic veins run along the whole of their
borders, so a wedge there cannot be judged without them; the pedicles of the umbilical fissure lie in the
lower part of theirs only, so it is remarked."""


def leaves(name: str) -> tuple[str, ...]:
    """Return the leaf segments of a segment name: S4 gives S4, S4a and S4b, whichever a file has."""
    if name == "S4":
        return ("S4", "S4a", "S4b")
    if name in SEGMENTS:
        return (name,)
    raise AnatomyError(f'segment "{name}" is not known; segments are {", ".join(SEGMENTS)}')


def check_split_once(names: Collection[str], *, source: str) -> None:
    """Raise when S4 is given whole and also in its parts."""
    if "S4" in names and ("S4a" in names or "S4b" in names):
        raise AnatomyError(
            f"{source} has S4 and also S4a or S4b: the same segment twice; keep one of the two forms"
        )


def segment_name(text: str) -> str | None:
    """Return the registry name of a segment as files spell it, or None when it is not one.

    Understands ``S4a``, ``Segment 4``, ``liver_segment_4``, ``seg-IVb``, ``Couinaud VIII``, ``4``.
    """
    roman = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6", "vii": "7", "viii": "8"}
    word = re.sub(r"\.(nii(\.gz)?|(seg\.)?nrrd|stl|vtp|ply|obj|glb)$", "", text.strip().lower())
    word = re.sub(r"^((liver|hepatic|couinaud)[ _-]*)*(segment|seg|s)?[ _.-]*", "", word)
    match = re.fullmatch(r"(viii|vii|vi|iv|v|iii|ii|i|[1-8])([ab]?)", word)
    if match is None:
        return None
    name = "S" + roman.get(match[1], match[1]) + match[2]
    return name if name in SEGMENTS else None


KIND_WORDS: tuple[tuple[str, str], ...] = (
    ("lesion", r"lesion|tumou?r|metasta|nodule|\bhcc\b|\bcrlm\b|^l[ _-]?\d+$"),
    (
        "other",
        r"arter|cava|\bivc\b|bile|biliary|duct|gall ?bladder|spleen|kidney|aorta|stomach|pancreas|remnant",
    ),
    ("portal_vein", r"portal|\bpv\b"),
    ("hepatic_vein", r"hepatic vein|vein.* hepatic|\b[lmr]?hv\b"),
    ("unsplit", r"vessel|vascular tree"),
    ("liver", r"^(whole )?(liver|parenchyma|liver parenchyma)$"),
)
"""Words by which files name what is not a segment, in the order they are tried."""


def structure_kind(text: str) -> str | None:
    """Return what a structure's name says it is.

    Returns
    -------
    ``segment``, ``lesion``, ``portal_vein``, ``hepatic_vein``, ``unsplit`` (vessels not told apart), ``liver``,
    ``other`` (known, and none of these), or None when the name says nothing.
    """
    if segment_name(text) is not None:
        return "segment"
    words = re.sub(r"[\s_.-]+", " ", text.strip().lower())
    if "splenic vein" in words and "portal" in words:
        return "portal_vein"
    for kind, pattern in KIND_WORDS:
        if re.search(pattern, words):
            return kind
    return None


def is_all_lesions(text: str) -> bool:
    """Return whether a name stands for all lesions together, as ``liver_tumor`` or ``lesions`` do, not for one of them."""
    words = re.sub(r"[\s_.-]+", " ", text.strip().lower())
    return re.fullmatch(r"(liver |hepatic )?(lesions?|tumou?rs?|metastas[ei]s|nodules?)", words) is not None


def branch_name(text: str, tree: str) -> str:
    """Return the registry's name of a vessel's branch, the tree's when the name says no more, else the name as it is.

    ``right hepatic vein`` is the branch ``right`` of ``hepatic_vein``; ``portal_vein`` is the tree.
    """
    words = re.sub(r"[\s_.-]+", " ", text.strip().lower())
    abbreviated = {"rhv": "right", "mhv": "middle", "lhv": "left"}.get(words)
    rest = re.sub(r"\b(liver|hepatic|portal|vascular|veins?|vessels?|branch|trees?|pv|hv)\b", " ", words)
    key = abbreviated or "_".join(rest.split())
    known = HEPATIC_VEINS if tree == "hepatic_vein" else PORTAL_BRANCHES
    if not key:
        return tree
    return key if key in known else segment_name(key) or text


def resection_segments(name: str) -> tuple[str, ...]:
    """Return the segments a resection takes, from a Brisbane or New World name, a synonym, or a segment.

    Raises
    ------
    PlanError
        When the name is not in the registry.
    """
    key = re.sub(r"[\s_-]+", " ", name.strip().lower())
    for resection in NAMED_RESECTIONS.values():
        spellings = (resection.title, resection.new_world.lower(), *resection.synonyms)
        if key in spellings:
            return resection.segments
    segment = segment_name(name)
    if segment is not None:
        return (segment,)
    known = ", ".join([*NAMED_RESECTIONS, *(s for s in SEGMENTS)])
    raise PlanError(f'resection "{name}" is not known; use one of {known}')


def resection_title(segments: frozenset[str]) -> str:
    """Return the Brisbane name of a set of segments, or the segments themselves."""
    joined = frozenset("S4" if s in ("S4a", "S4b") else s for s in segments)
    for resection in NAMED_RESECTIONS.values():
        if frozenset(resection.segments) == joined:
            return resection.title
    return "resection of " + ", ".join(sorted(segments))
