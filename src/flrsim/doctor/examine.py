"""All checks in turn, with what they ran on."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version

from flrsim import __version__
from flrsim.doctor.geometry import clips, ibsi_phantom, invariance, scans, solids
from flrsim.doctor.liver import conservation, small_liver
from flrsim.doctor.peers import peers
from flrsim.doctor.verdicts import refused
from flrsim.errors import FlrsimError
from flrsim.meshing import mesh_from_labels
from flrsim.results import DOCTOR_SCHEMA, DoctorCheck, DoctorResult
from flrsim.threads import thread_count

LIBRARIES = (
    "numpy",
    "numba",
    "scipy",
    "vtk",
    "pyvista",
    "trimesh",
    "libigl",
    "simpleitk",
    "connected-components-3d",
)


def examine() -> DoctorResult:
    """Return what flrsim computes on this machine, against what is known without it."""
    started = time.perf_counter()
    checks: list[DoctorCheck] = []

    def ask(topic: str, work: Callable[[], list[DoctorCheck]]) -> None:
        try:
            found = work()
        except FlrsimError as error:
            # What is refused here is a solid known to be sound: a failed check, not bad data.
            found = [refused("refused", error.sentence)]
        checks.extend(replace(check, topic=topic) for check in found)

    case = small_liver()
    regions, affine = case.grid.regions, case.grid.affine
    names = [str(i) for i in range(len(case.grid.table))]
    liver = mesh_from_labels(regions, affine, names)
    ask("analytic solids", solids)
    ask("IBSI digital phantom", ibsi_phantom)
    ask("conservation", lambda: conservation(case))
    # Sums are shared between threads in parts of 16 384 faces: only a mesh of several parts can tell.
    fine = regions.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    ask("invariance", lambda: invariance(mesh_from_labels(fine, affine, names)))
    ask("plane cuts", lambda: clips(mesh_from_labels(regions, affine, names, iterations=16)))
    ask("mesh to voxels", lambda: scans(regions, affine, liver))
    ask("other libraries", lambda: peers(regions, case.grid.spacing_mm))
    failed = sum(check.status == "failed" for check in checks)
    return DoctorResult(
        DOCTOR_SCHEMA,
        failed == 0,
        tuple(checks),
        sum(check.status == "passed" for check in checks),
        failed,
        sum(check.status == "not_installed" for check in checks),
        {"flrsim": __version__, "python": platform.python_version(), **_versions()},
        {
            "system": f"{platform.system()} {platform.release()}",
            "processor": _processor(),
            "cores": os.cpu_count() or 0,
            "threads": thread_count(),
            "byte_order": sys.byteorder,
        },
        time.perf_counter() - started,
    )


def _versions() -> dict[str, str | None]:
    out: dict[str, str | None] = {}
    for name in LIBRARIES:
        try:
            out[name] = version(name)
        except PackageNotFoundError:
            out[name] = None
    return out


def _processor() -> str:
    """Return the processor's name; Linux tells it only in a file."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
