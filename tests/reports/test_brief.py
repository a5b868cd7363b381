"""The two-page brief: plain words, the report's own verdicts, and nothing that tells a board what to choose."""

import io
import re
from dataclasses import replace

import pytest
import yaml
from project import ROOT
from pypdf import PdfReader
from readability import Reading, prose, read, syllables
from report_folder import book_of, parts_of, runs_of, write_folder

from rpeval.estimate import Estimate
from rpeval.findings import collect
from rpeval.findings.finding import Finding
from rpeval.reports.blocks import Callout, Number, TableBlock, plain
from rpeval.reports.catalog import read_catalog
from rpeval.reports.document import build, compose
from rpeval.reports.pages.pdf import pdf
from rpeval.reports.translate import sentences
from rpeval.reports.wording import number_of

STUDIES = ("lakeshore", "riverbend", "prairie")
VERDICTS = (
    "supported",
    "leaning",
    "inconclusive",
    "no meaningful effect",
    "contradicted",
    "descriptive only",
)
ADVICE = (
    r"\b(continue|expand|adopt it|drop|end the program|recommend|should (keep|stop)|success|proven|works)\b"
)


def board(document):
    """Give the verdict and the answer of each finding in the table of answers."""
    (table,) = [b for s in document.sections for b in s.blocks if isinstance(b, TableBlock)]
    rows = {}
    for cells in table.rows:
        (id,) = {r.finding_id for r in parts_of(cells[2]) if isinstance(r, Number)}
        assert id not in rows, f"{id} is asked twice"
        rows[id] = (cells[-1], plain((cells[1],)))
    return rows


def bottom_line(document):
    (callout,) = [
        b for b in document.sections[0].blocks if isinstance(b, Callout) and b.kind == "bottom_line"
    ]
    return " ".join(plain(b.runs) for b in callout.blocks)


@pytest.fixture(scope="module")
def briefs(studies):
    return {study: build(studies / study, text="brief") for study in STUDIES}


@pytest.fixture(scope="module")
def invented(tmp_path_factory):
    kinds = {v: {"verdict": v} for v in VERDICTS} | {"refused": {"refused": True, "survey": False}}
    return {
        k: build(write_folder(tmp_path_factory.mktemp("b"), **how), text="brief") for k, how in kinds.items()
    }


GETTYSBURG = (  # 30 words and 48 syllables, counted by hand with a dictionary
    "Four score and seven years ago our fathers brought forth on this continent, a new nation, conceived in Liberty, "
    "and dedicated to the proposition that all men are created equal."
)


def test_the_grade_is_the_published_formula():
    platypus = Reading(words_n=13, sentences_n=1, syllables_n=24)
    assert round(platypus.grade, 1) == 11.3
    assert platypus.grade == pytest.approx(0.39 * 13 + 11.8 * 24 / 13 - 15.59)


def test_hand_counted_texts():
    told = read(GETTYSBURG)
    assert (told.words_n, told.sentences_n, told.syllables_n) == (30, 1, 48)
    cat = read("The cat sat on the mat.")
    assert (cat.words_n, cat.sentences_n, cat.syllables_n, round(cat.grade, 2)) == (6, 1, 6, -1.45)


def test_numbers_and_hyphens_count_as_one_word():
    told = read("In 60 schools, out-of-school suspensions fell by −4.9 (−6.4 to −3.5). Then 13,755 answered.")
    assert (told.words_n, told.sentences_n) == (14, 2)


@pytest.mark.parametrize(("word", "n"), [
    ("suspensions", 3), ("restorative", 4), ("schools", 1), ("measured", 2), ("tables", 2), ("created", 3),
    ("likely", 2), ("changes", 2), ("students", 2), ("program", 2), ("decided", 3), ("estimate", 3), ("trial", 2),
    ("interval", 3), ("people", 2), ("earlier", 3), ("removed", 2), ("the", 1), ("settled", 2),
])  # fmt: skip
def test_syllables_counted_by_hand(word, n):
    assert syllables(word) == n


@pytest.mark.parametrize("study", STUDIES)
def test_the_brief_of_each_study_is_within_the_eighth_grade(briefs, study):
    assert read(prose(briefs[study])).grade <= 8.0


@pytest.mark.parametrize("kind", [*VERDICTS, "refused"])
def test_the_brief_is_within_the_eighth_grade_whatever_was_found(invented, kind):
    assert read(prose(invented[kind])).grade <= 8.0


@pytest.mark.parametrize("study", STUDIES)
def test_verdicts_are_those_of_the_report(briefs, studies, study):
    report = build(studies / study)
    told = {
        next(r.finding_id for r in row if isinstance(r, Number)): row[-1]
        for s in report.sections for b in s.blocks if isinstance(b, TableBlock) and b.id in ("effects", "harms")
        for row in b.rows
    }  # fmt: skip
    shown = board(briefs[study])
    assert len(shown) >= 7
    common = set(told) & set(shown)
    assert {"suspensions.att", "belonging.att"} <= common
    assert {id: shown[id][0] for id in common} == {id: told[id] for id in common}
    assert [id for id in told if id.startswith("harms.")] == [id for id in shown if id.startswith("harms.")]


