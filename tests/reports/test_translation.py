"""Spanish: complete for the brief, the same numbers and verdicts, and honest about what is not translated."""

import re
from collections import Counter
from dataclasses import replace

import pytest
import yaml
from babel.messages.pofile import read_po
from project import ROOT
from readability import prose, read, syllables
from report_folder import runs_of, write_folder

from rpeval.errors import FindingError
from rpeval.findings import collect
from rpeval.reports.blocks import Callout, Number, TableBlock, plain
from rpeval.reports.catalog import FOLDER, read_catalog
from rpeval.reports.document import build, compose
from rpeval.reports.pages.html import html
from rpeval.reports.translate import faults, language, sentences
from rpeval.reports.translate import plain as spaced

STUDIES = ("lakeshore", "riverbend", "prairie")
MARK = "[en inglés]"
SAME = {"({interval})", "{what}, {year}", "{first}, {last}"}  # no word to translate
ASKS = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{\w+\}")


def messages():
    with (FOLDER / "es.po").open("rb") as file:
        return {spaced(str(m.id)): m for m in read_po(file, locale="es") if m.id}


MESSAGES = messages()


def words_of_pages():
    return set(map(spaced, read_catalog("brief")["words"].values()))


def digits(text):
    return re.findall(r"\d[\d,.]*\d|\d", text.replace("−", "-"))


@pytest.fixture(scope="module")
def pairs(studies):
    return {
        s: (build(studies / s, text="brief"), build(studies / s, text="brief", lang="es")) for s in STUDIES
    }


def test_nothing_is_missing_obsolete_or_fuzzy():
    later = words_of_pages()  # fixed words of pages: those a brief prints are held to be Spanish below
    assert not [f for f in faults("es") if not (f[0] == "missing" and f[1] in later)]


def test_a_missing_an_obsolete_and_a_fuzzy_message_would_be_found(tmp_path, monkeypatch):
    text = (FOLDER / "es.po").read_text(encoding="utf-8")
    text = text.replace('msgid "What we cannot say"', 'msgid "What nobody says"')
    text = text.replace('msgid "Decisions to take"', '#, fuzzy\nmsgid "Decisions to take"')
    (tmp_path / "es.po").write_text(text, encoding="utf-8")
    monkeypatch.setattr("rpeval.reports.translate.FOLDER", tmp_path)
    found = {f for f in faults("es") if f[1] not in words_of_pages()}
    assert found == {("missing", "What we cannot say"), ("obsolete", "What nobody says"), ("fuzzy", "Decisions to take")}  # fmt: skip


def test_translations_ask_for_the_same_numbers():
    asked = {s: (Counter(ASKS.findall(s)), Counter(ASKS.findall(str(m.string)))) for s, m in MESSAGES.items()}
    assert len(asked) > 150
    assert not {s for s, (english, spanish) in asked.items() if english != spanish}


def test_translations_are_written_like_spanish():
    for sentence, message in MESSAGES.items():
        said = ASKS.sub("", str(message.string))
        assert sentence in SAME or said != ASKS.sub("", sentence), sentence
        assert said.count("¿") == said.count("?"), sentence
        assert "  " not in str(message.string), sentence
        assert not re.search(r"\b(the|and|schools?|students?|with|harm)\b", said, re.I), sentence


def test_every_measure_has_its_words():
    measures = yaml.safe_load((ROOT / "data/reference/measures.yml").read_text(encoding="utf-8"))
    spoken = language("es")
    for measure in measures.values():
        assert MARK not in spoken.find(f"Effect on {measure['label'].lower()}")
        assert MARK not in spoken.find(measure["unit"])


@pytest.mark.parametrize("study", STUDIES)
def test_the_spanish_brief_is_spanish(pairs, study):
    page = html(pairs[study][1])
    shown = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.S)
    assert MARK not in page
    assert '<html lang="es">' in page
    assert not re.search(r"\b(the|schools|students|with|Effect|Verdict|Table|Contents)\b", shown)
    assert "Datos simulados" in shown


