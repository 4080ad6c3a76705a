from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from flrsim.errors import EvidenceError, FileError
from flrsim.evidence import KINDS, UNITS, freeze, load_evidence
from flrsim.timeline import simulate

sys.path.insert(0, str(Path(__file__).parents[1]))
from evidence_folder import change, copied

from course_cases import MAN, SIX_FOLFOX, two_stage

RECORD = """[growth.test]
value = 1.0
unit = "day"
kind = "reported"
source = { key = "aoki2011", where = "abstract" }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return copied(tmp_path)


def test_every_number_says_where_it_comes_from() -> None:
    evidence = load_evidence()
    assert len(evidence.ids()) > 100
    for id in evidence.ids():
        p = evidence[id]
        assert p.kind in KINDS
        assert p.unit in UNITS
        assert p.verified or p.kind == "assumed", id
        assert p.source or p.kind == "assumed", id
        assert p.note or p.kind == "reported", id


def test_values_of_the_package_are_those_of_the_sources() -> None:
    """Numbers retyped here from the published abstracts, so that a slip of the keyboard in the data shows."""
    evidence = load_evidence()
    expected = {
        "telv.vauthey2002.per_bsa": 1267.28,
        "telv.vauthey2002.intercept": -794.41,
        "telv.urata1995.per_bsa": 706.2,
        "rules.kgr": 0.02,
        "rules.sflr.normal": 0.20,
        "rules.sflr.chemotherapy": 0.30,
        "risk.phlf.cap": 0.75,
        "risk.death.occlusion": 0.001,
    }
    assert {id: evidence.value(id) for id in expected} == expected
    assert evidence.value("risk.phlf.binary.long_chemotherapy") == pytest.approx(np.log(5.4), abs=0.005)
    assert evidence.value("risk.phlf.binary.small_remnant") == pytest.approx(np.log(6.3), abs=0.005)
    assert evidence.value("risk.phlf.nrh") == pytest.approx(np.log(4.3), abs=0.005)
    assert evidence.value("risk.phlf.diabetes") == pytest.approx(np.log(2.21), abs=0.005)
    assert evidence.value("injury.sos.bevacizumab") == pytest.approx(np.log(0.5), abs=0.005)
    assert evidence.value("growth.atrophy.fraction") == pytest.approx(1 - 638.4 / 804.9, abs=0.005)
    assert evidence.value("volumetry.disagreement.mean_to_sd") == pytest.approx(2 / np.sqrt(np.pi), abs=0.001)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("value = 1.0", "value = true"), "a finite number is needed"),
        (("value = 1.0", "value = nan"), "a finite number is needed"),
        (('"day"', '"furlong"'), "has the unit 'furlong'; units are"),
        (('"reported"', '"guessed"'), "is of kind 'guessed'; kinds are"),
        (('"aoki2011"', '"nobody1999"'), "references.bib does not have"),
        (("value = 1.0", "value = 1.0\nvaleu = 2"), "unknown keys .'valeu'."),
        (("value = 1.0", "value = 1.0\nverified = false"), "needs a verified source"),
        (('"reported"', '"derived"'), "its note must say how"),
        (('"reported"', '"assumed"'), "needs a spread and a note"),
        (
            ("value = 1.0", 'value = 1.0\nspread = { kind = "range", low = 2.0, high = 3.0 }'),
            "low <= 1 <= high",
        ),
        (
            ("value = 1.0", 'value = 1.0\nspread = { kind = "range", low = 0.0 }'),
            "a range needs high, kind, low",
        ),
        (("value = 1.0", 'value = 1.0\nspread = { kind = "iqr", low = 0.0 }'), "kinds are range"),
        (("value = 1.0", 'value = 1.0\nspread = { kind = "sd", value = -1 }'), "a number >= 0"),
        (("value = 1.0", 'value = 1.0\nspread = "wide"'), "a spread of kind 'wide'"),
        (("value = 1.0", 'value = -1\nspread = { kind = "log_sd", value = 1 }'), "a value above 0"),
        (
            ("value = 1.0", 'value = 0.5\nspread = { kind = "logit_sd", value = 1 }'),
            "needs a fraction above 0",
        ),
        (
            ("value = 1.0", 'value = 1.0\ndenominator = "liver"'),
            "has the denominator 'liver'; denominators are body",
        ),
        (("value = 1.0", "value = 1.0\nrange = [2, 3]"), "has the bounds 2 and 3; low <= 1 <= high"),
        (("value = 1.0", "value = 1.0\nrange = [0.5]"), "range = .low, high. is needed"),
        (("value = 1.0", "value = 1.0\nrange = [0.5, nan]"), "low <= 1 <= high"),
        (("value = 1.0", "value = 1.0\ndefinition = 3"), "has definition = 3; words"),
        (("value = 1.0", 'value = 1.0\nverified = "no"'), "has verified = 'no'; true or false"),
        (('"abstract"', '"abstract", read = "today"'), "was read 'today'; a date like"),
        (('"abstract"', '"abstract", n = 1.5'), "has n = 1.5; a whole number"),
        (('"abstract"', '"abstract", page = 3'), "unknown source keys .'page'."),
        (('unit = "day"', 'unit = ["day"]'), "has the unit .'day'."),
        (("[growth.test]", "[growth.pve.amplitude]"), "already in another file"),
    ],
)
def test_a_bad_record_is_refused_with_file_and_id(
    folder: Path, change: tuple[str, str], sentence: str
) -> None:
    (folder / "parameters" / "zz.toml").write_text(RECORD.replace(*change))
    with pytest.raises(EvidenceError, match=sentence) as caught:
        load_evidence(folder)
    assert "parameters/zz.toml" in caught.value.sentence
    assert "growth." in caught.value.sentence


@pytest.mark.parametrize(("value", "unit"), [("0.0", "fraction"), ("1.0", "fraction"), ("0.5", "ratio")])
def test_log_odds_need_a_share_between_its_ends(folder: Path, value: str, unit: str) -> None:
    record = RECORD.replace("value = 1.0", f"value = {value}").replace('"day"', f'"{unit}"')
    file = folder / "parameters" / "zz.toml"
    file.write_text(record + 'spread = { kind = "logit_sd", value = 1 }\n')
    with pytest.raises(EvidenceError, match="a logit_sd needs a fraction above 0 and below 1"):
        load_evidence(folder)


def test_a_good_record_is_accepted(folder: Path) -> None:
    file = folder / "parameters" / "zz.toml"
    file.write_text(RECORD)
    plain = load_evidence(folder)["growth.test"]
    assert (plain.where, plain.definition, plain.read, plain.sensitivity) == ("abstract", "", "", None)
    assert plain.to_dict()["range"] is None
    file.write_text(
        RECORD.replace('"abstract"', '"abstract", read = 2026-11-25')
        + 'definition = "days from one thing to the next"\nrange = [0.5, 2]\n'
    )
    full = load_evidence(folder)["growth.test"]
    assert (full.read, full.definition) == ("2026-11-25", "days from one thing to the next")
    assert full.sensitivity == (0.5, 2.0)
    assert full.to_dict()["range"] == [0.5, 2.0]


def test_sensitivity_takes_the_range_before_the_spread_and_nothing_else(folder: Path) -> None:
    file = folder / "parameters" / "zz.toml"
    spread = 'spread = { kind = "ci95", low = 0.9, high = 1.1 }\n'
    file.write_text(RECORD + spread)
    assert load_evidence(folder)["growth.test"].sensitivity == (0.9, 1.1)
    file.write_text(RECORD + spread + "range = [0.2, 1.4]\n")
    assert load_evidence(folder)["growth.test"].sensitivity == (0.2, 1.4)
    assert load_evidence(folder)["growth.test"].low == 0.9
    assert load_evidence(folder, {"growth.test": 1.3})["growth.test"].sensitivity == (0.2, 1.4)
    assert load_evidence(folder, {"growth.test": 1.5})["growth.test"].sensitivity is None
    for kind in ("sd", "log_sd"):
        file.write_text(RECORD + f'spread = {{ kind = "{kind}", value = 0.3 }}\n')
        assert load_evidence(folder)["growth.test"].sensitivity is None


def test_a_share_is_drawn_on_its_log_odds(folder: Path) -> None:
    (folder / "parameters" / "zz.toml").write_text(
        RECORD.replace("value = 1.0", "value = 0.2").replace('"day"', '"fraction"')
        + 'spread = { kind = "logit_sd", value = 0.8 }\n'
    )
    evidence = load_evidence(folder)
    z = np.array([-2.0, 0.0, 1.0, 400.0, -4000.0])
    drawn = evidence.logit_normal("growth.test", z)
    assert drawn[1] == pytest.approx(0.2, rel=1e-14)
    assert np.log(drawn[:3] / (1 - drawn[:3])) == pytest.approx(np.log(0.2 / 0.8) + 0.8 * z[:3], rel=1e-12)
    assert drawn[3] == 1.0
    assert drawn[4] == 0.0
    with pytest.raises(EvidenceError, match="has no spread on the log odds"):
        evidence.logit_normal("growth.pve.amplitude", z)
    with pytest.raises(EvidenceError, match="no lognormal spread"):
        evidence.lognormal("growth.test", z)


@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        ("parameters/zz.toml", "[growth", "is not TOML"),
        ("parameters/zz.toml", "loose = 1", "stands outside a record"),
        ("parameters/set.toml", 'name = "v1"', "it needs name = .* released = true or false"),
        ("parameters/set.toml", 'name = ""\nreleased = true', "it needs name"),
        ("parameters/set.toml", 'name = "a/b"\nreleased = true', "without a slash"),
        ("parameters/set.toml", 'name = "v1"\nreleased = 1', "released = true or false"),
        ("parameters/set.toml", 'name = "v1"\nreleased = true\nday = 1', "and nothing else"),
        ("references.bib", "@article{lonely, note = {nothing}}", '"lonely" cannot be found'),
        ("references.bib", "@article{a, doi = {1}}\n@article{a, doi = {2}}", '"a" appears twice'),
        ("references.bib", "@article{a, colour = {red}}", "unknown fields"),
    ],
)
def test_a_bad_file_is_refused(folder: Path, file: str, text: str, sentence: str) -> None:
    (folder / file).write_text(text)
    with pytest.raises(EvidenceError, match=sentence):
        load_evidence(folder)


def test_a_missing_folder_or_file_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="is not a folder"):
        load_evidence(tmp_path / "nowhere")
    (folder / "references.bib").unlink()
    with pytest.raises(EvidenceError, match="is missing"):
        load_evidence(folder)


def test_an_unknown_number_names_its_neighbours() -> None:
    with pytest.raises(EvidenceError, match=r'no number "growth.pve.amplitud".*growth.pve.amplitude'):
        load_evidence()["growth.pve.amplitud"]


def test_an_override_replaces_the_value_and_says_so() -> None:
    evidence = load_evidence(overrides={"growth.beta": 0.9, "rules.kgr": 0.03})
    assert evidence.value("growth.beta") == 0.9
    assert evidence["growth.beta"].low == 0.3  # still inside its range
    assert evidence["rules.kgr"].kind == "assumed"
    assert evidence.parameter_set == f"{load_evidence().parameter_set} + 2 overrides"
    assert evidence.overridden == ("growth.beta", "rules.kgr")
    assert load_evidence(overrides={"growth.beta": 2.0})["growth.beta"].low is None
    with pytest.raises(EvidenceError, match="no number"):
        load_evidence(overrides={"growth.nonsense": 1.0})


def test_a_view_remembers_what_was_read_and_only_that() -> None:
    evidence = load_evidence()
    view = evidence.recording()
    view.value("rules.kgr")
    assert "growth.beta" in view
    assert view.used == ("rules.kgr",)
    assert evidence.used == ()
    assert [r.key for r in view.references(view.used)] == ["shindoh2013kgr"]
    assert "PMC3632508" in view.references(view.used)[0].citation()


def test_a_range_is_drawn_with_the_value_as_median_and_the_bounds_as_ends() -> None:
    evidence = load_evidence()
    u = np.array([1e-12, 0.25, 0.5, 1 - 1e-12])
    assert evidence.quantile("growth.beta", u) == pytest.approx([0.3, 0.45, 0.6, 1.0])
    assert evidence.quantile("rules.kgr", u) == pytest.approx([0.02] * 4)
    assert evidence.lognormal("growth.pve.amplitude", np.array([0.0, 1.0])) == pytest.approx(
        [0.36, 0.36 * np.exp(0.6)]
    )
    with pytest.raises(EvidenceError, match="no lognormal spread"):
        evidence.lognormal("growth.beta", u)


def test_changing_a_value_in_a_copied_folder_changes_the_simulation(folder: Path) -> None:
    before, same = load_evidence(), load_evidence(folder)
    file = folder / "parameters" / "growth.toml"
    text = file.read_text()
    assert text.count("value = 0.36\n") == 1
    file.write_text(text.replace("value = 0.36\n", "value = 0.72\n").replace("range = [0.26, 0.50]\n", ""))
    after = load_evidence(folder)
    runs = [simulate(two_stage(), MAN, SIX_FOLFOX, e, seed=1, draws=500) for e in (before, same, after)]
    sflr = [np.median(r.at_resection.sflr) for r in runs]
    assert sflr[0] == sflr[1]
    assert sflr[2] > sflr[0] + 0.05
    assert before.digest == same.digest != after.digest


def test_a_frozen_set_gives_an_old_result_its_own_numbers(folder: Path) -> None:
    """The checksum of v0.1 is written here, so that nobody can change the file and its own checksum together."""
    old = load_evidence(parameter_set="v0.1")
    assert (old.parameter_set, old.digest, len(old.ids())) == ("v0.1", "6b9e436f027a", 174)
    assert old.value("growth.pve.amplitude") == 0.36
    assert old["growth.beta"].low == 0.3
    assert old["rules.kgr"].where
    assert [r.key for r in old.references(["rules.kgr"])] == ["shindoh2013kgr"]
    file = folder / "parameters" / "growth.toml"
    file.write_text(file.read_text().replace("value = 0.36\n", "value = 0.72\n"))
    # A frozen set brings its own sources; rules of disease are no numbers and need those of today.
    (folder / "references.bib").write_text("")
    (folder / "disease_rules.toml").unlink()
    assert load_evidence(folder, parameter_set="v0.1").digest == old.digest
    changed = load_evidence(overrides={"growth.beta": 0.5}, parameter_set="v0.1")
    assert (changed.parameter_set, changed.value("growth.beta")) == ("v0.1 + 1 override", 0.5)


def test_what_is_frozen_is_read_back_as_it_was(folder: Path) -> None:
    (folder / "parameters" / "zz.toml").write_text(
        RECORD.replace('"abstract"', '"abstract", read = 2026-11-25') + "range = [0.1, 3.7]\n"
    )
    evidence = load_evidence(folder)
    freeze(evidence, folder / "sets" / "mine.json")
    with pytest.raises(EvidenceError, match="another set under this name"):
        load_evidence(folder, parameter_set="mine")
    (folder / "parameters" / "set.toml").write_text('name = "yours"\nreleased = true\n')
    evidence = load_evidence(folder)
    freeze(evidence, folder / "sets" / "yours.json")
    again = load_evidence(folder, parameter_set="yours")
    assert [again[id] for id in again.ids()] == [evidence[id] for id in evidence.ids()]
    assert again.references() == evidence.references()
    assert again.digest == evidence.digest
    with pytest.raises(FileError, match="a frozen set never changes"):
        freeze(evidence, folder / "sets" / "yours.json")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('"value": 0.36', '"value": 0.37', "was changed after it was frozen"),
        ('"name": "v0.1"', '"name": "v0.3"', "or is another set under this name"),
        ('"value": 0.36', '"worth": 0.36', "is not a frozen set"),
        ('"parameters": {', '"numbers": {', "is not a frozen set"),
        ('"schema"', '"schema', "is not a frozen set"),
        ('"croome2015": {', '"croome": {', "lacks its sources croome2015"),
    ],
)
def test_a_frozen_set_that_was_touched_is_refused(folder: Path, old: str, new: str, sentence: str) -> None:
    file = folder / "sets" / "v0.1.json"
    file.write_text(change(file.read_text(), old, new))
    with pytest.raises(EvidenceError, match=sentence):
        load_evidence(folder, parameter_set="v0.1")


def test_an_unknown_set_names_those_there_are(folder: Path) -> None:
    for name in ("v0", "../parameters/set"):
        with pytest.raises(EvidenceError, match=r"there is no frozen set .*; frozen sets are v0.1"):
            load_evidence(folder, parameter_set=name)
