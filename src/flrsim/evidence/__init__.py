"""Clinical numbers as data: every value with its unit, spread, source and kind.

The laws elsewhere in flrsim hold no numbers; they ask an `Evidence` for them by id. The values that come with
the package are in ``parameters/*.toml``, the sources in ``references.bib``; a copied and edited folder, or
single overrides, take their place. Published results to hold the simulation against are in ``trials/``.
"""

from flrsim.evidence.check import check_evidence
from flrsim.evidence.disease_rules import DiseaseRule, load_disease_rules
from flrsim.evidence.loader import Evidence, load_evidence, load_references
from flrsim.evidence.printed import PrintedNumber
from flrsim.evidence.records import BODY_WEIGHT, KINDS, MEASURED_LIVER, UNITS, Parameter, Reference
from flrsim.evidence.sets import freeze
from flrsim.evidence.trials import Study, load_trials, trials_digest

__all__ = [
    "BODY_WEIGHT",
    "KINDS",
    "MEASURED_LIVER",
    "UNITS",
    "DiseaseRule",
    "Evidence",
    "Parameter",
    "PrintedNumber",
    "Reference",
    "Study",
    "check_evidence",
    "freeze",
    "load_disease_rules",
    "load_evidence",
    "load_references",
    "load_trials",
    "trials_digest",
]
