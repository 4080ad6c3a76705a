"""What can go wrong with data, each in one sentence that says what was found, what is needed and what to do."""

from __future__ import annotations

from typing import Any


class FlrsimError(Exception):
    """Base of all errors about the data, never about the caller's code; the command line exits with 1.

    Parameters
    ----------
    sentence
        What was found and where, what is needed, what to do.
    """

    code = "data"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.findings: tuple[Any, ...] = ()
        """What was found one by one, where a whole examination led here; `flrsim.results.Finding`."""

    def to_dict(self) -> dict[str, str]:
        """Return the machine-readable form that ``--json`` prints."""
        return {"schema": "flrsim/error/1", "code": self.code, "error": self.sentence}


class FileError(FlrsimError):
    """A file is missing, empty, truncated, or not what its name says."""

    code = "file"


class GeometryError(FlrsimError):
    """A mesh or label map cannot carry a volume, or is in the wrong place."""

    code = "geometry"


class AnatomyError(FlrsimError):
    """Labels that do not make a liver: unknown, missing, mirrored, impossible."""

    code = "anatomy"


class CaseError(FlrsimError):
    """A case file that cannot be understood; the sentence names the key."""

    code = "case"


class PlanError(FlrsimError):
    """A plan that cannot be carried out as written."""

    code = "plan"


class EditError(PlanError):
    """An edit of a draft that is not made.

    Parameters
    ----------
    control : what was to be changed, e.g. ``segment S4``; the sentence is shown beside it.
    sentence
        Why not, with the number that forbids it.
    """

    code = "refused"

    def __init__(self, control: str, sentence: str) -> None:
        super().__init__(sentence)
        self.control = control


class EvidenceError(FlrsimError):
    """A clinical number that is absent or badly recorded."""

    code = "evidence"


class DisplayError(FlrsimError):
    """No picture can be drawn on this machine."""

    code = "display"
