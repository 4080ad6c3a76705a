"""A copy of the package's evidence to break, with one small study in it."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path

STUDY = """source = "aoki2011"
title = "two ways of embolizing"
split = "calibration"
why = "made up for a test"
read = 2026-11-25
[arm.glue]
n = 40
technique = "pve"
agent = "nbca"
segment_4 = "mixed"
sflr = { mean = 0.27, sd = 0.06 }
scan_days = [7, 28]
fibrosis = { F3 = 0.1, F4 = 0.2 }
regimens = { FOLFOX = 0.5, FOLFIRI = 0.5 }
diabetes = 0.2
assumed = ["sflr", "scan_days"]
assumptions = "usual"
[arm.beads]
n = 30
technique = "pve"
agent = "pva"
"""

NUMBERS = """id,arm,against,quantity,statistic,day,value,low,high,interval,unit,n,where,repeats,note
growth,glue,,relative_growth,mean,28,0.5,,,from_n,fraction,40,abstract,,
growth_sd,glue,,relative_growth,sd,28,0.2,,,none,fraction,40,abstract,,
more,glue,beads,relative_growth,difference,28,0.2,0.1,0.3,printed_ci95,fraction,,abstract,,"glue, then beads"
failed,beads,,phlf_isgls_bc,share,,0.1,,,from_n,fraction,30,Table 2,,
slow,beads,,kgr,share_below:0.02,28,0.3,,,none,fraction,,Table 2,,
"""


def copied(target: Path) -> Path:
    """Return a copy of the package's evidence."""
    shutil.copytree(str(files("flrsim.evidence")), target / "evidence")
    return target / "evidence"


def add_study(folder: Path, study: str = STUDY, numbers: str = NUMBERS, name: str = "madeup") -> Path:
    """Add a study to a copy; return its folder."""
    place = folder / "trials" / name
    place.mkdir(parents=True)
    (place / "study.toml").write_text(study, encoding="utf-8")
    (place / "numbers.csv").write_text(numbers, encoding="utf-8")
    return place


def change(text: str, old: str, new: str) -> str:
    """Return a text with one thing in it changed, which must be there."""
    if old not in text:
        raise AssertionError(f"{old!r} is not in the text")
    return text.replace(old, new, 1)
