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
from flrsim.phantom.vessels import Tubes

__all__ = [
    "Estimate",
    "LabelGrids",
    "Lesion",
    "Phantom",
    "PhantomTruth",
    "Tubes",
    "at_confluence",
    "beside_middle_vein",
    "bilobar_lesions",
    "bilobar_two_stage",
    "make_phantom",
    "solitary_right",
    "truth",
]
