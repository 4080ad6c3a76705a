"""What a label map betrays about itself, on a liver of blocks."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flrsim.case import Accepted
from flrsim.errors import AnatomyError
from flrsim.evidence import load_evidence
from flrsim.forensics import examine_liver, refuse
from flrsim.io.structures import Structures
from flrsim.results import Finding

sys.path.insert(0, str(Path(__file__).parents[1]))
import block_liver as blocks

EVIDENCE = load_evidence()


def liver(
    labels: np.ndarray | None = None, spacing: tuple[float, float, float] = (5.0, 5.0, 5.0)
) -> Structures:
    labels = blocks.segments() if labels is None else np.ascontiguousarray(labels)
    ml = np.bincount(labels.ravel(), minlength=9) * np.prod(spacing) / 1000
    ml[0] = 0.0
    names = ("outside", *(f"S{i}" for i in range(1, 9)))
    return Structures(labels.astype(np.uint16), blocks.lps_affine(spacing), names, ml, {}, (), "map")


def findings(structures: Structures, accepted: Accepted | None = None) -> dict[str, Finding]:
    return {f.code: f for f in examine_liver(structures, EVIDENCE, accepted or Accepted())}


def test_a_plausible_liver_has_no_finding() -> None:
    assert findings(liver()) == {}


@pytest.mark.parametrize(
    ("turn", "code"),
    [
        (np.s_[::-1], "mirrored"),
        (np.s_[:, ::-1], "back_to_front"),
        (np.s_[:, :, ::-1], "upside_down"),
        (np.s_[::-1, ::-1], "wrong_frame"),
    ],
)
def test_each_wrong_way_round_has_its_own_name(turn: object, code: str) -> None:
    found = findings(liver(blocks.segments()[turn]))
    assert list(found) == [code]
    assert found[code].level == "refused"


def test_a_mirrored_map_can_be_vouched_for_and_a_mirrored_mesh_cannot() -> None:
    turned = liver(blocks.segments()[::-1])
    assert findings(turned)["mirrored"].accept == "mirrored"
    assert findings(replace(turned, from_mesh=True))["mirrored"].accept is None


@pytest.mark.parametrize(
    "spacing",
    [(1.0, 1.0, 1.0), (5.0, 5.0, 1.5), (5.0, 5.0, 15.0), (10.0, 5.0, 5.0), (3.0, 3.0, 3.0), (8.0, 8.0, 8.0)],
)
def test_impossible_sizes_and_proportions_are_refused_unless_accepted(
    spacing: tuple[float, float, float],
) -> None:
    found = findings(liver(spacing=spacing))
    assert list(found) == ["proportions"]
    assert found["proportions"].accept == "spacing_mm"
    accepted = findings(liver(spacing=spacing), Accepted(proportions=True))
    assert all(f.level == "warning" for f in accepted.values())


def test_exactly_1_mm_is_questioned_and_a_mesh_on_such_a_lattice_is_not() -> None:
    fine = np.kron(blocks.segments(), np.ones((5, 5, 5), dtype=np.uint8))
    found = findings(liver(fine, (1.0, 1.0, 1.0)))
    assert {c: f.level for c, f in found.items()} == {"placeholder_spacing": "warning"}
    assert "190 × 130 × 150 mm and 1941 mL" in found["placeholder_spacing"].sentence
    assert findings(replace(liver(fine, (1.0, 1.0, 1.0)), from_mesh=True)) == {}


def test_a_second_piece_and_a_speck_are_named_with_millilitres_and_place() -> None:
    labels = blocks.segments()
    # 64 voxels of S5 high in the left lobe, and one voxel of S6 there.
    labels[32:36, 12:16, 18:22] = 5
    labels[30, 10, 20] = 6
    found = findings(liver(labels))
    assert set(found) == {"pieces", "specks"}
    piece, speck = found["pieces"], found["specks"]
    assert piece.ml == pytest.approx(64 * 0.125)
    assert piece.place_mm == pytest.approx((-140 + 33.5 * 5, -110 + 13.5 * 5, 90 + 19.5 * 5))
    assert piece.sentence.startswith(
        "map: S5 is in 2 pieces of 204.4 and 8.0 mL; the second lies around L 28, P -42, S 188 mm"
    )
    assert speck.ml == pytest.approx(0.125)
    assert speck.place_mm == pytest.approx((10.0, -60.0, 190.0))
    assert speck.sentence.startswith("map: S6 has 1 speck of 0.12 mL together")


def test_an_unusual_left_share_is_a_warning() -> None:
    labels = blocks.segments()
    labels[(labels == 4)] = 3
    labels[19:21, 5:20, 10:20][labels[19:21, 5:20, 10:20] == 3] = 4
    found = findings(liver(labels))
    assert found["left_share"].level == "warning"


def test_all_reasons_go_into_one_error() -> None:
    found = examine_liver(liver(blocks.segments()[::-1], (5.0, 5.0, 1.5)), EVIDENCE, Accepted())
    with pytest.raises(AnatomyError) as error:
        refuse(found)
    assert "mirrored left to right" in str(error.value)
    assert "; also: map: with voxels of 5 × 5 × 1.5 mm" in str(error.value)
    refuse([Finding("warning", "x", "only a warning")])


def test_an_empty_map_is_no_liver() -> None:
    with pytest.raises(AnatomyError, match=r"^map holds no label at all"):
        examine_liver(liver(np.zeros(blocks.SHAPE, np.uint8)), EVIDENCE, Accepted())
