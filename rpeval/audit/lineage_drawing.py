"""A lineage as a picture of text and lines, from the number down to the files."""

import textwrap
from collections.abc import Iterator
from xml.sax.saxutils import escape

from rpeval.audit.lineage import NOT_TOLD, Lineage
from rpeval.reports.drawing.palette import INK, SHADE, SOFT
from rpeval.reports.wording import anchor

WIDTH, LEFT = 720, 150  # of the picture, and of the names of the boxes
SIZE, LINE, PAD, ARROW = 12, 15, 7, 22
LETTER = 0.6 * SIZE  # of a wide sans serif, so that text fits where the reader's font is wide
Part = tuple[str, list[str], str]  # a box's name, its lines, its fill


def draw_lineage(road: Lineage) -> str:
    """Draw a lineage as one SVG element, to be read from the number at the top down to the files.

    Use it in an audit or a passport. Text stays text; nothing is said by color alone.
    road : what `lineage` gives. Returns the SVG, 720 wide; the same lineage gives the same text.
    """
    top, items = 4.0, []
    for place, (name, lines, fill) in enumerate(_parts(road)):
        made, height = _box(name, lines, fill, top, arrow=place > 0)
        items.append(f'<g role="listitem">\n{made}</g>')
        top += height
    name = anchor("lineage", road.id)
    said = f"From the number back to the files: {len(road.steps)} cells, {len(road.sources)} files."
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="group" aria-labelledby="{name}-title" '
        f'aria-describedby="{name}-desc" viewBox="0 0 {WIDTH} {top + 4:g}" width="{WIDTH}" '
        f'height="{top + 4:g}" font-family="sans-serif" font-size="{SIZE}" fill="{INK}">\n'
        f'<title id="{name}-title">Where {escape(road.label)} ({escape(road.id)}) comes from</title>\n'
        f'<desc id="{name}-desc">{escape(said)}</desc>\n<g role="list">\n'
        + "\n".join(items)
        + "\n</g>\n</svg>\n"
    )


def _parts(road: Lineage) -> Iterator[Part]:
    on = [f"from {road.on}"] if road.on else []
    yield "The number", [road.label, road.shown, *on], "white"
    for step in reversed(road.steps):
        names = [name.removeprefix("rpeval.") for name in step.functions]
        yield f"Cell [{step.number}] {step.cell}", names or list(step.code), SHADE
    if road.settings:
        yield "Params", [", ".join(road.settings)], "white"
    if road.findings:
        yield "Other findings", [", ".join(road.findings)], "white"
    for source in road.sources:
        rows = [f"{source.rows_n:,} rows in the file"] if source.rows_n is not None else []
        columns = f"columns: {', '.join(source.columns) or NOT_TOLD}"
        lines = [source.path, *rows, *source.used, columns, f"SHA-256 {source.sha256[:16]}…"]
        yield f"File: {source.key}", lines, "white"
    if road.gaps:
        yield "Not told", list(road.gaps), "white"


def _box(name: str, lines: list[str], fill: str, top: float, *, arrow: bool) -> tuple[str, float]:
    """Draw a box with its name to the left and, above it, the line to the box that rests on it."""
    told = [piece for line in lines for piece in _wrap(line, WIDTH - LEFT - 2 * PAD)]
    side = _wrap(name, LEFT - PAD)
    height, x = max(len(told), len(side)) * LINE + 2 * PAD, LEFT + 24
    start = top + (ARROW if arrow else 0)
    shapes = (
        f'<path d="M{x} {start:g}V{top + 8:g}" stroke="{INK}" stroke-width="2" fill="none"/>\n'
        f'<path d="M{x - 5} {top + 9:g}H{x + 5}L{x} {top + 1:g}Z" fill="{INK}"/>\n'
    )
    dash = ' stroke-dasharray="5 3"' if name == "Not told" else ""
    box = (
        f'<rect x="{LEFT + 0.5}" y="{start + 0.5:g}" width="{WIDTH - LEFT - 1}" height="{height - 1:g}" '
        f'rx="3" fill="{fill}" stroke="{INK}"{dash}/>\n'
    )
    words = _text(side, 0, start + PAD, f' font-weight="bold" fill="{SOFT}"')
    words += _text(told, LEFT + PAD, start + PAD, "")
    return (shapes if arrow else "") + box + words, start - top + height


def _wrap(text: str, width: float) -> list[str]:
    return textwrap.wrap(text, int(width / LETTER), break_on_hyphens=False) or [""]


def _text(lines: list[str], x: float, y: float, style: str) -> str:
    spans = " ".join(
        f'<tspan x="{x:g}" y="{y + (number + 0.78) * LINE:g}">{escape(line)}</tspan>'
        for number, line in enumerate(lines)
    )
    return f"<text{style}>{spans}</text>\n"
