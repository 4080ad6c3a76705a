"""Make the demo cases and their MANIFEST anew: ``python meshes/make.py``. Needs flrsim installed; takes two minutes."""

from __future__ import annotations

import shutil
from pathlib import Path

from flrsim import __version__
from flrsim.io.frames import sha256
from flrsim.io.vtp import read_interface_mesh
from flrsim.phantom.cases import STORIES, make_case

SEEDS = {"conversion": 2, "hcc-thrombus": 3}
"""Livers whose meshes come out without a finding; 0 for the others."""
HERE = Path(__file__).parent


def main() -> None:
    """Write every case and the manifest."""
    lines = [
        "# Demo cases: parametric livers of flrsim's own making (Apache-2.0), no patient's data.",
        "# Frame LPS, unit mm. True volumes come from a quadrature of the implicit solid, not from the meshes.",
        f'made_by = "flrsim {__version__}: python meshes/make.py"',
        'frame = "LPS"',
        'unit = "mm"',
    ]
    for name in STORIES:
        seed = SEEDS.get(name, 0)
        folder = HERE / name
        shutil.rmtree(folder, ignore_errors=True)
        truth = make_case(folder, scenario=name, seed=seed)
        lines += ["", f'[cases."{name}"]', f'scenario = "{name}"', f"seed = {seed}"]
        lines += [
            f"true_total_ml = {truth.total.value:.2f}",
            f"standard_error_ml = {truth.total.standard_error:.2f}",
        ]
        lines += [
            "# the meshes' own volumes lie within these fractions of the truth",
            "tolerance_segments = 0.005",
        ]
        lines += ["tolerance_lesions = 0.01", "", f'[cases."{name}".true_segments_ml]']
        lines += [f"{s} = {e.value:.2f}" for s, e in truth.segments.items()]
        lines += ["", f'[cases."{name}".true_lesions_ml]']
        lines += [f"{s} = {e.value:.3f}" for s, e in truth.lesions.items()]
        for file in sorted(folder.iterdir()):
            lines += ["", f'[cases."{name}".files."{file.name}"]', f'sha256 = "{sha256(file)}"']
            if file.suffix == ".vtp":
                lines.append(f"faces = {len(read_interface_mesh(file, frame=None, unit=None).faces)}")
    (HERE / "MANIFEST.toml").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
