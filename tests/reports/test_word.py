"""The Word report: read back by python-docx and by LibreOffice, it says what the document says."""

import io
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import docx
import pikepdf
import pytest
import yaml
from docx.oxml.ns import qn
from docx.shared import Inches, Pt
from report_folder import write_folder

from rpeval.errors import FindingError, ParamsError
from rpeval.inputs.params import read_params
from rpeval.reports.blocks import (
    Bullets,
    Callout,
    Document,
    FigureBlock,
    Number,
    Paragraph,
    Reference,
    Section,
    TableBlock,
)
from rpeval.reports.catalog import read_catalog
from rpeval.reports.document import build
from rpeval.reports.pages.pdf import elsewhere
from rpeval.reports.pages.word import word
from rpeval.reports.pages.word_marks import mark_of, marked
from rpeval.reports.pages.word_tables import told

WORDS = read_catalog("report")["words"]
HOSTILE = "<w:p/> & \"quoted\" 'single' ]]> {{ report }} &amp; \x00\x0b\x1f\ud800 end"


@pytest.fixture(scope="module")
def document(tmp_path_factory) -> Document:
    return build(write_folder(tmp_path_factory.mktemp("word")))


@pytest.fixture(scope="module")
def made(document) -> bytes:
    return word(document)


def opened(content: bytes):
    return docx.Document(io.BytesIO(content))


def blocks_of(document: Document) -> list:
    """Every block of a document in order, those in callouts after their callout."""

    def within(blocks):
        for block in blocks:
            yield block
            if isinstance(block, Callout):
                yield from within(block.blocks)

    return [b for s in document.sections for b in within(s.blocks)]


def printed_tables(document: Document) -> list[TableBlock]:
    return [b for b in blocks_of(document) if isinstance(b, TableBlock) and not elsewhere(b)]


def exhibits(document: Document) -> list:
    return [b for b in blocks_of(document) if isinstance(b, TableBlock | FigureBlock)]


def numbers_of(document: Document) -> list[Number]:
    """Every number that is printed, in the order of the pages."""
    runs = list(document.subtitle)
    for b in blocks_of(document):
        if isinstance(b, Paragraph):
            runs += b.runs
        elif isinstance(b, Bullets):
            runs += [r for item in b.items for r in item]
        elif isinstance(b, TableBlock):
            cells = [] if elsewhere(b) else [r for row in b.rows for r in row]
            runs += [*b.caption, *cells, *b.note]
        elif isinstance(b, FigureBlock):
            runs += [*b.caption, *b.note]
    return [r for r in runs if isinstance(r, Number)]


def texts(element) -> str:
    return "".join(t.text or "" for t in element.iter(qn("w:t")))


def small(*blocks, **rest) -> Document:
    told = {"title": "A title", "subtitle": (), "lang": "en", "simulated": False, "draft": False}
    section = Section("one", "A heading", tuple(blocks))
    return Document(**{**told, "sections": (section,), "words": WORDS, **rest})


ROWS = (("East", Number("a.b/0/value", "1.5")),)


def a_table(rows=ROWS, name="Table 1", **rest) -> TableBlock:
    told = {"id": "a.b", "anchor": "table-a-b", "caption": ("Rates",), "headings": ("School", "Rate")}
    return TableBlock(**{**told, "name": name, "numeric": (False, True), "rows": tuple(rows), **rest})


