"""Pictures made lighter for a page that holds many: the same marks in fewer letters."""

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from string import ascii_uppercase

from rpeval.reports.drawing.svgtext import share_glyphs

_PATH = re.compile(r' d="([^"]*)"')
_STEP = re.compile(r"([MLQCHVZz])([^A-Za-z]*)")
_LOOK = r'(?: (?:clip-path|style)="[^"]*")+'
_ALIKE = re.compile(
    rf"<(?:path|rect|line|circle|use) [^>]*?({_LOOK})/>(?:<(?:path|rect|line|circle|use) [^>]*?\1/>)+"
)
_PAIRS = {"M": 1, "L": 1, "Q": 2, "C": 3}
_LETTER = re.compile(r'<path id="(g[0-9]*)" d="([^"]*)" transform="scale\(0.01562\)"/>')
COARSER = 16  # a letter's outline is in 64ths of a unit, of which 100 make its height; quarters look the same
_VALUE = re.compile(r' (?:x|y|transform|style)="[^"]*"')
_AT = re.compile(r' (?:x|y)="[^"]*"|translate\([^)]*\)')
_TURNED = re.compile(r"translate\(([-.0-9]+) ([-.0-9]+)\) scale\(([.0-9]+) -\3\)")
_USE = re.compile(r"(<use )([^>]*)/>")
_DECIMAL = re.compile(r"[0-9]+\.[0-9]+")
_STYLE = re.compile(r' style="([^"]*)"')
_NEEDLESS = re.compile(r' (?:xmlns(?::xlink)?|version|data-cell)="[^"]*"')
_ID = re.compile(r'(?<=[#"])[gw][0-9]+(?=["\)])')
TENTH = Decimal("0.1")


def lighter(svgs: Sequence[str]) -> tuple[list[str], str]:
    """Give pictures as they may stand together on one page, at two thirds of their weight, and their style.

    Letters and words are drawn once (`share_glyphs`), lines are told by their steps, what a row of marks has
    in common is said once, and looks have names. What is seen stays within a twentieth of a point.
    Returns the pictures, and the rules that the page's style sheet must hold for them.

    >>> bar = '<path d="M1.00 2.00L4.50 2.00L4.50 3.00z" style="fill:#ffffff"/>'
    >>> print(lighter([f"<svg>{bar}{bar}</svg>"])[0][0])
    <svg><g style="fill:#fff"><path d="M1 2h3.5v1z"/><path d="M1 2h3.5v1z"/></g></svg>
    """
    rounded = (_LETTER.sub(_coarser, svg) for svg in share_glyphs(svgs))
    told = (_ALIKE.sub(_once, _PATH.sub(_by_steps, svg)) for svg in rounded)
    return _name_looks(_short_ids([_shorter_numbers(_NEEDLESS.sub("", svg)) for svg in told]))


def _short_ids(svgs: list[str]) -> list[str]:
    """Name letters, words and shapes by capitals, the ones that are drawn most often by the fewest.

    >>> _short_ids(['<path id="g7"/><use href="#g7"/>'])
    ['<path id="A"/><use href="#A"/>']
    """
    times = Counter(id for svg in svgs for id in _ID.findall(svg))
    order = sorted(times, key=lambda id: (-times[id], id))
    names = ("".join(letters) for n in (1, 2) for letters in itertools.product(ascii_uppercase, repeat=n))
    short = dict(zip(order, names, strict=False))
    return [_ID.sub(lambda m: short.get(m[0], m[0]), svg) for svg in svgs]


def _shorter_numbers(svg: str) -> str:
    """Write places in tenths, and places and looks without zeros that say nothing.

    >>> _shorter_numbers('<use x="10.06" y="45.00" transform="translate(2.00 3.55) scale(0.095 -0.095)"/>')
    '<use x="10.1" y="45" transform="matrix(.095 0 0-.095 2 3.6)"/>'
    """
    placed = _AT.sub(lambda at: _DECIMAL.sub(lambda n: _plain(Decimal(n[0])), at[0]), svg)
    short = _VALUE.sub(lambda value: _DECIMAL.sub(lambda n: _bare(n[0]), value[0]), placed)
    return _TURNED.sub(r"matrix(\3 0 0-\3 \1 \2)", short).replace(":#ffffff", ":#fff")


