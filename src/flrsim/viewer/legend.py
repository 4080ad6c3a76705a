"""What the colours of a scene stand for, and what could not be drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from flrsim.anatomy import SEGMENTS
from flrsim.plan import TITLES
from flrsim.report import format as show
from flrsim.report import palette
from flrsim.results import LesionFate
from flrsim.staging import Fate
from flrsim.viewer.lost import lost_words
from flrsim.viewer.shown import Shown

CLEARED = ("removed", "ablated", "vanished")
VESSEL_COLOURS = {"portal_vein": palette.PORTAL_VEIN, "hepatic_vein": palette.HEPATIC_VEIN}


@dataclass(frozen=True)
class LegendEntry:
    """One colour and what it stands for; `ml` is counted on the case's voxels, never on display meshes.

    Attributes
    ----------
    lesions : names of the lesions of this colour, with which the text ends.
    """

    text: str
    colour: str
    stage: int | None
    ml: float | None
    lesions: tuple[str, ...] = ()

    def said(self, marks: Mapping[str, str] | None = None) -> str:
        """Return the entry with its volume: tissue as everywhere else, tumour left behind to 1 mL.

        Parameters
        ----------
        marks : what stands for the name of each lesion; without them the names themselves.
        """
        text = self.text
        if marks and self.lesions:
            text = text.removesuffix(", ".join(self.lesions)) + ", ".join(marks[n] for n in self.lesions)
        if self.ml is None:
            return text
        return f"{text}  {show.tumour_ml(self.ml) if self.stage is None else show.ml(self.ml)}"


def lesion_colour(fate: Fate | LesionFate | None) -> str:
    """Return the colour of a lesion: that of the stage that clears it, loud when none does."""
    if fate is None or fate.fate not in CLEARED:
        return palette.LOUD
    if fate.fate == "vanished" or fate.stage is None:
        return palette.VANISHED
    return palette.fate_ink(fate.stage)


def legend_of(
    shown: Shown, day: int | None, lesions: Mapping[str, str], vessels: Sequence[str]
) -> tuple[LegendEntry, ...]:
    """Return the legend of a day.

    Parameters
    ----------
    lesions : colour of each drawn lesion, by name.
    vessels : names of the drawn vessels.
    """
    return (*_tissue(shown, day), *_lesions(shown, lesions), *_others(shown, day, vessels))


def _tissue(shown: Shown, day: int | None) -> Iterable[LegendEntry]:
    """Return the fates of what is still there, mL as imaged: growth stands beside the picture."""
    done = shown.operations_done(day)
    imaged = "" if day is None else " on the images"
    for k, ml in shown.geometry.tissue_ml.items():
        if k == 0 or k > done:
            text = palette.fate_name(k) + (f" (parenchyma{imaged})" if k == 0 else "")
            yield LegendEntry(text, palette.fate_colour(k), k, ml)


def _lesions(shown: Shown, lesions: Mapping[str, str]) -> Iterable[LegendEntry]:
    fates = shown.fates
    loud = [n for n in lesions if n not in fates or fates[n].fate not in CLEARED]
    if loud:
        ml = sum(fates[n].left_ml if n in fates else shown.case.lesion(n).volume_ml for n in loud)
        yield LegendEntry(
            f"stays of a lesion left or cut through: {', '.join(loud)}", palette.LOUD, None, ml, tuple(loud)
        )
    cleared = {n: fates[n].stage for n in lesions if n not in loud}
    for stage in sorted({s for s in cleared.values() if s is not None}):
        names = tuple(n for n, s in cleared.items() if s == stage)
        text = f"lesion cleared in stage {stage}: {', '.join(names)}"
        yield LegendEntry(text, palette.fate_ink(stage), None, None, names)


def _others(shown: Shown, day: int | None, vessels: Sequence[str]) -> Iterable[LegendEntry]:
    tree = {v.name: v.tree for v in shown.case.vessels}
    for name in dict.fromkeys(tree[v] for v in vessels):
        yield LegendEntry(
            name.replace("_", " "), VESSEL_COLOURS.get(name, palette.UNSPLIT_VESSEL), None, None
        )
    done = shown.operations_done(day)
    if any(wall.owner == 0 and wall.other <= done for wall in shown.geometry.walls):
        yield LegendEntry("cut surface (cavity, no lesion)", palette.CAVITY, None, None)
    lost = shown.lost(day)
    for text in lost_words(lost, day):
        yield LegendEntry(text, palette.LOST, None, None)
    # What is hatched as lost is not hatched as closed.
    marked = {(x.segment, x.goes) for x in lost}
    there = {
        skin.segment
        for skin in shown.geometry.skins
        if (skin.stage == 0 or skin.stage > done) and (skin.segment, skin.stage) not in marked
    }
    for t in shown.territories(day):
        names = ", ".join(s for s in SEGMENTS if s in t.segments & there)
        if names:
            word = "radiated" if t.technique == "y90" else "no portal inflow"
            yield LegendEntry(
                f"{word} since day {t.day} ({TITLES[t.technique]}): {names}", palette.TERRITORY, None, None
            )


def banners_of(shown: Shown) -> tuple[str, ...]:
    """Return what could not be drawn because it was not supplied."""
    case = shown.case
    if not case.vessels:
        return ("vessels not supplied",)
    if case.has_tree("unsplit"):
        return ()
    missing = [tree for tree in VESSEL_COLOURS if not case.has_tree(tree)]
    return tuple(f"{tree.replace('_', ' ')} not supplied" for tree in missing)
