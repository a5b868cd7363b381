"""The linter against sentences as people write them: overclaims, honest ones, and a list it has not seen."""

from pathlib import Path

import docx
import pytest
import yaml
from quoted_study import folder_of, found_later

from rpeval.reports.document import build
from rpeval.reports.pages.html import html
from rpeval.reports.pages.word import word
from rpeval.reports.quoting.lint import broken_rules, judge, lint
from rpeval.reports.quoting.quotes import Quotes
from rpeval.reports.quoting.rules import read_rules
from rpeval.reports.quoting.texts import Passage

HERE = Path(__file__).parent
STATES = ("leaning", "supported", "inconclusive", "refused")

# What was found on the lists that were written after the rules were fixed: 38 of 42 overclaims flagged, 41 of 42
# honest sentences passed. The four that slip through and the one false alarm stay in the lists as they are.
HELDOUT_FLAGGED, HELDOUT_PASSED = 38, 41
LATER_FLAGGED = 90  # of 96 on the two lists before it, which the rules were mended on


def listed(name):
    told = yaml.safe_load((HERE / f"{name}.yml").read_text(encoding="utf-8"))
    return [(state, s) for state, by in told.items() for group in by.values() for s in group]


@pytest.fixture(scope="module")
def quotes(tmp_path_factory):
    """The invented study with each verdict on suspensions."""
    root = tmp_path_factory.mktemp("lint")
    told = {s: {"refused": True} if s == "refused" else {"verdict": s} for s in STATES}
    return {state: Quotes(folder_of(root / state, **more)) for state, more in told.items()}


def rules(sentence, quotes):
    return [rule.id for rule in broken_rules(sentence, quotes)]


def test_the_lists_are_long_enough_and_share_nothing():
    names = [
        f"{list}{kind}" for list in ("", "more_", "third_", "heldout_") for kind in ("overclaims", "honest")
    ]
    sizes = {name: len(listed(name)) for name in names}
    assert sizes["overclaims"] >= 60 <= sizes["honest"]
    assert min(sizes.values()) >= 40
    every = [one for name in names for one in listed(name)]
    assert len(set(every)) == len(every)


@pytest.mark.parametrize(("state", "sentence"), listed("overclaims"))
def test_an_overclaim_is_flagged(state, sentence, quotes):
    assert rules(sentence, quotes[state])


@pytest.mark.parametrize(
    ("state", "sentence"), [*listed("honest"), *listed("more_honest"), *listed("third_honest")]
)
def test_an_honest_sentence_passes(state, sentence, quotes):
    assert rules(sentence, quotes[state]) == []


def test_the_rate_on_later_lists(quotes):
    def flagged(name):
        return sum(bool(rules(s, quotes[state])) for state, s in listed(name))

    assert flagged("more_overclaims") + flagged("third_overclaims") >= LATER_FLAGGED
    assert flagged("heldout_overclaims") >= HELDOUT_FLAGGED
    assert len(listed("heldout_honest")) - flagged("heldout_honest") >= HELDOUT_PASSED


@pytest.mark.parametrize(("rule", "sentence"), [
    ("proof", "The study proves the point."),
    ("cause", "Suspensions fell because of the program."),
    ("effect", "The program had a large impact on suspensions."),
    ("nothing", "The program had no effect on suspensions."),
    ("significant", "There was a significant reduction."),
    ("small_base", "Suspensions fell for 67% of the 6 students."),
    ("percent_change", "Suspensions fell by 21%."),
    ("count", "There were 412 suspensions."),
    ("students_counted", "The study included 12,345 students."),
    ("gap", "The gap between Black and White students closed."),
    ("before_after", "Since the program began, suspensions fell."),
    ("standing", "It is an evidence-based program."),
    ("trend", "Suspensions are trending in the right direction."),
    ("superlative", "Suspensions plummeted in our schools."),
    ("everyone", "Every school benefits."),
    ("chance", "We are 95% certain that suspensions fell."),
    ("no_harm", "The program did no harm to schools."),
    ("behavior", "Student behavior improved."),
    ("dose", "Well-implemented circles have lower suspension rates."),
    ("money", "The program pays for itself."),
    ("students_feel", "Students feel safer."),
    ("promise", "We guarantee fewer suspensions."),
    ("link", "In restorative schools the climate is warmer and referrals are rare."),
])  # fmt: skip
def test_each_rule_finds_what_it_is_for(rule, sentence, quotes):
    assert rule in rules(sentence, quotes["leaning"])


def test_every_rule_has_a_test_and_a_reason():
    tested = {
        m.args[1][i][0] for m in test_each_rule_finds_what_it_is_for.pytestmark for i in range(len(m.args[1]))
    }
    assert {r.id for r in read_rules().rules} - tested == {"simulated", "one_sided", "relabeled"}
    assert all(rule.why.endswith(".") for rule in read_rules().rules)