class TestWhatItSays:
    def test_headings_stand_in_order_one_level_below_the_title(self, document, made):
        found = [(p.text, int(p.style.name[-1]) + 1) for p in opened(made).paragraphs
                 if p.style.name.startswith("Heading")]  # fmt: skip
        assert found == [(s.heading, s.level) for s in document.sections]
        assert [p.text for p in opened(made).paragraphs if p.style.name == "Title"] == [document.title]

    def test_every_cell_of_every_table_is_the_documents(self, document, made):
        found = [[tuple(c.text for c in row.cells) for row in t.rows] for t in opened(made).tables]
        meant = [
            [tuple(map(told, t.headings)), *(tuple(map(told, row)) for row in t.rows)]
            for t in printed_tables(document)
        ]
        assert len(found) > 5
        assert found == meant

    def test_header_rows_are_repeated_and_no_row_is_divided(self, made):
        for table in opened(made)._element.iter(qn("w:tbl")):
            first, *rest = table.findall(qn("w:tr"))
            assert first.find(f".//{qn('w:tblHeader')}") is not None
            assert not [row for row in rest if row.find(f".//{qn('w:tblHeader')}") is not None]
            assert all(row.find(f".//{qn('w:cantSplit')}") is not None for row in (first, *rest))

    def test_numbers_stand_to_the_right(self, document, made):
        for block, table in zip(printed_tables(document), opened(made).tables, strict=True):
            for row in table.rows:
                aligned = [cell.paragraphs[0].paragraph_format.alignment == 2 for cell in row.cells]
                assert tuple(aligned) == tuple(block.numeric)

    def test_captions_name_and_number_their_exhibits(self, document, made):
        found = [texts(p._element) for p in opened(made).paragraphs if p.style.name == "Caption"]
        assert found == [f"{b.name}. {''.join(map(told, b.caption))}" for b in exhibits(document)]

    def test_word_counts_captions_as_the_document_does(self, document, made):
        count, names = {}, []
        for field in opened(made)._element.body.iter(qn("w:fldSimple")):
            if seq := re.match(r" SEQ (\w+) (?:\\r (\d+)|\\\* ARABIC) ", field.get(qn("w:instr"))):
                count[seq[1]] = int(seq[2]) if seq[2] else count.get(seq[1], 0) + 1
                names.append(f"{seq[1]} {count[seq[1]]}")
        assert names == [b.name for b in exhibits(document)]

    def test_a_caption_out_of_turn_is_counted_from_its_own_number(self):
        content = word(small(a_table(name="Table 7")))
        (seq,) = [f for f in opened(content)._element.iter(qn("w:fldSimple"))
                  if "SEQ" in f.get(qn("w:instr"))]  # fmt: skip
        assert seq.get(qn("w:instr")) == r" SEQ Table \r 7 "

    def test_every_picture_has_its_words(self, document, made):
        told = list(opened(made)._element.iter(qn("wp:docPr")))
        assert [p.get("descr") for p in told] == [f.alt for f in document.figures()]
        assert [p.get("title") for p in told] == [f.name for f in document.figures()]
        assert len({p.get("id") for p in told}) == len(told) > 2

    def test_references_lead_to_bookmarks_that_say_the_same(self, document, made):
        body = opened(made)._element.body
        shown = bookmarks(body)
        refs = [f for f in body.iter(qn("w:fldSimple")) if f.get(qn("w:instr")).startswith(" REF")]
        pairs = [(f.get(qn("w:instr")).split()[1], texts(f)) for f in refs]
        runs = [r for b in blocks_of(document) if isinstance(b, Paragraph) for r in b.runs]
        runs += [r for b in blocks_of(document) if isinstance(b, Bullets) for i in b.items for r in i]
        assert [text for _, text in pairs] == [r.shown for r in runs if isinstance(r, Reference)]
        assert pairs
        assert all(shown[name] == text for name, text in pairs)

    def test_the_contents_show_and_lead_to_every_heading(self, document, made):
        file = opened(made)
        entries = [p for p in file.paragraphs if p.style.name.startswith("toc")]
        assert [p.text for p in entries] == [s.heading for s in document.sections]
        shown = bookmarks(file._element.body)
        assert [shown[h.get(qn("w:anchor"))] for p in entries for h in p._p.iter(qn("w:hyperlink"))] == [
            s.heading for s in document.sections
        ]

    def test_names_of_bookmarks_are_words_and_each_is_used_once(self, made):
        names = [b.get(qn("w:name")) for b in opened(made)._element.iter(qn("w:bookmarkStart"))]
        assert len(names) == len(set(names))
        assert all(re.fullmatch(r"[A-Za-z_]\w{0,39}", name, re.ASCII) for name in names)

    def test_a_table_printed_twice_is_named_once(self):
        content = word(small(a_table(), a_table()))
        names = [b.get(qn("w:name")) for b in opened(content)._element.iter(qn("w:bookmarkStart"))]
        assert names.count("table_a_b") == 1

    def test_what_is_left_out_is_told_where_it_would_stand(self, document, made):
        said = [p.text for p in opened(made).paragraphs]
        behind = [f.table for f in document.figures() if f.table is not None]
        assert WORDS["printed"] in said
        for file in [*(f"tables/{t.id}.csv" for t in behind), "findings.csv"]:
            assert any(WORDS["in_file"].format(file=file) in line for line in said), file

    def test_the_file_says_what_it_is(self, document, made):
        told = opened(made).core_properties
        assert (told.title, told.author, told.language) == (document.title, document.district, "en")
        assert told.created == told.modified
        assert told.created.year == 1980


