"""Parametric livers with independently known truth."""

from flrsim.phantom.lesions import Lesion
from flrsim.phantom.model import LabelGrids, Phantom, make_phantom
from flrsim.phantom.scenarios import (
    at_confluence,
    beside_middle_vein,
    bilobar_lesions,
    bilobar_two_stage,
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
    "at_confluence",
    "beside_middle_vein",
    "bilobar_lesions",
    "bilobar_two_stage",
    "make_phantom",
    "solitary_right",
    "truth",
    "watershed",
    "watershed_truth",
]
