"""A labelled vessel tree as what hangs on what: short sections, each with the one nearer to the root.

Branches that the anatomical registry knows hang on one another as it says (main → right → right anterior → S5);
hepatic veins each end in the vena cava. Within a branch the way along labelled voxels decides: voxels at about
the same distance from the root, side by side, are one section of the vessel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flrsim.anatomy import HEPATIC_VEINS, SEGMENTS
from flrsim.case import LiverCase
from flrsim.errors import AnatomyError
from flrsim.grid import RegionGrid
from flrsim.mesh import MM3_PER_ML

SECTION_MM = 3.0
"""Length of a section along the vessel: about as long as a segmental branch is thick."""
VOXEL_DIAGONALS = 2.0
"""A section is at least so many voxel diagonals long, or steps from voxel to voxel would jump over one."""
END_MM = 6.0
"""Of two ends of a lone vessel, the one with more of it this near is the thick one, its root."""
ONE_IN = 16
"""Of so many points of a vessel one is asked first how near another vessel is: it bounds where the others look."""
GAP_SAID_MM = 5.0
"""Breaks in the labels longer than this are said; shorter ones are the usual gaps of a segmentation."""

DETOUR_MM = 1e4
"""Added to the way from a branch back into the one it hangs on, so that it is taken only where there is no other:
longer than any liver, and short enough that millimetres beside it keep their digits."""

TREES = {"portal_vein": "portal vein", "hepatic_vein": "hepatic veins"}


@dataclass(frozen=True)
class VesselTree:
    """One tree of a case.

    Attributes
    ----------
    tree : ``portal_vein`` or ``hepatic_vein``.
    names : branches, in the order they were supplied.
    parents : branch each one hangs on, by name; absent for those that have none.
    voxels : (n_voxels,) flat indices into the grid, also of those that lie inside a lesion.
    ml : (n_voxels,) volume of each.
    section : (n_voxels,) int32, section of each voxel.
    branch : (n_sections,) index into `names`.
    parent : (n_sections,) the section next to it toward the root, −1 at a root; parents come first.
    remarks : what was bridged or is missing, in sentences.
    """

    tree: str
    names: tuple[str, ...]
    parents: Mapping[str, str]
    voxels: NDArray[np.int64]
    ml: NDArray[np.float64]
    section: NDArray[np.int32]
    branch: NDArray[np.int64]
    parent: NDArray[np.int64]
    remarks: tuple[str, ...]

    @property
    def n_sections(self) -> int:
        """How many sections there are."""
        return len(self.branch)

    @property
    def section_ml(self) -> NDArray[np.float64]:
        """Volume of each section, (n_sections,) mL."""
        ml = np.bincount(self.section, weights=self.ml, minlength=self.n_sections)
        return np.asarray(ml, dtype=np.float64)

    def ends(self) -> tuple[str, ...]:
        """Return the branches on which no other hangs: those that feed or drain tissue."""
        trunks = set(self.parents.values())
        return tuple(name for name in self.names if name not in trunks)

    def branch_ml(self, member: NDArray[np.bool_] | None = None) -> dict[str, float]:
        """Return the labelled volume of each branch, or of the sections given, mL."""
        ml = self.section_ml if member is None else np.where(member, self.section_ml, 0.0)
        sums = np.bincount(self.branch, weights=ml, minlength=len(self.names))
        return dict(zip(self.names, (float(v) for v in sums), strict=True))

    def downstream(self, cut: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return the sections given and all that hang on them, (n_sections,) bool."""
        lost = cut.copy()
        for s in range(self.n_sections):
            if self.parent[s] >= 0:
                lost[s] |= lost[self.parent[s]]
        return lost


def ancestors(branch: str) -> tuple[str, ...]:
    """Return the portal branches that a branch hangs on by the registry, the trunk first."""
    for segment in SEGMENTS.values():
        if branch in segment.portal:
            return segment.portal[: segment.portal.index(branch)]
    return ()


def known(tree: str, branch: str) -> bool:
    """Return whether the anatomical registry knows a branch of a tree."""
    if tree == "hepatic_vein":
        return branch in HEPATIC_VEINS
    return any(branch in s.portal for s in SEGMENTS.values())


