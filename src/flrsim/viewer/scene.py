"""What a picture of a plan shows, as plain data: actors, labels, legend. No drawing library is needed."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flrsim.case import SPECK_ML, Lesion, LiverCase
from flrsim.grid import PARENCHYMA, RegionGrid
from flrsim.mask_surface import surface_of_mask
from flrsim.mesh import MM3_PER_ML
from flrsim.meshing import mesh_from_labels
from flrsim.report import palette
from flrsim.results import RESEARCH_NOTE, LesionFate
from flrsim.viewer import display
from flrsim.viewer.camera import Camera

OPACITY_STAYS = 0.56
OPACITY_GOES = (0.52, 0.32)
"""Opacity of tissue that goes in stage 1, and later."""
OPACITY_BARE, OPACITY_COVERED = 0.55, 0.20
"""Opacity of a cut surface once its specimen has gone, and before."""
SIGHT_CELL_MM = 4.0
SIGHT_REACH_MM = 25.0
SEEN_SHARE = 0.01
"""A segment is named where it fills more than this share of the picture's cells, 4 mm each."""
SHORTEST_RIM_MM = 30.0
CLEARED = ("removed", "ablated", "vanished")
VESSEL_COLOURS = {"portal_vein": palette.PORTAL_VEIN, "hepatic_vein": palette.HEPATIC_VEIN}


@dataclass(frozen=True)
class Actor:
    """One thing drawn in one colour.

    Attributes
    ----------
    kind : ``liver``, ``cut_surface``, ``cut_rim``, ``border``, ``lesion`` or ``vessel``.
    points : (n, 3) LPS mm.
    faces : (m, 3) triangles, or (m, 2) line segments for ``cut_rim`` and ``border``.
    colour : sRGB hex.
    stage : fate of the tissue: 0 stays, k goes in stage k; None for what is never removed tissue.
    segment : the segment whose skin a ``liver`` actor is.
    """

    name: str
    kind: str
    points: NDArray[np.float64]
    faces: NDArray[np.int64]
    colour: str
    opacity: float
    label: str
    stage: int | None = None
    segment: str | None = None


@dataclass(frozen=True)
class Label:
    """A word at a place, (3,) LPS mm, and how far what it names reaches from there, mm."""

    text: str
    position: tuple[float, float, float]
    kind: str
    colour: str
    reach_mm: float = 0.0


@dataclass(frozen=True)
class LegendEntry:
    """One colour and what it stands for; `ml` is counted on the case's voxels, never on display meshes."""

    text: str
    colour: str
    stage: int | None
    ml: float | None


@dataclass(frozen=True)
class Scene:
    """Everything a picture of one plan at one stage shows.

    Attributes
    ----------
    bounds_mm : lowest and highest corner of the whole liver before any operation, (3,) LPS mm each, so that
        pictures of all stages share one scale.
    """

    title: str
    actors: tuple[Actor, ...]
    labels: tuple[Label, ...]
    legend: tuple[LegendEntry, ...]
    banners: tuple[str, ...]
    bounds_mm: tuple[NDArray[np.float64], NDArray[np.float64]]
    note: str = RESEARCH_NOTE

    def segment_labels(self, camera: Camera) -> tuple[tuple[Label, ...], tuple[str, ...]]:
        """Return the segments a camera sees, named in the middle of what is seen, and the hidden ones."""
        skin = self.of_kind("liver")
        names = sorted({a.segment for a in skin if a.segment is not None})
        points = np.concatenate([a.points for a in skin])
        owner = np.repeat([names.index(a.segment or "") for a in skin], [len(a.points) for a in skin])
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


