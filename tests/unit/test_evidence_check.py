"""Every check is seen to fail once, on a copy of the evidence with one thing broken."""

from __future__ import annotations

from pathlib import Path

import pytest
from evidence_folder import NUMBERS, STUDY, add_study, change, copied

from flrsim.evidence import check_evidence, freeze, load_evidence
from flrsim.results import EvidenceCheck


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy that is sound, so that whatever is found was broken by the test."""
    return copied(tmp_path)


def checked(folder: Path) -> EvidenceCheck:
    """Check a copy beside a package of one harmless module: the package's own code is another test's matter."""
    package = folder.parent / "harmless"
    package.mkdir(exist_ok=True)
    (package / "law.py").write_text("whole = 1\n")
    return check_evidence(folder, package)


def sentences(check: EvidenceCheck, code: str) -> list[str]:
    assert check.sound == (not check.findings)
    return [f.sentence for f in check.findings if f.code == code]


def test_the_packages_own_evidence_is_sound() -> None:
    check = check_evidence()
    assert [f.sentence for f in check.findings] == []
    assert check.parameters == len(load_evidence().ids())
    assert check.to_dict()["schema"] == "flrsim/evidence-check/1"


def test_an_unbroken_copy_is_sound(folder: Path) -> None:
    add_study(folder)
    check = checked(folder)
    assert check.findings == ()
    assert check.sound
    assert check.studies >= 1
    assert check.printed_numbers >= 5


def test_broken_records_studies_rules_and_sources_are_all_said(folder: Path) -> None:
    growth, injury = folder / "parameters" / "growth.toml", folder / "parameters" / "injury.toml"
    growth.write_text(growth.read_text().replace('unit = "day"', 'unit = "furlong"', 1))
    injury.write_text(injury.read_text().replace('kind = "assumed"', 'kind = "guessed"', 1))
    add_study(folder, change(STUDY, "calibration", "both"))
    add_study(folder, numbers=change(NUMBERS, "glue", "clay"), name="other")
    (folder / "disease_rules.toml").write_text("[[rule]]\nid = 'x'\n")
    said = "\n".join(sentences(checked(folder), "record"))
    for part in (
        "parameters/growth.toml: record",
        "furlong",
        "parameters/injury.toml: record",
        "guessed",
        'trials/madeup/study.toml has the split "both"',
        'trials/other/numbers.csv line 2 ("growth") names the arm "clay"',
        'disease_rules.toml: rule 1 "x"',
    ):
        assert part in said


def test_a_number_given_in_two_files_is_said(folder: Path) -> None:
    (folder / "parameters" / "zz.toml").write_text((folder / "parameters" / "tumour.toml").read_text())
    assert "already in another file" in sentences(checked(folder), "record")[0]


def test_a_source_that_nothing_cites_is_an_orphan_until_a_study_or_a_rule_cites_it(folder: Path) -> None:
    bib = folder / "references.bib"
    bib.write_text(bib.read_text() + "@article{lonely2020, doi = {10.1/1}}\n")
    found = sentences(checked(folder), "orphan")
    assert len(found) == 1
    assert 'no number, study or rule cites "lonely2020"' in found[0]
    place = add_study(folder, change(STUDY, "aoki2011", "lonely2020"))
    assert checked(folder).sound
    (place / "study.toml").write_text(STUDY)
    assert not checked(folder).sound
    rules = folder / "disease_rules.toml"
    rules.write_text(
        (rules.read_text() if rules.exists() else "")
        + '[[rule]]\nid = "a"\nanswer = "warns"\nwhen = "b"\nsentence = "c"\n'
        + 'source = { key = "lonely2020", where = "d" }\n'
    )
    assert checked(folder).sound


def test_a_source_by_which_nothing_is_found_is_said(folder: Path) -> None:
    bib = folder / "references.bib"
    text = bib.read_text()
    assert "doi = {10.1245/s10434-009-0447-z}" in text
    bib.write_text(text := text.replace(", doi = {10.1245/s10434-009-0447-z}", ""))
    assert checked(folder).sound  # journal, year, volume and page are enough
    bib.write_text(change(text, ", volume = {16}, pages = {1553}", ""))
    (said,) = sentences(checked(folder), "not_findable")
    assert '"aussilhou2009" has no doi, pmid, pmcid or url' in said


def test_a_validation_study_may_not_have_been_fitted_to(folder: Path) -> None:
    held_out = change(STUDY, '"calibration"', '"validation"')
    record = """[growth.test]
