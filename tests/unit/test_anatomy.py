"""The registry against the terminologies: Couinaud, Brisbane 2000, New World."""

from __future__ import annotations

import pytest

from flrsim.anatomy import (
    COUINAUD_LABELS,
    HEPATIC_VEINS,
    NAMED_RESECTIONS,
    PORTAL_BRANCHES,
    SECTIONS,
    SEGMENTS,
    branch_name,
    check_split_once,
    is_all_lesions,
    leaves,
    resection_segments,
    resection_title,
    segment_name,
    structure_kind,
)
from flrsim.errors import AnatomyError, PlanError

BRISBANE = {
    "right_hepatectomy": {"S5", "S6", "S7", "S8"},
    "left_hepatectomy": {"S2", "S3", "S4"},
    "right_trisectionectomy": {"S4", "S5", "S6", "S7", "S8"},
    "left_trisectionectomy": {"S2", "S3", "S4", "S5", "S8"},
    "left_lateral_sectionectomy": {"S2", "S3"},
    "left_medial_sectionectomy": {"S4"},
    "right_anterior_sectionectomy": {"S5", "S8"},
    "right_posterior_sectionectomy": {"S6", "S7"},
    "central_hepatectomy": {"S4", "S5", "S8"},
    "caudate_resection": {"S1"},
}


@pytest.mark.parametrize(("name", "segments"), BRISBANE.items())
def test_a_resection_takes_the_segments_of_the_terminology_by_every_name(
    name: str, segments: set[str]
) -> None:
    resection = NAMED_RESECTIONS[name]
    numbers = "".join(sorted(s[1] for s in segments))
    assert resection.new_world == f"H{numbers}"
    for spelling in (name, name.upper(), resection.title, resection.new_world, resection.new_world.lower()):
        assert set(resection_segments(spelling)) == segments
    for synonym in resection.synonyms:
        assert set(resection_segments(synonym.replace(" ", "-").title())) == segments
    assert resection_title(frozenset(segments)) == resection.title
    assert resection.major == (len(segments) >= 3)


def test_no_spelling_means_two_resections() -> None:
    spellings = [s for r in NAMED_RESECTIONS.values() for s in (r.title, r.new_world.lower(), *r.synonyms)]
    assert len(spellings) == len(set(spellings))
    assert set(NAMED_RESECTIONS) == set(BRISBANE)


def test_split_s4_has_the_name_of_the_whole() -> None:
    assert resection_title(frozenset({"S4a", "S4b", "S5", "S6", "S7", "S8"})) == "right trisectionectomy"
    assert resection_title(frozenset({"S6", "S5"})) == "resection of S5, S6"
    assert leaves("S4") == ("S4", "S4a", "S4b")
    assert leaves("S5") == ("S5",)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("S4a", "S4a"), ("s8", "S8"), ("4", "S4"), ("Segment 4", "S4"), ("liver_segment_7", "S7"), ("seg-IVb", "S4b"),
        ("Couinaud VIII", "S8"), ("segment_6.stl", "S6"), ("S3.nii.gz", "S3"), ("iii", "S3"), (" V ", "S5"),
        ("S9", None), ("S0", None), ("S5a", None), ("spleen", None), ("", None), ("S12", None), ("iix", None),
    ],
)  # fmt: skip
def test_segments_are_known_as_files_spell_them(text: str, name: str | None) -> None:
    assert segment_name(text) == name