def build_scene(
    case: LiverCase,
    removed_at: NDArray[np.int16],
    fates: Mapping[str, LesionFate],
    *,
    up_to_stage: int | None = None,
    title: str,
) -> Scene:
    """Return what a picture of a plan shows.

    Display meshes are thinned to about 250,000 triangles and smoothed; every mL in the scene is counted on
    the case's own voxels.

    Parameters
    ----------
    case
        The liver; vessels that it does not have are never drawn, a banner says so.
    removed_at : (nx, ny, nz) int16
        Operation (1, 2 …) at which a voxel goes; 0 stays.
    fates
        What the plan does to each lesion, by name.
    up_to_stage
        Tissue that has gone by this stage is not drawn; None draws all of it, coloured by its fate.
    title
        What the picture shows.
    """
    grid = case.grid
    if removed_at.shape != grid.regions.shape:
        raise ValueError(f"removed_at has shape {removed_at.shape}; the case's grid has {grid.regions.shape}")
    gone = up_to_stage or 0
    stages = tuple(int(s) for s in np.unique(removed_at[grid.regions > 0]))
    actors = [*_liver(grid, removed_at, stages, gone), *_vessels(case, removed_at, gone)]
    lesions = [_lesion(case, lesion, removed_at, fates.get(lesion.name), gone) for lesion in case.lesions]
    actors += [a for a in lesions if a is not None]
    if not actors:
        raise ValueError(f"nothing is left to draw after stage {gone}")
    return Scene(
        title=title,
        actors=tuple(actors),
        labels=tuple(_lesion_labels(actors)),
        legend=(*_tissue_legend(grid, removed_at, stages, gone), *_other_legend(case, actors, fates)),
        banners=_banners(case),
        bounds_mm=_bounds(grid),
    )


