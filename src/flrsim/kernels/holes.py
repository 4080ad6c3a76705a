"""Empty voxels of a label map from which no way leads out."""

from __future__ import annotations

import numpy as np

from flrsim.kernels import kernel


@kernel
def enclosed(labels):
    """Return the voxels without a label that labels enclose, (nx, ny, nz) bool; a way out steps from face to face.

    labels : (nx, ny, nz) unsigned integers; beyond its borders all is open. The outside is spread by sweeps along the
    array, forward and back, until a pair of sweeps changes nothing: two or three pairs for an organ.
    """
    nx, ny, nz = labels.shape
    inside = np.zeros((nx, ny, nz), np.bool_)
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                inside[i, j, k] = labels[i, j, k] == 0
    changed = True
    while changed:
        changed = False
        for sweep in range(2):
            for a in range(nx):
                i = a if sweep == 0 else nx - 1 - a
                for b in range(ny):
                    j = b if sweep == 0 else ny - 1 - b
                    for c in range(nz):
                        k = c if sweep == 0 else nz - 1 - c
                        if not inside[i, j, k]:
                            continue
                        if (
                            i == 0
                            or j == 0
                            or k == 0
                            or i == nx - 1
                            or j == ny - 1
                            or k == nz - 1
                            or (labels[i - 1, j, k] == 0 and not inside[i - 1, j, k])
                            or (labels[i + 1, j, k] == 0 and not inside[i + 1, j, k])
                            or (labels[i, j - 1, k] == 0 and not inside[i, j - 1, k])
                            or (labels[i, j + 1, k] == 0 and not inside[i, j + 1, k])
                            or (labels[i, j, k - 1] == 0 and not inside[i, j, k - 1])
                            or (labels[i, j, k + 1] == 0 and not inside[i, j, k + 1])
                        ):
                            inside[i, j, k] = False
                            changed = True
    return inside
