"""Definition packs and state rules: every file here is readable, and what is unchecked says so."""

import re
import shutil

import pytest

from rpeval.errors import ParamsError
from rpeval.inputs.rules import read_definitions, read_state_rules
from rpeval.inputs.schema.project import DEFINITIONS, STATE_RULES, reference_names
from rpeval.inputs.schema.rules import UNCHECKED, Category
from rpeval.methods.disparity.significant import CATEGORIES

NOTE = "(As entered, not checked.)"
PACKS = ["california", "colorado", "crdc", "illinois", "wisconsin"]


@pytest.fixture
def edited(root, tmp_path):
    """Change one line of a pack in a copy of the reference data, and give the copy's folder."""

    def edit(folder, name, before, after):
        shutil.copytree(root / folder, tmp_path / folder)
        path = tmp_path / folder / f"{name}.yml"
        text = path.read_text(encoding="utf-8")
        assert before in text
        path.write_text(text.replace(before, after, 1), encoding="utf-8")
        return tmp_path

    return edit


@pytest.mark.parametrize("name", PACKS)
def test_every_pack_says_what_it_counts_and_cannot_see(root, name):
    pack = read_definitions(root, name)
    assert pack.counted
    assert all(re.fullmatch(r"[A-Z].*[.)]", says) for says in (*pack.counts, *pack.cannot_see))
    facts = [*pack.counted, *pack.not_seen, *pack.notes, *filter(None, (pack.half_day, pack.withheld))]
    assert {f.told for f in facts} == {*pack.counts, *pack.cannot_see}
    assert all(f.told.endswith(NOTE) != f.checked for f in facts)


def test_the_files_are_those_the_tests_read(root):
    assert reference_names(root, DEFINITIONS) == PACKS
    assert reference_names(root, STATE_RULES) == [
        "california",
        "colorado",
        "federal",
        "illinois",
        "simulated",
        "wisconsin",
    ]


def test_wisconsin_cannot_see_in_school_suspension(root):
    pack = read_definitions(root, "wisconsin")
    assert "In-school suspensions of students without disabilities are not collected." in pack.cannot_see
    assert pack.withheld.most == 5
    assert NOTE not in " ".join((*pack.counts, *pack.cannot_see))
    assert "half a regular school day" in pack.half_day.says


def test_what_nobody_compared_with_its_source_is_printed_with_a_note(root):
    assert all(says.endswith(NOTE) for says in read_definitions(root, "illinois").counts)
    assert read_definitions(root, "illinois").cannot_see[0].endswith(f"one do not appear. {NOTE}")


def test_the_federal_presumption_has_no_threshold(root):
    rules = read_state_rules(root, "federal")
    assert rules.rule == {"thresholds": {}, "cell": 10, "n": 30, "years": 3, "progress_fall": None}
    assert rules.standing == "checked against its source"


@pytest.mark.parametrize("name", ["california", "colorado", "illinois", "wisconsin"])
def test_no_states_rule_is_printed_as_a_fact(root, name):
    rules = read_state_rules(root, name)
    assert rules.standing == UNCHECKED == "as entered, not checked"
    assert 1 <= rules.years <= 3


def test_the_categories_are_those_of_the_method(root):
    assert set(Category.__args__) == set(CATEGORIES)
    assert set(read_state_rules(root, "illinois").rule["thresholds"]) == set(CATEGORIES)


def test_one_category_can_have_its_own_threshold(edited):
    there = edited(
        STATE_RULES,
        "illinois",
        "threshold: 3.0",
        "threshold: 3.0\nthresholds: {removals: 2.5}\nprogress_fall: 0.3",
    )
    rule = read_state_rules(there, "illinois").rule
    assert (rule["thresholds"]["removals"], rule["thresholds"]["autism"], rule["progress_fall"]) == (
        2.5,
        3.0,
        0.3,
    )


@pytest.mark.parametrize(("before", "after", "said"), [
    ("threshold: 3.0", "threshold: -1", "not above zero"),
    ("threshold: 3.0", "thresholds: {lunch: 3.0}", "lunch"),
    ("years: 3", "years: 4", "is not from 1 to 3"),
    ("id: illinois", "id: ilinois", 'Write "illinois"'),
    ("cell: 10", "cel: 10", 'Write "cell" instead'),
])  # fmt: skip
def test_a_rule_that_does_not_fit_is_refused(edited, before, after, said):
    with pytest.raises(ParamsError, match=re.escape(said)):
        read_state_rules(edited(STATE_RULES, "illinois", before, after), "illinois")


@pytest.mark.parametrize(("before", "after", "said"), [
    ("    counts: events\n", "", "Add a line like `counts:"),
    ("most: 5", "most: 0", "is not from 1 to 100"),
    ("id: wisconsin", "id: winsconsin", 'Write "wisconsin"'),
])  # fmt: skip
def test_a_pack_that_does_not_fit_is_refused(edited, before, after, said):
    with pytest.raises(ParamsError, match=re.escape(said)):
        read_definitions(edited(DEFINITIONS, "wisconsin", before, after), "wisconsin")


def test_a_name_that_is_not_there_is_answered_with_the_nearest(root):
    with pytest.raises(ParamsError, match='Write "wisconsin" instead'):
        read_definitions(root, "winsconsin")
    with pytest.raises(ParamsError, match='Write "federal" instead'):
        read_state_rules(root, "federall")
