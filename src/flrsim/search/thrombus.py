"""What a portal tumour thrombus of a hepatocellular carcinoma forces to go."""

from __future__ import annotations

from dataclasses import dataclass

from flrsim.disease import bearing_segment, territory_of
from flrsim.errors import PlanError
from flrsim.search.clearing import SIDES, Lesions, Segments

GRADES = ("Vp1", "Vp2", "Vp3", "Vp4")


@dataclass(frozen=True)
class Thrombus:
    """A portal tumour thrombus.

    Attributes
    ----------
    bearing : segment in which it starts.
    takes : segments that go with it: a segment, a section or a hemiliver.
    """

    grade: str
    side: str
    bearing: str
    takes: Segments

    @property
    def in_trunk(self) -> bool:
        """Whether it reaches the trunk and is taken out of it."""
        return self.grade == GRADES[-1]

    @property
    def sentence(self) -> str:
        """What is said about it."""
        return (
            f"the portal thrombus ({self.grade}) takes {' + '.join(sorted(self.takes))}; "
            "where it lies is taken from the lesions: check it on the images"
        )


def thrombus_of(lesions: Lesions) -> Thrombus | None:
    """Return the thrombus of a case, on the side with more tumour, in the segment of the largest lesion there.

    Raises
    ------
    PlanError
        When no lesion lies in a labelled segment of a hemiliver.
    """
    patient = lesions.case.patient
    grade = None if patient is None else patient.tumour.thrombus
    if patient is None or patient.disease != "hcc" or grade not in GRADES:
        return None
    segment = bearing_segment(lesions.case.lesions)
    if segment is None:
        names = ", ".join(x.name for x in lesions.case.lesions)
        raise PlanError(
            f"the segment of the portal thrombus ({grade}) cannot be told: {names} lies in no labelled segment of a hemiliver; "
            "label the liver together with its tumours, or write [[plan]] tables"
        )
    side = next(side for side in SIDES if segment in lesions.hemiliver(side))
    return Thrombus(grade, side, segment, lesions.present(territory_of(grade, segment)))
