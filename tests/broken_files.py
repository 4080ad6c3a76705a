"""Broken liver files, each written on demand: what is wrong with it, the code it is found by, a piece of the sentence.

Made from the liver of blocks, so that every fault is the only one. `python tests/broken_files.py FOLDER` writes them all, to
try ``flrsim check`` on.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import block_liver as blocks

LPS = ("--frame", "LPS", "--unit", "mm")
MESH = {"space": "LPS", "unit": "mm"}
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Broken:
    """`write` fills a folder and returns the file to check, with options; `verdict` and `code` are what check must say."""

    id: str
    write: Callable[[Path], list[str]]
    verdict: str
    code: str
    fragment: str


REFUSED, WARNED = "refused", "usable_with_warnings"


def mesh(
    change: Callable[[Arrays], Arrays], stated: dict[str, str] | None = None
) -> Callable[[Path], list[str]]:
    """Write a changed copy of the interface mesh."""

    def write(folder: Path) -> list[str]:
        parts = change(blocks.walls(blocks.segments()))
        blocks.write_vtp(folder / "liver.vtp", *parts, stated=MESH if stated is None else stated)
        return [str(folder / "liver.vtp")]

    return write


def label_mesh(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], list[str]]:
    """Write the interface mesh of a changed label map."""
    return lambda folder: mesh(lambda _: blocks.walls(change(blocks.segments())))(folder)


def label_map(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], list[str]]:
    def write(folder: Path) -> list[str]:
        blocks.write_nifti(folder / "liver.nii.gz", change(blocks.segments()))
        return [str(folder / "liver.nii.gz")]

    return write


def stl(change: Callable[[Path], object]) -> Callable[[Path], list[str]]:
    """Write a folder of closed STL, then spoil some."""

    def write(folder: Path) -> list[str]:
        blocks.write_stl_folder(folder / "stl")
        change(folder / "stl")
        return [str(folder / "stl"), *LPS]

    return write


def spoiled(
    label: int, change: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
) -> Callable[[Path], object]:
    return lambda folder: blocks.write_stl(folder / f"S{label}.stl", *change(*blocks.closed_surface(label)))


# ---------------------------------------------------------------- faults of meshes


def torn(parts: Arrays) -> Arrays:
    points, quads, sides = parts
    gone = np.flatnonzero((sides == (0, 5)).all(axis=1))[:100]
    return points, np.delete(quads, gone, axis=0), np.delete(sides, gone, axis=0)


def pricked(parts: Arrays) -> Arrays:
    """Take one small face out: 5 × 5 mm of 200 mL."""
    points, quads, sides = parts
    centre = points[quads].mean(axis=1)
    middle = np.linalg.norm(centre - points.mean(axis=0), axis=1)
    return (
        points,
        *(
            np.delete(a, np.argmax(np.where((sides == (6, 7)).all(axis=1), -middle, -np.inf)), axis=0)
            for a in (quads, sides)
        ),
    )


def reoriented(parts: Arrays) -> Arrays:
    """Turn a third of the faces, as tools do that make windings alike and leave the labels."""
    points, quads, sides = parts
    turn = np.random.default_rng(0).random(len(quads)) < 0.3
    return points, np.where(turn[:, None], quads[:, ::-1], quads), sides


def only_capsule(parts: Arrays) -> Arrays:
    points, quads, sides = parts
    outer = (sides == 0).any(axis=1)
    return points, quads[outer], sides[outer]


def with_block(parts: Arrays) -> Arrays:
    """Add a closed block of S5 that reaches into S8."""
    points, quads, sides = parts
    corner = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    block = np.array([-117.0, -78.0, 160.0]) + corner * [30.3, 30.7, 41.1]
    faces = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
    own = np.tile(np.array([5, 0], np.uint16), (6, 1))
    return (
        np.concatenate([points, block]),
        np.concatenate([quads, faces + len(points)]),
        np.concatenate([sides, own]),
    )


def all_twice(parts: Arrays) -> Arrays:
    points, quads, sides = parts
    return points, np.concatenate([quads, quads]), np.concatenate([sides, sides])


def with_empty_faces(parts: Arrays) -> Arrays:
    points, quads, sides = parts
    a, b = quads[100, :2]
    return points, np.concatenate([quads, [[a, b, b, a]] * 3]), np.concatenate([sides, sides[[100] * 3]])


def with_repeated_points(parts: Arrays) -> Arrays:
    points, quads, sides = parts
    quads = quads.copy()
    quads[:7, 0] = len(points) + np.arange(7)
    return np.concatenate([points, points[parts[1][:7, 0]]]), quads, sides


def with_nan(parts: Arrays) -> Arrays:
    points = parts[0].copy()
    points[[3, 5], 1] = np.nan, np.inf
    return points, parts[1], parts[2]


def moved(by: float) -> Callable[[Arrays], Arrays]:
    return lambda parts: ((parts[0] + [0.0, by, 0.0]).astype(np.float32), parts[1], parts[2])


def scaled(*by: float) -> Callable[[Arrays], Arrays]:
    return lambda parts: (parts[0] * np.array(by), parts[1], parts[2])


def smoothed_nets(folder: Path) -> list[str]:
    """Write VTK's smoothed surface nets of a phantom with frayed borders: points that VTK doubles there drift apart."""
    import pyvista as pv

    from flrsim.phantom import make_phantom

    spacing = np.array([2.5, 2.5, 3.0])
    grids = make_phantom(4).label_grids(tuple(spacing))
    labels = grids.segments.copy()
    neighbour = np.roll(labels, 1, axis=0)
    frayed = (neighbour != labels) & (neighbour > 0) & (labels > 0)
    frayed &= np.random.default_rng(0).random(labels.shape) < 0.1
    labels[frayed] = neighbour[frayed]
    image = pv.ImageData(dimensions=np.add(labels.shape, 2), spacing=spacing)
    image.point_data["labels"] = np.pad(labels, 1).ravel(order="F")
    image.origin = tuple(grids.affine[:3, 3] - spacing)
    made = image.contour_labels("all", smoothing=True, output_mesh_type="quads")
    sides = np.asarray(made.cell_data["boundary_labels"]).astype(np.uint16)
    blocks.write_vtp(folder / "liver.vtp", made.points, made.faces.reshape(-1, 5)[:, 1:], sides, stated=MESH)
    return [str(folder / "liver.vtp")]


