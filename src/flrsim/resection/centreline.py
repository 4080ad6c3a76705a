"""A vessel tree from the centrelines of its branches, where nobody labelled the vessels themselves."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from flrsim.errors import AnatomyError
from flrsim.grid import RegionGrid
from flrsim.mesh import MM3_PER_ML
from flrsim.resection.vessel_tree import TREES, VesselTree, assembled

STEP_VOXELS = 0.25
"""A line is followed in steps of so much of the shortest voxel edge, so that it misses no voxel by more than that."""


def centreline_tree(grid: RegionGrid, tree: str, lines: Mapping[str, NDArray[np.float64]]) -> VesselTree:
    """Return a tree whose vessels are the voxels that centrelines pass through.

    Parameters
    ----------
    tree : ``portal_vein`` or ``hepatic_vein``.
    lines : centreline of each branch by its name, (n, 3) LPS mm in order along it. Where two pass through one voxel,
        it belongs to the branch that comes first.

    Raises
    ------
    AnatomyError
        When no centreline, or nothing of a named one, lies on the case's grid.
    """
    if tree not in TREES:
        raise AnatomyError(f'vessel tree "{tree}" is not known; trees are {", ".join(TREES)}')
    to_index = np.linalg.inv(grid.affine)
    voxels: list[NDArray[np.int64]] = []
    branch: list[NDArray[np.int64]] = []
    remarks: list[str] = []
    for i, (name, line) in enumerate(lines.items()):
        points = _followed(np.asarray(line, dtype=np.float64), STEP_VOXELS * float(grid.spacing_mm.min()))
        index = np.rint(points @ to_index[:3, :3].T + to_index[:3, 3]).astype(np.int64)
        on_grid = ((index >= 0) & (index < grid.regions.shape)).all(axis=1)
        if not on_grid.any():
            raise AnatomyError(
                f"the centreline of {name} ({TREES[tree]}) lies outside the case's grid: its first point is "
                f"({', '.join(f'{v:.0f}' for v in line[0])}) mm; centrelines are in LPS millimetres of the same scan"
            )
        if not on_grid.all():
            share = 100.0 * (1.0 - float(on_grid.mean()))
            remarks.append(
                f"{TREES[tree]}, {name}: {share:.0f} % of its centreline lies away from the liver and feeds nothing"
            )
        flat = np.unique(np.ravel_multi_index(tuple(index[on_grid].T), grid.regions.shape))
        voxels.append(flat)
        branch.append(np.full(len(flat), i))
    if not voxels:
        raise AnatomyError(f"no centreline of the {TREES[tree]} was given; name at least one branch")
    everything, first = np.unique(np.concatenate(voxels), return_index=True)
    owner = np.concatenate(branch)[first]
    hidden = [name for i, name in enumerate(lines) if not (owner == i).any()]
    if hidden:
        raise AnatomyError(
            f"the centreline of {', '.join(hidden)} ({TREES[tree]}) runs wholly inside those of other branches; give each "
            "branch its own course"
        )
    voxel_ml = abs(float(np.linalg.det(grid.affine[:3, :3]))) / MM3_PER_ML
    return assembled(grid, tree, tuple(lines), everything, owner, np.full(len(owner), voxel_ml), remarks)


def _followed(line: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """Return points along a polyline (n, 3), at most `step` apart, mm."""
    out = [line[:1]]
    for a, b in pairwise(line):
        n = max(1, int(np.ceil(np.linalg.norm(b - a) / step)))
        out.append(a + np.linspace(0.0, 1.0, n + 1)[1:, None] * (b - a))
    return np.concatenate(out)
