"""SVG as text: a picture fit to stand inside a page, small, with its own ids and a text alternative."""

import itertools
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from xml.sax.saxutils import escape

from rpeval.reports.drawing.palette import INK

_GLYPH = re.compile(r'(<path id="(s[^"]+)" (d="[^"]*" transform="scale[^"]*")/>\n?)')
_LETTER = re.compile(r'<use href="#(g[0-9]*)"(?: x="([0-9]+)")?/>\n')
_LINE = re.compile(r'(?:<use href="#g[0-9]*"(?: x="[0-9]+")?/>\n)+')
_GROUP = re.compile(r"(<g>\n?|<g [^>]*>|</g>\n?)")
_ALIKE = re.compile(r'<use [^>]*( style="[^"]*")/>\n(?:<use [^>]*\1/>\n)+')


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

    Ids become as short as one page allows, since every letter that is drawn names one.

    >>> letter = '<path id="s{}-0" d="M0" transform="scale(1)"/>'
    >>> share_glyphs([letter.format(1), letter.format(2) + '<use href="#s2-0"/>'])[1]
    '<use href="#g0"/>'
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
    blank = {id for svg in shared for id in re.findall(r'<path id="(s[^"]+)" transform', svg)}
    used = dict.fromkeys(id for svg in shared for id in re.findall(r' id="(s[0-9a-f]*-[0-9]+)"', svg))
    short = {id: "g" if id in blank else f"g{number}" for number, id in enumerate(used)}
    renamed = [re.sub(r"s[0-9a-f]*-[0-9]+", lambda m: short.get(m[0], m[0]), svg) for svg in shared]
    return [_plainer(svg) for svg in share_words(renamed)]


def share_words(svgs: Sequence[str]) -> list[str]:
    """Draw a word that stands on the page already as that word, moved; blanks, which show nothing, go.

    >>> word = '<use href="#g1"{}/>\\n<use href="#g2"{}/>\\n<use href="#g3"{}/>\\n'
    >>> first, again = word.format("", ' x="60"', ' x="90"'), word.format(' x="5"', ' x="65"', ' x="95"')
    >>> print(share_words([first, again])[1], end="")
    <use href="#w0" x="5"/>
    """
    counted = Counter(key for svg in svgs for line in _LINE.findall(svg) for key, _ in _words(line))
    drawn: dict[tuple[str, ...], tuple[str, int]] = {}

    def write(found: re.Match) -> str:
        return "".join(_word(key, places, drawn, counted[key]) for key, places in _words(found[0]))

    return [re.sub(r'<path id="g" [^>]*/>\n?', "", _LINE.sub(write, svg)) for svg in svgs]


def _plainer(svg: str) -> str:
    """Say once for a picture that its letters are in ink, and drop the ends of lines."""
    if 'role="img"' not in svg:
        return svg
    svg = svg.replace(f'<g style="fill:{INK}" transform', "<g transform")
    return svg.replace(' style="stroke-linejoin', f' style="fill:{INK};stroke-linejoin', 1).replace(
        ">\n<", "><"
    )


def _words(line: str) -> list[tuple[tuple[str, ...], list[int]]]:
    """Split a line of letters at its blanks: the letters of each word, and their places."""
    words, letters = [], [(id, int(x or 0)) for id, x in _LETTER.findall(line)]
    for blank, word in itertools.groupby(letters, key=lambda letter: letter[0] == "g"):
        if not blank:
            ids, places = zip(*word, strict=True)
            words.append((ids, list(places)))
    return words


def _word(key: tuple[str, ...], places: list[int], drawn: dict, times: int) -> str:
    """Draw a word letter by letter, or as the same word elsewhere."""
    if key in drawn:
        name, first = drawn[key]
        moved = f' x="{places[0] - first}"' if places[0] != first else ""
        return f'<use href="#{name}"{moved}/>\n'
    across = (f' x="{x}"' if x else "" for x in places)
    letters = "".join(f'<use href="#{id}"{x}/>\n' for id, x in zip(key, across, strict=True))
    if times < 2 or len(key) < 3:
        return letters
    drawn[key] = f"w{len(drawn)}", places[0]
    return f'<g id="{drawn[key][0]}">{letters}</g>\n'


def _slim(text: str) -> str:
    """Shorten coordinates to hundredths of a point and drop spaces between path commands: half the size."""
    text = re.sub(r"[0-9]+\.[0-9]{3,}", _short_number, text)
    text = re.sub(r'd="[^"]*"', _short_path, text)
    text = re.sub(r'(<use [^>]*)transform="translate\(([-0-9.]+) ([-0-9.]+)\)"', _short_place, text)
    text = re.sub(r"\n\s*", "\n", text).replace("; ", ";").replace(": ", ":")
    return _ALIKE.sub(_one_style, _without_plain_groups(text))


def _without_plain_groups(text: str) -> str:
    """Take out groups that say nothing about what they hold, and those that hold nothing.

    >>> _without_plain_groups('<g><g style="x"><g>a</g><g/></g></g>')
    '<g style="x">a</g>'
    """
    text = re.sub(r"<g(?: [^>]*)?/>\n?", "", text)
    kept: list[bool] = []
    pieces = []
    for piece in _GROUP.split(text):
        if piece.startswith("<g"):
            kept.append(piece.strip() != "<g>")
        if not _GROUP.fullmatch(piece) or (kept.pop() if piece.startswith("</g>") else kept[-1]):
            pieces.append(piece)
    return "".join(pieces)


def _one_style(found: re.Match) -> str:
    """Say once how a run of marks looks, instead of at each."""
    return f"<g{found[1]}>\n{found[0].replace(found[1], '')}</g>\n"


def _short_number(found: re.Match) -> str:
    number = float(found[0])
    return f"{number:.4g}" if number < 1 else f"{number:.2f}"


def _short_place(found: re.Match) -> str:
    """Write a letter's place in whole units of its outline: hundreds of them make one letter."""
    across, down = (f"{float(place):.0f}" for place in found.groups()[1:])
    return found[1] + " ".join(
        f'{axis}="{place}"' for axis, place in (("x", across), ("y", down)) if place != "0"
    )


def _short_path(found: re.Match) -> str:
    return re.sub(r"\s*([A-Zz])\s*", r"\1", found[0].replace("\n", " "))
