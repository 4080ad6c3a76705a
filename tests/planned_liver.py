"""A case to plan on: the block liver with one lesion across S6 and S7 and one in S2, counted here without the code under test."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import block_liver as blocks
from flrsim.case_file import load_case
from flrsim.evidence import load_evidence
from flrsim.planner import Draft, Workbench, start

EVIDENCE = load_evidence()
ACROSS, SMALL = blocks.ball((10, 20, 17), 3.2), blocks.ball((33, 13, 21), 1.6)
VOXEL_ML = blocks.SPACING**3 / 1000.0


def ml_in(ball: np.ndarray, segment: int) -> float:
    """Millilitres of a ball in a segment, by counting."""
    return float(np.count_nonzero(ball & (blocks.segments() == segment))) * VOXEL_ML


def write(folder: Path, toml: str = blocks.CASE) -> Path:
    blocks.write_case(folder, toml)
    lesions = np.zeros(blocks.SHAPE, dtype=np.uint8)
    lesions[ACROSS], lesions[SMALL] = 1, 2
    blocks.write_nifti(folder / "lesions.nii.gz", lesions)
    return folder


def session(folder: Path, *, draws: int = 60) -> tuple[Draft, Workbench]:
    case, plans = load_case(folder, EVIDENCE)
    return start(case, plans, EVIDENCE, seed=1, draws=draws), Workbench(case, EVIDENCE)
