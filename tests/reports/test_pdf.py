"""The PDF: tagged for screen readers, every number in it, nothing beside the page, the same bytes each time."""

import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import pikepdf
import pypdf
import pytest
from report_folder import blocks_of, write_folder

from rpeval.errors import FindingError
from rpeval.reports.blocks import (
    Block,
    Bullets,
    Callout,
    Declared,
    Document,
    FigureBlock,
    Number,
    Paragraph,
    Reference,
    Run,
    Section,
    TableBlock,
    opened,
)
from rpeval.reports.catalog import read_catalog
from rpeval.reports.document import build
from rpeval.reports.pages import pdf as pdf_module
from rpeval.reports.pages.pdf import elsewhere, pdf

WORDS = read_catalog("report")["words"]
KINDS = {
    "plain": {}, "refused draft": {"refused": True, "draft": True}, "real": {"simulated": False, "bare": True},
}  # fmt: skip


def text_of(run: Run) -> str:
    return run if isinstance(run, str) else run.text if isinstance(run, Declared) else run.shown


def bare(text: str) -> str:
    """Give text without spaces, as lines of a page may break anywhere, and without ligatures."""
    return re.sub(r"[\s\u200b]+", "", text.replace("ﬁ", "fi").replace("ﬂ", "fl").replace("ﬀ", "ff"))


@dataclass
class Made:
    """A document, its PDF, and what other programs read in it."""

    document: Document
    data: bytes

    @cached_property
    def pages(self) -> list[str]:
        return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(self.data)).pages]

    @cached_property
    def text(self) -> str:
        """The text of all pages, without what stands at the head and the foot of each."""
        head = f"{re.escape(bare(self.document.title))}({bare(WORDS['simulated'])}|{bare(WORDS['draft'])})*"
        lines = [line for page in self.pages for line in page.split("\n")]
        kept = [line for line in lines if not re.fullmatch(r".*\d+ of \d+", line)]
        return bare("".join(line for line in kept if not re.fullmatch(head, bare(line))))

    @cached_property
    def opened(self) -> pikepdf.Pdf:
        return pikepdf.open(io.BytesIO(self.data))

    @cached_property
    def blocks(self) -> list[Block]:
        return blocks_of(self.document)

    def tagged(self, tag: str) -> list[pikepdf.Dictionary]:
        return [e for e in _elements(self.opened.Root.StructTreeRoot.K) if e.get("/S") == f"/{tag}"]

    def fonts(self) -> Iterator[pikepdf.Dictionary]:
        for thing in self.opened.objects:
            is_font = isinstance(thing, pikepdf.Dictionary) and thing.get("/Type") == "/Font"
            if is_font and thing.get("/Subtype") != "/Type0":
                yield thing


def _elements(at) -> Iterator[pikepdf.Dictionary]:
    if isinstance(at, pikepdf.Array):
        for one in at:
            yield from _elements(one)
    elif isinstance(at, pikepdf.Dictionary):
        if "/S" in at:
            yield at
        if "/K" in at:
            yield from _elements(at["/K"])


@pytest.fixture(scope="module", params=KINDS)
def made(request, tmp_path_factory) -> Made:
    document = build(write_folder(tmp_path_factory.mktemp("pdf"), **KINDS[request.param]))
    return Made(document, pdf(document))


@pytest.fixture(scope="module", params=["lakeshore", "riverbend", "prairie"])
def study(request, studies) -> Made:
    document = build(studies / request.param)
    return Made(document, pdf(document))


def check_accessible(made: Made) -> None:
    """Assert what PDF/UA-1 asks for, as far as a program can see it."""
    root = made.opened.Root
    assert root.MarkInfo.Marked
    assert str(root.Lang).startswith(made.document.lang)
    assert root.ViewerPreferences.DisplayDocTitle
    with made.opened.open_metadata() as told:
        assert told["pdfuaid:part"] == "1"
        assert told["dc:title"] == made.document.title
        assert told["dc:creator"] == ["rpeval"]
        assert "xmp:CreateDate" not in told
    assert {str(page.get("/Tabs")) for page in made.opened.pages} == {"/S"}
    links = [a for p in made.opened.pages for a in p.get("/Annots", [])]
    assert links
    assert all(str(link.get("/Contents", "")).strip() for link in links)


def check_tags(made: Made) -> None:
    """Assert that figures speak, that headings of columns say what they head, and that captions are captions."""
    drawn = made.document.figures()
    assert [str(f.get("/Alt")) for f in made.tagged("Figure")] == [b.alt for b in drawn]
    tables = [b for b in made.blocks if isinstance(b, TableBlock) and not elsewhere(b)]
    assert len(made.tagged("Table")) == len(tables)
    assert len(made.tagged("Caption")) == len(tables) + len(drawn)
    heads = made.tagged("TH")
    assert len(heads) == sum(len(b.headings) for b in tables)
    assert all(_scope(head) == "/Column" for head in heads)
    assert len(made.tagged("TD")) == sum(len(row) for b in tables for row in b.rows)
    assert len(made.tagged("Title")) == 1


