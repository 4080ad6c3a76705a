"""Phantoms as whole cases: a liver, its lesions, a patient and the plans one would compare."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from flrsim.errors import CaseError, FileError
from flrsim.phantom.files import write_phantom
from flrsim.phantom.model import Phantom, make_phantom
from flrsim.phantom.scenarios import (
    bilobar_lesions,
    bilobar_two_stage,
    conversion,
    hcc_thrombus,
    small_for_size,
    solitary_right,
)
from flrsim.phantom.truth import PhantomTruth

_PHANTOMS: dict[str, Callable[[int], Phantom]] = {
    "solitary-right": solitary_right,
    "bilobar-two-stage": bilobar_two_stage,
    "conversion": conversion,
    "small-for-size": small_for_size,
    "hcc-thrombus": hcc_thrombus,
}
STORIES = tuple(_PHANTOMS)
"""Scenarios with a patient and plans; each has its tables in ``stories``."""
SCENARIOS = ("plain", *STORIES)


def make_case(
    folder: Path,
    *,
    scenario: str,
    seed: int,
    confluence: bool = False,
    tlv_ml: float | None = None,
    split_s4: bool = False,
    file_format: str = "vtp",
    spacing_mm: tuple[float, float, float] = (0.8, 0.8, 1.0),
) -> PhantomTruth:
    """Write a phantom case into a new folder and return its truth.

    Parameters
    ----------
    scenario : ``plain`` (no lesion, no plan) or one of `STORIES`.
    confluence : adds a lesion at the hepatocaval confluence; bilobar only, and the plans are then the
    reader's to write. tlv_ml, split_s4 : of the plain liver.
    """
    if (folder / "case.toml").exists():
        raise FileError(f"{folder} already holds a case.toml; give a new folder")
    phantom, tables = _scenario(scenario, seed, confluence, tlv_ml, split_s4)
    story, _, tables = tables.partition("\n\n")
    return write_phantom(
        phantom,
        folder,
        case_id=f"phantom-{scenario}-{seed}",
        file_format=file_format,
        spacing_mm=spacing_mm,
        story=story,
        case_tables=tables,
    )


def _scenario(
    scenario: str, seed: int, confluence: bool, tlv_ml: float | None, split_s4: bool
) -> tuple[Phantom, str]:
    """Return a phantom, and its story (comments up to the first empty line) with the tables that follow."""
    if scenario not in SCENARIOS:
        raise CaseError(f'scenario "{scenario}" is not known; scenarios are {", ".join(SCENARIOS)}')
    if confluence and scenario != "bilobar-two-stage":
        raise CaseError("a lesion at the confluence goes with the scenario bilobar-two-stage")
    if scenario == "plain":
        return make_phantom(seed, tlv_ml=tlv_ml or 1500.0, split_s4=split_s4), ""
    phantom = _PHANTOMS[scenario](seed)
    tables = (files("flrsim.phantom") / "stories" / f"{scenario}.toml").read_text(encoding="utf-8")
    if confluence:
        # One more lesion renames the others; plans that name them would mean other tissue.
        phantom = phantom.with_lesions(bilobar_lesions(phantom, seed=seed, confluence=True))
        return phantom, tables.split("[[plan]]")[0]
    return phantom, tables