def _bounds(grid: RegionGrid) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lowest and highest corner of all tissue, (3,) LPS mm each."""
    tissue = grid.regions > 0
    ends = [np.flatnonzero(tissue.any(axis=tuple({0, 1, 2} - {axis})))[[0, -1]] for axis in range(3)]
    corners = np.stack(
        np.meshgrid(*[e + np.array([-0.5, 0.5]) for e in ends], indexing="ij"), axis=-1
    ).reshape(-1, 3)
    world = grid.world(corners)
    return world.min(axis=0), world.max(axis=0)


def _liver(
    grid: RegionGrid, removed_at: NDArray[np.int16], stages: tuple[int, ...], gone: int
) -> list[Actor]:
    """Return the skin of each segment and fate, cut surfaces, their rims, and segment borders."""
    n_segments = len(grid.segments)
    order = np.zeros(max(stages, default=0) + 1, dtype=np.uint16)
    order[list(stages)] = np.arange(len(stages))
    # One label a segment and fate; what is not liver is outside whatever its fate.
    labels = np.where(
        grid.segment_labels > 0,
        grid.segment_labels + order[np.maximum(removed_at, 0)] * np.uint16(n_segments),
        0,
    ).astype(np.uint16)
    coarse, affine = display.thinned(labels, grid.affine)
    names = ["outside", *(f"{s}/{k}" for k in stages for s in grid.segments)]
    mesh = mesh_from_labels(coarse, affine, names, iterations=0)
    points = display.smoothed(mesh.points, mesh.faces)
    segment = np.array([-1, *(s for _ in stages for s in range(n_segments))])
    stage = np.array([-1, *(k for k in stages for _ in range(n_segments))])
    inner, outer = mesh.sides[:, 0].astype(np.int64), mesh.sides[:, 1].astype(np.int64)
    out: list[Actor] = []

    def add(
        name: str,
        kind: str,
        faces: NDArray[np.int64],
        colour: str,
        opacity: float,
        of: int,
        owner: str | None = None,
    ) -> None:
        if len(faces):
            own, renumbered = display.compact(points, faces)
            if faces.shape[1] == 2:
                own = display.smoothed(own, renumbered)
            out.append(Actor(name, kind, own, renumbered, colour, opacity, palette.fate_name(of), of, owner))

    skin = (outer == 0) & ((stage[inner] == 0) | (stage[inner] > gone))
    for label in np.unique(inner[skin]):
        k, s = int(stage[label]), int(segment[label])
        faces = display.as_triangles(mesh.faces[skin & (inner == label)])
        add(
            f"{grid.segments[s]}/{k}",
            "liver",
            faces,
            _shade(palette.fate_colour(k), s),
            _opacity(k),
            k,
            grid.segments[s],
        )
    # The label that stays longest owns a cut surface: it is what the surgeon looks at afterwards.
    late_inner = np.where(stage[inner] == 0, np.iinfo(np.int64).max, stage[inner])
    late_outer = np.where(stage[outer] == 0, np.iinfo(np.int64).max, stage[outer])
    owner = np.where(late_inner >= late_outer, stage[inner], stage[outer])
    other = np.where(late_inner >= late_outer, stage[outer], stage[inner])
    cut = (outer > 0) & (owner != other) & ((owner == 0) | (owner > gone))
    for k, j in sorted({(int(a), int(b)) for a, b in zip(owner[cut], other[cut], strict=True)}):
        faces = mesh.faces[cut & (owner == k) & (other == j)]
        # Bare, it is the wound of what stays; covered, it is the deep face of what will go.
        bare = 0 < j <= gone
        shown, opacity = (k, OPACITY_BARE) if bare else (j, OPACITY_COVERED)
        wall = display.as_triangles(faces)
        add(f"cut {k}|{j}", "cut_surface", wall, palette.fate_colour(shown), opacity, shown)
        rim = display.long_lines(points, display.rim_edges(faces), at_least_mm=SHORTEST_RIM_MM)
        add(f"rim {k}|{j}", "cut_rim", rim, palette.RIM, 1.0, k)
    lines = display.border_edges(mesh.faces[skin], np.where(skin, segment[inner], -1)[skin])
    add("segment borders", "border", lines, palette.RIM, 0.35, 0)
    return out


def _vessels(case: LiverCase, removed_at: NDArray[np.int16], gone: int) -> list[Actor]:
    """Return the supplied vessels that are still there."""
    out = []
    for vessel in case.vessels:
        whole = case.grid.mask(case.grid.ids(tissue=vessel.name, kind="vessel"))
        mask = _still(whole, removed_at, gone)
        if mask.sum() < whole.sum():
            mask = _without_specks(mask, case.grid)
        if mask.any():
            points, faces = surface_of_mask(mask, case.grid.affine)
            colour = VESSEL_COLOURS.get(vessel.tree, palette.UNSPLIT_VESSEL)
            out.append(
                Actor(vessel.name, "vessel", points, faces, colour, 1.0, vessel.name.replace("_", " "))
            )
    return out


def _without_specks(mask: NDArray[np.bool_], grid: RegionGrid) -> NDArray[np.bool_]:
    """Return what an operation leaves of a vessel without the crumbs beyond the labelled liver's edge.

    They hang on nothing; no volume is counted on pictures.
    """
    from scipy.ndimage import label

    part, n = label(mask, structure=np.ones((3, 3, 3)))
    ml = (
        np.bincount(part.reshape(-1), minlength=n + 1)
        * abs(float(np.linalg.det(grid.affine[:3, :3])))
        / MM3_PER_ML
    )
    large = ml >= SPECK_ML
    large[0] = False
    return np.asarray(large[part])


def _lesion(
    case: LiverCase, lesion: Lesion, removed_at: NDArray[np.int16], fate: LesionFate | None, gone: int
) -> Actor | None:
    """Return what is still there of a lesion, in the colour of its fate; None when it has gone."""
    mask = case.grid.mask(case.grid.ids(tissue=lesion.name, kind="lesion"))
    still = _still(mask, removed_at, gone)
    ablated = fate is not None and fate.fate == "ablated" and fate.stage is not None and fate.stage <= gone
    if not still.any() or ablated:
        return None
    whole = bool(still.sum() == mask.sum())
    points, faces = lesion.surface if whole else surface_of_mask(still, case.grid.affine)
    colour, stage = lesion_colour(fate), fate.stage if fate is not None and fate.fate in CLEARED else None
    return Actor(lesion.name, "lesion", points, faces, colour, 1.0, lesion.name, stage)


def lesion_colour(fate: LesionFate | None) -> str:
    """Return the colour of a lesion: that of the stage that clears it, loud when none does."""
    if fate is None or fate.fate not in CLEARED:
        return palette.LOUD
    if fate.fate == "vanished" or fate.stage is None:
        return palette.VANISHED
    return palette.fate_ink(fate.stage)


def _still(mask: NDArray[np.bool_], removed_at: NDArray[np.int16], gone: int) -> NDArray[np.bool_]:
    """Return the voxels of a mask that have not been removed by stage `gone`."""
    return np.asarray(mask & ((removed_at <= 0) | (removed_at > gone)))


def _lesion_labels(actors: list[Actor]) -> list[Label]:
    """Return each drawn lesion's name in the middle of what is drawn of it."""
    out = []
    for lesion in actors:
        if lesion.kind == "lesion":
            x, y, z = (float(v) for v in lesion.points.mean(axis=0))
            reach = float(np.linalg.norm(lesion.points - (x, y, z), axis=1).max())
            out.append(Label(lesion.name, (x, y, z), "lesion", lesion.colour, reach))
    return out


