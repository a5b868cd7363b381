"""The notebooks of a study as they ran, each an accessible page: words, code, what was printed or drawn."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import mistune
from markupsafe import Markup, escape

from rpeval.errors import FindingError, Problem
from rpeval.findings.passport import Passport
from rpeval.reports.blocks import Document
from rpeval.reports.pages.html import write
from rpeval.reports.pages.lighter import lighter

DRAWN = {"svg", "g", "path", "use", "defs", "clipPath", "rect", "circle", "line", "title", "text", "tspan"}


@dataclass(frozen=True, slots=True)
class Shown:
    """One thing that a cell showed.

    kind   : text, table, picture, or hidden (a picture that cannot be shown here)
    rows   : of a table, the first one its headings
    figure : anchor of the same picture in the report, empty where the report has no such figure
    """

    kind: str
    text: str = ""
    rows: tuple[tuple[str, ...], ...] = ()
    figure: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a notebook. text : its words, as HTML; code : its code; made : ids of numbers it made"""

    id: str
    text: str = ""
    code: str = ""
    shown: tuple[Shown, ...] = ()
    made: tuple[str, ...] = ()


@dataclass(slots=True)
class Outline:
    """The headings of a notebook, gathered while its words are written."""

    title: str = ""
    parts: list[tuple[str, str]] = field(default_factory=list)


def appendix(folder: Path | str, *, document: Document, passports: Sequence[Passport] = ()) -> dict[str, str]:
    """Write a page for each notebook in a study's folder.

    Use it for the technical appendix, beside the report. No script, no network; HTML inside a notebook is
    shown as text; pictures are those that this package drew, with their text alternative.
    folder    : reports/<study>, with notebooks/*.ipynb as they ran
    document  : the report, for its title, language, stamps, words and figures
    passports : of the numbers that have an entry in numbers.html; a cell names those that it made
    Returns the pages by the names of the notebooks, in order; none where there are no notebooks.
    Refuses (FindingError) a file that is no notebook.
    """
    paths = sorted((Path(folder) / "notebooks").glob("*.ipynb"))
    return {path.stem: _page(path, document, passports) for path in paths}


def _page(path: Path, document: Document, passports: Sequence[Passport]) -> str:
    outline, figures = Outline(path.stem), {f"{f.anchor}-alt": f.anchor for f in document.figures()}
    made: dict[str, list[str]] = {}
    for p in passports:
        made.setdefault(p.cell if p.notebook == path.stem else "", []).append(p.id)
    told = _markdown(outline)
    cells = [_cell(cell, told, figures, made) for cell in _cells(path)]
    svgs = [shown.text for cell in cells for shown in cell.shown if shown.kind == "picture"]
    light, looks = lighter(svgs)
    return write(
        "appendix.html.j2", styles=["report", "appendix"], scripts=[], looks=Markup(looks), document=document,
        notebook=path.stem, outline=outline, cells=cells,
        pictures=dict(zip(svgs, map(Markup, light), strict=True)),
    )  # fmt: skip


def _cells(path: Path) -> list[dict[str, Any]]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))["cells"]
    except (ValueError, KeyError, TypeError):
        raise FindingError(Problem(str(path), "This is not a notebook.", "Run the study again.")) from None


def _cell(
    cell: Mapping[str, Any], told: Any, figures: Mapping[str, str], made: Mapping[str, list[str]]
) -> Cell:
    source, id = "".join(cell["source"]), cell.get("id", "")
    if cell["cell_type"] != "code":
        return Cell(id, text=Markup(told(source)))
    outputs = (_shown(output, figures) for output in cell.get("outputs", []))
    return Cell(id, code=source, shown=tuple(_joined(filter(None, outputs))), made=tuple(made.get(id, ())))


def _joined(all: Iterator[Shown]) -> Iterator[Shown]:
    """Put texts together that were printed one after the other."""
    last = None
    for shown in all:
        if last and last.kind == shown.kind == "text":
            last = replace(last, text=last.text + shown.text)
            continue
        if last:
            yield last
        last = shown
    if last:
        yield last