def test_the_verdict_decides_what_may_be_said(quotes):
    told = "Compared with schools that had not adopted it, the program lowered suspensions."
    against = "Compared with schools that had not adopted it, the program raised suspensions."
    assert rules(told, quotes["supported"]) == []
    assert "cause" in rules(told, quotes["leaning"])
    assert "cause" in rules(against, quotes["supported"])
    assert "cause" in rules("The program lowered suspensions.", quotes["supported"])
    assert "nothing" in rules("The program had no effect.", quotes["inconclusive"])


def test_a_ruled_out_effect_may_be_called_none(tmp_path):
    none = Quotes(folder_of(tmp_path, verdict="no meaningful effect"))
    assert rules("The program did not reduce suspensions.", none) == []


def test_relabeled_suspensions_are_no_time_in_class(tmp_path, quotes):
    told = "Students stayed in class."
    assert "relabeled" not in rules(told, quotes["leaning"])
    folder = folder_of(tmp_path)
    found_later(
        folder, "data.comparisons", id="suspensions.relabeled", value="Relabeled.", shown="Relabeled."
    )
    assert "relabeled" in rules(told, Quotes(folder))


def test_the_sentence_to_say_instead_is_the_reports_own(tmp_path):
    folder = folder_of(tmp_path)
    (tmp_path / "a.md").write_text(
        "These are simulated data.\n\nRestorative practices led to fewer suspensions.\n"
    )
    flag = lint(tmp_path / "a.md", folder)[0]
    assert (flag.where, flag.rule) == ("line 3", "cause")
    assert flag.instead == (
        "The estimate for out-of-school suspensions favors the program, but it is not conclusive:"
        " −2.1 per 100 students (95% interval −3.3 to −0.9)."
    )
    belonging = judge([Passage("x", "Circles led to more belonging.")], Quotes(folder))[0]
    assert belonging.instead.startswith("We could not tell whether belonging changed: 0.05")


def test_of_what_a_study_has_no_finding_on_nothing_is_offered(quotes):
    flag = judge([Passage("x", "The program led to fewer police calls.")], quotes["leaning"])[0]
    assert flag.instead == "Say nothing of it, because this study has no finding on it."


def test_a_benefit_without_the_harm_beside_it_is_one_sided(tmp_path):
    folder = folder_of(tmp_path)
    good = "Simulated data: suspensions were lower by −2.1 per 100 students (95% interval −3.3 to −0.9)."
    flags = judge([Passage("a", good)], Quotes(folder))
    assert [f.rule for f in flags] == ["one_sided"]
    assert "Effect on in-school suspensions: 1.6" in flags[0].instead
    beside = Passage("b", "In-school suspensions rose by 1.6 per 100 students (95% interval 0.6 to 2.6).")
    assert judge([Passage("a", good), beside], Quotes(folder)) == []
    assert judge([Passage("a", good)], Quotes(folder_of(tmp_path / "no", harm=False))) == []


def test_simulated_data_must_be_named(tmp_path):
    folder = folder_of(tmp_path, harm=False)
    assert [f.rule for f in judge([Passage("a", "We study schools.")], Quotes(folder))] == ["simulated"]
    real = folder_of(tmp_path / "real", harm=False, simulated=False)
    assert judge([Passage("a", "We study schools.")], Quotes(real)) == []


def test_what_others_say_is_theirs(tmp_path):
    folder = folder_of(tmp_path, harm=False)
    (tmp_path / "a.md").write_text(
        "Simulated data.\n\n> Restorative practices led to fewer suspensions.\n\n"
        "| What is claimed | What we say |\n| --- | --- |\n| Circles proved to cut suspensions | Not shown |\n"
    )
    assert lint(tmp_path / "a.md", folder) == []
    file = docx.Document()
    file.add_paragraph("Simulated data.")
    table = file.add_table(2, 2)
    texts = ["Claim", "Answer", "Circles cut suspensions.", "Circles cut suspensions."]
    for cell, text in zip([c for r in table.rows for c in r.cells], texts, strict=True):
        cell.text = text
    file.save(tmp_path / "a.docx")
    assert [f.where for f in lint(tmp_path / "a.docx", folder)] == ["table 1, row 2, column 2"]


@pytest.mark.parametrize("state", ["leaning", "refused"])
def test_the_reports_own_pages_say_no_more_than_was_found(state, quotes, tmp_path):
    document = build(quotes[state].found.folder)
    (tmp_path / "report.html").write_text(html(document), encoding="utf-8")
    (tmp_path / "report.docx").write_bytes(word(document))
    for name in ("report.html", "report.docx"):
        assert lint(tmp_path / name, quotes[state].found.folder) == []
