"""What is drawn of a plan on a day, as plain data: actors, labels, legend, numbers. No drawing library is needed."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flrsim.report import palette
from flrsim.results import RESEARCH_NOTE
from flrsim.viewer.camera import Camera
from flrsim.viewer.legend import VESSEL_COLOURS, LegendEntry, banners_of, legend_of, lesion_colour
from flrsim.viewer.place import STILL, Place, Shape
from flrsim.viewer.shown import LesionNow, Options, Readout, Shown

__all__ = ["Actor", "Label", "LegendEntry", "Options", "Scene", "Shown", "lesion_colour", "rgb", "scene_at"]

OPACITY_STAYS = 0.56
OPACITY_GOES = (0.52, 0.32)
"""Opacity of tissue that goes in stage 1, and later."""
OPACITY_BARE, OPACITY_COVERED = 0.55, 0.20
"""Opacity of a cut surface once its specimen has gone, and before."""
SIGHT_CELL_MM = 4.0
SIGHT_REACH_MM = 25.0
SEEN_SHARE = 0.01
"""A segment is named where it fills more than this share of the picture's cells, 4 mm each."""
OPACITY_SPECIMEN, OPACITY_MARGIN = 0.35, 0.22


@dataclass(frozen=True)
class Actor:
    """One thing drawn in one colour.

    Attributes
    ----------
    kind : ``liver``, ``cut_surface``, ``cut_rim``, ``border``, ``lesion``, ``vessel``, ``specimen``, ``margin``,
        ``territory`` (portal inflow closed) or ``lost`` (an operation took inflow or outflow).
    shape : what does not change with the day; the same object on every day, so that it is uploaded once.
    place : how the day moves it.
    colour : sRGB hex.
    stage : fate of the tissue: 0 stays, k goes in stage k; None for what is never removed tissue.
    segment : the segment whose skin a ``liver``, ``territory`` or ``lost`` actor is.
    """

    name: str
    kind: str
    shape: Shape
    colour: str
    opacity: float
    label: str
    stage: int | None = None
    segment: str | None = None
    place: Place = STILL

    @property
    def points(self) -> NDArray[np.float64]:
        """Points as drawn on this day, (n, 3) LPS mm."""
        return self.place.on(self.shape.points)

    @property
    def faces(self) -> NDArray[np.int64]:
        """Triangles (m, 3), or line segments (m, 2) of ``cut_rim``, ``border``, ``territory`` and ``lost``."""
        return self.shape.faces


@dataclass(frozen=True)
class Label:
    """A word at a place, (3,) LPS mm, and how far what it names reaches from there, mm."""

    text: str
    position: tuple[float, float, float]
    kind: str
    colour: str
    reach_mm: float = 0.0