# ---------------------------------------------------------------- faults of label maps


def capsule(labels: np.ndarray) -> np.ndarray:
    """Leave a wall of one voxel, with nothing inside."""
    from scipy import ndimage

    return np.where(ndimage.binary_erosion(labels > 0, np.ones((3, 3, 3))), 0, labels).astype(np.uint8)


def hollow(labels: np.ndarray) -> np.ndarray:
    out = labels.copy()
    # A corner away from the capsule: a hollow that touches it is part of the outer surface.
    out[9:12, 10:13, 11:14] = 0
    return out


def with_island(labels: np.ndarray) -> np.ndarray:
    out = labels.copy()
    out[32:36, 12:16, 18:22] = 5
    return out


def with_speck(labels: np.ndarray) -> np.ndarray:
    out = labels.copy()
    out[33, 13, 20] = 6
    return out


def exchanged(a: int, b: int) -> Callable[[np.ndarray], np.ndarray]:
    def change(labels: np.ndarray) -> np.ndarray:
        lut = np.arange(9, dtype=np.uint8)
        lut[[a, b]] = b, a
        return lut[labels]

    return change


def swallowed(labels: np.ndarray) -> np.ndarray:
    """Put S1 wholly inside S7."""
    out = np.where(labels == 1, 4, labels).astype(np.uint8)
    out[7:10, 18:20, 20:23] = 1
    return out


# ---------------------------------------------------------------- faults of files


def with_lesions(
    change: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
) -> Callable[[Path], list[str]]:
    def write(folder: Path) -> list[str]:
        blocks.write_nifti(folder / "liver.nii.gz", blocks.segments())
        labels, affine = change(blocks.lesions(), blocks.lps_affine())
        blocks.write_nifti(folder / "lesions.nii.gz", labels, affine)
        return [str(folder / "liver.nii.gz"), "--lesions", str(folder / "lesions.nii.gz")]

    return write


def lesion_mesh_in_ras(folder: Path) -> list[str]:
    blocks.write_nifti(folder / "liver.nii.gz", blocks.segments())
    points, quads, sides = blocks.walls(blocks.lesions())
    blocks.write_vtp(folder / "lesions.vtp", points, quads, sides, stated={"space": "RAS", "unit": "mm"})
    return [str(folder / "liver.nii.gz"), "--lesions", str(folder / "lesions.vtp")]


