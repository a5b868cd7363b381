"""YAML in which every value stays the text that was typed, and nothing is read silently as something else.

A YAML reader that guesses types turns the id 0612345 into 201957, the state NO into False and 12:30 into 750,
and keeps the last of two equal keys. Here the schema decides what is a number; the reader only reads.
"""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.events import AliasEvent, CollectionEndEvent, Event, NodeEvent, ScalarEvent, SequenceStartEvent

from rpeval.errors import ParamsError, Problem
from rpeval.inputs.words import quote

LARGEST = 1_000_000  # bytes; a params file has about 3,000
DEEPEST = 20

BACKSLASH = "Use single quotes, or write two backslashes."

# Said by the YAML parser → what is wrong, how it is mended. The first line whose words all occur is taken.
SAID = (
    (("'\\t'", "cannot start"), "A tab stands where only spaces may.", "Replace the tab by spaces."),
    (("cannot start any token",), "A value begins with a sign that YAML keeps for itself.",
     "Put the value in quotes."),
    (("scanning an alias",), "A value begins with * and is not in quotes.", 'Put it in quotes, like "*".'),
    (("scanning an anchor",), "A value begins with & and is not in quotes.", 'Put it in quotes, like "&".'),
    (("quoted scalar", "end of stream"), "A quote is opened here and never closed.", "Close the quote."),
    (("quoted scalar", "document separator"), "A quote is opened here and never closed.", "Close the quote."),
    (("escape",), "A backslash in double quotes begins a code that does not exist.",
     BACKSLASH),
    (("flow sequence",), "A bracket [ is opened here and not closed.",
     "Close it with ], and put a comma between two values."),
    (("flow mapping",), "A brace { is opened here and not closed.",
     "Close it with }, and put a comma between two values."),
    (("mapping values are not allowed",), 'A ": " stands where no key can be.',
     'Put text that holds ": " in quotes, and give lines of one level the same indentation.'),
    (("could not find expected ':'",), "A line is not of the form key: value.",
     "Write a colon and a space after the key."),
    (("sequence entries are not allowed",), "A list begins on the line of its key.",
     "Begin the list on a new line, or write it in brackets: [a, b]."),
    (("expected <block end>", "<scalar>"), "Text goes on after a closed quote or value.",
     "Put the whole value in one pair of quotes."),
    (("expected <block end>",), "A line does not stand under the lines it belongs to.",
     "Give lines of one level the same indentation."),
    (("expected '<document start>'",), "A line does not stand under the lines it belongs to.",
     "Give lines of one level the same indentation."),
    (("tag",), "A value begins with ! and is not in quotes.", "Put it in quotes."),
)  # fmt: skip
UNKNOWN = (
    "The file is not readable as YAML from here on",
    "Check the indentation, the quotes and the colons here.",
)


def read_yaml(path: Path, *, name: str | None = None) -> dict[str, Any]:
    """Read a YAML file; every value stays the text that was typed.

    Use for params, layouts, instruments and measures alike; a schema then decides what is a number.

    path : the file, UTF-8 with or without a byte-order mark
    name : how messages name the file; the path as given where absent
    Returns a dict of text, lists, dicts, and None where a key has no value.
    Refuses (ParamsError, all at once with line and column): a file that is missing, empty, not UTF-8, larger
    than 1 MB or not a mapping; a key twice; anchors, aliases, tags and merge keys; several documents.
    """
    name = name or str(path)
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        why = (error.strerror or "unknown reason").lower()
        raise ParamsError(Problem(name, f"The file cannot be read: {why}.", "Check its path.")) from None
    if len(content) > LARGEST:
        what = f"The file has {len(content):,} bytes, and at most {LARGEST:,} are read."
        raise ParamsError(Problem(name, what, "Check that this is the right file."))
    return parse_yaml(_decode(content, name), name=name)


def parse_yaml(text: str, *, name: str) -> dict[str, Any]:
    """Read YAML text like `read_yaml` reads a file.

    >>> parse_yaml("{leaid: 0612345, state: NO, years: [2019-20], note: }", name="x.yml")
    {'leaid': '0612345', 'state': 'NO', 'years': ['2019-20'], 'note': None}
    """
    reading = _Reading(name)
    content = None
    try:
        content = reading.document(yaml.parse(text, Loader=yaml.SafeLoader))
    except _StoppedError:
        pass
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        reading.problems.append(_explain(error, text, name))
    if reading.problems:
        raise ParamsError(reading.problems)
    if content is None:
        raise ParamsError(Problem(name, "The file is empty.", "Write its keys, each with its value."))
    if not isinstance(content, dict):
        raise ParamsError(
            Problem(
                name, "The file holds no keys.", "Write a key, a colon, a space and its value on each line."
            )
        )
    return content


