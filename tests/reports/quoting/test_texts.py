"""What a reader sees of a document, read back from files that other libraries wrote."""

import io

import docx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from pypdf import PdfReader, PdfWriter
from quoted_study import folder_of

from rpeval.reports.document import build
from rpeval.reports.pages.pdf import pdf
from rpeval.reports.quoting.texts import TextError, read_texts, sentences


def texts(path):
    return [(p.kind, p.text, p.column) for p in read_texts(path)]


def test_markdown_is_parted_into_what_a_reader_sees(tmp_path):
    path = tmp_path / "a.md"
    path.write_text(
        "# Head\n\nA *soft* [link](http://x.y/1)\nline two.\n\n- one\n- two\n\n> They say so.\n\n"
        "| Claim | N |\n| --- | --- |\n| **Big** | 3 |\n\n```\ncode 4\n```\n<!-- 5 -->\n1. first\n"
    )
    assert texts(path) == [
        ("heading", "Head", ""), ("text", "A soft link line two.", ""), ("item", "one", ""), ("item", "two", ""),
        ("quote", "They say so.", ""), ("heading", "Claim", ""), ("heading", "N", ""), ("cell", "Big", "Claim"),
        ("cell", "3", "N"), ("item", "first", ""),
    ]  # fmt: skip
    assert [p.where for p in read_texts(path)][-1] == "line 19"


def test_html_shows_no_script_style_or_drawing(tmp_path):
    path = tmp_path / "a.html"
    path.write_text(
        "<html><head><title>T</title><style>p{}</style></head><body><h1>Head</h1><script>var x = 1;</script>"
        "<p>A <b>bold</b> &amp; plain<br>line</p><svg><text>9</text></svg><p hidden>8</p><blockquote><p>Q</p>"
        "</blockquote><table><thead><tr><th>Claim</th></tr></thead><tbody><tr><td>C <i>d</i></td></tr></tbody></table>"
        "<ul><li>one<li>two</ul></body></html>"
    )
    assert texts(path) == [
        ("heading", "Head", ""), ("text", "A bold & plain line", ""), ("quote", "Q", ""),
        ("heading", "Claim", ""), ("cell", "C d", "Claim"), ("item", "one", ""), ("item", "two", ""),
    ]  # fmt: skip


def test_word_is_read_with_controls_boxes_margins_and_notes_and_without_what_was_deleted(tmp_path):
    file = docx.Document()
    file.add_heading("Head", 1)
    split = file.add_paragraph("Num")
    split.add_run("ber one")
    split._p.append(parse_xml(
        f"<w:sdt {nsdecls('w')}><w:sdtContent><w:r><w:t xml:space='preserve"
        "'> in a control</w:t></w:r></w:sdtContent></w:sdt>"
    ))  # fmt: skip
    split._p.append(parse_xml(f"<w:del {nsdecls('w')}><w:r><w:delText> gone</w:delText></w:r></w:del>"))
    split._p.append(parse_xml(f"<w:ins {nsdecls('w')}><w:r><w:t>, added</w:t></w:r></w:ins>"))
    table = file.add_table(2, 2)
    for cell, text in zip([c for r in table.rows for c in r.cells], ["Claim", "N", "Big", "3"], strict=True):
        cell.text = text
    file.sections[0].footer.paragraphs[0].text = "foot"
    file.add_paragraph("item", style="List Bullet")
    file.save(tmp_path / "a.docx")
    found = read_texts(tmp_path / "a.docx")
    assert [(p.kind, p.text, p.column) for p in found] == [
        ("heading", "Head", ""), ("text", "Number one in a control, added", ""), ("heading", "Claim", ""),
        ("heading", "N", ""), ("cell", "Big", "Claim"), ("cell", "3", "N"), ("item", "item", ""), ("text", "foot", ""),
    ]  # fmt: skip
    assert [p.where for p in found][4:] == [
        "table 1, row 2, column 1", "table 1, row 2, column 2", "paragraph 7", "footer, paragraph 1",
    ]  # fmt: skip


def test_a_pdf_is_read_page_by_page(tmp_path):
    (tmp_path / "a.pdf").write_bytes(pdf(build(folder_of(tmp_path, bare=True))))
    found = read_texts(tmp_path / "a.pdf")
    assert [p.where for p in found][:1] == ["page 1"]
    assert "The data cover 60 schools" in " ".join(p.text for p in found)


def test_files_that_cannot_be_read_say_why(tmp_path):
    (tmp_path / "a.docx").write_text("no zip")
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7 nothing")
    (tmp_path / "a.md").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "a.xls").write_text("x")
    locked = PdfWriter()
    locked.add_blank_page(100, 100)
    locked.encrypt("secret")
    locked.write(tmp_path / "locked.pdf")
    empty = PdfWriter()
    empty.add_blank_page(100, 100)
    empty.write(tmp_path / "scan.pdf")
    assert len(PdfReader(io.BytesIO((tmp_path / "scan.pdf").read_bytes())).pages) == 1
    for name, said in {
        "a.docx": "not a Word document", "a.pdf": "not a PDF", "a.md": "not text", "a.xls": "ends in .xls",
        "none.md": "no such file", "locked.pdf": "password", "scan.pdf": "holds no text",
    }.items():  # fmt: skip
        with pytest.raises(TextError, match=said):
            read_texts(tmp_path / name)


def test_sentences_end_where_a_reader_would_end_them():
    text = "Dr. A. Smith et al. (2018) saw it, cf. No. 3. “Is it so?” It is 3.5 vs. 2.1. See p. 4! Done"
    assert sentences(text) == [
        "Dr. A. Smith et al. (2018) saw it, cf. No. 3.", "“Is it so?”", "It is 3.5 vs. 2.1.", "See p. 4!", "Done",
    ]  # fmt: skip
