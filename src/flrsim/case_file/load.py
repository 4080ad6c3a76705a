"""Files to a case: ``case.toml`` with everything it names, or one bare liver file."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from flrsim.anatomy import COUINAUD_LABELS, SEGMENTS, check_split_once, segment_name
from flrsim.case import Accepted, LiverCase, VesselFile, assemble
from flrsim.case_file.plans import plan_of
from flrsim.case_file.schema import AnatomyTable, CaseFile, MeshTable, PatientTable
from flrsim.case_file.wording import wording
from flrsim.errors import AnatomyError, CaseError, FileError
from flrsim.evidence import Evidence
from flrsim.forensics import examine_liver, refuse
from flrsim.io.frames import sha256
from flrsim.io.structures import Structures, read_structures, read_surface_table
from flrsim.patient import LiverCondition, Patient, Treatment
from flrsim.plan import Plan, check_plan
from flrsim.results import Finding


def load_case(path: Path, evidence: Evidence) -> tuple[LiverCase, tuple[Plan, ...]]:
    """Return the case and the plans of a ``case.toml`` or of the folder that holds one.

    Raises
    ------
    FlrsimError
        One sentence, naming the key or the file, for anything that cannot be read or believed.
    """
    case, plans, findings = _load(path, evidence)
    refuse(findings)
    for plan in plans:
        check_plan(plan, _read(case))
    return _read(case), plans


def _read(case: LiverCase | None) -> LiverCase:
    """Return the case; one is missing only beside a refused finding, which `refuse` raises."""
    if case is None:
        raise CaseError("the case was not read; run flrsim check on it")
    return case


def examine_case(path: Path, evidence: Evidence) -> tuple[LiverCase | None, tuple[Finding, ...]]:
    """Return the case and everything found about it, without raising for what was only implausible; then there is no case."""
    case, plans, findings = _load(path, evidence)
    if case is None:
        return None, findings
    for plan in plans:
        check_plan(plan, case)
    seen = {f.sentence for f in findings}
    return case, (*findings, *(Finding("warning", "case", w) for w in case.warnings if w not in seen))


def load_file(
    path: Path,
    evidence: Evidence,
    *,
    frame: str | None = None,
    unit: str | None = None,
    lesions: Path | None = None,
) -> LiverCase:
    """Return a case without patient and plans from one liver file, and one lesion file if there is one."""
    case, findings = _load_bare(path, evidence, frame, unit, lesions)
    refuse(findings)
    return _read(case)


def examine_file(
    path: Path,
    evidence: Evidence,
    *,
    frame: str | None = None,
    unit: str | None = None,
    lesions: Path | None = None,
) -> tuple[Finding, ...]:
    """Return everything found about one liver file."""
    case, findings = _load_bare(path, evidence, frame, unit, lesions)
    if case is None:
        return findings
    seen = {f.sentence for f in findings}
    return (*findings, *(Finding("warning", "case", w) for w in case.warnings if w not in seen))


def is_case(path: Path) -> bool:
    """Return whether a path names a case rather than a liver file."""
    return path.suffix.lower() == ".toml" or (path.is_dir() and (path / "case.toml").exists())


def _load_bare(
    path: Path, evidence: Evidence, frame: str | None, unit: str | None, lesions: Path | None
) -> tuple[LiverCase | None, tuple[Finding, ...]]:
    segments = read_structures(
        path,
        name_of=_segment_of({}, path.name),
        frame=frame,
        unit=unit,
        whole_liver=True,
        surface_name=_surface_segment,
    )
    findings = examine_liver(segments, evidence, Accepted())
    if any(f.level == "refused" for f in findings):
        return None, findings
    inputs = {path.name: sha256(path)}
    tumours = None
    if lesions is not None:
        tumours = _lesions(lesions, segments, frame, unit, same_grid=False)
        inputs[lesions.name] = sha256(lesions)
    grid, lesion_list, _, warnings = assemble(segments, tumours, ())
    warnings = (*(f.sentence for f in findings if f.level == "warning"), *warnings)
    name = path.name.split(".")[0]
    return LiverCase(name, grid, lesion_list, (), warnings=warnings, inputs_sha256=inputs), findings


def _load(path: Path, evidence: Evidence) -> tuple[LiverCase | None, tuple[Plan, ...], tuple[Finding, ...]]:
    """Return case, plans and findings; no case when the liver itself is refused: its other files are then not read."""
    path = path / "case.toml" if path.is_dir() else path
    file = _parse(path)
    folder = path.parent
    a = file.anatomy
    accepted = Accepted(**a.accept.model_dump())
    inputs: dict[str, str] = {path.name: sha256(path)}

    def inside(key: str, name: str) -> Path:
        target = (folder / name).resolve()
        if not target.is_relative_to(folder.resolve()):
            raise CaseError(f"{path.name}: {key} = {name!r} leaves the case's folder; paths stay inside it")
        if not target.exists():
            raise FileError(
                f"{path.name}: {key} = {name!r}: no such file in {folder.name or folder}; check the path"
            )
        inputs[name] = sha256(target)
        return target

    segments = _segments(a, inside, path.name)
    findings = examine_liver(segments, evidence, accepted)
    mirrored = accepted.mirrored and any(f.code == "mirrored" for f in findings)
    if mirrored:
        if a.labelmap is None:
            raise CaseError(
                f"{path.name}: anatomy.accept.mirrored is for label maps; a mirrored mesh has the wrong frame: state it"
            )
        segments = _flipped(segments)
        findings = examine_liver(segments, evidence, accepted)
    if any(f.level == "refused" for f in findings):
        return None, (), findings
    lesions = None
    if a.lesions is not None:
        lesions = _table_or_file("anatomy.lesions", a.lesions, a, inside, segments, mirrored, _lesions)
    vessels = []
    for key, tree, labels in (
        ("portal_vein", "portal_vein", a.portal_labels),
        ("hepatic_vein", "hepatic_vein", a.hepatic_labels),
        ("vessels", "unsplit", {}),
    ):
        given = getattr(a, key)
        if given is not None:
            found = _table_or_file(
                f"anatomy.{key}", given, a, inside, segments, mirrored, _vessel_reader(tree, labels)
            )
            vessels.append(VesselFile(tree, found))
    grid, lesion_list, vessel_list, warnings = assemble(segments, lesions, tuple(vessels), accepted=accepted)
    unknown = sorted(set(accepted.lesions_outside) - {les.name for les in lesion_list})
    if unknown:
        raise CaseError(
            f"{path.name}: anatomy.accept.lesions_outside names {', '.join(unknown)}, which the case does not have"
        )
    case = LiverCase(
        name=file.case.id,
        grid=grid,
        lesions=lesion_list,
        vessels=vessel_list,
        patient=_patient(file.patient),
        history=tuple(Treatment(t.regimen, t.cycles, t.last_dose_day) for t in file.treatment),
        scan_day=a.scan_day,
        accepted=accepted,
        warnings=(*(f.sentence for f in findings if f.level == "warning"), *warnings),
        inputs_sha256=dict(sorted(inputs.items())),
    )
    return case, tuple(plan_of(p) for p in file.plan), findings


def _parse(path: Path) -> CaseFile:
    if not path.exists():
        raise FileError(f"{path.name}: no such file ({path}); check the path")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CaseError(f"{path.name} is not valid TOML: {error}") from None
    try:
        return CaseFile.model_validate(content)
    except ValidationError as error:
        raise CaseError(f"{path.name}: {wording(error)}") from None


def _segments(a: AnatomyTable, inside: Callable[[str, str], Path], source: str) -> Structures:
    if a.labelmap is not None:
        return read_structures(
            inside("anatomy.labelmap", a.labelmap),
            name_of=_segment_of(a.labels, a.labelmap),
            spacing_mm=a.accept.spacing_mm,
        )
    if a.mesh is not None:
        return read_structures(
            inside("anatomy.mesh", a.mesh),
            name_of=_segment_of(a.labels, a.mesh),
            frame=a.frame,
            unit=a.unit,
            whole_liver=True,
            surface_name=_surface_segment,
        )
    files: dict[str, Path] = {}
    for key, name in (a.meshes or {}).items():
        segment = _surface_segment(key)
        if segment in files:
            raise CaseError(
                f"{source}: anatomy.meshes.{key}: {segment} is given twice; keep one file a segment"
            )
        files[segment] = inside(f"anatomy.meshes.{key}", name)
    check_split_once(files, source=f"{source}: anatomy.meshes")
    return read_surface_table(
        files, frame=a.frame or "LPS", unit=a.unit or "mm", source="anatomy.meshes", whole_liver=True
    )


def _segment_of(labels: dict[int, str], source: str) -> Callable[[int], str]:
    """Return the function that names a label of a liver map, or says that it is unknown."""

    def name(label: int) -> str:
        text = labels.get(label) or COUINAUD_LABELS.get(label)
        found = segment_name(text) if text is not None else None
        if found is None and label in labels:
            raise AnatomyError(
                f'anatomy.labels.{label}: "{text}" is not a segment; segments are {", ".join(SEGMENTS)}'
            )
        if found is None:
            raise AnatomyError(
                f"{source} has the label {label}, which is not a segment; labels 1 to 8 are S1 to S8: "
                "remove it, or name it in [anatomy.labels]"
            )
        return found

    return name


def _surface_segment(text: str) -> str:
    found = segment_name(text)
    if found is None:
        raise AnatomyError(
            f'"{text}" is not a segment; name each file or key after its segment: S1 … S8, S4a, S4b'
        )
    return found


def _table_or_file(
    key: str,
    given: str | MeshTable,
    a: AnatomyTable,
    inside: Callable[[str, str], Path],
    segments: Structures,
    mirrored: bool,
    reader: Callable[..., Structures],
) -> Structures:
    """Return the structures of a file, or of a table name → closed surface."""
    if isinstance(given, str):
        file = inside(key, given)
        found = reader(
            file,
            _flipped(segments) if mirrored else segments,
            a.frame,
            a.unit,
            same_grid=a.accept.same_grid,
            spacing_mm=a.accept.spacing_mm,
        )
        return _flipped(found) if mirrored else found
    if a.frame is None or a.unit is None:
        raise CaseError(
            f'{key}: surfaces need anatomy.frame ("LPS" or "RAS") and anatomy.unit ("mm", "cm" or "m")'
        )
    files = {name: inside(f"{key}.{name}", file) for name, file in given.items()}
    return read_surface_table(files, frame=a.frame, unit=a.unit, source=key, onto=segments, must_touch=False)


def _lesions(
    path: Path,
    segments: Structures,
    frame: str | None,
    unit: str | None,
    *,
    same_grid: bool,
    spacing_mm: tuple[float, float, float] | None = None,
) -> Structures:
    found = read_structures(
        path,
        name_of=lambda label: f"L{label}",
        frame=frame,
        unit=unit,
        onto=segments,
        same_grid=same_grid,
        spacing_mm=spacing_mm,
    )
    if len(found.names) == 2 and not found.from_mesh:
        return _components(found)
    if len(found.names) == 1:
        raise AnatomyError(f"{path.name} holds no lesion; leave the key out if there is none")
    return found


def _components(lesions: Structures) -> Structures:
    """Return a binary lesion map as its connected components, L1 the largest; specks are named, never dropped silently."""
    from scipy import ndimage

    from flrsim.case import SPECK_ML

    found, n = ndimage.label(lesions.labels > 0, structure=np.ones((3, 3, 3), dtype=int))
    voxel = abs(float(np.linalg.det(lesions.affine[:3, :3]))) / 1000.0
    ml = np.bincount(found.ravel(), minlength=n + 1)[1:] * voxel
    order = np.argsort(-ml, kind="stable")
    kept = [i for i in order if ml[i] >= SPECK_ML]
    if not kept:
        kept = [order[0]]
    lut = np.zeros(n + 1, dtype=np.uint16)
    for label, i in enumerate(kept, start=1):
        lut[i + 1] = label
    specks = [float(ml[i]) for i in order if i not in kept]
    warnings = lesions.warnings
    if specks:
        warnings = (
            *warnings,
            f"{lesions.source}: {len(specks)} specks under {SPECK_ML} mL ({sum(specks):.3f} mL together) are no lesions",
        )
    return replace(
        lesions,
        labels=lut[found],
        names=("outside", *(f"L{k}" for k in range(1, len(kept) + 1))),
        ml=np.concatenate([[0.0], ml[kept]]),
        warnings=warnings,
    )


def _vessel_reader(tree: str, labels: dict[int, str]) -> Callable[..., Structures]:
    def read(
        path: Path,
        segments: Structures,
        frame: str | None,
        unit: str | None,
        *,
        same_grid: bool,
        spacing_mm: tuple[float, float, float] | None = None,
    ) -> Structures:
        found = read_structures(
            path,
            name_of=lambda label: labels.get(label) or (tree if label == 1 else f"branch {label}"),
            frame=frame,
            unit=unit,
            onto=segments,
            same_grid=same_grid,
            spacing_mm=spacing_mm,
        )
        if len(found.names) == 1:
            raise AnatomyError(f"{path.name} holds no vessel; leave the key out if there is none")
        return found

    return read


def _flipped(structures: Structures) -> Structures:
    """Return the structures left to right; twice is as they were."""
    return replace(structures, labels=np.ascontiguousarray(structures.labels[::-1]))


def _patient(given: PatientTable | None) -> Patient | None:
    if given is None:
        return None
    body = given.model_dump(exclude={"liver"})
    return Patient(**body, liver=LiverCondition(**given.liver.model_dump()))