def test_every_segment_has_its_place_pedicle_and_drainage() -> None:
    assert set(SEGMENTS) == {*(f"S{i}" for i in range(1, 9)), "S4a", "S4b"}
    assert {i: f"S{i}" for i in range(1, 9)} == COUINAUD_LABELS
    assert len({s.colour for s in SEGMENTS.values()}) == len(SEGMENTS)
    for name, segment in SEGMENTS.items():
        whole = name[:2]
        assert whole in SECTIONS[segment.section].segments
        assert segment.portal[0] == "main"
        assert segment.portal[-1] == name
        for branch in segment.portal[1:-1]:
            assert whole in PORTAL_BRANCHES[branch]
        for vein in segment.drainage:
            assert vein == "inferior vena cava" or whole in HEPATIC_VEINS[vein]
    for vein, segments in HEPATIC_VEINS.items():
        for name in segments:
            assert vein in SEGMENTS[name].drainage
    assert set(SECTIONS["left"].segments) | set(SECTIONS["right"].segments) == {f"S{i}" for i in range(2, 9)}
    assert PORTAL_BRANCHES["right"] == SECTIONS["right"].segments


def test_unknown_names_are_said() -> None:
    with pytest.raises(
        PlanError, match=r'^resection "left wing" is not known; use one of right_hepatectomy, '
    ):
        resection_segments("left wing")
    with pytest.raises(AnatomyError, match=r'^segment "S9" is not known; segments are S1, S2, '):
        leaves("S9")


@pytest.mark.parametrize("extra", ["S4a", "S4b"])
def test_s4_is_given_whole_or_in_parts(extra: str) -> None:
    check_split_once({"S4", "S5"}, source="x")
    check_split_once({"S4a", "S4b"}, source="x")
    with pytest.raises(AnatomyError, match=r"^x has S4 and also S4a or S4b: the same segment twice"):
        check_split_once({"S4", extra}, source="x")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("liver_segment_1.nii.gz", "S1"),
        ("Liver Couinaud segment IVb", "S4b"),
        ("hepatic_segment_8", "S8"),
        ("S5.seg.nrrd", "S5"),
        ("Segment 4a.ply", "S4a"),
        ("Vascular Territory ID 1", None),
        ("liver", None),
        ("S9", None),
        ("liver_vessels", None),
        ("spleen", None),
    ],
)
def test_segments_are_known_by_the_names_other_tools_give_them(text: str, name: str | None) -> None:
    assert segment_name(text) == name


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("liver_segment_4", "segment"),
        ("liver_tumor", "lesion"),
        ("Tumour-3", "lesion"),
        ("liver_lesions", "lesion"),
        ("Metastasis S5", "lesion"),
        ("L12", "lesion"),
        ("liver_vessels", "unsplit"),
        ("Portal-vein", "portal_vein"),
        ("portal_vein_and_splenic_vein", "portal_vein"),
        ("Hepatic veins", "hepatic_vein"),
        ("MHV", "hepatic_vein"),
        ("hepatic artery", "other"),
        ("inferior_vena_cava", "other"),
        ("spleen", "other"),
        ("Remnant", "other"),
        ("Liver", "liver"),
        ("Berta", None),
    ],
)
def test_names_say_what_a_structure_is(text: str, kind: str | None) -> None:
    assert structure_kind(text) == kind


@pytest.mark.parametrize(
    ("text", "tree", "branch"),
    [
        ("portal_vein", "portal_vein", "portal_vein"),
        ("Hepatic veins", "hepatic_vein", "hepatic_vein"),
        ("right hepatic vein", "hepatic_vein", "right"),
        ("LHV", "hepatic_vein", "left"),
        ("portal vein right posterior branch", "portal_vein", "right_posterior"),
        ("S4", "portal_vein", "S4"),
        ("liver_vessels", "unsplit", "unsplit"),
        ("inferior right hepatic vein", "hepatic_vein", "inferior right hepatic vein"),
    ],
)
def test_branches_get_the_registrys_names_and_others_keep_their_own(
    text: str, tree: str, branch: str
) -> None:
    assert branch_name(text, tree) == branch


@pytest.mark.parametrize(
    ("text", "all_together"),
    [("liver_tumor", True), ("Lesions", True), ("metastases", True), ("Tumor-1", False), ("L1", False)],
)
def test_a_name_for_all_lesions_is_told_from_the_name_of_one(text: str, all_together: bool) -> None:
    assert is_all_lesions(text) == all_together
