"""Tables of a Word document: native, with widths that follow from what the columns hold."""

from collections.abc import Callable, Sequence
from xml.sax.saxutils import quoteattr

from rpeval.reports import blocks
from rpeval.reports.blocks import Run, TableBlock
from rpeval.reports.pages.word_xml import paragraph, plain

SIZE = 170  # of the letters in tables, in twentieths of a point
PADDING = 170  # left and right of a cell, together
WIDEST = 1.7  # how far a small table may be stretched beyond what it needs
RIGHT = '<w:jc w:val="right"/>'
WHOLE = 10  # rows up to which a table is kept on one page
_WIDTHS = dict.fromkeys("ijl.,;:'|!()[]It/ ", 0.3) | dict.fromkeys("mwMW%—", 0.86)


def told(run: Run) -> str:
    """Give the text of a run."""
    return blocks.plain((run,))


def text_width(text: str, *, bold: bool = False) -> float:
    """Estimate how wide a text of a table runs, in twentieths of a point, a little more rather than less."""
    widths = sum(_WIDTHS.get(c, 0.70 if c.isupper() else 0.56) for c in text)
    return widths * SIZE * (1.08 if bold else 1)


def column_widths(block: TableBlock, *, room: int) -> list[int]:
    """Share the width of a page among a table's columns, in twentieths of a point.

    A table that fits keeps its cells on one line each, its headings on one, two or three. Of one that does
    not, columns that need less than an equal share get what they need, and the others share the rest by how
    much they hold; a number is never broken. Together they never exceed the room.
    """
    for lines in (1, 2, 3):
        least, most = zip(*(_needs(block, c, lines) for c in range(len(block.headings))), strict=True)
        if sum(most) <= room:
            stretch = min(room / sum(most), WIDEST)
            return [int(width * stretch) for width in most]
    widths, left, rest = [0.0] * len(most), float(room), set(range(len(most)))
    while modest := {c for c in rest if most[c] <= left / len(rest)}:
        for column in modest:
            widths[column] = most[column]
        left, rest = left - sum(most[c] for c in modest), rest - modest
    spare, wish = left - sum(least[c] for c in rest), sum(most[c] - least[c] for c in rest)
    for column in rest:
        fair = least[column] + spare * (most[column] - least[column]) / (wish or 1)
        widths[column] = fair if spare > 0 else least[column] * left / (left - spare)
    return [int(width) for width in widths]


def _needs(block: TableBlock, column: int, lines: int) -> tuple[float, float]:
    """Give the least width of a column, that of its longest word, and that at which no cell breaks.

    lines : over how many lines the heading may run
    """
    texts, heading = [told(row[column]) for row in block.rows], told(block.headings[column])
    whole = max((text_width(text) for text in texts), default=0.0)
    parts = [whole] if block.numeric[column] else [text_width(w) for text in texts for w in text.split()]
    least = max([*parts, *(text_width(word, bold=True) for word in heading.split())], default=0.0)
    return least + PADDING, max(least, whole, text_width(heading, bold=True) / lines) + PADDING


def table(
    block: TableBlock, *, room: int, write: Callable[[Run], str], style: Callable[[str], str], title: str,
    description: str,
) -> str:  # fmt: skip
    """Write a table: a header row that is repeated on each page, and rows that no page break divides.

    room  : width of the page's text, in twentieths of a point
    write : makes the runs of a cell; style: gives the id of a style from its name
    title, description : its name and what it is about, for those who hear it
    """
    widths = column_widths(block, room=room)
    grid = "".join(f'<w:gridCol w:w="{width}"/>' for width in widths)
    rows = [_row(block, block.headings, widths, write, style("Report Cell Heading"), head=True)]
    for number, cells in enumerate(block.rows, start=1):
        last = number == len(block.rows)
        keep = bool(block.note) if last else len(block.rows) <= WHOLE
        rows.append(_row(block, cells, widths, write, style("Report Cell"), keep=keep))
    return (
        f'<w:tbl><w:tblPr><w:tblStyle w:val="{style("Report Table")}"/>'
        f'<w:tblW w:w="{sum(widths)}" w:type="dxa"/><w:tblLayout w:type="fixed"/>'
        '<w:tblLook w:val="0620" w:firstRow="1" w:lastRow="0" w:firstColumn="0" w:lastColumn="0" '
        f'w:noHBand="1" w:noVBand="1"/><w:tblCaption w:val={quoteattr(plain(title))}/>'
        f"<w:tblDescription w:val={quoteattr(plain(description))}/></w:tblPr>"
        f"<w:tblGrid>{grid}</w:tblGrid>{''.join(rows)}</w:tbl>"
    )


def _row(
    block: TableBlock, cells: Sequence[Run], widths: Sequence[int], write: Callable[[Run], str], style: str,
    *, head: bool = False, keep: bool = False,
) -> str:  # fmt: skip
    """Write a row. head : it is repeated on each page; keep : on one page with the next."""
    look = "<w:cantSplit/>" + ("<w:tblHeader/>" if head else "")
    place = '<w:vAlign w:val="bottom"/>' if head else ""
    held = "<w:keepNext/>" if keep else ""
    written = [
        f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/>{place}</w:tcPr>'
        f"{paragraph(write(cell), style=style, more=held + (RIGHT if right else ''))}</w:tc>"
        for cell, right, width in zip(cells, block.numeric, widths, strict=True)
    ]
    return f"<w:tr><w:trPr>{look}</w:trPr>{''.join(written)}</w:tr>"
