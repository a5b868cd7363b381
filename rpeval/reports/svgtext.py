"""SVG as text: a picture fit to stand inside a page, small, with its own ids and a text alternative."""

import re
import zlib
from collections.abc import Sequence
from xml.sax.saxutils import escape

_GLYPH = re.compile(r'(<path id="(s[^"]+)" (d="[^"]*" transform="scale[^"]*")/>\n?)')


def inline(text: str, name: str, alt: str) -> str:
    """Make an SVG file fit to stand inside a page: own ids, no style sheet, a role and a text alternative."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<style.*?</style>|<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.S)
    used = list(dict.fromkeys(re.findall(r'(?:xlink:href="|url\()#([^")]+)', text)))
    short = {id: f"s{zlib.crc32(name.encode()):08x}-{i}" for i, id in enumerate(used)}
    text = re.sub(r' id="([^"]+)"', lambda m: f' id="{short[m[1]]}"' if m[1] in short else "", text)
    text = re.sub(r'(?:xlink:(href=")|(url\())#([^")]+)', lambda m: f"{m[1] or m[2]}#{short[m[3]]}", text)
    text = _slim(re.sub(r"<g>\s*<defs>\s*</defs>\s*</g>|<defs>\s*</defs>", "", text))
    opening = (
        f'<svg role="img" aria-labelledby="{name}-alt" style="stroke-linejoin:round;stroke-linecap:butt"'
    )
    title = f'<title id="{name}-alt">{escape(alt)}</title>'
    text = text.replace("<svg", opening, 1)
    return re.sub(r"(<svg[^>]*>)", lambda m: m[1] + title, text, count=1).strip() + "\n"


def share_glyphs(svgs: Sequence[str]) -> list[str]:
    """Let pictures on one page share the outlines of letters: each is defined in the first that uses it.

    >>> letter = '<path id="s{}-0" d="M0" transform="scale(1)"/>'
    >>> share_glyphs([letter.format(1), letter.format(2) + '<use href="#s2-0"/>'])[1]
    '<use href="#s1-0"/>'
    """
    known: dict[str, str] = {}
    shared = []
    for svg in svgs:
        moved = {}
        for whole, id, outline in _GLYPH.findall(svg):
            if known.setdefault(outline, id) != id:
                moved[id] = known[outline]
                svg = svg.replace(whole, "")
        svg = re.sub(r'href="#([^"]+)"', lambda m, moved=moved: f'href="#{moved.get(m[1], m[1])}"', svg)
        shared.append(re.sub(r"<defs>\s*</defs>\n?", "", svg))
    return shared


def _slim(text: str) -> str:
    """Shorten coordinates to hundredths of a point and drop spaces between path commands: half the size."""
    text = re.sub(r"[0-9]+\.[0-9]{3,}", _short_number, text)
    text = re.sub(r'd="[^"]*"', _short_path, text)
    text = re.sub(r'(<use [^>]*)transform="translate\(([-0-9.]+) ([-0-9.]+)\)"', _short_place, text)
    return re.sub(r"\n\s*", "\n", text).replace("; ", ";").replace(": #", ":#")


def _short_number(found: re.Match) -> str:
    number = float(found[0])
    return f"{number:.4g}" if number < 1 else f"{number:.2f}"


def _short_place(found: re.Match) -> str:
    down = "" if found[3] == "0" else f' y="{found[3]}"'
    return f'{found[1]}x="{found[2]}"{down}'


def _short_path(found: re.Match) -> str:
    return re.sub(r"\s*([A-Zz])\s*", r"\1", found[0].replace("\n", " "))
