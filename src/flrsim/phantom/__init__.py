"""Parametric livers with independently known truth."""

from flrsim.phantom.lesions import Lesion
from flrsim.phantom.model import LabelGrids, Phantom, make_phantom
from flrsim.phantom.places import across_middle_vein, along_right_portal, at_confluence, beside_middle_vein
from flrsim.phantom.scenarios import (
    bilobar_lesions,
    bilobar_two_stage,
    conversion,
    hcc_thrombus,
    small_for_size,
    solitary_right,
)
from flrsim.phantom.truth import Estimate, PhantomTruth, truth
from flrsim.phantom.two_tree import TwoTree
from flrsim.phantom.vessels import Tubes
from flrsim.phantom.watersheds import Watershed, WatershedTruth, watershed, watershed_truth

__all__ = [
    "Estimate",
    "LabelGrids",
    "Lesion",
    "Phantom",
    "PhantomTruth",
    "Tubes",
    "TwoTree",
    "Watershed",
    "WatershedTruth",
    "across_middle_vein",
    "along_right_portal",
    "at_confluence",
    "beside_middle_vein",
    "bilobar_lesions",
    "bilobar_two_stage",
    "conversion",
    "hcc_thrombus",
    "make_phantom",
    "small_for_size",
    "solitary_right",
    "truth",
    "watershed",
    "watershed_truth",
]
