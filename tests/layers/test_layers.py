"""Who may import whom, and what a bare ``import flrsim`` costs."""

from __future__ import annotations

import ast
import configparser
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "flrsim"
HEAVY = ("numba", "scipy", "pyvista", "vtk", "vtkmodules", "trimesh", "matplotlib", "pydantic", "nibabel")
WITH_VTK = {"meshing", "io", "viewer", "doctor"}  # doctor asks VTK and trimesh as peers


def modules() -> dict[str, set[str]]:
    """Return the names every source file imports anywhere in it, by its path below the package."""
    out = {}
    for file in sorted(SOURCE.rglob("*.py")):
        found: set[str] = set()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module)
        out[file.relative_to(SOURCE).as_posix()] = found
    return out


def room(path: str) -> str:
    return path.split("/")[0].removesuffix(".py")


def uses(imports: set[str], library: str) -> bool:
    return any(name == library or name.startswith(f"{library}.") for name in imports)


def test_contracts_hold() -> None:
    code = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_layers_name_every_room() -> None:
    """Left out of the list, a module may import anything."""
    config = configparser.ConfigParser()
    config.read(ROOT / ".importlinter")
    layers = config["importlinter:contract:layers"]
    assert layers["exhaustive"] == "True"
    named = {part.strip() for line in layers["layers"].split("\n") for part in line.split("|")} - {""}
    assert named == {room(path) for path in modules()} - {"__init__"}


def test_heavy_libraries_stay_in_their_rooms() -> None:
    for path, imports in modules().items():
        if room(path) not in WITH_VTK:
            assert not any(uses(imports, lib) for lib in ("vtk", "vtkmodules", "pyvista")), path
        if room(path) not in ("io", "meshing", "doctor"):
            assert not uses(imports, "trimesh"), path
        if room(path) != "case_file":
            assert not uses(imports, "pydantic"), path
        if room(path) != "kernels":
            assert not uses(imports, "numba"), path


def test_kernels_import_nothing_above_them() -> None:
    for path, imports in modules().items():
        if room(path) != "kernels":
            continue
        allowed = ("numpy", "math", "typing", "numba", "__future__", "flrsim.kernels", "flrsim.kernels.words")
        if path == "kernels/words.py":
            allowed += ("llvmlite", "numba.core", "numba.extending")
        if path == "kernels/__init__.py":
            allowed += ("os", "tempfile", "collections.abc", "pathlib", "flrsim")
        assert imports <= set(allowed), path


@pytest.mark.parametrize(
    "module", ["flrsim", "flrsim.cli", "flrsim.results", "flrsim.plan", "flrsim.evidence"]
)
def test_importing_loads_no_heavy_library(module: str) -> None:
    light = (
        HEAVY
        if module in ("flrsim", "flrsim.cli", "flrsim.results")
        else ("numba", "pyvista", "vtk", "trimesh")
    )
    code = f"import sys, {module}; print([m for m in {light!r} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.strip() == "[]"
