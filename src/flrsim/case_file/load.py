"""Files to a case: ``case.toml`` with everything it names, or one bare liver file."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import ValidationError

from flrsim.assembly import assemble
from flrsim.case import Accepted, Fidelity, LiverCase
from flrsim.case_file.anatomy import (
    Inside,
    flipped,
    read_bare_lesions,
    read_bare_segments,
    read_inside,
    read_segments,
)
from flrsim.case_file.plans import plan_of
from flrsim.case_file.schema import AnatomyTable, CaseFile, PatientTable
from flrsim.case_file.wording import wording
from flrsim.errors import AnatomyError, CaseError, FileError, GeometryError
from flrsim.evidence import Evidence
from flrsim.forensics import examine_liver, refuse
from flrsim.io.centrelines import read_centrelines
from flrsim.io.frames import sha256
from flrsim.io.structures import Structures
from flrsim.legality import check_cycles, check_plan
from flrsim.patient import LiverCondition, Patient, Treatment, TumourBiology
from flrsim.plan import Plan
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
        check_cycles(plan, evidence)
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
        check_cycles(plan, evidence)
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
    segments = read_bare_segments(path, frame, unit)
    findings = (*segments.findings, *examine_liver(segments, evidence, Accepted()))
    if any(f.level == "refused" for f in findings):
        return None, findings
    inputs = {path.name: sha256(path)}
    tumours = None
    if lesions is not None:
        segments, tumours = read_bare_lesions(lesions, segments, frame, unit)
        findings = (*findings, *tumours.findings)
        inputs[lesions.name] = sha256(lesions)
    grid, lesion_list, _, warnings = assemble(segments, tumours, ())
    warnings = _sentences(findings, warnings)
    name = path.name.split(".")[0]
    case = LiverCase(
        name,
        grid,
        lesion_list,
        (),
        warnings=warnings,
        inputs_sha256=inputs,
        fidelity=Fidelity.of(segments, tumours),
    )
    return case, findings


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

    segments = read_segments(a, inside, path.name)
    findings = (*segments.findings, *examine_liver(segments, evidence, accepted))
    mirrored = accepted.mirrored and any(f.code == "mirrored" for f in findings)
    if mirrored:
        if a.labelmap is None:
            raise CaseError(
                f"{path.name}: anatomy.accept.mirrored is for label maps; a mirrored mesh has the wrong frame: state it"
            )
        segments = flipped(segments)
        findings = examine_liver(segments, evidence, accepted)
    if any(f.level == "refused" for f in findings):
        return None, (), (*findings, *_of_the_rest(a, inside, segments, mirrored, path.name))
    segments, lesions, vessels = read_inside(a, inside, segments, mirrored=mirrored, source=path.name)
    for found in (lesions, *(v.structures for v in vessels)):
        findings = (*findings, *(() if found is None else found.findings))
    grid, lesion_list, vessel_list, warnings = assemble(segments, lesions, vessels, accepted=accepted)
    unknown = sorted(set(accepted.lesions_outside) - {les.name for les in lesion_list})
    if unknown:
        raise CaseError(
            f"{path.name}: anatomy.accept.lesions_outside names {', '.join(unknown)}, which the case does not have"
        )
    lines = {
        tree: read_centrelines(inside(key, name))
        for tree, key, name in (
            ("portal_vein", "portal_centrelines", a.portal_centrelines),
            ("hepatic_vein", "hepatic_centrelines", a.hepatic_centrelines),
        )
        if name is not None
    }
    plans = tuple(plan_of(p, inside) for p in file.plan)  # their sheets are inputs too
    case = LiverCase(
        name=file.case.id,
        grid=grid,
        lesions=lesion_list,
        vessels=vessel_list,
        patient=_patient(file.patient),
        history=tuple(Treatment(t.regimen, t.cycles, t.last_dose_day) for t in file.treatment),
        scan_day=a.scan_day,
        accepted=accepted,
        warnings=_sentences(findings, warnings),
        inputs_sha256=dict(sorted(inputs.items())),
        centrelines=lines,
        fidelity=Fidelity.of(segments, lesions),
    )
    return case, plans, findings


def _of_the_rest(
    a: AnatomyTable, inside: Inside, segments: Structures, mirrored: bool, source: str
) -> tuple[Finding, ...]:
    """Return what is wrong with the other files of a case whose liver is refused already."""
    try:
        read_inside(a, inside, segments, mirrored=mirrored, source=source)
    except (GeometryError, AnatomyError) as error:
        return error.findings or (Finding("refused", error.code, error.sentence),)
    return ()


def _sentences(findings: tuple[Finding, ...], warnings: tuple[str, ...]) -> tuple[str, ...]:
    """Return what a case is to be warned of, each once."""
    return tuple(dict.fromkeys((*(f.sentence for f in findings if f.level == "warning"), *warnings)))


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


def _patient(given: PatientTable | None) -> Patient | None:
    if given is None:
        return None
    body = given.model_dump(exclude={"liver", "tumour"})
    return Patient(
        **body,
        liver=LiverCondition(**given.liver.model_dump()),
        tumour=TumourBiology(**given.tumour.model_dump()),
    )
