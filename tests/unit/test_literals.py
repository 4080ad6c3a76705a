"""The search for clinical numbers in the code: what it finds, and what it lets through and why."""

from __future__ import annotations

from pathlib import Path

import pytest

import flrsim
from flrsim.evidence.literals import ALLOWED, UNIT_FACTORS, UNSCANNED, Literal, clinical_literals


def found(tmp_path: Path, source: str, name: str = "physiology/growth.py") -> list[tuple[int, str, float]]:
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source, encoding="utf-8")
    numbers, modules = clinical_literals(tmp_path)
    assert modules == 1
    return [(n.line, n.home, n.value) for n in numbers]


def test_no_clinical_number_stands_in_the_code() -> None:
    numbers, modules = clinical_literals()
    assert numbers == ()
    assert modules > 25


def test_every_room_that_models_patients_is_searched() -> None:
    """Nobody exempts a room of laws by the way."""
    exempt = {name for names in UNSCANNED.values() for name in names.split()}
    laws = (
        "physiology tumour timeline course rules verdict remnant perfusion staging plan legality patient regimens "
        "comparison plan_result plan_error volumetry search conversion validate validation calibrate calibration "
        "sensitivity"
    )
    assert not exempt & set(laws.split())
    rooms = {p.name.removesuffix(".py") for p in Path(flrsim.__file__).parent.iterdir()}
    assert exempt <= rooms


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("rate = 0.36\n", (1, "rate", 0.36)),
        ("RATE = 0.36\n", (1, "RATE", 0.36)),
        ("rate: float = 0.36\n", (1, "rate", 0.36)),
        ("rate = -0.36\n", (1, "rate", 0.36)),
        ("rate = 1e2\n", (1, "rate", 100)),
        ("rate = 36\n", (1, "rate", 36)),
        ("rate = 0.36j\n", (1, "rate", 0.36)),
        ('rate = float("0.36")\n', (1, "rate", 0.36)),
        ('rate = int("36")\n', (1, "rate", 36)),
        ("def law(t, tau=9.0):\n    return t\n", (1, "law", 9)),
        ("def law(t):\n    tau = 9.0\n    return t / tau\n", (2, "law", 9)),
        ("async def law(t):\n    return t / 9\n", (2, "law", 9)),
        ("class Law:\n    tau: float = 9.0\n", (2, "Law.tau", 9)),
        ("class Law:\n    def at(self, t):\n        return t > 9\n", (3, "Law.at", 9)),
        ("def law(t):\n    def inner():\n        return t > 9\n    return inner\n", (3, "law.inner", 9)),
        ("law = lambda t: t * 0.36\n", (1, "law", 0.36)),
        ("table = {'pve': 0.36, 'none': 0}\n", (1, "table", 0.36)),
        ("if x > 0.36:\n    pass\n", (1, "", 0.36)),
        ("y = values[x > 9]\n", (1, "y", 9)),
        ("y = values[round(9.5)]\n", (1, "y", 9.5)),
        ("y = x ** 0.36\n", (1, "y", 0.36)),
        ("y = x + 100\n", (1, "y", 100)),
        ("y = x > 100\n", (1, "y", 100)),
        ("y = x / 100\n", (1, "y", 100)),
        ("y = x * 7\n", (1, "y", 7)),
        ("y = np.full(3, 0.36)\n", (1, "y", 0.36)),
        ("y = np.full(n, 9)\n", (1, "y", 9)),
        ("y = range(2, 9)\n", (1, "y", 9)),
        ("y = f'{x * 9:.3f}'\n", (1, "y", 9)),
        ("_DAYS_PER_WEEK = 7.5\n", (1, "_DAYS_PER_WEEK", 7.5)),
        ("DAYS = 7\n", (1, "DAYS", 7)),
        ("def f():\n    DAYS_PER_WEEK = 7\n", (2, "f", 7)),
        ("TOLERANCE = 1e-9\n", (1, "TOLERANCE", 1e-9)),
        ("RATE = 0.001  # a day\n", (1, "RATE", 0.001)),
        ("def f(x):\n    return x > 1e-9  # rounding\n", (2, "f", 1e-9)),
    ],
)
def test_a_number_that_may_be_clinical_is_found(
    tmp_path: Path, source: str, expected: tuple[int, str, float]
) -> None:
    assert found(tmp_path, source) == [expected]


@pytest.mark.parametrize(
    "source",
    [
        "y = (0, 1, 2, 0.5, -1, 1.0, True)\n",
        "y = x[3] + x[:, 4] + x[3:, -5] + x[7::3]\n",
        "y = x ** 3\n",
        "y = np.zeros(3) + np.zeros((0, 3)) + np.full(3, 1.0)\n",
        "y = [0 for _ in range(3)]\n",
        "y = f'{100 * x:.3f} %' + f'{x:6.2%}'\n",
        "y = round(x, 3)\n",
        "y = '36 days'\n",
        "y = float('nan') + float('inf')\n",
        '"""Grows by 36 % in 28 days."""\n# 0.36\n',
        "_DAYS_PER_WEEK = 7.0\n",
        "DAYS_PER_WEEK: float = 7\n",
        "GRAMS_PER_KG = 1000.0\n",
        "TOLERANCE = 1e-9  # rounding of sums\n",
        "# rounding of sums\nTOLERANCE = 1e-9\n",
        'TOLERANCE = 1e-9\n"""Rounding of sums."""\n',
    ],
)
def test_what_only_counts_is_let_through(tmp_path: Path, source: str) -> None:
    assert found(tmp_path, source) == []


def test_an_exception_holds_for_its_room_its_name_and_its_value_only(tmp_path: Path) -> None:
    (values, reason) = ALLOWED["rules", "MOST_DIGITS"]
    assert values == (3,)
    assert reason
    source = "MOST_DIGITS = {}\nLEAST_DIGITS = 3\ndef f():\n    MOST_DIGITS = 3\n"
    assert found(tmp_path / "a", source.format(3), "rules.py") == [(2, "LEAST_DIGITS", 3), (4, "f", 3)]
    assert found(tmp_path / "b", source.format(4), "rules.py")[0] == (1, "MOST_DIGITS", 4)
    assert found(tmp_path / "c", source.format(3), "rules/all.py")[0] == (2, "LEAST_DIGITS", 3)
    assert found(tmp_path / "d", source.format(3), "verdict.py")[0] == (1, "MOST_DIGITS", 3)


def test_rooms_without_laws_are_not_looked_at_and_new_rooms_are(tmp_path: Path) -> None:
    for name in ("kernels/clip.py", "viewer/scene.py", "doctor/solids.py", "grid.py", "rooms/new.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("rate = 0.36\n", encoding="utf-8")
    assert clinical_literals(tmp_path) == ((Literal("rooms/new.py", 1, "rate", 0.36),), 1)


def test_exceptions_and_units_say_what_they_are() -> None:
    assert all(values and reason for values, reason in ALLOWED.values())
    assert all("_PER_" in name for name in UNIT_FACTORS)
