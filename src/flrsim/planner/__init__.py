"""Planning without a screen: a draft that is edited step by step, refused where it must be, judged and saved.

A `Draft` is immutable; every edit returns a new one or raises `flrsim.errors.EditError`, whose sentence is shown at the
control. A `Workbench` judges drafts with the numbers of `flrsim.comparison.compare`.
"""

from flrsim.planner.assign import (
    assign_lesion,
    assign_resection,
    assign_segment,
    assign_segments,
    set_ablation_margin,
    set_margin,
)
from flrsim.planner.dates import (
    set_before,
    set_between,
    set_interval,
    set_resection_day,
    set_scan_day,
    set_segment_4,
    set_technique,
)
from flrsim.planner.draft import Draft, set_draws, set_formula, set_penalty, set_seed, start
from flrsim.planner.person import course_of_history, set_history, set_patient
from flrsim.planner.plans import (
    add_plan,
    add_resection,
    duplicate_plan,
    remove_plan,
    rename_plan,
    select_plan,
)
from flrsim.planner.quantities import QUANTITIES, Input
from flrsim.planner.remarks import Remark, remarks
from flrsim.planner.shape import TECHNIQUES, Cycles, Shape, Way, shape_of
from flrsim.planner.undo import Steps
from flrsim.planner.why import Published, Why, why
from flrsim.planner.workbench import Workbench, cuts_of

__all__ = [
    "QUANTITIES",
    "TECHNIQUES",
    "Cycles",
    "Draft",
    "Input",
    "Published",
    "Remark",
    "Shape",
    "Steps",
    "Way",
    "Why",
    "Workbench",
    "add_plan",
    "add_resection",
    "assign_lesion",
    "assign_resection",
    "assign_segment",
    "assign_segments",
    "course_of_history",
    "cuts_of",
    "duplicate_plan",
    "remarks",
    "remove_plan",
    "rename_plan",
    "select_plan",
    "set_ablation_margin",
    "set_before",
    "set_between",
    "set_draws",
    "set_formula",
    "set_history",
    "set_interval",
    "set_margin",
    "set_patient",
    "set_penalty",
    "set_resection_day",
    "set_scan_day",
    "set_seed",
    "set_segment_4",
    "set_technique",
    "shape_of",
    "start",
    "why",
]