def _tissue_legend(
    grid: RegionGrid, removed_at: NDArray[np.int16], stages: tuple[int, ...], gone: int
) -> list[LegendEntry]:
    """Return the fates that are drawn: parenchyma that stays, and all tissue that goes, mL."""
    n = len(grid.table)
    out = []
    for k in stages:
        if 0 < k <= gone:
            continue
        counts = np.bincount(grid.regions[removed_at == k], minlength=n)
        share = np.divide(counts, grid.counts, out=np.zeros(n), where=grid.counts > 0)
        wanted = [
            i
            for i, r in enumerate(grid.table)
            if r is not None and r.segment is not None and (k > 0 or r.kind == PARENCHYMA)
        ]
        text = palette.fate_name(k) + (" (parenchyma)" if k == 0 else "")
        out.append(LegendEntry(text, palette.fate_colour(k), k, float((grid.ml * share)[wanted].sum())))
    return out


def _other_legend(case: LiverCase, actors: list[Actor], fates: Mapping[str, LesionFate]) -> list[LegendEntry]:
    """Return what the colours of lesions and vessels stand for."""
    out = []
    lesions = {a.name: a for a in actors if a.kind == "lesion"}
    loud = [n for n in lesions if n not in fates or fates[n].fate not in CLEARED]
    if loud:
        ml = sum(fates[n].left_ml if n in fates else case.lesion(n).volume_ml for n in loud)
        out.append(
            LegendEntry(f"lesion left or cut through: {', '.join(loud)}; stays:", palette.LOUD, None, ml)
        )
    for stage in sorted({a.stage for n, a in lesions.items() if n not in loud and a.stage is not None}):
        names = ", ".join(n for n, a in lesions.items() if n not in loud and a.stage == stage)
        out.append(
            LegendEntry(f"lesion cleared in stage {stage}: {names}", palette.fate_ink(stage), None, None)
        )
    for colour in sorted({a.colour for a in actors if a.kind == "vessel"}):
        trees = [v.tree for v in case.vessels if VESSEL_COLOURS.get(v.tree, palette.UNSPLIT_VESSEL) == colour]
        out.append(LegendEntry(f"{trees[0].replace('_', ' ')}", colour, None, None))
    return out


def _banners(case: LiverCase) -> tuple[str, ...]:
    """Return what could not be drawn because it was not supplied."""
    if not case.vessels:
        return ("vessels not supplied",)
    if case.has_tree("unsplit"):
        return ()
    missing = [tree for tree in VESSEL_COLOURS if not case.has_tree(tree)]
    return tuple(f"{tree.replace('_', ' ')} not supplied" for tree in missing)


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
