"""Which published response a regimen is taken to have."""

from __future__ import annotations

from dataclasses import dataclass

from flrsim.patient import TumourBiology
from flrsim.regimens import (
    ANTI_EGFR,
    ARTERIAL_FUDR,
    BEVACIZUMAB,
    FLUOROPYRIMIDINES,
    IRINOTECAN,
    OXALIPLATIN,
    TACE,
    drugs,
)

SYSTEMIC = ("fluoropyrimidine", "doublet", "doublet_bev", "doublet_egfr", "triplet_bev")
"""Classes of systemic treatment of colorectal metastases, found in patients with and without other disease."""

CLASSES = (*SYSTEMIC, "hai_fudr", "hai_il2", "tace", "atezo_bev", "lenvatinib", "lenvatinib_tace")
"""Classes of regimens whose response was published; each has a sensitive share, a shrink and a regrow rate."""

_ARTERIAL_IL2 = "arterial interleukin-2"
_PARTNERS = frozenset({OXALIPLATIN, IRINOTECAN})


@dataclass(frozen=True)
class RegimenClass:
    """The class of a regimen.

    Attributes
    ----------
    name : one of `CLASSES`; None when no response is assumed.
    remark : what had to be assumed, in one sentence; empty when nothing.
    """

    name: str | None
    remark: str = ""


def regimen_class(regimen: str, biology: TumourBiology) -> RegimenClass:
    """Return the class whose response a regimen is taken to have.

    Parameters
    ----------
    regimen
        Drugs joined by ``+``.

    Raises
    ------
    CaseError
        When a part of the regimen is not known.
    """
    given = drugs(regimen)
    for marker, name in ((ARTERIAL_FUDR, "hai_fudr"), (_ARTERIAL_IL2, "hai_il2")):
        if marker in given:
            arterial = {drug for drug in given if drug.startswith("arterial")}
            return RegimenClass(name, _uncounted(regimen, given - arterial))
    if TACE in given:
        counted = {TACE, "lenvatinib"}
        name = "lenvatinib_tace" if "lenvatinib" in given else "tace"
        return RegimenClass(name, _uncounted(regimen, given - counted))
    if {"atezolizumab", BEVACIZUMAB} <= given:
        return RegimenClass("atezo_bev", _uncounted(regimen, given - {"atezolizumab", BEVACIZUMAB}))
    if "lenvatinib" in given:
        return RegimenClass("lenvatinib", _uncounted(regimen, given - {"lenvatinib"}))
    return _systemic(regimen, given, biology)


def _systemic(regimen: str, given: frozenset[str], biology: TumourBiology) -> RegimenClass:
    """Return the class of a regimen against colorectal metastases."""
    backbone, partners = given & FLUOROPYRIMIDINES, given & _PARTNERS
    rest = given - FLUOROPYRIMIDINES - _PARTNERS
    if partners == _PARTNERS and backbone:
        if BEVACIZUMAB in given:
            return RegimenClass("triplet_bev", _uncounted(regimen, rest - {BEVACIZUMAB}))
        remark = f"{regimen}: response taken from the same drugs with bevacizumab"
        return RegimenClass("triplet_bev", "; ".join(filter(None, (remark, _uncounted(regimen, rest)))))
    if partners and (backbone or partners == _PARTNERS):
        if given & ANTI_EGFR:
            return _anti_egfr(regimen, rest, biology)
        name = "doublet_bev" if BEVACIZUMAB in given else "doublet"
        return RegimenClass(name, _uncounted(regimen, rest - {BEVACIZUMAB}))
    if backbone:
        return RegimenClass("fluoropyrimidine", _uncounted(regimen, rest))
    return RegimenClass(None, f"{regimen}: no response is assumed, lesions grow as without it")


def _anti_egfr(regimen: str, rest: frozenset[str], biology: TumourBiology) -> RegimenClass:
    """Return the class of a doublet with an antibody against EGFR, which works only in wild-type tumours."""
    uncounted = _uncounted(regimen, rest - ANTI_EGFR)
    mutant = [gene for gene, state in (("RAS", biology.ras), ("BRAF", biology.braf)) if state == "mutant"]
    if mutant:
        remark = f"{regimen}: {' and '.join(mutant)} mutant, the antibody is taken to add nothing"
        return RegimenClass("doublet", "; ".join(filter(None, (remark, uncounted))))
    doubts = [f"{gene} is not known" for gene, state in (("RAS", biology.ras),) if state is None]
    doubts += ["the primary is on the right"] if biology.side == "right" else []
    remark = ""
    if doubts:
        remark = (
            f"{regimen}: response is that of RAS wild-type, left-sided primaries, but {', '.join(doubts)}"
        )
    return RegimenClass("doublet_egfr", "; ".join(filter(None, (remark, uncounted))))


def _uncounted(regimen: str, rest: frozenset[str]) -> str:
    """Say which drugs add nothing to the assumed response."""
    return f"{regimen}: {', '.join(sorted(rest))} not counted in the response" if rest else ""
