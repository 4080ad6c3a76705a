"""Lesions between the imaging day and their removal: they answer treatment, regrow without it, and may vanish.

Each lesion is two parts, one that shrinks under treatment and one that grows all the same; see `Response`.
"""

from flrsim.tumour.lesions import LesionAtOperation, Lesions
from flrsim.tumour.response import TrialResponse, trial_response

__all__ = ["LesionAtOperation", "Lesions", "TrialResponse", "trial_response"]
