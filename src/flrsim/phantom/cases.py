"""Phantoms as whole cases: a liver, its lesions, a patient and the plans one would compare."""

from __future__ import annotations

from pathlib import Path

from flrsim.errors import CaseError, FileError
from flrsim.phantom.files import write_phantom
from flrsim.phantom.model import Phantom, make_phantom
from flrsim.phantom.scenarios import bilobar_lesions, bilobar_two_stage, solitary_right
from flrsim.phantom.truth import PhantomTruth

SOLITARY_TABLES = """
[patient]
sex = "female"
age = 61
height_cm = 165
weight_kg = 68
disease = "crlm"

[[plan]]
name = "right posterior sectionectomy"
[[plan.step]]
day = 0
operate = { resect = "right_posterior_sectionectomy" }

[[plan]]
name = "right hepatectomy"
[[plan.step]]
day = 0
operate = { resect = "right_hepatectomy" }

[[plan]]
name = "wedge"
[[plan.step]]
day = 0
operate = { wedge = ["L1"], margin_mm = 5 }
"""

BILOBAR_TABLES = """
# day 0 is the first step that touches the liver; images and treatments are dated relative to it
scan_day = -14

[patient]
sex = "male"
age = 54
height_cm = 168
weight_kg = 66
disease = "crlm"

[patient.liver]
steatosis_fraction = 0.35
steatohepatitis = true

[[treatment]]
regimen = "FOLFIRI+bevacizumab"
cycles = 6
last_dose_day = -42

[[plan]]
name = "right trisectionectomy at once"
[[plan.step]]
day = 0
operate = { resect = "right_trisectionectomy", wedge = ["L5", "L6"], margin_mm = 5 }

[[plan]]
name = "right hepatectomy at once"
[[plan.step]]
day = 0
operate = { resect = "right_hepatectomy", wedge = ["L5", "L6"], margin_mm = 5 }

[[plan]]
name = "wedges only"
[[plan.step]]
day = 0
operate = { wedge = ["L1", "L2", "L3", "L4", "L5", "L6"], margin_mm = 5 }

[[plan]]
name = "two-stage"
[[plan.step]]
day = 0
operate = { wedge = ["L5", "L6"], margin_mm = 5 }
[[plan.step]]
day = 14
occlude = { technique = "pve", portal = ["right", "S4"] }
[[plan.step]]
day = 42
scan = true
[[plan.step]]
day = 49
operate = { resect = "right_trisectionectomy" }
"""

SCENARIOS = ("plain", "solitary-right", "bilobar-two-stage")


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
    scenario : ``plain`` (no lesion, no plan), ``solitary-right`` or ``bilobar-two-stage``.
    confluence : adds a lesion at the hepatocaval confluence; bilobar only, and the plans are then the
    reader's to write. tlv_ml, split_s4 : of the plain liver.
    """
    if (folder / "case.toml").exists():
        raise FileError(f"{folder} already holds a case.toml; give a new folder")
    phantom, tables = _scenario(scenario, seed, confluence, tlv_ml, split_s4)
    return write_phantom(
        phantom,
        folder,
        case_id=f"phantom-{scenario}-{seed}",
        file_format=file_format,
        spacing_mm=spacing_mm,
        case_tables=tables,
    )


def _scenario(
    scenario: str, seed: int, confluence: bool, tlv_ml: float | None, split_s4: bool
) -> tuple[Phantom, str]:
    if scenario not in SCENARIOS:
        raise CaseError(f'scenario "{scenario}" is not known; scenarios are {", ".join(SCENARIOS)}')
    if confluence and scenario != "bilobar-two-stage":
        raise CaseError("a lesion at the confluence goes with the scenario bilobar-two-stage")
    if scenario == "plain":
        return make_phantom(seed, tlv_ml=tlv_ml or 1500.0, split_s4=split_s4), ""
    if scenario == "solitary-right":
        return solitary_right(seed), SOLITARY_TABLES
    phantom = bilobar_two_stage(seed)
    if confluence:
        # One more lesion renames the others; plans that name them would mean other tissue.
        phantom = phantom.with_lesions(bilobar_lesions(phantom, seed=seed, confluence=True))
        return phantom, BILOBAR_TABLES.split("[[plan]]")[0]
    return phantom, BILOBAR_TABLES
