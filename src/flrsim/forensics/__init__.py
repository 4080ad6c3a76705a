"""What is wrong with an input: where, how much, and what to do. Nothing is repaired here.

On plain arrays, below the readers: they refuse by this judgement, and ``flrsim check`` lists it.
"""

from flrsim.forensics.findings import listed, raise_together, refuse, refused
from flrsim.forensics.liver import centre_of_faces, examine_liver, examine_names, examine_orientation
from flrsim.forensics.parts import TURNED, Part, examine_beside, examine_parts, turned
from flrsim.forensics.sheet import joined as joined_points
from flrsim.forensics.surface import examine_mesh

__all__ = [
    "TURNED",
    "Part",
    "centre_of_faces",
    "examine_beside",
    "examine_liver",
    "examine_mesh",
    "examine_names",
    "examine_orientation",
    "examine_parts",
    "joined_points",
    "listed",
    "raise_together",
    "refuse",
    "refused",
    "turned",
]
