"""The verdict of ``flrsim check``: every finding about an input, usable or not."""

from __future__ import annotations

from pathlib import Path

from flrsim import __version__
from flrsim.case_file import examine_case, examine_file, is_case
from flrsim.errors import AnatomyError, GeometryError
from flrsim.evidence import load_evidence
from flrsim.io.frames import sha256
from flrsim.physiology.regimens import drugs
from flrsim.results import CHECK_SCHEMA, CheckResult, Finding, Run


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
    levels = {f.level for f in findings}
    verdict = "refused" if "refused" in levels else "usable_with_warnings" if levels else "usable"
    file = source / "case.toml" if source.is_dir() and is_case(source) else source
    return CheckResult(CHECK_SCHEMA, verdict, findings, Run(__version__, {source.name: sha256(file)}))
