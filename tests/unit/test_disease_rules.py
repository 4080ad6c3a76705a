from __future__ import annotations

from pathlib import Path

import pytest
from evidence_folder import change, copied

from flrsim.errors import EvidenceError
from flrsim.evidence import load_disease_rules

RULE = """[[rule]]
id = "both_at_once"
answer = "forbids"
when = "primary and major hepatectomy together"
sentence = "Not in one operation."
source = { key = "aoki2011", where = "abstract", read = 2026-11-25 }
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return copied(tmp_path) / "disease_rules.toml"


def test_the_packages_own_rules_can_be_read() -> None:
    rules = load_disease_rules()
    assert len(rules) > 20
    assert all(rule.sentence and (rule.where or not rule.verified) for rule in rules)


def test_without_a_file_there_are_no_rules(file: Path) -> None:
    file.unlink(missing_ok=True)
    assert load_disease_rules(file.parent) == ()
    file.write_text("")
    assert load_disease_rules(file.parent) == ()


def test_a_rule_is_read_as_it_is_written(file: Path) -> None:
    second = (
        RULE.replace("both_at_once", "later").replace("forbids", "warns").replace(", read = 2026-11-25", "")
    )
    file.write_text(RULE + second)
    first, other = load_disease_rules(file.parent)
    assert (first.id, first.answer, first.source, first.where, first.read) == (
        "both_at_once",
        "forbids",
        "aoki2011",
        "abstract",
        "2026-11-25",
    )
    assert (first.when, first.sentence) == ("primary and major hepatectomy together", "Not in one operation.")
    assert (other.answer, other.read) == ("warns", "")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("forbids", "doubts", 'rule 1 "both_at_once" answers "doubts"; answers are allows, warns, forbids'),
        ("aoki2011", "nobody1999", "which references.bib does not have"),
        ('when = "primary', 'whn = "primary', "it needs exactly answer, id, sentence, source, when"),
        ('sentence = "Not in one operation."\n', "", "it needs exactly"),
        ('"Not in one operation."', '" "', "has sentence = ' '; words in quotes"),
        ('where = "abstract", ', "", "a source with .'key', 'read'.; key and where are needed"),
        ("2026-11-25", "2026", "was read 2026; a date"),
        ("[[rule]]", "[[rules]]", "has the keys .'rules'."),
        ("[[rule]]", "[rule]", "holds ..rule.. tables"),
        ("[[rule]]", "[[rule", "is not TOML"),
    ],
)
def test_a_bad_rule_is_refused(file: Path, old: str, new: str, sentence: str) -> None:
    file.write_text(change(RULE, old, new))
    with pytest.raises(EvidenceError, match=sentence) as caught:
        load_disease_rules(file.parent)
    assert caught.value.sentence.startswith("disease_rules.toml")


def test_a_recalled_rule_may_lack_a_source_and_no_other_may(file: Path) -> None:
    recalled = RULE.replace("source = {", "verified = false\nsource = {")
    bare = "\n".join(line for line in recalled.splitlines() if not line.startswith("source"))
    for text, source in ((recalled, "aoki2011"), (bare, "")):
        file.write_text(text)
        (rule,) = load_disease_rules(file.parent)
        assert (rule.verified, rule.source) == (False, source)
    file.write_text(bare.replace("verified = false", "verified = true"))
    with pytest.raises(EvidenceError, match="it needs exactly answer, id, sentence, source, when"):
        load_disease_rules(file.parent)
    file.write_text(bare.replace("verified = false", 'verified = "no"'))
    with pytest.raises(EvidenceError, match="has verified = 'no'; true or false"):
        load_disease_rules(file.parent)


def test_ids_differ(file: Path) -> None:
    file.write_text(RULE + RULE)
    with pytest.raises(EvidenceError, match='rule 2 repeats the id "both_at_once"'):
        load_disease_rules(file.parent)
