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


CAMERAS: dict[str, Camera] = {
    c.name: c
    for c in (
        Camera("anterior", "from the front", (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
        Camera("inferior", "from below", (0.0, 0.0, 1.0), (0.0, -1.0, 0.0)),
        Camera("posterior", "from behind", (0.0, -1.0, 0.0), (0.0, 0.0, 1.0)),
    )
}
"""From the front and from below the patient's right is at picture left, as on CT; not from behind."""

ORIENTATION: dict[str, tuple[float, float, float]] = {
    "R": (-1.0, 0.0, 0.0), "L": (1.0, 0.0, 0.0), "A": (0.0, -1.0, 0.0),
    "P": (0.0, 1.0, 0.0), "S": (0.0, 0.0, 1.0), "I": (0.0, 0.0, -1.0),
}  # fmt: skip
"""Letters of the patient's axes, as directions in LPS."""