def _scope(head: pikepdf.Dictionary) -> str:
    told = head.A if isinstance(head.A, pikepdf.Array) else [head.A]
    return next((str(a.Scope) for a in told if "/Scope" in a), "")


def check_bookmarks(made: Made) -> None:
    def listed(items, depth=2):
        for item in items:
            if isinstance(item, list):
                yield from listed(item, depth + 1)
            else:
                yield depth, item.title

    outline = list(listed(pypdf.PdfReader(io.BytesIO(made.data)).outline))
    assert outline == [(s.level, s.heading) for s in made.document.sections]


def check_fonts(made: Made) -> None:
    fonts = list(made.fonts())
    assert fonts
    for font in fonts:
        told = font.FontDescriptor
        assert any(key in told for key in ("/FontFile", "/FontFile2", "/FontFile3")), font.BaseFont


def check_stamps(made: Made) -> None:
    stamps = {WORDS["simulated"]: made.document.simulated, WORDS["draft"]: made.document.draft}
    for stamp, meant in stamps.items():
        assert [stamp in page for page in made.pages] == [meant] * len(made.pages), stamp
    for banner, meant in (
        ("simulated_banner", made.document.simulated),
        ("draft_banner", made.document.draft),
    ):
        assert (bare(WORDS[banner]) in bare(made.pages[0])) == meant


def check_text(made: Made) -> None:
    """Assert that every block is there with all its text, and each row of a table in one piece."""
    for section in made.document.sections:
        assert bare(section.heading) in made.text
    for block in made.blocks:
        for piece in _pieces(block):
            assert bare(piece) in made.text, piece


def _pieces(block: Block) -> Iterator[str]:
    def whole(runs):
        return "".join(text_of(run) for run in runs)

    match block:
        case Paragraph(runs):
            yield from (text_of(run) for run in runs)
        case Bullets(items):
            yield from (text_of(run) for item in items for run in item)
        case Callout(_, heading, _):
            yield heading
        case FigureBlock():
            yield from (block.name, whole(block.caption), whole(block.note))
            yield elsewhere(block.table) if block.table else ""
        case TableBlock():
            yield from (block.name, whole(block.caption), whole(block.note), elsewhere(block))
            if not elsewhere(block):
                yield whole(block.headings)
                yield from (whole(row) for row in block.rows)


def check_left_out(made: Made) -> None:
    """Assert that the numbers behind figures and the index are not printed, and that page one says so."""
    assert bare(WORDS["pdf_leaves_out"]) in bare(made.pages[0])
    index = next(b for b in made.blocks if isinstance(b, TableBlock) and b.id == "index")
    for left_out in (index, *(f.table for f in made.document.figures() if f.table)):
        assert bare(elsewhere(left_out)) in made.text
    assert not any(bare("".join(map(text_of, row))) in made.text for row in index.rows)


def check_all(made: Made) -> None:
    check_accessible(made)
    check_tags(made)
    check_bookmarks(made)
    check_fonts(made)
    check_stamps(made)
    check_text(made)
    check_left_out(made)
    n = len(made.pages)
    for number, page in enumerate(made.pages, start=1):
        assert f"{number} of {n}" in page


def test_every_kind_of_report_is_whole_and_accessible(made):
    check_all(made)


def test_every_study_is_whole_and_accessible(study):
    check_all(study)
    assert len(study.pages) <= 45
    assert len(study.data) < 2_000_000


def test_the_summary_gives_its_numbers_on_the_pages_after_the_contents(study):
    numbers = {
        run.shown
        for section in study.document.sections if section.id.startswith("summary")
        for block in opened(section.blocks)
        for runs in ((block.runs,) if isinstance(block, Paragraph) else getattr(block, "items", ()))
        for run in runs if isinstance(run, Number)
    }  # fmt: skip
    first = bare("".join(study.pages[1:4]))
    assert numbers
    assert not [n for n in numbers if bare(n) not in first]


def test_the_same_document_gives_the_same_bytes(study):
    assert pdf(study.document) == study.data


def test_another_process_gives_the_same_bytes(tmp_path):
    folder = write_folder(tmp_path, refused=True, survey=False)
    code = ("import sys,hashlib;from rpeval.reports.document import build;from rpeval.reports.pages.pdf import pdf;"
            "print(hashlib.sha256(pdf(build(sys.argv[1]))).hexdigest())")  # fmt: skip
    environment = os.environ | {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, env=environment,
                          cwd=tmp_path)  # fmt: skip
    assert done.stdout.strip() == hashlib.sha256(pdf(build(folder))).hexdigest(), done.stderr


def boxes(made: Made) -> Iterator[tuple[int, list[tuple[float, float, float, float, str]]]]:
    """Give the words of each page with the place of each, as poppler sees them."""
    if shutil.which("pdftotext") is None:
        reason = "pdftotext is not installed"
        (pytest.fail if os.environ.get("RPEVAL_REQUIRE_BROWSER") == "1" else pytest.skip)(reason)
    done = subprocess.run(["pdftotext", "-bbox", "-", "-"], input=made.data, capture_output=True, check=True)
    xml = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "", done.stdout.decode())
    spaced = ET.fromstring(xml[xml.index("<html") :])
    name = "{http://www.w3.org/1999/xhtml}"
    for number, page in enumerate(spaced.iter(f"{name}page"), start=1):
        sides = ("xMin", "yMin", "xMax", "yMax")
        yield number, [(*(float(w.get(s)) for s in sides), w.text or "") for w in page.iter(f"{name}word")]