def bookmarks(body) -> dict[str, str]:
    """The text that stands in each bookmark; none of them reaches beyond its paragraph."""
    found = {}
    for start in body.iter(qn("w:bookmarkStart")):
        inner = []
        for element in start.itersiblings():
            if element.tag == qn("w:bookmarkEnd") and element.get(qn("w:id")) == start.get(qn("w:id")):
                break
            inner.append(texts(element))
        found[start.get(qn("w:name"))] = "".join(inner)
    return found


class TestNumbers:
    def test_every_number_is_found_again_with_its_finding(self, document, made):
        found = marked(made)
        assert found == [(mark_of(n), n.shown) for n in numbers_of(document)]
        assert len(found) > 100

    def test_a_number_that_somebody_changed_shows(self, document, made):
        known = {mark_of(n): n.shown for n in numbers_of(document)}
        file = opened(made)
        (start, *_) = [b for b in file._element.iter(qn("w:bookmarkStart"))
                       if b.get(qn("w:name")).endswith(mark_of(Number("suspensions.att", "")))]  # fmt: skip
        start.getnext().find(qn("w:t")).text = "-99"
        file.save(changed := io.BytesIO())
        wrong = [(mark, text) for mark, text in marked(changed.getvalue()) if known[mark] != text]
        assert wrong == [(mark_of(Number("suspensions.att", "")), "-99")]

    def test_what_is_no_word_document_is_refused(self, tmp_path):
        (tmp_path / "a.docx").write_text("no")
        with pytest.raises(FindingError, match=r"a\.docx: This is no Word document"):
            marked(tmp_path / "a.docx")
        with pytest.raises(FindingError, match="no Word document"):
            marked(b"PK")


class TestStamps:
    @pytest.mark.parametrize(("simulated", "draft", "stamp"), [
        (True, False, "SIMULATED DATA"), (False, True, "DRAFT"), (True, True, "SIMULATED DATA · DRAFT"),
    ])  # fmt: skip
    def test_every_page_says_it(self, simulated, draft, stamp):
        file = opened(word(small(Paragraph(("Text.",)), simulated=simulated, draft=draft)))
        assert file.sections[0].header.paragraphs[0].text == f"A title\t{stamp}"
        assert not file.sections[0].different_first_page_header_footer
        banners = [p.text for p in file.paragraphs if p.style.name == "Report Banner"]
        kinds = [kind for kind, true in (("simulated", simulated), ("draft", draft)) if true]
        assert banners == [f"{WORDS[k]}. {WORDS[f'{k}_banner']}" for k in kinds]

    def test_a_real_report_bears_none(self):
        file = opened(word(small(Paragraph(("Text.",)), district="Lakeshore")))
        assert file.sections[0].header.paragraphs[0].text.strip() == "A title"
        assert "Report Banner" not in {p.style.name for p in file.paragraphs}
        assert file.sections[0].footer.paragraphs[0].text.startswith("Lakeshore\t")


