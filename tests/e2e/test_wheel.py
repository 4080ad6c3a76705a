"""The wheel, installed apart from the checkout, does the main job with what it carries."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from flrsim.viewer.drawing import gl_available

sys.path.insert(0, str(Path(__file__).parents[1]))
from pages import loads_nothing

ROOT = Path(__file__).parents[2]
CASES = ("bilobar-two-stage", "conversion", "hcc-thrombus", "small-for-size", "solitary-right")


def run(*arguments: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(a) for a in arguments],
        cwd=cwd,
        env={**{k: v for k, v in os.environ.items() if k != "PYTHONPATH"}, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    built = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out, cwd=ROOT)
    assert built.returncode == 0, built.stderr
    (file,) = out.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the wheel and nothing else; its dependencies are those of this interpreter."""
    target = tmp_path_factory.mktemp("elsewhere")
    command = (
        sys.executable,
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--no-index",
        "--quiet",
        "--target",
        target,
        wheel,
    )
    done = run(*command, cwd=target, PIP_DISABLE_PIP_VERSION_CHECK="1")
    assert done.returncode == 0, done.stderr
    return target


def test_the_wheel_carries_cases_numbers_and_templates_and_no_tests(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for case in CASES:
        files = {p.name for p in (ROOT / "meshes" / case).iterdir()}
        assert "case.toml" in files
        assert {f"flrsim/meshes/{case}/{f}" for f in files} <= names
    below = ROOT / "src" / "flrsim"
    for folder in ("evidence", "report", "phantom"):
        data = {p for p in (below / folder).rglob("*") if p.is_file() and "__pycache__" not in p.parts}
        assert {f"flrsim/{p.relative_to(below).as_posix()}" for p in data} <= names
    assert {n.split("/")[0] for n in names} == {
        "flrsim",
        next(n.split("/")[0] for n in names if ".dist-info/" in n),
    }
    assert any(n.endswith("licenses/LICENSE") for n in names)


def test_the_demo_runs_from_the_wheel_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    code = (
        "import sys, flrsim\nfrom flrsim.cli.demo import bundled_cases\nfrom flrsim.cli import main\n"
        "print(flrsim.__file__, *bundled_cases().values(), sep='\\n', file=sys.stderr)\n"
        "sys.exit(main(['demo', '--case', 'solitary-right', '--draws', '200']))"
    )
    done = run(sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH=str(installed))
    assert done.returncode == 0, done.stderr
    said = done.stderr.splitlines()
    assert Path(said[0]) == installed / "flrsim" / "__init__.py"
    assert {Path(p) for p in said[1 : 1 + len(CASES)]} == {installed / "flrsim" / "meshes" / c for c in CASES}
    assert "plans side by side" in done.stdout
    assert {p.name for p in tmp_path.iterdir()} == {"flrsim-demo"}
    for words in ("phantom-solitary-right-0: segments", "TELV", "FLR now", "Verdict"):
        assert words in done.stdout
    out = tmp_path / "flrsim-demo"
    page = (out / "report.html").read_text(encoding="utf-8")
    assert loads_nothing(page)
    shots = {p.name for p in out.glob("*.png")}
    assert {p.name for p in out.iterdir()} == {"report.html", *shots}
    if gl_available():
        # Three plans of one operation: the plan from two sides, and what is left after it; the report carries the same.
        assert len(shots) == 9
        assert "and 9 pictures beside it" in done.stderr
        # Each is whole by itself, with title, legend and note, and no part of a page.
        for name in shots:
            with Image.open(out / name) as shot:
                assert shot.size == (1200, 900), name
        # And each plan from the front beside the comparison.
        assert page.count('src="data:image/png') == 12
