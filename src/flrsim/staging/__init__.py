"""A plan on a liver: which pieces each operation takes, what that clears, what stays; conserved to the voxel."""

from flrsim.course import HALF
from flrsim.staging.course import course_of
from flrsim.staging.fates import Fate
from flrsim.staging.marks import wedged_by, zone_of
from flrsim.staging.operations import KINDS, Operation, StagedPlan
from flrsim.staging.stage import stage_plans

__all__ = [
    "HALF",
    "KINDS",
    "Fate",
    "Operation",
    "StagedPlan",
    "course_of",
    "stage_plans",
    "wedged_by",
    "zone_of",
]
