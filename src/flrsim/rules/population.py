"""In whom a rule was found, as the evidence records it, beside the patient it is asked of."""

from __future__ import annotations

DISEASES = {
    "colorectal metastases": "crlm",
    "HCC": "hcc",
    "biliary tumours": "cholangiocarcinoma",
    "cholangiocarcinoma": "cholangiocarcinoma",
}
"""Words of recorded populations that name a disease."""


def found_in_other_disease(population: str, disease: str | None) -> bool:
    """Return whether a rule was found in patients of other diseases than the patient's; False where nobody says."""
    named = {known for words, known in DISEASES.items() if words in population}
    return bool(named) and disease is not None and disease not in named
