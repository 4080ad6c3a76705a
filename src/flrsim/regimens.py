"""What a chemotherapy regimen contains: the one table of drug names."""

from __future__ import annotations

from flrsim.errors import CaseError

OXALIPLATIN, IRINOTECAN, BEVACIZUMAB = "oxaliplatin", "irinotecan", "bevacizumab"
ANTI_EGFR = frozenset({"cetuximab", "panitumumab"})
FLUOROPYRIMIDINES = frozenset({"fluorouracil", "capecitabine", "S-1"})
ARTERIAL_FUDR, TACE = "arterial floxuridine", "TACE"

REGIMENS: dict[str, frozenset[str]] = {
    name: frozenset(drugs.split())
    for name, drugs in {
        "FOLFOX": "fluorouracil oxaliplatin",
        "FOLFOX4": "fluorouracil oxaliplatin",
        "FOLFOX6": "fluorouracil oxaliplatin",
        "mFOLFOX6": "fluorouracil oxaliplatin",
        "CAPOX": "capecitabine oxaliplatin",
        "XELOX": "capecitabine oxaliplatin",
        "SOX": "S-1 oxaliplatin",
        "FOLFIRI": "fluorouracil irinotecan",
        "FUFIRI": "fluorouracil irinotecan",
        "CAPIRI": "capecitabine irinotecan",
        "XELIRI": "capecitabine irinotecan",
        "IROX": "irinotecan oxaliplatin",
        "mIROX": "irinotecan oxaliplatin",
        "FOLFOXIRI": "fluorouracil oxaliplatin irinotecan",
        "mFOLFOXIRI": "fluorouracil oxaliplatin irinotecan",
        "FOLFIRINOX": "fluorouracil oxaliplatin irinotecan",
        "5-FU": "fluorouracil",
        "FU/LV": "fluorouracil",
        "LV5FU2": "fluorouracil",
        "capecitabine": "capecitabine",
        "S-1": "S-1",
        "oxaliplatin": "oxaliplatin",
        "irinotecan": "irinotecan",
        "bevacizumab": "bevacizumab",
        "cetuximab": "cetuximab",
        "panitumumab": "panitumumab",
        "sorafenib": "sorafenib",
        "lenvatinib": "lenvatinib",
        "atezolizumab": "atezolizumab",
    }.items()
} | {
    # Given into the hepatic artery.
    "HAI-FUDR": frozenset({ARTERIAL_FUDR}),
    "HAI-IL2": frozenset({"arterial interleukin-2", "arterial fluorouracil", "arterial mitomycin C"}),
    "TACE": frozenset({TACE}),
}
"""Drugs of every known regimen; a case joins several by ``+``."""

ANTIBODIES = frozenset({"bevacizumab", "atezolizumab"}) | ANTI_EGFR
"""Drugs whose cycles alone do not count as weeks of chemotherapy."""

NOT_CHEMOTHERAPY = ANTIBODIES | {"sorafenib", "lenvatinib", TACE}
"""Drugs for which no injury of the sinusoids is known: their cycles count for no chemotherapy-injury rule."""

_BY_LOWER = {name.lower(): drugs for name, drugs in REGIMENS.items()}


def drugs(regimen: str) -> frozenset[str]:
    """Return the drugs of a regimen such as ``FOLFIRI+bevacizumab``.

    Raises
    ------
    CaseError
        When a part is not in the table.
    """
    found: frozenset[str] = frozenset()
    for part in regimen.split("+"):
        known = _BY_LOWER.get(part.strip().lower())
        if known is None:
            raise CaseError(
                f'regimen "{regimen}" has the unknown part "{part.strip()}"; '
                f"known, joined by +, are {', '.join(REGIMENS)}"
            )
        found |= known
    return found
