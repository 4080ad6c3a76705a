from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from flrsim.draws import patient_streams
from flrsim.evidence import load_evidence
from flrsim.patient import Treatment
from flrsim.tumour import Lesions, volume_factor

sys.path.insert(0, str(Path(__file__).parents[1]))
from course_cases import lesion, two_stage

EVIDENCE = load_evidence()
RATE = np.log(2) / np.array([75.0])
SAME, FASTER = np.array([1.0]), np.array([1.2])


def test_volume_doubles_in_the_doubling_time() -> None:
    assert volume_factor(75, 0, None, RATE, SAME)[0] == pytest.approx(2.0)
    assert volume_factor(0, 0, None, RATE, SAME)[0] == 1.0
    # 6.7 % volume a week at 75 days
    assert volume_factor(7, 0, None, RATE, SAME)[0] == pytest.approx(1.067, abs=0.001)


def test_growth_is_faster_only_after_the_occlusion() -> None:
    assert volume_factor(14, 0, 14, RATE, FASTER)[0] == volume_factor(14, 0, None, RATE, SAME)[0]
    expected = 2 ** ((14 + 1.2 * 28) / 75)
    assert volume_factor(42, 0, 14, RATE, FASTER)[0] == pytest.approx(expected)
    assert volume_factor(28, 0, -10, RATE, FASTER)[0] == pytest.approx(2 ** (1.2 * 28 / 75))


def test_lesions_do_not_grow_before_the_last_dose_or_the_images() -> None:
    uniform, normal = patient_streams(1, 200)
    treated = Lesions(two_stage(), (Treatment("FOLFOX", 6, -7),), EVIDENCE, uniform, normal)
    imaged = Lesions(two_stage(), (Treatment("FOLFOX", 6, -42),), EVIDENCE, uniform, normal)
    assert np.all(treated.factor(-7) == 1)
    assert np.all(imaged.factor(-14) == 1)
    assert np.all(imaged.factor(0) > treated.factor(0))


def test_lesions_leave_with_their_operation_and_others_stay() -> None:
    uniform, normal = patient_streams(1, 4001)
    lesions = (
        lesion("L1", 2, ml=84.0, mm=60.0),
        lesion("L2", 1, ml=4.0),
        lesion("L3", None, ml=1.0, fate="left"),
    )
    lesions += (lesion("L4", 1, ml=2.0, fate="cut_through"),)
    played = Lesions(two_stage(lesions=lesions), (), EVIDENCE, uniform, normal)
    for day, ml in ((-14, 91.0), (-1, 91.0), (0, 87.0), (44, 87.0), (45, 3.0), (90, 3.0)):
        median = np.median(played.factor(day))
        assert played.in_liver(day)[1] == pytest.approx(ml * median, rel=1e-9)
    at = {(x.name, x.stage): x for x in played.at_operations()}
    assert set(at) == {("L1", 1), ("L2", 1), ("L3", 1), ("L4", 1), ("L1", 2), ("L3", 2), ("L4", 2)}
    big = at[("L1", 2)]
    assert big.day == 45
    assert (big.diameter_mm.median / 60.0) ** 3 == pytest.approx(big.volume_ml.median / 84.0, rel=1e-9)
    assert big.volume_ml.p10 < big.volume_ml.median < big.volume_ml.p90
    # Median doubling time 75 d: 14 days from the images, 14 to the occlusion, 31 days 1.2 times faster.
    assert big.volume_ml.median == pytest.approx(84 * 2 ** ((28 + 1.2 * 31) / 75), rel=0.04)
