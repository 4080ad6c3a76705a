"""What all tests share: compiled kernels of this run only, hypothesis profile, folder of real label maps."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

TESTS = Path(__file__).resolve().parent
sys.path.insert(0, str(TESTS))

# A cached kernel keeps the old code of a function it called: each run compiles its own. This must happen before numba is
# imported. Workers of one run inherit the folder and share it.
_OWNS_CACHE = "PYTEST_XDIST_WORKER" not in os.environ
if _OWNS_CACHE:
    os.environ["NUMBA_CACHE_DIR"] = tempfile.mkdtemp(prefix="flrsim-test-kernels-")
_CACHE = Path(os.environ["NUMBA_CACHE_DIR"])

settings.register_profile(
    "flrsim",
    deadline=None,
    max_examples=25,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("flrsim")


def pytest_sessionfinish() -> None:
    if _OWNS_CACHE:
        shutil.rmtree(_CACHE, ignore_errors=True)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real label maps; they are not part of the project, so tests that need them skip without it."""
    given = os.environ.get("FLRSIM_TEST_DATA")
    folder = Path(given) if given else TESTS.parents[1] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"real label maps are not here ({folder}); set FLRSIM_TEST_DATA to their folder")
    return folder