def vessel_tree(case: LiverCase, tree: str) -> VesselTree:
    """Return a tree of a case from its labelled voxels.

    Raises
    ------
    AnatomyError
        When the tree was not supplied, or without the names of its branches.
    """
    names = check_named(case, tree)
    voxels, branch, ml = _voxels(case, tree)
    missing = [n for i, n in enumerate(names) if not (branch == i).any()]
    if len(missing) == len(names):
        raise AnatomyError(
            f"the {TREES[tree]} of case {case.name} has no voxel on the case's grid; check its file"
        )
    remarks = [
        f"{TREES[tree]}, {n}: no voxel on this grid, so it feeds or drains nothing here" for n in missing
    ]
    kept = tuple(n for n in names if n not in missing)
    branch = np.array([kept.index(n) if n in kept else -1 for n in names])[branch]
    return assembled(case.grid, tree, kept, voxels, branch, ml, remarks)


def check_named(case: LiverCase, tree: str) -> tuple[str, ...]:
    """Return the branches of a tree; raise when it was not supplied or its branches are not named."""
    if tree not in TREES:
        raise AnatomyError(f'vessel tree "{tree}" is not known; trees are {", ".join(TREES)}')
    names = tuple(v.branch for v in case.vessels if v.tree == tree and v.branch is not None)
    if names:
        return names
    example = '"middle"' if tree == "hepatic_vein" else '"right_anterior" or "S5"'
    remedy = (
        f"name the trees: give [anatomy] {tree} a file of its own whose labels are named by branch "
        f"(e.g. {example}; in a label map by {tree.removesuffix('_vein')}_labels)"
    )
    if any(v.tree == tree for v in case.vessels):
        raise AnatomyError(
            f"the {TREES[tree]} of case {case.name} came without the names of its branches; territories need them; {remedy}"
        )
    if case.has_tree("unsplit"):
        raise AnatomyError(
            f"the vessels of case {case.name} are not split into portal and hepatic veins; territories need both "
            f"told apart; {remedy}"
        )
    raise AnatomyError(f"the {TREES[tree]} of case {case.name} was not supplied; {remedy}")


def _voxels(case: LiverCase, tree: str) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return flat index, branch and mL of every labelled voxel of a tree, those inside lesions too."""
    grid = case.grid
    row = np.full(len(grid.table), -1, dtype=np.int64)
    vessels = [v for v in case.vessels if v.tree == tree and v.branch is not None]
    for i, vessel in enumerate(vessels):
        row[grid.ids(tissue=vessel.name, kind="vessel")] = i
    flat = grid.regions.reshape(-1)
    voxels = np.flatnonzero((row >= 0)[flat])
    region = flat[voxels]
    branch = row[region]
    each = np.divide(grid.ml, grid.counts, out=np.zeros(len(grid.table)), where=grid.counts > 0)
    ml = each[region]
    voxel_ml = abs(float(np.linalg.det(grid.affine[:3, :3]))) / MM3_PER_ML
    hidden = [
        (np.ravel_multi_index(tuple(v.encased_voxels.T), grid.regions.shape), i)
        for i, v in enumerate(vessels)
    ]
    voxels = np.concatenate([voxels, *(at for at, _ in hidden)])
    branch = np.concatenate([branch, *(np.full(len(at), i) for at, i in hidden)])
    ml = np.concatenate([ml, *(np.full(len(at), voxel_ml) for at, _ in hidden)])
    order = np.argsort(voxels, kind="stable")
    return voxels[order], branch[order], ml[order]


def assembled(
    grid: RegionGrid,
    tree: str,
    names: tuple[str, ...],
    voxels: NDArray[np.int64],
    branch: NDArray[np.int64],
    ml: NDArray[np.float64],
    remarks: list[str],
) -> VesselTree:
    """Return the tree of some voxels (flat indices, rising), each with its branch (index into `names`) and mL."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import dijkstra

    index = np.column_stack(np.unravel_index(voxels, grid.regions.shape)).astype(np.float64)
    points = grid.world(index)
    pairs, length = _touching(grid, voxels)
    parents = _parents(tree, names, branch, pairs)
    pairs, length = _allowed(pairs, length, branch, names, parents)
    roots = _roots(tree, names, branch, points, parents)
    n = len(voxels)
    bridges, gaps = _bridges(points, branch, names, parents, pairs, roots)
    if len(gaps) and max(gaps) > GAP_SAID_MM:
        remarks.append(
            f"{TREES[tree]}: {len(gaps)} part{'s' if len(gaps) > 1 else ''} of the labels "
            f"{'are' if len(gaps) > 1 else 'is'} not connected (longest gap {max(gaps):.0f} mm); each was taken to hang "
            "on the nearest part of its own branch or of the one before it"
        )
    pairs = np.concatenate([pairs, bridges]).astype(np.int64)
    length = np.concatenate([length, gaps])
    up = np.array([names.index(parents[name]) if name in parents else -1 for name in names])
    ways = []
    for a, b in (pairs.T, pairs[:, ::-1].T):
        back = (branch[a] != branch[b]) & (up[branch[a]] == branch[b])
        ways.append(coo_array((length + DETOUR_MM * back, (a, b)), shape=(n, n)))
    away, before, _ = dijkstra(
        (ways[0] + ways[1]).tocsr(), indices=roots, min_only=True, return_predecessors=True
    )
    diagonal = float(np.linalg.norm(grid.spacing_mm))
    level = np.floor(away / max(SECTION_MM, VOXEL_DIAGONALS * diagonal)).astype(np.int64)
    section, first = _sections(pairs, branch, level, away)
    parent = np.where(before[first] >= 0, section[np.maximum(before[first], 0)], -1)
    return VesselTree(
        tree, names, parents, voxels, ml, section.astype(np.int32), branch[first], parent, tuple(remarks)
    )