@pytest.mark.parametrize("study", STUDIES)
def test_the_spanish_brief_has_the_same_numbers_and_verdicts(pairs, study):
    english, spanish = pairs[study]
    one, other = ([r for r in runs_of(d) if isinstance(r, Number)] for d in (english, spanish))
    assert Counter((r.finding_id, r.part, r.value) for r in one) == Counter((r.finding_id, r.part, r.value) for r in other)  # fmt: skip
    shown = {(r.finding_id, r.part): r.shown for r in other}
    for run in one:
        if run.part in ("value", "interval", "level"):
            assert digits(shown[run.finding_id, run.part]) == digits(run.shown)
    boards = [
        next(b for s in d.sections for b in s.blocks if isinstance(b, TableBlock)) for d in pairs[study]
    ]
    states = {s["name"]: s["name"] for s in read_catalog("brief")["states"].values()}
    for mine, theirs in zip(boards[0].rows, boards[1].rows, strict=True):
        assert theirs[-1] == language("es").say(states[mine[-1]])


def test_intervals_and_years_are_read_as_in_spanish(pairs):
    spanish = pairs["lakeshore"][1]
    assert plain(spanish.subtitle) == "Distrito: Lakeshore (simulado), años escolares de 2016-17 a 2023-24"
    assert spanish.title == "Las prácticas restaurativas en Lakeshore"
    intervals = [r.shown for r in runs_of(spanish) if isinstance(r, Number) and r.part == "interval"]
    assert len(intervals) > 10
    assert all(re.fullmatch(r"de −?[\d.,]+ a −?[\d.,]+", shown) for shown in intervals)


def test_the_spanish_brief_says_that_no_native_speaker_reviewed_it(pairs):
    for english, spanish in pairs.values():
        note = spanish.sections[0].blocks[0]
        assert isinstance(note, Callout)
        assert "todavía no lo ha revisado una persona de lengua materna española" in plain(
            note.blocks[0].runs
        )
        assert "punto decimal y coma de miles" in plain(note.blocks[0].runs)
        assert not [b for b in english.sections[0].blocks if isinstance(b, Callout) and b.kind == "note"]


@pytest.mark.parametrize("study", STUDIES)
def test_the_spanish_brief_is_easy_to_read(pairs, study):
    """Seventy and above on Fernández Huerta's scale is "fairly easy": less than what a daily paper asks."""
    assert read(prose(pairs[study][1]), lang="es").ease >= 70


@pytest.mark.parametrize(("word", "n"), [
    ("suspensiones", 4), ("escuela", 3), ("país", 2), ("años", 2), ("restaurativas", 5), ("leer", 2), ("quiere", 2),
    ("prácticas", 3), ("evaluación", 4), ("todavía", 4), ("ley", 1), ("y", 1), ("aún", 2), ("ahora", 3), ("ciudad", 2),
    ("viuda", 2), ("poesía", 4), ("héroe", 3), ("averiguáis", 4), ("guerra", 2), ("pingüino", 3), ("mayor", 2),
    ("incluye", 3), ("continúa", 4), ("caos", 2), ("maíz", 2), ("siete", 2), ("seis", 1), ("pertenencia", 4),
])  # fmt: skip
def test_spanish_syllables_counted_by_hand(word, n):
    assert syllables(word, lang="es") == n


def test_what_is_not_translated_stays_english_and_says_so(tmp_path):
    found = collect(write_folder(tmp_path))
    odd = replace(found.findings["suspensions.att"], label="Effect on snow days", unit="flakes")
    document = compose(replace(found, findings=found.findings | {odd.id: odd}), text="brief", lang="es")
    assert any(isinstance(r, Number) and r.shown == f"flakes {MARK}" for r in runs_of(document))
    report = compose(found, text="report", lang="es")
    assert any(s.heading == f"Limits {MARK}" for s in report.sections)
    assert [s.id for s in report.sections] == [s.id for s in compose(found).sections]


def test_a_language_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(FindingError, match="There is no text in 'fr'") as error:
        build(write_folder(tmp_path), text="brief", lang="fr")
    assert "Use one of: en, es." in str(error.value)


def test_english_does_not_ask_for_babel(tmp_path, monkeypatch):
    monkeypatch.setattr("rpeval.reports.translate._read", lambda lang: pytest.fail("read a catalog"))
    assert build(write_folder(tmp_path), text="brief").lang == "en"


def test_conditions_and_ids_are_no_sentences():
    listed = sentences("brief")
    assert "What we cannot say" in listed
    assert not [
        s for s in listed if s in {"brief.board", "suspensions.verdict", "estimated(it)", "bottom_line"}
    ]
