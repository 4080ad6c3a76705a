from __future__ import annotations

from pathlib import Path

import pytest
from evidence_folder import NUMBERS, STUDY, add_study, change, copied

from flrsim.errors import EvidenceError
from flrsim.evidence import load_evidence, load_trials, trials_digest
from flrsim.evidence.arms import CHOICES
from flrsim.evidence.check import leaks
from flrsim.evidence.printed import QUANTITIES, STATISTICS
from flrsim.evidence.records import UNITS
from flrsim.regimens import drugs

COPY = "trials/madeup/"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = copied(tmp_path)
    for study in (folder / "trials").glob("*"):
        for file in study.iterdir():
            file.unlink()
        study.rmdir()
    return folder


def test_the_packages_own_studies_can_be_read() -> None:
    studies = load_trials()
    for study in studies:
        assert study.numbers, study.key
        assert study.split in ("calibration", "validation")
    held_out = [n for s in studies if s.split == "validation" for n in s.numbers if not n.repeats]
    assert len(studies) >= 20
    assert len(held_out) >= 40


def test_no_number_rests_on_a_study_that_validates() -> None:
    evidence = load_evidence()
    assert leaks([evidence[id] for id in evidence.ids()], load_trials()) == []


def test_every_regimen_of_a_study_is_known() -> None:
    for study in load_trials():
        for name, arm in study.arms.items():
            for regimen in {*arm.get("regimens", ()), arm.get("regimen", "none")} - {"none"}:
                assert drugs(regimen), f"{study.key}, {name}"


def test_a_study_is_read_as_it_is_written(folder: Path) -> None:
    add_study(folder)
    (study,) = load_trials(folder)
    assert (study.key, study.source, study.split, study.read) == (
        "madeup",
        "aoki2011",
        "calibration",
        "2026-11-25",
    )
    assert list(study.arms) == ["glue", "beads"]
    assert study.arms["glue"]["sflr"] == {"mean": 0.27, "sd": 0.06}
    assert study.arms["glue"]["assumed"] == ("sflr", "scan_days")
    assert study.arms["beads"]["assumed"] == ()
    assert study.assumptions == ("glue: usual",)
    growth, sd, more, failed, slow = study.numbers
    assert (growth.value, growth.day, growth.n, growth.low, growth.below) == (0.5, 28.0, 40, None, None)
    assert sd.statistic == "sd"
    assert (more.against, more.low, more.high, more.n, more.note) == (
        "beads",
        0.1,
        0.3,
        None,
        "glue, then beads",
    )
    assert (failed.day, failed.interval, failed.where) == (None, "from_n", "Table 2")
    assert (slow.statistic, slow.below) == ("share_below", 0.02)


def test_a_study_cannot_be_changed(folder: Path) -> None:
    add_study(folder)
    (study,) = load_trials(folder)
    with pytest.raises(TypeError, match="does not support item assignment"):
        study.arms["glue"]["n"] = 3  # type: ignore[index]
    with pytest.raises(AttributeError):
        study.split = "validation"  # type: ignore[misc]


def test_without_studies_there_are_none(folder: Path) -> None:
    assert load_trials(folder) == ()
    assert len(trials_digest(folder)) == 64


