"""Read a text table in parts: CSV, TSV and their like, of any size and encoding, never whole in memory."""

import codecs
import contextlib
import csv
import io
import zlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv as arrow_csv

from rpeval.errors import DataError, Problem
from rpeval.inputs.words import FEW, counted, list_words, quote

DELIMITERS = {"comma": ",", "tab": "\t", "\\t": "\t", "semicolon": ";", "pipe": "|"}
BLOCK = 8 << 20  # bytes of a part: about 200,000 rows of an actions log


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one look through a text finds.

    first : the cells of the headings; starts: the character at which the rows begin
    quotes: how many quotes stand in the rows; blank: whether there are no rows; nul: whether it is no text
    """

    delimiter: str
    first: tuple[str, ...]
    starts: int
    quotes: int
    blank: bool
    nul: bool


def stream_text(
    file: BinaryIO, label: str, *, encoding: str | None, delimiter: str | None, only: Collection[str] | None
) -> tuple[tuple[str, ...], Iterator[pa.Table]]:
    """Read a text table in parts.

    file : seekable; it is looked through once before the first row is read, so that a file that is no table
           is refused whole
    Returns all headings, and the parts: the used columns, all text. Torn rows are refused after the last one.
    """
    _check_text(file, encoding, label)
    seen = _look_through(_decoded(file, encoding, label), DELIMITERS.get(delimiter or "", delimiter), label)
    if seen.nul:
        raise refusal(
            label, "This is not a text table.", "Try `encoding: utf-16`, or export it again as CSV."
        )
    headings = name_headings(seen.first, label, only)
    if seen.blank:
        raise refusal(label, "The file has headings but no rows.", "Export it again.")
    if seen.quotes % 2:
        fix = "Export the file again, or close the quote."
        raise refusal(label, "A quote is opened and never closed.", fix)
    file.seek(0)
    body = _Body(_decoded(file, encoding, label), skip=seen.starts)
    return headings, _parse(body, headings, used(headings, only), seen.delimiter, label)


def refusal(label: str, what: str, fix: str) -> DataError:
    """Give the error that refuses a file."""
    return DataError(Problem(label, what, fix))


def name_headings(found: Iterable[str], label: str, only: Collection[str] | None) -> tuple[str, ...]:
    """Name the columns; a heading that is used must not stand twice."""
    names = [name.strip() for name in found]
    names = [name or f"(column {number} has no heading)" for number, name in enumerate(names, start=1)]
    twice = sorted({name for name in names if names.count(name) > 1 and (only is None or name in only)})
    if twice:
        what = f"{counted(len(twice), 'heading', 'stands', 'stand')} more than once: "
        raise refusal(label, f"{what}{list_words(map(quote, twice))}.", "Give each column its own heading.")
    again = [names[:number].count(name) for number, name in enumerate(names)]
    return tuple(f"{name} ({n + 1})" if n else name for name, n in zip(names, again, strict=True))


def used(headings: Iterable[str], only: Collection[str] | None) -> list[str]:
    """List the columns that are read."""
    return [name for name in headings if only is None or name in only]


def read_part(file: BinaryIO, size: int, label: str) -> bytes:
    """Read the next bytes of a file, which may be packed."""
    try:
        return file.read(size)
    except (OSError, EOFError, zlib.error):
        fix = "Copy it again, or unpack it by hand."
        raise refusal(label, "The file is not a whole gzip file.", fix) from None


def _check_text(file: BinaryIO, encoding: str | None, label: str) -> None:
    """Refuse what is known to be no text table, and an encoding that nobody knows."""
    start = read_part(file, 400, label)
    file.seek(0)
    if start.startswith(b"PK"):
        fix = "Give it the ending .xlsx, or unzip it."
        raise refusal(label, "This is a workbook or zip file, not text.", fix)
    if start.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise refusal(label, "This is a web page, not a table.", "Download the data file itself.")
    try:
        with contextlib.suppress(UnicodeError):
            b"  ".decode(encoding or "utf-8")
    except LookupError:
        fix = "Write utf-8, latin-1 or utf-16."
        raise refusal(label, f"There is no encoding {quote(encoding)}.", fix) from None


def _decoded(file: BinaryIO, encoding: str | None, label: str) -> Iterator[str]:
    """Give the text in blocks, without a byte-order mark; a byte that is no text is told with its line."""
    decoder = codecs.getincrementaldecoder(_byte_order(file, encoding or "utf-8-sig", label))()
    lines, before, begun = 0, b"", False
    while True:
        block = read_part(file, BLOCK, label)
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeError as error:
            told = getattr(error, "object", b"")[: getattr(error, "start", 0)]
            kept = before[len(before) - max(len(getattr(error, "object", b"")) - len(block), 0) :]
            line = lines - kept.count(b"\n") + told.count(b"\n") + 1
            fix = "Try `encoding: latin-1` (or utf-16) in the source, or save the file as UTF-8."
            raise refusal(label, f"Line {line} is not {encoding or 'UTF-8'} text.", fix) from None
        yield text if begun else text.removeprefix("\ufeff")
        begun, lines, before = begun or bool(text), lines + block.count(b"\n"), block[-8:]
        if not block:
            return


def _byte_order(file: BinaryIO, encoding: str, label: str) -> str:
    """Name the encoding with its byte order, where a file of UTF-16 or UTF-32 has no mark that tells it."""
    start = read_part(file, 4, label)
    file.seek(0)
    marks = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
    name = codecs.lookup(encoding).name
    return f"{name}-le" if name in ("utf-16", "utf-32") and not start.startswith(marks) else encoding


def _look_through(blocks: Iterator[str], delimiter: str | None, label: str) -> _Seen:
    """Find the headings, and what decides whether the rest is a table."""
    head, first, starts, quotes, blank, nul = "", None, 0, 0, True, False
    for block in blocks:
        nul = nul or "\0" in block
        if first is None:
            head += block
            first, starts = _first_record(head, delimiter or _guess_delimiter(head), label)
            block = head[starts:]
            if not block:
                first = None
                continue
        quotes, blank = quotes + block.count('"'), blank and not block.strip()
    if first is None:
        first, starts = _first_record(head, delimiter or _guess_delimiter(head), label)
    return _Seen(delimiter or _guess_delimiter(head), tuple(first), starts, quotes, blank, nul)


def _first_record(text: str, delimiter: str, label: str) -> tuple[list[str], int]:
    """Read the headings, which may have line breaks in quotes; say where the rows begin."""
    if len(delimiter) != 1:
        raise refusal(label, f"The delimiter {quote(delimiter)} is not one character.", "Write comma or tab.")
    begins = len(text) - len(text.lstrip("\r\n"))
    lines = io.StringIO(text[begins:], newline="")
    try:
        first = next(csv.reader(lines, delimiter=delimiter), [])
    except csv.Error:
        fix = "Check for a quote that is not closed."
        raise refusal(label, "The headings cannot be read.", fix) from None
    return first, begins + lines.tell()


def _guess_delimiter(text: str) -> str:
    first = "".join(text.split("\n", 1)[0].split('"')[::2])  # without what stands in quotes
    return max(DELIMITERS.values(), key=first.count)


class _Body(io.RawIOBase):
    """The rows below the headings, as UTF-8."""

    def __init__(self, blocks: Iterator[str], *, skip: int):
        self._blocks, self._skip, self._left = blocks, skip, b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Give the next bytes, fewer than asked only at the end."""
        parts, n = [self._left], len(self._left)
        while size < 0 or n < size:
            block = next(self._blocks, None)
            if block is None:
                break
            skipped = min(self._skip, len(block))
            self._skip -= skipped
            parts.append(block[skipped:].encode())
            n += len(parts[-1])
        joined = b"".join(parts)
        size = len(joined) if size < 0 else size
        self._left = joined[size:]
        return joined[:size]