class _StoppedError(Exception):
    """Reading cannot go on; the problem is already noted."""


@dataclass(slots=True)
class _Reading:
    """Builds plain values from the parser's events and notes every problem on the way."""

    name: str
    problems: list[Problem] = field(default_factory=list)

    def document(self, events: Iterator[Event]) -> Any:
        content, documents = None, 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self.note(event, "A second document begins here.", "Delete the line that reads ---.")
                    raise _StoppedError
            elif isinstance(event, NodeEvent):
                content = self.value(event, events, depth=1)
        return content

    def value(self, event: Event, events: Iterator[Event], *, depth: int) -> Any:
        self.check_node(event)
        if isinstance(event, AliasEvent):
            return ""
        if isinstance(event, ScalarEvent):
            return event.value if event.value or event.style else None
        if depth > DEEPEST:
            self.note(event, f"Values are nested more than {DEEPEST} deep.", "Take out the inner levels.")
            raise _StoppedError
        if isinstance(event, SequenceStartEvent):
            return [self.value(item, events, depth=depth + 1) for item in _until_end(events)]
        return self.mapping(events, depth=depth)

    def mapping(self, events: Iterator[Event], *, depth: int) -> dict[str, Any]:
        content: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_event in _until_end(events):
            key = self.key(key_event, events, depth=depth)
            value = self.value(next(events), events, depth=depth + 1)
            line = _line(key_event)
            if key in lines:
                what = f"{quote(key)} is written twice, on line {lines[key]} and on line {line}."
                self.note(key_event, what, "Keep one of the two.")
            lines.setdefault(key, line)
            content.setdefault(key, value)
        return content

    def key(self, event: Event, events: Iterator[Event], *, depth: int) -> str:
        if isinstance(event, ScalarEvent) and event.value == "<<" and not event.style:
            self.note(event, "Merge keys (<<) are not read.", "Write the keys out.")
        key = self.value(event, events, depth=depth + 1)
        if isinstance(key, str) and key.strip():
            return key
        if not isinstance(event, AliasEvent):
            self.note(event, "A key is not plain text.", "Write a plain word before the colon.")
        return f"line {_line(event)}"

    def check_node(self, event: Event) -> None:
        if isinstance(event, AliasEvent):
            self.note(event, f"References (*{event.anchor}) are not read.",
                      f'Write the value out, or put text in quotes: "*{event.anchor}".')  # fmt: skip
            return
        if event.anchor:
            self.note(event, f"Anchors (&{event.anchor}) are not read.",
                      f'Delete it, or put text in quotes: "&{event.anchor}".')  # fmt: skip
        if event.tag:
            self.note(event, f"Type tags ({event.tag}) are not read.",
                      "Delete it, or put text in quotes.")  # fmt: skip

    def note(self, event: Event, what: str, fix: str) -> None:
        mark = event.start_mark
        self.problems.append(Problem(_place(self.name, mark.line, mark.column), what, fix))


def _until_end(events: Iterator[Event]) -> Iterator[Event]:
    for event in events:
        if isinstance(event, CollectionEndEvent):
            return
        yield event


def _line(event: Event) -> int:
    return event.start_mark.line + 1


def _place(name: str, line: int, column: int) -> str:
    return f"{name}: line {line + 1}, column {column + 1}"


def _decode(content: bytes, name: str) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ParamsError(Problem(name, "The file is written in UTF-16.", "Save it as UTF-8."))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig")
        line, column = _position(before)
        what = f"The byte 0x{content[error.start]:02X} is not UTF-8, so a letter here cannot be read."
        raise ParamsError(Problem(_place(name, line, column), what, "Save the file as UTF-8.")) from None


def _position(before: str) -> tuple[int, int]:
    lines = (before + "x").splitlines()
    return len(lines) - 1, len(lines[-1]) - 1


def _explain(error: Exception, text: str, name: str) -> Problem:
    if isinstance(error, yaml.reader.ReaderError):
        line, column = _position(text[: error.position])
        what = f"The character U+{error.character:04X} cannot be seen or printed."
        return Problem(_place(name, line, column), what, "Delete it.")
    if not isinstance(error, yaml.MarkedYAMLError):
        return Problem(name, "A backslash in double quotes begins a code that does not exist.", BACKSLASH)
    said = f"{error.context or ''} {error.problem or ''}"
    mark = error.problem_mark or error.context_mark
    for words, what, fix in SAID:
        if all(word in said for word in words):
            opened = "opened here" in what or "begins with" in what
            mark = (error.context_mark or mark) if opened else mark
            return Problem(_place(name, mark.line, mark.column), what, fix)
    found = str(error.problem).replace(r"'\x00'", "the end of the file")
    return Problem(_place(name, mark.line, mark.column), f"{UNKNOWN[0]}: {found}.", UNKNOWN[1])
