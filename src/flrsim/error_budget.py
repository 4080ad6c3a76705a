"""What every millilitre and every percent is uncertain by: causes, each with its number, and their sum in squares.

A cause has a standard deviation. Causes are taken as independent; where two numbers share one cause, it is
entered once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from flrsim.case import Fidelity
from flrsim.draws import PERCENTILES
from flrsim.evidence import Evidence
from flrsim.mesh import MM2_PER_CM2, MM3_PER_ML
from flrsim.results import ErrorPart, EstimatedVolume, Interval

ML_PER_MM_CM2 = MM2_PER_CM2 / MM3_PER_ML
HALF_WIDTH = NormalDist().inv_cdf(PERCENTILES[-1])
"""Half of an 80 % interval in standard deviations."""
RECTANGULAR = math.sqrt(3.0)
"""A bound within which every error is as likely has this many standard deviations to its half width."""


@dataclass(frozen=True)
class Cause:
    """One cause of error: its standard deviation in the unit of the number, and the clinical number it rests on."""

    name: str
    sd: float
    parameter: str | None = None


def bounded(name: str, bound: float, parameter: str | None = None) -> Cause:
    """Return a cause of which only a bound is known: every error up to it is taken as equally likely."""
    return Cause(name, abs(bound) / RECTANGULAR, parameter)


def interval(value: float, causes: Iterable[Cause], *, least: float = 0.0) -> Interval:
    """Return the 80 % interval of a number from independent causes, not below `least`; causes of 0 are left out."""
    entered = [c for c in causes if c.sd > 0]
    variance = math.fsum(c.sd**2 for c in entered)
    sd = math.sqrt(variance)
    parts = sorted(
        (ErrorPart(c.name, c.sd, c.sd**2 / variance, c.parameter) for c in entered),
        key=lambda part: (-part.sd, part.cause),
    )
    return Interval(max(value - HALF_WIDTH * sd, least), value + HALF_WIDTH * sd, sd, tuple(parts))


def scaled(budget: Interval, scale: float, extra: Sequence[Cause] = (), *, value: float) -> Interval:
    """Return the interval of a number divided by `scale`, with further causes in the unit of the quotient."""
    causes = [Cause(p.cause, p.sd / scale, p.parameter) for p in budget.components]
    return interval(value, [*causes, *extra])


def outline(name: str, area_cm2: float, evidence: Evidence, parameter: str) -> Cause:
    """Return what an outline drawn too far out or in does to a volume: offset × area."""
    return Cause(name, evidence.value(parameter) * area_cm2 * ML_PER_MM_CM2, parameter)


def slices(
    volume_ml: float, fidelity: Fidelity, evidence: Evidence, parameter: str = "volumetry.slice.part"
) -> Cause:
    """Return what thick slices do to the volume of the liver or of a part of it; nothing is known of a mesh's."""
    return bounded(
        "slice thickness", evidence.value(parameter) * (fidelity.slice_mm or 0.0) * volume_ml, parameter
    )


def end_slices(volume_ml: float, fidelity: Fidelity) -> Cause:
    """Return what half a slice more or less at both ends does to a small round body.

    Notes
    -----
    A ball of radius r, cut off by h/2 at either pole, loses two caps of about π r (h/2)² each.
    """
    radius = _ball_radius_mm(volume_ml)
    half = 0.5 * (fidelity.slice_mm or 0.0)
    return bounded("slice thickness", min(2.0 * math.pi * radius * half**2 / MM3_PER_ML, volume_ml))


def smoothing(volume_ml: float, evidence: Evidence) -> Cause:
    """Return what smoothing before the file was written may have taken from a smooth surface."""
    id = "volumetry.smoothing.shrink"
    diameter = 2.0 * _ball_radius_mm(volume_ml)
    share = min(evidence.value(id) / diameter**2, 1.0) if diameter > 0 else 0.0
    return bounded("smoothing of the mesh", share * volume_ml, id)


def defects(names: Iterable[str], fidelity: Fidelity) -> Cause:
    """Return what open edges, overlaps and gaps of the files do to the volume of structures taken together."""
    return bounded(
        "open edges, overlaps, gaps", math.fsum(fidelity.defect_ml.get(name, 0.0) for name in names)
    )