def test_the_digest_changes_with_every_byte_and_every_name(folder: Path) -> None:
    empty = trials_digest(folder)
    place = add_study(folder)
    digests = [empty, trials_digest(folder)]
    (place / "numbers.csv").write_text(change(NUMBERS, "0.5,", "0.6,"))
    digests.append(trials_digest(folder))
    place.rename(folder / "trials" / "renamed")
    digests.append(trials_digest(folder))
    assert len(set(digests)) == 4


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('source = "aoki2011"', 'source = "nobody1999"', "cites .nobody1999., which references.bib does not"),
        ('source = "aoki2011"', 'sourc = "aoki2011"', "unknown keys .'sourc'."),
        ('source = "aoki2011"\n', "", "has source = ''; words in quotes"),
        ('why = "made up for a test"', "why = 3", "has why = 3; words in quotes"),
        ('"calibration"', '"both"', 'has the split "both"; splits are calibration, validation'),
        ("2026-11-25", '"yesterday"', "was read 'yesterday'; a date like"),
        ("2026-11-25", "2026-11-25T10:00:00", "a date like"),
        ("n = 40", "n = 40\ncolour = 1", "arm \"glue\" has unknown keys .'colour'."),
        ("n = 40", "n = 0", 'arm "glue" has n = 0; a whole number'),
        ("n = 40", "n = true", "has n = True; a whole number"),
        ("n = 40", "sarcopenia = 2", "has sarcopenia = 2; a share from 0 to 1"),
        ("n = 40", 'ras = "unknown"', "has ras = 'unknown'; one of mutant, wild"),
        ("read = ", 'also = ["nobody1999"]\nread = ', "cites .nobody1999., which references.bib does not"),
        ("read = ", 'negative = "none"\nread = ', "has negative = 'none'; a table of row ids"),
        ("read = ", 'negative = { gone = "none" }\nread = ', "negative findings of gone, which numbers.csv"),
        ("read = ", 'also = "aoki2011"\nread = ', "has also = 'aoki2011'; a list of keys"),
        ('"mixed"', '"perhaps"', "segment_4 = 'perhaps'; one of embolized"),
        ('"nbca"', "[1]", "agent = .1.; one of"),
        ("mean = 0.27", "mean = 27", "sflr = .*fractions with 0 < mean < 1"),
        ("mean = 0.27", "median = 0.27", "sflr = .*fractions with 0 < mean < 1"),
        ("[7, 28]", "[28, 7]", "scan_days = .28, 7.; a list of days, each later"),
        ("[7, 28]", "[]", "scan_days = ..; a list of days"),
        ("F4 = 0.2", "F5 = 0.2", "shares of F0, F1"),
        ("F4 = 0.2", "F4 = 0.95", "add up to at most 1"),
        ("diabetes = 0.2", "diabetes = 20", "diabetes = 20; a share from 0 to 1"),
        ("diabetes = 0.2", "major = 1", "major = 1; true or false"),
        ("diabetes = 0.2", "age = 0", "age = 0; a number above 0"),
        ("diabetes = 0.2", "cycles = -1", "cycles = -1; a number of at least 0"),
        ("diabetes = 0.2", 'regimen = "FOLFOX"', "both regimen and regimens"),
        ('["sflr", "scan_days"]', '["sflr", "cycles"]', "a list of keys that the arm has"),
        ('assumptions = "usual"\n', "", "assumes sflr, scan_days and does not say why"),
        ('assumptions = "usual"', "assumptions = 4", "has assumptions = 4"),
        ("[arm.glue]", "[arm]\nglue = 3\n[arm.other]", 'arm "glue" is 3; an arm is a table'),
        ("[arm.beads]", "[arm", "is not TOML"),
    ],
)
def test_a_bad_study_is_refused_with_its_file(folder: Path, old: str, new: str, sentence: str) -> None:
    add_study(folder, change(STUDY, old, new))
    with pytest.raises(EvidenceError, match=sentence) as caught:
        load_trials(folder)
    assert caught.value.sentence.startswith(f"{COPY}study.toml")


def test_a_study_without_an_arm_is_refused(folder: Path) -> None:
    add_study(folder, STUDY[: STUDY.index("[arm")])
    with pytest.raises(EvidenceError, match="has no arm"):
        load_trials(folder)


@pytest.mark.parametrize(
    ("line", "old", "new", "sentence"),
    [
        (1, "where,repeats", "place,repeats", "it needs id, arm, against"),
        (1, ",note", "", "it needs id, arm, against"),
        (2, "growth,glue", "growth,clay", 'names the arm "clay"; arms are glue, beads'),
        (2, "glue,,", "glue,beads,", "need a second arm under against, all others none"),
        (4, "glue,beads", "glue,clay", 'names the against "clay"'),
        (4, "glue,beads", "glue,", "need a second arm"),
        (4, "glue,beads", "glue,glue", "need a second arm"),
        (2, "relative_growth", "growth", 'has the quantity "growth"; quantities are'),
        (2, "mean", "average", 'has the statistic "average"; statistics are'),
        (2, "mean", "mean:3", 'has the statistic "mean:3"'),
        (6, "share_below:0.02", "share_below", 'has the statistic "share_below"; .*share_below:X'),
        (6, "share_below:0.02", "share_below:few", 'has limit = "few"'),
        (6, "share_below:0.02", "share", "is a share of kgr; a share_below:X"),
        (2, "fraction", "%", 'has the unit "%"; a mean of relative_growth is in "fraction"'),
        (4, "difference", "ratio", 'a ratio of relative_growth is in "ratio"'),
        (2, "0.5,", ",", "has no value"),
        (2, "0.5,", "nan,", 'has value = "nan"; a finite number'),
        (2, "0.5,", "50 %,", 'has value = "50 %"; a finite number'),
        (2, "0.5,", "1_0,", 'has value = "1_0"'),
        (3, "0.2,", "-0.2,", "is a sd of -0.2; it lies between 0"),
        (5, "0.1,", "10,", "is a share of 10; it lies between 0 and 1"),
        (2, "28,", "-28,", "is of day -28"),
        (2, "from_n", "guessed", 'has the interval "guessed"; intervals are'),
        (2, "0.5,,", "0.5,0.4,", "has low or high and the interval from_n"),
        (4, "0.1,0.3", "0.3,0.1", "low <= high"),
        (4, "0.1,0.3", "0.1,", "needs both"),
        (4, "0.1,0.3", "0.25,0.3", "is 0.2, outside its printed_ci95 from 0.25 to 0.3"),
        (2, ",40,", ",40.5,", 'has n = "40.5"; a whole number'),
        (2, ",40,", ",0,", 'has n = "0"; a whole number'),
        (2, "abstract", "", "lacks its id or its place in the paper"),
        (2, "growth", "", "lacks its id"),
        (3, "growth_sd", "growth", 'repeats the id "growth"'),
        (2, "abstract,", "abstract,,", "has 16 cells; the header has 15"),
        (4, "abstract,", "abstract,gone", r"\(\"more\"\) repeats gone; ids of other rows"),
        (4, "abstract,", "abstract,more", "repeats more; ids of other rows"),
        (4, '"glue, then beads"', '"glue', "is not CSV"),
    ],
)
def test_a_bad_row_is_refused_with_its_file_and_line(
    folder: Path, line: int, old: str, new: str, sentence: str
) -> None:
    lines = NUMBERS.splitlines(keepends=True)
    lines[line - 1] = change(lines[line - 1], old, new)
    add_study(folder, numbers="".join(lines))
    with pytest.raises(EvidenceError, match=sentence) as caught:
        load_trials(folder)
    assert caught.value.sentence.startswith(f"{COPY}numbers.csv")
    if line > 1 and "CSV" not in sentence and "repeats" not in sentence.partition("id")[0]:
        assert f"line {line}" in caught.value.sentence