def _shown(output: Mapping[str, Any], figures: Mapping[str, str]) -> Shown | None:
    """Give what one output shows in the best form that every reader can use."""
    data = {
        kind: text if isinstance(text, str) else "".join(text)
        for kind, text in output.get("data", {}).items()
    }
    if "image/svg+xml" in data:
        return _picture(data["image/svg+xml"], figures)
    if any(kind.startswith("image/") for kind in data):
        return Shown("hidden")
    rows = table_rows(data.get("text/html", ""))
    if rows:
        return Shown("table", rows=rows)
    text = (
        "".join(output.get("text", ""))
        or data.get("text/plain", "")
        or "\n".join(output.get("traceback", []))
    )
    return Shown("text", re.sub(r"\x1b\[[0-9;]*m", "", text)) if text.strip() else None


def _picture(svg: str, figures: Mapping[str, str]) -> Shown:
    svg = svg[max(svg.find("<svg"), 0) :]
    label = re.search(r'aria-labelledby="([^"]*)"', svg)
    anchor = figures.get(label[1], "") if label else ""
    return Shown("picture", svg, figure=anchor) if is_ours(svg) else Shown("hidden", figure=anchor)


def is_ours(svg: str) -> bool:
    """Say whether a picture is one that this package draws: plain shapes, a text alternative, no address.

    >>> is_ours('<svg role="img" aria-labelledby="a"><title id="a">A</title><path d="M0 0"/></svg>')
    True
    >>> is_ours('<svg role="img" aria-labelledby="a"><script>1</script></svg>')
    False
    """
    try:
        root = ElementTree.fromstring(svg)
    except ElementTree.ParseError:
        return False
    for part in root.iter():
        names = {re.sub(r"\{.*\}", "", name): text for name, text in part.attrib.items()}
        links = [names.get("href", "#"), *re.findall(r"url\(([^)]*)\)", " ".join(names.values()))]
        plain = re.sub(r"\{.*\}", "", part.tag) in DRAWN and all(link.startswith("#") for link in links)
        if not plain or any(name.lower().startswith("on") for name in names):
            return False
    return root.get("role") == "img" and root.find("{*}title") is not None


def table_rows(text: str) -> tuple[tuple[str, ...], ...]:
    """Read a data frame's HTML as rows of text, the headings first; without its counter of rows.

    Returns nothing where there is no table, more than one, or one with headings over several columns.

    >>> table_rows("<table><thead><tr><th></th><th>a</th></tr></thead><tr><th>0</th><td>5</td></tr></table>")
    (('a',), ('5',))
    """
    tables = re.findall(r"<table.*?</table>", text, re.S)
    try:
        table = ElementTree.fromstring(tables[0])
    except (IndexError, ElementTree.ParseError):
        return ()
    spans = table.findall(".//*[@colspan]") + table.findall(".//*[@rowspan]")
    rows = [tuple("".join(cell.itertext()).strip() for cell in row) for row in table.iter("tr")]
    heads = len(table.findall("thead/tr"))
    if len(tables) > 1 or spans or heads != 1 or len(rows) < 2 or len({*map(len, rows)}) > 1:
        return ()
    if rows[0][0] == "" and [row[0] for row in rows[1:]] == [str(i) for i in range(len(rows) - 1)]:
        rows = [row[1:] for row in rows]
    return tuple(rows) if rows[0] else ()


def _markdown(outline: Outline) -> Any:
    return mistune.create_markdown(escape=True, renderer=_Words(outline), plugins=["table"])


class _Words(mistune.HTMLRenderer):
    """Writes a notebook's words: its title becomes the page's, headings get names, pictures are told."""

    def __init__(self, outline: Outline):
        super().__init__(escape=True)
        self.outline, self.titled = outline, False

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        if level == 1 and not self.titled:
            self.outline.title, self.titled = str(Markup(text).striptags()), True
            return ""
        level = max(level, 2)
        if level > 2:
            return f"<h{level}>{text}</h{level}>\n"
        id = f"part-{len(self.outline.parts) + 1}"
        self.outline.parts.append((id, str(Markup(text).striptags())))
        return f'<h2 id="{id}">{text}</h2>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        return f'<a href="{escape(url)}">{text}</a>' if re.match(r"https?://|#", url) else text

    def image(self, text: str, url: str, title: str | None = None) -> str:
        return text

    def table_cell(self, text: str, align: str | None = None, head: bool = False) -> str:
        return f'<th scope="col">{text}</th>\n' if head else f"<td>{text}</td>\n"
