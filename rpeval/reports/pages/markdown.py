"""A document as Markdown: CommonMark with pipe tables, to paste into a proposal or a form."""

import re
from collections.abc import Iterator, Sequence

from rpeval.reports.blocks import (
    Block,
    Bullets,
    Callout,
    Declared,
    Document,
    FigureBlock,
    Mixed,
    Number,
    Paragraph,
    Run,
    Runs,
    Section,
    TableBlock,
    plain,
)


def markdown(document: Document, *, pictures: str = "figures/{id}.svg") -> str:
    """Write a document as CommonMark with pipe tables.

    Use it where a text is pasted into something else. Simulated data and drafts are told first. After each
    part with numbers a comment, which no reader sees, names the findings they come from.
    pictures : where the picture of a figure is, beside the text; {id} stands for the figure's id

    >>> from rpeval.reports.blocks import Document
    >>> words = {"kicker": "Report"}
    >>> part = Section("a", "Data", (Paragraph((Number("data.schools", "60"), " schools*"),),))
    >>> print(markdown(Document("A & B", (), "en", False, False, (part,), words=words)))
    # A & B
    <BLANKLINE>
    Report
    <BLANKLINE>
    ## Data
    <BLANKLINE>
    60 schools\\*
    <BLANKLINE>
    <!-- findings: data.schools -->
    <BLANKLINE>
    """
    words = document.words
    stamps = [name for name in ("simulated", "draft") if getattr(document, name)]
    parts = [f"> **{escaped(words[s])}.** {escaped(words[f'{s}_banner'])}" for s in stamps]
    parts += [f"# {escaped(document.title)}", escaped(words["kicker"])]
    parts += [escaped(plain(document.subtitle))] if document.subtitle else []
    for section in document.sections:
        parts += _section(section, document, pictures)
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Write text so that Markdown shows it as it is, in one line.

    >>> escaped("2. *a* | b"), escaped("x_y <b>")
    ('2\\\\. \\\\*a\\\\* \\\\| b', 'x\\\\_y \\\\<b\\\\>')
    """
    line = re.sub(r"([\\`*_\[\]<>|~])", r"\\\1", " ".join(text.split()))
    line = re.sub(r"&(?=#?\w+;)", r"\\&", line)
    return re.sub(r"^(\d*)([#+=.)-])", r"\1\\\2", line)


def _section(section: Section, document: Document, pictures: str) -> Iterator[str]:
    yield f"{'#' * section.level} {escaped(section.heading)}"
    for block in section.blocks:
        yield from _block(block, document, pictures)


def _block(block: Block, document: Document, pictures: str) -> Iterator[str]:
    """Give the parts of a block, which blank lines part."""
    match block:
        case Paragraph():
            yield escaped(plain(block.runs))
            yield from _named(block.runs)
        case Bullets():
            yield "\n".join(f"- {escaped(plain(item))}" for item in block.items)
            yield from _named([run for item in block.items for run in item])
        case TableBlock():
            yield from _table(block, block.name)
        case FigureBlock():
            yield _titled(block.name, block.caption)
            yield f"![{escaped(block.alt)}]({pictures.format(id=block.id)})"
            yield from ([escaped(plain(block.note))] if block.note else [])
            if block.table:
                yield from _table(block.table, f"{document.words['behind']} {block.name}")
        case Callout():
            yield from _callout(block, document, pictures)


def _callout(block: Callout, document: Document, pictures: str) -> Iterator[str]:
    inner = [part for b in block.blocks for part in _block(b, document, pictures)]
    parts = [f"**{escaped(block.heading)}**", *inner]
    if block.kind == "fold":
        yield from parts
    else:
        yield "\n>\n".join("\n".join(f"> {line}" for line in part.split("\n")) for part in parts)


def _titled(name: str, caption: Runs) -> str:
    return f"**{escaped(name)}.** {escaped(plain(caption))}"


def _table(block: TableBlock, name: str) -> Iterator[str]:
    yield _titled(name, block.caption)
    rows = [block.headings, ["---:" if number else "---" for number in block.numeric], *block.rows]
    lines = [[c if i == 1 else escaped(plain((c,))) for c in row] for i, row in enumerate(rows)]
    yield "\n".join(f"| {' | '.join(line)} |" for line in lines)
    if block.note:
        yield escaped(plain(block.note))
    cells = [cell for row in block.rows for cell in row]
    yield from _named([*block.headings, *cells, *block.note])


def _named(runs: Sequence[Run]) -> Iterator[str]:
    """Name the findings and released tables that runs come from, as a comment; nothing when there is none."""
    ids = dict.fromkeys(id for run in runs for id in _ids(run))
    if ids:
        yield f"<!-- findings: {' '.join(ids)} -->"


def _ids(run: Run) -> list[str]:
    match run:
        case Mixed():
            return [id for inner in run.runs for id in _ids(inner)]
        case Number():
            return [run.finding_id.split("/")[0]]
        case Declared() if run.source.startswith("table:") or "/" in run.source:
            return [run.source.removeprefix("table:").split("/")[0]]
    return []
