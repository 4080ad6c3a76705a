"""What a plan may say, on a liver of blocks."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from flrsim.case import LiverCase
from flrsim.case_file import load_case
from flrsim.errors import PlanError
from flrsim.evidence import load_evidence
from flrsim.legality import check_cycles, check_plan, history_of, images_day
from flrsim.plan import Occlude, Operate, Plan, Scan, Step, Treat, Wait, describe, resected_by

sys.path.insert(0, str(Path(__file__).parents[1]))
import block_liver as blocks

EIGHT = tuple(f"S{i}" for i in range(1, 9))
SPLIT = ("S1", "S2", "S3", "S4a", "S4b", "S5", "S6", "S7", "S8")


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> LiverCase:
    folder = blocks.write_case(tmp_path_factory.mktemp("case"))
    return load_case(folder, load_evidence())[0]


def steps(*actions: tuple[int, object]) -> tuple[Step, ...]:
    return tuple(Step(day, action) for day, action in actions)


def plan(*actions: tuple[int, object], caudate: str = "stays") -> Plan:
    return Plan("p", steps(*actions), caudate)


def op(*resect: str, wedge: tuple[str, ...] = (), margin: float | None = None) -> Operate:
    return Operate(resect, wedge, margin)


def pve(*branches: str) -> Occlude:
    return Occlude("pve", branches)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (plan((0, pve("right"))), "has no operation"),
        (plan((0, op("S5")), (30, op("S5", "S6"))), "day 30: S5 is resected a second time; name each segment once"),
        (plan((0, op("right_hepatectomy")), (30, op("H67"))), "day 30: S6, S7 are resected a second time"),
        (plan((0, op("H67", "S7"))), "day 0: S7 is taken by two of H67, S7; name each segment once"),
        (plan((0, op("S4a"))), "day 0: S4a names no segment that this liver has"),
        (plan((0, op("S99"))), 'day 0: resection "S99" is not known'),
        (plan((0, op()),), "day 0: the operation takes nothing"),
        (plan((0, op(wedge=("L3",), margin=5))), "day 0: lesion L3 is not in the case; its lesions are L1, L2"),
        (plan((0, op(wedge=("L1",)))), "day 0: a wedge needs its margin"),
        (plan((0, op(wedge=("L1", "L1"), margin=5))), "day 0: lesion L1 is wedged a second time"),
        (plan((0, op(*EIGHT[1:])), caudate="goes"), "leaves no segment"),
        (plan((0, pve("left")), (20, op("right_hepatectomy"))), "day 0: occluding left takes the portal inflow of S2, S3, S4, which stays"),
        (plan((0, pve("right", "S4")), (20, op("H5678"))), "day 0: occluding S4 takes the portal inflow of S4, which stays"),
        (plan((0, pve("middle")), (20, op("H5678"))), 'day 0: portal branch "middle" is not known'),
        (plan((0, Occlude("glue", ("right",))), (20, op("H5678"))), 'day 0: technique "glue" is not one of pve'),
        (plan((0, op("S5")), (20, pve("S6"))), "day 20: occluding S6 takes the portal inflow of S6, which stays"),
        (plan((0, op("S6")), (20, pve("S6"))), "day 20: no operation follows the PVE"),
        (plan((2, op("S6"))), "the first step that touches the liver is on day 2; it is day 0 by definition"),
        (plan((0, op("S6")), (9, Scan()), (4, op("S7"))), "the steps are on days 0, 9, 4; put them in the order of their days"),
        (plan((0, op("S6")), caudate="maybe"), 'caudate is "maybe"; it stays or goes'),
        (plan((0, op("H67")), (30, op(wedge=("L1",), margin=5))), "day 30: lesion L1 lies in what an earlier operation took"),
    ],
)  # fmt: skip
def test_what_cannot_be_carried_out_is_said_with_plan_and_day(
    given: Plan, sentence: str, case: LiverCase
) -> None:
    with pytest.raises(PlanError, match=f'^plan "p"(:|,)? ?{re.escape(sentence)}'):
        check_plan(given, case)


def test_a_legal_plan_has_no_remark_but_open_s4_has(case: LiverCase) -> None:
    whole = plan((0, op(wedge=("L2",), margin=5)), (14, pve("right", "S4")), (42, Scan()), (45, op("H45678")))
    assert check_plan(whole, case) == ()
    (remark,) = check_plan(plan((0, pve("right")), (30, op("H45678"))), case)
    assert remark.startswith("S4 is resected but its portal branches are not embolized")
    # The day before the operation may be a scan or a pause; only what touches the liver is day 0.
    assert check_plan(plan((-3, Scan()), (0, op("S6")), (5, Wait())), case) == ()


def test_the_caudate_goes_with_the_last_operation_unless_named() -> None:
    two = ((0, op("S6")), (30, op("H58")))
    assert resected_by(plan(*two), EIGHT) == [{"S6"}, {"S5", "S8"}]
    assert resected_by(plan(*two, caudate="goes"), EIGHT) == [{"S6"}, {"S1", "S5", "S8"}]
    named = ((0, op("S6", "S1")), (30, op("H58")))
    assert resected_by(plan(*named, caudate="goes"), EIGHT) == [{"S1", "S6"}, {"S5", "S8"}]


def test_s4_means_its_leaves() -> None:
    assert resected_by(plan((0, op("S4"))), SPLIT) == [{"S4a", "S4b"}]
    assert resected_by(plan((0, op("S4b"))), SPLIT) == [{"S4b"}]


@pytest.mark.parametrize(
    ("given", "family"),
    [
        (plan((0, op("S6"))), "one operation"),
        (plan((0, op(wedge=("L1",), margin=5))), "one operation, parenchyma-sparing"),
        (plan((0, pve("S6")), (30, op("S6"))), "embolization, then one operation"),
        (plan((0, op("S6")), (30, op("S5"))), "two operations"),
        (plan((0, op("S6")), (9, pve("S5")), (30, op("S5"))), "two operations with embolization"),
        (
            plan((0, op("S6")), (0, Occlude("alpps", ("S5",))), (9, op("S5"))),
            "two operations with liver partition (ALPPS)",
        ),
        (
            plan((0, Occlude("lvd", ("S6",), ("right",))), (30, op("S6"))),
            "venous deprivation, then one operation",
        ),
        (plan((0, Occlude("y90", ("S6",))), (90, op("S6"))), "radiation lobectomy, then one operation"),
    ],
)
def test_plans_are_grouped_in_families(given: Plan, family: str) -> None:
    assert given.family == family


def test_treatment_begins_after_the_images_that_show_the_lesions_before_it(case: LiverCase) -> None:
    treated = plan((-70, Treat("FOLFOX", 4)), (0, op("S6")))
    with pytest.raises(
        PlanError,
        match=r'^plan "p", day -70: FOLFOX begins before the images of day 0, .* its own scan_day, -70 or earlier',
    ):
        check_plan(treated, case)
    assert check_plan(replace(treated, scan_day=-70), case) == ()
    with pytest.raises(PlanError, match="before the images of day -69"):
        check_plan(replace(treated, scan_day=-69), case)


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (((-77, Treat("CAPOX+panitumumab", 4)), (0, op("S6"))), None),  # on days -77, -56, -35, -14
        (((-77, Treat("CAPOX+panitumumab", 8)), (0, op("S6"))), "only 4 of 8 cycles of CAPOX+panitumumab, one every 21 days, fit before the operation on day 0; the last would be on day 70: give 4, begin by day -148, or operate after day 70"),
        (((-28, Treat("FOLFOX", 3)), (0, op("S6"))), "only 2 of 3"),  # a dose on the day of the operation
        (((-29, Treat("FOLFOX", 3)), (0, op("S6"))), None),
        (((0, op("S2")), (5, Treat("FOLFOX", 3)), (40, op("S6"))), None),
        (((0, op("S2")), (5, Treat("FOLFOX", 3)), (33, op("S6"))), "only 2 of 3"),
        (((-7, Treat("FOLFOX", 2)), (0, op("S2")), (40, op("S6"))), "before the operation on day 0"),
        (((-7, Treat("FOLFOX", 2)), (0, Occlude("pve", ("S6",))), (40, op("S6"))), None),  # over an embolization
        (((0, op("S6")), (28, Treat("FOLFOX", 12))), None),  # nothing follows
    ],
)  # fmt: skip
def test_cycles_that_do_not_fit_before_the_next_operation_are_refused(
    steps: tuple[tuple[int, object], ...], said: str | None
) -> None:
    if said is None:
        check_cycles(plan(*steps), load_evidence())
        return
    with pytest.raises(PlanError) as error:
        check_cycles(plan(*steps), load_evidence())
    assert said in error.value.sentence


def test_a_plan_that_dates_the_images_otherwise_dates_the_treatments_before_them_with_them(
    case: LiverCase,
) -> None:
    known = replace(case, scan_day=-14)
    (given,) = known.history
    now, later = plan((0, op("S6"))), replace(plan((0, op("S6"))), scan_day=-84)
    assert (images_day(now, known), images_day(later, known)) == (-14, -84)
    assert history_of(now, known) == (given,)
    assert history_of(later, known) == (replace(given, last_dose_day=given.last_dose_day - 70),)


def test_a_step_is_told_in_words() -> None:
    said = [
        describe(s, EIGHT)
        for s in steps(
            (0, op("H45678", wedge=("L2", "L3"), margin=7.5)), (14, pve("right_anterior", "S4")), (42, Scan()), (42, Scan(310.0)), (50, Wait()),
            (0, Occlude("lvd", ("right", "S4"), ("right", "middle"), "nbca")), (21, Occlude("hve", (), ("right",))), (28, Treat("FOLFIRI", 2)),
            (40, Operate(resect=("S6",), with_primary="minor", thrombectomy=True)),
        )
    ]  # fmt: skip
    assert said == [
        "day 0: right trisectionectomy + wedge L2, L3 (7.5 mm margin)",
        "day 14: PVE of right anterior + S4",
        "day 42: scan",
        "day 42: scan, FLR measured 310 mL",
        "day 50: wait",
        "day 0: LVD (nbca) of right + S4, right hepatic vein, middle hepatic vein",
        "day 21: HVE of right hepatic vein",
        "day 28: FOLFIRI, 2 cycles",
        "day 40: resection of S6 + thrombectomy + minor colorectal resection",
    ]
