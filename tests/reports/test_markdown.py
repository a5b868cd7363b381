"""Markdown says what the document says: read back by another program, the tables and texts are the same."""

import re

import pytest
from markdown_it import MarkdownIt
from report_folder import blocks_of, book_of, write_folder

from rpeval.reports.blocks import Bullets, FigureBlock, Paragraph, TableBlock, plain
from rpeval.reports.document import build
from rpeval.reports.pages.markdown import escaped, markdown

pytestmark = pytest.mark.usefixtures("no_drawing")
HOSTILE = "A | b *c* _d_ `e` [f](g) <b>h</b> # i & &amp; \\ \\| ~j~ ![k](l)\n\n- m\n1. n"
SPACED = " ".join(HOSTILE.split())


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    return build(write_folder(tmp_path_factory.mktemp("markdown")))


def read(text: str):
    return MarkdownIt("commonmark").enable("table").parse(text)


def shown(inline) -> str:
    """Give the text of an inline token as a reader sees it; of a picture its alternative text."""
    return "".join(c.content if c.type in ("text", "code_inline", "text_special", "html_inline") else
                   "".join(x.content for x in c.children) if c.type == "image" else
                   " " if c.type == "softbreak" else "" for c in inline.children)  # fmt: skip


def tables_of(text: str) -> list[list[list[str]]]:
    found = []
    for token in read(text):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and token.level > 3 and found and len(found[-1]):
            found[-1][-1].append(shown(token)) if token.level >= 4 else None
    return found


def texts_of(text: str) -> list[str]:
    return [shown(token) for token in read(text) if token.type == "inline"]


def printed(document):
    """Give every block, and the numbers behind a figure as a table of their own."""
    for block in blocks_of(document):
        yield block
        if isinstance(block, FigureBlock) and block.table:
            yield block.table


def spaced(runs) -> str:
    return " ".join(plain(runs).split())


def test_every_table_reads_back_as_it_was(document):
    told = [b for b in printed(document) if isinstance(b, TableBlock)]
    read_back = tables_of(markdown(document))
    assert len(read_back) == len(told) > 15
    for block, rows in zip(told, read_back, strict=True):
        assert rows == [[spaced((cell,)) for cell in row] for row in [block.headings, *block.rows]]


def test_every_sentence_heading_and_alternative_text_reads_back(document):
    texts = texts_of(markdown(document))
    for block in printed(document):
        if isinstance(block, Paragraph):
            assert spaced(block.runs) in texts
        elif isinstance(block, Bullets):
            assert {spaced(item) for item in block.items} <= set(texts)
        elif isinstance(block, FigureBlock):
            assert " ".join(block.alt.split()) in texts
            assert f"{block.name}. {spaced(block.caption)}" in texts
    assert {s.heading for s in document.sections} <= set(texts)


def test_the_stamps_stand_first(tmp_path, document):
    assert markdown(document).startswith("> **Simulated data.** Every number")
    draft = markdown(build(write_folder(tmp_path, draft=True, bare=True)))
    assert draft.split("\n\n")[1].startswith("> **Draft.**")
    real = markdown(build(write_folder(tmp_path / "real", simulated=False, bare=True)))
    assert real.startswith("# Restorative practices in Lakeshore")
    assert "Simulated" not in real


def test_pictures_are_named_where_they_are(document):
    named = re.findall(r"^!\[.*\]\((.*)\)$", markdown(document, pictures="there/{id}.png"), re.M)
    assert named == [f"there/{b.id}.png" for b in document.figures()]


def test_numbers_name_their_findings_in_comments_only(document):
    text = markdown(document)
    comments = re.findall(r"<!-- findings: (.*?) -->", text)
    named = {id for comment in comments for id in comment.split()}
    assert {"suspensions.att", "suspensions.methods", "data.schools"} <= named
    assert not [t for t in texts_of(text) if "<!--" in t]


def test_text_of_a_study_stays_text(tmp_path):
    import pandas as pd

    folder = write_folder(tmp_path, district=HOSTILE, bare=True)
    book = book_of(folder, "09_other")
    frame = pd.DataFrame({"school_name": [HOSTILE, "B\\"], "value": [1.0, 2.0]})
    book.release(
        "other.table", frame, title=HOSTILE, labels={"school_name": HOSTILE, "value": "V"}, note=HOSTILE
    )
    book.save()
    text = markdown(build(folder))
    (rows,) = [rows for rows in tables_of(text) if rows[0][0] == SPACED]
    assert rows[1:] == [[SPACED, "1"], ["B\\", "2"]]
    assert SPACED in texts_of(text)
    assert not [t for t in read(text) if t.type == "html_block" and "findings:" not in t.content]


@pytest.mark.parametrize(
    "text", ["2019. A year", "- a", "+ a", "# a", "1) b", "= =", "> q", "--- x", "&lt; <x", "a\\"]
)
def test_no_text_becomes_markup(text):
    tokens = read(escaped(text))
    assert [t.type for t in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    assert shown(tokens[1]) == text