value = 1.0
unit = "day"
kind = "{kind}"
source = {{ key = "{key}", where = "abstract" }}
note = "{note}"
"""
    extra = folder / "parameters" / "zz.toml"
    bib = folder / "references.bib"
    bib.write_text(bib.read_text() + "@article{fresh2020, doi = {10.1/1}}\n")
    place = add_study(folder, change(held_out, "aoki2011", "fresh2020"))

    def leaks(kind: str, key: str, note: str) -> int:
        extra.write_text(record.format(kind=kind, key=key, note=note))
        return len(sentences(checked(folder), "leak"))

    assert leaks("derived", "dello2014", "by hand") == 0
    assert leaks("derived", "fresh2020", "by hand") == 1
    assert leaks("calibrated", "fresh2020", "by hand") == 1
    assert leaks("reported", "fresh2020", "by hand") == 0
    assert leaks("calibrated", "dello2014", "agrees with fresh2020.") == 1
    assert leaks("calibrated", "dello2014", "agrees with madeup, too") == 1
    assert leaks("calibrated", "dello2014", "agrees with fresh2020b") == 0
    (place / "study.toml").write_text(change(STUDY, "aoki2011", "fresh2020"))
    assert leaks("derived", "fresh2020", "by hand") == 0


def test_a_released_name_needs_its_frozen_set_and_keeps_its_numbers(folder: Path) -> None:
    name, growth = folder / "parameters" / "set.toml", folder / "parameters" / "growth.toml"
    name.write_text('name = "v9"\nreleased = false\n')
    assert checked(folder).sound
    name.write_text('name = "v9"\nreleased = true\n')
    (said,) = sentences(checked(folder), "not_frozen")
    assert 'says that "v9" is released, and sets/v9.json is missing' in said
    freeze(load_evidence(folder), folder / "sets" / "v9.json")
    assert checked(folder).sound
    text = growth.read_text()
    growth.write_text(text.replace('note = "', 'note = "As said. '))
    assert checked(folder).sound  # words may be improved
    growth.write_text(change(text, "value = 0.36\n", "value = 0.361\n"))
    (said,) = sentences(checked(folder), "set_changed")
    assert 'names the frozen set "v9", and 1 of the numbers' in said
    assert "growth.pve.amplitude" in said
    growth.write_text(text)
    tumour = folder / "parameters" / "tumour.toml"
    gone = tumour.read_text().count("\nvalue = ")
    assert gone > 1
    tumour.unlink()
    (said,) = sentences(checked(folder), "set_changed")
    assert f"{gone} of the numbers are not its own (tumour.after_occlusion, tumour." in said


def test_a_touched_frozen_set_is_said(folder: Path) -> None:
    file = folder / "sets" / "v0.1.json"
    file.write_text(change(file.read_text(), '"value": 0.36', '"value": 0.37'))
    assert "sets/v0.1.json was changed after it was frozen" in sentences(checked(folder), "record")[0]


def test_a_clinical_number_in_the_code_is_said(folder: Path, tmp_path: Path) -> None:
    package = tmp_path / "package" / "physiology"
    package.mkdir(parents=True)
    (package / "growth.py").write_text("rate = 0.36\n")
    check = check_evidence(folder, package.parent)
    (said,) = sentences(check, "literal")
    assert said.startswith("physiology/growth.py line 1: the number 0.36 stands in the code (rate); move it")
    assert check.modules == 1
    (package / "growth.py").unlink()
    assert "needs the package's sources" in sentences(check_evidence(folder, package.parent), "record")[0]
