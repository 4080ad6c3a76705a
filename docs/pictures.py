"""Draw one sheet for each demo case: the plan on the images, after stage 1, at the scan, after stage 2.

``python docs/pictures.py [CASE …]`` writes docs/images/CASE.jpg for all demo cases, or those named; docs/pictures.md shows them. Of the
two-stage course it also draws the README's picture and a movie.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image

from flrsim.case_file import load_case
from flrsim.cli.pictures import played
from flrsim.evidence import load_evidence
from flrsim.plan import Scan
from flrsim.viewer.movie import write_movie
from flrsim.viewer.pictures import picture
from flrsim.viewer.scene import scene_at
from flrsim.viewer.shown import Shown

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
PLANS = {
    "bilobar-two-stage": "two-stage",
    "small-for-size": "two-stage, sparing S4",
    "conversion": "four courses, PVE, resection",
    "hcc-thrombus": "TACE, PVE, right hepatectomy",
    "solitary-right": "right posterior sectionectomy",
}
"""The plan shown of each demo case: the one with most stages."""
VIEWS = {"solitary-right": "posterior"}
"""From where a case is seen, if not from the front: its posterior section goes."""
COURSE = "bilobar-two-stage"
"""The case whose course is shown as a movie, and whose plan heads the README."""
SIZE = (800, 600)
MOVIE_SIZE = (576, 432)
MOST_BYTES = 200_000


def days_of(shown: Shown) -> tuple[int | None, ...]:
    """Return what a sheet shows: the images, each operation's day, and the last scan before the last operation."""
    operations = shown.operation_days
    steps = () if shown.staged is None else shown.staged.plan.steps
    scans = [s.day for s in steps if isinstance(s.action, Scan) and s.day <= operations[-1]]
    return (None, *sorted({*operations, *scans[-1:]}))


def sheet(shown: Shown, view: str) -> Image.Image:
    """Return a plan's pictures, two beside each other."""
    days = days_of(shown)
    rows = -(-len(days) // 2)
    out = Image.new("RGB", (2 * SIZE[0], rows * SIZE[1]), "white")
    for n, day in enumerate(days):
        one = Image.open(io.BytesIO(picture(scene_at(shown, day=day), view=view, size=SIZE)))
        out.paste(one, (n % 2 * SIZE[0], n // 2 * SIZE[1]))
    return out


def write(image: Image.Image, path: Path) -> None:
    """Write a sheet as JPEG, as good as fits into the bytes that a page should cost."""
    for quality in range(88, 40, -4):
        image.save(path, quality=quality, optimize=True, progressive=True)
        if path.stat().st_size <= MOST_BYTES:
            return
    raise SystemExit(f"{path.name} stays above {MOST_BYTES} bytes; show fewer days or draw them smaller")


def main(names: list[str]) -> None:
    """Write the sheets asked for."""
    evidence = load_evidence()
    for name in names or PLANS:
        case, plans = load_case(ROOT / "meshes" / name, evidence)
        shown, _ = played(case, [p for p in plans if p.name == PLANS[name]], evidence)
        write(sheet(shown[0], VIEWS.get(name, "anterior")), IMAGES / f"{name}.jpg")
        if name == COURSE:
            write(Image.open(io.BytesIO(picture(scene_at(shown[0])))), IMAGES / "two-stage.jpg")
            write_movie(shown[0], IMAGES / "two-stage.gif", size=MOVIE_SIZE)


if __name__ == "__main__":
    main(sys.argv[1:])