@pytest.mark.parametrize("study", STUDIES)
def test_every_number_is_printed_as_its_finding_says(briefs, studies, study):
    found = collect(studies / study).findings
    numbers = [r for r in runs_of(briefs[study]) if isinstance(r, Number)]
    assert len(numbers) > 20
    for run in numbers:
        part = "value" if run.part == "text" else run.part
        assert run.shown == number_of(found[run.finding_id], part).shown


def test_no_sentence_holds_a_digit_of_its_own():
    own = [s for s in sentences("brief") if re.search(r"\d", re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "", s))]
    assert not own


def test_the_relabeled_study_does_not_claim_fewer_removals(briefs):
    said = bottom_line(briefs["riverbend"])
    assert said.startswith("Not as it seems.")
    assert "we cannot say that fewer students were removed" in said
    assert board(briefs["riverbend"])["suspensions.att"] == ("Leaning", "Only on paper.")
    assert "Effect on the Black–White gap (Widened)" in said


def test_a_small_study_says_aloud_that_it_cannot_tell(briefs):
    said = bottom_line(briefs["prairie"])
    assert said.startswith("We cannot tell.")
    assert "does not mean that nothing changed" in said
    assert {answer for _, answer in board(briefs["prairie"]).values()} == {"We cannot tell.", "Not measured."}


def test_a_study_without_an_effect_says_why(invented):
    said = bottom_line(invented["refused"])
    assert said.startswith("We cannot say. The study has no list of adopting schools.")
    assert "What we know is the level." in said
    assert "minus sign" not in " ".join(prose(invented["refused"]))


def test_each_verdict_has_its_own_answer(invented):
    answers = {v: board(invented[v])["suspensions.att"][1] for v in VERDICTS}
    assert len(set(answers.values())) == len(VERDICTS)
    assert all(bottom_line(invented[v]) for v in VERDICTS)


def test_nobody_is_told_what_to_do_with_the_program(briefs, invented):
    for document in [*briefs.values(), *invented.values()]:
        section = next(s for s in document.sections if s.id == "decide")
        said = " ".join(prose(replace(document, sections=(section,))))
        assert not re.search(ADVICE, said, re.I), said
        assert "do not say what to do about the program" in said


def test_each_measure_has_one_question(tmp_path):
    measures = yaml.safe_load((ROOT / "data/reference/measures.yml").read_text(encoding="utf-8"))
    rates = list(measures)[:10]
    folder = write_folder(tmp_path)
    asked = [f"harms.{name}.att" for name in measures] + [f"suspensions.{name}.att" for name in rates]
    book = book_of(folder=folder, notebook="02_more")
    known = collect(folder).findings
    effect = Estimate(0.5, se=0.2, low=0.1, high=0.9, unit="per 100 students")
    for id in asked:
        if id not in known:
            label = measures[id.split(".")[1]]["label"].lower()
            book.add(id, effect, label=f"Effect on {label}", decision="cleared")
    book.save()
    assert set(asked) <= set(board(build(folder, text="brief")))


def test_harms_that_were_not_measured_are_named_among_decisions(briefs):
    section = next(s for s in briefs["prairie"].sections if s.id == "decide")
    said = " ".join(prose(replace(briefs["prairie"], sections=(section,))))
    assert "Decide whether this should be measured: Effect on test scores; " in said


def test_simulated_data_and_drafts_are_stamped(briefs, tmp_path):
    assert all(d.simulated for d in briefs.values())
    assert "this brief comes from simulated data" in briefs["lakeshore"].words["simulated_banner"]
    assert build(write_folder(tmp_path, draft=True), text="brief").draft


def test_an_estimate_that_is_hidden_is_not_printed(tmp_path):
    found = collect(write_folder(tmp_path))
    hidden = replace(found.findings["suspensions.iss_per_100.att"], value=None, shown="suppressed", shown_interval="",
                     low=None, high=None, suppressed=True)  # fmt: skip
    assert isinstance(hidden, Finding)
    document = compose(replace(found, findings=found.findings | {hidden.id: hidden}), text="brief")
    (table,) = [b for s in document.sections for b in s.blocks if isinstance(b, TableBlock)]
    cells = {
        r.finding_id: plain((row[2],))
        for row in table.rows
        for r in parts_of(row[2])
        if isinstance(r, Number)
    }
    assert cells[hidden.id] == "suppressed"


def test_the_text_replaces_only_its_own_words():
    brief, report = read_catalog("brief"), read_catalog("report")
    assert brief["words"]["kicker"] != report["words"]["kicker"]
    assert brief["words"]["draft"] == report["words"]["draft"]
    assert brief["states"] == report["states"]
    assert "interval" in report["phrases"]["interval"]
    assert brief["phrases"]["missing"] == report["phrases"]["missing"]


@pytest.mark.parametrize("lang", ["en", "es"])
@pytest.mark.parametrize("study", STUDIES)
def test_the_brief_is_two_pages_of_pdf(studies, study, lang):
    printed = PdfReader(io.BytesIO(pdf(build(studies / study, text="brief", lang=lang))))
    assert len(printed.pages) == 2