def test_nothing_leaves_the_text_area_and_no_words_overlap(study):
    for number, words in boxes(study):
        for left, top, right, bottom, word in words:
            assert 73 <= left < right <= 612 - 73, (number, word)
            assert 30 <= top < bottom <= 792 - 20, (number, word)
        for one, two in combinations(words, 2):
            across = min(one[2], two[2]) - max(one[0], two[0])
            down = min(one[3], two[3]) - max(one[1], two[1])
            assert across < 1 or down < 4, (number, one[4], two[4])


def drawn(*blocks: Block, **more) -> Document:
    section = Section("one", "First", blocks)
    told = {"title": "T", "subtitle": (), "lang": "en", "simulated": True, "draft": False, "words": WORDS}
    return Document(**told | {"sections": (section,)} | more)


def table(*rows: tuple[str, ...], **more) -> TableBlock:
    rows = tuple(tuple(Declared(cell, "t") for cell in row) for row in rows)
    heads = tuple(Declared(f"Head {i}", "t") for i in range(len(rows[0])))
    told = {"id": "a.b", "anchor": "table-a-b", "name": "Table 1", "caption": ("Caption",), "headings": heads,
            "numeric": (False,) * len(heads), "rows": rows}  # fmt: skip
    return TableBlock(**told | more)


HOSTILE = [
    "#panic()", "$x$ \\ * _ ] [ ) {", "<script>alert(1)</script>", "// gone", "/* gone */", "= Heading", "`raw` @ref",
    "{page} ~ -- ... '\"", "#sys.inputs.document",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_arrives_as_text(text):
    blocks = (
        Paragraph((text, Number("a.b", text), Declared(text, "params"), Reference("nowhere", text))),
        Bullets(((text,),)),
        Callout("fold", text, (table((text, text), caption=(text,), note=(text,), name=text, anchor=text),)),
    )
    document = drawn(title=text, district=text, subtitle=(text,), sections=(Section("one", text, blocks),))
    made = Made(document, pdf(document))
    assert bare("".join(made.pages)).count(bare(text)) == 18
    with made.opened.open_metadata() as told:
        assert told["dc:title"] == text


def test_letters_of_other_scripts_are_not_lost_and_those_without_a_font_give_their_number():
    text = "Nguyễn Peña Đặng Łukasz Ωμέγα Жан ½ ≥ − “a” … "
    document = drawn(Paragraph((text + "東京\x07",)), table((text, "1")))
    made = Made(document, pdf(document))
    assert made.text.count(bare(text)) == 2
    assert bare(text) + "U+6771U+4EACU+0007" in made.text


def test_words_longer_than_a_line_and_many_columns_stay_on_the_page():
    long = "x" * 300
    wide = table(*[tuple(f"value{i}.{j}" for j in range(14)) for i in range(3)])
    document = drawn(Paragraph((long,)), table((long, "2", long)), wide, title=long)
    made = Made(document, pdf(document))
    for number, words in boxes(made):
        assert all(73 <= left < right <= 539 for left, _, right, _, _ in words), number


def test_a_long_table_repeats_its_headings_on_every_page():
    rows = [(f"row {i}", "some words that say something", str(i)) for i in range(120)]
    made = Made(document := drawn(table(*rows)), pdf(document))
    assert len(made.pages) >= 4
    assert all("Head 0" in page and "Head 2" in page for page in made.pages[1:])
    assert len(made.tagged("TH")) == 3


def test_references_lead_to_what_they_name_and_a_lost_one_is_plain_text():
    runs = (Reference("table-a-b", "Table 1"), " and ", Reference("gone", "Table 9"))
    made = Made(document := drawn(Paragraph(runs), table(("a", "b")), table(("a", "b"))), pdf(document))
    assert len(made.tagged("Link")) == 1 + len(document.sections)
    assert "Table1andTable9" in made.text


def test_a_figure_without_alternative_text_is_refused():
    square = '<svg xmlns="http://www.w3.org/2000/svg" width="72" height="72"></svg>'
    figure = FigureBlock("a.b", "figure-a-b", "Figure 1", ("Caption",), "A square.", square)
    assert pdf(drawn(figure))
    with pytest.raises(FindingError, match=r"a\.b: The figure has no alternative text"):
        pdf(drawn(replace(figure, alt=" ")))


def test_pages_that_do_not_settle_are_set_again_without_waiting_figures(monkeypatch):
    asked = []

    def typeset(told, *, floating):
        asked.append(floating)
        return floating.encode(), floating == "no"

    monkeypatch.setattr(pdf_module, "_typeset", typeset)
    assert pdf(drawn(Paragraph(("a",)))) == b"no"
    assert asked == ["yes", "no"]
