"""Whatever is edited: undo leads back, what is refused changes nothing, what is saved is read back."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import planned_liver as planned
from flrsim.case_file import load_case
from flrsim.case_file.save import saved
from flrsim.comparison import Compared, compare
from flrsim.errors import EditError, FlrsimError
from flrsim.legality import check_plan
from flrsim.plan import Treat
from flrsim.planner import (
    TECHNIQUES,
    Cycles,
    Draft,
    Steps,
    Workbench,
    add_resection,
    assign_lesion,
    assign_segment,
    duplicate_plan,
    remove_plan,
    rename_plan,
    select_plan,
    set_ablation_margin,
    set_before,
    set_between,
    set_history,
    set_interval,
    set_margin,
    set_patient,
    set_penalty,
    set_resection_day,
    set_scan_day,
    set_segment_4,
    set_technique,
    shape_of,
)

E = planned.EVIDENCE
Edit = Callable[[Draft, Workbench], Draft]


@cache
def session() -> tuple[Path, Draft, Workbench]:
    folder = planned.write(Path(tempfile.mkdtemp(prefix="flrsim-planner-")))
    return folder, *planned.session(folder)


def some_plan(draft: Draft, n: int) -> str:
    return draft.plans[n % len(draft.plans)].name


SEGMENTS = st.sampled_from([f"S{i}" for i in range(1, 9)])
NUMBERS = st.integers(0, 5)
COURSES = st.none() | st.builds(
    Cycles, st.sampled_from(["FOLFOX", "FOLFIRI+bevacizumab", "tea"]), st.integers(0, 4), st.integers(0, 6)
)
SEGMENT_GIVEN: st.SearchStrategy[Edit] = st.builds(
    lambda s, k: lambda d, b: assign_segment(d, E, b, s, k), SEGMENTS, st.integers(0, 2)
)
LESION_GIVEN: st.SearchStrategy[Edit] = st.builds(
    lambda les, kind, k: lambda d, b: assign_lesion(d, E, b, les, kind, k),
    st.sampled_from(["L1", "L2"]),
    st.sampled_from(["keep", "wedge", "ablate", "segment"]),
    st.integers(1, 2),
)
EDITS: st.SearchStrategy[Edit] = st.one_of(
    st.builds(lambda n: lambda d, b: select_plan(d, some_plan(d, n)), NUMBERS),
    st.builds(lambda n: lambda d, b: duplicate_plan(d, some_plan(d, n)), NUMBERS),
    st.builds(lambda n: lambda d, b: remove_plan(d, some_plan(d, n)), NUMBERS),
    st.builds(lambda n, new: lambda d, b: rename_plan(d, some_plan(d, n), new), NUMBERS, st.text(max_size=8)),
    st.builds(
        lambda r: lambda d, b: add_resection(d, r), st.sampled_from(["left_hepatectomy", "S5", "nothing"])
    ),
    SEGMENT_GIVEN,
    LESION_GIVEN,
    st.builds(lambda t: lambda d, b: set_technique(d, E, t), st.sampled_from(TECHNIQUES)),
    st.builds(lambda n: lambda d, b: set_interval(d, E, n), st.integers(0, 400)),
    st.builds(lambda n: lambda d, b: set_scan_day(d, E, n), st.integers(-9, 60)),
    st.builds(lambda n: lambda d, b: set_resection_day(d, E, n), st.integers(-9, 60)),
    st.builds(lambda closed: lambda d, b: set_segment_4(d, E, closed), st.booleans()),
    st.builds(lambda c: lambda d, b: set_between(d, E, c), COURSES),
    st.builds(lambda c: lambda d, b: set_before(d, E, c), COURSES),
    st.builds(lambda n, c: lambda d, b: set_history(d, n, c), st.integers(0, 2), COURSES),
    st.builds(lambda mm: lambda d, b: set_margin(d, E, b, mm), st.sampled_from([0.0, 5.0, 7.5, 51.0])),
    st.builds(lambda kg: lambda d, b: set_patient(d, weight_kg=kg), st.floats(20.0, 320.0)),
    st.builds(lambda on: lambda d, b: set_penalty(d, "sos", on), st.booleans()),
)


@settings(max_examples=30)
@given(st.lists(EDITS, min_size=1, max_size=12))
def test_any_edits(edits: list[Edit]) -> None:
    folder, first, bench = session()
    done = Steps(first)
    for edit in edits:
        before = done
        try:
            done = done.do(edit(done.now, bench))
        except EditError:
            assert done is before
    last, n = done.now, 0
    for plan in last.plans:
        check_plan(plan, last.case)
        shape = shape_of(plan, last.case, E)
        # Decisions sit on scan days: after a stimulus the last operation follows a scan.
        if shape.interval_days is not None:
            assert shape.scan_day is not None
            assert shape.from_day is not None
            assert shape.from_day < shape.scan_day <= shape.resection_day
        # None of the first plans cut a lesion through. Where chemotherapy comes first, a smaller one may go whole.
        treated = any(isinstance(s.action, Treat) for s in plan.steps)
        for fate in bench.staged(plan).fates:
            assert fate.fate != "cut_through" or (treated and fate.clears_at is not None)
    text = (folder / "case.toml").read_text(encoding="utf-8")
    was = (first.plans, first.patient, first.history)
    new = saved(text, last.plans, last.patient, last.history, before=was)
    with tempfile.TemporaryDirectory() as copy:
        planned.write(Path(copy), new)
        case, plans = load_case(Path(copy), E)
    assert (plans, case.patient, case.history) == (last.plans, last.patient, last.history)
    while done.past:
        done, n = done.undo(), n + 1
    assert done.now is first
    for _ in range(n):
        done = done.redo()
    assert done.now is last


CUTS: st.SearchStrategy[Edit] = st.one_of(
    SEGMENT_GIVEN,
    LESION_GIVEN,
    st.builds(lambda mm: lambda d, b: set_margin(d, E, b, mm), st.sampled_from([0.0, 3.0, 5.0, 9.5])),
    st.builds(lambda mm: lambda d, b: set_ablation_margin(d, E, b, mm), st.sampled_from([0.0, 4.0, 10.0])),
)
"""Edits that move a cut: what a bench keeps of the liver between them is where a stale number would come from."""


@settings(max_examples=12)
@given(st.lists(st.one_of(CUTS, CUTS, EDITS), min_size=2, max_size=10))
def test_a_bench_that_was_worked_on_gives_what_the_resulting_case_gives_anew(edits: list[Edit]) -> None:
    folder, first, bench = session()
    draft = first
    for edit in edits:
        try:
            draft = edit(draft, bench)
            bench.what_if(draft)  # as a page asks after every edit
        except FlrsimError:
            continue
    if not draft.plans:
        return
    text = (folder / "case.toml").read_text(encoding="utf-8")
    was = (first.plans, first.patient, first.history)
    with tempfile.TemporaryDirectory() as copy:
        planned.write(Path(copy), saved(text, draft.plans, draft.patient, draft.history, before=was))
        case, plans = load_case(Path(copy), E)

    def asked(made: Callable[[], Compared]) -> dict[str, Any] | str:
        try:
            told = made().result.to_dict()
        except FlrsimError as error:
            return error.sentence
        return told | {"run": told["run"] | {"inputs_sha256": {}}}

    anew = asked(lambda: compare(case, plans, E, seed=draft.seed, draws=draft.draws, modifiers_off=draft.off))
    assert asked(lambda: bench.compare(draft)) == anew
