"""The colours of fates, lesions, vessels and verdicts: one place, so that pictures, page and legend agree.

Fates take colours that red-green colour-blind eyes tell apart (after the palette of Okabe and Ito) and whose
hues lie far enough apart to survive being drawn translucent over each other. Magenta is kept for what must
not be overlooked.
"""

from __future__ import annotations

FATE_COLOURS = ("#009e73", "#e69f00", "#56b4e9", "#f0e442")
"""Tissue that stays, then tissue that goes in stage 1, 2, 3."""

FATE_INKS = ("#00694d", "#8a5a00", "#1b5f8c", "#6e6700")
"""The same hues, dark enough for text on white and for solid lesions inside translucent tissue."""

LOUD = "#d6006c"
"""Lesions that are left or cut through."""

VANISHED = "#6f6f6f"
PORTAL_VEIN = "#8e52cc"
HEPATIC_VEIN = "#12309c"
UNSPLIT_VESSEL = "#4b5178"
RIM = "#262626"
TERRITORY = "#3d3d4a"
"""Hatching of tissue whose portal branch is closed."""
LOST = "#a63603"
"""Crossed hatching of tissue that an operation leaves without inflow or outflow; dark, so that it prints."""
CAVITY = "#0b5a45"
"""Cut surface of what stays, as it looks through the tissue around it: a hollow, no lesion."""
MARGIN = "#8f3b76"
"""Shell of a planned margin."""

VERDICT_COLOURS = {
    "meets_rules": "#00694d",
    "borderline": "#8a5a00",
    "does_not_meet": "#a3004f",
    "cannot_judge": "#3d3d4a",
}


def hatching(colour: str) -> int:
    """Return in how many directions what is drawn in a colour is hatched; 0: not at all."""
    return {TERRITORY: 1, LOST: 2}.get(colour, 0)


def swatch(colour: str) -> str:
    """Return the CSS background of a legend's mark, hatched where what it stands for is."""
    turned = (45, -45)[: hatching(colour)]
    # Each stop on its own: printers of pages take no stop of two places, and would leave the mark empty.
    stops = f"{colour} 0, {colour} .12em, transparent .12em, transparent .3em"
    lines = [f"repeating-linear-gradient({angle}deg, {stops})" for angle in turned]
    return ", ".join(lines) or colour


def fate_name(stage: int) -> str:
    """Return what happens to tissue, in words: 0 stays, k goes in stage k."""
    return "stays" if stage == 0 else f"goes in stage {stage}"


def fate_colour(stage: int) -> str:
    """Return the sRGB colour of a fate; stages beyond the palette share its last colour."""
    return FATE_COLOURS[min(stage, len(FATE_COLOURS) - 1)]


def fate_ink(stage: int) -> str:
    """Return the dark form of a fate's colour."""
    return FATE_INKS[min(stage, len(FATE_INKS) - 1)]
