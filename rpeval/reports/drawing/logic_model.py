"""The logic model as a picture of text and lines: read from top to bottom, by eye or by a screen reader."""

import textwrap
from collections.abc import Iterator
from itertools import groupby
from xml.sax.saxutils import escape

import pandas as pd

from rpeval.errors import FindingError, Problem
from rpeval.findings import Table
from rpeval.reports.drawing.palette import INK, SHADE, SOFT
from rpeval.reports.wording import anchor

COLUMNS = ("part", "label", "text", "claims", "seen")
WIDTH, LEFT, MIDDLE, SIDE = (
    720,
    116,
    412,
    168,
)  # of the page, of the stages' names, of boxes, of what is beside
SIZE, LINE, PAD, GAP, ARROW = 12, 15, 7, 8, 44
LETTER, BOLD = (
    0.6 * SIZE,
    0.68 * SIZE,
)  # of a wide sans serif, so that text fits where the reader's font is wide
UNSEEN = "not in this study’s files"


def draw(table: Table) -> str:
    """Draw the logic model of a study as one SVG element.

    Use it in a notebook and in the report. Text stays text: it can be searched, enlarged and read aloud in
    the order of the table, as a list of stages, arrows and what may happen beside them. Nothing is said by
    color alone: what the study's files do not show has a broken outline and says so, and so has what may
    happen beside the chain.

    table : a released table of rows in reading order: part (box, arrow, side), label, text, claims, seen
    Returns the SVG, 720 wide; the same table gives the same text. Refuses (FindingError) a table without one
    of these columns, and one without a box.
    """
    gone = [column for column in COLUMNS if column not in table.frame.columns]
    if gone or not (table.frame["part"] == "box").any():
        what = f"A logic model needs boxes, and the columns {', '.join(COLUMNS)}."
        raise FindingError(Problem(table.id, what, "Release it as `read_logic_model` gives it."))
    name, top, items = anchor("figure", table.id), 4, []
    keyed = groupby(table.frame.iterrows(), key=lambda row: (row[1]["part"], row[1]["label"]))
    for (part, label), rows in keyed:
        rows = list(rows)
        made, height = PARTS[part](table.id, label, rows, top)
        items.append(f'<g role="listitem">\n{made}</g>')
        top += height
    title, desc = f"{name}-title", f"{name}-desc"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="group" aria-labelledby="{title}" '
        f'aria-describedby="{desc}" viewBox="0 0 {WIDTH} {top + 4}" width="{WIDTH}" height="{top + 4}" '
        f'font-family="sans-serif" font-size="{SIZE}" fill="{INK}">\n'
        f'<title id="{title}">{escape(table.title)}</title>\n'
        f'<desc id="{desc}">{escape(table.alt)}</desc>\n<g role="list">\n'
        + "\n".join(items)
        + "\n</g>\n</svg>\n"
    )


def _stage(id: str, label: str, rows: list[tuple[int, pd.Series]], top: float) -> tuple[str, float]:
    """Draw a stage: its name to the left, its boxes side by side."""
    width = (MIDDLE - GAP * (len(rows) - 1)) / len(rows)
    wrapped = [_wrap(row["text"], width - 2 * PAD) for _, row in rows]
    seen = rows[0][1]["seen"] != "no"
    name, note = _wrap(label, LEFT - PAD, BOLD), [] if seen else _wrap(UNSEEN, LEFT - PAD)
    height = max(*(len(lines) * LINE for lines in wrapped), (len(name) + len(note)) * LINE) + 2 * PAD
    parts = [_text(name, 0, top + PAD, f"{id}/{rows[0][0]}/label", bold=True)]
    if note:
        parts.append(_text(note, 0, top + PAD + len(name) * LINE, f"{id}/{rows[0][0]}/seen", color=SOFT))
    for number, ((index, _), lines) in enumerate(zip(rows, wrapped, strict=True)):
        x = LEFT + number * (width + GAP)
        parts.append(_box(x, top, width, height, broken=not seen, fill=SHADE if seen else "white"))
        parts.append(_text(lines, x + PAD, top + PAD, f"{id}/{index}/text"))
    return "".join(parts), height


def _arrow(id: str, label: str, rows: list[tuple[int, pd.Series]], top: float) -> tuple[str, float]:
    """Draw the arrow to the next stage with the claims that speak of it; words say what the line shows."""
    (index, row), x = rows[0], LEFT + 24
    lines = _wrap(f"leads to {row['text']}", MIDDLE - 48)
    told = _wrap(f"Claims {row['claims']}", MIDDLE - 48) if row["claims"] else []
    height = max(ARROW, (len(lines) + len(told)) * LINE + 2 * PAD)
    foot = top + height - 2
    shapes = (
        f'<path d="M{x} {top + 2}V{foot - 8}" stroke="{INK}" stroke-width="2" fill="none"/>\n'
        f'<path d="M{x - 6} {foot - 9}H{x + 6}L{x} {foot}Z" fill="{INK}"/>\n'
    )
    words = _text(lines, x + 20, top + PAD, f"{id}/{index}/text", color=SOFT)
    words += _text(told, x + 20, top + PAD + len(lines) * LINE, f"{id}/{index}/claims") if told else ""
    return shapes + words, height


def _side(id: str, label: str, rows: list[tuple[int, pd.Series]], top: float) -> tuple[str, float]:
    """Draw what may happen beside the chain, level with the arrow above it; it takes no height of its own."""
    (index, row), x, width = rows[0], WIDTH - SIDE, SIDE
    head = _wrap(f"Watch: {label}", width - 2 * PAD, BOLD)
    said = _wrap(row["text"] + (f" ({row['claims']})" if row["claims"] else ""), width - 2 * PAD)
    height = (len(head) + len(said)) * LINE + 2 * PAD
    up = top - ARROW / 2 - height / 2
    line = f"M{LEFT + MIDDLE} {top - ARROW / 2:g}H{x}"
    parts = [
        f'<path d="{line}" stroke="{INK}" stroke-dasharray="3 3" fill="none"/>\n',
        _box(x, up, width, height, broken=True, fill="white"),
        _text(head, x + PAD, up + PAD, f"{id}/{index}/label", bold=True),
        _text(said, x + PAD, up + PAD + len(head) * LINE, f"{id}/{index}/text"),
    ]
    return "".join(parts), 0


PARTS = {"box": _stage, "arrow": _arrow, "side": _side}


def _wrap(text: str, width: float, letter: float = LETTER) -> list[str]:
    fits = max(int(width / letter), 8)
    return textwrap.wrap(str(text), fits, break_long_words=False, break_on_hyphens=False) or [""]


def _box(x: float, y: float, width: float, height: float, *, broken: bool, fill: str) -> str:
    dash = ' stroke-dasharray="5 3"' if broken else ""
    size = f'x="{x + 0.5:g}" y="{y + 0.5:g}" width="{width - 1:g}" height="{height - 1:g}"'
    return f'<rect {size} rx="3" fill="{fill}" stroke="{INK}"{dash}/>\n'


def _text(lines: list[str], x: float, y: float, cell: str, *, bold: bool = False, color: str = "") -> str:
    weight = ' font-weight="bold"' if bold else ""
    fill = f' fill="{color}"' if color else ""
    spans = " ".join(_spans(lines, x, y))
    return f'<text data-cell="{escape(cell)}"{weight}{fill}>{spans}</text>\n'


def _spans(lines: list[str], x: float, y: float) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f'<tspan x="{x:g}" y="{y + (number + 0.78) * LINE:g}">{escape(line)}</tspan>'
