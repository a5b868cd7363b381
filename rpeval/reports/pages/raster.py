"""Pictures as PNG, for what cannot show SVG, and the fonts that are the same on every machine."""

import functools
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import typst
from matplotlib.ft2font import FT2Font

TEMPLATES = Path(__file__).parent / "templates"
SANS = "DejaVu Sans"
KEPT = 64  # pictures that are kept: a study draws each for its report, its brief and its grant pack
SHIPPED = Path(matplotlib.get_data_path()) / "fonts" / "ttf"


def png(svgs: Sequence[str], *, ppi: int = 200) -> list[bytes]:
    """Turn SVG pictures into PNG pictures on white.

    Use it for documents that cannot show SVG, such as Word's. The same pictures give the same bytes.
    svgs : SVG elements as this package draws them; their text needs no font of the machine
    ppi  : pixels per inch of the picture's own size; a figure of a report is 7.2 inches wide
    Returns one PNG for each, in the same order; nothing for nothing.

    >>> square = '<svg xmlns="http://www.w3.org/2000/svg" width="96" height="48"></svg>'
    >>> pictures = png([square, square], ppi=100)
    >>> len(pictures), int.from_bytes(pictures[0][16:20], "big"), int.from_bytes(pictures[0][20:24], "big")
    (2, 100, 50)
    """
    return [_drawn(svg, ppi) for svg in svgs]


@functools.lru_cache(maxsize=KEPT)
def _drawn(svg: str, ppi: int) -> bytes:
    return typst.compile(
        TEMPLATES / "pictures.typ", root=TEMPLATES, font_paths=fonts(), format="png", ppi=ppi,
        sys_inputs={"picture": with_fonts(svg)},
    )  # fmt: skip


def with_fonts(svg: str) -> str:
    """Name the font of a picture that holds text, where it only says "sans-serif".

    >>> with_fonts('<svg font-family="sans-serif">')
    '<svg font-family="DejaVu Sans">'
    """
    return svg.replace('font-family="sans-serif"', f'font-family="{SANS}"')


@functools.cache
def fonts() -> typst.Fonts:
    """Give the fonts of documents: those inside typst and those inside matplotlib, none of the machine's."""
    return typst.Fonts(include_system_fonts=False, font_paths=[SHIPPED])


@functools.cache
def letters() -> frozenset[int]:
    """Give the code points that every document can show, because the font of figures has them.

    >>> ord("ễ") in letters(), ord("東") in letters()
    (True, False)
    """
    return frozenset(FT2Font(SHIPPED / "DejaVuSans.ttf").get_charmap())