def turned_affine(labels: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return labels, np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine


def cut_off(name: str, keep: float) -> Callable[[Path], list[str]]:
    def write(folder: Path) -> list[str]:
        if name.endswith(".vtp"):
            blocks.write_vtp(folder / name, *blocks.walls(blocks.segments()), stated=MESH)
        elif name.endswith(".stl"):
            blocks.write_stl_folder(folder)
        else:
            blocks.write_nifti(folder / name, blocks.segments())
        raw = (folder / name).read_bytes()
        (folder / name).write_bytes(raw[: int(keep * len(raw))])
        return [
            str(folder if name.endswith(".stl") else folder / name),
            *(LPS if name.endswith(".stl") else ()),
        ]

    return write


def claims_10_to_the_12(folder: Path) -> list[str]:
    import nibabel as nib

    header = nib.Nifti1Header()
    header.set_data_dtype(np.uint8)
    header.set_data_shape((10_000, 10_000, 10_000))
    header.set_sform(np.eye(4), code=1)
    header["magic"], header["vox_offset"] = b"n+1", 352
    (folder / "liver.nii.gz").write_bytes(gzip.compress(header.binaryblock + b"\0" * 5000))
    return [str(folder / "liver.nii.gz")]


def random_winding(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    turn = np.random.default_rng(0).random(len(triangles)) < 0.5
    return points, np.where(turn[:, None], triangles[:, ::-1], triangles)


def loose_triangles(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shrink each triangle about its own middle: a soup that encloses nothing."""
    corners = points[triangles]
    corners = corners.mean(axis=1, keepdims=True) + 0.97 * (corners - corners.mean(axis=1, keepdims=True))
    return corners.reshape(-1, 3), np.arange(3 * len(triangles)).reshape(-1, 3)


def nested(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    inner = points.mean(axis=0) + 0.5 * (points - points.mean(axis=0)) + [0.13, 0.17, 0.19]
    return np.concatenate([points, inner]), np.concatenate([triangles, triangles + len(points)])


def double_walled(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    inner = points.mean(axis=0) + 0.9 * (points - points.mean(axis=0)) + [0.13, 0.17, 0.19]
    return np.concatenate([points, inner]), np.concatenate([triangles, triangles[:, ::-1] + len(points)])


def two_solids(folder: Path) -> None:
    """Write S5 as an ASCII file of two solids: itself, and a copy of S1 far to the left."""
    lines = []
    for label, shift in ((5, 0.0), (1, 150.0)):
        points, triangles = blocks.closed_surface(label)
        lines.append(f"solid s{label}")
        for corners in (np.add(points, (shift, 0.0, 0.0)))[triangles]:
            lines += ["facet normal 0 0 0", "outer loop"]
            lines += [f"vertex {x:.6g} {y:.6g} {z:.6g}" for x, y, z in corners]
            lines += ["endloop", "endfacet"]
        lines.append(f"endsolid s{label}")
    (folder / "S5.stl").write_text("\n".join(lines) + "\n")


def patches(folder: Path) -> None:
    """Write of each segment only its share of the capsule."""
    points, quads, sides = blocks.walls(blocks.segments())
    quads = np.where(sides[:, :1] == 0, quads[:, ::-1], quads)
    outer = (sides == 0).any(axis=1)
    for label in range(1, 9):
        own = quads[outer & (sides == label).any(axis=1)]
        blocks.write_stl(
            folder / f"S{label}.stl", points, np.concatenate([own[:, [0, 1, 2]], own[:, [0, 2, 3]]])
        )


BROKEN: tuple[Broken, ...] = (
    Broken("torn mesh", mesh(torn), REFUSED, "open", '"S5" is open (246 boundary edges near L -130'),
    Broken("small hole", mesh(pricked), REFUSED, "open", "is open (4 boundary edges"),
    Broken("faces re-oriented", mesh(reoriented), REFUSED, "winding", "are wound against their labels"),
    Broken("inside out", mesh(lambda m: (m[0], m[1][:, ::-1], m[2])), REFUSED, "inside_out", "all 8 regions are inside out"),
    Broken("labels of sides swapped", mesh(lambda m: (m[0], m[1], m[2][:, ::-1])), REFUSED, "inside_out", "the two labels of each face are swapped"),
    Broken("capsule in patches", mesh(only_capsule), REFUSED, "patches", "are open patches that close only together"),
    Broken("block across a border", mesh(with_block), REFUSED, "crossing", "pairs of faces pass through each other"),
    Broken("every face twice", mesh(all_twice), REFUSED, "duplicate_faces", "are stored more than once"),
    Broken("faces without area", mesh(with_empty_faces), WARNED, "zero_area", "3 faces of"),
    Broken("points twice", mesh(with_repeated_points), WARNED, "duplicate_points", "lie exactly on another"),
    Broken("NaN and infinite points", mesh(with_nan), REFUSED, "not_finite", "2 of 6597 points are not finite numbers"),
    Broken("2 m away in single precision", mesh(moved(2000.0)), WARNED, "far_away", "is stored in single precision, which keeps steps of 0.00012 mm"),
    Broken("2 km away in single precision", mesh(moved(2e6)), REFUSED, "far_away", "its volumes are uncertain by up to"),
    Broken("metres", mesh(scaled(0.001, 0.001, 0.001)), REFUSED, "extent", 'its numbers look like m'),
    Broken("centimetres", mesh(scaled(0.1, 0.1, 0.1)), REFUSED, "extent", 'its numbers look like cm'),
    Broken("RAS said to be LPS", mesh(scaled(-1, -1, 1)), REFUSED, "wrong_frame", "LPS is read as RAS, or RAS as LPS"),
    Broken("mirrored mesh", mesh(lambda m: (m[0] * [-1, 1, 1], m[1][:, ::-1], m[2])), REFUSED, "mirrored", "it is mirrored left to right"),
    Broken("capsule with an inner wall", label_mesh(capsule), REFUSED, "double_wall", "a capsule is not a liver volume"),
    Broken("cavity in a mesh", label_mesh(hollow), WARNED, "hole", "has a cavity of 3.4 mL near L -90"),
    Broken("nets smoothed by VTK", smoothed_nets, REFUSED, "open", '"S8" is open (12 boundary edges near'),
    Broken("STL soup", stl(spoiled(5, loose_triangles)), REFUSED, "leaks", "slip through gaps between its faces"),
    Broken("STL wound by chance", stl(spoiled(5, random_winding)), REFUSED, "winding", "wound against their labels"),
    Broken("STL inside out", stl(spoiled(5, lambda p, t: (p, t[:, ::-1]))), REFUSED, "inside_out", '"S5" is inside out'),
    Broken("STL with an inner wall", stl(spoiled(5, double_walled)), REFUSED, "double_wall", "a shell with two walls"),
    Broken("STL in an STL", stl(spoiled(5, nested)), REFUSED, "counted_twice", "its inside counts twice"),
    Broken("two solids in one STL", stl(two_solids), WARNED, "pieces", "S5 is in 2 pieces"),
    Broken("STL patches of a capsule", stl(patches), REFUSED, "patches", "S1.stl, S2.stl, S3.stl, S4.stl, S5.stl"),
    Broken("STL in two frames", stl(spoiled(7, lambda p, t: (p * [-1, -1, 1], t))), REFUSED, "frame_mixed", 'does not touch the other parts'),
    Broken("STL in two units", stl(spoiled(7, lambda p, t: (p / 10, t))), REFUSED, "unit_mixed", "10 times too small"),
    Broken("STL that overlap", stl(spoiled(5, lambda p, t: (np.add(p, (0, 0, 15)), t))), REFUSED, "geometry", "overlap by 3.2 % of the liver"),
    Broken("truncated STL", cut_off("S5.stl", 0.5), REFUSED, "file", "S5.stl has no triangles"),
    Broken("empty STL", cut_off("S5.stl", 0.0), REFUSED, "file", "S5.stl is empty"),
    Broken("truncated mesh", cut_off("liver.vtp", 0.5), REFUSED, "file", "liver.vtp is truncated"),
    Broken("empty mesh", cut_off("liver.vtp", 0.0), REFUSED, "file", "liver.vtp is empty"),
    Broken("truncated map", cut_off("liver.nii.gz", 0.5), REFUSED, "file", "liver.nii.gz is truncated or damaged"),
    Broken("header of 10^12 voxels", claims_10_to_the_12, REFUSED, "geometry", "= 1e+12 voxels"),
    Broken("segment missing", label_map(lambda a: np.where(a == 1, 0, a).astype(np.uint8)), REFUSED, "missing_segments", "S1 is missing"),
    Broken("mirrored map", label_map(lambda a: a[::-1].copy()), REFUSED, "mirrored", "it is mirrored left to right"),
    Broken("two segments exchanged", label_map(exchanged(5, 8)), REFUSED, "labels_swapped", "the labels S8 and S5 may be exchanged"),
    Broken("island", label_map(with_island), WARNED, "pieces", "S5 is in 2 pieces of 204.4 and 8.0 mL"),
    Broken("speck", label_map(with_speck), WARNED, "specks", "wholly inside S2"),
    Broken("capsule in a map", label_map(capsule), REFUSED, "double_wall", "the labels are a shell of"),
    Broken("hole in a map", label_map(hollow), WARNED, "hole", "1 hole of 3.37 mL without a label inside the liver"),
    Broken("segment inside another", label_map(swallowed), WARNED, "enclosed", "lies wholly inside S7"),
    Broken("lesions on another grid", with_lesions(lambda a, m: (a[:, :, :-4], m)), REFUSED, "geometry", "both must lie on one grid"),
    Broken("lesions in the other frame", with_lesions(turned_affine), REFUSED, "geometry", "exactly on it when LPS and RAS are exchanged"),
    Broken("lesion mesh in the other frame", lesion_mesh_in_ras, REFUSED, "frame_mixed", "when LPS and RAS are exchanged"),
)  # fmt: skip


def main(folder: Path) -> None:
    """Write every broken file into a folder of its own and print the command that checks it."""
    for broken in BROKEN:
        own = folder / broken.id.replace(" ", "-").replace("^", "")
        own.mkdir(parents=True)
        sys.stdout.write(f"flrsim check {' '.join(broken.write(own))}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
