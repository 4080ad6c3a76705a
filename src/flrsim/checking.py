"""The verdict of ``flrsim check``: every finding about an input, usable or not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from flrsim import __version__
from flrsim.case_file import examine_case, examine_file, is_case, load_file
from flrsim.errors import AnatomyError, CaseError, GeometryError
from flrsim.evidence import load_evidence
from flrsim.io.frames import sha256
from flrsim.regimens import drugs
from flrsim.repair import repair_file
from flrsim.results import CHECK_SCHEMA, CheckResult, Finding, Repaired, Run


def check_source(
    source: Path, *, frame: str | None = None, unit: str | None = None, lesions: Path | None = None
) -> CheckResult:
    """Return what is wrong with a file or case; what makes it unusable is a finding too.

    Raises
    ------
    FileError, CaseError, PlanError
        When there is nothing to examine: no such file, not readable, a case file that cannot be understood.
    """
    evidence = load_evidence()
    try:
        if is_case(source):
            case, findings = examine_case(source, evidence)
            for treatment in () if case is None else case.history:
                drugs(treatment.regimen)
        else:
            findings = examine_file(source, evidence, frame=frame, unit=unit, lesions=lesions)
    except (GeometryError, AnatomyError) as error:
        findings = error.findings or (Finding("refused", error.code, error.sentence),)
    file = source / "case.toml" if source.is_dir() and is_case(source) else source
    run = Run(__version__, {source.name: sha256(file)})
    return CheckResult(CHECK_SCHEMA, verdict_of(findings), findings, run)


def verdict_of(findings: tuple[Finding, ...]) -> str:
    """Return usable, usable_with_warnings or refused."""
    levels = {f.level for f in findings}
    return "refused" if "refused" in levels else "usable_with_warnings" if levels else "usable"


def check_and_repair(
    source: Path,
    out: Path,
    *,
    frame: str | None = None,
    unit: str | None = None,
    specks_below_ml: float | None = None,
    holes_below_ml: float | None = None,
) -> CheckResult:
    """Return what is wrong with a liver file, what was mended in a copy written to `out`, and what is wrong with the copy.

    Raises
    ------
    CaseError
        When `source` is a case: its files are repaired one by one.
    FileError
        When `source` cannot be read, or `out` exists or has another format.
    """
    if is_case(source):
        raise CaseError(
            f"{source.name} is a case; repair its files one by one: flrsim check FILE --repair OUT"
        )
    before = check_source(source, frame=frame, unit=unit)
    repairs = repair_file(
        source,
        out,
        frame=frame,
        unit=unit,
        specks_below_ml=specks_below_ml,
        holes_below_ml=holes_below_ml,
    )
    # Copies are written in LPS millimetres.
    after = check_source(out, frame="LPS", unit="mm")
    tlv = [
        None if result.verdict == "refused" else _tlv(path, at, per)
        for result, path, at, per in ((before, source, frame, unit), (after, out, "LPS", "mm"))
    ]
    repaired = Repaired(out.name, after.verdict, after.findings, tlv[0], tlv[1])
    return replace(before, repairs=repairs, repaired=repaired)


def _tlv(path: Path, frame: str | None, unit: str | None) -> float:
    case = load_file(path, load_evidence(), frame=frame, unit=unit)
    return float(sum(case.segment_ml.values()))