def borders(areas_cm2: Iterable[float], evidence: Evidence) -> Cause:
    """Return what annotators' disagreement about a segment's borders does to its volume, each border on its own."""
    id = "volumetry.error.border"
    area = math.sqrt(math.fsum(a**2 for a in areas_cm2))
    return Cause("segment borders", evidence.value(id) * area * ML_PER_MM_CM2, id)


def segment_causes(
    name: str,
    volume_ml: float,
    capsule_cm2: float,
    borders_cm2: Sequence[float],
    fidelity: Fidelity,
    evidence: Evidence,
) -> list[Cause]:
    """Return the causes of error of one segment's volume."""
    return [
        outline("outline of the liver", capsule_cm2, evidence, "volumetry.error.capsule"),
        borders(borders_cm2, evidence),
        slices(volume_ml, fidelity, evidence),
        *([smoothing(volume_ml, evidence)] if name in fidelity.smooth else []),
        defects([name], fidelity),
    ]


def liver_causes(
    volume_ml: float, outer_cm2: float, segments: Sequence[str], fidelity: Fidelity, evidence: Evidence
) -> list[Cause]:
    """Return the causes of error of the whole liver's volume: borders between its segments do not matter."""
    smooth = fidelity.smooth & set(segments)
    return [
        outline("outline of the liver", outer_cm2, evidence, "volumetry.error.capsule"),
        slices(volume_ml, fidelity, evidence, "volumetry.slice.whole"),
        *([smoothing(volume_ml, evidence)] if smooth else []),
        defects(segments, fidelity),
    ]


def lesion_causes(
    name: str, volume_ml: float, surface_cm2: float, fidelity: Fidelity, evidence: Evidence
) -> list[Cause]:
    """Return the causes of error of one lesion's volume."""
    return [
        outline("outline of the lesion", surface_cm2, evidence, "volumetry.error.lesion"),
        end_slices(volume_ml, fidelity),
        *([smoothing(volume_ml, evidence)] if name in fidelity.smooth else []),
        defects([name], fidelity),
    ]


def remnant_causes(
    volume_ml: float,
    capsule_cm2: float,
    label_sd_ml: float,
    label_parameter: str | None,
    wedge_wall_cm2: float,
    segments: Sequence[str],
    fidelity: Fidelity,
    evidence: Evidence,
) -> list[Cause]:
    """Return the causes of error of an FLR.

    Parameters
    ----------
    label_sd_ml : what annotators' disagreement about the border between what stays and what goes amounts to.
    wedge_wall_cm2 : walls that follow a lesion's outline, not a border between segments.
    """
    return [
        Cause("border to what goes", label_sd_ml, label_parameter),
        outline("outline of the liver", capsule_cm2, evidence, "volumetry.error.capsule"),
        outline("outline of wedged lesions", wedge_wall_cm2, evidence, "volumetry.error.lesion"),
        slices(volume_ml, fidelity, evidence),
        *([smoothing(volume_ml, evidence)] if fidelity.smooth & set(segments) else []),
        defects(segments, fidelity),
    ]


def formula_spread(sflr: float, flr_ml: float, formulas: Sequence[EstimatedVolume]) -> Cause:
    """Return what the choice of the formula for TELV does to an sFLR: the spread of the published ones."""
    shares = [flr_ml / t.ml for t in formulas if t.ml]
    if len(shares) < 2:
        return Cause("formula of TELV", 0.0)
    return Cause("formula of TELV", math.sqrt(math.fsum((s - sflr) ** 2 for s in shares) / (len(shares) - 1)))


def wall_interval(area_cm2: float, fidelity: Fidelity, evidence: Evidence) -> Interval:
    """Return the interval of a transection area."""
    thin, thick = "volumetry.error.wall_area", "volumetry.slice.wall_area"
    return interval(
        area_cm2,
        [
            Cause("smoothed wall", evidence.value(thin) * area_cm2, thin),
            bounded("slice thickness", evidence.value(thick) * (fidelity.slice_mm or 0.0) * area_cm2, thick),
        ],
    )


def _ball_radius_mm(volume_ml: float) -> float:
    return float((3.0 * volume_ml * MM3_PER_ML / (4.0 * math.pi)) ** (1.0 / 3.0))