class TestBytes:
    def test_the_same_document_gives_the_same_bytes(self, document, made):
        assert word(document) == made

    def test_no_entry_has_a_date_of_today(self, made):
        with zipfile.ZipFile(io.BytesIO(made)) as file:
            assert {entry.date_time for entry in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            assert not [n for n in file.namelist() if re.search("thumbnail|WithEffects|customXml", n)]

    def test_it_is_small(self, made):
        assert len(made) < 3_000_000


class TestHostileText:
    def test_text_stays_text(self):
        shown = re.sub("[\x00\x0b\x1f\ud800]", "", HOSTILE)
        figure = FigureBlock("a.c", "figure-a-c", "Figure 1", (HOSTILE,), HOSTILE, SVG)
        table = a_table(rows=((HOSTILE, Number("a.b/0/value", HOSTILE)),), note=(HOSTILE,))
        bullets = Bullets(((HOSTILE,),))
        document = small(
            Paragraph((HOSTILE,)), Callout("fold", HOSTILE, (bullets,)), table, figure,
            title=HOSTILE, district=HOSTILE, subtitle=(HOSTILE,),
        )  # fmt: skip
        file = opened(word(document))
        assert [c.text for c in file.tables[0].rows[1].cells] == [shown, shown]
        assert [p.text for p in file.paragraphs].count(shown) == 6
        assert next(file._element.iter(qn("wp:docPr"))).get("descr") == shown
        assert file.core_properties.title == shown

    def test_a_reference_to_nothing_is_plain_text(self):
        file = opened(word(small(Paragraph((Reference("table-gone", "Table 9"), ".")))))
        assert "Table 9." in [p.text for p in file.paragraphs]
        assert "table_gone" not in file._element.xml


SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="96" height="48" viewBox="0 0 96 48"></svg>'


def widths(content: bytes) -> list[tuple[int, int]]:
    """For each table, its width and the sum of its columns', in twentieths of a point."""
    tables = list(opened(content)._element.iter(qn("w:tbl")))
    return [
        (int(t.tblPr.find(qn("w:tblW")).get(qn("w:w"))), sum(int(g.get(qn("w:w"))) for g in t.tblGrid))
        for t in tables
    ]


class TestTheTextArea:
    def test_no_table_is_wider_than_the_page(self, made):
        section = opened(made).sections[0]
        room = (section.page_width - section.left_margin - section.right_margin) // 635
        assert room == 9360
        assert widths(made)
        assert all(whole == columns <= room for whole, columns in widths(made))

    @pytest.mark.parametrize("columns", [1, 14])
    def test_long_words_and_many_columns_fit_too(self, columns):
        rows = tuple(tuple(f"{'long' * 20}{r}" for _ in range(columns)) for r in range(3))
        block = a_table(rows=rows, headings=("A heading",) * columns, numeric=(False,) * columns)
        ((whole, sum_of_columns),) = widths(word(small(block)))
        assert whole == sum_of_columns <= 9360

    def test_no_picture_is_larger_than_the_page(self, made):
        for extent in opened(made)._element.iter(qn("wp:extent")):
            assert int(extent.get("cx")) <= 9360 * 635
            assert int(extent.get("cy")) <= 9.1 * 914400 * 0.83


@pytest.fixture
def template(tmp_path) -> Path:
    """A district's template, made in a German Word: own ids of styles, A5, a letterhead, a closing line."""
    file = docx.Document()
    for style in file.styles.element.iter(qn("w:style"), qn("w:basedOn")):
        for name in (qn("w:styleId"), qn("w:val")):
            if style.get(name) == "Heading1":
                style.set(name, "berschrift1")
    file.styles["Heading 1"].font.size = Pt(31)
    section = file.sections[0]
    section.page_width, section.page_height = Inches(5.8), Inches(8.3)
    section.left_margin = section.right_margin = Inches(0.8)
    section.different_first_page_header_footer = True
    section.first_page_header.paragraphs[0].text = "Letterhead"
    section.header.paragraphs[0].text = "Lakeshore Unified"
    section.footer.paragraphs[0].text = "Board office"
    for text in ("Cover", "{{ report }}", "Signed"):
        file.add_paragraph(text)
    file.save(tmp_path / "district.docx")
    return tmp_path / "district.docx"


class TestTemplate:
    def test_the_report_takes_the_place_it_is_given(self, template):
        file = opened(word(small(Paragraph(("Text.",))), template=template))
        said = [p.text for p in file.paragraphs]
        assert said[0] == "Cover"
        assert said[-2:] == ["Text.", "Signed"]
        assert "{{ report }}" not in said

    def test_without_a_place_it_follows(self, template):
        file = docx.Document(str(template))
        file.paragraphs[1].text = "Page two"
        file.save(str(template))
        said = [p.text for p in opened(word(small(Paragraph(("Text.",))), template=template)).paragraphs]
        assert said[:3] == ["Cover", "Page two", "Signed"]
        assert said[-1] == "Text."

    def test_its_styles_lead_and_what_it_lacks_is_added(self, template):
        file = opened(word(small(a_table(), Bullets((("One.",),))), template=template))
        (heading,) = [p for p in file.paragraphs if p.text == "A heading" and p.style.name == "Heading 1"]
        assert heading.style.style_id == "berschrift1"
        assert heading.style.font.size == Pt(31)
        assert file.tables[0].style.name == "Report Table"
        (bullet,) = [p for p in file.paragraphs if p.text == "One."]
        assert bullet.style.name == "List Bullet"
        assert bullet.style.element.find(f".//{qn('w:numPr')}") is not None

    def test_every_style_that_is_used_or_rested_on_is_there(self, template):
        file = opened(word(small(a_table(), Callout("note", "H", (Paragraph(("x",)),))), template=template))
        known = {s.get(qn("w:styleId")) for s in file.styles.element.iter(qn("w:style"))}
        used = {e.get(qn("w:val")) for tag in ("w:pStyle", "w:tblStyle") for e in file._element.iter(qn(tag))}
        rests = {e.get(qn("w:val")) for e in file.styles.element.iter(qn("w:basedOn"))}
        assert used | rests <= known
        defaults = [s for s in file.styles.element.iter(qn("w:style"))
                    if s.get(qn("w:default")) == "1" and s.get(qn("w:type")) == "paragraph"]  # fmt: skip
        assert len(defaults) == 1

    def test_a_template_without_lists_gets_them(self, template):
        bare = without_numbering(template.read_bytes())
        template.write_bytes(bare)
        file = opened(word(small(Bullets((("One.",),))), template=template))
        (bullet,) = [p for p in file.paragraphs if p.text == "One."]
        number = bullet.style.element.find(f".//{qn('w:numId')}").get(qn("w:val"))
        defined = {n.get(qn("w:numId")) for n in file.part.numbering_part.element.iter(qn("w:num"))}
        assert number in defined

    def test_its_page_headers_and_footers_stay_and_are_stamped(self, template):
        section = opened(word(small(Paragraph(("x",)), simulated=True), template=template)).sections[0]
        assert [p.text.strip() for p in section.header.paragraphs] == ["Lakeshore Unified", "SIMULATED DATA"]
        assert [p.text.strip() for p in section.first_page_header.paragraphs] == [
            "Letterhead",
            "SIMULATED DATA",
        ]
        assert [p.text for p in section.footer.paragraphs] == ["Board office"]
        assert section.page_width == Inches(5.8)

    def test_without_stamps_its_headers_are_its_own(self, template):
        section = opened(word(small(Paragraph(("x",))), template=template)).sections[0]
        assert [p.text for p in section.header.paragraphs] == ["Lakeshore Unified"]

    def test_a_template_without_a_foot_gets_page_numbers(self, template):
        file = docx.Document(str(template))
        file.sections[0].footer.paragraphs[0].text = ""
        file.save(str(template))
        section = opened(word(small(Paragraph(("x",)), district="D"), template=template)).sections[0]
        assert [texts(p._p) for p in section.footer.paragraphs][-1] == "1 / 1"
        assert "PAGE" in section.footer.paragraphs[-1]._p.xml

    def test_tables_fit_its_page(self, document, template):
        room = round((5.8 - 1.6) * 1440)
        assert all(whole == columns <= room for whole, columns in widths(word(document, template=template)))

    def test_the_same_bytes_twice(self, template):
        document = small(a_table())
        assert word(document, template=template) == word(document, template=template)

    @pytest.mark.parametrize("content", [b"", b"no", b"PK\x03\x04", "workbook"])
    def test_what_word_cannot_read_is_refused_in_one_line(self, tmp_path, content):
        path = tmp_path / "template.docx"
        path.write_bytes(workbook() if content == "workbook" else content)
        with pytest.raises(FindingError) as told:
            word(small(Paragraph(("x",))), template=path)
        assert len(told.value.problems) == 1
        assert "template.docx: This template cannot be read as a Word document." in str(told.value)


def workbook() -> bytes:
    from openpyxl import Workbook

    Workbook().save(file := io.BytesIO())
    return file.getvalue()


def without_numbering(content: bytes) -> bytes:
    """Take the definitions of lists out of a Word file, and the lists out of its styles."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            if name == "word/numbering.xml":
                continue
            if name == "word/_rels/document.xml.rels":
                text = re.sub(rb"<Relationship [^>]*numbering[^>]*/>", b"", text)
            if name == "[Content_Types].xml":
                text = re.sub(rb"<Override [^>]*numbering[^>]*/>", b"", text)
            if name == "word/styles.xml":
                text = re.sub(rb"<w:numPr>.*?</w:numPr>", b"", text, flags=re.S)
            new.writestr(name, text)
    return out.getvalue()


class TestTheParamsNameATemplate:
    @pytest.fixture
    def content(self, root, tmp_path):
        for folder in ("notebooks", "params", "data"):
            (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / "data/reference").symlink_to(root / "data/reference")
        (tmp_path / "data/simulated").symlink_to(root / "data/simulated")
        told = yaml.safe_load((root / "params/prairie.yml").read_text())["params"]
        told["district"]["leaid"] = "none"
        return told

    def read(self, content, path, root):
        content["sources"]["template"] = {"path": path}
        return read_params(content, root=root)

    def test_it_is_a_declared_input(self, content, template, tmp_path):
        params = self.read(content, "district.docx", tmp_path)
        assert params.source_paths()["template"] == tmp_path / "district.docx"
        assert params.resolved()["sources"]["template"] == {"path": "district.docx"}

    def test_a_study_without_one_is_as_before(self, content, tmp_path):
        assert "template" not in read_params(content, root=tmp_path).resolved()["sources"]

    @pytest.mark.parametrize(("path", "what"), [
        ("gone.docx", 'There is no file "gone.docx"'),
        ("letter.doc", '"letter.doc" does not end in .docx'),
        ("locked.docx", '"locked.docx" cannot be read as a Word document'),
    ])  # fmt: skip
    def test_what_cannot_be_a_template_is_refused(self, content, tmp_path, path, what):
        (tmp_path / "letter.doc").write_bytes(b"x")
        (tmp_path / "locked.docx").write_bytes(b"\xd0\xcf\x11\xe0")
        with pytest.raises(ParamsError, match=re.escape(what)) as told:
            self.read(content, path, tmp_path)
        assert len(told.value.problems) == 1
        assert "sources.template" in str(told.value)


EXPORT = ('pdf:writer_pdf_Export:{"UseTaggedPDF":{"type":"boolean","value":"true"},'
          '"ExportBookmarks":{"type":"boolean","value":"true"}}')  # fmt: skip


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """Give a function that lets LibreOffice convert a Word file: office(content, to, ending) -> Path."""
    if shutil.which("soffice") is None:
        if os.environ.get("RPEVAL_REQUIRE_BROWSER") == "1":
            pytest.fail("LibreOffice (soffice) is not installed")
        pytest.skip("LibreOffice (soffice) is not installed")
    home = tmp_path_factory.mktemp("office")

    def convert(content: bytes, to: str, ending: str) -> Path:
        (home / "report.docx").write_bytes(content)
        profile = f"-env:UserInstallation={(home / 'profile').as_uri()}"
        subprocess.run(
            ["soffice", profile, "--headless", "--convert-to", to, "--outdir", home / "out", home / "report.docx"],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip
        return home / "out" / f"report.{ending}"

    return convert


@pytest.fixture(scope="module")
def page_file(office, made) -> Path:
    return office(made, EXPORT, "pdf")


@pytest.fixture(scope="module")
def printed(page_file):
    with pikepdf.open(page_file) as pdf:
        yield pdf


def structure(pdf) -> list[tuple[str, pikepdf.Dictionary]]:
    """Every element of a PDF's structure with its role, in order."""
    roles = pdf.Root.StructTreeRoot.get("/RoleMap", {})
    found = []

    def walk(element):
        if isinstance(element, pikepdf.Array):
            for one in element:
                walk(one)
        elif isinstance(element, pikepdf.Dictionary) and "/S" in element:
            found.append((str(roles.get(element.S, element.S)), element))
            walk(element.get("/K", pikepdf.Array()))

    walk(pdf.Root.StructTreeRoot.K)
    return found


class TestInLibreOffice:
    def test_headings_are_bookmarks_of_the_pdf(self, document, printed):
        with printed.open_outline() as outline:
            found = [item.title for top in outline.root for item in (top, *top.children)]
        assert found == [s.heading for s in document.sections]

    def test_pictures_keep_their_words(self, document, printed):
        figures = [e for role, e in structure(printed) if role == "/Figure"]
        assert [str(f.Alt).split(" - ", 1)[-1].strip() for f in figures] == [
            f.alt for f in document.figures()
        ]

    def test_headings_captions_and_header_cells_are_tagged(self, document, printed):
        roles = [role for role, _ in structure(printed)]
        assert roles.count("/H1") == sum(s.level == 2 for s in document.sections)
        assert roles.count("/H2") == sum(s.level == 3 for s in document.sections)
        assert roles.count("/Caption") == len(exhibits(document))
        assert roles.count("/Table") >= len(printed_tables(document))
        assert roles.count("/TH") >= sum(len(t.headings) for t in printed_tables(document))
        assert printed.Root.Lang == "en-US"

    def test_every_number_can_be_read_in_the_pdf(self, document, page_file):
        read = subprocess.run(["pdftotext", page_file, "-"], capture_output=True, text=True, check=True)
        said = re.sub(r"\s+", " ", read.stdout)
        short = {n.shown for n in numbers_of(document) if " " not in n.shown}
        assert short
        assert not [n for n in short if n not in said]

    def test_numbers_keep_their_names_when_it_saves_again(self, document, office, made):
        again = office(made, "docx", "docx")
        assert marked(again) == [(mark_of(n), n.shown) for n in numbers_of(document)]