def test_an_interval_from_n_needs_n_and_for_a_mean_the_sd(folder: Path) -> None:
    place = add_study(folder, change(STUDY, "n = 30\n", ""), change(NUMBERS, ",30,Table", ",,Table"))
    with pytest.raises(EvidenceError, match=r'line 5 \("failed"\) has an interval from_n and no n'):
        load_trials(folder)
    (place / "study.toml").write_text(STUDY)
    assert load_trials(folder)[0].numbers[3].n is None  # the arm's n stands for it
    (place / "numbers.csv").write_text(change(NUMBERS, "sd,28,", "sd,7,"))
    with pytest.raises(EvidenceError, match=r'\("growth"\) .* no row gives the SD of its relative_growth'):
        load_trials(folder)


def test_a_comparison_from_n_needs_the_n_of_both_arms(folder: Path) -> None:
    numbers = change(NUMBERS, "0.2,0.1,0.3,printed_ci95,fraction,,", "0.2,,,from_n,fraction,,")
    numbers += "beads_sd,beads,,relative_growth,sd,28,0.3,,,none,fraction,,Table 2,,\n"
    place = add_study(folder, numbers=numbers)
    assert load_trials(folder)[0].numbers[2].interval == "from_n"
    (place / "study.toml").write_text(change(STUDY, "n = 30\n", ""))
    with pytest.raises(EvidenceError, match=r'line 4 \("more"\) has an interval from_n and no n'):
        load_trials(folder)


def test_a_difference_from_n_needs_both_sds(folder: Path) -> None:
    rows = NUMBERS + "gap,glue,beads,relative_growth,difference,28,0.2,,,from_n,fraction,,Table 2,growth,\n"
    place = add_study(folder, numbers=rows)
    with pytest.raises(EvidenceError, match=r'\("gap"\) .* in arm "glue" and in arm "beads"'):
        load_trials(folder)
    rows += "beads_sd,beads,,relative_growth,sd,28,0.3,,,none,fraction,,Table 2,,\n"
    (place / "numbers.csv").write_text(rows)
    assert load_trials(folder)[0].numbers[5].repeats == ("growth",)


def test_a_table_without_rows_and_other_files_are_refused(folder: Path) -> None:
    place = add_study(folder, numbers=NUMBERS.splitlines(keepends=True)[0])
    with pytest.raises(EvidenceError, match="has no row"):
        load_trials(folder)
    (place / "numbers.csv").write_text("")
    with pytest.raises(EvidenceError, match="has the columns none"):
        load_trials(folder)
    (place / "figure.png").write_bytes(b"")
    with pytest.raises(EvidenceError, match=r"figure.png.*study.toml and numbers.csv and nothing else"):
        load_trials(folder)
    (place / "figure.png").unlink()
    (folder / "trials" / "loose.csv").write_text("")
    with pytest.raises(EvidenceError, match=r"trials/loose.csv holds loose.csv"):
        load_trials(folder)


def test_quartiles_may_lie_beside_a_mean(folder: Path) -> None:
    row = "skewed,beads,,interval_days,mean,,60,30,50,printed_iqr,day,30,Table 1,,\n"
    add_study(folder, numbers=NUMBERS + row)
    assert load_trials(folder)[0].numbers[-1].high == 50


def test_the_lists_of_words_hold_together() -> None:
    assert {unit for unit, _ in QUANTITIES.values()} <= UNITS
    assert {unit for unit in STATISTICS.values() if unit} <= UNITS
    assert all(meaning for _, meaning in QUANTITIES.values())
    assert all(CHOICES.values())
