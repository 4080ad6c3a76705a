"""What a chemotherapy regimen contains, and how often it is given: the one table of drug names."""

from __future__ import annotations

from flrsim.errors import CaseError
from flrsim.evidence import Evidence

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

_OTHER_CYCLES = {
    **dict.fromkeys(("CAPOX", "XELOX", "CAPIRI", "XELIRI", "capecitabine"), "three_weekly"),
    **dict.fromkeys(("IROX", "mIROX"), "irox"),
    **dict.fromkeys(("oxaliplatin", "irinotecan", "bevacizumab", "cetuximab", "panitumumab"), "single_drug"),
    **dict.fromkeys(("sorafenib", "lenvatinib"), "daily"),
    "S-1": "s1",
    "SOX": "sox",
    "atezolizumab": "atezolizumab",
    "HAI-FUDR": "arterial_floxuridine",
    "HAI-IL2": "arterial_interleukin",
    "TACE": "tace",
}
"""Regimens whose cycles are not those of fluorouracil by infusion, with the last word of their ``regimen.cycle`` number."""

_BY_LOWER = {name.lower(): name for name in REGIMENS}


def drugs(regimen: str) -> frozenset[str]:
    """Return the drugs of a regimen such as ``FOLFIRI+bevacizumab``.

    Raises
    ------
    CaseError
        When a part is not in the table.
    """
    return frozenset().union(*(REGIMENS[name] for name in _parts(regimen)))


def cycle_days(regimen: str, evidence: Evidence) -> float:
    """Return the days from one cycle of a regimen to the next.

    Raises
    ------
    CaseError
        When a part is not in the table.

    Notes
    -----
    Regimens that are joined share the longest cycle among them, antibodies counting only where nothing else is given:
    they keep the interval of what they are given with.
    """
    names = _parts(regimen)
    setting = [name for name in names if not REGIMENS[name] <= ANTIBODIES] or names
    return max(evidence.value(f"regimen.cycle.{_OTHER_CYCLES.get(name, 'two_weekly')}") for name in setting)


def acting_days(regimen: str, cycles: int, last_dose_day: float, evidence: Evidence) -> tuple[float, float]:
    """Return the days from the first dose of a treatment to one cycle after its last: it acts in between."""
    spacing = cycle_days(regimen, evidence)
    return last_dose_day - (cycles - 1) * spacing, last_dose_day + spacing


def _parts(regimen: str) -> tuple[str, ...]:
    """Return the regimens that are joined, as the table spells them."""
    names = []
    for part in regimen.split("+"):
        name = _BY_LOWER.get(part.strip().lower())
        if name is None:
            raise CaseError(
                f'regimen "{regimen}" has the unknown part "{part.strip()}"; '
                f"known, joined by +, are {', '.join(REGIMENS)}"
            )
        names.append(name)
    return tuple(names)
