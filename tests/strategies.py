"""Patients, histories and plans for property tests: anything that a case file lets through."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from course_cases import RIGHT, lesion, single_stage, two_stage
from flrsim.course import Course, CourseStep
from flrsim.patient import LiverCondition, Patient, Treatment
from flrsim.plan import AGENTS

REGIMENS = (
    "FOLFOX", "FOLFIRI", "FOLFOXIRI+bevacizumab", "CAPOX+cetuximab", "bevacizumab", "HAI-FUDR", "TACE", "S-1"
)  # fmt: skip
FIRST_STIMULI = ("pve", "pvl", "lvd", "alpps", "alpps_partial", "alpps_mini", "alpps_tourniquet", "y90")

livers = st.builds(
    LiverCondition,
    steatosis_fraction=st.none() | st.floats(0, 1),
    steatohepatitis=st.none() | st.booleans(),
    fibrosis=st.none() | st.sampled_from(("F0", "F1", "F2", "F3", "F4")),
    sos_grade=st.none() | st.integers(0, 3),
    nrh_grade=st.none() | st.integers(0, 3),
    icg_r15=st.none() | st.floats(0.02, 0.6),
    child_pugh=st.none() | st.sampled_from("ABC"),
    cholestasis=st.none() | st.sampled_from(("none", "drained", "undrained")),
    platelets_per_nl=st.none() | st.floats(20, 600),
    apri=st.none() | st.floats(0.05, 4),
    spleen_volume_ratio=st.none() | st.floats(0.7, 3),
)
patients = st.builds(
    Patient,
    sex=st.sampled_from(("female", "male")),
    age=st.floats(18, 90),
    height_cm=st.floats(145, 205),
    weight_kg=st.floats(42, 140),
    diabetes=st.none() | st.booleans(),
    sarcopenia=st.none() | st.booleans(),
    liver=livers,
)
treatments = st.builds(Treatment, st.sampled_from(REGIMENS), st.integers(1, 14), st.integers(-200, -7))
histories = st.lists(treatments, max_size=2).map(tuple)
treated = st.lists(treatments, min_size=1, max_size=3).map(tuple)


@st.composite
def staged(draw: st.DrawFn) -> Course:
    """A wedge, a stimulus of any kind, perhaps a second one and chemotherapy, a scan and the resection."""
    occlusion = draw(st.integers(0, 30))
    wait = draw(st.integers(0, 60))
    course = two_stage(
        embolized=draw(st.sampled_from((RIGHT, ("S4", *RIGHT), ("S1", "S4", *RIGHT)))),
        occlusion_day=occlusion,
        scan_day=occlusion + wait,
        last_day=occlusion + wait + draw(st.integers(0, 30)),
        label_sd=draw(st.floats(0, 0.05)),
        lesions=tuple(lesion(f"L{i}", draw(st.sampled_from((1, 2)))) for i in range(draw(st.integers(0, 9)))),
    )
    first, stimulus, *rest = course.steps
    technique = draw(st.sampled_from(FIRST_STIMULI))
    agent = draw(st.none() | st.sampled_from(AGENTS)) if technique in ("pve", "lvd") else None
    steps = [first, replace(stimulus, technique=technique, agent=agent), *rest]
    if draw(st.booleans()) and technique == "pve":
        second = draw(st.sampled_from(("hve", "alpps_rescue")))
        steps.insert(2, CourseStep(occlusion + draw(st.integers(0, wait)), "occlude", technique=second))
    if draw(st.booleans()):
        regimen, cycles = draw(st.sampled_from(REGIMENS)), draw(st.integers(1, 4))
        steps.append(CourseStep(draw(st.integers(0, steps[-1].day)), "treat", regimen=regimen, cycles=cycles))
    return replace(course, steps=tuple(sorted(steps, key=lambda s: s.day)))


courses = st.builds(lambda sd: single_stage(label_sd=sd), st.floats(0, 0.05)) | staged()
