"""From where a scene is seen, in the patient's axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Camera:
    """A parallel view: the direction of sight and what is up, unit vectors in LPS."""

    name: str
    title: str
    sight: tuple[float, float, float]
    up: tuple[float, float, float]

    @property
    def right(self) -> NDArray[np.float64]:
        """What lies to the right in the picture, (3,)."""
        return np.cross(self.sight, self.up)

    @property
    def letters(self) -> dict[tuple[int, int], str]:
        """The letter of the patient's axis that points to a side of the picture, by the side: (1, 0) right, (0, 1) up."""
        out = {}
        for letter, direction in ORIENTATION.items():
            across, upwards = float(np.dot(direction, self.right)), float(np.dot(direction, self.up))
            # Towards zero: what points only half to a side has no letter there.
            out[int(across / ALONG), int(upwards / ALONG)] = letter
        return {side: letter for side, letter in out.items() if side in SIDES}


CAMERAS: dict[str, Camera] = {
    c.name: c
    for c in (
        Camera("anterior", "from the front", (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
        Camera("inferior", "from below", (0.0, 0.0, 1.0), (0.0, -1.0, 0.0)),
        Camera("posterior", "from behind", (0.0, -1.0, 0.0), (0.0, 0.0, 1.0)),
    )
}
"""From the front and from below the patient's right is at picture left, as on CT; not from behind."""

ALONG = 0.9
"""Share of its length by which an axis has to point to a side of the picture to be named there."""
SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1))

ORIENTATION: dict[str, tuple[float, float, float]] = {
    "R": (-1.0, 0.0, 0.0), "L": (1.0, 0.0, 0.0), "A": (0.0, -1.0, 0.0),
    "P": (0.0, 1.0, 0.0), "S": (0.0, 0.0, 1.0), "I": (0.0, 0.0, -1.0),
}  # fmt: skip
"""Letters of the patient's axes, as directions in LPS."""
