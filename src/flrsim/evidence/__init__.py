"""Clinical numbers as data: every value with its unit, spread, source and kind.

The laws elsewhere in flrsim hold no numbers; they ask an `Evidence` for them by id. The values that come with
the package are in ``parameters/*.toml``, the sources in ``references.bib``; a copied and edited folder, or
single overrides, take their place.
"""

from flrsim.evidence.loader import KINDS, UNITS, Evidence, load_evidence
from flrsim.evidence.records import Parameter, Reference

__all__ = ["KINDS", "UNITS", "Evidence", "Parameter", "Reference", "load_evidence"]
