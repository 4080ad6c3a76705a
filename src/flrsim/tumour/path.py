"""The two parts of lesions followed through treatments and breaks."""

from __future__ import annotations

from collections.abc import Sequence

from flrsim.draws import Floats
from flrsim.tumour.phases import Phase, exposure
from flrsim.tumour.response import Parts, Response


class Path:
    """Lesions from one day on, in closed form.

    Between two changes of the class of treatment every part of every lesion is multiplied by one of two factors,
    so any day can be asked for without playing the days before it.

    Parameters
    ----------
    start, parts
        First day and what the lesions are then.
    occlusion_day
        Day of the first portal occlusion; None without one.
    """

    def __init__(
        self,
        start: float,
        parts: Parts,
        phases: Sequence[Phase],
        occlusion_day: float | None,
        law: Response,
    ) -> None:
        self._phases, self._occlusion, self._law = phases, occlusion_day, law
        self._epochs = [(start, parts)]
        for phase in phases:
            under = self._epochs[-1][1].under
            if phase.end > start and phase.response != under:
                begun = law.begin(self.parts(phase.start), phase.response)
                self._epochs.append((phase.start, begun))

    def factors(self, day: float) -> tuple[int, Parts, Floats, Floats]:
        """Return the epoch of a day, the parts at its start, and the factors of each part since, (n_draws,)."""
        epoch = max(i for i, (start, _) in enumerate(self._epochs) if start <= day)
        start, parts = self._epochs[epoch]
        return epoch, parts, *self._law.factors(exposure(self._phases, start, day, self._occlusion))

    def parts(self, day: float) -> Parts:
        """Return both parts of every lesion on a day."""
        _, parts, sensitive, resistant = self.factors(day)
        return parts.times(sensitive, resistant)
