"""Published studies repeated with virtual patients, and what came out held against what was printed.

The same laws that play a plan play every arm of every study. What the model does not simulate is listed with the
reason; a number that fails is shown as failing.
"""

from flrsim.validate.arms import Simulated
from flrsim.validate.numbers import NotSimulatedError, statistic_of
from flrsim.validate.published import Bounds, error_of_median, published_bounds
from flrsim.validate.run import REPLICATES, simulate_row, simulated_arms, validate
from flrsim.validate.uncertainty import at_values, drawn

__all__ = [
    "REPLICATES",
    "Bounds",
    "NotSimulatedError",
    "Simulated",
    "at_values",
    "drawn",
    "error_of_median",
    "published_bounds",
    "simulate_row",
    "simulated_arms",
    "statistic_of",
    "validate",
]