def _unquoted(found: re.Match) -> str:
    """Take the quotes off a mark that is drawn again, of which there are a thousand; HTML allows it."""
    return found[1] + re.sub(r'="([^"= ]+)"', r"=\1", found[2]) + " />"


def _bare(number: str) -> str:
    """Take the zeros off a decimal that say nothing.

    >>> _bare("0.50"), _bare("45.00"), _bare("0.00"), _bare("-0.25")
    ('.5', '45', '0', '-.25')
    """
    return re.sub(r"^(-?)0(?=\.)", r"\1", number.rstrip("0").rstrip(".")) if float(number) else "0"


def _name_looks(svgs: list[str]) -> tuple[list[str], str]:
    """Give a name to each look that several marks have, and write it as a rule."""
    times = Counter(look for svg in svgs for look in _STYLE.findall(svg))
    named = {look: f"k{i}" for i, look in enumerate(look for look, n in times.items() if n > 2)}

    def name(found: re.Match) -> str:
        return f' class="{named[found[1]]}"' if found[1] in named else found[0]

    named_svgs = [_USE.sub(_unquoted, _STYLE.sub(name, svg)) for svg in svgs]
    return named_svgs, "".join(f".{k}{{{look}}}" for look, k in named.items())


def _coarser(found: re.Match) -> str:
    """Draw the outline of a letter on a coarser grid, which is still a thousandth of its height."""
    outline = re.sub(r"-?[0-9.]+", lambda m: f"{float(m[0]) / COARSER:.0f}", found[2])
    return f'<path id="{found[1]}" d="{outline}" transform="scale(.25)"/>'


def _once(found: re.Match) -> str:
    """Say once how a row of marks looks."""
    return f"<g{found[1]}>{found[0].replace(found[1] + '/>', '/>')}</g>"


def _by_steps(found: re.Match) -> str:
    """Write a path by its steps; one with a command that is not known here stays as it is."""
    steps = _STEP.findall(found[1])
    if "".join(a + b for a, b in steps) != found[1] or not steps:
        return found[0]
    at = start = (Decimal(0), Decimal(0))
    written: list[str] = []
    for command, numbers in steps:
        if command in "Zz":
            written.append("z")
            at = start
            continue
        places = [Decimal(n).quantize(TENTH, ROUND_HALF_EVEN) for n in numbers.split()]
        if command not in _PAIRS or len(places) != 2 * _PAIRS[command]:
            return found[0]
        points = list(zip(places[::2], places[1::2], strict=True))
        written.append(_step(command, points, at))
        at = points[-1]
        start = at if command == "M" else start
    return f' d="{"".join(written)}"'


def _step(command: str, points: list[tuple[Decimal, Decimal]], at: tuple[Decimal, Decimal]) -> str:
    """Write one step from a point: across, up, or along a curve."""
    if command == "M":
        return f"M{_joined([n for point in points for n in point])}"
    steps = [n - of for point in points for n, of in zip(point, at, strict=True)]
    if command == "L" and steps[1] == 0:
        return f"h{_plain(steps[0])}"
    if command == "L" and steps[0] == 0:
        return f"v{_plain(steps[1])}"
    return f"{command.lower()}{_joined(steps)}"


def _joined(numbers: Sequence[Decimal]) -> str:
    """Write numbers in a row; a minus sign parts them as well as a space.

    >>> _joined([Decimal("1.50"), Decimal("-2"), Decimal("0.3")])
    '1.5-2 .3'
    """
    return re.sub(r" (?=-)", "", " ".join(map(_plain, numbers)))


def _plain(number: Decimal) -> str:
    return _bare(f"{number:.1f}")
