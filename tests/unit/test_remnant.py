"""What a plan severs and what of the remnant that leaves without inflow or outflow; vessels hidden in lesions count too."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import solids
from flrsim.assembly import VesselFile, assemble
from flrsim.case import LiverCase, Vessel
from flrsim.evidence import load_evidence
from flrsim.perfusion import Circulation, Deprivation, Supply, deprivation, summed, total
from flrsim.perfusion_result import perfusion_result
from flrsim.plan import Operate, Plan, Step
from flrsim.remnant import VesselAnswer, on_kept_veins, staying_segments, vessel_answers
from flrsim.resection.plane import Plane
from flrsim.staging import StagedPlan, stage_plans
from flrsim.verdict.clearance import clearance

SPACING = (3.0, 3.0, 3.0)


def encased(tree: str, branch: str, *, radius: float = 5.0) -> tuple[LiverCase, str]:
    """Return a toy liver with one ball lesion that holds the whole of one vessel, and the segment they lie in."""
    shape = tuple(int(2 * half / 3.0) + 5 for half in (80, 58, 48))
    affine = solids.centred_affine(SPACING, shape)
    points = solids.grid_points(shape, affine)
    labels = solids.toy_segments(points)
    segments = solids.structures(labels, affine, ("outside", *solids.SEGMENTS))
    here = int(labels[tuple(n // 2 for n in shape)] or labels.max())
    inside = np.argwhere(labels == here)
    centre = points[tuple(inside[len(inside) // 2])]
    away = np.linalg.norm(points - centre, axis=-1)
    lesion = solids.structures(((away < 10.0) & (labels > 0)).astype(np.uint8), affine, ("outside", "L1"))
    vessel = solids.structures(((away < radius) & (labels > 0)).astype(np.uint8), affine, ("outside", branch))
    grid, lesions, vessels, warnings = assemble(segments, lesion, (VesselFile(tree, vessel),))
    return LiverCase("encased", grid, lesions, vessels, warnings=warnings), solids.SEGMENTS[here - 1]


def wedge_of(case: LiverCase):
    plan = Plan("wedge", (Step(0, Operate((), ("L1",), 3.0)),))
    return stage_plans(case, [plan], load_evidence())[0]


def asked(case: LiverCase, staged: StagedPlan) -> tuple[Deprivation, dict[str, VesselAnswer]]:
    circulation = Circulation.of(case)
    found = deprivation(Supply.of(circulation, staged.pieces), staged, load_evidence())
    return found, {a.question: a for a in vessel_answers(circulation, staged, found)}


def answer(case: LiverCase, staged, question: str) -> str:
    return asked(case, staged)[1][question].answer


def test_the_part_of_a_vessel_inside_a_lesion_is_remembered() -> None:
    case, _ = encased("portal_vein", "right")
    (vessel,) = case.vessels
    assert vessel.encased_ml == {"L1": vessel.volume_ml}
    assert not len(case.grid.ids(kind="vessel"))


def test_a_pedicle_inside_a_wedged_lesion_is_lost() -> None:
    _, segment = encased("portal_vein", "right")
    case, _ = encased("portal_vein", segment)
    staged = wedge_of(case)
    assert segment in staged.flr_ml
    assert answer(case, staged, "inflow") == "no"


def test_a_hepatic_vein_inside_a_lesion_forbids_its_wedge() -> None:
    case, segment = encased("hepatic_vein", "right")
    (fate,) = wedge_of(case).fates
    assert fate.near is not None
    assert (fate.near.name, fate.near.distance_mm, fate.near.proxy) == ("hepatic vein, right", 0.0, False)
    # Where the lesion's segment is resected whole, the vein goes with it and forbids nothing.
    plan = Plan("both", (Step(0, Operate((*(s for s in fate.lesion.segments),), (), None)),))
    (taken,) = stage_plans(case, [plan], load_evidence())[0].fates
    assert (taken.fate, taken.near) == ("removed", None)
    assert segment in fate.lesion.segments


# ------------------------------------------------------------------------------------------------ the middle vein


@cache
def toy(spacing=(3.0, 3.0, 3.0)) -> LiverCase:
    """Return the toy liver: its middle vein runs in the border of S4 and S5/8, its right vein in that of S5/8 and S6/7."""
    return solids.toy_liver(spacing, lesions={})


def plan_of(case: LiverCase, *resect: str, name: str = "plan") -> StagedPlan:
    return stage_plans(case, [Plan(name, (Step(0, Operate(resect)),))], load_evidence())[0]


def vein(found: Deprivation, name: str):
    return next(v for v in found.veins if v.name == name)


def test_a_hepatectomy_along_the_middle_vein_keeps_it_and_says_what_taking_it_would_congest() -> None:
    case = toy()
    found, answers = asked(case, plan_of(case, "right_hepatectomy"))
    middle = vein(found, "middle")
    assert middle.fate == "along"
    assert 0.3 < middle.taken_fraction < 0.7
    assert total(middle.congested_ml) == 0
    # Without a left vein all that stays but the caudate lobe is nearest to the middle one.
    stays = {s: ml for s, ml in case.parenchyma_ml.items() if s in ("S2", "S3", "S4a", "S4b")}
    assert middle.if_taken_ml == pytest.approx(stays)
    assert "the cut runs along the middle hepatic vein" in answers["outflow"].sentence
    assert f"were it taken, {sum(stays.values()):.0f} mL (" in answers["outflow"].sentence
    assert found.congested_ml == 0


@pytest.mark.parametrize(("x", "on_it"), [(-16.0, True), (-29.0, False), (-40.0, False)])
def test_a_lesion_that_a_hepatectomy_takes_off_the_middle_vein_has_hardly_a_margin(
    x: float, on_it: bool
) -> None:
    # The wall of the tube is at x = -14: the ball of 6 mm reaches into it, or lies 9 or 20 mm away.
    case = solids.toy_liver((3.0, 3.0, 3.0), lesions={"L1": ((x, 0.0, 0.0), 6.0)})
    evidence = load_evidence()
    staged = plan_of(case, "right_hepatectomy")
    circulation = Circulation.of(case)
    found = deprivation(Supply.of(circulation, staged.pieces), staged, evidence)
    beside = on_kept_veins(case, staged, found, evidence)
    assert [(b.lesion, b.vein) for b in beside] == ([("L1", "middle")] if on_it else [])
    assert all(0 <= b.distance_mm < evidence.value("verdict.margin_r1") for b in beside)
    axis = clearance(staged.fates, True, None, evidence, beside)
    assert axis.verdict == ("borderline" if on_it else "meets_rules")
    assert ("the middle hepatic vein, which is dissected free and kept" in axis.sentence) == on_it
    (s4, *_) = [s for s in staying_segments(staged, found) if s.name == "S4a"]
    assert s4.veins["middle"] == "along"
    result = perfusion_result(circulation, found, 1000.0, evidence, (), beside)
    assert [dict(v.on_it) for v in result.veins if v.on_it] == (
        [{"L1": beside[0].distance_mm}] if on_it else []
    )
    # Where the vein goes with the liver beside it, nothing is left that it could be taken off.
    wider = plan_of(case, "right_trisectionectomy")
    gone = deprivation(Supply.of(Circulation.of(case), wider.pieces), wider, evidence)
    assert on_kept_veins(case, wider, gone, evidence) == ()


def test_a_resection_of_both_sides_of_the_middle_vein_takes_it_and_what_it_drained_is_congested() -> None:
    case = toy()
    staged = plan_of(case, "central_hepatectomy")
    found, answers = asked(case, staged)
    assert vein(found, "middle").fate == "taken"
    assert found.congested is not None
    drained = Circulation.of(case).trees["hepatic_vein"].parenchyma_ml["middle"]
    assert drained["S2"] == pytest.approx(case.parenchyma_ml["S2"])
    kept = {s: ml for s, ml in drained.items() if s not in ("S4a", "S4b", "S5", "S8")}
    assert found.congested["middle"] == pytest.approx(kept)
    assert "takes the middle hepatic vein: it drains" in answers["outflow"].sentence
    # What stays is counted by the credit given to it, and the whole of it is never lost from the sum.
    assert found.credited_ml(1.0) == pytest.approx(sum(staged.flr_ml.values()))
    assert found.credited_ml(0.0) == pytest.approx(sum(staged.flr_ml.values()) - found.ml)
    assert found.credited_ml(0.5) == pytest.approx((found.credited_ml(0.0) + found.credited_ml(1.0)) / 2)


def test_a_trisectionectomy_takes_the_middle_vein_and_leaves_nothing_of_what_it_drains() -> None:
    case = toy()
    found, _ = asked(case, plan_of(case, "S2", "S3", "right_trisectionectomy"))
    assert (
        vein(found, "middle").sentence == "takes the middle hepatic vein, which drains nothing of what stays"
    )
    # The caudate lobe drains into the vena cava by the registry.
    assert found.ml == pytest.approx(total(summed(found.devascularised or {})))
    assert found.congested_ml == 0


@pytest.mark.parametrize(("x", "fate"), [(-8.0, "along"), (29.3, "taken"), (-20.0, "kept")])
def test_a_plane_takes_the_vein_that_lies_beyond_it(x: float, fate: str) -> None:
    case = toy()
    cut = Operate(plane=(Plane((x, 0.0, 0.0), (-1.0, 0.0, 0.0)),))
    staged = stage_plans(case, [Plan("plane", (Step(0, cut),))], load_evidence())[0]
    found, _ = asked(case, staged)
    assert vein(found, "middle").fate == fate
    assert found.ml <= found.flr_ml * (1 + 1e-12)
    assert found.flr_ml == pytest.approx(sum(staged.flr_ml.values()))
    if fate == "taken":
        # S1 drains by itself; all else that stays beyond the plane hung on the middle vein, to parts of voxels.
        outside = {s: ml for s, ml in staged.flr_ml.items() if s != "S1"}
        assert summed(found.congested or {}) == pytest.approx(outside)


def test_portal_branches_whose_segments_all_go_are_divided_and_the_others_dissected_free() -> None:
    case = toy()
    # In the toy the left branch reaches to x = 8, the right one begins there: one segment only on the right stays.
    found, answers = asked(case, plan_of(case, "S6", "S7", "S8"))
    assert found.lost["portal_vein"] == {"right": False, "left": False}
    assert found.devascularised_ml == 0
    assert answers["inflow"].answer == "yes"
    found, answers = asked(case, plan_of(case, "right_hepatectomy"))
    assert found.lost["portal_vein"] == {"right": True, "left": False}
    fed = Circulation.of(case).trees["portal_vein"].parenchyma_ml["right"]
    kept = {s: ml for s, ml in fed.items() if s not in ("S5", "S6", "S7", "S8")}
    assert (found.devascularised or {})["right"] == pytest.approx(kept)
    assert "was fed by branches that are divided" in answers["inflow"].sentence


def test_without_named_vessels_nothing_is_claimed_and_the_border_stands_in_without_lifting_anything() -> None:
    case = toy()
    for vessels, word in (
        ((), "hepatic veins were not supplied:"),
        ((Vessel("unsplit", "unsplit", None, 9.0),), "name the trees"),
    ):
        bare = LiverCase("bare", case.grid, (), vessels)
        found, answers = asked(bare, plan_of(bare, "right_hepatectomy"))
        assert (found.congested_ml, found.devascularised_ml, found.ml) == (None, None, 0)
        assert answers["outflow"].answer == answers["inflow"].answer == "not_supplied"
        assert word in answers["outflow"].sentence
        assert "along the border S4|S5–8" in answers["outflow"].sentence
        assert "S4a, S4b may congest" in answers["outflow"].sentence
        result = perfusion_result(Circulation.of(bare), found, 1500.0, load_evidence())
        assert (result.deprived_ml, result.credited, len(result.not_supplied)) == (None, (), 2)
    both, answers = asked(bare, plan_of(bare, "central_hepatectomy"))
    assert (
        "takes the border S4|S5–8, where the middle hepatic vein usually runs" in answers["outflow"].sentence
    )
    _, answers = asked(bare, plan_of(bare, "S6", "S7"))
    assert "middle" not in answers["outflow"].sentence
    assert both.sentences == ()


def test_credits_are_those_of_the_evidence_and_shares_are_of_the_estimated_volume() -> None:
    case = toy()
    found, _ = asked(case, plan_of(case, "central_hepatectomy"))
    result = perfusion_result(Circulation.of(case), found, 1000.0, load_evidence())
    assert [c.credit for c in result.credited] == [0.0, 0.13, 0.47, 0.94]
    for c in result.credited:
        assert c.flr_ml == pytest.approx(found.credited_ml(c.credit))
        assert c.sflr == pytest.approx(c.flr_ml / 1000.0)


def test_each_segment_that_stays_says_what_it_hangs_on() -> None:
    case = toy()
    staged = plan_of(case, "right_trisectionectomy")
    found, _ = asked(case, staged)
    staying = {s.name: s for s in staying_segments(staged, found)}
    assert set(staying) == set(staged.flr_ml)
    assert {s.name: s.ml for s in staying.values()} == staged.flr_ml
    s2 = staying["S2"]
    # This liver's portal vein is labelled no finer than left and right, it has no left hepatic vein; nobody can supply ducts.
    assert (s2.portal, s2.portal_fate, s2.duct) == ("left", "kept", "not_supplied")
    assert s2.veins == {"left": "not_supplied"}


def test_a_segment_whose_branch_is_taken_does_not_keep_it() -> None:
    _, segment = encased("portal_vein", "right")
    case, _ = encased("portal_vein", segment)
    staged = wedge_of(case)
    found, _ = asked(case, staged)
    fates = {s.name: (s.portal, s.portal_fate) for s in staying_segments(staged, found)}
    assert fates[segment] == (segment, "lost")
    assert {f for s, (_, f) in fates.items() if s != segment} == {"not_supplied"}


def test_what_the_first_of_two_operations_cuts_off_is_told_by_when_it_goes() -> None:
    """In the toy the left branch's territory reaches into the right lobe and the right one's into S4."""
    case = toy()
    once, _ = asked(case, plan_of(case, "right_hepatectomy"))
    lost = summed(once.devascularised or {})
    assert once.parts
    assert all(part.stage == 1 and part.goes is None for part in once.parts)
    assert {p.segment: p.ml for p in once.parts} == pytest.approx(lost)
    later = sorted(lost)[0]
    both = Plan("both", (Step(0, Operate(("right_hepatectomy",))), Step(30, Operate((later,)))))
    (staged,) = stage_plans(case, [both], load_evidence())
    found, _ = asked(case, staged)
    goes = {p.segment: p.ml for p in found.parts if p.stage == 1 and p.goes == 2}
    stays = {p.segment: p.ml for p in found.parts if p.stage is not None and p.goes is None}
    assert goes == pytest.approx({later: lost[later]})
    assert stays == pytest.approx(summed(found.devascularised or {}))
    # Beside it what loses its outflow, by the first operation that takes either.
    first = {p.segment: p.ml for p in found.losing if p.stage == 1 and p.goes == 2}
    assert first.keys() == {later}
    assert first[later] >= lost[later]
    for_good = {s: sum(p.ml for p in found.losing if p.segment == s and p.goes is None) for s in found.either}
    assert for_good == pytest.approx(found.either)
    assert {p.stage for p in found.losing if p.segment in stays} == {1}
    # Nothing is told twice.
    assert sum(p.ml for p in found.parts if p.goes is None) == pytest.approx(found.ml)
    assert sum(p.ml for p in found.parts if p.goes == 2) == pytest.approx(lost[later])
    congested = {p.segment: p.ml for p in found.parts if p.stage is None}
    either = {s: stays.get(s, 0.0) + congested.get(s, 0.0) for s in {*stays, *congested}}
    assert either == pytest.approx(found.either)


def test_the_other_order_takes_the_same_inflow_a_stage_later() -> None:
    case = toy()
    plan = Plan("other", (Step(0, Operate(("S2",))), Step(30, Operate(("right_hepatectomy",)))))
    (staged,) = stage_plans(case, [plan], load_evidence())
    found, _ = asked(case, staged)
    once, _ = asked(case, plan_of(case, "right_hepatectomy"))
    lost = summed(once.devascularised or {})
    at_last = {p.segment: p.ml for p in found.parts if p.stage == 2}
    assert at_last == pytest.approx({s: ml for s, ml in lost.items() if s != "S2"})


def test_what_lost_its_portal_branch_is_told_beside_all_that_lost_a_vessel() -> None:
    def told(either: dict[str, float], fed: float = 50.0) -> str:
        return Deprivation({"S5": {"S5": fed}}, {}, either, 400.0, {}, ()).unfed

    fed = "50 mL (S5 50 mL) of what stays was fed by portal branches that are lost"
    assert told({"S5": 50.0}) == fed
    assert told({"S5": 50.0, "S4": 70.0}) == f"{fed}; with what loses its outflow 120 mL"
    assert told({"S4": 70.0}, fed=0.0) == ""