def _parse(
    body: _Body, headings: tuple[str, ...], columns: list[str], delimiter: str, label: str
) -> Iterator[pa.Table]:
    """Read the rows in parts, all as text; torn rows are refused with where they stand."""
    torn: list[str] = []
    n = 0

    def note_torn(row: Any) -> str:
        nonlocal n
        n += 1
        if n <= FEW:
            torn.append(f"row {row.number + 1} has {row.actual_columns}")
        return "skip"

    texts = dict.fromkeys(headings, pa.string())
    whole = {"use_threads": False, "block_size": BLOCK, "column_names": list(headings)}
    rows = {"delimiter": delimiter, "newlines_in_values": True, "invalid_row_handler": note_torn}
    kept = {"column_types": texts, "include_columns": columns, "strings_can_be_null": False}
    try:
        reader = arrow_csv.open_csv(
            body,
            arrow_csv.ReadOptions(**whole),
            arrow_csv.ParseOptions(**rows),
            arrow_csv.ConvertOptions(**kept),
        )
        for batch in reader:
            yield pa.Table.from_batches([batch])
    except pa.ArrowInvalid as error:
        why = str(error).splitlines()[0]
        if "straddling" in why:
            what, fix = f"A value in quotes is longer than {BLOCK >> 20} MB.", "Close the quote before it."
            raise refusal(label, what, fix) from None
        raise refusal(label, f"This is not a table: {why}", "Export it again.") from None
    if n:
        what = f"{counted(n, 'row', 'does', 'do')} not have the {len(headings)} columns of the headings: "
        fix = "Export the file again, or mend these rows (an unquoted comma, a cut line)."
        raise refusal(label, f"{what}{list_words(torn)}.", fix)
