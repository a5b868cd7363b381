"""The words of a report: a document is sections of blocks, a block is runs, a number is a run with a name."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


def typeset(text: str) -> str:
    """Give words of data or notebooks the apostrophe of print; text with straight quotes stays as it is.

    >>> typeset("Students' sense of a school's safety"), typeset("the key 'years'")
    ('Students’ sense of a school’s safety', "the key 'years'")
    """
    if "'" not in text or re.search(r"(?:^|[^\w])'", text):
        return text
    return re.sub(r"(?<=\w)'(?=[a-z]|[\s.,;:)]|$)", "’", text)


@dataclass(frozen=True, slots=True)
class Number:
    """Something a notebook found, as it may be printed.

    finding_id : id of the finding ("suspensions.att"), or of a cell ("suspensions.trend/3/oss_per_100")
    shown      : the only text to print
    part       : which part of the finding: value, interval, level, unit, label, n, clusters, method, reason …
    value      : the same for machines, empty where there is none
    label      : what the number is, in words

    >>> Number("data.schools", "60").part
    'value'
    """

    finding_id: str
    shown: str
    part: str = "value"
    value: str = ""
    label: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "shown", typeset(self.shown))


@dataclass(frozen=True, slots=True)
class Declared:
    """Text that a person or a notebook declared (a title, a heading, a note); it may hold digits.

    source : where it was declared ("params", "table:suspensions.trend")
    """

    text: str
    source: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", typeset(self.text))


@dataclass(frozen=True, slots=True)
class Reference:
    """A pointer to a figure or table of the same document ("Figure 2"). target : its anchor."""

    target: str
    shown: str


@dataclass(frozen=True, slots=True)
class Mixed:
    """Several runs in one cell of a table ("593 of 904"). runs : none of them Mixed again."""

    runs: tuple["Run", ...]


Run = str | Number | Declared | Reference | Mixed
Runs = tuple[Run, ...]


def plain(runs: Runs) -> str:
    """Give the text of runs, as a reader sees it.

    >>> plain(("About ", Mixed((Number("data.schools", "60"), " schools"))))
    'About 60 schools'
    """
    return "".join(_text(run) for run in runs)


def _text(run: Run) -> str:
    match run:
        case Mixed():
            return plain(run.runs)
        case Declared():
            return run.text
        case str():
            return run
    return run.shown


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph."""

    runs: Runs


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of short statements of equal rank."""

    items: tuple[Runs, ...]


@dataclass(frozen=True, slots=True)
class TableBlock:
    """A table as printed.

    id, anchor : id of the released table, and its name on the page
    name       : "Table 3"; empty for the numbers behind a figure
    numeric    : for each column, whether its cells are numbers (set to the right)
    rows       : one run per cell (Mixed where it holds several); the first column names the row
    sources    : for each row, where all its cells come from ("suspensions.trend/3", or a finding's id);
                 empty where each cell says so itself
    """

    id: str
    anchor: str
    name: str
    caption: Runs
    headings: tuple[Run, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[Run, ...], ...]
    note: Runs = ()
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FigureBlock:
    """A figure drawn from a released table, and that table, unless it is printed as a table of its own."""

    id: str
    anchor: str
    name: str
    caption: Runs
    alt: str
    svg: str
    table: TableBlock | None = None
    note: Runs = ()


@dataclass(frozen=True, slots=True)
class Callout:
    """Blocks set apart. kind : bottom_line, note, or fold for what opens at a reader's wish."""

    kind: str
    heading: str
    blocks: tuple["Block", ...]


Block = Paragraph | Bullets | TableBlock | FigureBlock | Callout


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report under a heading. level : 2 for a chapter, 3 for a part of one."""

    id: str
    heading: str
    blocks: tuple[Block, ...]
    level: int = 2


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report, ready to be written as HTML, or in any other form.

    title, subtitle : what the study is called, and where and when it took place
    simulated       : the data are simulated, which every page must say
    draft           : the folder is not a recorded run, which every page must say
    words           : the fixed words around the content (skip link, contents, stamps)
    """

    title: str
    subtitle: Runs
    lang: str
    simulated: bool
    draft: bool
    sections: tuple[Section, ...]
    district: str = ""
    words: Mapping[str, str] = field(default_factory=dict)

    def figures(self) -> list[FigureBlock]:
        """List the figures in the order in which they stand, those in callouts too."""
        return [b for s in self.sections for b in opened(s.blocks) if isinstance(b, FigureBlock)]


def opened(blocks: tuple[Block, ...]) -> Iterator[Block]:
    """Give blocks in the order in which they stand, those in callouts behind their callout."""
    for block in blocks:
        yield block
        if isinstance(block, Callout):
            yield from opened(block.blocks)