def _touching(grid: RegionGrid, voxels: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return pairs of voxels that share a face, an edge or a corner, (n_pairs, 2), and their distances, mm."""
    index = np.column_stack(np.unravel_index(voxels, grid.regions.shape))
    low = index.min(axis=0) - 1
    local = index - low
    number = np.full(local.max(axis=0) + 2, -1, dtype=np.int64)
    number[tuple(local.T)] = np.arange(len(voxels))
    pairs, lengths = [], []
    half = [(i, j, k) for i in (0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1) if (i, j, k) > (0, 0, 0)]
    for step in half:
        other = number[tuple((local + step).T)]
        found = np.flatnonzero(other >= 0)
        pairs.append(np.column_stack([found, other[found]]))
        lengths.append(np.full(len(found), float(np.linalg.norm(grid.affine[:3, :3] @ np.array(step)))))
    return np.concatenate(pairs), np.concatenate(lengths)


def _parents(
    tree: str, names: tuple[str, ...], branch: NDArray[np.int64], pairs: NDArray[np.int64]
) -> dict[str, str]:
    """Return the branch each one hangs on: by the registry, else the known branch it touches most."""
    out: dict[str, str] = {}
    touch = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(touch, (branch[pairs[:, 0]], branch[pairs[:, 1]]), 1)
    touch += touch.T
    for i, name in enumerate(names):
        if known(tree, name):
            above = [a for a in ancestors(name) if a in names] if tree == "portal_vein" else []
            if above:
                out[name] = above[-1]
            continue
        options = [j for j, other in enumerate(names) if known(tree, other) and touch[i, j] > 0]
        if options:
            out[name] = names[max(options, key=lambda j: (touch[i, j], -j))]
    return out


def _allowed(
    pairs: NDArray[np.int64],
    length: NDArray[np.float64],
    branch: NDArray[np.int64],
    names: tuple[str, ...],
    parents: Mapping[str, str],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the pairs within one branch and between a branch and the one it hangs on."""
    linked = np.eye(len(names), dtype=np.bool_)
    for child, parent in parents.items():
        i, j = names.index(child), names.index(parent)
        linked[i, j] = linked[j, i] = True
    keep = linked[branch[pairs[:, 0]], branch[pairs[:, 1]]]
    return pairs[keep], length[keep]


def _roots(
    tree: str,
    names: tuple[str, ...],
    branch: NDArray[np.int64],
    points: NDArray[np.float64],
    parents: Mapping[str, str],
) -> NDArray[np.int64]:
    """Return the voxel at which blood enters or leaves each branch that hangs on none.

    Hepatic veins, and portal branches whose trunk was not supplied, meet there: it is where such a branch comes
    nearest to another. A trunk with branches starts as far from them as it reaches; a lone vessel at its thick end.
    """
    from scipy.spatial import cKDTree

    tops = [n for n in names if n not in parents]
    roots = []
    for name in tops:
        own = np.flatnonzero(branch == names.index(name))
        others = [n for n in tops if n != name and known(tree, n)]
        children = [n for n, p in parents.items() if p == name]
        if known(tree, name) and others:
            there = cKDTree(points[np.isin(branch, [names.index(n) for n in others])])
            # Only the nearest counts: what lies farther than the nearest of a few is not looked for.
            few, _ = there.query(points[own[::ONE_IN]])
            away, _ = there.query(points[own], distance_upper_bound=float(few.min()) + END_MM)
            roots.append(own[int(np.argmin(away))])
        elif children:
            there = np.isin(branch, [names.index(n) for n in children])
            away, _ = cKDTree(points[there]).query(points[own])
            roots.append(own[int(np.argmax(away))])
        else:
            roots.append(own[_thick_end(points[own])])
    return np.array(roots, dtype=np.int64)


def _thick_end(points: NDArray[np.float64]) -> int:
    """Return which point is the end with more points around it."""
    one = int(np.argmax(((points - points.mean(axis=0)) ** 2).sum(axis=1)))
    other = int(np.argmax(((points - points[one]) ** 2).sum(axis=1)))
    near = [int((((points - points[e]) ** 2).sum(axis=1) < END_MM**2).sum()) for e in (one, other)]
    return one if near[0] >= near[1] else other


def _bridges(
    points: NDArray[np.float64],
    branch: NDArray[np.int64],
    names: tuple[str, ...],
    parents: Mapping[str, str],
    pairs: NDArray[np.int64],
    roots: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return links (n, 2) that connect every loose part to a root, and their lengths, mm: the shortest first."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    n = len(points)
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    _, part = connected_components(graph, directed=False)
    reached = np.isin(part, part[roots])
    links: list[tuple[int, int]] = []
    gaps: list[float] = []
    while not reached.all():
        best: tuple[float, int, int] | None = None
        for any_branch in (False, True):
            for b in np.unique(branch[~reached]):
                wanted = {int(b)} | ({names.index(parents[names[b]])} if names[b] in parents else set())
                targets = np.flatnonzero(reached & (any_branch | np.isin(branch, list(wanted))))
                if not len(targets):
                    continue
                loose = np.flatnonzero(~reached & (branch == b))
                away, which = cKDTree(points[targets]).query(points[loose])
                at = int(np.argmin(away))
                if best is None or away[at] < best[0]:
                    best = (float(away[at]), int(loose[at]), int(targets[which[at]]))
            if best is not None:
                break
        if best is None:
            raise AnatomyError("a vessel tree has no root: this is a defect in flrsim, please report it")
        gaps.append(best[0])
        links.append((best[1], best[2]))
        reached |= part == part[best[1]]
    return np.array(links, dtype=np.int64).reshape(-1, 2), np.array(gaps)


def _sections(
    pairs: NDArray[np.int64],
    branch: NDArray[np.int64],
    level: NDArray[np.int64],
    away: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the section of each voxel and the voxel of each section nearest to the root, sections in that order."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(branch)
    a, b = pairs.T
    same = (branch[a] == branch[b]) & (level[a] == level[b])
    graph = coo_array((np.ones(int(same.sum())), (a[same], b[same])), shape=(n, n))
    count, part = connected_components(graph, directed=False)
    by_distance = np.lexsort((np.arange(n), away))
    _, first_seen = np.unique(part[by_distance], return_index=True)
    first = by_distance[first_seen]
    order = np.argsort(first_seen, kind="stable")
    rank = np.empty(count, dtype=np.int64)
    rank[order] = np.arange(count)
    return rank[part], first[order]