@dataclass(frozen=True)
class Scene:
    """Everything that is shown of one plan on one day.

    Attributes
    ----------
    bounds_mm : lowest and highest corner of all that is drawn up to the plan's last step, (3,) LPS mm each, so that
        pictures of all days until then share one scale; later days add what grows further.
    readout : the numbers of the day.
    name_segments : whether segments are named.
    """

    title: str
    actors: tuple[Actor, ...]
    labels: tuple[Label, ...]
    legend: tuple[LegendEntry, ...]
    banners: tuple[str, ...]
    bounds_mm: tuple[NDArray[np.float64], NDArray[np.float64]]
    readout: Readout
    note: str = RESEARCH_NOTE
    day: int | None = None
    name_segments: bool = True

    def segment_labels(self, camera: Camera) -> tuple[tuple[Label, ...], tuple[str, ...]]:
        """Return the segments a camera sees, named in the middle of what is seen, and the hidden ones."""
        skin = self.of_kind("liver") if self.name_segments else ()
        if not skin:
            return (), ()
        names = sorted({a.segment for a in skin if a.segment is not None})
        # A cut surface hides what lies behind it, so that no skin is named through the cavity before it; it bears no name.
        walls = [_covered(a) for a in self.of_kind("cut_surface")]
        points = np.concatenate([*(a.points for a in skin), *walls])
        owner = np.repeat(
            [*(names.index(a.segment or "") for a in skin), *(-1 for _ in walls)],
            [*(len(a.points) for a in skin), *(len(w) for w in walls)],
        )
        flat = np.column_stack([points @ camera.right, points @ np.array(camera.up)])
        cell = np.floor((flat - flat.min(axis=0)) / SIGHT_CELL_MM).astype(np.int64)
        key = cell[:, 0] * (cell[:, 1].max() + 1) + cell[:, 1]
        # In each cell of the picture the point nearest to the eye decides whose skin is seen there.
        order = np.lexsort((points @ np.array(camera.sight), key))
        first = order[np.concatenate([[True], np.diff(key[order]) > 0])]
        out, hidden = [], []
        for s, name in enumerate(names):
            seen = first[owner[first] == s]
            if len(seen) < SEEN_SHARE * len(first):
                hidden.append(name)
                continue
            # Deep inside what is seen: the cell whose surroundings hold most cells of the same segment.
            near = ((flat[seen][:, None] - flat[seen][None]) ** 2).sum(axis=2) < SIGHT_REACH_MM**2
            middle = seen[near.sum(axis=1) == near.sum(axis=1).max()]
            x, y, z = (float(v) for v in points[middle[len(middle) // 2]])
            out.append(Label(name, (x, y, z), "segment", palette.RIM))
        return tuple(out), tuple(hidden)

    def of_kind(self, kind: str) -> tuple[Actor, ...]:
        """Return the actors of one kind."""
        return tuple(a for a in self.actors if a.kind == kind)


def scene_at(shown: Shown, *, day: int | None = None, options: Options | None = None) -> Scene:
    """Return what is drawn of a plan on a day.

    Geometry is thinned and smoothed for display, and moved by the day; every mL is counted on the case's own
    voxels or simulated, never measured on what is drawn.

    Parameters
    ----------
    shown
        The case with its plan and result. Keep it while the day changes: it holds what does not.
    day
        Day of the course; what an operation takes is gone from its day on. None: the plan before any operation, all
        tissue coloured by its fate, as imaged.
    options
        What is visible.

    Raises
    ------
    DisplayError
        When the day lies outside the course.
    """
    options = options or Options()
    readout = shown.readout(day)
    done = readout.operations_done
    grown = Place.about(readout.growth.centre_mm, readout.growth.length)
    lesions = [_lesion(shown, now, done, grown) for now in readout.lesions] if options.lesions else []
    drawn = [a for a in lesions if a is not None]
    actors: list[Actor] = []
    if options.liver:
        actors += _skins(shown, done, grown, options.opacity)
    if options.cut_surfaces:
        actors += _cuts(shown, done, grown, options.opacity)
    if options.territory:
        actors += _territories(shown, day, done, grown)
    if options.vessels:
        actors += _vessels(shown, day, done, grown)
    if options.specimens:
        actors += _specimens(shown, done, grown, options.opacity)
    if options.margins:
        actors += _margins(shown, readout, grown, options.opacity)
    actors += drawn
    when = "the plan" if day is None else f"day {day}"
    title = shown.name if shown.staged is None else f"{shown.name}: {when}"
    if done:
        title += f", after stage {done}"
    return Scene(
        title=title,
        actors=tuple(actors),
        labels=tuple(_lesion_labels(drawn)) if options.labels else (),
        legend=legend_of(
            shown, day, {a.name: a.colour for a in drawn}, [a.name for a in actors if a.kind == "vessel"]
        ),
        banners=banners_of(shown),
        bounds_mm=_bounds(shown, day),
        readout=readout,
        day=day,
        name_segments=options.labels,
    )


def _covered(actor: Actor) -> NDArray[np.float64]:
    """Return points all over a surface, its corners and the middles of its triangles, (n, 3) LPS mm."""
    return np.concatenate([actor.points, actor.points[actor.faces].mean(axis=1)])


def _bounds(shown: Shown, day: int | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lowest and highest corner of all that is drawn until the last step, or the day if that is later.

    Surfaces that are thinned and smoothed for display reach a little beyond the voxels, and lesions grow beyond the liver.
    """
    geometry = shown.geometry
    grown = Place.about(geometry.hilum[0], shown.most_growth(day))
    kept_low, kept_high = (grown.on(corner) for corner in geometry.kept_bounds_mm)
    corners = [*geometry.bounds_mm, kept_low, kept_high]
    for skin in geometry.skins:
        if len(skin.shape.points):
            corners += skin.shape.ends
            if geometry.moves(skin.segment, skin.stage):
                corners += [grown.on(corner) for corner in corners[-2:]]
    for lesion in shown.case.lesions:
        centre = np.array(lesion.centre_mm)
        low, high = (end - centre for end in geometry.shared.lesions[lesion.name].ends)
        scale = shown.most_lesion_growth(lesion, day)
        for middle in (centre, grown.on(centre)) if geometry.lesion_moves(lesion.name) else (centre,):
            corners += [middle + scale * low, middle + scale * high]
    return np.min(corners, axis=0), np.max(corners, axis=0)


def _there(stage: int, done: int) -> bool:
    return stage == 0 or stage > done


def _skins(shown: Shown, done: int, grown: Place, strength: float) -> Iterable[Actor]:
    """Return the skin of each segment and fate that is still there, and the borders of segments on it."""
    geometry = shown.geometry
    segments = shown.case.grid.segments
    for skin in geometry.skins:
        k = skin.stage
        if _there(k, done):
            yield Actor(
                f"{skin.segment}/{k}", "liver", skin.shape, _shade(palette.fate_colour(k), segments.index(skin.segment)),
                strength * _opacity(k), palette.fate_name(k), k, skin.segment,
                grown if geometry.moves(skin.segment, k) else STILL,
            )  # fmt: skip
    for k, lines in geometry.borders.items():
        if _there(k, done) and len(lines.faces):
            yield Actor(
                f"segment borders/{k}", "border", lines, palette.RIM, 0.35, palette.fate_name(k), k,
                place=grown if k == 0 else STILL,
            )  # fmt: skip


def _cuts(shown: Shown, done: int, grown: Place, strength: float) -> Iterable[Actor]:
    """Return the cut surfaces whose longer-lived side is still there, with their rims."""
    for wall in shown.geometry.walls:
        k, j = wall.owner, wall.other
        if not _there(k, done):
            continue
        place = grown if k == 0 else STILL
        # Bare, it is the wound of what stays; covered, it is the deep face of what will go.
        shown_as, opacity = (k, OPACITY_BARE) if j <= done else (j, OPACITY_COVERED)
        colour = palette.CAVITY if k == 0 and j <= done else palette.fate_colour(shown_as)
        yield Actor(
            f"cut {k}|{j}", "cut_surface", wall.shape, colour, strength * opacity,
            palette.fate_name(shown_as), shown_as, place=place,
        )  # fmt: skip
        if len(wall.rim.faces):
            yield Actor(
                f"rim {k}|{j}", "cut_rim", wall.rim, palette.RIM, 1.0, palette.fate_name(k), k, place=place
            )


def _territories(shown: Shown, day: int | None, done: int, grown: Place) -> Iterable[Actor]:
    """Return lines on what is still there without its portal inflow, and crossed ones where an operation took a vessel."""
    geometry = shown.geometry
    closed: set[str] = set().union(*(t.segments for t in shown.territories(day)))
    lost = {(x.segment, x.goes) for x in shown.lost(day)}
    for skin in geometry.skins:
        is_lost = (skin.segment, skin.stage) in lost
        if (skin.segment in closed or is_lost) and _there(skin.stage, done):
            lines = geometry.hatch(skin, crossed=is_lost)
            kind, colour, opacity, said = ("lost", palette.LOST, 1.0, "no inflow or no outflow") if is_lost else (
                "territory", palette.TERRITORY, 0.8, "portal inflow closed"
            )  # fmt: skip
            if len(lines.faces):
                yield Actor(
                    f"{kind} {skin.segment}/{skin.stage}", kind, lines, colour, opacity, said, skin.stage, skin.segment,
                    grown if geometry.moves(skin.segment, skin.stage) else STILL,
                )  # fmt: skip


def _vessels(shown: Shown, day: int | None, done: int, grown: Place) -> Iterable[Actor]:
    """Return the supplied vessels that are still there."""
    tree = {v.name: v.tree for v in shown.case.vessels}
    for part in shown.geometry.vessels(done, divided=day is not None and shown.staged is not None):
        colour = VESSEL_COLOURS.get(tree[part.name], palette.UNSPLIT_VESSEL)
        yield Actor(
            part.name, "vessel", part.shape, colour, 1.0, part.name.replace("_", " "),
            place=grown if part.kept else STILL,
        )  # fmt: skip


def _specimens(shown: Shown, done: int, grown: Place, strength: float) -> Iterable[Actor]:
    """Return the wedges and ablation zones of operations still to come."""
    for s in shown.geometry.specimens:
        if s.stage > done:
            word = "ablation" if s.ablated else "wedge"
            yield Actor(
                f"{word} {s.lesion}", "specimen", s.shape, palette.fate_colour(s.stage), strength * OPACITY_SPECIMEN,
                f"{word} {s.lesion}", s.stage, place=grown if shown.geometry.lesion_moves(s.lesion) else STILL,
            )  # fmt: skip


def _margins(shown: Shown, readout: Readout, grown: Place, strength: float) -> Iterable[Actor]:
    """Return the planned margin around each lesion that has one and is still there, of its size on the day."""
    for now in readout.lesions:
        mm = now.margin_planned_mm
        if mm is None or mm <= 0 or not now.there:
            continue
        lesion = shown.case.lesion(now.name)
        imaged = lesion.longest_axial_mm
        scale = (imaged * now.scale + 2 * mm) / (imaged + 2 * mm)
        yield Actor(
            f"margin {now.name}", "margin", shown.geometry.shared.margin(lesion, mm), palette.MARGIN,
            strength * OPACITY_MARGIN, f"{mm:g} mm margin of {now.name}", now.stage,
            place=_beside(shown, now, scale, grown),
        )  # fmt: skip


def _lesion(shown: Shown, now: LesionNow, done: int, grown: Place) -> Actor | None:
    """Return what is still there of a lesion, of its size on the day, in the colour of its fate; None when it has gone."""
    shape = shown.geometry.lesion(now.name, done)
    if shape is None or not now.there:
        return None
    fate = shown.fates.get(now.name)
    cleared = fate is not None and fate.fate in ("removed", "ablated")
    whole = shown.geometry.shared.lesions[now.name]
    return Actor(
        now.name, "lesion", shape, lesion_colour(fate), 1.0, now.name, now.stage if cleared else None,
        place=_beside(shown, now, now.scale, grown) if shape is whole else _rest(shape, now.scale, grown),
    )  # fmt: skip


def _beside(shown: Shown, now: LesionNow, scale: float, grown: Place) -> Place:
    """Return the map of a lesion: its own size about its centre, which moves with kept tissue it lies in."""
    centre = np.array(shown.case.lesion(now.name).centre_mm)
    moves = shown.geometry.lesion_moves(now.name)
    if scale == 1.0 and (not moves or grown.is_identity):
        return STILL
    return Place.moving(centre, grown.on(centre) if moves else centre, scale)


def _rest(shape: Shape, scale: float, grown: Place) -> Place:
    """Return the map of what an operation leaves of a lesion: its size changes about its own middle, in kept tissue."""
    middle = shape.points.mean(axis=0)
    return Place.moving(middle, grown.on(middle), scale)


def _lesion_labels(lesions: list[Actor]) -> Iterable[Label]:
    """Return each drawn lesion's name in the middle of what is drawn of it."""
    for lesion in lesions:
        points = lesion.points
        x, y, z = (float(v) for v in points.mean(axis=0))
        reach = float(np.linalg.norm(points - (x, y, z), axis=1).max())
        yield Label(lesion.name, (x, y, z), "lesion", lesion.colour, reach)


def _opacity(stage: int) -> float:
    return OPACITY_STAYS if stage == 0 else OPACITY_GOES[min(stage, len(OPACITY_GOES)) - 1]


def _shade(colour: str, segment: int) -> str:
    """Return a fate's colour, a little lighter or darker from segment to segment; the hue stays."""
    h, light, s = colorsys.rgb_to_hls(*rgb(colour))
    shift = (-0.05, 0.05, 0.0)[segment % 3]
    r, g, b = colorsys.hls_to_rgb(h, min(max(light + shift, 0.0), 1.0), s)
    return f"#{round(r * 255):02x}{round(g * 255):02x}{round(b * 255):02x}"


def rgb(colour: str) -> tuple[float, float, float]:
    """Return an sRGB hex colour as three numbers 0 … 1."""
    return int(colour[1:3], 16) / 255.0, int(colour[3:5], 16) / 255.0, int(colour[5:7], 16) / 255.0
